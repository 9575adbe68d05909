/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence from the device, wrapped; results from the verifier, kept while they are good. */
#include "attester.h"

#include <pthread.h>
#include <string.h>

#include "cmw.h"
#include "events.h"
#include "verifier.h"

#define NONCE_SIZE 32
#define MARGIN 5 /* seconds: a result so near its end may not outlast the handshake */

static struct { /* the result that all connections present */
    pthread_mutex_t lock;
    struct blob jwt;
    int64_t expires;
    char file[64];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* What the device makes, over the challenge, or over what the fault says. */
static int ask_device(const struct party *party, unsigned conn, struct bytes challenge,
                      struct blob *evidence, struct why *why)
{
    struct device *device;
    if (party->foreign.size > 0) {
        challenge = BLOB_BYTES(party->foreign);
        event("fault", json_pack("{s:i, s:s, s:s}", "conn", (int)conn, "name", "foreign-nonce",
                                 "detail", "the evidence is over another session's nonce"));
    }
    if (party->psa && challenge.size != 32 && challenge.size != 48 && challenge.size != 64)
        return refuse(why, "nonce-length", "RFC 9783 section 4.1.1",
                      "the nonce of a PSA token has 32, 48 or 64 bytes, %zu came", challenge.size);
    if (device_open(party->device, &device, why))
        return -1;
    int result = party->psa ? device_attest_platform(device, challenge, evidence, why)
                            : device_attest_key(device, party->handle, challenge, evidence, why);
    device_close(device);
    return result;
}

/* Wrapped: a bundle is a wrapper already. */
static int make_evidence(const struct party *party, unsigned conn, struct bytes challenge,
                         struct blob *out, struct why *why)
{
    struct blob evidence = {NULL, 0, 0};
    int result = ask_device(party, conn, challenge, &evidence, why);
    if (result == 0 && party->psa)
        cmw_write(BLOB_BYTES(evidence), CF_EAT_CWT, party->tag ? 0 : CMW_EVIDENCE, party->json,
                  party->tag, out);
    else if (result == 0 && party->json)
        result = cmw_to_json(BLOB_BYTES(evidence), out, why);
    else if (result == 0)
        put(out, BLOB_BYTES(evidence));
    blob_clear(&evidence);
    return result;
}

/* A verifier gets a bare token as what it is, and a bundle in its wrapper. */
static int ask_verifier(const struct party *party, unsigned conn, struct bytes nonce,
                        struct blob *jwt, struct why *why)
{
    static const char *const tokens[] = {MT_PSA_TOKEN, MT_PSA_VERAISON, MT_PSA_RFC9783};
    struct verifier_session *session;
    struct blob evidence = {NULL, 0, 0};
    if (verifier_open(party->verifier, party->verifier_timeout_ms, nonce, NONCE_SIZE, &session,
                      why))
        return -1;
    const char *type = party->psa ? NULL : party->json ? MT_CMW_JSON : MT_CMW_CBOR;
    for (size_t i = 0; !type && i < 3; i++)
        type = verifier_takes(session, tokens[i]) ? tokens[i] : NULL;
    int result = type ? 0 : refuse(why, "verifier-error", NULL, "the verifier takes no PSA token");
    if (result == 0)
        result = party->psa ? ask_device(party, conn, verifier_nonce(session), &evidence, why)
                            : make_evidence(party, conn, verifier_nonce(session), &evidence, why);
    if (result == 0)
        result = verifier_ask(session, type, BLOB_BYTES(evidence), jwt, why);
    blob_clear(&evidence);
    verifier_close(session);
    return result;
}

/* Only its times are read, unverified: they say when to fetch the next one. */
static int64_t end_of(const struct party *party, struct bytes jwt)
{
    struct why ignored = {.reason = NULL};
    struct result result;
    int64_t end = 0;
    if (result_read(jwt, &result, &ignored) == 0) {
        end = result.expires ? result.expires : result.issued + party->result_max_age;
        result_clear(&result);
    }
    return end;
}

/* The kept result, or a new one; where a result must answer the binder, one for it alone. */
static int find_result(const struct party *party, unsigned conn, struct bytes binder,
                       struct blob *jwt, struct why *why)
{
    int64_t now = party_clock(party), left;
    char file[64];
    if (party->profile->result_answers) {
        event_challenge(conn, "computed", binder);
        if (ask_verifier(party, conn, binder, jwt, why))
            return -1;
        left = end_of(party, BLOB_BYTES(*jwt)) - now;
        artifact(party->artifacts, conn, "own-result.jwt", BLOB_BYTES(*jwt), file);
        event_result(conn, "verifier", file, &left);
        return 0;
    }
    pthread_mutex_lock(&kept.lock);
    bool fresh = kept.jwt.size > 0 && kept.expires - now > MARGIN;
    int result = 0;
    if (!fresh) {
        kept.jwt.size = 0;
        result = ask_verifier(party, conn, (struct bytes){NULL, 0}, &kept.jwt, why);
        if (result == 0) {
            kept.expires = end_of(party, BLOB_BYTES(kept.jwt));
            artifact(party->artifacts, conn, "own-result.jwt", BLOB_BYTES(kept.jwt), kept.file);
        }
    }
    if (result == 0) {
        left = kept.expires - now;
        put(jwt, BLOB_BYTES(kept.jwt));
        event_result(conn, fresh ? "cache" : "verifier", kept.file, &left);
    }
    pthread_mutex_unlock(&kept.lock);
    return result;
}

int attest(const struct party *party, unsigned conn, enum model model, struct bytes binder,
           struct blob *cmw, struct why *why)
{
    int result;
    if (model == MODEL_PASSPORT) {
        struct blob jwt = {NULL, 0, 0};
        result = find_result(party, conn, binder, &jwt, why);
        if (result == 0)
            cmw_write(BLOB_BYTES(jwt), CF_EAT_JWT, party->tag ? 0 : CMW_RESULTS, party->json,
                      party->tag, cmw);
        blob_clear(&jwt);
    } else {
        event_challenge(conn, "computed", binder);
        result = make_evidence(party, conn, binder, cmw, why);
    }
    if (result == 0)
        event_credential(party->artifacts, conn, "sent", BLOB_BYTES(*cmw));
    else if (strcmp(why->reason, "nonce-length") != 0)
        why->alert = SSL_AD_INTERNAL_ERROR;
    return result;
}
