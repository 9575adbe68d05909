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
#include "rats/ear.h"
#include "rats/error.h"
#include "rats/media-types.h"
#include "tls/attester-private.h"

#define NONCE_SIZE 32
#define GRACE_SECONDS 1.0 /* whoever waited for a fetch gets its outcome, good or bad */
#define MARGIN_MAX 5      /* a result so near its end may not outlast the handshake */

void atls_passport_clear(struct atls_passport *passport)
{
    atls_verifier_session_free(passport->session);
    free(passport->jwt);
    *passport = (struct atls_passport){.session = NULL};
}

static int64_t clock_of(const struct atls_attester *attester)
{
    return (int64_t)time(NULL) + attester->options.clock_offset;
}

static bool is_usable(const struct atls_attester *attester)
{
    const struct atls_passport *passport = &attester->passport;
    int64_t left = passport->expires_at - clock_of(attester);

    if (!passport->jwt) {
        return false;
    }
    if (atls_now() < passport->fetched_at + GRACE_SECONDS) {
        return true;
    }
    return passport->expires_at != INT64_MIN && left > passport->margin;
}

static int fetch_failed(struct atls_attester *attester, int code, const char *reason)
{
    struct atls_passport *passport = &attester->passport;

    atls_verifier_session_free(passport->session);
    passport->session = NULL;
    passport->failed_at = atls_now();
    passport->failure = code;
    passport->failure_reason = reason;
    snprintf(passport->failure_text, sizeof passport->failure_text, "%s", atls_error_text());
    return atls_attester_fails(attester, code, reason);
}

/* A session's failure with its reason; not yet is none. */
static int session_failed(struct atls_attester *attester, int code)
{
    if (code == ATLS_E_AGAIN) {
        return code;
    }
    return fetch_failed(attester, code, atls_verifier_session_reason(attester->passport.session));
}

/* A bare PSA token names no key, so the result of its appraisal cannot either. */
static int submit_token(struct atls_attester *attester, unsigned conn, struct atls_bytes nonce)
{
    static const char *const types[] = {ATLS_MT_PSA_TOKEN, ATLS_MT_PSA_VERAISON,
                                        ATLS_MT_PSA_RFC9783};
    uint8_t *token;
    size_t size;
    int rc = atls_device_attest_platform(attester->device, nonce, &token, &size);

    if (rc) {
        return fetch_failed(attester, rc, rc < 0 ? "internal" : "device-unavailable");
    }
    rc = ATLS_E_UNSUPPORTED;
    for (size_t i = 0; rc == ATLS_E_UNSUPPORTED && i < sizeof types / sizeof *types; i++) {
        rc = atls_verifier_session_submit(attester->passport.session, types[i],
                                          ATLS_BYTES(token, size));
    }
    free(token);
    if (!rc) {
        atls_attester_tell_fault(attester, conn, "result-without-key",
                                 "the verifier got a bare platform token");
    }
    return rc ? fetch_failed(attester, rc, rc < 0 ? "internal" : "verifier-error") : 0;
}

static int submit(struct atls_attester *attester, unsigned conn, struct atls_bytes nonce)
{
    bool json = attester->options.serialization == ATLS_JSON;
    uint8_t *cab, *cmw;
    size_t size;

    if (atls_faults_has(&attester->inner, "result-without-key", NULL)) {
        return submit_token(attester, conn, nonce);
    }
    int rc = atls_attester_make_cab(attester, conn, nonce, &cab, &size);
    rc = rc ? rc : atls_attester_serialize_cab(attester, cab, size, &cmw, &size);
    if (rc) {
        return fetch_failed(attester, rc, attester->reason);
    }
    rc = atls_verifier_session_submit(attester->passport.session,
                                      json ? ATLS_MT_CMW_JSON : ATLS_MT_CMW_CBOR,
                                      ATLS_BYTES(cmw, size));
    free(cmw);
    return rc ? fetch_failed(attester, rc, rc < 0 ? "internal" : "verifier-error") : 0;
}

/* Keeps the result. Only its times are read, unverified: they say when to fetch the next one. */
static int keep(struct atls_attester *attester, unsigned conn, struct atls_bytes jwt)
{
    struct atls_passport *passport = &attester->passport;
    struct atls_ear ear;
    char *copy = strndup((const char *)jwt.data, jwt.size);

    if (!copy) {
        atls_fail(-ENOMEM, NULL, "no memory for a result");
        return fetch_failed(attester, -ENOMEM, "internal");
    }
    free(passport->jwt);
    passport->jwt = copy;
    passport->expires_at = INT64_MIN;
    passport->margin = MARGIN_MAX;
    if (atls_ear_read_unverified(jwt, &ear) == 0) {
        passport->expires_at =
            ear.expires_at ? ear.expires_at : ear.issued_at + attester->options.result_max_age;
        int64_t quarter = (passport->expires_at - clock_of(attester)) / 4;
        passport->margin = quarter < 0 ? 0 : quarter < MARGIN_MAX ? quarter : MARGIN_MAX;
        atls_ear_clear(&ear);
    }
    passport->fetched_at = atls_now();
    passport->failed_at = 0;
    passport->told = false;
    atls_report_artifact(attester->options.artifacts, conn, "own-result.jwt", jwt, passport->file);
    atls_verifier_session_free(passport->session);
    passport->session = NULL;
    return 0;
}

/* Moves the one fetch that all wait for. */
static int fetch(struct atls_attester *attester, unsigned conn)
{
    struct atls_passport *passport = &attester->passport;
    struct atls_bytes nonce, jwt;
    int rc;

    if (!passport->session) {
        if (passport->failed_at > 0 && atls_now() < passport->failed_at + GRACE_SECONDS) {
            atls_fail(passport->failure, NULL, "%s", passport->failure_text);
            return atls_attester_fails(attester, passport->failure, passport->failure_reason);
        }
        if (!attester->options.verifier_url) {
            atls_fail(-EINVAL, NULL, "passport needs the URL of a verifier");
            return atls_attester_fails(attester, -EINVAL, "internal");
        }
        rc =
            atls_verifier_session_open(attester->client, attester->options.verifier_url, NONCE_SIZE,
                                       (struct atls_bytes){NULL, 0}, &passport->session);
        if (rc) {
            return atls_attester_fails(attester, rc, "internal");
        }
        passport->submitted = false;
    }
    if (!passport->submitted) {
        rc = atls_verifier_session_nonce(passport->session, &nonce);
        if (rc) {
            return session_failed(attester, rc);
        }
        rc = submit(attester, conn, nonce);
        if (rc) {
            return rc;
        }
        passport->submitted = true;
    }
    rc = atls_verifier_session_result(passport->session, &jwt);
    return rc ? session_failed(attester, rc) : keep(attester, conn, jwt);
}

static void tell_result(struct atls_attester *attester, unsigned conn)
{
    struct atls_passport *passport = &attester->passport;
    bool known = passport->expires_at != INT64_MIN;

    atls_report_result(attester->events, conn, passport->told ? "cache" : "verifier",
                       passport->file,
                       known ? passport->expires_at - clock_of(attester) : INT64_MIN);
    passport->told = true;
}

/* The result as a CMW, with the faults of results carried out. */
static int wrap(struct atls_attester *attester, unsigned conn, uint8_t **cmwp, size_t *sizep)
{
    struct atls_bytes jwt = atls_bytes_of_text(attester->passport.jwt);
    uint8_t *broken;
    size_t size;
    const char *name;
    int rc = atls_faults_mutate_result(&attester->inner, jwt, &broken, &size, &name);

    if (rc) {
        return atls_attester_fails(attester, rc, "internal");
    }
    if (name) {
        atls_attester_tell_fault(attester, conn, name, "the result was changed");
        jwt = ATLS_BYTES(broken, size);
    }
    struct atls_cmw record = {.form = ATLS_CMW_RECORD,
                              .serialization = attester->options.serialization,
                              .type = {.media_type = atls_bytes_of_text(ATLS_MT_EAT_JWT)},
                              .value = jwt,
                              .indicator = ATLS_IND_ATTESTATION_RESULTS};
    rc = atls_cmw_serialize(&record, attester->options.serialization, cmwp, sizep);
    free(broken);
    return rc ? atls_attester_fails(attester, rc, "internal") : 0;
}

int atls_attester_renew(struct atls_attester *attester)
{
    if (is_usable(attester)) {
        return 0;
    }
    int rc = fetch(attester, 0);
    if (!rc) {
        tell_result(attester, 0);
    }
    return rc;
}

int atls_attester_result(struct atls_attester *attester, unsigned conn,
                         struct atls_credential *credentialp)
{
    uint8_t *cmw;
    size_t size;

    if (!is_usable(attester)) {
        int rc = fetch(attester, conn);
        if (rc) {
            return rc;
        }
    }
    tell_result(attester, conn);
    int rc = wrap(attester, conn, &cmw, &size);
    return rc ? rc
              : atls_attester_present(attester, conn, ATLS_MODEL_PASSPORT, cmw, size, credentialp);
}
