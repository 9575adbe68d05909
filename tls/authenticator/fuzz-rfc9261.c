/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported authenticators that come from a peer, on a connection that finds every signature and
 * every Finished good. Whatever is taken must lie within the input, and a refusal must say why.
 *
 * The first byte says what the input is: a request, an answer to a request, what nobody asked for,
 * or a ClientHello's extensions and behind them what nobody asked for.
 */
#include <stdlib.h>

#include "rats/base/error.h"
#include "tls/authenticator/test-rfc9261-good.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void within(struct atls_bytes part, struct atls_bytes in)
{
    MUST(part.size == 0 || (part.data >= in.data && part.size <= in.size &&
                            (size_t)(part.data - in.data) <= in.size - part.size));
}

static void settled(const struct atls_ea *ea, int r)
{
    MUST((r == 0) == (ea->alert == 0));
    MUST(r <= 0 || atls_error_text()[0] != '\0');
}

/* A request is read, is known afterwards, and is answered by whatever it asks for. */
static void request(struct atls_bytes in)
{
    struct atls_ea_entry entry = {.certificate = ATLS_BYTES("\x30", 1)};
    struct atls_ea_identity identity = {.entries = &entry, .entry_count = 1, .sign = test_one_byte};
    struct atls_bytes context;
    struct atls_ea_request parsed;
    struct atls_ea ea;
    uint8_t *made;
    size_t size;
    int result;

    test_good_connection.side = ATLS_EA_SERVER;
    MUST(atls_ea_init(&ea, &test_good_connection) == 0);
    result = atls_ea_take_request(&ea, in, &parsed);
    settled(&ea, result);
    if (result == 0) {
        within(parsed.context, in);
        within(parsed.schemes, in);
        MUST(parsed.schemes.size >= 2 && parsed.schemes.size % 2 == 0);
        for (size_t i = 0; i < parsed.extension_count; i++)
            within(parsed.extensions[i].data, in);
        MUST(atls_ea_get_context(in, &context) == 0);
        MUST(atls_bytes_equal(context, parsed.context));
        MUST(atls_ea_take_request(&ea, in, &parsed) == ATLS_E_MISMATCH);
        identity.scheme = (uint16_t)(parsed.schemes.data[0] << 8 | parsed.schemes.data[1]);
        result = atls_ea_answer(&ea, context, &identity, &made, &size);
        MUST(result == 0 || result == ATLS_E_UNSUPPORTED); /* a scheme of TLS 1.2 */
        if (result != 0)
            MUST(atls_ea_answer(&ea, context, NULL, &made, &size) == 0);
        free(made);
    }
    atls_ea_clear(&ea);
}

static void validate(struct atls_ea *ea, struct atls_bytes in, const struct atls_bytes *context)
{
    struct atls_ea_authenticator a;
    struct atls_bytes found;
    int result = atls_ea_validate(ea, in, context, &a);

    settled(ea, result);
    if (result != 0)
        return;
    MUST(a.entry_count > 0 && a.entry_count <= ATLS_EA_ENTRIES);
    MUST(atls_ea_get_context(in, &found) == 0 && atls_bytes_equal(found, a.context));
    for (size_t i = 0; i < a.entry_count; i++) {
        MUST(a.entries[i].certificate.size > 0);
        within(a.entries[i].certificate, in);
        for (size_t k = 0; k < a.entries[i].extension_count; k++)
            within(a.entries[i].extensions[k].data, in);
    }
    MUST(atls_ea_validate(ea, in, context, &a) == ATLS_E_MISMATCH); /* never twice */
}

static void answer(struct atls_bytes in)
{
    const struct atls_ea_extension extensions[] = {
        {0xff00, ATLS_BYTES(NULL, 0)},
        {5, ATLS_BYTES(NULL, 0)},
        {ATLS_EA_SIGNATURE_ALGORITHMS, ATLS_BYTES("\0\4\4\3\10\7", 6)}};
    struct atls_bytes context = ATLS_BYTES("\xaa", 1);
    struct atls_ea ea;
    uint8_t *made;
    size_t size;

    test_good_connection.side = ATLS_EA_SERVER;
    MUST(atls_ea_init(&ea, &test_good_connection) == 0);
    MUST(atls_ea_make_request(&ea, context, extensions, 3, &made, &size) == 0);
    validate(&ea, in, &context);
    free(made);
    atls_ea_clear(&ea);
}

static void unasked(struct atls_bytes hello, struct atls_bytes in)
{
    struct atls_ea ea;
    int result;

    test_good_connection.side = ATLS_EA_CLIENT;
    MUST(atls_ea_init(&ea, &test_good_connection) == 0);
    result = atls_ea_hello(&ea, hello);
    settled(&ea, result);
    if (result == 0)
        validate(&ea, in, NULL);
    atls_ea_clear(&ea);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_cursor c = atls_cursor_of(ATLS_BYTES(data, size), NULL);
    struct atls_bytes hello = ATLS_BYTES("\xff\0\0\0\0\x0d\0\4\0\2\4\3", 12);
    uint8_t kind;

    if (atls_cursor_u8(&c, "kind", &kind) != 0)
        return 0;
    if (kind % 4 == 3 && atls_cursor_vector(&c, "hello", 2, 0, UINT16_MAX, &hello) != 0)
        return 0;
    if (kind % 4 == 0)
        request(ATLS_BYTES(c.at, c.left));
    else if (kind % 4 == 1)
        answer(ATLS_BYTES(c.at, c.left));
    else
        unasked(hello, ATLS_BYTES(c.at, c.left));
    return 0;
}
