/* SPDX-License-Identifier: Apache-2.0 */
/* The device's core behind its requests: what it refuses, what no answer may ever hold, and what
 * happens when its own crypto fails. */
#include "sim/test-support.h"

#include <errno.h>

#include "sim/device/protocol.h"
#include "sim/device/simulated.h"

static uint8_t answer_buffer[ATLS_ANSWER_MAX];

static struct atls_simulated *open_seeded(uint64_t seed)
{
    struct atls_simulated_options options = atls_simulated_defaults;
    struct atls_simulated *device;
    options.has_seed = true;
    options.seed = seed;
    assert_ok(atls_simulated_open(&options, &device));
    return device;
}

static int set_up(void **state)
{
    *state = open_seeded(1);
    return 0;
}

static int tear_down(void **state)
{
    atls_simulated_close(*state);
    return 0;
}

static struct atls_bytes ask(struct atls_simulated *device, const void *request, size_t size)
{
    return atls_core_handle(&device->core, ATLS_BYTES(request, size), answer_buffer,
                            sizeof answer_buffer)
        .message;
}

/* Requests as hexadecimal would hide the shape: C strings show it. */
static void test_requests_refused(void **state)
{
    static const struct {
        const char *what, *request;
        size_t size;
        unsigned outcome;
        const char *reason; /* part of it */
    } cases[] = {
        {"empty", "", 0, ATLS_BAD_REQUEST, "operation"},
        {"operation 0", "\0", 1, ATLS_BAD_REQUEST, "expected operation 1 to 10, came 0"},
        {"operation 11", "\x0b", 1, ATLS_BAD_REQUEST, "came 11"},
        {"operation 255", "\xff", 1, ATLS_BAD_REQUEST, "came 255"},
        {"info with a field", "\1x", 2, ATLS_BAD_REQUEST, "info"},
        {"create-key without curve", "\2", 1, ATLS_BAD_REQUEST, "curve"},
        {"create-key of curve 0", "\2\0", 2, ATLS_REFUSED, "came 0"},
        {"create-key of curve 3", "\2\3", 2, ATLS_REFUSED, "came 3"},
        {"create-key with more", "\2\1x", 3, ATLS_BAD_REQUEST, "create-key"},
        {"destroy-key cut", "\3\0\0\0", 4, ATLS_BAD_REQUEST, "handle"},
        {"destroy-key of none", "\3\0\0\0\0", 5, ATLS_REFUSED, "handle 0"},
        {"destroy-key unknown", "\3\0\0\0\7", 5, ATLS_REFUSED, "handle 7"},
        {"destroy-key with more", "\3\0\0\0\1x", 6, ATLS_BAD_REQUEST, "destroy-key"},
        {"attest-key cut in the handle", "\4\0\0\0", 4, ATLS_BAD_REQUEST, "handle"},
        {"attest-key without challenge", "\4\0\0\0\1", 5, ATLS_BAD_REQUEST, "challenge"},
        {"attest-key, challenge cut",
         "\4\0\0\0\1\x08"
         "1234567",
         13, ATLS_BAD_REQUEST, "challenge"},
        {"attest-key, empty challenge", "\4\0\0\0\1\0", 6, ATLS_REFUSED, "8 to 64"},
        {"attest-key, challenge of 7",
         "\4\0\0\0\1\7"
         "1234567",
         13, ATLS_REFUSED, "came 7"},
        {"attest-key, trailing byte",
         "\4\0\0\0\1\x08"
         "12345678x",
         15, ATLS_BAD_REQUEST, "attest-key"},
        {"attest-key, unknown handle",
         "\4\0\0\0\2\x08"
         "12345678",
         14, ATLS_REFUSED, "handle 2"},
        {"attest-platform without challenge", "\5", 1, ATLS_BAD_REQUEST, "challenge"},
        {"attest-platform, challenge of 8",
         "\5\x08"
         "12345678",
         10, ATLS_REFUSED, "came 8"},
        {"sign without digest", "\6\0\0\0\1", 5, ATLS_BAD_REQUEST, "digest"},
        {"sign an empty digest", "\6\0\0\0\1\0", 6, ATLS_REFUSED, "digest of 32 bytes"},
        {"sign a short digest", "\6\0\0\0\1\3abc", 9, ATLS_REFUSED, "came 3"},
        {"sign with no key", "\6\0\0\0\0\3abc", 9, ATLS_REFUSED, "handle 0"},
        {"attest-prototype cut in the handle", "\x08\0\0\0", 4, ATLS_BAD_REQUEST, "handle"},
        {"attest-prototype, challenge of 7",
         "\x08\0\0\0\1\7"
         "1234567",
         13, ATLS_REFUSED, "came 7"},
        {"attest-prototype, trailing byte",
         "\x08\0\0\0\1\x08"
         "12345678x",
         15, ATLS_BAD_REQUEST, "attest-prototype"},
        {"attest-prototype, unknown handle",
         "\x08\0\0\0\2\x08"
         "12345678",
         14, ATLS_REFUSED, "handle 2"},
        {"keep-key cut in the handle", "\x09\0\0\0", 4, ATLS_BAD_REQUEST, "handle"},
        {"keep-key, trailing byte", "\x09\0\0\0\1x", 6, ATLS_BAD_REQUEST, "keep-key"},
        {"keep-key, unknown handle", "\x09\0\0\0\2", 5, ATLS_REFUSED, "handle 2"},
        {"attest-as without kind", "\n", 1, ATLS_BAD_REQUEST, "kind"},
        {"attest-as, a kind of no name", "\n\0\0\0\0\1\0", 7, ATLS_BAD_REQUEST, "kind"},
        {"attest-as, a kind that cannot be shown", "\n\3a\x1b[\0\0\0\1\0", 10, ATLS_BAD_REQUEST,
         "came byte 0x1b"},
        {"attest-as, a zero byte in the kind", "\n\3a\0b\0\0\0\1\0", 10, ATLS_BAD_REQUEST,
         "came byte 0x00"},
        {"attest-as, the first and last characters of a kind",
         "\n\x05"
         "09az-\0\0\0\1\1a",
         13, ATLS_REFUSED, "makes no 09az-"},
        {"attest-as, before 0", "\n\1/\0\0\0\1\1a", 9, ATLS_BAD_REQUEST, "came byte 0x2f"},
        {"attest-as, behind 9", "\n\1:\0\0\0\1\1a", 9, ATLS_BAD_REQUEST, "came byte 0x3a"},
        {"attest-as, before a", "\n\1`\0\0\0\1\1a", 9, ATLS_BAD_REQUEST, "came byte 0x60"},
        {"attest-as, behind z", "\n\1{\0\0\0\1\1a", 9, ATLS_BAD_REQUEST, "came byte 0x7b"},
        {"attest-as cut in the handle", "\n\3cab\0\0\0", 8, ATLS_BAD_REQUEST, "handle"},
        {"attest-as without challenge", "\n\3cab\0\0\0\1", 9, ATLS_BAD_REQUEST, "challenge"},
        {"attest-as, trailing byte", "\n\3cab\0\0\0\1\1aa", 12, ATLS_BAD_REQUEST, "attest-as"},
        {"attest-as, of another root of trust", "\n\x0aparsec-tpm\0\0\0\1\1a", 18, ATLS_REFUSED,
         "root of trust of this device is psa, which makes no parsec-tpm"},
        {"attest-as, what PSA has requests of its own for", "\n\3cab\0\0\0\1\1a", 11, ATLS_REFUSED,
         "makes no cab:"},
        {"boot-record with a field", "\7x", 2, ATLS_BAD_REQUEST, "boot-record"},
    };
    struct atls_simulated *device = *state;
    assert_int_equal(ask(device, "\2\1", 2).data[1], ATLS_DONE); /* handle 1 exists */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_bytes answer = ask(device, cases[i].request, cases[i].size);
        assert_true(answer.size >= 6);
        assert_case(cases[i].what, answer.data[1], (int)cases[i].outcome);
        if (!test_contains(answer, cases[i].reason, strlen(cases[i].reason)))
            fail_msg("%s: \"%.*s\" does not say \"%s\"", cases[i].what, (int)answer.size - 6,
                     (const char *)answer.data + 4, cases[i].reason);
    }
    assert_int_equal(ask(device, "\1", 1).data[1], ATLS_DONE); /* and it still works */
}

/* An answer says so much of a reason, and its clause whole. */
static void test_reason_too_long(void **state)
{
    static const size_t sizes[] = {0, 399, 400, 401, 500};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct atls_sink sink = atls_sink_of(answer_buffer, sizeof answer_buffer);
        struct atls_bytes answer, text, clause;
        struct atls_cursor c;
        char reason[501] = {0};
        memset(reason, 'x', sizes[i]);
        (void)atls_fail(ATLS_E_REFUSED, "a clause", "%s", reason);
        atls_protocol_put_refusal(&sink, ATLS_OP_SIGN, ATLS_REFUSED);
        assert_ok(atls_sink_done(&sink, &answer));
        assert_int_equal(answer.data[0], ATLS_OP_SIGN);
        assert_int_equal(answer.data[1], ATLS_REFUSED);
        c = atls_cursor_of(ATLS_BYTES(answer.data + 2, answer.size - 2), NULL);
        assert_ok(atls_cursor_vector(&c, "reason", 2, 0, UINT16_MAX, &text));
        assert_ok(atls_cursor_vector(&c, "clause", 2, 0, UINT16_MAX, &clause));
        assert_ok(atls_cursor_end(&c, "refusal"));
        assert_int_equal(text.size, sizes[i] < 400 ? sizes[i] : 400);
        assert_true(atls_bytes_equal(text, ATLS_BYTES(reason, text.size)));
        assert_true(atls_bytes_is_text(clause, "a clause"));
    }
}

static void test_request_too_long(void **state)
{
    uint8_t request[ATLS_REQUEST_MAX + 1] = {ATLS_OP_INFO};
    struct atls_bytes answer = ask(*state, request, sizeof request);
    assert_int_equal(answer.data[1], ATLS_BAD_REQUEST);
    assert_true(test_contains(answer, "expected at most 512 bytes, came 513", 36));
    answer = ask(*state, request, ATLS_REQUEST_MAX); /* the longest: it is read */
    assert_int_equal(answer.data[1], ATLS_BAD_REQUEST);
    assert_true(test_contains(answer, "request info", 12));
}

/* What is on the wire has names, and nothing else has. */
static void test_names(void **state)
{
    static const char *const operations[] = {"unknown",     "info",        "create-key",
                                             "destroy-key", "attest-key",  "attest-platform",
                                             "sign",        "boot-record", "attest-prototype",
                                             "keep-key",    "attest-as",   "unknown"};
    static const char *const answers[] = {"done", "refused", "malformed", "failed", "unknown"};
    for (unsigned i = 0; i < sizeof operations / sizeof *operations; i++)
        assert_string_equal(atls_operation_name(i), operations[i]);
    for (unsigned i = 0; i < sizeof answers / sizeof *answers; i++)
        assert_string_equal(atls_answer_name(i), answers[i]);
}

static void test_keys_on_the_wire(void **state)
{
    static const struct {
        const char *what;
        uint8_t curve;
        size_t size;
        const char *words; /* NULL: it is one */
    } cases[] = {
        {"nothing", 1, 0, "curve of the key"},
        {"no curve", 0, 97, "expected curve 1 or 2, came 0"},
        {"another curve", 3, 97, "expected curve 1 or 2, came 3"},
        {"P-256", ATLS_P256, 65, NULL},
        {"P-256, x cut", ATLS_P256, 32, "x of the key"},
        {"P-256, y cut", ATLS_P256, 64, "y of the key"},
        {"P-384", ATLS_P384, 97, NULL},
        {"P-384, x cut", ATLS_P384, 48, "x of the key"},
        {"P-384, y cut", ATLS_P384, 96, "y of the key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[97];
        struct atls_cursor c = atls_cursor_of(ATLS_BYTES(bytes, cases[i].size), "a clause");
        struct atls_public_key key;
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)k;
        bytes[0] = cases[i].curve;
        if (cases[i].words) {
            assert_refused(atls_protocol_take_key(&c, &key), ATLS_E_MALFORMED, cases[i].words);
            continue;
        }
        assert_case(cases[i].what, atls_protocol_take_key(&c, &key), 0);
        assert_int_equal(key.curve, cases[i].curve);
        assert_memory_equal(key.x, bytes + 1, cases[i].size / 2);
        assert_memory_equal(key.y, bytes + 1 + cases[i].size / 2, cases[i].size / 2);
    }
}

static void test_challenge_sizes(void **state)
{
    static const uint8_t operations[] = {ATLS_OP_ATTEST_KEY, ATLS_OP_ATTEST_PROTOTYPE};
    uint8_t request[300] = {0, 0, 0, 0, 1};
    assert_int_equal(ask(*state, "\2\2", 2).data[1], ATLS_DONE);
    for (size_t i = 0; i < sizeof operations; i++)
        for (unsigned size = 0; size < 256; size++) {
            bool good = size >= 8 && size <= 64;
            request[0] = operations[i];
            request[5] = (uint8_t)size;
            assert_case(atls_operation_name(operations[i]), ask(*state, request, 6 + size).data[1],
                        good ? ATLS_DONE : ATLS_REFUSED);
        }
}

/* Every operation, with every kind of outcome; after each, no answer may hold any private scalar
 * (nor its reverse, nor the device's seed or the state of its entropy). */
static void scan(struct atls_simulated *device, struct atls_bytes answer)
{
    struct atls_core *core = &device->core;
    struct {
        const uint8_t *secret;
        size_t size;
    } secrets[4 + ATLS_SIMULATED_KEYS] = {
        {core->platform.pak.d, 32},
        {core->keys.kak.d, 32},
        {device->images.seed, 32},
        {device->seeded.key, 32},
    };
    size_t count = 4;
    for (size_t i = 0; i < device->storage.slot_count; i++)
        if (device->storage.slots[i].handle) {
            secrets[count].secret = device->storage.slots[i].key.d;
            secrets[count++].size = atls_curve_size(device->storage.slots[i].key.public_key.curve);
        }
    for (size_t i = 0; i < count; i++) {
        uint8_t reversed[48];
        for (size_t j = 0; j < secrets[i].size; j++)
            reversed[j] = secrets[i].secret[secrets[i].size - 1 - j];
        for (size_t part = 0; part + 16 <= secrets[i].size; part += 8) {
            assert_false(test_contains(answer, secrets[i].secret + part, 16));
            assert_false(test_contains(answer, reversed + part, 16));
        }
    }
}

static void test_no_answer_holds_a_secret(void **state)
{
    struct atls_simulated *device = *state;
    uint8_t request[64];
    uint32_t random = 1;
    for (unsigned round = 0; round < 4000; round++) {
        size_t size;
        for (size_t i = 0; i < sizeof request; i++) {
            random = random * 1664525 + 1013904223;
            request[i] = (uint8_t)(random >> 24);
        }
        request[0] = (uint8_t)(round % (ATLS_OP_LAST + 1));
        size = 1 + request[20] % (sizeof request - 1);
        if (request[0] == ATLS_OP_CREATE_KEY) {
            request[1] = (uint8_t)(1 + round / (ATLS_OP_LAST + 1) % 2);
            size = 2;
        } else if (round % 3) { /* aim at a key that exists, with a fitting digest or challenge */
            request[1] = request[2] = request[3] = 0;
            request[4] = (uint8_t)(1 + round / (ATLS_OP_LAST + 1));
            request[5] = round % 2 ? 32 : 48;
            size = 6u + request[5];
        }
        scan(device, ask(device, request, size));
    }
}

/* A root of trust that makes evidence of kind "toy": the handle, and the challenge. */
static bool toy_makes(const char *kind)
{
    return !strcmp(kind, "toy");
}

static int toy_attest(void *context, const char *kind, const struct atls_root_key *key,
                      struct atls_bytes challenge, struct atls_cbor_writer *w)
{
    uint8_t bytes[4 + 32 + 8];
    struct atls_sink sink = atls_sink_of(bytes, sizeof bytes);
    if (challenge.size > 8)
        return atls_fail(ATLS_E_REFUSED, NULL, "expected a challenge of at most 8 bytes, came %zu",
                         challenge.size);
    atls_sink_u32(&sink, key->handle);
    atls_sink_bytes(&sink, ATLS_BYTES(key->public_key.x, key->handle ? 32 : 0));
    atls_sink_bytes(&sink, challenge);
    atls_cbor_write_bytes(w, ATLS_BYTES(bytes, sink.used));
    return 0;
}

static int toy_create(void *context, enum atls_curve curve, uint32_t *handlep,
                      struct atls_public_key *keyp)
{
    *keyp = (struct atls_public_key){.curve = curve, .x = {7}, .y = {9}};
    *handlep = ++*(uint32_t *)context;
    return 0;
}

static int toy_look_up(void *context, uint32_t handle, struct atls_public_key *keyp)
{
    if (handle == 0 || handle > *(uint32_t *)context)
        return atls_fail(ATLS_E_REFUSED, NULL, "the toy has no key %u", handle);
    *keyp = (struct atls_public_key){.curve = ATLS_P256, .x = {7}, .y = {9}};
    return 0;
}

static const struct atls_root_ops toy_with_core_keys = {
    .name = "toy", .makes = toy_makes, .attest = toy_attest};
static const struct atls_root_ops toy_with_keys = {.name = "toy",
                                                   .create = toy_create,
                                                   .look_up = toy_look_up,
                                                   .makes = toy_makes,
                                                   .attest = toy_attest};

/* What is not the root's, PSA's services do; what is PSA's evidence, it refuses. */
static void test_another_root_of_trust(void **state)
{
    static const struct {
        const char *what, *request;
        size_t size;
        enum atls_answer outcome;
        const char *holds;
    } cases[] = {
        {"attest-as with a key", "\n\3toy\0\0\0\1\3abc", 13, ATLS_DONE, "abc"},
        {"attest-as without a key", "\n\3toy\0\0\0\0\3abc", 13, ATLS_DONE, "\0\0\0\0abc"},
        {"attest-as, no such key", "\n\3toy\0\0\0\2\3abc", 13, ATLS_REFUSED, ""},
        {"attest-as, challenge",
         "\n\3toy\0\0\0\1\x09"
         "123456789",
         19, ATLS_REFUSED, "came 9"},
        {"attest-as, kind", "\n\3cab\0\0\0\1\3abc", 13, ATLS_REFUSED, "is toy, which makes no cab"},
        {"attest-key",
         "\4\0\0\0\1\x08"
         "12345678",
         14, ATLS_REFUSED, "came a request for a CAB"},
        {"attest-platform",
         "\5\x20"
         "12345678901234567890123456789012",
         34, ATLS_REFUSED, "came a request for a PSA token"},
        {"attest-prototype",
         "\x08\0\0\0\1\x08"
         "12345678",
         14, ATLS_REFUSED, "for a bundle"},
    };
    struct atls_simulated *device = *state;
    uint32_t count = 0;
    for (int round = 0; round < 2; round++) {
        device->core.root.ops = round ? &toy_with_keys : &toy_with_core_keys;
        device->core.root.context = &count;
        assert_int_equal(ask(device, "\2\1", 2).data[1], ATLS_DONE);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct atls_bytes answer = ask(device, cases[i].request, cases[i].size);
            size_t size = *cases[i].holds ? strlen(cases[i].holds) : 7;
            assert_case(cases[i].what, answer.data[1], (int)cases[i].outcome);
            if (*cases[i].holds || !cases[i].outcome)
                assert_true(test_contains(answer, cases[i].holds, size));
        }
    }
    assert_int_equal(count, 1); /* the second round's key is the toy's */
}

static void test_all_operations_are_scanned(void **state)
{
    struct atls_simulated *device = *state;
    uint8_t request[64] = {0};
    static const uint8_t sizes[] = {[1] = 1, 2, 5, 38, 34, 38, 1, 38, 5};
    /* attest-as is refused by PSA, and scanned above */
    for (unsigned operation = 1; operation < ATLS_OP_ATTEST_AS; operation++) {
        unsigned round = operation == ATLS_OP_DESTROY_KEY ? ATLS_OP_CREATE_KEY : operation;
        memset(request, 0, sizeof request);
        request[0] = (uint8_t)round;
        request[1] = round == ATLS_OP_CREATE_KEY ? 1 : round == ATLS_OP_ATTEST_PLATFORM ? 32 : 0;
        request[4] = round == ATLS_OP_ATTEST_KEY || round == ATLS_OP_ATTEST_PROTOTYPE ||
                             round == ATLS_OP_SIGN || round == ATLS_OP_KEEP_KEY
                         ? 1
                         : 0;
        request[5] = 32;
        struct atls_bytes answer = ask(device, request, sizes[round]);
        assert_case(atls_operation_name(round), answer.data[1], ATLS_DONE);
        scan(device, answer);
    }
    assert_int_equal(ask(device, "\3\0\0\0\1", 5).data[1], ATLS_DONE);
}

static void test_keys_run_out_and_come_back(void **state)
{
    struct atls_simulated *device = *state;
    struct atls_bytes answer;
    for (unsigned i = 0; i < ATLS_SIMULATED_KEYS; i++)
        assert_int_equal(ask(device, "\2\1", 2).data[1], ATLS_DONE);
    answer = ask(device, "\2\1", 2);
    assert_int_equal(answer.data[1], ATLS_REFUSED);
    assert_true(test_contains(answer, "are in use: destroy one first", 29));
    assert_int_equal(ask(device, "\3\0\0\0\5", 5).data[1], ATLS_DONE);
    assert_int_equal(ask(device, "\2\1", 2).data[1], ATLS_DONE);
}

/* An answer that does not fit its buffer is one that says so. */
static void test_small_answer_buffer(void **state)
{
    struct atls_simulated *device = *state;
    static const char *const requests[] = {"\1", "\7"};
    for (size_t capacity = 0; capacity < 900; capacity++)
        for (size_t i = 0; i < 2; i++) {
            static uint8_t out[2048];
            struct atls_core_reply reply;
            memset(out, 0xee, sizeof out);
            reply = atls_core_handle(&device->core, ATLS_BYTES(requests[i], 1), out, capacity);
            assert_true(reply.message.size <= capacity);
            for (size_t j = capacity; j < sizeof out; j++)
                assert_int_equal(out[j], 0xee);
            if (reply.message.size > 1 && reply.message.data[1] == ATLS_DONE)
                assert_string_equal(reply.outcome, "done");
        }
}

/* Evidence stands behind its size, and is whole or not there. */
static void test_evidence_has_room_or_none(void **state)
{
    static const struct {
        const char *request;
        size_t size;
    } table[] = {{"\4\0\0\0\1\x08"
                  "12345678",
                  14},
                 {"\x08\0\0\0\1\x08"
                  "12345678",
                  14},
                 {"\5\x20"
                  "12345678123456781234567812345678",
                  34}};
    struct atls_simulated *device = *state;
    assert_int_equal(ask(device, "\2\1", 2).data[1], ATLS_DONE); /* handle 1 */
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct atls_bytes request = ATLS_BYTES(table[i].request, table[i].size);
        const struct atls_bytes whole = ask(device, request.data, request.size);
        const size_t size = whole.size;
        assert_int_equal(whole.data[1], ATLS_DONE);
        assert_int_equal(whole.data[2] << 16 | whole.data[3] << 8 | whole.data[4], size - 5);
        for (size_t lacks = 0; lacks < 6; lacks++) {
            struct atls_core_reply reply =
                atls_core_handle(&device->core, request, answer_buffer, size - lacks);
            assert_int_equal(reply.message.data[1], lacks ? ATLS_FAILED : ATLS_DONE);
        }
    }
}

static void test_stopped_device_refuses(void **state)
{
    struct atls_simulated *device = *state;
    static const uint8_t nothing[48];
    atls_core_stop(&device->core);
    assert_memory_equal(device->core.keys.kak.d, nothing, sizeof device->core.keys.kak.d);
    assert_memory_equal(device->core.platform.pak.d, nothing, sizeof device->core.platform.pak.d);
    atls_core_stop(&device->core); /* once more */
    for (char operation = 0; operation < 9; operation++)
        assert_int_equal(ask(device, &operation, 1).data[1], ATLS_REFUSED);
}

/* Crypto that fails at its Nth call. */
static long calls_left;

static int failing(void)
{
    return calls_left-- > 0 ? 0 : atls_fail(-EIO, NULL, "the crypto fails, as the test wants");
}

static int failing_hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                        uint8_t *digestp)
{
    int result = failing();
    return result ? result : atls_crypto_hosted.hash(alg, parts, count, digestp);
}

static int failing_hmac(struct atls_bytes key, const struct atls_bytes *parts, size_t count,
                        uint8_t *macp)
{
    int result = failing();
    return result ? result : atls_crypto_hosted.hmac(key, parts, count, macp);
}

static int failing_random(uint8_t *bytesp, size_t count)
{
    int result = failing();
    return result ? result : atls_crypto_hosted.random(bytesp, count);
}

static int failing_make_key(enum atls_curve curve, const uint8_t *seed,
                            struct atls_private_key *keyp)
{
    int result = failing();
    return result ? result : atls_crypto_hosted.make_key(curve, seed, keyp);
}

static int failing_sign(const struct atls_private_key *key, struct atls_bytes digest,
                        uint8_t *signaturep)
{
    int result = failing();
    return result ? result : atls_crypto_hosted.sign(key, digest, signaturep);
}

static const struct atls_crypto failing_crypto = {
    .name = "failing",
    .hash = failing_hash,
    .hmac = failing_hmac,
    .random = failing_random,
    .make_key = failing_make_key,
    .sign = failing_sign,
};

/* A core over the images of a good device, with crypto of its own. */
struct own_core {
    struct atls_core core;
    struct atls_core_config config;
    struct atls_bytes images[3];
    struct atls_boot_entry entries[3];
    struct atls_psa_component components[3];
    struct atls_identity_key slots[2];
    uint8_t claims[2048], token[2048];
};

static void prepare_own(struct own_core *own, const struct atls_simulated *device)
{
    memset(own, 0, sizeof *own);
    for (size_t i = 0; i < 3; i++)
        own->images[i] = ATLS_BYTES(device->images.slots[i].data, device->images.slots[i].size);
    own->config = (struct atls_core_config){
        .crypto = &failing_crypto,
        .entropy = atls_entropy_platform(&failing_crypto),
        .lifecycle = ATLS_PSA_SECURED,
        .profile = ATLS_PSA_RFC9783,
        .images = own->images,
        .image_count = 3,
        .storage = {own->entries, own->components, 3, own->slots, 2, own->claims, own->token,
                    sizeof own->claims},
    };
}

static void test_start_fails_cleanly(void **state)
{
    struct own_core own;
    long n = 0;
    int result;
    do {
        prepare_own(&own, *state);
        calls_left = n++;
        result = atls_core_start(&own.core, &own.config);
        if (result) {
            assert_int_equal(result, -EIO);
            static const uint8_t nothing[48];
            assert_false(own.core.running);
            assert_memory_equal(own.core.platform.pak.d, nothing, sizeof own.core.platform.pak.d);
            calls_left = 1000;
            assert_int_equal(atls_core_handle(&own.core, ATLS_BYTES("\2\1", 2), answer_buffer, 1024)
                                 .message.data[1],
                             ATLS_REFUSED);
        }
    } while (result && n < 100);
    assert_int_equal(result, 0);
    assert_true(n > 8);
    atls_core_stop(&own.core);
}

/* A bootloader of its own hands over what it has measured: all of it, or the device does not start;
 * what is not locked is no evidence (RFC 9783 section 4.4.1). */
static void test_handed_over(void **state)
{
    static const struct {
        const char *what;
        size_t count;
        bool locked;
        int outcome;
    } cases[] = {
        {"less than there is room for", 2, true, 0},
        {"all that there is room for", 3, true, 0},
        {"one more", 4, true, ATLS_E_LIMIT},
        {"not locked", 2, false, ATLS_E_REFUSED},
    };
    struct own_core own;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_boot_entry entries[4] = {{"BL", "1", {1}, {9}},
                                             {"FW", "2", {2}, {9}},
                                             {"CFG", "3", {3}, {9}},
                                             {"M", "4", {4}, {9}}};
        struct atls_boot_record given = {entries, 4, cases[i].count, cases[i].locked};
        prepare_own(&own, *state);
        own.config.images = NULL;
        own.config.image_count = 0;
        own.config.handed_over = &given;
        memset(own.config.implementation_id, 'i', sizeof own.config.implementation_id);
        calls_left = 1000;
        assert_case(cases[i].what, atls_core_start(&own.core, &own.config), cases[i].outcome);
        if (cases[i].outcome)
            continue;
        assert_int_equal(own.core.record.count, cases[i].count);
        assert_true(own.core.record.locked);
        assert_memory_equal(own.core.record.entries, entries, cases[i].count * sizeof *entries);
        struct atls_bytes answer =
            atls_core_handle(&own.core, ATLS_BYTES("\1", 1), answer_buffer, sizeof answer_buffer)
                .message;
        assert_int_equal(answer.data[1], ATLS_DONE); /* instance id, then implementation id */
        assert_int_equal(answer.data[2 + 33], 'i');
        assert_int_equal(answer.data[answer.size - 1], cases[i].count);
        atls_core_stop(&own.core);
    }
}

static void test_requests_fail_cleanly(void **state)
{
    static const struct {
        const char *request;
        size_t size;
    } requests[] = {
        {"\2\1", 2},
        {"\4\0\0\0\1\x08"
         "12345678",
         14},
        {"\6\0\0\0\1\x20"
         "12345678901234567890123456789012",
         38},
        {"\5\x20"
         "12345678901234567890123456789012",
         34},
    };
    struct own_core own;
    prepare_own(&own, *state);
    calls_left = 1000;
    assert_ok(atls_core_start(&own.core, &own.config));
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        unsigned outcome = ATLS_FAILED;
        for (long n = 0; outcome == ATLS_FAILED && n < 50; n++) {
            struct atls_bytes answer;
            calls_left = n;
            answer = atls_core_handle(&own.core, ATLS_BYTES(requests[i].request, requests[i].size),
                                      answer_buffer, sizeof answer_buffer)
                         .message;
            outcome = answer.data[1];
            if (n == 0)
                assert_int_equal(outcome, ATLS_FAILED);
            if (outcome == ATLS_FAILED)
                assert_true(test_contains(answer, "as the test wants", 17));
        }
        assert_int_equal(outcome, ATLS_DONE);
    }
    atls_core_stop(&own.core);
}

int main(void)
{
#define WITH_DEVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_DEVICE(test_requests_refused),
        WITH_DEVICE(test_reason_too_long),
        WITH_DEVICE(test_request_too_long),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_keys_on_the_wire),
        WITH_DEVICE(test_handed_over),
        WITH_DEVICE(test_challenge_sizes),
        WITH_DEVICE(test_no_answer_holds_a_secret),
        WITH_DEVICE(test_another_root_of_trust),
        WITH_DEVICE(test_all_operations_are_scanned),
        WITH_DEVICE(test_keys_run_out_and_come_back),
        WITH_DEVICE(test_small_answer_buffer),
        WITH_DEVICE(test_evidence_has_room_or_none),
        WITH_DEVICE(test_stopped_device_refuses),
        WITH_DEVICE(test_start_fails_cleanly),
        WITH_DEVICE(test_requests_fail_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
