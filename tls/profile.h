/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile: how attestation rides in TLS, as one draft at one version has it. Everything in which
 * drafts differ is behind this table; roles, models and evidence formats are not (they are other
 * choices). One file a profile.
 */
#ifndef ATLS_TLS_PROFILE_H
#define ATLS_TLS_PROFILE_H

#include "tls/code-points.h"
#include "tls/negotiation.h"

#define ATLS_PROFILE_EXTENSIONS_MAX 4

/* A refusal on the wire: which alert a reason (harness/peers/README.md) is told by. */
struct atls_refusal {
    const char *reason;         /* NULL in the last row: all others */
    enum atls_code_point point; /* an alert of the table, or ATLS_CODE_POINT_COUNT: see NUMBER */
    uint8_t number;
    const char *clause;
};

struct atls_profile {
    const char *name;   /* of --profile */
    const char *clause; /* the section that puts the credential where it is */

    /* Hello extensions. Writers add nothing to SINK where the extension is to be left out. A
     * reader returns ATLS_E_MALFORMED, or ATLS_E_LIMIT for a nonce of forbidden length. */
    enum atls_code_point extensions[ATLS_PROFILE_EXTENSIONS_MAX];
    size_t extension_count;
    int (*write_offer)(enum atls_code_point extension, const struct atls_offer offers[2],
                       struct atls_sink *sink);
    int (*read_offer)(enum atls_code_point extension, struct atls_bytes body,
                      struct atls_offer offers[2]);
    int (*write_selection)(enum atls_code_point extension,
                           const struct atls_selection selections[2], struct atls_sink *sink);
    int (*read_selection)(enum atls_code_point extension, struct atls_bytes body,
                          struct atls_selection selections[2]);
    const struct atls_refusal *refusals;

    /* Where the credential is: finds it in the body of a Certificate message and says at what
     * offset. ATLS_E_MISSING: the Certificate is empty. ATLS_E_MALFORMED. */
    int (*find_credential)(struct atls_bytes message, struct atls_bytes *cmwp, size_t *atp);
    /* Hands the attested key to the TLS library, over the credential that was found. */
    int (*put_key)(const struct atls_public_key *key, uint8_t *credential, size_t size);
};

extern const struct atls_profile atls_profile_ta_07;
/* NULL where there is none of that name (exit 77). */
const struct atls_profile *atls_profile_by_name(const char *name);
/* The alert that tells REASON. */
unsigned atls_profile_alert(const struct atls_profile *profile,
                            const struct atls_code_points *points, const char *reason,
                            const char **clausep);

#endif
