/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS compact serialization and JWK. The header is checked first, so that nothing in a message or a
 * key file can choose the algorithm; the signature itself is the crypto adapter's. libjose, which
 * did this, builds and checks an EC key anew for each signature, at four times the cost of the
 * signature; the tests still hold this to libjose's signatures, and libjose to these.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/json/jws.h"

#define JWS "RFC 7515 section 7.1"
#define JWA "RFC 7518 section 3.1"
#define JWK "RFC 7518 section 6.2"

static const struct {
    enum atls_curve curve;
    const char *crv, *alg;
} curves[] = {{ATLS_P256, "P-256", "ES256"}, {ATLS_P384, "P-384", "ES384"}};

/* Base64url without padding, allocated. */
static int decode(struct atls_bytes text, const char *clause, const char *what, uint8_t **datap,
                  size_t *sizep)
{
    int result = atls_base64_decode(ATLS_BASE64URL, text, datap, sizep);

    return result == ATLS_E_MALFORMED
               ? atls_fail(result, clause, "%s: expected base64url without padding", what)
               : result;
}

static int decode_object(struct atls_bytes part, const char *what, json_t **objectp)
{
    uint8_t *data;
    size_t size;
    int result = decode(part, JWS, what, &data, &size);

    if (result)
        return result;
    result = atls_json_object(ATLS_BYTES(data, size), what, objectp);
    free(data);
    return result;
}

static int check_signature_part(struct atls_bytes part)
{
    uint8_t *data = NULL;
    size_t size;
    int result = decode(part, JWS, "JWS signature", &data, &size);

    free(data);
    return result;
}

int atls_jws_parse(struct atls_bytes jwt, struct atls_jws *jwsp)
{
    struct atls_bytes rest = atls_text_trim(jwt), part[3];
    struct atls_jws jws = {0};
    int result;

    if (rest.size > ATLS_JWS_MAX_SIZE)
        return atls_fail(ATLS_E_LIMIT, NULL, "JWS: expected at most %u bytes, came %zu",
                         ATLS_JWS_MAX_SIZE, rest.size);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *dot = rest.size ? memchr(rest.data, '.', rest.size) : NULL;
        if ((i < 2) != (dot != NULL))
            return atls_fail(ATLS_E_MALFORMED, JWS, "JWS: expected three parts with two dots");
        part[i] = ATLS_BYTES(rest.data, dot ? (size_t)(dot - rest.data) : rest.size);
        if (!part[i].size && i < 2)
            return atls_fail(ATLS_E_MALFORMED, JWS, "JWS: part %u of 3 is empty", i + 1);
        rest.data += dot ? part[i].size + 1 : 0;
        rest.size -= dot ? part[i].size + 1 : 0;
    }
    jws.header_part = part[0];
    jws.payload_part = part[1];
    jws.signature_part = part[2];
    result = decode_object(part[0], "JWS protected header", &jws.header);
    if (!result)
        result = decode_object(part[1], "JWS payload", &jws.payload);
    if (!result)
        result = check_signature_part(part[2]);
    if (result) {
        atls_jws_clear(&jws);
        return result;
    }
    *jwsp = jws;
    return 0;
}

void atls_jws_clear(struct atls_jws *jws)
{
    json_decref(jws->header);
    json_decref(jws->payload);
    *jws = (struct atls_jws){0};
}

/* A member that is a string; NULL where it is not there. ATLS_E_MALFORMED: another value. */
static int text_of(const json_t *object, const char *what, const char *name, const char *clause,
                   const char **textp)
{
    const json_t *value = json_object_get(object, name);

    *textp = atls_json_text(value);
    return value && !*textp
               ? atls_fail(ATLS_E_MALFORMED, clause, "%s %s: expected a string%s", what, name,
                           json_is_string(value) ? " without U+0000" : ", another value came")
               : 0;
}

/* key_ops: strings, none twice, verify among them, and where use is there as well, nothing that is
 * no matter of signatures ("they MUST be consistent"). A key for signing alone is none to verify
 * with: each operation is named by itself. */
static int check_operations(const json_t *jwk, const char *use)
{
    static const char clause[] = "RFC 7517 section 4.3";
    const json_t *operations = json_object_get(jwk, "key_ops"), *operation;
    bool verifies = !operations;
    size_t i;

    if (operations && !json_is_array(operations))
        return atls_fail(ATLS_E_MALFORMED, clause, "JWK key_ops: expected an array of strings");
    json_array_foreach(operations, i, operation)
    {
        bool verify = atls_json_is(operation, "verify");

        if (!json_is_string(operation))
            return atls_fail(ATLS_E_MALFORMED, clause,
                             "JWK key_ops: expected strings, another value came");
        for (size_t j = 0; j < i; j++)
            if (json_equal(json_array_get(operations, j), operation))
                return atls_fail(ATLS_E_MALFORMED, clause,
                                 "JWK key_ops: expected each operation once");
        if (use && !verify && !atls_json_is(operation, "sign"))
            return atls_fail(ATLS_E_UNTRUSTED, clause,
                             "JWK: use is sig, and key_ops holds more than sign and verify");
        verifies = verifies || verify;
    }
    return verifies ? 0
                    : atls_fail(ATLS_E_UNTRUSTED, clause,
                                "expected a key for verification, its key_ops has no \"verify\"");
}

int atls_jwk_to_verification_key(const json_t *jwk, struct atls_public_key *keyp)
{
    struct atls_public_key key;
    const char *alg, *use;
    int result = atls_jwk_to_public_key(jwk, &key);

    if (!result)
        result = text_of(jwk, "JWK", "alg", "RFC 7517 section 4.4", &alg);
    if (!result)
        result = text_of(jwk, "JWK", "use", "RFC 7517 section 4.2", &use);
    if (result)
        return result;
    const char *expected = curves[key.curve == ATLS_P384].alg;
    if (alg && strcmp(alg, expected) != 0)
        return atls_fail(ATLS_E_UNTRUSTED, "RFC 7517 section 4.4",
                         "expected a key for alg %s, by its curve, it is for %.32s", expected, alg);
    if (use && strcmp(use, "sig") != 0)
        return atls_fail(ATLS_E_UNTRUSTED, "RFC 7517 section 4.2",
                         "expected a key for signatures, its use is %.32s", use);
    result = check_operations(jwk, use);
    if (!result)
        *keyp = key;
    return result;
}

bool atls_jws_is_unsecured(const struct atls_jws *jws)
{
    return atls_json_is(json_object_get(jws->header, "alg"), "none");
}

static int check_header(const struct atls_jws *jws, const struct atls_public_key *key)
{
    const char *alg;
    size_t i;
    int result = text_of(jws->header, "JWS header", "alg", "RFC 7515 section 4.1.1", &alg);

    if (result)
        return result;
    if (atls_jws_is_unsecured(jws))
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 8725 section 3.2",
                         "expected a signed JWS, came one with alg none, which nobody signed");
    if (json_object_get(jws->header, "crit") || json_object_get(jws->header, "b64"))
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 7515 section 4.1.11",
                         "JWS header: no critical extension is understood");
    if (!alg)
        return atls_fail(ATLS_E_MALFORMED, "RFC 7515 section 4.1.1", "JWS header: alg is missing");
    for (i = 0; i < 2 && strcmp(alg, curves[i].alg) != 0; i++)
        ;
    if (i == 2)
        return atls_fail(ATLS_E_UNSUPPORTED, JWA, "JWS alg: expected ES256 or ES384, came %.32s",
                         alg);
    if (curves[i].curve != key->curve)
        return atls_fail(ATLS_E_SIGNATURE, "RFC 7518 section 3.4",
                         "JWS alg %s does not fit the key's curve", alg);
    return 0;
}

/* The digest over BASE64URL(header) || '.' || BASE64URL(payload), by the hash of ES256 or ES384. */
static int digest_parts(enum atls_curve curve, struct atls_bytes header, struct atls_bytes payload,
                        uint8_t digestp[ATLS_HASH_MAX])
{
    const struct atls_bytes parts[] = {header, atls_bytes_of_text("."), payload};
    return atls_crypto_hosted.hash(atls_curve_hash(curve), parts, 3, digestp);
}

int atls_jws_verify(const struct atls_jws *jws, const json_t *jwk)
{
    struct atls_public_key key = {0};
    uint8_t digest[ATLS_HASH_MAX], *signature;
    size_t size;
    int result = atls_jwk_to_verification_key(jwk, &key);

    if (!result)
        result = check_header(jws, &key);
    if (!result)
        result = digest_parts(key.curve, jws->header_part, jws->payload_part, digest);
    if (!result)
        result = atls_base64_decode(ATLS_BASE64URL, jws->signature_part, &signature, &size);
    if (result)
        return result;
    if (size != 2 * atls_curve_size(key.curve))
        result = atls_fail(ATLS_E_SIGNATURE, "RFC 7518 section 3.4",
                           "JWS signature: expected %zu bytes, came %zu",
                           2 * atls_curve_size(key.curve), size);
    else if ((result = atls_crypto_hosted.verify(
                  &key, ATLS_BYTES(digest, atls_hash_size(atls_curve_hash(key.curve))),
                  ATLS_BYTES(signature, size))) > 0)
        result = atls_fail(ATLS_E_SIGNATURE, "RFC 7515 section 5.2",
                           "JWS signature does not verify with the %s key given",
                           curves[key.curve == ATLS_P384].alg);
    free(signature);
    return result;
}

/* Base64url of JSON text; NULL where there is no memory. */
static char *encode_json(const json_t *json)
{
    char *text = atls_json_write(json, JSON_COMPACT);
    char *part = text ? atls_base64_encode(ATLS_BASE64URL, atls_bytes_of_text(text)) : NULL;

    free(text);
    return part;
}

static int sign_parts(const struct atls_private_key *key, const char *header, const char *payload,
                      char **jwtp)
{
    enum atls_curve curve = key->public_key.curve;
    uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX];
    int result =
        digest_parts(curve, atls_bytes_of_text(header), atls_bytes_of_text(payload), digest);

    if (!result)
        result = atls_crypto_hosted.sign(
            key, ATLS_BYTES(digest, atls_hash_size(atls_curve_hash(curve))), signature);
    if (result)
        return result;
    char *text =
        atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(signature, 2 * atls_curve_size(curve)));
    char *jwt;
    result = text && asprintf(&jwt, "%s.%s.%s", header, payload, text) >= 0 ? 0 : -ENOMEM;
    free(text);
    if (result)
        return atls_fail(result, NULL, "JWS: out of memory");
    *jwtp = jwt;
    return 0;
}

static int read_coordinate(const json_t *jwk, const char *name, enum atls_curve curve,
                           uint8_t *coordinatep);

int atls_jws_sign(const json_t *claims, const json_t *signer_jwk, char **jwtp)
{
    char *text = atls_json_write(claims, JSON_COMPACT);
    int result = text ? atls_jws_sign_as(atls_bytes_of_text(text), "typ", "JWT", signer_jwk, jwtp)
                      : atls_fail(-ENOMEM, NULL, "JWS: out of memory");

    free(text);
    return result;
}

int atls_jws_sign_as(struct atls_bytes payload, const char *name, const char *value,
                     const json_t *signer_jwk, char **jwtp)
{
    struct atls_private_key key = {0};
    char *header = NULL, *part = NULL;

    int result = atls_jwk_to_private_key(signer_jwk, &key);
    if (result)
        return result;
    json_t *fields =
        json_pack("{s:s, s:s}", "alg", curves[key.public_key.curve == ATLS_P384].alg, name, value);
    if (fields) {
        header = encode_json(fields);
        part = atls_base64_encode(ATLS_BASE64URL, payload);
    }
    result = header && part ? sign_parts(&key, header, part, jwtp)
                            : atls_fail(-ENOMEM, NULL, "JWS: out of memory");
    explicit_bzero(&key, sizeof key);
    json_decref(fields);
    free(header);
    free(part);
    return result;
}

json_t *atls_jwk_of_public_key(const struct atls_public_key *key)
{
    size_t size = atls_curve_size(key->curve);
    char *x = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(key->x, size));
    char *y = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(key->y, size));
    json_t *jwk = json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv",
                            curves[key->curve == ATLS_P384].crv, "x", x, "y", y); /* or x, y NULL */

    free(x);
    free(y);
    return jwk;
}

static int read_coordinate(const json_t *jwk, const char *name, enum atls_curve curve,
                           uint8_t *coordinatep)
{
    const json_t *text = json_object_get(jwk, name);
    char what[8];
    uint8_t *data;
    size_t size;
    int result;

    if (!json_is_string(text))
        return atls_fail(ATLS_E_MISSING, JWK, "JWK: %s is missing", name);
    snprintf(what, sizeof what, "JWK %s", name);
    result = decode(atls_json_bytes(text), JWK, what, &data, &size);
    if (result)
        return result;
    if (size == atls_curve_size(curve))
        memcpy(coordinatep, data, size);
    else
        result = atls_fail(ATLS_E_MALFORMED, JWK, "JWK %s: expected %zu bytes, came %zu", name,
                           atls_curve_size(curve), size);
    free(data);
    return result;
}

int atls_jwk_to_private_key(const json_t *jwk, struct atls_private_key *keyp)
{
    struct atls_private_key key = {0};
    int result = atls_jwk_to_public_key(jwk, &key.public_key);

    if (!result)
        result = read_coordinate(jwk, "d", key.public_key.curve, key.d);
    if (result > 0)
        result = atls_fail(-EINVAL, JWK, "JWS: expected a private EC key on P-256 or P-384");
    if (!result)
        *keyp = key;
    explicit_bzero(&key, sizeof key);
    return result;
}

int atls_jwk_to_public_key(const json_t *jwk, struct atls_public_key *keyp)
{
    const char *kty = atls_json_text(json_object_get(jwk, "kty"));
    const char *crv = atls_json_text(json_object_get(jwk, "crv"));
    struct atls_public_key key = {0};
    size_t i;
    int result;

    if (!kty)
        return atls_fail(ATLS_E_MALFORMED, "RFC 7517 section 4.1", "JWK: kty is missing");
    if (strcmp(kty, "EC") != 0)
        return atls_fail(ATLS_E_UNSUPPORTED, JWK, "JWK kty: expected EC, came %.32s", kty);
    for (i = 0; crv && i < 2 && strcmp(crv, curves[i].crv) != 0; i++)
        ;
    if (!crv || i == 2)
        return atls_fail(ATLS_E_UNSUPPORTED, JWK, "JWK crv: expected P-256 or P-384, came %.32s",
                         crv ? crv : "nothing");
    key.curve = curves[i].curve;
    result = read_coordinate(jwk, "x", key.curve, key.x);
    if (!result)
        result = read_coordinate(jwk, "y", key.curve, key.y);
    return result ? result
                  : atls_public_key_of(key.curve, key.x, key.y, "RFC 8725 section 3.4", keyp);
}
