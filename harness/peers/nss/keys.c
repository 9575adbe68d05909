/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What NSS is given to start with: certificates, trust anchors and the key, without a database. A
 * key of a file is imported; one of a device is in a PKCS#11 module (device-module.c), which is
 * loaded and asks this program for signatures.
 */
#include "harness/peers/nss/stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "rats/base/error.h"
#include "tls/keys/private-key.h"

#define MODULE "atls-nss-device.so"

_Thread_local struct nss_connection *nss_shaking;

static SECItem item_of(struct atls_bytes bytes)
{
    return (SECItem){siBuffer, (unsigned char *)(uintptr_t)bytes.data, (unsigned)bytes.size};
}

const char *nss_text(void)
{
    const char *text = PR_ErrorToString(PR_GetError(), PR_LANGUAGE_I_DEFAULT);
    return text && text[0] != '\0' ? text : "unknown error";
}

int nss_fail(const char *what)
{
    return atls_fail(-EIO, NULL, "NSS, %s: %s", what, nss_text());
}

int nss_import_certificates(const struct atls_bytes *der, size_t count, CERTCertificate **made)
{
    for (size_t i = 0; i < count; i++) {
        SECItem item = item_of(der[i]);
        made[i] = CERT_NewTempCertificate(CERT_GetDefaultCertDB(), &item, NULL, PR_FALSE, PR_TRUE);
        if (!made[i])
            return nss_fail("certificate");
    }
    return 0;
}

/* The point of the certificate's key is what NSS makes an imported key's identifier of. */
static int import_key(struct nss *nss)
{
    PK11SlotInfo *slot = PK11_GetInternalSlot();
    SECKEYPublicKey *public_key = CERT_ExtractPublicKey(nss->chain[0]);
    gnutls_datum_t der = {NULL, 0};
    int result = atls_private_key_encode(nss->party->key, &der);
    if (result == 0 && (!slot || !public_key))
        result = nss_fail("key");
    if (result == 0) {
        SECItem item = item_of(ATLS_BYTES(der.data, der.size));
        SECItem *value = public_key->keyType == ecKey ? &public_key->u.ec.publicValue
                                                      : &public_key->u.rsa.modulus;
        if (PK11_ImportDERPrivateKeyInfoAndReturnKey(slot, &item, NULL, value, PR_FALSE, PR_TRUE,
                                                     KU_DIGITAL_SIGNATURE, &nss->key,
                                                     NULL) != SECSuccess)
            result = nss_fail("private key");
    }
    if (der.data) {
        explicit_bzero(der.data, der.size);
        gnutls_free(der.data);
    }
    if (public_key)
        SECKEY_DestroyPublicKey(public_key);
    if (slot)
        PK11_FreeSlot(slot);
    return result;
}

/* NSS tells a hash; what comes back is r || s, as PKCS#11 has it. */
static int sign_in_device(void *context, struct atls_bytes digest, uint8_t *signaturep)
{
    struct nss *nss = context;
    gnutls_datum_t der, r, s;
    size_t size = atls_curve_size(nss->credential.leaf.curve);
    int result = credential_sign(nss->party, nss_shaking ? nss_shaking->s : NULL,
                                 nss->credential.leaf.curve == ATLS_P384, digest, &der);
    if (result != 0)
        return result;
    int code = gnutls_decode_rs_value(&der, &r, &s);
    gnutls_free(der.data);
    if (code < 0)
        return atls_fail(ATLS_E_MALFORMED, NULL, "a signature: %s", gnutls_strerror(code));
    const gnutls_datum_t parts[] = {r, s};
    memset(signaturep, 0, 2 * size);
    for (size_t i = 0; i < 2; i++) { /* integers of DER have no fixed size */
        size_t over = parts[i].size > size ? parts[i].size - size : 0;
        size_t used = parts[i].size - over;
        memcpy(signaturep + i * size + size - used, parts[i].data + over, used);
    }
    gnutls_free(r.data);
    gnutls_free(s.data);
    return 0;
}

/* The module is in the folder of this program. */
static int module_path(char path[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - sizeof MODULE - 1);
    if (size <= 0)
        return atls_fail(-errno, NULL, "the folder of this program: %s", strerror(errno));
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    memcpy(slash + 1, MODULE, sizeof MODULE);
    return 0;
}

static int load_module(struct nss *nss)
{
    char path[PATH_MAX], spec[PATH_MAX + 64];
    int result = module_path(path);
    if (result != 0)
        return result;
    nss->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *entry = nss->library ? dlsym(nss->library, DEVICE_MODULE_ENTRY) : NULL;
    if (!entry)
        return atls_fail(-ENOENT, NULL, "%s: %s", path, dlerror());
    device_module_use_function *use;
    memcpy(&use, &entry, sizeof use);
    nss->device = (struct device_module_key){
        .curve = nss->credential.leaf.curve, .sign = sign_in_device, .context = nss};
    use(&nss->device);
    snprintf(spec, sizeof spec, "library=\"%s\" name=\"%s\"", path, DEVICE_MODULE_TOKEN);
    nss->module = SECMOD_LoadUserModule(spec, NULL, PR_FALSE);
    if (!nss->module || !nss->module->loaded)
        return nss_fail("the device's module");
    return 0;
}

static int find_device_key(struct nss *nss)
{
    SECItem id = item_of(atls_bytes_of_text(DEVICE_MODULE_ID));
    int result = load_module(nss);
    if (result != 0)
        return result;
    PK11SlotInfo *slot = PK11_FindSlotByName(DEVICE_MODULE_TOKEN);
    if (slot) {
        nss->key = PK11_FindKeyByKeyID(slot, &id, NULL);
        PK11_FreeSlot(slot);
    }
    return nss->key ? 0 : nss_fail("the device's key");
}

static int start_library(enum atls_side side)
{
    if (NSS_NoDB_Init(NULL) != SECSuccess || NSS_SetDomesticPolicy() != SECSuccess)
        return nss_fail("start");
    return side == ATLS_SERVER && SSL_ConfigServerSessionIDCache(16, 1, 1, NULL) != SECSuccess
               ? nss_fail("session cache")
               : 0;
}

static int trust(struct nss *nss)
{
    const struct credential *own = &nss->credential;
    int result = nss_import_certificates(own->anchors, own->anchor_count, nss->anchors);
    if (result == 0 && !(nss->trusted = CERT_NewCertList()))
        result = nss_fail("trust anchors");
    for (size_t i = 0; result == 0 && i < own->anchor_count; i++)
        if (CERT_AddCertToListTail(nss->trusted, CERT_DupCertificate(nss->anchors[i])) !=
            SECSuccess)
            result = nss_fail("trust anchors");
    return result;
}

int nss_start(struct atls_party *party, const char *certificate, const char *trust_anchors)
{
    struct nss *nss = calloc(1, sizeof *nss);
    if (!nss)
        return atls_fail(-ENOMEM, NULL, "no memory for NSS");
    party->tls = nss;
    nss->party = party;
    int result = start_library(party->side);
    if (result == 0)
        result = credential_load(party, trust_anchors, &nss->credential);
    if (result == 0)
        result =
            nss_import_certificates(nss->credential.chain, nss->credential.chain_size, nss->chain);
    if (result == 0)
        result = trust(nss);
    if (result == 0 && party->chain_size > 0)
        result = party->device_key ? find_device_key(nss) : import_key(nss);
    return result;
}

void nss_stop(struct atls_party *party)
{
    struct nss *nss = party->tls;
    if (!nss)
        return;
    if (nss->key)
        SECKEY_DestroyPrivateKey(nss->key);
    if (nss->trusted)
        CERT_DestroyCertList(nss->trusted);
    for (size_t i = 0; i < ATLS_CHAIN_MAX; i++)
        if (nss->chain[i])
            CERT_DestroyCertificate(nss->chain[i]);
    for (size_t i = 0; i < CREDENTIAL_CERTIFICATES_MAX; i++)
        if (nss->anchors[i])
            CERT_DestroyCertificate(nss->anchors[i]);
    SSL_ClearSessionCache();
    if (nss->module) {
        SECMOD_UnloadUserModule(nss->module);
        SECMOD_DestroyModule(nss->module);
    }
    if (party->side == ATLS_SERVER)
        SSL_ShutdownServerSessionIDCache();
    NSS_Shutdown();
    if (nss->library)
        dlclose(nss->library);
    credential_unload(&nss->credential);
    free(nss);
    party->tls = NULL;
}
