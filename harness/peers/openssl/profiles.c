/* SPDX-License-Identifier: Apache-2.0 */
/* What differs from profile to profile, as tables: where attestation rides, and which alert tells
 * which refusal. */
#include <string.h>
#include <time.h>

#include "profiles.h"

#define SEAT_06 "draft-fossati-seat-early-attestation-06 section "
#define SEAT_04 "draft-fossati-seat-early-attestation-04 section "
#define EXPAT "draft-fossati-seat-expat-04 section "

static const struct profile profiles[] = {
    {"x509-cmw", "RFC 9999 section 4.4", "RFC 9999 section 4.4", IN_CERTIFICATE, false, false,
     POINTS},
    {"expat-04", EXPAT "3", EXPAT "5.1", IN_AUTHENTICATOR, false, false, CMW_ATTESTATION},
    {"seat-06", SEAT_06 "4.1", SEAT_06 "5.1.1", IN_ENTRY, true, false, REMOTE_ATTESTATION},
    {"seat-04", SEAT_04 "4", SEAT_04 "5.1.1", IN_ENTRY, false, true, ATTESTATION},
};

const struct profile *profile_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}

const char *model_word(enum model model)
{
    static const char *const words[] = {"none", "background-check", "passport"};
    return words[model];
}

bool able(const struct abilities *abilities, enum model model)
{
    for (size_t i = 0; i < abilities->count; i++)
        if (abilities->models[i] == model)
            return true;
    return false;
}

static const struct {
    const char *name;
    uint16_t value;
} points[POINTS] = {
    [EVIDENCE_REQUEST] = {"evidence_request", 0xFF10},
    [EVIDENCE_PROPOSAL] = {"evidence_proposal", 0xFF11},
    [RESULTS_REQUEST] = {"results_request", 0xFF12},
    [RESULTS_PROPOSAL] = {"results_proposal", 0xFF13},
    [ATTESTATION_EVIDENCE] = {"attestation_evidence", 0xFF14},
    [ATTESTATION] = {"attestation", 0xFF15},
    [REMOTE_ATTESTATION] = {"remoteAttestation", 0xFF16},
    [CMW_ATTESTATION] = {"cmw_attestation", 0xFF00},
    [UNSUPPORTED_EVIDENCE] = {"unsupported_evidence", 224},
    [UNSUPPORTED_VERIFIERS] = {"unsupported_verifiers", 225},
    [ATTESTATION_FAILED] = {"attestation_failed", 226},
    [UNSUPPORTED_SCHEMES] = {"unsupported_attestation_schemes", 227},
    [ATTESTATION_REQUIRED] = {"attestation_required", 228},
};

const char *point_name(enum point point)
{
    return points[point].name;
}

void points_default(uint16_t values[POINTS])
{
    for (size_t i = 0; i < POINTS; i++)
        values[i] = points[i].value;
}

struct refusal {
    const char *reason;
    uint8_t alert;    /* or, where 0: */
    enum point point; /* of the code points */
};

/* What goes wrong on this side alone, and what RFC 8446 has an alert for, in all profiles. */
static const struct refusal everywhere[] = {
    {"verifier-unreachable", SSL_AD_INTERNAL_ERROR, POINTS},
    {"verifier-timeout", SSL_AD_INTERNAL_ERROR, POINTS},
    {"verifier-error", SSL_AD_INTERNAL_ERROR, POINTS},
    {"verifier-garbage", SSL_AD_INTERNAL_ERROR, POINTS},
    {"device-unavailable", SSL_AD_INTERNAL_ERROR, POINTS},
    {"timeout", SSL_AD_INTERNAL_ERROR, POINTS},
    {"internal", SSL_AD_INTERNAL_ERROR, POINTS},
    {"malformed-extension", SSL_AD_DECODE_ERROR, POINTS},
    {"certificate-untrusted", SSL_AD_BAD_CERTIFICATE, POINTS},
    {"unexpected-selection", SSL_AD_ILLEGAL_PARAMETER, POINTS},
    {"malformed-authenticator", SSL_AD_DECODE_ERROR, POINTS},
    {"authenticator-context", SSL_AD_ILLEGAL_PARAMETER, POINTS},
    {"authenticator-finished", SSL_AD_DECRYPT_ERROR, POINTS},
    {"application-data-early", SSL_AD_UNEXPECTED_MESSAGE, POINTS},
};
/* x509-cmw and expat-04: no draft says any. What cannot be read is a bad certificate; what can, and
 * is not good enough, is refused access. */
static const struct refusal by_certificate[] = {
    {"malformed-cmw", SSL_AD_BAD_CERTIFICATE, POINTS},
    {"malformed-cbor", SSL_AD_BAD_CERTIFICATE, POINTS},
    {"malformed-cose", SSL_AD_BAD_CERTIFICATE, POINTS},
    {"malformed-claims", SSL_AD_BAD_CERTIFICATE, POINTS},
    {"malformed-result", SSL_AD_BAD_CERTIFICATE, POINTS},
};
static const struct refusal of_seat_06[] = {
    {"no-common-evidence-type", 0, UNSUPPORTED_SCHEMES},
    {"no-common-verifier", 0, UNSUPPORTED_SCHEMES},
    {"attestation-missing", 0, ATTESTATION_REQUIRED},
};
static const struct refusal of_seat_04[] = {
    {"no-common-evidence-type", 0, UNSUPPORTED_EVIDENCE},
    {"no-common-verifier", 0, UNSUPPORTED_VERIFIERS},
    {"attestation-missing", SSL_AD_MISSING_EXTENSION, POINTS},
};

static const struct refusal *find(const struct refusal *list, size_t count, const char *reason)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].reason, reason) == 0)
            return &list[i];
    return NULL;
}
#define FIND(list, reason) find(list, sizeof(list) / sizeof *(list), reason)

unsigned party_alert(const struct party *party, const char *reason)
{
    const struct profile *profile = party->profile;
    const struct refusal *found = FIND(everywhere, reason);
    if (!found && profile->carrier == IN_ENTRY)
        found = profile->single ? FIND(of_seat_06, reason) : FIND(of_seat_04, reason);
    if (!found && profile->carrier != IN_ENTRY)
        found = FIND(by_certificate, reason);
    if (found)
        return found->alert ? found->alert : party->points[found->point];
    if (profile->carrier == IN_ENTRY)
        return party->points[ATTESTATION_FAILED];
    if (strcmp(reason, "attestation-missing") == 0)
        return profile->carrier == IN_CERTIFICATE ? SSL_AD_BAD_CERTIFICATE
                                                  : SSL_AD_MISSING_EXTENSION;
    return SSL_AD_ACCESS_DENIED;
}

int64_t party_clock(const struct party *party)
{
    return (int64_t)time(NULL) + party->clock_offset;
}
