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

    if (atls_received_parse_prototype(ATLS_BYTES(data, size), &received, &reason)) {
        if (!reason || strcmp(reason, "ok") == 0)
            abort(); /* every refusal has its reason */
        return 0;
    }
    (void)atls_cab_check_signature(&received.cab, &atls_crypto_gnutls);
    (void)atls_cab_check_nonce(&received.cab, ATLS_BYTES(challenge, sizeof challenge));
    (void)atls_cab_check_linkage(&received.cab, &atls_crypto_gnutls);
    atls_received_clear(&received);
    return 0;
}
