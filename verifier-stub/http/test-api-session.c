/* SPDX-License-Identifier: Apache-2.0 */
/* Challenge sessions as their clients see them, without a socket: from the nonce to the result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "verifier-stub/http/test-api-support.h"

static size_t make_cab_that_is(enum test_wrong wrong, uint8_t *out)
{
    static uint8_t nonce[32];
    struct test_recipe recipe = {.device = &test_api_device,
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
    json_t *public_key = atls_signing_key_public(test_api.result.signer_jwk);

    assert_null(json_object_get(public_key, "d"));
    assert_int_equal(
        atls_ear_read(atls_bytes_of_text(test_text_of(session, "result")), public_key, earp), 0);
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

        test_api.nonce_dialect = table[i].dialect;
        test_open_session(path);
        test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
        session = test_json_of(&response);
        json_object_foreach(session, name, value)
            assert_string_equal(name, members[at++]); /* the order too */
        assert_int_equal(at, COUNT(members));
        assert_string_equal(test_text_of(session, "status"), "waiting");
        assert_string_equal(test_text_of(session, "nonce"), table[i].nonce);
        assert_string_equal(test_text_of(session, "expiry"), "2023-11-14T22:15:50.123Z");
        assert_string_equal(
            json_string_value(json_array_get(json_object_get(session, "accept"), 0)),
            "application/psa-attestation-token");
        json_decref(session);
        atls_response_clear(&response);
    }
    test_api.nonce_dialect = ATLS_BASE64URL;
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
    assert_true(atls_public_key_equal(&submod->key, &test_api_device.ik.public_key));
    assert_string_equal(test_text_of(submod->policy_claims, "atls.reason"), "ok");
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

    test_open_session(path);
    test_ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    session = test_json_of(&response);
    assert_string_equal(test_text_of(session, "status"), "complete");
    evidence = json_object_get(session, "evidence");
    assert_string_equal(test_text_of(evidence, "type"), "application/cmw+cbor");
    assert_int_equal(atls_base64_decode(ATLS_BASE64,
                                        atls_bytes_of_text(test_text_of(evidence, "value")),
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
    test_api.terse = true;
    test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    session = test_json_of(&response);
    assert_null(json_object_get(session, "evidence"));
    assert_null(json_object_get(session, "accept"));
    assert_non_null(json_object_get(session, "result"));
    json_decref(session);
    atls_response_clear(&response);
    test_open_session(path);
    test_ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, make_cab(cab)), 200, &response);
    session = test_json_of(&response);
    read_result(session, &ear);
    assert_null(ear.submods[0].annotated_evidence);
    assert_null(ear.submods[0].policy_claims);
    assert_false(ear.submods[0].has_claim[ATLS_FILE_SYSTEM]);
    assert_true(ear.submods[0].has_claim[ATLS_HARDWARE]);
    assert_int_equal(ear.submods[0].status, ATLS_TIER_AFFIRMING);
    atls_ear_clear(&ear);
    json_decref(session);
    atls_response_clear(&response);
    test_api.terse = false;
    test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response); /* it is kept */
    session = test_json_of(&response);
    read_result(session, &ear);
    atls_ear_clear(&ear);
    json_decref(session);
    atls_response_clear(&response);
    test_ask("DELETE", path, NULL, ATLS_BYTES(NULL, 0), 204, &response);
    assert_int_equal(response.body_size, 0);
    atls_response_clear(&response);
    test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 404, &response);
    atls_response_clear(&response);
}

static const char *reason_of(const struct atls_response *response, char out[64])
{
    json_t *session = test_json_of(response);
    struct atls_ear ear;

    read_result(session, &ear);
    snprintf(out, 64, "%s", test_text_of(ear.submods[0].policy_claims, "atls.reason"));
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
    test_open_session(path);
    test_ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "ok");
    atls_response_clear(&response);
    test_ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "evidence-replayed");
    atls_response_clear(&response);
    test_ask("POST", path, "application/cmw+json", ATLS_BYTES(json, json_size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "evidence-replayed");
    atls_response_clear(&response);
    size = make_cab_that_is(TEST_PAT_SIGNATURE, cab);
    test_ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "evidence-replayed");
    atls_response_clear(&response);
    size = make_cab_that_is(TEST_LINKAGE, cab); /* the same KAT beside another PAT is none */
    test_ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "linkage-mismatch");
    atls_response_clear(&response);
    size = make_cab(cab);
    test_ask("POST", path, "application/cmw+cbor", ATLS_BYTES(cab, size), 200, &response);
    assert_string_equal(reason_of(&response, reason), "evidence-replayed");
    atls_response_clear(&response);
    test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
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

        test_ask("POST", SESSION UUID, ATLS_MT_CMW_CBOR, table[i].body, 400, &response);
        problem = test_json_of(&response);
        if (strcmp(test_text_of(problem, "atls.reason"), table[i].reason) != 0)
            fail_msg("row %zu: %s", i, test_text_of(problem, "atls.reason"));
        json_decref(problem);
        atls_response_clear(&response);
    }
}

/* A collection of another type: the answer names those that are taken. */
static void test_words_about_collections(void **state)
{
    static const char body[] =
        "{\"__cmwc_t\":\"tag:a,2024:b\",\"a\":[\"application/x\", \"AAAA\"]}";
    struct atls_response response;
    const char *detail;
    json_t *problem;

    test_ask("POST", SESSION UUID, ATLS_MT_CMW_JSON, atls_bytes_of_text(body), 415, &response);
    problem = test_json_of(&response);
    detail = test_text_of(problem, "detail");
    assert_non_null(strstr(detail, "expected type \"tag:"));
    assert_null(strstr(detail, "\"\"")); /* formats without such a type have no word here */
    assert_non_null(strstr(detail, "\" or \"" ATLS_CAB_TYPE "\"") ||
                            strstr(detail, "\"" ATLS_CAB_TYPE "\" or \"")
                        ? detail
                        : NULL);
    assert_non_null(strstr(detail, "\", came \"tag:a,2024:b\""));
    json_decref(problem);
    atls_response_clear(&response);
}

static void test_expired(void **state)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    struct atls_response response;
    char path[128];
    json_t *problem;

    test_open_session(path);
    test_time += 150000;
    test_ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 404, &response);
    problem = test_json_of(&response);
    assert_string_equal(test_text_of(problem, "atls.reason"), "session-expired");
    json_decref(problem);
    atls_response_clear(&response);
}

static void test_too_many_submissions(void **state)
{
    struct atls_response response;
    char path[128], body[16];

    test_open_session(path);
    for (int i = 0; i <= ATLS_CHALLENGE_SUBMISSIONS; i++) {
        snprintf(body, sizeof body, "junk %d", i);
        test_ask("POST", path, "application/psa-attestation-token", atls_bytes_of_text(body),
                 i < ATLS_CHALLENGE_SUBMISSIONS ? 200 : 429, &response);
        atls_response_clear(&response);
    }
}

static void check_draft(enum atls_ear_dialect dialect)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    struct atls_response response;
    struct atls_ear ear;
    json_t *session;
    char path[128];

    test_api.result.dialect = dialect;
    test_open_session(path);
    test_ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 200, &response);
    test_api.result.dialect = ATLS_EAR_VERAISON;
    session = test_json_of(&response);
    read_result(session, &ear);
    assert_int_equal(ear.dialect, dialect);
    check_affirming(&ear);
    atls_ear_clear(&ear);
    json_decref(session);
    atls_response_clear(&response);
}

static void test_draft_dialects(void **state)
{
    check_draft(ATLS_EAR_DRAFT_03);
    check_draft(ATLS_EAR_DRAFT_04);
}

static int damaged_trust_anchor(struct atls_store *store, const struct atls_trust_anchor *sought,
                                struct atls_trust_anchor *anchorp)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "the file is damaged");
}

/* A verifier that cannot judge says so: no result, and the session is over. */
static void test_store_that_fails(void **state)
{
    static const struct atls_store_ops ops = {.find_trust_anchor = damaged_trust_anchor};
    struct atls_store damaged = {.ops = &ops}, *good = test_api.store;
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    struct atls_response response;
    json_t *session;
    char path[128];

    test_open_session(path);
    test_api.store = &damaged;
    test_ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 500, &response);
    test_api.store = good;
    atls_response_clear(&response);
    test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
    session = test_json_of(&response);
    assert_string_equal(test_text_of(session, "status"), "failed");
    assert_null(json_object_get(session, "result"));
    json_decref(session);
    atls_response_clear(&response);
    /* what was posted then is a replay now: that answer is complete, the session stays as it is */
    test_ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 200, &response);
    session = test_json_of(&response);
    assert_string_equal(test_text_of(session, "status"), "complete");
    json_decref(session);
    atls_response_clear(&response);
}

static int slow_trust_anchor(struct atls_store *store, const struct atls_trust_anchor *sought,
                             struct atls_trust_anchor *anchorp)
{
    test_time += 150000;
    return atls_fail(ATLS_E_MISSING, NULL, "no trust anchor for this instance");
}

/* A session that expires while its evidence is appraised has no result. */
static void test_appraisal_takes_too_long(void **state)
{
    static const struct atls_store_ops ops = {.find_trust_anchor = slow_trust_anchor};
    struct atls_store slow = {.ops = &ops}, *good = test_api.store;
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    struct atls_response response;
    json_t *problem;
    char path[128];

    test_open_session(path);
    test_api.store = &slow;
    test_ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 404, &response);
    test_api.store = good;
    problem = test_json_of(&response);
    assert_string_equal(test_text_of(problem, "atls.reason"), "session-expired");
    json_decref(problem);
    atls_response_clear(&response);
}

/* RFC 9110 section 15.6.4: for now, there is no room for one more that waits. */
static void test_too_many_sessions(void **state)
{
    static const struct atls_sessions_limits limits = {
        .lifetime_ms = 150000, .max_sessions = 1, .max_bytes = 1 << 20};
    struct atls_sessions *many = test_api.sessions;
    struct atls_response response;
    char path[128];

    assert_int_equal(
        atls_sessions_open(&limits, test_api.clock, test_api.crypto, &test_api.sessions), 0);
    test_open_session(path);
    test_ask("POST", NEW, NULL, ATLS_BYTES(NULL, 0), 503, &response);
    atls_response_clear(&response);
    atls_sessions_close(test_api.sessions);
    test_api.sessions = many;
}

/* A terse verifier says what it takes as long as nothing came, and then the result alone. */
static void test_terse(void **state)
{
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    char path[128];

    test_api.terse = true;
    test_open_session(path);
    for (int done = 0; done < 2; done++) {
        struct atls_response response;
        json_t *session;

        if (done)
            test_ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 200, &response);
        else
            test_ask("GET", path, NULL, ATLS_BYTES(NULL, 0), 200, &response);
        session = test_json_of(&response);
        assert_int_equal(json_object_get(session, "expiry") != NULL, !done);
        assert_int_equal(json_object_get(session, "accept") != NULL, !done);
        assert_int_equal(json_object_get(session, "result") != NULL, done);
        assert_null(json_object_get(session, "evidence"));
        json_decref(session);
        atls_response_clear(&response);
    }
    test_api.terse = false;
}

/* The events, which harness/peers/README.md names: of a session, an appraisal, an endorsement, and
 * none of an endorsement that was refused. */
static void test_events(void **state)
{
    static char path_of_events[] = P_tmpdir "/atls-test-events-XXXXXX";
    static const char *const names[] = {"session", "appraisal", "endorsed"};
    struct atls_events *swallowing = test_api.events;
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab), corim_size, seen = 0;
    struct atls_response response;
    char path[128], line[16384];
    uint8_t *corim;
    FILE *file;
    int fd = mkstemp(path_of_events);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(atls_events_open(path_of_events, "verifier", &test_api.events), 0);
    test_open_session(path);
    test_ask("POST", path, "application/cmw", ATLS_BYTES(cab, size), 200, &response);
    atls_response_clear(&response);
    corim_size = test_corim(&test_api_device, 1, ATLS_CORIM_MAIN, &corim);
    for (size_t whole = 0; whole < 2; whole++) {
        test_ask("POST", SUBMIT, ATLS_MT_CORIM, ATLS_BYTES(corim, corim_size - 1 + whole), 200,
                 &response);
        atls_response_clear(&response);
    }
    free(corim);
    assert_int_equal(atls_events_close(test_api.events), 0);
    test_api.events = swallowing;
    file = fopen(path_of_events, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        json_t *event = json_loads(line, 0, NULL);
        const char *name = test_text_of(event, "event");

        assert_true(seen < COUNT(names));
        assert_string_equal(name, names[seen++]);
        if (strcmp(name, "session") == 0)
            assert_string_equal(test_text_of(event, "nonce"),
                                "6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e");
        if (strcmp(name, "endorsed") == 0)
            assert_string_equal(test_text_of(event, "source"), SUBMIT);
        else
            assert_string_equal(test_text_of(event, "session"), path + strlen(SESSION));
        if (strcmp(name, "appraisal") == 0) {
            assert_string_equal(test_text_of(event, "status"), "affirming");
            assert_string_equal(test_text_of(event, "reason"), "ok");
            assert_true(json_is_array(json_object_get(event, "mismatches")));
        }
        json_decref(event);
    }
    fclose(file);
    unlink(path_of_events);
    assert_int_equal(seen, COUNT(names));
}

#define OF_SESSION "application/vnd.veraison.challenge-response-session+json"
#define CWT "application/eat+cwt"
#define OF_03 "application/eat+cwt; eat_profile=\"tag:ietf.org,2026:rats/ear#03\""
#define OF_04 "application/eat+cwt; eat_profile=\"tag:ietf.org,2026:rats/ear#04\""

/* RFC 9110 section 12.5.1: as what the result comes; a session with a JWT where nothing else is
 * preferred. */
static void test_result_as_cwt(void **state)
{
    static const struct {
        const char *accept;
        unsigned status;
        bool cwt;
    } rows[] = {
        {NULL, 200, false},
        {"*/*", 200, false},
        {"application/*", 200, false},
        {OF_SESSION, 200, false},
        {CWT, 200, true},
        {"Application/EAT+CWT", 200, true},
        {CWT ", " OF_SESSION, 200, false},
        {CWT ", " OF_SESSION ";q=0.5", 200, true},
        {OF_SESSION ";q=0.5, " CWT, 200, true},
        {CWT ";q=0.4, " OF_SESSION ";q=0.5", 200, false},
        {CWT ";q=0, " OF_SESSION, 200, false},
        {CWT ";q=0", 406, false},
        {CWT ", */*;q=0.1", 200, true},
        {OF_03, 200, true},
        {OF_03 ";q=0.5", 200, true},
        {OF_04, 406, false},
        {OF_04 ", " OF_SESSION ";q=0.1", 200, false},
        {OF_04 ", " CWT ";q=0.9, " OF_SESSION ";q=0.5", 200, true},
        {CWT ";q=0.2, " OF_03 ";q=0.9, " OF_SESSION ";q=0.5", 200, true},
        {"application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\"", 406, false},
        {"application/eat+jwt", 406, false},
        {"application/eat-cwt", 406, false},
    };
    static uint8_t cab[TEST_EVIDENCE_MAX];
    size_t size = make_cab(cab);
    json_t *key = atls_signing_key_public(test_api.result.signer_jwk);

    test_api.result.dialect = ATLS_EAR_DRAFT_03;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char path[128];
        struct atls_request request = {.method = "POST",
                                       .path = path,
                                       .accept = rows[i].accept,
                                       .content_type = "application/cmw+cbor",
                                       .body = ATLS_BYTES(cab, size)};
        struct atls_response response;
        struct atls_ear ear;

        test_open_session(path);
        for (int twice = 0; twice < 2; twice++) { /* a replay, too, comes as it is wanted */
            atls_api_answer(&test_api, &request, &response);
            if (response.status != rows[i].status ||
                (rows[i].cwt != (strcmp(response.content_type, OF_03) == 0)))
                fail_msg("Accept: %s: came %u, %s", rows[i].accept, response.status,
                         response.content_type);
            if (rows[i].cwt) {
                assert_int_equal(
                    atls_ear_read(ATLS_BYTES(response.body, response.body_size), key, &ear), 0);
                assert_int_equal(ear.dialect, ATLS_EAR_DRAFT_03);
                assert_int_equal(atls_ear_worst_tier(&ear) == ATLS_TIER_AFFIRMING, !twice);
                atls_ear_clear(&ear);
            }
            atls_response_clear(&response);
        }
        if (rows[i].status != 200)
            continue;
        /* What was made once stays what it is. */
        request = (struct atls_request){.method = "GET", .path = path, .accept = CWT};
        atls_api_answer(&test_api, &request, &response);
        assert_int_equal(response.status, rows[i].cwt ? 200 : 406);
        atls_response_clear(&response);
        request.accept = OF_SESSION;
        atls_api_answer(&test_api, &request, &response);
        assert_int_equal(response.status, rows[i].cwt ? 406 : 200);
        atls_response_clear(&response);
    }
    test_api.result.dialect = ATLS_EAR_VERAISON;
    json_decref(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_json),
        cmocka_unit_test(test_evidence_to_result),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_reasons_of_no_cmw),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_too_many_submissions),
        cmocka_unit_test(test_draft_dialects),
        cmocka_unit_test(test_store_that_fails),
        cmocka_unit_test(test_result_as_cwt),
        cmocka_unit_test(test_appraisal_takes_too_long),
        cmocka_unit_test(test_too_many_sessions),
        cmocka_unit_test(test_terse),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_words_about_collections),
    };

    return cmocka_run_group_tests(tests, test_api_set_up, test_api_tear_down);
}
