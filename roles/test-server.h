/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted verifier on loopback for the tests: it speaks HTTP with libmicrohttpd in threads of
 * its own, answers as a verifier does, and each endpoint can be told to answer otherwise. It judges
 * nothing: the test says what the result shall hold.
 */
#ifndef ATLS_ROLES_TEST_SERVER_H
#define ATLS_ROLES_TEST_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rats/ear/ear.h"
#include "roles/verifier-client.h"

enum test_endpoint {
    TEST_NEW_SESSION,
    TEST_POST,
    TEST_GET,
    TEST_DELETE,
    TEST_DISCOVERY,
    TEST_ENDPOINTS
};

struct test_answer { /* what it says instead; STATUS 0: the right thing */
    unsigned status;
    const char *type, *location, *body; /* NULL: none */
    unsigned delay_ms;                  /* before any answer, right or not */
    bool close;                         /* no answer at all */
};

struct test_result { /* the EAR it issues */
    enum atls_tier tier;
    const struct atls_public_key *key; /* akpub, NULL: none */
    bool foreign_nonce, no_nonce, wrong_signer;
    int64_t age, lifetime;     /* seconds; lifetime 0: no exp */
    const char *issuer;        /* NULL: none */
    const char *policy_claims; /* JSON, NULL: none */
    const char *claims; /* JSON object whose members are put into the EAR's, at every depth */
    bool unsecured;     /* alg none, without a signature */
};

struct test_server;
struct test_server *test_server_start(void);
void test_server_stop(struct test_server *server);
const char *test_server_url(const struct test_server *server);
/* What follows may be changed between requests. */
struct test_answer *test_server_answer(struct test_server *server, enum test_endpoint endpoint);
struct test_result *test_server_result(struct test_server *server);
void test_server_accept(struct test_server *server, const char *json_array);
void test_server_location(struct test_server *server, const char *prefix); /* before the number */
unsigned test_server_count(struct test_server *server, enum test_endpoint endpoint);
unsigned test_server_connections(struct test_server *server);
/* Of the newest evidence: its media type, its size, the session's nonce. */
const char *test_server_evidence_type(struct test_server *server);
struct atls_bytes test_server_evidence(struct test_server *server);
/* The public key under which it publishes results, and another one: new references. */
json_t *test_server_key(const struct test_server *server, bool wrong);
/* From now on discovery gives the other one. */
void test_server_publish(struct test_server *server, bool wrong);

/* A port on which anybody who connects is told BYTES and sent away; returns its URL (static). */
const char *test_raw_server(const char *bytes);
void test_raw_stop(void); /* all of them */
/* What the newest request to any of them began with (static), once it was answered: as a text, and
 * as bytes. */
const char *test_raw_request(void);
struct atls_bytes test_raw_bytes(void);
/* A URL on which nobody listens (static). */
const char *test_nobody(void);

#endif
