/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An evidence format: one file and one row (list.h). The file says how the evidence travels and has
 * functions for everybody who meets it: the attester makes it, the relying party reads and checks
 * it, the verifier appraises it, the decoder prints it. Each lends the format what it needs and no
 * more (struct atls_evidence_source, atls_evidence_question, atls_judge, atls_printer), so that a
 * format knows neither device, store nor terminal, and none of these needs to know a format.
 */
#ifndef ATLS_FORMATS_FORMAT_H
#define ATLS_FORMATS_FORMAT_H

#include "formats/diagnosis.h"
#include "formats/list.h"
#include "rats/cmw/cmw.h"
#include "rats/cose/cose.h"
#include "rats/ear/ear.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/psa.h"
#include "rats/tokens/tpm.h"

struct atls_evidence_format;
struct atls_constant_nonce;

/* Evidence as it came: the CMW that is around it or that it is itself (NULL: none), and its bytes:
 * those in the record or tag, otherwise all. */
struct atls_evidence_message {
    const struct atls_cmw *cmw;
    struct atls_bytes value;
};

/* The attester lends a device. As the functions of sim/device/device.h: *OUTP is allocated. */
struct atls_evidence_source {
    const struct atls_evidence_source_ops *ops;
    const struct atls_public_key *key; /* that is to be attested */
    bool challenge_hashed;             /* as struct atls_evidence_question has it */
};
struct atls_evidence_source_ops {
    int (*attest_key)(const struct atls_evidence_source *source, struct atls_bytes challenge,
                      uint8_t **cabp, size_t *sizep);
    int (*attest_key_of_2022)(const struct atls_evidence_source *source,
                              struct atls_bytes challenge, uint8_t **bundlep, size_t *sizep);
    int (*attest_platform)(const struct atls_evidence_source *source, struct atls_bytes challenge,
                           uint8_t **tokenp, size_t *sizep);
    /* Evidence of a device whose root of trust is not PSA, by the name of its format. */
    int (*attest_as)(const struct atls_evidence_source *source, const char *kind,
                     struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep);
};

/* What a relying party has read of evidence; nothing is verified. It borrows from the message. */
struct atls_evidence_read {
    const struct atls_evidence_format *format; /* NULL: there is none */
    struct atls_bytes value;
    struct atls_public_key key;       /* the attested one, where the format names one */
    struct atls_bytes platform_token; /* a PSA token in it that a verifier can judge by */
    struct atls_bytes platform_nonce; /* itself, and what that answers; or empty */
    void *parsed;                     /* the format's own: one block, for free() */
};
/* What the relying party wants of it. */
struct atls_evidence_question {
    const struct atls_crypto *crypto;
    struct atls_bytes challenge;
    bool computed;             /* both sides computed the challenge: it is a binder, */
    const char *binder_clause; /* by this clause (or NULL) */
    bool quote_of_nonce;       /* a TPM's quote answers the challenge, not the KAT */
    bool challenge_hashed;     /* what holds exactly 64 bytes has the SHA-512 of a shorter one, and
                                * is not padded with zeros: realm-challenge=sha-512 */
    const struct atls_constant_nonce *constant_nonce; /* that is no answer; or NULL */
    int64_t now;
};

/* The verifier lends its store and its policy. A format's function returns 0; ATLS_E_REFUSED, which
 * condemn() returns: all that is said of the evidence is that it is bad; or -errno where this
 * machine is at fault. */
struct atls_judge {
    const struct atls_judge_ops *ops;
    const struct atls_crypto *crypto;
    struct atls_bytes nonce; /* of the session */
    int64_t now;
};
/* A PSA token, by itself or inside other evidence. Its anchor is found; FIRST is called; its
 * signature is verified; THEN is called, its times are looked at, and what it says of the platform
 * is appraised. Either function may be NULL. Without FIRST, a token that was found good a short
 * while ago is not looked at again, but for THEN. */
struct atls_judge_token {
    struct atls_bytes token;
    enum atls_cose_tagging tagging;
    const char *what; /* in sentences: "PAT" */
    int (*first)(struct atls_judge *judge, const struct atls_psa_claims *claims,
                 const void *context);
    int (*then)(struct atls_judge *judge, struct atls_bytes nonce, int32_t client_id,
                const void *context);
    const void *context;
};
struct atls_judge_realm { /* the measurements of an Arm CCA realm */
    struct atls_bytes initial, personalization;
    const struct atls_bytes *extensible;
    size_t extensible_count;
};
struct atls_judge_ops {
    /* Says why, makes every trust claim of every submod "verification failed". */
    int (*condemn)(struct atls_judge *judge, const char *reason, const char *clause,
                   const char *text);
    int (*appraise_token)(struct atls_judge *judge, const struct atls_judge_token *token);
    /* For formats without a PSA token. The key that is endorsed for this instance by this PROFILE
     * of CoRIM (its URI), or condemned as unknown-attestation-key. */
    int (*find_anchor)(struct atls_judge *judge, const char *profile,
                       const uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE],
                       const uint8_t instance_id[ATLS_PSA_INSTANCE_ID_SIZE],
                       struct atls_public_key *keyp);
    /* Measured components against reference values: the claim executables, and the reason. */
    int (*match)(struct atls_judge *judge,
                 const uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE],
                 const struct atls_psa_component *components, size_t count);
    void (*claim)(struct atls_judge *judge, enum atls_trust_claim claim, int value);
    /* Why a claim that CLAIM has set is no trust; the first thing that is said stands. */
    void (*say)(struct atls_judge *judge, const char *reason, const char *clause, const char *text);
    /* What follows is about this submod of the format, the first one until it is called. */
    void (*submod)(struct atls_judge *judge, size_t index);
    /* The key that genuine evidence attests. */
    void (*attest)(struct atls_judge *judge, const struct atls_public_key *key);
    /* As find_anchor(), for formats whose evidence names an instance and no class: gives the class,
     * too. */
    int (*find_instance)(struct atls_judge *judge, const char *profile,
                         struct atls_bytes instance_id, struct atls_public_key *keyp,
                         uint8_t class_idp[ATLS_PSA_IMPLEMENTATION_ID_SIZE]);
    /* A quote's PCRs against reference values of a class: the claim executables, and the reason. */
    int (*match_pcrs)(struct atls_judge *judge, const char *profile,
                      const uint8_t class_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE],
                      const struct atls_tpm_attest *quote);
    /* As match(), and its CONFIG: the claim configuration. */
    int (*match_platform)(struct atls_judge *judge, const char *profile,
                          const uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE],
                          const struct atls_psa_component *components, size_t count,
                          struct atls_bytes config);
    /* What runs in a realm against reference values: the claim executables, and the reason. */
    int (*match_realm)(struct atls_judge *judge, const struct atls_judge_realm *realm);
};
#define ATLS_SUBMODS_MAX 4
struct atls_evidence_submod {
    const char *name; /* in the EAR; of the first one: the verifier's scheme */
    unsigned claims;  /* that must be earned for it to affirm: bits 1 << enum atls_trust_claim */
};

/* The decoder lends its tree and its list of checks. */
struct atls_printer {
    const struct atls_printer_ops *ops;
    const struct atls_crypto *crypto;
    bool inside;                        /* other evidence: its nonce is then that one's affair */
    const struct atls_kat_dialect *kat; /* of a KAT in here */
};
#define ATLS_PRINTED_KEY_MAX 40
struct atls_printer_ops {
    void (*line)(struct atls_printer *printer, const char *label, const char *text);
    void (*bytes)(struct atls_printer *printer, const char *label, struct atls_bytes bytes);
    /* Whatever it is, told by its first bytes. */
    void (*message)(struct atls_printer *printer, const char *label, struct atls_bytes bytes);
    void (*check)(struct atls_printer *printer, int result, const char *text);
    void (*finding)(struct atls_printer *printer, const char *word, const char *text);
    int (*problem)(struct atls_printer *printer, int code); /* the newest atls_fail() */
    const char *(*reason)(struct atls_printer *printer);    /* its text, fit to be shown */
    void (*nonce)(struct atls_printer *printer, const char *what, struct atls_bytes nonce);
    const char *(*key_name)(struct atls_printer *printer, const struct atls_public_key *key,
                            char name[ATLS_PRINTED_KEY_MAX]);
    void (*indent)(struct atls_printer *printer, int by); /* what follows, by so many levels */
    void (*cbor)(struct atls_printer *printer, const char *label, struct atls_bytes bytes);
    /* With each key that the decoder was given; VERIFY returns 0 for the one it is by. */
    void (*signature)(struct atls_printer *printer, const char *what, const char *clause,
                      int (*verify)(const void *context, const struct atls_public_key *key),
                      const void *context);
};
/* A message that is told by its own bytes. */
struct atls_evidence_print {
    const char *word, *what; /* "kat-prototype", and for people */
    bool (*fits)(struct atls_bytes in);
    void (*print)(struct atls_printer *printer, struct atls_bytes in);
};
/* A signed token that is told by its claims, here or in any other message. */
struct atls_evidence_token {
    const char *word, *what, *claims_word, *claims_what;
    const char *name, *name_inside; /* in checks: "PSA token", "PAT (PSA token)" */
    bool (*fits)(struct atls_bytes claims);
    /* Behind its tree; one of the two is NULL. A token with its own key is checked as a whole. */
    void (*check)(struct atls_printer *printer, const struct atls_cose_sign1 *message);
    void (*check_claims)(struct atls_printer *printer, struct atls_bytes claims);
};

/* A challenge that somebody sends in every connection, so that what answers it may be of any age.
 */
struct atls_constant_nonce {
    struct atls_bytes nonce;
    const char *defect;           /* a sentence for the attester that is asked it, */
    const char *refusal, *clause; /* and for the relying party that is answered it */
};
extern const struct atls_constant_nonce atls_constant_nonce_of_2022; /* prototype.c */

enum atls_evidence_wrapping {
    ATLS_IS_CMW, /* a collection */
    ATLS_IN_CMW, /* the value of a record or tag */
    ATLS_NO_CMW  /* bytes of its own; a profile says that they come */
};

struct atls_evidence_format {
    const char *name; /* "cab" */
    const char *what; /* in a sentence: "a bare PSA token" */

    /* How it travels. */
    enum atls_evidence_wrapping wrapping;
    const char *collection_type;    /* of the collection that it is; or NULL */
    const char *record_type;        /* in a record or tag; NULL where it is in none */
    int content_format;             /* of that type, for a tag; -1: there is none */
    const char *const *media_types; /* by itself, the one that is preferred first, NULL at the end;
                                     * a record may have them too. NULL: it travels as CMW alone */
    bool (*is)(struct atls_bytes in); /* where others share a media type with it; or NULL */

    /* Which key it attests. */
    const char *key_in, *key_clause; /* what names it: "KAT"; NULL: nothing does, and only a
                                      * challenge that was made of a key ties the two */
    bool of_certificate;    /* its challenge is the hash of a certificate's key and nothing else, so
                             * that only profiles have it in which that is the challenge */
    const char *replayable; /* a sentence for the relying party that is shown it; or NULL */

    /* Attester. ATLS_E_LIMIT: it cannot answer so many bytes (of 8 to 64; NULL: any). */
    int (*check_challenge)(struct atls_bytes challenge);
    int (*make)(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **outp, size_t *sizep);

    /* Relying party. READ takes it apart, strictly; CHECK does what needs no endorsement. Both give
     * their refusal a reason (harness/peers/README.md) in *REASONP. */
    int (*read)(const struct atls_evidence_message *message, struct atls_evidence_read *readp,
                const char **reasonp);
    int (*check)(const struct atls_evidence_read *read,
                 const struct atls_evidence_question *question, const char **reasonp);
    /* Where CHECK said linkage-mismatch or kat-signature-invalid (what DIAGNOSIS is of): is there
     * another hash, or another key, that is known and fits? Adds it. NULL: no other is known. */
    void (*recognize)(const struct atls_evidence_read *read,
                      const struct atls_evidence_question *question,
                      struct atls_diagnosis *diagnosis);

    /* Verifier. */
    const struct atls_evidence_submod *submods;
    size_t submod_count; /* 1 to ATLS_SUBMODS_MAX */
    int (*appraise)(struct atls_judge *judge, const struct atls_evidence_message *message);
    /* What was signed, at most two parts (of one, the second stays empty): the same evidence has
     * the same. An outcome, or NULL: it cannot be read, and all its bytes count. -errno. */
    int (*signed_parts)(const struct atls_evidence_message *message, struct atls_bytes partsp[2]);

    /* Decoder; each may be NULL. */
    const struct atls_evidence_print *print;
    const struct atls_evidence_token *token;
    const char *collection_word, *collection_what; /* of a collection of its type, */
    bool (*resembles)(const struct atls_cmw *cmw); /* or one that was meant to be, */
    void (*check_collection)(struct atls_printer *printer, const struct atls_cmw *cmw);
};

#define ATLS_DECLARE_FORMAT(id, name, what, media_types)                                           \
    extern const struct atls_evidence_format atls_format_##id;
ATLS_EVIDENCE_FORMATS_ALL(ATLS_DECLARE_FORMAT)
#undef ATLS_DECLARE_FORMAT
extern const struct atls_evidence_format *const atls_evidence_formats[]; /* NULL at the end */

/* That can be asked for by NAME, or NULL. */
const struct atls_evidence_format *atls_evidence_format_by_name(const char *name);
/* The first that names no key: it attests whatever key its challenge was made of. There is
 * one (a test holds it); NULL otherwise. */
const struct atls_evidence_format *atls_evidence_format_without_key(void);
/* That of a CMW, by its type; NULL: of none. RECORD_TYPE too, which says less than a media type? */
const struct atls_evidence_format *atls_evidence_format_of_cmw(const struct atls_cmw *cmw,
                                                               bool record_type);
/* Is it the type of evidence of this format, in a record or by itself? */
const char *atls_evidence_format_media_type(const struct atls_evidence_format *format,
                                            struct atls_bytes media_type);
/* For --help: "evidence that the attester makes: cab, ...". Allocated; NULL: no memory. */
char *atls_evidence_formats_help(void);

/* In place of a word for what is malformed: there was no memory to find it. What is then told of
 * the evidence is -ENOMEM. */
#define ATLS_NO_WORD "internal"
/* CODE, which is a failure; -ENOMEM where WORD is that. */
int atls_evidence_failure(int code, const char *word);

/* read.c, for READ and CHECK: a refusal, with its reason unless it is this machine's fault. */
int atls_evidence_refuse(int code, const char *reason, const char **reasonp);
/* What READ found, SIZE bytes at PARSED, copied to READP. internal. */
int atls_evidence_keep(const void *parsed, size_t size, struct atls_evidence_read *readp,
                       const char **reasonp);
/* A COSE_Sign1 and the CBOR in its payload; STRICT: preferred encoding and definite lengths only,
 * which a format needs that hashes an encoding. *CLAIMSP stands before the claims, which need no
 * second check. malformed-cbor, malformed-cose. */
int atls_evidence_read_token(struct atls_bytes token, bool strict, enum atls_cose_tagging tagging,
                             struct atls_cbor_reader *claimsp, const char **reasonp);
/* Where the challenge is a binder: is NONCE the answer? binder-mismatch. */
int atls_evidence_check_binder(const struct atls_evidence_question *question, const char *what,
                               struct atls_bytes nonce, const char **reasonp);
/* Is NONCE the challenge, however that came about? WHAT it is, and by which CLAUSE, is told where
 * it is not. nonce-mismatch. */
int atls_evidence_check_nonce(const struct atls_evidence_question *question, const char *what,
                              const char *clause, struct atls_bytes nonce, const char **reasonp);
/* Is NONCE one that somebody sends in every connection? nonce-constant. */
int atls_evidence_check_constant(const struct atls_evidence_question *question,
                                 struct atls_bytes nonce, const char **reasonp);

/* For a diagnosis: is CAME the SHA-256, SHA-384 or SHA-512 of OF? Its name, or NULL. */
const char *atls_evidence_hash_of(const struct atls_crypto *crypto, struct atls_bytes of,
                                  struct atls_bytes came);

/* judge.c, for APPRAISE. */
int atls_judge_condemn(struct atls_judge *judge, const char *reason, const char *clause,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* With the newest atls_fail(); a negative CODE passes through. */
int atls_judge_fail(struct atls_judge *judge, int code, const char *reason);
int atls_judge_nonce(struct atls_judge *judge, struct atls_bytes came, const char *clause);
/* evidence-expired */
int atls_judge_times(struct atls_judge *judge, const struct atls_cwt_times *times,
                     const char *what);
/* What a security lifecycle is worth: instance-identity, runtime-opaque, storage-opaque, and the
 * reason lifecycle-not-secured. */
void atls_judge_lifecycle(struct atls_judge *judge, uint16_t lifecycle, const char *clause);
/* The word for bytes that should have been a signed map of claims and are not: at which of its
 * layers do they break? NULL where only the claims themselves are wrong. May be ATLS_NO_WORD. */
const char *atls_judge_malformed(struct atls_bytes message, enum atls_cose_tagging tagging,
                                 const struct atls_cbor_rules *rules);
/* The same for bytes that are no signed map, and that their parser has refused: never NULL. The
 * error stays the parser's. */
const char *atls_judge_malformed_map(struct atls_bytes in, const struct atls_cbor_rules *rules);

/* print.c */
void atls_print_line(struct atls_printer *printer, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void atls_print_check(struct atls_printer *printer, int result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void atls_print_finding(struct atls_printer *printer, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Is there a key from LEAST to MOST in the map that IN begins with? As far as it is well-formed. */
bool atls_claims_have(struct atls_bytes in, int64_t least, int64_t most);
/* The member NAME of the map that R stands before; then R stands before its value. */
bool atls_map_find(struct atls_cbor_reader *r, const char *name);

#endif
