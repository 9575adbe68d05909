/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of COSE_Sign1: what is taken, what is refused, and other people's messages. */
#include <errno.h>

#include "rats/cose/cose.h"
#include "rats/crypto/pem.h"
#include "rats/test/test-hex.h"
#include "rats/test/test-key.h"
#include <jansson.h>

#define ZEROES_32 "0000000000000000000000000000000000000000000000000000000000000000"
#define SIG_256 "5840" ZEROES_32 ZEROES_32
#define SIG_384 "5860" ZEROES_32 ZEROES_32 ZEROES_32
#define ES256 "43a10126"

static const struct atls_crypto *const crypto = &atls_crypto_hosted;

#define COSE "RFC 9052 section 4.2"
#define HEADER "RFC 9052 section 3.1"
#define X509 "RFC 9360 section 2"
#define EITHER ATLS_COSE_TAG_EITHER
#define REQUIRED ATLS_COSE_TAG_REQUIRED
#define FORBIDDEN ATLS_COSE_TAG_FORBIDDEN

/* CLAUSE is what the refusal must name. */
static const struct {
    const char *name, *hex;
    enum atls_cose_tagging tagging;
    int verdict;
    const char *clause;
} messages[] = {
    {"untagged", "84" ES256 "a04161" SIG_256, EITHER, 0, ""},
    {"tag 18", "d284" ES256 "a04161" SIG_256, EITHER, 0, ""},
    {"tag 61 around 18", "d83dd284" ES256 "a04161" SIG_256, EITHER, 0, ""},
    {"tag 18, required", "d284" ES256 "a04161" SIG_256, REQUIRED, 0, ""},
    {"tag 61, required", "d83dd284" ES256 "a04161" SIG_256, REQUIRED, 0, ""},
    {"untagged, tag forbidden", "84" ES256 "a04161" SIG_256, FORBIDDEN, 0, ""},
    {"ES384", "8444a1013822a04161" SIG_384, EITHER, 0, ""},
    {"empty payload", "84" ES256 "a040" SIG_256, EITHER, 0, ""},
    {"indefinite lengths", "9f5f44bf0126ffffbfff5f4161ff" SIG_256 "ff", EITHER, 0, ""},
    {"longer heads than needed",
     "98045803a1012658005801"
     "61" SIG_256,
     EITHER, ATLS_E_MALFORMED, COSE},
    {"longer heads than needed",
     "98045803a10126b80058016158"
     "40" ZEROES_32 ZEROES_32,
     EITHER, 0, ""},

    {"tag 18, alone", "d284" ES256 "a04161" SIG_256, ATLS_COSE_TAG_ALONE, 0, ""},
    {"untagged, tag 18 alone", "84" ES256 "a04161" SIG_256, ATLS_COSE_TAG_ALONE, ATLS_E_MALFORMED,
     COSE},
    {"tag 61, tag 18 alone", "d83dd284" ES256 "a04161" SIG_256, ATLS_COSE_TAG_ALONE,
     ATLS_E_MALFORMED, COSE},
    {"untagged, tag required", "84" ES256 "a04161" SIG_256, REQUIRED, ATLS_E_MALFORMED, COSE},
    {"tag 18, forbidden", "d284" ES256 "a04161" SIG_256, FORBIDDEN, ATLS_E_MALFORMED, COSE},
    {"tag 61, forbidden", "d83dd284" ES256 "a04161" SIG_256, FORBIDDEN, ATLS_E_MALFORMED, COSE},
    {"tag 61 without 18", "d83d84" ES256 "a04161" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
    {"tag 61 twice", "d83dd83dd284" ES256 "a04161" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
    {"tag 18 twice", "d2d284" ES256 "a04161" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
    {"tag 18 around 61", "d2d83d84" ES256 "a04161" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
    {"tag of COSE_Mac0 (17)", "d184" ES256 "a04161" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
    {"tag of COSE_Sign (98)", "d86284" ES256 "a04161" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
    {"nothing", "", EITHER, ATLS_E_MALFORMED, "RFC 8949 section 3"},
    {"a tag alone", "d2", EITHER, ATLS_E_MALFORMED, "RFC 8949 section 3"},
    {"a map", "a0", EITHER, ATLS_E_MALFORMED, COSE},
    {"a byte string", "4180", EITHER, ATLS_E_MALFORMED, COSE},
    {"0 elements", "80", EITHER, ATLS_E_MALFORMED, COSE},
    {"3 elements", "83" ES256 "a04161", EITHER, ATLS_E_MALFORMED, COSE},
    {"5 elements", "85" ES256 "a04161" SIG_256 "f6", EITHER, ATLS_E_MALFORMED, COSE},
    {"3 elements, indefinite", "9f" ES256 "a04161ff", EITHER, ATLS_E_MALFORMED, COSE},
    {"5 elements, indefinite", "9f" ES256 "a04161" SIG_256 "f6ff", EITHER, ATLS_E_MALFORMED, COSE},
    {"a byte behind it", "84" ES256 "a04161" SIG_256 "00", EITHER, ATLS_E_MALFORMED,
     "RFC 8949 section 5.3.1"},
    {"nil payload", "84" ES256 "a0f6" SIG_256, EITHER, ATLS_E_UNSUPPORTED, COSE},
    {"text payload", "84" ES256 "a06161" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
    {"map payload", "84" ES256 "a0a0" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
    {"payload in two chunks", "84" ES256 "a05f41614162ff" SIG_256, EITHER, ATLS_E_UNSUPPORTED,
     COSE},
    {"32 bytes of signature", "84" ES256 "a041615820" ZEROES_32, EITHER, ATLS_E_MALFORMED,
     "RFC 9053 section 2.1"},
    {"65 bytes of signature", "84" ES256 "a041615841" ZEROES_32 ZEROES_32 "00", EITHER,
     ATLS_E_MALFORMED, "RFC 9053 section 2.1"},
    {"96 bytes for ES256", "84" ES256 "a04161" SIG_384, EITHER, ATLS_E_MALFORMED,
     "RFC 9053 section 2.1"},
    {"64 bytes for ES384", "8444a1013822a04161" SIG_256, EITHER, ATLS_E_MALFORMED,
     "RFC 9053 section 2.1"},
    {"no signature", "84" ES256 "a0416140", EITHER, ATLS_E_MALFORMED, "RFC 9053 section 2.1"},
    {"nil signature", "84" ES256 "a04161f6", EITHER, ATLS_E_MALFORMED, COSE},
    {"protected header not in a byte string", "84a10126a04161" SIG_256, EITHER, ATLS_E_MALFORMED,
     COSE},
    {"protected header null", "84f6a04161" SIG_256, EITHER, ATLS_E_MALFORMED, COSE},
};

/* Headers alone: PROTECTED_MAP is put into a byte string, both into a message. */
static const struct {
    const char *name, *protected_map, *unprotected;
    int verdict;
    const char *clause;
} headers[] = {
    {"alg alone", "a10126", "a0", 0, ""},
    {"kid", "a10126", "a104426b69", 0, ""},
    {"protected kid", "a2012604426b69", "a0", 0, ""},
    {"unknown parameters", "a201266161f6", "a2186481000afb3ff199999999999a", 0, ""},
    {"crit names alg", "a20126028101", "a0", 0, ""},
    {"crit before alg", "a20281010126", "a0", 0, ""},
    {"crit names kid", "a3012602810404416b", "a0", 0, ""},
    {"crit names kid, behind which it stands", "a304416b0126028104", "a0", 0, ""},
    {"crit names content type", "a301260281030363612f62", "a0", 0, ""},
    {"crit names all three", "a4012602830403010363612f6204416b", "a0", 0, ""},
    {"crit of indefinite length", "a20126029f01ff", "a0", 0, ""},

    {"protected header empty", "", "a0", ATLS_E_MISSING, "RFC 9052 section 3.1"},
    {"protected header an empty map", "a0", "a0", ATLS_E_MISSING, "RFC 9052 section 3.1"},
    {"protected header an array", "820126", "a0", ATLS_E_MALFORMED, COSE},
    {"protected header an integer", "26", "a0", ATLS_E_MALFORMED, COSE},
    {"protected header cut", "a101", "a0", ATLS_E_MALFORMED, "RFC 8949 section 3"},
    {"a byte behind the protected map", "a1012600", "a0", ATLS_E_MALFORMED,
     "RFC 8949 section 5.3.1"},
    {"unprotected header in a byte string", "a10126", "41a0", ATLS_E_MALFORMED, COSE},
    {"unprotected header an array", "a10126", "80", ATLS_E_MALFORMED, COSE},
    {"unprotected header null", "a10126", "f6", ATLS_E_MALFORMED, COSE},
    {"alg unprotected only", "", "a10126", ATLS_E_MISSING, "RFC 9052 section 3.1"},
    {"kid protected, alg not", "a1044101", "a10126", ATLS_E_MISSING, "RFC 9052 section 3.1"},
    {"ES512", "a1013823", "a0", ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1"},
    {"EdDSA", "a10127", "a0", ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1"},
    {"HMAC 256/256", "a10105", "a0", ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1"},
    {"alg 0", "a10100", "a0", ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1"},
    {"alg a text", "a101654553323536", "a0", ATLS_E_UNSUPPORTED, "RFC 9053 section 2.1"},
    {"alg a byte string", "a1014126", "a0", ATLS_E_MALFORMED, COSE},
    {"alg beyond 64 bits", "a1013bfffffffffffffff9", "a0", ATLS_E_MALFORMED, COSE},
    {"alg that would be -7 in 32 bits", "a1013b0000000100000006", "a0", ATLS_E_UNSUPPORTED,
     "RFC 9053 section 2.1"},
    {"kid a text", "a10126", "a1046161", ATLS_E_MALFORMED, COSE},
    {"protected kid null", "a2012604f6", "a0", ATLS_E_MALFORMED, COSE},

    /* The known parameters and their types, in both buckets. */
    {"content type a media type", "a201260363612f62", "a0", 0, ""},
    {"content type a number", "a2012603190111", "a0", 0, ""},
    {"content type no media type", "a20126036161", "a0", ATLS_E_MALFORMED, HEADER},
    {"content type with a blank in front", "a20126036420612f62", "a0", ATLS_E_MALFORMED, HEADER},
    {"content type empty", "a201260360", "a0", ATLS_E_MALFORMED, HEADER},
    {"content type negative", "a201260320", "a0", ATLS_E_MALFORMED, COSE},
    {"content type 65535", "a201260319ffff", "a0", 0, ""},
    {"content type 65536", "a20126031a00010000", "a0", ATLS_E_MALFORMED, HEADER},
    {"content type in two pieces", "a20126037f62612f6162ff", "a0", ATLS_E_UNSUPPORTED, COSE},
    {"content type bytes", "a201260343612f62", "a0", ATLS_E_MALFORMED, COSE},
    {"unprotected content type", "a10126", "a10363612f62", 0, ""},
    {"unprotected content type bytes", "a10126", "a10343612f62", ATLS_E_MALFORMED, COSE},
    {"unprotected content type no media type", "a10126", "a1036161", ATLS_E_MALFORMED, HEADER},
    {"unprotected content type negative", "a10126", "a10320", ATLS_E_MALFORMED, COSE},
    {"unprotected content type null", "a10126", "a103f6", ATLS_E_MALFORMED, COSE},
    {"IV", "a20126054101", "a0", 0, ""},
    {"Partial IV", "a10126", "a1064101", 0, ""},
    {"IV a text", "a20126056101", "a0", ATLS_E_MALFORMED, HEADER},
    {"Partial IV an integer", "a10126", "a10601", ATLS_E_MALFORMED, HEADER},
    {"IV and Partial IV, protected", "a30126054101064101", "a0", ATLS_E_MALFORMED, HEADER},
    {"IV and Partial IV, unprotected", "a10126", "a2054101064101", ATLS_E_MALFORMED, HEADER},
    {"IV protected, Partial IV not", "a20126054101", "a1064101", ATLS_E_MALFORMED, HEADER},
    {"Partial IV protected, IV not", "a20126064101", "a1054101", ATLS_E_MALFORMED, HEADER},
    {"counter signature", "a10126", "a1078343a10126a040", 0, ""},
    {"counter signatures", "a10126", "a10b8343a10126a040", 0, ""},
    {"counter signature an integer", "a10126", "a10701", ATLS_E_MALFORMED, "RFC 8152 section 4.5"},
    {"Countersignature version 2 bytes", "a10126", "a10b4101", ATLS_E_MALFORMED,
     "RFC 9338 section 3"},
    {"CounterSignature0", "a10126", "a1094101", 0, ""},
    {"CounterSignature0 an array", "a10126", "a10980", ATLS_E_MALFORMED, "RFC 8152 section 4.5"},
    {"Countersignature0 version 2 a text", "a10126", "a10c6161", ATLS_E_MALFORMED,
     "RFC 9338 section 3"},
    {"CWT Claims", "a201260fa0", "a0", 0, ""},
    {"CWT Claims bytes", "a201260f41a0", "a0", ATLS_E_MALFORMED, "RFC 9597 section 2"},
    {"typ a text", "a201261063612f62", "a0", 0, ""},
    {"typ bytes", "a20126104101", "a0", ATLS_E_MALFORMED, "RFC 9596 section 2"},
    {"typ negative", "a201261020", "a0", ATLS_E_MALFORMED, "RFC 9596 section 2"},
    {"x5bag a certificate", "a10126", "a118204130", 0, ""},
    {"x5bag an integer", "a10126", "a1182001", ATLS_E_MALFORMED, X509},
    {"x5chain a certificate", "a10126", "a118214130", 0, ""},
    {"x5chain two certificates", "a10126", "a118218241304130", 0, ""},
    {"x5chain of indefinite length", "a10126", "a118219f41304130ff", 0, ""},
    {"x5chain protected", "a2012618214130", "a0", 0, ""},
    {"x5chain an integer", "a10126", "a1182101", ATLS_E_MALFORMED, X509},
    {"x5chain a text", "a10126", "a118216130", ATLS_E_MALFORMED, X509},
    {"x5chain an array of one", "a10126", "a11821814130", ATLS_E_MALFORMED, X509},
    {"x5chain an empty array", "a10126", "a1182180", ATLS_E_MALFORMED, X509},
    {"x5chain of texts", "a10126", "a118218261306130", ATLS_E_MALFORMED, X509},
    {"x5chain protected, a map", "a201261821a0", "a0", ATLS_E_MALFORMED, X509},
    {"x5t", "a10126", "a11822822f4101", 0, ""},
    {"x5t with a text as algorithm", "a10126", "a118228261614101", 0, ""},
    {"x5t bytes", "a10126", "a118224101", ATLS_E_MALFORMED, X509},
    {"x5t of three", "a10126", "a11822832f410101", ATLS_E_MALFORMED, X509},
    {"x5t of three, indefinite", "a10126", "a118229f2f410101ff", ATLS_E_MALFORMED, X509},
    {"x5t with a text as hash", "a10126", "a11822822f6161", ATLS_E_MALFORMED, X509},
    {"x5t with bytes as algorithm", "a10126", "a118228241014101", ATLS_E_MALFORMED, COSE},
    {"x5u", "a10126", "a11823d8206161", 0, ""},
    {"x5u a bare text", "a10126", "a118236161", ATLS_E_MALFORMED, X509},
    {"x5u with another tag", "a10126", "a11823d8216161", ATLS_E_MALFORMED, X509},
    {"x5u of bytes", "a10126", "a11823d8204161", ATLS_E_MALFORMED, X509},
    {"unprotected alg bytes beside a protected one", "a10126", "a2014126044161", ATLS_E_MALFORMED,
     "RFC 9052 section 3"},

    {"crit unknown", "a3012602811878187801", "a0", ATLS_E_UNSUPPORTED, "RFC 9052 section 3.1"},
    {"crit unknown, and absent", "a2012602811878", "a0", ATLS_E_UNSUPPORTED,
     "RFC 9052 section 3.1"},
    {"crit known and unknown", "a201260282011878", "a0", ATLS_E_UNSUPPORTED,
     "RFC 9052 section 3.1"},
    {"crit a text", "a3012602816178617801", "a0", ATLS_E_UNSUPPORTED, "RFC 9052 section 3.1"},
    {"crit empty", "a201260280", "a0", ATLS_E_MALFORMED, "RFC 9052 section 3.1"},
    {"crit empty, indefinite", "a20126029fff", "a0", ATLS_E_MALFORMED, "RFC 9052 section 3.1"},
    {"crit not an array", "a201260201", "a0", ATLS_E_MALFORMED, COSE},
    {"crit null", "a2012602f6", "a0", ATLS_E_MALFORMED, COSE},
    {"crit of byte strings", "a2012602814101", "a0", ATLS_E_MALFORMED, COSE},
    {"crit names kid, which is not protected", "a20126028104", "a104410a", ATLS_E_MALFORMED,
     "RFC 9052 section 3.1"},
    {"crit names content type, which is not protected", "a20126028103", "a10363612f62",
     ATLS_E_MALFORMED, "RFC 9052 section 3.1"},
    {"crit names alg and kid, which is not there", "a2012602820104", "a0", ATLS_E_MALFORMED,
     "RFC 9052 section 3.1"},
    {"crit names 0", "a300010126028100", "a0", ATLS_E_UNSUPPORTED, "RFC 9052 section 3.1"},
    {"crit names IV", "a30126028105054101", "a0", ATLS_E_UNSUPPORTED, "RFC 9052 section 3.1"},
    {"crit names a negative number", "a3012602813903e73903e700", "a0", ATLS_E_UNSUPPORTED,
     "RFC 9052 section 3.1"},
    {"crit unprotected", "a10126", "a1028101", ATLS_E_MALFORMED, "RFC 9052 section 3.1"},

    {"alg in both buckets", "a10126", "a10126", ATLS_E_MALFORMED, "RFC 9052 section 3"},
    {"another alg in the other bucket", "a10126", "a1013822", ATLS_E_MALFORMED,
     "RFC 9052 section 3"},
    {"alg in both, written differently", "a10126", "a1180126", ATLS_E_MALFORMED,
     "RFC 9052 section 3"},
    {"kid in both buckets", "a2012604410a", "a104410a", ATLS_E_MALFORMED, "RFC 9052 section 3"},
    {"a text label in both buckets", "a20126617801", "a1617802", ATLS_E_MALFORMED,
     "RFC 9052 section 3"},
    {"alg twice in protected", "a201260126", "a0", ATLS_E_MALFORMED, "RFC 8949 section 5.6"},
    {"alg twice, written differently", "a20126180126", "a0", ATLS_E_MALFORMED,
     "RFC 8949 section 5.6"},
    {"kid twice in unprotected", "a10126", "a204410a04410b", ATLS_E_MALFORMED,
     "RFC 8949 section 5.6"},
    {"an empty text label and a number", "a201266001", "a1187801", 0, ""},
    {"the label 0 in front, protected", "a200010126", "a0", 0, ""},
    {"the label 0 in front, unprotected", "a10126", "a10001", 0, ""},
    {"the label 0 in both buckets", "a200010126", "a10001", ATLS_E_MALFORMED, "RFC 9052 section 3"},
    {"the label 0 and a text", "a201260001", "a1617801", 0, ""},
    {"a byte string as a label", "a10126", "a1410101", ATLS_E_MALFORMED, COSE},
    {"a boolean as a label", "a10126", "a1f501", ATLS_E_MALFORMED, COSE},
    {"an array as a protected label", "a201268000", "a0", ATLS_E_MALFORMED, COSE},
    {"a label beyond 64 bits", "a10126", "a11bffffffffffffffff01", ATLS_E_MALFORMED, COSE},
};

static void check_parse(const char *name, const char *hex, enum atls_cose_tagging tagging,
                        int verdict, const char *clause)
{
    struct atls_bytes in = test_hex(hex);
    struct atls_cose_sign1 message = {.alg = 12345};

    test_verdict(name, atls_cose_sign1_parse(in, tagging, NULL, &message), verdict);
    if (verdict) { /* refused for the right reason; written on success only */
        if (strcmp(atls_error_clause(), clause) != 0)
            fail_msg("%s: expected %s, came %s (%s)", name, clause, atls_error_clause(),
                     atls_error_text());
        assert_int_equal(message.alg, 12345);
    }
    test_vector_free(in);
}

static void test_parse(void **state)
{
    for (size_t i = 0; i < COUNT(messages); i++)
        check_parse(messages[i].name, messages[i].hex, messages[i].tagging, messages[i].verdict,
                    messages[i].clause);
}

static void test_parse_headers(void **state)
{
    for (size_t i = 0; i < COUNT(headers); i++) {
        char hex[1024];

        assert_in_range(strlen(headers[i].protected_map) / 2, 0, 23);
        snprintf(hex, sizeof hex, "84%02x%s%s4161" SIG_256,
                 0x40 + (unsigned)strlen(headers[i].protected_map) / 2, headers[i].protected_map,
                 headers[i].unprotected);
        check_parse(headers[i].name, hex, EITHER, headers[i].verdict, headers[i].clause);
    }
}

static void test_parse_fields(void **state)
{
    struct atls_bytes in = test_hex("d84084" ES256 "a0"
                                    "4161" SIG_256);
    struct atls_cose_sign1 message;

    test_verdict("tag 64", atls_cose_sign1_parse(in, EITHER, "the clause", &message),
                 ATLS_E_MALFORMED);
    assert_string_equal(atls_error_clause(), "the clause");
    test_vector_free(in);

    in = test_hex("d28444a1013822a104426b69426162" SIG_384);
    assert_int_equal(atls_cose_sign1_parse(in, EITHER, NULL, &message), 0);
    assert_true(message.tagged);
    assert_int_equal(message.alg, ATLS_COSE_ES384);
    assert_true(atls_bytes_is_text(message.key_id, "ki"));
    assert_true(atls_bytes_is_text(message.payload, "ab"));
    assert_int_equal(message.signature.size, 96);
    assert_true(atls_bytes_equal(message.protected_header, ATLS_BYTES("\xa1\x01\x38\x22", 4)));
    test_vector_free(in);

    in = test_hex("8447a2012604426b69a0420102" SIG_256);
    assert_int_equal(atls_cose_sign1_parse(in, EITHER, NULL, &message), 0);
    assert_false(message.tagged);
    assert_true(atls_bytes_is_text(message.key_id, "ki"));
    test_vector_free(in);
}

static void test_parse_truncated(void **state)
{
    struct atls_bytes whole = test_hex("d83dd28443a10126a104426b694161" SIG_256);

    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *cut = malloc(size ? size : 1);
        struct atls_cose_sign1 message;

        assert_non_null(cut);
        memcpy(cut, whole.data, size);
        test_verdict("cut", atls_cose_sign1_parse(ATLS_BYTES(cut, size), EITHER, NULL, &message),
                     ATLS_E_MALFORMED);
        free(cut);
    }
    test_vector_free(whole);
}

/* More parameters than are compared: a limit, not a long computation. */
static void test_parse_many_parameters(void **state)
{
    static const struct {
        unsigned count;
        int verdict;
    } cases[] = {{32, 0}, {33, ATLS_E_LIMIT}, {20000, ATLS_E_LIMIT}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t capacity = 200 + 6 * (size_t)cases[i].count;
        uint8_t *buffer = malloc(capacity);
        struct atls_cose_sign1 message;
        struct atls_cbor_writer w;
        struct atls_bytes out;
        uint8_t zeroes[64] = {0};

        assert_non_null(buffer);
        atls_cbor_write_init(&w, buffer, capacity);
        atls_cbor_write_array(&w, 4);
        atls_cbor_write_bytes(&w, ATLS_BYTES("\xa1\x01\x26", 3));
        atls_cbor_write_map(&w, cases[i].count);
        for (unsigned n = 0; n < cases[i].count; n++) {
            atls_cbor_write_uint(&w, 1000 + n);
            atls_cbor_write_null(&w);
        }
        atls_cbor_write_bytes(&w, ATLS_BYTES("p", 1));
        atls_cbor_write_bytes(&w, ATLS_BYTES(zeroes, 64));
        assert_int_equal(atls_cbor_write_done(&w, &out), 0);
        test_verdict("parameters", atls_cose_sign1_parse(out, EITHER, NULL, &message),
                     cases[i].verdict);
        free(buffer);
    }
}

static struct atls_bytes sign_message(const struct atls_private_key *key, bool tagged,
                                      struct atls_bytes payload, uint8_t *buffer, size_t capacity)
{
    struct atls_local_signer local = {crypto, key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes out = {NULL, 0};

    atls_cbor_write_init(&w, buffer, capacity);
    assert_int_equal(atls_cose_sign1_write(&w, tagged, payload, crypto, &signer), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    return out;
}

static void test_write_and_verify(void **state)
{
    static const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};
    static const size_t sizes[] = {0, 1, 23, 24, 255, 256, 65535, 65536};
    static uint8_t payload[65536], buffer[65536 + 200];

    for (size_t i = 0; i < 2 * COUNT(sizes) * 2; i++) {
        enum atls_curve curve = curves[i % 2];
        size_t size = sizes[i / 4];
        struct atls_private_key key = test_private_key(curve, 1),
                                other = test_private_key(curve, 2);
        struct atls_private_key misfit = test_private_key(curves[1 - i % 2], 1);
        struct atls_bytes out =
            sign_message(&key, i / 2 % 2, ATLS_BYTES(payload, size), buffer, sizeof buffer);
        struct atls_cose_sign1 message;

        assert_int_equal(
            atls_cose_sign1_parse(out, i / 2 % 2 ? REQUIRED : FORBIDDEN, NULL, &message), 0);
        assert_int_equal(message.payload.size, size);
        test_verdict("own", atls_cose_sign1_verify(&message, crypto, &key.public_key), 0);
        test_verdict("other key", atls_cose_sign1_verify(&message, crypto, &other.public_key),
                     ATLS_E_SIGNATURE);
        test_verdict("other curve", atls_cose_sign1_verify(&message, crypto, &misfit.public_key),
                     ATLS_E_MISMATCH);
        key.public_key.y[5] ^= 1;
        test_verdict("no point", atls_cose_sign1_verify(&message, crypto, &key.public_key),
                     ATLS_E_MALFORMED);
    }
}

/* Whatever bit is flipped: refused, or (in what is not signed: tag, unprotected header) the same
 * payload. */
static void test_flipped_bits(void **state)
{
    struct atls_private_key key = test_private_key(ATLS_P256, 1);
    uint8_t buffer[200];
    struct atls_bytes out =
        sign_message(&key, true, atls_bytes_of_text("the payload"), buffer, sizeof buffer);
    unsigned refused = 0;

    for (size_t bit = 0; bit < 8 * out.size; bit++) {
        struct atls_cose_sign1 message;
        int result;

        buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        result = atls_cose_sign1_parse(out, EITHER, NULL, &message);
        if (result == 0)
            result = atls_cose_sign1_verify(&message, crypto, &key.public_key);
        if (result == 0) {
            assert_true(atls_bytes_is_text(message.payload, "the payload"));
            assert_true(bit / 8 < 2 || bit / 8 == 6);
        }
        refused += result != 0;
        buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(refused + 8 >= 8 * out.size);
}

static void test_write_counts(void **state)
{
    struct atls_private_key key = test_private_key(ATLS_P384, 1);
    struct atls_local_signer local = {crypto, &key};
    struct atls_signer signer = atls_signer_local(&local);
    uint8_t buffer[300];
    struct atls_bytes whole = sign_message(&key, true, ATLS_BYTES("ab", 2), buffer, sizeof buffer);
    struct atls_bytes out = {NULL, 0};
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, NULL, 0);
    assert_int_equal(atls_cose_sign1_write(&w, true, ATLS_BYTES(NULL, 2), crypto, &signer), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    assert_int_equal(out.size, whole.size);

    for (size_t capacity = 1; capacity < whole.size; capacity++) {
        uint8_t *small = malloc(capacity);

        assert_non_null(small);
        atls_cbor_write_init(&w, small, capacity);
        assert_int_equal(atls_cose_sign1_write(&w, true, ATLS_BYTES("ab", 2), crypto, &signer), 0);
        test_verdict("small buffer", atls_cbor_write_done(&w, &out), ATLS_E_LIMIT);
        free(small);
    }
}

static int refuse_to_sign(void *context, struct atls_bytes digest, uint8_t *signaturep)
{
    return atls_fail(ATLS_E_UNAVAILABLE, NULL, "the device is gone");
}

static void test_write_passes_errors_on(void **state)
{
    struct atls_signer signer = {.curve = ATLS_P256, .sign = refuse_to_sign};
    struct atls_cbor_writer w;
    uint8_t buffer[200];

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_cose_sign1_write(&w, true, ATLS_BYTES("a", 1), crypto, &signer),
                     ATLS_E_UNAVAILABLE);
    assert_int_equal(w.used, 0);
}

static struct atls_public_key jwk_vector(const char *name)
{
    struct atls_bytes text = test_vector(name);
    json_t *jwk = json_loadb((const char *)text.data, text.size, 0, NULL);
    struct atls_public_key key;
    const char *x, *y;
    uint8_t *bytes;
    size_t size;

    assert_int_equal(json_unpack(jwk, "{s:s, s:s}", "x", &x, "y", &y), 0);
    memset(&key, 0, sizeof key);
    assert_int_equal(atls_base64_decode(ATLS_BASE64URL, atls_bytes_of_text(x), &bytes, &size), 0);
    key.curve = size == 48 ? ATLS_P384 : ATLS_P256;
    memcpy(key.x, bytes, size);
    free(bytes);
    assert_int_equal(atls_base64_decode(ATLS_BASE64URL, atls_bytes_of_text(y), &bytes, &size), 0);
    memcpy(key.y, bytes, size);
    free(bytes);
    json_decref(jwk);
    test_vector_free(text);
    return key;
}

static struct atls_public_key pem_vector(const char *name)
{
    struct atls_bytes text = test_vector(name);
    struct atls_public_key key;

    assert_int_equal(atls_pem_read_public_key(text, &key), 0);
    test_vector_free(text);
    return key;
}

/* Messages of other people's code, under the keys that they belong to and under others. */
static void test_vectors_verify(void **state)
{
    const char *directory = test_vectors();
    struct atls_public_key jwk = jwk_vector("keys/ec.p256.jwk");
    struct atls_public_key alt = jwk_vector("keys/ec.p256.alt.jwk");
    struct atls_public_key large = jwk_vector("keys/ec.p384.jwk");
    struct atls_public_key pem = pem_vector("psa/tf-m/public.pem");
    const struct {
        const char *file;
        const struct atls_public_key *key;
        int verdict;
    } cases[] = {
        {"psa/services/psa.good.cose", &jwk, 0},
        {"psa/services/psaintegtoken.cbor", &jwk, 0},
        {"psa/tf-m/psa-iot-1_sign1.bin", &pem, 0},
        {"psa/tf-m/psa-2_0_0_sign1.bin", &pem, 0},
        {"psa/services/psa-token.cbor", &jwk, ATLS_E_SIGNATURE},
        {"psa/services/psa.good.cose", &alt, ATLS_E_SIGNATURE},
        {"psa/services/psa.good.cose", &pem, ATLS_E_SIGNATURE},
        {"psa/services/psaintegtoken.cbor", &large, ATLS_E_MISMATCH},
        {"psa/tf-m/psa-2_0_0_sign1.bin", &jwk, ATLS_E_SIGNATURE},
    };

    assert_non_null(directory);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct atls_bytes in = test_vector(cases[i].file);
        struct atls_cose_sign1 message;

        test_verdict(cases[i].file, atls_cose_sign1_parse(in, REQUIRED, NULL, &message), 0);
        test_verdict(cases[i].file, atls_cose_sign1_verify(&message, crypto, cases[i].key),
                     cases[i].verdict);
        test_vector_free(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_headers),
        cmocka_unit_test(test_parse_fields),
        cmocka_unit_test(test_parse_truncated),
        cmocka_unit_test(test_parse_many_parameters),
        cmocka_unit_test(test_write_and_verify),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_write_counts),
        cmocka_unit_test(test_write_passes_errors_on),
        cmocka_unit_test(test_vectors_verify),
    };

    return test_done(cmocka_run_group_tests_name("cose", tests, NULL, NULL));
}
