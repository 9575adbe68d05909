/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as evidence of a TPM and as each of its structures. What is read of the evidence and
 * written again is read as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/tokens/tpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void check_structures(struct atls_bytes in)
{
    char text[ATLS_TPM_PCRS_TEXT_MAX];
    struct atls_tpm_signature signature;
    struct atls_tpm_attest attest;
    struct atls_tpm_public key;

    if (atls_tpm_public_parse(in, &key) == 0)
        expect(atls_tpm_public_check(&key) >= 0 && atls_crypto_hosted.check_point(&key.key) == 0);
    if (atls_tpm_signature_parse(in, &signature) == 0)
        expect(signature.r.size <= ATLS_COORDINATE_MAX && signature.s.size <= ATLS_COORDINATE_MAX);
    if (atls_tpm_attest_parse(in, &attest) == 0) {
        expect(attest.bank_count <= ATLS_TPM_BANKS_MAX);
        for (size_t i = 0; i < attest.bank_count; i++)
            expect(strlen(atls_tpm_pcrs_text(attest.banks[i].pcrs, text)) < sizeof text);
    }
}

static void check_evidence(struct atls_bytes in)
{
    static uint8_t kat_buffer[1 << 20], buffer[1 << 20];
    const struct atls_crypto *crypto = &atls_crypto_hosted;
    struct atls_tpm_evidence e, again;
    struct atls_cbor_writer w;
    struct atls_bytes kat, out;

    if (atls_tpm_evidence_split(in, &e))
        return;
    check_structures(e.kat.pub_area);
    check_structures(e.kat.cert_info);
    check_structures(e.kat.sig);
    check_structures(e.pat.attest_info);
    atls_cbor_write_init(&w, kat_buffer, sizeof kat_buffer);
    atls_tpm_kat_write(&w, &e.kat);
    expect(atls_cbor_write_done(&w, &kat) == 0 && kat.size == e.kat_encoded.size);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_tpm_evidence_write(&w, kat, &e.pat);
    expect(atls_cbor_write_done(&w, &out) == 0 && atls_tpm_evidence_split(out, &again) == 0);
    expect(atls_bytes_equal(e.pat.sig, again.pat.sig) &&
           atls_bytes_equal(e.kat.kid, again.kat.kid));
    if (atls_tpm_evidence_parse(in, &e))
        return;
    expect(atls_tpm_check_signer(&e) >= 0 && atls_tpm_check_name(&e, crypto) >= 0);
    expect(atls_tpm_check_linkage(&e, crypto, ATLS_TPM_LINKED_BY_NONCE, e.quote.extra) == 0);
    expect(atls_tpm_signature_verify(&e.kat_signature, crypto, e.kat.cert_info, &e.key.key) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);

    check_structures(in);
    check_evidence(in);
    return 0;
}
