/* SPDX-License-Identifier: Apache-2.0 */
/* Two sessions of GnuTLS with the same groups, the same lines and the same trust in one CA as the
 * project's parties have. */
#include "tls/bench/plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define PRIORITIES                                                                                 \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"

struct bench_plain {
    bool mutual;
    gnutls_priority_t priorities;
    gnutls_certificate_credentials_t credentials[2];
    gnutls_pcert_st chain[2];
    gnutls_privkey_t key[2];
};

static int check(int code, const char *what)
{
    return code >= 0
               ? 0
               : atls_fail(ATLS_E_REFUSED, NULL, "plain TLS: %s: %s", what, gnutls_strerror(code));
}

static int set_up(const struct bench_ca *ca, const struct bench_mode *mode,
                  struct bench_plain *plain)
{
    gnutls_x509_crt_t anchor = ca->certificate;
    int result = check(gnutls_priority_init(&plain->priorities, PRIORITIES, NULL), "priorities");
    for (size_t i = 0; result == 0 && i < 2; i++) {
        result = check(gnutls_certificate_allocate_credentials(&plain->credentials[i]), "memory");
        if (result == 0)
            result = check(gnutls_certificate_set_x509_trust(plain->credentials[i], &anchor, 1),
                           "trust anchor");
        if (result != 0 || (i == ATLS_CLIENT && !mode->mutual))
            continue;
        result = bench_leaf_with_key(ca, mode->curve, &plain->chain[i], &plain->key[i]);
        if (result == 0) { /* the credentials own both from now on */
            result = check(gnutls_certificate_set_key(plain->credentials[i], NULL, 0,
                                                      &plain->chain[i], 1, plain->key[i]),
                           "certificate");
            plain->key[i] = NULL;
        }
    }
    return result;
}

int bench_plain_new(const struct bench_ca *ca, const struct bench_mode *mode,
                    struct bench_plain **plainp)
{
    struct bench_plain *plain = calloc(1, sizeof *plain);
    if (!plain)
        return atls_fail(-ENOMEM, NULL, "no memory for plain TLS");
    plain->mutual = mode->mutual;
    int result = set_up(ca, mode, plain);
    if (result == 0)
        *plainp = plain;
    else
        bench_plain_free(plain);
    return result;
}

void bench_plain_free(struct bench_plain *plain)
{
    if (!plain)
        return;
    for (size_t i = 0; i < 2; i++)
        if (plain->credentials[i])
            gnutls_certificate_free_credentials(plain->credentials[i]);
    if (plain->priorities)
        gnutls_priority_deinit(plain->priorities);
    free(plain);
}

static int open_session(const struct bench_plain *plain, enum atls_side side,
                        gnutls_session_t *tlsp)
{
    unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_AUTO_SEND_TICKET |
                     (side == ATLS_CLIENT ? GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP : GNUTLS_SERVER);
    int result = check(gnutls_init(tlsp, flags), "session");
    if (result != 0)
        return result;
    gnutls_handshake_set_timeout(*tlsp, GNUTLS_INDEFINITE_TIMEOUT);
    if (side == ATLS_SERVER)
        gnutls_certificate_server_set_request(*tlsp, plain->mutual ? GNUTLS_CERT_REQUIRE
                                                                   : GNUTLS_CERT_IGNORE);
    if (side == ATLS_CLIENT || plain->mutual)
        gnutls_session_set_verify_cert(*tlsp, side == ATLS_CLIENT ? "127.0.0.1" : NULL, 0);
    result = check(gnutls_priority_set(*tlsp, plain->priorities), "priorities");
    return result == 0 ? check(gnutls_credentials_set(*tlsp, GNUTLS_CRD_CERTIFICATE,
                                                      plain->credentials[side]),
                               "credentials")
                       : result;
}

static int shake(gnutls_session_t client, gnutls_session_t server)
{
    int c = GNUTLS_E_AGAIN, s = GNUTLS_E_AGAIN;
    while (c != 0 || s != 0) {
        if (c != 0)
            c = gnutls_handshake(client);
        if (s != 0)
            s = gnutls_handshake(server);
        if (gnutls_error_is_fatal(c) || gnutls_error_is_fatal(s))
            return check(gnutls_error_is_fatal(s) ? s : c, "handshake");
    }
    return 0;
}

static int pass_line(gnutls_session_t from, gnutls_session_t to, const char *line)
{
    char came[64];
    ssize_t size = (ssize_t)strlen(line);
    if (gnutls_record_send(from, line, (size_t)size) != size ||
        gnutls_record_recv(to, came, sizeof came) != size)
        return atls_fail(ATLS_E_REFUSED, NULL, "plain TLS: a line did not come through");
    return 0;
}

int bench_plain_connect(struct bench_plain *plain, struct bench_wire *wire)
{
    gnutls_session_t tls[2] = {NULL, NULL};
    int result = open_session(plain, ATLS_CLIENT, &tls[ATLS_CLIENT]);
    if (result == 0)
        result = open_session(plain, ATLS_SERVER, &tls[ATLS_SERVER]);
    if (result == 0) {
        bench_wire_join(wire, tls[ATLS_CLIENT], tls[ATLS_SERVER]);
        result = shake(tls[ATLS_CLIENT], tls[ATLS_SERVER]);
    }
    if (result == 0)
        result = pass_line(tls[ATLS_CLIENT], tls[ATLS_SERVER], "hello from client\n");
    if (result == 0)
        result = pass_line(tls[ATLS_SERVER], tls[ATLS_CLIENT], "hello from server\n");
    if (result == 0) {
        gnutls_bye(tls[ATLS_CLIENT], GNUTLS_SHUT_WR);
        gnutls_bye(tls[ATLS_SERVER], GNUTLS_SHUT_WR);
    }
    for (size_t i = 0; i < 2; i++)
        if (tls[i])
            gnutls_deinit(tls[i]);
    return result;
}
