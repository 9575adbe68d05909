/* SPDX-License-Identifier: Apache-2.0 */
/* PEM in, DER out: GnuTLS reads the files, because it is there for the RATS roles anyway. */
#include "harness/peers/linked/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/x509.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/cmw/cmw-x509.h"
#include "tls/gnutls/device-key.h"
#include "tls/gnutls/private-key.h"

#define PEM_MAX (1u << 20)

static int export_der(gnutls_x509_crt_t certificate, struct atls_bytes *derp)
{
    gnutls_datum_t der;
    if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der) < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for a certificate");
    *derp = ATLS_BYTES(der.data, der.size);
    return 0;
}

/* The certificates of a PEM file, allocated one by one. */
static int load_certificates(const char *path, struct atls_bytes *list, size_t *countp)
{
    gnutls_x509_crt_t *certificates = NULL;
    unsigned count = 0;
    uint8_t *pem;
    size_t size;
    int result = atls_read_file(path, PEM_MAX, &pem, &size);
    if (result != 0)
        return result;
    gnutls_datum_t datum = {pem, (unsigned)size};
    int code = gnutls_x509_crt_list_import2(&certificates, &count, &datum, GNUTLS_X509_FMT_PEM, 0);
    free(pem);
    if (code < 0)
        return atls_fail(ATLS_E_MALFORMED, NULL, "%s: X.509 certificates in PEM: %s", path,
                         gnutls_strerror(code));
    if (count > PEER_CERTIFICATES_MAX)
        result = atls_fail(ATLS_E_LIMIT, NULL, "%s: at most %d certificates", path,
                           PEER_CERTIFICATES_MAX);
    for (unsigned i = 0; i < count; i++) {
        if (result == 0)
            result = export_der(certificates[i], &list[i]);
        if (result == 0)
            *countp = i + 1;
        gnutls_x509_crt_deinit(certificates[i]);
    }
    gnutls_free(certificates);
    return result;
}

static int load_key_file(struct peer *peer, const char *path)
{
    uint8_t *pem;
    size_t size;
    int result = atls_read_file(path, PEM_MAX, &pem, &size);
    if (result != 0)
        return result;
    gnutls_datum_t datum = {pem, (unsigned)size};
    int code = gnutls_privkey_init(&peer->key);
    if (code == 0)
        code = gnutls_privkey_import_x509_raw(peer->key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_memset(pem, 0, size);
    free(pem);
    return code == 0 ? 0
                     : atls_fail(ATLS_E_MALFORMED, NULL, "%s: a private key in PEM: %s", path,
                                 gnutls_strerror(code));
}

static int load_device_key(struct peer *peer, unsigned timeout_ms)
{
    uint32_t handle;
    if (peer->spki_size == 0)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "a certificate for a key of P-256 or P-384 was expected");
    int result = atls_device_key_parse(peer->options.key, &handle);
    if (result == 0)
        result = atls_device_key_open(peer->options.device, timeout_ms, handle, &peer->leaf,
                                      &peer->device_key);
    return result == 0 ? atls_device_key_import(peer->device_key, &peer->key) : result;
}

int credential_load(struct peer *peer, unsigned device_timeout_ms)
{
    const struct atls_options *o = &peer->options;
    struct atls_x509_cmw found;
    int result = 0;
    if (o->certificate != NULL)
        result = load_certificates(o->certificate, peer->chain, &peer->chain_size);
    if (result == 0 && peer->chain_size > 0 &&
        atls_x509_public_key(peer->chain[0], &peer->leaf) == 0)
        peer->spki_size = atls_spki_encode(&peer->leaf, peer->spki);
    if (result == 0 && o->key != NULL)
        result = atls_device_key_named(o->key) ? load_device_key(peer, device_timeout_ms)
                                               : load_key_file(peer, o->key);
    if (result == 0 && o->trust_anchors != NULL)
        result = load_certificates(o->trust_anchors, peer->anchors, &peer->anchor_count);
    if (result != 0 || o->attester_count == 0 || o->profile->carrier != ATLS_IN_CERTIFICATE)
        return result;
    result = atls_x509_cmw_find(peer->chain[0], &found);
    if (result == 0)
        atls_x509_cmw_clear(&found);
    else if (result != ATLS_E_MISSING) { /* it goes out as it is: the peer judges it */
        fprintf(stderr, "%s\n", atls_error_text());
        result = 0;
    }
    return result;
}

void credential_unload(struct peer *peer)
{
    for (size_t i = 0; i < peer->chain_size; i++)
        gnutls_free((void *)(uintptr_t)peer->chain[i].data);
    for (size_t i = 0; i < peer->anchor_count; i++)
        gnutls_free((void *)(uintptr_t)peer->anchors[i].data);
    if (peer->key != NULL)
        gnutls_privkey_deinit(peer->key);
    atls_device_key_close(peer->device_key);
}

int credential_sign(struct peer *peer, struct connection *c, struct atls_bytes digest,
                    gnutls_datum_t *derp)
{
    const gnutls_datum_t hash = {(unsigned char *)(uintptr_t)digest.data, (unsigned)digest.size};
    bool large = peer->leaf.curve == ATLS_P384;
    pthread_mutex_lock(&peer->key_lock);
    int code = gnutls_privkey_sign_hash2(
        peer->key, large ? GNUTLS_SIGN_ECDSA_SHA384 : GNUTLS_SIGN_ECDSA_SHA256, 0, &hash, derp);
    pthread_mutex_unlock(&peer->key_lock);
    if (code == 0)
        return 0;
    if (c != NULL)
        connection_fail(c, peer->device_key != NULL ? "device-unavailable" : "internal",
                        ATLS_ALERT_INTERNAL_ERROR, NULL, "CertificateVerify cannot be signed");
    return atls_fail(ATLS_E_REFUSED, NULL, "a signature: %s", gnutls_strerror(code));
}

int credential_private_key(const struct peer *peer, uint8_t **derp, size_t *sizep)
{
    gnutls_datum_t der;
    int result = atls_private_key_encode(peer->key, &der);
    if (result != 0)
        return result;
    *derp = der.data;
    *sizep = der.size;
    return 0;
}
