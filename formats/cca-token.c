/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and checking CCA tokens for a relying party, and showing them to people. */
#include "formats/cca-token.h"

#include <errno.h>
#include <stdlib.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/cca-claims.h"

int atls_cca_alone_parse(struct atls_bytes in, struct atls_psa_component *components, size_t count,
                         struct atls_parsec_cca *evidencep)
{
    struct atls_parsec_cca evidence = {.pat = in};
    int result = atls_cca_token_parse(in, components, count, &evidence.token);

    if (!result)
        *evidencep = evidence;
    return result;
}

struct atls_psa_component *atls_cca_components(void)
{
    struct atls_psa_component *components = malloc(ATLS_PSA_COMPONENTS_MAX * sizeof *components);

    if (!components)
        atls_fail(-ENOMEM, NULL, "no memory for software components");
    return components;
}

/* At which layer do these bytes break? */
static const char *word_of(struct atls_bytes in)
{
    struct atls_bytes platform, realm;
    enum atls_cca_tag tag;
    struct atls_cbor_reader r;
    const char *word;
    int result = atls_cbor_open(&r, in, &atls_psa_rules, "RFC 8949");

    if (result)
        return result < 0 ? ATLS_NO_WORD : "malformed-cbor";
    result = atls_cca_collection_split(in, &tag, &platform, &realm);
    if (result)
        return result < 0 ? ATLS_NO_WORD : "malformed-claims";
    word = atls_judge_malformed(platform, ATLS_COSE_TAG_ALONE, &atls_psa_rules);
    word = word ? word : atls_judge_malformed(realm, ATLS_COSE_TAG_ALONE, &atls_psa_rules);
    return word ? word : "malformed-claims";
}

/* Of Parsec evidence its PAT may be what is wrong. */
static const char *word_of_parsec(struct atls_bytes in)
{
    struct atls_cbor_reader r = {.in = in, .rules = &atls_psa_rules};
    struct atls_bytes pat;
    int result = atls_cbor_open(&r, in, &atls_psa_rules, "RFC 8949");

    if (result)
        return result < 0 ? ATLS_NO_WORD : "malformed-cbor";
    return atls_map_find(&r, "pat") && !atls_cbor_read_encoded(&r, &pat) ? word_of(pat)
                                                                         : "malformed-claims";
}

const char *atls_cca_malformed(atls_cca_parser *parse, struct atls_bytes in)
{
    struct atls_error kept;

    atls_error_keep(&kept);
    const char *word = parse == atls_cca_alone_parse ? word_of(in) : word_of_parsec(in);
    atls_error_restore(&kept);
    return word;
}

int atls_cca_evidence_read(atls_cca_parser *parse, const struct atls_evidence_message *message,
                           struct atls_evidence_read *readp, const char **reasonp)
{
    struct atls_psa_component *components = atls_cca_components();
    struct atls_parsec_cca evidence;
    int result = components ? parse(message->value, components, ATLS_PSA_COMPONENTS_MAX, &evidence)
                            : -ENOMEM;

    free(components);
    if (result)
        return atls_evidence_refuse(result, atls_cca_malformed(parse, message->value), reasonp);
    evidence.token.platform_claims.components = NULL;
    evidence.token.platform_claims.component_count = 0;
    return atls_evidence_keep(&evidence, sizeof evidence, readp, reasonp);
}

int atls_cca_check_realm(const struct atls_parsec_cca *evidence,
                         const struct atls_evidence_question *question, const char **reasonp)
{
    int result = atls_cca_check_realm_signature(&evidence->token, question->crypto);

    return result ? atls_evidence_refuse(result, "pat-signature-invalid", reasonp) : 0;
}

int atls_cca_check_platform(const struct atls_parsec_cca *evidence,
                            const struct atls_evidence_question *question, const char **reasonp)
{
    const struct atls_cca_token *token = &evidence->token;
    int result = atls_cca_check_binding(token, question->crypto);

    if (result)
        return atls_evidence_refuse(result, "linkage-mismatch", reasonp);
    result =
        atls_cwt_check_times(&token->platform_claims.times, "CCA platform token", question->now);
    if (!result)
        result = atls_cwt_check_times(&token->realm_claims.times, "CCA realm token", question->now);
    return result ? atls_evidence_refuse(result, "evidence-expired", reasonp) : 0;
}

bool atls_cca_looks_like(struct atls_bytes in)
{
    struct atls_cbor_reader r = {.in = in, .rules = &atls_cbor_lenient};
    uint64_t tag;

    return atls_cbor_peek(&r) == ATLS_CBOR_TAG && !atls_cbor_read_tag(&r, "tag", &tag) &&
           (tag == ATLS_CCA_TAG_CMW || tag == ATLS_CCA_TAG_COLLECTION) &&
           (atls_claims_have(ATLS_BYTES(in.data + r.at, in.size - r.at), CCA_PLATFORM_TOKEN,
                             CCA_PLATFORM_TOKEN) ||
            atls_claims_have(ATLS_BYTES(in.data + r.at, in.size - r.at), CCA_REALM_TOKEN,
                             CCA_REALM_TOKEN));
}

void atls_cca_print(struct atls_printer *printer, struct atls_bytes in)
{
    struct atls_psa_component *components = atls_cca_components();
    bool was_inside = printer->inside;
    struct atls_bytes platform, realm;
    struct atls_cca_token token;
    enum atls_cca_tag tag;
    int result = components ? atls_cca_collection_split(in, &tag, &platform, &realm) : -ENOMEM;

    if (result) {
        printer->ops->problem(printer, result);
        printer->ops->bytes(printer, NULL, in);
        free(components);
        return;
    }
    atls_print_line(printer, "tag", "%d %s", (int)tag,
                    tag == ATLS_CCA_TAG_CMW ? "CMW collection" : "collection of earlier drafts");
    printer->inside = true; /* the realm's challenge is told below, and the platform's is a hash */
    printer->ops->message(printer, "platform token (44234)", platform);
    printer->ops->message(printer, "realm token (44241)", realm);
    printer->inside = was_inside;
    result = atls_cca_token_parse(in, components, ATLS_PSA_COMPONENTS_MAX, &token);
    if (result) {
        printer->ops->problem(printer, result);
    } else {
        result = atls_cca_check_binding(&token, printer->crypto);
        atls_print_check(printer, result, "binding of realm to platform%s",
                         result ? "" : ": the platform's challenge is the hash of the realm's key");
        if (!printer->inside)
            printer->ops->nonce(printer, "realm token", token.realm_claims.challenge);
    }
    free(components);
}

static bool is_platform(struct atls_bytes claims)
{
    return atls_claims_have(claims, CCA_CONFIG, CCA_HASH_ALGORITHM);
}

static void check_platform(struct atls_printer *printer, struct atls_bytes payload)
{
    struct atls_psa_component *components = atls_cca_components();
    struct atls_cca_platform claims;
    int result =
        components ? atls_cca_platform_parse(payload, components, ATLS_PSA_COMPONENTS_MAX, &claims)
                   : -ENOMEM;

    if (result == ATLS_E_UNSUPPORTED)
        atls_print_finding(printer, "not checked", "CCA platform claims: %s",
                           printer->ops->reason(printer));
    else
        atls_print_check(printer, result, "CCA platform claims%s%s", result ? "" : " as profile ",
                         result          ? ""
                         : claims.legacy ? ATLS_CCA_LEGACY_PROFILE
                                         : ATLS_CCA_PLATFORM_PROFILE);
    free(components);
}

static bool is_realm(struct atls_bytes claims)
{
    return atls_claims_have(claims, CCA_REALM_PERSONALIZATION, CCA_REALM_RAK_HASH_ALGORITHM);
}

static void check_realm(struct atls_printer *printer, const struct atls_cose_sign1 *message)
{
    struct atls_cca_realm claims;
    char name[ATLS_PRINTED_KEY_MAX];
    int result = atls_cca_realm_parse(message->payload, &claims);

    if (result == ATLS_E_UNSUPPORTED) {
        atls_print_finding(printer, "not checked", "CCA realm claims: %s",
                           printer->ops->reason(printer));
        return;
    }
    atls_print_check(printer, result, "CCA realm claims%s",
                     result               ? ""
                     : claims.has_profile ? " as profile " ATLS_CCA_REALM_PROFILE
                                          : " without a profile of their own");
    if (result)
        return;
    result = atls_cose_sign1_verify(message, printer->crypto, &claims.rak);
    atls_print_check(printer, result, "signature of CCA realm token%s",
                     result ? "" : " verifies with its own key (RAK)");
    if (!printer->inside)
        printer->ops->nonce(printer, "realm token", claims.challenge);
    atls_print_finding(printer, "key", "realm attestation key (RAK) %s",
                       printer->ops->key_name(printer, &claims.rak, name));
}

const struct atls_evidence_token atls_cca_platform_token = {.word = "cca-platform-token",
                                                            .what = "Arm CCA platform token",
                                                            .claims_word = "cca-platform-claims",
                                                            .claims_what =
                                                                "claims of a CCA platform token",
                                                            .name = "CCA platform token",
                                                            .name_inside = "CCA platform token",
                                                            .fits = is_platform,
                                                            .check_claims = check_platform};

const struct atls_evidence_token atls_cca_realm_token = {.word = "cca-realm-token",
                                                         .what = "Arm CCA realm token",
                                                         .claims_word = "cca-realm-claims",
                                                         .claims_what =
                                                             "claims of a CCA realm token",
                                                         .fits = is_realm,
                                                         .check = check_realm};
