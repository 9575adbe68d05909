/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS part of a party: TLS 1.3 only, three groups, its X.509 credential and trust anchors. */
#include "tls/engine/party.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/x509.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "tls/engine/session-internal.h"
#include "tls/keys/device-key.h"
#include "tls/keys/software-key.h"

#define PEM_MAX (1 << 20)

static int load(const char *path, gnutls_datum_t *datum)
{
    uint8_t *data;
    size_t size;
    int result = atls_read_file(path, PEM_MAX, &data, &size);
    if (result == 0)
        *datum = (gnutls_datum_t){data, (unsigned)size};
    return result;
}

int atls_party_leaf_spki(const struct atls_party *party, uint8_t spki[ATLS_SPKI_MAX], size_t *sizep)
{
    *sizep = ATLS_SPKI_MAX;
    int result = gnutls_pubkey_export(party->chain[0].pubkey, GNUTLS_X509_FMT_DER, spki, sizep);
    return result == 0 ? 0
                       : atls_fail(atls_gnutls_error(result, ATLS_E_UNSUPPORTED), NULL,
                                   "the leaf's key: %s", gnutls_strerror(result));
}

/* The leaf's key must be one that a device can have. */
static int leaf_key(const struct atls_party *party, struct atls_public_key *keyp)
{
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size = sizeof spki;
    enum atls_curve curve;
    int result = gnutls_pubkey_export(party->chain[0].pubkey, GNUTLS_X509_FMT_DER, spki, &size);
    if (result < 0)
        return atls_fail(atls_gnutls_error(result, ATLS_E_UNSUPPORTED), NULL,
                         "expected a certificate for a key of P-256 or P-384: %s",
                         gnutls_strerror(result));
    if (!atls_spki_curve(ATLS_BYTES(spki, size), &curve)) /* as short as one, and another's */
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "expected a certificate for a key of P-256 or P-384, came another");
    return atls_spki_decode(ATLS_BYTES(spki, size), keyp);
}

static int use_device_key(struct atls_party *party, const char *spec)
{
    struct atls_public_key key;
    uint32_t handle;
    int result = atls_device_key_parse(spec, &handle);
    if (result == 0 && !party->device)
        result = atls_fail(-EINVAL, NULL, "%s needs the device's address", spec);
    if (result == 0)
        result = leaf_key(party, &key);
    if (result == 0)
        result = atls_device_key_open(party->device, party->device_timeout_ms, handle, &key,
                                      &party->device_key);
    return result == 0 ? atls_device_key_import(party->device_key, &party->key) : result;
}

int atls_party_know_chain(struct atls_party *party)
{
    const gnutls_datum_t *leaf = &party->chain[0].cert;
    struct atls_x509_cmw own;
    atls_x509_cmw_clear(&party->own);
    if (!atls_carrier_of_party(party)->enrolled)
        return 0;
    int result = atls_x509_cmw_find(ATLS_BYTES(leaf->data, leaf->size), &own);
    if (result == 0)
        party->own = own;
    return result < 0 ? result : 0;
}

static int load_credential(struct atls_party *party, const char *certificate, const char *key)
{
    gnutls_datum_t pem = {NULL, 0};
    gnutls_pcert_st chain[ATLS_CHAIN_MAX + 1]; /* a longer one would be cut there without a word */
    unsigned count = ATLS_CHAIN_MAX + 1;
    int result = load(certificate, &pem);
    if (result != 0)
        return result;
    int code = gnutls_pcert_list_import_x509_raw(chain, &count, &pem, GNUTLS_X509_FMT_PEM,
                                                 GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    free(pem.data);
    if (code < 0)
        return atls_fail(atls_gnutls_error(code, ATLS_E_MALFORMED), NULL,
                         "%s: a chain of X.509 certificates in PEM: %s", certificate,
                         gnutls_strerror(code));
    if (count > ATLS_CHAIN_MAX) {
        while (count-- > 0)
            gnutls_pcert_deinit(&chain[count]);
        return atls_fail(ATLS_E_LIMIT, NULL, "%s: expected a chain of at most %d certificates",
                         certificate, ATLS_CHAIN_MAX);
    }
    memcpy(party->chain, chain, count * sizeof *chain);
    party->chain_size = count;
    result = atls_party_know_chain(party);
    if (result != 0)
        return result;
    if (atls_device_key_named(key))
        return use_device_key(party, key);
    result = load(key, &pem);
    if (result != 0)
        return result;
    code = gnutls_privkey_init(&party->key);
    if (code == 0)
        code = gnutls_privkey_import_x509_raw(party->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_memset(pem.data, 0, pem.size);
    free(pem.data);
    if (code < 0)
        return atls_fail(atls_gnutls_error(code, ATLS_E_MALFORMED), NULL,
                         "%s: a private key in PEM: %s", key, gnutls_strerror(code));
    return 0;
}

int atls_party_start(struct atls_party *party, const char *certificate, const char *key,
                     const char *trust_anchors)
{
    int result = certificate ? load_credential(party, certificate, key) : 0;
    party->has_trust_anchors = trust_anchors != NULL;
    return result == 0 ? party->stack->start(party, certificate, trust_anchors) : result;
}

int atls_party_own_key(const struct atls_party *party, struct atls_public_key *keyp)
{
    struct atls_public_key leaf, own;
    int result = leaf_key(party, &leaf);
    if (result == 0)
        result = atls_software_key_public(party->key, &own);
    if (result != 0)
        return result;
    if (!atls_public_key_equal(&leaf, &own))
        return atls_fail(ATLS_E_MISMATCH, NULL,
                         "the private key is not the key of the certificate");
    *keyp = leaf;
    return 0;
}

void atls_party_stop(struct atls_party *party)
{
    for (unsigned i = 0; i < party->chain_size; i++)
        gnutls_pcert_deinit(&party->chain[i]);
    atls_x509_cmw_clear(&party->own);
    if (party->key)
        gnutls_privkey_deinit(party->key);
    atls_device_key_close(party->device_key);
    if (party->stack)
        party->stack->stop(party);
}
