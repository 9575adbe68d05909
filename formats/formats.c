/* SPDX-License-Identifier: Apache-2.0 */
/* The table of formats, and how one is found in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/format.h"
#include "rats/base/media-types.h"

#define FORMAT(id, name, what, media_types) &atls_format_##id,
const struct atls_evidence_format *const atls_evidence_formats[] = {
    ATLS_EVIDENCE_FORMATS_ALL(FORMAT) NULL};

/* Those that can be asked for, in the same order. */
#define OPTION(id, name, what, media_types) {name, what},
static const struct {
    const char *name, *what;
} options[] = {ATLS_CONTRACT_EVIDENCE_FORMATS(OPTION)};
#define OPTIONS (sizeof options / sizeof *options)

const struct atls_evidence_format *atls_evidence_format_by_name(const char *name)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (strcmp(options[i].name, name) == 0)
            return atls_evidence_formats[i];
    return NULL;
}

const struct atls_evidence_format *atls_evidence_format_without_key(void)
{
    size_t i = 0;

    while (atls_evidence_formats[i] && atls_evidence_formats[i]->key_in)
        i++;
    return atls_evidence_formats[i];
}

const char *atls_evidence_format_media_type(const struct atls_evidence_format *format,
                                            struct atls_bytes media_type)
{
    const char *const *types = format->media_types;

    for (size_t i = 0; types && types[i]; i++)
        if (atls_media_type_equal(media_type, atls_bytes_of_text(types[i])))
            return types[i];
    return NULL;
}

static bool has_type(const struct atls_evidence_format *format, const struct atls_cmw *cmw,
                     bool record_type)
{
    const char *const *types = format->media_types;

    if (cmw->form == ATLS_CMW_COLLECTION)
        return format->collection_type &&
               atls_bytes_is_text(cmw->collection_type, format->collection_type);
    if (format->wrapping != ATLS_IN_CMW)
        return false;
    for (size_t i = 0; types && types[i]; i++)
        if (atls_cmw_type_is(cmw, types[i]))
            return true;
    return record_type && atls_cmw_type_is(cmw, format->record_type);
}

const struct atls_evidence_format *atls_evidence_format_of_cmw(const struct atls_cmw *cmw,
                                                               bool record_type)
{
    for (size_t i = 0; atls_evidence_formats[i]; i++)
        if (has_type(atls_evidence_formats[i], cmw, record_type))
            return atls_evidence_formats[i];
    return NULL;
}

char *atls_evidence_formats_help(void)
{
    const struct atls_evidence_format *without = atls_evidence_format_without_key();
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fputs("evidence that the attester makes:", out);
    for (size_t i = 0; i < OPTIONS; i++)
        fprintf(out, "%s %s: %s%s", i ? ";" : "", options[i].name, options[i].what,
                i == 0                                ? " (default)"
                : atls_evidence_formats[i] == without ? " (default for a key in a file)"
                                                      : "");
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}
