/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of the RFC 9261 implementation share: rfc9261-messages.c (bytes and the rules
 * that need nothing but bytes) and rfc9261.c (keys, contexts, construction, validation). Users
 * include rfc9261.h.
 */
#ifndef ATLS_TLS_AUTHENTICATOR_RFC9261_MESSAGES_H
#define ATLS_TLS_AUTHENTICATOR_RFC9261_MESSAGES_H

#include "tls/authenticator/rfc9261.h"

#define ATLS_EA_HEADER 4 /* of a handshake message: type, 24 bits of length */
#define ATLS_EA_CONTEXT_MAX 255
#define ATLS_EA_EMPTY_MAX                                                                          \
    (ATLS_EA_HEADER + 1 + ATLS_EA_CONTEXT_MAX + 3) /* see empty_certificate() */

/* Describes an outcome that is the peer's fault, and the alert that names it. */
#define ATLS_EA_REFUSE(ea, name, ...) ((ea)->alert = ATLS_EA_##name, atls_fail(__VA_ARGS__))

/* The type of a request by SIDE (section 4). */
uint8_t atls_ea_request_type(enum atls_ea_side side);
int atls_ea_check_size(struct atls_bytes in);
/* The next message, which must be of TYPE; *WHOLEP has its header, too. */
int atls_ea_read_message(struct atls_ea *ea, struct atls_cursor *c, const char *what, uint8_t type,
                         struct atls_bytes *bodyp, struct atls_bytes *wholep);
/* A request of TYPE (section 4). LAX: one of this side that was to break the rules. */
int atls_ea_read_request(struct atls_ea *ea, struct atls_bytes in, uint8_t type, bool lax,
                         struct atls_ea_request *requestp);
/* A ClientHello's offer, in the shape of a request. */
int atls_ea_read_hello(struct atls_ea *ea, struct atls_bytes block, struct atls_ea_request *offerp);
/* Adds to A, which is zero, what the body of a Certificate has. */
int atls_ea_read_certificate(struct atls_ea *ea, struct atls_bytes body,
                             struct atls_ea_authenticator *a);
/* Section 5.2.1: only what was asked for; and of that what RFC 8446 section 4.2 puts there. */
int atls_ea_check_entries(struct atls_ea *ea, const struct atls_ea_entry *entries, size_t count,
                          const struct atls_ea_request *offer);
/* Section 5.2.2: a scheme of TLS 1.3, and one that was offered. */
int atls_ea_check_scheme(struct atls_ea *ea, uint16_t scheme, const struct atls_ea_request *offer);

int atls_ea_request_size(struct atls_bytes context, const struct atls_ea_extension *extensions,
                         size_t count, size_t *sizep);
void atls_ea_write_request(struct atls_sink *s, uint8_t type, struct atls_bytes context,
                           const struct atls_ea_extension *extensions, size_t count);
/* Bytes of the identity's certificate_list. -EINVAL, ATLS_E_LIMIT. */
int atls_ea_list_size(const struct atls_ea_identity *identity, size_t *sizep);
/* LIST is that size. */
void atls_ea_write_certificate(struct atls_sink *s, struct atls_bytes context,
                               const struct atls_ea_identity *identity, size_t list);
/* A Certificate without entries, which section 6 hashes and nobody sends. */
int atls_ea_empty_certificate(struct atls_bytes context, uint8_t buffer[ATLS_EA_EMPTY_MAX],
                              struct atls_bytes *messagep);

#endif
