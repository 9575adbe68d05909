/* SPDX-License-Identifier: Apache-2.0 */
/* What all pairs of a run share: the CA, the verifier, and the client of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "tls/bench/local-verifier.h"
#include "tls/bench/side.h"

#define VERIFIER_TIMEOUT_MS 20000

static int write_anchors(struct bench_world *world)
{
    gnutls_datum_t pem;
    strcpy(world->directory, "/tmp/atls-bench-XXXXXX");
    if (!mkdtemp(world->directory)) {
        int code = -errno;
        world->directory[0] = '\0';
        return atls_fail(code, NULL, "no temporary directory");
    }
    snprintf(world->anchors, sizeof world->anchors, "%s/ca.pem", world->directory);
    if (gnutls_x509_crt_export2(world->ca.certificate, GNUTLS_X509_FMT_PEM, &pem) < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for the CA's certificate");
    int result = atls_write_file(world->anchors, ATLS_BYTES(pem.data, pem.size));
    gnutls_free(pem.data);
    return result;
}

int bench_world_open(const char *url, struct bench_world *worldp)
{
    struct bench_world world = {.verifier_url = url ? url : "http://verifier.invalid"};
    int result = bench_ca_make(&world.ca);
    if (result == 0)
        result = write_anchors(&world);
    if (result == 0)
        result = atls_verifier_client_new(VERIFIER_TIMEOUT_MS, &world.client);
    if (result == 0 && !url)
        result = bench_verifier_new(&world.verifier);
    if (result == 0 && !url)
        bench_verifier_serve(world.verifier, world.client);
    if (result == 0)
        *worldp = world;
    else
        bench_world_close(&world);
    return result;
}

void bench_world_close(struct bench_world *world)
{
    atls_verifier_client_free(world->client);
    bench_verifier_free(world->verifier);
    bench_ca_clear(&world->ca);
    if (world->directory[0] != '\0') {
        unlink(world->anchors);
        rmdir(world->directory);
    }
    memset(world, 0, sizeof *world);
}
