/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an end of a connection told in its events (harness/peers/README.md), held against what
 * became of it and against what the other end told. Every test with two ends goes through it.
 */
#ifndef ATLS_TLS_ENGINE_TEST_STORY_H
#define ATLS_TLS_ENGINE_TEST_STORY_H

#include "tls/engine/test-ends.h"

/* The events of an end that has ended: each of the right fields, in order, one handshake. */
void check_story(const struct end *end);
/* What one end sent is what the other received: offer, selection, roles, lines. */
void check_stories(const struct end *client, const struct end *server);

#endif
