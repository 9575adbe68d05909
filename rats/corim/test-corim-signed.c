/* SPDX-License-Identifier: Apache-2.0 */
/* Signed CoRIMs: which bytes are one, who signed it and for how long, and what is refused. */
#include <string.h>

#include "rats/cbor/cbor-write.h"
#include "rats/corim/corim.h"
#include "rats/corim/test-clause.h"
#include "rats/test/test-key.h"
#include "rats/test/test-table.h"

#define B32 "0101010101010101010101010101010101010101010101010101010101010101"
#define SIGNED64 "5840" B32 B32
/* A good one of a single reference value. */
#define CORIM                                                                                      \
    "d901f5a3"                                                                                     \
    "00617801"                                                                                     \
    "81d901fa59009d"                                                                               \
    "a201a100616104a1008182a100a100d902305820010101010101010101010101"                             \
    "010101010101010101010101010101010101010181a200767073612e736f6674"                             \
    "776172652d636f6d706f6e656e7401a202818201582001010101010101010101"                             \
    "010101010101010101010101010101010101010101010d81d902305820010101"                             \
    "0101010101010101010101010101010101010101010101010101010101"                                   \
    "03d820781a"                                                                                   \
    "7461673a61726d2e636f6d2c323032353a70736123312e302e30"

struct signed_row {
    const char *name, *clause;
    const char *header; /* members of the protected header behind alg (1) */
    unsigned members;
    int outcome;
    const char *text;
    const char *signer;
    int64_t not_before, not_after;
};

#define TYPE                                                                                       \
    "0374"                                                                                         \
    "6170706c69636174696f6e2f72696d2b63626f72" /* application/rim+cbor */
static const struct signed_row signed_rows[] = {
    {"meta", "4.2.3", TYPE "0848a100a100634f6e65", 2, 0, "", "One", 0, 0},
    {"meta with validity", "4.2.3", TYPE "0851a200a100634f6e6501a200c10501c11864", 2, 0, "", "One",
     5, 100},
    {"CWT claims", "4.2.2",
     TYPE "0fa301634f6e65041864"
          "0505",
     2, 0, "", "One", 5, 100},
    {"CWT claims with a fraction of a second", "4.2.2", TYPE "0fa201634f6e6504f95640", 2, 0, "",
     "One", 0, 100},
    {"both", "4.2.1",
     TYPE "0851a200a100634f6e6501a200c10501c11864"
          "0fa301634f6e650418640505",
     3, 0, "", "One", 5, 100},
    {"both, of another signer", "4.2.2",
     TYPE "0848a100a100634f6e65"
          "0fa10163547776",
     3, ATLS_E_MALFORMED, "do not say the same", NULL, 0, 0},
    {"both, of another time", "4.2.2",
     TYPE "0848a100a100634f6e65"
          "0fa201634f6e65041864",
     3, ATLS_E_MALFORMED, "do not say the same", NULL, 0, 0},
    {"neither", "4.2.1", TYPE, 1, ATLS_E_MISSING, "neither", NULL, 0, 0},
    {"no content type", "4.2.1", "0848a100a100634f6e65", 1, ATLS_E_UNSUPPORTED, "content type",
     NULL, 0, 0},
    {"another content type", "4.2.1",
     "0363612f62"
     "0848a100a100634f6e65",
     2, ATLS_E_UNSUPPORTED, "content type", NULL, 0, 0},
    {"meta that is a map", "4.2.1", TYPE "08a100a100634f6e65", 2, ATLS_E_MALFORMED, "meta", NULL, 0,
     0},
    {"meta without signer", "4.2.3",
     TYPE "0846a101a101c1"
          "05",
     2, ATLS_E_MISSING, "signer", NULL, 0, 0},
    {"meta whose signer has no name", "4.2.3.1", TYPE "084ba100a101d8206474616773", 2,
     ATLS_E_MISSING, "signer name", NULL, 0, 0},
    {"meta with an unknown member", "4.2.3", TYPE "084aa200a100634f6e650901", 2, ATLS_E_UNSUPPORTED,
     "key 9", NULL, 0, 0},
    {"CWT claims with a fraction of a second at either end", "4.2.2",
     TYPE "0fa304f95640"
          "05f93e0001634f6e65",
     2, 0, "", "One", 2, 100},
    {"CWT claims with floats of whole seconds", "4.2.2",
     TYPE "0fa304f95640"
          "05f9450001634f6e65",
     2, 0, "", "One", 5, 100},
    {"CWT claims with times before 1970", "4.2.2",
     TYPE "0fa301634f6e650420"
          "05f9be00",
     2, 0, "", "One", 1, 1},
    {"CWT claims that end in 1970", "4.2.2", TYPE "0fa201634f6e650400", 2, 0, "", "One", 0, 1},
    {"CWT claims, nearly the last second", "RFC 8949 section 3.4.2",
     TYPE "0fa201634f6e6504fb433ff973cafa7fff", 2, 0, "", "One", 0, 8999999999999999},
    {"CWT claims, too late", "RFC 8949 section 3.4.2", TYPE "0fa201634f6e6504fb433ff973cafa8000", 2,
     ATLS_E_MALFORMED, "finite", NULL, 0, 0},
    {"CWT claims, too early", "RFC 8949 section 3.4.2", TYPE "0fa201634f6e6505fbc33ff973cafa8000",
     2, ATLS_E_MALFORMED, "finite", NULL, 0, 0},
    {"CWT claims whose exp is a text", "4.2.1", TYPE "0fa201634f6e65046131", 2, ATLS_E_MALFORMED,
     "time: expected an unsigned integer", NULL, 0, 0},
    {"CWT claims whose issuer is a number", "4.2.1", TYPE "0fa10105", 2, ATLS_E_MALFORMED,
     "iss (1): expected a text string", NULL, 0, 0},
    {"CWT claims of other names", "4.2.2",
     TYPE "0fa4"
          "01634f6e656161f62004041864",
     2, 0, "", "One", 0, 100},
    {"CWT claims under bytes", "4.2.1", TYPE "0fa2400101634f6e65", 2, ATLS_E_MALFORMED,
     "key of CWT claims", NULL, 0, 0},
    {"parameters of other names", "4.2.1", TYPE "14f60848a100a100634f6e65616108", 4, 0, "", "One",
     0, 0},
    {"both, of another beginning", "4.2.2",
     TYPE "0851a200a100634f6e6501a200c10501c11864"
          "0fa301634f6e650418640506",
     3, ATLS_E_MALFORMED, "do not say the same", NULL, 0, 0},
    {"both, of another end", "4.2.2",
     TYPE "0851a200a100634f6e6501a200c10501c11864"
          "0fa301634f6e650418650505",
     3, ATLS_E_MALFORMED, "do not say the same", NULL, 0, 0},
    {"CWT claims without issuer", "4.2.2", TYPE "0fa1041864", 2, ATLS_E_MISSING, "iss", NULL, 0, 0},
};

/* COSE_Sign1 around the first good CoRIM. */
static struct atls_bytes make_signed(const struct signed_row *row, bool tagged, uint8_t *out,
                                     size_t capacity)
{
    struct atls_private_key key = test_private_key(ATLS_P256, 9);
    struct atls_bytes before = test_hex(row->header), corim = test_hex(CORIM), written;
    uint8_t header[256] = {(uint8_t)(0xa1 + row->members), 0x01, 0x26}; /* alg: ES256 */
    uint8_t digest[32], signature[ATLS_SIGNATURE_MAX];
    struct atls_cbor_writer w;
    size_t size = 3 + before.size;

    memcpy(header + 3, before.data, before.size);
    assert_int_equal(atls_cose_sign1_digest(&atls_crypto_hosted, ATLS_SHA256,
                                            ATLS_BYTES(header, size), corim, digest),
                     0);
    assert_int_equal(atls_crypto_hosted.sign(&key, ATLS_BYTES(digest, 32), signature), 0);
    atls_cbor_write_init(&w, out, capacity);
    if (tagged)
        atls_cbor_write_tag(&w, ATLS_TAG_COSE_SIGN1);
    atls_cbor_write_array(&w, 4);
    atls_cbor_write_bytes(&w, ATLS_BYTES(header, size));
    atls_cbor_write_map(&w, 0);
    atls_cbor_write_bytes(&w, corim);
    atls_cbor_write_bytes(&w, ATLS_BYTES(signature, 64));
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    test_vector_free(before);
    test_vector_free(corim);
    return written;
}

static void test_signed_row(void **state)
{
    const struct signed_row *row = *state;
    struct atls_private_key key = test_private_key(ATLS_P256, 9);
    struct atls_corim_signed corim;
    uint8_t buffer[9000];
    struct atls_bytes in = make_signed(row, true, buffer, sizeof buffer);
    int result;

    if (&test_row_name) /* a row is about what is within: as COSE_Sign1 it is good, and no vector */
        test_row_name = NULL;
    result = atls_corim_signed_parse(in, &corim);
    assert_true(atls_corim_is_signed(in)); /* by its payload, where not by its type */
    if (result != row->outcome || (result && !strstr(atls_error_text(), row->text)))
        fail_msg("%s [%s]: expected %s with \"%s\", came %s: %s", row->name, row->clause,
                 atls_error_name(row->outcome), row->text, atls_error_name(result),
                 atls_error_text());
    if (result) {
        expect_clause(row->name, row->clause);
        return;
    }
    assert_string_equal(corim.signer, row->signer);
    assert_int_equal(corim.validity.not_before, row->not_before);
    assert_int_equal(corim.validity.not_after, row->not_after);
    assert_int_equal(atls_cose_sign1_verify(&corim.message, &atls_crypto_hosted, &key.public_key),
                     0);
    atls_corim_signed_clear(&corim);
}

/* RFC 9052 section 4.2: the tag is that of COSE_Sign1, and nothing else stands before it. */
static void test_signed_tags(void **state)
{
    struct atls_corim_signed corim;
    uint8_t buffer[9000], other[9010];
    struct atls_bytes in = make_signed(&signed_rows[0], false, buffer, sizeof buffer);
    static const char *const before[] = {"", "d83d", "d83dd2", "d901f4", "d901f4d2", "d901f6d2"};

    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        struct atls_bytes tags = test_hex(before[i]);
        size_t size = tags.size;

        memcpy(other, tags.data, size);
        memcpy(other + size, in.data, in.size);
        test_vector_free(tags);
        assert_int_equal(atls_corim_signed_parse(ATLS_BYTES(other, size + in.size), &corim),
                         ATLS_E_MALFORMED);
        assert_int_not_equal(
            atls_corim_parse(ATLS_BYTES(other, size + in.size), &(struct atls_corim){0}), 0);
    }
}

/* What is a signed CoRIM: COSE_Sign1 with its tag, and the content type or an unsigned one. */
static void test_is_signed(void **state)
{
    static const struct {
        const char *what, *in;
        bool is_one;
    } table[] = {
        {"nothing", "", false},
        {"no CBOR", "ff", false},
        {"an unsigned one", "d901f5a0", false},
        {"of an unsigned one", "d28443a10126a044d901f5a0" SIGNED64, true},
        {"of indefinite length", "d29f43a10126a044d901f5a0" SIGNED64 "ff", true},
        {"of the content type",
         "d2845819a2012603"
         "746170706c69636174696f6e2f72696d2b63626f72a04100" SIGNED64,
         true},
        {"of a tag alone", "d28443a10126a043d901f5" SIGNED64, false},
        {"of two bytes", "d28443a10126a042d901" SIGNED64, false},
        {"of something else", "d28443a10126a044d901f6a0" SIGNED64, false},
        {"of a claims set", "d28443a10126a044a1010203" SIGNED64, false},
        {"without its tag", "8443a10126a044d901f5a0" SIGNED64, false},
        {"with another tag", "d18443a10126a044d901f5a0" SIGNED64, false},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_bytes in = test_hex(table[i].in);

        if (atls_corim_is_signed(in) != table[i].is_one)
            fail_msg("%s: %s", table[i].what, atls_error_text());
        test_vector_free(in);
    }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_signed_row, signed_rows);
    TEST_ADD(&list, test_signed_tags);
    TEST_ADD(&list, test_is_signed);
    return test_run("corim-signed", &list);
}
