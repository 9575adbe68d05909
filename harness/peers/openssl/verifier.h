/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client of a verifier's challenge-response API as Veraison has it. Each call blocks: a connection
 * has a thread of its own here. Refusals are verifier-unreachable, -timeout, -error, -garbage and
 * session-expired.
 */
#ifndef PEER_VERIFIER_H
#define PEER_VERIFIER_H

#include <jansson.h>

#include "base.h"

struct verifier_session; /* of one appraisal */
/* Opens a session at URL over NONCE, or, where that is empty, over NONCE_SIZE bytes of its making.
 */
int verifier_open(const char *url, unsigned timeout_ms, struct bytes nonce, size_t nonce_size,
                  struct verifier_session **sessionp, struct why *why);
void verifier_close(struct verifier_session *session);
struct bytes verifier_nonce(const struct verifier_session *session);
/* Does it take evidence of that type? */
bool verifier_takes(const struct verifier_session *session, const char *media_type);
/* Evidence for the result: the JWT is appended. */
int verifier_ask(struct verifier_session *session, const char *media_type, struct bytes evidence,
                 struct blob *jwt, struct why *why);
/* The verifier's key by discovery; the caller's. */
int verifier_key(const char *url, unsigned timeout_ms, json_t **jwkp, struct why *why);

#endif
