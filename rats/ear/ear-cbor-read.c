/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of an EAR in CBOR as claims in JSON, strictly by the table of labels. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-item.h"
#include "rats/cose/cwt.h"
#include "rats/ear/ear-labels.h"

#define TO_JSON "RFC 8949 section 6.1"

enum { LABEL_PROFILE = 265 };

/* Takes VALUE over, NULL of which is a lack of memory. */
static int give(json_t *value, json_t **valuep)
{
    if (!value)
        return atls_ear_no_memory();
    *valuep = value;
    return 0;
}

/* A member that comes twice was refused already as CBOR, but for two labels that JSON spells alike.
 */
static int add(json_t *object, const char *name, size_t size, json_t *value)
{
    if (memchr(name, 0, size)) {
        json_decref(value);
        return atls_fail(ATLS_E_UNSUPPORTED, TO_JSON, "EAR: expected a name without U+0000");
    }
    char *copy = strndup(name, size);
    bool again = copy && json_object_get(object, copy);
    int result = json_object_set_new(object, copy, value) ? atls_ear_no_memory() : 0;
    if (again)
        result = atls_fail(ATLS_E_MALFORMED, TO_JSON, "EAR: expected the name %.64s once", copy);
    free(copy);
    return result;
}

static int read_text(struct atls_cbor_reader *r, const char *what, json_t **valuep)
{
    struct atls_bytes text;
    int result = atls_cbor_read_text(r, what, &text);

    return result ? result : give(json_stringn((const char *)text.data, text.size), valuep);
}

static int read_bytes(struct atls_cbor_reader *r, const char *what, json_t **valuep)
{
    struct atls_bytes bytes;
    int result = atls_cbor_read_bytes(r, what, &bytes);

    return result ? result : give(atls_json_base64(ATLS_BASE64URL, bytes), valuep);
}

static int read_time(struct atls_cbor_reader *r, int64_t label, json_t **valuep)
{
    bool is_float = atls_cbor_peek(r) == ATLS_CBOR_FLOAT;
    struct atls_cwt_times times = {.exp = 0};
    int result = atls_cwt_read_time(r, label, &times);
    double value = times.has_exp ? times.exp : times.has_nbf ? times.nbf : times.iat;

    if (result)
        return result;
    return give(is_float ? json_real(value) : json_integer((json_int_t)value), valuep);
}

static int read_tier(struct atls_cbor_reader *r, const char *what, json_t **valuep)
{
    int64_t number;
    enum atls_tier tier;
    int result = atls_cbor_read_int(r, what, &number);

    if (result)
        return result;
    if (atls_tier_by_number(number, &tier))
        return give(json_string(atls_tier_name(tier)), valuep);
    return atls_fail(ATLS_E_MALFORMED, ATLS_EAR_CLAUSE,
                     "EAR %s: expected 0, 2, 32 or 96, came %lld", what, (long long)number);
}

typedef int read_function(struct atls_cbor_reader *r, const char *what, json_t **valuep);

static int read_array(struct atls_cbor_reader *r, const char *what, read_function *read_element,
                      json_t **valuep)
{
    json_t *array = json_array(), *value = NULL;
    size_t left;
    int result = array ? atls_cbor_read_array(r, what, &left) : atls_ear_no_memory();

    while (!result && atls_cbor_next(r, &left)) {
        result = read_element(r, what, &value);
        if (!result && json_array_append_new(array, value))
            result = atls_ear_no_memory();
    }
    if (result)
        json_decref(array);
    else
        *valuep = array;
    return result;
}

static int read_texts(struct atls_cbor_reader *r, const char *what, json_t **valuep)
{
    return atls_cbor_peek(r) == ATLS_CBOR_ARRAY ? read_array(r, what, read_text, valuep)
                                                : read_text(r, what, valuep);
}

/* Several nonces are one too many whatever they are. */
static int read_bytes_or_array(struct atls_cbor_reader *r, const char *what, json_t **valuep)
{
    return atls_cbor_peek(r) == ATLS_CBOR_ARRAY ? read_array(r, what, read_bytes, valuep)
                                                : read_bytes(r, what, valuep);
}

/* A label that is nobody's is spelt as the number that it is: the parser of claims refuses it. */
static int read_claim(struct atls_cbor_reader *r, json_t *vector)
{
    int64_t label, claim;
    char name[24];
    int result = atls_cbor_read_int(r, "label of a trust claim", &label);

    result = result ? result : atls_cbor_read_int(r, "trust claim", &claim);
    if (!result) {
        if (label >= 0 && label < ATLS_TRUST_CLAIM_COUNT)
            snprintf(name, sizeof name, "%s", atls_trust_claim_name((enum atls_trust_claim)label));
        else
            snprintf(name, sizeof name, "%lld", (long long)label);
        result = add(vector, name, strlen(name), json_integer(claim));
    }
    return result;
}

static int read_vector(struct atls_cbor_reader *r, const char *what, json_t **valuep)
{
    json_t *vector = json_object();
    size_t left;
    int result = vector ? atls_cbor_read_map(r, what, &left) : atls_ear_no_memory();

    while (!result && atls_cbor_next(r, &left))
        result = read_claim(r, vector);
    if (result)
        json_decref(vector);
    else
        *valuep = vector;
    return result;
}

static int read_any(struct atls_cbor_reader *r, const char *what, json_t **valuep);

/* Names are texts; a number is spelt as such (RFC 8949 section 6.1). */
static int read_any_map(struct atls_cbor_reader *r, const char *what, json_t **valuep)
{
    json_t *object = json_object(), *value;
    size_t left;
    int result = object ? atls_cbor_read_map(r, what, &left) : atls_ear_no_memory();

    while (!result && atls_cbor_next(r, &left)) {
        struct atls_bytes name;
        char spelt[24];
        int64_t number;
        if (atls_cbor_peek(r) == ATLS_CBOR_TEXT) {
            result = atls_cbor_read_text(r, what, &name);
        } else {
            result = atls_cbor_read_int(r, what, &number);
            if (!result)
                snprintf(spelt, sizeof spelt, "%lld", (long long)number);
            name = result ? (struct atls_bytes){NULL, 0} : atls_bytes_of_text(spelt);
        }
        result = result ? result : read_any(r, what, &value);
        result = result ? result : add(object, (const char *)name.data, name.size, value);
    }
    if (result)
        json_decref(object);
    else
        *valuep = object;
    return result;
}

/* What has no place in JSON is null there (RFC 8949 section 6.1). */
static json_t *number_of(const struct atls_cbor_item *item)
{
    uint64_t bits;
    double value;

    if (item->type == ATLS_CBOR_FLOAT) {
        bits = atls_cbor_item_double_bits(item);
        memcpy(&value, &bits, sizeof value);
        return isfinite(value) ? json_real(value) : json_null();
    }
    if (item->argument <= INT64_MAX)
        return json_integer(item->type == ATLS_CBOR_NINT ? -1 - (json_int_t)item->argument
                                                         : (json_int_t)item->argument);
    value = (double)item->argument;
    return json_real(item->type == ATLS_CBOR_NINT ? -1 - value : value);
}

static int read_number(struct atls_cbor_reader *r, json_t **valuep)
{
    struct atls_cbor_item item;
    int result = atls_cbor_item_decode(r->in, r->at, &item);

    r->at += result ? 0 : item.size;
    return result ? result : give(number_of(&item), valuep);
}

static int read_any(struct atls_cbor_reader *r, const char *what, json_t **valuep)
{
    uint64_t tag;
    bool truth;
    int result;

    switch (atls_cbor_peek(r)) {
    case ATLS_CBOR_UINT:
    case ATLS_CBOR_NINT:
    case ATLS_CBOR_FLOAT:
        return read_number(r, valuep);
    case ATLS_CBOR_BYTES:
        return read_bytes(r, what, valuep);
    case ATLS_CBOR_TEXT:
        return read_text(r, what, valuep);
    case ATLS_CBOR_ARRAY:
        return read_array(r, what, read_any, valuep);
    case ATLS_CBOR_MAP:
        return read_any_map(r, what, valuep);
    case ATLS_CBOR_TAG:
        result = atls_cbor_read_tag(r, what, &tag);
        return result ? result : read_any(r, what, valuep);
    case ATLS_CBOR_BOOL:
        result = atls_cbor_read_bool(r, what, &truth);
        return result ? result : give(json_boolean(truth), valuep);
    default:
        result = atls_cbor_skip(r);
        return result ? result : give(json_null(), valuep);
    }
}

static int read_map(struct atls_cbor_reader *r, const struct atls_ear_label *rows,
                    enum atls_ear_dialect dialect, const char *what, json_t **valuep);

static int read_maps(struct atls_cbor_reader *r, const struct atls_ear_label *rows,
                     enum atls_ear_dialect dialect, const char *what, json_t **valuep)
{
    json_t *maps = json_object(), *map;
    size_t left;
    int result = maps ? atls_cbor_read_map(r, what, &left) : atls_ear_no_memory();

    while (!result && atls_cbor_next(r, &left)) {
        struct atls_bytes name;
        result = atls_cbor_read_text(r, "name of a submod", &name);
        result = result ? result : read_map(r, rows, dialect, "submod", &map);
        result = result ? result : add(maps, (const char *)name.data, name.size, map);
    }
    if (result)
        json_decref(maps);
    else
        *valuep = maps;
    return result;
}

static int read_value(struct atls_cbor_reader *r, const struct atls_ear_label *row,
                      enum atls_ear_dialect dialect, json_t **valuep)
{
    const char *name = atls_ear_label_name(row, dialect);

    switch (row->kind) {
    case ATLS_EAR_TEXT:
        return read_text(r, name, valuep);
    case ATLS_EAR_TEXTS:
        return read_texts(r, name, valuep);
    case ATLS_EAR_TIME:
        return read_time(r, row->label, valuep);
    case ATLS_EAR_BYTES:
        return read_bytes_or_array(r, name, valuep);
    case ATLS_EAR_TIER:
        return read_tier(r, name, valuep);
    case ATLS_EAR_VECTOR:
        return read_vector(r, name, valuep);
    case ATLS_EAR_MAP:
        return read_map(r, row->members, dialect, name, valuep);
    case ATLS_EAR_MAPS:
        return read_maps(r, row->members, dialect, name, valuep);
    default: /* ATLS_EAR_ANY */
        return read_any_map(r, name, valuep);
    }
}

/* The row of the next item, a label; NULL: nobody's here. */
static int read_label(struct atls_cbor_reader *r, const struct atls_ear_label *rows,
                      enum atls_ear_dialect dialect, const struct atls_ear_label **rowp)
{
    struct atls_bytes text = {NULL, 0};
    bool is_text = atls_cbor_peek(r) == ATLS_CBOR_TEXT;
    int64_t label = INT64_MIN;
    int result = is_text ? atls_cbor_read_text(r, "claim", &text) : atls_cwt_read_key(r, &label);

    *rowp = NULL;
    for (; !result && !*rowp && rows->dialects; rows++)
        if ((rows->dialects & 1u << dialect) && is_text == (rows->text != NULL) &&
            (is_text ? atls_bytes_is_text(text, rows->text) : label == rows->label))
            *rowp = rows;
    return result;
}

/* "A receiver MUST ignore any unknown claim" (section 4). */
static int read_map(struct atls_cbor_reader *r, const struct atls_ear_label *rows,
                    enum atls_ear_dialect dialect, const char *what, json_t **valuep)
{
    json_t *object = json_object(), *value = NULL;
    const struct atls_ear_label *row;
    size_t left;
    int result = object ? atls_cbor_read_map(r, what, &left) : atls_ear_no_memory();

    while (!result && atls_cbor_next(r, &left)) {
        result = read_label(r, rows, dialect, &row);
        if (result)
            break;
        if (!row) {
            result = atls_cbor_skip(r);
            continue;
        }
        result = read_value(r, row, dialect, &value);
        if (!result && json_object_set_new(object, atls_ear_label_name(row, dialect), value))
            result = atls_ear_no_memory();
    }
    if (result)
        json_decref(object);
    else
        *valuep = object;
    return result;
}

/* Names depend on the dialect, which is somewhere in the map: of one that nobody knows, the parser
 * of claims says so. */
static int find_dialect(struct atls_cbor_reader r, enum atls_ear_dialect *dialectp)
{
    struct atls_bytes profile;
    size_t left;
    int64_t label;
    int result = atls_cbor_read_map(&r, "claims of an EAR", &left);

    *dialectp = ATLS_EAR_DRAFT_04;
    while (!result && atls_cbor_next(&r, &left)) {
        result = atls_cwt_read_key(&r, &label);
        if (!result && label == LABEL_PROFILE && atls_cbor_peek(&r) == ATLS_CBOR_TEXT) {
            result = atls_cbor_read_text(&r, "eat_profile", &profile);
            for (int i = 0; !result && i < ATLS_EAR_DIALECTS; i++)
                if (atls_bytes_is_text(profile, atls_ear_names[i].profile))
                    *dialectp = (enum atls_ear_dialect)i;
            return result;
        }
        result = result ? result : atls_cbor_skip(&r);
    }
    return result;
}

int atls_ear_claims_of_cbor(struct atls_bytes in, json_t **claimsp)
{
    struct atls_cbor_reader r;
    enum atls_ear_dialect dialect;
    json_t *claims = NULL;
    int result = atls_cbor_open(&r, in, &atls_cbor_lenient, ATLS_EAR_CLAUSE);

    result = result ? result : find_dialect(r, &dialect);
    result = result ? result : read_map(&r, atls_ear_labels, dialect, "claims of an EAR", &claims);
    if (!result)
        *claimsp = claims;
    return result;
}
