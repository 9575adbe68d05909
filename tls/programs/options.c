/* SPDX-License-Identifier: Apache-2.0 */
/* One argp parser for both programs; what is one side's alone is refused on the other. */
#include "tls/programs/options-check.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/contract.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "tls/engine/carrier.h"
#include "tls/keys/device-key.h"

enum flag {
    PROFILE = 256,
    EVENTS,
    KEYLOG,
    ARTIFACTS,
    ATTESTER,
    RELYING_PARTY,
    POLICY,
    DEVICE,
    SECOND_DEVICE,
    EVIDENCE_TYPE,
    SERIALIZATION,
    EVIDENCE_FORMAT,
    CMW_FORM,
    CURVE,
    VERIFIER,
    VERIFIER_CA,
    VERIFIER_AUTH,
    VERIFIER_ID,
    TRUST_VERIFIER,
    AUDIENCE,
    ACCEPT_TIER,
    NONCE_SIZE,
    RESULT_SERIALIZATION,
    NONCES_AHEAD,
    RESULT_MAX_AGE,
    CLOCK_OFFSET,
    CERT,
    KEY,
    CA,
    MESSAGE,
    CODE_POINTS,
    VERIFIER_TIMEOUT,
    TIMEOUT,
    FAULT,
    HRR,
    CREDENTIAL_KIND,
    VARIANT,
    REATTEST,
    ATTACK,
    LEAK,
    CONNECT,
    CONNECTIONS,
    SERVER_NAME,
    LISTEN,
    MAX_CONNECTIONS,
};

static const struct argp_option shared[] = {
    {0, 0, 0, 0, "Attestation:", 1},
    {"profile", PROFILE, "NAME", 0, "how attestation rides in TLS: " ATLS_CONTRACT_PROFILE_NAMES,
     0},
    {"attester", ATTESTER, "MODELS", 0,
     "this side attests itself: none (default), or a list in order of preference of "
     "background-check, passport",
     0},
    {"relying-party", RELYING_PARTY, "MODELS", 0, "this side wants its peer attested: likewise", 0},
    {"policy", POLICY, "required|optional", 0,
     "when the peer cannot attest: refuse (default), or fall back to plain X.509", 0},
    {"device", DEVICE, "ADDRESS", 0, "the attester's device: unix:PATH", 0},
    {"second-device", SECOND_DEVICE, "ADDRESS", 0, "another device, for faults that need one", 0},
    {"evidence-type", EVIDENCE_TYPE, "TYPE", 0,
     "evidence that this side can make or appraise: cf:N or a media type; repeatable, in order of "
     "preference (default cf:273; in poc-mbedtls cf:1)",
     0},
    {"serialization", SERIALIZATION, "cbor|json", 0, "of the CMW that the attester sends", 0},
    /* its text is atls_evidence_formats_help() */
    {"evidence-format", EVIDENCE_FORMAT, ATLS_CONTRACT_EVIDENCE_FORMAT_NAMES, 0, "", 0},
    {"cmw-form", CMW_FORM, "record|tag", 0, "of evidence that is no collection, and of a result",
     0},
    {"credential-kind", CREDENTIAL_KIND, "attestation|cert", 0,
     "of ta-07: evidence in place of the certificate (default), or beside it", 0},
    {"reattest", REATTEST, "N", 0,
     "of expat-04: a relying party asks N times more, each with a new context (0); of seat-06 a "
     "server, with --variant post-handshake=handshake-binder",
     0},
    {"curve", CURVE, "p256|p384", 0, "of the identity key", 0},
    {"verifier", VERIFIER, "URL", 0,
     "where a background check sends evidence, and where an attester gets its result", 0},
    {"verifier-ca", VERIFIER_CA, "FILE", 0,
     "who certifies https verifiers (PEM; default: the CAs of this machine)", 0},
    {"verifier-auth", VERIFIER_AUTH, "FILE", 0,
     "bearer token for --verifier: the first line of FILE", 0},
    {"verifier-id", VERIFIER_ID, "ID", 0, "identity of the verifier of the attester's result", 0},
    {"trust-verifier", TRUST_VERIFIER, "ID=SOURCE", 0,
     "a verifier whose results are trusted: SOURCE is a JWK file or the verifier's URL; "
     "repeatable, in order of preference",
     0},
    {"audience", AUDIENCE, "NAME", 0,
     "a name of this relying party, for results that say whom they are for (aud); repeatable", 0},
    {"accept-tier", ACCEPT_TIER, "affirming|warning", 0, "worst acceptable tier", 0},
    {"nonce-size", NONCE_SIZE, "N", 0, "bytes of nonce asked of the verifier, 8 to 64 (32)", 0},
    {"result-serialization", RESULT_SERIALIZATION, "jwt|cwt", 0,
     "as what results are asked of the verifier and presented; a relying party to whom one may be "
     "presented as a CWT takes JWTs, too (jwt)",
     0},
    {"nonces-ahead", NONCES_AHEAD, "N", 0,
     "so many of the verifier's nonces are asked for ahead of need, 0 to 64 (0)", 0},
    {"result-max-age", RESULT_MAX_AGE, "SECONDS", 0, "life of a result without exp (3600)", 0},
    {"clock-offset", CLOCK_OFFSET, "SECONDS", 0, "added to this party's clock", 0},
    {"code-points", CODE_POINTS, "FILE", 0, "JSON object that overrides code points by name", 0},
    {0, 0, 0, 0, "Plain X.509 and the connection:", 2},
    {"cert", CERT, "FILE", 0, "certificate chain (PEM), used where this side does not attest", 0},
    {"key", KEY, "FILE", 0, "its private key (PEM), or device:HANDLE: a key enrolled in the device",
     0},
    {"ca", CA, "FILE", 0, "trust anchors (PEM) for a peer that presents X.509", 0},
    {"message", MESSAGE, "TEXT", 0, "the line of application data", 0},
    {"timeout", TIMEOUT, "SECONDS", 0, "patience with one handshake (20)", 0},
    {"verifier-timeout", VERIFIER_TIMEOUT, "MS", 0, "patience with the verifier (5000)", 0},
    {0, 0, 0, 0, "What is seen and tried:", 3},
    {"events", EVENTS, "FILE", 0, "events, one JSON object a line (-: standard output)", 0},
    {"keylog", KEYLOG, "FILE", 0, "TLS secrets in NSS key log format, appended", 0},
    {"artifacts", ARTIFACTS, "DIR", 0, "credentials and results are written there", 0},
    {"hrr", HRR, 0, 0, "bring about a HelloRetryRequest", 0},
    {"variant", VARIANT, "NAME=READING", 0,
     "one reading of a draft that has several; repeatable, listed below", 0},
    {"fault", FAULT, "NAME[=VALUE]", 0, "misbehave in one way; repeatable", 0},
    {"attack", ATTACK, "ID", 0, "the attack that is played with this side", 0},
    {"leak", LEAK, "WHAT=FILE", 0,
     "with --attack: a secret is given away, a line at the end of FILE: handshake-secret (TLS "
     "1.3's, of each connection)",
     0},
    {0}};

static const struct argp_option of_client[] = {
    {"connect", CONNECT, "HOST:PORT", 0, "the server", 2},
    {"connections", CONNECTIONS, "N", 0, "that many at once (1)", 2},
    {"server-name", SERVER_NAME, "NAME", 0,
     "the server's name, which it is asked for and certified by (default: HOST)", 2},
    {0}};

static const struct argp_option of_server[] = {
    {"listen", LISTEN, "HOST:PORT", 0, "port 0 picks one", 2},
    {"max-connections", MAX_CONNECTIONS, "N", 0, "exit after N have ended (0: never)", 2},
    {0}};

/* The place of VALUE among WORDS; what is none of them is not supported. */
static int word(const char *what, const char *value, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], value) == 0)
            return i;
    atls_program_unsupported(what, value);
}

static uint64_t number(struct argp_state *state, const char *what, const char *text, uint64_t least,
                       uint64_t most)
{
    uint64_t value = 0;
    if (atls_parse_number(text, what, least, most, &value) != 0)
        argp_error(state, "%s", atls_error_text());
    return value;
}

static size_t models(const char *what, const char *list, enum atls_model model[ATLS_MODELS_MAX])
{
    static const char *const words[] = {"none", "background-check", "passport", NULL};
    size_t count = 0;
    if (strcmp(list, "none") == 0)
        return 0;
    while (true) {
        char name[32];
        size_t size = strcspn(list, ",");
        snprintf(name, sizeof name, "%.*s", (int)size, list);
        enum atls_model next = (enum atls_model)word(what, name, words);
        if (next == ATLS_MODEL_NONE || count == ATLS_MODELS_MAX || (count == 1 && model[0] == next))
            atls_program_unsupported(what, list);
        model[count++] = next;
        if (list[size] == '\0')
            return count;
        list += size + 1;
    }
}

/* Splits TEXT behind the last (or first) SEPARATOR into storage of the options. */
static bool split(struct atls_options *options, const char *text, int separator, bool last,
                  char **firstp, char **secondp)
{
    if (options->storage_count == ATLS_LISTED_MAX)
        return false;
    char *copy = strdup(text);
    if (!copy)
        return false;
    options->storage[options->storage_count++] = copy;
    char *at = last ? strrchr(copy, separator) : strchr(copy, separator);
    if (!at || at == copy || at[1] == '\0')
        return false;
    *at = '\0';
    *firstp = copy;
    *secondp = at + 1;
    return true;
}

static void address(struct argp_state *state, struct atls_options *options, const char *text)
{
    if (!split(options, text, ':', true, &options->host, &options->port))
        argp_error(state, "expected HOST:PORT, came %s", text);
    number(state, "port", options->port, options->side == ATLS_CLIENT, 65535);
    size_t size = strlen(options->host);
    if (options->host[0] == '[' && options->host[size - 1] == ']') { /* IPv6 */
        options->host[size - 1] = '\0';
        options->host++;
    }
}

static void evidence_type(struct argp_state *state, struct atls_options *options, const char *text)
{
    if (options->type_count == ATLS_LISTED_MAX)
        argp_error(state, "at most %d evidence types", ATLS_LISTED_MAX);
    if (atls_evidence_type_parse(text, &options->types[options->type_count]) != 0)
        atls_program_unsupported("evidence type", text);
    options->type_count++;
}

static void trusted_verifier(struct argp_state *state, struct atls_options *options,
                             const char *text)
{
    char *id = NULL, *source = NULL;
    if (options->trusted_count == ATLS_LISTED_MAX ||
        !split(options, text, '=', false, &id, &source))
        argp_error(state, "--trust-verifier: expected ID=SOURCE, at most %d times",
                   ATLS_LISTED_MAX);
    options->trusted[options->trusted_count++] =
        (struct atls_trusted_verifier){.id = id, .source = source};
}

static void audience(struct argp_state *state, struct atls_options *options, const char *name)
{
    if (options->audience_count == ATLS_LISTED_MAX || *name == '\0')
        argp_error(state, "--audience: expected a name, at most %d times", ATLS_LISTED_MAX);
    options->audience[options->audience_count++] = name;
}

static void clock_offset(struct argp_state *state, struct atls_options *options, const char *text)
{
    const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;
    int64_t value = (int64_t)number(state, "clock offset", digits, 0, UINT32_MAX);
    options->clock_offset = text[0] == '-' ? -value : value;
}

static void add_fault(const char *text, struct atls_options *options)
{
    if (atls_faults_add(&options->faults, text) != 0)
        atls_program_unsupported("fault", text);
}

static void leak(struct argp_state *state, struct atls_options *options, const char *text)
{
    static const char *const names[] = {"handshake-secret", NULL};
    int result = atls_leaks_add(&options->leaks, text, names);
    if (result == ATLS_E_UNSUPPORTED)
        atls_program_unsupported("leak", text);
    if (result != 0)
        argp_error(state, "%s", atls_error_text());
}

static const char *const curves[] = {"p256", "p384", NULL};

/* Flags whose value is a word or a number. */
static bool parse_choice(struct argp_state *state, struct atls_options *o, int flag,
                         const char *arg)
{
    static const char *const policies[] = {"optional", "required", NULL};
    static const char *const serializations[] = {"cbor", "json", NULL};
    static const char *const results[] = {"jwt", "cwt", NULL};
    static const char *const forms[] = {"record", "tag", NULL};
    static const char *const kinds[] = {"attestation", "cert", NULL};
    static const char *const tiers[] = {"affirming", "warning", NULL};
    switch (flag) {
    case PROFILE:
        if (!(o->profile = atls_profile_by_name(arg)))
            atls_program_unsupported("profile", arg);
        break;
    case ATTESTER:
        o->attester_count = models("--attester", arg, o->attester);
        break;
    case RELYING_PARTY:
        o->relying_party_count = models("--relying-party", arg, o->relying_party);
        break;
    case POLICY:
        o->required = word("--policy", arg, policies) == 1;
        break;
    case SERIALIZATION:
        o->serialization =
            word("--serialization", arg, serializations) == 0 ? ATLS_CBOR : ATLS_JSON;
        break;
    case EVIDENCE_FORMAT:
        if (!(o->evidence_format = atls_evidence_format_by_name(arg)))
            atls_program_unsupported("--evidence-format", arg);
        o->format_given = true;
        break;
    case CMW_FORM:
        o->cmw_form = word("--cmw-form", arg, forms) == 0 ? ATLS_CMW_RECORD : ATLS_CMW_TAG;
        break;
    case CREDENTIAL_KIND:
        o->credential_kind = word("--credential-kind", arg, kinds) == 0
                                 ? ATLS_KIND_ATTESTATION
                                 : ATLS_KIND_CERT_ATTESTATION;
        break;
    case CURVE:
        o->curve = word("--curve", arg, curves) == 0 ? ATLS_P256 : ATLS_P384;
        break;
    case ACCEPT_TIER:
        o->accept_tier =
            word("--accept-tier", arg, tiers) == 0 ? ATLS_TIER_AFFIRMING : ATLS_TIER_WARNING;
        break;
    case NONCE_SIZE:
        o->nonce_size = number(state, "nonce size", arg, 8, 64);
        break;
    case NONCES_AHEAD:
        o->nonces_ahead = (unsigned)number(state, "nonces ahead", arg, 0, ATLS_NONCES_MAX);
        break;
    case REATTEST:
        o->reattest = (unsigned)number(state, "re-attestation", arg, 0, 100);
        break;
    case RESULT_SERIALIZATION:
        o->results =
            word("--result-serialization", arg, results) == 0 ? ATLS_EAR_JWT : ATLS_EAR_CWT;
        break;
    case RESULT_MAX_AGE:
        o->result_max_age = (int64_t)number(state, "result age", arg, 0, UINT32_MAX);
        break;
    case CLOCK_OFFSET:
        clock_offset(state, o, arg);
        break;
    case VERIFIER_TIMEOUT:
        o->verifier_timeout_ms = (unsigned)number(state, "verifier timeout", arg, 1, 3600000);
        break;
    case TIMEOUT:
        o->timeout = (double)number(state, "timeout", arg, 1, 86400);
        break;
    case CONNECTIONS:
        o->connections = (unsigned)number(state, "connections", arg, 1, 100000);
        break;
    case MAX_CONNECTIONS:
        o->connections = (unsigned)number(state, "connections", arg, 0, UINT32_MAX);
        break;
    default:
        return false;
    }
    return true;
}

/* Flags whose value is a name, a path, an address, or a list of such. */
static bool parse_text(struct argp_state *state, struct atls_options *o, int flag, const char *arg)
{
    const struct {
        int flag;
        const char **to;
    } texts[] = {
        {EVENTS, &o->events},
        {KEYLOG, &o->keylog},
        {ARTIFACTS, &o->artifacts},
        {DEVICE, &o->device},
        {VERIFIER, &o->verifier},
        {SECOND_DEVICE, &o->second_device},
        {VERIFIER_CA, &o->verifier_ca},
        {VERIFIER_AUTH, &o->verifier_auth},
        {VERIFIER_ID, &o->verifier_id},
        {CERT, &o->certificate},
        {KEY, &o->key},
        {CA, &o->trust_anchors},
        {MESSAGE, &o->message},
        {SERVER_NAME, &o->server_name},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].flag == flag) {
            *texts[i].to = arg;
            return true;
        }
    switch (flag) {
    case EVIDENCE_TYPE:
        evidence_type(state, o, arg);
        break;
    case TRUST_VERIFIER:
        trusted_verifier(state, o, arg);
        break;
    case AUDIENCE:
        audience(state, o, arg);
        break;
    case CODE_POINTS:
        if (atls_code_points_load(&o->code_points, arg) != 0)
            argp_error(state, "--code-points %s: %s", arg, atls_error_text());
        break;
    case FAULT:
        add_fault(arg, o);
        break;
    case VARIANT:
        if (atls_variants_set(&o->variants, arg) != 0)
            atls_program_unsupported("variant", arg);
        break;
    case ATTACK:
        if (atls_leaks_attack(&o->leaks, arg) != 0)
            argp_error(state, "%s", atls_error_text());
        break;
    case LEAK:
        leak(state, o, arg);
        break;
    case CONNECT:
    case LISTEN:
        address(state, o, arg);
        break;
    case HRR:
        o->hrr = true;
        break;
    default:
        return false;
    }
    return true;
}

/* Is the key of a file the one that is attested? In a certificate the evidence is there already. */
static void settle_key(struct atls_options *o)
{
    const struct atls_carrier *carrier =
        o->profile ? atls_carrier_of(o->profile, o->credential_kind) : NULL;
    o->key_attested = carrier && o->key && !atls_device_key_named(o->key) &&
                      o->attester_count > 0 && !carrier->replaces && !carrier->enrolled;
    if (o->key_attested && !o->format_given)
        o->evidence_format = atls_evidence_format_without_key();
}

static error_t parse(int flag, char *arg, struct argp_state *state)
{
    struct atls_options *options = state->input;
    if (flag == ARGP_KEY_INIT && state->child_inputs)
        state->child_inputs[0] = options;
    if (flag == ARGP_KEY_ARG)
        argp_error(state, "unexpected: %s", arg);
    if (flag == ARGP_KEY_END) {
        settle_key(options);
        atls_options_check(state, options);
    }
    if (parse_choice(state, options, flag, arg) || parse_text(state, options, flag, arg))
        return 0;
    return ARGP_ERR_UNKNOWN;
}

static char *help(int key, const char *text, void *input)
{
    return key == ARGP_KEY_HELP_EXTRA ? atls_variants_describe()
           : key == EVIDENCE_FORMAT   ? atls_evidence_formats_help()
                                      : (char *)(uintptr_t)text;
}

static error_t parse_own(int flag, char *arg, struct argp_state *state)
{
    return flag >= CONNECT && flag <= MAX_CONNECTIONS ? parse(flag, arg, state) : ARGP_ERR_UNKNOWN;
}

void atls_options_parse(enum atls_side side, int argc, char **argv, struct atls_options *optionsp)
{
    struct argp own = {.options = side == ATLS_CLIENT ? of_client : of_server, .parser = parse_own};
    struct argp_child children[] = {{.argp = &own}, {0}};
    struct argp argp = {
        .options = shared,
        .parser = parse,
        .children = children,
        .help_filter = help,
        .doc = side == ATLS_CLIENT
                   ? "Attested TLS client: one handshake, then a line each way.\v"
                     "Exit codes: 0 done, 1 refused or failed, 2 usage, 77 not supported. It is a "
                     "test tool: the root of trust is simulated."
                   : "Attested TLS server: for each connection a handshake, then a line each "
                     "way.\vExit codes: 0 done, 1 refused or failed, 2 usage, 77 not supported. It "
                     "is a test tool: the root of trust is simulated."};
    struct atls_options options = {
        .side = side,
        .required = true,
        .serialization = ATLS_CBOR,
        .evidence_format = atls_evidence_formats[0],
        .curve = ATLS_P256,
        .accept_tier = ATLS_TIER_AFFIRMING,
        .nonce_size = 32,
        .result_max_age = 3600,
        .verifier_timeout_ms = 5000,
        .timeout = 20,
        .message = side == ATLS_CLIENT ? "hello from client" : "hello from server",
        .connections = side == ATLS_CLIENT ? 1 : 0,
    };
    atls_code_points_default(&options.code_points);
    if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
        exit(ATLS_EXIT_USAGE);
    const struct atls_profile_limits *limits = options.profile->limits;
    if (options.type_count == 0)
        (void)atls_evidence_type_parse(limits ? limits->evidence_type : "cf:273",
                                       &options.types[options.type_count++]);
    if (limits && options.evidence_format != limits->evidence_in_cmw)
        options.evidence_format = limits->evidence_format;
    for (size_t i = 0; i < options.type_count; i++)
        options.types[i].credential_kind = (uint8_t)options.credential_kind;
    if (options.variants.entry_code_point != 0)
        options.code_points.value[ATLS_CP_ATTESTATION_EVIDENCE] =
            ATLS_ATTESTATION_EVIDENCE_OF_DRAFT;
    if (options.variants.cmw_code_point != 0)
        options.code_points.value[ATLS_CP_CMW_ATTESTATION] = ATLS_CMW_ATTESTATION_OF_RUST;
    *optionsp = options;
}

void atls_options_clear(struct atls_options *options)
{
    for (size_t i = 0; i < options->storage_count; i++)
        free(options->storage[i]);
}
