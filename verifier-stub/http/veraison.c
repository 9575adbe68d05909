/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Veraison's web framework (gin) and Go's library make of a request: content negotiation,
 * paths, UUIDs, base64, media types; and the tables of its schemes. As recorded from its services,
 * main of August 2026 and release v0.0.2608.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/json/json.h"
#include "verifier-stub/http/api-private.h"
#include "verifier-stub/http/manners.h"

const struct atls_manners atls_manners_table[] = {
    {"veraison-main", "6b88102", ATLS_BASE64URL, false, ATLS_CORIM_MAIN},
    {"veraison-v0.0.2608", "v0.0.2608", ATLS_BASE64, true, ATLS_CORIM_V0_2608},
};
const size_t atls_manners_count = sizeof atls_manners_table / sizeof *atls_manners_table;

const struct atls_manners *atls_manners_named(const char *name)
{
    for (size_t i = 0; i < atls_manners_count; i++)
        if (strcmp(atls_manners_table[i].name, name) == 0)
            return &atls_manners_table[i];
    return NULL;
}

/* A scheme's types of evidence, and the profiles of its CoRIMs. */
#define PER_SCHEME 5
#define CORIMS_OF(profile) ATLS_MT_CORIM_OF(profile), ATLS_MT_CORIM_SIGNED_OF(profile)
static const struct scheme {
    const char *evidence[PER_SCHEME], *corim[PER_SCHEME];
} schemes[] = {
    {{ATLS_MT_PARSEC_TPM}, {CORIMS_OF(ATLS_CORIM_PARSEC_TPM_PROFILE)}},
    {{ATLS_MT_PSA_TOKEN, ATLS_MT_PSA_VERAISON, ATLS_MT_PSA_RFC9783, ATLS_VERAISON_MT_PSA_LEGACY},
     {CORIMS_OF(ATLS_CORIM_PSA_PROFILE)}},
    {{ATLS_MT_PARSEC_CCA}, {CORIMS_OF(ATLS_CORIM_PARSEC_CCA_PROFILE)}},
    {{"application/pem-certificate-chain"}, {CORIMS_OF("tag:veraison-project.com,2026:riot")}},
    {{ATLS_MT_CCA_TOKEN},
     {CORIMS_OF(ATLS_CORIM_CCA_PLATFORM_PROFILE), CORIMS_OF(ATLS_CORIM_CCA_REALM_PROFILE)}},
    {{"application/vnd.enacttrust.tpm-evidence"},
     {CORIMS_OF("https://enacttrust.com/veraison/1.0.0")}},
};
#define SCHEMES (sizeof schemes / sizeof *schemes)

/* Its list is a map's, which Go walks through from another place each time. */
json_t *atls_veraison_types(bool provisioning, const struct atls_crypto *crypto)
{
    json_t *types = json_array();
    uint8_t first = 0;

    if (crypto->random(&first, sizeof first) != 0) {
        json_decref(types);
        return NULL;
    }
    for (size_t i = 0; i < SCHEMES; i++) {
        const struct scheme *scheme = &schemes[(first + i) % SCHEMES];
        const char *const *all = provisioning ? scheme->corim : scheme->evidence;

        for (size_t j = 0; j < PER_SCHEME && all[j]; j++)
            atls_json_append(&types, json_string(all[j]));
    }
    return types;
}

const char *atls_veraison_type(bool provisioning, const char *type)
{
    for (size_t i = 0; i < SCHEMES; i++) {
        const char *const *all = provisioning ? schemes[i].corim : schemes[i].evidence;

        for (size_t j = 0; j < PER_SCHEME && all[j]; j++)
            if (atls_media_type_equal(atls_bytes_of_text(type), atls_bytes_of_text(all[j])))
                return all[j];
    }
    return NULL;
}

static size_t token_size(const char *text)
{
    size_t size = 0;

    while (isalnum((unsigned char)text[size]) ||
           (text[size] && strchr("!#$%&'*+-.^_`|~", text[size])))
        size++;
    return size;
}

/* Go's mime.ParseMediaType(): a word without subtype is one, too. */
const char *atls_veraison_type_flaw(const char *type)
{
    const char *at = type + strspn(type, " \t");
    size_t size = token_size(at);

    if (size == 0)
        return "mime: no media type";
    at += size;
    if (*at == '/') {
        at++;
        size = token_size(at);
        if (size == 0)
            return "mime: expected token after slash";
        at += size;
    }
    at += strspn(at, " \t");
    if (*at && *at != ';')
        return at[-1] == '/' ? "mime: unexpected content after media subtype"
                             : "mime: expected slash after first token";
    /* what follows is held to the grammar as it stands; a semicolon at the end is none's */
    if (*at == ';' && at[1 + strspn(at + 1, " \t")] &&
        !atls_media_type_valid(atls_bytes_of_text(type)))
        return "mime: invalid media parameter";
    return NULL;
}

/* gin's NegotiateFormat(): the beginning of a type is that type, letters have their case, and
 * weights mean nothing. */
bool atls_veraison_accepts(const char *accept, const char *type)
{
    bool any = false;

    for (const char *at = accept ? accept : ""; *at;) {
        size_t whole = strcspn(at, ","), size, i = 0;
        const char *range = at + strspn(at, " \t");

        size = range < at + whole ? strcspn(range, ",;") : 0;
        while (size > 0 && isspace((unsigned char)range[size - 1]))
            size--;
        at += whole + (at[whole] == ',');
        if (size == 0)
            continue;
        any = true;
        while (i < size && type[i] && range[i] == type[i])
            i++;
        if (i == size || (type[i] && range[i] == '*'))
            return true;
    }
    return !any;
}

/* Nobody asks for HEAD or OPTIONS there, and nothing describes itself. */
static bool is_route(const char *path, size_t size, const char *method)
{
    static const char *const methods[] = {"POST", "GET", "DELETE"};
    const struct atls_route *route = atls_route_of(path, size);
    bool known = false;

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        known = known || strcmp(method, methods[i]) == 0;
    return known && route && route->endpoint != ATLS_ENDPOINT_DESCRIPTION &&
           strstr(route->methods, method);
}

static void redirect(const struct atls_request *request, size_t size,
                     struct atls_response *response)
{
    bool get = strcmp(request->method, "GET") == 0;
    char *page = NULL;

    if (get && asprintf(&page, "<a href=\"%.*s\">Moved Permanently</a>.\n\n", (int)size,
                        request->path) < 0)
        page = NULL;
    if (get)
        atls_answer_text(response, 301, "text/html; charset=utf-8", page);
    else
        response->status = 307;
    response->location = strndup(request->path, size);
    if (!response->location || (get && !page))
        atls_answer_no_memory(response);
}

bool atls_veraison_route(const struct atls_request *request, struct atls_response *response)
{
    size_t size = strlen(request->path);

    if (is_route(request->path, size, request->method))
        return false;
    if (size > 1 && request->path[size - 1] == '/' &&
        is_route(request->path, size - 1, request->method)) {
        redirect(request, size - 1, response);
        return true;
    }
    atls_answer_unknown_path(response);
    return true;
}

static int refuse_id(const char *words)
{
    return atls_fail(ATLS_E_MALFORMED, NULL, "%s", words);
}

/* google/uuid's Parse(): plain, after urn:uuid:, between any two bytes, or without dashes. */
int atls_veraison_session_id(const char *text, char idp[ATLS_CHALLENGE_ID_SIZE + 1])
{
    static const char urn[] = "urn:uuid:";
    char id[ATLS_CHALLENGE_ID_SIZE + 1], words[80];
    size_t size = strlen(text);

    if (size == ATLS_CHALLENGE_ID_SIZE + strlen(urn)) {
        if (strncasecmp(text, urn, strlen(urn)) != 0) {
            snprintf(words, sizeof words, "invalid urn prefix: \"%.9s\"", text);
            return refuse_id(words);
        }
        text += strlen(urn);
    } else if (size == ATLS_CHALLENGE_ID_SIZE + 2) {
        text++;
    } else if (size != ATLS_CHALLENGE_ID_SIZE && size != 32) {
        snprintf(words, sizeof words, "invalid UUID length: %zu", size);
        return refuse_id(words);
    }
    if (size == 32)
        snprintf(id, sizeof id, "%.8s-%.4s-%.4s-%.4s-%.12s", text, text + 8, text + 12, text + 16,
                 text + 20);
    else
        snprintf(id, sizeof id, "%.36s", text);
    if (!atls_challenge_session_id_valid(id))
        return refuse_id("invalid UUID format");
    for (size_t i = 0; i < sizeof id; i++)
        idp[i] = (char)tolower((unsigned char)id[i]);
    return 0;
}

static int value_of(char digit)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = digit ? strchr(alphabet, digit) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* Go's base64: line ends are skipped, and bits behind the last byte mean nothing. */
int atls_veraison_nonce(const struct atls_manners *as, const char *text, uint8_t *nonce,
                        size_t room, size_t *sizep)
{
    size_t digits = 0, padding = 0, size = 0;
    unsigned bits = 0;

    for (; *text; text++) {
        int value = value_of(*text);

        if (*text == '\r' || *text == '\n')
            continue;
        if (*text == '=') {
            padding++;
            continue;
        }
        if (value < 0 || padding > 0)
            return atls_fail(ATLS_E_MALFORMED, NULL, "nonce must be valid base64");
        bits = bits << 6 | (unsigned)value;
        digits++;
        if (digits % 4 != 1) {
            if (size < room)
                nonce[size] = (uint8_t)(bits >> (6 - 2 * (digits % 4 ? digits % 4 - 1 : 3)));
            size++;
        }
    }
    if (digits % 4 == 1 || (padding > 0 && (digits % 4 == 0 || padding != 4 - digits % 4)) ||
        (padding == 0 && digits % 4 != 0 && as->pads_queries))
        return atls_fail(ATLS_E_MALFORMED, NULL, "nonce must be valid base64");
    *sizep = size;
    return 0;
}

static bool utc_of(int64_t milliseconds, struct tm *utcp)
{
    time_t seconds = (time_t)(milliseconds / 1000);

    return gmtime_r(&seconds, utcp) != NULL;
}

json_t *atls_veraison_time(int64_t milliseconds, unsigned nanoseconds)
{
    char day[32], fraction[24];
    struct tm utc;
    size_t size;

    if (!utc_of(milliseconds, &utc) || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        return NULL;
    size = (size_t)snprintf(fraction, sizeof fraction, ".%03u%06u", (unsigned)(milliseconds % 1000),
                            nanoseconds % 1000000);
    while (size > 0 && strchr("0.", fraction[size - 1])) { /* as RFC3339Nano has it */
        bool point = fraction[--size] == '.';

        fraction[size] = 0;
        if (point)
            break;
    }
    return json_sprintf("%s%sZ", day, fraction);
}

void atls_veraison_expires(int64_t milliseconds, struct atls_response *response)
{
    struct tm utc;

    response->cache_control = "max-age=60";
    if (!utc_of(milliseconds + 60000, &utc) || strftime(response->expires, sizeof response->expires,
                                                        "%a, %d %b %Y %H:%M:%S UTC", &utc) == 0)
        response->expires[0] = 0;
}
