/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions with a verifier. A session is a small state machine that moves when somebody asks for
 * its nonce or its result; a failure is kept with its reason and told again to whoever asks again.
 */
#include "roles/verifier-client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/json/json.h"
#include "roles/lifetime.h"
#include "roles/url.h"
#include "roles/verifier-private.h"

#define NEW_SESSION "/challenge-response/v1/newSession"
#define MEDIA_TYPE_MAX 400 /* bytes */
#define POLL_AGAIN_MS 200  /* between two looks at a session that is still processing */

enum phase { OPENING, OPEN, SUBMITTED, COMPLETE, FAILED };

struct atls_verifier_session {
    struct atls_verifier_client *client;
    enum phase phase;
    struct atls_http_exchange *exchange;
    char *url;                          /* of the session, once known */
    uint8_t wanted[ATLS_EAT_NONCE_MAX]; /* the nonce that was asked for, */
    size_t wanted_size;
    bool wanted_exactly;                 /* or only its size */
    struct atls_session_document opened; /* nonce and accept list */
    bool is_open;
    char date[40]; /* the answer's field Date, cut off where it is too long for one; "": none */
    double give_up_at;
    uint8_t *result; /* a signed EAR */
    size_t result_size;
    struct atls_failure failure;
};

/* A step from https down to http is not taken. */
static int resolve(const char *base, const char *location, char **urlp)
{
    char *url = NULL;
    int result = atls_url_resolve(base, location, &url);

    if (!result && strncmp(url, "https:", 6) != 0 && /* libcurl writes schemes in lower case */
        (strncmp(url, "http:", 5) != 0 || strncasecmp(base, "https:", 6) == 0)) {
        result = ATLS_E_MALFORMED;
    }
    if (result) {
        free(url);
        return result < 0
                   ? result
                   : atls_fail(ATLS_E_MALFORMED, "RFC 9110 section 10.2.2",
                               "Location must lead to an http or https URL, came %.120s", location);
    }
    *urlp = url;
    return 0;
}

int atls_verifier_session_open(struct atls_verifier_client *client, const char *url,
                               size_t nonce_size, struct atls_bytes nonce,
                               struct atls_verifier_session **sessionp)
{
    char address[ATLS_VERIFIER_URL_MAX + 256], query[160];
    size_t size = nonce.size ? nonce.size : nonce_size;

    if (size < ATLS_EAT_NONCE_MIN || size > ATLS_EAT_NONCE_MAX) {
        return atls_fail(-EINVAL, "RFC 9711 section 4.1", "a nonce has 8 to 64 bytes, asked: %zu",
                         size);
    }
    if (nonce.size) {
        /* Padded: that is what every release of the API reads. "=" needs no escape in a query. */
        char *text = atls_base64_encode(ATLS_BASE64URL_PADDED, nonce);
        if (!text) {
            return atls_fail(-ENOMEM, NULL, "no memory for a nonce");
        }
        snprintf(query, sizeof query, NEW_SESSION "?nonce=%s", text);
        free(text);
    } else {
        snprintf(query, sizeof query, NEW_SESSION "?nonceSize=%zu", size);
    }
    int result = atls_verifier_join(url, query, address, sizeof address);
    if (result) {
        return result;
    }
    struct atls_verifier_session *session = calloc(1, sizeof *session);
    if (!session) {
        return atls_fail(-ENOMEM, NULL, "no memory for a session");
    }
    session->client = client;
    session->wanted_size = size;
    session->wanted_exactly = nonce.size > 0;
    if (nonce.size) {
        memcpy(session->wanted, nonce.data, nonce.size);
    }
    struct atls_http_request request = {
        .method = "POST", .url = address, .accept = ATLS_MT_SESSION};
    result = atls_http_start(client->http, &request, &session->exchange);
    if (result) {
        free(session);
        return result;
    }
    *sessionp = session;
    return 0;
}

void atls_verifier_session_free(struct atls_verifier_session *session)
{
    if (!session) {
        return;
    }
    atls_http_drop(session->exchange);
    if (session->url) {
        struct atls_http_exchange *farewell;
        struct atls_http_request request = {.method = "DELETE", .url = session->url};
        if (atls_http_start(session->client->http, &request, &farewell) == 0) {
            atls_http_background(farewell);
        }
    }
    if (session->is_open) {
        atls_session_document_clear(&session->opened);
    }
    free(session->url);
    free(session->result);
    free(session);
}

/* The answer of newSession: 201, Location, and a session that waits. */
static int opened(struct atls_verifier_session *session, const struct atls_http_answer *answer)
{
    struct atls_failure *failure = &session->failure;

    if (answer->status != 201) {
        return atls_failure_refused(failure, answer, 201, "verifier-error");
    }
    if (atls_verifier_check_type(answer, ATLS_MT_SESSION)) {
        return atls_failure_garbage(failure, answer->url);
    }
    if (!answer->location) {
        atls_fail(ATLS_E_MALFORMED, "RFC 9110 section 15.3.2", "status 201 without Location");
        return atls_failure_garbage(failure, answer->url);
    }
    int result = resolve(answer->url, answer->location, &session->url);
    if (result) {
        return result < 0 ? atls_failure_keep(failure, result, "internal")
                          : atls_failure_garbage(failure, answer->url);
    }
    result = atls_session_document_parse(answer->body, &session->client->accept, &session->opened);
    if (result) {
        return result < 0 ? atls_failure_keep(failure, result, "internal")
                          : atls_failure_garbage(failure, answer->url);
    }
    session->is_open = true;
    const char *date = atls_http_date(session->exchange);
    snprintf(session->date, sizeof session->date, "%s", date ? date : "");
    struct atls_bytes nonce = ATLS_BYTES(session->opened.nonce, session->opened.nonce_size);
    if (nonce.size != session->wanted_size ||
        (session->wanted_exactly &&
         !atls_bytes_equal(nonce, ATLS_BYTES(session->wanted, session->wanted_size)))) {
        atls_fail(ATLS_E_MALFORMED, "Veraison challenge-response API",
                  "asked for %s of %zu bytes, came another one of %zu bytes",
                  session->wanted_exactly ? "a given nonce" : "a nonce", session->wanted_size,
                  nonce.size);
        return atls_failure_garbage(failure, answer->url);
    }
    return 0;
}

/* What is taken of a session with evidence. */
static const char *accepted(const struct atls_verifier_session *session)
{
    return session->client->results == ATLS_EAR_CWT ? ATLS_MT_EAT_CWT ", " ATLS_MT_SESSION ";q=0.5"
                                                    : ATLS_MT_SESSION;
}

static int look_again(struct atls_verifier_session *session)
{
    struct atls_http_request request = {.method = "GET",
                                        .url = session->url,
                                        .accept = accepted(session),
                                        .delay_ms = POLL_AGAIN_MS};

    if (atls_now() > session->give_up_at) {
        atls_fail(ATLS_E_UNAVAILABLE, NULL, "%s: no result after %u ms", session->url,
                  session->client->timeout_ms);
        return atls_failure_keep(&session->failure, ATLS_E_UNAVAILABLE, "verifier-timeout");
    }
    atls_http_drop(session->exchange);
    session->exchange = NULL;
    int result = atls_http_start(session->client->http, &request, &session->exchange);
    return result ? atls_failure_keep(&session->failure, result, "internal") : ATLS_E_AGAIN;
}

/* Keeps the result. That of a session is a JWT, and one that comes alone is a CWT: nothing else is
 * taken for either. */
static int keep_result(struct atls_verifier_session *session, enum atls_ear_serialization expected,
                       struct atls_bytes result, const char *url)
{
    if (result.size == 0 || atls_ear_serialization_of(result) != expected) {
        atls_fail(ATLS_E_MALFORMED, "draft-ietf-rats-ear-03 section 6",
                  "expected a result that is a %s, came %s",
                  expected == ATLS_EAR_CWT ? "CWT" : "JWT",
                  result.size ? "another message" : "nothing");
        return atls_failure_garbage(&session->failure, url);
    }
    session->result = malloc(result.size);
    if (!session->result) {
        atls_fail(-ENOMEM, NULL, "no memory for a result");
        return atls_failure_keep(&session->failure, -ENOMEM, "internal");
    }
    memcpy(session->result, result.data, result.size);
    session->result_size = result.size;
    return 0;
}

/* Did the verifier take the choice that it was given? */
static bool is_cwt(const struct atls_verifier_session *session,
                   const struct atls_http_answer *answer)
{
    return session->client->results == ATLS_EAR_CWT &&
           atls_ear_is_type(ATLS_EAR_CWT, atls_bytes_of_text(answer->content_type));
}

/* The answer to evidence: a session that is complete, or one to look at again. */
static int answered(struct atls_verifier_session *session, const struct atls_http_answer *answer)
{
    struct atls_failure *failure = &session->failure;
    struct atls_session_document document;

    if (answer->status == 404 || answer->status == 410) {
        return atls_failure_refused(failure, answer, 200, "session-expired");
    }
    if (answer->status != 200 && answer->status != 202) {
        return atls_failure_refused(failure, answer, 200, "verifier-error");
    }
    if (answer->status == 200 && is_cwt(session, answer)) {
        return keep_result(session, ATLS_EAR_CWT, answer->body, answer->url);
    }
    if (atls_verifier_check_type(answer, ATLS_MT_SESSION)) {
        return atls_failure_garbage(failure, answer->url);
    }
    int result = atls_session_document_parse(answer->body, &session->client->accept, &document);
    if (result) {
        return result < 0 ? atls_failure_keep(failure, result, "internal")
                          : atls_failure_garbage(failure, answer->url);
    }
    if (document.status == ATLS_SESSION_COMPLETE) {
        result = keep_result(session, ATLS_EAR_JWT, document.result, answer->url);
    } else if (document.status == ATLS_SESSION_FAILED) {
        atls_fail(ATLS_E_REFUSED, "Veraison challenge-response API",
                  "%s: expected a complete session, it failed", session->url);
        result = atls_failure_keep(failure, ATLS_E_REFUSED, "verifier-error");
    } else {
        result = look_again(session);
    }
    atls_session_document_clear(&document);
    return result;
}

/* Moves the session as far as the answers that have come allow. */
static void step(struct atls_verifier_session *session)
{
    struct atls_http_answer answer;
    const char *reason = "internal";

    if (session->phase != OPENING && session->phase != SUBMITTED) {
        return;
    }
    int result = atls_http_result(session->exchange, &answer, &reason);
    if (result == ATLS_E_AGAIN) {
        return;
    }
    if (result) {
        atls_failure_keep(&session->failure, result, reason);
    } else {
        result = session->phase == OPENING ? opened(session, &answer) : answered(session, &answer);
    }
    if (result == ATLS_E_AGAIN) {
        return;
    }
    session->phase = result ? FAILED : session->phase == OPENING ? OPEN : COMPLETE;
    atls_http_drop(session->exchange);
    session->exchange = NULL;
}

int atls_verifier_session_nonce(struct atls_verifier_session *session, struct atls_bytes *noncep)
{
    step(session);
    if (session->phase == FAILED) {
        return atls_failure_tell(&session->failure);
    }
    if (session->phase == OPENING) {
        return ATLS_E_AGAIN;
    }
    *noncep = ATLS_BYTES(session->opened.nonce, session->opened.nonce_size);
    return 0;
}

int64_t atls_verifier_session_lifetime(const struct atls_verifier_session *session)
{
    return atls_lifetime(session->opened.expiry, session->date);
}

/* Verifiers also advertise parameters whose values need quotes without them
 * (profile=http://arm.com/psa/2.0.0): compared byte for byte, but for quotes and blanks. */
static bool equal_unquoted(struct atls_bytes a, struct atls_bytes b)
{
    size_t i = 0, j = 0;

    for (;; i++, j++) {
        while (i < a.size && (a.data[i] == '"' || a.data[i] == ' ')) {
            i++;
        }
        while (j < b.size && (b.data[j] == '"' || b.data[j] == ' ')) {
            j++;
        }
        if (i == a.size || j == b.size) {
            return i == a.size && j == b.size;
        }
        if (a.data[i] != b.data[j]) {
            return false;
        }
    }
}

/* Can it stand in a header as it is (RFC 9110 section 5.5)? */
static bool is_field_value(struct atls_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return text.size < MEDIA_TYPE_MAX;
}

/* MEDIA_TYPE as the session's accept list spells it, for there are verifiers that look the type of
 * evidence up byte for byte: another blank is an error of theirs. The order of the list means
 * nothing. NULL where it is not there. */
static const char *spelt(const struct atls_verifier_session *session, const char *media_type)
{
    struct atls_bytes wanted = atls_bytes_of_text(media_type);
    json_t *type;
    const json_t *near = NULL;
    size_t i;

    if (!session->opened.accept || json_array_size(session->opened.accept) == 0) {
        return media_type; /* it does not say: the verifier will */
    }
    json_array_foreach(session->opened.accept, i, type)
    {
        struct atls_bytes name = atls_json_bytes(type);
        if (atls_bytes_equal(wanted, name)) {
            return media_type;
        }
        if (!near && is_field_value(name) &&
            (atls_media_type_equal(wanted, name) || equal_unquoted(wanted, name))) {
            near = type;
        }
    }
    return near ? atls_json_text(near) : NULL;
}

int atls_verifier_session_submit(struct atls_verifier_session *session, const char *media_type,
                                 struct atls_bytes evidence)
{
    if (session->phase != OPEN) {
        return atls_fail(-EINVAL, NULL, "evidence is submitted once, to an open session");
    }
    const char *type = spelt(session, media_type);
    if (!type) {
        return atls_fail(ATLS_E_UNSUPPORTED, "Veraison challenge-response API: accept",
                         "the verifier does not take %s", media_type);
    }
    struct atls_http_request request = {.method = "POST",
                                        .url = session->url,
                                        .accept = accepted(session),
                                        .content_type = type,
                                        .body = evidence};
    int result = atls_http_start(session->client->http, &request, &session->exchange);
    if (result) {
        return result;
    }
    session->give_up_at = atls_now() + session->client->timeout_ms / 1000.0;
    session->phase = SUBMITTED;
    return 0;
}

int atls_verifier_session_submit_as(struct atls_verifier_session *session,
                                    const char *const *media_types, struct atls_bytes evidence)
{
    int result = ATLS_E_UNSUPPORTED;

    for (size_t i = 0; result == ATLS_E_UNSUPPORTED && media_types[i]; i++) {
        result = atls_verifier_session_submit(session, media_types[i], evidence);
    }
    return result;
}

const char *const *atls_verifier_cmw_types(enum atls_serialization serialization)
{
    static const char *const cbor[] = {ATLS_MT_CMW_CBOR, NULL};
    static const char *const json[] = {ATLS_MT_CMW_JSON, NULL};

    return serialization == ATLS_JSON ? json : cbor;
}

int atls_verifier_session_result(struct atls_verifier_session *session, struct atls_bytes *earp)
{
    step(session);
    if (session->phase == FAILED) {
        return atls_failure_tell(&session->failure);
    }
    if (session->phase != COMPLETE) {
        return ATLS_E_AGAIN;
    }
    *earp = ATLS_BYTES(session->result, session->result_size);
    return 0;
}

const char *atls_verifier_session_reason(const struct atls_verifier_session *session)
{
    return session->phase == FAILED ? session->failure.reason : "ok";
}
