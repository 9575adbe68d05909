/* SPDX-License-Identifier: Apache-2.0 */
/* The stack of phases and the counts. */
#include "tls/bench/meter.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEPTH_MAX 16

static struct bench_meter meter;
static enum bench_phase stack[DEPTH_MAX];
static unsigned depth; /* 0: no measurement */
static uint64_t since;

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t bench_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t bench_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

const char *bench_phase_name(enum bench_phase phase)
{
    static const char *const names[] = {
        "tls",          "key-share", "signature",  "signature-verification",
        "certificates", "evidence",  "credential", "result",
        "verifier"};
    return names[phase];
}

const char *bench_op_name(enum bench_op op)
{
    static const char *const names[] = {"x25519",    "point-base",  "point",      "sign-p256",
                                        "sign-p384", "verify-p256", "verify-p384"};
    return names[op];
}

static void charge(void)
{
    uint64_t now = bench_now_ns();
    meter.phase_ns[stack[depth - 1]] += now - since;
    since = now;
}

void bench_meter_start(void)
{
    memset(&meter, 0, sizeof meter);
    stack[0] = BENCH_TLS;
    depth = 1;
    since = bench_now_ns();
}

void bench_meter_stop(struct bench_meter *meterp)
{
    charge();
    depth = 0;
    *meterp = meter;
}

void bench_enter(enum bench_phase phase)
{
    if (depth == 0)
        return;
    if (depth == DEPTH_MAX) {
        fprintf(stderr, "atls-bench: phases are nested deeper than %d\n", DEPTH_MAX);
        abort();
    }
    charge();
    stack[depth++] = phase;
}

void bench_leave(void)
{
    if (depth < 2)
        return;
    charge();
    depth--;
}

void bench_hashed(uint64_t bytes)
{
    meter.hashed_bytes += bytes;
}

uint64_t bench_op_begin(enum bench_phase phase)
{
    enum bench_phase top = depth > 0 ? stack[depth - 1] : BENCH_TLS;
    bench_enter(top == BENCH_TLS ? phase : top);
    return bench_now_ns();
}

void bench_op_end(enum bench_op op, uint64_t begin)
{
    meter.op_ns[op] += bench_now_ns() - begin;
    meter.op_count[op]++;
    bench_leave();
}
