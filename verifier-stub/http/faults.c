/* SPDX-License-Identifier: Apache-2.0 */
/* Reading faults from the command line. */
#include "verifier-stub/http/faults.h"

#include <stdio.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"

static const struct {
    const char *name;
    enum atls_verifier_fault_kind kind;
    uint64_t least, most; /* of its value; 0, 0: it has none */
} faults[] = {
    {"delay", ATLS_FAULT_DELAY, 1, 600000},  {"garbage", ATLS_FAULT_GARBAGE, 0, 0},
    {"status", ATLS_FAULT_STATUS, 400, 599}, {"hang", ATLS_FAULT_HANG, 0, 0},
    {"close", ATLS_FAULT_CLOSE, 0, 0},
};

static const struct {
    const char *name;
    enum atls_endpoint endpoint;
} endpoints[] = {
    {"new-session", ATLS_ENDPOINT_NEW_SESSION},
    {"session", ATLS_ENDPOINT_SESSION},
    {"discovery", ATLS_ENDPOINT_DISCOVERY},
};

const char *atls_verifier_fault_name(enum atls_verifier_fault_kind kind)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i].kind == kind)
            return faults[i].name;
    }
    return "";
}

json_t *atls_verifier_fault_json(const struct atls_verifier_fault *fault)
{
    const char *endpoint = "";

    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        if (endpoints[i].endpoint == fault->endpoint)
            endpoint = endpoints[i].name;
    }
    if (fault->kind == ATLS_FAULT_DELAY)
        return json_sprintf("%u ms, at %s", fault->value, endpoint);
    if (fault->kind == ATLS_FAULT_STATUS)
        return json_sprintf("%u, at %s", fault->value, endpoint);
    return json_sprintf("at %s", endpoint);
}

static int parse_endpoint(const char *name, enum atls_endpoint *endpointp)
{
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        if (strcmp(endpoints[i].name, name) == 0) {
            *endpointp = endpoints[i].endpoint;
            return 0;
        }
    }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     "fault: expected @new-session, @session or @discovery, came \"@%s\"", name);
}

static int parse_value(const char *name, const char *value, size_t index, unsigned *valuep)
{
    uint64_t number = 0;
    int result = 0;

    if (faults[index].most == 0) {
        if (value)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s takes no value", name);
    } else {
        result = atls_parse_number(value ? value : "", name, faults[index].least,
                                   faults[index].most, &number);
    }
    if (result == 0)
        *valuep = (unsigned)number;
    return result;
}

int atls_verifier_fault_parse(const char *text, struct atls_verifier_fault *faultp)
{
    struct atls_verifier_fault fault = {.endpoint = ATLS_ENDPOINT_SESSION};
    char copy[64], *value, *endpoint;
    int result = 0;

    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault: unknown: \"%.80s\"", text);
    endpoint = strchr(copy, '@');
    if (endpoint) {
        *endpoint++ = 0;
        result = parse_endpoint(endpoint, &fault.endpoint);
    }
    if (result != 0)
        return result;
    value = strchr(copy, '=');
    if (value)
        *value++ = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (strcmp(copy, faults[i].name) != 0)
            continue;
        fault.kind = faults[i].kind;
        result = parse_value(copy, value, i, &fault.value);
        if (result == 0)
            *faultp = fault;
        return result;
    }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     "fault: expected delay=MS, garbage, status=CODE, hang or close, came \"%s\"",
                     copy);
}
