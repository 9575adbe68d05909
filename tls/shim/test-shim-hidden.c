/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start-up checks in a program whose definitions the library does not get to see: this one is
 * linked with the shim's symbols hidden. They must say so, and a session must not get by without.
 */
#include "tls/shim/test-shim-ends.h"

static void both_checks_refuse(void **state)
{
    for (unsigned i = 0; i < 2; i++) { /* the second time out of the cache */
        test_outcome(atls_entry_shim_check(), ATLS_E_UNSUPPORTED, NULL);
        assert_non_null(strstr(atls_error_text(), "does not call the program's"));
        assert_non_null(strstr(atls_error_text(), gnutls_check_version(NULL)));
        assert_non_null(strstr(atls_error_text(), "3.7.9 and 3.8.13 are known to work"));
        test_outcome(atls_handshake_secret_check(), ATLS_E_UNSUPPORTED, NULL);
        assert_non_null(strstr(atls_error_text(), "never seen to derive"));
        assert_non_null(strstr(atls_error_text(), gnutls_check_version(NULL)));
    }
    assert_true(atls_interpose_counted().appends == 0);
    assert_true(atls_interpose_counted().keys == 0);
}

static void nothing_goes_out_without_it(void **state)
{
    for (int server_attests = 0; server_attests < 2; server_attests++) {
        struct shim_plan attester = {.chain = 2, .send_count = 1}, receiver = {.chain = 2};
        struct shim_end client, server;
        attester.send[0] =
            (struct atls_entry_extension){.type = ATTESTATION, .payload = shim_payload(0, 300)};
        shim_connect(&client, server_attests ? &receiver : &attester, &server,
                     server_attests ? &attester : &receiver, false);
        test_outcome(server_attests ? server.failure : client.failure, ATLS_E_UNSUPPORTED, NULL);
        assert_true(server.end.result < 0);
        assert_int_equal((server_attests ? &client : &server)->verified, 0);
        atls_memory_pair_clear(&client.end, &server.end);
        shim_close(&client);
        shim_close(&server);
    }
}

int main(void)
{
    struct test_list list = {.count = 0};
    shim_pki_make();
    TEST_ADD(&list, both_checks_refuse);
    TEST_ADD(&list, nothing_goes_out_without_it);
    int result = test_run("shim-hidden", &list);
    shim_pki_free();
    return result;
}
