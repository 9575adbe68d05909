/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verifier answers, as JSON: the challenge-response session and the discovery document.
 * Parsing is strict about what is used and bounded by the size of the input; unknown members are
 * left alone, since verifiers add them from release to release.
 */
#ifndef ATLS_ROLES_VERIFIER_DOCUMENT_H
#define ATLS_ROLES_VERIFIER_DOCUMENT_H

#include <jansson.h>

#include "rats/base/bytes.h"
#include "rats/tokens/kat.h"

#define ATLS_MT_SESSION "application/vnd.veraison.challenge-response-session+json"
#define ATLS_MT_DISCOVERY "application/vnd.veraison.discovery+json"

enum atls_session_status {
    ATLS_SESSION_WAITING,
    ATLS_SESSION_PROCESSING,
    ATLS_SESSION_COMPLETE,
    ATLS_SESSION_FAILED
};

struct atls_session_document { /* free with atls_session_document_clear() */
    json_t *root;
    enum atls_session_status status;
    uint8_t nonce[ATLS_EAT_NONCE_MAX]; /* decoded from whichever base64 dialect */
    size_t nonce_size;
    json_t *accept;           /* array of texts, or NULL */
    const char *expiry;       /* as it came, NULL where it did not: borrowed from the root */
    struct atls_bytes result; /* the EAR's JWT, empty unless complete: borrowed from the root */
};
void atls_session_document_clear(struct atls_session_document *document);

/* The member "accept" as a verifier wrote it last, which is the same in each of its sessions: where
 * it comes again byte for byte, it need not be parsed again. All zeros to begin with. */
struct atls_accept_memo {
    uint8_t *text;
    size_t size;
    json_t *types;
};
void atls_accept_memo_clear(struct atls_accept_memo *memo);

/* MEMO may be NULL: what is read is the same. ATLS_E_MALFORMED. */
int atls_session_document_parse(struct atls_bytes in, struct atls_accept_memo *memo,
                                struct atls_session_document *documentp);

/* The EAR verification key, a public JWK of a supported kind; *JWKP is a new reference.
 * ATLS_E_MALFORMED, ATLS_E_MISSING, ATLS_E_UNSUPPORTED. */
int atls_discovery_document_parse(struct atls_bytes in, json_t **jwkp);
/* Is it a public EC key that can verify? A private key published by mistake is refused. */
int atls_verification_key_check(const json_t *jwk);

/* "title: detail" of an application/problem+json (RFC 9457) into TEXT, or "" where it is none. */
void atls_problem_text(struct atls_bytes in, char *text, size_t size);

#endif
