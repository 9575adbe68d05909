/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Arm CCA token, whatever it travels in: what the formats cca and parsec-cca have in common.
 */
#ifndef ATLS_FORMATS_CCA_TOKEN_H
#define ATLS_FORMATS_CCA_TOKEN_H

#include "formats/format.h"
#include "rats/tokens/cca.h"

/* Room for ATLS_PSA_COMPONENTS_MAX, to be freed; NULL, and said so: there is no memory. */
struct atls_psa_component *atls_cca_components(void);
/* One of the two readers of cca.h, as a function of its own for atls_cca_evidence_read(). */
typedef int atls_cca_parser(struct atls_bytes in, struct atls_psa_component *components,
                            size_t count, struct atls_parsec_cca *evidencep);
/* A CCA token alone, as the PAT of evidence that has no KAT. */
int atls_cca_alone_parse(struct atls_bytes in, struct atls_psa_component *components, size_t count,
                         struct atls_parsec_cca *evidencep);

/* The word for bytes that PARSE has refused: at which of its layers do they break? The error stays
 * PARSE's. */
const char *atls_cca_malformed(atls_cca_parser *parse, struct atls_bytes in);

/* READ of both formats: keeps a struct atls_parsec_cca, whose software components are the
 * verifier's affair and are gone. */
int atls_cca_evidence_read(atls_cca_parser *parse, const struct atls_evidence_message *message,
                           struct atls_evidence_read *readp, const char **reasonp);
/* For CHECK, in this order: the realm's signature; then the platform's challenge, and the times. */
int atls_cca_check_realm(const struct atls_parsec_cca *evidence,
                         const struct atls_evidence_question *question, const char **reasonp);
int atls_cca_check_platform(const struct atls_parsec_cca *evidence,
                            const struct atls_evidence_question *question, const char **reasonp);
/* APPRAISE of both. The platform is appraised as submod 0 by endorsements of PROFILE, the realm as
 * submod 1. FRESH says whether the evidence answers the session and which key it attests; it is
 * called once the trust anchor was found. */
int atls_cca_evidence_appraise(struct atls_judge *judge, atls_cca_parser *parse,
                               const struct atls_evidence_message *message, const char *profile,
                               int (*fresh)(struct atls_judge *judge,
                                            const struct atls_parsec_cca *evidence));
/* The token, member by member, and what ties the two; components are freed before. */
void atls_cca_print(struct atls_printer *printer, struct atls_bytes in);
/* Is it tag 907 or 399, and a map with one of the two members? */
bool atls_cca_looks_like(struct atls_bytes in);
/* The signed tokens in it, for the decoder. */
extern const struct atls_evidence_token atls_cca_platform_token, atls_cca_realm_token;

/* What must be earned of either, beside a key: what Veraison's schemes claim. */
#define ATLS_CCA_PLATFORM_CLAIMS                                                                   \
    (1u << ATLS_INSTANCE_IDENTITY | 1u << ATLS_CONFIGURATION | 1u << ATLS_EXECUTABLES |            \
     1u << ATLS_HARDWARE | 1u << ATLS_RUNTIME_OPAQUE | 1u << ATLS_STORAGE_OPAQUE)
#define ATLS_CCA_REALM_CLAIMS (1u << ATLS_INSTANCE_IDENTITY | 1u << ATLS_EXECUTABLES)

#endif
