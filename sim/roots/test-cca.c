/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device with Arm CCA: what it makes hangs together by the readers of rats, says of platform and
 * realm what booted, and of neither what happened to the other; and what is endorsed of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/cca.h"
#include "sim/device/simulated.h"
#include "sim/roots/cca.h"

enum { COMPONENTS = 8 };

struct evidence { /* made by a device, and read again */
    uint8_t bytes[16384];
    struct atls_psa_component components[COMPONENTS];
    struct atls_parsec_cca read;
};

static struct atls_simulated *boot(uint64_t seed, const char *tamper)
{
    const char *const orders[] = {tamper};
    struct atls_simulated_options options = atls_simulated_defaults;
    struct atls_simulated *device;

    options.has_seed = true;
    options.seed = seed;
    options.root = &atls_root_cca;
    options.tamper = orders;
    options.tamper_count = tamper ? 1 : 0;
    assert_int_equal(atls_simulated_open(&options, &device), 0);
    return device;
}

static int ask(struct atls_simulated *device, const char *kind, const struct atls_root_key *key,
               size_t challenge_size, struct evidence *evidence)
{
    static const uint8_t challenge[80] = {0x77};
    const struct atls_root *root = &device->core.root;
    struct atls_cbor_writer w;
    struct atls_bytes out;
    int result;

    atls_cbor_write_init(&w, evidence->bytes, sizeof evidence->bytes);
    result = root->ops->attest(root->context, kind, key, ATLS_BYTES(challenge, challenge_size), &w);
    if (result)
        return result;
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    if (strcmp(kind, "cca") == 0)
        return atls_cca_token_parse(out, evidence->components, COMPONENTS, &evidence->read.token);
    return atls_parsec_cca_parse(out, evidence->components, COMPONENTS, &evidence->read);
}

static struct atls_root_key make_key(struct atls_simulated *device)
{
    struct atls_root_key key;

    assert_int_equal(atls_keys_create(&device->core.keys, ATLS_P256, &key.handle, &key.public_key),
                     0);
    return key;
}

static void check_whole(const struct atls_simulated *device, const struct atls_cca_token *token)
{
    assert_int_equal(atls_cose_sign1_verify(&token->platform, &atls_crypto_hosted,
                                            device->core.root.attestation_key),
                     0);
    assert_int_equal(atls_cca_check_realm_signature(token, &atls_crypto_hosted), 0);
    assert_int_equal(atls_cca_check_binding(token, &atls_crypto_hosted), 0);
    assert_memory_equal(token->platform_claims.instance_id.data, device->core.root.instance_id, 33);
}

static void makes_both_kinds(void **state)
{
    struct atls_simulated *device = boot(7, NULL);
    struct atls_root_key key = make_key(device), none = {0};
    struct evidence *made = calloc(1, sizeof *made);

    assert_non_null(made);
    assert_int_equal(ask(device, "cca", &none, 64, made), 0);
    check_whole(device, &made->read.token);
    assert_int_equal(made->read.token.tag, ATLS_CCA_TAG_CMW);
    assert_int_equal(made->read.token.realm_claims.challenge.data[0], 0x77);
    assert_int_equal(made->read.token.platform_claims.lifecycle, ATLS_PSA_SECURED);
    assert_int_equal(made->read.token.platform_claims.component_count, 3);
    assert_int_equal(ask(device, "parsec-cca", &key, 32, made), 0);
    check_whole(device, &made->read.token);
    assert_int_equal(atls_parsec_cca_check_kat(&made->read, &atls_crypto_hosted), 0);
    assert_true(atls_public_key_equal(&made->read.key, &key.public_key));
    assert_int_equal(made->read.nonce.size, 32);
    free(made);
    atls_simulated_close(device);
}

static void refuses_the_rest(void **state)
{
    static const struct {
        const char *kind;
        bool key;
        size_t challenge;
    } cases[] = {{"cca", false, 32},        {"cca", false, 65},      {"cca", false, 0},
                 {"parsec-cca", false, 32}, {"parsec-cca", true, 7}, {"parsec-cca", true, 65}};
    struct atls_simulated *device = boot(7, NULL);
    struct atls_root_key key = make_key(device), none = {0};
    struct evidence *made = calloc(1, sizeof *made);

    assert_non_null(made);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            ask(device, cases[i].kind, cases[i].key ? &key : &none, cases[i].challenge, made),
            ATLS_E_REFUSED);
    assert_false(device->core.root.ops->makes("cab"));
    assert_false(device->core.root.ops->makes("cca-token"));
    free(made);
    atls_simulated_close(device);
}

/* Tampering with one is seen in that one: the other says what it said. */
static void tells_platform_and_realm_apart(void **state)
{
    static const struct {
        const char *tamper;
        bool platform, realm; /* is another one now */
    } cases[] = {{NULL, false, false},
                 {"flip:REALM:0", false, true},
                 {"version:REALM:9.9.9", false, true},
                 {"flip:FW:1", true, false},
                 {"version:BL:0.0.1", true, false},
                 {"extra:X", true, false}};
    struct atls_root_key none = {0};
    struct evidence *good = calloc(1, sizeof *good), *made = calloc(1, sizeof *made);
    struct atls_simulated *device = boot(7, NULL);

    assert_true(good && made);
    assert_int_equal(ask(device, "cca", &none, 64, good), 0);
    atls_simulated_close(device);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct atls_cca_token *token = &made->read.token;

        device = boot(7, cases[i].tamper);
        assert_int_equal(ask(device, "cca", &none, 64, made), 0);
        check_whole(device, token);
        assert_int_equal(
            atls_bytes_equal(token->platform.payload, good->read.token.platform.payload),
            !cases[i].platform);
        assert_int_equal(
            atls_bytes_equal(token->realm_claims.initial, good->read.token.realm_claims.initial),
            !cases[i].realm);
        atls_simulated_close(device);
    }
    free(good);
    free(made);
}

/* A seed is a device: its platform key. Another one is another platform, with the same product. */
static void a_seed_is_a_platform(void **state)
{
    struct atls_simulated *one = boot(7, NULL), *same = boot(7, NULL), *other = boot(8, NULL);

    assert_true(
        atls_public_key_equal(one->core.root.attestation_key, same->core.root.attestation_key));
    assert_false(
        atls_public_key_equal(one->core.root.attestation_key, other->core.root.attestation_key));
    assert_int_equal(one->core.root.attestation_key->curve, ATLS_P384);
    atls_simulated_close(one);
    atls_simulated_close(same);
    atls_simulated_close(other);
}

static void endorses_what_is_genuine(void **state)
{
    static const struct {
        enum atls_endorsed_part part;
        enum atls_corim_profile profile;
        size_t values, anchors;
    } cases[] = {{ATLS_ENDORSED_ALL, ATLS_CORIM_CCA_PLATFORM, 4, 1},
                 {ATLS_ENDORSED_VALUES, ATLS_CORIM_CCA_PLATFORM, 4, 0},
                 {ATLS_ENDORSED_ANCHOR, ATLS_CORIM_CCA_PLATFORM, 0, 1},
                 {ATLS_ENDORSED_REALM, ATLS_CORIM_CCA_REALM, 6, 0},
                 {ATLS_ENDORSED_PARSEC, ATLS_CORIM_PARSEC_CCA, 4, 1}};
    struct atls_simulated *good = boot(7, NULL), *bad = boot(7, "flip:REALM:0");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_corim corim;
        uint8_t *one, *other;
        size_t size, other_size;

        assert_int_equal(atls_simulated_endorse(good, ATLS_CORIM_MAIN, cases[i].part, &one, &size),
                         0);
        assert_int_equal(
            atls_simulated_endorse(bad, ATLS_CORIM_MAIN, cases[i].part, &other, &other_size), 0);
        assert_int_equal(size, other_size);
        assert_memory_equal(one, other, size);
        assert_int_equal(atls_corim_parse(ATLS_BYTES(one, size), &corim), 0);
        assert_int_equal(corim.profile, cases[i].profile);
        assert_int_equal(corim.reference_value_count, cases[i].values);
        assert_int_equal(corim.trust_anchor_count, cases[i].anchors);
        atls_corim_clear(&corim);
        free(one);
        free(other);
    }
    atls_simulated_close(good);
    atls_simulated_close(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_both_kinds),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(tells_platform_and_realm_apart),
        cmocka_unit_test(a_seed_is_a_platform),
        cmocka_unit_test(endorses_what_is_genuine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
