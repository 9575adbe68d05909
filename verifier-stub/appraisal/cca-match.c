/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Arm CCA evidence measured against what is endorsed. A platform's components are matched as
 * those of PSA, its configuration as a whole. Of a realm several states may be endorsed: one of
 * them must fit in everything that it gives. A realm of which nothing is endorsed is not
 * recognized, as at Veraison; a realm whose extensible measurements differ is no approved one here,
 * while Veraison goes by the initial measurement.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "verifier-stub/appraisal/appraisal.h"

enum { APPROVED = 2, UNSAFE_CONFIG = 32, NOT_RECOGNIZED = 33, CONTRAINDICATED = 96 };

#define CONFIG_CLAUSE "draft-ffm-rats-cca-token section 4.5.3"
#define REALM_CLAUSE "draft-ffm-rats-cca-token section 4.8.4"
#define REM_CLAUSE "draft-ffm-rats-cca-token section 4.8.5"
#define RPV_CLAUSE "draft-ffm-rats-cca-token section 4.8.3"

static struct atls_bytes value_of(const struct atls_reference_value *reference)
{
    return ATLS_BYTES(reference->digest, reference->digest_size);
}

static void complain(struct atls_evidence_verdict *out, const char *reason, const char *clause,
                     const char *text)
{
    if (!out->reason)
        atls_evidence_verdict_say(out, reason, clause, "%s", text);
}

/* The configuration is one value; several that are endorsed are alternatives. */
static int match_config(struct atls_bytes config, const struct atls_reference_set *endorsed,
                        struct atls_evidence_verdict *out)
{
    int *claim = &out->submods[out->submod].trust_vector[ATLS_CONFIGURATION];

    *claim = UNSAFE_CONFIG;
    for (size_t i = 0; i < endorsed->count; i++)
        if (atls_bytes_equal(value_of(&endorsed->values[i]), config)) {
            *claim = APPROVED;
            return 0;
        }
    complain(out, "reference-value-mismatch", CONFIG_CLAUSE,
             endorsed->count
                 ? "platform configuration: expected one that is endorsed, came another"
                 : "platform configuration: expected one that is endorsed, and none is");
    return atls_note_mismatch(out, "cca.platform-config", endorsed, config);
}

int atls_match_cca_platform(const struct atls_psa_claims *claims, struct atls_bytes config,
                            const struct atls_reference_set *references,
                            struct atls_evidence_verdict *out)
{
    /* Both sets borrow from REFERENCES: components from the front, configurations from the back. */
    struct atls_reference_value *all = calloc(references->count + 1, sizeof *all);
    struct atls_reference_set components = {all, 0}, configs = {all + references->count, 0};
    int result;

    if (!all)
        return atls_fail(-ENOMEM, NULL, "no memory for reference values");
    for (size_t i = 0; i < references->count; i++) {
        if (references->values[i].pcr == ATLS_CCA_CONFIG) {
            *--configs.values = references->values[i];
            configs.count++;
        } else {
            all[components.count++] = references->values[i];
        }
    }
    result = atls_match_components(claims, &components, out);
    if (!result)
        result = match_config(config, &configs, out);
    free(all);
    return result;
}

static struct atls_bytes measured_of(const struct atls_judge_realm *realm, unsigned which)
{
    if (which == ATLS_CCA_RIM)
        return realm->initial;
    if (which == ATLS_CCA_RPV)
        return realm->personalization;
    return which - ATLS_CCA_REM < realm->extensible_count ? realm->extensible[which - ATLS_CCA_REM]
                                                          : ATLS_BYTES(NULL, 0);
}

static bool fits(const struct atls_reference_value *value, const struct atls_judge_realm *realm)
{
    return value->pcr >= ATLS_CCA_RIM && value->pcr <= ATLS_CCA_RPV &&
           atls_bytes_equal(value_of(value), measured_of(realm, value->pcr));
}

/* Does the state that LEADER is of fit in everything? BUT_REMS: in all but extensible ones. */
static bool state_fits(const struct atls_judge_realm *realm,
                       const struct atls_reference_set *references,
                       const struct atls_reference_value *leader, bool but_rems)
{
    for (size_t i = 0; i < references->count; i++) {
        const struct atls_reference_value *value = &references->values[i];
        bool is_rem = value->pcr >= ATLS_CCA_REM && value->pcr < ATLS_CCA_RPV;

        if (memcmp(value->set, leader->set, sizeof value->set) == 0 && !(but_rems && is_rem) &&
            !fits(value, realm))
            return false;
    }
    return true;
}

static bool any_fits(const struct atls_judge_realm *realm,
                     const struct atls_reference_set *references, bool but_rems)
{
    for (size_t i = 0; i < references->count; i++)
        if (state_fits(realm, references, &references->values[i], but_rems))
            return true;
    return false;
}

/* What of the realm is in no state that is endorsed. */
static int list_mismatches(const struct atls_judge_realm *realm,
                           const struct atls_reference_set *references,
                           struct atls_evidence_verdict *out)
{
    static const char *const names[ATLS_CCA_MEASURED] = {
        [ATLS_CCA_RIM] = "cca.rim",      [ATLS_CCA_REM] = "cca.rem0",
        [ATLS_CCA_REM + 1] = "cca.rem1", [ATLS_CCA_REM + 2] = "cca.rem2",
        [ATLS_CCA_REM + 3] = "cca.rem3", [ATLS_CCA_RPV] = "cca.rpv"};
    int result = 0;

    for (unsigned which = ATLS_CCA_RIM; !result && which <= ATLS_CCA_RPV; which++) {
        const struct atls_reference_value *expected = NULL;
        bool fitting = false;

        for (size_t i = 0; i < references->count; i++) {
            if (references->values[i].pcr != which)
                continue;
            expected = &references->values[i];
            fitting = fitting || fits(expected, realm);
        }
        if (!expected || fitting)
            continue;
        const struct atls_reference_set alone = {(struct atls_reference_value *)(uintptr_t)expected,
                                                 1};
        result = atls_note_mismatch(out, names[which], &alone, measured_of(realm, which));
    }
    return result;
}

int atls_match_realm(const struct atls_judge_realm *realm,
                     const struct atls_reference_set *references, struct atls_evidence_verdict *out)
{
    static const struct atls_reference_set none = {NULL, 0};
    int *claim = &out->submods[out->submod].trust_vector[ATLS_EXECUTABLES];

    if (any_fits(realm, references, false)) {
        *claim = APPROVED;
        return 0;
    }
    *claim = NOT_RECOGNIZED;
    if (references->count == 0) {
        complain(out, "unknown-component", REALM_CLAUSE,
                 "realm: no reference value is its initial measurement");
        return atls_note_mismatch(out, "cca.rim", &none, realm->initial);
    }
    if (any_fits(realm, references, true)) {
        complain(out, "reference-value-mismatch", REM_CLAUSE,
                 "realm: its initial measurement is endorsed, its extensible measurements are not");
    } else {
        *claim = CONTRAINDICATED;
        complain(out, "reference-value-mismatch", RPV_CLAUSE,
                 "realm: its initial measurement is endorsed, for another personalization value");
    }
    return list_mismatches(realm, references, out);
}
