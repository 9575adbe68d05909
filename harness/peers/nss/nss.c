/* SPDX-License-Identifier: Apache-2.0 */
/* The stack over NSS: records, the exporter, and what NSS cannot do. */
#include "harness/peers/nss/stack.h"

#include <errno.h>
#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"

static void describe_library(char *text, size_t size)
{
    snprintf(text, size, "NSS %s", NSS_GetVersion());
}

static void use_socket(void *connection, int fd)
{
    struct nss_connection *c = connection;
    c->wire.fd = fd;
}

/* All that NSS was given has to be on its way before it gets more. */
static enum atls_stack_answer flush(struct nss_connection *c)
{
    int result = wire_flush(&c->wire);
    return result == 0         ? ATLS_STACK_DONE
           : result == -EAGAIN ? ATLS_STACK_WRITE
                               : nss_failed(c, PR_CONNECT_RESET_ERROR);
}

static enum atls_stack_answer send_bytes(void *connection, struct atls_bytes bytes, size_t *sentp)
{
    struct nss_connection *c = connection;
    if (c->owed == 0) {
        PRInt32 part = bytes.size > 65536 ? 65536 : (PRInt32)bytes.size;
        PRInt32 size = PR_Write(c->fd, bytes.data, part);
        if (size <= 0)
            return nss_failed(c, PR_GetError());
        c->owed = (size_t)size;
    }
    enum atls_stack_answer answer = flush(c);
    if (answer != ATLS_STACK_DONE)
        return answer;
    *sentp = c->owed;
    c->owed = 0;
    return ATLS_STACK_DONE;
}

static enum atls_stack_answer receive(void *connection, uint8_t *buffer, size_t capacity,
                                      size_t *sizep)
{
    struct nss_connection *c = connection;
    PRInt32 size = PR_Read(c->fd, buffer, (PRInt32)capacity);
    PRErrorCode code = PR_GetError();
    *sizep = size > 0 ? (size_t)size : 0;
    if (size > 0)
        return ATLS_STACK_DONE;
    if (size == 0)
        return c->closed ? ATLS_STACK_CLOSED : nss_failed(c, PR_END_OF_FILE_ERROR);
    if (code != PR_WOULD_BLOCK_ERROR)
        return nss_failed(c, code);
    enum atls_stack_answer left = flush(c);
    return left == ATLS_STACK_DONE ? ATLS_STACK_READ : left;
}

static enum atls_stack_answer say_bye(void *connection)
{
    struct nss_connection *c = connection;
    (void)PR_Shutdown(c->fd, PR_SHUTDOWN_SEND); /* once: NSS keeps in mind that it was said */
    return wire_flush(&c->wire) == -EAGAIN ? ATLS_STACK_WRITE : ATLS_STACK_DONE;
}

static int export_value(void *connection, const char *label, struct atls_bytes context,
                        uint8_t *valuep, size_t size)
{
    struct nss_connection *c = connection;
    /* An empty context and none are the same in TLS 1.3, and NSS refuses an empty one. */
    return SSL_ExportKeyingMaterial(c->fd, label, (unsigned)strlen(label), context.size > 0,
                                    context.data, (unsigned)context.size, valuep,
                                    (unsigned)size) == SECSuccess
               ? 0
               : nss_fail("exporter");
}

static int hash(void *connection, enum atls_hash *hashp)
{
    const struct nss_connection *c = connection;
    return atls_transcript_alg(&c->wire.hellos.transcript, hashp);
}

/* NSS was told so before the hellos. */
static void request_certificate(void *connection, bool ask)
{
}

static size_t peers(void *connection, struct atls_bytes chain[ATLS_PEER_CHAIN_MAX])
{
    const struct nss_connection *c = connection;
    memcpy(chain, c->peers, c->peer_count * sizeof *chain);
    return c->peer_count;
}

static int leaf_key(void *connection, struct atls_public_key *keyp)
{
    const struct nss_connection *c = connection;
    return c->peer_count > 0 ? atls_x509_public_key(c->peers[0], keyp)
                             : atls_fail(ATLS_E_MISSING, NULL, "no certificate came");
}

static bool peer_key(void *connection, uint8_t spki[ATLS_SPKI_MAX], size_t *sizep)
{
    struct atls_public_key key;
    if (leaf_key(connection, &key) != 0)
        return false;
    *sizep = atls_spki_encode(&key, spki);
    return true;
}

/* Why NSS cannot do it, before any packet. */
static const char *lacks(const struct atls_options *o)
{
    const struct atls_carrier *carrier = atls_carrier_of(o->profile, ATLS_KIND_ATTESTATION);
    if (carrier->replaces)
        return "profiles ta-*: a certificate of NSS is X.509, and its handshake secret, of which "
               "the binder of credential kind cert is made, is not given out";
    if (carrier->in_entries && atls_faults_has(&o->faults, "empty-certificate", NULL))
        return "fault empty-certificate beside X.509";
    if (carrier->in_entries && o->side == ATLS_CLIENT &&
        atls_faults_has(&o->faults, "entry-unasked", NULL))
        return "fault entry-unasked of a client";
    if (carrier->in_entries && o->side == ATLS_SERVER && o->relying_party_count > 0)
        return "attestation of a client beside X.509: NSS as a server ignores the extensions of a "
               "client's CertificateEntry";
    if (o->side == ATLS_SERVER && !o->key)
        return "a server without X.509 (--cert and --key)";
    return NULL;
}

static const char *const faults[] = {
    PEER_FAULTS,     "extension", "select-unoffered", "entry-missing", "entry-unasked",
    "entry-payload", NULL};

static const struct atls_stack stack = {
    .name = "NSS",
    .start = nss_start,
    .stop = nss_stop,
    .open = nss_open,
    .close = nss_close,
    .use_socket = use_socket,
    .handshake = nss_handshake,
    .send = send_bytes,
    .receive = receive,
    .alert = nss_alert,
    .bye = say_bye,
    .exporter = export_value,
    .hash = hash,
    .request_certificate = request_certificate,
    .put_entries = nss_put_entries,
    .verify_chain = nss_verify_chain,
    .peers = peers,
    .leaf_key = leaf_key,
    .peer_key = peer_key,
};

int main(int argc, char **argv)
{
    static const struct peer_program program = {.name = "atls-nss",
                                                .stack = &stack,
                                                .library = describe_library,
                                                .faults = faults,
                                                .lacks = lacks};
    return peer_run(&program, argc, argv);
}
