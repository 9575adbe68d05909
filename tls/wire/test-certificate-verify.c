/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange with the real prototype of 2022 that rats/testdata/prototype-of-2022.json holds, met
 * once more message by message: what its client and server sent is read as it was, its signature of
 * 64 bytes verifies over this transcript, and whatever is another byte in any of it is refused.
 */
#include <jansson.h>

#include "rats/test/test-table.h"
#include "tls/profiles/profile.h"
#include "tls/wire/certificate-verify.h"
#include "tls/wire/certificate.h"

#define CLAUSE "RFC 8446 section 4.4.3"
#define MESSAGES 8
#define HEADER 4
#define CLIENT_CERTIFICATE 7

static struct atls_bytes recorded[MESSAGES], verify_message, server_extensions;
static struct atls_public_key attested;

static void transcript_of(size_t count, size_t flipped, struct atls_transcript *tp)
{
    atls_transcript_init(tp, ATLS_TRANSCRIPT_MAX);
    for (size_t i = 0; i < count; i++) {
        uint8_t body[1024];
        size_t size = recorded[i].size - HEADER;
        assert_in_range(size, 1, sizeof body);
        memcpy(body, recorded[i].data + HEADER, size);
        body[size - 1] ^= i == flipped;
        test_outcome(atls_transcript_add(tp, recorded[i].data[0], ATLS_BYTES(body, size)), 0, NULL);
    }
}

static int verify(size_t count, size_t flipped, const struct atls_public_key *key,
                  struct atls_bytes message)
{
    struct atls_signed_content content;
    struct atls_transcript t;
    transcript_of(count, flipped, &t);
    test_outcome(atls_signed_content_of(&t, &atls_crypto_hosted, &content), 0, NULL);
    atls_transcript_clear(&t);
    return atls_raw_signature_verify(&atls_crypto_hosted, key, &content, message);
}

static void its_signature_verifies(void **state)
{
    test_outcome(verify(MESSAGES, SIZE_MAX, &attested, verify_message), 0, NULL);
}

static void no_other_transcript_will_do(void **state)
{
    /* ServerHello's last byte is its version: of that there is no other that could be read. */
    for (size_t i = 0; i < MESSAGES; i++)
        if (i != 1)
            test_outcome(verify(MESSAGES, i, &attested, verify_message), ATLS_E_SIGNATURE, CLAUSE);
    for (size_t count = 2; count < MESSAGES; count++)
        test_outcome(verify(count, SIZE_MAX, &attested, verify_message), ATLS_E_SIGNATURE, CLAUSE);
}

static void every_flipped_bit_is_refused(void **state)
{
    uint8_t message[128];
    assert_int_equal(verify_message.size, HEADER + ATLS_RAW_SIGNATURE_SIZE);
    memcpy(message, verify_message.data, verify_message.size);
    for (size_t bit = 0; bit < 8 * verify_message.size; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        int result =
            verify(MESSAGES, SIZE_MAX, &attested, ATLS_BYTES(message, verify_message.size));
        bool in_length = bit / 8 == 2 || bit / 8 == 3;
        test_outcome(result, in_length ? ATLS_E_MALFORMED : ATLS_E_SIGNATURE, CLAUSE);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

#define R "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define S "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
static const struct message_row {
    const char *name, *bytes;
    int outcome;
} message_rows[] = {
    {"R-TA-37 another signature", "0403 0040" R S, ATLS_E_SIGNATURE},
    {"R-TA-37 r and s of 0",
     "0403 0040" R "00000000000000000000000000000000"
     "00000000000000000000000000000000",
     ATLS_E_SIGNATURE},
    {"as RFC 8446 wants it: DER", "0403 0046 3044 0220" R "0220" S, ATLS_E_SIGNATURE},
    {"r alone", "0403 0020" R, ATLS_E_SIGNATURE},
    {"a byte more", "0403 0041" R S "00", ATLS_E_SIGNATURE},
    {"no signature", "0403 0000", ATLS_E_SIGNATURE},
    {"Ed25519, of the same 64 bytes", "0807 0040" R S, ATLS_E_SIGNATURE},
    {"ecdsa_secp384r1_sha384", "0503 0040" R S, ATLS_E_SIGNATURE},
    {"ecdsa_sha1", "0203 0040" R S, ATLS_E_SIGNATURE},
    {"nothing", "", ATLS_E_MALFORMED},
    {"half an algorithm", "04", ATLS_E_MALFORMED},
    {"no length", "0403", ATLS_E_MALFORMED},
    {"half a length", "0403 00", ATLS_E_MALFORMED},
    {"a length beyond the message", "0403 0041" R S, ATLS_E_MALFORMED},
    {"bytes behind the signature", "0403 0040" R S "00", ATLS_E_MALFORMED},
};

static void other_messages(void **state)
{
    const struct message_row *row = *state;
    struct atls_bytes message = test_bytes(row->bytes);
    test_outcome(verify(MESSAGES, SIZE_MAX, &attested, message), row->outcome, CLAUSE);
    test_vector_free(message);
}

/* Who writes DER is told what would meet it. */
static void der_has_a_remedy(void **state)
{
    struct atls_bytes message = test_bytes("0403 0046 3044 0220" R "0220" S);
    test_outcome(verify(MESSAGES, SIZE_MAX, &attested, message), ATLS_E_SIGNATURE, CLAUSE);
    if (!strstr(atls_error_text(), "--variant signature=der"))
        fail_msg("expected the variant for DER, came \"%s\"", atls_error_text());
    test_vector_free(message);
}

static void nothing_is_signed_without_hellos(void **state)
{
    struct atls_signed_content content;
    struct atls_transcript t;
    atls_transcript_init(&t, ATLS_TRANSCRIPT_MAX);
    test_outcome(atls_signed_content_of(&t, &atls_crypto_hosted, &content), ATLS_E_MISSING, NULL);
    atls_transcript_clear(&t);
}

static void another_key_is_refused(void **state)
{
    struct atls_private_key other;
    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, NULL, &other), 0);
    test_outcome(verify(MESSAGES, SIZE_MAX, &other.public_key, verify_message), ATLS_E_SIGNATURE,
                 CLAUSE);
}

/* The body of the extension 100, the only one of its number in MESSAGE. */
static struct atls_bytes extension_of(struct atls_bytes message)
{
    static const uint8_t number[] = {0, 100, 0};
    for (size_t i = 0; i + 4 < message.size; i++)
        if (memcmp(message.data + i, number, sizeof number) == 0 &&
            message.data[i + 3] <= message.size - i - 4)
            return ATLS_BYTES(message.data + i + 4, message.data[i + 3]);
    fail_msg("the extension of the prototype is not there");
    return message;
}

static void its_extensions_are_read(void **state)
{
    const struct atls_profile *profile = atls_profile_by_name("poc-mbedtls");
    struct atls_offer *offers = calloc(2, sizeof *offers);
    struct atls_selection selections[2] = {{.has_evidence = false}};
    assert_non_null(profile);
    assert_non_null(offers);
    test_outcome(profile->read_offer(profile, ATLS_CP_POC_EVIDENCE_PROPOSAL,
                                     extension_of(recorded[0]), offers),
                 0, NULL);
    test_outcome(profile->read_selection(profile, ATLS_CP_POC_EVIDENCE_PROPOSAL,
                                         extension_of(server_extensions), selections),
                 0, NULL);
    assert_true(selections[0].has_evidence);
    assert_true(selections[0].type.is_content_format);
    assert_int_equal(selections[0].type.content_format, 1);
    free(offers);
}

/* What is in it is for rats/tokens/test-prototype.c. */
static void its_certificate_is_read(void **state)
{
    const struct atls_profile *profile = atls_profile_by_name("poc-mbedtls");
    struct atls_bytes bundle, message = ATLS_BYTES(recorded[CLIENT_CERTIFICATE].data + HEADER,
                                                   recorded[CLIENT_CERTIFICATE].size - HEADER);
    size_t at;
    test_outcome(profile->find_credential(profile, message, &bundle, &at), 0, NULL);
    assert_int_equal(bundle.size, 380);
    assert_ptr_equal(bundle.data, message.data + at);
}

static struct atls_bytes text_of(const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text) {
        fprintf(stderr, "prototype-of-2022.json: expected hexadecimal text\n");
        exit(2);
    }
    return test_hex(text);
}

static json_t *load(void)
{
    const char *directory = getenv("ATLS_TESTDATA");
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/prototype-of-2022.json", directory ? directory : ".");
    json_t *json = json_load_file(path, 0, &error);
    if (!json) {
        fprintf(stderr, "%s: %s (ATLS_TESTDATA names its directory)\n", path, error.text);
        exit(2);
    }
    return json;
}

int main(void)
{
    struct test_list list = {.count = 0};
    json_t *json = load();
    for (size_t i = 0; i < MESSAGES; i++)
        recorded[i] = text_of(json_array_get(json_object_get(json, "messages"), i));
    verify_message = text_of(json_object_get(json, "certificate_verify"));
    server_extensions = text_of(json_object_get(json, "encrypted_extensions"));
    struct atls_bytes spki = text_of(json_object_get(json, "attested_key"));
    if (atls_spki_decode(spki, &attested) != 0)
        return 2;
    test_vector_free(spki);
    TEST_ADD(&list, its_signature_verifies);
    TEST_ADD(&list, no_other_transcript_will_do);
    TEST_ADD(&list, every_flipped_bit_is_refused);
    TEST_ADD_ROWS(&list, other_messages, message_rows);
    TEST_ADD(&list, der_has_a_remedy);
    TEST_ADD(&list, nothing_is_signed_without_hellos);
    TEST_ADD(&list, another_key_is_refused);
    TEST_ADD(&list, its_extensions_are_read);
    TEST_ADD(&list, its_certificate_is_read);
    int failed = test_run("certificate-verify", &list);
    for (size_t i = 0; i < MESSAGES; i++)
        test_vector_free(recorded[i]);
    test_vector_free(verify_message);
    test_vector_free(server_extensions);
    json_decref(json);
    return failed;
}
