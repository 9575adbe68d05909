/* SPDX-License-Identifier: Apache-2.0 */
/* The X.509 credentials of a benchmark: one CA for the run, leaves of it. */
#ifndef ATLS_TLS_BENCH_PKI_H
#define ATLS_TLS_BENCH_PKI_H

#include <gnutls/abstract.h>

#include "rats/cmw/cmw-x509.h"

struct bench_ca { /* free with bench_ca_clear() */
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

/* Errors of all: ATLS_E_UNSUPPORTED with the library's text. */
int bench_ca_make(struct bench_ca *cap);
void bench_ca_clear(struct bench_ca *ca);
/* A leaf for a key that is elsewhere; CMW (may be empty) goes into its id-pe-cmw. CHAINP gets the
 * leaf alone: trust anchors need not be sent. Free with gnutls_pcert_deinit(). */
int bench_leaf(const struct bench_ca *ca, const struct atls_public_key *key, struct atls_bytes cmw,
               gnutls_pcert_st *chainp);
/* A leaf with a key of its own, in software. */
int bench_leaf_with_key(const struct bench_ca *ca, enum atls_curve curve, gnutls_pcert_st *chainp,
                        gnutls_privkey_t *keyp);

#endif
