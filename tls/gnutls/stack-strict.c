/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that the TLS library takes though RFC 8446 refuses them, or refuses by another name than
 * theirs, are looked at before they get there: a CompressedCertificate that nobody asked for (the
 * library says that it failed itself), a Certificate that breaks its grammar, a NewSessionTicket
 * without a ticket.
 */
#include "tls/gnutls/stack-internal.h"

#include "rats/base/bytes.h"
#include "rats/base/error.h"
#include "tls/wire/certificate.h"

#define COMPRESSED_CERTIFICATE 25 /* RFC 8879 section 4 */
#define TICKET_CLAUSE "RFC 8446 section 4.6.1"
#define TICKET_LIFETIME_MAX 604800 /* seconds: seven days */

static int broken(struct gnutls_connection *c)
{
    return session_fail(c->s, "protocol-error", ATLS_ALERT_DECODE_ERROR, NULL, NULL);
}

static int check_extensions(struct atls_bytes block, const char *clause)
{
    struct atls_cursor at = atls_cursor_of(block, clause);
    int result = 0;
    while (result == 0 && at.left > 0) {
        struct atls_bytes data;
        uint16_t type;
        result = atls_cursor_u16(&at, "extension_type", &type);
        if (result == 0)
            result = atls_cursor_vector(&at, "extension_data", 2, 0, UINT16_MAX, &data);
    }
    return result;
}

static int check_ticket(struct gnutls_connection *c, struct atls_bytes message)
{
    struct atls_cursor at = atls_cursor_of(message, TICKET_CLAUSE);
    struct atls_bytes nonce, ticket, extensions;
    uint32_t lifetime, age_add;
    if (atls_cursor_u32(&at, "ticket_lifetime", &lifetime) != 0 ||
        atls_cursor_u32(&at, "ticket_age_add", &age_add) != 0 ||
        atls_cursor_vector(&at, "ticket_nonce", 1, 0, UINT8_MAX, &nonce) != 0 ||
        atls_cursor_vector(&at, "ticket", 2, 1, UINT16_MAX, &ticket) != 0 ||
        atls_cursor_vector(&at, "extensions", 2, 0, UINT16_MAX - 1, &extensions) != 0 ||
        atls_cursor_end(&at, "NewSessionTicket") != 0 ||
        check_extensions(extensions, TICKET_CLAUSE) != 0)
        return broken(c);
    if (lifetime <= TICKET_LIFETIME_MAX)
        return 0;
    (void)atls_fail(ATLS_E_LIMIT, TICKET_CLAUSE,
                    "ticket_lifetime: expected at most %d seconds, came %lu", TICKET_LIFETIME_MAX,
                    (unsigned long)lifetime);
    return session_fail(c->s, "protocol-error", ATLS_ALERT_ILLEGAL_PARAMETER, NULL, NULL);
}

/* Where the Certificate itself is the attestation, the profile reads it and has words of its own.
 */
static int check_certificate(struct gnutls_connection *c, struct atls_bytes message)
{
    struct atls_certificate_message parsed;
    if (session_certificate_replaced(c->s) || c->shaken) /* afterwards it has a context, which the
                                                            library knows */
        return 0;
    return atls_certificate_parse(message, &parsed) == 0 ? 0 : broken(c);
}

int stack_strict(struct gnutls_connection *c, unsigned type, unsigned when, unsigned incoming,
                 struct atls_bytes message)
{
    if (!incoming || when != GNUTLS_HOOK_PRE)
        return 0;
    switch (type) {
    case COMPRESSED_CERTIFICATE: /* compress_certificate is never offered here */
        return session_fail(c->s, "protocol-error", ATLS_ALERT_UNEXPECTED_MESSAGE,
                            "RFC 8879 section 4",
                            "expected a Certificate, as compress_certificate was not offered; "
                            "a CompressedCertificate came");
    case GNUTLS_HANDSHAKE_NEW_SESSION_TICKET:
        return c->party->side == ATLS_CLIENT ? check_ticket(c, message) : 0;
    case GNUTLS_HANDSHAKE_CERTIFICATE_PKT:
        return check_certificate(c, message);
    default:
        return 0;
    }
}
