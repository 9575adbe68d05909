/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking for a certificate for a key, which may be one that stays in a device: a certification
 * request (PKCS#10, RFC 2986) that the key signs, with the names wanted and, as a requested
 * extension, a CMW.
 */
#ifndef ATLS_TLS_KEYS_CSR_H
#define ATLS_TLS_KEYS_CSR_H

#include <gnutls/abstract.h>

#include "rats/cmw/cmw-x509.h"
#include "rats/crypto/crypto.h"

#define ATLS_CSR_NAMES_MAX 16

struct atls_csr_options {
    const char *common_name;
    const char *dns[ATLS_CSR_NAMES_MAX], *ip[ATLS_CSR_NAMES_MAX]; /* subjectAltName */
    size_t dns_count, ip_count;
    enum atls_cmw_oid oid;
    struct atls_bytes extension; /* contents of its extnValue; empty: none */
    bool critical;
};

/* A request for KEY, which SIGNER signs with; *PEMP is allocated text. -EINVAL: an address that is
 * none; ATLS_E_UNAVAILABLE: the signer did not sign; -ENOMEM; ATLS_E_SIGNATURE: what it signed does
 * not verify. */
int atls_csr_make(gnutls_privkey_t signer, const struct atls_public_key *key,
                  const struct atls_csr_options *options, char **pemp);

#endif
