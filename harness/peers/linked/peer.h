/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the adapters share that link the project's C libraries. An adapter brings a stack
 * (tls/engine/stack.h) over somebody else's TLS library; the engine, the roles and the programs are
 * the project's own. So it tests a TLS library, not a second implementation of a draft.
 */
#ifndef ATLS_PEERS_LINKED_PEER_H
#define ATLS_PEERS_LINKED_PEER_H

#include "tls/programs/run.h"

/* The faults that need nothing of the TLS library. */
#define PEER_FAULTS                                                                                \
    "pat-signature", "kat-signature", "foreign-pat", "linkage", "non-secure-pat", "stale-nonce",   \
        "foreign-nonce", "attested-other-key", "result-without-key", "cmw", "cmw-truncated",       \
        "cmw-trailing-byte", "cmw-empty-collection", "cmw-relative-type", "cmw-value-not-bytes",   \
        "cmw-indicator-zero", "cmw-missing-kat", "cbor-indefinite", "cbor-duplicate-key",          \
        "cbor-unpreferred", "cbor-deep", "cose-three-elements", "cose-unknown-alg",                \
        "cose-detached", "claims-no-cnf", "claims-cbor", "result-garbage", "result-signature",     \
        "result-algorithm-none", "authenticator-finished", "application-data-early",               \
        "authenticator-context-reuse", "authenticator-other-connection",                           \
        "authenticator-second-entry", "empty-certificate"

struct peer_program {
    const char *name; /* "atls-nss" */
    const struct atls_stack *stack;
    void (*library)(char *, size_t); /* its name and version, as it runs */
    const char *const *faults;       /* that can be carried out; NULL at the end */
    /* What of OPTIONS this library cannot do, and why; NULL where it can do all of it. */
    const char *(*lacks)(const struct atls_options *options);
};

/* The whole program, to its exit code: "client FLAGS" or "server FLAGS". */
int peer_run(const struct peer_program *program, int argc, char **argv);

#endif
