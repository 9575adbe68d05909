/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate: whose it is, and the CMW that it carries (RFC 9999 section 4.4). */
#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "decode/diag-tree.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"
#include "rats/tokens/ra-tls.h"

static gnutls_x509_crt_t open_certificate(struct atls_bytes in)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)in.data, (unsigned)in.size};
    gnutls_x509_crt_t crt;

    if (in.size < 2 || in.data[0] != 0x30 || in.size > UINT32_MAX || gnutls_x509_crt_init(&crt) < 0)
        return NULL;
    if (gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER) == 0)
        return crt;
    gnutls_x509_crt_deinit(crt);
    return NULL;
}

bool atls_diag_is_certificate(struct atls_bytes in)
{
    gnutls_x509_crt_t crt = open_certificate(in);

    if (crt)
        gnutls_x509_crt_deinit(crt);
    return crt != NULL;
}

static void print_names(struct atls_diag *d, struct atls_bytes in)
{
    gnutls_x509_crt_t crt = open_certificate(in);
    char name[512];
    size_t size = sizeof name;

    if (!crt)
        return;
    if (gnutls_x509_crt_get_dn(crt, name, &size) == 0)
        atls_diag_text(d, "subject", ATLS_BYTES(name, size));
    size = sizeof name;
    if (gnutls_x509_crt_get_issuer_dn(crt, name, &size) == 0)
        atls_diag_text(d, "issuer", ATLS_BYTES(name, size));
    atls_diag_time(d, "not before", (double)gnutls_x509_crt_get_activation_time(crt));
    atls_diag_time(d, "not after", (double)gnutls_x509_crt_get_expiration_time(crt));
    gnutls_x509_crt_deinit(crt);
}

/* RA-TLS's evidence, which stands in the extension by itself, and its hash of the key. */
static void print_bare(struct atls_diag *d, struct atls_bytes in, const struct atls_x509_cmw *found)
{
    gnutls_x509_crt_t crt = open_certificate(in);
    gnutls_pubkey_t key = NULL;
    gnutls_datum_t spki = {NULL, 0};
    struct atls_ra_tls ra_tls;
    struct atls_cmw *cmw;

    if (crt && gnutls_pubkey_init(&key) == 0 && gnutls_pubkey_import_x509(key, crt, 0) == 0)
        (void)gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &spki);
    if (!atls_cmw_parse(ATLS_BYTES(found->cmw, found->size), &cmw)) {
        atls_diag_message(d, NULL, cmw->value);
        if (spki.data && !atls_ra_tls_parse(cmw->value, &ra_tls))
            atls_diag_check(
                d, atls_ra_tls_check_key(&ra_tls, d->keys.crypto, ATLS_BYTES(spki.data, spki.size)),
                "pubkey-hash is that of the certificate's key");
        atls_cmw_free(cmw);
    }
    gnutls_free(spki.data);
    if (key)
        gnutls_pubkey_deinit(key);
    if (crt)
        gnutls_x509_crt_deinit(crt);
}

void atls_diag_certificate(struct atls_diag *d, struct atls_bytes in)
{
    char name[ATLS_DIAG_KEY_NAME], reason[ATLS_DIAG_REASON];
    struct atls_public_key key;
    struct atls_x509_cmw found;
    int result = atls_x509_public_key(in, &key);

    print_names(d, in);
    if (result == 0)
        atls_diag_finding(d, "key", "of the certificate %s", atls_diag_key_name(d, &key, name));
    else if (result == ATLS_E_UNSUPPORTED)
        atls_diag_finding(d, "not checked", "key: %s", atls_diag_reason(reason));
    else
        atls_diag_problem(d, result);
    atls_diag_finding(d, "not checked", "certificate: no issuer given");
    result = atls_x509_cmw_find(in, &found);
    if (result == ATLS_E_MISSING) {
        atls_diag_line(d, NULL, "no extension with a CMW");
        return;
    }
    if (result) {
        atls_diag_problem(d, result);
        return;
    }
    atls_diag_line(d, "extension", "%s%s", atls_cmw_oid_text(found.oid),
                   found.critical ? ", critical" : "");
    if (found.bare)
        print_bare(d, in, &found);
    else
        atls_diag_message(d, NULL, ATLS_BYTES(found.cmw, found.size));
    atls_x509_cmw_clear(&found);
}
