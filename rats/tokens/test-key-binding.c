/* SPDX-License-Identifier: Apache-2.0 */
/* Key attestation over one nonce: what is written is read, and what breaks a rule is not. */
#include "rats/tokens/key-binding.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-hex.h"
#include "rats/test/test-support.h"
#include "rats/tokens/kat.h"

#define NONCE64                                                                                    \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"                             \
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define NONCE "4e000102030405060708090a0b0c0d0e"

static const struct atls_crypto *crypto = &atls_crypto_hosted;
static struct atls_private_key kak, other, subject;

static struct atls_bytes nonce_of(uint8_t first)
{
    static uint8_t bytes[2][32];

    bytes[first & 1][0] = first;
    return ATLS_BYTES(bytes[first & 1], 32);
}

static int set_up(void **state)
{
    static const uint8_t seeds[3][32] = {{1}, {2}, {3}};

    return crypto->make_key(ATLS_P256, seeds[0], &kak) ||
           crypto->make_key(ATLS_P256, seeds[1], &other) ||
           crypto->make_key(ATLS_P384, seeds[2], &subject);
}

/* Claims of a PAT as far as this is about them. */
static struct atls_bytes pat_claims(uint8_t *out, size_t capacity, struct atls_bytes nonce,
                                    const struct atls_public_key *key)
{
    struct atls_cbor_writer w;
    struct atls_bytes written;

    atls_cbor_write_init(&w, out, capacity);
    atls_cbor_write_map(&w, 4);
    atls_cbor_write_int(&w, ATLS_CLAIM_CNF);
    atls_cnf_write(&w, key);
    atls_cbor_write_int(&w, ATLS_CLAIM_EAT_NONCE);
    atls_cbor_write_bytes(&w, nonce);
    atls_cbor_write_int(&w, 2394);
    atls_cbor_write_int(&w, 1);
    atls_cbor_write_int(&w, ATLS_CLAIM_KEY_ATTRIBUTES);
    atls_key_binding_attributes_write(&w);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    return written;
}

static struct atls_bytes sign(struct atls_bytes payload, const struct atls_private_key *key,
                              uint8_t *out, size_t capacity)
{
    struct atls_local_signer local = {crypto, key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes written;

    atls_cbor_write_init(&w, out, capacity);
    assert_int_equal(atls_cose_sign1_write(&w, false, payload, crypto, &signer), 0);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    return written;
}

static struct atls_cmw *bundle(struct atls_bytes kat_nonce, struct atls_bytes pat_nonce,
                               const struct atls_private_key *signs)
{
    uint8_t claims[512], kat[1024], pat[1024], whole[2560];
    struct atls_cbor_writer w;
    struct atls_bytes written, kat_bytes;
    struct atls_cmw *cmw = NULL;

    atls_cbor_write_init(&w, claims, sizeof claims);
    assert_int_equal(atls_key_binding_kat_write(&w, kat_nonce, &subject.public_key), 0);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    kat_bytes = sign(written, signs, kat, sizeof kat);
    written = pat_claims(claims, sizeof claims, pat_nonce, &kak.public_key);
    written = sign(written, &other, pat, sizeof pat);
    atls_cbor_write_init(&w, whole, sizeof whole);
    atls_key_binding_write(&w, kat_bytes, written);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    assert_int_equal(atls_cmw_parse(written, &cmw), 0);
    return cmw;
}

/* Draft section 5.1: the KAT is by the key in the PAT, and both answer the nonce. */
static void test_bundles(void **state)
{
    static const struct {
        const char *what;
        uint8_t kat, pat;
        const struct atls_private_key *signs;
        int signature, nonces;
    } rows[] = {
        {"good", 1, 1, &kak, 0, 0},
        {"an old PAT", 1, 2, &kak, 0, ATLS_E_MISMATCH},
        {"an old KAT", 2, 1, &kak, 0, ATLS_E_MISMATCH},
        {"both old", 2, 2, &kak, 0, ATLS_E_MISMATCH},
        {"a KAT by another key", 1, 1, &other, ATLS_E_SIGNATURE, 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_cmw *cmw = bundle(nonce_of(rows[i].kat), nonce_of(rows[i].pat), rows[i].signs);
        struct atls_key_binding_bundle read;
        int result = atls_key_binding_parse(cmw, &read);

        if (result)
            fail_msg("%s: %s", rows[i].what, atls_error_text());
        assert_true(atls_public_key_equal(&read.of_kat.key, &subject.public_key));
        assert_true(atls_public_key_equal(&read.of_pat.key, &kak.public_key));
        assert_int_equal(read.of_kat.given, 15);
        assert_int_equal(read.of_pat.attributes,
                         ATLS_KEY_NEVER_EXTRACTABLE | ATLS_KEY_SENSITIVE | ATLS_KEY_LOCAL);
        assert_int_equal(atls_key_binding_check_signature(&read, crypto), rows[i].signature);
        if (rows[i].signature)
            assert_string_equal(atls_error_clause(), ATLS_KEY_BINDING_CLAUSE);
        assert_int_equal(atls_key_binding_check_nonces(&read, nonce_of(1)), rows[i].nonces);
        atls_cmw_free(cmw);
    }
}

#define KEY                                                                                        \
    "a401022001215820" /* COSE_Key, P-256 */                                                       \
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                             \
    "225820"                                                                                       \
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define CNF "08a101" KEY
#define TEN "0a50" NONCE
#define ATTRIBUTES "3a00011237a1656c6f63616cf5"

/* Claims in hexadecimal: the key is that of RFC 6979 appendix A.2.5. */
static void test_claims(void **state)
{
    static const struct {
        const char *what, *claims;
        int result;
    } rows[] = {
        {"all three", "a3" CNF TEN ATTRIBUTES, 0},
        {"in another order", "a3" ATTRIBUTES TEN CNF, 0},
        {"and others",
         "a5" CNF TEN ATTRIBUTES "1865f5"
         "6178f6",
         0},
        {"others in front",
         "a5"
         "1865f5"
         "6178f6" CNF TEN ATTRIBUTES,
         0},
        {"times, RFC 8392 section 3.1.4 to 3.1.6",
         "a6"
         "041a65920080"
         "0501"
         "0602" CNF TEN ATTRIBUTES,
         0},
        {"an exp that is a text, RFC 8392 section 2",
         "a4"
         "046131" CNF TEN ATTRIBUTES,
         ATLS_E_MALFORMED},
        {"an iat that is a text, RFC 8392 section 2",
         "a4"
         "066131" CNF TEN ATTRIBUTES,
         ATLS_E_MALFORMED},
        {"a nonce of eight bytes", "a3" CNF "0a480001020304050607" ATTRIBUTES, 0},
        {"a nonce of 64 bytes", "a3" CNF "0a5840" NONCE64 ATTRIBUTES, 0},
        {"a nonce of 65 bytes", "a3" CNF "0a5841" NONCE64 "00" ATTRIBUTES, ATLS_E_MALFORMED},
        {"of indefinite length", "bf" CNF TEN ATTRIBUTES "ff", 0},
        {"an attribute that nobody knows", "a3" CNF TEN "3a00011237a1617801", 0},
        {"purpose", "a3" CNF TEN "3a00011237a167707572706f73658165312e322e33", 0},
        {"no cnf", "a2" TEN ATTRIBUTES, ATLS_E_MISSING},
        {"no nonce", "a2" CNF ATTRIBUTES, ATLS_E_MISSING},
        {"no attributes", "a2" CNF TEN, ATLS_E_MISSING},
        {"attributes without a member", "a3" CNF TEN "3a00011237a0", ATLS_E_MISSING},
        {"attributes of a list", "a3" CNF TEN "3a0001123780", ATLS_E_MALFORMED},
        {"an attribute that is a number", "a3" CNF TEN "3a00011237a1656c6f63616c01",
         ATLS_E_MALFORMED},
        {"an attribute with a number for a name", "a3" CNF TEN "3a00011237a101f5",
         ATLS_E_MALFORMED},
        {"two nonces in a list", "a3" CNF "0a8250" NONCE "50" NONCE ATTRIBUTES, ATLS_E_MALFORMED},
        {"a nonce of seven bytes", "a3" CNF "0a4700010203040506" ATTRIBUTES, ATLS_E_MALFORMED},
        {"the nonce twice", "a4" CNF TEN TEN ATTRIBUTES, ATLS_E_MALFORMED},
        {"cnf without a key",
         "a3"
         "08a0" TEN ATTRIBUTES,
         ATLS_E_MISSING},
        {"cnf with a kid",
         "a3"
         "08a103420102" TEN ATTRIBUTES,
         ATLS_E_UNSUPPORTED},
        {"cnf with a key and a kid",
         "a3"
         "08a201" KEY "03420102" TEN ATTRIBUTES,
         ATLS_E_UNSUPPORTED},
        {"a key off its curve",
         "a3"
         "08a101a4010220012158200000000000000000000000000000000000000000000000000000000000000000"
         "2258200000000000000000000000000000000000000000000000000000000000000001" TEN ATTRIBUTES,
         ATLS_E_MALFORMED},
        {"a byte behind", "a3" CNF TEN ATTRIBUTES "00", ATLS_E_MALFORMED},
        {"cut off", "a3" CNF TEN "3a000112", ATLS_E_MALFORMED},
        {"a list", "80", ATLS_E_MALFORMED},
        {"nothing", "", ATLS_E_MALFORMED},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_hex(rows[i].claims);
        struct atls_key_binding read;
        int result = atls_key_binding_read(in, &read);

        if (result != rows[i].result)
            fail_msg("%s: expected %s, came %s: %s", rows[i].what, atls_error_name(rows[i].result),
                     atls_error_name(result), atls_error_text());
        if (strncmp(rows[i].what, "times", 5) == 0) {
            assert_true(read.times.has_exp && read.times.has_nbf && read.times.has_iat);
            assert_true(read.times.exp == 1704067200 && read.times.nbf == 1 && read.times.iat == 2);
        }
        test_vector_free(in);
    }
}

static void test_writing(void **state)
{
    static const size_t sizes[] = {0, 7, 8, 64, 65};
    uint8_t out[512], bytes[65] = {0};
    struct atls_cbor_writer w;
    struct atls_key_binding read;
    struct atls_bytes written;

    for (size_t i = 0; i < COUNT(sizes); i++) { /* RFC 9711 section 4.1 */
        struct atls_bytes nonce = ATLS_BYTES(bytes, sizes[i]);
        bool good = sizes[i] >= 8 && sizes[i] <= 64;

        atls_cbor_write_init(&w, out, sizeof out);
        assert_int_equal(atls_key_binding_kat_write(&w, nonce, &kak.public_key),
                         good ? 0 : -EINVAL);
        if (!good)
            continue;
        assert_int_equal(atls_cbor_write_done(&w, &written), 0);
        assert_int_equal(atls_key_binding_read(written, &read), 0);
        assert_int_equal(read.nonce.size, sizes[i]);
    }
    /* the longest there are */
    atls_cbor_write_init(&w, out, ATLS_KEY_BINDING_CNF_MAX);
    atls_cnf_write(&w, &subject.public_key);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    atls_cbor_write_init(&w, out, ATLS_KEY_BINDING_ATTRIBUTES_MAX - 5);
    atls_key_binding_attributes_write(&w);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
}

/* A collection that is not exactly these two tokens. */
static void test_collections(void **state)
{
    static const struct {
        const char *what, *kat, *pat, *third, *type;
        unsigned indicator; /* of the KAT, RFC 9999 section 3.1 */
        int result;
    } rows[] = {
        {"no KAT", NULL, ATLS_MT_EAT_CWT, NULL, ATLS_KEY_BINDING_TYPE, 0, ATLS_E_MISSING},
        {"no PAT", ATLS_MT_EAT_CWT, NULL, NULL, ATLS_KEY_BINDING_TYPE, 0, ATLS_E_MISSING},
        {"another type of token", "application/eat+jwt", ATLS_MT_EAT_CWT, NULL,
         ATLS_KEY_BINDING_TYPE, 0, ATLS_E_UNSUPPORTED},
        {"a CAB", ATLS_MT_EAT_CWT, ATLS_MT_EAT_CWT, NULL, ATLS_CAB_TYPE, 0, ATLS_E_UNSUPPORTED},
        {"three members", ATLS_MT_EAT_CWT, ATLS_MT_EAT_CWT, ATLS_MT_EAT_CWT, ATLS_KEY_BINDING_TYPE,
         0, ATLS_E_MALFORMED},
        {"a KAT that says evidence", ATLS_MT_EAT_CWT, ATLS_MT_EAT_CWT, NULL, ATLS_KEY_BINDING_TYPE,
         ATLS_IND_EVIDENCE, 0},
        {"a KAT that says evidence and endorsements", ATLS_MT_EAT_CWT, ATLS_MT_EAT_CWT, NULL,
         ATLS_KEY_BINDING_TYPE, ATLS_IND_EVIDENCE | 2, 0},
        {"a KAT that says attestation result", ATLS_MT_EAT_CWT, ATLS_MT_EAT_CWT, NULL,
         ATLS_KEY_BINDING_TYPE, 8, ATLS_E_MALFORMED},
    };
    struct atls_cmw *good = bundle(nonce_of(1), nonce_of(1), &kak);
    struct atls_bytes kat = atls_cmw_find(good, "kat")->value;
    struct atls_bytes pat = atls_cmw_find(good, "pat")->value;

    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t out[4096];
        struct atls_key_binding_bundle read;
        struct atls_cbor_writer w;
        struct atls_bytes written;
        struct atls_cmw *cmw = NULL;

        atls_cbor_write_init(&w, out, sizeof out);
        atls_cbor_write_map(&w, 1 + (rows[i].kat != NULL) + (rows[i].pat != NULL) +
                                    (rows[i].third != NULL));
        if (rows[i].kat) {
            atls_cbor_write_text(&w, "kat");
            atls_cmw_write_record(&w, rows[i].kat, kat, rows[i].indicator);
        }
        if (rows[i].pat) {
            atls_cbor_write_text(&w, "pat");
            atls_cmw_write_record(&w, rows[i].pat, pat, 0);
        }
        if (rows[i].third) {
            atls_cbor_write_text(&w, "third");
            atls_cmw_write_record(&w, rows[i].third, pat, 0);
        }
        atls_cbor_write_text(&w, ATLS_CMW_COLLECTION_TYPE);
        atls_cbor_write_text(&w, rows[i].type);
        assert_int_equal(atls_cbor_write_done(&w, &written), 0);
        assert_int_equal(atls_cmw_parse(written, &cmw), 0);
        if (atls_key_binding_parse(cmw, &read) != rows[i].result)
            fail_msg("%s: %s", rows[i].what, atls_error_text());
        atls_cmw_free(cmw);
    }
    atls_cmw_free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundles),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_collections),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
