/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 9999 section 4.4: evidence or a result in an extension of the leaf certificate, made when the
 * key was enrolled. Nothing is negotiated and no nonce crosses: the challenge is the hash of the
 * certificate's key, so that the evidence is bound to the key and is as old as the certificate.
 * This is what every stack can carry.
 */
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"
#include "tls/profiles/profile.h"

static int make_challenge(const struct atls_binding *b, uint8_t challengep[ATLS_BINDER_MAX],
                          size_t *sizep)
{
    struct atls_public_key key;
    int result = atls_spki_decode(b->spki, &key);
    return result == 0 ? atls_x509_challenge(&atls_crypto_hosted, &key, challengep, sizep) : result;
}

#define BY_NUMBER ATLS_CODE_POINT_COUNT
#define MALFORMED(reason)                                                                          \
    {                                                                                              \
        reason, BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, "RFC 9999 section 4.4"                      \
    }

/* No draft says how TLS tells it: a certificate that cannot be read is a bad one, and one that can,
 * and is not good enough, is refused access. */
static const struct atls_refusal refusals[] = {
    MALFORMED("malformed-cmw"),
    MALFORMED("malformed-cbor"),
    MALFORMED("malformed-cose"),
    MALFORMED("malformed-claims"),
    MALFORMED("malformed-result"),
    {"malformed-extension", BY_NUMBER, ATLS_ALERT_DECODE_ERROR, "RFC 8446 section 6.2"},
    {"certificate-untrusted", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, "RFC 8446 section 4.4.2.4"},
    {"attestation-missing", BY_NUMBER, ATLS_ALERT_BAD_CERTIFICATE, "RFC 9999 section 4.4"},
    ATLS_REFUSALS_OF_OWN,
    {NULL, BY_NUMBER, ATLS_ALERT_ACCESS_DENIED, "RFC 8446 section 6.2"},
};

const struct atls_profile atls_profile_x509_cmw = {
    .name = "x509-cmw",
    .clause = "RFC 9999 section 4.4",
    .carrier = ATLS_IN_CERTIFICATE,
    .results = true,
    .refusals = refusals,
    .binder_clause = "RFC 9999 section 4.4",
    .bind = make_challenge,
};
