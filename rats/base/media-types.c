/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of media types and CoAP content formats, and the comparison of media types. A
 * comparison of bytes would keep two peers apart that only write a parameter differently.
 */
#include "rats/base/media-types.h"

#include <string.h>

#include "rats/base/error.h"

/* More parameters than any type of the field has; bounds the comparison of every pair of them. */
enum { PARAMETERS_MAX = 16, NAME_MAX_SIZE = 127 };

const struct atls_media_type atls_media_types[] = {
    {"application/eat+cwt", ATLS_CF_EAT_CWT, "EAT in a CWT"},
    {"application/eat+jwt", ATLS_CF_EAT_JWT, "EAT in a JWT"},
    {"application/eat-bun+cbor", 265, "detached EAT bundle, CBOR"},
    {"application/eat-bun+json", 266, "detached EAT bundle, JSON"},
    {"application/eat-ucs+cbor", 267, "unsigned EAT claims, CBOR"},
    {"application/eat-ucs+json", 268, "unsigned EAT claims, JSON"},
    {"application/cmw+cbor", ATLS_CF_CMW_CBOR, "conceptual message wrapper, CBOR"},
    {"application/cmw+json", ATLS_CF_CMW_JSON, "conceptual message wrapper, JSON"},
    {"application/cmw+cose", 275, "conceptual message wrapper signed with COSE"},
    {"application/cmw+jws", 276, "conceptual message wrapper signed with JWS"},
    {ATLS_MT_PSA_RFC9783, 10003, "PSA attestation token (RFC 9783)"},
    {"application/eat+cwt; eat_profile=\"tag:psacertified.org,2019:psa#legacy\"", 10004,
     "PSA attestation token (PSA_IOT_PROFILE_1)"},
    {ATLS_MT_PSA_VERAISON, -1, "PSA attestation token (http://arm.com/psa/2.0.0)"},
    {ATLS_MT_PSA_TOKEN, -1, "PSA attestation token"},
    {ATLS_MT_RA_TLS, -1, "interoperable RA-TLS evidence"},
    {ATLS_MT_PARSEC_TPM, -1, "Parsec key attestation, TPM"},
    {ATLS_MT_PARSEC_CCA, -1, "Parsec key attestation, CCA"},
    {ATLS_MT_CCA_TOKEN, -1, "Arm CCA attestation token"},
    {"application/rim+cbor", -1, "CoRIM"},
    {"application/cose; cose-type=\"cose-sign1\"", 18, "COSE_Sign1"},
    {"application/cwt", 61, "CBOR web token"},
    {"application/cbor", 60, "CBOR"},
    {"application/json", 50, "JSON"},
};
const size_t atls_media_types_count = sizeof atls_media_types / sizeof *atls_media_types;

struct parameter {
    struct atls_bytes name;
    struct atls_bytes value; /* with its quotes, where it has them */
};

struct media_type {
    struct atls_bytes essence; /* type/subtype */
    struct parameter parameters[PARAMETERS_MAX];
    size_t count;
};

/* Locale and the C library have no say here. */
static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool equal_ignoring_case(struct atls_bytes a, struct atls_bytes b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

/* Where a media type stands decides how it may be written: the type of a CMW record or of evidence
 * is a Content-Type of RFC 9193; a field of HTTP has blanks and empty parameters besides, and takes
 * tokens for names. */
struct rules {
    bool http;
    const char *grammar, *names;
};
static const struct rules rfc_9193 = {false, "RFC 9193 section 6", "RFC 6838 section 4.2"};
static const struct rules rfc_9110 = {true, "RFC 9110 section 8.3.1", "RFC 9110 section 5.6.2"};

static bool is_alphanumeric(uint8_t c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* tchar, RFC 9110 section 5.6.2 */
static bool is_token_character(uint8_t c)
{
    return is_alphanumeric(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

/* restricted-name-chars, RFC 6838 section 4.2 */
static bool is_name_character(uint8_t c)
{
    return is_alphanumeric(c) || (c != 0 && strchr("!#$&-^_.+", c));
}

static bool is_blank(const struct rules *rules, uint8_t c)
{
    return c == ' ' || (rules->http && c == '\t');
}

/* qdtext and its ends, and what may follow a backslash: printable ASCII, and in HTTP also tabs and
 * what is beyond ASCII (RFC 9110 section 5.6.4). */
static bool is_quoted_character(const struct rules *rules, uint8_t c)
{
    return (c >= ' ' && c < 0x7f) || (rules->http && (c == '\t' || c > 0x7f));
}

/* Each of these takes a piece from the front of IN; an empty piece where there is none. */
static struct atls_bytes take(struct atls_bytes *in, size_t size)
{
    struct atls_bytes piece = {in->data, size};

    if (size > 0)
        *in = ATLS_BYTES(in->data + size, in->size - size);
    return piece;
}

static struct atls_bytes take_while(struct atls_bytes *in, bool (*fits)(uint8_t c))
{
    size_t size = 0;

    while (size < in->size && fits(in->data[size]))
        size++;
    return take(in, size);
}

static void skip_blanks(const struct rules *rules, struct atls_bytes *in)
{
    size_t size = 0;

    while (size < in->size && is_blank(rules, in->data[size]))
        size++;
    take(in, size);
}

static bool take_character(struct atls_bytes *in, char c)
{
    if (in->size == 0 || in->data[0] != (uint8_t)c)
        return false;
    take(in, 1);
    return true;
}

static struct atls_bytes take_quoted(const struct rules *rules, struct atls_bytes *in)
{
    size_t size = 1;

    while (size < in->size && in->data[size] != '"') {
        size += in->data[size] == '\\';
        if (size >= in->size || !is_quoted_character(rules, in->data[size]))
            return ATLS_BYTES(NULL, 0);
        size++;
    }
    return size < in->size ? take(in, size + 1) : ATLS_BYTES(NULL, 0);
}

/* What is wrong with a media type, and by which clause. */
struct flaw {
    const char *clause, *text;
};

static bool flawed(struct flaw *flaw, const char *clause, const char *text)
{
    *flaw = (struct flaw){clause, text};
    return false;
}

/* A type or subtype. */
static bool take_name(const struct rules *rules, struct atls_bytes *in, struct flaw *flaw)
{
    struct atls_bytes name;

    if (rules->http)
        return take_while(in, is_token_character).size > 0 ||
               flawed(flaw, rules->names, "expected a token as type and as subtype");
    name = take_while(in, is_name_character);
    if (in->size > 0 && is_token_character(in->data[0])) /* of HTTP's tokens */
        return flawed(flaw, rules->names,
                      "type and subtype hold letters, digits and !#$&-^_.+ only, another character "
                      "came");
    if (name.size == 0 || !is_alphanumeric(name.data[0]))
        return flawed(flaw, rules->names,
                      "expected type and subtype, each of letters, digits and !#$&-^_.+ and "
                      "with a letter or digit in front");
    return name.size <= NAME_MAX_SIZE ||
           flawed(flaw, rules->names, "type and subtype have at most 127 characters each");
}

/* What follows ";" and blanks: name=value. In HTTP there may be nothing ("; ;", RFC 9110 section
 * 5.6.6). */
static bool parse_parameter(const struct rules *rules, struct atls_bytes *in,
                            struct media_type *type, struct flaw *flaw)
{
    struct parameter parameter;

    parameter.name = take_while(in, is_token_character);
    if (parameter.name.size == 0 && rules->http &&
        (in->size == 0 || in->data[0] == ';' || is_blank(rules, in->data[0])))
        return true;
    if (parameter.name.size == 0 || !take_character(in, '='))
        return flawed(flaw, rules->grammar, "expected a parameter, name=value, behind \";\"");
    if (type->count == PARAMETERS_MAX)
        return flawed(flaw, NULL, "at most 16 parameters are read");
    parameter.value = in->size > 0 && in->data[0] == '"' ? take_quoted(rules, in)
                                                         : take_while(in, is_token_character);
    if (parameter.value.size == 0)
        return flawed(flaw, rules->grammar,
                      "expected a token or a string in quotes as the value of a parameter");
    for (size_t i = 0; i < type->count; i++)
        if (equal_ignoring_case(type->parameters[i].name, parameter.name))
            return flawed(flaw, "RFC 6838 section 4.3", "a parameter came twice");
    type->parameters[type->count++] = parameter;
    return true;
}

static bool parse_by(const struct rules *rules, struct atls_bytes in, struct media_type *type,
                     struct flaw *flaw)
{
    struct atls_bytes start = in;

    type->count = 0;
    if (!take_name(rules, &in, flaw))
        return false;
    if (!take_character(&in, '/'))
        return flawed(flaw, rules->grammar, "expected \"/\" between type and subtype");
    if (!take_name(rules, &in, flaw))
        return false;
    type->essence = ATLS_BYTES(start.data, start.size - in.size);
    while (in.size > 0) {
        skip_blanks(rules, &in);
        if (!take_character(&in, ';')) /* blanks at the end are of neither grammar */
            return flawed(flaw, rules->grammar,
                          "expected \";\" and a parameter, or the end, behind the subtype or "
                          "a parameter");
        skip_blanks(rules, &in);
        if (!parse_parameter(rules, &in, type, flaw))
            return false;
    }
    return true;
}

/* Comparing, what HTTP allows will do: where more was demanded, it was when the text came. */
static bool parse(struct atls_bytes in, struct media_type *type)
{
    struct flaw ignored;

    return parse_by(&rfc_9110, in, type, &ignored);
}

/* The next character of a value without its quotes and backslashes; -1 at its end. */
static int next_character(struct atls_bytes value, size_t *at, bool ignore_case)
{
    bool quoted = value.data[0] == '"';

    if (quoted && *at == 0)
        ++*at;
    if (*at >= value.size - quoted)
        return -1;
    if (quoted && value.data[*at] == '\\')
        ++*at;
    ++*at;
    return ignore_case ? lower(value.data[*at - 1]) : value.data[*at - 1];
}

static bool value_equal(struct atls_bytes a, struct atls_bytes b, bool ignore_case)
{
    size_t at_a = 0, at_b = 0;
    int from_a, from_b;

    do {
        from_a = next_character(a, &at_a, ignore_case);
        from_b = next_character(b, &at_b, ignore_case);
    } while (from_a == from_b && from_a >= 0);
    return from_a == from_b;
}

static bool has_parameter(const struct media_type *type, const struct parameter *wanted)
{
    /* RFC 9782 section 3: the only one of the field whose value is registered so */
    bool ignore_case = equal_ignoring_case(wanted->name, atls_bytes_of_text("eat_profile"));

    for (size_t i = 0; i < type->count; i++)
        if (equal_ignoring_case(type->parameters[i].name, wanted->name))
            return value_equal(type->parameters[i].value, wanted->value, ignore_case);
    return false;
}

static bool parsed_equal(const struct media_type *a, const struct media_type *b)
{
    if (!equal_ignoring_case(a->essence, b->essence) || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) /* names are unique, so this direction is enough */
        if (!has_parameter(b, &a->parameters[i]))
            return false;
    return true;
}

bool atls_media_type_equal(struct atls_bytes a, struct atls_bytes b)
{
    struct media_type parsed_a, parsed_b;

    if (!parse(a, &parsed_a))
        return false;
    return atls_bytes_equal(a, b) || (parse(b, &parsed_b) && parsed_equal(&parsed_a, &parsed_b));
}

int atls_media_type_check(struct atls_bytes name)
{
    struct media_type parsed;
    struct flaw flaw;

    return parse_by(&rfc_9193, name, &parsed, &flaw)
               ? 0
               : atls_fail(ATLS_E_MALFORMED, flaw.clause, "media type: %s", flaw.text);
}

bool atls_media_type_valid(struct atls_bytes name)
{
    struct media_type parsed;

    return parse(name, &parsed);
}

const struct atls_media_type *atls_media_type_by_content_format(unsigned content_format)
{
    for (size_t i = 0; i < atls_media_types_count; i++)
        if (atls_media_types[i].content_format >= 0 &&
            (unsigned)atls_media_types[i].content_format == content_format)
            return &atls_media_types[i];
    return NULL;
}

const struct atls_media_type *atls_media_type_by_name(struct atls_bytes name)
{
    const struct atls_media_type *without_parameters = NULL;
    struct media_type parsed, known;

    if (!parse(name, &parsed))
        return NULL;
    for (size_t i = 0; i < atls_media_types_count; i++) {
        if (!parse(atls_bytes_of_text(atls_media_types[i].name), &known))
            continue;
        if (parsed_equal(&parsed, &known))
            return &atls_media_types[i];
        if (known.count == 0 && equal_ignoring_case(parsed.essence, known.essence))
            without_parameters = &atls_media_types[i];
    }
    return without_parameters;
}
