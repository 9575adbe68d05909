/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An identity key that is no device's: for TLS libraries that cannot have a signature made
 * elsewhere. A device attests its platform beside such a key, never the key itself.
 */
#ifndef ATLS_TLS_KEYS_SOFTWARE_KEY_H
#define ATLS_TLS_KEYS_SOFTWARE_KEY_H

#include <gnutls/abstract.h>

#include "rats/crypto/crypto.h"

/* Makes a key and writes it to FILE (PKCS#8, PEM, not encrypted, mode 0600), which must not exist
 * (-EEXIST). Free *PRIVKEYP. -ENOMEM, or what open() and write() say: then there is no file. */
int atls_software_key_make(enum atls_curve curve, const char *file, gnutls_privkey_t *privkeyp,
                           struct atls_public_key *publicp);
/* Its public part. ATLS_E_UNSUPPORTED: it is not on P-256 or P-384. */
int atls_software_key_public(gnutls_privkey_t key, struct atls_public_key *publicp);

#endif
