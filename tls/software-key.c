/* SPDX-License-Identifier: Apache-2.0 */
/* GnuTLS makes the key; whoever runs the program owns the file. */
#include "tls/software-key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "rats/error.h"

static int fails(int code, const char *what)
{
    return atls_fail(code == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EIO, "RFC 5958", "%s: %s", what,
                     gnutls_strerror(code));
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

static int generate(enum atls_curve curve, gnutls_x509_privkey_t key, gnutls_datum_t *pem)
{
    unsigned bits = GNUTLS_CURVE_TO_BITS(curve == ATLS_P384 ? GNUTLS_ECC_CURVE_SECP384R1
                                                            : GNUTLS_ECC_CURVE_SECP256R1);
    int code = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, bits, 0);
    if (code < 0)
        return fails(code, "a private key");
    code =
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, pem);
    return code < 0 ? fails(code, "PKCS#8") : 0;
}

static int import(gnutls_x509_privkey_t key, gnutls_privkey_t *privkeyp,
                  struct atls_public_key *publicp)
{
    gnutls_privkey_t privkey;
    int code = gnutls_privkey_init(&privkey);
    if (code < 0)
        return fails(code, "a private key");
    code = gnutls_privkey_import_x509(privkey, key, GNUTLS_PRIVKEY_IMPORT_COPY);
    int result =
        code < 0 ? fails(code, "a private key") : atls_software_key_public(privkey, publicp);
    if (result == 0)
        *privkeyp = privkey;
    else
        gnutls_privkey_deinit(privkey);
    return result;
}

int atls_software_key_make(enum atls_curve curve, const char *file, gnutls_privkey_t *privkeyp,
                           struct atls_public_key *publicp)
{
    gnutls_datum_t pem = {NULL, 0};
    gnutls_x509_privkey_t key;
    int code = gnutls_x509_privkey_init(&key);
    if (code < 0)
        return fails(code, "a private key");
    int result = generate(curve, key, &pem);
    if (result == 0)
        result = write_file(file, &pem);
    if (result == 0) {
        result = import(key, privkeyp, publicp);
        if (result != 0)
            unlink(file);
    }
    gnutls_x509_privkey_deinit(key);
    if (pem.data != NULL)
        gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    return result;
}

int atls_software_key_public(gnutls_privkey_t key, struct atls_public_key *publicp)
{
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size = sizeof spki;
    gnutls_pubkey_t pubkey;
    int code = gnutls_pubkey_init(&pubkey);
    if (code < 0)
        return fails(code, "a public key");
    code = gnutls_pubkey_import_privkey(pubkey, key, 0, 0);
    if (code == 0)
        code = gnutls_pubkey_export(pubkey, GNUTLS_X509_FMT_DER, spki, &size);
    gnutls_pubkey_deinit(pubkey);
    if (code < 0)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL, "a key of P-256 or P-384 was expected: %s",
                         gnutls_strerror(code));
    return atls_spki_decode(ATLS_BYTES(spki, size), publicp);
}
