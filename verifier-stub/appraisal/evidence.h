/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence as a verifier's client posts it: a media type and bytes, perhaps inside a CMW. What is
 * advertised, what is taken apart, and what makes two posts the same evidence.
 */
#ifndef ATLS_VERIFIER_STUB_APPRAISAL_EVIDENCE_H
#define ATLS_VERIFIER_STUB_APPRAISAL_EVIDENCE_H

#include "formats/format.h"

#define ATLS_EVIDENCE_DIGEST_SIZE 32

struct atls_evidence { /* free the members with atls_evidence_clear(); borrows from the body */
    const struct atls_evidence_format *format;
    struct atls_cmw *cmw;    /* the tree that it came in, NULL where it came bare */
    char *media_type;        /* of VALUE: what a session reports */
    struct atls_bytes value; /* of a record or tag what is in it, otherwise the whole body; lives as
                                long as the body and CMW */
};
void atls_evidence_clear(struct atls_evidence *evidence);

/* The advertised media types, in the order of the session's "accept": those of each format, then
 * those of a CMW. NULL behind the last. */
const char *atls_evidence_media_type(size_t index);
/* The one of a CMW that TYPE is, or NULL. */
const char *atls_evidence_cmw_type(struct atls_bytes type);

/* 0; ATLS_E_MALFORMED (a CMW that breaks RFC 9999: *REASONP is then a word of the peer contract; or
 * no media type: *REASONP is NULL); ATLS_E_UNSUPPORTED (another type of evidence); -ENOMEM. As at
 * Veraison, a CMW's serialization is told by its first byte, whatever the Content-Type says. */
int atls_evidence_unwrap(const char *content_type, struct atls_bytes body,
                         struct atls_evidence *evidencep, const char **reasonp);

/* SHA-256 over what was signed. Signatures and wrappings do not count: they can be changed without
 * making the evidence another. Where nothing can be parsed, over the value. -errno. */
int atls_evidence_digest(const struct atls_evidence *evidence, const struct atls_crypto *crypto,
                         uint8_t digestp[ATLS_EVIDENCE_DIGEST_SIZE]);

#endif
