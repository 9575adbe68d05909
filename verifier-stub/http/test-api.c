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
#include "verifier-stub/appraisal/test-evidence.h"
#include "verifier-stub/http/api-private.h"
#include "verifier-stub/http/faults.h"

static size_t media_type_count(void)
{
    size_t count = 0;

    while (atls_evidence_media_type(count))
        count++;
    return count;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SESSION "/challenge-response/v1/session/"
#define NEW "/challenge-response/v1/newSession"
#define SUBMIT "/endorsement-provisioning/v1/submit"
#define UUID "5c5bd88b-c922-482b-ad9f-097e187b42a1"
#define SESSION_TYPE "application/vnd.veraison.challenge-response-session+json"
#define PROBLEM "application/problem+json"

static int64_t time_now = 1700000000123;
static struct test_device device;
static struct atls_api api;

static int64_t tell_time(void *context)
{
    return time_now;
}

static int set_up(void **state)
{
    static const struct atls_sessions_limits limits = {150000, 1000, 1 << 20};
    struct atls_store_import import;
    uint8_t *corim;
    size_t size;
    json_t *key;

    test_device_make(&device, 1);
    api.crypto = &atls_crypto_gnutls;
    api.clock = (struct atls_clock){tell_time, tell_time, NULL};
    api.nonce_dialect = ATLS_BASE64URL;
    if (atls_events_open(NULL, "verifier", &api.events) != 0 ||
        atls_store_open("memory", &api.store) != 0 || atls_signing_key_make(&key) != 0 ||
        atls_sessions_open(&limits, api.clock, api.crypto, &api.sessions) != 0)
        return -1;
    api.result =
        (struct atls_result_rules){ATLS_EAR_VERAISON, "https://verifier.example", 300, key, NULL};
    size = test_corim(&device, 1, ATLS_CORIM_MAIN, &corim);
    if (atls_store_import_corim(api.store, ATLS_BYTES(corim, size), &import) != 0)
        return -1;
    free(corim);
    return 0;
}

static int tear_down(void **state)
{
    atls_sessions_close(api.sessions);
    atls_store_close(api.store);
    atls_events_close(api.events);
    json_decref((json_t *)(uintptr_t)api.result.signer_jwk);
    return 0;
}

static json_t *json_of(const struct atls_response *response)
{
    json_t *json = json_loadb(response->body, response->body_size, JSON_REJECT_DUPLICATES, NULL);

    if (!json)
        fail_msg("no JSON: %.*s", (int)response->body_size, response->body);
    return json;
}

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text ? text : "";
}

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
     PROBLEM, "not a media type"},
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
    {"discovery is only read", "POST", "/.well-known/veraison/verification", NULL, NULL, NULL, NULL,
     "", 405, PROBLEM, "GET, HEAD, OPTIONS"},
};

static void check_problem(const struct row *row, const struct atls_response *response)
{
    json_t *problem = json_of(response);

    assert_string_equal(text_of(problem, "type"), "about:blank");
    assert_true(text_of(problem, "title")[0] != 0);
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), row->status);
    if (!strstr(text_of(problem, "detail"), row->detail))
        fail_msg("detail: %s", text_of(problem, "detail"));
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

    atls_api_answer(&api, &request, &response);
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

static void ask(const char *method, const char *path, const char *content_type,
                struct atls_bytes body, unsigned status, struct atls_response *responsep)
{
    struct atls_request request = {
        .method = method, .path = path, .content_type = content_type, .body = body};

    atls_api_answer(&api, &request, responsep);
    if (responsep->status != status)
        fail_msg("%s %s: expected %u, came %u: %.*s", method, path, status, responsep->status,
                 (int)responsep->body_size, responsep->body);
}

/* Opens a session; writes its path. Its nonce is 32 times the letter n. */
static void open_session(char path[128])
{
    struct atls_request request = {
        .method = "POST", .path = NEW, .nonce = "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4="};
    struct atls_response response;

    atls_api_answer(&api, &request, &response);
    assert_int_equal(response.status, 201);
    assert_memory_equal(response.location, "session/", 8);
    snprintf(path, 128, "/challenge-response/v1/%s", response.location);
    atls_response_clear(&response);
}

static size_t make_cab_that_is(enum test_wrong wrong, uint8_t *out)
{
    static uint8_t nonce[32];
    struct test_recipe recipe = {.device = &device,
                                 .nonce = ATLS_BYTES(nonce, 32),
                                 .lifecycle = ATLS_PSA_SECURED,
                                 .profile = ATLS_PSA_ARM_2,
                                 .wrong = wrong};

    memset(nonce, 'n', sizeof nonce);
    return test_cab(&recipe, out);
}

static size_t make_cab(uint8_t *out)
{
    return make_cab_that_is(TEST_RIGHT, out);
}

static void read_result(const json_t *session, struct atls_ear *earp)
{
    json_t *public_key = atls_signing_key_public(api.result.signer_jwk);

    assert_null(json_object_get(public_key, "d"));
    assert_int_equal(
        atls_ear_read(atls_bytes_of_text(text_of(session, "result")), public_key, earp), 0);
    json_decref(public_key);
}

static void test_session_json(void **state)
{
    static const struct {
        enum atls_base64 dialect;
        const char *nonce;
    } table[] = {{ATLS_BASE64URL, "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4"},
                 {ATLS_BASE64, "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4="}};
    static const char *const members[] = {"status", "nonce", "expiry", "accept"};
    struct atls_response response;
    char path[128];

    for (size_t i = 0; i < COUNT(table); i++) {
        const char *name;
        json_t *session, *value;
        size_t at = 0;

        api.nonce_dialect = table[i].dialect;
        open_session(path);
        ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
        session = json_of(&response);
        json_object_foreach(session, name, value)
            assert_string_equal(name, members[at++]); /* the order too */
        assert_int_equal(at, COUNT(members));
        assert_string_equal(text_of(session, "status"), "waiting");
        assert_string_equal(text_of(session, "nonce"), table[i].nonce);
        assert_string_equal(text_of(session, "expiry"), "2023-11-14T22:15:50.123Z");
        assert_string_equal(
            json_string_value(json_array_get(json_object_get(session, "accept"), 0)),
            "application/psa-attestation-token");
        json_decref(session);
        atls_response_clear(&response);
    }
    api.nonce_dialect = ATLS_BASE64URL;
}

static void check_affirming(const struct atls_ear *ear)
{
    const struct atls_ear_submod *submod = &ear->submods[0];

    assert_int_equal(ear->submod_count, 1);
    assert_string_equal(submod->name, "PSA_KAT");
    assert_int_equal(submod->status, ATLS_TIER_AFFIRMING);
    assert_int_equal(atls_ear_worst_tier(ear), ATLS_TIER_AFFIRMING);
    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++)
        assert_true(submod->has_claim[i]);
    assert_int_equal(submod->trust_vector[ATLS_EXECUTABLES], 2);
    assert_string_equal(submod->policy_id, "policy:PSA_KAT");
    assert_true(submod->has_key);
    assert_true(atls_public_key_equal(&submod->key, &device.ik.public_key));
    assert_string_equal(text_of(submod->policy_claims, "atls.reason"), "ok");
    assert_true(json_is_array(json_object_get(submod->policy_claims, "atls.mismatches")));
    assert_non_null(json_object_get(submod->annotated_evidence, "psa-instance-id"));
}

static void test_evidence_to_result(void **state)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    struct atls_response response;
    struct atls_ear ear;
    json_t *session, *evidence;
    uint8_t *posted;
    char path[128];

    open_session(path);
    ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    session = json_of(&response);
    assert_string_equal(text_of(session, "status"), "complete");
    evidence = json_object_get(session, "evidence");
    assert_string_equal(text_of(evidence, "type"), "application/cmw+cbor");
    assert_int_equal(atls_base64_decode(ATLS_BASE64, atls_bytes_of_text(text_of(evidence, "value")),
                                        &posted, &size),
                     0);
    assert_memory_equal(posted, cab, size);
    free(posted);
    read_result(session, &ear);
    check_affirming(&ear);
    assert_int_equal(ear.dialect, ATLS_EAR_VERAISON);
    assert_int_equal(ear.issued_at, 1700000000);
    assert_int_equal(ear.expires_at, 1700000300);
    assert_string_equal(ear.issuer, "https://verifier.example");
    assert_int_equal(ear.nonce_size, 32);
    assert_int_equal(ear.nonce[31], 'n');
    assert_non_null(strstr(ear.developer, "simulated"));
    atls_ear_clear(&ear);
    json_decref(session);
    atls_response_clear(&response);
    api.terse = true;
    ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    session = json_of(&response);
    assert_null(json_object_get(session, "evidence"));
    assert_null(json_object_get(session, "accept"));
    assert_non_null(json_object_get(session, "result"));
    json_decref(session);
    atls_response_clear(&response);
    open_session(path);
    ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, make_cab(cab)), 200, &response);
    session = json_of(&response);
    read_result(session, &ear);
    assert_null(ear.submods[0].annotated_evidence);
    assert_null(ear.submods[0].policy_claims);
    assert_false(ear.submods[0].has_claim[ATLS_FILE_SYSTEM]);
    assert_true(ear.submods[0].has_claim[ATLS_HARDWARE]);
    assert_int_equal(ear.submods[0].status, ATLS_TIER_AFFIRMING);
    atls_ear_clear(&ear);
    json_decref(session);
    atls_response_clear(&response);
    api.terse = false;
    ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response); /* it is kept */
    session = json_of(&response);
    read_result(session, &ear);
    atls_ear_clear(&ear);
    json_decref(session);
    atls_response_clear(&response);
    ask("DELETE", path, NULL, ATLS_BYTES(NULL, 0), 204, &response);
    assert_int_equal(response.body_size, 0);
    atls_response_clear(&response);
    ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 404, &response);
    atls_response_clear(&response);
}

static const char *reason_of(const struct atls_response *response, char out[64])
{
    json_t *session = json_of(response);
    struct atls_ear ear;

    read_result(session, &ear);
    snprintf(out, 64, "%s", text_of(ear.submods[0].policy_claims, "atls.reason"));
    if (strcmp(out, "evidence-replayed") == 0) {
        assert_int_equal(ear.submods[0].status, ATLS_TIER_CONTRAINDICATED);
        assert_false(ear.submods[0].has_key);
    }
    atls_ear_clear(&ear);
    json_decref(session);
    return out;
}

/* Byte for byte, in the other serialization, with another signature over the same claims: it is the
 * same evidence. What the session holds stays. */
static void test_replay(void **state)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab), json_size;
    struct atls_response response;
    struct atls_cmw *cmw;
    char path[128], reason[64];
    uint8_t *json;

    assert_int_equal(atls_cmw_parse(ATLS_BYTES(cab, size), &cmw), 0);
    assert_int_equal(atls_cmw_serialize(cmw, ATLS_JSON, &json, &json_size), 0);
    atls_cmw_free(cmw);
    open_session(path);
    ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "ok");
    atls_response_clear(&response);
    ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "evidence-replayed");
    atls_response_clear(&response);
    ask("POST", path, "application/cmw+json", ATLS_BYTES(json, json_size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "evidence-replayed");
    atls_response_clear(&response);
    size = make_cab_that_is(TEST_PAT_SIGNATURE, cab);
    ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "evidence-replayed");
    atls_response_clear(&response);
    size = make_cab_that_is(TEST_LINKAGE, cab); /* the same KAT beside another PAT is none */
    ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "linkage-mismatch");
    atls_response_clear(&response);
    size = make_cab(cab);
    ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "evidence-replayed");
    atls_response_clear(&response);
    ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    assert_string_equal(reason_of(&response, reason), "linkage-mismatch");
    atls_response_clear(&response);
    free(json);
}

/* The word for what is no CMW: is it CBOR at least, which JSON never is? */
static void test_reasons_of_no_cmw(void **state)
{
    static const struct {
        struct atls_bytes body;
        const char *reason;
    } table[] = {
        {ATLS_BYTES("junk", 4), "malformed-cmw"},
        {ATLS_BYTES("[1", 2), "malformed-cmw"},
        {ATLS_BYTES("{}", 2), "malformed-cmw"},
        {ATLS_BYTES("\x82\x01\x02", 3), "malformed-cmw"},
        {ATLS_BYTES("\x82\x01", 2), "malformed-cbor"},
        {ATLS_BYTES("\x80\x80", 2), "malformed-cbor"},
        {ATLS_BYTES("\x80", 1), "malformed-cmw"},
        {ATLS_BYTES("\xff", 1), "malformed-cbor"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_response response;
        json_t *problem;

        ask("POST", SESSION UUID, ATLS_MT_CMW_CBOR, table[i].body, 400, &response);
        problem = json_of(&response);
        if (strcmp(text_of(problem, "atls.reason"), table[i].reason) != 0)
            fail_msg("row %zu: %s", i, text_of(problem, "atls.reason"));
        json_decref(problem);
        atls_response_clear(&response);
    }
}

static void test_expired(void **state)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    struct atls_response response;
    char path[128];
    json_t *problem;

    open_session(path);
    time_now += 150000;
    ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 404, &response);
    problem = json_of(&response);
    assert_string_equal(text_of(problem, "atls.reason"), "session-expired");
    json_decref(problem);
    atls_response_clear(&response);
}

static void test_too_many_submissions(void **state)
{
    struct atls_response response;
    char path[128], body[16];

    open_session(path);
    for (int i = 0; i <= ATLS_CHALLENGE_SUBMISSIONS; i++) {
        snprintf(body, sizeof body, "junk %d", i);
        ask("POST", path, "application/psa-attestation-token", atls_bytes_of_text(body),
            i < ATLS_CHALLENGE_SUBMISSIONS ? 200 : 429, &response);
        atls_response_clear(&response);
    }
}

static void test_draft_dialect(void **state)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    struct atls_response response;
    struct atls_ear ear;
    json_t *session;
    char path[128];

    api.result.dialect = ATLS_EAR_DRAFT_03;
    open_session(path);
    ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 200, &response);
    api.result.dialect = ATLS_EAR_VERAISON;
    session = json_of(&response);
    read_result(session, &ear);
    assert_int_equal(ear.dialect, ATLS_EAR_DRAFT_03);
    check_affirming(&ear);
    atls_ear_clear(&ear);
    json_decref(session);
    atls_response_clear(&response);
}

static void check_submission(struct atls_bytes corim, const char *status)
{
    struct atls_response response;
    json_t *json;

    ask("POST", SUBMIT, "application/rim+cbor;profile=\"tag:arm.com,2025:psa#1.0.0\"", corim, 200,
        &response);
    json = json_of(&response);
    assert_string_equal(text_of(json, "status"), status);
    assert_true(text_of(json, "expiry")[0] != 0);
    assert_int_equal(json_object_get(json, "failure-reason") != NULL,
                     strcmp(status, "failed") == 0);
    json_decref(json);
    atls_response_clear(&response);
}

static void test_provisioning(void **state)
{
    struct test_device other, thief;
    struct atls_trust_anchor anchor;
    uint8_t *corim;
    size_t size;

    test_device_make(&other, 2);
    thief = other;
    thief.pak = device.pak;
    size = test_corim(&other, 1, ATLS_CORIM_V0_2608, &corim);
    check_submission(ATLS_BYTES(corim, size), "success");
    check_submission(ATLS_BYTES(corim, size), "success");
    check_submission(ATLS_BYTES(corim, size - 1), "failed");
    free(corim);
    size = test_corim(&thief, 1, ATLS_CORIM_MAIN, &corim);
    check_submission(ATLS_BYTES(corim, size), "failed");
    free(corim);
    assert_int_equal(api.store->ops->find_trust_anchor(api.store, other.implementation_id,
                                                       other.instance_id, &anchor),
                     0);
    assert_true(atls_public_key_equal(&anchor.key, &other.pak.public_key));
}

/* RFC 6750 section 2.1: endorsements are taken from whoever bears the token; section 3: what is
 * missing is asked for, what is wrong is called so. */
static void test_provisioning_token(void **state)
{
    static const struct {
        const char *token, *authorization;
        unsigned status;
        const char *challenge; /* its end */
    } table[] = {
        {NULL, NULL, 200, NULL},
        {NULL, "Bearer of-nothing-that-was-asked-for", 200, NULL},
        {"0123456789abcdef", NULL, 401, "provisioning\""},
        {"0123456789abcdef", "", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer 0123456789abcdeg", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer 0123456789abcdef0", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer 0123456789abcde", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer0123456789abcdef", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Basic 0123456789abcdef", 401, "error=\"invalid_token\""},
        {"0123456789abcdef", "Bearer 0123456789abcdef", 200, NULL},
        {"0123456789abcdef", "bearer  0123456789abcdef", 200, NULL},
    };
    uint8_t *corim;
    size_t size = test_corim(&device, 1, ATLS_CORIM_MAIN, &corim);

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_request request = {.method = "POST",
                                       .path = SUBMIT,
                                       .content_type = ATLS_MT_CORIM,
                                       .authorization = table[i].authorization,
                                       .body = ATLS_BYTES(corim, size)};
        const char *end = table[i].challenge;
        struct atls_response response;

        api.provisioning_token = table[i].token;
        atls_api_answer(&api, &request, &response);
        api.provisioning_token = NULL;
        if (response.status != table[i].status)
            fail_msg("%s: %u", table[i].authorization, response.status);
        assert_int_equal(response.challenge != NULL, end != NULL);
        if (end)
            assert_string_equal(response.challenge + strlen(response.challenge) - strlen(end), end);
        atls_response_clear(&response);
    }
    free(corim);
}

/* What an import says of what it took no notice of, and of who signed it. */
static void test_endorsed_fields(void **state)
{
    const struct atls_store_import import = {.reference_values = 3,
                                             .trust_anchors = 1,
                                             .skipped = ~0u,
                                             .is_signed = true,
                                             .signer = "s"};
    json_t *fields = atls_endorsed_fields("a file", &import);
    const json_t *skipped = json_object_get(fields, "skipped");

    assert_string_equal(text_of(fields, "source"), "a file");
    assert_string_equal(text_of(fields, "signer"), "s");
    assert_int_equal(json_array_size(skipped), ATLS_SKIPPED_COUNT);
    for (int i = 0; i < ATLS_SKIPPED_COUNT; i++)
        assert_string_equal(json_string_value(json_array_get(skipped, (size_t)i)),
                            atls_corim_skipped_name(i));
    json_decref(fields);
    fields = atls_endorsed_fields("a file", &(struct atls_store_import){.trust_anchors = 1});
    assert_null(json_object_get(fields, "skipped"));
    assert_null(json_object_get(fields, "signer"));
    json_decref(fields);
}

static int damaged_trust_anchor(struct atls_store *store, const uint8_t implementation_id[32],
                                const uint8_t instance_id[33], struct atls_trust_anchor *anchorp)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "the file is damaged");
}

/* A verifier that cannot judge says so: no result, and the session is over. */
static void test_store_that_fails(void **state)
{
    static const struct atls_store_ops ops = {.find_trust_anchor = damaged_trust_anchor};
    struct atls_store damaged = {.ops = &ops}, *good = api.store;
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    struct atls_response response;
    json_t *session;
    char path[128];

    open_session(path);
    api.store = &damaged;
    ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 500, &response);
    api.store = good;
    atls_response_clear(&response);
    ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    session = json_of(&response);
    assert_string_equal(text_of(session, "status"), "failed");
    assert_null(json_object_get(session, "result"));
    json_decref(session);
    atls_response_clear(&response);
}

static void test_discovery(void **state)
{
    struct atls_response response;
    json_t *json, *key;

    ask("GET", "/.well-known/veraison/verification", NULL, ATLS_BYTES(NULL, 0), 200, &response);
    json = json_of(&response);
    key = json_object_get(json, "ear-verification-key");
    assert_string_equal(text_of(key, "alg"), "ES256");
    assert_string_equal(text_of(key, "crv"), "P-256");
    assert_null(json_object_get(key, "d"));
    assert_string_equal(text_of(json, "service-state"), "READY");
    assert_string_equal(
        text_of(json_object_get(json, "api-endpoints"), "newChallengeResponseSession"), NEW);
    assert_int_equal(json_array_size(json_object_get(json, "media-types")), media_type_count());
    json_decref(json);
    atls_response_clear(&response);
    ask("GET", "/.well-known/veraison/provisioning", NULL, ATLS_BYTES(NULL, 0), 200, &response);
    json = json_of(&response);
    assert_string_equal(text_of(json_object_get(json, "api-endpoints"), "provisioningSubmit"),
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

    ask("GET", ATLS_PATH_DESCRIPTION, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    assert_string_equal(response.content_type, "application/vnd.oai.openapi+json");
    json = json_of(&response);
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

    ask("GET", ATLS_PATH_DESCRIPTION, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    json = json_of(&response);
    post = json_object_get(json_object_get(json_object_get(json, "paths"), SESSION "{session}"),
                           "post");
    types = json_object_get(json_object_get(post, "requestBody"), "content");
    assert_int_equal(json_object_size(types), media_type_count());
    for (size_t i = 0; atls_evidence_media_type(i); i++)
        assert_non_null(json_object_get(types, atls_evidence_media_type(i)));
    post = json_object_get(json_object_get(json_object_get(json, "paths"), SUBMIT), "post");
    types = json_object_get(json_object_get(post, "requestBody"), "content");
    assert_int_equal(json_object_size(types), 2);
    assert_non_null(json_object_get(types, ATLS_MT_CORIM));
    assert_non_null(json_object_get(types, ATLS_MT_CORIM_SIGNED));
    json_decref(json);
    atls_response_clear(&response);
}

/* The Accept header of a 415 is the list that sessions show. */
static void test_one_list(void **state)
{
    struct atls_response response;
    char joined[1024] = "";
    size_t used = 0;

    for (size_t i = 0; atls_evidence_media_type(i); i++)
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", i ? ", " : "",
                                 atls_evidence_media_type(i));
    ask("POST", SESSION UUID, "application/x", ATLS_BYTES("x", 1), 415, &response);
    assert_string_equal(response.accept, joined);
    atls_response_clear(&response);
}

static void test_faults(void **state)
{
    static const struct {
        const char *text;
        int error;
        struct atls_verifier_fault fault;
    } table[] = {
        {"delay=500", 0, {ATLS_FAULT_DELAY, ATLS_ENDPOINT_SESSION, 500}},
        {"delay=1@new-session", 0, {ATLS_FAULT_DELAY, ATLS_ENDPOINT_NEW_SESSION, 1}},
        {"garbage@discovery", 0, {ATLS_FAULT_GARBAGE, ATLS_ENDPOINT_DISCOVERY, 0}},
        {"status=503@session", 0, {ATLS_FAULT_STATUS, ATLS_ENDPOINT_SESSION, 503}},
        {"hang", 0, {ATLS_FAULT_HANG, ATLS_ENDPOINT_SESSION, 0}},
        {"close", 0, {ATLS_FAULT_CLOSE, ATLS_ENDPOINT_SESSION, 0}},
        {"", ATLS_E_UNSUPPORTED, {0}},
        {"explode", ATLS_E_UNSUPPORTED, {0}},
        {"delay=500@nowhere", ATLS_E_UNSUPPORTED, {0}},
        {"hang@", ATLS_E_UNSUPPORTED, {0}},
        {"hang=1", ATLS_E_UNSUPPORTED, {0}},
        {"delay", -22, {0}},
        {"delay=", -22, {0}},
        {"delay=0", -22, {0}},
        {"delay=x", -22, {0}},
        {"status=200", -22, {0}},
        {"status=600", -22, {0}},
        {"status=-1", -22, {0}},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_verifier_fault fault;
        int result = atls_verifier_fault_parse(table[i].text, &fault);

        if (result != table[i].error)
            fail_msg("\"%s\" gave %d", table[i].text, result);
        if (result == 0)
            assert_memory_equal(&fault, &table[i].fault, sizeof fault);
    }
}

static void test_signing_keys(void **state)
{
    static const struct {
        const char *text;
        int error;
    } table[] = {
        {"", ATLS_E_MALFORMED},
        {"[]", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES384\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", ATLS_E_MALFORMED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"d\":\"AA\"}",
         ATLS_E_MALFORMED},
        {"{\"kty\":\"EC\",\"kty\":\"EC\"}", ATLS_E_MALFORMED},
    };
    json_t *key = NULL;
    char *text;

    for (size_t i = 0; i < COUNT(table); i++) {
        int result = atls_signing_key_parse(atls_bytes_of_text(table[i].text), &key);

        assert_null(key); /* written on success only */

        if (result != table[i].error)
            fail_msg("%s gave %d: %s", table[i].text, result, atls_error_text());
    }
    text = json_dumps(api.result.signer_jwk, 0);
    assert_int_equal(atls_signing_key_parse(atls_bytes_of_text(text), &key), 0);
    free(text);
    json_object_del(key, "d");
    text = json_dumps(key, 0);
    json_decref(key);
    assert_int_equal(atls_signing_key_parse(atls_bytes_of_text(text), &key), ATLS_E_MALFORMED);
    assert_string_equal(atls_error_clause(), "RFC 7518 section 6.2.2");
    free(text);
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
        {"*/*", true},
        {"application/*", true},
        {"application/a+json", true},
        {"APPLICATION/A+JSON", true},
        {"text/html", false},
        {"text/*", false},
        {"app*/*", false},
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
        {"*/*, application/a+json;q=0", false},
        {"application/a+json;q=0, */*", false},
        {"application/*;q=0, application/a+json", true},
        {"*/*;q=0, application/*;q=0.1", true},
        {"application/a+json;q=0, application/a+json;q=0.5", true},
        {"application/a+json;version=1", true},
        {"text/html;x=\",application/a+json\"", false}, /* a comma in a quoted string */
        {"text/html;x=\"\\\",*/*\"", false},
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
        cmocka_unit_test(test_session_json),
        cmocka_unit_test(test_evidence_to_result),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_reasons_of_no_cmw),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_too_many_submissions),
        cmocka_unit_test(test_draft_dialect),
        cmocka_unit_test(test_provisioning),
        cmocka_unit_test(test_provisioning_token),
        cmocka_unit_test(test_store_that_fails),
        cmocka_unit_test(test_endorsed_fields),
        cmocka_unit_test(test_discovery),
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_described_types),
        cmocka_unit_test(test_one_list),
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_signing_keys),
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
