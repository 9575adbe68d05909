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
#include "roles/attester-private.h"

#define STALE_CHALLENGE_SIZE 32

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
    int result = atls_crypto_hosted.random(digest, hashed.size);

    attester->options.curve = options->key.curve;
    result =
        result ? result
               : atls_device_sign(attester->device, options->key_handle, hashed, signature, &size);
    if (result) {
        return result;
    }
    if (atls_crypto_hosted.verify(&options->key, hashed, ATLS_BYTES(signature, size))) {
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

/* A device and one of its keys, as a format asks them. */
struct source {
    struct atls_evidence_source lent;
    struct atls_device *device;
    uint32_t handle;
};

static const struct source *source_of(const struct atls_evidence_source *lent)
{
    return (const struct source *)(const void *)lent;
}

static int attest_key(const struct atls_evidence_source *lent, struct atls_bytes challenge,
                      uint8_t **cabp, size_t *sizep)
{
    const struct source *source = source_of(lent);

    return atls_device_attest_key(source->device, source->handle, challenge, cabp, sizep);
}

static int attest_key_of_2022(const struct atls_evidence_source *lent, struct atls_bytes challenge,
                              uint8_t **bundlep, size_t *sizep)
{
    const struct source *source = source_of(lent);

    return atls_device_attest_prototype(source->device, source->handle, challenge, bundlep, sizep);
}

static int attest_platform(const struct atls_evidence_source *lent, struct atls_bytes challenge,
                           uint8_t **tokenp, size_t *sizep)
{
    return atls_device_attest_platform(source_of(lent)->device, challenge, tokenp, sizep);
}

static int attest_as(const struct atls_evidence_source *lent, const char *kind,
                     struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep)
{
    const struct source *source = source_of(lent);

    return atls_device_attest_as(source->device, kind, source->handle, challenge, evidencep, sizep);
}

int atls_attester_ask(const struct atls_attester *attester,
                      const struct atls_evidence_format *format, struct atls_device *device,
                      const struct atls_attester_identity *identity, struct atls_bytes challenge,
                      uint8_t **evidencep, size_t *sizep)
{
    static const struct atls_evidence_source_ops ops = {attest_key, attest_key_of_2022,
                                                        attest_platform, attest_as};
    struct source source = {.lent = {.ops = &ops,
                                     .key = &identity->key,
                                     .challenge_hashed = attester->options.challenge_hashed},
                            .device = device,
                            .handle = identity->handle};

    return format->make(&source.lent, challenge, evidencep, sizep);
}

/* The device's evidence over CHALLENGE, or what faults of the nonce make of it. Evidence that names
 * no key may as well be the second device's. */
static int ask_device(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                      uint8_t **evidencep, size_t *sizep)
{
    bool second = attester->second && !attester->format->key_in;
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
        atls_attester_ask(attester, attester->format, second ? attester->second : attester->device,
                          &attester->attested, challenge, evidencep, sizep);
    free(foreign);
    return result;
}

static int make_stale(struct atls_attester *attester)
{
    uint8_t bytes[STALE_CHALLENGE_SIZE];
    struct atls_bytes challenge = ATLS_BYTES(bytes, sizeof bytes);
    int result = atls_crypto_hosted.random(bytes, sizeof bytes);

    return result ? result
                  : ask_device(attester, 0, challenge, &attester->stale, &attester->stale_size);
}

/* What cannot be had in the format, form and serialization that were asked for. */
static int check_format(const struct atls_attester *attester)
{
    const struct atls_attester_options *options = &attester->options;
    const struct atls_evidence_format *format = attester->format;
    bool record = options->cmw_form == ATLS_CMW_RECORD;

    if (options->key_outside && format->key_in) {
        const struct atls_evidence_format *without = atls_evidence_format_without_key();
        return atls_fail(ATLS_E_UNSUPPORTED, format->key_clause,
                         "a %s is about a key inside the device, for one outside it there is "
                         "none: expected %s (--evidence-format %s)",
                         format->key_in, without->what, without->name);
    }
    if (options->serialization == ATLS_JSON && !record) {
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9999 section 3.2", "a CMW in JSON is no tag");
    }
    if (!record && format->wrapping == ATLS_IN_CMW && format->content_format < 0) {
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 9999 section 3.2",
                         "a tag is made of a content format, and %s has none", format->record_type);
    }
    return atls_attester_check_faults(attester);
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
    if (!result &&
        (atls_faults_has(faults, "other-key", NULL) || atls_faults_has(faults, "tpm-name", NULL))) {
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
    attester->format =
        options->evidence_format ? options->evidence_format : atls_evidence_formats[0];
    attester->breaks = atls_evidence_faults_of(attester->format);
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

int atls_attester_make(struct atls_attester *attester, unsigned conn, struct atls_bytes challenge,
                       uint8_t **evidencep, size_t *sizep)
{
    const struct atls_evidence_format *format = attester->format;
    uint8_t *evidence = NULL;
    size_t size;

    if (format->check_challenge) {
        int result = format->check_challenge(challenge);
        if (result) {
            return atls_attester_fails(attester, result, "nonce-length");
        }
    }
    int result = ask_device(attester, conn, challenge, &evidence, &size);
    if (result) {
        return atls_attester_device_fails(attester, result);
    }
    if (attester->breaks->carry_out && attester->inner.count) {
        result = attester->breaks->carry_out(attester, conn, challenge, &evidence, &size);
        if (result) {
            free(evidence);
            return result;
        }
    }
    if (attester->attested.handle != attester->identity.handle) {
        atls_attester_tell_fault(attester, conn, "attested-other-key",
                                 "the KAT is about a key that is not presented");
    }
    *evidencep = evidence;
    *sizep = size;
    return 0;
}

/* A collection in CBOR, byte for byte what the device made, or in JSON. */
static int serialize(const struct atls_attester *attester, struct atls_bytes collection,
                     uint8_t **outp, size_t *sizep)
{
    struct atls_cmw *cmw;
    int result = atls_cmw_parse_as(ATLS_CBOR, collection, &cmw);

    if (!result) {
        result = atls_cmw_serialize(cmw, ATLS_JSON, outp, sizep);
        atls_cmw_free(cmw);
    }
    return result;
}

int atls_attester_wrap_evidence(struct atls_attester *attester, uint8_t **evidencep, size_t *sizep)
{
    const struct atls_evidence_format *format = attester->format;
    uint8_t *evidence = *evidencep;
    struct atls_bytes bytes = ATLS_BYTES(evidence, *sizep);
    int result;

    if (format->wrapping == ATLS_NO_CMW ||
        (format->wrapping == ATLS_IS_CMW && attester->options.serialization == ATLS_CBOR)) {
        return 0;
    }
    if (format->wrapping == ATLS_IS_CMW) {
        result = serialize(attester, bytes, evidencep, sizep);
        result = result ? atls_attester_fails(attester, result, "internal") : 0;
    } else {
        result = atls_attester_wrap(attester, format->record_type, format->content_format, bytes,
                                    ATLS_IND_EVIDENCE, evidencep, sizep);
    }
    free(evidence);
    return result;
}

int atls_attester_wrap(struct atls_attester *attester, const char *media_type, int content_format,
                       struct atls_bytes value, unsigned indicator, uint8_t **cmwp, size_t *sizep)
{
    struct atls_cmw message = {.form = attester->options.cmw_form,
                               .serialization = attester->options.serialization,
                               .value = value};

    if (message.form == ATLS_CMW_TAG) { /* it has no room for an indicator */
        message.type = (struct atls_cmw_type){.is_content_format = true,
                                              .content_format = (uint16_t)content_format};
    } else {
        message.type.media_type = atls_bytes_of_text(media_type);
        message.indicator = attester->options.no_indicator ? 0 : indicator;
    }
    int result = atls_cmw_serialize(&message, attester->options.serialization, cmwp, sizep);
    return result ? atls_attester_fails(attester, result, "internal") : 0;
}

int atls_attester_present(struct atls_attester *attester, unsigned conn, enum atls_model model,
                          uint8_t *cmw, size_t size, struct atls_credential *credentialp)
{
    bool other = atls_faults_has(attester->options.faults, "other-key", NULL);
    const struct atls_attester_identity *identity = other ? &attester->other : &attester->identity;
    uint8_t *broken;
    size_t broken_size;
    const char *name;
    int result = atls_attester_break_wrapper(attester, model, ATLS_BYTES(cmw, size), &broken,
                                             &broken_size, &name);

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

static int make_evidence(struct atls_attester *attester, unsigned conn, const char *direction,
                         struct atls_bytes challenge, struct atls_credential *credentialp)
{
    const struct atls_constant_nonce *constant = attester->options.constant_nonce;
    uint8_t *cmw;
    size_t size;

    atls_event(attester->events, "challenge", "{s:i, s:s, s:o}", "conn", (int)conn, "direction",
               direction, "nonce", atls_json_hex(challenge));
    if (constant && atls_bytes_equal(challenge, constant->nonce)) {
        atls_event(attester->events, "defect", "{s:i, s:s, s:s}", "conn", (int)conn, "name",
                   "constant-nonce", "detail", constant->defect);
    }
    if (challenge.size < ATLS_EAT_NONCE_MIN || challenge.size > ATLS_EAT_NONCE_MAX) {
        atls_fail(ATLS_E_LIMIT, "RFC 9711 section 4.1", "a nonce has 8 to 64 bytes, %zu came",
                  challenge.size);
        return atls_attester_fails(attester, ATLS_E_LIMIT, "nonce-length");
    }
    int result = atls_attester_make(attester, conn, challenge, &cmw, &size);
    result = result ? result : atls_attester_wrap_evidence(attester, &cmw, &size);
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
