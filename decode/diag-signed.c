/* SPDX-License-Identifier: Apache-2.0 */
/* Signed CMW, and the claim cmw of CBOR claims: what they say they hold, the CMW, the signature. */
#include <stdlib.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cmw/cmw-signed.h"
#include "rats/json/json.h"

bool atls_diag_is_cmw_cose(struct atls_bytes in)
{
    struct atls_cose_sign1 message;

    return atls_cose_sign1_parse(in, ATLS_COSE_TAG_EITHER, NULL, &message) == 0 &&
           (message.content_format == ATLS_CF_CMW_CBOR ||
            atls_bytes_is_text(message.content_type, ATLS_MT_CMW_CBOR));
}

/* The protected header, as far as it can be had, or NULL. */
static json_t *header_of(struct atls_bytes in)
{
    struct atls_bytes text = atls_text_trim(in), part = text;
    json_t *object = NULL, *header = NULL;
    uint8_t *decoded;
    size_t size;

    if (text.size > 0 && text.data[0] == '{') {
        object = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, NULL);
        part = atls_json_bytes(json_object_get(object, "protected"));
    } else if (text.size > 0) {
        const uint8_t *dot = memchr(text.data, '.', text.size);
        part.size = dot ? (size_t)(dot - text.data) : 0;
    }
    if (part.size > 0 && atls_base64_decode(ATLS_BASE64URL, part, &decoded, &size) == 0) {
        header = json_loadb((const char *)decoded, size, JSON_ALLOW_NUL, NULL);
        free(decoded);
    }
    json_decref(object);
    return header;
}

bool atls_diag_is_cmw_jws(struct atls_bytes in)
{
    json_t *header = header_of(in);
    bool is = atls_json_is(json_object_get(header, "cty"), ATLS_MT_CMW_JSON);

    json_decref(header);
    return is;
}

static void check_signature(struct atls_diag *d, const struct atls_cmw_signed *message)
{
    char name[ATLS_DIAG_KEY_NAME];

    if (!d->keys.key_count) {
        atls_diag_finding(d, "not checked", "signature of the CMW: no key given");
        return;
    }
    for (size_t i = 0; i < d->keys.key_count; i++) {
        if (atls_cmw_signed_verify(message, &d->keys.keys[i]))
            continue;
        atls_diag_check(d, 0, "signature of the CMW verifies with key %zu, %s", i + 1,
                        atls_diag_key_name(d, &d->keys.keys[i], name));
        return;
    }
    atls_diag_check(d,
                    atls_fail(ATLS_E_SIGNATURE, "RFC 9999 section 4",
                              "it does not verify with any of the %zu keys given",
                              d->keys.key_count),
                    "signature of the CMW");
}

void atls_diag_cmw_cose(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_cmw_signed message;
    int result = atls_cmw_cose_parse(in, &message);

    if (result) {
        atls_diag_problem(d, result);
        atls_diag_cbor(d, in, NULL, &atls_diag_cose_sign1);
        return;
    }
    atls_diag_line(d, "alg", "%d", message.cose.alg);
    atls_diag_line(d, "content type", ATLS_MT_CMW_CBOR);
    atls_diag_message(d, "payload", message.cose.payload);
    atls_diag_bytes(d, "signature", message.cose.signature);
    check_signature(d, &message);
    atls_cmw_signed_clear(&message);
}

void atls_diag_cmw_jws(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_cmw_signed message;
    uint8_t *payload;
    size_t size;
    int result = atls_cmw_jws_parse(in, &message);

    if (result) {
        atls_diag_problem(d, result);
        return;
    }
    atls_diag_json(d, "header", message.jws.header);
    if (json_object_get(message.flattened, "header"))
        atls_diag_json(d, "unprotected header", json_object_get(message.flattened, "header"));
    result = atls_base64_decode(ATLS_BASE64URL, message.jws.payload_part, &payload, &size);
    if (result == 0) {
        atls_diag_message(d, "payload", ATLS_BYTES(payload, size));
        free(payload);
    }
    check_signature(d, &message);
    atls_cmw_signed_clear(&message);
}

void atls_diag_cmw_claim(struct atls_diag *d, struct atls_bytes claims)
{
    struct atls_cmw *cmw;
    int result = atls_cmw_of_cwt(claims, &cmw);

    if (result == ATLS_E_MISSING)
        return;
    atls_diag_check(d, result, "claim cmw (299)%s", result ? "" : " is a CMW in CBOR");
    if (result == 0)
        atls_cmw_free(cmw);
}

void atls_diag_json_cmw_claim(struct atls_diag *d, const json_t *claims)
{
    struct atls_cmw *cmw;
    int result = atls_cmw_of_jwt(claims, &cmw);

    if (result == ATLS_E_MISSING)
        return;
    atls_diag_check(d, result, "claim cmw%s", result ? "" : " is a CMW in JSON");
    if (result == 0)
        atls_cmw_free(cmw);
}
