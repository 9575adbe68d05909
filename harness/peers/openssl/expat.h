/* SPDX-License-Identifier: Apache-2.0 */
/* expat-04 behind the handshake: requests, authenticators, "done" and the line, in frames. */
#ifndef PEER_EXPAT_H
#define PEER_EXPAT_H

#include "connection.h"

int expat_run(struct connection *c);
void expat_free(struct connection *c);

#endif
