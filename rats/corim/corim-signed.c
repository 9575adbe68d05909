/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed CoRIM (draft-ietf-rats-corim section 4.2): COSE_Sign1 around an unsigned one. Who signed,
 * and for how long, stands in the protected header: as corim-meta (8), as CWT claims (15), or as
 * both, which then must say the same.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/corim/corim-read.h"
#include "rats/corim/corim-shape.h"

#define SIGNED "draft-ietf-rats-corim section 4.2.1"
#define CWT_CLAIMS "draft-ietf-rats-corim section 4.2.2"
#define CONTENT_TYPE "application/rim+cbor"

enum { LABEL_META = 8, LABEL_CWT_CLAIMS = 15 };
enum { META_SIGNER, META_VALIDITY };
enum { SIGNER_NAME };
enum { CWT_ISS = 1, CWT_EXP = 4, CWT_NBF = 5 };

void atls_corim_signed_clear(struct atls_corim_signed *corim)
{
    free(corim->definite);
    free(corim->signer);
    *corim = (struct atls_corim_signed){0};
}

struct origin {   /* what one of the two says of the signer */
    char *signer; /* NULL: this one is not there */
    struct atls_validity validity;
};

static int read_signer(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct origin *origin = context;

    return key == SIGNER_NAME ? atls_corim_read_text(r, "name of signer", &origin->signer)
                              : atls_cbor_skip(r);
}

static int read_meta_member(struct atls_cbor_reader *r, int64_t key, void *context)
{
    struct origin *origin = context;

    return key == META_SIGNER ? atls_corim_read_members(r, "signer", read_signer, origin)
                              : atls_corim_read_validity(r, &origin->validity);
}

static int read_meta(struct atls_cbor_reader *r, void *context)
{
    return atls_corim_read_members(r, "CoRIM meta", read_meta_member, context);
}

/* A text is nobody's here: 0 stands for it. */
static int read_label(struct atls_cbor_reader *r, const char *what, int64_t *labelp)
{
    *labelp = 0;
    return atls_cbor_peek(r) == ATLS_CBOR_TEXT ? atls_cbor_skip(r)
                                               : atls_cbor_read_int(r, what, labelp);
}

static int read_cwt_claim(struct atls_cbor_reader *r, int64_t key, struct origin *origin)
{
    switch (key) {
    case CWT_ISS:
        return atls_corim_read_text(r, "iss (1)", &origin->signer);
    case CWT_EXP:
        return atls_corim_read_seconds(r, true, &origin->validity.not_after);
    case CWT_NBF:
        return atls_corim_read_seconds(r, false, &origin->validity.not_before);
    default:
        return atls_cbor_skip(r);
    }
}

/* CWT claims in a header (RFC 9597): a map as it stands, times without tag. */
static int read_cwt_claims(struct atls_cbor_reader *r, struct origin *origin)
{
    size_t pairs;
    int e = atls_cbor_read_map(r, "CWT claims", &pairs);

    while (!e && pairs--) {
        int64_t key;

        e = read_label(r, "key of CWT claims", &key);
        if (!e)
            e = read_cwt_claim(r, key, origin);
    }
    if (!e && !origin->signer)
        e = atls_fail(ATLS_E_MISSING, CWT_CLAIMS, "CWT claims: iss (1), the signer, is missing");
    return e;
}

static int read_parameter(struct atls_cbor_reader *r, int64_t label, struct origin *meta,
                          struct origin *claims)
{
    struct atls_bytes bytes;
    int e;

    if (label == LABEL_CWT_CLAIMS)
        return read_cwt_claims(r, claims);
    if (label != LABEL_META)
        return atls_cbor_skip(r);
    e = atls_cbor_read_bytes(r, "CoRIM meta (8)", &bytes);
    return e ? e
             : atls_corim_read_wrapped(bytes, &atls_corim_definite, &atls_corim_shape_meta, SIGNED,
                                       read_meta, meta);
}

static int read_header(struct atls_bytes header, struct origin *meta, struct origin *claims)
{
    struct atls_cbor_reader r;
    size_t pairs;
    int e = atls_cbor_open(&r, header, &atls_corim_definite, SIGNED);

    if (!e)
        e = atls_cbor_read_map(&r, "protected header", &pairs);
    while (!e && pairs--) {
        int64_t label;

        e = read_label(&r, "label", &label);
        if (!e)
            e = read_parameter(&r, label, meta, claims);
    }
    return e;
}

static int check_agreement(const struct origin *meta, const struct origin *claims)
{
    if (!meta->signer && !claims->signer)
        return atls_fail(ATLS_E_MISSING, SIGNED,
                         "signed CoRIM: neither corim-meta (8) nor CWT claims (15) in the "
                         "protected header say who signed it");
    if (!meta->signer || !claims->signer)
        return 0;
    if (strcmp(meta->signer, claims->signer) != 0 ||
        meta->validity.not_before != claims->validity.not_before ||
        meta->validity.not_after != claims->validity.not_after)
        return atls_fail(ATLS_E_MALFORMED, CWT_CLAIMS,
                         "signed CoRIM: corim-meta (8) and CWT claims (15) do not say the same of "
                         "the signer");
    return 0;
}

/* Header maps in definite lengths, for this reading alone: the signature is over what came. */
static int read_origin(struct atls_corim_signed *corim)
{
    struct origin meta = {0}, claims = {0};
    uint8_t *definite = NULL;
    size_t size = 0;
    int e = atls_cbor_make_definite(corim->message.protected_header, &atls_cbor_lenient, &definite,
                                    &size);

    if (!e)
        e = read_header(ATLS_BYTES(definite, size), &meta, &claims);
    if (!e)
        e = check_agreement(&meta, &claims);
    if (!e) {
        struct origin *given = meta.signer ? &meta : &claims;

        corim->signer = given->signer;
        corim->validity = given->validity;
        given->signer = NULL;
    }
    free(definite);
    free(meta.signer);
    free(claims.signer);
    return e;
}

bool atls_corim_is_signed(struct atls_bytes in)
{
    static const uint8_t unsigned_corim[] = {0xd9, 0x01, 0xf5}; /* tag 501 */
    struct atls_cose_sign1 message;
    uint8_t *definite;
    size_t size;
    bool is_one;

    if (atls_cbor_make_definite(in, &atls_corim_indefinite, &definite, &size))
        return false;
    is_one = atls_cose_sign1_parse(ATLS_BYTES(definite, size), ATLS_COSE_TAG_REQUIRED, SIGNED,
                                   &message) == 0 &&
             (atls_bytes_is_text(message.content_type, CONTENT_TYPE) ||
              (message.payload.size > sizeof unsigned_corim &&
               memcmp(message.payload.data, unsigned_corim, sizeof unsigned_corim) == 0));
    free(definite);
    return is_one;
}

int atls_corim_signed_parse(struct atls_bytes in, struct atls_corim_signed *corimp)
{
    struct atls_corim_signed corim = {0};
    struct atls_cbor_reader r;
    uint64_t tag = 0;
    size_t size;
    int e = atls_cbor_make_definite(in, &atls_cbor_lenient, &corim.definite, &size);

    if (!e)
        e = atls_cbor_open(&r, ATLS_BYTES(corim.definite, size), &atls_corim_definite, SIGNED);
    if (!e && (atls_cbor_peek(&r) != ATLS_CBOR_TAG || atls_cbor_read_tag(&r, "tag", &tag) ||
               tag != ATLS_TAG_COSE_SIGN1))
        e = atls_fail(ATLS_E_MALFORMED, "draft-ietf-rats-corim section 4.2",
                      "signed CoRIM: expected COSE_Sign1 with tag 18");
    if (!e)
        e = atls_cose_sign1_parse(ATLS_BYTES(corim.definite, size), ATLS_COSE_TAG_REQUIRED, SIGNED,
                                  &corim.message);
    if (!e && !atls_bytes_is_text(corim.message.content_type, CONTENT_TYPE))
        e = atls_fail(ATLS_E_UNSUPPORTED, SIGNED,
                      "signed CoRIM: expected content type (3) %s in the protected header",
                      CONTENT_TYPE);
    if (!e)
        e = read_origin(&corim);
    if (e)
        atls_corim_signed_clear(&corim);
    else
        *corimp = corim;
    return e;
}
