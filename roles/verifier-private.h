/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier client's inside: what sessions (verifier-session.c) and discovery
 * (verifier-client.c) share. */
#ifndef ATLS_ROLES_VERIFIER_PRIVATE_H
#define ATLS_ROLES_VERIFIER_PRIVATE_H

#include "roles/http.h"
#include "roles/verifier-client.h"
#include "roles/verifier-document.h"

#define ATLS_VERIFIER_URL_MAX 2048 /* bytes, without the path of an endpoint */

struct atls_verifier_client {
    struct atls_http *http;
    unsigned timeout_ms;
    enum atls_ear_serialization results; /* that are asked for */
    struct verifier *verifiers;          /* whose keys were asked for */
    struct atls_accept_memo accept;      /* of the verifier that was asked last */
};

/* A failure that is kept, to be told to each who asks: atls_fail()'s code and texts, and a word. */
struct atls_failure {
    int code;
    const char *reason; /* static */
    char clause[80];
    char text[512];
};
/* Keeps the newest atls_fail() of this thread; returns CODE. */
int atls_failure_keep(struct atls_failure *failure, int code, const char *reason);
int atls_failure_tell(const struct atls_failure *failure);
/* What URL answered does not make sense; the newest atls_fail() says why. Keeps verifier-garbage.
 */
int atls_failure_garbage(struct atls_failure *failure, const char *url);
/* Another HTTP status than EXPECTED came. Keeps REASON with what the answer says about itself. */
int atls_failure_refused(struct atls_failure *failure, const struct atls_http_answer *answer,
                         long expected, const char *reason);

/* A verifier answers under its OWN type, as plain JSON, or without a type. ATLS_E_MALFORMED. */
int atls_verifier_check_type(const struct atls_http_answer *answer, const char *own);
/* URL (a slash at its end does not count) and PATH. -EINVAL where they are too long. */
int atls_verifier_join(const char *url, const char *path, char *out, size_t size);

#endif
