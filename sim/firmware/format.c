/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snprintf() for a processor without a heap: newlib's would bring malloc() with it. It knows what
 * the texts of the device's sources use: %s %c %d %u %x %p-less, widths, zero padding, precision of
 * %s (also as .*), lengths l, ll, z and h; everything else is printed as it stands.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct out {
    char *at;
    size_t left; /* without the final zero */
    size_t total;
};

static void put(struct out *out, char c)
{
    if (out->left > 0) {
        *out->at++ = c;
        out->left--;
    }
    out->total++;
}

static void put_text(struct out *out, const char *text, size_t size, unsigned width, char pad)
{
    for (size_t i = size; i < width; i++)
        put(out, pad);
    for (size_t i = 0; i < size; i++)
        put(out, text[i]);
}

static void put_number(struct out *out, unsigned long long value, unsigned base, bool negative,
                       unsigned width, char pad)
{
    char digits[24];
    size_t at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[value % base];
    while (value /= base);
    if (negative)
        digits[--at] = '-';
    put_text(out, digits + at, sizeof digits - at, width, pad);
}

struct directive {
    char pad;
    unsigned width;
    int precision; /* -1: none */
    unsigned longs;
};

static const char *parse(const char *format, struct directive *d, va_list *arguments)
{
    *d = (struct directive){.pad = ' ', .precision = -1};
    if (*format == '0') {
        d->pad = '0';
        format++;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        d->width = d->width * 10 + (unsigned)(*format - '0');
    if (format[0] == '.' && format[1] == '*') {
        d->precision = va_arg(*arguments, int);
        format += 2;
    }
    for (; *format == 'l' || *format == 'z' || *format == 'h'; format++)
        d->longs += *format == 'l'; /* size_t is as long as int here */
    return format;
}

static unsigned long long take_unsigned(const struct directive *d, va_list *arguments)
{
    return d->longs > 1   ? va_arg(*arguments, unsigned long long)
           : d->longs > 0 ? va_arg(*arguments, unsigned long)
                          : va_arg(*arguments, unsigned);
}

static long long take_signed(const struct directive *d, va_list *arguments)
{
    return d->longs > 1   ? va_arg(*arguments, long long)
           : d->longs > 0 ? va_arg(*arguments, long)
                          : va_arg(*arguments, int);
}

static void convert(struct out *out, char conversion, const struct directive *d, va_list *arguments)
{
    const char *text;
    long long number;
    switch (conversion) {
    case 's':
        text = va_arg(*arguments, const char *);
        put_text(out, text, d->precision < 0 ? strlen(text) : strnlen(text, (size_t)d->precision),
                 d->width, ' ');
        break;
    case 'c':
        put(out, (char)va_arg(*arguments, int));
        break;
    case 'd':
        number = take_signed(d, arguments);
        put_number(out, number < 0 ? 0ull - (unsigned long long)number : (unsigned long long)number,
                   10, number < 0, d->width, d->pad);
        break;
    case 'u':
    case 'x':
        put_number(out, take_unsigned(d, arguments), conversion == 'x' ? 16 : 10, false, d->width,
                   d->pad);
        break;
    default:
        put(out, conversion);
    }
}

int vsnprintf(char *text, size_t capacity, const char *format, va_list given)
{
    struct out out = {text, capacity ? capacity - 1 : 0, 0};
    struct directive d;
    va_list arguments;
    va_copy(arguments, given);
    while (*format) {
        if (*format != '%') {
            put(&out, *format++);
            continue;
        }
        format = parse(format + 1, &d, &arguments);
        if (*format)
            convert(&out, *format++, &d, &arguments);
    }
    va_end(arguments);
    if (capacity)
        *out.at = 0;
    return (int)out.total;
}

int snprintf(char *text, size_t capacity, const char *format, ...)
{
    va_list arguments;
    int total;
    va_start(arguments, format);
    total = vsnprintf(text, capacity, format, arguments);
    va_end(arguments);
    return total;
}
