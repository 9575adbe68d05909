/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a session, shared by its parts: session.c (life and phases), session-failure.c
 * (whose fault, which alert), session-hello.c (negotiation), session-credential.c (the own
 * Certificate), session-judge.c (the peer's, and the verdict), session-diagnosis.c,
 * session-misread.c (what the peer meant), session-again.c (client authentication after the
 * handshake), session-report.c (events), and the carriers (carrier.h), whose own state is theirs
 * alone.
 */
#ifndef ATLS_TLS_ENGINE_SESSION_INTERNAL_H
#define ATLS_TLS_ENGINE_SESSION_INTERNAL_H

#include "tls/engine/carrier.h"
#include "tls/engine/session.h"
#include "tls/engine/stack.h"

#define ATLS_LINE_MAX 4096 /* bytes of the line of application data, with its end */
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

struct failure {
    const char *reason; /* NULL: none */
    int due;            /* the alert for the peer */
    int alert;          /* what went over the wire, sent or received; -1: none */
    bool alert_received;
    bool by_peer;                     /* nobody is there to be told */
    char detail[512], clause[160];    /* a detail has room for all of an error's text */
    struct atls_diagnosis *diagnosis; /* what is known of what did not match; or NULL */
};

/* As attester. */
struct own_credential {
    enum atls_model model; /* what was agreed on */
    struct atls_credential credential;
    bool has_credential;
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
    uint8_t verified_with[ATLS_SPKI_MAX];
    size_t verified_with_size; /* 0: none, or a key of another kind */
};

/* Negotiation; bodies by index into the profile's extensions. */
struct hellos {
    struct hello_body sent[ATLS_PROFILE_EXTENSIONS_MAX], received[ATLS_PROFILE_EXTENSIONS_MAX];
    unsigned count; /* ClientHellos so far */
    bool hrr, offer_reported, built, settled;
    struct atls_abilities as_attester, as_relying_party; /* what a client can offer just now */
    struct atls_selection selections[2];
    uint8_t faulty_nonce[ATLS_WIRE_NONCE_MAX];
    struct atls_offer offers[2]; /* large, and not cleared at the start but made empty */
};

/* session-shares.c: what tells a key exchange from another */
#define HELLO_SHARES_MAX 8 /* of a client; what comes behind is not looked at */
struct hello_share {
    uint16_t group;
    uint8_t hash[32]; /* SHA-256 of key_exchange */
};
struct hello_shares {
    struct hello_share client[HELLO_SHARES_MAX], server;
    size_t count; /* of the client's */
    bool has_random, has_server;
    uint8_t random[32]; /* of the ClientHello */
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
    void *connection; /* the stack's */
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
    struct hello_shares shares;
    struct hellos hello;
    struct line line;
};

/* The same as session_fail() with the newest atls_fail()'s text, and the clause that the profile's
 * table gives. */
int session_refuse(struct atls_session *s, const char *reason);

const struct atls_stack *session_stack(const struct atls_session *s);
enum atls_side session_peer_side(const struct atls_session *s);
/* What the verifier owed has come, or never will. True while anything is still awaited. */
bool session_still_waiting(struct atls_session *s);
/* In the middle of a handshake, where something is awaited: ATLS_E_AGAIN of a stack that pauses;
 * of others only once it has come. 0 or what session_fail() gave besides. */
int session_pause(struct atls_session *s);

/* session-hello.c */
int session_hello_offer(struct atls_session *s); /* a client's offers and their bodies */
/* Takes the verifier's nonce for the peer. ATLS_E_AGAIN, or the verifier's failure. */
int session_hello_challenge(struct atls_session *s);
void session_hello_clear(struct atls_session *s);

/* session-diagnosis.c, behind a refusal of the credential: what did it answer? */
void session_diagnose_credential(struct atls_session *s);
/* session-misread.c, behind a refusal of an extension: of number I of the profile's hellos; of what
 * is in a CertificateEntry (its payload), if it was that which was refused; or of a Certificate
 * MESSAGE without it. */
void session_diagnose_hello(struct atls_session *s, size_t i, struct atls_bytes in);
void session_diagnose_payload(struct atls_session *s, struct atls_bytes payload);
void session_diagnose_entry(struct atls_session *s, struct atls_bytes message);
/* Is TYPE another number that the extension of entries is known by, or another one of the table? */
bool session_recognize_number(const struct atls_session *s, uint16_t type,
                              struct atls_diagnosis *d);

/* session-credential.c: the own one */
int session_credential_make(struct atls_session *s); /* evidence or result, once agreed */
/* Takes the own result. ATLS_E_AGAIN, or why there is none. */
int session_credential_result(struct atls_session *s);
/* Records why the attester gave no credential; CODE is its answer. */
int session_credential_failed(struct atls_session *s, int code);
void session_credential_clear(struct atls_session *s);
/* empty-certificate: a client sends no entry; of a server the library wants one, which has no
 * bytes. */
bool session_withholds(const struct atls_session *s);

/* session-judge.c: the peer's */
/* Begins judging the peer by MODEL; the passport's verifier is the one agreed on. */
int session_appraisal_begin(struct atls_session *s, enum atls_model model);
/* Tells the appraisal which keys are this side's own, where a peer with one of them is refused
 * (own-key=refused); before its credential. As atls_fail(). */
int session_name_own_keys(struct atls_session *s);
/* Records why the verifier gave no nonce or verdict. */
int session_appraisal_failed(struct atls_session *s);
void session_judge_clear(struct atls_session *s);
/* Keeps the key of an accepted peer's leaf for the event, where none is kept yet. */
void session_note_peer_key(struct atls_session *s);
/* H20: is the CMW of the type that was selected, where that is asked for? */
int session_check_type(struct atls_session *s, enum atls_side peer, struct atls_bytes in);
/* X.509 verifies up to a trust anchor, with the peer's name where it has one. */
int session_verify_chain(struct atls_session *s);
/* The same for CHAIN; CRITICAL as the stack's verify_chain(). */
int session_verify(struct atls_session *s, const struct atls_bytes *chain, size_t count,
                   bool critical);
/* Fails for what atls_x509_public_key() said: another kind of key has a reason of its own, as no
 * key was compared. */
int session_leaf_key_refused(struct atls_session *s, int code);
/* Fails for what a reader of CMWs said: it is the peer's fault where this machine could read it. */
int session_cmw_refused(struct atls_session *s, int code);

/* carrier.c: the one of the credential of ATTESTER's side; and all that are in use */
const struct atls_carrier *session_carrier(const struct atls_session *s, enum atls_side attester);
int session_carriers_prepare(struct atls_session *s);
void session_carriers_clear(struct atls_session *s);
int session_carriers_hello(struct atls_session *s, enum atls_handshake_type type,
                           struct atls_bytes message);

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
/* What of the PAYLOAD of the extension WHAT is the CMW, its field NAME, behind PREFIX bytes of
 * length. ATLS_E_MALFORMED. */
int session_read_payload(const struct atls_session *s, unsigned prefix, const char *what,
                         const char *name, struct atls_bytes payload, struct atls_bytes *cmwp);
/* The same with the length that is due; else refused. */
int session_find_cmw(struct atls_session *s, const char *what, const char *name,
                     struct atls_bytes payload, struct atls_bytes *cmwp);
int session_entry_request(struct atls_session *s); /* for CertificateRequest */
/* Reads those of the CertificateRequest that came. */
int session_entry_requested(struct atls_session *s, const struct atls_entry_received *list,
                            size_t count);
int session_entry_send_unasked(struct atls_session *s); /* a fault */

/* session-again.c: post-handshake client authentication. Has the server to ask once more? */
bool session_again_wanted(const struct atls_session *s);
int session_again_begin(struct atls_session *s);
enum atls_stack_answer session_again_library(struct atls_session *s);

/* session.c */
enum atls_want session_end(struct atls_session *s);

/* session-failure.c: how the exchange ends otherwise */
enum atls_want session_send_alert(struct atls_session *s);
enum atls_want session_failed(struct atls_session *s); /* what was recorded */
/* The peer left before its line was whole. */
enum atls_want session_left(struct atls_session *s);

/* session-shares.c: a hello passes by; and what was seen, into the FIELDS of an event. */
void session_note_shares(struct atls_session *s, enum atls_handshake_type type,
                         struct atls_bytes message);
void report_shares(const struct atls_session *s, json_t **fieldsp);

/* session-report.c */
void report_offer(struct atls_session *s, const char *direction, const struct hello_body *bodies);
void report_selected(struct atls_session *s, const char *direction,
                     const struct hello_body *bodies);
void report_requested(struct atls_session *s, const char *direction, struct atls_bytes body);
void report_negotiated(struct atls_session *s);
void report_handshake(struct atls_session *s);
void report_line(struct atls_session *s, const char *direction, const char *text, size_t size);
void report_closed(struct atls_session *s);

#endif
