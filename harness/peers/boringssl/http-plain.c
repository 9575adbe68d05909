/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 over a socket, for verifiers on this machine: libcurl brings OpenSSL into the process,
 * whose functions have the names of BoringSSL's. One request a connection, bounded in size and
 * time.
 */
#include "http.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLAUSE "RFC 9112"
#define HEADER_MAX 16384
#define SCHEME "http://"

struct place { /* of a URL: text_copy()s */
    char *host, *port, *path;
};

void http_start(void)
{
}

void http_stop(void)
{
}

void answer_clear(struct answer *answer)
{
    free(answer->content_type);
    free(answer->location);
    blob_clear(&answer->body);
}

static void place_clear(struct place *place)
{
    free(place->host);
    free(place->port);
    free(place->path);
}

static int find_place(const char *url, struct place *placep, struct why *why)
{
    if (strncmp(url, SCHEME, strlen(SCHEME)) != 0)
        return refuse(why, "verifier-garbage", NULL, "expected an http URL, came %s", url);
    const char *host = url + strlen(SCHEME);
    size_t size = strcspn(host, "/?");
    const char *colon = memrchr(host, ':', size);
    bool bracketed = size > 0 && host[0] == '[';
    if (colon && bracketed && colon[-1] != ']')
        colon = NULL;
    size_t name = colon ? (size_t)(colon - host) : size;
    *placep = (struct place){
        .host = bracketed && name > 2 ? text_copy(BYTES(host + 1, name - 2))
                                      : text_copy(BYTES(host, name)),
        .port = colon ? text_copy(BYTES(colon + 1, size - name - 1)) : text_copy(text_bytes("80")),
        .path = text_copy(text_bytes(host[size] ? host + size : "/")),
    };
    return 0;
}

static bool await(int fd, short what, double end)
{
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = what};
        double left = end - now_seconds();
        int ready = left > 0 ? poll(&wait, 1, (int)(left * 1000) + 1) : 0;
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

static int late(const char *url, struct why *why)
{
    return refuse(why, "verifier-timeout", NULL, "%s: no answer in time", url);
}

static int unreachable(const char *url, int error, struct why *why)
{
    return refuse(why, "verifier-unreachable", NULL, "%s: %s", url, strerror(error));
}

static int open_to(const char *url, const struct place *place, double end, int *fdp,
                   struct why *why)
{
    struct addrinfo *address, hints = {.ai_socktype = SOCK_STREAM};
    int error = 0;
    socklen_t size = sizeof error;
    if (getaddrinfo(place->host, place->port, &hints, &address) != 0)
        return refuse(why, "verifier-unreachable", NULL, "%s: no such host", url);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int result = 0;
    if (fd < 0 || (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS))
        result = unreachable(url, errno, why);
    else if (!await(fd, POLLOUT, end))
        result = late(url, why);
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
        result = unreachable(url, error ? error : errno, why);
    freeaddrinfo(address);
    if (result && fd >= 0)
        close(fd);
    if (result == 0)
        *fdp = fd;
    return result;
}

static void put_header(struct blob *out, const char *name, const char *value)
{
    put(out, text_bytes(name));
    put(out, text_bytes(": "));
    put(out, text_bytes(value));
    put(out, text_bytes("\r\n"));
}

static void write_request(const struct request *request, const struct place *place,
                          struct blob *out)
{
    char size[32], host[300];
    put(out, text_bytes(request->method));
    put(out, text_bytes(" "));
    put(out, text_bytes(place->path));
    put(out, text_bytes(" HTTP/1.1\r\n"));
    snprintf(host, sizeof host, strchr(place->host, ':') ? "[%.250s]:%.10s" : "%.250s:%.10s",
             place->host, place->port);
    put_header(out, "Host", host);
    put_header(out, "Accept", request->accept);
    put_header(out, "Connection", "close");
    if (request->content_type)
        put_header(out, "Content-Type", request->content_type);
    snprintf(size, sizeof size, "%zu", request->body.size);
    if (strcmp(request->method, "POST") == 0)
        put_header(out, "Content-Length", size);
    put(out, text_bytes("\r\n"));
    put(out, request->body);
}

static int send_all(int fd, const char *url, struct bytes bytes, double end, struct why *why)
{
    while (bytes.size > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent > 0)
            bytes = BYTES(bytes.data + sent, bytes.size - (size_t)sent);
        else if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return unreachable(url, errno, why);
        else if (!await(fd, POLLOUT, end))
            return late(url, why);
    }
    return 0;
}

/* All that comes until the verifier closes. */
static int receive_all(int fd, const char *url, double end, struct blob *in, struct why *why)
{
    uint8_t part[16384];
    for (;;) {
        if (!await(fd, POLLIN, end))
            return late(url, why);
        ssize_t size = recv(fd, part, sizeof part, 0);
        if (size == 0)
            return 0;
        if (size < 0 && errno != EAGAIN && errno != EINTR)
            return unreachable(url, errno, why);
        if (size > 0)
            put(in, BYTES(part, size));
        if (in->size > HTTP_BODY_MAX + HEADER_MAX)
            return refuse(why, "verifier-garbage", CLAUSE, "%s: the answer is too large", url);
    }
}

/* The value of a field line, without blanks around it; NULL: another field. */
static char *field(struct bytes line, const char *name)
{
    size_t size = strlen(name), end = line.size;
    if (line.size <= size || strncasecmp((const char *)line.data, name, size) != 0 ||
        line.data[size] != ':')
        return NULL;
    for (size++; size < end && line.data[size] == ' ';)
        size++;
    while (end > size && line.data[end - 1] == ' ')
        end--;
    return text_copy(BYTES(line.data + size, end - size));
}

/* RFC 9112 section 7.1, without extensions and trailers. */
static int read_chunks(struct bytes in, struct blob *body)
{
    while (in.size > 0) {
        char *end;
        char *text = text_copy(in);
        unsigned long size = strtoul(text, &end, 16);
        size_t head = (size_t)(end - text);
        bool good = head > 0 && head < 9 && strncmp(end, "\r\n", 2) == 0 &&
                    size <= in.size - head - 2 && in.size - head - 2 - size >= 2;
        free(text);
        if (!good)
            return -1;
        put(body, BYTES(in.data + head + 2, size));
        if (size == 0)
            return 0;
        in = BYTES(in.data + head + size + 4, in.size - head - size - 4);
    }
    return -1;
}

static int read_fields(struct bytes head, struct answer *answer, size_t *lengthp, bool *chunkedp)
{
    for (;;) {
        const uint8_t *end = head.size ? memmem(head.data, head.size, "\r\n", 2) : NULL;
        if (!end)
            return -1;
        struct bytes line = BYTES(head.data, (size_t)(end - head.data));
        head = BYTES(end + 2, head.size - line.size - 2);
        if (line.size == 0)
            return 0;
        char *value = field(line, "content-length");
        if (value)
            *lengthp = strtoul(value, NULL, 10);
        free(value);
        value = field(line, "transfer-encoding");
        *chunkedp = *chunkedp || (value && strcasecmp(value, "chunked") == 0);
        free(value);
        if (!answer->location)
            answer->location = field(line, "location");
        if (!answer->content_type)
            answer->content_type = field(line, "content-type");
    }
}

static int read_answer(struct bytes in, struct answer *answer)
{
    const uint8_t *body = in.size ? memmem(in.data, in.size, "\r\n\r\n", 4) : NULL;
    const uint8_t *line = body ? memmem(in.data, in.size, "\r\n", 2) : NULL;
    size_t length = SIZE_MAX;
    bool chunked = false;
    if (!body || line - in.data < 12 || strncmp((const char *)in.data, "HTTP/1.", 7) != 0)
        return -1;
    answer->status = strtol((const char *)in.data + 9, NULL, 10);
    struct bytes head = BYTES(line + 2, (size_t)(body + 4 - line - 2));
    struct bytes rest = BYTES(body + 4, in.size - (size_t)(body + 4 - in.data));
    if (answer->status < 100 || answer->status > 599 ||
        read_fields(head, answer, &length, &chunked))
        return -1;
    if (chunked)
        return read_chunks(rest, &answer->body);
    if (length != SIZE_MAX && rest.size != length)
        return -1;
    put(&answer->body, rest);
    return 0;
}

int http_ask(const struct request *request, struct answer *answer, struct why *why)
{
    double end = now_seconds() + request->timeout_ms / 1000.0;
    struct blob out = {NULL, 0, 0}, in = {NULL, 0, 0};
    struct place place = {NULL, NULL, NULL};
    int fd = -1;
    int result = find_place(request->url, &place, why);
    if (result == 0)
        result = open_to(request->url, &place, end, &fd, why);
    if (result == 0) {
        write_request(request, &place, &out);
        result = send_all(fd, request->url, BLOB_BYTES(out), end, why);
        if (result == 0)
            result = receive_all(fd, request->url, end, &in, why);
        close(fd);
    }
    if (result == 0 && in.size == 0)
        result = refuse(why, "verifier-unreachable", CLAUSE, "%s: it closed without an answer",
                        request->url);
    else if (result == 0 && read_answer(BLOB_BYTES(in), answer))
        result = refuse(why, "verifier-garbage", CLAUSE, "%s: that is no HTTP", request->url);
    place_clear(&place);
    blob_clear(&out);
    blob_clear(&in);
    return result;
}

char *http_resolve(const char *base, const char *location)
{
    if (strncmp(location, SCHEME, strlen(SCHEME)) == 0)
        return text_copy(text_bytes(location));
    if (strstr(location, "://") || strncmp(base, SCHEME, strlen(SCHEME)) != 0)
        return NULL;
    const char *host = base + strlen(SCHEME), *slash;
    size_t size = strcspn(host, "?#"), origin = strcspn(host, "/?#");
    slash = memrchr(host, '/', size);
    size_t keep = location[0] == '/' ? origin : slash ? (size_t)(slash + 1 - host) : origin;
    struct blob url = {NULL, 0, 0};
    put(&url, BYTES(base, strlen(SCHEME) + keep));
    if (keep == origin && location[0] != '/')
        put(&url, text_bytes("/"));
    put(&url, text_bytes(location));
    char *text = text_copy(BLOB_BYTES(url));
    blob_clear(&url);
    return text;
}
