/* SPDX-License-Identifier: Apache-2.0 */
/* What can be wrong with evidence, one thing at a time: what tests of formats do to the source. */
#ifndef ATLS_FORMATS_TEST_EVIDENCE_CHANGES_H
#define ATLS_FORMATS_TEST_EVIDENCE_CHANGES_H

#include <string.h>

#include "formats/test/test-source.h"
#include "rats/test/test-key.h"
#include "rats/tokens/prototype.h"
#include "rats/tokens/ra-tls.h"

#define TEXT(text) ATLS_BYTES(text, sizeof(text) - 1)

static const uint8_t asked[65] = "what the relying party has asked of the attester: sixty-four.";
static const uint8_t another[64] = "what somebody else has asked of the attester, and not here...";

/* clang-format off */
#define CHANGE(name, what) static inline void name(struct test_source *s) { what }
CHANGE(nothing, )
/* KAT */
CHANGE(kat_bit, s->kat.flip = true;)
CHANGE(kat_by_ik, s->kat.by = &s->ik;)
CHANGE(kat_old, s->kat.nonce = ATLS_BYTES(another, 32);)
CHANGE(kat_hashed, static uint8_t digest[48]; const struct atls_bytes of = ATLS_BYTES(asked, 32); assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA384, &of, 1, digest), 0); s->kat.nonce = ATLS_BYTES(digest, 48);)
CHANGE(kat_expired, s->kat.pair = TEXT("\x04\x01");)
CHANGE(kat_too_early, s->kat.pair = TEXT("\x05\x1a\x7f\xff\xff\xff");)
CHANGE(kat_bad_time, s->kat.pair = TEXT("\x04\x60");)
CHANGE(kat_tagged, s->kat.tagged = true;)
CHANGE(kat_untagged, s->kat.untagged = true;)
CHANGE(kat_no_cbor, s->kat.token = TEXT("\x84");)
CHANGE(kat_no_cose, s->kat.token = TEXT("\x80");)
CHANGE(kat_claims_no_cbor, s->kat.claims = TEXT("\xa1");)
CHANGE(kat_claims_empty, s->kat.claims = TEXT("\xa0");)
CHANGE(kat_key_unsupported, s->kat.claims = TEXT("\xa1\x08\xa1\x01\xa1\x01\x01");)
CHANGE(kat_claims_unpreferred, s->kat.claims = TEXT("\xb8\x00");)
/* PAT, or the platform's token, or a token by itself */
CHANGE(pat_bit, s->pat.flip = true;)
CHANGE(pat_by_another, s->pat.by = &s->other;)
CHANGE(pat_old, s->pat.nonce = ATLS_BYTES(another, 32);)
CHANGE(pat_over_challenge, s->pat.nonce = ATLS_BYTES(asked, 32);)
CHANGE(pat_expired, s->pat.pair = TEXT("\x04\x01");)
CHANGE(pat_too_early, s->pat.pair = TEXT("\x05\x1a\x7f\xff\xff\xff");)
CHANGE(pat_bad_time, s->pat.pair = TEXT("\x04\x60");)
CHANGE(pat_untagged, s->pat.untagged = true;)
CHANGE(pat_no_cbor, s->pat.token = TEXT("\xd2\x84");)
CHANGE(pat_no_cose, s->pat.token = TEXT("\xd2\x80");)
CHANGE(pat_claims_no_cbor, s->pat.claims = TEXT("\xa1");)
CHANGE(pat_claims_empty, s->pat.claims = TEXT("\xa0");)
CHANGE(pat_profile_unsupported, s->pat.claims = TEXT("\xa1\x19\x01\x09\x61x");)
CHANGE(pat_claims_unpreferred, s->pat.claims = TEXT("\xb8\x00");)
CHANGE(pat_of_nobody, s->client = 0;)
CHANGE(pat_of_the_application, s->client = -1;)
CHANGE(another_member, s->member = TEXT("\x61x\x83\x63" "a/b\x41\x00\x04");)
CHANGE(no_answer, s->kat.nonce = ATLS_BYTES(atls_prototype_nonce, ATLS_PROTOTYPE_NONCE_SIZE);)
/* collections whose members are not what they should be */
#define KAT_TYPE "\x68__cmwc_t\x78\x20tag:ietf.org,2024-02-29:rats/kat"
#define BINDING_TYPE "\x68__cmwc_t\x78\x22tag:ietf.org,2026:rats/key-binding"
#define A_RECORD "\x82\x73" "application/eat+cwt\x41\x80"
#define A_COLLECTION "\xa1\x61x" A_RECORD
CHANGE(cab_without_pat, s->whole = TEXT("\xa2\x63kat" A_RECORD KAT_TYPE);)
CHANGE(cab_without_kat, s->whole = TEXT("\xa2\x63pat" A_RECORD KAT_TYPE);)
CHANGE(cab_kat_collection, s->whole = TEXT("\xa3\x63kat" A_COLLECTION "\x63pat" A_RECORD KAT_TYPE);)
CHANGE(cab_pat_collection, s->whole = TEXT("\xa3\x63kat" A_RECORD "\x63pat" A_COLLECTION KAT_TYPE);)
CHANGE(cab_record, s->whole = TEXT(A_RECORD);)
CHANGE(binding_without_pat, s->whole = TEXT("\xa2\x63kat" A_RECORD BINDING_TYPE);)
CHANGE(binding_pat_collection, s->whole = TEXT("\xa3\x63kat" A_RECORD "\x63pat" A_COLLECTION BINDING_TYPE);)
static inline void retype(uint8_t *made, size_t size) { ((uint8_t *)memmem(made, size, "eat+cwt", 7))[3] = '-'; }
CHANGE(another_type, s->edit = retype;)
/* bundle of 2022 */
CHANGE(bundle_cut, s->whole = TEXT("\x01\x00\x01\x80");)
/* Arm CCA */
CHANGE(older, s->older = true; s->rak = test_private_key(ATLS_P384, 9);)
CHANGE(realm_bit, s->realm.flip = true;)
CHANGE(realm_by_another, s->realm.by = &s->other;)
CHANGE(realm_old, s->realm.nonce = ATLS_BYTES(another, 64);)
CHANGE(realm_expired, s->realm.pair = TEXT("\x04\x01");)
CHANGE(realm_no_cbor, s->realm.token = TEXT("\xd2\x84");)
CHANGE(realm_no_cose, s->realm.token = TEXT("\xd2\x80");)
CHANGE(realm_claims_no_cbor, s->realm.claims = TEXT("\xa1");)
CHANGE(realm_claims_empty, s->realm.claims = TEXT("\xa0");)
CHANGE(realm_profile_unsupported, s->realm.claims = TEXT("\xa1\x19\x01\x09\x61x");)
CHANGE(no_cbor, s->whole = TEXT("\x84");)
CHANGE(no_collection, s->whole = TEXT("\xa0");)
CHANGE(too_deep, static uint8_t deep[65]; memset(deep, 0x81, 64); s->whole = ATLS_BYTES(deep, sizeof deep);)
CHANGE(indefinite_map, s->whole = TEXT("\xbf\xff");)
CHANGE(parsec_without_pat, s->whole = TEXT("\xa1\x63kat\x00");)
CHANGE(parsec_pat_no_collection, s->pat.token = TEXT("\x00");)
CHANGE(debugged, s->lifecycle = ATLS_PSA_RECOVERABLE_ROT_DEBUG;)
CHANGE(debugged_beside, s->lifecycle = ATLS_PSA_NON_ROT_DEBUG;)
/* a TPM's */
#define TPM(name, what) static inline void name##_in(struct test_tpm *tpm) { what } CHANGE(name, s->change_tpm = name##_in;)
TPM(tpm_nonce, tpm->quoted = tpm->nonce;)
TPM(tpm_quote_old, tpm->quoted = ATLS_BYTES(another, 32);)
TPM(tpm_old, tpm->nonce = ATLS_BYTES(another, 32);)
TPM(tpm_no_answer, tpm->nonce = atls_constant_nonce_of_2022.nonce;)
TPM(tpm_kat_bit, tpm->flip_kat = true;)
TPM(tpm_quote_bit, tpm->flip_quote = true;)
TPM(tpm_other_kid, tpm->quote_kid[9] ^= 1;)
TPM(tpm_unfixed, tpm->attributes &= ~2u;)
TPM(tpm_foreign_name, tpm->other_name = true;)
TPM(tpm_two_bits, tpm->flip_kat = tpm->flip_quote = true;)
static inline void rescheme(uint8_t *made, size_t size) { ((uint8_t *)memmem(made, size, "\x00\x10\x00\x18\x00\x0b", 6))[3] = 0x1c; }
CHANGE(tpm_other_scheme, s->edit = rescheme;)
/* RA-TLS: in the quote */
static inline uint8_t *quote_in(uint8_t *made, size_t size) { return (uint8_t *)memmem(made, size, "ATLS SIMULATED", 14) - 12; }
#define QUOTE(name, what) static inline void name##_in(uint8_t *made, size_t size) { uint8_t *quote = quote_in(made, size); what } CHANGE(name, s->edit = name##_in;)
QUOTE(quote_of_tee, quote[2] = 2; quote[3] = 0;)
QUOTE(quote_of_vendor, quote[12] ^= 1;)
QUOTE(quote_of_others, quote[48 + 320] ^= 1;)
QUOTE(quote_debug, quote[48 + 48] ^= 1;)
QUOTE(quote_of_no_version, quote[0] = 9;)
/* clang-format on */

/* Evidence with a report that nobody asked a device for, of SIZE zeros. */
static inline void ra_tls_of(struct test_source *s, unsigned tag, size_t size, bool with_nonce)
{
    static uint8_t report[1024], whole[2048];
    uint8_t claims[128];
    struct atls_bytes buffer, written;
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, claims, sizeof claims);
    assert_int_equal(atls_ra_tls_claims_write(&w, ATLS_BYTES(asked, 32)), 0);
    assert_int_equal(atls_cbor_write_done(&w, &buffer), 0);
    if (with_nonce) {
        claims[0]++;
        memcpy(claims + buffer.size, "\x65nonce\x44\x01\x02\x03\x04", 11);
        buffer.size += 11;
    }
    atls_cbor_write_init(&w, whole, sizeof whole);
    atls_cbor_write_tag(&w, tag);
    atls_cbor_write_array(&w, 2);
    atls_cbor_write_bytes(&w, ATLS_BYTES(report, size));
    atls_cbor_write_bytes(&w, buffer);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    s->whole = written;
}

/* A TPM's evidence, whose maps are as they should be and whose structures are these. */
static inline void tpm_of(struct test_source *s, struct atls_bytes area, struct atls_bytes attest,
                          struct atls_bytes signature)
{
    static uint8_t whole[2048];
    static const uint8_t kid[ATLS_TPM_KID_SIZE] = {1};
    const struct atls_tpm_kat kat = {{kid, sizeof kid}, signature, area, attest};
    const struct atls_tpm_pat pat = {{kid, sizeof kid}, signature, attest};
    uint8_t encoded[1024];
    struct atls_cbor_writer w;
    struct atls_bytes written;

    atls_cbor_write_init(&w, encoded, sizeof encoded);
    atls_tpm_kat_write(&w, &kat);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    atls_cbor_write_init(&w, whole, sizeof whole);
    atls_tpm_evidence_write(&w, written, &pat);
    assert_int_equal(atls_cbor_write_done(&w, &s->whole), 0);
}

/* TPMT_PUBLIC with all that is optional: a policy, any scheme, P-384. */
static inline void tpm_structures(struct test_source *s)
{
    const struct atls_private_key key = test_private_key(ATLS_P384, 3);
    uint8_t buffer[256];
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);

    atls_sink_u16(&sink, ATLS_TPM_ECC);
    atls_sink_u16(&sink, ATLS_TPM_SHA384);
    atls_sink_u32(&sink, 0x000f0ff6); /* all attributes that there are */
    atls_sink_vector(&sink, 2, ATLS_BYTES(asked, 48));
    atls_sink_u16(&sink, ATLS_TPM_NULL);
    atls_sink_u16(&sink, ATLS_TPM_NULL);
    atls_sink_u16(&sink, 4);
    atls_sink_u16(&sink, ATLS_TPM_NULL);
    atls_sink_vector(&sink, 2, ATLS_BYTES(key.public_key.x, 48));
    atls_sink_vector(&sink, 2, ATLS_BYTES(key.public_key.y, 48));
    tpm_of(s, test_tpm_done(&sink), TEXT("\xff"), TEXT("\x00\x18"));
}

static inline void tpm_no_structures(struct test_source *s)
{
    tpm_of(s, TEXT("\x00\x23"), TEXT("\xff\x54"), TEXT("\x00\x18"));
}

static inline void ra_tls_nonce(struct test_source *s)
{
    ra_tls_of(s, ATLS_TAG_TEE_QUOTE, 1, true);
}

static inline void ra_tls_sgx_report(struct test_source *s)
{
    ra_tls_of(s, ATLS_TAG_SGX_REPORT, 432, true);
}

static inline void ra_tls_tdx_report(struct test_source *s)
{
    ra_tls_of(s, ATLS_TAG_TEE_REPORT, 1024, false);
}

#endif
