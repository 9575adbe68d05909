/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-ins. Evidence is the device's own; a result is the attested key's SPKI in a record of a
 * result's media type. The verdict is what can be said without a verifier: KAT, linkage and nonce.
 */
#include "tls/engine/test-roles.h"

#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/tokens/kat.h"
#include "sim/device/device.h"

#define RESULT_MIN                                                                                 \
    400 /* bytes: shorter than any real result, longer than a certificate for its key */

struct test_roles test_roles;

struct atls_attester {
    struct atls_device *device;
    uint32_t handle, other;
    struct atls_public_key key, other_key;
    const char *reason;
};
struct atls_relying_party {
    int nothing;
};
struct atls_appraisal {
    enum atls_model model;
    uint8_t nonce[ATLS_EAT_NONCE_MAX]; /* what must be answered */
    size_t nonce_size;
    uint8_t sent[32]; /* what was asked on the wire, and may be an input of that */
    bool has_leaf;
    struct atls_public_key leaf;
    uint8_t *credential;
    struct atls_cmw *cmw;
    struct atls_cab cab;
    const char *refused;
    unsigned challenge_after, verdict_after;
};

void *test_grow(void *block, size_t size)
{
    void *grown = realloc(block, size);
    if (!grown)
        abort();
    return grown;
}

static bool wait_more(unsigned *after)
{
    if (*after == 0)
        return false;
    (*after)--;
    test_roles.waited++;
    return true;
}

static int fails(struct atls_attester *attester, const char *reason)
{
    attester->reason = reason;
    return atls_fail(ATLS_E_UNAVAILABLE, NULL, "made to fail");
}

struct atls_attester *test_attester_new(enum atls_curve curve)
{
    struct atls_attester *attester = calloc(1, sizeof *attester);
    if (!attester || atls_device_open("inproc:7", 1000, &attester->device) != 0 ||
        atls_device_create_key(attester->device, curve, &attester->handle, &attester->key) != 0 ||
        atls_device_create_key(attester->device, curve, &attester->other, &attester->other_key) !=
            0)
        abort();
    attester->reason = "ok";
    return attester;
}

void test_attester_free(struct atls_attester *attester)
{
    if (attester)
        atls_device_close(attester->device);
    free(attester);
}

const struct atls_public_key *test_attester_key(const struct atls_attester *attester)
{
    return &attester->key;
}

uint32_t test_attester_handle(const struct atls_attester *attester)
{
    return attester->handle;
}

const char *atls_model_name(enum atls_model model)
{
    static const char *const names[] = {"none", "background-check", "passport"};
    return names[model];
}

void atls_credential_clear(struct atls_credential *credential)
{
    free(credential->cmw);
    memset(credential, 0, sizeof *credential);
}

static void present(struct atls_attester *attester, enum atls_model model, uint8_t *cmw,
                    size_t size, struct atls_credential *credentialp)
{
    bool other = test_roles.other_key;
    *credentialp =
        (struct atls_credential){.cmw = cmw,
                                 .size = size,
                                 .key = other ? attester->other_key : attester->key,
                                 .key_handle = other ? attester->other : attester->handle,
                                 .model = model};
}

int atls_attester_evidence(struct atls_attester *attester, unsigned conn,
                           struct atls_bytes challenge, struct atls_credential *credentialp)
{
    uint8_t *cab;
    size_t size;
    if (test_roles.evidence_fails)
        return fails(attester, test_roles.evidence_fails);
    if (challenge.size < ATLS_EAT_NONCE_MIN || challenge.size > ATLS_EAT_NONCE_MAX)
        return atls_fail(ATLS_E_LIMIT, "RFC 9711 section 4.1", "a nonce of %zu bytes",
                         challenge.size);
    uint8_t answer[ATLS_EAT_NONCE_MAX];
    memcpy(answer, challenge.data, challenge.size);
    size_t answer_size = challenge.size;
    answer[0] ^= test_roles.wrong_answer;
    if (test_roles.answer)
        test_roles.answer(answer, &answer_size);
    int result = atls_device_attest_key(
        attester->device, test_roles.attested_other ? attester->other : attester->handle,
        ATLS_BYTES(answer, answer_size), &cab, &size);
    if (result == 0) {
        present(attester, ATLS_MODEL_BACKGROUND_CHECK, cab, size, credentialp);
        test_roles.evidence_made++;
    }
    return result;
}

int atls_attester_bound_evidence(struct atls_attester *attester, unsigned conn,
                                 struct atls_bytes binder, struct atls_credential *credentialp)
{
    return atls_attester_evidence(attester, conn, binder, credentialp);
}

int atls_attester_renew(struct atls_attester *attester)
{
    if (wait_more(&test_roles.result_after))
        return ATLS_E_AGAIN;
    return test_roles.result_fails ? fails(attester, test_roles.result_fails) : 0;
}

int atls_attester_result(struct atls_attester *attester, unsigned conn,
                         struct atls_credential *credentialp)
{
    int result = atls_attester_renew(attester);
    if (result != 0)
        return result;
    const char *given = test_roles.result;
    size_t value = given ? strlen(given) : RESULT_MIN + test_roles.padding, size = value + 64;
    uint8_t *text = calloc(1, value), *cmw = malloc(size);
    struct atls_cbor_writer w;
    struct atls_bytes out;
    if (!text || !cmw)
        abort();
    if (given)
        memcpy(text, given, value);
    else
        atls_spki_encode(&attester->key, text);
    atls_cbor_write_init(&w, cmw, size);
    atls_cmw_write_record(&w, ATLS_MT_EAT_JWT, ATLS_BYTES(text, value),
                          ATLS_IND_ATTESTATION_RESULTS);
    if (atls_cbor_write_done(&w, &out) != 0)
        abort();
    free(text);
    present(attester, ATLS_MODEL_PASSPORT, cmw, out.size, credentialp);
    return 0;
}

/* Which binder it answers is told by nobody here. */
int atls_attester_bound_result(struct atls_attester *attester, unsigned conn,
                               struct atls_bytes binder, struct atls_credential *credentialp)
{
    int result = atls_attester_result(attester, conn, credentialp);
    if (result == 0)
        test_roles.bound_results++;
    return result;
}

void atls_attester_forget(struct atls_attester *attester, unsigned conn)
{
    test_roles.forgotten++;
}

int atls_attester_sign(struct atls_attester *attester, uint32_t key_handle,
                       struct atls_bytes digest, uint8_t signaturep[ATLS_SIGNATURE_MAX],
                       size_t *sizep)
{
    if (test_roles.sign_fails)
        return fails(attester, test_roles.sign_fails);
    return atls_device_sign(attester->device, key_handle, digest, signaturep, sizep);
}

const char *atls_attester_reason(const struct atls_attester *attester)
{
    return attester->reason;
}

struct atls_relying_party *test_relying_party_new(void)
{
    return calloc(1, sizeof(struct atls_relying_party));
}

void test_relying_party_free(struct atls_relying_party *relying_party)
{
    free(relying_party);
}

int atls_appraisal_begin(struct atls_relying_party *rp, unsigned conn, enum atls_model model,
                         struct atls_appraisal **appraisalp)
{
    struct atls_appraisal *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->model = model;
    a->challenge_after = test_roles.challenge_after;
    a->verdict_after = test_roles.verdict_after;
    a->nonce_size = 32;
    if (atls_crypto_hosted.random(a->nonce, a->nonce_size) != 0)
        abort();
    *appraisalp = a;
    return 0;
}

int atls_appraisal_begin_with_challenge(struct atls_relying_party *rp, unsigned conn,
                                        enum atls_model model, struct atls_bytes challenge,
                                        struct atls_appraisal **appraisalp)
{
    int result = atls_appraisal_begin(rp, conn, model, appraisalp);
    if (result == 0)
        (*appraisalp)->nonce_size = 0;
    if (result == 0 && challenge.size > 0)
        result = atls_appraisal_set_challenge(*appraisalp, challenge);
    return result;
}

int atls_appraisal_set_challenge(struct atls_appraisal *a, struct atls_bytes challenge)
{
    if (challenge.size > sizeof a->nonce)
        abort();
    memcpy(a->nonce, challenge.data, challenge.size);
    a->nonce_size = challenge.size;
    return 0;
}

int atls_appraisal_expect_key(struct atls_appraisal *a, const struct atls_public_key *leaf)
{
    a->has_leaf = true;
    a->leaf = *leaf;
    return 0;
}

int atls_appraisal_own_key(struct atls_appraisal *a, const struct atls_public_key *own)
{
    if (test_roles.own_count < 2)
        test_roles.own[test_roles.own_count] = *own;
    test_roles.own_count++;
    return 0; /* who refuses them has tests of its own, among the roles */
}

void atls_appraisal_free(struct atls_appraisal *a)
{
    if (!a)
        return;
    atls_cmw_free(a->cmw);
    free(a->credential);
    free(a);
}

int atls_appraisal_challenge(struct atls_appraisal *a, struct atls_bytes *noncep)
{
    if (wait_more(&a->challenge_after))
        return ATLS_E_AGAIN;
    if (test_roles.challenge_fails) {
        a->refused = test_roles.challenge_fails;
        return atls_fail(ATLS_E_UNAVAILABLE, NULL, "made to fail");
    }
    memcpy(a->sent, a->nonce, sizeof a->sent);
    *noncep = ATLS_BYTES(a->sent, sizeof a->sent);
    return 0;
}

int atls_appraisal_expect_verifier(struct atls_appraisal *a, struct atls_bytes verifier_id)
{
    return atls_bytes_is_text(verifier_id, "v.example")
               ? 0
               : atls_fail(ATLS_E_UNTRUSTED, NULL, "v.example was expected");
}

/* What was expected of MODEL is found in the copy of the credential, with the key it names. */
static int parse(struct atls_appraisal *a, struct atls_bytes cmw, struct atls_public_key *keyp)
{
    int result = atls_cmw_parse(cmw, &a->cmw);
    if (result != 0)
        return result;
    if (a->model == ATLS_MODEL_BACKGROUND_CHECK) {
        result = atls_cab_parse(a->cmw, &a->cab);
        if (result == 0)
            *keyp = a->cab.kat_claims.identity_key;
        return result;
    }
    if (a->cmw->form != ATLS_CMW_RECORD || a->cmw->value.size < ATLS_SPKI_MAX)
        return atls_fail(ATLS_E_MALFORMED, NULL, "a result was expected");
    result = atls_spki_decode(ATLS_BYTES(a->cmw->value.data, 91), keyp);
    return result == 0 ? 0 : atls_spki_decode(ATLS_BYTES(a->cmw->value.data, 120), keyp);
}

int atls_appraisal_credential(struct atls_appraisal *a, struct atls_bytes cmw,
                              struct atls_public_key *keyp)
{
    test_roles.judged++;
    a->credential = malloc(cmw.size + 1);
    if (!a->credential)
        abort();
    memcpy(a->credential, cmw.data, cmw.size);
    int result = parse(a, ATLS_BYTES(a->credential, cmw.size), keyp);
    if (result != 0)
        a->refused = "malformed-cmw";
    else if (a->has_leaf && !atls_public_key_equal(keyp, &a->leaf))
        a->refused = "key-mismatch";
    return !a->refused ? 0 : ATLS_E_MISMATCH;
}

bool atls_appraisal_answers(struct atls_appraisal *a, struct atls_bytes challenge)
{
    return atls_cab_check_nonce(&a->cab, challenge) == 0;
}

void atls_appraisal_diagnose(struct atls_appraisal *a,
                             void (*computed)(void *context, struct atls_diagnosis *diagnosis),
                             void *context, struct atls_diagnosis *diagnosisp)
{
    bool mismatch = a->refused && strcmp(a->refused, "nonce-mismatch") == 0;
    *diagnosisp = (struct atls_diagnosis){.of = mismatch ? ATLS_WRONG_BINDER : ATLS_MATCHES};
    if (mismatch)
        computed(context, diagnosisp);
}

int atls_appraisal_verdict(struct atls_appraisal *a, struct atls_verdict *verdictp)
{
    if (!a->refused && wait_more(&a->verdict_after))
        return ATLS_E_AGAIN;
    if (!a->refused)
        a->refused = test_roles.verdict_fails;
    if (!a->refused && a->model == ATLS_MODEL_BACKGROUND_CHECK &&
        atls_cab_check(&a->cab, &atls_crypto_hosted, ATLS_BYTES(a->nonce, a->nonce_size)) != 0)
        a->refused = "nonce-mismatch";
    bool accepted = !a->refused;
    *verdictp =
        (struct atls_verdict){.tier = accepted ? ATLS_TIER_AFFIRMING : ATLS_TIER_NONE,
                              .accepted = accepted,
                              .reason = accepted ? "ok" : a->refused,
                              .detail = "said by a stand-in",
                              .clause = "",
                              .verifier_at_fault = !accepted && test_roles.verifier_at_fault};
    return 0;
}
