/* SPDX-License-Identifier: Apache-2.0 */
/* The attester's inside, shared by its two halves: evidence (attester.c) and results (passport.c).
 */
#ifndef ATLS_ROLES_ATTESTER_PRIVATE_H
#define ATLS_ROLES_ATTESTER_PRIVATE_H

#include "rats/tokens/kat.h"
#include "roles/attester.h"
#include "roles/report.h"

struct atls_attester_identity { /* an identity key of a device */
    uint32_t handle;
    struct atls_public_key key;
};

struct atls_passport {                     /* the newest result and the way to the next one */
    struct atls_verifier_session *session; /* a fetch under way, or NULL */
    bool submitted;
    char *jwt; /* the result that is kept, or NULL */
    char file[ATLS_ARTIFACT_NAME];
    int64_t expires_at;           /* seconds since 1970, INT64_MIN where it does not say */
    int64_t margin;               /* seconds before that in which it is not presented */
    double fetched_at, failed_at; /* monotonic seconds, 0 for never */
    bool told;                    /* the event said that it came from the verifier */
    int failure;                  /* of the newest fetch */
    const char *failure_reason;
    char failure_text[512];
};

struct atls_bound_result { /* a result that is fetched for one connection and its binder */
    struct atls_bound_result *next;
    unsigned conn;
    uint8_t binder[ATLS_EAT_NONCE_MAX];
    size_t binder_size;
    struct atls_passport passport;
};

struct atls_attester {
    struct atls_attester_options options;
    struct atls_faults inner, wrapper; /* what is broken inside a CMW, and the CMW itself */
    struct atls_verifier_client *client;
    struct atls_events *events;
    struct atls_device *device, *second;
    struct atls_attester_identity identity, other, second_identity;
    struct atls_attester_identity attested; /* what a KAT is about: the identity, but for a fault */
    uint8_t *stale;                         /* evidence made at the start, for the fault */
    size_t stale_size;
    struct atls_passport passport;
    struct atls_bound_result *bound; /* those under way */
    const char *reason;
};

void atls_attester_tell_fault(struct atls_attester *attester, unsigned conn, const char *name,
                              const char *detail);
/* Sets the reason and returns CODE. */
int atls_attester_fails(struct atls_attester *attester, int code, const char *reason);
/* A device's failure, with its reason. */
int atls_attester_device_fails(struct atls_attester *attester, int code);
/* Evidence with the inner faults carried out: a CAB in CBOR whose wrapper is sound. */
int atls_attester_make_cab(struct atls_attester *attester, unsigned conn,
                           struct atls_bytes challenge, uint8_t **cabp, size_t *sizep);
/* A sound CAB in the serialization that was asked for. Takes CAB over. */
int atls_attester_serialize_cab(struct atls_attester *attester, uint8_t *cab, size_t size,
                                uint8_t **outp, size_t *outsizep);
/* ATLS_E_UNSUPPORTED for a fault that a bare PSA token, or the CMW around it, cannot have. */
int atls_attester_check_token_faults(const struct atls_attester *attester);
/* A bare PSA token over CHALLENGE (32, 48 or 64 bytes, else ATLS_E_LIMIT with reason nonce-length)
 * with the inner faults carried out. */
int atls_attester_make_token(struct atls_attester *attester, unsigned conn,
                             struct atls_bytes challenge, uint8_t **tokenp, size_t *sizep);
/* attester-prototype.c: the device's bundle as a CAB in CBOR, and the bundle again. As
 * atls_device_attest_key(), and what parsing says. */
int atls_attester_prototype_evidence(struct atls_device *device, uint32_t handle,
                                     struct atls_bytes challenge, uint8_t **cabp, size_t *sizep);
int atls_attester_prototype_bundle(struct atls_bytes cab, uint8_t **bundlep, size_t *sizep);
/* ATLS_E_UNSUPPORTED for a fault of the CMW, which a bundle is not. */
int atls_attester_check_prototype_faults(const struct atls_attester *attester);
/* The others on a bundle: as atls_faults_mutate_cab(). */
int atls_attester_break_bundle(const struct atls_faults *wrapper, struct atls_bytes bundle,
                               uint8_t **outp, size_t *sizep, const char **namep);
/* One message as a record or tag, in the serialization that was asked for. */
int atls_attester_wrap(struct atls_attester *attester, uint16_t content_format,
                       struct atls_bytes value, unsigned indicator, uint8_t **cmwp, size_t *sizep);
/* The device's evidence over CHALLENGE, or what faults of the nonce make of it. */
int atls_attester_ask_device(struct atls_attester *attester, unsigned conn,
                             struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep);
/* The credential to present: CMW (taken over, also on failure) with its wrapper broken where a
 * fault says so, reported. */
int atls_attester_present(struct atls_attester *attester, unsigned conn, enum atls_model model,
                          uint8_t *cmw, size_t size, struct atls_credential *credentialp);
void atls_passport_clear(struct atls_passport *passport);
void atls_bound_results_clear(struct atls_attester *attester);

#endif
