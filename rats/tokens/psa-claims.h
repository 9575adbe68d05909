/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, bounds and clauses that the writer and the reader of PSA tokens share with each other, and
 * some with those of CCA tokens. */
#ifndef ATLS_RATS_TOKENS_PSA_CLAIMS_H
#define ATLS_RATS_TOKENS_PSA_CLAIMS_H

#include "rats/tokens/psa.h"

enum { /* claim keys of RFC 9783 (and EAT: 10, 256, 265, 268) */
       PSA_NONCE = 10,
       PSA_INSTANCE_ID = 256,
       PSA_PROFILE = 265,
       PSA_BOOT_SEED = 268,
       PSA_CLIENT_ID = 2394,
       PSA_LIFECYCLE = 2395,
       PSA_IMPLEMENTATION_ID = 2396,
       PSA_ARM_2_BOOT_SEED = 2397, /* http://arm.com/psa/2.0.0, whose other keys are these */
       PSA_CERTIFICATION_REFERENCE = 2398,
       PSA_COMPONENTS = 2399,
       PSA_VERIFICATION_SERVICE = 2400,
};

enum { /* claim keys of PSA_IOT_PROFILE_1 */
       PSA1_PROFILE = -75000,
       PSA1_CLIENT_ID = -75001,
       PSA1_LIFECYCLE = -75002,
       PSA1_IMPLEMENTATION_ID = -75003,
       PSA1_BOOT_SEED = -75004,
       PSA1_HARDWARE_VERSION = -75005,
       PSA1_COMPONENTS = -75006,
       PSA1_NO_MEASUREMENTS = -75007,
       PSA1_NONCE = -75008,
       PSA1_INSTANCE_ID = -75009,
       PSA1_VERIFICATION_SERVICE = -75010,
};

enum { /* keys inside a software component, RFC 9783 section 4.4.1 */
       PSA_COMPONENT_TYPE = 1,
       PSA_COMPONENT_VALUE = 2,
       PSA_COMPONENT_VERSION = 4,
       PSA_COMPONENT_SIGNER = 5,
       PSA_COMPONENT_DESCRIPTION = 6,
};

#define PSA_UEID_RAND 0x01 /* EAT: a UEID of this type is random bytes */
#define PSA_BOOT_SEED_MIN 8
#define PSA_BOOT_SEED_MAX 32

#define PSA_CLAUSE_NONCE "RFC 9783 section 4.1.1"
#define PSA_CLAUSE_CLIENT "RFC 9783 section 4.1.2"
#define PSA_CLAUSE_INSTANCE "RFC 9783 section 4.2.1"
#define PSA_CLAUSE_IMPLEMENTATION "RFC 9783 section 4.2.2"
#define PSA_CLAUSE_CERTIFICATION "RFC 9783 section 4.2.3"
#define PSA_CLAUSE_LIFECYCLE "RFC 9783 section 4.3.1"
#define PSA_CLAUSE_BOOT_SEED "RFC 9783 section 4.3.2"
#define PSA_CLAUSE_COMPONENTS "RFC 9783 section 4.4.1"
#define PSA_CLAUSE_SERVICE "RFC 9783 section 4.5.1"
#define PSA_CLAUSE_PROFILE "RFC 9783 section 4.5.2"
#define PSA_CLAUSE_ENCODING "RFC 9783 section 5.1.1"
#define PSA_CLAUSE_ARM_2 "http://arm.com/psa/2.0.0"
#define PSA_CLAUSE_LEGACY "PSA_IOT_PROFILE_1"

/* One of the seven states in the high byte; the low byte is the implementation's. */
bool atls_psa_lifecycle_valid(uint64_t lifecycle);
bool atls_psa_hash_size_valid(size_t size);
/* The array, as the next item of R, whose clause its errors name. */
int atls_psa_components_read(struct atls_cbor_reader *r, struct atls_psa_component *components,
                             size_t room, size_t *countp);
/* 13 digits, "-", 5 digits */
bool atls_psa_certification_reference_valid(struct atls_bytes text);
bool atls_psa_hardware_version_valid(struct atls_bytes text);

#endif
