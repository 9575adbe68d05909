/* SPDX-License-Identifier: Apache-2.0 */
/* The attester with a device in this process: evidence, results and their faults. */
#include "roles/test-server.h"

#include <errno.h>
#include <time.h>

#include "formats/key-attestation.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/tokens/kat.h"
#include "roles/attester.h"
#include "roles/received.h"
#include "roles/test-party.h"

static const struct atls_cab *cab_of(const struct atls_received *received)
{
    const struct atls_key_attestation *ka = received->evidence.parsed;

    return &ka->cab;
}

struct fixture {
    struct test_server *server;
    struct test_party party;
    struct atls_verifier_client *client;
    struct atls_attester_options options;
    struct atls_faults faults;
    struct atls_attester *attester;
    struct atls_credential credential;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->server = test_server_start();
    test_party_open(&f->party);
    assert_int_equal(atls_verifier_client_new(1500, &f->client), 0);
    f->options = (struct atls_attester_options){.device = "inproc:1",
                                                .second_device = "inproc:2",
                                                .device_timeout_ms = 20000,
                                                .curve = ATLS_P256,
                                                .verifier_url = test_server_url(f->server),
                                                .result_max_age = 3600,
                                                .faults = &f->faults,
                                                .artifacts = f->party.directory};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    atls_credential_clear(&f->credential);
    atls_attester_free(f->attester);
    atls_verifier_client_free(f->client);
    test_server_stop(f->server);
    test_party_close(&f->party);
    free(f);
    return 0;
}

static void renew(struct fixture *f)
{
    atls_attester_free(f->attester);
    f->attester = NULL;
    assert_int_equal(atls_attester_new(&f->options, f->client, f->party.events, &f->attester), 0);
}

static const uint8_t challenge_bytes[64] =
    "a challenge of up to sixty-four bytes, as EAT allows it";

static int evidence(struct fixture *f, size_t challenge_size)
{
    atls_credential_clear(&f->credential);
    return atls_attester_evidence(f->attester, 3, ATLS_BYTES(challenge_bytes, challenge_size),
                                  &f->credential);
}

/* What the checks of a relying party say of evidence: which of them fails first. */
static const char *checked(const struct fixture *f, size_t challenge_size)
{
    struct atls_received received;
    const char *reason;

    if (atls_received_parse(ATLS_MODEL_BACKGROUND_CHECK,
                            ATLS_BYTES(f->credential.cmw, f->credential.size), &received,
                            &reason)) {
        return reason;
    }
    reason = atls_cab_check_signature(cab_of(&received), &atls_crypto_hosted)
                 ? "kat-signature-invalid"
             : atls_cab_check_nonce(cab_of(&received), ATLS_BYTES(challenge_bytes, challenge_size))
                 ? "nonce-mismatch"
             : atls_cab_check_linkage(cab_of(&received), &atls_crypto_hosted) ? "linkage-mismatch"
             : !atls_public_key_equal(&received.key, &f->credential.key)      ? "key-mismatch"
                                                                              : "ok";
    atls_received_clear(&received);
    return reason;
}

static void test_evidence(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {8, 32, 64};

    for (unsigned s = 0; s < 2; s++) {
        for (unsigned c = ATLS_P256; c <= ATLS_P384; c++) {
            f->options.serialization = (enum atls_serialization)s;
            f->options.curve = (enum atls_curve)c;
            renew(f);
            for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(evidence(f, sizes[i]), 0);
                assert_string_equal(checked(f, sizes[i]), "ok");
                assert_int_equal(f->credential.cmw[0] == '{', s == ATLS_JSON);
                assert_int_equal(f->credential.key.curve, c);
                assert_int_equal(f->credential.model, ATLS_MODEL_BACKGROUND_CHECK);
            }
        }
    }
    test_event_says(&f->party, "challenge", 0, "direction", "received");
    test_event_says(&f->party, "challenge", 0, "nonce", "61206368616c6c65");
    test_event_says(&f->party, "credential", 0, "form", "collection");
    test_event_says(&f->party, "credential", 0, "serialization", "cbor");
    test_event_says(&f->party, "credential", 0, "file", "conn-3-sent-credential.cbor");
    test_event_says(&f->party, "credential", 11, "file", "conn-3-6-sent-credential.json");
    test_artifact_is(&f->party, "conn-3-6-sent-credential.json",
                     ATLS_BYTES(f->credential.cmw, f->credential.size));
    assert_int_equal(test_event_count(&f->party, "fault"), 0);
}

static void test_challenge_sizes(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 7, 65, 255};
    uint8_t bytes[255] = {0};

    renew(f);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(
            atls_attester_evidence(f->attester, 1, ATLS_BYTES(bytes, sizes[i]), &f->credential),
            ATLS_E_LIMIT);
        assert_string_equal(atls_error_clause(), "RFC 9711 section 4.1");
        assert_string_equal(atls_attester_reason(f->attester), "nonce-length");
        assert_null(f->credential.cmw);
    }
    assert_int_equal(test_event_count(&f->party, "credential"), 0);
}

/* The nonce that everybody knows is answered, and told. */
static void test_constant_nonce(void **state)
{
    struct fixture *f = *state;
    struct atls_bytes constant = atls_constant_nonce_of_2022.nonce;

    f->options.constant_nonce = &atls_constant_nonce_of_2022;
    renew(f);
    assert_int_equal(evidence(f, 32), 0);
    assert_int_equal(test_event_count(&f->party, "defect"), 0);
    atls_credential_clear(&f->credential);
    assert_int_equal(atls_attester_evidence(f->attester, 3, constant, &f->credential), 0);
    assert_int_equal(test_event_count(&f->party, "defect"), 1);
    test_event_says(&f->party, "defect", 0, "name", "constant-nonce");
    test_event_says(&f->party, "defect", 0, "detail", atls_constant_nonce_of_2022.defect);
}

static const struct {
    const char *what;
    const struct atls_evidence_format *format;
    enum atls_cmw_form form;
    bool outside;
    int outcome;
    const char *clause; /* NULL: any */
} format_rows[] = {
    {"a CAB for a key of the device", &atls_format_cab, ATLS_CMW_RECORD, false, 0, NULL},
    {"a CAB for a key outside it", &atls_format_cab, ATLS_CMW_RECORD, true, ATLS_E_UNSUPPORTED,
     NULL},
    {"a PSA token beside a key outside it", &atls_format_psa, ATLS_CMW_RECORD, true, 0, NULL},
    {"a PSA token in a tag", &atls_format_psa, ATLS_CMW_TAG, false, 0, NULL},
    {"a CAB tagged", &atls_format_cab, ATLS_CMW_TAG, false, 0, NULL},
    {"what has no content format in a tag", &atls_format_ra_tls, ATLS_CMW_TAG, false,
     ATLS_E_UNSUPPORTED, "RFC 9999 section 3.2"},
};

static void test_formats(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof format_rows / sizeof *format_rows; i++) {
        struct atls_attester *attester = NULL;
        f->options.evidence_format = format_rows[i].format;
        f->options.cmw_form = format_rows[i].form;
        f->options.key_outside = format_rows[i].outside;
        f->options.key.curve = ATLS_P256;
        int result = atls_attester_new(&f->options, f->client, f->party.events, &attester);
        if (result != format_rows[i].outcome || (attester != NULL) != (result == 0))
            fail_msg("%s: expected %s, came %s (%s)", format_rows[i].what,
                     atls_error_name(format_rows[i].outcome), atls_error_name(result),
                     atls_error_text());
        if (format_rows[i].clause)
            assert_string_equal(atls_error_clause(), format_rows[i].clause);
        atls_attester_free(attester);
    }
}

static const struct {
    const char *fault, *reason;
} evidence_rows[] = {
    {"stale-nonce", "nonce-mismatch"},
    {"foreign-nonce=0011223344556677", "nonce-mismatch"},
    {"foreign-pat", "linkage-mismatch"},
    {"linkage", "linkage-mismatch"},
    {"other-key", "key-mismatch"},
    {"kat-signature", "kat-signature-invalid"},
    {"pat-signature", "ok"}, /* for the verifier to find */
    {"cmw=00", "malformed-cmw"},
    {"cmw-truncated", "malformed-cmw"},
    {"cmw-indicator-zero", "malformed-cmw"},
    {"cbor-deep", "malformed-cbor"},
    {"cose-detached", "malformed-cose"},
    {"claims-no-cnf", "malformed-claims"},
};

static void test_evidence_faults(void **state)
{
    struct fixture *f = *state;

    for (unsigned s = 0; s < 2; s++) {
        f->options.serialization = (enum atls_serialization)s;
        for (size_t i = 0; i < sizeof evidence_rows / sizeof *evidence_rows; i++) {
            unsigned before = test_event_count(&f->party, "fault");
            f->faults.count = 0;
            assert_int_equal(atls_faults_add(&f->faults, evidence_rows[i].fault), 0);
            renew(f);
            assert_int_equal(evidence(f, 32), 0);
            const char *reason = checked(f, 32);
            if (strcmp(reason, evidence_rows[i].reason) != 0) {
                fail_msg("%s: expected %s, came %s (%s)", evidence_rows[i].fault,
                         evidence_rows[i].reason, reason, atls_error_text());
            }
            assert_int_equal(test_event_count(&f->party, "fault"), before + 1);
            test_event_says(&f->party, "fault", before, "name", f->faults.fault[0].name);
        }
    }
}

/* Spliced evidence is properly signed in all its parts: only the linkage is wrong, or who asked. */
static void test_splices_are_signed(void **state)
{
    struct fixture *f = *state;
    static const char *const faults[] = {"linkage", "foreign-pat", "non-secure-pat"};

    for (unsigned i = 0; i < 3; i++) {
        struct atls_device *signer;
        struct atls_device_info info;
        struct atls_received received;
        const char *reason;
        f->faults.count = 0;
        assert_int_equal(atls_faults_add(&f->faults, faults[i]), 0);
        renew(f);
        assert_int_equal(evidence(f, 32), 0);
        assert_int_equal(atls_device_open(i == 1 ? "inproc:2" : "inproc:1", 1000, &signer), 0);
        assert_int_equal(atls_device_info(signer, &info), 0);
        assert_int_equal(atls_received_parse(ATLS_MODEL_BACKGROUND_CHECK,
                                             ATLS_BYTES(f->credential.cmw, f->credential.size),
                                             &received, &reason),
                         0);
        assert_int_equal(
            atls_cose_sign1_verify(&cab_of(&received)->pat, &atls_crypto_hosted, &info.pak), 0);
        assert_int_equal(atls_cab_check_signature(cab_of(&received), &atls_crypto_hosted), 0);
        atls_received_clear(&received);
        atls_device_close(signer);
    }
}

static void test_sign(void **state)
{
    struct fixture *f = *state;
    uint8_t digest[32] = {9}, signature[ATLS_SIGNATURE_MAX];
    size_t size;

    assert_int_equal(atls_faults_add(&f->faults, "other-key"), 0);
    renew(f);
    assert_int_equal(evidence(f, 32), 0);
    assert_int_equal(atls_attester_sign(f->attester, f->credential.key_handle,
                                        ATLS_BYTES(digest, 32), signature, &size),
                     0);
    assert_int_equal(atls_crypto_hosted.verify(&f->credential.key, ATLS_BYTES(digest, 32),
                                               ATLS_BYTES(signature, size)),
                     0);
    assert_true(atls_attester_sign(f->attester, 0xdead, ATLS_BYTES(digest, 32), signature, &size) >
                0);
    assert_string_equal(atls_attester_reason(f->attester), "device-unavailable");
}

static void test_new_refuses(void **state)
{
    struct fixture *f = *state;
    struct atls_attester *none = NULL;

    f->options.device = "unix:/nonexistent/device";
    assert_true(atls_attester_new(&f->options, f->client, f->party.events, &none) != 0);
    f->options.device = "carrier-pigeon:1";
    assert_int_equal(atls_attester_new(&f->options, f->client, f->party.events, &none),
                     ATLS_E_UNSUPPORTED);
    f->options.device = "inproc:1";
    f->options.second_device = NULL;
    assert_int_equal(atls_faults_add(&f->faults, "foreign-pat"), 0);
    assert_int_equal(atls_attester_new(&f->options, f->client, f->party.events, &none), -EINVAL);
    f->faults.count = 0;
    f->options.serialization = ATLS_JSON;
    assert_int_equal(atls_faults_add(&f->faults, "cbor-deep=cmw"), 0);
    assert_int_equal(atls_attester_new(&f->options, f->client, f->party.events, &none),
                     ATLS_E_UNSUPPORTED);
    assert_null(none);
}

static int result(struct fixture *f, unsigned conn)
{
    int result;

    atls_credential_clear(&f->credential);
    while ((result = atls_attester_result(f->attester, conn, &f->credential)) == ATLS_E_AGAIN) {
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
    }
    return result;
}

static void test_result(void **state)
{
    struct fixture *f = *state;
    struct atls_received received;
    const char *reason;

    for (unsigned s = 0; s < 2; s++) {
        f->options.serialization = (enum atls_serialization)s;
        renew(f);
        assert_int_equal(evidence(f, 32), 0); /* for the key */
        struct atls_public_key key = f->credential.key;
        test_server_result(f->server)->key = &key;
        assert_int_equal(result(f, 1 + s), 0);
        assert_string_equal(test_server_evidence_type(f->server),
                            s ? ATLS_MT_CMW_JSON : ATLS_MT_CMW_CBOR);
        assert_int_equal(f->credential.model, ATLS_MODEL_PASSPORT);
        assert_int_equal(f->credential.cmw[0], s ? '[' : 0x83);
        assert_int_equal(atls_received_parse(ATLS_MODEL_PASSPORT,
                                             ATLS_BYTES(f->credential.cmw, f->credential.size),
                                             &received, &reason),
                         0);
        assert_int_equal(received.cmw->form, ATLS_CMW_RECORD);
        assert_int_equal(received.cmw->indicator, ATLS_IND_ATTESTATION_RESULTS);
        assert_true(atls_public_key_equal(&received.key, &key));
        test_artifact_is(&f->party, s ? "conn-2-own-result.jwt" : "conn-1-own-result.jwt",
                         received.result);
        atls_received_clear(&received);
    }
    test_event_says(&f->party, "result", 0, "source", "verifier");
    test_event_says(&f->party, "result", 0, "file", "conn-1-own-result.jwt");
    json_t *event = test_event(&f->party, "result", 0);
    json_int_t left = json_integer_value(json_object_get(event, "expires_in"));
    assert_true(left > 290 && left <= 300);
    json_decref(event);
}

/* Waiters share one fetch, and later presentations take what is kept until it expires. */
static void test_result_is_kept(void **state)
{
    struct fixture *f = *state;
    struct atls_credential credentials[20];
    unsigned done = 0;

    renew(f);
    memset(credentials, 0, sizeof credentials);
    while (done < 20) {
        for (unsigned i = 0; i < 20; i++) {
            if (!credentials[i].cmw) {
                int result = atls_attester_result(f->attester, i + 1, &credentials[i]);
                assert_true(result == 0 || result == ATLS_E_AGAIN);
                done += result == 0;
            }
        }
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, done < 20 ? 1000 : 0), 0);
    }
    for (unsigned i = 0; i < 20; i++) {
        atls_credential_clear(&credentials[i]);
    }
    assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), 1);
    assert_int_equal(test_server_count(f->server, TEST_POST), 1);
    usleep(1100000);
    assert_int_equal(result(f, 21), 0);
    assert_int_equal(test_server_count(f->server, TEST_POST), 1);
    test_event_says(&f->party, "result", 0, "source", "verifier");
    test_event_says(&f->party, "result", 20, "source", "cache");
}

static const struct {
    const char *what;
    int64_t age, lifetime, max_age, clock_offset;
    unsigned fetches;
    const char *claims; /* besides */
} expiry_rows[] = {
    {"good for long", 0, 300, 3600, 0, 1, NULL},
    {"expired", 100, 50, 3600, 0, 2, NULL},
    {"about to expire", 0, 1, 3600, 0, 2, NULL},
    {"no exp, young", 0, 0, 3600, 0, 1, NULL},
    {"no exp, older than the greatest age", 100, 0, 50, 0, 2, NULL},
    {"expired by this party's clock", 0, 300, 3600, 1000, 2, NULL},
    {"not yet by this party's clock", 100, 50, 3600, -1000, 1, NULL},
    {"no EAR, until when is unknown", 0, 300, 3600, 0, 2, "{\"eat_profile\": 1}"},
};

static void test_expiry(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof expiry_rows / sizeof *expiry_rows; i++) {
        test_server_result(f->server)->age = expiry_rows[i].age;
        test_server_result(f->server)->lifetime = expiry_rows[i].lifetime;
        test_server_result(f->server)->claims = expiry_rows[i].claims;
        f->options.result_max_age = expiry_rows[i].max_age;
        f->options.clock_offset = expiry_rows[i].clock_offset;
        renew(f);
        unsigned before = test_server_count(f->server, TEST_POST);
        assert_int_equal(result(f, 1), 0); /* it is presented however old: it does not judge */
        usleep(1050000);
        assert_int_equal(result(f, 2), 0);
        unsigned fetches = test_server_count(f->server, TEST_POST) - before;
        if (fetches != expiry_rows[i].fetches) {
            fail_msg("%s: expected %u fetches, came %u", expiry_rows[i].what,
                     expiry_rows[i].fetches, fetches);
        }
    }
}

static void test_result_not_judged(void **state)
{
    struct fixture *f = *state;

    test_server_result(f->server)->tier = ATLS_TIER_CONTRAINDICATED;
    renew(f);
    assert_int_equal(result(f, 1), 0);
    assert_non_null(f->credential.cmw);
}

static const struct {
    const char *what;
    enum test_endpoint endpoint;
    struct test_answer answer;
    const char *reason;
} failure_rows[] = {
    {"no session", TEST_NEW_SESSION, {500, NULL, NULL, "", 0, false}, "verifier-error"},
    {"late session", TEST_NEW_SESSION, {0, NULL, NULL, NULL, 2500, false}, "verifier-timeout"},
    {"closed", TEST_NEW_SESSION, {0, NULL, NULL, NULL, 0, true}, "verifier-unreachable"},
    {"garbage", TEST_NEW_SESSION, {201, NULL, "x", "?", 0, false}, "verifier-garbage"},
    {"evidence refused", TEST_POST, {415, NULL, NULL, "", 0, false}, "verifier-error"},
    {"session over", TEST_POST, {404, NULL, NULL, "", 0, false}, "session-expired"},
    {"late result", TEST_POST, {0, NULL, NULL, NULL, 2500, false}, "verifier-timeout"},
};

static void test_result_failures(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof failure_rows / sizeof *failure_rows; i++) {
        renew(f);
        *test_server_answer(f->server, failure_rows[i].endpoint) = failure_rows[i].answer;
        int first = result(f, 1);
        const char *reason = atls_attester_reason(f->attester);
        if (first <= 0 || strcmp(reason, failure_rows[i].reason) != 0) {
            fail_msg("%s: expected %s, came %s", failure_rows[i].what, failure_rows[i].reason,
                     reason);
        }
        unsigned asked = test_server_count(f->server, TEST_NEW_SESSION);
        assert_int_equal(result(f, 2), first); /* who waited for the same fetch hears the same */
        assert_int_equal(test_server_count(f->server, TEST_NEW_SESSION), asked);
        *test_server_answer(f->server, failure_rows[i].endpoint) =
            (struct test_answer){.status = 0};
    }
    usleep(1100000);
    assert_int_equal(result(f, 3), 0); /* and whoever comes later gets a new one */
}

static void test_result_without_verifier(void **state)
{
    struct fixture *f = *state;

    f->options.verifier_url = NULL;
    renew(f);
    assert_int_equal(result(f, 1), -EINVAL);
    assert_string_equal(atls_error_text(), "passport needs the URL of a verifier");
    assert_string_equal(atls_attester_reason(f->attester), "internal");
}

/* Evidence that cannot be written to a file goes out all the same, and the user is told. */
static void test_artifact_that_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    char text[512];
    int kept = dup(STDERR_FILENO);
    FILE *told = tmpfile();

    assert_non_null(told);
    f->options.artifacts = "/nonexistent";
    renew(f);
    dup2(fileno(told), STDERR_FILENO);
    int made = evidence(f, 32);
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_int_equal(made, 0);
    rewind(told);
    text[fread(text, 1, sizeof text - 1, told)] = '\0';
    fclose(told);
    assert_non_null(strstr(text, "/nonexistent/conn-3-sent-credential.cbor"));
    json_t *event = test_event(&f->party, "credential", 0);
    assert_null(json_string_value(json_object_get(event, "file")));
    json_decref(event);
}

static const struct {
    const char *fault, *reason;
} result_rows[] = {
    {"result-garbage", "malformed-result"},
    {"result-algorithm-none", "result-signature-invalid"},
    {"result-signature", "ok"}, /* parsing alone does not see it */
    {"cmw-truncated", "malformed-cmw"},
    {"cmw-indicator-zero", "malformed-cmw"},
    {"result-without-key", "result-without-key"},
};

static void test_result_faults(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof result_rows / sizeof *result_rows; i++) {
        struct atls_received received;
        const char *reason = "ok";
        f->faults.count = 0;
        assert_int_equal(atls_faults_add(&f->faults, result_rows[i].fault), 0);
        renew(f);
        assert_int_equal(evidence(f, 32), 0);
        struct atls_public_key key = f->credential.key;
        bool keyless = strcmp(result_rows[i].fault, "result-without-key") == 0;
        test_server_result(f->server)->key = keyless ? NULL : &key;
        assert_int_equal(result(f, 1), 0);
        if (atls_received_parse(ATLS_MODEL_PASSPORT,
                                ATLS_BYTES(f->credential.cmw, f->credential.size), &received,
                                &reason) == 0) {
            atls_received_clear(&received);
        }
        if (strcmp(reason, result_rows[i].reason) != 0) {
            fail_msg("%s: expected %s, came %s", result_rows[i].fault, result_rows[i].reason,
                     reason);
        }
        if (keyless) {
            struct atls_cose_sign1 token;
            assert_string_equal(test_server_evidence_type(f->server), ATLS_MT_PSA_TOKEN);
            assert_int_equal(atls_cose_sign1_parse(test_server_evidence(f->server),
                                                   ATLS_COSE_TAG_REQUIRED, NULL, &token),
                             0);
        }
    }
}

static void test_renew(void **state)
{
    struct fixture *f = *state;
    int renewed;

    renew(f);
    while ((renewed = atls_attester_renew(f->attester)) == ATLS_E_AGAIN) {
        assert_int_equal(atls_verifier_client_poll(f->client, NULL, 0, 1000), 0);
    }
    assert_int_equal(renewed, 0);
    assert_int_equal(result(f, 1), 0);
    assert_int_equal(test_server_count(f->server, TEST_POST), 1);
    json_t *event = test_event(&f->party, "result", 0);
    assert_int_equal(json_integer_value(json_object_get(event, "conn")), 0);
    json_decref(event);
    test_event_says(&f->party, "result", 1, "source", "cache");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_evidence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_challenge_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_constant_nonce, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_formats, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_evidence_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_splices_are_signed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_result_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_result_not_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_result_failures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_result_without_verifier, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_artifact_that_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_result_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_renew, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
