/* SPDX-License-Identifier: Apache-2.0 */
/* Plain X.509 for tests: an anchor and what it issues, as PEM files in a directory of the test's.
 */
#ifndef ATLS_TLS_ENGINE_TEST_PKI_H
#define ATLS_TLS_ENGINE_TEST_PKI_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "program/program.h"

struct test_pki {
    char directory[256];
};

static inline const char *test_pki_file(const struct test_pki *pki, const char *name)
{
    static char paths[8][512]; /* a ring: a call may need several names at once */
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", pki->directory, name);
    return path;
}

#define TEST_PKI_OK(call)                                                                          \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            fprintf(stderr, "%s failed\n", #call);                                                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static inline void test_pki_write(const struct test_pki *pki, const char *name, gnutls_datum_t pem)
{
    TEST_PKI_OK(-atls_write_file(test_pki_file(pki, name), ATLS_BYTES(pem.data, pem.size)));
    gnutls_free(pem.data);
}

struct test_issuer {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

#define TEST_PKI_ELSEWHERE "elsewhere" /* is issued for another address than the others */

/* Issued by ISSUER (NULL: by itself, an anchor), valid from FROM until UNTIL. */
static inline struct test_issuer test_pki_certify(const char *name,
                                                  const struct test_issuer *issuer, bool is_ca,
                                                  time_t from, time_t until)
{
    static unsigned char serial = 1;
    struct test_issuer made;
    unsigned char address[4] = {127, 0, 0, 1};
    if (strcmp(name, TEST_PKI_ELSEWHERE) == 0)
        memcpy(address, "\xc0\x00\x02\x01", 4); /* RFC 5737 */
    TEST_PKI_OK(gnutls_x509_privkey_init(&made.key));
    TEST_PKI_OK(gnutls_x509_privkey_generate(made.key, GNUTLS_PK_ECDSA,
                                             GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    TEST_PKI_OK(gnutls_x509_crt_init(&made.certificate));
    TEST_PKI_OK(gnutls_x509_crt_set_version(made.certificate, 3));
    TEST_PKI_OK(gnutls_x509_crt_set_key(made.certificate, made.key));
    TEST_PKI_OK(gnutls_x509_crt_set_serial(made.certificate, &serial, 1));
    serial++;
    TEST_PKI_OK(gnutls_x509_crt_set_dn_by_oid(made.certificate, GNUTLS_OID_X520_COMMON_NAME, 0,
                                              name, (unsigned)strlen(name)));
    TEST_PKI_OK(gnutls_x509_crt_set_activation_time(made.certificate, from));
    TEST_PKI_OK(gnutls_x509_crt_set_expiration_time(made.certificate, until));
    TEST_PKI_OK(gnutls_x509_crt_set_ca_status(made.certificate, is_ca));
    TEST_PKI_OK(gnutls_x509_crt_set_subject_alt_name(made.certificate, GNUTLS_SAN_IPADDRESS,
                                                     address, 4, GNUTLS_FSAN_SET));
    TEST_PKI_OK(gnutls_x509_crt_sign2(made.certificate,
                                      issuer ? issuer->certificate : made.certificate,
                                      issuer ? issuer->key : made.key, GNUTLS_DIG_SHA256, 0));
    return made;
}

/* NAME.pem and NAME.key, issued by ISSUER (NULL: by itself, an anchor). Returns what can issue. */
static inline struct test_issuer test_pki_issue(const struct test_pki *pki, const char *name,
                                                const struct test_issuer *issuer)
{
    time_t now = time(NULL);
    struct test_issuer made = test_pki_certify(name, issuer, !issuer, now - 3600, now + 86400);
    gnutls_datum_t pem;
    char file[64];
    TEST_PKI_OK(gnutls_x509_crt_export2(made.certificate, GNUTLS_X509_FMT_PEM, &pem));
    snprintf(file, sizeof file, "%s.pem", name);
    test_pki_write(pki, file, pem);
    TEST_PKI_OK(gnutls_x509_privkey_export2(made.key, GNUTLS_X509_FMT_PEM, &pem));
    snprintf(file, sizeof file, "%s.key", name);
    test_pki_write(pki, file, pem);
    return made;
}

static inline void test_pki_forget(struct test_issuer *issuer)
{
    gnutls_x509_crt_deinit(issuer->certificate);
    gnutls_x509_privkey_deinit(issuer->key);
}

static const char *const test_pki_names[] = {"ca",       "client",   "server",
                                             "other-ca", "stranger", TEST_PKI_ELSEWHERE};

static inline void test_pki_make(struct test_pki *pki)
{
    const char *parent = getenv("TMPDIR");
    snprintf(pki->directory, sizeof pki->directory, "%s/atls-XXXXXX",
             parent && *parent != '\0' ? parent : P_tmpdir);
    if (!mkdtemp(pki->directory))
        abort();
    struct test_issuer ca = test_pki_issue(pki, "ca", NULL);
    struct test_issuer other = test_pki_issue(pki, "other-ca", NULL);
    struct test_issuer leaves[] = {
        test_pki_issue(pki, "client", &ca), test_pki_issue(pki, "server", &ca),
        test_pki_issue(pki, TEST_PKI_ELSEWHERE, &ca), test_pki_issue(pki, "stranger", &other)};
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
        test_pki_forget(&leaves[i]);
    test_pki_forget(&ca);
    test_pki_forget(&other);
}

static inline void test_pki_remove(const struct test_pki *pki)
{
    char file[64];
    for (size_t i = 0; i < sizeof test_pki_names / sizeof *test_pki_names; i++) {
        snprintf(file, sizeof file, "%s.pem", test_pki_names[i]);
        unlink(test_pki_file(pki, file));
        snprintf(file, sizeof file, "%s.key", test_pki_names[i]);
        unlink(test_pki_file(pki, file));
    }
    rmdir(pki->directory);
}

#endif
