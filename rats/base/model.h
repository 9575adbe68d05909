/* SPDX-License-Identifier: Apache-2.0 */
/* The models of RFC 9334 section 5: who takes evidence to the verifier. */
#ifndef ATLS_RATS_BASE_MODEL_H
#define ATLS_RATS_BASE_MODEL_H

enum atls_model { ATLS_MODEL_NONE, ATLS_MODEL_BACKGROUND_CHECK, ATLS_MODEL_PASSPORT };
const char *atls_model_name(enum atls_model model); /* "none", "background-check", "passport" */

#endif
