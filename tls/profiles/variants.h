/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings: where a draft can be read in more than one way, and implementations do, each way has a
 * name, and a party is told which one to take (--variant NAME=READING). The first reading of each
 * is the default. What is chosen is plain data that profiles look at; no reading is ever guessed.
 */
#ifndef ATLS_TLS_PROFILES_VARIANTS_H
#define ATLS_TLS_PROFILES_VARIANTS_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/diagnosis.h"

/* H15: what is ahead of the CMW in a CertificateEntry's extension. */
enum atls_payload_prefix {
    ATLS_PREFIX_AS_DRAFTED,
    ATLS_PREFIX_NONE,
    ATLS_PREFIX_U16,
    ATLS_PREFIX_U24
};

/* Who checks the KAT of a CAB, whose PAT alone a verifier of platform tokens can appraise? */
enum atls_cab_appraisal { ATLS_CAB_BY_VERIFIER, ATLS_CAB_BY_RELYING_PARTY };
/* H10: what ties a result to the certificate's key: a key that it names, or, where it names none,
 * its nonce, if that is the binder. */
enum atls_result_key { ATLS_RESULT_KEY_NAMED, ATLS_RESULT_KEY_BOUND };

/* H11: must a result answer the binder? */
enum atls_result_nonce { ATLS_RESULT_AS_DRAFTED, ATLS_RESULT_FREE, ATLS_RESULT_REQUIRED };

/* How CertificateVerify has ECDSA's r and s: one behind the other, as PSA's interface gives them,
 * or as RFC 8446 wants them. */
enum atls_signature_reading { ATLS_SIGNATURE_RAW, ATLS_SIGNATURE_DER };

struct atls_variants {            /* all zero: the defaults */
    unsigned hello_retry;         /* H5: enum atls_hello_retry */
    unsigned payload_prefix;      /* H15: enum atls_payload_prefix */
    unsigned no_common;           /* H12: 0 a fatal alert, 1 the extension is omitted */
    unsigned evidence_type_match; /* H20: 1 the CMW must be of the type that was selected */
    unsigned result_nonce;        /* H11: enum atls_result_nonce */
    unsigned entry_code_point;    /* H14: 0 of private use, 1 the draft's 60 */
    unsigned binder_length;       /* H16: enum atls_ta07_length */
    unsigned binder_secret;       /* H17: enum atls_ta07_secret */
    unsigned public_key;          /* H6: enum atls_expat_key */
    unsigned exporter_label;      /* H7: enum atls_expat_label */
    unsigned cmw_code_point;      /* H8: 0 is 0xFF00, 1 is 0xFFFF */
    unsigned cab_appraisal;       /* enum atls_cab_appraisal */
    unsigned tpm_quote;           /* 1 a TPM's quote answers the challenge itself */
    unsigned result_key;          /* H10: enum atls_result_key */
    unsigned result_binding;      /* 1 a result with neither nonce nor key will do */
    unsigned realm_challenge;     /* 0 padded with zeros, 1 its SHA-512: enum atls_cca_challenge */
    unsigned certificate_challenge; /* H27: 0 the channel binder, 1 the nonce of the wire */
    unsigned post_handshake;        /* H28: 1 the client can be authenticated after the handshake */
    unsigned binder_role;           /* H9: 1 a binder of its own for each side */
    unsigned request_transcript;    /* H33: 1 without the request's handshake header */
    unsigned own_key;               /* 1 a peer with this side's own key is refused */
    unsigned bare_token;            /* 1 what names no key is refused */
    unsigned framing;               /* of expat-04: 1 as Cocos has it */
    unsigned payload;               /* of cmw_attestation: 1 as Cocos has it */
    unsigned nonce;                 /* poc-mbedtls: 0 a fresh one, 1 the prototype's constant */
    unsigned signature;             /* poc-mbedtls: enum atls_signature_reading */
};

/* Takes "NAME=READING". ATLS_E_UNSUPPORTED: no such name or reading. */
int atls_variants_set(struct atls_variants *variants, const char *argument);
/* Is what is not a default something that PROFILE (its name) leaves open? Else ATLS_E_UNSUPPORTED.
 */
int atls_variants_check(const struct atls_variants *variants, const char *profile);
/* For a diagnosis: calls FITS with each other choice of the readings that PROFILE (its name) leaves
 * open and that are other values for evidence to answer, those with the fewest changes of OWN
 * first. Where it returns true, the changes are added to DIAGNOSIS, by CLAUSE, and that is the end.
 */
bool atls_variants_recognize(const struct atls_variants *own, const char *profile,
                             bool (*fits)(void *context, const struct atls_variants *variants),
                             void *context, const char *clause, struct atls_diagnosis *diagnosis);
/* The table in words, a line a variant; to be freed. NULL where there is no memory. */
char *atls_variants_describe(void);

#endif
