/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of Parsec, and a device whose keys are in one: against bytes of Parsec's own tests and
 * of a parsec-service, against answers that do harm, and against a service of this file, which
 * keeps keys as Parsec does. Those that speak to a real one are scenarios/parsec.
 */
#include "sim/test-support.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parsec.pb-c.h"
#include "rats/base/encoding.h"
#include "rats/cmw/cmw.h"
#include "sim/device/client.h"
#include "sim/device/simulated.h"
#include "sim/roots/parsec-client.h"
#include "sim/roots/parsec-wire.h"

#define CRYPTO (&atls_crypto_gnutls)
#define PATIENCE_MS 20000

/* Whoever may say no says why. */
#define assert_refused(came, code, words)                                                          \
    do {                                                                                           \
        assert_case(#came, (came), (code));                                                        \
        if (!strstr(atls_error_text(), (words)))                                                   \
            fail_msg("%s: \"%s\" does not say \"%s\"", #came, atls_error_text(), (words));         \
    } while (0)

static struct atls_bytes of_hex(const char *hex, uint8_t *buffer, size_t capacity)
{
    struct atls_sink s = atls_sink_of(buffer, capacity);
    struct atls_bytes bytes = {0};
    for (; *hex; hex += 2) {
        char two[3] = {hex[0], hex[1], 0};
        atls_sink_u8(&s, (uint8_t)strtoul(two, NULL, 16));
    }
    assert_ok(atls_sink_done(&s, &bytes));
    return bytes;
}

static void put(struct atls_sink *s, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        atls_sink_u8(s, (uint8_t)(value >> (8 * i)));
}

/* An answer as Parsec writes it. */
static struct atls_bytes answer_of(uint8_t *buffer, size_t capacity, uint32_t provider,
                                   uint32_t opcode, uint16_t status, struct atls_bytes body)
{
    struct atls_sink s = atls_sink_of(buffer, capacity);
    struct atls_bytes bytes = {0};
    put(&s, 0x5EC0A710, 4);
    put(&s, 30, 2);
    put(&s, 1, 2); /* version 1.0 */
    put(&s, 0, 2);
    put(&s, provider, 1);
    put(&s, 0, 11);
    put(&s, body.size, 4);
    put(&s, 0, 2);
    put(&s, opcode, 4);
    put(&s, status, 2);
    put(&s, 0, 2);
    atls_sink_bytes(&s, body);
    assert_ok(atls_sink_done(&s, &bytes));
    return bytes;
}

static AtlsParsec__Empty nothing = ATLS_PARSEC__EMPTY__INIT;

static struct atls_parsec_request request_of(enum atls_parsec_opcode opcode)
{
    bool of_core = opcode == ATLS_PARSEC_PING || opcode >= ATLS_PARSEC_LIST_PROVIDERS;
    return (struct atls_parsec_request){
        .provider = of_core ? ATLS_PARSEC_CORE : ATLS_PARSEC_TPM,
        .opcode = opcode,
        .body = &nothing.base,
        .authenticated = !of_core,
        .user = 1000,
    };
}

/* get_response_1_bytes() and its siblings of the crate parsec-interface 0.30.0 (Apache-2.0),
 * src/requests/response/mod.rs: what Parsec's own tests read, and refuse. */
static void test_answers_of_parsecs_own_tests(void **state)
{
    static const struct {
        const char *name, *hex;
        int expected;
        size_t body_size;
    } rows[] = {
        {"response 1",
         "10a7c05e1e000100000000887766554433221100000003000000000001000000000000007080"
         "90",
         0, 3},
        {"response 2",
         "10a7c05e1e000100000000ffeeddccbbaa998800000004000000000001000000000000"
         "00b0b1b2b3",
         0, 4},
        {"big-endian",
         "5ec0a710001e010000000011223344556677880000000000000300000000000100000000708090",
         ATLS_E_MALFORMED, 0},
        {"integers of variable size, which is shorter",
         "fc5ec0a7101e01000000fd112233445566778800000003000100000000708090", ATLS_E_MALFORMED, 0},
        {"version 255.255",
         "10a7c05e1e00ffff0000008877665544332211000000030000000000010000000000000070"
         "8090",
         ATLS_E_UNSUPPORTED, 0},
    };
    const struct atls_parsec_request ping = request_of(ATLS_PARSEC_PING);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buffer[128];
        struct atls_bytes body = {0};
        assert_case(
            rows[i].name,
            atls_parsec_answer_read(&ping, of_hex(rows[i].hex, buffer, sizeof buffer), &body),
            rows[i].expected);
        assert_int_equal(body.size, rows[i].body_size);
    }
}

/* Requests, against bytes of an encoder that shares nothing with this one (its own Protocol
 * Buffers, in Python), which a parsec-service 1.5.0 has taken. */
static void test_requests(void **state)
{
    AtlsParsec__NamedKey key = ATLS_PARSEC__NAMED_KEY__INIT;
    AtlsParsec__ListOpcodes which = ATLS_PARSEC__LIST_OPCODES__INIT;
    key.key_name = (char *)(uintptr_t) "atls-tik";
    which.provider_id = ATLS_PARSEC_TPM;
    const struct {
        enum atls_parsec_opcode opcode;
        const ProtobufCMessage *body;
        const char *hex;
    } rows[] = {
        {ATLS_PARSEC_PING, &nothing.base,
         "10a7c05e1e000100000000000000000000000000000000000000000001000000000000"
         "00"},
        {ATLS_PARSEC_LIST_OPCODES, &which.base,
         "10a7c05e1e000100000000000000000000000000000002000000000009000000000000"
         "000803"},
        {ATLS_PARSEC_EXPORT_PUBLIC_KEY, &key.base,
         "10a7c05e1e00010000000300000000000000000000030a000000040007000000000000"
         "000a0861746c732d74696be8030000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buffer[256], due[256];
        struct atls_parsec_request request = request_of(rows[i].opcode);
        struct atls_sink s = atls_sink_of(buffer, sizeof buffer);
        struct atls_bytes expected = of_hex(rows[i].hex, due, sizeof due);
        request.body = rows[i].body;
        assert_ok(atls_parsec_request_write(&request, &s));
        assert_case(rows[i].hex, atls_bytes_equal(ATLS_BYTES(buffer, s.used), expected), 1);
    }
    uint8_t small[40];
    struct atls_sink little = atls_sink_of(small, sizeof small);
    struct atls_parsec_request request = request_of(ATLS_PARSEC_EXPORT_PUBLIC_KEY);
    request.body = &key.base;
    assert_int_equal(atls_parsec_request_write(&request, &little), ATLS_E_LIMIT);
}

/* An answer to PsaSignHash with one thing wrong: SIZE bytes at AT of it are VALUE. */
static void test_hostile_headers(void **state)
{
    static const struct {
        const char *name;
        unsigned at, size;
        uint64_t value;
        int expected;
        const char *words;
    } rows[] = {
        {"as it must be", 0, 0, 0, 0, ""},
        {"magic", 0, 4, 0x5EC0A711, ATLS_E_MALFORMED, "magic of an answer: expected 0x5ec0a710"},
        {"magic of nothing", 0, 4, 0, ATLS_E_MALFORMED, "magic"},
        {"size of the header", 4, 2, 29, ATLS_E_MALFORMED, "size of an answer: expected 0x1e"},
        {"size of a longer header", 4, 2, 31, ATLS_E_MALFORMED, "came 0x1f"},
        {"version 2.0", 6, 1, 2, ATLS_E_UNSUPPORTED, "expected version 1.0"},
        {"version 1.1", 7, 1, 1, ATLS_E_UNSUPPORTED, "came 1.1"},
        {"flags", 8, 2, 1, ATLS_E_MALFORMED, "flags"},
        {"another provider", 10, 1, 1, ATLS_E_MALFORMED, "provider of an answer: expected 0x3"},
        {"the core", 10, 1, 0, ATLS_E_MALFORMED, "provider"},
        {"a session, which 1.0 has not", 11, 8, 7, 0, ""},
        {"type of the content", 19, 1, 1, ATLS_E_MALFORMED, "content type"},
        {"type that is accepted", 20, 1, 1, ATLS_E_MALFORMED, "accept type"},
        {"an authentication", 21, 1, 3, ATLS_E_MALFORMED, "authentication type"},
        {"no body", 22, 4, 0, ATLS_E_MALFORMED, "expected 0 bytes behind the header, came 4"},
        {"one byte too many", 22, 4, 3, ATLS_E_MALFORMED, "expected 3 bytes behind the header"},
        {"one byte too few", 22, 4, 5, ATLS_E_MALFORMED, "expected 5 bytes behind the header"},
        {"beyond the bound", 22, 4, ATLS_PARSEC_BODY_MAX + 1, ATLS_E_LIMIT, "came 4097"},
        {"all of a length", 22, 4, 0xffffffff, ATLS_E_LIMIT, "came 4294967295"},
        {"size of an authentication", 26, 2, 4, ATLS_E_MALFORMED, "size of the authentication"},
        {"another operation", 28, 4, 7, ATLS_E_MALFORMED, "opcode of an answer: expected 0x4"},
        {"a Ping that went well", 28, 4, 1, ATLS_E_MALFORMED, "opcode"},
        {"a status with a body", 32, 2, 1132, ATLS_E_MALFORMED,
         "expected no body with status 1132"},
        {"reserved bytes", 34, 1, 1, ATLS_E_MALFORMED, "reserved"},
        {"the other one", 35, 1, 1, ATLS_E_MALFORMED, "reserved"},
    };
    static const uint8_t body[4] = {0x0a, 2, 7, 8};
    const struct atls_parsec_request sign = request_of(ATLS_PARSEC_SIGN_HASH);
    uint8_t buffer[64];
    struct atls_bytes came, whole;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        whole = answer_of(buffer, sizeof buffer, ATLS_PARSEC_TPM, ATLS_PARSEC_SIGN_HASH, 0,
                          ATLS_BYTES(body, sizeof body));
        for (unsigned j = 0; j < rows[i].size; j++)
            buffer[rows[i].at + j] = (uint8_t)(rows[i].value >> (8 * j));
        assert_case(rows[i].name, atls_parsec_answer_read(&sign, whole, &came), rows[i].expected);
        if (rows[i].expected && !strstr(atls_error_text(), rows[i].words))
            fail_msg("%s: %s", rows[i].name, atls_error_text());
    }
    whole = answer_of(buffer, sizeof buffer, ATLS_PARSEC_TPM, ATLS_PARSEC_SIGN_HASH, 0,
                      ATLS_BYTES(body, sizeof body));
    for (size_t size = 0; size < whole.size; size++)
        assert_case("cut", atls_parsec_answer_read(&sign, ATLS_BYTES(buffer, size), &came),
                    ATLS_E_MALFORMED);
}

/* Parsec Book, "Status Codes": each is told in words, and as what it means to a device. */
static void test_statuses(void **state)
{
    static const struct {
        uint16_t status;
        uint32_t provider, opcode; /* that answers */
        int expected;
        const char *words;
    } rows[] = {
        {4, 0, 1, ATLS_E_UNSUPPORTED,
         "version 1.0 of the wire protocol is not supported (status 4)"},
        {5, 3, 4, ATLS_E_UNSUPPORTED, "this service has no such provider (status 5)"},
        {6, 3, 4, ATLS_E_UNSUPPORTED, "no such provider"},
        {9, 0, 1, ATLS_E_UNSUPPORTED, "Parsec does not do PsaSignHash with its TPM provider"},
        {1134, 3, 4, ATLS_E_UNSUPPORTED, "it is not supported (status 1134)"},
        {11, 3, 4, ATLS_E_REFUSED, "as user 1000: the authentication failed (status 11)"},
        {12, 0, 1, ATLS_E_REFUSED, "auth_type = \"UnixPeerCredentials\""},
        {13, 3, 4, ATLS_E_REFUSED, "this service has no such authenticator"},
        {19, 3, 4, ATLS_E_REFUSED, "an authentication is required"},
        {1140, 3, 4, ATLS_E_REFUSED, "Parsec refused PsaSignHash: there is no key of this name"},
        {1145, 3, 4, ATLS_E_REFUSED, "its TPM does not answer as it must (status 1145)"},
        {77, 3, 4, ATLS_E_REFUSED, "no status of wire protocol 1.0 (status 77)"},
        {17, 3, 7, ATLS_E_MALFORMED, "opcode of an answer"},
        {17, 0, 4, ATLS_E_MALFORMED, "provider of an answer"},
    };
    const struct atls_parsec_request sign = request_of(ATLS_PARSEC_SIGN_HASH);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buffer[64];
        struct atls_bytes body;
        struct atls_bytes answer =
            answer_of(buffer, sizeof buffer, rows[i].provider, rows[i].opcode, rows[i].status,
                      (struct atls_bytes){0});
        assert_refused(atls_parsec_answer_read(&sign, answer, &body), rows[i].expected,
                       rows[i].words);
    }
}

static void test_hostile_bodies(void **state)
{
    const ProtobufCMessageDescriptor *signature = &atls_parsec__sign_hash_result__descriptor;
    const ProtobufCMessageDescriptor *list = &atls_parsec__list_providers_result__descriptor;
    const ProtobufCMessageDescriptor *pong = &atls_parsec__ping_result__descriptor;
    const struct {
        const char *name;
        const ProtobufCMessageDescriptor *kind;
        const char *hex;
        int expected;
    } rows[] = {
        {"a signature", signature, "0a020708", 0},
        {"an empty message, whose field is empty", signature, "", 0},
        {"a field that is empty and there", signature, "0a00", ATLS_E_MALFORMED},
        {"a field twice", signature, "0a0207080a020708", ATLS_E_MALFORMED},
        {"a field that is none", signature, "0a0207081001", ATLS_E_MALFORMED},
        {"another field only", signature, "12020708", ATLS_E_MALFORMED},
        {"field 0", signature, "02020708", ATLS_E_MALFORMED},
        {"an integer for bytes", signature, "0807", ATLS_E_MALFORMED},
        {"a group", signature, "0b0c", ATLS_E_MALFORMED},
        {"a length beyond the end", signature, "0a050708", ATLS_E_MALFORMED},
        {"a length of 2^63", signature, "0affffffffffffffff7f", ATLS_E_MALFORMED},
        {"a length that is longer than it need be", signature, "0a82000708", ATLS_E_MALFORMED},
        {"a tag that is longer than it need be", signature, "8a00020708", ATLS_E_MALFORMED},
        {"a tag without end", signature, "ffffffffffffffffffffff", ATLS_E_MALFORMED},
        {"half a tag", signature, "0a02070880", ATLS_E_MALFORMED},
        {"version 1.0", pong, "0801", 0},
        {"version 1.0 with its zero", pong, "08011000", ATLS_E_MALFORMED},
        {"version 1.1", pong, "08011001", 0},
        {"its fields in another order", pong, "10010801", ATLS_E_MALFORMED},
        {"an integer of 64 bits", pong, "0881808080808080808001", ATLS_E_MALFORMED},
        {"a provider", list, "0a023803", 0},
        {"a provider with a field that is none", list, "0a0438034001", ATLS_E_MALFORMED},
        {"a text with a zero in it", list, "0a051203410042", ATLS_E_MALFORMED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ProtobufCMessage *message = NULL;
        uint8_t buffer[64];
        struct atls_bytes body = of_hex(rows[i].hex, buffer, sizeof buffer);
        assert_case(rows[i].name, atls_parsec_body_read(rows[i].kind, body, &message),
                    rows[i].expected);
        if (!rows[i].expected)
            protobuf_c_message_free_unpacked(message, NULL);
    }
}

static void test_endpoints(void **state)
{
    static const struct {
        const char *endpoint, *path; /* NULL: refused */
    } rows[] = {
        {"unix:/run/parsec/parsec.sock", "/run/parsec/parsec.sock"},
        {"unix:///run/parsec/parsec.sock", "/run/parsec/parsec.sock"},
        {"unix:relative", NULL},
        {"unix://host/path", NULL},
        {"unix:", NULL},
        {"uni", NULL},
        {"/run/parsec/parsec.sock", NULL},
        {"tcp://localhost:1", NULL},
        {"UNIX:/a", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *path = NULL;
        assert_case(rows[i].endpoint, atls_parsec_endpoint_parse(rows[i].endpoint, &path),
                    rows[i].path ? 0 : ATLS_E_UNSUPPORTED);
        if (rows[i].path)
            assert_string_equal(path, rows[i].path);
    }
}

/* A service that keeps keys as Parsec does, and answers wrongly where it is told to. */
#define KEYS 8
struct service {
    char path[300];
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
    struct {
        char name[ATLS_PARSEC_KEY_NAME_MAX];
        struct atls_private_key key;
    } keys[KEYS];
    /* instead of what it would answer */
    uint32_t wrong_opcode;   /* this one is answered */
    struct atls_bytes wrong; /* with these bytes, */
    unsigned pieces;         /* in pieces of that many bytes; 0: at once */
    bool silent;             /* nothing, without end */
    uint16_t status;         /* all but the core's operations are refused */
    uint32_t provider;       /* the only one */
    uint32_t lacks;          /* an operation */
};

static int key_at(const struct service *s, const char *name)
{
    for (int i = 0; i < KEYS; i++)
        if (!strcmp(s->keys[i].name, name))
            return i;
    return -1;
}

static uint16_t generate(struct service *s, struct atls_bytes body)
{
    AtlsParsec__GenerateKey *asked = atls_parsec__generate_key__unpack(NULL, body.size, body.data);
    int at = key_at(s, ""), known = asked ? key_at(s, asked->key_name) : 0;
    uint16_t status = !asked ? 7 : known >= 0 ? 1139 : at < 0 ? 1142 : 0;
    if (!status) {
        snprintf(s->keys[at].name, sizeof s->keys[at].name, "%s", asked->key_name);
        bool p384 = asked->attributes->key_bits == 384;
        assert_ok(CRYPTO->make_key(p384 ? ATLS_P384 : ATLS_P256, NULL, &s->keys[at].key));
    }
    atls_parsec__generate_key__free_unpacked(asked, NULL);
    return status;
}

static uint16_t destroy(struct service *s, const char *name)
{
    int at = key_at(s, name);
    if (at < 0)
        return 1140;
    memset(&s->keys[at], 0, sizeof s->keys[at]);
    return 0;
}

static size_t export_key(struct service *s, const char *name, uint8_t *out)
{
    uint8_t point[1 + 2 * 48] = {4};
    const struct atls_public_key *key = &s->keys[key_at(s, name)].key.public_key;
    size_t size = atls_curve_size(key->curve);
    AtlsParsec__ExportPublicKeyResult result = ATLS_PARSEC__EXPORT_PUBLIC_KEY_RESULT__INIT;
    memcpy(point + 1, key->x, size);
    memcpy(point + 1 + size, key->y, size);
    result.data = (ProtobufCBinaryData){1 + 2 * size, point};
    return atls_parsec__export_public_key_result__pack(&result, out);
}

static size_t sign(struct service *s, struct atls_bytes body, uint8_t *out, uint16_t *statusp)
{
    uint8_t signature[ATLS_SIGNATURE_MAX];
    AtlsParsec__SignHashResult result = ATLS_PARSEC__SIGN_HASH_RESULT__INIT;
    AtlsParsec__SignHashOperation *asked =
        atls_parsec__sign_hash_operation__unpack(NULL, body.size, body.data);
    int at = asked ? key_at(s, asked->key_name) : -1;
    size_t size = 0;
    *statusp = 1140;
    if (at >= 0) {
        const struct atls_private_key *key = &s->keys[at].key;
        *statusp = 0;
        assert_ok(CRYPTO->sign(key, ATLS_BYTES(asked->hash.data, asked->hash.len), signature));
        result.signature =
            (ProtobufCBinaryData){2 * atls_curve_size(key->public_key.curve), signature};
        size = atls_parsec__sign_hash_result__pack(&result, out);
    }
    atls_parsec__sign_hash_operation__free_unpacked(asked, NULL);
    return size;
}

static size_t list_providers(const struct service *s, uint8_t *out)
{
    AtlsParsec__ProviderInfo infos[2] = {ATLS_PARSEC__PROVIDER_INFO__INIT,
                                         ATLS_PARSEC__PROVIDER_INFO__INIT};
    AtlsParsec__ProviderInfo *list[2] = {&infos[0], &infos[1]};
    AtlsParsec__ListProvidersResult result = ATLS_PARSEC__LIST_PROVIDERS_RESULT__INIT;
    infos[0].id = s->provider;
    infos[0].vendor = (char *)(uintptr_t) "A vendor\033[2J";
    infos[0].minor = 1;
    result.n_providers = 2;
    result.providers = list;
    return atls_parsec__list_providers_result__pack(&result, out);
}

static size_t list_opcodes(const struct service *s, uint8_t *out)
{
    static const uint32_t all[] = {2, 3, 4, 7, 0x1e, 0x1f};
    uint32_t had[6];
    AtlsParsec__ListOpcodesResult result = ATLS_PARSEC__LIST_OPCODES_RESULT__INIT;
    result.opcodes = had;
    for (size_t i = 0; i < 6; i++)
        if (all[i] != s->lacks)
            had[result.n_opcodes++] = all[i];
    return atls_parsec__list_opcodes_result__pack(&result, out);
}

static struct atls_bytes respond(struct service *s, const uint8_t *request, uint8_t *buffer,
                                 size_t capacity)
{
    uint8_t out[512];
    uint32_t opcode = request[28];
    struct atls_bytes body = ATLS_BYTES(request + 36, request[22] | request[23] << 8);
    AtlsParsec__NamedKey *named = opcode == 3 || opcode == 7
                                      ? atls_parsec__named_key__unpack(NULL, body.size, body.data)
                                      : NULL;
    uint16_t status = request[10] == ATLS_PARSEC_TPM ? s->status : 0;
    size_t size = 0;
    if (s->wrong_opcode == opcode)
        memcpy(buffer, s->wrong.data, size = s->wrong.size);
    else if (opcode == ATLS_PARSEC_PING)
        memcpy(out, "\x08\x01", size = 2);
    else if (opcode == ATLS_PARSEC_LIST_PROVIDERS)
        size = list_providers(s, out);
    else if (opcode == ATLS_PARSEC_LIST_OPCODES)
        size = list_opcodes(s, out);
    else if (!status && opcode == ATLS_PARSEC_GENERATE_KEY)
        status = generate(s, body);
    else if (!status && opcode == ATLS_PARSEC_DESTROY_KEY)
        status = destroy(s, named->key_name);
    else if (!status && opcode == ATLS_PARSEC_EXPORT_PUBLIC_KEY)
        size = export_key(s, named->key_name, out);
    else if (!status)
        size = sign(s, body, out, &status);
    atls_parsec__named_key__free_unpacked(named, NULL);
    if (s->wrong_opcode == opcode)
        return ATLS_BYTES(buffer, size);
    return answer_of(buffer, capacity, request[10], opcode, status, ATLS_BYTES(out, size));
}

static void serve(struct service *s, int fd)
{
    uint8_t request[1024], buffer[ATLS_PARSEC_MESSAGE_MAX + 64];
    size_t size = 0, wanted = 36;
    while (size < wanted) {
        ssize_t n = recv(fd, request + size, sizeof request - size, 0);
        if (n <= 0)
            return;
        size += (size_t)n;
        if (size >= 36)
            wanted = 36u + request[22] + (request[23] << 8) + request[26];
    }
    pthread_mutex_lock(&s->lock);
    struct atls_bytes answer = respond(s, request, buffer, sizeof buffer);
    unsigned piece = s->pieces ? s->pieces : 1u << 20;
    bool silent = s->silent;
    pthread_mutex_unlock(&s->lock);
    if (silent) { /* until the client has had enough */
        (void)recv(fd, request, sizeof request, 0);
        return;
    }
    for (size_t done = 0; done < answer.size;) {
        size_t now = answer.size - done < piece ? answer.size - done : piece;
        ssize_t n = send(fd, answer.data + done, now, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        done += (size_t)n;
        if (s->pieces)
            usleep(200);
    }
}

static void *run_service(void *context)
{
    struct service *s = context;
    int fd;
    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        serve(s, fd);
        close(fd);
    }
    return NULL;
}

static char directory[256];

static int start_service(void **state)
{
    struct service *s = calloc(1, sizeof *s);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static unsigned count;
    snprintf(s->path, sizeof s->path, "%s/%u", directory, count++);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", s->path);
    s->provider = ATLS_PARSEC_TPM;
    pthread_mutex_init(&s->lock, NULL);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, 16), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, run_service, s), 0);
    *state = s;
    return 0;
}

static int end_service(void **state)
{
    struct service *s = *state;
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    unlink(s->path);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return 0;
}

static struct atls_parsec client_of(const struct service *s)
{
    return (struct atls_parsec){.path = s->path, .timeout_ms = PATIENCE_MS};
}

static void test_client(void **state)
{
    static const uint8_t digest[48] = {1, 2, 3};
    static const enum atls_curve curves[] = {ATLS_P256, ATLS_P384};
    struct service *s = *state;
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    struct atls_parsec parsec = client_of(s);
    for (unsigned pieces = 0; pieces < 3; pieces++) {
        s->pieces = pieces;
        assert_ok(atls_parsec_check(&parsec, provider));
        assert_string_equal(provider, "A vendor\\x1b[2J 0.1.0");
        for (size_t i = 0; i < 2; i++) {
            struct atls_bytes hashed = ATLS_BYTES(digest, i ? 48 : 32);
            struct atls_public_key key;
            uint8_t signature[ATLS_SIGNATURE_MAX];
            size_t size;
            assert_ok(atls_parsec_generate_key(&parsec, "k", curves[i], &key));
            assert_refused(atls_parsec_generate_key(&parsec, "k", curves[i], &key), ATLS_E_REFUSED,
                           "a key of this name is there already");
            assert_ok(atls_parsec_sign_hash(&parsec, "k", curves[i], hashed, signature, &size));
            assert_ok(CRYPTO->verify(&key, hashed, ATLS_BYTES(signature, size)));
            assert_ok(atls_parsec_destroy_key(&parsec, "k"));
            assert_refused(atls_parsec_sign_hash(&parsec, "k", curves[i], hashed, signature, &size),
                           ATLS_E_REFUSED, "there is no key of this name");
        }
    }
}

/* What a client says of a service that is not as it must be. */
static void test_services_that_will_not_do(void **state)
{
    static const char no_tpm[] = "expected the provider TPM (3), came Mbed Crypto, core";
    struct service *s = *state;
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    struct atls_parsec parsec = client_of(s);
    struct atls_public_key key;
    s->provider = 1;
    assert_refused(atls_parsec_check(&parsec, provider), ATLS_E_UNSUPPORTED, no_tpm);
    s->provider = ATLS_PARSEC_TPM;
    s->lacks = ATLS_PARSEC_SIGN_HASH;
    assert_refused(atls_parsec_check(&parsec, provider), ATLS_E_UNSUPPORTED,
                   "expected PsaSignHash of its TPM provider");
    s->lacks = 0;
    s->status = 11;
    assert_ok(atls_parsec_check(&parsec, provider));
    assert_refused(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key), ATLS_E_REFUSED,
                   "does not let this device in");
    parsec.path = "/nonexistent/parsec.sock";
    assert_refused(atls_parsec_check(&parsec, provider), ATLS_E_UNAVAILABLE,
                   "there is no Parsec at /nonexistent/parsec.sock");
    parsec.path = "";
    assert_refused(atls_parsec_check(&parsec, provider), -EINVAL, "1 to 107 bytes, came 0");
    char longest[200];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    parsec.path = longest;
    assert_refused(atls_parsec_check(&parsec, provider), -EINVAL, "came 199");
}

static void test_hostile_answers(void **state)
{
    struct service *s = *state;
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    struct atls_parsec parsec = client_of(s);
    const struct {
        const char *name, *hex;
        int expected;
        const char *words;
    } rows[] = {
        {"nothing", "", ATLS_E_UNAVAILABLE, "closed the connection without an answer to Ping"},
        {"one byte", "10", ATLS_E_MALFORMED, "expected 36 bytes, came 1"},
        {"a byte too few of the header",
         "10a7c05e1e0001000000000000000000000000000000020000000000010000000000"
         "00",
         ATLS_E_MALFORMED, "expected 36 bytes, came 35"},
        {"another protocol",
         "485454502f312e3120343030204261642052657175657374"
         "0d0a0d0a48656c6c6f2c20776f726c64",
         ATLS_E_MALFORMED, "magic"},
        {"half a body",
         "10a7c05e1e000100000000000000000000000000000002000000000001000000000000"
         "0008",
         ATLS_E_MALFORMED, "expected 2 bytes behind the header, came 1"},
        {"a byte behind the body",
         "10a7c05e1e000100000000000000000000000000000002000000000001000000000000"
         "00080100",
         ATLS_E_MALFORMED, "expected 2 bytes behind the header, came 3"},
        {"two answers",
         "10a7c05e1e000100000000000000000000000000000002000000000001000000000000"
         "00080110a7c05e",
         ATLS_E_MALFORMED, "came 6"},
        {"another operation",
         "10a7c05e1e000100000000000000000000000000000002000000000002000000000000"
         "000801",
         ATLS_E_MALFORMED, "opcode"},
        {"version 2.1 of the protocol in a Ping",
         "10a7c05e1e000100000000000000000000000000000004000000000001000000000000"
         "0008021001",
         ATLS_E_UNSUPPORTED, "expected version 1.0 of its wire protocol, came 2.1"},
        {"no body",
         "10a7c05e1e000100000000000000000000000000000000000000000001000000000000"
         "00",
         ATLS_E_UNSUPPORTED, "came 0.0"},
    };
    s->wrong_opcode = ATLS_PARSEC_PING;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buffer[128];
        s->wrong = of_hex(rows[i].hex, buffer, sizeof buffer);
        assert_case(rows[i].name, atls_parsec_check(&parsec, provider), rows[i].expected);
        if (!strstr(atls_error_text(), rows[i].words))
            fail_msg("%s: %s", rows[i].name, atls_error_text());
    }
    s->silent = true;
    parsec.timeout_ms = 50;
    assert_refused(atls_parsec_check(&parsec, provider), ATLS_E_UNAVAILABLE,
                   "did not answer within 50 ms");
}

/* Keys and signatures that are none, of a service that says all is well. */
static void test_hostile_results(void **state)
{
    static const uint8_t digest[32] = {5};
    struct service *s = *state;
    struct atls_parsec parsec = client_of(s);
    uint8_t body[128] = {0x0a, 65, 4}, buffer[256], signature[ATLS_SIGNATURE_MAX];
    struct atls_public_key key;
    size_t size;
    s->wrong_opcode = ATLS_PARSEC_EXPORT_PUBLIC_KEY;
    body[66] = 1; /* (0, 1) is on no curve of ours */
    s->wrong = answer_of(buffer, sizeof buffer, 3, 7, 0, ATLS_BYTES(body, 67));
    assert_int_equal(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key), ATLS_E_MALFORMED);
    assert_int_equal(key_at(s, "k"), -1); /* and it is of no use there */
    body[2] = 2;
    s->wrong = answer_of(buffer, sizeof buffer, 3, 7, 0, ATLS_BYTES(body, 67));
    assert_refused(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key), ATLS_E_MALFORMED,
                   "expected 04 and two coordinates of 32 bytes");
    body[1] = 64;
    s->wrong = answer_of(buffer, sizeof buffer, 3, 7, 0, ATLS_BYTES(body, 66));
    assert_refused(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key), ATLS_E_MALFORMED,
                   "came 64 bytes");
    s->wrong_opcode = 0;
    assert_ok(atls_parsec_generate_key(&parsec, "k", ATLS_P256, &key));
    s->wrong_opcode = ATLS_PARSEC_SIGN_HASH;
    for (uint8_t wrong = 0; wrong < 126; wrong++) {
        body[1] = wrong;
        s->wrong =
            answer_of(buffer, sizeof buffer, 3, 4, 0, ATLS_BYTES(body, wrong ? 2 + wrong : 0));
        assert_case("size of a signature",
                    atls_parsec_sign_hash(&parsec, "k", ATLS_P256,
                                          ATLS_BYTES(digest, sizeof digest), signature, &size),
                    wrong == 64 ? 0 : ATLS_E_MALFORMED);
    }
}

/* A device in this process, and who asks it. */
struct under_test {
    struct atls_transport transport;
    struct atls_simulated *simulated;
    struct atls_device *device;
    uint8_t answer[ATLS_ANSWER_MAX];
};

static int exchange(struct atls_transport *transport, struct atls_bytes request,
                    struct atls_bytes *answerp)
{
    struct under_test *u = (struct under_test *)(void *)transport;
    *answerp = atls_core_handle(&u->simulated->core, request, u->answer, sizeof u->answer).message;
    return 0;
}

static void ignore(struct atls_transport *transport)
{
    (void)transport;
}

static int boot(struct under_test *u, const char *socket)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    options.has_seed = true;
    options.seed = 5;
    options.parsec_socket = socket;
    assert_ok(atls_root_kind_by_name("parsec", &options.root));
    u->transport = (struct atls_transport){exchange, ignore};
    int result = atls_simulated_open(&options, &u->simulated);
    if (!result)
        assert_ok(atls_device_over(&u->transport, &u->device));
    return result;
}

static void shut_down(struct under_test *u)
{
    atls_device_close(u->device);
    atls_simulated_close(u->simulated);
}

/* The identity key of a CAB is the one in Parsec, which signs. */
static void check_cab(struct under_test *u, uint32_t handle, const struct atls_public_key *key)
{
    static const uint8_t challenge[32] = {7};
    struct atls_bytes nonce = ATLS_BYTES(challenge, sizeof challenge);
    struct atls_cmw *cmw;
    struct atls_cab cab;
    uint8_t *bytes;
    size_t size;
    assert_ok(atls_device_attest_key(u->device, handle, nonce, &bytes, &size));
    assert_ok(atls_cmw_parse(ATLS_BYTES(bytes, size), &cmw));
    assert_ok(atls_cab_parse(cmw, &cab));
    assert_ok(atls_cab_check(&cab, CRYPTO, nonce));
    assert_true(atls_public_key_equal(&cab.kat_claims.identity_key, key));
    atls_cmw_free(cmw);
    free(bytes);
}

static void test_device(void **state)
{
    static const uint8_t bytes[48] = {9};
    struct atls_bytes nonce = ATLS_BYTES(bytes, 32);
    struct atls_public_key key, other;
    struct service *s = *state;
    struct under_test u;
    uint8_t signature[ATLS_SIGNATURE_MAX], *out;
    uint32_t handle, second;
    size_t size;
    assert_ok(boot(&u, s->path));
    assert_ok(atls_device_create_key(u.device, ATLS_P256, &handle, &key));
    assert_ok(atls_device_create_key(u.device, ATLS_P384, &second, &other));
    check_cab(&u, handle, &key);
    check_cab(&u, second, &other);
    assert_ok(atls_device_sign(u.device, handle, nonce, signature, &size));
    assert_ok(CRYPTO->verify(&key, nonce, ATLS_BYTES(signature, size)));
    assert_ok(atls_device_attest_as(u.device, "key-binding", handle, nonce, &out, &size));
    free(out);
    assert_ok(atls_device_attest_prototype(u.device, handle, nonce, &out, &size));
    free(out);
    assert_ok(atls_device_attest_platform(u.device, nonce, &out, &size));
    free(out);
    assert_refused(atls_device_attest_as(u.device, "parsec-tpm", handle, nonce, &out, &size),
                   ATLS_E_REFUSED,
                   "released Parsec (1.5) does neither TPM2_Certify nor TPM2_Quote");
    assert_refused(atls_device_attest_as(u.device, "cca", handle, nonce, &out, &size),
                   ATLS_E_REFUSED, "is parsec, which makes no cca");
    assert_refused(atls_device_attest_key(u.device, 0, nonce, &out, &size), ATLS_E_REFUSED,
                   "no identity key with handle 0");
    assert_refused(atls_device_attest_as(u.device, "key-binding", 9, nonce, &out, &size),
                   ATLS_E_REFUSED, "no identity key with handle 9");
    assert_refused(atls_device_sign(u.device, handle, ATLS_BYTES(bytes, 48), signature, &size),
                   ATLS_E_REFUSED, "expected a digest of 32 bytes");
    assert_refused(atls_device_sign(u.device, second, nonce, signature, &size), ATLS_E_REFUSED,
                   "expected a digest of 48 bytes");
    assert_ok(atls_device_destroy_key(u.device, handle));
    assert_refused(atls_device_destroy_key(u.device, handle), ATLS_E_REFUSED, "handle");
    assert_refused(atls_device_attest_key(u.device, handle, nonce, &out, &size), ATLS_E_REFUSED,
                   "no identity key");
    s->status = 1134; /* what Parsec cannot do is refused, and the device goes on */
    assert_refused(atls_device_create_key(u.device, ATLS_P256, &handle, &key), ATLS_E_REFUSED,
                   "it is not supported");
    s->status = 0;
    check_cab(&u, second, &other);
    shut_down(&u);
    for (size_t i = 0; i < KEYS; i++) /* nothing is left of it */
        assert_string_equal(s->keys[i].name, "");
}

static void test_device_without_parsec(void **state)
{
    struct under_test u;
    (void)state;
    unsetenv("PARSEC_SERVICE_ENDPOINT");
    assert_refused(boot(&u, NULL), -EINVAL, "--root parsec needs --parsec-socket PATH");
    setenv("PARSEC_SERVICE_ENDPOINT", "tcp:nowhere", 1);
    assert_refused(boot(&u, NULL), ATLS_E_UNSUPPORTED, "expected unix:/PATH");
    setenv("PARSEC_SERVICE_ENDPOINT", "unix:/nonexistent/p", 1);
    assert_refused(boot(&u, NULL), ATLS_E_UNAVAILABLE, "there is no Parsec at /nonexistent/p");
    unsetenv("PARSEC_SERVICE_ENDPOINT");
}

/* Two devices of one Parsec have keys of their own, and one that is gone leaves the other's. */
static void test_two_devices(void **state)
{
    struct atls_public_key one, two;
    struct service *s = *state;
    struct under_test first, second;
    uint32_t handle;
    assert_ok(boot(&first, s->path));
    assert_ok(boot(&second, s->path));
    assert_ok(atls_device_create_key(first.device, ATLS_P256, &handle, &one));
    assert_ok(atls_device_create_key(second.device, ATLS_P256, &handle, &two));
    assert_false(atls_public_key_equal(&one, &two));
    shut_down(&first);
    check_cab(&second, handle, &two);
    shut_down(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_of_parsecs_own_tests),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_hostile_bodies),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test_setup_teardown(test_client, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_services_that_will_not_do, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_hostile_answers, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_hostile_results, start_service, end_service),
        cmocka_unit_test_setup_teardown(test_device, start_service, end_service),
        cmocka_unit_test(test_device_without_parsec),
        cmocka_unit_test_setup_teardown(test_two_devices, start_service, end_service),
    };
    test_make_directory(directory);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failed;
}
