/* SPDX-License-Identifier: Apache-2.0 */
/* The stack over the unpatched GnuTLS, with the shims for what that has no API for. */
#ifndef ATLS_TLS_GNUTLS_STACK_H
#define ATLS_TLS_GNUTLS_STACK_H

#include <gnutls/gnutls.h>

#include "tls/engine/session.h"

extern const struct atls_stack atls_stack_gnutls;

/* The library's session of one over this stack: to set another transport of (its pointer and both
 * its functions), and for tests. */
gnutls_session_t atls_session_tls(struct atls_session *session);
/* The handshake hook, for tests that put their own in front of it. */
int atls_gnutls_hook(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                     const gnutls_datum_t *message);

#endif
