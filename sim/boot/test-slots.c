/* SPDX-License-Identifier: Apache-2.0 */
/* Which of two slots is booted, and what is refused: signatures, rollback, other components, torn
 * updates, any flipped bit; by both crypto adapters where there are two. */
#include "sim/test-support.h"

#include "sim/boot/slots.h"

#define BODY 300
#define SLOT 1024
#define WINDOW 1024
#define BODY_AT 512

struct fixture {
    struct atls_private_key key;
    uint8_t signer[32];
    uint8_t flash[2][SLOT];
    size_t stored; /* bytes of image and trailer in a slot */
    uint8_t window[WINDOW];
};
static struct fixture fixture;

static void fill(unsigned slot, const char *name, const char *version, uint32_t counter,
                 const struct atls_private_key *key)
{
    uint8_t body[BODY], *at = fixture.flash[slot];
    struct atls_image image = {atls_bytes_of_text(name), atls_bytes_of_text(version),
                               ATLS_BYTES(fixture.signer, sizeof fixture.signer),
                               ATLS_BYTES(body, sizeof body)};
    size_t size;
    memset(body, version[0], sizeof body);
    memset(at, 0, SLOT);
    assert_ok(atls_image_write(&image, at, SLOT, &size));
    assert_ok(atls_trailer_write(&atls_crypto_hosted, key, ATLS_BYTES(at, size), counter,
                                 at + (size + 3) / 4 * 4));
    fixture.stored = (size + 3) / 4 * 4 + ATLS_TRAILER_SIZE;
}

static int set_up(void **state)
{
    static const uint8_t seed[32] = {7};
    uint8_t spki[ATLS_SPKI_MAX];
    struct atls_bytes part = {spki, 0};
    assert_ok(atls_crypto_hosted.make_key(ATLS_P256, seed, &fixture.key));
    part.size = atls_spki_encode(&fixture.key.public_key, spki);
    assert_ok(atls_crypto_hosted.hash(ATLS_SHA256, &part, 1, fixture.signer));
    fill(0, "FW", "1.0", 1, &fixture.key);
    memset(fixture.flash[1], 0, SLOT);
    return 0;
}

static int choose(enum atls_boot_policy policy, uint32_t least, struct atls_slot_chosen *chosenp)
{
    struct atls_slot_choice choice = {
        .crypto = &atls_crypto_hosted,
        .component = "FW",
        .signer = fixture.signer,
        .policy = policy,
        .least_counter = least,
        .slots = {ATLS_BYTES(fixture.flash[0], SLOT), ATLS_BYTES(fixture.flash[1], SLOT)},
        .window = fixture.window,
        .window_size = WINDOW,
        .body_at = BODY_AT,
    };
    return atls_slot_choose(&choice, chosenp);
}

static void test_boots_what_is_genuine(void **state)
{
    struct atls_slot_chosen chosen;
    assert_ok(choose(ATLS_BOOT_ENFORCE, 1, &chosen));
    assert_true(chosen.verified);
    assert_int_equal(chosen.slot, 0);
    assert_int_equal(chosen.counter, 1);
    assert_ptr_equal(chosen.body, fixture.window + BODY_AT);
    assert_ptr_equal(chosen.image.data, fixture.window + BODY_AT - ATLS_IMAGE_HEADER_SIZE);
    assert_memory_equal(chosen.image.data, fixture.flash[0], chosen.image.size);
}

static void test_takes_the_update(void **state)
{
    struct atls_slot_chosen chosen;
    fill(1, "FW", "2.0", 2, &fixture.key);
    assert_ok(choose(ATLS_BOOT_ENFORCE, 1, &chosen));
    assert_int_equal(chosen.slot, 1);
    assert_int_equal(chosen.counter, 2);
    assert_int_equal(chosen.body[0], '2');
    fill(1, "FW", "0.9", 1, &fixture.key); /* no newer than the first */
    assert_ok(choose(ATLS_BOOT_ENFORCE, 1, &chosen));
    assert_int_equal(chosen.slot, 0);
}

/* An update whose writing was interrupted leaves the device on the old image, whatever came of it.
 */
static void test_torn_update(void **state)
{
    struct atls_slot_chosen chosen;
    fill(1, "FW", "2.0", 2, &fixture.key);
    for (size_t written = 0; written < fixture.stored; written++) {
        uint8_t whole[SLOT];
        memcpy(whole, fixture.flash[1], SLOT);
        memset(fixture.flash[1] + written, 0, SLOT - written);
        for (int policy = ATLS_BOOT_MEASURE; policy <= ATLS_BOOT_ENFORCE; policy++) {
            assert_ok(choose((enum atls_boot_policy)policy, 1, &chosen));
            if (chosen.slot == 1) /* the bytes that are missing are zero anyway */
                assert_memory_equal(fixture.flash[1], whole, SLOT);
            else
                assert_true(chosen.verified);
        }
        memcpy(fixture.flash[1], whole, SLOT);
    }
}

static void test_refuses_rollback(void **state)
{
    struct atls_slot_chosen chosen;
    for (int policy = ATLS_BOOT_MEASURE; policy <= ATLS_BOOT_ENFORCE; policy++) {
        assert_int_equal(choose((enum atls_boot_policy)policy, 2, &chosen), ATLS_E_REFUSED);
        assert_non_null(strstr(atls_error_text(), "rollback"));
    }
    fill(1, "FW", "2.0", 2, &fixture.key);
    assert_ok(choose(ATLS_BOOT_MEASURE, 2, &chosen));
    assert_int_equal(chosen.slot, 1);
}

static void test_refuses_other_component_and_signer(void **state)
{
    static const uint8_t seed[32] = {8};
    struct atls_private_key other;
    struct atls_slot_chosen chosen = {.verified = true};
    fill(0, "APP", "1.0", 1, &fixture.key);
    assert_int_equal(choose(ATLS_BOOT_ENFORCE, 0, &chosen), ATLS_E_REFUSED);
    assert_int_equal(choose(ATLS_BOOT_MEASURE, 0, &chosen), ATLS_E_REFUSED);
    assert_ok(atls_crypto_hosted.make_key(ATLS_P256, seed, &other));
    fill(0, "FW", "1.0", 1, &other);
    assert_int_equal(choose(ATLS_BOOT_ENFORCE, 0, &chosen), ATLS_E_REFUSED);
    assert_ok(choose(ATLS_BOOT_MEASURE, 0, &chosen)); /* it is measured, and the verifier judges */
    assert_false(chosen.verified);
    assert_ptr_equal(chosen.body, fixture.window + BODY_AT);
}

/* Every bit of image and trailer, under both policies: refused, or booted unverified with another
 * image than the genuine one or none of its trailer. */
static void test_every_flipped_bit(void **state)
{
    uint8_t genuine[SLOT];
    size_t image_size, measured = 0, refused = 0;
    memcpy(genuine, fixture.flash[0], SLOT);
    assert_ok(atls_image_size(ATLS_BYTES(genuine, SLOT), &image_size));
    for (size_t bit = 0; bit < 8 * fixture.stored; bit++) {
        struct atls_slot_chosen chosen;
        int result;
        fixture.flash[0][bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(choose(ATLS_BOOT_ENFORCE, 1, &chosen), ATLS_E_REFUSED);
        result = choose(ATLS_BOOT_MEASURE, 1, &chosen);
        if (result) {
            assert_int_equal(result, ATLS_E_REFUSED);
            refused++;
        } else {
            assert_false(chosen.verified);
            if (bit / 8 < image_size)
                assert_false(atls_bytes_equal(chosen.image, ATLS_BYTES(genuine, image_size)));
            measured++;
        }
        fixture.flash[0][bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(measured + refused, 8 * fixture.stored);
    assert_true(measured > 0 && refused > 0);
}

static void test_refuses_what_does_not_fit(void **state)
{
    struct atls_slot_chosen chosen;
    struct atls_slot_choice choice = {.crypto = &atls_crypto_hosted,
                                      .component = "FW",
                                      .signer = fixture.signer,
                                      .slots = {ATLS_BYTES(fixture.flash[0], SLOT)},
                                      .window = fixture.window,
                                      .window_size = BODY_AT + BODY - 1,
                                      .body_at = BODY_AT};
    assert_int_equal(atls_slot_choose(&choice, &chosen), ATLS_E_REFUSED);
    choice.window_size = BODY_AT + BODY;
    assert_ok(atls_slot_choose(&choice, &chosen));
    choice.body_at = ATLS_IMAGE_HEADER_SIZE; /* the header at the window's begin */
    assert_ok(atls_slot_choose(&choice, &chosen));
    assert_ptr_equal(chosen.image.data, fixture.window);
    choice.body_at = ATLS_IMAGE_HEADER_SIZE - 4;
    assert_int_equal(atls_slot_choose(&choice, &chosen), ATLS_E_REFUSED);
    choice.body_at = BODY_AT;
    choice.slots[0].size = fixture.stored - 1; /* no room for the trailer */
    assert_int_equal(atls_slot_choose(&choice, &chosen), ATLS_E_REFUSED);
}

static int no_hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                   uint8_t *digestp)
{
    return atls_fail(-5, NULL, "no hash");
}

/* Who may say no says why: the first slot's failure, in its own words. */
static void test_words(void **state)
{
    static const struct {
        const char *what;
        size_t behind_image; /* a byte there is another; SIZE_MAX: the image's first */
        const char *words;
    } cases[] = {
        {"no image", SIZE_MAX, "expected an image"},
        {"no trailer", 0, "expected a trailer"},
        {"another counter", 7, "signature"},
        {"another key", 8, "signed by a key that is not fused"},
    };
    struct atls_slot_chosen chosen;
    size_t size = fixture.stored - ATLS_TRAILER_SIZE;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *at = fixture.flash[0];
        at += cases[i].behind_image == SIZE_MAX ? 0 : size + cases[i].behind_image;
        *at ^= 1;
        assert_refused(choose(ATLS_BOOT_ENFORCE, 0, &chosen), ATLS_E_REFUSED, cases[i].words);
        *at ^= 1;
    }
    fill(0, "APP", "1.0", 1, &fixture.key);
    assert_refused(choose(ATLS_BOOT_ENFORCE, 0, &chosen), ATLS_E_REFUSED,
                   "expected an image of FW, came APP");
}

/* An image ends where it ends: up to the trailer, which begins at a multiple of 4, there are zeros.
 */
static void test_padding_behind_the_image(void **state)
{
    uint8_t body[3] = {1, 2, 3}, *at = fixture.flash[0];
    struct atls_image image = {atls_bytes_of_text("FW"), atls_bytes_of_text("1.0"),
                               ATLS_BYTES(fixture.signer, sizeof fixture.signer),
                               ATLS_BYTES(body, sizeof body)};
    struct atls_slot_chosen chosen;
    size_t size;
    memset(at, 0, SLOT);
    assert_ok(atls_image_write(&image, at, SLOT, &size));
    assert_int_equal(size % 4, 3);
    assert_ok(atls_trailer_write(&atls_crypto_hosted, &fixture.key, ATLS_BYTES(at, size), 1,
                                 at + size + 1));
    assert_ok(choose(ATLS_BOOT_ENFORCE, 0, &chosen));
    assert_int_equal(chosen.image.size, size);
    at[size] = 1;
    assert_refused(choose(ATLS_BOOT_ENFORCE, 0, &chosen), ATLS_E_REFUSED,
                   "expected zero bytes behind the image");
}

/* Neither more nor less than there is room for, in the slot and where it runs. */
static void test_words_about_room(void **state)
{
    struct atls_crypto unable = atls_crypto_hosted;
    struct atls_slot_chosen chosen;
    struct atls_slot_choice choice = {.crypto = &atls_crypto_hosted,
                                      .component = "FW",
                                      .signer = fixture.signer,
                                      .policy = ATLS_BOOT_ENFORCE,
                                      .slots = {ATLS_BYTES(fixture.flash[0], fixture.stored)},
                                      .window = fixture.window,
                                      .window_size = BODY_AT + BODY,
                                      .body_at = BODY_AT};
    assert_ok(atls_slot_choose(&choice, &chosen));
    choice.slots[0].size--;
    assert_refused(atls_slot_choose(&choice, &chosen), ATLS_E_REFUSED, "no room for a trailer");
    choice.slots[0].size++;
    choice.window_size--;
    assert_refused(atls_slot_choose(&choice, &chosen), ATLS_E_REFUSED,
                   "does not fit where it runs");
    choice.window_size++;
    unable.hash = no_hash;
    choice.crypto = &unable;
    assert_refused(atls_slot_choose(&choice, &chosen), ATLS_E_REFUSED, "no hash");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_boots_what_is_genuine, set_up),
        cmocka_unit_test_setup(test_takes_the_update, set_up),
        cmocka_unit_test_setup(test_refuses_rollback, set_up),
        cmocka_unit_test_setup(test_refuses_other_component_and_signer, set_up),
        cmocka_unit_test_setup(test_refuses_what_does_not_fit, set_up),
        cmocka_unit_test_setup(test_words, set_up),
        cmocka_unit_test_setup(test_padding_behind_the_image, set_up),
        cmocka_unit_test_setup(test_words_about_room, set_up),
        cmocka_unit_test_setup(test_torn_update, set_up),
        cmocka_unit_test_setup(test_every_flipped_bit, set_up),
    };
    return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
