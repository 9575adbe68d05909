/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes the header of a software image; see image.h for the layout. */
#include "sim/boot/image.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"

#define CLAUSE "image header, sim/boot/image.h"
#define MAGIC 0x41544c49u /* "ATLI" */
#define FORMAT 1
#define TEXT_FIELD (ATLS_IMAGE_TEXT_MAX + 1)
#define FIXED_SIZE (4 + 2 + 2 + 4 + 2 * TEXT_FIELD + ATLS_IMAGE_SIGNER_ID_SIZE)

bool atls_image_text_valid(struct atls_bytes text)
{
    if (text.size < 1 || text.size > ATLS_IMAGE_TEXT_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x21 || text.data[i] > 0x7e)
            return false;
    return true;
}

/* A text field: visible ASCII, then zero bytes only. */
static int take_text(struct atls_cursor *c, const char *what, struct atls_bytes *textp)
{
    struct atls_bytes field, text;
    int result = atls_cursor_take(c, what, TEXT_FIELD, &field);
    if (result)
        return result;
    text = field;
    while (text.size > 0 && text.data[text.size - 1] == 0)
        text.size--;
    if (!atls_image_text_valid(text))
        return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                         "%s: expected 1 to %d bytes of visible ASCII, padded with zero bytes",
                         what, ATLS_IMAGE_TEXT_MAX);
    *textp = text;
    return 0;
}

static int take_padding(struct atls_cursor *c, size_t size)
{
    struct atls_bytes padding;
    int result = atls_cursor_take(c, "padding of the image header", size, &padding);
    if (result)
        return result;
    for (size_t i = 0; i < padding.size; i++)
        if (padding.data[i] != 0)
            return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                             "padding of the image header: expected zero bytes, came 0x%02x",
                             padding.data[i]);
    return 0;
}

static int take_preamble(struct atls_cursor *c, uint16_t *header_sizep, uint32_t *body_sizep)
{
    uint32_t magic, body_size;
    uint16_t format, header_size;
    int result;
    if ((result = atls_cursor_u32(c, "magic of the image", &magic)))
        return result;
    if (magic != MAGIC)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected an image (\"ATLI\"), came 0x%08lx",
                         (unsigned long)magic);
    if ((result = atls_cursor_u16(c, "format of the image", &format)) ||
        (result = atls_cursor_u16(c, "size of the image header", &header_size)) ||
        (result = atls_cursor_u32(c, "size of the image body", &body_size)))
        return result;
    if (format != FORMAT)
        return atls_fail(ATLS_E_UNSUPPORTED, CLAUSE, "expected image format %d, came %u", FORMAT,
                         format);
    if (header_size < ATLS_IMAGE_HEADER_SIZE || header_size > ATLS_IMAGE_HEADER_MAX ||
        header_size % 4)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                         "expected an image header of %d to %d bytes in steps of 4, came %u",
                         ATLS_IMAGE_HEADER_SIZE, ATLS_IMAGE_HEADER_MAX, header_size);
    *header_sizep = header_size;
    *body_sizep = body_size;
    return 0;
}

int atls_image_size(struct atls_bytes in, size_t *sizep)
{
    struct atls_cursor c = atls_cursor_of(in, CLAUSE);
    uint16_t header_size = 0;
    uint32_t body_size = 0;
    int result = take_preamble(&c, &header_size, &body_size);
    if (result)
        return result;
    if (header_size > in.size || body_size > in.size - header_size)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                         "an image of %lu bytes does not fit into the %zu that are there",
                         (unsigned long)header_size + body_size, in.size);
    *sizep = (size_t)header_size + body_size;
    return 0;
}

int atls_image_parse(struct atls_bytes in, struct atls_image *imagep)
{
    struct atls_cursor c = atls_cursor_of(in, CLAUSE);
    struct atls_image image;
    uint16_t header_size = 0;
    uint32_t body_size = 0;
    int result;
    if ((result = take_preamble(&c, &header_size, &body_size)) ||
        (result = take_text(&c, "name of the image", &image.name)) ||
        (result = take_text(&c, "version of the image", &image.version)) ||
        (result = atls_cursor_take(&c, "signer id of the image", ATLS_IMAGE_SIGNER_ID_SIZE,
                                   &image.signer_id)) ||
        (result = take_padding(&c, header_size - FIXED_SIZE)) ||
        (result = atls_cursor_take(&c, "body of the image", body_size, &image.body)) ||
        (result = atls_cursor_end(&c, "image")))
        return result;
    *imagep = image;
    return 0;
}

static void put_text(struct atls_sink *s, struct atls_bytes text)
{
    atls_sink_bytes(s, text);
    for (size_t i = text.size; i < TEXT_FIELD; i++)
        atls_sink_u8(s, 0);
}

int atls_image_write(const struct atls_image *image, uint8_t *out, size_t capacity, size_t *sizep)
{
    struct atls_sink s = atls_sink_of(out, capacity);
    struct atls_bytes written;
    int result;
    if (!atls_image_text_valid(image->name) || !atls_image_text_valid(image->version) ||
        image->signer_id.size != ATLS_IMAGE_SIGNER_ID_SIZE || image->body.size > UINT32_MAX)
        return atls_fail(-EINVAL, CLAUSE,
                         "an image needs a name and a version of 1 to %d visible ASCII characters "
                         "and a signer id of %d bytes",
                         ATLS_IMAGE_TEXT_MAX, ATLS_IMAGE_SIGNER_ID_SIZE);
    atls_sink_u32(&s, MAGIC);
    atls_sink_u16(&s, FORMAT);
    atls_sink_u16(&s, ATLS_IMAGE_HEADER_SIZE);
    atls_sink_u32(&s, (uint32_t)image->body.size);
    put_text(&s, image->name);
    put_text(&s, image->version);
    atls_sink_bytes(&s, image->signer_id);
    for (size_t i = FIXED_SIZE; i < ATLS_IMAGE_HEADER_SIZE; i++)
        atls_sink_u8(&s, 0);
    atls_sink_bytes(&s, image->body);
    if ((result = atls_sink_done(&s, &written)))
        return result;
    *sizep = written.size;
    return 0;
}
