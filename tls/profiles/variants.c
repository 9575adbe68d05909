/* SPDX-License-Identifier: Apache-2.0 */
/* The table of readings. */
#include "tls/profiles/variants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/contract.h"
#include "rats/base/error.h"

/* A row of the contract without a member of struct atls_variants is an error of the compiler. */
#define ROW(member, name, question, what, readings, profiles)                                      \
    {name, question, what, offsetof(struct atls_variants, member), readings, profiles},
static const struct {
    const char *name, *ambiguity, *what;
    size_t at; /* of the member */
    const char *readings[ATLS_CONTRACT_READINGS_MAX + 1];
    const char *profiles[ATLS_CONTRACT_PROFILES_MAX + 1]; /* that leave it open */
} table[] = {ATLS_CONTRACT_VARIANTS(ROW)};
#define COUNT (sizeof table / sizeof *table)

static unsigned *member(struct atls_variants *variants, size_t i)
{
    return (unsigned *)(void *)((char *)variants + table[i].at);
}

static int set(struct atls_variants *variants, size_t i, const char *reading)
{
    for (unsigned r = 0; table[i].readings[r]; r++)
        if (strcmp(table[i].readings[r], reading) == 0) {
            *member(variants, i) = r;
            return 0;
        }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s (%s) has no reading %s", table[i].name,
                     table[i].ambiguity, reading);
}

int atls_variants_set(struct atls_variants *variants, const char *argument)
{
    size_t size = strcspn(argument, "=");
    for (size_t i = 0; i < COUNT && argument[size] == '='; i++)
        if (strlen(table[i].name) == size && memcmp(table[i].name, argument, size) == 0)
            return set(variants, i, argument + size + 1);
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "no such variant: %s", argument);
}

int atls_variants_check(const struct atls_variants *variants, const char *profile)
{
    struct atls_variants copy = *variants;
    for (size_t i = 0; i < COUNT; i++) {
        bool open = false;
        for (size_t p = 0; table[i].profiles[p]; p++)
            open = open || strcmp(table[i].profiles[p], profile) == 0;
        if (!open && *member(&copy, i) != 0)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s (%s) is no question in profile %s",
                             table[i].name, table[i].ambiguity, profile);
    }
    return 0;
}

static void list(FILE *out, const char *const *words, const char *separator)
{
    for (size_t i = 0; words[i]; i++)
        fprintf(out, "%s%s", i > 0 ? separator : "", words[i]);
}

char *atls_variants_describe(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fputs("Variants (--variant NAME=READING, the first reading is the default):\n", out);
    for (size_t i = 0; i < COUNT; i++) {
        fprintf(out, "  %s=", table[i].name);
        list(out, table[i].readings, "|");
        fprintf(out, "\n      %s: %s; ", table[i].ambiguity, table[i].what);
        list(out, table[i].profiles, ", ");
        fputc('\n', out);
    }
    return fclose(out) == 0 ? text : NULL;
}
