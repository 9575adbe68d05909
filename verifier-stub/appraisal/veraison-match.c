/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Veraison's way of appraising a PSA token (scheme/psa-iot of its services, since v0.0.2603),
 * beside reference-match.c, which is this verifier's own. A component is looked up by its
 * measurement alone; then its name and version must be those that are endorsed with it, where any
 * are. Its signer is never looked at, and what is endorsed but was not measured is not missed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "verifier-stub/appraisal/manners.h"

/* The last one with this measurement, as a map that is filled in order has it. */
static const struct atls_reference_value *find(const struct atls_reference_set *references,
                                               struct atls_bytes measured)
{
    const struct atls_reference_key key = {.digest = measured};
    const struct atls_reference_entry *entry =
        atls_reference_find(references, ATLS_REFERENCE_BY_DIGEST, &key);

    return entry ? &entry->value : NULL;
}

static bool fits(const char *endorsed, struct atls_bytes measured)
{
    return !endorsed || atls_bytes_is_text(measured, endorsed);
}

static int match(const struct atls_psa_claims *claims, const struct atls_reference_set *references,
                 struct atls_evidence_verdict *out)
{
    int *executables = &out->submods[out->submod].trust_vector[ATLS_EXECUTABLES];

    *executables = ATLS_NOT_RECOGNIZED;
    for (size_t i = 0; i < claims->component_count; i++) {
        const struct atls_psa_component *component = &claims->components[i];
        const struct atls_reference_value *value;

        if (component->type.size == 0 || component->version.size == 0) {
            atls_evidence_verdict_say(
                out, "tier-none", NULL,
                "component %zu has no %s: Veraison's appraisal ends there, and "
                "its result claims nothing",
                i, component->type.size == 0 ? "measurement type" : "version");
            return ATLS_E_REFUSED;
        }
        value = find(references, component->value);
        if (value && fits(value->name, component->type) && fits(value->version, component->version))
            continue;
        atls_evidence_verdict_say(out, value ? "reference-value-mismatch" : "unknown-component",
                                  NULL, "component \"%.*s\": %s",
                                  component->type.size < 64 ? (int)component->type.size : 64,
                                  (const char *)component->type.data,
                                  value ? "its measurement is endorsed for another name or version"
                                        : "its measurement is no reference value");
        return 0;
    }
    *executables = ATLS_APPROVED;
    return 0;
}

/* A nonce, as far as one can go, into TEXT, which is empty. */
static void hex(struct atls_bytes bytes, char text[2 * ATLS_VERDICT_NONCE_MAX + 1])
{
    for (size_t i = 0; i < bytes.size && i < ATLS_VERDICT_NONCE_MAX; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
}

static void say_integrity(const struct atls_evidence_verdict *verdict, struct atls_bytes nonce,
                          char *text, size_t size)
{
    char came[2 * ATLS_VERDICT_NONCE_MAX + 1] = "", expected[sizeof came] = "";

    if (strcmp(verdict->reason, "nonce-mismatch") == 0) {
        hex(ATLS_BYTES(verdict->nonce, verdict->nonce_size), came);
        hex(nonce, expected);
        snprintf(text, size,
                 "integrity validation failed: bad evidence: freshness: psa-nonce (%s) does not "
                 "match session nonce (%s)",
                 came, expected);
    } else {
        snprintf(text, size, "integrity validation failed: bad evidence: %s",
                 verdict->has_algorithm
                     ? "signature verification failed: verification error"
                     : "unable to get verification algorithm: algorithm not found");
    }
}

/* A sentence where evidence is not genuine, and nothing otherwise. */
static int explain(const struct atls_evidence_verdict *verdict, struct atls_bytes nonce,
                   json_t **whyp)
{
    char text[600] = "";

    if (strncmp(verdict->reason, "malformed-", strlen("malformed-")) == 0)
        snprintf(text, sizeof text, "could not establish identity from evidence");
    else if (strcmp(verdict->reason, "unknown-attestation-key") == 0)
        snprintf(text, sizeof text, "no trust anchor for evidence");
    else if (verdict->submods[0].trust_vector[ATLS_HARDWARE] == ATLS_VERIFICATION_FAILED)
        say_integrity(verdict, nonce, text, sizeof text);
    *whyp = text[0] ? json_pack("{s:s}", "problem", text) : NULL;
    return text[0] && !*whyp ? atls_fail(-ENOMEM, NULL, "no memory for a result") : 0;
}

const struct atls_appraisal_manners atls_appraisal_veraison = {
    .parse_token = atls_veraison_token_parse,
    .match = match,
    .explain = explain,
};
