/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole simulated device on the host: the core with its storage, images and identity. With a seed
 * everything about it is a function of the seed and the other options; without one it is random.
 * Its root of trust is simulated: whoever knows the seed knows every key.
 */
#ifndef ATLS_SIM_DEVICE_SIMULATED_H
#define ATLS_SIM_DEVICE_SIMULATED_H

#include "rats/corim/corim.h"
#include "sim/device/core.h"
#include "sim/device/images.h"
#include "sim/roots/kind.h"

#define ATLS_SIMULATED_COMPONENTS_MAX ATLS_PSA_COMPONENTS_MAX
#define ATLS_SIMULATED_KEYS 512 /* identity keys that exist at a time */

struct atls_simulated_options {
    bool has_seed;
    uint64_t seed;
    const char *product; /* another product: implementation id and seeded keys are of its name; or
                            NULL */
    const char *images_directory;   /* NULL: generated images */
    const char *firmware_directory; /* not NULL: images that hold the firmware built there */
    const char *application;        /* of that firmware: "application" ... */
    unsigned components;            /* M0001... */
    uint16_t lifecycle;             /* enum atls_psa_lifecycle */
    enum atls_psa_profile profile;
    struct atls_cwt_times kat_times, pat_times; /* that its tokens have; usually none */
    const char *const *release; /* COMPONENT:VERSION, genuine and endorsed: what is current */
    size_t release_count;
    const char *const *tamper; /* orders of atls_images_tamper(), in turn */
    size_t tamper_count;
    const struct atls_root_kind *root; /* the root of trust; NULL: PSA */
    bool endorses_only;                /* it need not boot in that root, which may do without */
    const char *tcti;                  /* where its TPM is, or NULL */
    unsigned first_pcr;                /* of those that its boot extends */
    const char *parsec_socket;         /* where its Parsec is, or NULL */
};
/* Secured, the profile that Veraison takes, generated images, no tampering, random. */
extern const struct atls_simulated_options atls_simulated_defaults;

struct atls_simulated {
    struct atls_core core;
    struct atls_seeded_entropy seeded;
    struct atls_images images;        /* as booted */
    struct atls_boot_record pristine; /* what would have been measured without tampering */
    struct atls_core_storage storage;
    const struct atls_root_kind *root_kind; /* of core.root; NULL: PSA */
};

/* 32 bytes of identity: of the seed where there is one, else random. */
int atls_simulated_seed(const struct atls_simulated_options *options,
                        uint8_t seedp[ATLS_DEVICE_SEED_SIZE]);
/* The implementation id of all simulated devices of a product. */
int atls_simulated_implementation_id(const struct atls_simulated_options *options,
                                     uint8_t idp[ATLS_PSA_IMPLEMENTATION_ID_SIZE]);
/* Prepares the flash and boots. Errors of images.h and core.h; -ENOMEM. */
int atls_simulated_open(const struct atls_simulated_options *options,
                        struct atls_simulated **devicep);
/* The same with a chosen identity. */
int atls_simulated_open_with(const struct atls_simulated_options *options,
                             const uint8_t seed[ATLS_DEVICE_SEED_SIZE],
                             struct atls_simulated **devicep);
/* Forgets every key. */
void atls_simulated_close(struct atls_simulated *device);
/* The endorsements of DEVICE as a CoRIM; of PSA: its components before any tampering as reference
 * values, its PAK as trust anchor, and in the entity's name that the root of trust is simulated.
 * The CoRIM's id is a function of the rest: stores refuse another content under an id that they
 * know. *CORIMP is allocated. -ENOMEM and the errors of atls_corim_write(). */
int atls_simulated_endorse(const struct atls_simulated *device, enum atls_corim_dialect dialect,
                           enum atls_endorsed_part part, uint8_t **corimp, size_t *sizep);

#endif
