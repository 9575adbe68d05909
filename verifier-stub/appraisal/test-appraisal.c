/* SPDX-License-Identifier: Apache-2.0 */
/* Appraisal as a table: what the evidence is, and what the verdict must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/crypto/pem.h"
#include "rats/test/test-support.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/appraisal/test-evidence.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW TEST_NOW

static struct test_device devices[3]; /* the third is not endorsed */
static struct atls_store *store;
static uint8_t nonce[32], other_nonce[32];

static int set_up(void **state)
{
    struct atls_store_import import;
    uint8_t *corim;
    size_t size;

    for (size_t i = 0; i < COUNT(devices); i++)
        test_device_make(&devices[i], (uint8_t)(10 + i));
    memset(nonce, 0x11, sizeof nonce);
    memset(other_nonce, 0x22, sizeof other_nonce);
    size = test_corim(devices, 2, ATLS_CORIM_MAIN, &corim);
    if (atls_store_open("memory", &store) != 0 ||
        atls_store_import_corim(store, ATLS_BYTES(corim, size), &import) != 0)
        return -1;
    free(corim);
    return 0;
}

static int tear_down(void **state)
{
    atls_store_close(store);
    return 0;
}

enum vector { /* the shapes that a trust vector can have */
              AFFIRMED,
              EXECUTABLES,
              LIFECYCLE,
              BOTH,
              FAILED,
};
static const int vectors[][ATLS_TRUST_CLAIM_COUNT] = {
    [AFFIRMED] = {2, 0, 2, 0, 2, 2, 2, 0},       [EXECUTABLES] = {2, 0, 33, 0, 2, 2, 2, 0},
    [LIFECYCLE] = {96, 0, 2, 0, 2, 96, 96, 0},   [BOTH] = {96, 0, 33, 0, 2, 96, 96, 0},
    [FAILED] = {99, 99, 99, 99, 99, 99, 99, 99},
};

#define BL                                                                                         \
    {                                                                                              \
        "BL", "1.0.0", 0xb1, 0x51                                                                  \
    }
#define FW                                                                                         \
    {                                                                                              \
        "FW", "2.3.0", 0xf2, 0x52                                                                  \
    }
#define CFG                                                                                        \
    {                                                                                              \
        "CFG", "7", 0xc3, 0x53                                                                     \
    }

struct row {
    const char *name;
    bool psa;       /* a bare token, else a CAB */
    bool prototype; /* and that as the prototype of 2022 has it */
    enum test_wrong wrong;
    uint8_t device, pat_device; /* index; PAT_DEVICE 0: the same */
    bool stale;
    uint16_t lifecycle;                  /* 0: secured */
    int32_t client_id;                   /* 0: that of the key attestation service */
    struct test_component components[5]; /* none: as endorsed */
    enum vector vector;
    const char *reason;
    const char *mismatches[3]; /* names in the order of the list */
};

static const struct row rows[] = {
    {.name = "CAB, good", .vector = AFFIRMED, .reason = "ok"},
    {.name = "PSA token, good", .psa = true, .vector = AFFIRMED, .reason = "ok"},
    {.name = "CAB of another endorsed device", .device = 1, .vector = AFFIRMED, .reason = "ok"},
    {.name = "RFC 9783 4.3.1: non-rot-debug leaves the root alone",
     .lifecycle = ATLS_PSA_NON_ROT_DEBUG,
     .vector = AFFIRMED,
     .reason = "ok"},
    {.name = "RFC 9783 4.3.1: low byte of the lifecycle is free",
     .lifecycle = ATLS_PSA_SECURED | 0x7f,
     .vector = AFFIRMED,
     .reason = "ok"},
    {.name = "components in another order",
     .components = {CFG, BL, FW},
     .vector = AFFIRMED,
     .reason = "ok"},
    /* what is measured */
    {.name = "RFC 9783 4.4.1: a digest that is endorsed for nothing",
     .components = {BL, {"FW", "2.3.0", 0xf3, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    {.name = "the digest of another component",
     .components = {BL, {"FW", "2.3.0", 0xb1, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    {.name = "another signer",
     .components = {BL, {"FW", "2.3.0", 0xf2, 0x53}, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    {.name = "two components differ: both are listed, the first gives the reason",
     .components = {{"BL", "1.0.0", 0x01, 0x51}, {"FW", "1.9.9", 0x02, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"BL", "FW"}},
    {.name = "the same component twice, once wrong",
     .components = {BL, FW, CFG, {"FW", "2.3.0", 0x44, 0x52}},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    {.name = "downgraded: other version, other digest",
     .components = {BL, {"FW", "2.2.0", 0x77, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "version-not-endorsed",
     .mismatches = {"FW"}},
    {.name = "endorsed digest under a version that is not",
     .components = {BL, {"FW", "9.9.9", 0xf2, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "version-not-endorsed",
     .mismatches = {"FW"}},
    {.name = "a component nobody endorsed",
     .components = {BL, FW, CFG, {"SPY", "1", 0x66, 0x52}},
     .vector = EXECUTABLES,
     .reason = "unknown-component",
     .mismatches = {"SPY"}},
    {.name = "a component nobody endorsed, with an endorsed digest",
     .components = {BL, FW, CFG, {"SPY", "2.3.0", 0xf2, 0x52}},
     .vector = EXECUTABLES,
     .reason = "unknown-component",
     .mismatches = {"SPY"}},
    {.name = "names are compared whole and as they are",
     .components = {BL, {"fw", "2.3.0", 0xf2, 0x52}, CFG},
     .vector = EXECUTABLES,
     .reason = "unknown-component",
     .mismatches = {"fw", "FW"}},
    {.name = "an endorsed component that was not measured",
     .components = {BL, CFG},
     .vector = EXECUTABLES,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    /* lifecycle */
    {.name = "RFC 9783 4.3.1: assembly and test",
     .lifecycle = ATLS_PSA_ASSEMBLY_AND_TEST,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "RFC 9783 4.3.1: RoT provisioning",
     .lifecycle = ATLS_PSA_ROT_PROVISIONING,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "RFC 9783 4.3.1: recoverable RoT debug",
     .lifecycle = ATLS_PSA_RECOVERABLE_ROT_DEBUG,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "RFC 9783 4.3.1: decommissioned",
     .lifecycle = ATLS_PSA_DECOMMISSIONED,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "RFC 9783 4.3.1: unknown",
     .lifecycle = ATLS_PSA_UNKNOWN | 1,
     .psa = true,
     .vector = LIFECYCLE,
     .reason = "lifecycle-not-secured"},
    {.name = "software and lifecycle: the software gives the reason",
     .lifecycle = ATLS_PSA_DECOMMISSIONED,
     .components = {BL, {"FW", "2.3.0", 0xf3, 0x52}, CFG},
     .vector = BOTH,
     .reason = "reference-value-mismatch",
     .mismatches = {"FW"}},
    /* who signed, and what */
    {.name = "no trust anchor for the instance (CAB)",
     .device = 2,
     .vector = FAILED,
     .reason = "unknown-attestation-key"},
    {.name = "no trust anchor for the instance (PSA token)",
     .device = 2,
     .psa = true,
     .vector = FAILED,
     .reason = "unknown-attestation-key"},
    {.name = "RFC 9052 4.4: PAT signature",
     .wrong = TEST_PAT_SIGNATURE,
     .vector = FAILED,
     .reason = "pat-signature-invalid"},
    {.name = "RFC 9052 4.4: PSA token's signature",
     .psa = true,
     .wrong = TEST_PAT_SIGNATURE,
     .vector = FAILED,
     .reason = "pat-signature-invalid"},
    {.name = "KAT-06 3: KAT signature",
     .wrong = TEST_KAT_SIGNATURE,
     .vector = FAILED,
     .reason = "kat-signature-invalid"},
    {.name = "KAT-06 3: KAT signed by the IK",
     .wrong = TEST_KAT_BY_IK,
     .vector = FAILED,
     .reason = "kat-signature-invalid"},
    {.name = "KAT-06 3: PAT over another hash",
     .wrong = TEST_LINKAGE,
     .vector = FAILED,
     .reason = "linkage-mismatch"},
    {.name = "KAT-06 3: PAT of another endorsed device",
     .pat_device = 1,
     .vector = FAILED,
     .reason = "linkage-mismatch"},
    /* who asked for the PAT: anybody may have one over any hash */
    {.name = "RFC 9783 4.1.2: a PAT for the non-secure side in a CAB",
     .client_id = -1,
     .vector = FAILED,
     .reason = "platform-token-caller"},
    {.name = "RFC 9783 4.1.2: a PAT for another non-secure caller in a CAB",
     .client_id = INT32_MIN,
     .vector = FAILED,
     .reason = "platform-token-caller"},
    {.name = "RFC 9783 4.1.2: a PAT for another service of the secure side",
     .client_id = INT32_MAX,
     .vector = AFFIRMED,
     .reason = "ok"},
    {.name = "RFC 9783 4.1.2: a bare token names no key, the non-secure side may ask for it",
     .psa = true,
     .client_id = -1,
     .vector = AFFIRMED,
     .reason = "ok"},
    {.name = "a PAT for the non-secure side over another hash: the linkage comes first",
     .client_id = -1,
     .wrong = TEST_LINKAGE,
     .vector = FAILED,
     .reason = "linkage-mismatch"},
    {.name = "PAT of a device that is not endorsed",
     .pat_device = 2,
     .vector = FAILED,
     .reason = "unknown-attestation-key"},
    {.name = "KAT-06 3: the KAT answers another challenge",
     .stale = true,
     .vector = FAILED,
     .reason = "nonce-mismatch"},
    {.name = "RFC 9783 4.1.1: the PSA token answers another challenge",
     .psa = true,
     .stale = true,
     .vector = FAILED,
     .reason = "nonce-mismatch"},
    /* form */
    {.name = "PAT cut short",
     .wrong = TEST_PAT_NOT_CBOR,
     .vector = FAILED,
     .reason = "malformed-cbor"},
    {.name = "PSA token cut short",
     .psa = true,
     .wrong = TEST_PAT_NOT_CBOR,
     .vector = FAILED,
     .reason = "malformed-cbor"},
    {.name = "RFC 9052 4.2: PAT of three elements",
     .wrong = TEST_PAT_NOT_COSE,
     .vector = FAILED,
     .reason = "malformed-cose"},
    {.name = "RFC 9052 4.2: PSA token of three elements",
     .psa = true,
     .wrong = TEST_PAT_NOT_COSE,
     .vector = FAILED,
     .reason = "malformed-cose"},
    {.name = "PAT claims that are no CBOR",
     .wrong = TEST_PAT_CLAIMS_NOT_CBOR,
     .vector = FAILED,
     .reason = "malformed-cbor"},
    {.name = "RFC 9783 4: PAT without claims",
     .wrong = TEST_PAT_CLAIMS_EMPTY,
     .vector = FAILED,
     .reason = "malformed-claims"},
    {.name = "RFC 9783 4: PSA token without claims",
     .psa = true,
     .wrong = TEST_PAT_CLAIMS_EMPTY,
     .vector = FAILED,
     .reason = "malformed-claims"},
    {.name = "KAT cut short",
     .wrong = TEST_KAT_NOT_CBOR,
     .vector = FAILED,
     .reason = "malformed-cbor"},
    {.name = "RFC 9052 4.2: KAT of three elements",
     .wrong = TEST_KAT_NOT_COSE,
     .vector = FAILED,
     .reason = "malformed-cose"},
    {.name = "KAT-06 3: KAT without claims",
     .wrong = TEST_KAT_CLAIMS_EMPTY,
     .vector = FAILED,
     .reason = "malformed-claims"},
    {.name = "KAT-06 5: CAB without PAT",
     .wrong = TEST_NO_PAT,
     .vector = FAILED,
     .reason = "malformed-cmw"},
    {.name = "KAT-06 5: CAB without KAT",
     .wrong = TEST_NO_KAT,
     .vector = FAILED,
     .reason = "malformed-cmw"},
    {.name = "KAT-06 5: a collection in place of the PAT",
     .wrong = TEST_PAT_IS_COLLECTION,
     .vector = FAILED,
     .reason = "malformed-cmw"},
};

static struct test_recipe recipe_of(const struct row *row)
{
    struct test_recipe recipe = {
        .device = &devices[row->device],
        .pat_device = row->pat_device ? &devices[row->pat_device] : NULL,
        .nonce = row->stale ? ATLS_BYTES(other_nonce, 32) : ATLS_BYTES(nonce, 32),
        .lifecycle = row->lifecycle ? row->lifecycle : ATLS_PSA_SECURED,
        .client_id = row->client_id,
        .profile = ATLS_PSA_ARM_2,
        .wrong = row->wrong,
        .prototype = row->prototype,
    };

    if (row->components[0].name) {
        recipe.components = row->components;
        recipe.component_count = COUNT(row->components);
    }
    return recipe;
}

#define TEST_NOW 1700000000 /* 6553f100 */

static int appraise_with(struct atls_store *with, const char *media_type, struct atls_bytes body,
                         struct atls_bytes expected, struct atls_evidence_verdict *appraisalp)
{
    struct atls_appraiser appraiser = {with, &atls_crypto_gnutls, NULL, true, TEST_NOW};
    struct atls_evidence evidence;
    const char *reason;
    int result;

    assert_int_equal(atls_evidence_unwrap(media_type, body, &evidence, &reason), 0);
    result = atls_appraise(&appraiser, &evidence, expected, appraisalp);
    atls_evidence_clear(&evidence);
    return result;
}

static void appraise(const char *media_type, struct atls_bytes body,
                     struct atls_evidence_verdict *appraisalp)
{
    struct atls_bytes expected = ATLS_BYTES(nonce, sizeof nonce);

    assert_int_equal(appraise_with(store, media_type, body, expected, appraisalp), 0);
}

static void check_mismatches(const struct row *row, const struct atls_evidence_verdict *appraisal)
{
    size_t count = 0;

    while (count < COUNT(row->mismatches) && row->mismatches[count])
        count++;
    assert_int_equal(json_array_size(appraisal->mismatches), count);
    for (size_t i = 0; i < count; i++) {
        json_t *mismatch = json_array_get(appraisal->mismatches, i);

        assert_string_equal(json_string_value(json_object_get(mismatch, "component")),
                            row->mismatches[i]);
        assert_true(json_is_array(json_object_get(mismatch, "expected")));
        assert_true(json_is_string(json_object_get(mismatch, "measured")));
    }
}

static void test_row(void **state)
{
    const struct row *row = *state;
    struct test_recipe recipe = recipe_of(row);
    struct atls_evidence_verdict appraisal;
    static uint8_t evidence[TEST_EVIDENCE_MAX];
    size_t size = row->psa ? test_psa_token(&recipe, evidence) : test_cab(&recipe, evidence);

    appraise(row->psa         ? "application/psa-attestation-token"
             : row->prototype ? "application/cmw"
                              : "application/cmw+cbor",
             ATLS_BYTES(evidence, size), &appraisal);
    if (strcmp(appraisal.reason, row->reason) != 0)
        fail_msg("expected %s, came %s: %s", row->reason, appraisal.reason, appraisal.detail);
    assert_memory_equal(appraisal.submods[0].trust_vector, vectors[row->vector], sizeof *vectors);
    assert_int_equal(appraisal.tier, row->vector == AFFIRMED      ? ATLS_TIER_AFFIRMING
                                     : row->vector == EXECUTABLES ? ATLS_TIER_WARNING
                                                                  : ATLS_TIER_CONTRAINDICATED);
    assert_string_equal(appraisal.submods[0].name, row->psa         ? "PSA_IOT"
                                                   : row->prototype ? "PSA_KAT_PROTOTYPE"
                                                                    : "PSA_KAT");
    check_mismatches(row, &appraisal);
    /* only a genuine KAT names an attested key, and only genuine evidence is repeated */
    assert_int_equal(appraisal.has_key, row->vector != FAILED && !row->psa);
    assert_int_equal(appraisal.submods[0].annotated_evidence != NULL, row->vector != FAILED);
    if (appraisal.has_key)
        assert_true(atls_public_key_equal(&appraisal.key, &devices[row->device].ik.public_key));
    assert_true(appraisal.detail[0] != 0);
    atls_evidence_verdict_clear(&appraisal);
}

static void test_expected_and_measured(void **state)
{
    struct row row = {.components = {BL, {"FW", "2.3.0", 0xf3, 0x52}, CFG}};
    struct test_recipe recipe = recipe_of(&row);
    struct atls_evidence_verdict appraisal;
    uint8_t expected[32], measured[32];
    static uint8_t cab[TEST_EVIDENCE_MAX];
    json_t *wanted;

    memset(expected, 0xf2, sizeof expected);
    memset(measured, 0xf3, sizeof measured);
    appraise("application/cmw", ATLS_BYTES(cab, test_cab(&recipe, cab)), &appraisal);
    wanted = json_pack("[{s:s, s:[o], s:o}]", "component", "FW", "expected",
                       atls_json_hex(ATLS_BYTES(expected, 32)), "measured",
                       atls_json_hex(ATLS_BYTES(measured, 32)));
    assert_true(json_equal(appraisal.mismatches, wanted));
    json_decref(wanted);
    atls_evidence_verdict_clear(&appraisal);
}

/* A token by itself: "the signature structure MUST be a tagged (18) COSE_Sign1 ... The CWT CBOR tag
 * (61) is not used" (RFC 9783 section 5.1.1). In a CAB its CDDL decides, which is untagged. */
static void test_tags_of_a_token(void **state)
{
    static const struct {
        const char *tags;
        size_t count;
        bool untagged;
        const char *reason;
    } tags[] = {
        {"", 0, false, "ok"},                         /* 18 */
        {"", 0, true, "malformed-cose"},              /* none */
        {"\xd8\x3d", 2, false, "malformed-cose"},     /* 61 around 18 */
        {"\xd8\x3d", 2, true, "malformed-cose"},      /* 61 alone */
        {"\xd9\xd9\xf7", 3, false, "malformed-cose"}, /* self-described CBOR around 18 */
        {"\xd2", 1, false, "malformed-cose"},         /* 18 twice */
        {"\xd1", 1, true, "malformed-cose"},          /* 17, COSE_Mac0 */
    };
    struct row row = {.name = NULL};
    struct test_recipe recipe = recipe_of(&row);
    static uint8_t token[TEST_EVIDENCE_MAX];

    recipe.profile = ATLS_PSA_RFC9783;
    for (size_t i = 0; i < COUNT(tags); i++) {
        struct atls_evidence_verdict appraisal;
        size_t size;

        recipe.untagged = tags[i].untagged;
        size = test_psa_token(&recipe, token);
        memmove(token + tags[i].count, token, size);
        memcpy(token, tags[i].tags, tags[i].count);
        appraise(ATLS_MT_PSA_RFC9783, ATLS_BYTES(token, size + tags[i].count), &appraisal);
        assert_string_equal(appraisal.reason, tags[i].reason);
        if (strcmp(appraisal.reason, "ok") != 0)
            assert_string_equal(appraisal.clause, "RFC 9783 section 5.1.1");
        atls_evidence_verdict_clear(&appraisal);
    }
}

/* RFC 8392 section 3.1.4: "MUST NOT be accepted for processing" on or after exp; and 3.1.5. Each of
 * the tokens may have its own times. */
static void test_times_of_tokens(void **state)
{
    static const struct {
        const char *what, *pair, *reason, *clause;
        size_t size;
    } pairs[] = {
        {"exp later", "\x04\x1a\x65\x53\xf2\x00", "ok", "", 6},
        {"exp passed", "\x04\x1a\x65\x53\xf0\x00", "evidence-expired", "RFC 8392 section 3.1.4", 6},
        {"exp 1.0", "\x04\xf9\x3c\x00", "evidence-expired", "RFC 8392 section 3.1.4", 4},
        {"exp a text", "\x04\x61\x31", "malformed-claims", "RFC 8392 section 2", 3},
        {"exp with tag 1", "\x04\xc1\x1a\x65\x53\xf2\x00", "malformed-claims", "RFC 8392 section 2",
         7},
        {"nbf passed", "\x05\x01", "ok", "", 2},
        {"nbf later", "\x05\x1a\x65\x53\xf2\x00", "evidence-expired", "RFC 8392 section 3.1.5", 6},
        {"iat passed", "\x06\x01", "ok", "", 2},
        {"iat later", "\x06\x1a\x65\x53\xf2\x00", "evidence-expired", "RFC 8392 section 3.1.6", 6},
        {"iat a float", "\x06\xf9\x3c\x00", "malformed-claims", "RFC 9711 section 4.3.1", 4},
    };
    enum { KAT, PAT, BARE, PROTOTYPE_KAT, PLACES };
    static const char *const places[] = {"a KAT", "a PAT", "a bare token", "a prototype's KAT"};
    static uint8_t out[TEST_EVIDENCE_MAX];

    for (size_t i = 0; i < COUNT(pairs) * PLACES; i++) {
        struct row row = {.prototype = i % PLACES == PROTOTYPE_KAT};
        struct test_recipe recipe = recipe_of(&row);
        bool bare = i % PLACES == BARE, in_kat = i % PLACES == KAT || row.prototype;
        struct atls_evidence_verdict appraisal;

        *(in_kat ? &recipe.kat_pair : &recipe.pat_pair) =
            ATLS_BYTES(pairs[i / PLACES].pair, pairs[i / PLACES].size);
        appraise(bare ? ATLS_MT_PSA_TOKEN : "application/cmw",
                 ATLS_BYTES(out, bare ? test_psa_token(&recipe, out) : test_cab(&recipe, out)),
                 &appraisal);
        if (strcmp(appraisal.reason, pairs[i / PLACES].reason) != 0 ||
            strcmp(appraisal.clause, pairs[i / PLACES].clause) != 0)
            fail_msg("%s in %s: expected %s, came %s (%s, %s)", pairs[i / PLACES].what,
                     places[i % PLACES], pairs[i / PLACES].reason, appraisal.reason,
                     appraisal.detail, appraisal.clause);
        atls_evidence_verdict_clear(&appraisal);
    }
}

/* Both serializations of a CAB, both PSA profiles, tagged and untagged: one verdict. */
static void test_same_in_other_forms(void **state)
{
    struct row row = {.name = NULL};
    struct test_recipe recipe = recipe_of(&row);
    static uint8_t cab[TEST_EVIDENCE_MAX];
    struct atls_evidence_verdict appraisal;
    struct atls_cmw *cmw;
    uint8_t *json;
    size_t size;

    recipe.profile = ATLS_PSA_RFC9783;
    recipe.untagged = true;
    size = test_cab(&recipe, cab);
    assert_int_equal(atls_cmw_parse(ATLS_BYTES(cab, size), &cmw), 0);
    assert_int_equal(atls_cmw_serialize(cmw, ATLS_JSON, &json, &size), 0);
    atls_cmw_free(cmw);
    appraise("application/vnd.veraison.cmw+json", ATLS_BYTES(json, size), &appraisal);
    assert_string_equal(appraisal.reason, "ok");
    atls_evidence_verdict_clear(&appraisal);
    free(json);
    recipe.untagged = false;
    size = test_psa_token(&recipe, cab);
    appraise(ATLS_MT_PSA_RFC9783, ATLS_BYTES(cab, size), &appraisal);
    assert_string_equal(appraisal.reason, "ok");
    atls_evidence_verdict_clear(&appraisal);
}

/* An empty body, whatever lies behind it, is no CMW and no bundle of the prototype. */
static void test_nothing(void **state)
{
    static const uint8_t behind[] = {ATLS_PROTOTYPE_VERSION};

    for (size_t i = 0; atls_evidence_media_type(i); i++) {
        const char *type = atls_evidence_media_type(i), *reason = NULL;
        struct atls_evidence evidence;

        if (!strstr(type, "cmw"))
            continue;
        assert_int_equal(atls_evidence_unwrap(type, ATLS_BYTES(behind, 0), &evidence, &reason),
                         ATLS_E_MALFORMED);
        assert_string_equal(reason, "malformed-cmw");
    }
}

/* A thousand wrong components: all judged, a bounded number listed, the summary counts. */
static void test_many_components(void **state)
{
    static struct test_component many[1000];
    static char names[1000][8];
    static uint8_t cab[TEST_EVIDENCE_MAX];
    struct row row = {.name = NULL};
    struct test_recipe recipe = recipe_of(&row);
    struct atls_evidence_verdict appraisal;

    for (size_t i = 0; i < 600; i++) {
        snprintf(names[i], sizeof names[i], "M%04zu", i);
        many[i] = (struct test_component){names[i], "1", 0x33, 0x44};
    }
    recipe.components = many;
    recipe.component_count = 600;
    appraise("application/cmw+cbor", ATLS_BYTES(cab, test_cab(&recipe, cab)), &appraisal);
    assert_string_equal(appraisal.reason, "unknown-component");
    assert_int_equal(json_array_size(appraisal.mismatches), ATLS_MISMATCHES_LISTED);
    assert_int_equal(json_integer_value(json_object_get(appraisal.submods[0].annotated_evidence,
                                                        "atls.software-component-count")),
                     600);
    atls_evidence_verdict_clear(&appraisal);
}

/* A fake store that fails: no verdict may come of it. */
static int failing_find_trust_anchor(struct atls_store *s, const uint8_t implementation_id[32],
                                     const uint8_t instance_id[33],
                                     struct atls_trust_anchor *anchorp)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "the file is damaged");
}

static int good_find_trust_anchor(struct atls_store *s, const uint8_t implementation_id[32],
                                  const uint8_t instance_id[33], struct atls_trust_anchor *anchorp)
{
    *anchorp = (struct atls_trust_anchor){.key = devices[0].pak.public_key};
    return 0;
}

static int failing_find_reference_values(struct atls_store *s, const uint8_t implementation_id[32],
                                         struct atls_reference_set *setp)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "the file is damaged");
}

static void test_broken_store(void **state)
{
    static const struct atls_store_ops broken[] = {
        {.find_trust_anchor = failing_find_trust_anchor},
        {.find_trust_anchor = good_find_trust_anchor,
         .find_reference_values = failing_find_reference_values},
    };
    struct row row = {.name = NULL};
    struct test_recipe recipe = recipe_of(&row);
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = test_cab(&recipe, cab);
    struct atls_evidence_verdict appraisal = {.reason = "untouched"};

    for (size_t i = 0; i < COUNT(broken); i++) {
        struct atls_store fake = {.ops = &broken[i]};

        assert_true(appraise_with(&fake, "application/cmw", ATLS_BYTES(cab, size),
                                  ATLS_BYTES(nonce, 32), &appraisal) < 0);
        assert_string_equal(appraisal.reason, "untouched");
    }
}

static void check_match(struct atls_evidence_verdict *appraisal, const char *reason)
{
    bool fits = strcmp(reason, "ok") == 0;

    assert_string_equal(appraisal->reason ? appraisal->reason : "ok", reason);
    assert_int_equal(appraisal->submods[0].trust_vector[ATLS_EXECUTABLES], fits ? 2 : 33);
    atls_evidence_verdict_clear(appraisal);
}

/* The references' own gaps: what a reference value does not give is not compared. */
static void test_partial_references(void **state)
{
    uint8_t digest[32];
    struct atls_psa_component component = {.type = atls_bytes_of_text("FW"),
                                           .value = ATLS_BYTES(digest, sizeof digest),
                                           .version = atls_bytes_of_text("2")};
    struct atls_psa_claims claims = {.components = &component, .component_count = 1};
    char name[] = "FW", other[] = "BL", version[] = "1";
    static const char mismatch[] = "reference-value-mismatch";
    const struct {
        char *name, *version;
        size_t signer_size;
        uint8_t fill;
        const char *reason, *words;
    } table[] = {
        {NULL, NULL, 0, 7, "ok", ""},
        {name, NULL, 0, 7, "ok", ""},
        {NULL, version, 0, 7, "version-not-endorsed", "is not among the endorsed ones"},
        {NULL, NULL, 0, 8, mismatch, "is no reference value"},
        {name, NULL, 0, 8, mismatch, "is no reference value"},
        {name, NULL, 32, 7, mismatch, "for another signer"}, /* one is endorsed, none measured */
        {other, NULL, 0, 7, "unknown-component", "no reference value has this name"},
    };

    memset(digest, 7, sizeof digest);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_reference_value value = {.name = table[i].name,
                                             .version = table[i].version,
                                             .digest_size = 32,
                                             .signer_id_size = table[i].signer_size};
        struct atls_reference_set set = {&value, 1};
        struct atls_evidence_verdict appraisal = {.reason = NULL};

        memset(value.digest, table[i].fill, 32);
        assert_int_equal(atls_match_components(&claims, &set, &appraisal), 0);
        if (!strstr(appraisal.detail, table[i].words))
            fail_msg("expected \"%s\", came \"%s\"", table[i].words, appraisal.detail);
        check_match(&appraisal, table[i].reason);
    }
}

/* Executables are approved for what was measured, never for what was not. */
static void test_what_is_required(void **state)
{
    char bl[] = "BL", fw[] = "FW", version[] = "2";
    static const char mismatch[] = "reference-value-mismatch";
    const struct reference {
        char *name, *version;
        uint8_t fill;
    } A = {.fill = 1}, B = {.fill = 2}, BL_1 = {bl, NULL, 1}, BL_2 = {bl, NULL, 2},
      FW_2 = {fw, NULL, 2}, A_2 = {NULL, version, 1};
    const struct {
        const char *what;
        uint8_t measured[3]; /* bytes of BL, FW and a third one; 0: not there */
        const struct reference *endorsed[3];
        const char *reason;
        size_t mismatches;
    } table[] = {
        {"nothing measured, nothing endorsed", {0}, {NULL}, "unknown-component", 0},
        {"nothing measured, a name endorsed", {0}, {&BL_1}, mismatch, 1},
        {"nothing measured, a value without name endorsed", {0}, {&A}, mismatch, 1},
        {"nothing measured, two of them", {0}, {&A, &B}, mismatch, 2},
        {"nothing endorsed of this implementation", {1, 2}, {NULL}, "unknown-component", 2},
        {"all measured, without names", {1, 2}, {&A, &B}, "ok", 0},
        {"one without name left out", {1}, {&A, &B}, mismatch, 1},
        {"the other left out", {0, 2}, {&A, &B}, mismatch, 1},
        {"one without name measured under another version", {1}, {&A_2}, "version-not-endorsed", 2},
        {"with and without name", {1, 2}, {&BL_1, &B}, "ok", 0},
        {"named one measured, the other left out", {1}, {&BL_1, &B}, mismatch, 1},
        {"the other measured, named one left out", {0, 2}, {&BL_1, &B}, mismatch, 1},
        {"alternatives of one name", {2}, {&BL_1, &BL_2}, "ok", 0},
        {"one value, measured under two names", {1, 1}, {&A}, "ok", 0},
        {"a name endorsed twice, another left out", {1}, {&BL_1, &BL_2, &FW_2}, mismatch, 1},
        {"what is endorsed, and more", {1, 2, 3}, {&A, &B}, mismatch, 1},
        {"alternatives of one name, none measured: one component",
         {0},
         {&BL_1, &BL_2},
         mismatch,
         1},
        {"two names endorsed, none measured", {0}, {&BL_1, &FW_2}, mismatch, 2},
        {"alternatives beside a value without name", {0}, {&A, &BL_1, &BL_2}, mismatch, 2},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        static const char *const names[] = {"BL", "FW", "CFG"};
        uint8_t digests[3][32];
        struct atls_psa_component components[3] = {0};
        struct atls_reference_value values[3] = {0};
        struct atls_psa_claims claims = {.components = components};
        struct atls_reference_set set = {values, 0};
        struct atls_evidence_verdict appraisal = {.reason = NULL};

        for (size_t j = 0; j < 3; j++) {
            memset(digests[j], table[i].measured[j], 32);
            if (table[i].measured[j])
                components[claims.component_count++] = (struct atls_psa_component){
                    .type = atls_bytes_of_text(names[j]), .value = ATLS_BYTES(digests[j], 32)};
            if (!table[i].endorsed[j])
                continue;
            values[set.count].name = table[i].endorsed[j]->name;
            values[set.count].version = table[i].endorsed[j]->version;
            values[set.count].digest_size = 32;
            memset(values[set.count++].digest, table[i].endorsed[j]->fill, 32);
        }
        assert_int_equal(atls_match_components(&claims, &set, &appraisal), 0);
        if (json_array_size(appraisal.mismatches) != table[i].mismatches)
            fail_msg("%s: %zu mismatches", table[i].what, json_array_size(appraisal.mismatches));
        check_match(&appraisal, table[i].reason);
    }
}

/* RFC 9783 4.4.1: the description names the hash algorithm, in the words of IANA's registry. */
static void test_hash_algorithms(void **state)
{
    static const struct {
        const char *description;
        enum atls_hash hash;
        const char *reason;
    } table[] = {
        {"sha-256", ATLS_SHA256, "ok"},
        {"", ATLS_SHA256, "ok"},
        {"TF-M_SHA256MemPreXIP", ATLS_SHA256, "ok"}, /* says nothing that is compared */
        {"sha-512", ATLS_SHA256, "reference-value-mismatch"},
        {"sha-256", ATLS_SHA384, "reference-value-mismatch"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_reference_value value = {.digest_size = 32, .digest_hash = table[i].hash};
        struct atls_psa_component component = {.type = atls_bytes_of_text("BL"),
                                               .value = ATLS_BYTES(value.digest, 32),
                                               .description =
                                                   atls_bytes_of_text(table[i].description)};
        struct atls_psa_claims claims = {.components = &component, .component_count = 1};
        struct atls_reference_set set = {&value, 1};
        struct atls_evidence_verdict appraisal = {.reason = NULL};

        assert_int_equal(atls_match_components(&claims, &set, &appraisal), 0);
        check_match(&appraisal, table[i].reason);
    }
}

/* Endorsements count while they are valid (draft-ietf-rats-corim section 7.3): one second more or
 * less decides. */
static void test_validity(void **state)
{
    static const struct {
        const char *what;
        struct atls_validity anchor, values;
        const char *reason;
        enum atls_tier tier;
    } table[] = {
        {"no bounds", {0, 0}, {0, 0}, "ok", ATLS_TIER_AFFIRMING},
        {"last second of the values", {0, 0}, {0, NOW}, "ok", ATLS_TIER_AFFIRMING},
        {"values expired", {0, 0}, {0, NOW - 1}, "unknown-component", ATLS_TIER_WARNING},
        {"first second of the values", {0, 0}, {NOW, NOW + 9}, "ok", ATLS_TIER_AFFIRMING},
        {"values not valid yet", {0, 0}, {NOW + 1, 0}, "unknown-component", ATLS_TIER_WARNING},
        {"last second of the key", {0, NOW}, {0, 0}, "ok", ATLS_TIER_AFFIRMING},
        {"key expired", {0, NOW - 1}, {0, 0}, "unknown-attestation-key", ATLS_TIER_CONTRAINDICATED},
        {"key not valid yet",
         {NOW + 1, NOW + 9},
         {0, 0},
         "unknown-attestation-key",
         ATLS_TIER_CONTRAINDICATED},
    };
    struct row row = {.name = NULL};
    struct test_recipe recipe = recipe_of(&row);
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = test_cab(&recipe, cab);

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_evidence_verdict appraisal;
        struct atls_store *other;
        struct atls_corim corim;
        uint8_t *encoded;
        size_t encoded_size = test_corim(devices, 1, ATLS_CORIM_MAIN, &encoded);

        assert_int_equal(atls_corim_parse(ATLS_BYTES(encoded, encoded_size), &corim), 0);
        for (size_t j = 0; j < corim.reference_value_count; j++)
            corim.reference_values[j].validity = table[i].values;
        corim.trust_anchors[0].validity = table[i].anchor;
        assert_int_equal(atls_store_open("memory", &other), 0);
        assert_int_equal(other->ops->add(other, &corim), 0);
        assert_int_equal(appraise_with(other, "application/cmw", ATLS_BYTES(cab, size),
                                       ATLS_BYTES(nonce, 32), &appraisal),
                         0);
        if (strcmp(appraisal.reason, table[i].reason) != 0)
            fail_msg("%s: %s: %s", table[i].what, appraisal.reason, appraisal.detail);
        assert_int_equal(appraisal.tier, table[i].tier);
        if (appraisal.tier != ATLS_TIER_AFFIRMING)
            assert_non_null(strstr(appraisal.detail, "outside of their validity") ||
                                    strstr(appraisal.detail, "outside of its validity")
                                ? appraisal.detail
                                : NULL);
        atls_evidence_verdict_clear(&appraisal);
        atls_store_close(other);
        atls_corim_clear(&corim);
        free(encoded);
    }
}

/* An empty store affirms nothing: there is no key that vouches for anything. */
static void test_empty_store(void **state)
{
    struct row row = {.name = NULL};
    struct test_recipe recipe = recipe_of(&row);
    static uint8_t evidence[TEST_EVIDENCE_MAX];
    struct atls_store *empty;

    assert_int_equal(atls_store_open("memory", &empty), 0);
    for (size_t psa = 0; psa < 2; psa++) {
        size_t size = psa ? test_psa_token(&recipe, evidence) : test_cab(&recipe, evidence);
        struct atls_evidence_verdict appraisal;

        assert_int_equal(appraise_with(empty, psa ? ATLS_MT_PSA_TOKEN : "application/cmw",
                                       ATLS_BYTES(evidence, size), ATLS_BYTES(nonce, 32),
                                       &appraisal),
                         0);
        assert_string_equal(appraisal.reason, "unknown-attestation-key");
        assert_int_equal(appraisal.tier, ATLS_TIER_CONTRAINDICATED);
        assert_memory_equal(appraisal.submods[0].trust_vector, vectors[FAILED], sizeof *vectors);
        atls_evidence_verdict_clear(&appraisal);
    }
    atls_store_close(empty);
}

/* Veraison's own evidence against its own endorsements. All holds but the signer: its vectors have
 * another in the token than in the CoRIM, and Veraison does not compare it. */
static void test_vectors_of_veraison(void **state)
{
    static const char *const corims[] = {"corim/main/corim-psa-valid.cbor",
                                         "corim/v0.0.2608/corim-psa-valid.cbor"};
    static const uint8_t challenge[32] = {0x41, 0x4a, 0x7c, 0x17, 0x41, 0x41, 0xb3, 0xd0,
                                          0xe9, 0xa1, 0xd2, 0x8a, 0xf3, 0x15, 0x20, 0xf0,
                                          0xd4, 0x22, 0x99, 0xfe, 0xac, 0x40, 0x07, 0xde,
                                          0xd8, 0x9d, 0x68, 0xae, 0x6c, 0xd9, 0x2f, 0x19};

    test_vectors();
    for (size_t i = 0; i < COUNT(corims); i++) {
        struct atls_bytes corim = test_vector(corims[i]);
        struct atls_bytes token = test_vector("psa/services/psa.good.cose");
        struct atls_store_import import;
        struct atls_store *other;
        struct atls_evidence_verdict appraisal;

        assert_int_equal(atls_store_open("memory", &other), 0);
        assert_int_equal(atls_store_import_corim(other, corim, &import), 0);
        assert_int_equal(appraise_with(other, ATLS_MT_PSA_VERAISON, token,
                                       ATLS_BYTES(challenge, sizeof challenge), &appraisal),
                         0);
        assert_string_equal(appraisal.reason, "reference-value-mismatch");
        assert_non_null(strstr(appraisal.detail, "endorsed, but for another signer"));
        assert_memory_equal(appraisal.submods[0].trust_vector, vectors[EXECUTABLES],
                            sizeof *vectors);
        assert_int_equal(json_array_size(appraisal.mismatches), 3);
        atls_evidence_verdict_clear(&appraisal);
        atls_store_close(other);
        test_vector_free(corim);
        test_vector_free(token);
    }
}

static struct atls_public_key tf_m_key;

static int tf_m_find_trust_anchor(struct atls_store *s, const uint8_t implementation_id[32],
                                  const uint8_t instance_id[33], struct atls_trust_anchor *anchorp)
{
    *anchorp = (struct atls_trust_anchor){.key = tf_m_key};
    return 0;
}

static int no_reference_values(struct atls_store *s, const uint8_t implementation_id[32],
                               struct atls_reference_set *setp)
{
    *setp = (struct atls_reference_set){0};
    return 0;
}

/* Tokens that TF-M made, of both profiles: signed by its key, about software nobody here endorsed.
 */
static void test_vectors_of_tf_m(void **state)
{
    static const struct atls_store_ops ops = {.find_trust_anchor = tf_m_find_trust_anchor,
                                              .find_reference_values = no_reference_values};
    static const char *const names[] = {"psa/tf-m/psa-iot-1_sign1.bin",
                                        "psa/tf-m/psa-2_0_0_sign1.bin"};
    struct atls_bytes pem = test_vector("psa/tf-m/public.pem");
    struct atls_store fake = {.ops = &ops};

    assert_int_equal(atls_pem_read_public_key(pem, &tf_m_key), 0);
    test_vector_free(pem);
    for (size_t i = 0; i < COUNT(names); i++) {
        struct atls_bytes token = test_vector(names[i]);
        struct atls_psa_component components[8];
        struct atls_psa_claims claims;
        struct atls_cose_sign1 message;
        struct atls_evidence_verdict appraisal;

        assert_int_equal(atls_cose_sign1_parse(token, ATLS_COSE_TAG_EITHER, NULL, &message), 0);
        assert_int_equal(atls_psa_claims_parse(message.payload, components, 8, &claims), 0);
        assert_int_equal(appraise_with(&fake, ATLS_MT_PSA_TOKEN, token, claims.nonce, &appraisal),
                         0);
        if (strcmp(appraisal.reason, "unknown-component") != 0)
            fail_msg("%s: %s: %s", names[i], appraisal.reason, appraisal.detail);
        assert_int_equal(appraisal.submods[0].trust_vector[ATLS_HARDWARE], 2);
        atls_evidence_verdict_clear(&appraisal);
        test_vector_free(token);
    }
}

/* Frames that do not fit, and tokens without the tag that the prototype's readers ask for. */
static void test_broken_prototypes(void **state)
{
    static uint8_t bundle[TEST_EVIDENCE_MAX], other[TEST_EVIDENCE_MAX];
    struct row row = {.prototype = true};
    struct test_recipe recipe = recipe_of(&row);
    struct atls_bytes kat, pat, broken;
    struct atls_evidence_verdict appraisal;
    size_t size = test_cab(&recipe, bundle);
    struct atls_sink sink = atls_sink_of(other, sizeof other);

    bundle[size] = 0; /* a byte behind, and one less */
    for (size_t wrong = size - 1; wrong <= size + 1; wrong += 2) {
        appraise("application/cmw", ATLS_BYTES(bundle, wrong), &appraisal);
        assert_string_equal(appraisal.reason, "malformed-cmw");
        assert_int_equal(appraisal.tier, ATLS_TIER_CONTRAINDICATED);
        atls_evidence_verdict_clear(&appraisal);
    }
    assert_int_equal(atls_prototype_bundle_split(ATLS_BYTES(bundle, size), &kat, &pat), 0);
    pat = ATLS_BYTES(pat.data + 1, pat.size - 1);
    assert_int_equal(atls_prototype_bundle_write(&sink, kat, pat), 0);
    assert_int_equal(atls_sink_done(&sink, &broken), 0);
    appraise("application/cmw", broken, &appraisal);
    assert_string_equal(appraisal.reason, "malformed-cose");
    atls_evidence_verdict_clear(&appraisal);
}

int main(void)
{
    static struct CMUnitTest tests[2 * COUNT(rows) + 20];
    static struct row prototypes[COUNT(rows)];
    size_t count = 0;
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_expected_and_measured),
        cmocka_unit_test(test_same_in_other_forms),
        cmocka_unit_test(test_tags_of_a_token),
        cmocka_unit_test(test_times_of_tokens),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_many_components),
        cmocka_unit_test(test_broken_store),
        cmocka_unit_test(test_partial_references),
        cmocka_unit_test(test_what_is_required),
        cmocka_unit_test(test_hash_algorithms),
        cmocka_unit_test(test_empty_store),
        cmocka_unit_test(test_vectors_of_veraison),
        cmocka_unit_test(test_vectors_of_tf_m),
        cmocka_unit_test(test_broken_prototypes),
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        tests[count++] = (struct CMUnitTest){.name = rows[i].name,
                                             .test_func = test_row,
                                             .initial_state = (void *)(uintptr_t)&rows[i]};
        if (rows[i].psa || rows[i].wrong >= TEST_NO_PAT)
            continue;
        prototypes[i] = rows[i]; /* the bundle of 2022 gets the same verdict */
        prototypes[i].prototype = true;
        tests[count++] = (struct CMUnitTest){
            .name = rows[i].name, .test_func = test_row, .initial_state = &prototypes[i]};
    }
    memcpy(tests + count, others, sizeof others);
    count += COUNT(others);
    return test_done(_cmocka_run_group_tests("appraisal", tests, count, set_up, tear_down));
}
