/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readers and writers of formats do without memory: each allocation of each is refused once
 * (test-memory.h). Readers read the seeds of the fuzzing targets, good and bad ones: a message that
 * is bad must not become the peer's fault because this machine has no memory, nor the other way
 * round. Writers write what was read.
 */
#include "rats/test/test-memory.h"

#include <errno.h>

#include "rats/base/encoding.h"
#include "rats/cbor/cbor-read.h"
#include "rats/cmw/cmw-signed.h"
#include "rats/cmw/cmw-x509.h"
#include "rats/corim/corim.h"
#include "rats/crypto/pem.h"
#include "rats/ear/ear.h"
#include "rats/json/json.h"
#include "rats/test/test-key.h"
#include "rats/test/test-table.h"
#include "rats/tokens/cca.h"
#include "rats/tokens/key-binding.h"
#include "rats/tokens/prototype.h"
#include "rats/tokens/ra-tls.h"
#include "rats/tokens/tpm.h"

#define ROOM 16 /* components */

static int fails(int result, const char *name, struct atls_bytes out)
{
    if (result)
        test_untouched(name, out);
    return result;
}

/* What a call that failed must not have written. */
#define FAILS(result, out) fails((result), #out, ATLS_BYTES(&(out), TEST_SIZE(out)))

static void tell_text(struct test_told *told, const char *text)
{
    if (text)
        test_tell(told, ATLS_BYTES(text, strlen(text)));
}

static int read_cbor(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_cbor_reader r;

    return TEST_SCARCE(atls_cbor_open(&r, *bytes, &atls_cbor_lenient, NULL));
}

static int make_definite(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    uint8_t *out;
    size_t size;

    TEST_FILL(out);
    int result = TEST_SCARCE(atls_cbor_make_definite(*bytes, &atls_cbor_lenient, &out, &size));
    if (FAILS(result, out))
        return result;
    test_tell(told, ATLS_BYTES(out, size));
    free(out);
    return 0;
}

static int read_cose(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_cose_sign1 message;

    TEST_FILL(message);
    int result = TEST_SCARCE(atls_cose_sign1_parse(*bytes, ATLS_COSE_TAG_EITHER, NULL, &message));
    if (FAILS(result, message) == 0)
        test_tell(told, message.payload);
    return result;
}

static int read_cose_sign(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_bytes payload;
    size_t count;

    TEST_FILL(count);
    int result = TEST_SCARCE(atls_cose_read_sign(*bytes, &payload, &count));
    if (FAILS(result, count) == 0)
        test_tell(told, payload);
    return result;
}

/* The tree in both serializations, of which it may lack one. */
static int write_cmw(const struct atls_cmw *cmw, struct test_told *told)
{
    int result = 0;

    for (int i = ATLS_CBOR; result >= 0 && i <= ATLS_JSON; i++) {
        uint8_t *out;
        size_t size;

        TEST_FILL(out);
        result = TEST_SCARCE(atls_cmw_serialize(cmw, (enum atls_serialization)i, &out, &size));
        if (FAILS(result, out) == 0) {
            test_tell(told, ATLS_BYTES(out, size));
            free(out);
        }
    }
    return result;
}

static int read_and_write_cmw(int (*parse)(struct atls_bytes in, struct atls_cmw **cmwp),
                              const struct atls_bytes *in, struct test_told *told)
{
    struct atls_cmw *cmw;

    TEST_FILL(cmw);
    int result = TEST_SCARCE(parse(*in, &cmw));
    if (FAILS(result, cmw))
        return result;
    result = write_cmw(cmw, told);
    atls_cmw_free(cmw);
    return result;
}

static int read_cmw(const void *in, struct test_told *told)
{
    return read_and_write_cmw(atls_cmw_parse, in, told);
}

static int read_cmw_claim(const void *in, struct test_told *told)
{
    return read_and_write_cmw(atls_cmw_of_cwt, in, told);
}

static int read_cmw_cose(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_cmw_signed message;

    TEST_FILL(message);
    int result = TEST_SCARCE(atls_cmw_cose_parse(*bytes, &message));
    if (FAILS(result, message) == 0)
        atls_cmw_signed_clear(&message);
    return result;
}

static int read_cmw_jws(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_private_key key = test_private_key(ATLS_P256, 1);
    struct atls_cmw_signed message;

    TEST_FILL(message);
    int result = TEST_SCARCE(atls_cmw_jws_parse(*bytes, &message));
    if (FAILS(result, message))
        return result;
    result = TEST_SCARCE(atls_cmw_signed_verify(&message, &key.public_key));
    atls_cmw_signed_clear(&message);
    return result;
}

static int read_extension(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    enum atls_serialization serialization;
    struct atls_bytes cmw;
    uint8_t *out;
    size_t size;

    TEST_FILL(cmw);
    int result = TEST_SCARCE(atls_cmw_x509_decode(ATLS_CMW_OID_PE, *bytes, &cmw, &serialization));
    if (FAILS(result, cmw))
        return result;
    TEST_FILL(out);
    result = TEST_SCARCE(atls_cmw_x509_encode(ATLS_CMW_OID_PE, cmw, &out, &size));
    if (FAILS(result, out) == 0) {
        test_tell(told, ATLS_BYTES(out, size));
        free(out);
    }
    return result;
}

static int read_extension_of_tcg(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    uint8_t *out;
    size_t size;

    TEST_FILL(out);
    int result = TEST_SCARCE(atls_cmw_x509_encode(ATLS_CMW_OID_TCG, *bytes, &out, &size));
    if (FAILS(result, out) == 0) {
        test_tell(told, ATLS_BYTES(out, size));
        free(out);
    }
    return result;
}

static int read_bare(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    uint8_t is_bare;
    bool answer;

    TEST_FILL(answer);
    int result = TEST_SCARCE(atls_cmw_x509_is_bare(*bytes, &answer));
    if (FAILS(result, answer))
        return result;
    is_bare = answer;
    test_tell(told, ATLS_BYTES(&is_bare, 1));
    return 0;
}

static int read_certificate(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_x509_cmw found;

    TEST_FILL(found);
    int result = TEST_SCARCE(atls_x509_cmw_find(*bytes, &found));
    if (FAILS(result, found))
        return result;
    test_tell(told, ATLS_BYTES(found.cmw, found.size));
    atls_x509_cmw_clear(&found);
    return 0;
}

static int read_verified_certificate(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_x509_cmw found;

    TEST_FILL(found);
    int result = TEST_SCARCE(atls_x509_cmw_find_verified(*bytes, &found));
    if (FAILS(result, found))
        return result;
    test_tell(told, ATLS_BYTES(found.cmw, found.size));
    atls_x509_cmw_clear(&found);
    return 0;
}

static int read_kat(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_kat_claims claims;

    TEST_FILL(claims);
    int result = TEST_SCARCE(atls_kat_claims_parse(*bytes, &claims));
    if (FAILS(result, claims) == 0)
        test_tell(told, claims.nonce);
    return result;
}

static int read_pat_nonce(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_bytes nonce;

    TEST_FILL(nonce);
    int result = TEST_SCARCE(atls_pat_nonce(*bytes, &nonce));
    if (FAILS(result, nonce) == 0)
        test_tell(told, nonce);
    return result;
}

static int read_key_binding(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_key_binding binding;

    TEST_FILL(binding);
    int result = TEST_SCARCE(atls_key_binding_read(*bytes, &binding));
    if (FAILS(result, binding) == 0)
        test_tell(told, binding.nonce);
    return result;
}

static int read_prototype(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_cab cab;

    TEST_FILL(cab);
    int result = TEST_SCARCE(atls_prototype_bundle_parse(*bytes, &cab));
    if (FAILS(result, cab) == 0)
        test_tell(told, cab.kat_claims.nonce);
    return result;
}

/* And the bundle of whichever format it is. */
static int read_bundle(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_key_binding_bundle bundle;
    struct atls_cmw *cmw;
    struct atls_cab cab;

    int result = TEST_SCARCE(atls_cmw_parse(*bytes, &cmw));
    if (result)
        return result;
    TEST_FILL(cab);
    result = TEST_SCARCE(atls_cab_parse(cmw, &cab));
    if (FAILS(result, cab) == 0) {
        test_tell(told, cab.kat_claims.nonce);
        result = TEST_SCARCE(atls_cab_check(&cab, &atls_crypto_hosted, cab.kat_claims.nonce));
    }
    if (result >= 0) {
        TEST_FILL(bundle);
        result = TEST_SCARCE(atls_key_binding_parse(cmw, &bundle));
        if (FAILS(result, bundle) == 0)
            test_tell(told, bundle.of_kat.nonce);
    }
    atls_cmw_free(cmw);
    return result;
}

static int read_psa(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_psa_component components[ROOM];
    struct atls_psa_claims claims;

    TEST_FILL(claims);
    int result = TEST_SCARCE(atls_psa_claims_parse(*bytes, components, ROOM, &claims));
    if (FAILS(result, claims) == 0)
        test_tell(told, claims.nonce);
    return result;
}

static int read_psa_token(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_psa_component components[ROOM];
    struct atls_cose_sign1 token;
    struct atls_psa_claims claims;

    TEST_FILL(claims);
    int result = TEST_SCARCE(
        atls_psa_token_parse(*bytes, ATLS_COSE_TAG_EITHER, components, ROOM, &token, &claims));
    if (FAILS(result, claims) == 0)
        test_tell(told, claims.nonce);
    return result;
}

static int read_cca(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_psa_component components[ROOM];
    struct atls_cca_token token;

    TEST_FILL(token);
    int result = TEST_SCARCE(atls_cca_token_parse(*bytes, components, ROOM, &token));
    if (FAILS(result, token) == 0)
        test_tell(told, token.realm_claims.challenge);
    return result;
}

static int read_parsec_cca(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_psa_component components[ROOM];
    struct atls_parsec_cca evidence;

    TEST_FILL(evidence);
    int result = TEST_SCARCE(atls_parsec_cca_parse(*bytes, components, ROOM, &evidence));
    if (FAILS(result, evidence) == 0)
        test_tell(told, evidence.nonce);
    return result;
}

static int read_tpm(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_tpm_evidence evidence;

    TEST_FILL(evidence);
    int result = TEST_SCARCE(atls_tpm_evidence_parse(*bytes, &evidence));
    if (FAILS(result, evidence) == 0)
        test_tell(told, evidence.kat_encoded);
    return result;
}

static int read_ra_tls(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_ra_tls evidence;

    TEST_FILL(evidence);
    int result = TEST_SCARCE(atls_ra_tls_parse(*bytes, &evidence));
    if (FAILS(result, evidence) == 0)
        test_tell(told, evidence.evidence);
    return result;
}

static int read_corim(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_corim corim;
    uint8_t *out;
    size_t size;

    TEST_FILL(corim);
    int result = TEST_SCARCE(atls_corim_parse(*bytes, &corim));
    if (FAILS(result, corim))
        return result;
    TEST_FILL(out);
    if (corim.reference_value_count || corim.trust_anchor_count) {
        result = TEST_SCARCE(atls_corim_write(&corim, &out, &size));
        if (FAILS(result, out) == 0) {
            test_tell(told, ATLS_BYTES(out, size));
            free(out);
        }
    }
    atls_corim_clear(&corim);
    return result;
}

static int read_corim_lax(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_corim corim;

    TEST_FILL(corim);
    int result = TEST_SCARCE(atls_corim_parse_lax(*bytes, &corim));
    if (FAILS(result, corim))
        return result;
    TEST_TELL(told, corim.reference_value_count);
    TEST_TELL(told, corim.trust_anchor_count);
    atls_corim_clear(&corim);
    return 0;
}

static int read_corim_signed(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_corim_signed corim;

    TEST_FILL(corim);
    int result = TEST_SCARCE(atls_corim_signed_parse(*bytes, &corim));
    if (FAILS(result, corim))
        return result;
    tell_text(told, corim.signer);
    atls_corim_signed_clear(&corim);
    return 0;
}

static int write_json(const json_t *json, char **textp)
{
    *textp = atls_json_write(json, JSON_COMPACT);
    return *textp ? 0 : atls_fail(-ENOMEM, NULL, "JSON: out of memory");
}

static int read_json(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    json_t *object;
    char *text;

    TEST_FILL(object);
    int result = TEST_SCARCE(atls_json_object(*bytes, "test", &object));
    if (FAILS(result, object))
        return result;
    result = TEST_SCARCE(write_json(object, &text));
    if (result == 0) {
        tell_text(told, text);
        free(text);
    }
    json_decref(object);
    return result;
}

static int write_jwk(const struct atls_private_key *key, json_t **jwkp)
{
    json_t *jwk = atls_jwk_of_public_key(&key->public_key);

    if (!jwk)
        return atls_fail(-ENOMEM, NULL, "JWK: out of memory");
    *jwkp = jwk;
    return 0;
}

static int read_jws(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_private_key key = test_private_key(ATLS_P256, 1);
    struct atls_jws jws;
    json_t *jwk;

    TEST_FILL(jwk);
    int result = TEST_SCARCE(write_jwk(&key, &jwk));
    if (FAILS(result, jwk))
        return result;
    TEST_FILL(jws);
    result = TEST_SCARCE(atls_jws_parse(*bytes, &jws));
    if (FAILS(result, jws) == 0) {
        result = TEST_SCARCE(atls_jws_verify(&jws, jwk));
        atls_jws_clear(&jws);
    }
    json_decref(jwk);
    return result;
}

/* Read, and written by a key of one's own. */
static int read_ear(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    struct atls_private_key key = test_private_key(ATLS_P256, 1);
    struct atls_ear ear;
    json_t *jwk = NULL;
    char *d;

    TEST_FILL(ear);
    int result = TEST_SCARCE(atls_ear_read_unverified(*bytes, &ear));
    if (FAILS(result, ear))
        return result;
    assert_int_equal(write_jwk(&key, &jwk), 0);
    d = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(key.d, 32));
    assert_int_equal(json_object_set_new(jwk, "d", json_string(d)), 0);
    free(d);
    for (int i = 0; result >= 0 && i < ATLS_EAR_SERIALIZATIONS; i++) {
        uint8_t *token;
        size_t size;

        TEST_FILL(token);
        result = TEST_SCARCE(
            atls_ear_write_as((enum atls_ear_serialization)i, &ear, jwk, &token, &size));
        if (FAILS(result, token) == 0) {
            test_tell(told, ATLS_BYTES(token, size));
            free(token);
        }
    }
    json_decref(jwk);
    atls_ear_clear(&ear);
    return result;
}

static int read_text(const void *in, struct test_told *told)
{
    const struct atls_bytes *bytes = in;
    uint8_t *data;
    size_t size;
    int result;

    TEST_FILL(data);
    result = TEST_SCARCE(atls_base64_decode(ATLS_BASE64_ANY, *bytes, &data, &size));
    if (FAILS(result, data) == 0) {
        test_tell(told, ATLS_BYTES(data, size));
        free(data);
    }
    if (result < 0)
        return result;
    TEST_FILL(data);
    result = TEST_SCARCE(atls_hex_decode(*bytes, &data, &size));
    if (FAILS(result, data) == 0)
        free(data);
    return result;
}

static const struct reader {
    const char *name, *seeds; /* rats/ROOM/corpus/NAME */
    test_operation read;
    size_t least; /* allocations, over all seeds */
} readers[] = {
    {"text", "base/corpus/text", read_text, 10},
    {"CBOR", "cbor/corpus/cbor", read_cbor, 100},
    {"CBOR made definite", "cbor/corpus/cbor", make_definite, 100},
    {"COSE_Sign1", "cose/corpus/cose", read_cose, 100},
    {"COSE_Sign", "cose/corpus/cose", read_cose_sign, 50},
    {"CMW", "cmw/corpus/cmw", read_cmw, 500},
    {"CMW as a claim", "cmw/corpus/cmw", read_cmw_claim, 50},
    {"CMW signed with COSE", "cmw/corpus/cmw", read_cmw_cose, 50},
    {"CMW signed with JWS", "cmw/corpus/cmw", read_cmw_jws, 50},
    {"CMW in an extension", "cmw/corpus/cmw-x509", read_extension, 50},
    {"CMW in TCG's extension", "cmw/corpus/cmw", read_extension_of_tcg, 50},
    {"bare value of TCG's extension", "cbor/corpus/cbor", read_bare, 10},
    {"CMW in a certificate", "cmw/corpus/cmw-x509", read_certificate, 1},
    {"CMW in a verified certificate", "cmw/corpus/cmw-x509", read_verified_certificate, 1},
    {"KAT", "tokens/corpus/kat", read_kat, 100},
    {"PAT's nonce", "tokens/corpus/kat", read_pat_nonce, 100},
    {"key binding", "tokens/corpus/kat", read_key_binding, 100},
    {"CAB", "tokens/corpus/kat", read_bundle, 100},
    {"bundle of 2022", "tokens/corpus/kat", read_prototype, 1},
    {"PSA claims", "tokens/corpus/psa", read_psa, 50},
    {"PSA token", "tokens/corpus/psa", read_psa_token, 50},
    {"CCA token", "tokens/corpus/cca", read_cca, 5},
    {"Parsec CCA", "tokens/corpus/cca", read_parsec_cca, 5},
    {"Parsec TPM", "tokens/corpus/tpm", read_tpm, 5},
    {"RA-TLS", "tokens/corpus/ra-tls", read_ra_tls, 5},
    {"CoRIM", "corim/corpus/corim", read_corim, 500},
    {"CoRIM, lax", "corim/corpus/corim", read_corim_lax, 500},
    {"signed CoRIM", "corim/corpus/corim", read_corim_signed, 100},
    {"JSON", "ear/corpus/ear", read_json, 100},
    {"JWS", "ear/corpus/ear", read_jws, 100},
    {"EAR", "ear/corpus/ear", read_ear, 100},
    {"EAR in a CWT", "ear/corpus/ear-cwt", read_ear, 100},
};

static void test_reader(void **state)
{
    const struct reader *reader = *state;
    const char *rats = getenv("ATLS_TESTDATA");
    char directory[2048];

    snprintf(directory, sizeof directory, "%s/../%s", rats ? rats : "testdata", reader->seeds);
    test_seeds_without_memory(reader->name, directory, TEST_FAILS, reader->read, reader->least);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_reader, readers);
    return test_run("without memory", &list);
}
