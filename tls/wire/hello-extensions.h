/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the hello extensions by which attestation is negotiated: evidence types, verifier
 * identities and nonces, as the drafts lay them out. Versions differ in which octets lead an
 * evidence type, in their order, and in the nonce: a layout is that difference as data, and the
 * code knows no version. Nothing here knows a TLS library.
 */
#ifndef ATLS_TLS_WIRE_HELLO_EXTENSIONS_H
#define ATLS_TLS_WIRE_HELLO_EXTENSIONS_H

#include "rats/base/bytes.h"

/* A list is at most 255 bytes (its length is one octet), so these many elements can be in it. */
#define ATLS_EVIDENCE_TYPES_MAX 85 /* of 3 bytes, where no credential kind is written */
#define ATLS_VERIFIERS_MAX 127     /* of 2 bytes: an empty identity is legal by syntax */
#define ATLS_WIRE_NONCE_MAX 255
#define ATLS_HELLO_BODY_MAX 512 /* two vectors of 255 bytes with their lengths */

enum atls_credential_kind { ATLS_KIND_ATTESTATION = 0, ATLS_KIND_CERT_ATTESTATION = 1 };

struct atls_evidence_type {
    uint8_t credential_kind; /* as on the wire; ATLS_KIND_ATTESTATION where not written */
    bool is_content_format;
    uint16_t content_format;
    struct atls_bytes media_type; /* borrowed */
};

enum atls_octet { ATLS_OCTET_NONE, ATLS_OCTET_CREDENTIAL_KIND, ATLS_OCTET_TYPE_ENCODING };
struct atls_hello_layout {
    const char *clause;
    enum atls_octet lead[2];        /* octets before an evidence type's argument, in order */
    size_t nonce_least, nonce_most; /* bytes; most 0: this version has no nonce here */
};
extern const struct atls_hello_layout atls_layout_ta_02;   /* draft-fossati-tls-attestation-02 */
extern const struct atls_hello_layout atls_layout_ta_03;   /* -03 and -04 */
extern const struct atls_hello_layout atls_layout_ta_07;   /* -05 to -07 */
extern const struct atls_hello_layout atls_layout_poc;     /* the prototype of 2022 */
extern const struct atls_hello_layout atls_layout_seat_04; /* draft-fossati-seat-early-...-04 */

struct atls_evidence_types {
    struct atls_evidence_type type[ATLS_EVIDENCE_TYPES_MAX];
    size_t count;
};
struct atls_verifier_ids {
    struct atls_bytes id[ATLS_VERIFIERS_MAX]; /* borrowed */
    size_t count;
};

bool atls_evidence_type_equal(const struct atls_evidence_type *a,
                              const struct atls_evidence_type *b);
/* Equal, or the one is the content format of the other's media type. The credential kinds must be
 * the same. */
bool atls_evidence_type_equivalent(const struct atls_evidence_type *a,
                                   const struct atls_evidence_type *b);
/* Reads "cf:N" or a media type as on the command line; TEXT must outlive the type. ATLS_E_MALFORMED
 * or ATLS_E_LIMIT (a media type that no list can hold). */
int atls_evidence_type_parse(const char *text, struct atls_evidence_type *typep);
/* The inverse, into at most SIZE bytes with the closing zero. */
void atls_evidence_type_print(const struct atls_evidence_type *type, char *text, size_t size);

/* Readers. All of a body must be used. 0 or ATLS_E_MALFORMED (grammar; an unknown type encoding
 * cannot be skipped, so it ends the list), ATLS_E_LIMIT for a nonce of forbidden length. What they
 * give borrows from BODY. */

/* One evidence type, for lists of another kind. */
int atls_read_evidence_type(const struct atls_hello_layout *layout, struct atls_cursor *c,
                            struct atls_evidence_type *typep);
/* ClientHello: u8 length, evidence types, and, where NONCEP is not NULL and the layout has one, a
 * nonce (evidence_request). */
int atls_read_evidence_offer(const struct atls_hello_layout *layout, struct atls_bytes body,
                             struct atls_evidence_types *typesp, struct atls_bytes *noncep);
/* EncryptedExtensions: a bare evidence type, and likewise a nonce (evidence_proposal). */
int atls_read_evidence_selection(const struct atls_hello_layout *layout, struct atls_bytes body,
                                 struct atls_evidence_type *typep, struct atls_bytes *noncep);
/* u8 length, then identities of u16 length each. */
int atls_read_verifier_offer(const struct atls_hello_layout *layout, struct atls_bytes body,
                             struct atls_verifier_ids *idsp);
int atls_read_verifier_selection(const struct atls_hello_layout *layout, struct atls_bytes body,
                                 struct atls_bytes *idp);

/* Writers, into a sink. ATLS_E_LIMIT: the list is empty or beyond 255 bytes. The nonce is written
 * where NONCE is not NULL, whatever its length (a fault may want that) up to 255 bytes. */
void atls_write_evidence_type(const struct atls_hello_layout *layout,
                              const struct atls_evidence_type *type, struct atls_sink *sink);
int atls_write_evidence_offer(const struct atls_hello_layout *layout,
                              const struct atls_evidence_type *types, size_t count,
                              const struct atls_bytes *nonce, struct atls_sink *sink);
int atls_write_evidence_selection(const struct atls_hello_layout *layout,
                                  const struct atls_evidence_type *type,
                                  const struct atls_bytes *nonce, struct atls_sink *sink);
int atls_write_verifier_offer(const struct atls_bytes *ids, size_t count, struct atls_sink *sink);
int atls_write_verifier_selection(struct atls_bytes id, struct atls_sink *sink);

#endif
