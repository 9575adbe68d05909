/* SPDX-License-Identifier: Apache-2.0 */
/* The table of roots of trust; see kind.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/contract.h"
#include "rats/base/error.h"
#include "sim/roots/cca.h"

/* Those that are in this program, or why one is not. psa has no row: it is what there is without.
 */
static const struct atls_root_kind *const kinds[] = {
#ifdef ATLS_HAVE_TPM
    &atls_root_tpm,
#else
    &(const struct atls_root_kind){
        .name = "tpm",
        .lack = "this program was built without libtss2-esys (Debian: libtss2-dev); "
                "./atls setup --root tpm installs it"},
#endif
    &atls_root_cca,
#ifdef ATLS_HAVE_PARSEC
    &atls_root_parsec,
#else
    &(const struct atls_root_kind){
        .name = "parsec",
        .lack = "this program was built without protobuf-c (Debian: libprotobuf-c-dev, "
                "protobuf-c-compiler, protobuf-compiler); ./atls setup --root parsec installs it"},
#endif
    NULL,
};

static const struct {
    const char *name, *what;
    const char *const formats[8];
} rows[] = {
#define ROOT(id, name, what, formats) {name, what, formats},
    ATLS_CONTRACT_ROOTS(ROOT)
#undef ROOT
};

int atls_root_kind_by_name(const char *name, const struct atls_root_kind **kindp)
{
    if (!strcmp(name, "psa")) {
        *kindp = NULL;
        return 0;
    }
    for (size_t i = 0; kinds[i]; i++) {
        if (strcmp(kinds[i]->name, name))
            continue;
        if (kinds[i]->lack)
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "--root %s: %s", name, kinds[i]->lack);
        *kindp = kinds[i];
        return 0;
    }
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "--root: expected one of %s, came \"%s\"",
                     ATLS_CONTRACT_ROOT_NAMES, name);
}

char *atls_roots_help(void)
{
    size_t size;
    char *help = NULL;
    FILE *text = open_memstream(&help, &size);
    if (!text)
        return NULL;
    fputs("the root of trust, which makes the evidence (default: psa):", text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fprintf(text, "%s %s, %s (", i ? ";" : "", rows[i].name, rows[i].what);
        for (size_t j = 0; rows[i].formats[j]; j++)
            fprintf(text, "%s%s", j ? ", " : "", rows[i].formats[j]);
        fputc(')', text);
    }
    if (fclose(text)) {
        free(help);
        return NULL;
    }
    return help;
}
