/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the stack over wolfSSL: wolfssl.c (connections, the table, and main), party.c
 * (credentials and trust anchors). */
#ifndef ATLS_PEERS_WOLFSSL_STACK_H
#define ATLS_PEERS_WOLFSSL_STACK_H

/* How wolfSSL was built: ahead of all its headers. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include "harness/peers/linked/credential.h"
#include "harness/peers/linked/wire.h"

struct wolf { /* of a party */
    WOLFSSL_CTX *context;
    WOLFSSL_CERT_MANAGER *manager; /* the same trust anchors, for authenticators */
    struct credential credential;
};

struct wolf_connection {
    struct atls_session *s;
    const struct atls_party *party;
    struct wire wire;
    WOLFSSL *ssl;
    unsigned answered; /* ClientHellos */
    bool selected;     /* a server's answers are told */
    bool bye;          /* close_notify is said */
    size_t owed;       /* bytes that wolfSSL has taken, and the socket not yet */
    struct atls_bytes peers[ATLS_PEER_CHAIN_MAX];
    size_t peer_count;
    uint8_t peer_key[ATLS_SPKI_MAX];
    size_t peer_key_size;
};

/* party.c */
int wolf_start(struct atls_party *party, const char *certificate, const char *trust_anchors);
void wolf_stop(struct atls_party *party);
/* wolfSSL's words for CODE. */
const char *wolf_text(int code);

/* wolfssl.c: callbacks, whose context is the connection */
int wolf_take(WOLFSSL *ssl, char *buffer, int capacity, void *context);
int wolf_give(WOLFSSL *ssl, char *buffer, int size, void *context);
int wolf_sign(WOLFSSL *ssl, const unsigned char *in, unsigned in_size, unsigned char *out,
              word32 *size, const unsigned char *key, unsigned key_size, void *context);

#endif
