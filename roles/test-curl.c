/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl as curl.c loads it is the one that this test is linked with: same name, same object. */
#include "roles/curl.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Where a function of the library linked with lies: looked up, for curl.h gives its name away. */
static Dl_info linked(const char *name)
{
    Dl_info info = {0};
    void *address;

    assert_non_null(curl_version()); /* keeps the library linked */
    address = dlsym(RTLD_DEFAULT, name);
    assert_non_null(address);
    assert_int_not_equal(dladdr(address, &info), 0);
    return info;
}

static void test_name_is_the_soname_linked_with(void **state)
{
    Dl_info info = linked("curl_easy_init");
    const char *slash = strrchr(info.dli_fname, '/');

    assert_string_equal(slash ? slash + 1 : info.dli_fname, ATLS_CURL_LIBRARY);
}

static void test_name_can_be_loaded(void **state)
{
    void *library = dlopen(ATLS_CURL_LIBRARY, RTLD_LAZY | RTLD_LOCAL);

    if (!library)
        fail_msg("%s", dlerror());
    dlclose(library);
}

static void test_loaded_is_what_is_linked_with(void **state)
{
    Dl_info info = linked("curl_easy_init"), loaded = {0};
    void *address;

    memcpy(&address, &atls_curl()->easy_init, sizeof address);
    assert_int_not_equal(dladdr(address, &loaded), 0);
    assert_string_equal(loaded.dli_fname, info.dli_fname);
    assert_ptr_equal(loaded.dli_fbase, info.dli_fbase);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_is_the_soname_linked_with),
        cmocka_unit_test(test_name_can_be_loaded),
        cmocka_unit_test(test_loaded_is_what_is_linked_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
