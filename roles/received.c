/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of received credentials. The formats' own parsers accept what their specifications allow;
 * on top of them this endpoint takes only preferred, definite-length CBOR in a KAT, because the
 * linkage hashes an encoding and two encodings of one KAT must not both pass; and only preferred
 * CBOR in the wrapper. No clause asks for either (RFC 8949 section 4.1 leaves it to the protocol):
 * it is what this project's relying parties, and those of its foreign peers, are held to.
 */
#include "roles/received.h"

#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/json/jws.h"
#include "rats/tokens/prototype.h"

#define RESULT_CLAUSE "draft-fossati-tls-attestation-07: passport"

void atls_received_clear(struct atls_received *received)
{
    atls_jws_clear(&received->jws);
    atls_cmw_free(received->cmw);
    free(received->issuer);
    *received = (struct atls_received){.cmw = NULL};
}

static int fails(int code, const char *reason, const char **reasonp)
{
    *reasonp = code < 0 ? "internal" : reason;
    return code;
}

/* A COSE_Sign1 and the CBOR in its payload. STRICT for the KAT; a PAT is its verifier's affair.
 * *CLAIMSP stands before the payload's claims, which need no second check. */
static int check_token(struct atls_bytes token, bool strict, enum atls_cose_tagging tagging,
                       struct atls_cbor_reader *claimsp, const char **reasonp)
{
    const struct atls_cbor_rules *rules = strict ? &atls_cbor_strict : &atls_cbor_lenient;
    const char *clause = strict ? "RFC 8949 section 4.1" : "RFC 8949 section 3";
    struct atls_cose_sign1 message;
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, token, rules, clause);

    if (result) {
        return fails(result, "malformed-cbor", reasonp);
    }
    result = atls_cose_sign1_parse(token, tagging, NULL, &message);
    if (result) {
        return fails(result, "malformed-cose", reasonp);
    }
    result = atls_cbor_open(claimsp, message.payload, rules, clause);
    return result ? fails(result, "malformed-cbor", reasonp) : 0;
}

/* The wrapper's heads; JSON has none. */
static int check_wrapper(struct atls_bytes in, const struct atls_cmw *cmw)
{
    static const struct atls_cbor_rules preferred = {.max_size = ATLS_CMW_MAX_SIZE,
                                                     .max_depth = ATLS_CMW_MAX_DEPTH + 8,
                                                     .max_items = 65536,
                                                     .allow_indefinite = true};
    struct atls_cbor_reader r;

    return cmw->serialization == ATLS_CBOR
               ? atls_cbor_open(&r, in, &preferred, "RFC 8949 section 4.1")
               : 0;
}

/* Who asked for the PAT; what cannot be read names nobody, and is judged as that. */
static int read_client(struct atls_cbor_reader claims, struct atls_received *received,
                       const char **reasonp)
{
    int result = atls_pat_read_client(&claims, &received->pat_client);

    return result < 0 ? fails(result, "internal", reasonp) : 0;
}

static int parse_cab(struct atls_received *received, const char **reasonp)
{
    const struct atls_cmw *cmw = received->cmw, *kat = NULL, *pat = NULL;
    struct atls_bytes nonce = {NULL, 0};
    struct atls_cwt_times times = {.has_exp = false};
    struct atls_cbor_reader payload;
    struct atls_kat_claims claims;
    int result = 0;

    if (cmw->form == ATLS_CMW_COLLECTION) {
        kat = atls_cmw_find(cmw, "kat");
        pat = atls_cmw_find(cmw, "pat");
    }
    if (kat && kat->form != ATLS_CMW_COLLECTION) {
        result = check_token(kat->value, true, ATLS_COSE_TAG_EITHER, &payload, reasonp);
        if (result) {
            return result;
        }
        result = atls_kat_claims_parse(payload.in, &claims);
        if (result) {
            return fails(result, "malformed-claims", reasonp);
        }
    }
    if (pat && pat->form != ATLS_CMW_COLLECTION) {
        result = check_token(pat->value, false, ATLS_COSE_TAG_EITHER, &payload, reasonp);
        if (result) {
            return result;
        }
        result = read_client(payload, received, reasonp);
        if (result) {
            return result;
        }
        result = atls_pat_read(&payload, &times, &nonce);
        if (result) {
            return fails(result, "malformed-claims", reasonp);
        }
    }
    result = atls_cab_parse(cmw, &received->cab);
    if (result) {
        return fails(result, "malformed-cmw", reasonp);
    }
    received->cab.pat_nonce = nonce;
    received->cab.pat_times = times;
    received->key = received->cab.kat_claims.identity_key;
    return 0;
}

/* The one key that the result attests; LEAF where it attests none and need not. */
static int find_key(const struct atls_ear *ear, const struct atls_public_key *leaf,
                    struct atls_received *received, const char **reasonp)
{
    const struct atls_public_key *key = NULL;

    for (size_t i = 0; i < ear->submod_count; i++) {
        const struct atls_ear_submod *submod = &ear->submods[i];
        if (submod->has_key && key && !atls_public_key_equal(key, &submod->key)) {
            return fails(
                atls_fail(ATLS_E_MALFORMED, RESULT_CLAUSE, "the result attests more than one key"),
                "malformed-result", reasonp);
        }
        key = submod->has_key ? &submod->key : key;
    }
    received->unnamed = !key && leaf;
    key = received->unnamed ? leaf : key;
    if (!key) {
        return fails(atls_fail(ATLS_E_MISSING, RESULT_CLAUSE,
                               "expected a result that attests a key (akpub), it names none"),
                     "result-without-key", reasonp);
    }
    received->key = *key;
    return 0;
}

static int parse_result(struct atls_received *received, const struct atls_public_key *leaf,
                        const char **reasonp)
{
    const struct atls_cmw *cmw = received->cmw;
    struct atls_ear ear;
    int result;

    if (cmw->form == ATLS_CMW_COLLECTION || !atls_cmw_type_is(cmw, ATLS_MT_EAT_JWT) ||
        (cmw->indicator && !(cmw->indicator & ATLS_IND_ATTESTATION_RESULTS))) {
        return fails(atls_fail(ATLS_E_UNSUPPORTED, RESULT_CLAUSE,
                               "expected an attestation result as " ATLS_MT_EAT_JWT
                               ", another CMW came"),
                     "malformed-result", reasonp);
    }
    received->jwt = cmw->value;
    result = atls_jws_parse(cmw->value, &received->jws);
    if (!result && atls_jws_is_unsecured(&received->jws)) {
        return fails(atls_fail(ATLS_E_SIGNATURE, "RFC 8725 section 3.2",
                               "expected a signed result, came one with alg none"),
                     "result-signature-invalid", reasonp);
    }
    result = result ? result : atls_ear_parse_claims(received->jws.payload, &ear);
    if (result) {
        return fails(result, "malformed-result", reasonp);
    }
    result = find_key(&ear, leaf, received, reasonp);
    if (!result) {
        received->issuer = ear.issuer;
        ear.issuer = NULL;
    }
    atls_ear_clear(&ear);
    return result;
}

static bool is_token(const struct atls_cmw *cmw)
{
    static const char *const types[] = {ATLS_MT_EAT_CWT, ATLS_MT_PSA_TOKEN, ATLS_MT_PSA_VERAISON,
                                        ATLS_MT_PSA_RFC9783};
    bool is = false;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        is = is || (cmw->form != ATLS_CMW_COLLECTION && atls_cmw_type_is(cmw, types[i]));
    }
    return is;
}

/* Its claims beside the nonce are the verifier's affair, and so is its signature. */
static int parse_token(struct atls_received *received, const struct atls_public_key *leaf,
                       const char **reasonp)
{
    const struct atls_cmw *cmw = received->cmw;
    struct atls_cbor_reader payload;

    if (cmw->indicator && !(cmw->indicator & ATLS_IND_EVIDENCE)) {
        return fails(atls_fail(ATLS_E_UNSUPPORTED, "RFC 9999 section 3.1",
                               "expected evidence (ind 4), the record says that it is none"),
                     "malformed-cmw", reasonp);
    }
    int result = check_token(cmw->value, false, ATLS_COSE_TAG_EITHER, &payload, reasonp);
    if (result) {
        return result;
    }
    result = atls_pat_read(&payload, &received->token_times, &received->token_nonce);
    if (result) {
        return fails(result, "malformed-claims", reasonp);
    }
    received->format = ATLS_FORMAT_PSA;
    received->token = cmw->value;
    received->key = *leaf;
    return 0;
}

int atls_received_parse_prototype(struct atls_bytes in, struct atls_received *receivedp,
                                  const char **reasonp)
{
    struct atls_received received = {.format = ATLS_FORMAT_PROTOTYPE};
    struct atls_bytes kat, pat, nonce;
    struct atls_cbor_reader payload;
    struct atls_cwt_times times;
    int result = atls_prototype_bundle_split(in, &kat, &pat);

    if (result) {
        return fails(result, "malformed-cmw", reasonp);
    }
    /* The linkage hashes a point, which has one encoding: that of the KAT need not be strict. */
    result = check_token(kat, false, ATLS_COSE_TAG_REQUIRED, &payload, reasonp);
    result = result ? result : check_token(pat, false, ATLS_COSE_TAG_REQUIRED, &payload, reasonp);
    if (result) {
        return result;
    }
    result = read_client(payload, &received, reasonp);
    if (result) {
        return result;
    }
    result = atls_pat_read(&payload, &times, &nonce);
    if (result) {
        return fails(result, "malformed-claims", reasonp);
    }
    result = atls_prototype_bundle_parse(in, &received.cab);
    if (result) {
        return fails(result, "malformed-claims", reasonp);
    }
    received.cab.pat_nonce = nonce;
    received.cab.pat_times = times;
    received.key = received.cab.kat_claims.identity_key;
    *receivedp = received;
    return 0;
}

int atls_received_parse(enum atls_model model, struct atls_bytes in,
                        struct atls_received *receivedp, const char **reasonp)
{
    return atls_received_parse_beside(model, NULL, false, in, receivedp, reasonp);
}

int atls_received_parse_beside(enum atls_model model, const struct atls_public_key *leaf,
                               bool unnamed, struct atls_bytes in, struct atls_received *receivedp,
                               const char **reasonp)
{
    struct atls_received received = {.cmw = NULL};
    int result = atls_cmw_parse(in, &received.cmw);

    if (result) {
        return fails(result, "malformed-cmw", reasonp);
    }
    result = check_wrapper(in, received.cmw);
    if (result) {
        atls_received_clear(&received);
        return fails(result, "malformed-cmw", reasonp);
    }
    result = model == ATLS_MODEL_PASSPORT ? parse_result(&received, unnamed ? leaf : NULL, reasonp)
             : leaf && is_token(received.cmw) ? parse_token(&received, leaf, reasonp)
                                              : parse_cab(&received, reasonp);
    if (result) {
        atls_received_clear(&received);
        return result;
    }
    *receivedp = received;
    return 0;
}
