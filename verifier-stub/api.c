/* SPDX-License-Identifier: Apache-2.0 */
/* Which endpoint answers, and the forms that all answers share. */
#include "verifier-stub/api.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verifier-stub/api-private.h"
#include "verifier-stub/printable.h"

void atls_response_clear(struct atls_response *response)
{
    free(response->location);
    free(response->body);
    *response = (struct atls_response){0};
}

void atls_answer_json(struct atls_response *response, unsigned status, const char *content_type,
                      json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    response->status = text ? status : 500;
    response->content_type = text ? content_type : NULL;
    response->body = text;
    response->body_size = text ? strlen(text) : 0;
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
        {406, "Not Acceptable"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
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
    char detail[600];
    va_list arguments;
    json_t *problem;

    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    atls_make_printable(detail);
    problem = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", title_of(status),
                        "status", (int)status, "detail", detail);
    if (reason && problem)
        json_object_set_new(problem, "atls.reason", json_string(reason));
    atls_answer_json(response, status, "application/problem+json", problem);
}

void atls_api_problem(struct atls_response *responsep, unsigned status, const char *detail)
{
    *responsep = (struct atls_response){0};
    atls_answer_problem(responsep, status, NULL, "%s", detail);
}

/* One range of an Accept header, without its parameters: like Veraison's HTTP library, q is not
 * looked at. */
static bool range_covers(const char *range, size_t size, const char *type)
{
    const char *slash = strchr(type, '/');

    if (size == 3 && memcmp(range, "*/*", 3) == 0)
        return true;
    if (size >= 2 && memcmp(range + size - 2, "/*", 2) == 0)
        return size - 1 == (size_t)(slash - type) + 1 && strncasecmp(range, type, size - 1) == 0;
    return size == strlen(type) && strncasecmp(range, type, size) == 0;
}

bool atls_accepts(const char *accept, const char *type)
{
    static const char blank[] = " \t";

    if (!accept || accept[strspn(accept, blank)] == 0)
        return true;
    while (*accept) {
        size_t whole = strcspn(accept, ","), size;

        size = strcspn(accept, ",;");
        while (size > 0 && strchr(blank, accept[0])) {
            accept++;
            size--;
            whole--;
        }
        while (size > 0 && strchr(blank, accept[size - 1]))
            size--;
        if (range_covers(accept, size, type))
            return true;
        accept += whole;
        accept += *accept == ',';
    }
    return false;
}

bool atls_answer_acceptable(const struct atls_request *request, const char *type,
                            struct atls_response *response)
{
    if (atls_accepts(request->accept, type))
        return true;
    atls_answer_problem(response, 406, NULL, "the only supported output format is %s", type);
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

enum atls_endpoint atls_api_endpoint(const char *path)
{
    if (strcmp(path, ATLS_PATH_NEW_SESSION) == 0)
        return ATLS_ENDPOINT_NEW_SESSION;
    if (strncmp(path, ATLS_PATH_SESSION, strlen(ATLS_PATH_SESSION)) == 0)
        return ATLS_ENDPOINT_SESSION;
    if (strcmp(path, ATLS_PATH_SUBMIT) == 0)
        return ATLS_ENDPOINT_PROVISIONING;
    if (strcmp(path, ATLS_PATH_DISCOVERY_VERIFICATION) == 0 ||
        strcmp(path, ATLS_PATH_DISCOVERY_PROVISIONING) == 0)
        return ATLS_ENDPOINT_DISCOVERY;
    return ATLS_ENDPOINT_NONE;
}

static bool answer_session(const struct atls_api *api, const struct atls_request *request,
                           struct atls_response *response)
{
    const char *id = request->path + strlen(ATLS_PATH_SESSION);

    if (id[0] == 0 || strchr(id, '/'))
        return false;
    if (strcmp(request->method, "POST") == 0)
        atls_answer_submit_evidence(api, request, id, response);
    else if (strcmp(request->method, "GET") == 0)
        atls_answer_get_session(api, request, id, response);
    else if (strcmp(request->method, "DELETE") == 0)
        atls_answer_delete_session(api, id, response);
    else
        return false;
    return true;
}

/* A wrong method is answered like a wrong path, as at Veraison. */
static bool route(const struct atls_api *api, const struct atls_request *request,
                  struct atls_response *response)
{
    bool post = strcmp(request->method, "POST") == 0;
    bool get = strcmp(request->method, "GET") == 0;

    switch (atls_api_endpoint(request->path)) {
    case ATLS_ENDPOINT_NEW_SESSION:
        if (post)
            atls_answer_new_session(api, request, response);
        return post;
    case ATLS_ENDPOINT_SESSION:
        return answer_session(api, request, response);
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
    default:
        return false;
    }
}

void atls_api_answer(const struct atls_api *api, const struct atls_request *request,
                     struct atls_response *responsep)
{
    struct atls_response response = {0};

    if (!route(api, request, &response)) {
        response.status = 404;
        response.body = strdup("404 page not found");
        response.body_size = response.body ? strlen(response.body) : 0;
        response.content_type = "text/plain";
    }
    *responsep = response;
}
