/* SPDX-License-Identifier: Apache-2.0 */
/* atls-server: the server side of attested TLS, as harness/peers/README.md wants it. */
#include "tls/programs/run.h"

int main(int argc, char **argv)
{
    return atls_run("atls-server", ATLS_SERVER, argc, argv);
}
