/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Handshake Secret: of the library in every kind of handshake, equal on both sides and with the
 * traffic secret that it is measured by; of RFC 8448 section 3 step by step; and none at all where
 * anything is not as it was expected.
 */
#include "tls/shim/test-shim-ends.h"

#define HANDSHAKE_SECRET "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"
#define HELLOS "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8"
#define TRAFFIC "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
/* Derive-Secret(Handshake Secret, "h exp master", ...) of the same handshake */
#define EXPORTER "3f4aa45c834ae25e223704d86cf606b1a6c6481a99bf2f0b4678463bb7090aa8"
#define LABEL "746c73313320632068732074726166666963" /* tls13 c hs traffic */
#define OTHER_LABEL "746c73313320732068732074726166666963"
#define TRAFFIC_NAME "CLIENT_HANDSHAKE_TRAFFIC_SECRET"

static void the_check_passes(void **state)
{
    test_outcome(atls_handshake_secret_check(), 0, NULL);
    assert_true(atls_interpose_counted().keys > 0);
}

static const struct suite_row {
    const char *name, *priorities;
    enum atls_hash hash;
    bool hrr;
} suite_rows[] = {
    {"AES-128-GCM", TLS13 ":-CIPHER-ALL:+AES-128-GCM", ATLS_SHA256, false},
    {"AES-256-GCM", TLS13 ":-CIPHER-ALL:+AES-256-GCM", ATLS_SHA384, false},
    {"CHACHA20-POLY1305", TLS13 ":-CIPHER-ALL:+CHACHA20-POLY1305", ATLS_SHA256, false},
    {"AES-128-GCM, HelloRetryRequest", TLS13_TWO_GROUPS ":-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM",
     ATLS_SHA256, true},
    {"AES-256-GCM, HelloRetryRequest", TLS13_TWO_GROUPS ":-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM",
     ATLS_SHA384, true},
};

static void is_had_of_the_library(void **state)
{
    const struct suite_row *row = *state;
    static const struct shim_plan plan = {.chain = 2};
    struct shim_end client, server;
    struct atls_bytes secret[2], hellos[2];
    enum atls_hash hash[2];
    uint8_t derived[2][ATLS_TLS_HASH_MAX];
    size_t size;
    const char *of_server = !row->hrr                  ? row->priorities
                            : row->hash == ATLS_SHA384 ? TLS13_HRR ":-CIPHER-ALL:+AES-256-GCM"
                                                       : TLS13_HRR ":-CIPHER-ALL:+AES-128-GCM";
    shim_open(&client, false, &plan, row->priorities,
              GNUTLS_NONBLOCK | (row->hrr ? (unsigned)GNUTLS_KEY_SHARE_TOP : 0U));
    shim_open(&server, true, &plan, of_server, GNUTLS_NONBLOCK);
    atls_memory_pair_join(&client.end, &server.end);
    atls_memory_pair_shake(&client.end, &server.end);
    shim_check_complete(&client, &server);
    assert_int_equal(server.hrr, row->hrr);
    struct shim_end *ends[] = {&client, &server};
    for (size_t i = 0; i < 2; i++) {
        test_outcome(atls_handshake_secret_get(&ends[i]->secret, &hash[i], &secret[i], &hellos[i]),
                     0, NULL);
        assert_int_equal(hash[i], row->hash);
        test_outcome(
            atls_handshake_secret_derive(&ends[i]->secret, "c hs traffic", derived[i], &size), 0,
            NULL);
        assert_int_equal(size, atls_hash_size(row->hash));
        test_same_bytes(ATLS_BYTES(derived[i], size), ATLS_BYTES(ends[i]->traffic, size));
    }
    test_same_bytes(secret[0], secret[1]);
    test_same_bytes(hellos[0], hellos[1]);
    test_outcome(atls_handshake_secret_derive(&server.secret, "h exp master", derived[0], &size), 0,
                 NULL);
    assert_memory_not_equal(derived[0], derived[1], size);
    atls_handshake_secret_wipe(&client.secret);
    static const struct atls_handshake_secret nothing;
    assert_memory_equal(&client.secret, &nothing, sizeof nothing);
    test_outcome(atls_handshake_secret_get(&client.secret, &hash[0], &secret[0], &hellos[0]),
                 ATLS_E_UNSUPPORTED, NULL);
    atls_memory_pair_clear(&client.end, &server.end);
    shim_close(&client);
    shim_close(&server);
}

/* What the library does, told by hand: "a" appends, "k" sets a key, "l" logs a secret. */
static const struct told_row {
    const char *name;
    const char *steps[8];
    int outcome;
} told_rows[] = {
    {"RFC 8448 section 3",
     {"a0020", "a12", "a" LABEL, "a20", "a" HELLOS, "k" HANDSHAKE_SECRET, "l" TRAFFIC},
     0},
    {"with other things before and behind",
     {"k" HELLOS, "a" LABEL, "a20", "a" HELLOS, "k" HANDSHAKE_SECRET, "k" HELLOS, "a" LABEL,
      "l" TRAFFIC},
     0},
    {"keys of other sizes between",
     {"a" LABEL, "a20", "a" HELLOS, "k0011", "k" HANDSHAKE_SECRET HANDSHAKE_SECRET,
      "k" HANDSHAKE_SECRET, "l" TRAFFIC},
     0},
    {"nothing", {NULL}, ATLS_E_UNSUPPORTED},
    {"a keylog only", {"l" TRAFFIC}, ATLS_E_UNSUPPORTED},
    {"a key only", {"k" HANDSHAKE_SECRET, "l" TRAFFIC}, ATLS_E_UNSUPPORTED},
    {"another label",
     {"a" OTHER_LABEL, "a20", "a" HELLOS, "k" HANDSHAKE_SECRET, "l" TRAFFIC},
     ATLS_E_UNSUPPORTED},
    {"no size of the context",
     {"a" LABEL, "a" HELLOS, "k" HANDSHAKE_SECRET, "l" TRAFFIC},
     ATLS_E_UNSUPPORTED},
    {"another size of the context",
     {"a" LABEL, "a21", "a" HELLOS, "k" HANDSHAKE_SECRET, "l" TRAFFIC},
     ATLS_E_UNSUPPORTED},
    {"no context", {"a" LABEL, "a20", "k" HANDSHAKE_SECRET, "l" TRAFFIC}, ATLS_E_UNSUPPORTED},
    {"a context of another size",
     {"a" LABEL, "a30", "a" HELLOS, "k" HANDSHAKE_SECRET, "l" TRAFFIC},
     ATLS_E_UNSUPPORTED},
    {"no key", {"a" LABEL, "a20", "a" HELLOS, "l" TRAFFIC}, ATLS_E_UNSUPPORTED},
    {"another key first",
     {"a" LABEL, "a20", "a" HELLOS, "k" HELLOS, "k" HANDSHAKE_SECRET, "l" TRAFFIC},
     ATLS_E_UNSUPPORTED},
    {"another context",
     {"a" LABEL, "a20", "a" TRAFFIC, "k" HANDSHAKE_SECRET, "l" TRAFFIC},
     ATLS_E_UNSUPPORTED},
    {"no keylog", {"a" LABEL, "a20", "a" HELLOS, "k" HANDSHAKE_SECRET}, ATLS_E_UNSUPPORTED},
    {"another traffic secret",
     {"a" LABEL, "a20", "a" HELLOS, "k" HANDSHAKE_SECRET, "l" HELLOS},
     ATLS_E_UNSUPPORTED},
    {"half the traffic secret",
     {"a" LABEL, "a20", "a" HELLOS, "k" HANDSHAKE_SECRET, "lb3eddb126e067f35a780b3abf45e2d8f"},
     ATLS_E_UNSUPPORTED},
    {"the right one behind a wrong one",
     {"a" LABEL, "a20", "a" HELLOS, "k" HANDSHAKE_SECRET, "l" HELLOS, "l" TRAFFIC},
     ATLS_E_UNSUPPORTED},
};

static void tell(struct atls_handshake_secret *secret, const char *step)
{
    struct atls_bytes bytes = test_bytes(step + 1);
    gnutls_datum_t datum = {(unsigned char *)(uintptr_t)bytes.data, (unsigned)bytes.size};
    if (*step == 'a') {
        atls_handshake_secret_appended(secret, bytes);
    } else if (*step == 'k') {
        atls_handshake_secret_keyed(secret, bytes);
    } else {
        atls_handshake_secret_keylog(secret, "SERVER_HANDSHAKE_TRAFFIC_SECRET", &datum);
        atls_handshake_secret_keylog(secret, TRAFFIC_NAME, &datum);
        atls_handshake_secret_keylog(secret, "CLIENT_TRAFFIC_SECRET_0", &datum);
    }
    test_vector_free(bytes);
}

static void is_believed_only_if_right(void **state)
{
    const struct told_row *row = *state;
    struct atls_handshake_secret secret = {.size = 0};
    struct atls_bytes expected = test_bytes(EXPORTER), had, hellos;
    uint8_t derived[ATLS_TLS_HASH_MAX] = {0};
    enum atls_hash hash;
    size_t size = 0;
    for (size_t i = 0; i < COUNT(row->steps) && row->steps[i]; i++)
        tell(&secret, row->steps[i]);
    int came = atls_handshake_secret_derive(&secret, "h exp master", derived, &size);
    test_outcome(came, row->outcome, NULL);
    test_outcome(atls_handshake_secret_get(&secret, &hash, &had, &hellos), row->outcome, NULL);
    if (came == 0) {
        test_same_bytes(ATLS_BYTES(derived, size), expected);
    } else {
        assert_int_equal(size, 0);
        assert_non_null(strstr(atls_error_text(), gnutls_check_version(NULL)));
        assert_non_null(strstr(atls_error_text(), "libnettle"));
    }
    test_vector_free(expected);
}

static void a_wrong_one_is_not_kept(void **state)
{
    static const char *const steps[] = {"a" LABEL, "a20", "a" HELLOS, "k" HANDSHAKE_SECRET,
                                        "l" HELLOS};
    static const uint8_t nothing[ATLS_TLS_HASH_MAX];
    struct atls_handshake_secret secret = {.size = 0};
    for (size_t i = 0; i < COUNT(steps); i++)
        tell(&secret, steps[i]);
    assert_memory_equal(secret.secret, nothing, sizeof nothing);
}

static void a_session_that_is_not_seen_has_none(void **state)
{
    static const struct shim_plan seen = {.chain = 2}, unseen = {.chain = 2, .blind = true};
    struct shim_end client, server;
    uint8_t derived[ATLS_TLS_HASH_MAX];
    size_t size;
    shim_connect(&client, &unseen, &server, &seen, false);
    shim_check_complete(&client, &server);
    test_outcome(atls_handshake_secret_derive(&client.secret, "h exp master", derived, &size),
                 ATLS_E_UNSUPPORTED, NULL);
    test_outcome(atls_handshake_secret_derive(&server.secret, "h exp master", derived, &size), 0,
                 NULL);
    atls_memory_pair_clear(&client.end, &server.end);
    shim_close(&client);
    shim_close(&server);
}

int main(void)
{
    struct test_list list = {.count = 0};
    shim_pki_make();
    TEST_ADD(&list, the_check_passes);
    TEST_ADD_ROWS(&list, is_had_of_the_library, suite_rows);
    TEST_ADD_ROWS(&list, is_believed_only_if_right, told_rows);
    TEST_ADD(&list, a_wrong_one_is_not_kept);
    TEST_ADD(&list, a_session_that_is_not_seen_has_none);
    int result = test_run("handshake-secret", &list);
    shim_pki_free();
    return result;
}
