/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft-fossati-tls-attestation-02, -03 and -07: up to four extensions in ClientHello and
 * EncryptedExtensions, and evidence or an attestation result in place of the certificate. The nonce
 * of the relying party is the challenge, and CertificateVerify is by the key that the KAT or the
 * result names. Results came with -04; an evidence type and a nonce are laid out in three ways.
 */
#include <string.h>

#include "rats/base/error.h"
#include "tls/profiles/profile-four.h"
#include "tls/wire/binder.h"
#include "tls/wire/certificate.h"

#define ADVERTISED_SIZE 32 /* bytes: nothing on the wire says how many (H16) */
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
    {ATLS_CP_POC_EVIDENCE_PROPOSAL, ATLS_CLIENT, true},
};

static size_t row_of(enum atls_code_point point)
{
    size_t i = 0;
    while (i < sizeof extensions / sizeof *extensions - 1 && extensions[i].point != point)
        i++;
    return i;
}

int atls_four_write_offer(const struct atls_profile *profile, enum atls_code_point point,
                          const struct atls_offer offers[2], struct atls_sink *sink)
{
    size_t i = row_of(point);
    const struct atls_offer *offer = &offers[extensions[i].attester];
    if (!extensions[i].is_evidence)
        return offer->verifiers.count == 0
                   ? 0
                   : atls_write_verifier_offer(offer->verifiers.id, offer->verifiers.count, sink);
    if (offer->evidence.count == 0)
        return 0;
    bool with_nonce = extensions[i].attester == ATLS_SERVER && profile->nonce;
    return atls_write_evidence_offer(profile->layout, offer->evidence.type, offer->evidence.count,
                                     with_nonce ? &offer->nonce : NULL, sink);
}

int atls_four_read_offer(const struct atls_profile *profile, enum atls_code_point point,
                         struct atls_bytes body, struct atls_offer offers[2])
{
    size_t i = row_of(point);
    struct atls_offer *offer = &offers[extensions[i].attester];
    if (!extensions[i].is_evidence)
        return atls_read_verifier_offer(profile->layout, body, &offer->verifiers);
    bool with_nonce = extensions[i].attester == ATLS_SERVER;
    return atls_read_evidence_offer(profile->layout, body, &offer->evidence,
                                    with_nonce ? &offer->nonce : NULL);
}

int atls_four_write_selection(const struct atls_profile *profile, enum atls_code_point point,
                              const struct atls_selection selections[2], struct atls_sink *sink)
{
    size_t i = row_of(point);
    const struct atls_selection *selection = &selections[extensions[i].attester];
    if (!extensions[i].is_evidence)
        return selection->has_result ? atls_write_verifier_selection(selection->verifier, sink) : 0;
    if (!selection->has_evidence)
        return 0;
    bool with_nonce = extensions[i].attester == ATLS_CLIENT && profile->nonce;
    return atls_write_evidence_selection(profile->layout, &selection->type,
                                         with_nonce ? &selection->nonce : NULL, sink);
}

int atls_four_read_selection(const struct atls_profile *profile, enum atls_code_point point,
                             struct atls_bytes body, struct atls_selection selections[2])
{
    size_t i = row_of(point);
    struct atls_selection *selection = &selections[extensions[i].attester];
    int result;
    if (extensions[i].is_evidence) {
        bool with_nonce = extensions[i].attester == ATLS_CLIENT;
        result = atls_read_evidence_selection(profile->layout, body, &selection->type,
                                              with_nonce ? &selection->nonce : NULL);
        selection->has_evidence = selection->has_evidence || result == 0;
    } else {
        result = atls_read_verifier_selection(profile->layout, body, &selection->verifier);
        selection->has_result = selection->has_result || result == 0;
    }
    return result;
}

int atls_four_find_credential(const struct atls_profile *profile, struct atls_bytes message,
                              struct atls_bytes *cmwp, size_t *atp)
{
    struct atls_certificate_message certificate;
    int result = atls_certificate_parse(message, &certificate);
    if (result != 0)
        return result;
    if (certificate.entry_count == 0 ||
        (certificate.entry_count == 1 && certificate.first.size == 0))
        return atls_fail(ATLS_E_MISSING, profile->clause,
                         "expected %s in the Certificate, which is empty",
                         profile->limits ? profile->limits->credential : "a CMW");
    if (certificate.entry_count > 1)
        return atls_fail(ATLS_E_MALFORMED, profile->clause,
                         "expected one CertificateEntry with %s, came %zu entries",
                         profile->limits ? profile->limits->credential : "a CMW",
                         certificate.entry_count);
    if (certificate.has_extensions)
        return atls_fail(ATLS_E_MALFORMED, profile->clause,
                         "expected a CertificateEntry without extensions");
    *cmwp = certificate.first;
    *atp = certificate.first_at;
    return 0;
}

/* Credential kind CERT_ATTESTATION: both sides make the channel binder of the nonce and of a secret
 * that only they have, and the evidence answers it. The KAT's key is that of the certificate beside
 * it, which the draft leaves to the binder alone. */
static int make_binder(const struct atls_binding *b, uint8_t challengep[ATLS_BINDER_MAX],
                       size_t *sizep)
{
    const struct atls_ta07_reading reading = {
        .length = (enum atls_ta07_length)b->variants->binder_length,
        .secret = (enum atls_ta07_secret)b->variants->binder_secret,
        .advertised_size = ADVERTISED_SIZE,
    };
    if (b->variants->certificate_challenge != 0) { /* H27: as without a certificate */
        if (b->nonce.size == 0)
            return atls_fail(ATLS_E_MISSING, "RFC 9711 section 4.1",
                             "the challenge is the nonce, and there is none");
        if (b->nonce.size > ATLS_BINDER_MAX)
            return atls_fail(ATLS_E_LIMIT, "RFC 9711 section 4.1",
                             "evidence answers at most %d bytes, the nonce has %zu",
                             ATLS_BINDER_MAX, b->nonce.size);
        memcpy(challengep, b->nonce.data, b->nonce.size);
        *sizep = b->nonce.size;
        return 0;
    }
    uint8_t hellos[ATLS_HASH_MAX], binder[ATLS_TA07_BINDER_MAX];
    enum atls_hash hash;
    size_t size;
    int result = atls_transcript_alg(b->transcript, &hash);
    if (result == 0)
        result = atls_transcript_hash_hellos(b->transcript, &atls_crypto_hosted,
                                             ATLS_RETRY_MESSAGE_HASH, hellos);
    if (result == 0)
        result =
            atls_ta07_binder(&atls_crypto_hosted, hash, &reading, b->handshake_secret,
                             ATLS_BYTES(hellos, atls_hash_size(hash)), b->nonce, binder, &size);
    if (result != 0)
        return result;
    if (size > ATLS_BINDER_MAX)
        return atls_fail(ATLS_E_LIMIT, "RFC 9711 section 4.1",
                         "evidence answers at most %d bytes, the binder has %zu", ATLS_BINDER_MAX,
                         size);
    memcpy(challengep, binder, size);
    *sizep = size;
    return 0;
}

#define BY_NUMBER ATLS_CODE_POINT_COUNT

/* The older drafts say less of alerts; what they leave open is answered as -07 has it. */
#define REFUSALS(draft, evidence, results, nonce, select, judged)                                  \
    {                                                                                              \
        {"no-common-evidence-type", ATLS_CP_UNSUPPORTED_EVIDENCE, 0, draft evidence},              \
            {"no-common-verifier", ATLS_CP_UNSUPPORTED_VERIFIERS, 0, draft results},               \
            {"malformed-extension", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, "RFC 8446 section 6.2"},   \
            {"nonce-length", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, draft nonce},                     \
            {"unexpected-selection", BY_NUMBER, ATLS_ALERT_ILLEGAL_PARAMETER, draft select},       \
            {"key-mismatch", BY_NUMBER, ATLS_ALERT_DECRYPT_ERROR, "RFC 8446 section 4.4.3"},       \
            {"attestation-missing", BY_NUMBER, ATLS_ALERT_MISSING_EXTENSION, draft select},        \
            {"certificate-untrusted", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE,                       \
             "RFC 8446 section 4.4.2.4"},                                                          \
            ATLS_REFUSALS_OF_OWN,                                                                  \
        {                                                                                          \
            NULL, ATLS_CP_ATTESTATION_FAILED, 0, draft judged                                      \
        }                                                                                          \
    }

static const struct atls_refusal refusals_02[] =
    REFUSALS("draft-fossati-tls-attestation-02", "", "", "", "", "");
static const struct atls_refusal refusals_03[] =
    REFUSALS("draft-fossati-tls-attestation-03", "", "", "", "", "");
static const struct atls_refusal refusals_07[] =
    REFUSALS(DRAFT, "section 8.1.2", "section 8.2.2", "section 6", "section 8", "section 5");

#define BY_NONCE                                                                                   \
    .extensions = {ATLS_CP_EVIDENCE_PROPOSAL, ATLS_CP_EVIDENCE_REQUEST, ATLS_CP_RESULTS_PROPOSAL,  \
                   ATLS_CP_RESULTS_REQUEST},                                                       \
    .write_offer = atls_four_write_offer, .read_offer = atls_four_read_offer,                      \
    .write_selection = atls_four_write_selection, .read_selection = atls_four_read_selection,      \
    .carrier = ATLS_IN_PLACE_OF_CERTIFICATE, .nonce = true,                                        \
    .find_credential = atls_four_find_credential, .put_key = atls_certificate_synthesize

const struct atls_profile atls_profile_ta_02 = {
    .name = "ta-02",
    .clause = "draft-fossati-tls-attestation-02",
    .layout = &atls_layout_ta_02,
    .extension_count = 2,
    .refusals = refusals_02,
    BY_NONCE,
};

const struct atls_profile atls_profile_ta_03 = {
    .name = "ta-03",
    .clause = "draft-fossati-tls-attestation-03",
    .layout = &atls_layout_ta_03,
    .extension_count = 2,
    .refusals = refusals_03,
    BY_NONCE,
};

const struct atls_profile atls_profile_ta_07 = {
    .name = "ta-07",
    .clause = DRAFT "section 6.1",
    .layout = &atls_layout_ta_07,
    .extension_count = 4,
    .results = true,
    .refusals = refusals_07,
    .binder_clause = DRAFT "section 6.2.1",
    .entry_extension = ATLS_CP_ATTESTATION_EVIDENCE,
    .bind = make_binder,
    BY_NONCE,
};
