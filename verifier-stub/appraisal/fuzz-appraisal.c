/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any evidence into appraisal. The first byte says in which media type it comes and whether
 * signatures are verified or all believed: believing gets the fuzzer behind them. The store is a
 * fake that knows every device. What comes out must be of one piece, and the same again where the
 * platform is remembered.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/media-types.h"
#include "verifier-stub/appraisal/result.h"
#include "verifier-stub/appraisal/test-evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct test_device device;
static struct atls_crypto believing;
static json_t *signer, *verifier;
static struct atls_platform_cache *cache; /* of what was believed */

static int believe(const struct atls_public_key *key, struct atls_bytes digest,
                   struct atls_bytes signature)
{
    return 0;
}

static int find_trust_anchor(struct atls_store *store, const struct atls_trust_anchor *sought,
                             struct atls_trust_anchor *anchorp)
{
    *anchorp = (struct atls_trust_anchor){.key = device.pak.public_key};
    return 0;
}

static int revision(struct atls_store *store, uint64_t *revisionp)
{
    *revisionp = 1;
    return 0;
}

static int find_reference_values(struct atls_store *store, enum atls_corim_profile profile,
                                 const uint8_t implementation_id[32],
                                 struct atls_reference_set *setp)
{
    struct atls_reference_value values[TEST_COMPONENTS] = {{.pcr = 0}};

    for (size_t i = 0; i < TEST_COMPONENTS; i++) {
        values[i].name = (char *)(uintptr_t)test_components[i].name;
        values[i].version = (char *)(uintptr_t)test_components[i].version;
        values[i].digest_size = 32;
        memset(values[i].digest, test_components[i].fill, 32);
    }
    return atls_reference_set_of(values, TEST_COMPONENTS, setp);
}

static void set_up(void)
{
    if (signer)
        return;
    test_device_make(&device, 1);
    believing = atls_crypto_hosted;
    believing.verify = believe;
    if (atls_signing_key_make(&signer) != 0 || !(verifier = atls_signing_key_public(signer)) ||
        atls_platform_cache_open(3600, atls_clock_of_system(), &cache) != 0)
        abort();
}

static void demand(bool condition)
{
    if (!condition)
        abort();
}

/* The result must be one that a strict reader takes and that says the same. */
static void check_result(const struct atls_evidence_verdict *appraisal, struct atls_bytes nonce)
{
    struct atls_result_rules rules = {
        .dialect = ATLS_EAR_VERAISON, .lifetime = 300, .signer_jwk = signer};
    struct atls_ear ear;
    uint8_t *token;
    size_t size;

    for (int i = 0; i < ATLS_EAR_SERIALIZATIONS; i++) {
        demand(atls_result_write(appraisal, nonce, 1700000000, false, &rules,
                                 (enum atls_ear_serialization)i, &token, &size) == 0);
        demand(atls_ear_read(ATLS_BYTES(token, size), verifier, &ear) == 0);
        demand(atls_ear_worst_tier(&ear) == appraisal->tier);
        demand(ear.submods[0].has_key == appraisal->has_key);
        atls_ear_clear(&ear);
        free(token);
    }
}

static void check_appraisal(const struct atls_evidence_verdict *appraisal)
{
    bool failed = appraisal->submods[0].trust_vector[ATLS_HARDWARE] == 99;

    demand((strcmp(appraisal->reason, "ok") == 0) == (appraisal->tier == ATLS_TIER_AFFIRMING));
    demand(appraisal->detail[0] != 0);
    demand(!failed || !appraisal->has_key);
    demand(failed || appraisal->submods[0].annotated_evidence || appraisal->submod_count > 1);
    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++)
        demand((appraisal->submods[0].trust_vector[i] == 99) == failed);
}

static void check_again(struct atls_appraiser appraiser, const struct atls_evidence *evidence,
                        struct atls_bytes nonce, const struct atls_evidence_verdict *first)
{
    struct atls_evidence_verdict again;

    appraiser.cache = cache;
    for (int i = 0; i < 2; i++) {
        demand(atls_appraise(&appraiser, evidence, nonce, &again) == 0);
        demand(strcmp(again.reason, first->reason) == 0 && again.tier == first->tier);
        demand(memcmp(again.submods[0].trust_vector, first->submods[0].trust_vector,
                      sizeof again.submods[0].trust_vector) == 0);
        demand(
            json_equal(again.submods[0].annotated_evidence, first->submods[0].annotated_evidence) ||
            !first->submods[0].annotated_evidence);
        atls_evidence_verdict_clear(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct atls_store_ops ops = {.find_trust_anchor = find_trust_anchor,
                                              .find_reference_values = find_reference_values,
                                              .revision = revision};
    struct atls_store store = {.ops = &ops};
    struct atls_appraiser appraiser = {.store = &store, .annotates = true};
    struct atls_evidence evidence;
    struct atls_evidence_verdict appraisal;
    const char *reason = NULL;
    uint8_t nonce[32];
    int result;

    if (size == 0)
        return 0;
    set_up();
    memset(nonce, 0x11, sizeof nonce);
    result = atls_evidence_unwrap(data[0] & 1 ? ATLS_MT_PSA_TOKEN : ATLS_MT_CMW_CBOR,
                                  ATLS_BYTES(data + 1, size - 1), &evidence, &reason);
    demand(result >= 0);
    if (result != 0)
        return 0;
    appraiser.crypto = data[0] & 2 ? &believing : &atls_crypto_hosted;
    result = atls_appraise(&appraiser, &evidence, ATLS_BYTES(nonce, sizeof nonce), &appraisal);
    demand(result == 0);
    check_appraisal(&appraisal);
    if (appraiser.crypto == &believing)
        check_again(appraiser, &evidence, ATLS_BYTES(nonce, sizeof nonce), &appraisal);
    if (data[0] & 4)
        check_result(&appraisal, ATLS_BYTES(nonce, sizeof nonce));
    atls_evidence_verdict_clear(&appraisal);
    atls_evidence_clear(&evidence);
    return 0;
}
