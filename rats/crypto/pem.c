/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys in PEM. GnuTLS would read them too, but not these bytes exactly and not only EC. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/crypto/pem.h"

#define PEM "RFC 7468 section 13"
#define BEGIN "-----BEGIN PUBLIC KEY-----"
#define END "-----END PUBLIC KEY-----"
#define LINE 64
#define BASE64_MAX 1024

int atls_pem_read_public_key(struct atls_bytes text, struct atls_public_key *keyp)
{
    const char *in = text.data ? (const char *)text.data : "";
    const char *begin = memmem(in, text.size, BEGIN, strlen(BEGIN));
    const char *armour = memmem(in, text.size, "-----BEGIN ", 11);
    const char *body, *end, *other;
    char base64[BASE64_MAX];
    size_t used = 0, size;
    uint8_t *spki;
    int result;

    if (!begin)
        return atls_fail(armour ? ATLS_E_UNSUPPORTED : ATLS_E_MALFORMED, PEM,
                         "PEM: expected \"PUBLIC KEY\", came %s",
                         armour ? "another label" : "none");
    body = begin + strlen(BEGIN);
    end = memmem(body, text.size - (size_t)(body - in), END, strlen(END));
    if (!end)
        return atls_fail(ATLS_E_MALFORMED, PEM, "PEM: the end of the public key is missing");
    other =
        armour < begin ? armour : memmem(body, text.size - (size_t)(body - in), "-----BEGIN ", 11);
    if (other)
        return atls_fail(ATLS_E_MALFORMED, PEM,
                         "PEM: expected one block, came a second one at byte %zu",
                         (size_t)(other == armour ? begin - in : other - in));
    for (; body < end; body++) {
        if (isspace((unsigned char)*body))
            continue;
        if (used == sizeof(base64))
            return atls_fail(ATLS_E_LIMIT, PEM, "PEM: expected at most %zu characters",
                             sizeof(base64));
        base64[used++] = *body;
    }
    result = atls_base64_decode(ATLS_BASE64, ATLS_BYTES(base64, used), &spki, &size);
    if (result)
        return result;
    result = atls_spki_decode(ATLS_BYTES(spki, size), keyp);
    free(spki);
    return result;
}

char *atls_pem_write_public_key(const struct atls_public_key *key)
{
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size = atls_spki_encode(key, spki);
    char *base64 = atls_base64_encode(ATLS_BASE64, ATLS_BYTES(spki, size));
    char *pem = NULL;
    size_t pem_size;
    FILE *out = base64 ? open_memstream(&pem, &pem_size) : NULL;

    if (out) {
        fprintf(out, "%s\n", BEGIN);
        for (const char *rest = base64; *rest; rest += strnlen(rest, LINE))
            fprintf(out, "%.*s\n", LINE, rest);
        fprintf(out, "%s", END);
        if (fclose(out)) {
            free(pem);
            pem = NULL;
        }
    }
    free(base64);
    return pem;
}
