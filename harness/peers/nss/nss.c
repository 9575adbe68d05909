/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack over NSS: credentials without a database, the handshake, PKIX by libpkix, the exporter.
 * A key of a device is in a PKCS#11 module (device-module.c); one of a file is imported.
 */
#include "harness/peers/nss/stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sechash.h>
#include <secerr.h>
#include <secport.h>
#include <sslerr.h>
#include <sslproto.h>

#include <gnutls/crypto.h>

#include "harness/peers/linked/credential.h"
#include "program/program.h"
#include "rats/error.h"
#include "tls/device-key.h"

#define MODULE "atls-nss-device.so"

/* Whose handshake this thread is in: a signature is asked for without a word of that. */
static _Thread_local struct connection *shaking;

static SECItem item_of(struct atls_bytes bytes)
{
    return (SECItem){siBuffer, (unsigned char *)(uintptr_t)bytes.data, (unsigned)bytes.size};
}

static const char *nss_text(void)
{
    const char *text = PR_ErrorToString(PR_GetError(), PR_LANGUAGE_I_DEFAULT);
    return text != NULL && text[0] != '\0' ? text : "unknown error";
}

static int fail_library(const char *what)
{
    return atls_fail(-EIO, NULL, "NSS, %s: %s", what, nss_text());
}

static void describe_version(char *text, size_t size)
{
    snprintf(text, size, "NSS %s", NSS_GetVersion());
}

static int import_certificates(const struct atls_bytes *der, size_t count, CERTCertificate **made)
{
    for (size_t i = 0; i < count; i++) {
        SECItem item = item_of(der[i]);
        made[i] = CERT_NewTempCertificate(CERT_GetDefaultCertDB(), &item, NULL, PR_FALSE, PR_TRUE);
        if (made[i] == NULL)
            return fail_library("certificate");
    }
    return 0;
}

/* The point of the certificate's key is what NSS makes an imported key's identifier of. */
static int import_key(struct peer *peer)
{
    struct nss *nss = peer->tls;
    PK11SlotInfo *slot = PK11_GetInternalSlot();
    SECKEYPublicKey *public_key = CERT_ExtractPublicKey(nss->chain[0]);
    uint8_t *der = NULL;
    size_t size;
    int result = credential_private_key(peer, &der, &size);
    if (result == 0 && (slot == NULL || public_key == NULL))
        result = fail_library("key");
    if (result == 0) {
        SECItem item = item_of(ATLS_BYTES(der, size));
        SECItem *value = public_key->keyType == ecKey ? &public_key->u.ec.publicValue
                                                      : &public_key->u.rsa.modulus;
        if (PK11_ImportDERPrivateKeyInfoAndReturnKey(slot, &item, NULL, value, PR_FALSE, PR_TRUE,
                                                     KU_DIGITAL_SIGNATURE, &nss->key,
                                                     NULL) != SECSuccess)
            result = fail_library("private key");
    }
    if (der != NULL) {
        explicit_bzero(der, size);
        gnutls_free(der);
    }
    if (public_key != NULL)
        SECKEY_DestroyPublicKey(public_key);
    if (slot != NULL)
        PK11_FreeSlot(slot);
    return result;
}

/* NSS tells a hash; what comes back is r || s, as PKCS#11 has it. */
static int sign_in_device(void *context, struct atls_bytes digest, uint8_t *signaturep)
{
    struct peer *peer = context;
    gnutls_datum_t der, r, s;
    size_t size = atls_curve_size(peer->leaf.curve);
    int result = credential_sign(peer, shaking, digest, &der);
    if (result != 0)
        return result;
    int code = gnutls_decode_rs_value(&der, &r, &s);
    gnutls_free(der.data);
    if (code < 0)
        return atls_fail(ATLS_E_MALFORMED, NULL, "a signature: %s", gnutls_strerror(code));
    const gnutls_datum_t parts[] = {r, s};
    memset(signaturep, 0, 2 * size);
    for (size_t i = 0; i < 2; i++) { /* integers of DER have no fixed size */
        size_t over = parts[i].size > size ? parts[i].size - size : 0;
        size_t used = parts[i].size - over;
        memcpy(signaturep + i * size + size - used, parts[i].data + over, used);
    }
    gnutls_free(r.data);
    gnutls_free(s.data);
    return 0;
}

/* The module is in the folder of this program. */
static int module_path(char path[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - sizeof MODULE - 1);
    if (size <= 0)
        return atls_fail(-errno, NULL, "the folder of this program: %s", strerror(errno));
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    memcpy(slash + 1, MODULE, sizeof MODULE);
    return 0;
}

static int load_module(struct peer *peer)
{
    struct nss *nss = peer->tls;
    char path[PATH_MAX], spec[PATH_MAX + 64];
    int result = module_path(path);
    if (result != 0)
        return result;
    nss->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *entry = nss->library != NULL ? dlsym(nss->library, DEVICE_MODULE_ENTRY) : NULL;
    if (entry == NULL)
        return atls_fail(-ENOENT, NULL, "%s: %s", path, dlerror());
    device_module_use_function *use;
    memcpy(&use, &entry, sizeof use);
    nss->device = (struct device_module_key){
        .curve = peer->leaf.curve, .sign = sign_in_device, .context = peer};
    use(&nss->device);
    snprintf(spec, sizeof spec, "library=\"%s\" name=\"%s\"", path, DEVICE_MODULE_TOKEN);
    nss->module = SECMOD_LoadUserModule(spec, NULL, PR_FALSE);
    if (nss->module == NULL || !nss->module->loaded)
        return fail_library("the device's module");
    return 0;
}

static int find_device_key(struct peer *peer)
{
    struct nss *nss = peer->tls;
    SECItem id = item_of(atls_bytes_of_text(DEVICE_MODULE_ID));
    int result = load_module(peer);
    if (result != 0)
        return result;
    PK11SlotInfo *slot = PK11_FindSlotByName(DEVICE_MODULE_TOKEN);
    if (slot != NULL) {
        nss->key = PK11_FindKeyByKeyID(slot, &id, NULL);
        PK11_FreeSlot(slot);
    }
    return nss->key != NULL ? 0 : fail_library("the device's key");
}

static int start(struct peer *peer)
{
    struct nss *nss = calloc(1, sizeof *nss);
    if (nss == NULL)
        return atls_fail(-ENOMEM, NULL, "no memory for NSS");
    peer->tls = nss;
    if (NSS_NoDB_Init(NULL) != SECSuccess || NSS_SetDomesticPolicy() != SECSuccess)
        return fail_library("start");
    if (peer->options.side == ATLS_SERVER &&
        SSL_ConfigServerSessionIDCache(16, 1, 1, NULL) != SECSuccess)
        return fail_library("session cache");
    int result = import_certificates(peer->chain, peer->chain_size, nss->chain);
    if (result == 0)
        result = import_certificates(peer->anchors, peer->anchor_count, nss->anchors);
    if (result == 0 && (nss->trusted = CERT_NewCertList()) == NULL)
        result = fail_library("trust anchors");
    for (size_t i = 0; result == 0 && i < peer->anchor_count; i++)
        if (CERT_AddCertToListTail(nss->trusted, CERT_DupCertificate(nss->anchors[i])) !=
            SECSuccess)
            result = fail_library("trust anchors");
    if (result == 0 && peer->chain_size > 0)
        result = peer->device_key != NULL ? find_device_key(peer) : import_key(peer);
    return result;
}

static void stop(struct peer *peer)
{
    struct nss *nss = peer->tls;
    if (nss == NULL)
        return;
    if (nss->key != NULL)
        SECKEY_DestroyPrivateKey(nss->key);
    if (nss->trusted != NULL)
        CERT_DestroyCertList(nss->trusted);
    for (size_t i = 0; i < PEER_CERTIFICATES_MAX; i++) {
        if (nss->chain[i] != NULL)
            CERT_DestroyCertificate(nss->chain[i]);
        if (nss->anchors[i] != NULL)
            CERT_DestroyCertificate(nss->anchors[i]);
    }
    SSL_ClearSessionCache();
    if (nss->module != NULL) {
        SECMOD_UnloadUserModule(nss->module);
        SECMOD_DestroyModule(nss->module);
    }
    if (peer->options.side == ATLS_SERVER)
        SSL_ShutdownServerSessionIDCache();
    NSS_Shutdown();
    if (nss->library != NULL)
        dlclose(nss->library);
    free(nss);
}

static int verify_chain(struct connection *c, const struct atls_bytes *chain, size_t count,
                        const char **detailp, int *alertp)
{
    const struct peer *peer = c->peer;
    const struct nss *nss = peer->tls;
    bool of_server = peer->options.side == ATLS_CLIENT;
    CERTCertificate *certificates[PEER_CERTIFICATES_MAX] = {NULL};
    /* Without a word on revocation libpkix refuses trust anchors as invalid arguments. */
    PRUint64 methods[cert_revocation_method_count] = {CERT_REV_M_DO_NOT_TEST_USING_THIS_METHOD};
    const CERTRevocationTests none = {.number_of_defined_methods = cert_revocation_method_count,
                                      .cert_rev_flags_per_method = methods};
    const CERTRevocationFlags revocation = {.leafTests = none, .chainTests = none};
    CERTValInParam in[] = {{.type = cert_pi_trustAnchors},
                           {.type = cert_pi_useOnlyTrustAnchors},
                           {.type = cert_pi_revocationFlags},
                           {.type = cert_pi_end}};
    CERTValOutParam out[1] = {{.type = cert_po_end}};
    in[0].value.pointer.chain = nss->trusted;
    in[1].value.scalar.b = PR_TRUE;
    in[2].value.pointer.revocation = &revocation;
    *detailp = "a chain of at most 8 certificates was expected";
    if (count == 0 || count > PEER_CERTIFICATES_MAX)
        return -1;
    int result = import_certificates(chain, count, certificates);
    if (result == 0)
        result = CERT_PKIXVerifyCert(certificates[0],
                                     of_server ? certificateUsageSSLServer
                                               : certificateUsageSSLClient,
                                     in, out, NULL) == SECSuccess
                     ? 0
                     : -1;
    if (result == 0 && of_server)
        result = CERT_VerifyCertName(certificates[0], peer->options.host) == SECSuccess ? 0 : -1;
    if (result != 0) {
        PRErrorCode code = PR_GetError();
        *detailp = nss_text();
        if (code == SEC_ERROR_UNKNOWN_ISSUER || code == SEC_ERROR_UNTRUSTED_ISSUER)
            *alertp = ATLS_ALERT_UNKNOWN_CA;
    }
    for (size_t i = 0; i < count; i++)
        if (certificates[i] != NULL)
            CERT_DestroyCertificate(certificates[i]);
    return result;
}

/* NSS's hook for the peer's Certificate: all of the judgement is made here, and it may wait. */
static SECStatus judge(void *argument, PRFileDesc *fd, PRBool check, PRBool server)
{
    struct connection *c = argument;
    struct atls_bytes chain[PEER_CERTIFICATES_MAX];
    size_t count = 0;
    CERTCertList *list = SSL_PeerCertificateChain(fd);
    int result = c->peer->options.side == ATLS_CLIENT ? nss_settle(c) : 0;
    for (CERTCertListNode *at = list != NULL ? CERT_LIST_HEAD(list) : NULL;
         at != NULL && !CERT_LIST_END(at, list) && count < PEER_CERTIFICATES_MAX;
         at = CERT_LIST_NEXT(at))
        chain[count++] = ATLS_BYTES(at->cert->derCert.data, at->cert->derCert.len);
    if (result == 0)
        result = connection_certificate(c, chain, count);
    if (list != NULL)
        CERT_DestroyCertList(list);
    /* NSS would have an alert of its own for this: ours goes instead. */
    if (result != 0)
        PR_SetError(SEC_ERROR_UNTRUSTED_CERT, 0);
    return result == 0 ? SECSuccess : SECFailure;
}

static SECStatus choose_credential(void *argument, PRFileDesc *fd, CERTDistNames *names,
                                   CERTCertificate **certificatep, SECKEYPrivateKey **keyp)
{
    struct connection *c = argument;
    const struct nss *nss = c->peer->tls;
    if (nss->key == NULL)
        return SECFailure;
    *certificatep = CERT_DupCertificate(nss->chain[0]);
    *keyp = SECKEY_CopyPrivateKey(nss->key);
    if (c->peer->options.profile->carrier != ATLS_IN_AUTHENTICATOR)
        connection_presented(c);
    return *certificatep != NULL && *keyp != NULL ? SECSuccess : SECFailure;
}

static void alert_received(const PRFileDesc *fd, void *argument, const SSLAlert *alert)
{
    struct nss_connection *nss = argument;
    if (alert->level == 2)
        nss->received = alert->description;
}

static void alert_sent(const PRFileDesc *fd, void *argument, const SSLAlert *alert)
{
    struct nss_connection *nss = argument;
    if (alert->level != 2)
        return;
    nss->told = true;
    nss->sent = alert->description;
}

static int set_groups(struct connection *c, PRFileDesc *fd)
{
    static const SSLNamedGroup all[] = {ssl_grp_ec_curve25519, ssl_grp_ec_secp256r1,
                                        ssl_grp_ec_secp384r1};
    /* A client's only share is for a group that a server of this kind has not; a server has only a
     * group for which a client of this kind sends no share. */
    static const SSLNamedGroup of_client[] = {ssl_grp_ec_secp521r1, ssl_grp_ec_curve25519,
                                              ssl_grp_ec_secp256r1, ssl_grp_ec_secp384r1};
    static const SSLNamedGroup of_server[] = {ssl_grp_ec_secp384r1};
    const struct atls_options *o = &c->peer->options;
    bool client = o->side == ATLS_CLIENT;
    SECStatus status = !o->hrr  ? SSL_NamedGroupConfig(fd, all, PR_ARRAY_SIZE(all))
                       : client ? SSL_NamedGroupConfig(fd, of_client, PR_ARRAY_SIZE(of_client))
                                : SSL_NamedGroupConfig(fd, of_server, PR_ARRAY_SIZE(of_server));
    return status == SECSuccess ? 0 : -1;
}

/* Resumption would leave out the Certificate, and so the attestation: no cache, no tickets. */
static int set_options(struct connection *c, PRFileDesc *fd)
{
    static const struct {
        PRInt32 option;
        PRIntn value;
    } options[] = {{SSL_SECURITY, PR_TRUE},
                   {SSL_NO_CACHE, PR_TRUE},
                   {SSL_ENABLE_SESSION_TICKETS, PR_FALSE},
                   {SSL_ENABLE_0RTT_DATA, PR_FALSE},
                   {SSL_ENABLE_OCSP_STAPLING, PR_FALSE},
                   {SSL_ENABLE_SIGNED_CERT_TIMESTAMPS, PR_FALSE},
                   {SSL_ENABLE_EXTENDED_MASTER_SECRET, PR_TRUE}};
    const SSLVersionRange range = {SSL_LIBRARY_VERSION_TLS_1_3, SSL_LIBRARY_VERSION_TLS_1_3};
    bool client = c->peer->options.side == ATLS_CLIENT;
    SECStatus status = SSL_VersionRangeSet(fd, &range);
    for (size_t i = 0; status == SECSuccess && i < PR_ARRAY_SIZE(options); i++)
        status = SSL_OptionSet(fd, options[i].option, options[i].value);
    if (status == SECSuccess)
        status = SSL_OptionSet(fd, client ? SSL_HANDSHAKE_AS_CLIENT : SSL_HANDSHAKE_AS_SERVER,
                               PR_TRUE);
    return status == SECSuccess ? set_groups(c, fd) : -1;
}

/* An authenticator brings its own X.509; where that may be missing, the handshake has it. */
static bool asks_for_certificate(const struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    bool later = o->profile->carrier == ATLS_IN_AUTHENTICATOR && o->relying_party_count > 0 &&
                 o->required;
    return !later && (o->relying_party_count > 0 || c->peer->anchor_count > 0);
}

static int set_up_side(struct connection *c, PRFileDesc *fd)
{
    const struct nss *nss = c->peer->tls;
    SECStatus status;
    if (c->peer->options.side == ATLS_CLIENT) {
        status = SSL_SetURL(fd, c->peer->options.host);
        return status == SECSuccess ? SSL_GetClientAuthDataHook(fd, choose_credential, c) : -1;
    }
    bool ask = asks_for_certificate(c);
    c->peer_accepted = !ask;
    if (nss->key == NULL)
        return atls_fail(ATLS_E_MISSING, NULL, "a server needs --cert and --key");
    status = SSL_ConfigServerCert(fd, nss->chain[0], nss->key, NULL, 0);
    if (status == SECSuccess)
        status = SSL_OptionSet(fd, SSL_REQUEST_CERTIFICATE, ask);
    return status == SECSuccess
               ? SSL_OptionSet(fd, SSL_REQUIRE_CERTIFICATE,
                               ask ? SSL_REQUIRE_ALWAYS : SSL_REQUIRE_NEVER)
               : -1;
}

static int set_up(struct connection *c)
{
    struct nss_connection *nss = calloc(1, sizeof *nss);
    if (nss == NULL)
        return connection_fail(c, "internal", -1, "", "no memory for a connection");
    nss->received = nss->sent = -1;
    c->tls = nss;
    PRFileDesc *transport = nss_transport(c);
    nss->fd = transport != NULL ? SSL_ImportFD(NULL, transport) : NULL;
    if (nss->fd == NULL) {
        if (transport != NULL)
            PR_Close(transport);
        return connection_fail(c, "internal", -1, "", nss_text());
    }
    if (set_options(c, nss->fd) != 0 || set_up_side(c, nss->fd) != 0 ||
        SSL_AuthCertificateHook(nss->fd, judge, c) != SECSuccess ||
        SSL_AlertReceivedCallback(nss->fd, alert_received, nss) != SECSuccess ||
        SSL_AlertSentCallback(nss->fd, alert_sent, nss) != SECSuccess ||
        SSL_SecretCallback(nss->fd, nss_secret, c) != SECSuccess)
        return connection_fail(c, "internal", -1, "", nss_text());
    return nss_install_hooks(c);
}

/* What NSS has found, in words of the contract; its alert is on its way. */
static int failed_in_library(struct connection *c)
{
    static const struct {
        PRErrorCode code;
        const char *reason, *clause;
    } known[] = {
        {SSL_ERROR_RX_UNEXPECTED_EXTENSION, "malformed-extension", "RFC 8446 section 4.2"},
        {SSL_ERROR_EXTENSION_DISALLOWED_FOR_VERSION, "malformed-extension", "RFC 8446 section 4.2"},
        {SSL_ERROR_NO_CERTIFICATE, "certificate-untrusted", "RFC 8446 section 4.4.2.4"},
        {SEC_ERROR_BAD_SIGNATURE, "certificate-untrusted", "RFC 8446 section 4.4.3"},
    };
    struct nss_connection *nss = c->tls;
    PRErrorCode code = PR_GetError();
    const char *reason = "internal", *clause = "";
    if (c->failure.reason != NULL)
        return -1;
    if (nss->received >= 0)
        return connection_ended(c, "peer-alert", nss->received);
    if (code == PR_END_OF_FILE_ERROR || code == PR_CONNECT_RESET_ERROR)
        return connection_ended(c, "peer-closed", -1);
    for (size_t i = 0; i < PR_ARRAY_SIZE(known); i++)
        if (known[i].code == code) {
            reason = known[i].reason;
            clause = known[i].clause;
        }
    if (code == SEC_ERROR_BAD_SIGNATURE && c->peer_model != ATLS_MODEL_NONE)
        reason = "key-mismatch";
    connection_fail(c, reason, nss->sent >= 0 ? nss->sent : -1, clause, nss_text());
    if (nss->sent < 0)
        c->failure.alert = -1;
    return -1;
}

static int handshake(struct connection *c)
{
    bool client = c->peer->options.side == ATLS_CLIENT;
    if (set_up(c) != 0)
        return -1;
    struct nss_connection *nss = c->tls;
    if (SSL_ResetHandshake(nss->fd, !client) != SECSuccess)
        return connection_fail(c, "internal", -1, "", nss_text());
    shaking = c;
    SECStatus status = SSL_ForceHandshake(nss->fd);
    shaking = NULL;
    if (!client && c->hellos_over && c->peer->options.profile->carrier != ATLS_IN_AUTHENTICATOR)
        connection_presented(c); /* behind ServerHello goes all the rest, in one flight */
    if (status != SECSuccess || c->failure.reason != NULL)
        return failed_in_library(c);
    if (client && c->peer->options.profile->carrier == ATLS_IN_ENTRY &&
        c->self_model != ATLS_MODEL_NONE && !c->has_credential)
        return connection_fail(c, "unexpected-selection", -1, NULL,
                               "attestation of the client was selected without a "
                               "CertificateRequest that asks for it");
    return 0;
}

static int send_bytes(struct connection *c, struct atls_bytes bytes)
{
    struct nss_connection *nss = c->tls;
    while (bytes.size > 0) {
        PRInt32 part = bytes.size > 65536 ? 65536 : (PRInt32)bytes.size;
        PRInt32 size = PR_Write(nss->fd, bytes.data, part);
        if (size <= 0)
            return failed_in_library(c);
        bytes = ATLS_BYTES(bytes.data + size, bytes.size - (size_t)size);
    }
    return 0;
}

static int receive(struct connection *c, uint8_t *buffer, size_t capacity, size_t *sizep)
{
    struct nss_connection *nss = c->tls;
    PRInt32 size = PR_Read(nss->fd, buffer, (PRInt32)capacity);
    if (size < 0)
        return failed_in_library(c);
    *sizep = (size_t)size;
    return 0;
}

static int export_value(struct connection *c, const char *label, struct atls_bytes context,
                        uint8_t *valuep, size_t size)
{
    struct nss_connection *nss = c->tls;
    /* An empty context and none are the same in TLS 1.3, and NSS refuses an empty one. */
    return SSL_ExportKeyingMaterial(nss->fd, label, (unsigned)strlen(label), context.size > 0,
                                    context.data,
                                    (unsigned)context.size, valuep,
                                    (unsigned)size) == SECSuccess
               ? 0
               : fail_library("exporter");
}

static void close_connection(struct connection *c)
{
    struct nss_connection *nss = c->tls;
    if (nss == NULL)
        return;
    if (nss->fd != NULL) /* which says close_notify, where that still goes out */
        PR_Close(nss->fd);
    if (nss->write_secret != NULL)
        PK11_FreeSymKey(nss->write_secret);
    free(nss);
    c->tls = NULL;
}

/* Why NSS cannot do it, before any packet. */
static const char *lacks(const struct atls_options *o)
{
    switch (o->profile->carrier) {
    case ATLS_IN_PLACE_OF_CERTIFICATE:
        return "profiles ta-*: a certificate of NSS is X.509, and its handshake secret, of which "
               "the binder of credential kind cert is made, is not given out";
    case ATLS_IN_ENTRY:
        if (o->side == ATLS_SERVER && o->relying_party_count > 0)
            return "attestation of a client beside X.509: NSS as a server ignores the extensions "
                   "of a client's CertificateEntry";
        break;
    case ATLS_IN_CERTIFICATE:
    case ATLS_IN_AUTHENTICATOR:
        break;
    }
    if (o->side == ATLS_SERVER && o->key == NULL)
        return "a server without X.509 (--cert and --key)";
    return NULL;
}

static const char *const faults[] = {
    "pat-signature", "kat-signature", "foreign-pat", "linkage", "stale-nonce", "foreign-nonce",
    "attested-other-key", "result-without-key", "cmw", "cmw-truncated", "cmw-trailing-byte",
    "cmw-empty-collection", "cmw-relative-type", "cmw-value-not-bytes", "cmw-indicator-zero",
    "cmw-missing-kat", "cbor-indefinite", "cbor-duplicate-key", "cbor-unpreferred", "cbor-deep",
    "cose-three-elements", "cose-unknown-alg", "cose-detached", "claims-no-cnf", "claims-cbor",
    "result-garbage", "result-signature", "result-algorithm-none",
    "authenticator-finished", "application-data-early", NULL};

static const struct peer_stack stack = {
    .program = "atls-nss",
    .version = describe_version,
    .faults = faults,
    .lacks = lacks,
    .start = start,
    .stop = stop,
    .handshake = handshake,
    .send = send_bytes,
    .receive = receive,
    .exporter = export_value,
    .verify_chain = verify_chain,
    .alert = nss_alert,
    .close = close_connection,
};

int main(int argc, char **argv)
{
    return peer_program(&stack, argc, argv);
}
