/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expat-04's part of a session: what follows an ordinary handshake, until both lines are through.
 * Its parts are carrier-authenticator.c (frames, who is done, lines), expat-attester.c (answers
 * requests) and expat-relying-party.c (makes requests and judges answers). A side may have either
 * role, or both.
 */
#ifndef ATLS_TLS_ENGINE_EXPAT_H
#define ATLS_TLS_ENGINE_EXPAT_H

#include "tls/authenticator/rfc9261-gnutls.h"
#include "tls/engine/cocos-payload.h"
#include "tls/engine/session-internal.h"
#include "tls/wire/expat-frame.h"

#define ATLS_EXPAT_CONTEXT_MAX 255

enum expat_stage {                /* of a relying party */
                   EXPAT_BEGIN,   /* a round is to be begun */
                   EXPAT_NONCE,   /* the verifier's nonce is awaited */
                   EXPAT_ASKED,   /* the authenticator is awaited */
                   EXPAT_JUDGING, /* the verdict is awaited */
                   EXPAT_SATISFIED
};

struct expat_buffer {
    uint8_t *data;
    size_t size, at; /* what is behind AT is still to be used */
};

struct expat_binding {
    uint8_t value[ATLS_HASH_MAX];
    size_t size;
};

struct atls_expat {
    struct atls_ea_gnutls adapter; /* the context of the callbacks: it is the first member */
    struct atls_session *s;
    struct atls_ea_connection connection;
    struct atls_ea ea;
    bool started;   /* EA is there */
    uint8_t *hello; /* the newest ClientHello's extensions */
    size_t hello_size;

    struct expat_buffer in, out;
    bool raw; /* of framing=cocos: what follows is application data as it is */
    bool peer_closed, alert_queued;
    bool done_sent, done_received, line_sent, line_received;

    /* As relying party. */
    enum expat_stage stage;
    unsigned asked; /* requests made */
    uint8_t context[ATLS_EXPAT_CONTEXT_MAX];
    size_t context_size;
    enum atls_model judged; /* model of what is being judged */
    uint8_t leaf[ATLS_SPKI_MAX];
    size_t leaf_size;

    /* As attester. */
    unsigned requests;       /* that came */
    bool answering, attests; /* a request is open; with attestation */
    uint8_t open[ATLS_EXPAT_CONTEXT_MAX];
    size_t open_size;
    struct expat_binding binding; /* for the open request */
    bool bound;
    uint8_t *kept; /* the first round's credential, for a fault */
    size_t kept_size;
};

/* What returns int returns 0 or what session_fail() gave. */

/* Are frames those of Cocos (variant framing)? */
bool expat_is_cocos(const struct atls_session *s);
/* Queues a frame. */
int expat_send(struct atls_session *s, enum atls_frame_type type, struct atls_bytes body);
void expat_report(struct atls_session *s, const char *direction, const char *message,
                  unsigned round, struct atls_bytes context, size_t bytes);
/* Hash(public_key || exporter) for the DER SubjectPublicKeyInfo SPKI and CONTEXT. */
int expat_bind(struct atls_session *s, struct atls_bytes spki, struct atls_bytes context,
               struct expat_binding *bindingp);
/* The same by VARIANTS, and HASH; as atls_fail(), with nothing refused. */
int expat_bind_by(struct atls_session *s, const struct atls_variants *variants, enum atls_hash hash,
                  struct atls_bytes spki, struct atls_bytes context,
                  struct expat_binding *bindingp);
struct expat_cocos { /* a binder of Cocos, and what it borrows */
    struct atls_cocos_binder binder;
    uint8_t key_hash[ATLS_HASH_MAX];
};
/* That of the leaf's SPKI and BINDING, which is borrowed. */
int expat_cocos_binder(struct atls_session *s, struct atls_bytes spki,
                       const struct expat_binding *binding, struct expat_cocos *cocosp);
/* Refuses by an OUTCOME of rfc9261.h and the alert that goes with it. */
int expat_refuse(struct atls_session *s, int outcome);

int expat_requested(struct atls_session *s, struct atls_bytes request);
/* Answers the open request as soon as it can; true while it waits. */
bool expat_answer(struct atls_session *s);
int expat_volunteer(struct atls_session *s); /* a fault */

/* Goes on with its rounds; true while it waits for its verifier. */
bool expat_judge(struct atls_session *s);
int expat_authenticated(struct atls_session *s, struct atls_bytes authenticator);

#endif
