/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in PEM; see leak.h. */
#include "sim/device/leak.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "sim/base/secret.h"

#define PEM_LINE 64 /* RFC 7468 section 2 */
#define DER_MAX 192

const char *const atls_device_leak_names[] = {"identity-keys", "kak", "pak", NULL};

/* PrivateKeyInfo (RFC 5208) with an ECPrivateKey (RFC 5915): all but three numbers is the same for
 * all keys of a curve. */
static const uint8_t before_p256[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06,
                                      0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                      0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
                                      0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
static const uint8_t between_p256[] = {0xa1, 0x44, 0x03, 0x42, 0x00, 0x04};
static const uint8_t before_p384[] = {0x30, 0x81, 0xb6, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06,
                                      0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                      0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x04, 0x81, 0x9e,
                                      0x30, 0x81, 0x9b, 0x02, 0x01, 0x01, 0x04, 0x30};
static const uint8_t between_p384[] = {0xa1, 0x64, 0x03, 0x62, 0x00, 0x04};

static size_t put(uint8_t *der, size_t at, const uint8_t *bytes, size_t size)
{
    memcpy(der + at, bytes, size);
    return at + size;
}

static size_t encode(const struct atls_private_key *key, uint8_t der[DER_MAX])
{
    bool p384 = key->public_key.curve == ATLS_P384;
    size_t size = atls_curve_size(key->public_key.curve);
    size_t at = p384 ? put(der, 0, before_p384, sizeof before_p384)
                     : put(der, 0, before_p256, sizeof before_p256);
    at = put(der, at, key->d, size);
    at = p384 ? put(der, at, between_p384, sizeof between_p384)
              : put(der, at, between_p256, sizeof between_p256);
    at = put(der, at, key->public_key.x, size);
    return put(der, at, key->public_key.y, size);
}

/* The key in PEM, to be erased. NULL: no memory. */
static char *write_pem(const struct atls_private_key *key)
{
    uint8_t der[DER_MAX];
    char *text = atls_base64_encode(ATLS_BASE64, ATLS_BYTES(der, encode(key, der)));
    size_t size = text ? strlen(text) : 0, room = size + size / PEM_LINE + 100;
    char *pem = text ? malloc(room) : NULL;
    if (pem) {
        size_t used = (size_t)snprintf(pem, room, "-----BEGIN PRIVATE KEY-----\n");
        for (size_t at = 0; at < size; at += PEM_LINE)
            used += (size_t)snprintf(pem + used, room - used, "%.*s\n", PEM_LINE, text + at);
        snprintf(pem + used, room - used, "-----END PRIVATE KEY-----\n");
    }
    if (text)
        atls_erase(text, size);
    free(text);
    atls_erase(der, sizeof der);
    return pem;
}

static int tell(struct atls_device_leak *leak, const char *what, const struct atls_private_key *key)
{
    uint8_t spki[ATLS_SPKI_MAX];
    char *pem;
    int result;
    if (!atls_leaks_file(leak->leaks, what))
        return 0;
    if (!(pem = write_pem(key)))
        return -ENOMEM;
    result = atls_leak(
        leak->leaks, what, pem, leak->events,
        json_pack("{s:o}", "spki",
                  atls_json_hex(ATLS_BYTES(spki, atls_spki_encode(&key->public_key, spki)))));
    atls_erase(pem, strlen(pem));
    free(pem);
    return result;
}

int atls_device_leak_start(struct atls_device_leak *leak)
{
    int result = tell(leak, "kak", &leak->core->keys.kak);
    return result ? result : tell(leak, "pak", &leak->core->platform.pak);
}

static struct atls_core_reply handle(void *context, struct atls_bytes request, uint8_t *out,
                                     size_t capacity)
{
    struct atls_device_leak *leak = context;
    const struct atls_keys *keys = &leak->core->keys;
    struct atls_core_reply reply = atls_core_handle(leak->core, request, out, capacity);
    for (size_t i = 0; leak->told < keys->last_handle && i < keys->config.slot_count; i++)
        if (keys->config.slots[i].handle == keys->last_handle) { /* a request makes one at most */
            int result = tell(leak, "identity-keys", &keys->config.slots[i].key);
            leak->result = leak->result ? leak->result : result;
            break;
        }
    leak->told = keys->last_handle;
    return reply;
}

struct atls_server_device atls_device_leaking(struct atls_device_leak *leak)
{
    return (struct atls_server_device){.handle = handle, .context = leak};
}
