/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a request may take to come in. The idle time of libmicrohttpd begins anew with each
 * byte, so whoever sends a byte now and then could hold a connection for ever, and enough of them
 * all there are. Here a request has so many seconds as a whole. And whoever waits to be accepted,
 * as there was no descriptor left, gets in at the cost of the connection that has been idle
 * longest.
 */
#ifndef ATLS_VERIFIER_STUB_HTTP_HTTP_WATCH_H
#define ATLS_VERIFIER_STUB_HTTP_HTTP_WATCH_H

#include <microhttpd.h>
#include <stdbool.h>

struct atls_http_watch;
/* LISTENER stays the caller's, open until the watch has stopped. -ENOMEM, -errno of the thread. */
int atls_http_watch_start(unsigned seconds, int listener, struct atls_http_watch **watchp);
/* It ends no connection from here on; those that there are may still leave, until it is freed. */
void atls_http_watch_stop(struct atls_http_watch *watch);
void atls_http_watch_free(struct atls_http_watch *watch);

/* MHD_OPTION_NOTIFY_CONNECTION; CONTEXT is the watch. */
void atls_http_watch_connection(void *context, struct MHD_Connection *connection, void **guestp,
                                enum MHD_ConnectionNotificationCode code);
/* A request begins (ANSWERING false), or is whole and waits for its answer (true). */
void atls_http_watch_note(struct atls_http_watch *watch, struct MHD_Connection *connection,
                          bool answering);

#endif
