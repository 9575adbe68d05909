/* SPDX-License-Identifier: Apache-2.0 */
/* The stack over NSS: the handshake, PKIX by libpkix, the exporter, and what NSS cannot do. */
#include "harness/peers/nss/stack.h"

#include <stdlib.h>
#include <string.h>

#include <secerr.h>
#include <sslerr.h>

#include "program/program.h"
#include "rats/base/error.h"

static void describe_version(char *text, size_t size)
{
    snprintf(text, size, "NSS %s", NSS_GetVersion());
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
    int result = nss_import_certificates(chain, count, certificates);
    if (result == 0)
        result =
            CERT_PKIXVerifyCert(certificates[0],
                                of_server ? certificateUsageSSLServer : certificateUsageSSLClient,
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
        status =
            SSL_OptionSet(fd, client ? SSL_HANDSHAKE_AS_CLIENT : SSL_HANDSHAKE_AS_SERVER, PR_TRUE);
    return status == SECSuccess ? set_groups(c, fd) : -1;
}

/* An authenticator brings its own X.509; where that may be missing, the handshake has it. */
static bool asks_for_certificate(const struct connection *c)
{
    const struct atls_options *o = &c->peer->options;
    bool later =
        o->profile->carrier == ATLS_IN_AUTHENTICATOR && o->relying_party_count > 0 && o->required;
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
    return status == SECSuccess ? SSL_OptionSet(fd, SSL_REQUIRE_CERTIFICATE,
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
    nss_shaking = c;
    SECStatus status = SSL_ForceHandshake(nss->fd);
    nss_shaking = NULL;
    if (!client && c->hellos_over && c->peer->options.profile->carrier != ATLS_IN_AUTHENTICATOR)
        connection_presented(c); /* behind ServerHello goes all the rest, in one flight */
    if (status != SECSuccess || c->failure.reason != NULL)
        return failed_in_library(c);
    if (client && c->peer->options.profile->carrier == ATLS_IN_ENTRY &&
        c->self_model != ATLS_MODEL_NONE && !c->has_credential &&
        !connection_faulty(c, "entry-missing"))
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
                                    context.data, (unsigned)context.size, valuep,
                                    (unsigned)size) == SECSuccess
               ? 0
               : nss_fail("exporter");
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
        if (atls_faults_has(&o->faults, "empty-certificate", NULL))
            return "fault empty-certificate beside X.509";
        if (o->side == ATLS_CLIENT && atls_faults_has(&o->faults, "entry-unasked", NULL))
            return "fault entry-unasked of a client";
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
    PEER_FAULTS,     "extension", "select-unoffered", "entry-missing", "entry-unasked",
    "entry-payload", NULL};

static const struct peer_stack stack = {
    .program = "atls-nss",
    .version = describe_version,
    .faults = faults,
    .lacks = lacks,
    .start = nss_start,
    .stop = nss_stop,
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
