/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft-fossati-tls-attestation-07: four extensions in ClientHello and EncryptedExtensions, and
 * evidence or an attestation result in place of the certificate. The nonce of the relying party is
 * the challenge, and CertificateVerify is by the key that the KAT or the result names.
 */
#include <string.h>

#include "rats/error.h"
#include "tls/certificate.h"
#include "tls/profile.h"

#define DRAFT "draft-fossati-tls-attestation-07 "

/* Each extension speaks of one attesting side and one mechanism. A nonce goes with evidence, from
 * whichever side is the relying party. */
static const struct {
    enum atls_code_point point;
    enum atls_side attester;
    bool is_evidence;
} extensions[] = {
    {ATLS_CP_EVIDENCE_PROPOSAL, ATLS_CLIENT, true},
    {ATLS_CP_EVIDENCE_REQUEST, ATLS_SERVER, true},
    {ATLS_CP_RESULTS_PROPOSAL, ATLS_CLIENT, false},
    {ATLS_CP_RESULTS_REQUEST, ATLS_SERVER, false},
};

static size_t row_of(enum atls_code_point point)
{
    size_t i = 0;
    while (i < sizeof extensions / sizeof *extensions - 1 && extensions[i].point != point)
        i++;
    return i;
}

static int write_offer(enum atls_code_point point, const struct atls_offer offers[2],
                       struct atls_sink *sink)
{
    size_t i = row_of(point);
    const struct atls_offer *offer = &offers[extensions[i].attester];
    if (!extensions[i].is_evidence)
        return offer->verifiers.count == 0
                   ? 0
                   : atls_write_verifier_offer(offer->verifiers.id, offer->verifiers.count, sink);
    if (offer->evidence.count == 0)
        return 0;
    bool with_nonce = extensions[i].attester == ATLS_SERVER;
    return atls_write_evidence_offer(&atls_layout_ta_07, offer->evidence.type,
                                     offer->evidence.count, with_nonce ? &offer->nonce : NULL,
                                     sink);
}

static int read_offer(enum atls_code_point point, struct atls_bytes body,
                      struct atls_offer offers[2])
{
    size_t i = row_of(point);
    struct atls_offer *offer = &offers[extensions[i].attester];
    if (!extensions[i].is_evidence)
        return atls_read_verifier_offer(&atls_layout_ta_07, body, &offer->verifiers);
    bool with_nonce = extensions[i].attester == ATLS_SERVER;
    return atls_read_evidence_offer(&atls_layout_ta_07, body, &offer->evidence,
                                    with_nonce ? &offer->nonce : NULL);
}

static int write_selection(enum atls_code_point point, const struct atls_selection selections[2],
                           struct atls_sink *sink)
{
    size_t i = row_of(point);
    const struct atls_selection *selection = &selections[extensions[i].attester];
    if (!extensions[i].is_evidence)
        return selection->has_result ? atls_write_verifier_selection(selection->verifier, sink) : 0;
    if (!selection->has_evidence)
        return 0;
    bool with_nonce = extensions[i].attester == ATLS_CLIENT;
    return atls_write_evidence_selection(&atls_layout_ta_07, &selection->type,
                                         with_nonce ? &selection->nonce : NULL, sink);
}

static int read_selection(enum atls_code_point point, struct atls_bytes body,
                          struct atls_selection selections[2])
{
    size_t i = row_of(point);
    struct atls_selection *selection = &selections[extensions[i].attester];
    int result;
    if (extensions[i].is_evidence) {
        bool with_nonce = extensions[i].attester == ATLS_CLIENT;
        result = atls_read_evidence_selection(&atls_layout_ta_07, body, &selection->type,
                                              with_nonce ? &selection->nonce : NULL);
        selection->has_evidence = selection->has_evidence || result == 0;
    } else {
        result = atls_read_verifier_selection(&atls_layout_ta_07, body, &selection->verifier);
        selection->has_result = selection->has_result || result == 0;
    }
    return result;
}

static int find_credential(struct atls_bytes message, struct atls_bytes *cmwp, size_t *atp)
{
    struct atls_certificate_message certificate;
    int result = atls_certificate_parse(message, &certificate);
    if (result != 0)
        return result;
    if (certificate.entry_count == 0 ||
        (certificate.entry_count == 1 && certificate.first.size == 0))
        return atls_fail(ATLS_E_MISSING, DRAFT "section 6.1",
                         "a CMW was expected in the Certificate, which is empty");
    if (certificate.entry_count > 1)
        return atls_fail(ATLS_E_MALFORMED, DRAFT "section 6.1",
                         "one CertificateEntry with a CMW was expected, %zu entries came",
                         certificate.entry_count);
    if (certificate.has_extensions)
        return atls_fail(ATLS_E_MALFORMED, DRAFT "section 6.1",
                         "a CertificateEntry without extensions was expected");
    *cmwp = certificate.first;
    *atp = certificate.first_at;
    return 0;
}

#define BY_NUMBER ATLS_CODE_POINT_COUNT

static const struct atls_refusal refusals[] = {
    {"no-common-evidence-type", ATLS_CP_UNSUPPORTED_EVIDENCE, 0, DRAFT "section 8.1.2"},
    {"no-common-verifier", ATLS_CP_UNSUPPORTED_VERIFIERS, 0, DRAFT "section 8.2.2"},
    {"malformed-extension", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, "RFC 8446 section 6.2"},
    {"nonce-length", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, DRAFT "section 6"},
    {"unexpected-selection", BY_NUMBER, ATLS_ALERT_ILLEGAL_PARAMETER, DRAFT "section 8"},
    {"key-mismatch", BY_NUMBER, ATLS_ALERT_DECRYPT_ERROR, "RFC 8446 section 4.4.3"},
    {"attestation-missing", BY_NUMBER, ATLS_ALERT_MISSING_EXTENSION, DRAFT "section 8"},
    {"certificate-untrusted", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, "RFC 8446 section 4.4.2.4"},
    {"verifier-unreachable", BY_NUMBER, ATLS_ALERT_INTERNAL_ERROR, ""},
    {"verifier-timeout", BY_NUMBER, ATLS_ALERT_INTERNAL_ERROR, ""},
    {"verifier-error", BY_NUMBER, ATLS_ALERT_INTERNAL_ERROR, ""},
    {"verifier-garbage", BY_NUMBER, ATLS_ALERT_INTERNAL_ERROR, ""},
    {"device-unavailable", BY_NUMBER, ATLS_ALERT_INTERNAL_ERROR, ""},
    {"timeout", BY_NUMBER, ATLS_ALERT_INTERNAL_ERROR, ""},
    {"internal", BY_NUMBER, ATLS_ALERT_INTERNAL_ERROR, ""},
    {NULL, ATLS_CP_ATTESTATION_FAILED, 0, DRAFT "section 5"},
};

const struct atls_profile atls_profile_ta_07 = {
    .name = "ta-07",
    .clause = DRAFT "section 6.1",
    .extensions = {ATLS_CP_EVIDENCE_PROPOSAL, ATLS_CP_EVIDENCE_REQUEST, ATLS_CP_RESULTS_PROPOSAL,
                   ATLS_CP_RESULTS_REQUEST},
    .extension_count = 4,
    .write_offer = write_offer,
    .read_offer = read_offer,
    .write_selection = write_selection,
    .read_selection = read_selection,
    .refusals = refusals,
    .find_credential = find_credential,
    .put_key = atls_certificate_synthesize,
};
