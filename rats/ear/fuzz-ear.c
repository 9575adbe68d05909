/* SPDX-License-Identifier: Apache-2.0 */
/* JWS and EAR claims: signed with anything, verified with a fixed key, and claims alone. */
#include <stddef.h>
#include <stdlib.h>

#include "rats/ear/ear.h"
#include "rats/json/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The public key of RFC 7515 appendix A.3. */
static const char jwk_text[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                               "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                               "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);
    json_t *jwk = json_loads(jwk_text, 0, NULL), *claims;
    struct atls_ear ear;

    if (!atls_ear_read_unverified(in, &ear)) {
        atls_ear_worst_tier(&ear);
        atls_ear_clear(&ear);
    }
    if (!atls_ear_read(in, jwk, &ear))
        abort(); /* nobody has that private key here */
    if (!atls_json_object(in, "claims", &claims)) {
        if (!atls_ear_parse_claims(claims, &ear)) {
            if (!ear.submod_count || !ear.developer || ear.issued_at <= 0)
                abort();
            atls_ear_clear(&ear);
        }
        json_decref(claims);
    }
    json_decref(jwk);
    return 0;
}
