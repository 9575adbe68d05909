/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what the prototype takes, its bundle or a TPM's evidence in a CMW, up to the relying
 * party's own checks. */
#include <stdlib.h>
#include <string.h>

#include "roles/received.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t challenge[32];
    struct atls_received received;
    const char *reason = NULL;

    if (atls_received_parse_format(&atls_format_prototype, &atls_format_parsec_tpm,
                                   ATLS_BYTES(data, size), &received, &reason)) {
        if (!reason || strcmp(reason, "ok") == 0)
            abort(); /* every refusal has its reason */
        return 0;
    }
    const struct atls_evidence_question question = {.crypto = &atls_crypto_hosted,
                                                    .challenge =
                                                        ATLS_BYTES(challenge, sizeof challenge),
                                                    .constant_nonce = &atls_constant_nonce_of_2022};
    if (received.evidence.format->check(&received.evidence, &question, &reason) == 0) {
        if (received.evidence.format == &atls_format_prototype)
            abort(); /* nobody was asked this; no signature of a TPM is verified here */
    } else if (!reason || strcmp(reason, "ok") == 0) {
        abort();
    }
    atls_received_clear(&received);
    return 0;
}
