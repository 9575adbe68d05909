/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a measured boot extends the PCRs of a TPM with, one PCR a stage, and the event log that says
 * so. The log as bytes is TCG's "crypto agile" one (TCG PC Client Platform Firmware Profile,
 * TCG_PCR_EVENT2), which tpm2_eventlog and others read.
 *
 *   PCR 0   the bootloader, which the ROM measures
 *   PCR 1   the firmware, which the bootloader measures
 *   PCR 2   its configuration and every further component
 */
#ifndef ATLS_SIM_ROOTS_TPM_LOG_H
#define ATLS_SIM_ROOTS_TPM_LOG_H

#include "rats/crypto/crypto.h"
#include "sim/boot/record.h"

#define ATLS_TPM_STAGES 3
#define ATLS_TPM_CLASS_ID_SIZE 16

/* An event is a component of the record; its PCR is that of its stage, its digest the
 * measurement. */
struct atls_tpm_log {
    const struct atls_boot_record *record;
    unsigned first_pcr;                /* of stage 0 */
    uint8_t pcrs[ATLS_TPM_STAGES][32]; /* what they come to, from zero */
};

/* Which PCR the component at INDEX goes to. */
unsigned atls_tpm_log_pcr(const struct atls_tpm_log *log, size_t index);
/* The log of RECORD, which it borrows, with the PCRs computed. */
int atls_tpm_log_make(const struct atls_crypto *crypto, const struct atls_boot_record *record,
                      unsigned first_pcr, struct atls_tpm_log *logp);
/* As bytes; *OUTP is allocated. */
int atls_tpm_log_write(const struct atls_tpm_log *log, uint8_t **outp, size_t *sizep);
/* The class of all devices of a product, as a UUID (RFC 9562 section 5.8): of its implementation
 * id. */
int atls_tpm_class_id(const struct atls_crypto *crypto, const uint8_t *implementation_id,
                      uint8_t idp[ATLS_TPM_CLASS_ID_SIZE]);

#endif
