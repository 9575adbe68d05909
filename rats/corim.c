/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading CoRIM with the PSA profile. An endorsement widens what a verifier accepts, so whatever
 * could narrow it (a validity, a condition, a measured value that nothing here compares) and is not
 * understood is refused, never skipped. Triples of other kinds only add, and are skipped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/cbor-read.h"
#include "rats/corim-read.h"
#include "rats/error.h"

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
        return atls_fail(ATLS_E_MALFORMED, r->clause, "%s: a text without NUL, not empty, expected",
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
        return atls_fail(ATLS_E_MALFORMED, r->clause, "%s: tag %llu expected, no tag came", what,
                         (unsigned long long)expected);
    e = atls_cbor_read_tag(r, what, &tag);
    if (!e && tag != expected)
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: tag %llu expected, tag %llu came", what,
                      (unsigned long long)expected, (unsigned long long)tag);
    return e;
}

int atls_corim_unknown_key(const struct atls_cbor_reader *r, const char *what, int64_t key)
{
    return atls_fail(ATLS_E_UNSUPPORTED, r->clause, "%s: key %lld is not handled here", what,
                     (long long)key);
}

/* The first entity's name, unless there is one already. */
static int read_entities(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    size_t count, pairs;
    int e = atls_cbor_read_array(r, "entities", &count);

    while (!e && count--) {
        e = atls_cbor_read_map(r, "entity", &pairs);
        while (!e && pairs--) {
            int64_t key;

            e = atls_cbor_read_int(r, "key of entity", &key);
            if (!e && key == ENTITY_NAME && !corim->entity)
                e = atls_corim_read_text(r, "name of entity", &corim->entity);
            else if (!e)
                e = atls_cbor_skip(r);
        }
    }
    return e;
}

static int read_comid(struct atls_bytes in, struct atls_corim *corim)
{
    struct atls_cbor_reader r;
    bool has_identity = false, has_triples = false;
    size_t pairs;
    int e = atls_cbor_open(&r, in, &atls_cbor_strict, COMID);

    if (!e)
        e = atls_cbor_read_map(&r, "CoMID", &pairs);
    while (!e && pairs--) {
        int64_t key;

        e = atls_cbor_read_int(&r, "key of CoMID", &key);
        if (e)
            return e;
        has_identity |= key == COMID_IDENTITY;
        has_triples |= key == COMID_TRIPLES;
        if (key == COMID_TRIPLES)
            e = atls_corim_read_triples(&r, corim);
        else if (key == COMID_ENTITIES)
            e = read_entities(&r, corim);
        else
            e = atls_cbor_skip(&r);
    }
    if (!e && (!has_identity || !has_triples))
        e = atls_fail(ATLS_E_MISSING, COMID, "CoMID: %s is missing",
                      has_identity ? "triples (4)" : "tag identity (1)");
    return e ? e : atls_cbor_close(&r);
}

static int read_tags(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    size_t count;
    int e = atls_cbor_read_array(r, "tags", &count);

    if (!e && !count)
        e = atls_fail(ATLS_E_MALFORMED, CORIM, "CoRIM tags: at least one expected");
    while (!e && count--) {
        struct atls_bytes comid;
        uint64_t tag;

        e = atls_cbor_read_tag(r, "tag of CoRIM", &tag);
        if (!e && tag != TAG_COMID)
            e = atls_fail(ATLS_E_UNSUPPORTED, CORIM,
                          "CoRIM: CoMID (tag 506) expected, tag %llu "
                          "came",
                          (unsigned long long)tag);
        if (!e)
            e = atls_cbor_read_bytes(r, "CoMID", &comid);
        if (!e)
            e = read_comid(comid, corim);
    }
    return e;
}

static int read_profile(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    struct atls_bytes text;
    int e = 0;

    corim->dialect = ATLS_CORIM_V0_2608;
    if (atls_cbor_peek(r) == ATLS_CBOR_TAG) {
        corim->dialect = ATLS_CORIM_MAIN;
        e = atls_corim_expect_tag(r, "profile (URI)", TAG_URI);
    }
    if (!e)
        e = atls_cbor_read_text(r, "profile", &text);
    if (!e && !atls_bytes_is_text(text, ATLS_CORIM_PSA_PROFILE))
        e = atls_fail(ATLS_E_UNSUPPORTED, CORIM, "CoRIM profile: %s expected, %.*s came",
                      ATLS_CORIM_PSA_PROFILE, (int)(text.size < 128 ? text.size : 128),
                      (const char *)text.data);
    return e;
}

/* corim-id: a text, or a UUID whose bytes become text. */
static int read_id(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    struct atls_bytes b;
    const uint8_t *u;
    int e;

    if (atls_cbor_peek(r) == ATLS_CBOR_TEXT)
        return atls_corim_read_text(r, "id of CoRIM", &corim->id);
    e = atls_cbor_read_bytes(r, "id of CoRIM", &b);
    if (!e && b.size != 16)
        e = atls_fail(ATLS_E_MALFORMED, CORIM, "CoRIM id: a UUID has 16 bytes, %zu came", b.size);
    if (e)
        return e;
    u = b.data;
    if (asprintf(&corim->id, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                 u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
                 u[13], u[14], u[15]) < 0) {
        corim->id = NULL;
        return atls_corim_no_memory();
    }
    return 0;
}

/* The profile says how to read the tags, which stand before it: they wait. */
static int read_corim_map(struct atls_cbor_reader *r, struct atls_corim *corim)
{
    struct atls_cbor_reader tags = *r;
    bool has_tags = false, has_profile = false;
    size_t pairs;
    int e = atls_cbor_read_map(r, "CoRIM", &pairs);

    while (!e && pairs--) {
        int64_t key;

        e = atls_cbor_read_int(r, "key of CoRIM", &key);
        if (e)
            return e;
        switch (key) {
        case CORIM_ID:
            e = read_id(r, corim);
            break;
        case CORIM_TAGS:
            tags = *r;
            has_tags = true;
            e = atls_cbor_skip(r);
            break;
        case CORIM_PROFILE:
            has_profile = true;
            e = read_profile(r, corim);
            break;
        case CORIM_ENTITIES:
            e = read_entities(r, corim);
            break;
        default:
            e = atls_corim_unknown_key(r, "CoRIM", key);
        }
    }
    if (e)
        return e;
    if (!corim->id || !has_tags)
        return atls_fail(ATLS_E_MISSING, CORIM, "CoRIM: %s is missing",
                         corim->id ? "tags (1)" : "id (0)");
    if (!has_profile)
        return atls_fail(ATLS_E_UNSUPPORTED, CORIM, "CoRIM profile: %s expected, none came",
                         ATLS_CORIM_PSA_PROFILE);
    return read_tags(&tags, corim);
}

int atls_corim_parse(struct atls_bytes in, struct atls_corim *corimp)
{
    struct atls_corim corim = {0};
    struct atls_cbor_reader r;
    int e = atls_cbor_open(&r, in, &atls_cbor_strict, CORIM);

    if (!e)
        e = atls_corim_expect_tag(&r, "unsigned CoRIM", TAG_UNSIGNED_CORIM);
    if (!e)
        e = read_corim_map(&r, &corim);
    if (!e)
        e = atls_cbor_close(&r);
    if (e)
        atls_corim_clear(&corim);
    else
        *corimp = corim;
    return e;
}
