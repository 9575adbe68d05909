/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins for attester and relying party, for tests of the binding to TLS: they keep the
 * interfaces of attester.h and relying-party.h, with a real device in this process and no verifier.
 * Each call can be made to wait or to fail.
 */
#ifndef ATLS_TLS_ENGINE_TEST_ROLES_H
#define ATLS_TLS_ENGINE_TEST_ROLES_H

#include "roles/relying-party.h"

struct test_roles {
    /* ATLS_E_AGAIN so many times before the answer */
    unsigned challenge_after, result_after, verdict_after;
    /* the answer is a failure with this reason */
    const char *challenge_fails, *result_fails, *evidence_fails, *sign_fails, *verdict_fails;
    bool verifier_at_fault;        /* that failure of the verdict */
    unsigned evidence_made;        /* counted */
    unsigned judged;               /* credentials, counted */
    struct atls_public_key own[2]; /* that were named as this side's, the first two */
    unsigned own_count;
    unsigned bound_results; /* that answer a binder, counted */
    unsigned forgotten;     /* connections of attesters, counted */
    size_t padding;         /* bytes more in a result */
    const char *result;     /* text of a result, which nobody here judges */
    bool other_key;         /* CertificateVerify is by another key of the device */
    bool attested_other;    /* evidence is about another key of the device */
    bool wrong_answer;      /* evidence answers something else */
    /* what it answers instead; *SIZEP bytes, which were the challenge */
    void (*answer)(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep);
    unsigned waited; /* ATLS_E_AGAIN given so far */
};
extern struct test_roles test_roles;

/* realloc() for what lies between two ends: it does not fail. */
void *test_grow(void *block, size_t size);

struct atls_attester *test_attester_new(enum atls_curve curve);
/* The key that it attests. */
const struct atls_public_key *test_attester_key(const struct atls_attester *attester);
uint32_t test_attester_handle(const struct atls_attester *attester);
void test_attester_free(struct atls_attester *attester);
struct atls_relying_party *test_relying_party_new(void);
void test_relying_party_free(struct atls_relying_party *relying_party);

#endif
