/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a party of the command line and runs it. Files are opened and the device is asked before
 * any packet, so that a mistake is told as one. */
#include "tls/programs/run.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/cases.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"
#include "roles/http.h"
#include "tls/engine/session-internal.h"
#include "tls/keys/device-key.h"
#include "tls/programs/endpoint.h"
#include "tls/programs/options.h"

#define DEVICE_TIMEOUT_MS 2000

struct program { /* everything that lives as long as the program */
    struct atls_options options;
    struct atls_party party;
    struct atls_verifier_client *client;
    struct atls_bytes attester_verifier; /* the one id of results_proposal */
    struct atls_bytes trusted_ids[ATLS_LISTED_MAX];
};

static int check_artifacts(const char *directory)
{
    if (access(directory, W_OK | X_OK) != 0)
        return atls_fail(-errno, NULL, "--artifacts %s: %s", directory, strerror(errno));
    return 0;
}

static void describe(struct program *p)
{
    const struct atls_options *o = &p->options;
    struct atls_party *party = &p->party;
    party->side = o->side;
    party->profile = o->profile;
    party->code_points = o->code_points;
    party->variants = o->variants;
    party->attestation_required = o->required;
    party->curve = o->curve;
    party->faults = &o->faults;
    party->leaks = &o->leaks;
    party->artifacts = o->artifacts;
    party->peer_name = o->server_name ? o->server_name : o->side == ATLS_CLIENT ? o->host : NULL;
    party->message = o->message;
    party->hrr = o->hrr;
    party->reattest = o->reattest;
    party->remembers_chains = o->side == ATLS_SERVER;
    party->device = o->device;
    party->device_timeout_ms = DEVICE_TIMEOUT_MS;
    p->attester_verifier = atls_bytes_of_text(o->verifier_id);
    for (size_t i = 0; i < o->trusted_count; i++)
        p->trusted_ids[i] = atls_bytes_of_text(o->trusted[i].id);
    party->as_attester = (struct atls_abilities){.model_count = o->attester_count,
                                                 .types = o->types,
                                                 .type_count = o->type_count,
                                                 .verifiers = &p->attester_verifier,
                                                 .verifier_count = o->verifier_id != NULL};
    memcpy(party->as_attester.model, o->attester, sizeof o->attester);
    party->as_relying_party = (struct atls_abilities){.model_count = o->relying_party_count,
                                                      .types = o->types,
                                                      .type_count = o->type_count,
                                                      .verifiers = p->trusted_ids,
                                                      .verifier_count = o->trusted_count};
    memcpy(party->as_relying_party.model, o->relying_party, sizeof o->relying_party);
}

static int start_attester(struct program *p)
{
    const struct atls_options *o = &p->options;
    const struct atls_profile_limits *limits = o->profile->limits;
    struct atls_attester_options attester = {.device = o->device,
                                             .second_device = o->second_device,
                                             .device_timeout_ms = DEVICE_TIMEOUT_MS,
                                             .curve = o->curve,
                                             .serialization = o->serialization,
                                             .evidence_format = o->evidence_format,
                                             .cmw_form = o->cmw_form,
                                             .constant_nonce =
                                                 limits ? limits->constant_nonce : NULL,
                                             .no_indicator = limits && limits->no_indicator,
                                             .challenge_hashed = o->variants.realm_challenge != 0,
                                             .verifier_url = o->verifier,
                                             .clock_offset = o->clock_offset,
                                             .result_max_age = o->result_max_age,
                                             .faults = &o->faults,
                                             .artifacts = o->artifacts};
    const struct atls_device_key *enrolled = p->party.device_key;
    if (enrolled) { /* the certificate's key is the one to attest */
        attester.key_handle = atls_device_key_handle(enrolled);
        attester.key = *atls_device_key_public(enrolled);
        p->party.curve = attester.key.curve;
    } else if (o->key_attested) {
        int result = atls_party_own_key(&p->party, &attester.key);
        if (result != 0)
            return result;
        attester.key_outside = true;
        p->party.curve = attester.key.curve;
    }
    return atls_attester_new(&attester, p->client, p->party.events, &p->party.attester);
}

static int start_relying_party(struct program *p)
{
    const struct atls_options *o = &p->options;
    const struct atls_profile_limits *limits = o->profile->limits;
    struct atls_relying_party_options relying_party = {
        .verifier_url = o->verifier,
        .trusted = o->trusted,
        .trusted_count = o->trusted_count,
        .accept_tier = o->accept_tier,
        .nonce_size = o->nonce_size,
        .nonces_ahead = o->nonces_ahead,
        .result_max_age = o->result_max_age,
        .clock_offset = o->clock_offset,
        .evidence = limits ? limits->evidence_format : NULL,
        .evidence_in_cmw = limits ? limits->evidence_in_cmw : NULL,
        .constant_nonce = limits ? limits->constant_nonce : NULL,
        .send_constant_nonce = o->variants.nonce != 0,
        .result_cwt = o->results == ATLS_EAR_CWT,
        .result_answers = session_result_answers(&p->party),
        .result_bound =
            o->variants.result_key == ATLS_RESULT_KEY_BOUND && o->variants.bare_token == 0,
        .named_only = o->variants.bare_token != 0,
        .result_unbound = o->variants.result_binding != 0,
        .audience = o->audience,
        .audience_count = o->audience_count,
        .challenge_hashed = o->variants.realm_challenge != 0,
        .pat_alone = o->variants.cab_appraisal == ATLS_CAB_BY_RELYING_PARTY,
        .quote_of_nonce = o->variants.tpm_quote != 0,
        .binder_clause = o->profile->binder_clause,
        .artifacts = o->artifacts};
    return atls_relying_party_new(&relying_party, p->client, p->party.events,
                                  &p->party.relying_party);
}

static int check_chain(const struct program *p)
{
    const struct atls_party *party = &p->party;
    if (atls_carrier_of_party(party)->enrolled && p->options.attester_count > 0 &&
        !party->own.cmw) {
        struct atls_x509_cmw found; /* is not there: why? */
        if (atls_x509_cmw_find(ATLS_BYTES(party->chain[0].cert.data, party->chain[0].cert.size),
                               &found) == ATLS_E_MISSING)
            return ATLS_E_MISSING;
        /* It goes out as it is: what is wrong with it, is for the peer to say. */
        fprintf(stderr, "%s\n", atls_error_text());
    }
    if (p->party.chain_size < 2 && atls_faults_has(p->party.faults, "entry-second", NULL))
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "fault entry-second needs a chain of two certificates");
    return 0;
}

static int start(struct program *p)
{
    const struct atls_options *o = &p->options;
    const char *who = o->side == ATLS_CLIENT ? "client" : "server";
    describe(p);
    int result = atls_carriers_check(&p->party);
    if (result == 0)
        result = atls_events_open(o->events, who, &p->party.events);
    if (result == 0)
        atls_events_in_words(p->party.events, stderr);
    if (result == 0 && o->artifacts)
        result = check_artifacts(o->artifacts);
    if (result == 0 && o->keylog)
        result = atls_keylog_open(o->keylog, &p->party.keylog);
    if (result == 0 && (o->verifier || o->trusted_count > 0))
        result = atls_verifier_client_new(o->verifier_timeout_ms, &p->client);
    if (result == 0 && p->client)
        atls_verifier_client_prefer(p->client, o->results);
    if (result == 0 && (o->verifier_ca || o->verifier_auth) && p->client)
        result = atls_verifier_client_access(
            p->client, &(struct atls_http_access_options){.ca_file = o->verifier_ca,
                                                          .token_file = o->verifier_auth,
                                                          .token_for = o->verifier});
    p->party.client = p->client;
    if (result == 0)
        result = atls_party_start(&p->party, o->certificate, o->key, o->trust_anchors);
    if (result == 0)
        result = check_chain(p);
    /* Inside of a certificate all evidence is there already, and the key may be anywhere. */
    if (result == 0 && o->attester_count > 0 && o->device)
        result = start_attester(p);
    if (result == 0 && o->relying_party_count > 0)
        result = start_relying_party(p);
    return result;
}

/* -errno where the events or the key log are not whole. */
static int stop(struct program *p)
{
    atls_attester_free(p->party.attester);
    atls_relying_party_free(p->party.relying_party);
    atls_party_stop(&p->party);
    atls_verifier_client_free(p->client);
    int keylog = atls_keylog_close(p->party.keylog);
    int events = atls_events_close(p->party.events);
    atls_options_clear(&p->options);
    return events != 0 ? events : keylog;
}

static void check_support(const struct atls_program *program, const struct atls_options *o)
{
    const char *lacks = program->lacks ? program->lacks(o) : NULL;
    if (!lacks)
        return;
    fprintf(stderr, "%s: not supported: %s\n", program->name, lacks);
    exit(ATLS_EXIT_UNSUPPORTED);
}

/* What many cases need: the library looked at, and the HTTP client. Where one of these cannot be
 * had, each case that needs it says so. */
static void warm(const void *context)
{
    const struct atls_stack *stack = context;
    if (stack->check)
        (void)stack->check(true);
    (void)atls_http_warm();
}

int atls_run(const struct atls_program *program, enum atls_side side, int argc, char **argv)
{
    struct program p = {.client = NULL};
    bool complete = false;
    atls_cases_serve(&argc, &argv, warm, program->stack);
    atls_program_start(program->name, side == ATLS_SERVER);
    if (program->version)
        argp_program_version = program->version;
    atls_options_parse(side, argc, argv, &p.options);
    check_support(program, &p.options);
    p.party.stack = program->stack;
    struct atls_endpoint_options endpoint = {.party = &p.party,
                                             .host = p.options.host,
                                             .port = p.options.port,
                                             .connections = p.options.connections,
                                             .timeout = p.options.timeout};
    int result = start(&p);
    endpoint.client = p.client;
    if (result == 0)
        result = atls_endpoint_run(&endpoint, &complete);
    if (result != 0)
        fprintf(stderr, "%s: %s\n", program->name, atls_error_text());
    bool whole = stop(&p) == 0;
    return result == ATLS_E_UNSUPPORTED       ? ATLS_EXIT_UNSUPPORTED
           : result == 0 && complete && whole ? ATLS_EXIT_DONE
                                              : ATLS_EXIT_REFUSED;
}
