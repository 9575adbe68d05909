/* SPDX-License-Identifier: Apache-2.0 */
/* GnuTLS makes the key; whoever runs the program owns the file. */
#include "tls/keys/software-key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "tls/keys/private-key.h"

static int fails(int code, const char *what)
{
    return atls_gnutls_fail(code, -EIO, "RFC 5958", what);
}

static int write_all(int fd, const gnutls_datum_t *pem)
{
    for (unsigned done = 0; done < pem->size;) {
        ssize_t size = write(fd, pem->data + done, pem->size - done);
        if (size < 0 && errno != EINTR)
            return -errno;
        if (size > 0)
            done += (unsigned)size;
    }
    return 0;
}

/* A file that is there may be another's key, or open to others: it is neither overwritten nor
 * trusted. */
static int write_file(const char *file, const gnutls_datum_t *pem)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return atls_fail(-errno, NULL, "%s: %s", file,
                         errno == EEXIST ? "a private key is not written over a file"
                                         : strerror(errno));
    int result = write_all(fd, pem);
    if (close(fd) != 0 && result == 0)
        result = -errno;
    if (result == 0)
        return 0;
    unlink(file);
    return atls_fail(result, NULL, "%s: %s", file, strerror(-result));
}

static int generate(enum atls_curve curve, gnutls_privkey_t key)
{
    unsigned bits = GNUTLS_CURVE_TO_BITS(curve == ATLS_P384 ? GNUTLS_ECC_CURVE_SECP384R1
                                                            : GNUTLS_ECC_CURVE_SECP256R1);
    int result = gnutls_privkey_generate(key, GNUTLS_PK_ECDSA, bits, 0);
    return result < 0 ? fails(result, "a private key") : 0;
}

static void wipe(gnutls_datum_t *secret)
{
    if (secret->data)
        gnutls_memset(secret->data, 0, secret->size);
    gnutls_free(secret->data);
}

static int save(gnutls_privkey_t key, const char *file)
{
    gnutls_datum_t der = {NULL, 0}, pem = {NULL, 0};
    int result = atls_private_key_encode(key, &der);
    if (result != 0)
        return result;
    int code = gnutls_pem_base64_encode2("PRIVATE KEY", &der, &pem);
    result = code < 0 ? fails(code, "PEM") : write_file(file, &pem);
    wipe(&der);
    wipe(&pem);
    return result;
}

int atls_software_key_make(enum atls_curve curve, const char *file, gnutls_privkey_t *privkeyp,
                           struct atls_public_key *publicp)
{
    gnutls_privkey_t key;
    int code = gnutls_privkey_init(&key);
    if (code < 0)
        return fails(code, "a private key");
    int result = generate(curve, key);
    if (result == 0)
        result = atls_software_key_public(key, publicp);
    if (result == 0)
        result = save(key, file);
    if (result == 0)
        *privkeyp = key;
    else
        gnutls_privkey_deinit(key);
    return result;
}

int atls_software_key_public(gnutls_privkey_t key, struct atls_public_key *publicp)
{
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size = sizeof spki;
    gnutls_pubkey_t pubkey;
    int result = gnutls_pubkey_init(&pubkey);
    if (result < 0)
        return fails(result, "a public key");
    result = gnutls_pubkey_import_privkey(pubkey, key, 0, 0);
    if (result == 0)
        result = gnutls_pubkey_export(pubkey, GNUTLS_X509_FMT_DER, spki, &size);
    gnutls_pubkey_deinit(pubkey);
    if (result < 0)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "expected a key of P-256 or P-384: %s",
                         gnutls_strerror(result));
    return atls_spki_decode(ATLS_BYTES(spki, size), publicp);
}
