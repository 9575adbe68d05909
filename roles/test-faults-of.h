/* SPDX-License-Identifier: Apache-2.0 */
/* Which faults are of which kind of evidence: rows that tests of both kinds are held to. */
#ifndef ATLS_ROLES_TEST_FAULTS_OF_H
#define ATLS_ROLES_TEST_FAULTS_OF_H

#include "rats/test/test-table.h"

#include "roles/attester-private.h"

struct test_fault_of {
    const struct atls_evidence_format *format;
    const char *fault;
    int outcome; /* of an attester that is to carry it out */
};

static inline void test_faults_of(const struct test_fault_of *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct atls_attester attester = {.format = rows[i].format};

        assert_int_equal(atls_faults_add(&attester.inner, rows[i].fault), 0);
        attester.breaks = atls_evidence_faults_of(attester.format);
        test_outcome(atls_attester_check_faults(&attester), rows[i].outcome, NULL);
    }
}

#endif
