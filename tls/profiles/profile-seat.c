/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft-fossati-seat-early-attestation-04 and -06: evidence or a result beside an X.509
 * certificate, in an extension of the first CertificateEntry, answering a binder made of the hellos
 * and of the certificate's key. -04 negotiates with four extensions, -06 with one that also goes
 * into CertificateRequest.
 */
#include "rats/base/error.h"
#include "tls/profiles/profile-four.h"
#include "tls/wire/binder.h"

#define DRAFT_04 "draft-fossati-seat-early-attestation-04 "
#define DRAFT_06 "draft-fossati-seat-early-attestation-06 "
#define SCHEMES_MAX 8192 /* bytes of a list that is written */

enum mechanism { EVIDENCE, RESULT };

static void write_evidence(const struct atls_profile *profile, const struct atls_offer *offer,
                           struct atls_sink *sink)
{
    for (size_t i = 0; i < offer->evidence.count; i++) {
        atls_sink_u8(sink, EVIDENCE);
        atls_write_evidence_type(profile->layout, &offer->evidence.type[i], sink);
    }
}

static void write_results(const struct atls_offer *offer, struct atls_sink *sink)
{
    for (size_t i = 0; i < offer->verifiers.count; i++) {
        atls_sink_u8(sink, RESULT);
        atls_sink_vector(sink, 2, offer->verifiers.id[i]);
    }
}

static int write_schemes(const struct atls_profile *profile, const struct atls_offer *offer,
                         struct atls_sink *sink)
{
    uint8_t buffer[SCHEMES_MAX];
    struct atls_sink list = atls_sink_of(buffer, sizeof buffer);
    struct atls_bytes bytes;
    if (offer->results_first)
        write_results(offer, &list);
    write_evidence(profile, offer, &list);
    if (!offer->results_first)
        write_results(offer, &list);
    int result = atls_sink_done(&list, &bytes);
    if (result == 0)
        atls_sink_vector(sink, 2, bytes);
    return result;
}

static bool empty(const struct atls_offer *offer)
{
    return offer->evidence.count == 0 && offer->verifiers.count == 0;
}

static int write_offer(const struct atls_profile *profile, enum atls_code_point point,
                       const struct atls_offer offers[2], struct atls_sink *sink)
{
    if (empty(&offers[ATLS_CLIENT]) && empty(&offers[ATLS_SERVER]))
        return 0;
    int result = write_schemes(profile, &offers[ATLS_SERVER], sink);
    return result == 0 ? write_schemes(profile, &offers[ATLS_CLIENT], sink) : result;
}

/* A scheme has no length: one of an unknown kind ends the list. */
static int read_scheme(const struct atls_profile *profile, struct atls_cursor *c, bool *resultp,
                       struct atls_evidence_type *typep, struct atls_bytes *verifierp)
{
    uint8_t mechanism;
    int result = atls_cursor_u8(c, "mechanism", &mechanism);
    if (result != 0)
        return result;
    *resultp = mechanism == RESULT;
    if (mechanism == EVIDENCE)
        return atls_read_evidence_type(profile->layout, c, typep);
    if (mechanism == RESULT)
        return atls_cursor_vector(c, "verifier_identity", 2, 0, UINT16_MAX, verifierp);
    return atls_fail(ATLS_E_MALFORMED, profile->clause,
                     "a mechanism is evidence (0) or result (1), came %u", mechanism);
}

static int read_schemes(const struct atls_profile *profile, struct atls_bytes list,
                        struct atls_offer *offer)
{
    struct atls_cursor c = atls_cursor_of(list, profile->clause);
    struct atls_evidence_types *types = &offer->evidence;
    struct atls_verifier_ids *ids = &offer->verifiers;
    while (c.left > 0) {
        bool is_result;
        if (types->count == ATLS_EVIDENCE_TYPES_MAX || ids->count == ATLS_VERIFIERS_MAX)
            return atls_fail(ATLS_E_MALFORMED, profile->clause, "more schemes than can be kept");
        int result =
            read_scheme(profile, &c, &is_result, &types->type[types->count], &ids->id[ids->count]);
        if (result != 0)
            return result;
        if (is_result)
            ids->count++;
        else
            types->count++;
    }
    return 0;
}

static int read_offer(const struct atls_profile *profile, enum atls_code_point point,
                      struct atls_bytes body, struct atls_offer offers[2])
{
    struct atls_cursor c = atls_cursor_of(body, profile->clause);
    struct atls_bytes of_server, of_client;
    int result = atls_cursor_vector(&c, "server_attester_schemes", 2, 0, UINT16_MAX, &of_server);
    if (result == 0)
        result = atls_cursor_vector(&c, "client_attester_schemes", 2, 0, UINT16_MAX, &of_client);
    if (result == 0)
        result = atls_cursor_end(&c, "remoteAttestation of a ClientHello");
    if (result == 0)
        result = read_schemes(profile, of_server, &offers[ATLS_SERVER]);
    if (result == 0)
        result = read_schemes(profile, of_client, &offers[ATLS_CLIENT]);
    if (result == 0 && empty(&offers[ATLS_CLIENT]) && empty(&offers[ATLS_SERVER]))
        result = atls_fail(ATLS_E_UNSUPPORTED, DRAFT_06 "section 7.2",
                           "expected at least one attestation scheme, both lists are empty");
    return result;
}

static int write_scheme(const struct atls_profile *profile, const struct atls_selection *selection,
                        struct atls_sink *sink)
{
    if (selection->has_evidence) {
        atls_sink_u8(sink, EVIDENCE);
        atls_write_evidence_type(profile->layout, &selection->type, sink);
    } else if (selection->has_result) {
        atls_sink_u8(sink, RESULT);
        atls_sink_vector(sink, 2, selection->verifier);
    }
    return sink->overflow ? atls_fail(ATLS_E_LIMIT, profile->clause, "a scheme is too long") : 0;
}

static int read_chosen(const struct atls_profile *profile, const char *what, struct atls_bytes body,
                       struct atls_selection *selection)
{
    struct atls_cursor c = atls_cursor_of(body, profile->clause);
    bool is_result;
    int result = read_scheme(profile, &c, &is_result, &selection->type, &selection->verifier);
    if (result == 0)
        result = atls_cursor_end(&c, what);
    if (result != 0)
        return result;
    selection->has_result = is_result;
    selection->has_evidence = !is_result;
    return 0;
}

static int write_selection(const struct atls_profile *profile, enum atls_code_point point,
                           const struct atls_selection selections[2], struct atls_sink *sink)
{
    return write_scheme(profile, &selections[ATLS_SERVER], sink);
}

static int read_selection(const struct atls_profile *profile, enum atls_code_point point,
                          struct atls_bytes body, struct atls_selection selections[2])
{
    return read_chosen(profile, "remoteAttestation of EncryptedExtensions", body,
                       &selections[ATLS_SERVER]);
}

static int write_request(const struct atls_profile *profile,
                         const struct atls_selection selections[2], struct atls_sink *sink)
{
    return write_scheme(profile, &selections[ATLS_CLIENT], sink);
}

static int read_request(const struct atls_profile *profile, struct atls_bytes body,
                        struct atls_selection selections[2])
{
    return read_chosen(profile, "remoteAttestation of CertificateRequest", body,
                       &selections[ATLS_CLIENT]);
}

static int make_binder(const struct atls_binding *b, uint8_t challengep[ATLS_BINDER_MAX],
                       size_t *sizep)
{
    uint8_t hellos[ATLS_HASH_MAX], base[ATLS_HASH_MAX];
    enum atls_seat_role role = !b->variants->binder_role    ? ATLS_SEAT_SHARED
                               : b->attester == ATLS_CLIENT ? ATLS_SEAT_CLIENT
                                                            : ATLS_SEAT_SERVER;
    enum atls_hash hash = ATLS_SHA256;
    int result = atls_transcript_alg(b->transcript, &hash);
    size_t size = atls_hash_size(hash);
    if (result == 0)
        result =
            atls_transcript_hash_hellos(b->transcript, &atls_crypto_hosted,
                                        (enum atls_hello_retry)b->variants->hello_retry, hellos);
    if (result == 0)
        result = atls_seat_attest_base(hash, ATLS_BYTES(hellos, size), base);
    if (result == 0)
        result = atls_seat_binder(&atls_crypto_hosted, hash, ATLS_BYTES(base, size), b->spki, role,
                                  challengep);
    if (result == 0)
        *sizep = size;
    return result;
}

#define BY_NUMBER ATLS_CODE_POINT_COUNT

static const struct atls_refusal refusals_04[] = {
    {"no-common-evidence-type", ATLS_CP_UNSUPPORTED_EVIDENCE, 0, DRAFT_04 "section 6.1"},
    {"no-common-verifier", ATLS_CP_UNSUPPORTED_VERIFIERS, 0, DRAFT_04 "section 6.2"},
    {"malformed-extension", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, "RFC 8446 section 6.2"},
    {"unexpected-selection", BY_NUMBER, ATLS_ALERT_ILLEGAL_PARAMETER, DRAFT_04 "section 6"},
    {"attestation-missing", BY_NUMBER, ATLS_ALERT_MISSING_EXTENSION, DRAFT_04 "section 6"},
    {"certificate-untrusted", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, "RFC 8446 section 4.4.2.4"},
    ATLS_REFUSALS_OF_OWN,
    {NULL, ATLS_CP_ATTESTATION_FAILED, 0, DRAFT_04 "section 5"},
};

const struct atls_profile atls_profile_seat_04 = {
    .name = "seat-04",
    .clause = DRAFT_04 "section 4",
    .layout = &atls_layout_seat_04,
    .carrier = ATLS_IN_ENTRY,
    .results = true,
    .extensions = {ATLS_CP_EVIDENCE_PROPOSAL, ATLS_CP_EVIDENCE_REQUEST, ATLS_CP_RESULTS_PROPOSAL,
                   ATLS_CP_RESULTS_REQUEST},
    .extension_count = 4,
    .write_offer = atls_four_write_offer,
    .read_offer = atls_four_read_offer,
    .write_selection = atls_four_write_selection,
    .read_selection = atls_four_read_selection,
    .refusals = refusals_04,
    .result_answers = true, /* section 4: the Verifier's signature covers the binder */
    .binder_clause = DRAFT_04 "section 5.1.1",
    .entry_extension = ATLS_CP_ATTESTATION,
    .payload_prefix = 3,
    .bind = make_binder,
};

static const struct atls_refusal refusals_06[] = {
    {"no-common-evidence-type", ATLS_CP_UNSUPPORTED_ATTESTATION_SCHEMES, 0, DRAFT_06 "section 7.2"},
    {"no-common-verifier", ATLS_CP_UNSUPPORTED_ATTESTATION_SCHEMES, 0, DRAFT_06 "section 7.2"},
    {"malformed-extension", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, "RFC 8446 section 6.2"},
    {"unexpected-selection", BY_NUMBER, ATLS_ALERT_ILLEGAL_PARAMETER, DRAFT_06 "section 7.4"},
    {"attestation-missing", ATLS_CP_ATTESTATION_REQUIRED, 0, DRAFT_06 "section 7.4"},
    {"certificate-untrusted", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, "RFC 8446 section 4.4.2.4"},
    ATLS_REFUSALS_OF_OWN,
    {NULL, ATLS_CP_ATTESTATION_FAILED, 0, DRAFT_06 "section 5.1.2"},
};

const struct atls_profile atls_profile_seat_06 = {
    .name = "seat-06",
    .clause = DRAFT_06 "section 4.1",
    .layout = &atls_layout_seat_04, /* of an evidence type: it did not change */
    .carrier = ATLS_IN_ENTRY,
    .results = true,
    .extensions = {ATLS_CP_REMOTE_ATTESTATION},
    .extension_count = 1,
    .write_offer = write_offer,
    .read_offer = read_offer,
    .write_selection = write_selection,
    .read_selection = read_selection,
    .write_request = write_request,
    .read_request = read_request,
    .refusals = refusals_06,
    .binder_clause = DRAFT_06 "section 5.1.1",
    .entry_extension = ATLS_CP_REMOTE_ATTESTATION,
    .payload_prefix = 3,
    .bind = make_binder,
};
