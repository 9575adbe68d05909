/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of expat-04 behind the handshake. Everything is in frames. Each side says "done" when
 * it has accepted all that it asked for; a line of application data may go only where both have.
 */
#include "tls/engine/expat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/wire/binder.h"

#define DRAFT "draft-fossati-seat-expat-04 "
#define RECORD_MAX 16384

static int append(struct expat_buffer *buffer, struct atls_bytes bytes)
{
    if (buffer->at > 0) { /* what was used goes */
        memmove(buffer->data, buffer->data + buffer->at, buffer->size - buffer->at);
        buffer->size -= buffer->at;
        buffer->at = 0;
    }
    uint8_t *bigger = realloc(buffer->data, buffer->size + bytes.size + 1);
    if (!bigger)
        return atls_fail(-ENOMEM, NULL, "no memory for frames");
    buffer->data = bigger;
    if (bytes.size > 0)
        memcpy(bigger + buffer->size, bytes.data, bytes.size);
    buffer->size += bytes.size;
    return 0;
}

bool expat_is_cocos(const struct atls_session *s)
{
    return s->party->variants.framing != 0;
}

/* Requests and authenticators have a frame; a line is as it is, and nobody says "done". */
static int send_as_cocos(struct atls_session *s, enum atls_frame_type type, struct atls_bytes body)
{
    static const uint8_t end_of_line[] = "\n";
    uint8_t header[ATLS_COCOS_HEADER];
    int result = 0;
    if (type == ATLS_FRAME_REQUEST || type == ATLS_FRAME_AUTHENTICATOR) {
        result = atls_cocos_frame_header(type, body.size, header);
        if (result == 0)
            result = append(&s->expat->out, ATLS_BYTES(header, sizeof header));
    }
    s->expat->raw = s->expat->raw || type == ATLS_FRAME_AUTHENTICATOR;
    if (type == ATLS_FRAME_DONE && s->party->side == ATLS_CLIENT)
        s->expat->done_received = true; /* a server has nothing to accept */
    if (result == 0)
        result = append(&s->expat->out, body);
    if (result == 0 && type == ATLS_FRAME_LINE)
        result = append(&s->expat->out, ATLS_BYTES(end_of_line, 1));
    return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
}

int expat_send(struct atls_session *s, enum atls_frame_type type, struct atls_bytes body)
{
    uint8_t header[ATLS_FRAME_HEADER];
    if (expat_is_cocos(s))
        return send_as_cocos(s, type, body);
    int result = atls_frame_header(type, body.size, header);
    if (result == 0)
        result = append(&s->expat->out, ATLS_BYTES(header, sizeof header));
    if (result == 0)
        result = append(&s->expat->out, body);
    return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
}

void expat_report(struct atls_session *s, const char *direction, const char *message,
                  unsigned round, struct atls_bytes context, size_t bytes)
{
    atls_event(s->party->events, "authenticator", "{s:I, s:s, s:s, s:I, s:o, s:I}", "conn",
               (json_int_t)s->conn, "direction", direction, "message", message, "round",
               (json_int_t)round, "context", atls_json_hex(context), "bytes", (json_int_t)bytes);
}

int expat_bind_by(struct atls_session *s, const struct atls_variants *variants, enum atls_hash hash,
                  struct atls_bytes spki, struct atls_bytes context, struct expat_binding *bindingp)
{
    const char *label = atls_expat_label_text((enum atls_expat_label)variants->exporter_label);
    struct atls_expat *x = s->expat;
    uint8_t exported[ATLS_EXPAT_EXPORTED_SIZE];
    int result =
        x->connection.exporter(x->connection.context, label, context, exported, sizeof exported);
    if (result == 0)
        result =
            atls_expat_binding(&atls_crypto_hosted, hash, (enum atls_expat_key)variants->public_key,
                               spki, ATLS_BYTES(exported, sizeof exported), bindingp->value);
    explicit_bzero(exported, sizeof exported);
    if (result == 0)
        bindingp->size = atls_hash_size(hash);
    return result;
}

int expat_bind(struct atls_session *s, struct atls_bytes spki, struct atls_bytes context,
               struct expat_binding *bindingp)
{
    int result =
        expat_bind_by(s, &s->party->variants, s->expat->adapter.hash, spki, context, bindingp);
    return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
}

int expat_cocos_binder(struct atls_session *s, struct atls_bytes spki,
                       const struct expat_binding *binding, struct expat_cocos *cocosp)
{
    enum atls_hash hash = s->expat->adapter.hash;
    int result = atls_crypto_hosted.hash(hash, &spki, 1, cocosp->key_hash);
    if (result != 0)
        return result;
    cocosp->binder = (struct atls_cocos_binder){
        .label = atls_expat_label_text((enum atls_expat_label)s->party->variants.exporter_label),
        .key_hash = ATLS_BYTES(cocosp->key_hash, atls_hash_size(hash)),
        .binding = ATLS_BYTES(binding->value, binding->size),
    };
    return 0;
}

int expat_refuse(struct atls_session *s, int outcome)
{
    unsigned alert = s->expat->ea.alert;
    const char *reason = "malformed-authenticator";
    if (outcome < 0)
        reason = "internal";
    else if (outcome == ATLS_E_SIGNATURE)
        reason = "key-mismatch";
    else if (outcome == ATLS_E_UNSUPPORTED && alert == ATLS_EA_UNSUPPORTED_EXTENSION)
        reason = "malformed-extension";
    else if (outcome == ATLS_E_MISMATCH)
        reason =
            alert == ATLS_EA_DECRYPT_ERROR ? "authenticator-finished" : "authenticator-context";
    return session_fail(s, reason, (int)alert, NULL, NULL);
}

/* Extensions of a ClientHello: what is behind version, random, session, suites and compression. */
static int hello_extensions(struct atls_bytes hello, struct atls_bytes *blockp)
{
    struct atls_cursor c = atls_cursor_of(hello, "RFC 8446 section 4.1.2");
    struct atls_bytes skipped;
    int result = atls_cursor_take(&c, "version and random", 34, &skipped);
    if (result == 0)
        result = atls_cursor_vector(&c, "legacy_session_id", 1, 0, 32, &skipped);
    if (result == 0)
        result = atls_cursor_vector(&c, "cipher_suites", 2, 2, UINT16_MAX, &skipped);
    if (result == 0)
        result = atls_cursor_vector(&c, "legacy_compression_methods", 1, 1, 255, &skipped);
    return result == 0 ? atls_cursor_vector(&c, "extensions", 2, 0, UINT16_MAX, blockp) : result;
}

static int hello(struct atls_session *s, enum atls_handshake_type type, struct atls_bytes message)
{
    struct atls_expat *x = s->expat;
    struct atls_bytes block;
    if (type != ATLS_HS_CLIENT_HELLO)
        return 0;
    if (hello_extensions(message, &block) != 0)
        return session_fail(s, "malformed-extension", ATLS_ALERT_DECODE_ERROR, NULL, NULL);
    uint8_t *copy = malloc(block.size + 1);
    if (!copy)
        return session_fail(s, "internal", -1, NULL, "no memory for a ClientHello");
    if (block.size > 0)
        memcpy(copy, block.data, block.size);
    free(x->hello);
    x->hello = copy;
    x->hello_size = block.size;
    return 0;
}

static int prepare(struct atls_session *s)
{
    s->expat = calloc(1, sizeof *s->expat);
    return s->expat ? 0 : atls_fail(-ENOMEM, NULL, "no memory for authenticators");
}

static void clear(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    if (!x)
        return;
    if (x->started)
        atls_ea_clear(&x->ea);
    free(x->hello);
    free(x->in.data);
    free(x->out.data);
    free(x->kept);
    free(x);
    s->expat = NULL;
}

static int send_line(struct atls_session *s)
{
    struct atls_bytes line = atls_bytes_of_text(s->party->message);
    int result = expat_send(s, ATLS_FRAME_LINE, line);
    if (result != 0)
        return result;
    s->expat->line_sent = true;
    report_line(s, "sent", s->party->message, line.size);
    return 0;
}

static int export_value(void *context, const char *label, struct atls_bytes value, uint8_t *valuep,
                        size_t size)
{
    const struct atls_expat *x = context;
    return session_stack(x->s)->exporter(x->s->connection, label, value, valuep, size);
}

static int begin(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    struct atls_expat *x = s->expat;
    enum atls_ea_side side = party->side == ATLS_CLIENT ? ATLS_EA_CLIENT : ATLS_EA_SERVER;
    enum atls_hash hash = ATLS_SHA256;
    int result = session_stack(s)->hash(s->connection, &hash);
    atls_ea_gnutls_callbacks(&x->adapter, side, hash, &x->connection);
    x->connection.exporter = export_value;
    x->s = s;
    if (result == 0)
        result = atls_ea_init(&x->ea, &x->connection);
    if (result != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    x->started = true;
    x->ea.headless = party->variants.request_transcript != 0;
    result = atls_ea_hello(&x->ea, ATLS_BYTES(x->hello, x->hello_size));
    if (result > 0 && party->side == ATLS_SERVER) /* the client's, and longer than is kept */
        return session_fail(s, "malformed-extension", (int)x->ea.alert, NULL, NULL);
    if (result != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    x->stage = party->as_relying_party.model_count > 0 ? EXPAT_BEGIN : EXPAT_SATISFIED;
    if (atls_faults_has(party->faults, "application-data-early", NULL)) {
        report_fault(s, "application-data-early", "the line goes before anything was attested");
        result = send_line(s);
    }
    if (result == 0 && atls_faults_has(party->faults, "authenticator-unsolicited", NULL))
        result = expat_volunteer(s);
    return result;
}

static int unexpected(struct atls_session *s, const char *detail)
{
    return session_fail(s, "malformed-authenticator", ATLS_ALERT_UNEXPECTED_MESSAGE,
                        "harness/peers/README.md, frames of expat-04", detail);
}

static void tell_handshake(struct atls_session *s)
{
    if (!s->told.handshake)
        s->seconds = atls_now() - s->started;
    report_handshake(s);
}

static int line_received(struct atls_session *s, struct atls_bytes line)
{
    struct atls_expat *x = s->expat;
    if (!x->done_sent || !x->done_received)
        return session_fail(s, "application-data-early", -1, NULL,
                            "application data came before attestation was complete");
    if (x->line_received)
        return unexpected(s, "expected one line, came another one");
    x->line_received = true;
    tell_handshake(s); /* done may have come with it */
    report_line(s, "received", (const char *)line.data, line.size);
    return 0;
}

static int done_received(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    if (x->done_received || x->answering)
        return unexpected(s, x->answering ? "done came while an answer was awaited"
                                          : "done came twice");
    x->done_received = true;
    return 0;
}

/* As if TLS had brought it. */
static int alert_received(struct atls_session *s, uint8_t alert)
{
    char detail[96];
    snprintf(detail, sizeof detail, "the peer ended the connection with %s (%u), in a frame",
             atls_alert_name(&s->party->code_points, alert), alert);
    return session_ended(s, "peer-alert", alert, detail);
}

static int take_frame(struct atls_session *s, const struct atls_frame *frame)
{
    switch (frame->type) {
    case ATLS_FRAME_REQUEST:
        return s->expat->done_received ? unexpected(s, "a request came behind done")
                                       : expat_requested(s, frame->body);
    case ATLS_FRAME_AUTHENTICATOR:
        return expat_authenticated(s, frame->body);
    case ATLS_FRAME_LINE:
        return line_received(s, frame->body);
    case ATLS_FRAME_DONE:
        return done_received(s);
    case ATLS_FRAME_ALERT:
        return alert_received(s, frame->body.data[0]);
    }
    return 0;
}

/* The next line of application data as it is. Nobody says when the other side has accepted what it
 * asked for: a line that comes while this side still judges is kept. */
static int read_line(const struct atls_session *s, struct atls_bytes in, struct atls_frame *framep,
                     size_t *usedp)
{
    const uint8_t *end = in.size > 0 ? memchr(in.data, '\n', in.size) : NULL;
    size_t size = end ? (size_t)(end - in.data) : in.size;
    if (size > ATLS_FRAME_LINE_MAX)
        return atls_fail(ATLS_E_MALFORMED, "harness/peers/README.md, the wire of Cocos",
                         "expected a line of at most %u bytes, came more", ATLS_FRAME_LINE_MAX);
    if (!end || !s->expat->done_sent)
        return atls_fail(ATLS_E_AGAIN, NULL, "a line is not whole yet");
    *framep = (struct atls_frame){.type = ATLS_FRAME_LINE, .body = ATLS_BYTES(in.data, size)};
    *usedp = size + 1;
    return 0;
}

static int read_next(const struct atls_session *s, struct atls_bytes in, struct atls_frame *framep,
                     size_t *usedp)
{
    if (!expat_is_cocos(s))
        return atls_frame_read(in, framep, usedp);
    return s->expat->raw ? read_line(s, in, framep, usedp)
                         : atls_cocos_frame_read(in, framep, usedp);
}

static int take_frames(struct atls_session *s)
{
    struct expat_buffer *in = &s->expat->in;
    for (;;) {
        struct atls_frame frame;
        size_t used;
        int result = read_next(s, ATLS_BYTES(in->data + in->at, in->size - in->at), &frame, &used);
        if (result == ATLS_E_AGAIN)
            return 0;
        if (result != 0)
            return session_fail(s, "malformed-authenticator", -1, NULL, NULL);
        in->at += used; /* the body stays where it is until more is appended */
        s->expat->raw =
            s->expat->raw || (expat_is_cocos(s) && frame.type == ATLS_FRAME_AUTHENTICATOR);
        if (expat_is_cocos(s) && frame.type == ATLS_FRAME_LINE)
            s->expat->done_received = true; /* the client has accepted what it asked for */
        result = take_frame(s, &frame);
        if (result != 0)
            return result;
    }
}

/* Everything that is there. Frames are bounded, and so is what is kept of them. False: the
 * connection has failed. */
static bool receive(struct atls_session *s)
{
    uint8_t record[RECORD_MAX];
    while (!s->expat->peer_closed && !s->failure.reason) {
        size_t size = 0;
        enum atls_stack_answer answer =
            session_stack(s)->receive(s->connection, record, sizeof record, &size);
        if (answer == ATLS_STACK_READ || answer == ATLS_STACK_WRITE)
            return true;
        if (answer == ATLS_STACK_FAILED)
            return false;
        if (answer == ATLS_STACK_CLOSED)
            s->expat->peer_closed = true;
        else if (answer == ATLS_STACK_DONE && append(&s->expat->in, ATLS_BYTES(record, size)) != 0)
            session_fail(s, "internal", -1, NULL, NULL);
        else if (answer == ATLS_STACK_DONE)
            take_frames(s);
    }
    return true;
}

static bool flush(struct atls_session *s)
{
    struct expat_buffer *out = &s->expat->out;
    while (out->at < out->size) {
        size_t sent = 0;
        enum atls_stack_answer answer = session_stack(s)->send(
            s->connection, ATLS_BYTES(out->data + out->at, out->size - out->at), &sent);
        if (answer == ATLS_STACK_FAILED)
            return false;
        if (answer != ATLS_STACK_DONE)
            return true;
        out->at += sent;
    }
    return true;
}

static bool flushed(const struct atls_expat *x)
{
    return x->out.at == x->out.size;
}

/* Nobody is done who has not got what it must have. */
static int say_done(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    if (party->as_relying_party.model_count > 0 && party->attestation_required &&
        s->peer.model == ATLS_MODEL_NONE)
        return session_fail(s, "internal", -1, NULL, "done without an accepted verdict");
    s->expat->done_sent = true;
    return expat_send(s, ATLS_FRAME_DONE, ATLS_BYTES(NULL, 0));
}

/* What follows from where both sides are: done, the handshake's report, the line. */
static void advance(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    if (!s->failure.reason && !x->done_sent && x->stage == EXPAT_SATISFIED &&
        (x->raw || !expat_is_cocos(s))) {
        say_done(s);
        if (x->raw) /* a line may be there already */
            take_frames(s);
    }
    if (s->failure.reason || !x->done_sent || !x->done_received)
        return;
    tell_handshake(s);
    if (!x->line_sent && (s->party->side == ATLS_CLIENT || x->line_received))
        send_line(s);
}

/* An alert of any number goes in a frame, where the library lets none be chosen. */
static enum atls_want refuse(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    const uint8_t alert = (uint8_t)s->failure.due;
    if (s->failure.by_peer || session_stack(s)->alerts_later || expat_is_cocos(s))
        return session_failed(s);
    if (!x->alert_queued && expat_send(s, ATLS_FRAME_ALERT, ATLS_BYTES(&alert, 1)) == 0)
        s->failure.alert = alert;
    x->alert_queued = true;
    if (flush(s) && !flushed(x))
        return ATLS_WANT_WRITE;
    return session_end(s);
}

static enum atls_want exchange(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    for (;;) {
        /* What came is looked at before anything is said: a line that is early shows so. */
        bool whole = receive(s), waits = false;
        if (whole && !s->failure.reason)
            waits = expat_answer(s);
        if (whole && !s->failure.reason)
            waits = expat_judge(s) || waits;
        if (whole)
            advance(s);
        if (!whole || !flush(s))
            return session_failed(s);
        if (s->failure.reason)
            return refuse(s);
        if (!flushed(x))
            return ATLS_WANT_WRITE;
        if (x->line_sent && x->line_received) {
            s->phase = LEAVING;
            return ATLS_WANT_WRITE;
        }
        if (x->peer_closed && !x->line_received)
            return session_left(s);
        if (x->stage == EXPAT_BEGIN) /* the next round */
            continue;
        return waits ? ATLS_WANT_VERIFIER : ATLS_WANT_READ;
    }
}

const struct atls_carrier atls_carrier_authenticator = {
    .prepare = prepare,
    .clear = clear,
    .hello = hello,
    .after_handshake = begin,
    .exchange = exchange,
};
