/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading structures of TPM 2.0 (TCG, Part 2): big-endian numbers, and sized buffers (TPM2B) whose
 * bounds are those of Part 2. Unions are read by their selector, and an unknown one ends the
 * reading: nobody could say how long it is.
 */
#include "rats/tokens/tpm.h"

#include <stdio.h>
#include <string.h>

#include "rats/base/error.h"

#define EXTRA_MAX 66 /* TPM2B_DATA: as large as a TPMT_HA */
#define HANDLE_SIZE 4

/* Bits of TPMA_OBJECT without a meaning, up to and with revision 1.83. */
#define RESERVED_ATTRIBUTES 0xfff0f009u
#define X509_SIGN (1u << 19)

/* Other algorithms, only to be read over */
enum {
    AES = 0x0006,
    SM4 = 0x0013,
    ECDH = 0x0019,
    ECDAA = 0x001a,
    SM2 = 0x001b,
    ECSCHNORR = 0x001c,
    ECMQV = 0x001d,
    KDF1 = 0x0020,
    KDF2 = 0x0021,
    KDF1_SP800_108 = 0x0022,
    CAMELLIA = 0x0026
};
enum { CURVE_P256 = 3, CURVE_P384 = 4 };

static const struct {
    uint16_t alg;
    const char *name;
    bool handled;
    enum atls_hash hash;
} hashes[] = {
    {ATLS_TPM_SHA256, "sha256", true, ATLS_SHA256},
    {ATLS_TPM_SHA384, "sha384", true, ATLS_SHA384},
    {ATLS_TPM_SHA512, "sha512", true, ATLS_SHA512},
    {0x0004, "sha1", false, 0},
    {0x0012, "sm3_256", false, 0},
    {0x0027, "sha3_256", false, 0},
    {0x0028, "sha3_384", false, 0},
    {0x0029, "sha3_512", false, 0},
};
#define HASHES (sizeof hashes / sizeof *hashes)

const char *atls_tpm_hash_name(uint16_t alg)
{
    for (size_t i = 0; i < HASHES; i++)
        if (hashes[i].alg == alg)
            return hashes[i].name;
    return "?";
}

int atls_tpm_hash_of(uint16_t alg, const char *what, const char *clause, enum atls_hash *hashp)
{
    for (size_t i = 0; i < HASHES; i++) {
        if (hashes[i].handled && hashes[i].alg == alg) {
            *hashp = hashes[i].hash;
            return 0;
        }
    }
    return atls_fail(ATLS_E_UNSUPPORTED, clause,
                     "%s: expected SHA-256 (0x000b), SHA-384 (0x000c) or SHA-512 (0x000d), came "
                     "0x%04x (%s)",
                     what, alg, atls_tpm_hash_name(alg));
}

static uint16_t alg_of(enum atls_hash hash)
{
    return hash == ATLS_SHA384   ? ATLS_TPM_SHA384
           : hash == ATLS_SHA512 ? ATLS_TPM_SHA512
                                 : ATLS_TPM_SHA256;
}

static int read_hash(struct atls_cursor *c, const char *what, enum atls_hash *hashp)
{
    uint16_t alg;
    int result = atls_cursor_u16(c, what, &alg);

    return result ? result : atls_tpm_hash_of(alg, what, c->clause, hashp);
}

static int read_u64(struct atls_cursor *c, const char *what, uint64_t *valuep)
{
    uint32_t high, low;
    int result = atls_cursor_u32(c, what, &high);

    result = result ? result : atls_cursor_u32(c, what, &low);
    if (!result)
        *valuep = (uint64_t)high << 32 | low;
    return result;
}

static int unknown(const struct atls_cursor *c, const char *what, uint16_t alg)
{
    return atls_fail(ATLS_E_UNSUPPORTED, c->clause, "%s: algorithm 0x%04x is not handled here",
                     what, alg);
}

/* TPMT_SYM_DEF_OBJECT: of a key that signs it is TPM_ALG_NULL alone. */
static int read_symmetric(struct atls_cursor *c)
{
    uint16_t alg, bits, mode;
    int result = atls_cursor_u16(c, "symmetric", &alg);

    if (result || alg == ATLS_TPM_NULL)
        return result;
    if (alg != AES && alg != SM4 && alg != CAMELLIA)
        return unknown(c, "symmetric", alg);
    result = atls_cursor_u16(c, "symmetric.keyBits", &bits);
    return result ? result : atls_cursor_u16(c, "symmetric.mode", &mode);
}

/* TPMT_ECC_SCHEME */
static int read_scheme(struct atls_cursor *c, struct atls_tpm_public *public_area)
{
    uint16_t count;
    int result = atls_cursor_u16(c, "scheme", &public_area->scheme);

    if (result || public_area->scheme == ATLS_TPM_NULL)
        return result;
    switch (public_area->scheme) {
    case ATLS_TPM_ECDSA:
    case ECDH:
    case ECDAA:
    case SM2:
    case ECSCHNORR:
    case ECMQV:
        break;
    default:
        return unknown(c, "scheme", public_area->scheme);
    }
    result = read_hash(c, "hash of scheme", &public_area->scheme_hash);
    if (!result && public_area->scheme == ECDAA)
        result = atls_cursor_u16(c, "count of ECDAA", &count);
    return result;
}

/* TPMT_KDF_SCHEME */
static int read_kdf(struct atls_cursor *c)
{
    enum atls_hash hash;
    uint16_t alg;
    int result = atls_cursor_u16(c, "kdf", &alg);

    if (result || alg == ATLS_TPM_NULL)
        return result;
    if (alg != KDF1 && alg != KDF2 && alg != KDF1_SP800_108)
        return unknown(c, "kdf", alg);
    return read_hash(c, "hash of kdf", &hash);
}

static struct atls_bytes without_zeros(struct atls_bytes number)
{
    while (number.size && !*number.data) {
        number.data++;
        number.size--;
    }
    return number;
}

static void align(struct atls_bytes number, uint8_t *to, size_t size)
{
    memset(to, 0, size);
    if (number.size)
        memcpy(to + size - number.size, number.data, number.size);
}

/* TPMS_ECC_POINT. Some TPMs leave zeros in front away, others do not. */
static int read_point(struct atls_cursor *c, enum atls_curve curve, struct atls_public_key *keyp)
{
    uint8_t x[ATLS_COORDINATE_MAX], y[ATLS_COORDINATE_MAX];
    size_t size = atls_curve_size(curve);
    struct atls_bytes of_x, of_y;
    int result = atls_cursor_vector(c, "x of the point", 2, 1, size, &of_x);

    result = result ? result : atls_cursor_vector(c, "y of the point", 2, 1, size, &of_y);
    if (result)
        return result;
    align(of_x, x, size);
    align(of_y, y, size);
    return atls_public_key_of(curve, x, y, c->clause, keyp);
}

/* TPMS_ECC_PARMS and the point */
static int read_ecc(struct atls_cursor *c, struct atls_tpm_public *public_area)
{
    uint16_t curve;
    int result = read_symmetric(c);

    result = result ? result : read_scheme(c, public_area);
    result = result ? result : atls_cursor_u16(c, "curveID", &curve);
    if (!result && curve != CURVE_P256 && curve != CURVE_P384)
        result =
            atls_fail(ATLS_E_UNSUPPORTED, c->clause,
                      "curveID: expected P-256 (0x0003) or P-384 (0x0004), came 0x%04x", curve);
    result = result ? result : read_kdf(c);
    return result ? result
                  : read_point(c, curve == CURVE_P256 ? ATLS_P256 : ATLS_P384, &public_area->key);
}

int atls_tpm_public_parse(struct atls_bytes in, struct atls_tpm_public *publicp)
{
    struct atls_cursor c = atls_cursor_of(in, ATLS_TPM_CLAUSE_PUBLIC);
    struct atls_tpm_public public_area = {.scheme = ATLS_TPM_NULL};
    uint16_t type;
    int result = atls_cursor_u16(&c, "type", &type);

    if (!result && type != ATLS_TPM_ECC)
        result = atls_fail(ATLS_E_UNSUPPORTED, c.clause,
                           "type: expected an ECC key (0x0023), came 0x%04x", type);
    result = result ? result : read_hash(&c, "nameAlg", &public_area.name_hash);
    result = result ? result : atls_cursor_u32(&c, "objectAttributes", &public_area.attributes);
    if (!result && public_area.attributes & RESERVED_ATTRIBUTES)
        result = atls_fail(ATLS_E_MALFORMED, ATLS_TPM_CLAUSE_OBJECT,
                           "objectAttributes: expected zeros in reserved bits, came 0x%08x",
                           public_area.attributes);
    result = result
                 ? result
                 : atls_cursor_vector(&c, "authPolicy", 2, 0, ATLS_HASH_MAX, &public_area.policy);
    if (!result && public_area.policy.size &&
        public_area.policy.size != atls_hash_size(public_area.name_hash))
        result = atls_fail(ATLS_E_MALFORMED, c.clause,
                           "authPolicy: expected none or the %zu bytes of nameAlg, came %zu",
                           atls_hash_size(public_area.name_hash), public_area.policy.size);
    result = result ? result : read_ecc(&c, &public_area);
    result = result ? result : atls_cursor_end(&c, "public area");
    if (!result)
        *publicp = public_area;
    return result;
}

/* TPM2B_NAME: nothing, a handle, or nameAlg and a hash of it. */
static int read_name(struct atls_cursor *c, const char *what, struct atls_bytes *namep)
{
    struct atls_bytes name;
    enum atls_hash hash;
    uint16_t alg;
    int result = atls_cursor_vector(c, what, 2, 0, ATLS_TPM_NAME_MAX, &name);

    if (!result && name.size && name.size != HANDLE_SIZE) {
        struct atls_cursor in = atls_cursor_of(name, c->clause);

        result = atls_cursor_u16(&in, what, &alg);
        result = result ? result : atls_tpm_hash_of(alg, what, c->clause, &hash);
        if (!result && in.left != atls_hash_size(hash))
            result = atls_fail(ATLS_E_MALFORMED, c->clause,
                               "%s: expected %zu bytes of hash behind 0x%04x, came %zu", what,
                               atls_hash_size(hash), alg, in.left);
    }
    if (!result)
        *namep = name;
    return result;
}

/* TPMS_PCR_SELECTION; its bytes are the PCRs' bits from the lowest up. */
static int read_bank(struct atls_cursor *c, struct atls_tpm_selection *bankp)
{
    struct atls_bytes select;
    int result = atls_cursor_u16(c, "hash of a PCR bank", &bankp->alg);

    result = result ? result : atls_cursor_vector(c, "pcrSelect", 1, 1, ATLS_TPM_PCRS / 8, &select);
    for (size_t i = 0; !result && i < select.size; i++)
        bankp->pcrs |= (uint32_t)select.data[i] << 8 * i;
    return result;
}

static int read_selection(struct atls_cursor *c, struct atls_tpm_attest *attest)
{
    uint32_t count;
    int result = atls_cursor_u32(c, "count of PCR banks", &count);

    if (!result && count > ATLS_TPM_BANKS_MAX)
        result = atls_fail(ATLS_E_MALFORMED, c->clause,
                           "count of PCR banks: expected %d at most, came %u", ATLS_TPM_BANKS_MAX,
                           count);
    for (size_t i = 0; !result && i < count; i++) {
        struct atls_tpm_selection *bank = &attest->banks[i];

        result = read_bank(c, bank);
        for (size_t j = 0; !result && j < i; j++) {
            if (attest->banks[j].alg == bank->alg)
                result =
                    atls_fail(ATLS_E_MALFORMED, c->clause,
                              "PCR bank: expected each hash once, came 0x%04x again", bank->alg);
        }
    }
    if (!result)
        attest->bank_count = count;
    return result;
}

/* TPMU_ATTEST, by its selector */
static int read_attested(struct atls_cursor *c, struct atls_tpm_attest *attest)
{
    int result;

    if (attest->type == ATLS_TPM_CERTIFY) {
        result = read_name(c, "name", &attest->name);
        return result ? result : read_name(c, "qualifiedName", &attest->qualified_name);
    }
    c->clause = ATLS_TPM_CLAUSE_SELECTION;
    result = read_selection(c, attest);
    c->clause = ATLS_TPM_CLAUSE_ATTEST;
    return result ? result
                  : atls_cursor_vector(c, "pcrDigest", 2, 0, ATLS_HASH_MAX, &attest->pcr_digest);
}

/* TPMS_CLOCK_INFO, and firmwareVersion behind it */
static int read_clock(struct atls_cursor *c, struct atls_tpm_attest *attest)
{
    uint8_t safe;
    int result = read_u64(c, "clock", &attest->clock);

    result = result ? result : atls_cursor_u32(c, "resetCount", &attest->resets);
    result = result ? result : atls_cursor_u32(c, "restartCount", &attest->restarts);
    result = result ? result : atls_cursor_u8(c, "safe", &safe);
    if (!result && safe > 1)
        result = atls_fail(ATLS_E_MALFORMED, c->clause, "safe: expected 0 or 1, came %u", safe);
    if (!result)
        attest->safe = safe;
    return result ? result : read_u64(c, "firmwareVersion", &attest->firmware);
}

int atls_tpm_attest_parse(struct atls_bytes in, struct atls_tpm_attest *attestp)
{
    struct atls_cursor c = atls_cursor_of(in, ATLS_TPM_CLAUSE_ATTEST);
    struct atls_tpm_attest attest = {0};
    uint32_t magic;
    uint16_t type;
    int result = atls_cursor_u32(&c, "magic", &magic);

    if (!result && magic != ATLS_TPM_MAGIC)
        result = atls_fail(ATLS_E_MALFORMED, c.clause,
                           "magic: expected 0x%08x, which only a TPM signs, came 0x%08x",
                           ATLS_TPM_MAGIC, magic);
    result = result ? result : atls_cursor_u16(&c, "type", &type);
    if (!result && type != ATLS_TPM_CERTIFY && type != ATLS_TPM_QUOTE)
        result = atls_fail(ATLS_E_UNSUPPORTED, c.clause,
                           "type: expected a certification (0x8017) or a quote (0x8018), came "
                           "0x%04x",
                           type);
    if (!result)
        attest.type = (enum atls_tpm_attest_type)type;
    result = result ? result : read_name(&c, "qualifiedSigner", &attest.signer);
    result = result ? result : atls_cursor_vector(&c, "extraData", 2, 0, EXTRA_MAX, &attest.extra);
    result = result ? result : read_clock(&c, &attest);
    result = result ? result : read_attested(&c, &attest);
    result = result ? result : atls_cursor_end(&c, "attestation");
    if (!result)
        *attestp = attest;
    return result;
}

static int read_number(struct atls_cursor *c, const char *what, struct atls_bytes *numberp)
{
    int result = atls_cursor_vector(c, what, 2, 1, ATLS_COORDINATE_MAX, numberp);

    if (!result)
        *numberp = without_zeros(*numberp);
    return result;
}

int atls_tpm_signature_parse(struct atls_bytes in, struct atls_tpm_signature *signaturep)
{
    struct atls_cursor c = atls_cursor_of(in, ATLS_TPM_CLAUSE_SIGNATURE);
    struct atls_tpm_signature signature = {0};
    uint16_t alg;
    int result = atls_cursor_u16(&c, "sigAlg", &alg);

    if (!result && alg != ATLS_TPM_ECDSA)
        result = atls_fail(ATLS_E_UNSUPPORTED, c.clause,
                           "sigAlg: expected ECDSA (0x0018), came 0x%04x", alg);
    result = result ? result : read_hash(&c, "hash of the signature", &signature.hash);
    result = result ? result : read_number(&c, "r", &signature.r);
    result = result ? result : read_number(&c, "s", &signature.s);
    result = result ? result : atls_cursor_end(&c, "signature");
    if (!result)
        *signaturep = signature;
    return result;
}

const char *atls_tpm_pcrs_text(uint32_t pcrs, char text[ATLS_TPM_PCRS_TEXT_MAX])
{
    size_t used = 0;

    text[0] = 0;
    for (unsigned i = 0; i < ATLS_TPM_PCRS; i++)
        if (pcrs >> i & 1)
            used += (size_t)snprintf(text + used, ATLS_TPM_PCRS_TEXT_MAX - used, "%s%u",
                                     used ? ", " : "", i);
    return text;
}

int atls_tpm_name(const struct atls_crypto *crypto, enum atls_hash name_hash,
                  struct atls_bytes public_area, uint8_t namep[ATLS_TPM_NAME_MAX], size_t *sizep)
{
    uint16_t alg = alg_of(name_hash);
    int result = crypto->hash(name_hash, &public_area, 1, namep + 2);

    if (result)
        return result;
    namep[0] = (uint8_t)(alg >> 8);
    namep[1] = (uint8_t)alg;
    *sizep = 2 + atls_hash_size(name_hash);
    return 0;
}

int atls_tpm_public_check(const struct atls_tpm_public *public_area)
{
    static const struct {
        uint32_t bit;
        bool wanted;
        const char *name, *why;
    } rules[] = {
        {ATLS_TPM_FIXED_TPM, true, "fixedTPM", "it may be copied to another TPM"},
        {ATLS_TPM_FIXED_PARENT, true, "fixedParent", "it may be given another parent"},
        {ATLS_TPM_SENSITIVE_DATA_ORIGIN, true, "sensitiveDataOrigin",
         "it may have been made outside of the TPM, where a copy is"},
        {ATLS_TPM_SIGN, true, "sign", "it cannot sign CertificateVerify"},
        {ATLS_TPM_RESTRICTED, false, "restricted",
         "it signs only what its TPM made, and no CertificateVerify"},
        {ATLS_TPM_DECRYPT, false, "decrypt", "a key of TLS signs and does nothing else"},
        {X509_SIGN, false, "x509sign", "it signs only certificates of its TPM"},
    };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].wanted != !!(public_area->attributes & rules[i].bit))
            return atls_fail(ATLS_E_UNTRUSTED, ATLS_TPM_CLAUSE_OBJECT,
                             "objectAttributes 0x%08x: expected a key %s %s, came one %s: %s",
                             public_area->attributes, rules[i].wanted ? "with" : "without",
                             rules[i].name, rules[i].wanted ? "without" : "with it", rules[i].why);
    }
    if (public_area->scheme == ATLS_TPM_NULL ||
        (public_area->scheme == ATLS_TPM_ECDSA &&
         public_area->scheme_hash == atls_curve_hash(public_area->key.curve)))
        return 0;
    return atls_fail(ATLS_E_UNTRUSTED, ATLS_TPM_CLAUSE_PUBLIC,
                     "scheme: expected ECDSA (0x0018) with the hash of the key's curve, or none "
                     "(0x0010), came 0x%04x: it cannot sign CertificateVerify",
                     public_area->scheme);
}

int atls_tpm_signature_verify(const struct atls_tpm_signature *signature,
                              const struct atls_crypto *crypto, struct atls_bytes signed_bytes,
                              const struct atls_public_key *key)
{
    size_t size = atls_curve_size(key->curve);
    uint8_t digest[ATLS_HASH_MAX], both[ATLS_SIGNATURE_MAX];
    int result;

    if (signature->hash != atls_curve_hash(key->curve))
        return atls_fail(ATLS_E_MISMATCH, ATLS_TPM_CLAUSE_SIGNATURE,
                         "hash of the signature: expected that of the key's curve, came 0x%04x",
                         alg_of(signature->hash));
    if (signature->r.size > size || signature->s.size > size)
        return atls_fail(ATLS_E_SIGNATURE, ATLS_TPM_CLAUSE_SIGNATURE,
                         "r and s: expected numbers of %zu bytes at most, came larger ones", size);
    align(signature->r, both, size);
    align(signature->s, both + size, size);
    result = crypto->hash(signature->hash, &signed_bytes, 1, digest);
    return result ? result
                  : crypto->verify(key, ATLS_BYTES(digest, atls_hash_size(signature->hash)),
                                   ATLS_BYTES(both, 2 * size));
}
