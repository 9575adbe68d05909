/* SPDX-License-Identifier: Apache-2.0 */
/* Taking posted evidence apart, up to the point where appraisal begins. */
#include "verifier-stub/appraisal/evidence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"

/* Exactly Veraison's list (a client that reads it must find the one it sends). */
static const char *const cmw_types[] = {
    ATLS_MT_CMW_CBOR,
    ATLS_MT_CMW_JSON,
    ATLS_MT_CMW,
    "application/vnd.veraison.cmw",
    "application/vnd.veraison.cmw+cbor",
    "application/vnd.veraison.cmw+json",
};
#define CMW_TYPES (sizeof cmw_types / sizeof *cmw_types)

const char *atls_evidence_cmw_type(struct atls_bytes type)
{
    for (size_t i = 0; i < CMW_TYPES; i++)
        if (atls_media_type_equal(type, atls_bytes_of_text(cmw_types[i])))
            return cmw_types[i];
    return NULL;
}

const char *atls_evidence_media_type(size_t index)
{
    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const char *const *types = atls_evidence_formats[i]->media_types;
        bool own = atls_evidence_formats[i]->wrapping != ATLS_NO_CMW;

        for (size_t j = 0; own && types && types[j]; j++)
            if (index-- == 0)
                return types[j];
    }
    return index < CMW_TYPES ? cmw_types[index] : NULL;
}

void atls_evidence_clear(struct atls_evidence *evidence)
{
    atls_cmw_free(evidence->cmw);
    free(evidence->media_type);
    *evidence = (struct atls_evidence){0};
}

static int refuse_collection(struct atls_bytes type)
{
    char list[400] = "";
    struct atls_sink sink = atls_sink_of((uint8_t *)list, sizeof list - 1);

    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const char *known = atls_evidence_formats[i]->collection_type;

        if (!known)
            continue;
        atls_sink_bytes(&sink, atls_bytes_of_text(sink.used ? "\" or \"" : "\""));
        atls_sink_bytes(&sink, atls_bytes_of_text(known));
    }
    return atls_fail(ATLS_E_UNSUPPORTED, "draft-bft-rats-kat-06 section 5",
                     "CMW collection: expected type %s\", came \"%.*s\"", list,
                     type.size < 200 ? (int)type.size : 200, (const char *)type.data);
}

/* A record's or a tag's type may be a content format: it means the media type it stands for. */
static const char *type_of(const struct atls_evidence_format *format, const struct atls_cmw *cmw)
{
    const char *const *types = format->media_types;

    while (types[1] && !atls_cmw_type_is(cmw, *types))
        types++;
    return *types;
}

static int unwrap_cmw(const char *content_type, struct atls_bytes body,
                      struct atls_evidence *evidence, const char **reasonp)
{
    int result = atls_cmw_parse(body, &evidence->cmw);

    if (result < 0)
        return result;
    if (result > 0) {
        struct atls_cbor_reader reader;
        bool cbor = body.size > 0 && body.data[0] >= 0x80; /* JSON begins with [ or { */

        *reasonp = cbor && atls_cbor_open(&reader, body, NULL, "RFC 8949") > 0 ? "malformed-cbor"
                                                                               : "malformed-cmw";
        return ATLS_E_MALFORMED;
    }
    evidence->format = atls_evidence_format_of_cmw(evidence->cmw, false);
    if (evidence->cmw->form == ATLS_CMW_COLLECTION) {
        evidence->value = body;
        evidence->media_type = strdup(content_type);
        return evidence->format ? 0 : refuse_collection(evidence->cmw->collection_type);
    }
    if (!evidence->format)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "no appraisal for the type in this CMW");
    evidence->value = evidence->cmw->value;
    evidence->media_type = strdup(type_of(evidence->format, evidence->cmw));
    return 0;
}

/* The format that is posted by itself under this type: where others share it, by its bytes. */
static const struct atls_evidence_format *format_of(struct atls_bytes type, struct atls_bytes body)
{
    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_format *format = atls_evidence_formats[i];

        if ((!format->is || format->is(body)) && atls_evidence_format_media_type(format, type))
            return format;
    }
    return NULL;
}

int atls_evidence_unwrap(const char *content_type, struct atls_bytes body,
                         struct atls_evidence *evidencep, const char **reasonp)
{
    struct atls_evidence evidence = {0};
    const char *reason = "malformed-cmw";
    struct atls_bytes type;
    int error = 0;

    if (!content_type)
        content_type = "";
    type = atls_bytes_of_text(content_type);
    if (!atls_media_type_valid(type)) {
        *reasonp = NULL; /* the request is at fault, not the evidence */
        return atls_fail(ATLS_E_MALFORMED, "RFC 9110 section 8.3.1", "not a media type: \"%.200s\"",
                         content_type);
    }
    evidence.format = format_of(type, body);
    if (evidence.format) {
        evidence.value = body;
        evidence.media_type = strdup(content_type);
    } else if (atls_evidence_cmw_type(type)) {
        error = unwrap_cmw(content_type, body, &evidence, &reason);
    } else {
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "no active plugin found for %.200s",
                         content_type);
    }
    if (error == 0 && !evidence.media_type)
        error = atls_fail(-ENOMEM, NULL, "no memory for evidence");
    if (error != 0) {
        atls_evidence_clear(&evidence);
        if (error == ATLS_E_MALFORMED)
            *reasonp = reason;
        return error;
    }
    *evidencep = evidence;
    return 0;
}

int atls_evidence_digest(const struct atls_evidence *evidence, const struct atls_crypto *crypto,
                         uint8_t digestp[ATLS_EVIDENCE_DIGEST_SIZE])
{
    const struct atls_evidence_message message = {evidence->cmw, evidence->value};
    uint8_t boundary[4] = {0};
    struct atls_sink sink = atls_sink_of(boundary, sizeof boundary);
    struct atls_bytes parts[3] = {ATLS_BYTES(boundary, sizeof boundary), evidence->value, {0}};
    int result = evidence->format->signed_parts
                     ? evidence->format->signed_parts(&message, parts + 1)
                     : ATLS_E_UNSUPPORTED;

    if (result < 0)
        return result;
    atls_sink_u32(&sink, (uint32_t)parts[1].size);
    return crypto->hash(ATLS_SHA256, parts, 3, digestp);
}
