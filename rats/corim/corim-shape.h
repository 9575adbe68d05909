/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CDDL of CoRIM (draft-ietf-rats-corim) as tables: what a message must look like before anybody
 * asks what it means. It covers what the PSA profile reads and what is skipped on purpose.
 */
#ifndef ATLS_RATS_CORIM_CORIM_SHAPE_H
#define ATLS_RATS_CORIM_CORIM_SHAPE_H

#include "rats/cbor/cbor-read.h"

/* What may be held to its shape. */
extern const struct atls_corim_shape atls_corim_shape_corim;    /* corim-map, behind its tag */
extern const struct atls_corim_shape atls_corim_shape_comid;    /* concise-mid-tag */
extern const struct atls_corim_shape atls_corim_shape_meta;     /* corim-meta-map */
extern const struct atls_corim_shape atls_corim_shape_validity; /* validity-map */

/* Does the next item have this shape? R moves behind it. ATLS_E_MALFORMED: it has not.
 * ATLS_E_MISSING: a mandatory member is not there. ATLS_E_UNSUPPORTED: a member, a tag or a value
 * that the CDDL leaves to extensions. R must have been opened without indefinite lengths. */
int atls_corim_check_shape(struct atls_cbor_reader *r, const struct atls_corim_shape *shape);

#endif
