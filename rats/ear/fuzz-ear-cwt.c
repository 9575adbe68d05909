/* SPDX-License-Identifier: Apache-2.0 */
/* An EAR in a CWT, signed with anything, and its claims alone: what is taken is written again, and
 * read again says the same. */
#include <stddef.h>
#include <stdlib.h>

#include "rats/ear/ear-labels.h"
#include "rats/ear/ear.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The public key of RFC 7515 appendix A.3. */
static const char jwk_text[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                               "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";

static void demand(bool truth)
{
    if (!truth)
        abort();
}

/* What the writer of EARs never makes need not be written. */
static void write_again(const struct atls_ear *ear)
{
    json_t *again;
    uint8_t *cbor;
    size_t size;
    struct atls_ear read;

    if (atls_ear_claims(ear, &again))
        return;
    if (!atls_ear_claims_to_cbor(again, ear->dialect, &cbor, &size)) {
        demand(atls_ear_parse_cbor(ATLS_BYTES(cbor, size), &read) == 0);
        demand(read.submod_count == ear->submod_count && read.issued_at == ear->issued_at &&
               read.expires_at == ear->expires_at && read.nonce_size == ear->nonce_size &&
               atls_ear_worst_tier(&read) == atls_ear_worst_tier(ear));
        atls_ear_clear(&read);
        free(cbor);
    }
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);
    json_t *jwk = json_loads(jwk_text, 0, NULL), *claims;
    struct atls_ear_token token;
    struct atls_ear ear;

    if (!atls_ear_token_parse(in, &token)) {
        demand(atls_ear_token_verify(&token, jwk) != 0); /* nobody has that private key here */
        atls_ear_token_clear(&token);
    }
    if (!atls_ear_claims_of_cbor(in, &claims)) {
        if (!atls_ear_parse_claims(claims, &ear)) {
            demand(ear.submod_count && ear.developer && ear.issued_at > 0);
            write_again(&ear);
            atls_ear_clear(&ear);
        }
        json_decref(claims);
    }
    json_decref(jwk);
    return 0;
}
