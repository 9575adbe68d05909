/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CoRIMs were taken, for a verifier that stands in for Veraison: there a CoRIM is a document
 * with an id, which is taken once, and a trust anchor that stands in two of them is one too many
 * for every appraisal that needs it. All calls may come from several threads at once.
 */
#ifndef ATLS_VERIFIER_STUB_STORE_MANIFESTS_H
#define ATLS_VERIFIER_STUB_STORE_MANIFESTS_H

#include "rats/corim/corim.h"

#define ATLS_MANIFESTS_MAX ((size_t)1 << 16)

struct atls_manifests;
int atls_manifests_open(struct atls_manifests **manifestsp); /* -ENOMEM */
void atls_manifests_close(struct atls_manifests *manifests); /* NULL is fine */

/* Notes a CoRIM and what it was read from. ATLS_E_MISMATCH: its id is known, and the text is
 * Veraison's. ATLS_E_LIMIT, -errno. */
int atls_manifests_add(struct atls_manifests *manifests, const struct atls_crypto *crypto,
                       struct atls_bytes encoded, const struct atls_corim *corim);
/* In how many CoRIMs is there a trust anchor of this instance? */
size_t atls_manifests_anchors(struct atls_manifests *manifests, const uint8_t implementation_id[32],
                              const uint8_t instance_id[33]);

#endif
