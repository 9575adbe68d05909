/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to the TLS library. A stack is a table of functions over one of them, none of which
 * blocks; the engine drives all connections through it, and knows no library. In turn a stack tells
 * the session what passes by (the functions session_...() below), because attestation happens in
 * the middle of a handshake, where only the library knows how far it is.
 *
 * What the session's functions return is 0, or that the handshake has to end: the session has
 * recorded why, and the engine sends the alert. ATLS_E_AGAIN, of those that say so: the stack is to
 * be asked to go on later, and then asks again.
 */
#ifndef ATLS_TLS_ENGINE_STACK_H
#define ATLS_TLS_ENGINE_STACK_H

#include "rats/base/bytes.h"
#include "rats/crypto/crypto.h"
#include "tls/wire/entry-extension.h"
#include "tls/wire/transcript.h"

struct atls_party;
struct atls_session;

#define ATLS_PEER_CHAIN_MAX 16 /* certificates of a peer */

enum atls_stack_answer {
    ATLS_STACK_DONE,
    ATLS_STACK_AGAIN,  /* it was interrupted: once more, at once */
    ATLS_STACK_READ,   /* bytes of the peer are needed */
    ATLS_STACK_WRITE,  /* room for bytes to the peer is needed */
    ATLS_STACK_CLOSED, /* of receive: the peer has said that it sends no more */
    ATLS_STACK_REPEAT, /* of receive: the peer wants this side's Certificate once more */
    ATLS_STACK_FAILED  /* the session knows why */
};

struct atls_stack {
    const char *name;
    /* A callback that answers ATLS_E_AGAIN is made again; else the session waits inside of it. */
    bool pauses;
    /* It can send an alert of any number after the handshake, too. */
    bool alerts_later;

    /* Can extensions of certificates be had here, and with SECRET the Handshake Secret? NULL: as
     * far as anybody asks. ATLS_E_UNSUPPORTED. */
    int (*check)(bool secret);
    /* What a party needs, into party->tls: its chain and key are there already, and come from the
     * file CERTIFICATE, where there is one. As atls_party_start(). */
    int (*start)(struct atls_party *party, const char *certificate, const char *trust_anchors);
    void (*stop)(struct atls_party *party);

    /* A connection, *CONNECTIONP; close() is called with whatever open() left there. */
    int (*open)(struct atls_session *s, void **connectionp); /* as atls_fail() */
    void (*close)(void *connection);
    void (*use_socket)(void *connection, int fd);

    enum atls_stack_answer (*handshake)(void *connection);
    /* Once more, by client authentication after the handshake. NULL: there is none. */
    enum atls_stack_answer (*again)(void *connection);
    enum atls_stack_answer (*send)(void *connection, struct atls_bytes bytes, size_t *sentp);
    enum atls_stack_answer (*receive)(void *connection, uint8_t *buffer, size_t capacity,
                                      size_t *sizep);
    /* A fatal alert, where that can be sent; *session_alert() says what went out. */
    enum atls_stack_answer (*alert)(void *connection, unsigned alert);
    enum atls_stack_answer (*bye)(void *connection); /* close_notify */

    /* TLS-Exporter with a context (RFC 8446 section 7.5), and its hash. As atls_fail(). */
    int (*exporter)(void *connection, const char *label, struct atls_bytes context, uint8_t *valuep,
                    size_t size);
    int (*hash)(void *connection, enum atls_hash *hashp);
    /* The Handshake Secret; NULL: it cannot be had. */
    int (*handshake_secret)(void *connection, struct atls_bytes *secretp);

    /* From within a callback of a server: is the client to present a certificate? */
    void (*request_certificate)(void *connection, bool ask);
    /* The next CertificateRequest or Certificate of this side has these; copied. NULL: it cannot.
     */
    int (*put_request)(void *connection, const struct atls_entry_extension *extensions,
                       size_t count);
    int (*put_entries)(void *connection, const struct atls_entry_extension *extensions,
                       size_t count);

    /* BODY goes out in place of X.509, and the key SPKI signs; borrowed until close(). */
    int (*put_certificate)(void *connection, struct atls_bytes body, struct atls_bytes spki);

    /* As put_key() of the profile, for a peer whose CertificateVerify has r || s: the stack
     * verifies that itself, with KEY, or fails as key-mismatch. NULL: it cannot.
     * ATLS_E_UNSUPPORTED: not with such a key; ATLS_E_LIMIT; -errno. */
    int (*put_raw_key)(void *connection, const struct atls_public_key *key, uint8_t *credential,
                       size_t size);

    /* PKIX for CHAIN, or (COUNT 0) for the peer's of this handshake: 0, or what session_fail()
     * gave. CRITICAL: the session has read the one extension that is critical. */
    int (*verify_chain)(void *connection, const struct atls_bytes *chain, size_t count,
                        bool critical);
    /* The peer's chain of this handshake; borrowed. */
    size_t (*peers)(void *connection, struct atls_bytes chain[ATLS_PEER_CHAIN_MAX]);
    /* The key of the leaf that was verified. As atls_x509_public_key(). */
    int (*leaf_key)(void *connection, struct atls_public_key *keyp);
    /* The same as DER of any kind, where it has room. */
    bool (*peer_key)(void *connection, uint8_t spki[ATLS_SPKI_MAX], size_t *sizep);
};

/* What a stack may know of its session. */
const struct atls_party *session_party(const struct atls_session *s);
bool session_has_failed(const struct atls_session *s);
bool session_waits(const struct atls_session *s); /* for a verifier: the library has to, too */
bool session_peer_attests(const struct atls_session *s);
bool session_peer_accepted(const struct atls_session *s);
/* The peer's Certificate is all the attestation's, and read by its own rules. */
bool session_certificate_replaced(const struct atls_session *s);
/* Is a client asked for a certificate, as far as that is known before the hellos? */
bool session_asks(const struct atls_session *s);
/* The alert that is due for the failure. */
int session_due_alert(const struct atls_session *s);
/* The fatal alert that went over the wire, -1 for none: a stack writes it. */
int *session_alert(struct atls_session *s);

/* Records the first failure; later ones are its consequences. ALERT < 0: as the profile's table
 * says. DETAIL NULL: text and clause of the newest atls_fail(). CLAUSE NULL: as the table says,
 * where that gives none. Returns -1. */
int session_fail(struct atls_session *s, const char *reason, int alert, const char *clause,
                 const char *detail);
struct atls_diagnosis;
/* Behind a refusal: what is known of what did not match (copied). Nothing of the refusal changes.
 */
void session_diagnose(struct atls_session *s, const struct atls_diagnosis *diagnosis);
/* The peer ended it, by ALERT or (-1) without: there is nobody to tell. Returns -1. */
int session_ended(struct atls_session *s, const char *reason, int alert, const char *detail);
/* The peer ended it by a fatal ALERT. */
int session_alert_received(struct atls_session *s, unsigned alert);

/* Does PARTY give the Handshake Secret away? Then its stack has to have it in every connection. */
bool session_leaks(const struct atls_party *party);
/* A line of the key log; RANDOM is the ClientHello's. */
void session_keylog(struct atls_session *s, const char *label, struct atls_bytes random,
                    struct atls_bytes secret);
/* The event of a fault that the stack carries out. */
void report_fault(struct atls_session *s, const char *name, const char *detail);

/* What passes by, in the order of a handshake. */

struct hello_body { /* of one extension */
    uint8_t *data;
    size_t size;
    bool present, repeated; /* repeated: seen in the second ClientHello as well */
};

/* A ClientHello, ServerHello or HelloRetryRequest, as sent or received, without its header. */
int session_hello_message(struct atls_session *s, enum atls_handshake_type type,
                          struct atls_bytes message);
/* The body of the profile's extension I for the own hello. NULL: as 0 above. */
const struct hello_body *session_hello_own(struct atls_session *s, size_t i);
/* A body that came in a ClientHello, or in EncryptedExtensions. */
int session_hello_body(struct atls_session *s, size_t i, struct atls_bytes body);
/* extension=NAME:HEX (a fault) is about the extension I. */
bool session_hello_forced(const struct atls_session *s, size_t i);
/* A server has read a whole ClientHello. */
int session_client_hello(struct atls_session *s);
/* A server has made EncryptedExtensions, and the hellos are known. ATLS_E_AGAIN. */
int session_selected(struct atls_session *s);
/* A client has a CertificateRequest, with COUNT extensions of attestation. */
int session_requested(struct atls_session *s, const struct atls_entry_received *list, size_t count);
/* A client knows all answers of the server: again at any message behind EncryptedExtensions. */
int session_answered(struct atls_session *s);
/* A client was not asked for a Certificate. */
int session_not_requested(struct atls_session *s);

struct session_certificate {
    uint8_t *message; /* the body, into which the session may write; or NULL */
    size_t size;
    const struct atls_bytes *chain; /* as far as the stack has it */
    size_t chain_size;
    const struct atls_entry_received *extensions; /* of attestation, in its entries */
    size_t extension_count;
};
/* The peer's Certificate, ahead of the library's own look at it. */
int session_certificate(struct atls_session *s, const struct session_certificate *certificate);
/* The library is content with the Certificate: is the session? ATLS_E_AGAIN. */
int session_judge(struct atls_session *s);

struct session_presented { /* by this side's Certificate */
    bool by_credential;    /* the session signs: session_sign() */
    bool none;             /* an empty Certificate */
    bool in_place;         /* what put_certificate() has, or will have, in place of X.509 */
};
/* The own Certificate is to be made. */
int session_present(struct atls_session *s, struct session_presented *presentedp);
/* The key that will sign: what is known of it. */
bool session_signs_p384(const struct atls_session *s);
/* r || s over DIGEST by the device. ATLS_E_UNSUPPORTED: the key is the party's own. */
int session_sign(struct atls_session *s, struct atls_bytes digest,
                 uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep);

#endif
