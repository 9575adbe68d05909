/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSA tokens as Veraison's psatoken library (September 2024) reads them: more leniently than RFC
 * 9783 in some things (a key that comes twice, a nonce in an array, nobody's client id, critical
 * headers), more strictly in others (the profile of RFC 9783 itself, an empty text). What it takes
 * is written anew as what the strict reader takes, and goes through that one; what is verified is
 * what was signed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/psa-claims.h"
#include "verifier-stub/appraisal/manners.h"

#define CLAUSE "RFC 9783 section 5.1.1"
#define CLAIMS_MAX 256

static const struct atls_cbor_rules rules = {.max_size = (size_t)1 << 20,
                                             .max_depth = 16,
                                             .max_items = (size_t)1 << 17,
                                             .allow_unpreferred = true,
                                             .allow_repeated_keys = true};

/* alg, 0 where there is none: then no signature can be verified. Other headers mean nothing. */
static int read_algorithm(struct atls_cose_sign1 *message)
{
    struct atls_cbor_reader r;
    size_t left = 0;
    int result;

    if (message->protected_header.size == 0)
        return 0;
    result = atls_cbor_open(&r, message->protected_header, &rules, CLAUSE);
    if (result == 0)
        result = atls_cbor_read_map(&r, "COSE protected header", &left);
    for (; result == 0 && left > 0; left--) {
        bool is_label = atls_cbor_peek(&r) == ATLS_CBOR_UINT;
        uint64_t label = 0;
        int64_t value;

        result = is_label ? atls_cbor_read_uint(&r, "label", &label) : atls_cbor_skip(&r);
        if (result == 0 && label == ATLS_COSE_LABEL_ALG && atls_cbor_peek(&r) == ATLS_CBOR_NINT &&
            atls_cbor_read_int(&r, "alg", &value) == 0)
            message->alg = value >= INT32_MIN ? (int)value : 0;
        else if (result == 0)
            result = atls_cbor_skip(&r);
    }
    message->algorithm.number = message->alg;
    return result;
}

static int read_cose(struct atls_bytes in, struct atls_cose_sign1 *message)
{
    struct atls_cbor_reader r;
    uint64_t tag = 0;
    size_t count = 0;
    int result = atls_cbor_open(&r, in, &rules, CLAUSE);

    if (result == 0)
        result = atls_cbor_read_tag(&r, "COSE_Sign1", &tag);
    if (result == 0)
        result = atls_cbor_read_array(&r, "COSE_Sign1", &count);
    if (result == 0 && (tag != ATLS_TAG_COSE_SIGN1 || count != 4))
        result = atls_fail(ATLS_E_MALFORMED, CLAUSE,
                           "COSE_Sign1: expected tag 18 and an array of 4, came tag %llu and %zu",
                           (unsigned long long)tag, count);
    if (result == 0)
        result = atls_cbor_read_bytes(&r, "COSE protected header", &message->protected_header);
    if (result == 0)
        result = atls_cbor_skip(&r);
    if (result == 0)
        result = atls_cbor_read_bytes(&r, "COSE payload", &message->payload);
    if (result == 0)
        result = atls_cbor_read_bytes(&r, "COSE signature", &message->signature);
    message->tagged = true;
    message->content_format = -1;
    return result ? result : read_algorithm(message);
}

struct rewriting {
    int64_t seen[CLAIMS_MAX];
    size_t seen_count;
    uint8_t *at; /* where the next bytes go */
    size_t pairs;
    bool nobodys; /* the client id was 0 */
};

static void put(struct rewriting *to, struct atls_bytes bytes)
{
    if (bytes.size > 0)
        memcpy(to->at, bytes.data, bytes.size);
    to->at += bytes.size;
}

static bool is_repeated(const struct rewriting *rewriting, int64_t key)
{
    for (size_t i = 0; i < rewriting->seen_count; i++) {
        if (rewriting->seen[i] == key)
            return true;
    }
    return false;
}

/* What is a nonce in an array of one is that nonce; of an empty text and of the profile of RFC 9783
 * there is no token. */
static int rewrite_value(struct atls_cbor_reader *r, int64_t key, struct rewriting *to,
                         struct atls_bytes *valuep)
{
    static const uint8_t somebody[] = {1};
    struct atls_cbor_reader look = *r;
    struct atls_bytes text;
    size_t count;
    int64_t number;

    if ((key == PSA_NONCE || key == PSA1_NONCE) && atls_cbor_peek(r) == ATLS_CBOR_ARRAY) {
        if (atls_cbor_read_array(r, "nonce", &count) != 0 || count != 1)
            return atls_fail(ATLS_E_MALFORMED, CLAUSE, "nonce: expected one, came several");
    } else if (key == PSA_CLIENT_ID && atls_cbor_peek(r) == ATLS_CBOR_UINT &&
               atls_cbor_read_int(&look, "client id", &number) == 0 && number == 0) {
        to->nobodys = true;
        *r = look;
        *valuep = ATLS_BYTES(somebody, sizeof somebody);
        return 0;
    } else if ((key == PSA_PROFILE || key == PSA_VERIFICATION_SERVICE) &&
               atls_cbor_read_text(&look, "text", &text) == 0 &&
               (key == PSA_PROFILE
                    ? atls_bytes_is_text(text, atls_psa_profile_name(ATLS_PSA_RFC9783))
                    : text.size == 0)) {
        return atls_fail(ATLS_E_UNSUPPORTED, CLAUSE, "claim %lld: psatoken takes no \"%.*s\"",
                         (long long)key, text.size < 80 ? (int)text.size : 80,
                         (const char *)text.data);
    }
    return atls_cbor_read_encoded(r, valuep);
}

static int rewrite_claim(struct atls_cbor_reader *r, struct rewriting *to)
{
    struct atls_cbor_reader look = *r;
    struct atls_bytes key = {0}, value = {0};
    int64_t number = 0;
    int result = atls_cbor_read_encoded(r, &key);

    (void)atls_cbor_read_int(&look, "key", &number); /* of another kind, or too large, it is 0 */
    if (result == 0)
        result = rewrite_value(r, number, to, &value);
    if (result != 0 || number == 0 || is_repeated(to, number))
        return result; /* what is not understood does not matter */
    if (to->seen_count == CLAIMS_MAX)
        return atls_fail(ATLS_E_LIMIT, CLAUSE, "more than %d claims", CLAIMS_MAX);
    to->seen[to->seen_count++] = number;
    put(to, key);
    put(to, value);
    to->pairs++;
    return 0;
}

static int rewrite(struct atls_bytes payload, uint8_t **keptp, struct atls_bytes *claimsp,
                   bool *nobodysp)
{
    enum { HEAD = 3 };
    uint8_t *kept = malloc(payload.size + HEAD);
    struct rewriting to = {.at = kept + HEAD};
    struct atls_cbor_reader r;
    size_t left = 0;
    int result;

    if (!kept)
        return atls_fail(-ENOMEM, NULL, "no memory for claims");
    result = atls_cbor_open(&r, payload, &rules, CLAUSE);
    if (result == 0)
        result = atls_cbor_read_map(&r, "PSA claims", &left);
    for (; result == 0 && left > 0; left--)
        result = rewrite_claim(&r, &to);
    if (result != 0) {
        free(kept);
        return result;
    }
    kept[0] = 0xb9; /* a map, its length in two bytes */
    kept[1] = (uint8_t)(to.pairs >> 8);
    kept[2] = (uint8_t)to.pairs;
    *keptp = kept;
    *claimsp = ATLS_BYTES(kept, (size_t)(to.at - kept));
    *nobodysp = to.nobodys;
    return 0;
}

int atls_veraison_token_parse(struct atls_bytes in, enum atls_cose_tagging tagging,
                              struct atls_psa_component *components, size_t count, uint8_t **keptp,
                              struct atls_cose_sign1 *messagep, struct atls_psa_claims *claimsp)
{
    struct atls_cose_sign1 message = {0};
    struct atls_bytes rewritten = {0};
    uint8_t *kept = NULL;
    bool nobodys = false;
    int result = read_cose(in, &message);

    if (result == 0)
        result = rewrite(message.payload, &kept, &rewritten, &nobodys);
    if (result == 0)
        result = atls_psa_claims_parse(rewritten, components, count, claimsp);
    if (result != 0) {
        free(kept);
        return result;
    }
    if (nobodys)
        claimsp->client_id = 0;
    *keptp = kept;
    *messagep = message;
    return 0;
}
