/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM 2.0 as root of trust: the boot is measured into its PCRs, identity keys are made and used
 * in it, and its attestation key (AK) certifies them (TPM2_Certify over the challenge) and quotes
 * the PCRs (TPM2_Quote over the hash of that), packed as Parsec does (rats/tokens/tpm.h). The TPM
 * is wherever the TCTI says: a simulated one (swtpm), or a real one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tctildr.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-write.h"
#include "sim/roots/tpm-private.h"

#define KIND "parsec-tpm"
#define KAT_MAX 2048

static int find(struct tpm *tpm, uint32_t handle, struct tpm_key **keyp, size_t *atp)
{
    for (size_t i = 0; i < tpm->key_count; i++)
        if (handle && tpm->keys[i]->handle == handle) {
            *keyp = tpm->keys[i];
            *atp = i;
            return 0;
        }
    return atls_fail(ATLS_E_REFUSED, NULL, "there is no identity key with handle %lu",
                     (unsigned long)handle);
}

/* What the TPM has encrypted is all that there is of a key between two requests. */
static void forget(struct tpm_key *key)
{
    Esys_Free(key->context);
    free(key);
}

static int create_key(void *context, enum atls_curve curve, uint32_t *handlep,
                      struct atls_public_key *publicp)
{
    struct tpm *tpm = context;
    if (curve != ATLS_P256)
        return atls_fail(ATLS_E_REFUSED, "CCC attested-tls-poc, parsec-evidence-tpm",
                         "the identity keys of a device with the root of trust tpm are of P-256: "
                         "expected curve 1, came %d",
                         (int)curve);
    if (tpm->key_count == ATLS_TPM_KEYS_MAX || tpm->last_handle == UINT32_MAX)
        return atls_fail(ATLS_E_REFUSED, NULL,
                         "all %d identity keys of this device are in use: destroy one first",
                         ATLS_TPM_KEYS_MAX);
    struct tpm_key *key = calloc(1, sizeof *key);
    if (!key)
        return atls_fail(-ENOMEM, NULL, "no memory for an identity key");
    int result = tpm_make_key(tpm, key);
    if (result) {
        forget(key);
        return result;
    }
    key->handle = ++tpm->last_handle;
    tpm->keys[tpm->key_count++] = key;
    *handlep = key->handle;
    *publicp = key->public_key;
    return 0;
}

static int look_up(void *context, uint32_t handle, struct atls_public_key *publicp)
{
    struct tpm_key *key = NULL;
    size_t at = 0;
    int result = find(context, handle, &key, &at);
    if (!result)
        *publicp = key->public_key;
    return result;
}

static int destroy_key(void *context, uint32_t handle)
{
    struct tpm *tpm = context;
    struct tpm_key *key = NULL;
    size_t at = 0;
    int result = find(tpm, handle, &key, &at);
    if (result)
        return result;
    forget(key);
    tpm->keys[at] = tpm->keys[--tpm->key_count];
    return 0;
}

static int sign(void *context, uint32_t handle, struct atls_bytes digest,
                uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep)
{
    struct tpm *tpm = context;
    struct tpm_key *key = NULL;
    size_t at = 0;
    int result = find(tpm, handle, &key, &at);
    if (result)
        return result;
    if (digest.size != 32)
        return atls_fail(ATLS_E_REFUSED, "RFC 8446 section 4.2.3",
                         "expected a digest of 32 bytes for this key, came %zu", digest.size);
    if ((result = tpm_sign_with(tpm, key, digest.data, signaturep)))
        return result;
    *sizep = 64;
    return 0;
}

static bool makes(const char *kind)
{
    return !strcmp(kind, KIND);
}

/* The KAT map in BUFFER, and the hash of it that the quote answers. */
static int write_kat(struct tpm *tpm, const struct tpm_key *key, struct atls_bytes challenge,
                     uint8_t buffer[KAT_MAX], struct atls_bytes *encodedp, uint8_t linkagep[32])
{
    struct tpm_attestation certified;
    struct atls_cbor_writer w;
    struct atls_bytes encoded;
    int result = tpm_certify(tpm, key, challenge, &certified);
    if (result)
        return result;
    const struct atls_tpm_kat kat = {
        .kid = ATLS_BYTES(tpm->kid, sizeof tpm->kid),
        .sig = ATLS_BYTES(certified.signature, certified.signature_size),
        .pub_area = ATLS_BYTES(key->area, key->area_size),
        .cert_info = ATLS_BYTES(certified.info, certified.info_size),
    };
    atls_cbor_write_init(&w, buffer, KAT_MAX);
    atls_tpm_kat_write(&w, &kat);
    if ((result = atls_cbor_write_done(&w, &encoded)) ||
        (result = atls_tpm_linkage(tpm->crypto, encoded, linkagep)))
        return result;
    *encodedp = encoded;
    return 0;
}

static int attest(void *context, const char *kind, const struct atls_root_key *attested,
                  struct atls_bytes challenge, struct atls_cbor_writer *w)
{
    struct tpm *tpm = context;
    uint8_t kat_buffer[KAT_MAX], linkage[ATLS_TPM_LINKAGE_SIZE];
    struct tpm_attestation quoted;
    struct atls_bytes kat;
    struct tpm_key *key = NULL;
    size_t at = 0;
    (void)kind; /* there is one */
    if (!attested->handle)
        return atls_fail(ATLS_E_REFUSED, NULL,
                         KIND " is about an identity key: expected its handle, came 0");
    int result = find(tpm, attested->handle, &key, &at);
    if (result || (result = write_kat(tpm, key, challenge, kat_buffer, &kat, linkage)) ||
        (result = tpm_quote(tpm, ATLS_BYTES(linkage, sizeof linkage), &quoted)))
        return result;
    const struct atls_tpm_pat pat = {
        .kid = ATLS_BYTES(tpm->kid, sizeof tpm->kid),
        .sig = ATLS_BYTES(quoted.signature, quoted.signature_size),
        .attest_info = ATLS_BYTES(quoted.info, quoted.info_size),
    };
    atls_tpm_evidence_write(w, kat, &pat);
    return 0;
}

static const struct atls_root_ops ops = {
    .name = "tpm",
    .create = create_key,
    .look_up = look_up,
    .destroy = destroy_key,
    .sign = sign,
    .makes = makes,
    .attest = attest,
};

static void close_tpm(struct atls_root *root)
{
    struct tpm *tpm = root->context;
    for (size_t i = 0; i < tpm->key_count; i++)
        forget(tpm->keys[i]);
    Esys_Free(tpm->ak);
    Esys_Free(tpm->parent);
    Esys_Finalize(&tpm->esys);
    if (tpm->tcti)
        Tss2_TctiLdr_Finalize(&tpm->tcti);
    free(tpm->where);
    free(tpm);
    *root = (struct atls_root){.ops = NULL};
}

static int write_log(const struct atls_root *root, uint8_t **outp, size_t *sizep)
{
    const struct tpm *tpm = root->context;
    return atls_tpm_log_write(&tpm->log, outp, sizep);
}

static json_t *describe(const struct atls_root *root)
{
    const struct tpm *tpm = root->context;
    json_t *pcrs = json_object(), *log = json_array();
    char name[12];
    for (unsigned i = 0; i < ATLS_TPM_STAGES; i++) {
        snprintf(name, sizeof name, "%u", tpm->log.first_pcr + i);
        json_object_set_new(pcrs, name, atls_json_hex(ATLS_BYTES(tpm->log.pcrs[i], 32)));
    }
    for (size_t i = 0; i < tpm->log.record->count; i++) {
        const struct atls_boot_entry *entry = &tpm->log.record->entries[i];
        json_array_append_new(
            log, json_pack("{s:i, s:s, s:o}", "pcr", (int)atls_tpm_log_pcr(&tpm->log, i), "event",
                           entry->type, "digest", atls_json_hex(ATLS_BYTES(entry->value, 32))));
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "x_root", "tpm", "x_pcrs", pcrs, "x_event_log", log,
                     "x_kid", atls_json_hex(ATLS_BYTES(tpm->kid, sizeof tpm->kid)));
}

static int start(struct tpm *tpm, const struct atls_root_start *with)
{
    int result;
    if ((result = atls_tpm_log_make(with->crypto, with->record, with->first_pcr, &tpm->log)) ||
        (result =
             atls_tpm_log_make(with->crypto, with->pristine, with->first_pcr, &tpm->pristine)) ||
        (result = atls_tpm_class_id(with->crypto, with->implementation_id, tpm->class_id)) ||
        (result = tpm_connect(tpm)) || (!with->endorses_only && (result = tpm_measure(tpm))) ||
        (result = tpm_make_primaries(tpm)) ||
        (result = atls_tpm_kid(with->crypto, &tpm->ak_key, tpm->kid)))
        return result;
    return tpm_note_clock(tpm);
}

static int open_tpm(const struct atls_root_start *with, struct atls_root *rootp)
{
    struct atls_root root = {.ops = &ops};
    struct tpm *tpm;
    if (!with->tcti)
        return atls_fail(-EINVAL, NULL,
                         "--root tpm needs --tcti STRING: where the TPM is, as swtpm:path=FILE or "
                         "device:/dev/tpmrm0");
    if (!(tpm = calloc(1, sizeof *tpm)))
        return atls_fail(-ENOMEM, NULL, "no memory for a TPM");
    root.context = tpm;
    setenv("TSS2_LOG", "all+none", 0); /* what is wrong, the device says itself */
    tpm->crypto = with->crypto;
    tpm->where = strdup(with->tcti);
    int result = tpm->where ? start(tpm, with) : atls_fail(-ENOMEM, NULL, "no memory for a TPM");
    if (result) {
        close_tpm(&root);
        return result;
    }
    root.instance_id = tpm->kid;
    root.attestation_key = &tpm->ak_key;
    *rootp = root;
    return 0;
}

const struct atls_root_kind atls_root_tpm = {
    .name = "tpm",
    .open = open_tpm,
    .close = close_tpm,
    .endorse = tpm_endorse,
    .write_log = write_log,
    .describe = describe,
};
