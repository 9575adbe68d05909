/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the time of a handshake goes: a stack of phases, each charged with the time in which it was
 * on top, and a count of the public-key operations beneath. Nothing in the code under measurement
 * knows of it: the linker puts its wrappers around functions of the project, and the operations of
 * the crypto libraries are interposed (as tls/shim/interpose.h explains). One thread only.
 */
#ifndef ATLS_TLS_BENCH_METER_H
#define ATLS_TLS_BENCH_METER_H

#include <stdint.h>

enum bench_phase {
    BENCH_TLS,          /* the library: records, transcript, key schedule, and what is left over */
    BENCH_KEY_SHARE,    /* ephemeral keys and the shared secret */
    BENCH_SIGNATURE,    /* CertificateVerify, made by whoever holds the key */
    BENCH_VERIFICATION, /* of CertificateVerify */
    BENCH_CERTIFICATES, /* the X.509 chain */
    BENCH_EVIDENCE,     /* the device makes evidence */
    BENCH_CREDENTIAL,   /* CMW, CAB and token: written, parsed and checked by the endpoint */
    BENCH_RESULT,       /* the attestation result: its signature and claims */
    BENCH_VERIFIER,     /* the verifier works, or is waited for */
    BENCH_PHASES
};
const char *bench_phase_name(enum bench_phase phase);

enum bench_op {
    BENCH_X25519,
    BENCH_POINT_BASE, /* scalar times base point: a key pair, by GnuTLS */
    BENCH_POINT,      /* scalar times point: a shared secret */
    BENCH_SIGN_P256,
    BENCH_SIGN_P384,
    BENCH_VERIFY_P256,
    BENCH_VERIFY_P384,
    BENCH_OPS
};
const char *bench_op_name(enum bench_op op);

struct bench_meter {
    uint64_t phase_ns[BENCH_PHASES]; /* exclusive: they add up to the whole */
    uint64_t op_ns[BENCH_OPS];
    unsigned op_count[BENCH_OPS];
    uint64_t hashed_bytes; /* by the project: evidence, tokens, results, digests to be signed */
};

/* Begins and ends a measurement; what happens between is charged, and nothing else. */
void bench_meter_start(void);
void bench_meter_stop(struct bench_meter *meterp);
/* Pushes a phase, and takes it off again; may be called outside of a measurement. */
void bench_enter(enum bench_phase phase);
void bench_leave(void);
/* An operation's begin; what it returns belongs to bench_op_end(). Its time is charged to PHASE
 * where only the TLS library or certificates are on top, otherwise to what is on top: a signature
 * inside of evidence is evidence. */
uint64_t bench_op_begin(enum bench_phase phase);
void bench_op_end(enum bench_op op, uint64_t begin);

/* From now on each piece of evidence takes so much longer, as on a real quoting device. */
void bench_evidence_latency(unsigned ms);

void bench_hashed(uint64_t bytes);

uint64_t bench_now_ns(void); /* monotonic */
uint64_t bench_cpu_ns(void); /* of this process, all threads */

#endif
