/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateVerify with r || s in place of DER (profile poc-mbedtls), on a library that can
 * neither write nor read it. Writing is easy: the bytes that a key of the program's own gives go
 * out as they are. What comes is verified here, over a transcript of our own; then the message is
 * written over with a signature of the same 64 bytes that the library can verify: Ed25519, by a key
 * made for this connection alone, whose certificate was put into the peer's Certificate. The
 * library has hashed the bytes of the wire before, so Finished covers what the peer sent.
 */
#include "tls/gnutls/stack-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "rats/base/error.h"
#include "rats/cmw/cmw.h"
#include "tls/wire/certificate-verify.h"
#include "tls/wire/certificate.h"

#define ED25519 0x0807

struct raw_signature {
    struct atls_transcript transcript;
    struct atls_public_key attested; /* what the peer is to sign with */
    gnutls_privkey_t stand_in;       /* what the library is told it signed with; or NULL */
};

int stack_raw_open(struct gnutls_connection *c)
{
    const struct atls_party *party = c->party;
    if (!atls_profile_signs_raw(party->profile, &party->variants) || !party->relying_party)
        return 0;
    c->raw = calloc(1, sizeof *c->raw);
    if (!c->raw)
        return atls_fail(-ENOMEM, NULL, "no memory for a transcript");
    atls_transcript_init(&c->raw->transcript, ATLS_TRANSCRIPT_MAX);
    return 0;
}

void stack_raw_close(struct gnutls_connection *c)
{
    if (!c->raw)
        return;
    atls_transcript_clear(&c->raw->transcript);
    if (c->raw->stand_in)
        gnutls_privkey_deinit(c->raw->stand_in);
    free(c->raw);
}

int stack_raw_encode(struct atls_bytes rs, gnutls_datum_t *signature)
{
    signature->data = gnutls_malloc(rs.size);
    if (!signature->data)
        return GNUTLS_E_MEMORY_ERROR;
    memcpy(signature->data, rs.data, rs.size);
    signature->size = (unsigned)rs.size;
    return 0;
}

static int make_stand_in(gnutls_privkey_t *keyp, uint8_t spki[ATLS_SPKI_MAX], size_t *sizep)
{
    gnutls_pubkey_t public_key = NULL;
    int result = gnutls_privkey_init(keyp);
    if (result == 0)
        result = gnutls_privkey_generate(*keyp, GNUTLS_PK_EDDSA_ED25519, 0, 0);
    if (result == 0)
        result = gnutls_pubkey_init(&public_key);
    if (result == 0)
        result = gnutls_pubkey_import_privkey(public_key, *keyp, 0, 0);
    if (result == 0)
        result = gnutls_pubkey_export(public_key, GNUTLS_X509_FMT_DER, spki, sizep);
    if (public_key)
        gnutls_pubkey_deinit(public_key);
    return result;
}

int stack_put_raw_key(void *connection, const struct atls_public_key *key, uint8_t *body,
                      size_t size)
{
    struct gnutls_connection *c = connection;
    uint8_t spki[ATLS_SPKI_MAX];
    size_t spki_size = sizeof spki;
    if (!c->raw || c->raw->stand_in)
        return atls_fail(-EINVAL, NULL, "raw signature: expected none here, came a key for one");
    if (key->curve != ATLS_P256)
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 8446 section 4.2.3",
                         "raw signatures: expected a key of P-256, came another one");
    int result = make_stand_in(&c->raw->stand_in, spki, &spki_size);
    if (result < 0)
        return atls_fail(-EIO, NULL, "a key that stands in for the attested one: %s",
                         gnutls_strerror(result));
    c->raw->attested = *key;
    return atls_certificate_around(ATLS_BYTES(spki, spki_size), body, size);
}

static int write_stand_in(const struct raw_signature *raw, struct atls_signed_content *content,
                          uint8_t *message, size_t size)
{
    gnutls_datum_t in = {content->bytes, (unsigned)content->size};
    gnutls_datum_t out = {NULL, 0};
    int result = gnutls_privkey_sign_data2(raw->stand_in, GNUTLS_SIGN_EDDSA_ED25519, 0, &in, &out);
    if (result < 0 || out.size != ATLS_RAW_SIGNATURE_SIZE) {
        gnutls_free(out.data);
        return atls_fail(-EIO, NULL, "the stand-in for the attested key does not sign: %s",
                         gnutls_strerror(result));
    }
    struct atls_sink sink = atls_sink_of(message, size);
    atls_sink_u16(&sink, ED25519);
    atls_sink_vector(&sink, 2, ATLS_BYTES(out.data, out.size));
    gnutls_free(out.data);
    return 0;
}

#define SCHEME_CLAUSE "RFC 8446 section 4.2.3"

/* The curve of an ECDSA scheme, and the signature behind it. */
static bool find_signature(struct atls_bytes message, enum atls_curve *curvep,
                           struct atls_bytes *signaturep)
{
    struct atls_cursor at = atls_cursor_of(message, SCHEME_CLAUSE);
    uint16_t scheme;
    if (atls_cursor_u16(&at, "algorithm", &scheme) != 0 ||
        atls_cursor_vector(&at, "signature", 2, 0, UINT16_MAX, signaturep) != 0)
        return false;
    *curvep = scheme == 0x0503 ? ATLS_P384 : ATLS_P256; /* ecdsa_secp384r1_sha384 */
    return scheme == 0x0503 || scheme == 0x0403;
}

bool stack_raw_form(struct atls_bytes message)
{
    uint8_t unused[ATLS_SIGNATURE_MAX];
    struct atls_bytes signature;
    enum atls_curve curve;
    return message.size > 2 && find_signature(message, &curve, &signature) &&
           signature.size == 2 * atls_curve_size(curve) &&
           atls_signature_of_der(curve, signature, unused) != 0;
}

void stack_diagnose_signature(struct gnutls_connection *c)
{
    struct atls_diagnosis d = {.of = ATLS_WRONG_SIGNATURE};
    if (c->raw_seen)
        atls_diagnosis_add_variant(&d, "signature", "raw", SCHEME_CLAUSE);
    session_diagnose(c->s, &d);
}

/* Where r || s is due: would it verify if it were taken for DER? */
static void diagnose_raw(struct gnutls_connection *c, const struct atls_signed_content *content,
                         struct atls_bytes message)
{
    struct atls_diagnosis d = {.of = ATLS_WRONG_SIGNATURE};
    uint8_t rs[ATLS_SIGNATURE_MAX], other[4 + ATLS_RAW_SIGNATURE_SIZE];
    struct atls_sink sink = atls_sink_of(other, sizeof other);
    struct atls_bytes signature;
    struct atls_error kept;
    enum atls_curve curve;
    atls_error_keep(&kept);
    if (find_signature(message, &curve, &signature) && curve == ATLS_P256 &&
        atls_signature_of_der(curve, signature, rs) == 0) {
        atls_sink_u16(&sink, 0x0403);
        atls_sink_vector(&sink, 2, ATLS_BYTES(rs, ATLS_RAW_SIGNATURE_SIZE));
        if (atls_raw_signature_verify(&atls_crypto_hosted, &c->raw->attested, content,
                                      ATLS_BYTES(other, sizeof other)) == 0)
            atls_diagnosis_add_variant(&d, "signature", "der", SCHEME_CLAUSE);
    }
    session_diagnose(c->s, &d);
    atls_error_restore(&kept);
}

static int certificate_verify(struct gnutls_connection *c, const gnutls_datum_t *message)
{
    const struct raw_signature *raw = c->raw;
    struct atls_signed_content content;
    int result = atls_signed_content_of(&raw->transcript, &atls_crypto_hosted, &content);
    if (result == 0)
        result = atls_raw_signature_verify(&atls_crypto_hosted, &raw->attested, &content,
                                           ATLS_BYTES(message->data, message->size));
    if (result == ATLS_E_MALFORMED)
        return session_fail(c->s, "protocol-error", ATLS_ALERT_DECODE_ERROR, NULL, NULL);
    if (result == 0)
        result = write_stand_in(raw, &content, message->data, message->size);
    if (result == ATLS_E_SIGNATURE) {
        session_fail(c->s, "key-mismatch", ATLS_ALERT_DECRYPT_ERROR, NULL, NULL);
        diagnose_raw(c, &content, ATLS_BYTES(message->data, message->size));
        return -1;
    }
    return result == 0 ? 0 : session_fail(c->s, "internal", -1, NULL, NULL);
}

int stack_raw_message(struct gnutls_connection *c, unsigned type, unsigned when, unsigned incoming,
                      const gnutls_datum_t *message)
{
    if (!c->raw || c->shaken || (c->certificate_verify_seen && type != ATLS_HS_CERTIFICATE_VERIFY))
        return 0;
    if (type == ATLS_HS_CERTIFICATE_VERIFY && incoming)
        return when == GNUTLS_HOOK_POST && c->raw->stand_in ? certificate_verify(c, message) : 0;
    if (when != GNUTLS_HOOK_PRE)
        return 0;
    int result = atls_transcript_add(&c->raw->transcript, stack_handshake_type(type),
                                     ATLS_BYTES(message->data, message->size));
    return result == 0 ? 0 : session_fail(c->s, "internal", -1, NULL, NULL);
}
