/* SPDX-License-Identifier: Apache-2.0 */
/* Both roles before a scripted verifier, and the bundle's flaws. */
#include "roles/test-appraisal.h"

#include <gnutls/crypto.h>
#include <stdio.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"

struct atls_public_key test_other_key(void)
{
    static const uint8_t seed[32] = {0x0e};
    struct atls_private_key key;

    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, seed, &key), 0);
    return key.public_key;
}

int test_set_up(void **state)
{
    struct test_appraisal *f = calloc(1, sizeof *f);

    f->server = test_server_start();
    test_party_open(&f->attester_party);
    test_party_open(&f->party);
    assert_int_equal(atls_verifier_client_new(1500, &f->client), 0);
    f->attester_options = (struct atls_attester_options){.device = "inproc:1",
                                                         .second_device = "inproc:2",
                                                         .device_timeout_ms = 20000,
                                                         .curve = ATLS_P256,
                                                         .verifier_url = test_server_url(f->server),
                                                         .result_max_age = 3600,
                                                         .faults = &f->faults};
    f->trusted[0] = (struct atls_trusted_verifier){VERIFIER_ID, test_server_url(f->server)};
    f->trusted[1] = (struct atls_trusted_verifier){"other.example", test_server_url(f->server)};
    f->options = (struct atls_relying_party_options){.verifier_url = test_server_url(f->server),
                                                     .trusted = f->trusted,
                                                     .trusted_count = 2,
                                                     .accept_tier = ATLS_TIER_AFFIRMING,
                                                     .nonce_size = 32,
                                                     .result_max_age = 3600,
                                                     .artifacts = f->party.directory};
    *state = f;
    return 0;
}

int test_set_up_key(void **state)
{
    test_set_up(state);

    struct test_appraisal *f = *state;
    test_write_key(f, false);
    f->trusted[0].source = f->key_file;
    return 0;
}

void test_write_key(struct test_appraisal *f, bool wrong)
{
    json_t *jwk = test_server_key(f->server, wrong);
    char *text = json_dumps(jwk, 0);

    snprintf(f->key_file, sizeof f->key_file, "%s/key.jwk", f->party.directory);
    assert_int_equal(atls_write_file(f->key_file, atls_bytes_of_text(text)), 0);
    json_decref(jwk);
    free(text);
}

void test_release(struct test_appraisal *f)
{
    atls_credential_clear(&f->credential);
    atls_appraisal_free(f->appraisal);
    atls_relying_party_free(f->rp);
    atls_attester_free(f->attester);
    f->appraisal = NULL;
    f->rp = NULL;
    f->attester = NULL;
}

int test_tear_down(void **state)
{
    struct test_appraisal *f = *state;

    test_release(f);
    atls_verifier_client_free(f->client);
    test_server_stop(f->server);
    test_party_close(&f->party);
    test_party_close(&f->attester_party);
    free(f);
    return 0;
}

void test_renew(struct test_appraisal *f)
{
    uint8_t challenge[32] = {1};

    test_release(f);
    assert_int_equal(
        atls_attester_new(&f->attester_options, f->client, f->attester_party.events, &f->attester),
        0);
    if (atls_attester_evidence(f->attester, 9, ATLS_BYTES(challenge, 32), &f->credential) == 0) {
        f->ik = f->credential.key;
        atls_credential_clear(&f->credential);
    }
    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &f->rp), 0);
}

void test_poll_once(struct test_appraisal *f)
{
    assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
}

/* Who refuses says why: what an earlier failure said is no answer. */
#define STALE "the text of an earlier failure"

void test_await_verdict(struct test_appraisal *f)
{
    int result;

    for (;;) {
        atls_fail(ATLS_E_MISMATCH, STALE, STALE);
        result = atls_appraisal_verdict(f->appraisal, &f->verdict);
        if (result != ATLS_E_AGAIN)
            break;
        test_poll_once(f);
    }
    assert_int_equal(result, 0);
}

void test_background_check_once(struct test_appraisal *f)
{
    struct atls_bytes nonce;
    struct atls_public_key key;
    int result;

    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    while ((result = atls_appraisal_challenge(f->appraisal, &nonce)) == ATLS_E_AGAIN) {
        test_poll_once(f);
    }
    if (result == 0) {
        assert_int_equal(atls_attester_evidence(f->attester, 1, nonce, &f->credential), 0);
        atls_fail(ATLS_E_MISMATCH, STALE, STALE);
        result = atls_appraisal_credential(f->appraisal,
                                           ATLS_BYTES(f->credential.cmw, f->credential.size), &key);
        assert_true(result == 0 || result > 0);
    }
    test_await_verdict(f);
}

void test_verdict_is(const struct test_appraisal *f, const char *what, const char *reason,
                     bool at_fault)
{
    bool accepted = strcmp(reason, "ok") == 0;

    if (strcmp(f->verdict.reason, reason) != 0 || f->verdict.accepted != accepted ||
        f->verdict.verifier_at_fault != at_fault) {
        fail_msg("%s: expected %s%s, came %s%s: %s", what, reason, at_fault ? " (verifier)" : "",
                 f->verdict.reason, f->verdict.verifier_at_fault ? " (verifier)" : "",
                 f->verdict.detail);
    }
    if (strcmp(f->verdict.detail, STALE) == 0 || strcmp(f->verdict.clause, STALE) == 0) {
        fail_msg("%s: %s does not say why", what, reason);
    }
}

void test_verdict_explains(const struct test_appraisal *f, const char *what, const char *reason,
                           bool at_fault)
{
    test_verdict_is(f, what, reason, at_fault);
    assert_true(f->verdict.detail[0] != '\0');
    assert_non_null(f->verdict.clause);
}

const struct test_flaw test_cab_flaws[TEST_CAB_FLAWS] = {
    {"cmw-truncated", "malformed-cmw"},        {"cmw-trailing-byte", "malformed-cmw"},
    {"cmw-empty-collection", "malformed-cmw"}, {"cmw-relative-type", "malformed-cmw"},
    {"cmw-value-not-bytes", "malformed-cmw"},  {"cmw-indicator-zero", "malformed-cmw"},
    {"cmw-missing-kat", "malformed-cmw"},      {"cbor-indefinite", "malformed-cbor"},
    {"cbor-duplicate-key", "malformed-cbor"},  {"cbor-unpreferred", "malformed-cbor"},
    {"cbor-deep", "malformed-cbor"},           {"cose-three-elements", "malformed-cose"},
    {"cose-unknown-alg", "malformed-cose"},    {"cose-detached", "malformed-cose"},
    {"claims-no-cnf", "malformed-claims"},     {"claims-cbor", "malformed-cbor"},
};

char *test_jwt_in_der(struct atls_bytes jwt, uint8_t flip)
{
    const char *dot = memrchr(jwt.data, '.', jwt.size);
    size_t head = (size_t)(dot + 1 - (const char *)jwt.data), size;
    uint8_t *raw;
    gnutls_datum_t r, s, der;

    assert_int_equal(atls_base64_decode(ATLS_BASE64URL,
                                        ATLS_BYTES(jwt.data + head, jwt.size - head), &raw, &size),
                     0);
    raw[size - 1] ^= flip;
    r = (gnutls_datum_t){raw, (unsigned)size / 2};
    s = (gnutls_datum_t){raw + size / 2, (unsigned)size / 2};
    assert_int_equal(gnutls_encode_rs_value(&der, &r, &s), 0);
    char *part = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(der.data, der.size)), *made;
    assert_true(asprintf(&made, "%.*s%s", (int)head, (const char *)jwt.data, part) > 0);
    gnutls_free(der.data);
    free(raw);
    free(part);
    return made;
}
