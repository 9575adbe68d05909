/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of deadlines and watched descriptors: what the event loop relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "rats/base/error.h"
#include "tls/programs/waits.h"

#define ENTRIES 4

static void assert_order(const struct atls_due_queue *queue, const struct atls_due *entries,
                         const char *order)
{
    const struct atls_due *previous = NULL, *due = queue->first;
    assert_int_equal(queue->count, strlen(order));
    for (; *order != '\0'; order++, previous = due, due = due->next) {
        assert_ptr_equal(due, &entries[*order - '0']);
        assert_ptr_equal(due->previous, previous);
        assert_ptr_equal(due->queue, queue);
    }
    assert_null(due);
    assert_ptr_equal(queue->last, previous);
}

/* Each row moves one entry out of "0123" to a queue, and says what is where then. */
static void test_an_entry_moves(void **state)
{
    static const struct {
        const char *name;
        size_t moved;
        int to; /* 0: the same queue, 1: another one, -1: none */
        const char *here, *there;
    } rows[] = {
        {"the first to another", 0, 1, "123", "0"},
        {"the last to another", 3, 1, "012", "3"},
        {"a middle one to another", 1, 1, "023", "1"},
        {"the first to the end", 0, 0, "1230", ""},
        {"the last to the end", 3, 0, "0123", ""},
        {"a middle one to the end", 2, 0, "0132", ""},
        {"the first to none", 0, -1, "123", ""},
        {"a middle one to none", 2, -1, "013", ""},
        {"the last to none", 3, -1, "012", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct atls_due entries[ENTRIES] = {0};
        struct atls_due_queue queues[2] = {{0}, {0}};
        print_message("%s\n", rows[i].name);
        for (size_t n = 0; n < ENTRIES; n++)
            atls_due_move(&entries[n], &queues[0], (double)n);
        assert_order(&queues[0], entries, "0123");
        atls_due_move(&entries[rows[i].moved], rows[i].to < 0 ? NULL : &queues[rows[i].to], 9);
        assert_order(&queues[0], entries, rows[i].here);
        assert_order(&queues[1], entries, rows[i].there);
        assert_true(entries[rows[i].moved].at == 9);
        if (rows[i].to < 0)
            assert_null(entries[rows[i].moved].queue);
    }
}

static void test_the_only_entry_leaves(void **state)
{
    struct atls_due entry = {0};
    struct atls_due_queue queue = {0};
    (void)state;
    atls_due_move(&entry, NULL, 1); /* it is in none */
    atls_due_move(&entry, &queue, 1);
    assert_order(&queue, &entry, "0");
    atls_due_move(&entry, NULL, 0);
    assert_order(&queue, &entry, "");
}

static int ready(int set, void **whosep, uint32_t *eventsp)
{
    struct epoll_event event = {.events = 0};
    int count = epoll_wait(set, &event, 1, 0);
    *whosep = event.data.ptr;
    *eventsp = event.events;
    return count;
}

/* An end of a pipe whose reader is gone is told of for ever, until it is watched no more. */
static void test_a_descriptor_is_watched(void **state)
{
    int pipes[2], whose = 0, set = epoll_create1(EPOLL_CLOEXEC);
    uint32_t watched = 0, events;
    void *told;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(atls_watch(set, pipes[1], &whose, 0, &watched), 0); /* not at all, as it is */
    assert_int_equal(atls_watch(set, pipes[1], &whose, EPOLLIN, &watched), 0);
    assert_int_equal(ready(set, &told, &events), 0);
    assert_int_equal(atls_watch(set, pipes[1], &whose, EPOLLOUT, &watched), 0);
    assert_int_equal(atls_watch(set, pipes[1], &whose, EPOLLOUT, &watched), 0);
    assert_int_equal(ready(set, &told, &events), 1);
    assert_ptr_equal(told, &whose);
    assert_int_equal(events, EPOLLOUT);
    close(pipes[0]);
    assert_int_equal(ready(set, &told, &events), 1);
    assert_true(events & EPOLLERR);
    assert_int_equal(atls_watch(set, pipes[1], &whose, 0, &watched), 0);
    assert_int_equal(watched, 0);
    assert_int_equal(ready(set, &told, &events), 0);
    close(pipes[1]);
    close(set);
}

static void test_what_cannot_be_watched(void **state)
{
    int pipes[2], set = epoll_create1(EPOLL_CLOEXEC);
    uint32_t watched = 0;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(atls_watch(set, pipes[0], &watched, EPOLLIN, &watched), -EBADF);
    assert_non_null(strstr(atls_error_text(), "Bad file descriptor"));
    assert_int_equal(watched, 0);
    close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_moves),
        cmocka_unit_test(test_the_only_entry_leaves),
        cmocka_unit_test(test_a_descriptor_is_watched),
        cmocka_unit_test(test_what_cannot_be_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
