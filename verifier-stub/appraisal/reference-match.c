/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measured components against reference values. A reference value matches a component when the
 * digests are equal and so are name, version and signer, each where the reference value gives it
 * (Veraison's match key, plus the signer). Several endorsed versions of one component are
 * alternatives. An endorsed component that was not measured at all is a mismatch too: leaving a
 * component out of the boot record must not be a way round its reference value. Of reference values
 * without a name nothing says which are alternatives, so each of them must be among what was
 * measured. Executables are approved only where something was measured and all of it fits.
 */
#include <errno.h>
#include <string.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "rats/corim/corim-keys.h"
#include "verifier-stub/appraisal/appraisal.h"

enum { APPROVED = 2, NOT_RECOGNIZED = 33 };

#define CLAUSE "RFC 9783 section 4.4.1"

/* Where a component stands with those reference values that may be meant for it. */
struct standing {
    bool matched;
    bool name_known;    /* some reference value has its name, or has none */
    bool version_given; /* and some of those have a version */
    bool version_known; /* and one of those has this one, or has none */
    bool digest_known;  /* one of this version has its digest: then the signer is another */
};

static bool given_and_differs(const char *given, struct atls_bytes text)
{
    return given && !atls_bytes_is_text(text, given);
}

/* The description may name the hash algorithm, which then must be that of the reference value;
 * other texts (older firmware has some of its own) say nothing that could be compared. */
static bool hash_fits(const struct atls_reference_value *value,
                      const struct atls_psa_component *component)
{
    for (size_t i = 0; i < atls_corim_digests_count; i++) {
        if (atls_bytes_is_text(component->description, atls_corim_digests[i].name))
            return atls_corim_digests[i].hash == value->digest_hash;
    }
    return true;
}

static bool digest_fits(const struct atls_reference_value *value,
                        const struct atls_psa_component *component)
{
    return hash_fits(value, component) &&
           atls_bytes_equal(ATLS_BYTES(value->digest, value->digest_size), component->value);
}

static bool signer_fits(const struct atls_reference_value *value,
                        const struct atls_psa_component *component)
{
    return value->signer_id_size == 0 ||
           atls_bytes_equal(ATLS_BYTES(value->signer_id, value->signer_id_size),
                            component->signer_id);
}

/* Looks from *AT on, round to where it began, and leaves *AT behind what matched: endorsements tend
 * to be in the order of measurement, and then each component is found at the first look. */
static struct standing standing_of(const struct atls_psa_component *component,
                                   const struct atls_reference_set *references, size_t *at)
{
    struct standing s = {0};

    for (size_t i = 0; i < references->count && !s.matched; i++) {
        const struct atls_reference_value *value = &references->values[*at];
        *at = (*at + 1) % references->count;
        bool version_fits = !given_and_differs(value->version, component->version);

        if (given_and_differs(value->name, component->type))
            continue;
        s.name_known = true;
        s.version_given |= value->version != NULL;
        s.version_known |= version_fits;
        if (version_fits && digest_fits(value, component)) {
            s.digest_known = true;
            s.matched = signer_fits(value, component);
        }
    }
    return s;
}

static json_t *expected_digests(struct atls_bytes name, const struct atls_reference_set *references)
{
    json_t *digests = json_array();

    for (size_t i = 0; i < references->count && json_array_size(digests) < ATLS_MISMATCHES_LISTED;
         i++) {
        const struct atls_reference_value *value = &references->values[i];

        if (!given_and_differs(value->name, name))
            json_array_append_new(digests,
                                  atls_json_hex(ATLS_BYTES(value->digest, value->digest_size)));
    }
    return digests;
}

static json_t *text_json(struct atls_bytes text)
{
    return json_stringn((const char *)text.data, text.size);
}

static int add_mismatch(struct atls_evidence_verdict *out, struct atls_bytes name,
                        struct atls_bytes measured, const struct atls_reference_set *references)
{
    json_t *mismatch;

    if (!out->mismatches)
        out->mismatches = json_array();
    if (json_array_size(out->mismatches) >= ATLS_MISMATCHES_LISTED)
        return 0;
    mismatch = json_pack("{s:o, s:o, s:o}", "component",
                         name.size ? text_json(name) : json_string("(unnamed)"), "expected",
                         expected_digests(name, references), "measured", atls_json_hex(measured));
    if (!mismatch || json_array_append_new(out->mismatches, mismatch) != 0)
        return atls_fail(-ENOMEM, NULL, "no memory for mismatches");
    return 0;
}

int atls_note_mismatch(struct atls_evidence_verdict *out, const char *component,
                       const struct atls_reference_set *expected, struct atls_bytes measured)
{
    return add_mismatch(out, atls_bytes_of_text(component), measured, expected);
}

/* The first component that does not fit gives the reason; all of them are listed. */
__attribute__((format(printf, 3, 4))) static void
complain(struct atls_evidence_verdict *out, const char *reason, const char *format, ...)
{
    va_list arguments;

    if (out->reason)
        return;
    va_start(arguments, format);
    atls_evidence_verdict_say_va(out, reason, CLAUSE, format, arguments);
    va_end(arguments);
}

static int printed(struct atls_bytes text)
{
    return text.size < 64 ? (int)text.size : 64;
}

static int match_one(const struct atls_psa_component *component,
                     const struct atls_reference_set *references, size_t *at,
                     struct atls_evidence_verdict *out)
{
    struct standing s = standing_of(component, references, at);
    const char *name = (const char *)component->type.data;
    int size = printed(component->type);

    if (s.matched)
        return 0;
    if (!s.name_known)
        complain(out, "unknown-component", "component \"%.*s\": no reference value has this name",
                 size, name);
    else if (s.version_given && !s.version_known)
        complain(out, "version-not-endorsed",
                 "component \"%.*s\": version \"%.*s\" is not among the endorsed ones", size, name,
                 printed(component->version), (const char *)component->version.data);
    else if (s.digest_known)
        complain(out, "reference-value-mismatch",
                 "component \"%.*s\": its measurement is endorsed, but for another signer", size,
                 name);
    else
        complain(out, "reference-value-mismatch",
                 "component \"%.*s\": its measurement is no reference value", size, name);
    return add_mismatch(out, component->type, component->value, references);
}

/* As standing_of(): from *AT on. */
static bool is_measured(const char *name, const struct atls_psa_claims *claims, size_t *at)
{
    for (size_t i = 0; i < claims->component_count; i++) {
        const struct atls_psa_component *component = &claims->components[*at];
        *at = (*at + 1) % claims->component_count;
        if (atls_bytes_is_text(component->type, name))
            return true;
    }
    return false;
}

static bool named_before(const struct atls_reference_set *references, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (references->values[i].name &&
            strcmp(references->values[i].name, references->values[index].name) == 0)
            return true;
    }
    return false;
}

static int miss_named(const struct atls_psa_claims *claims,
                      const struct atls_reference_set *references, size_t index, size_t *at,
                      struct atls_evidence_verdict *out)
{
    const char *name = references->values[index].name;

    if (is_measured(name, claims, at) || named_before(references, index))
        return 0;
    complain(out, "reference-value-mismatch",
             "component \"%.64s\" is endorsed but was not measured", name);
    return add_mismatch(out, atls_bytes_of_text(name), ATLS_BYTES(NULL, 0), references);
}

/* As standing_of(): from *AT on. */
static bool value_is_measured(const struct atls_reference_value *value,
                              const struct atls_psa_claims *claims, size_t *at)
{
    for (size_t i = 0; i < claims->component_count; i++) {
        const struct atls_psa_component *component = &claims->components[*at];

        *at = (*at + 1) % claims->component_count;
        if (!given_and_differs(value->version, component->version) &&
            digest_fits(value, component) && signer_fits(value, component))
            return true;
    }
    return false;
}

static int miss_unnamed(const struct atls_psa_claims *claims,
                        const struct atls_reference_set *references, size_t index, size_t *at,
                        struct atls_evidence_verdict *out)
{
    const struct atls_reference_value *value = &references->values[index];
    const struct atls_reference_set alone = {references->values + index, 1};

    if (value_is_measured(value, claims, at))
        return 0;
    complain(out, "reference-value-mismatch",
             "a component without a name is endorsed (%zu bytes of digest, %02x%02x...) but was "
             "not measured",
             value->digest_size, value->digest[0], value->digest[1]);
    return add_mismatch(out, ATLS_BYTES(NULL, 0), ATLS_BYTES(NULL, 0), &alone);
}

static int find_missing(const struct atls_psa_claims *claims,
                        const struct atls_reference_set *references,
                        struct atls_evidence_verdict *out)
{
    size_t at = 0;
    int result = 0;

    /* what could not be listed any more need not be looked for: the verdict stands */
    for (size_t i = 0; result == 0 && i < references->count &&
                       json_array_size(out->mismatches) < ATLS_MISMATCHES_LISTED;
         i++)
        result = references->values[i].name ? miss_named(claims, references, i, &at, out)
                                            : miss_unnamed(claims, references, i, &at, out);
    return result;
}

int atls_match_components(const struct atls_psa_claims *claims,
                          const struct atls_reference_set *references,
                          struct atls_evidence_verdict *out)
{
    size_t at = 0;
    int result = 0;

    out->submods[out->submod].trust_vector[ATLS_EXECUTABLES] = NOT_RECOGNIZED;
    if (claims->component_count == 0 && references->count == 0)
        complain(out, "unknown-component", "nothing was measured, and nothing is endorsed");
    for (size_t i = 0; result == 0 && i < claims->component_count; i++)
        result = match_one(&claims->components[i], references, &at, out);
    if (result == 0)
        result = find_missing(claims, references, out);
    if (result == 0 && !out->mismatches && claims->component_count > 0)
        out->submods[out->submod].trust_vector[ATLS_EXECUTABLES] = APPROVED;
    return result;
}
