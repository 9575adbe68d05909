/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of RFC 9261 that unit tests show to a receiver, as vectors: rats/test/test-publish.h. */
#include "rats/test/test-publish.h"
#include "tls/authenticator/rfc9261.h"

int real_take_request(struct atls_ea *ea, struct atls_bytes request,
                      struct atls_ea_request *requestp) __asm__("__real_atls_ea_take_request");
int wrap_take_request(struct atls_ea *ea, struct atls_bytes request,
                      struct atls_ea_request *requestp) __asm__("__wrap_atls_ea_take_request");

int wrap_take_request(struct atls_ea *ea, struct atls_bytes request,
                      struct atls_ea_request *requestp)
{
    int result = real_take_request(ea, request, requestp);
    const char *receiver = ea->connection->side == ATLS_EA_CLIENT ? "client" : "server";

    test_publish("rfc9261-request", request, json_pack("{s:s}", "receiver", receiver), result);
    return result;
}
