/* SPDX-License-Identifier: Apache-2.0 */
/* Making evidence for tests of formats: what the real device makes, put together here. */
#include "formats/test/test-source.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/test/test-key.h"
#include "rats/tokens/cca-claims.h"
#include "rats/tokens/key-binding.h"
#include "rats/tokens/prototype.h"

#define CRYPTO (&atls_crypto_hosted)
#define ROOM 8192
#define MUST(call) assert_int_equal((call), 0)

static struct test_source *source_of(const struct atls_evidence_source *lent)
{
    return (struct test_source *)(uintptr_t)lent;
}

static struct atls_bytes or_else(struct atls_bytes wish, struct atls_bytes usual)
{
    return wish.data ? wish : usual;
}

static struct atls_bytes done(struct atls_cbor_writer *w)
{
    struct atls_bytes written;

    MUST(atls_cbor_write_done(w, &written));
    return written;
}

/* Signs CLAIMS, as the wish is. */
static void make_token(const struct test_token_wish *wish, struct atls_bytes claims,
                       const struct atls_private_key *by, bool tagged, struct test_token *token)
{
    struct atls_local_signer local = {CRYPTO, wish->by ? wish->by : by};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;

    claims = or_else(wish->claims, claims);
    memmove(token->claims_bytes, claims.data, claims.size);
    if (wish->pair.size > 0) {
        token->claims_bytes[0]++; /* a map of less than 23 */
        memcpy(token->claims_bytes + claims.size, wish->pair.data, wish->pair.size);
    }
    token->claims = ATLS_BYTES(token->claims_bytes, claims.size + wish->pair.size);
    atls_cbor_write_init(&w, token->token_bytes, sizeof token->token_bytes);
    MUST(atls_cose_sign1_write(&w, (tagged || wish->tagged) && !wish->untagged, token->claims,
                               CRYPTO, &signer));
    token->token = done(&w);
    token->token_bytes[token->token.size - 1] ^= wish->flip;
    token->token = or_else(wish->token, token->token);
}

static const struct atls_psa_component *components(void)
{
    static const uint8_t digest[32] = {0xb1}, signer[32] = {0x51};
    static struct atls_psa_component component;

    component = (struct atls_psa_component){.type = atls_bytes_of_text("BL"),
                                            .value = ATLS_BYTES(digest, sizeof digest),
                                            .version = atls_bytes_of_text("1.0.0"),
                                            .signer_id = ATLS_BYTES(signer, sizeof signer)};
    return &component;
}

/* The claims that a relying party reads, and nobody that has asked for them. */
static struct atls_bytes write_nobodys(const struct atls_psa_claims *said,
                                       uint8_t out[TEST_TOKEN_MAX])
{
    struct atls_cbor_writer w;
    struct atls_bytes written;

    atls_cbor_write_init(&w, out, TEST_TOKEN_MAX);
    atls_cbor_write_map(&w, 1);
    atls_cbor_write_uint(&w, CCA_CHALLENGE);
    atls_cbor_write_bytes(&w, said->nonce);
    written = done(&w);
    if (said->cnf.size > 0) {
        out[0] += 2;
        out[written.size++] = ATLS_CLAIM_CNF;
        memcpy(out + written.size, said->cnf.data, said->cnf.size);
        written.size += said->cnf.size;
        memcpy(out + written.size, "\x3a\x00\x01\x12\x37", 5); /* key-attributes */
        written.size += 5;
        memcpy(out + written.size, said->key_attributes.data, said->key_attributes.size);
        written.size += said->key_attributes.size;
    }
    return written;
}

/* A PSA token over NONCE, which vouches for the KAK where CNF is asked for. */
static void make_pat(struct test_source *s, struct atls_bytes nonce, bool cnf)
{
    static const uint8_t seed[32] = {0xbb};
    uint8_t key[128], attributes[128], claims[TEST_TOKEN_MAX];
    struct atls_psa_claims said = {
        .profile = ATLS_PSA_ARM_2,
        .nonce = or_else(s->pat.nonce, nonce),
        .instance_id = {s->instance_id, sizeof s->instance_id},
        .implementation_id = {s->implementation_id, sizeof s->implementation_id},
        .client_id = s->client,
        .lifecycle = s->lifecycle,
        .boot_seed = {seed, sizeof seed},
        .components = components(),
        .component_count = 1};
    struct atls_cbor_writer w;

    if (cnf) {
        atls_cbor_write_init(&w, key, sizeof key);
        atls_cnf_write(&w, &s->kak.public_key);
        said.cnf = done(&w);
        atls_cbor_write_init(&w, attributes, sizeof attributes);
        atls_key_binding_attributes_write(&w);
        said.key_attributes = done(&w);
    }
    atls_cbor_write_init(&w, claims, sizeof claims);
    if (s->client)
        MUST(atls_psa_claims_write(&w, &said));
    make_token(&s->pat, s->client ? done(&w) : write_nobodys(&said, claims), &s->pak, true,
               &s->made_pat);
}

static int hand_over(struct atls_bytes made, uint8_t **outp, size_t *sizep)
{
    uint8_t *out = malloc(made.size);

    if (!out)
        return atls_fail(-ENOMEM, NULL, "no memory for evidence of a test");
    *outp = memcpy(out, made.data, made.size);
    *sizep = made.size;
    return 0;
}

/* What was asked for is noted; then, fails it? */
static int ask(struct test_source *s, const char *what, struct atls_bytes challenge)
{
    snprintf(s->asked, sizeof s->asked, "%s over %zu bytes", what, challenge.size);
    return s->fails ? atls_fail(s->fails, NULL, "the device says no") : 0;
}

/* A collection of the two, with one member more perhaps. */
static int bundle(struct test_source *s, const char *type, uint8_t **outp, size_t *sizep)
{
    uint8_t out[ROOM];
    struct atls_cbor_writer w;
    struct atls_bytes made;

    atls_cbor_write_init(&w, out, sizeof out);
    atls_kat_bundle_write(&w, type, s->made_kat.token, s->made_pat.token);
    made = done(&w);
    if (s->member.size > 0) {
        out[0]++;
        memcpy(out + made.size, s->member.data, s->member.size);
        made.size += s->member.size;
    }
    return hand_over(made, outp, sizep);
}

static int attest_key(const struct atls_evidence_source *lent, struct atls_bytes challenge,
                      uint8_t **cabp, size_t *sizep)
{
    struct test_source *s = source_of(lent);
    struct atls_kat_claims said = {.nonce = or_else(s->kat.nonce, challenge),
                                   .identity_key = s->ik.public_key,
                                   .kak = s->kak.public_key};
    uint8_t claims[TEST_TOKEN_MAX], linkage[ATLS_LINKAGE_SIZE];
    struct atls_cbor_writer w;
    int result = ask(s, "cab", challenge);

    if (result)
        return result;
    atls_cbor_write_init(&w, claims, sizeof claims);
    MUST(atls_kat_claims_write(&w, &said));
    make_token(&s->kat, done(&w), &s->kak, false, &s->made_kat);
    MUST(atls_kat_linkage(CRYPTO, &s->kak.public_key, linkage));
    make_pat(s, ATLS_BYTES(linkage, sizeof linkage), false);
    return bundle(s, ATLS_CAB_TYPE, cabp, sizep);
}

static int attest_key_of_2022(const struct atls_evidence_source *lent, struct atls_bytes challenge,
                              uint8_t **bundlep, size_t *sizep)
{
    struct test_source *s = source_of(lent);
    struct atls_kat_claims said = {.nonce = or_else(s->kat.nonce, challenge),
                                   .identity_key = s->ik.public_key,
                                   .kak = s->kak.public_key};
    uint8_t claims[TEST_TOKEN_MAX], linkage[ATLS_LINKAGE_SIZE], out[ROOM];
    struct atls_sink sink = atls_sink_of(out, sizeof out);
    struct atls_cbor_writer w;
    struct atls_bytes made;
    int result = ask(s, "bundle of 2022", challenge);

    if (result)
        return result;
    atls_cbor_write_init(&w, claims, sizeof claims);
    MUST(atls_prototype_claims_write(&w, &said));
    make_token(&s->kat, done(&w), &s->kak, true, &s->made_kat);
    MUST(atls_prototype_linkage(CRYPTO, &s->ik.public_key, linkage));
    make_pat(s, ATLS_BYTES(linkage, sizeof linkage), false);
    MUST(atls_prototype_bundle_write(&sink, s->made_kat.token, s->made_pat.token));
    MUST(atls_sink_done(&sink, &made));
    return hand_over(made, bundlep, sizep);
}

static int attest_platform(const struct atls_evidence_source *lent, struct atls_bytes challenge,
                           uint8_t **tokenp, size_t *sizep)
{
    struct test_source *s = source_of(lent);
    int result = ask(s, "PSA token", challenge);

    if (result)
        return result;
    make_pat(s, challenge, false);
    return hand_over(s->made_pat.token, tokenp, sizep);
}

static int make_key_binding(struct test_source *s, struct atls_bytes challenge, uint8_t **outp,
                            size_t *sizep)
{
    uint8_t claims[TEST_TOKEN_MAX];
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, claims, sizeof claims);
    MUST(atls_key_binding_kat_write(&w, or_else(s->kat.nonce, challenge), &s->ik.public_key));
    make_token(&s->kat, done(&w), &s->kak, false, &s->made_kat);
    make_pat(s, challenge, true);
    return bundle(s, ATLS_KEY_BINDING_TYPE, outp, sizep);
}

static void make_platform(struct test_source *s, struct atls_bytes challenge)
{
    static const uint8_t config[4] = {0, 0, 0, 1};
    uint8_t claims[TEST_TOKEN_MAX];
    const struct atls_cca_platform said = {
        .legacy = s->older,
        .challenge = or_else(s->pat.nonce, challenge),
        .instance_id = {s->instance_id, sizeof s->instance_id},
        .implementation_id = {s->implementation_id, sizeof s->implementation_id},
        .config = {config, sizeof config},
        .hash_algorithm = atls_bytes_of_text("sha-256"),
        .lifecycle = s->lifecycle,
        .components = components(),
        .component_count = 1};
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, claims, sizeof claims);
    MUST(atls_cca_platform_write(&w, &said));
    make_token(&s->pat, done(&w), &s->pak, true, &s->made_pat);
}

/* The claims of a realm as earlier drafts have them: without a profile, the key a point. */
static struct atls_bytes write_older_realm(const struct atls_cca_realm *said,
                                           uint8_t out[TEST_TOKEN_MAX])
{
    uint8_t point[ATLS_POINT_MAX];
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, out, TEST_TOKEN_MAX);
    atls_cbor_write_map(&w, 7);
    atls_cbor_write_uint(&w, CCA_CHALLENGE);
    atls_cbor_write_bytes(&w, said->challenge);
    atls_cbor_write_uint(&w, CCA_REALM_PERSONALIZATION);
    atls_cbor_write_bytes(&w, said->personalization);
    atls_cbor_write_uint(&w, CCA_REALM_HASH_ALGORITHM);
    atls_cbor_write_text_bytes(&w, said->hash_algorithm);
    atls_cbor_write_uint(&w, CCA_REALM_RAK);
    atls_cbor_write_bytes(&w, ATLS_BYTES(point, atls_prototype_point(&said->rak, point)));
    atls_cbor_write_uint(&w, CCA_REALM_INITIAL);
    atls_cbor_write_bytes(&w, said->initial);
    atls_cbor_write_uint(&w, CCA_REALM_EXTENSIBLE);
    atls_cbor_write_array(&w, ATLS_CCA_EXTENSIBLE_COUNT);
    for (size_t i = 0; i < ATLS_CCA_EXTENSIBLE_COUNT; i++)
        atls_cbor_write_bytes(&w, said->extensible[i]);
    atls_cbor_write_uint(&w, CCA_REALM_RAK_HASH_ALGORITHM);
    atls_cbor_write_text_bytes(&w, said->hash_algorithm);
    return done(&w);
}

static void make_realm(struct test_source *s, struct atls_bytes challenge)
{
    static const uint8_t measured[64] = {0x3e};
    const struct atls_bytes measurement = {measured, 32};
    uint8_t claims[TEST_TOKEN_MAX];
    const struct atls_cca_realm said = {
        .has_profile = true,
        .challenge = or_else(s->realm.nonce, challenge),
        .personalization = {measured, sizeof measured},
        .initial = measurement,
        .extensible = {measurement, measurement, measurement, measurement},
        .hash_algorithm = atls_bytes_of_text("sha-256"),
        .rak = s->rak.public_key,
        .rak_hash = ATLS_SHA256};
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, claims, sizeof claims);
    MUST(atls_cca_realm_write(&w, &said));
    make_token(&s->realm, s->older ? write_older_realm(&said, claims) : done(&w), &s->rak, true,
               &s->made_realm);
}

/* The collection of both tokens, in OUT. */
static struct atls_bytes make_cca(struct test_source *s, struct atls_bytes challenge,
                                  uint8_t out[ROOM])
{
    uint8_t rak[ATLS_CCA_RAK_ENCODED_MAX], digest[ATLS_HASH_MAX];
    struct atls_cbor_writer w;
    struct atls_bytes encoded;

    MUST(atls_cca_rak_encode(&s->rak.public_key, rak, &encoded));
    if (s->older)
        encoded = ATLS_BYTES(rak, atls_prototype_point(&s->rak.public_key, rak));
    MUST(CRYPTO->hash(ATLS_SHA256, &encoded, 1, digest));
    make_realm(s, challenge);
    make_platform(s, ATLS_BYTES(digest, 32));
    atls_cbor_write_init(&w, out, ROOM);
    atls_cca_collection_write(&w, s->older ? ATLS_CCA_TAG_COLLECTION : ATLS_CCA_TAG_CMW,
                              s->made_pat.token, s->made_realm.token);
    return done(&w);
}

static int make_parsec_cca(struct test_source *s, struct atls_bytes challenge, uint8_t **outp,
                           size_t *sizep)
{
    uint8_t kat[512], digest[ATLS_HASH_MAX], cca[ROOM], out[ROOM];
    struct atls_cbor_writer w;
    struct atls_bytes claims, token;

    atls_cbor_write_init(&w, kat, sizeof kat);
    MUST(atls_parsec_cca_kat_write(&w, or_else(s->kat.nonce, challenge), &s->ik.public_key));
    claims = done(&w);
    MUST(CRYPTO->hash(ATLS_SHA512, &claims, 1, digest));
    claims = or_else(s->kat.claims, claims);
    memcpy(s->made_kat.claims_bytes, claims.data, claims.size);
    s->made_kat.claims = ATLS_BYTES(s->made_kat.claims_bytes, claims.size);
    token = or_else(s->pat.token, make_cca(s, ATLS_BYTES(digest, 64), cca));
    atls_cbor_write_init(&w, out, sizeof out);
    atls_parsec_cca_write(&w, claims, token);
    return hand_over(done(&w), outp, sizep);
}

static int make_tpm(struct test_source *s, struct atls_bytes challenge, uint8_t **outp,
                    size_t *sizep)
{
    uint8_t out[TEST_TPM_EVIDENCE_MAX];

    test_tpm_init(&s->tpm, 1, challenge);
    s->tpm.ak = s->tpm.quote_ak = s->pak;
    s->tpm.ik = s->ik;
    MUST(atls_tpm_kid(CRYPTO, &s->pak.public_key, s->tpm.kid));
    memcpy(s->tpm.quote_kid, s->tpm.kid, sizeof s->tpm.kid);
    if (s->change_tpm)
        s->change_tpm(&s->tpm);
    return hand_over(test_tpm_evidence(&s->tpm, out), outp, sizep);
}

static int attest_as(const struct atls_evidence_source *lent, const char *kind,
                     struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep)
{
    struct test_source *s = source_of(lent);
    uint8_t out[ROOM];
    int result = ask(s, kind, challenge);

    if (result)
        return result;
    if (strcmp(kind, "key-binding") == 0)
        return make_key_binding(s, challenge, evidencep, sizep);
    if (strcmp(kind, "cca") == 0)
        return hand_over(make_cca(s, challenge, out), evidencep, sizep);
    if (strcmp(kind, "parsec-cca") == 0)
        return make_parsec_cca(s, challenge, evidencep, sizep);
    if (strcmp(kind, "parsec-tpm") == 0)
        return make_tpm(s, challenge, evidencep, sizep);
    fail_msg("%s: no device of this project makes it", kind);
    return -EINVAL;
}

void test_source_init(struct test_source *source)
{
    static const struct atls_evidence_source_ops ops = {attest_key, attest_key_of_2022,
                                                        attest_platform, attest_as};
    struct atls_private_key *const keys[] = {&source->pak, &source->kak, &source->ik, &source->rak,
                                             &source->other};

    memset(source, 0, sizeof *source);
    for (uint8_t i = 0; i < 5; i++)
        *keys[i] = test_private_key(ATLS_P256, (uint8_t)(0x70 + i));
    source->lent.ops = &ops;
    source->lent.key = &source->ik.public_key;
    memset(source->implementation_id, 'i', sizeof source->implementation_id);
    memset(source->instance_id, 'n', sizeof source->instance_id);
    source->instance_id[0] = 1; /* a UEID of random bytes */
    source->client = 1;
    source->lifecycle = ATLS_PSA_SECURED;
}

void test_evidence_of(const struct atls_evidence_format *format, struct atls_bytes in,
                      struct test_evidence *evidencep)
{
    *evidencep = (struct test_evidence){.data = malloc(in.size ? in.size : 1), .size = in.size};
    assert_non_null(evidencep->data);
    if (in.size > 0)
        memcpy(evidencep->data, in.data, in.size);
    in = ATLS_BYTES(evidencep->data, in.size);
    if (format->wrapping == ATLS_IS_CMW)
        MUST(atls_cmw_parse(in, &evidencep->cmw));
    evidencep->message = (struct atls_evidence_message){evidencep->cmw, in};
}

void test_evidence_make(const struct atls_evidence_format *format, struct test_source *source,
                        struct atls_bytes challenge, struct test_evidence *evidencep)
{
    uint8_t *made;
    size_t size;

    MUST(format->make(&source->lent, challenge, &made, &size));
    if (source->edit)
        source->edit(made, size);
    test_evidence_of(format, or_else(source->whole, ATLS_BYTES(made, size)), evidencep);
    free(made);
}

void test_evidence_clear(struct test_evidence *evidence)
{
    atls_cmw_free(evidence->cmw);
    free(evidence->data);
}

const char *test_key_name(const struct test_source *source, const struct atls_public_key *key)
{
    static const char *const names[] = {"pak", "kak", "ik", "rak"};
    const struct atls_private_key *const keys[] = {&source->pak, &source->kak, &source->ik,
                                                   &source->rak};

    for (size_t i = 0; i < 4; i++)
        if (atls_public_key_equal(&keys[i]->public_key, key))
            return names[i];
    return "another key";
}
