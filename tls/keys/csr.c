/* SPDX-License-Identifier: Apache-2.0 */
/* The request is GnuTLS's; the signature is the key's, wherever that is. */
#include "tls/keys/csr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"

static int fails(int code, const char *what)
{
    return atls_gnutls_fail(code, -EINVAL, "RFC 2986", what);
}

static int add_address(gnutls_x509_crq_t crq, const char *text)
{
    uint8_t address[16];
    unsigned size = inet_pton(AF_INET, text, address) == 1    ? 4
                    : inet_pton(AF_INET6, text, address) == 1 ? 16
                                                              : 0;
    if (size == 0)
        return atls_fail(-EINVAL, "RFC 5280 section 4.2.1.6", "expected an IP address, came %s",
                         text);
    int result = gnutls_x509_crq_set_subject_alt_name(crq, GNUTLS_SAN_IPADDRESS, address, size,
                                                      GNUTLS_FSAN_APPEND);
    return result < 0 ? fails(result, text) : 0;
}

static int add_names(gnutls_x509_crq_t crq, const struct atls_csr_options *options)
{
    const char *name = options->common_name;
    int code =
        gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, name, strlen(name));
    for (size_t i = 0; code >= 0 && i < options->dns_count; i++) {
        name = options->dns[i];
        code = gnutls_x509_crq_set_subject_alt_name(crq, GNUTLS_SAN_DNSNAME, name, strlen(name),
                                                    GNUTLS_FSAN_APPEND);
    }
    int result = code < 0 ? fails(code, name) : 0;
    for (size_t i = 0; result == 0 && i < options->ip_count; i++)
        result = add_address(crq, options->ip[i]);
    return result;
}

static int set_key(gnutls_x509_crq_t crq, const struct atls_public_key *key)
{
    uint8_t spki[ATLS_SPKI_MAX];
    gnutls_datum_t der = {spki, (unsigned)atls_spki_encode(key, spki)};
    gnutls_pubkey_t pubkey;
    int result = gnutls_pubkey_init(&pubkey);
    if (result < 0)
        return fails(result, "public key");
    result = gnutls_pubkey_import(pubkey, &der, GNUTLS_X509_FMT_DER);
    if (result >= 0)
        result = gnutls_x509_crq_set_pubkey(crq, pubkey);
    gnutls_pubkey_deinit(pubkey);
    return result < 0 ? fails(result, "public key") : 0;
}

/* A device that does not answer says why by atls_fail(), in this very call. */
static int sign(gnutls_x509_crq_t crq, gnutls_privkey_t signer, enum atls_curve curve)
{
    atls_fail(ATLS_E_UNAVAILABLE, NULL, "the key did not sign");
    int result = gnutls_x509_crq_privkey_sign(
        crq, signer, curve == ATLS_P384 ? GNUTLS_DIG_SHA384 : GNUTLS_DIG_SHA256, 0);
    if (result == GNUTLS_E_PK_SIGN_FAILED)
        return ATLS_E_UNAVAILABLE;
    if (result < 0)
        return fails(result, "the request's signature");
    result = gnutls_x509_crq_verify(crq, 0);
    return result < 0 ? atls_fail(ATLS_E_SIGNATURE, "RFC 2986 section 4.2",
                                  "the signature of the request does not verify: %s",
                                  gnutls_strerror(result))
                      : 0;
}

static int export_pem(gnutls_x509_crq_t crq, char **pemp)
{
    gnutls_datum_t pem;
    int result = gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &pem);
    if (result < 0)
        return fails(result, "PEM");
    char *text = strndup((const char *)pem.data, pem.size);
    gnutls_free(pem.data);
    if (!text)
        return atls_fail(-ENOMEM, NULL, "no memory for a request");
    *pemp = text;
    return 0;
}

int atls_csr_make(gnutls_privkey_t signer, const struct atls_public_key *key,
                  const struct atls_csr_options *options, char **pemp)
{
    gnutls_x509_crq_t crq;
    int code = gnutls_x509_crq_init(&crq);
    if (code < 0)
        return fails(code, "a request");
    code = gnutls_x509_crq_set_version(crq, 1);
    int result = code < 0 ? fails(code, "version") : add_names(crq, options);
    if (result == 0)
        result = set_key(crq, key);
    if (result == 0 && options->extension.size > 0) {
        code = gnutls_x509_crq_set_extension_by_oid(crq, atls_cmw_oid_text(options->oid),
                                                    options->extension.data,
                                                    options->extension.size, options->critical);
        result = code < 0 ? fails(code, "the extension with the CMW") : 0;
    }
    if (result == 0)
        result = sign(crq, signer, key->curve);
    if (result == 0)
        result = export_pem(crq, pemp);
    gnutls_x509_crq_deinit(crq);
    return result;
}
