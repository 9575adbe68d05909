/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manners of a verifier that this one stands in for (--as): Veraison's services as they were
 * recorded, with what they do otherwise than RFC 9110 says or than this verifier would. A row for
 * each version; what the versions have in common is in veraison*.c.
 */
#ifndef ATLS_VERIFIER_STUB_HTTP_MANNERS_H
#define ATLS_VERIFIER_STUB_HTTP_MANNERS_H

#include "verifier-stub/appraisal/manners.h"
#include "verifier-stub/http/api.h"

struct atls_manners {
    const char *name;               /* of --as */
    const char *version;            /* in discovery */
    enum atls_base64 nonce_dialect; /* of a session's JSON */
    bool pads_queries;              /* nonce= is base64url with its padding, and no other */
    enum atls_corim_dialect corim;  /* the only form of a CoRIM's profile */
};
/* NULL: no such row. */
const struct atls_manners *atls_manners_named(const char *name);
extern const struct atls_manners atls_manners_table[];
extern const size_t atls_manners_count;

#define ATLS_VERAISON_BODY_MAX ((size_t)16 << 20) /* Veraison has no bound; some there must be */
#define ATLS_VERAISON_MT_PSA_LEGACY                                                                \
    "application/eat+cwt; eat_profile=\"tag:psacertified.org,2019:psa#legacy\""
#define ATLS_VERAISON_CHUNKED 2048 /* bytes of an answer from which on it comes in chunks */

/* veraison.c: what its web framework does, and its tables. */
bool atls_veraison_accepts(const char *accept, const char *type);
/* Another method of a known path is an unknown path, and one with a slash behind it leads to the
 * one without: true where the answer is given already. */
bool atls_veraison_route(const struct atls_request *request, struct atls_response *response);
/* The id in any of four forms. ATLS_E_MALFORMED, with its words. */
int atls_veraison_session_id(const char *text, char idp[ATLS_CHALLENGE_ID_SIZE + 1]);
/* A nonce in base64url, of which nothing is strict but the alphabet. As atls_base64_decode(). */
int atls_veraison_nonce(const struct atls_manners *as, const char *text, uint8_t *nonce,
                        size_t room, size_t *sizep);
/* What a media type lacks to be one, or NULL. */
const char *atls_veraison_type_flaw(const char *type);
/* The type of its tables that TYPE means, or NULL. */
const char *atls_veraison_type(bool provisioning, const char *type);
/* All of its tables, beginning with another scheme each time. NULL: no memory. */
json_t *atls_veraison_types(bool provisioning, const struct atls_crypto *crypto);
/* RFC 3339 with nanoseconds, as Go writes it; a string or NULL. */
json_t *atls_veraison_time(int64_t milliseconds, unsigned nanoseconds);
void atls_veraison_expires(int64_t milliseconds, struct atls_response *response);

/* veraison-submit.c: evidence and endorsements, from the request to what is stored or appraised. */
struct atls_veraison_evidence {    /* free the members with atls_veraison_evidence_clear() */
    struct atls_evidence evidence; /* its media type as it came: */
    bool is_looked_up;             /* only letter for letter that of the tables is */
    uint8_t *value;                /* where the evidence has no other owner */
};
void atls_veraison_evidence_clear(struct atls_veraison_evidence *evidence);
/* False: the answer is given already. */
bool atls_veraison_unwrap(const struct atls_api *api, const struct atls_request *request,
                          struct atls_veraison_evidence *evidencep, struct atls_response *response);
void atls_veraison_endorse(const struct atls_api *api, const struct atls_request *request,
                           struct atls_response *response);

#endif
