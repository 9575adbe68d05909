/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported authenticators without memory: each allocation, those of GnuTLS included, is refused
 * once (rats/test/test-memory.h). What is bad is told as bad or as a lack of memory, what is good
 * never as the peer's fault; and once there is memory, the same call does what it would have done.
 */
#include "rats/test/test-memory.h"

#include "tls/authenticator/test-rfc9261-ends.h"
#include "tls/authenticator/test-rfc9261-good.h"
#include "tls/wire/test-gnutls-memory.h"

static void clear(struct atls_ea *ea)
{
    test_memory_begin();
    atls_ea_clear(ea);
    test_memory_end(0);
}

/* The alert of a lack of memory is this side's. */
static int settled(const struct atls_ea *ea, int result)
{
    if (result < 0)
        assert_int_equal(ea->alert, ATLS_EA_INTERNAL_ERROR);
    return result;
}

static int answer_seed(struct atls_ea *ea, const struct atls_ea_request *request,
                       struct test_told *told)
{
    struct atls_ea_entry entry = {.certificate = ATLS_BYTES("\x30", 1)};
    const struct atls_ea_identity identity = {
        .entries = &entry,
        .entry_count = 1,
        .scheme = (uint16_t)(request->schemes.data[0] << 8 | request->schemes.data[1]),
        .sign = test_one_byte};
    uint8_t *made;
    size_t size;

    TEST_FILL(made);
    int result =
        settled(ea, TEST_SCARCE(atls_ea_answer(ea, request->context, &identity, &made, &size)));
    if (result) {
        TEST_UNTOUCHED(made);
        return result;
    }
    test_tell(told, ATLS_BYTES(made, size));
    free(made);
    return 0;
}

static int take_seed(struct atls_ea *ea, struct atls_bytes in, struct test_told *told)
{
    struct atls_ea_request request;

    TEST_FILL(request);
    int result = settled(ea, TEST_SCARCE(atls_ea_take_request(ea, in, &request)));
    if (result)
        TEST_UNTOUCHED(request);
    return result ? result : answer_seed(ea, &request, told);
}

static int validate_seed(struct atls_ea *ea, struct atls_bytes in, const struct atls_bytes *context,
                         struct test_told *told)
{
    struct atls_ea_authenticator authenticator;

    TEST_FILL(authenticator);
    int result = settled(ea, TEST_SCARCE(atls_ea_validate(ea, in, context, &authenticator)));
    if (result) {
        TEST_UNTOUCHED(authenticator);
        return result;
    }
    test_tell(told, authenticator.context);
    TEST_TELL(told, authenticator.entry_count);
    return 0;
}

static int ask_and_validate_seed(struct atls_ea *ea, struct atls_bytes in, struct test_told *told)
{
    const struct atls_ea_extension extensions[] = {
        {0xff00, EMPTY},
        {5, EMPTY},
        {ATLS_EA_SIGNATURE_ALGORITHMS, ATLS_BYTES("\0\4\4\3\10\7", 6)}};
    struct atls_bytes context = ATLS_BYTES("\xaa", 1);
    uint8_t *made;
    size_t size;

    TEST_FILL(made);
    int result =
        settled(ea, TEST_SCARCE(atls_ea_make_request(ea, context, extensions, 3, &made, &size)));
    if (result) {
        TEST_UNTOUCHED(made);
        return result;
    }
    free(made);
    return validate_seed(ea, in, &context, told);
}

/* The seeds are those of fuzz-rfc9261.c, whose first byte says what they are. */
static int read_seed(const void *context, struct test_told *told)
{
    const struct atls_bytes *bytes = context;
    struct atls_cursor c = atls_cursor_of(*bytes, NULL);
    struct atls_bytes hello = ATLS_BYTES("\xff\0\0\0\0\x0d\0\4\0\2\4\3", 12);
    struct atls_ea ea;
    uint8_t kind;

    if (atls_cursor_u8(&c, "kind", &kind) != 0 ||
        (kind % 4 == 3 && atls_cursor_vector(&c, "hello", 2, 0, UINT16_MAX, &hello) != 0))
        return 0;
    test_good_connection.side = kind % 4 < 2 ? ATLS_EA_SERVER : ATLS_EA_CLIENT;
    int result = TEST_SCARCE(atls_ea_init(&ea, &test_good_connection));
    if (result)
        return result;
    if (kind % 4 >= 2)
        result = settled(&ea, TEST_SCARCE(atls_ea_hello(&ea, hello)));
    if (result == 0)
        result = kind % 4 == 0   ? take_seed(&ea, ATLS_BYTES(c.at, c.left), told)
                 : kind % 4 == 1 ? ask_and_validate_seed(&ea, ATLS_BYTES(c.at, c.left), told)
                                 : validate_seed(&ea, ATLS_BYTES(c.at, c.left), NULL, told);
    clear(&ea);
    return result;
}

static void test_seeds(void **state)
{
    test_seeds_without_memory("authenticators",
                              test_seeds_below("ATLS_TLS", "tls", "authenticator/corpus/rfc9261"),
                              TEST_FAILS, read_seed, 100);
}

/* From a request to its answer, and one that nobody asked for, between keys of GnuTLS. */
struct trip {
    const struct test_key *key; /* NULL: an empty authenticator */
    struct test_end client, server;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity;
    uint8_t *request, *answer, *volunteered;
    size_t request_size, answer_size, volunteered_size;
    struct atls_ea_request asked;
    struct atls_ea_authenticator came;
};
#define CONTEXT TEXT("a context")
#define OTHER_CONTEXT TEXT("another context")

static int begin(struct test_end *end, enum atls_ea_side side)
{
    atls_ea_gnutls_callbacks(&end->adapter, side, ATLS_SHA256, &end->connection);
    end->connection.context = end;
    end->connection.exporter = test_export;
    end->number = end->finished_number = 1;
    return atls_ea_init(&end->ea, &end->connection);
}

static int begin_client(struct trip *trip)
{
    return begin(&trip->client, ATLS_EA_CLIENT);
}

static int begin_server(struct trip *trip)
{
    return begin(&trip->server, ATLS_EA_SERVER);
}

static const uint8_t hello[] = {0xff, 0, 0, 0, 0, 13, 0, 8, 0, 6, 4, 3, 5, 3, 8, 7};

static int send_hello(struct trip *trip)
{
    return atls_ea_hello(&trip->client.ea, ATLS_BYTES(hello, sizeof hello));
}

static int receive_hello(struct trip *trip)
{
    return atls_ea_hello(&trip->server.ea, ATLS_BYTES(hello, sizeof hello));
}

static int ask(struct trip *trip)
{
    static const uint8_t schemes[] = {0, 6, 4, 3, 5, 3, 8, 7};
    const struct atls_ea_extension extensions[] = {
        {CMW_ATTESTATION, EMPTY},
        {ATLS_EA_SIGNATURE_ALGORITHMS, ATLS_BYTES(schemes, sizeof schemes)}};

    return atls_ea_make_request(&trip->server.ea, CONTEXT, extensions, 2, &trip->request,
                                &trip->request_size);
}

static int take_request(struct trip *trip)
{
    return atls_ea_take_request(&trip->client.ea, ATLS_BYTES(trip->request, trip->request_size),
                                &trip->asked);
}

static int answer(struct trip *trip)
{
    return atls_ea_answer(&trip->client.ea, CONTEXT, trip->key ? &trip->identity : NULL,
                          &trip->answer, &trip->answer_size);
}

static int validate(struct trip *trip)
{
    struct atls_bytes context = CONTEXT;
    int result = atls_ea_validate(&trip->server.ea, ATLS_BYTES(trip->answer, trip->answer_size),
                                  &context, &trip->came);

    return result == ATLS_E_REFUSED && !trip->key ? 0 : result;
}

static int volunteer(struct trip *trip)
{
    return trip->key ? atls_ea_volunteer(&trip->server.ea, OTHER_CONTEXT, &trip->identity,
                                         &trip->volunteered, &trip->volunteered_size)
                     : 0;
}

static int validate_volunteered(struct trip *trip)
{
    return trip->key ? atls_ea_validate(&trip->client.ea,
                                        ATLS_BYTES(trip->volunteered, trip->volunteered_size), NULL,
                                        &trip->came)
                     : 0;
}

static const struct step {
    const char *name;
    int (*take)(struct trip *trip);
    bool verifies; /* by GnuTLS, which tells a lack of memory as a signature that does not verify */
} steps[] = {
    {"begin as client", begin_client, false},
    {"begin as server", begin_server, false},
    {"note the hello sent", send_hello, false},
    {"note the hello received", receive_hello, false},
    {"make a request", ask, false},
    {"take it", take_request, false},
    {"answer it", answer, false},
    {"validate the answer", validate, true},
    {"volunteer", volunteer, false},
    {"validate what nobody asked for", validate_volunteered, true},
};

/* What failed without memory goes well when there is some. */
static void take_again(const struct step *step, struct trip *trip, int failure)
{
    if (failure > 0 && !(step->verifies && failure == ATLS_E_SIGNATURE))
        fail_msg("%s: expected a failure of this machine, came %s (%s)", step->name,
                 atls_error_name(failure), atls_error_text());
    int result = step->take(trip);
    if (result != 0)
        fail_msg("%s, once there is memory: expected success, came %s (%s)", step->name,
                 atls_error_name(result), atls_error_text());
}

static int travel(const void *context, struct test_told *told)
{
    struct trip trip = {.key = context};
    struct atls_error kept;
    int failure = 0;

    if (trip.key)
        trip.identity = test_identity(trip.key, &trip.entry, "credential");
    for (size_t i = 0; i < COUNT(steps); i++) {
        int result = TEST_SCARCE(steps[i].take(&trip));
        if (result != 0 && failure == 0)
            atls_error_keep(&kept);
        if (result != 0)
            take_again(&steps[i], &trip, result);
        failure = failure ? failure : result;
    }
    TEST_TELL(told, trip.came.entry_count);
    test_memory_begin();
    free(trip.request);
    free(trip.answer);
    free(trip.volunteered);
    test_memory_end(0);
    clear(&trip.client.ea);
    clear(&trip.server.ea);
    if (failure)
        atls_error_restore(&kept);
    return failure;
}

static void sweep(enum test_without how, size_t least)
{
    static const struct {
        const char *name;
        const struct test_key *key;
    } rows[] = {{"P-256", &p256}, {"P-384", &p384}, {"Ed25519", &ed25519}, {"no key", NULL}};
    static struct test_told unused;

    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)travel(rows[i].key, &unused); /* what a library makes once */
        size_t count = test_without_memory(rows[i].name, how, travel, rows[i].key);
        print_message("%s: %zu allocations\n", rows[i].name, count);
        assert_true(count >= least);
    }
}

static void test_trips(void **state)
{
    sweep(TEST_FAILS, 6);
}

static void test_trips_of_gnutls(void **state)
{
    test_take_gnutls_memory();
    sweep(TEST_MAY_FAIL, 8);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, test_seeds);
    TEST_ADD(&list, test_trips);
    TEST_ADD(&list, test_trips_of_gnutls);
    return test_ends_run("authenticators without memory", &list);
}
