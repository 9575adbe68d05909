/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party: makes or fetches the challenge, then turns a CMW into a verdict and the
 * attested key. Background check asks the verifier; passport checks the result locally. What only
 * it can know (nonce, linkage, KAT, the key) it checks itself, whatever a verifier says. It fails
 * closed: without a verdict nothing is accepted. It knows nothing of TLS.
 */
#ifndef ATLS_TLS_RELYING_PARTY_H
#define ATLS_TLS_RELYING_PARTY_H

#include "rats/ear.h"
#include "tls/attester.h"

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
    int64_t result_max_age, clock_offset; /* seconds */
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

struct atls_appraisal; /* one peer in one connection */
/* CONN is for events. Background check opens a session with the verifier at once. -errno. */
int atls_appraisal_begin(struct atls_relying_party *rp, unsigned conn, enum atls_model model,
                         struct atls_appraisal **appraisalp);
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

#endif
