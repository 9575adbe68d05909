/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a CCA token, as Parsec evidence, and as either token's claims: what is read can be
 * written, and reads the same again. */
#include <stdlib.h>
#include <string.h>

#include "rats/tokens/cca.h"

enum { ROOM = 8, WRITTEN = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_platform(const struct atls_cca_platform *claims, size_t size)
{
    struct atls_psa_component components[ROOM];
    struct atls_cca_platform again;
    uint8_t *buffer = malloc(size + 64); /* the profile may be the longer one */
    struct atls_cbor_writer w;
    struct atls_bytes out = {NULL, 0};

    require(buffer && claims->component_count > 0 && claims->component_count <= ROOM);
    atls_cbor_write_init(&w, buffer, size + 64);
    require(!atls_cca_platform_write(&w, claims));
    require(!atls_cbor_write_done(&w, &out));
    require(!atls_cca_platform_parse(out, components, ROOM, &again));
    require(atls_bytes_equal(claims->challenge, again.challenge) &&
            atls_bytes_equal(claims->config, again.config) &&
            claims->lifecycle == again.lifecycle &&
            claims->component_count == again.component_count);
    free(buffer);
}

static void check_realm(const struct atls_cca_realm *claims)
{
    struct atls_cca_realm again;
    uint8_t *buffer = malloc(WRITTEN + claims->hash_algorithm.size);
    struct atls_cbor_writer w;
    struct atls_bytes out = {NULL, 0};

    require(buffer);
    atls_cbor_write_init(&w, buffer, WRITTEN + claims->hash_algorithm.size);
    require(!atls_cca_realm_write(&w, claims));
    require(!atls_cbor_write_done(&w, &out));
    require(!atls_cca_realm_parse(out, &again));
    require(atls_bytes_equal(claims->challenge, again.challenge) &&
            atls_bytes_equal(claims->initial, again.initial) &&
            atls_public_key_equal(&claims->rak, &again.rak));
    free(buffer);
}

static void check_token(const struct atls_cca_token *token, size_t size)
{
    check_platform(&token->platform_claims, size);
    check_realm(&token->realm_claims);
    (void)atls_cca_check_realm_signature(token, &atls_crypto_hosted);
    (void)atls_cca_check_binding(token, &atls_crypto_hosted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_psa_component components[ROOM];
    struct atls_bytes in = ATLS_BYTES(data, size);
    struct atls_cca_platform platform;
    struct atls_cca_realm realm;
    struct atls_cca_token token;
    struct atls_parsec_cca evidence;

    if (!atls_cca_platform_parse(in, components, ROOM, &platform))
        check_platform(&platform, size);
    if (!atls_cca_realm_parse(in, &realm))
        check_realm(&realm);
    if (!atls_cca_token_parse(in, components, ROOM, &token))
        check_token(&token, size);
    if (!atls_parsec_cca_parse(in, components, ROOM, &evidence)) {
        check_token(&evidence.token, size);
        (void)atls_parsec_cca_check_kat(&evidence, &atls_crypto_hosted);
    }
    return 0;
}
