/* SPDX-License-Identifier: Apache-2.0 */
/* What a session says of itself (harness/peers/README.md). Challenge, credential, result and
 * verdict are told by the RATS roles. */
#include "rats/json/json.h"
#include "tls/engine/session-internal.h"

#include <stdlib.h>
#include <string.h>

static json_t *bodies_of(const struct atls_session *s, const struct hello_body *bodies)
{
    json_t *object = json_object();
    for (size_t i = 0; i < s->party->profile->extension_count; i++)
        if (bodies[i].present)
            atls_json_add(&object, atls_code_point_name(s->party->profile->extensions[i]),
                          atls_json_hex(ATLS_BYTES(bodies[i].data, bodies[i].size)));
    return object;
}

static void report_bodies(struct atls_session *s, const char *name, const char *direction,
                          const struct hello_body *bodies)
{
    atls_event(s->party->events, name, "{s:I, s:s, s:o}", "conn", (json_int_t)s->conn, "direction",
               direction, "extensions", bodies_of(s, bodies));
}

void report_offer(struct atls_session *s, const char *direction, const struct hello_body *bodies)
{
    const char *also = NULL;
    s->hello.offer_reported = true;
    if (!atls_events_heard(s->party->events))
        return;
    json_t *extensions = bodies_of(s, bodies);
    if (bodies == s->hello.sent && atls_faults_has(s->party->faults, "also-extension", &also)) {
        char name[48];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(also, ":"), also);
        atls_json_add(&extensions, name, json_string(strchr(also, ':') + 1));
    }
    atls_event(s->party->events, "offer", "{s:I, s:s, s:o}", "conn", (json_int_t)s->conn,
               "direction", direction, "extensions", extensions);
}

void report_selected(struct atls_session *s, const char *direction, const struct hello_body *bodies)
{
    report_bodies(s, "selected", direction, bodies);
}

void report_requested(struct atls_session *s, const char *direction, struct atls_bytes body)
{
    if (!atls_events_heard(s->party->events))
        return;
    json_t *bodies = json_object();
    atls_json_add(&bodies, atls_code_point_name(s->party->profile->entry_extension),
                  atls_json_hex(body));
    atls_event(s->party->events, "selected", "{s:I, s:s, s:o, s:s}", "conn", (json_int_t)s->conn,
               "direction", direction, "extensions", bodies, "x_message", "CertificateRequest");
}

static void report_role(struct atls_session *s, const char *role, enum atls_model model,
                        const struct atls_selection *selection)
{
    if (model == ATLS_MODEL_NONE || !atls_events_heard(s->party->events))
        return;
    json_t *fields = json_pack("{s:I, s:s, s:s}", "conn", (json_int_t)s->conn, "role", role,
                               "model", atls_model_name(model));
    if (fields && model == ATLS_MODEL_BACKGROUND_CHECK) {
        char type[320];
        atls_evidence_type_print(&selection->type, type, sizeof type);
        atls_json_add(&fields, "evidence_type", atls_json_printable(atls_bytes_of_text(type)));
    } else if (fields) {
        atls_json_add(&fields, "verifier_id", atls_json_printable(selection->verifier));
    }
    atls_event_object(s->party->events, "negotiated", fields);
}

void report_negotiated(struct atls_session *s)
{
    enum atls_side self = s->party->side, peer = self == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
    report_role(s, "attester", s->self.model, &s->hello.selections[self]);
    report_role(s, "relying-party", s->peer.model, &s->hello.selections[peer]);
}

void report_fault(struct atls_session *s, const char *name, const char *detail)
{
    atls_event(s->party->events, "fault", "{s:I, s:s, s:s}", "conn", (json_int_t)s->conn, "name",
               name, "detail", detail);
}

static json_t *alert_of(const struct atls_session *s)
{
    if (!s->failure.reason || s->failure.alert < 0)
        return json_null();
    return json_pack("{s:s, s:i, s:s}", "direction",
                     s->failure.alert_received ? "received" : "sent", "code", s->failure.alert,
                     "name", atls_alert_name(&s->party->code_points, (unsigned)s->failure.alert));
}

static void set_diagnosis(const struct atls_session *s, json_t **fieldsp)
{
    if (s->failure.diagnosis && s->failure.reason)
        atls_json_add(fieldsp, "diagnosis", atls_diagnosis_json(s->failure.diagnosis));
}

static void set_key(json_t **fieldsp, const char *name, const uint8_t *spki, size_t size)
{
    if (size > 0)
        atls_json_add(fieldsp, name, atls_json_hex(ATLS_BYTES(spki, size)));
}

void report_handshake(struct atls_session *s)
{
    if (s->told.handshake)
        return;
    bool failed = s->failure.reason != NULL;
    s->told.handshake = true;
    s->told.complete = !failed;
    if (!atls_events_heard(s->party->events))
        return;
    json_t *fields =
        json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:b, s:f, s:s, s:s}", "conn", (json_int_t)s->conn,
                  "outcome", failed ? "failed" : "complete", "reason",
                  failed ? s->failure.reason : "ok", "detail", s->failure.detail, "clause",
                  s->failure.clause, "alert", alert_of(s), "hrr", s->hello.hrr, "seconds",
                  s->seconds, "self_attested", atls_model_name(s->self.model), "peer_attested",
                  atls_model_name(failed && !s->peer.accepted ? ATLS_MODEL_NONE : s->peer.model));
    session_note_peer_key(s);
    report_shares(s, &fields);
    set_diagnosis(s, &fields);
    set_key(&fields, "signed_with", s->self.signed_with, s->self.signed_with_size);
    set_key(&fields, "verified_with", s->peer.verified_with, s->peer.verified_with_size);
    atls_event_object(s->party->events, "handshake", fields);
}

void report_line(struct atls_session *s, const char *direction, const char *text, size_t size)
{
    if (!atls_events_heard(s->party->events))
        return;
    /* Its own words where they are UTF-8, as they are compared with what the other side sent. */
    json_t *line = json_stringn(text, size);
    if (!line)
        line = atls_json_printable(ATLS_BYTES(text, size));
    atls_event(s->party->events, "application-data", "{s:I, s:s, s:o}", "conn", (json_int_t)s->conn,
               "direction", direction, "text", line);
}

/* The handshake may have been complete: then this alone says why the rest was not. */
void report_closed(struct atls_session *s)
{
    const struct failure *failure = &s->failure;
    if (!failure->reason) {
        atls_event(s->party->events, "closed", "{s:I, s:s}", "conn", (json_int_t)s->conn, "outcome",
                   "complete");
    } else if (atls_events_heard(s->party->events)) {
        json_t *fields = json_pack(
            "{s:I, s:s, s:s, s:s, s:s, s:o, s:b}", "conn", (json_int_t)s->conn, "outcome", "failed",
            "reason", failure->reason, "detail", failure->detail, "clause", failure->clause,
            "alert", alert_of(s), "x_after_handshake", (int)s->told.complete);
        set_diagnosis(s, &fields);
        atls_event_object(s->party->events, "closed", fields);
    }
}
