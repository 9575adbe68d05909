/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP exchanges over libcurl's multi interface. Each exchange is an easy handle in the multi
 * handle, which keeps connections alive and uses them again; an exchange that is over has left it
 * and only holds its answer.
 */
#include "roles/http.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "roles/url.h"

#define CONNECTIONS_KEPT 512
#define FAREWELL_SECONDS 0.5
#define WITHOUT_MEMORY_MS 20

enum state { WAITING, RUNNING, ANSWERED, FAILED };

struct atls_http {
    CURLM *multi;
    unsigned timeout_ms;
    struct atls_http_access *access; /* NULL: as the machine has it */
    struct atls_http_exchange *first;
    atls_http_responder *responder; /* NULL: servers answer */
    void *responder_context;
    bool news; /* an exchange has ended since the last poll returned */
};

struct atls_http_exchange {
    struct atls_http *http;
    struct atls_http_exchange *previous, *next;
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    enum state state;
    bool in_multi, background, too_large, no_memory;
    int socket_error; /* errno of a socket that this machine did not give */
    double start_at;
    uint8_t *body;
    size_t size, capacity;
    struct atls_http_reply reply; /* where somebody answered locally */
    int failure;
    const char *reason, *clause; /* CLAUSE: NULL where there is none */
    char curl_error[CURL_ERROR_SIZE];
    char text[CURL_ERROR_SIZE + 240];
};

int atls_http_warm(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return atls_fail(-ENOMEM, NULL, "libcurl cannot be initialised");
    }
    return 0;
}

int atls_http_new(unsigned timeout_ms, struct atls_http **httpp)
{
    struct atls_http *http = calloc(1, sizeof *http);

    if (!http) {
        return atls_fail(-ENOMEM, NULL, "no memory for the HTTP client");
    }
    if (atls_http_warm() != 0) {
        free(http);
        return -ENOMEM;
    }
    http->multi = curl_multi_init();
    if (!http->multi) {
        curl_global_cleanup();
        free(http);
        return atls_fail(-ENOMEM, NULL, "no memory for the HTTP client");
    }
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    http->timeout_ms = timeout_ms;
    *httpp = http;
    return 0;
}

static void leave_multi(struct atls_http_exchange *x)
{
    if (x->in_multi) {
        curl_multi_remove_handle(x->http->multi, x->easy);
        x->in_multi = false;
    }
}

static void destroy(struct atls_http_exchange *x)
{
    leave_multi(x);
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    free(x->reply.content_type);
    free(x->reply.location);
    free(x->reply.body);
    free(x->url);
    free(x->body);
    free(x);
}

void atls_http_use_access(struct atls_http *http, struct atls_http_access *access)
{
    atls_http_access_free(http->access);
    http->access = access;
}

void atls_http_answer_locally(struct atls_http *http, atls_http_responder *responder, void *context)
{
    http->responder = responder;
    http->responder_context = context;
}

void atls_http_drop(struct atls_http_exchange *x)
{
    if (!x) {
        return;
    }
    if (x->previous) {
        x->previous->next = x->next;
    } else {
        x->http->first = x->next;
    }
    if (x->next) {
        x->next->previous = x->previous;
    }
    destroy(x);
}

static void fail(struct atls_http_exchange *x, int failure, const char *reason, const char *what)
{
    x->state = FAILED;
    x->failure = failure;
    x->reason = reason;
    snprintf(x->text, sizeof x->text, "%s: %s", x->url, what);
    x->http->news = true;
}

/* libcurl would call a lack of descriptors a server that it could not connect to. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct atls_http_exchange *x = context;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        x->socket_error = errno;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static size_t take_body(char *data, size_t unit, size_t count, void *context)
{
    struct atls_http_exchange *x = context;
    size_t more = unit * count;

    if (more > ATLS_HTTP_BODY_MAX - x->size) {
        x->too_large = true;
        return 0; /* fewer than came: libcurl ends the transfer */
    }
    if (x->size + more > x->capacity) {
        size_t capacity = x->capacity ? x->capacity : 4096;
        while (capacity < x->size + more) {
            capacity *= 2;
        }
        uint8_t *body = realloc(x->body, capacity);
        if (!body) {
            x->no_memory = true;
            return 0;
        }
        x->body = body;
        x->capacity = capacity;
    }
    if (more) {
        memcpy(x->body + x->size, data, more);
    }
    x->size += more;
    return more;
}

/* The numbers of a list of lengths: are all of them *LENGTHP? -1 there: none was seen yet. */
static bool is_length(const char *list, int64_t *lengthp)
{
    for (;;) {
        int64_t length = 0;

        list += strspn(list, " \t");
        if (*list < '0' || *list > '9')
            return false;
        for (; *list >= '0' && *list <= '9'; list++) {
            if (length > (INT64_MAX - 9) / 10)
                return false;
            length = 10 * length + (*list - '0');
        }
        if (*lengthp >= 0 && *lengthp != length)
            return false;
        *lengthp = length;
        list += strspn(list, " \t");
        if (!*list)
            return true;
        if (*list++ != ',')
            return false;
    }
}

/* libcurl takes the last of several lengths, and of each the beginning that is a number. A user
 * agent must discard an answer that has such ones and no Transfer-Encoding in their place. */
static bool is_framed(CURL *easy)
{
    struct curl_header *header;
    int64_t length = -1;

    if (curl_easy_header(easy, "Transfer-Encoding", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        return true;
    for (size_t i = 0;
         curl_easy_header(easy, "Content-Length", i, CURLH_HEADER, -1, &header) == CURLHE_OK; i++)
        if (!is_length(header->value, &length))
            return false;
    return true;
}

/* Which failure of a transfer is whose: nobody there, nobody in time, or not HTTP. */
static void judge(struct atls_http_exchange *x, CURLcode code)
{
    const char *what = x->curl_error[0] ? x->curl_error : curl_easy_strerror(code);
    char text[CURL_ERROR_SIZE + 80];

    x->clause = atls_http_access_failure(x->easy, code, what, text, sizeof text);
    if (x->clause) {
        fail(x, ATLS_E_UNAVAILABLE, "verifier-unreachable", text);
        return;
    }
    /* Of a connection that was reset, too: libcurl's text alone, in whatever version, tells them
     * apart. */
    if (code == CURLE_RECV_ERROR && strstr(x->curl_error, "chunk")) {
        x->clause = "RFC 9112 section 7.1";
        fail(x, ATLS_E_MALFORMED, "verifier-garbage", what);
        return;
    }
    switch (code) {
    case CURLE_OK:
        if (!is_framed(x->easy)) {
            x->clause = "RFC 9112 section 6.3";
            fail(x, ATLS_E_MALFORMED, "verifier-garbage", "Content-Length: expected one number");
            break;
        }
        x->state = ANSWERED;
        x->http->news = true;
        break;
    case CURLE_OPERATION_TIMEDOUT:
        fail(x, ATLS_E_UNAVAILABLE, "verifier-timeout", what);
        break;
    case CURLE_WRITE_ERROR:
        if (x->no_memory) {
            fail(x, -ENOMEM, "internal", "no memory for the answer");
        } else {
            fail(x, ATLS_E_MALFORMED, "verifier-garbage",
                 x->too_large ? "the answer is larger than 1 MiB" : what);
        }
        break;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        fail(x, ATLS_E_MALFORMED, "verifier-garbage", what);
        break;
    case CURLE_OUT_OF_MEMORY:
        fail(x, -ENOMEM, "internal", what);
        break;
    default:
        if (x->socket_error) /* of this machine: the verifier was not even tried */
            fail(x, -x->socket_error, "internal", strerror(x->socket_error));
        else
            fail(x, ATLS_E_UNAVAILABLE, "verifier-unreachable", what);
        break;
    }
}

/* Is it a URL that this client asks (*WEBP)? A proxy of the environment (*LOCALP) is for the world
 * outside, never for this machine. False: no memory. */
static bool look_at_url(const char *text, bool *webp, bool *localp)
{
    struct atls_url url;
    int result = atls_url_read(text, &url);

    *webp = !result && atls_url_is_web(&url);
    *localp = !result && atls_http_is_local(url.host);
    if (!result) {
        atls_url_clear(&url);
    }
    return result >= 0;
}

static bool add_header(struct atls_http_exchange *x, const char *name, const char *value)
{
    struct curl_slist *headers = NULL;
    char *line;

    if (asprintf(&line, value ? "%s: %s" : "%s:", name, value) >= 0) {
        headers = curl_slist_append(x->headers, line);
        free(line);
    }
    x->headers = headers ? headers : x->headers;
    return headers;
}

static bool set_up(struct atls_http_exchange *x, const struct atls_http_request *request,
                   bool local)
{
    CURL *easy = x->easy;
    bool ok = true;

    ok &= curl_easy_setopt(easy, CURLOPT_PRIVATE, x) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->curl_error) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_URL, x->url) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)x->http->timeout_ms) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "atls/" ATLS_VERSION) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, x) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x) == CURLE_OK;
    if (local) {
        ok &= curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    }
    if (strcmp(request->method, "POST") == 0) {
        ok &= curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK;
        ok &= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size) ==
              CURLE_OK;
        ok &= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
                               request->body.size ? (const void *)request->body.data : "") ==
              CURLE_OK;
        /* "Expect: 100-continue" would cost a round trip and asks what needs no asking. */
        ok &= add_header(x, "Expect", NULL);
        ok &= add_header(x, "Content-Type", request->content_type);
    } else if (strcmp(request->method, "GET") != 0) {
        ok &= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
    }
    ok &= add_header(x, "Accept", request->accept);
    ok &= atls_http_access_apply(x->http->access, easy, x->url);
    ok &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK;
    return ok;
}

static void begin(struct atls_http_exchange *x)
{
    if (curl_multi_add_handle(x->http->multi, x->easy) != CURLM_OK) {
        fail(x, -ENOMEM, "internal", "libcurl does not take the exchange");
        return;
    }
    x->state = RUNNING;
    x->in_multi = true;
}

int atls_http_start(struct atls_http *http, const struct atls_http_request *request,
                    struct atls_http_exchange **exchangep)
{
    struct atls_http_exchange *x = calloc(1, sizeof *x);

    if (!x) {
        return atls_fail(-ENOMEM, NULL, "no memory for an HTTP exchange");
    }
    x->http = http;
    x->next = http->first;
    if (x->next) {
        x->next->previous = x;
    }
    http->first = x;
    x->url = strdup(request->url);
    if (x->url && http->responder) {
        http->responder(http->responder_context, request, &x->reply);
        x->state = ANSWERED;
        http->news = true;
        *exchangep = x;
        return 0;
    }
    bool local, web;
    x->easy = curl_easy_init();
    if (!x->url || !x->easy || !look_at_url(x->url, &web, &local) || !set_up(x, request, local)) {
        atls_http_drop(x);
        return atls_fail(-ENOMEM, NULL, "no memory for an HTTP exchange");
    }
    x->start_at = request->delay_ms ? atls_now() + request->delay_ms / 1000.0 : 0;
    if (!web) {
        fail(x, ATLS_E_UNAVAILABLE, "verifier-unreachable", "not an http or https URL");
    } else if (!request->delay_ms) {
        begin(x);
    }
    *exchangep = x;
    return 0;
}

/* Starts what is due; returns the milliseconds until the next one, or MOST. */
static int start_due(struct atls_http *http, int most)
{
    double now = atls_now();

    for (struct atls_http_exchange *x = http->first; x; x = x->next) {
        if (x->state != WAITING) {
            continue;
        }
        if (x->start_at <= now) {
            begin(x);
        } else if ((x->start_at - now) * 1000 + 1 < most) {
            most = (int)((x->start_at - now) * 1000) + 1;
        }
    }
    return most;
}

/* A lack of memory is the end of the exchanges that it hits, which libcurl tells one by one. */
static int drive(struct atls_http *http)
{
    int running, queued;
    CURLMcode code = curl_multi_perform(http->multi, &running);
    const CURLMsg *message;

    if (code != CURLM_OK && code != CURLM_OUT_OF_MEMORY) {
        return atls_fail(-EIO, NULL, "libcurl: %s", curl_multi_strerror(code));
    }
    while ((message = curl_multi_info_read(http->multi, &queued))) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode result = message->data.result;
        char *private_data = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private_data);
        struct atls_http_exchange *x = (struct atls_http_exchange *)(void *)private_data;
        leave_multi(x); /* MESSAGE is gone with this */
        if (x->background) {
            atls_http_drop(x);
        } else {
            judge(x, result);
        }
    }
    return 0;
}

/* No memory to wait for all of them together: after a moment each is looked at by itself. */
static void look_at_each(struct curl_waitfd *extra, unsigned count)
{
    poll(NULL, 0, WITHOUT_MEMORY_MS);
    for (unsigned i = 0; i < count; i++) {
        short events = extra[i].events == CURL_WAIT_POLLOUT ? POLLOUT : POLLIN;
        struct pollfd one = {.fd = extra[i].fd, .events = events};
        extra[i].revents = poll(&one, 1, 0) > 0 ? extra[i].events : 0;
    }
}

int atls_http_poll(struct atls_http *http, struct curl_waitfd *extra, unsigned count,
                   int timeout_ms)
{
    int wait = start_due(http, timeout_ms < 0 ? INT_MAX : timeout_ms);
    int result = drive(http);

    if (result) {
        return result;
    }
    for (unsigned i = 0; i < count; i++) {
        extra[i].revents = 0;
    }
    CURLMcode code = curl_multi_poll(http->multi, extra, count, http->news ? 0 : wait, NULL);
    if (code == CURLM_OUT_OF_MEMORY) {
        look_at_each(extra, count);
    } else if (code != CURLM_OK) {
        return atls_fail(-EIO, NULL, "libcurl: %s", curl_multi_strerror(code));
    }
    start_due(http, 0);
    result = drive(http);
    http->news = false; /* the caller looks at every exchange now */
    return result;
}

int atls_http_result(const struct atls_http_exchange *x, struct atls_http_answer *answerp,
                     const char **reasonp)
{
    struct curl_header *header;
    const char *type = NULL;

    if (x->state == FAILED) {
        *reasonp = x->reason;
        return atls_fail(x->failure, x->clause, "%s", x->text);
    }
    if (x->state != ANSWERED) {
        return ATLS_E_AGAIN;
    }
    if (!x->easy) {
        *answerp = (struct atls_http_answer){.url = x->url,
                                             .status = x->reply.status,
                                             .content_type =
                                                 x->reply.content_type ? x->reply.content_type : "",
                                             .location = x->reply.location,
                                             .body = ATLS_BYTES(x->reply.body, x->reply.size)};
        return 0;
    }
    *answerp = (struct atls_http_answer){.url = x->url, .body = ATLS_BYTES(x->body, x->size)};
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &answerp->status);
    curl_easy_getinfo(x->easy, CURLINFO_CONTENT_TYPE, &type);
    answerp->content_type = type ? type : "";
    if (curl_easy_header(x->easy, "Location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
        answerp->location = header->value;
    }
    return 0;
}

const char *atls_http_date(const struct atls_http_exchange *x)
{
    struct curl_header *header;

    return x->easy && x->state == ANSWERED &&
                   curl_easy_header(x->easy, "Date", 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : NULL;
}

void atls_http_background(struct atls_http_exchange *x)
{
    if (!x) {
        return;
    }
    if (x->state == ANSWERED || x->state == FAILED) {
        atls_http_drop(x);
    } else {
        x->background = true;
    }
}

static bool any_in_background(const struct atls_http *http)
{
    for (const struct atls_http_exchange *x = http->first; x; x = x->next) {
        if (x->background && x->state == RUNNING) {
            return true;
        }
    }
    return false;
}

void atls_http_free(struct atls_http *http)
{
    if (!http) {
        return;
    }
    double end = atls_now() + FAREWELL_SECONDS;
    while (any_in_background(http) && atls_now() < end) {
        if (atls_http_poll(http, NULL, 0, 50)) {
            break;
        }
    }
    for (struct atls_http_exchange *x = http->first, *next; x; x = next) {
        next = x->next;
        destroy(x);
    }
    curl_multi_cleanup(http->multi);
    curl_global_cleanup();
    atls_http_access_free(http->access);
    free(http);
}
