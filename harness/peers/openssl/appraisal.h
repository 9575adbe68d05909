/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party: what it checks itself, then the verifier's judgement (background check) or the
 * result that was presented (passport). It fails closed.
 */
#ifndef PEER_APPRAISAL_H
#define PEER_APPRAISAL_H

#include "party.h"

/* Of a CMW that nobody negotiated: a result, or evidence? */
enum model appraisal_model(const struct party *party, struct bytes cmw);
/* Of results: the trusted verifier that one says made it, or the first. */
const struct trusted *appraisal_issuer(const struct party *party, struct bytes cmw);

/* CHALLENGE is what evidence must answer, LEAF the key that must be attested. Says all events. */
int appraise(const struct party *party, unsigned conn, enum model model, struct bytes challenge,
             const struct public_key *leaf, struct bytes cmw, const struct trusted *expected,
             struct why *why);
/* The event of a verdict that there is none: the verifier gave no nonce. */
void appraisal_lost(unsigned conn, const struct why *why);

#endif
