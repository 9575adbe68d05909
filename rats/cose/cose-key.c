/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a COSE_Key (RFC 9052 section 7, RFC 9053 section 7.1.1): an EC2 key for signatures, with
 * whatever restrictions its sender put on its use.
 */
#include "rats/cose/cose-read.h"

#include "rats/base/error.h"

#define KEY_CLAUSE "RFC 9052 section 7.1"

enum { KTY_EC2 = 2, OPERATION_VERIFY = 2 };
enum { ES256_BY_ITS_FULL_NAME = -9, ES384_BY_ITS_FULL_NAME = -51 }; /* ESP256, ESP384: RFC 9864 */

struct key_parts { /* of a COSE_Key, as far as they were found */
    int64_t kty, crv;
    bool has_kty, has_crv;
    struct atls_cose_label alg; /* a value, but of the same kinds */
    bool has_alg;
    bool has_operations, verifies;
    struct atls_bytes x, y;
};

/* RFC 9052 section 7.1, key_ops: [+ (tstr / int)]. No text is registered: verify is a number. */
static int read_operations(struct atls_cbor_reader *r, struct key_parts *parts)
{
    size_t count, done = 0;
    int result = atls_cbor_read_array(r, "COSE_Key key_ops", &count);

    parts->has_operations = true;
    for (; result == 0 && !atls_cose_at_end(r, count, done); done++) {
        struct atls_cose_label operation;

        result = atls_cose_read_label(r, "COSE_Key key_ops", &operation);
        parts->verifies |= result == 0 && atls_cose_label_is(&operation, OPERATION_VERIFY);
    }
    if (result == 0 && done == 0)
        result = atls_fail(ATLS_E_MALFORMED, KEY_CLAUSE,
                           "COSE_Key key_ops: expected an operation at least, came an empty array");
    return result;
}

static int read_key_part(struct atls_cbor_reader *r, const struct atls_cose_label *label,
                         struct key_parts *parts)
{
    struct atls_bytes ignored;

    if (atls_cose_label_is(label, ATLS_COSE_KEY_KTY)) {
        parts->has_kty = true;
        if (atls_cbor_peek(r) == ATLS_CBOR_TEXT)
            return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 7",
                             "COSE_Key kty: expected EC2 (2), came a text");
        return atls_cbor_read_int(r, "COSE_Key kty", &parts->kty);
    }
    if (atls_cose_label_is(label, ATLS_COSE_KEY_CRV)) {
        parts->has_crv = true;
        if (atls_cbor_peek(r) == ATLS_CBOR_TEXT)
            return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 7.1",
                             "COSE_Key crv: expected P-256 (1) or P-384 (2), came a text");
        return atls_cbor_read_int(r, "COSE_Key crv", &parts->crv);
    }
    if (atls_cose_label_is(label, ATLS_COSE_KEY_X))
        return atls_cbor_read_bytes(r, "COSE_Key x", &parts->x);
    if (atls_cose_label_is(label, ATLS_COSE_KEY_Y)) {
        if (atls_cbor_peek(r) == ATLS_CBOR_BOOL)
            return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9053 section 7.1.1",
                             "COSE_Key y: expected a byte string, came a compressed point's sign");
        return atls_cbor_read_bytes(r, "COSE_Key y", &parts->y);
    }
    if (atls_cose_label_is(label, ATLS_COSE_KEY_KID))
        return atls_cbor_read_bytes(r, "COSE_Key kid", &ignored);
    if (atls_cose_label_is(label, ATLS_COSE_KEY_BASE_IV))
        return atls_cbor_read_bytes(r, "COSE_Key Base IV", &ignored);
    if (atls_cose_label_is(label, ATLS_COSE_KEY_OPS))
        return read_operations(r, parts);
    if (atls_cose_label_is(label, ATLS_COSE_KEY_ALG)) {
        parts->has_alg = true;
        return atls_cose_read_label(r, "COSE_Key alg", &parts->alg);
    }
    if (atls_cose_label_is(label, ATLS_COSE_KEY_D))
        return atls_fail(ATLS_E_MALFORMED, r->clause ? r->clause : "RFC 9053 section 7.1.1",
                         "COSE_Key: expected a public key, came a private one");
    return atls_cbor_skip(r);
}

/* RFC 9052 section 7.1: alg must be that for which the key is used, and RFC 9053 section 2.1: "If
 * the 'key_ops' field is present, it MUST include 'verify'". */
static int check_purpose(const struct key_parts *parts, enum atls_curve curve)
{
    int expected = atls_curve_cose_alg(curve);
    int full_name = curve == ATLS_P384 ? ES384_BY_ITS_FULL_NAME : ES256_BY_ITS_FULL_NAME;

    if (parts->has_alg && parts->alg.is_text)
        return atls_fail(ATLS_E_UNTRUSTED, KEY_CLAUSE,
                         "COSE_Key alg: expected %d, with which the key is used, came a text",
                         expected);
    if (parts->has_alg && parts->alg.number != expected && parts->alg.number != full_name)
        return atls_fail(ATLS_E_UNTRUSTED, KEY_CLAUSE,
                         "COSE_Key alg: expected %d, with which the key is used, came %lld",
                         expected, (long long)parts->alg.number);
    if (parts->has_operations && !parts->verifies)
        return atls_fail(ATLS_E_UNTRUSTED, "RFC 9053 section 2.1",
                         "COSE_Key key_ops: expected verify (2) among them, it is not there");
    return 0;
}

static int complete_key(const struct key_parts *parts, struct atls_public_key *keyp)
{
    const char *clause = "RFC 9053 section 7.1.1";
    enum atls_curve curve = parts->crv == ATLS_P384 ? ATLS_P384 : ATLS_P256;
    size_t size = atls_curve_size(curve);
    int result;

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
    result = check_purpose(parts, curve);
    return result ? result : atls_public_key_of(curve, parts->x.data, parts->y.data, clause, keyp);
}

int atls_cose_key_read(struct atls_cbor_reader *r, struct atls_public_key *keyp)
{
    struct key_parts parts = {.has_kty = false};
    size_t count, done = 0;
    int result = atls_cbor_read_map(r, "COSE_Key", &count);

    for (; result == 0 && !atls_cose_at_end(r, count, done); done++) {
        struct atls_cose_label label;

        result = atls_cose_read_label(r, "COSE_Key label", &label);
        if (result == 0)
            result = read_key_part(r, &label, &parts);
    }
    return result ? result : complete_key(&parts, keyp);
}
