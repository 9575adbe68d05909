/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the stack over NSS: nss.c (handshake), keys.c (credentials), transport.c (the layer
 * under NSS, and alerts), hooks.c (extensions). */
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

#include "harness/peers/linked/peer.h"
#include "harness/peers/nss/device-module.h"

struct nss { /* of a peer */
    CERTCertificate *chain[PEER_CERTIFICATES_MAX], *anchors[PEER_CERTIFICATES_MAX];
    CERTCertList *trusted;
    SECKEYPrivateKey *key;
    struct device_module_key device;
    void *library; /* the module, as dlopen() has it */
    SECMODModule *module;
};

struct nss_hook { /* what a hook of NSS is told */
    struct connection *c;
    int index; /* of the profile's extensions, or -1: in CertificateEntry alone */
};

struct nss_connection {
    PRFileDesc *fd; /* NSS's */
    PK11SymKey *write_secret;
    bool by_library; /* NSS has a failure's alert to send: its writes go through */
    bool told;       /* a fatal alert was sent */
    int received;    /* fatal alert, or -1 */
    int sent;        /* by NSS, or -1 */
    struct nss_hook hooks[ATLS_PROFILE_EXTENSIONS_MAX + 2];
};

/* keys.c */
int nss_start(struct peer *peer);
void nss_stop(struct peer *peer);
/* -EIO with NSS's newest error; its text alone. */
int nss_fail(const char *what);
const char *nss_text(void);
/* DER into MADE, as far as it goes; whatever is not NULL there is the caller's to destroy. */
int nss_import_certificates(const struct atls_bytes *der, size_t count, CERTCertificate **made);
/* Whose handshake this thread is in: a signature is asked for without a word of that. */
extern _Thread_local struct connection *nss_shaking;

/* transport.c */
/* The lowest layer, over c->fd, with the connection's deadline. NULL where there is no memory. */
PRFileDesc *nss_transport(struct connection *c);
/* SSLSecretCallback: what seals alerts, and the key log. */
void nss_secret(PRFileDesc *fd, PRUint16 epoch, SSLSecretDirection direction, PK11SymKey *secret,
                void *argument);
/* An alert of any number, sealed by NSS's AEAD with its secret, or in the open where there is none
 * yet. Only as the first record under that secret, which it is wherever this adapter refuses. */
bool nss_alert(struct connection *c, int alert);

/* hooks.c */
int nss_install_hooks(struct connection *c);
/* What is known once the server's Certificate comes (a client), ahead of its judgement. */
int nss_settle(struct connection *c);

#endif
