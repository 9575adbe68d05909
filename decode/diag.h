/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The diagnostic printer: an annotated tree of any message of the field, for people. It recognises
 * what it is given (CMW in either serialization, CAB, COSE_Sign1, PSA token and bare claims, KAT,
 * EAR, CoRIM, boot record, any other CBOR) and goes down into what is wrapped. With keys it says
 * of each signature, linkage and nonce whether it verifies.
 */
#ifndef ATLS_DECODE_DIAG_H
#define ATLS_DECODE_DIAG_H

#include <stdio.h>

#include <jansson.h>

#include "rats/crypto/crypto.h"

struct atls_diag_keys {
    const struct atls_crypto *crypto;
    const struct atls_public_key *keys; /* trust anchors to try on each signature */
    size_t key_count;
    json_t *const *jwks;        /* what is said of each key, NULL where nothing; or NULL */
    const json_t *verifier_jwk; /* for EARs, NULL where none */
    struct atls_bytes nonce;    /* the expected challenge, empty where unknown */
    bool whole;                 /* long strings in full, instead of their ends */
    bool colour;                /* ANSI colours for the results of checks */
};

/* What the bytes are, as a word: "cab", "cmw", "cmw-cose", "cmw-jws", "psa-token", "kat", "ear",
 * "corim", "corim-signed", "certificate", "cose-mac0", "cose-sign", "boot-record", "cose-sign1",
 * "psa-claims", "kat-claims", "kat-prototype", "parsec-tpm", "parsec-cca", "jwt", "jwk", "session",
 * "pem", "json", "cbor", or NULL where nothing fits. The word is a guess from the first bytes and
 * keys: a message that is malformed further on is still called by its name. */
const char *atls_diag_recognise(struct atls_bytes in);
/* Prints; KEYS may be NULL. 0 where all is well-formed and every check that could be made passed,
 * otherwise the first problem's outcome (the tree is printed as far as it goes). */
int atls_diag_print(FILE *out, struct atls_bytes in, const struct atls_diag_keys *keys);

#endif
