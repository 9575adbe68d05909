/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of a connection in memory. */
#include "tls/test-ends.h"

#include <errno.h>

#define STEPS_MAX 4000

struct test_pki test_pki;

static ssize_t push(gnutls_transport_ptr_t transport, const void *data, size_t size)
{
    struct pipe *out = ((struct end *)transport)->out;
    out->data = realloc(out->data, out->size + size);
    assert_non_null(out->data);
    memcpy(out->data + out->size, data, size);
    out->size += size;
    return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    struct end *end = transport;
    struct pipe *in = end->in;
    if (in->at == in->size) {
        if (*end->peer_gone)
            return 0;
        gnutls_transport_set_errno(atls_session_tls(end->session), EAGAIN);
        return -1;
    }
    size = size < in->size - in->at ? size : in->size - in->at;
    memcpy(data, in->data + in->at, size);
    in->at += size;
    return (ssize_t)size;
}

static void set_models(struct atls_abilities *abilities, const enum atls_model models[2],
                       struct end *end)
{
    *abilities = (struct atls_abilities){
        .types = &end->type, .type_count = 1, .verifiers = &end->verifier, .verifier_count = 1};
    while (abilities->model_count < 2 && models[abilities->model_count] != ATLS_MODEL_NONE) {
        abilities->model[abilities->model_count] = models[abilities->model_count];
        abilities->model_count++;
    }
}

void open_end(struct end *end, enum atls_side which, const struct side *side, bool p384)
{
    struct atls_party *party = &end->party;
    const char *own = which == ATLS_CLIENT ? "client" : "server";
    char certificate[64], key[64];
    snprintf(certificate, sizeof certificate, "%s.pem", side->stranger ? "stranger" : own);
    snprintf(key, sizeof key, "%s.key", side->stranger ? "stranger" : own);
    party->side = which;
    party->profile = side->profile != NULL ? side->profile : &atls_profile_ta_07;
    atls_code_points_default(&party->code_points);
    party->attestation_required = !side->optional;
    party->curve = p384 ? ATLS_P384 : ATLS_P256;
    party->peer_name = which == ATLS_CLIENT ? "127.0.0.1" : NULL;
    party->message = own;
    party->hrr = side->hrr;
    party->faults = &end->faults;
    if (side->fault != NULL)
        assert_int_equal(atls_faults_add(&end->faults, side->fault), 0);
    assert_int_equal(
        atls_evidence_type_parse(side->type != NULL ? side->type : "cf:273", &end->type), 0);
    end->verifier = atls_bytes_of_text(side->verifier != NULL ? side->verifier : "v.example");
    set_models(&party->as_attester, side->attester, end);
    set_models(&party->as_relying_party, side->relying_party, end);
    if (party->as_attester.model_count > 0)
        party->attester = test_attester_new(party->curve);
    if (party->as_relying_party.model_count > 0)
        party->relying_party = test_relying_party_new();
    assert_int_equal(atls_events_open(NULL, own, &party->events), 0);
    assert_int_equal(
        atls_party_start(party, side->no_certificate ? NULL : test_pki_file(&test_pki, certificate),
                         side->no_certificate ? NULL : test_pki_file(&test_pki, key),
                         side->no_anchors ? NULL : test_pki_file(&test_pki, "ca.pem")),
        0);
    assert_int_equal(atls_session_new(party, 1, &end->session), 0);
    gnutls_session_t tls = atls_session_tls(end->session);
    gnutls_transport_set_ptr(tls, end);
    gnutls_transport_set_push_function(tls, push);
    gnutls_transport_set_pull_function(tls, pull);
    end->want = ATLS_WANT_READ;
}

void close_end(struct end *end)
{
    atls_session_free(end->session);
    test_attester_free(end->party.attester);
    test_relying_party_free(end->party.relying_party);
    atls_party_stop(&end->party);
    atls_events_close(end->party.events);
}

void step_end(struct end *end)
{
    if (end->want != ATLS_WANT_NOTHING)
        end->want = atls_session_step(end->session);
    end->gone = end->want == ATLS_WANT_NOTHING;
}

void pump_ends(struct end *client, struct end *server)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        step_end(client);
        step_end(server);
        if (client->want == ATLS_WANT_NOTHING && server->want == ATLS_WANT_NOTHING)
            return;
    }
}

void check_end(const char *who, const struct end *end, const char *reason, int alert)
{
    const struct failure *failure = &end->session->failure;
    const char *came = failure->reason != NULL ? failure->reason : "complete";
    const char *expected = reason != NULL ? reason : "complete";
    if (end->want != ATLS_WANT_NOTHING)
        fail_msg("%s: did not end", who);
    if (strcmp(came, expected) != 0)
        fail_msg("%s: expected %s, came %s (%s; %s)", who, expected, came, failure->detail,
                 failure->clause);
    assert_int_equal(atls_session_complete(end->session), reason == NULL);
    if (reason != NULL)
        assert_int_equal(failure->alert, alert);
}
