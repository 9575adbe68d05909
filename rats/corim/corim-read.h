/* SPDX-License-Identifier: Apache-2.0 */
/* What the two readers of CoRIM share: the shell (corim.c) and its triples (corim-triples.c). */
#ifndef ATLS_RATS_CORIM_CORIM_READ_H
#define ATLS_RATS_CORIM_CORIM_READ_H

#include "rats/cbor/cbor-read.h"
#include "rats/corim/corim-keys.h"

int atls_corim_no_memory(void);
/* A text that is neither empty nor holds NUL, copied; replaces what *TEXTP held. */
int atls_corim_read_text(struct atls_cbor_reader *r, const char *what, char **textp);
int atls_corim_expect_tag(struct atls_cbor_reader *r, const char *what, uint64_t expected);
int atls_corim_unknown_key(const struct atls_cbor_reader *r, const char *what, int64_t key);
/* Encodings that the readers take, once lengths are definite. */
extern const struct atls_cbor_rules atls_corim_definite;
/* IN as a map of its own: lengths made definite, held to SHAPE, and then read by READ into CONTEXT;
 * what READ keeps of it, it copies. CLAUSE is cited by what goes wrong. */
struct atls_corim_shape;
int atls_corim_read_wrapped(struct atls_bytes in, const struct atls_corim_shape *shape,
                            const char *clause,
                            int (*read)(struct atls_cbor_reader *r, void *context), void *context);
/* validity-map; its shape was checked. */
int atls_corim_read_validity(struct atls_cbor_reader *r, struct atls_validity *validityp);
/* A number of seconds as one of its ends. */
int atls_corim_read_seconds(struct atls_cbor_reader *r, bool is_end, int64_t *secondsp);
/* Adds the reference values and trust anchors of a triples-map to CORIM. */
int atls_corim_read_triples(struct atls_cbor_reader *r, struct atls_corim *corim);

#endif
