/* SPDX-License-Identifier: Apache-2.0 */
/* What an endorser would say of a device with a TPM: its AK, and the PCRs of a boot of images as
 * they were signed (CoRIM, profile of Parsec's TPM evidence). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "sim/roots/tpm-private.h"

static int fill_values(const struct tpm *tpm, struct atls_corim *corim)
{
    struct atls_reference_value *values = calloc(ATLS_TPM_STAGES, sizeof *values);
    if (!values)
        return atls_fail(-ENOMEM, NULL, "no memory for reference values");
    corim->reference_values = values;
    corim->reference_value_count = ATLS_TPM_STAGES;
    for (unsigned i = 0; i < ATLS_TPM_STAGES; i++) {
        values[i].profile = ATLS_CORIM_PARSEC_TPM;
        memcpy(values[i].implementation_id, tpm->class_id, sizeof tpm->class_id);
        values[i].pcr = tpm->pristine.first_pcr + i;
        values[i].digest_hash = ATLS_SHA256;
        values[i].digest_size = 32;
        memcpy(values[i].digest, tpm->pristine.pcrs[i], 32);
    }
    return 0;
}

int tpm_endorse(const struct atls_root *root, enum atls_corim_dialect dialect,
                enum atls_endorsed_part part, uint8_t **corimp, size_t *sizep)
{
    const struct tpm *tpm = root->context;
    struct atls_corim corim = {.profile = ATLS_CORIM_PARSEC_TPM, .dialect = dialect};
    int result = 0;
    if (part != ATLS_ENDORSED_ANCHOR)
        result = fill_values(tpm, &corim);
    if (!result && part != ATLS_ENDORSED_VALUES)
        result = atls_endorsements_anchor(&corim, ATLS_BYTES(tpm->class_id, sizeof tpm->class_id),
                                          ATLS_BYTES(tpm->kid, sizeof tpm->kid), &tpm->ak_key);
    if (!result)
        result = atls_endorsements_write(&corim, corimp, sizep);
    atls_corim_clear(&corim);
    return result;
}
