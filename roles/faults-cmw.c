/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Malformations of other messages than a CAB in CBOR: a CMW in JSON (record or collection), a
 * record in CBOR, and the attestation result itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/ear/ear.h"
#include "rats/json/json.h"
#include "rats/tokens/kat.h"
#include "roles/faults-output.h"

static const char *const wrapper_faults[] = {"cmw",
                                             "cmw-truncated",
                                             "cmw-trailing-byte",
                                             "cmw-empty-collection",
                                             "cmw-relative-type",
                                             "cmw-value-not-bytes",
                                             "cmw-indicator-zero",
                                             "cmw-missing-kat",
                                             "cbor-indefinite",
                                             "cbor-duplicate-key",
                                             "cbor-unpreferred",
                                             "cbor-deep",
                                             NULL};

static bool is(const char *name, const char *fault)
{
    return strcmp(name, fault) == 0;
}

static bool of_wrapper(const char *name, const char *value)
{
    return strncmp(name, "cbor-", 5) != 0 || (value && strcmp(value, "cmw") == 0);
}

static int no_such_flaw(const char *name, const char *where)
{
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s has no meaning in %s", name, where);
}

/* The flaw in a record: the whole message, or the kat of a collection. */
static int spoil_json_record(json_t *record, const char *name)
{
    if (is(name, "cmw-value-not-bytes")) {
        return json_array_set_new(record, 1, json_integer(0));
    }
    if (is(name, "cmw-indicator-zero")) {
        return json_array_size(record) == 3 ? json_array_set_new(record, 2, json_integer(0))
                                            : json_array_append_new(record, json_integer(0));
    }
    return json_array_set_new(record, 0, json_string("eat+jwt")); /* cmw-relative-type */
}

static int spoil_json(json_t **rootp, const char *name)
{
    json_t *root = *rootp;
    bool record = json_is_array(root);
    int result;

    if (is(name, "cmw-empty-collection")) {
        if (record) {
            json_decref(root);
            *rootp = root = json_object();
        } else {
            json_object_clear(root);
        }
        result = json_object_set_new(root, ATLS_CMW_COLLECTION_TYPE, json_string(ATLS_CAB_TYPE));
    } else if (is(name, "cmw-missing-kat")) {
        if (record) {
            return no_such_flaw(name, "a record");
        }
        result = json_object_del(root, "kat");
    } else if (!record && is(name, "cmw-relative-type")) {
        result = json_object_set_new(root, ATLS_CMW_COLLECTION_TYPE, json_string("rats/kat"));
    } else {
        result = spoil_json_record(record ? root : json_object_get(root, "kat"), name);
    }
    return result
               ? atls_fail(ATLS_E_MALFORMED, NULL, "the message to break is no CAB and no record")
               : 0;
}

static int write_json(json_t *root, struct atls_sink *s)
{
    char *text = atls_json_write(root, JSON_COMPACT | JSON_ENCODE_ANY);

    if (!text) {
        return atls_fail(-ENOMEM, NULL, "no memory for a fault");
    }
    atls_sink_bytes(s, atls_bytes_of_text(text));
    free(text);
    return 0;
}

int atls_faults_mutate_json(const struct atls_faults *faults, struct atls_bytes cmw, uint8_t **outp,
                            size_t *sizep, const char **namep)
{
    const char *value = NULL, *name = atls_faults_first(faults, wrapper_faults, &value);
    struct atls_sink out;

    *outp = NULL;
    *namep = NULL;
    if (!name || !of_wrapper(name, value)) {
        return 0;
    }
    if (strncmp(name, "cbor-", 5) == 0) {
        return no_such_flaw(name, "JSON");
    }
    int result = atls_fault_output(cmw.size, &out);
    if (result) {
        return result;
    }
    if (!atls_fault_of_bytes(name, value, cmw, &out, &result)) {
        json_error_t error;
        json_t *root = atls_json_loadb(cmw, 0, &error);
        result = root ? spoil_json(&root, name)
                      : atls_fail(ATLS_E_MALFORMED, NULL, "the message to break is not JSON");
        result = result ? result : write_json(root, &out);
        json_decref(root);
    }
    if (result) {
        free(out.data);
        return result;
    }
    result = atls_fault_done(&out, outp, sizep);
    *namep = result ? NULL : name;
    return result;
}

/* A record again, with the flaw. */
static int write_record(struct atls_sink *s, const char *name, const struct atls_cmw *record)
{
    bool indefinite = is(name, "cbor-indefinite");
    unsigned indicator = is(name, "cmw-indicator-zero") ? 0 : record->indicator;
    bool with_indicator = record->indicator || is(name, "cmw-indicator-zero");
    struct atls_bytes type = record->type.media_type;

    if (record->form != ATLS_CMW_RECORD && !is(name, "cmw-empty-collection")) {
        return no_such_flaw(name, "a tag");
    }
    if (is(name, "cmw-missing-kat") || is(name, "cbor-duplicate-key") || is(name, "cbor-deep")) {
        return no_such_flaw(name, "a record");
    }
    if (is(name, "cmw-empty-collection")) {
        atls_raw_head(s, ATLS_RAW_MAP, 1);
        atls_raw_text(s, ATLS_CMW_COLLECTION_TYPE);
        atls_raw_text(s, ATLS_CAB_TYPE);
        return 0;
    }
    if (indefinite) {
        atls_sink_u8(s, 0x9f);
    } else if (is(name, "cbor-unpreferred")) {
        atls_sink_u8(s, 0x98);
        atls_sink_u8(s, with_indicator ? 3 : 2);
    } else {
        atls_raw_head(s, ATLS_RAW_ARRAY, with_indicator ? 3 : 2);
    }
    if (is(name, "cmw-relative-type")) {
        const uint8_t *slash = memchr(type.data, '/', type.size);
        size_t cut = slash ? (size_t)(slash + 1 - type.data) : 0;
        type = ATLS_BYTES(type.data + cut, type.size - cut);
    }
    atls_raw_string(s, ATLS_RAW_TEXT, type);
    atls_raw_string(s, is(name, "cmw-value-not-bytes") ? ATLS_RAW_TEXT : ATLS_RAW_BYTES,
                    record->value);
    if (with_indicator) {
        atls_raw_head(s, ATLS_RAW_UINT, indicator);
    }
    if (indefinite) {
        atls_sink_u8(s, 0xff);
    }
    return 0;
}

int atls_faults_mutate_record(const struct atls_faults *faults, struct atls_bytes cmw,
                              uint8_t **outp, size_t *sizep, const char **namep)
{
    const char *value = NULL, *name = atls_faults_first(faults, wrapper_faults, &value);
    struct atls_cmw *record;
    struct atls_sink out;

    *outp = NULL;
    *namep = NULL;
    if (!name || !of_wrapper(name, value)) {
        return 0;
    }
    int result = atls_cmw_parse_as(ATLS_CBOR, cmw, &record);
    if (result) {
        return result;
    }
    result = atls_fault_output(cmw.size, &out);
    if (!result) {
        if (!atls_fault_of_bytes(name, value, cmw, &out, &result)) {
            result = write_record(&out, name, record);
        }
        if (result) {
            free(out.data);
        } else {
            result = atls_fault_done(&out, outp, sizep);
        }
    }
    atls_cmw_free(record);
    *namep = result ? NULL : name;
    return result;
}

static const char *const result_faults[] = {"result-garbage", "result-signature",
                                            "result-algorithm-none", NULL};

/* HEADER.PAYLOAD.SIGNATURE again, with one bit of the signature flipped. */
static int flip_signature(struct atls_sink *s, struct atls_bytes signed_part,
                          struct atls_bytes text)
{
    uint8_t *signature;
    size_t size;
    int result = atls_base64_decode(ATLS_BASE64URL, text, &signature, &size);

    if (result) {
        return result;
    }
    if (size) {
        signature[size - 1] ^= 1;
    }
    char *flipped = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(signature, size));
    free(signature);
    if (!flipped) {
        return atls_fail(-ENOMEM, NULL, "no memory for a fault");
    }
    atls_sink_bytes(s, signed_part);
    atls_sink_u8(s, '.');
    atls_sink_bytes(s, atls_bytes_of_text(flipped));
    free(flipped);
    return 0;
}

static int spoil_jwt(struct atls_sink *s, const char *name, struct atls_bytes jwt)
{
    const uint8_t *first = memchr(jwt.data, '.', jwt.size);
    const uint8_t *last = memrchr(jwt.data, '.', jwt.size);

    if (!first || first == last) {
        return atls_fail(ATLS_E_MALFORMED, "RFC 7515 section 7.1",
                         "the result to break is no compact JWS");
    }
    struct atls_bytes signed_part = {jwt.data, (size_t)(last - jwt.data)};
    if (is(name, "result-signature")) {
        return flip_signature(s, signed_part,
                              ATLS_BYTES(last + 1, jwt.size - signed_part.size - 1));
    }
    char *header = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text("{\"alg\":\"none\"}"));
    if (!header) {
        return atls_fail(-ENOMEM, NULL, "no memory for a fault");
    }
    atls_sink_bytes(s, atls_bytes_of_text(header));
    atls_sink_bytes(s, ATLS_BYTES(first, (size_t)(last - first)));
    atls_sink_u8(s, '.'); /* RFC 7518 3.6: the signature is the empty string */
    free(header);
    return 0;
}

/* COSE knows no "none"; alg 0 is nobody's (IANA COSE Algorithms: reserved), and the signature is
 * empty, too. */
static int spoil_cwt(struct atls_sink *s, const char *name, struct atls_bytes cwt)
{
    static const uint8_t alg_0[] = {0xa1, 0x01, 0x00};
    struct atls_ear_token token;
    int result = atls_ear_token_parse(cwt, &token);

    if (result) {
        return result;
    }
    if (is(name, "result-signature")) { /* which comes last */
        atls_sink_bytes(s, ATLS_BYTES(cwt.data, cwt.size - 1));
        atls_sink_u8(s, cwt.data[cwt.size - 1] ^ 1);
    } else {
        atls_raw_head(s, ATLS_RAW_TAG, ATLS_TAG_COSE_SIGN1);
        atls_raw_head(s, ATLS_RAW_ARRAY, 4);
        atls_raw_string(s, ATLS_RAW_BYTES, ATLS_BYTES(alg_0, sizeof alg_0));
        atls_raw_head(s, ATLS_RAW_MAP, 0);
        atls_raw_string(s, ATLS_RAW_BYTES, token.message.payload);
        atls_raw_string(s, ATLS_RAW_BYTES, (struct atls_bytes){NULL, 0});
    }
    atls_ear_token_clear(&token);
    return 0;
}

static int spoil_result(struct atls_sink *s, const char *name, struct atls_bytes token)
{
    if (is(name, "result-garbage")) {
        atls_sink_bytes(s, atls_bytes_of_text("this is not an attestation result"));
        return 0;
    }
    return atls_ear_serialization_of(token) == ATLS_EAR_CWT ? spoil_cwt(s, name, token)
                                                            : spoil_jwt(s, name, token);
}

int atls_faults_mutate_result(const struct atls_faults *faults, struct atls_bytes token,
                              uint8_t **outp, size_t *sizep, const char **namep)
{
    const char *value = NULL, *name = atls_faults_first(faults, result_faults, &value);
    struct atls_sink out;

    *outp = NULL;
    *namep = NULL;
    if (!name) {
        return 0;
    }
    int result = atls_fault_output(token.size, &out);
    if (result) {
        return result;
    }
    result = spoil_result(&out, name, token);
    if (result) {
        free(out.data);
        return result;
    }
    result = atls_fault_done(&out, outp, sizep);
    *namep = result ? NULL : name;
    return result;
}
