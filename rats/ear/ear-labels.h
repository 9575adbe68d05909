/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels that the claims of an EAR have in CBOR (draft-ietf-rats-ear-03 section 3; RFC 9711
 * section 10.3), beside their names in JSON: one row a claim. Reader and writer of CBOR go by this
 * table to and from the claims in JSON, which have one parser, and one list of checks.
 */
#ifndef ATLS_RATS_EAR_EAR_LABELS_H
#define ATLS_RATS_EAR_EAR_LABELS_H

#include "rats/cbor/cbor-read.h"
#include "rats/cbor/cbor-write.h"
#include "rats/ear/ear-names.h"

#define ATLS_EAR_CLAUSE "draft-ietf-rats-ear-03 section 3"

enum atls_ear_kind {
    ATLS_EAR_TEXT,
    ATLS_EAR_TEXTS,  /* a text, or an array of texts */
    ATLS_EAR_TIME,   /* a number without a tag (RFC 8392 section 2) */
    ATLS_EAR_BYTES,  /* base64url in JSON */
    ATLS_EAR_TIER,   /* its number; in JSON its word */
    ATLS_EAR_VECTOR, /* labels are those of enum atls_trust_claim; values are integers */
    ATLS_EAR_MAP,    /* of the members of that row */
    ATLS_EAR_MAPS,   /* a map from names to such maps */
    ATLS_EAR_ANY     /* a map from names to whatever JSON has */
};

struct atls_ear_label { /* rows are in the order of their encodings (RFC 8949 section 4.2.1) */
    int64_t label;
    const char *text;  /* a label that is a text, or NULL */
    unsigned dialects; /* in which it is so: a bit for each */
    enum atls_ear_kind kind;
    const char *name;                     /* in JSON, or NULL: */
    size_t name_at;                       /* where in struct atls_ear_names that is */
    const struct atls_ear_label *members; /* of a map; a row of no dialect ends them */
};
extern const struct atls_ear_label atls_ear_labels[];

int atls_ear_no_memory(void); /* -ENOMEM, and what is said of it */
const char *atls_ear_label_name(const struct atls_ear_label *row, enum atls_ear_dialect dialect);

/* The claims as JSON; what no row knows is left out. The form alone is checked; what the values
 * must be is said by atls_ear_parse_claims(). ATLS_E_MALFORMED, ATLS_E_LIMIT, ATLS_E_UNSUPPORTED (a
 * text in several chunks), -ENOMEM. */
int atls_ear_claims_of_cbor(struct atls_bytes in, json_t **claimsp);
/* And back, in deterministic encoding: *CBORP is allocated. CLAIMS are those that the writer of
 * EARs makes. -EINVAL where they are nested too deep; -ENOMEM. */
int atls_ear_claims_to_cbor(const json_t *claims, enum atls_ear_dialect dialect, uint8_t **cborp,
                            size_t *sizep);

#endif
