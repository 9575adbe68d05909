/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module with one token, one private key in it, and one thing that it can do: ECDSA over
 * a hash, by a function of the program that has loaded it. NSS signs with nothing but modules; so
 * a key that never leaves its device is in one.
 */
#ifndef ATLS_PEERS_NSS_DEVICE_MODULE_H
#define ATLS_PEERS_NSS_DEVICE_MODULE_H

#include "rats/crypto/crypto.h"

#define DEVICE_MODULE_ID "atls device key" /* CKA_ID */
#define DEVICE_MODULE_TOKEN "atls device"  /* the token's label */

struct device_module_key {
    enum atls_curve curve;
    /* Signs DIGEST: r || s, both of the curve's size. 0, or anything else where it cannot. Of one
     * thread at a time. */
    int (*sign)(void *context, struct atls_bytes digest, uint8_t *signaturep);
    void *context;
};

/* The module's own entry, by dlsym(): before C_Initialize. KEY outlives the module. */
#define DEVICE_MODULE_ENTRY "device_module_use"
typedef void device_module_use_function(const struct device_module_key *key);
device_module_use_function device_module_use;

#endif
