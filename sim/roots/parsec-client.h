/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of Parsec (parsec-service of the Parsec project): keys in the TPM behind its TPM
 * provider, by name, on a connection each. Who asks is the user of this process (Unix peer
 * credentials). Every call can fail with ATLS_E_UNAVAILABLE (nothing listens, or does not answer in
 * time), with what an answer is refused for (parsec-wire.h), and -errno.
 */
#ifndef ATLS_SIM_ROOTS_PARSEC_CLIENT_H
#define ATLS_SIM_ROOTS_PARSEC_CLIENT_H

#include "rats/crypto/crypto.h"

#define ATLS_PARSEC_KEY_NAME_MAX 64
#define ATLS_PARSEC_PROVIDER_MAX 96

struct atls_parsec {
    const char *path;    /* of its unix socket; the caller's */
    unsigned timeout_ms; /* of each request */
};

/* The unix socket that ENDPOINT names, as PARSEC_SERVICE_ENDPOINT has it: unix:PATH or
 * unix:///PATH. *PATHP lies in it. ATLS_E_UNSUPPORTED. */
int atls_parsec_endpoint_parse(const char *endpoint, const char **pathp);

/* Sees that a Parsec is there which speaks wire protocol 1.0, has a TPM provider, and with it does
 * all that is below; what that provider calls itself. ATLS_E_UNSUPPORTED where it does not. */
int atls_parsec_check(const struct atls_parsec *parsec, char providerp[ATLS_PARSEC_PROVIDER_MAX]);
/* A key for ECDSA on CURVE with the curve's hash, which signs hashes and can do nothing else, and
 * its public part. */
int atls_parsec_generate_key(const struct atls_parsec *parsec, const char *name,
                             enum atls_curve curve, struct atls_public_key *keyp);
int atls_parsec_destroy_key(const struct atls_parsec *parsec, const char *name);
/* r || s over DIGEST, of the size of the curve's hash. */
int atls_parsec_sign_hash(const struct atls_parsec *parsec, const char *name, enum atls_curve curve,
                          struct atls_bytes digest, uint8_t signaturep[ATLS_SIGNATURE_MAX],
                          size_t *sizep);

#endif
