/* SPDX-License-Identifier: Apache-2.0 */
/* An EC key is put together here, from its number and from its SubjectPublicKeyInfo, which GnuTLS
 * writes right; all other keys are left to GnuTLS. */
#include "tls/keys/private-key.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"

enum {
    INTEGER = 0x02,
    BIT_STRING = 0x03,
    OCTET_STRING = 0x04,
    SEQUENCE = 0x30,
    PUBLIC_KEY = 0xa1, /* [1], explicit */
    VALUE_MAX = 66,    /* P-521 */
    ENCODED_MAX = 512,
};

static int fails(int code, const char *what)
{
    return atls_gnutls_fail(code, ATLS_E_UNSUPPORTED, "RFC 5958", what);
}

/* DER written from its end to its front: a length is known when its value is there. */
struct backwards {
    uint8_t bytes[ENCODED_MAX];
    size_t at; /* of the first byte */
    bool full;
};

static void put(struct backwards *out, const uint8_t *data, size_t size)
{
    if (out->full || size > out->at) {
        out->full = true;
        return;
    }
    out->at -= size;
    memcpy(out->bytes + out->at, data, size);
}

static void put_byte(struct backwards *out, uint8_t byte)
{
    put(out, &byte, 1);
}

/* The head of what was written since END. */
static void put_head(struct backwards *out, uint8_t tag, size_t end)
{
    size_t size = end - out->at;
    bool is_long = size > 0x7f;
    put_byte(out, (uint8_t)size);
    if (size > 0xff)
        put_byte(out, (uint8_t)(size >> 8));
    if (is_long)
        put_byte(out, size > 0xff ? 0x82 : 0x81);
    put_byte(out, tag);
}

/* Takes one element off the front of *RESTP: its TAG and length, and what is in it. */
static bool take(gnutls_datum_t *restp, uint8_t tag, gnutls_datum_t *wholep,
                 gnutls_datum_t *insidep)
{
    unsigned head = 2;
    if (restp->size < head || restp->data[0] != tag)
        return false;
    unsigned size = restp->data[1];
    for (unsigned more = size & 0x80 ? size & 0x7f : 0; more > 0; more--, head++) {
        if (head == 2)
            size = 0;
        if (head == 4 || head >= restp->size) /* two octets of length do */
            return false;
        size = size << 8 | restp->data[head];
    }
    if (size > restp->size - head)
        return false;
    *wholep = (gnutls_datum_t){restp->data, head + size};
    *insidep = (gnutls_datum_t){restp->data + head, size};
    *restp = (gnutls_datum_t){restp->data + head + size, restp->size - head - size};
    return true;
}

/* RFC 5915 section 3, in RFC 5958 section 2, whose first version has no public key of its own. */
static bool put_key(struct backwards *out, const uint8_t *value, size_t size, gnutls_datum_t spki)
{
    gnutls_datum_t whole, inside, algorithm, public_key, ignored;
    if (!take(&spki, SEQUENCE, &whole, &inside) || !take(&inside, SEQUENCE, &algorithm, &ignored) ||
        !take(&inside, BIT_STRING, &public_key, &ignored))
        return false;
    size_t end = out->at;
    put(out, public_key.data, public_key.size);
    put_head(out, PUBLIC_KEY, end);
    size_t value_end = out->at;
    put(out, value, size);
    put_head(out, OCTET_STRING, value_end);
    put(out, (const uint8_t[]){INTEGER, 1, 1}, 3);
    put_head(out, SEQUENCE, end);
    put_head(out, OCTET_STRING, end);
    put(out, algorithm.data, algorithm.size);
    put(out, (const uint8_t[]){INTEGER, 1, 0}, 3);
    put_head(out, SEQUENCE, end);
    return !out->full;
}

/* The private value at its curve's length, whatever zero octets GnuTLS has cut or added. */
static int fixed_value(gnutls_privkey_t key, uint8_t valuep[VALUE_MAX], size_t *sizep)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x = {NULL, 0}, y = {NULL, 0}, k = {NULL, 0};
    int code = gnutls_privkey_export_ecc_raw2(key, &curve, &x, &y, &k, 0);
    if (code < 0)
        return fails(code, "an EC private key");
    size_t size = (size_t)gnutls_ecc_curve_get_size(curve);
    unsigned zeros = 0;
    while (zeros < k.size && k.data[zeros] == 0)
        zeros++;
    size_t used = k.size - zeros;
    int result = 0;
    if (size == 0 || size > VALUE_MAX || used > size) {
        result =
            atls_fail(ATLS_E_UNSUPPORTED, "RFC 5915 section 3",
                      "an EC private value: expected at most %zu octets, came %zu", size, used);
    } else {
        memset(valuep, 0, size - used);
        memcpy(valuep + size - used, k.data + zeros, used);
        *sizep = size;
    }
    gnutls_memset(k.data, 0, k.size);
    gnutls_free(x.data);
    gnutls_free(y.data);
    gnutls_free(k.data);
    return result;
}

static int public_part(gnutls_privkey_t key, gnutls_datum_t *spkip)
{
    gnutls_pubkey_t public_key;
    int result = gnutls_pubkey_init(&public_key);
    if (result < 0)
        return fails(result, "a public key");
    result = gnutls_pubkey_import_privkey(public_key, key, 0, 0);
    if (result == 0)
        result = gnutls_pubkey_export2(public_key, GNUTLS_X509_FMT_DER, spkip);
    gnutls_pubkey_deinit(public_key);
    return result < 0 ? fails(result, "a public key") : 0;
}

static int encode_ec(gnutls_privkey_t key, gnutls_datum_t *derp)
{
    struct backwards out = {.at = ENCODED_MAX};
    gnutls_datum_t spki = {NULL, 0};
    uint8_t value[VALUE_MAX];
    size_t size = 0;
    int result = public_part(key, &spki);
    if (result == 0)
        result = fixed_value(key, value, &size);
    if (result == 0 && !put_key(&out, value, size, spki))
        result = atls_fail(ATLS_E_UNSUPPORTED, "RFC 5958", "an EC private key of this size");
    uint8_t *der = result == 0 ? gnutls_malloc(ENCODED_MAX - out.at) : NULL;
    if (der) {
        memcpy(der, out.bytes + out.at, ENCODED_MAX - out.at);
        *derp = (gnutls_datum_t){der, (unsigned)(ENCODED_MAX - out.at)};
    } else if (result == 0) {
        result = atls_fail(-ENOMEM, NULL, "no memory for a private key");
    }
    gnutls_memset(value, 0, sizeof value);
    gnutls_memset(out.bytes, 0, sizeof out.bytes);
    gnutls_free(spki.data);
    return result;
}

int atls_private_key_encode(gnutls_privkey_t key, gnutls_datum_t *derp)
{
    if (gnutls_privkey_get_pk_algorithm(key, NULL) == GNUTLS_PK_ECDSA)
        return encode_ec(key, derp);
    gnutls_x509_privkey_t other = NULL;
    int result = gnutls_privkey_export_x509(key, &other);
    if (result == 0)
        result = gnutls_x509_privkey_export2_pkcs8(other, GNUTLS_X509_FMT_DER, NULL,
                                                   GNUTLS_PKCS_PLAIN, derp);
    if (other)
        gnutls_x509_privkey_deinit(other);
    return result < 0 ? fails(result, "a private key") : 0;
}
