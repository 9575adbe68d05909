/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A party without memory: each allocation of its start, those of GnuTLS included, is refused once
 * (rats/test/test-memory.h). It then does not start: with fewer trust anchors, another key or
 * without its own CMW it would be another party. (Why, GnuTLS does not always say.)
 */
#include "rats/test/test-memory.h"

#include "rats/cmw/cmw-x509.h"
#include "rats/test/test-table.h"
#include "tls/engine/session-internal.h"
#include "tls/engine/test-pki.h"
#include "tls/gnutls/stack.h"
#include "tls/wire/test-gnutls-memory.h"

static struct test_pki pki;

/* server.pem once more, with a CMW in it. */
static void put_cmw(void)
{
    static const uint8_t record[] = {0x82, 0x01, 0x41, 0x00};
    time_t now = time(NULL);
    struct test_issuer ca = test_pki_certify("ca", NULL, true, now - 3600, now + 86400);
    struct test_issuer leaf = test_pki_certify("server", &ca, false, now - 3600, now + 86400);
    gnutls_datum_t pem;
    uint8_t *value;
    size_t size;

    assert_int_equal(
        atls_cmw_x509_encode(ATLS_CMW_OID_PE, ATLS_BYTES(record, sizeof record), &value, &size), 0);
    TEST_PKI_OK(gnutls_x509_crt_set_extension_by_oid(
        leaf.certificate, atls_cmw_oid_text(ATLS_CMW_OID_PE), value, size, 0));
    TEST_PKI_OK(
        gnutls_x509_crt_sign2(leaf.certificate, ca.certificate, ca.key, GNUTLS_DIG_SHA256, 0));
    free(value);
    TEST_PKI_OK(gnutls_x509_crt_export2(leaf.certificate, GNUTLS_X509_FMT_PEM, &pem));
    test_pki_write(&pki, "server.pem", pem);
    TEST_PKI_OK(gnutls_x509_privkey_export2(leaf.key, GNUTLS_X509_FMT_PEM, &pem));
    test_pki_write(&pki, "server.key", pem);
    test_pki_forget(&leaf);
    test_pki_forget(&ca);
}

static int own_keys(const struct atls_party *party, struct test_told *told)
{
    uint8_t spki[ATLS_SPKI_MAX];
    struct atls_public_key key;
    size_t size;

    int result = TEST_SCARCE(atls_party_own_key(party, &key));
    if (result == 0)
        result = TEST_SCARCE(atls_party_leaf_spki(party, spki, &size));
    if (result == 0)
        test_tell(told, ATLS_BYTES(spki, size));
    return result;
}

static int start(const void *context, struct test_told *told)
{
    const struct atls_profile *const *profile = context;
    struct atls_party party = {.side = ATLS_SERVER,
                               .stack = &atls_stack_gnutls,
                               .profile = *profile,
                               .remembers_chains = true};

    atls_code_points_default(&party.code_points);
    int result = TEST_SCARCE(atls_party_start(&party, test_pki_file(&pki, "server.pem"),
                                              test_pki_file(&pki, "server.key"),
                                              test_pki_file(&pki, "ca.pem")));
    if (result == 0) /* it has a CMW, for whom that is of use */
        assert_int_equal(party.own.size > 0, atls_carrier_of_party(&party)->enrolled);
    if (result == 0)
        result = own_keys(&party, told);
    test_memory_begin();
    atls_party_stop(&party);
    test_memory_end(0);
    return result;
}

static void test_starts(void **state)
{
    static const struct atls_profile *const profiles[] = {&atls_profile_ta_07,
                                                          &atls_profile_x509_cmw, NULL};
    static struct test_told unused;

    for (size_t i = 0; profiles[i]; i++) {
        assert_int_equal(start(&profiles[i], &unused), 0);
        size_t count = test_without_memory(profiles[i]->name, TEST_MAY_FAIL, start, &profiles[i]);
        print_message("%s: %zu allocations\n", profiles[i]->name, count);
        assert_true(count > 60);
    }
}

/* A connection of a party that has what it needs. */
static int open_session(const void *context, struct test_told *told)
{
    struct atls_session *session;
    int result = TEST_SCARCE(atls_session_new(context, 1, &session));
    if (result == 0) {
        test_memory_begin();
        atls_session_free(session);
        test_memory_end(0);
    }
    return result;
}

static void test_sessions(void **state)
{
    static const struct atls_profile *const profiles[] = {
        &atls_profile_ta_07, &atls_profile_seat_06, &atls_profile_expat_04, NULL};
    for (size_t i = 0; profiles[i]; i++) {
        struct atls_party party = {
            .side = ATLS_SERVER, .stack = &atls_stack_gnutls, .profile = profiles[i]};
        atls_code_points_default(&party.code_points);
        assert_int_equal(atls_party_start(&party, test_pki_file(&pki, "server.pem"),
                                          test_pki_file(&pki, "server.key"),
                                          test_pki_file(&pki, "ca.pem")),
                         0);
        size_t count = test_without_memory(profiles[i]->name, TEST_MAY_FAIL, open_session, &party);
        print_message("%s: %zu allocations\n", profiles[i]->name, count);
        assert_true(count > 5);
        atls_party_stop(&party);
    }
}

int main(void)
{
    static struct test_list list;

    test_pki_make(&pki);
    put_cmw();
    test_take_gnutls_memory();
    TEST_ADD(&list, test_starts);
    TEST_ADD(&list, test_sessions);
    int failed = test_run("parties without memory", &list);
    test_pki_remove(&pki);
    return failed;
}
