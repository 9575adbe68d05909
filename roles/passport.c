/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester in the passport model: it takes evidence to a verifier, keeps the result while it is
 * good, and presents it. It does not judge: a contraindicated result is presented like any other,
 * for the relying party to refuse.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/ear/ear.h"
#include "roles/attester-private.h"

#define NONCE_SIZE 32
#define GRACE_SECONDS 1.0 /* whoever waited for a fetch gets its outcome, good or bad */
#define MARGIN_MAX 5      /* a result so near its end may not outlast the handshake */

void atls_passport_clear(struct atls_passport *passport)
{
    atls_verifier_session_free(passport->session);
    free(passport->result);
    *passport = (struct atls_passport){.session = NULL};
}

static int64_t clock_of(const struct atls_attester *attester)
{
    return (int64_t)time(NULL) + attester->options.clock_offset;
}

/* That of a connection under way with this binder, made where there is none; NULL: no memory. */
static struct atls_bound_result *bound_result(struct atls_attester *attester, unsigned conn,
                                              struct atls_bytes binder)
{
    struct atls_bound_result *bound = attester->bound;

    while (bound && (bound->conn != conn ||
                     !atls_bytes_equal(ATLS_BYTES(bound->binder, bound->binder_size), binder))) {
        bound = bound->next;
    }
    if (bound || !(bound = calloc(1, sizeof *bound))) {
        return bound;
    }
    bound->conn = conn;
    memcpy(bound->binder, binder.data, binder.size);
    bound->binder_size = binder.size;
    bound->next = attester->bound;
    attester->bound = bound;
    return bound;
}

static void drop_bound(struct atls_bound_result **at)
{
    struct atls_bound_result *bound = *at;

    *at = bound->next;
    atls_passport_clear(&bound->passport);
    free(bound);
}

void atls_bound_results_clear(struct atls_attester *attester)
{
    while (attester->bound) {
        drop_bound(&attester->bound);
    }
}

void atls_attester_forget(struct atls_attester *attester, unsigned conn)
{
    struct atls_bound_result **at = &attester->bound;

    while (*at) {
        if ((*at)->conn == conn) {
            drop_bound(at);
        } else {
            at = &(*at)->next;
        }
    }
}

static bool is_usable(const struct atls_attester *attester)
{
    const struct atls_passport *passport = &attester->passport;

    if (!passport->result) {
        return false;
    }
    if (atls_now() < passport->fetched_at + GRACE_SECONDS) {
        return true;
    }
    return passport->expires_at != INT64_MIN &&
           passport->expires_at - clock_of(attester) > passport->margin;
}

static int fetch_failed(struct atls_attester *attester, struct atls_passport *passport, int code,
                        const char *reason)
{
    atls_verifier_session_free(passport->session);
    passport->session = NULL;
    passport->failed_at = atls_now();
    passport->failure = code;
    passport->failure_reason = reason;
    snprintf(passport->failure_text, sizeof passport->failure_text, "%s", atls_error_text());
    return atls_attester_fails(attester, code, reason);
}

/* A session's failure with its reason; not yet is none. */
static int session_failed(struct atls_attester *attester, struct atls_passport *passport, int code)
{
    if (code == ATLS_E_AGAIN) {
        return code;
    }
    return fetch_failed(attester, passport, code, atls_verifier_session_reason(passport->session));
}

/* What a verifier answers to evidence that it cannot take is told as its error. */
static int submission_failed(struct atls_attester *attester, struct atls_passport *passport,
                             int code)
{
    return fetch_failed(attester, passport, code, code < 0 ? "internal" : "verifier-error");
}

/* Evidence that names no key, of whatever format the attester is: no result of its appraisal names
 * one either. */
static int submit_without_key(struct atls_attester *attester, struct atls_passport *passport,
                              unsigned conn, struct atls_bytes nonce)
{
    const struct atls_evidence_format *format = atls_evidence_format_without_key();
    uint8_t *token;
    size_t size;
    int result = atls_attester_ask(attester, format, attester->device, &attester->attested, nonce,
                                   &token, &size);

    if (result) {
        return fetch_failed(attester, passport, result,
                            result < 0 ? "internal" : "device-unavailable");
    }
    result = atls_verifier_session_submit_as(passport->session, format->media_types,
                                             ATLS_BYTES(token, size));
    free(token);
    if (!result) {
        atls_attester_tell_fault(attester, conn, "result-without-key",
                                 "the verifier got a bare platform token");
    }
    return result ? submission_failed(attester, passport, result) : 0;
}

static int submit(struct atls_attester *attester, struct atls_passport *passport, unsigned conn,
                  struct atls_bytes nonce)
{
    const char *const *types = attester->format->media_types;
    uint8_t *evidence;
    size_t size;

    if (attester->format->key_in && atls_faults_has(&attester->inner, "result-without-key", NULL)) {
        return submit_without_key(attester, passport, conn, nonce);
    }
    int result = atls_attester_make(attester, conn, nonce, &evidence, &size);
    if (!result && !types) {
        types = atls_verifier_cmw_types(attester->options.serialization);
        result = atls_attester_wrap_evidence(attester, &evidence, &size);
    }
    if (result) {
        return fetch_failed(attester, passport, result, attester->reason);
    }
    result = atls_verifier_session_submit_as(passport->session, types, ATLS_BYTES(evidence, size));
    free(evidence);
    return result ? submission_failed(attester, passport, result) : 0;
}

/* Keeps the result. Only its times are read, unverified: they say when to fetch the next one. */
static int keep(struct atls_attester *attester, struct atls_passport *passport, unsigned conn,
                struct atls_bytes token)
{
    struct atls_ear ear;
    uint8_t *copy = malloc(token.size);
    char what[20];

    if (!copy) {
        atls_fail(-ENOMEM, NULL, "no memory for a result");
        return fetch_failed(attester, passport, -ENOMEM, "internal");
    }
    memcpy(copy, token.data, token.size);
    free(passport->result);
    passport->result = copy;
    passport->result_size = token.size;
    passport->expires_at = INT64_MIN;
    if (atls_ear_read_unverified(token, &ear) == 0) {
        passport->expires_at =
            ear.expires_at ? ear.expires_at : ear.issued_at + attester->options.result_max_age;
        int64_t quarter = (passport->expires_at - clock_of(attester)) / 4;
        passport->margin = quarter < 0 ? 0 : quarter < MARGIN_MAX ? quarter : MARGIN_MAX;
        atls_ear_clear(&ear);
    }
    passport->fetched_at = atls_now();
    passport->told = false;
    snprintf(what, sizeof what, "own-result.%s",
             atls_ear_serialization_name(atls_ear_serialization_of(token)));
    atls_report_artifact(attester->options.artifacts, conn, what, token, passport->file);
    atls_verifier_session_free(passport->session);
    passport->session = NULL;
    return 0;
}

/* Moves a fetch: the one that all wait for, or that of one connection, whose result answers BINDER
 * (otherwise empty). */
static int fetch(struct atls_attester *attester, struct atls_passport *passport, unsigned conn,
                 struct atls_bytes binder)
{
    struct atls_bytes nonce, token;
    int result;

    if (!passport->session) {
        if (passport->failed_at > 0 && atls_now() < passport->failed_at + GRACE_SECONDS) {
            atls_fail(passport->failure, NULL, "%s", passport->failure_text);
            return atls_attester_fails(attester, passport->failure, passport->failure_reason);
        }
        if (!attester->options.verifier_url) {
            atls_fail(-EINVAL, NULL, "passport needs the URL of a verifier");
            return atls_attester_fails(attester, -EINVAL, "internal");
        }
        result = atls_verifier_session_open(attester->client, attester->options.verifier_url,
                                            NONCE_SIZE, binder, &passport->session);
        if (result) {
            return atls_attester_fails(attester, result, "internal");
        }
        passport->submitted = false;
    }
    if (!passport->submitted) {
        result = atls_verifier_session_nonce(passport->session, &nonce);
        if (result) {
            return session_failed(attester, passport, result);
        }
        result = submit(attester, passport, conn, nonce);
        if (result) {
            return result;
        }
        passport->submitted = true;
    }
    result = atls_verifier_session_result(passport->session, &token);
    return result ? session_failed(attester, passport, result)
                  : keep(attester, passport, conn, token);
}

static void tell_result(struct atls_attester *attester, struct atls_passport *passport,
                        unsigned conn)
{
    bool known = passport->expires_at != INT64_MIN;

    atls_report_result(attester->events, conn, passport->told ? "cache" : "verifier",
                       ATLS_BYTES(passport->result, passport->result_size), passport->file,
                       known ? passport->expires_at - clock_of(attester) : INT64_MIN);
    passport->told = true;
}

/* The result as a CMW, with the faults of results carried out. */
static int wrap(struct atls_attester *attester, const struct atls_passport *passport, unsigned conn,
                uint8_t **cmwp, size_t *sizep)
{
    struct atls_bytes token = ATLS_BYTES(passport->result, passport->result_size);
    bool cwt = atls_ear_serialization_of(token) == ATLS_EAR_CWT;
    uint8_t *broken;
    size_t size;
    const char *name;
    int result = atls_faults_mutate_result(&attester->inner, token, &broken, &size, &name);

    if (result) {
        return atls_attester_fails(attester, result, "internal");
    }
    if (name) {
        atls_attester_tell_fault(attester, conn, name, "the result was changed");
        token = ATLS_BYTES(broken, size);
    }
    result = atls_attester_wrap(attester, cwt ? ATLS_MT_EAT_CWT : ATLS_MT_EAT_JWT,
                                cwt ? ATLS_CF_EAT_CWT : ATLS_CF_EAT_JWT, token,
                                ATLS_IND_ATTESTATION_RESULTS, cmwp, sizep);
    free(broken);
    return result;
}

static int present(struct atls_attester *attester, struct atls_passport *passport, unsigned conn,
                   struct atls_credential *credentialp)
{
    uint8_t *cmw = NULL;
    size_t size = 0;

    tell_result(attester, passport, conn);
    int result = wrap(attester, passport, conn, &cmw, &size);
    return result
               ? result
               : atls_attester_present(attester, conn, ATLS_MODEL_PASSPORT, cmw, size, credentialp);
}

int atls_attester_renew(struct atls_attester *attester)
{
    if (is_usable(attester)) {
        return 0;
    }
    int result = fetch(attester, &attester->passport, 0, (struct atls_bytes){NULL, 0});
    if (!result) {
        tell_result(attester, &attester->passport, 0);
    }
    return result;
}

int atls_attester_result(struct atls_attester *attester, unsigned conn,
                         struct atls_credential *credentialp)
{
    if (!is_usable(attester)) {
        int result = fetch(attester, &attester->passport, conn, (struct atls_bytes){NULL, 0});
        if (result) {
            return result;
        }
    }
    return present(attester, &attester->passport, conn, credentialp);
}

int atls_attester_bound_result(struct atls_attester *attester, unsigned conn,
                               struct atls_bytes binder, struct atls_credential *credentialp)
{
    if (binder.size < ATLS_EAT_NONCE_MIN || binder.size > ATLS_EAT_NONCE_MAX) {
        atls_fail(ATLS_E_LIMIT, "RFC 9711 section 4.1", "a nonce has 8 to 64 bytes, %zu came",
                  binder.size);
        return atls_attester_fails(attester, ATLS_E_LIMIT, "nonce-length");
    }
    struct atls_bound_result *bound = bound_result(attester, conn, binder);
    if (!bound) {
        atls_fail(-ENOMEM, NULL, "no memory for a result");
        return atls_attester_fails(attester, -ENOMEM, "internal");
    }
    bool first = !bound->passport.session;
    int result = fetch(attester, &bound->passport, conn, binder);
    if (first && (!result || result == ATLS_E_AGAIN)) {
        atls_event(attester->events, "challenge", "{s:i, s:s, s:o}", "conn", (int)conn, "direction",
                   "computed", "nonce", atls_json_hex(binder));
    }
    if (result == ATLS_E_AGAIN) {
        return result;
    }
    result = result ? result : present(attester, &bound->passport, conn, credentialp);
    struct atls_bound_result **at = &attester->bound;
    while (*at != bound) {
        at = &(*at)->next;
    }
    drop_bound(at);
    return result;
}
