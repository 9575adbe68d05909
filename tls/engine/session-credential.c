/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate, CertificateVerify and the verdict. An attester's credential goes out as the one
 * entry of its Certificate and its key signs from where it is, in the device. A relying party reads
 * the peer's credential before the library parses it, leaves the library a key to check
 * CertificateVerify with, and lets the handshake end only with an accepting verdict.
 */
#include "tls/engine/session-internal.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "tls/engine/chain.h"
#include "tls/wire/certificate.h"

#define STOP GNUTLS_E_CERTIFICATE_ERROR

int session_credential_failed(struct atls_session *s, int code)
{
    if (code == ATLS_E_LIMIT)
        return session_fail(s, "nonce-length", -1, NULL, NULL);
    return session_fail(s, atls_attester_reason(s->party->attester), ATLS_ALERT_INTERNAL_ERROR,
                        NULL, NULL);
}

int session_import_key(const uint8_t *spki, size_t size, gnutls_pubkey_t *keyp)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)spki, (unsigned)size};
    int result = gnutls_pubkey_init(keyp);
    return result < 0 ? result : gnutls_pubkey_import(*keyp, &der, GNUTLS_X509_FMT_DER);
}

/* The library chooses the signature algorithm by the key's curve before a result need be there:
 * any key of that curve stands in until then. */
static int stand_in(struct atls_session *s)
{
    gnutls_privkey_t key;
    int result = gnutls_privkey_init(&key);
    if (result < 0)
        return result;
    s->self.presented.type = GNUTLS_CRT_X509;
    result = gnutls_privkey_generate2(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(s->party->curve == ATLS_P384
                                                               ? GNUTLS_ECC_CURVE_SECP384R1
                                                               : GNUTLS_ECC_CURVE_SECP256R1),
                                      0, NULL, 0);
    if (result == 0)
        result = gnutls_pubkey_init(&s->self.presented.pubkey);
    if (result == 0)
        result = gnutls_pubkey_import_privkey(s->self.presented.pubkey, key, 0, 0);
    gnutls_privkey_deinit(key);
    return result;
}

bool session_withholds(const struct atls_session *s)
{
    return atls_faults_has(s->party->faults, "empty-certificate", NULL);
}

/* Presents the credential that is there. */
static void set_credential(struct atls_session *s)
{
    struct own_credential *self = &s->self;
    self->has_credential = true;
    self->signed_with_size = atls_spki_encode(&self->credential.key, self->signed_with);
    session_carrier(s, s->party->side)->present(s);
}

int session_credential_result(struct atls_session *s)
{
    /* Before the first byte it need only be there; who presents it tells of it. */
    struct atls_attester *attester = s->party->attester;
    int result;
    if (s->phase == PREPARING)
        result = atls_attester_renew(attester);
    else if (session_result_answers(s->party) && session_carrier(s, s->party->side)->bound) {
        struct binder binder;
        result = session_bind_self(s, &binder);
        if (result == 0)
            result = atls_attester_bound_result(
                attester, s->conn, ATLS_BYTES(binder.value, binder.size), &s->self.credential);
    } else
        result = atls_attester_result(attester, s->conn, &s->self.credential);
    if (result == ATLS_E_AGAIN)
        return result;
    s->waiting &= ~(unsigned)WAIT_RESULT;
    if (result == 0 && s->phase != PREPARING)
        set_credential(s);
    return result;
}

int session_credential_make(struct atls_session *s)
{
    bool bound = session_carrier(s, s->party->side)->bound;
    struct binder binder;
    int result = bound ? session_bind_self(s, &binder) : 0;
    if (result != 0)
        return session_bind_failed(s, result);
    if (s->self.model == ATLS_MODEL_BACKGROUND_CHECK) {
        struct atls_bytes nonce = s->party->side == ATLS_CLIENT
                                      ? s->hello.selections[ATLS_CLIENT].nonce
                                      : s->hello.offers[ATLS_SERVER].nonce;
        result =
            bound ? atls_attester_bound_evidence(s->party->attester, s->conn,
                                                 ATLS_BYTES(binder.value, binder.size),
                                                 &s->self.credential)
                  : atls_attester_evidence(s->party->attester, s->conn, nonce, &s->self.credential);
        if (result == 0)
            set_credential(s);
    } else {
        result = session_credential_result(s);
    }
    if (result == ATLS_E_AGAIN) {
        s->waiting |= WAIT_RESULT;
        if (!bound && stand_in(s) != 0)
            session_fail(s, "internal", -1, NULL, "no stand-in key");
    } else if (result != 0) {
        session_credential_failed(s, result);
    }
    return !s->failure.reason ? 0 : STOP;
}

void session_credential_clear(struct atls_session *s)
{
    if (s->self.has_credential)
        atls_credential_clear(&s->self.credential);
    if (s->self.presented.pubkey)
        gnutls_pubkey_deinit(s->self.presented.pubkey);
    if (s->self.signer)
        gnutls_privkey_deinit(s->self.signer);
    atls_appraisal_free(s->peer.appraisal);
}

/* The device signs; what comes back as r || s goes out as Ecdsa-Sig-Value. */
static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *context,
                     unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
    struct atls_session *s = context;
    uint8_t rs[ATLS_SIGNATURE_MAX];
    size_t size;
    if (s->self.credential.key_handle == 0) /* no device's */
        return gnutls_privkey_sign_hash2(s->party->key, algorithm, 0, hash, signature);
    int result = atls_attester_sign(s->party->attester, s->self.credential.key_handle,
                                    ATLS_BYTES(hash->data, hash->size), rs, &size);
    if (result != 0) {
        session_credential_failed(s, result == ATLS_E_LIMIT ? ATLS_E_REFUSED : result);
        return GNUTLS_E_PK_SIGN_FAILED;
    }
    gnutls_datum_t r = {rs, (unsigned)size / 2}, v = {rs + size / 2, (unsigned)size / 2};
    return gnutls_encode_rs_value(signature, &r, &v);
}

static int sign_info(gnutls_privkey_t key, unsigned flags, void *context)
{
    struct atls_session *s = context;
    bool p384 = s->self.has_credential ? s->self.credential.key.curve == ATLS_P384
                                       : s->party->curve == ATLS_P384;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return GNUTLS_PK_ECDSA;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return p384 ? 384 : 256;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) {
        gnutls_sign_algorithm_t algorithm = GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
        return p384 ? algorithm == GNUTLS_SIGN_ECDSA_SECP384R1_SHA384 ||
                          algorithm == GNUTLS_SIGN_ECDSA_SHA384
                    : algorithm == GNUTLS_SIGN_ECDSA_SECP256R1_SHA256 ||
                          algorithm == GNUTLS_SIGN_ECDSA_SHA256;
    }
    return -1;
}

int session_credential_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                                gnutls_pcert_st **chain, unsigned *chain_size,
                                gnutls_ocsp_data_st **ocsp, unsigned *ocsp_size,
                                gnutls_privkey_t *key, unsigned *flags)
{
    struct atls_session *s = gnutls_session_get_ptr(tls);
    *ocsp = NULL;
    *ocsp_size = 0;
    *flags = 0; /* the library frees nothing of this */
    const struct atls_carrier *carrier = session_carrier(s, s->party->side);
    if (carrier->enrolled)
        carrier->present(s);
    if (s->self.model == ATLS_MODEL_NONE || carrier->enrolled) {
        if (session_entry_send_unasked(s) != 0)
            return STOP;
        *chain = (gnutls_pcert_st *)(uintptr_t)s->party->chain;
        *chain_size = s->party->chain_size;
        *key = s->party->key;
        return 0;
    }
    /* A client knows its challenge here; a server made its credential with the ClientHello, or
     * makes it when the binder is there. */
    if (!(carrier->bound && s->party->side == ATLS_SERVER) && !s->self.has_credential &&
        s->waiting == 0 && session_credential_make(s) != 0)
        return STOP;
    if (!s->self.signer) {
        if (gnutls_privkey_init(&s->self.signer) < 0 ||
            gnutls_privkey_import_ext4(s->self.signer, s, NULL, sign_hash, NULL, NULL, sign_info,
                                       0) < 0)
            return session_fail(s, "internal", -1, NULL, "no private key object");
    }
    bool none = session_withholds(s) && s->party->side == ATLS_CLIENT;
    if (session_withholds(s))
        report_fault(s, "empty-certificate",
                     none ? "a Certificate without entries" : "a CertificateEntry without bytes");
    *chain = carrier->replaces ? &s->self.presented : (gnutls_pcert_st *)(uintptr_t)s->party->chain;
    *chain_size = none ? 0 : carrier->replaces ? 1 : s->party->chain_size;
    *key = s->self.signer;
    return 0;
}

int session_appraisal_begin(struct atls_session *s, enum atls_model model)
{
    enum atls_side peer = s->party->side == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
    atls_appraisal_free(s->peer.appraisal);
    s->peer.appraisal = NULL;
    int result =
        s->party->profile->nonce
            ? atls_appraisal_begin(s->party->relying_party, s->conn, model, &s->peer.appraisal)
            : atls_appraisal_begin_with_challenge(s->party->relying_party, s->conn, model,
                                                  ATLS_BYTES(NULL, 0), &s->peer.appraisal);
    if (result == 0 && model == ATLS_MODEL_PASSPORT)
        result =
            atls_appraisal_expect_verifier(s->peer.appraisal, s->hello.selections[peer].verifier);
    return result == 0 ? 0 : session_fail(s, "internal", -1, NULL, NULL);
}

static int refuse_by(struct atls_session *s, const struct atls_verdict *verdict)
{
    return session_fail(s, verdict->reason,
                        verdict->verifier_at_fault ? ATLS_ALERT_INTERNAL_ERROR : -1,
                        verdict->clause[0] != '\0' ? verdict->clause : NULL, verdict->detail);
}

int session_appraisal_failed(struct atls_session *s)
{
    struct atls_verdict verdict;
    if (atls_appraisal_verdict(s->peer.appraisal, &verdict) != 0 || verdict.accepted)
        return session_fail(s, "internal", -1, NULL, NULL);
    return refuse_by(s, &verdict);
}

/* A Certificate where X.509 is due: what is not even DER is refused before the library sees it. */
static int plain_received(struct atls_session *s, struct atls_bytes message)
{
    struct atls_certificate_message certificate;
    if (atls_certificate_parse(message, &certificate) != 0 ||
        (certificate.entry_count > 0 && certificate.first.size == 0))
        return session_fail(s, "protocol-error", ATLS_ALERT_DECODE_ERROR, "RFC 8446 section 4.4.2",
                            "a CertificateEntry without a certificate came");
    if (certificate.entry_count == 0 && s->party->side == ATLS_CLIENT) /* a server must have one */
        return session_fail(s, "protocol-error", ATLS_ALERT_DECODE_ERROR,
                            "RFC 8446 section 4.4.2.4", "the Certificate is empty");
    if (certificate.entry_count == 0)
        return session_fail(s, "certificate-untrusted", ATLS_ALERT_CERTIFICATE_REQUIRED,
                            "RFC 8446 section 4.4.2.4", "the Certificate is empty");
    if (certificate.first.data[0] != 0x30)
        return session_fail(s, "certificate-untrusted", -1, NULL,
                            "expected an X.509 certificate, as no attestation was negotiated; "
                            "something else came");
    return 0;
}

/* What a CMW is, as an evidence type: what is in it, or the wrapper itself. */
static bool is_of_type(const struct atls_cmw *cmw, const struct atls_evidence_type *type)
{
    struct atls_evidence_type wrapper = {
        .is_content_format = true,
        .content_format = cmw->serialization == ATLS_CBOR ? ATLS_CF_CMW_CBOR : ATLS_CF_CMW_JSON};
    struct atls_evidence_type inner = {.is_content_format = cmw->type.is_content_format,
                                       .content_format = cmw->type.content_format,
                                       .media_type = cmw->type.media_type};
    wrapper.credential_kind = inner.credential_kind = type->credential_kind;
    return atls_evidence_type_equivalent(&wrapper, type) ||
           (cmw->form != ATLS_CMW_COLLECTION && atls_evidence_type_equivalent(&inner, type));
}

int session_check_type(struct atls_session *s, enum atls_side peer, struct atls_bytes in)
{
    const struct atls_evidence_type *type = &s->hello.selections[peer].type;
    struct atls_cmw *cmw;
    char text[320];
    if (s->party->variants.evidence_type_match == 0 || s->peer.model != ATLS_MODEL_BACKGROUND_CHECK)
        return 0;
    if (atls_cmw_parse(in, &cmw) != 0)
        return session_fail(s, "malformed-cmw", -1, NULL, NULL);
    bool matches = is_of_type(cmw, type);
    atls_cmw_free(cmw);
    if (matches)
        return 0;
    atls_evidence_type_print(type, text, sizeof text);
    (void)atls_fail(ATLS_E_MISMATCH, s->party->profile->clause,
                    "the evidence type that was selected is %s, and the CMW is not of it (H20)",
                    text);
    return session_fail(s, "malformed-cmw", -1, NULL, NULL);
}

int session_credential_received(struct atls_session *s, const struct session_message *message)
{
    enum atls_side peer = s->party->side == ATLS_CLIENT ? ATLS_SERVER : ATLS_CLIENT;
    const struct atls_carrier *carrier = session_carrier(s, peer);
    int result = 0;
    if (s->peer.model == ATLS_MODEL_NONE || !carrier->in_entries)
        result = session_entry_unexpected(s);
    if (result != 0)
        return result;
    return s->peer.model == ATLS_MODEL_NONE
               ? plain_received(s, ATLS_BYTES(message->bytes->data, message->bytes->size))
               : carrier->received(s, message);
}

static int plain_alert(unsigned status)
{
    if (status & GNUTLS_CERT_SIGNER_NOT_FOUND)
        return ATLS_ALERT_UNKNOWN_CA;
    return ATLS_ALERT_BAD_CERTIFICATE;
}

void session_note_peer_key(struct atls_session *s)
{
    unsigned count;
    size_t size = sizeof s->peer.verified_with;
    gnutls_x509_crt_t certificate;
    gnutls_pubkey_t key;
    if (s->peer.verified_with_size > 0 || !s->peer.accepted)
        return;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(s->tls, &count);
    if (!peers || count == 0 || gnutls_x509_crt_init(&certificate) < 0)
        return;
    if (gnutls_x509_crt_import(certificate, peers, GNUTLS_X509_FMT_DER) == 0 &&
        gnutls_pubkey_init(&key) == 0) {
        if (gnutls_pubkey_import_x509(key, certificate, 0) == 0 &&
            gnutls_pubkey_export(key, GNUTLS_X509_FMT_DER, s->peer.verified_with, &size) == 0)
            s->peer.verified_with_size = size; /* larger keys (RSA) are not told */
        gnutls_pubkey_deinit(key);
    }
    gnutls_x509_crt_deinit(certificate);
}

/* The library's own look at the chain, or the shim's, where the library has filler in it. */
static int look_at_chain(struct atls_session *s, unsigned *statusp)
{
    gnutls_typed_vdata_st data[2];
    unsigned count = atls_chain_wanted(s->party, data);
    gnutls_x509_trust_list_t trusted;
    struct atls_entry_shim *shim = session_entry_shim(s);
    if (!shim)
        return gnutls_certificate_verify_peers(s->tls, data, count, statusp);
    gnutls_certificate_get_trust_list(s->party->credentials, &trusted);
    return atls_entry_shim_verify(shim, trusted, data, count, 0, statusp) == 0
               ? 0
               : GNUTLS_E_CERTIFICATE_ERROR;
}

int session_chain_refused(struct atls_session *s, unsigned status)
{
    gnutls_datum_t text = {NULL, 0};
    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    int result = session_fail(s, "certificate-untrusted", plain_alert(status), NULL,
                              text.data ? (const char *)text.data : "not valid");
    gnutls_free(text.data);
    return result;
}

int session_leaf_key_refused(struct atls_session *s, int code)
{
    return code == ATLS_E_UNSUPPORTED
               ? session_fail(s, "certificate-key-unsupported", ATLS_ALERT_UNSUPPORTED_CERTIFICATE,
                              NULL, NULL)
               : session_fail(s, code < 0 ? "internal" : "certificate-untrusted", -1, NULL, NULL);
}

int session_verify_chain(struct atls_session *s)
{
    unsigned status = 0;
    if (!s->party->has_trust_anchors)
        return session_fail(s, "certificate-untrusted", ATLS_ALERT_UNKNOWN_CA, NULL,
                            "X.509 came, and no trust anchors were given");
    int result = look_at_chain(s, &status);
    if (result < 0)
        return session_fail(s, "certificate-untrusted", -1, NULL, gnutls_strerror(result));
    return status == 0 ? 0 : session_chain_refused(s, status);
}

static int verify_plain(struct atls_session *s)
{
    int result = session_verify_chain(s);
    if (result == 0)
        s->peer.accepted = true;
    return result;
}

int session_credential_verify(gnutls_session_t tls)
{
    struct atls_session *s = gnutls_session_get_ptr(tls);
    struct atls_verdict verdict;
    if (s->failure.reason)
        return STOP;
    if (s->waiting & WAIT_RESULT) /* a client's own, which its Certificate is about to carry */
        return GNUTLS_E_AGAIN;
    const struct atls_carrier *carrier = atls_carrier_of_party(s->party);
    if (s->peer.model == ATLS_MODEL_NONE && carrier->judge &&
        s->party->as_relying_party.model_count > 0) {
        int result = carrier->judge(s);
        if (result != 0 || s->peer.accepted)
            return result;
    } else if (s->peer.model == ATLS_MODEL_NONE) {
        return verify_plain(s);
    }
    if (!s->peer.appraisal || s->peer.verified_with_size == 0)
        return session_fail(s, "internal", -1, NULL, "there is nothing to judge the peer by");
    int result = atls_appraisal_verdict(s->peer.appraisal, &verdict);
    if (result == ATLS_E_AGAIN) {
        s->waiting |= WAIT_VERDICT;
        return GNUTLS_E_AGAIN;
    }
    if (result != 0)
        return session_fail(s, "internal", -1, NULL, NULL);
    if (!verdict.accepted)
        return refuse_by(s, &verdict);
    s->peer.accepted = true;
    return 0;
}
