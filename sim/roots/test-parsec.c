/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of Parsec, and a device whose keys are in one: against what a parsec-service said, and
 * against a service of this process, which keeps keys as Parsec does or does harm. Those that speak
 * to a real one are scenarios/parsec.
 */
#include "sim/roots/test-parsec-service.h"

#include "rats/cmw/cmw.h"
#include "sim/roots/test-device.h"

/* This client asks what the other one asked, byte for byte, and the TPM's signatures in the answers
 * verify under the TPM's keys in them. */
static void test_recording(void **state)
{
    static const struct {
        const char *name;
        enum atls_curve curve;
    } keys[] = {{"atls-tik", ATLS_P256}, {"atls-384", ATLS_P384}};
    struct service *s = *state;
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    struct atls_parsec parsec = client_of(s);
    s->replays = true;
    assert_ok(atls_parsec_check(&parsec, provider));
    assert_string_equal(provider, "Trusted Computing Group (TCG) 0.1.0");
    for (size_t i = 0; i < 2; i++) {
        const struct atls_bytes x = ATLS_BYTES("x", 1);
        uint8_t digest[64], signature[ATLS_SIGNATURE_MAX];
        struct atls_public_key key;
        size_t size;
        enum atls_hash alg = atls_curve_hash(keys[i].curve);
        assert_ok(CRYPTO->hash(alg, &x, 1, digest));
        struct atls_bytes hashed = ATLS_BYTES(digest, atls_hash_size(alg));
        assert_ok(atls_parsec_generate_key(&parsec, keys[i].name, keys[i].curve, &key));
        assert_ok(
            atls_parsec_sign_hash(&parsec, keys[i].name, keys[i].curve, hashed, signature, &size));
        assert_ok(CRYPTO->verify(&key, hashed, ATLS_BYTES(signature, size)));
    }
    assert_ok(atls_parsec_destroy_key(&parsec, "atls-tik"));
    assert_int_equal(atls_parsec_destroy_key(&parsec, "another"), ATLS_E_UNAVAILABLE);
}

static void test_client(void **state)
{
    static const uint8_t digest[48] = {1, 2, 3};
    static const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};
    struct service *s = *state;
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    struct atls_parsec parsec = client_of(s);
    for (unsigned pieces = 0; pieces < 3; pieces++) {
        s->pieces = pieces;
        assert_ok(atls_parsec_check(&parsec, provider));
        assert_string_equal(provider, "A vendor\\x1b[2J 0.1.0");
        for (size_t i = 0; i < 2; i++) {
            struct atls_bytes hashed = ATLS_BYTES(digest, i ? 48 : 32);
            struct atls_public_key key;
            uint8_t signature[ATLS_SIGNATURE_MAX];
            size_t size;
            assert_ok(atls_parsec_generate_key(&parsec, "k", curves[i], &key));
            assert_refused(atls_parsec_generate_key(&parsec, "k", curves[i], &key), ATLS_E_REFUSED,
                           "a key of this name is there already");
            assert_ok(atls_parsec_sign_hash(&parsec, "k", curves[i], hashed, signature, &size));
            assert_ok(CRYPTO->verify(&key, hashed, ATLS_BYTES(signature, size)));
            assert_ok(atls_parsec_destroy_key(&parsec, "k"));
            assert_refused(atls_parsec_sign_hash(&parsec, "k", curves[i], hashed, signature, &size),
                           ATLS_E_REFUSED, "there is no key of this name");
        }
    }
}

/* What a client says of a service that is not as it must be. */
static void test_services_that_will_not_do(void **state)
{
    static const char no_tpm[] = "expected the provider TPM (3), came Mbed Crypto, core";
    struct service *s = *state;
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    struct atls_parsec parsec = client_of(s);
    struct atls_public_key key;
    s->provider = 1;
    assert_refused(atls_parsec_check(&parsec, provider), ATLS_E_UNSUPPORTED, no_tpm);
    s->provider = ATLS_PARSEC_TPM;
    s->lacks = ATLS_PARSEC_SIGN_HASH;
    assert_refused(atls_parsec_check(&parsec, provider), ATLS_E_UNSUPPORTED,
                   "expected PsaSignHash of its TPM provider");
    s->lacks = 0;
    s->status = 11;
    assert_ok(atls_parsec_check(&parsec, provider));
    assert_refused(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key), ATLS_E_REFUSED,
                   "does not let this device in");
    parsec.path = "/nonexistent/parsec.sock";
    assert_refused(atls_parsec_check(&parsec, provider), ATLS_E_UNAVAILABLE,
                   "there is no Parsec at /nonexistent/parsec.sock");
    parsec.path = "";
    assert_refused(atls_parsec_check(&parsec, provider), -EINVAL, "1 to 107 bytes, came 0");
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    parsec.path = longest;
    assert_refused(atls_parsec_check(&parsec, provider), -EINVAL, "came 199");
}

static void test_hostile_answers(void **state)
{
    struct service *s = *state;
    uint8_t buffer[128];
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    struct atls_parsec parsec = client_of(s);
    const struct {
        const char *name, *hex;
        int expected;
        const char *words;
    } rows[] = {
        {"nothing", "", ATLS_E_UNAVAILABLE, "closed the connection without an answer to Ping"},
        {"one byte", "10", ATLS_E_MALFORMED, "expected 36 bytes, came 1"},
        {"a byte too few of the header",
         "10a7c05e1e0001000000000000000000000000000000020000000000010000000000"
         "00",
         ATLS_E_MALFORMED, "expected 36 bytes, came 35"},
        {"another protocol",
         "485454502f312e3120343030204261642052657175657374"
         "0d0a0d0a48656c6c6f2c20776f726c64",
         ATLS_E_MALFORMED, "magic"},
        {"half a body",
         "10a7c05e1e000100000000000000000000000000000002000000000001000000000000"
         "0008",
         ATLS_E_MALFORMED, "expected 2 bytes behind the header, came 1"},
        {"a byte behind the body",
         "10a7c05e1e000100000000000000000000000000000002000000000001000000000000"
         "00080100",
         ATLS_E_MALFORMED, "expected 2 bytes behind the header, came 3"},
        {"two answers",
         "10a7c05e1e000100000000000000000000000000000002000000000001000000000000"
         "00080110a7c05e",
         ATLS_E_MALFORMED, "came 6"},
        {"another operation",
         "10a7c05e1e000100000000000000000000000000000002000000000002000000000000"
         "000801",
         ATLS_E_MALFORMED, "opcode"},
        {"version 2.1 of the protocol in a Ping",
         "10a7c05e1e000100000000000000000000000000000004000000000001000000000000"
         "0008021001",
         ATLS_E_UNSUPPORTED, "expected version 1.0 of its wire protocol, came 2.1"},
        {"no body",
         "10a7c05e1e000100000000000000000000000000000000000000000001000000000000"
         "00",
         ATLS_E_UNSUPPORTED, "came 0.0"},
    };
    s->wrong_opcode = ATLS_PARSEC_PING;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s->wrong = of_hex(rows[i].hex, buffer, sizeof buffer);
        assert_case(rows[i].name, atls_parsec_check(&parsec, provider), rows[i].expected);
        if (!strstr(atls_error_text(), rows[i].words))
            fail_msg("%s: %s", rows[i].name, atls_error_text());
    }
    s->silent = true;
    parsec.timeout_ms = 50;
    assert_refused(atls_parsec_check(&parsec, provider), ATLS_E_UNAVAILABLE,
                   "did not answer within 50 ms");
}

/* Keys and signatures that are none, of a service that says all is well. */
static void test_hostile_results(void **state)
{
    static const uint8_t digest[32] = {5};
    struct service *s = *state;
    struct atls_parsec parsec = client_of(s);
    uint8_t body[128] = {0x0a, 65, 4}, buffer[256], signature[ATLS_SIGNATURE_MAX];
    struct atls_public_key key;
    size_t size;
    s->wrong_opcode = ATLS_PARSEC_EXPORT_PUBLIC_KEY;
    body[66] = 1; /* (0, 1) is on no curve of ours */
    s->wrong = answer_of(buffer, sizeof buffer, 3, 7, 0, ATLS_BYTES(body, 67));
    assert_int_equal(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key), ATLS_E_MALFORMED);
    assert_int_equal(key_at(s, "k"), -1); /* and it is of no use there */
    body[2] = 2;
    s->wrong = answer_of(buffer, sizeof buffer, 3, 7, 0, ATLS_BYTES(body, 67));
    assert_refused(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key), ATLS_E_MALFORMED,
                   "expected 04 and two coordinates of 32 bytes");
    body[1] = 64;
    s->wrong = answer_of(buffer, sizeof buffer, 3, 7, 0, ATLS_BYTES(body, 66));
    assert_refused(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key), ATLS_E_MALFORMED,
                   "came 64 bytes");
    s->wrong_opcode = 0;
    assert_ok(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key));
    s->wrong_opcode = ATLS_PARSEC_SIGN_HASH;
    for (uint8_t wrong = 0; wrong < 126; wrong++) {
        body[1] = wrong;
        s->wrong =
            answer_of(buffer, sizeof buffer, 3, 4, 0, ATLS_BYTES(body, wrong ? 2 + wrong : 0));
        assert_case("size of a signature",
                    atls_parsec_sign_hash(&parsec, "k", ATLS_P256,
                                          ATLS_BYTES(digest, sizeof digest), signature, &size),
                    wrong == 64 ? 0 : ATLS_E_MALFORMED);
    }
}

static int boot(struct under_test *u, const char *socket)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    options.parsec_socket = socket;
    return boot_with(u, "parsec", &options);
}

/* The identity key of a CAB is the one in Parsec, which signs. */
static void check_cab(struct under_test *u, uint32_t handle, const struct atls_public_key *key)
{
    static const uint8_t challenge[32] = {7};
    struct atls_bytes nonce = ATLS_BYTES(challenge, sizeof challenge);
    struct atls_cmw *cmw;
    struct atls_cab cab;
    uint8_t *bytes;
    size_t size;
    assert_ok(atls_device_attest_key(u->device, handle, nonce, &bytes, &size));
    assert_ok(atls_cmw_parse(ATLS_BYTES(bytes, size), &cmw));
    assert_ok(atls_cab_parse(cmw, &cab));
    assert_ok(atls_cab_check(&cab, CRYPTO, nonce));
    assert_true(atls_public_key_equal(&cab.kat_claims.identity_key, key));
    atls_cmw_free(cmw);
    free(bytes);
}

static void test_device(void **state)
{
    static const uint8_t bytes[48] = {9};
    struct atls_bytes nonce = ATLS_BYTES(bytes, 32);
    struct atls_public_key key, other;
    struct service *s = *state;
    struct under_test u;
    uint8_t signature[ATLS_SIGNATURE_MAX], *out;
    uint32_t handle, second;
    size_t size;
    assert_ok(boot(&u, s->path));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    assert_ok(atls_device_create_key(u.device, ATLS_P384, &second, &other));
    check_cab(&u, handle, &key);
    check_cab(&u, second, &other);
    assert_ok(atls_device_sign(u.device, handle, nonce, signature, &size));
    assert_ok(CRYPTO->verify(&key, nonce, ATLS_BYTES(signature, size)));
    assert_ok(atls_device_attest_as(u.device, "key-binding", handle, nonce, &out, &size));
    free(out);
    assert_ok(atls_device_attest_prototype(u.device, handle, nonce, &out, &size));
    free(out);
    assert_ok(atls_device_attest_platform(u.device, nonce, &out, &size));
    free(out);
    check_cab(&u, second, &other);
    shut_down(&u);
    for (size_t i = 0; i < KEYS; i++) /* nothing is left of it */
        assert_string_equal(s->keys[i].name, "");
}

static void test_what_a_device_refuses(void **state)
{
    static const uint8_t bytes[48] = {9};
    struct atls_bytes nonce = ATLS_BYTES(bytes, 32);
    struct atls_public_key key, other;
    struct service *s = *state;
    struct under_test u;
    uint8_t *out;
    uint32_t handle, second;
    size_t size;
    assert_ok(boot(&u, s->path));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    assert_ok(atls_device_create_key(u.device, ATLS_P384, &second, &other));
    assert_refused(atls_device_attest_as(u.device, "parsec-tpm", handle, nonce, &out, &size),
                   ATLS_E_REFUSED,
                   "released Parsec (1.5) does neither TPM2_Certify nor TPM2_Quote");
    assert_refused(atls_device_attest_as(u.device, "cca", handle, nonce, &out, &size),
                   ATLS_E_REFUSED, "is parsec, which makes no cca");
    assert_refused(atls_device_attest_key(u.device, 0, nonce, &out, &size), ATLS_E_REFUSED,
                   "no identity key with handle 0");
    assert_refused(atls_device_attest_as(u.device, "key-binding", 9, nonce, &out, &size),
                   ATLS_E_REFUSED, "no identity key with handle 9");
    s->status = 1134; /* what Parsec cannot do is refused, and the device goes on */
    assert_refused(atls_device_create_key(u.device, ATLS_P256, &handle, &key), ATLS_E_REFUSED,
                   "it is not supported");
    s->status = 0;
    check_cab(&u, second, &other);
    shut_down(&u);
}

static void test_digests_and_handles(void **state)
{
    static const uint8_t bytes[48] = {9};
    struct atls_bytes nonce = ATLS_BYTES(bytes, 32);
    struct atls_public_key key, other;
    struct service *s = *state;
    struct under_test u;
    uint8_t signature[ATLS_SIGNATURE_MAX], *out;
    uint32_t handle, second;
    size_t size;
    assert_ok(boot(&u, s->path));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    assert_ok(atls_device_create_key(u.device, ATLS_P384, &second, &other));
    assert_refused(atls_device_sign(u.device, handle, ATLS_BYTES(bytes, 48), signature, &size),
                   ATLS_E_REFUSED, "expected a digest of 32 bytes");
    assert_refused(atls_device_sign(u.device, second, nonce, signature, &size), ATLS_E_REFUSED,
                   "expected a digest of 48 bytes");
    assert_ok(atls_device_destroy_key(u.device, handle));
    assert_refused(atls_device_destroy_key(u.device, handle), ATLS_E_REFUSED, "handle");
    assert_refused(atls_device_attest_key(u.device, handle, nonce, &out, &size), ATLS_E_REFUSED,
                   "no identity key");
    shut_down(&u);
}

static void test_device_without_parsec(void **state)
{
    struct under_test u;
    (void)state;
    unsetenv("PARSEC_SERVICE_ENDPOINT");
    assert_refused(boot(&u, NULL), -EINVAL, "--root parsec needs --parsec-socket PATH");
    setenv("PARSEC_SERVICE_ENDPOINT", "tcp:nowhere", 1);
    assert_refused(boot(&u, NULL), ATLS_E_UNSUPPORTED, "expected unix:/PATH");
    setenv("PARSEC_SERVICE_ENDPOINT", "unix:/nonexistent/p", 1);
    assert_refused(boot(&u, NULL), ATLS_E_UNAVAILABLE, "there is no Parsec at /nonexistent/p");
    unsetenv("PARSEC_SERVICE_ENDPOINT");
}

/* Two devices of one Parsec have keys of their own, and one that is gone leaves the other's. */
static void test_two_devices(void **state)
{
    struct atls_public_key one, two;
    struct service *s = *state;
    struct under_test first, second;
    uint32_t handle;
    assert_ok(boot(&first, s->path));
    assert_ok(boot(&second, s->path));
    assert_ok(atls_device_create_key(first.device, ATLS_P256, &handle, &one));
    assert_ok(atls_device_create_key(second.device, ATLS_P256, &handle, &two));
    assert_false(atls_public_key_equal(&one, &two));
    shut_down(&first);
    check_cab(&second, handle, &two);
    shut_down(&second);
}

static void test_parsec_is_gone(void **state)
{
    static const uint8_t digest[32] = {2};
    struct atls_public_key key;
    struct service *s = *state;
    struct under_test u;
    uint8_t signature[ATLS_SIGNATURE_MAX];
    uint32_t handle, more;
    size_t size;
    assert_ok(boot(&u, s->path));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    assert_int_equal(unlink(s->path), 0);
    assert_refused(
        atls_device_sign(u.device, handle, ATLS_BYTES(digest, sizeof digest), signature, &size),
        ATLS_E_REFUSED, "there is no Parsec at");
    assert_refused(atls_device_create_key(u.device, ATLS_P256, &more, &key), ATLS_E_REFUSED,
                   "start parsec-service");
    assert_refused(atls_device_destroy_key(u.device, handle), ATLS_E_REFUSED, "No such file");
    shut_down(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_recording, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_client, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_services_that_will_not_do, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_hostile_answers, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_hostile_results, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_device, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_what_a_device_refuses, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_digests_and_handles, start_service, end_service),
        cmocka_unit_test(test_device_without_parsec),
        cmocka_unit_test_setup_teardown(test_two_devices, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_parsec_is_gone, start_service, end_service),
    };
    test_make_directory(directory);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
