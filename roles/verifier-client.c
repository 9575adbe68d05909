/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier client as a whole: its exchanges, the keys of verifiers by discovery, and how
 * failures are kept. Sessions are in verifier-session.c.
 */
#include "roles/verifier-client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "roles/url.h"
#include "roles/verifier-private.h"

#define DISCOVERY "/.well-known/veraison/verification"
#define KEY_RETRY_SECONDS 1 /* for so long a failure to fetch a key stands */

struct verifier { /* what is known of one verifier */
    struct verifier *next;
    char *url;
    struct atls_http_exchange *exchange;
    json_t *jwk;
    struct atls_failure failure;
    double failed_at;
};

int atls_verifier_client_new(unsigned timeout_ms, struct atls_verifier_client **clientp)
{
    struct atls_verifier_client *client = calloc(1, sizeof *client);

    if (!client) {
        return atls_fail(-ENOMEM, NULL, "no memory for the verifier client");
    }
    client->timeout_ms = timeout_ms;
    int result = atls_http_new(timeout_ms, &client->http);
    if (result) {
        free(client);
        return result;
    }
    *clientp = client;
    return 0;
}

void atls_verifier_client_free(struct atls_verifier_client *client)
{
    if (!client) {
        return;
    }
    atls_http_free(client->http);
    atls_accept_memo_clear(&client->accept);
    while (client->verifiers) {
        struct verifier *v = client->verifiers;
        client->verifiers = v->next;
        json_decref(v->jwk);
        free(v->url);
        free(v);
    }
    free(client);
}

int atls_verifier_client_access(struct atls_verifier_client *client,
                                const struct atls_http_access_options *options)
{
    struct atls_http_access *access;
    int result = atls_http_access_new(options, &access);

    if (!result)
        atls_http_use_access(client->http, access);
    return result;
}

void atls_verifier_client_prefer(struct atls_verifier_client *client,
                                 enum atls_ear_serialization results)
{
    client->results = results;
}

void atls_verifier_client_answer_locally(struct atls_verifier_client *client,
                                         atls_http_responder *responder, void *context)
{
    atls_http_answer_locally(client->http, responder, context);
}

int atls_verifier_client_poll(struct atls_verifier_client *client, struct curl_waitfd *extra,
                              unsigned count, int timeout_ms)
{
    return atls_http_poll(client->http, extra, count, timeout_ms);
}

/* Keeps the newest atls_fail() of this thread. */
int atls_failure_keep(struct atls_failure *failure, int code, const char *reason)
{
    failure->code = code;
    failure->reason = reason;
    snprintf(failure->clause, sizeof failure->clause, "%s", atls_error_clause());
    snprintf(failure->text, sizeof failure->text, "%s", atls_error_text());
    return code;
}

int atls_failure_tell(const struct atls_failure *failure)
{
    return atls_fail(failure->code, failure->clause[0] ? failure->clause : NULL, "%s",
                     failure->text);
}

/* What came does not make sense; the newest atls_fail() says why. */
int atls_failure_garbage(struct atls_failure *failure, const char *url)
{
    char text[256], clause[80];

    snprintf(text, sizeof text, "%s", atls_error_text());
    snprintf(clause, sizeof clause, "%s", atls_error_clause());
    atls_fail(ATLS_E_MALFORMED, clause[0] ? clause : NULL, "%s: %s", url, text);
    return atls_failure_keep(failure, ATLS_E_MALFORMED, "verifier-garbage");
}

int atls_failure_refused(struct atls_failure *failure, const struct atls_http_answer *answer,
                         long expected, const char *reason)
{
    char problem[200];

    const char *advice = "";

    atls_problem_text(answer->body, problem, sizeof problem);
    if (answer->status == 401)
        advice = " (it wants a token, or another one: --verifier-auth FILE)";
    else if (answer->status / 100 == 3)
        advice = " (a redirection, which is not followed: name the verifier where it is)";
    atls_fail(ATLS_E_REFUSED, "Veraison challenge-response API",
              "%s: expected HTTP status %ld, came %ld%s%s%s", answer->url, expected, answer->status,
              advice, problem[0] ? ": " : "", problem);
    return atls_failure_keep(failure, ATLS_E_REFUSED, reason);
}

/* The types under which a verifier may answer: its own, plain JSON, or none said. */
static bool is_json(const char *content_type, const char *own)
{
    struct atls_bytes type = atls_bytes_of_text(content_type);
    const char *semicolon = strchr(content_type, ';');

    if (semicolon) { /* charset and such mean nothing here */
        type.size = (size_t)(semicolon - content_type);
        while (type.size && type.data[type.size - 1] == ' ') {
            type.size--;
        }
    }
    return type.size == 0 || atls_media_type_equal(type, atls_bytes_of_text(own)) ||
           atls_media_type_equal(type, atls_bytes_of_text("application/json"));
}

int atls_verifier_check_type(const struct atls_http_answer *answer, const char *own)
{
    if (is_json(answer->content_type, own)) {
        return 0;
    }
    return atls_fail(ATLS_E_MALFORMED, "Veraison challenge-response API",
                     "expected Content-Type %s, came %.80s", own, answer->content_type);
}

int atls_verifier_join(const char *url, const char *path, char *out, size_t size)
{
    size_t length = strlen(url);

    while (length && url[length - 1] == '/') {
        length--;
    }
    int used = snprintf(out, size, "%.*s%s", (int)length, url, path);
    if (length > ATLS_VERIFIER_URL_MAX || used < 0 || (size_t)used >= size) {
        return atls_fail(-EINVAL, NULL, "the verifier's URL is longer than %d bytes",
                         ATLS_VERIFIER_URL_MAX);
    }
    return 0;
}

/* NULL where memory ran out. */
static struct verifier *find_verifier(struct atls_verifier_client *client, const char *url)
{
    struct verifier *v = client->verifiers;

    while (v && strcmp(v->url, url) != 0) {
        v = v->next;
    }
    if (v) {
        return v;
    }
    v = calloc(1, sizeof *v);
    if (!v || !(v->url = strdup(url))) {
        free(v);
        return NULL;
    }
    v->next = client->verifiers;
    client->verifiers = v;
    return v;
}

static int discovered(struct verifier *v, const struct atls_http_answer *answer)
{
    json_t *jwk;

    if (answer->status != 200) {
        return atls_failure_refused(&v->failure, answer, 200, "verifier-error");
    }
    if (atls_verifier_check_type(answer, ATLS_MT_DISCOVERY)) {
        return atls_failure_garbage(&v->failure, answer->url);
    }
    int result = atls_discovery_document_parse(answer->body, &jwk);
    if (result) {
        return result < 0 ? atls_failure_keep(&v->failure, result, "internal")
                          : atls_failure_garbage(&v->failure, answer->url);
    }
    json_decref(v->jwk);
    v->jwk = jwk;
    return 0;
}

static int fetch_key(struct atls_verifier_client *client, struct verifier *v)
{
    char address[ATLS_VERIFIER_URL_MAX + 256];
    struct atls_http_request request = {
        .method = "GET", .url = address, .accept = ATLS_MT_DISCOVERY};
    int result = atls_verifier_join(v->url, DISCOVERY, address, sizeof address);

    result = result ? result : atls_http_start(client->http, &request, &v->exchange);
    return result ? result : ATLS_E_AGAIN;
}

int atls_verifier_key(struct atls_verifier_client *client, const char *url, const json_t **jwkp,
                      const char **reasonp)
{
    struct verifier *v = find_verifier(client, url);
    struct atls_http_answer answer;
    const char *reason = "internal";

    *reasonp = reason;
    if (!v) {
        return atls_fail(-ENOMEM, NULL, "no memory for a verifier");
    }
    if (v->exchange) {
        int result = atls_http_result(v->exchange, &answer, &reason);
        if (result == ATLS_E_AGAIN) {
            return result;
        }
        result = result ? atls_failure_keep(&v->failure, result, reason) : discovered(v, &answer);
        v->failed_at = result > 0 ? atls_now() : 0;
        atls_http_drop(v->exchange);
        v->exchange = NULL;
        if (result < 0) /* of this machine and of this moment: who asks next tries anew */
            return atls_failure_tell(&v->failure);
    }
    if (v->jwk) {
        *jwkp = v->jwk;
        return 0;
    }
    /* All who wait for one fetch hear of its failure; whoever comes later tries anew. */
    if (v->failed_at > 0 && atls_now() < v->failed_at + KEY_RETRY_SECONDS) {
        *reasonp = v->failure.reason;
        return atls_failure_tell(&v->failure);
    }
    return fetch_key(client, v);
}

void atls_verifier_key_renew(struct atls_verifier_client *client, const char *url)
{
    struct verifier *v = find_verifier(client, url);

    if (v && !v->exchange) {
        (void)fetch_key(client, v);
    }
}

int atls_verifier_url_check(const char *text)
{
    struct atls_url url = {.scheme = NULL};
    int result = atls_url_read(text, &url);

    if (result < 0)
        return result;
    bool good = !result && atls_url_is_web(&url), secret = good && url.has_password;
    atls_url_clear(&url);
    if (secret)
        return atls_fail(-EINVAL, "RFC 9110 section 4.2.4",
                         "expected a verifier's URL without a password, came one with it: a "
                         "command line is no place for one");
    return good ? 0
                : atls_fail(-EINVAL, "RFC 9110 section 4.2",
                            "expected a verifier's URL (http://HOST:PORT or https://...), came "
                            "%.200s",
                            text);
}
