/* SPDX-License-Identifier: Apache-2.0 */
/* The API as its clients see it, without a socket: status codes, their order, headers, JSON. */
#include <ctype.h>
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

static size_t media_type_count(void)
{
    size_t count = 0;

    while (atls_evidence_media_type(count))
        count++;
    return count;
}

#define SESSION_TYPE "application/vnd.veraison.challenge-response-session+json"
#define PROBLEM "application/problem+json"

/* One request, one answer. BODY is text. */
struct row {
    const char *name, *method, *path, *accept, *content_type, *nonce, *nonce_size, *body;
    unsigned status;
    const char *type, *detail; /* of a problem: a part of its detail */
};

static const struct row rows[] = {
    {"new session", "POST", NEW, NULL, NULL, NULL, NULL, "", 201, SESSION_TYPE, NULL},
    {"new session, type asked for", "POST", NEW, SESSION_TYPE, NULL, NULL, NULL, "", 201,
     SESSION_TYPE, NULL},
    {"new session, among others", "POST", NEW, "text/html;q=0.9 ,  " SESSION_TYPE ";q=0.1", NULL,
     NULL, NULL, "", 201, SESSION_TYPE, NULL},
    {"new session, anything", "POST", NEW, "*/*", NULL, NULL, NULL, "", 201, SESSION_TYPE, NULL},
    {"new session, any application", "POST", NEW, "application/*", NULL, NULL, NULL, "", 201,
     SESSION_TYPE, NULL},
    {"new session, other accept", "POST", NEW, "application/json", NULL, NULL, NULL, "", 406,
     PROBLEM, "the only supported output format is " SESSION_TYPE},
    {"new session, any text", "POST", NEW, "text/*", NULL, NULL, NULL, "", 406, PROBLEM, ""},
    {"new session, accept of commas", "POST", NEW, ",,;,", NULL, NULL, NULL, "", 406, PROBLEM, ""},
    {"406 comes before a bad nonce", "POST", NEW, "text/html", NULL, "!", NULL, "", 406, PROBLEM,
     ""},
    {"nonce of 8 bytes", "POST", NEW, NULL, NULL, "MDEyMzQ1Njc", NULL, "", 201, SESSION_TYPE, NULL},
    {"nonce, padded", "POST", NEW, NULL, NULL, "MDEyMzQ1Njc=", NULL, "", 201, SESSION_TYPE, NULL},
    {"nonce with the URL-safe alphabet", "POST", NEW, NULL, NULL, "__-__-__-__-", NULL, "", 201,
     SESSION_TYPE, NULL},
    {"nonce with the other alphabet", "POST", NEW, NULL, NULL, "//+//+//+//+", NULL, "", 400,
     PROBLEM, "failed handling nonce request: nonce must be valid base64"},
    {"nonce of 7 bytes", "POST", NEW, NULL, NULL, "MDEyMzQ1Ng", NULL, "", 400, PROBLEM,
     "failed handling nonce request: nonce must be between 8 and 64 bytes long; got 7"},
    {"nonce of 65 bytes", "POST", NEW, NULL, NULL,
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     NULL, "", 400, PROBLEM, "got 65"},
    {"nonce of 64 bytes", "POST", NEW, NULL, NULL,
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NULL,
     "", 201, SESSION_TYPE, NULL},
    {"nonce that is no base64", "POST", NEW, NULL, NULL, "^^^^", NULL, "", 400, PROBLEM,
     "nonce must be valid base64"},
    {"nonce with a rest of one character", "POST", NEW, NULL, NULL, "MDEyMzQ1NjcwM", NULL, "", 400,
     PROBLEM, "nonce must be valid base64"},
    {"empty parameters are none", "POST", NEW, NULL, NULL, "", "", "", 201, SESSION_TYPE, NULL},
    {"both parameters", "POST", NEW, NULL, NULL, "MDEyMzQ1Njc", "32", "", 400, PROBLEM,
     "failed handling nonce request: nonce and nonceSize are mutually exclusive"},
    {"nonceSize 8", "POST", NEW, NULL, NULL, NULL, "8", "", 201, SESSION_TYPE, NULL},
    {"nonceSize 64", "POST", NEW, NULL, NULL, NULL, "64", "", 201, SESSION_TYPE, NULL},
    {"nonceSize 7", "POST", NEW, NULL, NULL, NULL, "7", "", 400, PROBLEM,
     "failed handling nonce request: nonceSize must be in range 8..64"},
    {"nonceSize 65", "POST", NEW, NULL, NULL, NULL, "65", "", 400, PROBLEM, "8..64"},
    {"nonceSize of many digits", "POST", NEW, NULL, NULL, NULL, "18446744073709551648", "", 400,
     PROBLEM, "8..64"},
    {"nonceSize is decimal", "POST", NEW, NULL, NULL, NULL, "0x20", "", 400, PROBLEM, "8..64"},
    {"nonceSize with a sign", "POST", NEW, NULL, NULL, NULL, "+32", "", 400, PROBLEM, "8..64"},
    {"nonceSize with a word", "POST", NEW, NULL, NULL, NULL, "32 bytes", "", 400, PROBLEM, "8..64"},
    {"new session has one method", "GET", NEW, NULL, NULL, NULL, NULL, "", 405, PROBLEM,
     "POST, OPTIONS"},
    /* evidence: 406, 400 (empty), 400 (CMW), 400 or 415 (type), 400 (id), 404 */
    {"evidence, other accept", "POST", SESSION "1234", "text/html", "x", NULL, NULL, "", 406,
     PROBLEM, ""},
    {"evidence, empty", "POST", SESSION "1234", NULL, "x", NULL, NULL, "", 400, PROBLEM,
     "unable to read evidence from the request body"},
    {"evidence, broken CMW", "POST", SESSION "1234", NULL, "application/cmw", NULL, NULL, "junk",
     400, PROBLEM, "could not unwrap the CMW: "},
    {"evidence, broken CMW under each alias", "POST", SESSION "1234", NULL,
     "application/vnd.veraison.cmw+cbor", NULL, NULL, "junk", 400, PROBLEM,
     "could not unwrap the CMW: "},
    {"evidence, no media type", "POST", SESSION "1234", NULL, "psa", NULL, NULL, "junk", 400,
     PROBLEM, "not a media type"},
    {"evidence, no Content-Type", "POST", SESSION "1234", NULL, NULL, NULL, NULL, "junk", 400,
     PROBLEM, "not a media type: \"\""},
    {"evidence, other type", "POST", SESSION "1234", NULL, "application/x", NULL, NULL, "junk", 415,
     PROBLEM, "no active plugin found for application/x"},
    {"evidence, EAT without profile", "POST", SESSION "1234", NULL, "application/eat+cwt", NULL,
     NULL, "junk", 415, PROBLEM, "no active plugin found"},
    {"evidence, other profile", "POST", SESSION "1234", NULL,
     "application/eat-cwt; profile=\"http://arm.com/psa/3\"", NULL, NULL, "junk", 415, PROBLEM, ""},
    {"evidence, other type in a CMW", "POST", SESSION "1234", NULL, "application/cmw+json", NULL,
     NULL, "[\"application/x\", \"AAAA\"]", 415, PROBLEM, ""},
    {"evidence, collection of another type", "POST", SESSION "1234", NULL, "application/cmw+json",
     NULL, NULL, "{\"__cmwc_t\":\"tag:a,2024:b\",\"a\":[\"application/x\", \"AAAA\"]}", 415,
     PROBLEM, ""},
    {"evidence, bad id", "POST", SESSION "1234", NULL, "application/psa-attestation-token", NULL,
     NULL, "junk", 400, PROBLEM, "invalid session id (" SESSION "1234) in path segment"},
    {"evidence, no such session", "POST", SESSION UUID, NULL, "application/psa-attestation-token",
     NULL, NULL, "junk", 404, PROBLEM, "session not found"},
    {"evidence, profile with other quoting and blanks", "POST", SESSION UUID, NULL,
     "Application/EAT-CWT ;Profile=\"http://arm.com/psa/2.0.0\"", NULL, NULL, "junk", 404, PROBLEM,
     "session not found"},
    {"session, other accept", "GET", SESSION "1234", "text/html", NULL, NULL, NULL, "", 406,
     PROBLEM, ""},
    {"session, bad id", "GET", SESSION "1234", NULL, NULL, NULL, NULL, "", 400, PROBLEM, ""},
    {"session, none", "GET", SESSION UUID, NULL, NULL, NULL, NULL, "", 404, PROBLEM, ""},
    {"session deleted, bad id", "DELETE", SESSION "1234", "text/html", NULL, NULL, NULL, "", 400,
     PROBLEM, ""},
    {"session deleted, none", "DELETE", SESSION UUID, NULL, NULL, NULL, NULL, "", 204, NULL, NULL},
    {"session, other method", "PUT", SESSION UUID, NULL, NULL, NULL, NULL, "x", 405, PROBLEM,
     "GET, HEAD, POST"},
    {"session without id", "GET", SESSION, NULL, NULL, NULL, NULL, "", 404, "text/plain", NULL},
    {"session with more behind", "GET", SESSION UUID "/x", NULL, NULL, NULL, NULL, "", 404,
     "text/plain", NULL},
    {"no such path", "GET", "/", NULL, NULL, NULL, NULL, "", 404, "text/plain", NULL},
    /* endorsements: 406, 400 or 415, 400 (empty), then always 200 */
    {"endorsements, other accept", "POST", SUBMIT, "text/html", "x", NULL, NULL, "", 406, PROBLEM,
     ""},
    {"endorsements, no media type", "POST", SUBMIT, NULL, "x", NULL, NULL, "", 400, PROBLEM, ""},
    {"endorsements, other type", "POST", SUBMIT, NULL, "application/rim+cbor", NULL, NULL, "", 415,
     PROBLEM, "no active plugin found"},
    {"endorsements, signed", "POST", SUBMIT, NULL,
     "application/rim+cose; profile=\"tag:arm.com,2025:psa#1.0.0\"", NULL, NULL, "x", 200,
     "application/vnd.veraison.provisioning-session+json", NULL},
    {"endorsements, empty", "POST", SUBMIT, NULL, ATLS_MT_CORIM, NULL, NULL, "", 400, PROBLEM,
     "empty body"},
    {"endorsements, junk", "POST", SUBMIT, NULL, ATLS_MT_CORIM, NULL, NULL, "\xff\xfejunk", 200,
     "application/vnd.veraison.provisioning-session+json", NULL},
    {"endorsements, other method", "GET", SUBMIT, NULL, NULL, NULL, NULL, "", 405, PROBLEM,
     "POST, OPTIONS"},
    {"discovery, other accept", "GET", "/.well-known/veraison/verification", "text/html", NULL,
     NULL, NULL, "", 406, PROBLEM, ""},
    {"discovery, plain JSON", "GET", "/.well-known/veraison/verification", "application/json", NULL,
     NULL, NULL, "", 200, "application/vnd.veraison.discovery+json", NULL},
    {"discovery, HEAD", "HEAD", "/.well-known/veraison/verification", NULL, NULL, NULL, NULL, "",
     200, "application/vnd.veraison.discovery+json", NULL},
    {"discovery, OPTIONS", "OPTIONS", "/.well-known/veraison/verification", NULL, NULL, NULL, NULL,
     "", 204, NULL, NULL},
    {"session, OPTIONS", "OPTIONS", SESSION UUID, NULL, NULL, NULL, NULL, "", 204, NULL, NULL},
    {"no such path, OPTIONS", "OPTIONS", "/", NULL, NULL, NULL, NULL, "", 404, "text/plain", NULL},
    {"description", "GET", ATLS_PATH_DESCRIPTION, NULL, NULL, NULL, NULL, "", 200,
     "application/vnd.oai.openapi+json", NULL},
    {"description, plain JSON", "GET", ATLS_PATH_DESCRIPTION, "application/json", NULL, NULL, NULL,
     "", 200, "application/vnd.oai.openapi+json", NULL},
    {"description, its own type", "GET", ATLS_PATH_DESCRIPTION, "application/vnd.oai.openapi+json",
     NULL, NULL, NULL, "", 200, "application/vnd.oai.openapi+json", NULL},
    {"description, other accept", "GET", ATLS_PATH_DESCRIPTION, "text/html", NULL, NULL, NULL, "",
     406, PROBLEM, "the only supported output format is application/vnd.oai.openapi+json"},
    {"description is only read", "POST", ATLS_PATH_DESCRIPTION, NULL, NULL, NULL, NULL, "", 405,
     PROBLEM, "GET, HEAD, OPTIONS"},
    {"discovery is only read", "POST", "/.well-known/veraison/verification", NULL, NULL, NULL, NULL,
     "", 405, PROBLEM, "GET, HEAD, OPTIONS"},
};

/* The reason phrases of RFC 9110 section 15, but for 413, whose older name Veraison has. */
static void check_title(const char *title, unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } table[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };
    const char *expected = "Error";

    for (size_t i = 0; i < COUNT(table); i++)
        if (table[i].status == status)
            expected = table[i].title;
    assert_string_equal(title, expected);
}

/* A nonce of a size that cannot be has a word of its own, and nothing else that is asked for a
 * session. */
static void check_reason(const struct row *row, const char *reason)
{
    bool size = strstr(row->detail, "8..64") || strstr(row->detail, "got 7") ||
                strstr(row->detail, "got 65");

    if (strcmp(row->path, NEW) == 0)
        assert_string_equal(reason, size ? "nonce-length" : "");
}

static void check_problem(const struct row *row, const struct atls_response *response)
{
    json_t *problem = test_json_of(response);

    assert_string_equal(test_text_of(problem, "type"), "about:blank");
    check_title(test_text_of(problem, "title"), row->status);
    check_reason(row, test_text_of(problem, "atls.reason"));
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), row->status);
    if (!strstr(test_text_of(problem, "detail"), row->detail))
        fail_msg("detail: %s", test_text_of(problem, "detail"));
    json_decref(problem);
}

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

    atls_api_answer(&test_api, &request, &response);
    if (response.status != row->status)
        fail_msg("expected %u, came %u: %.*s", row->status, response.status,
                 (int)response.body_size, response.body);
    if (row->type)
        assert_string_equal(response.content_type, row->type);
    else
        assert_null(response.content_type);
    if (row->type && strcmp(row->type, PROBLEM) == 0)
        check_problem(row, &response);
    assert_int_equal(response.accept != NULL, row->status == 415);
    assert_int_equal(response.location != NULL, row->status == 201);
    assert_int_equal(response.allow != NULL,
                     row->status == 405 ||
                         (row->status == 204 && strcmp(row->method, "OPTIONS") == 0));
    atls_response_clear(&response);
}

static void test_discovery(void **state)
{
    struct atls_response response;
    json_t *json, *key;

    test_ask("GET", "/.well-known/veraison/verification", NULL, ATLS_BYTES(NULL, 0), 200,
             &response);
    json = test_json_of(&response);
    key = json_object_get(json, "ear-verification-key");
    assert_string_equal(test_text_of(key, "alg"), "ES256");
    assert_string_equal(test_text_of(key, "crv"), "P-256");
    assert_null(json_object_get(key, "d"));
    assert_string_equal(test_text_of(json, "service-state"), "READY");
    assert_string_equal(
        test_text_of(json_object_get(json, "api-endpoints"), "newChallengeResponseSession"), NEW);
    assert_int_equal(json_array_size(json_object_get(json, "media-types")), media_type_count());
    json_decref(json);
    atls_response_clear(&response);
    test_ask("GET", "/.well-known/veraison/provisioning", NULL, ATLS_BYTES(NULL, 0), 200,
             &response);
    json = test_json_of(&response);
    assert_string_equal(test_text_of(json_object_get(json, "api-endpoints"), "provisioningSubmit"),
                        SUBMIT);
    assert_null(json_object_get(json, "ear-verification-key"));
    json_decref(json);
    atls_response_clear(&response);
}

/* The methods of a path of the description, in the order and form of Allow. */
static void join_methods(json_t *item, char *joined, size_t size)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT",
                                          "DELETE", "OPTIONS", "PATCH", "TRACE"};
    size_t used = 0;

    joined[0] = 0;
    for (size_t i = 0; i < COUNT(methods); i++) {
        char name[16];

        snprintf(name, sizeof name, "%s", methods[i]);
        for (char *c = name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        if (json_object_get(item, name))
            used +=
                (size_t)snprintf(joined + used, size - used, "%s%s", used ? ", " : "", methods[i]);
    }
}

/* Each path of the API is described, with its methods and no others, and nothing else is. */
static void test_description(void **state)
{
    struct atls_response response;
    json_t *json, *paths;

    test_ask("GET", ATLS_PATH_DESCRIPTION, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    assert_string_equal(response.content_type, "application/vnd.oai.openapi+json");
    json = test_json_of(&response);
    paths = json_object_get(json, "paths");
    for (size_t i = 0; i < atls_routes_count; i++) {
        char path[100], joined[100];

        snprintf(path, sizeof path, "%s%s", atls_routes[i].path,
                 atls_routes[i].has_id ? "{session}" : "");
        join_methods(json_object_get(paths, path), joined, sizeof joined);
        if (strcmp(joined, atls_routes[i].methods) != 0)
            fail_msg("%s: expected %s, described is \"%s\"", path, atls_routes[i].methods, joined);
    }
    assert_int_equal(json_object_size(paths), atls_routes_count);
    json_decref(json);
    atls_response_clear(&response);
}

/* The types in the description of a path's body are those that are taken. */
static void test_described_types(void **state)
{
    struct atls_response response;
    json_t *json, *post, *types;

    test_ask("GET", ATLS_PATH_DESCRIPTION, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    json = test_json_of(&response);
    post = json_object_get(json_object_get(json_object_get(json, "paths"), SESSION "{session}"),
                           "post");
    types = json_object_get(json_object_get(post, "requestBody"), "content");
    assert_int_equal(json_object_size(types), media_type_count());
    for (size_t i = 0; atls_evidence_media_type(i); i++)
        assert_non_null(json_object_get(types, atls_evidence_media_type(i)));
    post = json_object_get(json_object_get(json_object_get(json, "paths"), SUBMIT), "post");
    types = json_object_get(json_object_get(post, "requestBody"), "content");
    assert_int_equal(json_object_size(types), 4);
    assert_non_null(json_object_get(types, ATLS_MT_CORIM));
    assert_non_null(json_object_get(types, ATLS_MT_CORIM_SIGNED));
    assert_non_null(json_object_get(types, ATLS_MT_CORIM_PARSEC_TPM));
    assert_non_null(json_object_get(types, ATLS_MT_CORIM_PARSEC_TPM_SIGNED));
    json_decref(json);
    atls_response_clear(&response);
}

/* The Accept header of a 415 is the list that sessions show. */
static void test_one_list(void **state)
{
    struct atls_response response;
    char joined[2048] = "";
    size_t used = 0;

    for (size_t i = 0; atls_evidence_media_type(i); i++)
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", i ? ", " : "",
                                 atls_evidence_media_type(i));
    test_ask("POST", SESSION UUID, "application/x", ATLS_BYTES("x", 1), 415, &response);
    assert_string_equal(response.accept, joined);
    atls_response_clear(&response);
}

/* At a verifier that this one stands in for no method is taken but those that it has. */
static void test_methods_as_another(void **state)
{
    static const struct {
        const char *method, *path;
        unsigned status;
    } table[] = {
        {"POST", NEW, 201},
        {"OST", NEW, 404},
        {"GET", NEW, 404},
        {"OPTIONS", NEW, 404},
        {"POST", NEW "/", 307},
        {"OST", NEW "/", 404},
        {"GET", ATLS_PATH_DISCOVERY_VERIFICATION, 200},
        {"ET", ATLS_PATH_DISCOVERY_VERIFICATION, 404},
        {"", ATLS_PATH_DISCOVERY_VERIFICATION, 404},
        {"HEAD", ATLS_PATH_DISCOVERY_VERIFICATION, 404},
        {"GET", ATLS_PATH_DISCOVERY_VERIFICATION "/", 301},
        {"DELETE", SESSION UUID, 204},
        {"DELETE", SESSION, 404},
        {"PUT", SESSION UUID, 404},
        {"GET", ATLS_PATH_DESCRIPTION, 404},
        {"GET", ATLS_PATH_DESCRIPTION "/", 404},
    };
    struct atls_response response;

    test_api.as = atls_manners_named("veraison-main");
    for (size_t i = 0; i < COUNT(table); i++) {
        test_ask(table[i].method, table[i].path, NULL, ATLS_BYTES(NULL, 0), table[i].status,
                 &response);
        atls_response_clear(&response);
    }
    test_api.as = NULL;
}

/* RFC 6750 section 2.1: everything below /challenge-response wants the token, nothing else does;
 * section 3 has the challenge. Without the token nothing else is told, not even what is wrong. */
static void test_appraisal_token(void **state)
{
    static const struct {
        const char *method, *path;
        bool asks;
        unsigned status; /* of who bears it */
    } table[] = {
        {"POST", NEW, true, 201},
        {"GET", SESSION UUID, true, 404},
        {"HEAD", SESSION UUID, true, 404},
        {"POST", SESSION UUID, true, 400},
        {"DELETE", SESSION UUID, true, 204},
        {"GET", SESSION "1234", true, 400},
        {"PUT", SESSION UUID, false, 405},
        {"OPTIONS", SESSION UUID, false, 204},
        {"GET", NEW, false, 405},
        {"GET", ATLS_PATH_DISCOVERY_VERIFICATION, false, 200},
        {"GET", ATLS_PATH_DISCOVERY_PROVISIONING, false, 200},
        {"GET", ATLS_PATH_DESCRIPTION, false, 200},
        {"POST", SUBMIT, false, 400}, /* that is provisioning, which has a token of its own */
        {"GET", "/", false, 404},
    };
    static const struct {
        const char *authorization;
        bool right;
        const char *challenge;
    } bearers[] = {
        {NULL, false, "Bearer realm=\"challenge-response\""},
        {"Bearer guess", false, "Bearer realm=\"challenge-response\", error=\"invalid_token\""},
        {"Bearer secre", false, "Bearer realm=\"challenge-response\", error=\"invalid_token\""},
        {"Bearer secret", true, NULL},
    };

    test_api.token = "secret";
    for (size_t i = 0; i < COUNT(table) * COUNT(bearers); i++) {
        size_t row = i / COUNT(bearers), who = i % COUNT(bearers);
        struct atls_request request = {.method = table[row].method,
                                       .path = table[row].path,
                                       .authorization = bearers[who].authorization};
        struct atls_response response;
        bool refused = table[row].asks && !bearers[who].right;

        atls_api_answer(&test_api, &request, &response);
        if (response.status != (refused ? 401 : table[row].status))
            fail_msg("%s %s, %s: came %u", table[row].method, table[row].path,
                     bearers[who].authorization, response.status);
        assert_int_equal(response.challenge != NULL, refused);
        if (refused)
            assert_string_equal(response.challenge, bearers[who].challenge);
        atls_response_clear(&response);
    }
    test_api.token = NULL;
}

/* A fault's answer (faults.h) is a problem as any. */
static void test_problem_of_a_fault(void **state)
{
    struct atls_response response = {.status = 1};
    json_t *problem;

    atls_api_problem(&response, 503, "not now");
    assert_int_equal(response.status, 503);
    assert_string_equal(response.content_type, PROBLEM);
    problem = test_json_of(&response);
    assert_string_equal(test_text_of(problem, "detail"), "not now");
    check_title(test_text_of(problem, "title"), 503);
    json_decref(problem);
    atls_response_clear(&response);
    atls_api_problem(&response, 418, "no such title");
    problem = test_json_of(&response);
    check_title(test_text_of(problem, "title"), 418);
    json_decref(problem);
    atls_response_clear(&response);
}

/* RFC 9110 sections 12.4.2 and 12.5.1: weights, and the closest range decides. */
static void test_accepts(void **state)
{
    static const struct {
        const char *accept;
        bool accepts; /* application/a+json */
    } table[] = {
        {NULL, true},
        {"", true},
        {" \t", true},
        {"text/html, \t", false},
        {"*/*", true},
        {"application/*", true},
        {"application/a+json", true},
        {"APPLICATION/A+JSON", true},
        {"text/html", false},
        {"text/*", false},
        {"app*/*", false},
        {"applicatiox/*", false},
        {"a/b", false},
        {"*/*x", false},
        {"/*", false},
        {"application/a+json;", true},
        {"application/a+json;, text/html", true},
        {"*/*,q=0", true}, /* no weight, but another member of the list */
        {"text/html, */*", true},
        {"text/html,,\t*/*", true},
        {"*/*;q=0", false},
        {"*/*; q=0.000", false},
        {"*/*;q=0.001", true},
        {"*/*;q=1.000", true},
        {"*/*;Q=0", false},
        {"*/*;q=1.001", false}, /* no weight */
        {"*/*;q=2", false},
        {"*/*;q=", false},
        {"*/*;q=0.0001", false},
        {"*/*;q=0.5000", false}, /* four digits */
        {"*/*;q=1", true},
        {"*/*;q=1, text/html", true},
        {"*/*;q=1.", true},
        {"*/*;q=10", false},
        {"*/*, application/a+json;q=0", false},
        {"application/a+json;q=0, */*", false},
        {"application/*;q=0, application/a+json", true},
        {"*/*;q=0, application/*;q=0.1", true},
        {"application/a+json;q=0, application/a+json;q=0.5", true},
        {"application/a+json;version=1", true},
        {"text/html;x=\",application/a+json\"", false}, /* a comma in a quoted string */
        {"text/html;x=\"\\\",*/*\"", false},
        {"text/html;x=\"\\\", */*;y=\"", false}, /* an escaped quote ends no string */
        {"application/a+json;x=\"q=0\"", true},
        {"application/a+json;x=1;q=0", false},
        {"application/a+json;x=\"1\";q=0", false},
        {"application/a+json;x=\"12\";q=0", false},
        {"application/a+json;x=\"\\\\\";q=0", false}, /* an escaped backslash, then the end */
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (atls_accepts(table[i].accept, "application/a+json") != table[i].accepts)
            fail_msg("Accept: %s", table[i].accept);
    }
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_discovery),       cmocka_unit_test(test_description),
        cmocka_unit_test(test_described_types), cmocka_unit_test(test_one_list),
        cmocka_unit_test(test_accepts),         cmocka_unit_test(test_methods_as_another),
        cmocka_unit_test(test_appraisal_token), cmocka_unit_test(test_problem_of_a_fault),
    };
    static struct CMUnitTest tests[COUNT(rows) + COUNT(others)];

    memcpy(tests, others, sizeof others);
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[COUNT(others) + i] =
            (struct CMUnitTest){.name = rows[i].name,
                                .test_func = test_row,
                                .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests(tests, test_api_set_up, test_api_tear_down);
}
