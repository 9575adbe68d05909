/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted verifier of the tests. */
#include "roles/test-server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rats/base/encoding.h"
#include "rats/test/test-jwk.h"

#define SESSIONS_MAX 4096
#define SESSION_TYPE "application/vnd.veraison.challenge-response-session+json"

struct test_server {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    char url[64];
    struct test_answer answers[TEST_ENDPOINTS];
    struct test_result result;
    char accept[512], location[64], evidence_type[512];
    unsigned counts[TEST_ENDPOINTS], connections, sessions;
    struct {
        uint8_t nonce[64];
        size_t size;
    } session[SESSIONS_MAX];
    uint8_t *evidence;
    size_t evidence_size;
    struct atls_private_key keys[2]; /* its own, and the wrong one */
    bool published;                  /* index: by discovery */
};

struct body {
    uint8_t *data;
    size_t size;
};

static json_t *jwk_of(const struct atls_private_key *key, bool with_private)
{
    return with_private ? test_private_jwk(key) : atls_jwk_of_public_key(&key->public_key);
}

void test_server_publish(struct test_server *server, bool wrong)
{
    server->published = wrong;
}

json_t *test_server_key(const struct test_server *server, bool wrong)
{
    return jwk_of(&server->keys[wrong], false);
}

/* The same result with other claims in it, or signed by nobody. */
static char *change(char *jwt, const struct test_result *order, const json_t *jwk)
{
    struct atls_jws jws;
    char *changed = NULL;

    if (!jwt || atls_jws_parse(atls_bytes_of_text(jwt), &jws)) {
        return jwt;
    }
    json_t *claims = order->claims ? json_loads(order->claims, JSON_ALLOW_NUL, NULL) : NULL;
    if (claims && (json_object_update_recursive(jws.payload, claims) ||
                   atls_jws_sign(jws.payload, jwk, &changed))) {
        changed = NULL;
    }
    if (order->unsecured && asprintf(&changed, "eyJhbGciOiJub25lIn0.%.*s.",
                                     (int)jws.payload_part.size, jws.payload_part.data) < 0) {
        changed = NULL;
    }
    json_decref(claims);
    atls_jws_clear(&jws);
    free(jwt);
    return changed;
}

/* The EAR as the test ordered it; NULL where it cannot be written. */
static char *issue(struct test_server *server, struct atls_bytes nonce)
{
    const struct test_result *order = &server->result;
    uint8_t foreign[32] = {1};
    char name[] = "PSA_KAT", developer[] = "test", build[] = "1", *jwt = NULL;
    struct atls_ear_submod submod = {.name = name, .status = order->tier};
    struct atls_ear ear = {.dialect = ATLS_EAR_VERAISON,
                           .issued_at = (int64_t)time(NULL) - order->age,
                           .issuer = (char *)(uintptr_t)order->issuer,
                           .developer = developer,
                           .build = build,
                           .submods = &submod,
                           .submod_count = 1};

    ear.expires_at = order->lifetime ? ear.issued_at + order->lifetime : 0;
    if (!order->no_nonce) {
        ear.nonce = order->foreign_nonce ? foreign : (uint8_t *)(uintptr_t)nonce.data;
        ear.nonce_size = order->foreign_nonce ? sizeof foreign : nonce.size;
    }
    if (order->key) {
        submod.has_key = true;
        submod.key = *order->key;
    }
    if (order->policy_claims) {
        submod.policy_claims = json_loads(order->policy_claims, 0, NULL);
    }
    json_t *jwk = jwk_of(&server->keys[order->wrong_signer], true);
    if (atls_ear_write(&ear, jwk, &jwt)) {
        jwt = NULL;
    }
    if (order->claims || order->unsecured) {
        jwt = change(jwt, order, jwk);
    }
    json_decref(jwk);
    json_decref(submod.policy_claims);
    return jwt;
}

static char *session_json(struct test_server *server, unsigned number, const char *status,
                          const char *result)
{
    json_t *accept = server->accept[0] ? json_loads(server->accept, 0, NULL) : json_array();
    char *nonce = atls_base64_encode(
        ATLS_BASE64URL, ATLS_BYTES(server->session[number].nonce, server->session[number].size));
    json_t *session = json_pack("{s:s, s:s, s:s, s:o}", "status", status, "nonce", nonce, "expiry",
                                "2030-10-12T07:20:50.52Z", "accept", accept);
    if (result) {
        json_object_set_new(session, "result", json_string(result));
    }
    char *text = json_dumps(session, 0);
    json_decref(session);
    free(nonce);
    return text;
}

static void open_session(struct test_server *server, struct MHD_Connection *connection,
                         struct test_answer *answer, char **bodyp, char location[128])
{
    const char *nonce = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "nonce");
    const char *size = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "nonceSize");
    unsigned number = server->sessions++ % SESSIONS_MAX;

    if (nonce) {
        uint8_t *bytes = NULL;
        size_t count = 0;
        if (atls_base64_decode(ATLS_BASE64_ANY, atls_bytes_of_text(nonce), &bytes, &count) == 0) {
            memcpy(server->session[number].nonce, bytes, count < 64 ? count : 64);
        }
        free(bytes);
        server->session[number].size = count;
    } else {
        server->session[number].size = size ? strtoul(size, NULL, 10) % 65 : 32;
        atls_crypto_hosted.random(server->session[number].nonce, server->session[number].size);
    }
    snprintf(location, 128, "%s%u", server->location[0] ? server->location : "session/", number);
    *bodyp = session_json(server, number, "waiting", NULL);
    *answer = (struct test_answer){201, SESSION_TYPE, location, *bodyp, 0, false};
}

/* The right thing. */
static void behave(struct test_server *server, enum test_endpoint endpoint, unsigned number,
                   struct MHD_Connection *connection, struct test_answer *answer, char **bodyp,
                   char location[128])
{
    char *jwt;
    json_t *document;

    switch (endpoint) {
    case TEST_NEW_SESSION:
        open_session(server, connection, answer, bodyp, location);
        break;
    case TEST_POST:
    case TEST_GET:
        jwt =
            issue(server, ATLS_BYTES(server->session[number].nonce, server->session[number].size));
        *bodyp = session_json(server, number, "complete", jwt);
        *answer = (struct test_answer){200, SESSION_TYPE, NULL, *bodyp, 0, false};
        free(jwt);
        break;
    case TEST_DISCOVERY:
        document =
            json_pack("{s:o, s:s}", "ear-verification-key",
                      jwk_of(&server->keys[server->published], false), "service-state", "READY");
        *bodyp = json_dumps(document, 0);
        json_decref(document);
        *answer = (struct test_answer){
            200, "application/vnd.veraison.discovery+json", NULL, *bodyp, 0, false};
        break;
    case TEST_DELETE:
    case TEST_ENDPOINTS:
        *answer = (struct test_answer){204, NULL, NULL, "", 0, false};
        break;
    }
}

static enum test_endpoint endpoint_of(const char *method, const char *path, unsigned *numberp)
{
    const char *slash = strrchr(path, '/');

    *numberp = slash ? (unsigned)strtoul(slash + 1, NULL, 10) % SESSIONS_MAX : 0;
    if (strcmp(path, "/.well-known/veraison/verification") == 0) {
        return TEST_DISCOVERY;
    }
    if (strcmp(path, "/challenge-response/v1/newSession") == 0) {
        return TEST_NEW_SESSION;
    }
    return strcmp(method, "POST") == 0  ? TEST_POST
           : strcmp(method, "GET") == 0 ? TEST_GET
                                        : TEST_DELETE;
}

static enum MHD_Result respond(struct MHD_Connection *connection, const struct test_answer *answer)
{
    const char *text = answer->body ? answer->body : "";
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

    if (answer->type) {
        MHD_add_response_header(response, "Content-Type", answer->type);
    }
    if (answer->location) {
        MHD_add_response_header(response, "Location", answer->location);
    }
    enum MHD_Result done = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return done;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    struct test_server *server = context;
    struct body *body = *state;
    char location[128], *text = NULL;
    unsigned number;

    if (!body) {
        *state = calloc(1, sizeof *body);
        return MHD_YES;
    }
    if (*size) {
        body->data = realloc(body->data, body->size + *size);
        memcpy(body->data + body->size, data, *size);
        body->size += *size;
        *size = 0;
        return MHD_YES;
    }
    enum test_endpoint endpoint = endpoint_of(method, path, &number);
    pthread_mutex_lock(&server->lock);
    server->counts[endpoint]++;
    struct test_answer answer = server->answers[endpoint];
    if (endpoint == TEST_POST) {
        const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
        snprintf(server->evidence_type, sizeof server->evidence_type, "%s", type ? type : "");
        free(server->evidence);
        server->evidence = body->data;
        server->evidence_size = body->size;
        body->data = NULL;
    }
    pthread_mutex_unlock(&server->lock);
    if (answer.delay_ms) {
        usleep(answer.delay_ms * 1000);
    }
    if (answer.close) {
        return MHD_NO;
    }
    pthread_mutex_lock(&server->lock);
    if (!answer.status) {
        behave(server, endpoint, number, connection, &answer, &text, location);
    }
    pthread_mutex_unlock(&server->lock);
    enum MHD_Result done = respond(connection, &answer);
    free(text);
    return done;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct body *body = *state;

    if (body) {
        free(body->data);
        free(body);
        *state = NULL;
    }
}

static void connected(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_ConnectionNotificationCode code)
{
    struct test_server *server = context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        pthread_mutex_lock(&server->lock);
        server->connections++;
        pthread_mutex_unlock(&server->lock);
    }
}

struct test_server *test_server_start(void)
{
    struct test_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t seed[32] = {7};

    assert_non_null(server);
    pthread_mutex_init(&server->lock, NULL);
    for (unsigned i = 0; i < 2; i++) {
        seed[1] = (uint8_t)i;
        assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, seed, &server->keys[i]), 0);
    }
    server->result = (struct test_result){.tier = ATLS_TIER_AFFIRMING, .lifetime = 300};
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0, NULL,
        NULL, handle, server, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED,
        completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, connected, server,
        MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_END);
    assert_non_null(server->daemon);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u",
             MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    return server;
}

void test_server_stop(struct test_server *server)
{
    MHD_stop_daemon(server->daemon);
    pthread_mutex_destroy(&server->lock);
    free(server->evidence);
    free(server);
}

const char *test_server_url(const struct test_server *server)
{
    return server->url;
}

struct test_answer *test_server_answer(struct test_server *server, enum test_endpoint endpoint)
{
    return &server->answers[endpoint];
}

struct test_result *test_server_result(struct test_server *server)
{
    return &server->result;
}

void test_server_accept(struct test_server *server, const char *json_array)
{
    snprintf(server->accept, sizeof server->accept, "%s", json_array);
}

void test_server_location(struct test_server *server, const char *prefix)
{
    snprintf(server->location, sizeof server->location, "%s", prefix);
}

unsigned test_server_count(struct test_server *server, enum test_endpoint endpoint)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->counts[endpoint];
    pthread_mutex_unlock(&server->lock);
    return count;
}

unsigned test_server_connections(struct test_server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned count = server->connections;
    pthread_mutex_unlock(&server->lock);
    return count;
}

const char *test_server_evidence_type(struct test_server *server)
{
    return server->evidence_type;
}

struct atls_bytes test_server_evidence(struct test_server *server)
{
    return ATLS_BYTES(server->evidence, server->evidence_size);
}

static int listen_somewhere(unsigned *portp)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *portp = ntohs(address.sin_port);
    return fd;
}

#define RAW_MAX 16

static struct raw {
    int fd;
    const char *bytes;
    pthread_t thread;
} raws[RAW_MAX];
static unsigned raw_count;
static pthread_mutex_t raw_lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t raw_request[4096]; /* with a zero behind it */
static size_t raw_size;

static void *serve_raw(void *context)
{
    struct raw *raw = context;
    uint8_t request[sizeof raw_request];
    ssize_t size;
    int fd;

    while ((fd = accept(raw->fd, NULL, NULL)) >= 0) {
        size = read(fd, request, sizeof request - 1);
        if (size > 0) {
            pthread_mutex_lock(&raw_lock);
            raw_size = (size_t)size;
            memcpy(raw_request, request, raw_size);
            raw_request[raw_size] = '\0';
            pthread_mutex_unlock(&raw_lock);
            (void)!write(fd, raw->bytes, strlen(raw->bytes));
        }
        close(fd);
    }
    return NULL;
}

const char *test_raw_server(const char *bytes)
{
    static char url[64];
    unsigned port;

    assert_true(raw_count < RAW_MAX);
    struct raw *raw = &raws[raw_count++];
    raw->bytes = bytes;
    raw->fd = listen_somewhere(&port);
    assert_int_equal(listen(raw->fd, 16), 0);
    assert_int_equal(pthread_create(&raw->thread, NULL, serve_raw, raw), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    return url;
}

struct atls_bytes test_raw_bytes(void)
{
    static uint8_t request[sizeof raw_request];

    pthread_mutex_lock(&raw_lock);
    size_t size = raw_size;
    memcpy(request, raw_request, sizeof request);
    pthread_mutex_unlock(&raw_lock);
    return ATLS_BYTES(request, size);
}

const char *test_raw_request(void)
{
    return (const char *)test_raw_bytes().data;
}

void test_raw_stop(void)
{
    while (raw_count) {
        struct raw *raw = &raws[--raw_count];
        shutdown(raw->fd, SHUT_RDWR); /* its accept() returns */
        pthread_join(raw->thread, NULL);
        close(raw->fd);
    }
}

const char *test_nobody(void)
{
    static char url[64];
    unsigned port;
    int fd = listen_somewhere(&port); /* bound, not listening: a connection is refused */

    (void)fd;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    return url;
}
