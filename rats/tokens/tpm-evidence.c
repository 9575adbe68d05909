/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two maps that Parsec packs a TPM's attestations in, written and read, and what of them can be
 * checked without the attestation key. Parsec's document says which members there are and leaves
 * the rest open; what is taken here is said in tpm.h.
 */
#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/tpm.h"

#define UEID_CLAUSE "RFC 9711 section 4.2.1"

static void write_member(struct atls_cbor_writer *w, const char *name, struct atls_bytes value)
{
    atls_cbor_write_text(w, name);
    atls_cbor_write_bytes(w, value);
}

static void write_version(struct atls_cbor_writer *w)
{
    atls_cbor_write_text(w, "tpmVer");
    atls_cbor_write_text(w, ATLS_TPM_VERSION);
}

void atls_tpm_kat_write(struct atls_cbor_writer *w, const struct atls_tpm_kat *kat)
{
    atls_cbor_write_map(w, 5);
    write_member(w, "kid", kat->kid);
    write_member(w, "sig", kat->sig);
    write_version(w);
    write_member(w, "pubArea", kat->pub_area);
    write_member(w, "certInfo", kat->cert_info);
}

void atls_tpm_evidence_write(struct atls_cbor_writer *w, struct atls_bytes kat_encoded,
                             const struct atls_tpm_pat *pat)
{
    atls_cbor_write_map(w, 2);
    atls_cbor_write_text(w, "kat");
    atls_cbor_write_encoded(w, kat_encoded);
    atls_cbor_write_text(w, "pat");
    atls_cbor_write_map(w, 4);
    write_member(w, "kid", pat->kid);
    write_member(w, "sig", pat->sig);
    write_version(w);
    write_member(w, "attestInfo", pat->attest_info);
}

int atls_tpm_kid(const struct atls_crypto *crypto, const struct atls_public_key *ak,
                 uint8_t kidp[ATLS_TPM_KID_SIZE])
{
    return atls_ueid_of_key(crypto, ak, kidp);
}

int atls_tpm_linkage(const struct atls_crypto *crypto, struct atls_bytes kat_encoded,
                     uint8_t linkagep[ATLS_TPM_LINKAGE_SIZE])
{
    return crypto->hash(ATLS_SHA256, &kat_encoded, 1, linkagep);
}

/* One of a map's members; a NULL name ends their list. */
struct member {
    const char *name;
    struct atls_bytes *valuep;   /* a byte string; or NULL */
    struct atls_bytes *encodedp; /* as encoded, whatever it is; or NULL: the version */
    bool seen;
};

static struct member *find_member(struct member *members, struct atls_bytes name)
{
    while (members->name && !atls_bytes_is_text(name, members->name))
        members++;
    return members;
}

static int read_version(struct atls_cbor_reader *r)
{
    struct atls_bytes version;
    int result = atls_cbor_read_text(r, "tpmVer", &version);

    if (!result && !atls_bytes_is_text(version, ATLS_TPM_VERSION))
        result = atls_fail(ATLS_E_UNSUPPORTED, r->clause,
                           "tpmVer: expected \"" ATLS_TPM_VERSION "\", came \"%.*s\"",
                           version.size < 32 ? (int)version.size : 32, (const char *)version.data);
    return result;
}

/* Exactly these members, once each. */
static int read_members(struct atls_cbor_reader *r, const char *what, struct member *members)
{
    size_t left;
    int result = atls_cbor_read_map(r, what, &left);

    while (!result && left--) {
        struct atls_bytes name = {0};
        struct member *member;

        result = atls_cbor_read_text(r, "name of a member", &name);
        if (result)
            return result;
        member = find_member(members, name);
        if (!member->name)
            return atls_fail(ATLS_E_UNSUPPORTED, r->clause,
                             "%s: a member \"%.*s\" is not known, and nothing says what it adds",
                             what, name.size < 32 ? (int)name.size : 32, (const char *)name.data);
        member->seen = true;
        result = member->valuep     ? atls_cbor_read_bytes(r, member->name, member->valuep)
                 : member->encodedp ? atls_cbor_read_encoded(r, member->encodedp)
                                    : read_version(r);
    }
    for (; !result && members->name; members++) {
        if (!members->seen)
            result = atls_fail(ATLS_E_MISSING, r->clause, "%s: expected a member \"%s\", came none",
                               what, members->name);
    }
    return result;
}

/* Type and size of a UEID: RAND of 16, 24 or 32 bytes, an EUI, an IMEI. */
static int check_kid(struct atls_bytes kid, const char *what)
{
    static const struct {
        uint8_t type;
        size_t size;
    } kinds[] = {{1, 17}, {1, 25}, {1, 33}, {2, 7}, {2, 9}, {3, 15}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kid.size == kinds[i].size && kid.data[0] == kinds[i].type)
            return 0;
    return atls_fail(ATLS_E_MALFORMED, UEID_CLAUSE,
                     "%s: expected a UEID (01 and 16, 24 or 32 bytes, ...), came %zu bytes%s", what,
                     kid.size, kid.size ? " of another type or size" : "");
}

/* A map inside, as a message of its own. */
static int read_map(struct atls_bytes encoded, const char *what, struct member *members)
{
    struct atls_cbor_reader r;
    int result = atls_cbor_open(&r, encoded, &atls_cbor_strict, ATLS_TPM_CLAUSE_EVIDENCE);

    return result ? result : read_members(&r, what, members);
}

int atls_tpm_evidence_split(struct atls_bytes in, struct atls_tpm_evidence *evidencep)
{
    struct atls_tpm_evidence e = {0};
    struct atls_bytes pat_encoded;
    struct member both[] = {{.name = "kat", .encodedp = &e.kat_encoded},
                            {.name = "pat", .encodedp = &pat_encoded},
                            {0}};
    struct member kat[] = {{.name = "kid", .valuep = &e.kat.kid},
                           {.name = "sig", .valuep = &e.kat.sig},
                           {.name = "tpmVer"},
                           {.name = "pubArea", .valuep = &e.kat.pub_area},
                           {.name = "certInfo", .valuep = &e.kat.cert_info},
                           {0}};
    struct member pat[] = {{.name = "kid", .valuep = &e.pat.kid},
                           {.name = "sig", .valuep = &e.pat.sig},
                           {.name = "tpmVer"},
                           {.name = "attestInfo", .valuep = &e.pat.attest_info},
                           {0}};
    int result = read_map(in, "evidence of a TPM", both);

    result = result ? result : read_map(e.kat_encoded, "kat", kat);
    result = result ? result : read_map(pat_encoded, "pat", pat);
    result = result ? result : check_kid(e.kat.kid, "kid of kat");
    result = result ? result : check_kid(e.pat.kid, "kid of pat");
    if (!result)
        *evidencep = e;
    return result;
}

static int expect_type(const struct atls_tpm_attest *attest, enum atls_tpm_attest_type type,
                       const char *what)
{
    if (attest->type == type)
        return 0;
    return atls_fail(ATLS_E_MALFORMED, ATLS_TPM_CLAUSE_ATTEST, "%s: expected %s, came 0x%04x", what,
                     type == ATLS_TPM_CERTIFY ? "a certification (0x8017)" : "a quote (0x8018)",
                     attest->type);
}

/* A name, not a handle: it alone says which key it is. */
static int expect_name(struct atls_bytes name, const char *what)
{
    if (name.size > 4)
        return 0;
    return atls_fail(ATLS_E_MALFORMED, ATLS_TPM_CLAUSE_NAME,
                     "%s: expected nameAlg and a hash, came %zu bytes", what, name.size);
}

static int check_quote(const struct atls_tpm_attest *quote,
                       const struct atls_tpm_signature *signature)
{
    enum atls_hash hash;
    int result;

    if (quote->bank_count != 1)
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_TPM_CLAUSE_SELECTION,
                         "quote: expected PCRs of one bank, came %zu", quote->bank_count);
    result = atls_tpm_hash_of(quote->banks[0].alg, "PCR bank", ATLS_TPM_CLAUSE_SELECTION, &hash);
    if (result)
        return result;
    if (!quote->banks[0].pcrs)
        return atls_fail(ATLS_E_MALFORMED, ATLS_TPM_CLAUSE_SELECTION,
                         "quote: expected some PCR, came none: it says nothing of the platform");
    if (hash != signature->hash)
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_TPM_CLAUSE_QUOTE,
                         "quote: expected a signature with the hash of its PCRs (%s), came another",
                         atls_tpm_hash_name(quote->banks[0].alg));
    if (quote->pcr_digest.size != atls_hash_size(hash))
        return atls_fail(ATLS_E_MALFORMED, ATLS_TPM_CLAUSE_QUOTE,
                         "pcrDigest: expected %zu bytes, came %zu", atls_hash_size(hash),
                         quote->pcr_digest.size);
    return 0;
}

int atls_tpm_evidence_parse(struct atls_bytes in, struct atls_tpm_evidence *evidencep)
{
    struct atls_tpm_evidence e = {0};
    int result = atls_tpm_evidence_split(in, &e);

    result = result ? result : atls_tpm_public_parse(e.kat.pub_area, &e.key);
    result = result ? result : atls_tpm_attest_parse(e.kat.cert_info, &e.certify);
    result = result ? result : expect_type(&e.certify, ATLS_TPM_CERTIFY, "certInfo");
    result = result ? result : expect_name(e.certify.signer, "qualifiedSigner of certInfo");
    result = result ? result : expect_name(e.certify.name, "name of certInfo");
    result = result ? result : atls_tpm_signature_parse(e.kat.sig, &e.kat_signature);
    result = result ? result : atls_tpm_attest_parse(e.pat.attest_info, &e.quote);
    result = result ? result : expect_type(&e.quote, ATLS_TPM_QUOTE, "attestInfo");
    result = result ? result : expect_name(e.quote.signer, "qualifiedSigner of attestInfo");
    result = result ? result : atls_tpm_signature_parse(e.pat.sig, &e.pat_signature);
    result = result ? result : check_quote(&e.quote, &e.pat_signature);
    if (!result)
        *evidencep = e;
    return result;
}

int atls_tpm_check_signer(const struct atls_tpm_evidence *e)
{
    int result = atls_bytes_expect(ATLS_TPM_CLAUSE_EVIDENCE, "kid of pat, which is that of kat",
                                   e->kat.kid, e->pat.kid);

    return result ? result
                  : atls_bytes_expect(
                        ATLS_TPM_CLAUSE_ATTEST,
                        "qualifiedSigner of the quote, which is that of the certification",
                        e->certify.signer, e->quote.signer);
}

int atls_tpm_check_name(const struct atls_tpm_evidence *e, const struct atls_crypto *crypto)
{
    uint8_t name[ATLS_TPM_NAME_MAX];
    size_t size;
    int result = atls_tpm_name(crypto, e->key.name_hash, e->kat.pub_area, name, &size);

    return result ? result
                  : atls_bytes_expect(ATLS_TPM_CLAUSE_CERTIFY,
                                      "certified Name, which is that of pubArea",
                                      ATLS_BYTES(name, size), e->certify.name);
}

int atls_tpm_check_linkage(const struct atls_tpm_evidence *e, const struct atls_crypto *crypto,
                           enum atls_tpm_linking linking, struct atls_bytes challenge)
{
    bool by_kat = linking == ATLS_TPM_LINKED_BY_KAT;
    uint8_t linkage[ATLS_TPM_LINKAGE_SIZE];
    int result = by_kat ? atls_tpm_linkage(crypto, e->kat_encoded, linkage) : 0;
    struct atls_bytes expected = by_kat ? ATLS_BYTES(linkage, sizeof linkage) : challenge;

    const char *what = by_kat ? "extraData of the quote, which is SHA-256 of the kat map"
                              : "extraData of the quote, which is the challenge";

    return result ? result
                  : atls_bytes_expect(ATLS_TPM_CLAUSE_QUOTE, what, expected, e->quote.extra);
}
