/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of appraisal share: an attester and a relying party in this process with a
 * scripted verifier between them, the way to a verdict, and the flaws of a bundle that parsing
 * alone finds.
 */
#ifndef ATLS_ROLES_TEST_APPRAISAL_H
#define ATLS_ROLES_TEST_APPRAISAL_H

#include "roles/test-server.h"

#include "roles/relying-party.h"
#include "roles/test-party.h"

#define VERIFIER_ID "verifier.example"

struct test_appraisal {
    struct test_server *server;
    struct test_party attester_party, party;
    struct atls_verifier_client *client;
    struct atls_faults faults;
    struct atls_attester_options attester_options;
    struct atls_attester *attester;
    struct atls_credential credential;
    struct atls_public_key ik; /* the attested key, once test_renew() has learnt it */
    struct atls_trusted_verifier trusted[2];
    struct atls_relying_party_options options;
    struct atls_relying_party *rp;
    struct atls_appraisal *appraisal;
    struct atls_verdict verdict;
    char key_file[128];
};

/* No roles yet, but their options: VERIFIER_ID and "other.example" are trusted, each with the key
 * that the verifier publishes. */
int test_set_up(void **state);
/* The same, with the key of VERIFIER_ID in a file. */
int test_set_up_key(void **state);
/* A point of P-256 that is nobody's key here. */
struct atls_public_key test_other_key(void);
int test_tear_down(void **state);
/* That file again, with the verifier's key or with another one. */
void test_write_key(struct test_appraisal *f, bool wrong);
/* Frees both roles and the appraisal under way. */
void test_release(struct test_appraisal *f);
/* New roles with the options as they are, and the attested key learnt. */
void test_renew(struct test_appraisal *f);
void test_poll_once(struct test_appraisal *f);
void test_await_verdict(struct test_appraisal *f);
/* A whole background check; what fails on the way ends in the verdict. */
void test_background_check_once(struct test_appraisal *f);
/* The verdict is this one, and the verifier is at fault or is not. */
void test_verdict_is(const struct test_appraisal *f, const char *what, const char *reason,
                     bool at_fault);
/* And it says what was found, and by which clause. */
void test_verdict_explains(const struct test_appraisal *f, const char *what, const char *reason,
                           bool at_fault);

/* The JWT of a result with its signature in DER, whose last bits are others by FLIP. Allocated. */
char *test_jwt_in_der(struct atls_bytes jwt, uint8_t flip);

/* A test between test_set_up() and test_tear_down(). */
#define WITH_PARTIES(test) cmocka_unit_test_setup_teardown(test, test_set_up, test_tear_down)

/* A fault, and the reason for which a bundle with it is refused. */
struct test_flaw {
    const char *fault, *reason;
};
/* Those that every receiver of a CAB finds, whatever it checks after parsing. */
#define TEST_CAB_FLAWS 16
extern const struct test_flaw test_cab_flaws[TEST_CAB_FLAWS];

#endif
