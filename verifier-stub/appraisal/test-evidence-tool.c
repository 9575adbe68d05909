/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence for the tests in Python, which have no COSE: writes to standard output the CoRIM of the
 * test device, or evidence of it over a nonce. Usage: test-evidence-tool corim | cab NONCE |
 * psa NONCE | flipped NONCE, NONCE in hexadecimal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "verifier-stub/appraisal/test-evidence.h"

static const struct test_component flipped[TEST_COMPONENTS] = {
    {"BL", "1.0.0", 0xb1, 0x51},
    {"FW", "2.3.0", 0xf3, 0x52},
    {"CFG", "7", 0xc3, 0x53},
};

static int put(const uint8_t *data, size_t size)
{
    return fwrite(data, 1, size, stdout) == size && fflush(stdout) == 0 ? 0 : 1;
}

static int put_corim(const struct test_device *device)
{
    uint8_t *corim;
    size_t size = test_corim(device, 1, ATLS_CORIM_MAIN, &corim);
    int status = put(corim, size);

    free(corim);
    return status;
}

int main(int argc, char **argv)
{
    static uint8_t evidence[TEST_EVIDENCE_MAX];
    struct test_device device;
    struct test_recipe recipe = {
        .device = &device, .lifecycle = ATLS_PSA_SECURED, .profile = ATLS_PSA_ARM_2};
    uint8_t *nonce = NULL;
    size_t size;
    int status;

    test_device_make(&device, 1);
    if (argc == 2 && strcmp(argv[1], "corim") == 0)
        return put_corim(&device);
    if (argc != 3 || atls_hex_decode(atls_bytes_of_text(argv[2]), &nonce, &size) != 0)
        return 2;
    recipe.nonce = ATLS_BYTES(nonce, size);
    if (strcmp(argv[1], "flipped") == 0) {
        recipe.components = flipped;
        recipe.component_count = TEST_COMPONENTS;
    }
    size = strcmp(argv[1], "psa") == 0 ? test_psa_token(&recipe, evidence)
                                       : test_cab(&recipe, evidence);
    status = put(evidence, size);
    free(nonce);
    return status;
}
