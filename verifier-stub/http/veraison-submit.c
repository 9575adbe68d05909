/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Veraison's services make of what is posted to them: evidence, bare or in a CMW, and CoRIMs.
 * The words of its answers are its own where they were recorded; what Go's readers of CBOR and JSON
 * say of a broken message is said in this verifier's words.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/json/json.h"
#include "verifier-stub/http/api-private.h"
#include "verifier-stub/http/manners.h"
#include "verifier-stub/store/manifests.h"

#define SUBMIT_FAILED "submit endorsement returned error: submit endorsements failed: "
#define RPC_FAILED "rpc error: code = Unknown desc = "
#define TAG_OID 111
#define UNSIGNED "\xd9\x01\xf5" /* tag 501 */
#define KEY_PROFILE 3

void atls_veraison_evidence_clear(struct atls_veraison_evidence *evidence)
{
    atls_evidence_clear(&evidence->evidence);
    free(evidence->value);
    *evidence = (struct atls_veraison_evidence){0};
}

/* A record whose type may be any text, and whose indicator any number. */
static int read_cbor_record(struct atls_bytes in, char **typep, uint8_t **valuep, size_t *sizep)
{
    struct atls_cbor_reader r;
    struct atls_bytes type = {0}, value = {0};
    uint64_t indicator;
    size_t count = 0;
    int result = atls_cbor_open(&r, in, NULL, "RFC 9999 section 3.1");

    if (result == 0)
        result = atls_cbor_read_array(&r, "record", &count);
    if (result == 0)
        result = atls_cbor_read_text(&r, "type", &type);
    if (result == 0)
        result = atls_cbor_read_bytes(&r, "value", &value);
    if (result == 0 && count == 3)
        result = atls_cbor_read_uint(&r, "indicator", &indicator);
    if (result != 0 || count < 2 || count > 3)
        return result ? result : ATLS_E_MALFORMED;
    *typep = strndup((const char *)type.data, type.size);
    *valuep = malloc(value.size + 1);
    if (!*typep || !*valuep)
        return -ENOMEM;
    memcpy(*valuep, value.data, value.size);
    *sizep = value.size;
    return 0;
}

static int read_json_record(struct atls_bytes in, char **typep, uint8_t **valuep, size_t *sizep)
{
    json_error_t error;
    json_t *record = atls_json_loadb(in, JSON_REJECT_DUPLICATES, &error);
    const char *type = json_string_value(json_array_get(record, 0)),
               *value = json_string_value(json_array_get(record, 1));
    size_t count = json_array_size(record);
    int result = ATLS_E_MALFORMED;

    if (!record && json_error_code(&error) == json_error_out_of_memory)
        return atls_fail(-ENOMEM, NULL, "no memory for a CMW record");
    if (type && value && (count == 2 || (count == 3 && json_is_integer(json_array_get(record, 2)))))
        result = atls_base64_decode(strchr(value, '=') ? ATLS_BASE64URL_PADDED : ATLS_BASE64URL,
                                    atls_bytes_of_text(value), valuep, sizep);
    if (result == 0) {
        *typep = strdup(type);
        result = *typep ? 0 : -ENOMEM;
    }
    json_decref(record);
    return result;
}

/* What stands in a record or tag; of a collection the type that it came with. */
static int unwrap_cmw(struct atls_bytes body, const char *type, struct atls_veraison_evidence *out)
{
    struct atls_evidence *evidence = &out->evidence;
    const struct atls_cmw *cmw;
    size_t size = 0;
    int result = atls_cmw_parse(body, &evidence->cmw);

    cmw = evidence->cmw;
    if (result > 0) {
        bool json = body.data[0] == '[';
        int again = json ? read_json_record(body, &evidence->media_type, &out->value, &size)
                         : read_cbor_record(body, &evidence->media_type, &out->value, &size);

        evidence->value = ATLS_BYTES(out->value, size);
        return again > 0 ? result : again;
    }
    if (result != 0)
        return result;
    if (cmw->form == ATLS_CMW_COLLECTION) {
        evidence->media_type = strdup(type);
    } else {
        struct atls_bytes own = atls_cmw_media_type(cmw);

        evidence->media_type = strndup(own.size > 0 ? (const char *)own.data : "", own.size);
        evidence->value = cmw->value;
    }
    return evidence->media_type ? 0 : -ENOMEM;
}

static bool begins_a_cmw(struct atls_bytes in)
{
    enum atls_serialization serialization;
    uint8_t first = in.data[0];

    return atls_cmw_sniff(in, &serialization) == 0 &&
           (first != 0x80 && first != 0x84); /* an array of another size */
}

static void refuse_cmw(const struct atls_request *request, int error,
                       struct atls_response *response)
{
    if (error < 0)
        atls_answer_problem(response, 500, NULL, "%s", atls_error_text());
    else if (!begins_a_cmw(request->body))
        atls_answer_problem(response, 400, NULL,
                            "could not unwrap the CMW: unknown start symbol for CMW: [0x%02x ...]",
                            request->body.data[0]);
    else
        atls_answer_problem(response, 400, NULL, "could not unwrap the CMW: %s", atls_error_text());
}

/* Veraison advertises more schemes than there are here. */
static bool find_format(struct atls_evidence *evidence, const char *listed,
                        struct atls_response *response)
{
    const char *reason = NULL;
    struct atls_evidence found;
    int result = atls_evidence_unwrap(
        strcmp(listed, ATLS_VERAISON_MT_PSA_LEGACY) == 0 ? ATLS_MT_PSA_TOKEN : listed,
        evidence->value, &found, &reason);

    if (result == 0) {
        evidence->format = found.format;
        atls_evidence_clear(&found);
        return true;
    }
    if (result < 0)
        atls_answer_problem(response, 500, NULL, "%s", atls_error_text());
    else
        atls_answer_problem(response, 501, NULL,
                            "Veraison has a scheme for %.200s, this verifier that stands in for it "
                            "has none",
                            listed);
    return false;
}

bool atls_veraison_unwrap(const struct atls_api *api, const struct atls_request *request,
                          struct atls_veraison_evidence *evidencep, struct atls_response *response)
{
    const char *type = request->content_type ? request->content_type : "", *flaw = NULL, *listed;
    const char *cmw_type = atls_evidence_cmw_type(atls_bytes_of_text(type));
    struct atls_veraison_evidence out = {.evidence.value = request->body};
    int result = 0;

    if (cmw_type && strcmp(type, cmw_type) == 0) { /* letter for letter */
        result = unwrap_cmw(request->body, type, &out);
    } else {
        out.evidence.media_type = strdup(type);
        if (!out.evidence.media_type)
            result = atls_fail(-ENOMEM, NULL, "no memory for evidence");
    }
    flaw = result == 0 ? atls_veraison_type_flaw(out.evidence.media_type) : NULL;
    listed = result == 0 && !flaw ? atls_veraison_type(false, out.evidence.media_type) : NULL;
    if (result != 0) {
        refuse_cmw(request, result, response);
    } else if (flaw) {
        atls_answer_problem(response, 400, NULL,
                            "could not check media type with verifier: invalid input parameter: "
                            "validation failed for  (%s)",
                            flaw);
    } else if (!listed) {
        atls_answer_problem(response, 415, NULL, "no active plugin found for %.300s",
                            out.evidence.media_type);
        atls_answer_accept(response, atls_evidence_types(api));
    } else if (find_format(&out.evidence, listed, response)) {
        out.is_looked_up = strcmp(listed, out.evidence.media_type) == 0;
        *evidencep = out;
        return true;
    }
    atls_veraison_evidence_clear(&out);
    return false;
}

/* ATLS_E_MISMATCH: it is no PSA profile's; the text has it in numbers (X.690 section 8.19). */
static int read_oid(struct atls_cbor_reader *r)
{
    char text[200] = "";
    struct atls_bytes oid;
    uint64_t arc = 0;
    size_t used = 0;
    int result = atls_cbor_read_bytes(r, "profile", &oid);

    for (size_t i = 0; result == 0 && i < oid.size && used < sizeof text; i++) {
        arc = arc << 7 | (oid.data[i] & 0x7f);
        if (oid.data[i] & 0x80)
            continue;
        if (used == 0) { /* the first two in one */
            uint64_t first = arc < 80 ? arc / 40 : 2;

            used = (size_t)snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)first,
                                    (unsigned long long)(arc - 40 * first));
        } else {
            used +=
                (size_t)snprintf(text + used, sizeof text - used, ".%llu", (unsigned long long)arc);
        }
        arc = 0;
    }
    return result ? result : atls_fail(ATLS_E_MISMATCH, NULL, "%s", text);
}

/* The profile that a CoRIM names: its text, or Veraison's words why there is none. */
static int read_profile(const struct atls_manners *as, struct atls_cbor_reader *r,
                        struct atls_bytes *profilep)
{
    bool is_tagged = atls_cbor_peek(r) == ATLS_CBOR_TAG;
    uint64_t tag = 0;
    int result = is_tagged ? atls_cbor_read_tag(r, "profile", &tag) : 0;

    if (result == 0 && tag == TAG_OID)
        return read_oid(r);
    if (!is_tagged && as->corim == ATLS_CORIM_MAIN)
        return atls_fail(ATLS_E_MALFORMED, NULL,
                         "cbor: cannot unmarshal %s into Go struct field struct { Profile "
                         "*corim.Profile \"cbor:\\\"3,keyasint,omitempty\\\"\" }.3 of type "
                         "corim.IProfileValue",
                         atls_cbor_peek(r) == ATLS_CBOR_ARRAY ? "array" : "UTF-8 text string");
    if (is_tagged && as->corim != ATLS_CORIM_MAIN)
        return atls_fail(ATLS_E_MALFORMED, NULL, "unexpected type for profile: cbor.Tag");
    return result ? result : atls_cbor_read_text(r, "profile", profilep);
}

static int check_tag(struct atls_bytes in)
{
    if (in.size < 3)
        return atls_fail(ATLS_E_MALFORMED, NULL, "input too short");
    if (memcmp(in.data, UNSIGNED, 3) != 0)
        return atls_fail(ATLS_E_MALFORMED, NULL, "did not see unsigned CoRIM tag");
    return 0;
}

/* In a CoRIM with or without its tag. */
static int find_profile(const struct atls_manners *as, struct atls_bytes in,
                        struct atls_bytes *profilep)
{
    struct atls_cbor_reader r;
    uint64_t tag;
    size_t left = 0;
    int64_t key;
    int result = atls_cbor_open(&r, in, &atls_cbor_lenient, "draft-ietf-rats-corim section 4.1");

    if (result == 0 && atls_cbor_peek(&r) == ATLS_CBOR_TAG)
        result = atls_cbor_read_tag(&r, "CoRIM", &tag);
    if (result == 0)
        result = atls_cbor_read_map(&r, "CoRIM", &left);
    while (result == 0 && atls_cbor_next(&r, &left)) {
        result = atls_cbor_read_int(&r, "key of CoRIM", &key);
        if (result == 0 && key == KEY_PROFILE)
            return read_profile(as, &r, profilep);
        if (result == 0)
            result = atls_cbor_skip(&r);
    }
    return result ? result : atls_fail(ATLS_E_MISSING, NULL, RPC_FAILED "profile not set in CoRIM");
}

/* The profile in the media type, between its quotes. */
static struct atls_bytes profile_of_type(const char *listed)
{
    const char *from = strchr(listed, '"') + 1;

    return ATLS_BYTES(from, strlen(from) - 1);
}

static int check_profile(const struct atls_manners *as, const char *listed, struct atls_bytes in)
{
    struct atls_bytes expected = profile_of_type(listed), came = {0};
    char oid[200];
    int result = check_tag(in);

    if (result == 0)
        result = find_profile(as, in, &came);

    if (result == ATLS_E_MISMATCH) {
        snprintf(oid, sizeof oid, "%s", atls_error_text());
        came = atls_bytes_of_text(oid);
    }
    if (result != 0 && result != ATLS_E_MISMATCH)
        return result;
    if (atls_bytes_equal(expected, came))
        return 0;
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     RPC_FAILED "CoRIM profile (%.*s) does not match media type profile (%.*s)",
                     came.size < 200 ? (int)came.size : 200, (const char *)came.data,
                     (int)expected.size, (const char *)expected.data);
}

/* What Veraison checks a signature with are a chain of certificates in the CoRIM and the CAs of its
 * configuration, of which there are none here: there is no signer to be believed. */
static int open_signed(const struct atls_manners *as, struct atls_bytes in)
{
    struct atls_corim_signed corim = {0};
    struct atls_bytes profile;
    char text[300];
    const char *inside = "";
    int result = atls_corim_signed_parse(in, &corim);

    if (result == 0) {
        const struct atls_bytes payload = corim.message.payload;

        result = payload.size < 3 ? 0 : find_profile(as, payload, &profile);
        if (result == ATLS_E_MISSING || result == ATLS_E_MISMATCH)
            result = 0; /* the signature comes first */
        if (result == 0 && check_tag(payload) != 0) {
            inside = "failed CBOR decoding of unsigned CoRIM: ";
            result = ATLS_E_MALFORMED;
        }
    }
    snprintf(text, sizeof text, "%s", atls_error_text());
    atls_corim_signed_clear(&corim);
    if (result < 0)
        return result;
    if (result > 0)
        return atls_fail(result, NULL, "failed to parse signed CoRIM: %s%s", inside, text);
    return atls_fail(ATLS_E_UNTRUSTED, NULL, "no signing certificate found in the CoRIM");
}

/* Veraison stores documents, not what is in them. So another key of a device is taken, and is then
 * one too many: it need not be stored, for nothing of that device is appraised any more. */
static int add(const struct atls_api *api, struct atls_bytes in)
{
    struct atls_corim corim = {0};
    bool another_key = false;
    int result = atls_corim_parse_lax(in, &corim);

    if (result != 0)
        return result;
    result = atls_manifests_add(api->manifests, api->crypto, in, &corim);
    if (result == 0) {
        result = api->store->ops->add(api->store, &corim);
        another_key = result == ATLS_E_MISMATCH;
    }
    if (another_key) {
        size_t anchors = corim.trust_anchor_count;

        corim.trust_anchor_count = 0;
        result = api->store->ops->add(api->store, &corim);
        corim.trust_anchor_count = anchors;
    }
    atls_corim_clear(&corim);
    return result;
}

static int import(const struct atls_api *api, const struct atls_request *request,
                  const char *listed)
{
    bool is_signed = strncmp(listed, "application/rim+cose", strlen("application/rim+cose")) == 0;
    struct atls_bytes in = request->body;
    int result = is_signed ? open_signed(api->as, in) : 0;

    if (result == 0)
        result = check_profile(api->as, listed, in);
    if (result == 0 && strcmp(listed, request->content_type) != 0)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         RPC_FAILED "implementation providing \"%s\" with interface "
                                    "ISchemeHandler not found",
                         request->content_type);
    return result ? result : add(api, in);
}

static void answer_import(const struct atls_api *api, int result, struct atls_response *response)
{
    int64_t now = api->clock.now(api->clock.context);
    json_t *json = json_pack("{s:s, s:o}", "status", result ? "failed" : "success", "expiry",
                             atls_veraison_time(now - now % 1000, 0));
    char text[600], printable[sizeof text];

    if (result) {
        snprintf(text, sizeof text, SUBMIT_FAILED "%s", atls_error_text());
        atls_printable(text, strlen(text), printable, sizeof printable);
        atls_json_add(&json, "failure-reason", json_string(printable));
    }
    atls_answer_json(response, 200, ATLS_SUBMIT_TYPE, json);
}

void atls_veraison_endorse(const struct atls_api *api, const struct atls_request *request,
                           struct atls_response *response)
{
    const char *type = request->content_type ? request->content_type : "";
    const char *flaw = atls_veraison_type_flaw(type);
    const char *listed = flaw ? NULL : atls_veraison_type(true, type);

    if (!atls_answer_acceptable(request, ATLS_SUBMIT_TYPE, response))
        return;
    if (flaw) {
        atls_answer_problem(response, 400, NULL,
                            "could not check media type with provisioner: invalid input "
                            "parameter: validation failed for %.200s (%s)",
                            type, flaw);
    } else if (!listed) {
        atls_answer_problem(response, 415, NULL, "no active plugin found for %.300s", type);
        atls_answer_accept(response, atls_veraison_types(true, api->crypto));
    } else if (request->body.size == 0) {
        atls_answer_problem(response, 400, NULL, "empty body");
    } else {
        int result = import(api, request, listed);

        if (result < 0)
            atls_answer_problem(response, 500, NULL, "%s", atls_error_text());
        else
            answer_import(api, result, response);
    }
}
