/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of profiles and of code points. */
#ifndef PEER_PROFILES_H
#define PEER_PROFILES_H

#include "party.h"

/* NULL: none of that name. */
const struct profile *profile_by_name(const char *name);
void points_default(uint16_t values[POINTS]);

#endif
