/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions of the hellos, which are registered for each session, and the one handshake hook that
 * the library has room for: it tells the session what passes by.
 */
#include "tls/gnutls/stack-internal.h"

#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"

#define STOP GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER

static int received(gnutls_session_t tls, size_t i, const unsigned char *data, size_t size)
{
    struct gnutls_connection *c = gnutls_session_get_ptr(tls);
    return stack_code(session_hello_body(c->s, i, ATLS_BYTES(data, size)));
}

static int send_body(gnutls_session_t tls, size_t i, gnutls_buffer_t buffer)
{
    struct gnutls_connection *c = gnutls_session_get_ptr(tls);
    const struct hello_body *body = session_hello_own(c->s, i);
    if (!body)
        return STOP;
    if (!body->present)
        return 0;
    if (body->size == 0)
        return GNUTLS_E_INT_RET_0; /* the library's word for: present, and empty */
    int result = gnutls_buffer_append_data(buffer, body->data, body->size);
    return result < 0 ? result : (int)body->size;
}

/* The library tells a callback the session, not the extension: one pair for each index. */
#define CALLBACKS(i)                                                                               \
    static int received_##i(gnutls_session_t tls, const unsigned char *data, size_t size)          \
    {                                                                                              \
        return received(tls, i, data, size);                                                       \
    }                                                                                              \
    static int send_##i(gnutls_session_t tls, gnutls_buffer_t buffer)                              \
    {                                                                                              \
        return send_body(tls, i, buffer);                                                          \
    }
CALLBACKS(0)
CALLBACKS(1)
CALLBACKS(2)
CALLBACKS(3)

static const struct {
    gnutls_ext_recv_func received;
    gnutls_ext_send_func send;
} callbacks[ATLS_PROFILE_EXTENSIONS_MAX] = {
    {received_0, send_0}, {received_1, send_1}, {received_2, send_2}, {received_3, send_3}};

/* also-extension=NAME:HEX: one of another draft, which this one knows nothing of. */
static int send_also(gnutls_session_t tls, gnutls_buffer_t out)
{
    struct gnutls_connection *c = gnutls_session_get_ptr(tls);
    const char *value = NULL;
    uint8_t *data;
    size_t size;
    if (!atls_faults_has(c->party->faults, "also-extension", &value) ||
        atls_hex_decode(atls_bytes_of_text(strchr(value, ':') + 1), &data, &size) != 0)
        return 0;
    report_fault(c->s, "also-extension", value);
    int result = gnutls_buffer_append_data(out, data, size);
    free(data);
    return result < 0 ? result : size > 0 ? (int)size : GNUTLS_E_INT_RET_0;
}

/* It was not meant, so its answer means nothing. */
static int ignore_also(gnutls_session_t tls, const unsigned char *data, size_t size)
{
    return 0;
}

static int register_also(struct gnutls_connection *c)
{
    const char *value = NULL;
    if (!atls_faults_has(c->party->faults, "also-extension", &value))
        return 0;
    enum atls_code_point point = atls_extension_by_name(value, strcspn(value, ":"));
    int result = gnutls_session_ext_register(
        c->tls, atls_code_point_name(point), c->party->code_points.value[point],
        GNUTLS_EXT_APPLICATION, ignore_also, send_also, NULL, NULL, NULL,
        GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE | GNUTLS_EXT_FLAG_TLS);
    return result < 0 ? atls_fail(ATLS_E_UNSUPPORTED, NULL, "extension %s: %s",
                                  atls_code_point_name(point), gnutls_strerror(result))
                      : 0;
}

int stack_register(struct gnutls_connection *c)
{
    const struct atls_profile *profile = c->party->profile;
    for (size_t i = 0; i < profile->extension_count; i++) {
        unsigned flags = GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE | GNUTLS_EXT_FLAG_TLS;
        /* A client judges unsolicited answers itself; a server sends one only as a fault. */
        if (c->party->side == ATLS_CLIENT || session_hello_forced(c->s, i))
            flags |= GNUTLS_EXT_FLAG_IGNORE_CLIENT_REQUEST;
        int result = gnutls_session_ext_register(
            c->tls, atls_code_point_name(profile->extensions[i]),
            c->party->code_points.value[profile->extensions[i]], GNUTLS_EXT_APPLICATION,
            callbacks[i].received, callbacks[i].send, NULL, NULL, NULL, flags);
        if (result < 0)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "extension %s (%u): %s",
                             atls_code_point_name(profile->extensions[i]),
                             c->party->code_points.value[profile->extensions[i]],
                             gnutls_strerror(result));
    }
    return register_also(c);
}

int stack_client_hello(gnutls_session_t tls)
{
    struct gnutls_connection *c = gnutls_session_get_ptr(tls);
    return stack_code(session_client_hello(c->s));
}

enum atls_handshake_type stack_handshake_type(unsigned type)
{
    return type == GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST ? ATLS_HS_HELLO_RETRY_REQUEST
                                                        : (enum atls_handshake_type)type;
}

static bool is_hello(unsigned type)
{
    return type == GNUTLS_HANDSHAKE_CLIENT_HELLO || type == GNUTLS_HANDSHAKE_SERVER_HELLO ||
           type == GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST;
}

/* A hello as it is on the wire; all else may be rewritten by the shim. */
static int look(struct gnutls_connection *c, unsigned type, unsigned when, unsigned incoming,
                const gnutls_datum_t *message)
{
    if (is_hello(type) && when == GNUTLS_HOOK_PRE) {
        return session_hello_message(c->s, stack_handshake_type(type),
                                     ATLS_BYTES(message->data, message->size));
    }
    int result = c->shim ? atls_entry_shim_hook(c->shim, type, when, incoming, message) : 0;
    if (result == ATLS_E_MALFORMED || result == ATLS_E_LIMIT)
        return session_fail(c->s, "malformed-extension", ATLS_ALERT_DECODE_ERROR, NULL, NULL);
    return result == 0 ? 0 : session_fail(c->s, "internal", -1, NULL, NULL);
}

static int client_hook(struct gnutls_connection *c, unsigned type, unsigned when, unsigned incoming)
{
    if (!incoming || when != GNUTLS_HOOK_PRE)
        return 0;
    if (type == GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST) {
        const struct atls_entry_received *list = NULL;
        size_t count = c->shim ? atls_entry_shim_requested(c->shim, &list) : 0;
        c->requested = true;
        return session_requested(c->s, list, count);
    }
    if (type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT) {
        int result = session_answered(c->s);
        return result == 0 && !c->requested ? session_not_requested(c->s) : result;
    }
    return 0;
}

static int server_hook(struct gnutls_connection *c, unsigned type, unsigned when, unsigned incoming)
{
    if (incoming || when != GNUTLS_HOOK_POST)
        return 0;
    /* Here, behind EncryptedExtensions and before the verdict may the library be told to wait. */
    if (type == GNUTLS_HANDSHAKE_SERVER_HELLO && session_waits(c->s))
        return ATLS_E_AGAIN;
    return type == GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS ? session_selected(c->s) : 0;
}

static int certificate(struct gnutls_connection *c, const gnutls_datum_t *message)
{
    struct session_certificate came = {.message = message->data, .size = message->size};
    if (c->shim) {
        came.chain_size = atls_entry_shim_chain(c->shim, &came.chain);
        came.extension_count = atls_entry_shim_received(c->shim, &came.extensions);
    }
    return session_certificate(c->s, &came);
}

int atls_gnutls_hook(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                     const gnutls_datum_t *message)
{
    struct gnutls_connection *c = gnutls_session_get_ptr(tls);
    if (type == GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY && incoming) {
        c->certificate_verify_seen = true;
        c->raw_seen = !c->raw && stack_raw_form(ATLS_BYTES(message->data, message->size));
    }
    int result = look(c, type, when, incoming, message);
    if (result == 0)
        result = stack_raw_message(c, type, when, incoming, message);
    if (result == 0)
        result = c->party->side == ATLS_CLIENT ? client_hook(c, type, when, incoming)
                                               : server_hook(c, type, when, incoming);
    if (result == 0)
        result = stack_strict(c, type, when, incoming, ATLS_BYTES(message->data, message->size));
    if (result == 0 && type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT && incoming &&
        when == GNUTLS_HOOK_POST)
        result = certificate(c, message);
    return stack_code(result);
}
