/* SPDX-License-Identifier: Apache-2.0 */
/* The attester's inside, shared by its two halves: evidence (attester.c) and results (passport.c).
 */
#ifndef ATLS_ROLES_ATTESTER_PRIVATE_H
#define ATLS_ROLES_ATTESTER_PRIVATE_H

#include "roles/attester.h"
#include "roles/report.h"

struct atls_attester_identity { /* an identity key of a device */
    uint32_t handle;
    struct atls_public_key key;
};

struct atls_passport {                     /* the newest result and the way to the next one */
    struct atls_verifier_session *session; /* a fetch under way, or NULL */
    bool submitted;
    uint8_t *result; /* that is kept, a signed EAR, or NULL */
    size_t result_size;
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
    const struct atls_evidence_format *format;
    const struct atls_evidence_faults *breaks;
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
/* Evidence of FORMAT over CHALLENGE by a device for an identity key of its own. */
int atls_attester_ask(const struct atls_attester *attester,
                      const struct atls_evidence_format *format, struct atls_device *device,
                      const struct atls_attester_identity *identity, struct atls_bytes challenge,
                      uint8_t **evidencep, size_t *sizep);
/* Evidence over CHALLENGE with the inner faults carried out; its wrapper is sound. The reason is
 * set on failure: nonce-length where the format cannot answer it. */
int atls_attester_make(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                       uint8_t **evidencep, size_t *sizep);
/* Makes of that evidence what goes into a credential, in the serialization and form that were asked
 * for. On failure it is gone. */
int atls_attester_wrap_evidence(struct atls_attester *attester, uint8_t **evidencep, size_t *sizep);
/* One message as a record or tag, in the serialization that was asked for; CONTENT_FORMAT is that
 * of the type, for a tag. */
int atls_attester_wrap(struct atls_attester *attester, const char *media_type, int content_format,
                       struct atls_bytes value, unsigned indicator, uint8_t **cmwp, size_t *sizep);

/* faults-evidence.c: what can be broken in evidence, by its format. */
struct atls_evidence_faults {
    const struct atls_evidence_format *format; /* NULL: any other */
    /* ATLS_E_UNSUPPORTED for a fault that this evidence cannot have. */
    int (*check)(const struct atls_attester *attester);
    /* Breaks EVIDENCE, tells of it, and sets the reason where it cannot; NULL: there is nothing. */
    int (*carry_out)(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                     uint8_t **evidencep, size_t *sizep);
    /* The faults of a collection in CBOR: as atls_faults_mutate_cab(); NULL: those of any bytes. */
    int (*break_collection)(const struct atls_faults *wrapper, struct atls_bytes cmw,
                            uint8_t **outp, size_t *sizep, const char **namep);
};
/* faults-tpm.c: those of evidence of a TPM. */
int atls_attester_check_tpm(const struct atls_attester *attester);
int atls_attester_break_tpm(struct atls_attester *attester, unsigned conn,
                            struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep);
const struct atls_evidence_faults *
atls_evidence_faults_of(const struct atls_evidence_format *format);
/* faults-cca.c: the two functions of a row, for the formats cca and parsec-cca. */
int atls_faults_check_cca(const struct atls_attester *attester);
int atls_faults_break_cca(struct atls_attester *attester, unsigned conn,
                          struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep);
/* The wrapper of a credential: evidence, or a result. */
int atls_attester_break_wrapper(const struct atls_attester *attester, enum atls_model model,
                                struct atls_bytes cmw, uint8_t **outp, size_t *sizep,
                                const char **namep);
/* faults-quote.c: as the functions of a row. */
int atls_faults_check_quote(const struct atls_attester *attester);
int atls_faults_break_quote(struct atls_attester *attester, unsigned conn,
                            struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep);
/* ATLS_E_UNSUPPORTED for a fault that neither the evidence nor what is around it can have. */
int atls_attester_check_faults(const struct atls_attester *attester);
/* The credential to present: CMW (taken over, also on failure) with its wrapper broken where a
 * fault says so, reported. */
int atls_attester_present(struct atls_attester *attester, unsigned conn, enum atls_model model,
                          uint8_t *cmw, size_t size, struct atls_credential *credentialp);
void atls_passport_clear(struct atls_passport *passport);
void atls_bound_results_clear(struct atls_attester *attester);

#endif
