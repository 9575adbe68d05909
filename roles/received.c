/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of received credentials. This endpoint takes only preferred CBOR in the wrapper. No
 * clause asks for it (RFC 8949 section 4.1 leaves it to the protocol): it is what this project's
 * relying parties, and those of its foreign peers, are held to.
 */
#include "roles/received.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"

#define RESULT_CLAUSE "draft-fossati-tls-attestation-07: passport"

void atls_received_clear(struct atls_received *received)
{
    atls_ear_token_clear(&received->token);
    atls_cmw_free(received->cmw);
    free(received->evidence.parsed);
    free(received->issuer);
    *received = (struct atls_received){.cmw = NULL};
}

/* The wrapper's heads; JSON has none. */
static int check_wrapper(struct atls_bytes in, const struct atls_cmw *cmw)
{
    static const struct atls_cbor_rules preferred = {.max_size = ATLS_CMW_MAX_SIZE,
                                                     .max_depth = ATLS_CMW_MAX_DEPTH + 8,
                                                     .max_items = 65536,
                                                     .allow_indefinite = true};
    struct atls_cbor_reader r;

    return cmw->serialization == ATLS_CBOR
               ? atls_cbor_open(&r, in, &preferred, "RFC 8949 section 4.1")
               : 0;
}

/* The one key that the result attests; LEAF where it attests none and need not. */
static int find_key(const struct atls_ear *ear, const struct atls_public_key *leaf,
                    struct atls_received *received, const char **reasonp)
{
    const struct atls_public_key *key = NULL;

    for (size_t i = 0; i < ear->submod_count; i++) {
        const struct atls_ear_submod *submod = &ear->submods[i];
        if (submod->has_key && key && !atls_public_key_equal(key, &submod->key)) {
            return atls_evidence_refuse(
                atls_fail(ATLS_E_MALFORMED, RESULT_CLAUSE, "the result attests more than one key"),
                "malformed-result", reasonp);
        }
        key = submod->has_key ? &submod->key : key;
    }
    received->unnamed = !key && leaf;
    key = received->unnamed ? leaf : key;
    if (!key) {
        return atls_evidence_refuse(
            atls_fail(ATLS_E_MISSING, RESULT_CLAUSE,
                      "expected a result that attests a key (akpub), it names none"),
            "result-without-key", reasonp);
    }
    received->key = *key;
    return 0;
}

bool atls_received_is_result(const struct atls_cmw *cmw)
{
    struct atls_bytes type = atls_cmw_media_type(cmw);
    struct atls_ear ear;

    if (atls_ear_is_type(ATLS_EAR_JWT, type)) {
        return true;
    }
    if (!atls_ear_is_type(ATLS_EAR_CWT, type)) {
        return false;
    }
    if (cmw->indicator) {
        return cmw->indicator & ATLS_IND_ATTESTATION_RESULTS;
    }
    if (atls_ear_read_unverified(cmw->value, &ear)) {
        return false;
    }
    atls_ear_clear(&ear);
    return true;
}

static int refuse_type(const char *came, const char **reasonp)
{
    return atls_evidence_refuse(atls_fail(ATLS_E_UNSUPPORTED, RESULT_CLAUSE,
                                          "expected an attestation result as " ATLS_MT_EAT_JWT
                                          " or " ATLS_MT_EAT_CWT ", came %s",
                                          came),
                                "malformed-result", reasonp);
}

/* Is it what its type says, as far as that says something? */
static int check_type(const struct atls_received *received, const struct atls_ear *ear)
{
    enum atls_ear_serialization serialization = received->token.serialization;
    struct atls_bytes type = atls_cmw_media_type(received->cmw);
    const char *full = atls_ear_media_type(serialization, ear->dialect);

    if (!type.data || !memchr(type.data, ';', type.size) ||
        atls_media_type_equal(type, atls_bytes_of_text(full))) {
        return 0;
    }
    return atls_fail(ATLS_E_MALFORMED, "RFC 9782 section 3",
                     "expected a result of the type %s, by its own eat_profile, came it as %.*s",
                     full, (int)(type.size < 120 ? type.size : 120), (const char *)type.data);
}

static int parse_result(struct atls_received *received, const struct atls_public_key *leaf,
                        const char **reasonp)
{
    const struct atls_cmw *cmw = received->cmw;
    struct atls_bytes type = atls_cmw_media_type(cmw);
    bool jwt = atls_ear_is_type(ATLS_EAR_JWT, type), cwt = atls_ear_is_type(ATLS_EAR_CWT, type);
    struct atls_ear ear;
    int result;

    if ((!jwt && !cwt) || (cmw->indicator && !(cmw->indicator & ATLS_IND_ATTESTATION_RESULTS))) {
        return refuse_type("another CMW", reasonp);
    }
    if (cwt != (atls_ear_serialization_of(cmw->value) == ATLS_EAR_CWT)) {
        return refuse_type(cwt ? "as the second what is no CBOR" : "as the first what is no text",
                           reasonp);
    }
    received->result = cmw->value;
    result = atls_ear_token_parse(cmw->value, &received->token);
    if (!result && atls_ear_token_is_unsecured(&received->token)) {
        return atls_evidence_refuse(atls_fail(ATLS_E_SIGNATURE, "RFC 8725 section 3.2",
                                              "expected a signed result, came one with alg none"),
                                    "result-signature-invalid", reasonp);
    }
    result = result ? result : atls_ear_parse_claims(received->token.claims, &ear);
    if (result) {
        return atls_evidence_refuse(result, "malformed-result", reasonp);
    }
    result = check_type(received, &ear);
    result = result ? atls_evidence_refuse(result, "malformed-result", reasonp)
                    : find_key(&ear, leaf, received, reasonp);
    if (!result) {
        received->issuer = ear.issuer;
        ear.issuer = NULL;
    }
    atls_ear_clear(&ear);
    return result;
}

static int read_evidence(const struct atls_evidence_format *format,
                         const struct atls_evidence_message *message,
                         struct atls_evidence_read *readp, const char **reasonp)
{
    *readp = (struct atls_evidence_read){.format = format, .value = message->value};
    return format->read(message, readp, reasonp);
}

static int check_indicator(const struct atls_evidence_format *format, const struct atls_cmw *cmw,
                           const char **reasonp)
{
    if (format->wrapping != ATLS_IN_CMW || !cmw->indicator ||
        (cmw->indicator & ATLS_IND_EVIDENCE)) {
        return 0;
    }
    return atls_evidence_refuse(
        atls_fail(ATLS_E_UNSUPPORTED, "RFC 9999 section 3.1",
                  "expected evidence (ind 4), the record says that it is none"),
        "malformed-cmw", reasonp);
}

/* By its type; what has none of those types was to be of the first format, which says what is wrong
 * with it. Evidence that names no key needs the leaf's. */
static int parse_evidence(struct atls_received *received, const struct atls_public_key *leaf,
                          struct atls_bytes in, const char **reasonp)
{
    const struct atls_cmw *cmw = received->cmw;
    bool collection = cmw->form == ATLS_CMW_COLLECTION;
    const struct atls_evidence_format *format = atls_evidence_format_of_cmw(cmw, true);

    if (!format || (!format->key_in && !leaf)) {
        format = atls_evidence_formats[0];
    }
    int result = check_indicator(format, cmw, reasonp);
    struct atls_evidence_message message = {cmw, collection ? in : cmw->value};
    result = result ? result : read_evidence(format, &message, &received->evidence, reasonp);
    if (!result) {
        received->key = leaf && !format->key_in ? *leaf : received->evidence.key;
    }
    return result;
}

/* A CMW of FORMAT; OTHER is what could have come in its place. */
static int parse_in_cmw(const struct atls_evidence_format *format,
                        const struct atls_evidence_format *other, struct atls_bytes in,
                        struct atls_received *received, const char **reasonp)
{
    enum atls_serialization serialization;
    int result = atls_cmw_sniff(in, &serialization);

    if (result || serialization != ATLS_CBOR) {
        char first[] = "00";
        snprintf(first, sizeof first, "%02x", in.size ? in.data[0] : 0);
        return atls_evidence_refuse(
            atls_fail(ATLS_E_MALFORMED, "RFC 9999 section 3.4",
                      "expected %s, or a CMW in CBOR with %s, came %s%s", other->what, format->what,
                      in.size ? "what begins with the byte " : "nothing", in.size ? first : ""),
            "malformed-cmw", reasonp);
    }
    result = atls_cmw_parse_as(ATLS_CBOR, in, &received->cmw);
    result = result ? result : check_wrapper(in, received->cmw);
    if (!result && atls_evidence_format_of_cmw(received->cmw, true) != format) {
        result = atls_fail(ATLS_E_UNSUPPORTED, "RFC 9999 section 3",
                           "expected %s, or a CMW of the type %s, came a CMW of another type",
                           other->what, format->record_type);
    }
    if (result) {
        return atls_evidence_refuse(result, "malformed-cmw", reasonp);
    }
    result = check_indicator(format, received->cmw, reasonp);
    struct atls_evidence_message message = {received->cmw, received->cmw->value};
    return result ? result : read_evidence(format, &message, &received->evidence, reasonp);
}

int atls_received_parse_format(const struct atls_evidence_format *format,
                               const struct atls_evidence_format *in_cmw, struct atls_bytes in,
                               struct atls_received *receivedp, const char **reasonp)
{
    struct atls_received received = {.cmw = NULL};
    struct atls_evidence_message message = {NULL, in};
    int result = in_cmw && !format->is(in)
                     ? parse_in_cmw(in_cmw, format, in, &received, reasonp)
                     : read_evidence(format, &message, &received.evidence, reasonp);

    if (result) {
        atls_received_clear(&received);
        return result;
    }
    received.key = received.evidence.key;
    *receivedp = received;
    return 0;
}

int atls_received_parse(enum atls_model model, struct atls_bytes in,
                        struct atls_received *receivedp, const char **reasonp)
{
    return atls_received_parse_beside(model, NULL, false, in, receivedp, reasonp);
}

int atls_received_parse_beside(enum atls_model model, const struct atls_public_key *leaf,
                               bool unnamed, struct atls_bytes in, struct atls_received *receivedp,
                               const char **reasonp)
{
    struct atls_received received = {.cmw = NULL};
    int result = atls_cmw_parse(in, &received.cmw);

    if (result) {
        return atls_evidence_refuse(result, "malformed-cmw", reasonp);
    }
    result = check_wrapper(in, received.cmw);
    if (result) {
        atls_received_clear(&received);
        return atls_evidence_refuse(result, "malformed-cmw", reasonp);
    }
    result = model == ATLS_MODEL_PASSPORT ? parse_result(&received, unnamed ? leaf : NULL, reasonp)
                                          : parse_evidence(&received, leaf, in, reasonp);
    if (result) {
        atls_received_clear(&received);
        return result;
    }
    *receivedp = received;
    return 0;
}
