/* SPDX-License-Identifier: Apache-2.0 */
/* X25519 (RFC 7748 section 5) of OpenSSL's libcrypto. */
#ifndef ATLS_TLS_FAST_X25519_H
#define ATLS_TLS_FAST_X25519_H

#include <stdbool.h>
#include <stdint.h>

/* SCALAR times POINT. False: the product is all zero (section 6.1), or there was no memory. */
bool atls_fast_x25519(const uint8_t scalar[32], const uint8_t point[32], uint8_t productp[32]);

#endif
