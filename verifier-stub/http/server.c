/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP by libmicrohttpd, a thread a core. The body is collected up to its bound, the request is
 * handed to the API, and faults are carried out before the answer goes.
 */
#include "verifier-stub/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "verifier-stub/http/http-head.h"
#include "verifier-stub/http/http-watch.h"
#include "verifier-stub/http/manners.h"

#define CONNECTIONS_MAX 4096
#define IDLE_SECONDS 60
#define REQUEST_SECONDS 60 /* for a request as a whole, however many pieces it comes in */
#define THREADS_MAX 64
#define BACKLOG 1024
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define DRAIN_MAX ((size_t)16 << 20) /* of a body that is too large: then the connection ends */

struct atls_verifier {
    struct atls_verifier_config config;
    struct MHD_Daemon *daemon;
    struct atls_http_watch *watch;
    char address[80];
    uint16_t port;
    pthread_mutex_t lock; /* of stopping */
    pthread_cond_t stop;
    bool stopping;
};

struct exchange { /* one request while it comes */
    char *target; /* as it came */
    bool has_head;
    uint8_t *body;
    size_t size, capacity;
    size_t received; /* all of it, kept or not */
};

static size_t body_max(const struct atls_verifier *verifier)
{
    return verifier->config.api.as ? ATLS_VERAISON_BODY_MAX : ATLS_BODY_MAX;
}

static bool exchange_add(struct exchange *exchange, size_t most, const char *data, size_t size)
{
    exchange->received += size;
    if (exchange->received > most)
        return exchange->received <= DRAIN_MAX;
    if (exchange->size + size > exchange->capacity) {
        size_t capacity = exchange->capacity ? exchange->capacity * 2 : 4096;
        uint8_t *grown;

        while (capacity < exchange->size + size)
            capacity *= 2;
        grown = realloc(exchange->body, capacity);
        if (!grown)
            return false;
        exchange->body = grown;
        exchange->capacity = capacity;
    }
    memcpy(exchange->body + exchange->size, data, size);
    exchange->size += size;
    return true;
}

static void exchange_free(void *context, struct MHD_Connection *connection, void **closure,
                          enum MHD_RequestTerminationCode code)
{
    struct atls_verifier *verifier = context;
    struct exchange *exchange = *closure;

    atls_http_watch_note(verifier->watch, connection, false);
    if (exchange) {
        free(exchange->target);
        free(exchange->body);
    }
    free(exchange);
    *closure = NULL;
}

static const struct atls_verifier_fault *fault_of(const struct atls_verifier *verifier,
                                                  enum atls_verifier_fault_kind kind,
                                                  enum atls_endpoint endpoint)
{
    for (size_t i = 0; i < verifier->config.fault_count; i++) {
        const struct atls_verifier_fault *fault = &verifier->config.faults[i];

        if (fault->kind == kind && fault->endpoint == endpoint) {
            atls_event(verifier->config.api.events, "fault", "{s:s, s:o}", "name",
                       atls_verifier_fault_name(kind), "detail", atls_verifier_fault_json(fault));
            return fault;
        }
    }
    return NULL;
}

/* Waits, but no longer than the verifier lives. MILLISECONDS 0: as long as it lives. */
static void wait_here(struct atls_verifier *verifier, unsigned milliseconds)
{
    struct timespec until;
    int result = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&verifier->lock);
    while (!verifier->stopping && result == 0) {
        if (milliseconds)
            result = pthread_cond_timedwait(&verifier->stop, &verifier->lock, &until);
        else
            result = pthread_cond_wait(&verifier->stop, &verifier->lock);
    }
    pthread_mutex_unlock(&verifier->lock);
}

/* Text of a query parameter; *VALIDP becomes false where it hides a zero byte. */
static const char *lookup(struct MHD_Connection *connection, const char *name, bool *validp)
{
    const char *value = NULL;
    size_t size = 0;

    if (MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value,
                                      &size) != MHD_YES ||
        !value)
        return NULL;
    if (strlen(value) != size)
        *validp = false;
    return value;
}

static void answer(const struct atls_verifier *verifier, struct MHD_Connection *connection,
                   const char *path, const char *method, const struct exchange *exchange,
                   struct atls_response *responsep)
{
    bool valid = true, failed = false, twice = false;
    char *accept = atls_http_list(connection, "Accept", &failed);
    char *type = atls_http_single(connection, "Content-Type", &failed, &twice);
    char *authorization = atls_http_single(connection, "Authorization", &failed, &twice);
    struct atls_request request = {
        .method = method,
        .path = path,
        .accept = accept,
        .content_type = type,
        .authorization = authorization,
        .nonce = lookup(connection, "nonce", &valid),
        .nonce_size = lookup(connection, "nonceSize", &valid),
        .body = ATLS_BYTES(exchange->body, exchange->size),
    };

    if (exchange->received > body_max(verifier))
        atls_api_problem(responsep, 413, "a body has at most 1 MiB");
    else if (failed)
        atls_api_problem(responsep, 500, "no memory for a request");
    else if (twice)
        atls_api_problem(responsep, 400,
                         "Content-Type or Authorization came twice [RFC 9110 section 5.3]");
    else if (!valid)
        atls_api_problem(responsep, 400, "a parameter holds a zero byte");
    else
        atls_api_answer(&verifier->config.api, &request, responsep);
    free(accept);
    free(type);
    free(authorization);
}

static void make_garbage(struct atls_response *response)
{
    static const char garbage[] = "\xff\xfe{]garbage, not JSON";

    free(response->body);
    response->body = malloc(sizeof garbage - 1);
    response->body_size = response->body ? sizeof garbage - 1 : 0;
    if (response->body)
        memcpy(response->body, garbage, response->body_size);
}

/* True where an answer is still to be given. */
static bool carry_out_faults(struct atls_verifier *verifier, enum atls_endpoint endpoint,
                             struct atls_response *response)
{
    const struct atls_verifier_fault *fault;

    fault = fault_of(verifier, ATLS_FAULT_DELAY, endpoint);
    if (fault)
        wait_here(verifier, fault->value);
    if (fault_of(verifier, ATLS_FAULT_HANG, endpoint)) {
        wait_here(verifier, 0);
        return false;
    }
    if (fault_of(verifier, ATLS_FAULT_CLOSE, endpoint))
        return false;
    fault = fault_of(verifier, ATLS_FAULT_STATUS, endpoint);
    if (fault) {
        atls_response_clear(response);
        atls_api_problem(response, fault->value, "a fault that was asked for");
    }
    if (fault_of(verifier, ATLS_FAULT_GARBAGE, endpoint))
        make_garbage(response);
    return true;
}

struct chunks { /* of a body whose length is not told */
    size_t size;
    char body[];
};

static ssize_t next_chunk(void *context, uint64_t at, char *out, size_t room)
{
    const struct chunks *chunks = context;
    size_t size = chunks->size - (size_t)at < room ? chunks->size - (size_t)at : room;

    memcpy(out, chunks->body + at, size);
    return size ? (ssize_t)size : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *chunked_response(const struct atls_response *response)
{
    struct chunks *chunks = malloc(sizeof *chunks + response->body_size);
    struct MHD_Response *out;

    if (!chunks)
        return NULL;
    chunks->size = response->body_size;
    memcpy(chunks->body, response->body, chunks->size);
    out = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, next_chunk, chunks, free);
    if (!out)
        free(chunks);
    return out;
}

static enum MHD_Result send_response(struct MHD_Connection *connection,
                                     struct atls_response *response, bool is_last)
{
    bool chunked = response->chunked && response->body_size > response->chunked;
    struct MHD_Response *out =
        chunked ? chunked_response(response)
                : MHD_create_response_from_buffer(response->body_size,
                                                  response->body_size ? response->body
                                                                      : (void *)(uintptr_t) "",
                                                  MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (!out)
        return MHD_NO;
    if (response->content_type)
        MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    if (response->location)
        MHD_add_response_header(out, MHD_HTTP_HEADER_LOCATION, response->location);
    if (response->accept)
        MHD_add_response_header(out, MHD_HTTP_HEADER_ACCEPT, response->accept);
    if (response->cache_control)
        MHD_add_response_header(out, MHD_HTTP_HEADER_CACHE_CONTROL, response->cache_control);
    if (response->expires[0])
        MHD_add_response_header(out, MHD_HTTP_HEADER_EXPIRES, response->expires);
    if (response->allow)
        MHD_add_response_header(out, MHD_HTTP_HEADER_ALLOW, response->allow);
    if (is_last)
        MHD_add_response_header(out, MHD_HTTP_HEADER_CONNECTION, "close");
    if (response->challenge)
        MHD_add_response_header(out, MHD_HTTP_HEADER_WWW_AUTHENTICATE, response->challenge);
    result = MHD_queue_response(connection, response->status, out);
    MHD_destroy_response(out);
    return result;
}

static void tell_request(const struct atls_verifier *verifier, const char *method, const char *url,
                         unsigned status)
{
    char path[256], verb[32];

    if (!atls_events_heard(verifier->config.api.events))
        return;
    atls_printable(url, strlen(url), path, sizeof path);
    atls_printable(method, strlen(method), verb, sizeof verb);
    atls_event(verifier->config.api.events, "request", "{s:s, s:s, s:i}", "method", verb, "path",
               path, "status", (int)status);
}

static enum MHD_Result finish(struct atls_verifier *verifier, struct MHD_Connection *connection,
                              const char *path, const char *method, struct exchange *exchange)
{
    struct atls_response response = {0};
    enum MHD_Result result = MHD_NO;

    atls_http_watch_note(verifier->watch, connection, true);
    answer(verifier, connection, path, method, exchange, &response);
    if (carry_out_faults(verifier, atls_api_endpoint(path), &response)) {
        tell_request(verifier, method, path, response.status);
        result = send_response(connection, &response, false);
    }
    atls_response_clear(&response);
    return result;
}

/* At once, before any of its body, and the connection ends: where the body does is not known. */
static enum MHD_Result refuse(struct atls_verifier *verifier, struct MHD_Connection *connection,
                              const char *path, const char *method,
                              const struct atls_http_flaw *flaw)
{
    struct atls_response response;
    enum MHD_Result result;

    atls_api_problem(&response, flaw->status, flaw->text);
    tell_request(verifier, method, path, response.status);
    result = send_response(connection, &response, true);
    atls_response_clear(&response);
    return result;
}

/* Called with the target of each request, before its head is read. */
static void *begin(void *context, const char *target, struct MHD_Connection *connection)
{
    struct atls_verifier *verifier = context;
    struct exchange *exchange = calloc(1, sizeof *exchange);

    atls_http_watch_note(verifier->watch, connection, false);
    if (exchange)
        exchange->target = strdup(target);
    return exchange;
}

/* Called once when the head is there, then for each piece of the body, then at the end. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **closure)
{
    struct atls_verifier *verifier = context;
    struct exchange *exchange = *closure;
    const char *path = atls_http_path(url);

    if (!exchange || !exchange->target) /* no memory */
        return MHD_NO;
    if (!exchange->has_head) {
        struct atls_http_flaw flaw;

        exchange->has_head = true;
        atls_http_check_head(connection, method, exchange->target, version, &flaw);
        return flaw.status ? refuse(verifier, connection, path, method, &flaw) : MHD_YES;
    }
    if (*upload_size > 0) {
        bool more = exchange_add(exchange, body_max(verifier), upload, *upload_size);

        *upload_size = 0;
        return more ? MHD_YES : MHD_NO;
    }
    return finish(verifier, connection, path, method, exchange);
}

/* Splits "ADDRESS:PORT"; the address may be bracketed. */
static int parse_listen(const char *listen, struct sockaddr_storage *addressp)
{
    const char *colon = strrchr(listen, ':');
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    uint64_t port;
    char host[64];
    size_t size;
    int result;

    if (!colon || colon == listen || (size_t)(colon - listen) >= sizeof host)
        return atls_fail(-EINVAL, NULL, "listen: expected ADDRESS:PORT, came \"%s\"", listen);
    result = atls_parse_number(colon + 1, "listen: port", 0, 65535, &port); /* getaddrinfo wraps */
    if (result != 0)
        return result;
    size = (size_t)(colon - listen);
    if (listen[0] == '[' && listen[size - 1] == ']')
        snprintf(host, sizeof host, "%.*s", (int)size - 2, listen + 1);
    else
        snprintf(host, sizeof host, "%.*s", (int)size, listen);
    result = getaddrinfo(host, colon + 1, &hints, &found);
    if (result != 0)
        return atls_fail(-EINVAL, NULL, "listen: \"%s\": %s", listen, gai_strerror(result));
    memcpy(addressp, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

static int open_socket(const struct sockaddr_storage *address)
{
    socklen_t size =
        address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int one = 1, fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return atls_fail(-errno, NULL, "listen: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)address, size) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;

        close(fd);
        return atls_fail(-error, NULL, "listen: %s", strerror(error));
    }
    return fd;
}

static void note_address(struct atls_verifier *verifier, int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    char host[64] = "", port[8] = "";
    bool brackets;

    getsockname(fd, (struct sockaddr *)&bound, &size);
    getnameinfo((struct sockaddr *)&bound, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    brackets = bound.ss_family == AF_INET6;
    verifier->port = (uint16_t)strtoul(port, NULL, 10);
    snprintf(verifier->address, sizeof verifier->address, "%s%s%s:%s", brackets ? "[" : "", host,
             brackets ? "]" : "", port);
}

static struct atls_verifier *make_verifier(const struct atls_verifier_config *config)
{
    struct atls_verifier *verifier = calloc(1, sizeof *verifier);
    pthread_condattr_t attributes;

    if (!verifier)
        return NULL;
    verifier->config = *config;
    pthread_mutex_init(&verifier->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&verifier->stop, &attributes);
    pthread_condattr_destroy(&attributes);
    return verifier;
}

static void free_verifier(struct atls_verifier *verifier)
{
    pthread_cond_destroy(&verifier->stop);
    pthread_mutex_destroy(&verifier->lock);
    free(verifier);
}

/* Appraisals need a processor and never wait, so a thread for each processor is enough; faults do
 * wait, and then each connection has a thread that may. */
static struct MHD_Daemon *start_daemon(struct atls_verifier *verifier, int fd)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    bool may_wait = verifier->config.fault_count > 0;
    unsigned threads = may_wait || cores < 2 ? 0 : cores > THREADS_MAX ? THREADS_MAX : cores;

    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    /* libmicrohttpd does not write to them. */
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)verifier->config.tls_certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)verifier->config.tls_key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    bool tls = verifier->config.tls_certificate != NULL;

    return MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            (may_wait ? MHD_USE_THREAD_PER_CONNECTION : 0) | (tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, handle, verifier, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
        exchange_free, verifier, MHD_OPTION_NOTIFY_CONNECTION, atls_http_watch_connection,
        verifier->watch, MHD_OPTION_URI_LOG_CALLBACK, begin, verifier, MHD_OPTION_UNESCAPE_CALLBACK,
        atls_http_unescape, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_THREAD_POOL_SIZE, threads,
        MHD_OPTION_ARRAY, tls ? secure : plain, MHD_OPTION_END);
}

/* libmicrohttpd would only say that it does not start. */
static int check_tls(const struct atls_verifier_config *config)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t certificate = {(uint8_t *)(uintptr_t)config->tls_certificate, 0};
    gnutls_datum_t key = {(uint8_t *)(uintptr_t)config->tls_key, 0};
    int code;

    if (!config->tls_certificate)
        return 0;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return atls_fail(-EIO, NULL, "this libmicrohttpd was built without TLS");
    certificate.size = (unsigned)strlen(config->tls_certificate);
    key.size = (unsigned)strlen(config->tls_key);
    code = gnutls_certificate_allocate_credentials(&credentials);
    if (code < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for a certificate");
    code =
        gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(credentials);
    if (code < 0)
        return atls_fail(ATLS_E_MALFORMED, "RFC 7468",
                         "--tls-certificate and --tls-key: expected a certificate chain and the "
                         "private key of its first certificate, in PEM: %s",
                         gnutls_strerror(code));
    return 0;
}

int atls_verifier_start(const struct atls_verifier_config *config, const char *listen,
                        struct atls_verifier **verifierp)
{
    struct sockaddr_storage address = {0};
    struct atls_verifier *verifier;
    int fd, error = parse_listen(listen, &address);

    if (error == 0)
        error = check_tls(config);
    if (error != 0)
        return error;
    fd = open_socket(&address);
    if (fd < 0)
        return fd;
    verifier = make_verifier(config);
    if (!verifier) {
        close(fd);
        return atls_fail(-ENOMEM, NULL, "no memory for a verifier");
    }
    note_address(verifier, fd);
    error = atls_http_watch_start(
        config->request_seconds ? config->request_seconds : REQUEST_SECONDS, fd, &verifier->watch);
    if (error != 0) {
        close(fd);
        free_verifier(verifier);
        return error;
    }
    verifier->daemon = start_daemon(verifier, fd);
    if (!verifier->daemon) {
        error = errno ? -errno : -EIO;
        atls_http_watch_stop(verifier->watch);
        atls_http_watch_free(verifier->watch);
        close(fd);
        free_verifier(verifier);
        return atls_fail(error, NULL, "the HTTP server does not start: %s", strerror(-error));
    }
    *verifierp = verifier;
    return 0;
}

uint16_t atls_verifier_port(const struct atls_verifier *verifier)
{
    return verifier->port;
}

const char *atls_verifier_address(const struct atls_verifier *verifier)
{
    return verifier->address;
}

void atls_verifier_stop(struct atls_verifier *verifier)
{
    if (!verifier)
        return;
    pthread_mutex_lock(&verifier->lock);
    verifier->stopping = true;
    pthread_cond_broadcast(&verifier->stop);
    pthread_mutex_unlock(&verifier->lock);
    atls_http_watch_stop(verifier->watch);
    MHD_stop_daemon(verifier->daemon);
    atls_http_watch_free(verifier->watch);
    free_verifier(verifier);
}
