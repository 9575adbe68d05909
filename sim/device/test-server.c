/* SPDX-License-Identifier: Apache-2.0 */
/* A device behind a socket: bad lines, failing devices, and several clients at once. */
#include "sim/test-support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "program/program.h"
#include "sim/device/client.h"
#include "sim/device/link.h"
#include "sim/device/server.h"
#include "sim/device/simulated.h"

static char directory[256];

/* A device that runs in a thread of its own, until told to stop. */
struct served {
    struct atls_simulated *device;
    struct atls_events *events;
    struct atls_server_faults faults;
    char path[280], address[290];
    int listener, stop[2], result;
    pthread_t thread;
};

static void *serve(void *context)
{
    struct served *s = context;
    s->result = atls_server_run(&s->device->core, s->listener, s->stop[0], &s->faults, s->events);
    close(s->listener);
    return NULL;
}

static void start(struct served *s, unsigned components, const char *fault)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    memset(s, 0, sizeof *s);
    options.has_seed = true;
    options.seed = 7;
    options.components = components;
    s->faults = ATLS_SERVER_NO_FAULTS;
    if (fault)
        assert_ok(atls_server_fault_parse(fault, &s->faults));
    snprintf(s->path, sizeof s->path, "%s/s", directory);
    snprintf(s->address, sizeof s->address, "unix:%s", s->path);
    assert_ok(atls_simulated_open(&options, &s->device));
    assert_ok(atls_events_open(NULL, "device", &s->events));
    assert_ok(atls_server_listen(s->path, &s->listener));
    assert_int_equal(pipe2(s->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static int stop(struct served *s)
{
    close(s->stop[1]);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    atls_events_close(s->events);
    atls_simulated_close(s->device);
    unlink(s->path);
    return s->result;
}

static struct atls_device *open_served(const struct served *s, unsigned timeout_ms)
{
    struct atls_device *device;
    assert_ok(atls_device_open(s->address, timeout_ms, &device));
    return device;
}

/* Creates a key, attests it, signs with it; the key must have the handle EXPECTED: a request that
 * was done twice would have used up a number. */
static int use(struct atls_device *device, uint32_t expected)
{
    static const uint8_t digest[32] = {1};
    uint8_t signature[ATLS_SIGNATURE_MAX], *cab;
    struct atls_public_key key;
    uint32_t handle;
    size_t size;
    int r = atls_device_create_key(device, ATLS_P256, &handle, &key);
    if (r)
        return r;
    if (expected)
        assert_int_equal(handle, expected);
    if ((r = atls_device_attest_key(device, handle, ATLS_BYTES(digest, 32), &cab, &size)))
        return r;
    free(cab);
    if ((r = atls_device_sign(device, handle, ATLS_BYTES(digest, 32), signature, &size)))
        return r;
    return atls_crypto_gnutls.verify(&key, ATLS_BYTES(digest, 32), ATLS_BYTES(signature, size));
}

static void test_socket_and_inproc_are_the_same(void **state)
{
    struct atls_device *a, *b;
    struct atls_public_key key;
    uint8_t *x, *y, challenge[32] = {3};
    size_t x_size, y_size;
    struct served s;
    uint32_t handle;
    start(&s, 0, NULL);
    a = open_served(&s, 5000);
    assert_ok(atls_device_open("inproc:7", 1000, &b));
    assert_ok(atls_device_create_key(a, ATLS_P384, &handle, &key));
    assert_ok(atls_device_attest_key(a, handle, ATLS_BYTES(challenge, 32), &x, &x_size));
    assert_ok(atls_device_create_key(b, ATLS_P384, &handle, &key));
    assert_ok(atls_device_attest_key(b, handle, ATLS_BYTES(challenge, 32), &y, &y_size));
    assert_true(atls_bytes_equal(ATLS_BYTES(x, x_size), ATLS_BYTES(y, y_size)));
    free(x);
    free(y);
    atls_device_close(a);
    atls_device_close(b);
    assert_int_equal(stop(&s), 0);
}

static void test_large_evidence(void **state)
{
    struct atls_device *device;
    struct atls_public_key key;
    struct served s;
    uint8_t *cab, challenge[32] = {3};
    uint32_t handle;
    size_t size;
    start(&s, 1021, NULL);
    device = open_served(&s, 10000);
    assert_ok(atls_device_create_key(device, ATLS_P256, &handle, &key));
    assert_ok(atls_device_attest_key(device, handle, ATLS_BYTES(challenge, 32), &cab, &size));
    assert_true(size > 90000);
    free(cab);
    atls_device_close(device);
    assert_int_equal(stop(&s), 0);
}

static void test_faults_survived(void **state)
{
    static const char *const faults[] = {"drop-every=2", "drop-every=3", "garble-every=2",
                                         "garble-every=3"};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct atls_device *device;
        struct served s;
        start(&s, 20, faults[i]);
        device = open_served(&s, 5000);
        assert_case(faults[i], use(device, 1), 0);
        assert_case(faults[i], use(device, 2), 0);
        atls_device_close(device);
        assert_int_equal(stop(&s), 0);
    }
}

static void test_faults_not_survived(void **state)
{
    static const struct {
        const char *fault;
        const char *reason;
        double least, most; /* seconds until the client gives up */
        int result;         /* of the server */
    } cases[] = {
        {"drop-every=1", "no answer within 300 ms", 0.3, 2, 0},
        {"hang-after=0", "no answer within 300 ms", 0.3, 2, 0},
        {"hang-after=2", "no answer within 300 ms", 0.3, 2, 0},
        {"garble-every=1", "came garbled", 0, 2, 0},
        {"exit-after=0", "the device is gone", 0, 1, ATLS_E_UNAVAILABLE},
        {"exit-after=1", "the device is gone", 0, 1, ATLS_E_UNAVAILABLE},
        {"exit-after=2", "the device is gone", 0, 1, ATLS_E_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_device *device;
        struct served s;
        double begin = atls_now(), took;
        start(&s, 0, cases[i].fault);
        device = open_served(&s, 300);
        assert_case(cases[i].fault, use(device, 1), ATLS_E_UNAVAILABLE);
        took = atls_now() - begin;
        if (!strstr(atls_error_text(), cases[i].reason))
            fail_msg("%s: %s", cases[i].fault, atls_error_text());
        if (took < cases[i].least || took > cases[i].most)
            fail_msg("%s: took %f s", cases[i].fault, took);
        assert_int_equal(use(device, 1), ATLS_E_UNAVAILABLE); /* and so it stays */
        atls_device_close(device);
        assert_case(cases[i].fault, stop(&s), cases[i].result);
    }
}

static void test_fault_texts_refused(void **state)
{
    static const struct {
        const char *text;
        int outcome;
    } cases[] = {
        {"", ATLS_E_UNSUPPORTED},
        {"explode=1", ATLS_E_UNSUPPORTED},
        {"exit-after", -EINVAL},
        {"exit-after=", -EINVAL},
        {"exit-after=x", -EINVAL},
        {"exit-after=-1", -EINVAL},
        {"drop-every=0", -EINVAL},
        {"garble-every=0", -EINVAL},
        {"hang-after=9999999999", -EINVAL},
        {"exit", ATLS_E_UNSUPPORTED},
        {"exit-after1=1", ATLS_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_server_faults faults = ATLS_SERVER_NO_FAULTS;
        assert_case(cases[i].text, atls_server_fault_parse(cases[i].text, &faults),
                    cases[i].outcome);
        assert_int_equal(faults.exit_after, -1);
        assert_int_equal(faults.hang_after, -1);
    }
}

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
};

static bool forward(struct proxy *p, int from, int to, unsigned *counter, bool harm)
{
    uint8_t in[4096], out[4096];
    ssize_t n = read(from, in, sizeof in);
    size_t size = 0;
    if (n <= 0)
        return false;
    for (ssize_t i = 0; i < n; i++) {
        bool now = harm && ++*counter % p->noise.every == 0;
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

static int connect_raw(const struct served *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", s->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
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
        assert_int_equal(s.device->core.keys.last_handle, 4);
        assert_int_equal(stop(&s), 0);
    }
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

struct worker {
    const struct served *served;
    pthread_t thread;
    int result;
};

static void *work(void *context)
{
    struct worker *w = context;
    struct atls_device *device;
    w->result = atls_device_open(w->served->address, 20000, &device);
    if (w->result)
        return NULL;
    for (unsigned i = 0; i < 20 && !w->result; i++)
        w->result = use(device, 0);
    atls_device_close(device);
    return NULL;
}

static void test_clients_at_once(void **state)
{
    struct worker workers[8];
    struct served s;
    int stalled, deaf;
    struct atls_link_header header = {ATLS_LINK_REQUEST, 1, 0};
    uint8_t frame[100];
    size_t size;
    start(&s, 0, NULL);
    /* One client sends half a frame and stalls; another asks and asks and never reads. */
    stalled = connect_raw(&s);
    assert_int_equal(write(stalled, "\0\5ab", 4), 4);
    deaf = connect_raw(&s);
    assert_int_equal(fcntl(deaf, F_SETFL, O_NONBLOCK), 0);
    for (unsigned i = 0; i < 3000; i++) {
        header.sequence++;
        assert_ok(atls_link_encode(&header, ATLS_BYTES("\7", 1), frame, sizeof frame, &size));
        if (send(deaf, frame, size, MSG_NOSIGNAL) < 0)
            break;
    }
    for (size_t i = 0; i < 8; i++) {
        workers[i] = (struct worker){.served = &s};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].result, 0);
    }
    assert_int_equal(s.device->core.keys.last_handle, 160);
    close(stalled);
    close(deaf);
    assert_int_equal(stop(&s), 0);
}

/* A key belongs to the device, not to a connection: whoever knows the handle can use it. */
static void test_keys_outlive_connections(void **state)
{
    struct atls_device *device;
    struct atls_public_key key;
    struct served s;
    uint8_t signature[ATLS_SIGNATURE_MAX], digest[32] = {0};
    uint32_t handle;
    size_t size;
    start(&s, 0, NULL);
    device = open_served(&s, 2000);
    assert_ok(atls_device_create_key(device, ATLS_P256, &handle, &key));
    atls_device_close(device);
    device = open_served(&s, 2000);
    assert_ok(atls_device_sign(device, handle, ATLS_BYTES(digest, 32), signature, &size));
    atls_device_close(device);
    assert_int_equal(stop(&s), 0);
}

static void test_device_gone_between_requests(void **state)
{
    struct atls_device *device;
    struct atls_device_info info;
    struct served s;
    start(&s, 0, NULL);
    device = open_served(&s, 1000);
    assert_ok(atls_device_info(device, &info));
    assert_int_equal(stop(&s), 0);
    assert_int_equal(atls_device_info(device, &info), ATLS_E_UNAVAILABLE);
    assert_non_null(strstr(atls_error_text(), "the device is gone"));
    atls_device_close(device);
}

static void test_listening(void **state)
{
    char path[300], long_path[200];
    int first, second;
    FILE *file;
    snprintf(path, sizeof path, "%s/l", directory);
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = 0;
    assert_int_equal(atls_server_listen("", &first), -EINVAL);
    assert_int_equal(atls_server_listen(long_path, &first), -EINVAL);
    assert_int_equal(atls_server_listen("/nonexistent/socket", &first), -ENOENT);
    assert_ok(atls_server_listen(path, &first));
    assert_int_equal(atls_server_listen(path, &second), -EADDRINUSE); /* somebody listens */
    close(first);
    assert_ok(atls_server_listen(path, &first)); /* nobody does any more */
    close(first);
    unlink(path);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(atls_server_listen(path, &first), -EADDRINUSE); /* a file is not removed */
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
}

static int make_directory(void **state)
{
    test_make_directory(directory);
    return 0;
}

static int remove_directory(void **state)
{
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket_and_inproc_are_the_same),
        cmocka_unit_test(test_large_evidence),
        cmocka_unit_test(test_faults_survived),
        cmocka_unit_test(test_faults_not_survived),
        cmocka_unit_test(test_fault_texts_refused),
        cmocka_unit_test(test_noisy_lines),
        cmocka_unit_test(test_late_answers_do_not_count),
        cmocka_unit_test(test_clients_at_once),
        cmocka_unit_test(test_keys_outlive_connections),
        cmocka_unit_test(test_device_gone_between_requests),
        cmocka_unit_test(test_listening),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
