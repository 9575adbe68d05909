/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it a result, and is it what its type says? Messages that nobody asked for by name (RFC 9782
 * section 6.3), and results under the type of another serialization or profile. And which key a
 * result is about.
 */
#include "rats/test/test-table.h"

#include "rats/base/media-types.h"
#include "rats/cbor/cbor-write.h"
#include "rats/test/test-jwk.h"
#include "rats/test/test-key.h"
#include "roles/received.h"

static char *jwt;
static uint8_t *cwt;
static size_t cwt_size;
static struct atls_bytes other_cwt; /* a CWT with no claim of a result */

enum value { JWT, CWT, OTHER_CWT, TEXT };

static struct atls_bytes value_of(enum value value)
{
    return value == JWT         ? atls_bytes_of_text(jwt)
           : value == CWT       ? ATLS_BYTES(cwt, cwt_size)
           : value == OTHER_CWT ? other_cwt
                                : atls_bytes_of_text("no token");
}

#define OF_VERAISON "; eat_profile=\"tag:github.com,2023:veraison/ear\""
#define OF_DRAFT "; eat_profile=\"tag:ietf.org,2026:rats/ear#04\""

static const struct row {
    const char *name, *type;
    enum value value;
    unsigned indicator;
    bool is;    /* a result */
    int parsed; /* as a passport's credential */
    const char *clause;
} rows[] = {
    {"JWT", ATLS_MT_EAT_JWT, JWT, 0, true, 0, NULL},
    {"JWT, a result by its indicator", ATLS_MT_EAT_JWT, JWT, ATLS_IND_ATTESTATION_RESULTS, true, 0,
     NULL},
    {"CWT that is a result by its claims", ATLS_MT_EAT_CWT, CWT, 0, true, 0, NULL},
    {"CWT that is a result by its indicator", ATLS_MT_EAT_CWT, OTHER_CWT,
     ATLS_IND_ATTESTATION_RESULTS, true, ATLS_E_MISSING, NULL},
    {"CWT that is evidence by its indicator", ATLS_MT_EAT_CWT, CWT, ATLS_IND_EVIDENCE, false,
     ATLS_E_UNSUPPORTED, NULL},
    {"CWT that is none by its claims", ATLS_MT_EAT_CWT, OTHER_CWT, 0, false, ATLS_E_MISSING, NULL},
    {"another type", ATLS_MT_PSA_TOKEN, CWT, 0, false, ATLS_E_UNSUPPORTED, NULL},
    {"another type with a result's indicator", ATLS_MT_PSA_TOKEN, CWT, ATLS_IND_ATTESTATION_RESULTS,
     false, ATLS_E_UNSUPPORTED, NULL},
    {"CWT as JWT", ATLS_MT_EAT_JWT, CWT, 0, true, ATLS_E_UNSUPPORTED, NULL},
    {"JWT as CWT", ATLS_MT_EAT_CWT, JWT, ATLS_IND_ATTESTATION_RESULTS, true, ATLS_E_UNSUPPORTED,
     NULL},
    {"text as JWT", ATLS_MT_EAT_JWT, TEXT, 0, true, ATLS_E_MALFORMED, NULL},
    {"JWT with its profile", ATLS_MT_EAT_JWT OF_VERAISON, JWT, 0, true, 0, NULL},
    {"CWT with its profile", ATLS_MT_EAT_CWT OF_VERAISON, CWT, 0, true, 0, NULL},
    {"JWT with another profile", ATLS_MT_EAT_JWT OF_DRAFT, JWT, 0, true, ATLS_E_MALFORMED,
     "RFC 9782 section 3"},
    {"CWT with another profile", ATLS_MT_EAT_CWT OF_DRAFT, CWT, 0, true, ATLS_E_MALFORMED,
     "RFC 9782 section 3"},
};

static void test_row(void **state)
{
    const struct row *row = *state;
    struct atls_received received;
    const char *reason = "ok";
    struct atls_cmw cmw = {.form = ATLS_CMW_RECORD,
                           .type.media_type = atls_bytes_of_text(row->type),
                           .indicator = row->indicator,
                           .value = value_of(row->value)};

    assert_int_equal(atls_received_is_result(&cmw), row->is);
    for (int s = ATLS_CBOR; s <= ATLS_JSON; s++) {
        uint8_t *out;
        size_t size;

        cmw.serialization = (enum atls_serialization)s;
        assert_int_equal(atls_cmw_serialize(&cmw, cmw.serialization, &out, &size), 0);
        int result =
            atls_received_parse(ATLS_MODEL_PASSPORT, ATLS_BYTES(out, size), &received, &reason);
        test_outcome(result, row->parsed, row->clause);
        assert_string_equal(reason, result ? "malformed-result" : "ok");
        if (result == 0) {
            test_same_bytes(received.result, value_of(row->value));
            atls_received_clear(&received);
        }
        free(out);
    }
}

static const struct keys_row {
    const char *name;
    int first, second; /* numbers of keys that the two submodules attest; 0: none */
    bool unnamed;      /* the leaf's key, number 3, will do */
    int key, parsed;   /* the number of the key that is taken, or the failure */
    const char *reason;
} keys_rows[] = {
    {"one key of two submodules", 1, 0, false, 1, 0, "ok"},
    {"the second one's", 0, 2, false, 2, 0, "ok"},
    {"the same key twice", 1, 1, false, 1, 0, "ok"},
    {"two keys", 1, 2, false, 0, ATLS_E_MALFORMED, "malformed-result"},
    {"two keys beside the leaf's", 1, 2, true, 0, ATLS_E_MALFORMED, "malformed-result"},
    {"no key", 0, 0, false, 0, ATLS_E_MISSING, "result-without-key"},
    {"no key beside the leaf's", 0, 0, true, 3, 0, "ok"},
    {"a key beside the leaf's", 1, 0, true, 1, 0, "ok"},
};

/* The one key that a result attests, or that of the leaf. */
static void test_keys(void **state)
{
    const struct keys_row *row = *state;
    char names[2][8] = {"first", "second"}, issuer[] = "verifier.example", text[] = "test";
    struct atls_private_key keys[4];
    struct atls_ear_submod submods[2] = {{.name = names[0], .status = ATLS_TIER_AFFIRMING},
                                         {.name = names[1], .status = ATLS_TIER_AFFIRMING}};
    struct atls_ear ear = {.dialect = ATLS_EAR_VERAISON,
                           .issued_at = 1700000000,
                           .issuer = issuer,
                           .developer = text,
                           .build = text,
                           .submods = submods,
                           .submod_count = 2};
    struct atls_received received;
    const char *reason = "ok";
    uint8_t *out;
    size_t size;
    char *token;

    for (unsigned i = 1; i < COUNT(keys); i++)
        keys[i] = test_private_key(ATLS_P256, (uint8_t)i);
    for (unsigned i = 0; i < 2; i++) {
        int key = i ? row->second : row->first;
        submods[i].has_key = key != 0;
        if (key)
            submods[i].key = keys[key].public_key;
    }
    json_t *jwk = test_private_jwk(&keys[1]);
    assert_int_equal(atls_ear_write(&ear, jwk, &token), 0);
    json_decref(jwk);
    struct atls_cmw cmw = {.form = ATLS_CMW_RECORD,
                           .type.media_type = atls_bytes_of_text(ATLS_MT_EAT_JWT),
                           .value = atls_bytes_of_text(token)};
    assert_int_equal(atls_cmw_serialize(&cmw, ATLS_CBOR, &out, &size), 0);
    int result = atls_received_parse_beside(ATLS_MODEL_PASSPORT, &keys[3].public_key, row->unnamed,
                                            ATLS_BYTES(out, size), &received, &reason);
    test_outcome(result, row->parsed, NULL);
    assert_string_equal(reason, row->reason);
    if (result == 0) {
        assert_true(atls_public_key_equal(&received.key, &keys[row->key].public_key));
        assert_int_equal(received.unnamed, row->key == 3);
        assert_string_equal(received.issuer, issuer);
        atls_received_clear(&received);
    }
    free(out);
    free(token);
}

/* The same result, signed by nobody. */
static void test_unsecured(void **state)
{
    const char *claims = strchr(jwt, '.') + 1;
    struct atls_received received;
    const char *reason = "ok";
    char *token;
    uint8_t *out;
    size_t size;

    assert_true(asprintf(&token, "eyJhbGciOiJub25lIn0.%.*s.", (int)strcspn(claims, "."), claims) >
                0);
    struct atls_cmw cmw = {.form = ATLS_CMW_RECORD,
                           .type.media_type = atls_bytes_of_text(ATLS_MT_EAT_JWT),
                           .value = atls_bytes_of_text(token)};
    assert_int_equal(atls_cmw_serialize(&cmw, ATLS_CBOR, &out, &size), 0);
    test_outcome(
        atls_received_parse(ATLS_MODEL_PASSPORT, ATLS_BYTES(out, size), &received, &reason),
        ATLS_E_SIGNATURE, "RFC 8725 section 3.2");
    assert_string_equal(reason, "result-signature-invalid");
    free(out);
    free(token);
}

/* A wrapper with a longer head than it needs. */
static void test_unpreferred(void **state)
{
    struct atls_received received;
    struct atls_cmw cmw = {.form = ATLS_CMW_RECORD,
                           .type.media_type = atls_bytes_of_text(ATLS_MT_EAT_JWT),
                           .value = atls_bytes_of_text(jwt)};
    const char *reason = "ok";
    uint8_t *out, *longer;
    size_t size;

    assert_int_equal(atls_cmw_serialize(&cmw, ATLS_CBOR, &out, &size), 0);
    assert_int_equal(out[1], 0x60 + strlen(ATLS_MT_EAT_JWT)); /* the type's head, of one byte */
    longer = malloc(size + 1);
    assert_non_null(longer);
    longer[0] = out[0];
    longer[1] = 0x78;
    longer[2] = out[1] - 0x60;
    memcpy(longer + 3, out + 2, size - 2);
    test_outcome(
        atls_received_parse(ATLS_MODEL_PASSPORT, ATLS_BYTES(longer, size + 1), &received, &reason),
        ATLS_E_MALFORMED, "RFC 8949 section 4.1");
    assert_string_equal(reason, "malformed-cmw");
    free(longer);
    free(out);
}

static int set_up(void **state)
{
    char name[] = "PSA_KAT", developer[] = "test", build[] = "1";
    struct atls_private_key signer = test_private_key(ATLS_P256, 1);
    struct atls_local_signer local = {.crypto = &atls_crypto_hosted, .key = &signer};
    struct atls_signer sign = atls_signer_local(&local);
    static const uint8_t no_claims[] = {0xa0};
    static uint8_t room[256];
    struct atls_cbor_writer w;
    struct atls_ear_submod submod = {
        .name = name, .status = ATLS_TIER_AFFIRMING, .has_key = true, .key = signer.public_key};
    struct atls_ear ear = {.dialect = ATLS_EAR_VERAISON,
                           .issued_at = 1700000000,
                           .developer = developer,
                           .build = build,
                           .submods = &submod,
                           .submod_count = 1};
    json_t *jwk = test_private_jwk(&signer);

    assert_non_null(jwk);
    assert_int_equal(atls_ear_write(&ear, jwk, &jwt), 0);
    assert_int_equal(atls_ear_write_as(ATLS_EAR_CWT, &ear, jwk, &cwt, &cwt_size), 0);
    json_decref(jwk);
    atls_cbor_write_init(&w, room, sizeof room);
    assert_int_equal(
        atls_cose_sign1_write(&w, true, ATLS_BYTES(no_claims, 1), &atls_crypto_hosted, &sign), 0);
    return atls_cbor_write_done(&w, &other_cwt);
}

static int tear_down(void **state)
{
    free(jwt);
    free(cwt);
    return 0;
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_row, rows);
    TEST_ADD_ROWS(&list, test_keys, keys_rows);
    TEST_ADD(&list, test_unsecured);
    TEST_ADD(&list, test_unpreferred);
    return test_done(
        _cmocka_run_group_tests("received", list.tests, list.count, set_up, tear_down));
}
