/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what a verifier answers, as a session, as discovery, and as a problem. What is
 * remembered of the session before changes nothing in what is read. */
#include <stdlib.h>
#include <string.h>

#include "roles/verifier-document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct atls_bytes in, struct atls_accept_memo *memo,
                    const struct atls_session_document *expected)
{
    struct atls_session_document found;

    if (atls_session_document_parse(in, memo, &found) != 0 || found.status != expected->status ||
        found.nonce_size != expected->nonce_size ||
        memcmp(found.nonce, expected->nonce, found.nonce_size) != 0 ||
        !found.accept != !expected->accept ||
        (found.accept && !json_equal(found.accept, expected->accept)) ||
        !atls_bytes_equal(found.result, expected->result)) {
        abort();
    }
    atls_session_document_clear(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct atls_accept_memo memo;
    struct atls_session_document document;
    json_t *jwk;
    char text[64];

    if (atls_session_document_parse(ATLS_BYTES(data, size), NULL, &document) == 0) {
        for (int i = 0; i < 2; i++) {
            compare(ATLS_BYTES(data, size), &memo, &document);
        }
        bool complete = document.status == ATLS_SESSION_COMPLETE;
        if (document.nonce_size < ATLS_EAT_NONCE_MIN || document.nonce_size > ATLS_EAT_NONCE_MAX ||
            complete != (document.result.size > 0)) {
            abort();
        }
        atls_session_document_clear(&document);
    }
    if (atls_discovery_document_parse(ATLS_BYTES(data, size), &jwk) == 0) {
        if (json_object_get(jwk, "d")) {
            abort();
        }
        json_decref(jwk);
    }
    atls_problem_text(ATLS_BYTES(data, size), text, sizeof text);
    for (const char *c = text; *c; c++) {
        if (*c < 0x20 || *c > 0x7e) {
            abort();
        }
    }
    return 0;
}
