/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a refused credential would have been right for, as far as this is told without the
 * connection. Evidence is asked again what the relying party asked, by the format's own check, with
 * one thing changed: another challenge, another form of signature. Signatures that were verified
 * are believed then, as only the name of what fits is wanted; the verdict is given already.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "roles/relying-party-private.h"

void atls_appraisal_remember(struct atls_appraisal *a)
{
    struct atls_asked *asked = &a->rp->asked[a->rp->asked_count++ % ATLS_ASKED_MAX];

    asked->conn = a->conn;
    asked->size = a->challenge_size;
    memcpy(asked->challenge, a->challenge, a->challenge_size);
}

static int believe(const struct atls_public_key *key, struct atls_bytes digest,
                   struct atls_bytes signature)
{
    return 0;
}

/* The reason of the evidence's check for QUESTION; "" where it has none. */
static const char *reason_for(const struct atls_appraisal *a,
                              struct atls_evidence_question question)
{
    struct atls_crypto crypto = atls_crypto_hosted;
    const struct atls_evidence_format *format = a->received.evidence.format;
    const char *reason = "internal";

    if (!format)
        return reason;
    crypto.verify = believe;
    question.crypto = &crypto;
    return format->check(&a->received.evidence, &question, &reason) ? reason : "";
}

static bool is_mismatch(const char *reason)
{
    return strcmp(reason, "binder-mismatch") == 0 || strcmp(reason, "nonce-mismatch") == 0;
}

static bool answers(const struct atls_appraisal *a, struct atls_bytes challenge, bool hashed)
{
    struct atls_evidence_question question = atls_appraisal_question(a);

    if (challenge.size < ATLS_EAT_NONCE_MIN || challenge.size > ATLS_EAT_NONCE_MAX)
        return false;
    if (a->of_result)
        return atls_bytes_equal(challenge, ATLS_BYTES(a->answered, a->answered_size));
    question.challenge = challenge;
    question.challenge_hashed = hashed;

    const char *reason = reason_for(a, question);
    return !is_mismatch(reason) && strcmp(reason, "internal") != 0 &&
           strcmp(reason, "nonce-length") != 0;
}

bool atls_appraisal_answers(struct atls_appraisal *a, struct atls_bytes challenge)
{
    struct atls_error kept;

    atls_error_keep(&kept);
    bool does = answers(a, challenge, a->rp->options.challenge_hashed);
    atls_error_restore(&kept);
    return does;
}

static bool is_reason(const struct atls_appraisal *a, const char *reason)
{
    return strcmp(a->reason, reason) == 0;
}

/* The challenge of another connection, or an earlier one of this. */
static bool find_asked(const struct atls_appraisal *a, struct atls_diagnosis *d)
{
    const struct atls_relying_party *rp = a->rp;
    struct atls_bytes own = ATLS_BYTES(a->challenge, a->challenge_size);

    for (size_t i = 0; i < ATLS_ASKED_MAX && i < rp->asked_count; i++) {
        const struct atls_asked *asked = &rp->asked[i];
        struct atls_bytes challenge = ATLS_BYTES(asked->challenge, asked->size);
        if (atls_bytes_equal(challenge, own) ||
            !answers(a, challenge, rp->options.challenge_hashed))
            continue;
        if (asked->conn != a->conn)
            atls_diagnosis_add(d, "another connection", "RFC 9711 section 4.1",
                               "it was asked in connection %u of this process, and not in this one",
                               asked->conn);
        else
            atls_diagnosis_add(d, "an earlier request", "RFC 9711 section 4.1",
                               "it was asked in this connection before");
        return true;
    }
    return false;
}

/* The challenge hashed, where it was to be answered as it is. */
static void find_hashed(const struct atls_appraisal *a, struct atls_diagnosis *d)
{
    static const enum atls_hash hashes[] = {ATLS_SHA256, ATLS_SHA384, ATLS_SHA512};
    struct atls_bytes own = ATLS_BYTES(a->challenge, a->challenge_size);
    uint8_t digest[ATLS_HASH_MAX];

    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        if (atls_crypto_hosted.hash(hashes[i], &own, 1, digest) ||
            !answers(a, ATLS_BYTES(digest, atls_hash_size(hashes[i])), false))
            continue;
        atls_diagnosis_add(d, "the challenge's hash", "RFC 9711 section 4.1",
                           "it answers %s of the challenge, and not the challenge",
                           atls_hash_name(hashes[i]));
        return;
    }
}

static void find_nonce(struct atls_appraisal *a, struct atls_diagnosis *d)
{
    struct atls_bytes own = ATLS_BYTES(a->challenge, a->challenge_size);
    bool hashed = a->rp->options.challenge_hashed;

    if (answers(a, atls_constant_nonce_of_2022.nonce, hashed))
        atls_diagnosis_add_variant(d, "nonce", "constant", atls_constant_nonce_of_2022.clause);
    else if (answers(a, own, !hashed))
        atls_diagnosis_add_variant(d, "realm-challenge", hashed ? "zero-padded" : "sha-512", NULL);
    else if (!find_asked(a, d))
        find_hashed(a, d);
    /* Whatever else it answers: by that reading it need not answer this. */
    if (d->count == 0 && a->of_result && a->model == ATLS_MODEL_PASSPORT)
        atls_diagnosis_add_variant(d, "result-nonce", "free", a->rp->options.binder_clause);
}

static void find_linkage(const struct atls_appraisal *a, struct atls_diagnosis *d)
{
    const struct atls_evidence_format *format = a->received.evidence.format;
    struct atls_evidence_question question = atls_appraisal_question(a), other = question;

    other.quote_of_nonce = !question.quote_of_nonce;
    if (strcmp(reason_for(a, question), "linkage-mismatch") != 0) {
        d->of = ATLS_MATCHES; /* a verifier's word, which nothing here bears out */
        return;
    }
    if (strcmp(reason_for(a, other), "linkage-mismatch") != 0)
        atls_diagnosis_add_variant(d, "tpm-quote", other.quote_of_nonce ? "nonce" : "kat", NULL);
    else if (format->recognize)
        format->recognize(&a->received.evidence, &question, d);
}

/* Does the result verify by JWK, once its signature was brought from DER into the form that is due?
 */
static bool verifies_as_der(struct atls_bytes in, const json_t *jwk)
{
    struct atls_ear_token token;
    struct atls_public_key key;
    uint8_t signature[ATLS_SIGNATURE_MAX], *der = NULL;
    char *part = NULL;
    size_t size;

    if (atls_ear_token_parse(in, &token))
        return false;
    bool cwt = token.serialization == ATLS_EAR_CWT;
    bool does =
        atls_jwk_to_verification_key(jwk, &key) == 0 &&
        (cwt || atls_base64_decode(ATLS_BASE64URL, token.jws.signature_part, &der, &size) == 0) &&
        atls_signature_of_der(key.curve, cwt ? token.message.signature : ATLS_BYTES(der, size),
                              signature) == 0;
    if (does) {
        token.message.signature = ATLS_BYTES(signature, 2 * atls_curve_size(key.curve));
        part = atls_base64_encode(ATLS_BASE64URL, token.message.signature);
    }
    if (part)
        token.jws.signature_part = atls_bytes_of_text(part);
    does = does && part && atls_ear_token_verify(&token, jwk) == 0;
    free(der);
    free(part);
    atls_ear_token_clear(&token);
    return does;
}

static void find_signature_of_result(struct atls_appraisal *a, struct atls_diagnosis *d)
{
    struct atls_bytes token = a->received.result;
    const json_t *jwk = NULL;
    const char *reason;
    int result = a->model == ATLS_MODEL_PASSPORT
                     ? atls_relying_party_key(a->rp, a->expected, &jwk, &reason)
                     : atls_verifier_session_result(a->session, &token);

    if (!result && !jwk)
        result = atls_verifier_key(a->rp->client, a->rp->options.verifier_url, &jwk, &reason);
    if (!result && verifies_as_der(token, jwk))
        atls_diagnosis_add(d, "another encoding",
                           atls_ear_serialization_of(token) == ATLS_EAR_CWT
                               ? "RFC 9053 section 2.1"
                               : "RFC 7518 section 3.4",
                           "expected r || s, came an Ecdsa-Sig-Value in DER, which verifies");
}

void atls_appraisal_diagnose(struct atls_appraisal *a,
                             void (*computed)(void *context, struct atls_diagnosis *diagnosis),
                             void *context, struct atls_diagnosis *diagnosisp)
{
    struct atls_diagnosis d = {.of = ATLS_MATCHES};
    struct atls_error kept;

    atls_error_keep(&kept);
    if (is_reason(a, "nonce-constant") || is_mismatch(a->reason)) {
        struct atls_bytes own = ATLS_BYTES(a->challenge, a->challenge_size);
        if (is_reason(a, "nonce-constant") || a->of_result ||
            !answers(a, own, a->rp->options.challenge_hashed)) {
            d.of = is_reason(a, "binder-mismatch") ? ATLS_WRONG_BINDER : ATLS_WRONG_NONCE;
            if (computed)
                computed(context, &d);
            if (d.count == 0)
                find_nonce(a, &d);
        }
    } else if (is_reason(a, "linkage-mismatch")) {
        d.of = ATLS_WRONG_LINKAGE;
        find_linkage(a, &d);
    } else if (is_reason(a, "kat-signature-invalid") && a->received.evidence.format) {
        const struct atls_evidence_question question = atls_appraisal_question(a);
        d.of = ATLS_WRONG_SIGNATURE;
        if (a->received.evidence.format->recognize)
            a->received.evidence.format->recognize(&a->received.evidence, &question, &d);
    } else if (is_reason(a, "result-signature-invalid")) {
        d.of = ATLS_WRONG_SIGNATURE;
        find_signature_of_result(a, &d);
    }
    atls_error_restore(&kept);
    *diagnosisp = d;
}
