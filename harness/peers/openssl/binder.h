/* SPDX-License-Identifier: Apache-2.0 */
/* What ties evidence to a connection, as the drafts compute it. 0, or -1: libcrypto failed. */
#ifndef PEER_BINDER_H
#define PEER_BINDER_H

#include "keys.h"

/* HKDF-Expand-Label of RFC 8446 section 7.1. */
int hkdf_expand_label(const EVP_MD *md, struct bytes secret, const char *label,
                      struct bytes context, uint8_t *outp, size_t size);
/* seat-04 and seat-06 section 5.1.1: HELLOS is ClientHello to ServerHello. */
int seat_binder(const EVP_MD *md, struct bytes hellos, struct bytes spki, uint8_t *binderp,
                size_t *sizep);
/* The same from the hash of the hellos. */
int seat_binder_of_hash(const EVP_MD *md, struct bytes transcript, struct bytes spki,
                        uint8_t *binderp, size_t *sizep);
/* expat-04 section 5: EXPORTED is TLS-Exporter("EXPORTER-cmw-attestation", context, 32). */
int expat_binding(const EVP_MD *md, struct bytes spki, struct bytes exported, uint8_t *bindingp,
                  size_t *sizep);

#endif
