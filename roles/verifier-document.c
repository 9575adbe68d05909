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
    json_decref(document->accept);
    *document = (struct atls_session_document){.root = NULL};
}

void atls_accept_memo_clear(struct atls_accept_memo *memo)
{
    free(memo->text);
    json_decref(memo->types);
    *memo = (struct atls_accept_memo){.text = NULL};
}

/* Where in a JSON text a byte stands: within a string, and within how many brackets. */
struct spot {
    bool in_string, escaped;
    size_t depth;
};

static void pass(struct spot *spot, uint8_t byte)
{
    if (spot->in_string) {
        spot->in_string = spot->escaped || byte != '"';
        spot->escaped = !spot->escaped && byte == '\\';
    } else if (byte == '"') {
        spot->in_string = true;
    } else if (byte == '{' || byte == '[') {
        spot->depth++;
    } else if (byte == '}' || byte == ']') {
        spot->depth--;
    }
}

/* The member that begins with START, a key of the outermost object and what is behind it, without
 * the comma: from where on. 0: there is none. */
static size_t find_member(struct atls_bytes in, struct atls_bytes start)
{
    struct spot spot = {false, false, 0};

    for (size_t i = 0; i + start.size < in.size; i++) {
        if (in.data[i] == '"' && !spot.in_string && spot.depth == 1 &&
            memcmp(in.data + i, start.data, start.size) == 0) {
            return i;
        }
        pass(&spot, in.data[i]);
    }
    return 0;
}

/* Notes the member that was parsed, as it was written. */
static void remember(struct atls_accept_memo *memo, struct atls_bytes in, json_t *types)
{
    static const char start[] = "\"accept\":[";
    struct spot spot = {false, false, 0};
    size_t begin = find_member(in, atls_bytes_of_text(start)), end = begin + strlen(start) - 1;

    if (begin == 0)
        return;
    do {
        pass(&spot, in.data[end++]);
    } while (spot.depth > 0 && end < in.size);
    uint8_t *text = malloc(end - begin);
    if (!text)
        return; /* then it is parsed again */
    memcpy(text, in.data + begin, end - begin);
    atls_accept_memo_clear(memo);
    *memo = (struct atls_accept_memo){text, end - begin, json_incref(types)};
}

/* The text without the member that is remembered, which stands between commas; *OUTP is allocated.
 * False: it is not as it was. */
static bool leave_out(const struct atls_accept_memo *memo, struct atls_bytes in,
                      struct atls_bytes *outp)
{
    const struct atls_bytes known = {memo->text, memo->size};
    size_t at = memo->text ? find_member(in, known) : 0;

    if (at == 0 || in.data[at - 1] != ',' ||
        (in.data[at + known.size] != ',' && in.data[at + known.size] != '}'))
        return false;
    uint8_t *rest = malloc(in.size);
    if (!rest)
        return false;
    memcpy(rest, in.data, at - 1);
    memcpy(rest + at - 1, in.data + at + known.size, in.size - at - known.size);
    *outp = ATLS_BYTES(rest, in.size - known.size - 1);
    return true;
}

/* The object; *REMEMBEREDP: all but the member that is remembered. A second member of that name is
 * left to the parser of the whole, which refuses it. */
static int load(struct atls_bytes in, const struct atls_accept_memo *memo, json_t **rootp,
                bool *rememberedp)
{
    struct atls_bytes rest;
    json_t *root = NULL;

    *rememberedp = false;
    if (memo && in.size <= ATLS_JSON_MAX_SIZE && leave_out(memo, in, &rest)) {
        if (atls_json_object(rest, "session object", &root) == 0 &&
            !json_object_get(root, "accept"))
            *rememberedp = true;
        free((uint8_t *)(uintptr_t)rest.data);
    }
    if (*rememberedp) {
        *rootp = root;
        return 0;
    }
    json_decref(root);
    return atls_json_object(in, "session object", rootp);
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
    json_t *accept = json_object_get(root, "accept"), *type;
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
    document->accept = json_incref(accept);
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

int atls_session_document_parse(struct atls_bytes in, struct atls_accept_memo *memo,
                                struct atls_session_document *documentp)
{
    struct atls_session_document document = {.root = NULL};
    bool remembered;
    int result = load(in, memo, &document.root, &remembered);

    if (result) {
        return result;
    }
    result = parse_status(document.root, &document.status);
    result = result ? result : parse_nonce(document.root, &document);
    if (remembered) {
        document.accept = json_incref(memo->types);
    } else {
        result = result ? result : parse_accept(document.root, &document);
    }
    result = result ? result : parse_result(document.root, &document);
    if (!result) {
        const json_t *expiry = json_object_get(document.root, "expiry");
        if (expiry && !json_is_string(expiry)) {
            result =
                atls_fail(ATLS_E_MALFORMED, SESSION_CLAUSE, "expiry must be a text (RFC 3339)");
        }
        document.expiry = atls_json_text(expiry);
    }
    if (result) {
        atls_session_document_clear(&document);
        return result;
    }
    if (memo && !remembered) {
        remember(memo, in, document.accept);
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
