/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer under NSS: a socket with a deadline, which shows the hellos to whoever computes
 * binders. And alerts: NSS lets an application choose one only where an extension is at fault, and
 * maps the others from its own errors; the alerts of the drafts are in none of these.
 */
#include "harness/peers/nss/stack.h"

#include <string.h>

#define RECORD_ALERT 21
#define RECORD_APPLICATION_DATA 23
#define ALERT_FATAL 2

static pthread_once_t once = PTHREAD_ONCE_INIT;
static PRDescIdentity identity;
static PRIOMethods methods;

static struct connection *connection_of(PRFileDesc *fd)
{
    return (struct connection *)(void *)fd->secret;
}

static PRInt32 take(PRFileDesc *fd, void *buffer, PRInt32 amount, PRIntn flags,
                    PRIntervalTime timeout)
{
    struct connection *c = connection_of(fd);
    size_t size;
    int error = peer_receive(c, buffer, (size_t)amount, &size);
    if (error == 0)
        return (PRInt32)size;
    PR_SetError(c->failure.reason == NULL ? PR_CONNECT_RESET_ERROR : PR_IO_ERROR, error);
    return -1;
}

/* Where this side has refused, nothing more of NSS goes out but the alert that it may have. */
static PRInt32 give(PRFileDesc *fd, const void *buffer, PRInt32 amount, PRIntn flags,
                    PRIntervalTime timeout)
{
    struct connection *c = connection_of(fd);
    struct nss_connection *nss = c->tls;
    struct atls_bytes bytes = ATLS_BYTES(buffer, (size_t)amount);
    if ((c->failure.reason == NULL || nss->by_library) && peer_send(c, bytes) == 0)
        return amount;
    PR_SetError(c->failure.reason == NULL ? PR_CONNECT_RESET_ERROR : PR_IO_ERROR, 0);
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
    data->value.non_blocking = PR_FALSE;
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

PRFileDesc *nss_transport(struct connection *c)
{
    if (pthread_once(&once, make_methods) != 0)
        return NULL;
    PRFileDesc *fd = PR_CreateIOLayerStub(identity, &methods);
    if (fd != NULL)
        fd->secret = (PRFilePrivate *)(void *)c;
    return fd;
}

static void log_secret(struct connection *c, PRUint16 epoch, bool of_client, PK11SymKey *secret)
{
    struct atls_bytes random, extensions;
    const char *label =
        epoch == 2
            ? of_client ? "CLIENT_HANDSHAKE_TRAFFIC_SECRET" : "SERVER_HANDSHAKE_TRAFFIC_SECRET"
        : epoch == 3 ? of_client ? "CLIENT_TRAFFIC_SECRET_0" : "SERVER_TRAFFIC_SECRET_0"
                     : NULL;
    if (label == NULL || c->peer->keylog == NULL || hellos_client(c, &random, &extensions) != 0 ||
        PK11_ExtractKeyValue(secret) != SECSuccess)
        return;
    const SECItem *value = PK11_GetKeyData(secret);
    /* All log lines have the random of the first ClientHello, which the second repeats. */
    peer_keylog(c->peer, label, random, ATLS_BYTES(value->data, value->len));
}

void nss_secret(PRFileDesc *fd, PRUint16 epoch, SSLSecretDirection direction, PK11SymKey *secret,
                void *argument)
{
    struct connection *c = argument;
    struct nss_connection *nss = c->tls;
    bool writing = direction == ssl_secret_write;
    bool client = c->peer->options.side == ATLS_CLIENT;
    log_secret(c, epoch, writing == client, secret);
    /* Until a client's flight is out, the server knows nothing of later keys. */
    if (!writing || epoch < 2 || (client && epoch > 2))
        return;
    if (nss->write_secret != NULL)
        PK11_FreeSymKey(nss->write_secret);
    nss->write_secret = PK11_ReferenceSymKey(secret);
}

static bool alert_in_the_open(struct connection *c, uint8_t alert)
{
    const uint8_t record[] = {RECORD_ALERT, 3, 3, 0, 2, ALERT_FATAL, alert};
    return peer_send(c, ATLS_BYTES(record, sizeof record)) == 0;
}

/* RFC 8446 section 5.2: the alert and its content type, sealed; the header is what goes along. */
static bool alert_sealed(struct connection *c, uint8_t alert)
{
    struct nss_connection *nss = c->tls;
    const uint8_t inner[] = {ALERT_FATAL, alert, RECORD_ALERT};
    uint8_t record[5 + sizeof inner + 16] = {RECORD_APPLICATION_DATA, 3, 3, 0, sizeof inner + 16};
    unsigned size = 0;
    SSLPreliminaryChannelInfo info;
    SSLAeadContext *aead = NULL;
    if (SSL_GetPreliminaryChannelInfo(nss->fd, &info, sizeof info) != SECSuccess ||
        SSL_MakeAead(SSL_LIBRARY_VERSION_TLS_1_3, info.cipherSuite, nss->write_secret, "", 0,
                     &aead) != SECSuccess)
        return false;
    bool sealed = SSL_AeadEncrypt(aead, 0, record, 5, inner, sizeof inner, record + 5, &size,
                                  sizeof record - 5) == SECSuccess &&
                  size == sizeof record - 5;
    (void)SSL_DestroyAead(aead);
    return sealed && peer_send(c, ATLS_BYTES(record, sizeof record)) == 0;
}

bool nss_alert(struct connection *c, int alert)
{
    struct nss_connection *nss = c->tls;
    if (nss == NULL || nss->fd == NULL)
        return false;
    if (nss->told || c->established)
        return nss->sent == alert;
    nss->told = true;
    return !c->hellos_over || nss->write_secret == NULL ? alert_in_the_open(c, (uint8_t)alert)
                                                        : alert_sealed(c, (uint8_t)alert);
}
