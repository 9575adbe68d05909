/* SPDX-License-Identifier: Apache-2.0 */
/* The relying party with evidence or a result inside the peer's certificate. */
#include "rats/cmw-x509.h"
#include "rats/error.h"
#include "tls/relying-party-private.h"

static int refuse(struct atls_appraisal *a, int code, const char *reason)
{
    atls_appraisal_refuse(a, ATLS_TIER_NONE, code < 0 ? "internal" : reason, false);
    return code;
}

int atls_appraisal_certificate(struct atls_appraisal *a, struct atls_bytes certificate,
                               struct atls_public_key *keyp)
{
    uint8_t challenge[ATLS_HASH_MAX];
    struct atls_public_key leaf;
    struct atls_x509_cmw found;
    size_t size;
    int rc = atls_x509_public_key(certificate, &leaf);

    if (rc) {
        return refuse(a, rc, "certificate-untrusted");
    }
    rc = atls_x509_challenge(&atls_crypto_gnutls, &leaf, challenge, &size);
    rc = rc ? rc : atls_appraisal_expect_key(a, &leaf);
    rc = rc ? rc : atls_appraisal_set_challenge(a, ATLS_BYTES(challenge, size));
    if (rc) {
        return refuse(a, rc, "internal");
    }
    rc = atls_x509_cmw_find(certificate, &found);
    if (rc) {
        return refuse(a, rc, rc == ATLS_E_MISSING ? "attestation-missing" : "malformed-cmw");
    }
    rc = atls_appraisal_credential(a, ATLS_BYTES(found.cmw, found.size), keyp);
    atls_x509_cmw_clear(&found);
    return rc;
}
