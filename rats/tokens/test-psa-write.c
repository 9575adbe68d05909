/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing PSA claims, boot records and tokens: the bytes (checked against another encoder), what
 * the writer refuses; and reading the tokens of other implementations.
 */
#include "rats/test/test-table.h"

#include <errno.h>
#include <jansson.h>

#include "rats/crypto/pem.h"
#include "rats/json/jws.h"
#include "rats/tokens/psa.h"

#define H16(byte) byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte byte
#define H32(byte) H16(byte) H16(byte)
#define H48(byte) H32(byte) H16(byte)
#define H64(byte) H32(byte) H32(byte)

#define COMPONENT "a2 02 5820" H32("55") "05 5820" H32("66")
#define COMPONENTS_CLAUSE "RFC 9783 section 4.4.1"

enum { STORAGE = 4 }; /* components that the tests' caller has room for */

/* Filled with what the byte-exact expectations below hold. */
struct example {
    uint8_t bytes[10][64];
    struct atls_psa_component components[2];
    struct atls_psa_claims claims;
};

static struct atls_bytes repeated(struct example *e, unsigned index, size_t size)
{
    memset(e->bytes[index], (int)(index * 0x11), size);
    return ATLS_BYTES(e->bytes[index], size);
}

static void make_example(struct example *e)
{
    memset(e, 0, sizeof *e);
    e->components[0] = (struct atls_psa_component){.type = atls_bytes_of_text("BL"),
                                                   .value = repeated(e, 5, 32),
                                                   .version = atls_bytes_of_text("2.1.0"),
                                                   .signer_id = repeated(e, 6, 32),
                                                   .description = atls_bytes_of_text("sha-256")};
    e->components[1] =
        (struct atls_psa_component){.value = repeated(e, 7, 48), .signer_id = repeated(e, 8, 64)};
    e->claims = (struct atls_psa_claims){
        .profile = ATLS_PSA_RFC9783,
        .nonce = repeated(e, 1, 32),
        .instance_id = repeated(e, 2, 33),
        .implementation_id = repeated(e, 3, 32),
        .client_id = -5,
        .lifecycle = 0x3001,
        .boot_seed = repeated(e, 4, 8),
        .certification_reference = atls_bytes_of_text("0604565272829-10010"),
        .verification_service = atls_bytes_of_text("https://verifier.example"),
        .components = e->components,
        .component_count = 2,
    };
    e->bytes[2][0] = 1;
}

static int write_claims(const struct atls_psa_claims *claims, uint8_t *buffer, size_t size,
                        struct atls_bytes *outp)
{
    struct atls_cbor_writer w;
    int result;

    atls_cbor_write_init(&w, buffer, size);
    result = atls_psa_claims_write(&w, claims);
    assert_true(result == 0 || w.used == 0);
    return result ? result : atls_cbor_write_done(&w, outp);
}

#define BEFORE_PROFILE "5820" H32("11") "1901005821 01" H32("22") "190109"
#define IDS "19095a2419095b19300119095c5820" H32("33")
#define AFTER_SEED                                                                                 \
    "19095e73303630343536353237323832392d313030313019095f82a50162424c025820" H32(                  \
        "55") "0465322e312e30055820" H32("66") "06677368612d323536a2025830" H48("77") "05584"      \
                                                                                      "0" H64(     \
                                                                                          "8"      \
                                                                                          "8") "1" \
                                                                                               "9" \
                                                                                               "0" \
                                                                                               "9" \
                                                                                               "6" \
                                                                                               "0" \
                                                                                               "7" \
                                                                                               "8" \
                                                                                               "1" \
                                                                                               "8" \
                                                                                               "6" \
                                                                                               "8" \
                                                                                               "7" \
                                                                                               "4" \
                                                                                               "7" \
                                                                                               "4" \
                                                                                               "7" \
                                                                                               "0" \
                                                                                               "7" \
                                                                                               "3" \
                                                                                               "3" \
                                                                                               "a" \
                                                                                               "2" \
                                                                                               "f" \
                                                                                               "2" \
                                                                                               "f" \
                                                                                               "7" \
                                                                                               "6" \
                                                                                               "6" \
                                                                                               "5" \
                                                                                               "7" \
                                                                                               "2" \
                                                                                               "6" \
                                                                                               "9" \
                                                                                               "6" \
                                                                                               "6" \
                                                                                               "6" \
                                                                                               "9" \
                                                                                               "6" \
                                                                                               "5" \
                                                                                               "7" \
                                                                                               "2" \
                                                                                               "2" \
                                                                                               "e" \
                                                                                               "6" \
                                                                                               "5" \
                                                                                               "7" \
                                                                                               "8" \
                                                                                               "6" \
                                                                                               "1" \
                                                                                               "6" \
                                                                                               "d" \
                                                                                               "7" \
                                                                                               "0" \
                                                                                               "6" \
                                                                                               "c" \
                                                                                               "6" \
                                                                                               "5"

/* Expected bytes: python3-cbor2, canonical encoding of the same claims. The boot seed is bootseed
 * (268) in RFC 9783 (section 4.3.2), 2397 in the draft before it. */
static const struct {
    enum atls_psa_profile profile;
    const char *text;
} written[] = {
    {ATLS_PSA_RFC9783, "aa0a" BEFORE_PROFILE "78217461673a7073616365727469666965642e6f72672c323032"
                       "333a7073612374666d 19010c484444444444444444" IDS AFTER_SEED},
    {ATLS_PSA_ARM_2,
     "aa0a" BEFORE_PROFILE "7818687474703a2f2f61726d2e636f6d2f7073612f322e302e30" IDS
     "19095d484444444444444444" AFTER_SEED},
};

static void writes_all_claims_exactly(void **state)
{
    for (size_t i = 0; i < COUNT(written); i++) {
        struct atls_bytes expected = test_bytes(written[i].text), out = {NULL, 0};
        struct atls_psa_component read[2];
        struct atls_psa_claims claims;
        uint8_t buffer[1024], again[1024];
        struct example e;

        make_example(&e);
        e.claims.profile = written[i].profile;
        assert_int_equal(write_claims(&e.claims, buffer, sizeof buffer, &out), 0);
        test_same_bytes(out, expected);
        test_outcome(atls_psa_claims_parse(out, read, 2, &claims), 0, NULL);
        test_same_bytes(claims.boot_seed, e.claims.boot_seed);
        assert_int_equal(write_claims(&claims, again, sizeof again, &out), 0);
        test_same_bytes(out, expected);
        test_outcome(write_claims(&e.claims, buffer, expected.size - 1, &out), ATLS_E_LIMIT, NULL);
        test_vector_free(expected);
    }
}

/* The same bytes as from components; also where the array lies at the end of the buffer already. */
static void writes_encoded_components(void **state)
{
    uint8_t buffer[1024], array[512], again[1024];
    struct atls_bytes expected = {NULL, 0}, encoded = {NULL, 0}, out = {NULL, 0};
    struct atls_cbor_writer w;
    struct example e;

    make_example(&e);
    assert_int_equal(write_claims(&e.claims, buffer, sizeof buffer, &expected), 0);
    atls_cbor_write_init(&w, array, sizeof array);
    assert_int_equal(atls_psa_components_write(&w, e.components, 2), 0);
    assert_int_equal(atls_cbor_write_done(&w, &encoded), 0);
    e.claims.components = NULL;
    e.claims.component_count = 0;
    e.claims.components_encoded = encoded;
    assert_int_equal(write_claims(&e.claims, again, sizeof again, &out), 0);
    test_same_bytes(out, expected);

    e.claims.verification_service = (struct atls_bytes){NULL, 0}; /* nothing behind the array */
    assert_int_equal(write_claims(&e.claims, buffer, sizeof buffer, &expected), 0);
    memcpy(again + expected.size - encoded.size, encoded.data, encoded.size);
    e.claims.components_encoded = ATLS_BYTES(again + expected.size - encoded.size, encoded.size);
    assert_int_equal(write_claims(&e.claims, again, expected.size, &out), 0);
    test_same_bytes(out, expected);
    test_outcome(write_claims(&e.claims, again, expected.size - 1, &out), ATLS_E_LIMIT, NULL);
}

static void writes_mandatory_claims_exactly(void **state)
{
    static const char expected_text[] = "a70a5840" H64("11") "1901005821 01" H32(
        "22") "1901097818687474703a2f2f61726d2e636f6d2f7073612f322e302e3019095a1a7fffffff19095b00"
              "19095c5820" H32("33") "19095f81a3016450526f54025820" H32("55") "055820" H32("66");
    struct atls_bytes expected = test_bytes(expected_text), out = {NULL, 0};
    uint8_t buffer[1024];
    struct example e;

    make_example(&e);
    e.components[0].type = atls_bytes_of_text("PRoT");
    e.components[0].version = e.components[0].description = (struct atls_bytes){NULL, 0};
    e.claims.profile = ATLS_PSA_ARM_2;
    e.claims.nonce = repeated(&e, 1, 64);
    e.claims.client_id = INT32_MAX;
    e.claims.lifecycle = ATLS_PSA_UNKNOWN;
    e.claims.boot_seed = e.claims.certification_reference = e.claims.verification_service =
        (struct atls_bytes){NULL, 0};
    e.claims.component_count = 1;
    assert_int_equal(write_claims(&e.claims, buffer, sizeof buffer, &out), 0);
    test_same_bytes(out, expected);
    test_vector_free(expected);
}

/* clang-format off */
static void break_claims(struct example *e, int fault)
{
    switch (fault) {
    case 0: e->claims.nonce.size = 31; break;
    case 1: e->claims.nonce.size = 0; break;
    case 2: e->claims.instance_id.size = 32; break;
    case 3: e->bytes[2][0] = 2; break;
    case 4: e->claims.implementation_id.size = 33; break;
    case 5: e->claims.client_id = 0; break;
    case 6: e->claims.lifecycle = 0x3100; break;
    case 7: e->claims.boot_seed.size = 7; break;
    case 8: e->claims.boot_seed = repeated(e, 4, 33); break;
    case 9: e->claims.certification_reference = atls_bytes_of_text("0604565272829"); break;
    case 10: e->claims.component_count = 0; break;
    case 11: e->components[1].value.size = 0; break;
    case 12: e->components[1].value.size = 20; break;
    case 13: e->components[0].signer_id.size = 0; break;
    case 14: e->components[1].signer_id.size = 20; break;
    case 15: e->claims.profile = ATLS_PSA_ARM_1; break;
    case 16: e->claims.profile = (enum atls_psa_profile)9; break;
    default: fail();
    }
}
/* clang-format on */

/* Each of these must not leave a device. */
static void writer_refuses_what_rfc9783_forbids(void **state)
{
    struct atls_bytes out = {NULL, 0};
    uint8_t buffer[1024];
    struct example e;

    for (int fault = 0; fault < 17; fault++) {
        make_example(&e);
        break_claims(&e, fault);
        test_outcome(write_claims(&e.claims, buffer, sizeof buffer, &out), -EINVAL, NULL);
        assert_int_equal(strstr(atls_error_text(), "profile is only read") != NULL, fault >= 15);
    }
    make_example(&e);
    e.claims.verification_service = ATLS_BYTES("\xff", 1);
    test_outcome(write_claims(&e.claims, buffer, sizeof buffer, &out), -EINVAL, NULL);
}

static void keeps_the_boot_record_alone(void **state)
{
    static const struct {
        const char *input;
        int outcome;
    } rows[] = {
        {"81" COMPONENT, 0},
        {"82" COMPONENT COMPONENT, 0},
        {"83" COMPONENT COMPONENT COMPONENT, ATLS_E_LIMIT},
        {"80", ATLS_E_MALFORMED},
        {"", ATLS_E_MALFORMED},
        {COMPONENT, ATLS_E_MALFORMED},
        {"81" COMPONENT "00", ATLS_E_MALFORMED},
        {"9f" COMPONENT "ff", ATLS_E_MALFORMED},
        {"81 a1 02 5820" H32("55"), ATLS_E_MISSING},
        {"82" COMPONENT, ATLS_E_MALFORMED},
    };
    struct atls_bytes out, expected;
    struct atls_cbor_writer w;
    uint8_t buffer[512];
    struct example e;
    size_t count = 0;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_bytes(rows[i].input);
        struct atls_psa_component read[2];

        test_outcome(atls_psa_components_parse(in, read, 2, &count), rows[i].outcome, NULL);
        if (rows[i].outcome == 0)
            assert_int_equal(count, in.data[0] & 0x1f);
        test_vector_free(in);
    }
    make_example(&e);
    e.components[1] = e.components[0];
    e.components[1].type = e.components[1].version = e.components[1].description =
        (struct atls_bytes){NULL, 0};
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_psa_components_write(&w, &e.components[1], 1), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, expected = test_bytes("81" COMPONENT));
    test_vector_free(expected);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_psa_components_write(&w, e.components, 0), -EINVAL);
    assert_int_equal(atls_psa_components_write(&w, e.components, ATLS_PSA_COMPONENTS_MAX + 1),
                     -EINVAL);
}

/* The most that there may be, written and read; a reader with room for fewer says so. */
static void reads_as_many_components_as_may_be(void **state)
{
    static const uint8_t digest[32] = {1}, signer[32] = {2};
    struct atls_psa_component *components = malloc(ATLS_PSA_COMPONENTS_MAX * sizeof *components);
    uint8_t *room = malloc(1 << 20);
    struct atls_cbor_writer w;
    struct atls_bytes out;
    size_t count = 0;

    assert_true(components && room);
    for (size_t i = 0; i < ATLS_PSA_COMPONENTS_MAX; i++)
        components[i] = (struct atls_psa_component){
            .type = atls_bytes_of_text("M1234"),
            .value = ATLS_BYTES(digest, sizeof digest),
            .version = atls_bytes_of_text("1.2.3"),
            .signer_id = ATLS_BYTES(signer, sizeof signer),
            .description = atls_bytes_of_text("sha-256"),
        };
    atls_cbor_write_init(&w, room, 1 << 20);
    assert_int_equal(atls_psa_components_write(&w, components, ATLS_PSA_COMPONENTS_MAX), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    assert_int_equal(
        atls_psa_components_parse(out, components, ATLS_PSA_COMPONENTS_MAX - 1, &count),
        ATLS_E_LIMIT);
    assert_int_equal(atls_psa_components_parse(out, components, ATLS_PSA_COMPONENTS_MAX, &count),
                     0);
    assert_int_equal(count, ATLS_PSA_COMPONENTS_MAX);
    test_same_bytes(components[count - 1].type, atls_bytes_of_text("M1234"));
    free(components);
    free(room);
}

/* Signed with either curve, tagged or not, and read back; the scratch buffer may not be too small.
 */
static void writes_tokens_that_verify(void **state)
{
    static const uint8_t seed[32] = {9};
    uint8_t buffer[1024], scratch[1024];
    struct atls_bytes out = {NULL, 0};
    struct atls_cbor_writer w;
    struct example e;

    make_example(&e);
    for (int kind = 0; kind < 4; kind++) {
        struct atls_private_key key;
        struct atls_local_signer local = {&atls_crypto_hosted, &key};
        struct atls_signer signer;
        struct atls_cose_sign1 message;
        struct atls_psa_component read[2];
        struct atls_psa_claims claims;

        assert_int_equal(atls_crypto_hosted.make_key(kind & 1 ? ATLS_P384 : ATLS_P256, seed, &key),
                         0);
        signer = atls_signer_local(&local);
        atls_cbor_write_init(&w, buffer, sizeof buffer);
        assert_int_equal(atls_psa_token_write(&w, kind & 2, &e.claims, &atls_crypto_hosted, &signer,
                                              scratch, sizeof scratch),
                         0);
        assert_int_equal(atls_cbor_write_done(&w, &out), 0);
        assert_int_equal(out.data[0], kind & 2 ? 0xd2 : 0x84);
        test_outcome(atls_cose_sign1_parse(out, ATLS_COSE_TAG_EITHER, NULL, &message), 0, NULL);
        test_outcome(atls_cose_sign1_verify(&message, &atls_crypto_hosted, &key.public_key), 0,
                     NULL);
        test_outcome(atls_psa_claims_parse(message.payload, read, 2, &claims), 0, NULL);
        assert_true(atls_bytes_equal(claims.nonce, e.claims.nonce));
        atls_cbor_write_init(&w, buffer, sizeof buffer);
        test_outcome(
            atls_psa_token_write(&w, true, &e.claims, &atls_crypto_hosted, &signer, scratch, 100),
            ATLS_E_LIMIT, NULL);
    }
}

static const struct vector {
    const char *name, *key; /* key: NULL where none is known to fit */
    enum atls_psa_profile profile;
    int32_t client_id;
    size_t components;
    const char *first_type, *first_version, *service;
    const char *nonce; /* hexadecimal */
} vectors[] = {
    {"psa/services/psa.good.cose", "keys/ec.p256.jwk", ATLS_PSA_ARM_2, 1, 3, "BL", "2.1.0",
     "https://psa-verifier.org",
     "414a7c174141b3d0e9a1d28af31520f0d42299feac4007ded89d68ae6cd92f19"},
    {"psa/services/psaintegtoken.cbor", "keys/ec.p256.jwk", ATLS_PSA_ARM_2, 1, 3, "BL", "",
     "https://psa-verifier.org",
     "414a7c174141b3d0e9a1d28af31520f0d42299feac4007ded89d68ae6cd92f19"},
    {"psa/services/psa-token.cbor", NULL, ATLS_PSA_ARM_1, 2, 4, "BL", "3.4.2", "",
     "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"},
    {"psa/tf-m/psa-iot-1_sign1.bin", "psa/tf-m/public.pem", ATLS_PSA_ARM_1, 3002, 2, "SPE", "1.6.0",
     "www.trustedfirmware.org", H64("00")},
    {"psa/tf-m/psa-2_0_0_sign1.bin", "psa/tf-m/public.pem", ATLS_PSA_ARM_2, 3002, 2, "SPE", "1.6.0",
     "www.trustedfirmware.org", H64("00")},
};

static struct atls_public_key read_key(const char *name)
{
    struct atls_bytes text = test_vector(name);
    struct atls_public_key key;

    if (strstr(name, ".pem")) {
        assert_int_equal(atls_pem_read_public_key(text, &key), 0);
    } else {
        json_t *jwk = json_loadb((const char *)text.data, text.size, 0, NULL);

        assert_int_equal(atls_jwk_to_public_key(jwk, &key), 0);
        json_decref(jwk);
    }
    test_vector_free(text);
    return key;
}

static void reads_tokens_of_others(void **state)
{
    const struct vector *row = *state;
    struct atls_bytes token = test_vector(row->name), nonce = test_bytes(row->nonce);
    struct atls_psa_component components[STORAGE];
    struct atls_cose_sign1 message;
    struct atls_psa_claims claims;

    test_outcome(atls_cose_sign1_parse(token, ATLS_COSE_TAG_REQUIRED, NULL, &message), 0, NULL);
    test_outcome(atls_psa_claims_parse(message.payload, components, STORAGE, &claims), 0, NULL);
    assert_int_equal(claims.profile, row->profile);
    assert_int_equal(claims.client_id, row->client_id);
    assert_int_equal(claims.lifecycle, ATLS_PSA_SECURED);
    assert_int_equal(claims.component_count, row->components);
    assert_true(atls_bytes_is_text(components[0].type, row->first_type));
    assert_true(atls_bytes_is_text(components[0].version, row->first_version));
    assert_true(atls_bytes_is_text(claims.verification_service, row->service));
    test_same_bytes(claims.nonce, nonce);
    if (row->key) {
        struct atls_public_key key = read_key(row->key);

        test_outcome(atls_cose_sign1_verify(&message, &atls_crypto_hosted, &key), 0, NULL);
        key = read_key("keys/ec.p256.alt.jwk");
        test_outcome(atls_cose_sign1_verify(&message, &atls_crypto_hosted, &key), ATLS_E_SIGNATURE,
                     NULL);
    }
    test_outcome(atls_psa_claims_parse(message.payload, components, row->components - 1, &claims),
                 ATLS_E_LIMIT, COMPONENTS_CLAUSE);
    test_vector_free(token);
    test_vector_free(nonce);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, writes_all_claims_exactly);
    TEST_ADD(&list, writes_mandatory_claims_exactly);
    TEST_ADD(&list, writes_encoded_components);
    TEST_ADD(&list, writer_refuses_what_rfc9783_forbids);
    TEST_ADD(&list, keeps_the_boot_record_alone);
    TEST_ADD(&list, reads_as_many_components_as_may_be);
    TEST_ADD(&list, writes_tokens_that_verify);
    TEST_ADD_ROWS(&list, reads_tokens_of_others, vectors);
    return test_run("psa-write", &list);
}
