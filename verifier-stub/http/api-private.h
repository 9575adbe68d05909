/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the API share: answers in JSON, problems, content negotiation. */
#ifndef ATLS_VERIFIER_STUB_HTTP_API_PRIVATE_H
#define ATLS_VERIFIER_STUB_HTTP_API_PRIVATE_H

#include "verifier-stub/http/api.h"

#define ATLS_SUBMIT_TYPE "application/vnd.veraison.provisioning-session+json"
#define ATLS_PATH_SESSION "/challenge-response/v1/session/"
#define ATLS_PATH_NEW_SESSION "/challenge-response/v1/newSession"
#define ATLS_PATH_SUBMIT "/endorsement-provisioning/v1/submit"
#define ATLS_PATH_DISCOVERY_VERIFICATION "/.well-known/veraison/verification"
#define ATLS_PATH_DISCOVERY_PROVISIONING "/.well-known/veraison/provisioning"
#define ATLS_PATH_DESCRIPTION "/.well-known/openapi"

/* All paths there are, and what may be done to each (RFC 9110 section 10.2.1). */
struct atls_route {
    const char *path;
    enum atls_endpoint endpoint;
    bool has_id; /* one more segment, which is not empty, follows the path */
    const char *methods;
};
extern const struct atls_route atls_routes[];
extern const size_t atls_routes_count;
/* NULL: there is no such path. */
const struct atls_route *atls_route_of(const char *path, size_t size);

/* openapi.json, made into C when the program is built; what is asked for has the types of evidence
 * besides */
extern const char atls_openapi[];
extern const size_t atls_openapi_size;

struct atls_realm {              /* what a token is for; static texts */
    const char *missing, *wrong; /* WWW-Authenticate */
    const char *what;            /* "endorsements are taken" */
};

/* Takes TEXT over, which is JSON; NULL: no memory, a 500. */
void atls_answer_text(struct atls_response *response, unsigned status, const char *content_type,
                      char *text);
/* A 500 without anything, in place of an answer that lacks a part. */
void atls_answer_no_memory(struct atls_response *response);
/* Takes JSON over. */
void atls_answer_json(struct atls_response *response, unsigned status, const char *content_type,
                      json_t *json);
/* Adds to a 415 what would be taken, which it takes over; NULL: no memory, a 500. */
void atls_answer_accept(struct atls_response *response, json_t *types);
/* The types of evidence that are taken. NULL: no memory. */
json_t *atls_evidence_types(const struct atls_api *api);
/* Takes BODY over; NULL: no memory, a 500. */
void atls_answer_bytes(struct atls_response *response, unsigned status, const char *content_type,
                       char *body, size_t size);
/* RFC 9457. REASON is a word of the peer contract, added as the member atls.reason, or NULL. */
__attribute__((format(printf, 4, 5))) void atls_answer_problem(struct atls_response *response,
                                                               unsigned status, const char *reason,
                                                               const char *format, ...);
/* True where the client takes TYPE; otherwise the answer is 406 already. */
bool atls_answer_acceptable(const struct atls_request *request, const char *type,
                            struct atls_response *response);
/* True where the request bears TOKEN, or TOKEN is NULL; otherwise the answer is 401 already (RFC
 * 6750 section 3), as REALM says it. */
bool atls_answer_authorized(const struct atls_request *request, const char *token,
                            const struct atls_realm *realm, struct atls_response *response);
bool atls_accepts(const char *accept, const char *type);
/* How much the client wants TYPE, in thousandths (RFC 9110 section 12.4.2); 0: not at all. Of a
 * range with parameters they must be those of the type, where it has any. */
int atls_accept_weight(const char *accept, const char *type);
void atls_answer_unknown_path(struct atls_response *response);
/* The nonce of a new session: NONCE has room for ATLS_CHALLENGE_NONCE_MAX bytes. ATLS_E_LIMIT (too
 * few or too many bytes), ATLS_E_MALFORMED, -errno. */
int atls_take_nonce(const struct atls_api *api, const struct atls_request *request, uint8_t *nonce,
                    size_t *sizep);
/* RFC 3339 in UTC with milliseconds; a string or NULL. */
json_t *atls_time_json(int64_t milliseconds);

void atls_answer_new_session(const struct atls_api *api, const struct atls_request *request,
                             struct atls_response *response);
void atls_answer_submit_evidence(const struct atls_api *api, const struct atls_request *request,
                                 const char *id, struct atls_response *response);
void atls_answer_get_session(const struct atls_api *api, const struct atls_request *request,
                             const char *text, struct atls_response *response);
void atls_answer_delete_session(const struct atls_api *api, const struct atls_request *request,
                                const char *text, struct atls_response *response);
void atls_answer_submit_endorsements(const struct atls_api *api, const struct atls_request *request,
                                     struct atls_response *response);
void atls_answer_discovery(const struct atls_api *api, const struct atls_request *request,
                           bool provisioning, struct atls_response *response);

#endif
