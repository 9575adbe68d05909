/* SPDX-License-Identifier: Apache-2.0 */
/* Which endpoint answers, and the forms that all answers share. */
#include "verifier-stub/http/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/json/json.h"
#include "verifier-stub/http/api-private.h"
#include "verifier-stub/http/manners.h"

static const struct atls_realm appraisal_realm = {
    .missing = "Bearer realm=\"challenge-response\"",
    .wrong = "Bearer realm=\"challenge-response\", error=\"invalid_token\"",
    .what = "evidence is appraised that comes",
};

#define DESCRIPTION_TYPE "application/vnd.oai.openapi+json"

void atls_response_clear(struct atls_response *response)
{
    free(response->location);
    free(response->accept);
    free(response->body);
    *response = (struct atls_response){0};
}

void atls_answer_bytes(struct atls_response *response, unsigned status, const char *content_type,
                       char *body, size_t size)
{
    response->status = body ? status : 500;
    response->content_type = body ? content_type : NULL;
    response->body = body;
    response->body_size = body ? size : 0;
}

void atls_answer_text(struct atls_response *response, unsigned status, const char *content_type,
                      char *text)
{
    atls_answer_bytes(response, status, content_type, text, text ? strlen(text) : 0);
}

void atls_answer_no_memory(struct atls_response *response)
{
    atls_response_clear(response);
    response->status = 500;
}

void atls_answer_json(struct atls_response *response, unsigned status, const char *content_type,
                      json_t *json)
{
    atls_answer_text(response, status, content_type,
                     json ? atls_json_write(json, JSON_COMPACT) : NULL);
    json_decref(json);
}

/* Takes TYPES over; NULL: no memory. */
static char *type_list(json_t *types)
{
    char *text = NULL;
    size_t size = 0, i;
    FILE *list = types ? open_memstream(&text, &size) : NULL;
    json_t *type;

    if (list) {
        json_array_foreach(types, i, type)
            fprintf(list, "%s%s", i ? ", " : "", json_string_value(type));
        if (fclose(list) != 0) {
            free(text);
            text = NULL;
        }
    }
    json_decref(types);
    return text;
}

void atls_answer_accept(struct atls_response *response, json_t *types)
{
    response->accept = type_list(types);
    if (!response->accept)
        atls_answer_no_memory(response);
}

static const char *title_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *title;
    } table[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].status == status)
            return table[i].title;
    }
    return "Error";
}

void atls_answer_problem(struct atls_response *response, unsigned status, const char *reason,
                         const char *format, ...)
{
    char text[600], detail[sizeof text];
    va_list arguments;
    json_t *problem;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    atls_printable(text, strlen(text), detail, sizeof detail);
    problem = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", title_of(status),
                        "status", (int)status, "detail", detail);
    if (reason && problem)
        atls_json_add(&problem, "atls.reason", json_string(reason));
    atls_answer_json(response, status, "application/problem+json", problem);
}

void atls_api_problem(struct atls_response *responsep, unsigned status, const char *detail)
{
    *responsep = (struct atls_response){0};
    atls_answer_problem(responsep, status, NULL, "%s", detail);
}

/* How closely a range names TYPE: 3 but for its parameters, 2 "type/" and a star, 1 everything, 0
 * not at all. */
static int closeness(const char *range, size_t size, const char *type)
{
    const char *slash = strchr(type, '/');

    if (size == 3 && memcmp(range, "*/*", 3) == 0)
        return 1;
    if (size >= 2 && memcmp(range + size - 2, "/*", 2) == 0)
        return size - 1 == (size_t)(slash - type) + 1 && strncasecmp(range, type, size - 1) == 0
                   ? 2
                   : 0;
    return size == strcspn(type, ";") && strncasecmp(range, type, size) == 0 ? 3 : 0;
}

/* weight = "0" ["." 0*3DIGIT] / "1" ["." 0*3("0")] (RFC 9110 section 12.4.2), in thousandths; what
 * is no weight weighs nothing. */
static int weight_of(const char *text, size_t size)
{
    int weight = 0;

    if (size == 0 || size > 5 || text[0] < '0' || text[0] > '1' || (size > 1 && text[1] != '.'))
        return 0;
    weight = (text[0] - '0') * 1000;
    for (size_t i = 2, unit = 100; i < size; i++, unit /= 10) {
        if (text[i] < '0' || text[i] > (text[0] == '1' ? '0' : '9'))
            return 0;
        weight += (text[i] - '0') * (int)unit;
    }
    return weight;
}

/* The length of what stands before one of ENDS, which mean nothing within a quoted string. */
static size_t span(const char *text, const char *ends)
{
    bool quoted = false;
    size_t i = 0;

    for (; text[i] && (quoted || !strchr(ends, text[i])); i++) {
        if (quoted && text[i] == '\\' && text[i + 1])
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
    }
    return i;
}

static const char *trim(const char *text, size_t *size)
{
    while (*size > 0 && strchr(" \t", *text)) {
        text++;
        --*size;
    }
    while (*size > 0 && strchr(" \t", text[*size - 1]))
        --*size;
    return text;
}

/* One member of the list: how closely it names TYPE, and its weight. Parameters in front of the
 * weight are compared where the type has any: those that fit are the closest of all (RFC 9110
 * section 12.5.1). */
static int read_range(const char *member, size_t whole, const char *type, int *weightp)
{
    size_t size = span(member, ",;"), at = size, end = whole;
    const char *range = trim(member, &size), *full;
    int close = closeness(range, size, type);

    *weightp = 1000;
    while (at < whole) { /* at a semicolon */
        const char *parameter = member + at + 1;
        size_t length = span(parameter, ",;"), begin = at;

        at += 1 + length;
        parameter = trim(parameter, &length);
        if (length >= 2 && (parameter[0] == 'q' || parameter[0] == 'Q') && parameter[1] == '=') {
            *weightp = weight_of(parameter + 2, length - 2);
            end = begin < end ? begin : end;
        }
    }
    full = trim(member, &end);
    if (close < 3 || end == size || !strchr(type, ';'))
        return close;
    return atls_media_type_equal(ATLS_BYTES(full, end), atls_bytes_of_text(type)) ? 4 : 0;
}

int atls_accept_weight(const char *accept, const char *type)
{
    int closest = 0, decisive = 0;

    if (!accept || accept[strspn(accept, " \t")] == 0)
        return 1000;
    while (*accept) {
        size_t whole = span(accept, ",");
        int weight, close = read_range(accept, whole, type, &weight);

        if (close > closest || (close > 0 && close == closest && weight > decisive)) {
            closest = close;
            decisive = weight;
        }
        accept += whole;
        accept += *accept == ',';
    }
    return decisive;
}

/* RFC 9110 section 12.5.1: the closest range decides. */
bool atls_accepts(const char *accept, const char *type)
{
    return atls_accept_weight(accept, type) > 0;
}

bool atls_answer_acceptable(const struct atls_request *request, const char *type,
                            struct atls_response *response)
{
    if ((request->accepts ? request->accepts : atls_accepts)(request->accept, type))
        return true;
    atls_answer_problem(response, 406, NULL, "the only supported output format is %s", type);
    return false;
}

/* RFC 6750 section 2.1: "Bearer", blanks, and the token. The comparison takes as long for any token
 * of the right size; the size is no secret. */
static bool bears(const char *authorization, const char *token)
{
    static const char scheme[] = "Bearer";
    const char *given;

    if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
        return false;
    given = authorization + strlen(scheme);
    if (*given != ' ')
        return false;
    given += strspn(given, " ");
    return atls_bytes_equal_secret(atls_bytes_of_text(given), atls_bytes_of_text(token));
}

/* RFC 6750 section 3: what is missing is only asked for, what is wrong is called so. */
bool atls_answer_authorized(const struct atls_request *request, const char *token,
                            const struct atls_realm *realm, struct atls_response *response)
{
    if (!token || bears(request->authorization, token))
        return true;
    response->challenge = request->authorization ? realm->wrong : realm->missing;
    atls_answer_problem(response, 401, NULL,
                        "%s from whoever bears this verifier's token: expected Authorization: "
                        "Bearer TOKEN, %s",
                        realm->what, request->authorization ? "another one came" : "none came");
    return false;
}

json_t *atls_time_json(int64_t milliseconds)
{
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm utc;
    char day[32];

    if (!gmtime_r(&seconds, &utc) || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        return NULL;
    return json_sprintf("%s.%03dZ", day, (int)(milliseconds % 1000));
}

#define ONLY_POST "POST, OPTIONS"
#define ONLY_GET "GET, HEAD, OPTIONS"

const struct atls_route atls_routes[] = {
    {ATLS_PATH_NEW_SESSION, ATLS_ENDPOINT_NEW_SESSION, false, ONLY_POST},
    {ATLS_PATH_SESSION, ATLS_ENDPOINT_SESSION, true, "GET, HEAD, POST, DELETE, OPTIONS"},
    {ATLS_PATH_SUBMIT, ATLS_ENDPOINT_PROVISIONING, false, ONLY_POST},
    {ATLS_PATH_DISCOVERY_VERIFICATION, ATLS_ENDPOINT_DISCOVERY, false, ONLY_GET},
    {ATLS_PATH_DISCOVERY_PROVISIONING, ATLS_ENDPOINT_DISCOVERY, false, ONLY_GET},
    {ATLS_PATH_DESCRIPTION, ATLS_ENDPOINT_DESCRIPTION, false, ONLY_GET},
};
const size_t atls_routes_count = sizeof atls_routes / sizeof *atls_routes;

const struct atls_route *atls_route_of(const char *path, size_t size)
{
    for (size_t i = 0; i < atls_routes_count; i++) {
        const struct atls_route *route = &atls_routes[i];
        size_t length = strlen(route->path);

        if (size >= length && memcmp(path, route->path, length) == 0 &&
            (route->has_id ? size > length && !memchr(path + length, '/', size - length)
                           : size == length))
            return route;
    }
    return NULL;
}

enum atls_endpoint atls_api_endpoint(const char *path)
{
    const struct atls_route *route = atls_route_of(path, strlen(path));

    return route ? route->endpoint : ATLS_ENDPOINT_NONE;
}

static bool answer_session(const struct atls_api *api, const struct atls_request *request,
                           const char *id, struct atls_response *response)
{
    static const char *const methods[] = {"POST", "GET", "DELETE"};
    bool known = false;

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        known = known || strcmp(request->method, methods[i]) == 0;
    if (known && !atls_answer_authorized(request, api->token, &appraisal_realm, response))
        return true;
    if (strcmp(request->method, "POST") == 0)
        atls_answer_submit_evidence(api, request, id, response);
    else if (strcmp(request->method, "GET") == 0)
        atls_answer_get_session(api, request, id, response);
    else if (strcmp(request->method, "DELETE") == 0)
        atls_answer_delete_session(api, request, id, response);
    else
        return false;
    return true;
}

/* openapi.json, with the types of evidence that are taken, which the formats say; NULL: no memory.
 */
static json_t *description(void)
{
    json_error_t error;
    json_t *types, *whole = atls_json_loadb(ATLS_BYTES(atls_openapi, atls_openapi_size),
                                            JSON_REJECT_DUPLICATES, &error);
    bool complete =
        json_unpack(whole, "{s:{s:{s:{s:{s:o}}}}}", "paths", ATLS_PATH_SESSION "{session}", "post",
                    "requestBody", "content", &types) == 0;

    for (size_t i = 0; complete && atls_evidence_media_type(i); i++)
        complete = json_object_set_new(types, atls_evidence_media_type(i),
                                       json_pack("{s:{}}", "schema")) == 0;
    if (complete)
        return whole;
    json_decref(whole);
    return NULL;
}

static void answer_description(const struct atls_request *request, struct atls_response *response)
{
    if (!atls_accepts(request->accept, "application/json") &&
        !atls_answer_acceptable(request, DESCRIPTION_TYPE, response))
        return;
    atls_answer_json(response, 200, DESCRIPTION_TYPE, description());
}

/* False: not with this method. */
static bool dispatch(const struct atls_api *api, const struct atls_request *request,
                     enum atls_endpoint endpoint, struct atls_response *response)
{
    bool post = strcmp(request->method, "POST") == 0;
    bool get = strcmp(request->method, "GET") == 0;

    switch (endpoint) {
    case ATLS_ENDPOINT_NEW_SESSION:
        if (post && atls_answer_authorized(request, api->token, &appraisal_realm, response))
            atls_answer_new_session(api, request, response);
        return post;
    case ATLS_ENDPOINT_SESSION:
        return answer_session(api, request, request->path + strlen(ATLS_PATH_SESSION), response);
    case ATLS_ENDPOINT_PROVISIONING:
        if (post)
            atls_answer_submit_endorsements(api, request, response);
        return post;
    case ATLS_ENDPOINT_DISCOVERY:
        if (get)
            atls_answer_discovery(api, request,
                                  strcmp(request->path, ATLS_PATH_DISCOVERY_PROVISIONING) == 0,
                                  response);
        return get;
    case ATLS_ENDPOINT_DESCRIPTION:
        if (get)
            answer_description(request, response);
        return get;
    default:
        return false;
    }
}

void atls_answer_unknown_path(struct atls_response *response)
{
    atls_answer_text(response, 404, "text/plain", strdup("404 page not found"));
}

/* The same endpoints behind the doors of a verifier that this one stands in for. */
static void answer_as_another(const struct atls_api *api, const struct atls_request *request,
                              struct atls_response *responsep)
{
    struct atls_request asked = *request;
    struct atls_response response = {0};

    asked.accepts = atls_veraison_accepts;
    if (!atls_veraison_route(&asked, &response))
        dispatch(api, &asked, atls_api_endpoint(asked.path), &response);
    response.chunked = ATLS_VERAISON_CHUNKED;
    *responsep = response;
}

void atls_api_answer(const struct atls_api *api, const struct atls_request *request,
                     struct atls_response *responsep)
{
    const struct atls_route *route = atls_route_of(request->path, strlen(request->path));
    struct atls_request asked = *request;
    struct atls_response response = {0};

    if (api->as) {
        answer_as_another(api, request, responsep);
        return;
    }
    /* RFC 9110 section 9.3.2: as GET; whoever sends the answer leaves out its body */
    if (strcmp(asked.method, "HEAD") == 0)
        asked.method = "GET";
    if (!route) {
        atls_answer_unknown_path(&response);
    } else if (strcmp(asked.method, "OPTIONS") == 0) {
        response.status = 204;
        response.allow = route->methods;
    } else if (!dispatch(api, &asked, route->endpoint, &response)) {
        response.allow = route->methods;
        atls_answer_problem(&response, 405, NULL, "%.40s is not done here, but: %s",
                            request->method, response.allow);
    }
    *responsep = response;
}
