/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle of the prototype of 2022 on Mbed TLS: KAT and PAT in a frame of its own, which is no
 * CMW though it is posted as one.
 */
#include <string.h>

#include "formats/key-attestation.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/prototype.h"

#define FRAME 3    /* version and length of the KAT */
#define TAG18 0xd2 /* COSE_Sign1; the prototype itself puts tag 61 (CWT) around it */
#define TAG61 0xd8, 0x3d

static int make(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **bundlep, size_t *sizep)
{
    return source->ops->attest_key_of_2022(source, challenge, bundlep, sizep);
}

static bool is_bundle(struct atls_bytes in)
{
    return in.size > 0 && in.data[0] == ATLS_PROTOTYPE_VERSION; /* with which no CMW begins */
}

static int read_bundle(const struct atls_evidence_message *message,
                       struct atls_evidence_read *readp, const char **reasonp)
{
    struct atls_key_attestation_pat said;
    struct atls_bytes kat, pat;
    struct atls_cbor_reader payload;
    struct atls_cab cab;
    int result = atls_prototype_bundle_split(message->value, &kat, &pat);

    if (result)
        return atls_evidence_refuse(result, "malformed-cmw", reasonp);
    /* The linkage hashes a point, which has one encoding: that of the KAT need not be strict. */
    result = atls_evidence_read_token(kat, false, ATLS_COSE_TAG_REQUIRED, &payload, reasonp);
    if (!result)
        result = atls_evidence_read_token(pat, false, ATLS_COSE_TAG_REQUIRED, &payload, reasonp);
    if (!result)
        result = atls_key_attestation_read_pat(payload, &said, reasonp);
    if (result)
        return result;
    result = atls_prototype_bundle_parse(message->value, &cab);
    if (result)
        return atls_evidence_refuse(result, "malformed-claims", reasonp);
    return atls_key_attestation_keep(&cab, &said, readp, reasonp);
}

/* Broken itself, or one of its tokens. The error stays what it was. */
static const char *word_for(struct atls_bytes bundle)
{
    struct atls_bytes kat, pat;
    const char *word;
    struct atls_error kept;

    atls_error_keep(&kept);
    int result = atls_prototype_bundle_split(bundle, &kat, &pat);
    if (result) {
        word = result < 0 ? ATLS_NO_WORD : "malformed-cmw";
    } else {
        word = atls_judge_malformed(kat, ATLS_COSE_TAG_REQUIRED, &atls_cbor_lenient);
        if (!word)
            word = atls_judge_malformed(pat, ATLS_COSE_TAG_REQUIRED, &atls_cbor_lenient);
        if (!word)
            word = "malformed-claims";
    }
    atls_error_restore(&kept);
    return word;
}

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    struct atls_cab cab;
    int result = atls_prototype_bundle_parse(message->value, &cab);

    return result ? atls_judge_fail(judge, result, word_for(message->value))
                  : atls_key_attestation_appraise(judge, &cab);
}

static int signed_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    struct atls_cab cab;
    int result = atls_prototype_bundle_parse(message->value, &cab);

    if (result)
        return result;
    partsp[0] = cab.kat.payload;
    partsp[1] = cab.pat.payload;
    return 0;
}

static bool looks_like_bundle(struct atls_bytes in)
{
    static const uint8_t in_a_cwt[] = {TAG61, TAG18};

    if (in.size < FRAME + sizeof in_a_cwt || !is_bundle(in))
        return false;
    return in.data[FRAME] == TAG18 || memcmp(in.data + FRAME, in_a_cwt, sizeof in_a_cwt) == 0;
}

static void print(struct atls_printer *printer, struct atls_bytes in)
{
    const struct atls_kat_dialect *was = printer->kat;
    bool was_inside = printer->inside;
    struct atls_bytes kat, pat;
    struct atls_cab cab;
    int result = atls_prototype_bundle_split(in, &kat, &pat);

    if (result) {
        printer->ops->problem(printer, result);
        printer->ops->bytes(printer, NULL, in);
        return;
    }
    printer->inside = true;
    printer->kat = &atls_kat_of_2022;
    atls_print_line(printer, "version", "%u", in.data[0]);
    printer->ops->message(printer, "KAT", kat);
    printer->ops->message(printer, "PAT", pat);
    result = atls_prototype_bundle_parse(in, &cab);
    if (result) {
        printer->ops->problem(printer, result);
    } else {
        atls_key_attestation_print_linkage(printer, &cab);
        if (atls_prototype_nonce_is(cab.kat_claims.nonce))
            atls_print_finding(printer, "defect",
                               "the KAT answers the nonce that the prototype's server sends in "
                               "every connection: it may be of any age");
    }
    printer->inside = was_inside;
    printer->kat = was;
}

static const char *const media_types[] = {ATLS_MT_CMW, NULL};
static const struct atls_evidence_submod submods[] = {{"PSA_KAT_PROTOTYPE", ATLS_PSA_CLAIMS}};
static const struct atls_evidence_print printed = {
    .word = "kat-prototype",
    .what = "KAT and PAT of the prototype of 2022 (Mbed TLS)",
    .fits = looks_like_bundle,
    .print = print,
};

const struct atls_constant_nonce atls_constant_nonce_of_2022 = {
    .nonce = {atls_prototype_nonce, ATLS_PROTOTYPE_NONCE_SIZE},
    .defect = "the nonce is the one that the prototype of 2022 sends in every connection: evidence "
              "over it can be replayed at any time",
    .refusal = "the evidence answers 0001020304050607, the nonce that the prototype's server sends "
               "in every connection: it may be of any age",
    .clause = ATLS_PROTOTYPE_CLAUSE,
};

const struct atls_evidence_format atls_format_prototype = {
    .name = "prototype",
    .what = "the prototype's bundle",
    .wrapping = ATLS_NO_CMW,
    .content_format = -1,
    .media_types = media_types,
    .is = is_bundle,
    .key_in = "KAT",
    .key_clause = "KAT-06 section 4",
    .make = make,
    .read = read_bundle,
    .check = atls_key_attestation_check,
    .recognize = atls_key_attestation_recognize,
    .submods = submods,
    .submod_count = 1,
    .appraise = appraise,
    .signed_parts = signed_parts,
    .print = &printed,
};
