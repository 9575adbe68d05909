/* SPDX-License-Identifier: Apache-2.0 */
/* What a simulated device boots: generated images, files, every tampering, and what the endorser
 * says of it. */
#include "sim/test-support.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/device/simulated.h"

static int open_device(uint64_t seed, unsigned components, const char *directory,
                       const char *const *tamper, size_t count, struct atls_simulated **devicep)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    options.has_seed = true;
    options.seed = seed;
    options.components = components;
    options.images_directory = directory;
    options.tamper = tamper;
    options.tamper_count = count;
    return atls_simulated_open(&options, devicep);
}

static struct atls_simulated *open_tampered(const char *order)
{
    struct atls_simulated *device;
    assert_case(order, open_device(7, 0, NULL, &order, 1, &device), 0);
    return device;
}

static struct atls_simulated *open_pristine(uint64_t seed)
{
    struct atls_simulated *device;
    assert_ok(open_device(seed, 0, NULL, NULL, 0, &device));
    return device;
}

static const struct atls_boot_entry *entry(const struct atls_simulated *device, size_t i)
{
    assert_true(i < device->core.record.count);
    return &device->core.record.entries[i];
}

/* Which entries of the boot record differ in their measurement, as bits. */
static unsigned differing(const struct atls_simulated *a, const struct atls_simulated *b)
{
    unsigned bits = 0;
    for (size_t i = 0; i < a->core.record.count; i++)
        if (memcmp(entry(a, i)->value, entry(b, i)->value, 32))
            bits |= 1u << i;
    return bits;
}

static void test_images_follow_the_seed(void **state)
{
    struct atls_simulated *a = open_pristine(7), *b = open_pristine(7), *c = open_pristine(8);
    assert_int_equal(a->core.record.count, 3);
    assert_int_equal(differing(a, b), 0);
    assert_int_equal(differing(a, c), 7);
    assert_memory_equal(a->core.platform.instance_id, b->core.platform.instance_id, 33);
    assert_memory_not_equal(a->core.platform.instance_id, c->core.platform.instance_id, 33);
    assert_memory_equal(a->core.platform.config.implementation_id,
                        c->core.platform.config.implementation_id, 32);
    assert_memory_equal(entry(a, 0)->signer_id, entry(c, 2)->signer_id, 32);
    atls_simulated_close(a);
    atls_simulated_close(b);
    atls_simulated_close(c);
}

static void test_without_a_seed_devices_differ(void **state)
{
    struct atls_simulated *a, *b;
    assert_ok(atls_simulated_open(&atls_simulated_defaults, &a));
    assert_ok(atls_simulated_open(&atls_simulated_defaults, &b));
    assert_int_equal(differing(a, b), 7);
    assert_memory_not_equal(a->core.platform.pak.d, b->core.platform.pak.d, 32);
    assert_memory_not_equal(a->core.keys.kak.d, b->core.keys.kak.d, 32);
    assert_memory_not_equal(a->core.platform.boot_seed, b->core.platform.boot_seed, 32);
    atls_simulated_close(a);
    atls_simulated_close(b);
}

/* Every tampering changes its component's measurement, and nothing else. */
static void test_tampering_is_seen(void **state)
{
    static const struct {
        const char *order;
        size_t count, component;
        const char *type, *version;
        unsigned differing;
    } cases[] = {
        {"flip:BL:0", 3, 0, "BL", "1.2.0", 1},
        {"flip:FW:0", 3, 1, "FW", "2.4.1", 2},
        {"flip:FW:262143", 3, 1, "FW", "2.4.1", 2}, /* the last bit */
        {"flip:CFG:0x10", 3, 2, "CFG", "1.0.3", 4},
        {"version:FW:0.9.0", 3, 1, "FW", "0.9.0", 2},
        {"version:BL:1.2.0:x", 3, 0, "BL", "1.2.0:x", 1},
        {"version:FW:2.4.1", 3, 1, "FW", "2.4.1", 0}, /* the very same */
        {"extra:ROOTKIT", 4, 3, "ROOTKIT", "0.0.1", 0},
    };
    struct atls_simulated *good = open_pristine(7);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_simulated *bad = open_tampered(cases[i].order);
        assert_case(cases[i].order, (int)bad->core.record.count, (int)cases[i].count);
        assert_string_equal(entry(bad, cases[i].component)->type, cases[i].type);
        assert_string_equal(entry(bad, cases[i].component)->version, cases[i].version);
        assert_memory_equal(entry(bad, cases[i].component)->signer_id, entry(good, 0)->signer_id,
                            32);
        assert_case(cases[i].order, (int)differing(good, bad), (int)cases[i].differing);
        atls_simulated_close(bad);
    }
    atls_simulated_close(good);
}

static void test_flip_twice_is_nothing(void **state)
{
    static const char *const orders[] = {"flip:FW:77", "flip:FW:77"};
    struct atls_simulated *good = open_pristine(7), *same;
    assert_ok(open_device(7, 0, NULL, orders, 2, &same));
    assert_int_equal(differing(good, same), 0);
    atls_simulated_close(good);
    atls_simulated_close(same);
}

static void test_orders_in_turn(void **state)
{
    static const char *const orders[] = {"extra:X", "flip:X:3", "version:CFG:9"};
    struct atls_simulated *device, *one = open_tampered("extra:X");
    assert_ok(open_device(7, 0, NULL, orders, 3, &device));
    assert_int_equal(differing(one, device), 4 | 8);
    atls_simulated_close(device);
    atls_simulated_close(one);
}

static void test_orders_refused(void **state)
{
    static const struct {
        const char *order;
        int outcome;
    } cases[] = {
        {"", ATLS_E_UNSUPPORTED},
        {"burn:FW:1", ATLS_E_UNSUPPORTED},
        {"FLIP:FW:1", ATLS_E_UNSUPPORTED},
        {"flipp:FW:1", ATLS_E_UNSUPPORTED},
        {"flip", -EINVAL},
        {"flip:", -EINVAL},
        {"flip:FW", -EINVAL},
        {"flip:FW:", -EINVAL},
        {"flip::1", -EINVAL},
        {"flip:FW:x", -EINVAL},
        {"flip:FW:-1", -EINVAL},
        {"flip:FW: 1", -EINVAL},
        {"flip:FW:1x", -EINVAL},
        {"flip:FW:262144", -EINVAL},
        {"flip:FW:18446744073709551616", -EINVAL},
        {"flip:fw:1", -EINVAL},
        {"flip:M0001:1", -EINVAL},
        {"flip:abcdefghijklmnopqrstuvwxyz0123456:1", -EINVAL},
        {"version:FW", -EINVAL},
        {"version:FW:", -EINVAL},
        {"version:FW:a b", -EINVAL},
        {"version:FW:abcdefghijklmnopqrstuvwxyz0123456", -EINVAL},
        {"version:XX:1", -EINVAL},
        {"extra", -EINVAL},
        {"extra:", -EINVAL},
        {"extra:FW", -EINVAL},
        {"extra:a b", -EINVAL},
        {"extra:abcdefghijklmnopqrstuvwxyz0123456", -EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_simulated *device;
        assert_case(cases[i].order, open_device(7, 0, NULL, &cases[i].order, 1, &device),
                    cases[i].outcome);
        assert_true(strlen(atls_error_text()) > 20);
    }
}

static void test_many_components(void **state)
{
    static const char *const orders[] = {"flip:M0600:1", "version:M0001:2.0"};
    struct atls_simulated *device, *plain;
    assert_ok(open_device(7, 600, NULL, orders, 2, &device));
    assert_ok(open_device(7, 600, NULL, NULL, 0, &plain));
    assert_int_equal(device->core.record.count, 603);
    assert_string_equal(entry(device, 602)->type, "M0600");
    assert_string_equal(entry(device, 3)->version, "2.0");
    assert_memory_not_equal(entry(device, 602)->value, entry(plain, 602)->value, 32);
    assert_memory_equal(entry(device, 601)->value, entry(plain, 601)->value, 32);
    atls_simulated_close(device);
    atls_simulated_close(plain);
}

static void test_too_many_components(void **state)
{
    static const char *const extra = "extra:X";
    struct atls_simulated *device;
    assert_int_equal(open_device(7, ATLS_PSA_COMPONENTS_MAX - 2, NULL, NULL, 0, &device), -EINVAL);
    assert_int_equal(open_device(7, ATLS_PSA_COMPONENTS_MAX - 3, NULL, &extra, 1, &device),
                     -EINVAL);
    assert_ok(open_device(7, ATLS_PSA_COMPONENTS_MAX - 3, NULL, NULL, 0, &device));
    assert_int_equal(device->core.record.count, ATLS_PSA_COMPONENTS_MAX);
    atls_simulated_close(device);
}

static char directory[256];

static void path_of(const char *name, char path[300])
{
    snprintf(path, 300, "%s/%s.img", directory, name);
}

static int make_files(void **state)
{
    struct atls_simulated *device = open_pristine(7);
    test_make_directory(directory);
    assert_ok(atls_images_save(&device->images, directory));
    atls_simulated_close(device);
    return 0;
}

static int remove_files(void **state)
{
    static const char *const names[] = {"BL", "FW", "CFG"};
    char path[300];
    for (size_t i = 0; i < 3; i++) {
        path_of(names[i], path);
        unlink(path);
    }
    return rmdir(directory);
}

static void patch(const char *name, long at, int value)
{
    char path[300];
    FILE *file;
    path_of(name, path);
    file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(value, file), value);
    assert_int_equal(fclose(file), 0);
}

static void test_files_boot_as_generated(void **state)
{
    static const char *const refused[] = {"version:FW:3"};
    static const char *const flip[] = {"flip:FW:8"};
    struct atls_simulated *files, *generated = open_pristine(7), *flipped;
    assert_ok(open_device(7, 0, directory, NULL, 0, &files));
    assert_int_equal(differing(files, generated), 0);
    atls_simulated_close(files);
    assert_ok(open_device(7, 0, directory, flip, 1, &flipped));
    assert_int_equal(differing(flipped, generated), 2);
    assert_int_equal(open_device(7, 0, directory, refused, 1, &files), -EINVAL);
    atls_simulated_close(generated);
    atls_simulated_close(flipped);
    assert_ok(open_device(8, 2, directory, NULL, 0, &files)); /* and generated ones besides */
    assert_int_equal(files->core.record.count, 5);
    atls_simulated_close(files);
}

static void test_bad_files_refused(void **state)
{
    struct atls_simulated *device;
    char fw[300], cfg[300];
    patch("FW", 200, 0x5a); /* body: another measurement, no error */
    assert_ok(open_device(7, 0, directory, NULL, 0, &device));
    atls_simulated_close(device);
    patch("FW", 0, 'X');
    assert_int_equal(open_device(7, 0, directory, NULL, 0, &device), ATLS_E_MALFORMED);
    patch("FW", 0, 'A');
    patch("FW", 12, 'G');
    assert_int_equal(open_device(7, 0, directory, NULL, 0, &device), -EINVAL);
    assert_non_null(strstr(atls_error_text(), "expected the image of FW, came GW"));
    patch("FW", 12, 'F');
    path_of("FW", fw);
    path_of("CFG", cfg);
    assert_int_equal(unlink(cfg), 0);
    assert_int_equal(open_device(7, 0, directory, NULL, 0, &device), -ENOENT);
    assert_int_equal(mkdir(cfg, 0777), 0);
    assert_int_equal(open_device(7, 0, directory, NULL, 0, &device), -EISDIR);
    assert_int_equal(rmdir(cfg), 0);
    assert_int_equal(open_device(7, 0, "/nonexistent", NULL, 0, &device), -ENOENT);
}

/* The endorsements describe the device before its tampering, in either dialect. */
static void check_endorsements(const struct atls_simulated *device,
                               const struct atls_simulated *pristine,
                               enum atls_corim_dialect dialect)
{
    struct atls_corim corim;
    uint8_t *encoded;
    size_t size;
    assert_ok(atls_simulated_endorse(device, dialect, ATLS_ENDORSED_ALL, &encoded, &size));
    assert_ok(atls_corim_parse(ATLS_BYTES(encoded, size), &corim));
    free(encoded);
    assert_int_equal(corim.dialect, dialect);
    assert_non_null(corim.entity);
    assert_non_null(strstr(corim.entity, "root of trust is simulated"));
    assert_int_equal(corim.reference_value_count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct atls_reference_value *value = &corim.reference_values[i];
        assert_string_equal(value->name, entry(pristine, i)->type);
        assert_string_equal(value->version, entry(pristine, i)->version);
        assert_int_equal(value->digest_size, 32);
        assert_memory_equal(value->digest, entry(pristine, i)->value, 32);
        assert_memory_equal(value->signer_id, entry(pristine, i)->signer_id, 32);
        assert_memory_equal(value->implementation_id,
                            pristine->core.platform.config.implementation_id, 32);
    }
    assert_int_equal(corim.trust_anchor_count, 1);
    assert_true(atls_public_key_equal(&corim.trust_anchors[0].key,
                                      &pristine->core.platform.pak.public_key));
    assert_memory_equal(corim.trust_anchors[0].instance_id, pristine->core.platform.instance_id,
                        33);
    atls_corim_clear(&corim);
}

static void test_endorsements(void **state)
{
    static const char *const orders[] = {"flip:FW:5", "version:BL:0.1", "extra:X"};
    struct atls_simulated *pristine = open_pristine(7), *tampered;
    assert_ok(open_device(7, 0, NULL, orders, 3, &tampered));
    check_endorsements(pristine, pristine, ATLS_CORIM_MAIN);
    check_endorsements(pristine, pristine, ATLS_CORIM_V0_2608);
    check_endorsements(tampered, pristine, ATLS_CORIM_MAIN);
    atls_simulated_close(pristine);
    atls_simulated_close(tampered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images_follow_the_seed),
        cmocka_unit_test(test_without_a_seed_devices_differ),
        cmocka_unit_test(test_tampering_is_seen),
        cmocka_unit_test(test_flip_twice_is_nothing),
        cmocka_unit_test(test_orders_in_turn),
        cmocka_unit_test(test_orders_refused),
        cmocka_unit_test(test_many_components),
        cmocka_unit_test(test_too_many_components),
        cmocka_unit_test(test_files_boot_as_generated),
        cmocka_unit_test(test_bad_files_refused),
        cmocka_unit_test(test_endorsements),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
