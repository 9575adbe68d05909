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

static bool is_open(size_t i, const char *profile)
{
    for (size_t p = 0; table[i].profiles[p]; p++)
        if (strcmp(table[i].profiles[p], profile) == 0)
            return true;
    return false;
}

int atls_variants_check(const struct atls_variants *variants, const char *profile)
{
    struct atls_variants copy = *variants;
    for (size_t i = 0; i < COUNT; i++)
        if (!is_open(i, profile) && *member(&copy, i) != 0)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s (%s) is no question in profile %s",
                             table[i].name, table[i].ambiguity, profile);
    return 0;
}

static unsigned readings_of(size_t i)
{
    unsigned count = 0;
    while (table[i].readings[count])
        count++;
    return count;
}

/* The choice of number CODE, a digit for each of the variants OPEN: how many of them it changes. */
static size_t choose(const struct atls_variants *own, const size_t *open, size_t count,
                     unsigned long code, struct atls_variants *choicep)
{
    struct atls_variants was = *own;
    size_t changes = 0;
    *choicep = *own;
    for (size_t i = 0; i < count; code /= readings_of(open[i++])) {
        unsigned reading = (unsigned)(code % readings_of(open[i]));
        *member(choicep, open[i]) = reading;
        changes += reading != *member(&was, open[i]);
    }
    return changes;
}

static void name_changes(const struct atls_variants *own, struct atls_variants *choice,
                         const char *clause, struct atls_diagnosis *diagnosis)
{
    struct atls_variants was = *own;
    for (size_t i = 0; i < COUNT; i++) {
        unsigned reading = *member(choice, i);
        if (reading != *member(&was, i))
            atls_diagnosis_add_variant(diagnosis, table[i].name, table[i].readings[reading],
                                       clause);
    }
}

bool atls_variants_recognize(const struct atls_variants *own, const char *profile,
                             bool (*fits)(void *context, const struct atls_variants *variants),
                             void *context, const char *clause, struct atls_diagnosis *diagnosis)
{
    size_t open[COUNT], count = 0;
    unsigned long choices = 1;
    for (size_t i = 0; i < COUNT; i++)
        if (is_open(i, profile) && atls_variant_is_of_binder(table[i].name)) {
            open[count++] = i;
            choices *= readings_of(i);
        }
    for (size_t changes = 1; changes <= count; changes++)
        for (unsigned long code = 0; code < choices; code++) {
            struct atls_variants choice;
            if (choose(own, open, count, code, &choice) != changes || !fits(context, &choice))
                continue;
            name_changes(own, &choice, clause, diagnosis);
            return true;
        }
    return false;
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
