/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of COSE that reads messages. COSE itself asks for no deterministic encoding, so lengths
 * may be indefinite or long here; what is signed is hashed as it came.
 */
#include "rats/cose/cose-read.h"

#include "rats/base/error.h"

static int fail_tag(const char *clause, unsigned expected, uint64_t tag)
{
    return atls_fail(ATLS_E_MALFORMED, clause, "COSE: expected tag %u, came tag %llu", expected,
                     (unsigned long long)tag);
}

/* The tags before a message whose own is OWN. */
static int read_tags(struct atls_cbor_reader *r, enum atls_cose_tagging tagging, unsigned own,
                     bool *taggedp)
{
    uint64_t tag = 0;
    bool is_tagged = atls_cbor_peek(r) == ATLS_CBOR_TAG;
    int result;

    if (!is_tagged && (tagging == ATLS_COSE_TAG_REQUIRED || tagging == ATLS_COSE_TAG_ALONE))
        return atls_fail(ATLS_E_MALFORMED, r->clause, "COSE: expected tag %u, came no tag", own);
    *taggedp = is_tagged;
    if (!is_tagged)
        return 0;
    if (tagging == ATLS_COSE_TAG_FORBIDDEN)
        return atls_fail(ATLS_E_MALFORMED, r->clause, "COSE: expected no tag, came one");
    result = atls_cbor_read_tag(r, "COSE", &tag);
    if (result == 0 && tag == ATLS_TAG_CWT && tagging == ATLS_COSE_TAG_ALONE)
        return fail_tag(r->clause, own, tag);
    if (result == 0 && tag == ATLS_TAG_CWT) /* RFC 8392 section 6: a COSE tag inside */
        result = atls_cbor_read_tag(r, "COSE in a CWT", &tag);
    return result == 0 && tag != own ? fail_tag(r->clause, own, tag) : result;
}

static int read_payload(struct atls_cbor_reader *r, struct atls_cose_sign1 *message)
{
    message->detached = atls_cbor_peek(r) == ATLS_CBOR_NULL;
    return message->detached ? atls_cbor_read_null(r, "COSE payload")
                             : atls_cbor_read_bytes(r, "COSE payload", &message->payload);
}

static int read_parts(struct atls_cbor_reader *r, struct atls_cose_sign1 *message,
                      struct atls_cose_header *header)
{
    size_t count = 0;
    int result = atls_cbor_read_array(r, "COSE message", &count);

    if (result == 0 && count != 4 && count != SIZE_MAX)
        result = atls_fail(ATLS_E_MALFORMED, r->clause,
                           "COSE message: expected an array of 4, came one of %zu", count);
    if (result == 0)
        result = atls_cbor_read_bytes(r, "COSE protected header", &message->protected_header);
    if (result == 0)
        result = atls_cose_read_protected(message->protected_header, r->clause, header);
    if (result == 0 && !header->has_alg)
        result = atls_fail(ATLS_E_MISSING, "RFC 9052 section 3.1",
                           "COSE alg: expected in the protected header, it is not there");
    if (result == 0)
        result = atls_cose_read_header(r, false, header);
    if (result == 0)
        result = read_payload(r, message);
    if (result == 0)
        result = atls_cbor_read_bytes(r, "COSE signature or tag", &message->signature);
    if (result == 0 && count == SIZE_MAX && !atls_cbor_at_break(r))
        result = atls_fail(ATLS_E_MALFORMED, r->clause, "COSE message: expected an array of 4");
    return result;
}

int atls_cose_read(struct atls_bytes in, unsigned tag, enum atls_cose_tagging tagging,
                   const char *clause, struct atls_cose_sign1 *messagep)
{
    struct atls_cose_sign1 message = {.tagged = false};
    struct atls_cose_header header = {.content_format = -1};
    struct atls_cbor_reader r;
    int result;

    if (!clause)
        clause = tag == ATLS_TAG_COSE_MAC0 ? "RFC 9052 section 6.2" : "RFC 9052 section 4.2";
    result = atls_cbor_open(&r, in, &atls_cbor_lenient, clause);
    if (result == 0)
        result = read_tags(&r, tagging, tag, &message.tagged);
    if (result == 0)
        result = read_parts(&r, &message, &header);
    if (result == 0)
        result = atls_cbor_close(&r);
    if (result)
        return result;
    message.algorithm = header.alg;
    message.alg =
        header.alg.is_text || header.alg.number < INT32_MIN || header.alg.number > INT32_MAX
            ? 0 /* reserved: nobody's */
            : (int)header.alg.number;
    message.has_unknown = header.has_unknown;
    message.unknown = header.unknown;
    message.key_id = header.key_id;
    message.content_type = header.content_type;
    message.content_format = header.content_format;
    *messagep = message;
    return 0;
}

/* The two headers, as all COSE structures begin. */
static int read_headers(struct atls_cbor_reader *r)
{
    struct atls_cose_header header = {.content_format = -1};
    struct atls_bytes encoded;
    int result = atls_cbor_read_bytes(r, "COSE protected header", &encoded);

    if (result == 0)
        result = atls_cose_read_protected(encoded, r->clause, &header);
    return result ? result : atls_cose_read_header(r, false, &header);
}

/* The head of an array of COUNT; *LENGTHP is for at_array_end(). */
static int read_array_of(struct atls_cbor_reader *r, const char *what, size_t count,
                         size_t *lengthp)
{
    int result = atls_cbor_read_array(r, what, lengthp);

    if (result == 0 && *lengthp != count && *lengthp != SIZE_MAX)
        result = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected an array of %zu, came %zu",
                           what, count, *lengthp);
    return result;
}

static int read_array_end(struct atls_cbor_reader *r, const char *what, size_t length)
{
    if (length != SIZE_MAX || atls_cbor_at_break(r))
        return 0;
    return atls_fail(ATLS_E_MALFORMED, r->clause, "%s: came longer than expected", what);
}

static int read_signature(struct atls_cbor_reader *r)
{
    struct atls_bytes signature;
    size_t length = 0;
    int result = read_array_of(r, "COSE_Signature", 3, &length);

    if (result == 0)
        result = read_headers(r);
    if (result == 0)
        result = atls_cbor_read_bytes(r, "signature", &signature);
    return result ? result : read_array_end(r, "COSE_Signature", length);
}

int atls_cose_read_sign(struct atls_bytes in, struct atls_bytes *payloadp, size_t *countp)
{
    struct atls_cose_sign1 message = {.tagged = false};
    struct atls_cbor_reader r;
    size_t length = 0, signatures = 0, count = 0;
    int result = atls_cbor_open(&r, in, &atls_cbor_lenient, "RFC 9052 section 4.1");

    if (result == 0)
        result = read_tags(&r, ATLS_COSE_TAG_EITHER, ATLS_TAG_COSE_SIGN, &message.tagged);
    if (result == 0)
        result = read_array_of(&r, "COSE_Sign", 4, &length);
    if (result == 0)
        result = read_headers(&r);
    if (result == 0)
        result = read_payload(&r, &message);
    if (result == 0)
        result = atls_cbor_read_array(&r, "COSE signatures", &signatures);
    for (; result == 0 && !atls_cose_at_end(&r, signatures, count); count++)
        result = read_signature(&r);
    if (result == 0 && count == 0)
        result = atls_fail(ATLS_E_MALFORMED, r.clause,
                           "COSE_Sign: expected a signature at least, came none");
    if (result == 0)
        result = read_array_end(&r, "COSE_Sign", length);
    if (result == 0)
        result = atls_cbor_close(&r);
    if (result)
        return result;
    *payloadp = message.payload;
    *countp = count;
    return 0;
}

/* An Ecdsa-Sig-Value of RFC 3279, as TLS has it, by its outermost head. */
static bool looks_like_der(struct atls_bytes signature)
{
    return signature.size > 2 && signature.size <= 2 + 0x7f && signature.data[0] == 0x30 &&
           signature.data[1] == signature.size - 2;
}

static int check_alg(const struct atls_cose_sign1 *message)
{
    size_t expected = message->alg == ATLS_COSE_ES384 ? 96 : 64;

    if (message->algorithm.is_text) /* grammatical, but none is registered */
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1",
                         "COSE alg: expected ES256 (-7) or ES384 (-35), came a text");
    if (message->alg != ATLS_COSE_ES256 && message->alg != ATLS_COSE_ES384)
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1",
                         "COSE alg: expected ES256 (-7) or ES384 (-35), came %lld",
                         (long long)message->algorithm.number);
    if (message->signature.size != expected)
        return atls_fail(ATLS_E_MALFORMED, "RFC 9053 section 2.1",
                         "COSE_Sign1 signature: expected %zu bytes, came %zu%s", expected,
                         message->signature.size,
                         looks_like_der(message->signature)
                             ? ", as r and s have in DER, where one stands behind the other"
                             : "");
    return 0;
}

int atls_cose_sign1_check(const struct atls_cose_sign1 *message, const char *clause)
{
    int result = check_alg(message);

    if (result)
        return result;
    if (message->has_unknown && message->unknown.is_text)
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9052 section 3.1",
                         "COSE crit: parameter \"%.*s\" is not understood",
                         (int)(message->unknown.text.size < 64 ? message->unknown.text.size : 64),
                         (const char *)message->unknown.text.data);
    if (message->has_unknown)
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9052 section 3.1",
                         "COSE crit: parameter %lld is not understood",
                         (long long)message->unknown.number);
    if (message->detached)
        return atls_fail(ATLS_E_UNSUPPORTED, clause ? clause : "RFC 9052 section 4.2",
                         "COSE_Sign1: expected the payload, came nil (a detached one)");
    return 0;
}

int atls_cose_sign1_parse(struct atls_bytes in, enum atls_cose_tagging tagging, const char *clause,
                          struct atls_cose_sign1 *messagep)
{
    struct atls_cose_sign1 message;
    int result = atls_cose_read(in, ATLS_TAG_COSE_SIGN1, tagging, clause, &message);

    if (result == 0)
        result = atls_cose_sign1_check(&message, clause);
    if (result == 0)
        *messagep = message;
    return result;
}

int atls_cose_sign1_verify(const struct atls_cose_sign1 *message, const struct atls_crypto *crypto,
                           const struct atls_public_key *key)
{
    enum atls_hash hash = atls_curve_hash(key->curve);
    uint8_t digest[ATLS_HASH_MAX];
    int result;

    if (message->alg != atls_curve_cose_alg(key->curve))
        return atls_fail(ATLS_E_MISMATCH, "RFC 9053 section 2.1",
                         "COSE_Sign1: the key's curve asks for alg %d, came %d",
                         atls_curve_cose_alg(key->curve), message->alg);
    result =
        atls_cose_sign1_digest(crypto, hash, message->protected_header, message->payload, digest);
    if (result)
        return result;
    return crypto->verify(key, ATLS_BYTES(digest, atls_hash_size(hash)), message->signature);
}
