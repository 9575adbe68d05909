/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atls-bench appraisals: evidence to a verifier that is running, many exchanges at once over
 * connections that are kept. The verifier's own processor time is for whoever started it to read.
 */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "roles/verifier-client.h"
#include "sim/device/device.h"
#include "tls/bench/commands.h"
#include "tls/bench/meter.h"
#include "tls/bench/side.h"

#define TIMEOUT_MS 20000
#define NONCE_SIZE 32
#define AT_ONCE_MAX 1000

struct options {
    const char *url, *device;
    struct atls_http_access_options access; /* to the verifier */
    unsigned count, at_once;
};

struct exchange {
    struct atls_verifier_session *session; /* NULL: idle */
    bool submitted;
    uint64_t begin;
};

struct appraisals {
    struct options options;
    struct atls_verifier_client *client;
    struct atls_device *device;
    uint32_t key;
    struct exchange exchanges[AT_ONCE_MAX];
    unsigned started, ended;
    json_t *wall;
};

static const struct argp_option argp_options[] = {
    {"verifier", 'v', "URL", 0, "Of the verifier, which endorses the device", 0},
    BENCH_ACCESS_OPTIONS,
    {"device", 'd', "ADDRESS", 0, "Of the device (inproc:1)", 0},
    {"count", 'n', "N", 0, "How many appraisals (1000)", 0},
    {"at-once", 'c', "N", 0, "How many of them at once (8)", 0},
    {0},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;
    uint64_t number = 0;
    if ((key == 'n' || key == 'c') &&
        atls_parse_number(value, key == 'n' ? "--count" : "--at-once", 1,
                          key == 'n' ? 1000000 : AT_ONCE_MAX, &number) != 0)
        argp_error(state, "%s", atls_error_text());
    if (bench_access_parse(key, value, &o->access))
        return 0;
    switch (key) {
    case 'v':
        o->url = value;
        return 0;
    case 'd':
        o->device = value;
        return 0;
    case 'n':
        o->count = (unsigned)number;
        return 0;
    case 'c':
        o->at_once = (unsigned)number;
        return 0;
    case ARGP_KEY_END:
        if (!o->url)
            argp_error(state, "--verifier is needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int begin(struct appraisals *a, struct exchange *x)
{
    x->begin = bench_now_ns();
    x->submitted = false;
    a->started++;
    return atls_verifier_session_open(a->client, a->options.url, NONCE_SIZE,
                                      (struct atls_bytes){NULL, 0}, &x->session);
}

static int submit(struct appraisals *a, struct exchange *x, struct atls_bytes nonce)
{
    uint8_t *cab;
    size_t size;
    int result = atls_device_attest_key(a->device, a->key, nonce, &cab, &size);
    if (result != 0)
        return result;
    result = atls_verifier_session_submit(x->session, ATLS_MT_CMW_CBOR, ATLS_BYTES(cab, size));
    free(cab);
    x->submitted = result == 0;
    return result;
}

/* Moves one exchange as far as it goes. */
static int step(struct appraisals *a, struct exchange *x)
{
    struct atls_bytes bytes;
    int result;
    if (!x->submitted) {
        result = atls_verifier_session_nonce(x->session, &bytes);
        return result == 0 ? submit(a, x, bytes) : result;
    }
    result = atls_verifier_session_result(x->session, &bytes);
    if (result != 0)
        return result;
    json_array_append_new(a->wall, json_integer((json_int_t)(bench_now_ns() - x->begin)));
    atls_verifier_session_free(x->session);
    x->session = NULL;
    a->ended++;
    return 0;
}

static int run(struct appraisals *a)
{
    int result = 0;
    while (result == 0 && a->ended < a->options.count) {
        for (unsigned i = 0; result == 0 && i < a->options.at_once; i++) {
            struct exchange *x = &a->exchanges[i];
            if (!x->session && a->started < a->options.count)
                result = begin(a, x);
            else if (x->session)
                result = step(a, x);
            if (result == ATLS_E_AGAIN)
                result = 0;
        }
        if (result == 0 && a->ended < a->options.count)
            result = atls_verifier_client_poll(a->client, NULL, 0, TIMEOUT_MS);
    }
    return result;
}

static int measure(struct appraisals *a)
{
    struct atls_public_key key;
    int result = atls_verifier_client_new(TIMEOUT_MS, &a->client);
    if (result == 0)
        result = bench_access(a->client, a->options.url, &a->options.access);
    if (result == 0)
        result = atls_device_open(a->options.device, TIMEOUT_MS, &a->device);
    if (result == 0)
        result = atls_device_create_key(a->device, ATLS_P256, &a->key, &key);
    uint64_t begin = bench_now_ns(), cpu = bench_cpu_ns();
    if (result == 0)
        result = run(a);
    if (result != 0)
        return result;
    return bench_print(json_pack("{s:i, s:i, s:O, s:I, s:I}", "appraisals", (int)a->options.count,
                                 "at_once", (int)a->options.at_once, "wall_ns", a->wall,
                                 "total_wall_ns", (json_int_t)(bench_now_ns() - begin),
                                 "client_cpu_ns", (json_int_t)(bench_cpu_ns() - cpu)));
}

int bench_appraisals_main(int argc, char **argv)
{
    static const struct argp argp = {argp_options, parse, NULL, "Evidence to a running verifier.",
                                     NULL,         NULL,  NULL};
    static struct appraisals a = {.options = {.device = "inproc:1", .count = 1000, .at_once = 8}};
    argp_parse(&argp, argc, argv, 0, NULL, &a.options);
    a.wall = json_array();
    int result = measure(&a);
    for (unsigned i = 0; i < AT_ONCE_MAX; i++)
        if (a.exchanges[i].session)
            atls_verifier_session_free(a.exchanges[i].session);
    atls_verifier_client_free(a.client);
    if (a.device) {
        atls_device_destroy_key(a.device, a.key);
        atls_device_close(a.device);
    }
    json_decref(a.wall);
    return result;
}
