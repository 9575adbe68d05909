/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of an EAR in JSON, as its writer makes them, in CBOR: by the table of labels. */
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/ear/ear-labels.h"
#include "rats/json/json.h"

static void write_text(struct atls_cbor_writer *w, const json_t *value)
{
    atls_cbor_write_text_bytes(w, atls_json_bytes(value));
}

/* Base64url, with padding or without. */
static int write_bytes(struct atls_cbor_writer *w, const json_t *value)
{
    struct atls_bytes text = atls_json_bytes(value);
    uint8_t *bytes;
    size_t size;
    int result = atls_base64_decode(ATLS_BASE64_ANY, text, &bytes, &size);

    if (result)
        return result;
    atls_cbor_write_bytes(w, ATLS_BYTES(bytes, size));
    free(bytes);
    return 0;
}

static void write_texts(struct atls_cbor_writer *w, const json_t *value)
{
    const json_t *entry;
    size_t i;

    if (json_is_array(value))
        atls_cbor_write_array(w, json_array_size(value));
    else
        write_text(w, value);
    json_array_foreach(value, i, entry) write_text(w, entry);
}

static void write_tier(struct atls_cbor_writer *w, const json_t *value)
{
    enum atls_tier tier;

    if (atls_tier_by_name(atls_json_text(value), &tier))
        atls_cbor_write_int(w, tier);
}

static void write_vector(struct atls_cbor_writer *w, const json_t *vector)
{
    atls_cbor_write_map(w, json_object_size(vector));
    for (size_t i = 0; i < ATLS_TRUST_CLAIM_COUNT; i++) {
        const json_t *claim =
            json_object_get(vector, atls_trust_claim_name((enum atls_trust_claim)i));
        if (!claim)
            continue;
        atls_cbor_write_uint(w, i);
        atls_cbor_write_int(w, json_integer_value(claim));
    }
}

/* Of two texts the shorter one comes first in deterministic encoding (RFC 8949 section 4.2.1). */
static int compare_names(const void *left, const void *right)
{
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    size_t a_size = strlen(a), b_size = strlen(b);

    int order = (a_size > b_size) - (a_size < b_size);

    return order ? order : memcmp(a, b, a_size);
}

/* The names of an object's members in that order, and NULL: allocated, and borrowed from it. NULL:
 * no memory. */
static const char **sorted_names(const json_t *object)
{
    const char **names = calloc(json_object_size(object) + 1, sizeof *names), *name;
    json_t *value, *members = (json_t *)(uintptr_t)object; /* only read */
    size_t count = 0;

    if (!names)
        return NULL;
    json_object_foreach(members, name, value) names[count++] = name;
    qsort(names, count, sizeof *names, compare_names);
    return names;
}

static void write_real(struct atls_cbor_writer *w, double value)
{
    uint8_t item[9] = {0xfb};
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    for (size_t i = 0; i < 8; i++)
        item[1 + i] = (uint8_t)(bits >> (56 - 8 * i));
    atls_cbor_write_encoded(w, ATLS_BYTES(item, sizeof item));
}

static int write_any(struct atls_cbor_writer *w, const json_t *value)
{
    const char **names = NULL;
    const json_t *entry;
    size_t i;
    int result = 0;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        names = sorted_names(value);
        if (!names)
            return atls_ear_no_memory();
        atls_cbor_write_map(w, json_object_size(value));
        for (i = 0; !result && names[i]; i++) {
            atls_cbor_write_text(w, names[i]);
            result = write_any(w, json_object_get(value, names[i]));
        }
        free(names);
        return result;
    case JSON_ARRAY:
        atls_cbor_write_array(w, json_array_size(value));
        json_array_foreach(value, i, entry) result = result ? result : write_any(w, entry);
        return result;
    case JSON_STRING:
        write_text(w, value);
        return 0;
    case JSON_INTEGER:
        atls_cbor_write_int(w, json_integer_value(value));
        return 0;
    case JSON_REAL:
        write_real(w, json_real_value(value));
        return 0;
    case JSON_NULL:
        atls_cbor_write_null(w);
        return 0;
    default:
        atls_cbor_write_bool(w, json_is_true(value));
        return 0;
    }
}

static int write_map(struct atls_cbor_writer *w, const json_t *object,
                     const struct atls_ear_label *rows, enum atls_ear_dialect dialect);

static int write_maps(struct atls_cbor_writer *w, const json_t *maps,
                      const struct atls_ear_label *rows, enum atls_ear_dialect dialect)
{
    const char **names = sorted_names(maps);
    int result = 0;

    if (!names)
        return atls_ear_no_memory();
    atls_cbor_write_map(w, json_object_size(maps));
    for (size_t i = 0; !result && names[i]; i++) {
        atls_cbor_write_text(w, names[i]);
        result = write_map(w, json_object_get(maps, names[i]), rows, dialect);
    }
    free(names);
    return result;
}

static int write_value(struct atls_cbor_writer *w, const json_t *value,
                       const struct atls_ear_label *row, enum atls_ear_dialect dialect)
{
    switch (row->kind) {
    case ATLS_EAR_TEXT:
        write_text(w, value);
        break;
    case ATLS_EAR_TEXTS:
        write_texts(w, value);
        break;
    case ATLS_EAR_TIME:
        atls_cbor_write_int(w, json_integer_value(value));
        break;
    case ATLS_EAR_BYTES:
        return write_bytes(w, value);
    case ATLS_EAR_TIER:
        write_tier(w, value);
        break;
    case ATLS_EAR_VECTOR:
        write_vector(w, value);
        break;
    case ATLS_EAR_MAP:
        return write_map(w, value, row->members, dialect);
    case ATLS_EAR_MAPS:
        return write_maps(w, value, row->members, dialect);
    case ATLS_EAR_ANY:
        return write_any(w, value);
    }
    return 0;
}

static const json_t *member_of(const json_t *object, const struct atls_ear_label *row,
                               enum atls_ear_dialect dialect)
{
    return row->dialects & 1u << dialect
               ? json_object_get(object, atls_ear_label_name(row, dialect))
               : NULL;
}

static int write_map(struct atls_cbor_writer *w, const json_t *object,
                     const struct atls_ear_label *rows, enum atls_ear_dialect dialect)
{
    const json_t *value;
    int result = 0;

    atls_cbor_write_map(w, json_object_size(object));
    for (; !result && rows->dialects; rows++) {
        value = member_of(object, rows, dialect);
        if (!value)
            continue;
        if (rows->text)
            atls_cbor_write_text(w, rows->text);
        else
            atls_cbor_write_int(w, rows->label);
        result = write_value(w, value, rows, dialect);
    }
    return result;
}

int atls_ear_claims_to_cbor(const json_t *claims, enum atls_ear_dialect dialect, uint8_t **cborp,
                            size_t *sizep)
{
    struct atls_cbor_writer w;
    struct atls_bytes cbor;
    size_t room = 2048; /* most fit at once; what the others need is known then */
    uint8_t *buffer = NULL;
    int result;

    do {
        free(buffer);
        buffer = malloc(room);
        if (!buffer)
            return atls_ear_no_memory();
        atls_cbor_write_init(&w, buffer, room);
        result = write_map(&w, claims, atls_ear_labels, dialect);
        result = result ? result : atls_cbor_write_done(&w, &cbor);
        room = w.used;
    } while (result == ATLS_E_LIMIT);
    if (result) {
        free(buffer);
        return result;
    }
    *cborp = buffer;
    *sizep = cbor.size;
    return 0;
}
