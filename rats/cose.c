/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of COSE that reads: COSE_Sign1 and COSE_Key from outside. COSE itself asks for no
 * deterministic encoding, so lengths may be indefinite or long here; what is signed is hashed as it
 * came.
 */
#include "rats/cose.h"

#include <string.h>

#include "rats/error.h"

/* More parameters than any profile has; bounds the comparison of the two headers. */
enum { LABELS_MAX = 32, KTY_EC2 = 2 };

struct label { /* int / tstr, RFC 9052 section 1.5 */
    bool is_text;
    int64_t number;
    struct atls_bytes text;
};

struct header { /* what was found in the two buckets so far */
    struct label labels[2 * LABELS_MAX];
    size_t count, protected_count;
    bool has_alg;
    int64_t alg;
    struct atls_bytes key_id, content_type;
    int content_format;
};

static bool label_is(const struct label *label, int64_t number)
{
    return !label->is_text && label->number == number;
}

static bool label_equal(const struct label *a, const struct label *b)
{
    if (a->is_text != b->is_text)
        return false;
    return a->is_text ? atls_bytes_equal(a->text, b->text) : a->number == b->number;
}

static int read_label(struct atls_cbor_reader *r, struct label *labelp)
{
    struct label label = {.is_text = atls_cbor_peek(r) == ATLS_CBOR_TEXT};
    int result = label.is_text ? atls_cbor_read_text(r, "COSE label", &label.text)
                               : atls_cbor_read_int(r, "COSE label", &label.number);

    if (result == 0)
        *labelp = label;
    return result;
}

/* Is a container of COUNT entries, DONE of which were read, at its end? */
static bool at_end(struct atls_cbor_reader *r, size_t count, size_t done)
{
    return count == SIZE_MAX ? atls_cbor_at_break(r) : done == count;
}

static int read_alg(struct atls_cbor_reader *r, struct header *header)
{
    int result;

    if (atls_cbor_peek(r) == ATLS_CBOR_TEXT) /* grammatical, but none is registered */
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1",
                         "COSE alg: expected ES256 (-7) or ES384 (-35), came a text");
    result = atls_cbor_read_int(r, "COSE alg", &header->alg);
    if (result)
        return result;
    header->has_alg = true;
    if (header->alg != ATLS_COSE_ES256 && header->alg != ATLS_COSE_ES384)
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1",
                         "COSE alg: expected ES256 (-7) or ES384 (-35), came %lld",
                         (long long)header->alg);
    return 0;
}

/* The parameters that this code understands, which crit may therefore name. */
static bool is_understood(const struct label *label)
{
    return label_is(label, ATLS_COSE_LABEL_ALG) || label_is(label, ATLS_COSE_LABEL_KEY_ID) ||
           label_is(label, ATLS_COSE_LABEL_CONTENT_TYPE);
}

/* RFC 9052 section 3.1, crit: not empty; each label is understood. Whether each is in the protected
 * header can be told only when that is complete: *CRITP keeps the place. */
static int read_crit(struct atls_cbor_reader *r, struct atls_cbor_reader *critp)
{
    size_t count, done = 0;
    int result;

    *critp = *r;
    result = atls_cbor_read_array(r, "COSE crit", &count);
    for (; result == 0 && !at_end(r, count, done); done++) {
        struct label label;

        result = read_label(r, &label);
        if (result)
            return result;
        if (label.is_text)
            return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9052 section 3.1",
                             "COSE crit: parameter \"%.*s\" is not understood",
                             (int)(label.text.size < 64 ? label.text.size : 64),
                             (const char *)label.text.data);
        if (!is_understood(&label))
            return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9052 section 3.1",
                             "COSE crit: parameter %lld is not understood",
                             (long long)label.number);
    }
    if (result == 0 && done == 0)
        result = atls_fail(ATLS_E_MALFORMED, "RFC 9052 section 3.1",
                           "COSE crit: expected a label at least, came an empty array");
    return result;
}

/* All that crit names must be in the protected header. CRIT stands before the array. */
static int check_crit(struct atls_cbor_reader crit, const struct header *header)
{
    size_t count, done = 0;
    int result = atls_cbor_read_array(&crit, "COSE crit", &count);

    for (; result == 0 && !at_end(&crit, count, done); done++) {
        struct label label;
        bool found = false;

        result = read_label(&crit, &label);
        for (size_t i = 0; result == 0 && i < header->count && !found; i++)
            found = label_equal(&header->labels[i], &label);
        if (result == 0 && !found)
            result = atls_fail(ATLS_E_MALFORMED, "RFC 9052 section 3.1",
                               "COSE crit: parameter %lld is not in the protected header",
                               (long long)label.number);
    }
    return result;
}

/* Remembers a label; it must be in neither bucket yet. (Duplicates in one map, the reader finds.)
 */
static int add_label(struct header *header, const struct label *label, size_t bucket_start)
{
    for (size_t i = 0; i < header->protected_count; i++)
        if (label_equal(&header->labels[i], label))
            return atls_fail(ATLS_E_MALFORMED, "RFC 9052 section 3",
                             "COSE header: the same parameter in both buckets");
    if (header->count - bucket_start == LABELS_MAX)
        return atls_fail(ATLS_E_LIMIT, NULL, "COSE header: more than %d parameters", LABELS_MAX);
    header->labels[header->count++] = *label;
    return 0;
}

/* RFC 9052 section 3.1: a media type, or the number of a CoAP Content-Format. */
static int read_content_type(struct atls_cbor_reader *r, struct header *header)
{
    uint64_t number = 0;
    int result;

    if (atls_cbor_peek(r) == ATLS_CBOR_TEXT)
        return atls_cbor_read_text(r, "COSE content type", &header->content_type);
    result = atls_cbor_read_uint(r, "COSE content type", &number);
    if (result == 0 && number > UINT16_MAX)
        result = atls_fail(ATLS_E_MALFORMED, "RFC 9052 section 3.1",
                           "COSE content type: expected a Content-Format up to 65535");
    if (result == 0)
        header->content_format = (int)number;
    return result;
}

static int read_header_value(struct atls_cbor_reader *r, const struct label *label,
                             bool is_protected, struct header *header)
{
    if (label_is(label, ATLS_COSE_LABEL_KEY_ID))
        return atls_cbor_read_bytes(r, "COSE kid", &header->key_id);
    if (is_protected && label_is(label, ATLS_COSE_LABEL_ALG))
        return read_alg(r, header);
    if (is_protected && label_is(label, ATLS_COSE_LABEL_CONTENT_TYPE))
        return read_content_type(r, header);
    if (!is_protected && label_is(label, ATLS_COSE_LABEL_CRIT))
        return atls_fail(ATLS_E_MALFORMED, "RFC 9052 section 3.1",
                         "COSE crit: expected in the protected header, came in the other");
    return atls_cbor_skip(r);
}

static int read_header(struct atls_cbor_reader *r, bool is_protected, struct header *header)
{
    struct atls_cbor_reader crit = {.clause = NULL};
    size_t start = header->count, count, done = 0;
    bool has_crit = false;
    int result = atls_cbor_read_map(
        r, is_protected ? "COSE protected header" : "COSE unprotected header", &count);

    for (; result == 0 && !at_end(r, count, done); done++) {
        struct label label;

        result = read_label(r, &label);
        if (result == 0)
            result = add_label(header, &label, start);
        if (result)
            return result;
        if (is_protected && label_is(&label, ATLS_COSE_LABEL_CRIT)) {
            has_crit = true;
            result = read_crit(r, &crit);
        } else
            result = read_header_value(r, &label, is_protected, header);
    }
    if (result == 0 && has_crit)
        result = check_crit(crit, header);
    if (result == 0 && is_protected)
        header->protected_count = header->count;
    return result;
}

/* RFC 9052 section 3: bstr of an encoded map, or empty where that would have no entries. */
static int read_protected(struct atls_bytes encoded, const char *clause, struct header *header)
{
    struct atls_cbor_reader r;
    int result = 0;

    if (encoded.size > 0) {
        result = atls_cbor_open(&r, encoded, &atls_cbor_lenient, clause);
        if (result == 0)
            result = read_header(&r, true, header);
    }
    if (result == 0 && !header->has_alg)
        result = atls_fail(ATLS_E_MISSING, "RFC 9052 section 3.1",
                           "COSE alg: expected in the protected header, it is not there");
    return result;
}

static int read_tags(struct atls_cbor_reader *r, enum atls_cose_tagging tagging, bool *taggedp)
{
    uint64_t tag = 0;
    bool is_tagged = atls_cbor_peek(r) == ATLS_CBOR_TAG;
    int result = 0;

    if (is_tagged && tagging == ATLS_COSE_TAG_FORBIDDEN)
        return atls_fail(ATLS_E_MALFORMED, r->clause, "COSE_Sign1: expected no tag, came one");
    if (!is_tagged && tagging == ATLS_COSE_TAG_REQUIRED)
        return atls_fail(ATLS_E_MALFORMED, r->clause, "COSE_Sign1: expected tag 18, came no tag");
    if (is_tagged)
        result = atls_cbor_read_tag(r, "COSE_Sign1", &tag);
    if (is_tagged && result == 0 && tag == ATLS_TAG_CWT) /* RFC 8392 section 6: a COSE tag inside */
        result = atls_cbor_read_tag(r, "COSE_Sign1 in a CWT", &tag);
    if (is_tagged && result == 0 && tag != ATLS_TAG_COSE_SIGN1)
        result = atls_fail(ATLS_E_MALFORMED, r->clause,
                           "COSE_Sign1: expected tag 18, came tag %llu", (unsigned long long)tag);
    if (result == 0)
        *taggedp = is_tagged;
    return result;
}

static int read_payload(struct atls_cbor_reader *r, struct atls_bytes *payloadp)
{
    if (atls_cbor_peek(r) == ATLS_CBOR_NULL)
        return atls_fail(ATLS_E_UNSUPPORTED, r->clause,
                         "COSE_Sign1: expected the payload, came nil (a detached one)");
    return atls_cbor_read_bytes(r, "COSE_Sign1 payload", payloadp);
}

static int check_signature_size(const struct atls_cose_sign1 *message)
{
    size_t expected = message->alg == ATLS_COSE_ES384 ? 96 : 64;

    if (message->signature.size == expected)
        return 0;
    return atls_fail(ATLS_E_MALFORMED, "RFC 9053 section 2.1",
                     "COSE_Sign1 signature: expected %zu bytes, came %zu", expected,
                     message->signature.size);
}

int atls_cose_sign1_parse(struct atls_bytes in, enum atls_cose_tagging tagging, const char *clause,
                          struct atls_cose_sign1 *messagep)
{
    struct atls_cose_sign1 message = {.tagged = false};
    struct header header = {.content_format = -1};
    struct atls_cbor_reader r;
    size_t count = 0;
    int result;

    if (!clause)
        clause = "RFC 9052 section 4.2";
    result = atls_cbor_open(&r, in, &atls_cbor_lenient, clause);
    if (result == 0)
        result = read_tags(&r, tagging, &message.tagged);
    if (result == 0)
        result = atls_cbor_read_array(&r, "COSE_Sign1", &count);
    if (result == 0 && count != 4 && count != SIZE_MAX)
        result = atls_fail(ATLS_E_MALFORMED, clause,
                           "COSE_Sign1: expected an array of 4, came one of %zu", count);
    if (result == 0)
        result = atls_cbor_read_bytes(&r, "COSE protected header", &message.protected_header);
    if (result == 0)
        result = read_protected(message.protected_header, clause, &header);
    if (result == 0)
        result = read_header(&r, false, &header);
    if (result == 0)
        result = read_payload(&r, &message.payload);
    if (result == 0)
        result = atls_cbor_read_bytes(&r, "COSE_Sign1 signature", &message.signature);
    if (result == 0 && count == SIZE_MAX && !atls_cbor_at_break(&r))
        result = atls_fail(ATLS_E_MALFORMED, clause, "COSE_Sign1: expected an array of 4");
    if (result == 0)
        result = atls_cbor_close(&r);
    if (result)
        return result;
    message.alg = (int)header.alg;
    message.key_id = header.key_id;
    message.content_type = header.content_type;
    message.content_format = header.content_format;
    result = check_signature_size(&message);
    if (result == 0)
        *messagep = message;
    return result;
}

int atls_cose_sign1_verify(const struct atls_cose_sign1 *message, const struct atls_crypto *crypto,
                           const struct atls_public_key *key)
{
    enum atls_hash hash = atls_curve_hash(key->curve);
    uint8_t digest[ATLS_HASH_MAX];
    int r;

    if (message->alg != atls_curve_cose_alg(key->curve))
        return atls_fail(ATLS_E_MISMATCH, "RFC 9053 section 2.1",
                         "COSE_Sign1: the key's curve asks for alg %d, came %d",
                         atls_curve_cose_alg(key->curve), message->alg);
    r = atls_cose_sign1_digest(crypto, hash, message->protected_header, message->payload, digest);
    if (r)
        return r;
    return crypto->verify(key, ATLS_BYTES(digest, atls_hash_size(hash)), message->signature);
}

struct key_parts { /* of a COSE_Key, as far as they were found */
    int64_t kty, crv;
    bool has_kty, has_crv;
    struct atls_bytes x, y;
};

static int read_key_part(struct atls_cbor_reader *r, const struct label *label,
                         struct key_parts *parts)
{
    if (label_is(label, ATLS_COSE_KEY_KTY)) {
        parts->has_kty = true;
        if (atls_cbor_peek(r) == ATLS_CBOR_TEXT)
            return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 7",
                             "COSE_Key kty: expected EC2 (2), came a text");
        return atls_cbor_read_int(r, "COSE_Key kty", &parts->kty);
    }
    if (label_is(label, ATLS_COSE_KEY_CRV)) {
        parts->has_crv = true;
        if (atls_cbor_peek(r) == ATLS_CBOR_TEXT)
            return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 7.1",
                             "COSE_Key crv: expected P-256 (1) or P-384 (2), came a text");
        return atls_cbor_read_int(r, "COSE_Key crv", &parts->crv);
    }
    if (label_is(label, ATLS_COSE_KEY_X))
        return atls_cbor_read_bytes(r, "COSE_Key x", &parts->x);
    if (label_is(label, ATLS_COSE_KEY_Y)) {
        if (atls_cbor_peek(r) == ATLS_CBOR_BOOL)
            return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 7.1.1",
                             "COSE_Key y: expected a byte string, came a compressed point's sign");
        return atls_cbor_read_bytes(r, "COSE_Key y", &parts->y);
    }
    if (label_is(label, ATLS_COSE_KEY_D))
        return atls_fail(ATLS_E_MALFORMED, r->clause ? r->clause : "RFC 9053 section 7.1.1",
                         "COSE_Key: expected a public key, came a private one");
    return atls_cbor_skip(r);
}

static int complete_key(const struct key_parts *parts, struct atls_public_key *keyp)
{
    const char *clause = "RFC 9053 section 7.1.1";
    enum atls_curve curve = parts->crv == ATLS_P384 ? ATLS_P384 : ATLS_P256;
    size_t size = atls_curve_size(curve);

    if (!parts->has_kty)
        return atls_fail(ATLS_E_MISSING, clause, "COSE_Key: kty is not there");
    if (parts->kty != KTY_EC2)
        return atls_fail(ATLS_E_UNSUPPORTED, clause, "COSE_Key kty: expected EC2 (2), came %lld",
                         (long long)parts->kty);
    if (!parts->has_crv || !parts->x.data || !parts->y.data)
        return atls_fail(ATLS_E_MISSING, clause, "COSE_Key: %s is not there",
                         !parts->has_crv  ? "crv"
                         : !parts->x.data ? "x"
                                          : "y");
    if (parts->crv != ATLS_P256 && parts->crv != ATLS_P384)
        return atls_fail(ATLS_E_UNSUPPORTED, clause,
                         "COSE_Key crv: expected P-256 (1) or P-384 (2), came %lld",
                         (long long)parts->crv);
    if (parts->x.size != size || parts->y.size != size)
        return atls_fail(ATLS_E_MALFORMED, clause,
                         "COSE_Key: expected coordinates of %zu bytes, came %zu and %zu", size,
                         parts->x.size, parts->y.size);
    memset(keyp, 0, sizeof *keyp);
    keyp->curve = curve;
    memcpy(keyp->x, parts->x.data, size);
    memcpy(keyp->y, parts->y.data, size);
    return 0;
}

int atls_cose_key_read(struct atls_cbor_reader *r, struct atls_public_key *keyp)
{
    struct key_parts parts = {.has_kty = false};
    size_t count, done = 0;
    int result = atls_cbor_read_map(r, "COSE_Key", &count);

    for (; result == 0 && !at_end(r, count, done); done++) {
        struct label label;

        result = read_label(r, &label);
        if (result == 0)
            result = read_key_part(r, &label, &parts);
    }
    return result ? result : complete_key(&parts, keyp);
}
