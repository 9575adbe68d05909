/* SPDX-License-Identifier: Apache-2.0 */
/* Conceptual message wrappers (RFC 9999), in CBOR and in JSON. */
#ifndef PEER_CMW_H
#define PEER_CMW_H

#include "base.h"

#define CF_EAT_CWT 263
#define CF_EAT_JWT 264
#define CF_PSA_TOKEN 10003
#define MT_EAT_CWT "application/eat+cwt"
#define MT_EAT_JWT "application/eat+jwt"
#define MT_CMW_CBOR "application/cmw+cbor"
#define MT_CMW_JSON "application/cmw+json"
#define MT_PSA_TOKEN "application/psa-attestation-token"
#define MT_PSA_VERAISON "application/eat-cwt; profile=\"http://arm.com/psa/2.0.0\""
#define MT_PSA_RFC9783 "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\""
#define CMW_EVIDENCE 4u /* bits of the indicator */
#define CMW_RESULTS 8u

enum cmw_form { CMW_RECORD, CMW_TAG, CMW_COLLECTION };

struct cmw { /* owns everything: cmw_free() */
    enum cmw_form form;
    bool json;
    char *label; /* in a collection; NULL where it is an integer */
    /* of a record and a tag */
    char *media_type; /* or NULL: */
    unsigned content_format;
    struct blob value;
    unsigned indicator; /* 0: none */
    /* of a collection */
    char *collection_type; /* or NULL */
    struct cmw **members;
    size_t count;
};
void cmw_free(struct cmw *cmw);
/* Told apart by the first byte. The reason of all refusals is malformed-cmw. */
int cmw_parse(struct bytes in, struct cmw **cmwp, struct why *why);
const struct cmw *cmw_member(const struct cmw *collection, const char *label);
/* Is it of this type, or of the content format that stands for it? */
bool cmw_is(const struct cmw *cmw, const char *media_type);
/* Are two media types the same but for case and quotes? */
bool media_type_equal(const char *a, const char *b);

/* What the first byte says, even of what is malformed behind it: "record", "tag", "collection" or
 * NULL; "cbor", "json" or NULL. */
const char *cmw_form_word(struct bytes in);
const char *cmw_serialization_word(struct bytes in);

/* A record, or a tag (CBOR only), around VALUE, appended. */
void cmw_write(struct bytes value, unsigned content_format, unsigned indicator, bool json, bool tag,
               struct blob *out);
/* A CBOR collection of records once more in JSON. */
int cmw_to_json(struct bytes cbor, struct blob *out, struct why *why);

uint32_t cmw_tag_number(unsigned content_format);
/* -1: no tag of a content format. */
long cmw_tag_inverse(uint64_t tag);

#endif
