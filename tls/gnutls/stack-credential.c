/* SPDX-License-Identifier: Apache-2.0 */
/* The own Certificate: what the library presents, and the key with which it signs. */
#include "tls/gnutls/stack-internal.h"

#include <gnutls/crypto.h>

#include "rats/base/error.h"

#define STOP GNUTLS_E_CERTIFICATE_ERROR

static int import_key(struct atls_bytes spki, gnutls_pubkey_t *keyp)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)spki.data, (unsigned)spki.size};
    int result = gnutls_pubkey_init(keyp);
    return result < 0 ? result : gnutls_pubkey_import(*keyp, &der, GNUTLS_X509_FMT_DER);
}

int stack_put_certificate(void *connection, struct atls_bytes body, struct atls_bytes spki)
{
    struct gnutls_connection *c = connection;
    c->presented.type = GNUTLS_CRT_X509;
    c->presented.cert.data = (unsigned char *)(uintptr_t)body.data;
    c->presented.cert.size = (unsigned)body.size;
    return c->presented.pubkey || import_key(spki, &c->presented.pubkey) == 0 ? 0 : -1;
}

/* The library chooses the signature algorithm by the key's curve before a result need be there:
 * any key of that curve stands in until then. */
static int stand_in(struct gnutls_connection *c)
{
    gnutls_privkey_t key;
    int result = gnutls_privkey_init(&key);
    if (result < 0)
        return result;
    c->presented.type = GNUTLS_CRT_X509;
    result = gnutls_privkey_generate2(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(c->party->curve == ATLS_P384
                                                               ? GNUTLS_ECC_CURVE_SECP384R1
                                                               : GNUTLS_ECC_CURVE_SECP256R1),
                                      0, NULL, 0);
    if (result == 0)
        result = gnutls_pubkey_init(&c->presented.pubkey);
    if (result == 0)
        result = gnutls_pubkey_import_privkey(c->presented.pubkey, key, 0, 0);
    gnutls_privkey_deinit(key);
    return result;
}

/* The device signs; what comes back as r || s goes out as Ecdsa-Sig-Value, or as it is. */
static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *context,
                     unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
    struct gnutls_connection *c = context;
    uint8_t rs[ATLS_SIGNATURE_MAX];
    size_t size;
    int result = session_sign(c->s, ATLS_BYTES(hash->data, hash->size), rs, &size);
    if (result == ATLS_E_UNSUPPORTED) /* no device's */
        return gnutls_privkey_sign_hash2(c->party->key, algorithm, 0, hash, signature);
    if (result != 0)
        return GNUTLS_E_PK_SIGN_FAILED;
    if (atls_profile_signs_raw(c->party->profile, &c->party->variants))
        return stack_raw_encode(ATLS_BYTES(rs, size), signature);
    gnutls_datum_t r = {rs, (unsigned)size / 2}, v = {rs + size / 2, (unsigned)size / 2};
    return gnutls_encode_rs_value(signature, &r, &v);
}

static int sign_info(gnutls_privkey_t key, unsigned flags, void *context)
{
    struct gnutls_connection *c = context;
    bool p384 = session_signs_p384(c->s);
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return GNUTLS_PK_ECDSA;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return p384 ? 384 : 256;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) {
        gnutls_sign_algorithm_t algorithm = GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
        return p384 ? algorithm == GNUTLS_SIGN_ECDSA_SECP384R1_SHA384 ||
                          algorithm == GNUTLS_SIGN_ECDSA_SHA384
                    : algorithm == GNUTLS_SIGN_ECDSA_SECP256R1_SHA256 ||
                          algorithm == GNUTLS_SIGN_ECDSA_SHA256;
    }
    return -1;
}

int stack_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                   gnutls_pcert_st **chain, unsigned *chain_size, gnutls_ocsp_data_st **ocsp,
                   unsigned *ocsp_size, gnutls_privkey_t *key, unsigned *flags)
{
    struct gnutls_connection *c = gnutls_session_get_ptr(tls);
    struct session_presented presented;
    *ocsp = NULL;
    *ocsp_size = 0;
    *flags = 0; /* the library frees nothing of this */
    if (session_present(c->s, &presented) != 0)
        return STOP;
    if (presented.in_place && !c->presented.pubkey && stand_in(c) != 0)
        return session_fail(c->s, "internal", -1, NULL, "no stand-in key");
    if (presented.by_credential && !c->signer &&
        (gnutls_privkey_init(&c->signer) < 0 ||
         gnutls_privkey_import_ext4(c->signer, c, NULL, sign_hash, NULL, NULL, sign_info, 0) < 0))
        return session_fail(c->s, "internal", -1, NULL, "no private key object");
    *chain = presented.in_place ? &c->presented : (gnutls_pcert_st *)(uintptr_t)c->party->chain;
    *chain_size = presented.none ? 0 : presented.in_place ? 1 : c->party->chain_size;
    *key = presented.by_credential ? c->signer : c->party->key;
    return 0;
}
