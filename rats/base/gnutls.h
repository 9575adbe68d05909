/* SPDX-License-Identifier: Apache-2.0 */
/* What GnuTLS says, in the error convention of error.h. All of it is here, for the firmware has no
 * GnuTLS to link with. */
#ifndef ATLS_RATS_BASE_GNUTLS_H
#define ATLS_RATS_BASE_GNUTLS_H

#include <errno.h>

#include <gnutls/gnutls.h>

/* For the failure CODE: -ENOMEM where this machine has no memory, whoever asked for what;
 * OTHERWISE of any other. */
static inline int atls_gnutls_error(int code, int otherwise)
{
    return code == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : otherwise;
}

#endif
