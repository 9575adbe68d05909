/* SPDX-License-Identifier: Apache-2.0 */
/* The clause of a refusal, for tests. */
#ifndef ATLS_RATS_CORIM_TEST_CLAUSE_H
#define ATLS_RATS_CORIM_TEST_CLAUSE_H

#include "rats/base/error.h"
#include "rats/test/test-support.h"

/* The error names the clause of a row: a section of the draft, or another document. */
static inline void expect_clause(const char *what, const char *clause)
{
    static const char draft[] = "draft-ietf-rats-corim section ";
    const char *came = atls_error_clause();

    if (clause[0] <= '9' && strncmp(came, draft, sizeof draft - 1) == 0)
        came += sizeof draft - 1;
    if (strcmp(came, clause) != 0)
        fail_msg("%s: expected the clause %s, came %s", what, clause, atls_error_clause());
}

#endif
