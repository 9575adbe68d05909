/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nonces asked for ahead of need: a few sessions that are open with a verifier and wait for a
 * connection, which then begins without a round trip to it. draft-fossati-tls-attestation-07
 * section 9.2 has it so: a server obtains the nonce "in real-time or from a reserved nonce range".
 *
 * A session that was taken is the taker's alone, so each nonce is for one connection. It is given
 * out in the first half of its lifetime only, so that the connection has the other half. When the
 * verifier has failed anybody, all that are kept are given up: the next connection asks by itself,
 * and hears of it. Nothing here waits or blocks.
 */
#ifndef ATLS_ROLES_NONCES_H
#define ATLS_ROLES_NONCES_H

#include "roles/verifier-client.h"

#define ATLS_NONCES_MAX 64

struct atls_nonces;
/* WANTED sessions at most, 1 to ATLS_NONCES_MAX, whose nonces have SIZE bytes. URL and CLIENT are
 * borrowed. Asks for nothing yet. -ENOMEM, -EINVAL. */
int atls_nonces_new(struct atls_verifier_client *client, const char *url, size_t size,
                    unsigned wanted, struct atls_nonces **noncesp);
/* The verifier is told of each session that was not used, in the background. NULL is fine. */
void atls_nonces_free(struct atls_nonces *nonces);
/* The oldest session whose nonce is there and fresh; the caller's from now on. NULL where there is
 * none, or NONCES is NULL. */
struct atls_verifier_session *atls_nonces_take(struct atls_nonces *nonces);
/* How many could be taken, as far as was seen. */
unsigned atls_nonces_ready(const struct atls_nonces *nonces);
/* Looks at what has come, gives up what has grown old, and asks for what is missing. To be called
 * between connections' steps, at least once a second. NULL is fine. */
void atls_nonces_refill(struct atls_nonces *nonces);
/* The verifier has failed: see above. After a moment one session is asked for, and more once that
 * one is there. NULL is fine. */
void atls_nonces_distrust(struct atls_nonces *nonces);

#endif
