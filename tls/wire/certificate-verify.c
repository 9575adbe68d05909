/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateVerify of a client, with r || s. */
#include "tls/wire/certificate-verify.h"

#include <string.h>

#include "rats/base/error.h"

#define CLAUSE "RFC 8446 section 4.4.3"
#define PADDING 64
#define ECDSA_SECP256R1_SHA256 0x0403

int atls_signed_content_of(const struct atls_transcript *t, const struct atls_crypto *crypto,
                           struct atls_signed_content *contentp)
{
    static const char context[] = "TLS 1.3, client CertificateVerify"; /* with its 0 */
    uint8_t digest[ATLS_HASH_MAX];
    enum atls_hash hash;
    int result = atls_transcript_alg(t, &hash);
    if (result == 0)
        result = atls_transcript_hash(t, crypto, ATLS_RETRY_MESSAGE_HASH, t->count, digest);
    if (result != 0)
        return result;
    memset(contentp->bytes, 0x20, PADDING);
    struct atls_sink sink = atls_sink_of(contentp->bytes, sizeof contentp->bytes);
    sink.used = PADDING;
    atls_sink_bytes(&sink, ATLS_BYTES(context, sizeof context));
    atls_sink_bytes(&sink, ATLS_BYTES(digest, atls_hash_size(hash)));
    contentp->size = sink.used;
    return 0;
}

static int read_message(struct atls_bytes message, struct atls_bytes *signaturep)
{
    struct atls_cursor at = atls_cursor_of(message, CLAUSE);
    uint16_t algorithm;
    int result = atls_cursor_u16(&at, "algorithm", &algorithm);
    if (result == 0)
        result = atls_cursor_vector(&at, "signature", 2, 0, UINT16_MAX, signaturep);
    if (result == 0)
        result = atls_cursor_end(&at, "CertificateVerify");
    if (result != 0)
        return result;
    if (algorithm != ECDSA_SECP256R1_SHA256)
        return atls_fail(ATLS_E_SIGNATURE, CLAUSE,
                         "CertificateVerify: expected ecdsa_secp256r1_sha256 (0x0403), came 0x%04x",
                         algorithm);
    if (signaturep->size != ATLS_RAW_SIGNATURE_SIZE)
        return atls_fail(ATLS_E_SIGNATURE, CLAUSE,
                         "CertificateVerify: expected r || s of %d bytes (signature=raw), came %zu "
                         "bytes; a peer that writes DER is met with --variant signature=der",
                         ATLS_RAW_SIGNATURE_SIZE, signaturep->size);
    return 0;
}

int atls_raw_signature_verify(const struct atls_crypto *crypto, const struct atls_public_key *key,
                              const struct atls_signed_content *content, struct atls_bytes message)
{
    struct atls_bytes signature, signed_bytes = ATLS_BYTES(content->bytes, content->size);
    uint8_t digest[ATLS_HASH_MAX];
    int result = read_message(message, &signature);
    if (result == 0)
        result = crypto->hash(ATLS_SHA256, &signed_bytes, 1, digest);
    if (result != 0)
        return result;
    result = crypto->verify(key, ATLS_BYTES(digest, atls_hash_size(ATLS_SHA256)), signature);
    return result == ATLS_E_SIGNATURE
               ? atls_fail(ATLS_E_SIGNATURE, CLAUSE,
                           "CertificateVerify (r || s) does not verify with the attested key")
               : result;
}
