/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoder for tests of formats, which notes what a format prints, a line for each thing. Bytes
 * are told by their size and how they begin.
 */
#ifndef ATLS_FORMATS_TEST_TEST_PRINTER_H
#define ATLS_FORMATS_TEST_TEST_PRINTER_H

#include "formats/test/test-source.h"

struct test_printer {
    struct atls_printer lent;
    const struct test_source *source;
    unsigned depth;
    int worst; /* the first failure of this machine, 0: none */
    char noted[8192];
    size_t used;
};

void test_printer_init(struct test_printer *printer, const struct test_source *source);

#endif
