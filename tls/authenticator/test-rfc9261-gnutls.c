/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exported authenticators over real sessions of GnuTLS: both ends export the same four values, and
 * those of another connection between the same ends are others.
 */
#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/authenticator/test-rfc9261.h"

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:"
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:-CIPHER-ALL:"

/* Its PRF is Streebog's (RFC 9189 section 4): no authenticator has a hash for that. */
#define GOST "NONE:+VERS-TLS1.2:+COMP-NULL:+GOST:+CTYPE-X509"

static struct test_key host, gost_host, p256, p384, ed25519;
static gnutls_certificate_credentials_t host_credentials, credentials;

struct end {
    gnutls_session_t session;
    int socket;
    struct atls_ea_gnutls adapter;
    struct atls_ea_connection connection;
    struct atls_ea ea;
};

static void open_end(struct end *end, bool is_server, int socket, const char *priorities)
{
    *end = (struct end){.socket = socket};
    assert_int_equal(
        gnutls_init(&end->session, (is_server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK),
        0);
    assert_int_equal(gnutls_priority_set_direct(end->session, priorities, NULL), 0);
    assert_int_equal(gnutls_credentials_set(end->session, GNUTLS_CRD_CERTIFICATE,
                                            is_server ? host_credentials : credentials),
                     0);
    gnutls_transport_set_int(end->session, socket);
}

static void connect_ends(struct end *client, struct end *server, const char *priorities)
{
    int pair[2], left = GNUTLS_E_AGAIN, right = GNUTLS_E_AGAIN;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    open_end(client, false, pair[0], priorities);
    open_end(server, true, pair[1], priorities);
    for (int i = 0; i < 50 && (left != 0 || right != 0); i++) {
        if (left != 0)
            left = gnutls_handshake(client->session);
        if (right != 0)
            right = gnutls_handshake(server->session);
        assert_true(left == 0 || left == GNUTLS_E_AGAIN);
        assert_true(right == 0 || right == GNUTLS_E_AGAIN);
    }
    assert_int_equal(left, 0);
    assert_int_equal(right, 0);
}

static void close_end(struct end *end)
{
    atls_ea_clear(&end->ea);
    gnutls_deinit(end->session);
    close(end->socket);
}

static int start(struct end *end, enum atls_ea_side side)
{
    int result = atls_ea_gnutls_connection(end->session, side, &end->adapter, &end->connection);

    return result ? result : atls_ea_init(&end->ea, &end->connection);
}

static const struct session_row {
    const char *name, *priorities;
    int adapts, outcome; /* of the adapter alone, and with what is made over it */
    size_t hash_size;
    const char *clause;
} session_rows[] = {
    {"TLS 1.3, SHA-256", TLS13 "+AES-128-GCM", 0, 0, 32, NULL},
    {"TLS 1.3, SHA-384", TLS13 "+AES-256-GCM", 0, 0, 48, NULL},
    {"TLS 1.2, SHA-256", TLS12 "+AES-128-GCM", 0, 0, 32, NULL},
    {"TLS 1.2, SHA-384", TLS12 "+AES-256-GCM", 0, 0, 48, NULL},
    {"TLS 1.2 without extended master secret", TLS12 "+AES-128-GCM:%NO_SESSION_HASH", 0,
     ATLS_E_UNSUPPORTED, 0, "RFC 9261 section 5.1"},
    {"TLS 1.2, Streebog-256", GOST, ATLS_E_UNSUPPORTED, ATLS_E_UNSUPPORTED, 0,
     "RFC 9261 section 5.1"},
    {"TLS 1.1", "NORMAL:-VERS-ALL:+VERS-TLS1.1:+SHA1:-KX-ALL:+ECDHE-ECDSA:+SIGN-ALL",
     ATLS_E_UNSUPPORTED, ATLS_E_UNSUPPORTED, 0, "RFC 9261 section 7"},
};

/* Not every build of the library has GOST. */
static bool has_gost(void)
{
    return gnutls_kx_get_id("VKO-GOST-12") != GNUTLS_KX_UNKNOWN;
}

static void sessions(void **state)
{
    const struct session_row *row = *state;
    if (strcmp(row->priorities, GOST) == 0 && !has_gost())
        skip();
    struct end client, server, other_client, other_server;
    struct atls_bytes context = TEXT("context"), request, made;
    struct atls_ea_entry entry;
    struct atls_ea_identity identity = test_identity(&p256, &entry, "evidence");
    struct atls_ea_authenticator a;
    struct atls_ea_request parsed;

    connect_ends(&client, &server, row->priorities);
    test_outcome(atls_ea_gnutls_connection(client.session, ATLS_EA_CLIENT, &client.adapter,
                                           &client.connection),
                 row->adapts, row->adapts ? row->clause : NULL);
    test_outcome(start(&client, ATLS_EA_CLIENT), row->outcome, row->clause);
    test_outcome(start(&server, ATLS_EA_SERVER), row->outcome, row->clause);
    if (row->outcome == 0) {
        assert_int_equal(client.connection.hash_size, row->hash_size);
        assert_memory_equal(client.ea.keys, server.ea.keys, sizeof client.ea.keys);
        request = test_request(&server.ea, context);
        test_outcome(atls_ea_take_request(&client.ea, request, &parsed), 0, NULL);
        made = test_answer(&client.ea, context, &identity);

        /* The same request on another connection of the same two: relayed, and refused. */
        connect_ends(&other_client, &other_server, row->priorities);
        test_outcome(start(&other_server, ATLS_EA_SERVER), 0, NULL);
        test_outcome(start(&other_client, ATLS_EA_CLIENT), 0, NULL);
        test_vector_free(test_request(&other_server.ea, context));
        test_outcome(atls_ea_validate(&other_server.ea, made, &context, &a), ATLS_E_SIGNATURE,
                     "RFC 9261 section 5.2.2");

        test_outcome(atls_ea_validate(&server.ea, made, &context, &a), 0, NULL);
        test_same_bytes(a.entries[0].certificate, entry.certificate);
        test_vector_free(request);
        test_vector_free(made);
        close_end(&other_client);
        close_end(&other_server);
    }
    close_end(&client);
    close_end(&server);
}

static void schemes_of_the_key(void **state)
{
    uint8_t signature[ATLS_EA_SIGNATURE_MAX];
    size_t size;

    test_outcome(atls_ea_gnutls_sign(p256.key, 0x0403, TEXT("x"), signature, 72, &size), 0, NULL);
    test_outcome(atls_ea_gnutls_sign(p256.key, 0x0403, TEXT("x"), signature, 8, &size),
                 ATLS_E_LIMIT, NULL);
    test_outcome(atls_ea_gnutls_sign(p256.key, 0x0401, TEXT("x"), signature, 72, &size),
                 ATLS_E_UNSUPPORTED, "RFC 8446 section 4.2.3");
    test_outcome(atls_ea_gnutls_sign(p256.key, 0x0807, TEXT("x"), signature, 72, &size),
                 ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2");
    test_outcome(atls_ea_gnutls_sign(p256.key, 0x0804, TEXT("x"), signature, 72, &size),
                 ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2");
    test_outcome(atls_ea_gnutls_sign(p256.key, 0x0503, TEXT("x"), signature, 72, &size),
                 ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2");
    test_outcome(atls_ea_gnutls_sign(p256.key, 0x0603, TEXT("x"), signature, 72, &size),
                 ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2");
    test_outcome(atls_ea_gnutls_sign(p384.key, 0x0403, TEXT("x"), signature, 72, &size),
                 ATLS_E_UNSUPPORTED, "RFC 9261 section 5.2.2");
    /* RFC 8032 section 5.1: 64 bytes, always. */
    test_outcome(atls_ea_gnutls_sign(ed25519.key, 0x0807, TEXT("x"), signature, 63, &size),
                 ATLS_E_LIMIT, NULL);
    test_outcome(atls_ea_gnutls_sign(ed25519.key, 0x0807, TEXT("x"), signature, 64, &size), 0,
                 NULL);
    assert_int_equal(size, 64);
}

static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *context,
                     unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
    return gnutls_privkey_sign_hash2(context, algorithm, flags, hash, signature);
}

static int sign_nothing(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *context,
                        unsigned flags, const gnutls_datum_t *hash, gnutls_datum_t *signature)
{
    return GNUTLS_E_PK_SIGN_FAILED;
}

static int info(gnutls_privkey_t key, unsigned flags, void *context)
{
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
        return GNUTLS_PK_ECDSA;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
        return 256;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
        return GNUTLS_FLAGS_TO_SIGN_ALGO(flags) == GNUTLS_SIGN_ECDSA_SECP256R1_SHA256;
    return -1;
}

static int info_without_bits(gnutls_privkey_t key, unsigned flags, void *context)
{
    return flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS ? -1 : info(key, flags, context);
}

/* A key that is elsewhere, in a device say, signs as well. */
static void keys_elsewhere(void **state)
{
    gnutls_privkey_info_func infos[] = {info, info_without_bits};
    struct atls_bytes leaf = ATLS_BYTES(p256.certificate.data, p256.certificate.size);
    struct atls_ea_gnutls adapter;
    struct atls_ea_connection connection;
    uint8_t signature[ATLS_EA_SIGNATURE_MAX];
    size_t size;

    atls_ea_gnutls_callbacks(&adapter, ATLS_EA_CLIENT, ATLS_SHA256, &connection);
    for (size_t i = 0; i < COUNT(infos); i++) {
        gnutls_privkey_t key;

        assert_int_equal(gnutls_privkey_init(&key), 0);
        assert_int_equal(
            gnutls_privkey_import_ext4(key, p256.key, NULL, sign_hash, NULL, NULL, infos[i], 0), 0);
        test_outcome(
            atls_ea_gnutls_sign(key, 0x0403, TEXT("x"), signature, sizeof signature, &size), 0,
            NULL);
        test_outcome(
            connection.verify(&adapter, 0x0403, leaf, TEXT("x"), ATLS_BYTES(signature, size)), 0,
            NULL);
        /* One that does not say its size is asked for any curve; the other side notices. */
        test_outcome(
            atls_ea_gnutls_sign(key, 0x0503, TEXT("x"), signature, sizeof signature, &size),
            infos[i] == info ? ATLS_E_UNSUPPORTED : 0, NULL);
        test_outcome(
            connection.verify(&adapter, 0x0503, leaf, TEXT("x"), ATLS_BYTES(signature, size)),
            ATLS_E_SIGNATURE, "RFC 8446 section 4.2.3");
        gnutls_privkey_deinit(key);
    }
}

/* What a device says is its own fault, not that of the scheme. */
static void a_key_elsewhere_that_fails(void **state)
{
    uint8_t signature[ATLS_EA_SIGNATURE_MAX];
    gnutls_privkey_t key;
    size_t size;

    assert_int_equal(gnutls_privkey_init(&key), 0);
    assert_int_equal(
        gnutls_privkey_import_ext4(key, p256.key, NULL, sign_nothing, NULL, NULL, info, 0), 0);
    test_outcome(atls_ea_gnutls_sign(key, 0x0403, TEXT("x"), signature, sizeof signature, &size),
                 -EIO, NULL);
    gnutls_privkey_deinit(key);
}

/* A signature that is right but for the curve that its scheme names: the library would take it. */
static void schemes_have_their_curve(void **state)
{
    struct atls_bytes leaf = ATLS_BYTES(p256.certificate.data, p256.certificate.size);
    gnutls_datum_t data = {(unsigned char *)"x", 1}, signature;
    struct atls_ea_gnutls adapter;
    struct atls_ea_connection connection;

    atls_ea_gnutls_callbacks(&adapter, ATLS_EA_CLIENT, ATLS_SHA256, &connection);
    assert_int_equal(gnutls_privkey_sign_data2(p256.key, GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, 0,
                                               &data, &signature),
                     0);
    test_outcome(connection.verify(&adapter, 0x0503, leaf, TEXT("x"),
                                   ATLS_BYTES(signature.data, signature.size)),
                 ATLS_E_SIGNATURE, "RFC 8446 section 4.2.3");
    gnutls_free(signature.data);
}

/* What comes as the leaf is whatever a peer likes. */
static void leaves(void **state)
{
    struct atls_ea_gnutls adapter;
    struct atls_ea_connection connection;

    atls_ea_gnutls_callbacks(&adapter, ATLS_EA_CLIENT, ATLS_SHA256, &connection);
    test_outcome(connection.verify(&adapter, 0x0403, TEXT("no certificate"), TEXT("x"), TEXT("y")),
                 ATLS_E_MALFORMED, "RFC 8446 section 4.4.2");
    test_outcome(connection.verify(&adapter, 0x0403,
                                   ATLS_BYTES(p256.certificate.data, p256.certificate.size),
                                   TEXT("x"), TEXT("y")),
                 ATLS_E_SIGNATURE, "RFC 9261 section 5.2.2");
    test_outcome(connection.verify(&adapter, 0x0403,
                                   ATLS_BYTES(p256.certificate.data, p256.certificate.size),
                                   TEXT("x"), EMPTY),
                 ATLS_E_SIGNATURE, "RFC 9261 section 5.2.2");
    test_outcome(connection.verify(&adapter, 0xfe00,
                                   ATLS_BYTES(p256.certificate.data, p256.certificate.size),
                                   TEXT("x"), TEXT("y")),
                 ATLS_E_UNSUPPORTED, "RFC 8446 section 4.2.3");
}

static bool use_as_host(const struct test_key *k)
{
    gnutls_pcert_st chain;
    return gnutls_pcert_import_x509_raw(&chain, &k->certificate, GNUTLS_X509_FMT_DER, 0) == 0 &&
           gnutls_certificate_set_key(host_credentials, NULL, 0, &chain, 1, k->key) >= 0;
}

int main(void)
{
    static struct test_list list;
    int failed;

    test_key_make(&host, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0x0403);
    test_key_make(&p256, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0x0403);
    test_key_make(&p384, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), 0x0503);
    test_key_make(&ed25519, GNUTLS_PK_EDDSA_ED25519, 0, 0x0807);
    if (gnutls_certificate_allocate_credentials(&host_credentials) < 0 ||
        gnutls_certificate_allocate_credentials(&credentials) < 0 || !use_as_host(&host))
        return 2;
    if (has_gost()) {
        test_key_make(&gost_host, GNUTLS_PK_GOST_12_256,
                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_GOST256CPA), 0);
        if (!use_as_host(&gost_host))
            return 2;
    }
    TEST_ADD_ROWS(&list, sessions, session_rows);
    TEST_ADD(&list, schemes_of_the_key);
    TEST_ADD(&list, keys_elsewhere);
    TEST_ADD(&list, a_key_elsewhere_that_fails);
    TEST_ADD(&list, schemes_have_their_curve);
    TEST_ADD(&list, leaves);
    failed = test_run("rfc9261-gnutls", &list);
    gnutls_certificate_free_credentials(host_credentials); /* with the hosts' keys */
    gnutls_certificate_free_credentials(credentials);
    gnutls_free(host.certificate.data);
    gnutls_free(gost_host.certificate.data);
    test_key_free(&p256);
    test_key_free(&p384);
    test_key_free(&ed25519);
    return failed;
}
