/* SPDX-License-Identifier: Apache-2.0 */
/* A list of handles with their owners; see owners.h. */
#include "sim/device/owners.h"

#include "rats/base/error.h"
#include "sim/device/protocol.h"

#define CLAUSE "request, sim/device/protocol.h"

/* The handle that a request is about, 0 where it is about none. What is wrong with the request
 * besides, the device says. */
static uint32_t handle_in(struct atls_bytes request)
{
    struct atls_cursor c = atls_cursor_of(request, CLAUSE);
    struct atls_bytes kind;
    uint8_t operation;
    uint32_t handle;
    if (atls_cursor_u8(&c, "operation", &operation))
        return 0;
    if (operation == ATLS_OP_ATTEST_AS && atls_cursor_vector(&c, "kind", 1, 0, UINT8_MAX, &kind))
        return 0;
    switch (operation) {
    case ATLS_OP_ATTEST_AS:
    case ATLS_OP_DESTROY_KEY:
    case ATLS_OP_ATTEST_KEY:
    case ATLS_OP_SIGN:
    case ATLS_OP_ATTEST_PROTOTYPE:
    case ATLS_OP_KEEP_KEY:
        return atls_cursor_u32(&c, "handle", &handle) ? 0 : handle;
    default:
        return 0;
    }
}

static size_t find(const struct atls_owners *owners, uint32_t handle)
{
    size_t i = 0;
    while (i < owners->count && owners->keys[i].handle != handle)
        i++;
    return i;
}

static void remove_at(struct atls_owners *owners, size_t i)
{
    owners->keys[i] = owners->keys[--owners->count];
}

int atls_owners_check(const struct atls_owners *owners, const void *owner,
                      struct atls_bytes request)
{
    uint32_t handle = handle_in(request);
    size_t i = find(owners, handle);
    if (handle == 0 || i == owners->count || !owners->keys[i].owner ||
        owners->keys[i].owner == owner)
        return 0;
    return atls_fail(ATLS_E_REFUSED, NULL,
                     "there is no identity key with handle %lu that belongs to this connection",
                     (unsigned long)handle);
}

void atls_owners_note(struct atls_owners *owners, const void *owner, struct atls_bytes request,
                      struct atls_bytes answer)
{
    struct atls_cursor c = atls_cursor_of(answer, CLAUSE);
    uint32_t handle = handle_in(request);
    uint8_t operation, outcome;
    if (atls_cursor_u8(&c, "operation", &operation) || atls_cursor_u8(&c, "outcome", &outcome) ||
        outcome != ATLS_DONE)
        return;
    size_t i = find(owners, handle);
    if (operation == ATLS_OP_CREATE_KEY && owners->count < ATLS_OWNED_MAX &&
        !atls_cursor_u32(&c, "handle", &handle))
        owners->keys[owners->count++] = (struct atls_owned){handle, owner};
    else if (operation == ATLS_OP_DESTROY_KEY && i < owners->count)
        remove_at(owners, i);
    else if (operation == ATLS_OP_KEEP_KEY && i < owners->count)
        owners->keys[i].owner = NULL;
}

bool atls_owners_orphan(struct atls_owners *owners, const void *owner, uint32_t *handlep)
{
    for (size_t i = 0; i < owners->count; i++)
        if (owners->keys[i].owner == owner) {
            *handlep = owners->keys[i].handle;
            remove_at(owners, i);
            return true;
        }
    return false;
}
