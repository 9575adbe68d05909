/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a verifier that answers anything to the client's requests: discovery, a new session,
 * evidence. The input is one answer behind the other: status (2 bytes), then content type, Location
 * and body, each behind its length (1, 1 and 2 bytes); where it ends, the last answer is empty.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/kat.h"
#include "roles/verifier-client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define URL "http://127.0.0.1:1"

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static char *text_of(struct atls_bytes bytes)
{
    char *text = calloc(1, bytes.size + 1);

    expect(text != NULL);
    if (bytes.size)
        memcpy(text, bytes.data, bytes.size);
    return text;
}

static void answer(void *context, const struct atls_http_request *request,
                   struct atls_http_reply *replyp)
{
    struct atls_cursor *input = context;
    struct atls_bytes type = {0}, location = {0}, body = {0};
    uint16_t status = 0;

    (void)request;
    if (atls_cursor_u16(input, "status", &status) ||
        atls_cursor_vector(input, "content type", 1, 0, UINT8_MAX, &type) ||
        atls_cursor_vector(input, "location", 1, 0, UINT8_MAX, &location) ||
        atls_cursor_vector(input, "body", 2, 0, UINT16_MAX, &body))
        body = (struct atls_bytes){0};
    replyp->status = 100 + status % 500;
    replyp->content_type = text_of(type);
    replyp->location = location.size ? text_of(location) : NULL;
    replyp->body = (uint8_t *)text_of(body);
    replyp->size = body.size;
}

/* A failure has one of the reasons that are promised, and a text that can be printed. */
static void check_failure(struct atls_verifier_session *session, int result)
{
    static const char *const reasons[] = {"verifier-unreachable", "verifier-timeout",
                                          "verifier-error", "verifier-garbage", "session-expired"};
    const char *reason = atls_verifier_session_reason(session);

    expect(result == ATLS_E_UNAVAILABLE || result == ATLS_E_REFUSED || result == ATLS_E_MALFORMED);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reason && strcmp(reason, reasons[i]) == 0)
            return;
    abort();
}

static void hold_session(struct atls_verifier_client *client)
{
    static const uint8_t evidence[] = {0x80};
    struct atls_verifier_session *session;
    struct atls_bytes bytes;
    int result;

    if (atls_verifier_session_open(client, URL, 32, ATLS_BYTES(NULL, 0), &session))
        return;
    result = atls_verifier_session_nonce(session, &bytes);
    if (result == 0) {
        expect(bytes.size >= ATLS_EAT_NONCE_MIN && bytes.size <= ATLS_EAT_NONCE_MAX);
        result = atls_verifier_session_submit(session, "application/eat+cwt",
                                              ATLS_BYTES(evidence, sizeof evidence));
        if (result == 0)
            result = atls_verifier_session_result(session, &bytes);
        else
            result = ATLS_E_AGAIN; /* not among the types that it accepts */
        expect(result != 0 || bytes.size > 0);
    }
    if (result != 0 && result != ATLS_E_AGAIN)
        check_failure(session, result);
    atls_verifier_session_free(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_cursor input = atls_cursor_of(ATLS_BYTES(data, size), "input");
    struct atls_verifier_client *client;
    const char *reason = NULL;
    const json_t *jwk;

    expect(atls_verifier_client_new(1000, &client) == 0);
    atls_verifier_client_answer_locally(client, answer, &input);
    hold_session(client);
    if (atls_verifier_key(client, URL, &jwk, &reason) == 0)
        expect(!json_object_get(jwk, "d"));
    atls_verifier_client_free(client);
    return 0;
}
