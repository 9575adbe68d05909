/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of COSE_Sign1 and COSE_Key. Beyond not crashing: what is parsed lies in the input and
 * has the sizes that its algorithm wants; a key that is read is written and read again the same.
 */
#include <stdlib.h>

#include "rats/cose/cose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_inside(struct atls_bytes part, struct atls_bytes in)
{
    MUST(part.size == 0 || (part.data >= in.data && part.data + part.size <= in.data + in.size));
}

/* No arithmetic: the hash is a sum, so that hashing parts of any size is exercised quickly. */
static int sum(enum atls_hash alg, const struct atls_bytes *parts, size_t count, uint8_t *digestp)
{
    for (size_t i = 0; i < atls_hash_size(alg); i++)
        digestp[i] = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < parts[i].size; at++)
            digestp[0] = (uint8_t)(digestp[0] + parts[i].data[at]);
    return 0;
}

static int accept_signature(const struct atls_public_key *key, struct atls_bytes digest,
                            struct atls_bytes signature)
{
    MUST(digest.size == atls_hash_size(atls_curve_hash(key->curve)));
    MUST(signature.size == 2 * atls_curve_size(key->curve));
    return 0;
}

static const struct atls_crypto fake = {.hash = sum, .verify = accept_signature};

static void check_message(struct atls_bytes in)
{
    static const struct atls_public_key small = {.curve = ATLS_P256}, large = {.curve = ATLS_P384};
    struct atls_cose_sign1 message, again;

    if (atls_cose_sign1_parse(in, ATLS_COSE_TAG_EITHER, NULL, &message))
        return;
    check_inside(message.protected_header, in);
    check_inside(message.key_id, in);
    check_inside(message.payload, in);
    check_inside(message.signature, in);
    MUST(message.alg == ATLS_COSE_ES256 || message.alg == ATLS_COSE_ES384);
    MUST((atls_cose_sign1_verify(&message, &fake, &small) == 0) ==
         (message.alg == ATLS_COSE_ES256));
    MUST((atls_cose_sign1_verify(&message, &fake, &large) == 0) ==
         (message.alg == ATLS_COSE_ES384));
    MUST((atls_cose_sign1_parse(in, ATLS_COSE_TAG_REQUIRED, NULL, &again) == 0) == message.tagged);
    MUST((atls_cose_sign1_parse(in, ATLS_COSE_TAG_FORBIDDEN, NULL, &again) == 0) ==
         !message.tagged);
}

static void check_key(struct atls_bytes in)
{
    struct atls_public_key key, again;
    struct atls_cbor_reader r;
    struct atls_cbor_writer w;
    struct atls_bytes out;
    uint8_t buffer[128];

    if (atls_cbor_open(&r, in, &atls_cbor_lenient, NULL) || atls_cose_key_read(&r, &key))
        return;
    MUST(atls_cbor_close(&r) == 0);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cose_key_write(&w, &key);
    MUST(atls_cbor_write_done(&w, &out) == 0);
    MUST(atls_cbor_open(&r, out, NULL, NULL) == 0);
    MUST(atls_cose_key_read(&r, &again) == 0);
    MUST(atls_public_key_equal(&key, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_message(ATLS_BYTES(data, size));
    check_key(ATLS_BYTES(data, size));
    return 0;
}
