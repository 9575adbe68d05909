/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A public key whose coordinates are no point of its curve is refused where it is parsed, in every
 * format that carries one: RFC 9053 section 7.1.1, RFC 8725 section 3.4, RFC 5480 section 2.2.
 */
#include "rats/test/test-table.h"

#include <time.h>

#include <gnutls/x509.h>

#include "rats/cmw/cmw-x509.h"
#include "rats/corim/corim.h"
#include "rats/cose/cose.h"
#include "rats/crypto/pem.h"
#include "rats/ear/ear.h"
#include "rats/json/jws.h"
#include "rats/tokens/prototype.h"

#define GOOD(call) assert_true((call) >= 0)

static struct atls_private_key make_key(enum atls_curve curve)
{
    struct atls_private_key key;
    static const uint8_t seed[32] = {7};

    assert_int_equal(atls_crypto_hosted.make_key(curve, seed, &key), 0);
    return key;
}

/* p of the curve: a coordinate of this size is out of range (RFC 9053: "as an integer" below p). */
static void set_to_prime(enum atls_curve curve, uint8_t *coordinate)
{
    static const char *const primes[] = {
        [ATLS_P256] = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        [ATLS_P384] = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff"
                      "0000000000000000ffffffff"};
    struct atls_bytes prime = test_hex(primes[curve]);

    memcpy(coordinate, prime.data, prime.size);
    test_vector_free(prime);
}

static void keep(struct atls_public_key *key)
{
    (void)key;
}

static void other_y(struct atls_public_key *key)
{
    key->y[atls_curve_size(key->curve) - 1] ^= 1;
}

static void other_x(struct atls_public_key *key)
{
    key->x[0] ^= 0x80;
}

static void both_zero(struct atls_public_key *key) /* how infinity is often written */
{
    memset(key->x, 0, sizeof key->x);
    memset(key->y, 0, sizeof key->y);
}

static void x_is_prime(struct atls_public_key *key)
{
    set_to_prime(key->curve, key->x);
}

static void y_is_prime(struct atls_public_key *key)
{
    set_to_prime(key->curve, key->y);
}

static void all_ones(struct atls_public_key *key)
{
    memset(key->x, 0xff, sizeof key->x);
    memset(key->y, 0xff, sizeof key->y);
}

static void swapped(struct atls_public_key *key)
{
    struct atls_public_key before = *key;

    memcpy(key->x, before.y, sizeof key->x);
    memcpy(key->y, before.x, sizeof key->y);
}

static const struct change {
    const char *name;
    void (*make)(struct atls_public_key *key);
    int outcome;
} changes[] = {
    {"a point", keep, 0},
    {"another y", other_y, ATLS_E_MALFORMED},
    {"another x", other_x, ATLS_E_MALFORMED},
    {"0, 0", both_zero, ATLS_E_MALFORMED},
    {"x = p", x_is_prime, ATLS_E_MALFORMED},
    {"y = p", y_is_prime, ATLS_E_MALFORMED},
    {"all ones", all_ones, ATLS_E_MALFORMED},
    {"x and y swapped", swapped, ATLS_E_MALFORMED},
};

static int by_cose_key(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    struct atls_cbor_writer w;
    struct atls_cbor_reader r;
    struct atls_bytes out = {NULL, 0};
    uint8_t buffer[ATLS_KAK_ENCODED_MAX];

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cose_key_write(&w, key);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    assert_int_equal(atls_cbor_open(&r, out, NULL, NULL), 0);
    return atls_cose_key_read(&r, keyp);
}

static int by_kat(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    static const uint8_t nonce[32] = {1};
    struct atls_kat_claims claims = {.nonce = ATLS_BYTES(nonce, sizeof nonce),
                                     .identity_key = *key,
                                     .kak = make_key(ATLS_P256).public_key};
    struct atls_cbor_writer w;
    struct atls_bytes out = {NULL, 0};
    uint8_t buffer[512];
    int result;

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_kat_claims_write(&w, &claims), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    result = atls_kat_claims_parse(out, &claims);
    *keyp = claims.identity_key;
    return result;
}

static int by_prototype(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    static const uint8_t nonce[32] = {1};
    struct atls_kat_claims claims = {.nonce = ATLS_BYTES(nonce, sizeof nonce),
                                     .identity_key = make_key(ATLS_P384).public_key,
                                     .kak = *key};
    struct atls_cbor_writer w;
    struct atls_bytes out = {NULL, 0};
    uint8_t buffer[512];
    int result;

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_prototype_claims_write(&w, &claims), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    result = atls_prototype_claims_parse(out, &claims);
    *keyp = claims.kak;
    return result;
}

static int by_spki(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    uint8_t spki[ATLS_SPKI_MAX];

    return atls_spki_decode(ATLS_BYTES(spki, atls_spki_encode(key, spki)), keyp);
}

static int by_pem(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    char *pem = atls_pem_write_public_key(key);
    int result = atls_pem_read_public_key(atls_bytes_of_text(pem), keyp);

    free(pem);
    return result;
}

static int by_jwk(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    json_t *jwk = atls_jwk_of_public_key(key);
    int result = atls_jwk_to_public_key(jwk, keyp);

    json_decref(jwk);
    return result;
}

static int by_ear(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    uint8_t spki[ATLS_SPKI_MAX];
    char *akpub = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(spki, atls_spki_encode(key, spki)));
    json_t *claims = json_pack("{s:s, s:i, s:{s:s, s:s}, s:{s:{s:s, s:{s:s}}}}", "eat_profile",
                               "tag:github.com,2023:veraison/ear", "iat", 1, "ear.verifier-id",
                               "developer", "d", "build", "b", "submods", "PSA_IOT", "ear.status",
                               "affirming", "ear.veraison.key-attestation", "akpub", akpub);
    struct atls_ear ear;
    int result;

    assert_non_null(claims);
    result = atls_ear_parse_claims(claims, &ear);
    if (result == 0) {
        *keyp = ear.submods[0].key;
        atls_ear_clear(&ear);
    }
    json_decref(claims);
    free(akpub);
    return result;
}

static int by_corim(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    struct atls_trust_anchor anchor = {.instance_id = {1}, .key = *key};
    char id[] = "id";
    struct atls_corim corim = {.id = id, .trust_anchors = &anchor, .trust_anchor_count = 1}, again;
    uint8_t *out;
    size_t size;
    int result;

    assert_int_equal(atls_corim_write(&corim, &out, &size), 0);
    result = atls_corim_parse(ATLS_BYTES(out, size), &again);
    if (result == 0) {
        *keyp = again.trust_anchors[0].key;
        atls_corim_clear(&again);
    }
    free(out);
    return result;
}

/* The bytes of the good key's certificate with another point in it: nobody looks at its signature
 * before its key. */
static int by_certificate(const struct atls_public_key *key, struct atls_public_key *keyp)
{
    struct atls_private_key good = make_key(key->curve);
    size_t size = atls_curve_size(key->curve);
    gnutls_datum_t x = {good.public_key.x, (unsigned)size}, y = {good.public_key.y, (unsigned)size};
    gnutls_datum_t d = {good.d, (unsigned)size}, der;
    gnutls_x509_privkey_t privkey;
    gnutls_x509_crt_t crt;
    uint8_t *point;
    int result;

    GOOD(gnutls_x509_privkey_init(&privkey));
    GOOD(gnutls_x509_privkey_import_ecc_raw(
        privkey, key->curve == ATLS_P384 ? GNUTLS_ECC_CURVE_SECP384R1 : GNUTLS_ECC_CURVE_SECP256R1,
        &x, &y, &d));
    GOOD(gnutls_x509_crt_init(&crt));
    GOOD(gnutls_x509_crt_set_version(crt, 3));
    GOOD(gnutls_x509_crt_set_key(crt, privkey));
    GOOD(gnutls_x509_crt_set_serial(crt, "\x01", 1));
    GOOD(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60));
    GOOD(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600));
    GOOD(gnutls_x509_crt_sign2(crt, crt, privkey, GNUTLS_DIG_SHA256, 0));
    GOOD(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der));
    point = memmem(der.data, der.size, good.public_key.x, size);
    assert_non_null(point);
    memcpy(point, key->x, size);
    memcpy(point + size, key->y, size);
    result = atls_x509_public_key(ATLS_BYTES(der.data, der.size), keyp);
    gnutls_free(der.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(privkey);
    return result;
}

static const struct format {
    const char *name, *clause;
    int (*read)(const struct atls_public_key *key, struct atls_public_key *keyp);
} formats[] = {
    {"COSE_Key", "RFC 9053 section 7.1.1", by_cose_key},
    {"cnf of a KAT", "RFC 9053 section 7.1.1", by_kat},
    {"kak-pub of the prototype", ATLS_PROTOTYPE_CLAUSE, by_prototype},
    {"SubjectPublicKeyInfo", "RFC 5480 section 2.2", by_spki},
    {"PEM", "RFC 5480 section 2.2", by_pem},
    {"JWK", "RFC 8725 section 3.4", by_jwk},
    {"akpub of an EAR", "RFC 5480 section 2.2", by_ear},
    {"trust anchor of a CoRIM", NULL, by_corim}, /* which may name its own clause */
    {"certificate", "RFC 5480 section 2.2", by_certificate},
};

static void check_format(void **state)
{
    const struct format *format = *state;

    for (enum atls_curve curve = ATLS_P256; curve <= ATLS_P384; curve++)
        for (size_t i = 0; i < COUNT(changes); i++) {
            struct atls_public_key key = make_key(curve).public_key, came = {.curve = 77};

            changes[i].make(&key);
            test_outcome(format->read(&key, &came), changes[i].outcome,
                         changes[i].outcome ? format->clause : NULL);
            if (changes[i].outcome == 0)
                assert_true(atls_public_key_equal(&key, &came));
            else if (!strstr(atls_error_text(), "not a point of the curve"))
                fail_msg("%s, %s: %s", format->name, changes[i].name, atls_error_text());
        }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_format, formats);
    return test_run("public-key", &list);
}
