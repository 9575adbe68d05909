/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the samples: a device's keys from seeds, its tokens, a verifier's result, endorsements. */
#include "decode/test-samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw-signed.h"
#include "rats/corim/corim.h"
#include "rats/crypto/pem.h"
#include "rats/ear/ear.h"
#include "rats/test/test-jwk.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/prototype.h"
#include "rats/tokens/psa.h"

#define MESSAGE_MAX 4096

/* The parties' keys and the values that tie the messages together. */
struct world {
    struct atls_private_key pak, kak, ik, verifier;
    uint8_t nonce[32], linkage[32], implementation_id[32], instance_id[33], digest[3][32],
        signer[32];
};

static int add(struct test_samples *samples, const char *name, struct atls_bytes data)
{
    struct test_sample *sample = &samples->sample[samples->count];

    sample->data = calloc(1, data.size + 1);
    if (!sample->data)
        return atls_fail(-ENOMEM, NULL, "samples: out of memory");
    memcpy(sample->data, data.data, data.size);
    sample->size = data.size;
    sample->name = name;
    samples->count++;
    return 0;
}

static int make_world(struct world *w)
{
    const struct atls_crypto *crypto = &atls_crypto_hosted;
    struct atls_private_key *keys[] = {&w->pak, &w->kak, &w->ik, &w->verifier};
    int result = 0;

    for (uint8_t i = 0; !result && i < 4; i++) {
        uint8_t seed[32] = {i};
        result = crypto->make_key(ATLS_P256, seed, keys[i]);
    }
    for (uint8_t i = 0; i < 32; i++) {
        w->nonce[i] = i;
        w->implementation_id[i] = (uint8_t)(0x40 + i);
        w->instance_id[1 + i] = (uint8_t)(0x80 + i);
        w->signer[i] = (uint8_t)(0xa0 + i);
        for (uint8_t j = 0; j < 3; j++)
            w->digest[j][i] = (uint8_t)(0x10 * j + i);
    }
    w->instance_id[0] = 1;
    return result ? result : atls_kat_linkage(crypto, &w->kak.public_key, w->linkage);
}

static int sign(const struct atls_private_key *key, bool tagged, struct atls_bytes payload,
                uint8_t *buffer, struct atls_bytes *tokenp)
{
    struct atls_local_signer local = {&atls_crypto_hosted, key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    int result;

    atls_cbor_write_init(&w, buffer, MESSAGE_MAX);
    result = atls_cose_sign1_write(&w, tagged, payload, &atls_crypto_hosted, &signer);
    return result ? result : atls_cbor_write_done(&w, tokenp);
}

static int make_kat(const struct world *world, uint8_t *buffer, struct atls_bytes *katp)
{
    struct atls_kat_claims claims = {.nonce = ATLS_BYTES(world->nonce, 32),
                                     .identity_key = world->ik.public_key,
                                     .kak = world->kak.public_key};
    uint8_t payload[MESSAGE_MAX];
    struct atls_cbor_writer w;
    struct atls_bytes encoded;
    int result;

    atls_cbor_write_init(&w, payload, sizeof(payload));
    result = atls_kat_claims_write(&w, &claims);
    if (!result)
        result = atls_cbor_write_done(&w, &encoded);
    return result ? result : sign(&world->kak, false, encoded, buffer, katp);
}

static void components(const struct world *world, struct atls_psa_component out[3])
{
    static const char *const names[] = {"BL", "FW", "CFG"};

    for (int i = 0; i < 3; i++)
        out[i] = (struct atls_psa_component){.type = atls_bytes_of_text(names[i]),
                                             .value = ATLS_BYTES(world->digest[i], 32),
                                             .version = atls_bytes_of_text("1.0.0"),
                                             .signer_id = ATLS_BYTES(world->signer, 32)};
}

static int make_claims(const struct world *world, enum atls_psa_profile profile,
                       struct atls_bytes nonce, uint8_t *buffer, struct atls_bytes *claimsp)
{
    struct atls_psa_component component[3];
    struct atls_psa_claims claims = {.profile = profile,
                                     .nonce = nonce,
                                     .instance_id = ATLS_BYTES(world->instance_id, 33),
                                     .implementation_id = ATLS_BYTES(world->implementation_id, 32),
                                     .client_id = 1,
                                     .lifecycle = ATLS_PSA_SECURED,
                                     .boot_seed = ATLS_BYTES(world->nonce, 32),
                                     .components = component,
                                     .component_count = 3};
    struct atls_cbor_writer w;
    int result;

    components(world, component);
    atls_cbor_write_init(&w, buffer, MESSAGE_MAX);
    result = atls_psa_claims_write(&w, &claims);
    return result ? result : atls_cbor_write_done(&w, claimsp);
}

static int add_cab(struct test_samples *samples, const char *name, struct atls_bytes kat,
                   struct atls_bytes pat)
{
    uint8_t buffer[2 * MESSAGE_MAX];
    struct atls_cbor_writer w;
    struct atls_bytes cab;
    int result;

    atls_cbor_write_init(&w, buffer, sizeof(buffer));
    atls_cab_write(&w, kat, pat);
    result = atls_cbor_write_done(&w, &cab);
    return result ? result : add(samples, name, cab);
}

static int add_json_cab(struct test_samples *samples)
{
    struct atls_cmw *cmw;
    uint8_t *json;
    size_t size;
    int result = atls_cmw_parse(test_sample(samples, "cab.cbor"), &cmw);

    if (result)
        return result;
    result = atls_cmw_serialize(cmw, ATLS_JSON, &json, &size);
    atls_cmw_free(cmw);
    if (result)
        return result;
    result = add(samples, "cab.json", ATLS_BYTES(json, size));
    free(json);
    return result;
}

/* A CAB and its parts; then the same with a signature, the linkage, the end broken. */
static int make_evidence(struct test_samples *samples, const struct world *world)
{
    uint8_t kat_bytes[MESSAGE_MAX], pat_bytes[MESSAGE_MAX], claims_bytes[MESSAGE_MAX],
        foreign_bytes[MESSAGE_MAX];
    struct atls_bytes kat, pat, claims, foreign;
    int result = make_kat(world, kat_bytes, &kat);

    if (!result)
        result = make_claims(world, ATLS_PSA_ARM_2, ATLS_BYTES(world->linkage, 32), claims_bytes,
                             &claims);
    if (!result)
        result = sign(&world->pak, true, claims, pat_bytes, &pat);
    if (!result)
        result = add(samples, "kat.cose", kat);
    if (!result)
        result = add(samples, "pat.cose", pat);
    if (!result)
        result = add(samples, "psa-claims.cbor", claims);
    if (!result)
        result = add_cab(samples, "cab.cbor", kat, pat);
    if (!result)
        result = add_json_cab(samples);
    if (!result)
        result = make_claims(world, ATLS_PSA_RFC9783, ATLS_BYTES(world->nonce, 32), claims_bytes,
                             &claims);
    if (!result)
        result = sign(&world->pak, true, claims, foreign_bytes, &foreign);
    if (!result)
        result = add(samples, "psa-token.cose", foreign);
    if (!result)
        result = add_cab(samples, "bad-linkage.cbor", kat, foreign);
    if (result)
        return result;
    kat_bytes[kat.size - 1] ^= 1;
    result = add_cab(samples, "bad-kat-signature.cbor", kat, pat);
    kat_bytes[kat.size - 1] ^= 1;
    if (!result)
        result = add_cab(samples, "bad-pat.cbor", kat, ATLS_BYTES(pat.data, pat.size - 1));
    if (!result)
        result = add_cab(samples, "bad-kat.cbor", ATLS_BYTES("\x80", 1), pat);
    return result;
}

static int add_bundle(struct test_samples *samples, const char *name, struct atls_bytes kat,
                      struct atls_bytes pat)
{
    uint8_t buffer[2 * MESSAGE_MAX];
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
    struct atls_bytes bundle;
    int result = atls_prototype_bundle_write(&sink, kat, pat);

    if (!result)
        result = atls_sink_done(&sink, &bundle);
    return result ? result : add(samples, name, bundle);
}

/* The prototype's bundle over NONCE, whose PAT is over the hash of the IK. */
static int make_prototype(struct test_samples *samples, const struct world *world,
                          struct atls_bytes nonce, const char *name)
{
    struct atls_kat_claims said = {
        .nonce = nonce, .identity_key = world->ik.public_key, .kak = world->kak.public_key};
    uint8_t encoded[MESSAGE_MAX], kat_bytes[MESSAGE_MAX], pat_bytes[MESSAGE_MAX], linkage[32];
    struct atls_cbor_writer w;
    struct atls_bytes claims, kat, pat;
    int result;

    atls_cbor_write_init(&w, encoded, sizeof encoded);
    result = atls_prototype_claims_write(&w, &said);
    if (!result)
        result = atls_cbor_write_done(&w, &claims);
    if (!result)
        result = sign(&world->kak, true, claims, kat_bytes, &kat);
    if (!result)
        result = atls_prototype_linkage(&atls_crypto_hosted, &world->ik.public_key, linkage);
    if (!result)
        result = make_claims(world, ATLS_PSA_ARM_2, ATLS_BYTES(linkage, 32), encoded, &claims);
    if (!result)
        result = sign(&world->pak, true, claims, pat_bytes, &pat);
    return result ? result : add_bundle(samples, name, kat, pat);
}

static int make_prototypes(struct test_samples *samples, const struct world *world)
{
    struct atls_bytes whole = {NULL, 0};
    int result = make_prototype(samples, world, ATLS_BYTES(world->nonce, 32), "prototype.bin");

    if (!result)
        result = make_prototype(samples, world,
                                ATLS_BYTES(atls_prototype_nonce, ATLS_PROTOTYPE_NONCE_SIZE),
                                "prototype-constant.bin");
    if (!result)
        result = add_bundle(samples, "prototype-linkage.bin", test_sample(samples, "pat.cose"),
                            test_sample(samples, "pat.cose"));
    if (!result)
        whole = test_sample(samples, "prototype.bin");
    return result ? result
                  : add(samples, "prototype-cut.bin", ATLS_BYTES(whole.data, whole.size - 1));
}

static int make_wrappers(struct test_samples *samples)
{
    struct atls_bytes pat = test_sample(samples, "pat.cose"), out;
    uint8_t buffer[MESSAGE_MAX];
    struct atls_cbor_writer w;
    int result;

    atls_cbor_write_init(&w, buffer, sizeof(buffer));
    atls_cmw_write_record(&w, ATLS_MT_PSA_VERAISON, pat, ATLS_IND_EVIDENCE);
    result = atls_cbor_write_done(&w, &out);
    if (!result)
        result = add(samples, "cmw-record.cbor", out);
    atls_cbor_write_init(&w, buffer, sizeof(buffer));
    if (!result)
        result = atls_cmw_write_tag(&w, ATLS_CF_EAT_CWT, pat);
    if (!result)
        result = atls_cbor_write_done(&w, &out);
    return result ? result : add(samples, "cmw-tag.cbor", out);
}

/* The platform's token in a CMW that its own key signs, in both frames; and as a claim. */
static int make_signed(struct test_samples *samples, const struct world *world)
{
    struct atls_local_signer local = {&atls_crypto_hosted, &world->pak};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_bytes record = test_sample(samples, "cmw-record.cbor"), claims, token;
    uint8_t *out = NULL, *json = NULL, buffer[MESSAGE_MAX], token_bytes[MESSAGE_MAX];
    struct atls_cmw *cmw = NULL;
    struct atls_cbor_writer w;
    char *jws = NULL;
    json_t *jwk = test_private_jwk(&world->pak);
    size_t size;
    int result = atls_cmw_cose_sign(record, &atls_crypto_hosted, &signer, &out, &size);

    if (!result)
        result = add(samples, "cmw.cose", ATLS_BYTES(out, size));
    if (!result)
        result = atls_cmw_parse(record, &cmw);
    if (!result)
        result = atls_cmw_serialize(cmw, ATLS_JSON, &json, &size);
    if (!result)
        result = atls_cmw_jws_sign(ATLS_BYTES(json, size), jwk, true, &jws);
    if (!result)
        result = add(samples, "cmw.jws", atls_bytes_of_text(jws));
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cbor_write_map(&w, 1);
    if (!result)
        result = atls_cmw_claim_write(&w, cmw);
    if (!result)
        result = atls_cbor_write_done(&w, &claims);
    if (!result)
        result = sign(&world->pak, true, claims, token_bytes, &token);
    if (!result)
        result = add(samples, "cmw-claim.cose", token);
    atls_cmw_free(cmw);
    json_decref(jwk);
    free(out);
    free(json);
    free(jws);
    return result;
}

static int make_boot_record(struct test_samples *samples, const struct world *world)
{
    struct atls_psa_component component[3];
    uint8_t buffer[MESSAGE_MAX];
    struct atls_cbor_writer w;
    struct atls_bytes out;
    int result;

    components(world, component);
    atls_cbor_write_init(&w, buffer, sizeof(buffer));
    result = atls_psa_components_write(&w, component, 3);
    if (!result)
        result = atls_cbor_write_done(&w, &out);
    return result ? result : add(samples, "boot-record.cbor", out);
}

static int make_corim(struct test_samples *samples, const struct world *world,
                      enum atls_corim_dialect dialect, const char *name)
{
    struct atls_reference_value values[3] = {
        {.name = (char *)"BL"}, {.name = (char *)"FW"}, {.name = (char *)"CFG"}};
    struct atls_trust_anchor anchor = {.key = world->pak.public_key};
    struct atls_corim corim = {.dialect = dialect,
                               .id = (char *)"sample",
                               .entity = (char *)"sample maker (simulated root of trust)",
                               .reference_values = values,
                               .reference_value_count = 3,
                               .trust_anchors = &anchor,
                               .trust_anchor_count = 1};
    uint8_t *out;
    size_t size;
    int result;

    memcpy(anchor.implementation_id, world->implementation_id, 32);
    memcpy(anchor.instance_id, world->instance_id, 33);
    for (int i = 0; i < 3; i++) {
        memcpy(values[i].implementation_id, world->implementation_id, 32);
        memcpy(values[i].digest, world->digest[i], 32);
        memcpy(values[i].signer_id, world->signer, 32);
        values[i].version = (char *)"1.0.0";
        values[i].digest_size = values[i].signer_id_size = 32;
    }
    result = atls_corim_write(&corim, &out, &size);
    if (result)
        return result;
    result = add(samples, name, ATLS_BYTES(out, size));
    free(out);
    return result;
}

static int make_ear(struct test_samples *samples, const struct world *world,
                    enum atls_ear_dialect dialect, const char *name)
{
    struct atls_ear_submod submod = {.name = (char *)"PSA_IOT",
                                     .status = ATLS_TIER_CONTRAINDICATED,
                                     .has_key = true,
                                     .key = world->ik.public_key,
                                     .policy_id = (char *)"policy:sample"};
    struct atls_ear ear = {.dialect = dialect,
                           .issued_at = 1700000000,
                           .expires_at = 1700000300,
                           .issuer = (char *)"https://verifier.example",
                           .developer = (char *)"https://example.com",
                           .build = (char *)"1.0",
                           .nonce = (uint8_t *)world->nonce,
                           .nonce_size = 32,
                           .submods = &submod,
                           .submod_count = 1};
    json_t *jwk = test_private_jwk(&world->verifier);
    bool in_cwt = strstr(name, ".cwt");
    uint8_t *token;
    size_t size;
    int result;

    submod.has_claim[ATLS_EXECUTABLES] = submod.has_claim[ATLS_HARDWARE] = true;
    submod.trust_vector[ATLS_EXECUTABLES] = 96;
    submod.trust_vector[ATLS_HARDWARE] = 2;
    submod.policy_claims = json_pack("{s:s}", "atls.reason", "reference-value-mismatch");
    result = atls_ear_write_as(in_cwt ? ATLS_EAR_CWT : ATLS_EAR_JWT, &ear, jwk, &token, &size);
    json_decref(jwk);
    json_decref(submod.policy_claims);
    if (result)
        return result;
    result = add(samples, name, ATLS_BYTES(token, size));
    if (!result && !in_cwt && dialect == ATLS_EAR_VERAISON) {
        uint8_t *last = token + size - 4;

        *last = *last == 'A' ? 'B' : 'A'; /* still base64url */
        result = add(samples, "bad-signature.jwt", ATLS_BYTES(token, size));
    }
    free(token);
    return result;
}

/* A result as a passport attester presents it, and claims of draft-ietf-rats-ear-03 in CBOR. */
static int make_other_results(struct test_samples *samples, const struct world *world)
{
    uint8_t buffer[MESSAGE_MAX];
    struct atls_cbor_writer w;
    struct atls_bytes out;
    int result;

    atls_cbor_write_init(&w, buffer, sizeof(buffer));
    atls_cmw_write_record(&w, ATLS_MT_EAT_JWT, test_sample(samples, "ear-veraison.jwt"),
                          ATLS_IND_ATTESTATION_RESULTS);
    result = atls_cbor_write_done(&w, &out);
    if (!result)
        result = add(samples, "cmw-ear.cbor", out);
    if (result)
        return result;
    atls_cbor_write_init(&w, buffer, sizeof(buffer));
    atls_cbor_write_map(&w, 5);
    atls_cbor_write_uint(&w, 6);
    atls_cbor_write_uint(&w, 1666529184);
    atls_cbor_write_uint(&w, 10);
    atls_cbor_write_bytes(&w, ATLS_BYTES(world->nonce, 32));
    atls_cbor_write_uint(&w, 265);
    atls_cbor_write_text(&w, "tag:ietf.org,2026:rats/ear#03");
    atls_cbor_write_uint(&w, 266);
    atls_cbor_write_map(&w, 1);
    atls_cbor_write_text(&w, "PSA");
    atls_cbor_write_map(&w, 2);
    atls_cbor_write_uint(&w, 1000);
    atls_cbor_write_uint(&w, ATLS_TIER_CONTRAINDICATED);
    atls_cbor_write_uint(&w, 1001);
    atls_cbor_write_map(&w, 2);
    atls_cbor_write_uint(&w, ATLS_EXECUTABLES);
    atls_cbor_write_uint(&w, 33);
    atls_cbor_write_uint(&w, ATLS_HARDWARE);
    atls_cbor_write_uint(&w, 2);
    atls_cbor_write_uint(&w, 1004);
    atls_cbor_write_map(&w, 2);
    atls_cbor_write_uint(&w, 0);
    atls_cbor_write_text(&w, "https://example.com");
    atls_cbor_write_uint(&w, 1);
    atls_cbor_write_text(&w, "1.0");
    result = atls_cbor_write_done(&w, &out);
    return result ? result : add(samples, "ear-claims.cbor", out);
}

static int make_keys(struct test_samples *samples, const struct world *world)
{
    char *pem = atls_pem_write_public_key(&world->pak.public_key);
    json_t *jwk = atls_jwk_of_public_key(&world->verifier.public_key);
    char *text = jwk ? json_dumps(jwk, JSON_COMPACT) : NULL;
    char *nonce = atls_hex_encode(ATLS_BYTES(world->nonce, 32));
    int result = pem && text && nonce ? 0 : atls_fail(-ENOMEM, NULL, "samples: out of memory");

    if (!result)
        result = add(samples, "pak.pem", atls_bytes_of_text(pem));
    if (!result)
        result = add(samples, "verifier.jwk", atls_bytes_of_text(text));
    if (!result)
        result = add(samples, "nonce.hex", atls_bytes_of_text(nonce));
    free(pem);
    free(text);
    free(nonce);
    json_decref(jwk);
    return result;
}

int test_samples_make(struct test_samples *samples)
{
    struct world world = {0};
    int result = make_world(&world);

    if (!result)
        result = make_evidence(samples, &world);
    if (!result)
        result = make_prototypes(samples, &world);
    if (!result)
        result = make_wrappers(samples);
    if (!result)
        result = make_signed(samples, &world);
    if (!result)
        result = make_boot_record(samples, &world);
    if (!result)
        result = make_corim(samples, &world, ATLS_CORIM_MAIN, "corim-main.cbor");
    if (!result)
        result = make_corim(samples, &world, ATLS_CORIM_V0_2608, "corim-v0.0.2608.cbor");
    if (!result)
        result = make_ear(samples, &world, ATLS_EAR_VERAISON, "ear-veraison.jwt");
    if (!result)
        result = make_ear(samples, &world, ATLS_EAR_DRAFT_03, "ear-draft-03.jwt");
    if (!result)
        result = make_ear(samples, &world, ATLS_EAR_DRAFT_04, "ear-draft-04.jwt");
    if (!result)
        result = make_ear(samples, &world, ATLS_EAR_VERAISON, "ear-veraison.cwt");
    if (!result)
        result = make_ear(samples, &world, ATLS_EAR_DRAFT_04, "ear-draft-04.cwt");
    if (!result)
        result = make_other_results(samples, &world);
    return result ? result : make_keys(samples, &world);
}

void test_samples_free(struct test_samples *samples)
{
    while (samples->count)
        free(samples->sample[--samples->count].data);
}

struct atls_bytes test_sample(const struct test_samples *samples, const char *name)
{
    for (size_t i = 0; i < samples->count; i++)
        if (!strcmp(samples->sample[i].name, name))
            return ATLS_BYTES(samples->sample[i].data, samples->sample[i].size);
    return (struct atls_bytes){0};
}
