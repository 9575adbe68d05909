/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of an attester: those that it makes in its device, which are gone when it is, one that
 * was enrolled, which stays, and one that no device has.
 */
#include "roles/test-appraisal.h"

#include "rats/base/error.h"
#include "rats/test/test-table.h"
#include "roles/attester-private.h"

/* Has the device that key? */
static bool has_key(const char *address, uint32_t handle)
{
    struct atls_device *device;
    uint8_t digest[48] = {1}, signature[ATLS_SIGNATURE_MAX];
    size_t size;
    bool has = false;

    assert_int_equal(atls_device_open(address, 1000, &device), 0);
    for (size_t of = 32; of <= 48; of += 16)
        has =
            has || atls_device_sign(device, handle, ATLS_BYTES(digest, of), signature, &size) == 0;
    atls_device_close(device);
    return has;
}

static void renew(struct test_appraisal *f, const char *fault)
{
    f->faults.count = 0;
    if (fault)
        assert_int_equal(atls_faults_add(&f->faults, fault), 0);
    test_renew(f);
}

/* The device whose keys are looked at stays, as one at the end of a socket does. */
static struct atls_device *stay(const char *address)
{
    struct atls_device *device;

    assert_int_equal(atls_device_open(address, 1000, &device), 0);
    return device;
}

static void test_destroyed(void **state)
{
    static const char *const faults[] = {NULL, "attested-other-key", "other-key", "foreign-pat"};
    struct test_appraisal *f = *state;
    struct atls_device *device = stay("inproc:1"), *second = stay("inproc:2");

    for (size_t i = 0; i < COUNT(faults); i++) {
        renew(f, faults[i]);
        const uint32_t handles[] = {f->attester->identity.handle, f->attester->attested.handle,
                                    f->attester->other.handle};
        uint32_t of_second = f->attester->second_identity.handle;

        if (i == 1) /* test_renew() has asked for evidence */
            test_event_says(&f->attester_party, "fault", 0, "name", faults[i]);

        assert_int_equal(handles[0] != handles[1], i == 1);
        assert_int_equal(handles[2] != 0, i == 2);
        assert_int_equal(of_second != 0, i == 3);
        for (int gone = 0; gone < 2; gone++) {
            for (size_t k = 0; k < COUNT(handles); k++)
                if (handles[k])
                    assert_int_equal(has_key("inproc:1", handles[k]), !gone);
            if (of_second)
                assert_int_equal(has_key("inproc:2", of_second), !gone);
            if (!gone)
                test_release(f);
        }
    }
    atls_device_close(device);
    atls_device_close(second);
}

/* A key that was enrolled is used, stays, and says what keys beside it are like. */
static void test_enrolled(void **state)
{
    static const char *const faults[] = {NULL, "attested-other-key", "other-key"};
    struct test_appraisal *f = *state;
    struct atls_device *device = stay("inproc:1");
    struct atls_attester *none = NULL;

    for (unsigned curve = ATLS_P256; curve <= ATLS_P384; curve++)
        for (size_t i = 0; i < COUNT(faults); i++) {
            struct atls_attester_options *options = &f->attester_options;
            uint8_t challenge[32] = {2};

            assert_int_equal(atls_device_create_key(device, (enum atls_curve)curve,
                                                    &options->key_handle, &options->key),
                             0);
            renew(f, faults[i]);
            assert_int_equal(
                atls_attester_evidence(f->attester, 1, ATLS_BYTES(challenge, 32), &f->credential),
                0);
            assert_int_equal(f->credential.key_handle == options->key_handle, i != 2);
            assert_int_equal(atls_public_key_equal(&f->credential.key, &options->key), i != 2);
            assert_int_equal(f->credential.key.curve, curve);
            assert_int_equal(f->attester->attested.handle == options->key_handle, i != 1);
            assert_int_equal(f->attester->attested.key.curve, curve);
            test_release(f);
            assert_true(has_key("inproc:1", options->key_handle));
        }
    f->attester_options.key.x[0] ^= 1; /* that of another */
    test_outcome(
        atls_attester_new(&f->attester_options, f->client, f->attester_party.events, &none),
        ATLS_E_MISMATCH, NULL);
    f->attester_options.key_handle = 0xdead; /* the device has none of that number, and says so */
    test_outcome(
        atls_attester_new(&f->attester_options, f->client, f->attester_party.events, &none),
        ATLS_E_REFUSED, NULL);
    assert_null(none);
    atls_device_close(device);
}

/* Beside a key outside the device, the one that is presented instead is of the same curve. */
static void test_outside(void **state)
{
    struct test_appraisal *f = *state;
    static const uint8_t seed[48] = {4};
    struct atls_private_key key;

    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P384, seed, &key), 0);
    f->attester_options.key_outside = true;
    f->attester_options.key = key.public_key;
    f->attester_options.evidence_format = &atls_format_psa;
    renew(f, NULL);
    assert_true(atls_public_key_equal(&f->ik, &key.public_key));
    renew(f, "other-key");
    assert_false(atls_public_key_equal(&f->ik, &key.public_key));
    assert_int_equal(f->ik.curve, ATLS_P384);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PARTIES(test_destroyed),
        WITH_PARTIES(test_enrolled),
        WITH_PARTIES(test_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
