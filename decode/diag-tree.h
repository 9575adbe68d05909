/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the diagnostic printer: what its files share. A tree of lines is printed as the input is
 * walked; checks (signatures, nonces, linkage) are collected and printed behind the tree. Whatever
 * comes from the input is escaped, so that it cannot steer a terminal.
 */
#ifndef ATLS_DECODE_DIAG_TREE_H
#define ATLS_DECODE_DIAG_TREE_H

#include "decode/diag.h"
#include "formats/format.h"
#include "rats/cbor/cbor-read.h"
#include "rats/cose/cose.h"

#define ATLS_DIAG_DEPTH 64 /* items, tags and messages inside one another */
#define ATLS_DIAG_LABEL 160

struct atls_diag {
    struct atls_printer printer; /* what formats print with; its first member, see atls_diag_of() */
    FILE *out;
    struct atls_diag_keys keys; /* crypto is never NULL here */
    unsigned depth;             /* indentation */
    unsigned nested;            /* recursion */
    int problem;                /* first outcome that was not 0 */
    FILE *checks;               /* lines that follow the tree */
    bool has_checks;
    char reason[1024]; /* of the newest failure, as a format is told it */
};

/* diag-out.c: one line each. LABEL may be NULL. */
void atls_diag_line(struct atls_diag *d, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void atls_diag_bytes(struct atls_diag *d, const char *label, struct atls_bytes bytes);
void atls_diag_text(struct atls_diag *d, const char *label, struct atls_bytes text);
/* "1700000000 (2023-11-14T22:13:20Z)" */
void atls_diag_time(struct atls_diag *d, const char *label, double seconds);
/* One level of recursion deeper (leave with d->nested--), or ATLS_E_LIMIT, said in a line. */
int atls_diag_enter(struct atls_diag *d);
/* The newest atls_fail() as a line; keeps CODE if it is the first problem. Returns CODE. */
int atls_diag_problem(struct atls_diag *d, int code);
/* Something odd that is no problem. */
void atls_diag_note(struct atls_diag *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A check with its RESULT: 0 passed, else failed as atls_error_text() says. */
void atls_diag_check(struct atls_diag *d, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A check that could not be made, or a finding that is none. */
void atls_diag_finding(struct atls_diag *d, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Copies TEXT, escaped, into BUFFER; cut where it does not fit. Returns BUFFER. */
const char *atls_diag_escape(char *buffer, size_t size, struct atls_bytes text);
/* atls_error_text(), which may quote the input, fit to be shown. */
#define ATLS_DIAG_REASON 1024
const char *atls_diag_reason(char reason[ATLS_DIAG_REASON]);
/* First half of the SHA-256 of the key's SPKI in hex: how keys are named. */
#define ATLS_DIAG_KEY_NAME ATLS_PRINTED_KEY_MAX
const char *atls_diag_key_name(const struct atls_diag *d, const struct atls_public_key *key,
                               char name[ATLS_DIAG_KEY_NAME]);

/* diag-shapes.c: what is known of the numbers in a format. */
enum atls_diag_kind {
    DIAG_PLAIN,     /* as it comes */
    DIAG_MAP,       /* FIELDS by key; others have shape ITEM */
    DIAG_LIST,      /* every element has shape ITEM */
    DIAG_TUPLE,     /* FIELDS by position */
    DIAG_EMBEDDED,  /* a byte string that holds CBOR of shape ITEM */
    DIAG_MESSAGE,   /* a byte string that holds some message */
    DIAG_PAYLOAD,   /* a byte string that may hold anything: claims, a message, text, bytes */
    DIAG_NAMED,     /* integer with NAMES */
    DIAG_TIME,      /* seconds since 1970 */
    DIAG_LIFECYCLE, /* PSA security lifecycle */
    DIAG_TIER,      /* value whose tier matters */
    DIAG_UUID,      /* 16 bytes */
    DIAG_SECRET,    /* never shown */
};
struct atls_diag_name {
    int64_t value;
    const char *name;
};
struct atls_diag_shape;
struct atls_diag_field {
    int64_t key;      /* of a map; a tuple goes by order */
    const char *name; /* what the key means; for TEXT_KEY the key itself */
    const struct atls_diag_shape *shape;
    bool text_key;
};
struct atls_diag_shape {
    enum atls_diag_kind kind;
    const char *what; /* of a container or embedded message, for people */
    const struct atls_diag_field *fields;
    size_t count;
    const struct atls_diag_shape *item;
    const struct atls_diag_name *names; /* ends with a NULL name */
};
struct atls_diag_tag {
    uint64_t tag;
    const char *name;
    const struct atls_diag_shape *shape; /* of what is tagged; NULL: that of the place */
};
const struct atls_diag_tag *atls_diag_tag(uint64_t tag);
const char *atls_diag_name_of(const struct atls_diag_name *names, int64_t value);
extern const struct atls_diag_name atls_diag_algs[];
extern const struct atls_diag_shape atls_diag_claims, atls_diag_cose_key, atls_diag_cose_sign1,
    atls_diag_cose_mac0_shape, atls_diag_cose_sign_shape, atls_diag_components,
    atls_diag_cmw_record, atls_diag_corim;

/* diag-cbor.c: walks one item; prints where it breaks off. 0 or the outcome. */
int atls_diag_cbor_item(struct atls_diag *d, struct atls_cbor_reader *r, const char *label,
                        const struct atls_diag_shape *shape);
/* All of IN is one item: with checks of its well-formedness. */
int atls_diag_cbor(struct atls_diag *d, struct atls_bytes in, const char *label,
                   const struct atls_diag_shape *shape);

/* diag-json.c */
void atls_diag_json(struct atls_diag *d, const char *label, const json_t *json);
void atls_diag_jwt(struct atls_diag *d, struct atls_bytes in);
void atls_diag_ear_claims(struct atls_diag *d, const json_t *claims);
/* diag.c: are these, in CBOR, the claims of an EAR? diag-cose.c: the same checks of them. */
bool atls_diag_is_cbor_ear(struct atls_bytes in);
void atls_diag_cbor_ear_claims(struct atls_diag *d, struct atls_bytes in);
void atls_diag_jwk(struct atls_diag *d, const json_t *jwk);

/* diag-formats.c: evidence formats (formats/format.h) print themselves. */
extern const struct atls_printer_ops atls_diag_printer_ops;
/* The token that has these claims, or NULL. */
const struct atls_evidence_token *atls_diag_token_of(struct atls_bytes claims);
/* The format of this media type or collection, NULL where none prints it. */
const struct atls_evidence_format *atls_diag_format_of(const struct atls_cmw *cmw);

/* diag-cose.c */
void atls_diag_cose(struct atls_diag *d, struct atls_bytes in);
void atls_diag_cose_mac0(struct atls_diag *d, struct atls_bytes in);
void atls_diag_cose_sign(struct atls_diag *d, struct atls_bytes in);
void atls_diag_corim_signed(struct atls_diag *d, struct atls_bytes in);
/* What somebody signed: guessed at, and no fault where the guess is wrong. */
void atls_diag_payload(struct atls_diag *d, const char *label, struct atls_bytes content);
/* A well-formed map, as claims are? */
bool atls_diag_is_map(struct atls_bytes in);
/* Signature of MESSAGE with each key that was given. */
void atls_diag_signature(struct atls_diag *d, const char *what,
                         const struct atls_cose_sign1 *message);
/* The same of any signature that VERIFY knows how to verify with a key. */
void atls_diag_signature_by(struct atls_diag *d, const char *what, const char *clause,
                            int (*verify)(const void *context, const struct atls_public_key *key),
                            const void *context);
/* RESULT is what the verifier's key made of it. */
void atls_diag_signature_of_verifier(struct atls_diag *d, const char *what, int result);
void atls_diag_nonce(struct atls_diag *d, const char *what, struct atls_bytes nonce);

/* diag-cmw.c */
void atls_diag_cmw(struct atls_diag *d, struct atls_bytes in);
bool atls_diag_looks_like_cmw(struct atls_bytes in);

/* diag-signed.c */
bool atls_diag_is_cmw_cose(struct atls_bytes in);
bool atls_diag_is_cmw_jws(struct atls_bytes in);
void atls_diag_cmw_cose(struct atls_diag *d, struct atls_bytes in);
void atls_diag_cmw_jws(struct atls_diag *d, struct atls_bytes in);
/* The claim cmw, where there is one. */
void atls_diag_cmw_claim(struct atls_diag *d, struct atls_bytes claims);
void atls_diag_json_cmw_claim(struct atls_diag *d, const json_t *claims);

/* diag-x509.c: a certificate in DER, with the CMW in it. */
bool atls_diag_is_certificate(struct atls_bytes in);
void atls_diag_certificate(struct atls_diag *d, struct atls_bytes in);

/* diag-pem.c: does a block of PEM begin in a text? Whole blocks in it; the text; the text of one
 * public key; DER of one SEQUENCE. */
bool atls_diag_is_armoured(struct atls_bytes text);
size_t atls_diag_pem_blocks(struct atls_bytes text);
void atls_diag_pem(struct atls_diag *d, struct atls_bytes in);
void atls_diag_pem_key(struct atls_diag *d, struct atls_bytes in);
bool atls_diag_is_der(struct atls_bytes in);
void atls_diag_der(struct atls_diag *d, struct atls_bytes in);

/* diag.c: a message whose format is known and whose grammar holds, where nobody said that it is
 * one. False, and nothing printed, for anything else. */
bool atls_diag_guess(struct atls_diag *d, const char *label, struct atls_bytes in);
/* diag.c: evidence whose media type says what it is. */
void atls_diag_evidence(struct atls_diag *d, const struct atls_evidence_print *evidence,
                        struct atls_bytes in);
/* diag.c: any message inside another. LABEL stands before the word of its format. */
void atls_diag_message(struct atls_diag *d, const char *label, struct atls_bytes in);

#endif
