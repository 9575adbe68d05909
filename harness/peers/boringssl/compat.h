/* SPDX-License-Identifier: Apache-2.0 */
/* Names that the sources of the OpenSSL peer use and BoringSSL has otherwise. Included in front of
 * each of them. */
#ifndef PEER_COMPAT_H
#define PEER_COMPAT_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

#define SSL_CTX_set1_groups_list SSL_CTX_set1_curves_list

/* The certificate keeps its key, and so may be asked for it without a reference. */
static inline EVP_PKEY *peer_get0_pubkey(X509 *certificate)
{
    EVP_PKEY *key = X509_get_pubkey(certificate);
    EVP_PKEY_free(key);
    return key;
}
#define X509_get0_pubkey peer_get0_pubkey

#endif
