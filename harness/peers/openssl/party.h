/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program was told to be: the flags of harness/peers/README.md, the profile, and what all of
 * its connections share.
 */
#ifndef PEER_PARTY_H
#define PEER_PARTY_H

#include <openssl/ssl.h>

#include "device.h"
#include "keys.h"
#include "result.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNSUPPORTED = 77 };
enum side { CLIENT, SERVER };
enum model { MODEL_NONE, MODEL_BACKGROUND_CHECK, MODEL_PASSPORT };
const char *model_word(enum model model);

enum point { /* code points that a file may override; alerts from UNSUPPORTED_EVIDENCE on */
             EVIDENCE_REQUEST,
             EVIDENCE_PROPOSAL,
             RESULTS_REQUEST,
             RESULTS_PROPOSAL,
             ATTESTATION_EVIDENCE,
             ATTESTATION,
             REMOTE_ATTESTATION,
             CMW_ATTESTATION,
             UNSUPPORTED_EVIDENCE,
             UNSUPPORTED_VERIFIERS,
             ATTESTATION_FAILED,
             UNSUPPORTED_SCHEMES,
             ATTESTATION_REQUIRED,
             POINTS
};
const char *point_name(enum point point);

enum carrier { IN_CERTIFICATE, IN_AUTHENTICATOR, IN_ENTRY };
struct profile {
    const char *name, *clause, *binder_clause;
    enum carrier carrier;
    bool single;          /* one hello extension negotiates (seat-06), not four */
    bool result_answers;  /* a result answers the binder */
    enum point extension; /* of the CertificateEntry */
};

#define LISTED_MAX 16
struct evidence_type {
    bool is_content_format;
    unsigned content_format;
    struct bytes media_type;
};
struct abilities { /* in a role, in order of preference */
    enum model models[2];
    size_t count;
};
bool able(const struct abilities *abilities, enum model model);
struct trusted {
    char *id;
    const char *source; /* a JWK file, or the URL of the verifier */
    json_t *jwk;        /* of the file, or NULL */
};

struct party {
    enum side side;
    const struct profile *profile;
    const char *events, *keylog, *artifacts, *device, *verifier, *verifier_id, *certificate, *key,
        *ca, *message, *host, *port;
    struct abilities attester, relying_party;
    bool required, json, psa, tag, hrr;
    struct evidence_type types[LISTED_MAX];
    struct trusted trusted[LISTED_MAX];
    size_t type_count, trusted_count;
    enum tier accept_tier;
    unsigned nonce_size, verifier_timeout_ms, connections, reattest;
    int64_t result_max_age, clock_offset;
    double timeout;
    struct blob foreign; /* the fault foreign-nonce: what evidence answers instead; or empty */
    uint16_t points[POINTS];

    /* made of them by party_start() */
    SSL_CTX *context;
    X509_STORE *anchors; /* NULL: none were given */
    STACK_OF(X509) * chain;
    EVP_PKEY *pkey;  /* of the chain's leaf; the public half where a device signs */
    uint32_t handle; /* in the device; 0: the key was in a file */
    struct public_key leaf;
    FILE *keylog_file;
};
/* Does not return where the flags are wrong (2) or ask for what is not here (77). */
void party_parse(enum side side, int argc, char **argv, struct party *partyp);
/* Certificates, the key, trust anchors, keys of verifiers. Tells standard error why not. */
int party_start(struct party *party);
void party_stop(struct party *party);

/* The alert that tells a reason in this profile. */
unsigned party_alert(const struct party *party, const char *reason);
int64_t party_clock(const struct party *party);
/* The chain is good by the party's anchors, for a peer at the other side. */
int party_verify_chain(const struct party *party, STACK_OF(X509) * chain, struct why *why);
/* Signs with the key of the party's leaf: DER, appended. DIGEST is by key_hash(leaf). */
int party_sign(const struct party *party, struct bytes digest, struct blob *der, struct why *why);

#endif
