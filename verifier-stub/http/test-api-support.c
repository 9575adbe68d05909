/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier-stub/http/test-api-support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

int64_t test_time = 1700000000123;
struct test_device test_api_device;
struct atls_api test_api;

static int64_t tell_time(void *context)
{
    return test_time;
}

int test_api_set_up(void **state)
{
    static const struct atls_sessions_limits limits = {
        .lifetime_ms = 150000, .max_sessions = 1000, .max_bytes = 1 << 20};
    json_t *key;

    test_device_make(&test_api_device, 1);
    test_api.crypto = &atls_crypto_hosted;
    test_api.clock = (struct atls_clock){tell_time, tell_time, NULL};
    test_api.nonce_dialect = ATLS_BASE64URL;
    if (atls_events_open(NULL, "verifier", &test_api.events) != 0 ||
        atls_signing_key_make(&key) != 0 ||
        atls_sessions_open(&limits, test_api.clock, test_api.crypto, &test_api.sessions) != 0)
        return -1;
    test_api.result = (struct atls_result_rules){.dialect = ATLS_EAR_VERAISON,
                                                 .identity = "https://verifier.example",
                                                 .lifetime = 300,
                                                 .signer_jwk = key};
    test_api.store = test_store(&test_api_device, 1);
    return 0;
}

int test_api_tear_down(void **state)
{
    atls_sessions_close(test_api.sessions);
    atls_store_close(test_api.store);
    atls_events_close(test_api.events);
    json_decref((json_t *)(uintptr_t)test_api.result.signer_jwk);
    return 0;
}

json_t *test_json_of(const struct atls_response *response)
{
    json_t *json = json_loadb(response->body, response->body_size, JSON_REJECT_DUPLICATES, NULL);

    if (!json)
        fail_msg("no JSON: %.*s", (int)response->body_size, response->body);
    return json;
}

const char *test_text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text ? text : "";
}

void test_ask(const char *method, const char *path, const char *content_type,
              struct atls_bytes body, unsigned status, struct atls_response *responsep)
{
    struct atls_request request = {
        .method = method, .path = path, .content_type = content_type, .body = body};

    atls_api_answer(&test_api, &request, responsep);
    if (responsep->status != status)
        fail_msg("%s %s: expected %u, came %u: %.*s", method, path, status, responsep->status,
                 (int)responsep->body_size, responsep->body);
}

void test_open_session(char path[128])
{
    struct atls_request request = {.method = "POST", .path = NEW, .nonce = TEST_NONCE};
    struct atls_response response;

    atls_api_answer(&test_api, &request, &response);
    assert_int_equal(response.status, 201);
    assert_memory_equal(response.location, "session/", 8);
    snprintf(path, 128, "/challenge-response/v1/%s", response.location);
    atls_response_clear(&response);
}
