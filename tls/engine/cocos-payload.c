/* SPDX-License-Identifier: Apache-2.0 */
/* Strict where Cocos is not: each member once and of its type, none that it does not know. */
#include "tls/engine/cocos-payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw.h"
#include "rats/json/json.h"
#include "roles/received.h"

#define COCOS "ultravioletrs/cocos 747aaaa5, pkg/atls/eaattestation/types.go"
#define VERSION 1
#define RECORD_HEAD 512 /* bytes ahead of a value: array, type, length */
#define TYPE_MAX 256

static int set_bytes(json_t *object, const char *name, struct atls_bytes bytes)
{
    return json_object_set_new(object, name, atls_json_base64(ATLS_BASE64, bytes)) == 0
               ? 0
               : atls_fail(-ENOMEM, NULL, "no memory for a payload");
}

/* The media type and the value of a record or tag; of all else none, and all of it. */
static struct atls_bytes split(const struct atls_cmw *cmw, struct atls_bytes whole, char *type)
{
    struct atls_bytes own = cmw ? atls_cmw_media_type(cmw) : ATLS_BYTES(NULL, 0);
    snprintf(type, TYPE_MAX, "%s",
             whole.size > 0 && (whole.data[0] == '[' || whole.data[0] == '{') ? ATLS_MT_CMW_JSON
                                                                              : ATLS_MT_CMW_CBOR);
    if (own.size == 0 || own.size >= TYPE_MAX)
        return whole;
    snprintf(type, TYPE_MAX, "%.*s", (int)own.size, (const char *)own.data);
    return cmw->value;
}

int atls_cocos_payload_write(struct atls_bytes cmw, const struct atls_cocos_binder *binder,
                             char **textp)
{
    char type[TYPE_MAX];
    struct atls_cmw *parsed = NULL;
    int result = atls_cmw_parse(cmw, &parsed);
    if (result < 0)
        return result;
    struct atls_bytes value = split(parsed, cmw, type);
    bool result_inside = parsed && atls_received_is_result(parsed);
    json_t *of_binder = json_pack("{s:s}", "exporter_label", binder->label);
    json_t *object = json_pack("{s:i, s:s}", "version", VERSION, "media_type", type);
    result = object && of_binder ? 0 : atls_fail(-ENOMEM, NULL, "no memory for a payload");
    if (result == 0)
        result = set_bytes(object, result_inside ? "attestation_results" : "evidence", value);
    if (result == 0)
        result = set_bytes(of_binder, "aik_pub_hash", binder->key_hash);
    if (result == 0)
        result = set_bytes(of_binder, "binding", binder->binding);
    if (result == 0 && json_object_set(object, "binder", of_binder) != 0)
        result = atls_fail(-ENOMEM, NULL, "no memory for a payload");
    char *text = result == 0 ? atls_json_write(object, JSON_COMPACT) : NULL;
    if (result == 0 && !text)
        result = atls_fail(-ENOMEM, NULL, "no memory for a payload");
    json_decref(of_binder);
    json_decref(object);
    atls_cmw_free(parsed);
    if (result == 0)
        *textp = text;
    return result;
}

static int check_members(const json_t *object, const char *const *known, const char *where)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (!known[i]) {
            char shown[64];
            atls_printable(name, strlen(name), shown, sizeof shown);
            return atls_fail(ATLS_E_MALFORMED, COCOS,
                             "%s: expected none but known members, came %s", where, shown);
        }
    }
    return 0;
}

/* A member in base64. ATLS_E_MISSING where there is none. */
static int take_bytes(const json_t *object, const char *name, uint8_t **datap, size_t *sizep)
{
    const json_t *value = json_object_get(object, name);
    if (!value)
        return atls_fail(ATLS_E_MISSING, COCOS, "expected a member %s, came none", name);
    if (!json_is_string(value))
        return atls_fail(ATLS_E_MALFORMED, COCOS, "%s: expected a string, came another value",
                         name);
    int result = atls_base64_decode(ATLS_BASE64, atls_json_bytes(value), datap, sizep);
    if (result == 0 && *sizep == 0) {
        free(*datap);
        return atls_fail(ATLS_E_MALFORMED, COCOS, "%s: expected at least a byte, came none", name);
    }
    return result;
}

static int expect_bytes(const json_t *binder, const char *name, struct atls_bytes expected)
{
    uint8_t *data;
    size_t size;
    int result = take_bytes(binder, name, &data, &size);
    if (result != 0)
        return result == ATLS_E_MISSING ? ATLS_E_MALFORMED : result;
    result = atls_bytes_expect(COCOS, name, expected, ATLS_BYTES(data, size));
    free(data);
    return result;
}

static int check_binder(const json_t *binder, const struct atls_cocos_binder *expected)
{
    static const char *const known[] = {"exporter_label", "aik_pub_hash", "binding", NULL};
    if (!json_is_object(binder))
        return atls_fail(ATLS_E_MALFORMED, COCOS, "expected an object binder, came none");
    const json_t *label = json_object_get(binder, "exporter_label");
    int result = check_members(binder, known, "binder");
    if (result != 0)
        return result;
    if (label && !json_is_string(label))
        return atls_fail(ATLS_E_MALFORMED, COCOS,
                         "exporter_label: expected a string, came another value");
    if (label && json_string_length(label) > 0 && !atls_json_is(label, expected->label)) {
        char shown[64];
        atls_printable(json_string_value(label), json_string_length(label), shown, sizeof shown);
        return atls_fail(ATLS_E_MISMATCH, COCOS, "exporter_label: expected %s, came %s",
                         expected->label, shown);
    }
    result = expect_bytes(binder, "aik_pub_hash", expected->key_hash);
    return result == 0 ? expect_bytes(binder, "binding", expected->binding) : result;
}

/* A record of this type; what is a CMW already stays as it is, and *VALUEP is taken then. */
static int wrap(const char *type, unsigned indicator, uint8_t **valuep, size_t size, uint8_t **cmwp,
                size_t *sizep)
{
    struct atls_bytes name = atls_bytes_of_text(type), whole;
    if (atls_media_type_equal(name, atls_bytes_of_text(ATLS_MT_CMW_CBOR)) ||
        atls_media_type_equal(name, atls_bytes_of_text(ATLS_MT_CMW_JSON))) {
        *cmwp = *valuep;
        *sizep = size;
        *valuep = NULL;
        return 0;
    }
    int result = atls_media_type_check(name);
    if (result != 0)
        return result;
    uint8_t *made = malloc(RECORD_HEAD + size);
    struct atls_cbor_writer w;
    if (!made)
        return atls_fail(-ENOMEM, NULL, "no memory for a CMW");
    atls_cbor_write_init(&w, made, RECORD_HEAD + size);
    atls_cmw_write_record(&w, type, ATLS_BYTES(*valuep, size), indicator);
    result = atls_cbor_write_done(&w, &whole);
    if (result != 0) {
        free(made);
        return result;
    }
    *cmwp = made;
    *sizep = whole.size;
    return 0;
}

static int read_object(const json_t *object, const struct atls_cocos_binder *expected,
                       uint8_t **cmwp, size_t *sizep)
{
    static const char *const known[] = {"version", "media_type", "evidence", "attestation_results",
                                        "binder",  NULL};
    const json_t *version = json_object_get(object, "version");
    const json_t *type = json_object_get(object, "media_type");
    bool evidence = json_object_get(object, "evidence") != NULL;
    uint8_t *value;
    size_t size;
    int result = check_members(object, known, "payload");
    if (result != 0)
        return result;
    if (!json_is_integer(version) || json_integer_value(version) != VERSION)
        return atls_fail(ATLS_E_MALFORMED, COCOS, "version: expected 1, came another");
    if (type && !atls_json_text(type))
        return atls_fail(ATLS_E_MALFORMED, COCOS,
                         "media_type: expected a string, came another value");
    if (evidence == (json_object_get(object, "attestation_results") != NULL))
        return atls_fail(ATLS_E_MALFORMED, COCOS,
                         "expected evidence or attestation_results, came %s",
                         evidence ? "both" : "neither");
    if (evidence && !type)
        return atls_fail(ATLS_E_MALFORMED, COCOS, "expected a media_type of evidence, came none");
    result = check_binder(json_object_get(object, "binder"), expected);
    if (result == 0)
        result = take_bytes(object, evidence ? "evidence" : "attestation_results", &value, &size);
    if (result != 0)
        return result;
    bool cwt = atls_ear_serialization_of(ATLS_BYTES(value, size)) == ATLS_EAR_CWT;
    result = evidence ? wrap(atls_json_text(type), ATLS_IND_EVIDENCE, &value, size, cmwp, sizep)
                      : wrap(cwt ? ATLS_MT_EAT_CWT : ATLS_MT_EAT_JWT, ATLS_IND_ATTESTATION_RESULTS,
                             &value, size, cmwp, sizep);
    free(value);
    return result;
}

int atls_cocos_payload_read(struct atls_bytes text, const struct atls_cocos_binder *expected,
                            uint8_t **cmwp, size_t *sizep)
{
    json_t *object;
    int result = atls_json_object(text, "payload of Cocos", &object);
    if (result != 0)
        return result;
    result = read_object(object, expected, cmwp, sizep);
    json_decref(object);
    return result;
}
