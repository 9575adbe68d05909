/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the profiles share: a table of whole handshakes in memory, each row for one or
 * more profiles, with who refuses and for what.
 */
#ifndef ATLS_TLS_ENGINE_TEST_PROFILE_ROWS_H
#define ATLS_TLS_ENGINE_TEST_PROFILE_ROWS_H

#include "tls/engine/test-ends.h"

struct profile_row {
    const char *name;
    const struct atls_profile *const *profiles; /* the row is for each of them */
    size_t profile_count;
    struct side client, server;
    struct test_roles roles;
    bool p384;
    const char *client_reason, *server_reason; /* NULL: complete */
    int client_alert, server_alert;            /* sent or received */
    bool unjudged;                             /* refused before a credential was judged */
};

#define CLIENT_ATTESTS .client = {.attester = {BG}}, .server = {.relying_party = {BG}}
#define SERVER_ATTESTS .client = {.relying_party = {BG}}, .server = {.attester = {BG}}
/* Who refuses, and for what. */
#define BY_SERVER(reason, alert)                                                                   \
    .client_reason = "peer-alert", .server_reason = (reason), .client_alert = (alert),             \
    .server_alert = (alert)
#define BY_CLIENT(reason, alert)                                                                   \
    .client_reason = (reason), .server_reason = "peer-alert", .client_alert = (alert),             \
    .server_alert = (alert)

struct connection {
    struct pipe there, back;
    struct end client, server;
};

void open_connection(struct connection *c, const struct profile_row *row,
                     const struct atls_profile *profile);
void close_connection(struct connection *c);
/* BODY is EXPECTED, in hexadecimal, and behind it the nonce where that has a size. */
void same_body(const struct hello_body *body, const char *expected, struct atls_bytes nonce);
/* The test of a row: the handshake under each of its profiles. */
void a_connection(void **state);
/* The same through pipes that are full all the time. */
void a_narrow_connection(void **state);

#endif
