/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM 2.0 would attest, for tests that need it with one thing wrong: structures are put
 * together here byte by byte, signatures are by keys in memory. What real TPMs made is in the
 * vectors.
 */
#ifndef ATLS_RATS_TEST_TEST_TPM_H
#define ATLS_RATS_TEST_TEST_TPM_H

#include <string.h>

#include "rats/tokens/tpm.h"

#define TEST_TPM_PCRS 3
#define TEST_TPM_EVIDENCE_MAX 2048

struct test_tpm {
    struct atls_private_key ak, quote_ak; /* the same, but for a test */
    struct atls_private_key ik;           /* identity key: what is attested */
    uint8_t kid[ATLS_TPM_KID_SIZE], quote_kid[ATLS_TPM_KID_SIZE];
    uint32_t attributes;
    uint8_t pcrs[TEST_TPM_PCRS][32]; /* values of PCRs 0.. */
    uint32_t selected;               /* which are quoted, as bits */
    struct atls_bytes nonce;
    struct atls_bytes quoted;  /* what the quote answers; none: SHA-256 of the kat map */
    bool other_name;           /* another key is certified than the one that is shown */
    bool flip_kat, flip_quote; /* one bit of what was signed */
};

/* One of its own for each NUMBER; NULL as ever means this machine's fault, so it ends the test. */
static inline void test_tpm_key(uint8_t number, uint8_t which, struct atls_private_key *keyp)
{
    uint8_t seed[32] = {'t', 'p', 'm', number, which};

    if (atls_crypto_hosted.make_key(ATLS_P256, seed, keyp))
        abort();
}

static inline void test_tpm_init(struct test_tpm *tpm, uint8_t number, struct atls_bytes nonce)
{
    memset(tpm, 0, sizeof *tpm);
    test_tpm_key(number, 1, &tpm->ak);
    test_tpm_key(number, 2, &tpm->ik);
    tpm->quote_ak = tpm->ak;
    if (atls_tpm_kid(&atls_crypto_hosted, &tpm->ak.public_key, tpm->kid))
        abort();
    memcpy(tpm->quote_kid, tpm->kid, sizeof tpm->quote_kid);
    tpm->attributes = 0x00040072;
    for (size_t i = 0; i < TEST_TPM_PCRS; i++)
        memset(tpm->pcrs[i], (int)(0x10 * (i + 1)), sizeof tpm->pcrs[i]);
    tpm->selected = (1u << TEST_TPM_PCRS) - 1;
    tpm->nonce = nonce;
}

static inline struct atls_bytes test_tpm_done(const struct atls_sink *s)
{
    struct atls_bytes out;

    if (atls_sink_done(s, &out))
        abort();
    return out;
}

static inline struct atls_bytes
test_tpm_public(const struct test_tpm *tpm, const struct atls_public_key *key, uint8_t buffer[128])
{
    struct atls_sink s = atls_sink_of(buffer, 128);

    atls_sink_u16(&s, ATLS_TPM_ECC);
    atls_sink_u16(&s, ATLS_TPM_SHA256);
    atls_sink_u32(&s, tpm->attributes);
    atls_sink_u16(&s, 0);
    atls_sink_u16(&s, ATLS_TPM_NULL);
    atls_sink_u16(&s, ATLS_TPM_ECDSA);
    atls_sink_u16(&s, ATLS_TPM_SHA256);
    atls_sink_u16(&s, 3);
    atls_sink_u16(&s, ATLS_TPM_NULL);
    atls_sink_vector(&s, 2, ATLS_BYTES(key->x, 32));
    atls_sink_vector(&s, 2, ATLS_BYTES(key->y, 32));
    return test_tpm_done(&s);
}

static inline void test_tpm_name(struct atls_bytes public_area, uint8_t name[34])
{
    uint8_t whole[ATLS_TPM_NAME_MAX];
    size_t size;

    if (atls_tpm_name(&atls_crypto_hosted, ATLS_SHA256, public_area, whole, &size) || size != 34)
        abort();
    memcpy(name, whole, 34);
}

/* magic, type, signer (its Name stands for the qualified one), extraData, clock, firmware */
static inline void test_tpm_head(struct atls_sink *s, const struct test_tpm *tpm, uint16_t type,
                                 const struct atls_private_key *ak, struct atls_bytes extra)
{
    uint8_t area[128], name[34];

    test_tpm_name(test_tpm_public(tpm, &ak->public_key, area), name);
    atls_sink_u32(s, ATLS_TPM_MAGIC);
    atls_sink_u16(s, type);
    atls_sink_vector(s, 2, ATLS_BYTES(name, sizeof name));
    atls_sink_vector(s, 2, extra);
    for (int i = 0; i < 4; i++)
        atls_sink_u32(s, 7);
    atls_sink_u8(s, 1);
    atls_sink_u32(s, 0x20191023);
    atls_sink_u32(s, 0x00163636);
}

static inline struct atls_bytes test_tpm_sign(const struct atls_private_key *key,
                                              struct atls_bytes what, uint8_t buffer[128])
{
    struct atls_sink s = atls_sink_of(buffer, 128);
    uint8_t digest[32], signature[ATLS_SIGNATURE_MAX];

    if (atls_crypto_hosted.hash(ATLS_SHA256, &what, 1, digest) ||
        atls_crypto_hosted.sign(key, ATLS_BYTES(digest, 32), signature))
        abort();
    atls_sink_u16(&s, ATLS_TPM_ECDSA);
    atls_sink_u16(&s, ATLS_TPM_SHA256);
    atls_sink_vector(&s, 2, ATLS_BYTES(signature, 32));
    atls_sink_vector(&s, 2, ATLS_BYTES(signature + 32, 32));
    return test_tpm_done(&s);
}

static inline struct atls_bytes test_tpm_certify(const struct test_tpm *tpm, struct atls_bytes area,
                                                 uint8_t buffer[256])
{
    struct atls_sink s = atls_sink_of(buffer, 256);
    uint8_t name[34];

    test_tpm_name(area, name);
    name[33] ^= tpm->other_name;
    test_tpm_head(&s, tpm, ATLS_TPM_CERTIFY, &tpm->ak, tpm->nonce);
    atls_sink_vector(&s, 2, ATLS_BYTES(name, sizeof name));
    atls_sink_vector(&s, 2, ATLS_BYTES(name, sizeof name));
    return test_tpm_done(&s);
}

static inline struct atls_bytes test_tpm_quote(const struct test_tpm *tpm, struct atls_bytes extra,
                                               uint8_t buffer[256])
{
    struct atls_sink s = atls_sink_of(buffer, 256);
    struct atls_bytes values[TEST_TPM_PCRS];
    uint8_t digest[32];
    size_t count = 0;

    for (size_t i = 0; i < TEST_TPM_PCRS; i++)
        if (tpm->selected >> i & 1)
            values[count++] = ATLS_BYTES(tpm->pcrs[i], 32);
    if (atls_crypto_hosted.hash(ATLS_SHA256, values, count, digest))
        abort();
    test_tpm_head(&s, tpm, ATLS_TPM_QUOTE, &tpm->quote_ak, extra);
    atls_sink_u32(&s, 1);
    atls_sink_u16(&s, ATLS_TPM_SHA256);
    atls_sink_u8(&s, 3);
    atls_sink_u8(&s, (uint8_t)tpm->selected);
    atls_sink_u8(&s, (uint8_t)(tpm->selected >> 8));
    atls_sink_u8(&s, (uint8_t)(tpm->selected >> 16));
    atls_sink_vector(&s, 2, ATLS_BYTES(digest, sizeof digest));
    return test_tpm_done(&s);
}

static inline struct atls_bytes test_tpm_evidence(const struct test_tpm *tpm,
                                                  uint8_t out[TEST_TPM_EVIDENCE_MAX])
{
    uint8_t area[128], certify[256], quote[256], sig[128], pat_sig[128], encoded[1024],
        linkage[ATLS_TPM_LINKAGE_SIZE];
    struct atls_tpm_kat kat = {.kid = {tpm->kid, sizeof tpm->kid}};
    struct atls_tpm_pat pat = {.kid = {tpm->quote_kid, sizeof tpm->quote_kid}};
    struct atls_bytes kat_encoded, whole;
    struct atls_cbor_writer w;

    kat.pub_area = test_tpm_public(tpm, &tpm->ik.public_key, area);
    kat.cert_info = test_tpm_certify(tpm, kat.pub_area, certify);
    kat.sig = test_tpm_sign(&tpm->ak, kat.cert_info, sig);
    certify[60] ^= tpm->flip_kat; /* of clockInfo or extraData */
    atls_cbor_write_init(&w, encoded, sizeof encoded);
    atls_tpm_kat_write(&w, &kat);
    if (atls_cbor_write_done(&w, &kat_encoded) ||
        atls_tpm_linkage(&atls_crypto_hosted, kat_encoded, linkage))
        abort();
    pat.attest_info = test_tpm_quote(
        tpm, tpm->quoted.size ? tpm->quoted : ATLS_BYTES(linkage, sizeof linkage), quote);
    pat.sig = test_tpm_sign(&tpm->quote_ak, pat.attest_info, pat_sig);
    quote[pat.attest_info.size - 1] ^= tpm->flip_quote;
    atls_cbor_write_init(&w, out, TEST_TPM_EVIDENCE_MAX);
    atls_tpm_evidence_write(&w, kat_encoded, &pat);
    if (atls_cbor_write_done(&w, &whole))
        abort();
    return whole;
}

#endif
