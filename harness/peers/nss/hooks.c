/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions of seat-04 and seat-06 by the hooks that NSS has for an application's own
 * (SSL_InstallExtensionHooks). One hook an extension type; it is asked for every message.
 *
 * What NSS does not give: a server never sees extensions of a client's Certificate, and a client
 * sees those of the first entry only.
 *
 * A server's ServerHello stays in NSS's buffer until the whole flight is made. The binder is needed
 * before that, and so is an alert that ends the flight: SSL_RecordLayerWriteCallback shows the
 * ServerHello, is in place for this one record, and sends it.
 */
#include "harness/peers/nss/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define RECORD_MAX 16384

static bool is_server(const struct nss_connection *c)
{
    return c->party->side == ATLS_SERVER;
}

static bool is_entry(const struct nss_hook *hook)
{
    const struct atls_profile *profile = hook->c->party->profile;
    return hook->index < 0 || profile->extensions[hook->index] == profile->entry_extension;
}

/* The plain record of a ServerHello. NSS goes on with records of its own at once. */
static SECStatus server_hello(PRFileDesc *fd, PRUint16 epoch, SSLContentType type,
                              const PRUint8 *data, unsigned size, void *argument)
{
    struct nss_connection *c = argument;
    uint8_t header[5] = {(uint8_t)type, 3, 3, (uint8_t)(size >> 8), (uint8_t)size};
    struct atls_bytes parts[] = {{header, sizeof header}, {data, size}};
    SSL_RecordLayerWriteCallback(fd, NULL, NULL);
    if (epoch != 0 || size > RECORD_MAX) {
        session_fail(c->s, "internal", -1, "", "expected a ServerHello of NSS");
        return SECFailure;
    }
    for (size_t i = 0; i < 2; i++)
        if (wire_send(&c->wire, parts[i]) != 0) {
            PR_SetError(PR_CONNECT_RESET_ERROR, 0);
            return SECFailure;
        }
    return SECSuccess;
}

/* A hook that never has an extension: it only sees which message is being made, ahead of the hooks
 * that have one. */
static PRBool watch(PRFileDesc *fd, SSLHandshakeType message, PRUint8 *data, unsigned *size,
                    unsigned most, void *argument)
{
    const struct nss_hook *hook = argument;
    struct nss_connection *c = hook->c;
    bool answers = message == ssl_hs_server_hello || message == ssl_hs_hello_retry_request;
    if (session_has_failed(c->s))
        return PR_FALSE;
    if (answers && session_client_hello(c->s) != 0)
        return PR_FALSE;
    if (message == ssl_hs_server_hello &&
        SSL_RecordLayerWriteCallback(fd, server_hello, c) != SECSuccess)
        session_fail(c->s, "internal", -1, "", "NSS shows no ServerHello");
    if (message == ssl_hs_certificate_request || message == ssl_hs_certificate)
        (void)nss_selected(c);
    return PR_FALSE;
}

static SECStatus ignore(PRFileDesc *fd, SSLHandshakeType message, const PRUint8 *data,
                        unsigned size, SSLAlertDescription *alert, void *argument)
{
    return SECSuccess;
}

static PRBool put(const struct hello_body *body, PRUint8 *data, unsigned *size, unsigned most)
{
    if (!body->present || body->size > most)
        return PR_FALSE;
    if (body->size > 0)
        memcpy(data, body->data, body->size);
    *size = (unsigned)body->size;
    return PR_TRUE;
}

int nss_put_entries(void *connection, const struct atls_entry_extension *extensions, size_t count)
{
    struct nss_connection *c = connection;
    free(c->payload);
    c->payload = NULL;
    if (count == 0)
        return 0;
    struct atls_bytes payload = extensions[0].payload;
    c->payload = malloc(payload.size > 0 ? payload.size : 1);
    if (!c->payload)
        return atls_fail(-ENOMEM, NULL, "no memory for an extension");
    if (payload.size > 0)
        memcpy(c->payload, payload.data, payload.size);
    c->payload_size = payload.size;
    return 0;
}

static PRBool put_entry(struct nss_connection *c, PRUint8 *data, unsigned *size, unsigned most)
{
    if (nss_present(c) != 0 || !c->payload)
        return PR_FALSE;
    if (c->payload_size > most) {
        session_fail(c->s, "internal", -1, "", "NSS has no room for the extension");
        return PR_FALSE;
    }
    memcpy(data, c->payload, c->payload_size);
    *size = (unsigned)c->payload_size;
    return PR_TRUE;
}

static PRBool put_own(const struct nss_hook *hook, PRUint8 *data, unsigned *size, unsigned most)
{
    const struct hello_body *body = session_hello_own(hook->c->s, (size_t)hook->index);
    return body && put(body, data, size, most);
}

static PRBool write_extension(PRFileDesc *fd, SSLHandshakeType message, PRUint8 *data,
                              unsigned *size, unsigned most, void *argument)
{
    const struct nss_hook *hook = argument;
    struct nss_connection *c = hook->c;
    if (session_has_failed(c->s))
        return PR_FALSE;
    switch (message) {
    case ssl_hs_client_hello:
        /* NSS takes no extension of a CertificateEntry that its ClientHello has not. */
        return hook->index < 0 ? c->party->as_relying_party.model_count > 0
                               : put_own(hook, data, size, most);
    case ssl_hs_encrypted_extensions:
        return hook->index >= 0 && put_own(hook, data, size, most);
    case ssl_hs_certificate:
        return is_entry(hook) && put_entry(c, data, size, most);
    default:
        return PR_FALSE;
    }
}

static int keep_entry(struct nss_connection *c, struct atls_bytes body)
{
    if (c->came_count == NSS_CAME_MAX)
        return 0; /* there are too many already */
    uint8_t *copy = malloc(body.size > 0 ? body.size : 1);
    if (!copy)
        return session_fail(c->s, "internal", -1, NULL, "no memory for an extension");
    if (body.size > 0)
        memcpy(copy, body.data, body.size);
    c->came[c->came_count] = copy;
    c->extensions[c->came_count++] =
        (struct atls_entry_received){.payload = ATLS_BYTES(copy, body.size)};
    return 0;
}

static int take(const struct nss_hook *hook, SSLHandshakeType message, struct atls_bytes body)
{
    struct nss_connection *c = hook->c;
    const struct atls_entry_received one = {.payload = body};
    int result = 0;
    switch (message) {
    case ssl_hs_client_hello:
    case ssl_hs_encrypted_extensions:
        return hook->index >= 0 ? session_hello_body(c->s, (size_t)hook->index, body) : 0;
    case ssl_hs_certificate_request:
        return session_requested(c->s, &one, is_entry(hook));
    case ssl_hs_certificate:
        result = session_answered(c->s);
        return result == 0 && is_entry(hook) ? keep_entry(c, body) : result;
    default:
        return session_fail(c->s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                            "RFC 8446 section 4.2",
                            "an extension of attestation is in a message where it may not be");
    }
}

static SECStatus handle_extension(PRFileDesc *fd, SSLHandshakeType message, const PRUint8 *data,
                                  unsigned size, SSLAlertDescription *alert, void *argument)
{
    const struct nss_hook *hook = argument;
    if (take(hook, message, ATLS_BYTES(data, size)) == 0)
        return SECSuccess;
    *alert = (SSLAlertDescription)session_due_alert(hook->c->s);
    hook->c->by_library = true;
    return SECFailure;
}

static int install(struct nss_connection *c, size_t at, int index, enum atls_code_point point,
                   SSLExtensionWriter writer, SSLExtensionHandler handler)
{
    uint16_t type = c->party->code_points.value[point];
    c->hooks[at] = (struct nss_hook){.c = c, .index = index};
    if (SSL_InstallExtensionHooks(c->fd, type, writer, &c->hooks[at], handler, &c->hooks[at]) ==
        SECSuccess)
        return 0;
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "NSS takes no hook for the extension %s (%u)",
                     atls_code_point_name(point), type);
}

int nss_install_hooks(struct nss_connection *c)
{
    const struct atls_profile *profile = c->party->profile;
    bool among = false, entries = atls_carrier_of_party(c->party)->in_entries;
    int result = 0;
    size_t at = 0;
    /* Hooks are asked in their order: this is ahead of all answers. */
    if (is_server(c))
        result = install(c, at++, -1, ATLS_CP_POC_EVIDENCE_PROPOSAL, watch, ignore);
    for (size_t i = 0; result == 0 && entries && i < profile->extension_count; i++) {
        among = among || profile->extensions[i] == profile->entry_extension;
        result =
            install(c, at++, (int)i, profile->extensions[i], write_extension, handle_extension);
    }
    if (result == 0 && entries && !among)
        result = install(c, at, -1, profile->entry_extension, write_extension, handle_extension);
    return result;
}
