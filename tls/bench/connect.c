/* SPDX-License-Identifier: Apache-2.0 */
/* A connection between two sides in memory, driven to its end. */
#include "rats/base/error.h"
#include "tls/bench/side.h"
#include "tls/engine/session-internal.h"
#include "tls/gnutls/stack.h"

#include <string.h>

#define STEPS_MAX 100000 /* of a connection: more is a bug, not a slow machine */
#define WAIT_MS 20000

static int refused(struct atls_session *const sessions[2])
{
    static const char *const names[] = {[ATLS_CLIENT] = "client", [ATLS_SERVER] = "server"};
    for (size_t i = 0; i < 2; i++) {
        const struct failure *failure = &sessions[i]->failure;
        if (failure->reason && strcmp(failure->reason, "peer-alert") != 0)
            return atls_fail(ATLS_E_REFUSED, failure->clause, "the %s says %s: %s", names[i],
                             failure->reason, failure->detail);
    }
    return atls_fail(ATLS_E_REFUSED, NULL, "the connection did not come to its end");
}

/* A client has fetched what it needs before it speaks. */
static int prepare(struct atls_verifier_client *verifier, struct atls_session *client)
{
    int result = 0;
    while (result == 0 && atls_session_prepare(client) == ATLS_WANT_VERIFIER)
        result = atls_verifier_client_poll(verifier, NULL, 0, WAIT_MS);
    return result;
}

static int exchange(struct atls_verifier_client *verifier, struct bench_wire *wire,
                    struct atls_session *const sessions[2])
{
    enum atls_want want[2] = {ATLS_WANT_READ, ATLS_WANT_READ};
    int result = prepare(verifier, sessions[ATLS_CLIENT]);
    for (unsigned steps = 0; result == 0 && steps < STEPS_MAX; steps++) {
        for (size_t i = 0; i < 2; i++) {
            if (want[i] == ATLS_WANT_NOTHING)
                continue;
            want[i] = atls_session_step(sessions[i]);
            wire->end[1 - i].closed = want[i] == ATLS_WANT_NOTHING;
        }
        if (want[0] == ATLS_WANT_NOTHING && want[1] == ATLS_WANT_NOTHING)
            return 0;
        if (want[0] == ATLS_WANT_VERIFIER || want[1] == ATLS_WANT_VERIFIER)
            result = atls_verifier_client_poll(verifier, NULL, 0, 1);
    }
    return result != 0 ? result : refused(sessions);
}

int bench_sides_connect(struct bench_side *client, struct bench_side *server, unsigned number,
                        struct bench_wire *wire, size_t *credential_sizep)
{
    struct bench_side *const sides[] = {[ATLS_CLIENT] = client, [ATLS_SERVER] = server};
    struct atls_session *sessions[2] = {NULL, NULL};
    int result = 0;
    for (size_t i = 0; result == 0 && i < 2; i++)
        result = atls_session_new(&sides[i]->party, number, &sessions[i]);
    if (result == 0) {
        bench_wire_join(wire, atls_session_tls(sessions[ATLS_CLIENT]),
                        atls_session_tls(sessions[ATLS_SERVER]));
        result = exchange(client->world->client, wire, sessions);
    }
    if (result == 0 && (!atls_session_complete(sessions[0]) || !atls_session_complete(sessions[1])))
        result = refused(sessions);
    for (size_t i = 0; i < 2; i++) {
        if (sessions[i] && sessions[i]->self.credential.size > 0)
            *credential_sizep = sessions[i]->self.credential.size;
        atls_session_free(sessions[i]);
        if (sides[i]->party.relying_party) /* as the programs do between connections */
            atls_relying_party_refill(sides[i]->party.relying_party);
    }
    return result;
}
