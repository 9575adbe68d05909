/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key attestation service: makes identity keys (IK) that never leave it, signs handshake
 * digests with them, and attests them (draft-bft-rats-kat-06): a KAT under its own key attestation
 * key (KAK), made anew at each boot, bundled with a PAT whose nonce is the hash of the KAK. It does
 * not hold the PAK; it asks for tokens through a function, like anybody.
 */
#ifndef ATLS_SIM_ATTEST_KEYS_H
#define ATLS_SIM_ATTEST_KEYS_H

#include "rats/tokens/kat.h"
#include "sim/base/secret.h"

/* What this service may ask of the platform attestation service: a token over NONCE, which vouches
 * for a key of its own where CNF is not empty. */
struct atls_token_source {
    int (*token)(void *context, struct atls_bytes nonce, struct atls_bytes cnf,
                 struct atls_bytes attributes, struct atls_cbor_writer *w);
    void *context;
};

struct atls_identity_key { /* one slot of the key store */
    uint32_t handle;       /* 0: free */
    struct atls_private_key key;
};

/* Where identity keys are that this service does not keep itself: it vouches for them all the same.
 * LOOK_UP as atls_keys_look_up(). */
struct atls_key_store {
    int (*look_up)(void *context, uint32_t handle, struct atls_public_key *keyp);
    void *context;
};

struct atls_keys_config {
    const struct atls_crypto *crypto;
    struct atls_entropy entropy;
    struct atls_token_source platform;
    struct atls_identity_key *slots; /* the caller's storage */
    size_t slot_count;
    uint8_t *token; /* storage for one PAT */
    size_t token_capacity;
    struct atls_cwt_times times; /* of every KAT; a KAT usually has none */
};

struct atls_keys {
    struct atls_keys_config config;
    uint32_t last_handle;
    struct atls_private_key kak;
    struct atls_key_store elsewhere; /* look_up NULL: it keeps them, in its slots */
};

/* Makes the KAK (P-256). -errno of the crypto. */
int atls_keys_start(struct atls_keys *keys, const struct atls_keys_config *config);
/* A new IK. Handles are never reused until the next boot. ATLS_E_REFUSED where all slots are in
 * use. */
int atls_keys_create(struct atls_keys *keys, enum atls_curve curve, uint32_t *handlep,
                     struct atls_public_key *keyp);
/* The public part of the IK with this handle; ATLS_E_REFUSED where there is none. */
int atls_keys_look_up(struct atls_keys *keys, uint32_t handle, struct atls_public_key *keyp);
/* Forgets an IK. ATLS_E_REFUSED for a handle that is none. */
int atls_keys_destroy(struct atls_keys *keys, uint32_t handle);
/* r || s over DIGEST, which must have exactly the size of the curve's hash: nothing else can be
 * signed, and no key but an IK signs what a caller brings. ATLS_E_REFUSED otherwise. */
int atls_keys_sign(struct atls_keys *keys, uint32_t handle, struct atls_bytes digest,
                   uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep);
/* Writes the CAB for an IK over CHALLENGE (8 to 64 bytes, KAT-06 section 4) as the next item of W;
 * what did not fit is seen when W is done. ATLS_E_REFUSED, and the errors of the token source. */
int atls_keys_attest(struct atls_keys *keys, uint32_t handle, struct atls_bytes challenge,
                     struct atls_cbor_writer *w);
/* The same as draft-reddy-rats-key-binding-02 has it (rats/tokens/key-binding.h): the PAT answers
 * CHALLENGE as well, and names the KAK. ATLS_E_REFUSED besides: a challenge that is not 32, 48 or
 * 64 bytes. */
int atls_keys_attest_binding(struct atls_keys *keys, uint32_t handle, struct atls_bytes challenge,
                             struct atls_cbor_writer *w);
/* The same as the prototype of 2022 has it (rats/tokens/prototype.h): its bundle, whose PAT is over
 * the hash of the IK. ATLS_E_LIMIT besides: a PAT that the bundle has no room for. */
int atls_keys_attest_prototype(struct atls_keys *keys, uint32_t handle, struct atls_bytes challenge,
                               struct atls_sink *sink);
/* Forgets every key. */
void atls_keys_stop(struct atls_keys *keys);

#endif
