/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM (RFC 7468), block by block: certificates, keys, messages in armour; and ASN.1 DER that is no
 * certificate, of which only public keys are read. Private keys are named and never shown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "decode/diag-tree.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/crypto/pem.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"
#define LABEL_MAX 64
#define CLAUSE "RFC 7468 section 3"

struct block {
    char label[LABEL_MAX + 1];
    struct atls_bytes whole, body; /* with its boundaries, and what is between them */
};

/* The next block of *RESTP, which moves behind it. ATLS_E_MISSING: there is none. */
static int next_block(struct atls_bytes *restp, struct block *blockp)
{
    const uint8_t *end_of_text = restp->data + restp->size, *label, *stop;
    const uint8_t *begin =
        restp->size ? memmem(restp->data, restp->size, BEGIN, strlen(BEGIN)) : NULL;
    char boundary[sizeof END + LABEL_MAX + sizeof DASHES];

    if (!begin)
        return atls_fail(ATLS_E_MISSING, CLAUSE, "PEM: expected a line -----BEGIN ...-----");
    label = begin + strlen(BEGIN);
    stop = memmem(label, (size_t)(end_of_text - label), DASHES, strlen(DASHES));
    if (!stop || stop == label || stop - label > LABEL_MAX ||
        memchr(label, '\n', (size_t)(stop - label)))
        return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                         "PEM: expected -----BEGIN, a label of at most %d characters and -----",
                         LABEL_MAX);
    memcpy(blockp->label, label, (size_t)(stop - label));
    blockp->label[stop - label] = '\0';
    stop += strlen(DASHES);
    snprintf(boundary, sizeof boundary, END "%s" DASHES, blockp->label);
    const uint8_t *end = memmem(stop, (size_t)(end_of_text - stop), boundary, strlen(boundary));
    if (!end)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                         "PEM: expected a line that begins -----END, "
                         "with the label of the BEGIN before it");
    blockp->body = ATLS_BYTES(stop, (size_t)(end - stop));
    blockp->whole = ATLS_BYTES(begin, (size_t)(end - begin) + strlen(boundary));
    *restp = ATLS_BYTES(end + strlen(boundary), (size_t)(end_of_text - end) - strlen(boundary));
    return 0;
}

bool atls_diag_is_armoured(struct atls_bytes text)
{
    return text.size && memmem(text.data, text.size, BEGIN, strlen(BEGIN));
}

size_t atls_diag_pem_blocks(struct atls_bytes text)
{
    struct block block;
    size_t count = 0;

    while (!next_block(&text, &block))
        count++;
    return count;
}

static int decode_body(struct atls_bytes body, uint8_t **derp, size_t *sizep)
{
    uint8_t *digits = malloc(body.size + 1);
    size_t used = 0;

    if (!digits)
        return atls_fail(-ENOMEM, NULL, "PEM: out of memory");
    for (size_t i = 0; i < body.size; i++)
        if (!strchr(" \t\r\n", body.data[i]) || !body.data[i])
            digits[used++] = body.data[i];
    int result = atls_base64_decode(ATLS_BASE64, ATLS_BYTES(digits, used), derp, sizep);
    free(digits);
    return result;
}

static void print_key(struct atls_diag *d, const struct atls_public_key *key)
{
    char name[ATLS_DIAG_KEY_NAME];

    atls_diag_line(d, "curve", key->curve == ATLS_P256 ? "P-256" : "P-384");
    atls_diag_bytes(d, "x", ATLS_BYTES(key->x, atls_curve_size(key->curve)));
    atls_diag_bytes(d, "y", ATLS_BYTES(key->y, atls_curve_size(key->curve)));
    atls_diag_finding(d, "key", "%s", atls_diag_key_name(d, key, name));
}

/* A public key that the library knows and no format of the field has: false where it is none. */
static bool print_other_key(struct atls_diag *d, struct atls_bytes in)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)in.data, (unsigned)in.size};
    gnutls_pubkey_t key;
    unsigned bits = 0;

    if (in.size > UINT32_MAX || gnutls_pubkey_init(&key) < 0)
        return false;
    bool known = gnutls_pubkey_import(key, &der, GNUTLS_X509_FMT_DER) == 0;
    if (known) {
        int algorithm = gnutls_pubkey_get_pk_algorithm(key, &bits);
        const char *name = algorithm < 0 ? NULL : gnutls_pk_get_name(algorithm);
        atls_diag_line(d, "public key", "%s, %u bits", name ? name : "of another kind", bits);
        atls_diag_finding(d, "not checked", "key: expected one of P-256 or P-384, came another");
    }
    gnutls_pubkey_deinit(key);
    return known;
}

bool atls_diag_is_der(struct atls_bytes in)
{
    size_t octets, size = 0;

    if (in.size < 4 || in.data[0] != 0x30)
        return false;
    if (in.data[1] < 0x80)
        return in.size == 2u + in.data[1];
    octets = in.data[1] & 0x7f;
    if (octets == 0 || octets > 4 || in.size < 2 + octets)
        return false;
    for (size_t i = 0; i < octets; i++)
        size = size << 8 | in.data[2 + i];
    return in.size == 2 + octets + size;
}

void atls_diag_der(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_public_key key;
    enum atls_curve curve;

    if (atls_spki_curve(in, &curve)) {
        int result = atls_spki_decode(in, &key);
        if (result)
            atls_diag_problem(d, result);
        else
            print_key(d, &key);
    } else if (!print_other_key(d, in)) {
        atls_diag_line(d, NULL, "a SEQUENCE, not looked into");
        atls_diag_finding(d, "not checked",
                          "ASN.1: expected a certificate or a public key, came something else");
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

static void print_content(struct atls_diag *d, const char *label, struct atls_bytes in)
{
    /* RFC 7468 section 5.3: so are certificates called that are not called CERTIFICATE. */
    bool certificate = ends_with(label, "CERTIFICATE");

    if (certificate && !atls_diag_is_certificate(in))
        atls_diag_problem(d, atls_fail(ATLS_E_MALFORMED, "RFC 5280 section 4.1",
                                       "expected an X.509 certificate, came %zu other bytes",
                                       in.size));
    else if (strcmp(label, "PUBLIC KEY") == 0 && !atls_diag_is_der(in))
        atls_diag_problem(d, atls_fail(ATLS_E_MALFORMED, "RFC 7468 section 13",
                                       "expected a SubjectPublicKeyInfo, came %zu other bytes",
                                       in.size));
    else if (!certificate && atls_diag_is_der(in))
        atls_diag_der(d, in);
    else
        atls_diag_message(d, NULL, in);
}

static void print_block(struct atls_diag *d, size_t number, const struct block *block)
{
    char head[32], label[ATLS_DIAG_LABEL];
    uint8_t *data;
    size_t size;

    snprintf(head, sizeof head, "block %zu", number);
    atls_diag_escape(label, sizeof label, atls_bytes_of_text(block->label));
    if (ends_with(block->label, "PRIVATE KEY")) { /* also "ENCRYPTED", "EC", "RSA", "OPENSSH" */
        atls_diag_line(d, head, "%s: not shown", label);
        atls_diag_note(d, "this file holds a private key");
        return;
    }
    int result = decode_body(block->body, &data, &size);
    atls_diag_line(d, head, "%s", label);
    d->depth++;
    if (result) {
        atls_diag_problem(d, result);
    } else {
        print_content(d, block->label, ATLS_BYTES(data, size));
        free(data);
    }
    d->depth--;
}

void atls_diag_pem(struct atls_diag *d, struct atls_bytes in)
{
    struct block block;
    size_t number = 0;
    int result;

    while (!(result = next_block(&in, &block)))
        print_block(d, ++number, &block);
    if (result != ATLS_E_MISSING)
        atls_diag_problem(d, result);
}

/* One block alone, as key files have it. */
void atls_diag_pem_key(struct atls_diag *d, struct atls_bytes in)
{
    struct block block;
    uint8_t *data;
    size_t size;
    int result = next_block(&in, &block);

    if (!result)
        result = decode_body(block.body, &data, &size);
    if (result) {
        atls_diag_problem(d, result);
        return;
    }
    print_content(d, block.label, ATLS_BYTES(data, size));
    free(data);
}
