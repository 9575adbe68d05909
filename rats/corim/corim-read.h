/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of CoRIM share, the shell (corim.c) and its triples (corim-triples.c), and what
 * they and the writer ask of a profile (corim-psa.c ...). */
#ifndef ATLS_RATS_CORIM_CORIM_READ_H
#define ATLS_RATS_CORIM_CORIM_READ_H

#include "rats/cbor/cbor-read.h"
#include "rats/cbor/cbor-write.h"
#include "rats/corim/corim-keys.h"

int atls_corim_no_memory(void);
/* A text that is neither empty nor holds NUL, copied; replaces what *TEXTP held. */
int atls_corim_read_text(struct atls_cbor_reader *r, const char *what, char **textp);
int atls_corim_expect_tag(struct atls_cbor_reader *r, const char *what, uint64_t expected);
/* R is at its value. */
int atls_corim_unknown_key(struct atls_cbor_reader *r, const char *what, int64_t key);
/* Encodings that the readers take, once lengths are definite. */
extern const struct atls_cbor_rules atls_corim_definite, atls_corim_indefinite, atls_corim_lax;
/* A map whose shape was checked: READ_MEMBER is at the value of each KEY in turn. */
int atls_corim_read_members(struct atls_cbor_reader *r, const char *what,
                            int (*read_member)(struct atls_cbor_reader *r, int64_t key,
                                               void *context),
                            void *context);
/* IN as a map of its own: lengths made definite, held to SHAPE, and then read by READ into CONTEXT;
 * what READ keeps of it, it copies. CLAUSE is cited by what goes wrong. */
struct atls_corim_shape;
int atls_corim_read_wrapped(struct atls_bytes in, const struct atls_cbor_rules *rules,
                            const struct atls_corim_shape *shape, const char *clause,
                            int (*read)(struct atls_cbor_reader *r, void *context), void *context);
/* validity-map; its shape was checked. */
int atls_corim_read_validity(struct atls_cbor_reader *r, struct atls_validity *validityp);
/* A number of seconds as one of its ends. */
int atls_corim_read_seconds(struct atls_cbor_reader *r, bool is_end, int64_t *secondsp);

/* The environment of a triple, as far as a profile knows it. */
struct atls_corim_environment {
    bool has_class, has_instance;
    uint8_t class_id[32], instance_id[33];
    size_t instance_id_size;
};
struct atls_corim_digest_read { /* a digest as it stands */
    enum atls_hash hash;
    struct atls_bytes value;
};
/* What differs from profile to profile; a row each, in the order of enum atls_corim_profile. */
struct atls_corim_profile_rules {
    const char *uri;
    const char *environment, *values, *keys; /* clauses */
    const char *class_id, *instance;         /* in words */
    bool by_instance;
    int (*read_class_id)(struct atls_cbor_reader *r, struct atls_corim_environment *environment);
    int (*read_instance)(struct atls_cbor_reader *r, struct atls_corim_environment *environment);
    /* One measurement; adds reference values to CORIM. */
    int (*read_measurement)(struct atls_cbor_reader *r,
                            const struct atls_corim_environment *environment,
                            struct atls_corim *corim);
    /* All of a triple were read, from FIRST on; or NULL. */
    int (*finish_values)(struct atls_corim *corim, size_t first);
    void (*write_class_id)(struct atls_cbor_writer *w, const uint8_t class_id[32]);
    void (*write_instance)(struct atls_cbor_writer *w, const struct atls_trust_anchor *anchor);
    /* The measurements of the triple that value FIRST leads. */
    void (*write_measurements)(struct atls_cbor_writer *w, const struct atls_corim *corim,
                               size_t first);
    bool (*value_is_good)(const struct atls_reference_value *value);
    bool (*is_raw)(const struct atls_reference_value *value); /* no digest; NULL: none is */
    bool (*anchor_is_good)(const struct atls_trust_anchor *anchor);
    const char *good; /* of both, in words */
};
extern const struct atls_corim_profile_rules atls_corim_psa, atls_corim_parsec_tpm,
    atls_corim_cca_platform, atls_corim_cca_realm, atls_corim_parsec_cca;
const struct atls_corim_profile_rules *atls_corim_profile_rules(enum atls_corim_profile profile);
/* One measurement: READ_KEY is at its key, READ_VALUE at one of its values. */
int atls_corim_read_measurement(
    struct atls_cbor_reader *r, int (*read_key)(struct atls_cbor_reader *r, void *context),
    int (*read_value)(struct atls_cbor_reader *r, int64_t key, void *context), void *context);
int atls_corim_read_tagged_bytes(struct atls_cbor_reader *r, const char *what, uint64_t tag,
                                 struct atls_bytes *bytesp);
/* SEEN: which algorithms there were in this measurement. */
int atls_corim_read_digest(struct atls_cbor_reader *r, bool seen[ATLS_SHA512 + 1],
                           struct atls_corim_digest_read *digestp);
/* A place for one more, zeroed but for its class. NULL: no memory. */
struct atls_reference_value *atls_corim_add_value(const struct atls_corim_environment *environment,
                                                  struct atls_corim *corim);
/* Do both stand in one triple? */
bool atls_corim_same_triple(const struct atls_reference_value *a,
                            const struct atls_reference_value *b);
/* The measurements of the triple that value FIRST leads, one of WRITE for each value. */
void atls_corim_write_each(struct atls_cbor_writer *w, const struct atls_corim *corim, size_t first,
                           void (*write)(struct atls_cbor_writer *w,
                                         const struct atls_reference_value *value));
void atls_corim_write_tagged_bytes(struct atls_cbor_writer *w, uint64_t tag, const uint8_t *data,
                                   size_t size);
/* corim-psa.c, for profiles with components like PSA's: one measurement with this MKEY. */
int atls_corim_read_component(struct atls_cbor_reader *r, const char *mkey,
                              const struct atls_corim_environment *environment,
                              struct atls_corim *corim);
void atls_corim_write_component(struct atls_cbor_writer *w, const char *mkey,
                                const struct atls_reference_value *value);
/* And their class and instance: implementation ids and UEIDs. */
int atls_corim_psa_read_class(struct atls_cbor_reader *r,
                              struct atls_corim_environment *environment);
int atls_corim_psa_read_instance(struct atls_cbor_reader *r,
                                 struct atls_corim_environment *environment);
void atls_corim_psa_write_class(struct atls_cbor_writer *w, const uint8_t class_id[32]);
void atls_corim_psa_write_instance(struct atls_cbor_writer *w,
                                   const struct atls_trust_anchor *anchor);
bool atls_corim_psa_value_is_good(const struct atls_reference_value *value);
bool atls_corim_psa_anchor_is_good(const struct atls_trust_anchor *anchor);
void atls_corim_write_digest(struct atls_cbor_writer *w, const struct atls_reference_value *value);

/* Adds the reference values and trust anchors of a triples-map to CORIM. */
int atls_corim_read_triples(struct atls_cbor_reader *r, struct atls_corim *corim);

#endif
