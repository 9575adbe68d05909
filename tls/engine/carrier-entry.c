/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation beside X.509, in an extension of the first CertificateEntry: the hellos are kept for
 * the binder that both sides compute, the credential goes out and comes in where the stack can put
 * and see extensions, and the chain is verified like any other.
 */
#include "tls/engine/carrier-entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"

#define ENTRY_CLAUSE "RFC 8446 section 4.4.2"

bool session_result_answers(const struct atls_party *party)
{
    return party->variants.result_nonce == ATLS_RESULT_REQUIRED ||
           (party->variants.result_nonce == ATLS_RESULT_AS_DRAFTED &&
            party->profile->result_answers);
}

/* Not every library can, and it must work here before anybody is spoken to. */
static int check(const struct atls_party *party)
{
    return party->stack->check ? party->stack->check(atls_carrier_by_kind(party)) : 0;
}

static int prepare(struct atls_session *s)
{
    s->entry = malloc(sizeof *s->entry);
    if (!s->entry)
        return atls_fail(-ENOMEM, NULL, "no memory for the hellos");
    atls_transcript_init(&s->entry->transcript, ATLS_TRANSCRIPT_MAX);
    return 0;
}

static void clear(struct atls_session *s)
{
    if (!s->entry)
        return;
    atls_transcript_clear(&s->entry->transcript);
    free(s->entry);
    s->entry = NULL;
}

static int hello(struct atls_session *s, enum atls_handshake_type type, struct atls_bytes message)
{
    int result = atls_transcript_add(&s->entry->transcript, type, message);
    if (result <= 0)
        return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
    return session_fail(s, "protocol-error",
                        result == ATLS_E_MISMATCH ? ATLS_ALERT_ILLEGAL_PARAMETER
                                                  : ATLS_ALERT_DECODE_ERROR,
                        NULL, NULL);
}

int session_bind(struct atls_session *s, enum atls_side attester,
                 const struct atls_public_key *leaf, struct binder *binderp)
{
    const struct atls_profile *profile = s->party->profile;
    uint8_t spki[ATLS_SPKI_MAX];
    struct atls_bytes secret = {NULL, 0};
    int result = 0;
    if (s->entry && atls_carrier_by_kind(s->party))
        result = session_stack(s)->handshake_secret(s->connection, &secret);
    if (result != 0)
        return result;
    const struct atls_binding binding = {
        .transcript = s->entry ? &s->entry->transcript : NULL,
        .variants = &s->party->variants,
        .attester = attester,
        .spki = ATLS_BYTES(spki, atls_spki_encode(leaf, spki)),
        .nonce = attester == ATLS_CLIENT ? s->hello.selections[attester].nonce
                                         : s->hello.offers[attester].nonce,
        .handshake_secret = secret,
    };
    return profile->bind(&binding, binderp->value, &binderp->size);
}

int session_bind_failed(struct atls_session *s, int code)
{
    return session_fail(s, code == ATLS_E_LIMIT ? "nonce-length" : "internal", -1, NULL, NULL);
}

/* The attester's own binder. */
int session_bind_self(struct atls_session *s, struct binder *binderp)
{
    const struct atls_party *party = s->party;
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size;
    struct atls_public_key leaf;
    if (party->chain_size == 0)
        return atls_fail(ATLS_E_MISSING, party->profile->clause,
                         "expected an X.509 certificate for the identity key, came none");
    int result = atls_party_leaf_spki(party, spki, &size);
    if (result == 0)
        result = atls_spki_decode(ATLS_BYTES(spki, size), &leaf);
    return result == 0 ? session_bind(s, party->side, &leaf, binderp) : result;
}

int session_entry_request(struct atls_session *s)
{
    const struct atls_profile *profile = s->party->profile;
    uint8_t buffer[ATLS_HELLO_BODY_MAX];
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
    if (!profile->write_request || s->peer.model == ATLS_MODEL_NONE)
        return 0;
    int result = profile->write_request(profile, s->hello.selections, &sink);
    const struct atls_entry_extension extension = {
        .type = s->party->code_points.value[profile->entry_extension],
        .payload = ATLS_BYTES(buffer, sink.used)};
    if (result == 0)
        result = session_stack(s)->put_request(s->connection, &extension, 1);
    if (result != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    report_requested(s, "sent", extension.payload);
    return 0;
}

int session_entry_requested(struct atls_session *s, const struct atls_entry_received *list,
                            size_t count)
{
    const struct atls_profile *profile = s->party->profile;
    if (!profile->read_request || count == 0)
        return 0;
    report_requested(s, "received", list[0].payload);
    if (count > 1)
        return session_fail(s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                            "RFC 8446 section 4.2", "an extension is twice in CertificateRequest");
    if (!s->hello.sent[0].present)
        return session_fail(s, "unexpected-selection", ATLS_ALERT_UNSUPPORTED_EXTENSION,
                            "RFC 8446 section 4.2",
                            "an extension came that was not in the ClientHello");
    if (profile->read_request(profile, list[0].payload, s->hello.selections) != 0)
        return session_fail(s, "malformed-extension", -1, NULL, NULL);
    return 0;
}

unsigned session_prefix_size(const struct atls_party *party)
{
    switch ((enum atls_payload_prefix)party->variants.payload_prefix) {
    case ATLS_PREFIX_NONE:
        return 0;
    case ATLS_PREFIX_U16:
        return 2;
    case ATLS_PREFIX_U24:
        return 3;
    case ATLS_PREFIX_AS_DRAFTED:
        break;
    }
    return party->profile->payload_prefix;
}

/* Faults of the extension: where it is, how often, and what is in it. */
static size_t place(struct atls_session *s, struct atls_bytes payload,
                    struct atls_entry_extension extensions[2])
{
    const struct atls_faults *faults = s->party->faults;
    extensions[0] = (struct atls_entry_extension){
        .type = s->party->code_points.value[s->party->profile->entry_extension],
        .payload = payload};
    extensions[1] = extensions[0];
    if (atls_faults_has(faults, "empty-certificate", NULL))
        return 0; /* there is no entry to put it in */
    if (atls_faults_has(faults, "entry-missing", NULL)) {
        report_fault(s, "entry-missing", "no extension in any CertificateEntry");
        return 0;
    }
    if (atls_faults_has(faults, "entry-second", NULL)) {
        report_fault(s, "entry-second", "the extension is in the second CertificateEntry");
        extensions[0].entry = 1;
    }
    if (atls_faults_has(faults, "entry-twice", NULL)) {
        report_fault(s, "entry-twice", "the extension is twice in the first CertificateEntry");
        return 2;
    }
    return 1;
}

static int send_payload(struct atls_session *s, struct atls_bytes payload)
{
    struct atls_entry_extension extensions[2];
    const char *hex;
    uint8_t *forced = NULL;
    size_t size = 0;
    if (atls_faults_has(s->party->faults, "entry-payload", &hex)) {
        if (atls_hex_decode(atls_bytes_of_text(hex), &forced, &size) != 0)
            return session_fail(s, "internal", -1, NULL, NULL);
        payload = ATLS_BYTES(forced, size);
        report_fault(s, "entry-payload", "other bytes in the extension");
    }
    size_t count = place(s, payload, extensions);
    int result = session_stack(s)->put_entries(s->connection, extensions, count);
    free(forced);
    return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
}

static int present(struct atls_session *s)
{
    unsigned prefix = session_prefix_size(s->party);
    size_t size = prefix + s->self.credential.size;
    uint8_t *payload = malloc(size + 1);
    if (!payload)
        return session_fail(s, "internal", -1, NULL, "out of memory");
    struct atls_sink sink = atls_sink_of(payload, size);
    struct atls_bytes cmw = ATLS_BYTES(s->self.credential.cmw, s->self.credential.size), out;
    if (prefix == 0)
        atls_sink_bytes(&sink, cmw);
    else
        atls_sink_vector(&sink, prefix, cmw);
    int result = atls_sink_done(&sink, &out);
    result = result == 0 ? send_payload(s, out) : session_fail(s, "internal", -1, NULL, NULL);
    free(payload);
    return result;
}

int session_entry_send_unasked(struct atls_session *s)
{
    static const uint8_t record[] = {0, 0, 4, 0x82, 0x01, 0x41, 0x00};
    if (!s->entry || s->party->chain_size == 0 ||
        !atls_faults_has(s->party->faults, "entry-unasked", NULL))
        return 0;
    report_fault(s, "entry-unasked", "the extension, though nothing was negotiated");
    return send_payload(s, ATLS_BYTES(record, sizeof record));
}

/* The extension is where it may be, once, and no more than what was agreed on. */
static int find_payload(struct atls_session *s, const struct atls_entry_received *list,
                        size_t count, struct atls_bytes *payloadp)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].entry != 0)
            return session_fail(s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                                s->party->profile->clause,
                                "expected the extension in the first CertificateEntry only, "
                                "it came in another one");
    if (count > 1)
        return session_fail(s, "malformed-extension", ATLS_ALERT_ILLEGAL_PARAMETER,
                            "RFC 8446 section 4.2",
                            "the extension is more than once in a CertificateEntry");
    if (count == 0) {
        int alert = s->party->code_points.value[ATLS_CP_ATTESTATION_FAILED];
        return session_fail(s, "attestation-missing", alert, s->party->profile->clause,
                            "attestation was negotiated, and the first CertificateEntry has no "
                            "extension for it");
    }
    *payloadp = list[0].payload;
    return 0;
}

int session_read_payload(const struct atls_session *s, unsigned prefix, const char *what,
                         const char *name, struct atls_bytes payload, struct atls_bytes *cmwp)
{
    struct atls_cursor c = atls_cursor_of(payload, s->party->profile->clause);
    if (prefix == 0) {
        *cmwp = payload;
        return 0;
    }
    int result = atls_cursor_vector(&c, name, prefix, 1, prefix == 2 ? UINT16_MAX : 0xFFFFFF, cmwp);
    return result == 0 ? atls_cursor_end(&c, what) : result;
}

int session_find_cmw(struct atls_session *s, const char *what, const char *name,
                     struct atls_bytes payload, struct atls_bytes *cmwp)
{
    if (session_read_payload(s, session_prefix_size(s->party), what, name, payload, cmwp) == 0)
        return 0;
    session_fail(s, "malformed-extension", -1, NULL, NULL);
    session_diagnose_payload(s, payload);
    return -1;
}

static int empty_chain(struct atls_session *s)
{
    return session_fail(s, "attestation-missing",
                        s->party->side == ATLS_SERVER ? ATLS_ALERT_CERTIFICATE_REQUIRED
                                                      : ATLS_ALERT_DECODE_ERROR,
                        "RFC 8446 section 4.4.2.4", "the Certificate is empty");
}

int session_appraise(struct atls_session *s, const struct atls_public_key *leaf,
                     struct atls_bytes cmw)
{
    struct atls_appraisal *appraisal = s->peer.appraisal;
    struct atls_public_key attested;
    struct binder binder;
    int result = session_bind(s, session_peer_side(s), leaf, &binder);
    if (result != 0)
        return session_bind_failed(s, result);
    if (atls_appraisal_set_challenge(appraisal, ATLS_BYTES(binder.value, binder.size)) != 0 ||
        atls_appraisal_expect_key(appraisal, leaf) != 0 || session_name_own_keys(s) != 0 ||
        atls_appraisal_credential(appraisal, cmw, &attested) != 0)
        return session_appraisal_failed(s);
    return 0;
}

static int received(struct atls_session *s, const struct session_certificate *certificate)
{
    struct atls_bytes payload = {NULL, 0}, cmw = {NULL, 0};
    struct atls_public_key leaf;
    if (certificate->chain_size == 0)
        return empty_chain(s);
    int result = find_payload(s, certificate->extensions, certificate->extension_count, &payload);
    if (result != 0)
        session_diagnose_entry(s, ATLS_BYTES(certificate->message, certificate->size));
    if (result == 0)
        result =
            session_find_cmw(s, "extension of a CertificateEntry", "cmw_payload", payload, &cmw);
    if (result == 0)
        result = session_verify_chain(s);
    if (result != 0)
        return result;
    result = session_stack(s)->leaf_key(s->connection, &leaf);
    if (result != 0)
        return session_leaf_key_refused(s, result);
    s->peer.verified_with_size = atls_spki_encode(&leaf, s->peer.verified_with);
    result = session_check_type(s, session_peer_side(s), cmw);
    if (result == 0)
        result = session_appraise(s, &leaf, cmw);
    session_diagnose_payload(s, payload);
    return result;
}

const struct atls_carrier atls_carrier_entry = {
    .in_entries = true,
    .negotiated = true,
    .bound = true,
    .check = check,
    .prepare = prepare,
    .clear = clear,
    .hello = hello,
    .present = present,
    .received = received,
};
