/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the roles do without memory: each allocation of each main operation is refused in turn
 * (rats/test/test-memory.h), those of libcurl included. A relying party then says "internal" and
 * means this machine: it blames neither the peer nor the verifier, and it accepts nothing but what
 * it accepts with memory. The verifier is a function of this program; the device is real, and is
 * asked before memory is refused.
 */
#include "rats/test/test-memory.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "program/events.h"
#include "program/program.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-jwk.h"
#include "rats/test/test-key.h"
#include "rats/test/test-table.h"
#include "roles/relying-party.h"
#include "roles/verifier-document.h"

#define URL "http://127.0.0.1:1"
#define VERIFIER "verifier.example"
#define LIFETIME 86400

static const uint8_t nonce_bytes[32] = "the nonce of every session here";
static const uint8_t other_bytes[32] = "what evidence answers in its own";
#define NONCE ATLS_BYTES(nonce_bytes, sizeof nonce_bytes)
#define OTHER ATLS_BYTES(other_bytes, sizeof other_bytes)

static struct atls_events *events;
static char *complete, *discovery, *accepted; /* what the verifier answers, and takes */
static char *jwt;
static uint8_t *cwt;
static size_t cwt_size;
static struct atls_credential credential; /* of the row */
static char key_file[64];                 /* the verifier's */

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    assert_true(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    return text;
}

static char *waiting(const char *url)
{
    const char *given = strstr(url, "?nonce=");
    char *nonce = atls_base64_encode(ATLS_BASE64URL, NONCE);
    char *text = text_of("{\"status\":\"waiting\",\"accept\":%s,\"nonce\":\"%s\","
                         "\"expiry\":\"2099-10-12T07:20:50.52Z\"}",
                         accepted, given ? given + strlen("?nonce=") : nonce);

    free(nonce);
    return text;
}

/* The verifier has memory. */
static void answer(void *context, const struct atls_http_request *request,
                   struct atls_http_reply *replyp)
{
    bool session = strstr(request->url, "/session/") != NULL;
    bool open = !session && strcmp(request->method, "POST") == 0;
    bool as_cwt = session && request->accept && strstr(request->accept, ATLS_MT_EAT_CWT);

    test_memory_end(0);
    replyp->status = open ? 201 : 200;
    replyp->content_type = strdup(as_cwt            ? ATLS_MT_EAT_CWT
                                  : session || open ? ATLS_MT_SESSION
                                                    : ATLS_MT_DISCOVERY);
    replyp->location = open ? strdup("session/1") : NULL;
    if (as_cwt) {
        replyp->body = malloc(cwt_size);
        memcpy(replyp->body, cwt, cwt_size);
        replyp->size = cwt_size;
    } else {
        replyp->body =
            (uint8_t *)(open ? waiting(request->url) : strdup(session ? complete : discovery));
        replyp->size = strlen((const char *)replyp->body);
    }
    test_memory_begin();
}

static struct atls_verifier_client *new_client(void)
{
    struct atls_verifier_client *client;

    assert_int_equal(atls_verifier_client_new(1000, &client), 0);
    atls_verifier_client_answer_locally(client, answer, NULL);
    return client;
}

/* An appraisal from its beginning to its verdict. */
struct check {
    const char *name;
    const struct atls_evidence_format *format; /* NULL: passport */
    enum atls_serialization serialization;
    bool naked;            /* the format without a CMW */
    bool computed, beside; /* the challenge is a binder; a certificate has the key */
    bool cwt;              /* of the result */
    bool foreign;          /* it answers another challenge */
    bool of_url;           /* the verifier's key is fetched */
    bool ahead;            /* the nonce was asked for ahead of need */
    bool pat_alone;        /* the verifier gets the platform's token alone */
    const char *reason;    /* with memory */
};

static const struct check checks[] = {
    {"CAB", .format = &atls_format_cab, .reason = "ok"},
    {"CAB in JSON", .format = &atls_format_cab, .serialization = ATLS_JSON, .reason = "ok"},
    {"CAB and a CWT", .format = &atls_format_cab, .cwt = true, .reason = "ok"},
    {"CAB for a nonce asked for ahead", .format = &atls_format_cab, .ahead = true, .reason = "ok"},
    {"CAB, its PAT alone for the verifier", .format = &atls_format_cab, .pat_alone = true,
     .reason = "ok"},
    {"CAB for another session", .format = &atls_format_cab, .foreign = true,
     .reason = "nonce-mismatch"},
    {"CAB over a binder", .format = &atls_format_cab, .computed = true, .beside = true,
     .reason = "ok"},
    {"CAB over another binder", .format = &atls_format_cab, .computed = true, .beside = true,
     .foreign = true, .reason = "binder-mismatch"},
    {"PSA token over a binder", .format = &atls_format_psa, .computed = true, .beside = true,
     .reason = "ok"},
    {"bundle of 2022", .format = &atls_format_prototype, .naked = true, .reason = "ok"},
    {"result of a key in a file", .format = NULL, .reason = "ok"},
    {"result of a verifier that is asked", .format = NULL, .of_url = true, .reason = "ok"},
    {"result beside a certificate", .format = NULL, .beside = true, .reason = "ok"},
    {"result as a CWT", .format = NULL, .cwt = true, .reason = "ok"},
    {"result in JSON", .format = NULL, .serialization = ATLS_JSON, .reason = "ok"},
    {"result over a binder", .format = NULL, .computed = true, .beside = true, .reason = "ok"},
    {"result over another binder", .format = NULL, .computed = true, .beside = true,
     .foreign = true, .reason = "binder-mismatch"},
};

static void tell_text(struct test_told *told, const char *text)
{
    test_tell(told, ATLS_BYTES(text, strlen(text) + 1));
}

static struct atls_attester_options attester_options(const struct atls_evidence_format *format,
                                                     enum atls_serialization serialization)
{
    return (struct atls_attester_options){.device = "inproc:1",
                                          .device_timeout_ms = 20000,
                                          .curve = ATLS_P256,
                                          .serialization = serialization,
                                          .evidence_format = format,
                                          .verifier_url = URL,
                                          .result_max_age = LIFETIME};
}

static const struct atls_evidence_format *format_of(const struct check *row)
{
    return row->format ? row->format : &atls_format_cab;
}

/* The result that the verifier gives, of the key that is attested. */
static void issue(const struct check *row)
{
    struct atls_private_key signer = test_private_key(ATLS_P256, 1);
    bool foreign = !row->format && row->foreign;
    char name[] = "PSA_KAT", developer[] = "test", build[] = "1";
    struct atls_ear_submod submod = {.name = name,
                                     .status = ATLS_TIER_AFFIRMING,
                                     .has_key = format_of(row)->key_in != NULL,
                                     .key = credential.key};
    struct atls_ear ear = {.dialect = ATLS_EAR_VERAISON,
                           .issued_at = (int64_t)time(NULL),
                           .expires_at = (int64_t)time(NULL) + LIFETIME,
                           .developer = developer,
                           .build = build,
                           .nonce = (uint8_t *)(uintptr_t)(foreign ? other_bytes : nonce_bytes),
                           .nonce_size = sizeof nonce_bytes,
                           .submods = &submod,
                           .submod_count = 1};
    json_t *jwk = test_private_jwk(&signer), *known = atls_jwk_of_public_key(&signer.public_key);
    char *public = json_dumps(known, 0);

    if (row->pat_alone) { /* it has a session of its own, with the PAT's nonce */
        ear.nonce = NULL;
        ear.nonce_size = 0;
    }
    assert_int_equal(atls_write_file(key_file, atls_bytes_of_text(public)), 0);
    assert_non_null(jwk);
    assert_int_equal(atls_ear_write(&ear, jwk, &jwt), 0);
    assert_int_equal(atls_ear_write_as(ATLS_EAR_CWT, &ear, jwk, &cwt, &cwt_size), 0);
    discovery = text_of("{\"ear-verification-key\":%s}", public);
    complete =
        text_of("{\"status\":\"complete\",\"nonce\":\"AAECAwQFBgc\",\"result\":\"%s\"}", jwt);
    free(public);
    json_decref(known);
    json_decref(jwk);
}

/* The credential as bytes, made while there is memory. */
static void make_credential(const struct check *row)
{
    struct atls_attester_options options = attester_options(format_of(row), row->serialization);
    struct atls_verifier_client *client = new_client();
    struct atls_attester *attester;

    assert_int_equal(atls_attester_new(&options, client, NULL, &attester), 0);
    assert_int_equal(atls_attester_evidence(attester, 1, row->foreign ? OTHER : NONCE, &credential),
                     0);
    issue(row);
    if (!row->format) {
        struct atls_cmw cmw = {
            .form = ATLS_CMW_RECORD,
            .serialization = row->serialization,
            .type.media_type = atls_bytes_of_text(row->cwt ? ATLS_MT_EAT_CWT : ATLS_MT_EAT_JWT),
            .value = row->cwt ? ATLS_BYTES(cwt, cwt_size) : atls_bytes_of_text(jwt)};
        free(credential.cmw);
        assert_int_equal(
            atls_cmw_serialize(&cmw, row->serialization, &credential.cmw, &credential.size), 0);
    }
    atls_attester_free(attester);
    atls_verifier_client_free(client);
}

static void forget(void)
{
    atls_credential_clear(&credential);
    free(jwt);
    free(cwt);
    free(complete);
    free(discovery);
    jwt = complete = discovery = NULL;
    cwt = NULL;
}

/* What was made of the credential. Without a verdict it is none: a lack of memory. */
static int conclude(struct atls_appraisal *appraisal, struct atls_verifier_client *client,
                    struct test_told *told)
{
    struct atls_diagnosis diagnosis;
    struct atls_verdict verdict;
    int result;

    for (unsigned i = 0; i < 20; i++) {
        result = TEST_SCARCE(atls_appraisal_verdict(appraisal, &verdict));
        if (result != ATLS_E_AGAIN)
            break;
        (void)TEST_SCARCE(atls_verifier_client_poll(client, NULL, 0, 0));
    }
    if (result)
        return result;
    test_memory_begin();
    atls_appraisal_diagnose(appraisal, NULL, NULL, &diagnosis);
    test_memory_end(0);
    if (strcmp(verdict.reason, "internal") == 0 && !verdict.accepted) {
        if (verdict.tier != ATLS_TIER_NONE)
            fail_msg("a refusal for lack of memory has the tier %s", atls_tier_name(verdict.tier));
        return atls_fail(-ENOMEM, NULL, "%s", verdict.detail);
    }
    tell_text(told, verdict.reason);
    if (verdict.accepted) /* a refusal may lack what it would show */
        tell_text(told, verdict.detail);
    tell_text(told, verdict.clause);
    TEST_TELL(told, verdict.tier);
    TEST_TELL(told, verdict.accepted);
    return 0;
}

static int begin(const struct check *row, struct atls_relying_party *rp,
                 struct atls_appraisal **appraisalp)
{
    enum atls_model model = row->format ? ATLS_MODEL_BACKGROUND_CHECK : ATLS_MODEL_PASSPORT;
    struct atls_bytes nonce;
    int result = row->computed
                     ? atls_appraisal_begin_with_challenge(rp, 1, model, NONCE, appraisalp)
                     : atls_appraisal_begin(rp, 1, model, appraisalp);

    if (result)
        return result;
    if (row->beside)
        assert_int_equal(atls_appraisal_expect_key(*appraisalp, &credential.key), 0);
    if (!row->format)
        assert_int_equal(atls_appraisal_expect_verifier(*appraisalp, atls_bytes_of_text(VERIFIER)),
                         0);
    return row->format && !row->computed ? atls_appraisal_challenge(*appraisalp, &nonce) : 0;
}

static int judge(const void *context, struct test_told *told)
{
    const struct check *row = context;
    const struct atls_trusted_verifier trusted = {VERIFIER, row->of_url ? URL : key_file};
    struct atls_relying_party_options options = {
        .verifier_url = URL,
        .trusted = &trusted,
        .trusted_count = 1,
        .accept_tier = ATLS_TIER_AFFIRMING,
        .nonce_size = sizeof nonce_bytes,
        .nonces_ahead = row->ahead ? 2 : 0,
        .result_max_age = LIFETIME,
        .evidence = row->naked ? row->format : NULL,
        .result_cwt = row->cwt,
        .result_answers = !row->format && row->computed,
        .pat_alone = row->pat_alone,
        .binder_clause = "a draft, section 5",
    };
    struct atls_verifier_client *client = new_client();
    struct atls_relying_party *rp = NULL;
    struct atls_appraisal *appraisal = NULL;
    struct atls_public_key key;

    atls_verifier_client_prefer(client, row->cwt ? ATLS_EAR_CWT : ATLS_EAR_JWT);
    int result = TEST_SCARCE(atls_relying_party_new(&options, client, events, &rp));
    if (result == 0) {
        test_memory_begin();
        atls_relying_party_refill(rp);
        test_memory_end(0);
        result = TEST_SCARCE(begin(row, rp, &appraisal));
    }
    if (appraisal) {
        struct atls_bytes bytes = ATLS_BYTES(credential.cmw, credential.size);

        if (result == 0)
            result = TEST_SCARCE(atls_appraisal_credential(appraisal, bytes, &key));
        result = conclude(appraisal, client, told);
    }
    test_memory_begin();
    atls_appraisal_free(appraisal);
    atls_relying_party_free(rp);
    atls_verifier_client_free(client);
    test_memory_end(0);
    return result;
}

static void test_check(void **state)
{
    const struct check *row = *state;
    static struct test_told told;

    make_credential(row);
    told.size = 0;
    test_outcome(judge(row, &told), 0, NULL);
    assert_string_equal((const char *)told.bytes, row->reason);
    size_t count = test_without_memory(row->name, TEST_MAY_DO, judge, row);
    print_message("%s: %zu allocations\n", row->name, count);
    assert_true(count > 10);
    forget();
}

/* A credential from the opening of the device to what is presented. The device is in this process:
 * what it says without memory is its own affair, and is told as its failure. */
struct making {
    const char *name;
    const struct atls_evidence_format *format;
    enum atls_serialization serialization;
    bool result, bound; /* of a verifier; over a binder */
    const char *fault;
};

static const struct making makings[] = {
    {"CAB", .format = &atls_format_cab},
    {"CAB in JSON", .format = &atls_format_cab, .serialization = ATLS_JSON},
    {"PSA token", .format = &atls_format_psa},
    {"bundle of 2022", .format = &atls_format_prototype},
    {"result", .format = &atls_format_cab, .result = true},
    {"result over a binder", .format = &atls_format_cab, .bound = true},
    {"result of a PSA token, in JSON", .format = &atls_format_psa, .serialization = ATLS_JSON,
     .bound = true},
    {"evidence from before", .format = &atls_format_cab, .fault = "stale-nonce"},
    {"evidence over another nonce", .format = &atls_format_cab,
     .fault = "foreign-nonce=0011223344556677"},
    {"evidence with another platform's token", .format = &atls_format_cab, .fault = "foreign-pat"},
    {"evidence without linkage", .format = &atls_format_cab, .fault = "linkage"},
    {"evidence with a bad signature", .format = &atls_format_cab, .fault = "kat-signature"},
    {"evidence in a broken wrapper", .format = &atls_format_cab, .fault = "cmw-truncated"},
    {"evidence in a broken wrapper in JSON", .format = &atls_format_cab, .serialization = ATLS_JSON,
     .fault = "cmw-truncated"},
    {"broken claims", .format = &atls_format_cab, .fault = "claims-no-cnf"},
    {"broken CBOR", .format = &atls_format_cab, .fault = "cbor-duplicate-key"},
    {"broken COSE", .format = &atls_format_cab, .fault = "cose-three-elements"},
    {"a bad result", .format = &atls_format_cab, .result = true, .fault = "result-signature"},
    {"a result of no key", .format = &atls_format_cab, .result = true,
     .fault = "result-without-key"},
};

static int present(const struct making *row, struct atls_attester *attester,
                   struct atls_verifier_client *client)
{
    int result = ATLS_E_AGAIN;

    for (unsigned i = 0; result == ATLS_E_AGAIN && i < 20; i++) {
        result = row->bound    ? atls_attester_bound_result(attester, 1, NONCE, &credential)
                 : row->result ? atls_attester_result(attester, 1, &credential)
                               : atls_attester_evidence(attester, 1, NONCE, &credential);
        if (result == ATLS_E_AGAIN)
            (void)atls_verifier_client_poll(client, NULL, 0, 0);
    }
    return result;
}

static int make(const void *context, struct test_told *told)
{
    const struct making *row = context;
    struct atls_attester_options options = attester_options(row->format, row->serialization);
    struct atls_verifier_client *client = new_client();
    struct atls_attester *attester = NULL;
    struct atls_faults faults = {.count = 0};

    options.second_device = "inproc:2";
    if (row->fault)
        assert_int_equal(atls_faults_add(&faults, row->fault), 0);
    options.faults = &faults;
    TEST_FILL(credential);
    int result = TEST_SCARCE(atls_attester_new(&options, client, events, &attester));
    if (result == 0) {
        result = TEST_SCARCE(present(row, attester, client));
        const char *reason = atls_attester_reason(attester);
        const char *expected = result > 0 ? "device-unavailable" : result < 0 ? "internal" : reason;
        if (strcmp(reason, expected) != 0)
            fail_msg("%s: %s (%s) is told as %s", row->name, atls_error_name(result),
                     atls_error_text(), reason);
    }
    if (result) {
        TEST_UNTOUCHED(credential);
    } else {
        TEST_TELL(told, credential.size);
        TEST_TELL(told, credential.model);
        atls_credential_clear(&credential);
    }
    test_memory_begin();
    atls_attester_free(attester);
    atls_verifier_client_free(client);
    test_memory_end(0);
    return result;
}

static void test_making(void **state)
{
    static const struct check verifier = {.name = "verifier", .format = &atls_format_cab};
    const struct making *row = *state;
    struct atls_device *device, *second; /* they stay booted */

    make_credential(&verifier);
    atls_credential_clear(&credential);
    assert_int_equal(atls_device_open("inproc:1", 20000, &device), 0);
    assert_int_equal(atls_device_open("inproc:2", 20000, &second), 0);
    size_t count = test_without_memory(row->name, TEST_MAY_FAIL, make, row);
    print_message("%s: %zu allocations\n", row->name, count);
    assert_true(count > 10);
    atls_device_close(device);
    atls_device_close(second);
    credential.cmw = NULL;
    forget();
}

static int set_up(void **state)
{
    static const struct atls_evidence_format *const formats[] = {&atls_format_psa,
                                                                 &atls_format_prototype, NULL};
    json_t *accept = json_pack("[s, s]", ATLS_MT_CMW_CBOR, ATLS_MT_CMW_JSON);

    for (const struct atls_evidence_format *const *format = formats; *format; format++)
        for (const char *const *type = (*format)->media_types; type && *type; type++)
            json_array_append_new(accept, json_string(*type));
    accepted = json_dumps(accept, 0);
    json_decref(accept);
    snprintf(key_file, sizeof key_file, "no-memory-%d.jwk", (int)getpid());
    return atls_events_open("/dev/null", "client", &events);
}

static int tear_down(void **state)
{
    unlink(key_file);
    free(accepted);
    return atls_events_close(events);
}

int main(void)
{
    static struct test_list list;

    /* Before anybody else begins with libcurl, and for as long as the program runs. */
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free, realloc, strdup, calloc))
        return 1;
    TEST_ADD_ROWS(&list, test_check, checks);
    TEST_ADD_ROWS(&list, test_making, makings);
    return test_done(
        _cmocka_run_group_tests("roles without memory", list.tests, list.count, set_up, tear_down));
}
