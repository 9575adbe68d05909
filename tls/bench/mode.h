/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured: one row of the benchmark, by a name that says all of it. */
#ifndef ATLS_TLS_BENCH_MODE_H
#define ATLS_TLS_BENCH_MODE_H

#include "roles/attester.h"
#include "tls/profiles/profile.h"

struct bench_mode {
    const char *name;                   /* as it was given; borrowed */
    const struct atls_profile *profile; /* NULL: TLS without attestation, as the library does it */
    enum atls_model model;
    bool attested[2]; /* by enum atls_side */
    bool openssl;     /* by OpenSSL instead of GnuTLS; only without attestation */
    bool mutual;      /* both sides have a key; only without attestation is this a choice */
    bool certificate; /* credential kind CERT_ATTESTATION of ta-07 */
    const struct atls_evidence_format *format; /* NULL: the first */
    enum atls_curve curve;
    unsigned components; /* measured ones beside those that every device has */
    bool cwt;            /* results are CWTs, otherwise JWTs */
    bool cached;         /* the verifier in this process remembers platform tokens */
    bool known;          /* the server remembers chains that it found good */
    bool fast;           /* ECDSA of P-256 inside of GnuTLS is OpenSSL's (tls/fast) */
    bool ahead;          /* the relying party asks for its nonces ahead of need */
};

/* "plain/server" or "plain/mutual", the same with "openssl" for "plain"; or PROFILE/MODEL/ATTESTER,
 * with background-check or passport, and client, server or both. Options follow, each behind a
 * slash: "psa" (a bare token; default a CAB), "cert", "p384", "components=N", "cwt" (results),
 * "cached" (by the verifier in this process; only of atls-bench pair), "ahead" (nonces, where
 * evidence answers the verifier's), "known" (chains), "fast" (only of atls-bench pair, and not of
 * OpenSSL's TLS). -EINVAL; ATLS_E_UNSUPPORTED: no such profile, or one that does not have this.
 * NAME is borrowed.
 */
int bench_mode_parse(const char *name, struct bench_mode *modep);
/* The same for commands that do nothing about "fast" and "cached": ATLS_E_UNSUPPORTED. */
int bench_mode_parse_common(const char *name, struct bench_mode *modep);

#endif
