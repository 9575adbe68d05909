/* SPDX-License-Identifier: Apache-2.0 */
/* The table of code points, its overriding from JSON, and the names of alerts. */
#include "tls/wire/code-points.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "program/contract.h"
#include "program/program.h"
#include "rats/base/error.h"
#include "rats/json/json.h"

#define RENEGOTIATION_INFO 0xFF01 /* RFC 5746: in the private-use range, and taken */
#define CODE_POINTS_FILE_MAX 65536

enum kind { EXTENSION, CERTIFICATE_TYPE, ALERT };

/* A row of the contract without a member of enum atls_code_point is an error of the compiler. */
#define POINT(id, name, kind, number) [ATLS_CP_##id] = {name, kind, number},
static const struct {
    const char *name;
    enum kind kind;
    uint16_t value;
} table[] = {ATLS_CONTRACT_CODE_POINTS(POINT)};
static_assert(sizeof table / sizeof *table == ATLS_CODE_POINT_COUNT,
              "a code point without a row in contract.yaml");

#define ALERT_NAME(number, name) {number, name},
static const struct {
    uint8_t number;
    const char *name;
} tls_alerts[] = {ATLS_CONTRACT_ALERTS(ALERT_NAME)};

void atls_code_points_default(struct atls_code_points *pointsp)
{
    for (size_t i = 0; i < ATLS_CODE_POINT_COUNT; i++)
        pointsp->value[i] = table[i].value;
}

const char *atls_code_point_name(enum atls_code_point point)
{
    return point < ATLS_CODE_POINT_COUNT ? table[point].name : "unknown";
}

enum atls_code_point atls_extension_by_name(const char *name, size_t size)
{
    for (size_t i = 0; i < ATLS_CODE_POINT_COUNT; i++)
        if (table[i].kind == EXTENSION && strlen(table[i].name) == size &&
            memcmp(table[i].name, name, size) == 0)
            return (enum atls_code_point)i;
    return ATLS_CODE_POINT_COUNT;
}

static int number_of(const char *name, const json_t *value, uint64_t *numberp)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *numberp = (uint64_t)json_integer_value(value);
        return 0;
    }
    if (json_is_string(value) &&
        atls_parse_number(json_string_value(value), name, 0, UINT16_MAX, numberp) == 0)
        return 0;
    return atls_fail(ATLS_E_LIMIT, NULL,
                     "code point %s: expected a number from 0 to 65535 or a text of one", name);
}

static int set(struct atls_code_points *points, const char *name, const json_t *value)
{
    for (size_t i = 0; i < ATLS_CODE_POINT_COUNT; i++) {
        if (strcmp(name, table[i].name) != 0)
            continue;
        uint64_t number = 0;
        int result = number_of(name, value, &number);
        if (result != 0)
            return result;
        uint64_t most = table[i].kind == EXTENSION ? UINT16_MAX : UINT8_MAX;
        if (number > most || (table[i].kind == ALERT && number == 0))
            return atls_fail(ATLS_E_LIMIT, "RFC 8446 sections 4.2 and 6",
                             "code point %s: %llu is outside %s to %llu", name,
                             (unsigned long long)number, table[i].kind == ALERT ? "1" : "0",
                             (unsigned long long)most);
        if (table[i].kind == EXTENSION && number == RENEGOTIATION_INFO)
            return atls_fail(ATLS_E_LIMIT, "RFC 5746 section 3.2",
                             "code point %s: 0xFF01 is renegotiation_info", name);
        points->value[i] = (uint16_t)number;
        return 0;
    }
    return atls_fail(ATLS_E_MALFORMED, NULL, "there is no code point named \"%s\"", name);
}

static int distinct(const struct atls_code_points *points)
{
    for (size_t i = 0; i < ATLS_CODE_POINT_COUNT; i++)
        for (size_t j = i + 1; j < ATLS_CODE_POINT_COUNT; j++)
            if (table[i].kind == EXTENSION && table[j].kind == EXTENSION &&
                points->value[i] == points->value[j])
                return atls_fail(ATLS_E_LIMIT, "RFC 8446 section 4.2",
                                 "extensions %s and %s both have number %u", table[i].name,
                                 table[j].name, points->value[i]);
    return 0;
}

int atls_code_points_override(struct atls_code_points *points, struct atls_bytes json)
{
    json_error_t error;
    json_t *root = atls_json_loadb(json, JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        return atls_fail(-ENOMEM, NULL, "code points: out of memory");
    if (!root)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8259", "code points: %s (line %d)", error.text,
                         error.line);
    struct atls_code_points changed = *points;
    int result = 0;
    if (!json_is_object(root))
        result = atls_fail(ATLS_E_MALFORMED, NULL, "code points: expected a JSON object");
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value) if (result == 0) result = set(&changed, name, value);
    json_decref(root);
    if (result == 0)
        result = distinct(&changed);
    if (result == 0)
        *points = changed;
    return result;
}

int atls_code_points_load(struct atls_code_points *points, const char *path)
{
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, CODE_POINTS_FILE_MAX, &data, &size);
    if (result != 0)
        return result;
    result = atls_code_points_override(points, ATLS_BYTES(data, size));
    free(data);
    return result;
}

const char *atls_alert_name(const struct atls_code_points *points, unsigned alert)
{
    for (size_t i = 0; i < ATLS_CODE_POINT_COUNT; i++)
        if (table[i].kind == ALERT && points->value[i] == alert)
            return table[i].name;
    for (size_t i = 0; i < sizeof tls_alerts / sizeof *tls_alerts; i++)
        if (tls_alerts[i].number == alert)
            return tls_alerts[i].name;
    return "unknown";
}
