/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers here say of bytes, as plain functions of a shared library: harness/fuzz asks
 * them from Python and holds the answers to those of cbor2 and pycose.
 */
#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"
#include "rats/cose/cose.h"

int oracle_cbor(const uint8_t *data, size_t size);
int oracle_cose(const uint8_t *data, size_t size, const uint8_t point[64]);
const char *oracle_text(void);

/* 0 where the whole is one well-formed item by the lenient rules, else enum atls_error. */
int oracle_cbor(const uint8_t *data, size_t size)
{
    struct atls_cbor_reader reader;

    return atls_cbor_open(&reader, ATLS_BYTES(data, size), &atls_cbor_lenient, NULL);
}

/* 0 where it is a COSE_Sign1, tagged or not, that the key x || y of P-256 signed. */
int oracle_cose(const uint8_t *data, size_t size, const uint8_t point[64])
{
    struct atls_public_key key = {.curve = ATLS_P256};
    struct atls_cose_sign1 message;
    int result =
        atls_cose_sign1_parse(ATLS_BYTES(data, size), ATLS_COSE_TAG_EITHER, NULL, &message);

    memcpy(key.x, point, 32);
    memcpy(key.y, point + 32, 32);
    return result ? result : atls_cose_sign1_verify(&message, &atls_crypto_hosted, &key);
}

/* What the last call that did not give 0 found; good until the next call. */
const char *oracle_text(void)
{
    return atls_error_text();
}
