/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions that wait, oldest first; those that are still being opened are among them. */
#include "roles/nonces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"

#define LIFETIME_MAX 600  /* seconds: however long a session lives, its nonce is not kept longer */
#define RETRY_SECONDS 1.0 /* after a failure */

struct kept {
    struct atls_verifier_session *session;
    double asked_at;
    double good_until; /* 0: it is still being opened */
};

struct atls_nonces {
    struct atls_verifier_client *client;
    const char *url;
    size_t size;
    unsigned wanted, count;
    bool no_expiry;  /* the verifier does not say how long its sessions live: none is kept */
    double retry_at; /* not before, after a failure; 0: something has come since the last one */
    struct kept kept[ATLS_NONCES_MAX];
};

int atls_nonces_new(struct atls_verifier_client *client, const char *url, size_t size,
                    unsigned wanted, struct atls_nonces **noncesp)
{
    if (wanted == 0 || wanted > ATLS_NONCES_MAX) {
        return atls_fail(-EINVAL, NULL, "expected 1 to %d nonces ahead, came %u", ATLS_NONCES_MAX,
                         wanted);
    }
    struct atls_nonces *nonces = calloc(1, sizeof *nonces);
    if (!nonces) {
        return atls_fail(-ENOMEM, NULL, "no memory for nonces");
    }
    nonces->client = client;
    nonces->url = url;
    nonces->size = size;
    nonces->wanted = wanted;
    *noncesp = nonces;
    return 0;
}

/* Takes the entry out, and leaves the session to the caller. */
static struct atls_verifier_session *take_out(struct atls_nonces *nonces, unsigned at)
{
    struct atls_verifier_session *session = nonces->kept[at].session;

    nonces->count--;
    memmove(&nonces->kept[at], &nonces->kept[at + 1], (nonces->count - at) * sizeof *nonces->kept);
    return session;
}

static void give_up_all(struct atls_nonces *nonces)
{
    while (nonces->count > 0) {
        atls_verifier_session_free(take_out(nonces, nonces->count - 1));
    }
}

void atls_nonces_free(struct atls_nonces *nonces)
{
    if (nonces) {
        give_up_all(nonces);
        free(nonces);
    }
}

void atls_nonces_distrust(struct atls_nonces *nonces)
{
    if (nonces) {
        give_up_all(nonces);
        nonces->retry_at = atls_now() + RETRY_SECONDS;
    }
}

/* Has it come? False where the verifier failed, which is the end of all. */
static bool look_at(struct atls_nonces *nonces, struct kept *kept)
{
    struct atls_bytes nonce;
    int result = atls_verifier_session_nonce(kept->session, &nonce);

    if (result == ATLS_E_AGAIN) {
        return true;
    }
    if (result) {
        return false;
    }
    int64_t lifetime = atls_verifier_session_lifetime(kept->session);
    nonces->no_expiry = lifetime == 0;
    nonces->retry_at = 0;
    lifetime = lifetime < LIFETIME_MAX ? lifetime : LIFETIME_MAX;
    kept->good_until = kept->asked_at + (double)lifetime / 2;
    return true;
}

/* Looks at all; what is old is given up, which the verifier hears of. */
static void look_at_all(struct atls_nonces *nonces)
{
    double now = atls_now();

    for (unsigned i = 0; i < nonces->count;) {
        struct kept *kept = &nonces->kept[i];
        if (kept->good_until == 0 && !look_at(nonces, kept)) {
            atls_nonces_distrust(nonces);
            return;
        }
        if (kept->good_until != 0 && now >= kept->good_until) {
            atls_verifier_session_free(take_out(nonces, i));
        } else {
            i++;
        }
    }
}

struct atls_verifier_session *atls_nonces_take(struct atls_nonces *nonces)
{
    if (!nonces) {
        return NULL;
    }
    look_at_all(nonces);
    for (unsigned i = 0; i < nonces->count; i++) {
        if (nonces->kept[i].good_until != 0) {
            return take_out(nonces, i);
        }
    }
    return NULL;
}

unsigned atls_nonces_ready(const struct atls_nonces *nonces)
{
    unsigned ready = 0;

    for (unsigned i = 0; i < nonces->count; i++) {
        ready += nonces->kept[i].good_until != 0;
    }
    return ready;
}

void atls_nonces_refill(struct atls_nonces *nonces)
{
    if (!nonces) {
        return;
    }
    look_at_all(nonces);
    unsigned wanted = nonces->no_expiry ? 0 : nonces->retry_at > 0 ? 1 : nonces->wanted;
    while (nonces->count < wanted && atls_now() >= nonces->retry_at) {
        struct kept *kept = &nonces->kept[nonces->count];
        *kept = (struct kept){.asked_at = atls_now()};
        if (atls_verifier_session_open(nonces->client, nonces->url, nonces->size,
                                       ATLS_BYTES(NULL, 0), &kept->session)) {
            atls_nonces_distrust(nonces); /* no memory: later */
            return;
        }
        nonces->count++;
    }
}
