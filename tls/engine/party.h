/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A party: what one program is in all its connections. Which side of TLS it is and which RATS roles
 * it has are independent; both are data here, read only once the connections begin.
 */
#ifndef ATLS_TLS_ENGINE_PARTY_H
#define ATLS_TLS_ENGINE_PARTY_H

#include <stdio.h>

#include <gnutls/abstract.h>

#include "program/events.h"
#include "program/keylog.h"
#include "program/leak.h"
#include "rats/cmw/cmw-x509.h"
#include "roles/relying-party.h"
#include "tls/engine/stack.h"
#include "tls/profiles/profile.h"

struct atls_device_key;

#define ATLS_CHAIN_MAX 8

struct atls_party {
    enum atls_side side;
    const struct atls_profile *profile;
    struct atls_code_points code_points;
    struct atls_variants variants;
    struct atls_abilities as_attester, as_relying_party;
    bool attestation_required;                /* of the peer; otherwise plain X.509 will do */
    enum atls_curve curve;                    /* of the identity key */
    struct atls_attester *attester;           /* NULL where this side is none */
    struct atls_relying_party *relying_party; /* likewise */
    const struct atls_faults *faults;
    const struct atls_leaks *leaks; /* what is given away; or NULL */
    struct atls_events *events;
    const char *artifacts;      /* directory, or NULL */
    struct atls_keylog *keylog; /* or NULL */
    const char *peer_name;      /* client: the host as it was given, which plain X.509 must name */
    const char *message;        /* the line of application data */
    unsigned reattest;          /* how often a relying party repeats its request (expat-04) */
    bool hrr;                   /* bring about a HelloRetryRequest */

    const struct atls_stack *stack;
    void *tls;                             /* the stack's */
    struct atls_verifier_client *client;   /* for stacks that do not pause; or NULL */
    gnutls_pcert_st chain[ATLS_CHAIN_MAX]; /* plain X.509, none where chain_size is 0 */
    unsigned chain_size;
    struct atls_x509_cmw own; /* what the leaf carries; .cmw is NULL where that is nothing */
    gnutls_privkey_t key;
    const char *device; /* address, where the key is to be one of a device's, or NULL */
    unsigned device_timeout_ms;
    struct atls_device_key *device_key; /* what signs for KEY where that is in a device, or NULL */
    bool has_trust_anchors;
    bool remembers_chains; /* of peers that come again; see tls/gnutls/known.h. Set before the start
                            */
};

/* Makes the TLS part of PARTY (whose other members are set) with its stack, from PEM
 * files where they are not NULL. CERTIFICATE and KEY come together; KEY may be "device:HANDLE".
 * ATLS_E_MISMATCH: the device's key is not that of the certificate. ATLS_E_MALFORMED: a file is not
 * what it should be; as atls_read_file() besides. */
int atls_party_start(struct atls_party *party, const char *certificate, const char *key,
                     const char *trust_anchors);
/* To be called whenever the chain was set by other means: keeps what the leaf carries. -ENOMEM. */
int atls_party_know_chain(struct atls_party *party);
/* The key of the party's certificate, for an attester whose key is in a file; seen to be KEY's. The
 * party was started with both. ATLS_E_MISMATCH; ATLS_E_UNSUPPORTED: not on P-256 or P-384. */
int atls_party_own_key(const struct atls_party *party, struct atls_public_key *keyp);
/* The key of the party's certificate, of whatever kind, as DER SubjectPublicKeyInfo; there is a
 * chain. ATLS_E_UNSUPPORTED: a key that has no room there. */
int atls_party_leaf_spki(const struct atls_party *party, uint8_t spki[ATLS_SPKI_MAX],
                         size_t *sizep);
void atls_party_stop(struct atls_party *party);

#endif
