/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of a peer's certificate, on GnuTLS. */
#include "tls/gnutls/chain.h"

#include <errno.h>

#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "tls/gnutls/stack-internal.h"

unsigned atls_chain_wanted(const struct atls_party *party, gnutls_typed_vdata_st wanted[2])
{
    bool of_server = party->side == ATLS_CLIENT;
    const char *purpose = of_server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    wanted[0] = (gnutls_typed_vdata_st){.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                        .data = (unsigned char *)(uintptr_t)purpose};
    wanted[1] = (gnutls_typed_vdata_st){.type = GNUTLS_DT_DNS_HOSTNAME,
                                        .data = (unsigned char *)(uintptr_t)party->peer_name};
    return of_server ? 2 : 1;
}

static int import_chain(const struct atls_bytes *chain, size_t count, gnutls_x509_crt_t *imported,
                        unsigned *countp)
{
    for (size_t i = 0; i < count; i++) {
        gnutls_datum_t der = {(unsigned char *)(uintptr_t)chain[i].data, (unsigned)chain[i].size};
        if (gnutls_x509_crt_init(&imported[i]) < 0)
            return atls_fail(-ENOMEM, NULL, "no memory for a certificate");
        *countp = (unsigned)i + 1;
        int result = gnutls_x509_crt_import(imported[i], &der, GNUTLS_X509_FMT_DER);
        if (result < 0)
            return atls_fail(atls_gnutls_error(result, ATLS_E_MALFORMED), "RFC 8446 section 4.4.2",
                             "entry %zu is no X.509 certificate: %s", i, gnutls_strerror(result));
    }
    return 0;
}

int atls_chain_verify(const struct atls_party *party, const struct atls_bytes *chain, size_t count,
                      unsigned flags, unsigned *statusp)
{
    gnutls_x509_crt_t imported[ATLS_PEER_CHAIN_MAX];
    gnutls_x509_trust_list_t trusted;
    gnutls_typed_vdata_st wanted[2];
    unsigned have = 0, status = 0;
    if (count == 0 || count > ATLS_PEER_CHAIN_MAX)
        return atls_fail(ATLS_E_LIMIT, "RFC 8446 section 4.4.2",
                         "expected 1 to %d certificates, %zu came", ATLS_PEER_CHAIN_MAX, count);
    int result = import_chain(chain, count, imported, &have);
    if (result == 0) {
        gnutls_certificate_get_trust_list(((const struct gnutls_party *)party->tls)->credentials,
                                          &trusted);
        int code = gnutls_x509_trust_list_verify_crt2(trusted, imported, have, wanted,
                                                      atls_chain_wanted(party, wanted), flags,
                                                      &status, NULL);
        if (code < 0)
            result = atls_fail(atls_gnutls_error(code, ATLS_E_UNTRUSTED), NULL,
                               "the chain could not be verified: %s", gnutls_strerror(code));
    }
    for (unsigned i = 0; i < have; i++)
        gnutls_x509_crt_deinit(imported[i]);
    if (result == 0)
        *statusp = status;
    return result;
}
