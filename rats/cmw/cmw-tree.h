/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CBOR and the JSON half of the CMW code share: building a tree whose nodes own their
 * bytes, and the rules of RFC 9999 that do not depend on the serialization. Not for other callers.
 */
#ifndef ATLS_RATS_CMW_CMW_TREE_H
#define ATLS_RATS_CMW_CMW_TREE_H

#include "rats/cmw/cmw.h"

#define ATLS_CMW_RECORD_CLAUSE "RFC 9999 section 3.1"
#define ATLS_CMW_TAG_CLAUSE "RFC 9999 section 3.2"
#define ATLS_CMW_COLLECTION_CLAUSE "RFC 9999 section 3.3"
#define ATLS_CMW_DEMUX_CLAUSE "RFC 9999 section 3.4"

/* An empty node, or NULL where memory ran out. */
struct atls_cmw *atls_cmw_new(enum atls_cmw_form form, enum atls_serialization serialization);
/* Copies bytes into a tree, with a zero behind them; nothing is allocated for no bytes.
 * 0 or -ENOMEM. */
int atls_cmw_copy(struct atls_bytes bytes, struct atls_bytes *copyp);
/* Sets the media type, the indicator or the collection type after checking it.
 * 0, -ENOMEM, ATLS_E_MALFORMED. */
int atls_cmw_set_media_type(struct atls_cmw *record, struct atls_bytes media_type);
int atls_cmw_set_indicator(struct atls_cmw *record, uint64_t indicator);
int atls_cmw_set_collection_type(struct atls_cmw *collection, struct atls_bytes type);
/* Adds a zeroed entry at the end; its members are the caller's to fill. 0 or -ENOMEM. */
int atls_cmw_add_entry(struct atls_cmw *collection, struct atls_cmw_entry **entryp);
/* A label must not be empty (CDDL: one character at least). 0, -ENOMEM, ATLS_E_MALFORMED. */
int atls_cmw_set_text_label(struct atls_cmw_entry *entry, struct atls_bytes label);
/* What can be said of a collection when all of it was read. 0 or ATLS_E_MALFORMED. */
int atls_cmw_check_collection(const struct atls_cmw *collection);
/* 0, or ATLS_E_LIMIT where a node would lie deeper than ATLS_CMW_MAX_DEPTH; the root has 1. */
int atls_cmw_check_depth(unsigned depth);

/* Refuses to write what no parser should accept: -EINVAL, ATLS_E_LIMIT (depth). Labels that occur
 * twice are left to the writers, which see them in order. */
int atls_cmw_check_writable(const struct atls_cmw *cmw, unsigned depth);

int atls_cmw_parse_cbor(struct atls_bytes in, struct atls_cmw **cmwp);
int atls_cmw_parse_json(struct atls_bytes in, struct atls_cmw **cmwp);
int atls_cmw_serialize_cbor(const struct atls_cmw *cmw, uint8_t **outp, size_t *sizep);
int atls_cmw_serialize_json(const struct atls_cmw *cmw, uint8_t **outp, size_t *sizep);

#endif
