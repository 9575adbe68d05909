/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity keys in Parsec (parsec-service with its TPM provider): they are made and used there, and
 * this device has nothing but their names. Parsec makes no evidence that TLS could carry. So the
 * PSA services of the device make it, and vouch for keys that they do not hold themselves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "sim/roots/kind.h"
#include "sim/roots/parsec-client.h"

#define KEYS_MAX 512 /* that exist at a time */
#define TIMEOUT_MS 30000
#define ENDPOINT "PARSEC_SERVICE_ENDPOINT"

/* Parsec 1.5: PrepareKeyAttestation and AttestKey know no mechanism but ActivateCredential. */
#define NO_CERTIFY                                                                                 \
    "released Parsec (1.5) does neither TPM2_Certify nor TPM2_Quote, and keeps the authorization " \
    "of its keys to itself, so that the TPM beside it cannot certify one (--root tpm makes its "   \
    "keys itself)"

struct key {
    uint32_t handle;
    struct atls_public_key public_key;
};

struct parsec {
    struct atls_parsec service;
    char *path;
    char provider[ATLS_PARSEC_PROVIDER_MAX];
    char family[2 * 8 + 1]; /* of the names of this device's keys, which no other device has */
    struct key keys[KEYS_MAX];
    size_t key_count;
    uint32_t last_handle;
};

static void name_of(const struct parsec *parsec, uint32_t handle,
                    char namep[ATLS_PARSEC_KEY_NAME_MAX])
{
    snprintf(namep, ATLS_PARSEC_KEY_NAME_MAX, "atls-%s-%lu", parsec->family, (unsigned long)handle);
}

static int find(struct parsec *parsec, uint32_t handle, struct key **keyp)
{
    for (size_t i = 0; i < parsec->key_count; i++)
        if (handle && parsec->keys[i].handle == handle) {
            *keyp = &parsec->keys[i];
            return 0;
        }
    return atls_fail(ATLS_E_REFUSED, NULL, "there is no identity key with handle %lu",
                     (unsigned long)handle);
}

/* What Parsec cannot do is no fault of whoever asked this device. */
static int as_answered(int result)
{
    return result == ATLS_E_UNSUPPORTED ? ATLS_E_REFUSED : result;
}

static int create_key(void *context, enum atls_curve curve, uint32_t *handlep,
                      struct atls_public_key *publicp)
{
    struct parsec *parsec = context;
    char name[ATLS_PARSEC_KEY_NAME_MAX];
    if (curve != ATLS_P256 && curve != ATLS_P384)
        return atls_fail(ATLS_E_REFUSED, "RFC 9053 section 7.1",
                         "expected curve 1 (P-256) or 2 (P-384), came %d", (int)curve);
    if (parsec->key_count == KEYS_MAX || parsec->last_handle == UINT32_MAX)
        return atls_fail(ATLS_E_REFUSED, NULL,
                         "all %d identity keys of this device are in use: destroy one first",
                         KEYS_MAX);
    struct key key = {.handle = ++parsec->last_handle};
    name_of(parsec, key.handle, name);
    int result = atls_parsec_generate_key(&parsec->service, name, curve, &key.public_key);
    if (result)
        return as_answered(result);
    parsec->keys[parsec->key_count++] = key;
    *handlep = key.handle;
    *publicp = key.public_key;
    return 0;
}

static int look_up(void *context, uint32_t handle, struct atls_public_key *publicp)
{
    struct key *key = NULL;
    int result = find(context, handle, &key);
    if (!result)
        *publicp = key->public_key;
    return result;
}

static int destroy_key(void *context, uint32_t handle)
{
    struct parsec *parsec = context;
    char name[ATLS_PARSEC_KEY_NAME_MAX];
    struct key *key = NULL;
    int result = find(parsec, handle, &key);
    if (result)
        return result;
    *key = parsec->keys[--parsec->key_count];
    name_of(parsec, handle, name);
    return as_answered(atls_parsec_destroy_key(&parsec->service, name));
}

static int sign(void *context, uint32_t handle, struct atls_bytes digest,
                uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep)
{
    struct parsec *parsec = context;
    char name[ATLS_PARSEC_KEY_NAME_MAX];
    struct key *key = NULL;
    int result = find(parsec, handle, &key);
    if (result)
        return result;
    enum atls_curve curve = key->public_key.curve;
    size_t expected = atls_hash_size(atls_curve_hash(curve));
    if (digest.size != expected)
        return atls_fail(ATLS_E_REFUSED, "RFC 8446 section 4.2.3",
                         "expected a digest of %zu bytes for this key, came %zu", expected,
                         digest.size);
    name_of(parsec, handle, name);
    return as_answered(
        atls_parsec_sign_hash(&parsec->service, name, curve, digest, signaturep, sizep));
}

static const char *lack(const char *kind)
{
    return strcmp(kind, "parsec-tpm") ? NULL : NO_CERTIFY;
}

static const struct atls_root_ops ops = {
    .name = "parsec",
    .create = create_key,
    .look_up = look_up,
    .destroy = destroy_key,
    .sign = sign,
    .lack = lack,
};

/* Keys in Parsec outlive who made them: those that nobody destroyed are destroyed here. */
static void close_parsec(struct atls_root *root)
{
    struct parsec *parsec = root->context;
    bool answers = true;
    while (parsec->key_count) {
        char name[ATLS_PARSEC_KEY_NAME_MAX];
        name_of(parsec, parsec->keys[--parsec->key_count].handle, name);
        if (answers)
            answers = atls_parsec_destroy_key(&parsec->service, name) != ATLS_E_UNAVAILABLE;
    }
    free(parsec->path);
    free(parsec);
    *root = (struct atls_root){.ops = NULL};
}

static int name_family(const struct atls_crypto *crypto, struct parsec *parsec)
{
    uint8_t bytes[sizeof parsec->family / 2];
    int result = crypto->random(bytes, sizeof bytes);
    for (size_t i = 0; !result && i < sizeof bytes; i++)
        snprintf(parsec->family + 2 * i, 3, "%02x", bytes[i]);
    return result;
}

/* The option, or the variable that all clients of Parsec know. */
static int find_socket(const struct atls_root_start *start, const char **pathp)
{
    const char *endpoint = getenv(ENDPOINT);
    if (start->parsec_socket) {
        *pathp = start->parsec_socket;
        return 0;
    }
    if (endpoint && *endpoint)
        return atls_parsec_endpoint_parse(endpoint, pathp);
    return atls_fail(-EINVAL, NULL,
                     "--root parsec needs --parsec-socket PATH, or " ENDPOINT
                     "=unix:PATH: where parsec-service listens (mostly /run/parsec/parsec.sock)");
}

static int begin(struct parsec *parsec, const struct atls_root_start *start)
{
    const char *path = "";
    int result = find_socket(start, &path);
    if (result)
        return result;
    if (!(parsec->path = strdup(path)))
        return atls_fail(-ENOMEM, NULL, "no memory for a client of Parsec");
    parsec->service = (struct atls_parsec){.path = parsec->path, .timeout_ms = TIMEOUT_MS};
    result = name_family(start->crypto, parsec);
    return result ? result : atls_parsec_check(&parsec->service, parsec->provider);
}

static int open_parsec(const struct atls_root_start *start, struct atls_root *rootp)
{
    struct parsec *parsec = calloc(1, sizeof *parsec);
    struct atls_root root = {.ops = &ops, .context = parsec};
    if (!parsec)
        return atls_fail(-ENOMEM, NULL, "no memory for a client of Parsec");
    int result = start->endorses_only ? 0 : begin(parsec, start);
    if (result) {
        close_parsec(&root);
        return result;
    }
    *rootp = root;
    return 0;
}

static json_t *describe(const struct atls_root *root)
{
    const struct parsec *parsec = root->context;
    return json_pack("{s:s, s:s}", "x_root", "parsec", "x_parsec_provider", parsec->provider);
}

const struct atls_root_kind atls_root_parsec = {
    .name = "parsec",
    .open = open_parsec,
    .close = close_parsec,
    .describe = describe,
};
