/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated device says without memory: each allocation of its boot, of what an endorser
 * says of it, of its files and of its server is refused in turn (rats/test/test-memory.h). That
 * ends in a sentence about memory, which an event has for a person.
 */
#include "rats/test/test-memory.h"

#include <stdlib.h>
#include <unistd.h>

#include "rats/test/test-table.h"
#include "sim/device/server.h"
#include "sim/device/simulated.h"
#include "sim/roots/cca.h"

static const char *const release[] = {"FW:2.5.0"};
static const char *const tamper[] = {"flip:BL:7", "version:CFG:1.0.4", "extra:MORE"};

static struct atls_simulated_options options_of(const struct atls_root_kind *root)
{
    struct atls_simulated_options options = atls_simulated_defaults;

    options.has_seed = true;
    options.seed = 7;
    options.components = 2;
    options.root = root;
    options.release = release;
    options.release_count = sizeof release / sizeof *release;
    options.tamper = tamper;
    options.tamper_count = sizeof tamper / sizeof *tamper;
    return options;
}

static int boot(const void *root, struct test_told *told)
{
    const struct atls_simulated_options options = options_of(root);
    struct atls_simulated *device;

    TEST_FILL(device);
    int result = TEST_SCARCE(atls_simulated_open(&options, &device));
    if (result) {
        TEST_UNTOUCHED(device);
        return result;
    }
    for (size_t i = 0; i < device->core.record.count; i++)
        TEST_TELL(told, device->core.record.entries[i].value);
    atls_simulated_close(device);
    return 0;
}

static int endorse(const void *context, struct test_told *told)
{
    const struct atls_simulated *device = context;
    uint8_t *corim;
    size_t size;

    TEST_FILL(corim);
    int result = TEST_SCARCE(
        atls_simulated_endorse(device, ATLS_CORIM_MAIN, ATLS_ENDORSED_ALL, &corim, &size));
    if (result) {
        TEST_UNTOUCHED(corim);
        return result;
    }
    test_tell(told, ATLS_BYTES(corim, size));
    free(corim);
    return 0;
}

static void sweep(const char *name, const struct atls_root_kind *root)
{
    const struct atls_simulated_options options = options_of(root);
    struct atls_simulated *device;

    assert_true(test_without_memory(name, TEST_FAILS, boot, root) > 10);
    assert_int_equal(atls_simulated_open(&options, &device), 0);
    assert_true(test_without_memory(name, TEST_FAILS, endorse, device) > 5);
    atls_simulated_close(device);
}

static void test_psa(void **state)
{
    sweep("a device with PSA", NULL);
}

static void test_cca(void **state)
{
    sweep("a device with Arm CCA", &atls_root_cca);
}

static char directory[] = "/tmp/atls-no-memory-XXXXXX";

static int save(const void *images, struct test_told *told)
{
    return TEST_SCARCE(atls_images_save(images, directory));
}

static int read_files(const void *context, struct test_told *told)
{
    const struct atls_images *saved = context;
    struct atls_images images;

    TEST_FILL(images);
    int result = TEST_SCARCE(atls_images_open(saved->crypto, saved->seed, directory, 0, &images));
    if (result) {
        TEST_UNTOUCHED(images);
        return result;
    }
    for (size_t i = 0; i < images.count; i++)
        test_tell(told, ATLS_BYTES(images.slots[i].name, strlen(images.slots[i].name)));
    atls_images_clear(&images);
    return 0;
}

static void test_files(void **state)
{
    struct atls_images images;
    const uint8_t seed[ATLS_DEVICE_SEED_SIZE] = {7};
    char path[sizeof directory + ATLS_IMAGE_TEXT_MAX + sizeof "/.img"];

    assert_non_null(mkdtemp(directory));
    assert_int_equal(atls_images_open(&atls_crypto_hosted, seed, NULL, 0, &images), 0);
    assert_true(test_without_memory("saving images", TEST_FAILS, save, &images) >= images.count);
    assert_true(test_without_memory("images of files", TEST_FAILS, read_files, &images) > 5);
    for (size_t i = 0; i < images.count; i++) {
        snprintf(path, sizeof path, "%s/%s.img", directory, images.slots[i].name);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(directory), 0);
    atls_images_clear(&images);
}

static int serve(const void *stop_fd, struct test_told *told)
{
    const struct atls_server_device device = {NULL, NULL};
    const struct atls_server_faults none = {0};

    return TEST_SCARCE(atls_server_run(&device, -1, *(const int *)stop_fd, &none, NULL));
}

/* A server that is told to stop before it begins. */
static void test_server(void **state)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    assert_int_equal(test_without_memory("a server", TEST_FAILS, serve, &ends[0]), 1);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_psa),
        cmocka_unit_test(test_cca),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_server),
    };

    return cmocka_run_group_tests_name("no-memory", tests, NULL, NULL);
}
