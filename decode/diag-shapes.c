/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the numbers in the formats mean. Tables only: to teach the printer a format, describe it
 * here. Sources: the IANA registries of CWT claims, COSE and CBOR tags, and the drafts named in
 * each table.
 */
#include "decode/diag-tree.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define SHAPE static const struct atls_diag_shape
#define FIELDS static const struct atls_diag_field
#define MAP(title, table)                                                                          \
    {                                                                                              \
        .kind = DIAG_MAP, .what = (title), .fields = (table), .count = COUNT(table)                \
    }
#define TUPLE(title, table)                                                                        \
    {                                                                                              \
        .kind = DIAG_TUPLE, .what = (title), .fields = (table), .count = COUNT(table)              \
    }
#define LIST(title, shape)                                                                         \
    {                                                                                              \
        .kind = DIAG_LIST, .what = (title), .item = &(shape)                                       \
    }
#define EMBEDDED(shape)                                                                            \
    {                                                                                              \
        .kind = DIAG_EMBEDDED, .item = &(shape)                                                    \
    }
#define NAMED(table)                                                                               \
    {                                                                                              \
        .kind = DIAG_NAMED, .names = (table)                                                       \
    }

const char *atls_diag_name_of(const struct atls_diag_name *names, int64_t value)
{
    for (; names->name; names++)
        if (names->value == value)
            return names->name;
    return NULL;
}

/* Simple values */
SHAPE time_value = {.kind = DIAG_TIME}, lifecycle = {.kind = DIAG_LIFECYCLE},
      tier = {.kind = DIAG_TIER}, uuid = {.kind = DIAG_UUID}, secret = {.kind = DIAG_SECRET},
      message = {.kind = DIAG_MESSAGE};

/* COSE */
const struct atls_diag_name atls_diag_algs[] = {{-7, "ES256"},           {-35, "ES384"},
                                                {-36, "ES512"},          {-8, "EdDSA"},
                                                {-9, "ESP256"},          {-51, "ESP384"},
                                                {-52, "ESP512"},         {-19, "Ed25519"},
                                                {-53, "Ed448"},          {-47, "ES256K"},
                                                {-37, "PS256"},          {-38, "PS384"},
                                                {-39, "PS512"},          {-257, "RS256"},
                                                {-258, "RS384"},         {-259, "RS512"},
                                                {4, "HMAC 256/64"},      {5, "HMAC 256/256"},
                                                {6, "HMAC 384/384"},     {7, "HMAC 512/512"},
                                                {14, "AES-MAC 128/64"},  {15, "AES-MAC 256/64"},
                                                {25, "AES-MAC 128/128"}, {26, "AES-MAC 256/128"},
                                                {-16, "SHA-256"},        {-43, "SHA-384"},
                                                {-44, "SHA-512"},        {0, NULL}};
static const struct atls_diag_name key_types[] = {
    {1, "OKP"}, {2, "EC2"}, {3, "RSA"}, {4, "symmetric"}, {0, NULL}};
static const struct atls_diag_name curves[] = {{1, "P-256"},  {2, "P-384"},   {3, "P-521"},
                                               {4, "X25519"}, {6, "Ed25519"}, {0, NULL}};
SHAPE alg = NAMED(atls_diag_algs), key_type = NAMED(key_types), curve = NAMED(curves);

FIELDS cose_key_fields[] = {{1, "kty", &key_type, false}, {2, "kid", NULL, false},
                            {3, "alg", &alg, false},      {4, "key_ops", NULL, false},
                            {-1, "crv", &curve, false},   {-2, "x", NULL, false},
                            {-3, "y", NULL, false},       {-4, "d", &secret, false}};
const struct atls_diag_shape atls_diag_cose_key = MAP("COSE_Key", cose_key_fields);

/* Claims: CWT (RFC 8392), EAT (RFC 9711), cnf (RFC 8747), KAT, PSA in both generations, CCA, EAR */
FIELDS cnf_fields[] = {{1, "COSE_Key", &atls_diag_cose_key, false}, {3, "kid", NULL, false}};
SHAPE cnf = MAP("confirmation", cnf_fields);

FIELDS component_fields[] = {{1, "measurement-type", NULL, false},
                             {2, "measurement-value", NULL, false},
                             {4, "version", NULL, false},
                             {5, "signer-id", NULL, false},
                             {6, "measurement-description", NULL, false}};
SHAPE component = MAP("software component", component_fields);
const struct atls_diag_shape atls_diag_components = LIST("software components", component);

static const struct atls_diag_name debug_states[] = {{0, "enabled"},
                                                     {1, "disabled"},
                                                     {2, "disabled-since-boot"},
                                                     {3, "disabled-permanently"},
                                                     {4, "disabled-fully-and-permanently"},
                                                     {0, NULL}};
SHAPE debug_state = NAMED(debug_states);

FIELDS trust_fields[] = {
    {0, "instance-identity", &tier, false}, {1, "configuration", &tier, false},
    {2, "executables", &tier, false},       {3, "file-system", &tier, false},
    {4, "hardware", &tier, false},          {5, "runtime-opaque", &tier, false},
    {6, "storage-opaque", &tier, false},    {7, "sourced-data", &tier, false}};
SHAPE trust_vector = MAP("trustworthiness vector", trust_fields);
FIELDS verifier_fields[] = {{0, "developer", NULL, false}, {1, "build", NULL, false}};
SHAPE verifier_id = MAP("verifier", verifier_fields);
SHAPE submods = {.kind = DIAG_MAP, .what = "submodules", .item = &atls_diag_claims};

FIELDS claims[] = {
    {1, "iss", NULL, false},
    {2, "sub", NULL, false},
    {3, "aud", NULL, false},
    {4, "exp", &time_value, false},
    {5, "nbf", &time_value, false},
    {6, "iat", &time_value, false},
    {7, "cti", NULL, false},
    {8, "cnf", &cnf, false},
    {10, "eat_nonce", NULL, false},
    {256, "ueid (instance id)", NULL, false},
    {257, "sueids", NULL, false},
    {258, "oemid", NULL, false},
    {259, "hwmodel", NULL, false},
    {260, "hwversion", NULL, false},
    {261, "uptime", NULL, false},
    {262, "oemboot", NULL, false},
    {263, "dbgstat", &debug_state, false},
    {264, "location", NULL, false},
    {265, "eat_profile", NULL, false},
    {266, "submods", &submods, false},
    {267, "bootcount", NULL, false},
    {268, "bootseed", NULL, false},
    {269, "dloas", NULL, false},
    {270, "swname", NULL, false},
    {271, "swversion", NULL, false},
    {272, "manifests", NULL, false},
    {273, "measurements", NULL, false},
    {274, "measres", NULL, false},
    {275, "intuse", NULL, false},
    {299, "cmw", &message, false},
    {1000, "ear_status", &tier, false},
    {1001, "ear_trustworthiness_vector", &trust_vector, false},
    {1002, "ear_raw_evidence", &message, false},
    {1003, "ear_appraisal_policy_ids", NULL, false},
    {1004, "ear_verifier_id", &verifier_id, false},
    {2394, "psa-client-id", NULL, false},
    {2395, "psa-security-lifecycle", &lifecycle, false},
    {2396, "psa-implementation-id", NULL, false},
    {2397, "psa-boot-seed (psa/2.0.0)", NULL, false},
    {2398, "psa-certification-reference", NULL, false},
    {2399, "psa-software-components", &atls_diag_components, false},
    {2400, "psa-verification-service-indicator", NULL, false},
    {2401, "cca-platform-config", NULL, false},
    {2402, "cca-platform-hash-algo-id", NULL, false},
    {2500, "kak-pub", &atls_diag_cose_key, false},
    {44235, "cca-realm-personalization-value", NULL, false},
    {44236, "cca-realm-hash-algo-id", NULL, false},
    {44237, "cca-realm-public-key", NULL, false},
    {44238, "cca-realm-initial-measurement", NULL, false},
    {44239, "cca-realm-extensible-measurements", NULL, false},
    {44240, "cca-realm-public-key-hash-algo-id", NULL, false},
    {65000, "ear_teep_claims", &atls_diag_claims, false},
    {-70000, "ear_veraison_annotated_evidence", NULL, false},
    {-70001, "ear_veraison_policy_claims", NULL, false},
    {-70002, "ear_veraison_key_attestation", NULL, false},
    {-75000, "psa-profile", NULL, false},
    {-75001, "psa-client-id", NULL, false},
    {-75002, "psa-security-lifecycle", &lifecycle, false},
    {-75003, "psa-implementation-id", NULL, false},
    {-75004, "psa-boot-seed", NULL, false},
    {-75005, "psa-hardware-version", NULL, false},
    {-75006, "psa-software-components", &atls_diag_components, false},
    {-75007, "psa-no-sw-measurement", NULL, false},
    {-75008, "psa-nonce", NULL, false},
    {-75009, "psa-instance-id", NULL, false},
    {-75010, "psa-verification-service-indicator", NULL, false},
};
const struct atls_diag_shape atls_diag_claims = MAP("claims", claims);

FIELDS header_fields[] = {{1, "alg", &alg, false},
                          {2, "crit", NULL, false},
                          {3, "content type", NULL, false},
                          {4, "kid", NULL, false},
                          {5, "IV", NULL, false},
                          {6, "Partial IV", NULL, false},
                          {15, "CWT claims", &atls_diag_claims, false},
                          {16, "typ", NULL, false},
                          {32, "x5bag", NULL, false},
                          {33, "x5chain", NULL, false},
                          {34, "x5t", NULL, false},
                          {35, "x5u", NULL, false}};
SHAPE header = MAP("header", header_fields);
SHAPE protected_header = EMBEDDED(header);
SHAPE payload = {.kind = DIAG_PAYLOAD};
FIELDS sign1_fields[] = {{0, "protected", &protected_header, false},
                         {0, "unprotected", &header, false},
                         {0, "payload", &payload, false},
                         {0, "signature", NULL, false}};
const struct atls_diag_shape atls_diag_cose_sign1 = TUPLE("COSE_Sign1", sign1_fields);
FIELDS mac0_fields[] = {{0, "protected", &protected_header, false},
                        {0, "unprotected", &header, false},
                        {0, "payload", &payload, false},
                        {0, "tag", NULL, false}};
const struct atls_diag_shape atls_diag_cose_mac0_shape = TUPLE("COSE_Mac0", mac0_fields);
FIELDS signature_fields[] = {{0, "protected", &protected_header, false},
                             {0, "unprotected", &header, false},
                             {0, "signature", NULL, false}};
SHAPE signature = TUPLE("COSE_Signature", signature_fields);
SHAPE signatures = LIST("signatures", signature);
FIELDS sign_fields[] = {{0, "protected", &protected_header, false},
                        {0, "unprotected", &header, false},
                        {0, "payload", &payload, false},
                        {0, "signatures", &signatures, false}};
const struct atls_diag_shape atls_diag_cose_sign_shape = TUPLE("COSE_Sign", sign_fields);

/* CMW, RFC 9999: only where it does not parse, or is nested in something else */
FIELDS record_fields[] = {
    {0, "type", NULL, false}, {0, "value", &message, false}, {0, "indicator", NULL, false}};
const struct atls_diag_shape atls_diag_cmw_record = TUPLE("CMW record", record_fields);

/* CoRIM and CoMID, draft-ietf-rats-corim; PSA: draft-fdb-rats-psa-endorsements */
static const struct atls_diag_name hashes[] = {
    {1, "sha-256"}, {7, "sha-384"}, {8, "sha-512"}, {0, NULL}};
SHAPE hash_alg = NAMED(hashes);
FIELDS digest_fields[] = {{0, "algorithm", &hash_alg, false}, {0, "value", NULL, false}};
SHAPE digest = TUPLE("digest", digest_fields);
SHAPE digests = LIST("digests", digest);
FIELDS version_fields[] = {{0, "version", NULL, false}, {1, "scheme", NULL, false}};
SHAPE version = MAP("version", version_fields);
FIELDS mval_fields[] = {{0, "version", &version, false},
                        {1, "svn", NULL, false},
                        {2, "digests", &digests, false},
                        {3, "flags", NULL, false},
                        {4, "raw-value", NULL, false},
                        {6, "mac-addr", NULL, false},
                        {7, "ip-addr", NULL, false},
                        {8, "serial-number", NULL, false},
                        {9, "ueid", NULL, false},
                        {10, "uuid", &uuid, false},
                        {11, "name", NULL, false},
                        {13, "cryptokeys", NULL, false},
                        {14, "integrity-registers", NULL, false},
                        {100, "psa-cert-num", NULL, false}};
SHAPE mval = MAP("measurement values", mval_fields);
FIELDS measurement_fields[] = {
    {0, "key", NULL, false}, {1, "value", &mval, false}, {2, "authorized-by", NULL, false}};
SHAPE measurement = MAP("measurement", measurement_fields);
SHAPE measurements = LIST("measurements", measurement);
FIELDS class_fields[] = {{0, "class id", NULL, false},
                         {1, "vendor", NULL, false},
                         {2, "model", NULL, false},
                         {3, "layer", NULL, false},
                         {4, "index", NULL, false}};
SHAPE class = MAP("class", class_fields);
FIELDS environment_fields[] = {
    {0, "class", &class, false}, {1, "instance", NULL, false}, {2, "group", NULL, false}};
SHAPE environment = MAP("environment", environment_fields);
FIELDS reference_fields[] = {{0, "environment", &environment, false},
                             {0, "measurements", &measurements, false}};
SHAPE reference = TUPLE("reference triple", reference_fields);
SHAPE references = LIST("triples", reference);
SHAPE keys = {.kind = DIAG_LIST, .what = "keys"};
FIELDS key_triple_fields[] = {{0, "environment", &environment, false}, {0, "keys", &keys, false}};
SHAPE key_triple = TUPLE("key triple", key_triple_fields);
SHAPE key_triples = LIST("triples", key_triple);
FIELDS triples_fields[] = {{0, "reference values", &references, false},
                           {1, "endorsed values", &references, false},
                           {2, "identity keys", &key_triples, false},
                           {3, "attestation keys", &key_triples, false},
                           {4, "dependencies", NULL, false},
                           {5, "membership", NULL, false},
                           {6, "CoSWID", NULL, false},
                           {8, "conditional endorsement series", NULL, false},
                           {10, "conditional endorsements", NULL, false}};
SHAPE triples = MAP("triples", triples_fields);
static const struct atls_diag_name comid_roles[] = {
    {0, "tag-creator"}, {1, "creator"}, {2, "maintainer"}, {0, NULL}};
static const struct atls_diag_name corim_roles[] = {
    {1, "manifest-creator"}, {2, "manifest-signer"}, {0, NULL}};
SHAPE comid_role = NAMED(comid_roles), corim_role = NAMED(corim_roles);
SHAPE comid_role_list = LIST("roles", comid_role), corim_role_list = LIST("roles", corim_role);
FIELDS comid_entity_fields[] = {
    {0, "name", NULL, false}, {1, "reg-id", NULL, false}, {2, "roles", &comid_role_list, false}};
FIELDS corim_entity_fields[] = {
    {0, "name", NULL, false}, {1, "reg-id", NULL, false}, {2, "roles", &corim_role_list, false}};
SHAPE comid_entity = MAP("entity", comid_entity_fields);
SHAPE corim_entity = MAP("entity", corim_entity_fields);
SHAPE comid_entities = LIST("entities", comid_entity),
      corim_entities = LIST("entities", corim_entity);
FIELDS identity_fields[] = {{0, "tag id", &uuid, false}, {1, "tag version", NULL, false}};
SHAPE identity = MAP("tag identity", identity_fields);
FIELDS comid_fields[] = {{0, "language", NULL, false},
                         {1, "tag identity", &identity, false},
                         {2, "entities", &comid_entities, false},
                         {3, "linked tags", NULL, false},
                         {4, "triples", &triples, false}};
SHAPE comid_map = MAP("CoMID", comid_fields);
SHAPE comid = EMBEDDED(comid_map);
SHAPE corim_tags = {.kind = DIAG_LIST, .what = "tags"};
FIELDS validity_fields[] = {{0, "not-before", NULL, false}, {1, "not-after", NULL, false}};
SHAPE validity = MAP("validity", validity_fields);
FIELDS corim_fields[] = {{0, "id", &uuid, false},
                         {1, "tags", &corim_tags, false},
                         {2, "dependent rims", NULL, false},
                         {3, "profile", NULL, false},
                         {4, "validity", &validity, false},
                         {5, "entities", &corim_entities, false}};
const struct atls_diag_shape atls_diag_corim = MAP("CoRIM", corim_fields);

static const struct atls_diag_tag tags[] = {
    {0, "date and time", NULL},
    {1, "epoch time", &time_value},
    {16, "COSE_Encrypt0", NULL},
    {17, "COSE_Mac0", &atls_diag_cose_mac0_shape},
    {18, "COSE_Sign1", &atls_diag_cose_sign1},
    {24, "encoded CBOR", NULL},
    {32, "URI", NULL},
    {37, "UUID", &uuid},
    {61, "CWT", NULL},
    {96, "COSE_Encrypt", NULL},
    {97, "COSE_Mac", NULL},
    {98, "COSE_Sign", &atls_diag_cose_sign_shape},
    {111, "OID", NULL},
    {399, "CCA token", NULL},
    {501, "unsigned CoRIM", &atls_diag_corim},
    {502, "signed CoRIM", &atls_diag_cose_sign1},
    {505, "CoSWID", NULL},
    {506, "CoMID", &comid},
    {550, "UEID", NULL},
    {552, "SVN", NULL},
    {553, "minimum SVN", NULL},
    {554, "public key (PKIX, base64)", NULL},
    {555, "certificate (PKIX, base64)", NULL},
    {556, "certificate path (PKIX, base64)", NULL},
    {557, "thumbprint", NULL},
    {558, "COSE_Key", NULL},
    {560, "bytes", NULL},
    {601, "UCCS", &atls_diag_claims},
    {907, "CCA token", NULL},
};

const struct atls_diag_tag *atls_diag_tag(uint64_t tag)
{
    for (size_t i = 0; i < COUNT(tags); i++)
        if (tags[i].tag == tag)
            return &tags[i];
    return NULL;
}
