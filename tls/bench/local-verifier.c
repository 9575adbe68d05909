/* SPDX-License-Identifier: Apache-2.0 */
/* A request of the HTTP layer becomes one of the verifier's API, its answer the reply. */
#include "tls/bench/local-verifier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "sim/device/simulated.h"
#include "verifier-stub/http/api.h"

#define LIFETIME_MS 150000
#define RESULT_LIFETIME 300
#define SESSIONS_MAX 65536
#define SESSION_BYTES_MAX ((size_t)256 << 20)

struct bench_verifier {
    struct atls_api api;
    json_t *key;
};

int bench_verifier_new(struct bench_verifier **verifierp)
{
    struct bench_verifier *v = calloc(1, sizeof *v);
    if (!v)
        return atls_fail(-ENOMEM, NULL, "no memory for a verifier");
    v->api.crypto = &atls_crypto_hosted;
    v->api.clock = atls_clock_of_system();
    int result = atls_store_open_memory(&v->api.store);
    if (result == 0)
        result = bench_verifier_limit(v, SESSIONS_MAX);
    if (result == 0)
        result = atls_signing_key_make(&v->key);
    if (result != 0) {
        bench_verifier_free(v);
        return result;
    }
    v->api.nonce_dialect = ATLS_BASE64URL;
    v->api.terse = true;
    v->api.result = (struct atls_result_rules){
        .dialect = ATLS_EAR_VERAISON, .lifetime = RESULT_LIFETIME, .signer_jwk = v->key};
    *verifierp = v;
    return 0;
}

void bench_verifier_free(struct bench_verifier *v)
{
    if (!v)
        return;
    if (v->api.sessions)
        atls_sessions_close(v->api.sessions);
    atls_platform_cache_close(v->api.cache);
    atls_store_close(v->api.store);
    json_decref(v->key);
    free(v);
}

const struct atls_api *bench_verifier_api(const struct bench_verifier *verifier)
{
    return &verifier->api;
}

int bench_verifier_limit(struct bench_verifier *verifier, size_t sessions)
{
    const struct atls_sessions_limits limits = {
        .lifetime_ms = LIFETIME_MS, .max_sessions = sessions, .max_bytes = SESSION_BYTES_MAX};

    atls_sessions_close(verifier->api.sessions);
    verifier->api.sessions = NULL;
    return atls_sessions_open(&limits, verifier->api.clock, verifier->api.crypto,
                              &verifier->api.sessions);
}

int bench_verifier_remember(struct bench_verifier *verifier)
{
    return atls_platform_cache_open(RESULT_LIFETIME, verifier->api.clock, &verifier->api.cache);
}

/* Takes the value of NAME out of "a=b&c=d", percent-decoded; NULL where it is not there. */
static char *query_value(const char *query, const char *name)
{
    size_t length = strlen(name);
    while (query && *query != '\0') {
        const char *end = strchrnul(query, '&');
        if ((size_t)(end - query) > length && memcmp(query, name, length) == 0 &&
            query[length] == '=') {
            int size;
            return curl_easy_unescape(NULL, query + length + 1, (int)(end - query - length - 1),
                                      &size);
        }
        query = *end == '&' ? end + 1 : NULL;
    }
    return NULL;
}

static void answer(void *context, const struct atls_http_request *request,
                   struct atls_http_reply *replyp)
{
    const struct bench_verifier *v = context;
    const char *scheme = strstr(request->url, "://");
    const char *path = strchrnul(scheme ? scheme + 3 : request->url, '/');
    const char *question = strchrnul(path, '?');
    char *plain = strndup(path, (size_t)(question - path));
    const char *query = *question == '?' ? question + 1 : NULL;
    char *nonce = query_value(query, "nonce"), *nonce_size = query_value(query, "nonceSize");
    struct atls_request asked = {.method = request->method,
                                 .path = plain,
                                 .accept = request->accept,
                                 .content_type = request->content_type,
                                 .nonce = nonce,
                                 .nonce_size = nonce_size,
                                 .body = request->body};
    struct atls_response response = {.status = 500};
    if (plain)
        atls_api_answer(&v->api, &asked, &response);
    replyp->status = response.status;
    replyp->content_type = response.content_type ? strdup(response.content_type) : NULL;
    replyp->location = response.location;
    replyp->body = (uint8_t *)response.body;
    replyp->size = response.body_size;
    response.location = response.body = NULL; /* handed on */
    atls_response_clear(&response);
    curl_free(nonce);
    curl_free(nonce_size);
    free(plain);
}

void bench_verifier_serve(struct bench_verifier *verifier, struct atls_verifier_client *client)
{
    atls_verifier_client_answer_locally(client, answer, verifier);
}

int bench_endorsements(uint64_t seed, unsigned components, uint8_t **corimp, size_t *sizep)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    struct atls_simulated *device;
    options.has_seed = true;
    options.seed = seed;
    options.components = components;
    int result = atls_simulated_open(&options, &device);
    if (result != 0)
        return result;
    result = atls_simulated_endorse(device, ATLS_CORIM_MAIN, ATLS_ENDORSED_ALL, corimp, sizep);
    atls_simulated_close(device);
    return result;
}

int bench_verifier_endorse(struct bench_verifier *verifier, uint64_t seed, unsigned components)
{
    struct atls_store_import imported;
    uint8_t *corim;
    size_t size;
    int result = bench_endorsements(seed, components, &corim, &size);
    if (result != 0)
        return result;
    result = atls_store_import_corim(verifier->api.store, ATLS_BYTES(corim, size), &imported);
    free(corim);
    return result;
}
