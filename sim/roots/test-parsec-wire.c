/* SPDX-License-Identifier: Apache-2.0 */
/* What is written to Parsec and read of it: bytes of Parsec's own tests, and bytes that do harm. */
#include "sim/roots/test-parsec.h"

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

/* The whole of a request, user and all; more of them are in the recording below. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_of_parsecs_own_tests),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_hostile_bodies),
        cmocka_unit_test(test_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
