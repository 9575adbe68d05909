/* SPDX-License-Identifier: Apache-2.0 */
/* curl.c where there is no library of the name that the build gave it. */
#include "roles/curl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* As the loader does it: a line that names the program and the library, and 127. */
static void test_ends_the_program(void **state)
{
    char text[512], expected[256];
    FILE *told = tmpfile();
    int status;

    assert_non_null(told);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(told), STDERR_FILENO);
        (void)atls_curl();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 127);
    rewind(told);
    text[fread(text, 1, sizeof text - 1, told)] = '\0';
    fclose(told);
    snprintf(expected, sizeof expected, "%s: " ATLS_CURL_LIBRARY ": ",
             program_invocation_short_name);
    assert_memory_equal(text, expected, strlen(expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends_the_program)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
