/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain of x509-cmw with real processes: a device makes and attests a key, atls-enroll asks for
 * its certificate, an authority signs what was asked for, and a relying party has the evidence in
 * the certificate appraised by the verifier. ATLS_DEVICE, ATLS_VERIFIER and ATLS_ENROLL name the
 * programs.
 */
#include "roles/test-process.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw-x509.h"
#include "roles/relying-party.h"
#include "roles/test-party.h"
#include "tls/keys/device-key.h"
#include "tls/keys/software-key.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define VERIFIER_ID "verifier.example"
#define MORE_MAX 12
#define GOOD(call) assert_true((call) >= 0)

struct fixture {
    struct test_party party;
    char corim[96], csr[96], key_file[96], device_address[128], second_address[128],
        verifier_url[64];
    struct test_process device, second, verifier;
    gnutls_x509_privkey_t authority_key;
    gnutls_x509_crt_t authority;
    struct atls_verifier_client *client;
    struct atls_trusted_verifier trusted;
    struct atls_relying_party_options options;
};

static void make_authority(struct fixture *f)
{
    GOOD(gnutls_x509_privkey_init(&f->authority_key));
    GOOD(gnutls_x509_privkey_generate(f->authority_key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    GOOD(gnutls_x509_crt_init(&f->authority));
    GOOD(gnutls_x509_crt_set_version(f->authority, 3));
    GOOD(gnutls_x509_crt_set_serial(f->authority, "\x01", 1));
    GOOD(gnutls_x509_crt_set_dn(f->authority, "CN=authority", NULL));
    GOOD(gnutls_x509_crt_set_activation_time(f->authority, time(NULL) - 60));
    GOOD(gnutls_x509_crt_set_expiration_time(f->authority, time(NULL) + 3600));
    GOOD(gnutls_x509_crt_set_key(f->authority, f->authority_key));
    GOOD(gnutls_x509_crt_set_ca_status(f->authority, 1));
    GOOD(gnutls_x509_crt_sign2(f->authority, f->authority, f->authority_key, GNUTLS_DIG_SHA256, 0));
}

static void start_device(const char *address, const char *seed, struct test_process *process)
{
    const char *arguments[] = {"--events", "-", "--listen", address, "--seed", seed, NULL};
    char text[128];

    test_process_start(test_program("ATLS_DEVICE"), arguments, process);
    test_process_await(process, "ready", "address", text, sizeof text);
}

static void start_parties(struct fixture *f)
{
    const char *provision[] = {"provision", "--seed", "11", "--output", f->corim, NULL};
    const char *verifier[] = {
        "--events", "-",          "--listen",  "127.0.0.1:0", "--endorsements",
        f->corim,   "--identity", VERIFIER_ID, NULL};
    struct test_process process;
    char text[128];

    test_process_start(test_program("ATLS_DEVICE"), provision, &process);
    assert_int_equal(test_process_end(&process), 0);
    start_device(f->device_address, "11", &f->device);
    start_device(f->second_address, "12", &f->second);
    test_process_start(test_program("ATLS_VERIFIER"), verifier, &f->verifier);
    test_process_await(&f->verifier, "ready", "address", text, sizeof text);
    snprintf(f->verifier_url, sizeof f->verifier_url, "http://%.40s", text);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    test_party_open(&f->party);
    snprintf(f->corim, sizeof f->corim, "%s/corim.cbor", f->party.directory);
    snprintf(f->csr, sizeof f->csr, "%s/request.pem", f->party.directory);
    snprintf(f->key_file, sizeof f->key_file, "%s/key.pem", f->party.directory);
    snprintf(f->device_address, sizeof f->device_address, "unix:%s/device", f->party.directory);
    snprintf(f->second_address, sizeof f->second_address, "unix:%s/second", f->party.directory);
    make_authority(f);
    start_parties(f);
    assert_int_equal(atls_verifier_client_new(3000, &f->client), 0);
    f->trusted = (struct atls_trusted_verifier){VERIFIER_ID, f->verifier_url};
    f->options = (struct atls_relying_party_options){.verifier_url = f->verifier_url,
                                                     .trusted = &f->trusted,
                                                     .trusted_count = 1,
                                                     .accept_tier = ATLS_TIER_AFFIRMING,
                                                     .nonce_size = 32,
                                                     .result_max_age = 3600,
                                                     .result_answers = true};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    atls_verifier_client_free(f->client);
    test_process_stop(&f->device);
    test_process_stop(&f->second);
    test_process_stop(&f->verifier);
    gnutls_x509_crt_deinit(f->authority);
    gnutls_x509_privkey_deinit(f->authority_key);
    test_party_close(&f->party);
    free(f);
    return 0;
}

/* Runs atls-enroll; returns its exit code and the key's handle, or (HANDLEP NULL) sees that it
 * says the key's file. */
static int enroll(struct fixture *f, const char *const *more, uint32_t *handlep)
{
    const char *arguments[TEST_ARGUMENTS_MAX + 1] = {"--device", f->device_address, "--csr",
                                                     f->csr};
    struct test_process process;
    char line[160] = "";
    size_t used = 4;

    for (size_t i = 0; i < MORE_MAX && more[i]; i++) {
        arguments[used++] = strcmp(more[i], "SECOND") == 0     ? f->second_address
                            : strcmp(more[i], "VERIFIER") == 0 ? f->verifier_url
                            : strcmp(more[i], "FILE") == 0     ? f->key_file
                                                               : more[i];
    }
    unlink(f->csr);
    test_process_start(test_program("ATLS_ENROLL"), arguments, &process);
    if (fgets(line, sizeof line, process.output)) {
        line[strcspn(line, "\n")] = '\0';
        if (handlep) {
            assert_int_equal(atls_device_key_parse(line, handlep), 0);
        } else {
            assert_string_equal(line, f->key_file);
        }
    }
    int result = test_process_end(&process);
    assert_int_equal(result == 0, line[0] != '\0'); /* a handle where there is a request */
    assert_int_equal(result == 0, access(f->csr, F_OK) == 0);
    return result;
}

/* Signs the request as it is, with all extensions that it asks for. Free with gnutls_free(). */
static gnutls_datum_t issue(struct fixture *f)
{
    gnutls_x509_crq_t crq;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem, der;
    size_t size;
    uint8_t *text;
    char oid[64];
    unsigned status, critical;
    bool marked = false;

    assert_int_equal(atls_read_file(f->csr, 1 << 21, &text, &size), 0);
    pem = (gnutls_datum_t){text, (unsigned)size};
    GOOD(gnutls_x509_crq_init(&crq));
    GOOD(gnutls_x509_crq_import(crq, &pem, GNUTLS_X509_FMT_PEM));
    GOOD(gnutls_x509_crq_verify(crq, 0));
    free(text);
    GOOD(gnutls_x509_crt_init(&crt));
    GOOD(gnutls_x509_crt_set_crq(crt, crq));
    GOOD(gnutls_x509_crt_set_version(crt, 3));
    GOOD(gnutls_x509_crt_set_serial(crt, "\x02", 1));
    GOOD(gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60));
    GOOD(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600));
    for (unsigned i = 0;
         size = sizeof oid, gnutls_x509_crq_get_extension_info(crq, i, oid, &size, &critical) == 0;
         i++) {
        GOOD(gnutls_x509_crq_get_extension_data2(crq, i, &der));
        GOOD(gnutls_x509_crt_set_extension_by_oid(crt, oid, der.data, der.size, critical));
        marked = marked || critical;
        gnutls_free(der.data);
    }
    GOOD(gnutls_x509_crt_sign2(crt, f->authority, f->authority_key, GNUTLS_DIG_SHA256, 0));
    GOOD(gnutls_x509_crt_verify(crt, &f->authority, 1, 0, &status));
    assert_int_equal(status, marked ? GNUTLS_CERT_INVALID | GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS
                                    : 0); /* why it should not be critical */
    GOOD(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der));
    gnutls_x509_crt_deinit(crt);
    GOOD(gnutls_x509_crt_init(&crt)); /* names are found in what was read only */
    GOOD(gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER));
    assert_true(gnutls_x509_crt_check_hostname(crt, "localhost"));
    assert_true(gnutls_x509_crt_check_hostname(crt, "127.0.0.1"));
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_crq_deinit(crq);
    return der;
}

/* What an endpoint does with a certificate: its key, what the evidence must answer, the evidence.
 * What atls_x509_cmw_find() says of the extension, else what the appraisal says of the CMW. */
static int take(struct atls_appraisal *appraisal, struct atls_bytes der, int *foundp,
                struct atls_public_key *keyp)
{
    uint8_t challenge[ATLS_HASH_MAX];
    struct atls_public_key leaf;
    struct atls_x509_cmw found;
    size_t size;

    assert_int_equal(atls_x509_public_key(der, &leaf), 0);
    assert_int_equal(atls_x509_challenge(&atls_crypto_hosted, &leaf, challenge, &size), 0);
    assert_int_equal(atls_appraisal_expect_key(appraisal, &leaf), 0);
    assert_int_equal(atls_appraisal_set_challenge(appraisal, ATLS_BYTES(challenge, size)), 0);
    *foundp = atls_x509_cmw_find(der, &found);
    if (*foundp) {
        return *foundp;
    }
    int result = atls_appraisal_credential(appraisal, ATLS_BYTES(found.cmw, found.size), keyp);
    atls_x509_cmw_clear(&found);
    return result;
}

static void appraise(struct fixture *f, enum atls_model model, gnutls_datum_t certificate,
                     const char *what, const char *reason)
{
    struct atls_relying_party *rp;
    struct atls_appraisal *appraisal;
    struct atls_verdict verdict;
    struct atls_public_key key, leaf;
    struct atls_bytes der = ATLS_BYTES(certificate.data, certificate.size);
    int result;

    assert_int_equal(atls_relying_party_new(&f->options, f->client, f->party.events, &rp), 0);
    assert_int_equal(
        atls_appraisal_begin_with_challenge(rp, 1, model, (struct atls_bytes){NULL, 0}, &appraisal),
        0);
    if (model == ATLS_MODEL_PASSPORT) {
        assert_int_equal(atls_appraisal_expect_verifier(appraisal, atls_bytes_of_text(VERIFIER_ID)),
                         0);
    }
    int unreadable;
    if (take(appraisal, der, &unreadable, &key) == 0 && strcmp(reason, "ok") == 0) {
        assert_int_equal(atls_x509_public_key(der, &leaf), 0);
        assert_true(atls_public_key_equal(&key, &leaf));
    }
    while ((result = atls_appraisal_verdict(appraisal, &verdict)) == ATLS_E_AGAIN) {
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
    }
    assert_int_equal(result, 0);
    if (unreadable &&
        unreadable != ATLS_E_MISSING) { /* the endpoint refuses before any appraisal */
        assert_string_equal(reason, "malformed-cmw");
        reason = "attestation-missing";
    }
    if (strcmp(verdict.reason, reason) != 0 || verdict.accepted != (strcmp(reason, "ok") == 0) ||
        verdict.verifier_at_fault) {
        fail_msg("%s: expected %s, came %s: %s", what, reason, verdict.reason, verdict.detail);
    }
    if (verdict.accepted) {
        assert_int_equal(verdict.tier, ATLS_TIER_AFFIRMING);
    }
    atls_appraisal_free(appraisal);
    atls_relying_party_free(rp);
}

#define CHECK ATLS_MODEL_BACKGROUND_CHECK
#define PASSPORT ATLS_MODEL_PASSPORT
#define AUTO "--cmw", "auto"
#define PSA "--evidence-format", "psa"
#define OUTSIDE "--private-key", "FILE"
#define RESULT "--attester", "passport", "--verifier", "VERIFIER"
#define FOREIGN                                                                                    \
    "--fault", "foreign-nonce=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct row {
    const char *what;
    enum atls_model model;
    const char *more[MORE_MAX];
    const char *reason;
} rows[] = {
    /* clang-format off */
    {"CAB", CHECK, {AUTO}, "ok"},
    {"CAB, P-384", CHECK, {AUTO, "--curve", "p384"}, "ok"},
    {"CAB, JSON", CHECK, {AUTO, "--serialization", "json"}, "ok"},
    {"CAB, critical", CHECK, {AUTO, "--cmw-critical"}, "ok"},
    {"bare PSA token", CHECK, {AUTO, PSA}, "ok"},
    {"bare PSA token, P-384", CHECK, {AUTO, PSA, "--curve", "p384"}, "ok"},
    {"bare PSA token, tag", CHECK, {AUTO, PSA, "--cmw-form", "tag"}, "ok"},
    {"bare PSA token, JSON", CHECK, {AUTO, PSA, "--serialization", "json"}, "ok"},
    {"bare PSA token, TCG's extension", CHECK, {AUTO, PSA, "--cmw-oid", "tcg"}, "ok"},
    {"bare PSA token, tag in TCG's extension", CHECK, {AUTO, PSA, "--cmw-oid", "tcg", "--cmw-form", "tag"}, "ok"},
    {"result", PASSPORT, {AUTO, RESULT}, "ok"},
    {"result, JSON", PASSPORT, {AUTO, RESULT, "--serialization", "json"}, "ok"},
    {"result, tag in TCG's extension", PASSPORT, {AUTO, RESULT, "--cmw-oid", "tcg", "--cmw-form", "tag"}, "ok"},

    {"no CMW", CHECK, {NULL}, "attestation-missing"},
    {"no CMW", PASSPORT, {NULL}, "attestation-missing"},
    {"evidence over another key's hash", CHECK, {AUTO, FOREIGN}, "binder-mismatch"},
    {"token over another key's hash", CHECK, {AUTO, PSA, FOREIGN}, "binder-mismatch"},
    {"evidence from before the key", CHECK, {AUTO, "--fault", "stale-nonce"}, "binder-mismatch"},
    {"token from before the key", CHECK, {AUTO, PSA, "--fault", "stale-nonce"}, "binder-mismatch"},
    {"evidence for another key", CHECK, {AUTO, "--fault", "attested-other-key"}, "key-mismatch"},
    {"KAT's signature", CHECK, {AUTO, "--fault", "kat-signature"}, "kat-signature-invalid"},
    {"PAT's signature", CHECK, {AUTO, "--fault", "pat-signature"}, "pat-signature-invalid"},
    {"token's signature", CHECK, {AUTO, PSA, "--fault", "pat-signature"}, "pat-signature-invalid"},
    {"linkage", CHECK, {AUTO, "--fault", "linkage"}, "linkage-mismatch"},
    {"PAT of another device", CHECK, {AUTO, "--fault", "foreign-pat", "--second-device", "SECOND"}, "linkage-mismatch"},
    {"token of an unknown device", CHECK, {AUTO, PSA, "--fault", "foreign-pat", "--second-device", "SECOND"}, "unknown-attestation-key"},
    {"claims without cnf", CHECK, {AUTO, "--fault", "claims-no-cnf"}, "malformed-claims"},
    {"COSE", CHECK, {AUTO, "--fault", "cose-detached"}, "malformed-cose"},
    {"CMW cut off", CHECK, {AUTO, "--fault", "cmw-truncated"}, "malformed-cmw"},
    {"a byte behind the CMW", CHECK, {AUTO, "--fault", "cmw-trailing-byte"}, "malformed-cmw"},
    {"indicator 0", CHECK, {AUTO, PSA, "--fault", "cmw-indicator-zero"}, "malformed-cmw"},
    {"R-CMW-12 CBOR in the JSON slot", CHECK, {AUTO, "--cmw-slot", "json"}, "malformed-cmw"},
    {"R-CMW-12 JSON in the CBOR slot", CHECK, {AUTO, "--serialization", "json", "--cmw-slot", "cbor"}, "malformed-cmw"},
    {"R-CMW-12 a result in the wrong slot", PASSPORT, {AUTO, RESULT, "--cmw-slot", "json"}, "malformed-cmw"},
    {"collection in TCG's extension", CHECK, {AUTO, "--cmw-oid", "tcg", "--cmw-slot", "cbor"}, "malformed-cmw"},
    {"evidence where a result is due", PASSPORT, {AUTO}, "malformed-result"},
    {"a result where evidence is due", CHECK, {AUTO, RESULT}, "malformed-cmw"},
    {"result's signature", PASSPORT, {AUTO, RESULT, "--fault", "result-signature"}, "result-signature-invalid"},
    {"result with alg none", PASSPORT, {AUTO, RESULT, "--fault", "result-algorithm-none"}, "result-signature-invalid"},
    {"no result", PASSPORT, {AUTO, RESULT, "--fault", "result-garbage"}, "malformed-result"},
    {"result of a bare token", PASSPORT, {AUTO, RESULT, PSA}, "result-without-key"},
    {"result over evidence for another key", PASSPORT, {AUTO, RESULT, "--fault", "attested-other-key"}, "key-mismatch"},
    /* clang-format on */
};

static void test_chain(void **state)
{
    struct fixture *f = *state;
    uint32_t handle;

    for (size_t i = 0; i < COUNT(rows); i++) {
        int result = enroll(f, rows[i].more, &handle);
        if (result != 0) {
            fail_msg("%s: atls-enroll ended with %d", rows[i].what, result);
        }
        gnutls_datum_t certificate = issue(f);
        appraise(f, rows[i].model, certificate, rows[i].what, rows[i].reason);
        gnutls_free(certificate.data);
    }
}

/* The CMW of one certificate in that of another key. */
static void test_transplant(void **state)
{
    struct fixture *f = *state;
    char path[128];
    uint32_t handle;
    static const char *const formats[] = {"cab", "psa"};

    snprintf(path, sizeof path, "%s/cmw", f->party.directory);
    for (size_t i = 0; i < COUNT(formats); i++) {
        struct atls_x509_cmw found;
        const char *first[MORE_MAX] = {AUTO, "--evidence-format", formats[i]};
        const char *second[MORE_MAX] = {"--cmw", path};
        assert_int_equal(enroll(f, first, &handle), 0);
        gnutls_datum_t der = issue(f);
        assert_int_equal(atls_x509_cmw_find(ATLS_BYTES(der.data, der.size), &found), 0);
        assert_int_equal(atls_write_file(path, ATLS_BYTES(found.cmw, found.size)), 0);
        atls_x509_cmw_clear(&found);
        gnutls_free(der.data);
        assert_int_equal(enroll(f, second, &handle), 0);
        der = issue(f);
        appraise(f, CHECK, der, formats[i], "binder-mismatch");
        gnutls_free(der.data);
    }
}

static const struct {
    const char *what;
    const char *more[MORE_MAX];
    int code;
} refused[] = {
    /* clang-format off */
    {"unknown fault", {AUTO, "--fault", "nonsense"}, 77},
    {"fault that a token cannot have", {AUTO, PSA, "--fault", "linkage"}, 77},
    {"unknown curve", {"--curve", "p521"}, 77},
    {"unknown format", {AUTO, "--evidence-format", "tpm"}, 77},
    {"unknown object identifier", {AUTO, "--cmw-oid", "dice"}, 77},
    {"tag in JSON", {AUTO, PSA, "--serialization", "json", "--cmw-form", "tag"}, 77},
    {"collection in TCG's extension", {AUTO, "--cmw-oid", "tcg"}, 77},
    {"passport without a verifier", {AUTO, "--attester", "passport"}, 2},
    {"fault without a CMW", {"--fault", "linkage"}, 2},
    {"argument", {"what"}, 2},
    {"no address", {"--ip", "localhost"}, 1},
    {"no such file", {"--cmw", "/nonexistent/cmw"}, 1},
    {"no CMW in the file", {"--cmw", "/dev/null"}, 1},
    {"no verifier", {AUTO, "--attester", "passport", "--verifier", "http://127.0.0.1:1"}, 1},
    {"device that is not there", {"--device", "unix:/nonexistent/device"}, 1},
    {"fault that needs another device", {AUTO, "--fault", "foreign-pat"}, 1},
    {"KAT for a key outside the device",
     {AUTO, "--private-key", "FILE", "--evidence-format", "cab"}, 2},
    {"private key that cannot be written", {"--private-key", "/nonexistent/key"}, 1},
    /* clang-format on */
};

static void test_refused(void **state)
{
    struct fixture *f = *state;
    uint32_t handle;

    for (size_t i = 0; i < COUNT(refused); i++) {
        int result = enroll(f, refused[i].more, &handle);
        if (result != refused[i].code) {
            fail_msg("%s: expected exit code %d, came %d", refused[i].what, refused[i].code,
                     result);
        }
    }
}

/* The key behind the handle is the certificate's, and no other. */
static void test_device_key(void **state)
{
    struct fixture *f = *state;
    struct atls_device_key *key = NULL;
    struct atls_public_key leaf, other;
    gnutls_privkey_t privkey;
    gnutls_pubkey_t pubkey;
    gnutls_datum_t signature, data = {(unsigned char *)(uintptr_t) "to be signed", 12};
    uint32_t first, second;
    const char *none[MORE_MAX] = {NULL}, *p384[MORE_MAX] = {"--curve", "p384"};
    struct atls_device *device;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(enroll(f, i ? p384 : none, &first), 0);
        gnutls_datum_t der = issue(f);
        assert_int_equal(atls_x509_public_key(ATLS_BYTES(der.data, der.size), &leaf), 0);
        gnutls_free(der.data);
        assert_int_equal(enroll(f, i ? p384 : none, &second), 0);
        der = issue(f);
        assert_int_equal(atls_x509_public_key(ATLS_BYTES(der.data, der.size), &other), 0);
        gnutls_free(der.data);
        assert_int_equal(atls_device_key_open(f->device_address, 1000, first, &leaf, &key), 0);
        assert_int_equal(atls_device_key_handle(key), first);
        assert_int_equal(atls_device_key_import(key, &privkey), 0);
        GOOD(gnutls_pubkey_init(&pubkey));
        uint8_t spki[ATLS_SPKI_MAX];
        gnutls_datum_t encoded = {spki, (unsigned)atls_spki_encode(&leaf, spki)};
        GOOD(gnutls_pubkey_import(pubkey, &encoded, GNUTLS_X509_FMT_DER));
        GOOD(gnutls_privkey_sign_data(privkey, i ? GNUTLS_DIG_SHA384 : GNUTLS_DIG_SHA256, 0, &data,
                                      &signature));
        GOOD(gnutls_pubkey_verify_data2(
            pubkey, i ? GNUTLS_SIGN_ECDSA_SHA384 : GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &signature));
        gnutls_free(signature.data);
        gnutls_privkey_deinit(privkey);
        gnutls_pubkey_deinit(pubkey);
        atls_device_key_close(key);
        key = NULL;
        assert_int_equal(atls_device_key_open(f->device_address, 1000, second, &leaf, &key),
                         ATLS_E_MISMATCH);
        assert_int_equal(atls_device_key_open(f->device_address, 1000, 999, &leaf, &key),
                         ATLS_E_REFUSED);
        assert_int_equal(atls_device_key_open(f->second_address, 1000, first, &leaf, &key),
                         ATLS_E_REFUSED);
        assert_null(key);
    }
    /* the attester takes the same key, and leaves it where it is */
    struct atls_attester_options options = {
        .device = f->device_address, .device_timeout_ms = 20000, .key_handle = first, .key = leaf};
    struct atls_attester *attester;
    struct atls_credential credential;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(atls_attester_new(&options, f->client, f->party.events, &attester), 0);
        assert_int_equal(
            atls_attester_bound_evidence(attester, 1, ATLS_BYTES(leaf.x, 32), &credential), 0);
        assert_true(atls_public_key_equal(&credential.key, &leaf));
        assert_int_equal(credential.key_handle, first);
        atls_credential_clear(&credential);
        atls_attester_free(attester);
    }
    options.key = other;
    assert_int_equal(atls_attester_new(&options, f->client, f->party.events, &attester),
                     ATLS_E_MISMATCH);
    assert_int_equal(atls_device_open(f->device_address, 1000, &device), 0);
    assert_int_equal(atls_device_destroy_key(device, first), 0);
    atls_device_close(device);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"device:",   "device:0",  "device:-1", "device:4294967296",
                                      "device:1x", "device: 1", "device",    "key.pem",
                                      "Device:1",  "device:1:2"};
    uint32_t handle = 7;

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(atls_device_key_parse(bad[i], &handle), -EINVAL);
        assert_int_equal(handle, 7);
    }
    assert_int_equal(atls_device_key_parse("device:4294967295", &handle), 0);
    assert_int_equal(handle, 4294967295u);
    assert_false(atls_device_key_named("/device:1"));
}

/* A failed enrolment leaves no key behind. */
/* A key outside the device: a file of its own, evidence that is a bare token, and a result over it.
 */
static void test_private_key(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *what;
        enum atls_model model;
        enum atls_curve curve;
        const char *more[MORE_MAX];
        const char *reason;
    } ways[] = {
        {"token", CHECK, ATLS_P256, {AUTO, OUTSIDE}, "ok"},
        {"token, P-384", CHECK, ATLS_P384, {AUTO, OUTSIDE, "--curve", "p384"}, "ok"},
        {"token in JSON", CHECK, ATLS_P256, {AUTO, OUTSIDE, "--serialization", "json"}, "ok"},
        {"result", PASSPORT, ATLS_P256, {AUTO, OUTSIDE, RESULT}, "result-without-key"},
    };

    for (size_t i = 0; i < COUNT(ways); i++) {
        struct atls_public_key own, leaf;
        gnutls_privkey_t key;
        struct stat info;
        uint8_t *text;
        size_t size;

        assert_int_equal(enroll(f, ways[i].more, NULL), 0);
        assert_int_equal(stat(f->key_file, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        assert_int_equal(atls_read_file(f->key_file, 4096, &text, &size), 0);
        assert_non_null(strstr((char *)text, "BEGIN PRIVATE KEY")); /* PKCS#8 */
        GOOD(gnutls_privkey_init(&key));
        gnutls_datum_t pem = {text, (unsigned)size};
        GOOD(gnutls_privkey_import_x509_raw(key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0));
        assert_int_equal(atls_software_key_public(key, &own), 0);
        assert_int_equal(own.curve, ways[i].curve);
        gnutls_privkey_deinit(key);
        free(text);
        gnutls_datum_t certificate = issue(f);
        assert_int_equal(
            atls_x509_public_key(ATLS_BYTES(certificate.data, certificate.size), &leaf), 0);
        assert_true(atls_public_key_equal(&own, &leaf));
        appraise(f, ways[i].model, certificate, ways[i].what, ways[i].reason);
        gnutls_free(certificate.data);
        /* The file is there: it is not written over, and stays. */
        assert_int_equal(enroll(f, ways[i].more, NULL), 1);
        assert_int_equal(unlink(f->key_file), 0);
    }
    const char *none[MORE_MAX] = {OUTSIDE, "--cmw", "/dev/null"};
    assert_int_equal(enroll(f, none, NULL), 1); /* a key without a request is not left behind */
    assert_int_not_equal(access(f->key_file, F_OK), 0);
}

static void test_no_keys_left(void **state)
{
    struct fixture *f = *state;
    const char *const fails[][MORE_MAX] = {
        {"--cmw", "/dev/null"}, {"--ip", "nowhere"}, {AUTO, "--cmw-oid", "tcg"}};
    const char *none[MORE_MAX] = {NULL};
    uint8_t digest[32] = {0}, signature[ATLS_SIGNATURE_MAX];
    struct atls_device *device;
    uint32_t last, handle;
    size_t size;

    for (size_t i = 0; i < COUNT(fails); i++) {
        assert_int_not_equal(enroll(f, fails[i], &handle), 0);
    }
    assert_int_equal(enroll(f, none, &last), 0);
    assert_int_equal(last, COUNT(fails) + 1); /* each made one */
    assert_int_equal(atls_device_open(f->device_address, 1000, &device), 0);
    for (handle = 1; handle <= last; handle++) {
        assert_int_equal(atls_device_sign(device, handle, ATLS_BYTES(digest, 32), signature, &size),
                         handle == last ? 0 : ATLS_E_REFUSED);
    }
    atls_device_close(device);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_chain),
        TEST(test_transplant),
        TEST(test_refused),
        TEST(test_device_key),
        TEST(test_no_keys_left),
        TEST(test_private_key),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
