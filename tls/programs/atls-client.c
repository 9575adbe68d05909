/* SPDX-License-Identifier: Apache-2.0 */
/* atls-client: the client side of attested TLS, as harness/peers/README.md wants it. */
#include "tls/gnutls/stack.h"
#include "tls/programs/run.h"

int main(int argc, char **argv)
{
    const struct atls_program program = {.name = "atls-client", .stack = &atls_stack_gnutls};
    return atls_run(&program, ATLS_CLIENT, argc, argv);
}
