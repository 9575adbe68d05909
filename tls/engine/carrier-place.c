/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation in place of the certificate: the credential is the one entry of the Certificate, and
 * the attested key signs. The peer's is read before the library parses it, which is left a
 * certificate for the attested key in its place.
 */
#include "rats/base/error.h"
#include "tls/engine/session-internal.h"

static int check(const struct atls_party *party)
{
    if (party->stack->put_raw_key || !party->relying_party ||
        !atls_profile_signs_raw(party->profile, &party->variants))
        return 0;
    return atls_fail(ATLS_E_UNSUPPORTED, party->profile->clause,
                     "%s cannot verify r || s in CertificateVerify: expected --variant "
                     "signature=der",
                     party->stack->name);
}

/* The key, over the credential that was found, in the shape in which the library will ask for it.
 */
static int put_key(struct atls_session *s, const struct atls_public_key *key, uint8_t *credential,
                   size_t size)
{
    const struct atls_party *party = s->party;
    if (atls_profile_signs_raw(party->profile, &party->variants))
        return session_stack(s)->put_raw_key(s->connection, key, credential, size);
    return party->profile->put_key(key, credential, size);
}

static int present(struct atls_session *s)
{
    struct own_credential *self = &s->self;
    struct atls_bytes body =
        ATLS_BYTES(self->credential.cmw, session_withholds(s) ? 0 : self->credential.size);
    if (session_stack(s)->put_certificate(
            s->connection, body, ATLS_BYTES(self->signed_with, self->signed_with_size)) != 0)
        return session_fail(s, "internal", -1, NULL, "the attester's key is not on its curve");
    return 0;
}

static int received(struct atls_session *s, const struct session_certificate *certificate)
{
    const struct atls_profile *profile = s->party->profile;
    struct atls_bytes cmw;
    struct atls_public_key key;
    size_t at;
    int result = profile->find_credential(
        profile, ATLS_BYTES(certificate->message, certificate->size), &cmw, &at);
    if (result == ATLS_E_MISSING)
        return session_fail(s, "attestation-missing",
                            s->party->side == ATLS_SERVER ? ATLS_ALERT_CERTIFICATE_REQUIRED
                                                          : ATLS_ALERT_DECODE_ERROR,
                            NULL, NULL);
    if (result != 0)
        return session_fail(s, "malformed-cmw", -1, NULL, NULL);
    result = session_check_type(s, session_peer_side(s), cmw);
    if (result != 0)
        return result;
    if (session_name_own_keys(s) != 0 ||
        atls_appraisal_credential(s->peer.appraisal, cmw, &key) != 0)
        return session_appraisal_failed(s);
    s->peer.verified_with_size = atls_spki_encode(&key, s->peer.verified_with);
    result = put_key(s, &key, certificate->message + at, cmw.size);
    return result == 0 ? 0 : session_cmw_refused(s, result);
}

const struct atls_carrier atls_carrier_place = {
    .replaces = true,
    .negotiated = true,
    .check = check,
    .present = present,
    .received = received,
};
