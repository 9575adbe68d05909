/* SPDX-License-Identifier: Apache-2.0 */
/* The course of expat-04 behind the handshake: "Frames of expat-04" of harness/peers/README.md. */
#include "expat.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "appraisal.h"
#include "attester.h"
#include "authenticator.h"
#include "binder.h"
#include "events.h"
#include "library.h"
#include "verifier.h"

#define CLAUSE "harness/peers/README.md, frames of expat-04"
#define DRAFT "draft-fossati-seat-expat-04 section "
#define BINDING_LABEL "EXPORTER-cmw-attestation"
#define EXPORTED_SIZE 32
#define CONTEXT_SIZE 32
#define CONTEXTS_MAX 512
#define FRAME_HEADER 4

enum frame { REQUEST = 1, AUTHENTICATOR, LINE, DONE, ALERT };
static const struct {
    const char *name;
    size_t least, most;
} bounds[] = {
    [REQUEST] = {"request", 1, REQUEST_MAX},
    [AUTHENTICATOR] = {"authenticator", 1, AUTHENTICATOR_MAX},
    [LINE] = {"line", 0, 4095},
    [DONE] = {"done", 0, 0},
    [ALERT] = {"alert", 1, 1},
};

struct expat {
    struct ea_keys keys;
    struct blob in;                     /* frames that are not whole yet */
    struct blob contexts[CONTEXTS_MAX]; /* of requests in either direction: each is used once */
    size_t context_count;
    struct blob request;  /* the one that is open, or was last */
    struct bytes context; /* of it, in contexts */
    bool open;
    struct blob pending;      /* an authentic answer that is not judged yet */
    unsigned asked, requests; /* sent, received */
    bool satisfied, done_sent, done_received, line_sent, line_received;
};

static enum side other(enum side side)
{
    return side == CLIENT ? SERVER : CLIENT;
}

static uint16_t cmw_point(const struct connection *c)
{
    return c->party->points[CMW_ATTESTATION];
}

static int send_frame(struct connection *c, enum frame type, struct bytes body)
{
    struct blob frame = {NULL, 0, 0};
    if (body.size < bounds[type].least || body.size > bounds[type].most)
        return refuse(&c->why, "internal", CLAUSE, "frame %s: %zu bytes", bounds[type].name,
                      body.size);
    put_number(&frame, 1, type);
    put_vector(&frame, 3, body);
    int result = connection_write(c, BLOB_BYTES(frame));
    blob_clear(&frame);
    return result;
}

static int unexpected(struct connection *c, const char *detail)
{
    return refuse_alert(&c->why, "malformed-authenticator", SSL_AD_UNEXPECTED_MESSAGE, CLAUSE, "%s",
                        detail);
}

static void report(const struct connection *c, const char *direction, const char *message,
                   unsigned round, struct bytes context, size_t size)
{
    event("authenticator",
          json_pack("{s:i, s:s, s:s, s:i, s:o, s:I}", "conn", (int)c->number, "direction",
                    direction, "message", message, "round", (int)round, "context",
                    json_hex(context), "bytes", (json_int_t)size));
}

static bool was_used(const struct expat *x, struct bytes context)
{
    for (size_t i = 0; i < x->context_count; i++)
        if (bytes_equal(BLOB_BYTES(x->contexts[i]), context))
            return true;
    return false;
}

/* MANY: whose fault it is that there are too many. */
static int use(struct connection *c, struct bytes context, const char *many, struct bytes *keptp)
{
    struct expat *x = c->expat;
    if (was_used(x, context))
        return refuse(&c->why, "authenticator-context", "RFC 9261 section 5.2.1",
                      "a certificate_request_context was used before");
    if (x->context_count == CONTEXTS_MAX)
        return refuse(&c->why, many, "RFC 9261 section 4",
                      "expected at most %d requests, came more", CONTEXTS_MAX);
    struct blob *kept = &x->contexts[x->context_count++];
    put(kept, context);
    *keptp = BLOB_BYTES(*kept);
    return 0;
}

/* What evidence answers: the leaf's key and this connection's exporter for the context. */
static int bind(struct connection *c, const struct public_key *leaf, struct bytes context,
                uint8_t *bindingp, size_t *sizep)
{
    uint8_t exported[EXPORTED_SIZE];
    if (SSL_export_keying_material(c->ssl, exported, sizeof exported, BINDING_LABEL,
                                   strlen(BINDING_LABEL), context.data, context.size, 1) != 1 ||
        expat_binding(c->expat->keys.md, KEY_SPKI(leaf), BYTES(exported, sizeof exported), bindingp,
                      sizep))
        return refuse(&c->why, "internal", NULL, "the exporter failed");
    return 0;
}

/* The nonce of the verifier is the context, or 32 random bytes where there is none. */
static int make_context(struct connection *c, struct blob *context)
{
    const struct party *party = c->party;
    struct verifier_session *session;
    uint8_t random[CONTEXT_SIZE];
    if (!able(&party->relying_party, MODEL_BACKGROUND_CHECK)) {
        if (RAND_bytes(random, sizeof random) != 1)
            return refuse(&c->why, "internal", NULL, "no random bytes");
        put(context, BYTES(random, sizeof random));
        return 0;
    }
    if (verifier_open(party->verifier, party->verifier_timeout_ms, (struct bytes){NULL, 0},
                      party->nonce_size, &session, &c->why)) {
        appraisal_lost(c->number, &c->why);
        return -1;
    }
    put(context, verifier_nonce(session));
    event_challenge(c->number, "sent", verifier_nonce(session));
    verifier_close(session);
    return 0;
}

static int ask(struct connection *c)
{
    struct expat *x = c->expat;
    struct blob context = {NULL, 0, 0};
    int result = make_context(c, &context);
    if (result == 0)
        result = use(c, BLOB_BYTES(context), "internal", &x->context);
    blob_clear(&context);
    if (result)
        return -1;
    x->request.size = 0;
    ea_request_write(c->party->side, x->context, cmw_point(c), &x->request);
    x->open = true;
    report(c, "sent", "request", ++x->asked, x->context, x->request.size);
    return send_frame(c, REQUEST, BLOB_BYTES(x->request));
}

/* The credential for a request, as the extension's data. */
static int make_payload(struct connection *c, struct bytes context, struct blob *payload)
{
    const struct party *party = c->party;
    struct blob cmw = {NULL, 0, 0};
    uint8_t binding[HASH_MAX];
    size_t size;
    enum model model = party->attester.models[0];
    int result = bind(c, &party->leaf, context, binding, &size);
    if (result == 0)
        result = attest(party, c->number, model, BYTES(binding, size), &cmw, &c->why);
    /* Ahead of it are two bytes of its length, and the extension's head of four. */
    if (result == 0 && cmw.size > UINT16_MAX - 6)
        result = refuse(&c->why, "internal", DRAFT "3", "a CMW of at most 65529 bytes fits");
    if (result == 0) {
        put_vector(payload, 2, BLOB_BYTES(cmw));
        c->self = model;
        c->signed_with = party->leaf;
    }
    blob_clear(&cmw);
    return result;
}

static int answer(struct connection *c, struct bytes request)
{
    const struct party *party = c->party;
    struct expat *x = c->expat;
    struct ea_request parsed;
    struct blob payload = {NULL, 0, 0}, authenticator = {NULL, 0, 0};
    struct bytes context;
    if (ea_request_read(other(party->side), request, cmw_point(c), &parsed, &c->why) ||
        use(c, parsed.context, "malformed-authenticator", &context))
        return -1;
    report(c, "received", "request", ++x->requests, context, request.size);
    bool chain = party->chain && ea_request_has_scheme(&parsed, ea_scheme(party));
    bool attests = chain && parsed.has_cmw && party->attester.count > 0;
    if (attests && parsed.cmw.size > 0)
        return refuse(&c->why, "malformed-extension", DRAFT "3.1",
                      "expected cmw_attestation of a request to be empty");
    int result = attests ? make_payload(c, context, &payload) : 0;
    if (result == 0)
        result = ea_write(&x->keys, party, request, context, chain, cmw_point(c),
                          BLOB_BYTES(payload), &authenticator, &c->why);
    if (result == 0) {
        report(c, "sent", chain ? "authenticator" : "empty", x->requests, context,
               authenticator.size);
        result = send_frame(c, AUTHENTICATOR, BLOB_BYTES(authenticator));
    }
    blob_clear(&payload);
    blob_clear(&authenticator);
    return result;
}

static int not_attested(struct connection *c, int alert, const char *clause, const char *detail)
{
    if (c->party->required)
        return refuse_alert(&c->why, "attestation-missing", alert, clause, "%s", detail);
    c->expat->satisfied = true;
    return 0;
}

static STACK_OF(X509) * chain_of(const struct ea_authenticator *ea, struct why *why)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    for (size_t i = 0; i < ea->count; i++) {
        const uint8_t *at = ea->entries[i].certificate.data;
        X509 *certificate = d2i_X509(NULL, &at, (long)ea->entries[i].certificate.size);
        if (!certificate ||
            at != ea->entries[i].certificate.data + ea->entries[i].certificate.size ||
            !sk_X509_push(chain, certificate)) {
            X509_free(certificate);
            sk_X509_pop_free(chain, X509_free);
            refuse(why, "certificate-untrusted", "RFC 8446 section 4.4.2",
                   "entry %zu is no X.509 certificate", i);
            return NULL;
        }
    }
    return chain;
}

/* What an authentic authenticator brings. */
static int judge_entries(struct connection *c, const struct ea_authenticator *ea,
                         STACK_OF(X509) * chain)
{
    const struct party *party = c->party;
    struct expat *x = c->expat;
    struct public_key leaf;
    struct bytes cmw;
    uint8_t binding[HASH_MAX];
    size_t size;
    for (size_t i = 1; i < ea->count; i++)
        if (ea->entries[i].cmw.data)
            return refuse_alert(&c->why, "malformed-extension", SSL_AD_ILLEGAL_PARAMETER, DRAFT "3",
                                "expected cmw_attestation in the first CertificateEntry only");
    if (party_verify_chain(party, chain, &c->why))
        return -1;
    if (!ea->entries[0].cmw.data)
        return not_attested(c, -1, DRAFT "3.1", "the authenticator has no cmw_attestation");
    if (key_of_pkey(X509_get0_pubkey(sk_X509_value(chain, 0)), &leaf))
        return refuse(&c->why, "key-mismatch", "RFC 5480 section 2",
                      "expected a certificate for a key of P-256 or P-384");
    struct cursor cursor = {ea->entries[0].cmw, "malformed-extension", DRAFT "3", &c->why};
    if (take_vector(&cursor, "cmw_data", 2, 1, UINT16_MAX, &cmw) ||
        take_end(&cursor, "cmw_attestation") || bind(c, &leaf, x->context, binding, &size))
        return -1;
    enum model model = appraisal_model(party, cmw);
    if (appraise(party, c->number, model, BYTES(binding, size), &leaf, cmw,
                 appraisal_issuer(party, cmw), &c->why))
        return -1;
    c->peer = model;
    c->verified_with = leaf;
    if (x->asked > party->reattest)
        x->satisfied = true;
    return x->satisfied ? 0 : ask(c);
}

static bool has_extensions(const struct ea_authenticator *ea)
{
    for (size_t i = 0; i < ea->count; i++)
        if (ea->entries[i].cmw.data || ea->entries[i].other)
            return true;
    return false;
}

static bool has_others(const struct ea_authenticator *ea)
{
    for (size_t i = 0; i < ea->count; i++)
        if (ea->entries[i].other)
            return true;
    return false;
}

/* It answers no request that is open. */
static int unsolicited(struct connection *c, const struct ea_authenticator *ea)
{
    if (!ea->empty && was_used(c->expat, ea->context))
        return refuse(&c->why, "authenticator-context", "RFC 9261 section 5.2.1",
                      "a certificate_request_context was used before");
    if (c->party->side == CLIENT && has_extensions(ea))
        return refuse_alert(&c->why, "malformed-extension", SSL_AD_UNSUPPORTED_EXTENSION,
                            "RFC 9261 section 5.2",
                            "an extension that the ClientHello did not "
                            "have");
    return unexpected(c, "an authenticator came that nobody asked for");
}

static int authenticated(struct connection *c, struct bytes in)
{
    struct expat *x = c->expat;
    struct ea_authenticator ea;
    if (ea_read(in, cmw_point(c), &ea, &c->why))
        return -1;
    struct bytes context = ea.empty ? x->context : ea.context;
    bool due = x->open && bytes_equal(context, x->context);
    report(c, "received", ea.empty ? "empty" : "authenticator", due ? x->asked : 0, context,
           in.size);
    if (!due)
        return unsolicited(c, &ea);
    if (has_others(&ea))
        return refuse_alert(&c->why, "malformed-extension", SSL_AD_UNSUPPORTED_EXTENSION,
                            "RFC 9261 section 5.2", "an extension that the request did not have");
    STACK_OF(X509) *chain = chain_of(&ea, &c->why);
    if (!chain)
        return -1;
    int result = ea_verify(&x->keys, other(c->party->side), BLOB_BYTES(x->request), x->context, &ea,
                           ea.empty ? NULL : X509_get0_pubkey(sk_X509_value(chain, 0)), &c->why);
    x->open = result != 0;
    sk_X509_pop_free(chain, X509_free);
    if (result == 0 && ea.empty)
        return not_attested(c, SSL_AD_CERTIFICATE_REQUIRED, "RFC 9261 section 6",
                            "the peer answered with an empty authenticator");
    if (result == 0)
        put(&x->pending, in);
    return result;
}

static int judge(struct connection *c)
{
    struct expat *x = c->expat;
    struct ea_authenticator ea;
    struct blob authenticator = x->pending;
    x->pending = (struct blob){NULL, 0, 0};
    STACK_OF(X509) *chain = NULL;
    int result = ea_read(BLOB_BYTES(authenticator), cmw_point(c), &ea, &c->why);
    if (result == 0)
        result = (chain = chain_of(&ea, &c->why)) ? judge_entries(c, &ea, chain) : -1;
    sk_X509_pop_free(chain, X509_free);
    blob_clear(&authenticator);
    return result;
}

static int line_received(struct connection *c, struct bytes line)
{
    struct expat *x = c->expat;
    if (!x->done_sent || !x->done_received)
        return refuse(&c->why, "application-data-early", DRAFT "7.3",
                      "application data came before attestation was complete");
    if (x->line_received)
        return unexpected(c, "expected one line, came another");
    x->line_received = true;
    connection_report_line(c, "received", line);
    return 0;
}

static int take_frame(struct connection *c, enum frame type, struct bytes body)
{
    struct expat *x = c->expat;
    switch (type) {
    case REQUEST:
        return x->done_received ? unexpected(c, "a request came behind done") : answer(c, body);
    case AUTHENTICATOR:
        return authenticated(c, body);
    case LINE:
        return line_received(c, body);
    case DONE:
        if (x->done_received)
            return unexpected(c, "done came twice");
        x->done_received = true;
        return 0;
    case ALERT:
        c->alert = body.data[0];
        c->alert_received = true;
        return refuse(&c->why, "peer-alert", NULL, "the peer ended the connection with %s (%d)",
                      alert_name(body.data[0]), body.data[0]);
    }
    return unexpected(c, "a frame of no known type");
}

/* 1: a frame was there, whole, and was taken; 0: more must come. */
static int take_next(struct connection *c)
{
    struct blob *in = &c->expat->in;
    uint8_t type = in->size ? in->data[0] : REQUEST;
    if (type < REQUEST || type > ALERT)
        return refuse(&c->why, "malformed-authenticator", CLAUSE,
                      "expected a frame of type 1 to 5, came %u", type);
    if (in->size < FRAME_HEADER)
        return 0;
    size_t size = (size_t)in->data[1] << 16 | (size_t)in->data[2] << 8 | in->data[3];
    if (size < bounds[type].least || size > bounds[type].most)
        return refuse(&c->why, "malformed-authenticator", CLAUSE, "frame %s: %zu bytes",
                      bounds[type].name, size);
    if (in->size < FRAME_HEADER + size)
        return 0;
    int result = take_frame(c, (enum frame)type, BYTES(in->data + FRAME_HEADER, size));
    blob_drop(in, FRAME_HEADER + size);
    return result ? -1 : 1;
}

/* One frame; or with WAIT false what is there already, which may be nothing. */
static int receive(struct connection *c, bool wait)
{
    uint8_t part[16384];
    for (;;) {
        size_t size = 0;
        int taken = take_next(c);
        if (taken < 0 || (taken > 0 && wait))
            return taken < 0 ? -1 : 0;
        if (taken > 0)
            continue;
        if (wait ? connection_read(c, part, sizeof part, &size)
                 : connection_read_now(c, part, sizeof part, &size))
            return -1;
        if (size == 0)
            return 0;
        put(&c->expat->in, BYTES(part, size));
    }
}

static int send_line(struct connection *c)
{
    if (send_frame(c, LINE, text_bytes(c->party->message)))
        return -1;
    c->expat->line_sent = true;
    connection_report_line(c, "sent", text_bytes(c->party->message));
    return 0;
}

/* Nobody is done who has not got what it must have. */
static int say_done(struct connection *c)
{
    const struct party *party = c->party;
    if (party->relying_party.count > 0 && party->required && c->peer == MODEL_NONE)
        return refuse(&c->why, "internal", NULL, "done without an accepted verdict");
    c->expat->done_sent = true;
    return send_frame(c, DONE, BYTES("", 0));
}

static int course(struct connection *c)
{
    struct expat *x = c->expat;
    x->satisfied = c->party->relying_party.count == 0;
    if (!x->satisfied && ask(c))
        return -1;
    while (!x->line_sent || !x->line_received) {
        if (x->satisfied && !x->done_sent && say_done(c))
            return -1;
        if (x->done_sent && x->done_received) {
            if (!c->reported)
                c->seconds = now_seconds() - c->started;
            connection_report_handshake(c);
            if (!x->line_sent && (c->party->side == CLIENT || x->line_received) && send_line(c))
                return -1;
        }
        /* What came behind an answer is looked at before anything is said of it. */
        if (x->pending.size > 0 && (receive(c, false) || judge(c)))
            return -1;
        if (x->satisfied && !x->done_sent)
            continue;
        if ((!x->line_sent || !x->line_received) && receive(c, true))
            return -1;
    }
    return 0;
}

int expat_run(struct connection *c)
{
    c->expat = allocate(sizeof *c->expat);
    c->verified_with.size = c->signed_with.size = 0; /* those of authenticators are told */
    if (!library_hash(c) || ea_export(c->ssl, library_hash(c), &c->expat->keys))
        return refuse(&c->why, "internal", NULL, "the exporter failed");
    return course(c);
}

void expat_free(struct connection *c)
{
    struct expat *x = c->expat;
    if (!x)
        return;
    for (size_t i = 0; i < x->context_count; i++)
        blob_clear(&x->contexts[i]);
    blob_clear(&x->in);
    blob_clear(&x->request);
    blob_clear(&x->pending);
    OPENSSL_cleanse(&x->keys, sizeof x->keys);
    free(x);
    c->expat = NULL;
}
