/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/programs/waits.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "rats/base/error.h"

void atls_due_move(struct atls_due *due, struct atls_due_queue *queue, double at)
{
    struct atls_due_queue *old = due->queue;
    if (old) {
        *(due->previous ? &due->previous->next : &old->first) = due->next;
        *(due->next ? &due->next->previous : &old->last) = due->previous;
        old->count--;
    }
    *due = (struct atls_due){.at = at, .queue = queue};
    if (!queue)
        return;
    due->previous = queue->last;
    *(queue->last ? &queue->last->next : &queue->first) = due;
    queue->last = due;
    queue->count++;
}

int atls_watch(int set, int fd, void *whose, uint32_t wanted, uint32_t *watchedp)
{
    struct epoll_event event = {.events = wanted, .data.ptr = whose};
    int how = wanted == 0 ? EPOLL_CTL_DEL : *watchedp == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (wanted == *watchedp)
        return 0;
    if (epoll_ctl(set, how, fd, &event) != 0)
        return atls_fail(-errno, NULL, "a socket cannot be waited for: %s", strerror(errno));
    *watchedp = wanted;
    return 0;
}
