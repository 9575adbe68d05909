/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what a verifier answers, as a session, as discovery, and as a problem. */
#include <stdlib.h>

#include "roles/verifier-document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_session_document document;
    json_t *jwk;
    char text[64];

    if (atls_session_document_parse(ATLS_BYTES(data, size), &document) == 0) {
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
