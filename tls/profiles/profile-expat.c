/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft-fossati-seat-expat-04: the handshake is ordinary TLS 1.3 with X.509, and attestation
 * follows in exported authenticators (RFC 9261), in an extension of their first CertificateEntry.
 * Nothing is negotiated in the hellos. The exchange itself is in
 * tls/engine/carrier-authenticator.c.
 */
#include "tls/profiles/profile.h"

#define DRAFT "draft-fossati-seat-expat-04 "
#define BY_NUMBER ATLS_CODE_POINT_COUNT

/* The draft names one alert, unsupported_extension. RFC 9261 has none; what it has of RFC 8446 is
 * told by that. As in x509-cmw, what cannot be read is a bad certificate, and what can, and is not
 * good enough, is refused access: every stack knows these. */
static const struct atls_refusal refusals[] = {
    {"attestation-missing", BY_NUMBER, ATLS_ALERT_MISSING_EXTENSION, DRAFT "section 3.1"},
    {"malformed-extension", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, DRAFT "section 3"},
    {"malformed-authenticator", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, "RFC 9261 section 5.2"},
    {"authenticator-context", BY_NUMBER, ATLS_ALERT_ILLEGAL_PARAMETER, "RFC 9261 section 5.2.1"},
    {"authenticator-finished", BY_NUMBER, ATLS_ALERT_DECRYPT_ERROR, "RFC 9261 section 5.2.3"},
    {"application-data-early", BY_NUMBER, ATLS_ALERT_UNEXPECTED_MESSAGE, DRAFT "section 7.3"},
    {"certificate-untrusted", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, DRAFT "section 3.3"},
    {"nonce-length", BY_NUMBER, ATLS_ALERT_ILLEGAL_PARAMETER, "RFC 9711 section 4.1"},
    {"malformed-cmw", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, DRAFT "section 3"},
    {"malformed-cbor", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, DRAFT "section 3"},
    {"malformed-cose", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, DRAFT "section 3"},
    {"malformed-claims", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, DRAFT "section 3"},
    {"malformed-result", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, DRAFT "section 3"},
    {"binder-mismatch", BY_NUMBER, ATLS_ALERT_ACCESS_DENIED, DRAFT "section 5.1"},
    {"key-mismatch", BY_NUMBER, ATLS_ALERT_ACCESS_DENIED, DRAFT "section 5.2"},
    ATLS_REFUSALS_OF_OWN,
    {NULL, BY_NUMBER, ATLS_ALERT_ACCESS_DENIED, DRAFT "section 7"},
};

const struct atls_profile atls_profile_expat_04 = {
    .name = "expat-04",
    .clause = DRAFT "section 3",
    .binder_clause = DRAFT "section 5.1",
    .carrier = ATLS_IN_AUTHENTICATOR,
    .results = true,
    .refusals = refusals,
    .entry_extension = ATLS_CP_CMW_ATTESTATION,
    .payload_prefix = 2,
};
