/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it a result, and is it what its type says? Messages that nobody asked for by name (RFC 9782
 * section 6.3), and results under the type of another serialization or profile.
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
    return test_done(
        _cmocka_run_group_tests("received", list.tests, list.count, set_up, tear_down));
}
