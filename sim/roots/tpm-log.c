/* SPDX-License-Identifier: Apache-2.0 */
/* The event log of a measured boot with a TPM; see tpm-log.h. */
#include "sim/roots/tpm-log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

enum { EV_NO_ACTION = 3, EV_POST_CODE = 1, EV_PLATFORM_CONFIG_FLAGS = 0xa };
enum { ALG_SHA256 = 0xb, SHA1_SIZE = 20 };
#define SPEC_SIGNATURE "Spec ID Event03" /* with its zero: 16 bytes */
#define SPEC_SIZE (16 + 4 + 4 + 4 + 2 + 2 + 1)
#define EVENT_MAX (4 + 4 + 4 + 2 + 32 + 4 + 2 * ATLS_IMAGE_TEXT_MAX + 2)

unsigned atls_tpm_log_pcr(const struct atls_tpm_log *log, size_t index)
{
    return log->first_pcr + (index < ATLS_TPM_STAGES ? (unsigned)index : ATLS_TPM_STAGES - 1);
}

int atls_tpm_log_make(const struct atls_crypto *crypto, const struct atls_boot_record *record,
                      unsigned first_pcr, struct atls_tpm_log *logp)
{
    struct atls_tpm_log log = {.record = record, .first_pcr = first_pcr};
    for (size_t i = 0; i < record->count; i++) {
        uint8_t *pcr = log.pcrs[atls_tpm_log_pcr(&log, i) - first_pcr];
        const struct atls_bytes parts[] = {ATLS_BYTES(pcr, 32),
                                           ATLS_BYTES(record->entries[i].value, 32)};
        uint8_t extended[32];
        int result = crypto->hash(ATLS_SHA256, parts, 2, extended);
        if (result)
            return result;
        memcpy(pcr, extended, sizeof extended);
    }
    *logp = log;
    return 0;
}

/* Numbers of the log are little-endian. */
static void put(struct atls_sink *s, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        atls_sink_u8(s, (uint8_t)(value >> (8 * i)));
}

/* The first event is of the old form, and says what the others are like. */
static void put_header(struct atls_sink *s)
{
    static const uint8_t no_digest[SHA1_SIZE];
    put(s, 0, 4);
    put(s, EV_NO_ACTION, 4);
    atls_sink_bytes(s, ATLS_BYTES(no_digest, sizeof no_digest));
    put(s, SPEC_SIZE, 4);
    atls_sink_bytes(s, ATLS_BYTES((const uint8_t *)SPEC_SIGNATURE, 16));
    put(s, 0, 4);          /* platformClass: client */
    put(s, 0x02000200, 4); /* specVersionMinor 0, Major 2, Errata 0, uintnSize 2 (64 bits) */
    put(s, 1, 4);
    put(s, ALG_SHA256, 2);
    put(s, 32, 2);
    put(s, 0, 1); /* no vendor info */
}

static void put_event(struct atls_sink *s, const struct atls_tpm_log *log, size_t index)
{
    const struct atls_boot_entry *entry = &log->record->entries[index];
    size_t type = strlen(entry->type), version = strlen(entry->version);
    put(s, atls_tpm_log_pcr(log, index), 4);
    put(s, index < 2 ? EV_POST_CODE : EV_PLATFORM_CONFIG_FLAGS, 4);
    put(s, 1, 4);
    put(s, ALG_SHA256, 2);
    atls_sink_bytes(s, ATLS_BYTES(entry->value, 32));
    put(s, (uint32_t)(type + 1 + version), 4);
    atls_sink_bytes(s, ATLS_BYTES((const uint8_t *)entry->type, type));
    atls_sink_u8(s, ' ');
    atls_sink_bytes(s, ATLS_BYTES((const uint8_t *)entry->version, version));
}

int atls_tpm_log_write(const struct atls_tpm_log *log, uint8_t **outp, size_t *sizep)
{
    size_t capacity = 8 + SHA1_SIZE + 4 + SPEC_SIZE + log->record->count * EVENT_MAX;
    uint8_t *out = malloc(capacity);
    struct atls_sink s = atls_sink_of(out, capacity);
    struct atls_bytes written;
    if (!out)
        return atls_fail(-ENOMEM, NULL, "no memory for the log of a boot");
    put_header(&s);
    for (size_t i = 0; i < log->record->count; i++)
        put_event(&s, log, i);
    int result = atls_sink_done(&s, &written);
    if (result) {
        free(out);
        return result;
    }
    *outp = out;
    *sizep = written.size;
    return 0;
}

int atls_tpm_class_id(const struct atls_crypto *crypto, const uint8_t *implementation_id,
                      uint8_t idp[ATLS_TPM_CLASS_ID_SIZE])
{
    const struct atls_bytes parts[] = {
        atls_bytes_of_text("atls class of devices with a TPM"),
        ATLS_BYTES(implementation_id, ATLS_PSA_IMPLEMENTATION_ID_SIZE)};
    uint8_t hash[32];
    int result = crypto->hash(ATLS_SHA256, parts, 2, hash);
    if (result)
        return result;
    hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80); /* version 8 */
    hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80); /* variant */
    memcpy(idp, hash, ATLS_TPM_CLASS_ID_SIZE);
    return 0;
}
