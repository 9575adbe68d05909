/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed CMW and the claim cmw (RFC 9999 sections 4.1 to 4.3): what is written is read and
 * verifies, libjose agrees, and headers, payloads and claims that the RFC does not allow are
 * refused.
 */
#include "rats/test/test-table.h"

#include <errno.h>
#include <jansson.h>
#include <jose/jose.h>

#include "rats/base/media-types.h"
#include "rats/cmw/cmw-signed.h"
#include "rats/json/jws.h"

#define EAT_CWT "73 6170706c69636174696f6e2f6561742b637774" /* "application/eat+cwt" */
#define RECORD "82" EAT_CWT "42 0102"
#define TAG "da 63740209 42 0102"
#define COLLECTION "a1 6161" RECORD
#define CMW_CBOR "74 6170706c69636174696f6e2f636d772b63626f72" /* "application/cmw+cbor" */
#define CMW_JSON "74 6170706c69636174696f6e2f636d772b6a736f6e"
#define ZEROES "5840" Z16 Z16 Z16 Z16
#define Z16 "00000000000000000000000000000000"
#define JSON_RECORD "[\"application/eat+cwt\",\"AQI\"]"
/* {"alg":"ES256","cty":"application/cmw+json"} over JSON_RECORD */
#define FLATTENED(more)                                                                            \
    "{\"protected\":\"eyJhbGciOiJFUzI1NiIsImN0eSI6ImFwcGxpY2F0aW9uL2Ntdytqc29uIn0\",\"payload\":"  \
    "\"WyJhcHBsaWNhdGlvbi9lYXQrY3d0IiwiQVFJIl0\",\"signature\":\"AAAA\"" more "}"
#define COSE "RFC 9999 section 4.1"
#define JWS "RFC 9999 section 4.2"
#define CLAIM "RFC 9999 section 4.3"

struct row {
    const char *name, *input;
    int outcome;
    const char *clause;
};

/* clang-format off */
static const struct row cose_rows[] = {
    {"R-CMW-09 record, type as a text", "84 5819 a2 01 26 03" CMW_CBOR "a0 5818" RECORD ZEROES, 0, NULL},
    {"R-CMW-09 record, type as a number", "84 47 a2 01 26 03 190111 a0 5818" RECORD ZEROES, 0, NULL},
    {"R-CMW-09 tagged", "d2 84 47 a2 01 26 03 190111 a0 5818" RECORD ZEROES, 0, NULL},
    {"R-CMW-09 CMW tag", "84 47 a2 01 26 03 190111 a0 48" TAG ZEROES, 0, NULL},
    {"R-CMW-09 collection", "84 47 a2 01 26 03 190111 a0 581b" COLLECTION ZEROES, 0, NULL},
    {"R-CMW-09 crit names the content type", "84 4a a3 01 26 02 81 03 03 190111 a0 5818" RECORD ZEROES, 0, NULL},
    {"R-CMW-09 no content type", "84 43 a1 01 26 a0 5818" RECORD ZEROES, ATLS_E_MISSING, COSE},
    {"R-CMW-09 content type not protected", "84 43 a1 01 26 a1 03 190111 5818" RECORD ZEROES, ATLS_E_MISSING, COSE},
    {"R-CMW-09 content type of JSON", "84 5819 a2 01 26 03" CMW_JSON "a0 5818" RECORD ZEROES, ATLS_E_UNSUPPORTED, COSE},
    {"R-CMW-09 content type 274", "84 47 a2 01 26 03 190112 a0 5818" RECORD ZEROES, ATLS_E_UNSUPPORTED, COSE},
    {"R-CMW-09 content type 0", "84 45 a2 01 26 03 00 a0 5818" RECORD ZEROES, ATLS_E_UNSUPPORTED, COSE},
    {"R-CMW-09 content type under label 2", "84 5819 a2 01 26 02" CMW_CBOR "a0 5818" RECORD ZEROES, ATLS_E_MALFORMED, NULL},
    {"R-CMW-09 content type in bytes", "84 46 a2 01 26 03 41 00 a0 5818" RECORD ZEROES, ATLS_E_MALFORMED, NULL},
    {"R-CMW-09 content type 65536", "84 49 a2 01 26 03 1a 00010000 a0 5818" RECORD ZEROES, ATLS_E_MALFORMED, NULL},
    {"R-CMW-09 no alg", "84 45 a1 03 190111 a0 5818" RECORD ZEROES, ATLS_E_MISSING, NULL},
    {"R-CMW-09 unknown alg", "84 48 a2 01 3825 03 190111 a0 5818" RECORD ZEROES, ATLS_E_UNSUPPORTED, NULL},
    {"R-CMW-09 payload in JSON", "84 47 a2 01 26 03 190111 a0 581d 5b 22 6170706c69636174696f6e2f6561742b637774 22 2c 22 415149 22 5d" ZEROES, ATLS_E_MALFORMED, NULL},
    {"R-CMW-09 payload is a token", "84 47 a2 01 26 03 190111 a0 46 8443a10126a0" ZEROES, ATLS_E_MALFORMED, NULL},
    {"R-CMW-09 payload detached", "84 47 a2 01 26 03 190111 a0 f6" ZEROES, ATLS_E_UNSUPPORTED, NULL},
    {"R-CMW-09 bytes behind the CMW", "84 47 a2 01 26 03 190111 a0 5819" RECORD "00" ZEROES, ATLS_E_MALFORMED, NULL},
    {"R-CMW-09 bytes behind the message", "84 47 a2 01 26 03 190111 a0 5818" RECORD ZEROES "00", ATLS_E_MALFORMED, NULL},
    {"R-CMW-09 a CMW without a signature", RECORD, ATLS_E_MALFORMED, NULL},
};

/* Header and payload of a compact JWS, before they are encoded. */
static const struct jws_row {
    const char *name, *header, *payload;
    int outcome;
    const char *clause;
} jws_rows[] = {
    {"R-CMW-10 record", "{\"alg\":\"ES256\",\"cty\":\"application/cmw+json\"}", JSON_RECORD, 0, NULL},
    {"R-CMW-10 collection", "{\"alg\":\"ES256\",\"cty\":\"application/cmw+json\"}", "{\"a\":" JSON_RECORD "}", 0, NULL},
    {"R-CMW-10 more in the header", "{\"alg\":\"ES256\",\"cty\":\"application/cmw+json\",\"kid\":\"k\"}", JSON_RECORD, 0, NULL},
    {"R-CMW-10 no cty", "{\"alg\":\"ES256\"}", JSON_RECORD, ATLS_E_MISSING, JWS},
    {"R-CMW-10 no alg", "{\"cty\":\"application/cmw+json\"}", JSON_RECORD, ATLS_E_MISSING, JWS},
    {"R-CMW-10 cty of CBOR", "{\"alg\":\"ES256\",\"cty\":\"application/cmw+cbor\"}", JSON_RECORD, ATLS_E_UNSUPPORTED, JWS},
    {"R-CMW-10 cty without application/", "{\"alg\":\"ES256\",\"cty\":\"cmw+json\"}", JSON_RECORD, ATLS_E_UNSUPPORTED, JWS},
    {"R-CMW-10 cty is a number", "{\"alg\":\"ES256\",\"cty\":274}", JSON_RECORD, ATLS_E_MISSING, JWS},
    {"R-CMW-10 cty twice", "{\"alg\":\"ES256\",\"cty\":\"application/cmw+json\",\"cty\":\"application/cmw+json\"}", JSON_RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW-10 header is no object", "[\"ES256\"]", JSON_RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW-10 payload in CBOR", "{\"alg\":\"ES256\",\"cty\":\"application/cmw+json\"}", "\x82\x01\x41\x01", ATLS_E_MALFORMED, NULL},
    {"R-CMW-10 payload is claims", "{\"alg\":\"ES256\",\"cty\":\"application/cmw+json\"}", "{\"iat\":1}", ATLS_E_MALFORMED, NULL},
    {"R-CMW-10 bytes behind the CMW", "{\"alg\":\"ES256\",\"cty\":\"application/cmw+json\"}", JSON_RECORD "1", ATLS_E_MALFORMED, NULL},
};

static const struct row frames[] = {
    {"R-CMW-10 nothing", "", ATLS_E_MALFORMED, NULL},
    {"R-CMW-10 two parts", "e30.e30", ATLS_E_MALFORMED, "RFC 7515 section 7.1"},
    {"R-CMW-10 four parts", "e30.e30.AA.AA", ATLS_E_MALFORMED, NULL},
    {"R-CMW-10 an empty part", "e30..AA", ATLS_E_MALFORMED, "RFC 7515 section 7.1"},
    {"R-CMW-10 padding", "e30=.e30.AA", ATLS_E_MALFORMED, "RFC 7515 section 2"},
    {"R-CMW-10 payload with padding", "eyJhbGciOiJFUzI1NiIsImN0eSI6ImFwcGxpY2F0aW9uL2Ntdytqc29uIn0.WyJhcHBsaWNhdGlvbi9lYXQrY3d0IiwiQVFJIl0=.AAAA", ATLS_E_MALFORMED, "RFC 7515 section 2"},
    {"R-CMW-10 signature with padding", "eyJhbGciOiJFUzI1NiIsImN0eSI6ImFwcGxpY2F0aW9uL2Ntdytqc29uIn0.WyJhcHBsaWNhdGlvbi9lYXQrY3d0IiwiQVFJIl0.AA==", ATLS_E_MALFORMED, "RFC 7515 section 2"},
    {"R-CMW-10 flattened, no signature", "{\"protected\":\"e30\",\"payload\":\"e30\"}", ATLS_E_MISSING, "RFC 7515 section 7.2.2"},
    {"R-CMW-10 flattened, an unprotected header", FLATTENED(",\"header\":{\"kid\":\"k1\"}"), 0, NULL},
    {"R-CMW-10 flattened, an empty unprotected header", FLATTENED(",\"header\":{}"), 0, NULL},
    {"R-CMW-10 flattened, parameters that are not understood (RFC 7515 section 4)", FLATTENED(",\"header\":{\"x\":[1],\"jku\":7}"), 0, NULL},
    {"R-CMW-10 flattened, a member that is not understood", FLATTENED(",\"more\":1"), 0, NULL},
    {"R-CMW-10 flattened, header is no object", FLATTENED(",\"header\":[]"), ATLS_E_MALFORMED, "RFC 7515 section 7.2.2"},
    {"R-CMW-10 flattened, header is null", FLATTENED(",\"header\":null"), ATLS_E_MALFORMED, "RFC 7515 section 7.2.2"},
    {"R-CMW-10 flattened, alg in both headers", FLATTENED(",\"header\":{\"alg\":\"ES256\"}"), ATLS_E_MALFORMED, "RFC 7515 section 7.2.2"},
    {"R-CMW-10 flattened, cty in both headers", FLATTENED(",\"header\":{\"cty\":\"application/cmw+json\"}"), ATLS_E_MALFORMED, "RFC 7515 section 7.2.2"},
    {"R-CMW-10 flattened, crit not protected", FLATTENED(",\"header\":{\"crit\":[\"x\"],\"x\":1}"), ATLS_E_MALFORMED, "RFC 7515 section 4.1.11"},
    {"R-CMW-10 flattened, a parameter twice", FLATTENED(",\"header\":{\"x\":1,\"x\":1}"), ATLS_E_MALFORMED, NULL},
    {"R-CMW-10 flattened, the cty not protected", "{\"protected\":\"eyJhbGciOiJFUzI1NiJ9\",\"payload\":\"e30\",\"signature\":\"AA\",\"header\":{\"cty\":\"application/cmw+json\"}}", ATLS_E_MISSING, JWS},
    {"R-CMW-10 flattened, signature is a number", "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":7}", ATLS_E_MALFORMED, "RFC 7515 section 7.2.2"},
    {"R-CMW-10 flattened, white space in front", " \r\n\t" FLATTENED(""), 0, NULL},
    {"R-CMW-10 several signatures", "{\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AA\",\"signatures\":[]}", ATLS_E_MALFORMED, "RFC 7515 section 7.2.2"},
    {"R-CMW-10 flattened, a part twice", "{\"protected\":\"e30\",\"protected\":\"e30\",\"payload\":\"e30\",\"signature\":\"AA\"}", ATLS_E_MALFORMED, NULL},
    {"R-CMW-10 flattened, cut off", "{\"protected\":\"e30\"", ATLS_E_MALFORMED, NULL},
};

static const struct row cwt_rows[] = {
    {"R-CMW-11 record", "a1 19012b" RECORD, 0, NULL},
    {"R-CMW-11 tag", "a1 19012b" TAG, 0, NULL},
    {"R-CMW-11 collection beside other claims", "a3 01 6161 6162 01 19012b" COLLECTION, 0, NULL},
    {"R-CMW-11 no claim", "a1 01 6161", ATLS_E_MISSING, CLAIM},
    {"R-CMW-11 JSON in a text", "a1 19012b 78 1d 5b 22 6170706c69636174696f6e2f6561742b637774 22 2c 22 415149 22 5d", ATLS_E_MALFORMED, NULL},
    {"R-CMW-11 CBOR in a byte string", "a1 19012b 5818" RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW-11 twice", "a2 19012b" RECORD "19012b" RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW-11 no map", "80", ATLS_E_MALFORMED, CLAIM},
};

static const struct row jwt_rows[] = {
    {"R-CMW-11 record", "{\"cmw\":" JSON_RECORD "}", 0, NULL},
    {"R-CMW-11 collection beside other claims", "{\"iat\":1,\"cmw\":{\"a\":" JSON_RECORD "}}", 0, NULL},
    {"R-CMW-11 no claim", "{\"iat\":1}", ATLS_E_MISSING, CLAIM},
    {"R-CMW-11 CBOR in base64url", "{\"cmw\":\"ggFBAQ\"}", ATLS_E_MALFORMED, NULL},
    {"R-CMW-11 a number", "{\"cmw\":273}", ATLS_E_MALFORMED, NULL},
    {"R-CMW-11 type as a number", "{\"cmw\":[263,\"AQI\"]}", ATLS_E_MALFORMED, NULL},
};
/* clang-format on */

static void check_cose(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_cmw_signed message;

    test_outcome(atls_cmw_cose_parse(in, &message), row->outcome, row->clause);
    if (row->outcome == 0) {
        assert_int_equal(message.serialization, ATLS_CBOR);
        atls_cmw_signed_clear(&message);
    }
    test_vector_free(in);
}

/* What came is told as the text or the number that it was. */
static void tells_content_types(void **state)
{
    static const struct {
        const char *input, *text;
    } rows[] = {
        {"84 5819 a2 01 26 03" CMW_JSON "a0 5818" RECORD ZEROES,
         "expected the content type application/cmw+cbor, came \"application/cmw+json\""},
        {"84 47 a2 01 26 03 190112 a0 5818" RECORD ZEROES,
         "expected the content type 273, came 274"},
        {"84 43 a1 01 26 a0 5818" RECORD ZEROES,
         "expected the content type (3) in the protected header, it is not there"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_bytes(rows[i].input);
        struct atls_cmw_signed message;

        assert_true(atls_cmw_cose_parse(in, &message) > 0);
        assert_string_equal(atls_error_text(), rows[i].text);
        test_vector_free(in);
    }
}

/* A compact JWS has a bound of its own, and no longer one is taken apart. */
static void limits_size(void **state)
{
    char *text = malloc(ATLS_JWS_MAX_SIZE + 1);
    struct atls_cmw_signed message;

    assert_non_null(text);
    memset(text, 'A', ATLS_JWS_MAX_SIZE + 1);
    test_outcome(atls_cmw_jws_parse(ATLS_BYTES(text, ATLS_JWS_MAX_SIZE + 1), &message),
                 ATLS_E_LIMIT, NULL);
    assert_string_equal(atls_error_text(), "JWS: expected at most 1048576 bytes, came 1048577");
    test_outcome(atls_cmw_jws_parse(ATLS_BYTES(text, ATLS_JWS_MAX_SIZE), &message),
                 ATLS_E_MALFORMED, "RFC 7515 section 7.1");
    free(text);
}

static void check_jws(void **state)
{
    const struct jws_row *row = *state;
    char *header = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(row->header));
    char *payload = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(row->payload));
    char compact[2048], flattened[2048];
    struct atls_cmw_signed message;

    snprintf(compact, sizeof compact, "%s.%s.AAAA", header, payload);
    snprintf(flattened, sizeof flattened,
             "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"AAAA\"}", header, payload);
    const char *forms[] = {compact, flattened};
    for (size_t i = 0; i < 2; i++) {
        test_outcome(atls_cmw_jws_parse(atls_bytes_of_text(forms[i]), &message), row->outcome,
                     row->clause);
        if (row->outcome == 0) {
            assert_int_equal(message.cmw->serialization, ATLS_JSON);
            atls_cmw_signed_clear(&message);
        }
    }
    free(header);
    free(payload);
}

static void check_frame(void **state)
{
    const struct row *row = *state;
    struct atls_cmw_signed message;

    test_outcome(atls_cmw_jws_parse(atls_bytes_of_text(row->input), &message), row->outcome,
                 row->clause);
    if (row->outcome == 0)
        atls_cmw_signed_clear(&message);
}

static void check_cwt(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_cmw *cmw;

    test_outcome(atls_cmw_of_cwt(in, &cmw), row->outcome, row->clause);
    if (row->outcome == 0) {
        assert_int_equal(cmw->serialization, ATLS_CBOR);
        atls_cmw_free(cmw);
    }
    test_vector_free(in);
}

static void check_jwt(void **state)
{
    const struct row *row = *state;
    json_t *claims = json_loads(row->input, 0, NULL);
    struct atls_cmw *cmw;

    assert_non_null(claims);
    test_outcome(atls_cmw_of_jwt(claims, &cmw), row->outcome, row->clause);
    if (row->outcome == 0) {
        assert_int_equal(cmw->serialization, ATLS_JSON);
        atls_cmw_free(cmw);
    }
    json_decref(claims);
}

static void make_key(enum atls_curve curve, uint8_t number, struct atls_private_key *keyp)
{
    uint8_t seed[32] = {number};

    assert_int_equal(atls_crypto_hosted.make_key(curve, seed, keyp), 0);
}

/* R-CMW-09: what is signed says its type in the protected header, verifies, and nothing else does.
 */
static void test_cose_round(void **state)
{
    for (enum atls_curve curve = ATLS_P256; curve <= ATLS_P384; curve++) {
        struct atls_private_key key, other;
        struct atls_bytes cmw = test_bytes(COLLECTION), none = {NULL, 0};
        struct atls_cmw_signed message;
        uint8_t *out;
        size_t size;

        make_key(curve, 1, &key);
        make_key(curve, 2, &other);
        struct atls_local_signer local = {&atls_crypto_hosted, &key};
        struct atls_signer signer = atls_signer_local(&local);
        test_outcome(atls_cmw_cose_sign(cmw, &atls_crypto_hosted, &signer, &out, &size), 0, NULL);
        test_outcome(atls_cmw_cose_parse(ATLS_BYTES(out, size), &message), 0, NULL);
        assert_false(message.cose.tagged);
        assert_true(atls_bytes_is_text(message.cose.content_type, ATLS_MT_CMW_CBOR));
        test_same_bytes(message.cose.payload, cmw);
        assert_int_equal(message.cmw->form, ATLS_CMW_COLLECTION);
        test_outcome(atls_cmw_signed_verify(&message, &key.public_key), 0, NULL);
        test_outcome(atls_cmw_signed_verify(&message, &other.public_key), ATLS_E_SIGNATURE, NULL);
        atls_cmw_signed_clear(&message);
        for (size_t i = 0; i < size; i++) { /* no bit can be changed unseen */
            out[i] ^= 1;
            if (atls_cmw_cose_parse(ATLS_BYTES(out, size), &message) == 0) {
                assert_int_not_equal(atls_cmw_signed_verify(&message, &key.public_key), 0);
                atls_cmw_signed_clear(&message);
            }
            out[i] ^= 1;
        }
        free(out);
        test_outcome(atls_cmw_cose_sign(none, &atls_crypto_hosted, &signer, &out, &size),
                     ATLS_E_MALFORMED, NULL);
        test_vector_free(cmw);
    }
}

static int sign_nothing(void *context, struct atls_bytes digest, uint8_t *signature)
{
    return atls_fail(-EIO, NULL, "no signature today");
}

/* Where the signer fails, and where a tree has no form, nothing is given out. */
static void failures_give_nothing_out(void **state)
{
    struct atls_signer signer = {.curve = ATLS_P256, .sign = sign_nothing};
    struct atls_bytes cmw = test_bytes(RECORD), written;
    struct atls_cmw none = {.form = ATLS_CMW_COLLECTION};
    json_t *claims = json_object();
    struct atls_cbor_writer w;
    uint8_t buffer[64], *out = NULL;
    size_t size;

    test_outcome(atls_cmw_cose_sign(cmw, &atls_crypto_hosted, &signer, &out, &size), -EIO, NULL);
    assert_null(out);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    test_outcome(atls_cmw_claim_write(&w, &none), -EINVAL, "RFC 9999 section 3.3");
    assert_int_equal(w.used, 0);
    assert_int_equal(atls_cbor_write_done(&w, &written), -EINVAL);
    test_outcome(atls_cmw_claim_set(claims, &none), -EINVAL, "RFC 9999 section 3.3");
    assert_int_equal(json_object_size(claims), 0);
    json_decref(claims);
    test_vector_free(cmw);
}

/* R-CMW-10: ours is taken by libjose, and libjose's by us. */
static void test_jws_round(void **state)
{
    const char *const algs[] = {"ES256", "ES384"};

    for (size_t i = 0; i < 4; i++) {
        json_t *jwk = json_pack("{s:s}", "alg", algs[i / 2]), *object;
        struct atls_public_key key, other;
        struct atls_cmw_signed message;
        char *text;

        assert_true(jose_jwk_gen(NULL, jwk));
        assert_int_equal(atls_jwk_to_public_key(jwk, &key), 0);
        test_outcome(atls_cmw_jws_sign(atls_bytes_of_text(JSON_RECORD), jwk, i % 2, &text), 0,
                     NULL);
        assert_int_equal(text[0] == '{', i % 2);
        test_outcome(atls_cmw_jws_parse(atls_bytes_of_text(text), &message), 0, NULL);
        assert_true(atls_cmw_type_is(message.cmw, ATLS_MT_EAT_CWT));
        test_outcome(atls_cmw_signed_verify(&message, &key), 0, NULL);
        other = key;
        other.curve = key.curve == ATLS_P256 ? ATLS_P384 : ATLS_P256;
        assert_int_not_equal(atls_cmw_signed_verify(&message, &other), 0);
        object = json_pack("{s:s%, s:s%, s:s%}", "protected", message.jws.header_part.data,
                           message.jws.header_part.size, "payload", message.jws.payload_part.data,
                           message.jws.payload_part.size, "signature",
                           message.jws.signature_part.data, message.jws.signature_part.size);
        assert_true(jose_jws_ver(NULL, object, NULL, jwk, false));
        json_decref(object);
        atls_cmw_signed_clear(&message);
        free(text);

        char *payload = atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(JSON_RECORD));
        object = json_pack("{s:s}", "payload", payload);
        json_t *header =
            json_pack("{s:{s:s, s:s}}", "protected", "alg", algs[i / 2], "cty", ATLS_MT_CMW_JSON);
        assert_true(jose_jws_sig(NULL, object, header, jwk));
        text = json_dumps(object, 0);
        test_outcome(atls_cmw_jws_parse(atls_bytes_of_text(text), &message), 0, NULL);
        test_outcome(atls_cmw_signed_verify(&message, &key), 0, NULL);
        atls_cmw_signed_clear(&message);
        free(text);
        free(payload);
        json_decref(header);
        json_decref(object);
        test_outcome(atls_cmw_jws_sign(atls_bytes_of_text("{}"), jwk, false, &text),
                     ATLS_E_MALFORMED, NULL);
        json_decref(jwk);
    }
}

/* R-CMW-11: the claim is in its token's serialization, whatever the tree came in. */
static void test_claims(void **state)
{
    struct atls_bytes in = test_bytes(COLLECTION), written;
    struct atls_cmw *cmw, *again;
    struct atls_cbor_writer w;
    uint8_t buffer[256];
    json_t *claims = json_pack("{s:i}", "iat", 1);

    test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cbor_write_map(&w, 2);
    atls_cbor_write_uint(&w, 6);
    atls_cbor_write_uint(&w, 1);
    test_outcome(atls_cmw_claim_write(&w, cmw), 0, NULL);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    test_outcome(atls_cmw_of_cwt(written, &again), 0, NULL);
    assert_int_equal(again->entry_count, 1);
    atls_cmw_free(again);
    test_outcome(atls_cmw_claim_set(claims, cmw), 0, NULL);
    assert_true(json_is_object(json_object_get(claims, "cmw")));
    test_outcome(atls_cmw_of_jwt(claims, &again), 0, NULL);
    assert_int_equal(again->serialization, ATLS_JSON);
    assert_true(atls_cmw_type_is(again->entries[0].cmw, ATLS_MT_EAT_CWT));
    atls_cmw_free(again);
    atls_cmw_free(cmw);
    json_decref(claims);
    test_vector_free(in);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_cose, cose_rows);
    TEST_ADD_ROWS(&list, check_jws, jws_rows);
    TEST_ADD_ROWS(&list, check_frame, frames);
    TEST_ADD_ROWS(&list, check_cwt, cwt_rows);
    TEST_ADD_ROWS(&list, check_jwt, jwt_rows);
    TEST_ADD(&list, tells_content_types);
    TEST_ADD(&list, limits_size);
    TEST_ADD(&list, failures_give_nothing_out);
    TEST_ADD(&list, test_cose_round);
    TEST_ADD(&list, test_jws_round);
    TEST_ADD(&list, test_claims);
    return test_run("cmw-signed", &list);
}
