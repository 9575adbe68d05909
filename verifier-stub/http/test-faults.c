/* SPDX-License-Identifier: Apache-2.0 */
/* Misbehaviour on request (--fault): what is understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "verifier-stub/http/faults.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_faults(void **state)
{
    static const struct {
        const char *text;
        int error;
        struct atls_verifier_fault fault;
    } table[] = {
        {"delay=500", 0, {ATLS_FAULT_DELAY, ATLS_ENDPOINT_SESSION, 500}},
        {"delay=1@new-session", 0, {ATLS_FAULT_DELAY, ATLS_ENDPOINT_NEW_SESSION, 1}},
        {"garbage@discovery", 0, {ATLS_FAULT_GARBAGE, ATLS_ENDPOINT_DISCOVERY, 0}},
        {"status=503@session", 0, {ATLS_FAULT_STATUS, ATLS_ENDPOINT_SESSION, 503}},
        {"hang", 0, {ATLS_FAULT_HANG, ATLS_ENDPOINT_SESSION, 0}},
        {"close", 0, {ATLS_FAULT_CLOSE, ATLS_ENDPOINT_SESSION, 0}},
        {"", ATLS_E_UNSUPPORTED, {0}},
        {"explode", ATLS_E_UNSUPPORTED, {0}},
        {"delay=500@nowhere", ATLS_E_UNSUPPORTED, {0}},
        {"hang@", ATLS_E_UNSUPPORTED, {0}},
        {"hang=1", ATLS_E_UNSUPPORTED, {0}},
        {"delay", -22, {0}},
        {"delay=", -22, {0}},
        {"delay=0", -22, {0}},
        {"delay=x", -22, {0}},
        {"status=200", -22, {0}},
        {"status=600", -22, {0}},
        {"status=-1", -22, {0}},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_verifier_fault fault;
        int result = atls_verifier_fault_parse(table[i].text, &fault);

        if (result != table[i].error)
            fail_msg("\"%s\" gave %d", table[i].text, result);
        if (result == 0)
            assert_memory_equal(&fault, &table[i].fault, sizeof fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
