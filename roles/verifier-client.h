/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client of a verifier's challenge-response interface (Veraison's; notes in
 * verifier-stub/README.md) over libcurl's multi interface: many exchanges at once in one thread,
 * none blocks another. It takes both nonce dialects and any legal Location.
 */
#ifndef ATLS_ROLES_VERIFIER_CLIENT_H
#define ATLS_ROLES_VERIFIER_CLIENT_H

#include <jansson.h>

#include "rats/base/bytes.h"
#include "rats/cmw/cmw.h"
#include "rats/ear/ear.h"
#include "roles/http.h"

struct atls_verifier_client;  /* one for a process */
struct atls_verifier_session; /* one exchange: nonce, evidence, result */

/* TIMEOUT_MS bounds each HTTP request from its start. -errno. */
int atls_verifier_client_new(unsigned timeout_ms, struct atls_verifier_client **clientp);
void atls_verifier_client_free(struct atls_verifier_client *client);
/* Its files are read now: see atls_http_access_new(). */
int atls_verifier_client_access(struct atls_verifier_client *client,
                                const struct atls_http_access_options *options);
/* Results are asked for as this (a JWT, where nobody says so): of a CWT only by preference, so that
 * a verifier that has none gives a JWT (RFC 9110 section 12.5.1). */
void atls_verifier_client_prefer(struct atls_verifier_client *client,
                                 enum atls_ear_serialization results);
/* As atls_http_answer_locally(): a verifier in this process answers, whatever the URL. */
void atls_verifier_client_answer_locally(struct atls_verifier_client *client,
                                         atls_http_responder *responder, void *context);
/* Waits for the verifier, for the caller's own descriptors (revents are filled in) or for
 * TIMEOUT_MS, whichever is first, and drives all exchanges. -errno. */
int atls_verifier_client_poll(struct atls_verifier_client *client, struct curl_waitfd *extra,
                              unsigned count, int timeout_ms);

/* Starts POST newSession at URL (scheme, host, port), asking for NONCE_SIZE bytes of nonce, or,
 * with NONCE not empty, for that nonce. Returns at once: -errno only. */
int atls_verifier_session_open(struct atls_verifier_client *client, const char *url,
                               size_t nonce_size, struct atls_bytes nonce,
                               struct atls_verifier_session **sessionp);
void atls_verifier_session_free(
    struct atls_verifier_session *session); /* DELETEs it in the background */
/* 0 and the nonce (borrowed); ATLS_E_AGAIN while it is under way; else the failure, see below. */
int atls_verifier_session_nonce(struct atls_verifier_session *session, struct atls_bytes *noncep);
/* The seconds for which the session lived when its nonce came, by the verifier's own clock; 0 where
 * the verifier does not say. */
int64_t atls_verifier_session_lifetime(const struct atls_verifier_session *session);
/* Starts the POST of evidence (copied). Returns at once. It goes as the type of the session's
 * accept list that MEDIA_TYPE is, spelt as there. ATLS_E_UNSUPPORTED where it is not in that list.
 */
int atls_verifier_session_submit(struct atls_verifier_session *session, const char *media_type,
                                 struct atls_bytes evidence);
/* The same under the first of these media types (NULL at the end) that the session takes. */
int atls_verifier_session_submit_as(struct atls_verifier_session *session,
                                    const char *const *media_types, struct atls_bytes evidence);
/* Those of a CMW in this serialization. */
const char *const *atls_verifier_cmw_types(enum atls_serialization serialization);
/* 0 and the signed EAR (borrowed): a JWT, or a CWT where the client prefers that; ATLS_E_AGAIN;
 * else the failure. */
int atls_verifier_session_result(struct atls_verifier_session *session, struct atls_bytes *earp);
/* The failure of nonce() or result(): ATLS_E_UNAVAILABLE or ATLS_E_REFUSED or ATLS_E_MALFORMED with
 * one of the reasons verifier-unreachable, verifier-timeout, verifier-error, verifier-garbage,
 * session-expired; static storage. */
const char *atls_verifier_session_reason(const struct atls_verifier_session *session);

/* The EAR verification key of the verifier at URL by discovery, kept once fetched (borrowed).
 * 0, ATLS_E_AGAIN (fetch under way; poll), or a failure as above; *REASONP says which. */
int atls_verifier_key(struct atls_verifier_client *client, const char *url, const json_t **jwkp,
                      const char **reasonp);
/* Fetches that key again: the verifier may have another by now. Until it is there
 * atls_verifier_key() says ATLS_E_AGAIN; where it cannot be had, the one that was kept stands. */
void atls_verifier_key_renew(struct atls_verifier_client *client, const char *url);

/* Is it an address that can be asked: http or https, a host, and no password in it? -EINVAL. */
int atls_verifier_url_check(const char *url);

#endif
