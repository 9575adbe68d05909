/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shim between two sessions of the library: what is sent arrives, in every size and role, and
 * both sides hash the same messages; what is wrong is refused or shown; nothing goes out without
 * what was to be in it.
 */
#include <gnutls/ocsp.h>

#include "tls/shim/test-shim-ends.h"

static void the_check_passes(void **state)
{
    test_outcome(atls_entry_shim_check(), 0, NULL);
    test_outcome(atls_entry_shim_check(), 0, NULL);
    assert_true(atls_interpose_counted().appends > 0);
}

static const struct size_row {
    const char *name;
    size_t client, server; /* bytes of payload; 0: does not attest */
    bool hrr, late;
} size_rows[] = {
    {"client, 2 bytes", 2, 0, false, false},
    {"client, 3 bytes", 3, 0, false, false},
    {"client, 300 bytes", 300, 0, false, false},
    {"client, 5000 bytes", 5000, 0, false, false},
    {"client, 16384 bytes", 16384, 0, false, false},
    {"client, 60000 bytes", 60000, 0, false, false},
    {"client, 65531 bytes", ATLS_ENTRY_PAYLOAD_MAX, 0, false, false},
    {"server, 2 bytes", 0, 2, false, false},
    {"server, 300 bytes", 0, 300, false, false},
    {"server, 5000 bytes", 0, 5000, false, false},
    {"server, 16384 bytes", 0, 16384, false, false},
    {"server, 60000 bytes", 0, 60000, false, false},
    {"server, 65531 bytes", 0, ATLS_ENTRY_PAYLOAD_MAX, false, false},
    {"server, late", 0, 5000, false, true},
    {"both, 300 bytes", 300, 300, false, false},
    {"both, 65531 bytes", ATLS_ENTRY_PAYLOAD_MAX, ATLS_ENTRY_PAYLOAD_MAX, false, false},
    {"both, 300 and 40000 bytes, late", 300, 40000, false, true},
    {"client, 5000 bytes, HelloRetryRequest", 5000, 0, true, false},
    {"server, 5000 bytes, HelloRetryRequest", 0, 5000, true, false},
    {"both, 65531 bytes, HelloRetryRequest, late", ATLS_ENTRY_PAYLOAD_MAX, ATLS_ENTRY_PAYLOAD_MAX,
     true, true},
    {"neither", 0, 0, false, false},
};

static struct atls_entry_extension extension(size_t entry, unsigned seed, size_t size)
{
    return (struct atls_entry_extension){
        .entry = entry, .type = ATTESTATION, .payload = shim_payload(seed, size)};
}

static struct shim_plan plan_one(size_t chain, unsigned seed, size_t size)
{
    struct shim_plan plan = {.chain = chain, .send_count = size > 0 ? 1 : 0};
    plan.send[0] = extension(0, seed, size);
    return plan;
}

static void arrives(void **state)
{
    const struct size_row *row = *state;
    for (size_t chain = 2; chain <= 3; chain++) {
        struct shim_plan client_plan = plan_one(chain, 0, row->client);
        struct shim_plan server_plan = plan_one(chain, 1, row->server);
        struct shim_end client, server;
        server_plan.late = row->late;
        shim_connect(&client, &client_plan, &server, &server_plan, row->hrr);
        shim_check_complete(&client, &server);
        shim_check_received(&client, &server_plan);
        shim_check_received(&server, &client_plan);
        atls_memory_pair_clear(&client.end, &server.end);
        shim_close(&client);
        shim_close(&server);
    }
}

static const struct place_row {
    const char *name;
    size_t chain;
    struct {
        size_t entry;
        uint16_t type;
        size_t size;
    } send[8];
} place_rows[] = {
    {"second entry", 2, {{1, ATTESTATION, 300}}},
    {"third entry", 3, {{2, ATTESTATION, 300}}},
    {"first and second entry", 2, {{0, ATTESTATION, 300}, {1, ATTESTATION, 200}}},
    {"every entry, out of order",
     3,
     {{2, ATTESTATION, 30}, {0, ATTESTATION, 20000}, {1, ATTESTATION, 5}}},
    {"twice in the first entry", 2, {{0, ATTESTATION, 300}, {0, ATTESTATION, 300}}},
    {"of two types", 2, {{0, ATTESTATION, 300}, {0, 0xFF14, 70}}},
    {"empty ones beside another", 2, {{0, ATTESTATION, 2}, {0, 0xFF14, 1}}},
    {"three times in each of two",
     2,
     {{0, ATTESTATION, 9},
      {0, ATTESTATION, 8},
      {0, ATTESTATION, 7},
      {1, ATTESTATION, 6},
      {1, ATTESTATION, 5},
      {1, ATTESTATION, 4}}},
};

/* Whatever a profile has to refuse, it gets to see, and the library does not stumble over it. */
static void is_shown_where_it_was(void **state)
{
    const struct place_row *row = *state;
    for (int server_attests = 0; server_attests < 2; server_attests++) {
        struct shim_plan plans[2] = {{.chain = 2}, {.chain = 2}};
        struct shim_plan *plan = &plans[server_attests];
        struct shim_end client, server;
        plan->chain = row->chain;
        for (; plan->send_count < COUNT(row->send) && row->send[plan->send_count].type != 0;
             plan->send_count++) {
            size_t i = plan->send_count;
            plan->send[i] = extension(row->send[i].entry, (unsigned)i, row->send[i].size);
            plan->send[i].type = row->send[i].type;
        }
        shim_connect(&client, &plans[0], &server, &plans[1], false);
        shim_check_complete(&client, &server);
        shim_check_received(&client, &plans[1]);
        shim_check_received(&server, &plans[0]);
        atls_memory_pair_clear(&client.end, &server.end);
        shim_close(&client);
        shim_close(&server);
    }
}

static void the_library_keeps_a_stapled_response(void **state)
{
    static const uint8_t status[] = {0, 5, 0, 6, 1, 0, 0, 2, 0x30, 0}; /* an empty OCSPResponse */
    for (int status_first = 0; status_first < 2; status_first++) {
        struct shim_plan client_plan = {.chain = 2}, server_plan = plan_one(2, 0, 500);
        struct shim_end client, server;
        const struct atls_entry_received *list;
        gnutls_datum_t response;
        server_plan.send[server_plan.send_count++] = (struct atls_entry_extension){
            .payload = ATLS_BYTES(status, sizeof status), .raw = true};
        if (status_first) {
            struct atls_entry_extension first = server_plan.send[0];
            server_plan.send[0] = server_plan.send[1];
            server_plan.send[1] = first;
        }
        shim_connect(&client, &client_plan, &server, &server_plan, false);
        shim_check_complete(&client, &server);
        assert_int_equal(atls_entry_shim_received(client.watch.shim, &list), 1);
        test_same_bytes(list[0].payload, shim_payload(0, 500));
        assert_int_equal(gnutls_ocsp_status_request_get2(client.end.tls, 0, &response), 0);
        test_same_bytes(ATLS_BYTES(response.data, response.size), ATLS_BYTES(status + 8, 2));
        atls_memory_pair_clear(&client.end, &server.end);
        shim_close(&client);
        shim_close(&server);
    }
}

static const struct refused_row {
    const char *name;
    bool server_attests;
    struct shim_plan attester, receiver;
    size_t sizes[2]; /* of payloads to be added to the attester's plan */
    unsigned repeat; /* of the first of them */
    const char *raw; /* a block in hexadecimal instead */
    int failure;     /* of the attester's shim */
    int came;        /* of the receiver's shim */
    int library;     /* what the receiver's library says */
} refused_rows[] = {
    {.name = "client without atls_interpose_enter()",
     .attester = {.chain = 2, .blind = true},
     .receiver = {.chain = 2},
     .sizes = {300},
     .failure = ATLS_E_UNSUPPORTED},
    {.name = "server without atls_interpose_enter()",
     .server_attests = true,
     .attester = {.chain = 2, .blind = true},
     .receiver = {.chain = 2},
     .sizes = {300},
     .failure = ATLS_E_UNSUPPORTED},
    {.name = "client that presents another chain",
     .attester = {.chain = 2, .other_chain = true},
     .receiver = {.chain = 2},
     .sizes = {300},
     .failure = ATLS_E_UNSUPPORTED},
    {.name = "server that presents another chain",
     .server_attests = true,
     .attester = {.chain = 2, .other_chain = true},
     .receiver = {.chain = 2},
     .sizes = {300},
     .failure = ATLS_E_UNSUPPORTED},
    {.name = "one byte more than the block holds",
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .sizes = {ATLS_ENTRY_PAYLOAD_MAX + 1},
     .failure = ATLS_E_LIMIT},
    {.name = "two that do not fit together",
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .sizes = {ATLS_ENTRY_PAYLOAD_MAX - 4, 1},
     .failure = ATLS_E_LIMIT},
    {.name = "a server that looks for nothing",
     .attester = {.chain = 2},
     .receiver = {.chain = 2, .deaf = true},
     .sizes = {300},
     .library = GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION},
    {.name = "a client that looks for nothing",
     .server_attests = true,
     .attester = {.chain = 2},
     .receiver = {.chain = 2, .deaf = true},
     .sizes = {300},
     .library = GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION},
    {.name = "an empty extension",
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .raw = "ff16 0000",
     .library = GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION},
    {.name = "an extension of one byte",
     .server_attests = true,
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .raw = "ff16 0001 aa",
     .library = GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION},
    {.name = "an unknown extension beside it",
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .raw = "ff77 0002 aaaa ff16 0003 010203",
     .library = GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION},
    {.name = "extension_data longer than the block",
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .raw = "ff16 0009 0102030405060708",
     .came = ATLS_E_MALFORMED},
    {.name = "extension_data shorter than the block",
     .server_attests = true,
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .raw = "ff16 0007 0102030405060708",
     .came = ATLS_E_MALFORMED},
    {.name = "half an extension behind it",
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .raw = "ff16 0003 010203 ff",
     .came = ATLS_E_MALFORMED},
    {.name = "a type without a length",
     .server_attests = true,
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .raw = "ff16",
     .came = ATLS_E_MALFORMED},
    {.name = "seventeen of them",
     .attester = {.chain = 2},
     .receiver = {.chain = 2},
     .sizes = {20},
     .repeat = 17,
     .came = ATLS_E_LIMIT},
};

static void is_refused(void **state)
{
    const struct refused_row *row = *state;
    struct shim_plan attester_plan = row->attester, receiver_plan = row->receiver;
    struct shim_end client, server;
    struct shim_end *attester = row->server_attests ? &server : &client;
    struct shim_end *receiver = row->server_attests ? &client : &server;
    const struct atls_entry_received *list;
    struct atls_bytes raw = {NULL, 0};
    for (size_t i = 0; i < 2 && row->sizes[i] > 0; i++)
        for (unsigned n = 0; n < (i == 0 && row->repeat > 0 ? row->repeat : 1); n++)
            attester_plan.send[attester_plan.send_count++] =
                extension(0, (unsigned)i, row->sizes[i]);
    if (row->raw) {
        raw = test_bytes(row->raw);
        attester_plan.send[attester_plan.send_count++] =
            (struct atls_entry_extension){.payload = raw, .raw = true};
    }
    shim_connect(&client, row->server_attests ? &receiver_plan : &attester_plan, &server,
                 row->server_attests ? &attester_plan : &receiver_plan, false);
    test_outcome(attester->failure, row->failure, NULL);
    test_outcome(receiver->failure, row->came, NULL);
    assert_true(server.end.result < 0);
    if (row->library != 0)
        assert_int_equal(receiver->end.result, row->library);
    if (row->failure != 0) { /* nothing got out */
        assert_int_equal(
            atls_entry_shim_chain(receiver->watch.shim, &(const struct atls_bytes *){0}), 0);
        assert_true(attester->end.result < 0);
    }
    if (row->came != 0)
        assert_int_equal(atls_entry_shim_received(receiver->watch.shim, &list), 0);
    assert_int_equal(receiver->verified, 0);
    atls_memory_pair_clear(&client.end, &server.end);
    shim_close(&client);
    shim_close(&server);
    test_vector_free(raw);
}

static void a_plan_is_checked(void **state)
{
    struct atls_entry_shim *shim;
    static const gnutls_pcert_st chain[ATLS_ENTRIES_MAX + 1];
    const uint16_t types[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct atls_entry_extension one = extension(1, 0, 300);
    unsigned status;
    assert_int_equal(atls_entry_shim_new(&shim), 0);
    assert_true(atls_entry_shim_send(shim, chain, 1, &one, 1) < 0);
    assert_true(atls_entry_shim_send(shim, chain, 0, &one, 1) < 0);
    assert_true(atls_entry_shim_send(shim, chain, ATLS_ENTRIES_MAX + 1, &one, 1) < 0);
    test_outcome(atls_entry_shim_send(shim, chain, ATLS_ENTRIES_MAX, &one, 1), 0, NULL);
    for (size_t size = 65535; size <= 65536; size++) { /* of a block that is given as it is */
        const struct atls_entry_extension raw = {.payload = shim_payload(0, size), .raw = true};
        test_outcome(atls_entry_shim_send(shim, chain, 1, &raw, 1), size > 65535 ? ATLS_E_LIMIT : 0,
                     NULL);
    }
    assert_true(atls_entry_shim_expect(shim, types, 9) < 0);
    test_outcome(atls_entry_shim_expect(shim, types, 8), 0, NULL);
    one.payload = shim_payload(0, 65535 - 4096 - 3);
    test_outcome(atls_entry_shim_request(shim, &one, 1), ATLS_E_LIMIT, NULL);
    one.payload.size--;
    test_outcome(atls_entry_shim_request(shim, &one, 1), 0, NULL);
    test_outcome(atls_entry_shim_verify(shim, NULL, NULL, 0, 0, &status), ATLS_E_MISSING,
                 "RFC 8446 section 4.4.2");
    atls_entry_shim_free(shim);
}

/* That the library could look does not say that it was content. */
static void an_unknown_root_is_told(void **state)
{
    struct shim_plan client_plan = plan_one(2, 0, 300), server_plan = plan_one(2, 1, 300);
    gnutls_x509_trust_list_t none;
    struct shim_end client, server;
    unsigned status = 0;
    shim_connect(&client, &client_plan, &server, &server_plan, false);
    shim_check_complete(&client, &server);
    assert_int_equal(gnutls_x509_trust_list_init(&none, 0), 0);
    test_outcome(atls_entry_shim_verify(client.watch.shim, none, NULL, 0, 0, &status), 0, NULL);
    assert_true((status & GNUTLS_CERT_INVALID) != 0);
    gnutls_x509_trust_list_deinit(none, 1);
    atls_memory_pair_clear(&client.end, &server.end);
    shim_close(&client);
    shim_close(&server);
}

static const struct request_row {
    const char *name;
    size_t size;
    bool hrr;
} request_rows[] = {
    {"empty", 0, false},       {"one byte", 1, false},        {"four bytes", 4, false},
    {"300 bytes", 300, false}, {"61000 bytes", 61000, false}, {"4 bytes, HRR", 4, true},
};

static void a_request_arrives(void **state)
{
    const struct request_row *row = *state;
    struct shim_plan client_plan = plan_one(2, 0, 400), server_plan = plan_one(2, 1, 500);
    struct shim_end client, server;
    const struct atls_entry_received *list;
    server_plan.request = extension(0, 2, row->size);
    shim_connect(&client, &client_plan, &server, &server_plan, row->hrr);
    shim_check_complete(&client, &server);
    shim_check_received(&client, &server_plan);
    shim_check_received(&server, &client_plan);
    assert_int_equal(atls_entry_shim_requested(client.watch.shim, &list), 1);
    assert_int_equal(list[0].type, ATTESTATION);
    test_same_bytes(list[0].payload, server_plan.request.payload);
    assert_int_equal(atls_entry_shim_requested(server.watch.shim, &list), 0);
    atls_memory_pair_clear(&client.end, &server.end);
    shim_close(&client);
    shim_close(&server);
}

static void a_request_does_not_go_out_without_it(void **state)
{
    struct shim_plan client_plan = {.chain = 2}, server_plan = {.chain = 2, .blind = true};
    struct shim_end client, server;
    server_plan.request = extension(0, 2, 4);
    shim_connect(&client, &client_plan, &server, &server_plan, false);
    test_outcome(server.failure, ATLS_E_UNSUPPORTED, NULL);
    assert_true(server.end.result < 0 && client.end.result < 0);
    atls_memory_pair_clear(&client.end, &server.end);
    shim_close(&client);
    shim_close(&server);
}

#define PAIRS 8

static void sessions_take_turns_in_a_thread(void **state)
{
    static struct shim_end client[PAIRS], server[PAIRS];
    struct shim_plan client_plan[PAIRS], server_plan[PAIRS];
    bool moved;
    for (unsigned i = 0; i < PAIRS; i++) {
        client_plan[i] = plan_one(2, 2 * i, i % 3 == 0 ? 0 : 100 + 5000 * i);
        server_plan[i] = plan_one(2, 2 * i + 1, i % 4 == 0 ? 0 : 100 + 7000 * i);
        server_plan[i].late = i % 2 == 0;
        shim_open(&client[i], false, &client_plan[i], TLS13, GNUTLS_NONBLOCK);
        shim_open(&server[i], true, &server_plan[i], TLS13, GNUTLS_NONBLOCK);
        atls_memory_pair_join(&client[i].end, &server[i].end);
    }
    do {
        moved = false;
        for (unsigned i = 0; i < PAIRS; i++)
            moved = atls_memory_end_step(&client[i].end) || moved;
        for (unsigned i = PAIRS; i-- > 0;)
            moved = atls_memory_end_step(&server[i].end) || moved;
    } while (moved);
    for (unsigned i = 0; i < PAIRS; i++) {
        shim_check_complete(&client[i], &server[i]);
        shim_check_received(&client[i], &server_plan[i]);
        shim_check_received(&server[i], &client_plan[i]);
        atls_memory_pair_clear(&client[i].end, &server[i].end);
        shim_close(&client[i]);
        shim_close(&server[i]);
    }
}

static int reauth(struct shim_end *side)
{
    struct atls_interposed *before = atls_interpose_enter(side->end.watch);
    int result = gnutls_reauth(side->end.tls, 0);
    atls_interpose_enter(before);
    return result;
}

static int receive(struct shim_end *side)
{
    char line[8];
    struct atls_interposed *before = atls_interpose_enter(side->end.watch);
    int result = (int)gnutls_record_recv(side->end.tls, line, sizeof line);
    atls_interpose_enter(before);
    return result;
}

static void post_handshake_authentication(void **state)
{
    struct shim_plan client_plan = plan_one(2, 0, 0), server_plan = plan_one(2, 1, 500);
    struct shim_end client, server;
    const struct atls_entry_received *list;
    client_plan.post_handshake = server_plan.post_handshake = true;
    shim_connect(&client, &client_plan, &server, &server_plan, false);
    shim_check_complete(&client, &server);
    for (unsigned round = 0; round < 3; round++) {
        client_plan = plan_one(2, 2 + round, 300 + 20000 * round);
        struct atls_entry_extension request = extension(0, 8 + round, 4 + round);
        assert_int_equal(atls_entry_shim_request(server.watch.shim, &request, 1), 0);
        gnutls_certificate_server_set_request(server.end.tls, GNUTLS_CERT_REQUIRE);
        int result = reauth(&server);
        assert_int_equal(result, GNUTLS_E_AGAIN);
        assert_int_equal(receive(&client), GNUTLS_E_REAUTH_REQUEST);
        assert_int_equal(reauth(&client), 0);
        for (unsigned record = 0; record < 4 && result == GNUTLS_E_AGAIN; record++)
            result = reauth(&server); /* one record each */
        assert_int_equal(result, 0);
        assert_int_equal(client.failure, 0);
        assert_int_equal(server.failure, 0);
        assert_int_equal(server.verified, round + 1);
        shim_check_received(&server, &client_plan);
        assert_int_equal(atls_entry_shim_requested(client.watch.shim, &list), 1);
        test_same_bytes(list[0].payload, request.payload);
    }
    atls_memory_pair_clear(&client.end, &server.end);
    shim_close(&client);
    shim_close(&server);
}

int main(void)
{
    struct test_list list = {.count = 0};
    shim_pki_make();
    TEST_ADD(&list, the_check_passes);
    TEST_ADD_ROWS(&list, arrives, size_rows);
    TEST_ADD_ROWS(&list, is_shown_where_it_was, place_rows);
    TEST_ADD(&list, the_library_keeps_a_stapled_response);
    TEST_ADD_ROWS(&list, is_refused, refused_rows);
    TEST_ADD(&list, a_plan_is_checked);
    TEST_ADD(&list, an_unknown_root_is_told);
    TEST_ADD_ROWS(&list, a_request_arrives, request_rows);
    TEST_ADD(&list, a_request_does_not_go_out_without_it);
    TEST_ADD(&list, sessions_take_turns_in_a_thread);
    TEST_ADD(&list, post_handshake_authentication);
    int result = test_run("entry-shim", &list);
    shim_pki_free();
    return result;
}
