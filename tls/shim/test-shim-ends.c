/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of a connection for the tests of the shims. */
#include "tls/shim/test-shim-ends.h"

#include <time.h>

#include <gnutls/crypto.h>

#define OK(call)                                                                                   \
    do {                                                                                           \
        int came_ = (call);                                                                        \
        if (came_ < 0)                                                                             \
            fail_msg("%s: %s", #call, gnutls_strerror(came_));                                     \
    } while (0)

struct issued {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

static struct issued anchor, issuer, leaf[2];
static gnutls_pcert_st chain[2][3], other_chain[3];
static gnutls_privkey_t leaf_key[2];
static gnutls_x509_trust_list_t trusted;

static struct issued issue(const char *name, const struct issued *by, bool is_leaf)
{
    static unsigned char serial = 1;
    struct issued made;
    OK(gnutls_x509_privkey_init(&made.key));
    OK(gnutls_x509_privkey_generate(made.key, GNUTLS_PK_ECDSA,
                                    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    OK(gnutls_x509_crt_init(&made.certificate));
    OK(gnutls_x509_crt_set_version(made.certificate, 3));
    OK(gnutls_x509_crt_set_key(made.certificate, made.key));
    OK(gnutls_x509_crt_set_serial(made.certificate, &serial, 1));
    serial++;
    OK(gnutls_x509_crt_set_dn_by_oid(made.certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                     (unsigned)strlen(name)));
    OK(gnutls_x509_crt_set_activation_time(made.certificate, time(NULL) - 3600));
    OK(gnutls_x509_crt_set_expiration_time(made.certificate, time(NULL) + 86400));
    if (is_leaf)
        OK(gnutls_x509_crt_set_subject_alt_name(made.certificate, GNUTLS_SAN_DNSNAME, name,
                                                (unsigned)strlen(name), GNUTLS_FSAN_SET));
    else
        OK(gnutls_x509_crt_set_ca_status(made.certificate, 1));
    OK(gnutls_x509_crt_sign2(made.certificate, by ? by->certificate : made.certificate,
                             by ? by->key : made.key, GNUTLS_DIG_SHA256, 0));
    return made;
}

void shim_pki_make(void)
{
    gnutls_datum_t pem;
    anchor = issue("anchor", NULL, false);
    issuer = issue("issuer", &anchor, false);
    for (size_t i = 0; i < 2; i++) {
        leaf[i] = issue(i == 0 ? "client.example" : "server.example", &issuer, true);
        OK(gnutls_privkey_init(&leaf_key[i]));
        OK(gnutls_privkey_import_x509(leaf_key[i], leaf[i].key, 0));
        OK(gnutls_pcert_import_x509(&chain[i][0], leaf[i].certificate, 0));
        OK(gnutls_pcert_import_x509(&chain[i][1], issuer.certificate, 0));
        OK(gnutls_pcert_import_x509(&chain[i][2], anchor.certificate, 0));
    }
    for (size_t i = 0; i < 3; i++)
        OK(gnutls_pcert_import_x509(&other_chain[i], issuer.certificate, 0));
    OK(gnutls_x509_trust_list_init(&trusted, 0));
    OK(gnutls_x509_crt_export2(anchor.certificate, GNUTLS_X509_FMT_PEM, &pem));
    OK(gnutls_x509_trust_list_add_trust_mem(trusted, &pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0));
    gnutls_free(pem.data);
}

void shim_pki_free(void)
{
    struct issued *all[] = {&anchor, &issuer, &leaf[0], &leaf[1]};
    gnutls_x509_trust_list_deinit(trusted, 1);
    for (size_t i = 0; i < 3; i++) {
        gnutls_pcert_deinit(&chain[0][i]);
        gnutls_pcert_deinit(&chain[1][i]);
        gnutls_pcert_deinit(&other_chain[i]);
    }
    for (size_t i = 0; i < 2; i++)
        gnutls_privkey_deinit(leaf_key[i]);
    for (size_t i = 0; i < 4; i++) {
        gnutls_x509_crt_deinit(all[i]->certificate);
        gnutls_x509_privkey_deinit(all[i]->key);
    }
}

struct shim_pem shim_pki_pem(bool is_server)
{
    struct shim_pem pem;
    gnutls_datum_t first, second;
    OK(gnutls_x509_crt_export2(leaf[is_server].certificate, GNUTLS_X509_FMT_PEM, &first));
    OK(gnutls_x509_crt_export2(issuer.certificate, GNUTLS_X509_FMT_PEM, &second));
    pem.chain.size = first.size + second.size;
    pem.chain.data = gnutls_malloc(pem.chain.size + 1);
    assert_non_null(pem.chain.data);
    memcpy(pem.chain.data, first.data, first.size);
    memcpy(pem.chain.data + first.size, second.data, second.size);
    pem.chain.data[pem.chain.size] = 0;
    gnutls_free(first.data);
    gnutls_free(second.data);
    OK(gnutls_x509_privkey_export2(leaf[is_server].key, GNUTLS_X509_FMT_PEM, &pem.key));
    OK(gnutls_x509_crt_export2(anchor.certificate, GNUTLS_X509_FMT_PEM, &pem.anchor));
    return pem;
}

void shim_pem_free(struct shim_pem *pem)
{
    gnutls_free(pem->chain.data);
    gnutls_free(pem->key.data);
    gnutls_free(pem->anchor.data);
}

static void keep_message(struct shim_end *end, unsigned type, const gnutls_datum_t *message)
{
    size_t size = end->messages_size;
    uint8_t *grown = realloc(end->messages, size + 4 + message->size);
    assert_non_null(grown);
    grown[size] = (uint8_t)type;
    grown[size + 1] = (uint8_t)(message->size >> 16);
    grown[size + 2] = (uint8_t)(message->size >> 8);
    grown[size + 3] = (uint8_t)message->size;
    if (message->size > 0)
        memcpy(grown + size + 4, message->data, message->size);
    end->messages = grown;
    end->messages_size = size + 4 + message->size;
}

static int hand_over(struct shim_end *end)
{
    const struct shim_plan *plan = end->plan;
    int result = atls_entry_shim_send(end->watch.shim,
                                      plan->other_chain ? other_chain : chain[end->is_server],
                                      plan->chain, plan->send, plan->send_count);
    if (result != 0)
        end->failure = result;
    return result;
}

static int hook(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                const gnutls_datum_t *message)
{
    struct shim_end *end = gnutls_session_get_ptr(tls);
    if (when == GNUTLS_HOOK_PRE)
        keep_message(end, type, message);
    if (type == GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST)
        end->hrr = true;
    if (!incoming && when == GNUTLS_HOOK_POST && type == GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS &&
        end->plan->late && hand_over(end) != 0)
        return GNUTLS_E_INTERNAL_ERROR;
    int result = atls_entry_shim_hook(end->watch.shim, type, when, incoming, message);
    if (result == 0)
        return 0;
    end->failure = result;
    return result == ATLS_E_MALFORMED ? GNUTLS_E_UNEXPECTED_PACKET_LENGTH : GNUTLS_E_INTERNAL_ERROR;
}

static int keylog(gnutls_session_t tls, const char *label, const gnutls_datum_t *value)
{
    struct shim_end *end = gnutls_session_get_ptr(tls);
    if (strcmp(label, "CLIENT_HANDSHAKE_TRAFFIC_SECRET") == 0)
        memcpy(end->traffic, value->data, value->size);
    atls_handshake_secret_keylog(&end->secret, label, value);
    return 0;
}

static int verify(gnutls_session_t tls)
{
    struct shim_end *end = gnutls_session_get_ptr(tls);
    const char *name = end->is_server ? "client.example" : "server.example";
    gnutls_typed_vdata_st host = {.type = GNUTLS_DT_DNS_HOSTNAME,
                                  .data = (unsigned char *)(uintptr_t)name};
    end->verified++;
    end->chain_outcome =
        atls_entry_shim_verify(end->watch.shim, trusted, &host, 1, 0, &end->status);
    return end->chain_outcome == 0 && end->status == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static int retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
                    gnutls_pcert_st **chainp, unsigned *chain_size, gnutls_ocsp_data_st **ocsp,
                    unsigned *ocsp_size, gnutls_privkey_t *key, unsigned *flags)
{
    struct shim_end *end = gnutls_session_get_ptr(tls);
    if (!end->plan->late && hand_over(end) != 0)
        return GNUTLS_E_INTERNAL_ERROR;
    *chainp = chain[end->is_server];
    *chain_size = (unsigned)end->plan->chain;
    *ocsp = NULL;
    *ocsp_size = 0;
    *key = leaf_key[end->is_server];
    *flags = 0;
    return 0;
}

void shim_open(struct shim_end *end, bool is_server, const struct shim_plan *plan,
               const char *priorities, unsigned flags)
{
    static const uint16_t types[] = {0xFF14, ATTESTATION};
    *end = (struct shim_end){.is_server = is_server, .plan = plan, .status = UINT32_MAX};
    flags |= is_server ? GNUTLS_SERVER : GNUTLS_CLIENT;
    flags |= plan->post_handshake ? (unsigned)GNUTLS_POST_HANDSHAKE_AUTH : 0U;
    assert_int_equal(atls_entry_shim_new(&end->watch.shim), 0);
    if (!plan->deaf)
        assert_int_equal(atls_entry_shim_expect(end->watch.shim, types, 2), 0);
    if (plan->request.type != 0)
        assert_int_equal(atls_entry_shim_request(end->watch.shim, &plan->request, 1), 0);
    end->watch.secret = &end->secret;
    end->end.watch = plan->blind ? NULL : &end->watch;
    OK(gnutls_certificate_allocate_credentials(&end->credentials));
    gnutls_certificate_set_retrieve_function3(end->credentials, retrieve);
    OK(gnutls_init(&end->end.tls, flags | GNUTLS_NO_TICKETS));
    OK(gnutls_priority_set_direct(end->end.tls, priorities, NULL));
    gnutls_session_set_ptr(end->end.tls, end);
    gnutls_session_set_keylog_function(end->end.tls, keylog);
    gnutls_session_set_verify_function(end->end.tls, verify);
    gnutls_handshake_set_max_packet_length(end->end.tls, 1 << 20);
    gnutls_handshake_set_hook_function(end->end.tls, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH, hook);
    OK(gnutls_credentials_set(end->end.tls, GNUTLS_CRD_CERTIFICATE, end->credentials));
    if (is_server && !plan->post_handshake)
        gnutls_certificate_server_set_request(end->end.tls, GNUTLS_CERT_REQUIRE);
}

void shim_close(struct shim_end *end)
{
    gnutls_deinit(end->end.tls);
    gnutls_certificate_free_credentials(end->credentials);
    atls_entry_shim_free(end->watch.shim);
    atls_handshake_secret_wipe(&end->secret);
    free(end->messages);
}

void shim_connect(struct shim_end *client, const struct shim_plan *client_plan,
                  struct shim_end *server, const struct shim_plan *server_plan, bool hrr)
{
    shim_open(client, false, client_plan, hrr ? TLS13_TWO_GROUPS : TLS13,
              GNUTLS_NONBLOCK | (hrr ? (unsigned)GNUTLS_KEY_SHARE_TOP : 0U));
    shim_open(server, true, server_plan, hrr ? TLS13_HRR : TLS13, GNUTLS_NONBLOCK);
    atls_memory_pair_join(&client->end, &server->end);
    atls_memory_pair_shake(&client->end, &server->end);
    assert_int_equal(client->hrr, hrr);
}

void shim_check_complete(const struct shim_end *client, const struct shim_end *server)
{
    const struct shim_end *ends[] = {client, server};
    for (size_t i = 0; i < 2; i++)
        if (ends[i]->end.result != 0 || ends[i]->failure != 0)
            fail_msg("%s: %s, shim %s (%s), chain %s, status %x", i == 0 ? "client" : "server",
                     gnutls_strerror(ends[i]->end.result), atls_error_name(ends[i]->failure),
                     atls_error_text(), atls_error_name(ends[i]->chain_outcome), ends[i]->status);
    test_same_bytes(ATLS_BYTES(client->messages, client->messages_size),
                    ATLS_BYTES(server->messages, server->messages_size));
    for (size_t i = 0; i < 2; i++) {
        if (ends[i]->is_server && ends[i]->plan->post_handshake)
            continue;
        assert_int_equal(ends[i]->verified, 1);
        assert_int_equal(ends[i]->chain_outcome, 0);
        assert_int_equal(ends[i]->status, 0);
    }
}

struct atls_bytes shim_payload(unsigned seed, size_t count)
{
    static uint8_t kept[32][ATLS_ENTRY_PAYLOAD_MAX + 8];
    assert_true(seed < COUNT(kept) && count <= sizeof kept[0]);
    uint32_t x = 2654435761U * (seed + 1);
    for (size_t i = 0; i < count; i++) {
        x = x * 1664525 + 1013904223;
        kept[seed][i] = (uint8_t)(x >> 24);
    }
    return ATLS_BYTES(kept[seed], count);
}

void shim_check_received(const struct shim_end *end, const struct shim_plan *plan)
{
    const struct atls_entry_received *list;
    const struct atls_bytes *came;
    size_t count = atls_entry_shim_received(end->watch.shim, &list), next = 0;
    assert_int_equal(count, plan->send_count);
    for (size_t entry = 0; entry < plan->chain; entry++)
        for (size_t i = 0; i < plan->send_count; i++) {
            if (plan->send[i].entry != entry)
                continue;
            assert_int_equal(list[next].entry, entry);
            assert_int_equal(list[next].type, plan->send[i].type);
            test_same_bytes(list[next].payload, plan->send[i].payload);
            next++;
        }
    assert_int_equal(atls_entry_shim_chain(end->watch.shim, &came), plan->chain);
    for (size_t i = 0; i < plan->chain; i++) {
        const gnutls_datum_t *sent = &chain[!end->is_server][i].cert;
        test_same_bytes(came[i], ATLS_BYTES(sent->data, sent->size));
    }
}
