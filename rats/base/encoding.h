/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal, base64 and base64url, strict. Decoders refuse what is not canonical (wrong padding,
 * non-zero trailing bits, other characters), naming RFC 4648. */
#ifndef ATLS_RATS_BASE_ENCODING_H
#define ATLS_RATS_BASE_ENCODING_H

#include "rats/base/bytes.h"

enum atls_base64 {
    ATLS_BASE64URL,        /* RFC 4648 5 without padding: what RFC 9999, JOSE and EAR use */
    ATLS_BASE64URL_PADDED, /* RFC 4648 5 with padding: eat_nonce as Veraison writes it */
    ATLS_BASE64,           /* RFC 4648 4 with padding: Veraison sessions up to v0.0.2608 */
    ATLS_BASE64_ANY,       /* decoding only: either alphabet (not mixed), padded or not */
};

/* TEXT without the white space (RFC 8259 section 2: blank, tab, line ends) before and behind it. */
struct atls_bytes atls_text_trim(struct atls_bytes text);

/* Both allocate a zero-terminated string (free() it); NULL where memory ran out. */
char *atls_hex_encode(struct atls_bytes in);
char *atls_base64_encode(enum atls_base64 kind, struct atls_bytes in);
/* 0: they are equal, as atls_bytes_equal_secret() has it. ATLS_E_MISMATCH: WHAT they are, and both
 * in hex. */
int atls_bytes_expect(const char *clause, const char *what, struct atls_bytes expected,
                      struct atls_bytes came);

/* Both allocate *DATAP (free() it). 0, -ENOMEM or ATLS_E_MALFORMED. */
int atls_hex_decode(struct atls_bytes text, uint8_t **datap, size_t *sizep);
int atls_base64_decode(enum atls_base64 kind, struct atls_bytes text, uint8_t **datap,
                       size_t *sizep);

#endif
