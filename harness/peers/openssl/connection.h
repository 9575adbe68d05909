/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection, in a thread of its own: handshake, attestation, a line each way. Its socket does
 * not block; waiting is in one place and ends when the connection's time is over.
 */
#ifndef PEER_CONNECTION_H
#define PEER_CONNECTION_H

#include "party.h"

struct selection { /* how one side attests; views of what the peer sent, or of the party's flags */
    enum model model;
    struct evidence_type type;
    struct bytes verifier;
};

struct connection {
    const struct party *party;
    unsigned number;
    int fd;
    SSL *ssl;
    double started, deadline, seconds;

    struct why why;
    int alert;           /* sent or received, -1: none */
    bool alert_received; /* the peer ended it */
    bool reported, hrr, verified, presented;
    enum model self, peer; /* who has attested how */
    struct public_key signed_with, verified_with;

    struct blob records;     /* that are not whole yet */
    bool own_alerts;         /* the library's alerts for own refusals are dropped */
    bool impatient;          /* reading does not wait */
    bool mute;               /* a refusal stands: whatever else the library would send is dropped */
    struct library *library; /* of the library's file */
    struct expat *expat;
    struct selection selections[2]; /* by the attester's side */
};

/* Talks until the end; the socket is the connection's to close. True: it was complete. */
bool connection_run(const struct party *party, unsigned number, int fd);

/* The peer's chain, as the library has it: verified, and attestation inside of it judged. */
int connection_judge(struct connection *c, STACK_OF(X509) * chain);
/* The own certificate is about to be sent. */
void connection_present(struct connection *c);
/* Secrets for --keylog. */
void connection_keylog(const SSL *ssl, const char *line);
struct connection *connection_of(const SSL *ssl);

/* All of SIZE bytes in or out, or less with -1: c->why, or c->alert, says what it was. Reading
 * returns how many came. */
int connection_write(struct connection *c, struct bytes bytes);
int connection_read(struct connection *c, uint8_t *data, size_t capacity, size_t *sizep);
/* The same without waiting: nothing, where nothing is there. */
int connection_read_now(struct connection *c, uint8_t *data, size_t capacity, size_t *sizep);
void connection_report_handshake(struct connection *c);
void connection_report_line(struct connection *c, const char *direction, struct bytes line);

/* Finds the CMW in a certificate. 1: there is none. */
int certificate_cmw(X509 *certificate, struct bytes *cmwp, struct why *why);

#endif
