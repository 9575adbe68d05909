/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported Authenticators in TLS (RFC 9261), whole: after the handshake either side asks the other
 * for a certificate and a proof that it has the key, in messages that the application carries. The
 * proof is bound to the connection by four exported values.
 *
 * This pair of files stands on its own: it knows no TLS library and no certificate format, but
 * callbacks for the exporter, the hash, the HMAC and signatures. It makes and checks what RFC 9261
 * says of messages, contexts and extensions. To the caller it leaves the certificate chain (section
 * 7.4: validate what comes back), what an extension means, and the framing on the wire.
 *
 * A conversation, this side asking: make_request(), send, receive, validate(). Asked by the other:
 * take_request(), answer(), send. A server may also send what nobody asked for: volunteer().
 *
 * Errors of all functions: what each says; what a callback returned; -ENOMEM; -EINVAL where the
 * caller would break a rule of RFC 9261 that it can know (the text has the clause). Where the peer
 * did it, the outcome is positive and ea->alert is the alert of RFC 8446 section 6 that names it.
 * RFC 9261 has no alerts of its own; protocols that tell the peer what was wrong may use it.
 */
#ifndef ATLS_TLS_AUTHENTICATOR_RFC9261_H
#define ATLS_TLS_AUTHENTICATOR_RFC9261_H

#include "rats/base/bytes.h"

#define ATLS_EA_SIZE_MAX (1u << 20) /* bytes of a request or an authenticator */
#define ATLS_EA_ENTRIES 16          /* certificates of a chain */
#define ATLS_EA_EXTENSIONS 16       /* extensions of a CertificateEntry */
#define ATLS_EA_OFFERS 64           /* extensions of a request or a ClientHello */
#define ATLS_EA_EXCHANGES 1024      /* requests and unasked authenticators of a connection */
#define ATLS_EA_HASH_MAX 64
#define ATLS_EA_SIGNATURE_MAX 2048

enum atls_ea_side { ATLS_EA_CLIENT, ATLS_EA_SERVER };

/* Handshake types of RFC 8446 section 4 and RFC 9261 section 8.3. */
enum atls_ea_message {
    ATLS_EA_CERTIFICATE = 11,
    ATLS_EA_CERTIFICATE_REQUEST = 13, /* by a server */
    ATLS_EA_CERTIFICATE_VERIFY = 15,
    ATLS_EA_CLIENT_CERTIFICATE_REQUEST = 17, /* by a client */
    ATLS_EA_FINISHED = 20,
};
/* RFC 8446 section 6. CERTIFICATE_REQUIRED: the peer refused, with an empty authenticator. */
enum atls_ea_alert {
    ATLS_EA_UNEXPECTED_MESSAGE = 10,
    ATLS_EA_BAD_CERTIFICATE = 42,
    ATLS_EA_ILLEGAL_PARAMETER = 47,
    ATLS_EA_DECODE_ERROR = 50,
    ATLS_EA_DECRYPT_ERROR = 51,
    ATLS_EA_INTERNAL_ERROR = 80,
    ATLS_EA_MISSING_EXTENSION = 109,
    ATLS_EA_UNSUPPORTED_EXTENSION = 110,
    ATLS_EA_CERTIFICATE_REQUIRED = 116,
};
#define ATLS_EA_SIGNATURE_ALGORITHMS 13 /* the extension type that a request must have */

/* What the connection is and can. PARTS are to be taken one behind the other. */
struct atls_ea_connection {
    enum atls_ea_side side;
    uint16_t version;            /* 0x0304 or, with RFC 7627, 0x0303; of DTLS 0xfefc or 0xfefd */
    bool extended_master_secret; /* of 0x0303 and 0xfefd: negotiated? */
    size_t hash_size;            /* bytes of the authenticator hash (section 5.1): the PRF's */
    /* TLS-Exporter (RFC 8446 section 7.5), never the early one; writes SIZE bytes. */
    int (*exporter)(void *context, const char *label, struct atls_bytes context_value,
                    uint8_t *valuep, size_t size);
    int (*hash)(void *context, const struct atls_bytes *parts, size_t count, uint8_t *digestp);
    int (*hmac)(void *context, struct atls_bytes key, struct atls_bytes data, uint8_t *macp);
    /* Verifies SIGNATURE of CONTENT (not hashed) by the key of the DER CERTIFICATE. 0,
     * ATLS_E_SIGNATURE, ATLS_E_MALFORMED, ATLS_E_UNSUPPORTED. */
    int (*verify)(void *context, uint16_t scheme, struct atls_bytes certificate,
                  struct atls_bytes content, struct atls_bytes signature);
    void *context;
};

struct atls_ea_extension {
    uint16_t type;
    struct atls_bytes data; /* extension_data */
};
struct atls_ea_entry {             /* a CertificateEntry, RFC 8446 section 4.4.2 */
    struct atls_bytes certificate; /* DER; borrowed */
    struct atls_ea_extension extensions[ATLS_EA_EXTENSIONS];
    size_t extension_count;
};
struct atls_ea_request {       /* everything borrowed */
    struct atls_bytes context; /* certificate_request_context */
    struct atls_ea_extension extensions[ATLS_EA_OFFERS];
    size_t extension_count;
    struct atls_bytes schemes; /* of signature_algorithms: two bytes each */
};
struct atls_ea_authenticator { /* everything borrowed */
    struct atls_bytes context;
    struct atls_ea_entry entries[ATLS_EA_ENTRIES]; /* the first is the leaf */
    size_t entry_count;
    uint16_t scheme; /* of CertificateVerify */
};
struct atls_ea_identity { /* who answers */
    const struct atls_ea_entry *entries;
    size_t entry_count;
    uint16_t scheme; /* a SignatureScheme of TLS 1.3 */
    /* Signs CONTENT (not hashed) by SCHEME; writes at most CAPACITY bytes. */
    int (*sign)(void *context, uint16_t scheme, struct atls_bytes content, uint8_t *signaturep,
                size_t capacity, size_t *sizep);
    void *context;
};

struct atls_ea_exchange;
struct atls_ea { /* the authenticators of one connection */
    const struct atls_ea_connection *connection;
    struct {
        uint8_t handshake_context[ATLS_EA_HASH_MAX], finished_key[ATLS_EA_HASH_MAX];
    } keys[2]; /* by the sender's side */
    uint8_t *hello;
    size_t hello_size;
    struct atls_ea_exchange *exchanges;
    size_t exchange_count;
    unsigned alert;       /* of the last outcome that was not 0 */
    uint8_t request_type; /* of requests made here; a test may set another */
    bool headless;        /* H33: transcripts have the request without its handshake header */
    bool lax;             /* makes what the clauses forbid, where told to: to test peers */
};

/* Exports the keys: not before the handshake is complete. CONNECTION outlives EA.
 * ATLS_E_UNSUPPORTED: a version that section 7 excludes. */
int atls_ea_init(struct atls_ea *ea, const struct atls_ea_connection *connection);
void atls_ea_clear(struct atls_ea *ea);
/* The ClientHello's extensions (what is in its block, without the length), which say what an
 * authenticator that nobody asked for may contain (section 5.2). Needed for those only; copied.
 * ATLS_E_MALFORMED, ATLS_E_LIMIT. */
int atls_ea_hello(struct atls_ea *ea, struct atls_bytes extensions);

/* "request" of section 7.1. CONTEXT must be new to the connection and should be unpredictable
 * (section 4). EXTENSIONS must have signature_algorithms; those that the peer is to answer have no
 * data or what they define for a CertificateRequest. *REQUESTP is allocated. ATLS_E_LIMIT. */
int atls_ea_make_request(struct atls_ea *ea, struct atls_bytes context,
                         const struct atls_ea_extension *extensions, size_t count,
                         uint8_t **requestp, size_t *sizep);
/* A request that came; it is remembered until it is answered. ATLS_E_MALFORMED: its grammar, the
 * type of the wrong side, a repeated extension or one of another message; ATLS_E_MISMATCH: a
 * context that was used; ATLS_E_MISSING: signature_algorithms; ATLS_E_LIMIT. */
int atls_ea_take_request(struct atls_ea *ea, struct atls_bytes request,
                         struct atls_ea_request *requestp);

/* "authenticate" of section 7.3, for the request with CONTEXT: an authenticator, or an empty one
 * where IDENTITY is NULL (section 6). One for each request. *AUTHENTICATORP is allocated.
 * ATLS_E_UNSUPPORTED: the request has not the identity's scheme (then answer with NULL). */
int atls_ea_answer(struct atls_ea *ea, struct atls_bytes context,
                   const struct atls_ea_identity *identity, uint8_t **authenticatorp,
                   size_t *sizep);
/* The same without a request: servers only. CONTEXT is new and unpredictable (section 5.2.1). */
int atls_ea_volunteer(struct atls_ea *ea, struct atls_bytes context,
                      const struct atls_ea_identity *identity, uint8_t **authenticatorp,
                      size_t *sizep);

/* For a diagnosis: would AUTHENTICATOR be valid, as the answer to the request with CONTEXT, if
 * transcripts had the request's header or not (HEADLESS), and VERIFY verified? Nothing is used up.
 */
bool atls_ea_fits(const struct atls_ea *ea, struct atls_bytes authenticator,
                  struct atls_bytes context, bool headless,
                  int (*verify)(void *context, uint16_t scheme, struct atls_bytes certificate,
                                struct atls_bytes content, struct atls_bytes signature));

/* "validate" of section 7.4. CONTEXT is that of the request of this side which is answered, or NULL
 * for an authenticator that nobody asked for. Success uses up the context, and so does
 * ATLS_E_REFUSED: an empty authenticator that is authentic. After any other outcome the request
 * stands, and another answer may be validated. ATLS_E_MALFORMED: grammar; an extension repeated or
 * of another message; a client's that nobody asked for. ATLS_E_UNSUPPORTED: an extension that was
 * not requested, a scheme that was not. ATLS_E_SIGNATURE: CertificateVerify. ATLS_E_MISMATCH:
 * another context, a context that was used, Finished. ATLS_E_LIMIT. */
int atls_ea_validate(struct atls_ea *ea, struct atls_bytes authenticator,
                     const struct atls_bytes *context,
                     struct atls_ea_authenticator *authenticatorp);

/* "get context" of section 7.2, of a request or an authenticator; verifies nothing. ATLS_E_MISSING:
 * an empty authenticator, which has none. ATLS_E_MALFORMED. */
int atls_ea_get_context(struct atls_bytes message, struct atls_bytes *contextp);

/* The extension TYPE where it may be in the first entry only. ATLS_E_MISSING; ATLS_E_MALFORMED
 * where some other entry has it. */
int atls_ea_leaf_extension(const struct atls_ea_authenticator *authenticator, uint16_t type,
                           struct atls_bytes *datap);
/* The extension TYPE of a request, or ATLS_E_MISSING. */
int atls_ea_requested(const struct atls_ea_request *request, uint16_t type,
                      struct atls_bytes *datap);

#endif
