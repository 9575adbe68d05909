/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's Certificate: PKIX by the library, and its key. */
#include "tls/gnutls/stack-internal.h"

#include <errno.h>
#include <time.h>

#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

#include "rats/base/error.h"
#include "rats/base/gnutls.h"
#include "rats/cmw/cmw-x509.h"
#include "tls/gnutls/chain.h"

static int refused(struct gnutls_connection *c, unsigned status)
{
    bool unknown = status & GNUTLS_CERT_SIGNER_NOT_FOUND;
    gnutls_datum_t text = {NULL, 0};
    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    int result = session_fail(c->s, "certificate-untrusted",
                              unknown ? ATLS_ALERT_UNKNOWN_CA : ATLS_ALERT_BAD_CERTIFICATE, NULL,
                              text.data ? (const char *)text.data : "not valid");
    gnutls_free(text.data);
    return result;
}

/* The library's own look at the chain, or the shim's, where the library has filler in it. */
static int look_at_chain(struct gnutls_connection *c, unsigned *statusp)
{
    const struct gnutls_party *party = c->party->tls;
    gnutls_typed_vdata_st data[2];
    unsigned count = atls_chain_wanted(c->party, data);
    gnutls_x509_trust_list_t trusted;
    if (c->shim) {
        gnutls_certificate_get_trust_list(party->credentials, &trusted);
        return atls_entry_shim_verify(c->shim, trusted, data, count, 0, statusp);
    }
    int code = gnutls_certificate_verify_peers(c->tls, data, count, statusp);
    return code < 0 ? atls_fail(atls_gnutls_error(code, ATLS_E_UNTRUSTED), NULL, "%s",
                                gnutls_strerror(code))
                    : 0;
}

/* What the library would look at besides the chain: a stapled response may say that a certificate
 * was revoked (RFC 8446 section 4.4.2.1). */
static bool is_stapled(const struct gnutls_connection *c, size_t count)
{
    gnutls_datum_t response;
    for (size_t i = 0; i < count; i++)
        if (gnutls_ocsp_status_request_get2(c->tls, (unsigned)i, &response) == 0)
            return true;
    return false;
}

static int judge_chain(struct gnutls_connection *c, const struct atls_bytes *chain, size_t count,
                       unsigned flags)
{
    unsigned status = 0;
    int result = count > 0 ? atls_chain_verify(c->party, chain, count, flags, &status)
                           : look_at_chain(c, &status);
    if (result != 0)
        return session_fail(c->s, result < 0 ? "internal" : "certificate-untrusted", -1, NULL,
                            NULL);
    return status == 0 ? 0 : refused(c, status);
}

int stack_verify_chain(void *connection, const struct atls_bytes *chain, size_t count,
                       bool critical)
{
    struct gnutls_connection *c = connection;
    const struct gnutls_party *party = c->party->tls;
    unsigned flags = critical ? GNUTLS_VERIFY_IGNORE_UNKNOWN_CRIT_EXTENSIONS : 0;
    struct atls_bytes peers[ATLS_PEER_CHAIN_MAX];
    gnutls_x509_trust_list_t trusted;
    const struct atls_bytes *seen = chain;
    size_t seen_count = count;
    if (!party->known)
        return judge_chain(c, chain, count, flags);
    if (count == 0) {
        seen = peers;
        seen_count = c->shim ? 0 : stack_peers(c, peers);
    }
    if (seen_count == 0 || is_stapled(c, seen_count))
        return judge_chain(c, chain, count, flags);
    if (atls_known_good(party->known, seen, seen_count, flags, (int64_t)time(NULL)))
        return 0;
    int result = judge_chain(c, chain, count, flags);
    if (result == 0) {
        gnutls_certificate_get_trust_list(party->credentials, &trusted);
        atls_known_note(party->known, trusted, seen, seen_count, flags);
    }
    return result;
}

int stack_verify(gnutls_session_t tls)
{
    struct gnutls_connection *c = gnutls_session_get_ptr(tls);
    return stack_code(session_judge(c->s));
}

size_t stack_peers(void *connection, struct atls_bytes chain[ATLS_PEER_CHAIN_MAX])
{
    struct gnutls_connection *c = connection;
    unsigned count = 0;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(c->tls, &count);
    if (!peers || count > ATLS_PEER_CHAIN_MAX)
        return 0;
    for (unsigned i = 0; i < count; i++)
        chain[i] = ATLS_BYTES(peers[i].data, peers[i].size);
    return count;
}

int stack_leaf_key(void *connection, struct atls_public_key *keyp)
{
    struct gnutls_connection *c = connection;
    const struct atls_bytes *chain;
    return atls_entry_shim_chain(c->shim, &chain) > 0
               ? atls_x509_verified_key(chain[0], keyp)
               : atls_fail(ATLS_E_MISSING, "RFC 8446 section 4.4.2", "no certificate came");
}

bool stack_peer_key(void *connection, uint8_t spki[ATLS_SPKI_MAX], size_t *sizep)
{
    struct gnutls_connection *c = connection;
    unsigned count;
    gnutls_x509_crt_t certificate;
    gnutls_pubkey_t key;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(c->tls, &count);
    if (!peers || count == 0 || gnutls_x509_crt_init(&certificate) < 0)
        return false;
    bool told = false;
    *sizep = ATLS_SPKI_MAX;
    if (gnutls_x509_crt_import(certificate, peers, GNUTLS_X509_FMT_DER) == 0 &&
        gnutls_pubkey_init(&key) == 0) {
        told = gnutls_pubkey_import_x509(key, certificate, 0) == 0 &&
               gnutls_pubkey_export(key, GNUTLS_X509_FMT_DER, spki, sizep) == 0;
        gnutls_pubkey_deinit(key);
    }
    gnutls_x509_crt_deinit(certificate);
    return told;
}
