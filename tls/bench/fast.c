/* SPDX-License-Identifier: Apache-2.0 */
/* Starting again with a preloaded library, and holding it to its count. */
#include "tls/bench/fast.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rats/base/error.h"
#include "tls/fast/fast.h"

#define PRELOAD "LD_PRELOAD"

static unsigned long (*count)(void);
static void (*turn)(bool on);
static unsigned long before;

/* Where it was built, or installed. */
static int find(char path[PATH_MAX])
{
    char own[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", own, sizeof own - 1);
    const char *const places[] = {"../fast/" ATLS_FAST_LIBRARY, "../lib/" ATLS_FAST_LIBRARY,
                                  BENCH_LIBDIR "/" ATLS_FAST_LIBRARY};

    own[size > 0 ? size : 0] = '\0';
    char *name = strrchr(own, '/');
    if (name)
        name[1] = '\0';
    for (size_t i = 0; name && i < sizeof places / sizeof *places; i++) {
        int written = snprintf(path, PATH_MAX, "%s%s", places[i][0] == '/' ? "" : own, places[i]);
        if (written > 0 && written < PATH_MAX && access(path, R_OK) == 0)
            return 0;
    }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     "%s is not there: it is built where the headers of OpenSSL (libssl-dev) are",
                     ATLS_FAST_LIBRARY);
}

int bench_fast_load(char **argv)
{
    char path[PATH_MAX];
    count = (unsigned long (*)(void))dlsym(RTLD_DEFAULT, "atls_fast_calls");
    turn = (void (*)(bool))dlsym(RTLD_DEFAULT, "atls_fast_switch");
    if (count && turn) {
        turn(false);
        return 0;
    }
    int result = find(path);
    if (result)
        return result;
    const char *given = getenv(PRELOAD);
    if (given && strstr(given, path))
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s was not loaded, although %s names it", path,
                         PRELOAD);
    if (setenv(PRELOAD, path, 1) == 0)
        execv("/proc/self/exe", argv);
    return atls_fail(-errno, NULL, "cannot start again with %s: %s", path, strerror(errno));
}

void bench_fast_begin(bool on)
{
    if (!turn)
        return;
    turn(on);
    before = count();
}

int bench_fast_end(bool on)
{
    bool came = count && count() != before;
    if (turn)
        turn(false);
    return came == on
               ? 0
               : atls_fail(-EIO, NULL, "a connection %s %s: expected %s, came %s",
                           on ? "with" : "without", ATLS_FAST_LIBRARY,
                           on ? "signatures through it" : "none through it", on ? "none" : "some");
}
