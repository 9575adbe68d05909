/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of the negotiation's hello extensions: readers and writers over a layout. */
#include "tls/wire/hello-extensions.h"

#include <stdio.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"

#define LIST_MAX 255
#define ENCODING_CONTENT_FORMAT 0
#define ENCODING_MEDIA_TYPE 1
#define MEDIA_TYPE_MAX 251 /* with its length and two leading octets it fills a list */

const struct atls_hello_layout atls_layout_ta_02 = {
    .clause = "draft-fossati-tls-attestation-02 section 6",
    .lead = {ATLS_OCTET_TYPE_ENCODING, ATLS_OCTET_NONE},
    .nonce_least = 0,
    .nonce_most = 255,
};
const struct atls_hello_layout atls_layout_ta_03 = {
    .clause = "draft-fossati-tls-attestation-03 section 6",
    .lead = {ATLS_OCTET_TYPE_ENCODING, ATLS_OCTET_CREDENTIAL_KIND},
    .nonce_least = 0,
    .nonce_most = 255,
};
const struct atls_hello_layout atls_layout_ta_07 = {
    .clause = "draft-fossati-tls-attestation-07 section 6",
    .lead = {ATLS_OCTET_CREDENTIAL_KIND, ATLS_OCTET_TYPE_ENCODING},
    .nonce_least = 8,
    .nonce_most = 255,
};
const struct atls_hello_layout atls_layout_poc = {
    .clause = "prototype of 2022, after draft-fossati-tls-attestation-02 section 6",
    .lead = {ATLS_OCTET_TYPE_ENCODING, ATLS_OCTET_NONE},
    .nonce_least = 0,
    .nonce_most = 32,
};
const struct atls_hello_layout atls_layout_seat_04 = {
    .clause = "draft-fossati-seat-early-attestation-04 section 6",
    .lead = {ATLS_OCTET_TYPE_ENCODING, ATLS_OCTET_NONE},
    .nonce_least = 0,
    .nonce_most = 0,
};

bool atls_evidence_type_equal(const struct atls_evidence_type *a,
                              const struct atls_evidence_type *b)
{
    if (a->credential_kind != b->credential_kind || a->is_content_format != b->is_content_format)
        return false;
    return a->is_content_format ? a->content_format == b->content_format
                                : atls_bytes_equal(a->media_type, b->media_type);
}

static struct atls_bytes name_of(const struct atls_evidence_type *type)
{
    if (!type->is_content_format)
        return type->media_type;
    const struct atls_media_type *known = atls_media_type_by_content_format(type->content_format);
    return known ? atls_bytes_of_text(known->name) : ATLS_BYTES(NULL, 0);
}

bool atls_evidence_type_equivalent(const struct atls_evidence_type *a,
                                   const struct atls_evidence_type *b)
{
    if (atls_evidence_type_equal(a, b))
        return true;
    if (a->credential_kind != b->credential_kind || (a->is_content_format && b->is_content_format))
        return false;
    struct atls_bytes first = name_of(a), second = name_of(b);
    return first.size > 0 && second.size > 0 && atls_media_type_equal(first, second);
}

int atls_evidence_type_parse(const char *text, struct atls_evidence_type *typep)
{
    struct atls_evidence_type type = {.credential_kind = ATLS_KIND_ATTESTATION};
    if (strncmp(text, "cf:", 3) == 0) {
        uint64_t number;
        if (atls_parse_number(text + 3, "content format", 0, UINT16_MAX, &number) != 0)
            return ATLS_E_MALFORMED;
        type.is_content_format = true;
        type.content_format = (uint16_t)number;
    } else {
        type.media_type = atls_bytes_of_text(text);
        if (atls_media_type_check(type.media_type))
            return atls_fail(ATLS_E_MALFORMED, "RFC 9193 section 6",
                             "evidence type \"%s\" is neither cf:N nor a media type: %s", text,
                             atls_error_text());
        if (type.media_type.size > MEDIA_TYPE_MAX)
            return atls_fail(ATLS_E_LIMIT, atls_layout_ta_07.clause,
                             "an evidence type has at most %d bytes, this one %zu", MEDIA_TYPE_MAX,
                             type.media_type.size);
    }
    *typep = type;
    return 0;
}

void atls_evidence_type_print(const struct atls_evidence_type *type, char *text, size_t size)
{
    if (type->is_content_format)
        snprintf(text, size, "cf:%u", type->content_format);
    else
        snprintf(text, size, "%.*s", (int)type->media_type.size,
                 type->media_type.data ? (const char *)type->media_type.data : "");
}

int atls_read_evidence_type(const struct atls_hello_layout *layout, struct atls_cursor *c,
                            struct atls_evidence_type *typep)
{
    struct atls_evidence_type type = {.credential_kind = ATLS_KIND_ATTESTATION};
    uint8_t encoding = 0;
    for (size_t i = 0; i < 2; i++) {
        int result = 0;
        if (layout->lead[i] == ATLS_OCTET_CREDENTIAL_KIND)
            result = atls_cursor_u8(c, "credential_kind", &type.credential_kind);
        else if (layout->lead[i] == ATLS_OCTET_TYPE_ENCODING)
            result = atls_cursor_u8(c, "type_encoding", &encoding);
        if (result != 0)
            return result;
    }
    int result;
    if (encoding == ENCODING_CONTENT_FORMAT) {
        type.is_content_format = true;
        result = atls_cursor_u16(c, "content_format", &type.content_format);
    } else if (encoding == ENCODING_MEDIA_TYPE) {
        result = atls_cursor_vector(c, "media_type", 2, 0, UINT16_MAX, &type.media_type);
    } else {
        result =
            atls_fail(ATLS_E_MALFORMED, layout->clause,
                      "type_encoding is CONTENT_FORMAT (0) or MEDIA_TYPE (1), came %u", encoding);
    }
    if (result == 0)
        *typep = type;
    return result;
}

static int read_nonce(const struct atls_hello_layout *layout, struct atls_cursor *c,
                      struct atls_bytes *noncep)
{
    struct atls_bytes nonce;
    int result = atls_cursor_vector(c, "nonce", 1, 0, ATLS_WIRE_NONCE_MAX, &nonce);
    if (result != 0)
        return result;
    if (nonce.size < layout->nonce_least || nonce.size > layout->nonce_most)
        return atls_fail(ATLS_E_LIMIT, layout->clause, "a nonce has %zu to %zu bytes, this one %zu",
                         layout->nonce_least, layout->nonce_most, nonce.size);
    *noncep = nonce;
    return 0;
}

int atls_read_evidence_offer(const struct atls_hello_layout *layout, struct atls_bytes body,
                             struct atls_evidence_types *typesp, struct atls_bytes *noncep)
{
    struct atls_cursor c = atls_cursor_of(body, layout->clause);
    struct atls_bytes list;
    int result = atls_cursor_vector(&c, "evidence types", 1, 1, LIST_MAX, &list);
    if (result != 0)
        return result;
    struct atls_evidence_types types = {.count = 0};
    struct atls_cursor in = atls_cursor_of(list, layout->clause);
    while (in.left > 0) {
        if (types.count == ATLS_EVIDENCE_TYPES_MAX)
            return atls_fail(ATLS_E_LIMIT, layout->clause, "more than %d evidence types",
                             ATLS_EVIDENCE_TYPES_MAX);
        result = atls_read_evidence_type(layout, &in, &types.type[types.count]);
        if (result != 0)
            return result;
        types.count++;
    }
    struct atls_bytes nonce = {NULL, 0};
    if (noncep && layout->nonce_most > 0)
        result = read_nonce(layout, &c, &nonce);
    if (result == 0)
        result = atls_cursor_end(&c, "evidence extension of a ClientHello");
    if (result != 0)
        return result;
    *typesp = types;
    if (noncep)
        *noncep = nonce;
    return 0;
}

int atls_read_evidence_selection(const struct atls_hello_layout *layout, struct atls_bytes body,
                                 struct atls_evidence_type *typep, struct atls_bytes *noncep)
{
    struct atls_cursor c = atls_cursor_of(body, layout->clause);
    struct atls_evidence_type type;
    struct atls_bytes nonce = {NULL, 0};
    int result = atls_read_evidence_type(layout, &c, &type);
    if (result == 0 && noncep && layout->nonce_most > 0)
        result = read_nonce(layout, &c, &nonce);
    if (result == 0)
        result = atls_cursor_end(&c, "evidence extension of EncryptedExtensions");
    if (result != 0)
        return result;
    *typep = type;
    if (noncep)
        *noncep = nonce;
    return 0;
}

int atls_read_verifier_offer(const struct atls_hello_layout *layout, struct atls_bytes body,
                             struct atls_verifier_ids *idsp)
{
    struct atls_cursor c = atls_cursor_of(body, layout->clause);
    struct atls_bytes list;
    int result = atls_cursor_vector(&c, "trusted_verifiers", 1, 1, LIST_MAX, &list);
    if (result == 0)
        result = atls_cursor_end(&c, "results extension of a ClientHello");
    if (result != 0)
        return result;
    struct atls_verifier_ids ids = {.count = 0};
    struct atls_cursor in = atls_cursor_of(list, layout->clause);
    while (in.left > 0) {
        if (ids.count == ATLS_VERIFIERS_MAX)
            return atls_fail(ATLS_E_LIMIT, layout->clause, "more than %d verifiers",
                             ATLS_VERIFIERS_MAX);
        result = atls_cursor_vector(&in, "verifier_identity", 2, 0, UINT16_MAX, &ids.id[ids.count]);
        if (result != 0)
            return result;
        ids.count++;
    }
    *idsp = ids;
    return 0;
}

int atls_read_verifier_selection(const struct atls_hello_layout *layout, struct atls_bytes body,
                                 struct atls_bytes *idp)
{
    struct atls_cursor c = atls_cursor_of(body, layout->clause);
    struct atls_bytes id;
    int result = atls_cursor_vector(&c, "verifier_identity", 2, 0, UINT16_MAX, &id);
    if (result == 0)
        result = atls_cursor_end(&c, "results extension of EncryptedExtensions");
    if (result == 0)
        *idp = id;
    return result;
}

void atls_write_evidence_type(const struct atls_hello_layout *layout,
                              const struct atls_evidence_type *type, struct atls_sink *sink)
{
    for (size_t i = 0; i < 2; i++) {
        if (layout->lead[i] == ATLS_OCTET_CREDENTIAL_KIND)
            atls_sink_u8(sink, type->credential_kind);
        else if (layout->lead[i] == ATLS_OCTET_TYPE_ENCODING)
            atls_sink_u8(sink,
                         type->is_content_format ? ENCODING_CONTENT_FORMAT : ENCODING_MEDIA_TYPE);
    }
    if (type->is_content_format)
        atls_sink_u16(sink, type->content_format);
    else
        atls_sink_vector(sink, 2, type->media_type);
}

/* Gives the list its length octet; what was collected may be too long, or nothing. */
static int write_list(const char *what, const struct atls_sink *list, struct atls_sink *sink)
{
    struct atls_bytes bytes;
    if (atls_sink_done(list, &bytes) != 0 || bytes.size == 0)
        return atls_fail(ATLS_E_LIMIT, "draft-fossati-tls-attestation-07 section 6",
                         "a list of %s has 1 to %d bytes", what, LIST_MAX);
    atls_sink_vector(sink, 1, bytes);
    return 0;
}

static int done(const char *what, const struct atls_sink *sink)
{
    if (sink->overflow)
        return atls_fail(ATLS_E_LIMIT, "draft-fossati-tls-attestation-07 section 6",
                         "%s does not fit into %zu bytes", what, sink->capacity);
    return 0;
}

int atls_write_evidence_offer(const struct atls_hello_layout *layout,
                              const struct atls_evidence_type *types, size_t count,
                              const struct atls_bytes *nonce, struct atls_sink *sink)
{
    uint8_t buffer[LIST_MAX];
    struct atls_sink list = atls_sink_of(buffer, sizeof buffer);
    for (size_t i = 0; i < count; i++)
        atls_write_evidence_type(layout, &types[i], &list);
    int result = write_list("evidence types", &list, sink);
    if (result == 0 && nonce)
        atls_sink_vector(sink, 1, *nonce);
    return result != 0 ? result : done("an evidence extension", sink);
}

int atls_write_evidence_selection(const struct atls_hello_layout *layout,
                                  const struct atls_evidence_type *type,
                                  const struct atls_bytes *nonce, struct atls_sink *sink)
{
    atls_write_evidence_type(layout, type, sink);
    if (nonce)
        atls_sink_vector(sink, 1, *nonce);
    return done("an evidence extension", sink);
}

int atls_write_verifier_offer(const struct atls_bytes *ids, size_t count, struct atls_sink *sink)
{
    uint8_t buffer[LIST_MAX];
    struct atls_sink list = atls_sink_of(buffer, sizeof buffer);
    for (size_t i = 0; i < count; i++)
        atls_sink_vector(&list, 2, ids[i]);
    int result = write_list("verifier identities", &list, sink);
    return result != 0 ? result : done("a results extension", sink);
}

int atls_write_verifier_selection(struct atls_bytes id, struct atls_sink *sink)
{
    atls_sink_vector(sink, 2, id);
    return done("a results extension", sink);
}
