/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chains of certificates that one party has lately found good, so that a device that comes
 * again costs no second look at its chain. What verifies depends on the bytes, on the trust
 * anchors, on what is wanted of the peer, and on the time: the bytes are compared whole, anchors
 * and wants are the party's, whose memory this is, and the time must be within that of each
 * certificate, the anchor's included. Only good chains are remembered, and of a chain's evidence
 * nothing at all.
 */
#ifndef ATLS_TLS_GNUTLS_KNOWN_H
#define ATLS_TLS_GNUTLS_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include <gnutls/x509.h>

#include "rats/base/bytes.h"

#define ATLS_KNOWN_CHAINS 32             /* the last ones */
#define ATLS_KNOWN_CHAIN_MAX (16u << 10) /* bytes: a longer one is judged each time */

struct atls_known;
int atls_known_new(struct atls_known **knownp); /* -ENOMEM */
void atls_known_free(struct atls_known *known); /* NULL is fine */
/* Was this CHAIN (DER, the leaf first) found good twice under FLAGS, and is NOW (seconds since
 * 1970) within its time? */
bool atls_known_good(const struct atls_known *known, const struct atls_bytes *chain, size_t count,
                     unsigned flags, int64_t now);
/* CHAIN was found good against TRUSTED. The first time it is only recognised, so that those who
 * never come again cost next to nothing; the second time its time is read. A lack of memory is no
 * failure: it is not remembered. NULL remembers nothing. */
void atls_known_note(struct atls_known *known, gnutls_x509_trust_list_t trusted,
                     const struct atls_bytes *chain, size_t count, unsigned flags);

#endif
