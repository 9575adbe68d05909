/* SPDX-License-Identifier: Apache-2.0 */
/* One side of a mode as a party: its X.509 credential, its device and attester, its relying party.
 */
#ifndef ATLS_TLS_BENCH_SIDE_H
#define ATLS_TLS_BENCH_SIDE_H

#include "tls/bench/mode.h"
#include "tls/bench/pki.h"
#include "tls/bench/wire.h"
#include "tls/engine/party.h"

struct bench_world { /* what all sides share; borrowed by them */
    struct bench_ca ca;
    char directory[32];                  /* where the CA's certificate is; temporary */
    char anchors[64];                    /* its file */
    struct bench_verifier *verifier;     /* in this process, or NULL */
    const char *verifier_url;            /* where VERIFIER is NULL; else any */
    struct atls_verifier_client *client; /* of that verifier */
    const char *device[2];               /* addresses by side; NULL: in this process */
};
/* URL NULL: a verifier in this process. -errno and ATLS_E_UNSUPPORTED. */
/* URL: of a verifier; NULL: one in this process. ACCESS: its CA and a token for it, or NULL. */
int bench_world_open(const char *url, const struct atls_http_access_options *access,
                     struct bench_world *worldp);

/* The flags of every command that talks to a verifier. */
enum { BENCH_VERIFIER_CA = 256, BENCH_VERIFIER_AUTH };
#define BENCH_ACCESS_OPTIONS                                                                       \
    {"verifier-ca",                                                                                \
     BENCH_VERIFIER_CA,                                                                            \
     "FILE",                                                                                       \
     0,                                                                                            \
     "Who certifies the verifier at that URL, in PEM (whom this machine trusts)",                  \
     0},                                                                                           \
    {                                                                                              \
        "verifier-auth", BENCH_VERIFIER_AUTH, "FILE", 0,                                           \
            "A bearer token for it, in the first line", 0                                          \
    }
/* True where KEY is one of them. */
bool bench_access_parse(int key, const char *value, struct atls_http_access_options *access);
int bench_access(struct atls_verifier_client *client, const char *url,
                 const struct atls_http_access_options *access);
void bench_world_close(struct bench_world *world);

struct bench_side {
    struct bench_world *world;
    struct atls_party party;
    struct atls_evidence_type type;
    struct atls_bytes verifier_id;
    struct atls_trusted_verifier trusted;
    struct atls_faults faults;
    char address[64];
    struct atls_device *device; /* makes and keeps the identity key; NULL where not attested */
    uint32_t handle;
    size_t credential_size; /* of a CMW in the certificate, else 0 */
};
/* Makes WHICH side of an attested MODE. A device in this process has SEED, and the verifier of this
 * process gets its endorsements. SIDE must stay where it is until it is stopped, which it must be
 * whatever this returns. ATLS_E_UNSUPPORTED; as the parts. */
int bench_side_start(struct bench_world *world, const struct bench_mode *mode, enum atls_side which,
                     uint64_t seed, struct bench_side *side);
void bench_side_stop(struct bench_side *side);

/* One connection over WIRE: handshake, attestation, a line each way, end. *CREDENTIAL_SIZEP is set
 * where a credential was sent (the server's, where both did). ATLS_E_REFUSED with the reason where
 * it was not completed. */
int bench_sides_connect(struct bench_side *client, struct bench_side *server, unsigned number,
                        struct bench_wire *wire, size_t *credential_sizep);

#endif
