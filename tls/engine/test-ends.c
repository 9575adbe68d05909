/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of a connection in memory. */
#include "tls/engine/test-ends.h"

#include <errno.h>
#include <sys/mman.h>

#include <gnutls/crypto.h>

#include "rats/base/encoding.h"
#include "rats/cmw/cmw-x509.h"
#include "tls/engine/expat.h"
#include "tls/engine/test-story.h"

#define STEPS_MAX 4000

struct test_pki test_pki;
size_t test_room;
const struct atls_stack *test_stack = &atls_stack_gnutls;

static ssize_t push(gnutls_transport_ptr_t transport, const void *data, size_t size)
{
    struct end *end = transport;
    struct pipe *out = end->out;
    if (test_room > 0 && !*end->peer_gone) { /* who is gone is no longer waited for */
        size_t room = test_room - (out->size - out->at);
        if (room == 0) {
            gnutls_transport_set_errno(atls_session_tls(end->session), EAGAIN);
            return -1;
        }
        size = size < room ? size : room;
    }
    out->data = test_grow(out->data, out->size + size);
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

static gnutls_datum_t read_file(const char *name)
{
    uint8_t *data;
    size_t size;
    assert_int_equal(atls_read_file(test_pki_file(&test_pki, name), 1 << 16, &data, &size), 0);
    return (gnutls_datum_t){data, (unsigned)size};
}

static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *context,
                     unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
    struct atls_attester *attester = context;
    uint8_t rs[ATLS_SIGNATURE_MAX];
    size_t size;
    if (atls_attester_sign(attester, test_attester_handle(attester),
                           ATLS_BYTES(hash->data, hash->size), rs, &size) != 0)
        return GNUTLS_E_PK_SIGN_FAILED;
    gnutls_datum_t r = {rs, (unsigned)size / 2}, s = {rs + size / 2, (unsigned)size / 2};
    return gnutls_encode_rs_value(signature, &r, &s);
}

static int sign_info(gnutls_privkey_t key, unsigned flags, void *context)
{
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return GNUTLS_PK_ECDSA;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return test_attester_key(context)->curve == ATLS_P384 ? 384 : 256;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
        return GNUTLS_FLAGS_TO_SIGN_ALGO(flags) == (test_attester_key(context)->curve == ATLS_P384
                                                        ? GNUTLS_SIGN_ECDSA_SECP384R1_SHA384
                                                        : GNUTLS_SIGN_ECDSA_SECP256R1_SHA256);
    return -1;
}

/* What the key's enrolment would have put into the leaf. */
static void add_cmw(gnutls_x509_crt_t leaf, const struct side *side, struct atls_attester *attester,
                    enum atls_model model)
{
    enum atls_cmw_oid oid = side->tcg ? ATLS_CMW_OID_TCG : ATLS_CMW_OID_PE;
    struct atls_credential credential = {.cmw = NULL};
    uint8_t challenge[ATLS_HASH_MAX], *value;
    size_t size;
    if (side->der) {
        assert_int_equal(atls_hex_decode(atls_bytes_of_text(side->der), &value, &size), 0);
    } else {
        assert_int_equal(
            atls_x509_challenge(&atls_crypto_hosted, test_attester_key(attester), challenge, &size),
            0);
        assert_int_equal(
            model == ATLS_MODEL_PASSPORT
                ? atls_attester_result(attester, 0, &credential)
                : atls_attester_evidence(attester, 0, ATLS_BYTES(challenge, size), &credential),
            0);
        assert_int_equal(
            atls_cmw_x509_encode(oid, ATLS_BYTES(credential.cmw, credential.size), &value, &size),
            0);
        atls_credential_clear(&credential);
    }
    if (size > 0)
        assert_int_equal(gnutls_x509_crt_set_extension_by_oid(leaf, atls_cmw_oid_text(oid), value,
                                                              size, side->critical),
                         0);
    free(value);
}

/* A key outside of the attester, of a kind that no evidence names. */
static void use_other_kind(struct atls_party *party, unsigned kind, gnutls_pubkey_t subject)
{
    unsigned bits = kind == GNUTLS_PK_RSA     ? 2048
                    : kind == GNUTLS_PK_ECDSA ? GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1)
                                              : 0;
    assert_int_equal(gnutls_privkey_init(&party->key), 0);
    assert_int_equal(gnutls_privkey_generate(party->key, kind, bits, 0), 0);
    assert_int_equal(gnutls_pubkey_import_privkey(subject, party->key, 0, 0), 0);
}

/* A leaf for the attester's key, issued by the anchor, and the anchor behind it. */
static void present_leaf(struct atls_party *party, const struct side *side)
{
    const struct atls_public_key *key = test_attester_key(party->attester);
    static unsigned char serial[2] = {1, 0};
    static const unsigned char here[4] = {127, 0, 0, 1}, elsewhere[4] = {192, 0, 2, 1};
    const unsigned char *address = side->other_name ? elsewhere : here;
    gnutls_datum_t ca_pem = read_file("ca.pem"), key_pem = read_file("ca.key"), spki;
    gnutls_x509_crt_t ca, leaf;
    gnutls_x509_privkey_t issuer;
    gnutls_pubkey_t subject;
    uint8_t der[ATLS_SPKI_MAX];
    spki = (gnutls_datum_t){der, (unsigned)atls_spki_encode(key, der)};
    assert_int_equal(gnutls_x509_crt_init(&ca), 0);
    assert_int_equal(gnutls_x509_crt_init(&leaf), 0);
    assert_int_equal(gnutls_x509_privkey_init(&issuer), 0);
    assert_int_equal(gnutls_pubkey_init(&subject), 0);
    assert_int_equal(gnutls_x509_crt_import(ca, &ca_pem, GNUTLS_X509_FMT_PEM), 0);
    assert_int_equal(gnutls_x509_privkey_import(issuer, &key_pem, GNUTLS_X509_FMT_PEM), 0);
    if (side->key_kind != GNUTLS_PK_UNKNOWN)
        use_other_kind(party, side->key_kind, subject);
    else
        assert_int_equal(gnutls_pubkey_import(subject, &spki, GNUTLS_X509_FMT_DER), 0);
    assert_int_equal(gnutls_x509_crt_set_version(leaf, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_pubkey(leaf, subject), 0);
    serial[1]++;
    assert_int_equal(gnutls_x509_crt_set_serial(leaf, serial, sizeof serial), 0);
    assert_int_equal(
        gnutls_x509_crt_set_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, "device", 6), 0);
    assert_int_equal(gnutls_x509_crt_set_activation_time(leaf, time(NULL) - 3600), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(leaf, time(NULL) + 86400), 0);
    assert_int_equal(
        gnutls_x509_crt_set_subject_alt_name(leaf, GNUTLS_SAN_IPADDRESS, address, 4, 0), 0);
    if (atls_carrier_of_party(party)->enrolled)
        add_cmw(leaf, side, party->attester, side->attester[0]);
    if (side->unknown_critical) /* of the enterprise number for examples, RFC 5612 */
        assert_int_equal(
            gnutls_x509_crt_set_extension_by_oid(leaf, "1.3.6.1.4.1.32473.1", "\x05\x00", 2, 1), 0);
    assert_int_equal(gnutls_x509_crt_sign2(leaf, ca, issuer, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_pcert_import_x509(&party->chain[0], leaf, 0), 0);
    assert_int_equal(gnutls_pcert_import_x509(&party->chain[1], ca, 0), 0);
    party->chain_size = 2;
    assert_int_equal(atls_party_know_chain(party), 0);
    if (side->key_kind == GNUTLS_PK_UNKNOWN) {
        assert_int_equal(gnutls_privkey_init(&party->key), 0);
        assert_int_equal(gnutls_privkey_import_ext4(party->key, party->attester, NULL, sign_hash,
                                                    NULL, NULL, sign_info, 0),
                         0);
    }
    gnutls_x509_crt_deinit(leaf);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_privkey_deinit(issuer);
    gnutls_pubkey_deinit(subject);
    free(ca_pem.data);
    free(key_pem.data);
}

void open_end(struct end *end, enum atls_side which, const struct side *side, bool p384)
{
    struct atls_party *party = &end->party;
    const char *own = which == ATLS_CLIENT ? "client" : "server";
    char certificate[64], key[64];
    const char *name = side->stranger ? "stranger" : side->other_name ? TEST_PKI_ELSEWHERE : own;
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    party->side = which;
    party->stack = test_stack;
    party->profile = side->profile ? side->profile : &atls_profile_ta_07;
    party->variants = side->variants;
    atls_code_points_default(&party->code_points);
    party->attestation_required = !side->optional;
    party->curve = p384 ? ATLS_P384 : ATLS_P256;
    party->peer_name = which == ATLS_CLIENT ? "127.0.0.1" : NULL;
    party->message = own;
    party->hrr = side->hrr;
    party->reattest = side->reattest;
    party->faults = &end->faults;
    end->fault = side->fault;
    if (side->fault)
        assert_int_equal(atls_faults_add(&end->faults, side->fault), 0);
    assert_int_equal(atls_evidence_type_parse(side->type ? side->type : "cf:273", &end->type), 0);
    end->type.credential_kind =
        side->certificate_kind ? ATLS_KIND_CERT_ATTESTATION : ATLS_KIND_ATTESTATION;
    end->verifier = atls_bytes_of_text(side->verifier ? side->verifier : "v.example");
    set_models(&party->as_attester, side->attester, end);
    set_models(&party->as_relying_party, side->relying_party, end);
    if (party->as_attester.model_count > 0)
        party->attester = test_attester_new(party->curve);
    if (party->as_relying_party.model_count > 0)
        party->relying_party = test_relying_party_new();
    char told[32];
    end->told = side->unheard ? -1 : memfd_create(own, MFD_CLOEXEC);
    assert_true(side->unheard || end->told >= 0);
    snprintf(told, sizeof told, "/proc/self/fd/%d", end->told);
    assert_int_equal(atls_events_open(side->unheard ? NULL : told, own, &party->events), 0);
    bool beside = party->attester && !side->stranger && !side->plain && !side->no_certificate &&
                  (!atls_carrier_of_party(party)->replaces || side->certificate_kind);
    bool none = side->no_certificate || beside;
    assert_int_equal(atls_party_start(party, none ? NULL : test_pki_file(&test_pki, certificate),
                                      none ? NULL : test_pki_file(&test_pki, key),
                                      side->no_anchors ? NULL : test_pki_file(&test_pki, "ca.pem")),
                     0);
    if (beside)
        present_leaf(party, side);
    assert_int_equal(atls_session_new(party, 1, &end->session), 0);
    gnutls_session_t tls = atls_session_tls(end->session);
    gnutls_transport_set_ptr(tls, end);
    gnutls_transport_set_push_function(tls, push);
    gnutls_transport_set_pull_function(tls, pull);
    end->want = ATLS_WANT_READ;
}

void close_end(struct end *end)
{
    unsigned forgotten = test_roles.forgotten;
    atls_session_free(end->session);
    assert_int_equal(test_roles.forgotten - forgotten, end->party.attester ? 1 : 0);
    atls_party_stop(&end->party);
    test_attester_free(end->party.attester);
    test_relying_party_free(end->party.relying_party);
    assert_int_equal(atls_events_close(end->party.events), 0);
    if (end->told >= 0)
        close(end->told);
}

/* What fails says why: what an earlier failure said is no answer. */
#define STALE "the text of an earlier failure"

/* Whoever drives the end waits for what it wants: that must be what it cannot go on without. */
static void check_want(const struct end *end)
{
    const struct atls_expat *x = end->session->expat;
    if (end->session->phase != EXCHANGING || end->want == ATLS_WANT_WRITE)
        return;
    assert_int_equal(x->out.at, x->out.size);
    assert_int_not_equal(x->stage, EXPAT_BEGIN);
    bool waits = x->answering || x->stage == EXPAT_NONCE || x->stage == EXPAT_JUDGING;
    assert_int_equal(end->want == ATLS_WANT_VERIFIER, waits);
}

void step_end(struct end *end)
{
    (void)atls_fail(ATLS_E_MISMATCH, STALE, STALE);
    if (end->want != ATLS_WANT_NOTHING)
        end->want = atls_session_step(end->session);
    check_want(end);
    end->gone = end->want == ATLS_WANT_NOTHING;
}

void pump_ends(struct end *client, struct end *server)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        step_end(client);
        step_end(server);
        if (client->want == ATLS_WANT_NOTHING && server->want == ATLS_WANT_NOTHING) {
            if (client->told >= 0 && server->told >= 0)
                check_stories(client, server);
            return;
        }
    }
}

void check_end(const char *who, const struct end *end, const char *reason, int alert)
{
    const struct failure *failure = &end->session->failure;
    const char *came = failure->reason ? failure->reason : "complete";
    const char *expected = reason ? reason : "complete";
    if (end->want != ATLS_WANT_NOTHING)
        fail_msg("%s: did not end", who);
    if (strcmp(came, expected) != 0)
        fail_msg("%s: expected %s, came %s (%s; %s)", who, expected, came, failure->detail,
                 failure->clause);
    if (strcmp(failure->detail, STALE) == 0 || strcmp(failure->clause, STALE) == 0)
        fail_msg("%s: %s does not say why", who, came);
    assert_int_equal(atls_session_complete(end->session), !reason);
    if (!reason)
        return;
    assert_int_equal(failure->alert, alert);
    bool heard = strcmp(reason, "peer-alert") == 0 || strcmp(reason, "peer-closed") == 0;
    assert_int_equal(failure->alert_received, heard && alert >= 0);
}

static void check_key(const struct atls_session *signer, struct atls_session *verifier)
{
    if (signer->self.model == ATLS_MODEL_NONE)
        return;
    session_note_peer_key(verifier);
    test_same_bytes(ATLS_BYTES(signer->self.signed_with, signer->self.signed_with_size),
                    ATLS_BYTES(verifier->peer.verified_with, verifier->peer.verified_with_size));
}

void check_keys(struct atls_session *client, struct atls_session *server)
{
    check_key(client, server);
    check_key(server, client);
}
