/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions in CertificateEntry and CertificateRequest (RFC 8446 sections 4.4.2 and 4.3.2) on the
 * unpatched library, which has no API for them and refuses unknown ones in a CertificateEntry.
 *
 * Sending: while the library builds its message, in gnutls_buffer_append_data()
 * (tls/shim/interpose.h), an entry's empty extension block is replaced by another one, and a
 * CertificateRequest gets its extension ahead of signature_algorithms. That is before the library
 * fills in the lengths and hashes the message, so that transcript and CertificateVerify are those
 * of what goes out. Any entry, any number of extensions, any bytes: also wrong ones.
 *
 * Receiving: the library's hook for an incoming message comes behind the transcript hash and before
 * the parser. What is looked for is copied out and its bytes are made into one more entry with a
 * certificate of nothing but filler, which the library stores and never reads. It keeps that entry
 * in gnutls_certificate_get_peers(); the chain as it was sent is atls_entry_shim_chain().
 *
 * One shim a session, on either side, in either role:
 *
 *     atls_entry_shim_expect(shim, types, count);             at the beginning, to receive
 *     atls_entry_shim_request(shim, extension, 1);            a server, before the handshake
 *     atls_entry_shim_send(shim, chain, size, extension, 1);  when the evidence is there
 *     atls_entry_shim_hook(shim, ...);                        in the handshake hook, first thing
 */
#ifndef ATLS_TLS_SHIM_ENTRY_SHIM_H
#define ATLS_TLS_SHIM_ENTRY_SHIM_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "tls/wire/entry-extension.h"

#define ATLS_ENTRY_PAYLOAD_MAX 65531 /* bytes: what an extension block of 65535 leaves for one */
#define ATLS_ENTRIES_MAX 16          /* of a Certificate that is received */
#define ATLS_ENTRY_EXTENSIONS_MAX 16 /* looked for and found in one message */

struct atls_entry_shim;

/* -ENOMEM. */
int atls_entry_shim_new(struct atls_entry_shim **shimp);
void atls_entry_shim_free(struct atls_entry_shim *shim);

/* Extension types to be looked for in what arrives: at most 8, else -EINVAL. */
int atls_entry_shim_expect(struct atls_entry_shim *shim, const uint16_t *types, size_t count);

/* The next Certificate gets these extensions, in this order within each entry. CHAIN is what the
 * retrieve callback returns, the same array (its cert.data is only looked at when the message is
 * built, and tells the entries apart: no two may share it); payloads are copied. To be called
 * before Certificate is built: a server may wait until EncryptedExtensions, a client until its
 * retrieve callback. Again for each post-handshake authentication. No OCSP response may be stapled
 * in those entries. ATLS_E_LIMIT: a block of more than 65535 bytes; -EINVAL: no such entry;
 * -ENOMEM. */
int atls_entry_shim_send(struct atls_entry_shim *shim, const gnutls_pcert_st *chain,
                         size_t chain_size, const struct atls_entry_extension *extensions,
                         size_t count);
/* The next CertificateRequest (a server's) gets these extensions. As atls_entry_shim_send(), and
 * ATLS_E_LIMIT where they do not leave the library 4096 bytes for its own. */
int atls_entry_shim_request(struct atls_entry_shim *shim,
                            const struct atls_entry_extension *extensions, size_t count);

/* To be called from the session's handshake hook (GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH) for every
 * message, with what it was called with, behind whatever wants the bytes of the wire at
 * GNUTLS_HOOK_PRE. 0, or what must end the handshake:
 * ATLS_E_MALFORMED, ATLS_E_LIMIT: a Certificate or CertificateRequest that came (decode_error);
 * ATLS_E_UNSUPPORTED: a message went out without what was to be in it, because the library did not
 * build it as was expected, or nobody called atls_interpose_enter(); -ENOMEM. */
int atls_entry_shim_hook(struct atls_entry_shim *shim, unsigned type, unsigned when,
                         unsigned incoming, const gnutls_datum_t *message);

/* What was found in the newest Certificate that came, in its order, duplicates and extensions of
 * the wrong entry included: to refuse them is the profile's. Valid until the next one comes. An
 * extension_data of 0 or 1 byte cannot be made into an entry: unless the caller refuses it, the
 * library will, as an unknown extension. */
size_t atls_entry_shim_received(const struct atls_entry_shim *shim,
                                const struct atls_entry_received **listp);
/* The same of the newest CertificateRequest; .entry is 0. */
size_t atls_entry_shim_requested(const struct atls_entry_shim *shim,
                                 const struct atls_entry_received **listp);
/* cert_data of the entries of the newest Certificate that came, as they were sent. */
size_t atls_entry_shim_chain(const struct atls_entry_shim *shim, const struct atls_bytes **chainp);
/* gnutls_x509_trust_list_verify_crt2() on that chain; VDATA, FLAGS and *STATUSP are its own. 0 says
 * that it was verified: look at the status. ATLS_E_MALFORMED: an entry is no X.509 certificate;
 * ATLS_E_MISSING: the Certificate is empty, or none came; -ENOMEM; ATLS_E_UNTRUSTED: the library
 * gave up. */
int atls_entry_shim_verify(struct atls_entry_shim *shim, gnutls_x509_trust_list_t trusted,
                           gnutls_typed_vdata_st *vdata, unsigned vdata_count, unsigned flags,
                           unsigned *statusp);

/* Once in a process, cached: does all this work here? Makes handshakes in memory, a few
 * milliseconds. ATLS_E_UNSUPPORTED: it does not, and the text has the library's version and those
 * that are known to work. To be called before the first connection; then exit with 77. */
int atls_entry_shim_check(void);

/* What the interposed gnutls_buffer_append_data() asks before it appends BYTES to DEST. */
enum atls_append { ATLS_APPEND_AS_IT_IS, ATLS_APPEND_INSTEAD, ATLS_APPEND_BEFORE };
enum atls_append atls_entry_shim_appending(struct atls_entry_shim *shim, const void *dest,
                                           struct atls_bytes bytes, struct atls_bytes *morep);

#endif
