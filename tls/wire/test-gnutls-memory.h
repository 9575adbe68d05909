/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GnuTLS' own allocations, to be refused like the project's (rats/test/test-memory.h): the library
 * takes its memory through variables, which here get the functions of the test. What libraries
 * below it take (nettle, libtasn1) is not refused.
 */
#ifndef ATLS_TLS_WIRE_TEST_GNUTLS_MEMORY_H
#define ATLS_TLS_WIRE_TEST_GNUTLS_MEMORY_H

#include <gnutls/gnutls.h>

#include "rats/test/test-memory.h"

/* From now on. */
static inline void test_take_gnutls_memory(void)
{
    gnutls_malloc = test_library_malloc;
    gnutls_calloc = test_library_calloc;
    gnutls_realloc = test_library_realloc;
    gnutls_free = test_library_free;
    gnutls_strdup = test_library_strdup;
}

#endif
