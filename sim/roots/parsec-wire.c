/* SPDX-License-Identifier: Apache-2.0 */
/* Headers and bodies of Parsec; see parsec-wire.h. */
#include "sim/roots/parsec-wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define HEADER "Parsec wire protocol 1.0, fixed common header"
#define BODY "Parsec wire protocol 1.0, body"

/* The header, little-endian: magic, size of what follows, version; then, of those 30 bytes, flags,
 * provider, session (not used), type of the content and of what is accepted, type of the
 * authentication, sizes of content and authentication, opcode, status, two reserved bytes. */
#define MAGIC 0x5EC0A710u
#define REST_SIZE 30
#define MAJOR 1
#define MINOR 0
#define AUTH_NONE 0
#define AUTH_UNIX_PEER_CREDENTIALS 3

#define STATUS_SUCCESS 0
#define STATUS_WIRE_VERSION 4
#define STATUS_PROVIDER_NOT_REGISTERED 5
#define STATUS_PROVIDER_DOES_NOT_EXIST 6
#define STATUS_OPCODE_DOES_NOT_EXIST 9
#define STATUS_AUTHENTICATION_ERROR 11
#define STATUS_AUTHENTICATOR_DOES_NOT_EXIST 12
#define STATUS_AUTHENTICATOR_NOT_REGISTERED 13
#define STATUS_NOT_AUTHENTICATED 19
#define STATUS_PSA_NOT_SUPPORTED 1134

/* Parsec Book, "Status Codes". */
static const struct {
    uint16_t status;
    const char *words;
} statuses[] = {
    {STATUS_SUCCESS, "success"},
    {1, "the provider is not that of the backend"},
    {2, "its type of content is not supported"},
    {3, "the type of content that was asked for is not supported"},
    {STATUS_WIRE_VERSION, "version 1.0 of the wire protocol is not supported"},
    {STATUS_PROVIDER_NOT_REGISTERED, "this service has no such provider"},
    {STATUS_PROVIDER_DOES_NOT_EXIST, "there is no such provider"},
    {7, "the body cannot be read"},
    {8, "the body cannot be written"},
    {STATUS_OPCODE_DOES_NOT_EXIST, "there is no such operation"},
    {10, "the answer would be too long"},
    {STATUS_AUTHENTICATION_ERROR, "the authentication failed"},
    {STATUS_AUTHENTICATOR_DOES_NOT_EXIST, "there is no such authenticator"},
    {STATUS_AUTHENTICATOR_NOT_REGISTERED, "this service has no such authenticator"},
    {14, "its store of keys fails"},
    {15, "input or output failed"},
    {16, "a value is not encoded as it must be"},
    {17, "the header is not one"},
    {18, "a UUID is not one"},
    {STATUS_NOT_AUTHENTICATED, "an authentication is required"},
    {20, "the request is too long"},
    {21, "only an administrator may"},
    {22, "the kind of key is deprecated"},
    {1132, "an error of no particular kind"},
    {1133, "it is not permitted"},
    {STATUS_PSA_NOT_SUPPORTED, "it is not supported"},
    {1135, "a parameter is not valid"},
    {1136, "the handle of the key is not valid"},
    {1137, "not in the state that it is in"},
    {1138, "a buffer is too small"},
    {1139, "a key of this name is there already"},
    {1140, "there is no key of this name"},
    {1141, "no memory is left"},
    {1142, "no storage is left"},
    {1143, "there is too little data"},
    {1145, "its TPM does not answer as it must"},
    {1146, "its storage fails"},
    {1147, "its hardware fails"},
    {1148, "there is too little entropy"},
    {1149, "the signature is not valid"},
    {1150, "the padding is not valid"},
    {1151, "something was tampered with"},
    {1152, "what is stored is damaged"},
    {1153, "what is stored is not valid"},
};

static const struct {
    uint32_t opcode;
    const char *name;
} opcodes[] = {
    {ATLS_PARSEC_PING, "Ping"},
    {ATLS_PARSEC_GENERATE_KEY, "PsaGenerateKey"},
    {ATLS_PARSEC_DESTROY_KEY, "PsaDestroyKey"},
    {ATLS_PARSEC_SIGN_HASH, "PsaSignHash"},
    {ATLS_PARSEC_EXPORT_PUBLIC_KEY, "PsaExportPublicKey"},
    {ATLS_PARSEC_LIST_PROVIDERS, "ListProviders"},
    {ATLS_PARSEC_LIST_OPCODES, "ListOpcodes"},
};

const char *atls_parsec_opcode_name(uint32_t opcode)
{
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++)
        if (opcodes[i].opcode == opcode)
            return opcodes[i].name;
    return "an operation";
}

const char *atls_parsec_status_words(uint16_t status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status)
            return statuses[i].words;
    return "no status of wire protocol 1.0";
}

const char *atls_parsec_provider_name(uint32_t provider)
{
    static const char *const names[] = {"core", "Mbed Crypto",     "PKCS #11",
                                        "TPM",  "Trusted Service", "CryptoAuthLib"};
    return provider < sizeof names / sizeof *names ? names[provider] : "unknown";
}

static void put(struct atls_sink *s, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        atls_sink_u8(s, (uint8_t)(value >> (8 * i)));
}

static int put_body(const ProtobufCMessage *body, size_t size, struct atls_sink *s)
{
    uint8_t *packed = malloc(size + 1);
    if (!packed)
        return atls_fail(-ENOMEM, NULL, "no memory for a request to Parsec");
    protobuf_c_message_pack(body, packed);
    atls_sink_bytes(s, ATLS_BYTES(packed, size));
    free(packed);
    return 0;
}

int atls_parsec_request_write(const struct atls_parsec_request *request, struct atls_sink *s)
{
    size_t size = protobuf_c_message_get_packed_size(request->body);
    struct atls_bytes written;
    if (size > ATLS_PARSEC_BODY_MAX)
        return atls_fail(ATLS_E_LIMIT, BODY, "expected a request of at most %d bytes, came %zu",
                         ATLS_PARSEC_BODY_MAX, size);
    put(s, MAGIC, 4);
    put(s, REST_SIZE, 2);
    put(s, MAJOR, 1);
    put(s, MINOR, 1);
    put(s, 0, 2); /* flags */
    put(s, (uint64_t)request->provider, 1);
    put(s, 0, 8); /* session */
    put(s, 0, 1); /* content: Protocol Buffers, */
    put(s, 0, 1); /* and accepted */
    put(s, request->authenticated ? AUTH_UNIX_PEER_CREDENTIALS : AUTH_NONE, 1);
    put(s, size, 4);
    put(s, request->authenticated ? 4 : 0, 2);
    put(s, (uint64_t)request->opcode, 4);
    put(s, 0, 2); /* status */
    put(s, 0, 2); /* reserved */
    int result = put_body(request->body, size, s);
    if (result)
        return result;
    if (request->authenticated)
        put(s, request->user, 4);
    return atls_sink_done(s, &written);
}

/* The same of an answer, read field by field; BYTES are there. */
struct header {
    uint32_t magic, body_size, opcode;
    uint16_t rest_size, flags, auth_size, status, reserved;
    uint8_t major, minor, provider, content, accept, auth;
};

static uint32_t get(const uint8_t **at, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)(*at)[i] << (8 * i);
    *at += size;
    return value;
}

static struct header parse(const uint8_t bytes[ATLS_PARSEC_HEADER_SIZE])
{
    const uint8_t *at = bytes;
    struct header h;
    h.magic = get(&at, 4);
    h.rest_size = (uint16_t)get(&at, 2);
    h.major = (uint8_t)get(&at, 1);
    h.minor = (uint8_t)get(&at, 1);
    h.flags = (uint16_t)get(&at, 2);
    h.provider = (uint8_t)get(&at, 1);
    at += 8; /* a session; 1.0 has none */
    h.content = (uint8_t)get(&at, 1);
    h.accept = (uint8_t)get(&at, 1);
    h.auth = (uint8_t)get(&at, 1);
    h.body_size = get(&at, 4);
    h.auth_size = (uint16_t)get(&at, 2);
    h.opcode = get(&at, 4);
    h.status = (uint16_t)get(&at, 2);
    h.reserved = (uint16_t)get(&at, 2);
    return h;
}

static int expect(const char *what, uint32_t expected, uint32_t came)
{
    if (came == expected)
        return 0;
    return atls_fail(ATLS_E_MALFORMED, HEADER, "%s of an answer: expected %#lx, came %#lx", what,
                     (unsigned long)expected, (unsigned long)came);
}

/* Whoever cannot read a request refuses a Ping of the core, for it knows of no other. */
static int check_echo(const struct atls_parsec_request *request, const struct header *h)
{
    int result;
    if (h->status != STATUS_SUCCESS && h->opcode == ATLS_PARSEC_PING &&
        h->provider == ATLS_PARSEC_CORE)
        return 0;
    if ((result = expect("provider", (uint32_t)request->provider, h->provider)))
        return result;
    return expect("opcode", (uint32_t)request->opcode, h->opcode);
}

static int check_header(const struct atls_parsec_request *request, const struct header *h)
{
    int result;
    if ((result = expect("magic", MAGIC, h->magic)) ||
        (result = expect("size", REST_SIZE, h->rest_size)))
        return result;
    if (h->major != MAJOR || h->minor != MINOR)
        return atls_fail(ATLS_E_UNSUPPORTED, HEADER,
                         "expected version %d.%d of Parsec's wire protocol, came %u.%u", MAJOR,
                         MINOR, h->major, h->minor);
    if ((result = expect("flags", 0, h->flags)) || (result = check_echo(request, h)) ||
        (result = expect("content type", 0, h->content)) ||
        (result = expect("accept type", 0, h->accept)) ||
        (result = expect("authentication type", AUTH_NONE, h->auth)) ||
        (result = expect("size of the authentication", 0, h->auth_size)) ||
        (result = expect("reserved bytes", 0, h->reserved)))
        return result;
    if (h->body_size > ATLS_PARSEC_BODY_MAX)
        return atls_fail(ATLS_E_LIMIT, HEADER, "expected an answer of at most %d bytes, came %lu",
                         ATLS_PARSEC_BODY_MAX, (unsigned long)h->body_size);
    if (h->status != STATUS_SUCCESS && h->body_size)
        return atls_fail(ATLS_E_MALFORMED, HEADER,
                         "expected no body with status %u, came one of %lu bytes", h->status,
                         (unsigned long)h->body_size);
    return 0;
}

int atls_parsec_header_read(const struct atls_parsec_request *request,
                            const uint8_t bytes[ATLS_PARSEC_HEADER_SIZE], size_t *body_sizep)
{
    struct header h = parse(bytes);
    int result = check_header(request, &h);
    if (!result)
        *body_sizep = h.body_size;
    return result;
}

static int refuse(const struct atls_parsec_request *request, uint16_t status)
{
    const char *asked = atls_parsec_opcode_name((uint32_t)request->opcode);
    const char *words = atls_parsec_status_words(status);
    switch (status) {
    case STATUS_WIRE_VERSION:
    case STATUS_PROVIDER_NOT_REGISTERED:
    case STATUS_PROVIDER_DOES_NOT_EXIST:
    case STATUS_OPCODE_DOES_NOT_EXIST:
    case STATUS_PSA_NOT_SUPPORTED:
        return atls_fail(ATLS_E_UNSUPPORTED, "Parsec Book, Status Codes",
                         "Parsec does not do %s with its %s provider: %s (status %u)", asked,
                         atls_parsec_provider_name((uint32_t)request->provider), words, status);
    case STATUS_AUTHENTICATION_ERROR:
    case STATUS_AUTHENTICATOR_DOES_NOT_EXIST:
    case STATUS_AUTHENTICATOR_NOT_REGISTERED:
    case STATUS_NOT_AUTHENTICATED:
        return atls_fail(ATLS_E_REFUSED, "Parsec Book, Status Codes",
                         "Parsec does not let this device in, which asked for %s as user %lu: %s "
                         "(status %u); its configuration needs auth_type = \"UnixPeerCredentials\"",
                         asked, (unsigned long)request->user, words, status);
    default:
        return atls_fail(ATLS_E_REFUSED, "Parsec Book, Status Codes",
                         "Parsec refused %s: %s (status %u)", asked, words, status);
    }
}

int atls_parsec_answer_read(const struct atls_parsec_request *request, struct atls_bytes answer,
                            struct atls_bytes *bodyp)
{
    if (answer.size < ATLS_PARSEC_HEADER_SIZE)
        return atls_fail(ATLS_E_MALFORMED, HEADER, "expected %d bytes, came %zu",
                         ATLS_PARSEC_HEADER_SIZE, answer.size);
    struct header h = parse(answer.data);
    size_t size = answer.size - ATLS_PARSEC_HEADER_SIZE;
    int result = check_header(request, &h);
    if (result)
        return result;
    if (size != h.body_size)
        return atls_fail(ATLS_E_MALFORMED, BODY, "expected %lu bytes behind the header, came %zu",
                         (unsigned long)h.body_size, size);
    if (h.status != STATUS_SUCCESS)
        return refuse(request, h.status);
    *bodyp = ATLS_BYTES(answer.data + ATLS_PARSEC_HEADER_SIZE, size);
    return 0;
}

/* Has MESSAGE, or one that is a member of a list in it, a field that its kind has not? */
static bool has_unknown(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *kind = message->descriptor;
    if (message->n_unknown_fields)
        return true;
    for (unsigned i = 0; i < kind->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &kind->fields[i];
        const uint8_t *at = (const uint8_t *)message;
        size_t count;
        ProtobufCMessage *const *list;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label != PROTOBUF_C_LABEL_REPEATED)
            continue;
        memcpy(&count, at + field->quantifier_offset, sizeof count);
        memcpy(&list, at + field->offset, sizeof list);
        for (size_t j = 0; j < count; j++)
            if (has_unknown(list[j]))
                return true;
    }
    return false;
}

static int check_written(const ProtobufCMessage *message, struct atls_bytes body)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *again = malloc(size + 1);
    if (!again)
        return atls_fail(-ENOMEM, NULL, "no memory for an answer of Parsec");
    protobuf_c_message_pack(message, again);
    bool same = atls_bytes_equal(ATLS_BYTES(again, size), body);
    free(again);
    if (!same)
        return atls_fail(ATLS_E_MALFORMED, BODY,
                         "%s: expected each field once, in order and as short as it can be, came "
                         "another encoding",
                         message->descriptor->short_name);
    return 0;
}

int atls_parsec_body_read(const ProtobufCMessageDescriptor *kind, struct atls_bytes body,
                          ProtobufCMessage **messagep)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(kind, NULL, body.size, body.data);
    int result;
    if (!message)
        return atls_fail(ATLS_E_MALFORMED, BODY,
                         "expected a %s in Protocol Buffers, came %zu bytes that are none",
                         kind->short_name, body.size);
    if (has_unknown(message))
        result = atls_fail(ATLS_E_MALFORMED, BODY,
                           "%s: expected no field but those of wire protocol 1.0, came another",
                           kind->short_name);
    else
        result = check_written(message, body);
    if (result) {
        protobuf_c_message_free_unpacked(message, NULL);
        return result;
    }
    *messagep = message;
    return 0;
}
