/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: a peer's credential, in either model, up to the relying party's own checks. */
#include <stdlib.h>
#include <string.h>

#include "tls/received.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(enum atls_model model, struct atls_bytes in)
{
    static const uint8_t challenge[32];
    struct atls_received received;
    const char *reason = NULL;

    if (atls_received_parse(model, in, &received, &reason)) {
        if (!reason || strcmp(reason, "ok") == 0) { /* every refusal has its reason */
            abort();
        }
        return;
    }
    if (model == ATLS_MODEL_BACKGROUND_CHECK) {
        (void)atls_cab_check_signature(&received.cab, &atls_crypto_gnutls);
        (void)atls_cab_check_nonce(&received.cab, ATLS_BYTES(challenge, sizeof challenge));
        (void)atls_cab_check_linkage(&received.cab, &atls_crypto_gnutls);
    }
    atls_received_clear(&received);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(ATLS_MODEL_BACKGROUND_CHECK, ATLS_BYTES(data, size));
    parse(ATLS_MODEL_PASSPORT, ATLS_BYTES(data, size));
    return 0;
}
