/* SPDX-License-Identifier: Apache-2.0 */
/* The compact JWS (RFC 7515) and the claims of an EAR. */
#include "result.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLAUSE "draft-ietf-rats-ear-03 section 3"
#define LEEWAY 2 /* seconds by which clocks may differ */
#define TIME_MOST 253402300799.0
#define BAD(why, ...) refuse((why), "malformed-result", CLAUSE, __VA_ARGS__)

/* Where the two dialects have other names. */
static const struct dialect {
    const char *profile, *status, *vector, *key, *claims;
} dialects[] = {
    {"tag:github.com,2023:veraison/ear", "ear.status", "ear.trustworthiness-vector",
     "ear.veraison.key-attestation", "ear.veraison.policy-claims"},
    {"tag:ietf.org,2026:rats/ear#03", "ear_status", "ear_trustworthiness_vector",
     "ear_veraison_key_attestation", "ear_veraison_policy_claims"},
    {"tag:ietf.org,2026:rats/ear#04", "ear_status", "ear_trustworthiness_vector",
     "ear_veraison_key_attestation", "ear_veraison_policy_claims"},
};
static const char *const tiers[] = {"none", "affirming", "warning", "contraindicated"};

const char *tier_word(enum tier tier)
{
    return tiers[tier];
}

struct jwt { /* the three parts as they came, and the first decoded */
    struct bytes header, payload, signature, signed_part;
};

static int split(struct bytes jwt, struct jwt *partsp, struct why *why)
{
    const uint8_t *first = jwt.size ? memchr(jwt.data, '.', jwt.size) : NULL, *second;
    const uint8_t *end = first ? jwt.data + jwt.size : NULL;
    second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return BAD(why, "a JWS in compact serialization has three parts");
    *partsp = (struct jwt){
        .header = BYTES(jwt.data, (size_t)(first - jwt.data)),
        .payload = BYTES(first + 1, (size_t)(second - first - 1)),
        .signature = BYTES(second + 1, (size_t)(end - second - 1)),
        .signed_part = BYTES(jwt.data, (size_t)(second - jwt.data)),
    };
    return 0;
}

static json_t *object_of(struct bytes part)
{
    struct blob text = {NULL, 0, 0};
    json_t *json = NULL;
    if (part.size > 0 && base64_read(part, true, &text) == 0)
        json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    blob_clear(&text);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

bool result_unsecured(struct bytes jwt)
{
    const uint8_t *dot = jwt.size ? memchr(jwt.data, '.', jwt.size) : NULL;
    json_t *header = dot ? object_of(BYTES(jwt.data, (size_t)(dot - jwt.data))) : NULL;
    const char *alg = json_string_value(json_object_get(header, "alg"));
    bool unsecured = alg && strcasecmp(alg, "none") == 0;
    json_decref(header);
    return unsecured;
}

/* RFC 7518 section 6.2: a public key; one with its private part was published by mistake. */
static int key_of_jwk(const json_t *jwk, struct public_key *keyp)
{
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    const char *crv = json_string_value(json_object_get(jwk, "crv"));
    const char *x = json_string_value(json_object_get(jwk, "x"));
    const char *y = json_string_value(json_object_get(jwk, "y"));
    struct blob bytes = {NULL, 0, 0};
    unsigned size = crv && strcmp(crv, "P-256") == 0   ? 32
                    : crv && strcmp(crv, "P-384") == 0 ? 48
                                                       : 0;
    if (!kty || strcmp(kty, "EC") != 0 || !size || !x || !y || json_object_get(jwk, "d"))
        return -1;
    int result =
        base64_read(text_bytes(x), true, &bytes) || bytes.size != size ||
                base64_read(text_bytes(y), true, &bytes) || bytes.size != 2 * (size_t)size
            ? -1
            : key_of_point(size, BYTES(bytes.data, size), BYTES(bytes.data + size, size), keyp);
    blob_clear(&bytes);
    return result;
}

int result_verify(struct bytes jwt, const json_t *jwk, struct why *why)
{
    struct jwt parts;
    struct public_key key;
    struct blob signature = {NULL, 0, 0};
    if (split(jwt, &parts, why))
        return -1;
    json_t *header = object_of(parts.header);
    const char *alg = json_string_value(json_object_get(header, "alg"));
    bool good = header && !json_object_get(header, "crit") && key_of_jwk(jwk, &key) == 0 && alg &&
                strcmp(alg, key.size == 32 ? "ES256" : "ES384") == 0 &&
                base64_read(parts.signature, true, &signature) == 0 &&
                key_verify(&key, parts.signed_part, BLOB_BYTES(signature)) == 0;
    json_decref(header);
    blob_clear(&signature);
    return good ? 0
                : refuse(why, "result-signature-invalid", "RFC 7515 section 5.2",
                         "the result's signature does not verify with its verifier's key");
}

static int read_time(const json_t *claims, const char *name, int64_t *timep, struct why *why)
{
    const json_t *value = json_object_get(claims, name);
    if (!value)
        return 0;
    double seconds = json_is_number(value) ? json_number_value(value) : -1;
    if (!(seconds >= 1 && seconds <= TIME_MOST))
        return BAD(why, "%s: expected seconds since 1970", name);
    *timep = (int64_t)seconds;
    return 0;
}

/* draft-ietf-rats-ar4si: what a value of a trustworthiness vector amounts to. */
static enum tier tier_of(json_int_t value)
{
    if (value >= -1 && value <= 1)
        return TIER_NONE;
    if (value >= -32 && value <= 31)
        return TIER_AFFIRMING;
    return value >= -96 && value <= 95 ? TIER_WARNING : TIER_CONTRAINDICATED;
}

/* Nothing said is worse than affirming, better than a warning. */
static int badness(enum tier tier)
{
    return tier == TIER_AFFIRMING ? 0 : tier == TIER_NONE ? 1 : (int)tier;
}

static int read_vector(const json_t *submod, const struct dialect *d, enum tier *worst,
                       struct why *why)
{
    static const char *const known[] = {"instance-identity", "configuration", "executables",
                                        "file-system",       "hardware",      "runtime-opaque",
                                        "storage-opaque",    "sourced-data"};
    json_t *vector = json_object_get(submod, d->vector), *value;
    const char *name;
    if (vector && !json_is_object(vector))
        return BAD(why, "%s: expected an object", d->vector);
    json_object_foreach(vector, name, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known = is_known || strcmp(known[i], name) == 0;
        json_int_t number = json_integer_value(value);
        if (!is_known || !json_is_integer(value) || number < -128 || number > 127)
            return BAD(why, "%s: \"%.32s\" is no trustworthiness claim", d->vector, name);
        if (number != 0 && badness(tier_of(number)) > badness(*worst))
            *worst = tier_of(number);
    }
    return 0;
}

static int read_key(const json_t *submod, const struct dialect *d, struct result *r,
                    struct why *why)
{
    const json_t *attestation = json_object_get(submod, d->key);
    const json_t *akpub = json_object_get(attestation, "akpub");
    struct blob spki = {NULL, 0, 0};
    struct public_key key;
    if (!attestation)
        return 0;
    bool good = json_is_string(akpub) &&
                base64_read(BYTES(json_string_value(akpub), json_string_length(akpub)), false,
                            &spki) == 0 &&
                key_of_spki(BLOB_BYTES(spki), &key) == 0;
    blob_clear(&spki);
    if (!good)
        return BAD(why, "%s: expected akpub, a SubjectPublicKeyInfo of P-256 or P-384", d->key);
    r->has_keys = r->has_keys || (r->has_key && !key_equal(&key, &r->key));
    r->has_key = true;
    r->key = key;
    return 0;
}

static int read_submod(const json_t *submod, const struct dialect *d, bool first, struct result *r,
                       struct why *why)
{
    const char *status = json_string_value(json_object_get(submod, d->status));
    enum tier tier = TIER_NONE;
    while (status && tier <= TIER_CONTRAINDICATED && strcmp(tiers[tier], status) != 0) {
        if (tier == TIER_CONTRAINDICATED)
            status = NULL;
        else
            tier++;
    }
    if (!status)
        return BAD(why, "%s: expected none, affirming, warning or contraindicated", d->status);
    if (read_vector(submod, d, &tier, why) || read_key(submod, d, r, why))
        return -1;
    json_t *claims = json_object_get(submod, d->claims);
    if (claims && !json_is_object(claims))
        return BAD(why, "%s: expected an object", d->claims);
    if (first || badness(tier) > badness(r->tier)) {
        r->tier = tier;
        json_decref(r->policy_claims);
        r->policy_claims = json_incref(claims);
    }
    return 0;
}

static int read_nonce(const json_t *claims, struct result *r, struct why *why)
{
    const json_t *nonce = json_object_get(claims, "eat_nonce");
    if (!nonce)
        return 0;
    if (!json_is_string(nonce) ||
        base64_read(BYTES(json_string_value(nonce), json_string_length(nonce)), false, &r->nonce) ||
        r->nonce.size < 8 || r->nonce.size > 64)
        return BAD(why, "eat_nonce: expected 8 to 64 bytes in base64url");
    return 0;
}

static int read_claims(const json_t *claims, struct result *r, struct why *why)
{
    const char *profile = json_string_value(json_object_get(claims, "eat_profile")), *name;
    json_t *submods = json_object_get(claims, "submods"), *submod;
    const json_t *issuer = json_object_get(claims, "iss");
    const struct dialect *d = NULL;
    for (size_t i = 0; i < 2 && profile; i++)
        d = strcmp(dialects[i].profile, profile) == 0 ? &dialects[i] : d;
    if (!d)
        return BAD(why, "eat_profile: expected %s or %s", dialects[0].profile, dialects[1].profile);
    if (issuer && !json_is_string(issuer))
        return BAD(why, "iss: expected text");
    r->issuer = issuer ? text_copy(text_bytes(json_string_value(issuer))) : NULL;
    if (read_time(claims, "iat", &r->issued, why) || read_time(claims, "exp", &r->expires, why) ||
        read_time(claims, "nbf", &r->not_before, why) || read_nonce(claims, r, why))
        return -1;
    if (!r->issued)
        return BAD(why, "iat is missing");
    if (!json_is_object(submods) || json_object_size(submods) == 0)
        return BAD(why, "submods: expected an object with a member");
    bool first = true;
    json_object_foreach(submods, name, submod)
    {
        if (!json_is_object(submod))
            return BAD(why, "a submod is an object");
        if (read_submod(submod, d, first, r, why))
            return -1;
        first = false;
    }
    return 0;
}

void result_clear(struct result *r)
{
    free(r->issuer);
    blob_clear(&r->nonce);
    json_decref(r->policy_claims);
    *r = (struct result){.issuer = NULL};
}

int result_read(struct bytes jwt, struct result *resultp, struct why *why)
{
    struct jwt parts;
    struct result r = {.issuer = NULL};
    struct blob signature = {NULL, 0, 0};
    if (split(jwt, &parts, why))
        return -1;
    json_t *header = object_of(parts.header), *claims = object_of(parts.payload);
    bool signed_ = json_is_string(json_object_get(header, "alg")) && parts.signature.size > 0 &&
                   base64_read(parts.signature, true, &signature) == 0;
    int result = signed_ && claims ? read_claims(claims, &r, why)
                                   : BAD(why, "expected a signed JWT with a JSON object");
    blob_clear(&signature);
    json_decref(header);
    json_decref(claims);
    if (result)
        result_clear(&r);
    else
        *resultp = r;
    return result;
}

int result_check_time(const struct result *r, int64_t now, int64_t most_age, struct why *why)
{
    int64_t end = r->expires ? r->expires : r->issued + most_age;
    if ((r->not_before && now + LEEWAY < r->not_before) || now + LEEWAY < r->issued)
        return refuse(why, "result-expired", "RFC 7519 section 4.1.6",
                      "the result is of the future: issued at %lld, it is %lld",
                      (long long)r->issued, (long long)now);
    if (now - LEEWAY >= end)
        return refuse(why, "result-expired", "RFC 7519 section 4.1.4",
                      "the result expired at %lld (%s), it is %lld", (long long)end,
                      r->expires ? "exp" : "iat and the greatest age", (long long)now);
    return 0;
}
