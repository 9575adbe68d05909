/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entry shim without memory: each allocation is refused once (rats/test/test-memory.h), of
 * reading the messages that are the seeds of fuzz-entry.c and of what is to be sent. A message for
 * whose copy there is no memory is not taken as one without extensions.
 */
#include "rats/test/test-memory.h"

#include <stdlib.h>
#include <string.h>

#include "rats/test/test-table.h"
#include "tls/shim/entry-shim.h"

#define ATTESTATION 0xFF16

static int open_shim(struct atls_entry_shim **shimp)
{
    static const uint16_t types[] = {ATTESTATION};

    int result = TEST_SCARCE(atls_entry_shim_new(shimp));
    return result ? result : TEST_SCARCE(atls_entry_shim_expect(*shimp, types, 1));
}

static void close_shim(struct atls_entry_shim *shim)
{
    test_memory_begin();
    atls_entry_shim_free(shim);
    test_memory_end(0);
}

static int read_message(struct atls_entry_shim *shim, bool request, struct atls_bytes in,
                        struct test_told *told)
{
    static uint8_t live[TEST_SEED_MAX];
    const struct atls_entry_received *list;

    memcpy(live, in.data, in.size);
    const gnutls_datum_t message = {live, (unsigned)in.size};
    int result = TEST_SCARCE(atls_entry_shim_hook(
        shim, request ? GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST : GNUTLS_HANDSHAKE_CERTIFICATE_PKT,
        request ? GNUTLS_HOOK_PRE : GNUTLS_HOOK_POST, 1, &message));
    size_t count =
        request ? atls_entry_shim_requested(shim, &list) : atls_entry_shim_received(shim, &list);
    if (result) {
        assert_int_equal(count, 0);
        return result;
    }
    TEST_TELL(told, count);
    test_tell(told, ATLS_BYTES(live, in.size));
    return 0;
}

static int read_seed(const void *context, struct test_told *told)
{
    const struct atls_bytes *in = context;
    struct atls_entry_shim *shim;

    if (in->size < 2)
        return 0;
    int result = open_shim(&shim);
    if (result)
        return result;
    result = read_message(shim, in->data[0] & 1, ATLS_BYTES(in->data + 1, in->size - 1), told);
    close_shim(shim);
    return result;
}

static void test_seeds(void **state)
{
    test_seeds_without_memory("messages", test_seeds_below("ATLS_TLS", "tls", "shim/corpus/entry"),
                              TEST_FAILS, read_seed, 50);
}

static int send_extensions(const void *context, struct test_told *told)
{
    static const gnutls_pcert_st chain[2];
    static const struct atls_entry_extension extensions[] = {
        {0, ATTESTATION, {(const uint8_t *)"first", 5}, false},
        {1, ATTESTATION, {(const uint8_t *)"second", 6}, false}};
    struct atls_entry_shim *shim;
    int result = open_shim(&shim);

    if (result)
        return result;
    result = TEST_SCARCE(atls_entry_shim_send(shim, chain, 2, extensions, 2));
    if (result == 0)
        result = TEST_SCARCE(atls_entry_shim_request(shim, extensions, 1));
    close_shim(shim);
    return result;
}

static void test_sending(void **state)
{
    assert_true(test_without_memory("extensions to send", TEST_FAILS, send_extensions, NULL) >= 4);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, test_seeds);
    TEST_ADD(&list, test_sending);
    return test_run("the entry shim without memory", &list);
}
