/* SPDX-License-Identifier: Apache-2.0 */
/* Attestation results. The developer names what this is, so that no result of a test is mistaken
 * for one that says something about a real device. */
#include "verifier-stub/appraisal/result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/json/json.h"
#include "rats/json/jws.h"
#include "verifier-stub/appraisal/manners.h"

#define DEVELOPER "atls verifier stub (simulated root of trust)"
#define BUILD "atls-verifier " ATLS_VERSION

/* All eight claims, as Veraison writes them; 0 says that no claim is made, and so does a terse
 * verifier's silence. */
static void fill_submod(const struct atls_submod_verdict *verdict, bool terse, char *policy_id,
                        struct atls_ear_submod *submod)
{
    submod->name = (char *)(uintptr_t)verdict->name; /* only read */
    submod->status = verdict->tier;
    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++) {
        submod->has_claim[i] = verdict->trust_vector[i] != 0 || !terse;
        submod->trust_vector[i] = verdict->trust_vector[i];
    }
    submod->policy_id = terse ? NULL : policy_id;
    submod->annotated_evidence = verdict->annotated_evidence;
}

/* Why stands in each submod that made the tier what it is, where there is something to say. */
static int explain(const struct atls_evidence_verdict *appraisal, struct atls_bytes nonce,
                   const struct atls_appraisal_manners *manners, struct atls_ear_submod *submods)
{
    json_t *why = NULL;
    int result = manners->explain(appraisal, nonce, &why);

    for (size_t i = 0; i < appraisal->submod_count; i++)
        if (appraisal->submods[i].tier == appraisal->tier)
            submods[i].policy_claims = json_incref(why);
    json_decref(why);
    return result;
}

int atls_result_write(const struct atls_evidence_verdict *appraisal, struct atls_bytes nonce,
                      int64_t now, bool terse, const struct atls_result_rules *rules,
                      enum atls_ear_serialization serialization, uint8_t **tokenp, size_t *sizep)
{
    char developer[] = DEVELOPER, build[] = BUILD, policy_ids[ATLS_SUBMODS_MAX][64];
    struct atls_ear_submod submods[ATLS_SUBMODS_MAX] = {0};
    struct atls_ear ear = {
        .dialect = rules->dialect,
        .issued_at = now,
        .expires_at = rules->lifetime ? now + rules->lifetime : 0,
        .issuer = (char *)(uintptr_t)rules->identity,
        .audience = rules->audience,
        .developer = developer,
        .build = build,
        .nonce = (uint8_t *)(uintptr_t)nonce.data,
        .nonce_size = nonce.size,
        .submods = submods,
        .submod_count = appraisal->submod_count,
    };
    int result = 0;

    for (size_t i = 0; i < appraisal->submod_count; i++) {
        snprintf(policy_ids[i], sizeof policy_ids[i], "policy:%s", appraisal->submods[i].name);
        fill_submod(&appraisal->submods[i], terse, policy_ids[i], &submods[i]);
    }
    submods[0].has_key = appraisal->has_key;
    submods[0].key = appraisal->key;
    if (!terse || appraisal->tier != ATLS_TIER_AFFIRMING)
        result = explain(appraisal, nonce, rules->manners ? rules->manners : &atls_appraisal_own,
                         submods);
    result =
        result ? result : atls_ear_write_as(serialization, &ear, rules->signer_jwk, tokenp, sizep);
    for (size_t i = 0; i < appraisal->submod_count; i++)
        json_decref(submods[i].policy_claims);
    return result;
}

/* Not by jose_jwk_gen(): OpenSSL, which libjose brings, takes longer to start than all else. */
int atls_signing_key_make(json_t **jwkp)
{
    struct atls_private_key key;
    int result = atls_crypto_hosted.make_key(ATLS_P256, NULL, &key);
    json_t *jwk;
    char *d;

    if (result != 0)
        return result;
    jwk = atls_jwk_of_public_key(&key.public_key);
    d = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(key.d, atls_curve_size(ATLS_P256)));
    explicit_bzero(&key, sizeof key);
    if (!jwk || !d || json_object_set_new(jwk, "d", json_string(d)) != 0 ||
        json_object_set_new(jwk, "alg", json_string("ES256")) != 0) {
        json_decref(jwk);
        jwk = NULL;
        result = atls_fail(-ENOMEM, NULL, "no memory for a signing key");
    }
    if (d)
        explicit_bzero(d, strlen(d));
    free(d);
    if (result == 0)
        *jwkp = jwk;
    return result;
}

static bool is_text(const json_t *jwk, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text && strcmp(text, value) == 0;
}

int atls_signing_key_parse(struct atls_bytes text, json_t **jwkp)
{
    json_error_t where;
    json_t *jwk = atls_json_loadb(text, JSON_REJECT_DUPLICATES, &where);
    struct atls_public_key point;
    int result = 0;

    if (!jwk && json_error_code(&where) == json_error_out_of_memory)
        return atls_fail(-ENOMEM, NULL, "no memory for a signing key");
    if (!jwk)
        return atls_fail(ATLS_E_MALFORMED, "RFC 7517 section 4", "signing key: line %d: %s",
                         where.line, where.text);
    if (!is_text(jwk, "kty", "EC") || !is_text(jwk, "crv", "P-256") ||
        (json_object_get(jwk, "alg") && !is_text(jwk, "alg", "ES256")))
        result = atls_fail(ATLS_E_UNSUPPORTED, "RFC 7518 section 6.2",
                           "signing key: expected EC, P-256, ES256");
    else if (!json_is_string(json_object_get(jwk, "d")))
        result =
            atls_fail(ATLS_E_MALFORMED, "RFC 7518 section 6.2.2", "signing key: no private part");
    else
        result = atls_jwk_to_public_key(jwk, &point);
    if (result == 0 && json_object_set_new(jwk, "alg", json_string("ES256")) != 0)
        result = atls_fail(-ENOMEM, NULL, "no memory for a signing key");
    if (result != 0)
        json_decref(jwk);
    else
        *jwkp = jwk;
    return result;
}

json_t *atls_signing_key_public(const json_t *jwk)
{
    static const char *const kept[] = {"kty", "crv", "x", "y", "alg", "kid"};
    json_t *public_part = json_object();

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_t *value = json_object_get(jwk, kept[i]);

        if (value && json_object_set(public_part, kept[i], value) != 0) {
            json_decref(public_part);
            return NULL;
        }
    }
    return public_part;
}
