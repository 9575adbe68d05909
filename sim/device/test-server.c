/* SPDX-License-Identifier: Apache-2.0 */
/* A device behind a socket: large answers, failing devices, and several clients at once. */
#include "sim/device/test-served.h"

#include <errno.h>

#include "program/program.h"
#include "sim/device/link.h"

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
        double least; /* seconds until the client gives up */
        int result;   /* of the server */
    } cases[] = {
        {"drop-every=1", "no answer within 300 ms", 0.3, 0},
        {"hang-after=0", "no answer within 300 ms", 0.3, 0},
        {"hang-after=2", "no answer within 300 ms", 0.3, 0},
        {"garble-every=1", "came garbled", 0, 0},
        {"exit-after=0", "the device is gone", 0, ATLS_E_UNAVAILABLE},
        {"exit-after=1", "the device is gone", 0, ATLS_E_UNAVAILABLE},
        {"exit-after=2", "the device is gone", 0, ATLS_E_UNAVAILABLE},
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
        if (took < cases[i].least)
            fail_msg("%s: took %f s", cases[i].fault, took);
        assert_int_equal(use(device, 1), ATLS_E_UNAVAILABLE); /* and so it stays */
        atls_device_close(device);
        assert_case(cases[i].fault, stop(&s), cases[i].result);
    }
}

/* A request that a client sends again is one request: how patient it is changes nothing. */
static void test_repeats_are_not_counted(void **state)
{
    static const uint32_t sent[] = {1, 1, 1, 2}, answered[] = {1, 1, 1, 2};
    uint8_t frame[64], payload[4096];
    struct atls_frame_decoder decoder;
    struct atls_bytes came, message;
    struct served s;
    size_t size, count = 0;
    uint8_t byte;

    start(&s, 0, "exit-after=2");
    int fd = connect_raw(&s);
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        struct atls_link_header header = {ATLS_LINK_REQUEST, 7, sent[i]};
        assert_ok(atls_link_encode(&header, ATLS_BYTES("?", 1), frame, sizeof frame, &size));
        assert_int_equal(send(fd, frame, size, MSG_NOSIGNAL), size);
    }
    atls_frame_decoder_init(&decoder, payload, sizeof payload);
    while (recv(fd, &byte, 1, 0) == 1)
        if (atls_frame_push(&decoder, byte, &came) == ATLS_FRAME_COMPLETE) {
            struct atls_link_header header;
            assert_ok(atls_link_decode(came, &header, &message));
            assert_true(count < sizeof answered / sizeof *answered);
            assert_int_equal(header.sequence, answered[count++]);
        }
    assert_int_equal(count, sizeof answered / sizeof *answered);
    close(fd);
    assert_int_equal(stop(&s), ATLS_E_UNAVAILABLE);
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
/* Handles are small numbers: nobody may guess his way to another client's key. */
static void test_keys_belong_to_their_connection(void **state)
{
    struct atls_device *owner, *other;
    struct atls_public_key key;
    struct served s;
    uint8_t signature[ATLS_SIGNATURE_MAX], *cab, digest[32] = {0};
    struct atls_bytes hash = ATLS_BYTES(digest, sizeof digest);
    uint32_t handle;
    size_t size;
    start(&s, 0, NULL);
    owner = open_served(&s, 2000);
    other = open_served(&s, 2000);
    assert_ok(atls_device_create_key(owner, ATLS_P256, &handle, &key));
    assert_int_equal(atls_device_sign(other, handle, hash, signature, &size), ATLS_E_REFUSED);
    assert_non_null(strstr(atls_error_text(), "belongs to this connection"));
    assert_int_equal(atls_device_attest_key(other, handle, hash, &cab, &size), ATLS_E_REFUSED);
    assert_int_equal(atls_device_attest_prototype(other, handle, hash, &cab, &size),
                     ATLS_E_REFUSED);
    assert_int_equal(atls_device_keep_key(other, handle), ATLS_E_REFUSED);
    assert_int_equal(atls_device_destroy_key(other, handle), ATLS_E_REFUSED);
    assert_ok(atls_device_sign(owner, handle, hash, signature, &size));
    assert_ok(atls_device_keep_key(owner, handle));
    atls_device_close(owner);
    assert_ok(atls_device_sign(other, handle, hash, signature, &size));
    assert_ok(atls_crypto_hosted.verify(&key, hash, ATLS_BYTES(signature, size)));
    assert_ok(atls_device_destroy_key(other, handle));
    assert_int_equal(atls_device_sign(other, handle, hash, signature, &size), ATLS_E_REFUSED);
    assert_int_equal(atls_device_keep_key(other, handle), ATLS_E_REFUSED);
    atls_device_close(other);
    assert_int_equal(stop(&s), 0);
}

/* A device has room for a number of keys: clients that leave without a word do not fill it. */
static void test_keys_of_clients_that_are_gone(void **state)
{
    struct atls_device *device;
    struct atls_public_key key;
    struct served s;
    uint32_t handle;
    start(&s, 0, NULL);
    device = open_served(&s, 5000);
    for (unsigned i = 0; i < ATLS_SIMULATED_KEYS; i++)
        assert_ok(atls_device_create_key(device, ATLS_P256, &handle, &key));
    assert_int_equal(atls_device_create_key(device, ATLS_P256, &handle, &key), ATLS_E_REFUSED);
    atls_device_close(device);
    device = open_served(&s, 5000);
    assert_ok(atls_device_create_key(device, ATLS_P256, &handle, &key));
    assert_int_equal(handle, ATLS_SIMULATED_KEYS + 1); /* handles are not used again */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket_and_inproc_are_the_same),
        cmocka_unit_test(test_large_evidence),
        cmocka_unit_test(test_faults_survived),
        cmocka_unit_test(test_faults_not_survived),
        cmocka_unit_test(test_repeats_are_not_counted),
        cmocka_unit_test(test_fault_texts_refused),
        cmocka_unit_test(test_clients_at_once),
        cmocka_unit_test(test_keys_belong_to_their_connection),
        cmocka_unit_test(test_keys_of_clients_that_are_gone),
        cmocka_unit_test(test_device_gone_between_requests),
        cmocka_unit_test(test_listening),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
