/* SPDX-License-Identifier: Apache-2.0 */
/* The extension's DER by hand: two tags, one length. Certificates are taken apart by GnuTLS, but
 * those that it knows to be good already. */
#include "rats/cmw/cmw-x509.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/cbor/cbor-write.h"
#include "rats/cmw/certificate-der.h"

#define CLAUSE "RFC 9999 section 4.4"
#define OCTET_STRING 0x04
#define UTF8_STRING 0x0c
#define OID_TEXT_MAX 128
#define OID_PE_CONTENTS 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x23
#define OID_TCG_CONTENTS 0x67, 0x81, 0x05, 0x05, 0x04, 0x09
#define CERTIFICATE_MAX 0xffffffu /* TLS has no longer ones: RFC 8446 section 4.4.2 */

const char *atls_cmw_oid_text(enum atls_cmw_oid oid)
{
    return oid == ATLS_CMW_OID_TCG ? "2.23.133.5.4.9" : "1.3.6.1.5.5.7.1.35";
}

/* The CMW of a slot, for that extension; *CMWP, which was NULL, is the caller's in either case. */
static int parse_for(enum atls_cmw_oid oid, enum atls_serialization serialization,
                     struct atls_bytes in, struct atls_cmw **cmwp)
{
    if (serialization == ATLS_JSON && !atls_bytes_is_utf8(in))
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "a UTF8String holds UTF-8, this one does not");
    int result = atls_cmw_parse_as(serialization, in, cmwp);
    if (!result && oid == ATLS_CMW_OID_TCG && (*cmwp)->form == ATLS_CMW_COLLECTION)
        result = atls_fail(ATLS_E_UNSUPPORTED, CLAUSE,
                           "TCG's extension holds a record or a tag, a collection came");
    return result;
}

int atls_cmw_x509_put(enum atls_cmw_oid oid, enum atls_serialization slot, struct atls_bytes cmw,
                      uint8_t **outp, size_t *sizep)
{
    static const size_t head_max = 5;
    struct atls_bytes out;
    uint8_t *data = malloc(cmw.size + head_max);
    if (!data)
        return atls_fail(-ENOMEM, NULL, "no memory for an extension");
    struct atls_sink sink = atls_sink_of(data, cmw.size + head_max);
    if (oid == ATLS_CMW_OID_PE)
        atls_der_put_head(&sink, slot == ATLS_JSON ? UTF8_STRING : OCTET_STRING, cmw.size);
    atls_sink_bytes(&sink, cmw);
    int result = atls_sink_done(&sink, &out);
    if (result) {
        free(data);
        return result;
    }
    *outp = data;
    *sizep = out.size;
    return 0;
}

int atls_cmw_x509_is_bare(struct atls_bytes value, bool *is_barep)
{
    struct atls_cbor_reader r;
    uint64_t tag = 0;
    int result = atls_cbor_open(&r, value, &atls_cbor_lenient, NULL);

    if (result == -ENOMEM)
        return result;
    if (result == 0 && atls_cbor_peek(&r) == ATLS_CBOR_TAG)
        result = atls_cbor_read_tag(&r, "tag", &tag);
    *is_barep = result == 0 && tag >= ATLS_TAG_TEE_QUOTE && tag <= ATLS_TAG_SGX_REPORT;
    return 0;
}

/* A record of RA-TLS goes into TCG's extension as what is in it, without the record. */
static int choose_value(enum atls_cmw_oid oid, const struct atls_cmw *parsed,
                        struct atls_bytes *cmw)
{
    bool is_bare = false;
    int result = 0;

    if (oid == ATLS_CMW_OID_TCG && parsed->form == ATLS_CMW_RECORD &&
        atls_cmw_type_is(parsed, ATLS_MT_RA_TLS))
        result = atls_cmw_x509_is_bare(parsed->value, &is_bare);
    if (is_bare)
        *cmw = parsed->value;
    return result;
}

int atls_cmw_x509_encode(enum atls_cmw_oid oid, struct atls_bytes cmw, uint8_t **outp,
                         size_t *sizep)
{
    enum atls_serialization serialization;
    struct atls_cmw *parsed = NULL;
    int result = atls_cmw_sniff(cmw, &serialization);

    result = result ? result : parse_for(oid, serialization, cmw, &parsed);
    result = result ? result : choose_value(oid, parsed, &cmw);
    result = result ? result : atls_cmw_x509_put(oid, serialization, cmw, outp, sizep);
    atls_cmw_free(parsed);
    return result;
}

static int read_choice(struct atls_bytes value, struct atls_bytes *cmwp,
                       enum atls_serialization *serializationp)
{
    struct atls_cursor c = atls_cursor_of(value, CLAUSE);
    struct atls_bytes contents;
    uint8_t tag;
    size_t size = 0;
    int result = atls_cursor_u8(&c, "CHOICE of id-pe-cmw", &tag);

    if (result)
        return result;
    if (tag != OCTET_STRING && tag != UTF8_STRING)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                         "expected OCTET STRING (04) or UTF8String (0c), came tag %02x", tag);
    result = atls_der_length(&c, &size);
    result = result ? result : atls_cursor_take(&c, "CMW", size, &contents);
    result = result ? result : atls_cursor_end(&c, "id-pe-cmw");
    if (result)
        return result;
    *cmwp = contents;
    *serializationp = tag == UTF8_STRING ? ATLS_JSON : ATLS_CBOR;
    return 0;
}

int atls_cmw_x509_decode(enum atls_cmw_oid oid, struct atls_bytes value, struct atls_bytes *cmwp,
                         enum atls_serialization *serializationp)
{
    enum atls_serialization serialization;
    struct atls_cmw *parsed = NULL;
    struct atls_bytes cmw;
    int result;

    /* No CMW begins like either tag of the CHOICE. */
    if (oid == ATLS_CMW_OID_TCG && value.size && value.data[0] != OCTET_STRING &&
        value.data[0] != UTF8_STRING) {
        cmw = value;
        result = atls_cmw_sniff(value, &serialization);
    } else {
        result = read_choice(value, &cmw, &serialization);
    }
    result = result ? result : parse_for(oid, serialization, cmw, &parsed);
    atls_cmw_free(parsed);
    if (result)
        return result;
    *cmwp = cmw;
    *serializationp = serialization;
    return 0;
}

void atls_x509_cmw_clear(struct atls_x509_cmw *found)
{
    free(found->cmw);
    *found = (struct atls_x509_cmw){.cmw = NULL};
}

static int open_certificate(struct atls_bytes certificate, gnutls_x509_crt_t *crtp)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)certificate.data, (unsigned)certificate.size};
    gnutls_x509_crt_t crt;

    if (certificate.size > CERTIFICATE_MAX)
        return atls_fail(ATLS_E_MALFORMED, "RFC 5280 section 4.1", "no certificate is so long");
    if (gnutls_x509_crt_init(&crt) < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for a certificate");
    int result = gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER);
    if (result < 0) {
        gnutls_x509_crt_deinit(crt);
        return atls_fail(atls_gnutls_error(result, ATLS_E_MALFORMED), "RFC 5280 section 4.1",
                         "expected a certificate in DER: %s", gnutls_strerror(result));
    }
    *crtp = crt;
    return 0;
}

/* The place of an extension among all; *PLACEP stays as it is where it is not there. GnuTLS parses
 * no certificate in which one comes twice. */
static int find_extension(gnutls_x509_crt_t crt, enum atls_cmw_oid oid, int *placep,
                          bool *criticalp)
{
    char text[OID_TEXT_MAX];
    unsigned critical;
    int result = 0;

    for (unsigned i = 0; result >= 0; i++) {
        size_t size = sizeof text;
        result = gnutls_x509_crt_get_extension_info(crt, i, text, &size, &critical);
        if (result >= 0 && strcmp(text, atls_cmw_oid_text(oid)) == 0) {
            *placep = (int)i;
            *criticalp = critical != 0;
        }
    }
    return result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE /* nothing was passed over */
               ? 0
               : atls_fail(atls_gnutls_error(result, ATLS_E_MALFORMED), "RFC 5280 section 4.2",
                           "an extension: %s", gnutls_strerror(result));
}

static int key_of(gnutls_x509_crt_t certificate, struct atls_public_key *keyp)
{
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size = sizeof spki;
    enum atls_curve curve;
    gnutls_pubkey_t key;

    if (gnutls_pubkey_init(&key) < 0)
        return atls_fail(-ENOMEM, NULL, "no memory for a key");
    unsigned bits = 0;
    const char *kind = "of a kind that GnuTLS does not know";
    int result = gnutls_pubkey_import_x509(key, certificate, 0);
    if (result == 0) {
        kind =
            gnutls_pk_get_name((gnutls_pk_algorithm_t)gnutls_pubkey_get_pk_algorithm(key, &bits));
        result = gnutls_pubkey_export(key, GNUTLS_X509_FMT_DER, spki, &size);
    }
    gnutls_pubkey_deinit(key);
    if (result == GNUTLS_E_MEMORY_ERROR)
        return atls_fail(-ENOMEM, NULL, "no memory for a key");
    if (result < 0 || !atls_spki_curve(ATLS_BYTES(spki, size), &curve))
        return atls_fail(ATLS_E_UNSUPPORTED, "RFC 5480 section 2",
                         "expected a certificate for a key of P-256 or P-384, the key is %s "
                         "(%u bits)",
                         kind, bits);
    return atls_spki_decode(ATLS_BYTES(spki, size), keyp);
}

static int wrap_bare(struct atls_bytes value, struct atls_x509_cmw *found)
{
    size_t room = value.size + sizeof ATLS_MT_RA_TLS + 16;
    struct atls_bytes record = {NULL, 0};
    struct atls_cbor_writer w;
    int result;

    found->cmw = malloc(room);
    if (!found->cmw)
        return atls_fail(-ENOMEM, NULL, "no memory for a CMW");
    atls_cbor_write_init(&w, found->cmw, room);
    atls_cmw_write_record(&w, ATLS_MT_RA_TLS, value, 0);
    result = atls_cbor_write_done(&w, &record);
    found->size = record.size;
    return result;
}

/* VALUE is what stands in the extension found->oid. */
static int take_value(struct atls_bytes value, struct atls_x509_cmw *found)
{
    struct atls_bytes cmw;
    int result = 0;

    if (found->oid == ATLS_CMW_OID_TCG)
        result = atls_cmw_x509_is_bare(value, &found->bare);
    if (result)
        return result;
    if (found->bare)
        return wrap_bare(value, found);
    result = atls_cmw_x509_decode(found->oid, value, &cmw, &found->serialization);
    if (result == 0 && !(found->cmw = malloc(cmw.size)))
        result = atls_fail(-ENOMEM, NULL, "no memory for a CMW");
    if (result == 0) {
        memcpy(found->cmw, cmw.data, cmw.size);
        found->size = cmw.size;
    }
    return result;
}

static int take_extension(gnutls_x509_crt_t crt, int place, struct atls_x509_cmw *found)
{
    gnutls_datum_t value = {NULL, 0};
    int result = gnutls_x509_crt_get_extension_data2(crt, (unsigned)place, &value);

    if (result < 0) /* it is there: no memory */
        return atls_fail(-ENOMEM, NULL, "the extension %s: %s", atls_cmw_oid_text(found->oid),
                         gnutls_strerror(result));
    result = take_value(ATLS_BYTES(value.data, value.size), found);
    gnutls_free(value.data);
    return result;
}

static int fail_no_cmw(void)
{
    return atls_fail(ATLS_E_MISSING, CLAUSE, "the certificate has no extension with a CMW");
}

int atls_x509_cmw_find(struct atls_bytes certificate, struct atls_x509_cmw *foundp)
{
    static const enum atls_cmw_oid oids[] = {ATLS_CMW_OID_PE, ATLS_CMW_OID_TCG};
    struct atls_x509_cmw found = {.serialization = ATLS_CBOR}; /* that of a bare one */
    gnutls_x509_crt_t crt = NULL;
    int place = -1, rc = open_certificate(certificate, &crt);

    for (unsigned i = 0; i < 2 && rc == 0 && place < 0; i++) {
        found.oid = oids[i];
        rc = find_extension(crt, found.oid, &place, &found.critical);
    }
    if (rc == 0 && place < 0)
        rc = fail_no_cmw();
    rc = rc ? rc : take_extension(crt, place, &found);
    if (rc == 0) {
        int key = key_of(crt, &found.key);
        found.has_key = key == 0; /* one of another kind is none of an attester's */
        rc = key < 0 ? key : 0;
    }
    if (rc == 0)
        *foundp = found;
    else
        atls_x509_cmw_clear(&found);
    gnutls_x509_crt_deinit(crt);
    return rc;
}

/* The extensions with a CMW among all, by enum atls_cmw_oid; .value.data NULL: not there. */
static int find_in_der(struct atls_bytes extensions, struct atls_extension_der found[2])
{
    static const uint8_t pe[] = {OID_PE_CONTENTS}, tcg[] = {OID_TCG_CONTENTS};
    const struct atls_bytes oids[] = {
        [ATLS_CMW_OID_PE] = ATLS_BYTES(pe, sizeof pe),
        [ATLS_CMW_OID_TCG] = ATLS_BYTES(tcg, sizeof tcg),
    };
    struct atls_cursor c = atls_cursor_of(extensions, "RFC 5280 section 4.1");
    struct atls_extension_der next;

    memset(found, 0, 2 * sizeof *found);
    while (c.left > 0) {
        int result = atls_certificate_der_next(&c, &next);
        for (unsigned i = 0; i < 2 && result == 0; i++) {
            if (!atls_bytes_equal(next.oid, oids[i]))
                continue;
            if (found[i].value.data)
                result = atls_fail(ATLS_E_MALFORMED, "RFC 5280 section 4.2",
                                   "the extension %s came twice", atls_cmw_oid_text(i));
            found[i] = next;
        }
        if (result)
            return result;
    }
    return 0;
}

int atls_x509_cmw_find_verified(struct atls_bytes certificate, struct atls_x509_cmw *foundp)
{
    struct atls_certificate_der opened;
    struct atls_extension_der extensions[2];
    enum atls_curve curve;

    if (atls_certificate_der_open(certificate, &opened) || !atls_spki_curve(opened.spki, &curve) ||
        find_in_der(opened.extensions, extensions))
        return atls_x509_cmw_find(certificate, foundp);
    bool is_pe = extensions[ATLS_CMW_OID_PE].value.data != NULL;
    struct atls_x509_cmw found = {.serialization = ATLS_CBOR,
                                  .oid = is_pe ? ATLS_CMW_OID_PE : ATLS_CMW_OID_TCG};
    if (!extensions[found.oid].value.data)
        return fail_no_cmw();
    found.critical = extensions[found.oid].critical;
    int result = take_value(extensions[found.oid].value, &found);
    if (result) {
        atls_x509_cmw_clear(&found);
        return result;
    }
    found.has_key = atls_spki_decode(opened.spki, &found.key) == 0;
    *foundp = found;
    return 0;
}

/* What GnuTLS knows of its own (lib/x509/supported_exts.gperf). */
static bool library_knows(const char *oid)
{
    static const char *const known[] = {
        "2.5.29.14",          /* subjectKeyIdentifier */
        "2.5.29.15",          /* keyUsage */
        "2.5.29.17",          /* subjectAltName */
        "2.5.29.18",          /* issuerAltName */
        "2.5.29.19",          /* basicConstraints */
        "2.5.29.30",          /* nameConstraints */
        "2.5.29.31",          /* cRLDistributionPoints */
        "2.5.29.32",          /* certificatePolicies */
        "2.5.29.35",          /* authorityKeyIdentifier */
        "2.5.29.37",          /* extKeyUsage */
        "1.3.6.1.5.5.7.1.1",  /* authorityInfoAccess */
        "1.3.6.1.5.5.7.1.14", /* proxyCertInfo */
        "1.3.6.1.5.5.7.1.24", /* tlsfeature */
    };
    bool is_known = false;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_known = is_known || strcmp(oid, known[i]) == 0;
    return is_known;
}

/* Are all critical extensions known, to the library or as HANDLED (or NULL)? */
static bool all_critical_known(gnutls_x509_crt_t crt, const char *handled)
{
    char text[OID_TEXT_MAX];
    unsigned critical = 0;
    int result = 0;

    for (unsigned i = 0; result >= 0; i++) {
        size_t size = sizeof text;
        result = gnutls_x509_crt_get_extension_info(crt, i, text, &size, &critical);
        if (result >= 0 && critical && !library_knows(text) &&
            (!handled || strcmp(text, handled) != 0))
            return false;
    }
    return result == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; /* nothing was passed over */
}

/* Do these bytes have, in DER, a critical extension with a CMW anywhere? It is rare, and what is
 * not there need not be looked for by a parser. */
static bool may_be_critical(struct atls_bytes certificate)
{
    static const uint8_t pe[] = {0x06, 0x08, OID_PE_CONTENTS, 0x01};
    static const uint8_t tcg[] = {0x06, 0x06, OID_TCG_CONTENTS, 0x01};

    return memmem(certificate.data, certificate.size, pe, sizeof pe) ||
           memmem(certificate.data, certificate.size, tcg, sizeof tcg);
}

bool atls_x509_cmw_alone_is_critical(const struct atls_bytes *chain, size_t count)
{
    bool excused = false;

    if (count == 0 || !may_be_critical(chain[0]))
        return false;
    for (size_t i = 0; i < count; i++) {
        gnutls_x509_crt_t crt;
        bool pe_critical = false, tcg_critical = false;
        int pe = -1, tcg = -1;

        if (open_certificate(chain[i], &crt))
            return false;
        bool known = !find_extension(crt, ATLS_CMW_OID_PE, &pe, &pe_critical) &&
                     !find_extension(crt, ATLS_CMW_OID_TCG, &tcg, &tcg_critical);
        if (i == 0 && known) {
            enum atls_cmw_oid read = pe >= 0 ? ATLS_CMW_OID_PE : ATLS_CMW_OID_TCG;
            excused = pe >= 0 ? pe_critical : tcg_critical;
            known = all_critical_known(crt, atls_cmw_oid_text(read));
        } else if (known) {
            known = all_critical_known(crt, NULL);
        }
        gnutls_x509_crt_deinit(crt);
        if (!known)
            return false;
    }
    return excused;
}

int atls_x509_public_key(struct atls_bytes certificate, struct atls_public_key *keyp)
{
    gnutls_x509_crt_t crt = NULL;
    int result = open_certificate(certificate, &crt);

    if (result)
        return result;
    result = key_of(crt, keyp);
    gnutls_x509_crt_deinit(crt);
    return result;
}

int atls_x509_verified_key(struct atls_bytes certificate, struct atls_public_key *keyp)
{
    struct atls_certificate_der opened;
    enum atls_curve curve;

    if (atls_certificate_der_open(certificate, &opened) || !atls_spki_curve(opened.spki, &curve))
        return atls_x509_public_key(certificate, keyp);
    return atls_spki_decode(opened.spki, keyp);
}

int atls_x509_challenge(const struct atls_crypto *crypto, const struct atls_public_key *key,
                        uint8_t challengep[ATLS_HASH_MAX], size_t *sizep)
{
    enum atls_hash hash = atls_curve_hash(key->curve);
    uint8_t spki[ATLS_SPKI_MAX];
    struct atls_bytes part = ATLS_BYTES(spki, atls_spki_encode(key, spki));
    int result = crypto->hash(hash, &part, 1, challengep);

    if (result == 0)
        *sizep = atls_hash_size(hash);
    return result;
}
