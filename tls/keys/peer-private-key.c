/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys for another implementation to read (test-private-key.py). It reads a line a key and
 * answers each with the PrivateKeyInfo in hexadecimal:
 *   make ALGORITHM      a new key: p256, p384, p521, ed25519 or rsa
 *   take CURVE X Y D    a key of these numbers, in hexadecimal
 * and the line "signatures X" with the DER of an ECDSA signature whose r and s are both X.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "tls/keys/private-key.h"

static const struct algorithm {
    const char *name;
    gnutls_pk_algorithm_t pk;
    gnutls_ecc_curve_t curve;
    unsigned bits;
} algorithms[] = {
    {"p256", GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP256R1, 256},
    {"p384", GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP384R1, 384},
    {"p521", GNUTLS_PK_ECDSA, GNUTLS_ECC_CURVE_SECP521R1, 521},
    {"ed25519", GNUTLS_PK_EDDSA_ED25519, GNUTLS_ECC_CURVE_ED25519, 256},
    {"rsa", GNUTLS_PK_RSA, GNUTLS_ECC_CURVE_INVALID, 2048},
};

static void die(const char *what)
{
    fprintf(stderr, "peer-private-key: %s: %s\n", what, atls_error_text());
    exit(2);
}

static const struct algorithm *algorithm_of(const char *name)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (name && strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    die("unknown algorithm");
    return NULL;
}

static gnutls_datum_t number(void)
{
    const char *text = strtok(NULL, " \n");
    uint8_t *data = NULL;
    size_t size = 0;
    if (!text || atls_hex_decode(atls_bytes_of_text(text), &data, &size) != 0)
        die("a number");
    return (gnutls_datum_t){data, (unsigned)size};
}

static void tell(gnutls_datum_t der)
{
    for (unsigned i = 0; i < der.size; i++)
        printf("%02x", der.data[i]);
    printf("\n");
}

static void answer_key(bool made)
{
    const struct algorithm *algorithm = algorithm_of(strtok(NULL, " \n"));
    gnutls_datum_t x = {NULL, 0}, y = {NULL, 0}, d = {NULL, 0}, der = {NULL, 0};
    gnutls_privkey_t key;
    if (gnutls_privkey_init(&key) != 0)
        die("memory");
    if (!made) {
        x = number();
        y = number();
        d = number();
    }
    int result = made ? gnutls_privkey_generate(key, algorithm->pk,
                                                algorithm->pk == GNUTLS_PK_RSA
                                                    ? algorithm->bits
                                                    : GNUTLS_CURVE_TO_BITS(algorithm->curve),
                                                0)
                      : gnutls_privkey_import_ecc_raw(key, algorithm->curve, &x, &y, &d);
    if (result < 0)
        die(gnutls_strerror(result));
    if (atls_private_key_encode(key, &der) != 0)
        die("encoding");
    tell(der);
    gnutls_free(der.data);
    free(x.data);
    free(y.data);
    free(d.data);
    gnutls_privkey_deinit(key);
}

static void answer_signature(void)
{
    gnutls_datum_t value = number(), der;
    int result = gnutls_encode_rs_value(&der, &value, &value);
    if (result < 0)
        die(gnutls_strerror(result));
    tell(der);
    gnutls_free(der.data);
    free(value.data);
}

int main(void)
{
    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        const char *command = strtok(line, " \n");
        if (command && strcmp(command, "signatures") == 0)
            answer_signature();
        else if (command && (strcmp(command, "make") == 0 || strcmp(command, "take") == 0))
            answer_key(strcmp(command, "make") == 0);
        else
            die("unknown command");
    }
    return 0;
}
