/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binders of all drafts. Hashes come from the crypto adapter; HKDF and HMAC from GnuTLS, which
 * has them for every hash (the adapter, which firmware shares, has HMAC of SHA-256 only).
 */
#include "tls/wire/binder.h"

#include <errno.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "rats/cbor/cbor-write.h"
#include "rats/cose/cose.h"

#define TA07 "draft-fossati-tls-attestation-07 section 6.2.1"
#define SEAT "draft-fossati-seat-early-attestation-06 section 5.1.1"
#define EXPAT "draft-fossati-seat-expat-04 section 5.1"

#define COSE_KEY_MAX 128 /* of P-384: 107 bytes */

static gnutls_mac_algorithm_t mac_of(enum atls_hash hash)
{
    static const gnutls_mac_algorithm_t macs[] = {[ATLS_SHA256] = GNUTLS_MAC_SHA256,
                                                  [ATLS_SHA384] = GNUTLS_MAC_SHA384,
                                                  [ATLS_SHA512] = GNUTLS_MAC_SHA512};

    return macs[hash];
}

static gnutls_datum_t datum(struct atls_bytes bytes)
{
    /* GnuTLS takes input through a pointer that is not const, and does not write to it. */
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)bytes.data, (unsigned)bytes.size};
}

static int need_size(enum atls_hash hash, const char *what, struct atls_bytes bytes)
{
    if (bytes.size == atls_hash_size(hash))
        return 0;
    return atls_fail(-EINVAL, NULL, "%s: expected %zu bytes, came %zu", what, atls_hash_size(hash),
                     bytes.size);
}

static int hash_one(const struct atls_crypto *crypto, enum atls_hash hash, struct atls_bytes in,
                    uint8_t *digestp)
{
    return crypto->hash(hash, &in, 1, digestp);
}

int atls_hkdf_expand_label(enum atls_hash hash, struct atls_bytes secret, const char *label,
                           struct atls_bytes context, uint8_t *outp, size_t size)
{
    static const char prefix[] = "tls13 ";
    size_t label_size = strlen(prefix) + strlen(label);
    gnutls_datum_t key = datum(secret), info_datum;
    uint8_t info[2 + 1 + 255 + 1 + 255];
    struct atls_sink sink = atls_sink_of(info, sizeof info);
    struct atls_bytes written;
    int result = need_size(hash, "secret of HKDF-Expand-Label", secret);

    if (result)
        return result;
    if (label_size > 255 || context.size > 255 || size > 255 * atls_hash_size(hash))
        return atls_fail(ATLS_E_LIMIT, "RFC 8446 section 7.1",
                         "HKDF-Expand-Label: %zu bytes from a label of %zu and a context of %zu",
                         size, label_size, context.size);
    atls_sink_u16(&sink, (uint16_t)size);
    atls_sink_u8(&sink, (uint8_t)label_size);
    atls_sink_bytes(&sink, atls_bytes_of_text(prefix));
    atls_sink_bytes(&sink, atls_bytes_of_text(label));
    atls_sink_vector(&sink, 1, context);
    result = atls_sink_done(&sink, &written);
    if (result)
        return result;
    info_datum = datum(written);
    result = gnutls_hkdf_expand(mac_of(hash), &key, &info_datum, outp, size);
    return result < 0 ? atls_gnutls_fail(result, -EIO, NULL, "HKDF-Expand") : 0;
}

int atls_derive_secret(enum atls_hash hash, struct atls_bytes secret, const char *label,
                       struct atls_bytes transcript_hash, uint8_t *secretp)
{
    int result = need_size(hash, "transcript hash", transcript_hash);

    return result ? result
                  : atls_hkdf_expand_label(hash, secret, label, transcript_hash, secretp,
                                           atls_hash_size(hash));
}

int atls_tls_exporter(const struct atls_crypto *crypto, enum atls_hash hash,
                      struct atls_bytes exporter_secret, const char *label,
                      struct atls_bytes context, uint8_t *outp, size_t size)
{
    uint8_t digest[ATLS_HASH_MAX], secret[ATLS_HASH_MAX];
    struct atls_bytes hashed = ATLS_BYTES(digest, atls_hash_size(hash));
    int result = hash_one(crypto, hash, ATLS_BYTES(NULL, 0), digest);

    if (!result)
        result = atls_derive_secret(hash, exporter_secret, label, hashed, secret);
    if (!result)
        result = hash_one(crypto, hash, context, digest);
    if (!result)
        result = atls_hkdf_expand_label(hash, ATLS_BYTES(secret, hashed.size), "exporter", hashed,
                                        outp, size);
    explicit_bzero(secret, sizeof secret);
    return result;
}

int atls_hmac(enum atls_hash hash, struct atls_bytes key, struct atls_bytes data, uint8_t *macp)
{
    int result = gnutls_hmac_fast(mac_of(hash), key.data, key.size, data.data, data.size, macp);

    return result < 0 ? atls_gnutls_fail(result, -EIO, NULL, "HMAC") : 0;
}

static const char *const variants[ATLS_VARIANT_COUNT][4] = {
    [ATLS_VARIANT_TA07_LENGTH] = {"nonce-size", "advertised-size"},
    [ATLS_VARIANT_TA07_SECRET] = {"handshake-exporter-secret", "handshake-secret"},
    [ATLS_VARIANT_EXPAT_KEY] = {"spki", "raw-point", "cose-key"},
    [ATLS_VARIANT_EXPAT_LABEL] = {"EXPORTER-cmw-attestation", "Attestation", "Attestation Binding"},
};

const char *atls_variant_name(enum atls_variant variant, unsigned value)
{
    return (unsigned)variant < ATLS_VARIANT_COUNT && value < 4 ? variants[variant][value] : NULL;
}

int atls_variant_parse(enum atls_variant variant, const char *name, unsigned *valuep)
{
    const char *known;

    for (unsigned i = 0; (known = atls_variant_name(variant, i)); i++)
        if (strcmp(known, name) == 0) {
            *valuep = i;
            return 0;
        }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     "expected no such reading as \"%s\"; expected %s or another", name,
                     atls_variant_name(variant, 0));
}

static int check_range(const char *what, struct atls_bytes bytes, size_t least, size_t most)
{
    if (bytes.size >= least && bytes.size <= most)
        return 0;
    return atls_fail(ATLS_E_LIMIT, "draft-fossati-tls-attestation-03 section 6.2",
                     "evidence challenge: expected a %s of %zu to %zu bytes, came %zu", what, least,
                     most, bytes.size);
}

int atls_ta03_challenge_map(struct atls_bytes nonce, struct atls_bytes fingerprint,
                            struct atls_bytes channel_binder, uint8_t buffer[ATLS_TA03_MAP_MAX],
                            struct atls_bytes *mapp)
{
    struct atls_cbor_writer w;
    int result = check_range("nonce", nonce, 8, 64);

    if (!result)
        result = check_range("fingerprint", fingerprint, 16, 64);
    if (!result)
        result = check_range("channel binder", channel_binder, 16, 64);
    if (result)
        return result;
    atls_cbor_write_init(&w, buffer, ATLS_TA03_MAP_MAX);
    atls_cbor_write_map(&w, 3);
    atls_cbor_write_uint(&w, 1);
    atls_cbor_write_bytes(&w, nonce);
    atls_cbor_write_uint(&w, 2);
    atls_cbor_write_bytes(&w, fingerprint);
    atls_cbor_write_uint(&w, 3);
    atls_cbor_write_bytes(&w, channel_binder);
    return atls_cbor_write_done(&w, mapp);
}

int atls_ta03_challenge(const struct atls_crypto *crypto, enum atls_hash hash,
                        struct atls_bytes nonce, struct atls_bytes fingerprint,
                        struct atls_bytes channel_binder, uint8_t *challengep)
{
    uint8_t buffer[ATLS_TA03_MAP_MAX];
    struct atls_bytes map;
    int result = atls_ta03_challenge_map(nonce, fingerprint, channel_binder, buffer, &map);

    return result ? result : hash_one(crypto, hash, map, challengep);
}

int atls_ta04_channel_binder(const struct atls_crypto *crypto, enum atls_hash hash,
                             struct atls_bytes psk, struct atls_bytes client_hello_hash,
                             uint8_t binderp[ATLS_TA04_BINDER_SIZE])
{
    static const uint8_t zeros[ATLS_HASH_MAX];
    struct atls_bytes zero = ATLS_BYTES(zeros, atls_hash_size(hash));
    gnutls_datum_t salt = datum(zero), key = datum(psk.size ? psk : zero);
    uint8_t early[ATLS_HASH_MAX], exporter[ATLS_HASH_MAX];
    int result = gnutls_hkdf_extract(mac_of(hash), &key, &salt, early);

    if (result < 0)
        return atls_gnutls_fail(result, -EIO, NULL, "HKDF-Extract");
    result = atls_derive_secret(hash, ATLS_BYTES(early, zero.size), "e exp master",
                                client_hello_hash, exporter);
    if (!result)
        result =
            atls_tls_exporter(crypto, hash, ATLS_BYTES(exporter, zero.size), "attestation-binder",
                              ATLS_BYTES(NULL, 0), binderp, ATLS_TA04_BINDER_SIZE);
    explicit_bzero(early, sizeof early);
    explicit_bzero(exporter, sizeof exporter);
    return result;
}

int atls_ta07_handshake_exporter_secret(enum atls_hash hash, struct atls_bytes handshake_secret,
                                        struct atls_bytes transcript_hash, uint8_t *secretp)
{
    return atls_derive_secret(hash, handshake_secret, "h exp master", transcript_hash, secretp);
}

int atls_ta07_binder(const struct atls_crypto *crypto, enum atls_hash hash,
                     const struct atls_ta07_reading *reading, struct atls_bytes handshake_secret,
                     struct atls_bytes transcript_hash, struct atls_bytes nonce,
                     uint8_t binderp[ATLS_TA07_BINDER_MAX], size_t *sizep)
{
    static const struct atls_ta07_reading formula;
    const struct atls_ta07_reading *as = reading ? reading : &formula;
    size_t size = as->length == ATLS_TA07_ADVERTISED_SIZE ? as->advertised_size : nonce.size;
    struct atls_bytes secret = handshake_secret;
    uint8_t exporter[ATLS_HASH_MAX];
    int result = 0;

    if (size == 0 || size > ATLS_TA07_BINDER_MAX)
        return atls_fail(ATLS_E_LIMIT, TA07, "channel binder: expected 1 to %d bytes, came %zu",
                         ATLS_TA07_BINDER_MAX, size);
    if (as->secret == ATLS_TA07_HANDSHAKE_EXPORTER_SECRET) {
        result =
            atls_ta07_handshake_exporter_secret(hash, handshake_secret, transcript_hash, exporter);
        secret = ATLS_BYTES(exporter, atls_hash_size(hash));
    }
    if (!result)
        result =
            atls_tls_exporter(crypto, hash, secret, "attestation-binder", nonce, binderp, size);
    explicit_bzero(exporter, sizeof exporter);
    if (!result)
        *sizep = size;
    return result;
}

int atls_seat_attest_base(enum atls_hash hash, struct atls_bytes transcript_hash, uint8_t *basep)
{
    static const uint8_t zeros[ATLS_HASH_MAX];

    return atls_derive_secret(hash, ATLS_BYTES(zeros, atls_hash_size(hash)), "attestation base",
                              transcript_hash, basep);
}

int atls_seat_binder(const struct atls_crypto *crypto, enum atls_hash hash, struct atls_bytes base,
                     struct atls_bytes spki, enum atls_seat_role role, uint8_t *binderp)
{
    static const char *const labels[] = {[ATLS_SEAT_SHARED] = "attestation",
                                         [ATLS_SEAT_CLIENT] = "attestation client",
                                         [ATLS_SEAT_SERVER] = "attestation server"};
    uint8_t digest[ATLS_HASH_MAX];
    struct atls_bytes hashed = ATLS_BYTES(digest, atls_hash_size(hash));
    int result = need_size(hash, "attest_base", base);

    if (!result && spki.size == 0)
        result = atls_fail(-EINVAL, SEAT, "binder: no SubjectPublicKeyInfo");
    if (!result)
        result = hash_one(crypto, hash, spki, digest);
    return result ? result
                  : atls_hkdf_expand_label(hash, base, labels[role], hashed, binderp, hashed.size);
}

const char *atls_expat_label_text(enum atls_expat_label label)
{
    return atls_variant_name(ATLS_VARIANT_EXPAT_LABEL, label);
}

/* The key as KEY has it: SPKI itself, or written to BUFFER. */
static int encode_key(enum atls_expat_key key, struct atls_bytes spki, uint8_t buffer[COSE_KEY_MAX],
                      struct atls_bytes *encodedp)
{
    struct atls_sink sink = atls_sink_of(buffer, COSE_KEY_MAX);
    struct atls_public_key point;
    struct atls_cbor_writer w;
    size_t size;
    int result;

    if (key == ATLS_EXPAT_SPKI && spki.size > 0) {
        *encodedp = spki;
        return 0;
    }
    result = atls_spki_decode(spki, &point);
    if (result)
        return result;
    if (key == ATLS_EXPAT_COSE_KEY) {
        atls_cbor_write_init(&w, buffer, COSE_KEY_MAX);
        atls_cose_key_write(&w, &point);
        return atls_cbor_write_done(&w, encodedp);
    }
    size = atls_curve_size(point.curve);
    atls_sink_u8(&sink, 4); /* uncompressed, SEC 1 section 2.3.3 */
    atls_sink_bytes(&sink, ATLS_BYTES(point.x, size));
    atls_sink_bytes(&sink, ATLS_BYTES(point.y, size));
    return atls_sink_done(&sink, encodedp);
}

int atls_expat_binding(const struct atls_crypto *crypto, enum atls_hash hash,
                       enum atls_expat_key key, struct atls_bytes spki, struct atls_bytes exported,
                       uint8_t *bindingp)
{
    struct atls_bytes parts[2] = {{NULL, 0}, exported};
    uint8_t buffer[COSE_KEY_MAX];
    int result;

    if (exported.size != ATLS_EXPAT_EXPORTED_SIZE)
        return atls_fail(-EINVAL, EXPAT, "exported value: expected %d bytes, came %zu",
                         ATLS_EXPAT_EXPORTED_SIZE, exported.size);
    result = encode_key(key, spki, buffer, &parts[0]);
    return result ? result : crypto->hash(hash, parts, 2, bindingp);
}

int atls_public_key_hash(const struct atls_crypto *crypto, enum atls_hash hash,
                         enum atls_expat_key key, struct atls_bytes spki, uint8_t *digestp)
{
    uint8_t buffer[COSE_KEY_MAX];
    struct atls_bytes encoded;
    int result = encode_key(key, spki, buffer, &encoded);

    return result ? result : hash_one(crypto, hash, encoded, digestp);
}
