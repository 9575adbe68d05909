/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket under the library: a BIO that waits, until the connection's time is over. With
 * c->own_alerts it drops the alerts that the library would send for what this adapter refuses: the
 * adapter sends its own, with the number that the profile has for it.
 */
#ifndef PEER_TRANSPORT_H
#define PEER_TRANSPORT_H

#include "connection.h"

/* Once for the program. */
int transport_start(void);
void transport_stop(void);
int transport_begin(struct connection *c);
/* Straight to the socket. */
int transport_send(struct connection *c, struct bytes bytes);

#endif
