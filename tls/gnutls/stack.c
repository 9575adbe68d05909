/* SPDX-License-Identifier: Apache-2.0 */
/* The stack over GnuTLS: a party, a connection and its records. TLS 1.3 only, three groups. */
#include "tls/gnutls/stack-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <gnutls/x509.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "rats/cmw/cmw.h"
#include "tls/engine/carrier.h"

#define PEM_MAX (1 << 20)
#define AGAIN_CLAUSE "draft-fossati-seat-early-attestation-06 section 5.4.1"
/* The library's bound on all handshake messages together. */
#define HANDSHAKE_MAX (ATLS_CMW_MAX_SIZE * 2 + 65536)

#define BASE "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:"
#define GROUPS BASE "+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
/* A client's only share is for a group that a server of this program has not; a server has only a
 * group for which a client of it sends no share. */
#define HRR_CLIENT BASE "+GROUP-SECP521R1:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
#define HRR_SERVER BASE "+GROUP-SECP384R1"
#define NO_CHANGE_CIPHER_SPEC ":%DISABLE_TLS13_COMPAT_MODE"
#define RAW_SIGNATURES ":+SIGN-EDDSA-ED25519" /* stack-signature.c; among NORMAL's anyway */

static int check(bool secret)
{
    int result = atls_entry_shim_check();
    return result == 0 && secret ? atls_handshake_secret_check() : result;
}

static int load_trust_anchors(struct gnutls_party *own, const char *path)
{
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, PEM_MAX, &data, &size);
    if (result != 0)
        return result;
    gnutls_datum_t pem = {data, (unsigned)size};
    int count = gnutls_certificate_set_x509_trust_mem(own->credentials, &pem, GNUTLS_X509_FMT_PEM);
    free(pem.data);
    if (count <= 0)
        return atls_fail(atls_gnutls_error(count, ATLS_E_MALFORMED), NULL,
                         "%s: expected trust anchors in PEM: %s", path, gnutls_strerror(count));
    return 0;
}

static int start(struct atls_party *party, const char *certificate, const char *trust_anchors)
{
    const char *groups = !party->hrr                  ? GROUPS
                         : party->side == ATLS_CLIENT ? HRR_CLIENT
                                                      : HRR_SERVER;
    char priorities[256];
    struct gnutls_party *own = calloc(1, sizeof *own);
    if (!own)
        return atls_fail(-ENOMEM, NULL, "TLS credentials: out of memory");
    party->tls = own;
    if (party->remembers_chains && atls_known_new(&own->known) != 0)
        return -ENOMEM;
    snprintf(priorities, sizeof priorities, "%s%s%s", groups,
             party->profile->no_change_cipher_spec ? NO_CHANGE_CIPHER_SPEC : "",
             party->profile->raw_signatures ? RAW_SIGNATURES : "");
    int code = gnutls_priority_init(&own->priorities, priorities, NULL);
    if (code == 0)
        code = gnutls_certificate_allocate_credentials(&own->credentials);
    if (code < 0)
        return atls_gnutls_fail(code, -EIO, NULL, "TLS credentials");
    gnutls_certificate_set_retrieve_function3(own->credentials, stack_retrieve);
    return trust_anchors ? load_trust_anchors(own, trust_anchors) : 0;
}

static void stop(struct atls_party *party)
{
    struct gnutls_party *own = party->tls;
    if (!own)
        return;
    if (own->credentials)
        gnutls_certificate_free_credentials(own->credentials);
    if (own->priorities)
        gnutls_priority_deinit(own->priorities);
    atls_known_free(own->known);
    free(own);
    party->tls = NULL;
}

static int keylog(gnutls_session_t tls, const char *label, const gnutls_datum_t *secret)
{
    struct gnutls_connection *c = gnutls_session_get_ptr(tls);
    gnutls_datum_t random, server;
    if (c->watch.secret)
        atls_handshake_secret_keylog(c->watch.secret, label, secret);
    gnutls_session_get_random(tls, &random, &server);
    session_keylog(c->s, label, ATLS_BYTES(random.data, random.size),
                   ATLS_BYTES(secret->data, secret->size));
    return 0;
}

static ssize_t not_yet(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    errno = EAGAIN;
    return -1;
}

/* What the library makes of an alert as the first record depends on whether it has waited for a
 * record before: a server's first look is made here, and finds nothing, so that it always has. */
static void look_once(struct gnutls_connection *c)
{
    gnutls_transport_set_pull_function(c->tls, not_yet);
    (void)gnutls_handshake(c->tls);
}

/* Extensions of certificates are looked at where one of the party's carriers rides in them. */
static int set_up_shim(struct gnutls_connection *c)
{
    const struct atls_party *party = c->party;
    uint16_t type = party->code_points.value[party->profile->entry_extension];
    c->watch.secret = atls_carrier_by_kind(party) || session_leaks(party) ? &c->secret : NULL;
    if (!atls_carrier_of_party(party)->in_entries && !atls_carrier_by_kind(party))
        return 0;
    int result = atls_entry_shim_new(&c->shim);
    if (result == 0)
        result = atls_entry_shim_expect(c->shim, &type, 1);
    c->watch.shim = c->shim;
    return result;
}

static void set_up_side(struct gnutls_connection *c)
{
    const char *name = c->party->peer_name;
    struct in6_addr address;
    if (c->party->side == ATLS_SERVER)
        gnutls_handshake_set_post_client_hello_function(c->tls, stack_client_hello);
    else if (name && inet_pton(AF_INET, name, &address) != 1 &&
             inet_pton(AF_INET6, name, &address) != 1)
        gnutls_server_name_set(c->tls, GNUTLS_NAME_DNS, name, strlen(name));
}

/* Resumption would leave out the Certificate, and so the attestation: no tickets. A client sends
 * the share of one group only, so that either side can bring about a HelloRetryRequest. */
static int set_up(struct gnutls_connection *c)
{
    const struct atls_party *party = c->party;
    const struct gnutls_party *own = party->tls;
    unsigned flags =
        GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_AUTO_SEND_TICKET | GNUTLS_NO_SIGNAL |
        (party->side == ATLS_CLIENT ? GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP : GNUTLS_SERVER);
    if (party->variants.post_handshake != 0)
        flags |= GNUTLS_POST_HANDSHAKE_AUTH;
    int result = gnutls_init(&c->tls, flags);
    if (result < 0)
        return atls_gnutls_fail(result, -EIO, NULL, "TLS session");
    gnutls_session_set_ptr(c->tls, c);
    result = gnutls_priority_set(c->tls, own->priorities);
    if (result == 0)
        result = gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, own->credentials);
    if (result < 0)
        return atls_fail(-EINVAL, NULL, "TLS session: %s", gnutls_strerror(result));
    gnutls_handshake_set_timeout(c->tls, GNUTLS_INDEFINITE_TIMEOUT); /* the caller keeps time */
    gnutls_handshake_set_max_packet_length(c->tls, HANDSHAKE_MAX);
    gnutls_session_set_verify_function(c->tls, stack_verify);
    gnutls_session_set_keylog_function(c->tls, keylog);
    gnutls_handshake_set_hook_function(c->tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH,
                                       atls_gnutls_hook);
    set_up_side(c);
    result = stack_register(c);
    if (result == 0 && party->side == ATLS_SERVER)
        look_once(c);
    return result;
}

static int open_connection(struct atls_session *s, void **connectionp)
{
    struct gnutls_connection *c = calloc(1, sizeof *c);
    if (!c)
        return atls_fail(-ENOMEM, NULL, "no memory for a connection");
    *connectionp = c;
    c->s = s;
    c->party = session_party(s);
    c->watch.alert = session_alert(s);
    int result = set_up_shim(c);
    if (result == 0)
        result = stack_raw_open(c);
    return result == 0 ? set_up(c) : result;
}

static void close_connection(void *connection)
{
    struct gnutls_connection *c = connection;
    if (!c)
        return;
    if (c->tls)
        gnutls_deinit(c->tls);
    atls_entry_shim_free(c->shim);
    atls_handshake_secret_wipe(&c->secret);
    stack_raw_close(c);
    if (c->presented.pubkey)
        gnutls_pubkey_deinit(c->presented.pubkey);
    if (c->signer)
        gnutls_privkey_deinit(c->signer);
    free(c);
}

static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    struct gnutls_connection *c = transport;
    ssize_t received = recv(c->fd, data, size, 0);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR))
        c->stream_ended = true;
    return received;
}

static void use_socket(void *connection, int fd)
{
    struct gnutls_connection *c = connection;
    c->fd = fd;
    gnutls_transport_set_ptr2(c->tls, c, (gnutls_transport_ptr_t)(intptr_t)fd);
    gnutls_transport_set_pull_function(c->tls, pull);
}

gnutls_session_t atls_session_tls(struct atls_session *session)
{
    const struct gnutls_connection *c = atls_session_connection(session);
    return c->tls;
}

static enum atls_stack_answer handshake(void *connection)
{
    struct gnutls_connection *c = connection;
    struct atls_interposed *before = atls_interpose_enter(&c->watch);
    int result = gnutls_handshake(c->tls);
    atls_interpose_enter(before);
    c->shaken = result == 0;
    c->certificate_verify_seen = c->certificate_verify_seen && !c->shaken;
    return stack_answer(c, result);
}

static enum atls_stack_answer again(void *connection)
{
    struct gnutls_connection *c = connection;
    struct atls_interposed *before = atls_interpose_enter(&c->watch);
    int result = gnutls_reauth(c->tls, 0);
    atls_interpose_enter(before);
    c->certificate_verify_seen = c->certificate_verify_seen && result != 0;
    if (result == GNUTLS_E_INVALID_REQUEST && c->party->side == ATLS_SERVER)
        session_fail(c->s, "attestation-missing", ATLS_ALERT_MISSING_EXTENSION, AGAIN_CLAUSE,
                     "attestation is to be repeated, and the client did not offer "
                     "post_handshake_auth");
    else if (result == GNUTLS_E_GOT_APPLICATION_DATA)
        session_fail(c->s, "application-data-early", ATLS_ALERT_UNEXPECTED_MESSAGE, AGAIN_CLAUSE,
                     "application data came before the attestation that was asked for");
    return session_has_failed(c->s) ? ATLS_STACK_FAILED : stack_answer(c, result);
}

static enum atls_stack_answer send_bytes(void *connection, struct atls_bytes bytes, size_t *sentp)
{
    struct gnutls_connection *c = connection;
    ssize_t sent = gnutls_record_send(c->tls, bytes.data, bytes.size);
    if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
        return ATLS_STACK_WRITE;
    if (sent < 0)
        return stack_failed(c, (int)sent);
    *sentp = (size_t)sent;
    return ATLS_STACK_DONE;
}

static enum atls_stack_answer receive(void *connection, uint8_t *buffer, size_t capacity,
                                      size_t *sizep)
{
    struct gnutls_connection *c = connection;
    ssize_t size = gnutls_record_recv(c->tls, buffer, capacity);
    if (size == 0)
        return ATLS_STACK_CLOSED;
    if (size == GNUTLS_E_AGAIN || size == GNUTLS_E_INTERRUPTED)
        return ATLS_STACK_READ;
    if (size == GNUTLS_E_REAUTH_REQUEST)
        return ATLS_STACK_REPEAT;
    if (size < 0)
        return stack_answer(c, (int)size);
    *sizep = (size_t)size;
    return ATLS_STACK_DONE;
}

static enum atls_stack_answer send_alert(void *connection, unsigned alert)
{
    struct gnutls_connection *c = connection;
    struct atls_interposed *before = atls_interpose_enter(&c->watch);
    int result = gnutls_alert_send(c->tls, GNUTLS_AL_FATAL, alert);
    atls_interpose_enter(before);
    return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED ? ATLS_STACK_WRITE
                                                                      : ATLS_STACK_DONE;
}

static enum atls_stack_answer say_bye(void *connection)
{
    struct gnutls_connection *c = connection;
    int result = gnutls_bye(c->tls, GNUTLS_SHUT_WR);
    return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED ? ATLS_STACK_WRITE
                                                                      : ATLS_STACK_DONE;
}

/* Not from a client's verify callback, where GnuTLS 3.7 exports a wrong constant without an error.
 */
static int export_value(void *connection, const char *label, struct atls_bytes context,
                        uint8_t *valuep, size_t size)
{
    struct gnutls_connection *c = connection;
    int result = gnutls_prf_rfc5705(c->tls, strlen(label), label, context.size,
                                    (const char *)context.data, size, (char *)valuep);
    return result < 0 ? atls_gnutls_fail(result, -EIO, NULL, "exporter") : 0;
}

static int hash(void *connection, enum atls_hash *hashp)
{
    struct gnutls_connection *c = connection;
    *hashp = gnutls_prf_hash_get(c->tls) == GNUTLS_DIG_SHA384 ? ATLS_SHA384 : ATLS_SHA256;
    return 0;
}

static int handshake_secret(void *connection, struct atls_bytes *secretp)
{
    struct gnutls_connection *c = connection;
    enum atls_hash unused;
    struct atls_bytes hellos;
    return atls_handshake_secret_get(&c->secret, &unused, secretp, &hellos);
}

static void request_certificate(void *connection, bool ask)
{
    struct gnutls_connection *c = connection;
    gnutls_certificate_server_set_request(c->tls, ask ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
}

static int put_request(void *connection, const struct atls_entry_extension *extensions,
                       size_t count)
{
    struct gnutls_connection *c = connection;
    return atls_entry_shim_request(c->shim, extensions, count);
}

static int put_entries(void *connection, const struct atls_entry_extension *extensions,
                       size_t count)
{
    struct gnutls_connection *c = connection;
    return atls_entry_shim_send(c->shim, c->party->chain, c->party->chain_size, extensions, count);
}

const struct atls_stack atls_stack_gnutls = {
    .name = "GnuTLS",
    .pauses = true,
    .alerts_later = true,
    .check = check,
    .start = start,
    .stop = stop,
    .open = open_connection,
    .close = close_connection,
    .use_socket = use_socket,
    .handshake = handshake,
    .again = again,
    .send = send_bytes,
    .receive = receive,
    .alert = send_alert,
    .bye = say_bye,
    .exporter = export_value,
    .hash = hash,
    .handshake_secret = handshake_secret,
    .request_certificate = request_certificate,
    .put_request = put_request,
    .put_entries = put_entries,
    .put_certificate = stack_put_certificate,
    .put_raw_key = stack_put_raw_key,
    .verify_chain = stack_verify_chain,
    .peers = stack_peers,
    .leaf_key = stack_leaf_key,
    .peer_key = stack_peer_key,
};
