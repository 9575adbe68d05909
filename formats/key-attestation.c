/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of KAT and PAT, as a relying party, a verifier and the decoder make them. */
#include "formats/key-attestation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-write.h"
#include "rats/tokens/prototype.h"

#define KAT_CLAUSE "draft-bft-rats-kat-06 section 3"
#define CLIENT_CLAUSE "RFC 9783 section 4.1.2"

const char *atls_key_attestation_malformed(const struct atls_cmw *cmw)
{
    static const char *const labels[] = {"kat", "pat"};
    const char *word = NULL;
    struct atls_error kept;

    atls_error_keep(&kept);
    for (size_t i = 0; !word && i < 2; i++) {
        const struct atls_cmw *token = atls_cmw_find(cmw, labels[i]);

        word = token && atls_cmw_type_is(token, ATLS_MT_EAT_CWT)
                   ? atls_judge_malformed(token->value, ATLS_COSE_TAG_EITHER, &atls_cbor_lenient)
                   : "malformed-cmw";
    }
    atls_error_restore(&kept);
    return word ? word : cmw->entry_count == 2 ? "malformed-claims" : "malformed-cmw";
}

int atls_key_attestation_read_pat(struct atls_cbor_reader claims,
                                  struct atls_key_attestation_pat *patp, const char **reasonp)
{
    struct atls_cbor_reader again = claims;
    struct atls_key_attestation_pat pat = {.client = 0};
    int result = atls_pat_read(&claims, ATLS_KAT_CLAUSE_PAT, &pat.times, &pat.nonce);

    if (result)
        return atls_evidence_refuse(result, "malformed-claims", reasonp);
    (void)atls_pat_read_client(&again, &pat.client); /* which cannot be read names nobody */
    *patp = pat;
    return 0;
}

int atls_key_attestation_keep(const struct atls_cab *cab,
                              const struct atls_key_attestation_pat *pat,
                              struct atls_evidence_read *readp, const char **reasonp)
{
    struct atls_key_attestation ka = {.cab = *cab, .pat_client = pat->client};

    ka.cab.pat_times = pat->times;
    ka.cab.pat_nonce = pat->nonce;
    int result = atls_evidence_keep(&ka, sizeof ka, readp, reasonp);
    if (result)
        return result;
    readp->key = cab->kat_claims.identity_key;
    readp->platform_token = cab->pat_bytes;
    readp->platform_nonce = pat->nonce;
    return 0;
}

/* A device signs a PAT over whatever hash its caller brings, that of a key outside of it too. */
static int check_caller(int64_t client)
{
    if (client > 0)
        return 0;
    return atls_fail(ATLS_E_UNTRUSTED, CLIENT_CLAUSE,
                     "client id of the PAT: expected that of the key attestation service, which is "
                     "positive, came %lld%s",
                     (long long)client,
                     client ? ": a caller of the non-secure side"
                            : " or none: nobody says who asked for it");
}

int atls_key_attestation_check(const struct atls_evidence_read *read,
                               const struct atls_evidence_question *question, const char **reasonp)
{
    const struct atls_key_attestation *ka = read->parsed;
    const struct atls_cab *cab = &ka->cab;
    struct atls_bytes nonce = cab->kat_claims.nonce;
    const char *reason = "kat-signature-invalid";
    int result = atls_cab_check_signature(cab, question->crypto);

    if (!result) {
        result = atls_evidence_check_binder(question, "evidence", nonce, reasonp);
        result = result ? result : atls_evidence_check_constant(question, nonce, reasonp);
        if (result)
            return result;
    }
    if (!result) {
        reason = "nonce-mismatch";
        result = atls_cab_check_nonce(cab, question->challenge);
    }
    if (!result) {
        reason = "linkage-mismatch";
        result = atls_cab_check_linkage(cab, question->crypto);
    }
    if (!result) {
        reason = "platform-token-caller";
        result = check_caller(ka->pat_client);
    }
    if (!result) {
        result = atls_cab_check_times(cab, question->now);
        reason = result == ATLS_E_EXPIRED ? "evidence-expired" : "malformed-claims";
    }
    return result ? atls_evidence_refuse(result, reason, reasonp) : 0;
}

struct image { /* of a key, or of what names it */
    const char *what, *clause;
    uint8_t buffer[256];
    struct atls_bytes bytes;
};

static void write_cose_key(struct image *image, const struct atls_public_key *key)
{
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, image->buffer, sizeof image->buffer);
    atls_cose_key_write(&w, key);
    (void)atls_cbor_write_done(&w, &image->bytes);
}

static void write_byte_string(struct image *image, struct atls_bytes content)
{
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, image->buffer, sizeof image->buffer);
    atls_cbor_write_bytes(&w, content);
    (void)atls_cbor_write_done(&w, &image->bytes);
}

static void write_point(struct image *image, const struct atls_public_key *key)
{
    image->bytes = ATLS_BYTES(image->buffer, atls_prototype_point(key, image->buffer));
}

static void write_spki(struct image *image, const struct atls_public_key *key)
{
    image->bytes = ATLS_BYTES(image->buffer, atls_spki_encode(key, image->buffer));
}

#define IMAGES 9
#define POC "prototype of 2022, eat.c"
#define PARSEC "Parsec on Arm CCA"

/* What drafts and implementations hash, or might by the draft's words (H22). */
static void make_images(const struct atls_cab *cab, struct image images[IMAGES])
{
    const struct atls_public_key *kak = &cab->kat_claims.kak, *ik = &cab->kat_claims.identity_key;
    static const char *const what[IMAGES][2] = {
        {"kak-pub as the KAT holds it", KAT_CLAUSE},
        {"kak-pub in deterministic encoding", KAT_CLAUSE},
        {"kak-pub in a byte string", KAT_CLAUSE},
        {"the point of kak-pub", POC},
        {"the SubjectPublicKeyInfo of kak-pub", KAT_CLAUSE},
        {"the identity key as a COSE_Key", KAT_CLAUSE},
        {"the point of the identity key", POC},
        {"the SubjectPublicKeyInfo of the identity key", KAT_CLAUSE},
        {"the whole KAT", PARSEC},
    };

    for (size_t i = 0; i < IMAGES; i++)
        images[i] = (struct image){.what = what[i][0], .clause = what[i][1]};
    images[0].bytes = cab->kat_claims.linked;
    write_cose_key(&images[1], kak);
    write_byte_string(&images[2], images[1].bytes);
    write_point(&images[3], kak);
    write_spki(&images[4], kak);
    write_cose_key(&images[5], ik);
    write_point(&images[6], ik);
    write_spki(&images[7], ik);
    images[8].bytes = cab->kat_bytes;
}

static void recognize_signature(const struct atls_cab *cab, const struct atls_crypto *crypto,
                                struct atls_diagnosis *diagnosis)
{
    if (atls_cose_sign1_verify(&cab->kat, crypto, &cab->kat_claims.identity_key) == 0)
        atls_diagnosis_add(diagnosis, "another key", KAT_CLAUSE,
                           "the KAT is signed by the identity key, and kak-pub is due");
}

static void recognize_linkage(const struct atls_cab *cab, const struct atls_crypto *crypto,
                              struct atls_bytes nonce, struct atls_bytes challenge,
                              struct atls_diagnosis *diagnosis)
{
    struct image images[IMAGES];

    make_images(cab, images);
    for (size_t i = 0; i < IMAGES; i++) {
        const char *hash = atls_evidence_hash_of(crypto, images[i].bytes, nonce);
        if (!hash || images[i].bytes.size == 0)
            continue;
        atls_diagnosis_add_reading(diagnosis, "H22", "B", images[i].clause,
                                   "the PAT answers %s of %s", hash, images[i].what);
        return;
    }
    if (atls_bytes_equal(nonce, challenge))
        atls_diagnosis_add_reading(diagnosis, "H22", "B", "Parsec on a TPM",
                                   "the PAT answers the challenge, and is linked to no key");
}

void atls_key_attestation_recognize(const struct atls_evidence_read *read,
                                    const struct atls_evidence_question *question,
                                    struct atls_diagnosis *diagnosis)
{
    const struct atls_key_attestation *ka = read->parsed;

    if (diagnosis->of == ATLS_WRONG_SIGNATURE)
        recognize_signature(&ka->cab, question->crypto, diagnosis);
    else
        recognize_linkage(&ka->cab, question->crypto, ka->cab.pat_nonce, question->challenge,
                          diagnosis);
}

/* The KAT is signed by the key attestation key that it names, and the PAT vouches for that key by
 * carrying its hash as nonce; in the prototype it vouches for the identity key itself. */
static int judge_linkage(struct atls_judge *judge, const struct atls_cab *cab,
                         struct atls_bytes pat_nonce)
{
    bool draft = cab->dialect == &atls_kat_of_draft;
    struct atls_diagnosis diagnosis = {.of = ATLS_WRONG_LINKAGE};
    char said[ATLS_DIAGNOSIS_TEXT];
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    int result = atls_cose_sign1_verify(&cab->kat, judge->crypto, &cab->kat_claims.kak);

    if (result)
        return atls_judge_fail(judge, result, "kat-signature-invalid");
    result = atls_kat_linkage_encoded(judge->crypto, cab->kat_claims.linked, linkage);
    if (result)
        return atls_judge_fail(judge, result, "linkage-mismatch");
    if (atls_bytes_equal_secret(pat_nonce, ATLS_BYTES(linkage, sizeof linkage)))
        return 0;
    recognize_linkage(cab, judge->crypto, pat_nonce, judge->nonce, &diagnosis);
    atls_diagnosis_say(&diagnosis, said);
    return atls_judge_condemn(judge, "linkage-mismatch",
                              draft ? KAT_CLAUSE : cab->dialect->linkage_clause,
                              "the PAT's nonce is not the SHA-256 hash of %s in the KAT: it %s",
                              cab->dialect->linked, said);
}

/* A device signs a PAT over whatever hash its caller brings, that of a key of the caller's own too.
 * Only the client id says that it was a service of the secure side, which keeps the key attestation
 * key, and not the application. */
static int judge_caller(struct atls_judge *judge, int32_t client_id)
{
    if (client_id > 0)
        return 0;
    return atls_judge_condemn(judge, "platform-token-caller", CLIENT_CLAUSE,
                              "client id of the PAT: expected that of the key attestation service, "
                              "which is positive, came %ld: a caller of the non-secure side",
                              (long)client_id);
}

/* Everything that the PAT does not say of its platform. */
static int judge_kat(struct atls_judge *judge, struct atls_bytes pat_nonce, int32_t client_id,
                     const void *context)
{
    const struct atls_cab *cab = context;
    int result = judge_linkage(judge, cab, pat_nonce);

    if (!result)
        result = judge_caller(judge, client_id);
    if (!result)
        result = atls_judge_nonce(judge, cab->kat_claims.nonce, KAT_CLAUSE);
    return result ? result : atls_judge_times(judge, &cab->kat_claims.times, "KAT");
}

int atls_key_attestation_appraise(struct atls_judge *judge, const struct atls_cab *cab)
{
    struct atls_judge_token pat = {.token = cab->pat_bytes,
                                   .tagging = ATLS_COSE_TAG_EITHER,
                                   .what = "PAT",
                                   .then = judge_kat,
                                   .context = cab};
    int result = judge->ops->appraise_token(judge, &pat);

    if (!result)
        judge->ops->attest(judge, &cab->kat_claims.identity_key);
    return result;
}

void atls_key_attestation_print_linkage(struct atls_printer *printer, const struct atls_cab *cab)
{
    const char *of = cab->dialect->linked;
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    struct atls_bytes nonce;
    char *expected, *came;
    int result = atls_pat_nonce(cab->pat.payload, &nonce);

    if (!result)
        result = atls_kat_linkage_encoded(printer->crypto, cab->kat_claims.linked, linkage);
    if (result) {
        atls_print_check(printer, result, "linkage of PAT to KAT");
        return;
    }
    expected = atls_hex_encode(ATLS_BYTES(linkage, sizeof linkage));
    came = atls_hex_encode(nonce);
    if (!expected || !came)
        result = atls_fail(-ENOMEM, NULL, "no memory for the linkage");
    else if (strcmp(expected, came) != 0)
        result = atls_fail(ATLS_E_MISMATCH, cab->dialect->linkage_clause,
                           "the PAT's nonce is %s, SHA-256 of %s is %s", came, of, expected);
    atls_print_check(printer, result, "linkage of PAT to KAT%s%s%s%s",
                     result ? "" : ": the PAT's nonce is SHA-256 of ", result ? "" : of,
                     result ? "" : ", ", result ? "" : came);
    free(expected);
    free(came);
}
