/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CCA tokens: claims and collections with one thing wrong at a time; tokens of other makers, with
 * their keys; and what ties platform, realm and KAT, with a key, a hash or a bit changed.
 */
#include "rats/test/test-table.h"

#include <errno.h>

#include "rats/tokens/cca.h"

#define SECTION(number) "draft-ffm-rats-cca-token section " number
#define B16 "00112233445566778899aabbccddeeff"
#define B32 B16 B16
#define B48 B32 B16
#define B64 B32 B32

/* Claims of the platform, each with its key. */
#define P_CHALLENGE "0a 5820" B32
#define P_INSTANCE "190100 5821 01" B32
#define P_PROFILE                                                                                  \
    "190109 7823 7461673a61726d2e636f6d2c323032333a6363615f706c6174666f726d23312e302e30"
#define P_LEGACY "190109 781c 687474703a2f2f61726d2e636f6d2f4343412d5353442f312e302e30"
#define P_LIFECYCLE "19095b 193000"
#define P_IMPLEMENTATION "19095c 5820" B32
#define P_COMPONENTS "19095f 81 a3 01 64 54462d4d 02 5820" B32 "05 5820" B32
#define P_SERVICE "190960 63 612f62"
#define P_CONFIG "190961 42 0001"
#define P_HASH "190962 67 7368612d323536"

/* P-384: 1*G, from FIPS 186-4 (SP 800-186 section 3.2.1.4). */
#define G_X                                                                                        \
    "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e387276" \
    "0ab7"
#define G_Y                                                                                        \
    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea" \
    "0e5f"
#define KEY "a4 01 02 20 02 21 5830" G_X "22 5830" G_Y
#define R_PROFILE "190109 781c 7461673a61726d2e636f6d2c323032333a7265616c6d23312e302e30"
#define R_CHALLENGE "0a 5840" B64
#define R_PERSONALIZATION "19accb 5840" B64
#define R_HASH "19accc 67 7368612d323536"
#define R_KEY "19accd 586b" KEY
#define R_POINT "19accd 5861 04" G_X G_Y
#define R_INITIAL "19acce 5820" B32
#define R_EXTENSIBLE "19accf 84 5820" B32 "5820" B32 "5820" B32 "5820" B32
#define R_KEY_HASH "19acd0 67 7368612d323536"

struct row {
    const char *name, *input;
    int outcome;
    const char *clause;
};

/* clang-format off */
static const struct row platform_rows[] = {
    {"all claims", "a9" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_SERVICE P_CONFIG P_HASH, 0, NULL},
    {"without the optional one", "a8" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, 0, NULL},
    {"in another order", "a8" P_HASH P_CONFIG P_COMPONENTS P_IMPLEMENTATION P_LIFECYCLE P_PROFILE P_INSTANCE P_CHALLENGE, 0, NULL},
    {"profile of before", "a8" P_CHALLENGE P_INSTANCE P_LEGACY P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, 0, NULL},
    {"unknown claims", "aa" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH "1a000fffff f6 6161 80", 0, NULL},
    {"a longer head than needed", "a8" P_CHALLENGE P_INSTANCE P_PROFILE "1a0000095b 1a00003000" P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, 0, NULL},
    {"challenge of 48", "a8 0a 5830" B48 P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, 0, NULL},
    {"no profile", "a7" P_CHALLENGE P_INSTANCE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MISSING, SECTION("4.5.1")},
    {"PSA's profile", "a8" P_CHALLENGE P_INSTANCE "190109 7818 687474703a2f2f61726d2e636f6d2f7073612f322e302e30" P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_UNSUPPORTED, SECTION("4.5.1")},
    {"no challenge", "a7" P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MISSING, SECTION("4.3.1")},
    {"challenge of 16", "a8 0a 50" B16 P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MALFORMED, SECTION("4.3.1")},
    {"challenges in an array", "a8 0a 81 5820" B32 P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MALFORMED, SECTION("4.3.1")},
    {"no instance id", "a7" P_CHALLENGE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MISSING, SECTION("4.4.1")},
    {"instance id of 32", "a8" P_CHALLENGE "190100 5820" B32 P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MALFORMED, SECTION("4.4.1")},
    {"instance id of type 02", "a8" P_CHALLENGE "190100 5821 02" B32 P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MALFORMED, SECTION("4.4.1")},
    {"no implementation id", "a7" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MISSING, SECTION("4.4.2")},
    {"implementation id of 33", "a8" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE "19095c 5821 00" B32 P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MALFORMED, SECTION("4.4.2")},
    {"no lifecycle", "a7" P_CHALLENGE P_INSTANCE P_PROFILE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MISSING, SECTION("4.5.2")},
    {"lifecycle 0x7000", "a8" P_CHALLENGE P_INSTANCE P_PROFILE "19095b 197000" P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH, ATLS_E_MALFORMED, SECTION("4.5.2")},
    {"no config", "a7" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_HASH, ATLS_E_MISSING, SECTION("4.5.3")},
    {"empty config", "a8" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS "190961 40" P_HASH, ATLS_E_MALFORMED, SECTION("4.5.3")},
    {"no components", "a7" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_CONFIG P_HASH, ATLS_E_MISSING, SECTION("4.6.1")},
    {"none in the array", "a8" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION "19095f 80" P_CONFIG P_HASH, ATLS_E_MALFORMED, SECTION("4.6.1")},
    {"more components than there is room for", "a8" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION "19095f 83 a0 a0 a0" P_CONFIG P_HASH, ATLS_E_LIMIT, SECTION("4.6.1")},
    {"component without signer", "a8" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION "19095f 81 a1 02 5820" B32 P_CONFIG P_HASH, ATLS_E_MISSING, SECTION("4.6.1")},
    {"no hash algorithm", "a7" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG, ATLS_E_MISSING, SECTION("4.7.2")},
    {"an empty one", "a8" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG "190962 60", ATLS_E_MALFORMED, SECTION("4.7.2")},
    {"two configs", "a9" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_CONFIG P_HASH, ATLS_E_MALFORMED, NULL},
    {"an indefinite length", "bf" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH "ff", ATLS_E_MALFORMED, NULL},
    {"a realm's", "a8" R_PROFILE R_CHALLENGE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_UNSUPPORTED, SECTION("4.5.1")},
    {"bytes behind", "a8" P_CHALLENGE P_INSTANCE P_PROFILE P_LIFECYCLE P_IMPLEMENTATION P_COMPONENTS P_CONFIG P_HASH "00", ATLS_E_MALFORMED, NULL},
    {"an array", "80", ATLS_E_MALFORMED, NULL},
    {"no bytes", "", ATLS_E_MALFORMED, NULL},
};

static const struct row realm_rows[] = {
    {"all claims", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, 0, NULL},
    {"without profile, its key a point", "a7" R_CHALLENGE R_PERSONALIZATION R_HASH R_POINT R_INITIAL R_EXTENSIBLE R_KEY_HASH, 0, NULL},
    {"unknown claims", "aa" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH "01 6161 6178 80", 0, NULL},
    {"another profile", "a8" R_CHALLENGE P_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_UNSUPPORTED, SECTION("4.8.2")},
    {"no challenge", "a7" R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MISSING, SECTION("4.8.1")},
    {"challenge of 32", "a8 0a 5820" B32 R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.1")},
    {"challenge of 65", "a8 0a 5841 00" B64 R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.1")},
    {"challenges in an array", "a8 0a 81 5840" B64 R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.1")},
    {"no personalization value", "a7" R_CHALLENGE R_PROFILE R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MISSING, SECTION("4.8.3")},
    {"personalization value of 32", "a8" R_CHALLENGE R_PROFILE "19accb 5820" B32 R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.3")},
    {"no initial measurement", "a7" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_EXTENSIBLE R_KEY_HASH, ATLS_E_MISSING, SECTION("4.8.4")},
    {"initial measurement of 16", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY "19acce 50" B16 R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.4")},
    {"no extensible measurements", "a7" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_KEY_HASH, ATLS_E_MISSING, SECTION("4.8.5")},
    {"three of them", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL "19accf 83 5820" B32 "5820" B32 "5820" B32 R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.5")},
    {"five of them", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL "19accf 85 5820" B32 "5820" B32 "5820" B32 "5820" B32 "5820" B32 R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.5")},
    {"an empty one", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL "19accf 84 5820" B32 "5820" B32 "40 5820" B32 R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.5")},
    {"no hash algorithm", "a7" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MISSING, SECTION("4.8.6")},
    {"no key", "a7" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MISSING, SECTION("4.8.7")},
    {"a point where a COSE_Key belongs", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_POINT R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, NULL},
    {"a COSE_Key where a point belongs", "a7" R_CHALLENGE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.7")},
    {"a key as a map, not in a string", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH "19accd" KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.7")},
    {"a key that is no point of its curve", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH "19accd 586b a4 01 02 20 02 21 5830" G_X "22 5830" G_X R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, NULL},
    {"a point of the hybrid form", "a7" R_CHALLENGE R_PERSONALIZATION R_HASH "19accd 5861 06" G_X G_Y R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.7")},
    {"a point cut off", "a7" R_CHALLENGE R_PERSONALIZATION R_HASH "19accd 5831 04" G_X R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.7")},
    {"a byte behind the point", "a7" R_CHALLENGE R_PERSONALIZATION R_HASH "19accd 5862 04" G_X G_Y "00" R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, SECTION("4.8.7")},
    {"bytes behind the key", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH "19accd 586c" KEY "00" R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, NULL},
    {"no hash algorithm of the key", "a7" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE, ATLS_E_MISSING, SECTION("4.8.8")},
    {"an unknown one", "a8" R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE "19acd0 63 6d6435", ATLS_E_UNSUPPORTED, SECTION("4.8.8")},
    {"two challenges", "a9" R_CHALLENGE R_CHALLENGE R_PROFILE R_PERSONALIZATION R_HASH R_KEY R_INITIAL R_EXTENSIBLE R_KEY_HASH, ATLS_E_MALFORMED, NULL},
    {"no bytes", "", ATLS_E_MALFORMED, NULL},
};

static const struct row collection_rows[] = {
    {"a CMW", "d9038b a2 19acca 82 190107 41aa 19acd1 82 190107 41bb", 0, NULL},
    {"the older one", "d9018f a2 19acca 41aa 19acd1 41bb", 0, NULL},
    {"the type as text", "d9038b a2 19acca 82 73 6170706c69636174696f6e2f6561742b637774 41aa 19acd1 82 190107 41bb", 0, NULL},
    {"with the indicator of evidence", "d9038b a2 19acca 83 190107 41aa 04 19acd1 82 190107 41bb", 0, NULL},
    {"with another indicator", "d9038b a2 19acca 83 190107 41aa 01 19acd1 82 190107 41bb", ATLS_E_UNSUPPORTED, "RFC 9999 section 3.1"},
    {"no tag", "a2 19acca 41aa 19acd1 41bb", ATLS_E_MALFORMED, SECTION("4.1")},
    {"another tag", "d90190 a2 19acca 41aa 19acd1 41bb", ATLS_E_UNSUPPORTED, SECTION("4.1")},
    {"members of a CMW in the older one", "d9018f a2 19acca 82 190107 41aa 19acd1 82 190107 41bb", ATLS_E_MALFORMED, SECTION("4.1")},
    {"members of the older one in a CMW", "d9038b a2 19acca 41aa 19acd1 41bb", ATLS_E_MALFORMED, SECTION("4.1")},
    {"another type of member", "d9038b a2 19acca 82 190108 41aa 19acd1 82 190107 41bb", ATLS_E_UNSUPPORTED, SECTION("4.1")},
    {"a member of four elements", "d9038b a2 19acca 84 190107 41aa 04 00 19acd1 82 190107 41bb", ATLS_E_MALFORMED, SECTION("4.1")},
    {"no platform token", "d9038b a1 19acd1 82 190107 41bb", ATLS_E_MISSING, SECTION("4.1")},
    {"no realm token", "d9038b a1 19acca 82 190107 41aa", ATLS_E_MISSING, SECTION("4.1")},
    {"an empty realm token", "d9018f a2 19acca 41aa 19acd1 40", ATLS_E_MISSING, SECTION("4.1")},
    {"a third member", "d9018f a3 19acca 41aa 19acd1 41bb 19acd2 41cc", ATLS_E_UNSUPPORTED, SECTION("4.1")},
    {"two platform tokens", "d9018f a3 19acca 41aa 19acca 41aa 19acd1 41bb", ATLS_E_MALFORMED, NULL},
    {"a name for a member", "d9018f a2 6161 41aa 19acd1 41bb", ATLS_E_MALFORMED, SECTION("4.1")},
    {"bytes behind", "d9018f a2 19acca 41aa 19acd1 41bb 00", ATLS_E_MALFORMED, NULL},
};

#define PAT "63 706174 d9018f a2 19acca 41aa 19acd1 41bb"
#define EC256 "a4 01 02 20 01 21 5820 d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13 22 5820 f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120"
#define KAT "63 6b6174"
#define NO_TOKEN "RFC 8949 section 3" /* the platform token of PAT is 0xaa */
static const struct row parsec_rows[] = { /* of those that are good, the token is not */
    {"the token is the next to be looked at", "a2" KAT "d90259 a2 08 a1 01" EC256 "0a 48 0001020304050607" PAT, ATLS_E_MALFORMED, NO_TOKEN},
    {"no kat", "a1" PAT, ATLS_E_MISSING, ATLS_PARSEC_CCA_CLAUSE},
    {"no pat", "a1" KAT "d90259 a2 08 a1 01" EC256 "0a 48 0001020304050607", ATLS_E_MISSING, ATLS_PARSEC_CCA_CLAUSE},
    {"a third member", "a3" KAT "00" PAT "61 78 00", ATLS_E_UNSUPPORTED, ATLS_PARSEC_CCA_CLAUSE},
    {"kat without tag", "a2" KAT "a2 08 a1 01" EC256 "0a 48 0001020304050607" PAT, ATLS_E_MALFORMED, ATLS_PARSEC_CCA_CLAUSE},
    {"kat of another tag", "a2" KAT "d2 80" PAT, ATLS_E_MALFORMED, "RFC 9781 section 2"},
    {"kat without nonce", "a2" KAT "d90259 a1 08 a1 01" EC256 PAT, ATLS_E_MISSING, ATLS_PARSEC_CCA_CLAUSE},
    {"kat without key", "a2" KAT "d90259 a1 0a 48 0001020304050607" PAT, ATLS_E_MISSING, ATLS_PARSEC_CCA_CLAUSE},
    {"a text and a negative number for claims' keys", "a2" KAT "d90259 a4 6161 0a 20 08 08 a1 01" EC256 "0a 48 0001020304050607" PAT, ATLS_E_MALFORMED, NO_TOKEN},
    {"nonce of 64 bytes", "a2" KAT "d90259 a2 08 a1 01" EC256 "0a 5840" B64 PAT, ATLS_E_MALFORMED, NO_TOKEN},
    {"nonce of 7 bytes", "a2" KAT "d90259 a2 08 a1 01" EC256 "0a 47 00010203040506" PAT, ATLS_E_MALFORMED, "RFC 9711 section 4.1"},
    {"nonce of 65 bytes", "a2" KAT "d90259 a2 08 a1 01" EC256 "0a 5841 00" B64 PAT, ATLS_E_MALFORMED, "RFC 9711 section 4.1"},
    {"a thumbprint in cnf", "a2" KAT "d90259 a2 08 a1 05 41 00 0a 48 0001020304050607" PAT, ATLS_E_UNSUPPORTED, "RFC 8747 section 3.1"},
    {"two members in cnf", "a2" KAT "d90259 a2 08 a2 01" EC256 "03 41 00 0a 48 0001020304050607" PAT, ATLS_E_MALFORMED, "RFC 8747 section 3.1"},
    {"two keys", "a2" KAT "d90259 a3 08 a1 01" EC256 "08 a1 01" EC256 "0a 48 0001020304050607" PAT, ATLS_E_MALFORMED, NULL},
    {"bytes behind", "a2" KAT "d90259 a2 08 a1 01" EC256 "0a 48 0001020304050607" PAT "00", ATLS_E_MALFORMED, NULL},
};
/* clang-format on */

static void check_platform(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_psa_component components[2];
    struct atls_cca_platform claims;

    test_outcome(atls_cca_platform_parse(in, components, 2, &claims), row->outcome, row->clause);
    if (row->outcome == 0) {
        assert_int_equal(claims.lifecycle, ATLS_PSA_SECURED);
        assert_int_equal(claims.config.size, 2);
        assert_int_equal(claims.component_count, 1);
        assert_true(atls_bytes_is_text(components[0].type, "TF-M"));
        assert_true(atls_bytes_is_text(claims.hash_algorithm, "sha-256"));
    }
    test_vector_free(in);
}

static void check_realm(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_cca_realm claims;

    test_outcome(atls_cca_realm_parse(in, &claims), row->outcome, row->clause);
    if (row->outcome == 0) {
        assert_int_equal(claims.rak.curve, ATLS_P384);
        assert_int_equal(claims.rak.x[0], 0xaa);
        assert_int_equal(claims.rak.y[47], 0x5f);
        assert_int_equal(claims.extensible[3].size, 32);
        assert_int_equal(claims.rak_hash, ATLS_SHA256);
    }
    test_vector_free(in);
}

/* A claim of another type is told as that, before anybody looks at its size or value. */
static void tells_that_null_came(void **state)
{
    static const char *const all[2][9] = {{P_CHALLENGE, P_INSTANCE, P_PROFILE, P_LIFECYCLE,
                                           P_IMPLEMENTATION, P_COMPONENTS, P_SERVICE, P_CONFIG,
                                           P_HASH},
                                          {R_CHALLENGE, R_PROFILE, R_PERSONALIZATION, R_HASH, R_KEY,
                                           R_INITIAL, R_EXTENSIBLE, R_KEY_HASH, "01 01"}};
    struct atls_psa_component components[2];
    struct atls_cca_platform platform;
    struct atls_cca_realm realm;

    for (int is_realm = 0; is_realm < 2; is_realm++) {
        for (size_t null = 0; null < (is_realm ? 8u : 9u); null++) {
            char text[2048] = "a9";
            size_t used = 2;
            struct atls_bytes in;

            for (size_t i = 0; i < 9; i++) {
                const char *claim = all[is_realm][i];
                size_t size = i == null ? strcspn(claim, " ") : strlen(claim);

                used += (size_t)snprintf(text + used, sizeof text - used, "%.*s%s", (int)size,
                                         claim, i == null ? "f6" : "");
            }
            in = test_bytes(text);
            test_outcome(is_realm ? atls_cca_realm_parse(in, &realm)
                                  : atls_cca_platform_parse(in, components, 2, &platform),
                         ATLS_E_MALFORMED, NULL);
            if (!strstr(atls_error_text(), "came null at byte"))
                fail_msg("%s: %s", all[is_realm][null], atls_error_text());
            test_vector_free(in);
        }
    }
}

static void check_collection(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input), platform, realm;
    enum atls_cca_tag tag;

    test_outcome(atls_cca_collection_split(in, &tag, &platform, &realm), row->outcome, row->clause);
    if (row->outcome == 0) {
        assert_int_equal(platform.data[0], 0xaa);
        assert_int_equal(realm.data[0], 0xbb);
    }
    test_vector_free(in);
}

static void check_parsec(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_parsec_cca evidence;

    test_outcome(atls_parsec_cca_parse(in, NULL, 0, &evidence), row->outcome, row->clause);
    test_vector_free(in);
}

/* What is written is read, and what is read again writes the same bytes. */
static void writes_claims_exactly(void **state)
{
    struct atls_bytes platform = test_bytes(platform_rows[0].input), out;
    struct atls_bytes realm = test_bytes(realm_rows[0].input);
    struct atls_psa_component components[2];
    struct atls_cca_platform platform_claims;
    struct atls_cca_realm realm_claims;
    struct atls_cbor_writer w;
    uint8_t buffer[1024];

    assert_int_equal(atls_cca_platform_parse(platform, components, 2, &platform_claims), 0);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_cca_platform_write(&w, &platform_claims), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, platform);
    assert_int_equal(atls_cca_realm_parse(realm, &realm_claims), 0);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_cca_realm_write(&w, &realm_claims), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, realm);
#define REFUSES(write, claims, place, value, clause)                                               \
    {                                                                                              \
        __typeof__(claims) wrong = (claims);                                                       \
        wrong.place = (value);                                                                     \
        test_outcome(write(&w, &wrong), -EINVAL, clause);                                          \
    }
    REFUSES(atls_cca_platform_write, platform_claims, challenge.size, 31, SECTION("4.2"))
    REFUSES(atls_cca_platform_write, platform_claims, instance_id.size, 32, SECTION("4.2"))
    REFUSES(atls_cca_platform_write, platform_claims, instance_id.data, (const uint8_t *)"\2",
            SECTION("4.2"))
    REFUSES(atls_cca_platform_write, platform_claims, implementation_id.size, 31, SECTION("4.2"))
    REFUSES(atls_cca_platform_write, platform_claims, config.size, 0, SECTION("4.2"))
    REFUSES(atls_cca_platform_write, platform_claims, hash_algorithm.size, 0, SECTION("4.2"))
    REFUSES(atls_cca_platform_write, platform_claims, lifecycle, 0x7000, SECTION("4.2"))
    REFUSES(atls_cca_platform_write, platform_claims, challenge.size, 0, SECTION("4.2"))
    platform_claims.components_encoded.size = 0;
    REFUSES(atls_cca_platform_write, platform_claims, component_count, 0, SECTION("4.2"))
    REFUSES(atls_cca_realm_write, realm_claims, challenge.size, 63, SECTION("4.8"))
    REFUSES(atls_cca_realm_write, realm_claims, personalization.size, 63, SECTION("4.8"))
    REFUSES(atls_cca_realm_write, realm_claims, initial.size, 31, SECTION("4.8"))
    REFUSES(atls_cca_realm_write, realm_claims, hash_algorithm.size, 0, SECTION("4.8"))
    REFUSES(atls_cca_realm_write, realm_claims, extensible[0].size, 31, SECTION("4.8"))
    REFUSES(atls_cca_realm_write, realm_claims, extensible[3].size, 31, SECTION("4.8"))
    test_vector_free(platform);
    test_vector_free(realm);
}

/* SHA-512 of 00112233445566778899aabbccddeeff twice, by sha512sum. */
static void fills_a_challenge_by_either_reading(void **state)
{
    struct atls_bytes nonce = test_bytes(B32), whole = test_bytes(B64), more = test_bytes(B64 "00");
    struct atls_bytes padded =
        test_bytes(B32 "0000000000000000000000000000000000000000000000000000000000000000");
    struct atls_bytes hashed =
        test_bytes("8d5bd163953e797e623e12454b5f0aed81a99c1f84207c227ab55c173223f8d1b0a7abafbc68827"
                   "5fafad0e6616821f559f3ff78c2692918bb231a20e14437c8");
    uint8_t out[ATLS_CCA_CHALLENGE_SIZE];
    struct atls_bytes came = ATLS_BYTES(out, sizeof out);
    const struct atls_crypto *crypto = &atls_crypto_hosted;

    assert_int_equal(atls_cca_challenge_of(crypto, ATLS_CCA_ZERO_PADDED, nonce, out), 0);
    test_same_bytes(came, padded);
    assert_int_equal(atls_cca_challenge_of(crypto, ATLS_CCA_SHA512, nonce, out), 0);
    test_same_bytes(came, hashed);
    assert_int_equal(atls_cca_challenge_of(crypto, ATLS_CCA_ZERO_PADDED, whole, out), 0);
    test_same_bytes(came, whole);
    assert_int_equal(atls_cca_challenge_of(crypto, ATLS_CCA_SHA512, whole, out), 0);
    test_same_bytes(came, whole);
    test_outcome(atls_cca_challenge_of(crypto, ATLS_CCA_SHA512, more, out), ATLS_E_LIMIT,
                 ATLS_CCA_CLAUSE_CHALLENGE);
    test_vector_free(nonce);
    test_vector_free(whole);
    test_vector_free(more);
    test_vector_free(padded);
    test_vector_free(hashed);
}

/* RFC 9711 section 4.1: who writes and who reads agree on what a nonce is. */
static void writes_nonces_that_are_some(void **state)
{
    static const size_t sizes[] = {0, 7, 8, 64, 65};
    static const uint8_t seed[32] = {1}, nonce[65] = {1};
    struct atls_private_key key;
    struct atls_cbor_writer w;
    uint8_t buffer[256];

    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, seed, &key), 0);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        atls_cbor_write_init(&w, buffer, sizeof buffer);
        test_outcome(atls_parsec_cca_kat_write(&w, ATLS_BYTES(nonce, sizes[i]), &key.public_key),
                     sizes[i] < 8 || sizes[i] > 64 ? -EINVAL : 0, NULL);
    }
}

/* Components as a boot loader encoded them go out as they are. */
static void writes_encoded_components(void **state)
{
    struct atls_bytes platform = test_bytes(platform_rows[0].input), out,
                      encoded = test_bytes("81 a3 01 64 54462d4d 02 5820" B32 "05 5820" B32);
    struct atls_psa_component components[2];
    struct atls_cca_platform claims;
    struct atls_cbor_writer w;
    uint8_t buffer[1024];

    assert_int_equal(atls_cca_platform_parse(platform, components, 2, &claims), 0);
    claims.components_encoded = encoded;
    claims.component_count = 0;
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_cca_platform_write(&w, &claims), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, platform);
    test_vector_free(platform);
    test_vector_free(encoded);
}

struct tie { /* between platform, realm and KAT, and what is wrong with it */
    const char *name;
    bool other_signs, other_hashed, other_kat, flipped;
    int signature, binding, kat;
};

static const struct tie ties[] = {
    {"sound", false, false, false, false, 0, 0, 0},
    {"another key signs the realm token", true, false, false, false, ATLS_E_SIGNATURE, 0, 0},
    {"the platform vouches for another key", false, true, false, false, 0, ATLS_E_MISMATCH, 0},
    {"the realm answers another KAT", false, false, true, false, 0, 0, ATLS_E_MISMATCH},
    {"a bit of the realm's signature", false, false, false, true, ATLS_E_SIGNATURE, 0, 0},
};

static struct atls_bytes sign(struct atls_bytes payload, const struct atls_private_key *key,
                              uint8_t *out, size_t size)
{
    struct atls_local_signer local = {&atls_crypto_hosted, key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes message;

    atls_cbor_write_init(&w, out, size);
    assert_int_equal(atls_cose_sign1_write(&w, true, payload, &atls_crypto_hosted, &signer), 0);
    assert_int_equal(atls_cbor_write_done(&w, &message), 0);
    return message;
}

struct made { /* Parsec evidence and what is in it */
    uint8_t kat[256], platform[1024], realm[1024], token[2048], evidence[2560], claims[1024];
    struct atls_private_key rak, cpak, other;
};

static struct atls_bytes make(struct made *m, const struct tie *tie, enum atls_cca_tag tag)
{
    static const uint8_t bytes[64] = {7};
    const struct atls_psa_component component = {.value = ATLS_BYTES(bytes, 32),
                                                 .signer_id = ATLS_BYTES(bytes, 32)};
    uint8_t seed[32] = {1}, hash[64], rak_hash[64], rak_buffer[ATLS_CCA_RAK_ENCODED_MAX];
    static const uint8_t instance[33] = {1};
    struct atls_bytes kat, rak, claims, realm, platform, token, evidence;
    struct atls_cbor_writer w;
    const struct atls_crypto *crypto = &atls_crypto_hosted;

    assert_int_equal(crypto->make_key(ATLS_P384, seed, &m->rak), 0);
    seed[0] = 2;
    assert_int_equal(crypto->make_key(ATLS_P384, seed, &m->cpak), 0);
    seed[0] = 3;
    assert_int_equal(crypto->make_key(ATLS_P384, seed, &m->other), 0);
    atls_cbor_write_init(&w, m->kat, sizeof m->kat);
    assert_int_equal(atls_parsec_cca_kat_write(&w, ATLS_BYTES(bytes, 32), &m->other.public_key), 0);
    assert_int_equal(atls_cbor_write_done(&w, &kat), 0);
    assert_int_equal(crypto->hash(ATLS_SHA512, &kat, 1, hash), 0);
    hash[0] ^= tie->other_kat;
    struct atls_cca_realm said = {.challenge = ATLS_BYTES(hash, 64),
                                  .personalization = ATLS_BYTES(bytes, 64),
                                  .initial = ATLS_BYTES(bytes, 32),
                                  .hash_algorithm = atls_bytes_of_text("sha-256"),
                                  .rak = m->rak.public_key,
                                  .rak_hash = ATLS_SHA384};
    for (size_t i = 0; i < ATLS_CCA_EXTENSIBLE_COUNT; i++)
        said.extensible[i] = ATLS_BYTES(bytes, 32);
    atls_cbor_write_init(&w, m->claims, sizeof m->claims);
    assert_int_equal(atls_cca_realm_write(&w, &said), 0);
    assert_int_equal(atls_cbor_write_done(&w, &claims), 0);
    realm = sign(claims, tie->other_signs ? &m->other : &m->rak, m->realm, sizeof m->realm);
    if (tie->flipped)
        m->realm[realm.size - 1] ^= 1;
    assert_int_equal(
        atls_cca_rak_encode(tie->other_hashed ? &m->other.public_key : &m->rak.public_key,
                            rak_buffer, &rak),
        0);
    assert_int_equal(crypto->hash(ATLS_SHA384, &rak, 1, rak_hash), 0);
    const struct atls_cca_platform vouches = {.challenge = ATLS_BYTES(rak_hash, 48),
                                              .instance_id = ATLS_BYTES(instance, 33),
                                              .implementation_id = ATLS_BYTES(bytes, 32),
                                              .config = ATLS_BYTES(bytes, 4),
                                              .hash_algorithm = atls_bytes_of_text("sha-256"),
                                              .lifecycle = ATLS_PSA_SECURED,
                                              .components = &component,
                                              .component_count = 1};
    atls_cbor_write_init(&w, m->claims, sizeof m->claims);
    assert_int_equal(atls_cca_platform_write(&w, &vouches), 0);
    assert_int_equal(atls_cbor_write_done(&w, &claims), 0);
    platform = sign(claims, &m->cpak, m->platform, sizeof m->platform);
    atls_cbor_write_init(&w, m->token, sizeof m->token);
    atls_cca_collection_write(&w, tag, platform, realm);
    assert_int_equal(atls_cbor_write_done(&w, &token), 0);
    atls_cbor_write_init(&w, m->evidence, sizeof m->evidence);
    atls_parsec_cca_write(&w, kat, token);
    assert_int_equal(atls_cbor_write_done(&w, &evidence), 0);
    return evidence;
}

static void check_tie(void **state)
{
    static const enum atls_cca_tag tags[] = {ATLS_CCA_TAG_CMW, ATLS_CCA_TAG_COLLECTION};
    const struct tie *tie = *state;
    struct atls_psa_component components[2];
    struct atls_parsec_cca evidence;

    for (size_t i = 0; i < COUNT(tags); i++) {
        struct made *made = calloc(1, sizeof *made);
        struct atls_bytes bytes;

        assert_non_null(made);
        bytes = make(made, tie, tags[i]);
        test_outcome(atls_parsec_cca_parse(bytes, components, 2, &evidence), 0, NULL);
        assert_int_equal(evidence.token.tag, tags[i]);
        assert_int_equal(evidence.nonce.size, 32);
        assert_true(atls_public_key_equal(&evidence.key, &made->other.public_key));
        test_outcome(atls_cose_sign1_verify(&evidence.token.platform, &atls_crypto_hosted,
                                            &made->cpak.public_key),
                     0, NULL);
        test_outcome(atls_cca_check_realm_signature(&evidence.token, &atls_crypto_hosted),
                     tie->signature, NULL);
        test_outcome(atls_cca_check_binding(&evidence.token, &atls_crypto_hosted), tie->binding,
                     tie->binding ? ATLS_CCA_CLAUSE_BINDING : NULL);
        test_outcome(atls_parsec_cca_check_kat(&evidence, &atls_crypto_hosted), tie->kat,
                     tie->kat ? ATLS_PARSEC_CCA_CLAUSE : NULL);
        /* Every shorter one is refused. */
        for (size_t size = 0; size < bytes.size; size++)
            assert_true(
                atls_parsec_cca_parse(ATLS_BYTES(bytes.data, size), components, 2, &evidence) > 0);
        free(made);
    }
}

struct other { /* evidence of another maker */
    const char *name, *file;
    bool parsec;
};

static const struct other others[] = {
    {"a token in a CMW", "cca/cca-907.cbor", false},
    {"a token in the older collection", "cca/cca-399.cbor", false},
    {"Parsec evidence", "cca/parsec-cca.cbor", true},
    {"Veraison's Parsec evidence", "parsec/cca/evidence.cbor", true},
};

static void check_other(void **state)
{
    const struct other *other = *state;
    struct atls_bytes in = test_vector(other->file);
    struct atls_psa_component components[8];
    struct atls_parsec_cca evidence;
    const struct atls_cca_token *token = &evidence.token;

    if (other->parsec) {
        test_outcome(atls_parsec_cca_parse(in, components, 8, &evidence), 0, NULL);
        test_outcome(atls_parsec_cca_check_kat(&evidence, &atls_crypto_hosted), 0, NULL);
    } else {
        test_outcome(atls_cca_token_parse(in, components, 8, &evidence.token), 0, NULL);
    }
    test_outcome(atls_cca_check_realm_signature(token, &atls_crypto_hosted), 0, NULL);
    test_outcome(atls_cca_check_binding(token, &atls_crypto_hosted), 0, NULL);
    assert_int_equal(token->platform_claims.lifecycle, ATLS_PSA_SECURED);
    test_vector_free(in);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_platform, platform_rows);
    TEST_ADD_ROWS(&list, check_realm, realm_rows);
    TEST_ADD_ROWS(&list, check_collection, collection_rows);
    TEST_ADD_ROWS(&list, check_parsec, parsec_rows);
    TEST_ADD_ROWS(&list, check_tie, ties);
    TEST_ADD_ROWS(&list, check_other, others);
    TEST_ADD(&list, tells_that_null_came);
    TEST_ADD(&list, writes_claims_exactly);
    TEST_ADD(&list, writes_nonces_that_are_some);
    TEST_ADD(&list, writes_encoded_components);
    TEST_ADD(&list, fills_a_challenge_by_either_reading);
    return test_run("cca", &list);
}
