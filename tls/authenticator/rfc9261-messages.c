/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of RFC 9261 as bytes, and the rules that need no keys and no memory of the
 * connection: grammar, which extension may be where, which signature scheme may be used.
 */
#include "tls/authenticator/rfc9261-messages.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"

/* Extensions that RFC 8446 section 4.2 knows (and one more), and whether they may be in a
 * CertificateRequest (for server_name see RFC 9261 section 8.1) and in a Certificate. Others are
 * judged by what was asked.
 */
static const struct place {
    uint16_t type;
    bool in_request, in_certificate;
} places[] = {
    {0, true, false},   /* server_name */
    {1, false, false},  /* max_fragment_length */
    {5, true, true},    /* status_request */
    {10, false, false}, /* supported_groups */
    {13, true, false},  /* signature_algorithms */
    {14, false, false}, /* use_srtp */
    {15, false, false}, /* heartbeat */
    {16, false, false}, /* application_layer_protocol_negotiation */
    {18, true, true},   /* signed_certificate_timestamp */
    {19, false, false}, /* client_certificate_type */
    {20, false, false}, /* server_certificate_type */
    {21, false, false}, /* padding */
    {27, true, false},  /* compress_certificate, RFC 8879 section 7.1 */
    {41, false, false}, /* pre_shared_key */
    {42, false, false}, /* early_data */
    {43, false, false}, /* supported_versions */
    {44, false, false}, /* cookie */
    {45, false, false}, /* psk_key_exchange_modes */
    {47, true, false},  /* certificate_authorities */
    {48, true, false},  /* oid_filters */
    {49, false, false}, /* post_handshake_auth */
    {50, true, false},  /* signature_algorithms_cert */
    {51, false, false}, /* key_share */
};

static const struct place *place_of(uint16_t type)
{
    static const struct place anywhere = {0, true, true};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i].type == type)
            return &places[i];
    return &anywhere;
}

uint8_t atls_ea_request_type(enum atls_ea_side side)
{
    return side == ATLS_EA_CLIENT ? ATLS_EA_CLIENT_CERTIFICATE_REQUEST
                                  : ATLS_EA_CERTIFICATE_REQUEST;
}

int atls_ea_read_message(struct atls_ea *ea, struct atls_cursor *c, const char *what, uint8_t type,
                         struct atls_bytes *bodyp, struct atls_bytes *wholep)
{
    const uint8_t *start = c->at;
    uint8_t came;
    int result = atls_cursor_u8(c, what, &came);

    if (!result && came != type)
        result = ATLS_EA_REFUSE(ea, UNEXPECTED_MESSAGE, ATLS_E_MALFORMED, c->clause,
                                "%s: expected message type %u, came %u", what, type, came);
    if (!result)
        result = atls_cursor_vector(c, what, 3, 0, ATLS_EA_SIZE_MAX, bodyp);
    if (!result)
        *wholep = ATLS_BYTES(start, (size_t)(c->at - start));
    return result;
}

int atls_ea_check_size(struct atls_bytes in)
{
    return in.size <= ATLS_EA_SIZE_MAX
               ? 0
               : atls_fail(ATLS_E_LIMIT, NULL, "message: expected %u bytes at most, came %zu",
                           ATLS_EA_SIZE_MAX, in.size);
}

/* An extension block. RFC 8446 section 4.2: no type twice. */
static int read_extensions(struct atls_ea *ea, struct atls_bytes block,
                           struct atls_ea_extension *extensions, size_t most, size_t *countp)
{
    struct atls_cursor c = atls_cursor_of(block, "RFC 8446 section 4.2");
    size_t count = 0;
    int result = 0;

    while (!result && c.left) {
        struct atls_ea_extension *e = &extensions[count];

        if (count == most)
            return atls_fail(ATLS_E_LIMIT, NULL, "extensions: more than %zu", most);
        result = atls_cursor_u16(&c, "extension_type", &e->type);
        if (!result)
            result = atls_cursor_vector(&c, "extension_data", 2, 0, UINT16_MAX, &e->data);
        for (size_t i = 0; !result && i < count; i++)
            if (extensions[i].type == e->type)
                result =
                    ATLS_EA_REFUSE(ea, ILLEGAL_PARAMETER, ATLS_E_MALFORMED, "RFC 8446 section 4.2",
                                   "extension %u comes twice", e->type);
        count++;
    }
    if (!result)
        *countp = count;
    return result;
}

static int read_schemes(struct atls_bytes data, struct atls_bytes *schemesp)
{
    struct atls_cursor c = atls_cursor_of(data, "RFC 8446 section 4.2.3");
    struct atls_bytes schemes;
    int result = atls_cursor_vector(&c, "supported_signature_algorithms", 2, 2, 65534, &schemes);

    if (!result)
        result = atls_cursor_end(&c, "signature_algorithms");
    if (!result && schemes.size % 2)
        result =
            atls_fail(ATLS_E_MALFORMED, "RFC 8446 section 4.2.3",
                      "supported_signature_algorithms: %zu bytes, an odd number", schemes.size);
    if (!result)
        *schemesp = schemes;
    return result;
}

/* What section 4 says of the extensions of a request. */
static int check_offers(struct atls_ea *ea, struct atls_ea_request *request)
{
    struct atls_bytes data;

    for (size_t i = 0; i < request->extension_count; i++)
        if (!place_of(request->extensions[i].type)->in_request)
            return ATLS_EA_REFUSE(ea, ILLEGAL_PARAMETER, ATLS_E_MALFORMED, "RFC 9261 section 4",
                                  "request: extension %u does not belong into a CertificateRequest",
                                  request->extensions[i].type);
    if (atls_ea_requested(request, ATLS_EA_SIGNATURE_ALGORITHMS, &data) != 0)
        return ATLS_EA_REFUSE(ea, MISSING_EXTENSION, ATLS_E_MISSING, "RFC 9261 section 7.1",
                              "request: no signature_algorithms");
    return read_schemes(data, &request->schemes);
}

int atls_ea_read_request(struct atls_ea *ea, struct atls_bytes in, uint8_t type, bool lax,
                         struct atls_ea_request *requestp)
{
    struct atls_cursor c = atls_cursor_of(in, "RFC 9261 section 4");
    struct atls_bytes body, whole, block, data;
    int result = atls_ea_check_size(in);

    if (!result)
        result = atls_ea_read_message(ea, &c, "authenticator request", type, &body, &whole);
    if (!result)
        result = atls_cursor_end(&c, "authenticator request");
    if (result)
        return result;
    c = atls_cursor_of(body, "RFC 9261 section 4");
    memset(requestp, 0, sizeof *requestp);
    result = atls_cursor_vector(&c, "certificate_request_context", 1, 0, ATLS_EA_CONTEXT_MAX,
                                &requestp->context);
    if (!result)
        result = atls_cursor_vector(&c, "extensions", 2, lax ? 0 : 2, UINT16_MAX, &block);
    if (!result)
        result = atls_cursor_end(&c, "request");
    if (!result)
        result = read_extensions(ea, block, requestp->extensions, ATLS_EA_OFFERS,
                                 &requestp->extension_count);
    if (!result && !lax)
        return check_offers(ea, requestp);
    if (!result && atls_ea_requested(requestp, ATLS_EA_SIGNATURE_ALGORITHMS, &data) == 0)
        result = read_schemes(data, &requestp->schemes);
    return result;
}

int atls_ea_read_hello(struct atls_ea *ea, struct atls_bytes block, struct atls_ea_request *offerp)
{
    struct atls_bytes data;
    int result;

    memset(offerp, 0, sizeof *offerp);
    result =
        read_extensions(ea, block, offerp->extensions, ATLS_EA_OFFERS, &offerp->extension_count);
    if (!result && atls_ea_requested(offerp, ATLS_EA_SIGNATURE_ALGORITHMS, &data) == 0)
        result = read_schemes(data, &offerp->schemes);
    return result;
}

int atls_ea_read_certificate(struct atls_ea *ea, struct atls_bytes body,
                             struct atls_ea_authenticator *a)
{
    struct atls_cursor c = atls_cursor_of(body, "RFC 8446 section 4.4.2"), list;
    struct atls_bytes entries = ATLS_BYTES(NULL, 0), block;
    int result = atls_cursor_vector(&c, "certificate_request_context", 1, 0, ATLS_EA_CONTEXT_MAX,
                                    &a->context);

    if (!result)
        result = atls_cursor_vector(&c, "certificate_list", 3, 0, 0xffffff, &entries);
    if (!result)
        result = atls_cursor_end(&c, "Certificate");
    list = atls_cursor_of(entries, "RFC 8446 section 4.4.2");
    while (!result && list.left) {
        struct atls_ea_entry *e = &a->entries[a->entry_count];

        if (a->entry_count == ATLS_EA_ENTRIES)
            return atls_fail(ATLS_E_LIMIT, NULL, "certificate_list: more than %d entries",
                             ATLS_EA_ENTRIES);
        result = atls_cursor_vector(&list, "cert_data", 3, 1, 0xffffff, &e->certificate);
        if (!result)
            result = atls_cursor_vector(&list, "extensions", 2, 0, UINT16_MAX, &block);
        if (!result)
            result =
                read_extensions(ea, block, e->extensions, ATLS_EA_EXTENSIONS, &e->extension_count);
        a->entry_count++;
    }
    return result;
}

int atls_ea_get_context(struct atls_bytes message, struct atls_bytes *contextp)
{
    struct atls_cursor c = atls_cursor_of(message, "RFC 9261 section 7.2");
    struct atls_bytes body;
    uint8_t type;
    int result = atls_cursor_u8(&c, "message type", &type);

    if (!result)
        result = atls_cursor_vector(&c, "message", 3, 0, ATLS_EA_SIZE_MAX, &body);
    if (result)
        return result;
    if (type == ATLS_EA_FINISHED)
        return atls_fail(ATLS_E_MISSING, "RFC 9261 section 6",
                         "an empty authenticator has no certificate_request_context");
    if (type != ATLS_EA_CERTIFICATE && type != atls_ea_request_type(ATLS_EA_CLIENT) &&
        type != atls_ea_request_type(ATLS_EA_SERVER))
        return atls_fail(ATLS_E_MALFORMED, "RFC 9261 section 7.2",
                         "expected an authenticator or a request, came message type %u", type);
    c = atls_cursor_of(body, "RFC 9261 section 7.2");
    return atls_cursor_vector(&c, "certificate_request_context", 1, 0, ATLS_EA_CONTEXT_MAX,
                              contextp);
}

static const struct atls_ea_extension *find(const struct atls_ea_extension *extensions,
                                            size_t count, uint16_t type)
{
    for (size_t i = 0; i < count; i++)
        if (extensions[i].type == type)
            return &extensions[i];
    return NULL;
}

int atls_ea_requested(const struct atls_ea_request *request, uint16_t type,
                      struct atls_bytes *datap)
{
    const struct atls_ea_extension *e = find(request->extensions, request->extension_count, type);

    if (!e)
        return atls_fail(ATLS_E_MISSING, NULL, "request: no extension %u", type);
    *datap = e->data;
    return 0;
}

int atls_ea_leaf_extension(const struct atls_ea_authenticator *authenticator, uint16_t type,
                           struct atls_bytes *datap)
{
    const struct atls_ea_entry *leaf = &authenticator->entries[0];
    const struct atls_ea_extension *e = NULL;

    for (size_t i = 1; i < authenticator->entry_count; i++)
        if (find(authenticator->entries[i].extensions, authenticator->entries[i].extension_count,
                 type))
            return atls_fail(ATLS_E_MALFORMED, NULL,
                             "extension %u: expected in the first CertificateEntry, came in entry "
                             "%zu",
                             type, i + 1);
    if (authenticator->entry_count)
        e = find(leaf->extensions, leaf->extension_count, type);
    if (!e)
        return atls_fail(ATLS_E_MISSING, NULL, "authenticator: no extension %u", type);
    *datap = e->data;
    return 0;
}

int atls_ea_check_entries(struct atls_ea *ea, const struct atls_ea_entry *entries, size_t count,
                          const struct atls_ea_request *offer)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < entries[i].extension_count; k++) {
            uint16_t type = entries[i].extensions[k].type;

            if (!find(offer->extensions, offer->extension_count, type))
                return ATLS_EA_REFUSE(
                    ea, UNSUPPORTED_EXTENSION, ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.1",
                    "CertificateEntry %zu: extension %u was not asked for", i + 1, type);
            if (!place_of(type)->in_certificate)
                return ATLS_EA_REFUSE(ea, ILLEGAL_PARAMETER, ATLS_E_MALFORMED,
                                      "RFC 8446 section 4.2",
                                      "CertificateEntry %zu: extension %u does not belong into a "
                                      "Certificate",
                                      i + 1, type);
        }
    return 0;
}

int atls_ea_check_scheme(struct atls_ea *ea, uint16_t scheme, const struct atls_ea_request *offer)
{
    bool ecdsa = scheme == 0x0403 || scheme == 0x0503 || scheme == 0x0603;

    if (scheme <= 0x06ff && !ecdsa) /* RSASSA-PKCS1-v1_5, SHA-1, DSA and pairs of TLS 1.2 */
        return ATLS_EA_REFUSE(ea, ILLEGAL_PARAMETER, ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2",
                              "signature scheme 0x%04x is none of TLS 1.3", scheme);
    for (size_t i = 0; i + 1 < offer->schemes.size; i += 2)
        if (offer->schemes.data[i] == scheme >> 8 && offer->schemes.data[i + 1] == (scheme & 0xff))
            return 0;
    return ATLS_EA_REFUSE(ea, ILLEGAL_PARAMETER, ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2",
                          "signature scheme 0x%04x was not offered", scheme);
}

static size_t extensions_size(const struct atls_ea_extension *extensions, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += 4 + extensions[i].data.size;
    return size;
}

static void write_extensions(struct atls_sink *s, const struct atls_ea_extension *extensions,
                             size_t count)
{
    atls_sink_u16(s, (uint16_t)extensions_size(extensions, count));
    for (size_t i = 0; i < count; i++) {
        atls_sink_u16(s, extensions[i].type);
        atls_sink_vector(s, 2, extensions[i].data);
    }
}

static int check_block(const struct atls_ea_extension *extensions, size_t count, size_t most)
{
    if (count <= most && extensions_size(extensions, count) <= UINT16_MAX)
        return 0;
    return atls_fail(ATLS_E_LIMIT, "RFC 8446 section 4.2",
                     "%zu extensions of %zu bytes do not fit into a block", count,
                     extensions_size(extensions, count));
}

int atls_ea_request_size(struct atls_bytes context, const struct atls_ea_extension *extensions,
                         size_t count, size_t *sizep)
{
    int result = check_block(extensions, count, ATLS_EA_OFFERS);

    if (!result && context.size > ATLS_EA_CONTEXT_MAX)
        result = atls_fail(ATLS_E_LIMIT, "RFC 9261 section 4",
                           "certificate_request_context of %zu bytes", context.size);
    if (!result)
        *sizep = ATLS_EA_HEADER + 1 + context.size + 2 + extensions_size(extensions, count);
    return result;
}

void atls_ea_write_request(struct atls_sink *s, uint8_t type, struct atls_bytes context,
                           const struct atls_ea_extension *extensions, size_t count)
{
    atls_sink_u8(s, type);
    atls_sink_u24(s, (uint32_t)(1 + context.size + 2 + extensions_size(extensions, count)));
    atls_sink_vector(s, 1, context);
    write_extensions(s, extensions, count);
}

int atls_ea_empty_certificate(struct atls_bytes context, uint8_t buffer[ATLS_EA_EMPTY_MAX],
                              struct atls_bytes *messagep)
{
    struct atls_sink s = atls_sink_of(buffer, ATLS_EA_EMPTY_MAX);

    atls_sink_u8(&s, ATLS_EA_CERTIFICATE);
    atls_sink_u24(&s, (uint32_t)(1 + context.size + 3));
    atls_sink_vector(&s, 1, context);
    atls_sink_u24(&s, 0);
    return atls_sink_done(&s, messagep);
}

int atls_ea_list_size(const struct atls_ea_identity *identity, size_t *sizep)
{
    size_t size = 0;

    if (identity->entry_count == 0 || identity->entry_count > ATLS_EA_ENTRIES)
        return atls_fail(-EINVAL, "RFC 9261 section 5.2.1", "an identity of %zu certificates",
                         identity->entry_count);
    for (size_t i = 0; i < identity->entry_count; i++) {
        const struct atls_ea_entry *e = &identity->entries[i];
        int result = check_block(e->extensions, e->extension_count, ATLS_EA_EXTENSIONS);

        if (result)
            return result;
        if (e->certificate.size == 0 || e->certificate.size > ATLS_EA_SIZE_MAX)
            return atls_fail(ATLS_E_LIMIT, "RFC 8446 section 4.4.2", "a certificate of %zu bytes",
                             e->certificate.size);
        size += 3 + e->certificate.size + 2 + extensions_size(e->extensions, e->extension_count);
    }
    *sizep = size;
    return 0;
}

void atls_ea_write_certificate(struct atls_sink *s, struct atls_bytes context,
                               const struct atls_ea_identity *identity, size_t list)
{
    atls_sink_u8(s, ATLS_EA_CERTIFICATE);
    atls_sink_u24(s, (uint32_t)(1 + context.size + 3 + list));
    atls_sink_vector(s, 1, context);
    atls_sink_u24(s, (uint32_t)list);
    for (size_t i = 0; i < identity->entry_count; i++) {
        const struct atls_ea_entry *e = &identity->entries[i];

        atls_sink_vector(s, 3, e->certificate);
        write_extensions(s, e->extensions, e->extension_count);
    }
}
