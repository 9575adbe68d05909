/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what is read of a COSE message: the examples of RFC 9052, each member of what comes out,
 * COSE_Sign, and what an error says where several have the same clause. */
#include "rats/test/test-table.h"

#include "rats/cose/cose.h"

#define COSE "RFC 9052 section 4.2"
#define SIGN "RFC 9052 section 4.1"
#define HEADER "RFC 9052 section 3.1"
#define NOT_WELL_FORMED "RFC 8949 section 3"

#define ZEROES_32 "0000000000000000000000000000000000000000000000000000000000000000"
#define SIG "5840" ZEROES_32 ZEROES_32
#define ES256 "43a10126"
#define CONTENT "54546869732069732074686520636f6e74656e742e" /* This is the content. */

/* RFC 9052 appendix C.7.1, key "11" */
static const char x_11[] = "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff";
static const char y_11[] = "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e";

static struct atls_public_key key_11(void)
{
    struct atls_bytes x = test_hex(x_11), y = test_hex(y_11);
    struct atls_public_key key;

    test_outcome(atls_public_key_of(ATLS_P256, x.data, y.data, COSE, &key), 0, NULL);
    test_vector_free(x);
    test_vector_free(y);
    return key;
}

/* RFC 9052 appendix C.2.1: Single ECDSA Signature */
#define C_2_1                                                                                      \
    "d284 43a10126 a104423131" CONTENT "5840"                                                      \
    "8eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e"                             \
    "2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"

static void example_verifies(void **state)
{
    struct atls_bytes in = test_bytes(C_2_1);
    struct atls_public_key key = key_11();
    struct atls_cose_sign1 message;

    test_outcome(atls_cose_sign1_parse(in, ATLS_COSE_TAG_ALONE, NULL, &message), 0, NULL);
    assert_true(atls_bytes_is_text(message.key_id, "11"));
    assert_true(atls_bytes_is_text(message.payload, "This is the content."));
    test_outcome(atls_cose_sign1_verify(&message, &atls_crypto_hosted, &key), 0, NULL);
    message.payload.size--;
    test_outcome(atls_cose_sign1_verify(&message, &atls_crypto_hosted, &key), ATLS_E_SIGNATURE,
                 "RFC 9053 section 2.1");
    test_vector_free(in);
}

/* What atls_cose_read() takes of alg: int / tstr (RFC 9052 section 3.1), which may be larger than
 * an int of C. */
static const struct alg_row {
    const char *name, *encoded;
    bool is_text;
    int64_t number;
    int alg;
} algs[] = {
    {"alg ES256", "26", false, -7, -7},
    {"alg 2^31 - 1", "1a7fffffff", false, INT32_MAX, INT32_MAX},
    {"alg 2^31", "1a80000000", false, (int64_t)INT32_MAX + 1, 0},
    {"alg -2^31", "3a7fffffff", false, INT32_MIN, INT32_MIN},
    {"alg -2^31 - 1", "3a80000000", false, (int64_t)INT32_MIN - 1, 0},
    {"alg 2^63 - 1", "1b7fffffffffffffff", false, INT64_MAX, 0},
    {"alg a text", "6178", true, 0, 0},
};

static void reads_alg(void **state)
{
    const struct alg_row *row = *state;
    size_t size = strlen(row->encoded) / 2;
    struct atls_cose_sign1 message;
    char hex[64];

    snprintf(hex, sizeof hex, "84%02zxa101%sa0416140", 0x42 + size, row->encoded);
    struct atls_bytes in = test_hex(hex);
    test_outcome(atls_cose_read(in, ATLS_TAG_COSE_SIGN1, ATLS_COSE_TAG_FORBIDDEN, NULL, &message),
                 0, NULL);
    assert_int_equal(message.alg, row->alg);
    assert_int_equal(message.algorithm.is_text, row->is_text);
    assert_int_equal(message.algorithm.number, row->number);
    test_vector_free(in);
}

/* Every member, once as it is where nothing is there and once as it came. */
static void reads_members(void **state)
{
    struct atls_bytes in = test_bytes("84 43a10126 a0 40 40"), type = test_bytes("612f62");
    struct atls_cose_sign1 message;

    memset(&message, 0xa5, sizeof message);
    test_outcome(atls_cose_read(in, ATLS_TAG_COSE_SIGN1, ATLS_COSE_TAG_FORBIDDEN, NULL, &message),
                 0, NULL);
    assert_false(message.tagged);
    assert_false(message.detached);
    assert_false(message.has_unknown);
    assert_int_equal(message.key_id.size, 0);
    assert_null(message.content_type.data);
    assert_int_equal(message.content_format, -1);
    assert_int_equal(message.payload.size, 0);
    assert_int_equal(message.signature.size, 0);
    test_vector_free(in);

    /* {1: -7, 2: ["x"], 3: "a/b", "x": 0}, {4: 'k'}, nil */
    in = test_bytes("d1 84 4f a4 0126 02816178 0363612f62 617800 a104416b f6 43010203");
    memset(&message, 0xa5, sizeof message);
    test_outcome(atls_cose_read(in, ATLS_TAG_COSE_MAC0, ATLS_COSE_TAG_REQUIRED, NULL, &message), 0,
                 NULL);
    assert_true(message.tagged);
    assert_true(message.detached);
    assert_true(message.has_unknown);
    assert_true(message.unknown.is_text);
    assert_true(atls_bytes_is_text(message.unknown.text, "x"));
    assert_true(atls_bytes_is_text(message.key_id, "k"));
    test_same_bytes(message.content_type, type);
    assert_int_equal(message.content_format, -1);
    assert_int_equal(message.protected_header.size, 15);
    assert_null(message.payload.data);
    test_same_bytes(message.signature, ATLS_BYTES("\1\2\3", 3));
    test_vector_free(in);
    test_vector_free(type);

    in = test_bytes("84 47 a2 0126 03190111 a0 4161 40");
    test_outcome(atls_cose_read(in, ATLS_TAG_COSE_SIGN1, ATLS_COSE_TAG_FORBIDDEN, NULL, &message),
                 0, NULL);
    assert_int_equal(message.content_format, 0x111);
    assert_null(message.content_type.data);
    test_vector_free(in);
}

#define TEN "61616161616161616161"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

/* The words of the refusal, where the clause alone does not say which check it was. */
static const struct told_row {
    const char *name, *hex, *words;
    enum atls_cose_tagging tagging;
} told[] = {
    {"a tag that is forbidden", "d284" ES256 "a04161" SIG, "expected no tag, came one",
     ATLS_COSE_TAG_FORBIDDEN},
    {"another tag", "d184" ES256 "a04161" SIG, "expected tag 18, came tag 17",
     ATLS_COSE_TAG_EITHER},
    {"no tag", "84" ES256 "a04161" SIG, "expected tag 18, came no tag", ATLS_COSE_TAG_REQUIRED},
    {"tag 61, where 18 stands alone", "d83dd284" ES256 "a04161" SIG, "came tag 61",
     ATLS_COSE_TAG_ALONE},
    {"3 elements", "83" ES256 "a04161", "an array of 4, came one of 3", ATLS_COSE_TAG_EITHER},
    {"5 elements", "85" ES256 "a04161" SIG "f6", "an array of 4, came one of 5",
     ATLS_COSE_TAG_EITHER},
    {"alg a text", "8447a101644553 3131a04161" SIG, "ES384 (-35), came a text",
     ATLS_COSE_TAG_EITHER},
    {"alg ES512", "8444a1013823a04161" SIG, "ES384 (-35), came -36", ATLS_COSE_TAG_EITHER},
    {"alg that would be -7 in 32 bits", "844ba1013b0000000100000006a04161" SIG, "came -4294967303",
     ATLS_COSE_TAG_EITHER},
    {"crit a text", "844aa3012602816178617801a04161" SIG, "parameter \"x\" is not understood",
     ATLS_COSE_TAG_EITHER},
    {"crit a text of 70 characters, which is cut",
     "84584da201260281"
     "7846" SEVENTY "a04161" SIG,
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" is not understood",
     ATLS_COSE_TAG_EITHER},
    {"crit a number", "8447a2012602811878a04161" SIG, "parameter 120 is not understood",
     ATLS_COSE_TAG_EITHER},
    {"crit two numbers: the first is told", "8449a20126028218781879a04161" SIG,
     "parameter 120 is not understood", ATLS_COSE_TAG_EITHER},
    {"crit names kid, which is not there", "8446a20126028104a04161" SIG,
     "parameter 4 is not in the protected header", ATLS_COSE_TAG_EITHER},
    {"crit names the content type, which is not there", "8446a20126028103a04161" SIG,
     "parameter 3 is not in the protected header", ATLS_COSE_TAG_EITHER},
    {"a content type of 70 characters, which is cut", "84584ca20126037846" SEVENTY "a04161" SIG,
     "came \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
     ATLS_COSE_TAG_EITHER},
    {"a signature of 64 zeroes and one", "84" ES256 "a041615841" ZEROES_32 ZEROES_32 "00",
     "expected 64 bytes, came 65", ATLS_COSE_TAG_EITHER},
};

static void error_says(void **state)
{
    const struct told_row *row = *state;
    struct atls_bytes in = test_bytes(row->hex);
    struct atls_cose_sign1 message;
    int result = atls_cose_read(in, ATLS_TAG_COSE_SIGN1, row->tagging, NULL, &message);

    if (result == 0)
        result = atls_cose_sign1_check(&message, NULL);
    assert_true(result > 0);
    if (!strstr(atls_error_text(), row->words))
        fail_msg("expected \"%s\", came \"%s\"", row->words, atls_error_text());
    test_vector_free(in);
}

/* A signature in DER, as TLS has it (RFC 3279 section 2.2.3), is told from other sizes: SEQUENCE
 * and its length in one byte (X.690 section 8.1.3.4). */
static const struct size_row {
    const char *name;
    uint8_t head[2];
    size_t size;
    bool is_der;
} sizes[] = {
    {"ES256 in DER", {0x30, 70}, 72, true},
    {"the smallest", {0x30, 1}, 3, true},
    {"the largest length in one byte", {0x30, 127}, 129, true},
    {"no content", {0x30, 0}, 2, false},
    {"a length in more bytes", {0x30, 128}, 130, false},
    {"a head alone", {0x30, 0}, 1, false},
    {"a SET", {0x31, 70}, 72, false},
    {"longer than it says", {0x30, 70}, 73, false},
    {"shorter than it says", {0x30, 70}, 71, false},
};

static void tells_der(void **state)
{
    const struct size_row *row = *state;
    uint8_t bytes[130] = {row->head[0], row->head[1]};
    struct atls_cose_sign1 message = {.alg = ATLS_COSE_ES256,
                                      .payload = ATLS_BYTES("a", 1),
                                      .signature = ATLS_BYTES(bytes, row->size)};

    test_outcome(atls_cose_sign1_check(&message, NULL), ATLS_E_MALFORMED, "RFC 9053 section 2.1");
    assert_int_equal(strstr(atls_error_text(), "DER") != NULL, row->is_der);
}

/* RFC 9052 appendices C.1.1 (a single signature), C.1.2 (two signers) and C.1.3 (crit, of the body)
 */
#define BY_11                                                                                      \
    "83 43a10126 a104423131 5840"                                                                  \
    "e2aeafd40d69d19dfe6e52077c5d7ff4e408282cbefb5d06cbf414af2e19d982"                             \
    "ac45ac98b8544c908b4507de1e90b717c3d34816fe926a2b98f53afd2fa0f30a"
#define BY_BILBO                                                                                   \
    "83 44a1013823"                                                                                \
    "a104581e 62696c626f2e62616767696e7340686f626269746f6e2e6578616d706c65 5884"                   \
    "00a2d28a7c2bdb1587877420f65adf7d0b9a06635dd1de64bb62974c863f0b160dd2163734034e6ac003b01e87"   \
    "05524c5c4ca479a952f0247ee8cb0b4fb7397ba08d009e0c8bf482270cc5771aa143966e5a469a09f613488030"   \
    "c5b07ec6d722e3835adb5b2d8c44e95ffb13877dd2582866883535de3bb03d01753f83ab87bb4f7a0297"
#define RESERVED "56 a2 687265736572766564 f4 02 81 687265736572766564"
#define BY_NOBODY "83 43a10126 a0 40"

static const struct sign_row {
    const char *name, *hex;
    int outcome; /* of atls_cose_read_sign() */
    const char *clause;
    size_t count; /* of signatures */
    const char *payload;
} signs[] = {
    {"C.1.1", "d86284 40 a0" CONTENT "81" BY_11, 0, NULL, 1, "This is the content."},
    {"C.1.2", "d86284 40 a0" CONTENT "82" BY_11 BY_BILBO, 0, NULL, 2, "This is the content."},
    {"crit, of the body", "d86284" RESERVED "a0" CONTENT "81" BY_11, 0, NULL, 1,
     "This is the content."},
    {"without a tag", "84 40 a0 4161 81" BY_NOBODY, 0, NULL, 1, "a"},
    {"a payload elsewhere", "84 40 a0 f6 81" BY_NOBODY, 0, NULL, 1, ""},
    {"an empty payload", "84 40 a0 40 83" BY_NOBODY BY_NOBODY BY_NOBODY, 0, NULL, 3, ""},
    {"of no certain lengths", "9f 40 a0 4161 9f 9f 43a10126 a0 40 ff ff ff", 0, NULL, 1, "a"},
    {"the tag of COSE_Sign1", "d284 40 a0 4161 81" BY_NOBODY, ATLS_E_MALFORMED, SIGN, 0, NULL},
    {"3 elements", "83 40 a0 4161", ATLS_E_MALFORMED, SIGN, 0, "array of 4, came 3"},
    {"5 elements", "85 40 a0 4161 81" BY_NOBODY "00", ATLS_E_MALFORMED, SIGN, 0,
     "array of 4, came 5"},
    {"5 elements, indefinite", "9f 40 a0 4161 81" BY_NOBODY "00 ff", ATLS_E_MALFORMED, SIGN, 0,
     "COSE_Sign: came longer"},
    {"no signature", "84 40 a0 4161 80", ATLS_E_MALFORMED, SIGN, 0, "came none"},
    {"no signature, indefinite", "84 40 a0 4161 9fff", ATLS_E_MALFORMED, SIGN, 0, "came none"},
    {"a signature for the list", "84 40 a0 4161 40", ATLS_E_MALFORMED, SIGN, 0, "COSE signatures"},
    {"the body's protected header a map", "84 a0 a0 4161 81" BY_NOBODY, ATLS_E_MALFORMED, SIGN, 0,
     "COSE protected header: expected"},
    {"the body's protected header an array", "84 4180 a0 4161 81" BY_NOBODY, ATLS_E_MALFORMED, SIGN,
     0, "COSE protected header: expected"},
    {"the body's protected header cut", "84 41a1 a0 4161 81" BY_NOBODY, ATLS_E_MALFORMED,
     NOT_WELL_FORMED, 0, NULL},
    {"kid of the body a text", "84 40 a1046161 4161 81" BY_NOBODY, ATLS_E_MALFORMED, SIGN, 0,
     "COSE kid"},
    {"crit of the body unprotected", "84 40 a1028101 4161 81" BY_NOBODY, ATLS_E_MALFORMED, HEADER,
     0, NULL},
    {"a payload that is a text", "84 40 a0 6161 81" BY_NOBODY, ATLS_E_MALFORMED, SIGN, 0,
     "COSE payload"},
    {"a signature of 2", "84 40 a0 4161 81 82 43a10126 a0", ATLS_E_MALFORMED, SIGN, 0,
     "COSE_Signature: expected an array of 3, came 2"},
    {"a signature of 4", "84 40 a0 4161 81 84 43a10126 a0 40 00", ATLS_E_MALFORMED, SIGN, 0,
     "COSE_Signature: expected an array of 3, came 4"},
    {"a signature of 4, indefinite", "84 40 a0 4161 81 9f 43a10126 a0 40 00 ff", ATLS_E_MALFORMED,
     SIGN, 0, "COSE_Signature: came longer"},
    {"the second signature's protected header an integer",
     "84 40 a0 4161 82" BY_NOBODY "83 4101 a0 40", ATLS_E_MALFORMED, SIGN, 0,
     "COSE protected header: expected"},
    {"the signature's alg in both headers", "84 40 a0 4161 81 83 43a10126 a10126 40",
     ATLS_E_MALFORMED, "RFC 9052 section 3", 0, NULL},
    {"a text as signature", "84 40 a0 4161 81 83 43a10126 a0 60", ATLS_E_MALFORMED, SIGN, 0,
     "signature: expected"},
    {"a byte behind it", "84 40 a0 4161 81" BY_NOBODY "00", ATLS_E_MALFORMED,
     "RFC 8949 section 5.3.1", 0, NULL},
};

static void reads_sign(void **state)
{
    const struct sign_row *row = *state;
    struct atls_bytes in = test_bytes(row->hex), payload = {NULL, 77};
    size_t count = 77;

    test_outcome(atls_cose_read_sign(in, &payload, &count), row->outcome, row->clause);
    assert_int_equal(count, row->outcome ? 77 : row->count);
    if (row->outcome == 0) {
        assert_true(atls_bytes_is_text(payload, row->payload));
    } else {
        assert_int_equal(payload.size, 77);
        if (row->payload && !strstr(atls_error_text(), row->payload))
            fail_msg("expected \"%s\", came \"%s\"", row->payload, atls_error_text());
    }
    test_vector_free(in);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, example_verifies);
    TEST_ADD_ROWS(&list, reads_alg, algs);
    TEST_ADD(&list, reads_members);
    TEST_ADD_ROWS(&list, error_says, told);
    TEST_ADD_ROWS(&list, tells_der, sizes);
    TEST_ADD_ROWS(&list, reads_sign, signs);
    return test_run("cose-read", &list);
}
