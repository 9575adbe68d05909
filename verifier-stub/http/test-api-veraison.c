/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API in the place of Veraison, without a socket: what its services (main, commit 6b88102)
 * answered when they were recorded (harness/tests/recorded/requests.yaml), and what becomes of
 * sessions and endorsements.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "verifier-stub/http/manners.h"
#include "verifier-stub/http/test-api-support.h"
#include "verifier-stub/store/manifests.h"

#define SESSION_TYPE "application/vnd.veraison.challenge-response-session+json"
#define PROBLEM "application/problem+json"
#define DISCOVERY "application/vnd.veraison.discovery+json"
#define PROVISIONING "application/vnd.veraison.provisioning-session+json"
#define VERIFICATION "/.well-known/veraison/verification"
#define NONCE_OF(size)                                                                             \
    "failed handling nonce request: nonce must be between 8 and 64 bytes long; " size
#define RANGE "failed handling nonce request: nonceSize must be in range 8..64"
#define NO_BASE64 "failed handling nonce request: nonce must be valid base64"
#define NO_ID(id, why) "invalid session id (" SESSION id ") in path segment: " why
#define A16 "AAAAAAAAAAAAAAAA"
#define A80 A16 A16 A16 A16 A16

static struct atls_manifests *manifests;

struct row { /* one request, one answer */
    const char *name, *method, *path, *accept, *content_type, *nonce, *nonce_size, *body;
    unsigned status;
    const char *type, *detail; /* of a problem all of its detail, else of a text a part */
};

static const struct row rows[] = {
    {"new session", "POST", NEW, NULL, NULL, NULL, NULL, "", 201, SESSION_TYPE, NULL},
    {"nonceSize=8", "POST", NEW, NULL, NULL, NULL, "8", "", 201, SESSION_TYPE, NULL},
    {"nonceSize=7", "POST", NEW, NULL, NULL, NULL, "7", "", 400, PROBLEM, RANGE},
    {"nonceSize=65", "POST", NEW, NULL, NULL, NULL, "65", "", 400, PROBLEM, RANGE},
    {"nonceSize=+32", "POST", NEW, NULL, NULL, NULL, "+32", "", 400, PROBLEM, RANGE},
    {"nonceSize=0x20", "POST", NEW, NULL, NULL, NULL, "0x20", "", 400, PROBLEM, RANGE},
    {"nonce=&nonceSize=16", "POST", NEW, NULL, NULL, "", "16", "", 201, SESSION_TYPE, NULL},
    {"both", "POST", NEW, NULL, NULL, "QUp8F0FBs9DpodKK8xUg8NQimf6sQAfe2J1ormzZLxk", "32", "", 400,
     PROBLEM, "failed handling nonce request: nonce and nonceSize are mutually exclusive"},
    {"nonce", "POST", NEW, NULL, NULL, "QUp8F0FBs9DpodKK8xUg8NQimf6sQAfe2J1ormzZLxk", NULL, "", 201,
     SESSION_TYPE, NULL},
    {"nonce, a line end in it", "POST", NEW, NULL, NULL,
     "QUp8F0FBs9Dp\nodKK8xUg8NQimf6sQAfe2J1ormzZLxk", NULL, "", 201, SESSION_TYPE, NULL},
    {"nonce, one = too many", "POST", NEW, NULL, NULL,
     "QUp8F0FBs9DpodKK8xUg8NQimf6sQAfe2J1ormzZLxk==", NULL, "", 400, PROBLEM, NO_BASE64},
    {"nonce of 7 bytes", "POST", NEW, NULL, NULL, "AAAAAAAAAA", NULL, "", 400, PROBLEM,
     NONCE_OF("got 7")},
    {"nonce of 8 bytes", "POST", NEW, NULL, NULL, "AAAAAAAAAAA", NULL, "", 201, SESSION_TYPE, NULL},
    {"nonce of 64 bytes", "POST", NEW, NULL, NULL, A80 "AAAAAA", NULL, "", 201, SESSION_TYPE, NULL},
    {"nonce of 65 bytes", "POST", NEW, NULL, NULL, A80 "AAAAAAA", NULL, "", 400, PROBLEM,
     NONCE_OF("got 65")},
    {"Accept: text/html", "POST", NEW, "text/html", NULL, NULL, NULL, "", 406, PROBLEM,
     "the only supported output format is " SESSION_TYPE},
    {"Accept: application/*", "POST", NEW, "application/*", NULL, NULL, NULL, "", 201, SESSION_TYPE,
     NULL},
    {"Accept: q=0", "POST", NEW, SESSION_TYPE ";q=0", NULL, NULL, NULL, "", 201, SESSION_TYPE,
     NULL},
    {"Accept: capitals", "POST", NEW, "APPLICATION/VND.VERAISON.CHALLENGE-RESPONSE-SESSION+JSON",
     NULL, NULL, NULL, "", 406, PROBLEM, "the only supported output format is " SESSION_TYPE},
    {"GET newSession", "GET", NEW, NULL, NULL, NULL, NULL, "", 404, "text/plain",
     "404 page not found"},
    {"HEAD", "HEAD", VERIFICATION, NULL, NULL, NULL, NULL, "", 404, "text/plain",
     "404 page not found"},
    {"no such session", "GET", SESSION UUID, NULL, NULL, NULL, NULL, "", 404, PROBLEM,
     "session not found for (id, tenant)=(" UUID ", 0)"},
    {"no such session, in capitals", "GET", SESSION "5C5BD88BC922482BAD9F097E187B42A1", NULL, NULL,
     NULL, NULL, "", 404, PROBLEM, "session not found for (id, tenant)=(" UUID ", 0)"},
    {"GET session/x", "GET", SESSION "x", NULL, NULL, NULL, NULL, "", 400, PROBLEM,
     NO_ID("x", "invalid UUID length: 1")},
    {"GET session/1111-2222-3333", "GET", SESSION "1111-2222-3333", NULL, NULL, NULL, NULL, "", 400,
     PROBLEM, NO_ID("1111-2222-3333", "invalid UUID length: 14")},
    {"DELETE session/x", "DELETE", SESSION "x", NULL, NULL, NULL, NULL, "", 400, PROBLEM,
     NO_ID("x", "invalid UUID length: 1")},
    {"DELETE session", "DELETE", SESSION UUID, NULL, NULL, NULL, NULL, "", 204, NULL, NULL},
    {"GET session, another Accept", "GET", SESSION UUID, "text/html", NULL, NULL, NULL, "", 406,
     PROBLEM, "the only supported output format is " SESSION_TYPE},
    {"GET session, as a CWT", "GET", SESSION UUID, "application/eat+cwt", NULL, NULL, NULL, "", 406,
     PROBLEM, "the only supported output format is " SESSION_TYPE},
    {"evidence, empty body", "POST", SESSION UUID, NULL, ATLS_MT_PSA_TOKEN, NULL, NULL, "", 400,
     PROBLEM, "unable to read evidence from the request body"},
    {"evidence, as a CWT", "POST", SESSION UUID, "application/eat+cwt", ATLS_MT_PSA_TOKEN, NULL,
     NULL, "x", 406, PROBLEM, "the only supported output format is " SESSION_TYPE},
    {"evidence, other type", "POST", SESSION UUID, NULL, "text/plain", NULL, NULL, "x", 415,
     PROBLEM, "no active plugin found for text/plain"},
    {"evidence, no such session", "POST", SESSION UUID, NULL, ATLS_MT_PSA_TOKEN, NULL, NULL, "x",
     404, PROBLEM, "session not found for (id, tenant)=(" UUID ", 0)"},
    {"evidence, no id", "POST", SESSION "x", NULL, ATLS_MT_PSA_TOKEN, NULL, NULL, "x", 400, PROBLEM,
     NO_ID("x", "invalid UUID length: 1")},
    {"discovery", "GET", VERIFICATION, NULL, NULL, NULL, NULL, "", 200, DISCOVERY, "6b88102"},
    {"discovery Accept application/*", "GET", VERIFICATION, "application/*", NULL, NULL, NULL, "",
     200, DISCOVERY, NULL},
    {"discovery Accept application/json", "GET", VERIFICATION, "application/json", NULL, NULL, NULL,
     "", 406, PROBLEM, "the only supported output format is " DISCOVERY},
    {"discovery Accept text/plain", "GET", VERIFICATION, "text/plain", NULL, NULL, NULL, "", 406,
     PROBLEM, "the only supported output format is " DISCOVERY},
    {"submit Accept text/html", "POST", SUBMIT, "text/html", ATLS_MT_CORIM, NULL, NULL, "x", 406,
     PROBLEM, "the only supported output format is " PROVISIONING},
    {"submit empty", "POST", SUBMIT, NULL, ATLS_MT_CORIM, NULL, NULL, "", 400, PROBLEM,
     "empty body"},
    {"submit empty & unknown type", "POST", SUBMIT, NULL, "text/plain", NULL, NULL, "", 415,
     PROBLEM, "no active plugin found for text/plain"},
    {"submit garbage", "POST", SUBMIT, NULL, ATLS_MT_CORIM, NULL, NULL, "x", 200, PROVISIONING,
     "input too short"},
};

static void test_row(void **state)
{
    const struct row *row = *state;
    struct atls_request request = {
        .method = row->method,
        .path = row->path,
        .accept = row->accept,
        .content_type = row->content_type,
        .nonce = row->nonce,
        .nonce_size = row->nonce_size,
        .body = atls_bytes_of_text(row->body),
    };
    struct atls_response response;
    bool discovers = row->status == 200 && strcmp(row->type, DISCOVERY) == 0;

    atls_api_answer(&test_api, &request, &response);
    if (response.status != row->status)
        fail_msg("expected %u, came %u: %.*s", row->status, response.status,
                 (int)response.body_size, response.body);
    if (row->type)
        assert_string_equal(response.content_type, row->type);
    assert_int_equal(response.accept != NULL, row->status == 415);
    assert_int_equal(response.cache_control != NULL, discovers);
    assert_string_equal(response.expires, discovers ? "Tue, 14 Nov 2023 22:14:20 UTC" : "");
    assert_int_equal(response.chunked, ATLS_VERAISON_CHUNKED);
    if (row->detail && row->type && strcmp(row->type, PROBLEM) == 0) {
        json_t *problem = test_json_of(&response);

        assert_string_equal(test_text_of(problem, "detail"), row->detail);
        assert_null(json_object_get(problem, "atls.reason"));
        json_decref(problem);
    } else if (row->detail &&
               !memmem(response.body, response.body_size, row->detail, strlen(row->detail))) {
        fail_msg("expected \"%s\", came %.*s", row->detail, (int)response.body_size, response.body);
    }
    atls_response_clear(&response);
}

static size_t make_token(const struct test_device *device, uint8_t fill, uint8_t *out)
{
    static uint8_t nonce[32];
    struct test_recipe recipe = test_recipe_good(device, ATLS_BYTES(nonce, sizeof nonce));

    memset(nonce, fill, sizeof nonce);
    return test_psa_token(&recipe, out);
}

/* The tier in a session's result, or "" where it has none. */
static const char *tier_of(const struct atls_response *response)
{
    json_t *session = test_json_of(response),
           *key = atls_signing_key_public(test_api.result.signer_jwk);
    const char *result = test_text_of(session, "result"), *tier = "";
    struct atls_ear ear;

    if (*result) {
        assert_int_equal(atls_ear_read(atls_bytes_of_text(result), key, &ear), 0);
        tier = atls_tier_name(atls_ear_worst_tier(&ear));
        atls_ear_clear(&ear);
    }
    json_decref(session);
    json_decref(key);
    return tier;
}

static void check_status(const char *path, const char *status, const char *tier)
{
    struct atls_response response;
    json_t *session;

    test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    session = test_json_of(&response);
    assert_string_equal(test_text_of(session, "status"), status);
    json_decref(session);
    assert_string_equal(tier_of(&response), tier);
    atls_response_clear(&response);
}

/* Evidence of a session: the same any number of times, and what comes last is what stays. */
static void test_evidence(void **state)
{
    static uint8_t token[TEST_EVIDENCE_MAX];
    struct atls_response response;
    char path[128];
    size_t size;

    test_open_session(path);
    check_status(path, "waiting", "");
    for (int i = 0; i <= ATLS_CHALLENGE_SUBMISSIONS; i++) {
        size = make_token(&test_api_device, 'n', token);
        test_ask("POST", path, ATLS_MT_PSA_TOKEN, ATLS_BYTES(token, size), 200, &response);
        assert_string_equal(tier_of(&response), "affirming");
        atls_response_clear(&response);
    }
    size = make_token(&test_api_device, 'm', token);
    test_ask("POST", path, ATLS_MT_PSA_TOKEN, ATLS_BYTES(token, size), 200, &response);
    assert_string_equal(tier_of(&response), "contraindicated");
    atls_response_clear(&response);
    check_status(path, "complete", "contraindicated");
}

/* A type of its list in other letters is one that nothing is found by: 500, and the session is
 * over (recorded as "bare token as 'Application/PSA-Attestation-Token'"). */
static void test_type_in_other_letters(void **state)
{
    static uint8_t token[TEST_EVIDENCE_MAX];
    size_t size = make_token(&test_api_device, 'n', token);
    struct atls_response response;
    json_t *problem;
    char path[128];

    test_open_session(path);
    test_ask("POST", path, "Application/PSA-Attestation-Token", ATLS_BYTES(token, size), 500,
             &response);
    problem = test_json_of(&response);
    assert_string_equal(test_text_of(problem, "detail"),
                        "error encountered while processing evidence");
    json_decref(problem);
    atls_response_clear(&response);
    check_status(path, "failed", "");
}

/* google/uuid reads four forms of an id, and a session says nanoseconds and its own list. */
static void test_session_as_it_is_written(void **state)
{
    static const char *const forms[][2] = {{"", ""}, {"{", "}"}, {"urn:uuid:", ""}};
    struct atls_response response;
    char path[128], plain[128], other[160], *to = plain;
    const char *id, *expiry;
    json_t *session;

    test_open_session(path);
    id = path + strlen(SESSION);
    for (size_t i = 0; i < COUNT(forms); i++) {
        snprintf(other, sizeof other, SESSION "%s%s%s", forms[i][0], id, forms[i][1]);
        test_ask("GET", other, NULL, ATLS_BYTES(NULL, 0), 200, &response);
        atls_response_clear(&response);
    }
    for (const char *from = id; *from; from++)
        if (*from != '-')
            *to++ = *from;
    *to = 0;
    snprintf(other, sizeof other, SESSION "%s", plain);
    test_ask("GET", other, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    session = test_json_of(&response);
    expiry = test_text_of(session, "expiry");
    /* nanoseconds made of the nonce, "nnn": 0x6e6e6e is 7237230 */
    assert_string_equal(expiry, "2023-11-14T22:15:50.12323723Z");
    assert_int_equal(json_array_size(json_object_get(session, "accept")), 9);
    json_decref(session);
    atls_response_clear(&response);
    test_ask("DELETE", other, NULL, ATLS_BYTES(NULL, 0), 204, &response);
    atls_response_clear(&response);
    test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 404, &response);
    atls_response_clear(&response);
}

static void submit(struct atls_bytes corim, const char *failure)
{
    struct atls_response response;
    json_t *json;

    test_ask("POST", SUBMIT, ATLS_MT_CORIM, corim, 200, &response);
    json = test_json_of(&response);
    assert_string_equal(test_text_of(json, "status"), failure ? "failed" : "success");
    if (failure && !strstr(test_text_of(json, "failure-reason"), failure))
        fail_msg("expected \"%s\", came \"%s\"", failure, test_text_of(json, "failure-reason"));
    json_decref(json);
    atls_response_clear(&response);
}

/* The CoRIM of DEVICE under another id. */
static size_t corim_of(const struct test_device *device, const char *id, uint8_t **outp)
{
    struct atls_corim corim;
    uint8_t *made;
    size_t size = test_corim(device, 1, ATLS_CORIM_MAIN, &made);
    char *kept;

    assert_int_equal(atls_corim_parse(ATLS_BYTES(made, size), &corim), 0);
    kept = corim.id;
    corim.id = (char *)(uintptr_t)id;
    assert_int_equal(atls_corim_write(&corim, outp, &size), 0);
    corim.id = kept;
    atls_corim_clear(&corim);
    free(made);
    return size;
}

static void check_appraisal(const struct test_device *device, unsigned status)
{
    static uint8_t token[TEST_EVIDENCE_MAX];
    size_t size = make_token(device, 'n', token);
    struct atls_response response;
    char path[128];

    test_open_session(path);
    test_ask("POST", path, ATLS_MT_PSA_TOKEN, ATLS_BYTES(token, size), status, &response);
    if (status == 200)
        assert_string_equal(tier_of(&response), "affirming");
    atls_response_clear(&response);
    check_status(path, status == 200 ? "complete" : "failed", status == 200 ? "affirming" : "");
}

/* A CoRIM is a document with an id, taken once; a trust anchor in two of them is one too many for
 * its device, whatever its key is, and for no other device. */
static void test_documents(void **state)
{
    struct test_device device, neighbour, thief;
    uint8_t *first, *same_id, *another, *next;
    size_t first_size, same_id_size, another_size, next_size;

    test_device_make(&device, 2);
    test_device_make(&neighbour, 3);
    test_device_make(&thief, 4);
    memcpy(thief.instance_id, device.instance_id, sizeof thief.instance_id);
    first_size = corim_of(&device, "first", &first);
    same_id_size = corim_of(&neighbour, "first", &same_id);
    next_size = corim_of(&neighbour, "next", &next);
    another_size = corim_of(&thief, "another", &another);
    submit(ATLS_BYTES(first, first_size), NULL);
    check_appraisal(&device, 200);
    submit(ATLS_BYTES(first, first_size), "token already in store");
    submit(ATLS_BYTES(same_id, same_id_size),
           "different token with manifest ID \"first\" already in store");
    check_appraisal(&device, 200);
    submit(ATLS_BYTES(next, next_size), NULL);
    check_appraisal(&device, 200);
    check_appraisal(&neighbour, 200);
    submit(ATLS_BYTES(another, another_size), NULL);
    check_appraisal(&device, 500);
    check_appraisal(&neighbour, 200);
    free(first);
    free(same_id);
    free(another);
    free(next);
}

/* As many documents as there is room for. */
static void test_documents_are_bounded(void **state)
{
    struct atls_manifests *many;
    struct atls_corim corim = {0};
    char id[16];

    corim.id = id;
    assert_int_equal(atls_manifests_open(&many), 0);
    for (size_t i = 0; i <= ATLS_MANIFESTS_MAX; i++) {
        snprintf(id, sizeof id, "%zu", i);
        assert_int_equal(
            atls_manifests_add(many, &atls_crypto_hosted, atls_bytes_of_text(id), &corim),
            i < ATLS_MANIFESTS_MAX ? 0 : ATLS_E_LIMIT);
    }
    snprintf(id, sizeof id, "0");
    assert_int_equal(atls_manifests_add(many, &atls_crypto_hosted, atls_bytes_of_text(id), &corim),
                     ATLS_E_MISMATCH);
    atls_manifests_close(many);
    atls_manifests_close(NULL);
}

static int no_hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                   uint8_t *digestp)
{
    return atls_fail(-5, NULL, "no hash");
}

/* A document of which there is no digest is not noted. */
static void test_documents_without_crypto(void **state)
{
    struct atls_crypto unable = atls_crypto_hosted;
    struct atls_manifests *none;
    char id[] = "x";
    struct atls_corim corim = {.id = id};

    unable.hash = no_hash;
    assert_int_equal(atls_manifests_open(&none), 0);
    assert_int_equal(atls_manifests_add(none, &unable, atls_bytes_of_text("x"), &corim), -5);
    assert_int_equal(atls_manifests_add(none, &atls_crypto_hosted, atls_bytes_of_text("x"), &corim),
                     0);
    atls_manifests_close(none);
}

/* Who may provision is asked first, in Veraison's words. */
static void test_tokens(void **state)
{
    static const struct {
        const char *authorization;
        unsigned status;
    } table[] = {{NULL, 401}, {"Bearer other", 401}, {"Bearer secret", 400}};

    test_api.provisioning_token = "secret";
    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_request request = {.method = "POST",
                                       .path = SUBMIT,
                                       .content_type = ATLS_MT_CORIM,
                                       .authorization = table[i].authorization};
        struct atls_response response;

        atls_api_answer(&test_api, &request, &response);
        assert_int_equal(response.status, table[i].status);
        if (table[i].status == 401)
            assert_string_equal(response.challenge, "Basic realm=veraison");
        atls_response_clear(&response);
    }
    test_api.provisioning_token = NULL;
}

static int set_up(void **state)
{
    static const struct atls_sessions_limits limits = {.lifetime_ms = 150000,
                                                       .max_sessions = 1000,
                                                       .max_bytes = 1 << 20,
                                                       .renews = true,
                                                       .repeats = true,
                                                       .dated_ids = true};

    if (test_api_set_up(state) != 0 || atls_manifests_open(&manifests) != 0)
        return -1;
    atls_sessions_close(test_api.sessions);
    if (atls_sessions_open(&limits, test_api.clock, test_api.crypto, &test_api.sessions) != 0)
        return -1;
    test_api.as = atls_manners_named("veraison-main");
    test_api.manifests = manifests;
    test_api.result.manners = &atls_appraisal_veraison;
    return 0;
}

static int tear_down(void **state)
{
    atls_manifests_close(manifests);
    return test_api_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_type_in_other_letters),
        cmocka_unit_test(test_session_as_it_is_written),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_documents_are_bounded),
        cmocka_unit_test(test_documents_without_crypto),
        cmocka_unit_test(test_tokens),
    };
    static struct CMUnitTest tests[COUNT(rows) + COUNT(others)];

    memcpy(tests, others, sizeof others);
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[COUNT(others) + i] =
            (struct CMUnitTest){.name = rows[i].name,
                                .test_func = test_row,
                                .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
