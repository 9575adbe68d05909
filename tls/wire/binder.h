/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ties evidence to a connection: the values that each draft has the attester put into its
 * evidence and the relying party compute for itself. They are pure functions of secrets, transcript
 * hashes and keys. Where a draft can be read in more than one way, the readings are named variants,
 * and the first of each is the default. HASH is that of the cipher suite everywhere, and what is
 * "a hash" below has its size.
 *
 * Errors of all of them: those of CRYPTO, -EIO and -ENOMEM (the machine), -EINVAL (the caller
 * passed a hash or a secret of another size than HASH has), and what each says.
 */
#ifndef ATLS_TLS_WIRE_BINDER_H
#define ATLS_TLS_WIRE_BINDER_H

#include "rats/crypto/crypto.h"

/* HKDF-Expand-Label, RFC 8446 section 7.1; LABEL without "tls13 ". Writes SIZE bytes. ATLS_E_LIMIT:
 * more than 255 hashes, or a label or a context beyond 255 bytes. */
int atls_hkdf_expand_label(enum atls_hash hash, struct atls_bytes secret, const char *label,
                           struct atls_bytes context, uint8_t *outp, size_t size);
/* Derive-Secret, of a transcript that is hashed already. Writes a hash. */
int atls_derive_secret(enum atls_hash hash, struct atls_bytes secret, const char *label,
                       struct atls_bytes transcript_hash, uint8_t *secretp);
/* TLS-Exporter, RFC 8446 section 7.5, of an exporter_secret (whichever). Writes SIZE bytes. */
int atls_tls_exporter(const struct atls_crypto *crypto, enum atls_hash hash,
                      struct atls_bytes exporter_secret, const char *label,
                      struct atls_bytes context, uint8_t *outp, size_t size);
/* HMAC of HASH. Writes a hash. */
int atls_hmac(enum atls_hash hash, struct atls_bytes key, struct atls_bytes data, uint8_t *macp);

/* The variants by name, for options: "nonce-size", "spki", "EXPORTER-cmw-attestation", ... */
enum atls_variant {
    ATLS_VARIANT_TA07_LENGTH,
    ATLS_VARIANT_TA07_SECRET,
    ATLS_VARIANT_EXPAT_KEY,
    ATLS_VARIANT_EXPAT_LABEL,
    ATLS_VARIANT_COUNT
};
/* Static storage; NULL where there is no such value. */
const char *atls_variant_name(enum atls_variant variant, unsigned value);
/* ATLS_E_UNSUPPORTED: no such name. */
int atls_variant_parse(enum atls_variant variant, const char *name, unsigned *valuep);

/* draft-fossati-tls-attestation-03 to -06, credential kind CERT_ATTESTATION. */

#define ATLS_TA03_MAP_MAX 202
#define ATLS_TA04_BINDER_SIZE 32

/* The evidence challenge's map {1: nonce, 2: ik_pub_fingerprint, 3: channel_binder}, deterministic.
 * FINGERPRINT is a hash of the leaf's SubjectPublicKeyInfo. In -03 CHANNEL_BINDER is the hash of
 * the transcript up to, not with, Certificate; in -04 to -06 it is atls_ta04_channel_binder().
 * ATLS_E_LIMIT: a nonce not of 8 to 64 bytes, or one of the others not of 16 to 64. */
int atls_ta03_challenge_map(struct atls_bytes nonce, struct atls_bytes fingerprint,
                            struct atls_bytes channel_binder, uint8_t buffer[ATLS_TA03_MAP_MAX],
                            struct atls_bytes *mapp);
/* Hash of that map: what the evidence carries as its nonce. */
int atls_ta03_challenge(const struct atls_crypto *crypto, enum atls_hash hash,
                        struct atls_bytes nonce, struct atls_bytes fingerprint,
                        struct atls_bytes channel_binder, uint8_t *challengep);
/* TLS-Early-Exporter("attestation-binder", "", 32). PSK is empty where there is none: the value
 * then is no secret but a function of the ClientHello, of which CLIENT_HELLO_HASH is the hash
 * (H18). */
int atls_ta04_channel_binder(const struct atls_crypto *crypto, enum atls_hash hash,
                             struct atls_bytes psk, struct atls_bytes client_hello_hash,
                             uint8_t binderp[ATLS_TA04_BINDER_SIZE]);

/* draft-fossati-tls-attestation-07 section 6.2.1. */

/* H16. The formula: the binder is as long as the nonce. The prose: it has a size that the attester
 * advertised, somehow. */
enum atls_ta07_length {
    ATLS_TA07_NONCE_SIZE,
    ATLS_TA07_ADVERTISED_SIZE,
};
/* H17: what the exporter starts from. The formula: Derive-Secret(., "h exp master", CH..SH). The
 * prose: the Handshake Secret itself. */
enum atls_ta07_secret {
    ATLS_TA07_HANDSHAKE_EXPORTER_SECRET,
    ATLS_TA07_HANDSHAKE_SECRET,
};
struct atls_ta07_reading {
    enum atls_ta07_length length;
    enum atls_ta07_secret secret;
    size_t advertised_size; /* bytes; of ATLS_TA07_ADVERTISED_SIZE only */
};
#define ATLS_TA07_BINDER_MAX 255 /* as a nonce on the wire */

/* HANDSHAKE_SECRET as in RFC 8446 section 7.1; TRANSCRIPT_HASH of ClientHello to ServerHello.
 * Writes a hash. */
int atls_ta07_handshake_exporter_secret(enum atls_hash hash, struct atls_bytes handshake_secret,
                                        struct atls_bytes transcript_hash, uint8_t *secretp);
/* The channel_binder. READING NULL is the default. ATLS_E_LIMIT: a binder of no bytes, or of more
 * than ATLS_TA07_BINDER_MAX. */
int atls_ta07_binder(const struct atls_crypto *crypto, enum atls_hash hash,
                     const struct atls_ta07_reading *reading, struct atls_bytes handshake_secret,
                     struct atls_bytes transcript_hash, struct atls_bytes nonce,
                     uint8_t binderp[ATLS_TA07_BINDER_MAX], size_t *sizep);

/* draft-fossati-seat-early-attestation-04 to -06, section 5.1.1. */

/* attest_base from Hash(ClientHello..ServerHello). It is not secret: whoever saw the hellos has it.
 */
int atls_seat_attest_base(enum atls_hash hash, struct atls_bytes transcript_hash, uint8_t *basep);
/* H9: whose binder it is, which the drafts' one label does not say. */
enum atls_seat_role { ATLS_SEAT_SHARED, ATLS_SEAT_CLIENT, ATLS_SEAT_SERVER };
/* The binder of either side, whose leaf certificate has the DER SubjectPublicKeyInfo SPKI. SHARED:
 * both sides have the same label, so that equal keys have equal binders. Else the attester's side
 * stands in the label, "attestation client" or "attestation server", and one side's binder is never
 * the other's. */
int atls_seat_binder(const struct atls_crypto *crypto, enum atls_hash hash, struct atls_bytes base,
                     struct atls_bytes spki, enum atls_seat_role role, uint8_t *binderp);

/* draft-fossati-seat-expat-01 to -04, section 5. */

/* H6: what "public_key" is, byte for byte. */
enum atls_expat_key {
    ATLS_EXPAT_SPKI,      /* DER SubjectPublicKeyInfo */
    ATLS_EXPAT_RAW_POINT, /* 04 || x || y */
    ATLS_EXPAT_COSE_KEY,  /* COSE_Key, deterministic */
};
/* H7, the exporter's label: "EXPORTER-cmw-attestation" of -04; of -01 to -03 "Attestation" (section
 * 5) and "Attestation Binding" (section 4). */
enum atls_expat_label {
    ATLS_EXPAT_CMW_ATTESTATION,
    ATLS_EXPAT_ATTESTATION,
    ATLS_EXPAT_ATTESTATION_BINDING,
};
#define ATLS_EXPAT_EXPORTED_SIZE 32

/* The label's text. With it, the certificate_request_context as context_value and
 * ATLS_EXPAT_EXPORTED_SIZE the library's exporter gives the EXPORTED of atls_expat_binding(). */
const char *atls_expat_label_text(enum atls_expat_label label);
/* Hash(public_key || exported), the nonce of the evidence. SPKI is the DER SubjectPublicKeyInfo of
 * the authenticator's leaf. ATLS_E_MALFORMED: KEY wants another encoding, and SPKI is of no key of
 * P-256 or P-384. -EINVAL: EXPORTED has another size. */
int atls_expat_binding(const struct atls_crypto *crypto, enum atls_hash hash,
                       enum atls_expat_key key, struct atls_bytes spki, struct atls_bytes exported,
                       uint8_t *bindingp);

/* TIK_pub_hash (seat), AIK_pub_hash (expat, KEY as in the binding): hash of a public key, a claim
 * of the evidence. */
int atls_public_key_hash(const struct atls_crypto *crypto, enum atls_hash hash,
                         enum atls_expat_key key, struct atls_bytes spki, uint8_t *digestp);

#endif
