/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a connection: handshake, a line each way (or what expat-04 has in their place), and
 * what is said of it in events. Whatever ends it is told once, and to the peer by an alert.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/peers/linked/peer.h"
#include "program/program.h"
#include "rats/base/error.h"

int connection_fail(struct connection *c, const char *reason, int alert, const char *clause,
                    const char *detail)
{
    struct failure *failure = &c->failure;
    const struct atls_options *o = &c->peer->options;
    const char *by_table;
    if (failure->reason != NULL)
        return -1;
    unsigned told = atls_profile_alert(o->profile, &o->code_points, reason, &by_table);
    failure->reason = reason;
    failure->alert = alert >= 0 ? alert : (int)told;
    if (clause == NULL && detail == NULL && atls_error_clause()[0] != '\0')
        clause = atls_error_clause();
    snprintf(failure->clause, sizeof failure->clause, "%s", clause != NULL ? clause : by_table);
    snprintf(failure->detail, sizeof failure->detail, "%s",
             detail != NULL ? detail : atls_error_text());
    c->seconds = atls_now() - c->started;
    return -1;
}

int connection_ended(struct connection *c, const char *reason, int alert)
{
    char detail[96] = "the peer closed the connection";
    if (c->failure.reason != NULL)
        return -1;
    if (alert >= 0)
        snprintf(detail, sizeof detail, "the peer ended the connection with %s (%d)",
                 atls_alert_name(&c->peer->options.code_points, (unsigned)alert), alert);
    connection_fail(c, reason, 0, "", detail);
    c->failure.alert = alert;
    c->failure.received = true;
    return -1;
}

bool connection_expired(const struct connection *c)
{
    return atls_now() >= c->deadline || atomic_load(&c->peer->ending);
}

bool connection_faulty(const struct connection *c, const char *name)
{
    return atls_faults_has(&c->peer->options.faults, name, NULL);
}

void connection_fault(struct connection *c, const char *name, const char *detail)
{
    atls_event(c->peer->events, "fault", "{s:I, s:s, s:s}", "conn", (json_int_t)c->number, "name",
               name, "detail", detail);
}

static json_t *alert_of(const struct connection *c)
{
    if (c->failure.reason == NULL || c->failure.alert < 0)
        return json_null();
    return json_pack("{s:s, s:i, s:s}", "direction", c->failure.received ? "received" : "sent",
                     "code", c->failure.alert, "name",
                     atls_alert_name(&c->peer->options.code_points, (unsigned)c->failure.alert));
}

static void set_key(json_t *fields, const char *name, const uint8_t *spki, size_t size)
{
    if (size > 0)
        json_object_set_new(fields, name, atls_json_hex(ATLS_BYTES(spki, size)));
}

void connection_report_handshake(struct connection *c)
{
    bool failed = c->failure.reason != NULL;
    if (c->handshake_reported)
        return;
    c->handshake_reported = true;
    json_t *fields =
        json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:b, s:f, s:s, s:s}", "conn",
                  (json_int_t)c->number, "outcome", failed ? "failed" : "complete", "reason",
                  failed ? c->failure.reason : "ok", "detail", c->failure.detail, "clause",
                  c->failure.clause, "alert", alert_of(c), "hrr", c->hrr, "seconds", c->seconds,
                  "self_attested", atls_model_name(c->self_model), "peer_attested",
                  atls_model_name(failed && !c->peer_accepted ? ATLS_MODEL_NONE : c->peer_model));
    if (fields == NULL)
        return;
    set_key(fields, "signed_with", c->signed_with, c->signed_with_size);
    set_key(fields, "verified_with", c->verified_with, c->verified_with_size);
    atls_event_object(c->peer->events, "handshake", fields);
}

void connection_report_line(struct connection *c, const char *direction, struct atls_bytes line)
{
    json_t *text = json_stringn((const char *)line.data, line.size);
    if (text == NULL) /* the peer's, and no UTF-8 */
        text = atls_json_hex(line);
    atls_event(c->peer->events, "application-data", "{s:I, s:s, s:o}", "conn",
               (json_int_t)c->number, "direction", direction, "text", text);
}

static int send_line(struct connection *c)
{
    char line[PEER_LINE_MAX];
    int size = snprintf(line, sizeof line, "%s\n", c->peer->options.message);
    int result = c->peer->stack->send(c, ATLS_BYTES(line, (size_t)size));
    if (result == 0)
        connection_report_line(c, "sent", ATLS_BYTES(line, (size_t)size - 1));
    return result;
}

static int receive_line(struct connection *c)
{
    uint8_t line[PEER_LINE_MAX];
    size_t size = 0, more;
    for (;;) {
        int result = c->peer->stack->receive(c, line + size, sizeof line - size, &more);
        if (result != 0)
            return result;
        if (more == 0)
            return connection_ended(c, "peer-closed", -1);
        connection_report_handshake(c); /* a client knows only now that the server accepted it */
        const uint8_t *end = memchr(line + size, '\n', more);
        size += more;
        if (end != NULL) {
            connection_report_line(c, "received", ATLS_BYTES(line, (size_t)(end - line)));
            return 0;
        }
        if (size == sizeof line)
            return connection_fail(c, "internal", -1, "",
                                   "a line of at most 4095 bytes was expected");
    }
}

/* The library is content. Is the relying party? */
static int accepted(struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    bool later = o->profile->carrier == ATLS_IN_AUTHENTICATOR;
    if (!c->peer_accepted || (c->as_relying_party.model_count > 0 && o->required && !later &&
                              c->peer_model == ATLS_MODEL_NONE))
        return connection_fail(c, "internal", -1, NULL,
                               "the handshake ended without the peer having been accepted");
    return 0;
}

static int exchange(struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    bool silent = o->profile->carrier != ATLS_IN_ENTRY; /* hellos say nothing of attestation */
    bool client = o->side == ATLS_CLIENT;
    if (silent && client)
        negotiate_report_offer(c, "sent", c->sent);
    int result = c->peer->stack->handshake(c);
    if (silent && !client && c->hellos.count > 0)
        negotiate_report_offer(c, "received", c->received);
    if (silent && c->hellos_over)
        negotiate_report_selected(c, client ? "received" : "sent", c->sent);
    c->seconds = c->failure.reason == NULL ? atls_now() - c->started : c->seconds;
    c->established = result == 0;
    if (result == 0)
        result = accepted(c);
    if (result != 0)
        return result;
    if (o->profile->carrier == ATLS_IN_AUTHENTICATOR)
        return expat_run(c);
    if (o->side == ATLS_SERVER)
        connection_report_handshake(c);
    result = o->side == ATLS_CLIENT ? send_line(c) : receive_line(c);
    if (result == 0)
        result = o->side == ATLS_CLIENT ? receive_line(c) : send_line(c);
    return result;
}

static void clear(struct connection *c)
{
    connection_forget_appraisal(c);
    if (c->has_credential)
        atls_credential_clear(&c->credential);
    if (c->peer->attester != NULL) {
        pthread_mutex_lock(&c->peer->rats);
        atls_attester_forget(c->peer->attester, c->number);
        pthread_mutex_unlock(&c->peer->rats);
    }
    negotiate_clear(c);
    for (size_t i = 0; i < 2; i++)
        free(c->streams[i].data);
    atls_transcript_clear(&c->hellos);
}

/* A client's way to its server. Before that is there, nobody can be told of a failure. */
static int reach(struct connection *c)
{
    int result = connection_prepare(c);
    if (result == 0 && (c->fd = peer_connect(c)) < 0)
        result = connection_ended(c, "peer-closed", -1);
    if (result != 0)
        c->failure.alert = -1;
    return result;
}

bool connection_run(struct peer *peer, unsigned number, int fd)
{
    struct connection c = {.peer = peer,
                           .number = number,
                           .fd = fd,
                           .started = atls_now(),
                           .failure = {.alert = -1},
                           .as_attester = peer->as_attester,
                           .as_relying_party = peer->as_relying_party};
    c.deadline = c.started + peer->options.timeout;
    atls_transcript_init(&c.hellos, ATLS_TRANSCRIPT_MAX);
    atls_event(peer->events, "connection", "{s:I}", "conn", (json_int_t)number);
    bool there = peer->options.side == ATLS_SERVER || reach(&c) == 0;
    if (there && exchange(&c) != 0 && !c.failure.received && c.failure.alert >= 0 &&
        !c.alert_told && !peer->stack->alert(&c, c.failure.alert))
        c.failure.alert = -1;
    if (peer->options.side == ATLS_SERVER && c.received[0].present && !c.offer_reported)
        negotiate_report_offer(&c, "received", c.received);
    connection_report_handshake(&c);
    peer->stack->close(&c);
    peer_disconnect(&c);
    atls_event(peer->events, "closed", "{s:I, s:s}", "conn", (json_int_t)number, "outcome",
               c.failure.reason == NULL ? "complete" : "failed");
    bool complete = c.failure.reason == NULL;
    clear(&c);
    return complete;
}
