/* SPDX-License-Identifier: Apache-2.0 */
/* Asks Parsec, a connection for each request; see parsec-client.h. */
#include "sim/roots/parsec-client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "parsec.pb-c.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "sim/roots/parsec-wire.h"

#define OPERATION "Parsec Book, operations of wire protocol 1.0"

#define SCHEME "unix:"

int atls_parsec_endpoint_parse(const char *endpoint, const char **pathp)
{
    const char *path = endpoint + strlen(SCHEME);
    if (strncmp(endpoint, SCHEME, strlen(SCHEME)))
        path = "";
    else if (!strncmp(path, "//", 2))
        path += 2;
    if (path[0] != '/')
        return atls_fail(ATLS_E_UNSUPPORTED, "Parsec Book, Service API Coverage and Endpoint",
                         "PARSEC_SERVICE_ENDPOINT: expected unix:/PATH, came \"%s\"", endpoint);
    *pathp = path;
    return 0;
}

/* A connection to it, which is open for one request; what is left of the time is until END. */
struct line {
    const struct atls_parsec *parsec;
    int fd;
    double end;
};

static int is_late(const struct line *line, const char *what)
{
    return atls_fail(ATLS_E_UNAVAILABLE, NULL, "Parsec at %s did not %s within %u ms",
                     line->parsec->path, what, line->parsec->timeout_ms);
}

static int is_absent(const struct line *line, int error)
{
    return atls_fail(ATLS_E_UNAVAILABLE, NULL,
                     "there is no Parsec at %s (--parsec-socket, PARSEC_SERVICE_ENDPOINT): %s; "
                     "start parsec-service, or name the socket on which it listens",
                     line->parsec->path, strerror(error));
}

static int open_line(const struct atls_parsec *parsec, struct line *linep)
{
    struct line line = {.parsec = parsec, .end = atls_now() + parsec->timeout_ms / 1000.0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!*parsec->path || strlen(parsec->path) >= sizeof address.sun_path)
        return atls_fail(-EINVAL, NULL,
                         "the path of Parsec's unix socket has 1 to %zu bytes, came %zu: %s",
                         sizeof address.sun_path - 1, strlen(parsec->path), parsec->path);
    strcpy(address.sun_path, parsec->path);
    line.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (line.fd < 0)
        return atls_fail(-errno, NULL, "socket: %s", strerror(errno));
    int result = atls_connect_until(line.fd, &address, line.end);
    if (result) {
        close(line.fd);
        return is_absent(&line, result);
    }
    *linep = line;
    return 0;
}

static int wait_for(const struct line *line, short event, const char *what)
{
    struct pollfd fd = {.fd = line->fd, .events = event};
    double left = line->end - atls_now();
    if (left <= 0)
        return is_late(line, what);
    int ready = poll(&fd, 1, (int)(left * 1000) + 1);
    if (ready < 0 && errno != EINTR)
        return atls_fail(-errno, NULL, "poll: %s", strerror(errno));
    return 0;
}

static bool has_to_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static int send_all(const struct line *line, struct atls_bytes bytes)
{
    size_t done = 0;
    while (done < bytes.size) {
        ssize_t n = send(line->fd, bytes.data + done, bytes.size - done, MSG_NOSIGNAL);
        if (n >= 0) {
            done += (size_t)n;
            continue;
        }
        if (!has_to_wait(errno))
            return atls_fail(ATLS_E_UNAVAILABLE, NULL, "Parsec at %s takes no request: %s",
                             line->parsec->path, strerror(errno));
        int result = wait_for(line, POLLOUT, "take a request");
        if (result)
            return result;
    }
    return 0;
}

/* At least one more byte of an answer, of which there is room for one more than the longest one
 * has. *ENDP: there are no more. */
static int receive(const struct line *line, uint8_t *buffer, size_t *sizep, bool *endp)
{
    for (;;) {
        ssize_t n = recv(line->fd, buffer + *sizep, ATLS_PARSEC_MESSAGE_MAX + 1 - *sizep, 0);
        if (n >= 0) {
            *sizep += (size_t)n;
            *endp = n == 0;
            return 0;
        }
        if (!has_to_wait(errno))
            return atls_fail(ATLS_E_UNAVAILABLE, NULL, "Parsec at %s gives no answer: %s",
                             line->parsec->path, strerror(errno));
        int result = wait_for(line, POLLIN, "answer");
        if (result)
            return result;
    }
}

/* A whole answer, and what has come behind it. */
static int receive_answer(const struct line *line, const struct atls_parsec_request *request,
                          uint8_t *buffer, size_t *sizep)
{
    size_t wanted = ATLS_PARSEC_HEADER_SIZE, size = 0;
    bool known = false, ended = false;
    while (!ended && size < wanted) {
        int result = receive(line, buffer, &size, &ended);
        if (result)
            return result;
        if (!known && size >= ATLS_PARSEC_HEADER_SIZE) {
            size_t body;
            if ((result = atls_parsec_header_read(request, buffer, &body)))
                return result;
            wanted += body;
            known = true;
        }
    }
    if (!size)
        return atls_fail(ATLS_E_UNAVAILABLE, NULL,
                         "Parsec at %s closed the connection without an answer to %s",
                         line->parsec->path, atls_parsec_opcode_name((uint32_t)request->opcode));
    *sizep = size;
    return 0;
}

static int exchange(const struct atls_parsec *parsec, const struct atls_parsec_request *request,
                    struct atls_bytes bytes, const ProtobufCMessageDescriptor *kind,
                    ProtobufCMessage **messagep)
{
    uint8_t answer[ATLS_PARSEC_MESSAGE_MAX + 1];
    struct atls_bytes body;
    struct line line = {.parsec = parsec, .fd = -1};
    size_t size = 0;
    int result = open_line(parsec, &line);
    if (result)
        return result;
    if (!(result = send_all(&line, bytes)))
        result = receive_answer(&line, request, answer, &size);
    close(line.fd);
    if (result || (result = atls_parsec_answer_read(request, ATLS_BYTES(answer, size), &body)))
        return result;
    return atls_parsec_body_read(kind, body, messagep);
}

/* The answer to an operation, of a KIND; freed with protobuf_c_message_free_unpacked(). */
static int ask(const struct atls_parsec *parsec, enum atls_parsec_opcode opcode,
               const ProtobufCMessage *body, const ProtobufCMessageDescriptor *kind,
               ProtobufCMessage **messagep)
{
    bool of_core = opcode == ATLS_PARSEC_PING || opcode == ATLS_PARSEC_LIST_PROVIDERS ||
                   opcode == ATLS_PARSEC_LIST_OPCODES;
    const struct atls_parsec_request request = {
        .provider = of_core ? ATLS_PARSEC_CORE : ATLS_PARSEC_TPM,
        .opcode = opcode,
        .body = body,
        .authenticated = !of_core,
        .user = (uint32_t)geteuid(),
    };
    uint8_t bytes[ATLS_PARSEC_MESSAGE_MAX + 4];
    struct atls_sink s = atls_sink_of(bytes, sizeof bytes);
    int result = atls_parsec_request_write(&request, &s);
    return result ? result : exchange(parsec, &request, ATLS_BYTES(bytes, s.used), kind, messagep);
}

static int ping(const struct atls_parsec *parsec)
{
    AtlsParsec__Empty nothing = ATLS_PARSEC__EMPTY__INIT;
    ProtobufCMessage *message;
    int result = ask(parsec, ATLS_PARSEC_PING, &nothing.base, &atls_parsec__ping_result__descriptor,
                     &message);
    if (result)
        return result;
    const AtlsParsec__PingResult *pong = (const AtlsParsec__PingResult *)message;
    if (pong->major != 1 || pong->minor != 0)
        result = atls_fail(ATLS_E_UNSUPPORTED, OPERATION,
                           "Parsec at %s: expected version 1.0 of its wire protocol, came %u.%u",
                           parsec->path, pong->major, pong->minor);
    protobuf_c_message_free_unpacked(message, NULL);
    return result;
}

/* The TPM provider in words, or that there is none but these. */
static int find_provider(const struct atls_parsec *parsec,
                         const AtlsParsec__ListProvidersResult *list, char *providerp)
{
    char others[128] = "";
    for (size_t i = 0; i < list->n_providers; i++) {
        const AtlsParsec__ProviderInfo *one = list->providers[i];
        size_t used = strlen(others);
        if (one->id == ATLS_PARSEC_TPM) {
            char vendor[48];
            atls_printable(one->vendor, strlen(one->vendor), vendor, sizeof vendor);
            snprintf(providerp, ATLS_PARSEC_PROVIDER_MAX, "%s %u.%u.%u", vendor, one->major,
                     one->minor, one->revision);
            return 0;
        }
        snprintf(others + used, sizeof others - used, "%s%s", used ? ", " : "",
                 atls_parsec_provider_name(one->id));
    }
    return atls_fail(
        ATLS_E_UNSUPPORTED, OPERATION,
        "Parsec at %s: expected the provider TPM (3), came %s; its configuration needs "
        "a provider with provider_type = \"Tpm\"",
        parsec->path, *others ? others : "none");
}

static int check_provider(const struct atls_parsec *parsec, char *providerp)
{
    AtlsParsec__Empty nothing = ATLS_PARSEC__EMPTY__INIT;
    ProtobufCMessage *message;
    int result = ask(parsec, ATLS_PARSEC_LIST_PROVIDERS, &nothing.base,
                     &atls_parsec__list_providers_result__descriptor, &message);
    if (result)
        return result;
    result = find_provider(parsec, (const AtlsParsec__ListProvidersResult *)message, providerp);
    protobuf_c_message_free_unpacked(message, NULL);
    return result;
}

static bool is_listed(const AtlsParsec__ListOpcodesResult *list, uint32_t opcode)
{
    for (size_t i = 0; i < list->n_opcodes; i++)
        if (list->opcodes[i] == opcode)
            return true;
    return false;
}

static int check_opcodes(const struct atls_parsec *parsec)
{
    static const enum atls_parsec_opcode needed[] = {ATLS_PARSEC_GENERATE_KEY,
                                                     ATLS_PARSEC_DESTROY_KEY, ATLS_PARSEC_SIGN_HASH,
                                                     ATLS_PARSEC_EXPORT_PUBLIC_KEY};
    AtlsParsec__ListOpcodes which = ATLS_PARSEC__LIST_OPCODES__INIT;
    ProtobufCMessage *message;
    which.provider_id = ATLS_PARSEC_TPM;
    int result = ask(parsec, ATLS_PARSEC_LIST_OPCODES, &which.base,
                     &atls_parsec__list_opcodes_result__descriptor, &message);
    if (result)
        return result;
    const AtlsParsec__ListOpcodesResult *list = (const AtlsParsec__ListOpcodesResult *)message;
    for (size_t i = 0; !result && i < sizeof needed / sizeof *needed; i++)
        if (!is_listed(list, (uint32_t)needed[i]))
            result = atls_fail(ATLS_E_UNSUPPORTED, OPERATION,
                               "Parsec at %s: expected %s of its TPM provider, which does not have "
                               "that operation",
                               parsec->path, atls_parsec_opcode_name((uint32_t)needed[i]));
    protobuf_c_message_free_unpacked(message, NULL);
    return result;
}

int atls_parsec_check(const struct atls_parsec *parsec, char providerp[ATLS_PARSEC_PROVIDER_MAX])
{
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    int result;
    if ((result = ping(parsec)) || (result = check_provider(parsec, provider)) ||
        (result = check_opcodes(parsec)))
        return result;
    memcpy(providerp, provider, sizeof provider);
    return 0;
}

/* ECDSA with the hash of a curve: messages within messages. */
struct algorithm {
    AtlsParsec__SignHash hash;
    AtlsParsec__Ecdsa ecdsa;
    AtlsParsec__AsymmetricSignature signature;
};

static void set_algorithm(struct algorithm *a, enum atls_curve curve)
{
    atls_parsec__sign_hash__init(&a->hash);
    a->hash.variant_case = ATLS_PARSEC__SIGN_HASH__VARIANT_SPECIFIC;
    a->hash.specific = curve == ATLS_P384 ? ATLS_PARSEC__HASH__SHA_384 : ATLS_PARSEC__HASH__SHA_256;
    atls_parsec__ecdsa__init(&a->ecdsa);
    a->ecdsa.hash_alg = &a->hash;
    atls_parsec__asymmetric_signature__init(&a->signature);
    a->signature.variant_case = ATLS_PARSEC__ASYMMETRIC_SIGNATURE__VARIANT_ECDSA;
    a->signature.ecdsa = &a->ecdsa;
}

static int generate(const struct atls_parsec *parsec, const char *name, enum atls_curve curve)
{
    struct algorithm algorithm;
    AtlsParsec__EccKeyPair pair = ATLS_PARSEC__ECC_KEY_PAIR__INIT;
    AtlsParsec__KeyType type = ATLS_PARSEC__KEY_TYPE__INIT;
    AtlsParsec__Algorithm permitted = ATLS_PARSEC__ALGORITHM__INIT;
    AtlsParsec__UsageFlags usage = ATLS_PARSEC__USAGE_FLAGS__INIT;
    AtlsParsec__KeyPolicy policy = ATLS_PARSEC__KEY_POLICY__INIT;
    AtlsParsec__KeyAttributes attributes = ATLS_PARSEC__KEY_ATTRIBUTES__INIT;
    AtlsParsec__GenerateKey operation = ATLS_PARSEC__GENERATE_KEY__INIT;
    ProtobufCMessage *message;
    set_algorithm(&algorithm, curve);
    pair.curve_family = ATLS_PARSEC__ECC_FAMILY__SECP_R1;
    type.variant_case = ATLS_PARSEC__KEY_TYPE__VARIANT_ECC_KEY_PAIR;
    type.ecc_key_pair = &pair;
    permitted.variant_case = ATLS_PARSEC__ALGORITHM__VARIANT_ASYMMETRIC_SIGNATURE;
    permitted.asymmetric_signature = &algorithm.signature;
    usage.sign_hash = true;
    policy.key_usage_flags = &usage;
    policy.key_algorithm = &permitted;
    attributes.key_type = &type;
    attributes.key_bits = curve == ATLS_P384 ? 384 : 256;
    attributes.key_policy = &policy;
    operation.key_name = (char *)(uintptr_t)name;
    operation.attributes = &attributes;
    int result = ask(parsec, ATLS_PARSEC_GENERATE_KEY, &operation.base,
                     &atls_parsec__empty__descriptor, &message);
    if (!result)
        protobuf_c_message_free_unpacked(message, NULL);
    return result;
}

/* An uncompressed point, as SEC 1 section 2.3.3 has it. */
static int take_point(struct atls_bytes data, enum atls_curve curve, struct atls_public_key *keyp)
{
    size_t size = atls_curve_size(curve);
    if (data.size != 1 + 2 * size || data.data[0] != 4)
        return atls_fail(ATLS_E_MALFORMED, "SEC 1 section 2.3.3",
                         "PsaExportPublicKey: expected 04 and two coordinates of %zu bytes, came "
                         "%zu bytes",
                         size, data.size);
    return atls_public_key_of(curve, data.data + 1, data.data + 1 + size, "SEC 1 section 2.3.3",
                              keyp);
}

static int export_public_key(const struct atls_parsec *parsec, const char *name,
                             enum atls_curve curve, struct atls_public_key *keyp)
{
    AtlsParsec__NamedKey which = ATLS_PARSEC__NAMED_KEY__INIT;
    ProtobufCMessage *message;
    which.key_name = (char *)(uintptr_t)name;
    int result = ask(parsec, ATLS_PARSEC_EXPORT_PUBLIC_KEY, &which.base,
                     &atls_parsec__export_public_key_result__descriptor, &message);
    if (result)
        return result;
    const ProtobufCBinaryData *data = &((AtlsParsec__ExportPublicKeyResult *)message)->data;
    result = take_point(ATLS_BYTES(data->data, data->len), curve, keyp);
    protobuf_c_message_free_unpacked(message, NULL);
    return result;
}

int atls_parsec_generate_key(const struct atls_parsec *parsec, const char *name,
                             enum atls_curve curve, struct atls_public_key *keyp)
{
    struct atls_error kept;
    int result = generate(parsec, name, curve);
    if (result)
        return result;
    if ((result = export_public_key(parsec, name, curve, keyp))) {
        atls_error_keep(&kept);
        (void)atls_parsec_destroy_key(parsec, name); /* of no use, and nobody else knows it */
        atls_error_restore(&kept);
    }
    return result;
}

int atls_parsec_destroy_key(const struct atls_parsec *parsec, const char *name)
{
    AtlsParsec__NamedKey which = ATLS_PARSEC__NAMED_KEY__INIT;
    ProtobufCMessage *message;
    which.key_name = (char *)(uintptr_t)name;
    int result = ask(parsec, ATLS_PARSEC_DESTROY_KEY, &which.base, &atls_parsec__empty__descriptor,
                     &message);
    if (!result)
        protobuf_c_message_free_unpacked(message, NULL);
    return result;
}

static int take_signature(const ProtobufCBinaryData *data, enum atls_curve curve,
                          uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep)
{
    size_t size = 2 * atls_curve_size(curve);
    if (data->len != size)
        return atls_fail(ATLS_E_MALFORMED, OPERATION,
                         "PsaSignHash: expected r and s of %zu bytes together, came %zu", size,
                         data->len);
    memcpy(signaturep, data->data, size);
    *sizep = size;
    return 0;
}

int atls_parsec_sign_hash(const struct atls_parsec *parsec, const char *name, enum atls_curve curve,
                          struct atls_bytes digest, uint8_t signaturep[ATLS_SIGNATURE_MAX],
                          size_t *sizep)
{
    AtlsParsec__SignHashOperation operation = ATLS_PARSEC__SIGN_HASH_OPERATION__INIT;
    struct algorithm algorithm;
    ProtobufCMessage *message;
    set_algorithm(&algorithm, curve);
    operation.key_name = (char *)(uintptr_t)name;
    operation.alg = &algorithm.signature;
    operation.hash = (ProtobufCBinaryData){digest.size, (uint8_t *)(uintptr_t)digest.data};
    int result = ask(parsec, ATLS_PARSEC_SIGN_HASH, &operation.base,
                     &atls_parsec__sign_hash_result__descriptor, &message);
    if (result)
        return result;
    result = take_signature(&((AtlsParsec__SignHashResult *)message)->signature, curve, signaturep,
                            sizep);
    protobuf_c_message_free_unpacked(message, NULL);
    return result;
}
