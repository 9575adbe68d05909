/* SPDX-License-Identifier: Apache-2.0 */
/* COSE_Sign1 and the claims in it: KAT, PSA token, any other. The tree, then what can be checked.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/corim/corim.h"
#include "rats/ear/ear-labels.h"
#include "rats/tokens/kat.h"

bool atls_diag_is_map(struct atls_bytes in)
{
    struct atls_cbor_reader r;

    return in.size > 0 && atls_cbor_open(&r, in, &atls_cbor_lenient, NULL) == 0 &&
           atls_cbor_peek(&r) == ATLS_CBOR_MAP;
}

static bool is_shown_as_text(struct atls_bytes in)
{
    for (size_t i = 0; i < in.size; i++)
        if (in.data[i] < 0x20 && !isspace(in.data[i]))
            return false;
    return in.size > 0 && atls_bytes_is_utf8(in);
}

/* A map with the keys of a token is one, even where it breaks off: then that is to be seen. */
void atls_diag_payload(struct atls_diag *d, const char *label, struct atls_bytes content)
{
    char extended[ATLS_DIAG_LABEL + 32];

    if (atls_diag_token_of(content) || atls_diag_is_map(content)) {
        snprintf(extended, sizeof extended, "%s <%zu bytes>", label ? label : "payload",
                 content.size);
        atls_diag_cbor(d, content, extended, &atls_diag_claims);
    } else if (!atls_diag_guess(d, label, content)) {
        if (is_shown_as_text(content))
            atls_diag_text(d, label, content);
        else
            atls_diag_bytes(d, label, content);
    }
}

struct cose_signature {
    const struct atls_crypto *crypto;
    const struct atls_cose_sign1 *message;
};

static int verify_cose(const void *context, const struct atls_public_key *key)
{
    const struct cose_signature *signature = context;

    return atls_cose_sign1_verify(signature->message, signature->crypto, key);
}

void atls_diag_signature(struct atls_diag *d, const char *what,
                         const struct atls_cose_sign1 *message)
{
    const struct cose_signature signature = {d->keys.crypto, message};

    atls_diag_signature_by(d, what, "RFC 9052 section 4.4", verify_cose, &signature);
}

void atls_diag_signature_by(struct atls_diag *d, const char *what, const char *clause,
                            int (*verify)(const void *context, const struct atls_public_key *key),
                            const void *context)
{
    char name[ATLS_DIAG_KEY_NAME];

    if (!d->keys.key_count) {
        atls_diag_finding(d, "not checked", "signature of %s: no key given", what);
        return;
    }
    for (size_t i = 0; i < d->keys.key_count; i++) {
        if (verify(context, &d->keys.keys[i]))
            continue;
        atls_diag_check(d, 0, "signature of %s verifies with key %zu, %s", what, i + 1,
                        atls_diag_key_name(d, &d->keys.keys[i], name));
        return;
    }
    atls_diag_check(d,
                    atls_fail(ATLS_E_SIGNATURE, clause,
                              "it does not verify with any of the %zu keys given",
                              d->keys.key_count),
                    "signature of %s", what);
}

void atls_diag_signature_of_verifier(struct atls_diag *d, const char *what, int result)
{
    char reason[ATLS_DIAG_REASON];

    if (result == ATLS_E_UNSUPPORTED)
        atls_diag_finding(d, "not checked", "signature of %s: %s", what, atls_diag_reason(reason));
    else
        atls_diag_check(d, result, "signature of %s%s", what,
                        result ? "" : " verifies with the verifier's key");
}

void atls_diag_nonce(struct atls_diag *d, const char *what, struct atls_bytes nonce)
{
    char *expected, *came;
    int result = 0;

    if (!d->keys.nonce.size)
        return;
    expected = atls_hex_encode(d->keys.nonce);
    came = atls_hex_encode(nonce);
    if (!expected || !came || !atls_bytes_equal(nonce, d->keys.nonce))
        result = atls_fail(ATLS_E_MISMATCH, "RFC 9711 section 4.1", "expected %s, came %s",
                           expected ? expected : "?", came ? came : "?");
    atls_diag_check(d, result, "nonce of %s%s", what, result ? "" : " is the expected one");
    free(expected);
    free(came);
}

/* The claims of a token whose key they do not say, if such are in it. Returns what it is then. */
static const char *check_claims(struct atls_diag *d, struct atls_bytes payload, const char *what)
{
    const struct atls_evidence_token *token = atls_diag_token_of(payload);
    struct atls_bytes nonce;

    if (token && token->check_claims) {
        token->check_claims(&d->printer, payload);
        what = d->printer.inside ? token->name_inside : token->name;
    } else if (!d->printer.inside && atls_diag_is_map(payload) &&
               !atls_pat_nonce(payload, &nonce)) {
        atls_diag_nonce(d, what, nonce);
    }
    if (atls_diag_is_map(payload))
        atls_diag_cmw_claim(d, payload);
    return what;
}

/* A signature that nobody here can check is no fault of the message. */
static void check_signature(struct atls_diag *d, const char *what,
                            const struct atls_cose_sign1 *message)
{
    char reason[ATLS_DIAG_REASON];
    int result = atls_cose_sign1_check(message, NULL);

    if (result == ATLS_E_UNSUPPORTED) {
        const char *name = message->algorithm.is_text
                               ? NULL
                               : atls_diag_name_of(atls_diag_algs, message->algorithm.number);

        atls_diag_finding(d, "not checked", "signature of %s%s%s: %s", what, name ? " by " : "",
                          name ? name : "", atls_diag_reason(reason));
    } else if (result) {
        atls_diag_problem(d, result);
    } else {
        atls_diag_signature(d, what, message);
    }
}

/* What could not be read for want of support is said, and is no fault. */
static bool read_message(struct atls_diag *d, struct atls_bytes in, unsigned tag,
                         struct atls_cose_sign1 *messagep)
{
    char reason[ATLS_DIAG_REASON];
    int result = atls_cose_read(in, tag, ATLS_COSE_TAG_EITHER, NULL, messagep);

    if (result == ATLS_E_UNSUPPORTED)
        atls_diag_finding(d, "not checked", "COSE: %s", atls_diag_reason(reason));
    else if (result)
        atls_diag_problem(d, result);
    return result == 0;
}

void atls_diag_cbor_ear_claims(struct atls_diag *d, struct atls_bytes in)
{
    json_t *claims;
    int result = atls_ear_claims_of_cbor(in, &claims);

    if (result) {
        atls_diag_check(d, result, "EAR claims");
        return;
    }
    atls_diag_ear_claims(d, claims);
    json_decref(claims);
}

/* With the verifier's key, or else with any key given. */
static void check_result(struct atls_diag *d, const struct atls_cose_sign1 *message)
{
    const struct atls_ear_token token = {.serialization = ATLS_EAR_CWT, .message = *message};

    if (d->keys.verifier_jwk)
        atls_diag_signature_of_verifier(d, "CWT",
                                        atls_ear_token_verify(&token, d->keys.verifier_jwk));
    else
        check_signature(d, "CWT", message);
    atls_diag_cbor_ear_claims(d, message->payload);
}

void atls_diag_cose(struct atls_diag *d, struct atls_bytes in)
{
    const char *what = d->printer.inside ? "PAT" : "COSE_Sign1";
    const struct atls_evidence_token *token;
    struct atls_cose_sign1 message;

    if (atls_diag_cbor(d, in, NULL, &atls_diag_cose_sign1) ||
        !read_message(d, in, ATLS_TAG_COSE_SIGN1, &message))
        return;
    token = atls_diag_token_of(message.payload);
    if (!d->printer.inside && atls_diag_is_cbor_ear(message.payload))
        check_result(d, &message);
    else if (token && token->check && !atls_cose_sign1_check(&message, NULL))
        token->check(&d->printer, &message);
    else
        check_signature(d, check_claims(d, message.payload, what), &message);
}

/* RFC 9783 section 5.2: a PSA token may be a COSE_Mac0 under a key that both sides have. */
void atls_diag_cose_mac0(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_cose_sign1 message;
    const char *name, *what;

    if (atls_diag_cbor(d, in, NULL, &atls_diag_cose_mac0_shape) ||
        !read_message(d, in, ATLS_TAG_COSE_MAC0, &message))
        return;
    what = check_claims(d, message.payload, "COSE_Mac0");
    name = message.algorithm.is_text ? NULL
                                     : atls_diag_name_of(atls_diag_algs, message.algorithm.number);
    atls_diag_finding(d, "not checked", "MAC of %s%s%s: no symmetric keys are taken", what,
                      name ? " by " : "", name ? name : "");
}

void atls_diag_cose_sign(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_bytes payload;
    size_t count;
    int result;

    if (atls_diag_cbor(d, in, NULL, &atls_diag_cose_sign_shape))
        return;
    result = atls_cose_read_sign(in, &payload, &count);
    if (result) {
        atls_diag_problem(d, result);
        return;
    }
    check_claims(d, payload, "COSE_Sign");
    atls_diag_finding(d, "not checked", "%zu signature%s of COSE_Sign: COSE_Sign1 alone is checked",
                      count, count == 1 ? "" : "s");
}

/* The tree shows the CoRIM inside; here what its signature says of it. */
void atls_diag_corim_signed(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_corim_signed corim;
    struct atls_cose_sign1 message;
    char reason[ATLS_DIAG_REASON];
    int result;

    if (atls_diag_cbor(d, in, NULL, &atls_diag_cose_sign1) ||
        !read_message(d, in, ATLS_TAG_COSE_SIGN1, &message))
        return;
    result = atls_corim_signed_parse(in, &corim);
    if (result == ATLS_E_UNSUPPORTED)
        atls_diag_finding(d, "not checked", "signed CoRIM: %s", atls_diag_reason(reason));
    else
        atls_diag_check(d, result, "signed CoRIM%s%s", result ? "" : " of ",
                        result ? "" : corim.signer);
    if (result == 0)
        atls_corim_signed_clear(&corim);
    check_signature(d, "signed CoRIM", &message);
}
