/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsec's wire protocol 1.0, as a client writes and reads it: a header of 36 bytes, and a body in
 * Protocol Buffers (parsec.proto). Nothing here knows a socket. What a service answers may be any
 * bytes: an answer is taken only where all of it is as asked for.
 */
#ifndef ATLS_SIM_ROOTS_PARSEC_WIRE_H
#define ATLS_SIM_ROOTS_PARSEC_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "rats/base/bytes.h"

#define ATLS_PARSEC_HEADER_SIZE 36
#define ATLS_PARSEC_BODY_MAX 4096 /* of requests and answers; Parsec's own limit is 1 MiB */
#define ATLS_PARSEC_MESSAGE_MAX (ATLS_PARSEC_HEADER_SIZE + ATLS_PARSEC_BODY_MAX)

enum atls_parsec_provider { ATLS_PARSEC_CORE = 0, ATLS_PARSEC_TPM = 3 };

enum atls_parsec_opcode {
    ATLS_PARSEC_PING = 0x01,
    ATLS_PARSEC_GENERATE_KEY = 0x02,
    ATLS_PARSEC_DESTROY_KEY = 0x03,
    ATLS_PARSEC_SIGN_HASH = 0x04,
    ATLS_PARSEC_EXPORT_PUBLIC_KEY = 0x07,
    ATLS_PARSEC_LIST_PROVIDERS = 0x08,
    ATLS_PARSEC_LIST_OPCODES = 0x09,
};

struct atls_parsec_request {
    enum atls_parsec_provider provider;
    enum atls_parsec_opcode opcode;
    const ProtobufCMessage *body;
    bool authenticated; /* as a user of this machine: Unix peer credentials */
    uint32_t user;
};

/* "PsaSignHash", or "an operation". Static storage. */
const char *atls_parsec_opcode_name(uint32_t opcode);
/* What a status of Parsec means, in words. Static storage. */
const char *atls_parsec_status_words(uint16_t status);
/* "TPM", or "unknown". Static storage. */
const char *atls_parsec_provider_name(uint32_t provider);

/* Writes header, body and authentication to S. ATLS_E_LIMIT. */
int atls_parsec_request_write(const struct atls_parsec_request *request, struct atls_sink *s);

/* How many bytes are behind a header (the 36 bytes at BYTES) that answers REQUEST.
 * ATLS_E_MALFORMED; ATLS_E_LIMIT: more than ATLS_PARSEC_BODY_MAX; ATLS_E_UNSUPPORTED: another
 * version of the protocol. */
int atls_parsec_header_read(const struct atls_parsec_request *request,
                            const uint8_t bytes[ATLS_PARSEC_HEADER_SIZE], size_t *body_sizep);
/* The body of a whole answer to REQUEST, behind which nothing may be. As atls_parsec_header_read();
 * and where Parsec said no: ATLS_E_UNSUPPORTED (not this version, provider, operation or kind of
 * key), ATLS_E_REFUSED, each with Parsec's status. */
int atls_parsec_answer_read(const struct atls_parsec_request *request, struct atls_bytes answer,
                            struct atls_bytes *bodyp);
/* BODY as a message of a kind: whole, with no field that the kind has not, and as Protocol Buffers
 * are written (no field twice, no longer integer than needed). *MESSAGEP is freed with
 * protobuf_c_message_free_unpacked(). ATLS_E_MALFORMED; -ENOMEM. */
int atls_parsec_body_read(const ProtobufCMessageDescriptor *kind, struct atls_bytes body,
                          ProtobufCMessage **messagep);

#endif
