/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of COSE that makes messages: firmware has it too, so nothing here allocates or reads
 * CBOR. The Sig_structure is hashed in parts and never stands in memory as a whole.
 */
#include "rats/base/error.h"
#include "rats/cose/cose.h"

enum { MAJOR_BYTES = 2, KTY_EC2 = 2 };

int atls_cose_sign1_digest(const struct atls_crypto *crypto, enum atls_hash hash,
                           struct atls_bytes protected_header, struct atls_bytes payload,
                           uint8_t *digestp)
{
    uint8_t front[12 + ATLS_CBOR_HEAD_MAX] = "\x84\x6aSignature1"; /* array(4), text(10) */
    uint8_t middle[1 + ATLS_CBOR_HEAD_MAX] = {0x40};               /* no external data */
    size_t front_size = 12 + atls_cbor_head(MAJOR_BYTES, protected_header.size, front + 12);
    size_t middle_size = 1 + atls_cbor_head(MAJOR_BYTES, payload.size, middle + 1);
    const struct atls_bytes parts[] = {ATLS_BYTES(front, front_size), protected_header,
                                       ATLS_BYTES(middle, middle_size), payload};

    return crypto->hash(hash, parts, sizeof parts / sizeof *parts, digestp);
}

int atls_cose_sign1_write(struct atls_cbor_writer *w, bool tagged, struct atls_bytes payload,
                          const struct atls_crypto *crypto, const struct atls_signer *signer)
{
    return atls_cose_sign1_write_as(w, tagged, NULL, payload, crypto, signer);
}

int atls_cose_sign1_write_as(struct atls_cbor_writer *w, bool tagged, const char *content_type,
                             struct atls_bytes payload, const struct atls_crypto *crypto,
                             const struct atls_signer *signer)
{
    uint8_t header[80], digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX] = {0};
    enum atls_hash hash = atls_curve_hash(signer->curve);
    struct atls_cbor_writer header_writer;
    struct atls_bytes protected_header;
    int result;

    atls_cbor_write_init(&header_writer, header, sizeof header);
    atls_cbor_write_map(&header_writer, content_type ? 2 : 1);
    atls_cbor_write_int(&header_writer, ATLS_COSE_LABEL_ALG);
    atls_cbor_write_int(&header_writer, atls_curve_cose_alg(signer->curve));
    if (content_type) {
        atls_cbor_write_int(&header_writer, ATLS_COSE_LABEL_CONTENT_TYPE);
        atls_cbor_write_text(&header_writer, content_type);
    }
    result = atls_cbor_write_done(&header_writer, &protected_header);
    if (result == 0 && w->buffer) { /* who only counts needs no signature, nor has a payload yet */
        result = atls_cose_sign1_digest(crypto, hash, protected_header, payload, digest);
        if (result == 0)
            result =
                signer->sign(signer->context, ATLS_BYTES(digest, atls_hash_size(hash)), signature);
    }
    if (result)
        return result;
    if (tagged)
        atls_cbor_write_tag(w, ATLS_TAG_COSE_SIGN1);
    atls_cbor_write_array(w, 4);
    atls_cbor_write_bytes(w, protected_header);
    atls_cbor_write_map(w, 0);
    atls_cbor_write_bytes(w, payload);
    atls_cbor_write_bytes(w, ATLS_BYTES(signature, 2 * atls_curve_size(signer->curve)));
    return 0;
}

void atls_cose_key_write(struct atls_cbor_writer *w, const struct atls_public_key *key)
{
    size_t size = atls_curve_size(key->curve);

    atls_cbor_write_map(w, 4);
    atls_cbor_write_int(w, ATLS_COSE_KEY_KTY);
    atls_cbor_write_int(w, KTY_EC2);
    atls_cbor_write_int(w, ATLS_COSE_KEY_CRV);
    atls_cbor_write_int(w, key->curve);
    atls_cbor_write_int(w, ATLS_COSE_KEY_X);
    atls_cbor_write_bytes(w, ATLS_BYTES(key->x, size));
    atls_cbor_write_int(w, ATLS_COSE_KEY_Y);
    atls_cbor_write_bytes(w, ATLS_BYTES(key->y, size));
}
