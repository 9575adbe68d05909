/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of a TPM, printed: its structures member by member, and what can be checked of them. The
 * signatures are by the attestation key (AK), which no evidence carries: the decoder is given it,
 * or they are not checked.
 */
#include <stdio.h>

#include "formats/parsec-tpm.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"

static const struct {
    uint32_t bit;
    const char *name;
} attributes[] = {
    {1u << 1, "fixedTPM"},        {1u << 2, "stClear"},
    {1u << 4, "fixedParent"},     {1u << 5, "sensitiveDataOrigin"},
    {1u << 6, "userWithAuth"},    {1u << 7, "adminWithPolicy"},
    {1u << 8, "firmwareLimited"}, {1u << 9, "svnLimited"},
    {1u << 10, "noDA"},           {1u << 11, "encryptedDuplication"},
    {1u << 16, "restricted"},     {1u << 17, "decrypt"},
    {1u << 18, "sign"},           {1u << 19, "x509sign"},
};

static void print_attributes(struct atls_printer *printer, uint32_t value)
{
    char text[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (value & attributes[i].bit)
            used += (size_t)snprintf(text + used, sizeof text - used, " %s", attributes[i].name);
    atls_print_line(printer, "objectAttributes", "0x%08x%s", value, text);
}

static void print_public(struct atls_printer *printer, struct atls_bytes in)
{
    struct atls_tpm_public key;
    size_t size;
    int result = atls_tpm_public_parse(in, &key);

    atls_print_line(printer, "pubArea", "TPMT_PUBLIC, %zu bytes", in.size);
    printer->ops->indent(printer, 1);
    if (result) {
        printer->ops->problem(printer, result);
        printer->ops->bytes(printer, NULL, in);
    } else {
        size = atls_curve_size(key.key.curve);
        atls_print_line(printer, "type", "ECC, %s", size == 32 ? "P-256" : "P-384");
        atls_print_line(printer, "nameAlg", "%s", atls_hash_name(key.name_hash));
        print_attributes(printer, key.attributes);
        if (key.policy.size)
            printer->ops->bytes(printer, "authPolicy", key.policy);
        if (key.scheme == ATLS_TPM_NULL)
            atls_print_line(printer, "scheme", "any");
        else
            atls_print_line(printer, "scheme", "0x%04x%s, %s", key.scheme,
                            key.scheme == ATLS_TPM_ECDSA ? " ECDSA" : "",
                            atls_hash_name(key.scheme_hash));
        printer->ops->bytes(printer, "x", ATLS_BYTES(key.key.x, size));
        printer->ops->bytes(printer, "y", ATLS_BYTES(key.key.y, size));
    }
    printer->ops->indent(printer, -1);
}

static void print_attested(struct atls_printer *printer, const struct atls_tpm_attest *attest)
{
    char pcrs[ATLS_TPM_PCRS_TEXT_MAX];

    if (attest->type == ATLS_TPM_CERTIFY) {
        printer->ops->bytes(printer, "name (nameAlg and hash of the key)", attest->name);
        printer->ops->bytes(printer, "qualifiedName", attest->qualified_name);
        return;
    }
    for (size_t i = 0; i < attest->bank_count; i++)
        atls_print_line(printer, "PCRs", "%s: %s", atls_tpm_hash_name(attest->banks[i].alg),
                        atls_tpm_pcrs_text(attest->banks[i].pcrs, pcrs));
    printer->ops->bytes(printer, "pcrDigest", attest->pcr_digest);
}

static void print_attest(struct atls_printer *printer, const char *label, struct atls_bytes in)
{
    struct atls_tpm_attest attest;
    int result = atls_tpm_attest_parse(in, &attest);

    atls_print_line(printer, label, "TPMS_ATTEST, %zu bytes", in.size);
    printer->ops->indent(printer, 1);
    if (result) {
        printer->ops->problem(printer, result);
        printer->ops->bytes(printer, NULL, in);
    } else {
        atls_print_line(printer, "type", "0x%04x %s", attest.type,
                        attest.type == ATLS_TPM_QUOTE ? "quote" : "certify");
        printer->ops->bytes(printer, "qualifiedSigner", attest.signer);
        printer->ops->bytes(
            printer, attest.type == ATLS_TPM_QUOTE ? "extraData" : "extraData (the challenge)",
            attest.extra);
        atls_print_line(printer, "clock", "%llu ms, %u resets, %u restarts, %s",
                        (unsigned long long)attest.clock, attest.resets, attest.restarts,
                        attest.safe ? "safe" : "not safe");
        atls_print_line(printer, "firmwareVersion", "0x%016llx",
                        (unsigned long long)attest.firmware);
        print_attested(printer, &attest);
    }
    printer->ops->indent(printer, -1);
}

static void print_signature(struct atls_printer *printer, struct atls_bytes in)
{
    struct atls_tpm_signature signature;
    int result = atls_tpm_signature_parse(in, &signature);

    atls_print_line(printer, "sig", "TPMT_SIGNATURE, %zu bytes", in.size);
    printer->ops->indent(printer, 1);
    if (result) {
        printer->ops->problem(printer, result);
        printer->ops->bytes(printer, NULL, in);
    } else {
        atls_print_line(printer, "sigAlg", "ECDSA, %s", atls_hash_name(signature.hash));
        printer->ops->bytes(printer, "r", signature.r);
        printer->ops->bytes(printer, "s", signature.s);
    }
    printer->ops->indent(printer, -1);
}

static void print_maps(struct atls_printer *printer, const struct atls_tpm_evidence *e)
{
    atls_print_line(printer, "kat", "key attestation");
    printer->ops->indent(printer, 1);
    printer->ops->bytes(printer, "kid", e->kat.kid);
    atls_print_line(printer, "tpmVer", "\"%s\"", ATLS_TPM_VERSION);
    print_public(printer, e->kat.pub_area);
    print_attest(printer, "certInfo", e->kat.cert_info);
    print_signature(printer, e->kat.sig);
    printer->ops->indent(printer, -1);
    atls_print_line(printer, "pat", "platform attestation");
    printer->ops->indent(printer, 1);
    printer->ops->bytes(printer, "kid", e->pat.kid);
    atls_print_line(printer, "tpmVer", "\"%s\"", ATLS_TPM_VERSION);
    print_attest(printer, "attestInfo", e->pat.attest_info);
    print_signature(printer, e->pat.sig);
    printer->ops->indent(printer, -1);
}

/* Which of its two readings does the quote have? */
static void print_linkage(struct atls_printer *printer, const struct atls_tpm_evidence *e)
{
    int result =
        atls_tpm_check_linkage(e, printer->crypto, ATLS_TPM_LINKED_BY_NONCE, e->certify.extra);
    const char *text = "TPM quote: answers what the certification answers (tpm-quote=nonce)";

    if (result > 0) {
        text = "TPM quote: answers SHA-256 of the kat map";
        result =
            atls_tpm_check_linkage(e, printer->crypto, ATLS_TPM_LINKED_BY_KAT, e->certify.extra);
    }
    atls_print_check(printer, result, "%s", result ? "TPM quote" : text);
}

struct by_ak {
    const struct atls_crypto *crypto;
    const struct atls_tpm_signature *signature;
    struct atls_bytes signed_bytes;
};

static int verify(const void *context, const struct atls_public_key *key)
{
    const struct by_ak *by = context;

    return atls_tpm_signature_verify(by->signature, by->crypto, by->signed_bytes, key);
}

static void print_checks(struct atls_printer *printer, const struct atls_tpm_evidence *e)
{
    const struct by_ak kat = {printer->crypto, &e->kat_signature, e->kat.cert_info};
    const struct by_ak pat = {printer->crypto, &e->pat_signature, e->pat.attest_info};
    char name[ATLS_PRINTED_KEY_MAX];
    int result = atls_tpm_check_signer(e);

    atls_print_check(printer, result, "attestation key%s",
                     result ? "" : ": kid and qualified signer are the same in kat and pat");
    result = atls_tpm_check_name(e, printer->crypto);
    atls_print_check(printer, result, "TPM certification%s%s%s",
                     result ? "" : ": the certified name is ",
                     result ? "" : atls_hash_name(e->key.name_hash), result ? "" : " of pubArea");
    result = atls_tpm_public_check(&e->key);
    atls_print_check(printer, result, "attested key%s",
                     result ? "" : ": made in its TPM, fixed to it, and signs for TLS");
    print_linkage(printer, e);
    if (!printer->inside)
        printer->ops->nonce(printer, "TPM certification", e->certify.extra);
    atls_print_finding(printer, "key", "attested %s",
                       printer->ops->key_name(printer, &e->key.key, name));
    printer->ops->signature(printer, "TPM certification", ATLS_TPM_CLAUSE_SIGNATURE, verify, &kat);
    printer->ops->signature(printer, "TPM quote", ATLS_TPM_CLAUSE_SIGNATURE, verify, &pat);
    atls_print_finding(printer, "not checked", "pcrDigest: what the PCRs should hold is not in it");
}

static void print(struct atls_printer *printer, struct atls_bytes in)
{
    struct atls_tpm_evidence e;
    int result = atls_tpm_evidence_split(in, &e);

    if (result) {
        printer->ops->problem(printer, result);
        printer->ops->cbor(printer, NULL, in);
        return;
    }
    print_maps(printer, &e);
    result = atls_tpm_evidence_parse(in, &e);
    if (result)
        printer->ops->problem(printer, result);
    else
        print_checks(printer, &e);
}

/* {"kat": {"certInfo": ...}, "pat": ...}, whatever else is wrong with it. */
static bool fits(struct atls_bytes in)
{
    struct atls_cbor_reader kat, pat;

    if (atls_cbor_open(&kat, in, &atls_cbor_lenient, NULL))
        return false;
    pat = kat;
    return atls_map_find(&kat, "kat") && atls_map_find(&kat, "certInfo") &&
           atls_map_find(&pat, "pat");
}

const struct atls_evidence_print atls_parsec_tpm_print = {
    .word = "parsec-tpm",
    .what = "Parsec TPM key attestation",
    .fits = fits,
    .print = print,
};
