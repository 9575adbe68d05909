/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key attestation as draft-reddy-rats-key-binding-02 has it, in its split model. Unlike a CAB,
 * whose PAT answers the hash of the key attestation key (KAK) and so never grows old, both tokens
 * answer the verifier's nonce, and the PAT itself names the KAK: whoever has the KAK, and an old
 * PAT, has nothing. What the draft says of the attributes of a key is that there must be some;
 * which ones suffice is a policy that nobody here has.
 */
#include "rats/tokens/key-binding.h"
#include "formats/key-attestation.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"

#define CLIENT_CLAUSE "RFC 9783 section 4.1.2"

struct parsed {
    struct atls_key_binding_bundle bundle;
    int64_t client; /* who asked for the PAT; 0: nobody says */
};

static int check_challenge(struct atls_bytes challenge)
{
    if (challenge.size == 32 || challenge.size == 48 || challenge.size == 64)
        return 0;
    return atls_fail(ATLS_E_LIMIT, "RFC 9783 section 4.1.1",
                     "expected 32, 48 or 64 bytes as the nonce of a PAT that is a PSA token, came "
                     "%zu",
                     challenge.size);
}

static int make(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **evidencep, size_t *sizep)
{
    return source->ops->attest_as(source, "key-binding", challenge, evidencep, sizep);
}

static int read_bundle(const struct atls_evidence_message *message,
                       struct atls_evidence_read *readp, const char **reasonp)
{
    struct parsed parsed = {.client = 0};
    struct atls_cbor_reader claims;
    int result = atls_key_binding_parse(message->cmw, &parsed.bundle);

    if (result)
        return atls_evidence_refuse(result, atls_key_attestation_malformed(message->cmw), reasonp);
    /* The KAT's encoding is held to one form, as that of a CAB. */
    result = atls_evidence_read_token(parsed.bundle.kat_bytes, true, ATLS_COSE_TAG_EITHER, &claims,
                                      reasonp);
    if (!result)
        result = atls_evidence_read_token(parsed.bundle.pat_bytes, false, ATLS_COSE_TAG_EITHER,
                                          &claims, reasonp);
    if (result)
        return result;
    (void)atls_pat_read_client(&claims, &parsed.client); /* which cannot be read names nobody */
    result = atls_evidence_keep(&parsed, sizeof parsed, readp, reasonp);
    if (result)
        return result;
    readp->key = parsed.bundle.of_kat.key;
    readp->platform_token = parsed.bundle.pat_bytes;
    readp->platform_nonce = parsed.bundle.of_pat.nonce;
    return 0;
}

static int check_caller(int64_t client)
{
    if (client > 0)
        return 0;
    return atls_fail(ATLS_E_UNTRUSTED, CLIENT_CLAUSE,
                     "client id of the PAT: expected that of the key attestation service, which is "
                     "positive, came %lld",
                     (long long)client);
}

static int check(const struct atls_evidence_read *read,
                 const struct atls_evidence_question *question, const char **reasonp)
{
    const struct parsed *parsed = read->parsed;
    const struct atls_key_binding_bundle *bundle = &parsed->bundle;
    const char *reason = "kat-signature-invalid";
    int result = atls_key_binding_check_signature(bundle, question->crypto);

    if (!result) {
        result = atls_evidence_check_binder(question, "the PAT", bundle->of_pat.nonce, reasonp);
        if (!result)
            result = atls_evidence_check_binder(question, "the KAT", bundle->of_kat.nonce, reasonp);
        if (result)
            return result;
        reason = "nonce-mismatch";
        result = atls_key_binding_check_nonces(bundle, question->challenge);
    }
    if (!result) {
        reason = "platform-token-caller";
        result = check_caller(parsed->client);
    }
    if (!result) {
        reason = "evidence-expired";
        result = atls_cwt_check_times(&bundle->of_kat.times, "KAT", question->now);
    }
    if (!result)
        result = atls_cwt_check_times(&bundle->of_pat.times, "PAT", question->now);
    return result ? atls_evidence_refuse(result, reason, reasonp) : 0;
}

static int judge_nonce(struct atls_judge *judge, const struct atls_psa_claims *claims,
                       const void *context)
{
    return atls_judge_nonce(judge, claims->nonce, ATLS_KEY_BINDING_CLAUSE);
}

/* The PAT is genuine: the key that it names signs for the subject key. */
static int judge_kat(struct atls_judge *judge, struct atls_bytes pat_nonce, int32_t client_id,
                     const void *context)
{
    const struct atls_key_binding_bundle *bundle = context;
    int result = atls_key_binding_check_signature(bundle, judge->crypto);

    if (result)
        return atls_judge_fail(judge, result, "kat-signature-invalid");
    result = check_caller(client_id);
    if (result)
        return atls_judge_fail(judge, result, "platform-token-caller");
    result = atls_judge_nonce(judge, bundle->of_kat.nonce, ATLS_KEY_BINDING_CLAUSE);
    return result ? result : atls_judge_times(judge, &bundle->of_kat.times, "KAT");
}

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    struct atls_key_binding_bundle bundle;
    int result = atls_key_binding_parse(message->cmw, &bundle);

    if (result)
        return atls_judge_fail(judge, result, atls_key_attestation_malformed(message->cmw));
    struct atls_judge_token pat = {.token = bundle.pat_bytes,
                                   .tagging = ATLS_COSE_TAG_EITHER,
                                   .what = "PAT",
                                   .first = judge_nonce,
                                   .then = judge_kat,
                                   .context = &bundle};
    result = judge->ops->appraise_token(judge, &pat);
    if (!result)
        judge->ops->attest(judge, &bundle.of_kat.key);
    return result;
}

static int signed_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    struct atls_key_binding_bundle bundle;
    int result = atls_key_binding_parse(message->cmw, &bundle);

    if (result)
        return result;
    partsp[0] = bundle.kat.payload;
    partsp[1] = bundle.pat.payload;
    return 0;
}

static void check_collection(struct atls_printer *printer, const struct atls_cmw *cmw)
{
    struct atls_key_binding_bundle bundle;
    char name[ATLS_PRINTED_KEY_MAX];
    int result = atls_key_binding_parse(cmw, &bundle);

    if (result) {
        printer->ops->problem(printer, result);
        return;
    }
    result = atls_key_binding_check_signature(&bundle, printer->crypto);
    atls_print_check(printer, result, "signature of KAT%s",
                     result ? "" : " verifies with the key in the PAT's cnf");
    printer->ops->nonce(printer, "KAT", bundle.of_kat.nonce);
    printer->ops->nonce(printer, "PAT", bundle.of_pat.nonce);
    atls_print_finding(printer, "key", "identity key (cnf of the KAT) %s",
                       printer->ops->key_name(printer, &bundle.of_kat.key, name));
    atls_print_finding(printer, "key", "KAK (cnf of the PAT) %s",
                       printer->ops->key_name(printer, &bundle.of_pat.key, name));
}

static const struct atls_evidence_submod submods[] = {{"PSA_KEY_BINDING", ATLS_PSA_CLAIMS}};

const struct atls_evidence_format atls_format_key_binding = {
    .name = "key-binding",
    .what = "a KAT and a PAT over the same nonce",
    .wrapping = ATLS_IS_CMW,
    .collection_type = ATLS_KEY_BINDING_TYPE,
    .content_format = -1,
    .key_in = "KAT",
    .key_clause = ATLS_KEY_BINDING_CLAUSE,
    .check_challenge = check_challenge,
    .make = make,
    .read = read_bundle,
    .check = check,
    .submods = submods,
    .submod_count = 1,
    .appraise = appraise,
    .signed_parts = signed_parts,
    .collection_word = "key-binding",
    .collection_what = "key attestation over one nonce (draft-reddy-rats-key-binding)",
    .check_collection = check_collection,
};
