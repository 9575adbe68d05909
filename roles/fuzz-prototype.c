/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the bundle of the prototype of 2022, up to the relying party's own checks. */
#include <stdlib.h>
#include <string.h>

#include "roles/received.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t challenge[32];
    struct atls_received received;
    const char *reason = NULL;

    if (atls_received_parse_format(&atls_format_prototype, ATLS_BYTES(data, size), &received,
                                   &reason)) {
        if (!reason || strcmp(reason, "ok") == 0)
            abort(); /* every refusal has its reason */
        return 0;
    }
    const struct atls_evidence_question question = {
        .crypto = &atls_crypto_gnutls, .challenge = ATLS_BYTES(challenge, sizeof challenge)};
    if (atls_format_prototype.check(&received.evidence, &question, &reason) == 0)
        abort(); /* nobody was asked this */
    atls_received_clear(&received);
    return 0;
}
