/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported authenticators (RFC 9261): the messages, and their proof of the connection. Chains,
 * frames and attestation are others' affairs.
 */
#ifndef PEER_AUTHENTICATOR_H
#define PEER_AUTHENTICATOR_H

#include "connection.h"

#define AUTHENTICATOR_MAX (1u << 20)
#define REQUEST_MAX 65535u
#define ENTRIES_MAX 16

enum {
    EA_CERTIFICATE = 11,
    EA_CERTIFICATE_REQUEST = 13, /* of a server */
    EA_CERTIFICATE_VERIFY = 15,
    EA_CLIENT_CERTIFICATE_REQUEST = 17, /* of a client */
    EA_FINISHED = 20
};

struct ea_keys { /* of one connection */
    const EVP_MD *md;
    size_t size;
    struct {
        uint8_t context[HASH_MAX], finished[HASH_MAX];
    } side[2]; /* by who sends the authenticator */
};
int ea_export(SSL *ssl, const EVP_MD *md, struct ea_keys *keysp);

/* A request by SIDE with signature_algorithms and an empty extension of type CMW. */
void ea_request_write(enum side side, struct bytes context, uint16_t cmw, struct blob *out);
struct ea_request {                /* views */
    struct bytes context, schemes; /* two bytes each */
    bool has_cmw;
    struct bytes cmw; /* the extension's data */
};
/* A request by SIDE that came. malformed-authenticator */
int ea_request_read(enum side side, struct bytes in, uint16_t cmw, struct ea_request *requestp,
                    struct why *why);
bool ea_request_has_scheme(const struct ea_request *request, uint16_t scheme);

struct ea_entry {
    struct bytes certificate;
    struct bytes cmw; /* data NULL: the entry has no such extension */
    bool other;       /* it has some other extension */
};
struct ea_authenticator { /* views */
    bool empty;
    struct bytes context;
    struct ea_entry entries[ENTRIES_MAX];
    size_t count;
    uint16_t scheme;
    struct bytes certificate, certificate_verify, signature,
        verify_data; /* messages; their parts */
};
int ea_read(struct bytes in, uint16_t cmw, struct ea_authenticator *eap, struct why *why);
/* Signature and Finished, of SIDE's authenticator for REQUEST. */
int ea_verify(const struct ea_keys *keys, enum side side, struct bytes request,
              struct bytes context, const struct ea_authenticator *ea, EVP_PKEY *leaf,
              struct why *why);

/* An authenticator of PARTY with its chain, and where PAYLOAD is not empty with the extension of
 * type CMW in the first entry; an empty one where CHAIN is false. */
int ea_write(const struct ea_keys *keys, const struct party *party, struct bytes request,
             struct bytes context, bool chain, uint16_t cmw, struct bytes payload, struct blob *out,
             struct why *why);
/* The SignatureScheme of the party's key; 0: none of those that are known here. */
uint16_t ea_scheme(const struct party *party);

#endif
