/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests over a stream that may lose or garble what it carries: framed and numbered (link.h),
 * and sent again when the line has been quiet for a while or an answer came garbled, until the
 * answer is there or the time is over.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "sim/device/client.h"
#include "sim/device/link.h"
#include "sim/device/protocol.h"

/* Seconds of quiet after which a request is sent again: doubled each time, up to the most. */
#define QUIET_FIRST 0.05
#define QUIET_MOST 0.5
#define GARBLED_MOST 32 /* answers in a row that may come garbled */

#define PAYLOAD_MAX (ATLS_LINK_HEADER_SIZE + ATLS_ANSWER_MAX + 4) /* with its checksum */
#define REQUEST_FRAME_MAX ATLS_FRAME_ENCODED_MAX(ATLS_LINK_HEADER_SIZE + ATLS_REQUEST_MAX)

struct stream {
    struct atls_transport transport;
    int fd;
    double timeout;                 /* seconds */
    double quiet;                   /* seconds before the first repetition */
    struct atls_link_header header; /* of the last request */
    struct atls_frame_decoder decoder;
    uint8_t request[REQUEST_FRAME_MAX];
    size_t request_size;
    uint8_t received[4096]; /* bytes off the line that were not looked at yet */
    size_t received_at, received_size;
    bool gone;         /* the line is closed: no request will ever be answered */
    uint8_t payload[]; /* PAYLOAD_MAX; what is not used is not touched */
};

static int fail_gone(struct stream *s, const char *why)
{
    s->gone = true;
    return atls_fail(ATLS_E_UNAVAILABLE, NULL, "the device is gone: %s", why);
}

static int fail_timeout(const struct stream *s, unsigned attempts, unsigned garbled)
{
    return atls_fail(ATLS_E_UNAVAILABLE, NULL,
                     "the device gave no answer within %.0f ms (request sent %u times, %u answers "
                     "came garbled)",
                     s->timeout * 1000, attempts, garbled);
}

/* Waits for EVENTS until the time END: 0, or ATLS_E_AGAIN when the time is over. */
static int wait_until(struct stream *s, short events, double end)
{
    for (;;) {
        struct pollfd fd = {.fd = s->fd, .events = events};
        double left = end - atls_now();
        int n = poll(&fd, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return atls_fail(-errno, NULL, "poll: %s", strerror(errno));
        if (n == 0 && left <= 0)
            return ATLS_E_AGAIN;
    }
}

static ssize_t send_some(int fd, const uint8_t *data, size_t size)
{
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    return n < 0 && errno == ENOTSOCK ? write(fd, data, size) : n; /* a serial line */
}

static int send_request(struct stream *s, double end)
{
    for (size_t done = 0; done < s->request_size;) {
        ssize_t n = send_some(s->fd, s->request + done, s->request_size - done);
        int result;
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN && (result = wait_until(s, POLLOUT, end)))
            return result;
        else if (errno != EAGAIN && errno != EINTR)
            return fail_gone(s, strerror(errno));
    }
    return 0;
}

/* Fills s->received. 0, ATLS_E_AGAIN (quiet until END), ATLS_E_UNAVAILABLE. */
static int receive(struct stream *s, double end)
{
    for (;;) {
        int result = wait_until(s, POLLIN, end);
        ssize_t n;
        if (result)
            return result;
        n = read(s->fd, s->received, sizeof s->received);
        if (n == 0)
            return fail_gone(s, "it closed the connection");
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return fail_gone(s, strerror(errno));
        if (n > 0) {
            s->received_at = 0;
            s->received_size = (size_t)n;
            return 0;
        }
    }
}

/* Is this frame the answer to the last request? Late answers to older ones are not. */
static bool is_answer(const struct stream *s, struct atls_bytes payload,
                      struct atls_bytes *messagep)
{
    struct atls_link_header header;
    return !atls_link_decode(payload, &header, messagep) && header.kind == ATLS_LINK_ANSWER &&
           header.session == s->header.session && header.sequence == s->header.sequence;
}

/* 0 and the answer; ATLS_E_AGAIN: send the request again (*GARBLED counts up where that is because
 * a frame came garbled); ATLS_E_UNAVAILABLE. QUIET seconds without a byte are too many. */
static int await_answer(struct stream *s, double end, double quiet, unsigned *garbled,
                        struct atls_bytes *answerp)
{
    for (;;) {
        struct atls_bytes payload;
        double until = atls_now() + quiet;
        int result = 0;
        if (s->received_at == s->received_size)
            result = receive(s, until < end ? until : end);
        if (result)
            return result;
        while (s->received_at < s->received_size) {
            uint8_t byte = s->received[s->received_at++];
            enum atls_frame_event event = atls_frame_push(&s->decoder, byte, &payload);
            if (event == ATLS_FRAME_COMPLETE && is_answer(s, payload, answerp))
                return 0;
            if (event == ATLS_FRAME_BAD) {
                ++*garbled;
                return ATLS_E_AGAIN;
            }
        }
    }
}

static int exchange(struct atls_transport *transport, struct atls_bytes request,
                    struct atls_bytes *answerp)
{
    struct stream *s = (struct stream *)transport;
    double end = atls_now() + s->timeout, quiet = s->quiet;
    unsigned attempts = 0, garbled = 0;
    int result;
    if (s->gone)
        return fail_gone(s, "an earlier request found the connection closed");
    s->header.sequence++;
    result = atls_link_encode(&s->header, request, s->request, sizeof s->request, &s->request_size);
    if (result)
        return result;
    do {
        attempts++;
        if (!(result = send_request(s, end)))
            result = await_answer(s, end, quiet, &garbled, answerp);
        quiet = quiet < QUIET_MOST / 2 ? quiet * 2 : quiet < QUIET_MOST ? QUIET_MOST : quiet;
    } while (result == ATLS_E_AGAIN && atls_now() < end && garbled < GARBLED_MOST);
    return result == ATLS_E_AGAIN ? fail_timeout(s, attempts, garbled) : result;
}

static void close_stream(struct atls_transport *transport)
{
    struct stream *s = (struct stream *)transport;
    close(s->fd);
    free(s);
}

int atls_transport_over_stream(int fd, unsigned timeout_ms, struct atls_transport **transportp)
{
    struct stream *s = malloc(sizeof *s + PAYLOAD_MAX);
    if (s)
        *s = (struct stream){.transport = {exchange, close_stream},
                             .fd = fd,
                             .timeout = timeout_ms / 1000.0,
                             .quiet = QUIET_FIRST,
                             .header.kind = ATLS_LINK_REQUEST};
    if (!s || getrandom(&s->header.session, sizeof s->header.session, 0) < 0) {
        int result = s ? errno : ENOMEM;
        close(fd);
        free(s);
        return atls_fail(-result, NULL, "a connection to the device: %s", strerror(result));
    }
    atls_frame_decoder_init(&s->decoder, s->payload, PAYLOAD_MAX);
    *transportp = &s->transport;
    return 0;
}

void atls_transport_stream_patience(struct atls_transport *transport, unsigned quiet_ms)
{
    ((struct stream *)transport)->quiet = quiet_ms / 1000.0;
}
