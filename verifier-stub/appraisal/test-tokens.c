/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of evidence in all their forms: tags, times, serializations, and frames that do not
 * fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-support.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/appraisal/test-evidence.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct test_device device;
static struct atls_store *store;
static uint8_t nonce[32];

static int set_up(void **state)
{
    test_device_make(&device, 10);
    memset(nonce, 0x11, sizeof nonce);
    store = test_store(&device, 1);
    return 0;
}

static int tear_down(void **state)
{
    atls_store_close(store);
    return 0;
}

static void appraise(const char *media_type, struct atls_bytes body,
                     struct atls_evidence_verdict *appraisalp)
{
    assert_int_equal(
        test_appraise(store, media_type, body, ATLS_BYTES(nonce, sizeof nonce), appraisalp), 0);
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
    struct test_recipe recipe = test_recipe_good(&device, ATLS_BYTES(nonce, sizeof nonce));
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
        struct test_recipe recipe = test_recipe_good(&device, ATLS_BYTES(nonce, sizeof nonce));
        bool bare = i % PLACES == BARE;
        struct atls_evidence_verdict appraisal;
        bool in_kat;

        recipe.prototype = i % PLACES == PROTOTYPE_KAT;
        in_kat = i % PLACES == KAT || recipe.prototype;
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
    struct test_recipe recipe = test_recipe_good(&device, ATLS_BYTES(nonce, sizeof nonce));
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
    static const uint8_t behind[] = {ATLS_PROTOTYPE_VERSION, 0xff};

    for (size_t k = 0; k < sizeof behind; k++)
        for (size_t i = 0; atls_evidence_media_type(i); i++) {
            const char *type = atls_evidence_media_type(i), *reason = NULL;
            struct atls_evidence evidence;

            if (!strstr(type, "cmw"))
                continue;
            assert_int_equal(
                atls_evidence_unwrap(type, ATLS_BYTES(behind + k, 0), &evidence, &reason),
                ATLS_E_MALFORMED);
            assert_string_equal(reason, "malformed-cmw");
        }
}

/* Frames that do not fit, and tokens without the tag that the prototype's readers ask for. */
static void test_broken_prototypes(void **state)
{
    static uint8_t bundle[TEST_EVIDENCE_MAX], other[TEST_EVIDENCE_MAX];
    struct test_recipe recipe = test_recipe_good(&device, ATLS_BYTES(nonce, sizeof nonce));
    struct atls_sink sink = atls_sink_of(other, sizeof other);
    struct atls_bytes kat, pat, broken;
    struct atls_evidence_verdict appraisal;
    size_t size;

    recipe.prototype = true;
    size = test_cab(&recipe, bundle);
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

/* Of the types of one format, that in a CMW is the evidence's. */
static void test_type_in_a_cmw(void **state)
{
    static const char *const types[] = {ATLS_MT_PSA_TOKEN, ATLS_MT_PSA_VERAISON,
                                        ATLS_MT_PSA_RFC9783};

    for (size_t i = 0; i < COUNT(types); i++) {
        json_t *record = json_pack("[s, s]", types[i], "AQ");
        char *text = json_dumps(record, JSON_COMPACT);
        struct atls_evidence evidence;
        const char *reason = NULL;

        assert_non_null(text);
        assert_int_equal(atls_evidence_unwrap("application/cmw+json", atls_bytes_of_text(text),
                                              &evidence, &reason),
                         0);
        assert_string_equal(evidence.media_type, types[i]);
        assert_int_equal(evidence.value.size, 1);
        atls_evidence_clear(&evidence);
        free(text);
        json_decref(record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags_of_a_token),     cmocka_unit_test(test_times_of_tokens),
        cmocka_unit_test(test_same_in_other_forms), cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_broken_prototypes),   cmocka_unit_test(test_type_in_a_cmw),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
