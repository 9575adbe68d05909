/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negotiation: the extensions of ClientHello, EncryptedExtensions and CertificateRequest in seat-04
 * and seat-06, as bytes, and what is chosen. It knows no TLS library.
 */
#ifndef PEER_HELLO_H
#define PEER_HELLO_H

#include "connection.h"

enum {
    MESSAGE_CLIENT_HELLO = 1,
    MESSAGE_ENCRYPTED_EXTENSIONS = 8,
    MESSAGE_CERTIFICATE_REQUEST = 13
};

#define EXTENSIONS_MAX 4
/* The hello extensions of a profile: how many. */
size_t hello_points(const struct profile *profile, enum point pointsp[EXTENSIONS_MAX]);

/* The event of a handshake message with its header: offer, or selected. Others say nothing. */
void hello_report(const struct connection *c, bool sent, struct bytes message);

struct offer { /* how one side may attest; views */
    struct evidence_type types[LISTED_MAX];
    struct bytes verifiers[LISTED_MAX];
    size_t type_count, verifier_count;
    bool results_first;
};
/* What PARTY can, as the attester or as the relying party. */
void offer_make(const struct party *party, bool as_attester, struct offer *offerp);
/* The body of POINT in a ClientHello, appended; nothing where it is to be left out. OFFERS are by
 * the attester's side. */
void offer_write(const struct profile *profile, enum point point, const struct offer offers[2],
                 struct blob *body);
int offer_read(const struct profile *profile, enum point point, struct bytes body,
               struct offer offers[2], struct why *why);

/* A server's: of its abilities in a role and of the client's offer. Reason no-common-... */
int selection_make(const struct party *party, bool as_attester, const struct offer *offer,
                   struct selection *selectionp, struct why *why);
/* A client's: was that offered? unexpected-selection */
int selection_check(const struct offer *offer, const struct selection *selection, struct why *why);
/* The body of POINT in EncryptedExtensions, or of seat-06 in CertificateRequest (REQUEST). */
void selection_write(const struct profile *profile, enum point point, bool request,
                     const struct selection selections[2], struct blob *body);
int selection_read(const struct profile *profile, enum point point, bool request, struct bytes body,
                   struct selection selections[2], struct why *why);

#endif
