/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key that stays in a device, as the TLS library wants one: it was enrolled
 * (atls-enroll), so that there is a certificate for it, and it is named by its handle:
 * "device:HANDLE".
 */
#ifndef ATLS_TLS_KEYS_DEVICE_KEY_H
#define ATLS_TLS_KEYS_DEVICE_KEY_H

#include <gnutls/abstract.h>

#include "sim/device/device.h"

#define ATLS_DEVICE_KEY_PREFIX "device:"

/* Does SPEC name a key of a device? Anything else is a file. */
bool atls_device_key_named(const char *spec);
/* The handle of "device:HANDLE", 1 to 2^32-1. -EINVAL. */
int atls_device_key_parse(const char *spec, uint32_t *handlep);

struct atls_device_key;
/* Opens the device at ADDRESS and lets key HANDLE sign once, to see that it is KEY's private part:
 * ATLS_E_MISMATCH where it is not. As atls_device_open() and atls_device_sign() besides. */
int atls_device_key_open(const char *address, unsigned timeout_ms, uint32_t handle,
                         const struct atls_public_key *key, struct atls_device_key **keyp);
/* The key stays in the device: whoever made it knows when to destroy it. */
void atls_device_key_close(struct atls_device_key *key);
uint32_t atls_device_key_handle(const struct atls_device_key *key);
const struct atls_public_key *atls_device_key_public(const struct atls_device_key *key);
/* A private key object of the library that signs there; free it before the device key. -ENOMEM. */
int atls_device_key_import(struct atls_device_key *key, gnutls_privkey_t *privkeyp);

#endif
