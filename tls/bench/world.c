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

bool bench_access_parse(int key, const char *value, struct atls_http_access_options *access)
{
    if (key == BENCH_VERIFIER_CA)
        access->ca_file = value;
    else if (key == BENCH_VERIFIER_AUTH)
        access->token_file = value;
    else
        return false;
    return true;
}

int bench_access(struct atls_verifier_client *client, const char *url,
                 const struct atls_http_access_options *access)
{
    struct atls_http_access_options given = access ? *access : (struct atls_http_access_options){0};

    given.token_for = url;
    if (!url && (given.ca_file || given.token_file))
        return atls_fail(-EINVAL, NULL, "--verifier-ca and --verifier-auth go with --verifier");
    return url ? atls_verifier_client_access(client, &given) : 0;
}

int bench_world_open(const char *url, const struct atls_http_access_options *access,
                     struct bench_world *worldp)
{
    struct bench_world world = {.verifier_url = url ? url : "http://verifier.invalid"};
    int result = bench_ca_make(&world.ca);
    if (result == 0)
        result = write_anchors(&world);
    if (result == 0)
        result = atls_verifier_client_new(VERIFIER_TIMEOUT_MS, &world.client);
    if (result == 0)
        result = bench_access(world.client, url, access);
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
