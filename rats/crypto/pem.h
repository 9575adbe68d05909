/* SPDX-License-Identifier: Apache-2.0 */
/* A public EC key in PEM ("PUBLIC KEY", RFC 7468 13): what CoRIM's tag 554 and key files hold. */
#ifndef ATLS_RATS_CRYPTO_PEM_H
#define ATLS_RATS_CRYPTO_PEM_H

#include "rats/crypto/crypto.h"

/* One block; explanatory text before and behind it is ignored (RFC 7468 section 5.2), and so is how
 * the lines are broken (Veraison's vectors have one long line). ATLS_E_MALFORMED,
 * ATLS_E_UNSUPPORTED for another armour, ATLS_E_LIMIT for more than 1024 characters. -ENOMEM. */
int atls_pem_read_public_key(struct atls_bytes text, struct atls_public_key *keyp);
/* Lines of 64 characters, no newline at the end (as CoRIM's examples have it); allocated, free()
 * it. NULL where memory ran out. */
char *atls_pem_write_public_key(const struct atls_public_key *key);

#endif
