/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Arm CCA evidence measured against what is endorsed. A platform's components are matched as
 * those of PSA, its configuration as a whole. Of a realm several states may be endorsed: one of
 * them must fit in everything that it gives. A realm of which nothing is endorsed is not
 * recognized, as at Veraison; a realm whose extensible measurements differ is no approved one here,
 * while Veraison goes by the initial measurement.
 */
#include <errno.h>
#include <string.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "rats/json/json.h"
#include "verifier-stub/appraisal/appraisal.h"

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

/* The configuration is one value; several that are endorsed are alternatives, of which the newest
 * are listed. */
static int match_config(struct atls_bytes config, const struct atls_reference_set *references,
                        struct atls_evidence_verdict *out)
{
    const struct atls_reference_key key = {.what = ATLS_CCA_CONFIG, .digest = config};
    int *claim = &out->submods[out->submod].trust_vector[ATLS_CONFIGURATION];
    const struct atls_reference_entry *entry;
    json_t *expected;

    *claim = ATLS_UNSAFE_CONFIG;
    if (atls_reference_find(references, ATLS_REFERENCE_BY_DIGEST, &key)) {
        *claim = ATLS_APPROVED;
        return 0;
    }
    expected = json_array();
    entry = atls_reference_find(references, ATLS_REFERENCE_BY_NAME, &key);
    complain(out, "reference-value-mismatch", CONFIG_CLAUSE,
             entry ? "platform configuration: expected one that is endorsed, came another"
                   : "platform configuration: expected one that is endorsed, and none is");
    for (; entry && json_array_size(expected) < ATLS_MISMATCHES_LISTED;
         entry = atls_reference_next(references, ATLS_REFERENCE_BY_NAME, entry))
        atls_json_append(&expected, atls_json_hex(value_of(&entry->value)));
    return atls_note_mismatch(out, "cca.platform-config", expected, config);
}

int atls_match_cca_platform(const struct atls_psa_claims *claims, struct atls_bytes config,
                            const struct atls_reference_set *references,
                            struct atls_evidence_verdict *out)
{
    int result = atls_match_components(claims, references, out);

    return result ? result : match_config(config, references, out);
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

/* How one endorsed state stands with the realm: in all that it gives, and in all but the extensible
 * measurements. */
struct state {
    bool counts, fits, fits_but_rems;
};

static bool is_rem(const struct atls_reference_value *value)
{
    return value->pcr >= ATLS_CCA_REM && value->pcr < ATLS_CCA_RPV;
}

/* Of the state that *AT stands at; moves behind it. Values of a state came together, so they stand
 * together. */
static struct state next_state(const struct atls_judge_realm *realm,
                               const struct atls_reference_set *references, size_t *at)
{
    const struct atls_reference_value *first = &references->values[*at]->value;
    struct state state = {false, true, true};

    for (; *at < references->count; ++*at) {
        const struct atls_reference_entry *entry = references->values[*at];

        if (memcmp(entry->value.set, first->set, sizeof first->set) != 0)
            break;
        if (!atls_reference_counts(references, entry))
            continue;
        state.counts = true;
        if (fits(&entry->value, realm))
            continue;
        state.fits = false;
        state.fits_but_rems = state.fits_but_rems && is_rem(&entry->value);
    }
    return state.counts ? state : (struct state){false, false, false};
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
        const struct atls_reference_key key = {.what = which, .digest = measured_of(realm, which)};
        const struct atls_reference_entry *expected =
            atls_reference_find(references, ATLS_REFERENCE_BY_NAME, &key);

        if (!expected || atls_reference_find(references, ATLS_REFERENCE_BY_DIGEST, &key))
            continue;
        result = atls_note_mismatch(out, names[which],
                                    json_pack("[o]", atls_json_hex(value_of(&expected->value))),
                                    key.digest);
    }
    return result;
}

int atls_match_realm(const struct atls_judge_realm *realm,
                     const struct atls_reference_set *references, struct atls_evidence_verdict *out)
{
    int *claim = &out->submods[out->submod].trust_vector[ATLS_EXECUTABLES];
    struct state best = {false, false, false};

    for (size_t at = 0; !best.fits && at < references->count;) {
        struct state state = next_state(realm, references, &at);

        best.counts = best.counts || state.counts;
        best.fits = state.fits;
        best.fits_but_rems = best.fits_but_rems || state.fits_but_rems;
    }
    if (best.fits) {
        *claim = ATLS_APPROVED;
        return 0;
    }
    *claim = ATLS_NOT_RECOGNIZED;
    if (!best.counts) {
        complain(out, "unknown-component", REALM_CLAUSE,
                 "realm: no reference value is its initial measurement");
        return atls_note_mismatch(out, "cca.rim", json_array(), realm->initial);
    }
    if (best.fits_but_rems) {
        complain(out, "reference-value-mismatch", REM_CLAUSE,
                 "realm: its initial measurement is endorsed, its extensible measurements are not");
    } else {
        *claim = ATLS_CONTRAINDICATED;
        complain(out, "reference-value-mismatch", RPV_CLAUSE,
                 "realm: its initial measurement is endorsed, for another personalization value");
    }
    return list_mismatches(realm, references, out);
}
