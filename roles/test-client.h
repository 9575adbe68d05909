/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier client under test, with a scripted verifier: every failure of it has to say why. */
#ifndef ATLS_ROLES_TEST_CLIENT_H
#define ATLS_ROLES_TEST_CLIENT_H

#include "roles/test-server.h"

#define SESSION_TYPE "application/vnd.veraison.challenge-response-session+json"
#define TIMEOUT_MS 1500
#define NONCE32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define WAITING(nonce) "{\"status\":\"waiting\",\"nonce\":\"" nonce "\"}"
#define NO_NONCE ((struct atls_bytes){NULL, 0})

struct test_client {
    struct test_server *server;
    struct atls_verifier_client *client;
    struct atls_verifier_session *session;
};

int test_client_set_up(void **state);
int test_client_tear_down(void **state);

/* Another failure's text and clause, which must not be what the next one says. */
void test_forget(void);
/* CODE; where it is a failure, it has a text of its own. */
int test_says_why(int code);
/* What the client's function gives in the end. */
int test_await_nonce(struct test_client *f, struct atls_bytes *noncep);
int test_await_result(struct test_client *f, struct atls_bytes *jwtp);
int test_await_key(struct test_client *f, const char *url, const json_t **jwkp,
                   const char **reasonp);
/* A session instead of the one before. */
void test_open_session(struct test_client *f, const char *url, size_t size,
                       struct atls_bytes nonce);

#endif
