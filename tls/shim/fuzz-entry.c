/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the entry shim makes of a Certificate that came, under any bytes: the message keeps its
 * size, every certificate stays where the library will read it, nothing that was looked for is left
 * in it but what is too short to be rewritten, and what was found was there. The first byte chooses
 * between Certificate (even) and CertificateRequest.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "tls/shim/entry-shim.h"

#define ATTESTATION 0xFF16
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_in(struct atls_bytes part, struct atls_bytes whole)
{
    for (size_t at = 0; part.size <= whole.size && at <= whole.size - part.size; at++)
        if (part.size == 0 || memcmp(whole.data + at, part.data, part.size) == 0)
            return true;
    return false;
}

/* The message that is left for the library, read by the same shim: the chain with entries of filler
 * between, and extensions of two bytes of payload at most. */
static void check_left(const struct atls_entry_shim *before, const gnutls_datum_t *left)
{
    const uint16_t types[] = {ATTESTATION};
    uint8_t *bytes = malloc(left->size);
    struct atls_entry_shim *after;
    REQUIRE(bytes && atls_entry_shim_new(&after) == 0);
    memcpy(bytes, left->data, left->size);
    gnutls_datum_t again = {bytes, left->size};
    REQUIRE(atls_entry_shim_expect(after, types, 1) == 0);
    int result =
        atls_entry_shim_hook(after, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_HOOK_POST, 1, &again);
    const struct atls_bytes *sent, *came;
    const struct atls_entry_received *list;
    size_t count = atls_entry_shim_chain(before, &sent), next = 0;
    if (result == 0) {
        size_t more = atls_entry_shim_chain(after, &came);
        for (size_t i = 0; i < more && next < count; i++)
            if (atls_bytes_equal(came[i], sent[next]))
                next++;
        REQUIRE(next == count);
        size_t left_over = atls_entry_shim_received(after, &list);
        for (size_t i = 0; i < left_over; i++)
            REQUIRE(list[i].payload.size < 2);
        REQUIRE(memcmp(bytes, left->data, left->size) == 0);
    } else { /* more entries with those of filler than a shim reads */
        REQUIRE(result == ATLS_E_LIMIT);
    }
    free(bytes);
    atls_entry_shim_free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint16_t types[] = {ATTESTATION};
    struct atls_entry_shim *shim;
    const struct atls_entry_received *list;
    if (size < 2)
        return 0;
    bool request = data[0] & 1;
    struct atls_bytes in = ATLS_BYTES(data + 1, size - 1);
    uint8_t *live = malloc(in.size);
    REQUIRE(live && atls_entry_shim_new(&shim) == 0);
    REQUIRE(atls_entry_shim_expect(shim, types, 1) == 0);
    memcpy(live, in.data, in.size);
    gnutls_datum_t message = {live, (unsigned)in.size};
    int result = atls_entry_shim_hook(
        shim, request ? GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST : GNUTLS_HANDSHAKE_CERTIFICATE_PKT,
        request ? GNUTLS_HOOK_PRE : GNUTLS_HOOK_POST, 1, &message);
    size_t count =
        request ? atls_entry_shim_requested(shim, &list) : atls_entry_shim_received(shim, &list);
    REQUIRE(message.size == in.size && (result == 0 || count == 0));
    for (size_t i = 0; i < count; i++)
        REQUIRE(list[i].type == ATTESTATION && is_in(list[i].payload, in));
    if (request)
        REQUIRE(memcmp(live, in.data, in.size) == 0);
    else if (result == 0)
        check_left(shim, &message);
    atls_entry_shim_free(shim);
    free(live);
    return 0;
}
