/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PSA token by itself (RFC 9783). It names no key of TLS: what it proves of a connection lies in
 * its nonce alone, which some profiles make of the key.
 */
#include <errno.h>
#include <stdlib.h>

#include "formats/key-attestation.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/cca-claims.h"
#include "rats/tokens/psa-claims.h"

#define NONCE_CLAUSE "RFC 9783 section 4.1.1"

struct parsed {
    struct atls_bytes nonce;
    struct atls_cwt_times times;
};

static int check_challenge(struct atls_bytes challenge)
{
    if (challenge.size == 32 || challenge.size == 48 || challenge.size == 64)
        return 0;
    return atls_fail(ATLS_E_LIMIT, NONCE_CLAUSE,
                     "the nonce of a PSA token has 32, 48 or 64 bytes, %zu came", challenge.size);
}

static int make(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **tokenp, size_t *sizep)
{
    return source->ops->attest_platform(source, challenge, tokenp, sizep);
}

/* Its claims beside the nonce are the verifier's affair, and so is its signature. */
static int read_token(const struct atls_evidence_message *message, struct atls_evidence_read *readp,
                      const char **reasonp)
{
    struct atls_cbor_reader payload;
    struct parsed parsed;
    int result =
        atls_evidence_read_token(message->value, false, ATLS_COSE_TAG_EITHER, &payload, reasonp);

    if (result)
        return result;
    result = atls_pat_read(&payload, NONCE_CLAUSE, &parsed.times, &parsed.nonce);
    if (result)
        return atls_evidence_refuse(result, "malformed-claims", reasonp);
    return atls_evidence_keep(&parsed, sizeof parsed, readp, reasonp);
}

static int check(const struct atls_evidence_read *read,
                 const struct atls_evidence_question *question, const char **reasonp)
{
    const struct parsed *parsed = read->parsed;
    int result = atls_evidence_check_binder(question, "evidence", parsed->nonce, reasonp);

    if (!result)
        result = atls_evidence_check_nonce(question, "nonce of the PSA token", NONCE_CLAUSE,
                                           parsed->nonce, reasonp);
    if (result)
        return result;
    result = atls_cwt_check_times(&parsed->times, "PSA token", question->now);
    return result ? atls_evidence_refuse(result, "evidence-expired", reasonp) : 0;
}

static int judge_nonce(struct atls_judge *judge, const struct atls_psa_claims *claims,
                       const void *context)
{
    return atls_judge_nonce(judge, claims->nonce, NONCE_CLAUSE);
}

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    struct atls_judge_token token = {.token = message->value,
                                     .tagging = ATLS_COSE_TAG_ALONE,
                                     .what = "PSA token",
                                     .first = judge_nonce};

    return judge->ops->appraise_token(judge, &token);
}

static int signed_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    struct atls_cose_sign1 token;
    int result = atls_cose_sign1_parse(message->value, ATLS_COSE_TAG_EITHER, NULL, &token);

    if (result)
        return result;
    partsp[0] = token.payload;
    return 0;
}

/* Arm CCA's platform token has the PSA token's claims and two of its own; its rules differ. */
static bool is_psa(struct atls_bytes claims)
{
    return atls_claims_have(claims, PSA1_VERIFICATION_SERVICE, PSA1_PROFILE) ||
           (atls_claims_have(claims, PSA_CLIENT_ID, PSA_VERIFICATION_SERVICE) &&
            !atls_claims_have(claims, CCA_CONFIG, CCA_HASH_ALGORITHM));
}

/* The claims as the profile wants them; their nonce, where it is the challenge's place. */
static void check_claims(struct atls_printer *printer, struct atls_bytes payload)
{
    struct atls_psa_component *components = malloc(ATLS_PSA_COMPONENTS_MAX * sizeof *components);
    struct atls_psa_claims claims;
    int result = components
                     ? atls_psa_claims_parse(payload, components, ATLS_PSA_COMPONENTS_MAX, &claims)
                     : atls_fail(-ENOMEM, NULL, "no memory for software components");

    if (result == ATLS_E_UNSUPPORTED)
        atls_print_finding(printer, "not checked", "PSA claims: %s", printer->ops->reason(printer));
    else
        atls_print_check(printer, result, "PSA claims%s%s", result ? "" : " as profile ",
                         result ? "" : atls_psa_profile_name(claims.profile));
    if (!result && !printer->inside)
        printer->ops->nonce(printer, "PSA token", claims.nonce);
    free(components);
}

/* Exactly Veraison's list for its PSA scheme. */
static const char *const media_types[] = {ATLS_MT_PSA_TOKEN, ATLS_MT_PSA_VERAISON,
                                          ATLS_MT_PSA_RFC9783, NULL};
static const struct atls_evidence_submod submods[] = {{"PSA_IOT", ATLS_PSA_CLAIMS}};
static const struct atls_evidence_token token = {.word = "psa-token",
                                                 .what = "PSA attestation token",
                                                 .claims_word = "psa-claims",
                                                 .claims_what = "claims of a PSA token",
                                                 .name = "PSA token",
                                                 .name_inside = "PAT (PSA token)",
                                                 .fits = is_psa,
                                                 .check_claims = check_claims};

const struct atls_evidence_format atls_format_psa = {
    .name = "psa",
    .what = "a bare PSA token",
    .wrapping = ATLS_IN_CMW,
    .record_type = ATLS_MT_EAT_CWT,
    .content_format = ATLS_CF_EAT_CWT,
    .media_types = media_types,
    .check_challenge = check_challenge,
    .make = make,
    .read = read_token,
    .check = check,
    .submods = submods,
    .submod_count = 1,
    .appraise = appraise,
    .signed_parts = signed_parts,
    .token = &token,
};
