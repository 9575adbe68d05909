/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of test-printing.c: what is printed, a line for each thing that a format tells. */
#ifndef ATLS_FORMATS_TEST_PRINTED_ROWS_H
#define ATLS_FORMATS_TEST_PRINTED_ROWS_H

#include "formats/test/evidence-changes.h"

enum what { WHOLE, COLLECTION, TOKEN_OF_KAT, TOKEN_OF_PAT, TOKEN_OF_REALM };

/* clang-format off */
/* what several rows have in common */
#define CERTIFICATION \
    "  certInfo: TPMS_ATTEST, 173 bytes\n" \
    "    type: 0x8017 certify\n" \
    "    qualifiedSigner: 34 bytes 000b\n" \
    "    extraData (the challenge): 32 bytes 7768\n" \
    "    clock: 30064771079 ms, 7 resets, 7 restarts, safe\n" \
    "    firmwareVersion: 0x2019102300163636\n" \
    "    name (nameAlg and hash of the key): 34 bytes 000b\n" \
    "    qualifiedName: 34 bytes 000b\n" \
    "  sig: TPMT_SIGNATURE, 72 bytes\n" \
    "    sigAlg: ECDSA, SHA-256\n" \
    "    r: a number\n" \
    "    s: a number\n"
#define A_QUOTE \
    "pat: platform attestation\n" \
    "  kid: 33 bytes 01e3\n" \
    "  tpmVer: \"2.0\"\n" \
    "  attestInfo: TPMS_ATTEST, 145 bytes\n" \
    "    type: 0x8018 quote\n" \
    "    qualifiedSigner: 34 bytes 000b\n" \
    "    extraData: 32 bytes\n" \
    "    clock: 30064771079 ms, 7 resets, 7 restarts, safe\n" \
    "    firmwareVersion: 0x2019102300163636\n" \
    "    PCRs: sha256: 0, 1, 2\n" \
    "    pcrDigest: 32 bytes 686a\n" \
    "  sig: TPMT_SIGNATURE, 72 bytes\n" \
    "    sigAlg: ECDSA, SHA-256\n" \
    "    r: a number\n" \
    "    s: a number\n"
#define PUBLIC \
    "kat: key attestation\n" \
    "  kid: 33 bytes 01e3\n" \
    "  tpmVer: \"2.0\"\n" \
    "  pubArea: TPMT_PUBLIC, 88 bytes\n" \
    "    type: ECC, P-256\n" \
    "    nameAlg: SHA-256\n" \
    "    objectAttributes: "
#define BY_AK \
    "signature of TPM certification (TPM 2.0 Part 2, TPMT_SIGNATURE): by its key success, by another signature\n" \
    "signature of TPM quote (TPM 2.0 Part 2, TPMT_SIGNATURE): by its key success, by another signature\n" \
    "not checked: pcrDigest: what the PCRs should hold is not in it\n"
#define POINT \
    "    x: 32 bytes c3e5\n" \
    "    y: 32 bytes 4c58\n"
#define A_SGX_QUOTE \
    "tag: 60000\n" \
    "claims buffer: message of 51 bytes a16b, inside\n" \
    "pubkey-hash: 32 bytes 7768\n" \
    "-: SGX quote, 785 bytes\n" \
    "version: 3\n" \
    "attestation key type: "
#define BODY \
    "attributes: 16 bytes 0300\n" \
    "MRENCLAVE: 32 bytes 0000\n" \
    "MRSIGNER: 32 bytes 0000\n"
#define SIMULATED \
    "in place of a signature: message of 349 bytes d284, inside\n" \
    "not checked: the quote is simulated: no TEE made it\n"
#define NOT_SIMULATED \
    "signature: 349 bytes, not looked into\n" \
    "not checked: signature of the quote: no root of Intel's here\n"
#define ANY_AGE \
    "defect: nothing in it is of one connection: it may be of any age\n"
#define ATTRIBUTES \
    "0x00040072 fixedTPM fixedParent sensitiveDataOrigin userWithAuth sign\n"
#define SCHEME \
    "    scheme: 0x0018 ECDSA, SHA-256\n"
#define NAMED \
    "ok TPM certification: the certified name is SHA-256 of pubArea\n"
#define SAME_AK \
    "ok attestation key: kid and qualified signer are the same in kat and pat\n"
#define KEPT \
    "ok attested key: made in its TPM, fixed to it, and signs for TLS\n"
#define BY_KAT \
    "ok TPM quote: answers SHA-256 of the kat map\n"
#define ITS_NONCE \
    "nonce of TPM certification: 32 bytes 7768\n"
#define ITS_KEY \
    "key: attested ik\n"

static const struct row {
    const char *name;
    const struct atls_evidence_format *format;
    void (*change)(struct test_source *s);
    enum what what;
    bool inside; /* other evidence */
    const char *lines;
} rows[] = {
    {"cab: good", &atls_format_cab, nothing, COLLECTION, false, "ok linkage of PAT to KAT: the PAT's nonce is SHA-256 of kak-pub, a32f86e501231bbb966286ad3dd1cee37324826b89dd9fbdf5337edb63f013a6\n"},
    {"cab: PAT over another hash", &atls_format_cab, pat_old, COLLECTION, false, "mismatch linkage of PAT to KAT\n"},
    {"cab: PAT without claims", &atls_format_cab, pat_claims_empty, COLLECTION, false, "missing linkage of PAT to KAT\n"},
    {"cab: KAT without claims", &atls_format_cab, kat_claims_empty, COLLECTION, false, "! missing (KAT-06 section 4)\n"},
    {"cab: KAT", &atls_format_cab, nothing, TOKEN_OF_KAT, false, 
     "ok signature of KAT verifies with its kak-pub\n"
     "nonce of KAT: 32 bytes 7768\n"
     "key: identity key (cnf) ik\n"
     "key: kak-pub kak\n"},
    {"cab: KAT by the identity key", &atls_format_cab, kat_by_ik, TOKEN_OF_KAT, false, 
     "signature signature of KAT\n"
     "nonce of KAT: 32 bytes 7768\n"
     "key: identity key (cnf) ik\n"
     "key: kak-pub kak\n"},
    {"cab: KAT without claims", &atls_format_cab, kat_claims_empty, TOKEN_OF_KAT, false, "! missing (KAT-06 section 4)\n"},
    {"cab: KAT whose key is of another kind", &atls_format_cab, kat_key_unsupported, TOKEN_OF_KAT, false, "not checked: KAT: RFC 9053 section 7.1.1\n"},
    {"prototype: good", &atls_format_prototype, nothing, WHOLE, false, 
     "version: 1\n"
     "KAT: message of 249 bytes d284, inside, in a dialect\n"
     "PAT: message of 349 bytes d284, inside, in a dialect\n"
     "ok linkage of PAT to KAT: the PAT's nonce is SHA-256 of the identity key, 9f415aa3f8f055cad2b457ad4ee7d404d3f375e84d641d00512eefa89cfc8395\n"},
    {"prototype: the constant nonce", &atls_format_prototype, no_answer, WHOLE, false, 
     "version: 1\n"
     "KAT: message of 224 bytes d284, inside, in a dialect\n"
     "PAT: message of 349 bytes d284, inside, in a dialect\n"
     "ok linkage of PAT to KAT: the PAT's nonce is SHA-256 of the identity key, 9f415aa3f8f055cad2b457ad4ee7d404d3f375e84d641d00512eefa89cfc8395\n"
     "defect: the KAT answers the nonce that the prototype's server sends in every connection: it may be of any age\n"},
    {"prototype: PAT over another hash", &atls_format_prototype, pat_old, WHOLE, false, 
     "version: 1\n"
     "KAT: message of 249 bytes d284, inside, in a dialect\n"
     "PAT: message of 349 bytes d284, inside, in a dialect\n"
     "mismatch linkage of PAT to KAT\n"},
    {"prototype: KAT without claims", &atls_format_prototype, kat_claims_empty, WHOLE, false, 
     "version: 1\n"
     "KAT: message of 75 bytes d284, inside, in a dialect\n"
     "PAT: message of 349 bytes d284, inside, in a dialect\n"
     "! missing (prototype of 2022, eat.c)\n"},
    {"prototype: inside other evidence", &atls_format_prototype, nothing, WHOLE, true, 
     "version: 1\n"
     "KAT: message of 249 bytes d284, inside, in a dialect\n"
     "PAT: message of 349 bytes d284, inside, in a dialect\n"
     "ok linkage of PAT to KAT: the PAT's nonce is SHA-256 of the identity key, 9f415aa3f8f055cad2b457ad4ee7d404d3f375e84d641d00512eefa89cfc8395\n"},
    {"prototype: no PAT", &atls_format_prototype, bundle_cut, WHOLE, false, 
     "! malformed (prototype of 2022, eat.c)\n"
     "-: 4 bytes 0100\n"},
    {"key-binding: good", &atls_format_key_binding, nothing, COLLECTION, false, 
     "ok signature of KAT verifies with the key in the PAT's cnf\n"
     "nonce of KAT: 32 bytes 7768\n"
     "nonce of PAT: 32 bytes 7768\n"
     "key: identity key (cnf of the KAT) ik\n"
     "key: KAK (cnf of the PAT) kak\n"},
    {"key-binding: KAT by the identity key", &atls_format_key_binding, kat_by_ik, COLLECTION, false, 
     "signature signature of KAT\n"
     "nonce of KAT: 32 bytes 7768\n"
     "nonce of PAT: 32 bytes 7768\n"
     "key: identity key (cnf of the KAT) ik\n"
     "key: KAK (cnf of the PAT) kak\n"},
    {"key-binding: PAT without claims", &atls_format_key_binding, pat_claims_empty, COLLECTION, false, "! missing (draft-reddy-rats-key-binding-02 section 5.1)\n"},
    {"psa: good", &atls_format_psa, nothing, TOKEN_OF_PAT, false, 
     "ok PSA claims as profile http://arm.com/psa/2.0.0\n"
     "nonce of PSA token: 32 bytes 7768\n"},
    {"psa: inside other evidence", &atls_format_psa, nothing, TOKEN_OF_PAT, true, "ok PSA claims as profile http://arm.com/psa/2.0.0\n"},
    {"psa: without claims", &atls_format_psa, pat_claims_empty, TOKEN_OF_PAT, false, "missing PSA claims\n"},
    {"psa: another profile", &atls_format_psa, pat_profile_unsupported, TOKEN_OF_PAT, false, "not checked: PSA claims: RFC 9783 section 4.5.2\n"},
    {"cca: good", &atls_format_cca, nothing, WHOLE, false, 
     "tag: 907 CMW collection\n"
     "platform token (44234): message of 338 bytes d284, inside\n"
     "realm token (44241): message of 525 bytes d284, inside\n"
     "ok binding of realm to platform: the platform's challenge is the hash of the realm's key\n"
     "nonce of realm token: 64 bytes 7768\n"},
    {"cca: the older tag", &atls_format_cca, older, WHOLE, false, 
     "tag: 399 collection of earlier drafts\n"
     "platform token (44234): message of 330 bytes d284, inside\n"
     "realm token (44241): message of 547 bytes d284, inside\n"
     "ok binding of realm to platform: the platform's challenge is the hash of the realm's key\n"
     "nonce of realm token: 64 bytes 7768\n"},
    {"cca: inside other evidence", &atls_format_cca, nothing, WHOLE, true, 
     "tag: 907 CMW collection\n"
     "platform token (44234): message of 338 bytes d284, inside\n"
     "realm token (44241): message of 525 bytes d284, inside\n"
     "ok binding of realm to platform: the platform's challenge is the hash of the realm's key\n"},
    {"cca: platform over another hash", &atls_format_cca, pat_old, WHOLE, false, 
     "tag: 907 CMW collection\n"
     "platform token (44234): message of 338 bytes d284, inside\n"
     "realm token (44241): message of 525 bytes d284, inside\n"
     "mismatch binding of realm to platform\n"
     "nonce of realm token: 64 bytes 7768\n"},
    {"cca: platform without claims", &atls_format_cca, pat_claims_empty, WHOLE, false, 
     "tag: 907 CMW collection\n"
     "platform token (44234): message of 75 bytes d284, inside\n"
     "realm token (44241): message of 525 bytes d284, inside\n"
     "! missing (draft-ffm-rats-cca-token section 4.5.1)\n"},
    {"cca: no collection", &atls_format_cca, no_collection, WHOLE, false, 
     "! malformed (draft-ffm-rats-cca-token section 4.1)\n"
     "-: 1 bytes a0\n"},
    {"cca: platform token", &atls_format_cca, nothing, TOKEN_OF_PAT, false, "ok CCA platform claims as profile tag:arm.com,2023:cca_platform#1.0.0\n"},
    {"cca: platform token without claims", &atls_format_cca, pat_claims_empty, TOKEN_OF_PAT, false, "missing CCA platform claims\n"},
    {"cca: platform token of another profile", &atls_format_cca, pat_profile_unsupported, TOKEN_OF_PAT, false, "not checked: CCA platform claims: draft-ffm-rats-cca-token section 4.5.1\n"},
    {"cca: platform token of earlier drafts", &atls_format_cca, older, TOKEN_OF_PAT, false, "ok CCA platform claims as profile http://arm.com/CCA-SSD/1.0.0\n"},
    {"parsec-cca: good", &atls_format_parsec_cca, nothing, WHOLE, false, 
     "KAT: message of 117 bytes d902, inside\n"
     "PAT: message of 887 bytes d903, inside\n"
     "ok link of CCA token to KAT: the realm's challenge is SHA-512 of the KAT\n"
     "nonce of KAT: 32 bytes 7768\n"
     "key: identity key (cnf) ik\n"},
    {"parsec-cca: inside other evidence", &atls_format_parsec_cca, nothing, WHOLE, true, 
     "KAT: message of 117 bytes d902, inside\n"
     "PAT: message of 887 bytes d903, inside\n"
     "ok link of CCA token to KAT: the realm's challenge is SHA-512 of the KAT\n"
     "nonce of KAT: 32 bytes 7768\n"
     "key: identity key (cnf) ik\n"},
    {"parsec-cca: an old realm", &atls_format_parsec_cca, realm_old, WHOLE, false, 
     "KAT: message of 117 bytes d902, inside\n"
     "PAT: message of 887 bytes d903, inside\n"
     "mismatch link of CCA token to KAT\n"
     "nonce of KAT: 32 bytes 7768\n"
     "key: identity key (cnf) ik\n"},
    {"parsec-cca: realm without claims", &atls_format_parsec_cca, realm_claims_empty, WHOLE, false, 
     "KAT: message of 117 bytes d902, inside\n"
     "PAT: message of 436 bytes d903, inside\n"
     "! missing (draft-ffm-rats-cca-token section 4.8.1)\n"},
    {"parsec-cca: no PAT", &atls_format_parsec_cca, parsec_without_pat, WHOLE, false, "! missing (Parsec key attestation for Arm CCA (veraison/parsec, cca))\n"},
    {"parsec-cca: realm token", &atls_format_parsec_cca, nothing, TOKEN_OF_REALM, false, 
     "ok CCA realm claims as profile tag:arm.com,2023:realm#1.0.0\n"
     "ok signature of CCA realm token verifies with its own key (RAK)\n"
     "nonce of realm token: 64 bytes c2de\n"
     "key: realm attestation key (RAK) rak\n"},
    {"parsec-cca: realm token inside", &atls_format_parsec_cca, nothing, TOKEN_OF_REALM, true, 
     "ok CCA realm claims as profile tag:arm.com,2023:realm#1.0.0\n"
     "ok signature of CCA realm token verifies with its own key (RAK)\n"
     "key: realm attestation key (RAK) rak\n"},
    {"parsec-cca: realm token by another key", &atls_format_parsec_cca, realm_by_another, TOKEN_OF_REALM, false, 
     "ok CCA realm claims as profile tag:arm.com,2023:realm#1.0.0\n"
     "signature signature of CCA realm token\n"
     "nonce of realm token: 64 bytes c2de\n"
     "key: realm attestation key (RAK) rak\n"},
    {"parsec-cca: realm token without claims", &atls_format_parsec_cca, realm_claims_empty, TOKEN_OF_REALM, false, "missing CCA realm claims\n"},
    {"parsec-cca: realm token of another profile", &atls_format_parsec_cca, realm_profile_unsupported, TOKEN_OF_REALM, false, "not checked: CCA realm claims: draft-ffm-rats-cca-token section 4.8.2\n"},
    {"parsec-cca: realm token without a profile", &atls_format_parsec_cca, older, TOKEN_OF_REALM, false, 
     "ok CCA realm claims without a profile of their own\n"
     "ok signature of CCA realm token verifies with its own key (RAK)\n"
     "nonce of realm token: 64 bytes c2de\n"
     "key: realm attestation key (RAK) rak\n"},
    {"parsec-tpm: good", &atls_format_parsec_tpm, nothing, WHOLE, false, 
     PUBLIC ATTRIBUTES SCHEME POINT CERTIFICATION A_QUOTE SAME_AK NAMED KEPT BY_KAT ITS_NONCE ITS_KEY BY_AK},
    {"parsec-tpm: inside other evidence", &atls_format_parsec_tpm, nothing, WHOLE, true, 
     PUBLIC ATTRIBUTES SCHEME POINT CERTIFICATION A_QUOTE SAME_AK NAMED KEPT BY_KAT ITS_KEY BY_AK},
    {"parsec-tpm: tpm-quote=nonce", &atls_format_parsec_tpm, tpm_nonce, WHOLE, false, 
     PUBLIC ATTRIBUTES SCHEME POINT CERTIFICATION A_QUOTE SAME_AK NAMED KEPT
     "ok TPM quote: answers what the certification answers (tpm-quote=nonce)\n"
     ITS_NONCE ITS_KEY BY_AK},
    {"parsec-tpm: an old quote", &atls_format_parsec_tpm, tpm_quote_old, WHOLE, false, 
     PUBLIC ATTRIBUTES SCHEME POINT CERTIFICATION A_QUOTE SAME_AK NAMED KEPT
     "mismatch TPM quote\n"
     ITS_NONCE ITS_KEY BY_AK},
    {"parsec-tpm: another AK in the quote", &atls_format_parsec_tpm, tpm_other_kid, WHOLE, false, 
     PUBLIC ATTRIBUTES SCHEME POINT CERTIFICATION A_QUOTE
     "mismatch attestation key\n"
     NAMED KEPT BY_KAT ITS_NONCE ITS_KEY BY_AK},
    {"parsec-tpm: a key that may leave its TPM", &atls_format_parsec_tpm, tpm_unfixed, WHOLE, false, 
     PUBLIC
     "0x00040070 fixedParent sensitiveDataOrigin userWithAuth sign\n"
     SCHEME POINT CERTIFICATION A_QUOTE SAME_AK NAMED
     "untrusted attested key\n"
     BY_KAT ITS_NONCE ITS_KEY BY_AK},
    {"parsec-tpm: another key is certified", &atls_format_parsec_tpm, tpm_foreign_name, WHOLE, false, 
     PUBLIC ATTRIBUTES SCHEME POINT CERTIFICATION A_QUOTE SAME_AK
     "mismatch TPM certification\n"
     KEPT BY_KAT ITS_NONCE ITS_KEY BY_AK},
    {"parsec-tpm: two bits", &atls_format_parsec_tpm, tpm_two_bits, WHOLE, false, 
     PUBLIC ATTRIBUTES SCHEME POINT CERTIFICATION A_QUOTE SAME_AK NAMED KEPT BY_KAT ITS_NONCE ITS_KEY
     "signature of TPM certification (TPM 2.0 Part 2, TPMT_SIGNATURE): by its key signature, by another signature\n"
     "signature of TPM quote (TPM 2.0 Part 2, TPMT_SIGNATURE): by its key signature, by another signature\n"
     "not checked: pcrDigest: what the PCRs should hold is not in it\n"},
    {"parsec-tpm: no maps", &atls_format_parsec_tpm, no_collection, WHOLE, false, 
     "! missing (CCC attested-tls-poc, parsec-evidence-tpm)\n"
     "-: CBOR of 1 bytes a0\n"},
    {"parsec-tpm: structures of others", &atls_format_parsec_tpm, tpm_structures, WHOLE, false, 
     "kat: key attestation\n"
     "  kid: 33 bytes 0100\n"
     "  tpmVer: \"2.0\"\n"
     "  pubArea: TPMT_PUBLIC, 166 bytes\n"
     "    type: ECC, P-384\n"
     "    nameAlg: SHA-384\n"
     "    objectAttributes: 0x000f0ff6 fixedTPM stClear fixedParent sensitiveDataOrigin userWithAuth adminWithPolicy firmwareLimited svnLimited noDA encryptedDuplication restricted decrypt sign x509sign\n"
     "    authPolicy: 48 bytes 7768\n"
     "    scheme: any\n"
     "    x: 48 bytes 3d66\n"
     "    y: 48 bytes fac4\n"
     "  certInfo: TPMS_ATTEST, 1 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMS_ATTEST)\n"
     "    -: 1 bytes ff\n"
     "  sig: TPMT_SIGNATURE, 2 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMT_SIGNATURE)\n"
     "    -: 2 bytes 0018\n"
     "pat: platform attestation\n"
     "  kid: 33 bytes 0100\n"
     "  tpmVer: \"2.0\"\n"
     "  attestInfo: TPMS_ATTEST, 1 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMS_ATTEST)\n"
     "    -: 1 bytes ff\n"
     "  sig: TPMT_SIGNATURE, 2 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMT_SIGNATURE)\n"
     "    -: 2 bytes 0018\n"
     "! malformed (TPM 2.0 Part 2, TPMS_ATTEST)\n"},
    {"parsec-tpm: structures that are none", &atls_format_parsec_tpm, tpm_no_structures, WHOLE, false, 
     "kat: key attestation\n"
     "  kid: 33 bytes 0100\n"
     "  tpmVer: \"2.0\"\n"
     "  pubArea: TPMT_PUBLIC, 2 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMT_PUBLIC)\n"
     "    -: 2 bytes 0023\n"
     "  certInfo: TPMS_ATTEST, 2 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMS_ATTEST)\n"
     "    -: 2 bytes ff54\n"
     "  sig: TPMT_SIGNATURE, 2 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMT_SIGNATURE)\n"
     "    -: 2 bytes 0018\n"
     "pat: platform attestation\n"
     "  kid: 33 bytes 0100\n"
     "  tpmVer: \"2.0\"\n"
     "  attestInfo: TPMS_ATTEST, 2 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMS_ATTEST)\n"
     "    -: 2 bytes ff54\n"
     "  sig: TPMT_SIGNATURE, 2 bytes\n"
     "    ! malformed (TPM 2.0 Part 2, TPMT_SIGNATURE)\n"
     "    -: 2 bytes 0018\n"
     "! malformed (TPM 2.0 Part 2, TPMT_PUBLIC)\n"},
    {"ra-tls: good", &atls_format_ra_tls, nothing, WHOLE, false, 
     A_SGX_QUOTE
     "65535 (simulated)\n"
     "QE vendor: 16 bytes 4154\n"
     BODY
     "report data: 64 bytes 88fd\n"
     SIMULATED
     "ok report data is SHA-256 of the claims buffer\n"
     ANY_AGE},
    {"ra-tls: inside other evidence", &atls_format_ra_tls, nothing, WHOLE, true, 
     A_SGX_QUOTE
     "65535 (simulated)\n"
     "QE vendor: 16 bytes 4154\n"
     BODY
     "report data: 64 bytes 88fd\n"
     SIMULATED
     "ok report data is SHA-256 of the claims buffer\n"
     ANY_AGE},
    {"ra-tls: a quote of a TEE", &atls_format_ra_tls, quote_of_tee, WHOLE, false, 
     A_SGX_QUOTE
     "2 ECDSA with P-256\n"
     "QE vendor: 16 bytes 4154\n"
     BODY
     "report data: 64 bytes 88fd\n"
     NOT_SIMULATED
     "ok report data is SHA-256 of the claims buffer\n"
     ANY_AGE},
    {"ra-tls: a quote of another vendor", &atls_format_ra_tls, quote_of_vendor, WHOLE, false, 
     A_SGX_QUOTE
     "65535\n"
     "QE vendor: 16 bytes 4054\n"
     BODY
     "report data: 64 bytes 88fd\n"
     NOT_SIMULATED
     "ok report data is SHA-256 of the claims buffer\n"
     ANY_AGE},
    {"ra-tls: report data of other claims", &atls_format_ra_tls, quote_of_others, WHOLE, false, 
     A_SGX_QUOTE
     "65535 (simulated)\n"
     "QE vendor: 16 bytes 4154\n"
     BODY
     "report data: 64 bytes 89fd\n"
     SIMULATED
     "mismatch report data is SHA-256 of the claims buffer\n"
     ANY_AGE},
    {"ra-tls: a quote of an unknown version", &atls_format_ra_tls, quote_of_no_version, WHOLE, false, 
     "tag: 60000\n"
     "claims buffer: message of 51 bytes a16b, inside\n"
     "pubkey-hash: 32 bytes 7768\n"
     "! unsupported (Intel SGX and TDX DCAP, quote format)\n"
     ANY_AGE},
    {"ra-tls: no such collection", &atls_format_ra_tls, no_collection, WHOLE, false, 
     "! malformed (Interoperable RA-TLS, evidence formats)\n"
     "-: 1 bytes a0\n"},
    {"ra-tls: a nonce", &atls_format_ra_tls, ra_tls_nonce, WHOLE, false, 
     "tag: 60000\n"
     "claims buffer: message of 62 bytes a26b, inside\n"
     "pubkey-hash: 32 bytes 7768\n"
     "nonce: 4 bytes 0102\n"
     "! malformed (Intel SGX and TDX DCAP, quote format)\n"},
    {"ra-tls: a report of SGX", &atls_format_ra_tls, ra_tls_sgx_report, WHOLE, false, 
     "tag: 60002\n"
     "claims buffer: message of 62 bytes a26b, inside\n"
     "pubkey-hash: 32 bytes 7768\n"
     "nonce: 4 bytes 0102\n"
     "-: SGX report, 432 bytes\n"
     "attributes: 16 bytes 0000\n"
     "MRENCLAVE: 32 bytes 0000\n"
     "MRSIGNER: 32 bytes 0000\n"
     "report data: 64 bytes 0000\n"
     "mismatch report data is SHA-256 of the claims buffer\n"},
    {"ra-tls: a report of TDX", &atls_format_ra_tls, ra_tls_tdx_report, WHOLE, false, 
     "tag: 60001\n"
     "claims buffer: message of 51 bytes a16b, inside\n"
     "pubkey-hash: 32 bytes 7768\n"
     "-: TDX report, 1024 bytes\n"
     "attributes: 8 bytes 0000\n"
     "MRTD: 48 bytes 0000\n"
     "report data: 64 bytes 0000\n"
     "mismatch report data is SHA-256 of the claims buffer\n"
     ANY_AGE},
    {"parsec-tpm: another scheme", &atls_format_parsec_tpm, tpm_other_scheme, WHOLE, false, 
     PUBLIC ATTRIBUTES
     "    scheme: 0x001c, SHA-256\n"
     POINT CERTIFICATION A_QUOTE SAME_AK
     "mismatch TPM certification\n"
     "untrusted attested key\n"
     "mismatch TPM quote\n"
     ITS_NONCE ITS_KEY BY_AK},
};

/* Beginnings of messages, and who takes them for its own: a format, or its token. */
static const struct beginning {
    const char *name, *hex, *takes;
} beginnings[] = {
    {"nothing", "", ""},
    {"a number", "01", ""},
    {"a map of nothing", "a0", ""},
    {"a map cut off", "a1", ""},
    {"a key cut off", "a119", ""},
    {"a value cut off", "a10119", ""},
    {"a key that is a text", "a2 6161 00 1909c4 00", "cab:kat-claims "},
    {"a text as key cut off", "a1 6261", ""},
    {"a key of 64 bits", "a1 1bffffffffffffffff 00", ""},
    {"kak-pub", "a1 1909c4 00", "cab:kat-claims "},
    {"the key before kak-pub", "a1 1909c3 00", ""},
    {"the key behind kak-pub", "a1 1909c5 00", ""},
    {"kak-pub behind another", "a2 01 00 1909c4 00", "cab:kat-claims "},
    {"kak-pub behind one whose value is cut off", "a2 01 19", ""},
    {"kak-pub in a map of an indefinite length", "bf 1909c4 00 ff", "cab:kat-claims "},
    {"another key in a map of an indefinite length", "bf 01 00 ff", ""},
    {"PSA's client id", "a1 19095a 00", "psa:psa-claims "},
    {"PSA's first key", "a1 190959 00", ""},
    {"PSA's last key", "a1 190960 00", "psa:psa-claims "},
    {"behind PSA's last key: CCA's config", "a1 190961 00", "cca:cca-platform-claims "},
    {"CCA's hash algorithm", "a1 190962 00", "cca:cca-platform-claims "},
    {"behind CCA's keys", "a1 190963 00", ""},
    {"a client id and CCA's config", "a2 19095a 00 190961 00", "cca:cca-platform-claims "},
    {"a client id and CCA's hash algorithm", "a2 19095a 00 190962 00", "cca:cca-platform-claims "},
    {"PSA_IOT_PROFILE_1: its profile", "a1 3a000124f7 00", "psa:psa-claims "},
    {"PSA_IOT_PROFILE_1: its last key", "a1 3a00012501 00", "psa:psa-claims "},
    {"before those", "a1 3a000124f6 00", ""},
    {"behind those", "a1 3a00012502 00", ""},
    {"both PSA profiles", "a2 3a000124f7 00 190961 00", "psa:psa-claims cca:cca-platform-claims "},
    {"CCA realm: personalization", "a1 19accb 00", "parsec-cca:cca-realm-claims "},
    {"CCA realm: RAK's hash", "a1 19acd0 00", "parsec-cca:cca-realm-claims "},
    {"before those", "a1 19acca 00", ""},
    {"behind those", "a1 19acd1 00", ""},
    {"CCA collection: platform token", "d9038b a1 19acca 00", "cca "},
    {"CCA collection: realm token", "d9038b a1 19acd1 00", "cca "},
    {"CCA collection: neither", "d9038b a1 19acd2 00", ""},
    {"CCA collection: earlier tag", "d9018f a1 19acca 00", "cca "},
    {"another tag", "d9038a a1 19acca 00", ""},
    {"a tag cut off", "d903", ""},
    {"Parsec's KAT and PAT", "a2 636b6174 d90259 00 63706174 00", "parsec-cca "},
    {"Parsec's KAT alone", "a1 636b6174 d90259 00", ""},
    {"Parsec's PAT alone", "a1 63706174 00", ""},
    {"Parsec's KAT without a tag", "a2 636b6174 00 63706174 00", ""},
    {"Parsec's KAT with another tag", "a2 636b6174 d90258 00 63706174 00", ""},
    {"Parsec's PAT cut off", "a2 636b6174 d90259 00 63706174", ""},
    {"Parsec's KAT cut off", "a2 636b6174 d90259", ""},
    {"a TPM's", "a2 636b6174 a1 68 63657274496e666f 00 63706174 00", "parsec-tpm "},
    {"a TPM's without certInfo", "a2 636b6174 a0 63706174 00", ""},
    {"a TPM's PAT alone", "a1 63706174 00", ""},
    {"a TPM's KAT alone", "a1 636b6174 a1 68 63657274496e666f 00", ""},
    {"a TPM's, and a byte more", "a2 636b6174 a1 68 63657274496e666f 00 63706174 00 00", ""},
    {"a TPM's, whose names are bytes", "a2 43 6b6174 a1 68 63657274496e666f 00 43 706174 00", ""},
    {"a bundle: tag 18", "01 0001 d28443a1", "prototype "},
    {"a bundle: tag 61", "01 0001 d83dd2", "prototype "},
    {"a bundle: tag 61 around nothing", "01 0001 d83d00", ""},
    {"a bundle: another tag", "01 0001 d38443", ""},
    {"a bundle cut off", "01 0001 d2", ""},
    {"a bundle: tag 18, and a byte less than it takes", "01 0001 d284", ""},
    {"a bundle of another version", "02 0001 d28443a1", ""},
    {"RA-TLS", "d9ea60 82", "ra-tls "},
    {"RA-TLS: TDX report", "d9ea61 82", "ra-tls "},
    {"RA-TLS: SGX report", "d9ea62 82", "ra-tls "},
    {"behind those", "d9ea63 82", ""},
};
/* clang-format on */

#endif
