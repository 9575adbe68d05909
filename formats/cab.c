/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CAB of draft-bft-rats-kat: KAT and PAT in a CMW collection. Its own parser accepts what the
 * specifications allow; a relying party takes only preferred, definite-length CBOR in the KAT,
 * because the linkage hashes an encoding and two encodings of one KAT must not both pass. No clause
 * asks for it (RFC 8949 section 4.1 leaves it to the protocol): it is what this project's relying
 * parties, and those of its foreign peers, are held to.
 */
#include "formats/key-attestation.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"

static int make(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **cabp, size_t *sizep)
{
    return source->ops->attest_key(source, challenge, cabp, sizep);
}

/* Its two tokens, where they are tokens: the parser says what is wrong with others. */
static void find_tokens(const struct atls_cmw *cmw, const struct atls_cmw **katp,
                        const struct atls_cmw **patp)
{
    bool collection = cmw->form == ATLS_CMW_COLLECTION;
    const struct atls_cmw *kat = collection ? atls_cmw_find(cmw, "kat") : NULL;
    const struct atls_cmw *pat = collection ? atls_cmw_find(cmw, "pat") : NULL;

    *katp = kat && kat->form != ATLS_CMW_COLLECTION ? kat : NULL;
    *patp = pat && pat->form != ATLS_CMW_COLLECTION ? pat : NULL;
}

static int read_cab(const struct atls_evidence_message *message, struct atls_evidence_read *readp,
                    const char **reasonp)
{
    struct atls_key_attestation_pat said = {.client = 0}; /* by the PAT; without one it is no CAB */
    const struct atls_cmw *kat, *pat;
    struct atls_cbor_reader payload;
    struct atls_kat_claims claims;
    struct atls_cab cab;
    int result = 0;

    find_tokens(message->cmw, &kat, &pat);
    if (kat) {
        result =
            atls_evidence_read_token(kat->value, true, ATLS_COSE_TAG_EITHER, &payload, reasonp);
        if (result)
            return result;
        result = atls_kat_claims_parse(payload.in, &claims);
        if (result)
            return atls_evidence_refuse(result, "malformed-claims", reasonp);
    }
    if (pat) {
        result =
            atls_evidence_read_token(pat->value, false, ATLS_COSE_TAG_EITHER, &payload, reasonp);
        result = result ? result : atls_key_attestation_read_pat(payload, &said, reasonp);
        if (result)
            return result;
    }
    result = atls_cab_parse(message->cmw, &cab);
    if (result)
        return atls_evidence_refuse(result, "malformed-cmw", reasonp);
    return atls_key_attestation_keep(&cab, &said, readp, reasonp);
}

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    struct atls_cab cab;
    int result = atls_cab_parse(message->cmw, &cab);

    return result ? atls_judge_fail(judge, result, atls_key_attestation_malformed(message->cmw))
                  : atls_key_attestation_appraise(judge, &cab);
}

static int signed_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    struct atls_cab cab;
    int result = atls_cab_parse(message->cmw, &cab);

    if (result)
        return result;
    partsp[0] = cab.kat.payload;
    partsp[1] = cab.pat.payload;
    return 0;
}

static bool is_kat(struct atls_bytes claims)
{
    return atls_claims_have(claims, ATLS_CLAIM_KAK_PUB, ATLS_CLAIM_KAK_PUB);
}

static void check_kat(struct atls_printer *printer, const struct atls_cose_sign1 *message)
{
    const struct atls_kat_dialect *dialect = printer->kat ? printer->kat : &atls_kat_of_draft;
    struct atls_kat_claims claims;
    char name[ATLS_PRINTED_KEY_MAX];
    int result = dialect->parse_claims(message->payload, &claims);

    if (result == ATLS_E_UNSUPPORTED) {
        atls_print_finding(printer, "not checked", "KAT: %s", printer->ops->reason(printer));
        return;
    }
    if (result) {
        printer->ops->problem(printer, result);
        return;
    }
    result = atls_cose_sign1_verify(message, printer->crypto, &claims.kak);
    atls_print_check(printer, result, "signature of KAT%s",
                     result ? "" : " verifies with its kak-pub");
    printer->ops->nonce(printer, "KAT", claims.nonce);
    atls_print_finding(printer, "key", "identity key (cnf) %s",
                       printer->ops->key_name(printer, &claims.identity_key, name));
    atls_print_finding(printer, "key", "kak-pub %s",
                       printer->ops->key_name(printer, &claims.kak, name));
}

static bool resembles(const struct atls_cmw *cmw)
{
    return atls_cmw_find(cmw, "kat") && atls_cmw_find(cmw, "pat");
}

static void check_collection(struct atls_printer *printer, const struct atls_cmw *cmw)
{
    struct atls_cab cab;
    int result = atls_cab_parse(cmw, &cab);

    if (result)
        printer->ops->problem(printer, result);
    else
        atls_key_attestation_print_linkage(printer, &cab);
}

static const struct atls_evidence_submod submods[] = {{"PSA_KAT", ATLS_PSA_CLAIMS}};
static const struct atls_evidence_token kat = {.word = "kat",
                                               .what = "key attestation token (KAT)",
                                               .claims_word = "kat-claims",
                                               .claims_what = "claims of a KAT",
                                               .fits = is_kat,
                                               .check = check_kat};

const struct atls_evidence_format atls_format_cab = {
    .name = "cab",
    .what = "a CAB",
    .wrapping = ATLS_IS_CMW,
    .collection_type = ATLS_CAB_TYPE,
    .content_format = -1,
    .key_in = "KAT",
    .key_clause = "KAT-06 section 4",
    .make = make,
    .read = read_cab,
    .check = atls_key_attestation_check,
    .recognize = atls_key_attestation_recognize,
    .submods = submods,
    .submod_count = 1,
    .appraise = appraise,
    .signed_parts = signed_parts,
    .token = &kat,
    .collection_word = "cab",
    .collection_what = "key attestation bundle (CAB)",
    .resembles = resembles,
    .check_collection = check_collection,
};
