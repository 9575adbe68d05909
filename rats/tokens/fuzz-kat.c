/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as KAT claims, PAT claims, CAB, tokens over one nonce, and the prototype's bundle. The
 * crypto is a fake that finds every signature good, so that what lies behind the signature check is
 * reached.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/tokens/key-binding.h"
#include "rats/tokens/prototype.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fake_hash(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                     uint8_t *digestp)
{
    memset(digestp, 0, atls_hash_size(alg));
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < parts[i].size; at++)
            digestp[at % 32] ^= parts[i].data[at];
    return 0;
}

static int fake_verify(const struct atls_public_key *key, struct atls_bytes digest,
                       struct atls_bytes signature)
{
    return 0;
}

static const struct atls_crypto fake = {.name = "fake", .hash = fake_hash, .verify = fake_verify};

static void check_claims(struct atls_bytes in)
{
    struct atls_kat_claims claims, again;
    struct atls_cbor_writer w;
    struct atls_bytes out;
    uint8_t buffer[512];

    if (atls_kat_claims_parse(in, &claims))
        return;
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    if (atls_kat_claims_write(&w, &claims) || atls_cbor_write_done(&w, &out) ||
        atls_kat_claims_parse(out, &again))
        abort();
    if (!atls_public_key_equal(&claims.kak, &again.kak) ||
        !atls_public_key_equal(&claims.identity_key, &again.identity_key) ||
        !atls_bytes_equal(claims.nonce, again.nonce))
        abort();
}

/* What a token over one nonce says is within its bounds. */
static void check_binding(struct atls_bytes in)
{
    struct atls_key_binding binding;

    if (atls_key_binding_read(in, &binding))
        return;
    if (binding.nonce.size < ATLS_EAT_NONCE_MIN || binding.nonce.size > ATLS_EAT_NONCE_MAX ||
        (binding.attributes & ~binding.given) != 0 || binding.given > 15)
        abort();
}

/* What is read of a bundle, written again, is the bundle. */
static void check_prototype(struct atls_bytes in)
{
    static uint8_t out[1 << 18];
    struct atls_sink sink = atls_sink_of(out, sizeof out);
    struct atls_bytes kat, pat, again;
    struct atls_cab cab;

    if (atls_prototype_bundle_split(in, &kat, &pat))
        return;
    if (atls_prototype_bundle_write(&sink, kat, pat) || atls_sink_done(&sink, &again) ||
        !atls_bytes_equal(again, in))
        abort();
    if (atls_prototype_bundle_parse(in, &cab) == 0 &&
        atls_cab_check(&cab, &fake, cab.kat_claims.nonce) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size), nonce;
    struct atls_key_binding_bundle bundle;
    struct atls_cab cab;
    struct atls_cmw *cmw;

    check_claims(in);
    check_binding(in);
    check_prototype(in);
    if (atls_pat_nonce(in, &nonce) == 0 &&
        (nonce.size < ATLS_EAT_NONCE_MIN || nonce.size > ATLS_EAT_NONCE_MAX))
        abort();
    if (atls_cmw_parse(in, &cmw))
        return 0;
    if (atls_cab_parse(cmw, &cab) == 0) {
        check_claims(cab.kat.payload);
        if (atls_cab_check(&cab, &fake, cab.kat_claims.nonce) < 0)
            abort();
    }
    if (atls_key_binding_parse(cmw, &bundle) == 0 &&
        (atls_key_binding_check_signature(&bundle, &fake) < 0 ||
         atls_key_binding_check_nonces(&bundle, bundle.of_pat.nonce) < 0))
        abort();
    atls_cmw_free(cmw);
    return 0;
}
