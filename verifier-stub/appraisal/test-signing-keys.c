/* SPDX-License-Identifier: Apache-2.0 */
/* The key that signs results: private, of one curve, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rats/base/error.h"
#include "verifier-stub/appraisal/result.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_signing_keys(void **state)
{
    static const struct {
        const char *text;
        int error;
    } table[] = {
        {"", ATLS_E_MALFORMED},
        {"[]", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES384\"}", ATLS_E_UNSUPPORTED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", ATLS_E_MALFORMED},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"d\":\"AA\"}",
         ATLS_E_MALFORMED},
        {"{\"kty\":\"EC\",\"kty\":\"EC\"}", ATLS_E_MALFORMED},
    };
    json_t *key = NULL, *signer;
    char *text;

    for (size_t i = 0; i < COUNT(table); i++) {
        int result = atls_signing_key_parse(atls_bytes_of_text(table[i].text), &key);

        assert_null(key); /* written on success only */

        if (result != table[i].error)
            fail_msg("%s gave %d: %s", table[i].text, result, atls_error_text());
    }
    assert_int_equal(atls_signing_key_make(&signer), 0);
    assert_string_equal(json_string_value(json_object_get(signer, "alg")), "ES256");
    text = json_dumps(signer, 0);
    json_decref(signer);
    assert_int_equal(atls_signing_key_parse(atls_bytes_of_text(text), &key), 0);
    free(text);
    json_object_del(key, "d");
    text = json_dumps(key, 0);
    json_decref(key);
    assert_int_equal(atls_signing_key_parse(atls_bytes_of_text(text), &key), ATLS_E_MALFORMED);
    assert_string_equal(atls_error_clause(), "RFC 7518 section 6.2.2");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signing_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
