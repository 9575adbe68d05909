/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading CoRIM with one of the profiles. First the CDDL, as tables (corim-shape.c), then what it
 * says. An endorsement widens what a verifier accepts, so whatever could narrow it (a linked tag, a
 * condition, a measured value that nothing here compares) and is not understood is refused, never
 * skipped. Triples of other kinds only add: they are skipped, and that is told.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/corim/corim-read.h"
#include "rats/corim/corim-shape.h"

#define ITEMS_MAX ((size_t)1 << 18) /* a reference value has some 20 */

const struct atls_cbor_rules atls_corim_definite = {.max_size = (size_t)2 << 20,
                                                    .max_depth = 16,
                                                    .max_items = ITEMS_MAX,
                                                    .allow_unpreferred = true};
const struct atls_cbor_rules atls_corim_indefinite = {.max_size = (size_t)2 << 20,
                                                      .max_depth = 16,
                                                      .max_items = ITEMS_MAX,
                                                      .allow_indefinite = true,
                                                      .allow_unpreferred = true};
const struct atls_cbor_rules atls_corim_lax = {.max_size = (size_t)2 << 20,
                                               .max_depth = 16,
                                               .max_items = ITEMS_MAX,
                                               .allow_unpreferred = true,
                                               .skip_unknown = true};

void atls_corim_clear(struct atls_corim *corim)
{
    for (size_t i = 0; i < corim->reference_value_count; i++) {
        free(corim->reference_values[i].name);
        free(corim->reference_values[i].version);
    }
    free(corim->reference_values);
    free(corim->trust_anchors);
    free(corim->entity);
    free(corim->id);
    *corim = (struct atls_corim){0};
}

int atls_corim_no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "CoRIM: out of memory");
}

int atls_corim_read_text(struct atls_cbor_reader *r, const char *what, char **textp)
{
    struct atls_bytes text;
    char *copy;
    int e = atls_cbor_read_text(r, what, &text);

    if (e)
        return e;
    if (!text.size || memchr(text.data, 0, text.size))
        return atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected a text without NUL, not empty",
                         what);
    copy = strndup((const char *)text.data, text.size);
    if (!copy)
        return atls_corim_no_memory();
    free(*textp);
    *textp = copy;
    return 0;
}

int atls_corim_expect_tag(struct atls_cbor_reader *r, const char *what, uint64_t expected)
{
    uint64_t tag;
    int e;

    if (atls_cbor_peek(r) != ATLS_CBOR_TAG)
        return atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected tag %llu, came no tag", what,
                         (unsigned long long)expected);
    e = atls_cbor_read_tag(r, what, &tag);
    if (!e && tag != expected)
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected tag %llu, came tag %llu", what,
                      (unsigned long long)expected, (unsigned long long)tag);
    return e;
}

int atls_corim_unknown_key(struct atls_cbor_reader *r, const char *what, int64_t key)
{
    if (r->rules->skip_unknown)
        return atls_cbor_skip(r);
    return atls_fail(ATLS_E_UNSUPPORTED, r->clause, "%s: key %lld is not handled here", what,
                     (long long)key);
}

bool atls_validity_holds(const struct atls_validity *validity, int64_t now)
{
    return now >= validity->not_before && (validity->not_after == 0 || now <= validity->not_after);
}

const char *atls_corim_skipped_name(enum atls_corim_skipped what)
{
    static const char *const names[] = {
        [ATLS_SKIPPED_DEPENDENT_RIMS] = "dependent-rims",
        [ATLS_SKIPPED_ENDORSED] = "endorsed-triples",
        [ATLS_SKIPPED_IDENTITY] = "identity-triples",
        [ATLS_SKIPPED_DEPENDENCY] = "dependency-triples",
        [ATLS_SKIPPED_MEMBERSHIP] = "membership-triples",
        [ATLS_SKIPPED_COSWID] = "coswid-triples",
        [ATLS_SKIPPED_SERIES] = "conditional-endorsement-series-triples",
        [ATLS_SKIPPED_CONDITIONAL] = "conditional-endorsement-triples",
    };

    return names[what];
}

static int read_entity_member(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct atls_corim *corim = context;

    return key == ENTITY_NAME && !corim->entity
               ? atls_corim_read_text(r, "name of entity", &corim->entity)
               : atls_cbor_skip(r);
}

/* The first entity's name, unless there is one already. */
static int read_entities(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    size_t count;
    int e = atls_cbor_read_array(r, "entities", &count);

    while (!e && count--)
        e = atls_corim_read_members(r, "entity", read_entity_member, corim);
    return e;
}

int atls_corim_read_members(struct atls_cbor_reader *r, const char *what,
                            int (*read_member)(struct atls_cbor_reader *r, int64_t key,
                                               void *context),
                            void *context)
{
    size_t pairs;
    int e = atls_cbor_read_map(r, what, &pairs);

    while (!e && pairs--) {
        int64_t key;

        e = atls_cbor_read_int(r, what, &key);
        if (!e)
            e = read_member(r, key, context);
    }
    return e;
}

int atls_corim_read_wrapped(struct atls_bytes in, const struct atls_cbor_rules *rules,
                            const struct atls_corim_shape *shape, const char *clause,
                            int (*read)(struct atls_cbor_reader *r, void *context), void *context)
{
    struct atls_cbor_reader r, again;
    uint8_t *definite;
    size_t size;
    int e = atls_cbor_make_definite(in, &atls_corim_indefinite, &definite, &size);

    if (e)
        return e;
    e = atls_cbor_open(&r, ATLS_BYTES(definite, size), rules, clause);
    again = r;
    if (!e)
        e = atls_corim_check_shape(&r, shape);
    if (!e)
        e = read(&again, context);
    free(definite);
    return e;
}

static int read_comid_member(struct atls_cbor_reader *r, int64_t key, void *context)
{
    if (key == COMID_TRIPLES)
        return atls_corim_read_triples(r, context);
    if (key == COMID_ENTITIES)
        return read_entities(r, context);
    if (key == COMID_LINKED && !r->rules->skip_unknown)
        return atls_fail(ATLS_E_UNSUPPORTED, "draft-ietf-rats-corim section 5.1.3",
                         "CoMID: linked tags (3) are not handled here: a tag that supplements or "
                         "replaces another would be taken as if it stood alone");
    return atls_cbor_skip(r);
}

/* Its shape was checked: what is left says what it means. */
static int read_comid(struct atls_cbor_reader *r, void *context)
{
    return atls_corim_read_members(r, "CoMID", read_comid_member, context);
}

static int read_tags(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    size_t count;
    int e = atls_cbor_read_array(r, "tags", &count);

    while (!e && count--) {
        struct atls_bytes comid;
        uint64_t tag;

        e = atls_cbor_read_tag(r, "tag of CoRIM", &tag);
        if (!e && tag != TAG_COMID)
            e = atls_fail(ATLS_E_UNSUPPORTED, CORIM,
                          "CoRIM: expected CoMID (tag 506), came tag %llu",
                          (unsigned long long)tag);
        if (!e)
            e = atls_cbor_read_bytes(r, "CoMID", &comid);
        if (!e)
            e = atls_corim_read_wrapped(comid, r->rules, &atls_corim_shape_comid, COMID, read_comid,
                                        corim);
    }
    return e;
}

/* WHAT came in its place. */
static int other_profile(const char *what, int size, const char *came)
{
    return atls_fail(
        ATLS_E_UNSUPPORTED, CORIM, "CoRIM profile: expected %s, %s, %s, %s or %s, came %s%.*s",
        ATLS_CORIM_PSA_PROFILE, ATLS_CORIM_PARSEC_TPM_PROFILE, ATLS_CORIM_CCA_PLATFORM_PROFILE,
        ATLS_CORIM_CCA_REALM_PROFILE, ATLS_CORIM_PARSEC_CCA_PROFILE, what, size, came);
}

static int read_profile(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    struct atls_bytes text = {0};
    uint64_t tag = 0;
    int e = 0;

    corim->dialect = ATLS_CORIM_V0_2608;
    if (atls_cbor_peek(r) == ATLS_CBOR_TAG) {
        corim->dialect = ATLS_CORIM_MAIN;
        e = atls_cbor_read_tag(r, "profile", &tag);
    }
    if (!e && tag == TAG_OID)
        return other_profile("an OID", 0, "");
    if (!e)
        e = atls_cbor_read_text(r, "profile", &text);
    if (!e && !atls_corim_profile_of(text, &corim->profile))
        e = other_profile("", (int)(text.size < 128 ? text.size : 128), (const char *)text.data);
    return e;
}

static int read_float(struct atls_cbor_reader *r, bool is_end, int64_t *wholep)
{
    double seconds = 0;
    int e = atls_cbor_read_float(r, "time", &seconds);

    if (!e && !(seconds > -9e15 && seconds < 9e15))
        return atls_fail(ATLS_E_MALFORMED, "RFC 8949 section 3.4.2",
                         "time: expected a finite number of seconds");
    *wholep = (int64_t)seconds;
    *wholep += !is_end && (double)*wholep < seconds;
    return e;
}

/* Whole seconds: a fraction makes the time shorter, never longer. Times before 1971, which only an
 * error would write, come out as the first second, for 0 is no bound. */
int atls_corim_read_seconds(struct atls_cbor_reader *r, bool is_end, int64_t *secondsp)
{
    int64_t whole = 0;
    int e = atls_cbor_peek(r) == ATLS_CBOR_FLOAT ? read_float(r, is_end, &whole)
                                                 : atls_cbor_read_int(r, "time", &whole);

    if (!e)
        *secondsp = whole > 0 ? whole : 1;
    return e;
}

static int read_end(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct atls_validity *validity = context;
    int e;

    if (key != 0 && key != 1)
        return atls_cbor_skip(r); /* what the shape has let pass */
    e = atls_corim_expect_tag(r, "time", 1);
    return e ? e
             : atls_corim_read_seconds(r, key == 1,
                                       key == 1 ? &validity->not_after : &validity->not_before);
}

int atls_corim_read_validity(struct atls_cbor_reader *r, struct atls_validity *validityp)
{
    struct atls_validity validity = {0};
    int e = atls_corim_read_members(r, "validity", read_end, &validity);

    if (!e && validity.not_before > validity.not_after)
        e = atls_fail(ATLS_E_MALFORMED, "draft-ietf-rats-corim section 7.3",
                      "validity: it ends (%lld) before it begins (%lld)",
                      (long long)validity.not_after, (long long)validity.not_before);
    if (!e)
        *validityp = validity;
    return e;
}

/* corim-id: a text, or a UUID, whose bytes (16: its shape was checked) become text. */
static int read_id(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    struct atls_bytes b = {0};
    const uint8_t *u;
    int e;

    if (atls_cbor_peek(r) == ATLS_CBOR_TEXT)
        return atls_corim_read_text(r, "id of CoRIM", &corim->id);
    e = atls_cbor_read_bytes(r, "id of CoRIM", &b);
    u = b.data;
    if (!e &&
        asprintf(&corim->id, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
                 u[13], u[14], u[15]) < 0) {
        corim->id = NULL;
        e = atls_corim_no_memory();
    }
    return e;
}

/* The profile says how to read the tags, which stand before it: they wait. */
struct waiting {
    struct atls_corim *corim;
    struct atls_cbor_reader tags;
    bool has_profile;
};

static int read_corim_member(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct waiting *waiting = context;
    struct atls_corim *corim = waiting->corim;

    switch (key) {
    case CORIM_ID:
        return read_id(r, corim);
    case CORIM_TAGS:
        waiting->tags = *r;
        return atls_cbor_skip(r);
    case CORIM_DEPENDENT:
        corim->skipped |= 1u << ATLS_SKIPPED_DEPENDENT_RIMS;
        return atls_cbor_skip(r);
    case CORIM_PROFILE:
        waiting->has_profile = true;
        return read_profile(r, corim);
    case CORIM_VALIDITY:
        return atls_corim_read_validity(r, &corim->validity);
    case CORIM_ENTITIES:
        return read_entities(r, corim);
    default:
        return atls_corim_unknown_key(r, "CoRIM", key);
    }
}

static int read_corim_map(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    struct waiting waiting = {.corim = corim};
    int e = atls_corim_read_members(r, "CoRIM", read_corim_member, &waiting);

    if (e)
        return e;
    if (!waiting.has_profile)
        return other_profile("none", 0, "");
    return read_tags(&waiting.tags, corim);
}

static int read_corim(struct atls_bytes in, const struct atls_cbor_rules *rules,
                      struct atls_corim *corim)
{
    struct atls_cbor_reader r, shape;
    int e = atls_cbor_open(&r, in, rules, CORIM);

    if (!e)
        e = atls_corim_expect_tag(&r, "unsigned CoRIM", TAG_UNSIGNED_CORIM);
    if (e)
        return e;
    shape = r;
    e = atls_corim_check_shape(&shape, &atls_corim_shape_corim);
    if (!e)
        e = read_corim_map(&r, corim);
    for (size_t i = 0; !e && i < corim->reference_value_count; i++)
        corim->reference_values[i].validity = corim->validity;
    for (size_t i = 0; !e && i < corim->trust_anchor_count; i++)
        corim->trust_anchors[i].validity = corim->validity;
    return e;
}

static int parse(struct atls_bytes in, const struct atls_cbor_rules *rules,
                 struct atls_corim *corimp)
{
    struct atls_corim corim = {0};
    uint8_t *definite;
    size_t size;
    int e = atls_cbor_make_definite(in, &atls_corim_indefinite, &definite, &size);

    if (e)
        return e;
    e = read_corim(ATLS_BYTES(definite, size), rules, &corim);
    free(definite);
    if (e)
        atls_corim_clear(&corim);
    else
        *corimp = corim;
    return e;
}

int atls_corim_parse(struct atls_bytes in, struct atls_corim *corimp)
{
    return parse(in, &atls_corim_definite, corimp);
}

int atls_corim_parse_lax(struct atls_bytes in, struct atls_corim *corimp)
{
    return parse(in, &atls_corim_lax, corimp);
}
