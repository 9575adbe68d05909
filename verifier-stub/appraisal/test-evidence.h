/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence for tests, made with the writers of rats/ and keys derived from a number: good, or wrong
 * in exactly one way. Not a device: nothing boots here.
 */
#ifndef ATLS_VERIFIER_STUB_APPRAISAL_TEST_EVIDENCE_H
#define ATLS_VERIFIER_STUB_APPRAISAL_TEST_EVIDENCE_H

#include "rats/corim/corim.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/prototype.h"
#include "rats/tokens/psa.h"
#include "verifier-stub/appraisal/appraisal.h"

#define TEST_COMPONENTS 3
#define TEST_EVIDENCE_MAX 65536
#define TEST_NOW 1700000000 /* 6553f100 */

enum test_wrong { /* ways to be wrong that no field of the recipe expresses */
                  TEST_RIGHT,
                  TEST_PAT_SIGNATURE, /* one bit of it */
                  TEST_KAT_SIGNATURE,
                  TEST_KAT_BY_IK, /* the KAT signed by the IK instead of the KAK */
                  TEST_LINKAGE,   /* the PAT over another hash */
                  TEST_PAT_NOT_CBOR,
                  TEST_PAT_NOT_COSE,
                  TEST_PAT_CLAIMS_NOT_CBOR, /* signed all the same */
                  TEST_PAT_CLAIMS_EMPTY,
                  TEST_KAT_NOT_CBOR,
                  TEST_KAT_NOT_COSE,
                  TEST_KAT_CLAIMS_EMPTY,
                  TEST_NO_PAT, /* a collection of the right type without it */
                  TEST_NO_KAT,
                  TEST_PAT_IS_COLLECTION,
};

struct test_device { /* keys of a device, made from a number */
    uint8_t number;
    struct atls_private_key pak, kak, ik;
    uint8_t implementation_id[32], instance_id[33];
};
void test_device_make(struct test_device *device, uint8_t number);

struct test_component {
    const char *name, *version;
    uint8_t fill;   /* every byte of its digest; 0: the component is left out */
    uint8_t signer; /* every byte of its signer id */
};
extern const struct test_component test_components[TEST_COMPONENTS]; /* as endorsed */

struct test_recipe {
    const struct test_device *device;
    const struct test_device *pat_device; /* NULL: the same */
    struct atls_bytes nonce;
    const struct test_component *components; /* NULL: as endorsed */
    size_t component_count;
    uint16_t lifecycle;
    int32_t client_id; /* 0: that of the key attestation service */
    enum atls_psa_profile profile;
    enum test_wrong wrong;
    struct atls_bytes kat_pair, pat_pair; /* one claim more, encoded: key and value; or empty */
    bool untagged;
    bool prototype; /* instead of a CAB the bundle of rats/tokens/prototype.h */
};
/* What is good in every way. */
struct test_recipe test_recipe_good(const struct test_device *device, struct atls_bytes nonce);
/* Sizes of what is written to OUT (TEST_EVIDENCE_MAX bytes); they abort where it cannot be. */
size_t test_cab(const struct test_recipe *recipe, uint8_t *out);
size_t test_psa_token(const struct test_recipe *recipe, uint8_t *out);
/* A CoRIM for devices of one implementation id: the components as endorsed, once, and every
 * device's trust anchor. *OUTP is allocated. */
size_t test_corim(const struct test_device *devices, size_t count, enum atls_corim_dialect dialect,
                  uint8_t **outp);

/* Signed by KEY: COSE_Sign1 with META, corim-meta in hexadecimal, in its protected header. */
size_t test_corim_sign(struct atls_bytes corim, const struct atls_private_key *key,
                       const char *meta, uint8_t *out, size_t capacity);
/* The CoRIM of a device in OUT (TEST_EVIDENCE_MAX bytes); SKIPS: it names a dependent RIM, which is
 * of no use here; REFUSED: it ceased to be valid; KEY and META: signed, or NULL. */
struct atls_bytes test_corim_with(const struct test_device *device, bool skips, bool refused,
                                  const struct atls_private_key *key, const char *meta,
                                  uint8_t *out);

/* A store in memory in which the devices are endorsed by a CoRIM. */
struct atls_store *test_store(const struct test_device *devices, size_t count);
/* Unwraps what BODY is as evidence, which must succeed, and appraises it at TEST_NOW. */
int test_appraise(struct atls_store *store, const char *media_type, struct atls_bytes body,
                  struct atls_bytes nonce, struct atls_evidence_verdict *verdictp);

#endif
