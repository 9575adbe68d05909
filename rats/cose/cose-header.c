/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two headers of a COSE message (RFC 9052 section 3): which parameters may be where, and of
 * which types the known ones are. What is understood beyond its type are alg, crit, kid and the
 * content type; the others have no meaning here, but a wrong one is a malformed message.
 */
#include "rats/cose/cose-read.h"

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-item.h"

#define HEADER "RFC 9052 section 3.1"
#define COUNTERSIGNATURE "RFC 9338 section 3"
#define X509 "RFC 9360 section 2"

bool atls_cose_label_is(const struct atls_cose_label *label, int64_t number)
{
    return !label->is_text && label->number == number;
}

static bool label_equal(const struct atls_cose_label *a, const struct atls_cose_label *b)
{
    if (a->is_text != b->is_text)
        return false;
    return a->is_text ? atls_bytes_equal(a->text, b->text) : a->number == b->number;
}

int atls_cose_read_label(struct atls_cbor_reader *r, const char *what,
                         struct atls_cose_label *labelp)
{
    struct atls_cose_label label = {.is_text = atls_cbor_peek(r) == ATLS_CBOR_TEXT};
    int result = label.is_text ? atls_cbor_read_text(r, what, &label.text)
                               : atls_cbor_read_int(r, what, &label.number);

    if (result == 0)
        *labelp = label;
    return result;
}

bool atls_cose_at_end(struct atls_cbor_reader *r, size_t count, size_t done)
{
    return count == SIZE_MAX ? atls_cbor_at_break(r) : done == count;
}

/* The parameters that this code understands, which crit may therefore name: of small numbers, so
 * that a set of them is a number's bits. */
static bool is_understood(const struct atls_cose_label *label)
{
    return atls_cose_label_is(label, ATLS_COSE_LABEL_ALG) ||
           atls_cose_label_is(label, ATLS_COSE_LABEL_KEY_ID) ||
           atls_cose_label_is(label, ATLS_COSE_LABEL_CONTENT_TYPE);
}

/* crit is not empty. Whether each of its labels is in the protected header can be told only when
 * that is complete. */
static int read_crit(struct atls_cbor_reader *r, struct atls_cose_header *header)
{
    size_t count, done = 0;
    int result = atls_cbor_read_array(r, "COSE crit", &count);

    for (; result == 0 && !atls_cose_at_end(r, count, done); done++) {
        struct atls_cose_label label;

        result = atls_cose_read_label(r, "COSE crit", &label);
        if (result)
            return result;
        if (is_understood(&label))
            header->critical |= 1u << label.number;
        else if (!header->has_unknown) {
            header->has_unknown = true;
            header->unknown = label;
        }
    }
    if (result == 0 && done == 0)
        result = atls_fail(ATLS_E_MALFORMED, HEADER,
                           "COSE crit: expected a label at least, came an empty array");
    return result;
}

/* All that crit names must be in the protected header. */
static int check_crit(const struct atls_cose_header *header)
{
    unsigned missing = header->critical & ~header->present;

    for (unsigned label = ATLS_COSE_LABEL_ALG; label <= ATLS_COSE_LABEL_KEY_ID; label++)
        if (missing >> label & 1)
            return atls_fail(ATLS_E_MALFORMED, HEADER,
                             "COSE crit: parameter %u is not in the protected header", label);
    return 0;
}

/* Remembers a label; it must be in neither bucket yet. (Duplicates in one map, the reader finds.)
 */
static int add_label(struct atls_cose_header *header, const struct atls_cose_label *label,
                     size_t bucket_start)
{
    for (size_t i = 0; i < header->protected_count; i++)
        if (label_equal(&header->labels[i], label))
            return atls_fail(ATLS_E_MALFORMED, "RFC 9052 section 3",
                             "COSE header: the same parameter in both buckets");
    if (header->count - bucket_start == ATLS_COSE_LABELS_MAX)
        return atls_fail(ATLS_E_LIMIT, NULL, "COSE header: more than %d parameters",
                         ATLS_COSE_LABELS_MAX);
    header->labels[header->count++] = *label;
    return 0;
}

/* A parameter that has only its type for us. */
struct known {
    int64_t label;
    const char *name, *clause;
    int (*check)(struct atls_cbor_reader *r, const struct known *known);
};

static int expect_type(struct atls_cbor_reader *r, const struct known *known,
                       enum atls_cbor_type type)
{
    if (atls_cbor_peek(r) == type)
        return atls_cbor_skip(r);
    return atls_fail(ATLS_E_MALFORMED, known->clause, "%s: expected %s, came %s", known->name,
                     atls_cbor_type_name(type), atls_cbor_type_name(atls_cbor_peek(r)));
}

static int check_bytes(struct atls_cbor_reader *r, const struct known *known)
{
    return expect_type(r, known, ATLS_CBOR_BYTES);
}

static int check_map(struct atls_cbor_reader *r, const struct known *known)
{
    return expect_type(r, known, ATLS_CBOR_MAP);
}

static int check_array(struct atls_cbor_reader *r, const struct known *known)
{
    return expect_type(r, known, ATLS_CBOR_ARRAY);
}

static int check_label(struct atls_cbor_reader *r, const struct known *known)
{
    struct atls_cose_label ignored;

    return atls_cose_read_label(r, known->name, &ignored);
}

/* RFC 9596: uint / tstr, as the content type. */
static int check_typ(struct atls_cbor_reader *r, const struct known *known)
{
    return expect_type(r, known,
                       atls_cbor_peek(r) == ATLS_CBOR_TEXT ? ATLS_CBOR_TEXT : ATLS_CBOR_UINT);
}

/* COSE_X509 = bstr / [2*certs: bstr] */
static int check_certificates(struct atls_cbor_reader *r, const struct known *known)
{
    size_t count, done = 0;
    int result;

    if (atls_cbor_peek(r) == ATLS_CBOR_BYTES)
        return atls_cbor_skip(r);
    if (atls_cbor_peek(r) != ATLS_CBOR_ARRAY)
        return atls_fail(ATLS_E_MALFORMED, known->clause,
                         "%s: expected a byte string or an array of them, came %s", known->name,
                         atls_cbor_type_name(atls_cbor_peek(r)));
    result = atls_cbor_read_array(r, known->name, &count);
    for (; result == 0 && !atls_cose_at_end(r, count, done); done++)
        result = check_bytes(r, known);
    if (result == 0 && done < 2)
        result = atls_fail(ATLS_E_MALFORMED, known->clause,
                           "%s: expected an array of two certificates at least, came %zu",
                           known->name, done);
    return result;
}

/* COSE_CertHash = [hashAlg: (int / tstr), hashValue: bstr] */
static int check_thumbprint(struct atls_cbor_reader *r, const struct known *known)
{
    struct atls_cose_label algorithm;
    size_t count;
    int result;

    if (atls_cbor_peek(r) != ATLS_CBOR_ARRAY)
        return check_array(r, known);
    result = atls_cbor_read_array(r, known->name, &count);
    if (result == 0 && count != 2 && count != SIZE_MAX)
        result = atls_fail(ATLS_E_MALFORMED, known->clause, "%s: expected an array of 2, came %zu",
                           known->name, count);
    if (result == 0)
        result = atls_cose_read_label(r, known->name, &algorithm);
    if (result == 0)
        result = check_bytes(r, known);
    if (result == 0 && count == SIZE_MAX && !atls_cbor_at_break(r))
        result = atls_fail(ATLS_E_MALFORMED, known->clause,
                           "%s: expected an array of 2, came a longer one", known->name);
    return result;
}

/* uri: a text with tag 32 */
static int check_uri(struct atls_cbor_reader *r, const struct known *known)
{
    uint64_t tag = 0;

    if (atls_cbor_peek(r) != ATLS_CBOR_TAG)
        return expect_type(r, known, ATLS_CBOR_TAG);
    int result = atls_cbor_read_tag(r, known->name, &tag);
    if (result == 0 && tag != 32)
        result = atls_fail(ATLS_E_MALFORMED, known->clause, "%s: expected tag 32, came tag %llu",
                           known->name, (unsigned long long)tag);
    return result ? result : expect_type(r, known, ATLS_CBOR_TEXT);
}

/* A media type, or the number of a CoAP Content-Format. */
static int read_content_type(struct atls_cbor_reader *r, struct atls_bytes *textp, int *formatp)
{
    struct atls_bytes text;
    uint64_t number = 0;
    int result;

    if (atls_cbor_peek(r) == ATLS_CBOR_TEXT) {
        result = atls_cbor_read_text(r, "COSE content type", &text);
        if (result)
            return result;
        if (!atls_media_type_valid(text))
            return atls_fail(ATLS_E_MALFORMED, HEADER,
                             "COSE content type: expected type/subtype (RFC 6838 section 4.2), "
                             "came \"%.*s\"",
                             (int)(text.size < 64 ? text.size : 64), (const char *)text.data);
        *textp = text;
        return 0;
    }
    result = atls_cbor_read_uint(r, "COSE content type", &number);
    if (result == 0 && number > UINT16_MAX)
        result = atls_fail(ATLS_E_MALFORMED, HEADER,
                           "COSE content type: expected a Content-Format up to 65535");
    if (result == 0)
        *formatp = (int)number;
    return result;
}

/* One that is not signed says nothing of the message, but has its type. */
static int check_content_type(struct atls_cbor_reader *r, const struct known *known)
{
    struct atls_bytes text;
    int format;

    return read_content_type(r, &text, &format);
}

/* What comes once as bytes or an array may be a list of such: only the outer type is looked at. */
static const struct known known_parameters[] = {
    {ATLS_COSE_LABEL_ALG, "COSE alg", HEADER, check_label}, /* unprotected: nobody uses it */
    {ATLS_COSE_LABEL_CONTENT_TYPE, "COSE content type", HEADER, check_content_type},
    {ATLS_COSE_LABEL_IV, "COSE IV", HEADER, check_bytes},
    {ATLS_COSE_LABEL_PARTIAL_IV, "COSE Partial IV", HEADER, check_bytes},
    {7, "COSE counter signature", "RFC 8152 section 4.5", check_array},
    {9, "COSE CounterSignature0", "RFC 8152 section 4.5", check_bytes},
    {11, "COSE Countersignature version 2", COUNTERSIGNATURE, check_array},
    {12, "COSE Countersignature0 version 2", COUNTERSIGNATURE, check_bytes},
    {15, "COSE CWT Claims", "RFC 9597 section 2", check_map},
    {16, "COSE typ", "RFC 9596 section 2", check_typ},
    {32, "COSE x5bag", X509, check_certificates},
    {33, "COSE x5chain", X509, check_certificates},
    {34, "COSE x5t", X509, check_thumbprint},
    {35, "COSE x5u", X509, check_uri},
};

/* "The 'Initialization Vector' and 'Partial Initialization Vector' header parameters MUST NOT both
 * be present in the same security layer": both buckets together. */
static int check_vectors(struct atls_cose_header *header, const struct atls_cose_label *label)
{
    header->has_iv |= atls_cose_label_is(label, ATLS_COSE_LABEL_IV);
    header->has_partial_iv |= atls_cose_label_is(label, ATLS_COSE_LABEL_PARTIAL_IV);
    if (!header->has_iv || !header->has_partial_iv)
        return 0;
    return atls_fail(ATLS_E_MALFORMED, HEADER,
                     "COSE header: expected IV (5) or Partial IV (6), both came");
}

static int read_value(struct atls_cbor_reader *r, const struct atls_cose_label *label,
                      bool is_protected, struct atls_cose_header *header)
{
    if (atls_cose_label_is(label, ATLS_COSE_LABEL_KEY_ID))
        return atls_cbor_read_bytes(r, "COSE kid", &header->key_id);
    if (is_protected && atls_cose_label_is(label, ATLS_COSE_LABEL_ALG)) {
        header->has_alg = true;
        return atls_cose_read_label(r, "COSE alg", &header->alg);
    }
    if (is_protected && atls_cose_label_is(label, ATLS_COSE_LABEL_CONTENT_TYPE))
        return read_content_type(r, &header->content_type, &header->content_format);
    if (!is_protected && atls_cose_label_is(label, ATLS_COSE_LABEL_CRIT))
        return atls_fail(ATLS_E_MALFORMED, HEADER,
                         "COSE crit: expected in the protected header, came in the other");
    for (size_t i = 0; i < sizeof known_parameters / sizeof *known_parameters; i++)
        if (atls_cose_label_is(label, known_parameters[i].label))
            return known_parameters[i].check(r, &known_parameters[i]);
    return atls_cbor_skip(r);
}

int atls_cose_read_header(struct atls_cbor_reader *r, bool is_protected,
                          struct atls_cose_header *header)
{
    size_t start = header->count, count, done = 0;
    int result = atls_cbor_read_map(
        r, is_protected ? "COSE protected header" : "COSE unprotected header", &count);

    for (; result == 0 && !atls_cose_at_end(r, count, done); done++) {
        struct atls_cose_label label;

        result = atls_cose_read_label(r, "COSE label", &label);
        if (result == 0)
            result = add_label(header, &label, start);
        if (result == 0)
            result = check_vectors(header, &label);
        if (result)
            return result;
        if (is_protected && is_understood(&label))
            header->present |= 1u << label.number;
        if (is_protected && atls_cose_label_is(&label, ATLS_COSE_LABEL_CRIT))
            result = read_crit(r, header);
        else
            result = read_value(r, &label, is_protected, header);
    }
    return result;
}

int atls_cose_read_protected(struct atls_bytes encoded, const char *clause,
                             struct atls_cose_header *header)
{
    struct atls_cbor_reader r;
    int result = 0;

    if (encoded.size > 0) {
        result = atls_cbor_open(&r, encoded, &atls_cbor_lenient, clause);
        if (result == 0)
            result = atls_cose_read_header(&r, true, header);
    }
    header->protected_count = header->count;
    return result == 0 && !header->has_unknown ? check_crit(header) : result;
}
