/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key attestation by a TPM 2.0, as Parsec packs it: the attestation key (AK) certifies the key that
 * TLS uses and quotes the PCRs. A verifier knows the AK and what the PCRs should hold. What ties
 * the two attestations to the challenge, to one another and to the key needs no endorsement, and
 * not every verifier looks at it (Veraison compares no extraData): the relying party does.
 */
#include "formats/parsec-tpm.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/tpm.h"

static int make(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **evidencep, size_t *sizep)
{
    return source->ops->attest_as(source, "parsec-tpm", challenge, evidencep, sizep);
}

static int read_evidence(const struct atls_evidence_message *message,
                         struct atls_evidence_read *readp, const char **reasonp)
{
    struct atls_tpm_evidence evidence;
    int result = atls_tpm_evidence_parse(message->value, &evidence);

    if (result)
        return atls_evidence_refuse(
            result, atls_judge_malformed_map(message->value, &atls_cbor_strict), reasonp);
    result = atls_evidence_keep(&evidence, sizeof evidence, readp, reasonp);
    if (!result)
        readp->key = evidence.key.key;
    return result;
}

/* What holds of the two attestations whoever made them, and the reason where it does not. */
static int check_whole(const struct atls_tpm_evidence *evidence, const struct atls_crypto *crypto,
                       const char **reasonp)
{
    int result = atls_tpm_check_signer(evidence);

    *reasonp = "attestation-key-mismatch";
    if (!result) {
        *reasonp = "key-unprotected";
        result = atls_tpm_public_check(&evidence->key);
    }
    if (!result) {
        *reasonp = "key-name-mismatch";
        result = atls_tpm_check_name(evidence, crypto);
    }
    return result;
}

/* What a relying party asks besides: that both answer what it asked. */
static int check(const struct atls_evidence_read *read,
                 const struct atls_evidence_question *question, const char **reasonp)
{
    const struct atls_tpm_evidence *evidence = read->parsed;
    struct atls_bytes nonce = evidence->certify.extra;
    const char *reason;
    int result = atls_evidence_check_binder(question, "the certification", nonce, reasonp);

    if (!result)
        result = atls_evidence_check_constant(question, nonce, reasonp);
    if (!result)
        result = atls_evidence_check_nonce(question, "extraData of the certification",
                                           ATLS_TPM_CLAUSE_CERTIFY, nonce, reasonp);
    if (result)
        return result;
    result = check_whole(evidence, question->crypto, &reason);
    if (!result) {
        reason = "linkage-mismatch";
        result = atls_tpm_check_linkage(evidence, question->crypto,
                                        question->quote_of_nonce ? ATLS_TPM_LINKED_BY_NONCE
                                                                 : ATLS_TPM_LINKED_BY_KAT,
                                        question->challenge);
    }
    return result ? atls_evidence_refuse(result, reason, reasonp) : 0;
}

#define CORIM_PROFILE "tag:github.com/parallaxsecond,2023-03-03:tpm"

/* AR4SI: recognized and trustworthy */
static int judge_signatures(struct atls_judge *judge, const struct atls_tpm_evidence *evidence,
                            const struct atls_public_key *ak)
{
    int result = atls_tpm_signature_verify(&evidence->kat_signature, judge->crypto,
                                           evidence->kat.cert_info, ak);

    if (result)
        return atls_judge_fail(judge, result, "kat-signature-invalid");
    result = atls_tpm_signature_verify(&evidence->pat_signature, judge->crypto,
                                       evidence->pat.attest_info, ak);
    return result ? atls_judge_fail(judge, result, "pat-signature-invalid") : 0;
}

/* Either reading of what a quote answers is fresh: which one was agreed on is known to the relying
 * party alone. */
static int judge_linkage(struct atls_judge *judge, const struct atls_tpm_evidence *evidence)
{
    int result = 0;

    if (atls_tpm_check_linkage(evidence, judge->crypto, ATLS_TPM_LINKED_BY_NONCE, judge->nonce))
        result =
            atls_tpm_check_linkage(evidence, judge->crypto, ATLS_TPM_LINKED_BY_KAT, judge->nonce);
    return result ? atls_judge_fail(judge, result, "linkage-mismatch") : 0;
}

/* Anchor, signatures, freshness, and only then what is said. */
static int judge_evidence(struct atls_judge *judge, const struct atls_tpm_evidence *evidence)
{
    struct atls_public_key ak;
    uint8_t class_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE];
    const char *reason;
    int result = judge->ops->find_instance(judge, CORIM_PROFILE, evidence->kat.kid, &ak, class_id);

    if (!result)
        result = judge_signatures(judge, evidence, &ak);
    if (!result)
        result = atls_judge_nonce(judge, evidence->certify.extra, ATLS_TPM_CLAUSE_CERTIFY);
    if (result)
        return result;
    result = check_whole(evidence, judge->crypto, &reason);
    if (result)
        return atls_judge_fail(judge, result, reason);
    result = judge_linkage(judge, evidence);
    if (result)
        return result;
    judge->ops->claim(judge, ATLS_HARDWARE, ATLS_TRUSTWORTHY);
    judge->ops->claim(judge, ATLS_INSTANCE_IDENTITY, ATLS_TRUSTWORTHY);
    result = judge->ops->match_pcrs(judge, CORIM_PROFILE, class_id, &evidence->quote);
    if (!result)
        judge->ops->attest(judge, &evidence->key.key);
    return result;
}

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    struct atls_tpm_evidence evidence;
    int result = atls_tpm_evidence_parse(message->value, &evidence);

    return result ? atls_judge_fail(judge, result,
                                    atls_judge_malformed_map(message->value, &atls_cbor_strict))
                  : judge_evidence(judge, &evidence);
}

static int signed_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    struct atls_tpm_evidence evidence;
    int result = atls_tpm_evidence_split(message->value, &evidence);

    if (result)
        return result;
    partsp[0] = evidence.kat.cert_info;
    partsp[1] = evidence.pat.attest_info;
    return 0;
}

static const char *const media_types[] = {ATLS_MT_PARSEC_TPM, NULL};
/* What Veraison's scheme claims. */
static const struct atls_evidence_submod submods[] = {
    {"PARSEC_TPM", 1u << ATLS_INSTANCE_IDENTITY | 1u << ATLS_EXECUTABLES | 1u << ATLS_HARDWARE}};

const struct atls_evidence_format atls_format_parsec_tpm = {
    .name = "parsec-tpm",
    .what = "a TPM's key attestation",
    .wrapping = ATLS_IN_CMW,
    .record_type = ATLS_MT_PARSEC_TPM,
    .content_format = -1,
    .media_types = media_types,
    .key_in = "pubArea",
    .key_clause = ATLS_TPM_CLAUSE_CERTIFY,
    .make = make,
    .read = read_evidence,
    .check = check,
    .submods = submods,
    .submod_count = 1,
    .appraise = appraise,
    .signed_parts = signed_parts,
    .print = &atls_parsec_tpm_print,
};
