/* SPDX-License-Identifier: Apache-2.0 */
/* Byte strings, cursors, buffers, and the encodings of text. */
#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bytes text_bytes(const char *text)
{
    return BYTES(text, strlen(text));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    uint8_t difference = 0;
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        difference |= a.data[i] ^ b.data[i];
    return difference == 0;
}

bool bytes_are(struct bytes a, const char *text)
{
    return bytes_equal(a, text_bytes(text));
}

void refuse_because(struct why *why, const char *reason, int alert, const char *clause,
                    const char *format, ...)
{
    va_list list;
    if (why->reason)
        return;
    why->reason = reason;
    why->alert = alert;
    snprintf(why->clause, sizeof why->clause, "%s", clause ? clause : "");
    va_start(list, format);
    vsnprintf(why->detail, sizeof why->detail, format, list);
    va_end(list);
    for (char *c = why->detail; *c; c++) /* a peer's bytes may be in it */
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

int take(struct cursor *c, const char *what, size_t size, struct bytes *takenp)
{
    if (c->left.size < size)
        return refuse(c->why, c->reason, c->clause, "%s: expected %zu bytes, came %zu", what, size,
                      c->left.size);
    *takenp = BYTES(c->left.data, size);
    if (size > 0)
        c->left = BYTES(c->left.data + size, c->left.size - size);
    return 0;
}

int take_number(struct cursor *c, const char *what, unsigned width, uint64_t *numberp)
{
    struct bytes bytes;
    uint64_t number = 0;
    if (take(c, what, width, &bytes))
        return -1;
    for (size_t i = 0; i < width; i++)
        number = number << 8 | bytes.data[i];
    *numberp = number;
    return 0;
}

int take_vector(struct cursor *c, const char *what, unsigned width, size_t least, size_t most,
                struct bytes *takenp)
{
    uint64_t size;
    if (take_number(c, what, width, &size))
        return -1;
    if (size < least || size > most)
        return refuse(c->why, c->reason, c->clause, "%s: expected %zu to %zu bytes, came %zu", what,
                      least, most, (size_t)size);
    return take(c, what, (size_t)size, takenp);
}

int take_end(const struct cursor *c, const char *what)
{
    if (c->left.size == 0)
        return 0;
    return refuse(c->why, c->reason, c->clause, "%s: %zu bytes are behind its end", what,
                  c->left.size);
}

void *allocate(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory) {
        fprintf(stderr, "no memory for %zu bytes\n", size);
        exit(1);
    }
    return memory;
}

char *text_copy(struct bytes bytes)
{
    char *text = allocate(bytes.size + 1);
    if (bytes.size)
        memcpy(text, bytes.data, bytes.size);
    return text;
}

void put(struct blob *blob, struct bytes bytes)
{
    if (bytes.size > blob->room - blob->size) {
        size_t room = blob->size + bytes.size + blob->room;
        uint8_t *bigger = realloc(blob->data, room);
        if (!bigger) {
            fprintf(stderr, "no memory for %zu bytes\n", room);
            exit(1);
        }
        blob->data = bigger;
        blob->room = room;
    }
    if (bytes.size)
        memcpy(blob->data + blob->size, bytes.data, bytes.size);
    blob->size += bytes.size;
}

void put_number(struct blob *blob, unsigned width, uint64_t number)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < width; i++)
        bytes[i] = (uint8_t)(number >> (8 * (width - 1 - i)));
    put(blob, BYTES(bytes, width));
}

void put_vector(struct blob *blob, unsigned width, struct bytes bytes)
{
    put_number(blob, width, bytes.size);
    put(blob, bytes);
}

void blob_drop(struct blob *blob, size_t size)
{
    memmove(blob->data, blob->data + size, blob->size - size);
    blob->size -= size;
}

void blob_clear(struct blob *blob)
{
    free(blob->data);
    *blob = (struct blob){NULL, 0, 0};
}

char *hex_of(struct bytes bytes)
{
    char *text = allocate(2 * bytes.size + 1);
    for (size_t i = 0; i < bytes.size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    return text;
}

static int digit_of(char c)
{
    const char *at = c ? strchr("0123456789abcdef", c) : NULL;
    return at ? (int)(at - "0123456789abcdef") : -1;
}

int hex_read(const char *text, struct blob *blob)
{
    for (; *text; text += 2) {
        int high = digit_of(text[0]), low = high < 0 ? -1 : digit_of(text[1]);
        if (low < 0)
            return -1;
        put_number(blob, 1, (uint64_t)(high << 4 | low));
    }
    return 0;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url_of(struct bytes bytes)
{
    char *text = allocate(bytes.size * 4 / 3 + 4), *to = text;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | bytes.data[i];
        for (count += 8; count >= 6; count -= 6)
            *to++ = alphabet[bits >> (count - 6) & 63];
    }
    if (count)
        *to++ = alphabet[bits << (6 - count) & 63];
    return text;
}

int base64_read(struct bytes text, bool strict, struct blob *blob)
{
    size_t size = text.size, before = blob->size;
    uint32_t bits = 0;
    unsigned count = 0;
    bool url = strict, standard = false;
    while (!strict && size > 0 && text.size - size < 2 && text.data[size - 1] == '=')
        size--;
    if ((size != text.size && text.size % 4 != 0) || size % 4 == 1)
        return -1;
    for (size_t i = 0; i < size; i++) {
        char c = (char)text.data[i];
        url = url || c == '-' || c == '_';
        standard = standard || c == '+' || c == '/';
        c = c == '+' ? '-' : c == '/' ? '_' : c;
        const char *at = c ? strchr(alphabet, c) : NULL;
        if (!at || (url && standard)) {
            blob->size = before;
            return -1;
        }
        bits = bits << 6 | (uint32_t)(at - alphabet);
        count += 6;
        if (count >= 8) {
            count -= 8;
            put_number(blob, 1, bits >> count & 0xff);
        }
    }
    if ((bits & ((1u << count) - 1)) == 0)
        return 0;
    blob->size = before; /* bits that are nobody's */
    return -1;
}

int read_file(const char *path, size_t limit, struct blob *blob)
{
    uint8_t part[4096];
    size_t size;
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s: %s\n", path, strerror(errno));
        return -1;
    }
    while (blob->size <= limit && (size = fread(part, 1, sizeof part, file)) > 0)
        put(blob, BYTES(part, size));
    bool bad = ferror(file) != 0 || blob->size > limit;
    fclose(file);
    if (bad)
        fprintf(stderr, "cannot read %s, or it has more than %zu bytes\n", path, limit);
    return bad ? -1 : 0;
}

double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
