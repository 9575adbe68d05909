/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of a connection for the tests of the shims: bare sessions of the library, which present
 * a chain of up to three certificates with extensions as the test plans them, keep the handshake
 * messages as they saw them, and verify the chain that came.
 */
#ifndef ATLS_TLS_SHIM_TEST_SHIM_ENDS_H
#define ATLS_TLS_SHIM_TEST_SHIM_ENDS_H

#include "rats/test/test-table.h"
#include "tls/shim/memory-pair.h"

#define ATTESTATION 0xFF16
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS13_HRR TLS13 ":-GROUP-ALL:+GROUP-SECP384R1"
#define TLS13_TWO_GROUPS TLS13 ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP384R1"

struct shim_plan { /* of one side */
    size_t chain;  /* certificates presented: 1 the leaf, 2 with its issuer, 3 with the anchor */
    struct atls_entry_extension send[20];
    size_t send_count;
    struct atls_entry_extension request; /* type 0: none; a server's */
    bool late;        /* a server's extensions are there only with EncryptedExtensions */
    bool blind;       /* calls the library without atls_interpose_enter() */
    bool deaf;        /* looks for no extension */
    bool other_chain; /* tells the shim of another chain than it presents */
    bool post_handshake;
};

struct shim_end {
    struct atls_memory_end end; /* first: what the transport knows */
    bool is_server;
    const struct shim_plan *plan;
    struct atls_interposed watch;
    struct atls_handshake_secret secret;
    gnutls_certificate_credentials_t credentials;
    uint8_t *messages; /* with their headers, as the hook had them */
    size_t messages_size;
    int failure;       /* of the shim */
    unsigned verified; /* times that the verify callback ran */
    unsigned status;   /* of the chain that came */
    int chain_outcome; /* of atls_entry_shim_verify() */
    bool hrr;
    uint8_t traffic[ATLS_TLS_HASH_MAX]; /* CLIENT_HANDSHAKE_TRAFFIC_SECRET, by keylog */
};

/* Chains and keys of both sides, made once. */
void shim_pki_make(void);
void shim_pki_free(void);
/* PEM of the chain of a side (leaf and issuer), of its key, and of the anchor: for other stacks. */
struct shim_pem {
    gnutls_datum_t chain, key, anchor; /* ended by a NUL */
};
struct shim_pem shim_pki_pem(bool is_server);
void shim_pem_free(struct shim_pem *pem);

void shim_open(struct shim_end *end, bool is_server, const struct shim_plan *plan,
               const char *priorities, unsigned flags);
void shim_close(struct shim_end *end);
/* Both in memory, to the end; a HelloRetryRequest where HRR says so. */
void shim_connect(struct shim_end *client, const struct shim_plan *client_plan,
                  struct shim_end *server, const struct shim_plan *server_plan, bool hrr);
/* Both are through, saw the same messages, and verified what they were to verify. */
void shim_check_complete(const struct shim_end *client, const struct shim_end *server);
/* COUNT bytes that no other (SEED, COUNT) has. Static storage, one for each SEED below 32. */
struct atls_bytes shim_payload(unsigned seed, size_t count);
/* What the newest Certificate brought is just what PLAN sends. */
void shim_check_received(const struct shim_end *end, const struct shim_plan *plan);

#endif
