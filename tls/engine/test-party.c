/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a party from files, and what its certificate may be. */
#include "rats/test/test-table.h"

#include <errno.h>

#include "tls/engine/session-internal.h"
#include "tls/engine/test-pki.h"
#include "tls/gnutls/stack.h"

static struct test_pki pki;

static int start(struct atls_party *party, const char *certificate, const char *key)
{
    *party = (struct atls_party){
        .side = ATLS_SERVER, .stack = &atls_stack_gnutls, .profile = &atls_profile_ta_07};
    atls_code_points_default(&party->code_points);
    return atls_party_start(party, certificate, key, NULL);
}

static const struct file_row {
    const char *name, *certificate, *key; /* with a colon: no file */
    int result;
    const char *says;
} file_rows[] = {
    {"a certificate and its key", "server.pem", "server.key", 0, NULL},
    {"no certificate", "nobody.pem", "server.key", -ENOENT, "nobody.pem"},
    {"no key", "server.pem", "nobody.key", -ENOENT, "nobody.key"},
    {"a certificate that is none", "server.key", "server.key", ATLS_E_MALFORMED,
     "a chain of X.509 certificates"},
    {"a key that is none", "server.pem", "server.pem", ATLS_E_MALFORMED, "a private key in PEM"},
    {"a device's key, and no device", "server.pem", "device:1", -EINVAL,
     "device:1 needs the device's address"},
};

static void test_files(void **state)
{
    const struct file_row *row = *state;
    struct atls_party party;
    const char *key = strchr(row->key, ':') ? row->key : test_pki_file(&pki, row->key);
    test_outcome(start(&party, test_pki_file(&pki, row->certificate), key), row->result, NULL);
    if (row->says && !strstr(atls_error_text(), row->says))
        fail_msg("expected \"%s\", came \"%s\"", row->says, atls_error_text());
    atls_party_stop(&party);
}

static void write_key(gnutls_x509_privkey_t key)
{
    gnutls_datum_t pem;
    TEST_PKI_OK(
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem));
    test_pki_write(&pki, "leaf.key", pem);
}

/* A certificate for a key of that kind as leaf.pem, and the key as leaf.key. */
static void make_leaf(unsigned kind, unsigned bits)
{
    time_t now = time(NULL);
    struct test_issuer ca = test_pki_certify("ca", NULL, true, now - 3600, now + 86400);
    struct test_issuer leaf = test_pki_certify("leaf", &ca, false, now - 3600, now + 86400);
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    TEST_PKI_OK(gnutls_x509_privkey_init(&key));
    TEST_PKI_OK(gnutls_x509_privkey_generate(key, kind, bits, 0));
    TEST_PKI_OK(gnutls_x509_crt_set_key(leaf.certificate, key));
    TEST_PKI_OK(
        gnutls_x509_crt_sign2(leaf.certificate, ca.certificate, ca.key, GNUTLS_DIG_SHA256, 0));
    TEST_PKI_OK(gnutls_x509_crt_export2(leaf.certificate, GNUTLS_X509_FMT_PEM, &pem));
    test_pki_write(&pki, "leaf.pem", pem);
    write_key(key);
    gnutls_x509_privkey_deinit(key);
    test_pki_forget(&leaf);
    test_pki_forget(&ca);
}

static const struct kind_row {
    const char *name;
    unsigned kind, bits;
    int result;
    enum atls_curve curve;
} kind_rows[] = {
    {"P-256", GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0, ATLS_P256},
    {"P-384", GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), 0, ATLS_P384},
    {"P-521", GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1), ATLS_E_UNSUPPORTED,
     ATLS_P256},
    {"Ed25519", GNUTLS_PK_EDDSA_ED25519, 0, ATLS_E_UNSUPPORTED, ATLS_P256},
    {"RSA", GNUTLS_PK_RSA, 2048, ATLS_E_UNSUPPORTED, ATLS_P256},
};

/* An attester's key in a file is one that a device can have. */
static void test_own_key(void **state)
{
    const struct kind_row *row = *state;
    struct atls_party party;
    struct atls_public_key key;
    make_leaf(row->kind, row->bits);
    test_outcome(start(&party, test_pki_file(&pki, "leaf.pem"), test_pki_file(&pki, "leaf.key")), 0,
                 NULL);
    test_outcome(atls_party_own_key(&party, &key), row->result, NULL);
    if (row->result == 0)
        assert_int_equal(key.curve, row->curve);
    atls_party_stop(&party);
}

/* A leaf and its issuers, LENGTH certificates in all, as leaf.pem, and its key as leaf.key. */
static void make_chain(unsigned length)
{
    time_t now = time(NULL);
    struct test_issuer made[ATLS_CHAIN_MAX + 1];
    char *text = NULL;
    size_t size = 0;
    for (unsigned i = 0; i < length; i++) {
        bool issues = i + 1 < length;
        made[i] = test_pki_certify(issues ? "issuer" : "leaf", i > 0 ? &made[i - 1] : NULL, issues,
                                   now - 3600, now + 86400);
    }
    write_key(made[length - 1].key);
    for (unsigned i = length; i-- > 0;) {
        gnutls_datum_t pem;
        TEST_PKI_OK(gnutls_x509_crt_export2(made[i].certificate, GNUTLS_X509_FMT_PEM, &pem));
        text = realloc(text, size + pem.size);
        assert_non_null(text);
        memcpy(text + size, pem.data, pem.size);
        size += pem.size;
        gnutls_free(pem.data);
        test_pki_forget(&made[i]);
    }
    assert_int_equal(atls_write_file(test_pki_file(&pki, "leaf.pem"), ATLS_BYTES(text, size)), 0);
    free(text);
}

static void test_longest_chain(void **state)
{
    struct atls_party party;
    make_chain(ATLS_CHAIN_MAX);
    test_outcome(start(&party, test_pki_file(&pki, "leaf.pem"), test_pki_file(&pki, "leaf.key")), 0,
                 NULL);
    assert_int_equal(party.chain_size, ATLS_CHAIN_MAX);
    atls_party_stop(&party);
    make_chain(ATLS_CHAIN_MAX + 1); /* which is not cut */
    test_outcome(start(&party, test_pki_file(&pki, "leaf.pem"), test_pki_file(&pki, "leaf.key")),
                 ATLS_E_LIMIT, NULL);
    assert_non_null(strstr(atls_error_text(), "at most 8 certificates"));
    atls_party_stop(&party);
}

int main(void)
{
    static struct test_list list;
    test_pki_make(&pki);
    TEST_ADD_ROWS(&list, test_files, file_rows);
    TEST_ADD_ROWS(&list, test_own_key, kind_rows);
    TEST_ADD(&list, test_longest_chain);
    int failed = test_run("parties", &list);
    unlink(test_pki_file(&pki, "leaf.pem"));
    unlink(test_pki_file(&pki, "leaf.key"));
    test_pki_remove(&pki);
    return failed;
}
