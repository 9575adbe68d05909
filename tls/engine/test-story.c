/* SPDX-License-Identifier: Apache-2.0 */
/* The events of an end, read back from the memory that stands for their file. */
#include "tls/engine/test-story.h"

#include <sys/stat.h>

#include "rats/base/encoding.h"
#include "tls/engine/expat.h"

/* All events of END, an array. */
static json_t *read_story(const struct end *end)
{
    struct stat about;
    assert_int_equal(fstat(end->told, &about), 0);
    char *text = calloc(1, (size_t)about.st_size + 1);
    assert_non_null(text);
    assert_int_equal(pread(end->told, text, (size_t)about.st_size, 0), about.st_size);
    json_t *story = json_array();
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_t *event = json_loads(line, 0, NULL);
        assert_non_null(event);
        assert_null(json_object_get(event, "invalid"));
        json_array_append_new(story, event);
    }
    free(text);
    return story;
}

static const char *text_of(const json_t *event, const char *field)
{
    const char *text = json_string_value(json_object_get(event, field));
    return text ? text : "";
}

/* Those of NAME, and of DIRECTION where that is given. */
static json_t *select_events(const json_t *story, const char *name, const char *direction)
{
    json_t *found = json_array(), *event;
    size_t i;
    json_array_foreach(
        story, i, event) if (strcmp(text_of(event, "event"), name) == 0 &&
                             (!direction || strcmp(text_of(event, "direction"), direction) == 0))
        json_array_append(found, event);
    return found;
}

static void same_text(const json_t *event, const char *field, const char *expected)
{
    if (strcmp(text_of(event, field), expected) != 0)
        fail_msg("event %s: expected %s %s, came %s", text_of(event, "event"), field, expected,
                 text_of(event, field));
}

static void same_alert(const struct atls_session *s, const json_t *event)
{
    const struct failure *failure = &s->failure;
    const json_t *alert = json_object_get(event, "alert");
    if (failure->alert < 0) {
        assert_true(json_is_null(alert));
        return;
    }
    assert_string_equal(text_of(alert, "direction"), failure->alert_received ? "received" : "sent");
    assert_int_equal(json_integer_value(json_object_get(alert, "code")), failure->alert);
    assert_string_equal(text_of(alert, "name"),
                        atls_alert_name(&s->party->code_points, (unsigned)failure->alert));
}

static void same_failure(const struct atls_session *s, const json_t *event)
{
    same_text(event, "outcome", "failed");
    same_text(event, "reason", s->failure.reason);
    same_text(event, "detail", s->failure.detail);
    same_text(event, "clause", s->failure.clause);
    assert_true(s->failure.detail[0] != '\0');
    same_alert(s, event);
}

static void same_key(const json_t *event, const char *field, const uint8_t *spki, size_t size)
{
    char expected[2 * ATLS_SPKI_MAX + 1] = "";
    for (size_t i = 0; i < size; i++)
        snprintf(expected + 2 * i, 3, "%02x", spki[i]);
    same_text(event, field, expected);
    assert_int_equal(json_object_get(event, field) != NULL, size > 0);
}

static void same_diagnosis(const struct atls_session *s, const json_t *event)
{
    json_t *expected = s->failure.diagnosis ? atls_diagnosis_json(s->failure.diagnosis) : NULL;
    const json_t *told = json_object_get(event, "diagnosis");
    assert_true(expected ? json_equal(told, expected) : !told);
    json_decref(expected);
}

static void check_handshake(const struct atls_session *s, const json_t *event)
{
    double seconds = json_real_value(json_object_get(event, "seconds"));
    assert_true(seconds >= 0 && seconds < 3600);
    assert_int_equal(json_is_true(json_object_get(event, "hrr")), s->hello.hrr);
    if (!s->told.complete) {
        same_failure(s, event);
        same_text(event, "peer_attested",
                  atls_model_name(s->peer.accepted ? s->peer.model : ATLS_MODEL_NONE));
    } else {
        same_text(event, "outcome", "complete");
        same_text(event, "reason", "ok");
        same_text(event, "detail", "");
        assert_true(seconds > 0);
        assert_true(json_is_null(json_object_get(event, "alert")));
    }
    if (s->failure.reason && s->told.complete)
        return; /* what came behind it changed more than the event says */
    same_text(event, "self_attested", atls_model_name(s->self.model));
    same_key(event, "verified_with", s->peer.verified_with, s->peer.verified_with_size);
    same_key(event, "signed_with", s->self.signed_with, s->self.signed_with_size);
    if (s->told.complete)
        same_text(event, "peer_attested", atls_model_name(s->peer.model));
    else
        same_diagnosis(s, event);
}

static json_t *only_one(const json_t *story, const char *name)
{
    json_t *found = select_events(story, name, NULL);
    if (json_array_size(found) != 1)
        fail_msg("expected one event %s, came %zu", name, json_array_size(found));
    json_t *event = json_incref(json_array_get(found, 0));
    json_decref(found);
    return event;
}

/* The place of the first event of NAME, and of DIRECTION where that is given; or behind all. */
static size_t place_of(const json_t *story, const char *name, const char *direction)
{
    json_t *event;
    size_t i;
    json_array_foreach(story, i, event)
    {
        if (strcmp(text_of(event, "event"), name) == 0 &&
            (!direction || strcmp(text_of(event, "direction"), direction) == 0))
            break;
    }
    return i;
}

/* Misbehaviour that was ordered is told where it is done: a test without it would show nothing. */
static void check_fault(const json_t *story, const char *order)
{
    json_t *told = select_events(story, "fault", NULL), *event;
    size_t i, size = strcspn(order, "=");
    bool found = false;
    json_array_foreach(told, i, event) found =
        found || (strncmp(text_of(event, "name"), order, size) == 0 &&
                  text_of(event, "name")[size] == '\0' && text_of(event, "detail")[0] != '\0');
    json_decref(told);
    if (!found)
        fail_msg("fault %s is not told", order);
}

void check_story(const struct end *end)
{
    const struct atls_session *s = end->session;
    json_t *story = read_story(end), *event;
    size_t i;
    json_array_foreach(story, i, event)
    {
        assert_int_equal(json_integer_value(json_object_get(event, "conn")), 1);
        if (strcmp(text_of(event, "event"), "selected") == 0 ||
            strcmp(text_of(event, "event"), "offer") == 0)
            assert_true(json_is_object(json_object_get(event, "extensions")));
        if (json_object_get(event,
                            "x_message")) /* a CertificateRequest is told for its extension */
            assert_int_equal(json_object_size(json_object_get(event, "extensions")), 1);
    }
    if (end->fault)
        check_fault(story, end->fault);
    same_text(json_array_get(story, 0), "event", "connection");
    same_text(json_array_get(story, json_array_size(story) - 1), "event", "closed");
    json_t *handshake = only_one(story, "handshake"), *closed = only_one(story, "closed");
    check_handshake(s, handshake);
    /* Whoever has a line of the peer's knows that the handshake is over. */
    assert_true(place_of(story, "handshake", NULL) <
                place_of(story, "application-data", "received"));
    if (s->failure.reason) {
        same_failure(s, closed);
        same_diagnosis(s, closed);
        assert_int_equal(json_is_true(json_object_get(closed, "x_after_handshake")),
                         s->told.complete);
    } else {
        same_text(closed, "outcome", "complete");
    }
    json_decref(handshake);
    json_decref(closed);
    json_decref(story);
}

/* What is told of an extension that the other side cannot have seen is left out of COUNT. */
static void same_bodies(const char *what, const json_t *sent, const json_t *received, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_object_get(json_array_get(sent, i), "extensions");
        const json_t *other = json_object_get(json_array_get(received, i), "extensions");
        if (!json_equal(one, other))
            fail_msg("%s %zu: sent %s, received %s", what, i + 1, json_dumps(one, 0),
                     json_dumps(other, 0));
    }
}

static void same_lines(const json_t *from, const json_t *to, const char *line)
{
    json_t *sent = select_events(from, "application-data", "sent");
    json_t *received = select_events(to, "application-data", "received");
    assert_int_equal(json_array_size(sent), 1);
    assert_int_equal(json_array_size(received), 1);
    same_text(json_array_get(sent, 0), "text", line);
    same_text(json_array_get(received, 0), "text", line);
    json_decref(sent);
    json_decref(received);
}

/* One side's attester is the other's relying party, and both say the same of it. */
static void same_roles(const json_t *from, const json_t *to)
{
    json_t *ours = select_events(from, "negotiated", NULL), *event;
    json_t *theirs = select_events(to, "negotiated", NULL), *other;
    size_t i, k;
    json_array_foreach(ours, i, event)
    {
        bool found = false;
        json_array_foreach(theirs, k,
                           other) if (strcmp(text_of(event, "role"), text_of(other, "role")) != 0)
        {
            static const char *const fields[] = {"model", "evidence_type", "verifier_id"};
            for (size_t f = 0; f < 3; f++)
                same_text(other, fields[f], text_of(event, fields[f]));
            found = true;
        }
        if (!found)
            fail_msg("role %s is told by one side alone", text_of(event, "role"));
    }
    json_decref(ours);
    json_decref(theirs);
}

/* What is told of each role is what was selected. */
static void check_roles(const json_t *story, const struct atls_session *s)
{
    json_t *told = select_events(story, "negotiated", NULL), *event;
    size_t i, roles = (s->self.model != ATLS_MODEL_NONE) + (s->peer.model != ATLS_MODEL_NONE);
    if (atls_carrier_of_party(s->party)->negotiated)
        assert_int_equal(json_array_size(told), roles);
    json_array_foreach(told, i, event)
    {
        bool own = strcmp(text_of(event, "role"), "attester") == 0;
        enum atls_model model = own ? s->self.model : s->peer.model;
        enum atls_side attester = own ? s->party->side : session_peer_side(s);
        const struct atls_selection *selection = &s->hello.selections[attester];
        char type[320], verifier[320];
        atls_evidence_type_print(&selection->type, type, sizeof type);
        snprintf(verifier, sizeof verifier, "%.*s", (int)selection->verifier.size,
                 (const char *)selection->verifier.data);
        same_text(event, "model", atls_model_name(model));
        same_text(event, "evidence_type", model == ATLS_MODEL_BACKGROUND_CHECK ? type : "");
        same_text(event, "verifier_id", model == ATLS_MODEL_BACKGROUND_CHECK ? "" : verifier);
        assert_int_not_equal(model, ATLS_MODEL_NONE);
    }
    json_decref(told);
}

/* Requests and authenticators: what one side says that it sent, the other received. */
static void same_authenticators(const json_t *from, const json_t *to, const struct atls_expat *x)
{
    static const char *const texts[] = {"message", "context"};
    json_t *sent = select_events(from, "authenticator", "sent"), *event;
    json_t *received = select_events(to, "authenticator", "received");
    size_t i;
    assert_int_equal(json_array_size(sent), json_array_size(received));
    /* Each request, and an answer to each that came. */
    assert_int_equal(json_array_size(sent), x ? x->asked + x->requests : 0);
    json_array_foreach(sent, i, event)
    {
        const json_t *other = json_array_get(received, i);
        for (size_t t = 0; t < 2; t++)
            same_text(other, texts[t], text_of(event, texts[t]));
        assert_true(json_equal(json_object_get(event, "bytes"), json_object_get(other, "bytes")));
    }
    json_decref(sent);
    json_decref(received);
}

/* A credential that was made beforehand is told where it is presented; all others by the attester.
 */
static void check_presented(const json_t *story, const struct end *end)
{
    json_t *sent = select_events(story, "credential", "sent");
    bool presented =
        atls_carrier_of_party(&end->party)->enrolled && end->session->self.model != ATLS_MODEL_NONE;
    assert_int_equal(json_array_size(sent), presented);
    json_decref(sent);
}

static void check_complete(const json_t *client, const json_t *server, const struct end *ends[2])
{
    json_t *sent = select_events(client, "offer", "sent");
    json_t *received = select_events(server, "offer", "received");
    json_t *selected = select_events(server, "selected", "sent");
    json_t *came = select_events(client, "selected", "received");
    assert_int_equal(json_array_size(sent), json_array_size(received));
    assert_int_equal(json_array_size(selected), json_array_size(came));
    assert_int_equal(json_array_size(sent), ends[0]->session->hello.hrr ? 2 : 1);
    assert_true(json_array_size(selected) >= 1);
    same_bodies("selection", selected, came, json_array_size(selected));
    same_roles(client, server);
    same_roles(server, client);
    same_lines(client, server, "client");
    same_lines(server, client, "server");
    same_authenticators(client, server, ends[0]->session->expat);
    same_authenticators(server, client, ends[1]->session->expat);
    check_roles(client, ends[0]->session);
    check_roles(server, ends[1]->session);
    check_presented(client, ends[0]);
    check_presented(server, ends[1]);
    json_decref(sent);
    json_decref(received);
    json_decref(selected);
    json_decref(came);
}

/* also-extension=NAME:HEX: told of each hello, and unknown to the peer, with whom the rest is
 * compared. */
static void take_also(json_t *sent, const char *fault)
{
    static const char order[] = "also-extension=";
    json_t *event;
    size_t i;
    if (!fault || strncmp(fault, order, strlen(order)) != 0)
        return;
    char *name = strdup(fault + strlen(order)), *hex = strchr(name, ':');
    *hex++ = '\0';
    json_array_foreach(sent, i, event)
    {
        json_t *extensions = json_object_get(event, "extensions");
        same_text(extensions, name, hex);
        json_object_del(extensions, name);
    }
    assert_true(json_array_size(sent) > 0);
    free(name);
}

void check_stories(const struct end *client, const struct end *server)
{
    json_t *told[2] = {read_story(client), read_story(server)};
    const struct end *ends[2] = {client, server};
    check_story(client);
    check_story(server);
    json_t *sent = select_events(told[0], "offer", "sent");
    json_t *received = select_events(told[1], "offer", "received");
    take_also(sent, client->fault);
    size_t hellos = json_array_size(sent);
    /* What a server did not read whole it tells as far as it came. */
    if (strcmp(server->session->failure.reason ? server->session->failure.reason : "",
               "malformed-extension") != 0)
        same_bodies("offer", sent, received,
                    hellos < json_array_size(received) ? hellos : json_array_size(received));
    if (!client->session->failure.reason && !server->session->failure.reason)
        check_complete(told[0], told[1], ends);
    json_decref(sent);
    json_decref(received);
    json_decref(told[0]);
    json_decref(told[1]);
}
