/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any request into the API: lines of method, path, Accept, Content-Type, nonce and nonceSize, then
 * the body. A path of "session" means one that is open. There is always a sensible answer, and
 * never a 500: that would be this verifier's own fault.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verifier-stub/http/api-private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 6

static int64_t tell_time(void *context)
{
    return 1700000000000;
}

static void demand(bool condition)
{
    if (!condition)
        abort();
}

/* Cuts the next line off as a string of its own; NULL (absent) where it is "-". */
static char *take_line(struct atls_bytes *in)
{
    const uint8_t *end = in->size ? memchr(in->data, '\n', in->size) : NULL;
    size_t size = end ? (size_t)(end - in->data) : in->size;
    char *line = strndup(in->size ? (const char *)in->data : "", size);

    demand(line != NULL);
    *in = ATLS_BYTES(in->data + size + (end != NULL), in->size - size - (end != NULL));
    if (strcmp(line, "-") == 0) {
        free(line);
        return NULL;
    }
    return line;
}

static void check(const struct atls_request *request, const struct atls_response *response)
{
    static const unsigned statuses[] = {200, 201, 204, 400, 404, 405, 406, 415};
    bool known = false;

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        known = known || statuses[i] == response->status;
    demand(known);
    demand((response->status == 201) == (response->location != NULL));
    demand((response->status == 204) == (!response->body));
    if (response->body && strstr(response->content_type, "json")) {
        json_t *json =
            json_loadb(response->body, response->body_size, JSON_REJECT_DUPLICATES, NULL);

        demand(json_is_object(json));
        json_decref(json);
    }
}

static void make_parts(struct atls_api *api)
{
    static const struct atls_sessions_limits limits = {
        .lifetime_ms = 150000, .max_sessions = 100, .max_bytes = 1 << 22};
    static json_t *key;

    if (!key)
        demand(atls_signing_key_make(&key) == 0);
    *api = (struct atls_api){
        .crypto = &atls_crypto_hosted,
        .clock = {tell_time, tell_time, NULL},
        .result = {.dialect = ATLS_EAR_VERAISON, .lifetime = 300, .signer_jwk = key},
        .nonce_dialect = ATLS_BASE64URL,
    };
    demand(atls_store_open("memory", &api->store) == 0);
    demand(atls_sessions_open(&limits, api->clock, api->crypto, &api->sessions) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);
    char *lines[LINES], path[128];
    struct atls_challenge_session session;
    struct atls_response response;
    struct atls_request request;
    struct atls_api api;

    make_parts(&api);
    for (size_t i = 0; i < LINES; i++)
        lines[i] = take_line(&in);
    request = (struct atls_request){.method = lines[0] ? lines[0] : "POST",
                                    .path = lines[1] ? lines[1] : "/",
                                    .accept = lines[2],
                                    .content_type = lines[3],
                                    .nonce = lines[4],
                                    .nonce_size = lines[5],
                                    .body = in};
    if (strcmp(request.path, "session") == 0) {
        demand(atls_sessions_create(api.sessions,
                                    ATLS_BYTES("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", 32),
                                    &session) == 0);
        snprintf(path, sizeof path, ATLS_PATH_SESSION "%s", session.id);
        request.path = path;
    }
    for (int twice = 0; twice < 2; twice++) { /* the second may be a replay, or meet the first */
        atls_api_answer(&api, &request, &response);
        check(&request, &response);
        atls_response_clear(&response);
    }
    for (size_t i = 0; i < LINES; i++)
        free(lines[i]);
    atls_sessions_close(api.sessions);
    atls_store_close(api.store);
    return 0;
}
