/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a device in its own process, and against devices that answer nonsense. */
#include "sim/test-support.h"

#include <errno.h>

#include "rats/tokens/kat.h"
#include "rats/tokens/psa.h"
#include "sim/device/client.h"
#include "sim/device/protocol.h"

static const uint8_t challenge_bytes[64] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456";

static struct atls_device *open_device(const char *address)
{
    struct atls_device *device;
    assert_case(address, atls_device_open(address, 1000, &device), 0);
    return device;
}

static void test_evidence_verifies(void **state)
{
    struct atls_device *device = open_device("inproc:7");
    struct atls_psa_component components[8];
    struct atls_public_key ik;
    struct atls_psa_claims claims;
    struct atls_device_info info;
    struct atls_cmw *cmw;
    struct atls_cab cab;
    uint8_t *data;
    uint32_t handle;
    size_t size;
    assert_ok(atls_device_info(device, &info));
    assert_int_equal(info.lifecycle, ATLS_PSA_SECURED);
    assert_int_equal(info.component_count, 3);
    assert_ok(atls_device_create_key(device, ATLS_P384, &handle, &ik));
    assert_ok(
        atls_device_attest_key(device, handle, ATLS_BYTES(challenge_bytes, 20), &data, &size));
    assert_ok(atls_cmw_parse(ATLS_BYTES(data, size), &cmw));
    assert_ok(atls_cab_parse(cmw, &cab));
    assert_ok(atls_cab_check(&cab, &atls_crypto_hosted, ATLS_BYTES(challenge_bytes, 20)));
    assert_int_equal(atls_cab_check(&cab, &atls_crypto_hosted, ATLS_BYTES(challenge_bytes, 21)),
                     ATLS_E_MISMATCH);
    assert_ok(atls_cose_sign1_verify(&cab.pat, &atls_crypto_hosted, &info.pak));
    assert_ok(atls_psa_claims_parse(cab.pat.payload, components, 8, &claims));
    assert_int_equal(claims.client_id, 1);
    assert_memory_equal(claims.instance_id.data, info.instance_id, 33);
    assert_memory_equal(claims.implementation_id.data, info.implementation_id, 32);
    assert_true(atls_public_key_equal(&cab.kat_claims.identity_key, &ik));
    atls_cmw_free(cmw);
    free(data);
    atls_device_close(device);
}

static void test_bare_token_and_boot_record(void **state)
{
    struct atls_device *device = open_device("inproc:7");
    struct atls_psa_component components[8], record[8];
    struct atls_cose_sign1 message;
    struct atls_psa_claims claims;
    struct atls_device_info info;
    uint8_t *data, *record_data;
    size_t size, record_size, count;
    assert_ok(atls_device_info(device, &info));
    assert_ok(atls_device_attest_platform(device, ATLS_BYTES(challenge_bytes, 48), &data, &size));
    assert_ok(atls_cose_sign1_parse(ATLS_BYTES(data, size), ATLS_COSE_TAG_REQUIRED, "", &message));
    assert_ok(atls_cose_sign1_verify(&message, &atls_crypto_hosted, &info.pak));
    assert_ok(atls_psa_claims_parse(message.payload, components, 8, &claims));
    assert_true(atls_bytes_equal(claims.nonce, ATLS_BYTES(challenge_bytes, 48)));
    assert_ok(atls_device_boot_record(device, &record_data, &record_size));
    assert_ok(atls_psa_components_parse(ATLS_BYTES(record_data, record_size), record, 8, &count));
    assert_int_equal(count, claims.component_count);
    for (size_t i = 0; i < count; i++) {
        assert_true(atls_bytes_equal(record[i].type, components[i].type));
        assert_true(atls_bytes_equal(record[i].value, components[i].value));
    }
    free(record_data);
    free(data);
    atls_device_close(device);
}

static void get_cab(const char *address, uint8_t **cabp, size_t *sizep)
{
    struct atls_device *device = open_device(address);
    struct atls_public_key ik;
    uint32_t handle;
    assert_ok(atls_device_create_key(device, ATLS_P256, &handle, &ik));
    assert_ok(atls_device_attest_key(device, handle, ATLS_BYTES(challenge_bytes, 32), cabp, sizep));
    atls_device_close(device);
}

static void test_same_seed_same_bytes(void **state)
{
    uint8_t *a, *b, *c;
    size_t a_size, b_size, c_size;
    get_cab("inproc:7", &a, &a_size);
    get_cab("inproc:7", &b, &b_size);
    get_cab("inproc:8", &c, &c_size);
    assert_true(atls_bytes_equal(ATLS_BYTES(a, a_size), ATLS_BYTES(b, b_size)));
    assert_false(atls_bytes_equal(ATLS_BYTES(a, a_size), ATLS_BYTES(c, c_size)));
    free(a);
    free(b);
    free(c);
}

static void test_addresses_refused(void **state)
{
    static const struct {
        const char *address;
        int outcome;
    } cases[] = {
        {"", ATLS_E_UNSUPPORTED},
        {"unix", ATLS_E_UNSUPPORTED},
        {"tcp:127.0.0.1:1", ATLS_E_UNSUPPORTED},
        {"qemu:x", ATLS_E_UNSUPPORTED},
        {"unix:", -EINVAL},
        {"unix:/a-path-that-is-longer-than-any-unix-socket-can-have/1234567890123456789012345678901"
         "234567890123456789012345678901234567890",
         -EINVAL},
        {"unix:/nonexistent/socket", ATLS_E_UNAVAILABLE},
        {"unix:/", ATLS_E_UNAVAILABLE},
        {"inproc:", -EINVAL},
        {"inproc:x", -EINVAL},
        {"inproc:-1", -EINVAL},
        {"inproc: 1", -EINVAL},
        {"inproc:1x", -EINVAL},
        {"inproc:1:", -EINVAL},
        {"inproc:1:x", -EINVAL},
        {"inproc:1:2x", -EINVAL},
        {"inproc:1:10001", -EINVAL},
        {"inproc:18446744073709551616", -EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_device *device = NULL;
        assert_case(cases[i].address, atls_device_open(cases[i].address, 100, &device),
                    cases[i].outcome);
        assert_null(device);
        assert_true(strlen(atls_error_text()) > 10);
    }
}

static void test_device_says_no(void **state)
{
    struct atls_device *device = open_device("inproc:7");
    static const uint8_t large[300];
    struct atls_public_key ik;
    uint8_t signature[ATLS_SIGNATURE_MAX], *data = NULL;
    uint32_t handle = 4711, good;
    size_t size = 4711;
    assert_ok(atls_device_create_key(device, ATLS_P256, &good, &ik));
    assert_int_equal(atls_device_create_key(device, (enum atls_curve)9, &handle, &ik),
                     ATLS_E_REFUSED);
    assert_string_equal(atls_error_text(), "the device refused create-key: expected curve 1 "
                                           "(P-256) or 2 (P-384), came 9");
    assert_int_equal(handle, 4711);
    assert_int_equal(atls_device_destroy_key(device, 99), ATLS_E_REFUSED);
    for (size_t n = 0; n <= sizeof large; n++) {
        struct atls_bytes bytes = ATLS_BYTES(large, n);
        if (n < 8 || n > 64)
            assert_int_equal(atls_device_attest_key(device, good, bytes, &data, &size),
                             ATLS_E_REFUSED);
        if (n != 32 && n != 48 && n != 64)
            assert_int_equal(atls_device_attest_platform(device, bytes, &data, &size),
                             ATLS_E_REFUSED);
        if (n != 32)
            assert_int_equal(atls_device_sign(device, good, bytes, signature, &size),
                             ATLS_E_REFUSED);
    }
    assert_int_equal(atls_device_attest_key(device, good + 1, ATLS_BYTES(large, 32), &data, &size),
                     ATLS_E_REFUSED);
    assert_null(data);
    assert_int_equal(size, 4711);
    assert_ok(atls_device_destroy_key(device, good));
    assert_int_equal(atls_device_sign(device, good, ATLS_BYTES(large, 32), signature, &size),
                     ATLS_E_REFUSED);
    atls_device_close(device);
}

/* A device that answers everything with the same bytes. */
struct canned {
    struct atls_transport transport;
    struct atls_bytes answer;
};

static int canned_exchange(struct atls_transport *transport, struct atls_bytes request,
                           struct atls_bytes *answerp)
{
    (void)request;
    *answerp = ((struct canned *)transport)->answer;
    return 0;
}

static void canned_close(struct atls_transport *transport)
{
    (void)transport;
}

static int call(struct atls_device *device, int operation)
{
    static uint8_t *data, signature[ATLS_SIGNATURE_MAX];
    struct atls_bytes challenge = ATLS_BYTES(challenge_bytes, 32);
    struct atls_device_info info;
    struct atls_public_key key;
    uint32_t handle;
    size_t size;
    switch (operation) {
    case ATLS_OP_INFO:
        return atls_device_info(device, &info);
    case ATLS_OP_CREATE_KEY:
        return atls_device_create_key(device, ATLS_P256, &handle, &key);
    case ATLS_OP_DESTROY_KEY:
        return atls_device_destroy_key(device, 1);
    case ATLS_OP_ATTEST_KEY:
        return atls_device_attest_key(device, 1, challenge, &data, &size);
    case ATLS_OP_ATTEST_PLATFORM:
        return atls_device_attest_platform(device, challenge, &data, &size);
    case ATLS_OP_SIGN:
        return atls_device_sign(device, 1, challenge, signature, &size);
    default:
        return atls_device_boot_record(device, &data, &size);
    }
}

static void test_nonsense_answers(void **state)
{
    static uint8_t long_key[2 + 4 + 97] = {2, 0, 0, 0, 0, 1, 2};
    static const struct {
        const char *what;
        int operation;
        struct atls_bytes answer;
        int outcome;
    } cases[] = {
#define SAYS(text) {(const uint8_t *)(text), sizeof(text) - 1}
        {"empty", 1, SAYS(""), ATLS_E_MALFORMED},
        {"operation only", 1, SAYS("\1"), ATLS_E_MALFORMED},
        {"another operation", 1, SAYS("\2\0"), ATLS_E_MALFORMED},
        {"operation 0, done", 1, SAYS("\0\0"), ATLS_E_MALFORMED},
        {"operation 0, refused", 1, SAYS("\0\1\0\1x\0\0"), ATLS_E_MALFORMED},
        {"operation 0, could not be read", 1, SAYS("\0\2\0\1x\0\0"), ATLS_E_REFUSED},
        {"outcome 4", 3, SAYS("\3\4\0\0\0\0"), ATLS_E_MALFORMED},
        {"outcome 255", 3, SAYS("\3\377\0\0\0\0"), ATLS_E_MALFORMED},
        {"refusal without reason", 3, SAYS("\3\1"), ATLS_E_MALFORMED},
        {"refusal, reason cut", 3, SAYS("\3\1\0\5no"), ATLS_E_MALFORMED},
        {"refusal without clause", 3, SAYS("\3\1\0\2no"), ATLS_E_MALFORMED},
        {"refusal with more", 3, SAYS("\3\1\0\2no\0\0x"), ATLS_E_MALFORMED},
        {"refusal", 3, SAYS("\3\1\0\2no\0\0"), ATLS_E_REFUSED},
        {"failure", 3, SAYS("\3\3\0\2no\0\0"), ATLS_E_REFUSED},
        {"done with more", 3, SAYS("\3\0x"), ATLS_E_MALFORMED},
        {"done", 3, SAYS("\3\0"), 0},
        {"info cut in the instance id", 1, SAYS("\1\0\1abc"), ATLS_E_MALFORMED},
        {"key without handle", 2, SAYS("\2\0\0\0"), ATLS_E_MALFORMED},
        {"key of curve 0", 2, SAYS("\2\0\0\0\0\1\0"), ATLS_E_MALFORMED},
        {"key cut", 2, SAYS("\2\0\0\0\0\1\1abc"), ATLS_E_MALFORMED},
        {"key of the other curve", 2, {long_key, sizeof long_key}, ATLS_E_MALFORMED},
        {"CAB of no bytes", 4, SAYS("\4\0\0\0\0"), ATLS_E_MALFORMED},
        {"CAB cut", 4, SAYS("\4\0\0\0\5abcd"), ATLS_E_MALFORMED},
        {"CAB of 16 MiB", 4, SAYS("\4\0\377\377\377abcd"), ATLS_E_MALFORMED},
        {"CAB with more", 4, SAYS("\4\0\0\0\1ab"), ATLS_E_MALFORMED},
        {"token cut", 5, SAYS("\5\0\0\0"), ATLS_E_MALFORMED},
        {"empty signature", 6, SAYS("\6\0\0"), ATLS_E_MALFORMED},
        {"short signature", 6, SAYS("\6\0\3abc"), ATLS_E_MALFORMED},
        {"signature cut", 6,
         SAYS("\6\0\x40"
              "abc"),
         ATLS_E_MALFORMED},
        {"record cut", 7, SAYS("\7\0\0\1\0abc"), ATLS_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct canned canned = {{canned_exchange, canned_close}, cases[i].answer};
        struct atls_device *device;
        assert_ok(atls_device_over(&canned.transport, &device));
        assert_case(cases[i].what, call(device, cases[i].operation), cases[i].outcome);
        atls_device_close(device);
    }
}

/* What a device says is printed; it may not speak to the terminal. */
static void test_refusals_are_printable(void **state)
{
    struct canned canned = {{canned_exchange, canned_close}, SAYS("\3\1\0\5n\033[0m\0\0")};
    struct atls_device *device;
    assert_ok(atls_device_over(&canned.transport, &device));
    assert_int_equal(atls_device_destroy_key(device, 1), ATLS_E_REFUSED);
    assert_string_equal(atls_error_text(), "the device refused destroy-key: n\\x1b[0m");
    atls_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence_verifies),
        cmocka_unit_test(test_bare_token_and_boot_record),
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_addresses_refused),
        cmocka_unit_test(test_device_says_no),
        cmocka_unit_test(test_nonsense_answers),
        cmocka_unit_test(test_refusals_are_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
