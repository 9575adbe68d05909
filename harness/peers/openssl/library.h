/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where OpenSSL and BoringSSL differ: a file for each of them implements this, and everything else
 * is the same for both.
 */
#ifndef PEER_LIBRARY_H
#define PEER_LIBRARY_H

#include "connection.h"

/* One line: adapter, library, version. Static storage. */
const char *library_version(void);
/* Why this library cannot do what PARTY asks of it, or NULL. */
const char *library_cannot(const struct party *party);

/* The private key of the chain's leaf is in the device: gives the context one that signs there. */
int library_device_key(struct party *party);
/* The context's callbacks: verification of the peer, and whatever extensions the profile has. */
int library_context(struct party *party);
/* The same for a connection that is about to begin, on the socket c->fd. */
int library_connection(struct connection *c);
/* A fatal alert, whatever its number, under whatever keys are in use. False: it cannot go out. */
bool library_alert(struct connection *c, unsigned alert);

/* The hash of the cipher suite; NULL: there is none yet. */
const EVP_MD *library_hash(const struct connection *c);

/* A line of the key log: a library whose alerts are too few needs the secrets for its own. */
void library_secret(struct connection *c, const char *line);
void library_end(struct connection *c);
/* What the library's reasons mean: extensions that broke a rule; an end without a farewell. */
bool library_is_extension_error(int reason);
bool library_is_end(unsigned long error);

#endif
