/* SPDX-License-Identifier: Apache-2.0 */
/* The crypto adapter on BearSSL: no heap, no files, constant time. Firmware is built with it; on
 * the host it shows that both adapters make the same keys and signatures. */
#ifndef ATLS_RATS_CRYPTO_CRYPTO_BEARSSL_H
#define ATLS_RATS_CRYPTO_CRYPTO_BEARSSL_H

#include "rats/crypto/crypto.h"

extern const struct atls_crypto atls_crypto_bearssl;

/* Randomness is the platform's, and BearSSL brings none for a bare processor: whoever links the
 * adapter defines this function. 0 or -errno. */
int atls_bearssl_random(uint8_t *bytesp, size_t count);

#endif
