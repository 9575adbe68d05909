/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of a TPM. A TPM without resource manager has room for three at a time, so that each lives
 * outside of it, encrypted by it (TPM2_ContextSave), and is loaded for one request.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "rats/base/error.h"
#include "sim/roots/tpm-private.h"

/* No key has an authorization that somebody could guess, so none takes part in the TPM's defence
 * against that (noDA): else a few resets without TPM2_Shutdown, which count as guesses, lock it. */
#define FIXED                                                                                      \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |            \
     TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)

#define RESET "was reset, and with it its PCRs: start the device anew"

static int is_lost(const struct tpm *tpm)
{
    return atls_fail(ATLS_E_UNAVAILABLE, NULL, "the TPM at %s %s", tpm->where, tpm->lost);
}

static int lose(struct tpm *tpm, const char *why)
{
    if (!*tpm->lost)
        snprintf(tpm->lost, sizeof tpm->lost, "%s", why);
    return is_lost(tpm);
}

int tpm_fails(struct tpm *tpm, TSS2_RC rc, const char *what)
{
    TSS2_RC layer = rc & TSS2_RC_LAYER_MASK, code = rc & ~TSS2_RC_LAYER_MASK;
    if (layer == TSS2_TCTI_RC_LAYER)
        return lose(tpm, "does not answer any more: start it, and then the device anew");
    if (layer == TSS2_TPM_RC_LAYER && code == TPM2_RC_OBJECT_MEMORY)
        return atls_fail(ATLS_E_REFUSED, "TPM 2.0 Part 3, TPM2_Load",
                         "the TPM at %s has no room for an object: another program left its own in "
                         "it; restart it, or use a resource manager (device:/dev/tpmrm0)",
                         tpm->where);
    if (layer == TSS2_TPM_RC_LAYER && (code & 0xbf) == TPM2_RC_INTEGRITY)
        return lose(tpm, RESET);
    return atls_fail(ATLS_E_REFUSED, "TPM 2.0 Part 2, TPM_RC", "the TPM at %s, asked to %s: %s",
                     tpm->where, what, Tss2_RC_Decode(rc));
}

int tpm_connect(struct tpm *tpm)
{
    TSS2_RC rc = Tss2_TctiLdr_Initialize(tpm->where, &tpm->tcti);
    if (rc)
        return atls_fail(ATLS_E_UNAVAILABLE, NULL, "there is no TPM at %s (--tcti): %s", tpm->where,
                         Tss2_RC_Decode(rc));
    if ((rc = Esys_Initialize(&tpm->esys, tpm->tcti, NULL)))
        return tpm_fails(tpm, rc, "begin");
    rc = Esys_Startup(tpm->esys, TPM2_SU_CLEAR);
    return rc && rc != TPM2_RC_INITIALIZE ? tpm_fails(tpm, rc, "start") : 0;
}

int tpm_load(struct tpm *tpm, const TPMS_CONTEXT *context, ESYS_TR *objectp)
{
    if (*tpm->lost)
        return is_lost(tpm);
    TSS2_RC rc = Esys_ContextLoad(tpm->esys, context, objectp);
    return rc ? tpm_fails(tpm, rc, "load a key") : 0;
}

void tpm_flush(struct tpm *tpm, ESYS_TR object)
{
    if (!*tpm->lost)
        (void)Esys_FlushContext(tpm->esys, object);
}

/* Out of the TPM, into *CONTEXTP, whether or not that works. */
static int put_away(struct tpm *tpm, ESYS_TR object, TPMS_CONTEXT **contextp)
{
    TSS2_RC rc = Esys_ContextSave(tpm->esys, object, contextp);
    int result = rc ? tpm_fails(tpm, rc, "save a key") : 0;
    tpm_flush(tpm, object);
    return result;
}

/* An ECC key on P-256: one that signs with ECDSA and SHA-256, or one that keeps others. */
static TPM2B_PUBLIC template_of(TPMA_OBJECT attributes)
{
    TPM2B_PUBLIC made = {.publicArea = {.type = TPM2_ALG_ECC,
                                        .nameAlg = TPM2_ALG_SHA256,
                                        .objectAttributes = FIXED | attributes}};
    TPMS_ECC_PARMS *parameters = &made.publicArea.parameters.eccDetail;
    parameters->curveID = TPM2_ECC_NIST_P256;
    parameters->kdf.scheme = TPM2_ALG_NULL;
    parameters->symmetric.algorithm = TPM2_ALG_NULL;
    parameters->scheme.scheme = TPM2_ALG_NULL;
    if (attributes & TPMA_OBJECT_DECRYPT) {
        parameters->symmetric.algorithm = TPM2_ALG_AES;
        parameters->symmetric.keyBits.aes = 128;
        parameters->symmetric.mode.aes = TPM2_ALG_CFB;
    } else {
        parameters->scheme.scheme = TPM2_ALG_ECDSA;
        parameters->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    }
    return made;
}

static int take_number(const TPM2B_ECC_PARAMETER *number, uint8_t to[32])
{
    if (number->size > 32)
        return atls_fail(ATLS_E_MALFORMED, "TPM 2.0 Part 2, TPM2B_ECC_PARAMETER",
                         "expected at most 32 bytes on P-256, came %u", number->size);
    memset(to, 0, 32 - (size_t)number->size);
    memcpy(to + 32 - number->size, number->buffer, number->size);
    return 0;
}

static int take_point(const TPM2B_PUBLIC *area, struct atls_public_key *keyp)
{
    const TPMS_ECC_POINT *point = &area->publicArea.unique.ecc;
    struct atls_public_key key = {.curve = ATLS_P256};
    int result = take_number(&point->x, key.x);
    if (result || (result = take_number(&point->y, key.y)))
        return result;
    *keyp = key;
    return 0;
}

static int make_primary(struct tpm *tpm, ESYS_TR hierarchy, TPMA_OBJECT attributes,
                        struct atls_public_key *keyp, TPMS_CONTEXT **contextp)
{
    TPM2B_PUBLIC template = template_of(attributes | TPMA_OBJECT_RESTRICTED);
    const TPM2B_SENSITIVE_CREATE nothing = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    const TPM2B_DATA no_data = {0};
    TPM2B_PUBLIC *area = NULL;
    ESYS_TR object;
    TSS2_RC rc = Esys_CreatePrimary(tpm->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                    ESYS_TR_NONE, &nothing, &template, &no_data, &no_pcrs, &object,
                                    &area, NULL, NULL, NULL);
    if (rc)
        return tpm_fails(tpm, rc, "make a primary key");
    int result = put_away(tpm, object, contextp);
    if (!result)
        result = take_point(area, keyp);
    Esys_Free(area);
    return result;
}

int tpm_make_primaries(struct tpm *tpm)
{
    struct atls_public_key parent;
    int result =
        make_primary(tpm, ESYS_TR_RH_ENDORSEMENT, TPMA_OBJECT_SIGN_ENCRYPT, &tpm->ak_key, &tpm->ak);
    return result ? result
                  : make_primary(tpm, ESYS_TR_RH_OWNER, TPMA_OBJECT_DECRYPT, &parent, &tpm->parent);
}

/* Made below PARENT, and in the TPM as OBJECTP. */
static int create(struct tpm *tpm, ESYS_TR parent, TPM2B_PUBLIC **areap, ESYS_TR *objectp)
{
    TPM2B_PUBLIC template = template_of(TPMA_OBJECT_SIGN_ENCRYPT), *area = NULL;
    const TPM2B_SENSITIVE_CREATE nothing = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    const TPM2B_DATA no_data = {0};
    TPM2B_PRIVATE *wrapped = NULL;
    TSS2_RC rc =
        Esys_Create(tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing,
                    &template, &no_data, &no_pcrs, &wrapped, &area, NULL, NULL, NULL);
    if (rc)
        return tpm_fails(tpm, rc, "make an identity key");
    rc = Esys_Load(tpm->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, wrapped, area,
                   objectp);
    Esys_Free(wrapped);
    if (rc) {
        Esys_Free(area);
        return tpm_fails(tpm, rc, "load an identity key");
    }
    *areap = area;
    return 0;
}

int tpm_make_key(struct tpm *tpm, struct tpm_key *keyp)
{
    TPM2B_PUBLIC *area = NULL;
    ESYS_TR parent, object;
    int result = tpm_load(tpm, tpm->parent, &parent);
    if (result)
        return result;
    result = create(tpm, parent, &area, &object);
    tpm_flush(tpm, parent);
    if (result)
        return result;
    if (!(result = put_away(tpm, object, &keyp->context)))
        result = take_point(area, &keyp->public_key);
    keyp->area_size = 0;
    if (!result && Tss2_MU_TPMT_PUBLIC_Marshal(&area->publicArea, keyp->area, sizeof keyp->area,
                                               &keyp->area_size))
        result = atls_fail(-EINVAL, NULL, "a public area does not fit into %zu bytes",
                           sizeof keyp->area);
    Esys_Free(area);
    return result;
}

int tpm_sign_with(struct tpm *tpm, const struct tpm_key *key, const uint8_t digest[32],
                  uint8_t signaturep[64])
{
    const TPMT_TK_HASHCHECK outside = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    const TPMT_SIG_SCHEME of_the_key = {.scheme = TPM2_ALG_NULL};
    TPM2B_DIGEST hashed = {.size = 32};
    TPMT_SIGNATURE *signature = NULL;
    ESYS_TR object;
    int result = tpm_load(tpm, key->context, &object);
    if (result)
        return result;
    memcpy(hashed.buffer, digest, 32);
    TSS2_RC rc = Esys_Sign(tpm->esys, object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &hashed,
                           &of_the_key, &outside, &signature);
    result = rc ? tpm_fails(tpm, rc, "sign") : 0;
    tpm_flush(tpm, object);
    if (!result && !(result = take_number(&signature->signature.ecdsa.signatureR, signaturep)))
        result = take_number(&signature->signature.ecdsa.signatureS, signaturep + 32);
    Esys_Free(signature);
    return result;
}

static int qualify(struct atls_bytes with, TPM2B_DATA *datap)
{
    TPM2B_DATA data = {.size = (UINT16)with.size};
    if (with.size == 0 || with.size > sizeof data.buffer || with.size > ATLS_TPM_CHALLENGE_MAX)
        return atls_fail(ATLS_E_REFUSED, "TPM 2.0 Part 2, TPM2B_DATA",
                         "expected a challenge of 1 to %d bytes, which is what a TPM takes as "
                         "qualifying data, came %zu",
                         ATLS_TPM_CHALLENGE_MAX, with.size);
    memcpy(data.buffer, with.data, with.size);
    *datap = data;
    return 0;
}

/* What the TPM has made, copied and freed. */
static int take(struct tpm *tpm, TSS2_RC rc, const char *what, TPM2B_ATTEST *made,
                TPMT_SIGNATURE *signature, struct tpm_attestation *attestationp)
{
    int result = rc ? tpm_fails(tpm, rc, what) : 0;
    if (!result && made->size > sizeof attestationp->info)
        result =
            atls_fail(ATLS_E_MALFORMED, "TPM 2.0 Part 2, TPM2B_ATTEST",
                      "expected at most %zu bytes, came %u", sizeof attestationp->info, made->size);
    if (!result) {
        attestationp->info_size = made->size;
        memcpy(attestationp->info, made->attestationData, made->size);
        attestationp->signature_size = 0;
        if (Tss2_MU_TPMT_SIGNATURE_Marshal(signature, attestationp->signature,
                                           sizeof attestationp->signature,
                                           &attestationp->signature_size))
            result = atls_fail(-EINVAL, NULL, "a signature does not fit into %zu bytes",
                               sizeof attestationp->signature);
    }
    Esys_Free(made);
    Esys_Free(signature);
    return result;
}

int tpm_certify(struct tpm *tpm, const struct tpm_key *key, struct atls_bytes challenge,
                struct tpm_attestation *attestationp)
{
    const TPMT_SIG_SCHEME of_the_key = {.scheme = TPM2_ALG_NULL};
    TPMT_SIGNATURE *signature = NULL;
    TPM2B_ATTEST *made = NULL;
    TPM2B_DATA qualifying;
    ESYS_TR object, ak;
    int result = qualify(challenge, &qualifying);
    if (result || (result = tpm_load(tpm, key->context, &object)))
        return result;
    if (!(result = tpm_load(tpm, tpm->ak, &ak))) {
        TSS2_RC rc = Esys_Certify(tpm->esys, object, ak, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD,
                                  ESYS_TR_NONE, &qualifying, &of_the_key, &made, &signature);
        result = take(tpm, rc, "certify a key", made, signature, attestationp);
        tpm_flush(tpm, ak);
    }
    tpm_flush(tpm, object);
    return result;
}

/* The PCRs are this boot's only as long as the TPM was not reset. */
static int check_clock(struct tpm *tpm, const struct tpm_attestation *quote)
{
    struct atls_tpm_attest attest;
    int result = atls_tpm_attest_parse(ATLS_BYTES(quote->info, quote->info_size), &attest);
    if (result)
        return result;
    if (attest.resets != tpm->resets || attest.restarts != tpm->restarts)
        return lose(tpm, RESET);
    return 0;
}

int tpm_quote(struct tpm *tpm, struct atls_bytes qualifying, struct tpm_attestation *attestationp)
{
    const TPMT_SIG_SCHEME of_the_key = {.scheme = TPM2_ALG_NULL};
    TPML_PCR_SELECTION pcrs = {.count = 1,
                               .pcrSelections = {{.hash = TPM2_ALG_SHA256, .sizeofSelect = 3}}};
    TPMT_SIGNATURE *signature = NULL;
    TPM2B_ATTEST *made = NULL;
    TPM2B_DATA data;
    ESYS_TR ak;
    int result = qualify(qualifying, &data);
    if (result || (result = tpm_load(tpm, tpm->ak, &ak)))
        return result;
    for (unsigned i = 0; i < ATLS_TPM_STAGES; i++) {
        unsigned pcr = tpm->log.first_pcr + i;
        pcrs.pcrSelections[0].pcrSelect[pcr / 8] |= (BYTE)(1u << (pcr % 8));
    }
    TSS2_RC rc = Esys_Quote(tpm->esys, ak, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data,
                            &of_the_key, &pcrs, &made, &signature);
    result = take(tpm, rc, "quote its PCRs", made, signature, attestationp);
    tpm_flush(tpm, ak);
    return result ? result : check_clock(tpm, attestationp);
}
