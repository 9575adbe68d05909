/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readers of the wire and computations of binders do without memory: each allocation, those of
 * GnuTLS included, is refused once (rats/test/test-memory.h). Readers read the seeds of the fuzzing
 * targets. What has no allocation at all is here too, so that one that is added is swept.
 */
#include "rats/test/test-memory.h"

#include <errno.h>

#include "rats/base/error.h"
#include "rats/test/test-table.h"
#include "tls/profiles/profile.h"
#include "tls/wire/binder.h"
#include "tls/wire/certificate.h"
#include "tls/wire/test-generator.h"
#include "tls/wire/test-gnutls-memory.h"
#include "tls/wire/test-rfc8448.h"

/* A refused table is as it was before. */
static int read_code_points(const void *in, struct test_told *told)
{
    const struct atls_bytes *json = in;
    struct atls_code_points before, points;

    atls_code_points_default(&before);
    points = before;
    int result = TEST_SCARCE(atls_code_points_override(&points, *json));
    if (result)
        assert_memory_equal(&points, &before, sizeof points);
    else
        TEST_TELL(told, points);
    return result;
}

/* A message for which there was no memory is not in the transcript, and can be added again. */
static int add_message(struct atls_transcript *t, unsigned type, struct atls_bytes body)
{
    size_t count = t->count, size = t->size;
    int result = TEST_SCARCE(atls_transcript_add(t, type, body));

    if (result) {
        assert_int_equal(t->count, count);
        assert_int_equal(t->size, size);
    }
    return result;
}

static int read_transcript(const void *in, struct test_told *told)
{
    const struct atls_bytes *messages = in;
    struct atls_cursor c = atls_cursor_of(*messages, NULL);
    struct atls_transcript t;
    struct atls_bytes body;
    uint8_t type, digest[ATLS_HASH_MAX] = {0};
    int worst = 0;

    test_memory_begin();
    atls_transcript_init(&t, 4096);
    test_memory_end(0);
    while (worst >= 0 && atls_cursor_u8(&c, "type", &type) == 0 &&
           atls_cursor_vector(&c, "body", 3, 0, 0xffffff, &body) == 0) {
        int result = add_message(&t, type, body);
        worst = result < 0 || worst == 0 ? result : worst;
    }
    for (size_t count = 1; worst == 0 && count <= t.count; count++) {
        worst = TEST_SCARCE(
            atls_transcript_hash(&t, &atls_crypto_hosted, ATLS_RETRY_MESSAGE_HASH, count, digest));
        TEST_TELL(told, digest);
    }
    test_memory_begin();
    atls_transcript_clear(&t);
    test_memory_end(0);
    return worst;
}

static int find_credential(const struct atls_profile *profile, struct atls_bytes message,
                           struct test_told *told)
{
    struct atls_bytes cmw;
    size_t at;

    TEST_FILL(at);
    int result = TEST_SCARCE(profile->find_credential(profile, message, &cmw, &at));
    if (result)
        TEST_UNTOUCHED(at);
    else
        test_tell(told, cmw);
    return result;
}

static int read_certificate(const void *in, struct test_told *told)
{
    const struct atls_bytes *message = in;

    return find_credential(&atls_profile_ta_07, *message, told);
}

/* The extensions of each profile, the same bytes for each. */
static int read_hello(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_bytes body =
        bytes->size > 0 ? ATLS_BYTES(bytes->data + 1, bytes->size - 1) : *bytes;
    int worst = 0;

    for (size_t i = 0; atls_profiles[i]; i++) {
        const struct atls_profile *profile = atls_profiles[i];
        for (size_t k = 0; k < profile->extension_count; k++) {
            struct atls_selection selections[2] = {{.has_evidence = false}};
            struct atls_offer offers[2];
            for (size_t side = 0; side < 2; side++)
                atls_offer_clear(&offers[side]);
            int read =
                TEST_SCARCE(profile->read_offer(profile, profile->extensions[k], body, offers));
            int selected = TEST_SCARCE(
                profile->read_selection(profile, profile->extensions[k], body, selections));
            TEST_TELL(told, read);
            TEST_TELL(told, selected);
            worst = read < 0 ? read : selected < 0 ? selected : worst;
        }
    }
    return worst;
}

static const struct reader {
    const char *name, *seeds; /* tls/SEEDS */
    enum test_without how;
    test_operation read;
    size_t least; /* allocations, over all seeds */
} readers[] = {
    {"code points", "wire/corpus/code-points", TEST_FAILS, read_code_points, 100},
    {"transcript", "wire/corpus/transcript", TEST_IS_OWN, read_transcript, 20},
    {"Certificate in whose place a CMW is", "wire/corpus/certificate", TEST_FAILS, read_certificate,
     0},
    {"hello extensions", "wire/corpus/hello", TEST_FAILS, read_hello, 0},
};

static void test_reader(void **state)
{
    const struct reader *reader = *state;
    test_seeds_without_memory(reader->name, test_seeds_below("ATLS_TLS", "tls", reader->seeds),
                              reader->how, reader->read, reader->least);
}

static const uint8_t hashed[32] = "what is hashed, or is a secret..";
#define HASHED ATLS_BYTES(hashed, sizeof hashed)

/* Challenges of the profiles that both sides compute. */
static int bind_challenge(const void *context, struct test_told *told)
{
    const struct atls_profile *profile = context;
    static const struct atls_variants drafted = {.hello_retry = 0};
    struct atls_bytes hello = test_hex(RFC8448_CLIENT_HELLO),
                      answer = test_hex(RFC8448_SERVER_HELLO);
    uint8_t spki[ATLS_SPKI_MAX], challenge[ATLS_BINDER_MAX];
    struct atls_transcript t;
    size_t size;

    atls_transcript_init(&t, ATLS_TRANSCRIPT_MAX);
    assert_int_equal(atls_transcript_add(&t, 1, ATLS_BYTES(hello.data + 4, hello.size - 4)), 0);
    assert_int_equal(atls_transcript_add(&t, 2, ATLS_BYTES(answer.data + 4, answer.size - 4)), 0);
    const struct atls_binding binding = {.transcript = &t,
                                         .variants = &drafted,
                                         .attester = ATLS_SERVER,
                                         .spki = {spki, atls_spki_encode(&test_generator, spki)},
                                         .nonce = HASHED,
                                         .handshake_secret = HASHED};
    TEST_FILL(size);
    int result = TEST_SCARCE(profile->bind(&binding, challenge, &size));
    if (result)
        TEST_UNTOUCHED(size);
    else
        test_tell(told, ATLS_BYTES(challenge, size));
    atls_transcript_clear(&t);
    test_vector_free(hello);
    test_vector_free(answer);
    return result;
}

static void test_challenges(void **state)
{
    unsigned bound = 0;

    for (size_t i = 0; atls_profiles[i]; i++)
        if (atls_profiles[i]->bind) {
            size_t count = test_without_memory(atls_profiles[i]->name, TEST_IS_OWN, bind_challenge,
                                               atls_profiles[i]);
            print_message("%s: %zu allocations\n", atls_profiles[i]->name, count);
            bound++;
        }
    assert_true(bound >= 3);
}

static int bind_authenticator(const void *context, struct test_told *told)
{
    const enum atls_expat_key *form = context;
    uint8_t spki[ATLS_SPKI_MAX], binding[ATLS_HASH_MAX] = {0};

    int result = TEST_SCARCE(atls_expat_binding(
        &atls_crypto_hosted, ATLS_SHA256, *form,
        ATLS_BYTES(spki, atls_spki_encode(&test_generator, spki)), HASHED, binding));
    TEST_TELL(told, binding);
    return result;
}

static int export_value(const void *context, struct test_told *told)
{
    uint8_t value[48] = {0};

    int result = TEST_SCARCE(atls_tls_exporter(&atls_crypto_hosted, ATLS_SHA256, HASHED, "label",
                                               HASHED, value, sizeof value));
    TEST_TELL(told, value);
    return result;
}

static int early_challenge(const void *context, struct test_told *told)
{
    uint8_t channel[ATLS_TA04_BINDER_SIZE], challenge[ATLS_HASH_MAX] = {0};
    int result = TEST_SCARCE(atls_ta04_channel_binder(&atls_crypto_hosted, ATLS_SHA256,
                                                      ATLS_BYTES(NULL, 0), HASHED, channel));

    if (result == 0)
        result = TEST_SCARCE(atls_ta03_challenge(&atls_crypto_hosted, ATLS_SHA256, HASHED, HASHED,
                                                 ATLS_BYTES(channel, sizeof channel), challenge));
    TEST_TELL(told, challenge);
    return result;
}

static void test_binders(void **state)
{
    for (enum atls_expat_key form = ATLS_EXPAT_SPKI; form <= ATLS_EXPAT_COSE_KEY; form++)
        test_without_memory("binding of expat", TEST_IS_OWN, bind_authenticator, &form);
    test_without_memory("exporter", TEST_IS_OWN, export_value, NULL);
    test_without_memory("challenge of tls-attestation-04", TEST_IS_OWN, early_challenge, NULL);
}

static int help(const void *context, struct test_told *told)
{
    test_memory_begin();
    char *text = atls_variants_describe();
    test_memory_end(0);
    if (!text)
        return atls_fail(-ENOMEM, NULL, "no memory for the help");
    test_tell(told, atls_bytes_of_text(text));
    free(text);
    return 0;
}

static void test_help(void **state)
{
    assert_true(test_without_memory("variants", TEST_FAILS, help, NULL) > 0);
}

int main(void)
{
    static struct test_list list;

    test_take_gnutls_memory();
    TEST_ADD_ROWS(&list, test_reader, readers);
    TEST_ADD(&list, test_challenges);
    TEST_ADD(&list, test_binders);
    TEST_ADD(&list, test_help);
    return test_run("the wire without memory", &list);
}
