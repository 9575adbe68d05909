/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Handshake Secret, overheard. Derive-Secret(Handshake Secret, "c hs traffic", ...) is the
 * first thing for which the library uses it on either side: the HkdfLabel (RFC 8446 section 7.1) is
 * written, and the next HMAC key of the hash's size is the secret.
 */
#include "tls/shim/handshake-secret.h"

#include <string.h>

#include "rats/base/error.h"
#include "tls/wire/binder.h"

#define TRAFFIC_LABEL "tls13 c hs traffic"

static enum atls_hash hash_of(const struct atls_handshake_secret *secret)
{
    return secret->size == 48 ? ATLS_SHA384 : ATLS_SHA256;
}

static int derive(const struct atls_handshake_secret *secret, const char *label,
                  uint8_t derived[ATLS_TLS_HASH_MAX])
{
    return atls_derive_secret(hash_of(secret), ATLS_BYTES(secret->secret, secret->size), label,
                              ATLS_BYTES(secret->hellos, secret->size), derived);
}

void atls_handshake_secret_appended(struct atls_handshake_secret *secret, struct atls_bytes bytes)
{
    switch (secret->state) {
    case ATLS_HANDSHAKE_SECRET_NONE:
        if (atls_bytes_is_text(bytes, TRAFFIC_LABEL))
            secret->state = ATLS_HANDSHAKE_SECRET_LABEL;
        break;
    case ATLS_HANDSHAKE_SECRET_LABEL:
        if (bytes.size == 1 && (bytes.data[0] == 32 || bytes.data[0] == 48)) {
            secret->size = bytes.data[0];
            secret->state = ATLS_HANDSHAKE_SECRET_SIZE;
        } else {
            secret->state = ATLS_HANDSHAKE_SECRET_WRONG;
        }
        break;
    case ATLS_HANDSHAKE_SECRET_SIZE:
        if (bytes.size == secret->size) {
            memcpy(secret->hellos, bytes.data, bytes.size);
            secret->state = ATLS_HANDSHAKE_SECRET_CONTEXT;
        } else {
            secret->state = ATLS_HANDSHAKE_SECRET_WRONG;
        }
        break;
    default:
        break;
    }
}

void atls_handshake_secret_keyed(struct atls_handshake_secret *secret, struct atls_bytes key)
{
    if (secret->state != ATLS_HANDSHAKE_SECRET_CONTEXT || key.size != secret->size)
        return;
    memcpy(secret->secret, key.data, key.size);
    secret->state = ATLS_HANDSHAKE_SECRET_SEEN;
}

void atls_handshake_secret_keylog(struct atls_handshake_secret *secret, const char *label,
                                  const gnutls_datum_t *value)
{
    uint8_t traffic[ATLS_TLS_HASH_MAX];
    if (secret->state != ATLS_HANDSHAKE_SECRET_SEEN ||
        strcmp(label, "CLIENT_HANDSHAKE_TRAFFIC_SECRET") != 0)
        return;
    bool right = value->size == secret->size && derive(secret, "c hs traffic", traffic) == 0 &&
                 atls_bytes_equal_secret(ATLS_BYTES(traffic, secret->size),
                                         ATLS_BYTES(value->data, value->size));
    gnutls_memset(traffic, 0, sizeof traffic);
    if (!right)
        atls_handshake_secret_wipe(secret);
    secret->state = right ? ATLS_HANDSHAKE_SECRET_VERIFIED : ATLS_HANDSHAKE_SECRET_WRONG;
}

static int check_verified(const struct atls_handshake_secret *secret)
{
    static const char *const missing[] = {
        [ATLS_HANDSHAKE_SECRET_NONE] = "it was never seen to derive \"c hs traffic\"",
        [ATLS_HANDSHAKE_SECRET_LABEL] = "it did not write the HkdfLabel as was expected",
        [ATLS_HANDSHAKE_SECRET_SIZE] = "it did not write the HkdfLabel as was expected",
        [ATLS_HANDSHAKE_SECRET_CONTEXT] = "it set no HMAC key through libnettle",
        [ATLS_HANDSHAKE_SECRET_SEEN] = "its keylog callback did not say what to compare with",
        [ATLS_HANDSHAKE_SECRET_WRONG] = "what was overheard is not the Handshake Secret",
    };
    if (secret->state == ATLS_HANDSHAKE_SECRET_VERIFIED)
        return 0;
    return atls_fail(ATLS_E_UNSUPPORTED, "draft-fossati-tls-attestation-07 section 6.2.1",
                     "the handshake exporter needs the Handshake Secret, which GnuTLS's public API "
                     "does not give; the way around relies on how libgnutls calls libnettle, and "
                     "libgnutls %s differs: %s",
                     gnutls_check_version(NULL), missing[secret->state]);
}

int atls_handshake_secret_derive(const struct atls_handshake_secret *secret, const char *label,
                                 uint8_t derivedp[ATLS_TLS_HASH_MAX], size_t *sizep)
{
    uint8_t derived[ATLS_TLS_HASH_MAX];
    int result = check_verified(secret);
    if (result == 0)
        result = derive(secret, label, derived);
    if (result != 0)
        return result;
    memcpy(derivedp, derived, secret->size);
    gnutls_memset(derived, 0, sizeof derived);
    *sizep = secret->size;
    return 0;
}

int atls_handshake_secret_get(const struct atls_handshake_secret *secret, enum atls_hash *hashp,
                              struct atls_bytes *secretp, struct atls_bytes *hellosp)
{
    int result = check_verified(secret);
    if (result != 0)
        return result;
    *hashp = hash_of(secret);
    *secretp = ATLS_BYTES(secret->secret, secret->size);
    *hellosp = ATLS_BYTES(secret->hellos, secret->size);
    return 0;
}

void atls_handshake_secret_wipe(struct atls_handshake_secret *secret)
{
    gnutls_memset(secret, 0, sizeof *secret);
}
