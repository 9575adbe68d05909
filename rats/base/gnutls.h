/* SPDX-License-Identifier: Apache-2.0 */
/* What GnuTLS says, in the error convention of error.h. All of it is here, for the firmware has no
 * GnuTLS to link with. */
#ifndef ATLS_RATS_BASE_GNUTLS_H
#define ATLS_RATS_BASE_GNUTLS_H

#include <errno.h>

#include <gnutls/gnutls.h>

#include "rats/base/error.h"

/* For the failure CODE: -ENOMEM where this machine has no memory, whoever asked for what;
 * OTHERWISE of any other. */
static inline int atls_gnutls_error(int code, int otherwise)
{
    return code == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : otherwise;
}

/* The failure CODE of the library in WHAT, with the error atls_gnutls_error() and CLAUSE (or NULL).
 * Returns the error. */
static inline int atls_gnutls_fail(int code, int otherwise, const char *clause, const char *what)
{
    return atls_fail(atls_gnutls_error(code, otherwise), clause, "%s: %s", what,
                     gnutls_strerror(code));
}

#endif
