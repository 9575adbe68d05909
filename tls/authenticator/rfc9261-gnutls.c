/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9261's callbacks over GnuTLS. */
#include "tls/authenticator/rfc9261-gnutls.h"

#include <errno.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "tls/wire/binder.h"

static gnutls_datum_t datum(struct atls_bytes bytes)
{
    /* GnuTLS takes input through a pointer that is not const, and does not write to it. */
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)bytes.data, (unsigned)bytes.size};
}

static int find_scheme(uint16_t scheme, gnutls_sign_algorithm_t *algorithmp)
{
    static const struct {
        uint16_t scheme; /* RFC 8446 section 4.2.3 */
        gnutls_sign_algorithm_t algorithm;
    } schemes[] = {
        {0x0403, GNUTLS_SIGN_ECDSA_SECP256R1_SHA256}, {0x0503, GNUTLS_SIGN_ECDSA_SECP384R1_SHA384},
        {0x0603, GNUTLS_SIGN_ECDSA_SECP521R1_SHA512}, {0x0804, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256},
        {0x0805, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384},    {0x0806, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512},
        {0x0807, GNUTLS_SIGN_EDDSA_ED25519},          {0x0808, GNUTLS_SIGN_EDDSA_ED448},
        {0x0809, GNUTLS_SIGN_RSA_PSS_SHA256},         {0x080a, GNUTLS_SIGN_RSA_PSS_SHA384},
        {0x080b, GNUTLS_SIGN_RSA_PSS_SHA512},
    };

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (schemes[i].scheme == scheme) {
            *algorithmp = schemes[i].algorithm;
            return 0;
        }
    return atls_fail(ATLS_E_UNSUPPORTED, "RFC 8446 section 4.2.3",
                     "signature scheme 0x%04x: not one of this library", scheme);
}

/* RFC 8446 section 4.2.3 ties each ECDSA scheme to a curve, which GnuTLS leaves to its TLS layer.
 * BITS tell the curve: those of this size in GnuTLS are the NIST curves. A key that is elsewhere
 * and does not say them has 0: the other side judges. */
static bool fits(uint16_t scheme, int algorithm, unsigned bits)
{
    if (bits == 0)
        return true;
    switch (scheme) {
    case 0x0403:
        return algorithm == GNUTLS_PK_ECDSA && bits == 256;
    case 0x0503:
        return algorithm == GNUTLS_PK_ECDSA && bits == 384;
    case 0x0603:
        return algorithm == GNUTLS_PK_ECDSA && bits == 521;
    }
    return true; /* and the library looks at the rest */
}

static int export_value(void *context, const char *label, struct atls_bytes context_value,
                        uint8_t *valuep, size_t size)
{
    const struct atls_ea_gnutls *adapter = context;
    int result = gnutls_prf_rfc5705(adapter->session, strlen(label), label, context_value.size,
                                    (const char *)context_value.data, size, (char *)valuep);

    return result < 0 ? atls_gnutls_fail(result, -EIO, NULL, "exporter") : 0;
}

static int hash_parts(void *context, const struct atls_bytes *parts, size_t count, uint8_t *digestp)
{
    const struct atls_ea_gnutls *adapter = context;

    return atls_crypto_hosted.hash(adapter->hash, parts, count, digestp);
}

static int hmac(void *context, struct atls_bytes key, struct atls_bytes data, uint8_t *macp)
{
    const struct atls_ea_gnutls *adapter = context;

    return atls_hmac(adapter->hash, key, data, macp);
}

/* The public key of a certificate, in a handle that the caller made. */
static int read_key(struct atls_bytes certificate, gnutls_pubkey_t key)
{
    gnutls_datum_t der = datum(certificate);
    gnutls_x509_crt_t crt;
    int result = gnutls_x509_crt_init(&crt);

    if (result < 0)
        return atls_gnutls_fail(result, -EIO, NULL, "certificate");
    result = gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER);
    if (result >= 0)
        result = gnutls_pubkey_import_x509(key, crt, 0);
    gnutls_x509_crt_deinit(crt);
    if (result == GNUTLS_E_MEMORY_ERROR)
        return atls_gnutls_fail(result, -EIO, NULL, "certificate");
    if (result < 0)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8446 section 4.4.2",
                         "the leaf is no X.509 certificate with a key that can be used: %s",
                         gnutls_strerror(result));
    return 0;
}

static int verify(void *context, uint16_t scheme, struct atls_bytes certificate,
                  struct atls_bytes content, struct atls_bytes signature)
{
    gnutls_datum_t data = datum(content), value = datum(signature);
    gnutls_sign_algorithm_t algorithm = GNUTLS_SIGN_UNKNOWN;
    gnutls_pubkey_t key;
    unsigned bits = 0;
    int result = find_scheme(scheme, &algorithm), verified, algorithm_of_key;

    if (result)
        return result;
    verified = gnutls_pubkey_init(&key);
    if (verified < 0)
        return atls_gnutls_fail(verified, -EIO, NULL, "public key");
    result = read_key(certificate, key);
    algorithm_of_key = gnutls_pubkey_get_pk_algorithm(key, &bits);
    if (!result && !fits(scheme, algorithm_of_key, bits)) {
        result = atls_fail(ATLS_E_SIGNATURE, "RFC 8446 section 4.2.3",
                           "signature scheme 0x%04x: not one of the leaf's key", scheme);
    } else if (!result) {
        verified = gnutls_pubkey_verify_data2(key, algorithm, 0, &data, &value);
        if (verified == GNUTLS_E_MEMORY_ERROR)
            result = atls_gnutls_fail(verified, -EIO, NULL, "CertificateVerify");
        else if (verified < 0) /* whatever else the library dislikes: not verified */
            result = atls_fail(ATLS_E_SIGNATURE, "RFC 9261 section 5.2.2",
                               "CertificateVerify does not verify by the leaf's key: %s",
                               gnutls_strerror(verified));
    }
    gnutls_pubkey_deinit(key);
    return result;
}

int atls_ea_gnutls_sign(void *context, uint16_t scheme, struct atls_bytes content,
                        uint8_t *signaturep, size_t capacity, size_t *sizep)
{
    gnutls_datum_t data = datum(content), value;
    gnutls_sign_algorithm_t algorithm = GNUTLS_SIGN_UNKNOWN;
    unsigned bits = 0;
    int result = find_scheme(scheme, &algorithm), algorithm_of_key;

    if (result)
        return result;
    algorithm_of_key = gnutls_privkey_get_pk_algorithm(context, &bits);
    result = GNUTLS_E_CONSTRAINT_ERROR;
    if (fits(scheme, algorithm_of_key, bits))
        result = gnutls_privkey_sign_data2(context, algorithm, 0, &data, &value);
    if (result == GNUTLS_E_INCOMPATIBLE_SIG_WITH_KEY || result == GNUTLS_E_CONSTRAINT_ERROR ||
        result == GNUTLS_E_INVALID_REQUEST)
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2",
                         "signature scheme 0x%04x: not one of the identity's key", scheme);
    if (result < 0)
        return atls_gnutls_fail(result, -EIO, NULL, "CertificateVerify");
    if (value.size > capacity) {
        gnutls_free(value.data);
        return atls_fail(ATLS_E_LIMIT, NULL, "a signature of %u bytes", value.size);
    }
    memcpy(signaturep, value.data, value.size);
    *sizep = value.size;
    gnutls_free(value.data);
    return 0;
}

void atls_ea_gnutls_callbacks(struct atls_ea_gnutls *adapter, enum atls_ea_side side,
                              enum atls_hash hash, struct atls_ea_connection *connectionp)
{
    *adapter = (struct atls_ea_gnutls){.hash = hash};
    *connectionp = (struct atls_ea_connection){
        .side = side,
        .version = 0x0304,
        .hash_size = atls_hash_size(hash),
        .exporter = export_value,
        .hash = hash_parts,
        .hmac = hmac,
        .verify = verify,
        .context = adapter,
    };
}

int atls_ea_gnutls_connection(gnutls_session_t session, enum atls_ea_side side,
                              struct atls_ea_gnutls *adapter,
                              struct atls_ea_connection *connectionp)
{
    unsigned flags = gnutls_session_get_flags(session);
    gnutls_digest_algorithm_t prf = gnutls_prf_hash_get(session);
    enum atls_hash hash = prf == GNUTLS_DIG_SHA384 ? ATLS_SHA384 : ATLS_SHA256;
    uint16_t version;

    switch (gnutls_protocol_get_version(session)) {
    case GNUTLS_TLS1_3:
        version = 0x0304;
        break;
    case GNUTLS_TLS1_2:
        version = 0x0303;
        break;
    case GNUTLS_DTLS1_2:
        version = 0xfefd;
        break;
    default:
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9261 section 7", "%s: expected (D)TLS 1.2 or 1.3",
                         gnutls_protocol_get_name(gnutls_protocol_get_version(session)));
    }
    if (prf != GNUTLS_DIG_SHA256 && prf != GNUTLS_DIG_SHA384)
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9261 section 5.1",
                         "PRF with the hash %d: expected SHA-256 or SHA-384", (int)prf);
    atls_ea_gnutls_callbacks(adapter, side, hash, connectionp);
    adapter->session = session;
    connectionp->version = version;
    connectionp->extended_master_secret = (flags & GNUTLS_SFLAGS_EXT_MASTER_SECRET) != 0;
    return 0;
}
