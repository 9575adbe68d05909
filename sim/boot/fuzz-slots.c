/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: what a bootloader finds in flash and in the memory that the stage before it left.
 * Byte 0 chooses what: the boot record handed over, the fuses, the two pages of the state, or the
 * two slots (bytes 1 and 2: where the second slot begins, and policy and counter).
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "sim/boot/handover.h"
#include "sim/boot/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WINDOW = 1024, BODY_AT = 256, ENTRIES = 8 };

static void expect(bool condition)
{
    if (!condition)
        abort();
}

/* No hash and no signature: so that the fuzzer gets behind them. */
static int fake_hash(enum atls_hash hash, const struct atls_bytes *parts, size_t count,
                     uint8_t *digestp)
{
    memset(digestp, 0, hash == ATLS_SHA256 ? 32 : 64);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < parts[i].size; j++)
            digestp[j % 32] ^= parts[i].data[j];
    return 0;
}

static int fake_verify(const struct atls_public_key *key, struct atls_bytes digest,
                       struct atls_bytes signature)
{
    (void)key;
    (void)digest;
    return signature.data[0] & 1 ? 0 : ATLS_E_SIGNATURE;
}

static const struct atls_crypto fake = {.name = "fake", .hash = fake_hash, .verify = fake_verify};

static void read_handover(struct atls_bytes in)
{
    struct atls_boot_entry entries[ENTRIES];
    struct atls_boot_record record;
    uint8_t out[ATLS_HANDOVER_HEADER + ENTRIES * ATLS_HANDOVER_ENTRY];

    atls_boot_record_init(&record, entries, ENTRIES);
    if (!atls_handover_read(in, &record))
        expect(atls_handover_write(&record, out, sizeof out) == 0);
}

static void read_fuses(struct atls_bytes in)
{
    struct atls_fuses fuses, again;
    uint8_t out[ATLS_FUSES_SIZE];
    size_t written;

    if (atls_fuses_parse(in, &fuses))
        return;
    expect(atls_fuses_write(&fuses, out, sizeof out, &written) == 0);
    expect(atls_fuses_parse(ATLS_BYTES(out, written), &again) == 0);
    expect(fuses.policy == again.policy && fuses.lifecycle == again.lifecycle);
}

static void read_state(struct atls_bytes in)
{
    const uint8_t *pages[2] = {in.data, in.data + ATLS_BOOT_STATE_SIZE};
    uint8_t again[ATLS_BOOT_STATE_SIZE];
    struct atls_boot_state state;
    unsigned page;

    if (in.size < sizeof again * 2 || atls_boot_state_read(pages, &state, &page))
        return;
    atls_boot_state_encode(&state, again);
    expect(page < 2 && memcmp(again, pages[page], sizeof again) == 0);
}

/* A copy of its exact size: a sanitizer sees one byte more. */
static uint8_t *exactly(struct atls_bytes bytes)
{
    uint8_t *copy = malloc(bytes.size ? bytes.size : 1);

    expect(copy != NULL);
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    return copy;
}

static void choose_slot(struct atls_bytes in, uint8_t cut_at, uint8_t settings)
{
    size_t cut = in.size * cut_at / UINT8_MAX;
    uint8_t signer[ATLS_IMAGE_SIGNER_ID_SIZE] = {0}, window[WINDOW];
    uint8_t *first = exactly(ATLS_BYTES(in.data, cut));
    uint8_t *second = exactly(ATLS_BYTES(in.data + cut, in.size - cut));
    struct atls_slot_choice choice = {
        .crypto = &fake,
        .component = "FW",
        .signer = signer,
        .policy = settings & 1 ? ATLS_BOOT_ENFORCE : ATLS_BOOT_MEASURE,
        .least_counter = settings >> 1,
        .slots = {ATLS_BYTES(first, cut), ATLS_BYTES(second, in.size - cut)},
        .window = window,
        .window_size = sizeof window,
        .body_at = BODY_AT,
    };
    struct atls_slot_chosen chosen;

    if (!atls_slot_choose(&choice, &chosen)) {
        expect(chosen.image.data >= window &&
               chosen.image.data + chosen.image.size <= window + sizeof window);
        expect(chosen.verified || choice.policy == ATLS_BOOT_MEASURE);
        expect(!chosen.verified || chosen.counter >= choice.least_counter);
        expect(chosen.slot < 2);
    }
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes rest;

    if (size < 3)
        return 0;
    rest = ATLS_BYTES(data + 3, size - 3);
    switch (data[0] % 4) {
    case 0:
        read_handover(rest);
        break;
    case 1:
        read_fuses(rest);
        break;
    case 2:
        read_state(rest);
        break;
    default:
        choose_slot(rest, data[1], data[2]);
    }
    return 0;
}
