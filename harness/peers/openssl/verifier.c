/* SPDX-License-Identifier: Apache-2.0 */
/* The API over http.h; JSON by jansson. */
#include "verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cmw.h"
#include "http.h"

#define API "Veraison challenge-response API"
#define MT_SESSION "application/vnd.veraison.challenge-response-session+json"
#define MT_DISCOVERY "application/vnd.veraison.discovery+json"
#define NEW_SESSION "/challenge-response/v1/newSession"
#define DISCOVERY "/.well-known/veraison/verification"
#define URL_MAX 2048
#define LOOK_AGAIN_US 200000

struct verifier_session {
    char *url;
    unsigned timeout_ms;
    struct blob nonce;
    json_t *accept; /* array, or NULL: it does not say */
};

static int garbage(struct why *why, const char *url, const char *detail)
{
    return refuse(why, "verifier-garbage", API, "%s: %s", url, detail);
}

/* The object in an answer under its own type, or under plain JSON's. */
static json_t *object_of(const struct answer *answer, const char *type)
{
    const char *came = answer->content_type;
    size_t size = came ? strcspn(came, "; ") : 0;
    if (size > 0 && strncasecmp(came, type, size > strlen(type) ? size : strlen(type)) != 0 &&
        strncasecmp(came, "application/json", size > 16 ? size : 16) != 0)
        return NULL;
    json_t *json = json_loadb(answer->body.size ? (const char *)answer->body.data : "",
                              answer->body.size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

static int bad_status(struct why *why, const char *reason, const char *url, long expected,
                      const struct answer *answer)
{
    return refuse(why, reason, API, "%s: expected HTTP status %ld, came %ld", url, expected,
                  answer->status);
}

static int join(const char *url, const char *path, char out[URL_MAX], struct why *why)
{
    size_t size = strlen(url);
    while (size > 0 && url[size - 1] == '/')
        size--;
    int used = snprintf(out, URL_MAX, "%.*s%s", (int)size, url, path);
    if (used < 0 || used >= URL_MAX)
        return refuse(why, "internal", NULL, "the verifier's URL is too long");
    return 0;
}

static int read_session(struct verifier_session *session, const char *url,
                        const struct answer *answer, struct bytes wanted, size_t size,
                        struct why *why)
{
    if (answer->status != 201)
        return bad_status(why, "verifier-error", url, 201, answer);
    json_t *json = object_of(answer, MT_SESSION), *accept = json_object_get(json, "accept");
    const char *nonce = json_string_value(json_object_get(json, "nonce"));
    session->url = answer->location ? http_resolve(url, answer->location) : NULL;
    session->accept = json_is_array(accept) ? json_incref(accept) : NULL;
    bool good = json && session->url && nonce &&
                json_string_value(json_object_get(json, "status")) &&
                base64_read(text_bytes(nonce), false, &session->nonce) == 0 &&
                session->nonce.size == (wanted.size ? wanted.size : size) &&
                (!wanted.size || bytes_equal(wanted, BLOB_BYTES(session->nonce)));
    json_decref(json);
    return good ? 0
                : garbage(why, url,
                          "expected a session with Location and the nonce that was asked for");
}

int verifier_open(const char *url, unsigned timeout_ms, struct bytes nonce, size_t nonce_size,
                  struct verifier_session **sessionp, struct why *why)
{
    char address[URL_MAX], query[160];
    if (nonce.size) { /* padded: that is what every release of the API reads */
        char *text = base64url_of(nonce);
        snprintf(query, sizeof query, NEW_SESSION "?nonce=%s%s", text,
                 nonce.size % 3 == 1   ? "=="
                 : nonce.size % 3 == 2 ? "="
                                       : "");
        free(text);
    } else {
        snprintf(query, sizeof query, NEW_SESSION "?nonceSize=%zu", nonce_size);
    }
    if (join(url, query, address, why))
        return -1;
    struct verifier_session *session = allocate(sizeof *session);
    struct request request = {"POST", address, MT_SESSION, NULL, {NULL, 0}, timeout_ms};
    struct answer answer = {.status = 0};
    session->timeout_ms = timeout_ms;
    int result = http_ask(&request, &answer, why);
    if (result == 0)
        result = read_session(session, address, &answer, nonce, nonce_size, why);
    answer_clear(&answer);
    if (result)
        verifier_close(session);
    else
        *sessionp = session;
    return result;
}

void verifier_close(struct verifier_session *session)
{
    if (!session)
        return;
    if (session->url) { /* a farewell that may fail */
        struct request request = {"DELETE", session->url, MT_SESSION, NULL, {NULL, 0}, 500};
        struct answer answer = {.status = 0};
        struct why ignored = {.reason = NULL};
        (void)http_ask(&request, &answer, &ignored);
        answer_clear(&answer);
    }
    blob_clear(&session->nonce);
    json_decref(session->accept);
    free(session->url);
    free(session);
}

struct bytes verifier_nonce(const struct verifier_session *session)
{
    return BLOB_BYTES(session->nonce);
}

bool verifier_takes(const struct verifier_session *session, const char *media_type)
{
    const json_t *type;
    size_t i;
    bool takes = json_array_size(session->accept) == 0;
    json_array_foreach(session->accept, i, type)
    {
        const char *text = json_string_value(type);
        takes = takes || (text && media_type_equal(text, media_type));
    }
    return takes;
}

/* 1: not yet. */
static int read_result(const struct verifier_session *session, const struct answer *answer,
                       struct blob *jwt, struct why *why)
{
    if (answer->status == 404 || answer->status == 410)
        return bad_status(why, "session-expired", session->url, 200, answer);
    if (answer->status != 200 && answer->status != 202)
        return bad_status(why, "verifier-error", session->url, 200, answer);
    json_t *json = object_of(answer, MT_SESSION);
    const json_t *result = json_object_get(json, "result");
    const char *status = json_string_value(json_object_get(json, "status"));
    int outcome;
    if (status && (strcmp(status, "waiting") == 0 || strcmp(status, "processing") == 0))
        outcome = 1;
    else if (status && strcmp(status, "failed") == 0)
        outcome = refuse(why, "verifier-error", API, "%s: the session failed", session->url);
    else if (status && strcmp(status, "complete") == 0 && json_string_length(result) > 0) {
        put(jwt, BYTES(json_string_value(result), json_string_length(result)));
        outcome = 0;
    } else
        outcome = garbage(why, session->url, "expected a session with a status and its result");
    json_decref(json);
    return outcome;
}

int verifier_ask(struct verifier_session *session, const char *media_type, struct bytes evidence,
                 struct blob *jwt, struct why *why)
{
    double end = now_seconds() + session->timeout_ms / 1000.0;
    struct request request = {"POST",     session->url, MT_SESSION,
                              media_type, evidence,     session->timeout_ms};
    for (;;) {
        struct answer answer = {.status = 0};
        int result = http_ask(&request, &answer, why);
        if (result == 0)
            result = read_result(session, &answer, jwt, why);
        answer_clear(&answer);
        if (result <= 0)
            return result;
        if (now_seconds() > end)
            return refuse(why, "verifier-timeout", API, "%s: no result after %u ms", session->url,
                          session->timeout_ms);
        struct timespec pause = {0, LOOK_AGAIN_US * 1000L};
        nanosleep(&pause, NULL);
        request =
            (struct request){"GET", session->url, MT_SESSION, NULL, {NULL, 0}, session->timeout_ms};
    }
}

int verifier_key(const char *url, unsigned timeout_ms, json_t **jwkp, struct why *why)
{
    char address[URL_MAX];
    if (join(url, DISCOVERY, address, why))
        return -1;
    struct request request = {"GET", address, MT_DISCOVERY, NULL, {NULL, 0}, timeout_ms};
    struct answer answer = {.status = 0};
    int result = http_ask(&request, &answer, why);
    if (result == 0 && answer.status != 200)
        result = bad_status(why, "verifier-error", address, 200, &answer);
    json_t *json = result == 0 ? object_of(&answer, MT_DISCOVERY) : NULL;
    json_t *jwk = json_object_get(json, "ear-verification-key");
    if (result == 0 && !json_is_object(jwk))
        result = garbage(why, address, "expected a discovery document with ear-verification-key");
    if (result == 0)
        *jwkp = json_incref(jwk);
    json_decref(json);
    answer_clear(&answer);
    return result;
}
