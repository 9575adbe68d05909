/* SPDX-License-Identifier: Apache-2.0 */
/* The measured boot, told to a TPM stage by stage; see tpm-private.h. */
#include <string.h>

#include "rats/base/error.h"
#include "sim/roots/tpm-private.h"

#define CLAUSE "TPM 2.0 Part 1, Platform Configuration Registers"

static int read_pcr(struct tpm *tpm, unsigned pcr, uint8_t valuep[32])
{
    TPML_PCR_SELECTION wanted = {.count = 1,
                                 .pcrSelections = {{.hash = TPM2_ALG_SHA256, .sizeofSelect = 3}}};
    TPML_DIGEST *values = NULL;
    int result = 0;
    wanted.pcrSelections[0].pcrSelect[pcr / 8] = (BYTE)(1u << (pcr % 8));
    TSS2_RC rc = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted, NULL,
                               NULL, &values);
    if (rc)
        return tpm_fails(tpm, rc, "read a PCR");
    if (values->count != 1 || values->digests[0].size != 32)
        result = atls_fail(ATLS_E_UNSUPPORTED, CLAUSE,
                           "expected a TPM with a bank of PCRs for SHA-256, the one at %s has none",
                           tpm->where);
    else
        memcpy(valuep, values->digests[0].buffer, 32);
    Esys_Free(values);
    return result;
}

/* A boot begins at a reset, which sets the PCRs to zero: what was extended since is not undone. */
static int check_reset(struct tpm *tpm)
{
    static const uint8_t zeros[32];
    for (unsigned i = 0; i < ATLS_TPM_STAGES; i++) {
        unsigned pcr = tpm->log.first_pcr + i;
        uint8_t value[32];
        int result = read_pcr(tpm, pcr, value);
        if (result)
            return result;
        if (memcmp(value, zeros, sizeof zeros))
            return atls_fail(ATLS_E_REFUSED, CLAUSE,
                             "expected PCR %u to be zero, as it is when a boot begins, the TPM at "
                             "%s has measured something since its reset: restart it, or choose "
                             "other PCRs (--first-pcr)",
                             pcr, tpm->where);
    }
    return 0;
}

static int extend(struct tpm *tpm, unsigned pcr, const uint8_t digest[32])
{
    TPML_DIGEST_VALUES values = {.count = 1, .digests = {{.hashAlg = TPM2_ALG_SHA256}}};
    memcpy(values.digests[0].digest.sha256, digest, 32);
    TSS2_RC rc = Esys_PCR_Extend(tpm->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                 ESYS_TR_NONE, &values);
    return rc ? tpm_fails(tpm, rc, "extend a PCR") : 0;
}

int tpm_measure(struct tpm *tpm)
{
    int result = check_reset(tpm);
    for (size_t i = 0; !result && i < tpm->log.record->count; i++)
        result = extend(tpm, atls_tpm_log_pcr(&tpm->log, i), tpm->log.record->entries[i].value);
    for (unsigned i = 0; !result && i < ATLS_TPM_STAGES; i++) {
        uint8_t value[32];
        result = read_pcr(tpm, tpm->log.first_pcr + i, value);
        if (!result && memcmp(value, tpm->log.pcrs[i], sizeof value))
            result =
                atls_fail(ATLS_E_REFUSED, CLAUSE,
                          "PCR %u of the TPM at %s is not what the boot has extended: somebody "
                          "else extends it, too",
                          tpm->log.first_pcr + i, tpm->where);
    }
    return result;
}

int tpm_note_clock(struct tpm *tpm)
{
    TPMS_TIME_INFO *now = NULL;
    TSS2_RC rc = Esys_ReadClock(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &now);
    if (rc)
        return tpm_fails(tpm, rc, "read its clock");
    tpm->resets = now->clockInfo.resetCount;
    tpm->restarts = now->clockInfo.restartCount;
    Esys_Free(now);
    return 0;
}
