/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do the shims work in this process, with this library? Asked of two handshakes in memory, one with
 * each hash of a TLS 1.3 cipher suite, both sides attested: that shows how the program was linked
 * and how the library builds its messages, where a version number would only let it be hoped.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "rats/base/error.h"
#include "tls/shim/memory-pair.h"
#include "tls/wire/certificate.h"

#define KNOWN_TO_WORK "3.7.9 and 3.8.13"
#define EXTENSION 0xFF16
#define CERTIFICATE_SIZE 400
#define LARGE 20000 /* bytes of payload: more than one record */

struct side {
    struct atls_memory_end end; /* first: the transport's */
    struct atls_interposed watch;
    struct atls_handshake_secret secret;
    gnutls_pcert_st certificate;
    gnutls_privkey_t key;
    gnutls_certificate_credentials_t credentials;
    uint8_t der[CERTIFICATE_SIZE], *payload;
    size_t payload_size;
    char failure[256]; /* of the shim, "" where there was none */
};

static struct {
    char entry[512], secret[512]; /* why not; "" where it works */
} found;

static int hook(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                const gnutls_datum_t *message)
{
    struct side *side = gnutls_session_get_ptr(tls);
    if (atls_entry_shim_hook(side->watch.shim, type, when, incoming, message) == 0)
        return 0;
    snprintf(side->failure, sizeof side->failure, "%s", atls_error_text());
    return GNUTLS_E_INTERNAL_ERROR;
}

static int keylog(gnutls_session_t tls, const char *label, const gnutls_datum_t *value)
{
    struct side *side = gnutls_session_get_ptr(tls);
    atls_handshake_secret_keylog(&side->secret, label, value);
    return 0;
}

static int accept_any(gnutls_session_t tls)
{
    return 0;
}

static int retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                    gnutls_pcert_st **chain, unsigned *chain_size, gnutls_ocsp_data_st **ocsp,
                    unsigned *ocsp_size, gnutls_privkey_t *key, unsigned *flags)
{
    struct side *side = gnutls_session_get_ptr(tls);
    struct atls_entry_extension extension = {
        .type = EXTENSION, .payload = ATLS_BYTES(side->payload, side->payload_size)};
    if (atls_entry_shim_send(side->watch.shim, &side->certificate, 1, &extension, 1) != 0)
        return GNUTLS_E_INTERNAL_ERROR;
    *chain = &side->certificate;
    *chain_size = 1;
    *ocsp = NULL;
    *ocsp_size = 0;
    *key = side->key;
    *flags = 0;
    return 0;
}

static int make_certificate(struct side *side)
{
    struct atls_public_key key;
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size = sizeof spki;
    int result = gnutls_privkey_init(&side->key);
    if (result == 0)
        result = gnutls_privkey_generate(side->key, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (result == 0)
        result = gnutls_pubkey_init(&side->certificate.pubkey);
    if (result == 0)
        result = gnutls_pubkey_import_privkey(side->certificate.pubkey, side->key, 0, 0);
    if (result == 0)
        result = gnutls_pubkey_export(side->certificate.pubkey, GNUTLS_X509_FMT_DER, spki, &size);
    if (result < 0)
        return result;
    if (atls_spki_decode(ATLS_BYTES(spki, size), &key) != 0 ||
        atls_certificate_synthesize(&key, side->der, sizeof side->der) != 0)
        return GNUTLS_E_INTERNAL_ERROR;
    side->certificate.type = GNUTLS_CRT_X509;
    side->certificate.cert.data = side->der;
    side->certificate.cert.size = sizeof side->der;
    return 0;
}

static int open_side(struct side *side, unsigned flags, const char *cipher, size_t payload_size)
{
    static const uint16_t types[] = {EXTENSION};
    char priorities[128];
    side->watch = (struct atls_interposed){.secret = &side->secret};
    side->payload_size = payload_size;
    side->payload = malloc(payload_size);
    if (!side->payload || atls_entry_shim_new(&side->watch.shim) != 0 ||
        atls_entry_shim_expect(side->watch.shim, types, 1) != 0)
        return GNUTLS_E_MEMORY_ERROR;
    snprintf(priorities, sizeof priorities,
             "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:-CIPHER-ALL:+%s", cipher);
    int result = gnutls_rnd(GNUTLS_RND_NONCE, side->payload, payload_size);
    if (result == 0)
        result = make_certificate(side);
    if (result == 0)
        result = gnutls_certificate_allocate_credentials(&side->credentials);
    if (result == 0)
        result = gnutls_init(&side->end.tls, flags | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS);
    if (result == 0)
        result = gnutls_priority_set_direct(side->end.tls, priorities, NULL);
    if (result < 0)
        return result;
    gnutls_certificate_set_retrieve_function3(side->credentials, retrieve);
    gnutls_session_set_ptr(side->end.tls, side);
    gnutls_session_set_keylog_function(side->end.tls, keylog);
    gnutls_session_set_verify_function(side->end.tls, accept_any);
    gnutls_handshake_set_hook_function(side->end.tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH, hook);
    side->end.watch = &side->watch;
    return gnutls_credentials_set(side->end.tls, GNUTLS_CRD_CERTIFICATE, side->credentials);
}

static void close_side(struct side *side)
{
    if (side->end.tls)
        gnutls_deinit(side->end.tls);
    if (side->credentials)
        gnutls_certificate_free_credentials(side->credentials);
    if (side->certificate.pubkey)
        gnutls_pubkey_deinit(side->certificate.pubkey);
    if (side->key)
        gnutls_privkey_deinit(side->key);
    atls_entry_shim_free(side->watch.shim);
    atls_handshake_secret_wipe(&side->secret);
    free(side->payload);
}

static bool arrived(const struct side *from, const struct side *to)
{
    const struct atls_entry_received *list;
    return atls_entry_shim_received(to->watch.shim, &list) == 1 && list[0].entry == 0 &&
           list[0].type == EXTENSION &&
           atls_bytes_equal(list[0].payload, ATLS_BYTES(from->payload, from->payload_size));
}

static void judge_entries(const struct side *client, const struct side *server,
                          struct atls_bytes request, unsigned long appends)
{
    const struct atls_entry_received *list;
    const char *why = NULL;
    if (appends == 0)
        why = "it does not call the program's gnutls_buffer_append_data(), whose definition must "
              "come ahead of its own: the program has to be linked dynamically, and to bring the "
              "definition itself or in a library ahead of libgnutls";
    else if (client->failure[0] != '\0' || server->failure[0] != '\0')
        why = client->failure[0] != '\0' ? client->failure : server->failure;
    else if (client->end.result != 0 || server->end.result != 0)
        why = gnutls_strerror(server->end.result != 0 && server->end.result != GNUTLS_E_AGAIN
                                  ? server->end.result
                                  : client->end.result);
    else if (!arrived(client, server) || !arrived(server, client))
        why = "an extension of CertificateEntry did not arrive as it was sent";
    else if (atls_entry_shim_requested(client->watch.shim, &list) != 1 ||
             !atls_bytes_equal(list[0].payload, request))
        why = "the extension of CertificateRequest did not arrive as it was sent";
    if (why && found.entry[0] == '\0')
        snprintf(found.entry, sizeof found.entry, "%s", why);
}

static void judge_secrets(const struct side *client, const struct side *server)
{
    uint8_t ours[ATLS_TLS_HASH_MAX], theirs[ATLS_TLS_HASH_MAX];
    size_t size, same;
    if (found.secret[0] != '\0')
        return;
    if (atls_handshake_secret_derive(&client->secret, "h exp master", ours, &size) != 0 ||
        atls_handshake_secret_derive(&server->secret, "h exp master", theirs, &same) != 0)
        snprintf(found.secret, sizeof found.secret, "%s", atls_error_text());
    else if (size != same || memcmp(ours, theirs, size) != 0)
        snprintf(found.secret, sizeof found.secret, "client and server came to different secrets");
}

static void try_handshake(const char *cipher, size_t from_client, size_t from_server)
{
    static const uint8_t body[] = {0, 0, 1, 0x11};
    const struct atls_entry_extension request = {.type = EXTENSION,
                                                 .payload = ATLS_BYTES(body, sizeof body)};
    struct side client = {.payload = NULL}, server = {.payload = NULL};
    unsigned long before = atls_interpose_counted().appends;
    int result = open_side(&client, GNUTLS_CLIENT, cipher, from_client);
    if (result == 0)
        result = open_side(&server, GNUTLS_SERVER, cipher, from_server);
    if (result == 0) {
        gnutls_certificate_server_set_request(server.end.tls, GNUTLS_CERT_REQUIRE);
        atls_memory_pair_join(&client.end, &server.end);
        if (atls_entry_shim_request(server.watch.shim, &request, 1) != 0)
            result = GNUTLS_E_MEMORY_ERROR;
    }
    if (result == 0) {
        atls_memory_pair_shake(&client.end, &server.end);
        judge_entries(&client, &server, request.payload, atls_interpose_counted().appends - before);
        judge_secrets(&client, &server);
        atls_memory_pair_clear(&client.end, &server.end);
    } else {
        snprintf(found.entry, sizeof found.entry, "no session can be made: %s",
                 gnutls_strerror(result));
        memcpy(found.secret, found.entry, sizeof found.secret);
    }
    close_side(&client);
    close_side(&server);
}

static void find_out(void)
{
    try_handshake("AES-128-GCM", 300, LARGE);
    try_handshake("AES-256-GCM", LARGE, 300);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

int atls_entry_shim_check(void)
{
    pthread_once(&once, find_out);
    if (found.entry[0] == '\0')
        return 0;
    return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                     "extensions in CertificateEntry need a libgnutls that the shim was made for: "
                     "version %s was found, " KNOWN_TO_WORK " are known to work; %s",
                     gnutls_check_version(NULL), found.entry);
}

int atls_handshake_secret_check(void)
{
    pthread_once(&once, find_out);
    if (found.secret[0] == '\0')
        return 0;
    return atls_fail(ATLS_E_UNSUPPORTED, "draft-fossati-tls-attestation-07 section 6.2.1",
                     "%s; version %s was found, " KNOWN_TO_WORK " are known to work", found.secret,
                     gnutls_check_version(NULL));
}
