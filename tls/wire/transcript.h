/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake messages of one connection, kept so that the hash of any prefix can be taken: of
 * ClientHello to ServerHello for the binders, of everything before Certificate for the oldest
 * draft, and so on. They are kept as bytes, because a HelloRetryRequest is read in four ways (see
 * below) and only the caller knows which. Nothing here knows a TLS library.
 */
#ifndef ATLS_TLS_WIRE_TRANSCRIPT_H
#define ATLS_TLS_WIRE_TRANSCRIPT_H

#include "rats/crypto/crypto.h"

#define ATLS_TRANSCRIPT_MESSAGES 32    /* messages of one transcript */
#define ATLS_TRANSCRIPT_MAX (4u << 20) /* their bytes, where the caller has no other bound */

/* RFC 8446 section 4. HELLO_RETRY_REQUEST is never on the wire: some libraries call that what is a
 * SERVER_HELLO there. */
enum atls_handshake_type {
    ATLS_HS_CLIENT_HELLO = 1,
    ATLS_HS_SERVER_HELLO = 2,
    ATLS_HS_NEW_SESSION_TICKET = 4,
    ATLS_HS_HELLO_RETRY_REQUEST = 6,
    ATLS_HS_ENCRYPTED_EXTENSIONS = 8,
    ATLS_HS_CERTIFICATE = 11,
    ATLS_HS_CERTIFICATE_REQUEST = 13,
    ATLS_HS_CERTIFICATE_VERIFY = 15,
    ATLS_HS_FINISHED = 20,
    ATLS_HS_KEY_UPDATE = 24,
    ATLS_HS_MESSAGE_HASH = 254,
};

/* What "ClientHello to ServerHello" is after a HelloRetryRequest (CH1, HRR, CH2, SH): the drafts do
 * not say. Where there was none, all four are the same. */
enum atls_hello_retry {
    ATLS_RETRY_MESSAGE_HASH, /* message_hash(CH1), HRR, CH2, SH: RFC 8446 section 4.4.1; default */
    ATLS_RETRY_ALL,          /* CH1, HRR, CH2, SH as they were sent */
    ATLS_RETRY_FIRST_HELLO,  /* CH1, SH */
    ATLS_RETRY_SECOND_HELLO, /* CH2, SH */
    ATLS_RETRY_COUNT
};
/* "message-hash", "all", "first-hello", "second-hello". Static storage; NULL for other numbers. */
const char *atls_hello_retry_name(enum atls_hello_retry reading);
/* ATLS_E_UNSUPPORTED: no such name. */
int atls_hello_retry_parse(const char *name, enum atls_hello_retry *readingp);

struct atls_transcript {
    uint8_t *bytes; /* messages with their headers, one behind the other */
    size_t size, capacity, most;
    size_t end[ATLS_TRANSCRIPT_MESSAGES]; /* where each of them ends */
    size_t count;
    bool retried;   /* the second message is a HelloRetryRequest */
    uint16_t suite; /* of ServerHello or HelloRetryRequest; 0 where neither came yet */
};

/* MOST: bytes of all messages together, headers included. */
void atls_transcript_init(struct atls_transcript *t, size_t most);
void atls_transcript_clear(struct atls_transcript *t);

/* Adds a message: its type and its body, without the four bytes of header. NewSessionTicket and
 * KeyUpdate are no part of any transcript (RFC 8446 section 4.4.1) and are passed over.
 * ATLS_E_MALFORMED: not the message that may come here (two ClientHellos but with a
 * HelloRetryRequest between them, two HelloRetryRequests, a ServerHello that cannot be read).
 * ATLS_E_MISMATCH: the cipher suites of HelloRetryRequest and ServerHello differ (4.1.4).
 * ATLS_E_LIMIT, -ENOMEM. After any of them the transcript is as it was. */
int atls_transcript_add(struct atls_transcript *t, unsigned type, struct atls_bytes body);
/* Forgets the messages behind the first COUNT: contexts of post-handshake authentication all begin
 * with the same handshake (RFC 8446 section 4.4). The hellos are never forgotten. */
void atls_transcript_truncate(struct atls_transcript *t, size_t count);

/* How many messages come before the first of TYPE, CH1 and HRR included. ATLS_E_MISSING. */
int atls_transcript_before(const struct atls_transcript *t, unsigned type, size_t *countp);
/* How many messages there are up to and with ServerHello: 2, or 4. ATLS_E_MISSING: it did not come.
 */
int atls_transcript_hellos(const struct atls_transcript *t, size_t *countp);

/* Hash of the cipher suite. ATLS_E_MISSING: no ServerHello yet; ATLS_E_UNSUPPORTED: unknown suite.
 */
int atls_transcript_alg(const struct atls_transcript *t, enum atls_hash *hashp);
/* Hash of the first COUNT messages as READING has them; writes atls_hash_size() of
 * atls_transcript_alg() to DIGESTP. COUNT 1 is the (first) ClientHello alone in every reading; else
 * it must not end between the hellos where READING leaves some of them out. -EINVAL. */
int atls_transcript_hash(const struct atls_transcript *t, const struct atls_crypto *crypto,
                         enum atls_hello_retry reading, size_t count, uint8_t *digestp);
/* Hash(ClientHello..ServerHello). */
int atls_transcript_hash_hellos(const struct atls_transcript *t, const struct atls_crypto *crypto,
                                enum atls_hello_retry reading, uint8_t *digestp);

#endif
