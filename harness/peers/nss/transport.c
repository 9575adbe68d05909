/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer under NSS: a socket that is not waited for, which shows the hellos. And alerts: NSS
 * lets an application choose one only where an extension is at fault, and maps the others from its
 * own errors; the alerts of the drafts are in none of these.
 */
#include "harness/peers/nss/stack.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define RECORD_ALERT 21
#define RECORD_APPLICATION_DATA 23
#define ALERT_FATAL 2

static pthread_once_t once = PTHREAD_ONCE_INIT;
static PRDescIdentity identity;
static PRIOMethods methods;

static struct nss_connection *connection_of(PRFileDesc *fd)
{
    return (struct nss_connection *)(void *)fd->secret;
}

static PRInt32 take(PRFileDesc *fd, void *buffer, PRInt32 amount, PRIntn flags,
                    PRIntervalTime timeout)
{
    struct nss_connection *c = connection_of(fd);
    ssize_t size = wire_receive(&c->wire, buffer, (size_t)amount);
    if (size >= 0)
        return (PRInt32)size;
    PR_SetError(size == -EAGAIN            ? PR_WOULD_BLOCK_ERROR
                : session_has_failed(c->s) ? PR_IO_ERROR
                                           : PR_CONNECT_RESET_ERROR,
                0);
    return -1;
}

/* Where this side has refused in the handshake, nothing more of NSS goes out but the alert that it
 * may have. */
static PRInt32 give(PRFileDesc *fd, const void *buffer, PRInt32 amount, PRIntn flags,
                    PRIntervalTime timeout)
{
    struct nss_connection *c = connection_of(fd);
    bool refuses = session_has_failed(c->s) && !c->by_library && !c->established;
    if (!refuses && wire_send(&c->wire, ATLS_BYTES(buffer, (size_t)amount)) == 0)
        return amount;
    PR_SetError(session_has_failed(c->s) ? PR_IO_ERROR : PR_CONNECT_RESET_ERROR, 0);
    return -1;
}

static PRInt32 take_plainly(PRFileDesc *fd, void *buffer, PRInt32 amount)
{
    return take(fd, buffer, amount, 0, PR_INTERVAL_NO_TIMEOUT);
}

static PRInt32 give_plainly(PRFileDesc *fd, const void *buffer, PRInt32 amount)
{
    return give(fd, buffer, amount, 0, PR_INTERVAL_NO_TIMEOUT);
}

/* The socket is the connection's. */
static PRStatus close_layer(PRFileDesc *fd)
{
    fd->secret = NULL;
    fd->dtor(fd);
    return PR_SUCCESS;
}

static PRStatus shut_down(PRFileDesc *fd, PRIntn how)
{
    return PR_SUCCESS;
}

/* NSS makes a name for its session cache of this, which is not used. */
static PRStatus get_address(PRFileDesc *fd, PRNetAddr *address)
{
    memset(address, 0, sizeof *address);
    address->inet.family = PR_AF_INET;
    address->inet.ip = PR_htonl(PR_INADDR_LOOPBACK);
    return PR_SUCCESS;
}

static PRStatus get_option(PRFileDesc *fd, PRSocketOptionData *data)
{
    if (data->option != PR_SockOpt_Nonblocking) {
        PR_SetError(PR_OPERATION_NOT_SUPPORTED_ERROR, 0);
        return PR_FAILURE;
    }
    data->value.non_blocking = PR_TRUE;
    return PR_SUCCESS;
}

static PRStatus set_option(PRFileDesc *fd, const PRSocketOptionData *data)
{
    return PR_SUCCESS;
}

static void make_methods(void)
{
    identity = PR_GetUniqueIdentity("atls transport");
    methods = *PR_GetDefaultIOMethods();
    methods.close = close_layer;
    methods.read = take_plainly;
    methods.write = give_plainly;
    methods.recv = take;
    methods.send = give;
    methods.shutdown = shut_down;
    methods.getpeername = get_address;
    methods.getsockname = get_address;
    methods.getsocketoption = get_option;
    methods.setsocketoption = set_option;
}

PRFileDesc *nss_transport(struct nss_connection *c)
{
    if (pthread_once(&once, make_methods) != 0)
        return NULL;
    PRFileDesc *fd = PR_CreateIOLayerStub(identity, &methods);
    if (fd)
        fd->secret = (PRFilePrivate *)(void *)c;
    return fd;
}

static void log_secret(struct nss_connection *c, PRUint16 epoch, bool of_client, PK11SymKey *secret)
{
    struct atls_bytes random;
    const char *label =
        epoch == 2
            ? of_client ? "CLIENT_HANDSHAKE_TRAFFIC_SECRET" : "SERVER_HANDSHAKE_TRAFFIC_SECRET"
        : epoch == 3 ? of_client ? "CLIENT_TRAFFIC_SECRET_0" : "SERVER_TRAFFIC_SECRET_0"
                     : NULL;
    if (!label || !c->party->keylog || hellos_random(&c->wire.hellos, &random) != 0 ||
        PK11_ExtractKeyValue(secret) != SECSuccess)
        return;
    const SECItem *value = PK11_GetKeyData(secret);
    /* All log lines have the random of the first ClientHello, which the second repeats. */
    session_keylog(c->s, label, random, ATLS_BYTES(value->data, value->len));
}

void nss_secret(PRFileDesc *fd, PRUint16 epoch, SSLSecretDirection direction, PK11SymKey *secret,
                void *argument)
{
    struct nss_connection *c = argument;
    bool writing = direction == ssl_secret_write;
    bool client = c->party->side == ATLS_CLIENT;
    log_secret(c, epoch, writing == client, secret);
    /* Until a client's flight is out, the server knows nothing of later keys. */
    if (!writing || epoch < 2 || (client && epoch > 2))
        return;
    if (c->write_secret)
        PK11_FreeSymKey(c->write_secret);
    c->write_secret = PK11_ReferenceSymKey(secret);
}

static bool alert_in_the_open(struct nss_connection *c, uint8_t alert)
{
    const uint8_t record[] = {RECORD_ALERT, 3, 3, 0, 2, ALERT_FATAL, alert};
    return wire_send(&c->wire, ATLS_BYTES(record, sizeof record)) == 0;
}

/* RFC 8446 section 5.2: the alert and its content type, sealed; the header is what goes along. */
static bool alert_sealed(struct nss_connection *c, uint8_t alert)
{
    const uint8_t inner[] = {ALERT_FATAL, alert, RECORD_ALERT};
    uint8_t record[5 + sizeof inner + 16] = {RECORD_APPLICATION_DATA, 3, 3, 0, sizeof inner + 16};
    unsigned size = 0;
    SSLPreliminaryChannelInfo info;
    SSLAeadContext *aead = NULL;
    if (SSL_GetPreliminaryChannelInfo(c->fd, &info, sizeof info) != SECSuccess ||
        SSL_MakeAead(SSL_LIBRARY_VERSION_TLS_1_3, info.cipherSuite, c->write_secret, "", 0,
                     &aead) != SECSuccess)
        return false;
    bool sealed = SSL_AeadEncrypt(aead, 0, record, 5, inner, sizeof inner, record + 5, &size,
                                  sizeof record - 5) == SECSuccess &&
                  size == sizeof record - 5;
    (void)SSL_DestroyAead(aead);
    return sealed && wire_send(&c->wire, ATLS_BYTES(record, sizeof record)) == 0;
}

static bool tell(struct nss_connection *c, uint8_t alert)
{
    if (c->told || c->established || c->silent)
        return c->sent == alert;
    c->told = true;
    bool went = !c->wire.hellos.over || !c->write_secret ? alert_in_the_open(c, alert)
                                                         : alert_sealed(c, alert);
    c->sent = went ? alert : -1;
    return went;
}

enum atls_stack_answer nss_alert(void *connection, unsigned alert)
{
    struct nss_connection *c = connection;
    bool went = tell(c, (uint8_t)alert);
    if (wire_flush(&c->wire) == -EAGAIN)
        return ATLS_STACK_WRITE;
    if (went)
        *session_alert(c->s) = (int)alert;
    return ATLS_STACK_DONE;
}
