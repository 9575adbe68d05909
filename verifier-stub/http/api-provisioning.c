/* SPDX-License-Identifier: Apache-2.0 */
/* The endorsement-provisioning API, and discovery of both APIs. */
#include <stdio.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/json/json.h"
#include "verifier-stub/http/api-private.h"
#include "verifier-stub/http/manners.h"

#define DISCOVERY_TYPE "application/vnd.veraison.discovery+json"

static const struct atls_realm realm = {
    .missing = "Bearer realm=\"endorsement provisioning\"",
    .wrong = "Bearer realm=\"endorsement provisioning\", error=\"invalid_token\"",
    .what = "endorsements are taken",
};

static const struct {
    const char *types[2]; /* unsigned, signed */
    enum atls_corim_profile profile;
} corims[] = {
    {{ATLS_MT_CORIM, ATLS_MT_CORIM_SIGNED}, ATLS_CORIM_PSA},
    {{ATLS_MT_CORIM_PARSEC_TPM, ATLS_MT_CORIM_PARSEC_TPM_SIGNED}, ATLS_CORIM_PARSEC_TPM},
};

/* The profile that TYPE says; NULL: it is no CoRIM's. */
static const enum atls_corim_profile *profile_of(struct atls_bytes type)
{
    for (size_t i = 0; i < sizeof corims / sizeof *corims; i++)
        for (size_t j = 0; j < 2; j++)
            if (atls_media_type_equal(type, atls_bytes_of_text(corims[i].types[j])))
                return &corims[i].profile;
    return NULL;
}

/* Of each profile the first type, or both. */
static json_t *corim_types(size_t most)
{
    json_t *types = json_array();

    for (size_t i = 0; i < sizeof corims / sizeof *corims; i++)
        for (size_t j = 0; j < most; j++)
            atls_json_append(&types, json_string(corims[i].types[j]));
    return types;
}

/* Veraison's. */
static const struct atls_realm veraison_realm = {
    .missing = "Basic realm=veraison",
    .wrong = "Basic realm=veraison",
    .what = "endorsements are taken",
};

static json_t *skipped_names(unsigned skipped)
{
    json_t *names = json_array();

    for (int i = 0; i < ATLS_SKIPPED_COUNT; i++) {
        if (skipped >> i & 1)
            atls_json_append(&names, json_string(atls_corim_skipped_name(i)));
    }
    return names;
}

json_t *atls_endorsed_fields(const char *source, const struct atls_store_import *import)
{
    json_t *fields = json_pack("{s:s, s:I, s:I}", "source", source, "reference_values",
                               (json_int_t)import->reference_values, "trust_anchors",
                               (json_int_t)import->trust_anchors);

    if (fields && import->skipped)
        atls_json_add(&fields, "skipped", skipped_names(import->skipped));
    if (fields && import->is_signed)
        atls_json_add(&fields, "signer", json_string(import->signer));
    return fields;
}

/* As in Veraison's Go: no error stops the world, so also a failed import is a 200. */
static void answer_submission(const struct atls_api *api, const char *failure,
                              const struct atls_store_import *import,
                              struct atls_response *response)
{
    json_t *json = json_pack("{s:s, s:o}", "status", failure ? "failed" : "success", "expiry",
                             atls_time_json(api->clock.now(api->clock.context)));

    if (json && failure) {
        char text[512];

        atls_printable(failure, strlen(failure), text, sizeof text);
        atls_json_add(&json, "failure-reason", json_string(text));
    }
    if (json && !failure && import->skipped)
        atls_json_add(&json, "atls.skipped", skipped_names(import->skipped));
    if (json && !failure && import->is_signed)
        atls_json_add(&json, "atls.signer", json_string(import->signer));
    atls_answer_json(response, 200, ATLS_SUBMIT_TYPE, json);
}

void atls_answer_submit_endorsements(const struct atls_api *api, const struct atls_request *request,
                                     struct atls_response *response)
{
    struct atls_bytes type = atls_bytes_of_text(request->content_type ? request->content_type : "");
    const struct atls_import_rules rules = {
        .now = api->clock.now(api->clock.context) / 1000,
        .crypto = api->crypto,
        .endorsers = api->endorsers,
        .endorser_count = api->endorser_count,
        .signed_only = api->endorser_count > 0,
        .profile = profile_of(type),
    };
    struct atls_store_import import = {0};
    char failure[512];
    int result;

    if (!atls_answer_authorized(request, api->provisioning_token,
                                api->as ? &veraison_realm : &realm, response))
        return;
    if (api->as) {
        atls_veraison_endorse(api, request, response);
        return;
    }
    if (!atls_answer_acceptable(request, ATLS_SUBMIT_TYPE, response))
        return;
    if (!atls_media_type_valid(type)) {
        atls_answer_problem(response, 400, NULL, "not a media type: \"%.200s\"",
                            (const char *)type.data);
        return;
    }
    if (!rules.profile) {
        atls_answer_problem(response, 415, NULL, "no active plugin found for %.200s",
                            (const char *)type.data);
        atls_answer_accept(response, corim_types(2));
        return;
    }
    if (request->body.size == 0) {
        atls_answer_problem(response, 400, NULL, "empty body");
        return;
    }
    result = atls_store_import_by(api->store, &rules, request->body, &import);
    if (result < 0) {
        atls_answer_problem(response, 500, NULL, "%s", atls_error_text());
        return;
    }
    snprintf(failure, sizeof failure, "%s%s%s%s", atls_error_text(),
             *atls_error_clause() ? " [" : "", atls_error_clause(),
             *atls_error_clause() ? "]" : "");
    if (result == 0 && atls_events_heard(api->events))
        atls_event_object(api->events, "endorsed", atls_endorsed_fields(ATLS_PATH_SUBMIT, &import));
    answer_submission(api, result == 0 ? NULL : failure, &import, response);
}

void atls_answer_discovery(const struct atls_api *api, const struct atls_request *request,
                           bool provisioning, struct atls_response *response)
{
    const char *version = api->as ? api->as->version : ATLS_VERSION;
    json_t *json;

    if ((api->as || !atls_accepts(request->accept, "application/json")) &&
        !atls_answer_acceptable(request, DISCOVERY_TYPE, response))
        return;
    if (provisioning)
        json = json_pack("{s:o, s:s, s:s, s:{s:s}}", "media-types",
                         api->as ? atls_veraison_types(true, api->crypto) : corim_types(1),
                         "version", version, "service-state", "READY", "api-endpoints",
                         "provisioningSubmit", ATLS_PATH_SUBMIT);
    else
        json = json_pack("{s:o, s:o, s:s, s:s, s:{s:s}}", "ear-verification-key",
                         atls_signing_key_public(api->result.signer_jwk), "media-types",
                         atls_evidence_types(api), "version", version, "service-state", "READY",
                         "api-endpoints", "newChallengeResponseSession", ATLS_PATH_NEW_SESSION);
    if (api->as)
        atls_veraison_expires(api->clock.now(api->clock.context), response);
    atls_answer_json(response, 200, DISCOVERY_TYPE, json);
}
