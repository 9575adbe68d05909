/* SPDX-License-Identifier: Apache-2.0 */
/* Media types and CoAP content formats of the field, in one table (RFC 9782). */
#ifndef ATLS_RATS_BASE_MEDIA_TYPES_H
#define ATLS_RATS_BASE_MEDIA_TYPES_H

#include "rats/base/bytes.h"

#define ATLS_MT_EAT_CWT "application/eat+cwt"
#define ATLS_MT_EAT_JWT "application/eat+jwt"
#define ATLS_MT_CMW "application/cmw" /* of early drafts, and of Veraison */
#define ATLS_MT_CMW_CBOR "application/cmw+cbor"
#define ATLS_MT_CMW_JSON "application/cmw+json"
#define ATLS_MT_PSA_TOKEN "application/psa-attestation-token"
#define ATLS_MT_PSA_VERAISON "application/eat-cwt; profile=\"http://arm.com/psa/2.0.0\""
#define ATLS_MT_PSA_RFC9783 "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\""
/* Nobody has registered one for RA-TLS, which has it in certificates under tags of its own. */
#define ATLS_MT_RA_TLS "application/vnd.atls.ra-tls+cbor"
#define ATLS_MT_PARSEC_TPM "application/vnd.parallaxsecond.key-attestation.tpm"
#define ATLS_MT_CCA_TOKEN "application/eat-collection; profile=\"http://arm.com/CCA-SSD/1.0.0\""
#define ATLS_MT_PARSEC_CCA "application/vnd.parallaxsecond.key-attestation.cca"
#define ATLS_CF_EAT_CWT 263
#define ATLS_CF_EAT_JWT 264
#define ATLS_CF_CMW_CBOR 273
#define ATLS_CF_CMW_JSON 274

struct atls_media_type {
    const char *name;   /* without parameters, except where they tell formats apart */
    int content_format; /* -1 where none is assigned */
    const char *what;   /* for people: "EAT in a CWT" */
};
extern const struct atls_media_type atls_media_types[];
extern const size_t atls_media_types_count;

const struct atls_media_type *atls_media_type_by_content_format(unsigned content_format);
/* Compares as RFC 9110 8.3.1: type, subtype and parameter names without regard to case, parameter
 * values as they are (but eat_profile, RFC 9782, without regard to case), quoting and blanks around
 * ";" without meaning, order of parameters neither. False where either is no media type. */
bool atls_media_type_equal(struct atls_bytes a, struct atls_bytes b);
/* The entry that is equal to NAME; failing that, the one without parameters of its type; or NULL.
 */
const struct atls_media_type *atls_media_type_by_name(struct atls_bytes name);
/* Is it a Content-Type as RFC 9193 section 6 has it, which is what the types of CMW records and of
 * evidence are: names of at most 127 of RFC 6838's characters, only blanks and only around ";",
 * behind each ";" a parameter, at most 16, each once (RFC 6838 section 4.3). ATLS_E_MALFORMED, with
 * the clause. */
int atls_media_type_check(struct atls_bytes name);
/* Is it a media type in the grammar of RFC 9110 section 8.3.1, in a field of HTTP? */
bool atls_media_type_valid(struct atls_bytes name);

#endif
