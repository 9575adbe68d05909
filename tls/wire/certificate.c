/* SPDX-License-Identifier: Apache-2.0 */
/* The Certificate message's parser and the certificate made to measure. */
#include "tls/wire/certificate.h"

#include <string.h>

#include "rats/base/error.h"

#define CERTIFICATE_MAX 0xFFFFFF
#define TBS_MAX 320
#define CLAUSE "RFC 8446 section 4.4.2"

int atls_certificate_parse(struct atls_bytes message, struct atls_certificate_message *parsedp)
{
    struct atls_cursor c = atls_cursor_of(message, CLAUSE);
    struct atls_bytes context, list;
    int result = atls_cursor_vector(&c, "certificate_request_context", 1, 0, 0, &context);
    if (result == 0)
        result = atls_cursor_vector(&c, "certificate_list", 3, 0, CERTIFICATE_MAX, &list);
    if (result == 0)
        result = atls_cursor_end(&c, "Certificate");
    if (result != 0)
        return result;
    struct atls_certificate_message parsed = {.entry_count = 0};
    struct atls_cursor entries = atls_cursor_of(list, CLAUSE);
    while (entries.left > 0) {
        struct atls_bytes data, extensions;
        result = atls_cursor_vector(&entries, "cert_data", 3, 0, CERTIFICATE_MAX, &data);
        if (result == 0)
            result = atls_cursor_vector(&entries, "extensions of a CertificateEntry", 2, 0,
                                        UINT16_MAX, &extensions);
        if (result != 0)
            return result;
        if (parsed.entry_count++ == 0) {
            parsed.first = data;
            parsed.first_at = (size_t)(data.data - message.data);
        }
        parsed.has_extensions = parsed.has_extensions || extensions.size > 0;
    }
    *parsedp = parsed;
    return 0;
}

static size_t head_size(size_t size)
{
    return size < 0x80 ? 2 : size <= UINT8_MAX ? 3 : size <= UINT16_MAX ? 4 : 5;
}

/* Tag and length (X.690 section 8.1.3) in HEAD bytes; the contents follow. */
static void put_head_in(struct atls_sink *sink, uint8_t tag, size_t size, size_t head)
{
    atls_sink_u8(sink, tag);
    if (head > 2)
        atls_sink_u8(sink, (uint8_t)(0x80 | (head - 2)));
    if (head <= 3)
        atls_sink_u8(sink, (uint8_t)size);
    else if (head == 4)
        atls_sink_u16(sink, (uint16_t)size);
    else
        atls_sink_u24(sink, (uint32_t)size);
}

static void put_head(struct atls_sink *sink, uint8_t tag, size_t size)
{
    put_head_in(sink, tag, size, head_size(size));
}

static const uint8_t ecdsa_with_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                            0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
/* CN=attested key */
static const uint8_t name[] = {0x30, 0x17, 0x31, 0x15, 0x30, 0x13, 0x06, 0x03, 0x55,
                               0x04, 0x03, 0x0c, 0x0c, 'a',  't',  't',  'e',  's',
                               't',  'e',  'd',  ' ',  'k',  'e',  'y'};
/* From 1970 to 9999-12-31 (RFC 5280 section 4.1.2.5: no well-defined expiration) */
static const uint8_t validity[] = {0x30, 0x20, 0x17, 0x0d, '7', '0',  '0',  '1', '0', '1', '0', '0',
                                   '0',  '0',  '0',  '0',  'Z', 0x18, 0x0f, '9', '9', '9', '9', '1',
                                   '2',  '3',  '1',  '2',  '3', '5',  '9',  '5', '9', 'Z'};
static const uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};

/* TBSCertificate (RFC 5280 section 4.1) with a serial number of SERIAL bytes. */
static struct atls_bytes make_tbs(struct atls_bytes spki, size_t serial, uint8_t buffer[TBS_MAX])
{
    uint8_t inner[TBS_MAX], digits[20];
    struct atls_sink in = atls_sink_of(inner, sizeof inner);
    memset(digits, 0x11, sizeof digits);
    atls_sink_bytes(&in, ATLS_BYTES(version_3, sizeof version_3));
    put_head(&in, 0x02, serial);
    atls_sink_bytes(&in, ATLS_BYTES(digits, serial));
    atls_sink_bytes(&in, ATLS_BYTES(ecdsa_with_sha256, sizeof ecdsa_with_sha256));
    atls_sink_bytes(&in, ATLS_BYTES(name, sizeof name));
    atls_sink_bytes(&in, ATLS_BYTES(validity, sizeof validity));
    atls_sink_bytes(&in, ATLS_BYTES(name, sizeof name));
    atls_sink_bytes(&in, spki);
    struct atls_sink out = atls_sink_of(buffer, TBS_MAX);
    put_head(&out, 0x30, in.used);
    atls_sink_bytes(&out, ATLS_BYTES(inner, in.used));
    return ATLS_BYTES(buffer, out.used);
}

struct shape {    /* of a certificate of a given size around a given TBSCertificate */
    size_t outer; /* bytes of the head of the outermost SEQUENCE */
    size_t head;  /* likewise of the signature's BIT STRING */
    size_t value; /* bytes of the signature value */
};

/* With SPARE the outermost length has one byte more than DER wants. */
static bool find_shape(size_t tbs, size_t size, size_t spare, struct shape *shapep)
{
    for (size_t head = 2; head <= 5; head++) {
        size_t fixed = tbs + sizeof ecdsa_with_sha256 + head + 1; /* 1: unused bits */
        for (size_t outer = 2 + spare; outer <= 5; outer++) {
            if (size < fixed + outer + 1)
                continue;
            size_t value = size - fixed - outer;
            if (head_size(value + 1) != head || head_size(size - outer) != outer - spare)
                continue;
            *shapep = (struct shape){.outer = outer, .head = head, .value = value};
            return true;
        }
    }
    return false;
}

static void put_certificate(struct atls_bytes tbs, const struct shape *shape, uint8_t *der,
                            size_t size)
{
    struct atls_sink out = atls_sink_of(der, size);
    put_head_in(&out, 0x30, size - shape->outer, shape->outer);
    atls_sink_bytes(&out, tbs);
    atls_sink_bytes(&out, ATLS_BYTES(ecdsa_with_sha256, sizeof ecdsa_with_sha256));
    put_head_in(&out, 0x03, shape->value + 1, shape->head);
    atls_sink_u8(&out, 0);
    memset(der + out.used, 0, shape->value);
}

int atls_certificate_around(struct atls_bytes spki, uint8_t *der, size_t size)
{
    bool possible = spki.size <= ATLS_SPKI_MAX && size >= ATLS_SYNTHETIC_CERTIFICATE_MIN &&
                    size <= CERTIFICATE_MAX;
    /* A serial number of another length reaches the totals that one length passes over, where the
     * signature's length field grows. 259 and 65540 bytes no DER of one SEQUENCE can have: only
     * there the outermost length is not the shortest one, which the library reads all the same. */
    for (size_t spare = 0; spare <= 1 && possible; spare++)
        for (size_t serial = 1; serial <= 2; serial++) {
            uint8_t buffer[TBS_MAX];
            struct shape shape;
            struct atls_bytes tbs = make_tbs(spki, serial, buffer);
            if (!find_shape(tbs.size, size, spare, &shape))
                continue;
            put_certificate(tbs, &shape, der, size);
            return 0;
        }
    return atls_fail(ATLS_E_LIMIT, NULL,
                     "no certificate of %zu bytes can stand for the key: expected %d to %d", size,
                     ATLS_SYNTHETIC_CERTIFICATE_MIN, CERTIFICATE_MAX);
}

int atls_certificate_synthesize(const struct atls_public_key *key, uint8_t *der, size_t size)
{
    uint8_t spki[ATLS_SPKI_MAX];
    return atls_certificate_around(ATLS_BYTES(spki, atls_spki_encode(key, spki)), der, size);
}
