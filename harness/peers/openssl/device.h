/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester's device behind its unix socket: requests and answers of sim/device/protocol.h, in
 * frames of sim/base/frame.h and link.h, written anew. Private keys are there and stay there. One
 * connection is for one thread.
 */
#ifndef PEER_DEVICE_H
#define PEER_DEVICE_H

#include "base.h"

struct device;
/* ADDRESS is unix:PATH. Refusals of all of them are device-unavailable. */
int device_open(const char *address, struct device **devicep, struct why *why);
void device_close(struct device *device);

/* Is it there at all? */
int device_info(struct device *device, struct why *why);
/* A CAB for the key, over the challenge; appended to EVIDENCE. */
int device_attest_key(struct device *device, uint32_t handle, struct bytes challenge,
                      struct blob *evidence, struct why *why);
/* A bare PSA token. */
int device_attest_platform(struct device *device, struct bytes challenge, struct blob *evidence,
                           struct why *why);
/* ECDSA of a digest: r || s, appended to SIGNATURE. */
int device_sign(struct device *device, uint32_t handle, struct bytes digest, struct blob *signature,
                struct why *why);

/* For the unit tests: a payload as it goes over the line, and back (-1: a frame that is none). */
void frame_write(struct bytes payload, struct blob *line);
int frame_read(struct bytes frame, struct blob *payload);

#endif
