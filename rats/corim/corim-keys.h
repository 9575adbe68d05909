/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of CoRIM and CoMID (draft-ietf-rats-corim, CDDL), shared by reader, writer, printer. */
#ifndef ATLS_RATS_CORIM_CORIM_KEYS_H
#define ATLS_RATS_CORIM_CORIM_KEYS_H

#include "rats/corim/corim.h"

#define CORIM "draft-ietf-rats-corim section 4.1"
#define COMID "draft-ietf-rats-corim section 5.1"
#define PSA_ENVIRONMENT "draft-fdb-rats-psa-endorsements section 3.2"
#define PSA_REFERENCE_VALUES "draft-fdb-rats-psa-endorsements section 3.3"
#define PSA_KEYS "draft-fdb-rats-psa-endorsements section 3.4"
/* Nobody has written this profile down but Veraison, in the validators of its scheme. */
#define PARSEC_TPM "Veraison, scheme parsec-tpm, CoRIM profile"
#define MKEY_COMPONENT "psa.software-component"
#define MKEY_CCA_COMPONENT "cca.software-component"

enum corim_tag {
    TAG_URI = 32,
    TAG_UUID = 37,
    TAG_OID = 111,
    TAG_UNSIGNED_CORIM = 501,
    TAG_COSWID = 505,
    TAG_COMID = 506,
    TAG_UEID = 550,
    TAG_PKIX_KEY = 554,
    TAG_BYTES = 560,
};
enum corim_key {
    CORIM_ID,
    CORIM_TAGS,
    CORIM_DEPENDENT,
    CORIM_PROFILE,
    CORIM_VALIDITY,
    CORIM_ENTITIES
};
enum comid_key { COMID_LANGUAGE, COMID_IDENTITY, COMID_ENTITIES, COMID_LINKED, COMID_TRIPLES };
enum identity_key { IDENTITY_ID, IDENTITY_VERSION };
enum entity_key { ENTITY_NAME, ENTITY_REGID, ENTITY_ROLES };
enum triples_key {
    TRIPLES_REFERENCE = 0,
    TRIPLES_ENDORSED = 1,
    TRIPLES_IDENTITY = 2,
    TRIPLES_ATTEST_KEY = 3,
    TRIPLES_DEPENDENCY = 4,
    TRIPLES_MEMBERSHIP = 5,
    TRIPLES_COSWID = 6,
    TRIPLES_SERIES = 8,
    TRIPLES_CONDITIONAL = 10
};
enum environment_key { ENVIRONMENT_CLASS, ENVIRONMENT_INSTANCE, ENVIRONMENT_GROUP };
enum class_key { CLASS_ID, CLASS_VENDOR, CLASS_MODEL };
enum measurement_key { MEASUREMENT_KEY, MEASUREMENT_VALUE };
enum mval_key {
    MVAL_VERSION = 0,
    MVAL_DIGESTS = 2,
    MVAL_RAW = 4,
    MVAL_RAW_MASK = 5,
    MVAL_NAME = 11,
    MVAL_CRYPTOKEYS = 13,
    MVAL_PSA_CERT_NUM = 100
};
enum version_key { VERSION_TEXT, VERSION_SCHEME };
#define ROLE_MANIFEST_CREATOR 1

struct atls_corim_digest { /* Named Information Hash Algorithm Registry (RFC 6920 9.4), in the order
                            * of enum atls_hash */
    int number;
    const char *name;
    enum atls_hash hash;
};
extern const struct atls_corim_digest atls_corim_digests[];
extern const size_t atls_corim_digests_count;

#endif
