/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the conceptual message wrapper that a device needs: the transform between content
 * formats and CBOR tags, and writers for single records and tags that never allocate.
 */
#include <errno.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw.h"

#define TN_CLAUSE "RFC 9277 appendix B"
/* Both low bytes of a TN tag run from 1 to 255, so that the tag has no zero byte. */
#define TN_BASE 0x63740101u
#define TN_DIGITS 255u
#define TN_CONTENT_FORMAT_MAX (TN_DIGITS * TN_DIGITS - 1)

static void refuse(struct atls_cbor_writer *w, const char *text)
{
    if (w->error)
        return;
    w->error = -EINVAL;
    w->error_text = text;
}

int atls_cmw_tn(unsigned content_format, uint32_t *tagp)
{
    if (content_format > TN_CONTENT_FORMAT_MAX)
        return atls_fail(ATLS_E_LIMIT, TN_CLAUSE,
                         "content format %u has no CBOR tag: the last one that has is %u",
                         content_format, TN_CONTENT_FORMAT_MAX);
    *tagp = TN_BASE + content_format / TN_DIGITS * 256 + content_format % TN_DIGITS;
    return 0;
}

int atls_cmw_tn_inverse(uint64_t tag, uint16_t *content_formatp)
{
    unsigned high = tag >> 8 & 0xff, low = tag & 0xff;

    if (tag >> 16 != TN_BASE >> 16 || high == 0 || low == 0)
        return atls_fail(ATLS_E_MALFORMED, TN_CLAUSE,
                         "expected a tag made from a content format (0x6374xxyy, neither xx nor yy "
                         "zero), tag %llu (0x%llx) came",
                         (unsigned long long)tag, (unsigned long long)tag);
    *content_formatp = (uint16_t)((high - 1) * TN_DIGITS + low - 1);
    return 0;
}

void atls_cmw_write_record_type(struct atls_cbor_writer *w, const struct atls_cmw_type *type,
                                struct atls_bytes value, unsigned indicator)
{
    if (indicator > ATLS_IND_ALL)
        refuse(w, "a CMW indicator above 31 (RFC 9999 section 3.1)");
    if (!type->is_content_format && atls_media_type_check(type->media_type))
        refuse(w, "a CMW record's type that is no media type (RFC 9193)");
    atls_cbor_write_array(w, indicator ? 3 : 2);
    if (type->is_content_format)
        atls_cbor_write_uint(w, type->content_format);
    else
        atls_cbor_write_text_bytes(w, type->media_type);
    atls_cbor_write_bytes(w, value);
    if (indicator)
        atls_cbor_write_uint(w, indicator);
}

void atls_cmw_write_record(struct atls_cbor_writer *w, const char *media_type,
                           struct atls_bytes value, unsigned indicator)
{
    struct atls_cmw_type type = {.media_type = atls_bytes_of_text(media_type)};

    atls_cmw_write_record_type(w, &type, value, indicator);
}

void atls_cmw_write_record_cf(struct atls_cbor_writer *w, uint16_t content_format,
                              struct atls_bytes value, unsigned indicator)
{
    struct atls_cmw_type type = {.is_content_format = true, .content_format = content_format};

    atls_cmw_write_record_type(w, &type, value, indicator);
}

int atls_cmw_write_tag(struct atls_cbor_writer *w, uint16_t content_format, struct atls_bytes value)
{
    uint32_t tag;
    int result = atls_cmw_tn(content_format, &tag);

    if (result)
        return result;
    atls_cbor_write_tag(w, tag);
    atls_cbor_write_bytes(w, value);
    return 0;
}
