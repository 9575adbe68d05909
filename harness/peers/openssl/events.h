/* SPDX-License-Identifier: Apache-2.0 */
/* What the adapter says of itself: one JSON object a line (harness/peers/README.md). */
#ifndef PEER_EVENTS_H
#define PEER_EVENTS_H

#include <jansson.h>

#include "base.h"

/* WHO is client or server; PATH NULL: nothing is said. Any thread may say something. */
int events_open(const char *who, const char *path);
/* FIELDS is an object, which is used up. */
void event(const char *name, json_t *fields);
json_t *json_hex(struct bytes bytes);
/* Text of a peer: as hexadecimal where it is no UTF-8. */
json_t *json_text(struct bytes bytes);

/* Bytes in a file of their own in DIRECTORY, called conn-N-WHAT; its name, "" where there is none.
 */
void artifact(const char *directory, unsigned conn, const char *what, struct bytes bytes,
              char name[64]);
void event_credential(const char *directory, unsigned conn, const char *direction,
                      struct bytes cmw);
void event_challenge(unsigned conn, const char *direction, struct bytes nonce);
void event_result(unsigned conn, const char *source, const char *file, const int64_t *expires_in);

const char *alert_name(unsigned alert);

#endif
