/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prototype's bundle of 2022: claims and bundles with one thing wrong at a time, exactly the
 * bytes that its writer makes, and the checks of a relying party with the prototype's linkage.
 */
#include "rats/test/test-table.h"

#include <errno.h>

#include <jansson.h>

#include "rats/tokens/prototype.h"
#include "rats/tokens/psa.h"

#define CLAUSE "prototype of 2022, eat.c"
#define X "d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13"
#define Y "f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120"
#define KAK_X "f0fffa7ba35e76e44ca1f5446d327c8382a5a40e5f29745df948346c7c88a5d3"
#define KAK_Y "7cb4c4873cbb6f097562f61d5280768cd2cfe35fba97e997280dbaaae3af92fe"
#define NONCE "0a 48 0001020304050607"
#define CNF "08 5841 04" X Y
#define KAK_PUB "1909c4 5841 04" KAK_X KAK_Y
#define TOKEN "d28443a10126a041015840" X Y
#define LONG32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct row {
    const char *name, *input;
    int outcome;
    const char *clause;
};

/* clang-format off */
static const struct row claims_rows[] = {
    {"claims in the prototype's order", "a3" NONCE CNF KAK_PUB, 0, NULL},
    {"claims in order", "a3" CNF NONCE KAK_PUB, 0, NULL},
    {"more claims", "a5" NONCE CNF KAK_PUB "01 6161 6162 01", 0, NULL},
    {"R-KAT-06 no nonce", "a2" CNF KAK_PUB, ATLS_E_MISSING, CLAUSE},
    {"R-KAT-06 no cnf", "a2" NONCE KAK_PUB, ATLS_E_MISSING, CLAUSE},
    {"R-KAT-06 no kak-pub", "a2" NONCE CNF, ATLS_E_MISSING, CLAUSE},
    {"nothing", "a0", ATLS_E_MISSING, CLAUSE},
    {"nonce of 7 bytes", "a3 0a 47 00112233445566" CNF KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"nonce of 65 bytes", "a3 0a 5841" LONG32 LONG32 "00" CNF KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"nonce null", "a3 0a f6" CNF KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"cnf null", "a3" NONCE "08 f6" KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"kak-pub null", "a3" NONCE CNF "1909c4 f6", ATLS_E_MALFORMED, CLAUSE},
    {"two nonces", "a4" NONCE NONCE CNF KAK_PUB, ATLS_E_MALFORMED, NULL},
    {"a COSE_Key as the drafts have it", "a3" NONCE "08 a1 01 a4 01 02 20 01 21 5820" X "22 5820" Y KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"a compressed point", "a3" NONCE "08 5821 02" X KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"a point without its 04", "a3" NONCE "08 5841 05" X Y KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"a point cut off", "a3" NONCE "08 5840 04" X "5e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120" KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"an empty point", "a3" NONCE "08 40" KAK_PUB, ATLS_E_MALFORMED, CLAUSE},
    {"an array", "80", ATLS_E_MALFORMED, CLAUSE},
    {"bytes behind the claims", "a3" NONCE CNF KAK_PUB "00", ATLS_E_MALFORMED, NULL},
    {"no bytes", "", ATLS_E_MALFORMED, NULL},
};

static const struct row split_rows[] = {
    {"a bundle", "01 0001 aa 0002 bbbb", 0, NULL},
    {"no bytes", "", ATLS_E_MALFORMED, CLAUSE},
    {"version alone", "01", ATLS_E_MALFORMED, CLAUSE},
    {"version 0", "00 0001 aa 0001 bb", ATLS_E_MALFORMED, CLAUSE},
    {"version 2", "02 0001 aa 0001 bb", ATLS_E_MALFORMED, CLAUSE},
    {"a CAB", "a3 63 6b6174", ATLS_E_MALFORMED, CLAUSE},
    {"half a length", "01 00", ATLS_E_MALFORMED, CLAUSE},
    {"KAT cut off", "01 0002 aa", ATLS_E_MALFORMED, CLAUSE},
    {"empty KAT", "01 0000 0001 bb", ATLS_E_MALFORMED, CLAUSE},
    {"no PAT", "01 0001 aa", ATLS_E_MALFORMED, CLAUSE},
    {"empty PAT", "01 0001 aa 0000", ATLS_E_MALFORMED, CLAUSE},
    {"PAT cut off", "01 0001 aa 0002 bb", ATLS_E_MALFORMED, CLAUSE},
    {"a byte behind the PAT", "01 0001 aa 0001 bb 00", ATLS_E_MALFORMED, CLAUSE},
    {"a length beyond all", "01 ffff aa 0001 bb", ATLS_E_MALFORMED, CLAUSE},
};

static const struct row bundle_rows[] = {
    {"KAT is no CBOR", "01 0001 ff 0001 00", ATLS_E_MALFORMED, NULL},
    {"KAT without tag 18", "01 0049 8443a10126a041015840" X Y "0001 00", ATLS_E_MALFORMED, NULL},
    {"PAT is no COSE", "01 004a" TOKEN "0001 00", ATLS_E_MALFORMED, NULL},
    {"KAT's payload is no map", "01 004a" TOKEN "004a" TOKEN, ATLS_E_MALFORMED, NULL},
};
/* clang-format on */

static void check_claims(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input), linked = test_bytes("04" X Y);
    struct atls_kat_claims claims;

    test_outcome(atls_prototype_claims_parse(in, &claims), row->outcome, row->clause);
    if (strstr(row->name, "null"))
        assert_non_null(strstr(atls_error_text(), "came null at byte"));
    if (row->outcome == 0) {
        test_same_bytes(claims.linked, linked);
        assert_int_equal(claims.identity_key.x[0], 0xd7);
        assert_int_equal(claims.identity_key.y[31], 0x20);
        assert_int_equal(claims.kak.x[0], 0xf0);
        assert_true(atls_prototype_nonce_is(claims.nonce));
    }
    test_vector_free(in);
    test_vector_free(linked);
}

static void check_split(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input), kat, pat;

    test_outcome(atls_prototype_bundle_split(in, &kat, &pat), row->outcome, row->clause);
    if (row->outcome == 0) {
        assert_int_equal(kat.size, 1);
        assert_int_equal(kat.data[0], 0xaa);
        assert_int_equal(pat.size, 2);
    }
    test_vector_free(in);
}

static void check_bundle(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_cab cab;

    test_outcome(atls_prototype_bundle_parse(in, &cab), row->outcome, row->clause);
    test_vector_free(in);
}

static void writes_claims_exactly(void **state)
{
    struct atls_bytes expected = test_bytes("a3" CNF NONCE KAK_PUB), out;
    uint8_t buffer[512];
    struct atls_kat_claims claims;
    struct atls_cbor_writer w;

    test_outcome(atls_prototype_claims_parse(expected, &claims), 0, NULL);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_prototype_claims_write(&w, &claims), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, expected);
    test_vector_free(expected);
}

/* RFC 9711 section 4.1: who writes and who reads agree on what a nonce is; RFC 8392 section 3.1.4
 * to 3.1.6: and on times. */
static void reads_what_it_writes(void **state)
{
    static const size_t sizes[] = {0, 7, 8, 64, 65};
    uint8_t bytes[65] = {0}, buffer[512];
    struct atls_bytes good = test_bytes("a3" CNF NONCE KAK_PUB), nonce, out;
    struct atls_kat_claims claims, read;
    struct atls_cbor_writer w;

    test_outcome(atls_prototype_claims_parse(good, &claims), 0, NULL);
    claims.times = (struct atls_cwt_times){true, true, true, 1e9, 5, 6};
    nonce = claims.nonce;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        int expected = sizes[i] < 8 || sizes[i] > 64 ? -EINVAL : 0;

        claims.nonce = ATLS_BYTES(bytes, sizes[i]);
        atls_cbor_write_init(&w, buffer, sizeof buffer);
        test_outcome(atls_prototype_claims_write(&w, &claims), expected, NULL);
        if (expected)
            continue;
        assert_int_equal(atls_cbor_write_done(&w, &out), 0);
        test_outcome(atls_prototype_claims_parse(out, &read), 0, NULL);
        test_same_bytes(read.nonce, claims.nonce);
        test_same_bytes(read.linked, claims.linked);
        assert_true(read.times.has_exp && read.times.has_nbf && read.times.has_iat);
        assert_true(read.times.exp == 1e9 && read.times.nbf == 5 && read.times.iat == 6);
    }
    assert_true(atls_prototype_nonce_is(nonce));
    test_vector_free(good);
}

/* SHA-256 of 04 || x || y, made with another tool. */
static void links_by_the_hash_of_the_point(void **state)
{
    struct atls_bytes in = test_bytes("a3" NONCE CNF KAK_PUB);
    struct atls_bytes expected =
        test_bytes("5b1e7ab568eabd9c270245e183d10c80a526e25f980904d96f7440342a7398c3");
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    struct atls_kat_claims claims;

    assert_int_equal(atls_prototype_claims_parse(in, &claims), 0);
    assert_int_equal(atls_prototype_linkage(&atls_crypto_hosted, &claims.identity_key, linkage), 0);
    test_same_bytes(ATLS_BYTES(linkage, sizeof linkage), expected);
    test_vector_free(in);
    test_vector_free(expected);
}

struct parts { /* of a bundle, and what is wrong with it */
    const char *name;
    enum atls_curve identity;
    bool other_signs, other_linked, flipped;
    const char *asked; /* nonce */
    int signature, nonce, linkage;
};

/* clang-format off */
static const struct parts checks[] = {
    {"R-KAT-02 sound", ATLS_P256, false, false, false, NULL, 0, 0, 0},
    {"R-KAT-02 sound, key on P-384", ATLS_P384, false, false, false, NULL, 0, 0, 0},
    {"another key signs the KAT", ATLS_P256, true, false, false, NULL, ATLS_E_SIGNATURE, 0, 0},
    {"a bit of the KAT's signature", ATLS_P256, false, false, true, NULL, ATLS_E_SIGNATURE, 0, 0},
    {"another nonce", ATLS_P256, false, false, false, LONG32, 0, ATLS_E_MISMATCH, 0},
    {"PAT over another key", ATLS_P256, false, true, false, NULL, 0, 0, ATLS_E_MISMATCH},
};
/* clang-format on */

static struct atls_bytes sign(struct atls_bytes payload, const struct atls_private_key *key,
                              uint8_t *out, size_t size)
{
    struct atls_local_signer local = {&atls_crypto_hosted, key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes message;

    atls_cbor_write_init(&w, out, size);
    assert_int_equal(atls_cose_sign1_write(&w, true, payload, &atls_crypto_hosted, &signer), 0);
    assert_int_equal(atls_cbor_write_done(&w, &message), 0);
    return message;
}

static void check_parts(void **state)
{
    const struct parts *p = *state;
    struct atls_private_key kak, ik, other;
    uint8_t seed[32] = {1}, nonce[32] = {7}, buffer[512], kat[512], pat[512], linkage[32],
            out[1400];
    struct atls_cbor_writer w;
    struct atls_sink sink = atls_sink_of(out, sizeof out);
    struct atls_bytes claims, pat_claims, bundle;
    struct atls_cab cab;

    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, seed, &kak), 0);
    seed[0] = 2;
    assert_int_equal(atls_crypto_hosted.make_key(p->identity, seed, &ik), 0);
    seed[0] = 3;
    assert_int_equal(atls_crypto_hosted.make_key(ATLS_P256, seed, &other), 0);
    const struct atls_kat_claims said = {.nonce = ATLS_BYTES(nonce, sizeof nonce),
                                         .identity_key = ik.public_key,
                                         .kak = kak.public_key};
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_prototype_claims_write(&w, &said), 0);
    assert_int_equal(atls_cbor_write_done(&w, &claims), 0);
    struct atls_bytes kat_bytes = sign(claims, p->other_signs ? &other : &kak, kat, sizeof kat);
    if (p->flipped)
        kat[kat_bytes.size - 1] ^= 1;
    assert_int_equal(atls_prototype_linkage(&atls_crypto_hosted,
                                            p->other_linked ? &other.public_key : &ik.public_key,
                                            linkage),
                     0);
    atls_cbor_write_init(&w, buffer + 256, 256);
    atls_cbor_write_map(&w, 1);
    atls_cbor_write_uint(&w, ATLS_CLAIM_EAT_NONCE);
    atls_cbor_write_bytes(&w, ATLS_BYTES(linkage, sizeof linkage));
    assert_int_equal(atls_cbor_write_done(&w, &pat_claims), 0);
    assert_int_equal(
        atls_prototype_bundle_write(&sink, kat_bytes, sign(pat_claims, &other, pat, sizeof pat)),
        0);
    assert_int_equal(atls_sink_done(&sink, &bundle), 0);
    test_outcome(atls_prototype_bundle_parse(bundle, &cab), 0, NULL);
    assert_ptr_equal(cab.dialect, &atls_kat_of_2022);
    assert_true(atls_public_key_equal(&cab.kat_claims.identity_key, &ik.public_key));
    struct atls_bytes asked = p->asked ? test_bytes(p->asked) : ATLS_BYTES(nonce, sizeof nonce);
    test_outcome(atls_cab_check_signature(&cab, &atls_crypto_hosted), p->signature, NULL);
    test_outcome(atls_cab_check_nonce(&cab, asked), p->nonce, NULL);
    test_outcome(atls_cab_check_linkage(&cab, &atls_crypto_hosted), p->linkage,
                 p->linkage ? CLAUSE : NULL);
    if (p->asked)
        test_vector_free(asked);
    /* Every shorter bundle is refused. */
    for (size_t size = 0; size < bundle.size; size++)
        assert_int_equal(atls_prototype_bundle_parse(ATLS_BYTES(bundle.data, size), &cab),
                         ATLS_E_MALFORMED);
}

static void tokens_fit_their_lengths(void **state)
{
    static uint8_t large[UINT16_MAX + 1], out[3 * UINT16_MAX];
    struct atls_sink sink = atls_sink_of(out, sizeof out);
    struct atls_bytes most = {large, UINT16_MAX}, more = {large, sizeof large}, kat, pat, written;

    test_outcome(atls_prototype_bundle_write(&sink, most, most), 0, NULL);
    assert_int_equal(atls_sink_done(&sink, &written), 0);
    assert_int_equal(written.size, 1 + 2 * (2 + UINT16_MAX));
    test_outcome(atls_prototype_bundle_split(written, &kat, &pat), 0, NULL);
    assert_int_equal(pat.size, UINT16_MAX);
    test_outcome(atls_prototype_bundle_write(&sink, more, most), ATLS_E_LIMIT, CLAUSE);
    test_outcome(atls_prototype_bundle_write(&sink, most, more), ATLS_E_LIMIT, CLAUSE);
}

static struct atls_bytes text_of(const json_t *value)
{
    const char *text = json_string_value(value);

    assert_non_null(text);
    return test_hex(text);
}

/* What the prototype's own client and server sent (rats/testdata): what is taken of it, and what is
 * refused, and why. */
static void a_recorded_exchange(void **state)
{
    const char *directory = getenv("ATLS_TESTDATA");
    struct atls_psa_component components[4];
    struct atls_psa_claims claims;
    struct atls_public_key key;
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    struct atls_cab cab;
    char path[4096];

    snprintf(path, sizeof path, "%s/prototype-of-2022.json", directory ? directory : ".");
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    struct atls_bytes spki = text_of(json_object_get(json, "attested_key")),
                      server = text_of(json_object_get(json, "encrypted_extensions")),
                      asked = text_of(json_array_get(json_object_get(json, "messages"), 2)),
                      sent = text_of(json_array_get(json_object_get(json, "messages"), 7));
    /* Header, context, length of the list and of the entry; behind it no extensions. */
    struct atls_bytes bundle = {sent.data + 11, sent.size - 13}, kat, pat;

    test_outcome(atls_prototype_bundle_split(bundle, &kat, &pat), 0, NULL);
    assert_memory_equal(kat.data, "\xd8\x3d\xd2", 3); /* tag 61 around tag 18 */
    assert_memory_equal(pat.data, kat.data, 3);
    test_outcome(atls_prototype_bundle_parse(bundle, &cab), 0, NULL);
    assert_int_equal(atls_spki_decode(spki, &key), 0);
    assert_true(atls_public_key_equal(&key, &cab.kat_claims.identity_key));
    /* It answers the nonce that it was asked, which ends the hello's extension. */
    test_same_bytes(cab.kat_claims.nonce, ATLS_BYTES(asked.data + asked.size - 32, 32));
    assert_false(atls_prototype_nonce_is(cab.kat_claims.nonce));
    /* Its server asks for the constant one. */
    assert_true(atls_prototype_nonce_is(ATLS_BYTES(
        server.data + server.size - ATLS_PROTOTYPE_NONCE_SIZE, ATLS_PROTOTYPE_NONCE_SIZE)));
    /* {10: the hash of its key, 11: "ueid_ueid"}: linked, and no PSA token, so no verifier of PSA
     * can affirm it. */
    test_outcome(atls_prototype_linkage(&atls_crypto_hosted, &key, linkage), 0, NULL);
    assert_in_range(cab.pat.payload.size, 4 + ATLS_LINKAGE_SIZE, 64);
    test_same_bytes(ATLS_BYTES(cab.pat.payload.data + 4, ATLS_LINKAGE_SIZE),
                    ATLS_BYTES(linkage, sizeof linkage));
    assert_true(atls_psa_claims_parse(cab.pat.payload, components, COUNT(components), &claims) > 0);
    test_vector_free(spki);
    test_vector_free(server);
    test_vector_free(asked);
    test_vector_free(sent);
    json_decref(json);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_claims, claims_rows);
    TEST_ADD_ROWS(&list, check_split, split_rows);
    TEST_ADD_ROWS(&list, check_bundle, bundle_rows);
    TEST_ADD_ROWS(&list, check_parts, checks);
    TEST_ADD(&list, writes_claims_exactly);
    TEST_ADD(&list, reads_what_it_writes);
    TEST_ADD(&list, links_by_the_hash_of_the_point);
    TEST_ADD(&list, tokens_fit_their_lengths);
    TEST_ADD(&list, a_recorded_exchange);
    return test_run("prototype", &list);
}
