/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures of a TPM 2.0 and the evidence that Parsec packs them in: those that a TPM and Parsec
 * made (vectors of Veraison, and of a software TPM), and the same with one thing wrong at a time.
 * Keys, hashes and signatures here are GnuTLS' and a TPM's, so nothing is checked with itself.
 */
#include "rats/test/test-table.h"

#include <errno.h>

#include "rats/crypto/pem.h"
#include "rats/tokens/tpm.h"

/* The structures of Veraison's vector, in pieces. */
#define POINT_X "a907c3c02102a2549c84a2b8b2130e9f6966719391a4c72a357795a1f95e838a"
#define POINT_Y "458248addff3f4acddb64bd2928f69b811ff0d862e33e788a0704b6aa8295020"
#define POINT "0020" POINT_X "0020" POINT_Y
#define HEAD "0023 000b 00040072 0000"   /* type, nameAlg, objectAttributes, authPolicy */
#define PARMS "0010 0018 000b 0003 0010" /* symmetric, scheme and its hash, curve, kdf */
#define HASH "a20b9e12fb4e0507f1d7af4a9492943cbeae881db7cefe040edfe487eff354f5"
#define SIGNER "0022 000b" HASH
#define CLOCK "000000001addb3cc 090c7577 fd889dce 01 584f8ef327bcafba"
#define CERTIFY "ff544347 8017" SIGNER "0008 deadbeefdeadbeef" CLOCK
#define CERTIFIED                                                                                  \
    "0022 000b 66bcc269216a672b65c5074330e9a890d3ffd2ed78ae12a2986af6290e057ba4"                   \
    "0022 000b 468779b0e18ffd0ebccace7c5ab125ac8809a2b087e09cfc6f158e113133a014"
#define QUOTE "ff544347 8018" SIGNER "0008 deadbeefdeadbeef" CLOCK
#define SELECTION "00000001 000b 03 070000"
#define DIGEST "0020 2ea9ab9198d1638007400cd2c3bef1cc745b864b76011a0e1bc52180ac6452d4"
#define R "a771b57d791fdc8269d64f3727ca0ffd55d53e7e22fc6d9fecf7eb2bff27a706"
#define S "16bea7499f78d61ae31e2569f771abbfb86619dd0e6ccac9cc664ce62a629929"

struct row {
    const char *name, *input;
    int outcome;
    const char *clause;
};

#define PUBLIC ATLS_TPM_CLAUSE_PUBLIC
#define OBJECT ATLS_TPM_CLAUSE_OBJECT
#define ATTEST ATLS_TPM_CLAUSE_ATTEST
#define SELECT ATLS_TPM_CLAUSE_SELECTION
#define SIGNATURE ATLS_TPM_CLAUSE_SIGNATURE
#define BANKS8(digit)                                                                              \
    digit "8 03 010000" digit "9 03 010000" digit "a 03 010000" digit "b 03 010000" digit          \
          "c 03 010000" digit "d 03 010000" digit "e 03 010000" digit "f 03 010000"
#define BANKS16 BANKS8("000") BANKS8("001")
#define FF64                                                                                       \
    "ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff "        \
    "ffffffffffffffff ffffffffffffffff ffffffffffffffff"

/* clang-format off */
static const struct row public_rows[] = {
    {"TPMT_PUBLIC", HEAD PARMS POINT, 0, NULL},
    {"TPMT_PUBLIC with a policy", "0023 000b 00040072 0020" HASH PARMS POINT, 0, NULL},
    {"TPMT_PUBLIC without a scheme", HEAD "0010 0010 0003 0010" POINT, 0, NULL},
    {"TPMT_PUBLIC that decrypts", "0023 000b 00030072 0000 0006 0080 0043 0010 0003 0010" POINT, 0, NULL},
    {"TPMT_PUBLIC of ECDAA", HEAD "0010 001a 000b 0001 0003 0010" POINT, 0, NULL},
    {"TPMT_PUBLIC with a kdf", HEAD "0010 0018 000b 0003 0020 000b" POINT, 0, NULL},
    {"TPMT_PUBLIC, attributes of revision 1.83", "0023 000b 00040372 0000" PARMS POINT, 0, NULL},
    {"type RSA", "0001 000b 00040072 0000" PARMS POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"type of nobody", "ffff 000b 00040072 0000" PARMS POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"nameAlg SHA-1", "0023 0004 00040072 0000" PARMS POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"nameAlg null", "0023 0010 00040072 0000" PARMS POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"reserved attribute 0", "0023 000b 00040073 0000" PARMS POINT, ATLS_E_MALFORMED, OBJECT},
    {"reserved attribute 31", "0023 000b 80040072 0000" PARMS POINT, ATLS_E_MALFORMED, OBJECT},
    {"policy of another hash's size", "0023 000b 00040072 0014 0000000000000000000000000000000000000000" PARMS POINT, ATLS_E_MALFORMED, PUBLIC},
    {"policy of 65 bytes", "0023 000b 00040072 0041" FF64 "00" PARMS POINT, ATLS_E_MALFORMED, PUBLIC},
    {"symmetric of nobody", HEAD "0007 0018 000b 0003 0010" POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"symmetric of nobody, with bits and a mode", HEAD "0007 0080 0043 0018 000b 0003 0010" POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"scheme of RSA", HEAD "0010 0014 000b 0003 0010" POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"scheme with SHA-1", HEAD "0010 0018 0004 0003 0010" POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"curve P-521", HEAD "0010 0018 000b 0005 0010" POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"curve P-224", HEAD "0010 0018 000b 0002 0010" POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"curve P-384 with a point of P-256", HEAD "0010 0018 000b 0004 0010" POINT, ATLS_E_MALFORMED, PUBLIC},
    {"kdf of nobody", HEAD "0010 0018 000b 0003 0018 000b" POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"point not on the curve", HEAD PARMS "0020" POINT_X "0020" POINT_X, ATLS_E_MALFORMED, PUBLIC},
    {"point of zeros", HEAD PARMS "0001 00 0001 00", ATLS_E_MALFORMED, PUBLIC},
    {"point without x", HEAD PARMS "0000 0020" POINT_Y, ATLS_E_MALFORMED, PUBLIC},
    {"x of 33 bytes", HEAD PARMS "0021 00" POINT_X "0020" POINT_Y, ATLS_E_MALFORMED, PUBLIC},
    {"a byte behind it", HEAD PARMS POINT "00", ATLS_E_MALFORMED, PUBLIC},
    {"a TPM2B_PUBLIC", "0058" HEAD PARMS POINT, ATLS_E_UNSUPPORTED, PUBLIC},
    {"no public area", "", ATLS_E_MALFORMED, PUBLIC},
};

static const struct row attest_rows[] = {
    {"TPMS_ATTEST of a certification", CERTIFY CERTIFIED, 0, NULL},
    {"TPMS_ATTEST of a quote", QUOTE SELECTION DIGEST, 0, NULL},
    {"extraData empty", "ff544347 8018" SIGNER "0000" CLOCK SELECTION DIGEST, 0, NULL},
    {"extraData of 66 bytes", "ff544347 8018" SIGNER "0042" FF64 "0000" CLOCK SELECTION DIGEST, 0, NULL},
    {"two banks", QUOTE "00000002 000b 03 070000 000c 03 010000" DIGEST, 0, NULL},
    {"a bank of SHA-1", QUOTE "00000001 0004 03 070000" DIGEST, 0, NULL},
    {"no bank", QUOTE "00000000" DIGEST, 0, NULL},
    {"all PCRs of four bytes", QUOTE "00000001 000b 04 ffffffff" DIGEST, 0, NULL},
    {"signer a handle", "ff544347 8018 0004 81010001 0000" CLOCK SELECTION DIGEST, 0, NULL},
    {"signer nobody", "ff544347 8018 0000 0000" CLOCK SELECTION DIGEST, 0, NULL},
    {"magic of somebody else", "ff544346 8018" SIGNER "0000" CLOCK SELECTION DIGEST, ATLS_E_MALFORMED, ATTEST},
    {"magic zero", "00000000 8018" SIGNER "0000" CLOCK SELECTION DIGEST, ATLS_E_MALFORMED, ATTEST},
    {"type of a creation", "ff544347 801a" SIGNER "0000" CLOCK CERTIFIED, ATLS_E_UNSUPPORTED, ATTEST},
    {"type of a session audit", "ff544347 8016" SIGNER "0000" CLOCK CERTIFIED, ATLS_E_UNSUPPORTED, ATTEST},
    {"a quote as a certification", "ff544347 8017" SIGNER "0000" CLOCK SELECTION DIGEST, ATLS_E_MALFORMED, ATTEST},
    {"a certification as a quote", QUOTE CERTIFIED, ATLS_E_MALFORMED, SELECT},
    {"signer of 35 bytes", "ff544347 8018 0023 000b" HASH "00 0000" CLOCK SELECTION DIGEST, ATLS_E_MALFORMED, ATTEST},
    {"signer of SHA-1", "ff544347 8018 0016 0004 0000000000000000000000000000000000000000 0000" CLOCK SELECTION DIGEST, ATLS_E_UNSUPPORTED, ATTEST},
    {"signer of one byte", "ff544347 8018 0001 00 0000" CLOCK SELECTION DIGEST, ATLS_E_MALFORMED, ATTEST},
    {"extraData of 67 bytes", "ff544347 8018" SIGNER "0043" FF64 "000000" CLOCK SELECTION DIGEST, ATLS_E_MALFORMED, ATTEST},
    {"safe of 2", "ff544347 8018" SIGNER "0000 000000001addb3cc 090c7577 fd889dce 02 584f8ef327bcafba" SELECTION DIGEST, ATLS_E_MALFORMED, ATTEST},
    {"16 banks", QUOTE "00000010" BANKS16 DIGEST, 0, NULL},
    {"17 banks, all of them there", QUOTE "00000011" BANKS16 "0020 03 070000" DIGEST, ATLS_E_MALFORMED, SELECT},
    {"17 banks", QUOTE "00000011" SELECTION DIGEST, ATLS_E_MALFORMED, SELECT},
    {"4294967295 banks", QUOTE "ffffffff" SELECTION DIGEST, ATLS_E_MALFORMED, SELECT},
    {"a bank twice", QUOTE "00000002 000b 03 070000 000b 03 010000" DIGEST, ATLS_E_MALFORMED, SELECT},
    {"a selection of no bytes", QUOTE "00000001 000b 00" DIGEST, ATLS_E_MALFORMED, SELECT},
    {"a selection of five bytes", QUOTE "00000001 000b 05 0700000000" DIGEST, ATLS_E_MALFORMED, SELECT},
    {"digest of 65 bytes", QUOTE SELECTION "0041" FF64 "00", ATLS_E_MALFORMED, ATTEST},
    {"a byte behind the quote", QUOTE SELECTION DIGEST "00", ATLS_E_MALFORMED, ATTEST},
    {"a byte behind the certification", CERTIFY CERTIFIED "00", ATLS_E_MALFORMED, ATTEST},
    {"a TPM2B_ATTEST", "0079" QUOTE SELECTION DIGEST, ATLS_E_MALFORMED, ATTEST},
    {"no attestation", "", ATLS_E_MALFORMED, ATTEST},
};

static const struct row signature_rows[] = {
    {"TPMT_SIGNATURE", "0018 000b 0020" R "0020" S, 0, NULL},
    {"r shorter", "0018 000b 001f" "71b57d791fdc8269d64f3727ca0ffd55d53e7e22fc6d9fecf7eb2bff27a706" "0020" S, 0, NULL},
    {"r with a zero in front", "0018 000b 0021 00" R "0020" S, 0, NULL},
    {"SHA-384", "0018 000c 0020" R "0020" S, 0, NULL},
    {"RSASSA", "0014 000b 0020" R "0020" S, ATLS_E_UNSUPPORTED, SIGNATURE},
    {"null", "0010", ATLS_E_UNSUPPORTED, SIGNATURE},
    {"SHA-1", "0018 0004 0020" R "0020" S, ATLS_E_UNSUPPORTED, SIGNATURE},
    {"r empty", "0018 000b 0000 0020" S, ATLS_E_MALFORMED, SIGNATURE},
    {"s empty", "0018 000b 0020" R "0000", ATLS_E_MALFORMED, SIGNATURE},
    {"s of 49 bytes", "0018 000b 0020" R "0031" R "0000000000000000000000000000000000", ATLS_E_MALFORMED, SIGNATURE},
    {"no s", "0018 000b 0020" R, ATLS_E_MALFORMED, SIGNATURE},
    {"a byte behind it", "0018 000b 0020" R "0020" S "00", ATLS_E_MALFORMED, SIGNATURE},
    {"no signature", "", ATLS_E_MALFORMED, SIGNATURE},
};

/* Attributes of a key that may be attested for TLS. */
static const struct {
    const char *name;
    const char *attributes, *parms;
    int outcome;
    const char *clause;
} key_rows[] = {
    {"an identity key", "00040072", PARMS, 0, NULL},
    {"without userWithAuth", "00040032", PARMS, 0, NULL},
    {"with noDA", "00040472", PARMS, 0, NULL},
    {"any scheme", "00040072", "0010 0010 0003 0010", 0, NULL},
    {"not fixedTPM", "00040070", PARMS, ATLS_E_UNTRUSTED, OBJECT},
    {"not fixedParent", "00040062", PARMS, ATLS_E_UNTRUSTED, OBJECT},
    {"not sensitiveDataOrigin", "00040052", PARMS, ATLS_E_UNTRUSTED, OBJECT},
    {"not sign", "00000072", PARMS, ATLS_E_UNTRUSTED, OBJECT},
    {"restricted", "00050072", PARMS, ATLS_E_UNTRUSTED, OBJECT},
    {"decrypt, too", "00060072", "0010 0010 0003 0010", ATLS_E_UNTRUSTED, OBJECT},
    {"a storage key", "00030072", "0006 0080 0043 0010 0003 0010", ATLS_E_UNTRUSTED, OBJECT},
    {"x509sign", "000c0072", PARMS, ATLS_E_UNTRUSTED, OBJECT},
    {"nothing at all", "00000000", PARMS, ATLS_E_UNTRUSTED, OBJECT},
    {"ECDSA with SHA-512 on P-256", "00040072", "0010 0018 000d 0003 0010", ATLS_E_UNTRUSTED, PUBLIC},
    {"ECDAA", "00040072", "0010 001a 000b 0001 0003 0010", ATLS_E_UNTRUSTED, PUBLIC},
    {"Schnorr", "00040072", "0010 001c 000b 0003 0010", ATLS_E_UNTRUSTED, PUBLIC},
    {"ECDH", "00040072", "0010 0019 000b 0003 0010", ATLS_E_UNTRUSTED, PUBLIC},
};
/* clang-format on */

/* The outcome; and every shorter input is refused. */
#define CHECK_PARSER(function, type)                                                               \
    static void check_##type(void **state)                                                         \
    {                                                                                              \
        const struct row *row = *state;                                                            \
        struct atls_bytes in = test_bytes(row->input);                                             \
        struct atls_tpm_##type read;                                                               \
                                                                                                   \
        test_outcome(function(in, &read), row->outcome, row->clause);                              \
        for (size_t size = 0; !row->outcome && size < in.size; size++)                             \
            assert_true(function(ATLS_BYTES(in.data, size), &read) > 0);                           \
        test_vector_free(in);                                                                      \
    }
CHECK_PARSER(atls_tpm_public_parse, public)
CHECK_PARSER(atls_tpm_attest_parse, attest)
CHECK_PARSER(atls_tpm_signature_parse, signature)

/* TPM 2.0 Part 2, TPM2B_ECC_PARAMETER: zeros in front of a number may be left away, and may stay.
 */
static void reads_numbers_of_any_length(void **state)
{
    struct atls_bytes full = test_bytes(HEAD PARMS POINT), in;
    struct atls_private_key key = {0};
    char text[512], *x, *y;
    uint8_t seed[32] = {0};
    struct atls_tpm_public read;
    struct atls_tpm_signature signature;

    /* Some key whose x begins with a zero. */
    for (unsigned i = 1; i == 1 || key.public_key.x[0]; i++) {
        seed[0] = (uint8_t)i;
        seed[1] = (uint8_t)(i >> 8);
        assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, seed, &key), 0);
    }
    x = atls_hex_encode(ATLS_BYTES(key.public_key.x + 1, 31));
    y = atls_hex_encode(ATLS_BYTES(key.public_key.y, 32));
    for (int zero = 0; zero < 2; zero++) {
        snprintf(text, sizeof text, HEAD PARMS "%s %s 0020 %s", zero ? "0020 00" : "001f", x, y);
        in = test_bytes(text);
        test_outcome(atls_tpm_public_parse(full, &read), 0, NULL); /* what it leaves behind */
        test_outcome(atls_tpm_public_parse(in, &read), 0, NULL);
        assert_true(atls_public_key_equal(&read.key, &key.public_key));
        test_vector_free(in);
    }
    in = test_bytes("0018 000b 0022 0000" R "0020" S);
    test_outcome(atls_tpm_signature_parse(in, &signature), 0, NULL);
    assert_int_equal(signature.r.size, 32);
    assert_int_equal(signature.r.data[0], 0xa7);
    assert_int_equal(signature.s.size, 32);
    test_vector_free(in);
    test_vector_free(full);
    free(x);
    free(y);
}

static int hash_of_nobody(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                          uint8_t *digestp)
{
    return atls_fail(-EIO, NULL, "no hash");
}

/* A machine that cannot hash says that, and makes no Name. */
static void makes_no_name_without_a_hash(void **state)
{
    struct atls_crypto crypto = atls_crypto_hosted;
    uint8_t name[ATLS_TPM_NAME_MAX];
    size_t size = 77;

    crypto.hash = hash_of_nobody;
    assert_int_equal(atls_tpm_name(&crypto, ATLS_SHA256, ATLS_BYTES(name, 0), name, &size), -EIO);
    assert_int_equal(size, 77);
}

static void check_key(void **state)
{
    const __typeof__(key_rows[0]) *row = *state;
    char text[1024];
    struct atls_tpm_public key;

    snprintf(text, sizeof text, "0023 000b %s 0000 %s %s", row->attributes, row->parms, POINT);
    struct atls_bytes in = test_bytes(text);
    test_outcome(atls_tpm_public_parse(in, &key), 0, NULL);
    test_outcome(atls_tpm_public_check(&key), row->outcome, row->clause);
    test_vector_free(in);
}

static void reads_every_member(void **state)
{
    struct atls_bytes in = test_bytes(HEAD PARMS POINT), x = test_bytes(POINT_X),
                      quote = test_bytes(QUOTE "00000001 000b 03 810102" DIGEST),
                      name = test_bytes("000b" HASH), certify = test_bytes(CERTIFY CERTIFIED);
    char text[ATLS_TPM_PCRS_TEXT_MAX];
    struct atls_tpm_attest attest;
    struct atls_tpm_public key;

    test_outcome(atls_tpm_public_parse(in, &key), 0, NULL);
    assert_int_equal(key.attributes, 0x00040072);
    assert_int_equal(key.name_hash, ATLS_SHA256);
    assert_int_equal(key.scheme, ATLS_TPM_ECDSA);
    assert_int_equal(key.key.curve, ATLS_P256);
    assert_memory_equal(key.key.x, x.data, x.size);
    test_outcome(atls_tpm_attest_parse(quote, &attest), 0, NULL);
    assert_int_equal(attest.type, ATLS_TPM_QUOTE);
    assert_true(atls_bytes_equal(attest.signer, name));
    assert_int_equal(attest.extra.size, 8);
    assert_true(attest.clock == 0x1addb3cc && attest.safe);
    assert_int_equal(attest.resets, 0x090c7577);
    assert_int_equal(attest.restarts, 0xfd889dce);
    assert_true(attest.firmware == 0x584f8ef327bcafba);
    assert_int_equal(attest.bank_count, 1);
    assert_string_equal(atls_tpm_pcrs_text(attest.banks[0].pcrs, text), "0, 7, 8, 17");
    assert_int_equal(attest.pcr_digest.size, 32);
    test_outcome(atls_tpm_attest_parse(certify, &attest), 0, NULL);
    assert_int_equal(attest.type, ATLS_TPM_CERTIFY);
    assert_int_equal(attest.name.size, 34);
    assert_int_equal(attest.qualified_name.size, 34);
    assert_string_equal(atls_tpm_pcrs_text(0xffffffff, text) + strlen(text) - 6, "30, 31");
    assert_string_equal(atls_tpm_pcrs_text(0, text), "");
    assert_string_equal(atls_tpm_hash_name(ATLS_TPM_SHA384), "sha384");
    assert_string_equal(atls_tpm_hash_name(0x1234), "?");
    test_vector_free(in);
    test_vector_free(x);
    test_vector_free(quote);
    test_vector_free(name);
    test_vector_free(certify);
}

/* The maps around Veraison's structures. */
#define KID "0188855459eeb9e9b34a46eb48cb39f2f6aa69da04522a326d123d5c501fce210c"
#define TEXT_KAT "63 6b6174"
#define TEXT_PAT "63 706174"
#define M_KID "63 6b6964 5821" KID
#define M_VER "66 74706d566572 63 322e30"
#define M_SIG "63 736967 5848 0018 000b 0020" R "0020" S
#define M_PUB "67 70756241726561 5858" HEAD PARMS POINT
#define M_CERT "68 63657274496e666f 5895" CERTIFY CERTIFIED
#define M_QUOTE "6a 617474657374496e666f 5879" QUOTE SELECTION DIGEST
#define KAT "a5" M_KID M_SIG M_VER M_PUB M_CERT
#define PAT "a4" M_KID M_SIG M_VER M_QUOTE
#define WHOLE "a2" TEXT_KAT KAT TEXT_PAT PAT
#define EVIDENCE ATLS_TPM_CLAUSE_EVIDENCE
#define UEID "RFC 9711 section 4.2.1"
#define QUOTING ATLS_TPM_CLAUSE_QUOTE
#define NAMES ATLS_TPM_CLAUSE_NAME
#define PAT_OF(quote_head, quote)                                                                  \
    "a2" TEXT_KAT KAT TEXT_PAT "a4" M_KID M_SIG M_VER "6a 617474657374496e666f" quote_head quote
#define KAT_OF(certify_head, certify)                                                              \
    "a2" TEXT_KAT "a5" M_KID M_SIG M_VER M_PUB                                                     \
    "68 63657274496e666f" certify_head certify TEXT_PAT PAT
#define WITH_KID(kid)                                                                              \
    "a2" TEXT_KAT "a5" kid M_SIG M_VER M_PUB M_CERT TEXT_PAT "a4" kid M_SIG M_VER M_QUOTE

/* clang-format off */
static const struct row evidence_rows[] = {
    {"evidence of a TPM", WHOLE, 0, NULL},
    {"in another order", "a2" TEXT_PAT "a4" M_QUOTE M_VER M_SIG M_KID TEXT_KAT "a5" M_CERT M_PUB M_VER M_SIG M_KID, 0, NULL},
    {"kid of 17 bytes", WITH_KID("63 6b6964 51 0100112233445566778899aabbccddeeff"), 0, NULL},
    {"kid an EUI-48", WITH_KID("63 6b6964 47 02001122334455"), 0, NULL},
    {"kid of kat alone no UEID", "a2" TEXT_KAT "a5 63 6b6964 43 6b6964" M_SIG M_VER M_PUB M_CERT TEXT_PAT PAT, ATLS_E_MALFORMED, UEID},
    {"kid of pat alone no UEID", "a2" TEXT_KAT KAT TEXT_PAT "a4 63 6b6964 43 6b6964" M_SIG M_VER M_QUOTE, ATLS_E_MALFORMED, UEID},
    {"kid empty", WITH_KID("63 6b6964 40"), ATLS_E_MALFORMED, UEID},
    {"kid of one byte", WITH_KID("63 6b6964 41 01"), ATLS_E_MALFORMED, UEID},
    {"kid of an unknown type", WITH_KID("63 6b6964 51 0400112233445566778899aabbccddeeff"), ATLS_E_MALFORMED, UEID},
    {"kid of 32 random bytes alone", WITH_KID("63 6b6964 5820" HASH), ATLS_E_MALFORMED, UEID},
    {"kid a text", WITH_KID("63 6b6964 62 6162"), ATLS_E_MALFORMED, EVIDENCE},
    {"no kat", "a1" TEXT_PAT PAT, ATLS_E_MISSING, EVIDENCE},
    {"no pat", "a1" TEXT_KAT KAT, ATLS_E_MISSING, EVIDENCE},
    {"nothing", "a0", ATLS_E_MISSING, EVIDENCE},
    {"a third member", "a3" TEXT_KAT KAT TEXT_PAT PAT "63 616263 01", ATLS_E_UNSUPPORTED, EVIDENCE},
    {"a member with a number", "a3" TEXT_KAT KAT TEXT_PAT PAT "01 01", ATLS_E_MALFORMED, EVIDENCE},
    {"kat twice", "a3" TEXT_KAT KAT TEXT_PAT PAT TEXT_KAT KAT, ATLS_E_MALFORMED, "RFC 8949 section 5.6"},
    {"kat without kid", "a2" TEXT_KAT "a4" M_SIG M_VER M_PUB M_CERT TEXT_PAT PAT, ATLS_E_MISSING, EVIDENCE},
    {"kat without tpmVer", "a2" TEXT_KAT "a4" M_KID M_SIG M_PUB M_CERT TEXT_PAT PAT, ATLS_E_MISSING, EVIDENCE},
    {"kat without pubArea", "a2" TEXT_KAT "a4" M_KID M_SIG M_VER M_CERT TEXT_PAT PAT, ATLS_E_MISSING, EVIDENCE},
    {"kat without certInfo", "a2" TEXT_KAT "a4" M_KID M_SIG M_VER M_PUB TEXT_PAT PAT, ATLS_E_MISSING, EVIDENCE},
    {"kat with a sixth member", "a2" TEXT_KAT "a6" M_KID M_SIG M_VER M_PUB M_CERT "63 783563 40" TEXT_PAT PAT, ATLS_E_UNSUPPORTED, EVIDENCE},
    {"pat without sig", "a2" TEXT_KAT KAT TEXT_PAT "a3" M_KID M_VER M_QUOTE, ATLS_E_MISSING, EVIDENCE},
    {"pat with certInfo, as in 2022", "a2" TEXT_KAT KAT TEXT_PAT "a4" M_KID M_SIG M_VER "68 63657274496e666f 5879" QUOTE SELECTION DIGEST, ATLS_E_UNSUPPORTED, EVIDENCE},
    {"tpmVer 1.2", "a2" TEXT_KAT KAT TEXT_PAT "a4" M_KID M_SIG "66 74706d566572 63 312e32" M_QUOTE, ATLS_E_UNSUPPORTED, EVIDENCE},
    {"tpmVer bytes", "a2" TEXT_KAT KAT TEXT_PAT "a4" M_KID M_SIG "66 74706d566572 43 322e30" M_QUOTE, ATLS_E_MALFORMED, EVIDENCE},
    {"sig a text", "a2" TEXT_KAT KAT TEXT_PAT "a4" M_KID "63 736967 61 61" M_VER M_QUOTE, ATLS_E_MALFORMED, EVIDENCE},
    {"kat a byte string", "a2" TEXT_KAT "41 00" TEXT_PAT PAT, ATLS_E_MALFORMED, EVIDENCE},
    {"kat of indefinite length", "a2" TEXT_KAT "bf" M_KID M_SIG M_VER M_PUB M_CERT "ff" TEXT_PAT PAT, ATLS_E_MALFORMED, NULL},
    {"a longer head than needed", "b802" TEXT_KAT KAT TEXT_PAT PAT, ATLS_E_MALFORMED, NULL},
    {"an array", "82" KAT PAT, ATLS_E_MALFORMED, EVIDENCE},
    {"a byte behind it", WHOLE "00", ATLS_E_MALFORMED, NULL},
    {"no evidence", "", ATLS_E_MALFORMED, NULL},
    {"a quote as kat", "a2" TEXT_KAT "a5" M_KID M_SIG M_VER M_PUB "68 63657274496e666f 5879" QUOTE SELECTION DIGEST TEXT_PAT PAT, ATLS_E_MALFORMED, ATTEST},
    {"a certification as pat", PAT_OF("5895", CERTIFY CERTIFIED), ATLS_E_MALFORMED, ATTEST},
    {"certification signed by a handle", KAT_OF("5877", "ff544347 8017 0004 81010001 0008 deadbeefdeadbeef" CLOCK CERTIFIED), ATLS_E_MALFORMED, NAMES},
    {"certification signed by nobody", KAT_OF("5873", "ff544347 8017 0000 0008 deadbeefdeadbeef" CLOCK CERTIFIED), ATLS_E_MALFORMED, NAMES},
    {"certification of a handle", KAT_OF("5855", CERTIFY "0004 81010001 0000"), ATLS_E_MALFORMED, NAMES},
    {"certification of nobody", KAT_OF("5851", CERTIFY "0000 0000"), ATLS_E_MALFORMED, NAMES},
    {"quote signed by a handle", PAT_OF("585b", "ff544347 8018 0004 81010001 0008 deadbeefdeadbeef" CLOCK SELECTION DIGEST), ATLS_E_MALFORMED, NAMES},
    {"quote signed by nobody", PAT_OF("5857", "ff544347 8018 0000 0008 deadbeefdeadbeef" CLOCK SELECTION DIGEST), ATLS_E_MALFORMED, NAMES},
    {"quote of no bank", PAT_OF("5873", QUOTE "00000000" DIGEST), ATLS_E_UNSUPPORTED, SELECT},
    {"quote of two banks", PAT_OF("587f", QUOTE "00000002 000b 03 070000 000c 03 010000" DIGEST), ATLS_E_UNSUPPORTED, SELECT},
    {"quote of a SHA-1 bank", PAT_OF("5879", QUOTE "00000001 0004 03 070000" DIGEST), ATLS_E_UNSUPPORTED, SELECT},
    {"quote of no PCR", PAT_OF("5879", QUOTE "00000001 000b 03 000000" DIGEST), ATLS_E_MALFORMED, SELECT},
    {"quote of another bank than its signature", PAT_OF("5879", QUOTE "00000001 000c 03 070000" DIGEST), ATLS_E_UNSUPPORTED, QUOTING},
    {"quote with a digest of 20 bytes", PAT_OF("586d", QUOTE SELECTION "0014 0000000000000000000000000000000000000000"), ATLS_E_MALFORMED, QUOTING},
};
/* clang-format on */

static void check_evidence(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_tpm_evidence evidence;

    test_outcome(atls_tpm_evidence_parse(in, &evidence), row->outcome, row->clause);
    test_vector_free(in);
}

/* Evidence of others, with the keys that are known of it, from the vectors. */
static const struct {
    const char *name, *file;
    const char *ak, *tik; /* PEM files; NULL: in the vector itself */
    enum atls_tpm_linking linking;
    size_t nonce_size;
} foreign[] = {
    {"Veraison's vector", "parsec/tpm/evidence.cbor", NULL, NULL, ATLS_TPM_LINKED_BY_NONCE, 8},
    {"swtpm, nonce of 32 bytes", "tpm/ev.cbor", "tpm/ev.ak.pem", "tpm/ev.tik.pem",
     ATLS_TPM_LINKED_BY_NONCE, 32},
    {"swtpm, nonce of 8 bytes", "tpm/n8.cbor", "tpm/n8.ak.pem", "tpm/n8.tik.pem",
     ATLS_TPM_LINKED_BY_NONCE, 8},
    {"swtpm, nonce of 48 bytes", "tpm/n48.cbor", "tpm/n48.ak.pem", "tpm/n48.tik.pem",
     ATLS_TPM_LINKED_BY_NONCE, 48},
    {"swtpm, nonce of 64 bytes", "tpm/n64.cbor", "tpm/n64.ak.pem", "tpm/n64.tik.pem",
     ATLS_TPM_LINKED_BY_NONCE, 64},
};

static const char veraison_ak[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2lB1xtcIWePIt/Wwt+s8Ybp+5ji8\n"
    "t2pzGDKSOG7xTGK5gOYkcLCHz4i4L/yGzyEmBO1mZFZNuJz14X0J24+XQQ==\n"
    "-----END PUBLIC KEY-----";

static struct atls_public_key key_of(const char *file)
{
    struct atls_bytes pem = file ? test_vector(file) : atls_bytes_of_text(veraison_ak);
    struct atls_public_key key;

    while (pem.size && pem.data[pem.size - 1] == '\n')
        pem.size--;
    test_outcome(atls_pem_read_public_key(pem, &key), 0, NULL);
    if (file)
        test_vector_free(pem);
    return key;
}

static void verifies_others(void **state)
{
    const __typeof__(foreign[0]) *row = *state;
    const struct atls_crypto *crypto = &atls_crypto_hosted;
    struct atls_bytes in = test_vector(row->file), nonce;
    struct atls_public_key ak = key_of(row->ak);
    struct atls_tpm_evidence e;

    test_outcome(atls_tpm_evidence_parse(in, &e), 0, NULL);
    nonce = e.certify.extra;
    assert_int_equal(nonce.size, row->nonce_size);
    test_outcome(atls_tpm_signature_verify(&e.kat_signature, crypto, e.kat.cert_info, &ak), 0,
                 NULL);
    test_outcome(atls_tpm_signature_verify(&e.pat_signature, crypto, e.pat.attest_info, &ak), 0,
                 NULL);
    test_outcome(atls_tpm_check_signer(&e), 0, NULL);
    test_outcome(atls_tpm_check_name(&e, crypto), 0, NULL);
    test_outcome(atls_tpm_public_check(&e.key), 0, NULL);
    test_outcome(atls_tpm_check_linkage(&e, crypto, row->linking, nonce), 0, NULL);
    test_outcome(atls_tpm_check_linkage(&e, crypto, ATLS_TPM_LINKED_BY_KAT, nonce), ATLS_E_MISMATCH,
                 QUOTING);
    if (row->tik) {
        struct atls_public_key tik = key_of(row->tik);

        assert_true(atls_public_key_equal(&tik, &e.key.key));
    }
    /* and each of them fails with something else in its place */
    test_outcome(atls_tpm_signature_verify(&e.kat_signature, crypto, e.pat.attest_info, &ak),
                 ATLS_E_SIGNATURE, NULL);
    test_outcome(atls_tpm_signature_verify(&e.kat_signature, crypto, e.kat.cert_info, &e.key.key),
                 ATLS_E_SIGNATURE, NULL);
    for (int i = 0; i < 2; i++) {
        struct atls_tpm_signature large = e.kat_signature;

        (i ? &large.r : &large.s)->size = atls_curve_size(ak.curve) + 1;
        test_outcome(atls_tpm_signature_verify(&large, crypto, e.kat.cert_info, &ak),
                     ATLS_E_SIGNATURE, SIGNATURE);
        assert_non_null(strstr(atls_error_text(), "r and s"));
    }
    e.kat_signature.hash = ATLS_SHA384;
    test_outcome(atls_tpm_signature_verify(&e.kat_signature, crypto, e.kat.cert_info, &ak),
                 ATLS_E_MISMATCH, SIGNATURE);
    e.kat.pub_area.size--;
    test_outcome(atls_tpm_check_name(&e, crypto), ATLS_E_MISMATCH, ATLS_TPM_CLAUSE_CERTIFY);
    e.certify.signer = e.certify.name;
    test_outcome(atls_tpm_check_signer(&e), ATLS_E_MISMATCH, ATTEST);
    e.pat.kid.size--;
    test_outcome(atls_tpm_check_signer(&e), ATLS_E_MISMATCH, EVIDENCE);
    test_vector_free(in);
}

/* What is written is read; the software TPM's vectors are encoded as the writer encodes. */
static void writes_what_it_read(void **state)
{
    static const char *const files[] = {"tpm/ev.cbor", "tpm/n8.cbor", "tpm/n64.cbor"};

    for (size_t i = 0; i < COUNT(files); i++) {
        struct atls_bytes in = test_vector(files[i]), kat, out;
        uint8_t inner[1024], outer[2048];
        struct atls_tpm_evidence e;
        struct atls_cbor_writer w;

        test_outcome(atls_tpm_evidence_split(in, &e), 0, NULL);
        atls_cbor_write_init(&w, inner, sizeof inner);
        atls_tpm_kat_write(&w, &e.kat);
        assert_int_equal(atls_cbor_write_done(&w, &kat), 0);
        test_same_bytes(kat, e.kat_encoded);
        atls_cbor_write_init(&w, outer, sizeof outer);
        atls_tpm_evidence_write(&w, kat, &e.pat);
        assert_int_equal(atls_cbor_write_done(&w, &out), 0);
        test_same_bytes(out, in);
        test_vector_free(in);
    }
}

/* The kid of the software TPM's vectors is 01 || SHA-256 of the AK's SubjectPublicKeyInfo. */
static void makes_key_ids(void **state)
{
    struct atls_bytes in = test_vector("tpm/ev.cbor");
    struct atls_public_key ak = key_of("tpm/ev.ak.pem");
    uint8_t kid[ATLS_TPM_KID_SIZE], linkage[ATLS_TPM_LINKAGE_SIZE], expected[ATLS_HASH_MAX];
    struct atls_tpm_evidence e;

    test_outcome(atls_tpm_evidence_split(in, &e), 0, NULL);
    assert_int_equal(atls_tpm_kid(&atls_crypto_hosted, &ak, kid), 0);
    test_same_bytes(ATLS_BYTES(kid, sizeof kid), e.kat.kid);
    assert_int_equal(atls_tpm_linkage(&atls_crypto_hosted, e.kat_encoded, linkage), 0);
    assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, &e.kat_encoded, 1, expected), 0);
    assert_memory_equal(linkage, expected, sizeof linkage);
    test_vector_free(in);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_public, public_rows);
    TEST_ADD_ROWS(&list, check_attest, attest_rows);
    TEST_ADD_ROWS(&list, check_signature, signature_rows);
    TEST_ADD_ROWS(&list, check_key, key_rows);
    TEST_ADD_ROWS(&list, check_evidence, evidence_rows);
    TEST_ADD_ROWS(&list, verifies_others, foreign);
    TEST_ADD(&list, reads_every_member);
    TEST_ADD(&list, reads_numbers_of_any_length);
    TEST_ADD(&list, makes_no_name_without_a_hash);
    TEST_ADD(&list, writes_what_it_read);
    TEST_ADD(&list, makes_key_ids);
    return test_run("tpm", &list);
}
