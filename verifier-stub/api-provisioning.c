/* SPDX-License-Identifier: Apache-2.0 */
/* The endorsement-provisioning API, and discovery of both APIs. */
#include <stdio.h>
#include <string.h>

#include "rats/error.h"
#include "rats/media-types.h"
#include "verifier-stub/api-private.h"
#include "verifier-stub/printable.h"

#define SUBMIT_TYPE "application/vnd.veraison.provisioning-session+json"
#define DISCOVERY_TYPE "application/vnd.veraison.discovery+json"

/* As in Veraison's Go: no error stops the world, so also a failed import is a 200. */
static void answer_submission(const struct atls_api *api, const char *failure,
                              struct atls_response *response)
{
    json_t *json = json_pack("{s:s, s:o}", "status", failure ? "failed" : "success", "expiry",
                             atls_time_json(api->clock.now(api->clock.context)));

    if (json && failure) {
        char text[512];

        snprintf(text, sizeof text, "%s", failure);
        atls_make_printable(text);
        json_object_set_new(json, "failure-reason", json_string(text));
    }
    atls_answer_json(response, 200, SUBMIT_TYPE, json);
}

void atls_answer_submit_endorsements(const struct atls_api *api, const struct atls_request *request,
                                     struct atls_response *response)
{
    struct atls_bytes type = atls_bytes_of_text(request->content_type ? request->content_type : "");
    struct atls_store_import import;
    int error;

    if (!atls_answer_acceptable(request, SUBMIT_TYPE, response))
        return;
    if (!atls_media_type_valid(type)) {
        atls_answer_problem(response, 400, NULL, "not a media type: \"%.200s\"",
                            (const char *)type.data);
        return;
    }
    if (!atls_media_type_equal(type, atls_bytes_of_text(ATLS_MT_CORIM))) {
        response->accept = ATLS_MT_CORIM;
        atls_answer_problem(response, 415, NULL, "no active plugin found for %.200s",
                            (const char *)type.data);
        return;
    }
    if (request->body.size == 0) {
        atls_answer_problem(response, 400, NULL, "empty body");
        return;
    }
    error = atls_store_import_corim(api->store, request->body, &import);
    if (error < 0) {
        atls_answer_problem(response, 500, NULL, "%s", atls_error_text());
        return;
    }
    if (error == 0)
        atls_event(api->events, "endorsed", "{s:s, s:I, s:I}", "source", ATLS_PATH_SUBMIT,
                   "reference_values", (json_int_t)import.reference_values, "trust_anchors",
                   (json_int_t)import.trust_anchors);
    answer_submission(api, error == 0 ? NULL : atls_error_text(), response);
}

static json_t *verification_types(void)
{
    json_t *types = json_array();

    for (size_t i = 0; i < atls_evidence_media_types_count; i++)
        json_array_append_new(types, json_string(atls_evidence_media_types[i]));
    return types;
}

void atls_answer_discovery(const struct atls_api *api, const struct atls_request *request,
                           bool provisioning, struct atls_response *response)
{
    json_t *json;

    if (!atls_accepts(request->accept, "application/json") &&
        !atls_answer_acceptable(request, DISCOVERY_TYPE, response))
        return;
    if (provisioning)
        json = json_pack("{s:[s], s:s, s:s, s:{s:s}}", "media-types", ATLS_MT_CORIM, "version",
                         ATLS_VERSION, "service-state", "READY", "api-endpoints",
                         "provisioningSubmit", ATLS_PATH_SUBMIT);
    else
        json = json_pack("{s:o, s:o, s:s, s:s, s:{s:s}}", "ear-verification-key",
                         atls_signing_key_public(api->result.signer_jwk), "media-types",
                         verification_types(), "version", ATLS_VERSION, "service-state", "READY",
                         "api-endpoints", "newChallengeResponseSession", ATLS_PATH_NEW_SESSION);
    atls_answer_json(response, 200, DISCOVERY_TYPE, json);
}
