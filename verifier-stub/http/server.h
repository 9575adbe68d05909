/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier as an HTTP server, for the program and for a benchmark in the same process. */
#ifndef ATLS_VERIFIER_STUB_HTTP_SERVER_H
#define ATLS_VERIFIER_STUB_HTTP_SERVER_H

#include "verifier-stub/http/api.h"
#include "verifier-stub/http/faults.h"

struct atls_verifier;
struct atls_verifier_config { /* borrowed until atls_verifier_stop() */
    struct atls_api api;
    const struct atls_verifier_fault *faults;
    size_t fault_count;
    unsigned request_seconds;              /* for a request to come in; 0: 60 */
    const char *tls_certificate, *tls_key; /* PEM; NULL: plain HTTP */
};

/* LISTEN: "ADDRESS:PORT", an IPv4 address or [IPv6]; port 0 picks one. Each connection has a
 * thread, so that no delay holds up another client. -EINVAL (no such address), -EADDRINUSE and
 * other -errno; ATLS_E_MALFORMED (certificate and key are none, or do not go together). */
int atls_verifier_start(const struct atls_verifier_config *config, const char *listen,
                        struct atls_verifier **verifierp);
uint16_t atls_verifier_port(const struct atls_verifier *verifier);
/* "127.0.0.1:8443", as it is listening; lives as long as the verifier. */
const char *atls_verifier_address(const struct atls_verifier *verifier);
/* Ends hanging and delayed answers, closes all connections, frees. NULL is fine. */
void atls_verifier_stop(struct atls_verifier *verifier);

#endif
