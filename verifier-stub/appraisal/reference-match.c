/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measured components against reference values. A reference value matches a component when the
 * digests are equal and so are name, version and signer, each where the reference value gives it
 * (Veraison's match key, plus the signer). Several endorsed versions of one component are
 * alternatives. An endorsed component that was not measured at all is a mismatch too: leaving a
 * component out of the boot record must not be a way round its reference value. Of reference values
 * without a name nothing says which are alternatives, so each of them must be among what was
 * measured. Executables are approved only where something was measured and all of it fits.
 *
 * Each component is looked up, so that what it takes grows with what was measured and hardly with
 * what is endorsed. Values of other things than components (struct atls_reference_value.pcr) are
 * passed over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "rats/corim/corim-keys.h"
#include "verifier-stub/appraisal/appraisal.h"

#define CLAUSE "RFC 9783 section 4.4.1"

/* What the components are matched with, and what has been found. */
struct match {
    const struct atls_reference_set *references;
    bool unnamed;   /* are there any without a name? */
    bool *measured; /* of references->required */
    size_t next;    /* of references->values: behind the one that was found last */
    struct atls_evidence_verdict *out;
};

/* Of this name or without one, of this version or without one: who may be meant for a component. */
static const struct {
    bool named, versioned;
} kinds[] = {{true, true}, {true, false}, {false, true}, {false, false}};
enum { KINDS = 4, UNNAMED_KINDS = 2 /* the first that is without a name */ };

static struct atls_reference_key key_of(const struct atls_psa_component *component, size_t kind)
{
    return (struct atls_reference_key){.named = kinds[kind].named,
                                       .versioned = kinds[kind].versioned,
                                       .name = component->type,
                                       .version = component->version,
                                       .digest = component->value};
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

static bool signer_fits(const struct atls_reference_value *value,
                        const struct atls_psa_component *component)
{
    return value->signer_id_size == 0 ||
           atls_bytes_equal(ATLS_BYTES(value->signer_id, value->signer_id_size),
                            component->signer_id);
}

static void note_measured(struct match *match, size_t required)
{
    if (required != SIZE_MAX)
        match->measured[required] = true;
}

/* ENTRY has the key of the component: was it measured? */
static bool note_fit(struct match *match, const struct atls_reference_entry *entry,
                     const struct atls_psa_component *component)
{
    if (!hash_fits(&entry->value, component) || !signer_fits(&entry->value, component))
        return false;
    note_measured(match, entry->required);
    match->next = entry->place + 1;
    return true;
}

/* Components mostly come in the order in which they were endorsed: does the next value fit? Then it
 * need not be looked up. */
static bool find_next(struct match *match, const struct atls_psa_component *component)
{
    const struct atls_reference_set *references = match->references;
    const struct atls_reference_key key = key_of(component, 0);
    const struct atls_reference_entry *entry =
        match->next < references->count ? references->values[match->next] : NULL;

    return entry && atls_reference_has_key(entry, ATLS_REFERENCE_BY_ALL, &key) &&
           atls_reference_counts(references, entry) && note_fit(match, entry, component);
}

/* Does a value of this kind fit? All of those without a name that do are measured; of those with
 * one the name is. */
static bool find_kind(struct match *match, const struct atls_psa_component *component, size_t kind)
{
    const struct atls_reference_key key = key_of(component, kind);
    const struct atls_reference_entry *entry =
        atls_reference_find(match->references, ATLS_REFERENCE_BY_ALL, &key);
    bool found = false;

    for (; entry && !(found && kinds[kind].named);
         entry = atls_reference_next(match->references, ATLS_REFERENCE_BY_ALL, entry))
        found |= note_fit(match, entry, component);
    return found;
}

/* Does a value fit that is meant for this component? */
static bool find(struct match *match, const struct atls_psa_component *component)
{
    const struct atls_reference_key key = key_of(component, 0);
    bool found = find_next(match, component);

    for (size_t kind = 0; kind < UNNAMED_KINDS && !found; kind++)
        found = find_kind(match, component, kind);
    if (!found) /* the name was measured in any case */
        note_measured(match, atls_reference_required(match->references, &key));
    for (size_t kind = UNNAMED_KINDS; kind < KINDS && match->unnamed; kind++)
        found |= find_kind(match, component, kind);
    return found;
}

/* Is any endorsed that agrees with the component in BY? */
static const struct atls_reference_entry *any(const struct match *match, enum atls_reference_by by,
                                              const struct atls_psa_component *component,
                                              size_t kind)
{
    const struct atls_reference_key key = key_of(component, kind);

    return atls_reference_find(match->references, by, &key);
}

static bool name_is_known(const struct match *match, const struct atls_psa_component *component)
{
    return any(match, ATLS_REFERENCE_BY_NAME, component, 0) ||
           any(match, ATLS_REFERENCE_BY_NAME, component, UNNAMED_KINDS);
}

static bool version_is_known(const struct match *match, const struct atls_psa_component *component)
{
    for (size_t kind = 0; kind < KINDS; kind++)
        if (any(match, ATLS_REFERENCE_BY_VERSION, component, kind))
            return true;
    return false;
}

/* Then its signer is another. */
static bool digest_is_known(const struct match *match, const struct atls_psa_component *component)
{
    for (size_t kind = 0; kind < KINDS; kind++) {
        const struct atls_reference_entry *entry =
            any(match, ATLS_REFERENCE_BY_ALL, component, kind);

        for (; entry; entry = atls_reference_next(match->references, ATLS_REFERENCE_BY_ALL, entry))
            if (hash_fits(&entry->value, component))
                return true;
    }
    return false;
}

/* Those of one name, or of none. The newest come first, and are listed in the order of their
 * coming. */
static void list_digests(json_t *digests, const struct atls_reference_set *references,
                         const struct atls_reference_key *key)
{
    size_t place = json_array_size(digests);
    const struct atls_reference_entry *entry =
        atls_reference_find(references, ATLS_REFERENCE_BY_NAME, key);

    for (; entry && json_array_size(digests) < ATLS_MISMATCHES_LISTED;
         entry = atls_reference_next(references, ATLS_REFERENCE_BY_NAME, entry))
        json_array_insert_new(
            digests, place,
            atls_json_hex(ATLS_BYTES(entry->value.digest, entry->value.digest_size)));
}

/* What is endorsed for this name, or for none; the newest of many. */
static json_t *expected_digests(struct atls_bytes name, const struct atls_reference_set *references)
{
    json_t *digests = json_array();

    list_digests(digests, references, &(struct atls_reference_key){.named = true, .name = name});
    list_digests(digests, references, &(struct atls_reference_key){.named = false});
    return digests;
}

static json_t *text_json(struct atls_bytes text)
{
    return json_stringn((const char *)text.data, text.size);
}

static bool all_listed(const struct atls_evidence_verdict *out)
{
    return json_array_size(out->mismatches) >= ATLS_MISMATCHES_LISTED;
}

/* Takes EXPECTED over. */
static int add_mismatch(struct atls_evidence_verdict *out, struct atls_bytes name,
                        struct atls_bytes measured, json_t *expected)
{
    json_t *mismatch;

    if (!out->mismatches)
        out->mismatches = json_array();
    if (all_listed(out)) {
        json_decref(expected);
        return 0;
    }
    mismatch = json_pack("{s:o, s:o, s:o}", "component",
                         name.size ? text_json(name) : json_string("(unnamed)"), "expected",
                         expected, "measured", atls_json_hex(measured));
    if (!mismatch || json_array_append_new(out->mismatches, mismatch) != 0)
        return atls_fail(-ENOMEM, NULL, "no memory for mismatches");
    return 0;
}

int atls_note_mismatch(struct atls_evidence_verdict *out, const char *component, json_t *expected,
                       struct atls_bytes measured)
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

static void complain_of(const struct match *match, const struct atls_psa_component *component)
{
    const char *name = (const char *)component->type.data;
    int size = printed(component->type);

    if (!name_is_known(match, component))
        complain(match->out, "unknown-component",
                 "component \"%.*s\": no reference value has this name", size, name);
    else if (!version_is_known(match, component))
        complain(match->out, "version-not-endorsed",
                 "component \"%.*s\": version \"%.*s\" is not among the endorsed ones", size, name,
                 printed(component->version), (const char *)component->version.data);
    else if (digest_is_known(match, component))
        complain(match->out, "reference-value-mismatch",
                 "component \"%.*s\": its measurement is endorsed, but for another signer", size,
                 name);
    else
        complain(match->out, "reference-value-mismatch",
                 "component \"%.*s\": its measurement is no reference value", size, name);
}

static int match_one(struct match *match, const struct atls_psa_component *component)
{
    if (find(match, component))
        return 0;
    complain_of(match, component);
    if (all_listed(match->out))
        return 0;
    return add_mismatch(match->out, component->type, component->value,
                        expected_digests(component->type, match->references));
}

static int miss_named(const struct match *match, const char *name)
{
    const struct atls_reference_key key = {.named = true, .name = atls_bytes_of_text(name)};

    if (!atls_reference_find(match->references, ATLS_REFERENCE_BY_NAME, &key))
        return 0; /* none of this name counts today */
    complain(match->out, "reference-value-mismatch",
             "component \"%.64s\" is endorsed but was not measured", name);
    return add_mismatch(match->out, key.name, ATLS_BYTES(NULL, 0),
                        expected_digests(key.name, match->references));
}

static int miss_unnamed(const struct match *match, const struct atls_reference_entry *entry)
{
    const struct atls_reference_value *value = &entry->value;

    if (!atls_reference_counts(match->references, entry))
        return 0;
    complain(match->out, "reference-value-mismatch",
             "a component without a name is endorsed (%zu bytes of digest, %02x%02x...) but was "
             "not measured",
             value->digest_size, value->digest[0], value->digest[1]);
    return add_mismatch(
        match->out, ATLS_BYTES(NULL, 0), ATLS_BYTES(NULL, 0),
        json_pack("[o]", atls_json_hex(ATLS_BYTES(value->digest, value->digest_size))));
}

static int find_missing(const struct match *match)
{
    int result = 0;

    /* what could not be listed any more need not be looked for: the verdict stands */
    for (size_t i = 0;
         result == 0 && i < match->references->required_count && !all_listed(match->out); i++) {
        const struct atls_reference_entry *entry = match->references->required[i];

        if (!match->measured[i])
            result = entry->value.name ? miss_named(match, entry->value.name)
                                       : miss_unnamed(match, entry);
    }
    return result;
}

int atls_match_components(const struct atls_psa_claims *claims,
                          const struct atls_reference_set *references,
                          struct atls_evidence_verdict *out)
{
    const struct atls_reference_key nameless = {.named = false};
    struct match match = {.references = references,
                          .unnamed = atls_reference_required(references, &nameless) != SIZE_MAX,
                          .measured = calloc(references->required_count + 1, sizeof(bool)),
                          .out = out};
    int result = 0;

    if (!match.measured)
        return atls_fail(-ENOMEM, NULL, "no memory for what was measured");
    out->submods[out->submod].trust_vector[ATLS_EXECUTABLES] = ATLS_NOT_RECOGNIZED;
    for (size_t i = 0; result == 0 && i < claims->component_count; i++)
        result = match_one(&match, &claims->components[i]);
    if (result == 0)
        result = find_missing(&match);
    free(match.measured);
    if (result == 0 && claims->component_count == 0 && !out->mismatches)
        complain(out, "unknown-component", "nothing was measured, and nothing is endorsed");
    if (result == 0 && !out->mismatches && claims->component_count > 0)
        out->submods[out->submod].trust_vector[ATLS_EXECUTABLES] = ATLS_APPROVED;
    return result;
}
