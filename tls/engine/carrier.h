/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A carrier: how a credential rides in a connection. There are four, a file each: in place of the
 * certificate, beside it in a CertificateEntry, inside of it, and after the handshake in an
 * authenticator. Whoever wants to know what a carrier is like reads its properties here; nobody
 * asks which one it is.
 */
#ifndef ATLS_TLS_ENGINE_CARRIER_H
#define ATLS_TLS_ENGINE_CARRIER_H

#include "tls/engine/session.h"

struct session_certificate;

struct atls_carrier {
    bool replaces;   /* the Certificate is the credential; with the others X.509 goes along */
    bool in_entries; /* it is in an extension of CertificateEntry, in the handshake */
    bool enrolled;   /* it was made with the certificate: no connection makes one */
    bool negotiated; /* extensions of the hellos bring it about, or nothing does */
    bool bound;      /* evidence answers a binder of the hellos, and is made behind them */

    /* Can the library do it here? Asked once, before anybody is spoken to; NULL: always.
     * ATLS_E_UNSUPPORTED. */
    int (*check)(const struct atls_party *party);

    /* In a connection. What returns int returns 0 or what session_fail() gave, and any may be NULL:
     * there is nothing to do. */
    int (*prepare)(struct atls_session *s); /* at the beginning: its own state; as atls_fail() */
    void (*clear)(struct atls_session *s);
    /* A hello passes by, either way. */
    int (*hello)(struct atls_session *s, enum atls_handshake_type type, struct atls_bytes message);
    /* The own credential is to go out with the next Certificate. */
    int (*present)(struct atls_session *s);
    /* A Certificate came that is to have the peer's credential; the library has not read it yet. */
    int (*received)(struct atls_session *s, const struct session_certificate *certificate);
    /* X.509 that came though nothing was negotiated: what is in it? NULL: nothing is looked for. */
    int (*judge)(struct atls_session *s);
    /* What follows the handshake, until both lines are through; NULL: the lines do. */
    int (*after_handshake)(struct atls_session *s);
    enum atls_want (*exchange)(struct atls_session *s);
};

extern const struct atls_carrier atls_carrier_place, atls_carrier_entry;
extern const struct atls_carrier atls_carrier_certificate, atls_carrier_authenticator;

/* The carrier of PROFILE for credentials of KIND: the one place in which it is chosen. */
const struct atls_carrier *atls_carrier_of(const struct atls_profile *profile,
                                           enum atls_credential_kind kind);
/* That of a party, where no other kind is selected. */
const struct atls_carrier *atls_carrier_of_party(const struct atls_party *party);
/* Those that may come into use in the party's connections: one or two. */
#define ATLS_CARRIERS_MAX 2
size_t atls_carriers(const struct atls_party *party,
                     const struct atls_carrier *carriers[ATLS_CARRIERS_MAX]);
/* Does one of the evidence types of PARTY stand beside a certificate by its kind? */
bool atls_carrier_by_kind(const struct atls_party *party);
/* Does a relying party of PROFILE send its peer a nonce that its verifier made? Elsewhere the
 * verifier is asked for a session over what is computed of the connection or the key. */
bool atls_carrier_sends_nonce(const struct atls_profile *profile);
/* The checks of all that may come into use. ATLS_E_UNSUPPORTED. */
int atls_carriers_check(const struct atls_party *party);

#endif
