/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading attestation results. The dialects differ in names only, so one table of names a
 * dialect drives one parser; what a relying party decides by (status, trust vector, attested key,
 * nonce, times) is read strictly, everything else is left alone.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/ear/ear-labels.h"
#include "rats/json/json.h"

#define EAR ATLS_EAR_CLAUSE
#define AR4SI "draft-ietf-rats-ar4si section 2.3"
#define EAT_NONCE "RFC 9711 section 4.1"
#define TIME_MAX 9007199254740991.0 /* 2^53 - 1: what JSON numbers carry exactly (RFC 8259 6) */

/* What -04 has of its own is the tag: the names are those of -03. */
#define DRAFT_NAMES                                                                                \
    "ear_verifier_id", "ear_status", "ear_trustworthiness_vector", "ear_appraisal_policy_ids",     \
        "ear_veraison_annotated_evidence", "ear_veraison_policy_claims",                           \
        "ear_veraison_key_attestation", true, true

const struct atls_ear_names atls_ear_names[] = {
    [ATLS_EAR_VERAISON] = {"tag:github.com,2023:veraison/ear", "ear.verifier-id", "ear.status",
                           "ear.trustworthiness-vector", "ear.appraisal-policy-id",
                           "ear.veraison.annotated-evidence", "ear.veraison.policy-claims",
                           "ear.veraison.key-attestation", false, false},
    [ATLS_EAR_DRAFT_03] = {"tag:ietf.org,2026:rats/ear#03", DRAFT_NAMES},
    [ATLS_EAR_DRAFT_04] = {"tag:ietf.org,2026:rats/ear#04", DRAFT_NAMES},
};

const char *atls_ear_dialect_name(enum atls_ear_dialect dialect)
{
    static const char *const names[ATLS_EAR_DIALECTS] = {"veraison", "draft-03", "draft-04"};
    return (unsigned)dialect < ATLS_EAR_DIALECTS ? names[dialect] : NULL;
}

bool atls_ear_is_for(const struct atls_ear *ear, const char *const *names, size_t count)
{
    const json_t *audience = ear->audience, *entry;
    bool named = !audience;
    size_t i;

    for (size_t n = 0; n < count; n++) {
        named = named || atls_json_is(audience, names[n]);
        json_array_foreach(audience, i, entry) named = named || atls_json_is(entry, names[n]);
    }
    return named;
}

static void clear_submod(struct atls_ear_submod *submod)
{
    free(submod->name);
    free(submod->policy_id);
    json_decref(submod->policy_claims);
    json_decref(submod->annotated_evidence);
}

void atls_ear_clear(struct atls_ear *ear)
{
    for (size_t i = 0; i < ear->submod_count; i++)
        clear_submod(&ear->submods[i]);
    free(ear->submods);
    free(ear->issuer);
    json_decref(ear->audience);
    free(ear->developer);
    free(ear->build);
    free(ear->nonce);
    *ear = (struct atls_ear){0};
}

/* What goes on as a C string. */
static int copy_text(const json_t *value, const char *name, char **textp)
{
    const char *text = atls_json_text(value);

    if (!text)
        return atls_fail(ATLS_E_MALFORMED, EAR, "EAR %s: expected a string%s", name,
                         json_is_string(value) ? " without U+0000" : ", another value came");
    *textp = strdup(text);
    return *textp ? 0 : atls_ear_no_memory();
}

static int read_text(const json_t *object, const char *name, bool mandatory, char **textp)
{
    const json_t *value = json_object_get(object, name);

    if (!value)
        return mandatory ? atls_fail(ATLS_E_MISSING, EAR, "EAR: %s is missing", name) : 0;
    return copy_text(value, name, textp);
}

/* A string, or an array of strings, which may be empty: then it is for nobody. */
static int read_audience(const json_t *claims, struct atls_ear *ear)
{
    json_t *value = json_object_get(claims, "aud"), *entry;
    bool good = !value || json_is_string(value) || json_is_array(value);
    size_t i;

    json_array_foreach(value, i, entry) good = good && json_is_string(entry);
    if (!good)
        return atls_fail(ATLS_E_MALFORMED, "RFC 7519 section 4.1.3",
                         "EAR aud: expected a string or an array of strings, another value came");
    ear->audience = json_incref(value);
    return 0;
}

/* How a time may be written. INTEGER: without fraction and exponent. WHOLE: its value is an
 * integer. With a fraction it is rounded so that the result is valid for less long. */
enum writing { INTEGER, WHOLE, FRACTION_UP, FRACTION_DOWN };

/* NumericDate (RFC 7519 section 2): a number, in whatever way JSON writes it, but for what CLAUSE
 * forbids. */
static int read_time(const json_t *claims, const char *name, enum writing writing,
                     const char *clause, int64_t *timep)
{
    const json_t *value = json_object_get(claims, name);
    double seconds = json_is_number(value) ? json_number_value(value) : -1;

    if (!value)
        return 0;
    if (!(seconds >= 1 && seconds <= TIME_MAX))
        return atls_fail(ATLS_E_MALFORMED, "RFC 7519 section 2",
                         "EAR %s: expected a number of seconds since 1970, 1 to 2^53 - 1", name);
    *timep = json_is_integer(value) ? json_integer_value(value) : (int64_t)seconds;
    if (json_is_real(value) &&
        (writing == INTEGER || (writing == WHOLE && (double)*timep < seconds)))
        return atls_fail(ATLS_E_MALFORMED, clause,
                         "EAR %s: expected an integer, came %.17g in floating-point format", name,
                         seconds);
    if (writing == FRACTION_UP && (double)*timep < seconds)
        ++*timep;
    return 0;
}

static int read_nonce(const json_t *claims, struct atls_ear *ear)
{
    const json_t *value = json_object_get(claims, "eat_nonce");
    struct atls_bytes text;
    int result;

    if (!value)
        return 0;
    if (json_is_array(value))
        return atls_fail(ATLS_E_UNSUPPORTED, EAT_NONCE, "EAR eat_nonce: expected a single nonce");
    if (!json_is_string(value))
        return atls_fail(ATLS_E_MALFORMED, EAT_NONCE, "EAR eat_nonce: expected a string");
    text = atls_json_bytes(value);
    result = atls_base64_decode(text.size && text.data[text.size - 1] == '=' ? ATLS_BASE64URL_PADDED
                                                                             : ATLS_BASE64URL,
                                text, &ear->nonce, &ear->nonce_size);
    if (result == ATLS_E_MALFORMED)
        return atls_fail(result, EAT_NONCE, "EAR eat_nonce: expected base64url");
    if (result)
        return result;
    if (ear->nonce_size < 8 || ear->nonce_size > 64)
        return atls_fail(ATLS_E_MALFORMED, EAT_NONCE,
                         "EAR eat_nonce: expected 8 to 64 bytes, came %zu", ear->nonce_size);
    return 0;
}

/* In JSON a tier is one of four words; the numbers beside them are CBOR's. */
static int read_status(const json_t *object, const char *name, enum atls_tier *statusp)
{
    const json_t *value = json_object_get(object, name);
    const char *text = atls_json_text(value);

    if (!value)
        return atls_fail(ATLS_E_MISSING, EAR, "EAR submod: %s is missing", name);
    if (atls_tier_by_name(text, statusp))
        return 0;
    return atls_fail(ATLS_E_MALFORMED, EAR,
                     "EAR %s: expected none, affirming, warning or contraindicated, came %.32s",
                     name, text ? text : "another value");
}

static int read_overall_status(const json_t *claims, const struct atls_ear_names *names,
                               struct atls_ear *ear)
{
    ear->has_status = json_object_get(claims, names->status) != NULL;
    return ear->has_status ? read_status(claims, names->status, &ear->status) : 0;
}

static int read_trust_vector(const json_t *submod, const char *name,
                             struct atls_ear_submod *submodp)
{
    json_t *vector = json_object_get(submod, name), *value;
    const char *key;

    if (!vector)
        return 0;
    if (!json_is_object(vector))
        return atls_fail(ATLS_E_MALFORMED, EAR, "EAR %s: expected an object", name);
    json_object_foreach(vector, key, value)
    {
        size_t i = 0;

        while (i < ATLS_TRUST_CLAIM_COUNT &&
               strcmp(key, atls_trust_claim_name((enum atls_trust_claim)i)) != 0)
            i++;
        if (i == ATLS_TRUST_CLAIM_COUNT)
            return atls_fail(ATLS_E_MALFORMED, AR4SI, "EAR %s: unknown claim %.32s", name, key);
        if (!json_is_integer(value) || json_integer_value(value) < -128 ||
            json_integer_value(value) > 127)
            return atls_fail(ATLS_E_MALFORMED, AR4SI,
                             "EAR %s.%s: expected an integer from -128 to 127", name, key);
        submodp->has_claim[i] = true;
        submodp->trust_vector[i] = (int)json_integer_value(value);
    }
    return 0;
}

/* The first one: Veraison gives one string, the draft an array. */
static int read_policy_id(const json_t *submod, const struct atls_ear_names *names,
                          struct atls_ear_submod *submodp)
{
    const json_t *value = json_object_get(submod, names->policy_id);

    if (!value)
        return 0;
    if (names->policy_ids_are_array) {
        if (!json_is_array(value) || !json_array_size(value))
            return atls_fail(ATLS_E_MALFORMED, EAR, "EAR %s: expected an array of strings",
                             names->policy_id);
        value = json_array_get(value, 0);
    }
    return copy_text(value, names->policy_id, &submodp->policy_id);
}

/* Veraison's key attestation: {"akpub": base64url of DER SubjectPublicKeyInfo}. */
static int read_key(const json_t *submod, const struct atls_ear_names *names,
                    struct atls_ear_submod *submodp)
{
    const json_t *value = json_object_get(submod, names->key_attestation);
    const json_t *akpub = json_object_get(value, "akpub");
    uint8_t *spki;
    size_t size;
    int result;

    if (!value)
        return 0;
    if (!json_is_object(value))
        return atls_fail(ATLS_E_MALFORMED, EAR, "EAR %s: expected an object",
                         names->key_attestation);
    if (!json_is_string(akpub))
        return atls_fail(akpub ? ATLS_E_MALFORMED : ATLS_E_MISSING, EAR,
                         "EAR %s: expected akpub, a string", names->key_attestation);
    result = atls_base64_decode(ATLS_BASE64_ANY, atls_json_bytes(akpub), &spki, &size);
    if (result == ATLS_E_MALFORMED)
        return atls_fail(result, EAR, "EAR akpub: expected base64url");
    if (result)
        return result;
    result = atls_spki_decode(ATLS_BYTES(spki, size), &submodp->key);
    free(spki);
    submodp->has_key = !result;
    return result;
}

static int read_object(const json_t *submod, const char *name, json_t **objectp)
{
    json_t *value = json_object_get(submod, name);

    if (value && !json_is_object(value))
        return atls_fail(ATLS_E_MALFORMED, EAR, "EAR %s: expected an object", name);
    *objectp = json_incref(value);
    return 0;
}

static int read_submod(const char *name, const json_t *json, const struct atls_ear_names *names,
                       struct atls_ear_submod *submod)
{
    int result;

    if (!json_is_object(json))
        return atls_fail(ATLS_E_MALFORMED, EAR, "EAR submod %.64s: expected an object", name);
    submod->name = strdup(name);
    if (!submod->name)
        return atls_ear_no_memory();
    result = read_status(json, names->status, &submod->status);
    if (!result)
        result = read_trust_vector(json, names->trust_vector, submod);
    if (!result)
        result = read_policy_id(json, names, submod);
    if (!result)
        result = read_key(json, names, submod);
    if (!result)
        result = read_object(json, names->policy_claims, &submod->policy_claims);
    if (!result)
        result = read_object(json, names->annotated_evidence, &submod->annotated_evidence);
    return result;
}

static int read_submods(const json_t *claims, const struct atls_ear_names *names,
                        struct atls_ear *ear)
{
    json_t *submods = json_object_get(claims, "submods"), *value;
    const char *name;
    int result;

    if (!json_is_object(submods) || !json_object_size(submods))
        return atls_fail(submods ? ATLS_E_MALFORMED : ATLS_E_MISSING, EAR,
                         "EAR submods: expected an object with at least one member");
    ear->submods = calloc(json_object_size(submods), sizeof(*ear->submods));
    if (!ear->submods)
        return atls_ear_no_memory();
    json_object_foreach(submods, name, value)
    {
        result = read_submod(name, value, names, &ear->submods[ear->submod_count++]);
        if (result)
            return result;
    }
    return 0;
}

static int read_profile(const json_t *claims, enum atls_ear_dialect *dialectp)
{
    const json_t *profile = json_object_get(claims, "eat_profile");

    if (!json_is_string(profile))
        return atls_fail(profile ? ATLS_E_MALFORMED : ATLS_E_MISSING, EAR,
                         "EAR: expected eat_profile, a string");
    for (int i = 0; i < ATLS_EAR_DIALECTS; i++) {
        if (atls_json_is(profile, atls_ear_names[i].profile)) {
            *dialectp = i;
            return 0;
        }
    }
    return atls_fail(ATLS_E_UNSUPPORTED, EAR, "EAR eat_profile: expected %s, %s or %s, came %.64s",
                     atls_ear_names[0].profile, atls_ear_names[1].profile,
                     atls_ear_names[2].profile, json_string_value(profile));
}

static int read_verifier_id(const json_t *claims, const struct atls_ear_names *names,
                            struct atls_ear *ear)
{
    const json_t *id = json_object_get(claims, names->verifier_id);
    int result;

    if (!json_is_object(id))
        return atls_fail(id ? ATLS_E_MALFORMED : ATLS_E_MISSING, EAR, "EAR: expected %s, an object",
                         names->verifier_id);
    result = read_text(id, "developer", true, &ear->developer);
    return result ? result : read_text(id, "build", true, &ear->build);
}

static int read_times(const json_t *claims, const struct atls_ear_names *names,
                      struct atls_ear *ear)
{
    /* Of any EAT an iat in floating-point format is an error. Veraison's encoder writes it with an
     * exponent (1.666529184e+09), though, which is the integer that is meant. */
    int result = read_time(claims, "iat", names->times_are_integers ? INTEGER : WHOLE,
                           "RFC 9711 section 4.3.1", &ear->issued_at);

    if (!result && !ear->issued_at)
        return atls_fail(ATLS_E_MISSING, EAR, "EAR: iat is missing");
    if (!result)
        result = read_time(claims, "exp", names->times_are_integers ? INTEGER : FRACTION_DOWN, EAR,
                           &ear->expires_at);
    return result ? result : read_time(claims, "nbf", FRACTION_UP, NULL, &ear->not_before);
}

int atls_ear_parse_claims(const json_t *claims, struct atls_ear *earp)
{
    struct atls_ear ear = {0};
    const struct atls_ear_names *names;
    int result;

    if (!json_is_object(claims))
        return atls_fail(ATLS_E_MALFORMED, EAR, "EAR: expected a JSON object");
    result = read_profile(claims, &ear.dialect);
    if (result)
        return result;
    names = &atls_ear_names[ear.dialect];
    result = read_times(claims, names, &ear);
    if (!result)
        result = read_overall_status(claims, names, &ear);
    if (!result)
        result = read_audience(claims, &ear);
    if (!result)
        result = read_verifier_id(claims, names, &ear);
    if (!result)
        result = read_text(claims, "iss", false, &ear.issuer);
    if (!result)
        result = read_nonce(claims, &ear);
    if (!result)
        result = read_submods(claims, names, &ear);
    if (result)
        atls_ear_clear(&ear);
    else
        *earp = ear;
    return result;
}

int atls_ear_parse_cbor(struct atls_bytes claims, struct atls_ear *earp)
{
    json_t *json;
    int result = atls_ear_claims_of_cbor(claims, &json);

    if (result)
        return result;
    result = atls_ear_parse_claims(json, earp);
    json_decref(json);
    return result;
}

int atls_ear_read_token(const struct atls_ear_token *token, const json_t *verifier_jwk,
                        struct atls_ear *earp)
{
    int result = atls_ear_token_verify(token, verifier_jwk);

    return result ? result : atls_ear_parse_claims(token->claims, earp);
}

int atls_ear_read(struct atls_bytes in, const json_t *verifier_jwk, struct atls_ear *earp)
{
    struct atls_ear_token token;
    int result = atls_ear_token_parse(in, &token);

    if (result)
        return result;
    result = atls_ear_read_token(&token, verifier_jwk, earp);
    atls_ear_token_clear(&token);
    return result;
}

int atls_ear_read_unverified(struct atls_bytes in, struct atls_ear *earp)
{
    struct atls_ear_token token;
    int result = atls_ear_token_parse(in, &token);

    if (result)
        return result;
    result = atls_ear_parse_claims(token.claims, earp);
    atls_ear_token_clear(&token);
    return result;
}

int atls_ear_check_time(const struct atls_ear *ear, int64_t now, int64_t leeway, int64_t max_age)
{
    long long at = now;
    int64_t end = ear->expires_at ? ear->expires_at : ear->issued_at + max_age;

    if (ear->not_before && now + leeway < ear->not_before)
        return atls_fail(ATLS_E_EXPIRED, "RFC 7519 section 4.1.5",
                         "EAR is not valid before %lld, it is %lld", (long long)ear->not_before,
                         at);
    if (now + leeway < ear->issued_at)
        return atls_fail(ATLS_E_EXPIRED, "RFC 7519 section 4.1.6",
                         "EAR was issued in the future, at %lld, it is %lld",
                         (long long)ear->issued_at, at);
    if (now - leeway >= end)
        return atls_fail(ATLS_E_EXPIRED, "RFC 7519 section 4.1.4",
                         "EAR expired at %lld (%s), it is %lld", (long long)end,
                         ear->expires_at ? "exp" : "iat and the greatest age", at);
    return 0;
}
