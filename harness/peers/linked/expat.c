/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expat-04 behind a handshake of any library that has an exporter: frames in application data,
 * exported authenticators by the project's RFC 9261, signed outside of the TLS library. A side may
 * be attester, relying party, or both. It blocks: whoever waits for the peer has said all it had
 * to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/peers/linked/peer.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw-x509.h"
#include "rats/cmw/cmw.h"
#include "rats/ear/ear.h"
#include "tls/authenticator/rfc9261-gnutls.h"
#include "tls/wire/binder.h"
#include "tls/wire/expat-frame.h"

#define DRAFT "draft-fossati-seat-expat-04 "
#define FRAMES "harness/peers/README.md, frames of expat-04"
#define RECORD_MAX 16384
#define CONTEXT_SIZE 32
#define CONTEXT_MAX 255
#define RSA_PSS_SHA256 0x0804 /* RFC 8446 section 4.2.3 */
#define ECDSA_P256 0x0403
#define ECDSA_P384 0x0503

enum stage { BEGIN, ASKED, JUDGING, SATISFIED }; /* of a relying party */

struct expat {
    struct atls_ea_gnutls adapter; /* the context of the callbacks: it is the first member */
    struct connection *c;
    struct atls_ea_connection connection;
    struct atls_ea ea;
    bool started;
    uint8_t *in;
    size_t in_size, in_capacity;
    bool done_sent, done_received, line_sent, line_received;
    enum stage stage;
    unsigned asked, requests;
    uint8_t context[CONTEXT_MAX];
    size_t context_size;
    uint8_t open[CONTEXT_MAX]; /* as attester: the context of the request that is to be answered */
    size_t open_size;
    bool answering, attests;
    enum atls_model judged;
    struct atls_public_key leaf; /* of the authenticator that is judged */
};

static int export_value(void *context, const char *label, struct atls_bytes value, uint8_t *valuep,
                        size_t size)
{
    struct expat *x = context;
    return x->c->peer->stack->exporter(x->c, label, value, valuep, size);
}

static int sign(void *context, uint16_t scheme, struct atls_bytes content, uint8_t *signaturep,
                size_t capacity, size_t *sizep)
{
    struct peer *peer = context;
    pthread_mutex_lock(&peer->key_lock);
    int result = atls_ea_gnutls_sign(peer->key, scheme, content, signaturep, capacity, sizep);
    pthread_mutex_unlock(&peer->key_lock);
    return result;
}

/* COPIES of a frame, in one go: whoever reads the first has the others. */
static int send_frames(struct expat *x, enum atls_frame_type type, struct atls_bytes body,
                       unsigned copies)
{
    uint8_t header[ATLS_FRAME_HEADER];
    struct connection *c = x->c;
    struct atls_bytes frames;
    if (atls_frame_header(type, body.size, header) != 0)
        return connection_fail(c, "internal", -1, NULL, NULL);
    size_t size = copies * (sizeof header + body.size);
    uint8_t *buffer = malloc(size);
    if (buffer == NULL)
        return connection_fail(c, "internal", -1, "", "no memory for a frame");
    struct atls_sink sink = atls_sink_of(buffer, size);
    for (unsigned i = 0; i < copies; i++) {
        atls_sink_bytes(&sink, ATLS_BYTES(header, sizeof header));
        atls_sink_bytes(&sink, body);
    }
    int result = atls_sink_done(&sink, &frames);
    result = result == 0 ? c->peer->stack->send(c, frames)
                         : connection_fail(c, "internal", -1, NULL, NULL);
    free(buffer);
    return result;
}

static int send_frame(struct expat *x, enum atls_frame_type type, struct atls_bytes body)
{
    return send_frames(x, type, body, 1);
}

static void tell(struct expat *x, const char *direction, const char *message, unsigned round,
                 struct atls_bytes context, size_t bytes)
{
    atls_event(x->c->peer->events, "authenticator", "{s:I, s:s, s:s, s:I, s:o, s:I}", "conn",
               (json_int_t)x->c->number, "direction", direction, "message", message, "round",
               (json_int_t)round, "context", atls_json_hex(context), "bytes", (json_int_t)bytes);
}

/* Into c->binding: what evidence for the leaf's key answers, for a request with CONTEXT. */
static int bind_leaf(struct expat *x, const struct atls_public_key *leaf, struct atls_bytes context)
{
    struct connection *c = x->c;
    const struct atls_variants *variants = &c->peer->options.variants;
    const char *label = atls_expat_label_text((enum atls_expat_label)variants->exporter_label);
    uint8_t exported[ATLS_EXPAT_EXPORTED_SIZE], spki[ATLS_SPKI_MAX];
    int result = export_value(x, label, context, exported, sizeof exported);
    if (result == 0)
        result = atls_expat_binding(&atls_crypto_gnutls, x->adapter.hash,
                                    (enum atls_expat_key)variants->public_key,
                                    ATLS_BYTES(spki, atls_spki_encode(leaf, spki)),
                                    ATLS_BYTES(exported, sizeof exported), c->binder);
    explicit_bzero(exported, sizeof exported);
    c->binding = ATLS_BYTES(c->binder, atls_hash_size(x->adapter.hash));
    return result == 0 ? 0 : connection_fail(c, "internal", -1, NULL, NULL);
}

/* Refuses by an OUTCOME of rfc9261.h and the alert that goes with it. */
static int refuse(struct expat *x, int outcome)
{
    unsigned alert = x->ea.alert;
    const char *reason = "malformed-authenticator";
    if (outcome < 0)
        reason = "internal";
    else if (outcome == ATLS_E_REFUSED)
        reason = "attestation-missing";
    else if (outcome == ATLS_E_SIGNATURE)
        reason = "key-mismatch";
    else if (outcome == ATLS_E_UNSUPPORTED && alert == ATLS_EA_UNSUPPORTED_EXTENSION)
        reason = "malformed-extension";
    else if (outcome == ATLS_E_MISMATCH)
        reason =
            alert == ATLS_EA_DECRYPT_ERROR ? "authenticator-finished" : "authenticator-context";
    return connection_fail(x->c, reason, (int)alert, NULL, NULL);
}

static int unexpected(struct expat *x, const char *detail)
{
    return connection_fail(x->c, "malformed-authenticator", ATLS_ALERT_UNEXPECTED_MESSAGE, FRAMES,
                           detail);
}

/* As attester. */

struct answer {
    struct atls_ea_identity identity;
    struct atls_ea_entry entries[PEER_CERTIFICATES_MAX + 1];
    uint8_t *payload; /* of cmw_attestation, or NULL */
};

static void identify(struct peer *peer, struct answer *answer)
{
    for (size_t i = 0; i < peer->chain_size; i++)
        answer->entries[i].certificate = peer->chain[i];
    answer->identity = (struct atls_ea_identity){
        .entries = answer->entries,
        .entry_count = peer->chain_size,
        .scheme = peer->spki_size == 0            ? RSA_PSS_SHA256
                  : peer->leaf.curve == ATLS_P384 ? ECDSA_P384
                                                  : ECDSA_P256,
        .sign = sign,
        .context = peer,
    };
}

static int attest(struct expat *x, struct atls_bytes context, struct answer *answer)
{
    struct connection *c = x->c;
    const struct atls_options *o = &c->peer->options;
    unsigned prefix = connection_prefix(c);
    struct atls_bytes payload;
    int result = bind_leaf(x, &c->peer->leaf, context);
    if (result == 0 && connection_faulty(c, "authenticator-other-connection")) {
        /* The value that another connection's exporter would have brought about is any other. */
        connection_fault(c, "authenticator-other-connection",
                         "the evidence answers the exporter of another connection");
        if (atls_crypto_gnutls.random(c->binder, c->binding.size) != 0)
            result = connection_fail(c, "internal", -1, NULL, NULL);
    }
    if (result == 0)
        result = connection_make_credential(c, o->attester[0], c->binding);
    if (result != 0)
        return result;
    c->self_model = o->attester[0];
    struct atls_bytes cmw = ATLS_BYTES(c->credential.cmw, c->credential.size);
    answer->payload = malloc(prefix + cmw.size + 1);
    if (answer->payload == NULL)
        return connection_fail(c, "internal", -1, "", "no memory for cmw_attestation");
    struct atls_sink sink = atls_sink_of(answer->payload, prefix + cmw.size);
    if (prefix == 0)
        atls_sink_bytes(&sink, cmw);
    else
        atls_sink_vector(&sink, prefix, cmw);
    if (atls_sink_done(&sink, &payload) != 0 || payload.size > UINT16_MAX)
        return connection_fail(c, "internal", -1, DRAFT "section 3",
                               "a CMW of at most 65533 bytes fits into cmw_attestation");
    size_t place = 0;
    if (connection_faulty(c, "authenticator-second-entry")) {
        place = 1;
        if (answer->identity.entry_count == 1)
            answer->entries[answer->identity.entry_count++].certificate =
                answer->entries[0].certificate;
        connection_fault(c, "authenticator-second-entry", "cmw_attestation is in the second entry");
    }
    answer->entries[place].extensions[0] = (struct atls_ea_extension){
        .type = o->code_points.value[o->profile->entry_extension], .data = payload};
    answer->entries[place].extension_count = 1;
    return 0;
}

static int send_authenticator(struct expat *x, struct atls_bytes context, uint8_t *bytes,
                              size_t size)
{
    bool empty = bytes[0] == ATLS_EA_FINISHED;
    if (connection_faulty(x->c, "authenticator-finished")) {
        bytes[size - 1] ^= 1; /* verify_data is the last of it */
        connection_fault(x->c, "authenticator-finished", "one bit of Finished is flipped");
    }
    tell(x, "sent", empty ? "empty" : "authenticator", x->requests, context, size);
    bool twice = connection_faulty(x->c, "authenticator-context-reuse");
    if (twice)
        connection_fault(x->c, "authenticator-context-reuse", "the authenticator is sent twice");
    return send_frames(x, ATLS_FRAME_AUTHENTICATOR, ATLS_BYTES(bytes, size), twice ? 2 : 1);
}

static int answer_request(struct expat *x)
{
    struct connection *c = x->c;
    struct atls_bytes context = ATLS_BYTES(x->open, x->open_size);
    struct answer answer = {.payload = NULL};
    bool withholds = connection_faulty(c, "empty-certificate");
    bool none = c->peer->chain_size == 0 || withholds;
    uint8_t *bytes;
    size_t size;
    x->answering = false;
    if (withholds)
        connection_fault(c, "empty-certificate", "an empty authenticator");
    identify(c->peer, &answer);
    int result = x->attests && !none ? attest(x, context, &answer) : 0;
    if (result == 0) {
        result = atls_ea_answer(&x->ea, context, none ? NULL : &answer.identity, &bytes, &size);
        if (result == ATLS_E_UNSUPPORTED && !none) /* no scheme that the peer takes */
            result = atls_ea_answer(&x->ea, context, NULL, &bytes, &size);
        if (result != 0)
            connection_fail(c, c->peer->device_key != NULL ? "device-unavailable" : "internal",
                            ATLS_ALERT_INTERNAL_ERROR, NULL, NULL);
    }
    free(answer.payload);
    if (result != 0)
        return -1;
    result = send_authenticator(x, context, bytes, size);
    free(bytes);
    return result;
}

static int request_received(struct expat *x, struct atls_bytes request)
{
    struct connection *c = x->c;
    const struct atls_options *o = &c->peer->options;
    struct atls_ea_request parsed;
    struct atls_bytes data;
    if (x->done_received)
        return unexpected(x, "a request came behind done");
    int result = atls_ea_take_request(&x->ea, request, &parsed);
    if (result != 0)
        return refuse(x, result);
    tell(x, "received", "request", ++x->requests, parsed.context, request.size);
    bool asked =
        atls_ea_requested(&parsed, o->code_points.value[o->profile->entry_extension], &data) == 0;
    if (asked && data.size > 0 && o->attester_count > 0) {
        atls_fail(ATLS_E_MALFORMED, DRAFT "section 3.1",
                  "cmw_attestation of a request was expected to be empty, it has %zu bytes",
                  data.size);
        return connection_fail(c, "malformed-extension", -1, NULL, NULL);
    }
    if (x->answering)
        return unexpected(x, "a request came while the one before it was open");
    if (parsed.context.size > 0)
        memcpy(x->open, parsed.context.data, parsed.context.size);
    x->open_size = parsed.context.size;
    x->attests = asked && o->attester_count > 0 && c->peer->chain_size > 0;
    x->answering = true;
    return 0;
}

/* As relying party. */

static bool has(const struct connection *c, enum atls_model model)
{
    return atls_abilities_have(&c->as_relying_party, model);
}

/* A new request, whose context is the verifier's nonce, or random. */
static int ask(struct expat *x)
{
    /* u16 length, then ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, rsa_pss_rsae_sha256, ed25519
     */
    static const uint8_t schemes[] = {0, 8, 4, 3, 5, 3, 8, 4, 8, 7};
    struct connection *c = x->c;
    const struct atls_options *o = &c->peer->options;
    const struct atls_ea_extension extensions[] = {
        {o->code_points.value[o->profile->entry_extension], ATLS_BYTES(NULL, 0)},
        {ATLS_EA_SIGNATURE_ALGORITHMS, ATLS_BYTES(schemes, sizeof schemes)}};
    uint8_t fresh[CONTEXT_SIZE], *request;
    struct atls_bytes context = ATLS_BYTES(fresh, sizeof fresh);
    size_t size;
    connection_forget_appraisal(c);
    if (has(c, ATLS_MODEL_BACKGROUND_CHECK)) {
        if (connection_begin_appraisal(c, ATLS_MODEL_BACKGROUND_CHECK) != 0 ||
            connection_nonce(c, &context) != 0)
            return -1;
    } else if (atls_crypto_gnutls.random(fresh, sizeof fresh) != 0) {
        return connection_fail(c, "internal", -1, NULL, NULL);
    }
    if (context.size > sizeof x->context)
        return connection_fail(c, "internal", -1, NULL, "the nonce is longer than a context");
    memcpy(x->context, context.data, context.size);
    x->context_size = context.size;
    if (atls_ea_make_request(&x->ea, context, extensions, 2, &request, &size) != 0)
        return connection_fail(c, "internal", -1, NULL, NULL);
    tell(x, "sent", "request", ++x->asked, context, size);
    x->stage = ASKED;
    bool twice = o->attester_count == 0 && connection_faulty(c, "authenticator-context-reuse");
    if (twice)
        connection_fault(c, "authenticator-context-reuse", "the request is sent twice");
    int result = send_frames(x, ATLS_FRAME_REQUEST, ATLS_BYTES(request, size), twice ? 2 : 1);
    free(request);
    return result;
}

/* An authenticator where none is due: RFC 9261 says what is wrong with it, if nothing else is. */
static int unsolicited(struct expat *x, struct atls_bytes authenticator)
{
    struct atls_ea_authenticator parsed;
    struct atls_bytes context;
    int result = atls_ea_get_context(authenticator, &context);
    if (result != 0 && result != ATLS_E_MISSING)
        return connection_fail(x->c, "malformed-authenticator", -1, NULL, NULL);
    if (result == 0)
        result = atls_ea_validate(&x->ea, authenticator, &context, &parsed);
    if (result == -EINVAL || result == ATLS_E_MISSING) /* it is of none of this side's requests */
        result = atls_ea_validate(&x->ea, authenticator, NULL, &parsed);
    if (result != 0)
        return refuse(x, result);
    return unexpected(x, "an authenticator came that nobody asked for");
}

/* A result, or evidence? Of results, the trusted verifier that it names; otherwise the first, by
 * whose key it will not verify. */
static enum atls_model model_of(const struct connection *c, struct atls_bytes cmw,
                                struct atls_bytes *verifierp)
{
    const struct atls_abilities *abilities = &c->as_relying_party;
    enum atls_model model =
        has(c, ATLS_MODEL_BACKGROUND_CHECK) ? ATLS_MODEL_BACKGROUND_CHECK : ATLS_MODEL_PASSPORT;
    struct atls_cmw *parsed;
    struct atls_ear ear;
    *verifierp = abilities->verifier_count > 0 ? abilities->verifiers[0] : ATLS_BYTES(NULL, 0);
    if (!has(c, ATLS_MODEL_PASSPORT) || atls_cmw_parse(cmw, &parsed) != 0)
        return model;
    if (parsed->form != ATLS_CMW_COLLECTION && atls_cmw_type_is(parsed, ATLS_MT_EAT_JWT)) {
        model = ATLS_MODEL_PASSPORT;
        if (atls_ear_read_unverified(parsed->value, &ear) == 0) {
            for (size_t i = 0; ear.issuer != NULL && i < abilities->verifier_count; i++)
                if (atls_bytes_is_text(abilities->verifiers[i], ear.issuer))
                    *verifierp = abilities->verifiers[i];
            atls_ear_clear(&ear);
        }
    }
    atls_cmw_free(parsed);
    return model;
}

static int appraise(struct expat *x, struct atls_bytes der, struct atls_bytes payload)
{
    struct connection *c = x->c;
    enum atls_side peer = c->peer->options.side == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
    struct atls_bytes cmw = {NULL, 0}, verifier = {NULL, 0};
    if (atls_x509_public_key(der, &x->leaf) != 0)
        return connection_fail(c, "key-mismatch", -1, NULL, NULL);
    int result = connection_find_cmw(c, payload, &cmw);
    if (result == 0)
        result = bind_leaf(x, &x->leaf, ATLS_BYTES(x->context, x->context_size));
    if (result != 0)
        return result;
    x->judged = model_of(c, cmw, &verifier);
    c->selections[peer].verifier = verifier;
    if (x->judged == ATLS_MODEL_PASSPORT)
        result = connection_begin_appraisal(c, x->judged);
    if (result == 0)
        result = connection_claim(c, c->binding, &x->leaf, cmw);
    x->stage = JUDGING;
    return result;
}

static int conclude(struct expat *x)
{
    struct connection *c = x->c;
    if (connection_verdict(c) != 0)
        return -1;
    c->peer_model = x->judged;
    c->verified_with_size = atls_spki_encode(&x->leaf, c->verified_with);
    x->stage = x->asked <= c->peer->options.reattest ? BEGIN : SATISFIED;
    return 0;
}

/* The peer attests nothing: policy says whether X.509 is enough. */
static int not_attested(struct expat *x, int alert, const char *clause, const char *detail)
{
    if (x->c->peer->options.required)
        return connection_fail(x->c, "attestation-missing", alert, clause, detail);
    connection_forget_appraisal(x->c);
    x->stage = SATISFIED;
    return 0;
}

static int judge(struct expat *x, const struct atls_ea_authenticator *a)
{
    struct connection *c = x->c;
    const struct atls_options *o = &c->peer->options;
    struct atls_bytes payload, chain[ATLS_EA_ENTRIES];
    int found =
        atls_ea_leaf_extension(a, o->code_points.value[o->profile->entry_extension], &payload);
    if (found == ATLS_E_MALFORMED)
        return connection_fail(c, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                               DRAFT "section 3",
                               "cmw_attestation was expected in the first CertificateEntry only, "
                               "it is in another one");
    for (size_t i = 0; i < a->entry_count; i++)
        chain[i] = a->entries[i].certificate;
    if (connection_verify_chain(c, chain, a->entry_count) != 0)
        return -1;
    return found == 0 ? appraise(x, chain[0], payload)
                      : not_attested(x, -1, NULL, "the authenticator has no cmw_attestation");
}

static int authenticator_received(struct expat *x, struct atls_bytes authenticator)
{
    struct atls_bytes context = ATLS_BYTES(x->context, x->context_size), came = context;
    struct atls_ea_authenticator parsed;
    bool empty = authenticator.data[0] == ATLS_EA_FINISHED;
    if (!empty && atls_ea_get_context(authenticator, &came) != 0)
        came = ATLS_BYTES(NULL, 0);
    /* With another context it answers another request, or none, whenever it comes. */
    bool due = x->stage == ASKED && (came.size == 0 || atls_bytes_equal(came, context));
    tell(x, "received", empty ? "empty" : "authenticator", due ? x->asked : 0, came,
         authenticator.size);
    if (!due)
        return unsolicited(x, authenticator);
    int result = atls_ea_validate(&x->ea, authenticator, &context, &parsed);
    if (result == ATLS_E_REFUSED)
        return not_attested(x, ATLS_ALERT_CERTIFICATE_REQUIRED, "RFC 9261 section 6",
                            "the peer answered with an empty authenticator");
    return result == 0 ? judge(x, &parsed) : refuse(x, result);
}

/* Frames and lines. */

static int line_received(struct expat *x, struct atls_bytes line)
{
    if (!x->done_sent || !x->done_received)
        return connection_fail(x->c, "application-data-early", -1, NULL,
                               "application data came before attestation was complete");
    if (x->line_received)
        return unexpected(x, "one line was expected, another one came");
    x->line_received = true;
    connection_report_line(x->c, "received", line);
    return 0;
}

static int take_frame(struct expat *x, const struct atls_frame *frame)
{
    switch (frame->type) {
    case ATLS_FRAME_REQUEST:
        return request_received(x, frame->body);
    case ATLS_FRAME_AUTHENTICATOR:
        return authenticator_received(x, frame->body);
    case ATLS_FRAME_LINE:
        return line_received(x, frame->body);
    case ATLS_FRAME_DONE:
        if (x->done_received || x->answering)
            return unexpected(x, x->answering ? "done came while an answer was awaited"
                                              : "done came twice");
        x->done_received = true;
        return 0;
    case ATLS_FRAME_ALERT:
        return connection_ended(x->c, "peer-alert", frame->body.data[0]);
    }
    return 0;
}

/* Reads until there is a whole frame, and deals with it. */
static int next_frame(struct expat *x)
{
    struct connection *c = x->c;
    struct atls_frame frame;
    size_t used, more;
    for (;;) {
        int result = atls_frame_read(ATLS_BYTES(x->in, x->in_size), &frame, &used);
        if (result == 0)
            break;
        if (result != ATLS_E_AGAIN)
            return connection_fail(c, "malformed-authenticator", -1, NULL, NULL);
        if (x->in_capacity - x->in_size < RECORD_MAX) { /* frames are bounded, and so is this */
            uint8_t *bigger = realloc(x->in, x->in_size + 2 * RECORD_MAX);
            if (bigger == NULL)
                return connection_fail(c, "internal", -1, "", "no memory for frames");
            x->in = bigger;
            x->in_capacity = x->in_size + 2 * RECORD_MAX;
        }
        result = c->peer->stack->receive(c, x->in + x->in_size, x->in_capacity - x->in_size, &more);
        if (result != 0)
            return result;
        if (more == 0)
            return connection_ended(c, "peer-closed", -1);
        x->in_size += more;
    }
    int result = take_frame(x, &frame);
    x->in_size -= used;
    if (x->in != NULL && x->in_size > 0)
        memmove(x->in, x->in + used, x->in_size);
    return result;
}

/* Nobody is done who has not got what it must have. */
static int say_done(struct expat *x)
{
    struct connection *c = x->c;
    if (c->as_relying_party.model_count > 0 && c->peer->options.required &&
        c->peer_model == ATLS_MODEL_NONE)
        return connection_fail(c, "internal", -1, NULL, "done without an accepted verdict");
    x->done_sent = true;
    return send_frame(x, ATLS_FRAME_DONE, ATLS_BYTES(NULL, 0));
}

static int send_line(struct expat *x)
{
    struct atls_bytes line = atls_bytes_of_text(x->c->peer->options.message);
    int result = send_frame(x, ATLS_FRAME_LINE, line);
    if (result == 0)
        connection_report_line(x->c, "sent", line);
    x->line_sent = true;
    return result;
}

/* Is a frame there already, or what is none? It is looked at before anything more is said. */
static bool has_frame(const struct expat *x)
{
    struct atls_frame frame;
    size_t used;
    return atls_frame_read(ATLS_BYTES(x->in, x->in_size), &frame, &used) != ATLS_E_AGAIN;
}

/* Says what is due, then listens, until both lines are through. */
static int converse(struct expat *x)
{
    struct connection *c = x->c;
    bool client = c->peer->options.side == ATLS_CLIENT;
    int result = 0;
    while (result == 0 && !(x->line_sent && x->line_received)) {
        bool line_due =
            x->done_sent && x->done_received && !x->line_sent && (client || x->line_received);
        if (has_frame(x))
            result = next_frame(x);
        else if (x->answering)
            result = answer_request(x);
        else if (x->stage == ASKED || (x->done_sent && !line_due))
            result = next_frame(x);
        else if (x->stage == JUDGING)
            result = conclude(x);
        else if (x->stage == BEGIN)
            result = ask(x);
        else if (!x->done_sent)
            result = say_done(x);
        else
            result = send_line(x);
        if (result == 0 && x->done_sent && x->done_received && !c->handshake_reported) {
            c->seconds = atls_now() - c->started;
            connection_report_handshake(c);
        }
    }
    return result;
}

static int begin(struct expat *x)
{
    struct connection *c = x->c;
    struct atls_bytes random, extensions;
    enum atls_hash hash;
    int result = atls_transcript_alg(&c->hellos, &hash);
    if (result == 0)
        result = hellos_client(c, &random, &extensions);
    if (result != 0)
        return connection_fail(c, "internal", -1, NULL, NULL);
    bool client = c->peer->options.side == ATLS_CLIENT;
    atls_ea_gnutls_callbacks(&x->adapter, client ? ATLS_EA_CLIENT : ATLS_EA_SERVER, hash,
                             &x->connection);
    x->connection.exporter = export_value;
    x->connection.context = x;
    result = atls_ea_init(&x->ea, &x->connection);
    x->started = result == 0;
    if (result == 0)
        result = atls_ea_hello(&x->ea, extensions);
    x->stage = c->as_relying_party.model_count > 0 ? BEGIN : SATISFIED;
    return result == 0 ? 0 : connection_fail(c, "internal", -1, NULL, NULL);
}

int expat_run(struct connection *c)
{
    struct expat x = {.c = c};
    int result = begin(&x);
    if (result == 0 && connection_faulty(c, "application-data-early")) {
        connection_fault(c, "application-data-early", "the line goes before anything was attested");
        result = send_line(&x);
    }
    if (result == 0)
        result = converse(&x);
    /* An alert of any number goes in a frame: few libraries let one choose it after the handshake.
     */
    if (result != 0 && !c->failure.received && c->failure.alert >= 0) {
        const uint8_t alert = (uint8_t)c->failure.alert;
        struct failure kept = c->failure;
        c->failure.reason = NULL; /* so that the transport takes it */
        c->alert_told = send_frame(&x, ATLS_FRAME_ALERT, ATLS_BYTES(&alert, 1)) == 0;
        c->failure = kept;
    }
    if (x.started)
        atls_ea_clear(&x.ea);
    free(x.in);
    return result;
}
