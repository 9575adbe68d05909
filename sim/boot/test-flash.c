/* SPDX-License-Identifier: Apache-2.0 */
/* What is not an image: fuses, the bootloader's state under loss of power, the record on its way.
 */
#include "sim/test-support.h"

#include "rats/base/error.h"
#include "sim/base/frame.h"
#include "sim/boot/flash.h"
#include "sim/boot/handover.h"

static struct atls_fuses sample_fuses(void)
{
    struct atls_fuses fuses = {
        .lifecycle = ATLS_PSA_SECURED, .profile = ATLS_PSA_ARM_2, .policy = ATLS_BOOT_ENFORCE};
    memset(fuses.signer, 1, sizeof fuses.signer);
    memset(fuses.implementation_id, 2, sizeof fuses.implementation_id);
    memset(fuses.seed, 3, sizeof fuses.seed);
    memset(fuses.entropy, 4, sizeof fuses.entropy);
    return fuses;
}

static void test_fuses(void **state)
{
    struct atls_fuses fuses = sample_fuses(), read;
    uint8_t page[ATLS_FLASH_PAGE] = {0};
    size_t size;
    assert_ok(atls_fuses_write(&fuses, page, sizeof page, &size));
    assert_int_equal(size, ATLS_FUSES_SIZE);
    assert_ok(atls_fuses_parse(ATLS_BYTES(page, sizeof page), &read));
    assert_int_equal(read.lifecycle, fuses.lifecycle);
    assert_int_equal(read.profile, fuses.profile);
    assert_int_equal(read.policy, fuses.policy);
    assert_memory_equal(read.signer, fuses.signer, 32);
    assert_memory_equal(read.seed, fuses.seed, 32);
    assert_memory_equal(read.entropy, fuses.entropy, 32);
    assert_memory_equal(read.implementation_id, fuses.implementation_id, 32);
    for (size_t bit = 0; bit < 8 * ATLS_FUSES_SIZE; bit++) {
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(atls_fuses_parse(ATLS_BYTES(page, sizeof page), &read) > 0);
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t short_of = 0; short_of < ATLS_FUSES_SIZE; short_of++)
        assert_int_equal(atls_fuses_parse(ATLS_BYTES(page, short_of), &read), ATLS_E_MALFORMED);
    assert_int_equal(atls_fuses_write(&fuses, page, ATLS_FUSES_SIZE - 1, &size), ATLS_E_LIMIT);
}

/* The older page is written byte by byte; at every byte the power may go. */
static void test_state_survives_power_cuts(void **state)
{
    struct atls_boot_state old = {.sequence = 8, .counters = {3, 4}}, read,
                           new = {.sequence = 9, .counters = {5, 4}};
    uint8_t pages[2][ATLS_BOOT_STATE_SIZE], encoded[ATLS_BOOT_STATE_SIZE];
    const uint8_t *const both[2] = {pages[0], pages[1]};
    struct atls_boot_state older = {.sequence = 7, .counters = {3, 3}};
    unsigned page;
    atls_boot_state_encode(&old, pages[1]);
    atls_boot_state_encode(&new, encoded);
    for (size_t written = 0; written <= sizeof encoded; written++) {
        atls_boot_state_encode(&older, pages[0]);
        memcpy(pages[0], encoded, written);
        assert_ok(atls_boot_state_read(both, &read, &page));
        if (page == 0) { /* the last bytes may be the same in both */
            assert_memory_equal(pages[0], encoded, sizeof encoded);
            assert_int_equal(read.counters[0], 5);
        } else {
            assert_true(written < sizeof encoded);
            assert_int_equal(read.counters[0], 3);
            assert_int_equal(read.counters[1], 4);
        }
    }
    assert_int_equal(page, 0);
}

static void test_state_is_never_forgotten(void **state)
{
    struct atls_boot_state one = {.sequence = 1}, read;
    uint8_t pages[2][ATLS_BOOT_STATE_SIZE] = {{0}, {0}};
    const uint8_t *const both[2] = {pages[0], pages[1]};
    unsigned page;
    assert_int_equal(atls_boot_state_read(both, &read, &page), ATLS_E_MALFORMED);
    atls_boot_state_encode(&one, pages[1]);
    assert_ok(atls_boot_state_read(both, &read, &page));
    assert_int_equal(page, 1);
    for (size_t bit = 0; bit < 8 * ATLS_BOOT_STATE_SIZE; bit++) {
        pages[1][bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(atls_boot_state_read(both, &read, &page), ATLS_E_MALFORMED);
        pages[1][bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* The newer page is the one that counts, wherever it is; of two that are equally old the first. */
static void test_newer_page(void **state)
{
    static const struct {
        uint32_t sequences[2];
        unsigned newer;
    } rows[] = {{{1, 2}, 1}, {{2, 1}, 0}, {{0, UINT32_MAX}, 1}, {{UINT32_MAX, 0}, 0}, {{3, 3}, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t pages[2][ATLS_BOOT_STATE_SIZE];
        const uint8_t *const both[2] = {pages[0], pages[1]};
        struct atls_boot_state read;
        unsigned page;
        for (unsigned k = 0; k < 2; k++) {
            struct atls_boot_state one = {.sequence = rows[i].sequences[k], .counters = {k, 7 + k}};
            atls_boot_state_encode(&one, pages[k]);
        }
        assert_ok(atls_boot_state_read(both, &read, &page));
        assert_int_equal(page, rows[i].newer);
        assert_int_equal(read.sequence, rows[i].sequences[page]);
        assert_int_equal(read.counters[0], page);
        assert_int_equal(read.counters[1], 7 + page);
    }
}

/* Of nothing there is a record, too: its header alone. */
static void test_empty_record(void **state)
{
    struct atls_boot_entry entries[1];
    struct atls_boot_record record = {entries, 1, 0, true}, read;
    uint8_t memory[ATLS_HANDOVER_HEADER];
    assert_int_equal(atls_handover_write(&record, memory, sizeof memory - 1), ATLS_E_LIMIT);
    assert_ok(atls_handover_write(&record, memory, sizeof memory));
    atls_boot_record_init(&read, entries, 1);
    assert_int_equal(atls_handover_read(ATLS_BYTES(memory, sizeof memory - 1), &read),
                     ATLS_E_MALFORMED);
    assert_ok(atls_handover_read(ATLS_BYTES(memory, sizeof memory), &read));
    assert_int_equal(read.count, 0);
    assert_true(read.locked);
}

static void test_record_is_handed_over(void **state)
{
    struct atls_boot_entry entries[3] = {{"BL", "1.2.0", {1}, {9}}, {"FW", "2.4.1", {2}, {9}}},
                           read_entries[3];
    struct atls_boot_record record = {entries, 3, 2, true}, read;
    uint8_t memory[ATLS_HANDOVER_HEADER + 3 * ATLS_HANDOVER_ENTRY];
    size_t size = ATLS_HANDOVER_HEADER + 2 * ATLS_HANDOVER_ENTRY;
    assert_ok(atls_handover_write(&record, memory, sizeof memory));
    atls_boot_record_init(&read, read_entries, 3);
    assert_ok(atls_handover_read(ATLS_BYTES(memory, sizeof memory), &read));
    assert_int_equal(read.count, 2);
    assert_true(read.locked);
    assert_memory_equal(read_entries, entries, 2 * sizeof *entries);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        int result;
        memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
        atls_boot_record_init(&read, read_entries, 3);
        result = atls_handover_read(ATLS_BYTES(memory, sizeof memory), &read);
        if (bit == 16) /* locked: a record that is not locked is no evidence (platform.h) */
            assert_true(result == 0 && !read.locked);
        else
            assert_int_equal(result, ATLS_E_MALFORMED);
        memory[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    atls_boot_record_init(&read, read_entries, 1);
    assert_int_equal(atls_handover_read(ATLS_BYTES(memory, sizeof memory), &read), ATLS_E_LIMIT);
    assert_int_equal(atls_handover_read(ATLS_BYTES(memory, size - 1), &read), ATLS_E_MALFORMED);
    assert_int_equal(atls_handover_write(&record, memory, size - 1), ATLS_E_LIMIT);
}

/* A page whose checksum is right, and that is no page of fuses all the same. */
static void test_other_fuses(void **state)
{
    static const struct {
        const char *what;
        size_t at; /* of the byte that is another */
        int result;
    } rows[] = {
        {"nothing", SIZE_MAX, 0},
        {"the magic", 0, ATLS_E_UNSUPPORTED},
        {"the end of the magic", 3, ATLS_E_UNSUPPORTED},
        {"the format", 5, ATLS_E_UNSUPPORTED},
        {"the profile", 8, ATLS_E_UNSUPPORTED},
        {"the boot policy", 10, ATLS_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct atls_fuses fuses = sample_fuses(), read;
        uint8_t page[ATLS_FUSES_SIZE];
        size_t size;
        assert_ok(atls_fuses_write(&fuses, page, sizeof page, &size));
        if (rows[i].at != SIZE_MAX)
            page[rows[i].at] ^= 0x40;
        struct atls_bytes covered = ATLS_BYTES(page, size - 4);
        uint32_t sum = atls_crc32(&covered, 1);
        for (size_t k = 0; k < 4; k++)
            page[size - 4 + k] = (uint8_t)(sum >> (24 - 8 * k));
        int result = atls_fuses_parse(ATLS_BYTES(page, size), &read);
        if (result != rows[i].result)
            fail_msg("%s: expected %s, came %s: %s", rows[i].what, atls_error_name(rows[i].result),
                     atls_error_name(result), atls_error_text());
    }
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* The same of a boot record: the type, the length and the texts of an entry. */
static void test_other_records(void **state)
{
    enum { ENTRY = ATLS_HANDOVER_HEADER, TEXT = ENTRY + 4 };
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
        int result;
    } rows[] = {
        {"nothing", TEXT, 'B', 0},
        {"the type of an entry", ENTRY, 0x7f, ATLS_E_MALFORMED},
        {"the length of an entry", ENTRY + 2, 0x7f, ATLS_E_MALFORMED},
        {"no text at all", TEXT, 0, ATLS_E_MALFORMED},
        {"a byte that is no text", TEXT, 0xff, ATLS_E_MALFORMED},
        {"no end of the text", TEXT + ATLS_IMAGE_TEXT_MAX, 'x', ATLS_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct atls_boot_entry entries[1] = {{"BL", "1.2.0", {1}, {9}}}, read_entries[1];
        struct atls_boot_record record = {entries, 1, 1, true}, read;
        uint8_t memory[ATLS_HANDOVER_HEADER + ATLS_HANDOVER_ENTRY];
        assert_ok(atls_handover_write(&record, memory, sizeof memory));
        memory[rows[i].at] = rows[i].value;
        struct atls_bytes covered = ATLS_BYTES(memory + ENTRY, ATLS_HANDOVER_ENTRY);
        put_u32(memory + 8, atls_crc32(&covered, 1));
        atls_boot_record_init(&read, read_entries, 1);
        int result = atls_handover_read(ATLS_BYTES(memory, sizeof memory), &read);
        if (result != rows[i].result)
            fail_msg("%s: expected %s, came %s: %s", rows[i].what, atls_error_name(rows[i].result),
                     atls_error_name(result), atls_error_text());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_fuses),
        cmocka_unit_test(test_other_records),
        cmocka_unit_test(test_fuses),
        cmocka_unit_test(test_state_survives_power_cuts),
        cmocka_unit_test(test_state_is_never_forgotten),
        cmocka_unit_test(test_newer_page),
        cmocka_unit_test(test_empty_record),
        cmocka_unit_test(test_record_is_handed_over),
    };
    return cmocka_run_group_tests_name("flash", tests, NULL, NULL);
}
