/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hello extensions' readers under any bytes. The first byte chooses layout and body; what is
 * accepted must be written back to the very same bytes, as the format leaves no choice.
 */
#include <stdlib.h>
#include <string.h>

#include "tls/profiles/profile.h"

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

/* One extension with lists, or with one scheme: what is read is written back. */
static void try_schemes(struct atls_bytes in)
{
    const struct atls_profile *profile = &atls_profile_seat_06;
    static uint8_t buffer[ATLS_PROFILE_BODY_MAX];
    static struct atls_offer offers[2];
    struct atls_selection selections[2] = {{.has_evidence = false}};
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
    memset(offers, 0, sizeof offers);
    if (in.size <= 4096 && profile->read_offer(profile, profile->extensions[0], in, offers) == 0 &&
        profile->write_offer(profile, profile->extensions[0], offers, &sink) == 0 &&
        sink.used != in.size) /* their order within a list is not kept */
        abort();
    sink = atls_sink_of(buffer, sizeof buffer);
    if (in.size <= 4096 && profile->read_request(profile, in, selections) == 0) {
        if (profile->write_request(profile, selections, &sink) != 0)
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
    if (data[0] & 16)
        try_schemes(in);
    else if (data[0] & 4)
        try_verifiers(layout, in);
    else
        try_evidence(layout, (data[0] & 8) != 0, in);
    return 0;
}
