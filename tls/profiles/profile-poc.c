/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poc-mbedtls: the attested TLS prototype on Mbed TLS of 2022, so that it can be met. Its client
 * attests itself, nobody else: one extension of number 100, laid out as tls-attestation-02 has it,
 * with content format 1 for what CoAP has no number for, and in place of the certificate a bundle
 * that is no CMW (rats/tokens/prototype.h), or, of the client of 2023, a CMW record with what
 * Parsec makes of a TPM. Its server sends the same nonce in every connection: evidence that answers
 * that one is of any age, and is refused for it here.
 */
#include "tls/profiles/profile-four.h"
#include "tls/wire/certificate.h"

#define SOURCE "prototype of 2022, ssl_tls13_generic.c"
#define BY_NUMBER ATLS_CODE_POINT_COUNT

/* It knows no alerts of attestation: whatever is wrong with evidence is decode_error. */
static const struct atls_refusal refusals[] = {
    {"unexpected-selection", BY_NUMBER, ATLS_ALERT_ILLEGAL_PARAMETER, "RFC 8446 section 4.2"},
    {"key-mismatch", BY_NUMBER, ATLS_ALERT_DECRYPT_ERROR, "RFC 8446 section 4.4.3"},
    {"attestation-missing", BY_NUMBER, ATLS_ALERT_CERTIFICATE_REQUIRED, SOURCE},
    {"certificate-untrusted", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, "RFC 8446 section 4.4.2.4"},
    ATLS_REFUSALS_OF_OWN,
    {NULL, BY_NUMBER, ATLS_ALERT_DECODE_ERROR, SOURCE},
};

static const struct atls_profile_limits limits = {
    .evidence_format = &atls_format_prototype,
    .evidence_in_cmw = &atls_format_parsec_tpm,
    .no_indicator = true,
    .constant_nonce = &atls_constant_nonce_of_2022,
    .credential = "a bundle or a CMW",
    .evidence_type = "cf:1",
    .curve = "p256",
    .only_clients_attest = true,
};

const struct atls_profile atls_profile_poc_mbedtls = {
    .name = "poc-mbedtls",
    .clause = SOURCE,
    .layout = &atls_layout_poc,
    .carrier = ATLS_IN_PLACE_OF_CERTIFICATE,
    .nonce = true,
    .limits = &limits,
    .no_change_cipher_spec = true,
    .raw_signatures = true,
    .extensions = {ATLS_CP_POC_EVIDENCE_PROPOSAL},
    .extension_count = 1,
    .write_offer = atls_four_write_offer,
    .read_offer = atls_four_read_offer,
    .write_selection = atls_four_write_selection,
    .read_selection = atls_four_read_selection,
    .refusals = refusals,
    .find_credential = atls_four_find_credential,
    .put_key = atls_certificate_synthesize,
};
