/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who attests to whom, and how: offers of a ClientHello, the server's choice, the client's check of
 * it. Offers and selections are kept per attesting side, so that the same code serves a client and
 * a server in either role. How they are written is the profile's affair; nothing here knows bytes.
 */
#ifndef ATLS_TLS_WIRE_NEGOTIATION_H
#define ATLS_TLS_WIRE_NEGOTIATION_H

#include "rats/base/model.h"
#include "tls/wire/hello-extensions.h"

enum atls_side {
    ATLS_CLIENT,
    ATLS_SERVER
}; /* of a connection; as an index: the side that attests */
#define ATLS_MODELS_MAX 2

struct atls_abilities { /* of one side in one role, in its order of preference; borrowed */
    enum atls_model model[ATLS_MODELS_MAX];
    size_t model_count; /* 0: not in this role */
    const struct atls_evidence_type *types;
    size_t type_count; /* background check */
    const struct atls_bytes *verifiers;
    size_t verifier_count; /* passport */
};
bool atls_abilities_have(const struct atls_abilities *abilities, enum atls_model model);

struct atls_offer { /* what a ClientHello says about one attesting side; an empty list: nothing */
    struct atls_evidence_types evidence;
    struct atls_verifier_ids verifiers;
    struct atls_bytes nonce; /* with evidence, where the client is the relying party */
    bool results_first;      /* results are preferred, where both are in one list */
};
void atls_offer_clear(struct atls_offer *offerp); /* nothing is offered */

struct atls_selection { /* what a server answers about one attesting side */
    bool has_evidence, has_result;
    struct atls_evidence_type type;
    struct atls_bytes verifier;
    struct atls_bytes nonce; /* with evidence, where the server is the relying party */
};
enum atls_model atls_selection_model(const struct atls_selection *selection);

/* What a client with ABILITIES offers. NONCE is empty where it has none to give. What it cannot
 * serve it omits (draft-fossati-tls-attestation-07 sections 8.1.1, 8.2.1). */
void atls_negotiate_offer(const struct atls_abilities *abilities, struct atls_bytes nonce,
                          struct atls_offer *offerp);
/* The server's choice, by its own order of models, then of types or verifiers; the selected element
 * is the client's own. 0 (the selection is empty where the server has no such role, or nothing was
 * offered), or ATLS_E_UNSUPPORTED and a reason: offered, but nothing in common. */
int atls_negotiate_select(const struct atls_abilities *abilities, const struct atls_offer *offer,
                          struct atls_selection *selectionp, const char **reasonp);
/* The client's check: at most one model for one attester, and that an element it offered. 0 or
 * ATLS_E_MISMATCH. */
int atls_negotiate_check(const struct atls_offer *offer, const struct atls_selection *selection);

#endif
