/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a refusal knows of what did not match. A nonce, a hash or a signature that is wrong by the
 * reading that was chosen may be right by another one, of the same draft or of an older one.
 * Whoever refused computes it again by each that is known, with the code that computes it
 * otherwise, and names the one that fits: the person at the other end then knows what to change. It
 * is computed on failure alone, and changes nothing of the refusal.
 */
#ifndef ATLS_FORMATS_DIAGNOSIS_H
#define ATLS_FORMATS_DIAGNOSIS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ATLS_DIAGNOSIS_READINGS 4 /* that hold together */
#define ATLS_DIAGNOSIS_TEXT 1024  /* bytes of a sentence */

/* What did not match. */
enum atls_mismatch {
    ATLS_MATCHES, /* nothing of this kind was wrong */
    ATLS_WRONG_BINDER,
    ATLS_WRONG_NONCE,
    ATLS_WRONG_LINKAGE,
    ATLS_WRONG_SIGNATURE,
    ATLS_WRONG_EXTENSION,
};

struct atls_known_reading {        /* strings are static, but for the text */
    const char *variant, *value;   /* of --variant; NULL: there is none for it */
    const char *question, *letter; /* of the ambiguity: "H5", "B"; "" where it has none */
    const char *name;              /* where there is no variant: "another connection" */
    char text[160];
    const char *clause;
};
struct atls_diagnosis { /* all zero: there is none */
    enum atls_mismatch of;
    size_t count; /* 0: it is of no reading that is known */
    struct atls_known_reading readings[ATLS_DIAGNOSIS_READINGS];
};

/* Adds the reading VALUE of VARIANT, as contract.yaml tells it, by CLAUSE (NULL: the one that its
 * question is from). A reading that is not told there is none. */
void atls_diagnosis_add_variant(struct atls_diagnosis *diagnosis, const char *variant,
                                const char *value, const char *clause);
/* Adds a reading without a variant: NAME is what it is of. CLAUSE may be NULL. */
void atls_diagnosis_add(struct atls_diagnosis *diagnosis, const char *name, const char *clause,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same of an ambiguity that no variant is for. */
void atls_diagnosis_add_reading(struct atls_diagnosis *diagnosis, const char *question,
                                const char *letter, const char *clause, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Do the readings of VARIANT differ in what evidence answers? */
bool atls_variant_is_of_binder(const char *variant);

/* "answers the binder of H5 reading B: the hash began at the second ClientHello (clause)"; "" where
 * nothing is to be said. */
void atls_diagnosis_say(const struct atls_diagnosis *diagnosis, char text[ATLS_DIAGNOSIS_TEXT]);
/* The field diagnosis of events (harness/peers/README.md); NULL where nothing is to be said, or
 * there is no memory. */
json_t *atls_diagnosis_json(const struct atls_diagnosis *diagnosis);

#endif
