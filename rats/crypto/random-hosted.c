/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness of the host for the firmware's adapter, where tests and benchmarks run that on the
 * host; firmware brings its own. */
#include <errno.h>
#include <sys/random.h>

#include "rats/crypto/crypto-bearssl.h"

int atls_bearssl_random(uint8_t *bytesp, size_t count)
{
    return getrandom(bytesp, count, 0) == (ssize_t)count ? 0 : -EIO;
}
