/* SPDX-License-Identifier: Apache-2.0 */
/* What wolfSSL is given to start with: its context with certificates, trust anchors and groups. */
#include "harness/peers/wolfssl/stack.h"

#include <errno.h>
#include <stdlib.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>

#include "rats/base/error.h"

enum { P256_SIZE = 32, P384_SIZE = 48 };

const char *wolf_text(int code)
{
    static _Thread_local char text[WOLFSSL_MAX_ERROR_SZ];
    wolfSSL_ERR_error_string((unsigned long)code, text);
    return text;
}

static int fail_library(const char *what, int code)
{
    return atls_fail(-EIO, NULL, "wolfSSL, %s: %s (%d)", what, wolf_text(code), code);
}

static int load_anchors(struct wolf *wolf)
{
    for (size_t i = 0; i < wolf->credential.anchor_count; i++) {
        struct atls_bytes der = wolf->credential.anchors[i];
        int code = wolfSSL_CTX_load_verify_buffer(wolf->context, der.data, (long)der.size,
                                                  WOLFSSL_FILETYPE_ASN1);
        if (code == WOLFSSL_SUCCESS)
            code = wolfSSL_CertManagerLoadCABuffer(wolf->manager, der.data, (long)der.size,
                                                   WOLFSSL_FILETYPE_ASN1);
        if (code != WOLFSSL_SUCCESS)
            return fail_library("trust anchors", code);
    }
    return 0;
}

static int set_groups(const struct atls_party *party, struct wolf *wolf)
{
    static int all[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1};
    /* As the project's own endpoint has it: what one side offers first, the other has not. */
    static int of_client[] = {WOLFSSL_ECC_SECP521R1, WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1,
                              WOLFSSL_ECC_SECP384R1};
    static int of_server[] = {WOLFSSL_ECC_SECP384R1};
    int code = !party->hrr                  ? wolfSSL_CTX_set_groups(wolf->context, all, 3)
               : party->side == ATLS_CLIENT ? wolfSSL_CTX_set_groups(wolf->context, of_client, 4)
                                            : wolfSSL_CTX_set_groups(wolf->context, of_server, 1);
    return code == WOLFSSL_SUCCESS ? 0 : fail_library("groups", code);
}

/*
 * A key that signs nothing, of the size of the certificate's: the callback signs. wolfSSL 5.7.2
 * takes the length of a signature from it, and ends with "need the private key" without one.
 */
static int load_stand_in(struct wolf *wolf)
{
    unsigned char der[256]; /* of P-384: 167 bytes, RFC 5915 section 3 */
    int size = wolf->credential.leaf.curve == ATLS_P384 ? P384_SIZE : P256_SIZE;
    WC_RNG random;
    ecc_key key;
    int code = wc_InitRng(&random);
    if (code != 0)
        return fail_library("random numbers", code);
    code = wc_ecc_init(&key);
    if (code == 0)
        code = wc_ecc_make_key(&random, size, &key);
    if (code == 0)
        code = wc_EccKeyToDer(&key, der, sizeof der);
    wc_ecc_free(&key);
    wc_FreeRng(&random);
    if (code <= 0)
        return fail_library("stand-in for the key", code);
    code = wolfSSL_CTX_use_PrivateKey_buffer(wolf->context, der, code, WOLFSSL_FILETYPE_ASN1);
    return code == WOLFSSL_SUCCESS ? 0 : fail_library("stand-in for the key", code);
}

static int load_credential(const char *certificate, struct wolf *wolf)
{
    if (wolf->credential.chain_size == 0)
        return 0;
    if (wolf->credential.other_kind)
        return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                         "this adapter takes certificates for keys of P-256 and P-384");
    int code = wolfSSL_CTX_use_certificate_chain_file(wolf->context, certificate);
    if (code != WOLFSSL_SUCCESS)
        return fail_library("certificate", code);
    wolfSSL_CTX_SetEccSignCb(wolf->context, wolf_sign);
    return load_stand_in(wolf);
}

int wolf_start(struct atls_party *party, const char *certificate, const char *trust_anchors)
{
    struct wolf *wolf = calloc(1, sizeof *wolf);
    bool client = party->side == ATLS_CLIENT;
    if (!wolf)
        return atls_fail(-ENOMEM, NULL, "no memory for wolfSSL");
    party->tls = wolf;
    if (wolfSSL_Init() != WOLFSSL_SUCCESS)
        return atls_fail(-EIO, NULL, "wolfSSL does not start");
    wolf->context =
        wolfSSL_CTX_new(client ? wolfTLSv1_3_client_method() : wolfTLSv1_3_server_method());
    wolf->manager = wolfSSL_CertManagerNew();
    if (!wolf->context || !wolf->manager)
        return atls_fail(-ENOMEM, NULL, "no memory for wolfSSL");
    wolfSSL_CTX_SetIORecv(wolf->context, wolf_take);
    wolfSSL_CTX_SetIOSend(wolf->context, wolf_give);
    (void)wolfSSL_CTX_set_session_cache_mode(wolf->context, WOLFSSL_SESS_CACHE_OFF);
    /* Resumption would leave out the Certificate, and so the attestation. */
    if (!client && wolfSSL_CTX_no_ticket_TLSv13(wolf->context) != 0)
        return atls_fail(-EIO, NULL, "wolfSSL cannot leave out tickets");
    int result = credential_load(party, trust_anchors, &wolf->credential);
    if (result == 0)
        result = load_anchors(wolf);
    if (result == 0)
        result = set_groups(party, wolf);
    return result == 0 ? load_credential(certificate, wolf) : result;
}

void wolf_stop(struct atls_party *party)
{
    struct wolf *wolf = party->tls;
    if (!wolf)
        return;
    wolfSSL_CTX_free(wolf->context);
    wolfSSL_CertManagerFree(wolf->manager);
    wolfSSL_Cleanup();
    credential_unload(&wolf->credential);
    free(wolf);
    party->tls = NULL;
}
