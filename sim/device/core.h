/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device itself, without the machine around it: boots its images, starts the attestation
 * services, and answers requests (protocol.h). It allocates nothing and knows no files, sockets or
 * threads, so that the same source runs in a process and on a bare processor; all storage is the
 * caller's.
 */
#ifndef ATLS_SIM_DEVICE_CORE_H
#define ATLS_SIM_DEVICE_CORE_H

#include "sim/attest/keys.h"
#include "sim/attest/platform.h"
#include "sim/attest/root.h"
#include "sim/boot/boot.h"
#include "sim/device/protocol.h"

struct atls_core_storage {
    struct atls_boot_entry *entries; /* component_capacity of each */
    struct atls_psa_component *components;
    size_t component_capacity;
    struct atls_identity_key *slots; /* identity keys that exist at a time */
    size_t slot_count;
    uint8_t *claims, *token; /* evidence_capacity bytes each */
    size_t evidence_capacity;
};

struct atls_core_config {
    const struct atls_crypto *crypto;
    struct atls_entropy entropy;
    uint8_t seed[ATLS_DEVICE_SEED_SIZE]; /* the device's identity; a secret */
    uint8_t implementation_id[ATLS_PSA_IMPLEMENTATION_ID_SIZE];
    uint16_t lifecycle; /* enum atls_psa_lifecycle */
    enum atls_psa_profile profile;
    struct atls_cwt_times kat_times, pat_times; /* that its tokens have; usually none */
    const struct atls_bytes *images;            /* as in boot.h; needed during the start only */
    size_t image_count;
    /* Where a bootloader of its own has booted this core: what it measured (images are NULL then);
     * must be locked, and is copied into the storage's entries. */
    const struct atls_boot_record *handed_over;
    struct atls_core_storage storage;
};

struct atls_core {
    struct atls_boot_record record;
    struct atls_platform platform;
    struct atls_keys keys;
    struct atls_root root; /* PSA unless whoever started it has put another one here */
    bool running;
};

/* Boots and starts the services. Errors of atls_boot_run(), atls_platform_start() and
 * atls_keys_start(). CORE must stay where it is until it is stopped. */
int atls_core_start(struct atls_core *core, const struct atls_core_config *config);

struct atls_core_reply {
    struct atls_bytes message;       /* lies in OUT */
    const char *operation, *outcome; /* atls_operation_name(), atls_answer_name(): for events */
};
/* Answers one request: there is always an answer, whatever REQUEST holds, of at most CAPACITY (1024
 * or more) bytes in OUT. */
struct atls_core_reply atls_core_handle(struct atls_core *core, struct atls_bytes request,
                                        uint8_t *out, size_t capacity);
/* Forgets every key. */
void atls_core_stop(struct atls_core *core);

#endif
