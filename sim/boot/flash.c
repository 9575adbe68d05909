/* SPDX-License-Identifier: Apache-2.0 */
/* Fuses and the bootloader's state as bytes of flash; see flash.h. */
#include "sim/boot/flash.h"

#include <string.h>

#include "rats/base/error.h"
#include "sim/base/frame.h"

#define CLAUSE "flash, sim/boot/flash.h"
#define FUSES_MAGIC 0x41544c46u /* "ATLF" */
#define STATE_MAGIC 0x41544c4eu /* "ATLN" */
#define FORMAT 1

static uint32_t checksum(const uint8_t *data, size_t size)
{
    struct atls_bytes part = {data, size};
    return atls_crc32(&part, 1);
}

int atls_fuses_write(const struct atls_fuses *fuses, uint8_t *out, size_t capacity, size_t *sizep)
{
    struct atls_sink s = atls_sink_of(out, capacity);
    struct atls_bytes written;
    int result;
    atls_sink_u32(&s, FUSES_MAGIC);
    atls_sink_u16(&s, FORMAT);
    atls_sink_u16(&s, fuses->lifecycle);
    atls_sink_u16(&s, (uint16_t)fuses->profile);
    atls_sink_u16(&s, (uint16_t)fuses->policy);
    atls_sink_bytes(&s, ATLS_BYTES(fuses->signer, sizeof fuses->signer));
    atls_sink_bytes(&s, ATLS_BYTES(fuses->implementation_id, sizeof fuses->implementation_id));
    atls_sink_bytes(&s, ATLS_BYTES(fuses->seed, sizeof fuses->seed));
    atls_sink_bytes(&s, ATLS_BYTES(fuses->entropy, sizeof fuses->entropy));
    if ((result = atls_sink_done(&s, &written)))
        return result;
    atls_sink_u32(&s, checksum(written.data, written.size));
    if ((result = atls_sink_done(&s, &written)))
        return result;
    *sizep = written.size;
    return 0;
}

static int parse_fuses(struct atls_cursor *c, struct atls_fuses *fuses)
{
    struct atls_bytes signer, implementation_id, seed, entropy;
    uint16_t format, profile, policy;
    uint32_t magic;
    int result;
    if ((result = atls_cursor_u32(c, "magic of the fuses", &magic)) ||
        (result = atls_cursor_u16(c, "format of the fuses", &format)) ||
        (result = atls_cursor_u16(c, "lifecycle", &fuses->lifecycle)) ||
        (result = atls_cursor_u16(c, "profile of the tokens", &profile)) ||
        (result = atls_cursor_u16(c, "boot policy", &policy)) ||
        (result = atls_cursor_take(c, "signer", sizeof fuses->signer, &signer)) ||
        (result = atls_cursor_take(c, "implementation id", sizeof fuses->implementation_id,
                                   &implementation_id)) ||
        (result = atls_cursor_take(c, "seed", sizeof fuses->seed, &seed)) ||
        (result = atls_cursor_take(c, "entropy", sizeof fuses->entropy, &entropy)))
        return result;
    if (magic != FUSES_MAGIC || format != FORMAT)
        return atls_fail(ATLS_E_UNSUPPORTED, CLAUSE, "these are no fuses of format %d", FORMAT);
    if (profile > ATLS_PSA_ARM_2 || policy > ATLS_BOOT_ENFORCE)
        return atls_fail(ATLS_E_UNSUPPORTED, CLAUSE, "unknown profile %u or boot policy %u",
                         (unsigned)profile, (unsigned)policy);
    fuses->profile = (enum atls_psa_profile)profile;
    fuses->policy = (enum atls_boot_policy)policy;
    memcpy(fuses->signer, signer.data, signer.size);
    memcpy(fuses->implementation_id, implementation_id.data, implementation_id.size);
    memcpy(fuses->seed, seed.data, seed.size);
    memcpy(fuses->entropy, entropy.data, entropy.size);
    return 0;
}

int atls_fuses_parse(struct atls_bytes in, struct atls_fuses *fusesp)
{
    struct atls_cursor c = atls_cursor_of(in, CLAUSE);
    struct atls_fuses fuses = {0};
    uint32_t sum;
    int result;
    if ((result = parse_fuses(&c, &fuses)) ||
        (result = atls_cursor_u32(&c, "checksum of the fuses", &sum)))
        return result;
    if (sum != checksum(in.data, ATLS_FUSES_SIZE - 4))
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "the checksum of the fuses is wrong");
    *fusesp = fuses;
    atls_erase(&fuses, sizeof fuses);
    return 0;
}

void atls_boot_state_encode(const struct atls_boot_state *state,
                            uint8_t pagep[ATLS_BOOT_STATE_SIZE])
{
    struct atls_sink s = atls_sink_of(pagep, ATLS_BOOT_STATE_SIZE);
    atls_sink_u32(&s, STATE_MAGIC);
    atls_sink_u32(&s, state->sequence);
    for (unsigned i = 0; i < ATLS_COUNTERS; i++)
        atls_sink_u32(&s, state->counters[i]);
    atls_sink_u32(&s, checksum(pagep, s.used));
}

static int parse_state(const uint8_t *page, struct atls_boot_state *state)
{
    struct atls_cursor c = atls_cursor_of(ATLS_BYTES(page, ATLS_BOOT_STATE_SIZE), CLAUSE);
    uint32_t magic, sum;
    int result;
    if ((result = atls_cursor_u32(&c, "magic", &magic)) ||
        (result = atls_cursor_u32(&c, "sequence", &state->sequence)))
        return result;
    for (unsigned i = 0; i < ATLS_COUNTERS; i++)
        if ((result = atls_cursor_u32(&c, "security counter", &state->counters[i])))
            return result;
    if ((result = atls_cursor_u32(&c, "checksum", &sum)))
        return result;
    return magic == STATE_MAGIC && sum == checksum(page, ATLS_BOOT_STATE_SIZE - 4)
               ? 0
               : atls_fail(ATLS_E_MALFORMED, CLAUSE, "a page of the boot state is not whole");
}

int atls_boot_state_read(const uint8_t *const pages[2], struct atls_boot_state *statep,
                         unsigned *pagep)
{
    struct atls_boot_state states[2];
    bool whole[2];
    unsigned newer;
    for (unsigned i = 0; i < 2; i++)
        whole[i] = parse_state(pages[i], &states[i]) == 0;
    if (!whole[0] && !whole[1])
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "no page of the boot state is whole");
    newer = !whole[0] || (whole[1] && states[1].sequence > states[0].sequence);
    *statep = states[newer];
    *pagep = newer;
    return 0;
}
