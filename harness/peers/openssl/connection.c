/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a connection, and its events. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "appraisal.h"
#include "cmw.h"
#include "events.h"
#include "expat.h"
#include "library.h"
#include "transport.h"

#define LINGER_SECONDS 1.0
#define LINE_MAX_SIZE 4096

struct connection *connection_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, 0);
}

void connection_keylog(const SSL *ssl, const char *line)
{
    struct connection *c = connection_of(ssl);
    if (c->party->keylog_file) {
        fprintf(c->party->keylog_file, "%s\n", line);
        fflush(c->party->keylog_file);
    }
    library_secret(c, line);
}

static json_t *key_or_null(const struct public_key *key)
{
    return key->size ? json_hex(KEY_SPKI(key)) : NULL;
}

void connection_report_handshake(struct connection *c)
{
    if (c->reported)
        return;
    c->reported = true;
    bool failed = c->why.reason != NULL;
    if (c->seconds == 0)
        c->seconds = now_seconds() - c->started;
    json_t *alert =
        failed && c->alert >= 0
            ? json_pack("{s:s, s:i, s:s}", "direction", c->alert_received ? "received" : "sent",
                        "code", c->alert, "name", alert_name((unsigned)c->alert))
            : json_null();
    event("handshake",
          json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:b, s:f, s:s, s:s, s:o*, s:o*}", "conn",
                    (int)c->number, "outcome", failed ? "failed" : "complete", "reason",
                    failed ? c->why.reason : "ok", "detail", c->why.detail, "clause", c->why.clause,
                    "alert", alert, "hrr", c->hrr, "seconds", c->seconds, "self_attested",
                    model_word(c->self), "peer_attested", model_word(c->peer), "signed_with",
                    key_or_null(&c->signed_with), "verified_with", key_or_null(&c->verified_with)));
}

void connection_report_line(struct connection *c, const char *direction, struct bytes line)
{
    event("application-data", json_pack("{s:i, s:s, s:o}", "conn", (int)c->number, "direction",
                                        direction, "text", json_text(line)));
}

/* What the library said no to by itself; its alert is out already. */
static void failed_by_library(struct connection *c)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    char text[200];
    ERR_error_string_n(code, text, sizeof text);
    const char *word = "internal";
    if (reason == SSL_R_BAD_SIGNATURE)
        word = c->peer != MODEL_NONE || c->verified ? "key-mismatch" : "certificate-untrusted";
    else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        word = "certificate-untrusted";
    else if (library_is_extension_error(reason))
        word = "malformed-extension";
    else if (c->alert >= 0 && c->alert != SSL_AD_INTERNAL_ERROR)
        word = "protocol-error";
    refuse(&c->why, word, "RFC 8446", "%s", text);
}

/* An operation did not succeed: what was it? */
static int failed(struct connection *c, int returned)
{
    int error = SSL_get_error(c->ssl, returned);
    if (c->why.reason) {
        /* it was said where it was seen */
    } else if (c->alert_received) {
        refuse(&c->why, "peer-alert", NULL, "the peer ended the connection with %s (%d)",
               alert_name((unsigned)c->alert), c->alert);
    } else if (error == SSL_ERROR_ZERO_RETURN || error == SSL_ERROR_SYSCALL ||
               library_is_end(ERR_peek_error())) {
        refuse(&c->why, "peer-closed", NULL, "the peer closed the connection");
    } else {
        failed_by_library(c);
        ERR_clear_error();
        return -1;
    }
    ERR_clear_error();
    return -1;
}

int connection_write(struct connection *c, struct bytes bytes)
{
    if (bytes.size == 0)
        return 0;
    int written = SSL_write(c->ssl, bytes.data, (int)bytes.size);
    return written == (int)bytes.size ? 0 : failed(c, written);
}

int connection_read(struct connection *c, uint8_t *data, size_t capacity, size_t *sizep)
{
    int size = SSL_read(c->ssl, data, (int)capacity);
    if (size <= 0)
        return failed(c, size);
    *sizep = (size_t)size;
    return 0;
}

int connection_read_now(struct connection *c, uint8_t *data, size_t capacity, size_t *sizep)
{
    *sizep = 0;
    c->impatient = true;
    int size = SSL_read(c->ssl, data, (int)capacity);
    c->impatient = false;
    if (size > 0)
        *sizep = (size_t)size;
    return size > 0 || SSL_get_error(c->ssl, size) == SSL_ERROR_WANT_READ ? 0 : failed(c, size);
}

void connection_present(struct connection *c)
{
    struct bytes cmw;
    struct why ignored = {.reason = NULL};
    const struct party *party = c->party;
    if (c->presented || party->profile->carrier != IN_CERTIFICATE || party->attester.count == 0 ||
        !party->chain || certificate_cmw(sk_X509_value(party->chain, 0), &cmw, &ignored) != 0)
        return;
    struct cmw *parsed;
    c->self = MODEL_BACKGROUND_CHECK;
    if (cmw_parse(cmw, &parsed, &ignored) == 0) {
        c->self = cmw_is(parsed, MT_EAT_JWT) ? MODEL_PASSPORT : MODEL_BACKGROUND_CHECK;
        cmw_free(parsed);
    }
    c->presented = true;
    c->signed_with = party->leaf;
    event_credential(party->artifacts, c->number, "sent", cmw);
}

/* Attestation inside of the leaf: nothing was negotiated, so that alone tells the model. */
static int judge_inside(struct connection *c, X509 *leaf)
{
    const struct party *party = c->party;
    struct bytes cmw;
    uint8_t challenge[HASH_MAX];
    size_t size;
    int found = certificate_cmw(leaf, &cmw, &c->why);
    if (found < 0)
        return -1;
    if (found > 0 && party->required)
        return refuse(&c->why, "attestation-missing", party->profile->clause,
                      "the certificate has no extension with a CMW");
    if (found > 0)
        return 0;
    if (c->verified_with.size == 0)
        return refuse(&c->why, "key-mismatch", "RFC 5480 section 2",
                      "expected a certificate for a key of P-256 or P-384");
    hash(key_hash(&c->verified_with), KEY_SPKI(&c->verified_with), challenge, &size);
    enum model model = appraisal_model(party, cmw);
    /* No result was agreed on: it must be of the first verifier that is trusted. */
    if (appraise(party, c->number, model, BYTES(challenge, size), &c->verified_with, cmw,
                 &party->trusted[0], &c->why))
        return -1;
    c->peer = model;
    return 0;
}

int connection_judge(struct connection *c, STACK_OF(X509) * chain)
{
    X509 *leaf = sk_X509_value(chain, 0);
    if (party_verify_chain(c->party, chain, &c->why))
        return -1;
    (void)key_of_pkey(X509_get0_pubkey(leaf), &c->verified_with);
    if (c->party->profile->carrier == IN_CERTIFICATE && c->party->relying_party.count > 0 &&
        judge_inside(c, leaf))
        return -1;
    c->verified = true;
    return 0;
}

static int send_line(struct connection *c)
{
    struct blob line = {NULL, 0, 0};
    put(&line, text_bytes(c->party->message));
    put_number(&line, 1, '\n');
    int result = connection_write(c, BLOB_BYTES(line));
    blob_clear(&line);
    if (result == 0)
        connection_report_line(c, "sent", text_bytes(c->party->message));
    return result;
}

static int receive_line(struct connection *c)
{
    uint8_t line[LINE_MAX_SIZE];
    size_t used = 0, came = 0;
    for (;;) {
        if (connection_read(c, line + used, sizeof line - used, &came))
            return -1;
        connection_report_handshake(c); /* a client knows only now that the server accepted it */
        const uint8_t *end = memchr(line + used, '\n', came);
        used += came;
        if (end) {
            connection_report_line(c, "received", BYTES(line, (size_t)(end - line)));
            return 0;
        }
        if (used == sizeof line)
            return refuse(&c->why, "protocol-error", NULL,
                          "expected a line of at most 4095 bytes, came more");
    }
}

static int exchange(struct connection *c)
{
    if (c->party->side == CLIENT)
        return send_line(c) || receive_line(c) ? -1 : 0;
    connection_report_handshake(c);
    return receive_line(c) || send_line(c) ? -1 : 0;
}

/* The library is content. Is the relying party? */
static int check_complete(struct connection *c)
{
    const struct party *party = c->party;
    bool asked = party->side == CLIENT || party->relying_party.count > 0;
    bool later = party->profile->carrier == IN_AUTHENTICATOR;
    if ((asked && !c->verified && !(later && party->side == SERVER)) ||
        (!later && party->relying_party.count > 0 && party->required && c->peer == MODEL_NONE))
        return refuse(&c->why, "internal", NULL,
                      "the handshake ended without the peer having been accepted");
    return 0;
}

static int talk(struct connection *c)
{
    int done = c->party->side == CLIENT ? SSL_connect(c->ssl) : SSL_accept(c->ssl);
    if (done != 1 || c->why.reason)
        return failed(c, done);
    c->seconds = now_seconds() - c->started;
    if (check_complete(c))
        return -1;
    return c->party->profile->carrier == IN_AUTHENTICATOR ? expat_run(c) : exchange(c);
}

/* Closing a socket with unread bytes in it would destroy the alert that is on its way. */
static void linger(struct connection *c)
{
    char waste[4096];
    double end = now_seconds() + LINGER_SECONDS;
    shutdown(c->fd, SHUT_WR);
    while (now_seconds() < end) {
        struct pollfd wait = {.fd = c->fd, .events = POLLIN};
        if (poll(&wait, 1, (int)((end - now_seconds()) * 1000) + 1) <= 0 ||
            recv(c->fd, waste, sizeof waste, 0) <= 0)
            return;
    }
}

bool connection_run(const struct party *party, unsigned number, int fd)
{
    struct connection *c = allocate(sizeof *c);
    c->party = party;
    c->number = number;
    c->fd = fd;
    c->alert = -1;
    c->started = now_seconds();
    c->deadline = c->started + party->timeout;
    c->ssl = SSL_new(party->context);
    event("connection", json_pack("{s:i}", "conn", (int)number));
    int result = -1;
    if (!c->ssl || !SSL_set_ex_data(c->ssl, 0, c) || transport_begin(c) || library_connection(c))
        refuse(&c->why, "internal", NULL, "no memory for a TLS connection");
    else
        result = talk(c);
    if (result && c->alert < 0 && strcmp(c->why.reason, "peer-closed") != 0) {
        unsigned alert =
            c->why.alert >= 0 ? (unsigned)c->why.alert : party_alert(party, c->why.reason);
        if (c->ssl && library_alert(c, alert))
            c->alert = (int)alert;
    }
    connection_report_handshake(c);
    event("closed",
          json_pack("{s:i, s:s}", "conn", (int)number, "outcome", result ? "failed" : "complete"));
    if (result == 0)
        SSL_shutdown(c->ssl);
    else
        fprintf(stderr, "connection %u: %s: %s\n", number, c->why.reason, c->why.detail);
    linger(c);
    expat_free(c);
    library_end(c);
    blob_clear(&c->records);
    SSL_free(c->ssl);
    free(c);
    return result == 0;
}
