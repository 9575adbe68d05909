/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's HTTP interface without HTTP: a request and its answer as structs, so that tests
 * and the fuzzer need no socket. Paths, status codes, the order of checks and JSON members are
 * those of Veraison's challenge-response, endorsement-provisioning and discovery APIs (see
 * README.md).
 */
#ifndef ATLS_VERIFIER_STUB_HTTP_API_H
#define ATLS_VERIFIER_STUB_HTTP_API_H

#include "program/events.h"
#include "rats/base/encoding.h"
#include "verifier-stub/appraisal/result.h"
#include "verifier-stub/appraisal/sessions.h"
#include "verifier-stub/store/store.h"

#define ATLS_BODY_MAX ((size_t)1 << 20)

struct atls_manners;   /* manners.h */
struct atls_manifests; /* verifier-stub/store/manifests.h */

struct atls_api {                     /* everything is borrowed */
    const struct atls_manners *as;    /* the verifier that this one stands in for, or NULL */
    struct atls_manifests *manifests; /* of such a one, or NULL */
    struct atls_store *store;
    struct atls_sessions *sessions;
    struct atls_platform_cache *cache; /* or NULL */
    const struct atls_crypto *crypto;
    struct atls_clock clock;
    struct atls_events *events; /* or NULL */
    struct atls_result_rules result;
    enum atls_base64 nonce_dialect; /* ATLS_BASE64URL (Veraison main) or ATLS_BASE64 (v0.0.2608) */
    bool terse; /* sessions and results say only what is needed, not the evidence once more */
    const struct atls_public_key *endorsers; /* whose signed CoRIMs are taken */
    size_t endorser_count;                   /* not 0: and no unsigned ones */
    const char *provisioning_token; /* who endorses must bear it (RFC 6750); NULL: anybody */
    const char *token;              /* the same of who asks for an appraisal */
};

struct atls_request { /* text is zero-terminated and NULL where absent */
    const char *method, *path;
    const char *accept, *content_type, *authorization;
    const char *nonce, *nonce_size; /* of the query, decoded */
    struct atls_bytes body;
    bool (*accepts)(const char *accept, const char *type); /* NULL: as RFC 9110 has it */
};
struct atls_response { /* free the members with atls_response_clear() */
    unsigned status;
    const char *content_type;  /* NULL where there is no body */
    char *location;            /* NULL: no such header */
    char *accept;              /* NULL: no such header */
    const char *cache_control; /* NULL: no such header */
    char expires[40];          /* "": no such header */
    size_t chunked;            /* from so many bytes on its length is not told; 0: always */
    const char *allow;         /* NULL: no such header */
    const char *challenge;     /* WWW-Authenticate; NULL: no such header */
    char *body;
    size_t body_size;
};
void atls_response_clear(struct atls_response *response);

/* There is always an answer; where memory ran out it is a 500 without a body. */
void atls_api_answer(const struct atls_api *api, const struct atls_request *request,
                     struct atls_response *responsep);

/* What the event "endorsed" says of an import from SOURCE; NULL: no memory. */
json_t *atls_endorsed_fields(const char *source, const struct atls_store_import *import);

/* What a fault can be put before. */
enum atls_endpoint {
    ATLS_ENDPOINT_NEW_SESSION,
    ATLS_ENDPOINT_SESSION,
    ATLS_ENDPOINT_DISCOVERY,
    ATLS_ENDPOINT_PROVISIONING,
    ATLS_ENDPOINT_DESCRIPTION,
    ATLS_ENDPOINT_NONE
};
enum atls_endpoint atls_api_endpoint(const char *path);
/* A fault's answer with an error's status. */
void atls_api_problem(struct atls_response *responsep, unsigned status, const char *detail);

#endif
