/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for a benchmark: valid for a day, for 127.0.0.1. */
#include "tls/bench/pki.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/x509.h>

#include "rats/base/error.h"

#define DAY 86400

static int check(int code, const char *what)
{
    if (code >= 0)
        return 0;
    return atls_fail(ATLS_E_UNSUPPORTED, NULL, "%s: %s", what, gnutls_strerror(code));
}

/* What every certificate has. */
static int fill(gnutls_x509_crt_t crt, const char *name)
{
    static unsigned char serial[4] = {0x40, 0, 0, 0};
    time_t now = time(NULL);
    for (size_t i = sizeof serial; i-- > 1 && ++serial[i] == 0;)
        ;
    int result = gnutls_x509_crt_set_version(crt, 3);
    result = result ? result : gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
    result = result ? result : gnutls_x509_crt_set_activation_time(crt, now - DAY);
    result = result ? result : gnutls_x509_crt_set_expiration_time(crt, now + DAY);
    result = result ? result
                    : gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                                    (unsigned)strlen(name));
    return check(result, "certificate");
}

int bench_ca_make(struct bench_ca *cap)
{
    struct bench_ca ca = {NULL, NULL};
    int result = check(gnutls_x509_crt_init(&ca.certificate), "certificate");
    if (result == 0)
        result = check(gnutls_x509_privkey_init(&ca.key), "key");
    if (result == 0)
        result =
            check(gnutls_x509_privkey_generate(ca.key, GNUTLS_PK_ECDSA,
                                               GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                  "key of the CA");
    if (result == 0)
        result = fill(ca.certificate, "atls benchmark CA");
    if (result == 0)
        result = check(gnutls_x509_crt_set_key(ca.certificate, ca.key), "key of the CA");
    if (result == 0)
        result = check(gnutls_x509_crt_set_basic_constraints(ca.certificate, 1, -1), "CA");
    if (result == 0)
        result =
            check(gnutls_x509_crt_set_key_usage(ca.certificate, GNUTLS_KEY_KEY_CERT_SIGN), "CA");
    if (result == 0)
        result = check(
            gnutls_x509_crt_sign2(ca.certificate, ca.certificate, ca.key, GNUTLS_DIG_SHA256, 0),
            "CA");
    if (result == 0)
        *cap = ca;
    else
        bench_ca_clear(&ca);
    return result;
}

void bench_ca_clear(struct bench_ca *ca)
{
    if (ca->certificate)
        gnutls_x509_crt_deinit(ca->certificate);
    if (ca->key)
        gnutls_x509_privkey_deinit(ca->key);
    *ca = (struct bench_ca){NULL, NULL};
}

static int issue(const struct bench_ca *ca, gnutls_x509_crt_t leaf, gnutls_pubkey_t subject,
                 struct atls_bytes extension, gnutls_pcert_st *chainp)
{
    static const unsigned char address[4] = {127, 0, 0, 1};
    int result = fill(leaf, "atls benchmark");
    if (result == 0)
        result = check(gnutls_x509_crt_set_pubkey(leaf, subject), "key of a leaf");
    if (result == 0)
        result = check(gnutls_x509_crt_set_subject_alt_name(leaf, GNUTLS_SAN_IPADDRESS, address,
                                                            sizeof address, 0),
                       "name of a leaf");
    if (result == 0 && extension.size > 0)
        result =
            check(gnutls_x509_crt_set_extension_by_oid(leaf, atls_cmw_oid_text(ATLS_CMW_OID_PE),
                                                       extension.data, extension.size, 0),
                  "id-pe-cmw");
    if (result == 0)
        result = check(gnutls_x509_crt_sign2(leaf, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0),
                       "leaf");
    if (result == 0)
        result = check(gnutls_pcert_import_x509(chainp, leaf, 0), "leaf");
    return result;
}

static int issue_for(const struct bench_ca *ca, gnutls_pubkey_t subject,
                     struct atls_bytes extension, gnutls_pcert_st *chainp)
{
    gnutls_x509_crt_t leaf;
    int result = check(gnutls_x509_crt_init(&leaf), "leaf");
    if (result != 0)
        return result;
    result = issue(ca, leaf, subject, extension, chainp);
    gnutls_x509_crt_deinit(leaf);
    return result;
}

int bench_leaf(const struct bench_ca *ca, const struct atls_public_key *key, struct atls_bytes cmw,
               gnutls_pcert_st *chainp)
{
    uint8_t spki[ATLS_SPKI_MAX], *extension = NULL;
    size_t size = 0;
    gnutls_datum_t der = {spki, (unsigned)atls_spki_encode(key, spki)};
    gnutls_pubkey_t subject;
    int result = check(gnutls_pubkey_init(&subject), "key of a leaf");
    if (result != 0)
        return result;
    result = check(gnutls_pubkey_import(subject, &der, GNUTLS_X509_FMT_DER), "key of a leaf");
    if (result == 0 && cmw.size > 0)
        result = atls_cmw_x509_encode(ATLS_CMW_OID_PE, cmw, &extension, &size);
    if (result == 0)
        result = issue_for(ca, subject, ATLS_BYTES(extension, size), chainp);
    gnutls_pubkey_deinit(subject);
    free(extension);
    return result;
}

int bench_leaf_with_key(const struct bench_ca *ca, enum atls_curve curve, gnutls_pcert_st *chainp,
                        gnutls_privkey_t *keyp)
{
    gnutls_ecc_curve_t named =
        curve == ATLS_P384 ? GNUTLS_ECC_CURVE_SECP384R1 : GNUTLS_ECC_CURVE_SECP256R1;
    gnutls_privkey_t key;
    gnutls_pubkey_t subject;
    int result = check(gnutls_privkey_init(&key), "key of a leaf");
    if (result != 0)
        return result;
    result = check(gnutls_pubkey_init(&subject), "key of a leaf");
    if (result == 0) {
        result = check(
            gnutls_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(named), 0), "key");
        if (result == 0)
            result = check(gnutls_pubkey_import_privkey(subject, key, 0, 0), "key");
        if (result == 0)
            result = issue_for(ca, subject, (struct atls_bytes){NULL, 0}, chainp);
        gnutls_pubkey_deinit(subject);
    }
    if (result == 0)
        *keyp = key;
    else
        gnutls_privkey_deinit(key);
    return result;
}
