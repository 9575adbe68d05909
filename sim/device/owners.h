/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose the identity keys are: each belongs to the connection that created it (protocol.h), until
 * it is kept. The device itself knows no connections; whoever serves it asks here first.
 */
#ifndef ATLS_SIM_DEVICE_OWNERS_H
#define ATLS_SIM_DEVICE_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rats/base/bytes.h"

#define ATLS_OWNED_MAX 4096 /* more keys than a device has room for */

struct atls_owned {
    uint32_t handle;
    const void *owner; /* a connection; NULL: kept, and everybody's */
};

struct atls_owners {
    struct atls_owned keys[ATLS_OWNED_MAX];
    size_t count;
};

/* May OWNER make this request? ATLS_E_REFUSED, in the words of a device that has no such key, where
 * it is about the key of another connection. */
int atls_owners_check(const struct atls_owners *owners, const void *owner,
                      struct atls_bytes request);
/* Takes note of what the device has done for OWNER: of a key that was created, kept or destroyed.
 * ANSWER is the device's. */
void atls_owners_note(struct atls_owners *owners, const void *owner, struct atls_bytes request,
                      struct atls_bytes answer);
/* OWNER has gone: takes one of its keys off the list into *HANDLEP, which is to be destroyed now.
 * False where there is none (left). */
bool atls_owners_orphan(struct atls_owners *owners, const void *owner, uint32_t *handlep);

#endif
