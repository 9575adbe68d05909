/* SPDX-License-Identifier: Apache-2.0 */
/* The device's client: consistent overhead byte stuffing, a CRC, and one exchange at a time. */
#include "device.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLAUSE "sim/device/protocol.h"
#define ANSWER_MAX (256u * 1024)
#define TIMEOUT 5.0     /* seconds for a request, however often it has to be repeated */
#define QUIET_FIRST 0.1 /* seconds without a byte after which it is repeated, then twice that */
#define QUIET_MOST 0.8

enum { INFO = 1, ATTEST_KEY = 4, ATTEST_PLATFORM = 5, SIGN = 6 };
enum { LINK_VERSION = 1, LINK_REQUEST = 1, LINK_ANSWER = 2 };

struct device {
    int fd;
    uint32_t session, sequence;
    struct blob line;   /* what has come and is not looked at yet */
    struct blob answer; /* the last one's message */
};

/* CRC-32 of ISO 3309, as in Ethernet. */
static uint32_t crc_of(struct bytes bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

void frame_write(struct bytes payload, struct blob *line)
{
    struct blob plain = {NULL, 0, 0};
    put(&plain, payload);
    put_number(&plain, 4, crc_of(payload));
    put_number(line, 1, 0);
    /* Runs of up to 254 bytes other than zero, each behind its length and one; a zero is implied
     * behind every run that is shorter. */
    for (size_t at = 0; at <= plain.size;) {
        size_t run = 0;
        while (run < 254 && at + run < plain.size && plain.data[at + run] != 0)
            run++;
        put_number(line, 1, run + 1);
        put(line, BYTES(plain.data + at, run));
        at += run;
        if (run < 254)
            at++;
        else if (at == plain.size)
            break;
    }
    put_number(line, 1, 0);
    blob_clear(&plain);
}

int frame_read(struct bytes frame, struct blob *payload)
{
    size_t before = payload->size, at = 0;
    while (at < frame.size) {
        size_t run = frame.data[at++];
        if (run == 0 || frame.size - at < run - 1)
            return -1;
        put(payload, BYTES(frame.data + at, run - 1));
        at += run - 1;
        if (run < 255 && at < frame.size)
            put_number(payload, 1, 0);
    }
    if (payload->size - before < 4)
        return -1;
    payload->size -= 4;
    struct bytes body = BYTES(payload->data + before, payload->size - before);
    struct blob crc = {NULL, 0, 0};
    put_number(&crc, 4, crc_of(body));
    bool good = memcmp(crc.data, payload->data + payload->size, 4) == 0;
    blob_clear(&crc);
    return good ? 0 : -1;
}

static int gone(struct why *why, const char *detail)
{
    return refuse(why, "device-unavailable", NULL, "the device is gone: %s", detail);
}

int device_open(const char *address, struct device **devicep, struct why *why)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strncmp(address, "unix:", 5) != 0 || strlen(address + 5) >= sizeof name.sun_path)
        return refuse(why, "device-unavailable", NULL, "expected unix:PATH, came %s", address);
    memcpy(name.sun_path, address + 5, strlen(address + 5));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        refuse(why, "device-unavailable", NULL, "%s: %s", address, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    struct device *device = allocate(sizeof *device);
    device->fd = fd;
    if (getrandom(&device->session, sizeof device->session, 0) != sizeof device->session)
        device->session = (uint32_t)getpid();
    *devicep = device;
    return 0;
}

void device_close(struct device *device)
{
    if (!device)
        return;
    close(device->fd);
    blob_clear(&device->line);
    blob_clear(&device->answer);
    free(device);
}

static int send_all(struct device *device, struct bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t sent = send(device->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -1;
        if (sent > 0)
            bytes = BYTES(bytes.data + sent, bytes.size - (size_t)sent);
    }
    return 0;
}

/* 1: something came; 0: nothing until END; -1: the device is gone. */
static int receive(struct device *device, double end)
{
    uint8_t part[16384];
    for (;;) {
        struct pollfd wait = {.fd = device->fd, .events = POLLIN};
        double left = end - now_seconds();
        int ready = poll(&wait, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
        if (ready == 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return -1;
        if (ready < 0)
            continue;
        ssize_t size = read(device->fd, part, sizeof part);
        if (size == 0 || (size < 0 && errno != EINTR))
            return -1;
        if (size > 0) {
            put(&device->line, BYTES(part, size));
            return device->line.size > 2 * ANSWER_MAX ? -1 : 1;
        }
    }
}

/* Takes whole frames off the line. 1: the answer to the last request; 0: more must come; 2: one
 * came garbled. */
static int look(struct device *device)
{
    for (;;) {
        uint8_t *end = device->line.size ? memchr(device->line.data, 0, device->line.size) : NULL;
        if (!end)
            return 0;
        size_t size = (size_t)(end - device->line.data);
        struct blob payload = {NULL, 0, 0};
        int bad = size == 0 ? 0 : frame_read(BYTES(device->line.data, size), &payload);
        blob_drop(&device->line, size + 1);
        struct why ignored = {.reason = NULL};
        struct cursor c = {BLOB_BYTES(payload), "device-unavailable", CLAUSE, &ignored};
        uint64_t version, kind, session, sequence;
        bool answers =
            !bad && size > 0 && !take_number(&c, "version", 1, &version) &&
            !take_number(&c, "kind", 1, &kind) && !take_number(&c, "session", 4, &session) &&
            !take_number(&c, "sequence", 4, &sequence) && version == LINK_VERSION &&
            kind == LINK_ANSWER && session == device->session && sequence == device->sequence;
        if (answers) {
            blob_clear(&device->answer);
            put(&device->answer, c.left);
        }
        blob_clear(&payload);
        if (bad || answers)
            return bad ? 2 : 1;
    }
}

static int await(struct device *device, struct bytes line, struct why *why)
{
    double end = now_seconds() + TIMEOUT, quiet = QUIET_FIRST;
    while (now_seconds() < end) {
        if (send_all(device, line))
            return gone(why, strerror(errno));
        int came = look(device);
        while (came == 0) {
            double until = now_seconds() + quiet;
            int got = receive(device, until < end ? until : end);
            if (got < 0)
                return gone(why, "it closed the connection");
            if (got == 0)
                break; /* the request, or its answer, was lost: again */
            came = look(device);
        }
        if (came == 1)
            return 0;
        quiet = quiet < QUIET_MOST / 2 ? 2 * quiet : QUIET_MOST;
    }
    return refuse(why, "device-unavailable", NULL, "the device gave no answer within %.0f s",
                  TIMEOUT);
}

/* Brings a request to the device; C is then at the fields of the answer. */
static int ask(struct device *device, struct bytes request, struct cursor *c, struct why *why)
{
    struct blob payload = {NULL, 0, 0}, line = {NULL, 0, 0};
    uint64_t operation, outcome;
    put_number(&payload, 1, LINK_VERSION);
    put_number(&payload, 1, LINK_REQUEST);
    put_number(&payload, 4, device->session);
    put_number(&payload, 4, ++device->sequence);
    put(&payload, request);
    frame_write(BLOB_BYTES(payload), &line);
    int result = await(device, BLOB_BYTES(line), why);
    blob_clear(&payload);
    blob_clear(&line);
    if (result)
        return -1;
    *c = (struct cursor){BLOB_BYTES(device->answer), "device-unavailable", CLAUSE, why};
    if (take_number(c, "operation", 1, &operation) || take_number(c, "outcome", 1, &outcome))
        return -1;
    if (outcome != 0) {
        struct bytes text = {NULL, 0};
        (void)take_vector(c, "reason", 2, 0, UINT16_MAX, &text);
        return refuse(why, "device-unavailable", CLAUSE, "the device refused: %.*s", (int)text.size,
                      text.data ? (const char *)text.data : "");
    }
    if (operation != request.data[0])
        return refuse(why, "device-unavailable", CLAUSE, "the answer to another request came");
    return 0;
}

static int ask_for(struct device *device, struct blob *request, const char *what, unsigned width,
                   struct blob *answer, struct why *why)
{
    struct cursor c;
    struct bytes bytes;
    int result = ask(device, BLOB_BYTES(*request), &c, why);
    blob_clear(request);
    if (result || take_vector(&c, what, width, 1, ANSWER_MAX, &bytes) || take_end(&c, "answer"))
        return -1;
    put(answer, bytes);
    return 0;
}

int device_info(struct device *device, struct why *why)
{
    static const uint8_t request[] = {INFO};
    struct cursor c;
    return ask(device, BYTES(request, sizeof request), &c, why);
}

int device_attest_key(struct device *device, uint32_t handle, struct bytes challenge,
                      struct blob *evidence, struct why *why)
{
    struct blob request = {NULL, 0, 0};
    put_number(&request, 1, ATTEST_KEY);
    put_number(&request, 4, handle);
    put_vector(&request, 1, challenge);
    return ask_for(device, &request, "CAB", 3, evidence, why);
}

int device_attest_platform(struct device *device, struct bytes challenge, struct blob *evidence,
                           struct why *why)
{
    struct blob request = {NULL, 0, 0};
    put_number(&request, 1, ATTEST_PLATFORM);
    put_vector(&request, 1, challenge);
    return ask_for(device, &request, "PSA token", 3, evidence, why);
}

int device_sign(struct device *device, uint32_t handle, struct bytes digest, struct blob *signature,
                struct why *why)
{
    struct blob request = {NULL, 0, 0};
    size_t before = signature->size;
    put_number(&request, 1, SIGN);
    put_number(&request, 4, handle);
    put_vector(&request, 1, digest);
    if (ask_for(device, &request, "signature", 1, signature, why))
        return -1;
    if (signature->size - before == 64 || signature->size - before == 96)
        return 0;
    return refuse(why, "device-unavailable", CLAUSE, "expected a signature of 64 or 96 bytes");
}
