/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that libgnutls calls, defined by the program itself. The library has no API for an
 * extension in CertificateEntry or CertificateRequest, nor for the TLS 1.3 Handshake Secret. Yet it
 * builds its messages with gnutls_buffer_append_data(), which it exports and calls through its own
 * symbol table, sends alerts of its own with gnutls_alert_send(), which no API tells of, and keys
 * HKDF with functions of libnettle: a definition in the executable takes
 * their place (the ELF rule of symbol precedence), sees what passes, and forwards to the real one.
 * Nothing of the library is patched, and no private structure is read.
 *
 * It works in an executable, or in a shared library that is linked before libgnutls; not where
 * libgnutls was linked statically or with -Bsymbolic. atls_entry_shim_check() and
 * atls_handshake_secret_check() find that out before the first connection.
 *
 * Whoever makes calls on a session that is to be seen brackets them:
 *
 *     struct atls_interposed *before = atls_interpose_enter(&session->interposed);
 *     result = gnutls_handshake(session->tls);
 *     atls_interpose_enter(before);
 *
 * That is gnutls_handshake(), gnutls_reauth(), and gnutls_record_recv() where post-handshake
 * messages may come. What is entered counts for the calling thread only, so that many sessions can
 * take turns in one thread.
 */
#ifndef ATLS_TLS_SHIM_INTERPOSE_H
#define ATLS_TLS_SHIM_INTERPOSE_H

#include "tls/shim/entry-shim.h"
#include "tls/shim/handshake-secret.h"

struct atls_interposed { /* what a session wants to have seen; any may be NULL */
    struct atls_entry_shim *shim;
    struct atls_handshake_secret *secret;
    int *alert; /* the fatal alert that went out, whoever sent it: the library sends its own too */
};

/* From now on the calling thread works for WATCH (NULL: for none). Returns what was before. */
struct atls_interposed *atls_interpose_enter(struct atls_interposed *watch);

/* How often the library came by in this thread while it worked for a session: 0 behind a handshake
 * means that the program is linked in a way in which it does not. */
struct atls_interpose_calls {
    unsigned long appends, keys;
};
struct atls_interpose_calls atls_interpose_counted(void);

#endif
