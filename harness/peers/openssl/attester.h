/* SPDX-License-Identifier: Apache-2.0 */
/* The attester: a credential, as a CMW, for what it must answer. */
#ifndef PEER_ATTESTER_H
#define PEER_ATTESTER_H

#include "party.h"

/* In MODEL, over BINDER: evidence of the device, or a result, which may be one that was fetched
 * before. Appended to CMW; says all events. */
int attest(const struct party *party, unsigned conn, enum model model, struct bytes binder,
           struct blob *cmw, struct why *why);

#endif
