/* SPDX-License-Identifier: Apache-2.0 */
/* What tests with real processes share: starting a program, waiting for its events, stopping it. */
#ifndef ATLS_ROLES_TEST_PROCESS_H
#define ATLS_ROLES_TEST_PROCESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#define TEST_ARGUMENTS_MAX 40

struct test_process {
    pid_t pid;
    FILE *output; /* its standard output */
};

/* The program that an environment variable names; skips the test where it names none. */
static inline const char *test_program(const char *variable)
{
    const char *path = getenv(variable);

    if (!path) {
        print_message("skipped: %s is not set\n", variable);
        skip();
    }
    return path;
}

/* ARGUMENTS end with NULL. */
static inline void test_process_start(const char *path, const char *const *arguments,
                                      struct test_process *process)
{
    const char *argv[TEST_ARGUMENTS_MAX + 2] = {path};
    posix_spawn_file_actions_t actions;
    int ends[2];

    for (size_t i = 0; arguments[i]; i++) {
        assert_true(i < TEST_ARGUMENTS_MAX);
        argv[1 + i] = arguments[i];
    }
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    assert_int_equal(
        posix_spawn(&process->pid, path, &actions, NULL, (char *const *)(uintptr_t)argv, environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    process->output = fdopen(ends[0], "r");
}

/* Waits for an event on its standard output; copies a text of it. */
static inline void test_process_await(struct test_process *process, const char *name,
                                      const char *field, char *textp, size_t size)
{
    json_t *event;

    while ((event = json_loadf(process->output, JSON_DISABLE_EOF_CHECK, NULL))) {
        const char *is = json_string_value(json_object_get(event, "event"));
        if (is && strcmp(is, name) == 0) {
            snprintf(textp, size, "%s", json_string_value(json_object_get(event, field)));
            json_decref(event);
            return;
        }
        json_decref(event);
    }
    fail_msg("the program ended without the event %s", name);
}

/* Waits for its end; returns the exit code, -1 where it crashed. */
static inline int test_process_end(struct test_process *process)
{
    int status;

    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    fclose(process->output);
    process->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void test_process_stop(struct test_process *process)
{
    if (process->pid) {
        kill(process->pid, SIGTERM);
        waitpid(process->pid, NULL, 0);
        fclose(process->output);
    }
    process->pid = 0;
}

#endif
