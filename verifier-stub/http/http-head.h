/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HTTP demands of a request's head and libmicrohttpd does not look at: it is lenient, and
 * which of two readings it takes depends on its version. Where a request has two readings it is
 * refused and the connection ends, so that nobody's body is read as somebody's request.
 */
#ifndef ATLS_VERIFIER_STUB_HTTP_HTTP_HEAD_H
#define ATLS_VERIFIER_STUB_HTTP_HTTP_HEAD_H

#include <microhttpd.h>

#include "rats/base/bytes.h"

struct atls_http_flaw {
    unsigned status; /* 400 or 501; 0: none */
    char text[200];  /* a sentence with its clause */
};
/* TARGET as it came, undecoded. */
void atls_http_check_head(struct MHD_Connection *connection, const char *method, const char *target,
                          const char *version, struct atls_http_flaw *flawp);

/* The path of a request's target, which may be in absolute-form (RFC 9112 section 3.2.2): what
 * follows scheme and authority, or "/". */
const char *atls_http_path(const char *target);
/* All lines of one header as one list (RFC 9110 section 5.3), in an allocation; NULL where there is
 * none. *FAILEDP: no memory. */
char *atls_http_list(struct MHD_Connection *connection, const char *name, bool *failedp);
/* The value of a header that there may be once, without the blanks behind it, in an allocation.
 * *FAILEDP: no memory; *TWICEP: there are more. */
char *atls_http_single(struct MHD_Connection *connection, const char *name, bool *failedp,
                       bool *twicep);
/* Undoes percent encodings in place, for libmicrohttpd, which takes a zero byte for the end of a
 * text: what has one (%00) stays as it is, and then names nothing. */
size_t atls_http_unescape(void *context, struct MHD_Connection *connection, char *text);

#endif
