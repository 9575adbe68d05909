/* SPDX-License-Identifier: Apache-2.0 */
/* Loads libcurl, whose name the build has found out: ATLS_CURL_LIBRARY. */
#include "roles/curl.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANNOT_BE_LOADED 127

static struct atls_curl functions;

static void give_up(void)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, dlerror());
    exit(CANNOT_BE_LOADED);
}

/* The address of a function comes as one of an object: copied, as ISO C converts neither. */
#define LOOK_UP(name)                                                                              \
    {                                                                                              \
        void *address = dlsym(library, "curl_" #name);                                             \
        if (!address)                                                                              \
            give_up();                                                                             \
        memcpy(&functions.name, &address, sizeof address);                                         \
    }

static void load(void)
{
    void *library = dlopen(ATLS_CURL_LIBRARY, RTLD_LAZY | RTLD_LOCAL);

    if (!library)
        give_up();
    ATLS_CURL_FUNCTIONS(LOOK_UP)
}

const struct atls_curl *atls_curl(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load);
    return &functions;
}
