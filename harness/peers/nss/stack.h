/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the stack over NSS: nss.c (the table, and main), handshake.c (a connection), keys.c
 * (credentials), transport.c (the layer under NSS, and alerts), hooks.c (extensions).
 */
#ifndef ATLS_PEERS_NSS_STACK_H
#define ATLS_PEERS_NSS_STACK_H

#include <cert.h>
#include <keyhi.h>
#include <nspr.h>
#include <nss.h>
#include <pk11pub.h>
#include <secmod.h>
#include <ssl.h>
#include <sslexp.h>
#include <sslproto.h>

#include "harness/peers/linked/credential.h"
#include "harness/peers/linked/peer.h"
#include "harness/peers/linked/wire.h"
#include "harness/peers/nss/device-module.h"
#include "tls/engine/carrier.h"

#define NSS_HOOKS_MAX (ATLS_PROFILE_EXTENSIONS_MAX + 2)
#define NSS_CAME_MAX 2 /* extensions of one CertificateEntry: a second one is one too many */

struct nss { /* of a party */
    const struct atls_party *party;
    struct credential credential;
    CERTCertificate *chain[ATLS_CHAIN_MAX], *anchors[CREDENTIAL_CERTIFICATES_MAX];
    CERTCertList *trusted;
    SECKEYPrivateKey *key;
    struct device_module_key device;
    void *library; /* the module, as dlopen() has it */
    SECMODModule *module;
};

struct nss_connection;
struct nss_hook { /* what a hook of NSS is told */
    struct nss_connection *c;
    int index; /* of the profile's extensions, or -1: in CertificateEntry alone */
};

struct nss_connection {
    struct atls_session *s;
    const struct atls_party *party;
    struct wire wire;
    PRFileDesc *fd; /* NSS's */
    PK11SymKey *write_secret;
    bool begun, established;  /* the handshake; then records have been sealed */
    bool by_library;          /* NSS has a failure's alert to send: its writes go through */
    bool told;                /* a fatal alert was sent */
    bool silent;              /* NSS has failed, and knows no alert for it */
    bool closed;              /* the peer said close_notify */
    bool selected, presented; /* a server's answers are made, the own Certificate is */
    int received;             /* fatal alert, or -1 */
    int sent;                 /* by NSS, or -1 */
    size_t owed;              /* bytes that NSS has taken, and the socket not yet */

    uint8_t *payload; /* for the own first CertificateEntry, or NULL */
    size_t payload_size;
    uint8_t *came[NSS_CAME_MAX]; /* in the peer's */
    struct atls_entry_received extensions[NSS_CAME_MAX];
    size_t came_count;
    CERTCertList *peer_list;
    struct atls_bytes peers[ATLS_PEER_CHAIN_MAX];
    size_t peer_count;
    struct nss_hook hooks[NSS_HOOKS_MAX];
};

/* handshake.c */
int nss_open(struct atls_session *s, void **connectionp);
void nss_close(void *connection);
enum atls_stack_answer nss_handshake(void *connection);
/* What NSS has found, in words of the contract; its alert is on its way. CODE is its error. */
enum atls_stack_answer nss_failed(struct nss_connection *c, PRErrorCode code);
/* Once, whoever comes by first. 0, or what session_fail() gave. */
int nss_selected(struct nss_connection *c);
int nss_present(struct nss_connection *c);
int nss_verify_chain(void *connection, const struct atls_bytes *chain, size_t count, bool critical);

/* keys.c */
int nss_start(struct atls_party *party, const char *certificate, const char *trust_anchors);
void nss_stop(struct atls_party *party);
/* -EIO with NSS's newest error; its text alone. */
int nss_fail(const char *what);
const char *nss_text(void);
/* DER into MADE, as far as it goes; whatever is not NULL there is the caller's to destroy. */
int nss_import_certificates(const struct atls_bytes *der, size_t count, CERTCertificate **made);
/* Whose handshake this thread is in: a signature is asked for without a word of that. */
extern _Thread_local struct nss_connection *nss_shaking;

/* transport.c */
/* The lowest layer, over the connection's wire. NULL where there is no memory. */
PRFileDesc *nss_transport(struct nss_connection *c);
/* SSLSecretCallback: what seals alerts, and the key log. */
void nss_secret(PRFileDesc *fd, PRUint16 epoch, SSLSecretDirection direction, PK11SymKey *secret,
                void *argument);
/* An alert of any number, sealed by NSS's AEAD with its secret, or in the open where there is none
 * yet. Only as the first record under that secret, which it is wherever this adapter refuses. */
enum atls_stack_answer nss_alert(void *connection, unsigned alert);

/* hooks.c */
int nss_install_hooks(struct nss_connection *c); /* as atls_fail() */
int nss_put_entries(void *connection, const struct atls_entry_extension *extensions, size_t count);

#endif
