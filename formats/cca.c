/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Arm CCA token by itself (draft-ffm-rats-cca-token). It names no key of TLS: what it proves of
 * a connection lies in the realm's challenge alone, which some profiles make of the key.
 */
#include "formats/cca-token.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"

static int make(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **tokenp, size_t *sizep)
{
    uint8_t filled[ATLS_CCA_CHALLENGE_SIZE];
    int result = atls_cca_challenge_of(
        &atls_crypto_hosted, source->challenge_hashed ? ATLS_CCA_SHA512 : ATLS_CCA_ZERO_PADDED,
        challenge, filled);

    return result ? result
                  : source->ops->attest_as(source, "cca", ATLS_BYTES(filled, sizeof filled), tokenp,
                                           sizep);
}

static int read_token(const struct atls_evidence_message *message, struct atls_evidence_read *readp,
                      const char **reasonp)
{
    return atls_cca_evidence_read(atls_cca_alone_parse, message, readp, reasonp);
}

static int check(const struct atls_evidence_read *read,
                 const struct atls_evidence_question *question, const char **reasonp)
{
    const struct atls_parsec_cca *evidence = read->parsed;
    struct atls_bytes came = evidence->token.realm_claims.challenge;
    uint8_t filled[ATLS_CCA_CHALLENGE_SIZE];
    struct atls_evidence_question wanted = *question;
    int result = atls_cca_check_realm(evidence, question, reasonp);

    if (result)
        return result;
    result = atls_cca_challenge_of(
        question->crypto, question->challenge_hashed ? ATLS_CCA_SHA512 : ATLS_CCA_ZERO_PADDED,
        question->challenge, filled);
    if (result)
        return atls_evidence_refuse(result, "nonce-length", reasonp);
    wanted.challenge = ATLS_BYTES(filled, sizeof filled);
    result = atls_evidence_check_binder(&wanted, "the realm token", came, reasonp);
    if (!result)
        result = atls_evidence_check_nonce(&wanted, "challenge of the realm token",
                                           ATLS_CCA_CLAUSE_CHALLENGE, came, reasonp);
    return result ? result : atls_cca_check_platform(evidence, question, reasonp);
}

/* No draft says how a session's nonce of fewer than 64 bytes becomes a challenge of 64: a relying
 * party has one reading, and a verifier that serves all takes either. */
static int judge_nonce(struct atls_judge *judge, const struct atls_parsec_cca *evidence)
{
    static const enum atls_cca_challenge readings[] = {ATLS_CCA_ZERO_PADDED, ATLS_CCA_SHA512};
    struct atls_bytes came = evidence->token.realm_claims.challenge;
    uint8_t filled[ATLS_CCA_CHALLENGE_SIZE];

    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        int result = atls_cca_challenge_of(judge->crypto, readings[i], judge->nonce, filled);

        if (result)
            return atls_judge_fail(judge, result, "nonce-length");
        if (atls_bytes_equal_secret(came, ATLS_BYTES(filled, sizeof filled)))
            return 0;
    }
    return atls_judge_condemn(judge, "nonce-mismatch", ATLS_CCA_CLAUSE_CHALLENGE,
                              "the evidence answers another challenge: the realm's is neither the "
                              "session's nonce (%zu bytes), padded with zeros, nor its SHA-512",
                              judge->nonce.size);
}

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    return atls_cca_evidence_appraise(judge, atls_cca_alone_parse, message,
                                      "tag:arm.com,2025:cca_platform#1.0.0", judge_nonce);
}

static int signed_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    struct atls_bytes platform, realm;
    struct atls_cose_sign1 of_platform, of_realm;
    enum atls_cca_tag tag;
    int result = atls_cca_collection_split(message->value, &tag, &platform, &realm);

    if (result == 0)
        result = atls_cose_sign1_parse(platform, ATLS_COSE_TAG_ALONE, NULL, &of_platform);
    if (result == 0)
        result = atls_cose_sign1_parse(realm, ATLS_COSE_TAG_ALONE, NULL, &of_realm);
    if (result)
        return result;
    partsp[0] = of_platform.payload;
    partsp[1] = of_realm.payload;
    return 0;
}

static const char *const media_types[] = {ATLS_MT_CCA_TOKEN, NULL};
static const struct atls_evidence_submod submods[] = {
    {"CCA_SSD_PLATFORM", ATLS_CCA_PLATFORM_CLAIMS}, {"CCA_REALM", ATLS_CCA_REALM_CLAIMS}};
static const struct atls_evidence_print printed = {.word = "cca-token",
                                                   .what = "Arm CCA attestation token",
                                                   .fits = atls_cca_looks_like,
                                                   .print = atls_cca_print};

const struct atls_evidence_format atls_format_cca = {
    .name = "cca",
    .what = "an Arm CCA token",
    .wrapping = ATLS_IN_CMW,
    .record_type = ATLS_MT_CCA_TOKEN,
    .content_format = -1,
    .media_types = media_types,
    .make = make,
    .read = read_token,
    .check = check,
    .submods = submods,
    .submod_count = 2,
    .appraise = appraise,
    .signed_parts = signed_parts,
    .print = &printed,
    .token = &atls_cca_platform_token,
};
