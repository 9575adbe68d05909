/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roots of trust that a device on the host can have (--root), a file and a row each; their
 * names and evidence are rows of harness/atls_harness/data/contract.yaml. PSA is what a device has
 * without any: sim/attest.
 */
#ifndef ATLS_SIM_ROOTS_KIND_H
#define ATLS_SIM_ROOTS_KIND_H

#include <jansson.h>

#include "rats/corim/corim.h"
#include "sim/attest/root.h"
#include "sim/base/secret.h"
#include "sim/boot/record.h"

/* What of a device is endorsed. A store may want a trust anchor once, and reference values anew
 * with each release. */
enum atls_endorsed_part {
    ATLS_ENDORSED_ALL,
    ATLS_ENDORSED_VALUES,
    ATLS_ENDORSED_ANCHOR,
    ATLS_ENDORSED_REALM, /* cca: what runs in the realm; the others are its platform */
    ATLS_ENDORSED_PARSEC /* cca: the platform again, for verifiers of Parsec's evidence */
};

/* What a root is started with. What is pointed at outlives it, but for the seed. */
struct atls_root_start {
    const struct atls_crypto *crypto;
    struct atls_entropy entropy;
    const uint8_t *seed;                     /* ATLS_DEVICE_SEED_SIZE bytes; a secret */
    const uint8_t *implementation_id;        /* ATLS_PSA_IMPLEMENTATION_ID_SIZE bytes */
    uint16_t lifecycle;                      /* enum atls_psa_lifecycle */
    const struct atls_boot_record *record;   /* what has booted, */
    const struct atls_boot_record *pristine; /* and what would have without tampering */
    bool endorses_only;        /* nothing boots: only what is endorsed will be asked */
    const char *tcti;          /* where a TPM is, or NULL */
    unsigned first_pcr;        /* of the PCRs that the boot extends */
    const char *parsec_socket; /* where Parsec listens, or NULL */
};

struct atls_root_kind {
    const char *name;
    const char *workload; /* an image that it measures besides the device's own, or NULL */
    const char *lack;     /* why this program has none of this kind, or NULL */
    /* ATLS_E_UNSUPPORTED, ATLS_E_UNAVAILABLE, ATLS_E_REFUSED, -EINVAL (an option is missing),
     * -errno. */
    int (*open)(const struct atls_root_start *start, struct atls_root *rootp);
    void (*close)(struct atls_root *root); /* and forgets every key */
    /* A CoRIM of what an endorser would say; NULL: what one says of the PSA services. *CORIMP is
     * allocated. */
    int (*endorse)(const struct atls_root *root, enum atls_corim_dialect dialect,
                   enum atls_endorsed_part part, uint8_t **corimp, size_t *sizep);
    /* The event log of the boot; NULL: it has none. *OUTP is allocated. */
    int (*write_log)(const struct atls_root *root, uint8_t **outp, size_t *sizep);
    /* Members that the event boot has besides, all x_; NULL: none. */
    json_t *(*describe)(const struct atls_root *root);
};
#ifdef ATLS_HAVE_TPM
extern const struct atls_root_kind atls_root_tpm;
#endif
#ifdef ATLS_HAVE_PARSEC
extern const struct atls_root_kind atls_root_parsec;
#endif

/* By the name that --root has. NULL for psa. ATLS_E_UNSUPPORTED: there is no such root, or none in
 * this program, and the text says why. */
int atls_root_kind_by_name(const char *name, const struct atls_root_kind **kindp);
/* For --help: "the root of trust: psa (...), tpm (...)". Allocated; NULL: no memory. */
char *atls_roots_help(void);

/* endorse.c */
/* What booted as ENTRY, as an endorsed component of the class: VALUE, zero before but for its
 * profile. -ENOMEM. */
int atls_endorsements_component(const struct atls_boot_entry *entry, const uint8_t class_id[32],
                                struct atls_reference_value *value);
/* KEY of INSTANCE, in a class of at most 32 bytes, as CORIM's one trust anchor. -ENOMEM. */
int atls_endorsements_anchor(struct atls_corim *corim, struct atls_bytes class_id,
                             struct atls_bytes instance, const struct atls_public_key *key);
/* CORIM, whose entity and id are given here, as bytes. The id is a function of the rest:
 * stores refuse another content under an id that they know. *CORIMP is allocated. -ENOMEM and the
 * errors of atls_corim_write(). */
int atls_endorsements_write(struct atls_corim *corim, uint8_t **corimp, size_t *sizep);

#endif
