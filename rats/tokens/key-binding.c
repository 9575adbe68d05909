/* SPDX-License-Identifier: Apache-2.0 */
/* Reading key attestation in which the PAT names the KAK; see key-binding.h. */
#include "rats/tokens/key-binding.h"

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/kat.h"

static const struct {
    const char *name;
    unsigned bit;
} attributes[] = {{"extractable", ATLS_KEY_EXTRACTABLE},
                  {"never-extractable", ATLS_KEY_NEVER_EXTRACTABLE},
                  {"sensitive", ATLS_KEY_SENSITIVE},
                  {"local", ATLS_KEY_LOCAL}};

static int read_nonce(struct atls_cbor_reader *r, struct atls_key_binding *binding)
{
    int result = atls_cbor_read_bytes(r, "eat_nonce", &binding->nonce);

    if (!result &&
        (binding->nonce.size < ATLS_EAT_NONCE_MIN || binding->nonce.size > ATLS_EAT_NONCE_MAX))
        result = atls_fail(ATLS_E_MALFORMED, ATLS_KEY_BINDING_CLAUSE,
                           "expected an eat_nonce of %d to %d bytes, came %zu", ATLS_EAT_NONCE_MIN,
                           ATLS_EAT_NONCE_MAX, binding->nonce.size);
    return result;
}

/* A COSE_Key and nothing else (RFC 8747 section 3.1). */
static int read_cnf(struct atls_cbor_reader *r, struct atls_key_binding *binding)
{
    int64_t member;
    size_t left;
    int result = atls_cbor_read_map(r, "cnf", &left);

    if (!result && !atls_cbor_next(r, &left))
        return atls_fail(ATLS_E_MISSING, ATLS_KEY_BINDING_CLAIMS,
                         "expected a COSE_Key (1) in cnf, came nothing");
    if (!result)
        result = atls_cbor_read_int(r, "member of cnf", &member);
    if (!result && member != ATLS_CNF_COSE_KEY)
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_KEY_BINDING_CLAIMS,
                         "expected a COSE_Key (1) in cnf, came member %lld", (long long)member);
    if (!result)
        result = atls_cose_key_read(r, &binding->key);
    if (!result && atls_cbor_next(r, &left))
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_KEY_BINDING_CLAIMS,
                         "expected a COSE_Key (1) in cnf, came more than that");
    return result;
}

static int read_attribute(struct atls_cbor_reader *r, struct atls_key_binding *binding)
{
    struct atls_bytes name;
    bool value;
    int result = atls_cbor_read_text(r, "member of key-attributes", &name);

    for (size_t i = 0; !result && i < sizeof attributes / sizeof *attributes; i++) {
        if (!atls_bytes_is_text(name, attributes[i].name))
            continue;
        result = atls_cbor_read_bool(r, attributes[i].name, &value);
        if (result)
            return result;
        binding->given |= attributes[i].bit;
        binding->attributes |= value ? attributes[i].bit : 0;
        return 0;
    }
    return result ? result : atls_cbor_skip(r);
}

static int read_attributes(struct atls_cbor_reader *r, struct atls_key_binding *binding)
{
    bool any = false;
    size_t left;
    int result = atls_cbor_read_map(r, "key-attributes", &left);

    while (!result && atls_cbor_next(r, &left)) {
        any = true;
        result = read_attribute(r, binding);
    }
    if (!result && !any)
        result = atls_fail(ATLS_E_MISSING, ATLS_KEY_BINDING_CLAIMS,
                           "expected one member of key-attributes at least, came none");
    return result;
}

struct found {
    bool nonce, key, attributes;
};

static int read_claim(struct atls_cbor_reader *r, int64_t label, struct atls_key_binding *binding,
                      struct found *found)
{
    switch (label) {
    case ATLS_CLAIM_EAT_NONCE:
        found->nonce = true;
        return read_nonce(r, binding);
    case ATLS_CLAIM_CNF:
        found->key = true;
        return read_cnf(r, binding);
    case ATLS_CLAIM_KEY_ATTRIBUTES:
        found->attributes = true;
        return read_attributes(r, binding);
    default:
        return atls_cwt_is_time(label) ? atls_cwt_read_time(r, label, &binding->times)
                                       : atls_cbor_skip(r);
    }
}

int atls_key_binding_read(struct atls_bytes payload, struct atls_key_binding *bindingp)
{
    struct atls_key_binding binding = {.given = 0};
    struct found found = {false};
    struct atls_cbor_reader r;
    int64_t label;
    size_t left;
    int result = atls_cbor_open(&r, payload, &atls_cbor_lenient, ATLS_KEY_BINDING_CLAUSE);

    if (!result)
        result = atls_cbor_read_map(&r, "claims", &left);
    while (!result && atls_cbor_next(&r, &left)) {
        result = atls_cwt_read_key(&r, &label);
        if (!result)
            result = read_claim(&r, label, &binding, &found);
    }
    if (result)
        return result;
    if (!found.nonce || !found.key || !found.attributes)
        return atls_fail(ATLS_E_MISSING, ATLS_KEY_BINDING_CLAUSE, "expected %s, came none",
                         !found.nonce ? "eat_nonce (10)"
                         : !found.key ? "cnf (8)"
                                      : "key-attributes");
    *bindingp = binding;
    return 0;
}

static int parse_member(const struct atls_cmw *cmw, const char *label,
                        struct atls_cose_sign1 *tokenp, struct atls_bytes *bytesp,
                        struct atls_key_binding *bindingp)
{
    const struct atls_cmw *member = atls_cmw_find(cmw, label);
    int result;

    if (!member || member->form == ATLS_CMW_COLLECTION)
        return atls_fail(ATLS_E_MISSING, ATLS_KEY_BINDING_CLAUSE,
                         "expected a token \"%s\" in the collection, came none", label);
    if (!atls_cmw_type_is(member, ATLS_MT_EAT_CWT))
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_KEY_BINDING_CLAUSE,
                         "expected " ATLS_MT_EAT_CWT " as \"%s\", came another CMW", label);
    if (member->indicator && !(member->indicator & ATLS_IND_EVIDENCE))
        return atls_fail(ATLS_E_MALFORMED, ATLS_KEY_BINDING_CLAUSE,
                         "\"%s\" says by its indicator (%u) that it is not evidence", label,
                         member->indicator);
    *bytesp = member->value;
    result =
        atls_cose_sign1_parse(member->value, ATLS_COSE_TAG_EITHER, ATLS_KEY_BINDING_CLAUSE, tokenp);
    return result ? result : atls_key_binding_read(tokenp->payload, bindingp);
}

int atls_key_binding_parse(const struct atls_cmw *cmw, struct atls_key_binding_bundle *bundlep)
{
    struct atls_key_binding_bundle bundle;
    int result;

    if (cmw->form != ATLS_CMW_COLLECTION ||
        !atls_bytes_is_text(cmw->collection_type, ATLS_KEY_BINDING_TYPE))
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_KEY_BINDING_CLAUSE,
                         "expected a CMW collection of type " ATLS_KEY_BINDING_TYPE
                         ", came another CMW");
    result = parse_member(cmw, "kat", &bundle.kat, &bundle.kat_bytes, &bundle.of_kat);
    if (!result)
        result = parse_member(cmw, "pat", &bundle.pat, &bundle.pat_bytes, &bundle.of_pat);
    if (result)
        return result;
    if (cmw->entry_count != 2) /* as nothing binds a third one to these (RFC 9999) */
        return atls_fail(ATLS_E_MALFORMED, ATLS_KEY_BINDING_CLAUSE,
                         "expected only \"kat\" and \"pat\", came %zu members", cmw->entry_count);
    *bundlep = bundle;
    return 0;
}

int atls_key_binding_check_signature(const struct atls_key_binding_bundle *bundle,
                                     const struct atls_crypto *crypto)
{
    int result = atls_cose_sign1_verify(&bundle->kat, crypto, &bundle->of_pat.key);

    if (result == ATLS_E_SIGNATURE)
        return atls_fail(result, ATLS_KEY_BINDING_CLAUSE,
                         "the KAT's signature does not verify under the key in the PAT's cnf");
    return result;
}

int atls_key_binding_check_nonces(const struct atls_key_binding_bundle *bundle,
                                  struct atls_bytes nonce)
{
    const struct {
        const char *name;
        struct atls_bytes nonce;
    } tokens[] = {{"PAT", bundle->of_pat.nonce}, {"KAT", bundle->of_kat.nonce}};

    for (size_t i = 0; i < 2; i++)
        if (!atls_bytes_equal_secret(tokens[i].nonce, nonce))
            return atls_fail(ATLS_E_MISMATCH, ATLS_KEY_BINDING_CLAUSE,
                             "the %s's eat_nonce (%zu bytes) is not the challenge (%zu bytes)",
                             tokens[i].name, tokens[i].nonce.size, nonce.size);
    return 0;
}
