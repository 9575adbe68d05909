/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester: given a challenge, makes a credential (a CMW and the identity key that it attests)
 * with the help of the device. In the passport model it first takes evidence to a verifier and
 * keeps the result until it expires. It knows nothing of TLS; either side of a connection can be
 * an attester.
 */
#ifndef ATLS_ROLES_ATTESTER_H
#define ATLS_ROLES_ATTESTER_H

#include "formats/format.h"
#include "program/events.h"
#include "rats/base/model.h"
#include "rats/cmw/cmw.h"
#include "rats/crypto/crypto.h"
#include "roles/faults.h"
#include "roles/verifier-client.h"
#include "sim/device/device.h"

struct atls_attester_options {
    const char *device, *second_device; /* addresses; second NULL where none */
    unsigned device_timeout_ms;
    enum atls_curve curve;
    enum atls_serialization serialization;
    const struct atls_evidence_format *evidence_format; /* NULL: the first of the table */
    const struct atls_constant_nonce *constant_nonce;   /* told where it is asked; or NULL */
    bool no_indicator;                                  /* records go out without one */
    bool challenge_hashed;       /* realm-challenge=sha-512: struct atls_evidence_question */
    enum atls_cmw_form cmw_form; /* of what is no collection: record, or (CBOR) tag */
    uint32_t key_handle;         /* 0: make an identity key; else one that was enrolled, */
    bool key_outside;            /* or the key is no device's: then evidence names no key, */
    struct atls_public_key key;  /* and this is its public part; it outlives the attester */
    const char *verifier_url;    /* passport: who issues the result; NULL where none */
    int64_t clock_offset;        /* seconds */
    int64_t result_max_age;      /* seconds a result without exp is presented */
    const struct atls_faults *faults;
    const char *artifacts; /* directory or NULL */
};

struct atls_credential { /* free with atls_credential_clear() */
    uint8_t *cmw;
    size_t size;
    struct atls_public_key key; /* the key with which CertificateVerify will be made */
    uint32_t key_handle;        /* in the device; 0: the key is not there */
    enum atls_model model;
};
void atls_credential_clear(struct atls_credential *credential);

struct atls_attester;
/* Opens the device and makes an identity key, or uses the enrolled one, having seen that the device
 * has it (ATLS_E_MISMATCH: the handle's key is another one). As atls_device_open().
 * ATLS_E_UNSUPPORTED: a tag in JSON or of a type without content format, a fault that has no
 * meaning for this format, or a format that names a key for one outside the device. */
int atls_attester_new(const struct atls_attester_options *options,
                      struct atls_verifier_client *client, struct atls_events *events,
                      struct atls_attester **attesterp);
void atls_attester_free(struct atls_attester *attester);
/* Evidence over CHALLENGE (checked: 8..64 bytes, else ATLS_E_LIMIT). CONN is for events: it writes
 * challenge (received), credential (sent), and fault. Call it once for a connection. */
int atls_attester_evidence(struct atls_attester *attester, unsigned conn,
                           struct atls_bytes challenge, struct atls_credential *credentialp);
/* The same over a binder that this endpoint computed instead of receiving: the event challenge says
 * computed. A format may carry certain sizes only (else ATLS_E_LIMIT, nonce-length). It may be
 * called again in a connection, for re-attestation. */
int atls_attester_bound_evidence(struct atls_attester *attester, unsigned conn,
                                 struct atls_bytes binder, struct atls_credential *credentialp);
/* The attestation result, fetched where none is kept or the kept one is about to expire:
 * ATLS_E_AGAIN while that is under way, ATLS_E_UNAVAILABLE / ATLS_E_REFUSED / ATLS_E_MALFORMED.
 * All who ask while it is fetched share one fetch, and for a second its failure. With CONN 0 it
 * may be called before any connection, to have one ready. On success it writes the events result
 * (verifier or cache), credential (sent), and fault. */
int atls_attester_result(struct atls_attester *attester, unsigned conn,
                         struct atls_credential *credentialp);
/* The attestation result over BINDER (H11: the reading in which a result must answer it), fetched
 * for this connection alone and never kept. ATLS_E_AGAIN while that is under way: call again with
 * the same CONN and BINDER, or atls_attester_forget() it. Otherwise as atls_attester_result(). */
int atls_attester_bound_result(struct atls_attester *attester, unsigned conn,
                               struct atls_bytes binder, struct atls_credential *credentialp);
/* Ends the fetches of a connection that is over. */
void atls_attester_forget(struct atls_attester *attester, unsigned conn);
/* Sees to it that a result is there, before any connection needs it: fetches one where none is kept
 * or the kept one is about to expire. As atls_attester_result(), but nothing is presented. */
int atls_attester_renew(struct atls_attester *attester);
/* Signs a handshake hash with the key behind KEY_HANDLE. As atls_device_sign(). */
int atls_attester_sign(struct atls_attester *attester, uint32_t key_handle,
                       struct atls_bytes digest, uint8_t signaturep[ATLS_SIGNATURE_MAX],
                       size_t *sizep);
/* The reason word (harness/peers/README.md) of the newest failure of this attester. */
const char *atls_attester_reason(const struct atls_attester *attester);

#endif
