/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of the field: JWT and EAR claims, JWK, verifier sessions; any other as it comes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/ear/ear.h"
#include "rats/json/jws.h"

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(name, *names))
            return true;
    return false;
}

/* Members of a JWK that are private (RFC 7518 6.2.2, 6.3.2, 6.4.1; RFC 8037 2). */
static bool is_private(const json_t *parent, const char *name)
{
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", NULL};

    return json_object_get(parent, "kty") && is_one_of(name, names);
}

static bool is_trust_claim(const char *name)
{
    for (int i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++)
        if (!strcmp(name, atls_trust_claim_name(i)))
            return true;
    return false;
}

static void number(struct atls_diag *d, const char *label, const char *name, const json_t *json)
{
    static const char *const times[] = {"iat", "exp", "nbf", NULL};

    if (is_one_of(name, times))
        atls_diag_time(d, label, json_number_value(json));
    else if (json_is_real(json))
        atls_diag_line(d, label, "%.17g", json_real_value(json));
    else if (is_trust_claim(name) && llabs(json_integer_value(json)) <= 128)
        atls_diag_line(d, label, "%" JSON_INTEGER_FORMAT " %s", json_integer_value(json),
                       atls_tier_name(atls_trust_claim_tier((int)json_integer_value(json))));
    else
        atls_diag_line(d, label, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
}

/* The bytes that a member's text stands for, where we know that it stands for bytes. */
static bool string_of_bytes(struct atls_diag *d, const char *label, const char *name,
                            const json_t *parent, struct atls_bytes text)
{
    static const char *const nonces[] = {"eat_nonce", "nonce", "psa-nonce", NULL};
    static const char *const messages[] = {"ear.raw-evidence", "ear_raw_evidence", "cmw", NULL};
    bool is_nonce = is_one_of(name, nonces);
    bool is_key = !strcmp(name, "akpub");
    bool is_message = is_one_of(name, messages) ||
                      (!strcmp(name, "value") && json_is_string(json_object_get(parent, "type")));
    struct atls_public_key key;
    char key_name[ATLS_DIAG_KEY_NAME];
    uint8_t *data;
    size_t size;

    if (!(is_nonce || is_key || is_message) ||
        atls_base64_decode(ATLS_BASE64_ANY, text, &data, &size))
        return false;
    if (is_message)
        atls_diag_message(d, label, ATLS_BYTES(data, size));
    else if (is_nonce || atls_spki_decode(ATLS_BYTES(data, size), &key))
        atls_diag_bytes(d, label, ATLS_BYTES(data, size));
    else
        atls_diag_line(d, label, "%s key %s", key.curve == ATLS_P256 ? "P-256" : "P-384",
                       atls_diag_key_name(d, &key, key_name));
    free(data);
    return true;
}

static void string(struct atls_diag *d, const char *label, const char *name, const json_t *parent,
                   const json_t *json)
{
    struct atls_bytes text = atls_json_bytes(json);

    if (!strcmp(name, "result") && text.size > 3 && !memcmp(text.data, "eyJ", 3))
        atls_diag_message(d, label, text);
    else if (!string_of_bytes(d, label, name, parent, text))
        atls_diag_text(d, label, text);
}

static void value(struct atls_diag *d, const char *label, const char *name, const json_t *parent,
                  const json_t *json);

static void members(struct atls_diag *d, const json_t *object)
{
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)object, name, member)
    {
        char label[ATLS_DIAG_LABEL];

        atls_diag_escape(label, sizeof(label), atls_bytes_of_text(name));
        if (is_private(object, name))
            atls_diag_line(d, label, "private, not shown");
        else
            value(d, label, name, object, member);
    }
}

static void elements(struct atls_diag *d, const json_t *array)
{
    json_t *element;
    size_t i;

    json_array_foreach(array, i, element)
    {
        char label[24];

        snprintf(label, sizeof(label), "[%zu]", i);
        value(d, label, "", NULL, element);
    }
}

static void value(struct atls_diag *d, const char *label, const char *name, const json_t *parent,
                  const json_t *json)
{
    if (atls_diag_enter(d))
        return;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        atls_diag_line(d, label, "object (%zu)", json_object_size(json));
        d->depth++;
        members(d, json);
        d->depth--;
        break;
    case JSON_ARRAY:
        atls_diag_line(d, label, "array (%zu)", json_array_size(json));
        d->depth++;
        elements(d, json);
        d->depth--;
        break;
    case JSON_STRING:
        string(d, label, name, parent, json);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        number(d, label, name, json);
        break;
    default:
        atls_diag_line(d, label,
                       json_is_true(json)    ? "true"
                       : json_is_false(json) ? "false"
                                             : "null");
    }
    d->nested--;
}

void atls_diag_json(struct atls_diag *d, const char *label, const json_t *json)
{
    value(d, label, "", NULL, json);
}

void atls_diag_ear_claims(struct atls_diag *d, const json_t *claims)
{
    static const char *const dialects[ATLS_EAR_DIALECTS] = {
        " in Veraison's dialect", " of draft-ietf-rats-ear-03", " of draft-ietf-rats-ear-04"};
    struct atls_ear ear;
    char reason[ATLS_DIAG_REASON];
    int result = atls_ear_parse_claims(claims, &ear);

    if (result == ATLS_E_UNSUPPORTED) {
        atls_diag_finding(d, "not checked", "EAR claims: %s", atls_diag_reason(reason));
        return;
    }
    atls_diag_check(d, result, "EAR claims%s", result ? "" : dialects[ear.dialect]);
    if (result)
        return;
    atls_diag_finding(d, "result", "the worst tier is %s",
                      atls_tier_name(atls_ear_worst_tier(&ear)));
    if (ear.nonce)
        atls_diag_nonce(d, "EAR", ATLS_BYTES(ear.nonce, ear.nonce_size));
    atls_ear_clear(&ear);
}

/* With the verifier's key, or else with any key given. */
static void check_signature(struct atls_diag *d, const struct atls_jws *jws)
{
    char reason[ATLS_DIAG_REASON];
    int result = ATLS_E_SIGNATURE;
    size_t i = 0;

    if (atls_jws_is_unsecured(jws)) {
        atls_diag_check(d,
                        atls_fail(ATLS_E_SIGNATURE, "RFC 8725 section 3.2",
                                  "none: refused by name, nobody signed it"),
                        "signature of JWT");
        return;
    }
    if (d->keys.verifier_jwk) {
        atls_diag_signature_of_verifier(d, "JWT", atls_jws_verify(jws, d->keys.verifier_jwk));
        return;
    }
    if (!d->keys.key_count) {
        atls_diag_finding(d, "not checked", "signature of JWT: no key of the verifier given");
        return;
    }
    for (; result && i < d->keys.key_count; i++) {
        json_t *jwk = d->keys.jwks && d->keys.jwks[i] ? json_incref(d->keys.jwks[i])
                                                      : atls_jwk_of_public_key(&d->keys.keys[i]);
        result = atls_jws_verify(jws, jwk);
        json_decref(jwk);
    }
    if (result == ATLS_E_UNSUPPORTED)
        atls_diag_finding(d, "not checked", "signature of JWT: %s", atls_diag_reason(reason));
    else if (result)
        atls_diag_check(d, result, "signature of JWT");
    else
        atls_diag_check(d, 0, "signature of JWT verifies with key %zu", i);
}

/* The three parts of a compact JWS; false where there are not three. */
static bool take_parts(struct atls_bytes in, struct atls_jws *jwsp)
{
    struct atls_bytes rest = atls_text_trim(in);
    struct atls_bytes *parts[] = {&jwsp->header_part, &jwsp->payload_part, &jwsp->signature_part};

    for (size_t i = 0; i < 3; i++) {
        const uint8_t *dot = rest.size ? memchr(rest.data, '.', rest.size) : NULL;

        if ((i < 2) != (dot != NULL))
            return false;
        *parts[i] = ATLS_BYTES(rest.data, dot ? (size_t)(dot - rest.data) : rest.size);
        rest.data += dot ? parts[i]->size + 1 : 0;
        rest.size -= dot ? parts[i]->size + 1 : 0;
    }
    return true;
}

/* RFC 7515 section 2: the payload of a JWS is any octets; that of a JWT alone is a JSON object.
 * False, and nothing printed, for a JWT. */
static bool print_jws(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_jws jws = {.header = NULL};
    uint8_t *header = NULL, *payload = NULL, *signature = NULL;
    size_t header_size = 0, payload_size = 0, signature_size = 0;
    bool is_one =
        take_parts(in, &jws) &&
        atls_base64_decode(ATLS_BASE64URL, jws.header_part, &header, &header_size) == 0 &&
        atls_base64_decode(ATLS_BASE64URL, jws.payload_part, &payload, &payload_size) == 0 &&
        atls_base64_decode(ATLS_BASE64URL, jws.signature_part, &signature, &signature_size) == 0 &&
        atls_json_object(ATLS_BYTES(header, header_size), "protected header", &jws.header) == 0;
    json_t *claims =
        is_one ? json_loadb((const char *)payload, payload_size, JSON_ALLOW_NUL, NULL) : NULL;

    is_one = is_one && !json_is_object(claims);
    if (is_one) {
        atls_diag_json(d, "header", jws.header);
        atls_diag_payload(d, "payload", ATLS_BYTES(payload, payload_size));
        atls_diag_bytes(d, "signature", ATLS_BYTES(signature, signature_size));
        check_signature(d, &jws);
    }
    json_decref(claims);
    json_decref(jws.header);
    free(header);
    free(payload);
    free(signature);
    return is_one;
}

void atls_diag_jwt(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_jws jws;
    uint8_t *signature;
    size_t size;
    int result;

    if (print_jws(d, in))
        return;
    result = atls_jws_parse(in, &jws);

    if (result) {
        atls_diag_problem(d, result);
        return;
    }
    atls_diag_json(d, "header", jws.header);
    atls_diag_json(d, "claims", jws.payload);
    if (!jws.signature_part.size) {
        atls_diag_line(d, "signature", "none");
    } else if (!atls_base64_decode(ATLS_BASE64URL, jws.signature_part, &signature, &size)) {
        atls_diag_bytes(d, "signature", ATLS_BYTES(signature, size));
        free(signature);
    }
    check_signature(d, &jws);
    if (json_object_get(jws.payload, "submods"))
        atls_diag_ear_claims(d, jws.payload);
    atls_diag_json_cmw_claim(d, jws.payload);
    atls_jws_clear(&jws);
}

void atls_diag_jwk(struct atls_diag *d, const json_t *jwk)
{
    struct atls_public_key key;
    char name[ATLS_DIAG_KEY_NAME], reason[ATLS_DIAG_REASON];

    members(d, jwk);
    if (atls_jwk_to_public_key(jwk, &key))
        atls_diag_note(d, "%s", atls_diag_reason(reason));
    else
        atls_diag_finding(d, "key", "%s", atls_diag_key_name(d, &key, name));
    if (!atls_jwk_to_public_key(jwk, &key) && atls_jwk_to_verification_key(jwk, &key))
        atls_diag_note(d, "not for verifying signatures: %s", atls_diag_reason(reason));
    if (json_object_get(jwk, "d"))
        atls_diag_note(d, "this file holds a private key");
}
