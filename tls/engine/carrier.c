/* SPDX-License-Identifier: Apache-2.0 */
/* Which carrier a party and a connection have. */
#include "tls/engine/carrier.h"

#include "rats/base/error.h"
#include "tls/engine/session-internal.h"

const struct atls_carrier *atls_carrier_of(const struct atls_profile *profile,
                                           enum atls_credential_kind kind)
{
    static const struct atls_carrier *const carriers[] = {
        [ATLS_IN_PLACE_OF_CERTIFICATE] = &atls_carrier_place,
        [ATLS_IN_ENTRY] = &atls_carrier_entry,
        [ATLS_IN_CERTIFICATE] = &atls_carrier_certificate,
        [ATLS_IN_AUTHENTICATOR] = &atls_carrier_authenticator,
    };
    return carriers[kind == ATLS_KIND_CERT_ATTESTATION ? ATLS_IN_ENTRY : profile->carrier];
}

const struct atls_carrier *atls_carrier_of_party(const struct atls_party *party)
{
    return atls_carrier_of(party->profile, ATLS_KIND_ATTESTATION);
}

static bool has_kind(const struct atls_abilities *abilities)
{
    for (size_t i = 0; i < abilities->type_count && abilities->model_count > 0; i++)
        if (abilities->types[i].credential_kind == ATLS_KIND_CERT_ATTESTATION)
            return true;
    return false;
}

bool atls_carrier_by_kind(const struct atls_party *party)
{
    return has_kind(&party->as_attester) || has_kind(&party->as_relying_party);
}

bool atls_carrier_sends_nonce(const struct atls_profile *profile)
{
    return profile->nonce || atls_carrier_of(profile, ATLS_KIND_ATTESTATION)->after_handshake;
}

size_t atls_carriers(const struct atls_party *party,
                     const struct atls_carrier *carriers[ATLS_CARRIERS_MAX])
{
    size_t count = 0;
    carriers[count++] = atls_carrier_of_party(party);
    if (atls_carrier_by_kind(party))
        carriers[count++] = atls_carrier_of(party->profile, ATLS_KIND_CERT_ATTESTATION);
    return count;
}

int atls_carriers_check(const struct atls_party *party)
{
    const struct atls_carrier *carriers[ATLS_CARRIERS_MAX];
    size_t count = atls_carriers(party, carriers);
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        if (carriers[i]->check)
            result = carriers[i]->check(party);
    if (result == 0 && session_leaks(party)) {
        if (!party->stack->handshake_secret)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                             "--leak handshake-secret: %s does not give the Handshake Secret",
                             party->stack->name);
        result = party->stack->check ? party->stack->check(true) : 0;
    }
    return result;
}

const struct atls_carrier *session_carrier(const struct atls_session *s, enum atls_side attester)
{
    const struct atls_selection *selection = &s->hello.selections[attester];
    return selection->has_evidence
               ? atls_carrier_of(s->party->profile, selection->type.credential_kind)
               : atls_carrier_of_party(s->party);
}

int session_carriers_prepare(struct atls_session *s)
{
    const struct atls_carrier *carriers[ATLS_CARRIERS_MAX];
    size_t count = atls_carriers(s->party, carriers);
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        if (carriers[i]->prepare)
            result = carriers[i]->prepare(s);
    return result;
}

void session_carriers_clear(struct atls_session *s)
{
    const struct atls_carrier *carriers[ATLS_CARRIERS_MAX];
    size_t count = atls_carriers(s->party, carriers);
    for (size_t i = 0; i < count; i++)
        if (carriers[i]->clear)
            carriers[i]->clear(s);
}

int session_carriers_hello(struct atls_session *s, enum atls_handshake_type type,
                           struct atls_bytes message)
{
    const struct atls_carrier *carriers[ATLS_CARRIERS_MAX];
    size_t count = atls_carriers(s->party, carriers);
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++)
        if (carriers[i]->hello)
            result = carriers[i]->hello(s, type, message);
    return result;
}
