/* SPDX-License-Identifier: Apache-2.0 */
/* The API under test, with a store in memory in which one device is endorsed. */
#ifndef ATLS_VERIFIER_STUB_HTTP_TEST_API_SUPPORT_H
#define ATLS_VERIFIER_STUB_HTTP_TEST_API_SUPPORT_H

#include "verifier-stub/appraisal/test-evidence.h"
#include "verifier-stub/http/api-private.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SESSION "/challenge-response/v1/session/"
#define NEW "/challenge-response/v1/newSession"
#define SUBMIT "/endorsement-provisioning/v1/submit"
#define UUID "5c5bd88b-c922-482b-ad9f-097e187b42a1"

#define TEST_NONCE "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=" /* 32 times the letter n */

extern int64_t test_time; /* milliseconds; what both clocks of the API say */
extern struct test_device test_api_device;
extern struct atls_api test_api;

int test_api_set_up(void **state);
int test_api_tear_down(void **state);

/* The body of an answer, which must be JSON; the caller gives it back. */
json_t *test_json_of(const struct atls_response *response);
/* A text of an object, or "". */
const char *test_text_of(const json_t *json, const char *name);
/* Asks, and the answer must have this status; the caller clears it. */
void test_ask(const char *method, const char *path, const char *content_type,
              struct atls_bytes body, unsigned status, struct atls_response *responsep);
/* Opens a session with TEST_NONCE; writes its path. */
void test_open_session(char path[128]);

#endif
