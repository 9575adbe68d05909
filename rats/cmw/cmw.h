/* SPDX-License-Identifier: Apache-2.0 */
/* Conceptual message wrapper, RFC 9999: record, tag and collection, in CBOR and in JSON. */
#ifndef ATLS_RATS_CMW_CMW_H
#define ATLS_RATS_CMW_CMW_H

#include "rats/cbor/cbor-write.h"

#define ATLS_CMW_MAX_DEPTH 8
#define ATLS_CMW_MAX_SIZE (1u << 20)
#define ATLS_CMW_COLLECTION_TYPE "__cmwc_t"

enum atls_cmw_form { ATLS_CMW_RECORD, ATLS_CMW_TAG, ATLS_CMW_COLLECTION };
enum atls_serialization { ATLS_CBOR, ATLS_JSON };
enum atls_cmw_indicator { /* RFC 9999 3.1: bits of ind */
                          ATLS_IND_REFERENCE_VALUES = 1,
                          ATLS_IND_ENDORSEMENTS = 2,
                          ATLS_IND_EVIDENCE = 4,
                          ATLS_IND_ATTESTATION_RESULTS = 8,
                          ATLS_IND_APPRAISAL_POLICY = 16,
                          ATLS_IND_ALL = 31
};

struct atls_cmw_type { /* exactly one of the two */
    bool is_content_format;
    uint16_t content_format;
    struct atls_bytes media_type;
};

struct atls_cmw_entry;
struct atls_cmw { /* all storage belongs to the tree: free it with atls_cmw_free() of its root */
    enum atls_cmw_form form;
    enum atls_serialization serialization;
    struct atls_cmw_type type;         /* record, tag */
    struct atls_bytes value;           /* record, tag: the message, decoded */
    unsigned indicator;                /* record: 0 where absent */
    struct atls_bytes collection_type; /* collection: __cmwc_t, empty where absent */
    struct atls_cmw_entry *entries;
    size_t entry_count;
};
struct atls_cmw_entry {
    bool is_integer;
    int64_t integer_label;
    struct atls_bytes text_label;
    struct atls_cmw *cmw;
};

/* Which serialization the first byte tells (RFC 9999 section 3.4), behind white space that JSON may
 * have in front, or ATLS_E_MALFORMED. */
int atls_cmw_sniff(struct atls_bytes in, enum atls_serialization *serializationp);
/*
 * Parses either serialization and refuses whatever RFC 9999 forbids, with the clause.
 * 0, -ENOMEM, ATLS_E_MALFORMED, ATLS_E_LIMIT (size, depth, number of items), ATLS_E_UNSUPPORTED (a
 * byte string in several chunks).
 *
 * Indefinite lengths: RFC 9999 does not forbid them, and the look-ahead of its section 3.4 names 9f
 * and bf, so arrays and maps may have them. The same table does not name longer heads than needed
 * (98 02, db 00..), so those are refused. For the same reason JSON must begin with its bracket,
 * while white space behind it belongs to a JSON text (RFC 8259 section 2) and is read. Integer
 * labels have 64 bits with their sign; JSON labels no zero character.
 */
int atls_cmw_parse(struct atls_bytes in, struct atls_cmw **cmwp);
/* The same where the slot says which serialization must be there (the CHOICE of id-pe-cmw). */
int atls_cmw_parse_as(enum atls_serialization serialization, struct atls_bytes in,
                      struct atls_cmw **cmwp);
void atls_cmw_free(struct atls_cmw *cmw);
/* What a record's or tag's type means, borrowed: the media type itself, or that of its content
 * format. Without bytes for a content format that is not known, and for a collection. */
struct atls_bytes atls_cmw_media_type(const struct atls_cmw *cmw);
/* Does a record's or tag's type mean this media type, written as text or as content format? */
bool atls_cmw_type_is(const struct atls_cmw *cmw, const char *media_type);
const struct atls_cmw *atls_cmw_find(const struct atls_cmw *collection, const char *label);

/* TN(cf), RFC 9277 4.3; ATLS_E_LIMIT above 65024. The inverse refuses tags outside TN's image. */
int atls_cmw_tn(unsigned content_format, uint32_t *tagp);
int atls_cmw_tn_inverse(uint64_t tag, uint16_t *content_formatp);

/* Writers, CBOR, no allocation: one item each. IND 0 leaves the indicator out. */
void atls_cmw_write_record(struct atls_cbor_writer *w, const char *media_type,
                           struct atls_bytes value, unsigned indicator);
void atls_cmw_write_record_cf(struct atls_cbor_writer *w, uint16_t content_format,
                              struct atls_bytes value, unsigned indicator);
void atls_cmw_write_record_type(struct atls_cbor_writer *w, const struct atls_cmw_type *type,
                                struct atls_bytes value, unsigned indicator);
/* 0, or ATLS_E_LIMIT where the content format has no tag; then nothing was written. */
int atls_cmw_write_tag(struct atls_cbor_writer *w, uint16_t content_format,
                       struct atls_bytes value);
/* The tree in either serialization; *OUTP is allocated. CBOR is deterministic (RFC 8949 4.2.1),
 * JSON compact with sorted labels. In JSON a tag becomes a record and a content format its media
 * type; ATLS_E_UNSUPPORTED where there is no JSON form: no media type, an integer label, an empty
 * value. -EINVAL: a tree that RFC 9999 forbids; -ENOMEM; ATLS_E_LIMIT (depth, TN). */
int atls_cmw_serialize(const struct atls_cmw *cmw, enum atls_serialization serialization,
                       uint8_t **outp, size_t *sizep);

#endif
