/* SPDX-License-Identifier: Apache-2.0 */
/* atls-client: the client side of attested TLS, as harness/peers/README.md wants it. */
#include "tls/programs/run.h"

int main(int argc, char **argv)
{
    return atls_run("atls-client", ATLS_CLIENT, argc, argv);
}
