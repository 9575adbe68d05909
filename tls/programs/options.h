/* SPDX-License-Identifier: Apache-2.0 */
/* The command line that client and server share (harness/peers/README.md). */
#ifndef ATLS_TLS_PROGRAMS_OPTIONS_H
#define ATLS_TLS_PROGRAMS_OPTIONS_H

#include "program/leak.h"
#include "roles/nonces.h"
#include "roles/relying-party.h"
#include "tls/profiles/profile.h"

#define ATLS_LISTED_MAX 16 /* evidence types, trusted verifiers: so often may a flag be given */

struct atls_options { /* strings are of argv, or of the options' own storage */
    enum atls_side side;
    const struct atls_profile *profile;
    struct atls_code_points code_points;
    struct atls_variants variants;
    enum atls_credential_kind credential_kind;
    const char *events, *keylog, *artifacts;
    enum atls_model attester[ATLS_MODELS_MAX], relying_party[ATLS_MODELS_MAX];
    size_t attester_count, relying_party_count;
    bool required;
    const char *device, *second_device;
    struct atls_evidence_type types[ATLS_LISTED_MAX];
    size_t type_count;
    enum atls_serialization serialization;
    const struct atls_evidence_format *evidence_format;
    bool format_given;
    enum atls_cmw_form cmw_form;
    enum atls_curve curve;
    const char *verifier, *verifier_id;
    const char *verifier_ca, *verifier_auth; /* files */
    struct atls_trusted_verifier trusted[ATLS_LISTED_MAX];
    size_t trusted_count;
    const char *audience[ATLS_LISTED_MAX];
    size_t audience_count;
    enum atls_tier accept_tier;
    size_t nonce_size;
    enum atls_ear_serialization results;
    unsigned nonces_ahead;
    int64_t result_max_age, clock_offset;
    const char *certificate, *key, *trust_anchors;
    bool key_attested; /* KEY is a file, and what this side attests */
    const char *message;
    unsigned verifier_timeout_ms;
    double timeout; /* seconds */
    struct atls_faults faults;
    struct atls_leaks leaks;
    char *host, *port;
    const char *server_name;
    bool hrr;
    unsigned reattest;
    unsigned connections;
    char *storage[ATLS_LISTED_MAX]; /* split texts */
    size_t storage_count;
};

/* Parses. It does not return where the command line is wrong (exit 2), asks for what is not
 * supported (77), or asks for help or the version (0). */
void atls_options_parse(enum atls_side side, int argc, char **argv, struct atls_options *optionsp);
void atls_options_clear(struct atls_options *options);

#endif
