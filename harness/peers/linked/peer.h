/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the adapters share that link the project's C libraries: everything of the peer contract that
 * is not TLS. An adapter brings a stack, which is a table of functions over somebody else's TLS
 * library, and main(). Attestation is the project's own (RATS roles, negotiation, binders, RFC
 * 9261), so such an adapter tests a TLS library, not a second implementation of a draft.
 *
 * One thread a connection, and it blocks: nothing of a stack need know how to wait.
 */
#ifndef ATLS_PEERS_LINKED_PEER_H
#define ATLS_PEERS_LINKED_PEER_H

#include <pthread.h>
#include <stdatomic.h>

#include <gnutls/abstract.h>

#include "program/events.h"
#include "program/keylog.h"
#include "tls/programs/options.h"
#include "tls/wire/transcript.h"

#define PEER_CERTIFICATES_MAX 8
#define PEER_LINE_MAX 4096 /* bytes of the line of application data, with its end */

/* The faults that are carried out here, whatever the library. */
#define PEER_FAULTS                                                                                \
    "pat-signature", "kat-signature", "foreign-pat", "linkage", "non-secure-pat", "stale-nonce",   \
        "foreign-nonce", "attested-other-key", "result-without-key", "cmw", "cmw-truncated",       \
        "cmw-trailing-byte", "cmw-empty-collection", "cmw-relative-type", "cmw-value-not-bytes",   \
        "cmw-indicator-zero", "cmw-missing-kat", "cbor-indefinite", "cbor-duplicate-key",          \
        "cbor-unpreferred", "cbor-deep", "cose-three-elements", "cose-unknown-alg",                \
        "cose-detached", "claims-no-cnf", "claims-cbor", "result-garbage", "result-signature",     \
        "result-algorithm-none", "authenticator-finished", "application-data-early",               \
        "authenticator-context-reuse", "authenticator-other-connection",                           \
        "authenticator-second-entry", "empty-certificate"

struct connection;
struct peer;

struct peer_stack {
    const char *program;             /* "atls-nss" */
    void (*version)(char *, size_t); /* of the library, as it runs */
    const char *const *faults;       /* that can be carried out; NULL at the end */
    /* What of OPTIONS this library cannot do, and why; NULL where it can do all of it. */
    const char *(*lacks)(const struct atls_options *options);
    int (*start)(struct peer *peer); /* 0, or as atls_fail() */
    void (*stop)(struct peer *peer);
    /* What follows returns 0 or what connection_fail() gave. The handshake ends with
     * connection_certificate() having been content, where the peer presents one. */
    int (*handshake)(struct connection *c);
    int (*send)(struct connection *c, struct atls_bytes bytes);
    /* At least one byte, or 0 bytes where the peer said close_notify. */
    int (*receive)(struct connection *c, uint8_t *buffer, size_t capacity, size_t *sizep);
    /* TLS-Exporter with a context, RFC 8446 section 7.5. */
    int (*exporter)(struct connection *c, const char *label, struct atls_bytes context,
                    uint8_t *valuep, size_t size);
    /* PKIX for the peer's Certificate, by the library: DETAILP and ALERTP are set on failure. */
    int (*verify_chain)(struct connection *c, const struct atls_bytes *chain, size_t count,
                        const char **detailp, int *alertp);
    /* Tells the failure's alert, if it was not told yet; true where the peer will have got it. */
    bool (*alert)(struct connection *c, int alert);
    void (*close)(struct connection *c); /* close_notify where nothing failed; frees C's TLS */
};

struct peer { /* the program */
    const struct peer_stack *stack;
    struct atls_options options;
    struct atls_events *events;
    struct atls_keylog *keylog;
    struct atls_abilities as_attester, as_relying_party;
    struct atls_bytes own_verifier, trusted_ids[ATLS_LISTED_MAX];

    /* X.509, in DER; allocated. */
    struct atls_bytes chain[PEER_CERTIFICATES_MAX], anchors[PEER_CERTIFICATES_MAX];
    size_t chain_size, anchor_count;
    uint8_t spki[ATLS_SPKI_MAX]; /* of the leaf; empty where it is of another kind of key */
    size_t spki_size;
    struct atls_public_key leaf;
    gnutls_privkey_t key; /* of the leaf: of a file, or of the device */
    pthread_mutex_t key_lock;
    struct atls_device_key *device_key;
    void *tls; /* the stack's */

    /* RATS roles are of one thread at a time. */
    pthread_mutex_t rats;
    struct atls_verifier_client *client;
    struct atls_attester *attester;
    struct atls_relying_party *relying_party;

    atomic_bool ending; /* told to end */
};

struct failure {
    const char *reason; /* NULL: none */
    int alert;          /* sent or received; -1: none */
    bool received;      /* the alert */
    char detail[320], clause[160];
};

struct hello_body { /* of one extension */
    uint8_t *data;
    size_t size;
    bool present;
};

struct connection {
    struct peer *peer;
    unsigned number;
    int fd;
    double started, deadline, seconds;
    struct failure failure;
    bool hrr, handshake_reported;
    bool established; /* the handshake is over: records have been sealed */
    bool alert_told;  /* in a frame */
    void *tls;        /* the stack's */

    /* Negotiation: bodies by index into the profile's extensions. */
    struct hello_body sent[ATLS_PROFILE_EXTENSIONS_MAX], received[ATLS_PROFILE_EXTENSIONS_MAX];
    struct atls_abilities as_attester, as_relying_party;
    struct atls_offer offers[2];
    struct atls_selection selections[2];
    enum atls_model self_model, peer_model;
    bool settled, offer_reported;
    struct atls_transcript hellos;
    struct hello_stream {
        uint8_t *data; /* of handshake messages, the header of a record, or both in part */
        size_t size, capacity;
        uint8_t record[5];
        size_t record_have, record_left;
        bool handshake;
    } streams[2]; /* received, sent */
    bool hellos_over;

    /* Attestation. */
    struct atls_appraisal *appraisal;
    struct atls_credential credential;
    bool has_credential, peer_accepted;
    struct atls_bytes binding; /* in BINDER */
    uint8_t binder[ATLS_BINDER_MAX];
    struct hello_body payload; /* of the peer's first CertificateEntry */
    uint8_t signed_with[ATLS_SPKI_MAX], verified_with[ATLS_SPKI_MAX];
    size_t signed_with_size, verified_with_size;
};

/* The whole program, to its exit code: "client FLAGS" or "server FLAGS". */
int peer_program(const struct peer_stack *stack, int argc, char **argv);
/* A line of the key log, for one secret of a connection whose ClientHello has RANDOM. */
void peer_keylog(struct peer *peer, const char *label, struct atls_bytes random,
                 struct atls_bytes secret);

/* A client's socket, non-blocking; -1 and a text by atls_fail(). */
int peer_connect(struct connection *c);
/* The transport, with the connection's deadline; hellos are seen on the way. 0 or an errno: the
 * peer is gone, or c->failure says what is. To receive no bytes is the end of the stream. */
int peer_receive(struct connection *c, void *buffer, size_t capacity, size_t *sizep);
int peer_send(struct connection *c, struct atls_bytes bytes);
/* Ends the socket, but lets what was sent arrive: to close one with unread bytes in it would
 * destroy the alert that is on its way to the peer. */
void peer_disconnect(struct connection *c);

/* connection.c: the life of one, to "closed"; a server's FD is connected. True: all of it happened.
 */
bool connection_run(struct peer *peer, unsigned number, int fd);
/* Records the first failure; later ones are its consequences. ALERT < 0: as the profile's table
 * says. DETAIL NULL: text and clause of the newest atls_fail(). Returns -1. */
int connection_fail(struct connection *c, const char *reason, int alert, const char *clause,
                    const char *detail);
/* The peer ended it: with an alert, or (-1) without. */
int connection_ended(struct connection *c, const char *reason, int alert);
bool connection_expired(const struct connection *c);
void connection_report_handshake(struct connection *c);
void connection_report_line(struct connection *c, const char *direction, struct atls_bytes line);
void connection_fault(struct connection *c, const char *name, const char *detail);
bool connection_faulty(const struct connection *c, const char *name);

/* judge.c: the RATS roles, waited for. 0 or what connection_fail() gave. */
/* Before the first byte: a result that a client is to have. */
int connection_prepare(struct connection *c);
int connection_result_answers(const struct connection *c);
int connection_begin_appraisal(struct connection *c, enum atls_model model);
int connection_nonce(struct connection *c, struct atls_bytes *noncep);
/* What the evidence must answer and for which key, and the credential: here a malformed one fails.
 */
int connection_claim(struct connection *c, struct atls_bytes challenge,
                     const struct atls_public_key *leaf, struct atls_bytes cmw);
int connection_verdict(struct connection *c); /* fails where it does not accept */
/* Both. */
int connection_appraise(struct connection *c, struct atls_bytes challenge,
                        const struct atls_public_key *leaf, struct atls_bytes cmw);
void connection_forget_appraisal(struct connection *c);
/* Evidence or a result for BINDER into c->credential. */
int connection_make_credential(struct connection *c, enum atls_model model,
                               struct atls_bytes binder);
/* The peer's Certificate, DER, which verifies up to a trust anchor or not: everything that is to be
 * said of it, the verdict too. */
int connection_certificate(struct connection *c, const struct atls_bytes *chain, size_t count);
int connection_verify_chain(struct connection *c, const struct atls_bytes *chain, size_t count);
/* Tells what the own leaf carries (x509-cmw), at the end of a handshake in which it was sent. */
void connection_presented(struct connection *c);
int connection_find_cmw(struct connection *c, struct atls_bytes payload, struct atls_bytes *cmwp);
unsigned connection_prefix(const struct connection *c);

/* hellos.c: what the transport carried in the open. Feeds c->hellos from bytes as they are sent or
 * received, until ServerHello; sets c->hrr. 0 or what connection_fail() gave. */
int hellos_feed(struct connection *c, bool sent, struct atls_bytes bytes);
/* The newest ClientHello: its random, and its block of extensions. ATLS_E_MISSING. */
int hellos_client(const struct connection *c, struct atls_bytes *randomp,
                  struct atls_bytes *extensionsp);

/* negotiate.c: hello extensions and CertificateEntry, for stacks that can carry them. */
int negotiate_offer(struct connection *c);
/* A body that came: of a ClientHello (a server), of EncryptedExtensions (a client). */
int negotiate_received(struct connection *c, size_t i, struct atls_bytes body);
/* The choice of a server once its whole ClientHello is known, and a client's check of it. */
int negotiate_select(struct connection *c);
int negotiate_requested(struct connection *c, struct atls_bytes body);
int negotiate_settle(struct connection *c);
/* Is there to be an extension in the own first CertificateEntry? Then its body: */
bool negotiate_entry_due(struct connection *c);
/* The extension for the own first CertificateEntry, which answers the binder of c->hellos. */
int negotiate_entry(struct connection *c, uint8_t *payload, size_t capacity, size_t *sizep);
/* The binder of who has the leaf with the key LEAF. */
int negotiate_bind(struct connection *c, const struct atls_public_key *leaf);
void negotiate_report_offer(struct connection *c, const char *direction,
                            const struct hello_body *bodies);
void negotiate_report_selected(struct connection *c, const char *direction,
                               const struct hello_body *bodies);
/* The extension of the peer's first CertificateEntry. */
int negotiate_entry_received(struct connection *c, struct atls_bytes payload);
/* Frees what is above. */
void negotiate_clear(struct connection *c);

/* expat.c: what follows the handshake in expat-04, both lines included. */
int expat_run(struct connection *c);

#endif
