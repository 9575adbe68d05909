/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The diagnostic printer: what every kind of message is called, the lines that matter in its tree,
 * the results of checks; and that hostile input neither stops it nor steers the terminal.
 */
#include "rats/test/test-support.h"

#include <string.h>

#include "decode/diag.h"
#include "decode/test-samples.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/crypto/pem.h"
#include "rats/ear/ear.h"
#include "rats/json/jws.h"
#include "rats/test/test-tpm.h"

static struct test_samples samples;

/* Prints IN; returns the text (free() it) and the outcome in *RESULTP. */
static char *print(struct atls_bytes in, const struct atls_diag_keys *keys, int *resultp)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    *resultp = atls_diag_print(out, in, keys);
    fclose(out);
    return text;
}

static void expect_line(const char *name, const char *text, const char *line)
{
    if (line && !strstr(text, line))
        fail_msg("%s: \"%s\" expected in\n%s", name, line, text);
}

enum given { NOTHING, PAK = 1, VERIFIER = 2, NONCE = 4, OTHER_KEY = 8, OTHER_NONCE = 16 };

static const struct {
    const char *name, *word;
    unsigned given;
    int result;
    const char *lines[8];
} cases[] = {
    {"cab.cbor",
     "cab",
     NOTHING,
     0,
     {"collection (2), CBOR, type tag:ietf.org,2024-02-29:rats/kat",
      "\"kat\": record, CBOR, application/eat+cwt", "kak-pub (2500): COSE_Key (4)",
      "ok          linkage of PAT to KAT", "ok          signature of KAT verifies with its kak-pub",
      "not checked signature of PAT (PSA token): no key given"}},
    {"cmw.cose",
     "cmw-cose",
     PAK,
     0,
     {"content type: application/cmw+cbor", "payload: conceptual message wrapper",
      "ok          signature of the CMW verifies with key 1"}},
    {"cmw.cose", "cmw-cose", OTHER_KEY, ATLS_E_SIGNATURE, {"FAILED      signature of the CMW"}},
    {"cmw.jws",
     "cmw-jws",
     PAK,
     0,
     {"cty: \"application/cmw+json\"", "payload: conceptual message wrapper",
      "ok          signature of the CMW verifies with key 1"}},
    {"cmw.jws", "cmw-jws", NOTHING, 0, {"not checked signature of the CMW: no key given"}},
    {"cmw-claim.cose", "cose-sign1", PAK, 0, {"ok          claim cmw (299) is a CMW in CBOR"}},
    {"prototype.bin",
     "kat-prototype",
     PAK | NONCE,
     0,
     {"KAT: key attestation token (KAT)", "PAT: PSA attestation token",
      "ok          linkage of PAT to KAT: the PAT's nonce is SHA-256 of the identity key",
      "ok          signature of KAT verifies with its kak-pub",
      "ok          nonce of KAT is the expected one",
      "ok          signature of PAT (PSA token) verifies with key 1"}},
    {"prototype-constant.bin",
     "kat-prototype",
     NOTHING,
     0,
     {"defect      the KAT answers the nonce that the prototype's server sends",
      "ok          linkage"}},
    {"prototype-cut.bin",
     "kat-prototype",
     NOTHING,
     ATLS_E_MALFORMED,
     {"! malformed: PAT: expected"}},
    {"prototype-linkage.bin", "kat-prototype", NOTHING, ATLS_E_MISSING, {"a KAT without"}},
    {"cab.json",
     "cab",
     PAK | NONCE,
     0,
     {"collection (2), JSON", "ok          nonce of KAT is the expected one",
      "ok          signature of PAT (PSA token) verifies with key 1"}},
    {"cab.cbor",
     "cab",
     OTHER_KEY,
     ATLS_E_SIGNATURE,
     {"FAILED      signature of PAT (PSA token)", "ok          linkage"}},
    {"cab.cbor",
     "cab",
     PAK | OTHER_NONCE,
     ATLS_E_MISMATCH,
     {"FAILED      nonce of KAT: expected "
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff, came "
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}},
    {"bad-linkage.cbor",
     "cab",
     PAK | NONCE,
     ATLS_E_MISMATCH,
     {"FAILED      linkage of PAT to KAT: the PAT's nonce is 000102030405060708090a0b0c0d0e0f"
      "101112131415161718191a1b1c1d1e1f, SHA-256 of kak-pub is",
      "ok          signature of PAT (PSA token)", "ok          nonce of KAT"}},
    {"bad-kat-signature.cbor",
     "cab",
     PAK | NONCE,
     ATLS_E_SIGNATURE,
     {"FAILED      signature of KAT", "ok          linkage"}},
    {"bad-pat.cbor", "cab", PAK, ATLS_E_MALFORMED, {"! malformed", "signature of KAT verifies"}},
    {"bad-kat.cbor", "cab", PAK, ATLS_E_MALFORMED, {"array (0)", "signature of PAT"}},
    {"kat.cose",
     "kat",
     NONCE,
     0,
     {"COSE_Sign1 (4)", "alg (1): -7 ES256", "crv (-1): 1 P-256", "identity key (cnf)",
      "ok          signature of KAT verifies with its kak-pub", "ok          nonce of KAT"}},
    {"kat.cose", "kat", OTHER_NONCE, ATLS_E_MISMATCH, {"FAILED      nonce of KAT"}},
    {"pat.cose",
     "psa-token",
     PAK,
     0,
     {"psa-security-lifecycle (2395): 0x3000 secured", "measurement-type (1): \"BL\"",
      "ok          PSA claims as profile http://arm.com/psa/2.0.0",
      "ok          signature of PSA token verifies with key 1"}},
    {"psa-token.cose",
     "psa-token",
     PAK | NONCE,
     0,
     {"tag:psacertified.org,2023:psa#tfm", "ok          nonce of PSA token is the expected one"}},
    {"psa-token.cose",
     "psa-token",
     OTHER_KEY | NONCE,
     ATLS_E_SIGNATURE,
     {"FAILED      signature of PSA token: it does not verify with any of the 1 keys given"}},
    {"psa-claims.cbor", "psa-claims", NOTHING, 0, {"psa-client-id (2394): 1"}},
    {"cmw-record.cbor",
     "cmw",
     NOTHING,
     0,
     {"record, CBOR, application/eat-cwt; profile=\\\"http://arm.com/psa/2.0.0\\\"",
      "indicator 4 evidence", "PSA attestation token"}},
    {"cmw-tag.cbor",
     "cmw",
     NOTHING,
     0,
     {"tag, CBOR, content format 263 (application/eat+cwt", "PSA attestation token"}},
    {"boot-record.cbor",
     "boot-record",
     NOTHING,
     0,
     {"software components (3)", "ok          components as RFC 9783 wants them"}},
    {"corim-main.cbor",
     "corim",
     NOTHING,
     0,
     {"tag 501 unsigned CoRIM", "simulated root of trust", "[0]: 1 manifest-creator",
      "algorithm: 1 sha-256", "tag 550 UEID", "(as a URI): 3 reference values, 1 trust anchors"}},
    {"corim-v0.0.2608.cbor", "corim", NOTHING, 0, {"(as plain text): 3 reference values"}},
    {"ear-veraison.jwt",
     "ear",
     VERIFIER | NONCE,
     0,
     {"iat: 1700000000 (2023-11-14T22:13:20Z)", "executables: 96 contraindicated",
      "hardware: 2 affirming", "akpub: P-256 key ",
      "ok          signature of JWT verifies with the verifier's key",
      "result      the worst tier is contraindicated"}},
    {"ear-draft-03.jwt",
     "ear",
     VERIFIER | NONCE,
     0,
     {"ear_status: \"contraindicated\"", "ok          EAR claims of draft-ietf-rats-ear-03",
      "ok          nonce of EAR is the expected one"}},
    {"ear-draft-03.jwt",
     "ear",
     OTHER_KEY | NONCE,
     ATLS_E_SIGNATURE,
     {"FAILED      signature of JWT"}},
    {"ear-veraison.jwt", "ear", NOTHING, 0, {"not checked signature of JWT"}},
    {"ear-veraison.jwt", "ear", OTHER_NONCE, ATLS_E_MISMATCH, {"FAILED      nonce of EAR"}},
    {"bad-signature.jwt", "ear", VERIFIER, ATLS_E_SIGNATURE, {"FAILED      signature of JWT"}},
    {"cmw-ear.cbor",
     "cmw",
     VERIFIER | NONCE,
     0,
     {"application/eat+jwt", "indicator 8 attestation results", "EAR) in a JWT",
      "ok          signature of JWT verifies"}},
    {"ear-draft-04.cwt",
     "ear",
     VERIFIER | NONCE,
     0,
     {"alg (1): -7 ES256", "\"PSA_IOT\": claims (", "ear_status (1000): 96 contraindicated",
      "executables (2): 96 contraindicated", "ok          signature of CWT verifies with the",
      "ok          EAR claims of draft-ietf-rats-ear-04",
      "result      the worst tier is contraindicated",
      "ok          nonce of EAR is the expected one"}},
    {"ear-veraison.cwt",
     "ear",
     OTHER_KEY,
     ATLS_E_SIGNATURE,
     {"FAILED      signature of CWT", "ok          EAR claims in Veraison's dialect"}},
    {"ear-veraison.cwt", "ear", NOTHING, 0, {"not checked signature of CWT: no key given"}},
    {"ear-veraison.cwt", "ear", OTHER_NONCE, ATLS_E_MISMATCH, {"FAILED      nonce of EAR"}},
    {"ear-claims.cbor",
     "ear",
     NONCE,
     0,
     {"iat (6): 1666529184 (2022-10-23T12:46:24Z)", "\"PSA\": claims (2)",
      "ear_status (1000): 96 contraindicated", "executables (2): 33 warning",
      "hardware (4): 2 affirming", "ok          nonce of EAR is the expected one"}},
    {"ear-claims.cbor", "ear", OTHER_NONCE, ATLS_E_MISMATCH, {"FAILED      nonce of EAR"}},
    {"verifier.jwk", "jwk", NOTHING, 0, {"crv: \"P-256\"", "key         "}},
    {"pak.pem", "pem", NOTHING, 0, {"curve: P-256", "key         "}},
};

static void test_cases(void **state)
{
    struct atls_public_key pak, verifier;
    json_t *verifier_jwk;

    assert_int_equal(atls_pem_read_public_key(test_sample(&samples, "pak.pem"), &pak), 0);
    assert_int_equal(atls_json_object(test_sample(&samples, "verifier.jwk"), "key", &verifier_jwk),
                     0);
    assert_int_equal(atls_jwk_to_public_key(verifier_jwk, &verifier), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct atls_bytes in = test_sample(&samples, cases[i].name);
        unsigned given = cases[i].given;
        struct atls_diag_keys keys = {.crypto = &atls_crypto_hosted,
                                      .keys = given & PAK ? &pak : &verifier,
                                      .key_count = given & (PAK | OTHER_KEY) ? 1 : 0,
                                      .verifier_jwk = given & VERIFIER ? verifier_jwk : NULL};
        uint8_t *nonce;
        size_t nonce_size;
        char *text;
        int result;

        if (given & OTHER_KEY)
            keys.keys = strstr(cases[i].name, "wt") ? &pak : &verifier;
        assert_int_equal(atls_hex_decode(test_sample(&samples, "nonce.hex"), &nonce, &nonce_size),
                         0);
        if (given & OTHER_NONCE)
            nonce[31] = 0xff;
        if (given & (NONCE | OTHER_NONCE))
            keys.nonce = ATLS_BYTES(nonce, nonce_size);
        assert_true(in.size > 0);
        assert_string_equal(atls_diag_recognise(in), cases[i].word);
        text = print(in, &keys, &result);
        if (result != cases[i].result)
            fail_msg("%s: %s expected, %s came:\n%s", cases[i].name,
                     atls_error_name(cases[i].result), atls_error_name(result), text);
        for (size_t j = 0; j < 8; j++)
            expect_line(cases[i].name, text, cases[i].lines[j]);
        free(text);
        free(nonce);
    }
    json_decref(verifier_jwk);
}

/* Small inputs: what they are called, the outcome, a line. */
#define IN(text)                                                                                   \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
static const struct {
    struct atls_bytes in;
    const char *word;
    int result;
    const char *line;
} small[] = {
    {IN(""), NULL, ATLS_E_MALFORMED, "not recognised"},
    {IN("hello"), NULL, ATLS_E_MALFORMED, "not recognised"},
    {IN("\x00"), "cbor", 0, "0"},
    {IN("\x20"), "cbor", 0, "-1"},
    {IN("\x1b\xff\xff\xff\xff\xff\xff\xff\xff"), "cbor", 0, "18446744073709551615"},
    {IN("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), "cbor", 0, "-1 - 18446744073709551615"},
    {IN("\xa1\x3b\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "cbor", 0, "key -"},
    {IN("\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00"), "cbor", 0, "1.5 (float)"},
    {IN("\xf5"), "cbor", 0, "true"},
    {IN("\xf7"), "cbor", 0, "undefined"},
    {IN("\xc1\x1a\x65\x53\xf1\x00"), "cbor", 0, "2023-11-14T22:13:20Z"},
    {IN("\xc1\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"), "cbor", 0, "no time of this era"},
    {IN("\x5f\x41\x01\x42\x02\x03\xff"), "cbor", 0, "bytes in chunks"},
    {IN("\x9f\x01\x02\xff"), "cbor", 0, "note: not in preferred encoding"},
    {IN("\xa1\xa0\x01"), "cbor", 0, "value: 1"},
    {IN("\xa1\x01\xa1\x20\x41\x7f"), "cbor", 0, "key -1: h'7f' (1 byte)"},
    {IN("\x63\x1b[m"), "cbor", 0, "\"\\u001b[m\""},
    {IN("\x64\xe2\x80\xaex"), "cbor", 0, "\\u202e"},
    {IN("\x62\xc2\x9b"), "cbor", 0, "\\u009b"},
    {IN("\x82\x01\x43\x83\x01\x02"), "cmw", 0, "content format 1 (unknown)"},
    {IN("\x82\x19\x01\x07\x41\x80\x00"), "cmw", ATLS_E_MALFORMED, "! malformed"},
    {IN("\xa2\x01\x02\x01\x03"), NULL, ATLS_E_MALFORMED, "! malformed"},
    {IN("\x83\x01\x02"), NULL, ATLS_E_MALFORMED, "[1]: 2"},
    {IN("\x82\x01"), NULL, ATLS_E_MALFORMED, "! malformed: CBOR ends at byte 2"},
    {IN("\xd2\x84\x40\xa0\xf6\x40"), "cose-sign1", ATLS_E_MISSING, "payload: null"},
    {IN("\xd2\x80"), "cose-sign1", ATLS_E_MALFORMED, "! malformed"},
    {IN("\xd9\x01\xf5\xa0"), "corim", ATLS_E_MALFORMED, "FAILED      CoRIM"},
    {IN("{\"a\":1,\"a\":2}"), "json", ATLS_E_MALFORMED, "a: 2"},
    {IN("{\"a\":"), "json", ATLS_E_MALFORMED, "! malformed"},
    {IN("{\"a\\u001b\":\"\\u0007\"}"), "json", 0, "a\\u001b: \"\\u0007\""},
    {IN("[[[1e400]]]"), "json", ATLS_E_MALFORMED, "! malformed"},
    {IN("{\"iat\":1700000000.5}"), "json", 0, "2023-11-14T22:13:20Z"},
    {IN("{\"hardware\":-128}"), "json", 0, "-128 contraindicated"},
    {IN("eyJhbGciOiJFUzI1NiJ9.e30"), "jwt", ATLS_E_MALFORMED, "! malformed"},
    {IN("eyJhbGciOiJFUzI1NiJ9.Zm9v.AAAA"), "jwt", 0, "payload: \"foo\""},
    {IN("eyJhbGciOiJFUzI1NiJ9..AAAA"), "jwt", 0, "payload: h'' (0 bytes)"},
    {IN("eyJhbGciOiJFUzI1NiJ9._wCA.AAAA"), "jwt", 0, "payload: h'ff0080'"},
    {IN("eyJhbGciOiJFUzI1NiJ9.WzFd.AAAA"), "jwt", 0, "[0]: 1"},
    {IN("eyJhbGciOiJFUzI1NiJ9.Zm9v.A!AA"), "jwt", ATLS_E_MALFORMED, "! malformed"},
    {IN("eyJhbGciOiJFUzI1NiJ9.Zm9v"), "jwt", ATLS_E_MALFORMED, "! malformed"},
    {IN("eyJhbGciOiJub25lIn0.e30.AAAA"), "jwt", ATLS_E_SIGNATURE, "alg: \"none\""},
    {IN("eyJhbGciOiJub25lIn0.eyJhIjoxfQ."), "jwt", ATLS_E_SIGNATURE, "a: 1"},
    {IN("eyJhbGciOiJub25lIn0.e30."), "jwt", ATLS_E_SIGNATURE,
     "none: refused by name, nobody signed it [RFC 8725 section 3.2]"},
    {IN("{\"a\":\"b\\u0000c\"}"), "json", 0, "a: \"b"},
    {IN("\t{\"a\":1}"), "json", 0, "a: 1"},
    {IN("\r\n [\"a/b\",\"AQI\"]"), "cmw", 0, "a/b"},
    {IN("{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}"), "jwk", 0, "k: private, not shown"},
    {IN("{\"kty\":\"EC\",\"d\":\"c2VjcmV0\"}"), "jwk", 0, "d: private, not shown"},
    {IN("{\"x\":{\"kty\":\"EC\",\"d\":\"c2VjcmV0\"}}"), "json", 0, "d: private, not shown"},
    {IN("\xa1\x08\xa1\x01\xa3\x01\x02\x20\x01\x23\x43\x01\x02\x03"), "cbor", 0,
     "d (-4): private, not shown (3 bytes)"},
    {IN("\xa2\x01\x04\x20\x43\x01\x02\x03"), "cbor", 0, "crv (-1): private, not shown"},
    {IN("[\"application/eat+cwt\",\"gA==\"]"), "cmw", ATLS_E_MALFORMED, "! malformed"},
    {IN("{\"__cmwc_t\":\"x\"}"), "cmw", ATLS_E_MALFORMED, "! malformed"},
    {IN("{\"eat_profile\":\"x\",\"submods\":{}}"), "ear", 0, "not checked EAR claims"},
    {IN("{\"a\":15208092991676744000}"), "json", 0, "a: 1.5208092991676744e+19"},
    {IN("{\"a\":18446744073709551616,\"b\":2}"), "json", 0, "note: an integer has more than 64"},
    {IN("{\"a\":1e400}"), "json", ATLS_E_MALFORMED, "! malformed"},
    {IN("{\"kty\":\"RSA\",\"x5c\":[\"MIIB/+A=\",\"MIIC\"]}"), "jwk", 0, "[0]: \"MIIB/+A=\""},
    {IN("{\"x\":[\"a/b\",\"AQI\"]}"), "cmw", 0, "a/b"},
    {IN("{\"x\":[\"a/b=/c\",\"AQI\"]}"), "json", 0, "a/b=/c"},
    {IN("-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----\n"), "pem", 0,
     "block 1: EC PRIVATE KEY: not shown"},
    {IN("-----BEGIN ENCRYPTED PRIVATE KEY-----\n!\n-----END ENCRYPTED PRIVATE KEY-----\n"), "pem",
     0, "not shown"},
    {IN("-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"
        "-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----\n"),
     "pem", 0, "block 2: EC PRIVATE KEY: not shown"},
    {IN("-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----\n"), "pem", 0,
     "a SEQUENCE, not looked into"},
    {IN("text before\n-----BEGIN CMW-----\nggFBgA==\n-----END CMW-----\n"), "pem", 0,
     "content format 1"},
    {IN("-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"), "pem",
     ATLS_E_MALFORMED, "expected an X.509 certificate"},
    {IN("-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END X509 CRL-----\n"), "pem", ATLS_E_MALFORMED,
     "expected a line that begins -----END"},
    {IN("-----BEGIN PUBLIC KEY-----\nMAMCAQE=\n"), "pem", ATLS_E_MALFORMED, "-----END"},
    {IN("-----BEGIN -----\nMAMCAQE=\n-----END -----\n"), "pem", ATLS_E_MALFORMED, "a label"},
    {IN("-----BEGIN X-----\n!!\n-----END X-----\n"), "pem", ATLS_E_MALFORMED, "! malformed"},
    {IN("-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n"), "pem", ATLS_E_MALFORMED,
     "expected a SubjectPublicKeyInfo"},
    /* RFC 8410 section 10.1 */
    {IN("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
        "-----END PUBLIC KEY-----\n"),
     "pem", 0, "public key: EdDSA (Ed25519), 256 bits"},
    {IN("\x30\x03\x02\x01\x01"), "der", 0, "a SEQUENCE, not looked into"},
    {IN("\x30\x04\x02\x01\x01"), NULL, ATLS_E_MALFORMED, "! malformed"},
    {IN("\x30\x80\x02\x01\x01"), NULL, ATLS_E_MALFORMED, "! malformed"},
    {IN("\x30\x85\x00\x00\x00\x00\x03\x02\x01\x01"), NULL, ATLS_E_MALFORMED, "! malformed"},
    {IN("{\"pem\":\"-----BEGIN PUBLIC KEY-----\"}"), "json", 0, "pem: "},
    {IN("{\"nonce\":\"AAEC\",\"status\":\"waiting\"}"), "session", 0, "nonce: h'000102'"},
};

static void test_small(void **state)
{
    for (size_t i = 0; i < sizeof(small) / sizeof(*small); i++) {
        const char *word = atls_diag_recognise(small[i].in);
        char *text;
        int result;

        if (!word != !small[i].word || (word && strcmp(word, small[i].word)))
            fail_msg("case %zu: %s expected, %s came", i, small[i].word ? small[i].word : "nothing",
                     word ? word : "nothing");
        text = print(small[i].in, NULL, &result);
        if (result != small[i].result)
            fail_msg("case %zu: %s expected, %s came:\n%s", i, atls_error_name(small[i].result),
                     atls_error_name(result), text);
        expect_line("small", text, small[i].line);
        free(text);
    }
}

#define ZERO_8 "0000000000000000"
#define ZERO_64 ZERO_8 ZERO_8 ZERO_8 ZERO_8 ZERO_8 ZERO_8 ZERO_8 ZERO_8
#define ES256 "43a10126"
#define SIGNED "a0 41aa 5840" ZERO_64

/* RFC 9052: COSE around anything. Nothing that is well-formed is a fault, and what nobody here can
 * check is said to be not checked. */
/* clang-format off */
static const struct cose_row {
    const char *name, *hex, *word;
    int result;
    const char *line;
} cose_rows[] = {
    {"text", "d284" ES256 "a0 6254686973 5840" ZERO_64, "cose-sign1", ATLS_E_MALFORMED, "! malformed"},
    {"payload text", "d284" ES256 "a0 4454686973 5840" ZERO_64, "cose-sign1", 0, "payload: \"This\""},
    {"payload JSON", "d284" ES256 "a0 477b2261223a317d 5840" ZERO_64, "cose-sign1", 0, "a: 1"},
    {"payload that begins as JSON", "d284" ES256 "a0 427b2e 5840" ZERO_64, "cose-sign1", 0, "payload: \"{.\""},
    {"payload an array", "d284" ES256 "a0 43820102 5840" ZERO_64, "cose-sign1", 0, "[1]: 2"},
    {"payload a map of texts", "d284" ES256 "a0 44a1616101 5840" ZERO_64, "cose-sign1", 0, "\"a\": 1"},
    {"payload a map cut short", "d284" ES256 "a0 42a161 5840" ZERO_64, "cose-sign1", 0, "payload: h'a161'"},
    {"payload a token cut short", "d284" ES256 "a0 45a219095a01 5840" ZERO_64, "psa-token", ATLS_E_MALFORMED, "! malformed"},
    {"payload an integer", "d284" ES256 "a0 4105 5840" ZERO_64, "cose-sign1", 0, "payload: h'05'"},
    {"payload bytes", "d284" ES256 "a0 43ff0080 5840" ZERO_64, "cose-sign1", 0, "payload: h'ff0080'"},
    {"payload empty", "d284" ES256 "a0 40 5840" ZERO_64, "cose-sign1", 0, "payload: h'' (0 bytes)"},
    {"payload detached", "d284" ES256 "a0 f6 5840" ZERO_64, "cose-sign1", 0, "not checked signature of COSE_Sign1 by ES256"},
    {"payload a CMW", "d284" ES256 "a0 4682186341aa01 5840" ZERO_64, "cose-sign1", 0, "payload"},
    {"untagged", "84" ES256 SIGNED, "cose-sign1", 0, "not checked signature of COSE_Sign1: no key"},
    {"in a CWT", "d83dd284" ES256 SIGNED, "cose-sign1", 0, "tag 61 CWT"},
    {"EdDSA", "d28443a10127" SIGNED, "cose-sign1", 0, "not checked signature of COSE_Sign1 by EdDSA"},
    {"ES512", "d28444a1013823 a041aa41bb", "cose-sign1", 0, "not checked signature of COSE_Sign1 by ES512"},
    {"ES256K", "d28444a101382e" SIGNED, "cose-sign1", 0, "not checked signature of COSE_Sign1 by ES256K"},
    {"PS256", "d28444a1013824 a041aa41bb", "cose-sign1", 0, "not checked signature of COSE_Sign1 by PS256"},
    {"alg that has no name", "d28445a101190fff" SIGNED, "cose-sign1", 0, "came 4095"},
    {"alg a text", "d28444a1016178" SIGNED, "cose-sign1", 0, "not checked signature of COSE_Sign1: COSE alg"},
    {"crit that is not understood", "d2844aa3012602811878187801" SIGNED, "cose-sign1", 0, "parameter 120 is not understood"},
    {"EdDSA, and a signature of another type", "d28443a10127 a041aa6178", "cose-sign1", ATLS_E_MALFORMED, "! malformed"},
    {"ES256 with a short signature", "d284" ES256 "a041aa41bb", "cose-sign1", ATLS_E_MALFORMED, "! malformed"},
    {"COSE_Mac0", "d18443a10105 a041aa48" ZERO_8, "cose-mac0", 0, "not checked MAC of COSE_Mac0 by HMAC 256/256"},
    {"COSE_Mac0 of a PSA token", "d18443a10105 a0 44a119095a01 48" ZERO_8, "cose-mac0", ATLS_E_MALFORMED, "! malformed"},
    {"COSE_Mac0 of some PSA claims", "d18443a10105 a0 45a119095a01 48" ZERO_8, "cose-mac0", ATLS_E_MISSING, "not checked MAC of PSA token"},
    {"COSE_Mac0 of three", "d18343a10105a041aa", "cose-mac0", ATLS_E_MALFORMED, "! malformed"},
    {"COSE_Sign", "d8628440a041aa818343a10126a041bb", "cose-sign", 0, "not checked 1 signature of COSE_Sign"},
    {"COSE_Sign of two", "d8628440a041aa828343a10126a041bb8343a10127a041bb", "cose-sign", 0, "not checked 2 signatures"},
    {"COSE_Sign of none", "d8628440a041aa80", "cose-sign", ATLS_E_MALFORMED, "expected a signature at least"},
    {"COSE_Sign of five", "d8629f40a041aa818343a10126a041bb00ff", "cose-sign", ATLS_E_MALFORMED, "COSE_Sign: came longer than expected"},
    {"COSE_Sign with a signature of two", "d8628440a041aa818243a10126a0", "cose-sign", ATLS_E_MALFORMED, "! malformed"},
    {"untagged, with recipients in place of a signature", "8443a10101a041aa818340a041bb", "cbor", 0, "array (4)"},
    {"COSE_Encrypt0", "d08343a10101a041aa", "cbor", 0, "COSE_Encrypt0"},
    {"CMW of a type that is nobody's", "82 63612f62 42a161", "cmw", 0, "h'a161'"},
    {"CMW of a type that is nobody's, with an array", "82 63612f62 4183", "cmw", 0, "h'83'"},
};
/* clang-format on */

static void test_cose(void **state)
{
    for (size_t i = 0; i < sizeof cose_rows / sizeof *cose_rows; i++) {
        const struct cose_row *row = &cose_rows[i];
        char packed[1024];
        size_t used = 0;
        const char *word;
        uint8_t *data;
        size_t size;
        char *text;
        int result;

        for (const char *c = row->hex; *c; c++)
            if (*c != ' ')
                packed[used++] = *c;
        assert_int_equal(atls_hex_decode(ATLS_BYTES(packed, used), &data, &size), 0);
        word = atls_diag_recognise(ATLS_BYTES(data, size));
        text = print(ATLS_BYTES(data, size), NULL, &result);
        if (!word || strcmp(word, row->word) || result != row->result)
            fail_msg("%s: expected %s and %s, came %s and %s:\n%s", row->name, row->word,
                     atls_error_name(row->result), word ? word : "nothing", atls_error_name(result),
                     text);
        expect_line(row->name, text, row->line);
        free(text);
        free(data);
    }
}

/* 70000 arrays, tags, maps in one another; JSON and CMW too: no recursion without an end. */
static void test_depth(void **state)
{
    static const char openers[][8] = {"\x81", "\xc1", "\xa1\x01", "\xd2", "[", "{\"a\":", "\x9f"};
    static const size_t sizes[] = {1, 1, 2, 1, 1, 5, 1};
    static const char object[] = "{\"a\":";
    size_t size = 70000;
    char *deep = malloc(size);

    assert_non_null(deep);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *text;
        int result;

        for (size_t at = 0; at < size; at++)
            deep[at] = sizes[i] == 5 ? object[at % 5] : openers[i][at % sizes[i]];
        text = print(ATLS_BYTES(deep, size), NULL, &result);
        assert_int_not_equal(result, 0);
        free(text);
    }
    free(deep);
}

/* Every sample cut short anywhere and with any byte changed: an outcome, no fall. No escape
 * character in the output, whatever came. */
static void test_damage(void **state)
{
    for (size_t i = 0; i < samples.count; i++) {
        size_t size = samples.sample[i].size, step = size / 300 + 1;

        for (size_t at = 0; at < size; at += step) {
            uint8_t was = samples.sample[i].data[at];
            char *text;
            int result;

            text = print(ATLS_BYTES(samples.sample[i].data, at), NULL, &result);
            free(text);
            samples.sample[i].data[at] = was == 0x1b ? 0x9b : 0x1b;
            text = print(ATLS_BYTES(samples.sample[i].data, size), NULL, &result);
            assert_null(strchr(text, 0x1b));
            free(text);
            samples.sample[i].data[at] = was;
        }
    }
}

/* Evidence of a TPM with one thing wrong: what is said of it, without its attestation key and with
 * it (or another). */
static void test_tpm_evidence_checks(void **state)
{
    static const uint8_t asked[32] = {0x71}, other[32] = {0x72};
    static const struct {
        const char *line;
        bool with_key, other_key, of_nonce, replayed, other_name, unfixed, flip;
    } table[] = {
        {"ok          TPM quote: answers SHA-256 of the kat map", .with_key = false},
        {"ok          TPM quote: answers what the certification answers", .of_nonce = true},
        {"ok          attestation key: kid and qualified signer are the same", .with_key = false},
        {"ok          attested key: made in its TPM", .with_key = false},
        {"not checked signature of TPM quote: no key given", .with_key = false},
        {"not checked pcrDigest", .with_key = false},
        {"ok          signature of TPM certification verifies with key 1", .with_key = true},
        {"ok          signature of TPM quote verifies with key 1", .with_key = true},
        {"FAILED      signature of TPM certification", .other_key = true},
        {"FAILED      signature of TPM quote", .with_key = true, .flip = true},
        {"FAILED      TPM quote", .replayed = true},
        {"FAILED      TPM certification", .other_name = true},
        {"FAILED      attested key", .unfixed = true},
        {"PCRs: sha256: 0, 1, 2", .with_key = false},
        {"objectAttributes: 0x00040072 fixedTPM fixedParent", .with_key = false},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint8_t buffer[TEST_TPM_EVIDENCE_MAX];
        struct atls_diag_keys keys = {.key_count = table[i].with_key || table[i].other_key};
        struct test_tpm tpm;
        struct atls_bytes in;
        char *text;
        int result;

        test_tpm_init(&tpm, 1, ATLS_BYTES(asked, sizeof asked));
        if (table[i].of_nonce || table[i].replayed)
            tpm.quoted = ATLS_BYTES(table[i].replayed ? other : asked, sizeof other);
        tpm.other_name = table[i].other_name;
        tpm.attributes ^= table[i].unfixed ? ATLS_TPM_FIXED_TPM : 0;
        tpm.flip_quote = table[i].flip;
        in = test_tpm_evidence(&tpm, buffer);
        keys.keys = table[i].other_key ? &tpm.ik.public_key : &tpm.ak.public_key;
        assert_string_equal(atls_diag_recognise(in), "parsec-tpm");
        text = print(in, &keys, &result);
        expect_line("TPM", text, table[i].line);
        assert_int_equal(result != 0, strncmp(table[i].line, "FAILED", 6) == 0);
        free(text);
    }
}

static void test_whole(void **state)
{
    uint8_t bytes[103] = {0x58, 100};
    struct atls_diag_keys keys = {.whole = true};
    char *text;
    int result;

    memset(bytes + 2, 0xab, 100);
    text = print(ATLS_BYTES(bytes, 102), NULL, &result);
    expect_line("cut", text, "abab...abab");
    free(text);
    text = print(ATLS_BYTES(bytes, 102), &keys, &result);
    assert_null(strstr(text, "..."));
    expect_line("whole", text, "(100 bytes)");
    free(text);
    keys.colour = true;
    text = print(test_sample(&samples, "kat.cose"), &keys, &result);
    expect_line("colour", text, "\033[32mok");
    free(text);
}

static const struct {
    const char *name, *word, *line;
    int result;
} vectors[] = {
    {"psa/tf-m/psa-2_0_0_sign1.bin", "psa-token", "0x3000 secured", 0},
    {"psa/tf-m/psa-iot-1_sign1.bin", "psa-token", "profile PSA_IOT_PROFILE_1", 0},
    {"psa/services/psa.good.cose", "psa-token", "measurement-type (1): \"ARoT\"", 0},
    {"psa/services/psa-token.cbor", "psa-token", "psa-nonce (-75008)", 0},
    {"prototype/bundle-of-mbedtls-01d71917e.bin", "kat-prototype",
     "ok          linkage of PAT to KAT", 0},
    {"parsec/tpm/evidence.cbor", "parsec-tpm",
     "ok          TPM certification: the certified name is SHA-256 of pubArea", 0},
    {"cca/cca-907.cbor", "cca-token",
     "ok          binding of realm to platform: the platform's challenge is the hash of the "
     "realm's key",
     0},
    {"cca/cca-399.cbor", "cca-token",
     "ok          signature of CCA realm token verifies with its own key (RAK)", 0},
    {"cca/parsec-cca.cbor", "parsec-cca",
     "ok          CCA platform claims as profile tag:arm.com,2023:cca_platform#1.0.0", 0},
    {"parsec/cca/evidence.cbor", "parsec-cca",
     "ok          link of CCA token to KAT: the realm's challenge is SHA-512 of the KAT", 0},
    {"corim/main/corim-psa-valid.cbor", "corim", "3 reference values, 2 trust anchors", 0},
    {"corim/v0.0.2608/corim-psa-valid.cbor", "corim", "as plain text", 0},
    {"corim/main/corim-parsec-tpm-valid.cbor", "corim",
     "ok          CoRIM with the profile tag:github.com/parallaxsecond,2023-03-03:tpm (as a URI): "
     "6 "
     "reference values, 1 trust anchors",
     0},
    {"corim/main/corim-psa-bad-ta-cert.cbor", "corim", "FAILED      CoRIM", ATLS_E_MALFORMED},
    {"ear/c-ear/ear.jwt", "ear", "the worst tier is affirming", 0},
    {"ear/veraison-ear/ear-claims-tv-ok.json", "ear", "executables: 3 affirming", 0},
    {"ear/draft-03/ear-json-1.diag", "ear", "the worst tier is contraindicated", 0},
    {"ear/veraison-ear/pkey.json", "jwk", "crv: \"P-256\"", 0},
    {"ear/veraison-ear/skey.json", "jwk", "d: private, not shown", 0},
    {"keys/vts-ear-skey.jwk", "jwk", "this file holds a private key", 0},
    {"ra-tls/gramine-cert.pem", "pem", "ok          pubkey-hash is that of the certificate's key",
     0},
    {"ra-tls/gramine-cert.pem", "pem", "ok          report data is SHA-256 of the claims buffer",
     0},
    {"ra-tls/intel-sgxsdk-cert.pem", "pem",
     "ok          pubkey-hash is that of the certificate's key", 0},
    {"ra-tls/intel-sgxsdk-cert.pem", "pem",
     "ok          report data is SHA-256 of the claims buffer", 0},
    {"ra-tls/rats-tls-cert.pem", "pem", "ok          pubkey-hash is that of the certificate's key",
     0},
    {"ra-tls/rats-tls-cert.pem", "pem", "ok          report data is SHA-256 of the claims buffer",
     0},
    {"prototype/bundle-of-mbedtls-01d71917e.bin", "kat-prototype",
     "ok          linkage of PAT to KAT", 0},
};

static void test_vector_files(void **state)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        struct atls_bytes in = test_vector(vectors[i].name);
        const char *word = atls_diag_recognise(in);
        char *text;
        int result;

        if (!word || strcmp(word, vectors[i].word))
            fail_msg("%s: %s came", vectors[i].name, word ? word : "nothing");
        text = print(in, NULL, &result);
        if (result != vectors[i].result)
            fail_msg("%s: %s came:\n%s", vectors[i].name, atls_error_name(result), text);
        expect_line(vectors[i].name, text, vectors[i].line);
        free(text);
        test_vector_free(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_cose),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_tpm_evidence_checks),
        cmocka_unit_test(test_vector_files),
    };
    int result;

    if (test_samples_make(&samples)) {
        fprintf(stderr, "samples: %s\n", atls_error_text());
        return 1;
    }
    result = cmocka_run_group_tests_name("diag", tests, NULL, NULL);
    test_samples_free(&samples);
    return test_done(result);
}
