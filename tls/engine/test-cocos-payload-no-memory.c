/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads of Cocos without memory: each allocation of reading one, and of writing what was read,
 * is refused once (rats/test/test-memory.h). The seeds are those of fuzz-cocos-payload.c.
 */
#include "rats/test/test-memory.h"

#include <stdlib.h>

#include "rats/test/test-table.h"
#include "tls/engine/cocos-payload.h"

static const struct atls_cocos_binder binder = {
    .label = "Attestation",
    .key_hash = {(const uint8_t *)"aik", 3},
    .binding = {(const uint8_t *)"binding", 7},
};

static int write_payload(struct atls_bytes cmw, struct test_told *told)
{
    char *text;

    TEST_FILL(text);
    int result = TEST_SCARCE(atls_cocos_payload_write(cmw, &binder, &text));
    if (result) {
        TEST_UNTOUCHED(text);
        return result;
    }
    test_tell(told, atls_bytes_of_text(text));
    free(text);
    return 0;
}

static int read_payload(const void *in, struct test_told *told)
{
    const struct atls_bytes *payload = in;
    uint8_t *cmw;
    size_t size;

    TEST_FILL(cmw);
    int result = TEST_SCARCE(atls_cocos_payload_read(*payload, &binder, &cmw, &size));
    if (result) {
        TEST_UNTOUCHED(cmw);
        return result;
    }
    test_tell(told, ATLS_BYTES(cmw, size));
    result = write_payload(ATLS_BYTES(cmw, size), told);
    free(cmw);
    return result;
}

static void test_payloads(void **state)
{
    test_seeds_without_memory("payloads of Cocos",
                              test_seeds_below("ATLS_TLS", "tls", "engine/corpus/cocos-payload"),
                              TEST_FAILS, read_payload, 200);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, test_payloads);
    return test_run("payloads of Cocos without memory", &list);
}
