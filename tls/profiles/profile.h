/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile: how attestation rides in TLS, as one draft at one version has it. Everything in which
 * drafts differ is behind this table; roles, models and evidence formats are not (they are other
 * choices). One file a profile.
 */
#ifndef ATLS_TLS_PROFILES_PROFILE_H
#define ATLS_TLS_PROFILES_PROFILE_H

#include "formats/format.h"
#include "tls/profiles/variants.h"
#include "tls/wire/code-points.h"
#include "tls/wire/negotiation.h"
#include "tls/wire/transcript.h"

#define ATLS_PROFILE_EXTENSIONS_MAX 4
#define ATLS_PROFILE_BODY_MAX 16384 /* bytes of an extension that is written */
#define ATLS_BINDER_MAX 64          /* bytes: what evidence can answer (RFC 9711 section 4.1) */

/* A refusal on the wire: which alert a reason (harness/peers/README.md) is told by, unless whoever
 * refuses knows better (a chain that no trust anchor signed: unknown_ca). */
struct atls_refusal {
    const char *reason;         /* NULL in the last row: all others */
    enum atls_code_point point; /* an alert of the table, or ATLS_CODE_POINT_COUNT: see NUMBER */
    uint8_t number;
    const char *clause;
};
/* What goes wrong on this side alone: all profiles tell it alike. */
#define ATLS_REFUSALS_OF_OWN                                                                       \
    {"verifier-unreachable", ATLS_CODE_POINT_COUNT, ATLS_ALERT_INTERNAL_ERROR, ""},                \
        {"verifier-timeout", ATLS_CODE_POINT_COUNT, ATLS_ALERT_INTERNAL_ERROR, ""},                \
        {"verifier-error", ATLS_CODE_POINT_COUNT, ATLS_ALERT_INTERNAL_ERROR, ""},                  \
        {"verifier-garbage", ATLS_CODE_POINT_COUNT, ATLS_ALERT_INTERNAL_ERROR, ""},                \
        {"device-unavailable", ATLS_CODE_POINT_COUNT, ATLS_ALERT_INTERNAL_ERROR, ""},              \
        {"timeout", ATLS_CODE_POINT_COUNT, ATLS_ALERT_INTERNAL_ERROR, ""},                         \
    {                                                                                              \
        "internal", ATLS_CODE_POINT_COUNT, ATLS_ALERT_INTERNAL_ERROR, ""                           \
    }

/* Where the credential is: the body of the one CertificateEntry; beside X.509, in an extension of
 * the first CertificateEntry; inside of X.509, in an extension of the leaf; or after the handshake,
 * in the first CertificateEntry of an authenticator. */
enum atls_carrier_name {
    ATLS_IN_PLACE_OF_CERTIFICATE,
    ATLS_IN_ENTRY,
    ATLS_IN_CERTIFICATE,
    ATLS_IN_AUTHENTICATOR
};

/* What a challenge is made of that both sides compute. */
struct atls_binding {
    const struct atls_transcript *transcript; /* ClientHello to ServerHello, or more */
    const struct atls_variants *variants;
    enum atls_side attester;            /* whose evidence answers it */
    struct atls_bytes spki;             /* DER SubjectPublicKeyInfo of the attester's leaf */
    struct atls_bytes nonce;            /* of the relying party; empty where the profile has none */
    struct atls_bytes handshake_secret; /* empty where it was not asked for */
};

/* Where a profile has one way only, and nothing else can be asked of it. */
struct atls_profile_limits {
    const struct atls_evidence_format *evidence_format; /* there is no CMW around it */
    const struct atls_evidence_format *evidence_in_cmw; /* or this one, in a record, */
    bool no_indicator;                                  /* which says nothing of what it is */
    const struct atls_constant_nonce *constant_nonce;   /* that a peer of it sends */
    const char *credential;                             /* what that is called in errors */
    const char *evidence_type; /* what is offered where no --evidence-type says otherwise */
    const char *curve;         /* of an attester's identity key, by name */
    bool only_clients_attest;
};

struct atls_profile {
    const char *name;                       /* of --profile */
    const char *clause;                     /* the section that puts the credential where it is */
    const struct atls_hello_layout *layout; /* of an evidence type, and of the nonce */
    enum atls_carrier_name carrier;         /* of atls_carrier_of() in tls/engine/carrier.h */
    bool nonce;                             /* the relying party sends one */
    bool result_answers; /* a result answers the binder, if nobody reads it otherwise (H11) */
    bool results;        /* the draft has the passport model */
    /* Of a prototype: no ChangeCipherSpec goes out (RFC 8446 appendix D.4 leaves that open), as its
     * peers end the connection on one; and CertificateVerify is r || s, if nobody reads it
     * otherwise (signature=der). */
    bool no_change_cipher_spec, raw_signatures;
    const struct atls_profile_limits *limits; /* NULL: the command line's choices are free */

    /* Hello extensions. Writers add nothing to SINK where the extension is to be left out. A
     * reader returns ATLS_E_MALFORMED, ATLS_E_LIMIT for a nonce of forbidden length, or
     * ATLS_E_UNSUPPORTED for an offer of nothing. */
    enum atls_code_point extensions[ATLS_PROFILE_EXTENSIONS_MAX];
    size_t extension_count;
    int (*write_offer)(const struct atls_profile *profile, enum atls_code_point extension,
                       const struct atls_offer offers[2], struct atls_sink *sink);
    int (*read_offer)(const struct atls_profile *profile, enum atls_code_point extension,
                      struct atls_bytes body, struct atls_offer offers[2]);
    int (*write_selection)(const struct atls_profile *profile, enum atls_code_point extension,
                           const struct atls_selection selections[2], struct atls_sink *sink);
    int (*read_selection)(const struct atls_profile *profile, enum atls_code_point extension,
                          struct atls_bytes body, struct atls_selection selections[2]);
    /* The same for a selection that is in CertificateRequest; NULL: none ever is. */
    int (*write_request)(const struct atls_profile *profile,
                         const struct atls_selection selections[2], struct atls_sink *sink);
    int (*read_request)(const struct atls_profile *profile, struct atls_bytes body,
                        struct atls_selection selections[2]);
    const struct atls_refusal *refusals;

    /* In an entry: the extension, the bytes of length ahead of the CMW (0: the CMW is all of it),
     * and the challenge. As the functions of tls/wire/binder.h. */
    const char *binder_clause;
    enum atls_code_point entry_extension;
    unsigned payload_prefix;
    int (*bind)(const struct atls_binding *binding, uint8_t challengep[ATLS_BINDER_MAX],
                size_t *sizep);

    /* In place of the certificate: finds it in the body of a Certificate message and says at what
     * offset. ATLS_E_MISSING: the Certificate is empty. ATLS_E_MALFORMED. */
    int (*find_credential)(const struct atls_profile *profile, struct atls_bytes message,
                           struct atls_bytes *cmwp, size_t *atp);
    /* Hands the attested key to the TLS library, over the credential that was found. */
    int (*put_key)(const struct atls_public_key *key, uint8_t *credential, size_t size);
};

/* Those that somebody asks for without a name. */
extern const struct atls_profile atls_profile_ta_02, atls_profile_ta_03, atls_profile_ta_07;
extern const struct atls_profile atls_profile_seat_04, atls_profile_seat_06;
extern const struct atls_profile atls_profile_expat_04, atls_profile_x509_cmw;
extern const struct atls_profile atls_profile_poc_mbedtls;
/* All of them (harness/atls_harness/data/contract.yaml has a row for each), NULL at the end. */
extern const struct atls_profile *const atls_profiles[];
/* NULL where there is none of that name (exit 77). */
const struct atls_profile *atls_profile_by_name(const char *name);
/* Has CertificateVerify r || s in place of DER? */
bool atls_profile_signs_raw(const struct atls_profile *profile,
                            const struct atls_variants *variants);
/* The alert that tells REASON. */
unsigned atls_profile_alert(const struct atls_profile *profile,
                            const struct atls_code_points *points, const char *reason,
                            const char **clausep);

#endif
