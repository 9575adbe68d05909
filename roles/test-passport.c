/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the attester makes of a verifier's results: when it fetches another one, who hears of a
 * failure, and what it tells of its faults. The relying party's side is in test-passport-verdict.c.
 */
#include "roles/test-appraisal.h"
#include "roles/test-client.h"

#include <errno.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/test/test-table.h"
#include "roles/attester-private.h"
#include "sim/device/client.h"

static const uint8_t binder_bytes[65] = "a binder that both ends computed";
#define BINDER(size) ATLS_BYTES(binder_bytes, size)

static int fetch(struct test_appraisal *f, unsigned conn)
{
    int result;

    atls_credential_clear(&f->credential);
    while ((result = atls_attester_result(f->attester, conn, &f->credential)) == ATLS_E_AGAIN)
        test_poll_once(f);
    return result;
}

static int fetch_bound(struct test_appraisal *f, unsigned conn, struct atls_bytes binder)
{
    int result;

    atls_credential_clear(&f->credential);
    while ((result = atls_attester_bound_result(f->attester, conn, binder, &f->credential)) ==
           ATLS_E_AGAIN)
        test_poll_once(f);
    return result;
}

static void renew(struct test_appraisal *f, const char *fault)
{
    f->faults.count = 0;
    if (fault)
        assert_int_equal(atls_faults_add(&f->faults, fault), 0);
    test_renew(f);
}

/* As if the result, or the failure, was there so many SECONDS ago: nobody waits for that fetch. */
static void grow_older(struct test_appraisal *f, int64_t seconds)
{
    f->attester->passport.fetched_at -= (double)seconds;
    f->attester->passport.failed_at -= (double)seconds;
    f->attester->options.clock_offset += seconds;
}

/* A result is presented until five seconds before its end, which leaves time for a handshake. */
static void test_end_is_near(void **state)
{
    static const struct {
        const char *what;
        int64_t age; /* seconds */
        unsigned fetches;
    } rows[] = {
        {"young", 10, 1},
        {"twenty seconds are left", 280, 1},
        {"five seconds are left", 295, 2},
        {"four seconds are left", 296, 2},
        {"expired", 301, 2},
    };
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned before = test_server_count(f->server, TEST_POST);

        renew(f, NULL);
        assert_int_equal(fetch(f, 1), 0);
        grow_older(f, rows[i].age);
        assert_int_equal(fetch(f, 2), 0);
        unsigned fetches = test_server_count(f->server, TEST_POST) - before;
        if (fetches != rows[i].fetches)
            fail_msg("%s: expected %u fetches, came %u", rows[i].what, rows[i].fetches, fetches);
    }
}

/* By a clock that stands before 1970, too, there is no result before one has come. */
static void test_clock_before_1970(void **state)
{
    struct test_appraisal *f = *state;

    f->attester_options.clock_offset = -((int64_t)1 << 40);
    renew(f, NULL);
    assert_int_equal(fetch(f, 1), 0);
    assert_int_equal(test_server_count(f->server, TEST_POST), 1);
}

/* All who wait for one fetch take what it brings, expired or not. */
static void test_expired_is_shared(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_credential second;

    test_server_result(f->server)->age = 400;
    renew(f, NULL);
    assert_int_equal(atls_attester_result(f->attester, 2, &second), ATLS_E_AGAIN);
    assert_int_equal(fetch(f, 1), 0);
    assert_int_equal(atls_attester_result(f->attester, 2, &second), 0);
    atls_credential_clear(&second);
    assert_int_equal(test_server_count(f->server, TEST_POST), 1);
    test_event_says(&f->attester_party, "result", 0, "source", "verifier");
    test_event_says(&f->attester_party, "result", 1, "source", "cache");
}

/* A result whose times cannot be read is not said to end when the one before it did. */
static void test_unknown_end(void **state)
{
    struct test_appraisal *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        test_server_result(f->server)->claims = i ? "{\"eat_profile\":1}" : NULL;
        if (i)
            grow_older(f, 1000);
        else
            renew(f, NULL);
        assert_int_equal(fetch(f, 1), 0);
        test_event_says(&f->attester_party, "result", i, "source", "verifier");
        json_t *event = test_event(&f->attester_party, "result", i);
        assert_int_equal(json_object_get(event, "expires_in") != NULL, i == 0);
        json_decref(event);
    }
    grow_older(f, 2);
    assert_int_equal(fetch(f, 1), 0); /* and it is not kept */
    assert_int_equal(test_server_count(f->server, TEST_POST), 3);
}

/* Who waited for the same fetch hears why it failed, whatever else has failed since. */
static void test_failure_is_shared(void **state)
{
    struct test_appraisal *f = *state;
    char text[512];

    *test_server_answer(f->server, TEST_NEW_SESSION) = (struct test_answer){.status = 500};
    renew(f, NULL);
    assert_int_equal(fetch(f, 1), ATLS_E_REFUSED);
    snprintf(text, sizeof text, "%s", atls_error_text());
    test_outcome(fetch_bound(f, 2, BINDER(7)), ATLS_E_LIMIT, "RFC 9711 section 4.1");
    assert_string_equal(atls_attester_reason(f->attester), "nonce-length");
    assert_int_equal(fetch(f, 2), ATLS_E_REFUSED);
    assert_string_equal(atls_attester_reason(f->attester), "verifier-error");
    assert_string_equal(atls_error_text(), text);
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), 1);
    test_server_answer(f->server, TEST_NEW_SESSION)->status = 0;
    grow_older(f, 2);
    assert_int_equal(fetch(f, 3), 0); /* whoever comes later asks anew */
}

/* The verifier gets a CMW in the serialization that was asked for. */
static void test_evidence_for_verifier(void **state)
{
    struct test_appraisal *f = *state;

    for (unsigned s = 0; s < 2; s++) {
        enum atls_serialization seen;

        f->attester_options.serialization = s ? ATLS_JSON : ATLS_CBOR;
        renew(f, NULL);
        assert_int_equal(fetch(f, 1), 0);
        assert_int_equal(atls_cmw_sniff(test_server_evidence(f->server), &seen), 0);
        assert_int_equal(seen, f->attester_options.serialization);
    }
}

/* RFC 9711 section 4.1, and what a format can answer. */
static void test_binder_sizes(void **state)
{
    static const struct {
        size_t size;
        const struct atls_evidence_format *format;
        int outcome;
    } rows[] = {
        {7, &atls_format_cab, ATLS_E_LIMIT}, {8, &atls_format_cab, 0},
        {64, &atls_format_cab, 0},           {65, &atls_format_cab, ATLS_E_LIMIT},
        {32, &atls_format_psa, 0},           {33, &atls_format_psa, ATLS_E_LIMIT},
    };
    struct test_appraisal *f = *state;
    unsigned posts = 0;

    for (size_t i = 0; i < COUNT(rows); i++) {
        f->attester_options.evidence_format = rows[i].format;
        renew(f, NULL);
        assert_int_equal(fetch_bound(f, 1, BINDER(rows[i].size)), rows[i].outcome);
        if (rows[i].outcome)
            assert_string_equal(atls_attester_reason(f->attester), "nonce-length");
        posts += rows[i].outcome == 0;
        assert_int_equal(test_server_count(f->server, TEST_POST), posts);
    }
}

/* The second binder of a connection is another one, which has a result of its own. */
static void test_binders_of_one_connection(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_credential second;

    renew(f, NULL);
    assert_int_equal(atls_attester_bound_result(f->attester, 1, BINDER(32), &second), ATLS_E_AGAIN);
    assert_int_equal(fetch_bound(f, 1, BINDER(48)), 0);
    assert_int_equal(fetch_bound(f, 1, BINDER(32)), 0);
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), 2);
    assert_int_equal(test_server_count(f->server, TEST_POST), 2);
    /* what was forgotten is asked for anew */
    assert_int_equal(atls_attester_bound_result(f->attester, 1, BINDER(64), &second), ATLS_E_AGAIN);
    atls_attester_forget(f->attester, 1);
    unsigned told = test_event_count(&f->attester_party, "challenge");
    assert_int_equal(fetch_bound(f, 1, BINDER(64)), 0);
    assert_int_equal(test_event_count(&f->attester_party, "challenge"), told + 1);
}

static void test_address_too_long(void **state)
{
    static char address[4096];
    struct test_appraisal *f = *state;

    memset(address, 'a', sizeof address - 1);
    memcpy(address, "http://127.0.0.1/", strlen("http://127.0.0.1/"));
    f->attester_options.verifier_url = address;
    renew(f, NULL);
    assert_int_equal(fetch_bound(f, 1, BINDER(7)), ATLS_E_LIMIT); /* another reason */
    assert_int_equal(fetch(f, 1), -EINVAL);
    assert_string_equal(atls_attester_reason(f->attester), "internal");
}

static int no_answer(struct atls_transport *transport, struct atls_bytes request,
                     struct atls_bytes *answerp)
{
    return atls_fail(ATLS_E_UNAVAILABLE, NULL, "nobody is there");
}

static void close_nothing(struct atls_transport *transport)
{
}

/* A device that has gone is told as that: the verifier gets no evidence. */
static void test_device_gone(void **state)
{
    static struct atls_transport gone = {.exchange = no_answer, .close = close_nothing};
    static const char *const faults[] = {NULL, "result-without-key"};
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < COUNT(faults); i++) {
        renew(f, faults[i]);
        atls_device_close(f->attester->device);
        f->attester->device = NULL;
        assert_int_equal(atls_device_over(&gone, &f->attester->device), 0);
        test_outcome(fetch(f, 1), ATLS_E_UNAVAILABLE, NULL);
        assert_string_equal(atls_attester_reason(f->attester), "device-unavailable");
    }
    assert_int_equal(test_server_count(f->server, TEST_POST), 0);
    assert_int_equal(test_event_count(&f->attester_party, "fault"), 0);
}

/* What is done to a result is told, once it is done. */
static void test_faults_are_told(void **state)
{
    static const struct {
        const char *fault, *accept; /* what the verifier takes */
        const char *result;         /* what it gives; NULL: the right thing */
        int outcome;
        const char *reason;
    } rows[] = {
        {"result-garbage", "[]", NULL, 0, NULL},
        {"result-signature", "[]", NULL, 0, NULL},
        {"result-algorithm-none", "[]", NULL, 0, NULL},
        {"result-without-key", "[]", NULL, 0, NULL},
        {"result-without-key", "[\"" ATLS_MT_CMW_CBOR "\"]", NULL, ATLS_E_UNSUPPORTED,
         "verifier-error"},
        {"result-signature", "[]",
         "{\"status\":\"complete\",\"result\":\"x\",\"nonce\":\"" NONCE32 "\"}", ATLS_E_MALFORMED,
         "internal"},
    };
    struct test_appraisal *f = *state;
    unsigned told = 0;

    for (size_t i = 0; i < COUNT(rows); i++) {
        test_server_accept(f->server, rows[i].accept);
        *test_server_answer(f->server, TEST_POST) =
            (struct test_answer){.status = rows[i].result ? 200 : 0, .body = rows[i].result};
        renew(f, rows[i].fault);
        test_outcome(fetch(f, 1), rows[i].outcome, NULL);
        if (rows[i].outcome)
            assert_string_equal(atls_attester_reason(f->attester), rows[i].reason);
        else
            test_event_says(&f->attester_party, "fault", told++, "name", rows[i].fault);
        assert_int_equal(test_event_count(&f->attester_party, "fault"), told);
    }
}

/* Where a good result is there, none is fetched before a connection needs it. */
static void test_renewed_once(void **state)
{
    struct test_appraisal *f = *state;
    int result;

    renew(f, NULL);
    while ((result = atls_attester_renew(f->attester)) == ATLS_E_AGAIN)
        test_poll_once(f);
    assert_int_equal(result, 0);
    assert_int_equal(atls_attester_renew(f->attester), 0);
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), 1);
    assert_int_equal(test_event_count(&f->attester_party, "result"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PARTIES(test_end_is_near),       WITH_PARTIES(test_evidence_for_verifier),
        WITH_PARTIES(test_clock_before_1970), WITH_PARTIES(test_expired_is_shared),
        WITH_PARTIES(test_unknown_end),       WITH_PARTIES(test_failure_is_shared),
        WITH_PARTIES(test_binder_sizes),      WITH_PARTIES(test_binders_of_one_connection),
        WITH_PARTIES(test_address_too_long),  WITH_PARTIES(test_device_gone),
        WITH_PARTIES(test_faults_are_told),   WITH_PARTIES(test_renewed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
