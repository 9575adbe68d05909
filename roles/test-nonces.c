/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces asked for ahead of need: each for one connection, while it is fresh, and never where the
 * verifier has failed. */
#include "roles/test-appraisal.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "roles/relying-party-private.h"

#define AHEAD 3

/* Lets requests in the background end. */
static void await_count(struct test_appraisal *f, enum test_endpoint endpoint, unsigned count)
{
    double end = atls_now() + 20;

    while (test_server_count(f->server, endpoint) < count && atls_now() < end) {
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 20), 0);
    }
    assert_int_equal(test_server_count(f->server, endpoint), count);
}

/* Until all of them have come. */
static void fill(struct test_appraisal *f)
{
    double end = atls_now() + 20;

    atls_relying_party_refill(f->rp);
    while (atls_nonces_ready(f->rp->nonces) < AHEAD && atls_now() < end) {
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 20), 0);
        atls_relying_party_refill(f->rp);
    }
    assert_int_equal(atls_nonces_ready(f->rp->nonces), AHEAD);
}

static void begin(struct test_appraisal *f)
{
    f->options.nonces_ahead = AHEAD;
    test_renew(f);
}

static void end_appraisal(struct test_appraisal *f)
{
    atls_appraisal_free(f->appraisal);
    f->appraisal = NULL;
    atls_credential_clear(&f->credential);
}

/* Nothing is asked of the verifier for a connection's nonce, and no nonce comes twice, though as
 * many connections have one as there were twice over. */
static void test_once(void **state)
{
    struct test_appraisal *f = *state;
    uint8_t seen[2 * AHEAD][32];

    begin(f);
    fill(f);
    for (unsigned i = 0; i < 2 * AHEAD; i++) {
        struct atls_appraisal *appraisal;
        struct atls_bytes nonce;
        unsigned before = test_server_count(f->server, TEST_NEW_SESSION);
        assert_int_equal(
            atls_appraisal_begin(f->rp, i + 1, ATLS_MODEL_BACKGROUND_CHECK, &appraisal), 0);
        assert_int_equal(atls_appraisal_challenge(appraisal, &nonce), 0); /* at once */
        assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), before);
        assert_int_equal(nonce.size, 32);
        memcpy(seen[i], nonce.data, 32);
        for (unsigned j = 0; j < i; j++) {
            assert_memory_not_equal(seen[i], seen[j], 32);
        }
        atls_appraisal_free(appraisal);
        fill(f);
        assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), AHEAD + i + 1);
    }
    /* When they are used up, a connection asks as ever. */
    struct atls_appraisal *taken[AHEAD + 1];
    struct atls_bytes nonce;
    for (unsigned i = 0; i <= AHEAD; i++) {
        assert_int_equal(atls_appraisal_begin(f->rp, i + 1, ATLS_MODEL_BACKGROUND_CHECK, &taken[i]),
                         0);
        assert_int_equal(atls_appraisal_challenge(taken[i], &nonce), i < AHEAD ? 0 : ATLS_E_AGAIN);
    }
    for (unsigned i = 0; i <= AHEAD; i++) {
        atls_appraisal_free(taken[i]);
    }
}

static void test_verdict(void **state)
{
    struct test_appraisal *f = *state;

    begin(f);
    fill(f);
    test_background_check_once(f);
    test_verdict_is(f, "a nonce asked for ahead", "ok", false);
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), AHEAD);
    end_appraisal(f);
    /* another connection's, though it is of the same store */
    fill(f);
    assert_int_equal(atls_faults_add(&f->faults, "stale-nonce"), 0);
    begin(f);
    fill(f);
    test_background_check_once(f);
    test_verdict_is(f, "evidence over another nonce", "nonce-mismatch", false);
}

/* RFC 9112 section 9.3: a process asks its verifier over connections that it keeps, however many
 * checks it makes, with nonces asked for ahead or without. */
static void test_kept_alive(void **state)
{
    struct test_appraisal *f = *state;

    for (unsigned ahead = 0; ahead <= AHEAD; ahead += AHEAD) {
        f->options.nonces_ahead = ahead;
        test_renew(f);
        unsigned before = test_server_connections(f->server);
        for (unsigned i = 0; i < 10; i++) {
            atls_relying_party_refill(f->rp);
            test_background_check_once(f);
            test_verdict_is(f, "one of many", "ok", false);
            end_appraisal(f);
        }
        /* at once: the key and the nonce; the DELETE beside the next session, and those ahead */
        unsigned made = test_server_connections(f->server) - before;
        if (made > 3 + ahead) {
            fail_msg("10 checks with %u nonces ahead made %u connections", ahead, made);
        }
        print_message("10 checks with %u nonces ahead: %u connections\n", ahead, made);
    }
}

/* Those that nobody used are deleted at the end, and so is each that was. */
static void test_deleted(void **state)
{
    struct test_appraisal *f = *state;

    begin(f);
    fill(f);
    test_background_check_once(f);
    end_appraisal(f);
    test_release(f);
    await_count(f, TEST_DELETE, AHEAD);
}

/* What newSession answers, with a member "expiry" of this text, NULL: without. */
static void answer_until(struct test_appraisal *f, const char *expiry, char body[256])
{
    snprintf(body, 256, "{\"status\":\"waiting\",%s%s%s\"nonce\":\"%s\"}",
             expiry ? "\"expiry\":\"" : "", expiry ? expiry : "", expiry ? "\"," : "",
             "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
    *test_server_answer(f->server, TEST_NEW_SESSION) =
        (struct test_answer){201, "application/json", "session/1", body, 0, false};
}

/* SECONDS from now. */
static const char *from_now(int seconds, char text[40])
{
    time_t at = time(NULL) + seconds;
    struct tm parts;

    strftime(text, 40, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &parts));
    return text;
}

static const struct {
    const char *what, *expiry; /* NULL: SECONDS from now, none where they are 0 */
    int seconds;
    bool kept;
} lifetime_rows[] = {
    {"long enough", NULL, 600, true},
    {"no expiry", NULL, 0, false},
    {"no date (RFC 3339)", "tomorrow", 0, false},
    {"past already", NULL, -10, false},
};

/* Sessions of which it is not known how long they live are not kept: the verifier is told. */
static void test_lifetimes(void **state)
{
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < sizeof lifetime_rows / sizeof *lifetime_rows; i++) {
        char body[256], text[40];
        const char *expiry = lifetime_rows[i].expiry;
        struct atls_nonces *nonces;
        if (!expiry && lifetime_rows[i].seconds != 0) {
            expiry = from_now(lifetime_rows[i].seconds, text);
        }
        answer_until(f, expiry, body);
        unsigned deleted = test_server_count(f->server, TEST_DELETE);
        unsigned asked = test_server_count(f->server, TEST_NEW_SESSION);
        assert_int_equal(atls_nonces_new(f->client, test_server_url(f->server), 32, AHEAD, &nonces),
                         0);
        double end = atls_now() + 20;
        while (atls_now() < end && atls_nonces_ready(nonces) < AHEAD &&
               test_server_count(f->server, TEST_DELETE) < deleted + AHEAD) {
            atls_nonces_refill(nonces);
            assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 20), 0);
        }
        unsigned ready = atls_nonces_ready(nonces);
        if (ready != (lifetime_rows[i].kept ? AHEAD : 0)) {
            fail_msg("%s: %u are kept", lifetime_rows[i].what, ready);
        }
        for (int turn = 0; turn < 4; turn++) { /* no more are asked for in vain */
            atls_nonces_refill(nonces);
            assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 20), 0);
        }
        assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), asked + AHEAD);
        atls_nonces_free(nonces);
        await_count(f, TEST_DELETE, deleted + AHEAD);
    }
}

/* A session of four seconds is given out in its first two only. */
static void test_grows_old(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_nonces *nonces;
    char body[256], text[40];

    answer_until(f, from_now(4, text), body);
    assert_int_equal(atls_nonces_new(f->client, test_server_url(f->server), 32, 1, &nonces), 0);
    atls_nonces_refill(nonces);
    await_count(f, TEST_NEW_SESSION, 1);
    for (double end = atls_now() + 2.5; atls_now() < end;) {
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    }
    assert_null(atls_nonces_take(nonces));
    await_count(f, TEST_DELETE, 1); /* and the verifier is told */
    atls_nonces_free(nonces);
}

static const struct {
    const char *what;
    enum test_endpoint endpoint;
    struct test_answer answer;
    const char *reason;
} outage_rows[] = {
    {"it has died", TEST_POST, {0, NULL, NULL, NULL, 0, true}, "verifier-unreachable"},
    {"it has lost its sessions", TEST_POST, {404, NULL, NULL, "", 0, false}, "session-expired"},
    {"it is out of order", TEST_POST, {500, NULL, NULL, "", 0, false}, "verifier-error"},
    {"it says nonsense", TEST_POST, {200, NULL, NULL, "{", 0, false}, "verifier-garbage"},
    {"it does not answer", TEST_POST, {0, NULL, NULL, NULL, 3000, false}, "verifier-timeout"},
};

/* The connection is refused for the verifier's failure, and what was kept is given up: the next one
 * asks for itself. */
static void test_outages(void **state)
{
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < sizeof outage_rows / sizeof *outage_rows; i++) {
        begin(f);
        fill(f);
        *test_server_answer(f->server, outage_rows[i].endpoint) = outage_rows[i].answer;
        test_background_check_once(f);
        test_verdict_explains(f, outage_rows[i].what, outage_rows[i].reason, true);
        end_appraisal(f);
        *test_server_answer(f->server, outage_rows[i].endpoint) =
            (struct test_answer){0, NULL, NULL, NULL, 0, false};
        unsigned asked = test_server_count(f->server, TEST_NEW_SESSION);
        test_background_check_once(f);
        test_verdict_is(f, outage_rows[i].what, "ok", false);
        assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), asked + 1);
        end_appraisal(f);
    }
}

/* A verifier that is not there when it is asked ahead: each connection hears of it by itself, and
 * it is not asked again and again meanwhile. */
static void test_not_there(void **state)
{
    struct test_appraisal *f = *state;

    *test_server_answer(f->server, TEST_NEW_SESSION) =
        (struct test_answer){503, NULL, NULL, "", 0, false};
    double began = atls_now();
    begin(f);
    for (unsigned turn = 0; turn < 50; turn++) { /* of the program's loop */
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 10), 0);
        atls_relying_party_refill(f->rp);
    }
    unsigned most = AHEAD + 1 + (unsigned)(atls_now() - began);
    assert_true(test_server_count(f->server, TEST_NEW_SESSION) <= most);
    test_background_check_once(f);
    test_verdict_explains(f, "asked ahead in vain", "verifier-error", true);
}

static void test_arguments(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_nonces *nonces;

    assert_int_equal(atls_nonces_new(f->client, "http://x", 32, 0, &nonces), -EINVAL);
    assert_int_equal(atls_nonces_new(f->client, "http://x", 32, ATLS_NONCES_MAX + 1, &nonces),
                     -EINVAL);
    atls_nonces_free(NULL);
    atls_nonces_refill(NULL);
    atls_nonces_distrust(NULL);
    assert_null(atls_nonces_take(NULL));
}

/* How many may be asked for, and what follows a verifier that fails: all are given up, one is asked
 * for after a moment, and once that is there, as many as ever. */
static void test_failure_and_recovery(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_nonces *nonces = NULL;

    assert_int_equal(atls_nonces_new(f->client, test_server_url(f->server), 32, 0, &nonces),
                     -EINVAL);
    assert_int_equal(
        atls_nonces_new(f->client, test_server_url(f->server), 32, ATLS_NONCES_MAX + 1, &nonces),
        -EINVAL);
    assert_int_equal(
        atls_nonces_new(f->client, test_server_url(f->server), 32, ATLS_NONCES_MAX, &nonces), 0);
    atls_nonces_free(nonces);
    assert_int_equal(atls_nonces_new(f->client, test_server_url(f->server), 32, 2, &nonces), 0);
    *test_server_answer(f->server, TEST_NEW_SESSION) = (struct test_answer){.status = 500};
    for (int i = 0; i < 400 && test_server_count(f->server, TEST_NEW_SESSION) < 3; i++) {
        atls_nonces_refill(nonces);
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    }
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), 3);
    assert_int_equal(atls_nonces_ready(nonces), 0);
    *test_server_answer(f->server, TEST_NEW_SESSION) = (struct test_answer){.status = 0};
    for (int i = 0; i < 400 && atls_nonces_ready(nonces) < 2; i++) {
        atls_nonces_refill(nonces);
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 50), 0);
    }
    assert_int_equal(atls_nonces_ready(nonces), 2);
    atls_nonces_free(nonces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_verdict, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_kept_alive, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_deleted, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_lifetimes, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_grows_old, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_outages, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_not_there, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_arguments, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_failure_and_recovery, test_set_up, test_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
