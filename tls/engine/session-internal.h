/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a session, shared by its parts: session.c (life and phases), session-failure.c
 * (whose fault, which alert), session-strict.c (what the library lets pass), session-hello.c
 * (negotiation), session-credential.c (Certificate, CertificateVerify, verdict), session-again.c
 * (client authentication after the handshake), session-report.c (events), and the carriers
 * (carrier.h), whose own state is theirs alone.
 */
#ifndef ATLS_TLS_ENGINE_SESSION_INTERNAL_H
#define ATLS_TLS_ENGINE_SESSION_INTERNAL_H

#include "tls/engine/carrier.h"
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

struct failure {
    const char *reason; /* NULL: none */
    int due;            /* the alert for the peer */
    int alert;          /* what went over the wire, sent or received; -1: none */
    bool alert_received;
    char detail[512], clause[160]; /* a detail has room for all of an error's text */
};

struct session_message { /* a handshake message, as the library's hook has it */
    unsigned type, when, incoming;
    const gnutls_datum_t *bytes;
};

/* As attester. */
struct own_credential {
    enum atls_model model; /* what was agreed on */
    struct atls_credential credential;
    bool has_credential;
    gnutls_pcert_st presented;
    gnutls_privkey_t signer;
    uint8_t signed_with[ATLS_SPKI_MAX];
    size_t signed_with_size;
    unsigned rounds; /* of attestation after the handshake, by client authentication */
};

/* As relying party. */
struct peer_credential {
    enum atls_model model; /* what was agreed on */
    struct atls_appraisal *appraisal;
    struct atls_bytes challenge; /* for the peer; the appraisal's */
    bool accepted;               /* by verdict or, where that suffices, by X.509 */
    bool certificate_verify_seen;
    uint8_t verified_with[ATLS_SPKI_MAX];
    size_t verified_with_size; /* 0: none, or a key of another kind */
};

/* Negotiation; bodies by index into the profile's extensions. */
struct hellos {
    struct hello_body sent[ATLS_PROFILE_EXTENSIONS_MAX], received[ATLS_PROFILE_EXTENSIONS_MAX];
    unsigned count; /* ClientHellos so far */
    bool hrr, offer_reported, built, settled, certificate_requested;
    struct atls_abilities as_attester, as_relying_party; /* what a client can offer just now */
    struct atls_selection selections[2];
    uint8_t faulty_nonce[ATLS_WIRE_NONCE_MAX];
    struct atls_offer offers[2]; /* large, and not cleared at the start but made empty */
};

struct line { /* of application data, on its way */
    size_t size, at;
    char text[ATLS_LINE_MAX]; /* not cleared at the start */
};

struct entry_state; /* carrier-entry.c */
struct atls_expat;  /* expat.h */

struct atls_session {
    const struct atls_party *party;
    unsigned conn;
    gnutls_session_t tls;
    int fd;            /* the transport, where that is a socket */
    bool stream_ended; /* the peer will send no more: a read has said so */
    struct atls_interposed watch;
    enum phase phase;
    unsigned waiting; /* enum waits */
    bool prepared;    /* the preparation was begun */
    double started, seconds;
    struct failure failure;
    struct {
        bool handshake, complete; /* complete: it was reported so */
    } told;
    struct own_credential self;
    struct peer_credential peer;
    struct entry_state *entry; /* of the carriers: NULL where that one is not in use */
    struct atls_expat *expat;
    struct hellos hello;
    struct line line;
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
int session_credential_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                                gnutls_pcert_st **chain, unsigned *chain_size,
                                gnutls_ocsp_data_st **ocsp, unsigned *ocsp_size,
                                gnutls_privkey_t *key, unsigned *flags);
int session_credential_received(struct atls_session *s, const struct session_message *message);
/* empty-certificate: a client sends no entry; of a server the library wants one, which has no
 * bytes. */
bool session_withholds(const struct atls_session *s);
/* A DER SubjectPublicKeyInfo as the library's; the library's code. */
int session_import_key(const uint8_t *spki, size_t size, gnutls_pubkey_t *keyp);
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

/* carrier.c: the one of the credential of ATTESTER's side; and all that are in use */
const struct atls_carrier *session_carrier(const struct atls_session *s, enum atls_side attester);
int session_carriers_prepare(struct atls_session *s);
void session_carriers_clear(struct atls_session *s);
int session_carriers_hello(struct atls_session *s, const struct session_message *message);

struct binder {
    uint8_t value[ATLS_BINDER_MAX];
    size_t size;
};

/* carrier-entry.c */
/* Must a result answer the binder (H11)? */
bool session_result_answers(const struct atls_party *party);
/* The binder of the ATTESTER whose leaf has the key LEAF; as the profile's bind. */
int session_bind(struct atls_session *s, enum atls_side attester,
                 const struct atls_public_key *leaf, struct binder *binderp);
int session_bind_self(struct atls_session *s, struct binder *binderp); /* with the own leaf */
int session_bind_failed(struct atls_session *s, int code);
/* Begins to judge CMW, which stands beside or inside of a certificate with the key LEAF. */
int session_appraise(struct atls_session *s, const struct atls_public_key *leaf,
                     struct atls_bytes cmw);
/* Bytes of length ahead of the CMW in the extension. */
unsigned session_prefix_size(const struct atls_party *party);
/* What of the PAYLOAD of the extension WHAT is the CMW, its field NAME. */
int session_find_cmw(struct atls_session *s, const char *what, const char *name,
                     struct atls_bytes payload, struct atls_bytes *cmwp);
/* Where an extension may be in the certificate's messages; 0 or what session_fail() gave. */
int session_entry_request(struct atls_session *s);      /* arms CertificateRequest */
int session_entry_requested(struct atls_session *s);    /* reads the one that came */
int session_entry_send_unasked(struct atls_session *s); /* a fault */
int session_entry_unexpected(struct atls_session *s);   /* refuses it where none should be */
struct atls_entry_shim *session_entry_shim(const struct atls_session *s); /* NULL: none */

/* session-again.c: post-handshake client authentication. Has the server to ask once more? */
bool session_again_wanted(const struct atls_session *s);
int session_again_begin(struct atls_session *s);   /* 0, or what session_fail() gave */
int session_again_library(struct atls_session *s); /* goes on; the library's code */

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
