/* SPDX-License-Identifier: Apache-2.0 */
/* What formats share in reading and checking evidence for a relying party. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/format.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"

int atls_evidence_failure(int code, const char *word)
{
    return code < 0 || strcmp(word, ATLS_NO_WORD) != 0
               ? code
               : atls_fail(-ENOMEM, NULL, "no memory to find what is malformed");
}

int atls_evidence_refuse(int code, const char *reason, const char **reasonp)
{
    code = atls_evidence_failure(code, reason);
    *reasonp = code < 0 ? "internal" : reason;
    return code;
}

int atls_evidence_keep(const void *parsed, size_t size, struct atls_evidence_read *readp,
                       const char **reasonp)
{
    void *kept = malloc(size);

    if (!kept)
        return atls_evidence_refuse(atls_fail(-ENOMEM, NULL, "no memory for evidence"), "internal",
                                    reasonp);
    readp->parsed = memcpy(kept, parsed, size);
    return 0;
}

int atls_evidence_read_token(struct atls_bytes token, bool strict, enum atls_cose_tagging tagging,
                             struct atls_cbor_reader *claimsp, const char **reasonp)
{
    const struct atls_cbor_rules *rules = strict ? &atls_cbor_strict : &atls_cbor_lenient;
    const char *clause = strict ? "RFC 8949 section 4.1" : "RFC 8949 section 3";
    struct atls_cose_sign1 message;
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, token, rules, clause);

    if (result)
        return atls_evidence_refuse(result, "malformed-cbor", reasonp);
    result = atls_cose_sign1_parse(token, tagging, NULL, &message);
    if (result)
        return atls_evidence_refuse(result, "malformed-cose", reasonp);
    result = atls_cbor_open(claimsp, message.payload, rules, clause);
    return result ? atls_evidence_refuse(result, "malformed-cbor", reasonp) : 0;
}

int atls_evidence_check_binder(const struct atls_evidence_question *question, const char *what,
                               struct atls_bytes nonce, const char **reasonp)
{
    if (!question->computed || atls_bytes_equal_secret(nonce, question->challenge))
        return 0;

    char *expected = atls_hex_encode(question->challenge), *came = atls_hex_encode(nonce);

    atls_fail(ATLS_E_MISMATCH, question->binder_clause,
              "%s answers another binder: expected %s, came %s", what, expected ? expected : "?",
              came && *came ? came : "none");
    free(expected);
    free(came);
    return atls_evidence_refuse(ATLS_E_MISMATCH, "binder-mismatch", reasonp);
}

int atls_evidence_check_nonce(const struct atls_evidence_question *question, const char *what,
                              const char *clause, struct atls_bytes nonce, const char **reasonp)
{
    if (atls_bytes_equal_secret(nonce, question->challenge))
        return 0;
    return atls_evidence_refuse(
        atls_fail(ATLS_E_MISMATCH, clause,
                  "%s: expected the challenge of this session (%zu bytes), came another (%zu "
                  "bytes)",
                  what, question->challenge.size, nonce.size),
        "nonce-mismatch", reasonp);
}

int atls_evidence_check_constant(const struct atls_evidence_question *question,
                                 struct atls_bytes nonce, const char **reasonp)
{
    const struct atls_constant_nonce *constant = question->constant_nonce;

    if (!constant || !atls_bytes_equal(nonce, constant->nonce))
        return 0;
    return atls_evidence_refuse(
        atls_fail(ATLS_E_MISMATCH, constant->clause, "%s", constant->refusal), "nonce-constant",
        reasonp);
}

const char *atls_evidence_hash_of(const struct atls_crypto *crypto, struct atls_bytes of,
                                  struct atls_bytes came)
{
    static const enum atls_hash hashes[] = {ATLS_SHA256, ATLS_SHA384, ATLS_SHA512};
    uint8_t digest[ATLS_HASH_MAX];

    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        if (came.size == atls_hash_size(hashes[i]) &&
            crypto->hash(hashes[i], &of, 1, digest) == 0 &&
            atls_bytes_equal(came, ATLS_BYTES(digest, came.size)))
            return atls_hash_name(hashes[i]);
    return NULL;
}
