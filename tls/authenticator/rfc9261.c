/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported Authenticators. Reading comes first, then making, then checking; the rules of section 4
 * to 6 are each in one place, and both directions go through them.
 */
#include "tls/authenticator/rfc9261-messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define PREFIX "Exported Authenticator"
#define CONTENT_MAX (64 + sizeof PREFIX + ATLS_EA_HASH_MAX) /* sizeof counts the separator */

enum kind { ASKED_HERE, ASKED_THERE, UNASKED };

struct atls_ea_exchange {
    enum kind kind;
    bool done; /* of a request: answered, or its answer validated */
    uint8_t context_size;
    uint8_t context[ATLS_EA_CONTEXT_MAX];
    uint8_t *request; /* the whole message; NULL where there was none, or it is done */
    size_t request_size;
};

static enum atls_ea_side other_side(enum atls_ea_side side)
{
    return side == ATLS_EA_CLIENT ? ATLS_EA_SERVER : ATLS_EA_CLIENT;
}

/* What a public function returns: the alert goes with the outcome. */
static int settle(struct atls_ea *ea, int r)
{
    if (r <= 0)
        ea->alert = r ? ATLS_EA_INTERNAL_ERROR : 0;
    return r;
}

static struct atls_ea_exchange *exchange_of(struct atls_ea *ea, struct atls_bytes context)
{
    for (size_t i = 0; i < ea->exchange_count; i++) {
        struct atls_ea_exchange *x = &ea->exchanges[i];

        if (atls_bytes_equal(ATLS_BYTES(x->context, x->context_size), context))
            return x;
    }
    return NULL;
}

/* Section 4 and 5.2.1: a context is unique on a connection, whoever chose it. */
static int check_new(struct atls_ea *ea, struct atls_bytes context)
{
    if (!exchange_of(ea, context))
        return 0;
    return ATLS_EA_REFUSE(
        ea, ILLEGAL_PARAMETER, ATLS_E_MISMATCH, "RFC 9261 section 4",
        "certificate_request_context of %zu bytes: it was used on this connection", context.size);
}

static int remember(struct atls_ea *ea, enum kind kind, struct atls_bytes context,
                    struct atls_bytes request)
{
    size_t count = ea->exchange_count;
    struct atls_ea_exchange *x;

    if (count == ATLS_EA_EXCHANGES)
        return atls_fail(ATLS_E_LIMIT, NULL, "more than %d authenticators on a connection",
                         ATLS_EA_EXCHANGES);
    if ((count & (count - 1)) == 0) { /* full at 0, 1, 2, 4, ... */
        x = realloc(ea->exchanges, (count ? 2 * count : 1) * sizeof *x);
        if (!x)
            return atls_fail(-ENOMEM, NULL, "no memory for contexts");
        ea->exchanges = x;
    }
    x = &ea->exchanges[count];
    memset(x, 0, sizeof *x);
    x->kind = kind;
    x->context_size = (uint8_t)context.size;
    if (context.size)
        memcpy(x->context, context.data, context.size);
    if (request.size) {
        x->request = malloc(request.size);
        if (!x->request)
            return atls_fail(-ENOMEM, NULL, "no memory for a request");
        memcpy(x->request, request.data, request.size);
        x->request_size = request.size;
    }
    ea->exchange_count++;
    return 0;
}

static void finish_exchange(struct atls_ea_exchange *x)
{
    x->done = true;
    free(x->request);
    x->request = NULL;
    x->request_size = 0;
}

/* Section 5.1: four values, by the role of the sender, with an empty context_value. */
static int export_keys(struct atls_ea *ea)
{
    static const char *const labels[2][2] = {
        [ATLS_EA_CLIENT] = {"EXPORTER-client authenticator handshake context",
                            "EXPORTER-client authenticator finished key"},
        [ATLS_EA_SERVER] = {"EXPORTER-server authenticator handshake context",
                            "EXPORTER-server authenticator finished key"},
    };
    const struct atls_ea_connection *c = ea->connection;
    int result = 0;

    for (int side = 0; side < 2 && !result; side++) {
        result = c->exporter(c->context, labels[side][0], ATLS_BYTES(NULL, 0),
                             ea->keys[side].handshake_context, c->hash_size);
        if (!result)
            result = c->exporter(c->context, labels[side][1], ATLS_BYTES(NULL, 0),
                                 ea->keys[side].finished_key, c->hash_size);
    }
    return result;
}

int atls_ea_init(struct atls_ea *ea, const struct atls_ea_connection *connection)
{
    uint16_t version = connection->version;
    bool old = version == 0x0303 || version == 0xfefd;
    int result;

    memset(ea, 0, sizeof *ea);
    ea->connection = connection;
    ea->request_type = atls_ea_request_type(connection->side);
    if (!old && version != 0x0304 && version != 0xfefc)
        return settle(ea, atls_fail(ATLS_E_UNSUPPORTED, "RFC 9261 section 7",
                                    "version 0x%04x: expected (D)TLS 1.3 or 1.2", version));
    if (old && !connection->extended_master_secret)
        return settle(ea, atls_fail(ATLS_E_UNSUPPORTED, "RFC 9261 section 5.1",
                                    "(D)TLS 1.2 without extended_master_secret"));
    if (connection->hash_size == 0 || connection->hash_size > ATLS_EA_HASH_MAX)
        return settle(ea, atls_fail(-EINVAL, "RFC 9261 section 5.1", "a hash of %zu bytes",
                                    connection->hash_size));
    result = export_keys(ea);
    if (result)
        atls_ea_clear(ea);
    return settle(ea, result);
}

void atls_ea_clear(struct atls_ea *ea)
{
    for (size_t i = 0; i < ea->exchange_count; i++)
        free(ea->exchanges[i].request);
    free(ea->exchanges);
    free(ea->hello);
    explicit_bzero(ea, sizeof *ea);
}

int atls_ea_hello(struct atls_ea *ea, struct atls_bytes extensions)
{
    struct atls_ea_request offer;
    uint8_t *copy;
    int result;

    ea->alert = ATLS_EA_DECODE_ERROR;
    result = atls_ea_read_hello(ea, extensions, &offer);
    if (result)
        return settle(ea, result);
    copy = malloc(extensions.size ? extensions.size : 1);
    if (!copy)
        return settle(ea, atls_fail(-ENOMEM, NULL, "no memory for a ClientHello"));
    if (extensions.size)
        memcpy(copy, extensions.data, extensions.size);
    free(ea->hello);
    ea->hello = copy;
    ea->hello_size = extensions.size;
    return settle(ea, 0);
}

/* What the Certificate may contain: of the request, or of the ClientHello (section 5.2). */
static int read_offer(struct atls_ea *ea, const struct atls_ea_exchange *x,
                      struct atls_ea_request *offerp)
{
    if (x) /* its rules were kept, or broken on purpose, when it came or was made */
        return atls_ea_read_request(ea, ATLS_BYTES(x->request, x->request_size), x->request[0],
                                    true, offerp);
    if (!ea->hello)
        return atls_fail(-EINVAL, "RFC 9261 section 5.2",
                         "an authenticator without a request needs the ClientHello");
    return atls_ea_read_hello(ea, ATLS_BYTES(ea->hello, ea->hello_size), offerp);
}

/* Hash(Handshake Context || request || MESSAGES): sections 5.2.2, 5.2.3 and 6. */
static int transcript(struct atls_ea *ea, enum atls_ea_side sender,
                      const struct atls_ea_exchange *x, struct atls_bytes messages,
                      uint8_t digestp[ATLS_EA_HASH_MAX])
{
    const struct atls_ea_connection *c = ea->connection;
    size_t skipped = ea->headless ? ATLS_EA_HEADER : 0;
    const struct atls_bytes parts[] = {
        ATLS_BYTES(ea->keys[sender].handshake_context, c->hash_size),
        x ? ATLS_BYTES(x->request + skipped, x->request_size - skipped) : ATLS_BYTES(NULL, 0),
        messages};

    return c->hash(c->context, parts, 3, digestp);
}

/* What CertificateVerify signs (section 5.2.2). */
static int signed_content(struct atls_ea *ea, enum atls_ea_side sender,
                          const struct atls_ea_exchange *x, struct atls_bytes certificate,
                          uint8_t content[CONTENT_MAX], struct atls_bytes *contentp)
{
    size_t digest_at = 64 + sizeof PREFIX; /* the separator is the text's own zero */

    memset(content, 0x20, 64);
    memcpy(content + 64, PREFIX, sizeof PREFIX);
    *contentp = ATLS_BYTES(content, digest_at + ea->connection->hash_size);
    return transcript(ea, sender, x, certificate, content + digest_at);
}

/* verify_data over MESSAGES (section 5.2.3, and 6). */
static int finished(struct atls_ea *ea, enum atls_ea_side sender, const struct atls_ea_exchange *x,
                    struct atls_bytes messages, uint8_t macp[ATLS_EA_HASH_MAX])
{
    const struct atls_ea_connection *c = ea->connection;
    uint8_t digest[ATLS_EA_HASH_MAX];
    int result = transcript(ea, sender, x, messages, digest);

    return result ? result
                  : c->hmac(c->context, ATLS_BYTES(ea->keys[sender].finished_key, c->hash_size),
                            ATLS_BYTES(digest, c->hash_size), macp);
}

static int make_request(struct atls_ea *ea, struct atls_bytes context,
                        const struct atls_ea_extension *extensions, size_t count, uint8_t *message,
                        size_t size)
{
    struct atls_sink s = atls_sink_of(message, size);
    struct atls_ea_request parsed;
    struct atls_bytes written;
    int result;

    atls_ea_write_request(&s, ea->request_type, context, extensions, count);
    result = atls_sink_done(&s, &written);
    if (!result)
        result = atls_ea_read_request(ea, written, ea->request_type, ea->lax, &parsed);
    if (!result && !ea->lax)
        result = check_new(ea, context);
    if (result)
        return -EINVAL; /* the text stays */
    return remember(ea, ASKED_HERE, context, written);
}

int atls_ea_make_request(struct atls_ea *ea, struct atls_bytes context,
                         const struct atls_ea_extension *extensions, size_t count,
                         uint8_t **requestp, size_t *sizep)
{
    uint8_t *message;
    size_t size;
    int result = atls_ea_request_size(context, extensions, count, &size);

    ea->alert = ATLS_EA_INTERNAL_ERROR;
    if (result)
        return settle(ea, result);
    message = malloc(size);
    if (!message)
        return settle(ea, atls_fail(-ENOMEM, NULL, "no memory for a request"));
    result = make_request(ea, context, extensions, count, message, size);
    if (result) {
        free(message);
        return settle(ea, result);
    }
    *requestp = message;
    *sizep = size;
    return settle(ea, 0);
}

int atls_ea_take_request(struct atls_ea *ea, struct atls_bytes request,
                         struct atls_ea_request *requestp)
{
    struct atls_ea_request parsed;
    int result;

    ea->alert = ATLS_EA_DECODE_ERROR;
    result = atls_ea_read_request(
        ea, request, atls_ea_request_type(other_side(ea->connection->side)), false, &parsed);
    if (!result)
        result = check_new(ea, parsed.context);
    if (!result)
        result = remember(ea, ASKED_THERE, parsed.context, request);
    if (!result)
        *requestp = parsed;
    return settle(ea, result);
}

static int write_finished(struct atls_ea *ea, const struct atls_ea_exchange *x,
                          struct atls_bytes messages, struct atls_sink *s)
{
    uint8_t mac[ATLS_EA_HASH_MAX];
    int result = finished(ea, ea->connection->side, x, messages, mac);

    if (result)
        return result;
    atls_sink_u8(s, ATLS_EA_FINISHED);
    atls_sink_vector(s, 3, ATLS_BYTES(mac, ea->connection->hash_size));
    return 0;
}

/* May IDENTITY answer OFFER? */
static int check_identity(struct atls_ea *ea, const struct atls_ea_identity *identity,
                          const struct atls_ea_request *offer)
{
    int result;

    if (ea->lax)
        return 0;
    result = atls_ea_check_scheme(ea, identity->scheme, offer);
    if (result)
        return result;
    result = atls_ea_check_entries(ea, identity->entries, identity->entry_count, offer);
    return result > 0 ? -EINVAL : result; /* the text stays */
}

/* Certificate || CertificateVerify || Finished (section 5.2.4). */
static int write_authenticator(struct atls_ea *ea, const struct atls_ea_exchange *x,
                               struct atls_bytes context, const struct atls_ea_identity *identity,
                               size_t list, struct atls_sink *s)
{
    uint8_t content[CONTENT_MAX], signature[ATLS_EA_SIGNATURE_MAX];
    struct atls_bytes written, to_sign;
    size_t size;
    int result;

    atls_ea_write_certificate(s, context, identity, list);
    result = atls_sink_done(s, &written);
    if (!result)
        result = signed_content(ea, ea->connection->side, x, written, content, &to_sign);
    if (!result)
        result = identity->sign(identity->context, identity->scheme, to_sign, signature,
                                sizeof signature, &size);
    if (result)
        return result;
    atls_sink_u8(s, ATLS_EA_CERTIFICATE_VERIFY);
    atls_sink_u24(s, (uint32_t)(2 + 2 + size));
    atls_sink_u16(s, identity->scheme);
    atls_sink_vector(s, 2, ATLS_BYTES(signature, size));
    result = atls_sink_done(s, &written);
    return result ? result : write_finished(ea, x, written, s);
}

static int make_authenticator(struct atls_ea *ea, const struct atls_ea_exchange *x,
                              struct atls_bytes context, const struct atls_ea_identity *identity,
                              uint8_t **authenticatorp, size_t *sizep)
{
    uint8_t empty[ATLS_EA_EMPTY_MAX];
    struct atls_bytes written = ATLS_BYTES(NULL, 0);
    size_t list = 0, room;
    struct atls_ea_request offer;
    struct atls_sink s;
    uint8_t *bytes;
    int result = read_offer(ea, x, &offer);

    if (!result)
        result = identity ? atls_ea_list_size(identity, &list)
                          : atls_ea_empty_certificate(context, empty, &written);
    if (!result && identity)
        result = check_identity(ea, identity, &offer);
    room = ATLS_EA_EMPTY_MAX + list + ATLS_EA_HEADER + 4 + ATLS_EA_SIGNATURE_MAX + ATLS_EA_HEADER +
           ATLS_EA_HASH_MAX;
    if (!result && room > ATLS_EA_SIZE_MAX)
        result = atls_fail(ATLS_E_LIMIT, NULL, "a chain of %zu bytes", list);
    if (result)
        return result;
    bytes = malloc(room);
    if (!bytes)
        return atls_fail(-ENOMEM, NULL, "no memory for an authenticator");
    s = atls_sink_of(bytes, room);
    result = identity ? write_authenticator(ea, x, context, identity, list, &s)
                      : write_finished(ea, x, written, &s);
    if (!result)
        result = atls_sink_done(&s, &written);
    if (result) {
        free(bytes);
        return result;
    }
    *authenticatorp = bytes;
    *sizep = written.size;
    return 0;
}

int atls_ea_answer(struct atls_ea *ea, struct atls_bytes context,
                   const struct atls_ea_identity *identity, uint8_t **authenticatorp, size_t *sizep)
{
    struct atls_ea_exchange *x = exchange_of(ea, context);
    int result;

    ea->alert = ATLS_EA_INTERNAL_ERROR;
    if (!x || x->kind != ASKED_THERE || x->done)
        return settle(ea, atls_fail(-EINVAL, "RFC 9261 section 5.2",
                                    "no request with this context waits for an answer"));
    result = make_authenticator(ea, x, context, identity, authenticatorp, sizep);
    if (!result)
        finish_exchange(x);
    return settle(ea, result);
}

int atls_ea_volunteer(struct atls_ea *ea, struct atls_bytes context,
                      const struct atls_ea_identity *identity, uint8_t **authenticatorp,
                      size_t *sizep)
{
    uint8_t *made;
    size_t size;
    int result = 0;

    ea->alert = ATLS_EA_INTERNAL_ERROR;
    if (!identity || context.size > ATLS_EA_CONTEXT_MAX)
        result = atls_fail(-EINVAL, "RFC 9261 section 6", "only a request is refused");
    else if (!ea->lax && ea->connection->side == ATLS_EA_CLIENT)
        result = atls_fail(-EINVAL, "RFC 9261 section 5",
                           "a client sends no authenticator that nobody asked for");
    else if (!ea->lax && check_new(ea, context) != 0)
        result = -EINVAL; /* the text stays */
    if (!result)
        result = make_authenticator(ea, NULL, context, identity, &made, &size);
    if (result)
        return settle(ea, result);
    result = remember(ea, UNASKED, context, ATLS_BYTES(NULL, 0));
    if (result) {
        free(made);
        return settle(ea, result);
    }
    *authenticatorp = made;
    *sizep = size;
    return settle(ea, 0);
}

/* Sections 5.2.3 and 6; in constant time, as section 5.2.4 asks. */
static int check_finished(struct atls_ea *ea, const struct atls_ea_exchange *x,
                          struct atls_bytes messages, struct atls_bytes verify_data)
{
    size_t size = ea->connection->hash_size;
    uint8_t mac[ATLS_EA_HASH_MAX];
    int result;

    if (verify_data.size != size)
        return atls_fail(ATLS_E_MALFORMED, "RFC 9261 section 5.2.3",
                         "Finished: expected %zu bytes, came %zu", size, verify_data.size);
    result = finished(ea, other_side(ea->connection->side), x, messages, mac);
    if (result)
        return result;
    if (!atls_bytes_equal_secret(verify_data, ATLS_BYTES(mac, size)))
        return ATLS_EA_REFUSE(
            ea, DECRYPT_ERROR, ATLS_E_MISMATCH, "RFC 9261 section 5.2.3",
            "Finished: its value is not that of this connection and these messages");
    return 0;
}

static int check_empty(struct atls_ea *ea, struct atls_ea_exchange *x, struct atls_bytes in)
{
    struct atls_cursor c = atls_cursor_of(in, "RFC 9261 section 6");
    struct atls_bytes verify_data, whole, certificate;
    uint8_t buffer[ATLS_EA_EMPTY_MAX];
    int result = atls_ea_read_message(ea, &c, "Finished", ATLS_EA_FINISHED, &verify_data, &whole);

    if (!result)
        result = atls_cursor_end(&c, "empty authenticator");
    if (!result && !x)
        result = ATLS_EA_REFUSE(ea, UNEXPECTED_MESSAGE, ATLS_E_MALFORMED, "RFC 9261 section 6",
                                "an empty authenticator that nobody asked for");
    if (!result)
        result = atls_ea_empty_certificate(ATLS_BYTES(x->context, x->context_size), buffer,
                                           &certificate);
    if (!result)
        result = check_finished(ea, x, certificate, verify_data);
    if (result)
        return result;
    finish_exchange(x);
    return ATLS_EA_REFUSE(ea, CERTIFICATE_REQUIRED, ATLS_E_REFUSED, "RFC 9261 section 6",
                          "the peer has no identity to answer with, or does not want to");
}

/* The Certificate, against what was asked and what was used before. */
static int check_certificate(struct atls_ea *ea, const struct atls_ea_exchange *x,
                             const struct atls_ea_request *offer,
                             const struct atls_ea_authenticator *a)
{
    if (x && !atls_bytes_equal(a->context, ATLS_BYTES(x->context, x->context_size)))
        return ATLS_EA_REFUSE(ea, ILLEGAL_PARAMETER, ATLS_E_MISMATCH, "RFC 9261 section 5.2.1",
                              "certificate_request_context: not that of the request");
    if (!x) {
        int result = check_new(ea, a->context);

        if (result)
            return result;
    }
    if (a->entry_count == 0)
        return atls_fail(ATLS_E_MALFORMED, "RFC 9261 section 6",
                         "Certificate: no entry; a refusal is a Finished alone");
    return atls_ea_check_entries(ea, a->entries, a->entry_count, offer);
}

static int check_signature(struct atls_ea *ea, const struct atls_ea_exchange *x,
                           const struct atls_ea_request *offer, struct atls_bytes certificate,
                           struct atls_bytes body, struct atls_ea_authenticator *a)
{
    const struct atls_ea_connection *connection = ea->connection;
    struct atls_cursor c = atls_cursor_of(body, "RFC 9261 section 5.2.2");
    struct atls_bytes signature, content;
    uint8_t buffer[CONTENT_MAX];
    int result = atls_cursor_u16(&c, "algorithm", &a->scheme);

    if (!result)
        result = atls_cursor_vector(&c, "signature", 2, 0, UINT16_MAX, &signature);
    if (!result)
        result = atls_cursor_end(&c, "CertificateVerify");
    if (!result)
        result = atls_ea_check_scheme(ea, a->scheme, offer);
    if (!result)
        result = signed_content(ea, other_side(connection->side), x, certificate, buffer, &content);
    if (result)
        return result;
    result = connection->verify(connection->context, a->scheme, a->entries[0].certificate, content,
                                signature);
    if (result > 0)
        ea->alert = result == ATLS_E_SIGNATURE ? ATLS_EA_DECRYPT_ERROR : ATLS_EA_BAD_CERTIFICATE;
    return result;
}

static int check_authenticator(struct atls_ea *ea, const struct atls_ea_exchange *x,
                               struct atls_bytes in, struct atls_ea_authenticator *a)
{
    struct atls_cursor c = atls_cursor_of(in, "RFC 9261 section 5.2");
    struct atls_bytes body, certificate, verify_body, verify, verify_data, whole;
    struct atls_ea_request offer;
    int result =
        atls_ea_read_message(ea, &c, "Certificate", ATLS_EA_CERTIFICATE, &body, &certificate);

    if (!result)
        result = atls_ea_read_message(ea, &c, "CertificateVerify", ATLS_EA_CERTIFICATE_VERIFY,
                                      &verify_body, &verify);
    if (!result)
        result = atls_ea_read_message(ea, &c, "Finished", ATLS_EA_FINISHED, &verify_data, &whole);
    if (!result)
        result = atls_cursor_end(&c, "authenticator");
    if (!result)
        result = atls_ea_read_certificate(ea, body, a);
    if (!result)
        result = read_offer(ea, x, &offer);
    if (!result)
        result = check_certificate(ea, x, &offer, a);
    if (!result)
        result = check_signature(ea, x, &offer, certificate, verify_body, a);
    return result ? result
                  : check_finished(ea, x, ATLS_BYTES(in.data, certificate.size + verify.size),
                                   verify_data);
}

bool atls_ea_fits(const struct atls_ea *ea, struct atls_bytes authenticator,
                  struct atls_bytes context, bool headless,
                  int (*verify)(void *context, uint16_t scheme, struct atls_bytes certificate,
                                struct atls_bytes content, struct atls_bytes signature))
{
    struct atls_ea_connection connection = *ea->connection;
    struct atls_ea other = *ea; /* whose exchanges are only read */
    struct atls_ea_authenticator parsed = {.entry_count = 0};
    const struct atls_ea_exchange *x = exchange_of(&other, context);

    connection.verify = verify;
    other.connection = &connection;
    other.headless = headless;
    return x && x->kind == ASKED_HERE && !x->done && authenticator.size > 0 &&
           authenticator.data[0] != ATLS_EA_FINISHED &&
           check_authenticator(&other, x, authenticator, &parsed) == 0;
}

int atls_ea_validate(struct atls_ea *ea, struct atls_bytes authenticator,
                     const struct atls_bytes *context, struct atls_ea_authenticator *authenticatorp)
{
    struct atls_ea_authenticator parsed = {.entry_count = 0};
    struct atls_ea_exchange *x = context ? exchange_of(ea, *context) : NULL;
    int result;

    ea->alert = ATLS_EA_DECODE_ERROR;
    if (context && (!x || x->kind != ASKED_HERE))
        return settle(ea, atls_fail(-EINVAL, NULL, "this side made no request with this context"));
    if (x && x->done)
        return settle(ea,
                      ATLS_EA_REFUSE(ea, ILLEGAL_PARAMETER, ATLS_E_MISMATCH, "RFC 9261 section 7.4",
                                     "certificate_request_context: it was answered before"));
    if (!context && ea->connection->side == ATLS_EA_SERVER)
        return settle(ea,
                      ATLS_EA_REFUSE(ea, UNEXPECTED_MESSAGE, ATLS_E_MALFORMED, "RFC 9261 section 5",
                                     "a client's authenticator that nobody asked for"));
    result = atls_ea_check_size(authenticator);
    if (!result && authenticator.size && authenticator.data[0] == ATLS_EA_FINISHED)
        return settle(ea, check_empty(ea, x, authenticator));
    if (!result)
        result = check_authenticator(ea, x, authenticator, &parsed);
    if (!result && !x)
        result = remember(ea, UNASKED, parsed.context, ATLS_BYTES(NULL, 0));
    if (result)
        return settle(ea, result);
    if (x)
        finish_exchange(x);
    *authenticatorp = parsed;
    return settle(ea, 0);
}
