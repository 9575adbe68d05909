/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies signed images and chooses between two slots; see slots.h. */
#include "sim/boot/slots.h"

#include <string.h>

#include "rats/base/error.h"

#define CLAUSE "image slot, sim/boot/slots.h"
#define MAGIC 0x41544c54u /* "ATLT" */
#define SIGNED_SIZE 8     /* magic and counter */
#define COORDINATE 32
#define SIGNATURE (2 * COORDINATE)

struct trailer {
    uint32_t counter;
    struct atls_bytes covered; /* magic and counter, as signed */
    struct atls_public_key key;
    struct atls_bytes signature;
};

static int hash_signed(const struct atls_crypto *crypto, struct atls_bytes image,
                       struct atls_bytes covered, uint8_t digestp[32])
{
    const struct atls_bytes parts[] = {image, covered};
    return crypto->hash(ATLS_SHA256, parts, 2, digestp);
}

int atls_trailer_write(const struct atls_crypto *crypto, const struct atls_private_key *key,
                       struct atls_bytes image, uint32_t counter,
                       uint8_t trailerp[ATLS_TRAILER_SIZE])
{
    struct atls_sink s = atls_sink_of(trailerp, ATLS_TRAILER_SIZE);
    uint8_t digest[32], signature[ATLS_SIGNATURE_MAX];
    int result;
    atls_sink_u32(&s, MAGIC);
    atls_sink_u32(&s, counter);
    if ((result = hash_signed(crypto, image, ATLS_BYTES(trailerp, SIGNED_SIZE), digest)) ||
        (result = crypto->sign(key, ATLS_BYTES(digest, sizeof digest), signature)))
        return result;
    atls_sink_bytes(&s, ATLS_BYTES(key->public_key.x, COORDINATE));
    atls_sink_bytes(&s, ATLS_BYTES(key->public_key.y, COORDINATE));
    atls_sink_bytes(&s, ATLS_BYTES(signature, SIGNATURE));
    return 0;
}

static int parse_trailer(struct atls_bytes in, struct trailer *trailer)
{
    struct atls_cursor c = atls_cursor_of(in, CLAUSE);
    struct atls_bytes x, y;
    uint32_t magic;
    int result;
    *trailer = (struct trailer){.covered = {in.data, SIGNED_SIZE}, .key.curve = ATLS_P256};
    if ((result = atls_cursor_u32(&c, "magic of the trailer", &magic)) ||
        (result = atls_cursor_u32(&c, "security counter", &trailer->counter)) ||
        (result = atls_cursor_take(&c, "public key", COORDINATE, &x)) ||
        (result = atls_cursor_take(&c, "public key", COORDINATE, &y)) ||
        (result = atls_cursor_take(&c, "signature", SIGNATURE, &trailer->signature)))
        return result;
    if (magic != MAGIC)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected a trailer (\"ATLT\"), came 0x%08lx",
                         (unsigned long)magic);
    memcpy(trailer->key.x, x.data, x.size);
    memcpy(trailer->key.y, y.data, y.size);
    return 0;
}

/* Where in a slot the image ends and its trailer begins. */
static int measure_slot(struct atls_bytes slot, size_t *sizep, struct atls_bytes *trailerp)
{
    size_t size, at;
    int result = atls_image_size(slot, &size);
    if (result)
        return result;
    at = (size + 3) / 4 * 4;
    if (at + ATLS_TRAILER_SIZE > slot.size)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                         "an image of %zu bytes has no room for a trailer", size);
    for (size_t i = size; i < at; i++)
        if (slot.data[i])
            return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected zero bytes behind the image");
    *sizep = size;
    *trailerp = ATLS_BYTES(slot.data + at, ATLS_TRAILER_SIZE);
    return 0;
}

/* The image of a slot into the window, where it is looked at from now on. */
static int copy_image(const struct atls_slot_choice *choice, struct atls_bytes slot,
                      struct atls_bytes *imagep, const uint8_t **bodyp, struct atls_bytes *trailerp)
{
    struct atls_image parsed;
    size_t size, header;
    uint8_t *at;
    int result = measure_slot(slot, &size, trailerp);
    if (result)
        return result;
    if ((result = atls_image_parse(ATLS_BYTES(slot.data, size), &parsed)))
        return result;
    header = size - parsed.body.size;
    if (header > choice->body_at || choice->body_at + parsed.body.size > choice->window_size)
        return atls_fail(ATLS_E_LIMIT, CLAUSE, "an image of %zu bytes does not fit where it runs",
                         size);
    at = choice->window + choice->body_at - header;
    memcpy(at, slot.data, size);
    if ((result = atls_image_parse(ATLS_BYTES(at, size), &parsed)))
        return result;
    if (!atls_bytes_is_text(parsed.name, choice->component))
        return atls_fail(ATLS_E_MISMATCH, CLAUSE, "expected an image of %s, came %.*s",
                         choice->component, (int)parsed.name.size, (const char *)parsed.name.data);
    *imagep = ATLS_BYTES(at, size);
    *bodyp = parsed.body.data;
    return 0;
}

static int check_key(const struct atls_slot_choice *choice, const struct trailer *trailer)
{
    uint8_t spki[ATLS_SPKI_MAX], hash[32];
    struct atls_bytes part = {spki, atls_spki_encode(&trailer->key, spki)};
    int result = choice->crypto->hash(ATLS_SHA256, &part, 1, hash);
    if (result)
        return result;
    if (!atls_bytes_equal(ATLS_BYTES(hash, sizeof hash), ATLS_BYTES(choice->signer, sizeof hash)))
        return atls_fail(ATLS_E_UNTRUSTED, CLAUSE,
                         "the image is signed by a key that is not fused");
    return 0;
}

static int check_signature(const struct atls_slot_choice *choice, struct atls_bytes image,
                           const struct trailer *trailer)
{
    uint8_t digest[32];
    int result;
    if ((result = check_key(choice, trailer)) ||
        (result = hash_signed(choice->crypto, image, trailer->covered, digest)))
        return result;
    return choice->crypto->verify(&trailer->key, ATLS_BYTES(digest, sizeof digest),
                                  trailer->signature);
}

/* 0: verified; ATLS_E_EXPIRED: genuine, but older than what ran; else not to be trusted. */
static int check_slot(const struct atls_slot_choice *choice, unsigned slot,
                      struct atls_slot_chosen *chosen)
{
    struct trailer trailer = {0};
    struct atls_bytes rest;
    int result;
    *chosen = (struct atls_slot_chosen){.slot = slot};
    if ((result = copy_image(choice, choice->slots[slot], &chosen->image, &chosen->body, &rest)))
        return result;
    if ((result = parse_trailer(rest, &trailer)) ||
        (result = check_signature(choice, chosen->image, &trailer)))
        return result;
    chosen->counter = trailer.counter;
    if (trailer.counter < choice->least_counter)
        return atls_fail(ATLS_E_EXPIRED, CLAUSE,
                         "rollback: expected a security counter of %lu or more, came %lu",
                         (unsigned long)choice->least_counter, (unsigned long)trailer.counter);
    chosen->verified = true;
    return 0;
}

/* What a slot claims, before anything about it is known. */
static uint32_t claimed_counter(struct atls_bytes slot)
{
    struct trailer trailer;
    struct atls_bytes rest;
    size_t size;
    if (slot.size == 0 || measure_slot(slot, &size, &rest) || parse_trailer(rest, &trailer))
        return 0;
    return trailer.counter;
}

int atls_slot_choose(const struct atls_slot_choice *choice, struct atls_slot_chosen *chosenp)
{
    unsigned first = claimed_counter(choice->slots[1]) > claimed_counter(choice->slots[0]);
    struct atls_slot_chosen chosen;
    for (unsigned i = 0; i < 2; i++) {
        unsigned slot = i ? !first : first;
        if (choice->slots[slot].size && check_slot(choice, slot, &chosen) == 0) {
            *chosenp = chosen;
            return 0;
        }
    }
    int result = check_slot(choice, 0, &chosen); /* its text, and what the window now holds */
    if (choice->policy != ATLS_BOOT_MEASURE || result == ATLS_E_EXPIRED || !chosen.body)
        return result ? ATLS_E_REFUSED : atls_fail(ATLS_E_REFUSED, CLAUSE, "no image verified");
    *chosenp = chosen;
    return 0;
}
