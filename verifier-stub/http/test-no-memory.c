/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verifier does without memory (rats/test/test-memory.h): each allocation of each request
 * is refused once. The answer is then a 500, never one with something missing; the next request
 * finds a verifier as before. Below the API: the store and the sessions by themselves.
 */
#include "rats/test/test-memory.h"

#include <errno.h>
#include <unistd.h>

#include "rats/base/media-types.h"
#include "rats/test/test-table.h"
#include "verifier-stub/http/manners.h"
#include "verifier-stub/http/test-api-support.h"

#define VERAISON "veraison-main"

static uint8_t cab[TEST_EVIDENCE_MAX], token[TEST_EVIDENCE_MAX], bundle[TEST_EVIDENCE_MAX];
static size_t cab_size, token_size, bundle_size;
static uint8_t *corim;
static size_t corim_size;
static uint8_t drawn; /* the newest byte that no_random() made */

/* The same in each run, and never the same twice in one. */
static int no_random(uint8_t *bytesp, size_t count)
{
    memset(bytesp, ++drawn, count);
    return 0;
}

static struct atls_bytes body_of(const char *name)
{
    return strcmp(name, "cab") == 0      ? ATLS_BYTES(cab, cab_size)
           : strcmp(name, "token") == 0  ? ATLS_BYTES(token, token_size)
           : strcmp(name, "bundle") == 0 ? ATLS_BYTES(bundle, bundle_size)
           : strcmp(name, "corim") == 0  ? ATLS_BYTES(corim, corim_size)
                                         : atls_bytes_of_text(name);
}

static const struct request {
    const char *name, *method, *path; /* "" in a path: of the session that was opened before */
    const char *content_type, *body;
    unsigned status;
    bool again;     /* the same was asked before */
    bool own_store; /* an empty one */
    const char *nonce;
    const char *as; /* the verifier that this one stands in for */
} requests[] = {
    {"new session", "POST", NEW, .nonce = TEST_NONCE, .status = 201},
    {"new session, a nonce of its own", "POST", NEW, .status = 201},
    {"new session, a bad nonce", "POST", NEW, .nonce = "AA", .status = 400},
    {"session", "GET", "", .status = 200},
    {"session that is not there", "GET", SESSION UUID, .status = 404},
    {"deletion", "DELETE", "", .status = 204},
    {"evidence: CAB", "POST", "", .content_type = ATLS_MT_CMW_CBOR, .body = "cab", .status = 200},
    {"evidence: CAB, again", "POST", "", .content_type = ATLS_MT_CMW_CBOR, .body = "cab",
     .status = 200, .again = true},
    {"evidence: PSA token", "POST", "", .content_type = ATLS_MT_PSA_RFC9783, .body = "token",
     .status = 200},
    {"evidence: bundle of 2022", "POST", "", .content_type = "application/x-kat-bundle",
     .body = "bundle", .status = 415},
    {"evidence: no CMW", "POST", "", .content_type = ATLS_MT_CMW_CBOR, .body = "x", .status = 400},
    {"evidence: another type", "POST", "", .content_type = "text/plain", .body = "x",
     .status = 415},
    {"endorsement", "POST", SUBMIT, .content_type = ATLS_MT_CORIM, .body = "corim", .status = 200,
     .own_store = true},
    {"endorsement, again", "POST", SUBMIT, .content_type = ATLS_MT_CORIM, .body = "corim",
     .status = 200, .again = true},
    {"endorsement: another type", "POST", SUBMIT, .content_type = "text/plain", .body = "x",
     .status = 415},
    {"endorsement: no CoRIM", "POST", SUBMIT, .content_type = ATLS_MT_CORIM, .body = "x",
     .status = 200},
    {"discovery", "GET", "/.well-known/veraison/verification", .status = 200},
    {"discovery of provisioning", "GET", "/.well-known/veraison/provisioning", .status = 200},
    {"unknown path", "GET", "/nowhere", .status = 404},
    {"another method", "PUT", NEW, .status = 405},
    {"Veraison: new session", "POST", NEW, .nonce = TEST_NONCE, .status = 201, .as = VERAISON},
    {"Veraison: a slash too many", "POST", NEW "/", .status = 307, .as = VERAISON},
    {"Veraison: a slash too many for GET", "GET", SESSION UUID "/", .status = 301, .as = VERAISON},
    {"Veraison: unknown path", "GET", "/nowhere", .status = 404, .as = VERAISON},
    {"Veraison: evidence of another type", "POST", "", .content_type = "text/plain", .body = "x",
     .status = 415, .as = VERAISON},
    {"Veraison: endorsement of another type", "POST", SUBMIT, .content_type = "text/plain",
     .body = "x", .status = 415, .as = VERAISON},
};

static void ask(const struct request *row, const char *path, struct atls_response *responsep)
{
    struct atls_request request = {.method = row->method,
                                   .path = path,
                                   .content_type = row->content_type,
                                   .nonce = row->nonce,
                                   .body = row->body ? body_of(row->body) : ATLS_BYTES(NULL, 0)};

    atls_api_answer(&test_api, &request, responsep);
}

static void tell_text(struct test_told *told, const char *text)
{
    if (text)
        test_tell(told, ATLS_BYTES(text, strlen(text)));
    test_tell(told, ATLS_BYTES("", 1));
}

/* The answer to a request, in a verifier of its own. */
static int answer(const void *context, struct test_told *told)
{
    static const struct atls_sessions_limits limits = {
        .lifetime_ms = 150000, .max_sessions = 8, .max_bytes = 1 << 20};
    const struct request *row = context;
    struct atls_store *store = test_api.store;
    struct atls_response response;
    char path[128];
    int result = 0;

    drawn = 0;
    assert_int_equal(
        atls_sessions_open(&limits, test_api.clock, test_api.crypto, &test_api.sessions), 0);
    if (row->own_store)
        assert_int_equal(atls_store_open_memory(&test_api.store), 0);
    test_open_session(path);
    test_api.as = row->as ? atls_manners_named(row->as) : NULL;
    if (row->again) {
        ask(row, *row->path ? row->path : path, &response);
        atls_response_clear(&response);
    }
    test_memory_begin();
    ask(row, *row->path ? row->path : path, &response);
    test_memory_end(0);
    if (response.status == 500) {
        result = -ENOMEM;
    } else if (response.status != row->status) {
        result = atls_fail(-EPROTO, NULL, "expected %u, came %u: %.*s", row->status,
                           response.status, (int)response.body_size, response.body);
    } else {
        tell_text(told, response.location);
        tell_text(told, response.accept);
        tell_text(told, response.content_type);
        tell_text(told, response.body);
    }
    atls_response_clear(&response);
    if (result == -ENOMEM && strcmp(row->method, "DELETE") != 0 &&
        (!row->body || strcmp(row->body, "cab") != 0)) { /* evidence that failed ends its session */
        ask(row, *row->path ? row->path : path, &response);
        assert_int_equal(response.status, row->status);
        atls_response_clear(&response);
    }
    if (row->own_store)
        atls_store_close(test_api.store);
    test_api.store = store;
    test_api.as = NULL;
    atls_sessions_close(test_api.sessions);
    return result == -ENOMEM ? atls_fail(result, NULL, "no memory: 500") : result;
}

static void test_answer(void **state)
{
    const struct request *row = *state;
    size_t count = test_without_memory(row->name, TEST_FAILS, answer, row);

    print_message("%s: %zu allocations\n", row->name, count);
}

/* A store of either kind, from its opening: one CoRIM, and what is found of it. */
static int use_store(const void *spec, struct test_told *told)
{
    struct atls_trust_anchor anchor;
    struct atls_reference_set set;
    struct atls_store_import import;
    struct atls_store *store;
    int result;

    TEST_FILL(store);
    result = TEST_SCARCE(atls_store_open(spec, &store));
    if (result) {
        TEST_UNTOUCHED(store);
        return result;
    }
    result = TEST_SCARCE(atls_store_import_corim(store, ATLS_BYTES(corim, corim_size), &import));
    if (result == 0) {
        struct atls_trust_anchor sought =
            atls_psa_anchor(test_api_device.implementation_id, test_api_device.instance_id);

        result = TEST_SCARCE(store->ops->find_trust_anchor(store, &sought, &anchor));
        if (result == 0)
            TEST_TELL(told, anchor.key.x);
    }
    if (result == 0)
        result = TEST_SCARCE(store->ops->find_reference_values(
            store, ATLS_CORIM_PSA, test_api_device.implementation_id, &set));
    if (result == 0) {
        TEST_TELL(told, set.required_count);
        atls_reference_set_clear(&set);
    }
    atls_store_close(store);
    if (strncmp(spec, "sqlite:", 7) == 0)
        unlink((const char *)spec + 7);
    return result;
}

static void test_stores(void **state)
{
    char spec[64];

    snprintf(spec, sizeof spec, "sqlite:no-memory-%d.db", (int)getpid());
    assert_true(test_without_memory("store in memory", TEST_FAILS, use_store, "memory") > 10);
    assert_true(test_without_memory("store of sqlite", TEST_FAILS, use_store, spec) > 10);
}

/* A set of values that no store has. */
static int use_set(const void *context, struct test_told *told)
{
    char name[] = "BL", version[] = "1";
    const struct atls_reference_value values[] = {{.name = name, .digest_size = 32},
                                                  {.version = version, .digest_size = 48},
                                                  {.digest_size = 64, .validity = {1, 2}}};
    struct atls_reference_set set;
    int result;

    TEST_FILL(set);
    result = TEST_SCARCE(atls_reference_set_of(values, COUNT(values), &set));
    if (result) {
        TEST_UNTOUCHED(set);
        return result;
    }
    TEST_TELL(told, set.required_count);
    atls_reference_set_clear(&set);
    return 0;
}

/* A second value of a name: where it cannot be added, all is as before, and then it can be. */
static int use_index(const void *context, struct test_told *told)
{
    char name[] = "BL", version[] = "1";
    const struct atls_reference_value values[] = {
        {.name = name, .version = version, .digest_size = 32, .digest = {1}},
        {.name = name, .version = version, .digest_size = 32, .digest = {2}, .validity = {1, 2}}};
    const struct atls_reference_key key = {.named = true,
                                           .versioned = true,
                                           .name = atls_bytes_of_text(name),
                                           .version = atls_bytes_of_text(version),
                                           .digest = ATLS_BYTES(values[1].digest, 32)};
    struct atls_reference_entry *entries[3]; /* the last one is equal to that before it */
    struct atls_reference_index *index;
    struct atls_reference_set set;
    size_t outside;
    int64_t until;
    bool added;
    int result;

    assert_int_equal(atls_reference_index_open(&index), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(atls_reference_entry_new(&values[i > 0], &entries[i]), 0);
    assert_int_equal(atls_reference_index_add(index, entries[0], &added), 0);
    result = TEST_SCARCE(atls_reference_index_add(index, entries[1], &added));
    if (result) {
        atls_reference_set_lend(index, &set);
        assert_int_equal(set.count, 1);
        assert_int_equal(set.required_count, 1);
        for (enum atls_reference_by by = 0; by < ATLS_REFERENCE_BYS; by++)
            assert_ptr_equal(atls_reference_find(&set, by, &key),
                             by == ATLS_REFERENCE_BY_NAME || by == ATLS_REFERENCE_BY_VERSION
                                 ? entries[0]
                                 : NULL);
        atls_reference_times(&set, 3, &outside, &until);
        assert_int_equal(outside, 0);
        assert_int_equal(atls_reference_index_add(index, entries[2], &added), 0);
    }
    assert_true(added);
    atls_reference_entry_free(entries[result ? 1 : 2]);
    atls_reference_set_lend(index, &set);
    assert_ptr_equal(atls_reference_find(&set, ATLS_REFERENCE_BY_ALL, &key),
                     entries[result ? 2 : 1]);
    atls_reference_times(&set, 3, &outside, &until);
    assert_int_equal(outside, 1);
    TEST_TELL(told, set.count);
    atls_reference_index_close(index);
    return result;
}

static void test_sets(void **state)
{
    assert_true(test_without_memory("set of values", TEST_FAILS, use_set, NULL) > 10);
    assert_true(test_without_memory("index of values", TEST_FAILS, use_index, NULL) > 2);
}

static int set_up(void **state)
{
    static struct atls_crypto crypto;
    static uint8_t nonce[32];
    struct test_recipe recipe;

    memset(nonce, 'n', sizeof nonce);
    if (test_api_set_up(state))
        return -1;
    atls_sessions_close(test_api.sessions);
    crypto = atls_crypto_hosted;
    crypto.random = no_random;
    test_api.crypto = &crypto;
    recipe = test_recipe_good(&test_api_device, ATLS_BYTES(nonce, sizeof nonce));
    cab_size = test_cab(&recipe, cab);
    token_size = test_psa_token(&recipe, token);
    recipe.prototype = true;
    bundle_size = test_cab(&recipe, bundle);
    corim_size = test_corim(&test_api_device, 1, ATLS_CORIM_MAIN, &corim);
    return 0;
}

static int tear_down(void **state)
{
    free(corim);
    test_api.sessions = NULL;
    return test_api_tear_down(state);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_answer, requests);
    TEST_ADD(&list, test_stores);
    TEST_ADD(&list, test_sets);
    return test_done(_cmocka_run_group_tests("verifier without memory", list.tests, list.count,
                                             set_up, tear_down));
}
