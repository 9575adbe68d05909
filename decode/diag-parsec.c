/* SPDX-License-Identifier: Apache-2.0 */
/* Parsec's key attestation: TPM structures, and how its two halves hang together. */
#include <stdlib.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/tokens/kat.h"

#define TPM2 "TPM 2.0 Part 2 section 10.12.8"
#define TPM_MAGIC 0xff544347u
#define TPM_QUOTE 0x8018
#define TPM_CERTIFY 0x8017
#define TPM_MAX 4096
#define CCA_REALM_TOKEN 44241

/* TPMS_ATTEST: magic, type, qualified signer, extra data, clock, firmware version, the rest. */
static int tpm_attest(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_cursor c = atls_cursor_of(in, TPM2);
    struct atls_bytes signer, extra, clock, rest;
    uint32_t magic;
    uint16_t type;
    int result = atls_cursor_u32(&c, "magic", &magic);

    if (!result && magic != TPM_MAGIC)
        result = atls_fail(ATLS_E_MALFORMED, TPM2,
                           "TPMS_ATTEST: expected magic ff544347, came %08x", magic);
    if (!result)
        result = atls_cursor_u16(&c, "type", &type);
    if (!result)
        result = atls_cursor_vector(&c, "qualifiedSigner", 2, 0, TPM_MAX, &signer);
    if (!result)
        result = atls_cursor_vector(&c, "extraData", 2, 0, TPM_MAX, &extra);
    if (!result)
        result = atls_cursor_take(&c, "clockInfo and firmwareVersion", 25, &clock);
    if (!result)
        result = atls_cursor_take(&c, "attested", c.left, &rest);
    if (result)
        return atls_diag_problem(d, result);
    atls_diag_line(d, "type", "0x%04x %s", type,
                   type == TPM_QUOTE     ? "quote"
                   : type == TPM_CERTIFY ? "certify"
                                         : "other");
    atls_diag_bytes(d, "qualifiedSigner", signer);
    atls_diag_bytes(d, "extraData (the challenge)", extra);
    atls_diag_bytes(d, "clockInfo and firmwareVersion", clock);
    atls_diag_bytes(d, "attested", rest);
    atls_diag_nonce(d, type == TPM_QUOTE ? "TPM quote" : "TPM certification", extra);
    return 0;
}

void atls_diag_tpm_attest(struct atls_diag *d, const char *label, struct atls_bytes in)
{
    atls_diag_line(d, label, "TPMS_ATTEST, %zu bytes", in.size);
    d->depth++;
    tpm_attest(d, in);
    d->depth--;
}

static bool find(struct atls_cbor_reader *r, const char *name)
{
    struct atls_bytes text;
    size_t pairs;

    if (atls_cbor_peek(r) != ATLS_CBOR_MAP || atls_cbor_read_map(r, "map", &pairs))
        return false;
    while (pairs--) {
        if (atls_cbor_peek(r) != ATLS_CBOR_TEXT || atls_cbor_read_text(r, "name", &text))
            return false;
        if (atls_bytes_is_text(text, name))
            return true;
        if (atls_cbor_skip(r))
            return false;
    }
    return false;
}

bool atls_diag_is_parsec(struct atls_bytes in, bool *is_ccap)
{
    struct atls_cbor_reader kat = {.in = in, .rules = &atls_cbor_lenient}, pat = kat, signature;
    uint64_t tag;

    if (!find(&kat, "kat") || !find(&pat, "pat"))
        return false;
    *is_ccap = atls_cbor_peek(&kat) == ATLS_CBOR_TAG;
    signature = kat;
    return *is_ccap ? !atls_cbor_read_tag(&kat, "tag", &tag) && tag == 601
                    : find(&signature, "certInfo");
}

/* The realm token's challenge is SHA-512 of the KAT as it stands, its tag 601 included. */
static void check_cca_link(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_cbor_reader kat = {.in = in, .rules = &atls_cbor_lenient}, pat = kat;
    struct atls_bytes encoded, token, nonce;
    struct atls_cose_sign1 message;
    uint8_t digest[ATLS_HASH_MAX];
    uint64_t tag;
    size_t pairs;
    int64_t key = 0;
    int result;

    if (!find(&kat, "kat") || atls_cbor_read_encoded(&kat, &encoded) || !find(&pat, "pat") ||
        atls_cbor_read_tag(&pat, "tag", &tag) || atls_cbor_read_map(&pat, "CCA token", &pairs))
        return;
    for (; pairs && !atls_cbor_read_int(&pat, "key", &key) && key != CCA_REALM_TOKEN; pairs--)
        if (atls_cbor_skip(&pat))
            return;
    if (key != CCA_REALM_TOKEN || atls_cbor_read_bytes(&pat, "realm token", &token))
        return;
    result = atls_cose_sign1_parse(token, ATLS_COSE_TAG_EITHER, NULL, &message);
    if (!result)
        result = atls_pat_nonce(message.payload, &nonce);
    if (!result)
        result = d->keys.crypto->hash(ATLS_SHA512, &encoded, 1, digest);
    if (!result && !atls_bytes_equal(nonce, ATLS_BYTES(digest, 64)))
        result =
            atls_fail(ATLS_E_MISMATCH, NULL, "the realm's challenge is not SHA-512 of the KAT");
    atls_diag_check(d, result, "link of CCA token to KAT%s",
                    result ? "" : ": the realm's challenge is SHA-512 of the KAT");
}

/* The certified name is nameAlg and the hash of pubArea: the KAT speaks of the key it shows. */
static void check_tpm_name(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_cbor_reader kat = {.in = in, .rules = &atls_cbor_lenient}, area, info;
    struct atls_bytes public_area, certificate, skipped, name;
    uint8_t expected[2 + ATLS_HASH_MAX] = {0x00, 0x0b}; /* TPM_ALG_SHA256 */
    struct atls_cursor c;
    int result;

    if (!find(&kat, "kat"))
        return;
    area = info = kat;
    if (!find(&area, "pubArea") || atls_cbor_read_bytes(&area, "pubArea", &public_area) ||
        !find(&info, "certInfo") || atls_cbor_read_bytes(&info, "certInfo", &certificate))
        return;
    c = atls_cursor_of(certificate, TPM2);
    result = atls_cursor_take(&c, "magic and type", 6, &skipped);
    if (!result)
        result = atls_cursor_vector(&c, "qualifiedSigner", 2, 0, TPM_MAX, &skipped);
    if (!result)
        result = atls_cursor_vector(&c, "extraData", 2, 0, TPM_MAX, &skipped);
    if (!result)
        result = atls_cursor_take(&c, "clockInfo and firmwareVersion", 25, &skipped);
    if (!result)
        result = atls_cursor_vector(&c, "name", 2, 0, TPM_MAX, &name);
    if (!result)
        result = d->keys.crypto->hash(ATLS_SHA256, &public_area, 1, expected + 2);
    if (!result && !atls_bytes_equal(name, ATLS_BYTES(expected, 34)))
        result = atls_fail(ATLS_E_MISMATCH, TPM2, "the certified name is not SHA-256 of pubArea");
    atls_diag_check(d, result, "TPM certification%s",
                    result ? "" : ": the certified name is SHA-256 of pubArea");
}

void atls_diag_parsec(struct atls_diag *d, struct atls_bytes in)
{
    bool is_cca = false;

    if (!atls_diag_is_parsec(in, &is_cca))
        return;
    if (atls_diag_cbor(d, in, NULL, is_cca ? &atls_diag_parsec_cca : &atls_diag_parsec_tpm))
        return;
    if (is_cca) {
        check_cca_link(d, in);
        return;
    }
    check_tpm_name(d, in);
    atls_diag_finding(d, "not checked", "signatures of Parsec TPM evidence");
}
