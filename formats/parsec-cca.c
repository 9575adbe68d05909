/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsec's key attestation on Arm CCA: a statement about a key and a nonce that nobody signs (KAT),
 * and a CCA token whose realm answers its hash (PAT). A verifier of Veraison compares the nonce
 * with nothing, so that it affirms a replay: here the relying party compares it, and so does this
 * project's verifier, which appraises the realm besides.
 */
#include "formats/cca-token.h"

#include <errno.h>
#include <stdlib.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/cca-claims.h"

#define NONCE_CLAUSE "RFC 9711 section 4.1"

static int make(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **evidencep, size_t *sizep)
{
    return source->ops->attest_as(source, "parsec-cca", challenge, evidencep, sizep);
}

static int read_evidence(const struct atls_evidence_message *message,
                         struct atls_evidence_read *readp, const char **reasonp)
{
    int result = atls_cca_evidence_read(atls_parsec_cca_parse, message, readp, reasonp);

    if (!result) {
        const struct atls_parsec_cca *evidence = readp->parsed;
        readp->key = evidence->key;
    }
    return result;
}

static int check(const struct atls_evidence_read *read,
                 const struct atls_evidence_question *question, const char **reasonp)
{
    const struct atls_parsec_cca *evidence = read->parsed;
    int result = atls_cca_check_realm(evidence, question, reasonp);

    if (!result)
        result = atls_evidence_check_binder(question, "evidence", evidence->nonce, reasonp);
    if (!result)
        result = atls_evidence_check_nonce(question, "nonce of the KAT", NONCE_CLAUSE,
                                           evidence->nonce, reasonp);
    if (result)
        return result;
    result = atls_parsec_cca_check_kat(evidence, question->crypto);
    if (result)
        return atls_evidence_refuse(result, "linkage-mismatch", reasonp);
    return atls_cca_check_platform(evidence, question, reasonp);
}

static int judge_kat(struct atls_judge *judge, const struct atls_parsec_cca *evidence)
{
    int result = atls_judge_nonce(judge, evidence->nonce, NONCE_CLAUSE);

    if (result)
        return result;
    result = atls_parsec_cca_check_kat(evidence, judge->crypto);
    if (result)
        return atls_judge_fail(judge, result, "linkage-mismatch");
    judge->ops->attest(judge, &evidence->key);
    return 0;
}

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    return atls_cca_evidence_appraise(judge, atls_parsec_cca_parse, message,
                                      "tag:github.com/parallaxsecond,2023-03-03:cca", judge_kat);
}

static bool find_member(struct atls_bytes in, const char *name, struct atls_bytes *memberp)
{
    struct atls_cbor_reader r = {.in = in, .rules = &atls_cbor_lenient};

    return atls_map_find(&r, name) && !atls_cbor_read_encoded(&r, memberp);
}

/* The realm's challenge is the KAT's hash, and the platform's token is of each boot. */
static int signed_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    struct atls_bytes kat, pat, platform, realm;
    struct atls_cose_sign1 token;
    enum atls_cca_tag tag;
    int result = atls_parsec_cca_split(message->value, &kat, &pat);

    if (result == 0)
        result = atls_cca_collection_split(pat, &tag, &platform, &realm);
    if (result == 0)
        result = atls_cose_sign1_parse(realm, ATLS_COSE_TAG_ALONE, NULL, &token);
    if (result)
        return result;
    partsp[0] = kat;
    partsp[1] = token.payload;
    return 0;
}

static bool looks_like(struct atls_bytes in)
{
    struct atls_cbor_reader r = {.rules = &atls_cbor_lenient};
    struct atls_bytes kat, pat;
    uint64_t tag;

    if (!find_member(in, "kat", &kat) || !find_member(in, "pat", &pat))
        return false;
    r.in = kat;
    return atls_cbor_peek(&r) == ATLS_CBOR_TAG && !atls_cbor_read_tag(&r, "tag", &tag) &&
           tag == PARSEC_TAG_UCCS;
}

static void print(struct atls_printer *printer, struct atls_bytes in)
{
    struct atls_psa_component *components = atls_cca_components();
    bool was_inside = printer->inside;
    struct atls_parsec_cca evidence;
    char name[ATLS_PRINTED_KEY_MAX];
    struct atls_bytes kat, pat;
    int result = components ? 0 : -ENOMEM;

    if (find_member(in, "kat", &kat) && find_member(in, "pat", &pat)) {
        printer->inside = true;
        printer->ops->message(printer, "KAT", kat);
        printer->ops->message(printer, "PAT", pat);
        printer->inside = was_inside;
    }
    result =
        result ? result : atls_parsec_cca_parse(in, components, ATLS_PSA_COMPONENTS_MAX, &evidence);
    free(components);
    if (result) {
        printer->ops->problem(printer, result);
        return;
    }
    result = atls_parsec_cca_check_kat(&evidence, printer->crypto);
    atls_print_check(printer, result, "link of CCA token to KAT%s",
                     result ? "" : ": the realm's challenge is SHA-512 of the KAT");
    printer->ops->nonce(printer, "KAT", evidence.nonce);
    atls_print_finding(printer, "key", "identity key (cnf) %s",
                       printer->ops->key_name(printer, &evidence.key, name));
}

static const char *const media_types[] = {ATLS_MT_PARSEC_CCA, NULL};
static const struct atls_evidence_submod submods[] = {{"PARSEC_CCA", ATLS_CCA_PLATFORM_CLAIMS},
                                                      {"PARSEC_CCA_REALM", ATLS_CCA_REALM_CLAIMS}};
static const struct atls_evidence_print printed = {
    .word = "parsec-cca", .what = "Parsec CCA key attestation", .fits = looks_like, .print = print};

const struct atls_evidence_format atls_format_parsec_cca = {
    .name = "parsec-cca",
    .what = "Parsec CCA evidence",
    .wrapping = ATLS_IN_CMW,
    .record_type = ATLS_MT_PARSEC_CCA,
    .content_format = -1,
    .media_types = media_types,
    .key_in = "KAT",
    .key_clause = "RFC 8747 section 3.1",
    .make = make,
    .read = read_evidence,
    .check = check,
    .submods = submods,
    .submod_count = 2,
    .appraise = appraise,
    .signed_parts = signed_parts,
    .print = &printed,
    .token = &atls_cca_realm_token,
};
