/* SPDX-License-Identifier: Apache-2.0 */
/* Taking posted evidence apart, up to the point where appraisal begins. */
#include "verifier-stub/appraisal/evidence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/cose/cose.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/prototype.h"

/* Exactly Veraison's list of the PSA_IOT scheme, then its CMW types (a client that reads the list
 * must find the one it sends). */
const char *const atls_evidence_media_types[] = {
    ATLS_MT_PSA_TOKEN,
    ATLS_MT_PSA_VERAISON,
    ATLS_MT_PSA_RFC9783,
    ATLS_MT_CMW_CBOR,
    ATLS_MT_CMW_JSON,
    ATLS_MT_CMW,
    "application/vnd.veraison.cmw",
    "application/vnd.veraison.cmw+cbor",
    "application/vnd.veraison.cmw+json",
};
const size_t atls_evidence_media_types_count =
    sizeof atls_evidence_media_types / sizeof *atls_evidence_media_types;
#define FIRST_CMW_TYPE 3 /* those before are types of evidence */

const char *atls_evidence_scheme(enum atls_evidence_kind kind)
{
    switch (kind) {
    case ATLS_EVIDENCE_CAB:
        return "PSA_KAT";
    case ATLS_EVIDENCE_PROTOTYPE:
        return "PSA_KAT_PROTOTYPE";
    case ATLS_EVIDENCE_PSA:
        break;
    }
    return "PSA_IOT";
}

void atls_evidence_clear(struct atls_evidence *evidence)
{
    atls_cmw_free(evidence->cmw);
    free(evidence->media_type);
    *evidence = (struct atls_evidence){0};
}

static int advertised_index(struct atls_bytes media_type)
{
    for (size_t i = 0; i < atls_evidence_media_types_count; i++) {
        if (atls_media_type_equal(media_type, atls_bytes_of_text(atls_evidence_media_types[i])))
            return (int)i;
    }
    return -1;
}

/* A record's or a tag's type may be a content format: it means the media type it stands for. */
static const char *psa_type_of(const struct atls_cmw *cmw)
{
    for (size_t i = 0; i < FIRST_CMW_TYPE; i++) {
        if (atls_cmw_type_is(cmw, atls_evidence_media_types[i]))
            return atls_evidence_media_types[i];
    }
    return NULL;
}

static int unwrap_collection(const char *content_type, struct atls_bytes body,
                             struct atls_evidence *evidence)
{
    struct atls_bytes type = evidence->cmw->collection_type;

    if (!atls_bytes_is_text(type, ATLS_CAB_TYPE))
        return atls_fail(ATLS_E_UNSUPPORTED, "draft-bft-rats-kat-06 section 5",
                         "CMW collection: expected type \"%s\", came \"%.*s\"", ATLS_CAB_TYPE,
                         type.size < 200 ? (int)type.size : 200, (const char *)type.data);
    evidence->kind = ATLS_EVIDENCE_CAB;
    evidence->value = body;
    evidence->media_type = strdup(content_type);
    return 0;
}

static int unwrap_cmw(const char *content_type, struct atls_bytes body,
                      struct atls_evidence *evidence, const char **reasonp)
{
    const char *type;
    int result = atls_cmw_parse(body, &evidence->cmw);

    if (result != 0) {
        struct atls_cbor_reader reader;
        bool cbor = body.size > 0 && body.data[0] >= 0x80; /* JSON begins with [ or { */

        if (result > 0)
            *reasonp = cbor && atls_cbor_open(&reader, body, NULL, "RFC 8949") > 0
                           ? "malformed-cbor"
                           : "malformed-cmw";
        return result < 0 ? result : ATLS_E_MALFORMED;
    }
    if (evidence->cmw->form == ATLS_CMW_COLLECTION)
        return unwrap_collection(content_type, body, evidence);
    type = psa_type_of(evidence->cmw);
    if (!type)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "no appraisal for the type in this CMW");
    evidence->kind = ATLS_EVIDENCE_PSA;
    evidence->value = evidence->cmw->value;
    evidence->media_type = strdup(type);
    return 0;
}

int atls_evidence_unwrap(const char *content_type, struct atls_bytes body,
                         struct atls_evidence *evidencep, const char **reasonp)
{
    struct atls_evidence evidence = {0};
    const char *reason = "malformed-cmw";
    struct atls_bytes type;
    int index, error = 0;

    if (!content_type)
        content_type = "";
    type = atls_bytes_of_text(content_type);
    if (!atls_media_type_valid(type)) {
        *reasonp = NULL; /* the request is at fault, not the evidence */
        return atls_fail(ATLS_E_MALFORMED, "RFC 9110 section 8.3.1", "not a media type: \"%.200s\"",
                         content_type);
    }
    index = advertised_index(type);
    if (index < 0)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "no active plugin found for %.200s",
                         content_type);
    if (strcmp(atls_evidence_media_types[index], ATLS_MT_CMW) == 0 && body.size > 0 &&
        body.data[0] == ATLS_PROTOTYPE_VERSION) {
        evidence.kind = ATLS_EVIDENCE_PROTOTYPE;
        evidence.value = body;
        evidence.media_type = strdup(content_type);
    } else if (index >= FIRST_CMW_TYPE) {
        error = unwrap_cmw(content_type, body, &evidence, &reason);
    } else {
        evidence.kind = ATLS_EVIDENCE_PSA;
        evidence.value = body;
        evidence.media_type = strdup(content_type);
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

int atls_evidence_cab(const struct atls_evidence *evidence, struct atls_cab *cabp)
{
    return evidence->kind == ATLS_EVIDENCE_PROTOTYPE
               ? atls_prototype_bundle_parse(evidence->value, cabp)
               : atls_cab_parse(evidence->cmw, cabp);
}

int atls_evidence_digest(const struct atls_evidence *evidence, const struct atls_crypto *crypto,
                         uint8_t digestp[ATLS_EVIDENCE_DIGEST_SIZE])
{
    uint8_t boundary[4] = {0};
    struct atls_sink sink = atls_sink_of(boundary, sizeof boundary);
    struct atls_bytes parts[3] = {ATLS_BYTES(boundary, sizeof boundary), evidence->value, {0}};
    struct atls_cose_sign1 token;
    struct atls_cab cab;

    if (evidence->kind != ATLS_EVIDENCE_PSA && atls_evidence_cab(evidence, &cab) == 0) {
        atls_sink_u32(&sink, (uint32_t)cab.kat.payload.size);
        parts[1] = cab.kat.payload;
        parts[2] = cab.pat.payload;
    } else if (evidence->kind == ATLS_EVIDENCE_PSA &&
               atls_cose_sign1_parse(evidence->value, ATLS_COSE_TAG_EITHER, NULL, &token) == 0) {
        parts[1] = token.payload;
    }
    return crypto->hash(ATLS_SHA256, parts, 3, digestp);
}
