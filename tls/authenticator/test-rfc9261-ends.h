/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of tests of exported authenticators, and the two ends of a connection, new in each. */
#ifndef ATLS_TLS_AUTHENTICATOR_TEST_RFC9261_ENDS_H
#define ATLS_TLS_AUTHENTICATOR_TEST_RFC9261_ENDS_H

#include "tls/authenticator/test-rfc9261.h"

static struct test_key p256, p384, ed25519, other;
static struct test_end client, server;

static inline int test_ends_set_up(void **state)
{
    test_end_init(&client, ATLS_EA_CLIENT, ATLS_SHA256, 1, 1);
    test_end_init(&server, ATLS_EA_SERVER, ATLS_SHA256, 1, 1);
    return 0;
}

static inline int test_ends_tear_down(void **state)
{
    atls_ea_clear(&client.ea);
    atls_ea_clear(&server.ea);
    return 0;
}

static inline void expect_alert(const struct atls_ea *ea, unsigned alert)
{
    if (ea->alert != alert)
        fail_msg("expected alert %u, came %u (%s)", alert, ea->alert, atls_error_text());
}

static inline struct atls_bytes take(struct atls_ea *ea, struct atls_bytes request)
{
    struct atls_ea_request parsed;

    test_outcome(atls_ea_take_request(ea, request, &parsed), 0, NULL);
    return parsed.context;
}

/* Runs the list with the keys; what main() returns. */
static inline int test_ends_run(const char *group, struct test_list *list)
{
    int failed;

    test_key_make(&p256, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0x0403);
    test_key_make(&p384, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), 0x0503);
    test_key_make(&ed25519, GNUTLS_PK_EDDSA_ED25519, 0, 0x0807);
    test_key_make(&other, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                  0x0403);
    for (size_t i = 0; i < list->count; i++) {
        list->tests[i].setup_func = test_ends_set_up;
        list->tests[i].teardown_func = test_ends_tear_down;
    }
    failed = test_run(group, list);
    test_key_free(&p256);
    test_key_free(&p384);
    test_key_free(&ed25519);
    test_key_free(&other);
    return failed;
}

#endif
