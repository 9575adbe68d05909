/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's request interface: all that anybody outside may ask of it. Private keys are made,
 * used and destroyed behind it. The same requests go to a device in this process, behind a unix
 * socket, or (later) behind QEMU's serial line; the caller cannot tell, but for the address.
 *
 * A handle on a device is for one thread at a time. A request blocks until its answer is there, at
 * most for the timeout; it is done once, however often a bad line makes the client repeat it.
 */
#ifndef ATLS_SIM_DEVICE_DEVICE_H
#define ATLS_SIM_DEVICE_DEVICE_H

#include "rats/crypto/crypto.h"

struct atls_device;

/* ADDRESS: "unix:PATH"; or, for tests and benchmarks, "inproc:SEED" or "inproc:SEED:COMPONENTS"
 * (decimal): a whole device in this process, with pristine images and so many measured components
 * more. Whoever opens the same address again talks to the same device. TIMEOUT_MS bounds every
 * later request. -errno, ATLS_E_UNAVAILABLE, ATLS_E_UNSUPPORTED (unknown address). */
int atls_device_open(const char *address, unsigned timeout_ms, struct atls_device **devicep);
void atls_device_close(struct atls_device *device);

struct atls_device_info {
    uint8_t instance_id[33];
    uint8_t implementation_id[32];
    uint16_t lifecycle;         /* enum atls_psa_lifecycle */
    struct atls_public_key pak; /* platform attestation key, public part */
    size_t component_count;
};
/* Every request below: 0; ATLS_E_UNAVAILABLE (gone, or no answer after the retries);
 * ATLS_E_REFUSED (the device said no; the text says why); ATLS_E_MALFORMED (its answer makes no
 * sense); -errno. */
int atls_device_info(struct atls_device *device, struct atls_device_info *infop);
/* Makes an identity key (IK), which is this client's alone: the handle is valid until it is
 * destroyed, the client closes, or the device reboots. */
int atls_device_create_key(struct atls_device *device, enum atls_curve curve, uint32_t *handlep,
                           struct atls_public_key *keyp);
/* The key outlives this client, and every client may use it (and destroy it): for enrolment. */
int atls_device_keep_key(struct atls_device *device, uint32_t handle);
int atls_device_destroy_key(struct atls_device *device, uint32_t handle);
/* Evidence for the IK over CHALLENGE (8..64 bytes): a CAB, CBOR. *CABP is allocated. */
int atls_device_attest_key(struct atls_device *device, uint32_t handle, struct atls_bytes challenge,
                           uint8_t **cabp, size_t *sizep);
/* The same as the prototype of 2022 has it: a bundle (rats/tokens/prototype.h). *BUNDLEP is
 * allocated. */
int atls_device_attest_prototype(struct atls_device *device, uint32_t handle,
                                 struct atls_bytes challenge, uint8_t **bundlep, size_t *sizep);
/* A bare PSA token over CHALLENGE (32, 48 or 64 bytes). *TOKENP is allocated. */
int atls_device_attest_platform(struct atls_device *device, struct atls_bytes challenge,
                                uint8_t **tokenp, size_t *sizep);
/* Evidence of another KIND ("parsec-tpm"), which the device's root of trust makes, or it refuses;
 * HANDLE is 0 where no key is attested. *EVIDENCEP is allocated. */
int atls_device_attest_as(struct atls_device *device, const char *kind, uint32_t handle,
                          struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep);
/* ECDSA over a digest (its size must be that of the curve's hash) with the IK: r || s. */
int atls_device_sign(struct atls_device *device, uint32_t handle, struct atls_bytes digest,
                     uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep);
/* The boot record: CBOR array of software components (psa.h). *RECORDP is allocated. */
int atls_device_boot_record(struct atls_device *device, uint8_t **recordp, size_t *sizep);

#endif
