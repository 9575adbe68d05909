/* SPDX-License-Identifier: Apache-2.0 */
/* Making evidence for tests. Errors here are errors of the test: they abort it. */
#include "verifier-stub/appraisal/test-evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"

#define CRYPTO (&atls_crypto_hosted)

const struct test_component test_components[TEST_COMPONENTS] = {
    {"BL", "1.0.0", 0xb1, 0x51},
    {"FW", "2.3.0", 0xf2, 0x52},
    {"CFG", "7", 0xc3, 0x53},
};

static void must(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "test evidence: %s: %s\n", what, atls_error_text());
    abort();
}

static void make_key(uint8_t number, uint8_t use, struct atls_private_key *keyp)
{
    uint8_t seed[32];

    memset(seed, number, sizeof seed);
    seed[0] = use;
    must(CRYPTO->make_key(ATLS_P256, seed, keyp), "key");
}

void test_device_make(struct test_device *device, uint8_t number)
{
    device->number = number;
    make_key(number, 1, &device->pak);
    make_key(number, 2, &device->kak);
    make_key(number, 3, &device->ik);
    memset(device->implementation_id, 'i', sizeof device->implementation_id);
    memset(device->instance_id, number, sizeof device->instance_id);
    device->instance_id[0] = 1;
}

static size_t fill_components(const struct test_recipe *recipe,
                              struct atls_psa_component out[ATLS_PSA_COMPONENTS_MAX],
                              uint8_t (*bytes)[64])
{
    const struct test_component *from = recipe->components ? recipe->components : test_components;
    size_t given = recipe->components ? recipe->component_count : TEST_COMPONENTS, count = 0;

    for (size_t i = 0; i < given; i++) {
        if (from[i].fill == 0)
            continue;
        memset(bytes[count], from[i].fill, 32);
        memset(bytes[count] + 32, from[i].signer, 32);
        out[count] = (struct atls_psa_component){
            .type = atls_bytes_of_text(from[i].name),
            .value = ATLS_BYTES(bytes[count], 32),
            .version = atls_bytes_of_text(from[i].version),
            .signer_id = ATLS_BYTES(bytes[count] + 32, 32),
        };
        count++;
    }
    return count;
}

/* Adds an encoded pair to an encoded map of less than 23. */
static size_t add_pair(uint8_t *map, size_t size, struct atls_bytes pair)
{
    if (pair.size == 0)
        return size;
    map[0]++;
    memcpy(map + size, pair.data, pair.size);
    return size + pair.size;
}

/* The claims of a token over NONCE, encoded; their size. */
static size_t make_claims(const struct test_recipe *recipe, struct atls_bytes nonce, uint8_t *out)
{
    static struct atls_psa_component components[ATLS_PSA_COMPONENTS_MAX];
    static uint8_t bytes[ATLS_PSA_COMPONENTS_MAX][64];
    static const uint8_t boot_seed[32] = {0xbb};
    const struct test_device *device = recipe->pat_device ? recipe->pat_device : recipe->device;
    struct atls_psa_claims claims = {
        .profile = recipe->profile,
        .nonce = nonce,
        .instance_id = ATLS_BYTES(device->instance_id, sizeof device->instance_id),
        .implementation_id =
            ATLS_BYTES(device->implementation_id, sizeof device->implementation_id),
        .client_id = recipe->client_id ? recipe->client_id : 1,
        .lifecycle = recipe->lifecycle,
        .boot_seed = ATLS_BYTES(boot_seed, sizeof boot_seed),
        .components = components,
        .component_count = fill_components(recipe, components, bytes),
    };
    struct atls_cbor_writer w;
    struct atls_bytes written;

    atls_cbor_write_init(&w, out, TEST_EVIDENCE_MAX);
    must(atls_psa_claims_write(&w, &claims), "PSA claims");
    must(atls_cbor_write_done(&w, &written), "PSA claims");
    return add_pair(out, written.size, recipe->pat_pair);
}

static size_t sign(struct atls_bytes payload, bool tagged, const struct atls_private_key *key,
                   uint8_t *out)
{
    struct atls_local_signer local = {CRYPTO, key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes written;

    atls_cbor_write_init(&w, out, TEST_EVIDENCE_MAX);
    must(atls_cose_sign1_write(&w, tagged, payload, CRYPTO, &signer), "COSE");
    must(atls_cbor_write_done(&w, &written), "COSE");
    return written.size;
}

static size_t make_token(const struct test_recipe *recipe, struct atls_bytes nonce, uint8_t *out)
{
    const struct test_device *device = recipe->pat_device ? recipe->pat_device : recipe->device;
    static uint8_t claims[TEST_EVIDENCE_MAX];
    size_t size = make_claims(recipe, nonce, claims);

    if (recipe->wrong == TEST_PAT_CLAIMS_NOT_CBOR)
        claims[0] = 0xff;
    if (recipe->wrong == TEST_PAT_CLAIMS_EMPTY) {
        claims[0] = 0xa0;
        size = 1;
    }
    size = sign(ATLS_BYTES(claims, size), !recipe->untagged, &device->pak, out);
    if (recipe->wrong == TEST_PAT_SIGNATURE)
        out[size - 1] ^= 1;
    if (recipe->wrong == TEST_PAT_NOT_CBOR)
        size--;
    if (recipe->wrong == TEST_PAT_NOT_COSE) {
        memcpy(out, "\xd2\x83\x01\x02\x03", 5);
        size = 5;
    }
    return size;
}

size_t test_psa_token(const struct test_recipe *recipe, uint8_t *out)
{
    return make_token(recipe, recipe->nonce, out);
}

static size_t make_kat(const struct test_recipe *recipe, uint8_t *out)
{
    const struct test_device *device = recipe->device;
    struct atls_kat_claims claims = {
        .nonce = recipe->nonce,
        .identity_key = device->ik.public_key,
        .kak = device->kak.public_key,
    };
    uint8_t payload[512];
    struct atls_cbor_writer w;
    struct atls_bytes written;
    size_t size;

    atls_cbor_write_init(&w, payload, sizeof payload);
    must(recipe->prototype ? atls_prototype_claims_write(&w, &claims)
                           : atls_kat_claims_write(&w, &claims),
         "KAT claims");
    must(atls_cbor_write_done(&w, &written), "KAT claims");
    written.size = add_pair(payload, written.size, recipe->kat_pair);
    if (recipe->wrong == TEST_KAT_CLAIMS_EMPTY)
        written = ATLS_BYTES("\xa0", 1);
    size = sign(written, recipe->prototype,
                recipe->wrong == TEST_KAT_BY_IK ? &device->ik : &device->kak, out);
    if (recipe->wrong == TEST_KAT_SIGNATURE)
        out[size - 1] ^= 1;
    if (recipe->wrong == TEST_KAT_NOT_CBOR)
        size--;
    if (recipe->wrong == TEST_KAT_NOT_COSE) {
        memcpy(out, "\x83\x01\x02\x03", 4);
        size = 4;
    }
    return size;
}

/* A collection with one member, or with a collection in place of the PAT. */
static void write_odd_cab(struct atls_cbor_writer *w, struct atls_bytes kat, struct atls_bytes pat,
                          enum test_wrong wrong)
{
    bool has_kat = wrong != TEST_NO_KAT, has_pat = wrong != TEST_NO_PAT;

    atls_cbor_write_map(w, 1u + has_kat + has_pat);
    if (has_kat) {
        atls_cbor_write_text(w, "kat");
        atls_cmw_write_record(w, "application/eat+cwt", kat, 0);
    }
    if (has_pat)
        atls_cbor_write_text(w, "pat");
    if (has_pat && wrong == TEST_PAT_IS_COLLECTION) {
        atls_cbor_write_map(w, 1);
        atls_cbor_write_text(w, "x");
    }
    if (has_pat)
        atls_cmw_write_record(w, "application/eat+cwt", pat, 0);
    atls_cbor_write_text(w, ATLS_CMW_COLLECTION_TYPE);
    atls_cbor_write_text(w, ATLS_CAB_TYPE);
}

size_t test_cab(const struct test_recipe *recipe, uint8_t *out)
{
    static uint8_t kat[TEST_EVIDENCE_MAX], pat[TEST_EVIDENCE_MAX];
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    struct atls_bytes kat_bytes, pat_bytes, written;
    struct atls_cbor_writer w;

    const struct test_device *linked = recipe->pat_device ? recipe->pat_device : recipe->device;

    must(recipe->prototype ? atls_prototype_linkage(CRYPTO, &linked->ik.public_key, linkage)
                           : atls_kat_linkage(CRYPTO, &linked->kak.public_key, linkage),
         "linkage");
    if (recipe->wrong == TEST_LINKAGE)
        linkage[0] ^= 1;
    kat_bytes = ATLS_BYTES(kat, make_kat(recipe, kat));
    pat_bytes = ATLS_BYTES(pat, make_token(recipe, ATLS_BYTES(linkage, sizeof linkage), pat));
    if (recipe->prototype) {
        struct atls_sink sink = atls_sink_of(out, TEST_EVIDENCE_MAX);
        must(atls_prototype_bundle_write(&sink, kat_bytes, pat_bytes), "bundle");
        must(atls_sink_done(&sink, &written), "bundle");
        return written.size;
    }
    atls_cbor_write_init(&w, out, TEST_EVIDENCE_MAX);
    if (recipe->wrong >= TEST_NO_PAT)
        write_odd_cab(&w, kat_bytes, pat_bytes, recipe->wrong);
    else
        atls_cab_write(&w, kat_bytes, pat_bytes);
    must(atls_cbor_write_done(&w, &written), "CAB");
    return written.size;
}

size_t test_corim(const struct test_device *devices, size_t count, enum atls_corim_dialect dialect,
                  uint8_t **outp)
{
    struct atls_reference_value values[TEST_COMPONENTS] = {0};
    struct atls_trust_anchor anchors[8] = {0};
    char id[] = "atls-test", entity[] = "atls test: simulated root of trust";
    struct atls_corim corim = {
        .dialect = dialect,
        .id = id,
        .entity = entity,
        .reference_values = values,
        .reference_value_count = TEST_COMPONENTS,
        .trust_anchors = anchors,
        .trust_anchor_count = count,
    };
    size_t size;

    for (size_t i = 0; i < TEST_COMPONENTS; i++) {
        memcpy(values[i].implementation_id, devices->implementation_id, 32);
        values[i].name = (char *)(uintptr_t)test_components[i].name;
        values[i].version = (char *)(uintptr_t)test_components[i].version;
        values[i].digest_hash = ATLS_SHA256;
        values[i].digest_size = values[i].signer_id_size = 32;
        memset(values[i].digest, test_components[i].fill, 32);
        memset(values[i].signer_id, test_components[i].signer, 32);
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(anchors[i].implementation_id, devices[i].implementation_id, 32);
        memcpy(anchors[i].instance_id, devices[i].instance_id, 33);
        anchors[i].key = devices[i].pak.public_key;
    }
    must(atls_corim_write(&corim, outp, &size), "CoRIM");
    return size;
}

size_t test_corim_sign(struct atls_bytes corim, const struct atls_private_key *key,
                       const char *meta, uint8_t *out, size_t capacity)
{
    uint8_t header[128], digest[32], signature[ATLS_SIGNATURE_MAX], *meta_bytes;
    struct atls_bytes encoded, written;
    struct atls_cbor_writer w;
    size_t meta_size;

    must(atls_hex_decode(atls_bytes_of_text(meta), &meta_bytes, &meta_size), "meta");
    atls_cbor_write_init(&w, header, sizeof header);
    atls_cbor_write_map(&w, 3);
    atls_cbor_write_uint(&w, 1);
    atls_cbor_write_int(&w, ATLS_COSE_ES256);
    atls_cbor_write_uint(&w, 3);
    atls_cbor_write_text(&w, "application/rim+cbor");
    atls_cbor_write_uint(&w, 8);
    atls_cbor_write_bytes(&w, ATLS_BYTES(meta_bytes, meta_size));
    must(atls_cbor_write_done(&w, &encoded), "header");
    free(meta_bytes);
    must(atls_cose_sign1_digest(CRYPTO, ATLS_SHA256, encoded, corim, digest), "digest");
    must(CRYPTO->sign(key, ATLS_BYTES(digest, 32), signature), "signature");
    atls_cbor_write_init(&w, out, capacity);
    atls_cbor_write_tag(&w, ATLS_TAG_COSE_SIGN1);
    atls_cbor_write_array(&w, 4);
    atls_cbor_write_bytes(&w, encoded);
    atls_cbor_write_map(&w, 0);
    atls_cbor_write_bytes(&w, corim);
    atls_cbor_write_bytes(&w, ATLS_BYTES(signature, 64));
    must(atls_cbor_write_done(&w, &written), "signed CoRIM");
    return written.size;
}

struct atls_bytes test_corim_with(const struct test_device *device, bool skips, bool refused,
                                  const struct atls_private_key *key, const char *meta,
                                  uint8_t *out)
{
    /* 2: [{0: 32("a:b")}], a corim-locator-map */
    static const uint8_t dependent[] = {0x02, 0x81, 0xa1, 0x00, 0xd8, 0x20, 0x63, 'a', ':', 'b'};
    static uint8_t unsigned_one[TEST_EVIDENCE_MAX];
    struct atls_corim corim;
    uint8_t *made;
    size_t size = test_corim(device, 1, ATLS_CORIM_MAIN, &made);

    must(atls_corim_parse(ATLS_BYTES(made, size), &corim), "CoRIM");
    free(made);
    corim.validity.not_after = refused ? 1 : 0;
    must(atls_corim_write(&corim, &made, &size), "CoRIM");
    atls_corim_clear(&corim);
    memcpy(unsigned_one, made, size);
    free(made);
    if (skips) { /* behind tag 501 there is the head of the map */
        unsigned_one[3]++;
        memcpy(unsigned_one + size, dependent, sizeof dependent);
        size += sizeof dependent;
    }
    if (key)
        return ATLS_BYTES(out, test_corim_sign(ATLS_BYTES(unsigned_one, size), key, meta, out,
                                               TEST_EVIDENCE_MAX));
    memcpy(out, unsigned_one, size);
    return ATLS_BYTES(out, size);
}

struct test_recipe test_recipe_good(const struct test_device *device, struct atls_bytes nonce)
{
    return (struct test_recipe){
        .device = device, .nonce = nonce, .lifecycle = ATLS_PSA_SECURED, .profile = ATLS_PSA_ARM_2};
}

struct atls_store *test_store(const struct test_device *devices, size_t count)
{
    struct atls_store_import import;
    struct atls_store *store;
    uint8_t *corim;
    size_t size = test_corim(devices, count, ATLS_CORIM_MAIN, &corim);

    must(atls_store_open("memory", &store), "store");
    must(atls_store_import_corim(store, ATLS_BYTES(corim, size), &import), "import");
    free(corim);
    return store;
}

int test_appraise(struct atls_store *store, const char *media_type, struct atls_bytes body,
                  struct atls_bytes nonce, struct atls_evidence_verdict *verdictp)
{
    struct atls_appraiser appraiser = {
        .store = store, .crypto = &atls_crypto_hosted, .annotates = true, .now = TEST_NOW};
    struct atls_evidence evidence;
    const char *reason;
    int result;

    must(atls_evidence_unwrap(media_type, body, &evidence, &reason), "unwrapping");
    result = atls_appraise(&appraiser, &evidence, nonce, verdictp);
    atls_evidence_clear(&evidence);
    return result;
}
