/* SPDX-License-Identifier: Apache-2.0 */
/* The challenge-response API: sessions, and evidence posted to them. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/json/json.h"
#include "verifier-stub/appraisal/appraisal.h"
#include "verifier-stub/http/api-private.h"
#include "verifier-stub/http/manners.h"

#define SESSION_TYPE "application/vnd.veraison.challenge-response-session+json"

json_t *atls_evidence_types(const struct atls_api *api)
{
    json_t *types;

    if (api->as)
        return atls_veraison_types(false, api->crypto);
    types = json_array();
    for (size_t i = 0; atls_evidence_media_type(i); i++)
        atls_json_append(&types, json_string(atls_evidence_media_type(i)));
    return types;
}

static json_t *evidence_json(const struct atls_challenge_session *session)
{
    return json_pack(
        "{s:s, s:o}", "type", session->evidence_type, "value",
        atls_json_base64(ATLS_BASE64, ATLS_BYTES(session->evidence, session->evidence_size)));
}

/* Nanoseconds are made of the nonce: nobody can tell, and a session says the same each time. */
static json_t *expiry_json(const struct atls_api *api, const struct atls_challenge_session *session)
{
    return api->as ? atls_veraison_time(session->expiry,
                                        (unsigned)(session->nonce[0] << 16 |
                                                   session->nonce[1] << 8 | session->nonce[2]))
                   : atls_time_json(session->expiry);
}

/* A terse verifier says what may be posted where that is still to be done, and repeats nothing. */
static bool says_what_is_taken(const struct atls_api *api,
                               const struct atls_challenge_session *session)
{
    return !(api->terse && session->result);
}

static bool repeats_evidence(const struct atls_api *api,
                             const struct atls_challenge_session *session)
{
    return session->evidence && !api->terse;
}

/* Takes JSON over; NULL where that is NULL, or there is no memory. */
static char *text_of(json_t *json)
{
    char *text = json ? atls_json_write(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    json_decref(json);
    return text;
}

/* This verifier's own types, in JSON, which are always the same; NULL: no memory, for now. */
static const char *accept_list(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *list;
    const struct atls_api own = {.as = NULL};

    pthread_mutex_lock(&lock);
    if (!list)
        list = text_of(atls_evidence_types(&own));
    pthread_mutex_unlock(&lock);
    return list;
}

/* The session as text. A library that writes JSON looks at each of some thousand bytes several
 * times, of which nearly all are the same each time, or need no escapes: base64, and a result,
 * which is a compact JWS (RFC 7515 section 7.1). NULL: no memory. */
static char *write_session(const struct atls_api *api, const struct atls_challenge_session *session)
{
    bool says = says_what_is_taken(api, session), repeats = repeats_evidence(api, session);
    const char *result = session->result;
    char *nonce =
        atls_base64_encode(api->nonce_dialect, ATLS_BYTES(session->nonce, session->nonce_size));
    char *expiry = says ? text_of(expiry_json(api, session)) : NULL;
    char *others = says && api->as ? text_of(atls_evidence_types(api)) : NULL;
    char *evidence = repeats ? text_of(evidence_json(session)) : NULL;
    char *text = NULL;

    const char *accept = api->as ? others : accept_list();
    if (nonce && (!says || (expiry && accept)) && (!repeats || evidence) &&
        asprintf(&text, "{\"status\":\"%s\",\"nonce\":\"%s\"%s%s%s%s%s%s%s%s%s}",
                 atls_challenge_status_name(session->status), nonce, says ? ",\"expiry\":" : "",
                 says ? expiry : "", says ? ",\"accept\":" : "", says ? accept : "",
                 repeats ? ",\"evidence\":" : "", repeats ? evidence : "",
                 result ? ",\"result\":\"" : "", result ? result : "", result ? "\"" : "") < 0)
        text = NULL;
    free(nonce);
    free(expiry);
    free(others);
    free(evidence);
    return text;
}

/* A session whose result is a CWT is answered with that alone: its JSON has no place for bytes. */
static bool has_cwt(const struct atls_challenge_session *session)
{
    return session->result &&
           atls_ear_serialization_of(ATLS_BYTES(session->result, session->result_size)) ==
               ATLS_EAR_CWT;
}

static void answer_session(const struct atls_api *api, unsigned status,
                           struct atls_challenge_session *session, struct atls_response *response)
{
    if (!has_cwt(session)) {
        atls_answer_text(response, status, SESSION_TYPE, write_session(api, session));
        return;
    }
    atls_answer_bytes(response, status, atls_ear_media_type(ATLS_EAR_CWT, api->result.dialect),
                      session->result, session->result_size);
    session->result = NULL;
}

/* How much the client wants a result as a CWT, and a session with a JWT in it. A verifier that this
 * one stands in for has no CWTs. */
static int weight_of_cwt(const struct atls_api *api, const struct atls_request *request)
{
    const char *type = atls_ear_media_type(ATLS_EAR_CWT, api->result.dialect);

    return api->as ? 0 : atls_accept_weight(request->accept, type);
}

static int weight_of_session(const struct atls_request *request)
{
    return atls_accept_weight(request->accept, SESSION_TYPE);
}

/* Who prefers neither gets a session. */
static enum atls_ear_serialization wanted(const struct atls_api *api,
                                          const struct atls_request *request)
{
    return weight_of_cwt(api, request) > weight_of_session(request) ? ATLS_EAR_CWT : ATLS_EAR_JWT;
}

static bool answer_acceptable(const struct atls_api *api, const struct atls_request *request,
                              struct atls_response *response)
{
    return weight_of_cwt(api, request) > 0 ||
           atls_answer_acceptable(request, SESSION_TYPE, response);
}

/* At a verifier that this one stands in for. */
static void answer_no_veraison_session(int error, const char *path, const char *id,
                                       struct atls_response *response)
{
    if (error == ATLS_E_MALFORMED)
        atls_answer_problem(response, 400, NULL, "invalid session id (%s) in path segment: %s",
                            path, atls_error_text());
    else if (error > 0)
        atls_answer_problem(response, 404, NULL, "session not found for (id, tenant)=(%s, 0)", id);
    else
        atls_answer_problem(response, 500, NULL, "%s", atls_error_text());
}

/* The answer where a session could not be had. */
static void answer_no_session(const struct atls_api *api, int error, const char *path,
                              const char *id, struct atls_response *response)
{
    if (api->as) {
        answer_no_veraison_session(error, path, id, response);
        return;
    }
    switch (error) {
    case ATLS_E_MALFORMED:
        atls_answer_problem(response, 400, NULL, "invalid session id (%s) in path segment", path);
        break;
    case ATLS_E_MISSING:
        atls_answer_problem(response, 404, NULL, "%s", atls_error_text());
        break;
    case ATLS_E_EXPIRED:
        atls_answer_problem(response, 404, "session-expired", "%s", atls_error_text());
        break;
    case ATLS_E_LIMIT:
        atls_answer_problem(response, 429, NULL, "%s", atls_error_text());
        break;
    default:
        atls_answer_problem(response, 500, NULL, "%s", atls_error_text());
    }
}

/* The id of the session that TEXT in a path means; *IDP borrows from it, or is PLAIN. */
static int take_id(const struct atls_api *api, const char *text,
                   char plain[ATLS_CHALLENGE_ID_SIZE + 1], const char **idp)
{
    *idp = api->as ? plain : text;
    return api->as ? atls_veraison_session_id(text, plain) : 0;
}

void atls_answer_new_session(const struct atls_api *api, const struct atls_request *request,
                             struct atls_response *response)
{
    uint8_t nonce[ATLS_CHALLENGE_NONCE_MAX];
    struct atls_challenge_session session;
    size_t size = 0;
    int result;

    if (!atls_answer_acceptable(request, SESSION_TYPE, response))
        return;
    result = atls_take_nonce(api, request, nonce, &size);
    if (result != 0) {
        atls_answer_problem(response, result > 0 ? 400 : 500,
                            result == ATLS_E_LIMIT && !api->as ? "nonce-length" : NULL,
                            "failed handling nonce request: %s", atls_error_text());
        return;
    }
    result = atls_sessions_create(api->sessions, ATLS_BYTES(nonce, size), &session);
    if (result != 0) {
        atls_answer_problem(response, result > 0 ? 503 : 500, NULL, "%s", atls_error_text());
        return;
    }
    atls_event(api->events, "session", "{s:s, s:o}", "session", session.id, "nonce",
               atls_json_hex(ATLS_BYTES(nonce, size)));
    answer_session(api, 201, &session, response);
    if (asprintf(&response->location, "session/%s", session.id) < 0) {
        response->location = NULL;
        atls_answer_no_memory(response);
    }
    atls_challenge_session_clear(&session);
}

static void tell_appraisal(const struct atls_api *api, const char *id, const char *media_type,
                           const struct atls_evidence_verdict *appraisal)
{
    if (!atls_events_heard(api->events))
        return;
    json_t *fields = json_pack("{s:s, s:s, s:s, s:s, s:s}", "session", id, "media_type", media_type,
                               "status", atls_tier_name(appraisal->tier), "reason",
                               appraisal->reason, "detail", appraisal->detail);

    atls_json_add(&fields, "mismatches",
                  appraisal->mismatches ? json_incref(appraisal->mismatches) : json_array());
    atls_event_object(api->events, "appraisal", fields);
}

/* The result for evidence that is posted to a session: *TOKENP is allocated. */
static int make_result(const struct atls_api *api, const struct atls_evidence *evidence,
                       const struct atls_challenge_session *session, bool replayed,
                       enum atls_ear_serialization serialization, uint8_t **tokenp, size_t *sizep)
{
    struct atls_bytes nonce = ATLS_BYTES(session->nonce, session->nonce_size);
    struct atls_evidence_verdict appraisal;
    int64_t now = api->clock.now(api->clock.context) / 1000;
    struct atls_appraiser appraiser = {
        .store = api->store,
        .crypto = api->crypto,
        .cache = api->cache,
        .annotates = !api->terse,
        .now = now,
        .manners = api->result.manners,
        .manifests = api->manifests,
    };
    int error = 0;

    atls_evidence_verdict_open(evidence->format, &appraisal);
    if (replayed)
        atls_evidence_verdict_condemn(&appraisal, "evidence-replayed", NULL,
                                      "this evidence was posted to this session before");
    else
        error = atls_appraise(&appraiser, evidence, nonce, &appraisal);
    if (error == 0) {
        tell_appraisal(api, session->id, evidence->media_type, &appraisal);
        error = atls_result_write(&appraisal, nonce, now, api->terse, &api->result, serialization,
                                  tokenp, sizep);
        atls_evidence_verdict_clear(&appraisal);
    }
    return error > 0 ? -EIO : error;
}

/* A replay is answered with its own result, which is taken over, and leaves the session as it was.
 */
static void answer_replay(const struct atls_api *api, struct atls_challenge_session *session,
                          uint8_t *token, size_t size, struct atls_response *response)
{
    free(session->result);
    session->result = (char *)token;
    session->result_size = size;
    session->status = ATLS_CHALLENGE_COMPLETE;
    answer_session(api, 200, session, response);
}

static void answer_appraisal(const struct atls_api *api, const struct atls_request *request,
                             const struct atls_evidence *evidence,
                             struct atls_challenge_session *session, bool replayed,
                             struct atls_response *response)
{
    struct atls_challenge_session finished;
    uint8_t *token;
    size_t size;
    int result = make_result(api, evidence, session, replayed, wanted(api, request), &token, &size);

    if (result != 0) {
        if (!replayed && atls_sessions_finish(api->sessions, session->id, ATLS_CHALLENGE_FAILED,
                                              evidence->media_type, evidence->value,
                                              ATLS_BYTES(NULL, 0), &finished) == 0)
            atls_challenge_session_clear(&finished);
        atls_answer_problem(response, 500, NULL, "error encountered while processing evidence");
        return;
    }
    if (replayed) {
        answer_replay(api, session, token, size, response);
        return;
    }
    result = atls_sessions_finish(api->sessions, session->id, ATLS_CHALLENGE_COMPLETE,
                                  evidence->media_type, evidence->value, ATLS_BYTES(token, size),
                                  &finished);
    free(token);
    if (result != 0) {
        answer_no_session(api, result, request->path, session->id, response);
        return;
    }
    answer_session(api, 200, &finished, response);
    atls_challenge_session_clear(&finished);
}

static void answer_bad_evidence(const struct atls_api *api, int error, const char *reason,
                                struct atls_response *response)
{
    if (error == ATLS_E_UNSUPPORTED) {
        atls_answer_problem(response, 415, NULL, "%s", atls_error_text());
        atls_answer_accept(response, atls_evidence_types(api));
    } else if (error < 0) {
        atls_answer_problem(response, 500, NULL, "%s", atls_error_text());
    } else if (reason) {
        atls_answer_problem(response, 400, reason, "could not unwrap the CMW: %s",
                            atls_error_text());
    } else {
        atls_answer_problem(response, 400, NULL, "%s", atls_error_text());
    }
}

/* As Veraison does: what it would not find by its raw media type ends the session. */
static void submit_as_another(const struct atls_api *api, const struct atls_request *request,
                              const char *text, struct atls_response *response)
{
    static const uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE]; /* any evidence may come again */
    struct atls_challenge_session session, finished;
    struct atls_veraison_evidence given;
    char id[ATLS_CHALLENGE_ID_SIZE + 1] = "";
    bool replayed;
    int result;

    if (!atls_veraison_unwrap(api, request, &given, response))
        return;
    result = atls_veraison_session_id(text, id);
    if (result == 0)
        result = atls_sessions_begin(api->sessions, id, digest, &session, &replayed);
    if (result != 0) {
        answer_no_session(api, result, request->path, id, response);
    } else if (!given.is_looked_up) {
        if (atls_sessions_finish(api->sessions, id, ATLS_CHALLENGE_FAILED, NULL,
                                 ATLS_BYTES(NULL, 0), ATLS_BYTES(NULL, 0), &finished) == 0)
            atls_challenge_session_clear(&finished);
        atls_answer_problem(response, 500, NULL, "error encountered while processing evidence");
        atls_challenge_session_clear(&session);
    } else {
        answer_appraisal(api, request, &given.evidence, &session, false, response);
        atls_challenge_session_clear(&session);
    }
    atls_veraison_evidence_clear(&given);
}

void atls_answer_submit_evidence(const struct atls_api *api, const struct atls_request *request,
                                 const char *id, struct atls_response *response)
{
    uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE];
    struct atls_evidence evidence;
    struct atls_challenge_session session;
    const char *reason = NULL;
    bool replayed = false;
    int result;

    if (!answer_acceptable(api, request, response))
        return;
    if (request->body.size == 0) {
        atls_answer_problem(response, 400, NULL, "unable to read evidence from the request body");
        return;
    }
    if (api->as) {
        submit_as_another(api, request, id, response);
        return;
    }
    result = atls_evidence_unwrap(request->content_type, request->body, &evidence, &reason);
    if (result != 0) {
        answer_bad_evidence(api, result, reason, response);
        return;
    }
    result = atls_evidence_digest(&evidence, api->crypto, digest);
    if (result == 0)
        result = atls_sessions_begin(api->sessions, id, digest, &session, &replayed);
    if (result != 0) {
        answer_no_session(api, result, request->path, id, response);
    } else {
        answer_appraisal(api, request, &evidence, &session, replayed, response);
        atls_challenge_session_clear(&session);
    }
    atls_evidence_clear(&evidence);
}

/* A result stays what it was made as. */
static void answer_kept(const struct atls_api *api, const struct atls_request *request,
                        struct atls_challenge_session *session, struct atls_response *response)
{
    bool cwt = has_cwt(session);
    int weight = cwt ? weight_of_cwt(api, request) : weight_of_session(request);

    if (session->result && !api->as && weight == 0)
        atls_answer_problem(response, 406, NULL,
                            "this session's result is a %s: the only supported output format is %s",
                            cwt ? "CWT" : "JWT",
                            cwt ? atls_ear_media_type(ATLS_EAR_CWT, api->result.dialect)
                                : SESSION_TYPE);
    else
        answer_session(api, 200, session, response);
}

void atls_answer_get_session(const struct atls_api *api, const struct atls_request *request,
                             const char *text, struct atls_response *response)
{
    struct atls_challenge_session session;
    char plain[ATLS_CHALLENGE_ID_SIZE + 1] = "";
    const char *id;
    int result;

    if (!answer_acceptable(api, request, response))
        return;
    result = take_id(api, text, plain, &id);
    if (result == 0)
        result = atls_sessions_get(api->sessions, id, &session);
    if (result != 0) {
        answer_no_session(api, result, request->path, id, response);
        return;
    }
    answer_kept(api, request, &session, response);
    atls_challenge_session_clear(&session);
}

void atls_answer_delete_session(const struct atls_api *api, const struct atls_request *request,
                                const char *text, struct atls_response *response)
{
    char plain[ATLS_CHALLENGE_ID_SIZE + 1] = "";
    const char *id;
    int result = take_id(api, text, plain, &id);

    if (result == 0)
        result = atls_sessions_delete(api->sessions, id);
    if (result != 0)
        answer_no_session(api, result, api->as ? request->path : id, id, response);
    else
        response->status = 204;
}
