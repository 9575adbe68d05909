/* SPDX-License-Identifier: Apache-2.0 */
/* Client and device with a line between them that does harm, or that listens. */
#include "sim/device/test-served.h"

#include <poll.h>

#include "sim/device/link.h"

/* A line between client and device that does harm, in one direction or both. */
struct noise {
    bool to_device, to_client, drop; /* drop bytes, or else garble them */
    unsigned every;                  /* every so manieth byte */
};
struct proxy {
    int client, device;
    struct noise noise;
    unsigned counters[2];
    pthread_t thread;
    uint8_t *seen; /* all that passed, in either direction, as it came */
    size_t seen_size;
};

static bool forward(struct proxy *p, int from, int to, unsigned *counter, bool harm)
{
    uint8_t in[4096], out[4096];
    ssize_t n = read(from, in, sizeof in);
    size_t size = 0;
    if (n <= 0)
        return false;
    p->seen = realloc(p->seen, p->seen_size + (size_t)n);
    memcpy(p->seen + p->seen_size, in, (size_t)n);
    p->seen_size += (size_t)n;
    for (ssize_t i = 0; i < n; i++) {
        bool now = harm && p->noise.every && ++*counter % p->noise.every == 0;
        if (!now || !p->noise.drop)
            out[size++] = now ? in[i] ^ 0x24 : in[i];
    }
    for (size_t done = 0; done < size;) {
        n = send(to, out + done, size - done, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static void *run_proxy(void *context)
{
    struct proxy *p = context;
    bool open = true;
    while (open) {
        struct pollfd fds[2] = {{p->client, POLLIN, 0}, {p->device, POLLIN, 0}};
        poll(fds, 2, -1);
        if (fds[0].revents)
            open = forward(p, p->client, p->device, &p->counters[0], p->noise.to_device);
        if (open && fds[1].revents)
            open = forward(p, p->device, p->client, &p->counters[1], p->noise.to_client);
    }
    close(p->client);
    close(p->device);
    return NULL;
}

static struct atls_device *open_noisy(const struct served *s, struct proxy *p,
                                      const struct noise *noise)
{
    struct atls_transport *transport;
    struct atls_device *device;
    int pair[2];
    memset(p, 0, sizeof *p);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    p->client = pair[1];
    p->device = connect_raw(s);
    p->noise = *noise;
    assert_int_equal(pthread_create(&p->thread, NULL, run_proxy, p), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    assert_ok(atls_transport_over_stream(pair[0], 10000, &transport));
    assert_ok(atls_device_over(transport, &device));
    return device;
}

static void test_noisy_lines(void **state)
{
    static const struct noise noises[] = {
        {true, false, false, 127}, {true, false, true, 139},  {false, true, false, 1601},
        {false, true, true, 1709}, {true, true, false, 1907}, {true, true, true, 2003},
    };
    for (size_t i = 0; i < sizeof noises / sizeof *noises; i++) {
        struct atls_device *device;
        struct served s;
        struct proxy p;
        start(&s, 0, NULL);
        device = open_noisy(&s, &p, &noises[i]);
        for (uint32_t round = 1; round <= 4; round++)
            assert_int_equal(use(device, round), 0);
        atls_device_close(device);
        pthread_join(p.thread, NULL);
        free(p.seen);
        assert_int_equal(s.device->core.keys.last_handle, 4);
        assert_int_equal(stop(&s), 0);
    }
}

/* The frames among BYTES, taken out of their frames and put behind each other. */
static struct atls_bytes unframe(const uint8_t *bytes, size_t size)
{
    uint8_t *out = malloc(size), *buffer = malloc(size);
    struct atls_bytes payload, all = {out, 0};
    struct atls_frame_decoder decoder;
    atls_frame_decoder_init(&decoder, buffer, size);
    for (size_t i = 0; i < size; i++)
        if (atls_frame_push(&decoder, bytes[i], &payload) == ATLS_FRAME_COMPLETE) {
            memcpy(out + all.size, payload.data, payload.size);
            all.size += payload.size;
        }
    free(buffer);
    return all;
}

/* All that crosses the socket in the life of some keys is recorded: public parts do, no private
 * one does. */
static void test_no_secret_crosses_the_socket(void **state)
{
    static const struct noise none;
    const struct atls_identity_key *slots;
    struct atls_device_info info;
    struct atls_device *device;
    struct atls_bytes seen;
    struct served s;
    struct proxy p;
    start(&s, 0, NULL);
    slots = s.device->storage.slots;
    device = open_noisy(&s, &p, &none);
    assert_ok(atls_device_info(device, &info));
    for (uint32_t round = 1; round <= 4; round++)
        assert_int_equal(use(device, round), 0);
    for (uint32_t handle = 1; handle <= 4; handle++) /* or they would go with the connection */
        assert_ok(atls_device_keep_key(device, handle));
    atls_device_close(device);
    pthread_join(p.thread, NULL);
    seen = unframe(p.seen, p.seen_size);
    assert_true(seen.size > 4000);
    assert_true(test_contains(seen, info.pak.x, 32));
    assert_false(test_contains(seen, s.device->core.platform.pak.d, 32));
    assert_false(test_contains(seen, s.device->core.keys.kak.d, 32));
    assert_false(test_contains(seen, s.device->seeded.key, 32));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(slots[i].handle, i + 1);
        assert_true(test_contains(seen, slots[i].key.public_key.x, 32));
        assert_false(test_contains(seen, slots[i].key.d, 32));
    }
    free((void *)(uintptr_t)seen.data);
    free(p.seen);
    assert_int_equal(stop(&s), 0);
}

/* Answers to requests of long ago do not pass for the answer to this one. */
static void *answer_late(void *context)
{
    int fd = *(int *)context;
    struct atls_frame_decoder decoder;
    struct atls_link_header header;
    struct atls_bytes payload, message;
    uint8_t buffer[600], out[100], byte;
    size_t size;
    atls_frame_decoder_init(&decoder, buffer, sizeof buffer);
    while (read(fd, &byte, 1) == 1)
        if (atls_frame_push(&decoder, byte, &payload) == ATLS_FRAME_COMPLETE &&
            !atls_link_decode(payload, &header, &message)) {
            static const int32_t shifts[] = {-1, 1, 0};
            uint32_t sequence = header.sequence;
            header.kind = ATLS_LINK_ANSWER;
            for (unsigned i = 0; i < 3; i++) { /* only the last one is right, but for "done" */
                struct atls_bytes text =
                    i < 2 ? ATLS_BYTES("\3\0", 2) : ATLS_BYTES("\3\1\0\2no\0\0", 8);
                header.sequence = sequence + (uint32_t)shifts[i];
                if (atls_link_encode(&header, text, out, sizeof out, &size) ||
                    send(fd, out, size, MSG_NOSIGNAL) < 0)
                    break;
            }
            header.sequence = sequence;
            header.session ^= 1;
            if (!atls_link_encode(&header, ATLS_BYTES("\3\0", 2), out, sizeof out, &size))
                send(fd, out, size, MSG_NOSIGNAL);
        }
    close(fd);
    return NULL;
}

static void test_late_answers_do_not_count(void **state)
{
    struct atls_transport *transport;
    struct atls_device *device;
    pthread_t thread;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_late, &pair[1]), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    assert_ok(atls_transport_over_stream(pair[0], 2000, &transport));
    assert_ok(atls_device_over(transport, &device));
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(atls_device_destroy_key(device, 1), ATLS_E_REFUSED);
    atls_device_close(device);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noisy_lines),
        cmocka_unit_test(test_no_secret_crosses_the_socket),
        cmocka_unit_test(test_late_answers_do_not_count),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
