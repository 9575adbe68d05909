/* SPDX-License-Identifier: Apache-2.0 */
/* Tags and lengths of a certificate, one behind the other, as far as its key and extensions. */
#include "rats/cmw/certificate-der.h"

#include <stdint.h>

#include "rats/base/error.h"

#define CLAUSE "RFC 5280 section 4.1"
#define EXTENSION_CLAUSE "RFC 5280 section 4.2"
#define DER_CLAUSE "X.690 section 10.1"

enum tag {
    BOOLEAN = 0x01,
    INTEGER = 0x02,
    BIT_STRING = 0x03,
    OCTET_STRING = 0x04,
    OBJECT_IDENTIFIER = 0x06,
    SEQUENCE = 0x30,
    VERSION = 0xa0,    /* [0] EXPLICIT */
    EXTENSIONS = 0xa3, /* [3] EXPLICIT */
};

void atls_der_put_head(struct atls_sink *sink, uint8_t tag, size_t size)
{
    atls_sink_u8(sink, tag);
    if (size < 0x80) {
        atls_sink_u8(sink, (uint8_t)size);
    } else if (size <= UINT8_MAX) {
        atls_sink_u8(sink, 0x81);
        atls_sink_u8(sink, (uint8_t)size);
    } else if (size <= UINT16_MAX) {
        atls_sink_u8(sink, 0x82);
        atls_sink_u16(sink, (uint16_t)size);
    } else {
        atls_sink_u8(sink, 0x83);
        atls_sink_u24(sink, (uint32_t)size);
    }
}

int atls_der_length(struct atls_cursor *c, size_t *sizep)
{
    uint8_t first, byte;
    size_t size = 0;
    int result = atls_cursor_u8(c, "length", &first);

    if (result)
        return result;
    if (first < 0x80) {
        *sizep = first;
        return 0;
    }
    if (first == 0x80 || first > 0x84)
        return atls_fail(ATLS_E_MALFORMED, DER_CLAUSE,
                         "expected a definite length of at most four bytes, came 0x%02x", first);
    for (unsigned i = 0; i < (unsigned)first - 0x80; i++) {
        result = atls_cursor_u8(c, "length", &byte);
        if (result)
            return result;
        if (i == 0 && byte == 0)
            size = SIZE_MAX; /* a zero in front: not the shortest */
        else if (size != SIZE_MAX)
            size = size << 8 | byte;
    }
    if (size == SIZE_MAX || size < 0x80)
        return atls_fail(ATLS_E_MALFORMED, DER_CLAUSE,
                         "the length is not in as few bytes as possible");
    *sizep = size;
    return 0;
}

/* The contents of what comes next, which must have TAG. */
static int take(struct atls_cursor *c, enum tag tag, const char *what, struct atls_bytes *contentsp)
{
    uint8_t came;
    size_t size = 0;
    int result = atls_cursor_u8(c, what, &came);

    if (result)
        return result;
    if (came != tag)
        return atls_fail(ATLS_E_MALFORMED, c->clause, "%s: expected tag %02x, came %02x", what,
                         (unsigned)tag, came);
    result = atls_der_length(c, &size);
    return result ? result : atls_cursor_take(c, what, size, contentsp);
}

/* As take(), with a cursor for what is within. */
static int enter(struct atls_cursor *c, enum tag tag, const char *what,
                 struct atls_cursor *contentsp)
{
    struct atls_bytes contents;
    int result = take(c, tag, what, &contents);

    if (result == 0)
        *contentsp = atls_cursor_of(contents, c->clause);
    return result;
}

/* As enter(), and nothing may stand behind it. */
static int enter_last(struct atls_cursor *c, enum tag tag, const char *what,
                      struct atls_cursor *contentsp)
{
    int result = enter(c, tag, what, contentsp);

    return result ? result : atls_cursor_end(c, what);
}

static int open_extensions(struct atls_cursor *tbs, struct atls_bytes *extensionsp)
{
    struct atls_cursor outer;
    int result = enter_last(tbs, EXTENSIONS, "extensions", &outer);

    result = result ? result : take(&outer, SEQUENCE, "extensions", extensionsp);
    return result ? result : atls_cursor_end(&outer, "extensions");
}

int atls_certificate_der_open(struct atls_bytes certificate, struct atls_certificate_der *openedp)
{
    static const struct {
        enum tag tag;
        const char *what;
    } before_key[] = {
        {VERSION, "version"}, {INTEGER, "serialNumber"}, {SEQUENCE, "signature"},
        {SEQUENCE, "issuer"}, {SEQUENCE, "validity"},    {SEQUENCE, "subject"},
    };
    struct atls_cursor whole = atls_cursor_of(certificate, CLAUSE), outer, tbs;
    struct atls_certificate_der opened = {.extensions = {NULL, 0}};
    struct atls_bytes passed;
    int result = enter_last(&whole, SEQUENCE, "Certificate", &outer);

    result = result ? result : enter(&outer, SEQUENCE, "tbsCertificate", &tbs);
    result = result ? result : take(&outer, SEQUENCE, "signatureAlgorithm", &passed);
    result = result ? result : take(&outer, BIT_STRING, "signatureValue", &passed);
    result = result ? result : atls_cursor_end(&outer, "Certificate");
    for (size_t i = 0; result == 0 && i < sizeof before_key / sizeof *before_key; i++)
        result = take(&tbs, before_key[i].tag, before_key[i].what, &passed);
    if (result)
        return result;
    const uint8_t *key = tbs.at;
    result = take(&tbs, SEQUENCE, "subjectPublicKeyInfo", &passed);
    opened.spki = ATLS_BYTES(key, (size_t)(tbs.at - key));
    if (result == 0 && tbs.left > 0)
        result = open_extensions(&tbs, &opened.extensions);
    if (result == 0)
        *openedp = opened;
    return result;
}

int atls_certificate_der_next(struct atls_cursor *extensions, struct atls_extension_der *nextp)
{
    static const uint8_t true_in_der = 0xff;
    struct atls_extension_der next = {.critical = false};
    struct atls_bytes critical;
    struct atls_cursor c;
    int result = enter(extensions, SEQUENCE, "Extension", &c);

    if (result)
        return result;
    c.clause = EXTENSION_CLAUSE;
    result = take(&c, OBJECT_IDENTIFIER, "extnID", &next.oid);
    if (result == 0 && c.left > 0 && *c.at == BOOLEAN) {
        result = take(&c, BOOLEAN, "critical", &critical);
        next.critical = true;
        if (result == 0 && !atls_bytes_equal(critical, ATLS_BYTES(&true_in_der, 1)))
            result = atls_fail(ATLS_E_MALFORMED, "X.690 section 11.5",
                               "critical: expected TRUE (ff) or nothing");
    }
    result = result ? result : take(&c, OCTET_STRING, "extnValue", &next.value);
    result = result ? result : atls_cursor_end(&c, "Extension");
    if (result == 0)
        *nextp = next;
    return result;
}
