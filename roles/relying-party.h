/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party: makes or fetches the challenge, then turns a CMW into a verdict and the
 * attested key. Background check asks the verifier; passport checks the result locally. What only
 * it can know (nonce, linkage, KAT, the key) it checks itself, whatever a verifier says. It fails
 * closed: without a verdict nothing is accepted. It knows nothing of TLS.
 */
#ifndef ATLS_ROLES_RELYING_PARTY_H
#define ATLS_ROLES_RELYING_PARTY_H

#include "rats/ear/ear.h"
#include "roles/attester.h"

struct atls_trusted_verifier {
    const char *id;     /* as in results_request / results_proposal */
    const char *source; /* a JWK file, or the URL of the verifier */
};

struct atls_relying_party_options {
    const char *verifier_url;                    /* background check; NULL where none */
    const struct atls_trusted_verifier *trusted; /* passport, in order of preference */
    size_t trusted_count;
    enum atls_tier accept_tier; /* affirming or warning */
    size_t nonce_size;
    unsigned nonces_ahead; /* so many of the verifier's are asked for ahead of need; 0: none */
    int64_t result_max_age, clock_offset;        /* seconds */
    const struct atls_evidence_format *evidence; /* the only one, which is no CMW; NULL: any CMW */
    const struct atls_evidence_format *evidence_in_cmw; /* or this one, in a CMW; or NULL */
    const struct atls_constant_nonce *constant_nonce;   /* what answers it is refused; or NULL */
    bool send_constant_nonce;                           /* and it is what the peer is sent */
    bool result_cwt;                                    /* passport: a result may also be a CWT */
    bool result_answers; /* H11: a result must answer the binder, result-nonce=required */
    bool result_bound;   /* H10: one that names no key will do where it answers the binder */
    bool result_unbound; /* one that neither answers the session nor names a key will do */
    bool named_only;     /* evidence that names no key will not do, whatever it answers */
    const char *const *audience; /* who this relying party is, to results with aud */
    size_t audience_count;
    bool challenge_hashed; /* realm-challenge=sha-512: struct atls_evidence_question */
    bool pat_alone; /* the verifier gets the platform's token alone; the rest is checked here */
    bool quote_of_nonce; /* tpm-quote=nonce: a TPM's quote answers the challenge itself */
    const char
        *binder_clause; /* where the profile's draft says what evidence must answer, or NULL */
    const char *artifacts;
};

struct atls_verdict { /* strings borrowed from the appraisal */
    enum atls_tier tier;
    bool accepted;
    const char *reason;       /* a word of harness/peers/README.md; "ok" where accepted */
    const char *detail;       /* a sentence: what was expected, what came */
    const char *clause;       /* or "" */
    const json_t *mismatches; /* array or NULL */
    bool verifier_at_fault;   /* there is no judgement because the verifier gave none */
};

struct atls_relying_party;
/* Loads the keys of trusted verifiers that are files. -errno or a parse error. */
int atls_relying_party_new(const struct atls_relying_party_options *options,
                           struct atls_verifier_client *client, struct atls_events *events,
                           struct atls_relying_party **rpp);
void atls_relying_party_free(struct atls_relying_party *rp);
/* Keeps the nonces that are wanted ahead; see atls_nonces_refill(). */
void atls_relying_party_refill(struct atls_relying_party *rp);

struct atls_appraisal; /* one peer in one connection */
/* CONN is for events. Background check opens a session with the verifier at once. -errno. */
int atls_appraisal_begin(struct atls_relying_party *rp, unsigned conn, enum atls_model model,
                         struct atls_appraisal **appraisalp);
/* For profiles in which evidence answers a value that the endpoint computes (a binder, the hash of
 * a key) and no nonce that a verifier made. CHALLENGE may be empty where it is not known yet: then
 * atls_appraisal_set_challenge() must follow, or the verdict is a refusal. As above; ATLS_E_LIMIT
 * as there. */
int atls_appraisal_begin_with_challenge(struct atls_relying_party *rp, unsigned conn,
                                        enum atls_model model, struct atls_bytes challenge,
                                        struct atls_appraisal **appraisalp);
/* What the evidence must answer, 8 to 64 bytes (else ATLS_E_LIMIT, and the verdict is
 * nonce-length). A background check opens the verifier's session over it at once and waits for it
 * in atls_appraisal_verdict(). It may follow atls_appraisal_begin() too, where the verifier's nonce
 * was an input of a binder (ta-07 CERT_ATTESTATION): that session is given up for this one. In the
 * passport model it is looked at where results must answer it. -EINVAL: it was set already, or the
 * appraisal is concluded. Writes the event challenge (computed). Bytes are copied. */
int atls_appraisal_set_challenge(struct atls_appraisal *appraisal, struct atls_bytes challenge);
/* The key of the certificate beside which the credential stands; call it before
 * atls_appraisal_credential(). The KAT's cnf, or the key in the result, must be this one
 * (key-mismatch), and evidence may be a bare PSA token, which is bound to the key by nothing but a
 * challenge that was made of it (H10; without a computed challenge it is refused). A result without
 * a key is refused as ever. -EINVAL: too late. */
int atls_appraisal_expect_key(struct atls_appraisal *appraisal, const struct atls_public_key *leaf);
/* A key of this side's own: a credential that attests it, or stands beside a certificate for it, is
 * one that came back (own-key). Two at most, before atls_appraisal_credential(). -EINVAL: too many,
 * or too late. */
int atls_appraisal_own_key(struct atls_appraisal *appraisal, const struct atls_public_key *own);
void atls_appraisal_free(struct atls_appraisal *appraisal);
/* Background check: the nonce for the peer (borrowed). ATLS_E_AGAIN, or the verifier's failure,
 * which is then also the verdict. The first success writes the event challenge (sent). */
int atls_appraisal_challenge(struct atls_appraisal *appraisal, struct atls_bytes *noncep);
/* Passport: the verifier whose result was agreed on (one of the trusted). */
int atls_appraisal_expect_verifier(struct atls_appraisal *appraisal, struct atls_bytes verifier_id);
/* Takes the peer's credential (copied), once: parses it strictly and finds the key that it claims
 * to attest. NOTHING is believed yet. On failure atls_appraisal_verdict() tells the reason. Writes
 * the event credential (received). */
int atls_appraisal_credential(struct atls_appraisal *appraisal, struct atls_bytes cmw,
                              struct atls_public_key *keyp);
/* The verdict, once there is one: 0 (look into *VERDICTP whether it is accepted) or ATLS_E_AGAIN.
 * The first call makes the local checks and asks the verifier. Without a credential the verdict is
 * attestation-missing, or the verifier's failure where there was one. Writes the events result
 * (background check) and verdict, once each. */
int atls_appraisal_verdict(struct atls_appraisal *appraisal, struct atls_verdict *verdictp);

/* Once there is a refusal: what of the credential did not match, and by which known reading it
 * does: the challenge of another connection of this relying party, another hash, another form of a
 * signature. Of a challenge the connection knows more: COMPUTED, or NULL, is asked first. It
 * changes nothing of the verdict. */
void atls_appraisal_diagnose(struct atls_appraisal *appraisal,
                             void (*computed)(void *context, struct atls_diagnosis *diagnosis),
                             void *context, struct atls_diagnosis *diagnosisp);
/* Would the credential have answered CHALLENGE? */
bool atls_appraisal_answers(struct atls_appraisal *appraisal, struct atls_bytes challenge);

#endif
