/* SPDX-License-Identifier: Apache-2.0 */
/* A party as the programs make theirs, with keys made on the spot instead of files. */
#include "tls/bench/side.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "tls/bench/local-verifier.h"
#include "tls/engine/session-internal.h"
#include "tls/gnutls/stack.h"
#include "tls/keys/device-key.h"

#define DEVICE_TIMEOUT_MS 20000
#define WAIT_MS 20000
#define VERIFIER_ID "verifier.example"
#define RESULT_MAX_AGE 3600
#define NONCE_SIZE 32
#define NONCES_AHEAD 4

static struct atls_abilities abilities(struct bench_side *side, enum atls_model model)
{
    return (struct atls_abilities){.model = {model},
                                   .model_count = 1,
                                   .types = &side->type,
                                   .type_count = 1,
                                   .verifiers = &side->verifier_id,
                                   .verifier_count = 1};
}

static void describe(struct bench_side *side, const struct bench_mode *mode, enum atls_side which)
{
    struct atls_party *party = &side->party;
    atls_code_points_default(&party->code_points);
    side->verifier_id = atls_bytes_of_text(VERIFIER_ID);
    party->side = which;
    party->stack = &atls_stack_gnutls;
    party->profile = mode->profile;
    party->attestation_required = true;
    party->remembers_chains = mode->known && which == ATLS_SERVER;
    party->curve = mode->curve;
    party->faults = &side->faults;
    party->peer_name = which == ATLS_CLIENT ? "127.0.0.1" : NULL;
    party->message = which == ATLS_CLIENT ? "hello from client" : "hello from server";
    if (mode->attested[which])
        party->as_attester = abilities(side, mode->model);
    if (mode->attested[1 - which])
        party->as_relying_party = abilities(side, mode->model);
}

static int open_device(struct bench_side *side, const struct bench_mode *mode, uint64_t seed,
                       struct atls_public_key *keyp)
{
    const char *address = side->world->device[side->party.side];
    int result = 0;
    if (!address) {
        snprintf(side->address, sizeof side->address, "inproc:%" PRIu64 ":%u", seed,
                 mode->components);
        if (side->world->verifier)
            result = bench_verifier_endorse(side->world->verifier, seed, mode->components);
    } else {
        snprintf(side->address, sizeof side->address, "%s", address);
    }
    if (result == 0)
        result = atls_device_open(side->address, DEVICE_TIMEOUT_MS, &side->device);
    if (result == 0)
        result = atls_device_create_key(side->device, mode->curve, &side->handle, keyp);
    /* The attester and the certificate's key use it over connections of their own. */
    return result == 0 ? atls_device_keep_key(side->device, side->handle) : result;
}

/* The CMW that goes into the certificate, where the profile puts it there. */
static int make_cmw(struct bench_side *side, const struct bench_mode *mode,
                    const struct atls_public_key *key, struct atls_credential *credentialp)
{
    uint8_t challenge[ATLS_HASH_MAX];
    size_t size;
    int result = atls_x509_challenge(&atls_crypto_hosted, key, challenge, &size);
    if (result != 0)
        return result;
    if (mode->model == ATLS_MODEL_BACKGROUND_CHECK)
        return atls_attester_bound_evidence(side->party.attester, 0, ATLS_BYTES(challenge, size),
                                            credentialp);
    while ((result = atls_attester_result(side->party.attester, 0, credentialp)) == ATLS_E_AGAIN)
        if ((result = atls_verifier_client_poll(side->world->client, NULL, 0, WAIT_MS)) != 0)
            break;
    return result;
}

static int enrol(struct bench_side *side, const struct bench_mode *mode,
                 const struct atls_public_key *key)
{
    struct atls_party *party = &side->party;
    struct atls_credential credential = {.cmw = NULL};
    int result = 0;
    if (atls_carrier_of_party(party)->enrolled)
        result = make_cmw(side, mode, key, &credential);
    if (result == 0)
        result = bench_leaf(&side->world->ca, key, ATLS_BYTES(credential.cmw, credential.size),
                            &party->chain[0]);
    side->credential_size = credential.size;
    atls_credential_clear(&credential);
    if (result != 0)
        return result;
    party->chain_size = 1;
    party->device = side->address;
    party->device_timeout_ms = DEVICE_TIMEOUT_MS;
    result = atls_party_know_chain(party);
    if (result == 0)
        result = atls_device_key_open(side->address, DEVICE_TIMEOUT_MS, side->handle, key,
                                      &party->device_key);
    return result == 0 ? atls_device_key_import(party->device_key, &party->key) : result;
}

static int start_attester(struct bench_side *side, const struct bench_mode *mode, uint64_t seed)
{
    struct atls_public_key key;
    int result = open_device(side, mode, seed, &key);
    if (result != 0)
        return result;
    struct atls_attester_options options = {.device = side->address,
                                            .device_timeout_ms = DEVICE_TIMEOUT_MS,
                                            .curve = mode->curve,
                                            .evidence_format = mode->format,
                                            .key_handle = side->handle,
                                            .key = key,
                                            .verifier_url = side->world->verifier_url,
                                            .result_max_age = RESULT_MAX_AGE,
                                            .faults = &side->faults};
    result =
        atls_attester_new(&options, side->world->client, side->party.events, &side->party.attester);
    bool beside = !atls_carrier_of_party(&side->party)->replaces || mode->certificate;
    return result == 0 && beside ? enrol(side, mode, &key) : result;
}

static int start_relying_party(struct bench_side *side, const struct bench_mode *mode)
{
    side->trusted = (struct atls_trusted_verifier){VERIFIER_ID, side->world->verifier_url};
    struct atls_relying_party_options options = {.verifier_url = side->world->verifier_url,
                                                 .trusted = &side->trusted,
                                                 .trusted_count = 1,
                                                 .accept_tier = ATLS_TIER_AFFIRMING,
                                                 .nonce_size = NONCE_SIZE,
                                                 .nonces_ahead = mode->ahead ? NONCES_AHEAD : 0,
                                                 .result_max_age = RESULT_MAX_AGE,
                                                 .result_cwt = mode->cwt,
                                                 .result_answers =
                                                     session_result_answers(&side->party),
                                                 .binder_clause = mode->profile->binder_clause};
    return atls_relying_party_new(&options, side->world->client, side->party.events,
                                  &side->party.relying_party);
}

int bench_side_start(struct bench_world *world, const struct bench_mode *mode, enum atls_side which,
                     uint64_t seed, struct bench_side *side)
{
    struct atls_party *party = &side->party;
    memset(side, 0, sizeof *side);
    side->world = world;
    atls_verifier_client_prefer(world->client, mode->cwt ? ATLS_EAR_CWT : ATLS_EAR_JWT);
    /* A server that trusts nobody asks for no certificate. */
    bool trusts = which == ATLS_CLIENT || mode->attested[ATLS_CLIENT];
    int result = atls_evidence_type_parse("cf:273", &side->type);
    side->type.credential_kind =
        mode->certificate ? ATLS_KIND_CERT_ATTESTATION : ATLS_KIND_ATTESTATION;
    describe(side, mode, which);
    if (result == 0)
        result = atls_carriers_check(party);
    if (result == 0)
        result = atls_events_open(NULL, which == ATLS_CLIENT ? "client" : "server", &party->events);
    if (result == 0)
        result = atls_party_start(party, NULL, NULL, trusts ? side->world->anchors : NULL);
    if (result == 0 && mode->attested[which])
        result = start_attester(side, mode, seed);
    else if (result == 0 && which == ATLS_SERVER) { /* X.509, as every server has it */
        result = bench_leaf_with_key(&side->world->ca, mode->curve, &party->chain[0], &party->key);
        party->chain_size = result == 0;
    }
    if (result == 0 && party->as_relying_party.model_count > 0)
        result = start_relying_party(side, mode);
    return result;
}

void bench_side_stop(struct bench_side *side)
{
    atls_attester_free(side->party.attester);
    atls_relying_party_free(side->party.relying_party);
    atls_party_stop(&side->party);
    if (side->device) {
        if (side->handle != 0)
            atls_device_destroy_key(side->device, side->handle);
        atls_device_close(side->device);
    }
    atls_events_close(side->party.events);
}
