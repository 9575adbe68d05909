/* SPDX-License-Identifier: Apache-2.0 */
/* PEM in, DER out: GnuTLS reads the files, because it is there for the RATS roles anyway. */
#include "harness/peers/linked/credential.h"

#include <errno.h>
#include <stdlib.h>

#include <gnutls/x509.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"

#define PEM_MAX (1u << 20)

static int export_der(gnutls_x509_crt_t certificate, struct atls_bytes *derp)
{
    gnutls_datum_t der;
    if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der) < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for a certificate");
    *derp = ATLS_BYTES(der.data, der.size);
    return 0;
}

/* The certificates of a PEM file, allocated one by one. */
static int load_certificates(const char *path, struct atls_bytes *list, size_t *countp)
{
    gnutls_x509_crt_t *certificates = NULL;
    unsigned count = 0;
    uint8_t *pem;
    size_t size;
    int result = atls_read_file(path, PEM_MAX, &pem, &size);
    if (result != 0)
        return result;
    gnutls_datum_t datum = {pem, (unsigned)size};
    int code = gnutls_x509_crt_list_import2(&certificates, &count, &datum, GNUTLS_X509_FMT_PEM, 0);
    free(pem);
    if (code < 0)
        return atls_fail(ATLS_E_MALFORMED, NULL, "%s: X.509 certificates in PEM: %s", path,
                         gnutls_strerror(code));
    if (count > CREDENTIAL_CERTIFICATES_MAX)
        result = atls_fail(ATLS_E_LIMIT, NULL, "%s: at most %d certificates", path,
                           CREDENTIAL_CERTIFICATES_MAX);
    for (unsigned i = 0; i < count; i++) {
        if (result == 0)
            result = export_der(certificates[i], &list[i]);
        if (result == 0)
            *countp = i + 1;
        gnutls_x509_crt_deinit(certificates[i]);
    }
    gnutls_free(certificates);
    return result;
}

int credential_load(const struct atls_party *party, const char *trust_anchors,
                    struct credential *credential)
{
    *credential = (struct credential){.chain_size = party->chain_size};
    for (unsigned i = 0; i < party->chain_size; i++)
        credential->chain[i] = ATLS_BYTES(party->chain[i].cert.data, party->chain[i].cert.size);
    if (party->chain_size > 0)
        credential->other_kind = atls_x509_public_key(credential->chain[0], &credential->leaf) != 0;
    return trust_anchors
               ? load_certificates(trust_anchors, credential->anchors, &credential->anchor_count)
               : 0;
}

void credential_unload(struct credential *credential)
{
    for (size_t i = 0; i < credential->anchor_count; i++)
        gnutls_free((void *)(uintptr_t)credential->anchors[i].data);
}

int credential_sign(const struct atls_party *party, struct atls_session *s, bool p384,
                    struct atls_bytes digest, gnutls_datum_t *derp)
{
    const gnutls_datum_t hash = {(unsigned char *)(uintptr_t)digest.data, (unsigned)digest.size};
    int code = gnutls_privkey_sign_hash2(
        party->key, p384 ? GNUTLS_SIGN_ECDSA_SHA384 : GNUTLS_SIGN_ECDSA_SHA256, 0, &hash, derp);
    if (code == 0)
        return 0;
    if (s)
        session_fail(s, party->device_key ? "device-unavailable" : "internal",
                     ATLS_ALERT_INTERNAL_ERROR, NULL, "CertificateVerify cannot be signed");
    return atls_fail(ATLS_E_REFUSED, NULL, "a signature: %s", gnutls_strerror(code));
}
