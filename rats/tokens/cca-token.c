/* SPDX-License-Identifier: Apache-2.0 */
/* The collection of platform and realm token, what ties them, and Parsec's key attestation. */
#include "rats/tokens/cca.h"

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/cmw/cmw.h"
#include "rats/tokens/cca-claims.h"

static int other_type(void)
{
    return atls_fail(ATLS_E_UNSUPPORTED, ATLS_CCA_CLAUSE_WRAPPER,
                     "CCA token: expected members of content format 263 (" ATLS_MT_EAT_CWT
                     "), came another type");
}

/* [263, bytes], as a CMW record is written. */
static int read_record(struct atls_cbor_reader *r, const char *what, struct atls_bytes *tokenp)
{
    struct atls_bytes type = {0};
    uint64_t format = 0;
    size_t count;
    int result = atls_cbor_read_array(r, what, &count);

    if (!result && count != 2 && count != 3)
        return atls_fail(ATLS_E_MALFORMED, ATLS_CCA_CLAUSE_WRAPPER,
                         "%s: expected [type, bytes], came %zu elements", what, count);
    if (!result && atls_cbor_peek(r) == ATLS_CBOR_TEXT)
        result = atls_cbor_read_text(r, what, &type);
    else if (!result)
        result = atls_cbor_read_uint(r, what, &format);
    if (!result && format != ATLS_CF_EAT_CWT &&
        !atls_media_type_equal(type, atls_bytes_of_text(ATLS_MT_EAT_CWT)))
        result = other_type();
    if (!result)
        result = atls_cbor_read_bytes(r, what, tokenp);
    if (!result && count == 3)
        result = atls_cbor_read_uint(r, "CMW indicator", &format);
    if (!result && count == 3 && format != ATLS_IND_EVIDENCE)
        result = atls_fail(ATLS_E_UNSUPPORTED, "RFC 9999 section 3.1",
                           "%s: expected the indicator of evidence (4), came %llu", what,
                           (unsigned long long)format);
    return result;
}

static int read_member(struct atls_cbor_reader *r, enum atls_cca_tag tag,
                       struct atls_bytes *platform, struct atls_bytes *realm)
{
    int64_t label;
    int result = atls_cbor_read_int(r, "member of a CCA token", &label);

    if (result)
        return result;
    if (label != CCA_PLATFORM_TOKEN && label != CCA_REALM_TOKEN)
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_CCA_CLAUSE_WRAPPER,
                         "CCA token: expected members 44234 and 44241, came %lld: nothing binds it "
                         "to them",
                         (long long)label);
    bool is_platform = label == CCA_PLATFORM_TOKEN;
    const char *what = is_platform ? "CCA platform token" : "CCA realm token";
    return tag == ATLS_CCA_TAG_CMW ? read_record(r, what, is_platform ? platform : realm)
                                   : atls_cbor_read_bytes(r, what, is_platform ? platform : realm);
}

int atls_cca_collection_split(struct atls_bytes in, enum atls_cca_tag *tagp,
                              struct atls_bytes *platformp, struct atls_bytes *realmp)
{
    struct atls_bytes platform = {0}, realm = {0};
    struct atls_cbor_reader r;
    uint64_t tag = 0;
    size_t left = 0;
    int result = atls_cbor_open(&r, in, &atls_psa_rules, ATLS_CCA_CLAUSE_WRAPPER);

    if (!result)
        result = atls_cbor_read_tag(&r, "CCA token", &tag);
    if (!result && tag != ATLS_CCA_TAG_CMW && tag != ATLS_CCA_TAG_COLLECTION)
        result =
            atls_fail(ATLS_E_UNSUPPORTED, ATLS_CCA_CLAUSE_WRAPPER,
                      "CCA token: expected tag 907 or 399, came %llu", (unsigned long long)tag);
    if (!result)
        result = atls_cbor_read_map(&r, "CCA token", &left);
    for (; !result && left > 0; left--)
        result = read_member(&r, (enum atls_cca_tag)tag, &platform, &realm);
    if (!result && (platform.size == 0 || realm.size == 0))
        result = atls_fail(ATLS_E_MISSING, ATLS_CCA_CLAUSE_WRAPPER,
                           "CCA token: expected a %s token (%d), came none",
                           platform.size == 0 ? "platform" : "realm",
                           platform.size == 0 ? CCA_PLATFORM_TOKEN : CCA_REALM_TOKEN);
    if (result)
        return result;
    *tagp = (enum atls_cca_tag)tag;
    *platformp = platform;
    *realmp = realm;
    return 0;
}

static int open_token(struct atls_bytes in, struct atls_cose_sign1 *messagep)
{
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, in, &atls_psa_rules, ATLS_CCA_CLAUSE_ENCODING);

    return result
               ? result
               : atls_cose_sign1_parse(in, ATLS_COSE_TAG_ALONE, ATLS_CCA_CLAUSE_ENCODING, messagep);
}

int atls_cca_token_parse(struct atls_bytes in, struct atls_psa_component *components, size_t count,
                         struct atls_cca_token *tokenp)
{
    struct atls_cca_token token;
    int result =
        atls_cca_collection_split(in, &token.tag, &token.platform_bytes, &token.realm_bytes);

    if (!result)
        result = open_token(token.platform_bytes, &token.platform);
    if (!result)
        result = open_token(token.realm_bytes, &token.realm);
    if (!result)
        result = atls_cca_platform_parse(token.platform.payload, components, count,
                                         &token.platform_claims);
    if (!result)
        result = atls_cca_realm_parse(token.realm.payload, &token.realm_claims);
    if (!result)
        *tokenp = token;
    return result;
}

int atls_cca_check_realm_signature(const struct atls_cca_token *token,
                                   const struct atls_crypto *crypto)
{
    return atls_cose_sign1_verify(&token->realm, crypto, &token->realm_claims.rak);
}

int atls_cca_check_binding(const struct atls_cca_token *token, const struct atls_crypto *crypto)
{
    const struct atls_cca_realm *realm = &token->realm_claims;
    uint8_t hash[ATLS_HASH_MAX];
    int result = crypto->hash(realm->rak_hash, &realm->rak_encoded, 1, hash);

    return result ? result
                  : atls_bytes_expect(ATLS_CCA_CLAUSE_BINDING,
                                      "CCA platform challenge, the hash of the realm's key",
                                      ATLS_BYTES(hash, atls_hash_size(realm->rak_hash)),
                                      token->platform_claims.challenge);
}

static int read_cnf(struct atls_cbor_reader *r, struct atls_public_key *keyp)
{
    size_t members;
    int64_t member = 0;
    int result = atls_cbor_read_map(r, "cnf of KAT", &members);

    if (!result && members != 1)
        return atls_fail(ATLS_E_MALFORMED, "RFC 8747 section 3.1",
                         "cnf of KAT: expected one member, came %zu", members);
    if (!result)
        result = atls_cbor_read_int(r, "cnf of KAT", &member);
    if (!result && member != ATLS_CNF_COSE_KEY)
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 8747 section 3.1",
                         "cnf of KAT: expected a COSE_Key (1), came %lld", (long long)member);
    return result ? result : atls_cose_key_read(r, keyp);
}

static int read_kat_claim(struct atls_cbor_reader *r, int64_t key, struct atls_parsec_cca *evidence,
                          bool *has_keyp)
{
    if (key == ATLS_CLAIM_EAT_NONCE)
        return atls_cbor_read_bytes(r, "nonce of KAT", &evidence->nonce);
    if (key != ATLS_CLAIM_CNF)
        return atls_cbor_skip(r);
    *has_keyp = true;
    return read_cnf(r, &evidence->key);
}

static int read_kat(struct atls_bytes in, struct atls_parsec_cca *evidence)
{
    bool has_key = false;
    struct atls_cbor_reader r;
    uint64_t tag = 0;
    size_t left = 0;
    int result = atls_cbor_open(&r, in, &atls_psa_rules, ATLS_PARSEC_CCA_CLAUSE);

    if (!result)
        result = atls_cbor_read_tag(&r, "KAT (UCCS)", &tag);
    if (!result && tag != PARSEC_TAG_UCCS)
        return atls_fail(ATLS_E_MALFORMED, "RFC 9781 section 2",
                         "KAT: expected tag 601, a claims set that nobody signed, came %llu",
                         (unsigned long long)tag);
    if (!result)
        result = atls_cbor_read_map(&r, "KAT", &left);
    for (; !result && left > 0; left--) {
        int64_t key;

        result = atls_cwt_read_key(&r, &key);
        if (!result)
            result = read_kat_claim(&r, key, evidence, &has_key);
    }
    if (result)
        return result;
    if (!evidence->nonce.data || !has_key)
        return atls_fail(ATLS_E_MISSING, ATLS_PARSEC_CCA_CLAUSE,
                         "KAT: expected claim %d, came none",
                         has_key ? ATLS_CLAIM_EAT_NONCE : ATLS_CLAIM_CNF);
    if (evidence->nonce.size < ATLS_EAT_NONCE_MIN || evidence->nonce.size > ATLS_EAT_NONCE_MAX)
        return atls_fail(ATLS_E_MALFORMED, "RFC 9711 section 4.1",
                         "nonce of KAT: expected %d to %d bytes, came %zu", ATLS_EAT_NONCE_MIN,
                         ATLS_EAT_NONCE_MAX, evidence->nonce.size);
    return 0;
}

int atls_parsec_cca_split(struct atls_bytes in, struct atls_bytes *katp, struct atls_bytes *patp)
{
    struct atls_bytes name, kat = {0}, pat = {0};
    struct atls_cbor_reader r;
    size_t left = 0;
    int result = atls_cbor_open(&r, in, &atls_psa_rules, ATLS_PARSEC_CCA_CLAUSE);

    if (!result)
        result = atls_cbor_read_map(&r, "Parsec evidence", &left);
    for (; !result && left > 0; left--) {
        result = atls_cbor_read_text(&r, "member of Parsec evidence", &name);
        if (!result && atls_bytes_is_text(name, "kat"))
            result = atls_cbor_read_encoded(&r, &kat);
        else if (!result && atls_bytes_is_text(name, "pat"))
            result = atls_cbor_read_encoded(&r, &pat);
        else if (!result)
            result = atls_fail(ATLS_E_UNSUPPORTED, ATLS_PARSEC_CCA_CLAUSE,
                               "Parsec evidence: expected kat and pat, came \"%.*s\": nothing "
                               "binds it to them",
                               (int)(name.size < 40 ? name.size : 40), (const char *)name.data);
    }
    if (!result && (kat.size == 0 || pat.size == 0))
        result =
            atls_fail(ATLS_E_MISSING, ATLS_PARSEC_CCA_CLAUSE,
                      "Parsec evidence: expected a %s, came none", kat.size == 0 ? "kat" : "pat");
    if (result)
        return result;
    *katp = kat;
    *patp = pat;
    return 0;
}

int atls_parsec_cca_parse(struct atls_bytes in, struct atls_psa_component *components, size_t count,
                          struct atls_parsec_cca *evidencep)
{
    struct atls_parsec_cca evidence = {0};
    int result = atls_parsec_cca_split(in, &evidence.kat, &evidence.pat);

    if (!result)
        result = read_kat(evidence.kat, &evidence);
    if (!result)
        result = atls_cca_token_parse(evidence.pat, components, count, &evidence.token);
    if (!result)
        *evidencep = evidence;
    return result;
}

int atls_parsec_cca_check_kat(const struct atls_parsec_cca *evidence,
                              const struct atls_crypto *crypto)
{
    uint8_t hash[ATLS_HASH_MAX];
    int result = crypto->hash(ATLS_SHA512, &evidence->kat, 1, hash);

    return result ? result
                  : atls_bytes_expect(ATLS_PARSEC_CCA_CLAUSE,
                                      "realm challenge, the SHA-512 of the KAT",
                                      ATLS_BYTES(hash, ATLS_CCA_CHALLENGE_SIZE),
                                      evidence->token.realm_claims.challenge);
}
