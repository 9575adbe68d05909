/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of exported authenticators share: keys with self-signed certificates, and both
 * ends of a connection whose exporter is a function of a number instead of a handshake.
 */
#ifndef ATLS_TLS_AUTHENTICATOR_TEST_RFC9261_H
#define ATLS_TLS_AUTHENTICATOR_TEST_RFC9261_H

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "rats/test/test-table.h"
#include "tls/authenticator/rfc9261-gnutls.h"
#include "tls/wire/binder.h"

#define CMW_ATTESTATION 0xff00
#define EMPTY ATLS_BYTES(NULL, 0)
#define TEXT(text) atls_bytes_of_text(text)

struct test_key {
    gnutls_privkey_t key;
    gnutls_datum_t certificate;
    uint16_t scheme;
};

static inline void test_key_make(struct test_key *k, gnutls_pk_algorithm_t algorithm, unsigned bits,
                                 uint16_t scheme)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    uint8_t serial = 1;

    assert_int_equal(gnutls_x509_privkey_init(&key), 0);
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_privkey_init(&k->key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(key, algorithm, bits, 0), 0);
    assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(crt, &serial, 1), 0);
    assert_int_equal(gnutls_x509_crt_set_activation_time(crt, 0), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, 0x7fffffff), 0);
    assert_int_equal(gnutls_x509_crt_set_dn(crt, "CN=test", NULL), 0);
    assert_int_equal(gnutls_x509_crt_set_key(crt, key), 0);
    gnutls_digest_algorithm_t hash = algorithm == GNUTLS_PK_EDDSA_ED25519 ? GNUTLS_DIG_SHA512
                                     : algorithm == GNUTLS_PK_GOST_12_256 ? GNUTLS_DIG_STREEBOG_256
                                                                          : GNUTLS_DIG_SHA256;
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, hash, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &k->certificate), 0);
    assert_int_equal(gnutls_privkey_import_x509(k->key, key, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE),
                     0);
    gnutls_x509_crt_deinit(crt);
    k->scheme = scheme;
}

static inline void test_key_free(struct test_key *k)
{
    gnutls_privkey_deinit(k->key);
    gnutls_free(k->certificate.data);
}

/* A chain of one, with an extension in its entry where DATA is not NULL. */
static inline struct atls_ea_identity test_identity(const struct test_key *k,
                                                    struct atls_ea_entry *entry, const char *data)
{
    *entry =
        (struct atls_ea_entry){.certificate = ATLS_BYTES(k->certificate.data, k->certificate.size),
                               .extensions = {{CMW_ATTESTATION, TEXT(data)}},
                               .extension_count = data ? 1 : 0};
    return (struct atls_ea_identity){.entries = entry,
                                     .entry_count = 1,
                                     .scheme = k->scheme,
                                     .sign = atls_ea_gnutls_sign,
                                     .context = k->key};
}

struct test_end {
    struct atls_ea_gnutls adapter; /* first: the callbacks' context */
    struct atls_ea_connection connection;
    struct atls_ea ea;
    uint8_t number;          /* of the connection */
    uint8_t finished_number; /* another where its finished keys are to differ only */
};

static inline int test_export(void *context, const char *label, struct atls_bytes context_value,
                              uint8_t *valuep, size_t size)
{
    const struct test_end *end = context;
    uint8_t number = strstr(label, "finished") ? end->finished_number : end->number;

    assert_int_equal(context_value.size, 0); /* RFC 9261 section 5.1 */
    assert_int_equal(size, end->connection.hash_size);
    return atls_hmac(end->adapter.hash, ATLS_BYTES(&number, 1), TEXT(label), valuep);
}

static inline void test_end_init(struct test_end *end, enum atls_ea_side side, enum atls_hash hash,
                                 uint8_t number, uint8_t finished_number)
{
    atls_ea_gnutls_callbacks(&end->adapter, side, hash, &end->connection);
    end->connection.context = end;
    end->connection.exporter = test_export;
    end->number = number;
    end->finished_number = finished_number;
    assert_int_equal(atls_ea_init(&end->ea, &end->connection), 0);
    assert_int_equal(end->ea.alert, 0);
}

/* signature_algorithms: ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, ed25519 */
#define SCHEMES "0006040305030807"
/* The same as an extension block: with an empty cmw_attestation before it. */
#define HELLO_EXTENSIONS "ff000000 000d0008" SCHEMES

/* A request for cmw_attestation by EA, as test_bytes() has them. */
static inline struct atls_bytes test_request(struct atls_ea *ea, struct atls_bytes context)
{
    static const uint8_t schemes[] = {0, 6, 4, 3, 5, 3, 8, 7};
    const struct atls_ea_extension extensions[] = {
        {CMW_ATTESTATION, EMPTY},
        {ATLS_EA_SIGNATURE_ALGORITHMS, ATLS_BYTES(schemes, sizeof schemes)}};
    uint8_t *request = NULL;
    size_t size = 0;

    test_outcome(atls_ea_make_request(ea, context, extensions, COUNT(extensions), &request, &size),
                 0, NULL);
    return ATLS_BYTES(request, size);
}

static inline struct atls_bytes test_answer(struct atls_ea *ea, struct atls_bytes context,
                                            const struct atls_ea_identity *identity)
{
    uint8_t *made = NULL;
    size_t size = 0;

    test_outcome(atls_ea_answer(ea, context, identity, &made, &size), 0, NULL);
    return ATLS_BYTES(made, size);
}

#endif
