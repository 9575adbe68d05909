/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negotiation in hello extensions, and the credential beside X.509: what a stack with extensions of
 * the application's own carries for seat-04 and seat-06. It knows bodies, and no messages.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/peers/linked/peer.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"

static int keep(struct hello_body *body, struct atls_bytes bytes)
{
    uint8_t *copy = malloc(bytes.size > 0 ? bytes.size : 1);
    if (copy == NULL)
        return atls_fail(-ENOMEM, NULL, "no memory for an extension");
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    free(body->data);
    *body = (struct hello_body){.data = copy, .size = bytes.size, .present = true};
    return 0;
}

void negotiate_clear(struct connection *c)
{
    for (size_t i = 0; i < ATLS_PROFILE_EXTENSIONS_MAX; i++) {
        free(c->sent[i].data);
        free(c->received[i].data);
    }
    free(c->payload.data);
}

static json_t *bodies_of(const struct connection *c, const struct hello_body *bodies)
{
    const struct atls_profile *profile = c->peer->options.profile;
    json_t *object = json_object();
    for (size_t i = 0; i < profile->extension_count; i++)
        if (bodies[i].present)
            json_object_set_new(object, atls_code_point_name(profile->extensions[i]),
                                atls_json_hex(ATLS_BYTES(bodies[i].data, bodies[i].size)));
    return object;
}

static void report(const struct connection *c, const char *name, const char *direction,
                   json_t *bodies)
{
    atls_event(c->peer->events, name, "{s:I, s:s, s:o}", "conn", (json_int_t)c->number, "direction",
               direction, "extensions", bodies);
}

void negotiate_report_offer(struct connection *c, const char *direction,
                            const struct hello_body *bodies)
{
    c->offer_reported = true;
    report(c, "offer", direction, bodies_of(c, bodies));
}

void negotiate_report_selected(struct connection *c, const char *direction,
                               const struct hello_body *bodies)
{
    report(c, "selected", direction, bodies_of(c, bodies));
}

static void report_role(const struct connection *c, const char *role, enum atls_model model,
                        const struct atls_selection *selection)
{
    char type[320];
    if (model == ATLS_MODEL_NONE)
        return;
    bool check = model == ATLS_MODEL_BACKGROUND_CHECK;
    if (check)
        atls_evidence_type_print(&selection->type, type, sizeof type);
    struct atls_bytes value = check ? atls_bytes_of_text(type) : selection->verifier;
    json_t *text = json_stringn((const char *)value.data, value.size);
    atls_event(c->peer->events, "negotiated", "{s:I, s:s, s:s, s:o}", "conn", (json_int_t)c->number,
               "role", role, "model", atls_model_name(model),
               check ? "evidence_type" : "verifier_id", text != NULL ? text : atls_json_hex(value));
}

static void report_negotiated(const struct connection *c)
{
    enum atls_side self = c->peer->options.side;
    enum atls_side peer = self == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
    report_role(c, "attester", c->self_model, &c->selections[self]);
    report_role(c, "relying-party", c->peer_model, &c->selections[peer]);
}

/* extension=NAME:HEX: the body that it wants for extension I. 0, or 1 where it is about another. */
static int forced_body(struct connection *c, size_t i)
{
    const char *value;
    const char *name = atls_code_point_name(c->peer->options.profile->extensions[i]);
    size_t size = strlen(name);
    uint8_t *data;
    if (!atls_faults_has(&c->peer->options.faults, "extension", &value) || value == NULL ||
        strncmp(value, name, size) != 0 || value[size] != ':')
        return 1;
    if (atls_hex_decode(atls_bytes_of_text(value + size + 1), &data, &size) != 0)
        return connection_fail(c, "internal", -1, NULL, NULL);
    free(c->sent[i].data);
    c->sent[i] = (struct hello_body){.data = data, .size = size, .present = true};
    connection_fault(c, "extension", name);
    return 0;
}

/* select-unoffered: an element that is none of the client's. */
static void misselect(struct connection *c)
{
    static const char unoffered[] = "verifier-that-nobody-offered";
    struct atls_selection *selection = &c->selections[ATLS_SERVER];
    if (!connection_faulty(c, "select-unoffered"))
        return;
    if (selection->has_evidence) {
        selection->type =
            (struct atls_evidence_type){.is_content_format = true, .content_format = 64999};
        connection_fault(c, "select-unoffered", "evidence type cf:64999");
    } else if (selection->has_result) {
        selection->verifier = atls_bytes_of_text(unoffered);
        connection_fault(c, "select-unoffered", unoffered);
    }
}

/* Bodies for what is to be said: offers by a client, selections by a server. */
static int build(struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    for (size_t i = 0; i < o->profile->extension_count; i++) {
        uint8_t buffer[ATLS_PROFILE_BODY_MAX];
        struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
        struct atls_bytes body;
        int result =
            o->side == ATLS_CLIENT
                ? o->profile->write_offer(o->profile, o->profile->extensions[i], c->offers, &sink)
                : o->profile->write_selection(o->profile, o->profile->extensions[i], c->selections,
                                              &sink);
        if (result == 0)
            result = atls_sink_done(&sink, &body);
        if (result == 0 && body.size > 0)
            result = keep(&c->sent[i], body);
        if (result != 0)
            return connection_fail(c, "internal", -1, NULL, NULL);
        if (forced_body(c, i) < 0)
            return -1;
    }
    return 0;
}

int negotiate_offer(struct connection *c)
{
    atls_negotiate_offer(&c->as_attester, ATLS_BYTES(NULL, 0), &c->offers[ATLS_CLIENT]);
    atls_negotiate_offer(&c->as_relying_party, ATLS_BYTES(NULL, 0), &c->offers[ATLS_SERVER]);
    return build(c);
}

int negotiate_received(struct connection *c, size_t i, struct atls_bytes in)
{
    const struct atls_options *o = &c->peer->options;
    const struct atls_profile *profile = o->profile;
    struct hello_body *body = &c->received[i];
    if (o->side == ATLS_SERVER && body->present) { /* a second ClientHello */
        if (atls_bytes_equal(ATLS_BYTES(body->data, body->size), in))
            return 0;
        return connection_fail(c, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                               "RFC 8446 section 4.1.2",
                               "the second ClientHello has another body of this extension");
    }
    if (keep(body, in) != 0)
        return connection_fail(c, "internal", -1, NULL, NULL);
    struct atls_bytes kept = ATLS_BYTES(body->data, body->size);
    int result = o->side == ATLS_CLIENT
                     ? profile->read_selection(profile, profile->extensions[i], kept, c->selections)
                     : profile->read_offer(profile, profile->extensions[i], kept, c->offers);
    if (result == 0)
        return 0;
    return connection_fail(c,
                           result == ATLS_E_LIMIT         ? "nonce-length"
                           : result == ATLS_E_UNSUPPORTED ? "no-common-evidence-type"
                                                          : "malformed-extension",
                           -1, NULL, NULL);
}

static int refuse(struct connection *c, const char *reason)
{
    const struct atls_options *o = &c->peer->options;
    const char *clause;
    (void)atls_profile_alert(o->profile, &o->code_points, reason, &clause);
    return connection_fail(c, reason, -1, clause, NULL);
}

int negotiate_select(struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    const char *reason;
    negotiate_report_offer(c, "received", c->received);
    if (c->settled)
        return 0;
    c->settled = true;
    if (atls_negotiate_select(&c->as_attester, &c->offers[ATLS_SERVER], &c->selections[ATLS_SERVER],
                              &reason) != 0 &&
        o->variants.no_common == 0)
        return refuse(c, reason);
    c->self_model = atls_selection_model(&c->selections[ATLS_SERVER]);
    report_negotiated(c);
    misselect(c);
    return build(c);
}

int negotiate_requested(struct connection *c, struct atls_bytes body)
{
    const struct atls_profile *profile = c->peer->options.profile;
    json_t *bodies = json_object();
    if (profile->read_request == NULL)
        return connection_fail(c, "unexpected-selection", ATLS_ALERT_UNSUPPORTED_EXTENSION,
                               "RFC 8446 section 4.2",
                               "the profile has no such extension in CertificateRequest");
    json_object_set_new(bodies, atls_code_point_name(profile->entry_extension),
                        atls_json_hex(body));
    report(c, "selected", "received", bodies);
    if (!c->sent[0].present)
        return connection_fail(c, "unexpected-selection", ATLS_ALERT_UNSUPPORTED_EXTENSION,
                               "RFC 8446 section 4.2",
                               "an extension came that was not in the ClientHello");
    return profile->read_request(profile, body, c->selections) == 0
               ? 0
               : connection_fail(c, "malformed-extension", -1, NULL, NULL);
}

int negotiate_settle(struct connection *c)
{
    if (c->settled)
        return 0;
    c->settled = true;
    negotiate_report_selected(c, "received", c->received);
    for (size_t side = 0; side < 2; side++)
        if (atls_negotiate_check(&c->offers[side], &c->selections[side]) != 0)
            return refuse(c, "unexpected-selection");
    c->self_model = atls_selection_model(&c->selections[ATLS_CLIENT]);
    c->peer_model = atls_selection_model(&c->selections[ATLS_SERVER]);
    bool must = c->as_relying_party.model_count > 0 && c->peer->options.required;
    if (must && c->peer_model == ATLS_MODEL_NONE)
        return connection_fail(c, "attestation-missing", -1, NULL,
                               "attestation is required of the server, which selects none");
    report_negotiated(c);
    return c->peer_model == ATLS_MODEL_NONE ? 0 : connection_begin_appraisal(c, c->peer_model);
}

int negotiate_bind(struct connection *c, const struct atls_public_key *leaf)
{
    const struct atls_options *o = &c->peer->options;
    uint8_t spki[ATLS_SPKI_MAX];
    const struct atls_binding binding = {.transcript = &c->hellos,
                                         .variants = &o->variants,
                                         .spki = ATLS_BYTES(spki, atls_spki_encode(leaf, spki))};
    size_t size;
    int result = o->profile->bind(&binding, c->binder, &size);
    if (result != 0)
        return connection_fail(c, result == ATLS_E_LIMIT ? "nonce-length" : "internal", -1, NULL,
                               NULL);
    c->binding = ATLS_BYTES(c->binder, size);
    return 0;
}

/* entry-payload=HEX, and entry-unasked, whose payload is a CMW behind its length: [1, h'00'] */
static int faulty_entry(struct connection *c, const char *hex, uint8_t *payload, size_t capacity,
                        size_t *sizep)
{
    uint8_t *data;
    size_t size;
    if (atls_hex_decode(atls_bytes_of_text(hex), &data, &size) != 0 || size > capacity) {
        return connection_fail(c, "internal", -1, NULL, NULL);
    }
    memcpy(payload, data, size);
    free(data);
    *sizep = size;
    return 0;
}

bool negotiate_entry_due(struct connection *c)
{
    if (c->self_model == ATLS_MODEL_NONE)
        return connection_faulty(c, "entry-unasked");
    if (!connection_faulty(c, "entry-missing"))
        return true;
    connection_fault(c, "entry-missing", "no extension in any CertificateEntry");
    return false;
}

int negotiate_entry(struct connection *c, uint8_t *payload, size_t capacity, size_t *sizep)
{
    unsigned prefix = connection_prefix(c);
    struct atls_bytes out;
    const char *hex;
    if (c->self_model == ATLS_MODEL_NONE) {
        connection_fault(c, "entry-unasked", "the extension, though nothing was negotiated");
        return faulty_entry(c, "00000482014100", payload, capacity, sizep);
    }
    int result = negotiate_bind(c, &c->peer->leaf);
    if (result == 0)
        result = connection_make_credential(c, c->self_model, c->binding);
    if (result == 0 && atls_faults_has(&c->peer->options.faults, "entry-payload", &hex)) {
        connection_fault(c, "entry-payload", "other bytes in the extension");
        return faulty_entry(c, hex, payload, capacity, sizep);
    }
    if (result != 0)
        return result;
    struct atls_sink sink = atls_sink_of(payload, capacity);
    struct atls_bytes cmw = ATLS_BYTES(c->credential.cmw, c->credential.size);
    if (prefix == 0)
        atls_sink_bytes(&sink, cmw);
    else
        atls_sink_vector(&sink, prefix, cmw);
    if (atls_sink_done(&sink, &out) != 0)
        return connection_fail(c, "internal", -1, NULL, NULL);
    *sizep = out.size;
    return 0;
}

int negotiate_entry_received(struct connection *c, struct atls_bytes payload)
{
    if (c->payload.present)
        return connection_fail(c, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                               "RFC 8446 section 4.2",
                               "the extension is more than once in a CertificateEntry");
    return keep(&c->payload, payload) == 0 ? 0 : connection_fail(c, "internal", -1, NULL, NULL);
}
