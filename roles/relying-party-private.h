/* SPDX-License-Identifier: Apache-2.0 */
/* The relying party's inside: what it trusts (relying-party.c), the course of an appraisal
 * (appraisal.c) and its judgement (verdict.c). */
#ifndef ATLS_ROLES_RELYING_PARTY_PRIVATE_H
#define ATLS_ROLES_RELYING_PARTY_PRIVATE_H

#include "roles/nonces.h"
#include "roles/received.h"
#include "roles/relying-party.h"
#include "roles/report.h"

struct atls_trust { /* a verifier that is trusted */
    const char *id, *source;
    json_t *jwk; /* NULL where the source is a URL: then the client fetches and keeps it */
};

#define ATLS_ASKED_MAX 32
struct atls_asked { /* a challenge of one of this process' connections, for a diagnosis */
    unsigned conn;
    uint8_t challenge[ATLS_EAT_NONCE_MAX];
    size_t size;
};

struct atls_relying_party {
    struct atls_relying_party_options options;
    struct atls_verifier_client *client;
    struct atls_events *events;
    struct atls_trust *trusted;
    size_t trusted_count;
    struct atls_nonces *nonces;              /* NULL: each is asked for when it is needed */
    struct atls_asked asked[ATLS_ASKED_MAX]; /* the newest ones, in a ring */
    unsigned asked_count;                    /* ever */
};

#define ATLS_OWN_KEYS_MAX 2
struct atls_appraisal {
    struct atls_relying_party *rp;
    unsigned conn;
    enum atls_model model;
    struct atls_verifier_session *session; /* background check */
    uint8_t challenge[ATLS_EAT_NONCE_MAX]; /* what the peer was asked to answer */
    size_t challenge_size;
    uint8_t sent[ATLS_EAT_NONCE_MAX]; /* the nonce that was handed out, which stays what it is where
                                         a challenge is then computed of it */
    size_t sent_size;
    uint8_t verifier_nonce[ATLS_EAT_NONCE_MAX]; /* what the verifier answers: the challenge, or the
                                                   linkage where it gets the PAT alone */
    size_t verifier_nonce_size;
    bool challenge_told, pat_alone, checked, submitted, result_told;
    bool computed;                                 /* the challenge is the endpoint's own */
    bool has_leaf;                                 /* a certificate stands beside the credential: */
    struct atls_public_key leaf;                   /* its key */
    struct atls_public_key own[ATLS_OWN_KEYS_MAX]; /* that a peer cannot have */
    size_t own_count;
    const struct atls_trust *expected; /* passport */
    uint8_t *credential;               /* as it came, NULL until then */
    size_t credential_size;
    struct atls_received received;
    bool of_result; /* what did not match is what a result answers: */
    uint8_t answered[ATLS_EAT_NONCE_MAX];
    size_t answered_size; /* 0: nothing */
    bool key_renewed;     /* the verifier's key was fetched again, once */
    bool concluded;
    struct atls_verdict verdict;
    char reason[40], detail[640], clause[96];
    json_t *mismatches;
};

/* The key of a trusted verifier: from its file, or by discovery. 0, ATLS_E_AGAIN, or its failure,
 * of which *REASONP tells. */
int atls_relying_party_key(struct atls_relying_party *rp, const struct atls_trust *trust,
                           const json_t **jwkp, const char **reasonp);
/* Ends the appraisal with a refusal that the newest atls_fail() describes, and tells it. */
void atls_appraisal_refuse(struct atls_appraisal *appraisal, enum atls_tier tier,
                           const char *reason, bool verifier_at_fault);
/* Refuses a result that CAME as the answer to the computed challenge, WHAT it is. */
void atls_appraisal_refuse_binder(struct atls_appraisal *appraisal, const char *what,
                                  struct atls_bytes came, bool verifier_at_fault);
/* Judges a result with the verifier's key: signature, times, nonce, key, tier; then it is
 * concluded, but where a discovered key does not verify it: that is fetched again, once. PARSED is
 * its parts, or NULL. */
void atls_appraisal_judge(struct atls_appraisal *appraisal, struct atls_bytes token,
                          const struct atls_ear_token *parsed, const json_t *jwk);

/* diagnosis.c: remembers the challenge for those of other connections. */
void atls_appraisal_remember(struct atls_appraisal *appraisal);
/* What this relying party asks of evidence. */
struct atls_evidence_question atls_appraisal_question(const struct atls_appraisal *appraisal);

#endif
