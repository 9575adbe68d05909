/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event loop waits for, at the same cost however much there is: the kernel keeps the
 * descriptors (epoll(7)), and deadlines stand in queues that are in order by themselves, since all
 * of a queue are the same time away when they join it.
 */
#ifndef ATLS_TLS_PROGRAMS_WAITS_H
#define ATLS_TLS_PROGRAMS_WAITS_H

#include <stddef.h>
#include <stdint.h>

struct atls_due_queue; /* all zero at first */
struct atls_due {      /* all zero: in no queue */
    double at;
    struct atls_due_queue *queue;
    struct atls_due *previous, *next;
};
struct atls_due_queue {
    struct atls_due *first, *last; /* FIRST is due first */
    size_t count;
};

/* Takes DUE out of its queue (none: nothing happens), and to the end of QUEUE (NULL: to none). AT
 * must be no earlier than that of those there. */
void atls_due_move(struct atls_due *due, struct atls_due_queue *queue, double at);

/* Has the epoll set SET watch FD for the events WANTED (EPOLLIN, EPOLLOUT; 0: not at all), and say
 * WHOSE when they come. *WATCHEDP is what it watches it for, 0 at first. -errno. */
int atls_watch(int set, int fd, void *whose, uint32_t wanted, uint32_t *watchedp);

#endif
