/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester of expat-04: answers a request with an authenticator whose first entry has the
 * credential. Its evidence answers the binding of the leaf's key and of this connection's exporter
 * for the request's context. Who has nothing to attest with answers with X.509 alone, or with
 * nothing.
 */
#include "tls/engine/expat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "rats/base/error.h"
#include "tls/wire/binder.h"

#define DRAFT "draft-fossati-seat-expat-04 "
#define ECDSA_P256 0x0403 /* RFC 8446 section 4.2.3 */
#define ECDSA_P384 0x0503
#define RSA_PSS_SHA256 0x0804
#define ED25519 0x0807
#define CONTEXT_SIZE 32
/* Of an entry's only extension: both have 16 bits of length, and it has a head of four bytes. */
#define PAYLOAD_MAX (UINT16_MAX - 4u)

struct answer { /* an identity and what it is made of */
    struct atls_ea_identity identity;
    struct atls_ea_entry entries[ATLS_CHAIN_MAX + 1];
    uint8_t *payload; /* of cmw_attestation, or NULL */
    size_t payload_size;
};

static bool faulty(const struct atls_session *s, const char *name)
{
    return atls_faults_has(s->party->faults, name, NULL);
}

/* The device signs; what comes back as r || s goes out as Ecdsa-Sig-Value. */
static int sign_in_device(void *context, uint16_t scheme, struct atls_bytes content,
                          uint8_t *signaturep, size_t capacity, size_t *sizep)
{
    struct atls_session *s = context;
    enum atls_hash hash = scheme == ECDSA_P384 ? ATLS_SHA384 : ATLS_SHA256;
    uint8_t digest[ATLS_HASH_MAX], rs[ATLS_SIGNATURE_MAX];
    size_t size;
    int result = atls_crypto_hosted.hash(hash, &content, 1, digest);
    if (result == 0)
        result = atls_attester_sign(s->party->attester, s->self.credential.key_handle,
                                    ATLS_BYTES(digest, atls_hash_size(hash)), rs, &size);
    if (result != 0)
        return result == ATLS_E_UNSUPPORTED ? ATLS_E_REFUSED : result;
    gnutls_datum_t r = {rs, (unsigned)size / 2}, v = {rs + size / 2, (unsigned)size / 2}, der;
    if (gnutls_encode_rs_value(&der, &r, &v) < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for a signature");
    if (der.size > capacity) {
        gnutls_free(der.data);
        return atls_fail(ATLS_E_LIMIT, NULL, "a signature of %u bytes", der.size);
    }
    memcpy(signaturep, der.data, der.size);
    *sizep = der.size;
    gnutls_free(der.data);
    return 0;
}

static uint16_t scheme_of(gnutls_pubkey_t key)
{
    gnutls_ecc_curve_t curve;
    unsigned bits;
    int algorithm = gnutls_pubkey_get_pk_algorithm(key, &bits);
    if (algorithm == GNUTLS_PK_EDDSA_ED25519)
        return ED25519;
    if (algorithm != GNUTLS_PK_ECDSA)
        return RSA_PSS_SHA256;
    return gnutls_pubkey_export_ecc_raw2(key, &curve, NULL, NULL, 0) == 0 &&
                   curve == GNUTLS_ECC_CURVE_SECP384R1
               ? ECDSA_P384
               : ECDSA_P256;
}

/* The party's chain, of one certificate at least, and its own key. */
static void plain_identity(const struct atls_party *party, struct answer *answer)
{
    for (unsigned i = 0; i < party->chain_size; i++)
        answer->entries[i].certificate =
            ATLS_BYTES(party->chain[i].cert.data, party->chain[i].cert.size);
    answer->identity = (struct atls_ea_identity){
        .entries = answer->entries,
        .entry_count = party->chain_size,
        .scheme = scheme_of(party->chain[0].pubkey),
        .sign = atls_ea_gnutls_sign,
        .context = party->key,
    };
}

static int put_extension(struct atls_session *s, struct atls_bytes cmw, struct answer *answer)
{
    unsigned prefix = session_prefix_size(s->party);
    size_t place = 0;
    struct atls_bytes payload;
    answer->payload = malloc(prefix + cmw.size + 1);
    if (!answer->payload)
        return atls_fail(-ENOMEM, NULL, "no memory for cmw_attestation");
    struct atls_sink sink = atls_sink_of(answer->payload, prefix + cmw.size);
    if (prefix == 0)
        atls_sink_bytes(&sink, cmw);
    else
        atls_sink_vector(&sink, prefix, cmw);
    int result = atls_sink_done(&sink, &payload);
    if (cmw.size > PAYLOAD_MAX - prefix)
        result = atls_fail(ATLS_E_LIMIT, "RFC 8446 section 4.4.2",
                           "expected a CMW of at most %u bytes, came %zu", PAYLOAD_MAX - prefix,
                           cmw.size);
    if (result != 0)
        return result;
    if (faulty(s, "authenticator-second-entry")) {
        place = 1;
        if (answer->identity.entry_count == 1)
            answer->entries[answer->identity.entry_count++].certificate =
                answer->entries[0].certificate;
        report_fault(s, "authenticator-second-entry", "cmw_attestation is in the second entry");
    }
    answer->entries[place].extensions[0] = (struct atls_ea_extension){
        .type = s->party->code_points.value[s->party->profile->entry_extension], .data = payload};
    answer->entries[place].extension_count = 1;
    return 0;
}

/* As Cocos has it: the credential, and the binding again. */
static int put_cocos_payload(struct atls_session *s, struct atls_bytes cmw, struct answer *answer)
{
    uint8_t spki[ATLS_SPKI_MAX];
    struct expat_cocos own;
    size_t size;
    char *text;
    int result = atls_party_leaf_spki(s->party, spki, &size);
    if (result == 0)
        result = expat_cocos_binder(s, ATLS_BYTES(spki, size), &s->expat->binding, &own);
    if (result == 0)
        result = atls_cocos_payload_write(cmw, &own.binder, &text);
    if (result != 0)
        return result;
    result = put_extension(s, atls_bytes_of_text(text), answer);
    free(text);
    return result;
}

static int attested_identity(struct atls_session *s, struct answer *answer)
{
    plain_identity(s->party, answer);
    if (s->self.credential.key_handle != 0) {
        answer->identity.scheme =
            s->self.credential.key.curve == ATLS_P384 ? ECDSA_P384 : ECDSA_P256;
        answer->identity.sign = sign_in_device;
        answer->identity.context = s;
    }
    struct atls_bytes cmw = ATLS_BYTES(s->self.credential.cmw, s->self.credential.size);
    return s->party->variants.payload != 0 ? put_cocos_payload(s, cmw, answer)
                                           : put_extension(s, cmw, answer);
}

/* authenticator-other-connection: evidence that would do for an exporter of another connection. */
static int bind_elsewhere(struct atls_session *s, struct atls_bytes spki)
{
    uint8_t exported[ATLS_EXPAT_EXPORTED_SIZE];
    int result = atls_crypto_hosted.random(exported, sizeof exported);
    if (result == 0)
        result = atls_expat_binding(&atls_crypto_hosted, s->expat->adapter.hash,
                                    (enum atls_expat_key)s->party->variants.public_key, spki,
                                    ATLS_BYTES(exported, sizeof exported), s->expat->binding.value);
    report_fault(s, "authenticator-other-connection",
                 "the evidence answers the exporter of another connection");
    return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
}

static int bind_evidence(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size;
    if (x->bound)
        return 0;
    if (atls_party_leaf_spki(s->party, spki, &size) != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    int result =
        expat_bind(s, ATLS_BYTES(spki, size), ATLS_BYTES(x->open, x->open_size), &x->binding);
    if (result == 0 && faulty(s, "authenticator-other-connection"))
        result = bind_elsewhere(s, ATLS_BYTES(spki, size));
    x->bound = result == 0;
    return result;
}

static int keep_credential(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    if (!faulty(s, "authenticator-old-evidence"))
        return 0;
    uint8_t *copy = malloc(x->kept ? x->kept_size : s->self.credential.size);
    if (!copy)
        return session_fail(s, "internal", -1, NULL, "no memory for evidence");
    if (!x->kept) {
        memcpy(copy, s->self.credential.cmw, s->self.credential.size);
        x->kept = copy;
        x->kept_size = s->self.credential.size;
        return 0;
    }
    memcpy(copy, x->kept, x->kept_size);
    free(s->self.credential.cmw);
    s->self.credential.cmw = copy;
    s->self.credential.size = x->kept_size;
    report_fault(s, "authenticator-old-evidence", "the evidence is that of the first round");
    return 0;
}

/* Into s->self.credential. ATLS_E_AGAIN, or a failure that is recorded. */
static int make_credential(struct atls_session *s)
{
    struct atls_attester *attester = s->party->attester;
    struct atls_bytes binding;
    int result = bind_evidence(s);
    if (result != 0)
        return result;
    if (s->self.has_credential)
        atls_credential_clear(&s->self.credential);
    s->self.has_credential = false;
    binding = ATLS_BYTES(s->expat->binding.value, s->expat->binding.size);
    if (s->party->as_attester.model[0] == ATLS_MODEL_BACKGROUND_CHECK)
        result = atls_attester_bound_evidence(attester, s->conn, binding, &s->self.credential);
    else if (session_result_answers(s->party))
        result = atls_attester_bound_result(attester, s->conn, binding, &s->self.credential);
    else
        result = atls_attester_result(attester, s->conn, &s->self.credential);
    if (result != 0)
        return result == ATLS_E_AGAIN ? result : session_credential_failed(s, result);
    s->self.has_credential = true;
    s->self.model = s->party->as_attester.model[0];
    s->self.signed_with_size = atls_spki_encode(&s->self.credential.key, s->self.signed_with);
    return keep_credential(s);
}

static int send_authenticator(struct atls_session *s, struct atls_bytes context, uint8_t *bytes,
                              size_t size)
{
    bool empty = bytes[0] == ATLS_EA_FINISHED;
    if (faulty(s, "authenticator-finished")) {
        bytes[size - 1] ^= 1; /* verify_data is the last of it */
        report_fault(s, "authenticator-finished", "one bit of Finished is flipped");
    }
    expat_report(s, "sent", empty ? "empty" : "authenticator", s->expat->requests, context, size);
    int result = expat_send(s, ATLS_FRAME_AUTHENTICATOR, ATLS_BYTES(bytes, size));
    if (result == 0 && faulty(s, "authenticator-context-reuse")) {
        report_fault(s, "authenticator-context-reuse", "the authenticator is sent twice");
        result = expat_send(s, ATLS_FRAME_AUTHENTICATOR, ATLS_BYTES(bytes, size));
    }
    return result;
}

static int make_answer(struct atls_session *s, struct atls_bytes context, uint8_t **bytesp,
                       size_t *sizep)
{
    struct atls_expat *x = s->expat;
    struct answer answer = {.payload = NULL};
    bool later = x->requests > 1 && faulty(s, "authenticator-empty-later");
    bool none = s->party->chain_size == 0 || faulty(s, "empty-certificate") || later;
    int result = 0;
    if (later)
        report_fault(s, "authenticator-empty-later", "an empty authenticator in a later round");
    if (faulty(s, "empty-certificate"))
        report_fault(s, "empty-certificate", "an empty authenticator");
    if (!none && x->attests)
        result = attested_identity(s, &answer);
    else if (!none)
        plain_identity(s->party, &answer);
    if (result == 0)
        result = atls_ea_answer(&x->ea, context, none ? NULL : &answer.identity, bytesp, sizep);
    if (result == ATLS_E_UNSUPPORTED && !none) /* no scheme that the peer takes */
        result = atls_ea_answer(&x->ea, context, NULL, bytesp, sizep);
    free(answer.payload);
    return result;
}

bool expat_answer(struct atls_session *s)
{
    struct atls_expat *x = s->expat;
    struct atls_bytes context = ATLS_BYTES(x->open, x->open_size);
    uint8_t *bytes;
    size_t size;
    if (!x->answering)
        return false;
    int result = x->attests ? make_credential(s) : 0;
    if (s->failure.reason || result == ATLS_E_AGAIN)
        return !s->failure.reason;
    x->answering = false;
    result = make_answer(s, context, &bytes, &size);
    if (result != 0) {
        bool device = result == ATLS_E_REFUSED || result == ATLS_E_UNAVAILABLE;
        if (device)
            session_credential_failed(s, result);
        else
            session_fail(s, "internal", -1, NULL, NULL);
        return false;
    }
    send_authenticator(s, context, bytes, size);
    free(bytes);
    return false;
}

/* The relying party may ask by another number; if it then ends the connection, this is why. */
static void note_number(struct atls_session *s, const struct atls_ea_request *request)
{
    struct atls_diagnosis d = {.of = ATLS_WRONG_EXTENSION};
    for (size_t i = 0; d.count == 0 && i < request->extension_count; i++)
        if (session_recognize_number(s, request->extensions[i].type, &d))
            session_diagnose(s, &d);
}

int expat_requested(struct atls_session *s, struct atls_bytes request)
{
    struct atls_expat *x = s->expat;
    const struct atls_party *party = s->party;
    struct atls_ea_request parsed;
    struct atls_bytes data;
    int result = atls_ea_take_request(&x->ea, request, &parsed);
    if (result != 0)
        return expat_refuse(s, result);
    expat_report(s, "received", "request", ++x->requests, parsed.context, request.size);
    if (x->answering)
        return session_fail(s, "malformed-authenticator", ATLS_ALERT_UNEXPECTED_MESSAGE,
                            "harness/peers/README.md, frames of expat-04",
                            "a request came while the one before it was open");
    bool asked =
        atls_ea_requested(&parsed, party->code_points.value[party->profile->entry_extension],
                          &data) == 0;
    if (asked && data.size > 0 && party->as_attester.model_count > 0) {
        atls_fail(ATLS_E_MALFORMED, DRAFT "section 3.1",
                  "cmw_attestation of a request: expected no bytes, came %zu", data.size);
        return session_fail(s, "malformed-extension", -1, NULL, NULL);
    }
    if (parsed.context.size > 0)
        memcpy(x->open, parsed.context.data, parsed.context.size);
    x->open_size = parsed.context.size;
    if (!asked && party->as_attester.model_count > 0)
        note_number(s, &parsed);
    x->attests = asked && party->as_attester.model_count > 0 && party->chain_size > 0;
    x->answering = true;
    x->bound = false;
    return 0;
}

int expat_volunteer(struct atls_session *s)
{
    static const uint8_t record[] = {0x82, 0x01, 0x41, 0x00}; /* a CMW: [1, h'00'] */
    uint8_t bytes[CONTEXT_SIZE], *made;
    struct atls_bytes context = ATLS_BYTES(bytes, sizeof bytes);
    struct answer answer = {.payload = NULL};
    size_t size;
    if (s->party->chain_size == 0)
        return session_fail(s, "internal", -1, "", "there is no certificate to volunteer");
    plain_identity(s->party, &answer);
    int result = atls_crypto_hosted.random(bytes, sizeof bytes);
    if (result == 0)
        result = put_extension(s, ATLS_BYTES(record, sizeof record), &answer);
    s->expat->ea.lax = true; /* RFC 9261 forbids it to clients, and this extension to servers */
    if (result == 0)
        result = atls_ea_volunteer(&s->expat->ea, context, &answer.identity, &made, &size);
    s->expat->ea.lax = false;
    free(answer.payload);
    if (result != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    report_fault(s, "authenticator-unsolicited", "an authenticator that nobody asked for");
    expat_report(s, "sent", "authenticator", 0, context, size);
    result = expat_send(s, ATLS_FRAME_AUTHENTICATOR, ATLS_BYTES(made, size));
    free(made);
    return result;
}
