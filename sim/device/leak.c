/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in PEM; see leak.h. */
#include "sim/device/leak.h"

#include <errno.h>
#include <string.h>

#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "sim/base/secret.h"

#define PEM_MAX 512 /* of a key of P-384 there are less than 400 */

const char *const atls_device_leak_names[] = {"identity-keys", "kak", "pak", NULL};

static gnutls_datum_t datum(const uint8_t *bytes, size_t size)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)bytes, (unsigned)size};
}

/* PKCS#8 in PEM, a text that is to be erased. */
static int write_pem(const struct atls_private_key *key, char pemp[PEM_MAX])
{
    bool p384 = key->public_key.curve == ATLS_P384;
    size_t size = atls_curve_size(key->public_key.curve), room = PEM_MAX - 1;
    gnutls_datum_t x = datum(key->public_key.x, size), y = datum(key->public_key.y, size);
    gnutls_datum_t d = datum(key->d, size);
    gnutls_x509_privkey_t handle;
    int code = gnutls_x509_privkey_init(&handle);
    if (code < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for a private key as PKCS#8");
    memset(pemp, 0, PEM_MAX);
    code = gnutls_x509_privkey_import_ecc_raw(
        handle, p384 ? GNUTLS_ECC_CURVE_SECP384R1 : GNUTLS_ECC_CURVE_SECP256R1, &x, &y, &d);
    if (code >= 0)
        code = gnutls_x509_privkey_export_pkcs8(handle, GNUTLS_X509_FMT_PEM, NULL,
                                                GNUTLS_PKCS_PLAIN, pemp, &room);
    gnutls_x509_privkey_deinit(handle);
    return code >= 0 ? 0
                     : atls_fail(-EIO, NULL, "a private key as PKCS#8: %s", gnutls_strerror(code));
}

static int tell(struct atls_device_leak *leak, const char *what, const struct atls_private_key *key)
{
    uint8_t spki[ATLS_SPKI_MAX];
    char pem[PEM_MAX];
    int result;
    if (!atls_leaks_file(leak->leaks, what))
        return 0;
    if (!(result = write_pem(key, pem)))
        result = atls_leak(
            leak->leaks, what, pem, leak->events,
            json_pack("{s:o}", "spki",
                      atls_json_hex(ATLS_BYTES(spki, atls_spki_encode(&key->public_key, spki)))));
    atls_erase(pem, sizeof pem);
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
