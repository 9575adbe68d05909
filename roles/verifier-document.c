/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of a verifier's JSON. They see bytes from the network: duplicate members are refused,
 * since two readers could take different ones, and every text that is shown is cut to printable
 * characters.
 */
#include "roles/verifier-document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/ear/ear.h"
#include "rats/json/json.h"
#include "rats/json/jws.h"

#define SESSION_CLAUSE "Veraison challenge-response API: session object"
#define DISCOVERY_CLAUSE "Veraison discovery API: verification"

void atls_session_document_clear(struct atls_session_document *document)
{
    json_decref(document->root);
    *document = (struct atls_session_document){.root = NULL};
}

static int parse_status(const json_t *root, enum atls_session_status *statusp)
{
    static const char *const names[] = {"waiting", "processing", "complete", "failed"};
    const char *status = atls_json_text(json_object_get(root, "status"));

    for (size_t i = 0; status && i < sizeof names / sizeof *names; i++) {
        if (strcmp(status, names[i]) == 0) {
            *statusp = (enum atls_session_status)i;
            return 0;
        }
    }
    return atls_fail(ATLS_E_MALFORMED, SESSION_CLAUSE,
                     "status must be waiting, processing, complete or failed, came %.32s",
                     status ? status : "none");
}

static int parse_nonce(const json_t *root, struct atls_session_document *document)
{
    const json_t *nonce = json_object_get(root, "nonce");
    uint8_t *bytes;
    size_t size;

    if (!json_is_string(nonce)) {
        return atls_fail(ATLS_E_MALFORMED, SESSION_CLAUSE, "nonce must be a text");
    }
    int result = atls_base64_decode(ATLS_BASE64_ANY, atls_json_bytes(nonce), &bytes, &size);
    if (result) {
        return result;
    }
    if (size < ATLS_EAT_NONCE_MIN || size > ATLS_EAT_NONCE_MAX) {
        free(bytes);
        return atls_fail(ATLS_E_MALFORMED, SESSION_CLAUSE,
                         "a nonce has 8 to 64 bytes, one of %zu came", size);
    }
    memcpy(document->nonce, bytes, size);
    document->nonce_size = size;
    free(bytes);
    return 0;
}

static int parse_accept(const json_t *root, struct atls_session_document *document)
{
    const json_t *accept = json_object_get(root, "accept"), *type;
    size_t i;

    if (!accept || json_is_null(accept)) {
        return 0;
    }
    if (!json_is_array(accept)) {
        return atls_fail(ATLS_E_MALFORMED, SESSION_CLAUSE, "accept must be an array");
    }
    json_array_foreach(accept, i, type)
    {
        if (!json_is_string(type)) {
            return atls_fail(ATLS_E_MALFORMED, SESSION_CLAUSE, "accept must hold texts only");
        }
    }
    document->accept = accept;
    return 0;
}

static int parse_result(const json_t *root, struct atls_session_document *document)
{
    const json_t *result = json_object_get(root, "result");

    if (document->status != ATLS_SESSION_COMPLETE) {
        return 0;
    }
    if (!json_is_string(result) || json_string_length(result) == 0) {
        return atls_fail(ATLS_E_MALFORMED, SESSION_CLAUSE,
                         "a complete session has a result, a text; none came");
    }
    document->result = atls_json_bytes(result);
    return 0;
}

int atls_session_document_parse(struct atls_bytes in, struct atls_session_document *documentp)
{
    struct atls_session_document document = {.root = NULL};
    int result = atls_json_object(in, "session object", &document.root);

    if (result) {
        return result;
    }
    result = parse_status(document.root, &document.status);
    result = result ? result : parse_nonce(document.root, &document);
    result = result ? result : parse_accept(document.root, &document);
    result = result ? result : parse_result(document.root, &document);
    if (!result) {
        const json_t *expiry = json_object_get(document.root, "expiry");
        if (expiry && !json_is_string(expiry)) {
            result =
                atls_fail(ATLS_E_MALFORMED, SESSION_CLAUSE, "expiry must be a text (RFC 3339)");
        }
    }
    if (result) {
        json_decref(document.root);
        return result;
    }
    *documentp = document;
    return 0;
}

int atls_verification_key_check(const json_t *jwk)
{
    struct atls_public_key key;

    if (!json_is_object(jwk)) {
        return atls_fail(ATLS_E_MALFORMED, "RFC 7517 section 4", "a key must be a JSON object");
    }
    if (json_object_get(jwk, "d")) {
        return atls_fail(ATLS_E_MALFORMED, "RFC 7517 section 9.2",
                         "expected a verifier's public key, a private key came");
    }
    return atls_jwk_to_verification_key(jwk, &key);
}

int atls_discovery_document_parse(struct atls_bytes in, json_t **jwkp)
{
    json_t *root = NULL;
    int result = atls_json_object(in, "discovery document", &root);

    if (result) {
        return result;
    }
    json_t *jwk = json_object_get(root, "ear-verification-key");
    if (!jwk) {
        result = atls_fail(ATLS_E_MISSING, DISCOVERY_CLAUSE, "no ear-verification-key");
    } else {
        result = atls_verification_key_check(jwk);
    }
    if (!result) {
        *jwkp = json_incref(jwk);
    }
    json_decref(root);
    return result;
}

void atls_problem_text(struct atls_bytes in, char *text, size_t size)
{
    json_t *root = NULL;
    (void)atls_json_object(in, "problem", &root); /* one that cannot be read says nothing */
    const char *title = atls_json_text(json_object_get(root, "title"));
    const char *detail = atls_json_text(json_object_get(root, "detail"));

    snprintf(text, size, "%s%s%s", title ? title : "", title && detail ? ": " : "",
             detail ? detail : "");
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) {
            *c = '?';
        }
    }
    json_decref(root);
}
