/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key attestation over one nonce, appraised: good, and with one relation of section 5.1 of
 * draft-reddy-rats-key-binding-02 broken at a time. What it is for is the second row: a leaked key
 * attestation key (KAK) and a PAT of yesterday, which a CAB of KAT-06 would pass with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/tokens/key-binding.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/appraisal/test-evidence.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CRYPTO (&atls_crypto_hosted)

static struct test_device device, stranger;
static struct atls_store *store;
static uint8_t today[32], yesterday[32];

static int set_up(void **state)
{
    test_device_make(&device, 10);
    test_device_make(&stranger, 20);
    memset(today, 0x11, sizeof today);
    memset(yesterday, 0x22, sizeof yesterday);
    store = test_store(&device, 1);
    return 0;
}

static int tear_down(void **state)
{
    atls_store_close(store);
    return 0;
}

static struct atls_bytes sign(struct atls_bytes payload, const struct atls_private_key *key,
                              uint8_t *out)
{
    struct atls_local_signer local = {CRYPTO, key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes written;

    atls_cbor_write_init(&w, out, TEST_EVIDENCE_MAX);
    assert_int_equal(atls_cose_sign1_write(&w, true, payload, CRYPTO, &signer), 0);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    return written;
}

/* The claims of a PSA token with those of a KAK behind them: the order of a map says nothing. */
static struct atls_bytes make_pat(const struct test_recipe *recipe, bool attributes, uint8_t *out)
{
    static uint8_t token[TEST_EVIDENCE_MAX], claims[TEST_EVIDENCE_MAX];
    uint8_t label[] = {0x3a, 0x00, 0x01, 0x12, 0x37}, value[128];
    struct atls_cose_sign1 parsed;
    struct atls_cbor_writer w;
    struct atls_bytes written;
    size_t size = test_psa_token(recipe, token);

    assert_int_equal(
        atls_cose_sign1_parse(ATLS_BYTES(token, size), ATLS_COSE_TAG_EITHER, NULL, &parsed), 0);
    size = parsed.payload.size;
    memcpy(claims, parsed.payload.data, size);
    claims[0]++;
    claims[size++] = 8;
    atls_cbor_write_init(&w, value, sizeof value);
    atls_cnf_write(&w, &device.kak.public_key);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    memcpy(claims + size, written.data, written.size);
    size += written.size;
    if (attributes) {
        claims[0]++;
        memcpy(claims + size, label, sizeof label);
        size += sizeof label;
        atls_cbor_write_init(&w, value, sizeof value);
        atls_key_binding_attributes_write(&w);
        assert_int_equal(atls_cbor_write_done(&w, &written), 0);
        memcpy(claims + size, written.data, written.size);
        size += written.size;
    }
    return sign(ATLS_BYTES(claims, size), &recipe->device->pak, out);
}

static struct atls_bytes make_kat(const uint8_t nonce[32], const struct atls_private_key *key,
                                  uint8_t *out)
{
    uint8_t claims[512];
    struct atls_cbor_writer w;
    struct atls_bytes written;

    atls_cbor_write_init(&w, claims, sizeof claims);
    assert_int_equal(atls_key_binding_kat_write(&w, ATLS_BYTES(nonce, 32), &device.ik.public_key),
                     0);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    return sign(written, key, out);
}

static const struct row {
    const char *what;
    const uint8_t *kat_nonce, *pat_nonce;
    const struct test_device *by;       /* whose PAT it is */
    const struct atls_private_key *kak; /* that signs the KAT */
    int32_t client;
    bool no_attributes;
    uint8_t firmware; /* 0: as endorsed */
    const char *reason;
} rows[] = {
    {"good", today, today, &device, &device.kak, 1, false, 0, "ok"},
    {"an old PAT", today, yesterday, &device, &device.kak, 1, false, 0, "nonce-mismatch"},
    {"an old KAT", yesterday, today, &device, &device.kak, 1, false, 0, "nonce-mismatch"},
    {"both old", yesterday, yesterday, &device, &device.kak, 1, false, 0, "nonce-mismatch"},
    {"a KAT by a key of the attacker's", today, today, &device, &stranger.kak, 1, false, 0,
     "kat-signature-invalid"},
    {"a KAT by the platform's key", today, today, &device, &device.pak, 1, false, 0,
     "kat-signature-invalid"},
    {"a PAT of a device that nobody endorses", today, today, &stranger, &device.kak, 1, false, 0,
     "unknown-attestation-key"},
    {"a PAT that the non-secure side asked for", today, today, &device, &device.kak, -1, false, 0,
     "platform-token-caller"},
    {"a PAT without key-attributes", today, today, &device, &device.kak, 1, true, 0,
     "malformed-claims"},
    {"other firmware", today, today, &device, &device.kak, 1, false, 0x77,
     "reference-value-mismatch"},
};

static void test_rows(void **state)
{
    static uint8_t kat[TEST_EVIDENCE_MAX], pat[TEST_EVIDENCE_MAX], whole[TEST_EVIDENCE_MAX];

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct test_component components[TEST_COMPONENTS];
        struct test_recipe recipe = test_recipe_good(row->by, ATLS_BYTES(row->pat_nonce, 32));
        struct atls_evidence_verdict verdict;
        struct atls_bytes kat_bytes = make_kat(row->kat_nonce, row->kak, kat), written;
        struct atls_cbor_writer w;

        memcpy(components, test_components, sizeof components);
        if (row->firmware) {
            components[1].fill = row->firmware;
            recipe.components = components;
            recipe.component_count = TEST_COMPONENTS;
        }
        recipe.client_id = row->client;
        atls_cbor_write_init(&w, whole, sizeof whole);
        atls_key_binding_write(&w, kat_bytes, make_pat(&recipe, !row->no_attributes, pat));
        assert_int_equal(atls_cbor_write_done(&w, &written), 0);
        assert_int_equal(
            test_appraise(store, "application/cmw", written, ATLS_BYTES(today, 32), &verdict), 0);
        if (strcmp(verdict.reason, row->reason) != 0)
            fail_msg("%s: expected %s, came %s (%s)", row->what, row->reason, verdict.reason,
                     verdict.detail);
        bool good = strcmp(row->reason, "ok") == 0;
        assert_int_equal(verdict.tier == ATLS_TIER_AFFIRMING, good);
        if (good)
            assert_true(verdict.has_key &&
                        atls_public_key_equal(&verdict.key, &device.ik.public_key));
        atls_evidence_verdict_clear(&verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
