/* SPDX-License-Identifier: Apache-2.0 */
/* The two attestation services: what they sign, what they refuse, and what they forget. */
#include "sim/test-support.h"

#include <errno.h>

#include "rats/tokens/key-binding.h"
#include "rats/tokens/prototype.h"
#include "sim/attest/keys.h"
#include "sim/attest/platform.h"

#define SLOTS 3
#define EVIDENCE 2048

static const struct atls_crypto *const crypto = &atls_crypto_hosted;

struct fixture {
    struct atls_boot_entry entries[2];
    struct atls_boot_record record;
    struct atls_psa_component components[2];
    uint8_t claims[EVIDENCE], token[EVIDENCE], out[EVIDENCE];
    struct atls_identity_key slots[SLOTS + 1]; /* the last one is not the service's */
    struct atls_seeded_entropy seeded;
    struct atls_entropy entropy;
    struct atls_platform platform;
    struct atls_keys keys;
};

static const uint8_t device_seed[ATLS_DEVICE_SEED_SIZE] = "a seed of a device";

static int token_source(void *context, struct atls_bytes nonce, struct atls_bytes cnf,
                        struct atls_bytes attributes, struct atls_cbor_writer *w)
{
    return atls_platform_token_with(context, ATLS_CLIENT_KEY_ATTESTATION, nonce, cnf, attributes,
                                    w);
}

static void fill_record(struct fixture *f)
{
    static const char *const names[] = {"BL", "FW"};
    static const uint8_t signer[32] = {9};
    atls_boot_record_init(&f->record, f->entries, 2);
    for (size_t i = 0; i < 2; i++) {
        struct atls_image image = {atls_bytes_of_text(names[i]),
                                   atls_bytes_of_text("1.2"),
                                   ATLS_BYTES(signer, sizeof signer),
                                   {0}};
        uint8_t value[32] = {(uint8_t)i};
        assert_ok(atls_boot_record_append(&f->record, &image, value));
    }
}

static struct atls_platform_config platform_config(struct fixture *f)
{
    struct atls_platform_config config = {.crypto = crypto,
                                          .lifecycle = ATLS_PSA_SECURED,
                                          .profile = ATLS_PSA_ARM_2,
                                          .record = &f->record,
                                          .components = f->components,
                                          .claims = f->claims,
                                          .claims_capacity = sizeof f->claims};
    memset(config.implementation_id, 'i', sizeof config.implementation_id);
    return config;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct atls_platform_config config;
    struct atls_keys_config keys;
    fill_record(f);
    atls_boot_record_lock(&f->record);
    f->seeded.crypto = crypto;
    f->entropy = atls_entropy_seeded(&f->seeded);
    config = platform_config(f);
    assert_ok(atls_platform_start(&f->platform, &config, device_seed, &f->entropy));
    memset(f->slots, 0xff, SLOTS * sizeof *f->slots); /* RAM holds anything at first */
    keys = (struct atls_keys_config){.crypto = crypto,
                                     .entropy = f->entropy,
                                     .platform = {token_source, &f->platform},
                                     .slots = f->slots,
                                     .slot_count = SLOTS,
                                     .token = f->token,
                                     .token_capacity = sizeof f->token};
    assert_ok(atls_keys_start(&f->keys, &keys));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    atls_keys_stop(&f->keys);
    atls_platform_stop(&f->platform);
    free(f);
    return 0;
}

static void test_seeded_entropy_is_a_function_of_its_key(void **state)
{
    struct atls_seeded_entropy a = {.crypto = crypto}, b = a, c = a;
    uint8_t x[100], y[100], z[100];
    c.key[31] = 1;
    assert_ok(atls_entropy_seeded(&a).fill(&a, x, sizeof x));
    assert_ok(atls_entropy_seeded(&b).fill(&b, y, sizeof y));
    assert_ok(atls_entropy_seeded(&c).fill(&c, z, sizeof z));
    assert_memory_equal(x, y, sizeof x);
    assert_memory_not_equal(x, z, sizeof x);
    assert_ok(atls_entropy_seeded(&a).fill(&a, x, sizeof x));
    assert_memory_not_equal(x, y, sizeof x);
    assert_memory_not_equal(x, x + 32, 32);
}

static int get_token(struct fixture *f, struct atls_bytes nonce, struct atls_bytes *tokenp)
{
    struct atls_cbor_writer w;
    int result;
    atls_cbor_write_init(&w, f->out, sizeof f->out);
    result = atls_platform_token(&f->platform, ATLS_CLIENT_NON_SECURE, nonce, &w);
    return result ? result : atls_cbor_write_done(&w, tokenp);
}

static void test_token_says_what_booted(void **state)
{
    struct fixture *f = *state;
    struct atls_psa_component components[4];
    struct atls_psa_claims claims;
    struct atls_cose_sign1 message;
    struct atls_bytes token;
    uint8_t nonce[64], spki[ATLS_SPKI_MAX], digest[32];
    struct atls_bytes part = {spki, atls_spki_encode(&f->platform.pak.public_key, spki)};
    memset(nonce, 'n', sizeof nonce);
    for (size_t size = 32; size <= 64; size += 16) {
        assert_ok(get_token(f, ATLS_BYTES(nonce, size), &token));
        assert_ok(atls_cose_sign1_parse(token, ATLS_COSE_TAG_REQUIRED, "RFC 9783", &message));
        assert_ok(atls_cose_sign1_verify(&message, crypto, &f->platform.pak.public_key));
        assert_ok(atls_psa_claims_parse(message.payload, components, 4, &claims));
        assert_true(atls_bytes_equal(claims.nonce, ATLS_BYTES(nonce, size)));
    }
    assert_int_equal(claims.profile, ATLS_PSA_ARM_2);
    assert_int_equal(claims.client_id, -1);
    assert_int_equal(claims.lifecycle, ATLS_PSA_SECURED);
    assert_int_equal(claims.boot_seed.size, 32);
    assert_int_equal(claims.component_count, 2);
    assert_true(atls_bytes_is_text(claims.components[1].type, "FW"));
    assert_true(atls_bytes_is_text(claims.components[1].version, "1.2"));
    assert_int_equal(claims.components[1].value.data[0], 1);
    assert_ok(crypto->hash(ATLS_SHA256, &part, 1, digest));
    assert_int_equal(claims.instance_id.data[0], 1);
    assert_memory_equal(claims.instance_id.data + 1, digest, 32);
}

static void test_token_nonce_sizes_refused(void **state)
{
    struct atls_bytes token;
    uint8_t nonce[256] = {0};
    for (size_t size = 0; size < sizeof nonce; size++)
        if (size != 32 && size != 48 && size != 64)
            assert_case("RFC 9783 section 4.1.1",
                        get_token(*state, ATLS_BYTES(nonce, size), &token), ATLS_E_REFUSED);
}

static void test_open_boot_record_is_no_evidence(void **state)
{
    struct fixture f = {0};
    struct atls_platform_config config = platform_config(&f);
    f.seeded.crypto = crypto;
    f.entropy = atls_entropy_seeded(&f.seeded);
    fill_record(&f);
    assert_int_equal(atls_platform_start(&f.platform, &config, device_seed, &f.entropy),
                     ATLS_E_REFUSED);
}

static void test_token_without_room(void **state)
{
    struct fixture *f = *state;
    struct atls_bytes token, nonce = ATLS_BYTES(device_seed, 32);
    struct atls_cbor_writer w;
    for (size_t capacity = 0; capacity < 300; capacity += 13) {
        atls_cbor_write_init(&w, f->out, capacity);
        assert_ok(atls_platform_token(&f->platform, 1, nonce, &w));
        assert_int_equal(atls_cbor_write_done(&w, &token), ATLS_E_LIMIT);
    }
}

static int no_entropy(void *context, uint8_t *out, size_t size)
{
    return atls_fail(-EIO, NULL, "the noise source is silent");
}

/* A service that did not start keeps no key. */
static void test_start_without_entropy(void **state)
{
    static const uint8_t nothing[48];
    struct fixture f = {0};
    struct atls_platform_config config = platform_config(&f);
    struct atls_entropy entropy = {.fill = no_entropy};
    fill_record(&f);
    atls_boot_record_lock(&f.record);
    assert_int_equal(atls_platform_start(&f.platform, &config, device_seed, &entropy), -EIO);
    assert_memory_equal(f.platform.pak.d, nothing, sizeof f.platform.pak.d);
}

/* The claims are made in a storage of their own, to its last byte; one byte less is refused, of the
 * components when the service starts, of the claims with each token. */
static void test_claims_fill_their_storage(void **state)
{
    struct fixture *f = *state;
    struct atls_bytes token, nonce = ATLS_BYTES(device_seed, 32), attributes;
    struct atls_cose_sign1 message;
    uint8_t longest[ATLS_KEY_BINDING_ATTRIBUTES_MAX];
    size_t label = 5, least, components = f->platform.components.size;
    struct atls_cbor_writer w;
    assert_ok(get_token(f, nonce, &token));
    assert_ok(atls_cose_sign1_parse(token, ATLS_COSE_TAG_REQUIRED, "RFC 9783", &message));
    least = message.payload.size + ATLS_KEY_BINDING_ATTRIBUTES_MAX;
    for (size_t capacity = components; capacity < least + 4; capacity++) {
        struct atls_platform_config config = f->platform.config;
        struct atls_platform platform;
        bool starts = capacity >= components + ATLS_KEY_BINDING_ATTRIBUTES_MAX;
        uint8_t *exact = malloc(capacity);
        assert_non_null(exact);
        config.claims = exact;
        config.claims_capacity = capacity;
        assert_case("start", atls_platform_start(&platform, &config, device_seed, &f->entropy),
                    starts ? 0 : ATLS_E_LIMIT);
        if (starts) {
            atls_cbor_write_init(&w, f->out, sizeof f->out);
            assert_case("token", atls_platform_token(&platform, 1, nonce, &w),
                        capacity >= least ? 0 : ATLS_E_LIMIT);
        }
        free(exact);
    }
    /* a byte string of so many bytes, as a value that may be */
    for (size_t more = 0; more < 2; more++) {
        attributes = ATLS_BYTES(longest, sizeof longest - label + more);
        memset(longest, 0, sizeof longest);
        longest[0] = 0x58;
        longest[1] = (uint8_t)(attributes.size - 2);
        atls_cbor_write_init(&w, f->out, sizeof f->out);
        assert_case("attributes",
                    atls_platform_token_with(&f->platform, 1, nonce, (struct atls_bytes){0},
                                             attributes, &w),
                    more ? ATLS_E_LIMIT : 0);
    }
}

static void test_signatures_verify(void **state)
{
    struct fixture *f = *state;
    static const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};
    for (size_t i = 0; i < 2; i++) {
        uint8_t digest[48] = {1, 2, 3}, signature[ATLS_SIGNATURE_MAX];
        size_t hash_size = atls_hash_size(atls_curve_hash(curves[i])), size;
        struct atls_public_key key;
        uint32_t handle;
        assert_ok(atls_keys_create(&f->keys, curves[i], &handle, &key));
        assert_int_equal(key.curve, curves[i]);
        assert_ok(
            atls_keys_sign(&f->keys, handle, ATLS_BYTES(digest, hash_size), signature, &size));
        assert_int_equal(size, 2 * atls_curve_size(curves[i]));
        assert_ok(crypto->verify(&key, ATLS_BYTES(digest, hash_size), ATLS_BYTES(signature, size)));
        for (size_t wrong = 0; wrong <= 64; wrong++) { /* raw messages, other hashes, nothing */
            uint8_t bytes[64] = {0};
            if (wrong != hash_size)
                assert_case(
                    "digest size",
                    atls_keys_sign(&f->keys, handle, ATLS_BYTES(bytes, wrong), signature, &size),
                    ATLS_E_REFUSED);
        }
    }
}

static void test_handles(void **state)
{
    struct fixture *f = *state;
    struct atls_public_key key;
    struct atls_cbor_writer w;
    uint32_t first, second, third, more;
    uint8_t signature[ATLS_SIGNATURE_MAX], digest[32] = {0};
    struct atls_bytes d = ATLS_BYTES(digest, 32);
    size_t size;
    assert_int_equal(atls_keys_create(&f->keys, (enum atls_curve)0, &more, &key), ATLS_E_REFUSED);
    assert_int_equal(atls_keys_create(&f->keys, (enum atls_curve)3, &more, &key), ATLS_E_REFUSED);
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &first, &key));
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &second, &key));
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &third, &key));
    assert_int_equal(atls_keys_create(&f->keys, ATLS_P256, &more, &key), ATLS_E_REFUSED);
    assert_non_null(strstr(atls_error_text(), "all 3 identity keys"));
    assert_ok(atls_keys_destroy(&f->keys, second));
    assert_int_equal(atls_keys_destroy(&f->keys, second), ATLS_E_REFUSED);
    assert_int_equal(atls_keys_sign(&f->keys, second, d, signature, &size), ATLS_E_REFUSED);
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &more, &key));
    assert_true(more != first && more != second && more != third);
    assert_int_equal(atls_keys_sign(&f->keys, second, d, signature, &size), ATLS_E_REFUSED);
    assert_ok(atls_keys_sign(&f->keys, first, d, signature, &size));
    assert_int_equal(atls_keys_sign(&f->keys, 0, d, signature, &size), ATLS_E_REFUSED);
    assert_int_equal(atls_keys_destroy(&f->keys, 0), ATLS_E_REFUSED);
    atls_cbor_write_init(&w, f->out, sizeof f->out);
    assert_int_equal(atls_keys_attest(&f->keys, 0, d, &w), ATLS_E_REFUSED);
    assert_int_equal(atls_keys_attest(&f->keys, 99, d, &w), ATLS_E_REFUSED);
    f->keys.last_handle = UINT32_MAX - 1; /* handles are never used again: the last is the last */
    assert_ok(atls_keys_destroy(&f->keys, first));
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &first, &key));
    assert_int_equal(first, UINT32_MAX);
    assert_ok(atls_keys_destroy(&f->keys, first));
    assert_int_equal(atls_keys_create(&f->keys, ATLS_P256, &more, &key), ATLS_E_REFUSED);
}

static int get_cab(struct fixture *f, uint32_t handle, struct atls_bytes challenge,
                   struct atls_bytes *cabp)
{
    struct atls_cbor_writer w;
    int result;
    atls_cbor_write_init(&w, f->out, sizeof f->out);
    result = atls_keys_attest(&f->keys, handle, challenge, &w);
    return result ? result : atls_cbor_write_done(&w, cabp);
}

/* KAT-06: KAT under the KAK, PAT under the PAK, linked by the hash of the KAK. */
static void check_cab(struct fixture *f, struct atls_bytes cab_bytes,
                      const struct atls_public_key *ik, struct atls_bytes challenge)
{
    struct atls_cmw *cmw;
    struct atls_cab cab;
    assert_ok(atls_cmw_parse(cab_bytes, &cmw));
    assert_ok(atls_cab_parse(cmw, &cab));
    assert_ok(atls_cab_check(&cab, crypto, challenge));
    assert_true(atls_public_key_equal(&cab.kat_claims.identity_key, ik));
    assert_ok(atls_cose_sign1_verify(&cab.pat, crypto, &f->platform.pak.public_key));
    assert_int_not_equal(atls_cose_sign1_verify(&cab.kat, crypto, &f->platform.pak.public_key), 0);
    atls_cmw_free(cmw);
}

static int look_up_elsewhere(void *context, uint32_t handle, struct atls_public_key *keyp)
{
    if (handle != 77)
        return atls_fail(ATLS_E_REFUSED, NULL, "there is no key %u elsewhere", (unsigned)handle);
    *keyp = *(const struct atls_public_key *)context;
    return 0;
}

/* Where keys are elsewhere, that is where they are looked up, and nowhere else. */
static void test_keys_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct atls_bytes challenge = ATLS_BYTES(device_seed, 32), cab;
    struct atls_private_key other;
    struct atls_public_key key;
    uint32_t handle;
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &handle, &key));
    assert_ok(crypto->make_key(ATLS_P256, device_seed, &other));
    f->keys.elsewhere = (struct atls_key_store){look_up_elsewhere, &other.public_key};
    assert_ok(atls_keys_look_up(&f->keys, 77, &key));
    assert_true(atls_public_key_equal(&key, &other.public_key));
    assert_int_equal(atls_keys_look_up(&f->keys, handle, &key), ATLS_E_REFUSED);
    assert_ok(get_cab(f, 77, challenge, &cab));
    check_cab(f, cab, &other.public_key, challenge);
}

static void test_cab(void **state)
{
    struct fixture *f = *state;
    uint8_t challenge[65] = {7};
    struct atls_public_key ik256, ik384;
    struct atls_bytes cab;
    uint32_t h256, h384;
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &h256, &ik256));
    assert_ok(atls_keys_create(&f->keys, ATLS_P384, &h384, &ik384));
    for (size_t size = 0; size < sizeof challenge; size++) {
        struct atls_bytes nonce = ATLS_BYTES(challenge, size);
        int expected = size < 8 || size > 64 ? ATLS_E_REFUSED : 0;
        assert_case("KAT-06 section 4", get_cab(f, h256, nonce, &cab), expected);
        if (!expected)
            check_cab(f, cab, &ik256, nonce);
    }
    assert_ok(get_cab(f, h384, ATLS_BYTES(challenge, 64), &cab));
    check_cab(f, cab, &ik384, ATLS_BYTES(challenge, 64));
    assert_int_equal(get_cab(f, h384, ATLS_BYTES(challenge, 65), &cab), ATLS_E_REFUSED);
}

/* draft-reddy-rats-key-binding-02 section 5.1: the PAT, which is a PSA token as any, names the KAK,
 * and answers the challenge as the KAT does. */
static void test_binding(void **state)
{
    struct fixture *f = *state;
    static const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};
    uint8_t bytes[65] = {7};
    for (size_t i = 0; i < 2; i++) {
        struct atls_public_key key;
        uint32_t handle;
        assert_ok(atls_keys_create(&f->keys, curves[i], &handle, &key));
        for (size_t size = 0; size < sizeof bytes; size++) {
            struct atls_psa_component components[2];
            struct atls_key_binding_bundle bundle;
            struct atls_psa_claims claims;
            struct atls_bytes written, challenge = ATLS_BYTES(bytes, size);
            struct atls_cbor_writer w;
            struct atls_cmw *cmw;
            int expected = size == 32 || size == 48 || size == 64 ? 0 : ATLS_E_REFUSED;
            atls_cbor_write_init(&w, f->out, sizeof f->out);
            assert_case("RFC 9783 section 4.1.1",
                        atls_keys_attest_binding(&f->keys, handle, challenge, &w), expected);
            if (expected)
                continue;
            assert_ok(atls_cbor_write_done(&w, &written));
            assert_ok(atls_cmw_parse(written, &cmw));
            assert_ok(atls_key_binding_parse(cmw, &bundle));
            assert_ok(atls_key_binding_check_signature(&bundle, crypto));
            assert_ok(atls_key_binding_check_nonces(&bundle, challenge));
            assert_true(atls_public_key_equal(&bundle.of_kat.key, &key));
            assert_true(atls_public_key_equal(&bundle.of_pat.key, &f->keys.kak.public_key));
            assert_ok(atls_cose_sign1_verify(&bundle.pat, crypto, &f->platform.pak.public_key));
            assert_ok(atls_psa_claims_parse(bundle.pat.payload, components, 2, &claims));
            assert_int_equal(claims.component_count, 2);
            assert_int_equal(claims.client_id, ATLS_CLIENT_KEY_ATTESTATION);
            atls_cmw_free(cmw);
        }
    }
    struct atls_cbor_writer w;
    atls_cbor_write_init(&w, f->out, sizeof f->out);
    assert_int_equal(atls_keys_attest_binding(&f->keys, 99, ATLS_BYTES(bytes, 32), &w),
                     ATLS_E_REFUSED);
}

/* The two roots are apart: neither service's memory holds the other's keys. */
/* The bundle of 2022: the PAT vouches for the identity key itself. */
static void test_prototype_bundle(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[32] = {1, 2, 3}, small[64];
    struct atls_bytes challenge = ATLS_BYTES(bytes, sizeof bytes), bundle;
    struct atls_sink sink = atls_sink_of(f->out, sizeof f->out);
    struct atls_sink little = atls_sink_of(small, sizeof small);
    struct atls_public_key key;
    struct atls_cab cab;
    uint32_t handle;
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &handle, &key));
    assert_ok(atls_keys_attest_prototype(&f->keys, handle, challenge, &sink));
    assert_ok(atls_sink_done(&sink, &bundle));
    assert_ok(atls_prototype_bundle_parse(bundle, &cab));
    assert_ok(atls_cab_check(&cab, crypto, challenge));
    assert_true(atls_public_key_equal(&cab.kat_claims.identity_key, &key));
    assert_ok(atls_cose_sign1_verify(&cab.pat, crypto, &f->platform.pak.public_key));
    assert_int_equal(atls_keys_attest_prototype(&f->keys, handle + 1, challenge, &sink),
                     ATLS_E_REFUSED);
    challenge.size = 7;
    assert_int_equal(atls_keys_attest_prototype(&f->keys, handle, challenge, &sink),
                     ATLS_E_REFUSED);
    challenge.size = 8;
    assert_ok(atls_keys_attest_prototype(&f->keys, handle, challenge, &little));
    assert_int_equal(atls_sink_done(&little, &bundle), ATLS_E_LIMIT);
}

static void test_services_hold_only_their_own_keys(void **state)
{
    struct fixture *f = *state;
    struct atls_public_key key;
    uint32_t handle;
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &handle, &key));
    assert_false(test_contains(ATLS_BYTES(&f->keys, sizeof f->keys), f->platform.pak.d, 32));
    assert_false(test_contains(ATLS_BYTES(f->slots, sizeof f->slots), f->platform.pak.d, 32));
    assert_false(test_contains(ATLS_BYTES(&f->platform, sizeof f->platform), f->keys.kak.d, 32));
    assert_false(
        test_contains(ATLS_BYTES(&f->platform, sizeof f->platform), f->slots[0].key.d, 32));
}

static void test_keys_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct atls_public_key key;
    struct atls_bytes memory = ATLS_BYTES(f, sizeof *f), cab;
    uint8_t d[48], kak[32], pak[32], left[32], challenge[32] = {0};
    uint32_t handle;
    assert_ok(atls_keys_create(&f->keys, ATLS_P384, &handle, &key));
    assert_ok(atls_keys_create(&f->keys, ATLS_P256, &(uint32_t){0}, &key));
    memcpy(left, f->slots[1].key.d, sizeof left);
    assert_true(test_contains(memory, left, 32));
    assert_ok(get_cab(f, handle, ATLS_BYTES(challenge, 32), &cab));
    memcpy(d, f->slots[0].key.d, sizeof d);
    memcpy(kak, f->keys.kak.d, sizeof kak);
    memcpy(pak, f->platform.pak.d, sizeof pak);
    assert_true(test_contains(memory, d, 48));
    assert_ok(atls_keys_destroy(&f->keys, handle));
    assert_false(test_contains(memory, d, 48));
    assert_true(test_contains(memory, kak, 32));
    atls_keys_stop(&f->keys);
    assert_false(test_contains(memory, kak, 32));
    assert_false(test_contains(memory, left, 32));
    assert_true(test_contains(memory, pak, 32));
    atls_platform_stop(&f->platform);
    assert_false(test_contains(memory, pak, 32));
}

int main(void)
{
#define WITH_SERVICES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeded_entropy_is_a_function_of_its_key),
        WITH_SERVICES(test_token_says_what_booted),
        WITH_SERVICES(test_token_nonce_sizes_refused),
        cmocka_unit_test(test_open_boot_record_is_no_evidence),
        WITH_SERVICES(test_token_without_room),
        cmocka_unit_test(test_start_without_entropy),
        WITH_SERVICES(test_claims_fill_their_storage),
        WITH_SERVICES(test_keys_elsewhere),
        WITH_SERVICES(test_signatures_verify),
        WITH_SERVICES(test_handles),
        WITH_SERVICES(test_cab),
        WITH_SERVICES(test_binding),
        WITH_SERVICES(test_prototype_bundle),
        WITH_SERVICES(test_services_hold_only_their_own_keys),
        WITH_SERVICES(test_keys_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
