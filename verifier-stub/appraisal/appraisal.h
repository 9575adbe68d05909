/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appraisal: evidence, the session's nonce and the endorsements go in, a verdict comes out. Nothing
 * here knows of HTTP, sessions or clocks, so the benchmark and the fuzzer call it as it is.
 *
 * Trust claims are those that Veraison's schemes make (AR4SI values), of PSA: hardware 2 once the
 * signatures hold; executables 2, or 33 ("not recognized") for any component without a fitting
 * reference value; instance-identity, runtime-opaque and storage-opaque 2 in a secured lifecycle,
 * otherwise 96; and every claim 99 where signature, freshness or form fails or the attestation key
 * is unknown.
 */
#ifndef ATLS_VERIFIER_STUB_APPRAISAL_APPRAISAL_H
#define ATLS_VERIFIER_STUB_APPRAISAL_APPRAISAL_H

#include <stdarg.h>

#include <jansson.h>

#include "rats/ear/ear.h"
#include "rats/tokens/psa.h"
#include "verifier-stub/appraisal/evidence.h"
#include "verifier-stub/appraisal/platform-cache.h"
#include "verifier-stub/store/store.h"

#define ATLS_VERDICT_NONCE_MAX 64
#define ATLS_MISMATCHES_LISTED 64 /* a result names at most so many components */

enum { ATLS_VERIFICATION_FAILED = 99 }; /* AR4SI: a claim of what is not genuine */

struct atls_submod_verdict { /* of one of the format's submods */
    const char *name;        /* PSA_IOT, PSA_KAT ...; static */
    enum atls_tier tier;
    int trust_vector[ATLS_TRUST_CLAIM_COUNT];
    json_t *annotated_evidence; /* summary of genuine evidence where it is wanted, or NULL */
};

struct atls_evidence_verdict { /* free the members with atls_evidence_verdict_clear() */
    struct atls_submod_verdict submods[ATLS_SUBMODS_MAX];
    size_t submod_count, submod; /* and the one that is being appraised */
    enum atls_tier tier;         /* the worst of them */
    const char *reason; /* a word of the peer contract; static; "ok" where affirmed, which is said
                         * at the very end: NULL until then */
    char detail[512];   /* a sentence for people */
    char clause[96];    /* "" where none */
    json_t *mismatches; /* [{"component","expected":[hex],"measured":hex}] or NULL */
    bool has_key;
    struct atls_public_key key;            /* the attested key */
    uint8_t nonce[ATLS_VERDICT_NONCE_MAX]; /* that came, in a PSA token by itself */
    size_t nonce_size;
    bool has_algorithm; /* that token's protected header says how it was signed */
};
/* Nothing is claimed yet of evidence of FORMAT. */
void atls_evidence_verdict_open(const struct atls_evidence_format *format,
                                struct atls_evidence_verdict *verdictp);
void atls_evidence_verdict_clear(struct atls_evidence_verdict *appraisal);

struct atls_appraisal_manners; /* manners.h */
struct atls_manifests;         /* verifier-stub/store/manifests.h */

struct atls_appraiser { /* what it appraises with; everything is borrowed */
    struct atls_store *store;
    const struct atls_crypto *crypto;
    struct atls_platform_cache *cache; /* or NULL */
    bool annotates;                    /* a summary of genuine evidence is wanted */
    int64_t
        now; /* seconds since 1970, for exp and nbf of tokens and the validity of endorsements */
    const struct atls_appraisal_manners *manners; /* NULL: this verifier's own */
    struct atls_manifests *manifests;             /* where an anchor may be one too many, or NULL */
};

/* 0 whatever the verdict; negative only where this machine, or its store, is at fault. */
int atls_appraise(const struct atls_appraiser *appraiser, const struct atls_evidence *evidence,
                  struct atls_bytes nonce, struct atls_evidence_verdict *appraisalp);

/* A verdict that this evidence is bad, without looking at it (replays). */
void atls_evidence_verdict_condemn(struct atls_evidence_verdict *appraisal, const char *reason,
                                   const char *clause, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets reason, detail (made printable) and clause, and nothing else. */
void atls_evidence_verdict_say(struct atls_evidence_verdict *appraisal, const char *reason,
                               const char *clause, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void atls_evidence_verdict_say_va(struct atls_evidence_verdict *appraisal, const char *reason,
                                  const char *clause, const char *format, va_list arguments)
    __attribute__((format(printf, 4, 0)));

/* reference-match.c: sets executables, and the reason where a component does not fit and there is
 * none yet. -ENOMEM. */
int atls_match_components(const struct atls_psa_claims *claims,
                          const struct atls_reference_set *references,
                          struct atls_evidence_verdict *appraisal);
/* reference-pcrs.c: the same for the PCRs of a TPM's quote. */
int atls_match_pcrs(const struct atls_tpm_attest *quote,
                    const struct atls_reference_set *references, const struct atls_crypto *crypto,
                    struct atls_evidence_verdict *appraisal);
/* veraison-token.c: as atls_psa_token_parse() does, by Veraison's rules; the claims borrow from IN
 * and from *KEPTP, which is for free(). */
int atls_veraison_token_parse(struct atls_bytes in, enum atls_cose_tagging tagging,
                              struct atls_psa_component *components, size_t count, uint8_t **keptp,
                              struct atls_cose_sign1 *messagep, struct atls_psa_claims *claimsp);
/* cca-match.c: the same of an Arm CCA platform, whose CONFIG is the claim configuration; and what
 * runs in a realm: REFERENCES are those of its initial measurement. */
int atls_match_cca_platform(const struct atls_psa_claims *claims, struct atls_bytes config,
                            const struct atls_reference_set *references,
                            struct atls_evidence_verdict *appraisal);
int atls_match_realm(const struct atls_judge_realm *realm,
                     const struct atls_reference_set *references,
                     struct atls_evidence_verdict *appraisal);
/* reference-match.c, for these two: a component that does not fit, for people; EXPECTED, digests as
 * hexadecimal texts, is taken over. -ENOMEM. */
int atls_note_mismatch(struct atls_evidence_verdict *appraisal, const char *component,
                       json_t *expected, struct atls_bytes measured);
/* evidence-summary.c: what is annotated in the result, in Veraison's names. NULL: no memory. */
json_t *atls_evidence_summary(const struct atls_psa_claims *claims);
/* Of a TPM's quote, in names of Part 2. */
json_t *atls_quote_summary(const struct atls_tpm_attest *quote);

#endif
