/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of sessions: a hash table for finding them, and a list in the order of their creation,
 * which is the order of their expiry too since all live equally long. Another list has those that
 * are over, in the order in which they ended: room is made at its front, so that nobody walks over
 * those that wait. An expired session stays known for one more lifetime, so that a late client
 * learns what happened.
 */
#include "verifier-stub/appraisal/sessions.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rats/base/error.h"

#define BUCKETS_MAX ((size_t)1 << 20)

enum order { BY_DEADLINE, BY_END, ORDERS };

struct entry;
struct list {
    struct entry *oldest, *newest;
};
struct place {
    struct entry *older, *newer;
};

struct entry {
    struct atls_challenge_session session;
    uint8_t seen[ATLS_CHALLENGE_SUBMISSIONS][ATLS_EVIDENCE_DIGEST_SIZE];
    size_t seen_count;
    struct entry *next_in_bucket;
    struct place places[ORDERS];
    bool has_ended; /* it is in the list by end */
};

struct atls_sessions {
    struct atls_sessions_limits limits;
    struct atls_clock clock;
    const struct atls_crypto *crypto;
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t bucket_count; /* as many as there may be sessions, about */
    struct list lists[ORDERS];
    size_t count, bytes;
};

const char *atls_challenge_status_name(enum atls_challenge_status status)
{
    static const char *const names[] = {"waiting", "processing", "complete", "failed"};

    return names[status];
}

static int64_t system_now(void *context)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_steady(void *context)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct atls_clock atls_clock_of_system(void)
{
    return (struct atls_clock){system_now, system_steady, NULL};
}

void atls_challenge_session_clear(struct atls_challenge_session *session)
{
    free(session->evidence_type);
    free(session->evidence);
    free(session->result);
    *session = (struct atls_challenge_session){0};
}

int atls_sessions_open(const struct atls_sessions_limits *limits, struct atls_clock clock,
                       const struct atls_crypto *crypto, struct atls_sessions **sessionsp)
{
    struct atls_sessions *sessions = calloc(1, sizeof *sessions);
    size_t buckets = 1 + (limits->max_sessions < BUCKETS_MAX ? limits->max_sessions : BUCKETS_MAX);

    if (sessions)
        sessions->buckets = calloc(buckets, sizeof(struct entry *));
    if (!sessions || !sessions->buckets) {
        free(sessions);
        return atls_fail(-ENOMEM, NULL, "no memory for sessions");
    }
    sessions->bucket_count = buckets;
    sessions->limits = *limits;
    sessions->clock = clock;
    sessions->crypto = crypto;
    pthread_mutex_init(&sessions->lock, NULL);
    *sessionsp = sessions;
    return 0;
}

bool atls_challenge_session_id_valid(const char *id)
{
    if (strlen(id) != ATLS_CHALLENGE_ID_SIZE)
        return false;
    for (size_t i = 0; i < ATLS_CHALLENGE_ID_SIZE; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? id[i] != '-' : !isxdigit((unsigned char)id[i]))
            return false;
    }
    return true;
}

/* The first hexadecimal digits of an id are random enough, and need no further hashing. */
static struct entry **bucket_of(struct atls_sessions *sessions, const char *id)
{
    char digits[9] = {0};

    memcpy(digits, id, 8);
    return &sessions->buckets[strtoul(digits, NULL, 16) % sessions->bucket_count];
}

static size_t weight(const struct atls_challenge_session *session)
{
    return session->evidence_size + session->result_size;
}

static void take_out(struct atls_sessions *sessions, struct entry *entry, enum order order)
{
    struct list *list = &sessions->lists[order];
    const struct place place = entry->places[order];

    *(place.older ? &place.older->places[order].newer : &list->oldest) = place.newer;
    *(place.newer ? &place.newer->places[order].older : &list->newest) = place.older;
}

static void put_last(struct atls_sessions *sessions, struct entry *entry, enum order order)
{
    struct list *list = &sessions->lists[order];

    entry->places[order] = (struct place){.older = list->newest};
    *(list->newest ? &list->newest->places[order].newer : &list->oldest) = entry;
    list->newest = entry;
}

static bool is_over(const struct atls_challenge_session *session)
{
    return session->status == ATLS_CHALLENGE_COMPLETE || session->status == ATLS_CHALLENGE_FAILED;
}

/* Its status may have changed, or come about anew. */
static void note_end(struct atls_sessions *sessions, struct entry *entry)
{
    if (entry->has_ended)
        take_out(sessions, entry, BY_END);
    entry->has_ended = is_over(&entry->session);
    if (entry->has_ended)
        put_last(sessions, entry, BY_END);
}

static void drop(struct atls_sessions *sessions, struct entry *entry)
{
    struct entry **link = bucket_of(sessions, entry->session.id);

    while (*link != entry)
        link = &(*link)->next_in_bucket;
    *link = entry->next_in_bucket;
    take_out(sessions, entry, BY_DEADLINE);
    if (entry->has_ended)
        take_out(sessions, entry, BY_END);
    sessions->count--;
    sessions->bytes -= weight(&entry->session);
    atls_challenge_session_clear(&entry->session);
    free(entry);
}

void atls_sessions_close(struct atls_sessions *sessions)
{
    if (!sessions)
        return;
    while (sessions->lists[BY_DEADLINE].oldest)
        drop(sessions, sessions->lists[BY_DEADLINE].oldest);
    pthread_mutex_destroy(&sessions->lock);
    free(sessions->buckets);
    free(sessions);
}

size_t atls_sessions_count(struct atls_sessions *sessions)
{
    size_t count;

    pthread_mutex_lock(&sessions->lock);
    count = sessions->count;
    pthread_mutex_unlock(&sessions->lock);
    return count;
}

static bool too_much(const struct atls_sessions *sessions)
{
    return sessions->count > sessions->limits.max_sessions ||
           sessions->bytes > sessions->limits.max_bytes;
}

/* What may go first: the oldest that has expired, or else what ended first; not KEEP. NULL. */
static struct entry *first_to_go(const struct atls_sessions *sessions, const struct entry *keep,
                                 int64_t now)
{
    struct entry *oldest = sessions->lists[BY_DEADLINE].oldest;
    struct entry *ended = sessions->lists[BY_END].oldest;

    if (oldest && oldest != keep && now >= oldest->session.deadline)
        return oldest;
    return ended && ended == keep ? ended->places[BY_END].newer : ended;
}

/* Drops what is long expired, then as many completed sessions as the limits ask for, but KEEP. */
static void make_room(struct atls_sessions *sessions, const struct entry *keep)
{
    int64_t now = sessions->clock.steady(sessions->clock.context);
    struct entry *entry = sessions->lists[BY_DEADLINE].oldest;

    for (; entry && entry != keep && now >= entry->session.deadline + sessions->limits.lifetime_ms;
         entry = sessions->lists[BY_DEADLINE].oldest)
        drop(sessions, entry);
    while (too_much(sessions) && (entry = first_to_go(sessions, keep, now)))
        drop(sessions, entry);
}

/* With a zero behind them; NULL of NULL, and where there is no memory. */
static char *copy_bytes(const char *from, size_t size)
{
    char *copy = from ? malloc(size + 1) : NULL;

    if (copy) {
        memcpy(copy, from, size);
        copy[size] = 0;
    }
    return copy;
}

static int copy_session(const struct atls_challenge_session *from,
                        struct atls_challenge_session *top)
{
    struct atls_challenge_session copy = *from;

    copy.evidence_type = from->evidence_type ? strdup(from->evidence_type) : NULL;
    copy.result = copy_bytes(from->result, from->result_size);
    copy.evidence = (uint8_t *)copy_bytes((const char *)from->evidence, from->evidence_size);
    if ((from->evidence_type && !copy.evidence_type) || (from->result && !copy.result) ||
        (from->evidence && !copy.evidence)) {
        atls_challenge_session_clear(&copy);
        return atls_fail(-ENOMEM, NULL, "no memory for a session");
    }
    *top = copy;
    return 0;
}

/* A version 4 UUID (RFC 9562 section 5.4), of random bytes. */
static void make_random(uint8_t u[16])
{
    u[6] = (u[6] & 0x0f) | 0x40;
    u[8] = (u[8] & 0x3f) | 0x80;
}

/* A version 1 UUID (RFC 9562 section 5.1): 100 ns since 15 October 1582, and a node that is random,
 * which its first bit says (section 6.10). */
static void make_dated(uint8_t u[16], int64_t milliseconds)
{
    const uint64_t epoch = 0x01b21dd213814000;
    uint64_t time = epoch + (uint64_t)milliseconds * 10000 + ((u[0] << 8 | u[1]) % 10000);

    for (size_t i = 0; i < 4; i++)
        u[i] = (uint8_t)(time >> (24 - 8 * i));
    u[4] = (uint8_t)(time >> 40);
    u[5] = (uint8_t)(time >> 32);
    u[6] = (uint8_t)((time >> 56 & 0x0f) | 0x10);
    u[7] = (uint8_t)(time >> 48);
    u[8] = (u[8] & 0x3f) | 0x80;
    u[10] |= 1;
}

static int make_id(const struct atls_sessions *sessions, char id[ATLS_CHALLENGE_ID_SIZE + 1])
{
    uint8_t u[16];
    int result = sessions->crypto->random(u, sizeof u);

    if (result != 0)
        return result;
    if (sessions->limits.dated_ids)
        make_dated(u, sessions->clock.now(sessions->clock.context));
    else
        make_random(u);
    snprintf(id, ATLS_CHALLENGE_ID_SIZE + 1,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
             u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
             u[15]);
    return 0;
}

static void insert(struct atls_sessions *sessions, struct entry *entry)
{
    struct entry **bucket = bucket_of(sessions, entry->session.id);

    entry->next_in_bucket = *bucket;
    *bucket = entry;
    put_last(sessions, entry, BY_DEADLINE);
    sessions->count++;
}

int atls_sessions_create(struct atls_sessions *sessions, struct atls_bytes nonce,
                         struct atls_challenge_session *sessionp)
{
    struct entry *entry;
    int result;

    if (nonce.size < ATLS_CHALLENGE_NONCE_MIN || nonce.size > ATLS_CHALLENGE_NONCE_MAX)
        return atls_fail(-EINVAL, NULL, "nonce of %zu bytes", nonce.size);
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return atls_fail(-ENOMEM, NULL, "no memory for a session");
    result = make_id(sessions, entry->session.id);
    if (result != 0) {
        free(entry);
        return result;
    }
    memcpy(entry->session.nonce, nonce.data, nonce.size);
    entry->session.nonce_size = nonce.size;
    pthread_mutex_lock(&sessions->lock);
    entry->session.expiry =
        sessions->clock.now(sessions->clock.context) + sessions->limits.lifetime_ms;
    entry->session.deadline =
        sessions->clock.steady(sessions->clock.context) + sessions->limits.lifetime_ms;
    insert(sessions, entry);
    make_room(sessions, entry);
    if (too_much(sessions)) {
        drop(sessions, entry);
        result = atls_fail(ATLS_E_LIMIT, NULL, "%zu sessions are waiting already", sessions->count);
    } else {
        result = copy_session(&entry->session, sessionp);
    }
    pthread_mutex_unlock(&sessions->lock);
    return result;
}

/* Its deadline is the latest now, so it goes to the end of the list. */
static void renew(struct atls_sessions *sessions, struct entry *entry)
{
    entry->session.deadline =
        sessions->clock.steady(sessions->clock.context) + sessions->limits.lifetime_ms;
    take_out(sessions, entry, BY_DEADLINE);
    put_last(sessions, entry, BY_DEADLINE);
}

/* NULL, and why, where there is none to be had. */
static struct entry *find(struct atls_sessions *sessions, const char *id, int *errorp)
{
    struct entry *entry = NULL;
    int result = 0;

    if (!atls_challenge_session_id_valid(id))
        result = atls_fail(ATLS_E_MALFORMED, "RFC 9562 section 4", "not a UUID: \"%.64s\"", id);
    else
        entry = *bucket_of(sessions, id);
    while (entry && strcasecmp(entry->session.id, id) != 0)
        entry = entry->next_in_bucket;
    if (result == 0 && !entry)
        result = atls_fail(ATLS_E_MISSING, NULL, "session not found for id=%s", id);
    if (entry && sessions->clock.steady(sessions->clock.context) >= entry->session.deadline) {
        result = atls_fail(ATLS_E_EXPIRED, NULL, "session not found for id=%s: it has expired", id);
        entry = NULL;
    }
    if (entry && sessions->limits.renews)
        renew(sessions, entry);
    *errorp = result;
    return entry;
}

static int note_evidence(const struct atls_sessions *sessions, struct entry *entry,
                         const uint8_t *digest, bool *replayedp)
{
    if (sessions->limits.repeats) {
        entry->session.status = ATLS_CHALLENGE_PROCESSING;
        *replayedp = false;
        return 0;
    }
    for (size_t i = 0; i < entry->seen_count; i++) {
        if (memcmp(entry->seen[i], digest, ATLS_EVIDENCE_DIGEST_SIZE) == 0) {
            *replayedp = true;
            return 0;
        }
    }
    if (entry->seen_count == ATLS_CHALLENGE_SUBMISSIONS)
        return atls_fail(ATLS_E_LIMIT, NULL, "more than %d submissions in one session",
                         ATLS_CHALLENGE_SUBMISSIONS);
    memcpy(entry->seen[entry->seen_count++], digest, ATLS_EVIDENCE_DIGEST_SIZE);
    entry->session.status = ATLS_CHALLENGE_PROCESSING;
    *replayedp = false;
    return 0;
}

int atls_sessions_begin(struct atls_sessions *sessions, const char *id,
                        const uint8_t digest[ATLS_EVIDENCE_DIGEST_SIZE],
                        struct atls_challenge_session *sessionp, bool *replayedp)
{
    struct entry *entry;
    int result;

    pthread_mutex_lock(&sessions->lock);
    entry = find(sessions, id, &result);
    if (entry)
        result = note_evidence(sessions, entry, digest, replayedp);
    if (entry && result == 0) {
        note_end(sessions, entry);
        result = copy_session(&entry->session, sessionp);
    }
    pthread_mutex_unlock(&sessions->lock);
    return result;
}

int atls_sessions_finish(struct atls_sessions *sessions, const char *id,
                         enum atls_challenge_status status, const char *evidence_type,
                         struct atls_bytes evidence, struct atls_bytes result,
                         struct atls_challenge_session *sessionp)
{
    /* only read: copy_session() makes the copies */
    struct atls_challenge_session outcome = {
        .status = status,
        .evidence_type = (char *)(uintptr_t)evidence_type,
        .evidence = (uint8_t *)(uintptr_t)evidence.data,
        .evidence_size = evidence.size,
        .result = (char *)(uintptr_t)result.data,
        .result_size = result.size,
    };
    struct atls_challenge_session kept = {0};
    struct entry *entry;
    int error;

    pthread_mutex_lock(&sessions->lock);
    entry = find(sessions, id, &error);
    if (entry) {
        memcpy(outcome.id, entry->session.id, sizeof outcome.id);
        memcpy(outcome.nonce, entry->session.nonce, sizeof outcome.nonce);
        outcome.nonce_size = entry->session.nonce_size;
        outcome.expiry = entry->session.expiry;
        outcome.deadline = entry->session.deadline;
        error = copy_session(&outcome, &kept);
    }
    if (entry && error == 0) { /* no entry is an error; the analyzer cannot know it */
        sessions->bytes -= weight(&entry->session);
        atls_challenge_session_clear(&entry->session);
        entry->session = kept;
        sessions->bytes += weight(&kept);
        note_end(sessions, entry);
        make_room(sessions, entry);
        error = copy_session(&kept, sessionp);
    }
    pthread_mutex_unlock(&sessions->lock);
    return error;
}

int atls_sessions_get(struct atls_sessions *sessions, const char *id,
                      struct atls_challenge_session *sessionp)
{
    struct entry *entry;
    int result;

    pthread_mutex_lock(&sessions->lock);
    entry = find(sessions, id, &result);
    if (entry)
        result = copy_session(&entry->session, sessionp);
    pthread_mutex_unlock(&sessions->lock);
    return result;
}

int atls_sessions_delete(struct atls_sessions *sessions, const char *id)
{
    struct entry *entry;
    int result;

    pthread_mutex_lock(&sessions->lock);
    entry = find(sessions, id, &result);
    if (entry)
        drop(sessions, entry);
    pthread_mutex_unlock(&sessions->lock);
    return result == ATLS_E_MALFORMED ? result : 0;
}
