/* SPDX-License-Identifier: Apache-2.0 */
/* Signed CMW: the frames are COSE's and JOSE's, what is in them is a CMW and says so. */
#include "rats/cmw/cmw-signed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/json/json.h"
#include "rats/json/jws.h"

#define COSE "RFC 9999 section 4.1"
#define JWS "RFC 9999 section 4.2"
#define CLAIM "RFC 9999 section 4.3"
#define FLATTENED "RFC 7515 section 7.2.2"
#define FRAME 256 /* bytes around the payload of a COSE_Sign1 */

void atls_cmw_signed_clear(struct atls_cmw_signed *message)
{
    atls_cmw_free(message->cmw);
    atls_jws_clear(&message->jws);
    json_decref(message->flattened);
    *message = (struct atls_cmw_signed){.cmw = NULL};
}

static int check_content_type(const struct atls_cose_sign1 *message)
{
    if (message->content_format == ATLS_CF_CMW_CBOR ||
        atls_bytes_is_text(message->content_type, ATLS_MT_CMW_CBOR))
        return 0;
    if (message->content_format < 0 && !message->content_type.data)
        return atls_fail(ATLS_E_MISSING, COSE,
                         "expected the content type (3) in the protected header, it is not there");
    if (message->content_type.data)
        return atls_fail(ATLS_E_UNSUPPORTED, COSE,
                         "expected the content type " ATLS_MT_CMW_CBOR ", came \"%.*s\"",
                         (int)(message->content_type.size < 80 ? message->content_type.size : 80),
                         (const char *)message->content_type.data);
    return atls_fail(ATLS_E_UNSUPPORTED, COSE, "expected the content type %d, came %d",
                     ATLS_CF_CMW_CBOR, message->content_format);
}

int atls_cmw_cose_parse(struct atls_bytes in, struct atls_cmw_signed *messagep)
{
    struct atls_cmw_signed message = {.serialization = ATLS_CBOR};
    int result = atls_cose_sign1_parse(in, ATLS_COSE_TAG_EITHER, COSE, &message.cose);

    if (!result)
        result = check_content_type(&message.cose);
    if (!result)
        result = atls_cmw_parse_as(ATLS_CBOR, message.cose.payload, &message.cmw);
    if (!result)
        *messagep = message;
    return result;
}

/* Takes PROTECTED, PAYLOAD and SIGNATURE of a flattened JWS; they borrow from the object. */
static int take_flattened(struct atls_bytes in, struct atls_cmw_signed *message)
{
    const char *names[] = {"protected", "payload", "signature"};
    struct atls_bytes *parts[] = {&message->jws.header_part, &message->jws.payload_part,
                                  &message->jws.signature_part};
    int result = atls_json_object(in, "JWS", &message->flattened);

    for (size_t i = 0; !result && i < 3; i++) {
        const json_t *part = json_object_get(message->flattened, names[i]);
        *parts[i] = atls_json_bytes(part);
        if (part && !json_is_string(part))
            result = atls_fail(ATLS_E_MALFORMED, FLATTENED, "JWS %s: expected a string", names[i]);
        else if (parts[i]->size == 0)
            result = atls_fail(ATLS_E_MISSING, FLATTENED, "JWS: no %s", names[i]);
    }
    if (!result && json_object_get(message->flattened, "signatures"))
        result = atls_fail(ATLS_E_MALFORMED, FLATTENED,
                           "JWS: expected one signature, came \"signatures\"");
    return result;
}

static int take_compact(struct atls_bytes in, struct atls_cmw_signed *message)
{
    struct atls_bytes *parts[] = {&message->jws.header_part, &message->jws.payload_part,
                                  &message->jws.signature_part};

    if (in.size > ATLS_JWS_MAX_SIZE)
        return atls_fail(ATLS_E_LIMIT, NULL, "JWS: expected at most %u bytes, came %zu",
                         ATLS_JWS_MAX_SIZE, in.size);
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *dot = in.size ? memchr(in.data, '.', in.size) : NULL;
        size_t size = dot ? (size_t)(dot - in.data) : in.size;
        if ((i < 2) != (dot != NULL) || size == 0)
            return atls_fail(ATLS_E_MALFORMED, "RFC 7515 section 7.1",
                             "JWS: expected three parts with two dots");
        *parts[i] = ATLS_BYTES(in.data, size);
        in.data += size + (dot != NULL);
        in.size -= size + (dot != NULL);
    }
    return 0;
}

/* Decodes a part; *DATAP is allocated. */
static int decode(struct atls_bytes part, const char *what, uint8_t **datap, size_t *sizep)
{
    int result = atls_base64_decode(ATLS_BASE64URL, part, datap, sizep);

    return result == ATLS_E_MALFORMED
               ? atls_fail(result, "RFC 7515 section 2",
                           "JWS %s: expected base64url without padding", what)
               : result;
}

/* The unprotected header of a flattened JWS: what is in it is not understood here, and is ignored
 * (section 4), but no name may be in both headers, and crit is the protected one's alone. */
static int check_unprotected(const struct atls_cmw_signed *message)
{
    json_t *header = json_object_get(message->flattened, "header"), *value;
    const char *name;

    if (header && !json_is_object(header))
        return atls_fail(ATLS_E_MALFORMED, FLATTENED, "JWS header: expected a JSON object");
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "crit") == 0)
            return atls_fail(ATLS_E_MALFORMED, "RFC 7515 section 4.1.11",
                             "JWS: expected crit in the protected header only");
        if (json_object_get(message->jws.header, name))
            return atls_fail(ATLS_E_MALFORMED, FLATTENED,
                             "JWS: %.40s is in the protected header and in the other", name);
    }
    return 0;
}

static int read_header(struct atls_cmw_signed *message)
{
    uint8_t *text;
    size_t size;
    int result = decode(message->jws.header_part, "protected header", &text, &size);

    if (result)
        return result;
    result = atls_json_object(ATLS_BYTES(text, size), "JWS protected header", &message->jws.header);
    free(text);
    if (result)
        return result;
    result = check_unprotected(message);
    if (result)
        return result;
    const char *alg = atls_json_text(json_object_get(message->jws.header, "alg"));
    const char *type = atls_json_text(json_object_get(message->jws.header, "cty"));
    if (!alg || !type)
        return atls_fail(ATLS_E_MISSING, JWS, "expected \"%s\" in the protected header",
                         alg ? "cty" : "alg");
    if (strcmp(type, ATLS_MT_CMW_JSON) != 0)
        return atls_fail(ATLS_E_UNSUPPORTED, JWS,
                         "expected the cty " ATLS_MT_CMW_JSON ", came \"%.80s\"", type);
    return 0;
}

int atls_cmw_jws_parse(struct atls_bytes in, struct atls_cmw_signed *messagep)
{
    struct atls_cmw_signed message = {.serialization = ATLS_JSON};
    struct atls_bytes text = atls_text_trim(in);
    bool flattened = text.size && text.data[0] == '{';
    uint8_t *payload = NULL, *signature = NULL;
    size_t size, signature_size;
    int result = flattened ? take_flattened(text, &message) : take_compact(text, &message);

    if (!result)
        result = read_header(&message);
    if (!result)
        result = decode(message.jws.signature_part, "signature", &signature, &signature_size);
    if (!result)
        result = decode(message.jws.payload_part, "payload", &payload, &size);
    if (!result)
        result = atls_cmw_parse_as(ATLS_JSON, ATLS_BYTES(payload, size), &message.cmw);
    free(payload);
    free(signature);
    if (result) {
        atls_cmw_signed_clear(&message);
        return result;
    }
    *messagep = message;
    return 0;
}

int atls_cmw_signed_verify(const struct atls_cmw_signed *message, const struct atls_public_key *key)
{
    if (message->serialization == ATLS_CBOR)
        return atls_cose_sign1_verify(&message->cose, &atls_crypto_hosted, key);
    json_t *jwk = atls_jwk_of_public_key(key);
    int result =
        jwk ? atls_jws_verify(&message->jws, jwk) : atls_fail(-ENOMEM, NULL, "no memory for a key");

    json_decref(jwk);
    return result;
}

/* What goes out as a CMW must be one. */
static int check_cmw(enum atls_serialization serialization, struct atls_bytes cmw)
{
    struct atls_cmw *parsed;
    int result = atls_cmw_parse_as(serialization, cmw, &parsed);

    if (!result)
        atls_cmw_free(parsed);
    return result;
}

int atls_cmw_cose_sign(struct atls_bytes cmw, const struct atls_crypto *crypto,
                       const struct atls_signer *signer, uint8_t **outp, size_t *sizep)
{
    struct atls_cbor_writer w;
    struct atls_bytes out;
    int result = check_cmw(ATLS_CBOR, cmw);

    if (result)
        return result;
    uint8_t *buffer = malloc(cmw.size + FRAME);
    if (!buffer)
        return atls_fail(-ENOMEM, NULL, "no memory for a signed CMW");
    atls_cbor_write_init(&w, buffer, cmw.size + FRAME);
    result = atls_cose_sign1_write_as(&w, false, ATLS_MT_CMW_CBOR, cmw, crypto, signer);
    if (!result)
        result = atls_cbor_write_done(&w, &out);
    if (result) {
        free(buffer);
        return result;
    }
    *outp = buffer;
    *sizep = out.size;
    return 0;
}

int atls_cmw_jws_sign(struct atls_bytes cmw, const json_t *signer_jwk, bool flattened, char **outp)
{
    char *compact = NULL, *text = NULL;
    int result = check_cmw(ATLS_JSON, cmw);

    if (!result)
        result = atls_jws_sign_as(cmw, "cty", ATLS_MT_CMW_JSON, signer_jwk, &compact);
    if (result)
        return result;
    if (flattened) {
        struct atls_cmw_signed parts = {.cmw = NULL};
        result = take_compact(atls_bytes_of_text(compact), &parts);
        json_t *object =
            result ? NULL
                   : json_pack("{s:s%, s:s%, s:s%}", "protected", parts.jws.header_part.data,
                               parts.jws.header_part.size, "payload", parts.jws.payload_part.data,
                               parts.jws.payload_part.size, "signature",
                               parts.jws.signature_part.data, parts.jws.signature_part.size);
        text = object ? atls_json_write(object, JSON_COMPACT) : NULL;
        json_decref(object);
        free(compact);
        if (!text)
            return result ? result : atls_fail(-ENOMEM, NULL, "no memory for a signed CMW");
        compact = text;
    }
    *outp = compact;
    return 0;
}

int atls_cmw_of_cwt(struct atls_bytes claims, struct atls_cmw **cmwp)
{
    struct atls_bytes item = {NULL, 0};
    struct atls_cbor_reader r;
    size_t left;
    int result = atls_cbor_open(&r, claims, &atls_cbor_lenient, CLAIM);

    if (!result)
        result = atls_cbor_read_map(&r, "claims", &left);
    while (!result && !item.data && atls_cbor_next(&r, &left)) {
        int64_t key = INT64_MIN;
        enum atls_cbor_type type = atls_cbor_peek(&r);
        if ((type != ATLS_CBOR_UINT && type != ATLS_CBOR_NINT) ||
            atls_cbor_read_int(&r, "claim key", &key))
            result = atls_cbor_skip(&r);
        if (!result)
            result = key == ATLS_CLAIM_CMW ? atls_cbor_read_encoded(&r, &item) : atls_cbor_skip(&r);
    }
    if (!result && !item.data)
        result = atls_fail(ATLS_E_MISSING, CLAIM, "expected the claim cmw (299), there is none");
    return result ? result : atls_cmw_parse_as(ATLS_CBOR, item, cmwp);
}

int atls_cmw_of_jwt(const json_t *claims, struct atls_cmw **cmwp)
{
    const json_t *claim = json_object_get(claims, "cmw");

    if (!claim)
        return atls_fail(ATLS_E_MISSING, CLAIM, "expected the claim \"cmw\", there is none");
    char *text = atls_json_write(claim, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return atls_fail(-ENOMEM, NULL, "no memory for a claim");
    int result = atls_cmw_parse_as(ATLS_JSON, atls_bytes_of_text(text), cmwp);
    free(text);
    return result;
}

int atls_cmw_claim_write(struct atls_cbor_writer *w, const struct atls_cmw *cmw)
{
    uint8_t *encoded;
    size_t size;
    int result = atls_cmw_serialize(cmw, ATLS_CBOR, &encoded, &size);

    if (result)
        return result;
    atls_cbor_write_uint(w, ATLS_CLAIM_CMW);
    atls_cbor_write_encoded(w, ATLS_BYTES(encoded, size));
    free(encoded);
    return 0;
}

int atls_cmw_claim_set(json_t *claims, const struct atls_cmw *cmw)
{
    uint8_t *text;
    size_t size;
    int result = atls_cmw_serialize(cmw, ATLS_JSON, &text, &size);

    if (result)
        return result;
    json_error_t error;
    json_t *claim = atls_json_loadb(ATLS_BYTES(text, size), 0, &error);
    free(text);
    return claim && json_object_set_new(claims, "cmw", claim) == 0
               ? 0
               : atls_fail(-ENOMEM, NULL, "no memory for a claim");
}
