/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EAR as a CWT: the claims in CBOR, of which each row is a whole map, and the COSE_Sign1 around
 * them. The example of the draft, and what Veraison's library for Rust writes, are read.
 */
#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/ear/ear-labels.h"
#include "rats/ear/test-ear.h"
#include "rats/json/test-jws.h"
#include "rats/test/test-key.h"
#include "rats/test/test-table.h"

#define EAR "draft-ietf-rats-ear-03 section 3"
#define DATE "RFC 8392 section 2"
#define WHOLE "RFC 9711 section 4.3.1"
#define NONCE "RFC 9711 section 4.1"
#define VECTOR "draft-ietf-rats-ar4si section 2.3"

/* Members of the map: labels with their values. */
#define PROFILE "19 0109 78 1d 7461673a696574662e6f72672c323032363a726174732f656172233033"
#define PROFILE_04 "19 0109 78 1d 7461673a696574662e6f72672c323032363a726174732f656172233034"
#define VERAISON "19 0109 78 20 7461673a6769746875622e636f6d2c323032333a7665726169736f6e2f656172"
#define IAT "06 1a 6553f100"
#define ID "19 03ec a2 00 61 64 01 61 62"
#define AFFIRMING "19 03e8 02"
#define SUBMODS_OF(appraisal) "19 010a a1 67 5053415f494f54 " appraisal
#define SUBMODS SUBMODS_OF("a1 " AFFIRMING)
#define REST PROFILE ID SUBMODS
#define SPKI                                                                                       \
    "3059301306072a8648ce3d020106082a8648ce3d030107034200047fcdce2770f6c45d4183cbee6fdb4b7b5807"   \
    "33357be9ef13bacf6e3c7bd15445c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad"

static const struct claims_case {
    const char *name, *hex;
    int outcome;
    const char *clause; /* NULL: not looked at */
} claims_cases[] = {
    {"EAR 3 the least there is", "a4" IAT REST, 0, NULL},
    {"EAR 3 of draft-04", "a4" IAT PROFILE_04 ID SUBMODS, 0, NULL},
    {"EAR 3 of Veraison", "a4" IAT VERAISON ID SUBMODS, 0, NULL},
    {"EAR 3 members in any order", "a4" SUBMODS ID PROFILE IAT, 0, NULL},
    {"RFC8949 3.2.2 a map of indefinite length", "bf" IAT REST "ff", 0, NULL},
    {"RFC8949 4.1 a longer head", "a4 1806 1a 6553f100" REST, 0, NULL},
    {"EAR 4 unknown claims are ignored", "a7" IAT "19 03ea 41 00 20 63 666f6f 63 6a7469 61 78" REST,
     0, NULL},
    {"EAR 3 a name of JSON is no claim", "a5" IAT REST "63 657870 01", 0, NULL},
    {"EAR 4 a label in chunks", "a5 7f 61 78 61 78 ff 00" IAT REST, ATLS_E_UNSUPPORTED, NULL},
    {"EAR 3 no profile", "a3" IAT ID SUBMODS, ATLS_E_MISSING, EAR},
    {"EAR 3 no iat", "a3" REST, ATLS_E_MISSING, EAR},
    {"EAR 3 no verifier id", "a3" IAT PROFILE SUBMODS, ATLS_E_MISSING, EAR},
    {"EAR 3 no submods", "a3" IAT PROFILE ID, ATLS_E_MISSING, EAR},
    {"EAR 3 no submod", "a4" IAT PROFILE ID "19 010a a0", ATLS_E_MALFORMED, EAR},
    {"EAR 3 another profile", "a4" IAT "19 0109 61 78" ID SUBMODS, ATLS_E_UNSUPPORTED, EAR},
    {"EAR 3 a profile in bytes", "a4" IAT "19 0109 41 78" ID SUBMODS, ATLS_E_MALFORMED, EAR},
    {"EAR 3 a profile with U+0000", "a4" IAT "19 0109 61 00" ID SUBMODS, ATLS_E_UNSUPPORTED, EAR},
    {"RFC7519 names of JSON in CBOR", "a4 63 696174 1a 6553f100" REST, ATLS_E_MISSING, EAR},
    {"RFC8949 5.6 iat twice", "a5" IAT IAT REST, ATLS_E_MALFORMED, NULL},
    {"RFC8949 5.6 iat twice, once with a longer head", "a5" IAT "1806 01" REST, ATLS_E_MALFORMED,
     NULL},
    {"RFC8949 5.6 a submod twice",
     "a4" IAT PROFILE ID "19 010a a2 61 61 a1" AFFIRMING "61 61 a1" AFFIRMING, ATLS_E_MALFORMED,
     NULL},
    {"RFC8949 5.3 a byte behind", "a4" IAT REST "00", ATLS_E_MALFORMED, NULL},
    {"RFC8949 5.3 cut off", "a5" IAT REST, ATLS_E_MALFORMED, NULL},
    {"RFC8949 3 an array", "84" IAT REST, ATLS_E_MALFORMED, NULL},
    {"RFC8949 3.1 text that is not UTF-8", "a5 01 61 ff" IAT REST, ATLS_E_MALFORMED, NULL},
    {"RFC9711 4.3.1 iat a float", "a4 06 fb 41d954fc40000000" REST, ATLS_E_MALFORMED, WHOLE},
    {"RFC9711 4.3.1 iat a float of Veraison", "a4 06 fb 41d954fc40000000" VERAISON ID SUBMODS,
     ATLS_E_MALFORMED, WHOLE},
    {"RFC8392 2 iat with tag 1", "a4 06 c1 1a 6553f100" REST, ATLS_E_MALFORMED, DATE},
    {"RFC8392 2 iat a text", "a4 06 61 31" REST, ATLS_E_MALFORMED, DATE},
    {"RFC7519 2 iat 0", "a4 06 00" REST, ATLS_E_MALFORMED, "RFC 7519 section 2"},
    {"RFC7519 2 iat negative", "a4 06 20" REST, ATLS_E_MALFORMED, "RFC 7519 section 2"},
    {"RFC8392 2 iat above 2^63", "a4 06 1b ffffffffffffffff" REST, ATLS_E_MALFORMED, NULL},
    {"RFC8259 6 iat above 2^53", "a4 06 1b 0020000000000000" REST, ATLS_E_MALFORMED, NULL},
    {"EAR 3 exp",
     "a5"
     "04 1a 6553f22c" IAT REST,
     0, NULL},
    {"EAR 3 exp a float",
     "a5"
     "04 fb 41d954fc8b000000" IAT REST,
     ATLS_E_MALFORMED, EAR},
    {"RFC8392 3.1.4 exp a float of Veraison", "a5 04 fb 41d954fc8b000000" IAT VERAISON ID SUBMODS,
     0, NULL},
    {"RFC8392 2 exp NaN", "a5 04 f9 7e00" IAT VERAISON ID SUBMODS, ATLS_E_MALFORMED, DATE},
    {"RFC8392 2 nbf infinite", "a5 05 f9 7c00" IAT REST, ATLS_E_MALFORMED, DATE},
    {"RFC8392 3.1.5 nbf a float", "a5 05 fb 41d954fc40200000" IAT REST, 0, NULL},
    {"RFC8392 3.1.1 iss", "a5 01 61 78" IAT REST, 0, NULL},
    {"RFC8392 3.1.1 iss in bytes", "a5 01 41 78" IAT REST, ATLS_E_MALFORMED, EAR},
    {"RFC8392 3.1.1 iss with U+0000", "a5 01 61 00" IAT REST, ATLS_E_MALFORMED, EAR},
    {"RFC7519 4.1.3 aud", "a5 03 61 78" IAT REST, 0, NULL},
    {"RFC7519 4.1.3 aud, several", "a5 03 82 61 78 61 79" IAT REST, 0, NULL},
    {"RFC7519 4.1.3 aud in bytes", "a5 03 41 78" IAT REST, ATLS_E_MALFORMED, EAR},
    {"RFC7519 4.1.3 aud, one a number", "a5 03 82 61 78 01" IAT REST, ATLS_E_MALFORMED, EAR},
    {"RFC9711 4.1 nonce", "a5" IAT "0a 48 0001020304050607" REST, 0, NULL},
    {"RFC9711 4.1 nonce of 7 bytes", "a5" IAT "0a 47 00010203040506" REST, ATLS_E_MALFORMED, NONCE},
    {"RFC9711 4.1 nonce of no bytes", "a5" IAT "0a 40" REST, ATLS_E_MALFORMED, NONCE},
    {"RFC9711 4.1 nonce, a text", "a5" IAT "0a 6b 41414543417751464267634943" REST,
     ATLS_E_MALFORMED, NULL},
    {"RFC9711 4.1 two nonces", "a5" IAT "0a 82 48 0001020304050607 48 0001020304050607" REST,
     ATLS_E_UNSUPPORTED, NONCE},
    {"RFC9711 4.1 nonce in chunks", "a5" IAT "0a 5f 44 00010203 44 04050607 ff" REST,
     ATLS_E_UNSUPPORTED, NULL},
    {"EAR 3 status of the whole", "a5" IAT REST "19 03e8 18 60", 0, NULL},
    {"EAR 3 status of the whole, unknown", "a5" IAT REST "19 03e8 03", ATLS_E_MALFORMED, EAR},
    {"EAR 3 status, a word of JSON",
     "a4" IAT PROFILE ID SUBMODS_OF("a1 19 03e8 69 61666669726d696e67"), ATLS_E_MALFORMED, EAR},
    {"EAR 3 status 1", "a4" IAT PROFILE ID SUBMODS_OF("a1 19 03e8 01"), ATLS_E_MALFORMED, EAR},
    {"EAR 3 status -1", "a4" IAT PROFILE ID SUBMODS_OF("a1 19 03e8 20"), ATLS_E_MALFORMED, EAR},
    {"EAR 3 status a float", "a4" IAT PROFILE ID SUBMODS_OF("a1 19 03e8 f9 4000"), ATLS_E_MALFORMED,
     EAR},
    {"EAR 3 no status", "a4" IAT PROFILE ID SUBMODS_OF("a0"), ATLS_E_MISSING, EAR},
    {"EAR 3 a submod that is bytes", "a4" IAT PROFILE ID SUBMODS_OF("41 00"), ATLS_E_MALFORMED,
     EAR},
    {"RFC9711 4.2.18 a submod that is a token",
     "a4" IAT PROFILE ID SUBMODS_OF("82 63 4a5754 61 78"), ATLS_E_MALFORMED, EAR},
    {"EAR 3 a submod's name is a number", "a4" IAT PROFILE ID "19 010a a1 01 a1" AFFIRMING,
     ATLS_E_MALFORMED, EAR},
    {"RFC8949 6.1 a submod's name has U+0000", "a4" IAT PROFILE ID "19 010a a1 61 00 a1" AFFIRMING,
     ATLS_E_UNSUPPORTED, "RFC 8949 section 6.1"},
    {"AR4SI 2.3 the vector",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a3 00 02 02 18 60 07 38 7f"), 0, NULL},
    {"AR4SI 2.3 an unknown claim",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a1 08 02"), ATLS_E_MALFORMED, VECTOR},
    {"AR4SI 2.3 a name of JSON",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a1 68 6861726477617265 02"),
     ATLS_E_MALFORMED, EAR},
    {"AR4SI 2.3 a claim of 128",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a1 04 18 80"), ATLS_E_MALFORMED,
     VECTOR},
    {"AR4SI 2.3 a claim of -129",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a1 04 38 80"), ATLS_E_MALFORMED,
     VECTOR},
    {"AR4SI 2.3 a claim that is a float",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a1 04 f9 4000"), ATLS_E_MALFORMED, EAR},
    {"AR4SI 2.3 the vector an array",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 81 02"), ATLS_E_MALFORMED, EAR},
    {"EAR 3 policies", "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03eb 82 61 70 61 71"), 0,
     NULL},
    {"EAR 3 no policy", "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03eb 80"),
     ATLS_E_MALFORMED, EAR},
    {"EAR 3 one policy, not in an array",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03eb 61 70"), ATLS_E_MALFORMED, EAR},
    {"EAR 3 one policy of Veraison",
     "a4" IAT VERAISON ID SUBMODS_OF("a2" AFFIRMING "19 03eb 61 70"), 0, NULL},
    {"EAR 3 a policy in bytes", "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03eb 81 41 70"),
     ATLS_E_MALFORMED, EAR},
    {"EAR 4 evidence",
     "a4" IAT PROFILE ID SUBMODS_OF(
         "a2" AFFIRMING "3a 0001116f a8 61 61 01 61 62 41 ff 61 63 81 f6 61 64 f5 61 65 f9 3e00 61 "
         "66 c1 00 61 67 f9 7c00 01 a1 20 1b ffffffffffffffff"),
     0, NULL},
    {"EAR 4 evidence that is no map",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 0001116f 80"), ATLS_E_MALFORMED, EAR},
    {"RFC8949 6.1 a name that JSON spells as another",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 0001116f a2 01 01 61 31 01"),
     ATLS_E_MALFORMED, "RFC 8949 section 6.1"},
    {"RFC8949 6.1 a name that is bytes",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 00011170 a1 41 31 01"), ATLS_E_MALFORMED,
     EAR},
    {"EAR 4 the key",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 00011171 a1 65 616b707562 58 5b" SPKI), 0,
     NULL},
    {"EAR 4 the key, as rust-ear labels it",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 00011171 a1 00 58 5b" SPKI), ATLS_E_MISSING,
     EAR},
    {"EAR 4 the key of Veraison",
     "a4" IAT VERAISON ID SUBMODS_OF("a2" AFFIRMING "3a 00011171 a1 00 58 5b" SPKI), 0, NULL},
    {"EAR 4 no key", "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 00011171 a0"),
     ATLS_E_MISSING, EAR},
    {"EAR 4 the key, a text",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 00011171 a1 65 616b707562 61 78"),
     ATLS_E_MALFORMED, EAR},
    {"RFC5480 2 the key, no SubjectPublicKeyInfo",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 00011171 a1 65 616b707562 42 3000"),
     ATLS_E_MALFORMED, NULL},
    {"AR4SI 3.3 verifier id, no build", "a4" IAT PROFILE "19 03ec a1 00 61 64" SUBMODS,
     ATLS_E_MISSING, EAR},
    {"AR4SI 3.3 verifier id, a number", "a4" IAT PROFILE "19 03ec a2 00 61 64 01 01" SUBMODS,
     ATLS_E_MALFORMED, EAR},
    {"AR4SI 3.3 verifier id, an array", "a4" IAT PROFILE "19 03ec 82 61 64 61 62" SUBMODS,
     ATLS_E_MALFORMED, EAR},
    {"AR4SI 3.3 verifier id, names of JSON",
     "a4" IAT PROFILE "19 03ec a2 69 646576656c6f706572 61 64 65 6275696c64 61 62" SUBMODS,
     ATLS_E_MISSING, EAR},
};

static void test_claims(void **state)
{
    const struct claims_case *c = *state;
    struct atls_bytes in = test_bytes(c->hex);
    struct atls_ear ear;
    int result = atls_ear_parse_cbor(in, &ear);

    test_outcome(result, c->outcome, c->clause);
    if (!result)
        atls_ear_clear(&ear);
    test_vector_free(in);
}

/* Where an error's clause is the same for several faults: which of them it tells of. */
static const struct told {
    const char *name, *hex, *text;
} told[] = {
    {"AR4SI 2.3 told: a claim of no row",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a1 08 02"),
     "EAR ear_trustworthiness_vector: unknown claim 8"},
    {"AR4SI 2.3 told: a negative one",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a1 20 02"),
     "EAR ear_trustworthiness_vector: unknown claim -1"},
    {"AR4SI 2.3 told: a label that is text",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a2 61 61 02 00 02"),
     "label of a trust claim: expected an unsigned integer, came a text string at byte 72"},
    {"AR4SI 2.3 told: a claim that is text",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "19 03e9 a2 00 61 61 02 02"),
     "trust claim: expected an unsigned integer, came a text string at byte 73"},
    {"EAR 3 told: a tier of no row", "a4" IAT PROFILE ID SUBMODS_OF("a1 19 03e8 03"),
     "EAR ear_status: expected 0, 2, 32 or 96, came 3"},
    {"EAR 3 told: a tier that is text", "a4" IAT PROFILE ID SUBMODS_OF("a1 19 03e8 61 61"),
     "ear_status: expected an unsigned integer, came a text string at byte 67"},
    {"RFC8949 6.1 told: a name twice",
     "a4" IAT PROFILE ID SUBMODS_OF("a2" AFFIRMING "3a 0001116f a2 01 01 61 31 01"),
     "EAR: expected the name 1 once"},
};

static void test_told(void **state)
{
    const struct told *row = *state;
    struct atls_bytes in = test_bytes(row->hex);
    struct atls_ear ear;

    assert_int_equal(atls_ear_parse_cbor(in, &ear), ATLS_E_MALFORMED);
    assert_string_equal(atls_error_text(), row->text);
    test_vector_free(in);
}

/* RFC 8949 section 6.1: whatever CBOR has, as JSON has it, or null. */
static void test_evidence_as_json(void **state)
{
    struct atls_bytes in = test_bytes("a4" IAT PROFILE ID SUBMODS_OF(
        "a2" AFFIRMING
        "3a 0001116f b3 00 01 20 21 6161 1b 7fffffffffffffff 6162 1b 8000000000000000 "
        "6163 3b 7fffffffffffffff 6164 3b ffffffffffffffff 6165 f9 3e00 6166 fb 3ff199999999999a "
        "6167 f9 7c00 6168 f9 7e00 6169 41 ff 616a f4 616b f5 616c f6 616d f7 616e e0 "
        "616f 83 01 a1 02 80 a0 6170 c1 63 616263 6171 60"));
    static const char text[] =
        "{\"0\":1,\"-1\":-2,\"a\":9223372036854775807,\"b\":9223372036854775808.0,"
        "\"c\":-9223372036854775808,\"d\":-18446744073709551616.0,\"e\":1.5,\"f\":1.1,"
        "\"g\":null,\"h\":null,\"i\":\"_w\",\"j\":false,\"k\":true,\"l\":null,\"m\":null,"
        "\"n\":null,\"o\":[1,{\"2\":[]},{}],\"p\":\"abc\",\"q\":\"\"}";
    json_t *expected = json_loads(text, 0, NULL);
    struct atls_ear ear;

    assert_non_null(expected);
    test_outcome(atls_ear_parse_cbor(in, &ear), 0, NULL);
    if (!json_equal(ear.submods[0].annotated_evidence, expected))
        fail_msg("came %s", json_dumps(ear.submods[0].annotated_evidence, JSON_SORT_KEYS));
    atls_ear_clear(&ear);
    json_decref(expected);
    test_vector_free(in);
}

/* Figure "CBOR claims-set: contraindicated appraisal" of draft-ietf-rats-ear-03 section 3. */
static void test_example_of_the_draft(void **state)
{
    struct atls_bytes in = test_bytes(
        "a5190109781d7461673a696574662e6f72672c323032363a726174732f656172233033061a635537a019"
        "03eca200781c68747470733a2f2f7665726169736f6e2d70726f6a6563742e6f7267016976747320302e"
        "302e311903ea4b6c696665626f61746d616e19010aa163505341a31903e818601903e9a3000202186004"
        "021903eb81782a68747470733a2f2f7665726169736f6e2e6578616d706c652f706f6c6963792f312f36"
        "30613030363864");
    struct atls_ear ear;

    assert_int_equal(atls_ear_parse_cbor(in, &ear), 0);
    assert_int_equal(ear.dialect, ATLS_EAR_DRAFT_03);
    assert_int_equal(ear.issued_at, 1666529184);
    assert_string_equal(ear.developer, "https://veraison-project.org");
    assert_string_equal(ear.build, "vts 0.0.1");
    assert_int_equal(ear.submod_count, 1);
    assert_string_equal(ear.submods[0].name, "PSA");
    assert_int_equal(ear.submods[0].status, ATLS_TIER_CONTRAINDICATED);
    assert_int_equal(ear.submods[0].trust_vector[ATLS_EXECUTABLES], 96);
    assert_int_equal(ear.submods[0].trust_vector[ATLS_HARDWARE], 2);
    assert_false(ear.submods[0].has_claim[ATLS_CONFIGURATION]);
    assert_string_equal(ear.submods[0].policy_id, "https://veraison.example/policy/1/60a0068d");
    atls_ear_clear(&ear);
    test_vector_free(in);
}

/* As the tests of Veraison's rust-ear (src/ear.rs) have it: maps of indefinite length, and an
 * extension. */
static void test_example_of_rust_ear(void **state)
{
    struct atls_bytes in = test_bytes(
        "bf 190109 7820 7461673a6769746875622e636f6d2c323032333a7665726169736f6e2f656172"
        "06 1a635537a0 1903ec a2 00 781c68747470733a2f2f7665726169736f6e2d70726f6a6563742e6f7267"
        "01 6a7673747320302e302e31 19010a a1 6474657374 bf 1903e8 00 20 44deadbeef ff"
        "1903ea 4f 3734373236393733363536330a0a0a 21 182a 20 63666f6f ff");
    struct atls_ear ear;

    assert_int_equal(atls_ear_parse_cbor(in, &ear), 0);
    assert_int_equal(ear.dialect, ATLS_EAR_VERAISON);
    assert_string_equal(ear.build, "vsts 0.0.1");
    assert_string_equal(ear.submods[0].name, "test");
    assert_int_equal(atls_ear_worst_tier(&ear), ATLS_TIER_NONE);
    atls_ear_clear(&ear);
    test_vector_free(in);
}

/* One and the same result in both serializations says the same. */
static void round_trip(enum atls_ear_dialect dialect, const char *alg)
{
    static uint8_t nonce[] = "0123456789abcdef0123456789abcdef";
    json_t *signer = test_jwk(alg), *jwk = test_jwk_public(signer), *other = test_jwk(alg);
    struct atls_ear_submod submods[2] = {{.name = (char *)"b", .status = ATLS_TIER_WARNING},
                                         {.name = (char *)"a", .status = ATLS_TIER_AFFIRMING}};
    struct atls_ear ear = {.dialect = dialect,
                           .issued_at = 1700000000,
                           .expires_at = 1700000300,
                           .not_before = 1699999990,
                           .issuer = (char *)"https://verifier.example",
                           .audience = json_pack("[s, s]", "rp.example", "other.example"),
                           .developer = (char *)"d",
                           .build = (char *)"b",
                           .has_status = true,
                           .status = ATLS_TIER_CONTRAINDICATED,
                           .nonce = nonce,
                           .nonce_size = 32,
                           .submods = submods,
                           .submod_count = 2},
                    read;
    json_t *written, *again;
    uint8_t *token;
    size_t size;

    assert_int_equal(atls_jwk_to_public_key(other, &submods[0].key), 0);
    submods[0].has_key = true;
    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++) {
        submods[0].has_claim[i] = true;
        submods[0].trust_vector[i] = (int)i - 3;
    }
    submods[1].has_claim[ATLS_EXECUTABLES] = true; /* and no other */
    submods[1].trust_vector[ATLS_EXECUTABLES] = 33;
    submods[1].policy_id = (char *)"policy:test";
    submods[1].policy_claims = json_pack("{s:s, s:[i, n, b, f], s:{s:I}}", "atls.reason", "ok", "a",
                                         -500, 1, 1.5, "bb", "large", (json_int_t)INT64_MAX);
    submods[0].annotated_evidence =
        json_pack("{s:{}, s:[], s:i, s:i, s:i}", "object", "array", "z", 1, "y", 2, "x", 3);
    assert_int_equal(atls_ear_write_as(ATLS_EAR_CWT, &ear, signer, &token, &size), 0);
    assert_int_equal(token[0], 0xd2); /* tag 18 */
    assert_int_equal(atls_ear_serialization_of(ATLS_BYTES(token, size)), ATLS_EAR_CWT);
    assert_int_equal(atls_ear_read(ATLS_BYTES(token, size), jwk, &read), 0);
    assert_int_equal(read.dialect, dialect);
    assert_int_equal(atls_ear_claims(&ear, &written), 0);
    assert_int_equal(atls_ear_claims(&read, &again), 0);
    assert_true(json_equal(written, again));
    assert_true(read.has_status && read.status == ATLS_TIER_CONTRAINDICATED);
    json_decref(written);
    json_decref(again);
    atls_ear_clear(&read);

    assert_int_equal(atls_ear_read(ATLS_BYTES(token, size), other, &read), ATLS_E_SIGNATURE);
    for (size_t i = 0; i < size; i++) {
        token[i] ^= 1;
        if (atls_ear_read(ATLS_BYTES(token, size), jwk, &read) == 0)
            fail_msg("byte %zu changed: expected a refusal, it was taken", i);
        token[i] ^= 1;
        assert_int_not_equal(atls_ear_read(ATLS_BYTES(token, i), jwk, &read), 0);
    }
    free(token);
    assert_int_equal(atls_ear_write_as(ATLS_EAR_JWT, &ear, signer, &token, &size), 0);
    assert_int_equal(size, strlen((char *)token));
    free(token);
    json_decref(ear.audience);
    json_decref(submods[1].policy_claims);
    json_decref(submods[0].annotated_evidence);
    json_decref(other);
    json_decref(jwk);
    json_decref(signer);
}

static void test_round_trips(void **state)
{
    for (int dialect = 0; dialect < ATLS_EAR_DIALECTS; dialect++) {
        round_trip((enum atls_ear_dialect)dialect, "ES256");
        round_trip((enum atls_ear_dialect)dialect, "ES384");
    }
}

/* RFC 8949 section 4.2.1: the shorter name first, of two of one length the lesser. */
static void test_order_of_names(void **state)
{
    struct atls_bytes expected = test_bytes("a4 61 61 02 61 62 01 61 63 04 62 6162 03");
    struct atls_ear_submod submod = {.name = (char *)"a", .status = ATLS_TIER_NONE};
    struct atls_ear ear = {.developer = (char *)"d",
                           .build = (char *)"b",
                           .issued_at = 1700000000,
                           .submods = &submod,
                           .submod_count = 1};
    json_t *claims;
    uint8_t *cbor;
    size_t size;

    submod.annotated_evidence = json_pack("{s:i, s:i, s:i, s:i}", "b", 1, "a", 2, "ab", 3, "c", 4);
    assert_int_equal(atls_ear_claims(&ear, &claims), 0);
    assert_int_equal(atls_ear_claims_to_cbor(claims, ear.dialect, &cbor, &size), 0);
    assert_non_null(memmem(cbor, size, expected.data, expected.size));
    free(cbor);
    json_decref(claims);
    json_decref(submod.annotated_evidence);
    test_vector_free(expected);
}

/* Claims of any size: what the first guess at their room has no place for, too. */
static void test_sizes(void **state)
{
    static char text[70001];
    json_t *signer = test_jwk("ES256"), *jwk = test_jwk_public(signer);

    for (size_t size = 1500; size < sizeof text; size += size < 2100 ? 50 : 10000) {
        struct atls_ear_submod submod = {.name = (char *)"a", .status = ATLS_TIER_NONE};
        struct atls_ear ear = {.developer = (char *)"d",
                               .build = (char *)"b",
                               .issued_at = 1700000000,
                               .issuer = text,
                               .submods = &submod,
                               .submod_count = 1},
                        read;
        uint8_t *token;
        size_t token_size;

        memset(text, 'l', size);
        text[size] = '\0';
        assert_int_equal(atls_ear_write_as(ATLS_EAR_CWT, &ear, signer, &token, &token_size), 0);
        assert_int_equal(atls_ear_read(ATLS_BYTES(token, token_size), jwk, &read), 0);
        assert_string_equal(read.issuer, text);
        atls_ear_clear(&read);
        free(token);
    }
    json_decref(jwk);
    json_decref(signer);
}

/* A COSE_Sign1 made by hand: its protected header, what is around it, and its payload. */
static const struct message_case {
    const char *name, *front, *header, *unprotected, *behind;
    int outcome;
    bool nil;
} message_cases[] = {
    {"RFC9052 4.2 tagged", "d2", "a1 01 26", "a0", "", 0, false},
    {"RFC9052 4.2 untagged", "", "a1 01 26", "a0", "", 0, false},
    {"RFC8392 6 CWT tag", "d83d d2", "a1 01 26", "a0", "", 0, false},
    {"RFC9052 3.1 kid", "d2", "a1 01 26", "a1 04 41 31", "", 0, false},
    {"RFC8392 6 CWT tag alone", "d83d", "a1 01 26", "a0", "", ATLS_E_MALFORMED, false},
    {"RFC8392 6 CWT tag twice", "d83d d83d d2", "a1 01 26", "a0", "", ATLS_E_MALFORMED, false},
    {"RFC8392 6 the tags the other way round", "d2 d83d", "a1 01 26", "a0", "", ATLS_E_MALFORMED,
     false},
    {"RFC9052 4.2 the tag of COSE_Mac0", "d1", "a1 01 26", "a0", "", ATLS_E_MALFORMED, false},
    {"RFC9052 4.2 a byte behind", "d2", "a1 01 26", "a0", "00", ATLS_E_MALFORMED, false},
    {"RFC9052 4.2 nil payload", "d2", "a1 01 26", "a0", "", ATLS_E_UNSUPPORTED, true},
    {"RFC9052 3.1 crit", "d2", "a3 01 26 02 81 1864 1864 00", "a0", "", ATLS_E_UNSUPPORTED, false},
    {"RFC9052 3.1 crit in the other bucket", "d2", "a1 01 26", "a1 02 81 01", "", ATLS_E_MALFORMED,
     false},
    {"RFC9052 3.1 no alg", "d2", "a0", "a0", "", ATLS_E_MISSING, false},
    {"RFC9052 3.1 alg in the other bucket", "d2", "a0", "a1 01 26", "", ATLS_E_MISSING, false},
    {"RFC9053 2.1 alg 0, reserved", "d2", "a1 01 00", "a0", "", ATLS_E_UNSUPPORTED, false},
    {"RFC9053 2.1 ES384 by a key on P-256", "d2", "a1 01 38 22", "a0", "", ATLS_E_SIGNATURE, false},
    {"RFC9053 2.1 ES512", "d2", "a1 01 38 23", "a0", "", ATLS_E_UNSUPPORTED, false},
    {"RFC9053 2.2 EdDSA", "d2", "a1 01 27", "a0", "", ATLS_E_UNSUPPORTED, false},
    {"RFC9053 3.1 HMAC", "d2", "a1 01 05", "a0", "", ATLS_E_UNSUPPORTED, false},
    {"RFC9052 3 alg twice", "d2", "a2 01 26 01 26", "a0", "", ATLS_E_MALFORMED, false},
    {"RFC9052 3 alg in both buckets", "d2", "a1 01 26", "a1 01 26", "", ATLS_E_MALFORMED, false},
};

static struct atls_bytes make_message(const struct message_case *c,
                                      const struct atls_private_key *key)
{
    struct atls_bytes front = test_bytes(c->front), header = test_bytes(c->header),
                      unprotected = test_bytes(c->unprotected), behind = test_bytes(c->behind),
                      payload = test_bytes("a4" IAT REST);
    static uint8_t message[1024];
    uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX];
    struct atls_cbor_writer w;
    struct atls_bytes body;
    bool p384 = strstr(c->header, "38 22") != NULL;

    assert_int_equal(
        atls_cose_sign1_digest(&atls_crypto_hosted, ATLS_SHA256, header, payload, digest), 0);
    assert_int_equal(atls_crypto_hosted.sign(key, ATLS_BYTES(digest, 32), signature), 0);
    memset(signature + 64, 0, sizeof signature - 64);
    memcpy(message, front.data, front.size);
    atls_cbor_write_init(&w, message + front.size, sizeof message - front.size);
    atls_cbor_write_array(&w, 4);
    atls_cbor_write_bytes(&w, header);
    atls_cbor_write_encoded(&w, unprotected);
    if (c->nil)
        atls_cbor_write_null(&w);
    else
        atls_cbor_write_bytes(&w, payload);
    atls_cbor_write_bytes(&w, ATLS_BYTES(signature, p384 ? 96 : 64));
    assert_int_equal(atls_cbor_write_done(&w, &body), 0);
    memcpy(message + front.size + body.size, behind.data, behind.size);
    body = ATLS_BYTES(message, front.size + body.size + behind.size);
    test_vector_free(front);
    test_vector_free(header);
    test_vector_free(unprotected);
    test_vector_free(behind);
    test_vector_free(payload);
    return body;
}

static void test_messages(void **state)
{
    const struct message_case *c = *state;
    struct atls_private_key key = test_private_key(ATLS_P256, 7);
    json_t *jwk = atls_jwk_of_public_key(&key.public_key);
    struct atls_ear ear;
    struct atls_bytes message = make_message(c, &key);
    int result = atls_ear_read(message, jwk, &ear);

    test_outcome(result, c->outcome, NULL);
    if (c->nil) /* before anybody looks at its signature */
        test_outcome(atls_ear_read_unverified(message, &ear), c->outcome, "RFC 8392 section 7.2");
    if (!result)
        atls_ear_clear(&ear);
    json_decref(jwk);
}

/* RFC 7519 section 6: only a JWT can say that nobody signed it. */
static void test_unsecured(void **state)
{
    static const struct message_case cwt = {"", "d2", "a1 01 26", "a0", "", 0, false};
    struct atls_private_key key = test_private_key(ATLS_P256, 7);
    const struct {
        struct atls_bytes token;
        bool unsecured;
    } cases[] = {
        {atls_bytes_of_text("eyJhbGciOiJub25lIn0.e30."), true},
        {atls_bytes_of_text("eyJhbGciOiJFUzI1NiJ9.e30.AA"), false},
        {make_message(&cwt, &key), false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct atls_ear_token token;

        test_outcome(atls_ear_token_parse(cases[i].token, &token), 0, NULL);
        assert_int_equal(atls_ear_token_is_unsecured(&token), cases[i].unsecured);
        atls_ear_token_clear(&token);
    }
}

static void test_types(void **state)
{
    static const struct {
        enum atls_ear_serialization serialization;
        const char *type;
        bool is;
    } cases[] = {
        {ATLS_EAR_CWT, "application/eat+cwt", true},
        {ATLS_EAR_JWT, "application/eat+jwt", true},
        {ATLS_EAR_CWT, "Application/EAT+CWT", true},
        {ATLS_EAR_CWT, "application/eat+jwt", false},
        {ATLS_EAR_JWT, "application/eat+cwt", false},
        {ATLS_EAR_CWT, "application/eat+cwt; eat_profile=\"tag:ietf.org,2026:rats/ear#03\"", true},
        {ATLS_EAR_CWT, "application/eat+cwt; eat_profile=\"tag:ietf.org,2026:rats/ear#04\"", true},
        {ATLS_EAR_JWT, "application/eat+jwt; eat_profile=\"tag:github.com,2023:veraison/ear\"",
         true},
        {ATLS_EAR_CWT, "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\"",
         false},
        {ATLS_EAR_CWT, "application/eat+cwt;Eat_Profile=\"tag:ietf.org,2026:rats/ear#03\"", true},
        {ATLS_EAR_CWT, "application/eat+cwt;eat_profile=\"tag:ietf.org,2026:RATS/ear#03\"", true},
        {ATLS_EAR_CWT, "application/eat+cwt; a=b", false},
        {ATLS_EAR_CWT, "application/eat-cwt", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(
            atls_ear_is_type(cases[i].serialization, atls_bytes_of_text(cases[i].type)),
            cases[i].is);
    for (int s = 0; s < ATLS_EAR_SERIALIZATIONS; s++)
        for (int d = 0; d < ATLS_EAR_DIALECTS; d++)
            assert_true(
                atls_ear_is_type((enum atls_ear_serialization)s,
                                 atls_bytes_of_text(atls_ear_media_type(
                                     (enum atls_ear_serialization)s, (enum atls_ear_dialect)d))));
    assert_int_equal(atls_ear_serialization_of(ATLS_BYTES("\x80", 1)), ATLS_EAR_CWT);
    assert_int_equal(atls_ear_serialization_of(ATLS_BYTES("\x7f", 1)), ATLS_EAR_JWT);
    assert_int_equal(atls_ear_serialization_of(ATLS_BYTES(NULL, 0)), ATLS_EAR_JWT);
    assert_string_equal(atls_ear_serialization_name(ATLS_EAR_CWT), "cwt");
    assert_string_equal(atls_ear_serialization_name(ATLS_EAR_JWT), "jwt");
    assert_null(atls_ear_serialization_name(ATLS_EAR_SERIALIZATIONS));
}

/* No private key, claims nested too deep, or claims that the reader demands. */
static void test_refused_by_the_writer(void **state)
{
    json_t *signer = test_jwk("ES256"), *jwk = test_jwk_public(signer), *deep = json_object();
    struct atls_ear_submod submod = {.name = (char *)"a", .status = ATLS_TIER_NONE};
    struct atls_ear ear = {.developer = (char *)"d",
                           .build = (char *)"b",
                           .issued_at = 1700000000,
                           .submods = &submod,
                           .submod_count = 1};
    uint8_t *token;
    size_t size;

    assert_int_equal(atls_ear_write_as(ATLS_EAR_CWT, &ear, jwk, &token, &size), -EINVAL);
    for (int i = 0; i < 20; i++)
        deep = json_pack("{s:o}", "a", deep);
    submod.policy_claims = deep;
    assert_int_equal(atls_ear_write_as(ATLS_EAR_CWT, &ear, signer, &token, &size), -EINVAL);
    json_decref(deep);
    submod.policy_claims = NULL;
    ear.developer = NULL;
    assert_int_equal(atls_ear_write_as(ATLS_EAR_CWT, &ear, signer, &token, &size), -EINVAL);
    json_decref(jwk);
    json_decref(signer);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_claims, claims_cases);
    TEST_ADD_ROWS(&list, test_messages, message_cases);
    TEST_ADD_ROWS(&list, test_told, told);
    TEST_ADD(&list, test_evidence_as_json);
    TEST_ADD(&list, test_example_of_the_draft);
    TEST_ADD(&list, test_example_of_rust_ear);
    TEST_ADD(&list, test_round_trips);
    TEST_ADD(&list, test_order_of_names);
    TEST_ADD(&list, test_sizes);
    TEST_ADD(&list, test_unsecured);
    TEST_ADD(&list, test_types);
    TEST_ADD(&list, test_refused_by_the_writer);
    return test_run("ear-cwt", &list);
}
