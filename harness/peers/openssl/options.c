/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of the peer contract. What is not a flag ends with 2, what is one and cannot be done
 * here with 77, before any packet. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "profiles.h"

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
    CREDENTIAL_KIND,
    REATTEST,
    VARIANT,
    CURVE,
    VERIFIER,
    VERIFIER_ID,
    TRUST_VERIFIER,
    ACCEPT_TIER,
    NONCE_SIZE,
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
    CONNECT,
    CONNECTIONS,
    LISTEN,
    MAX_CONNECTIONS,
    HELP,
    VERSION
};
#define WITH required_argument
static const struct option flags[] = {{"profile", WITH, NULL, PROFILE},
                                      {"events", WITH, NULL, EVENTS},
                                      {"keylog", WITH, NULL, KEYLOG},
                                      {"artifacts", WITH, NULL, ARTIFACTS},
                                      {"attester", WITH, NULL, ATTESTER},
                                      {"relying-party", WITH, NULL, RELYING_PARTY},
                                      {"policy", WITH, NULL, POLICY},
                                      {"device", WITH, NULL, DEVICE},
                                      {"second-device", WITH, NULL, SECOND_DEVICE},
                                      {"evidence-type", WITH, NULL, EVIDENCE_TYPE},
                                      {"serialization", WITH, NULL, SERIALIZATION},
                                      {"evidence-format", WITH, NULL, EVIDENCE_FORMAT},
                                      {"cmw-form", WITH, NULL, CMW_FORM},
                                      {"credential-kind", WITH, NULL, CREDENTIAL_KIND},
                                      {"reattest", WITH, NULL, REATTEST},
                                      {"variant", WITH, NULL, VARIANT},
                                      {"curve", WITH, NULL, CURVE},
                                      {"verifier", WITH, NULL, VERIFIER},
                                      {"verifier-id", WITH, NULL, VERIFIER_ID},
                                      {"trust-verifier", WITH, NULL, TRUST_VERIFIER},
                                      {"accept-tier", WITH, NULL, ACCEPT_TIER},
                                      {"nonce-size", WITH, NULL, NONCE_SIZE},
                                      {"result-max-age", WITH, NULL, RESULT_MAX_AGE},
                                      {"clock-offset", WITH, NULL, CLOCK_OFFSET},
                                      {"cert", WITH, NULL, CERT},
                                      {"key", WITH, NULL, KEY},
                                      {"ca", WITH, NULL, CA},
                                      {"message", WITH, NULL, MESSAGE},
                                      {"code-points", WITH, NULL, CODE_POINTS},
                                      {"verifier-timeout", WITH, NULL, VERIFIER_TIMEOUT},
                                      {"timeout", WITH, NULL, TIMEOUT},
                                      {"fault", WITH, NULL, FAULT},
                                      {"hrr", no_argument, NULL, HRR},
                                      {"connect", WITH, NULL, CONNECT},
                                      {"connections", WITH, NULL, CONNECTIONS},
                                      {"listen", WITH, NULL, LISTEN},
                                      {"max-connections", WITH, NULL, MAX_CONNECTIONS},
                                      {"help", no_argument, NULL, HELP},
                                      {"version", no_argument, NULL, VERSION},
                                      {NULL, 0, NULL, 0}};

static _Noreturn void usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void usage(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(EXIT_USAGE);
}

static _Noreturn void unsupported(const char *what, const char *value)
{
    fprintf(stderr, "not supported: %s %s\n", what, value);
    exit(EXIT_UNSUPPORTED);
}

static _Noreturn void help(void)
{
    printf("Attested TLS on %s; flags, events and exit codes are those of the peer contract\n"
           "(harness/peers/README.md):\n",
           library_version());
    for (const struct option *flag = flags; flag->name; flag++)
        printf("  --%s%s\n", flag->name, flag->has_arg ? " VALUE" : "");
    printf("It is a test tool: the root of trust is simulated.\n");
    exit(EXIT_DONE);
}

static bool word(const char *what, const char *value, const char *no, const char *yes)
{
    if (strcmp(value, yes) == 0)
        return true;
    if (strcmp(value, no) != 0)
        unsupported(what, value);
    return false;
}

static uint64_t number(const char *what, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < least || value > most)
        usage("%s: expected %llu to %llu, came %s", what, (unsigned long long)least,
              (unsigned long long)most, text);
    return value;
}

static void models(const char *what, const char *list, struct abilities *abilities)
{
    char *copy = text_copy(text_bytes(list)), *rest = copy, *name;
    abilities->count = 0;
    while (strcmp(list, "none") != 0 && (name = strsep(&rest, ","))) {
        enum model model = strcmp(name, "background-check") == 0 ? MODEL_BACKGROUND_CHECK
                           : strcmp(name, "passport") == 0       ? MODEL_PASSPORT
                                                                 : MODEL_NONE;
        if (model == MODEL_NONE || able(abilities, model))
            unsupported(what, list);
        abilities->models[abilities->count++] = model;
    }
    free(copy);
}

static void evidence_type(struct party *p, const char *text)
{
    if (p->type_count == LISTED_MAX)
        usage("at most %d evidence types", LISTED_MAX);
    struct evidence_type *type = &p->types[p->type_count++];
    *type = (struct evidence_type){.is_content_format = strncmp(text, "cf:", 3) == 0};
    if (type->is_content_format)
        type->content_format = (unsigned)number("evidence type", text + 3, 0, UINT16_MAX);
    else if (!strchr(text, '/') || strlen(text) > 251)
        unsupported("evidence type", text);
    else
        type->media_type = text_bytes(text);
}

static void trusted_verifier(struct party *p, const char *text)
{
    const char *at = strchr(text, '=');
    if (!at || at == text || !at[1] || p->trusted_count == LISTED_MAX)
        usage("--trust-verifier: expected ID=SOURCE, came %s", text);
    p->trusted[p->trusted_count++] =
        (struct trusted){.id = text_copy(BYTES(text, (size_t)(at - text))), .source = at + 1};
}

static void address(struct party *p, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        usage("expected HOST:PORT, came %s", text);
    number("port", colon + 1, p->side == CLIENT ? 1 : 0, 65535);
    bool bracketed = text[0] == '[' && colon[-1] == ']';
    size_t size = (size_t)(colon - text);
    p->host = bracketed ? text_copy(BYTES(text + 1, size - 2)) : text_copy(BYTES(text, size));
    p->port = colon + 1;
}

static void code_points(struct party *p, const char *path)
{
    json_error_t error;
    json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *value;
    const char *name;
    if (!json_is_object(object))
        usage("%s: %s", path, object ? "expected an object" : error.text);
    json_object_foreach(object, name, value)
    {
        const char *text = json_string_value(value);
        long long numeric = text ? strtoll(text, NULL, 0) : json_integer_value(value);
        size_t i = 0;
        while (i < POINTS && strcmp(point_name((enum point)i), name) != 0)
            i++;
        if (i == POINTS)
            unsupported("code point", name);
        if (numeric < 0 || numeric > (i < UNSUPPORTED_EVIDENCE ? 0xFFFF : 0xFF))
            usage("%s: %s is out of range", path, name);
        p->points[i] = (uint16_t)numeric;
    }
    json_decref(object);
}

/* Of the readings that drafts allow, this adapter has the first of each. */
static void variant(const char *text)
{
    static const char *const had[] = {
        "hello-retry=message-hash", "payload-prefix=drafted",
        "no-common=alert",          "evidence-type-match=off",
        "result-nonce=drafted",     "public-key=spki",
        "cmw-code-point=0xFF00",    "exporter-label=EXPORTER-cmw-attestation",
    };
    for (size_t i = 0; i < sizeof had / sizeof *had; i++)
        if (strcmp(had[i], text) == 0)
            return;
    unsupported("variant", text);
}

/* The one way in which this adapter misbehaves: in the certificate it is atls-enroll's to do. */
static void fault(struct party *p, const char *text)
{
    static const char name[] = "foreign-nonce=";
    if (strncmp(text, name, sizeof name - 1) != 0 || p->foreign.size > 0)
        unsupported("fault", text);
    if (hex_read(text + sizeof name - 1, &p->foreign) || p->foreign.size < 8 ||
        p->foreign.size > 64)
        usage("--fault foreign-nonce: expected 8 to 64 bytes in hexadecimal");
}

/* Why, of profiles that others have. */
static _Noreturn void no_profile(const char *name)
{
    unsupported(name,
                strncmp(name, "ta-", 3) == 0
                    ? "as a profile: the library's Certificate holds X.509 and nothing in its "
                      "place, and the Handshake Secret, of which the binder beside X.509 is made, "
                      "it tells nobody"
                    : "as a profile");
}

static void take_choice(struct party *p, int flag, const char *value)
{
    switch (flag) {
    case PROFILE:
        if (!(p->profile = profile_by_name(value)))
            no_profile(value);
        break;
    case ATTESTER:
        models("--attester", value, &p->attester);
        break;
    case RELYING_PARTY:
        models("--relying-party", value, &p->relying_party);
        break;
    case POLICY:
        p->required = word("--policy", value, "optional", "required");
        break;
    case SERIALIZATION:
        p->json = word("--serialization", value, "cbor", "json");
        break;
    case EVIDENCE_FORMAT:
        p->psa = word("--evidence-format", value, "cab", "psa");
        break;
    case CMW_FORM:
        p->tag = word("--cmw-form", value, "record", "tag");
        break;
    case CURVE: /* the leaf's key has one already */
        (void)word("--curve", value, "p256", "p384");
        break;
    case ACCEPT_TIER:
        p->accept_tier =
            word("--accept-tier", value, "affirming", "warning") ? TIER_WARNING : TIER_AFFIRMING;
        break;
    case CREDENTIAL_KIND:
        if (strcmp(value, "attestation") != 0)
            unsupported("--credential-kind", value);
        break;
    case VARIANT:
        variant(value);
        break;
    case FAULT:
        fault(p, value);
        break;
    case EVIDENCE_TYPE:
        evidence_type(p, value);
        break;
    case TRUST_VERIFIER:
        trusted_verifier(p, value);
        break;
    case CODE_POINTS:
        code_points(p, value);
        break;
    case CONNECT:
    case LISTEN:
        address(p, value);
        break;
    case HRR:
        p->hrr = true;
        break;
    default:
        break;
    }
}

static void take_count(struct party *p, int flag, const char *value)
{
    switch (flag) {
    case REATTEST:
        p->reattest = (unsigned)number("--reattest", value, 0, 100);
        break;
    case NONCE_SIZE:
        p->nonce_size = (unsigned)number("--nonce-size", value, 8, 64);
        break;
    case RESULT_MAX_AGE:
        p->result_max_age = (int64_t)number("--result-max-age", value, 0, UINT32_MAX);
        break;
    case CLOCK_OFFSET:
        p->clock_offset = (int64_t)number("--clock-offset", value + (*value == '-'), 0, UINT32_MAX);
        p->clock_offset = *value == '-' ? -p->clock_offset : p->clock_offset;
        break;
    case VERIFIER_TIMEOUT:
        p->verifier_timeout_ms = (unsigned)number("--verifier-timeout", value, 1, 3600000);
        break;
    case TIMEOUT:
        p->timeout = (double)number("--timeout", value, 1, 86400);
        break;
    case CONNECTIONS:
        p->connections = (unsigned)number("--connections", value, 1, 10000);
        break;
    case MAX_CONNECTIONS:
        p->connections = (unsigned)number("--max-connections", value, 0, UINT32_MAX);
        break;
    default:
        break;
    }
}

static void take_text(struct party *p, int flag, const char *value)
{
    const struct {
        int flag;
        const char **to;
    } texts[] = {{EVENTS, &p->events},    {KEYLOG, &p->keylog},     {ARTIFACTS, &p->artifacts},
                 {DEVICE, &p->device},    {VERIFIER, &p->verifier}, {VERIFIER_ID, &p->verifier_id},
                 {CERT, &p->certificate}, {KEY, &p->key},           {CA, &p->ca},
                 {MESSAGE, &p->message}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].flag == flag)
            *texts[i].to = value;
}

static void check(const struct party *p)
{
    if (!p->profile)
        usage("--profile is needed");
    if (!p->host)
        usage(p->side == CLIENT ? "--connect is needed" : "--listen is needed");
    bool fetches = able(&p->attester, MODEL_PASSPORT) && p->profile->carrier != IN_CERTIFICATE;
    if (!p->verifier && (fetches || able(&p->relying_party, MODEL_BACKGROUND_CHECK)))
        usage("a passport attester and a background check need a --verifier");
    if (able(&p->relying_party, MODEL_PASSPORT) && p->trusted_count == 0)
        usage("a passport relying party needs a --trust-verifier");
    if (!p->certificate != !p->key)
        usage("--cert and --key come together");
    if (p->side == SERVER && !p->key)
        unsupported("a server without", "--cert and --key");
    bool in_device = p->key && strncmp(p->key, "device:", 7) == 0;
    if (p->attester.count > 0 && p->profile->carrier != IN_CERTIFICATE && !in_device)
        unsupported("an attester without", "--key device:HANDLE");
    if (in_device && !p->device)
        usage("--key device:HANDLE needs a --device");
    if (p->json && p->tag)
        unsupported("in JSON", "--cmw-form tag");
    if (p->reattest > 0 && p->profile->carrier != IN_AUTHENTICATOR)
        unsupported("--reattest with profile", p->profile->name);
    if (strchr(p->message, '\n') || strlen(p->message) > 4000)
        usage("--message is one line of at most 4000 bytes");
    if (p->foreign.size > 0 && (p->attester.count == 0 || p->profile->carrier == IN_CERTIFICATE))
        unsupported("in this role and profile: fault", "foreign-nonce");
    const char *cannot = library_cannot(p);
    if (cannot)
        unsupported(p->profile->name, cannot);
}

void party_parse(enum side side, int argc, char **argv, struct party *partyp)
{
    struct party p = {
        .side = side,
        .required = true,
        .accept_tier = TIER_AFFIRMING,
        .nonce_size = 32,
        .result_max_age = 3600,
        .verifier_timeout_ms = 5000,
        .timeout = 20,
        .message = side == CLIENT ? "hello from client" : "hello from server",
        .connections = side == CLIENT ? 1 : 0,
    };
    int flag;
    points_default(p.points);
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        bool of_client = flag == CONNECT || flag == CONNECTIONS;
        bool of_server = flag == LISTEN || flag == MAX_CONNECTIONS;
        if (flag == '?' || (of_client && side == SERVER) || (of_server && side == CLIENT))
            usage("not a flag of this program; --help tells which are");
        if (flag == HELP)
            help();
        if (flag == VERSION) {
            printf("%s\n", library_version());
            exit(EXIT_DONE);
        }
        take_choice(&p, flag, optarg);
        take_count(&p, flag, optarg);
        take_text(&p, flag, optarg);
    }
    if (optind < argc)
        usage("unexpected: %s", argv[optind]);
    if (p.type_count == 0)
        evidence_type(&p, "cf:273");
    check(&p);
    *partyp = p;
}
