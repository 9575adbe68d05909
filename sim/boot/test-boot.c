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

/* One byte of a good image changed. What its header alone says is refused in the same words where
 * only the size of the image is asked for. */
static void test_image_refused(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
        int outcome;
        const char *words;
        bool by_size;
    } cases[] = {
        {"magic", 0, 'X', ATLS_E_MALFORMED, "expected an image", true},
        {"format", 5, 2, ATLS_E_UNSUPPORTED, "expected image format 1, came 2", true},
        {"header size too small", 7, 124, ATLS_E_MALFORMED, "came 124", true},
        {"header size not a multiple of 4", 7, 130, ATLS_E_MALFORMED, "came 130", true},
        {"header size too large", 6, 0x20, ATLS_E_MALFORMED, "came 8320", true},
        {"header size beyond the image", 6, 0x0f, ATLS_E_MALFORMED, "", true},
        {"body size huge", 8, 0xff, ATLS_E_MALFORMED, "", true},
        {"body size one too large", 11, BODY + 1, ATLS_E_MALFORMED, "", true},
        {"body size one too small", 11, BODY - 1, ATLS_E_MALFORMED, "", false},
        {"empty name", 12, 0, ATLS_E_MALFORMED, "name of the image", false},
        {"blank in the name", 13, ' ', ATLS_E_MALFORMED, "name of the image", false},
        {"DEL in the name", 13, 0x7f, ATLS_E_MALFORMED, "name of the image", false},
        {"text behind the name's end", 20, 'x', ATLS_E_MALFORMED, "name of the image", false},
        {"name without room for its zero", 43, 'x', ATLS_E_MALFORMED, "name of the image", false},
        {"control character in the version", 44, 7, ATLS_E_MALFORMED, "version", false},
        {"version not ASCII", 44, 0xe4, ATLS_E_MALFORMED, "version of the image", false},
        {"padding of the header", 127, 1, ATLS_E_MALFORMED, "padding of the image header", false},
        {"first byte of the padding", 108, 1, ATLS_E_MALFORMED, "came 0x01", false},
        {"first and last visible ASCII: the first", 13, '!', 0, "", false},
        {"first and last visible ASCII: the last", 13, '~', 0, "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t data[ATLS_IMAGE_HEADER_SIZE + BODY];
        struct atls_bytes in = make_image("FW", "2.4.1", data, sizeof data);
        struct atls_image image;
        size_t size = 4711;
        data[cases[i].at] = cases[i].value;
        assert_case(cases[i].what, atls_image_parse(in, &image), cases[i].outcome);
        if (cases[i].outcome && !strstr(atls_error_text(), cases[i].words))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].what, atls_error_text(),
                     cases[i].words);
        assert_case(cases[i].what, atls_image_size(in, &size),
                    cases[i].by_size ? cases[i].outcome : 0);
        assert_int_equal(size == 4711, cases[i].by_size);
        if (cases[i].by_size && !strstr(atls_error_text(), cases[i].words))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].what, atls_error_text(),
                     cases[i].words);
    }
}

/* The size of an image is what its header says of it, and no more than there is. */
static void test_image_sizes(void **state)
{
    static const struct {
        const char *what;
        uint16_t header;
        uint32_t body;
        size_t there;
        bool good;
    } cases[] = {
        {"all that is there", 128, 100, 228, true},
        {"more is there", 128, 100, 300, true},
        {"less is there", 128, 100, 227, false},
        {"no body", 128, 0, 128, true},
        {"a header that is not all there", 132, 0, 131, false},
        {"a body of which nothing is there", 132, 1, 132, false},
        {"the largest header", ATLS_IMAGE_HEADER_MAX, 4, ATLS_IMAGE_HEADER_MAX + 4, true},
        {"a larger one", ATLS_IMAGE_HEADER_MAX + 4, 4, ATLS_IMAGE_HEADER_MAX + 8, false},
        {"the largest body", 128, UINT32_MAX, ATLS_IMAGE_HEADER_MAX, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static uint8_t data[ATLS_IMAGE_HEADER_MAX + 8];
        struct atls_image image;
        size_t size = 4711, whole = (size_t)cases[i].header + cases[i].body;
        make_image("FW", "2.4.1", data, sizeof data);
        memset(data + ATLS_IMAGE_HEADER_SIZE, 0, sizeof data - ATLS_IMAGE_HEADER_SIZE);
        data[6] = (uint8_t)(cases[i].header >> 8);
        data[7] = (uint8_t)cases[i].header;
        for (unsigned k = 0; k < 4; k++)
            data[8 + k] = (uint8_t)(cases[i].body >> (24 - 8 * k));
        assert_case(cases[i].what, atls_image_size(ATLS_BYTES(data, cases[i].there), &size),
                    cases[i].good ? 0 : ATLS_E_MALFORMED);
        assert_int_equal(size, cases[i].good ? whole : 4711);
        if (!cases[i].good)
            continue;
        assert_ok(atls_image_parse(ATLS_BYTES(data, whole), &image));
        assert_int_equal(image.body.size, cases[i].body);
        assert_ptr_equal(image.body.data, data + cases[i].header);
    }
}

static void test_image_truncated(void **state)
{
    uint8_t data[ATLS_IMAGE_HEADER_SIZE + BODY + 1] = {0};
    struct atls_bytes in = make_image("FW", "2.4.1", data, sizeof data);
    /* What does not end within the image is what the error is about (image.h). */
    static const struct {
        size_t end;
        const char *name;
    } fields[] = {
        {4, "magic of the image"},
        {6, "format of the image"},
        {8, "size of the image header"},
        {12, "size of the image body"},
        {44, "name of the image"},
        {76, "version of the image"},
        {108, "signer id of the image"},
        {ATLS_IMAGE_HEADER_SIZE, "padding of the image header"},
        {ATLS_IMAGE_HEADER_SIZE + BODY, "body of the image"},
    };
    struct atls_image image;
    for (size_t size = 0, i = 0; size < in.size; size++) {
        i += size == fields[i].end;
        assert_refused(atls_image_parse(ATLS_BYTES(data, size), &image), ATLS_E_MALFORMED,
                       fields[i].name);
        assert_non_null(strstr(atls_error_text(), " are left"));
    }
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
        {"signer too long", "FW", "1", 33, 256, -EINVAL},
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

/* A body's size has four bytes. Nothing of it is looked at where there is no room. */
static void test_image_write_too_large(void **state)
{
    struct atls_image image = {atls_bytes_of_text("FW"), atls_bytes_of_text("1"),
                               ATLS_BYTES(signer, sizeof signer), ATLS_BYTES("", UINT32_MAX)};
    uint8_t out[ATLS_IMAGE_HEADER_SIZE];
    size_t size;
    assert_int_equal(atls_image_write(&image, out, sizeof out, &size), ATLS_E_LIMIT);
    image.body.size++;
    assert_int_equal(atls_image_write(&image, out, sizeof out, &size), -EINVAL);
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

/* What is written has a name, a version and a signer, each of them. */
static void test_record_refuses_what_is_incomplete(void **state)
{
    static const struct {
        const char *name, *version;
        size_t signer_size;
        int outcome;
    } cases[] = {
        {"BL", "1", 32, 0},
        {"", "1", 32, ATLS_E_MALFORMED},
        {"BL", "", 32, ATLS_E_MALFORMED},
        {"BL", "1", 31, ATLS_E_MALFORMED},
        {"B L", "1", 32, ATLS_E_MALFORMED},
        {"BL", "1 2", 32, ATLS_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_image image = {atls_bytes_of_text(cases[i].name),
                                   atls_bytes_of_text(cases[i].version),
                                   ATLS_BYTES(signer, cases[i].signer_size),
                                   {0}};
        struct atls_boot_entry entries[1];
        struct atls_boot_record record;
        uint8_t value[32] = {0xaa};
        atls_boot_record_init(&record, entries, 1);
        assert_case(cases[i].name, atls_boot_record_append(&record, &image, value),
                    cases[i].outcome);
        assert_int_equal(record.count, cases[i].outcome == 0);
    }
}

/* The signer of what did not verify is not known; of the others, and once the record is locked, it
 * stays. */
static void test_record_disowns_the_newest(void **state)
{
    static const uint8_t nobody[ATLS_IMAGE_SIGNER_ID_SIZE];
    struct atls_boot_entry entries[3];
    struct atls_boot_record record;
    memset(entries, 0x77, sizeof entries);
    atls_boot_record_init(&record, entries + 1, 2);
    atls_boot_record_disown(&record); /* there is none yet */
    assert_int_equal(entries[0].signer_id[0], 0x77);
    append(&record, "BL", 0);
    append(&record, "FW", 0);
    atls_boot_record_disown(&record);
    assert_memory_equal(record.entries[0].signer_id, signer, sizeof signer);
    assert_memory_equal(record.entries[1].signer_id, nobody, sizeof nobody);
    assert_string_equal(record.entries[1].type, "FW");
    record.count = 1;
    atls_boot_record_lock(&record);
    atls_boot_record_disown(&record);
    assert_memory_equal(record.entries[0].signer_id, signer, sizeof signer);
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
        {"nothing but bootloader and firmware", SIZE_MAX, 2, 8, 0,
         "ROM measures BL\nROM runs BL\nbootloader measures FW\nbootloader locks \n"
         "bootloader runs FW\n"},
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
        cmocka_unit_test(test_image_sizes),
        cmocka_unit_test(test_image_truncated),
        cmocka_unit_test(test_image_write_refused),
        cmocka_unit_test(test_image_write_too_large),
        cmocka_unit_test(test_record_only_grows),
        cmocka_unit_test(test_record_refuses_what_is_incomplete),
        cmocka_unit_test(test_record_disowns_the_newest),
        cmocka_unit_test(test_record_locked_while_there_is_room),
        cmocka_unit_test(test_chain_measures_before_it_hands_over),
        cmocka_unit_test(test_every_bit_is_measured),
        cmocka_unit_test(test_chain_stops),
        cmocka_unit_test(test_same_component_twice_does_not_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
