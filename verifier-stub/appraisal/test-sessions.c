/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions under a clock that the test turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "verifier-stub/appraisal/sessions.h"

#define LIFETIME 150000

static int64_t time_now, wall_offset; /* by how much the wall clock was set */
static uint8_t nonce[64];

static int64_t tell_time(void *context)
{
    return time_now;
}

static int64_t tell_wall_time(void *context)
{
    return time_now + wall_offset;
}

static struct atls_sessions *open_with(size_t max_sessions, size_t max_bytes)
{
    struct atls_sessions_limits limits = {
        .lifetime_ms = LIFETIME, .max_sessions = max_sessions, .max_bytes = max_bytes};
    struct atls_clock clock = {tell_wall_time, tell_time, NULL};
    struct atls_sessions *sessions;

    time_now = 1700000000000;
    assert_int_equal(atls_sessions_open(&limits, clock, &atls_crypto_hosted, &sessions), 0);
    return sessions;
}

static void create(struct atls_sessions *sessions, char *id)
{
    struct atls_challenge_session session;

    assert_int_equal(atls_sessions_create(sessions, ATLS_BYTES(nonce, 32), &session), 0);
    memcpy(id, session.id, sizeof session.id);
    atls_challenge_session_clear(&session);
}

static int begin(struct atls_sessions *sessions, const char *id, uint8_t number, bool *replayedp)
{
    uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE] = {number};
    struct atls_challenge_session session;
    int result = atls_sessions_begin(sessions, id, digest, &session, replayedp);

    if (result == 0)
        atls_challenge_session_clear(&session);
    return result;
}

static int finish(struct atls_sessions *sessions, const char *id, const char *jwt)
{
    struct atls_challenge_session session;
    int result = atls_sessions_finish(
        sessions, id, jwt ? ATLS_CHALLENGE_COMPLETE : ATLS_CHALLENGE_FAILED, "application/cmw",
        ATLS_BYTES("evidence", 8), jwt ? atls_bytes_of_text(jwt) : ATLS_BYTES(NULL, 0), &session);

    if (result == 0)
        atls_challenge_session_clear(&session);
    return result;
}

static void test_life(void **state)
{
    struct atls_sessions *sessions = open_with(10, 1000);
    struct atls_challenge_session session;
    char id[ATLS_CHALLENGE_ID_SIZE + 1];
    bool replayed = true;

    memset(nonce, 7, sizeof nonce);
    create(sessions, id);
    assert_true(atls_challenge_session_id_valid(id));
    assert_int_equal(id[14], '4'); /* RFC 9562 5.4 */
    assert_int_equal(atls_sessions_get(sessions, id, &session), 0);
    assert_int_equal(session.status, ATLS_CHALLENGE_WAITING);
    assert_int_equal(session.expiry, time_now + LIFETIME);
    assert_int_equal(session.nonce_size, 32);
    assert_memory_equal(session.nonce, nonce, 32);
    assert_null(session.evidence);
    assert_null(session.result);
    assert_int_equal(begin(sessions, id, 1, &replayed), 0);
    assert_false(replayed);
    assert_int_equal(atls_sessions_get(sessions, id, &session), 0);
    assert_int_equal(session.status, ATLS_CHALLENGE_PROCESSING);
    assert_int_equal(finish(sessions, id, "result"), 0);
    assert_int_equal(atls_sessions_get(sessions, id, &session), 0);
    assert_int_equal(session.status, ATLS_CHALLENGE_COMPLETE);
    assert_string_equal(session.result, "result");
    assert_string_equal(session.evidence_type, "application/cmw");
    assert_memory_equal(session.evidence, "evidence", 8);
    assert_int_equal(session.expiry, time_now + LIFETIME); /* as it was opened */
    assert_int_equal(session.nonce_size, 32);
    assert_memory_equal(session.nonce, nonce, 32);
    atls_challenge_session_clear(&session);
    assert_int_equal(atls_sessions_delete(sessions, id), 0);
    assert_int_equal(atls_sessions_get(sessions, id, &session), ATLS_E_MISSING);
    assert_int_equal(atls_sessions_delete(sessions, id), 0);
    assert_int_equal(finish(sessions, id, "result"), ATLS_E_MISSING);
    atls_sessions_close(sessions);
}

/* Setting the clock, in either direction, makes no session live longer or shorter. */
static void test_clock_is_set(void **state)
{
    static const int64_t offsets[] = {-86400000, 86400000};

    for (size_t i = 0; i < 2; i++) {
        struct atls_sessions *sessions = open_with(10, 1000);
        struct atls_challenge_session session;
        char id[ATLS_CHALLENGE_ID_SIZE + 1];

        create(sessions, id);
        wall_offset = offsets[i];
        time_now += LIFETIME - 1;
        assert_int_equal(atls_sessions_get(sessions, id, &session), 0);
        atls_challenge_session_clear(&session);
        time_now += 1;
        assert_int_equal(atls_sessions_get(sessions, id, &session), ATLS_E_EXPIRED);
        wall_offset = 0;
        atls_sessions_close(sessions);
    }
}

static void test_expiry(void **state)
{
    struct atls_sessions *sessions = open_with(10, 1000);
    struct atls_challenge_session session;
    char id[ATLS_CHALLENGE_ID_SIZE + 1], other[ATLS_CHALLENGE_ID_SIZE + 1];
    bool replayed;

    create(sessions, id);
    time_now += LIFETIME - 1;
    assert_int_equal(atls_sessions_get(sessions, id, &session), 0);
    assert_int_equal(begin(sessions, id, 1, &replayed), 0);
    time_now += 1; /* between the two */
    assert_int_equal(finish(sessions, id, "result"), ATLS_E_EXPIRED);
    assert_int_equal(atls_sessions_get(sessions, id, &session), ATLS_E_EXPIRED);
    assert_int_equal(begin(sessions, id, 2, &replayed), ATLS_E_EXPIRED);
    create(sessions, other); /* sweeps nothing yet: a late client may still learn what happened */
    assert_int_equal(atls_sessions_count(sessions), 2);
    time_now += LIFETIME;
    create(sessions, other);
    assert_int_equal(atls_sessions_get(sessions, id, &session), ATLS_E_MISSING);
    assert_int_equal(atls_sessions_count(sessions), 2);
    atls_sessions_close(sessions);
}

static void test_replay(void **state)
{
    struct atls_sessions *sessions = open_with(10, 1000);
    char id[ATLS_CHALLENGE_ID_SIZE + 1], other[ATLS_CHALLENGE_ID_SIZE + 1];
    bool replayed;

    create(sessions, id);
    create(sessions, other);
    assert_int_equal(begin(sessions, other, 0, &replayed), 0);
    assert_false(replayed); /* a digest of zeroes is none that was seen */
    assert_int_equal(begin(sessions, id, 1, &replayed), 0);
    assert_false(replayed);
    assert_int_equal(begin(sessions, id, 1, &replayed), 0);
    assert_true(replayed);
    assert_int_equal(begin(sessions, other, 1, &replayed), 0);
    assert_false(replayed); /* its nonce will not fit, which is another matter */
    for (uint8_t i = 2; i <= ATLS_CHALLENGE_SUBMISSIONS; i++) {
        assert_int_equal(begin(sessions, id, i, &replayed), 0);
        assert_false(replayed);
    }
    assert_int_equal(begin(sessions, id, 99, &replayed), ATLS_E_LIMIT);
    assert_int_equal(begin(sessions, id, 3, &replayed), 0);
    assert_true(replayed);
    atls_sessions_close(sessions);
}

static void test_number_is_bounded(void **state)
{
    struct atls_sessions *sessions = open_with(3, 1000);
    struct atls_challenge_session session;
    char id[4][ATLS_CHALLENGE_ID_SIZE + 1];
    bool replayed;

    for (size_t i = 0; i < 3; i++)
        create(sessions, id[i]);
    assert_int_equal(atls_sessions_create(sessions, ATLS_BYTES(nonce, 8), &session), ATLS_E_LIMIT);
    assert_int_equal(atls_sessions_count(sessions), 3);
    assert_int_equal(begin(sessions, id[1], 1, &replayed), 0);
    assert_int_equal(atls_sessions_create(sessions, ATLS_BYTES(nonce, 8), &session), ATLS_E_LIMIT);
    assert_int_equal(finish(sessions, id[1], "result"), 0);
    create(sessions, id[3]); /* the completed one makes room */
    assert_int_equal(atls_sessions_get(sessions, id[1], &session), ATLS_E_MISSING);
    assert_int_equal(atls_sessions_get(sessions, id[0], &session), 0);
    atls_challenge_session_clear(&session);
    time_now += LIFETIME; /* all are expired: room again */
    create(sessions, id[1]);
    atls_sessions_close(sessions);
}

static void test_bytes_are_bounded(void **state)
{
    struct atls_sessions *sessions = open_with(100, 40);
    struct atls_challenge_session session;
    char id[4][ATLS_CHALLENGE_ID_SIZE + 1];
    bool replayed;

    for (size_t i = 0; i < 4; i++) { /* 8 bytes of evidence and 6 of result each */
        create(sessions, id[i]);
        assert_int_equal(begin(sessions, id[i], 1, &replayed), 0);
        assert_int_equal(finish(sessions, id[i], "result"), 0);
    }
    assert_int_equal(atls_sessions_count(sessions), 2);
    assert_int_equal(atls_sessions_get(sessions, id[1], &session), ATLS_E_MISSING);
    assert_int_equal(atls_sessions_get(sessions, id[3], &session), 0);
    atls_challenge_session_clear(&session);
    assert_int_equal(finish(sessions, id[3], NULL), 0); /* failed: the result goes */
    assert_int_equal(atls_sessions_get(sessions, id[3], &session), 0);
    assert_int_equal(session.status, ATLS_CHALLENGE_FAILED);
    assert_null(session.result);
    atls_challenge_session_clear(&session);
    for (int i = 0; i < 9; i++) /* what takes the place of something else counts once */
        assert_int_equal(finish(sessions, id[3], "result"), 0);
    assert_int_equal(atls_sessions_count(sessions), 2);
    assert_int_equal(atls_sessions_get(sessions, id[2], &session), 0);
    atls_challenge_session_clear(&session);
    atls_sessions_close(sessions);
}

static void test_ids(void **state)
{
    static const char *const bad[] = {
        "",
        "1234",
        "5c5bd88b-c922-482b-ad9f-097e187b42a",
        "5c5bd88b-c922-482b-ad9f-097e187b42a11",
        "5c5bd88bc922482bad9f097e187b42a1",
        "{5c5bd88b-c922-482b-ad9f-097e187b42a1}",
        "5c5bd88b-c922-482b-ad9f-097e187b42ag",
        "5c5bd88b-c922-482b-ad9f+097e187b42a1",
        "5c5bd88b-c922-482b-ad9f 097e187b42a1",
        " c5bd88b-c922-482b-ad9f-097e187b42a1",
    };
    struct atls_sessions *sessions = open_with(10, 1000);
    struct atls_challenge_session session;
    char id[ATLS_CHALLENGE_ID_SIZE + 1], upper[ATLS_CHALLENGE_ID_SIZE + 1] = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(atls_sessions_get(sessions, bad[i], &session), ATLS_E_MALFORMED);
        assert_int_equal(atls_sessions_delete(sessions, bad[i]), ATLS_E_MALFORMED);
    }
    assert_int_equal(atls_sessions_get(sessions, "5c5bd88b-c922-482b-ad9f-097e187b42a1", &session),
                     ATLS_E_MISSING);
    create(sessions, id);
    for (size_t i = 0; i < ATLS_CHALLENGE_ID_SIZE; i++)
        upper[i] = id[i] >= 'a' && id[i] <= 'f' ? (char)(id[i] - 32) : id[i];
    assert_int_equal(atls_sessions_get(sessions, upper, &session), 0); /* RFC 9562 4 */
    atls_challenge_session_clear(&session);
    atls_sessions_close(sessions);
}

static uint8_t random_byte;

static int make_random(uint8_t *bytesp, size_t count)
{
    memset(bytesp, random_byte, count);
    return 0;
}

/* RFC 9562 section 5.4: version and variant, whatever the random bits are. */
static void test_ids_are_of_version_4(void **state)
{
    static const struct {
        uint8_t byte;
        const char *id;
    } table[] = {
        {0x00, "00000000-0000-4000-8000-000000000000"},
        {0xff, "ffffffff-ffff-4fff-bfff-ffffffffffff"},
    };
    struct atls_sessions_limits limits = {
        .lifetime_ms = LIFETIME, .max_sessions = 10, .max_bytes = 1000};
    struct atls_crypto crypto = atls_crypto_hosted;
    struct atls_sessions *sessions;
    char id[ATLS_CHALLENGE_ID_SIZE + 1];

    crypto.random = make_random;
    assert_int_equal(atls_sessions_open(&limits, (struct atls_clock){tell_time, tell_time, NULL},
                                        &crypto, &sessions),
                     0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        random_byte = table[i].byte;
        create(sessions, id);
        assert_string_equal(id, table[i].id);
    }
    atls_sessions_close(sessions);
}

/* RFC 9562 section 5.1, as Python's uuid writes the same time, clock sequence and node. */
static void test_ids_are_of_version_1(void **state)
{
    static const struct {
        uint8_t byte;
        const char *id;
    } table[] = {
        {0x00, "04afc000-833b-11ee-8000-010000000000"},
        {0x12, "04afd212-833b-11ee-9212-131212121212"},
        {0xff, "04afd59f-833b-11ee-bfff-ffffffffffff"},
    };
    struct atls_sessions_limits limits = {
        .lifetime_ms = LIFETIME, .max_sessions = 10, .max_bytes = 1000, .dated_ids = true};
    struct atls_crypto crypto = atls_crypto_hosted;
    struct atls_sessions *sessions;
    char id[ATLS_CHALLENGE_ID_SIZE + 1];

    time_now = 1700000000000;
    crypto.random = make_random;
    assert_int_equal(atls_sessions_open(&limits, (struct atls_clock){tell_time, tell_time, NULL},
                                        &crypto, &sessions),
                     0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        random_byte = table[i].byte;
        create(sessions, id);
        assert_string_equal(id, table[i].id);
    }
    atls_sessions_close(sessions);
}

static uint8_t random_tail;

static int make_alike(uint8_t *bytesp, size_t count)
{
    memset(bytesp, 0x11, count);
    bytesp[count - 1] = ++random_tail;
    return 0;
}

/* Sessions whose ids begin alike are told apart, whichever of them goes. */
static void test_ids_that_begin_alike(void **state)
{
    struct atls_sessions_limits limits = {
        .lifetime_ms = LIFETIME, .max_sessions = 10, .max_bytes = 1000};
    struct atls_crypto crypto = atls_crypto_hosted;
    struct atls_sessions *sessions;
    char id[3][ATLS_CHALLENGE_ID_SIZE + 1];

    crypto.random = make_alike;
    for (size_t gone = 0; gone < 3; gone++) {
        assert_int_equal(atls_sessions_open(&limits,
                                            (struct atls_clock){tell_time, tell_time, NULL},
                                            &crypto, &sessions),
                         0);
        for (size_t i = 0; i < 3; i++)
            create(sessions, id[i]);
        assert_int_equal(atls_sessions_delete(sessions, id[gone]), 0);
        for (size_t i = 0; i < 3; i++) {
            struct atls_challenge_session session;
            int result = atls_sessions_get(sessions, id[i], &session);

            assert_int_equal(result, i == gone ? ATLS_E_MISSING : 0);
            if (result == 0) {
                assert_string_equal(session.id, id[i]);
                atls_challenge_session_clear(&session);
            }
        }
        atls_sessions_close(sessions);
    }
}

static int no_random(uint8_t *bytesp, size_t count)
{
    return atls_fail(-5, NULL, "no random numbers");
}

/* Without an id there is no session. */
static void test_no_random_numbers(void **state)
{
    struct atls_sessions_limits limits = {
        .lifetime_ms = LIFETIME, .max_sessions = 10, .max_bytes = 1000};
    struct atls_crypto crypto = atls_crypto_hosted;
    struct atls_challenge_session session;
    struct atls_sessions *sessions;

    crypto.random = no_random;
    assert_int_equal(atls_sessions_open(&limits, (struct atls_clock){tell_time, tell_time, NULL},
                                        &crypto, &sessions),
                     0);
    assert_int_equal(atls_sessions_create(sessions, ATLS_BYTES(nonce, 32), &session), -5);
    assert_int_equal(atls_sessions_count(sessions), 0);
    atls_sessions_close(sessions);
    atls_sessions_close(NULL);
}

/* As Veraison's cache has it: a session lives anew from each look at it, and any evidence may come
 * again, any number of times. What is said of its expiry stays. */
static void test_renewal_and_repetition(void **state)
{
    struct atls_sessions_limits limits = {.lifetime_ms = LIFETIME,
                                          .max_sessions = 10,
                                          .max_bytes = 1000,
                                          .renews = true,
                                          .repeats = true};
    struct atls_challenge_session session;
    struct atls_sessions *sessions;
    char first[ATLS_CHALLENGE_ID_SIZE + 1], second[ATLS_CHALLENGE_ID_SIZE + 1],
        third[ATLS_CHALLENGE_ID_SIZE + 1];
    int64_t begun;
    bool replayed = true;

    time_now = begun = 1700000000000;
    assert_int_equal(atls_sessions_open(&limits, (struct atls_clock){tell_time, tell_time, NULL},
                                        &atls_crypto_hosted, &sessions),
                     0);
    create(sessions, first);
    create(sessions, second);
    for (int i = 0; i < 2 * ATLS_CHALLENGE_SUBMISSIONS; i++) {
        replayed = true;
        assert_int_equal(begin(sessions, first, 1, &replayed), 0);
        assert_false(replayed);
        time_now += LIFETIME - 1;
    }
    assert_int_equal(atls_sessions_get(sessions, first, &session), 0);
    assert_int_equal(session.status, ATLS_CHALLENGE_PROCESSING);
    assert_int_equal(session.expiry, begun + LIFETIME);
    assert_int_equal(session.deadline, time_now + LIFETIME);
    atls_challenge_session_clear(&session);
    /* nobody looked at the second: it is swept, and the first, which is older, is not */
    create(sessions, third);
    assert_int_equal(atls_sessions_count(sessions), 2);
    assert_int_equal(atls_sessions_get(sessions, second, &session), ATLS_E_MISSING);
    assert_int_equal(atls_sessions_get(sessions, first, &session), 0);
    atls_challenge_session_clear(&session);
    time_now += LIFETIME;
    assert_int_equal(atls_sessions_get(sessions, first, &session), ATLS_E_EXPIRED);
    atls_sessions_close(sessions);
}

/* A session that is over makes room, and one that goes on again does not. */
static void test_what_goes_on_again_stays(void **state)
{
    struct atls_sessions *sessions = open_with(2, 1000);
    struct atls_challenge_session session;
    char id[2][ATLS_CHALLENGE_ID_SIZE + 1];
    bool replayed;

    create(sessions, id[0]);
    create(sessions, id[1]);
    assert_int_equal(begin(sessions, id[0], 1, &replayed), 0);
    assert_int_equal(finish(sessions, id[0], "result"), 0);
    assert_int_equal(begin(sessions, id[0], 2, &replayed), 0);
    assert_int_equal(atls_sessions_create(sessions, ATLS_BYTES(nonce, 8), &session), ATLS_E_LIMIT);
    assert_int_equal(atls_sessions_get(sessions, id[0], &session), 0);
    atls_challenge_session_clear(&session);
    assert_int_equal(finish(sessions, id[0], "result"), 0);
    assert_int_equal(atls_sessions_create(sessions, ATLS_BYTES(nonce, 8), &session), 0);
    atls_challenge_session_clear(&session);
    assert_int_equal(atls_sessions_get(sessions, id[0], &session), ATLS_E_MISSING);
    atls_sessions_close(sessions);
}

/* So many bytes and no more: 8 of evidence and 6 of result each. */
static void test_bytes_to_the_last(void **state)
{
    for (size_t room = 27; room <= 28; room++) {
        struct atls_sessions *sessions = open_with(100, room);
        char id[2][ATLS_CHALLENGE_ID_SIZE + 1];
        bool replayed;

        for (size_t i = 0; i < 2; i++) {
            create(sessions, id[i]);
            assert_int_equal(begin(sessions, id[i], 1, &replayed), 0);
            assert_int_equal(finish(sessions, id[i], "result"), 0);
        }
        assert_int_equal(atls_sessions_count(sessions), room - 26);
        atls_sessions_close(sessions);
    }
}

static int64_t milliseconds_of(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Two clocks: the one that people set, and one that nobody sets. */
static void test_clocks_of_the_system(void **state)
{
    const struct atls_clock clock = atls_clock_of_system();
    int64_t real = milliseconds_of(CLOCK_REALTIME), steady = milliseconds_of(CLOCK_MONOTONIC);

    assert_true(clock.now(clock.context) >= real);
    assert_true(clock.now(clock.context) <= milliseconds_of(CLOCK_REALTIME));
    assert_true(clock.steady(clock.context) >= steady);
    assert_true(clock.steady(clock.context) <= milliseconds_of(CLOCK_MONOTONIC));
}

static void test_nonce_bounds(void **state)
{
    static const struct {
        size_t size;
        bool good;
    } table[] = {{0, false}, {7, false}, {8, true}, {64, true}, {65, false}};
    struct atls_sessions *sessions = open_with(10, 1000);
    uint8_t long_nonce[65] = {0};
    struct atls_challenge_session session;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int result =
            atls_sessions_create(sessions, ATLS_BYTES(long_nonce, table[i].size), &session);

        assert_int_equal(result == 0, table[i].good);
        if (result == 0)
            atls_challenge_session_clear(&session);
    }
    atls_sessions_close(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_clock_is_set),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_number_is_bounded),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_ids_are_of_version_4),
        cmocka_unit_test(test_ids_are_of_version_1),
        cmocka_unit_test(test_ids_that_begin_alike),
        cmocka_unit_test(test_no_random_numbers),
        cmocka_unit_test(test_renewal_and_repetition),
        cmocka_unit_test(test_what_goes_on_again_stays),
        cmocka_unit_test(test_bytes_to_the_last),
        cmocka_unit_test(test_clocks_of_the_system),
        cmocka_unit_test(test_nonce_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
