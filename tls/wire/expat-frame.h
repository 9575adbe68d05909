/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of expat-04 in application data. RFC 9261 leaves it to the application how requests and
 * authenticators travel, and draft-fossati-seat-expat says no more: this is the harness's own
 * framing (harness/peers/README.md), as small as can be. A frame is a type, 24 bits of length, a
 * body; frames know nothing of TLS records.
 */
#ifndef ATLS_TLS_WIRE_EXPAT_FRAME_H
#define ATLS_TLS_WIRE_EXPAT_FRAME_H

#include "rats/base/bytes.h"

#define ATLS_FRAME_HEADER 4
#define ATLS_COCOS_HEADER 5
#define ATLS_FRAME_REQUEST_MAX 65535u
#define ATLS_FRAME_AUTHENTICATOR_MAX (1u << 20)
#define ATLS_FRAME_LINE_MAX 4095u

enum atls_frame_type {
    ATLS_FRAME_REQUEST = 1,   /* CertificateRequest or ClientCertificateRequest */
    ATLS_FRAME_AUTHENTICATOR, /* Certificate, CertificateVerify, Finished; or Finished */
    ATLS_FRAME_LINE,          /* the line of application data, without an end of line */
    ATLS_FRAME_DONE,          /* nothing more is asked, and all that came was accepted; empty */
    ATLS_FRAME_ALERT,         /* one byte: of a stack that cannot send this alert itself */
};

struct atls_frame {
    enum atls_frame_type type;
    struct atls_bytes body; /* borrowed */
};

/* The first frame of IN, and the bytes that it takes. ATLS_E_AGAIN: it is not whole yet.
 * ATLS_E_MALFORMED: a type that there is not, or a length that its type cannot have; this is known
 * once the four bytes of the header are there. */
int atls_frame_read(struct atls_bytes in, struct atls_frame *framep, size_t *usedp);
/* Writes the header for a body of SIZE bytes. ATLS_E_LIMIT: the type cannot have that many. */
int atls_frame_header(enum atls_frame_type type, size_t size, uint8_t headerp[ATLS_FRAME_HEADER]);

/*
 * The frames of Cocos (github.com/ultravioletrs/cocos, pkg/atls/internal_transport/protocol.go at
 * 747aaaa5): a type, 32 bits of length, a body. There are requests and authenticators alone, one of
 * each; all behind them is application data as it is. Bounds are those above, though Cocos reads
 * bodies of up to 16 MiB.
 */
int atls_cocos_frame_read(struct atls_bytes in, struct atls_frame *framep, size_t *usedp);
int atls_cocos_frame_header(enum atls_frame_type type, size_t size,
                            uint8_t headerp[ATLS_COCOS_HEADER]);

#endif
