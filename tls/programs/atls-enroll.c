/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: a device makes an identity key and signs a request for a certificate, which may carry
 * evidence for that key, or a verifier's result. The key stays in the device; its handle is what an
 * endpoint is given as --key device:HANDLE. For a stack that cannot sign elsewhere the key is made
 * here instead, and written to a file. Who signs the certificate is no affair of this program.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/cases.h"
#include "program/events.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"
#include "roles/attester.h"
#include "roles/http.h"
#include "tls/keys/csr.h"
#include "tls/keys/device-key.h"
#include "tls/keys/software-key.h"
#include "tls/profiles/variants.h"

#define DEVICE_TIMEOUT_MS 2000
#define CONN 1 /* of events: an enrolment is one exchange */

struct enrolment {
    struct atls_attester_options attester;
    struct atls_csr_options csr;
    struct atls_faults faults;
    struct atls_variants variants;
    enum atls_model model;
    const char *events, *csr_file, *cmw;
    const char *key_file; /* where a key goes that is no device's; NULL: it is one of the device */
    unsigned verifier_timeout_ms;
    enum atls_ear_serialization results;
    struct atls_http_access_options access; /* to the verifier */
    int slot;                               /* of the CHOICE, or -1: the right one */

    struct atls_events *log;
    struct atls_device *device;
    struct atls_device_key *key;
    gnutls_privkey_t signer; /* that key, or the one in the file */
    uint32_t handle;
    struct atls_public_key public_key;
    uint8_t *extension;
};

enum flag {
    DEVICE = 256,
    SECOND_DEVICE,
    CURVE,
    PRIVATE_KEY,
    CSR,
    SUBJECT,
    DNS,
    IP,
    CMW,
    CMW_OID,
    CMW_CRITICAL,
    CMW_SLOT,
    CMW_FORM,
    EVIDENCE_FORMAT,
    VARIANT,
    SERIALIZATION,
    ATTESTER,
    VERIFIER,
    VERIFIER_CA,
    VERIFIER_AUTH,
    VERIFIER_TIMEOUT,
    RESULT_SERIALIZATION,
    FAULT,
    EVENTS,
    ARTIFACTS,
};

static const struct argp_option table[] = {
    {0, 0, 0, 0, "The key and the request:", 1},
    {"device", DEVICE, "ADDRESS", 0, "the device: unix:PATH", 0},
    {"curve", CURVE, "p256|p384", 0, "of the identity key", 0},
    {"private-key", PRIVATE_KEY, "FILE", 0,
     "makes the key here instead, and writes it (PKCS#8, PEM, mode 0600) to a new file", 0},
    {"csr", CSR, "FILE", 0, "where the request (PKCS#10, PEM) is written", 0},
    {"subject", SUBJECT, "CN", 0, "common name (atls)", 0},
    {"dns", DNS, "NAME", 0, "subjectAltName; repeatable (localhost)", 0},
    {"ip", IP, "ADDRESS", 0, "subjectAltName; repeatable (127.0.0.1)", 0},
    {0, 0, 0, 0, "The CMW in the request:", 2},
    {"cmw", CMW, "FILE|auto", 0,
     "requests an extension with this CMW; auto: evidence for the new key, or a result, whose "
     "nonce "
     "is the hash of the key's SubjectPublicKeyInfo",
     0},
    {"cmw-oid", CMW_OID, "pe|tcg", 0, "id-pe-cmw (default), or TCG's extension", 0},
    {"cmw-critical", CMW_CRITICAL, 0, 0, "marks it critical, which RFC 9999 says it should not be",
     0},
    {"cmw-slot", CMW_SLOT, "cbor|json", 0, "puts it into that slot of the CHOICE, unchecked", 0},
    {"cmw-form", CMW_FORM, "record|tag", 0, "of evidence that is no collection, and of a result",
     0},
    {"attester", ATTESTER, "MODEL", 0, "background-check (default): evidence; passport: a result",
     0},
    /* its text is atls_evidence_formats_help() */
    {"evidence-format", EVIDENCE_FORMAT, ATLS_CONTRACT_EVIDENCE_FORMAT_NAMES, 0, "", 0},
    {"variant", VARIANT, "NAME=READING", 0,
     "one reading of what evidence answers (realm-challenge); others are the endpoint's", 0},
    {"serialization", SERIALIZATION, "cbor|json", 0, "of the CMW", 0},
    {"result-serialization", RESULT_SERIALIZATION, "jwt|cwt", 0, "as what that is asked for (jwt)",
     0},
    {"verifier", VERIFIER, "URL", 0, "where a passport gets its result", 0},
    {"verifier-ca", VERIFIER_CA, "FILE", 0,
     "who certifies an https verifier (PEM; default: the CAs of this machine)", 0},
    {"verifier-auth", VERIFIER_AUTH, "FILE", 0,
     "bearer token for --verifier: the first line of FILE", 0},
    {"verifier-timeout", VERIFIER_TIMEOUT, "MS", 0, "patience with it (5000)", 0},
    {0, 0, 0, 0, "What is seen and tried:", 3},
    {"events", EVENTS, "FILE", 0, "events, one JSON object a line (-: standard output)", 0},
    {"artifacts", ARTIFACTS, "DIR", 0, "the credential is written there", 0},
    {"second-device", SECOND_DEVICE, "ADDRESS", 0, "another device, for faults that need one", 0},
    {"fault", FAULT, "NAME[=VALUE]", 0, "breaks the evidence or its wrapper; repeatable", 0},
    {0}};

static bool second(const char *what, const char *value, const char *first, const char *other)
{
    if (strcmp(value, first) != 0 && strcmp(value, other) != 0)
        atls_program_unsupported(what, value);
    return strcmp(value, other) == 0;
}

static void add_name(struct argp_state *state, const char *names[ATLS_CSR_NAMES_MAX],
                     size_t *countp, const char *name)
{
    if (*countp == ATLS_CSR_NAMES_MAX)
        argp_error(state, "at most %d names of a kind", ATLS_CSR_NAMES_MAX);
    names[(*countp)++] = name;
}

static unsigned patience(struct argp_state *state, const char *text)
{
    uint64_t value = 0;
    if (atls_parse_number(text, "verifier timeout", 1, 3600000, &value) != 0)
        argp_error(state, "%s", atls_error_text());
    return (unsigned)value;
}

static void check(struct argp_state *state, struct enrolment *e)
{
    bool attests = e->cmw && strcmp(e->cmw, "auto") == 0;
    if (!e->csr_file)
        argp_error(state, "--csr is needed");
    if (!e->attester.device && (!e->key_file || attests))
        argp_error(state, "a --device is needed, but with --private-key and no --cmw auto");
    const struct atls_evidence_format *format = e->attester.evidence_format;
    const struct atls_evidence_format *without = atls_evidence_format_without_key();
    if (e->key_file && format && format->key_in)
        argp_error(state,
                   "--private-key with --evidence-format %s: a %s is about a key inside the "
                   "device, for one outside it there is none; use %s",
                   format->name, format->key_in, without->name);
    if (e->key_file && !format)
        e->attester.evidence_format = without;
    if (e->attester.verifier_url && atls_verifier_url_check(e->attester.verifier_url) != 0)
        argp_error(state, "--verifier: %s", atls_error_text());
    if (e->model == ATLS_MODEL_PASSPORT && !e->attester.verifier_url)
        argp_error(state, "a passport needs a --verifier");
    if (e->faults.count > 0 && !attests)
        argp_error(state, "a --fault is one of --cmw auto");
    if (e->csr.dns_count == 0)
        e->csr.dns[e->csr.dns_count++] = "localhost";
    if (e->csr.ip_count == 0)
        e->csr.ip[e->csr.ip_count++] = "127.0.0.1";
}

static bool parse_choice(struct enrolment *e, int flag, const char *arg)
{
    switch (flag) {
    case CURVE:
        e->attester.curve = second("--curve", arg, "p256", "p384") ? ATLS_P384 : ATLS_P256;
        break;
    case CMW_OID:
        e->csr.oid = second("--cmw-oid", arg, "pe", "tcg") ? ATLS_CMW_OID_TCG : ATLS_CMW_OID_PE;
        break;
    case CMW_CRITICAL:
        e->csr.critical = true;
        break;
    case CMW_SLOT:
        e->slot = second("--cmw-slot", arg, "cbor", "json") ? ATLS_JSON : ATLS_CBOR;
        break;
    case CMW_FORM:
        e->attester.cmw_form =
            second("--cmw-form", arg, "record", "tag") ? ATLS_CMW_TAG : ATLS_CMW_RECORD;
        break;
    case EVIDENCE_FORMAT:
        if (!(e->attester.evidence_format = atls_evidence_format_by_name(arg)))
            atls_program_unsupported("--evidence-format", arg);
        break;
    case VARIANT:
        if (atls_variants_set(&e->variants, arg) != 0 ||
            atls_variants_check(&e->variants, "x509-cmw") != 0)
            atls_program_unsupported("variant", arg);
        e->attester.challenge_hashed = e->variants.realm_challenge != 0;
        break;
    case SERIALIZATION:
        e->attester.serialization =
            second("--serialization", arg, "cbor", "json") ? ATLS_JSON : ATLS_CBOR;
        break;
    case RESULT_SERIALIZATION:
        e->results =
            second("--result-serialization", arg, "jwt", "cwt") ? ATLS_EAR_CWT : ATLS_EAR_JWT;
        break;
    case ATTESTER:
        e->model = second("--attester", arg, "background-check", "passport")
                       ? ATLS_MODEL_PASSPORT
                       : ATLS_MODEL_BACKGROUND_CHECK;
        break;
    case FAULT:
        if (atls_faults_add(&e->faults, arg) != 0)
            atls_program_unsupported("fault", arg);
        break;
    default:
        return false;
    }
    return true;
}

static error_t parse(int flag, char *arg, struct argp_state *state)
{
    struct enrolment *e = state->input;
    const struct {
        int flag;
        const char **to;
    } texts[] = {
        {DEVICE, &e->attester.device},
        {SECOND_DEVICE, &e->attester.second_device},
        {PRIVATE_KEY, &e->key_file},
        {CSR, &e->csr_file},
        {SUBJECT, &e->csr.common_name},
        {CMW, &e->cmw},
        {EVENTS, &e->events},
        {VERIFIER, &e->attester.verifier_url},
        {VERIFIER_CA, &e->access.ca_file},
        {VERIFIER_AUTH, &e->access.token_file},
        {ARTIFACTS, &e->attester.artifacts},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].flag == flag) {
            *texts[i].to = arg;
            return 0;
        }
    if (parse_choice(e, flag, arg))
        return 0;
    switch (flag) {
    case DNS:
        add_name(state, e->csr.dns, &e->csr.dns_count, arg);
        return 0;
    case IP:
        add_name(state, e->csr.ip, &e->csr.ip_count, arg);
        return 0;
    case VERIFIER_TIMEOUT:
        e->verifier_timeout_ms = patience(state, arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected: %s", arg);
        return EINVAL;
    case ARGP_KEY_END:
        check(state, e);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static char *help(int key, const char *text, void *input)
{
    return key == EVIDENCE_FORMAT ? atls_evidence_formats_help() : (char *)(uintptr_t)text;
}

/* Evidence for the key, or the result of its appraisal; nobody else waits meanwhile. */
static int attest(struct enrolment *e, struct atls_bytes challenge,
                  struct atls_credential *credentialp)
{
    struct atls_verifier_client *client = NULL;
    struct atls_attester *attester = NULL;
    e->attester.key_handle = e->handle;
    e->attester.key_outside = e->key_file != NULL;
    e->attester.key = e->public_key;
    e->attester.faults = &e->faults;
    int result = 0;
    if (e->model == ATLS_MODEL_PASSPORT)
        result = atls_verifier_client_new(e->verifier_timeout_ms, &client);
    if (client)
        atls_verifier_client_prefer(client, e->results);
    e->access.token_for = e->attester.verifier_url;
    if (result == 0 && client)
        result = atls_verifier_client_access(client, &e->access);
    if (result == 0)
        result = atls_attester_new(&e->attester, client, e->log, &attester);
    if (result == 0 && e->model == ATLS_MODEL_BACKGROUND_CHECK) {
        result = atls_attester_bound_evidence(attester, CONN, challenge, credentialp);
    } else if (result == 0) {
        while ((result = atls_attester_bound_result(attester, CONN, challenge, credentialp)) ==
               ATLS_E_AGAIN)
            if (atls_verifier_client_poll(client, NULL, 0, 1000) != 0)
                break;
    }
    atls_attester_free(attester);
    atls_verifier_client_free(client);
    return result;
}

static int wrap(struct enrolment *e, struct atls_bytes cmw)
{
    struct atls_faults broken = atls_faults_of_wrapper(&e->faults, true);
    int slot = e->slot >= 0 ? e->slot : (int)e->attester.serialization;
    size_t size;
    int result = e->slot >= 0 || broken.count > 0
                     ? atls_cmw_x509_put(e->csr.oid, (enum atls_serialization)slot, cmw,
                                         &e->extension, &size)
                     : atls_cmw_x509_encode(e->csr.oid, cmw, &e->extension, &size);
    if (result == 0)
        e->csr.extension = ATLS_BYTES(e->extension, size);
    return result;
}

static int make_extension(struct enrolment *e)
{
    uint8_t challenge[ATLS_HASH_MAX], *file;
    struct atls_credential credential = {.cmw = NULL};
    size_t size;
    if (!e->cmw)
        return 0;
    if (strcmp(e->cmw, "auto") != 0) {
        int result = atls_read_file(e->cmw, ATLS_CMW_MAX_SIZE, &file, &size);
        if (result != 0)
            return result;
        result = wrap(e, ATLS_BYTES(file, size));
        free(file);
        return result;
    }
    int result = atls_x509_challenge(&atls_crypto_hosted, &e->public_key, challenge, &size);
    if (result == 0)
        result = attest(e, ATLS_BYTES(challenge, size), &credential);
    if (result == 0)
        result = wrap(e, ATLS_BYTES(credential.cmw, credential.size));
    atls_credential_clear(&credential);
    return result;
}

static void tell(const struct enrolment *e, bool to_stdout)
{
    uint8_t spki[ATLS_SPKI_MAX];
    char handle[32];
    snprintf(handle, sizeof handle, ATLS_DEVICE_KEY_PREFIX "%u", (unsigned)e->handle);
    const char *name = e->key_file ? e->key_file : handle;
    atls_event(e->log, "enrolled", "{s:s, s:s, s:s, s:o}", "key", name, "curve",
               e->public_key.curve == ATLS_P384 ? "p384" : "p256", "csr", e->csr_file, "spki",
               atls_json_hex(ATLS_BYTES(spki, atls_spki_encode(&e->public_key, spki))));
    if (to_stdout)
        printf("%s\n", name);
}

static int make_device_key(struct enrolment *e)
{
    int result = atls_device_open(e->attester.device, DEVICE_TIMEOUT_MS, &e->device);
    if (result == 0)
        result = atls_device_create_key(e->device, e->attester.curve, &e->handle, &e->public_key);
    if (result == 0) /* whoever gets the certificate uses it from a connection of its own */
        result = atls_device_keep_key(e->device, e->handle);
    if (result == 0)
        result = atls_device_key_open(e->attester.device, DEVICE_TIMEOUT_MS, e->handle,
                                      &e->public_key, &e->key);
    return result == 0 ? atls_device_key_import(e->key, &e->signer) : result;
}

static int enrol(struct enrolment *e)
{
    char *pem = NULL;
    int result = e->key_file ? atls_software_key_make(e->attester.curve, e->key_file, &e->signer,
                                                      &e->public_key)
                             : make_device_key(e);
    if (result == 0)
        result = make_extension(e);
    if (result == 0)
        result = atls_csr_make(e->signer, &e->public_key, &e->csr, &pem);
    if (result == 0)
        result = atls_write_file(e->csr_file, atls_bytes_of_text(pem));
    free(pem);
    return result;
}

/* A key that nobody will get a certificate for is not left behind. */
static void finish(struct enrolment *e, bool keep)
{
    if (!keep && e->handle != 0) {
        char text[512];
        snprintf(text, sizeof text, "%s", atls_error_text());
        (void)atls_device_destroy_key(e->device, e->handle);
        atls_fail(ATLS_E_REFUSED, NULL, "%s", text);
    }
    if (!keep && e->key_file && e->signer)
        unlink(e->key_file);
    if (e->signer)
        gnutls_privkey_deinit(e->signer);
    atls_device_key_close(e->key);
    if (e->device)
        atls_device_close(e->device);
    free(e->extension);
}

static void warm(const void *context)
{
    (void)context;
    (void)atls_http_warm();
}

int main(int argc, char **argv)
{
    struct enrolment e = {.attester = {.device_timeout_ms = DEVICE_TIMEOUT_MS,
                                       .curve = ATLS_P256,
                                       .result_max_age = 3600},
                          .csr = {.common_name = "atls"},
                          .model = ATLS_MODEL_BACKGROUND_CHECK,
                          .verifier_timeout_ms = 5000,
                          .slot = -1};
    const struct argp argp = {
        .help_filter = help,
        .options = table,
        .parser = parse,
        .doc = "Makes a key in a device and a request for its certificate; prints device:HANDLE, "
               "or the file of --private-key.\v"
               "Exit codes: 0 done, 1 refused or failed, 2 usage, 77 not supported. It is a test "
               "tool: the root of trust is simulated."};
    atls_cases_serve(&argc, &argv, warm, NULL);
    atls_program_start("atls-enroll", 0);
    if (argp_parse(&argp, argc, argv, 0, NULL, &e) != 0)
        return ATLS_EXIT_USAGE;
    int result = atls_events_open(e.events, "enroll", &e.log);
    if (result == 0)
        result = enrol(&e);
    finish(&e, result == 0);
    if (result == 0)
        tell(&e, !e.events || strcmp(e.events, "-") != 0);
    else
        fprintf(stderr, "atls-enroll: %s\n", atls_error_text());
    bool whole = atls_events_close(e.log) == 0;
    return result == ATLS_E_UNSUPPORTED ? ATLS_EXIT_UNSUPPORTED
           : result == 0 && whole       ? ATLS_EXIT_DONE
                                        : ATLS_EXIT_REFUSED;
}
