/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading key attestation: the claims of a KAT, the bundle (CAB) of KAT and PAT, and the checks of
 * the bundle that need nobody's endorsement.
 */
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/psa-claims.h"

enum { LEGACY_PSA_NONCE = -75008 };

static int read_nonce(struct atls_cbor_reader *r, struct atls_bytes *noncep)
{
    struct atls_bytes nonce;
    int result = atls_cbor_read_bytes(r, "eat_nonce", &nonce);

    if (result)
        return result;
    if (nonce.size < ATLS_EAT_NONCE_MIN || nonce.size > ATLS_EAT_NONCE_MAX)
        return atls_fail(ATLS_E_MALFORMED, r->clause,
                         "expected an eat_nonce of %d to %d bytes, %zu came", ATLS_EAT_NONCE_MIN,
                         ATLS_EAT_NONCE_MAX, nonce.size);
    *noncep = nonce;
    return 0;
}

/* cnf, RFC 8747 section 3.1: exactly a COSE_Key; other ways to name a key are refused. */
static int read_cnf(struct atls_cbor_reader *r, struct atls_public_key *keyp)
{
    bool found = false;
    int64_t key;
    size_t left;
    int result = atls_cbor_read_map(r, "cnf", &left);

    while (!result && atls_cbor_next(r, &left)) {
        result = atls_cwt_read_key(r, &key);
        if (!result && key != ATLS_CNF_COSE_KEY)
            result = atls_fail(ATLS_E_UNSUPPORTED, ATLS_KAT_CLAUSE_CLAIMS,
                               "expected only a COSE_Key (1) in cnf, another member came");
        if (!result)
            result = atls_cose_key_read(r, keyp);
        found = true;
    }
    if (!result && !found)
        return atls_fail(ATLS_E_MISSING, ATLS_KAT_CLAUSE_CLAIMS,
                         "expected a COSE_Key (1) in cnf, it is empty");
    return result;
}

static int read_kak(struct atls_cbor_reader *r, struct atls_kat_claims *claims)
{
    struct atls_cbor_reader before = *r;
    int result = atls_cose_key_read(r, &claims->kak);

    return result ? result : atls_cbor_read_encoded(&before, &claims->linked);
}

struct found { /* of a KAT */
    bool cnf, nonce, kak;
};

static int read_kat_claim(struct atls_cbor_reader *r, int64_t key, struct atls_kat_claims *claims,
                          struct found *found)
{
    switch (key) {
    case ATLS_CLAIM_CNF:
        found->cnf = true;
        return read_cnf(r, &claims->identity_key);
    case ATLS_CLAIM_EAT_NONCE:
        found->nonce = true;
        return read_nonce(r, &claims->nonce);
    case ATLS_CLAIM_KAK_PUB:
        found->kak = true;
        return read_kak(r, claims);
    default:
        return atls_cwt_is_time(key) ? atls_cwt_read_time(r, key, &claims->times)
                                     : atls_cbor_skip(r);
    }
}

int atls_kat_claims_parse(struct atls_bytes payload, struct atls_kat_claims *claimsp)
{
    struct atls_kat_claims claims = {0};
    struct found found = {false};
    struct atls_cbor_reader r;
    int64_t key;
    size_t left;
    int result = atls_cbor_open(&r, payload, &atls_cbor_lenient, ATLS_KAT_CLAUSE_CLAIMS);

    if (!result)
        result = atls_cbor_read_map(&r, "KAT claims", &left);
    while (!result && atls_cbor_next(&r, &left)) {
        result = atls_cwt_read_key(&r, &key);
        if (!result)
            result = read_kat_claim(&r, key, &claims, &found);
    }
    if (result)
        return result;
    if (!found.cnf || !found.nonce || !found.kak)
        return atls_fail(ATLS_E_MISSING, ATLS_KAT_CLAUSE_CLAIMS, "a KAT without %s",
                         !found.nonce ? "eat_nonce (10)"
                         : !found.cnf ? "cnf (8)"
                                      : "kak-pub (2500)");
    *claimsp = claims;
    return 0;
}

int atls_pat_nonce(struct atls_bytes pat_payload, struct atls_bytes *noncep)
{
    struct atls_cbor_reader r;
    struct atls_cwt_times ignored;
    int result = atls_cbor_open(&r, pat_payload, &atls_cbor_lenient, ATLS_KAT_CLAUSE_PAT);

    return result ? result : atls_pat_read(&r, ATLS_KAT_CLAUSE_PAT, &ignored, noncep);
}

int atls_pat_read(struct atls_cbor_reader *r, const char *clause, struct atls_cwt_times *timesp,
                  struct atls_bytes *noncep)
{
    struct atls_cwt_times times = {.has_exp = false};
    struct atls_bytes nonce;
    unsigned found = 0;
    int64_t key;
    size_t left;
    int result;

    r->clause = clause;
    result = atls_cbor_read_map(r, "claims of a platform token", &left);
    while (!result && atls_cbor_next(r, &left)) {
        result = atls_cwt_read_key(r, &key);
        if (!result && (key == ATLS_CLAIM_EAT_NONCE || key == LEGACY_PSA_NONCE)) {
            found++;
            result = read_nonce(r, &nonce);
        } else if (!result) {
            result = atls_cwt_is_time(key) ? atls_cwt_read_time(r, key, &times) : atls_cbor_skip(r);
        }
    }
    if (result)
        return result;
    if (found == 0)
        return atls_fail(ATLS_E_MISSING, clause,
                         "platform token: expected eat_nonce (10), came claims without it");
    if (found > 1) /* a reader of either profile would take its own */
        return atls_fail(ATLS_E_MALFORMED, clause,
                         "platform token: expected one nonce, came those of two profiles (10 and "
                         "%d)",
                         LEGACY_PSA_NONCE);
    *noncep = nonce;
    *timesp = times;
    return 0;
}

int atls_pat_read_client(struct atls_cbor_reader *r, int64_t *clientp)
{
    int64_t key, client = 0;
    unsigned found = 0;
    size_t left;
    int result;

    r->clause = PSA_CLAUSE_CLIENT;
    result = atls_cbor_read_map(r, "PAT claims", &left);
    while (!result && atls_cbor_next(r, &left)) {
        result = atls_cwt_read_key(r, &key);
        if (!result && (key == PSA_CLIENT_ID || key == PSA1_CLIENT_ID)) {
            found++;
            result = atls_cbor_read_int(r, "client id", &client);
        } else if (!result) {
            result = atls_cbor_skip(r);
        }
    }
    if (result)
        return result;
    if (found == 0)
        return atls_fail(ATLS_E_MISSING, PSA_CLAUSE_CLIENT, "a PAT without client id (2394)");
    if (found > 1) /* a reader of either profile would take its own */
        return atls_fail(ATLS_E_MALFORMED, PSA_CLAUSE_CLIENT,
                         "a PAT with the client ids of two profiles (2394 and -75001)");
    *clientp = client;
    return 0;
}

static int parse_member(const struct atls_cmw *cab, const char *label,
                        struct atls_cose_sign1 *messagep, struct atls_bytes *bytesp)
{
    const struct atls_cmw *member = atls_cmw_find(cab, label);
    int result;

    if (!member)
        return atls_fail(ATLS_E_MISSING, ATLS_KAT_CLAUSE_CAB, "a CAB without \"%s\"", label);
    if (!atls_cmw_type_is(member, ATLS_MT_EAT_CWT))
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_KAT_CLAUSE_CAB,
                         "expected " ATLS_MT_EAT_CWT " as \"%s\" of a CAB, another CMW came",
                         label);
    if (member->indicator && !(member->indicator & ATLS_IND_EVIDENCE))
        return atls_fail(ATLS_E_MALFORMED, ATLS_KAT_CLAUSE_CAB,
                         "\"%s\" of a CAB says by its indicator (%u) that it is not evidence",
                         label, member->indicator);
    result =
        atls_cose_sign1_parse(member->value, ATLS_COSE_TAG_EITHER, ATLS_KAT_CLAUSE_CAB, messagep);
    if (!result)
        *bytesp = member->value;
    return result;
}

/* The draft does not say whose encoding is hashed: name the case where that is the difference. */
static int linkage_differs(const struct atls_cab *cab, const struct atls_crypto *crypto,
                           struct atls_bytes nonce)
{
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    int result = atls_kat_linkage(crypto, &cab->kat_claims.kak, linkage);

    if (result)
        return result;
    if (atls_bytes_equal_secret(nonce, ATLS_BYTES(linkage, sizeof linkage)))
        return atls_fail(
            ATLS_E_MISMATCH, ATLS_KAT_CLAUSE_LINKAGE,
            "the PAT's eat_nonce is the hash of kak-pub in deterministic encoding, but "
            "the KAT holds kak-pub in another one");
    return atls_fail(ATLS_E_MISMATCH, ATLS_KAT_CLAUSE_LINKAGE,
                     "the PAT's eat_nonce (%zu bytes) is not the SHA-256 hash of the KAT's kak-pub",
                     nonce.size);
}

const struct atls_kat_dialect atls_kat_of_draft = {
    .linked = "kak-pub",
    .linkage_clause = ATLS_KAT_CLAUSE_LINKAGE,
    .parse_claims = atls_kat_claims_parse,
    .linkage_differs = linkage_differs,
};

int atls_cab_parse(const struct atls_cmw *cmw, struct atls_cab *cabp)
{
    struct atls_cab cab = {.dialect = &atls_kat_of_draft};
    int result;

    if (cmw->form != ATLS_CMW_COLLECTION)
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_KAT_CLAUSE_CAB,
                         "expected a CMW collection as a CAB, a single CMW came");
    if (!atls_bytes_is_text(cmw->collection_type, ATLS_CAB_TYPE))
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_KAT_CLAUSE_CAB,
                         "expected a CMW collection of type " ATLS_CAB_TYPE ", \"%.*s\" came",
                         (int)(cmw->collection_type.size < 100 ? cmw->collection_type.size : 100),
                         cmw->collection_type.data ? (const char *)cmw->collection_type.data : "");
    result = parse_member(cmw, "kat", &cab.kat, &cab.kat_bytes);
    if (!result)
        result = parse_member(cmw, "pat", &cab.pat, &cab.pat_bytes);
    if (result)
        return result;
    if (cmw->entry_count != 2)
        return atls_fail(ATLS_E_MALFORMED, ATLS_KAT_CLAUSE_CAB,
                         "expected only \"kat\" and \"pat\" in a CAB, %zu members came",
                         cmw->entry_count);
    result = atls_kat_claims_parse(cab.kat.payload, &cab.kat_claims);
    if (result)
        return result;
    *cabp = cab;
    return 0;
}

int atls_cab_check_signature(const struct atls_cab *cab, const struct atls_crypto *crypto)
{
    int result = atls_cose_sign1_verify(&cab->kat, crypto, &cab->kat_claims.kak);

    if (result == ATLS_E_SIGNATURE)
        return atls_fail(result, ATLS_KAT_CLAUSE_VERIFY,
                         "the KAT's signature does not verify under its kak-pub");
    return result;
}

int atls_cab_check_nonce(const struct atls_cab *cab, struct atls_bytes nonce)
{
    if (atls_bytes_equal_secret(cab->kat_claims.nonce, nonce))
        return 0;
    return atls_fail(ATLS_E_MISMATCH, ATLS_KAT_CLAUSE_VERIFY,
                     "the KAT's eat_nonce (%zu bytes) is not the challenge (%zu bytes)",
                     cab->kat_claims.nonce.size, nonce.size);
}

int atls_cab_check_linkage(const struct atls_cab *cab, const struct atls_crypto *crypto)
{
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    struct atls_bytes nonce = cab->pat_nonce;
    int result = nonce.size ? 0 : atls_pat_nonce(cab->pat.payload, &nonce);

    if (!result)
        result = atls_kat_linkage_encoded(crypto, cab->kat_claims.linked, linkage);
    if (result)
        return result;
    if (atls_bytes_equal_secret(nonce, ATLS_BYTES(linkage, sizeof linkage)))
        return 0;
    return cab->dialect->linkage_differs(cab, crypto, nonce);
}

int atls_cab_check_times(const struct atls_cab *cab, int64_t now)
{
    struct atls_cwt_times times = cab->pat_times;
    int result = atls_cwt_check_times(&cab->kat_claims.times, "KAT", now);

    if (!result && !cab->pat_nonce.size) {
        struct atls_cbor_reader r;
        struct atls_bytes nonce;

        result = atls_cbor_open(&r, cab->pat.payload, &atls_cbor_lenient, ATLS_KAT_CLAUSE_PAT);
        result = result ? result : atls_pat_read(&r, ATLS_KAT_CLAUSE_PAT, &times, &nonce);
    }
    return result ? result : atls_cwt_check_times(&times, "PAT", now);
}

int atls_cab_check(const struct atls_cab *cab, const struct atls_crypto *crypto,
                   struct atls_bytes nonce)
{
    int result = atls_cab_check_signature(cab, crypto);

    if (!result)
        result = atls_cab_check_nonce(cab, nonce);
    return result ? result : atls_cab_check_linkage(cab, crypto);
}
