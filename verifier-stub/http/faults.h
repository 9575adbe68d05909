/* SPDX-License-Identifier: Apache-2.0 */
/* How the verifier misbehaves on purpose: faults, each put before one endpoint. */
#ifndef ATLS_VERIFIER_STUB_HTTP_FAULTS_H
#define ATLS_VERIFIER_STUB_HTTP_FAULTS_H

#include "verifier-stub/http/api.h"

enum atls_verifier_fault_kind {
    ATLS_FAULT_DELAY,   /* the answer comes late */
    ATLS_FAULT_GARBAGE, /* the right status and type, but a body that is no JSON */
    ATLS_FAULT_STATUS,  /* an error instead of the answer */
    ATLS_FAULT_HANG,    /* no answer, the connection stays */
    ATLS_FAULT_CLOSE,   /* no answer, the connection is closed */
};
const char *atls_verifier_fault_name(enum atls_verifier_fault_kind kind);

struct atls_verifier_fault {
    enum atls_verifier_fault_kind kind;
    enum atls_endpoint endpoint;
    unsigned value; /* milliseconds, or a status code */
};
#define ATLS_VERIFIER_FAULTS_MAX 8

/* "delay=MS", "garbage", "status=CODE", "hang", "close", with "@new-session", "@session" (default)
 * or "@discovery" behind. ATLS_E_UNSUPPORTED: no such fault or endpoint. -EINVAL: a bad number. */
int atls_verifier_fault_parse(const char *text, struct atls_verifier_fault *faultp);
/* The fault in words, for its event. */
json_t *atls_verifier_fault_json(const struct atls_verifier_fault *fault);

#endif
