/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a peer's credential, in either model, up to the relying party's own checks. */
#include <stdlib.h>
#include <string.h>

#include "roles/received.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(enum atls_model model, const struct atls_public_key *leaf, struct atls_bytes in)
{
    static const uint8_t challenge[32];
    struct atls_received received;
    const char *reason = NULL;

    if (atls_received_parse_beside(model, leaf, leaf != NULL, in, &received, &reason)) {
        if (!reason || strcmp(reason, "ok") == 0) { /* every refusal has its reason */
            abort();
        }
        return;
    }
    if (model == ATLS_MODEL_BACKGROUND_CHECK) {
        const struct atls_evidence_format *format = received.evidence.format;
        const struct atls_evidence_question question = {
            .crypto = &atls_crypto_hosted, .challenge = ATLS_BYTES(challenge, sizeof challenge)};
        if (!format->key_in && (!leaf || !atls_public_key_equal(&received.key, leaf))) {
            abort(); /* it names no key of its own */
        }
        if (format->check(&received.evidence, &question, &reason) &&
            (!reason || strcmp(reason, "ok") == 0)) {
            abort();
        }
    }
    atls_received_clear(&received);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct atls_public_key leaf = {.curve = ATLS_P256, .x = {1}};

    parse(ATLS_MODEL_BACKGROUND_CHECK, NULL, ATLS_BYTES(data, size));
    parse(ATLS_MODEL_BACKGROUND_CHECK, &leaf, ATLS_BYTES(data, size));
    parse(ATLS_MODEL_PASSPORT, &leaf, ATLS_BYTES(data, size));
    return 0;
}
