/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport under a library: what there is no room for is kept and sent later, in its order;
 * what the session refuses of a hello, and a socket that is gone, are errors; nothing ever waits.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/peers/linked/wire.h"

#define LARGE (4u << 20) /* more than any socket keeps */

struct atls_session {
    bool refuses; /* any hello */
    unsigned failures;
};

int session_fail(struct atls_session *s, const char *reason, int alert, const char *clause,
                 const char *detail)
{
    s->failures++;
    return -1;
}

int session_hello_message(struct atls_session *s, enum atls_handshake_type type,
                          struct atls_bytes message)
{
    return s->refuses ? -1 : 0;
}

struct pair {
    struct atls_session session;
    struct wire wire;
    int other;
};

static void open_pair(struct pair *p)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    p->session = (struct atls_session){.refuses = false};
    wire_init(&p->wire, &p->session);
    p->wire.fd = fds[0];
    p->other = fds[1];
}

static void close_pair(struct pair *p)
{
    wire_clear(&p->wire);
    close(p->wire.fd);
    if (p->other >= 0)
        close(p->other);
}

/* A record that is no handshake: hellos look no further. */
static uint8_t *make_record(size_t size)
{
    uint8_t *record = malloc(size);
    assert_non_null(record);
    for (size_t i = 0; i < size; i++)
        record[i] = (uint8_t)(i * 31 + i / 251);
    record[0] = 23;
    return record;
}

static void test_kept(void **state)
{
    struct pair p;
    uint8_t *sent = make_record(LARGE), *came = malloc(2 * LARGE);
    size_t have = 0;
    bool waited = false;
    open_pair(&p);
    p.wire.hellos.over = true;
    assert_non_null(came);
    assert_int_equal(wire_send(&p.wire, ATLS_BYTES(sent, LARGE)), 0); /* not EAGAIN */
    assert_int_equal(wire_flush(&p.wire), -EAGAIN);
    assert_int_equal(wire_send(&p.wire, ATLS_BYTES(sent, LARGE)), 0); /* behind it */
    while (have < 2 * LARGE) {
        ssize_t size = recv(p.other, came + have, 2 * LARGE - have, 0);
        int left = wire_flush(&p.wire);
        if (size > 0)
            have += (size_t)size;
        else
            assert_int_equal(errno, EAGAIN);
        waited = waited || left == -EAGAIN;
        assert_true(left == 0 || left == -EAGAIN);
    }
    assert_true(waited);
    assert_int_equal(wire_flush(&p.wire), 0);
    assert_memory_equal(came, sent, LARGE);
    assert_memory_equal(came + LARGE, sent, LARGE);
    free(sent);
    free(came);
    close_pair(&p);
}

static void test_receive(void **state)
{
    struct pair p;
    uint8_t buffer[16];
    open_pair(&p);
    assert_int_equal(wire_receive(&p.wire, buffer, sizeof buffer), -EAGAIN);
    assert_int_equal(send(p.other, "\x17\x03\x03\x00\x01x", 6, 0), 6);
    assert_int_equal(wire_receive(&p.wire, buffer, sizeof buffer), 6);
    assert_memory_equal(buffer, "\x17\x03\x03\x00\x01x", 6);
    close(p.other);
    p.other = -1;
    assert_int_equal(wire_receive(&p.wire, buffer, sizeof buffer), 0); /* its end */
    assert_int_equal(wire_send(&p.wire, ATLS_BYTES(buffer, 6)), -EPIPE);
    close_pair(&p);
}

static void test_refused(void **state)
{
    /* a ClientHello of one byte in one record: the session is told of it */
    static const uint8_t hello[] = {22, 3, 3, 0, 5, 1, 0, 0, 1, 0};
    uint8_t buffer[16];
    struct pair p;
    open_pair(&p);
    p.session.refuses = true;
    assert_int_equal(wire_send(&p.wire, ATLS_BYTES(hello, sizeof hello)), -EIO);
    assert_int_equal(recv(p.other, buffer, sizeof buffer, 0), -1); /* and nothing went out */
    assert_int_equal(errno, EAGAIN);
    close_pair(&p);
    open_pair(&p);
    p.session.refuses = true;
    assert_int_equal(send(p.other, hello, sizeof hello, 0), sizeof hello);
    assert_int_equal(wire_receive(&p.wire, buffer, sizeof buffer), -EIO);
    close_pair(&p);
}

static void test_without_socket(void **state)
{
    struct pair p;
    uint8_t byte = 23;
    open_pair(&p);
    int fd = p.wire.fd;
    p.wire.fd = -1;
    assert_int_equal(wire_send(&p.wire, ATLS_BYTES(&byte, 1)), -ENOTCONN);
    p.wire.fd = fd;
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_receive),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_without_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
