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

#include <string.h>

#include "rats/base/error.h"

#define RECORD_MAX 16384

static bool is_server(const struct connection *c)
{
    return c->peer->options.side == ATLS_SERVER;
}

static bool is_entry(const struct nss_hook *hook)
{
    const struct atls_profile *profile = hook->c->peer->options.profile;
    return hook->index < 0 || profile->extensions[hook->index] == profile->entry_extension;
}

/* The plain record of a ServerHello. NSS goes on with records of its own at once. */
static SECStatus server_hello(PRFileDesc *fd, PRUint16 epoch, SSLContentType type,
                              const PRUint8 *data, unsigned size, void *argument)
{
    struct connection *c = argument;
    uint8_t header[5] = {(uint8_t)type, 3, 3, (uint8_t)(size >> 8), (uint8_t)size};
    struct atls_bytes parts[] = {{header, sizeof header}, {data, size}};
    SSL_RecordLayerWriteCallback(fd, NULL, NULL);
    if (epoch != 0 || size > RECORD_MAX) {
        connection_fail(c, "internal", -1, "", "a ServerHello was expected of NSS");
        return SECFailure;
    }
    for (size_t i = 0; i < 2; i++)
        if (peer_send(c, parts[i]) != 0) {
            PR_SetError(PR_CONNECT_RESET_ERROR, 0);
            return SECFailure;
        }
    return SECSuccess;
}

/* A hook that never has an extension: it only sees that a ServerHello is being made. */
static PRBool watch(PRFileDesc *fd, SSLHandshakeType message, PRUint8 *data, unsigned *size,
                    unsigned most, void *argument)
{
    const struct nss_hook *hook = argument;
    struct connection *c = hook->c;
    if (message == ssl_hs_server_hello && c->failure.reason == NULL &&
        SSL_RecordLayerWriteCallback(fd, server_hello, c) != SECSuccess)
        connection_fail(c, "internal", -1, "", "NSS shows no ServerHello");
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

static PRBool put_entry(struct connection *c, PRUint8 *data, unsigned *size, unsigned most)
{
    size_t made;
    if (!negotiate_entry_due(c) || negotiate_entry(c, data, most, &made) != 0)
        return PR_FALSE;
    *size = (unsigned)made;
    return PR_TRUE;
}

static PRBool write_extension(PRFileDesc *fd, SSLHandshakeType message, PRUint8 *data,
                              unsigned *size, unsigned most, void *argument)
{
    const struct nss_hook *hook = argument;
    struct connection *c = hook->c;
    if (c->failure.reason != NULL)
        return PR_FALSE;
    switch (message) {
    case ssl_hs_client_hello:
        if (hook->index == 0)
            negotiate_report_offer(c, "sent", c->sent);
        /* NSS takes no extension of a CertificateEntry that its ClientHello has not. */
        return hook->index < 0 ? c->as_relying_party.model_count > 0
                               : put(&c->sent[hook->index], data, size, most);
    case ssl_hs_server_hello:
    case ssl_hs_hello_retry_request:
        if (hook->index == 0) /* the whole ClientHello is known */
            (void)negotiate_select(c);
        return PR_FALSE;
    case ssl_hs_encrypted_extensions:
        if (hook->index == 0)
            negotiate_report_selected(c, "sent", c->sent);
        return hook->index >= 0 && put(&c->sent[hook->index], data, size, most);
    case ssl_hs_certificate:
        return is_entry(hook) && put_entry(c, data, size, most);
    default:
        return PR_FALSE;
    }
}

int nss_settle(struct connection *c)
{
    return c->peer->options.profile->carrier == ATLS_IN_ENTRY ? negotiate_settle(c) : 0;
}

static int take(const struct nss_hook *hook, SSLHandshakeType message, struct atls_bytes body)
{
    struct connection *c = hook->c;
    int result = 0;
    switch (message) {
    case ssl_hs_client_hello:
    case ssl_hs_encrypted_extensions:
        return hook->index >= 0 ? negotiate_received(c, (size_t)hook->index, body) : 0;
    case ssl_hs_certificate_request:
        if (is_entry(hook))
            result = negotiate_requested(c, body);
        return result == 0 ? nss_settle(c) : result;
    case ssl_hs_certificate:
        result = nss_settle(c);
        return result == 0 && is_entry(hook) ? negotiate_entry_received(c, body) : result;
    default:
        return connection_fail(c, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                               "RFC 8446 section 4.2",
                               "an extension of attestation is in a message where it may not be");
    }
}

static SECStatus handle_extension(PRFileDesc *fd, SSLHandshakeType message, const PRUint8 *data,
                                  unsigned size, SSLAlertDescription *alert, void *argument)
{
    const struct nss_hook *hook = argument;
    struct nss_connection *nss = hook->c->tls;
    if (take(hook, message, ATLS_BYTES(data, size)) == 0)
        return SECSuccess;
    *alert = (SSLAlertDescription)hook->c->failure.alert;
    nss->by_library = true;
    return SECFailure;
}

static int install(struct connection *c, size_t at, int index, enum atls_code_point point,
                   SSLExtensionWriter writer, SSLExtensionHandler handler)
{
    struct nss_connection *nss = c->tls;
    uint16_t type = c->peer->options.code_points.value[point];
    nss->hooks[at] = (struct nss_hook){.c = c, .index = index};
    if (SSL_InstallExtensionHooks(nss->fd, type, writer, &nss->hooks[at], handler,
                                  &nss->hooks[at]) == SECSuccess)
        return 0;
    atls_fail(ATLS_E_UNSUPPORTED, NULL, "NSS takes no hook for the extension %s (%u)",
              atls_code_point_name(point), type);
    return connection_fail(c, "internal", -1, NULL, NULL);
}

int nss_install_hooks(struct connection *c)
{
    const struct atls_profile *profile = c->peer->options.profile;
    bool among = false;
    int result = 0;
    size_t at = 0;
    if (profile->carrier == ATLS_IN_ENTRY) {
        if (!is_server(c))
            result = negotiate_offer(c);
        for (; result == 0 && at < profile->extension_count; at++) {
            among = among || profile->extensions[at] == profile->entry_extension;
            result =
                install(c, at, (int)at, profile->extensions[at], write_extension, handle_extension);
        }
        if (result == 0 && !among) {
            result =
                install(c, at, -1, profile->entry_extension, write_extension, handle_extension);
            at++;
        }
    }
    /* Hooks are asked in their order: this is behind the choice. */
    if (result == 0 && is_server(c))
        result = install(c, at, -1, ATLS_CP_POC_EVIDENCE_PROPOSAL, watch, ignore);
    return result;
}
