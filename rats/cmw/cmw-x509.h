/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CMW in an X.509 certificate (RFC 9999 section 4.4): the extension id-pe-cmw, whose value is
 *     CMW ::= CHOICE { json UTF8String, cbor OCTET STRING }
 * in DER; and TCG's tcg-dice-conceptual-message-wrapper, which has records and tags but no
 * collections, and whose value is the CMW as it is. (TCG's is also met with the CHOICE around it:
 * that is read too, never written.) TCG's extension is also where interoperable RA-TLS has its
 * evidence, an array with one of three tags that are no CMW's; inside of the programs that is a
 * record of ATLS_MT_RA_TLS. What a slot holds must be of the slot's serialization.
 */
#ifndef ATLS_RATS_CMW_CMW_X509_H
#define ATLS_RATS_CMW_CMW_X509_H

#include "rats/cmw/cmw.h"
#include "rats/crypto/crypto.h"

enum atls_cmw_oid { ATLS_CMW_OID_PE, ATLS_CMW_OID_TCG };
const char *atls_cmw_oid_text(enum atls_cmw_oid oid); /* "1.3.6.1.5.5.7.1.35", "2.23.133.5.4.9" */

/* The contents of extnValue for a CMW in either serialization, which is checked; *OUTP is
 * allocated. What atls_cmw_parse() says; ATLS_E_UNSUPPORTED: a collection for TCG's extension. */
int atls_cmw_x509_encode(enum atls_cmw_oid oid, struct atls_bytes cmw, uint8_t **outp,
                         size_t *sizep);
/* The same unchecked, in the slot of SLOT (TCG's has none): for tests of those who read it.
 * -ENOMEM; ATLS_E_LIMIT: its length needs more than three bytes. */
int atls_cmw_x509_put(enum atls_cmw_oid oid, enum atls_serialization slot, struct atls_bytes cmw,
                      uint8_t **outp, size_t *sizep);
/* RA-TLS's tags (IANA, CBOR tags). */
enum atls_ra_tls_tag {
    ATLS_TAG_TEE_QUOTE = 60000,
    ATLS_TAG_TEE_REPORT = 60001,
    ATLS_TAG_SGX_REPORT = 60002
};
/* Is it a CBOR item with one of them? -ENOMEM: that is not known. */
int atls_cmw_x509_is_bare(struct atls_bytes value, bool *is_barep);
/* The CMW in the contents of extnValue (borrowed from them), which has been parsed strictly in the
 * slot's serialization. ATLS_E_MALFORMED: no DER of the CHOICE, bytes behind it, no UTF-8, the
 * wrong slot; what atls_cmw_parse_as() says besides; ATLS_E_UNSUPPORTED as above. */
int atls_cmw_x509_decode(enum atls_cmw_oid oid, struct atls_bytes value, struct atls_bytes *cmwp,
                         enum atls_serialization *serializationp);

struct atls_x509_cmw { /* free the member with atls_x509_cmw_clear() */
    enum atls_cmw_oid oid;
    enum atls_serialization serialization;
    bool bare;     /* RA-TLS's tagged array stood there by itself; .cmw is a record around it */
    bool critical; /* the emitter SHOULD NOT; see atls_x509_cmw_alone_is_critical() */
    uint8_t *cmw;
    size_t size;
    bool has_key; /* false: the certificate's key is not of P-256 or P-384 */
    struct atls_public_key key;
};
void atls_x509_cmw_clear(struct atls_x509_cmw *found);
/* The CMW of a DER certificate: id-pe-cmw's, or TCG's where there is no id-pe-cmw. ATLS_E_MISSING:
 * neither; ATLS_E_MALFORMED: no certificate, an extension twice (RFC 5280 section 4.2); as
 * atls_cmw_x509_decode() besides. The certificate itself is not verified. */
int atls_x509_cmw_find(struct atls_bytes certificate, struct atls_x509_cmw *foundp);
/* The same of a certificate that has been parsed and verified: it is not parsed in full once more,
 * but where its DER is unusual. */
int atls_x509_cmw_find_verified(struct atls_bytes certificate, struct atls_x509_cmw *foundp);

/* RFC 5280 section 4.2: a critical extension that is not known refuses the certificate, and one
 * with a CMW is known to who reads it, if not to the TLS library. Is the one that
 * atls_x509_cmw_find() reads in the leaf of CHAIN (DER, the leaf first) critical, and no other
 * extension in the chain that a library does not know? Then, and only then, may who verifies the
 * chain pass over unknown critical extensions. False also where anything of it cannot be parsed. */
bool atls_x509_cmw_alone_is_critical(const struct atls_bytes *chain, size_t count);

/* The public key of a DER certificate. ATLS_E_MALFORMED: no certificate, or a key that is no point
 * of its curve; ATLS_E_UNSUPPORTED: a key that is not of P-256 or P-384. */
int atls_x509_public_key(struct atls_bytes certificate, struct atls_public_key *keyp);
/* The same of a certificate that has been parsed and verified; as atls_x509_cmw_find_verified(). */
int atls_x509_verified_key(struct atls_bytes certificate, struct atls_public_key *keyp);
/* What binds evidence in a certificate to the certificate's key, and is therefore its nonce: the
 * hash of the DER SubjectPublicKeyInfo by the hash of the key's curve, 32 or 48 bytes. */
int atls_x509_challenge(const struct atls_crypto *crypto, const struct atls_public_key *key,
                        uint8_t challengep[ATLS_HASH_MAX], size_t *sizep);

#endif
