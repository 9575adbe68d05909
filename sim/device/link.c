/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered requests over frames, done once however often they arrive; see link.h. */
#include "sim/device/link.h"

#include "rats/base/error.h"

#define CLAUSE "link header, sim/device/link.h"

int atls_link_encode(const struct atls_link_header *header, struct atls_bytes message, uint8_t *out,
                     size_t capacity, size_t *sizep)
{
    uint8_t encoded[ATLS_LINK_HEADER_SIZE];
    struct atls_sink s = atls_sink_of(encoded, sizeof encoded);
    struct atls_bytes parts[2] = {{0}, message};
    int result;
    atls_sink_u8(&s, ATLS_LINK_VERSION);
    atls_sink_u8(&s, (uint8_t)header->kind);
    atls_sink_u32(&s, header->session);
    atls_sink_u32(&s, header->sequence);
    if ((result = atls_sink_done(&s, &parts[0])))
        return result;
    return atls_frame_encode(parts, 2, out, capacity, sizep);
}

int atls_link_decode(struct atls_bytes payload, struct atls_link_header *headerp,
                     struct atls_bytes *messagep)
{
    struct atls_cursor c = atls_cursor_of(payload, CLAUSE);
    struct atls_link_header header;
    uint8_t version, kind;
    int result;
    if ((result = atls_cursor_u8(&c, "version of the link", &version)) ||
        (result = atls_cursor_u8(&c, "kind of the frame", &kind)) ||
        (result = atls_cursor_u32(&c, "session", &header.session)) ||
        (result = atls_cursor_u32(&c, "sequence", &header.sequence)))
        return result;
    if (version != ATLS_LINK_VERSION)
        return atls_fail(ATLS_E_UNSUPPORTED, CLAUSE, "expected version %d, came %u",
                         ATLS_LINK_VERSION, version);
    if (kind != ATLS_LINK_REQUEST && kind != ATLS_LINK_ANSWER)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected a request (1) or answer (2), came %u",
                         kind);
    header.kind = (enum atls_link_kind)kind;
    *headerp = header;
    *messagep = ATLS_BYTES(c.at, c.left);
    return 0;
}

void atls_link_init(struct atls_link *link, uint8_t *buffer, size_t capacity, uint8_t *answer,
                    size_t answer_capacity)
{
    *link = (struct atls_link){.answer = answer, .answer_capacity = answer_capacity};
    atls_frame_decoder_init(&link->decoder, buffer, capacity);
}

enum atls_link_event atls_link_push(struct atls_link *link, uint8_t byte,
                                    struct atls_bytes *requestp)
{
    struct atls_link_header header;
    struct atls_bytes payload, message;
    switch (atls_frame_push(&link->decoder, byte, &payload)) {
    case ATLS_FRAME_NOTHING:
        return ATLS_LINK_NOTHING;
    case ATLS_FRAME_BAD:
        return ATLS_LINK_BAD;
    case ATLS_FRAME_COMPLETE:
        break;
    }
    if (atls_link_decode(payload, &header, &message) || header.kind != ATLS_LINK_REQUEST)
        return ATLS_LINK_BAD;
    if (link->in_session && header.session == link->session) {
        if (header.sequence == link->sequence)
            return ATLS_LINK_REPEAT;
        if (header.sequence < link->sequence)
            return ATLS_LINK_NOTHING; /* a late duplicate of what was answered long ago */
    }
    link->in_session = true;
    link->session = header.session;
    link->sequence = header.sequence;
    link->answer_size = 0;
    *requestp = message;
    return ATLS_LINK_DO;
}

int atls_link_answer(struct atls_link *link, struct atls_bytes message)
{
    struct atls_link_header header = {ATLS_LINK_ANSWER, link->session, link->sequence};
    return atls_link_encode(&header, message, link->answer, link->answer_capacity,
                            &link->answer_size);
}
