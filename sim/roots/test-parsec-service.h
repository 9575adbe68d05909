/* SPDX-License-Identifier: Apache-2.0 */
/* A Parsec in a thread of the test's own process: one that keeps keys, or says what is recorded of
 * a real one, or whatever does harm. */
#ifndef ATLS_SIM_ROOTS_TEST_PARSEC_SERVICE_H
#define ATLS_SIM_ROOTS_TEST_PARSEC_SERVICE_H

#include "sim/roots/test-parsec.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CRYPTO (&atls_crypto_hosted)
#define PATIENCE_MS 20000

/* What a parsec-service 1.5.0 with its TPM provider on a swtpm was asked, by an encoder that shares
 * nothing with this client (in Python, with Protocol Buffers of its own), but for the user at the
 * end; and what it answered. Keys "atls-tik" and "atls-384"; the hashes are those of "x". */
static const struct recorded {
    const char *name, *request, *answer;
} recording[] = {
    {"ping", "10a7c05e1e00010000000000000000000000000000000000000000000100000000000000",
     "10a7c05e1e000100000000000000000000000000000002000000000001000000000000000801"},
    {"providers", "10a7c05e1e00010000000000000000000000000000000000000000000800000000000000",
     "10a7c05e1e00010000000000000000000000000000003d010000000008000000000000000ab3"
     "010a2431653439353461342d666632312d343664332d616230632d3636316565623636376531"
     "64126854504d2070726f76696465722c20696e746572666163696e6720776974682061206c69"
     "627261727920696d706c656d656e74696e6720746865205443472054535320322e3020456e68"
     "616e6365642053797374656d204150492073706563696669636174696f6e2e1a1d5472757374"
     "656420436f6d707574696e672047726f7570202854434729280138030a84010a243437303439"
     "3837332d326134332d343834352d396437322d3833316561623636383738341258536f667477"
     "6172652070726f7669646572207468617420696d706c656d656e7473206f6e6c792061646d69"
     "6e6973747261746976652028692e652e206e6f2063727970746f6772617068696329206f7065"
     "726174696f6e7320012805"},
    {"opcodes", "10a7c05e1e000100000000000000000000000000000002000000000009000000000000000803",
     "10a7c05e1e00010000000000000000000000000000000e000000000009000000000000000a0c"
     "1f040b031e0605020d070a20"},
    {"gen",
     "10a7c05e1e000100000003000000000000000000000325000000040002000000000000000a08"
     "61746c732d74696b12190a045a0208021080021a0e0a0240011208320622040a021007",
     "10a7c05e1e00010000000300000000000000000000000000000000000200000000000000"},
    {"gen384",
     "10a7c05e1e000100000003000000000000000000000325000000040002000000000000000a08"
     "61746c732d33383412190a045a0208021080031a0e0a0240011208320622040a021008",
     "10a7c05e1e00010000000300000000000000000000000000000000000200000000000000"},
    {"export",
     "10a7c05e1e00010000000300000000000000000000030a000000040007000000000000000a08"
     "61746c732d74696b",
     "10a7c05e1e000100000003000000000000000000000043000000000007000000000000000a41"
     "0474b7d73a1bdc9004a8f1d274d6b788df66b3ddd7bdab51093faca7236e537b2f563a02224c"
     "3318d8db46aebf2281ef33022db7e855066ecc2af2660ef198f829"},
    {"export384",
     "10a7c05e1e00010000000300000000000000000000030a000000040007000000000000000a08"
     "61746c732d333834",
     "10a7c05e1e000100000003000000000000000000000063000000000007000000000000000a61"
     "0440b9070f5e5efae852a066fbb063507af97772e4c1b90a73f87b0916ad915dfa5db679f51a"
     "99f83ebea4e69acc24f7e07e50b09c7147f988a23eabccf4e38f4f280cdcc48fd7b474881f3c"
     "87c787329c8d9d7c601b3b95b58364546e368a1c29"},
    {"sign",
     "10a7c05e1e000100000003000000000000000000000334000000040004000000000000000a08"
     "61746c732d74696b120622040a0210071a202d711642b726b04401627ca9fbac32f5c8530fb1"
     "903cc4db02258717921a4881",
     "10a7c05e1e000100000003000000000000000000000042000000000004000000000000000a40"
     "3fa42db6e7ffa6117a49411c8377aa26b6a8513fbf60ff541d10aed9875d8961f96ad88da144"
     "19cf2166a6e1cf298da571ffe1ea746d63c7cc654622cd1dce9f"},
    {"sign384",
     "10a7c05e1e000100000003000000000000000000000344000000040004000000000000000a08"
     "61746c732d333834120622040a0210081a30d752c2c51fba0e29aa190570a9d4253e44077a05"
     "8d3297fa3a5630d5bd012622f97c28acaed313b5c83bb990caa7da85",
     "10a7c05e1e000100000003000000000000000000000062000000000004000000000000000a60"
     "8066fe4120ad6f474bf8599b591f24a123536d070eea962425d4a88964adeb8375c934c17013"
     "4641fb24e4d8cd1f59a695e513dae492bb56dbd015f114cd3cbb7798a9a830b272d80710e635"
     "7c339228f28c2b844efd9627cd5c432eeb0feaaa"},
    {"destroy",
     "10a7c05e1e00010000000300000000000000000000030a000000040003000000000000000a08"
     "61746c732d74696b",
     "10a7c05e1e00010000000300000000000000000000000000000000000300000000000000"},
};

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
    bool replays;            /* what is recorded, and nothing else */
};

static inline int key_at(const struct service *s, const char *name)
{
    for (int i = 0; i < KEYS; i++)
        if (!strcmp(s->keys[i].name, name))
            return i;
    return -1;
}

static inline uint16_t generate(struct service *s, struct atls_bytes body)
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

static inline uint16_t destroy(struct service *s, const char *name)
{
    int at = key_at(s, name);
    if (at < 0)
        return 1140;
    memset(&s->keys[at], 0, sizeof s->keys[at]);
    return 0;
}

static inline size_t export_key(struct service *s, const char *name, uint8_t *out)
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

static inline size_t sign(struct service *s, struct atls_bytes body, uint8_t *out,
                          uint16_t *statusp)
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

static inline size_t list_providers(const struct service *s, uint8_t *out)
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

static inline size_t list_opcodes(const struct service *s, uint8_t *out)
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

/* The recorded answer to a request; nothing where it was never asked. */
static inline struct atls_bytes replay(struct atls_bytes asked, uint8_t *buffer, size_t capacity)
{
    uint8_t due[512];
    for (size_t i = 0; i < sizeof recording / sizeof *recording; i++) {
        struct atls_bytes request = of_hex(recording[i].request, due, sizeof due);
        if (request.size <= asked.size && !memcmp(request.data, asked.data, request.size) &&
            asked.size - request.size == request.data[26])
            return of_hex(recording[i].answer, buffer, capacity);
    }
    return ATLS_BYTES(buffer, 0);
}

static inline struct atls_bytes respond(struct service *s, const uint8_t *request, uint8_t *buffer,
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

static inline void serve(struct service *s, int fd)
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
    struct atls_bytes answer = s->replays ? replay(ATLS_BYTES(request, size), buffer, sizeof buffer)
                                          : respond(s, request, buffer, sizeof buffer);
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

static inline void *run_service(void *context)
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

static inline int start_service(void **state)
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

static inline int end_service(void **state)
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

static inline struct atls_parsec client_of(const struct service *s)
{
    return (struct atls_parsec){.path = s->path, .timeout_ms = PATIENCE_MS};
}

#endif
