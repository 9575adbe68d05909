/* SPDX-License-Identifier: Apache-2.0 */
/* Parsec's key attestation on Arm CCA, and how its two halves hang together. */
#include <stdlib.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/tokens/kat.h"

#define CCA_REALM_TOKEN 44241

static bool find(struct atls_cbor_reader *r, const char *name)
{
    struct atls_bytes text;
    size_t pairs;

    if (atls_cbor_peek(r) != ATLS_CBOR_MAP || atls_cbor_read_map(r, "map", &pairs))
        return false;
    while (pairs--) {
        if (atls_cbor_peek(r) != ATLS_CBOR_TEXT || atls_cbor_read_text(r, "name", &text))
            return false;
        if (atls_bytes_is_text(text, name))
            return true;
        if (atls_cbor_skip(r))
            return false;
    }
    return false;
}

bool atls_diag_is_parsec_cca(struct atls_bytes in)
{
    struct atls_cbor_reader kat = {.in = in, .rules = &atls_cbor_lenient}, pat = kat;
    uint64_t tag;

    return find(&kat, "kat") && find(&pat, "pat") && atls_cbor_peek(&kat) == ATLS_CBOR_TAG &&
           !atls_cbor_read_tag(&kat, "tag", &tag) && tag == 601;
}

/* The realm token's challenge is SHA-512 of the KAT as it stands, its tag 601 included. */
static void check_cca_link(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_cbor_reader kat = {.in = in, .rules = &atls_cbor_lenient}, pat = kat;
    struct atls_bytes encoded, token, nonce;
    struct atls_cose_sign1 message;
    uint8_t digest[ATLS_HASH_MAX];
    uint64_t tag;
    size_t pairs;
    int64_t key = 0;
    int result;

    if (!find(&kat, "kat") || atls_cbor_read_encoded(&kat, &encoded) || !find(&pat, "pat") ||
        atls_cbor_read_tag(&pat, "tag", &tag) || atls_cbor_read_map(&pat, "CCA token", &pairs))
        return;
    for (; pairs && !atls_cbor_read_int(&pat, "key", &key) && key != CCA_REALM_TOKEN; pairs--)
        if (atls_cbor_skip(&pat))
            return;
    if (key != CCA_REALM_TOKEN || atls_cbor_read_bytes(&pat, "realm token", &token))
        return;
    result = atls_cose_sign1_parse(token, ATLS_COSE_TAG_EITHER, NULL, &message);
    if (!result)
        result = atls_pat_nonce(message.payload, &nonce);
    if (!result)
        result = d->keys.crypto->hash(ATLS_SHA512, &encoded, 1, digest);
    if (!result && !atls_bytes_equal(nonce, ATLS_BYTES(digest, 64)))
        result =
            atls_fail(ATLS_E_MISMATCH, NULL, "the realm's challenge is not SHA-512 of the KAT");
    atls_diag_check(d, result, "link of CCA token to KAT%s",
                    result ? "" : ": the realm's challenge is SHA-512 of the KAT");
}

void atls_diag_parsec_cca(struct atls_diag *d, struct atls_bytes in)
{
    if (!atls_diag_cbor(d, in, NULL, &atls_diag_parsec_cca_shape))
        check_cca_link(d, in);
}
