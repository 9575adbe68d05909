/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four hello extensions evidence_proposal, evidence_request, results_proposal, results_request
 * over a profile's layout: what tls-attestation and seat-early-attestation-04 share.
 */
#ifndef ATLS_TLS_PROFILES_PROFILE_FOUR_H
#define ATLS_TLS_PROFILES_PROFILE_FOUR_H

#include "tls/profiles/profile.h"

/* The members of struct atls_profile of these names. */
int atls_four_write_offer(const struct atls_profile *profile, enum atls_code_point point,
                          const struct atls_offer offers[2], struct atls_sink *sink);
int atls_four_read_offer(const struct atls_profile *profile, enum atls_code_point point,
                         struct atls_bytes body, struct atls_offer offers[2]);
int atls_four_write_selection(const struct atls_profile *profile, enum atls_code_point point,
                              const struct atls_selection selections[2], struct atls_sink *sink);
int atls_four_read_selection(const struct atls_profile *profile, enum atls_code_point point,
                             struct atls_bytes body, struct atls_selection selections[2]);
/* Of the profiles whose credential is in place of the certificate: the one entry of the message. */
int atls_four_find_credential(const struct atls_profile *profile, struct atls_bytes message,
                              struct atls_bytes *cmwp, size_t *atp);

#endif
