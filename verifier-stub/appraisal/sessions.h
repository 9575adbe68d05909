/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenge-response sessions: a nonce, the evidence that answered it, and the result, for a short
 * time. Their number and their bytes are bounded; where the bound is reached, completed sessions go
 * first, the oldest before others. All calls may come from several threads at once.
 */
#ifndef ATLS_VERIFIER_STUB_APPRAISAL_SESSIONS_H
#define ATLS_VERIFIER_STUB_APPRAISAL_SESSIONS_H

#include "rats/crypto/crypto.h"
#include "verifier-stub/appraisal/evidence.h"

#define ATLS_CHALLENGE_ID_SIZE 36 /* text of a UUID */
#define ATLS_CHALLENGE_NONCE_MIN 8
#define ATLS_CHALLENGE_NONCE_MAX 64
#define ATLS_CHALLENGE_SUBMISSIONS 8 /* different evidence in one session */

enum atls_challenge_status {
    ATLS_CHALLENGE_WAITING,
    ATLS_CHALLENGE_PROCESSING,
    ATLS_CHALLENGE_COMPLETE,
    ATLS_CHALLENGE_FAILED
};
const char *atls_challenge_status_name(enum atls_challenge_status status);

/* Both in milliseconds. A test brings its own. */
struct atls_clock {
    int64_t (*now)(void *context);    /* since 1970: what is said of times */
    int64_t (*steady)(void *context); /* never goes back or leaps: how long something lives */
    void *context;
};
struct atls_clock atls_clock_of_system(void);

struct atls_sessions_limits {
    unsigned lifetime_ms;
    size_t max_sessions;
    size_t max_bytes; /* evidence and results together */
    bool renews;      /* a session lives anew from each look at it; what is said of it stays */
    bool repeats;     /* any number of submissions, and the same again */
    bool dated_ids;   /* UUIDs of version 1 (RFC 9562 section 5.1), with a node made up */
};

struct atls_challenge_session { /* a copy; free the members with atls_challenge_session_clear() */
    char id[ATLS_CHALLENGE_ID_SIZE + 1];
    enum atls_challenge_status status;
    uint8_t nonce[ATLS_CHALLENGE_NONCE_MAX];
    size_t nonce_size;
    int64_t expiry;      /* milliseconds since 1970: what its client is told */
    int64_t deadline;    /* the same by the steady clock, which decides */
    char *evidence_type; /* NULL where there is no evidence yet */
    uint8_t *evidence;
    size_t evidence_size;
    char *result; /* an EAR as a JWT, zero-terminated, or as a CWT; NULL where there is none yet */
    size_t result_size;
};
void atls_challenge_session_clear(struct atls_challenge_session *session);

struct atls_sessions;
int atls_sessions_open(const struct atls_sessions_limits *limits, struct atls_clock clock,
                       const struct atls_crypto *crypto, struct atls_sessions **sessionsp);
void atls_sessions_close(struct atls_sessions *sessions);
size_t atls_sessions_count(struct atls_sessions *sessions);

/* Every ID below is text as the client sent it. ATLS_E_MALFORMED: no UUID (RFC 9562 section 4).
 * ATLS_E_MISSING: no such session. ATLS_E_EXPIRED: there was one. */
bool atls_challenge_session_id_valid(const char *id);

/* A waiting session for a nonce of 8..64 bytes. ATLS_E_LIMIT: too many sessions wait. -errno. */
int atls_sessions_create(struct atls_sessions *sessions, struct atls_bytes nonce,
                         struct atls_challenge_session *sessionp);
/* Evidence has come, DIGEST tells it from other evidence: the session is now processing, unless
 * *REPLAYEDP. ATLS_E_LIMIT: too many submissions in one session. */
int atls_sessions_begin(struct atls_sessions *sessions, const char *id,
                        const uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE],
                        struct atls_challenge_session *sessionp, bool *replayedp);
/* Ends the processing; what is given is copied, RESULT without data where it failed. -ENOMEM. */
int atls_sessions_finish(struct atls_sessions *sessions, const char *id,
                         enum atls_challenge_status status, const char *evidence_type,
                         struct atls_bytes evidence, struct atls_bytes result,
                         struct atls_challenge_session *sessionp);
int atls_sessions_get(struct atls_sessions *sessions, const char *id,
                      struct atls_challenge_session *sessionp);
/* 0 also where there is no such session, as at Veraison. */
int atls_sessions_delete(struct atls_sessions *sessions, const char *id);

#endif
