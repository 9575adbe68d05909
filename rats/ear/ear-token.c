/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signed EAR: a JWT or a CWT. The first byte tells which: a JWT is text (RFC 7519 section 3), and
 * a COSE_Sign1 begins with an array or a tag (RFC 9052 section 4.2), which no text does. Whoever
 * was told a type compares.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cose/cose.h"
#include "rats/ear/ear-labels.h"
#include "rats/ear/ear.h"

#define CWT "RFC 8392 section 7.2"

#define WITH_PROFILES(type)                                                                        \
    {                                                                                              \
        type "; eat_profile=\"tag:github.com,2023:veraison/ear\"",                                 \
            type "; eat_profile=\"tag:ietf.org,2026:rats/ear#03\"",                                \
            type "; eat_profile=\"tag:ietf.org,2026:rats/ear#04\"",                                \
    }
static const struct serialization {
    const char *name, *type; /* RFC 9782 section 6.3; draft-ietf-rats-ear-03 section 6 spells them
                                eat-jwt and eat-cwt, which nobody registered */
    const char *types[ATLS_EAR_DIALECTS];
} serializations[ATLS_EAR_SERIALIZATIONS] = {
    [ATLS_EAR_JWT] = {"jwt", ATLS_MT_EAT_JWT, WITH_PROFILES(ATLS_MT_EAT_JWT)},
    [ATLS_EAR_CWT] = {"cwt", ATLS_MT_EAT_CWT, WITH_PROFILES(ATLS_MT_EAT_CWT)},
};

const char *atls_ear_serialization_name(enum atls_ear_serialization serialization)
{
    return (unsigned)serialization < ATLS_EAR_SERIALIZATIONS ? serializations[serialization].name
                                                             : NULL;
}

enum atls_ear_serialization atls_ear_serialization_of(struct atls_bytes token)
{
    return token.size && token.data[0] >= 0x80 ? ATLS_EAR_CWT : ATLS_EAR_JWT;
}

const char *atls_ear_media_type(enum atls_ear_serialization serialization,
                                enum atls_ear_dialect dialect)
{
    return serializations[serialization].types[dialect];
}

bool atls_ear_is_type(enum atls_ear_serialization serialization, struct atls_bytes media_type)
{
    const struct serialization *row = &serializations[serialization];
    size_t size = strlen(row->type);

    /* nearly always it is spelt as here, or another type altogether: neither has to be parsed */
    if (media_type.size < size || strncasecmp((const char *)media_type.data, row->type, size) != 0)
        return false;
    if (media_type.size == size)
        return true;
    for (int i = 0; i < ATLS_EAR_DIALECTS; i++)
        if (atls_bytes_is_text(media_type, row->types[i]))
            return true;
    for (int i = 0; i < ATLS_EAR_DIALECTS; i++)
        if (atls_media_type_equal(media_type, atls_bytes_of_text(row->types[i])))
            return true;
    return false;
}

void atls_ear_token_clear(struct atls_ear_token *token)
{
    atls_jws_clear(&token->jws);
    json_decref(token->claims);
    *token = (struct atls_ear_token){.claims = NULL};
}

static int parse_cwt(struct atls_bytes in, struct atls_ear_token *token)
{
    int result =
        atls_cose_read(in, ATLS_TAG_COSE_SIGN1, ATLS_COSE_TAG_EITHER, CWT, &token->message);

    if (result)
        return result;
    if (token->message.detached)
        return atls_fail(ATLS_E_UNSUPPORTED, CWT,
                         "EAR in a CWT: expected the claims in its payload, came nil");
    return atls_ear_claims_of_cbor(token->message.payload, &token->claims);
}

int atls_ear_token_parse(struct atls_bytes in, struct atls_ear_token *tokenp)
{
    struct atls_ear_token token = {.serialization = atls_ear_serialization_of(in)};
    int result = token.serialization == ATLS_EAR_CWT ? parse_cwt(in, &token)
                                                     : atls_jws_parse(in, &token.jws);

    if (result) {
        atls_ear_token_clear(&token);
        return result;
    }
    if (token.serialization == ATLS_EAR_JWT)
        token.claims = json_incref(token.jws.payload);
    *tokenp = token;
    return 0;
}

bool atls_ear_token_is_unsecured(const struct atls_ear_token *token)
{
    return token->serialization == ATLS_EAR_JWT && atls_jws_is_unsecured(&token->jws);
}

/* As of a JWT: whatever the message says of its algorithm, it is the key that decides. */
static int verify_cwt(const struct atls_cose_sign1 *message, const json_t *jwk)
{
    struct atls_public_key key;
    int result = atls_jwk_to_verification_key(jwk, &key);

    result = result ? result : atls_cose_sign1_check(message, CWT);
    result = result ? result : atls_cose_sign1_verify(message, &atls_crypto_hosted, &key);
    if (result != ATLS_E_MISMATCH)
        return result;
    return atls_fail(ATLS_E_SIGNATURE, "RFC 9053 section 2.1",
                     "EAR in a CWT: expected alg %d, that of the verifier's key, came %d",
                     atls_curve_cose_alg(key.curve), message->alg);
}

int atls_ear_token_verify(const struct atls_ear_token *token, const json_t *verifier_jwk)
{
    return token->serialization == ATLS_EAR_CWT ? verify_cwt(&token->message, verifier_jwk)
                                                : atls_jws_verify(&token->jws, verifier_jwk);
}

/* The claims as a COSE_Sign1 with tag 18 (RFC 8392 section 7.1). */
static int sign_cwt(struct atls_bytes claims, const struct atls_private_key *key, uint8_t **tokenp,
                    size_t *sizep)
{
    struct atls_local_signer local = {&atls_crypto_hosted, key};
    struct atls_signer signer = atls_signer_local(&local);
    size_t room = claims.size + 2 * ATLS_SIGNATURE_MAX;
    struct atls_cbor_writer w;
    struct atls_bytes token;
    uint8_t *buffer = malloc(room);

    if (!buffer)
        return atls_ear_no_memory();
    atls_cbor_write_init(&w, buffer, room);
    int result = atls_cose_sign1_write(&w, true, claims, &atls_crypto_hosted, &signer);
    result = result ? result : atls_cbor_write_done(&w, &token);
    if (result) {
        free(buffer);
        return result;
    }
    *tokenp = buffer;
    *sizep = token.size;
    return 0;
}

static int write_cwt(const json_t *claims, enum atls_ear_dialect dialect, const json_t *signer_jwk,
                     uint8_t **tokenp, size_t *sizep)
{
    struct atls_private_key key;
    uint8_t *cbor;
    size_t size;
    int result = atls_jwk_to_private_key(signer_jwk, &key);

    if (result)
        return result;
    result = atls_ear_claims_to_cbor(claims, dialect, &cbor, &size);
    if (!result) {
        result = sign_cwt(ATLS_BYTES(cbor, size), &key, tokenp, sizep);
        free(cbor);
    }
    explicit_bzero(&key, sizeof key);
    return result;
}

int atls_ear_write_as(enum atls_ear_serialization serialization, const struct atls_ear *ear,
                      const json_t *signer_jwk, uint8_t **tokenp, size_t *sizep)
{
    json_t *claims;
    char *jwt;
    int result = atls_ear_claims(ear, &claims);

    if (result)
        return result;
    if (serialization == ATLS_EAR_CWT) {
        result = write_cwt(claims, ear->dialect, signer_jwk, tokenp, sizep);
    } else {
        result = atls_jws_sign(claims, signer_jwk, &jwt);
        if (!result) {
            *tokenp = (uint8_t *)jwt;
            *sizep = strlen(jwt);
        }
    }
    json_decref(claims);
    return result;
}

int atls_ear_write(const struct atls_ear *ear, const json_t *signer_jwk, char **jwtp)
{
    uint8_t *token;
    size_t size;
    int result = atls_ear_write_as(ATLS_EAR_JWT, ear, signer_jwk, &token, &size);

    if (!result)
        *jwtp = (char *)token;
    return result;
}
