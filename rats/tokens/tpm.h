/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of a TPM 2.0 as Parsec packs it, {"kat": ..., "pat": ...}: TPM2_Certify of the key that
 * TLS uses and TPM2_Quote of the platform's PCRs, both signed by one attestation key (AK), around
 * structures of TCG "TPM 2.0 Library, Part 2: Structures" (whose sections have other numbers in
 * each revision, so clauses name the structure). The readers take what Part 2 allows of an ECC key
 * that signs, and of these two attestations; whether it is true is another's affair.
 */
#ifndef ATLS_RATS_TOKENS_TPM_H
#define ATLS_RATS_TOKENS_TPM_H

#include "rats/cose/cose.h"

#define ATLS_TPM_CLAUSE_EVIDENCE "CCC attested-tls-poc, parsec-evidence-tpm"
#define ATLS_TPM_CLAUSE_PUBLIC "TPM 2.0 Part 2, TPMT_PUBLIC"
#define ATLS_TPM_CLAUSE_OBJECT "TPM 2.0 Part 2, TPMA_OBJECT"
#define ATLS_TPM_CLAUSE_ATTEST "TPM 2.0 Part 2, TPMS_ATTEST"
#define ATLS_TPM_CLAUSE_SELECTION "TPM 2.0 Part 2, TPML_PCR_SELECTION"
#define ATLS_TPM_CLAUSE_SIGNATURE "TPM 2.0 Part 2, TPMT_SIGNATURE"
#define ATLS_TPM_CLAUSE_NAME "TPM 2.0 Part 1, Names"
#define ATLS_TPM_CLAUSE_CERTIFY "TPM 2.0 Part 3, TPM2_Certify"
#define ATLS_TPM_CLAUSE_QUOTE "TPM 2.0 Part 3, TPM2_Quote"

#define ATLS_TPM_VERSION "2.0"
#define ATLS_TPM_MAGIC 0xff544347u /* TPM_GENERATED_VALUE */
#define ATLS_TPM_CHALLENGE_MAX 64  /* what every TPM takes as qualifyingData */
#define ATLS_TPM_NAME_MAX (2 + ATLS_HASH_MAX)
#define ATLS_TPM_PCRS 32 /* of a bank, at most: four bytes of selection */
#define ATLS_TPM_BANKS_MAX 16
#define ATLS_TPM_KID_SIZE 33 /* as atls_tpm_kid() makes it */
#define ATLS_TPM_LINKAGE_SIZE 32

/* TPM_ALG_ID, as far as it is told here */
enum atls_tpm_alg {
    ATLS_TPM_SHA256 = 0x000b,
    ATLS_TPM_SHA384 = 0x000c,
    ATLS_TPM_SHA512 = 0x000d,
    ATLS_TPM_NULL = 0x0010,
    ATLS_TPM_ECDSA = 0x0018,
    ATLS_TPM_ECC = 0x0023
};
enum atls_tpm_attest_type { ATLS_TPM_CERTIFY = 0x8017, ATLS_TPM_QUOTE = 0x8018 };
/* TPMA_OBJECT */
enum {
    ATLS_TPM_FIXED_TPM = 1u << 1,
    ATLS_TPM_FIXED_PARENT = 1u << 4,
    ATLS_TPM_SENSITIVE_DATA_ORIGIN = 1u << 5,
    ATLS_TPM_USER_WITH_AUTH = 1u << 6,
    ATLS_TPM_NO_DA = 1u << 10,
    ATLS_TPM_RESTRICTED = 1u << 16,
    ATLS_TPM_DECRYPT = 1u << 17,
    ATLS_TPM_SIGN = 1u << 18
};

/* TPMT_PUBLIC of an ECC key on P-256 or P-384. */
struct atls_tpm_public {
    enum atls_hash name_hash;
    uint32_t attributes;
    struct atls_bytes policy; /* authPolicy, or empty */
    uint16_t scheme;          /* ATLS_TPM_ECDSA, ATLS_TPM_NULL (any), another */
    enum atls_hash scheme_hash;
    struct atls_public_key key;
};
struct atls_tpm_selection { /* of one bank of PCRs */
    uint16_t alg;           /* TPM_ALG_ID: banks of other hashes can be told, too */
    uint32_t pcrs;          /* bits */
};
/* TPMS_ATTEST; the members behind the type are those of the type. */
struct atls_tpm_attest {
    enum atls_tpm_attest_type type;
    struct atls_bytes signer; /* qualified Name of the key that signed */
    struct atls_bytes extra;  /* extraData: the caller's qualifyingData */
    uint64_t clock, firmware;
    uint32_t resets, restarts;
    bool safe;
    struct atls_bytes name, qualified_name; /* of the certified key */
    struct atls_tpm_selection banks[ATLS_TPM_BANKS_MAX];
    size_t bank_count;
    struct atls_bytes pcr_digest;
};
struct atls_tpm_signature { /* TPMT_SIGNATURE by ECDSA */
    enum atls_hash hash;
    struct atls_bytes r, s; /* without zeros in front */
};

/* Each reads one structure and nothing behind it. ATLS_E_MALFORMED: Part 2 has none like it;
 * ATLS_E_UNSUPPORTED: it has, and it is of another kind than is handled here. What is read borrows
 * from IN. */
int atls_tpm_public_parse(struct atls_bytes in, struct atls_tpm_public *publicp);
int atls_tpm_attest_parse(struct atls_bytes in, struct atls_tpm_attest *attestp);
int atls_tpm_signature_parse(struct atls_bytes in, struct atls_tpm_signature *signaturep);
/* TPM_ALG_ID of a hash that is handled here. ATLS_E_UNSUPPORTED. */
int atls_tpm_hash_of(uint16_t alg, const char *what, const char *clause, enum atls_hash *hashp);
const char *atls_tpm_hash_name(uint16_t alg); /* "sha256", or "?" */
/* "0, 1, 2" */
#define ATLS_TPM_PCRS_TEXT_MAX 128
const char *atls_tpm_pcrs_text(uint32_t pcrs, char text[ATLS_TPM_PCRS_TEXT_MAX]);

/* nameAlg || hash of the public area. */
int atls_tpm_name(const struct atls_crypto *crypto, enum atls_hash name_hash,
                  struct atls_bytes public_area, uint8_t namep[ATLS_TPM_NAME_MAX], size_t *sizep);
/* Is it a key of this TPM alone that signs for TLS: made in it, never to leave it or its parent,
 * unrestricted, and not for decryption? ATLS_E_UNTRUSTED, with the attribute. */
int atls_tpm_public_check(const struct atls_tpm_public *public_area);
/* 0, ATLS_E_SIGNATURE; ATLS_E_MISMATCH: its hash is not that of the key's curve. */
int atls_tpm_signature_verify(const struct atls_tpm_signature *signature,
                              const struct atls_crypto *crypto, struct atls_bytes signed_bytes,
                              const struct atls_public_key *key);

/* The two maps as they are packed; the bytes are structures of Part 2. */
struct atls_tpm_kat {
    struct atls_bytes kid;       /* of the AK */
    struct atls_bytes sig;       /* TPMT_SIGNATURE over cert_info */
    struct atls_bytes pub_area;  /* TPMT_PUBLIC */
    struct atls_bytes cert_info; /* TPMS_ATTEST by TPM2_Certify */
};
struct atls_tpm_pat {
    struct atls_bytes kid;
    struct atls_bytes sig;         /* TPMT_SIGNATURE over attest_info */
    struct atls_bytes attest_info; /* TPMS_ATTEST by TPM2_Quote */
};
struct atls_tpm_evidence { /* borrows from what it was read from */
    struct atls_tpm_kat kat;
    struct atls_tpm_pat pat;
    struct atls_bytes kat_encoded; /* the KAT map as it came, which the linkage hashes */
    struct atls_tpm_public key;
    struct atls_tpm_attest certify, quote;
    struct atls_tpm_signature kat_signature, pat_signature;
};

/* One item of W each; deterministic. EVIDENCE is {"kat": KAT_ENCODED, "pat": PAT}. */
void atls_tpm_kat_write(struct atls_cbor_writer *w, const struct atls_tpm_kat *kat);
void atls_tpm_evidence_write(struct atls_cbor_writer *w, struct atls_bytes kat_encoded,
                             const struct atls_tpm_pat *pat);
/* The key id of an AK: 01 (a UEID of random bytes, RFC 9711 section 4.2.1.1) || SHA-256 of its
 * SubjectPublicKeyInfo. Nobody says how one is made; readers take any UEID. */
int atls_tpm_kid(const struct atls_crypto *crypto, const struct atls_public_key *ak,
                 uint8_t kidp[ATLS_TPM_KID_SIZE]);
/* What a quote has to answer: SHA-256 of the KAT map as encoded. */
int atls_tpm_linkage(const struct atls_crypto *crypto, struct atls_bytes kat_encoded,
                     uint8_t linkagep[ATLS_TPM_LINKAGE_SIZE]);

/* Only the maps: exactly their members, in any order, of preferred encoding (a hash of it is
 * signed), of one TPM version; a kid is a UEID (RFC 9711 section 4.2.1). The structures are not
 * looked into. ATLS_E_MALFORMED, ATLS_E_MISSING, ATLS_E_UNSUPPORTED, ATLS_E_LIMIT, -ENOMEM. */
int atls_tpm_evidence_split(struct atls_bytes in, struct atls_tpm_evidence *evidencep);
/* All of it. The KAT certifies and the PAT quotes; both are by a key with a Name; the quote is of
 * one bank, that of its signature's hash (which its digest is made with), and of some PCR. As
 * above, and what the readers of structures say. */
int atls_tpm_evidence_parse(struct atls_bytes in, struct atls_tpm_evidence *evidencep);

/* What can be checked without the AK. */
/* Both by one AK, as kid and qualified signer have it: ATLS_E_MISMATCH. */
int atls_tpm_check_signer(const struct atls_tpm_evidence *evidence);
/* The certified Name is that of the public area: ATLS_E_MISMATCH. */
int atls_tpm_check_name(const struct atls_tpm_evidence *evidence, const struct atls_crypto *crypto);
enum atls_tpm_linking {
    ATLS_TPM_LINKED_BY_KAT,   /* the quote answers atls_tpm_linkage() */
    ATLS_TPM_LINKED_BY_NONCE, /* it answers the challenge, as the certification does */
};
/* ATLS_E_MISMATCH */
int atls_tpm_check_linkage(const struct atls_tpm_evidence *evidence,
                           const struct atls_crypto *crypto, enum atls_tpm_linking linking,
                           struct atls_bytes challenge);

#endif
