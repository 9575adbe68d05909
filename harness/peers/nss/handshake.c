/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of NSS: the handshake, PKIX by libpkix, and what its errors say. */
#include "harness/peers/nss/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <secerr.h>
#include <sslerr.h>

#include "program/program.h"
#include "rats/base/error.h"

int nss_verify_chain(void *connection, const struct atls_bytes *chain, size_t count, bool critical)
{
    struct nss_connection *c = connection;
    const struct nss *nss = c->party->tls;
    bool of_server = c->party->side == ATLS_CLIENT;
    const char *detail = "expected a chain of at most 8 certificates";
    int alert = ATLS_ALERT_BAD_CERTIFICATE;
    CERTCertificate *certificates[ATLS_CHAIN_MAX] = {NULL};
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
    if (count == 0) {
        chain = c->peers;
        count = c->peer_count;
    }
    if (count == 0 || count > ATLS_CHAIN_MAX)
        return session_fail(c->s, "certificate-untrusted", alert, NULL, detail);
    int result = nss_import_certificates(chain, count, certificates);
    if (result == 0)
        result =
            CERT_PKIXVerifyCert(certificates[0],
                                of_server ? certificateUsageSSLServer : certificateUsageSSLClient,
                                in, out, NULL) == SECSuccess
                ? 0
                : -1;
    if (result == 0 && of_server)
        result = CERT_VerifyCertName(certificates[0], c->party->peer_name) == SECSuccess ? 0 : -1;
    if (result != 0) {
        PRErrorCode code = PR_GetError();
        detail = nss_text();
        if (code == SEC_ERROR_UNKNOWN_ISSUER || code == SEC_ERROR_UNTRUSTED_ISSUER)
            alert = ATLS_ALERT_UNKNOWN_CA;
    }
    for (size_t i = 0; i < count; i++)
        if (certificates[i])
            CERT_DestroyCertificate(certificates[i]);
    return result == 0 ? 0 : session_fail(c->s, "certificate-untrusted", alert, NULL, detail);
}

/* NSS's hook for the peer's Certificate: all of the judgement is made here, and it may wait. */
static SECStatus judge(void *argument, PRFileDesc *fd, PRBool check, PRBool server)
{
    struct nss_connection *c = argument;
    int result = c->party->side == ATLS_CLIENT ? session_answered(c->s) : 0;
    if (c->peer_list)
        CERT_DestroyCertList(c->peer_list);
    c->peer_list = SSL_PeerCertificateChain(fd);
    c->peer_count = 0;
    for (CERTCertListNode *at = c->peer_list ? CERT_LIST_HEAD(c->peer_list) : NULL;
         at && !CERT_LIST_END(at, c->peer_list) && c->peer_count < ATLS_CHAIN_MAX;
         at = CERT_LIST_NEXT(at))
        c->peers[c->peer_count++] = ATLS_BYTES(at->cert->derCert.data, at->cert->derCert.len);
    const struct session_certificate came = {.chain = c->peers,
                                             .chain_size = c->peer_count,
                                             .extensions = c->extensions,
                                             .extension_count = c->came_count};
    if (result == 0)
        result = session_certificate(c->s, &came);
    if (result == 0)
        result = session_judge(c->s);
    /* NSS would have an alert of its own for this: ours goes instead. */
    if (result != 0)
        PR_SetError(SEC_ERROR_UNTRUSTED_CERT, 0);
    return result == 0 ? SECSuccess : SECFailure;
}

int nss_selected(struct nss_connection *c)
{
    if (c->selected)
        return 0;
    c->selected = true;
    return session_selected(c->s);
}

int nss_present(struct nss_connection *c)
{
    struct session_presented presented;
    if (c->presented)
        return 0;
    c->presented = true;
    return session_present(c->s, &presented);
}

static SECStatus choose_credential(void *argument, PRFileDesc *fd, CERTDistNames *names,
                                   CERTCertificate **certificatep, SECKEYPrivateKey **keyp)
{
    struct nss_connection *c = argument;
    const struct nss *nss = c->party->tls;
    if (!nss->key)
        return SECFailure;
    *certificatep = CERT_DupCertificate(nss->chain[0]);
    *keyp = SECKEY_CopyPrivateKey(nss->key);
    /* What answers a binder is made where its extension is written. */
    if (!atls_carrier_of_party(c->party)->bound && nss_present(c) != 0)
        return SECFailure;
    return *certificatep && *keyp ? SECSuccess : SECFailure;
}

static void alert_received(const PRFileDesc *fd, void *argument, const SSLAlert *alert)
{
    struct nss_connection *c = argument;
    if (alert->level == 2)
        c->received = alert->description;
    else
        c->closed = c->closed || alert->description == ATLS_ALERT_CLOSE_NOTIFY;
}

static void alert_sent(const PRFileDesc *fd, void *argument, const SSLAlert *alert)
{
    struct nss_connection *c = argument;
    if (alert->level != 2)
        return;
    c->told = true;
    c->sent = alert->description;
}

static int set_groups(struct nss_connection *c, PRFileDesc *fd)
{
    static const SSLNamedGroup all[] = {ssl_grp_ec_curve25519, ssl_grp_ec_secp256r1,
                                        ssl_grp_ec_secp384r1};
    /* A client's only share is for a group that a server of this kind has not; a server has only a
     * group for which a client of this kind sends no share. */
    static const SSLNamedGroup of_client[] = {ssl_grp_ec_secp521r1, ssl_grp_ec_curve25519,
                                              ssl_grp_ec_secp256r1, ssl_grp_ec_secp384r1};
    static const SSLNamedGroup of_server[] = {ssl_grp_ec_secp384r1};
    bool client = c->party->side == ATLS_CLIENT;
    SECStatus status = !c->party->hrr ? SSL_NamedGroupConfig(fd, all, PR_ARRAY_SIZE(all))
                       : client ? SSL_NamedGroupConfig(fd, of_client, PR_ARRAY_SIZE(of_client))
                                : SSL_NamedGroupConfig(fd, of_server, PR_ARRAY_SIZE(of_server));
    return status == SECSuccess ? 0 : -1;
}

/* Resumption would leave out the Certificate, and so the attestation: no cache, no tickets. */
static int set_options(struct nss_connection *c, PRFileDesc *fd)
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
    bool client = c->party->side == ATLS_CLIENT;
    SECStatus status = SSL_VersionRangeSet(fd, &range);
    for (size_t i = 0; status == SECSuccess && i < PR_ARRAY_SIZE(options); i++)
        status = SSL_OptionSet(fd, options[i].option, options[i].value);
    if (status == SECSuccess)
        status =
            SSL_OptionSet(fd, client ? SSL_HANDSHAKE_AS_CLIENT : SSL_HANDSHAKE_AS_SERVER, PR_TRUE);
    return status == SECSuccess ? set_groups(c, fd) : -1;
}

static int set_up_side(struct nss_connection *c)
{
    const struct nss *nss = c->party->tls;
    SECStatus status;
    if (c->party->side == ATLS_CLIENT) {
        status = SSL_SetURL(c->fd, c->party->peer_name);
        return status == SECSuccess ? SSL_GetClientAuthDataHook(c->fd, choose_credential, c) : -1;
    }
    bool ask = session_asks(c->s);
    status = SSL_ConfigServerCert(c->fd, nss->chain[0], nss->key, NULL, 0);
    if (status == SECSuccess)
        status = SSL_OptionSet(c->fd, SSL_REQUEST_CERTIFICATE, ask);
    return status == SECSuccess ? SSL_OptionSet(c->fd, SSL_REQUIRE_CERTIFICATE,
                                                ask ? SSL_REQUIRE_ALWAYS : SSL_REQUIRE_NEVER)
                                : -1;
}

int nss_open(struct atls_session *s, void **connectionp)
{
    struct nss_connection *c = calloc(1, sizeof *c);
    if (!c)
        return atls_fail(-ENOMEM, NULL, "no memory for a connection");
    *connectionp = c;
    c->s = s;
    c->party = session_party(s);
    c->received = c->sent = -1;
    wire_init(&c->wire, s);
    PRFileDesc *transport = nss_transport(c);
    c->fd = transport ? SSL_ImportFD(NULL, transport) : NULL;
    if (!c->fd) {
        if (transport)
            PR_Close(transport);
        return nss_fail("connection");
    }
    if (set_options(c, c->fd) != 0 || set_up_side(c) != 0 ||
        SSL_AuthCertificateHook(c->fd, judge, c) != SECSuccess ||
        SSL_AlertReceivedCallback(c->fd, alert_received, c) != SECSuccess ||
        SSL_AlertSentCallback(c->fd, alert_sent, c) != SECSuccess ||
        SSL_SecretCallback(c->fd, nss_secret, c) != SECSuccess)
        return nss_fail("connection");
    return nss_install_hooks(c);
}

void nss_close(void *connection)
{
    struct nss_connection *c = connection;
    if (!c)
        return;
    c->wire.fd = -1; /* what was to be said has been said */
    if (c->fd)
        PR_Close(c->fd);
    if (c->write_secret)
        PK11_FreeSymKey(c->write_secret);
    if (c->peer_list)
        CERT_DestroyCertList(c->peer_list);
    for (size_t i = 0; i < c->came_count; i++)
        free(c->came[i]);
    free(c->payload);
    wire_clear(&c->wire);
    free(c);
}

/* What NSS has found, in words of the contract; its alert is on its way. */
enum atls_stack_answer nss_failed(struct nss_connection *c, PRErrorCode code)
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
    const char *reason = "internal", *clause = "";
    if (session_has_failed(c->s))
        return ATLS_STACK_FAILED;
    if (c->received >= 0) {
        session_alert_received(c->s, (unsigned)c->received);
        return ATLS_STACK_FAILED;
    }
    if (code == PR_END_OF_FILE_ERROR || code == PR_CONNECT_RESET_ERROR) {
        session_ended(c->s, "peer-closed", -1, "the peer closed the connection");
        return ATLS_STACK_FAILED;
    }
    for (size_t i = 0; i < PR_ARRAY_SIZE(known); i++)
        if (known[i].code == code) {
            reason = known[i].reason;
            clause = known[i].clause;
        }
    if (code == SEC_ERROR_BAD_SIGNATURE && session_peer_attests(c->s))
        reason = "key-mismatch";
    PR_SetError(code, 0);
    session_fail(c->s, reason, c->sent >= 0 ? c->sent : -1, clause, nss_text());
    c->silent = c->sent < 0;
    return ATLS_STACK_FAILED;
}

enum atls_stack_answer nss_handshake(void *connection)
{
    struct nss_connection *c = connection;
    bool client = c->party->side == ATLS_CLIENT;
    if (!c->begun && SSL_ResetHandshake(c->fd, !client) != SECSuccess)
        return nss_failed(c, PR_GetError());
    c->begun = true;
    nss_shaking = c;
    SECStatus status = SSL_ForceHandshake(c->fd);
    PRErrorCode code = PR_GetError();
    nss_shaking = NULL;
    int left = wire_flush(&c->wire);
    /* Behind ServerHello goes all the rest, in one flight. */
    if (!client && c->wire.hellos.over && !session_has_failed(c->s) && nss_selected(c) == 0)
        (void)nss_present(c);
    if (session_has_failed(c->s))
        return ATLS_STACK_FAILED;
    if (status != SECSuccess && code == PR_WOULD_BLOCK_ERROR)
        return left == -EAGAIN ? ATLS_STACK_WRITE : ATLS_STACK_READ;
    if (status != SECSuccess)
        return nss_failed(c, code);
    if (client && !c->presented && session_not_requested(c->s) != 0)
        return ATLS_STACK_FAILED;
    c->established = true;
    return ATLS_STACK_DONE;
}
