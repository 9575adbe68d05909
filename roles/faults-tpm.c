/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What faults do to evidence of a TPM. The device makes all that is put together here, with its own
 * signatures: a part of other evidence takes the place of one, or a bit is flipped, so that only
 * the check that is meant can notice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/tpm.h"
#include "roles/attester-private.h"

#define OTHER_CHALLENGE_SIZE 32

/* Byte of objectAttributes in a TPMT_PUBLIC with fixedTPM (bit 1), behind type and nameAlg. */
enum { ATTRIBUTES_LOWEST = 7, FIXED_TPM = 2 };

int atls_attester_check_tpm(const struct atls_attester *attester)
{
    static const char *const of_tokens[] = {"non-secure-pat", "claims-", "cose-", "cbor-"};

    for (size_t i = 0; i < attester->inner.count; i++) {
        const char *name = attester->inner.fault[i].name;

        for (size_t j = 0; j < sizeof of_tokens / sizeof *of_tokens; j++) {
            if (strncmp(name, of_tokens[j], strlen(of_tokens[j])) == 0) {
                return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is of a token: %s has none",
                                 name, attester->format->what);
            }
        }
    }
    return 0;
}

/* Evidence in parts, and what they borrow from beside it. */
struct parts {
    struct atls_tpm_evidence evidence;
    uint8_t *other; /* allocated, or NULL */
};

static uint8_t *changeable(struct atls_bytes bytes)
{
    return (uint8_t *)(uintptr_t)bytes.data; /* it is this file's own copy */
}

/* Other evidence of DEVICE, split. */
static int ask_other(struct atls_attester *attester, struct atls_device *device,
                     const struct atls_attester_identity *identity, struct atls_bytes challenge,
                     struct parts *parts, struct atls_tpm_evidence *otherp)
{
    size_t size;
    int result = atls_attester_ask(attester, attester->format, device, identity, challenge,
                                   &parts->other, &size);

    return result ? result : atls_tpm_evidence_split(ATLS_BYTES(parts->other, size), otherp);
}

/* A quote by another device, or by this one when it was asked something else. */
static int replace_quote(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                         struct parts *parts)
{
    bool foreign = atls_faults_has(&attester->inner, "foreign-pat", NULL);
    uint8_t bytes[OTHER_CHALLENGE_SIZE];
    struct atls_tpm_evidence other;
    int result = atls_crypto_hosted.random(bytes, sizeof bytes);

    if (!result) {
        result = foreign ? ask_other(attester, attester->second, &attester->second_identity,
                                     challenge, parts, &other)
                         : ask_other(attester, attester->device, &attester->attested,
                                     ATLS_BYTES(bytes, sizeof bytes), parts, &other);
    }
    if (result) {
        return result;
    }
    parts->evidence.pat = other.pat;
    atls_attester_tell_fault(attester, conn, foreign ? "foreign-pat" : "linkage",
                             foreign ? "the quote is the second device's"
                                     : "the quote answers something else");
    return 0;
}

/* The TPM certified another key of its own, and the evidence shows the one that TLS uses. */
static int replace_certified(struct atls_attester *attester, unsigned conn,
                             struct atls_bytes challenge, struct parts *parts)
{
    struct atls_bytes shown = parts->evidence.kat.pub_area;
    struct atls_tpm_evidence other;
    int result = ask_other(attester, attester->device, &attester->other, challenge, parts, &other);

    if (result) {
        return result;
    }
    parts->evidence.kat = other.kat;
    parts->evidence.kat.pub_area = shown;
    atls_attester_tell_fault(attester, conn, "tpm-name",
                             "another key of the TPM was certified than the one that is shown");
    return 0;
}

static void flip(struct atls_attester *attester, unsigned conn, const char *name,
                 struct atls_bytes bytes, size_t at, uint8_t bit)
{
    if (!atls_faults_has(&attester->inner, name, NULL) || at >= bytes.size) {
        return;
    }
    changeable(bytes)[at] ^= bit;
    atls_attester_tell_fault(attester, conn, name, "evidence was changed after it was made");
}

static int put_together(const struct atls_tpm_evidence *evidence, uint8_t **outp, size_t *sizep)
{
    const struct atls_tpm_kat *kat = &evidence->kat;
    const struct atls_tpm_pat *pat = &evidence->pat;
    size_t most = 256 + kat->kid.size + kat->sig.size + kat->pub_area.size + kat->cert_info.size;
    size_t all = 2 * most + pat->kid.size + pat->sig.size + pat->attest_info.size;
    uint8_t *inner = malloc(most), *out = malloc(all);
    struct atls_bytes encoded, whole;
    struct atls_cbor_writer w;
    int result = inner && out ? 0 : atls_fail(-ENOMEM, NULL, "no memory for evidence");

    if (!result) {
        atls_cbor_write_init(&w, inner, most);
        atls_tpm_kat_write(&w, kat);
        result = atls_cbor_write_done(&w, &encoded);
    }
    if (!result) {
        atls_cbor_write_init(&w, out, all);
        atls_tpm_evidence_write(&w, encoded, pat);
        result = atls_cbor_write_done(&w, &whole);
    }
    free(inner);
    if (result) {
        free(out);
        return result;
    }
    *outp = out;
    *sizep = whole.size;
    return 0;
}

int atls_attester_break_tpm(struct atls_attester *attester, unsigned conn,
                            struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep)
{
    const struct atls_faults *faults = &attester->inner;
    struct parts parts = {.other = NULL};
    const struct atls_tpm_kat *kat = &parts.evidence.kat;
    const struct atls_tpm_pat *pat = &parts.evidence.pat;
    uint8_t *broken;
    size_t size;
    int result = atls_tpm_evidence_split(ATLS_BYTES(*evidencep, *sizep), &parts.evidence);

    if (!result && atls_faults_has(faults, "tpm-name", NULL)) {
        result = replace_certified(attester, conn, challenge, &parts);
    } else if (!result && (atls_faults_has(faults, "foreign-pat", NULL) ||
                           atls_faults_has(faults, "linkage", NULL))) {
        result = replace_quote(attester, conn, challenge, &parts);
    }
    if (result) {
        free(parts.other);
        return atls_attester_device_fails(attester, result);
    }
    flip(attester, conn, "kat-signature", kat->sig, kat->sig.size - 1, 1);
    flip(attester, conn, "pat-signature", pat->sig, pat->sig.size - 1, 1);
    flip(attester, conn, "tpm-cert-info", kat->cert_info, kat->cert_info.size - 1, 1);
    flip(attester, conn, "tpm-attributes", kat->pub_area, ATTRIBUTES_LOWEST, FIXED_TPM);
    result = put_together(&parts.evidence, &broken, &size);
    free(parts.other);
    if (result) {
        return atls_attester_fails(attester, result, "internal");
    }
    free(*evidencep);
    *evidencep = broken;
    *sizep = size;
    return 0;
}
