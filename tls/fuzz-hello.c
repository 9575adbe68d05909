/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hello extensions' readers under any bytes. The first byte chooses layout and body; what is
 * accepted must be written back to the very same bytes, as the format leaves no choice.
 */
#include <stdlib.h>

#include "tls/hello-extensions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct atls_sink *sink, struct atls_bytes in)
{
    struct atls_bytes out;
    if (atls_sink_done(sink, &out) != 0 || !atls_bytes_equal(out, in))
        abort();
}

static void try_evidence(const struct atls_hello_layout *layout, bool nonced, struct atls_bytes in)
{
    struct atls_evidence_types types;
    struct atls_evidence_type type;
    struct atls_bytes nonce;
    uint8_t buffer[ATLS_HELLO_BODY_MAX];
    bool written = nonced && layout->nonce_most > 0;
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
    if (atls_read_evidence_offer(layout, in, &types, nonced ? &nonce : NULL) == 0) {
        if (atls_write_evidence_offer(layout, types.type, types.count, written ? &nonce : NULL,
                                      &sink) != 0)
            abort();
        same(&sink, in);
    }
    if (in.size <= sizeof buffer &&
        atls_read_evidence_selection(layout, in, &type, nonced ? &nonce : NULL) == 0) {
        sink = atls_sink_of(buffer, sizeof buffer);
        if (atls_write_evidence_selection(layout, &type, written ? &nonce : NULL, &sink) != 0)
            abort();
        same(&sink, in);
    }
}

static void try_verifiers(const struct atls_hello_layout *layout, struct atls_bytes in)
{
    struct atls_verifier_ids ids;
    struct atls_bytes id;
    uint8_t buffer[ATLS_HELLO_BODY_MAX];
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
    if (atls_read_verifier_offer(layout, in, &ids) == 0) {
        if (atls_write_verifier_offer(ids.id, ids.count, &sink) != 0)
            abort();
        same(&sink, in);
    }
    if (in.size <= sizeof buffer && atls_read_verifier_selection(layout, in, &id) == 0) {
        sink = atls_sink_of(buffer, sizeof buffer);
        if (atls_write_verifier_selection(id, &sink) != 0)
            abort();
        same(&sink, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct atls_hello_layout *const layouts[] = {
        &atls_layout_ta_02, &atls_layout_ta_03, &atls_layout_ta_07, &atls_layout_seat_04};
    if (size == 0)
        return 0;
    const struct atls_hello_layout *layout = layouts[data[0] & 3];
    struct atls_bytes in = ATLS_BYTES(data + 1, size - 1);
    if (data[0] & 4)
        try_verifiers(layout, in);
    else
        try_evidence(layout, (data[0] & 8) != 0, in);
    return 0;
}
