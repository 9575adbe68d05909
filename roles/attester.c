/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester: evidence from the device, in the serialization that was asked for, and the faults
 * of evidence carried out. Attestation results are in passport.c.
 */
#include "roles/attester.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/tokens/kat.h"
#include "rats/tokens/prototype.h"
#include "roles/attester-private.h"

#define STALE_CHALLENGE_SIZE 32

const char *atls_evidence_format_name(enum atls_evidence_format format)
{
    return format == ATLS_FORMAT_PSA         ? "psa"
           : format == ATLS_FORMAT_PROTOTYPE ? "prototype"
                                             : "cab";
}

void atls_credential_clear(struct atls_credential *credential)
{
    free(credential->cmw);
    *credential = (struct atls_credential){.cmw = NULL};
}

void atls_attester_tell_fault(struct atls_attester *attester, unsigned conn, const char *name,
                              const char *detail)
{
    atls_event(attester->events, "fault", "{s:i, s:s, s:s}", "conn", (int)conn, "name", name,
               "detail", detail);
}

int atls_attester_fails(struct atls_attester *attester, int code, const char *reason)
{
    attester->reason = reason;
    return code;
}

int atls_attester_device_fails(struct atls_attester *attester, int code)
{
    return atls_attester_fails(attester, code, code < 0 ? "internal" : "device-unavailable");
}

static int make_identity(const struct atls_attester *attester, struct atls_device *device,
                         struct atls_attester_identity *identityp)
{
    return atls_device_create_key(device, attester->options.curve, &identityp->handle,
                                  &identityp->key);
}

/* Has the device the enrolled key? A signature tells, over a digest that means nothing. */
static int use_enrolled(struct atls_attester *attester)
{
    const struct atls_attester_options *options = &attester->options;
    uint8_t digest[ATLS_HASH_MAX], signature[ATLS_SIGNATURE_MAX];
    struct atls_bytes hashed =
        ATLS_BYTES(digest, atls_hash_size(atls_curve_hash(options->key.curve)));
    size_t size;
    int result = atls_crypto_gnutls.random(digest, hashed.size);

    attester->options.curve = options->key.curve;
    result =
        result ? result
               : atls_device_sign(attester->device, options->key_handle, hashed, signature, &size);
    if (result) {
        return result;
    }
    if (atls_crypto_gnutls.verify(&options->key, hashed, ATLS_BYTES(signature, size))) {
        return atls_fail(ATLS_E_MISMATCH, NULL,
                         "the device's key %u is not the key of the certificate",
                         (unsigned)options->key_handle);
    }
    attester->identity =
        (struct atls_attester_identity){.handle = options->key_handle, .key = options->key};
    return 0;
}

static int start_identity(struct atls_attester *attester)
{
    int result = 0;

    if (attester->options.key_outside) {
        attester->options.curve = attester->options.key.curve;
        attester->identity = (struct atls_attester_identity){.key = attester->options.key};
    } else if (attester->options.key_handle) {
        result = use_enrolled(attester);
    } else {
        result = make_identity(attester, attester->device, &attester->identity);
    }

    attester->attested = attester->identity;
    if (!result && atls_faults_has(&attester->inner, "attested-other-key", NULL)) {
        result = make_identity(attester, attester->device, &attester->attested);
    }
    return result;
}

static int make_stale(struct atls_attester *attester)
{
    uint8_t bytes[STALE_CHALLENGE_SIZE];
    struct atls_bytes challenge = ATLS_BYTES(bytes, sizeof bytes);
    int result = atls_crypto_gnutls.random(bytes, sizeof bytes);

    return result ? result
                  : atls_attester_ask_device(attester, 0, challenge, &attester->stale,
                                             &attester->stale_size);
}

/* What cannot be had in the format, form and serialization that were asked for. */
static int check_format(const struct atls_attester *attester)
{
    const struct atls_attester_options *options = &attester->options;
    bool record = options->cmw_form == ATLS_CMW_RECORD;

    if (options->key_outside && options->evidence_format != ATLS_FORMAT_PSA) {
        return atls_fail(ATLS_E_UNSUPPORTED, "draft-bft-rats-kat-06 section 4",
                         "a KAT is about a key inside the device, for one outside it there is "
                         "none: expected a bare PSA token (--evidence-format psa)");
    }
    if (options->serialization == ATLS_JSON && !record) {
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9999 section 3.2", "a CMW in JSON is no tag");
    }
    for (size_t i = 0; i < attester->wrapper.count; i++) {
        if (options->serialization == ATLS_JSON &&
            strncmp(attester->wrapper.fault[i].name, "cbor-", 5) == 0) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s=cmw has no meaning in JSON",
                             attester->wrapper.fault[i].name);
        }
    }
    switch (options->evidence_format) {
    case ATLS_FORMAT_PSA:
        return atls_attester_check_token_faults(attester);
    case ATLS_FORMAT_PROTOTYPE:
        return atls_attester_check_prototype_faults(attester);
    case ATLS_FORMAT_CAB:
        break;
    }
    return 0;
}

/* What the faults need from before the first connection. */
static int prepare_faults(struct atls_attester *attester)
{
    const struct atls_faults *faults = attester->options.faults;
    int result = 0;

    if (atls_faults_has(faults, "foreign-pat", NULL)) {
        if (!attester->options.second_device) {
            return atls_fail(-EINVAL, NULL, "fault foreign-pat needs a second device");
        }
        result = atls_device_open(attester->options.second_device,
                                  attester->options.device_timeout_ms, &attester->second);
        result =
            result ? result : make_identity(attester, attester->second, &attester->second_identity);
    }
    if (!result && atls_faults_has(faults, "other-key", NULL)) {
        result = make_identity(attester, attester->device, &attester->other);
    }
    if (!result && atls_faults_has(faults, "stale-nonce", NULL)) {
        result = make_stale(attester);
    }
    return result;
}

int atls_attester_new(const struct atls_attester_options *options,
                      struct atls_verifier_client *client, struct atls_events *events,
                      struct atls_attester **attesterp)
{
    struct atls_attester *attester = calloc(1, sizeof *attester);

    if (!attester) {
        return atls_fail(-ENOMEM, NULL, "no memory for an attester");
    }
    attester->options = *options;
    attester->inner = atls_faults_of_wrapper(options->faults, false);
    attester->wrapper = atls_faults_of_wrapper(options->faults, true);
    attester->client = client;
    attester->events = events;
    attester->reason = "ok";
    int result = check_format(attester);
    result = result
                 ? result
                 : atls_device_open(options->device, options->device_timeout_ms, &attester->device);
    result = result ? result : start_identity(attester);
    result = result ? result : prepare_faults(attester);
    if (result) {
        atls_attester_free(attester);
        return result;
    }
    *attesterp = attester;
    return 0;
}

void atls_attester_free(struct atls_attester *attester)
{
    if (!attester) {
        return;
    }
    atls_passport_clear(&attester->passport);
    atls_bound_results_clear(attester);
    /* The keys were this process's; nobody else can use their handles. A device that is gone has
     * destroyed them already. */
    if (attester->device) {
        if (attester->attested.handle && attester->attested.handle != attester->identity.handle) {
            (void)atls_device_destroy_key(attester->device, attester->attested.handle);
        }
        if (attester->identity.handle && !attester->options.key_handle) {
            (void)atls_device_destroy_key(attester->device, attester->identity.handle);
        }
        if (attester->other.handle) {
            (void)atls_device_destroy_key(attester->device, attester->other.handle);
        }
        atls_device_close(attester->device);
    }
    if (attester->second) {
        if (attester->second_identity.handle) {
            (void)atls_device_destroy_key(attester->second, attester->second_identity.handle);
        }
        atls_device_close(attester->second);
    }
    free(attester->stale);
    free(attester);
}

/* A CAB, or the prototype's tokens as one. */
static int attest_key(const struct atls_attester *attester, struct atls_device *device,
                      uint32_t handle, struct atls_bytes challenge, uint8_t **cabp, size_t *sizep)
{
    return attester->options.evidence_format == ATLS_FORMAT_PROTOTYPE
               ? atls_attester_prototype_evidence(device, handle, challenge, cabp, sizep)
               : atls_device_attest_key(device, handle, challenge, cabp, sizep);
}

/* The PAT that this device makes for whoever asks: over another hash than the KAT wants, or over
 * the right one (and then only the client id says that it is not the key attestation service's). */
static int ask_for_pat(struct atls_attester *attester, struct atls_bytes cab, bool linked,
                       uint8_t **patp, size_t *sizep)
{
    uint8_t hash[ATLS_LINKAGE_SIZE];
    struct atls_cmw *cmw = NULL;
    struct atls_cab parsed;
    int result;

    if (!linked) {
        result = atls_crypto_gnutls.random(hash, sizeof hash);
    } else if (attester->options.evidence_format == ATLS_FORMAT_PROTOTYPE) {
        result = atls_prototype_linkage(&atls_crypto_gnutls, &attester->attested.key, hash);
    } else {
        result = atls_cmw_parse_as(ATLS_CBOR, cab, &cmw);
        result = result ? result : atls_cab_parse(cmw, &parsed);
        result =
            result ? result
                   : atls_kat_linkage_encoded(&atls_crypto_gnutls, parsed.kat_claims.linked, hash);
        atls_cmw_free(cmw);
    }
    return result ? result
                  : atls_device_attest_platform(attester->device, ATLS_BYTES(hash, sizeof hash),
                                                patp, sizep);
}

/* Puts another PAT into the CAB: of another device, over another hash, or made for another caller.
 * All are as their device signed them. */
static int splice(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                  uint8_t **cabp, size_t *sizep)
{
    bool foreign = atls_faults_has(&attester->inner, "foreign-pat", NULL);
    bool linked = !atls_faults_has(&attester->inner, "linkage", NULL);
    uint8_t *other = NULL, *spliced;
    size_t size, spliced_size;
    struct atls_cmw *cmw = NULL;
    struct atls_bytes pat;
    int result;

    if (foreign) {
        result = attest_key(attester, attester->second, attester->second_identity.handle, challenge,
                            &other, &size);
        result = result ? result : atls_cmw_parse_as(ATLS_CBOR, ATLS_BYTES(other, size), &cmw);
        if (!result) {
            const struct atls_cmw *record = atls_cmw_find(cmw, "pat");
            pat = record ? record->value : (struct atls_bytes){NULL, 0};
        }
    } else {
        result = ask_for_pat(attester, ATLS_BYTES(*cabp, *sizep), linked, &other, &size);
        if (!result) {
            pat = ATLS_BYTES(other, size);
        }
    }
    result = result ? result
                    : atls_faults_splice(ATLS_BYTES(*cabp, *sizep), pat, &spliced, &spliced_size);
    atls_cmw_free(cmw);
    free(other);
    if (result) {
        return result;
    }
    free(*cabp);
    *cabp = spliced;
    *sizep = spliced_size;
    atls_attester_tell_fault(attester, conn,
                             foreign  ? "foreign-pat"
                             : linked ? "non-secure-pat"
                                      : "linkage",
                             foreign  ? "the PAT is the second device's"
                             : linked ? "the PAT is over the right hash, but made for the "
                                        "non-secure side"
                                      : "the PAT is over another hash");
    return 0;
}

int atls_attester_ask_device(struct atls_attester *attester, unsigned conn,
                             struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep)
{
    bool token = attester->options.evidence_format == ATLS_FORMAT_PSA;
    const char *hex;
    uint8_t *foreign = NULL;

    if (attester->stale) {
        uint8_t *copy = malloc(attester->stale_size);
        if (!copy) {
            return atls_fail(-ENOMEM, NULL, "no memory for evidence");
        }
        memcpy(copy, attester->stale, attester->stale_size);
        *evidencep = copy;
        *sizep = attester->stale_size;
        atls_attester_tell_fault(attester, conn, "stale-nonce",
                                 "the evidence was made before the challenge");
        return 0;
    }
    if (atls_faults_has(&attester->inner, "foreign-nonce", &hex)) {
        int result = atls_hex_decode(atls_bytes_of_text(hex), &foreign, &challenge.size);
        if (result) {
            return result;
        }
        challenge.data = foreign;
        atls_attester_tell_fault(attester, conn, "foreign-nonce",
                                 "the evidence is over another session's nonce");
    }
    int result =
        token ? atls_device_attest_platform(attester->second ? attester->second : attester->device,
                                            challenge, evidencep, sizep)
              : attest_key(attester, attester->device, attester->attested.handle, challenge,
                           evidencep, sizep);
    free(foreign);
    return result;
}

int atls_attester_make_cab(struct atls_attester *attester, unsigned conn,
                           struct atls_bytes challenge, uint8_t **cabp, size_t *sizep)
{
    uint8_t *cab = NULL, *mutated;
    size_t size, mutated_size;
    const char *name;
    int result = atls_attester_ask_device(attester, conn, challenge, &cab, &size);

    if (!result && (atls_faults_has(&attester->inner, "foreign-pat", NULL) ||
                    atls_faults_has(&attester->inner, "linkage", NULL) ||
                    atls_faults_has(&attester->inner, "non-secure-pat", NULL))) {
        result = splice(attester, conn, challenge, &cab, &size);
    }
    if (result) {
        free(cab);
        return atls_attester_device_fails(attester, result);
    }
    result = atls_faults_mutate_cab(&attester->inner, ATLS_BYTES(cab, size), &mutated,
                                    &mutated_size, &name);
    if (result) {
        free(cab);
        return atls_attester_fails(attester, result, "internal");
    }
    if (name) {
        atls_attester_tell_fault(attester, conn, name, "evidence was changed after it was made");
        free(cab);
        cab = mutated;
        size = mutated_size;
    }
    if (attester->attested.handle != attester->identity.handle) {
        atls_attester_tell_fault(attester, conn, "attested-other-key",
                                 "the KAT is about a key that is not presented");
    }
    *cabp = cab;
    *sizep = size;
    return 0;
}

int atls_attester_serialize_cab(struct atls_attester *attester, uint8_t *cab, size_t size,
                                uint8_t **outp, size_t *outsizep)
{
    struct atls_cmw *cmw;

    if (attester->options.evidence_format == ATLS_FORMAT_PROTOTYPE) {
        int result = atls_attester_prototype_bundle(ATLS_BYTES(cab, size), outp, outsizep);
        free(cab);
        return result ? atls_attester_fails(attester, result, "internal") : 0;
    }
    if (attester->options.serialization == ATLS_CBOR) { /* byte for byte what the device made */
        *outp = cab;
        *outsizep = size;
        return 0;
    }
    int result = atls_cmw_parse_as(ATLS_CBOR, ATLS_BYTES(cab, size), &cmw);
    if (!result) {
        result = atls_cmw_serialize(cmw, ATLS_JSON, outp, outsizep);
        atls_cmw_free(cmw);
    }
    free(cab);
    return result ? atls_attester_fails(attester, result, "internal") : 0;
}

static int break_wrapper(struct atls_attester *attester, enum atls_model model,
                         struct atls_bytes cmw, uint8_t **outp, size_t *sizep, const char **namep)
{
    if (attester->options.evidence_format == ATLS_FORMAT_PROTOTYPE) {
        return atls_attester_break_bundle(&attester->wrapper, cmw, outp, sizep, namep);
    }
    if (attester->options.serialization == ATLS_JSON) {
        return atls_faults_mutate_json(&attester->wrapper, cmw, outp, sizep, namep);
    }
    if (model == ATLS_MODEL_PASSPORT || attester->options.evidence_format == ATLS_FORMAT_PSA) {
        return atls_faults_mutate_record(&attester->wrapper, cmw, outp, sizep, namep);
    }
    return atls_faults_mutate_cab(&attester->wrapper, cmw, outp, sizep, namep);
}

int atls_attester_present(struct atls_attester *attester, unsigned conn, enum atls_model model,
                          uint8_t *cmw, size_t size, struct atls_credential *credentialp)
{
    bool other = attester->other.handle != 0;
    const struct atls_attester_identity *identity = other ? &attester->other : &attester->identity;
    uint8_t *broken;
    size_t broken_size;
    const char *name;
    int result =
        break_wrapper(attester, model, ATLS_BYTES(cmw, size), &broken, &broken_size, &name);

    if (result) {
        free(cmw);
        return atls_attester_fails(attester, result, "internal");
    }
    if (name) {
        atls_attester_tell_fault(attester, conn, name, "the wrapper was changed");
        free(cmw);
        cmw = broken;
        size = broken_size;
    }
    if (other) {
        atls_attester_tell_fault(attester, conn, "other-key",
                                 "CertificateVerify is made with a key that is not attested");
    }
    atls_report_credential(attester->events, attester->options.artifacts, conn, "sent",
                           ATLS_BYTES(cmw, size));
    *credentialp = (struct atls_credential){.cmw = cmw,
                                            .size = size,
                                            .key = identity->key,
                                            .key_handle = identity->handle,
                                            .model = model};
    return 0;
}

/* Evidence as the CMW that goes into a credential, wrapper still sound. */
static int make_cmw(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                    uint8_t **cmwp, size_t *sizep)
{
    uint8_t *evidence;
    size_t size;
    int result;

    if (attester->options.evidence_format != ATLS_FORMAT_PSA) {
        result = atls_attester_make_cab(attester, conn, challenge, &evidence, &size);
        return result ? result : atls_attester_serialize_cab(attester, evidence, size, cmwp, sizep);
    }
    result = atls_attester_make_token(attester, conn, challenge, &evidence, &size);
    if (result) {
        return result;
    }
    result = atls_attester_wrap(attester, ATLS_CF_EAT_CWT, ATLS_BYTES(evidence, size),
                                ATLS_IND_EVIDENCE, cmwp, sizep);
    free(evidence);
    return result;
}

static int make_evidence(struct atls_attester *attester, unsigned conn, const char *direction,
                         struct atls_bytes challenge, struct atls_credential *credentialp)
{
    uint8_t *cmw;
    size_t size;

    atls_event(attester->events, "challenge", "{s:i, s:s, s:o}", "conn", (int)conn, "direction",
               direction, "nonce", atls_json_hex(challenge));
    if (attester->options.evidence_format == ATLS_FORMAT_PROTOTYPE &&
        atls_prototype_nonce_is(challenge)) {
        atls_event(attester->events, "defect", "{s:i, s:s, s:s}", "conn", (int)conn, "name",
                   "constant-nonce", "detail",
                   "the nonce is the one that the prototype of 2022 sends in every connection: "
                   "evidence over it can be replayed at any time");
    }
    if (challenge.size < ATLS_EAT_NONCE_MIN || challenge.size > ATLS_EAT_NONCE_MAX) {
        atls_fail(ATLS_E_LIMIT, "RFC 9711 section 4.1", "a nonce has 8 to 64 bytes, %zu came",
                  challenge.size);
        return atls_attester_fails(attester, ATLS_E_LIMIT, "nonce-length");
    }
    int result = make_cmw(attester, conn, challenge, &cmw, &size);
    return result ? result
                  : atls_attester_present(attester, conn, ATLS_MODEL_BACKGROUND_CHECK, cmw, size,
                                          credentialp);
}

int atls_attester_evidence(struct atls_attester *attester, unsigned conn,
                           struct atls_bytes challenge, struct atls_credential *credentialp)
{
    return make_evidence(attester, conn, "received", challenge, credentialp);
}

int atls_attester_bound_evidence(struct atls_attester *attester, unsigned conn,
                                 struct atls_bytes binder, struct atls_credential *credentialp)
{
    return make_evidence(attester, conn, "computed", binder, credentialp);
}

int atls_attester_sign(struct atls_attester *attester, uint32_t key_handle,
                       struct atls_bytes digest, uint8_t signaturep[ATLS_SIGNATURE_MAX],
                       size_t *sizep)
{
    int result = atls_device_sign(attester->device, key_handle, digest, signaturep, sizep);

    return result ? atls_attester_device_fails(attester, result) : 0;
}

const char *atls_attester_reason(const struct atls_attester *attester)
{
    return attester->reason;
}
