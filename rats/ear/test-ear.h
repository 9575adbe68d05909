/* SPDX-License-Identifier: Apache-2.0 */
/* Good claims of an EAR in Veraison's dialect, which the tests of EARs change, or sign. */
#ifndef ATLS_RATS_EAR_TEST_EAR_H
#define ATLS_RATS_EAR_TEST_EAR_H

#include "rats/ear/ear.h"
#include "rats/test/test-support.h"

static const char claims_text[] =
    "{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"iat\":1700000000,"
    "\"ear.verifier-id\":{\"developer\":\"d\",\"build\":\"b\"},"
    "\"eat_nonce\":\"AAECAwQFBgcICQoLDA0ODw==\","
    "\"submods\":{\"PSA_IOT\":{\"ear.status\":\"affirming\","
    "\"ear.trustworthiness-vector\":{\"hardware\":2},"
    "\"ear.appraisal-policy-id\":\"policy:1\"}}}";

#endif
