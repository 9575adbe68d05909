/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of a peer's certificate, held to what the own side wants of it: the purpose of the
 * peer's side, and of a server the name by which it was called. One place says so for handshakes
 * and for authenticators.
 */
#ifndef ATLS_TLS_GNUTLS_CHAIN_H
#define ATLS_TLS_GNUTLS_CHAIN_H

#include <gnutls/gnutls.h>

#include "tls/engine/party.h"

/* What GnuTLS's verification is asked for besides the signatures; the number of entries. */
unsigned atls_chain_wanted(const struct atls_party *party, gnutls_typed_vdata_st wanted[2]);
/* Verifies CHAIN (DER, the leaf first) against the party's trust anchors, with FLAGS of GnuTLS;
 * *STATUSP is 0 or says what is wrong. ATLS_E_MALFORMED: an entry is no certificate;
 * ATLS_E_LIMIT; ATLS_E_UNTRUSTED: it could not be verified; -ENOMEM. */
int atls_chain_verify(const struct atls_party *party, const struct atls_bytes *chain, size_t count,
                      unsigned flags, unsigned *statusp);

#endif
