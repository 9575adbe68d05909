/* SPDX-License-Identifier: Apache-2.0 */
/* atls-verifier: flags, endorsements, key, then the server until a signal ends it. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "program/bearer.h"
#include "program/cases.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "rats/crypto/pem.h"
#include "rats/ear/ear.h"
#include "rats/json/jws.h"
#include "verifier-stub/http/manners.h"
#include "verifier-stub/http/server.h"
#include "verifier-stub/store/manifests.h"

#define ENDORSEMENTS_MAX 64
#define ENDORSERS_MAX 16
#define TOKEN_MIN 16  /* characters: less could be guessed */
#define PEM_MAX 65536 /* bytes of a certificate chain or a key */
#define FILE_MAX ((size_t)16 << 20)
#define SESSIONS_MAX 65536
#define SESSION_BYTES_MAX ((size_t)256 << 20)
#define WHO "verifier"

struct options {
    const char *listen, *store, *identity, *key_file, *public_key_file, *events_file;
    const char *provisioning_token_file, *token_file;
    const char *tls_certificate_file, *tls_key_file;
    const char *endorser_files[ENDORSERS_MAX];
    size_t endorser_count;
    const char *endorsements[ENDORSEMENTS_MAX];
    size_t endorsement_count;
    struct atls_verifier_fault faults[ATLS_VERIFIER_FAULTS_MAX];
    size_t fault_count;
    enum atls_base64 nonce_dialect;
    enum atls_ear_dialect ear_dialect;
    json_t *audience; /* NULL: none */
    bool terse, quiet, stay;
    const struct atls_manners *as; /* NULL: its own manners */
    const char *own;               /* a flag that does not go with those of another */
    unsigned result_lifetime, session_lifetime;
    unsigned cache_lifetime;  /* 0: no cache */
    unsigned request_seconds; /* 0: the server's default */
};

struct parts { /* of a running verifier, in the order of their making */
    struct atls_events *events;
    struct atls_store *store;
    struct atls_manifests *manifests;
    struct atls_sessions *sessions;
    struct atls_platform_cache *cache;
    json_t *key;
    struct atls_public_key endorsers[ENDORSERS_MAX];
    char *provisioning_token, *token;
    char *tls_certificate, *tls_key; /* PEM */
    struct atls_verifier *verifier;
};

enum {
    OPTION_STORE = 256,
    OPTION_ENDORSER_KEY,
    OPTION_PROVISIONING_TOKEN,
    OPTION_TOKEN,
    OPTION_TLS_CERTIFICATE,
    OPTION_TLS_KEY,
    OPTION_NONCE_DIALECT,
    OPTION_EAR_DIALECT,
    OPTION_IDENTITY,
    OPTION_AUDIENCE,
    OPTION_KEY,
    OPTION_PUBLIC_KEY,
    OPTION_RESULT_LIFETIME,
    OPTION_SESSION_LIFETIME,
    OPTION_CACHE,
    OPTION_REQUEST_TIMEOUT,
    OPTION_TERSE,
    OPTION_QUIET,
    OPTION_AS,
    OPTION_STAY,
    OPTION_FAULT,
    OPTION_EVENTS
};

static const struct argp_option argp_options[] = {
    {"listen", 'l', "HOST:PORT", 0, "Address; port 0 picks one (127.0.0.1:0)", 0},
    {"endorsements", 'e', "FILE", 0, "CoRIM to begin with; repeatable", 0},
    {"endorser-key", OPTION_ENDORSER_KEY, "FILE", 0,
     "Public key (JWK or PEM) of who may sign CoRIMs; repeatable. Then the provisioning API takes "
     "no "
     "unsigned ones",
     0},
    {"provisioning-token", OPTION_PROVISIONING_TOKEN, "FILE", 0,
     "Bearer token that the provisioning API asks for (default: it is open to anybody)", 0},
    {"token", OPTION_TOKEN, "FILE", 0,
     "Bearer token that the challenge-response API asks for (default: it is open to anybody)", 0},
    {"tls-certificate", OPTION_TLS_CERTIFICATE, "FILE", 0,
     "Serve HTTPS with this chain (PEM, its own certificate first; default: plain HTTP)", 0},
    {"tls-key", OPTION_TLS_KEY, "FILE", 0, "The private key of that certificate (PEM)", 0},
    {"as", OPTION_AS, "VERIFIER", 0,
     "Answer as another does, in status, words and verdicts: veraison-main or veraison-v0.0.2608. "
     "Less strict: see verifier-stub/README.md (default: its own way)",
     0},
    {"stay", OPTION_STAY, NULL, 0,
     "Stay when whoever started it ends. Without it the verifier ends with its parent: a script "
     "that starts it and goes on to end takes it along",
     0},
    {"store", OPTION_STORE, "KIND", 0, "memory or sqlite:PATH (memory)", 0},
    {"nonce-dialect", OPTION_NONCE_DIALECT, "KIND", 0,
     "base64url (Veraison main) or base64 (releases to v0.0.2608)", 0},
    {"ear-dialect", OPTION_EAR_DIALECT, "KIND", 0, "veraison, draft-03 or draft-04 (veraison)", 0},
    {"identity", OPTION_IDENTITY, "ID", 0, "The result's iss", 0},
    {"audience", OPTION_AUDIENCE, "NAME", 0,
     "Whom results are for (aud, RFC 7519 section 4.1.3); repeatable (default: anybody)", 0},
    {"key", OPTION_KEY, "FILE", 0, "Private JWK, EC P-256 (default: made for this run)", 0},
    {"public-key", OPTION_PUBLIC_KEY, "FILE", 0, "Write the public JWK there", 0},
    {"result-lifetime", OPTION_RESULT_LIFETIME, "S", 0, "Of a result (300)", 0},
    {"session-lifetime", OPTION_SESSION_LIFETIME, "S", 0, "Of a session (150)", 0},
    {"request-timeout", OPTION_REQUEST_TIMEOUT, "S", 0, "For a request to come in (60)", 0},
    {"cache", OPTION_CACHE, "S", 0,
     "Remember platform tokens that were found good, for so long (default: never)", 0},
    {"terse", OPTION_TERSE, NULL, 0, "Sessions and results say only what is needed", 0},
    {"quiet", OPTION_QUIET, NULL, 0, "Nothing is told of sessions and requests", 0},
    {"fault", OPTION_FAULT, "FAULT", 0,
     "delay=MS, garbage, status=CODE, hang or close, with @new-session, @session (default) or "
     "@discovery behind; repeatable",
     0},
    {"events", OPTION_EVENTS, "FILE", 0, "One JSON object a line (-: standard output)", 0},
    {0},
};

/* A flag value that this program does not know is not a usage error but an unsupported wish. */
__attribute__((noreturn)) static void refuse_value(const char *text)
{
    fprintf(stderr, "atls-verifier: not supported: %s\n", text);
    exit(ATLS_EXIT_UNSUPPORTED);
}

static void choose(const char *flag, const char *value, const char *first, const char *second,
                   bool *is_secondp)
{
    char text[160];

    *is_secondp = strcmp(value, second) == 0;
    if (*is_secondp || strcmp(value, first) == 0)
        return;
    snprintf(text, sizeof text, "%s: expected %s or %s, came \"%.40s\"", flag, first, second,
             value);
    refuse_value(text);
}

static enum atls_ear_dialect ear_dialect(const char *value)
{
    char text[160];

    for (int i = 0; i < ATLS_EAR_DIALECTS; i++)
        if (strcmp(value, atls_ear_dialect_name((enum atls_ear_dialect)i)) == 0)
            return (enum atls_ear_dialect)i;
    snprintf(text, sizeof text,
             "--ear-dialect: expected veraison, draft-03 or draft-04, came \"%.40s\"", value);
    refuse_value(text);
}

static unsigned seconds(const char *value, const char *flag, struct argp_state *state)
{
    uint64_t number = 0;

    if (atls_parse_number(value, flag, 1, 86400, &number) != 0)
        argp_error(state, "%s", atls_error_text());
    return (unsigned)number;
}

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);
    bool valid = string != NULL;

    json_decref(string);
    return valid;
}

static void add_fault(struct options *options, const char *text, struct argp_state *state)
{
    int result;

    if (options->fault_count == ATLS_VERIFIER_FAULTS_MAX)
        argp_error(state, "at most %d faults", ATLS_VERIFIER_FAULTS_MAX);
    result = atls_verifier_fault_parse(text, &options->faults[options->fault_count]);
    if (result > 0)
        refuse_value(atls_error_text());
    if (result < 0)
        argp_error(state, "%s", atls_error_text());
    options->fault_count++;
}

static void add_endorsements(struct options *options, const char *path, struct argp_state *state)
{
    if (options->endorsement_count == ENDORSEMENTS_MAX)
        argp_error(state, "at most %d endorsement files", ENDORSEMENTS_MAX);
    options->endorsements[options->endorsement_count++] = path;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *options = state->input;
    bool second = false;

    switch (key) {
    case 'l':
        options->listen = value;
        break;
    case 'e':
        add_endorsements(options, value, state);
        break;
    case OPTION_STORE:
        options->store = value;
        break;
    case OPTION_ENDORSER_KEY:
        if (options->endorser_count == ENDORSERS_MAX)
            argp_error(state, "at most %d endorsers' keys", ENDORSERS_MAX);
        options->endorser_files[options->endorser_count++] = value;
        break;
    case OPTION_PROVISIONING_TOKEN:
        options->provisioning_token_file = value;
        break;
    case OPTION_TOKEN:
        options->token_file = value;
        break;
    case OPTION_TLS_CERTIFICATE:
        options->tls_certificate_file = value;
        break;
    case OPTION_TLS_KEY:
        options->tls_key_file = value;
        break;
    case OPTION_AS:
        options->as = atls_manners_named(value);
        if (!options->as)
            atls_program_unsupported("--as", value);
        break;
    case OPTION_STAY:
        options->stay = true;
        break;
    case OPTION_NONCE_DIALECT:
        options->own = "--nonce-dialect";
        choose("--nonce-dialect", value, "base64url", "base64", &second);
        options->nonce_dialect = second ? ATLS_BASE64 : ATLS_BASE64URL;
        break;
    case OPTION_EAR_DIALECT:
        options->own = "--ear-dialect";
        options->ear_dialect = ear_dialect(value);
        break;
    case OPTION_IDENTITY:
        options->own = "--identity";
        if (!is_utf8(value) || !value[0])
            argp_error(state, "--identity: expected a name in UTF-8");
        options->identity = value;
        break;
    case OPTION_AUDIENCE:
        options->own = "--audience";
        if (!is_utf8(value) || !value[0])
            argp_error(state, "--audience: expected a name in UTF-8");
        options->audience = options->audience ? options->audience : json_array();
        if (json_array_append_new(options->audience, json_string(value)) != 0)
            argp_failure(state, ATLS_EXIT_REFUSED, 0, "out of memory");
        break;
    case OPTION_KEY:
        options->key_file = value;
        break;
    case OPTION_PUBLIC_KEY:
        options->public_key_file = value;
        break;
    case OPTION_RESULT_LIFETIME:
        options->own = "--result-lifetime";
        options->result_lifetime = seconds(value, "--result-lifetime", state);
        break;
    case OPTION_SESSION_LIFETIME:
        options->session_lifetime = seconds(value, "--session-lifetime", state);
        break;
    case OPTION_FAULT:
        add_fault(options, value, state);
        break;
    case OPTION_REQUEST_TIMEOUT:
        options->request_seconds = seconds(value, "--request-timeout", state);
        break;
    case OPTION_CACHE:
        options->cache_lifetime = seconds(value, "--cache", state);
        break;
    case OPTION_TERSE:
        options->own = "--terse";
        options->terse = true;
        break;
    case OPTION_QUIET:
        options->quiet = true;
        break;
    case OPTION_EVENTS:
        options->events_file = value;
        break;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected: %s", value);
        break;
    case ARGP_KEY_END:
        if (options->as && options->own)
            argp_error(state, "%s does not go with --as, which says it itself", options->own);
        if (!options->tls_certificate_file != !options->tls_key_file)
            argp_error(state, "--tls-certificate and --tls-key come together");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int load_key(const struct options *options, json_t **keyp)
{
    uint8_t *text;
    size_t size;
    int result;

    if (!options->key_file)
        return atls_signing_key_make(keyp);
    result = atls_read_file(options->key_file, 65536, &text, &size);
    if (result != 0)
        return result;
    result = atls_signing_key_parse(ATLS_BYTES(text, size), keyp);
    explicit_bzero(text, size);
    free(text);
    if (result != 0)
        fprintf(stderr, "atls-verifier: --key %s was not taken\n", options->key_file);
    return result;
}

static int write_public_key(const char *path, const json_t *key)
{
    json_t *public_part = atls_signing_key_public(key);
    char *text = public_part ? atls_json_write(public_part, JSON_INDENT(2)) : NULL;
    int result;

    json_decref(public_part);
    if (!text)
        return atls_fail(-ENOMEM, NULL, "no memory for the public key");
    result = atls_write_file(path, atls_bytes_of_text(text));
    free(text);
    return result;
}

static int load_pem(const char *path, char **pemp)
{
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, PEM_MAX, &data, &size);

    if (result == 0)
        *pemp = (char *)data; /* zero-terminated */
    return result;
}

static int read_public_key(struct atls_bytes in, struct atls_public_key *keyp)
{
    json_error_t error;
    json_t *jwk;
    int result;

    if (memmem(in.data, in.size, "-----BEGIN", 10))
        return atls_pem_read_public_key(in, keyp);
    jwk = atls_json_loadb(in, JSON_REJECT_DUPLICATES, &error);
    if (!jwk)
        return atls_fail(ATLS_E_MALFORMED, "RFC 7517 section 4",
                         "expected a public key in PEM or as a JWK, came neither: %s", error.text);
    result = atls_jwk_to_public_key(jwk, keyp);
    json_decref(jwk);
    return result;
}

static int load_endorsers(const struct options *options, struct parts *parts)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < options->endorser_count; i++) {
        uint8_t *data;
        size_t size;

        result = atls_read_file(options->endorser_files[i], 65536, &data, &size);
        if (result != 0)
            return result;
        result = read_public_key(ATLS_BYTES(data, size), &parts->endorsers[i]);
        free(data);
        if (result != 0)
            fprintf(stderr, "atls-verifier: --endorser-key %s was not taken\n",
                    options->endorser_files[i]);
    }
    return result;
}

/* Files that are named on the command line are the operator's own: they need no signature, but one
 * that is there must be right. */
static int endorse(const struct options *options, struct parts *parts, const char *path)
{
    const struct atls_import_rules rules = {
        .now = (int64_t)time(NULL),
        .crypto = &atls_crypto_hosted,
        .endorsers = parts->endorsers,
        .endorser_count = options->endorser_count,
    };
    struct atls_store_import import;
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, FILE_MAX, &data, &size);

    if (result != 0)
        return result;
    result = atls_store_import_by(parts->store, &rules, ATLS_BYTES(data, size), &import);
    free(data);
    if (result != 0) {
        fprintf(stderr, "atls-verifier: --endorsements %s was not taken\n", path);
        return result;
    }
    atls_event_object(parts->events, "endorsed", atls_endorsed_fields(path, &import));
    return 0;
}

static int open_store(const struct options *options, struct parts *parts)
{
    int result = atls_store_open(options->store, &parts->store);

    if (result == ATLS_E_UNSUPPORTED)
        refuse_value(atls_error_text());
    for (size_t i = 0; result == 0 && i < options->endorsement_count; i++)
        result = endorse(options, parts, options->endorsements[i]);
    return result;
}

static int start_server(const struct options *options, struct parts *parts)
{
    struct atls_verifier_config config = {
        .api =
            {
                .as = options->as,
                .manifests = parts->manifests,
                .store = parts->store,
                .sessions = parts->sessions,
                .cache = parts->cache,
                .crypto = &atls_crypto_hosted,
                .clock = atls_clock_of_system(),
                .events = options->quiet ? NULL : parts->events,
                .result = {options->ear_dialect, options->identity,
                           options->as ? 0 : options->result_lifetime, parts->key,
                           options->audience, options->as ? &atls_appraisal_veraison : NULL},
                .nonce_dialect = options->as ? options->as->nonce_dialect : options->nonce_dialect,
                .terse = options->terse,
                .endorsers = parts->endorsers,
                .endorser_count = options->endorser_count,
                .provisioning_token = parts->provisioning_token,
                .token = parts->token,
            },
        .tls_certificate = parts->tls_certificate,
        .tls_key = parts->tls_key,
        .faults = options->faults,
        .fault_count = options->fault_count,
        .request_seconds = options->request_seconds,
    };
    int result = atls_verifier_start(&config, options->listen, &parts->verifier);

    if (result == 0)
        atls_event(parts->events, "ready", "{s:s, s:i}", "address",
                   atls_verifier_address(parts->verifier), "port",
                   (int)atls_verifier_port(parts->verifier));
    return result;
}

static int start(const struct options *options, struct parts *parts)
{
    struct atls_sessions_limits limits = {
        .lifetime_ms = options->session_lifetime * 1000,
        .max_sessions = SESSIONS_MAX,
        .max_bytes = SESSION_BYTES_MAX,
        .renews = options->as != NULL,
        .repeats = options->as != NULL,
        .dated_ids = options->as != NULL,
    };
    int result = atls_events_open(options->events_file, WHO, &parts->events);

    if (result == 0) {
        atls_events_in_words(parts->events, stderr);
        result = load_key(options, &parts->key);
    }
    if (result == ATLS_E_UNSUPPORTED)
        refuse_value(atls_error_text());
    if (result == 0 && options->public_key_file)
        result = write_public_key(options->public_key_file, parts->key);
    if (result == 0)
        result = load_endorsers(options, parts);
    if (result == 0 && options->provisioning_token_file)
        result = atls_bearer_read("--provisioning-token", options->provisioning_token_file,
                                  TOKEN_MIN, &parts->provisioning_token);
    if (result == 0 && options->token_file)
        result = atls_bearer_read("--token", options->token_file, TOKEN_MIN, &parts->token);
    if (result == 0 && options->tls_certificate_file)
        result = load_pem(options->tls_certificate_file, &parts->tls_certificate);
    if (result == 0 && options->tls_key_file)
        result = load_pem(options->tls_key_file, &parts->tls_key);
    if (result == 0 && options->as)
        result = atls_manifests_open(&parts->manifests);
    if (result == 0)
        result = open_store(options, parts);
    if (result == 0)
        result = atls_sessions_open(&limits, atls_clock_of_system(), &atls_crypto_hosted,
                                    &parts->sessions);
    if (result == 0 && options->cache_lifetime > 0)
        result = atls_platform_cache_open(options->cache_lifetime, atls_clock_of_system(),
                                          &parts->cache);
    if (result == 0)
        result = start_server(options, parts);
    return result;
}

/* -errno where the events are not whole. */
static int stop(struct parts *parts)
{
    atls_verifier_stop(parts->verifier);
    atls_sessions_close(parts->sessions);
    atls_platform_cache_close(parts->cache);
    atls_store_close(parts->store);
    atls_manifests_close(parts->manifests);
    json_decref(parts->key);
    atls_bearer_free(parts->provisioning_token);
    atls_bearer_free(parts->token);
    atls_bearer_free(parts->tls_key);
    free(parts->tls_certificate);
    return atls_events_close(parts->events);
}

/* Each connection takes a descriptor: the customary 1024 are too few for a crowd. */
static void allow_many_connections(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        argp_options,
        parse_option,
        NULL,
        "A verifier for tests: Veraison's challenge-response and endorsement-provisioning APIs. "
        "Its results speak of a simulated root of trust.",
        NULL,
        NULL,
        NULL};
    struct options options = {
        .listen = "127.0.0.1:0",
        .store = "memory",
        .nonce_dialect = ATLS_BASE64URL,
        .ear_dialect = ATLS_EAR_VERAISON,
        .result_lifetime = 300,
        .session_lifetime = 150,
    };
    struct parts parts = {0};
    sigset_t signals;
    int result, signal_number;

    atls_cases_serve(&argc, &argv, NULL, NULL);
    atls_program_start("atls-verifier", 0);
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    atls_program_stay(options.stay);
    allow_many_connections();
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* the server's threads inherit it */
    result = start(&options, &parts);
    if (result == 0)
        sigwait(&signals, &signal_number);
    else
        fprintf(stderr, "atls-verifier: %s\n", atls_error_text());
    if (stop(&parts) != 0 && result == 0)
        result = -EIO;
    json_decref(options.audience);
    return result == 0 ? ATLS_EXIT_DONE : ATLS_EXIT_REFUSED;
}
