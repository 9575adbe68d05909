/* SPDX-License-Identifier: Apache-2.0 */
/* Images, the boot record and the chain that fills it: every stage is measured before it runs. */
#include "sim/test-support.h"

#include <errno.h>

#include "sim/boot/boot.h"

#define BODY 100

static uint8_t signer[ATLS_IMAGE_SIGNER_ID_SIZE] = {0x51, 0x52};

static struct atls_bytes make_image(const char *name, const char *version, uint8_t *out,
                                    size_t capacity)
{
    uint8_t body[BODY];
    struct atls_image image = {atls_bytes_of_text(name), atls_bytes_of_text(version),
                               ATLS_BYTES(signer, sizeof signer), ATLS_BYTES(body, sizeof body)};
    struct atls_bytes written = {out, 0};
    memset(body, name[0], sizeof body);
    assert_int_equal(atls_image_write(&image, out, capacity, &written.size), 0);
    return written;
}

static void test_image_round_trip(void **state)
{
    uint8_t data[ATLS_IMAGE_HEADER_SIZE + BODY];
    struct atls_bytes in = make_image("FW", "2.4.1", data, sizeof data);
    struct atls_image image;
    assert_int_equal(in.size, sizeof data);
    assert_int_equal(atls_image_parse(in, &image), 0);
    assert_true(atls_bytes_is_text(image.name, "FW"));
    assert_true(atls_bytes_is_text(image.version, "2.4.1"));
    assert_memory_equal(image.signer_id.data, signer, sizeof signer);
    assert_int_equal(image.body.size, BODY);
    assert_int_equal(image.body.data[0], 'F');
}

/* One byte of a good image changed. */
static void test_image_refused(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
        int outcome;
    } cases[] = {
        {"magic", 0, 'X', ATLS_E_MALFORMED},
        {"format", 5, 2, ATLS_E_UNSUPPORTED},
        {"header size too small", 7, 124, ATLS_E_MALFORMED},
        {"header size not a multiple of 4", 7, 130, ATLS_E_MALFORMED},
        {"header size too large", 6, 0x20, ATLS_E_MALFORMED},
        {"header size beyond the image", 6, 0x0f, ATLS_E_MALFORMED},
        {"body size huge", 8, 0xff, ATLS_E_MALFORMED},
        {"body size one too large", 11, BODY + 1, ATLS_E_MALFORMED},
        {"body size one too small", 11, BODY - 1, ATLS_E_MALFORMED},
        {"empty name", 12, 0, ATLS_E_MALFORMED},
        {"blank in the name", 13, ' ', ATLS_E_MALFORMED},
        {"text behind the name's end", 20, 'x', ATLS_E_MALFORMED},
        {"name without room for its zero", 43, 'x', ATLS_E_MALFORMED},
        {"control character in the version", 44, 7, ATLS_E_MALFORMED},
        {"version not ASCII", 44, 0xe4, ATLS_E_MALFORMED},
        {"padding of the header", 127, 1, ATLS_E_MALFORMED},
        {"first byte of the padding", 108, 1, ATLS_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t data[ATLS_IMAGE_HEADER_SIZE + BODY];
        struct atls_bytes in = make_image("FW", "2.4.1", data, sizeof data);
        struct atls_image image;
        data[cases[i].at] = cases[i].value;
        assert_case(cases[i].what, atls_image_parse(in, &image), cases[i].outcome);
    }
}

static void test_image_truncated(void **state)
{
    uint8_t data[ATLS_IMAGE_HEADER_SIZE + BODY + 1] = {0};
    struct atls_bytes in = make_image("FW", "2.4.1", data, sizeof data);
    struct atls_image image;
    for (size_t size = 0; size < in.size; size++)
        assert_int_equal(atls_image_parse(ATLS_BYTES(data, size), &image), ATLS_E_MALFORMED);
    assert_int_equal(atls_image_parse(ATLS_BYTES(data, in.size + 1), &image), ATLS_E_MALFORMED);
}

static void test_image_write_refused(void **state)
{
    static const struct {
        const char *what, *name, *version;
        size_t signer_size, capacity;
        int outcome;
    } cases[] = {
        {"empty name", "", "1", 32, 256, -EINVAL},
        {"name of 32 bytes", "abcdefghijklmnopqrstuvwxyz012345", "1", 32, 256, -EINVAL},
        {"blank", "F W", "1", 32, 256, -EINVAL},
        {"empty version", "FW", "", 32, 256, -EINVAL},
        {"signer too short", "FW", "1", 31, 256, -EINVAL},
        {"no room", "FW", "1", 32, ATLS_IMAGE_HEADER_SIZE, ATLS_E_LIMIT},
        {"name of 31 bytes", "abcdefghijklmnopqrstuvwxyz01234", "1", 32, 256, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_image image = {atls_bytes_of_text(cases[i].name),
                                   atls_bytes_of_text(cases[i].version),
                                   ATLS_BYTES(signer, cases[i].signer_size), ATLS_BYTES("body", 4)};
        uint8_t out[256];
        size_t size = 4711;
        assert_case(cases[i].what, atls_image_write(&image, out, cases[i].capacity, &size),
                    cases[i].outcome);
        assert_int_equal(size, cases[i].outcome ? 4711 : ATLS_IMAGE_HEADER_SIZE + 4);
    }
}

static void append(struct atls_boot_record *record, const char *name, int expected)
{
    struct atls_image image = {
        atls_bytes_of_text(name), atls_bytes_of_text("1"), ATLS_BYTES(signer, sizeof signer), {0}};
    uint8_t value[32] = {0xaa};
    size_t before = record->count;
    assert_case(name, atls_boot_record_append(record, &image, value), expected);
    assert_int_equal(record->count, before + (expected == 0));
}

static void test_record_only_grows(void **state)
{
    struct atls_boot_entry entries[3];
    struct atls_boot_record record;
    atls_boot_record_init(&record, entries, 3);
    append(&record, "BL", 0);
    append(&record, "BL", ATLS_E_REFUSED); /* measured twice: which one ran? */
    append(&record, "", ATLS_E_MALFORMED);
    append(&record, "FW", 0);
    append(&record, "CFG", 0);
    append(&record, "M0001", ATLS_E_LIMIT);
    atls_boot_record_lock(&record);
    append(&record, "M0001", ATLS_E_REFUSED);
    assert_string_equal(record.entries[0].type, "BL");
    assert_string_equal(record.entries[2].type, "CFG");
}

static void test_record_locked_while_there_is_room(void **state)
{
    struct atls_boot_entry entries[3];
    struct atls_boot_record record;
    atls_boot_record_init(&record, entries, 3);
    append(&record, "BL", 0);
    atls_boot_record_lock(&record);
    append(&record, "FW", ATLS_E_REFUSED);
}

struct steps {
    char text[512];
};

static void note(void *context, enum atls_boot_step step, const char *who, struct atls_bytes name)
{
    static const char *const verbs[] = {"measures", "locks", "runs"};
    struct steps *steps = context;
    size_t used = strlen(steps->text);
    snprintf(steps->text + used, sizeof steps->text - used, "%s %s %.*s\n", who, verbs[step],
             (int)name.size, name.size ? (const char *)name.data : "");
}

struct flash {
    uint8_t data[4][ATLS_IMAGE_HEADER_SIZE + BODY];
    struct atls_bytes images[4];
    struct atls_boot_entry entries[8];
    struct atls_boot_record record;
    struct steps steps;
    struct atls_boot boot;
};

static void prepare(struct flash *flash)
{
    static const char *const names[] = {"BL", "FW", "CFG", "M0001"};
    memset(flash, 0, sizeof *flash);
    for (size_t i = 0; i < 4; i++)
        flash->images[i] = make_image(names[i], "1.0", flash->data[i], sizeof flash->data[i]);
    atls_boot_record_init(&flash->record, flash->entries, 8);
    flash->boot = (struct atls_boot){.crypto = &atls_crypto_hosted,
                                     .record = &flash->record,
                                     .images = flash->images,
                                     .image_count = 4,
                                     .trace = note,
                                     .trace_context = &flash->steps};
}

static void test_chain_measures_before_it_hands_over(void **state)
{
    struct flash flash;
    prepare(&flash);
    assert_int_equal(atls_boot_run(&flash.boot), 0);
    assert_string_equal(flash.steps.text, "ROM measures BL\n"
                                          "ROM runs BL\n"
                                          "bootloader measures FW\n"
                                          "bootloader measures CFG\n"
                                          "bootloader measures M0001\n"
                                          "bootloader locks \n"
                                          "bootloader runs FW\n");
    assert_true(flash.record.locked);
    assert_int_equal(flash.record.count, 4);
    for (size_t i = 0; i < 4; i++) {
        uint8_t digest[32];
        assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, &flash.images[i], 1, digest), 0);
        assert_memory_equal(flash.entries[i].value, digest, 32);
        assert_memory_equal(flash.entries[i].signer_id, signer, 32);
        assert_string_equal(flash.entries[i].version, "1.0");
    }
}

/* Whatever bit changes, of header or body, the measurement of that component changes and no
 * other's, or the image cannot be read at all. */
static void test_every_bit_is_measured(void **state)
{
    struct flash good, bad;
    prepare(&good);
    assert_int_equal(atls_boot_run(&good.boot), 0);
    for (size_t bit = 0; bit < 8 * sizeof good.data[1]; bit++) {
        prepare(&bad);
        bad.data[1][bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (atls_boot_run(&bad.boot)) {
            assert_true(bit / 8 < ATLS_IMAGE_HEADER_SIZE);
            continue;
        }
        assert_memory_not_equal(bad.entries[1].value, good.entries[1].value, 32);
        assert_memory_equal(bad.entries[0].value, good.entries[0].value, 32);
        assert_memory_equal(bad.entries[2].value, good.entries[2].value, 32);
    }
}

static void test_chain_stops(void **state)
{
    static const struct {
        const char *what;
        size_t broken, image_count, capacity;
        int outcome;
        const char *steps;
    } cases[] = {
        {"no firmware", SIZE_MAX, 1, 8, -EINVAL, ""},
        {"nothing", SIZE_MAX, 0, 8, -EINVAL, ""},
        {"bootloader broken", 0, 4, 8, ATLS_E_MALFORMED, ""},
        {"firmware broken", 1, 4, 8, ATLS_E_MALFORMED, "ROM measures BL\nROM runs BL\n"},
        {"configuration broken", 2, 4, 8, ATLS_E_MALFORMED,
         "ROM measures BL\nROM runs BL\nbootloader measures FW\n"},
        {"record full", SIZE_MAX, 4, 2, ATLS_E_LIMIT,
         "ROM measures BL\nROM runs BL\nbootloader measures FW\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct flash flash;
        prepare(&flash);
        flash.boot.image_count = cases[i].image_count;
        flash.record.capacity = cases[i].capacity;
        if (cases[i].broken < 4)
            flash.data[cases[i].broken][0] ^= 1;
        assert_case(cases[i].what, atls_boot_run(&flash.boot), cases[i].outcome);
        assert_string_equal(flash.steps.text, cases[i].steps);
        assert_true(flash.record.locked || cases[i].image_count < 2);
    }
}

static void test_same_component_twice_does_not_boot(void **state)
{
    struct flash flash;
    prepare(&flash);
    flash.images[3] = flash.images[1];
    assert_int_equal(atls_boot_run(&flash.boot), ATLS_E_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_round_trip),
        cmocka_unit_test(test_image_refused),
        cmocka_unit_test(test_image_truncated),
        cmocka_unit_test(test_image_write_refused),
        cmocka_unit_test(test_record_only_grows),
        cmocka_unit_test(test_record_locked_while_there_is_room),
        cmocka_unit_test(test_chain_measures_before_it_hands_over),
        cmocka_unit_test(test_every_bit_is_measured),
        cmocka_unit_test(test_chain_stops),
        cmocka_unit_test(test_same_component_twice_does_not_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
