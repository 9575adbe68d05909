/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Negotiation: the offers are settled where the whole ClientHello (a server) or all of
 * EncryptedExtensions (a client) is known.
 */
#include "tls/engine/session-internal.h"

#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"

static int keep_body(struct hello_body *body, struct atls_bytes bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    if (!copy)
        return -1;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    free(body->data);
    *body = (struct hello_body){.data = copy, .size = bytes.size, .present = true};
    return 0;
}

void session_hello_clear(struct atls_session *s)
{
    for (size_t i = 0; i < ATLS_PROFILE_EXTENSIONS_MAX; i++) {
        free(s->hello.sent[i].data);
        free(s->hello.received[i].data);
    }
}

/* extension=NAME:HEX: is it about extension I, and then what body does it want? */
static bool forced_body(const struct atls_session *s, size_t i, struct atls_bytes *hexp)
{
    const char *value;
    const char *name = atls_code_point_name(s->party->profile->extensions[i]);
    size_t size = strlen(name);
    if (!atls_faults_has(s->party->faults, "extension", &value) || !value ||
        strncmp(value, name, size) != 0 || value[size] != ':')
        return false;
    if (hexp)
        *hexp = atls_bytes_of_text(value + size + 1);
    return true;
}

/* Bodies for what is to be said: offers by a client, selections by a server. */
static int build_bodies(struct atls_session *s)
{
    const struct atls_profile *profile = s->party->profile;
    s->hello.built = true;
    for (size_t i = 0; i < profile->extension_count; i++) {
        uint8_t buffer[ATLS_PROFILE_BODY_MAX];
        struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
        struct atls_bytes body, hex;
        int result =
            s->party->side == ATLS_CLIENT
                ? profile->write_offer(profile, profile->extensions[i], s->hello.offers, &sink)
                : profile->write_selection(profile, profile->extensions[i], s->hello.selections,
                                           &sink);
        if (result != 0)
            return session_fail(s, "internal", -1, NULL, NULL);
        if (forced_body(s, i, &hex)) {
            uint8_t *data;
            size_t size;
            if (atls_hex_decode(hex, &data, &size) != 0)
                return session_fail(s, "internal", -1, NULL, NULL);
            s->hello.sent[i] = (struct hello_body){.data = data, .size = size, .present = true};
            report_fault(s, "extension", atls_code_point_name(profile->extensions[i]));
        } else if (atls_sink_done(&sink, &body) == 0 && body.size > 0) {
            if (keep_body(&s->hello.sent[i], body) != 0)
                return session_fail(s, "internal", -1, NULL, "out of memory");
        }
    }
    return 0;
}

/* nonce-length=N: the challenge cut short or drawn out. */
static struct atls_bytes challenge_to_send(struct atls_session *s, struct atls_bytes challenge)
{
    const char *value;
    if (!atls_faults_has(s->party->faults, "nonce-length", &value) || !value)
        return challenge;
    size_t size = (size_t)strtoul(value, NULL, 10);
    size = size < sizeof s->hello.faulty_nonce ? size : sizeof s->hello.faulty_nonce;
    for (size_t i = 0; i < size; i++)
        s->hello.faulty_nonce[i] =
            challenge.size > 0 ? challenge.data[i % challenge.size] : (uint8_t)i;
    report_fault(s, "nonce-length", value);
    return ATLS_BYTES(s->hello.faulty_nonce, size);
}

int session_hello_offer(struct atls_session *s)
{
    struct atls_bytes nonce = {NULL, 0};
    if (s->party->profile->nonce &&
        atls_abilities_have(&s->hello.as_relying_party, ATLS_MODEL_BACKGROUND_CHECK))
        nonce = challenge_to_send(s, s->peer.challenge);
    atls_negotiate_offer(&s->hello.as_attester, ATLS_BYTES(NULL, 0), &s->hello.offers[ATLS_CLIENT]);
    atls_negotiate_offer(&s->hello.as_relying_party, nonce, &s->hello.offers[ATLS_SERVER]);
    return build_bodies(s);
}

/* What a received extension says. An offer must be the same in both ClientHellos. */
int session_hello_body(struct atls_session *s, size_t i, struct atls_bytes in)
{
    const struct atls_profile *profile = s->party->profile;
    struct hello_body *body = &s->hello.received[i];
    if (s->party->side == ATLS_SERVER && s->hello.count > 1) {
        body->repeated = true;
        if (!body->present || !atls_bytes_equal(ATLS_BYTES(body->data, body->size), in))
            return session_fail(s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                                "RFC 8446 section 4.1.2",
                                "the second ClientHello has another body of this extension");
        return 0;
    }
    if (keep_body(body, in) != 0)
        return session_fail(s, "internal", -1, NULL, "out of memory");
    if (s->party->side == ATLS_CLIENT && !s->hello.sent[i].present)
        return session_fail(s, "unexpected-selection", ATLS_ALERT_UNSUPPORTED_EXTENSION,
                            "RFC 8446 section 4.2",
                            "an extension came that was not in the ClientHello");
    in = ATLS_BYTES(body->data, body->size);
    int result =
        s->party->side == ATLS_CLIENT
            ? profile->read_selection(profile, profile->extensions[i], in, s->hello.selections)
            : profile->read_offer(profile, profile->extensions[i], in, s->hello.offers);
    if (result == 0)
        return 0;
    session_fail(s,
                 result == ATLS_E_LIMIT         ? "nonce-length"
                 : result == ATLS_E_UNSUPPORTED ? "no-common-evidence-type"
                                                : "malformed-extension",
                 -1, NULL, NULL);
    session_diagnose_hello(s, i, in);
    return -1;
}

bool session_hello_forced(const struct atls_session *s, size_t i)
{
    return forced_body(s, i, NULL);
}

const struct hello_body *session_hello_own(struct atls_session *s, size_t i)
{
    return s->hello.built || build_bodies(s) == 0 ? &s->hello.sent[i] : NULL;
}

/* select-unoffered: an element that is none of the client's. */
static void misselect(struct atls_session *s)
{
    static const char unoffered[] = "verifier-that-nobody-offered";
    if (!atls_faults_has(s->party->faults, "select-unoffered", NULL))
        return;
    for (size_t side = 0; side < 2; side++) {
        struct atls_selection *selection = &s->hello.selections[side];
        if (selection->has_evidence) {
            selection->type =
                (struct atls_evidence_type){.is_content_format = true, .content_format = 64999};
            report_fault(s, "select-unoffered", "evidence type cf:64999");
        } else if (selection->has_result) {
            selection->verifier = ATLS_BYTES(unoffered, sizeof unoffered - 1);
            report_fault(s, "select-unoffered", unoffered);
        }
    }
}

static int repeated_whole(struct atls_session *s)
{
    for (size_t i = 0; i < s->party->profile->extension_count; i++)
        if (s->hello.received[i].present && !s->hello.received[i].repeated)
            return session_fail(s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                                "RFC 8446 section 4.1.2",
                                "the second ClientHello leaves out an extension of the first");
    return 0;
}

/* Attestation of the peer is required, and hellos have to bring it about. */
static bool must_negotiate(const struct atls_party *party)
{
    return party->as_relying_party.model_count > 0 && party->attestation_required &&
           atls_carrier_of_party(party)->negotiated;
}

bool session_asks(const struct atls_session *s)
{
    const struct atls_party *party = s->party;
    /* An authenticator brings its own X.509; where that may be missing, the handshake has it. */
    bool later = atls_carrier_of_party(party)->after_handshake &&
                 party->as_relying_party.model_count > 0 && party->attestation_required;
    return !later && (party->as_relying_party.model_count > 0 || party->has_trust_anchors);
}

/* The server as relying party: chooses how the client attests. */
static int select_peer(struct atls_session *s)
{
    const struct atls_party *party = s->party;
    const char *reason;
    int result = atls_negotiate_select(&party->as_relying_party, &s->hello.offers[ATLS_CLIENT],
                                       &s->hello.selections[ATLS_CLIENT], &reason);
    bool omit = party->variants.no_common != 0; /* H12 */
    if (result != 0 && party->attestation_required && !omit)
        return session_refuse(s, reason);
    s->peer.model = atls_selection_model(&s->hello.selections[ATLS_CLIENT]);
    if (must_negotiate(party) && s->peer.model == ATLS_MODEL_NONE)
        return session_fail(s, "attestation-missing", -1, NULL,
                            "attestation is required of the client, which proposes none");
    bool ask = session_asks(s);
    session_stack(s)->request_certificate(s->connection, ask);
    s->peer.accepted = !ask;
    return 0;
}

/* The server as attester: chooses how it attests. */
static int select_self(struct atls_session *s)
{
    const char *reason;
    if (atls_negotiate_select(&s->party->as_attester, &s->hello.offers[ATLS_SERVER],
                              &s->hello.selections[ATLS_SERVER], &reason) != 0 &&
        s->party->variants.no_common == 0)
        return session_refuse(s, reason);
    s->self.model = atls_selection_model(&s->hello.selections[ATLS_SERVER]);
    if (s->self.model == ATLS_MODEL_NONE && s->party->chain_size == 0)
        return session_fail(s, "attestation-missing", -1, NULL,
                            "the server has no X.509 credential for a client that asks for no "
                            "attestation");
    return 0;
}

int session_client_hello(struct atls_session *s)
{
    report_offer(s, "received", s->hello.received);
    if (s->hello.settled)
        return repeated_whole(s);
    s->hello.settled = true;
    int result = select_peer(s);
    if (result == 0)
        result = select_self(s);
    if (result != 0)
        return result;
    report_negotiated(s);
    /* What answers a binder is made once there is one: behind EncryptedExtensions. */
    if (s->self.model != ATLS_MODEL_NONE && !session_carrier(s, ATLS_SERVER)->bound)
        result = session_credential_make(s);
    if (result == 0 && s->peer.model != ATLS_MODEL_NONE)
        result = session_appraisal_begin(s, s->peer.model);
    if (result == 0 && s->peer.model == ATLS_MODEL_BACKGROUND_CHECK && s->party->profile->nonce)
        s->waiting |= WAIT_CHALLENGE;
    misselect(s);
    return result == 0 ? session_entry_request(s) : result;
}

/* The client knows all answers once the message behind EncryptedExtensions comes. */
int session_answered(struct atls_session *s)
{
    if (s->hello.settled)
        return 0;
    s->hello.settled = true;
    report_selected(s, "received", s->hello.received);
    for (size_t side = 0; side < 2; side++)
        if (atls_negotiate_check(&s->hello.offers[side], &s->hello.selections[side]) != 0)
            return session_refuse(s, "unexpected-selection");
    s->self.model = atls_selection_model(&s->hello.selections[ATLS_CLIENT]);
    s->peer.model = atls_selection_model(&s->hello.selections[ATLS_SERVER]);
    if (must_negotiate(s->party) && s->peer.model == ATLS_MODEL_NONE)
        return session_fail(s, "attestation-missing", -1, NULL,
                            "attestation is required of the server, which selects none");
    report_negotiated(s);
    /* A background check with a nonce began before the first byte. */
    if (s->peer.model == ATLS_MODEL_PASSPORT ||
        (s->peer.model == ATLS_MODEL_BACKGROUND_CHECK && !s->party->profile->nonce))
        return session_appraisal_begin(s, s->peer.model);
    return 0;
}

int session_requested(struct atls_session *s, const struct atls_entry_received *list, size_t count)
{
    int result = session_entry_requested(s, list, count);
    return result == 0 ? session_answered(s) : result;
}

int session_not_requested(struct atls_session *s)
{
    return s->self.model == ATLS_MODEL_NONE
               ? 0
               : session_fail(s, "unexpected-selection", -1, NULL,
                              "attestation of the client was selected without a "
                              "CertificateRequest");
}

int session_selected(struct atls_session *s)
{
    report_selected(s, "sent", s->hello.sent);
    if (s->self.model == ATLS_MODEL_NONE || !session_carrier(s, ATLS_SERVER)->bound)
        return 0;
    int result = session_credential_make(s);
    return result == 0 ? session_pause(s) : result;
}

int session_hello_challenge(struct atls_session *s)
{
    struct atls_bytes nonce;
    int result = atls_appraisal_challenge(s->peer.appraisal, &nonce);
    if (result == ATLS_E_AGAIN)
        return result;
    s->waiting &= ~(unsigned)WAIT_CHALLENGE;
    if (result != 0)
        return result;
    s->peer.challenge = nonce;
    if (s->party->side == ATLS_SERVER)
        s->hello.selections[ATLS_CLIENT].nonce = challenge_to_send(s, nonce);
    return 0;
}

int session_hello_message(struct atls_session *s, enum atls_handshake_type type,
                          struct atls_bytes message)
{
    s->hello.hrr = s->hello.hrr || type == ATLS_HS_HELLO_RETRY_REQUEST;
    if (type == ATLS_HS_CLIENT_HELLO)
        s->hello.count++;
    session_note_shares(s, type, message);
    int result = session_carriers_hello(s, type, message);
    if (type == ATLS_HS_CLIENT_HELLO && s->party->side == ATLS_CLIENT)
        report_offer(s, "sent", s->hello.sent);
    return result;
}
