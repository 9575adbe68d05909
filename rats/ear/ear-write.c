/* SPDX-License-Identifier: Apache-2.0 */
/* The claims of an attestation result, in any dialect: in JSON, of which CBOR is made. */
#include <errno.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/ear/ear-names.h"

/* Each of the helpers below adds one member and says whether that worked. */
static bool add(json_t *object, const char *name, json_t *value)
{
    return value && !json_object_set_new(object, name, value);
}

static bool add_text(json_t *object, const char *name, const char *text)
{
    return !text || add(object, name, json_string(text));
}

static bool add_time(json_t *object, const char *name, int64_t seconds)
{
    return !seconds || add(object, name, json_integer(seconds));
}

static bool add_base64(json_t *object, const char *name, enum atls_base64 kind,
                       struct atls_bytes bytes)
{
    return add(object, name, atls_json_base64(kind, bytes));
}

static bool add_trust_vector(json_t *object, const char *name, const struct atls_ear_submod *submod)
{
    json_t *vector = json_object();
    bool added = vector != NULL;

    for (size_t i = 0; added && i < ATLS_TRUST_CLAIM_COUNT; i++)
        if (submod->has_claim[i])
            added = add(vector, atls_trust_claim_name(i), json_integer(submod->trust_vector[i]));
    if (added && json_object_size(vector))
        return add(object, name, vector);
    json_decref(vector);
    return added;
}

static bool add_key(json_t *object, const char *name, const struct atls_ear_submod *submod)
{
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size;
    json_t *key;

    if (!submod->has_key)
        return true;
    size = atls_spki_encode(&submod->key, spki);
    key = json_object();
    if (!add_base64(key, "akpub", ATLS_BASE64URL, ATLS_BYTES(spki, size))) {
        json_decref(key);
        return false;
    }
    return add(object, name, key);
}

static json_t *submod_json(const struct atls_ear_submod *submod, const struct atls_ear_names *names)
{
    json_t *json = json_object();
    bool added = json && add_text(json, names->status, atls_tier_name(submod->status)) &&
                 add_trust_vector(json, names->trust_vector, submod) &&
                 add_key(json, names->key_attestation, submod);

    if (added && submod->policy_id)
        added = names->policy_ids_are_array
                    ? add(json, names->policy_id, json_pack("[s]", submod->policy_id))
                    : add_text(json, names->policy_id, submod->policy_id);
    if (added && submod->policy_claims)
        added = add(json, names->policy_claims, json_incref(submod->policy_claims));
    if (added && submod->annotated_evidence)
        added = add(json, names->annotated_evidence, json_incref(submod->annotated_evidence));
    if (added)
        return json;
    json_decref(json);
    return NULL;
}

static bool add_submods(json_t *claims, const struct atls_ear *ear,
                        const struct atls_ear_names *names)
{
    json_t *submods = json_object();
    bool added = submods != NULL;

    for (size_t i = 0; added && i < ear->submod_count; i++)
        added = add(submods, ear->submods[i].name, submod_json(&ear->submods[i], names));
    if (added)
        return add(claims, "submods", submods);
    json_decref(submods);
    return false;
}

static bool add_claims(json_t *claims, const struct atls_ear *ear,
                       const struct atls_ear_names *names)
{
    return add_text(claims, "eat_profile", names->profile) &&
           add(claims, names->verifier_id,
               json_pack("{s:s, s:s}", "developer", ear->developer, "build", ear->build)) &&
           (!ear->has_status || add_text(claims, names->status, atls_tier_name(ear->status))) &&
           (!ear->audience || add(claims, "aud", json_incref(ear->audience))) &&
           add_text(claims, "iss", ear->issuer) && add_time(claims, "iat", ear->issued_at) &&
           add_time(claims, "nbf", ear->not_before) && add_time(claims, "exp", ear->expires_at) &&
           (!ear->nonce || add_base64(claims, "eat_nonce", ATLS_BASE64URL_PADDED,
                                      ATLS_BYTES(ear->nonce, ear->nonce_size))) &&
           add_submods(claims, ear, names);
}

/* What the reader demands, so that nobody signs a result that nobody reads. */
static bool is_complete(const struct atls_ear *ear)
{
    bool complete = ear->developer && ear->build && ear->issued_at > 0 && ear->submod_count &&
                    (!ear->nonce || (ear->nonce_size >= 8 && ear->nonce_size <= 64));

    for (size_t i = 0; complete && i < ear->submod_count; i++) {
        complete = ear->submods[i].name != NULL;
        for (size_t j = 0; complete && j < ATLS_TRUST_CLAIM_COUNT; j++)
            complete = !ear->submods[i].has_claim[j] || (ear->submods[i].trust_vector[j] >= -128 &&
                                                         ear->submods[i].trust_vector[j] <= 127);
    }
    return complete;
}

int atls_ear_claims(const struct atls_ear *ear, json_t **claimsp)
{
    json_t *claims;

    if (!is_complete(ear))
        return atls_fail(
            -EINVAL, "draft-ietf-rats-ear-03 section 3",
            "EAR: expected verifier id, iat, a submod with a name, 8 to 64 bytes of nonce and "
            "trust claims from -128 to 127");
    claims = json_object();
    if (claims && add_claims(claims, ear, &atls_ear_names[ear->dialect])) {
        *claimsp = claims;
        return 0;
    }
    json_decref(claims);
    return atls_fail(-ENOMEM, NULL, "EAR: out of memory, or a text that is not UTF-8");
}
