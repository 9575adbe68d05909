/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clang's analyzer must be told, included in front of every file that it looks at: atls_fail()
 * is in another translation unit, and returns its first argument. Without this it follows paths
 * on which a failure is none.
 */
#ifndef ATLS_HARNESS_ANALYZER_H
#define ATLS_HARNESS_ANALYZER_H

#include "rats/base/error.h"

void atls_analyzer_use(const char *clause, ...);
#define atls_fail(code, ...) (atls_analyzer_use(__VA_ARGS__), code)

#endif
