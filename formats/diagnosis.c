/* SPDX-License-Identifier: Apache-2.0 */
/* The readings that can be told apart, and the sentence about those that fit. */
#include "formats/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "program/contract.h"

#define ROW(variant, value, question, letter, binder, text)                                        \
    {variant, value, question, letter, text, binder},
static const struct {
    const char *variant, *value, *question, *letter, *text;
    bool binder;
} told[] = {ATLS_CONTRACT_TOLD(ROW)};
#define TOLD (sizeof told / sizeof *told)

static const struct {
    const char *name, *known, *unknown;
} words[] = {
    [ATLS_WRONG_BINDER] = {"binder", "answers the binder of", "answers no binder"},
    [ATLS_WRONG_NONCE] = {"nonce", "answers the nonce of", "answers no nonce"},
    [ATLS_WRONG_LINKAGE] = {"linkage", "is linked by", "is linked by no hash"},
    [ATLS_WRONG_SIGNATURE] = {"signature", "is signed by", "is signed by no form"},
    [ATLS_WRONG_EXTENSION] = {"extension", "is written by", "is written by no form"},
};

static struct atls_known_reading *next(struct atls_diagnosis *diagnosis)
{
    if (diagnosis->count == ATLS_DIAGNOSIS_READINGS)
        return NULL;
    struct atls_known_reading *reading = &diagnosis->readings[diagnosis->count++];
    *reading = (struct atls_known_reading){.question = "", .letter = ""};
    return reading;
}

void atls_diagnosis_add_variant(struct atls_diagnosis *diagnosis, const char *variant,
                                const char *value, const char *clause)
{
    for (size_t i = 0; i < TOLD; i++) {
        if (strcmp(told[i].value, value) != 0 || strcmp(told[i].variant, variant) != 0)
            continue;
        struct atls_known_reading *reading = next(diagnosis);
        if (!reading)
            return;
        reading->variant = told[i].variant;
        reading->value = told[i].value;
        /* What is no ambiguity of the list has its clause as the question. */
        bool listed = told[i].letter[0] != '\0' || told[i].question[0] == 'H';
        reading->question = listed ? told[i].question : "";
        reading->letter = told[i].letter;
        reading->clause = clause ? clause : listed ? "" : told[i].question;
        snprintf(reading->text, sizeof reading->text, "%s", told[i].text);
        return;
    }
}

void atls_diagnosis_add(struct atls_diagnosis *diagnosis, const char *name, const char *clause,
                        const char *format, ...)
{
    struct atls_known_reading *reading = next(diagnosis);
    va_list arguments;

    if (!reading)
        return;
    reading->name = name;
    reading->clause = clause ? clause : "";
    va_start(arguments, format);
    vsnprintf(reading->text, sizeof reading->text, format, arguments);
    va_end(arguments);
}

void atls_diagnosis_add_reading(struct atls_diagnosis *diagnosis, const char *question,
                                const char *letter, const char *clause, const char *format, ...)
{
    struct atls_known_reading *reading = next(diagnosis);
    va_list arguments;

    if (!reading)
        return;
    reading->question = question;
    reading->letter = letter;
    reading->clause = clause ? clause : "";
    va_start(arguments, format);
    vsnprintf(reading->text, sizeof reading->text, format, arguments);
    va_end(arguments);
}

bool atls_variant_is_of_binder(const char *variant)
{
    for (size_t i = 0; i < TOLD; i++)
        if (strcmp(told[i].variant, variant) == 0)
            return told[i].binder;
    return false;
}

static void __attribute__((format(printf, 2, 3)))
add(char text[ATLS_DIAGNOSIS_TEXT], const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text + used, ATLS_DIAGNOSIS_TEXT - used, format, arguments);
    va_end(arguments);
}

/* "H5 reading B", "H15, payload-prefix=drafted", "tpm-quote=nonce", "another connection" */
static void say_name(char text[ATLS_DIAGNOSIS_TEXT], const struct atls_known_reading *reading)
{
    if (reading->letter[0] != '\0')
        add(text, "%s reading %s", reading->question, reading->letter);
    else if (!reading->variant)
        add(text, "%s", reading->name);
    else
        add(text, "%s%s%s=%s", reading->question, reading->question[0] != '\0' ? ", " : "",
            reading->variant, reading->value);
}

void atls_diagnosis_say(const struct atls_diagnosis *diagnosis, char text[ATLS_DIAGNOSIS_TEXT])
{
    text[0] = '\0';
    if (diagnosis->of == ATLS_MATCHES)
        return;
    if (diagnosis->count == 0)
        add(text, "%s that is known", words[diagnosis->of].unknown);
    for (size_t i = 0; i < diagnosis->count; i++) {
        const struct atls_known_reading *reading = &diagnosis->readings[i];
        add(text, "%s ", i > 0 ? ", and of" : words[diagnosis->of].known);
        say_name(text, reading);
        add(text, ": %s", reading->text);
        if (reading->clause[0] != '\0')
            add(text, " (%s)", reading->clause);
    }
}

static json_t *reading_json(const struct atls_known_reading *reading)
{
    char set[96] = "";

    if (reading->variant)
        snprintf(set, sizeof set, "%s=%s", reading->variant, reading->value);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "set", set, "question", reading->question,
                     "reading", reading->letter, "text", reading->text, "clause", reading->clause);
}

json_t *atls_diagnosis_json(const struct atls_diagnosis *diagnosis)
{
    char text[ATLS_DIAGNOSIS_TEXT];

    if (diagnosis->of == ATLS_MATCHES)
        return NULL;
    json_t *readings = json_array();
    for (size_t i = 0; i < diagnosis->count; i++)
        if (json_array_append_new(readings, reading_json(&diagnosis->readings[i])) != 0) {
            json_decref(readings);
            return NULL;
        }
    atls_diagnosis_say(diagnosis, text);
    return json_pack("{s:s, s:b, s:s, s:o}", "of", words[diagnosis->of].name, "known",
                     diagnosis->count > 0, "text", text, "readings", readings);
}
