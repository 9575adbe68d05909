/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the stack over GnuTLS: stack.c (a party's and a connection's life, records),
 * stack-hello.c (extensions and the handshake hook), stack-credential.c (the own Certificate),
 * stack-chain.c (the peer's), stack-signature.c (r || s in CertificateVerify), stack-failure.c
 * (what the library's codes mean) and stack-strict.c (what the library lets pass).
 */
#ifndef ATLS_TLS_GNUTLS_STACK_INTERNAL_H
#define ATLS_TLS_GNUTLS_STACK_INTERNAL_H

#include <gnutls/abstract.h>

#include "tls/engine/party.h"
#include "tls/gnutls/known.h"
#include "tls/gnutls/stack.h"
#include "tls/shim/interpose.h"

struct gnutls_party {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    struct atls_known *known; /* chains found good; NULL: none are remembered */
};

struct raw_signature; /* stack-signature.c */

struct gnutls_connection {
    struct atls_session *s;
    const struct atls_party *party;
    gnutls_session_t tls;
    int fd;            /* the transport, where that is a socket */
    bool stream_ended; /* the peer will send no more: a read has said so */
    bool shaken;       /* the handshake is over */
    bool requested;    /* a CertificateRequest came */
    bool certificate_verify_seen;
    bool raw_seen; /* its signature had the form of r || s, where DER is due */
    struct atls_interposed watch;
    struct atls_entry_shim *shim; /* NULL where nobody looks at extensions of certificates */
    struct atls_handshake_secret secret;
    struct raw_signature *raw; /* NULL where the peer's signature is the library's affair */
    gnutls_pcert_st presented; /* in place of X.509 */
    gnutls_privkey_t signer;
};

/* A session's answer in the library's words. */
int stack_code(int result);
/* What a code that ends the handshake or the connection says, told to the session. */
enum atls_stack_answer stack_failed(struct gnutls_connection *c, int code);
/* A code of the library where it may also be told to wait. */
enum atls_stack_answer stack_answer(struct gnutls_connection *c, int code);

/* stack-hello.c */
int stack_register(struct gnutls_connection *c); /* as atls_fail() */
int stack_client_hello(gnutls_session_t tls);
/* The type of a message that the hook was called for: the library has a number of its own for what
 * is a ServerHello on the wire. */
enum atls_handshake_type stack_handshake_type(unsigned type);

/* stack-signature.c: has the CertificateVerify MESSAGE the form of r || s? */
bool stack_raw_form(struct atls_bytes message);
/* Behind a refusal of it: which form did it have? */
void stack_diagnose_signature(struct gnutls_connection *c);

/* stack-credential.c */
int stack_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                   gnutls_pcert_st **chain, unsigned *chain_size, gnutls_ocsp_data_st **ocsp,
                   unsigned *ocsp_size, gnutls_privkey_t *key, unsigned *flags);
int stack_put_certificate(void *connection, struct atls_bytes body, struct atls_bytes spki);

/* stack-chain.c */
int stack_verify(gnutls_session_t tls); /* the library's callback */
int stack_verify_chain(void *connection, const struct atls_bytes *chain, size_t count,
                       bool critical);
size_t stack_peers(void *connection, struct atls_bytes chain[ATLS_PEER_CHAIN_MAX]);
int stack_leaf_key(void *connection, struct atls_public_key *keyp);
bool stack_peer_key(void *connection, uint8_t spki[ATLS_SPKI_MAX], size_t *sizep);

/* stack-signature.c: as atls_fail(); what the hook is told of a message, 0 or what session_fail()
 * gave; a signature as it is, in the library's memory. */
int stack_raw_open(struct gnutls_connection *c);
void stack_raw_close(struct gnutls_connection *c);
int stack_raw_message(struct gnutls_connection *c, unsigned type, unsigned when, unsigned incoming,
                      const gnutls_datum_t *message);
int stack_raw_encode(struct atls_bytes rs, gnutls_datum_t *signature);
int stack_put_raw_key(void *connection, const struct atls_public_key *key, uint8_t *body,
                      size_t size);

/* stack-strict.c: looks at a message that came, ahead of the library. 0, or what session_fail()
 * gave. */
int stack_strict(struct gnutls_connection *c, unsigned type, unsigned when, unsigned incoming,
                 struct atls_bytes message);

#endif
