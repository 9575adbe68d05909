/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of a connection in memory, for tests: pipes instead of sockets, stand-ins for the roles.
 */
#ifndef ATLS_TLS_ENGINE_TEST_ENDS_H
#define ATLS_TLS_ENGINE_TEST_ENDS_H

#include "rats/test/test-table.h"
#include "tls/engine/session-internal.h"
#include "tls/engine/test-pki.h"
#include "tls/engine/test-roles.h"
#include "tls/gnutls/stack.h"

#define BG ATLS_MODEL_BACKGROUND_CHECK
#define PP ATLS_MODEL_PASSPORT

struct side { /* how one end is set up */
    enum atls_model attester[2], relying_party[2];
    bool optional, hrr, stranger, no_certificate, no_anchors;
    bool plain;           /* an attester whose certificate is not for the device's key */
    const char *type;     /* of evidence; default cf:273 */
    const char *verifier; /* default v.example */
    const char *fault;
    const struct atls_profile *profile; /* default ta-07 */
    bool certificate_kind;              /* CERT_ATTESTATION */
    bool other_name;                    /* the certificate is for another address */
    bool critical, unknown_critical;    /* of its extensions: that of the CMW, one of nobody's */
    unsigned key_kind;                  /* GNUTLS_PK_* of the leaf instead of the attester's key */
    bool tcg;                           /* the CMW in a certificate is under TCG's OID */
    const char *der; /* hexadecimal: contents of that extension instead of the CMW; "": none */
    struct atls_variants variants;
    unsigned reattest; /* rounds more, in expat-04 */
    bool unheard;      /* nobody hears its events */
};

struct pipe {
    uint8_t *data;
    size_t size, at;
};

struct end {
    struct atls_party party;
    struct atls_faults faults;
    struct atls_evidence_type type;
    struct atls_bytes verifier;
    struct atls_session *session;
    struct pipe *in, *out;
    const bool *peer_gone; /* an empty pipe is then at its end */
    enum atls_want want;
    bool gone;
    int told;          /* where its events are (test-story.h) */
    const char *fault; /* that was ordered */
};

extern struct test_pki test_pki; /* made by the test's main() */
/* How many bytes a pipe takes before somebody has to read; 0: as many as come. */
extern size_t test_room;
extern const struct atls_stack *test_stack;

/* Opens END as the side WHICH; its pipes are set already. */
void open_end(struct end *end, enum atls_side which, const struct side *side, bool p384);
void close_end(struct end *end);
void step_end(struct end *end);
/* Steps both until both have ended, or for long enough; then compares what they told. */
void pump_ends(struct end *client, struct end *server);
/* Has it ended, for REASON (NULL: complete), with that alert sent or received (-1: none)? */
void check_end(const char *who, const struct end *end, const char *reason, int alert);
/* Did each side verify with the key that the other, where it was attested, had signed with? */
void check_keys(struct atls_session *client, struct atls_session *server);

#endif
