/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation in place of the certificate: the credential is the one entry of the Certificate, and
 * the attested key signs. The peer's is read before the library parses it, which is left a
 * certificate for the attested key in its place.
 */
#include "rats/base/error.h"
#include "tls/engine/session-internal.h"

static int present(struct atls_session *s)
{
    struct own_credential *self = &s->self;
    self->presented.type = GNUTLS_CRT_X509;
    self->presented.cert.data = self->credential.cmw;
    self->presented.cert.size = session_withholds(s) ? 0 : (unsigned)self->credential.size;
    if (!self->presented.pubkey &&
        session_import_key(self->signed_with, self->signed_with_size, &self->presented.pubkey) < 0)
        return session_fail(s, "internal", -1, NULL, "the attester's key is not on its curve");
    return 0;
}

static int received(struct atls_session *s, const struct session_message *message)
{
    const struct atls_profile *profile = s->party->profile;
    enum atls_side peer = s->party->side == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
    struct atls_bytes cmw;
    struct atls_public_key key;
    size_t at;
    int result = profile->find_credential(
        profile, ATLS_BYTES(message->bytes->data, message->bytes->size), &cmw, &at);
    if (result == ATLS_E_MISSING)
        return session_fail(s, "attestation-missing",
                            s->party->side == ATLS_SERVER ? ATLS_ALERT_CERTIFICATE_REQUIRED
                                                          : ATLS_ALERT_DECODE_ERROR,
                            NULL, NULL);
    if (result != 0)
        return session_fail(s, "malformed-cmw", -1, NULL, NULL);
    result = session_check_type(s, peer, cmw);
    if (result != 0)
        return result;
    if (atls_appraisal_credential(s->peer.appraisal, cmw, &key) != 0)
        return session_appraisal_failed(s);
    s->peer.verified_with_size = atls_spki_encode(&key, s->peer.verified_with);
    if (profile->put_key(&key, message->bytes->data + at, cmw.size) != 0)
        return session_fail(s, "malformed-cmw", -1, NULL, NULL);
    return 0;
}

const struct atls_carrier atls_carrier_place = {
    .replaces = true,
    .negotiated = true,
    .present = present,
    .received = received,
};
