/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP by libcurl, one easy handle a request. */
#include "http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void http_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_stop(void)
{
    curl_global_cleanup();
}

void answer_clear(struct answer *answer)
{
    free(answer->content_type);
    free(answer->location);
    blob_clear(&answer->body);
}

static size_t take_body(char *data, size_t unit, size_t count, void *context)
{
    struct answer *answer = context;
    size_t size = unit * count;
    if (size > HTTP_BODY_MAX - answer->body.size) {
        answer->too_large = true;
        return 0;
    }
    put(&answer->body, BYTES(data, size));
    return size;
}

static size_t take_header(char *data, size_t unit, size_t count, void *context)
{
    static const char name[] = "location:";
    struct answer *answer = context;
    size_t size = unit * count, from = sizeof name - 1, to = size;
    if (size > from && strncasecmp(data, name, from) == 0) {
        while (from < to && data[from] == ' ')
            from++;
        while (to > from && (data[to - 1] == '\r' || data[to - 1] == '\n' || data[to - 1] == ' '))
            to--;
        free(answer->location);
        answer->location = text_copy(BYTES(data + from, to - from));
    }
    return size;
}

static const char *reason_of(CURLcode code, const struct answer *answer)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return "verifier-timeout";
    case CURLE_WRITE_ERROR:
        return answer->too_large ? "verifier-garbage" : "internal";
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return "verifier-garbage";
    default:
        return "verifier-unreachable";
    }
}

static struct curl_slist *header(struct curl_slist *list, const char *name, const char *value)
{
    char line[256];
    snprintf(line, sizeof line, value ? "%s: %s" : "%s:", name, value ? value : "");
    struct curl_slist *longer = curl_slist_append(list, line);
    return longer ? longer : list;
}

int http_ask(const struct request *request, struct answer *answer, struct why *why)
{
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = header(NULL, "Accept", request->accept);
    const char *type = NULL;
    headers = header(headers, "Content-Type", request->content_type);
    headers = header(headers, "Expect", NULL);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* it listens on this machine */
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, answer);
    if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)request->body.size);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                         request->body.size ? (const char *)request->body.data : "");
    } else if (strcmp(request->method, "GET") != 0) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    CURLcode code = easy ? curl_easy_perform(easy) : CURLE_OUT_OF_MEMORY;
    int result = 0;
    if (code != CURLE_OK)
        result = refuse(why, reason_of(code, answer), NULL, "%s: %s", request->url,
                        curl_easy_strerror(code));
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    answer->content_type = type ? text_copy(text_bytes(type)) : NULL;
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return result;
}

char *http_resolve(const char *base, const char *location)
{
    CURLU *parts = curl_url();
    char *whole = NULL, *copy = NULL;
    if (parts && curl_url_set(parts, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_URL, location, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_URL, &whole, 0) == CURLUE_OK &&
        (strncmp(whole, "http://", 7) == 0 || strncmp(whole, "https://", 8) == 0))
        copy = text_copy(text_bytes(whole));
    curl_free(whole);
    curl_url_cleanup(parts);
    return copy;
}
