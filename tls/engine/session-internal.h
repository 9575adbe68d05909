/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a session, shared by its parts: session.c (life and phases), session-failure.c
 * (whose fault, which alert), session-strict.c (what the library lets pass), session-hello.c
 * (negotiation), session-credential.c (Certificate, CertificateVerify, verdict), session-entry.c
 * (attestation beside a certificate) and session-report.c (events).
 */
#ifndef ATLS_TLS_ENGINE_SESSION_INTERNAL_H
#define ATLS_TLS_ENGINE_SESSION_INTERNAL_H

#include "tls/engine/session.h"
#include "tls/shim/interpose.h"

#define ATLS_LINE_MAX 4096 /* bytes of the line of application data, with its end */
/* The TLS library's bound on all handshake messages together. */
#define ATLS_HANDSHAKE_MAX (ATLS_CMW_MAX_SIZE * 2 + 65536)

enum phase {
    PREPARING,
    HANDSHAKING,
    SENDING,
    RECEIVING,
    REPEATING, /* post-handshake client authentication */
    EXCHANGING,
    LEAVING,
    ALERTING,
    ENDED
};

enum waits {                     /* bits: what is awaited of a verifier */
             WAIT_CHALLENGE = 1, /* the nonce for the peer */
             WAIT_RESULT = 2,    /* the own attestation result */
             WAIT_VERDICT = 4
};

struct hello_body { /* of one extension */
    uint8_t *data;
    size_t size;
    bool present, repeated; /* repeated: seen in the second ClientHello as well */
};

struct atls_expat;

struct failure {
    const char *reason; /* NULL: none */
    int due;            /* the alert for the peer */
    int alert;          /* what went over the wire, sent or received; -1: none */
    bool alert_received;
    char detail[512], clause[160]; /* a detail has room for all of an error's text */
};

struct atls_session {
    const struct atls_party *party;
    unsigned conn;
    gnutls_session_t tls;
    int fd;            /* the transport, where that is a socket */
    bool stream_ended; /* the peer will send no more: a read has said so */
    enum phase phase;
    unsigned waiting; /* enum waits */
    bool resume;      /* step again at once, though the library was told to wait */
    bool prepared;    /* the preparation was begun */
    bool hrr;
    struct failure failure;
    double started, seconds;

    /* Negotiation; bodies by index into the profile's extensions. */
    struct hello_body sent[ATLS_PROFILE_EXTENSIONS_MAX], received[ATLS_PROFILE_EXTENSIONS_MAX];
    unsigned hellos; /* ClientHellos so far */
    bool offer_reported, bodies_built, settled, certificate_requested;
    struct atls_abilities as_attester, as_relying_party; /* what a client can offer just now */
    struct atls_selection selections[2];
    enum atls_model self_model, peer_model; /* what was agreed on */

    /* As relying party. */
    struct atls_appraisal *appraisal;
    struct atls_bytes challenge; /* for the peer; the appraisal's */
    uint8_t faulty_nonce[ATLS_WIRE_NONCE_MAX];
    bool peer_accepted; /* by verdict or, where that suffices, by X.509 */
    bool certificate_verify_seen;
    uint8_t verified_with[ATLS_SPKI_MAX];
    size_t verified_with_size; /* 0: none, or a key of another kind */

    /* As attester. */
    struct atls_credential credential;
    bool has_credential;
    gnutls_pcert_st presented;
    gnutls_privkey_t signer;
    uint8_t signed_with[ATLS_SPKI_MAX];
    size_t signed_with_size;

    /* Beside a certificate; SHIM is NULL where this party never attests or judges so. */
    struct atls_entry_shim *shim;
    struct atls_handshake_secret secret;
    struct atls_interposed watch;
    struct atls_transcript transcript;
    uint8_t binder[ATLS_BINDER_MAX]; /* the newest that was computed */
    size_t binder_size;

    unsigned rounds; /* of attestation after the handshake, by client authentication */

    struct atls_expat *expat; /* after the handshake, in authenticators; otherwise NULL */

    size_t line_size, line_at;
    bool handshake_reported, handshake_complete; /* complete: it was reported so */

    /* Large, and not cleared at the start; the offers are made empty. */
    struct atls_offer offers[2];
    char line[ATLS_LINE_MAX];
};

/* Records the first failure; later ones are its consequences. ALERT < 0: as the profile's table
 * says. DETAIL NULL: text and clause of the newest atls_fail(). CLAUSE NULL: as the table says,
 * where that gives none. Returns a code with which a callback stops the TLS library. */
int session_fail(struct atls_session *s, const char *reason, int alert, const char *clause,
                 const char *detail);

/* The same with the newest atls_fail()'s text, and the clause that the profile's table gives. */
int session_refuse(struct atls_session *s, const char *reason);

/* session-strict.c: looks at a message that came, ahead of the library. 0, or what session_fail()
 * gave. */
int session_strict_hook(struct atls_session *s, unsigned type, unsigned when, unsigned incoming,
                        struct atls_bytes message);

/* session-hello.c */
int session_hello_register(struct atls_session *s);
int session_hello_hook(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                       const gnutls_datum_t *message);
int session_hello_received(gnutls_session_t tls); /* a server's, whole ClientHello */
int session_hello_offer(struct atls_session *s);  /* a client's offers and their bodies */
/* Takes the verifier's nonce for the peer. ATLS_E_AGAIN, or the verifier's failure. */
int session_hello_challenge(struct atls_session *s);
void session_hello_clear(struct atls_session *s);

/* session-credential.c */
int session_credential_make(struct atls_session *s); /* evidence or result, once agreed */
/* Takes the own result. ATLS_E_AGAIN, or why there is none. */
int session_credential_result(struct atls_session *s);
/* Records why the attester gave no credential; CODE is its answer. */
int session_credential_failed(struct atls_session *s, int code);
void session_credential_set(struct atls_session *s); /* presents what is in s->credential */
int session_credential_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                                gnutls_pcert_st **chain, unsigned *chain_size,
                                gnutls_ocsp_data_st **ocsp, unsigned *ocsp_size,
                                gnutls_privkey_t *key, unsigned *flags);
int session_credential_received(struct atls_session *s, const gnutls_datum_t *message);
int session_credential_verify(gnutls_session_t tls);
void session_credential_clear(struct atls_session *s);
/* Begins judging the peer by MODEL; the passport's verifier is the one agreed on. */
int session_appraisal_begin(struct atls_session *s, enum atls_model model);
/* Records why the verifier gave no nonce or verdict. */
int session_appraisal_failed(struct atls_session *s);

/* Keeps the key of an accepted peer's leaf for the event, where none is kept yet. */
void session_note_peer_key(struct atls_session *s);
/* H20: is the CMW of the type that was selected, where that is asked for? */
int session_check_type(struct atls_session *s, enum atls_side peer, struct atls_bytes in);
/* X.509 verifies up to a trust anchor, with the peer's name where it has one. */
int session_verify_chain(struct atls_session *s);
/* Fails for what atls_x509_public_key() said: another kind of key has a reason of its own, as no
 * key was compared. */
int session_leaf_key_refused(struct atls_session *s, int code);
/* Fails with certificate-untrusted, by what GnuTLS found wrong with a chain. */
int session_chain_refused(struct atls_session *s, unsigned status);

/* session-entry.c; what returns int returns 0 or what session_fail() gave, but for the binders */
bool session_kind_is_certificate(const struct atls_party *party);
/* Must a result answer the binder (H11)? */
bool session_result_answers(const struct atls_party *party);
enum atls_carrier session_carrier(const struct atls_session *s, enum atls_side attester);
int session_entry_begin(struct atls_session *s); /* as atls_session_new() */
void session_entry_clear(struct atls_session *s);
int session_entry_hook(struct atls_session *s, unsigned type, unsigned when, unsigned incoming,
                       const gnutls_datum_t *message);
/* The binder of the ATTESTER whose leaf has the key LEAF, into s->binder; as the profile's bind. */
int session_bind(struct atls_session *s, enum atls_side attester,
                 const struct atls_public_key *leaf);
int session_bind_failed(struct atls_session *s, int code);
int session_entry_bind_self(struct atls_session *s);    /* with the own leaf */
int session_entry_request(struct atls_session *s);      /* arms CertificateRequest */
int session_entry_requested(struct atls_session *s);    /* reads the one that came */
int session_entry_send(struct atls_session *s);         /* arms Certificate with s->credential */
int session_entry_send_unasked(struct atls_session *s); /* a fault */
int session_entry_received(struct atls_session *s);     /* a Certificate with attestation beside */
/* Bytes of length ahead of the CMW in the extension. */
unsigned session_prefix_size(const struct atls_party *party);
int session_entry_unexpected(struct atls_session *s); /* refuses it where there should be none */

/* session-again.c: post-handshake client authentication. Has the server to ask once more? */
bool session_again_wanted(const struct atls_session *s);
int session_again_begin(struct atls_session *s);   /* 0, or what session_fail() gave */
int session_again_library(struct atls_session *s); /* goes on; the library's code */

/* session-x509.c */
void session_x509_present(struct atls_session *s); /* tells what the own leaf carries */
int session_x509_judge(struct atls_session *s);    /* verifies the chain, and begins to appraise */

/* expat.c: attestation after the handshake; what returns int returns 0 or what session_fail() gave
 */
bool session_attests_later(const struct atls_session *s);
int session_expat_new(struct atls_session *s); /* as atls_session_new() */
void session_expat_clear(struct atls_session *s);
int session_expat_hook(struct atls_session *s, unsigned type, unsigned when,
                       const gnutls_datum_t *message);
int session_expat_begin(struct atls_session *s);
enum atls_want session_expat_step(struct atls_session *s); /* until both lines are through */

/* session.c */
enum atls_want session_end(struct atls_session *s);

/* session-failure.c: how the exchange ends otherwise */
bool session_is_over(int code); /* by CODE, the library's */
enum atls_want session_send_alert(struct atls_session *s);
enum atls_want session_failed(struct atls_session *s, int code); /* CODE is the library's */
enum atls_want session_peer_ended(struct atls_session *s, const char *reason, int alert,
                                  const char *detail);

/* session-report.c */
void report_offer(struct atls_session *s, const char *direction, const struct hello_body *bodies);
void report_selected(struct atls_session *s, const char *direction,
                     const struct hello_body *bodies);
void report_requested(struct atls_session *s, const char *direction, struct atls_bytes body);
void report_negotiated(struct atls_session *s);
void report_fault(struct atls_session *s, const char *name, const char *detail);
void report_handshake(struct atls_session *s);
void report_line(struct atls_session *s, const char *direction, const char *text, size_t size);
void report_closed(struct atls_session *s);

#endif
