/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KAT, PAT and CAB: the draft's own example, claims and bundles with one thing wrong at a time, and
 * the three checks of a relying party, each of which must be told apart from the others.
 */
#include "rats/test/test-table.h"

#include <errno.h>
#include <jansson.h>

#include "rats/base/media-types.h"
#include "rats/tokens/kat.h"

#define KAK_X "f0fffa7ba35e76e44ca1f5446d327c8382a5a40e5f29745df948346c7c88a5d3"
#define KAK_Y "7cb4c4873cbb6f097562f61d5280768cd2cfe35fba97e997280dbaaae3af92fe"
#define IK_X "d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13"
#define IK_Y "f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120"
#define NONCE "b91b03129222973c214e42bf31d6872a3ef2dbdda401fbd1f725d48d6bf9c817"
#define LINKAGE "5ca3750daf829c30c20797eddb7949b1fd028c5408f2dd8650ad732327e3fb64"
#define KAK "a4010220012158 20" KAK_X "225820" KAK_Y
#define IK "a4010220012158 20" IK_X "225820" IK_Y
#define CNF "08a101" IK
#define EAT_NONCE "0a5820" NONCE
#define KAK_PUB "1909c4" KAK
#define EAT_CWT "73 6170706c69636174696f6e2f6561742b637774" /* "application/eat+cwt" */

#define KAT_SIGNATURE                                                                              \
    "56f50d131fa83979ae064e76e70dc75c070b6d991aec08adf9f41cab7f1b7e2c"                             \
    "47f67daca8bb49e3119b7bae77aec6c89162713e0cc6d0e7327831e67f32841a"
#define PAT_SIGNATURE                                                                              \
    "f9f41cab7f1b7e2c47f67daca8bb49e3119b7bae77aec6c89162713e0cc6d0e7"                             \
    "327831e67f32841a56f50d131fa83979ae064e76e70dc75c070b6d991aec08ad"
/* The example of KAT-06, as its diagnostic notation encodes. */
#define EXAMPLE_KAT "8443a10126a058c0a3" EAT_NONCE KAK_PUB CNF "5840" KAT_SIGNATURE
#define EXAMPLE_PAT "8443a10126a05824a10a5820" LINKAGE "5840" PAT_SIGNATURE
#define KAT_MEMBER "63 6b6174 82" EAT_CWT "59010a" EXAMPLE_KAT
#define PAT_MEMBER "63 706174 82" EAT_CWT "586e" EXAMPLE_PAT
#define TYPE_MEMBER                                                                                \
    "68 5f5f636d77635f74 7820 7461673a696574662e6f72672c323032342d30322d32393a726174732f6b6174"

#define VERIFY_CLAUSE "KAT-06 section 3"
#define CLAIMS_CLAUSE "KAT-06 section 4"
#define PAT_CLAUSE "KAT-06 section 5"
#define CAB_CLAUSE "KAT-06 section 5.1"
#define LINKAGE_CLAUSE "KAT-06 section 5.1.1"
#define CLIENT_CLAUSE "RFC 9783 section 4.1.2"
#define DUPLICATE_CLAUSE "RFC 8949 section 5.6"

struct row {
    const char *name, *input;
    int outcome;
    const char *clause;
};

/* clang-format off */
static const struct row kat_claims[] = {
    {"R-KAT-06 KAT", "a3" CNF EAT_NONCE KAK_PUB, 0, NULL},
    {"R-KAT-06 KAT in another order", "a3" KAK_PUB EAT_NONCE CNF, 0, NULL},
    {"R-KAT-06 KAT with more claims", "a6" CNF EAT_NONCE KAK_PUB "01 61 78 6161 a0 1bffffffffffffffff 01", 0, NULL},
    {"R-KAT-06 KAT with more claims in front", "a6 01 6178 6161 a0 1bffffffffffffffff 01" CNF EAT_NONCE KAK_PUB, 0, NULL},
    {"R-KAT-06 KAT of indefinite length", "bf" CNF EAT_NONCE KAK_PUB "ff", 0, NULL},
    {"R-KAT-06 KAT, nonce of 8 bytes", "a3" CNF "0a 48 0011223344556677" KAK_PUB, 0, NULL},
    {"R-KAT-06 KAT, nonce of 64 bytes", "a3" CNF "0a 5840" NONCE NONCE KAK_PUB, 0, NULL},
    {"R-KAT-06 no nonce", "a2" CNF KAK_PUB, ATLS_E_MISSING, CLAIMS_CLAUSE},
    {"R-KAT-06 no cnf", "a2" EAT_NONCE KAK_PUB, ATLS_E_MISSING, CLAIMS_CLAUSE},
    {"R-KAT-06 no kak-pub", "a2" CNF EAT_NONCE, ATLS_E_MISSING, CLAIMS_CLAUSE},
    {"R-KAT-06 no claims", "a0", ATLS_E_MISSING, CLAIMS_CLAUSE},
    {"R-KAT-06 nonce of 7 bytes", "a3" CNF "0a 47 00112233445566" KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 nonce of 65 bytes", "a3" CNF "0a 5841" NONCE NONCE "00" KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 nonce empty", "a3" CNF "0a 40" KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 two nonces", "a3" CNF "0a 82 5820" NONCE "5820" NONCE KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 nonce text", "a3" CNF "0a 68 3031323334353637" KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 nonce under the key of the PSA profile", "a3" CNF "3a000124ff 5820" NONCE KAK_PUB, ATLS_E_MISSING, CLAIMS_CLAUSE},
    {"R-KAT-06 nonce twice", "a4" CNF EAT_NONCE KAK_PUB EAT_NONCE, ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    {"R-KAT-06 kak-pub twice", "a4" CNF EAT_NONCE KAK_PUB KAK_PUB, ATLS_E_MALFORMED, DUPLICATE_CLAUSE},
    {"R-KAT-06 cnf empty", "a3 08 a0" EAT_NONCE KAK_PUB, ATLS_E_MISSING, CLAIMS_CLAUSE},
    {"R-KAT-06 cnf a key without its map", "a3 08" IK EAT_NONCE KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 cnf by key id", "a3 08 a1 03 41 01" EAT_NONCE KAK_PUB, ATLS_E_UNSUPPORTED, CLAIMS_CLAUSE},
    {"R-KAT-06 cnf encrypted", "a3 08 a1 02 83 40 a0 40" EAT_NONCE KAK_PUB, ATLS_E_UNSUPPORTED, CLAIMS_CLAUSE},
    {"R-KAT-06 cnf with key and key id", "a3 08 a2 01" IK "03 41 01" EAT_NONCE KAK_PUB, ATLS_E_UNSUPPORTED, CLAIMS_CLAUSE},
    {"R-KAT-06 cnf a point, as the PoC of 2022", "a3 08 58 41 04" IK_X IK_Y EAT_NONCE KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 cnf null", "a3 08 f6" EAT_NONCE KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 kak-pub a point, as the PoC of 2022", "a3" CNF EAT_NONCE "1909c4 58 41 04" KAK_X KAK_Y, ATLS_E_MALFORMED, NULL},
    {"R-KAT-06 kak-pub as bytes", "a3" CNF EAT_NONCE "1909c4 58 4b" KAK, ATLS_E_MALFORMED, NULL},
    {"R-KAT-06 kak-pub without y", "a3" CNF EAT_NONCE "1909c4 a3 01 02 20 01 21 5820" KAK_X, ATLS_E_MISSING, NULL},
    {"R-KAT-06 kak-pub with compressed y", "a3" CNF EAT_NONCE "1909c4 a4 01 02 20 01 21 5820" KAK_X "22 f5", ATLS_E_UNSUPPORTED, NULL},
    {"R-KAT-06 kak-pub private", "a3" CNF EAT_NONCE "1909c4 a5 01 02 20 01 21 5820" KAK_X "22 5820" KAK_Y "23 5820" KAK_X, ATLS_E_MALFORMED, NULL},
    {"R-KAT-06 kak-pub of another curve", "a3" CNF EAT_NONCE "1909c4 a4 01 02 20 08 21 5820" KAK_X "22 5820" KAK_Y, ATLS_E_UNSUPPORTED, NULL},
    {"R-KAT-06 kak-pub of another key type", "a3" CNF EAT_NONCE "1909c4 a4 01 01 20 01 21 5820" KAK_X "22 5820" KAK_Y, ATLS_E_UNSUPPORTED, NULL},
    {"R-KAT-06 kak-pub with a short x", "a3" CNF EAT_NONCE "1909c4 a4 01 02 20 01 21 41 01 22 5820" KAK_Y, ATLS_E_MALFORMED, NULL},
    {"R-KAT-06 claims an array", "83" EAT_NONCE, ATLS_E_MALFORMED, NULL},
    {"R-KAT-06 claims as UCCS, as Parsec", "d9 0259 a3" CNF EAT_NONCE KAK_PUB, ATLS_E_MALFORMED, CLAIMS_CLAUSE},
    {"R-KAT-06 claims with trailing byte", "a3" CNF EAT_NONCE KAK_PUB "00", ATLS_E_MALFORMED, NULL},
    {"R-KAT-06 claims truncated", "a3" CNF EAT_NONCE "1909c4", ATLS_E_MALFORMED, NULL},
    {"R-KAT-06 claims missing", "", ATLS_E_MALFORMED, NULL},
};

static const struct row pat_claims[] = {
    {"R-KAT-07 PAT", "a1 0a 5820" LINKAGE, 0, NULL},
    {"R-KAT-07 PAT of the old PSA profile", "a2 3a000124f8 01 3a000124ff 5820" LINKAGE, 0, NULL},
    {"R-KAT-07 PAT with other claims", "a4 01 61 78 0a 5820" LINKAGE "6161 81 01 f6 02", 0, NULL},
    {"R-KAT-07 no nonce", "a1 01 61 78", ATLS_E_MISSING, PAT_CLAUSE},
    {"R-KAT-07 no claims", "a0", ATLS_E_MISSING, PAT_CLAUSE},
    {"R-KAT-07 nonces of both profiles", "a2 0a 5820" LINKAGE "3a000124ff 5820" LINKAGE, ATLS_E_MALFORMED, PAT_CLAUSE},
    {"R-KAT-07 two nonces", "a1 0a 82 5820" LINKAGE "5820" NONCE, ATLS_E_MALFORMED, PAT_CLAUSE},
    {"R-KAT-07 nonce of 7 bytes", "a1 0a 47 00112233445566", ATLS_E_MALFORMED, PAT_CLAUSE},
    {"R-KAT-07 nonce of 65 bytes", "a1 0a 5841" LINKAGE LINKAGE "00", ATLS_E_MALFORMED, PAT_CLAUSE},
    {"R-KAT-07 nonce text", "a1 0a 68 3031323334353637", ATLS_E_MALFORMED, PAT_CLAUSE},
    {"R-KAT-07 nonce inside a submodule only", "a1 19010a a1 6161 a1 0a 5820" LINKAGE, ATLS_E_MISSING, PAT_CLAUSE},
    {"R-KAT-07 claims an array", "81 0a", ATLS_E_MALFORMED, PAT_CLAUSE},
    {"R-KAT-07 claims missing", "", ATLS_E_MALFORMED, NULL},
};

static const struct row pat_clients[] = {
    {"client id", "a1 19095a 07", 0, NULL},
    {"client id of the old PSA profile", "a1 3a000124f8 07", 0, NULL},
    {"client id among other claims", "a3 01 6178 19095a 07 6161 8101", 0, NULL},
    {"no client id", "a1 01 6178", ATLS_E_MISSING, CLIENT_CLAUSE},
    {"client id in no claims", "a0", ATLS_E_MISSING, CLIENT_CLAUSE},
    {"client ids of both profiles", "a2 19095a 07 3a000124f8 07", ATLS_E_MALFORMED, CLIENT_CLAUSE},
    {"client id a text", "a1 19095a 6137", ATLS_E_MALFORMED, CLIENT_CLAUSE},
    {"client id inside another claim only", "a1 19010a a1 19095a 07", ATLS_E_MISSING, CLIENT_CLAUSE},
    {"client id in an array", "82 19095a 07", ATLS_E_MALFORMED, CLIENT_CLAUSE},
};

static const struct row bundles[] = {
    {"R-KAT-09 CAB", "a3" KAT_MEMBER PAT_MEMBER TYPE_MEMBER, 0, NULL},
    {"R-KAT-09 CAB in another order", "a3" TYPE_MEMBER PAT_MEMBER KAT_MEMBER, 0, NULL},
    {"R-KAT-09 members by content format", "a3 63 6b6174 82 190107 59010a" EXAMPLE_KAT "63 706174 82 190107 586e" EXAMPLE_PAT TYPE_MEMBER, 0, NULL},
    {"R-KAT-09 members as tags", "a3 63 6b6174 da 63740209 59010a" EXAMPLE_KAT "63 706174 da 63740209 586e" EXAMPLE_PAT TYPE_MEMBER, 0, NULL},
    {"R-KAT-09 members say evidence", "a3 63 6b6174 83 190107 59010a" EXAMPLE_KAT "04" PAT_MEMBER TYPE_MEMBER, 0, NULL},
    {"R-KAT-09 KAT with tag 18", "a3 63 6b6174 82 190107 59010b d2" EXAMPLE_KAT PAT_MEMBER TYPE_MEMBER, 0, NULL},
    {"R-KAT-09 KAT with tags 61 and 18", "a3 63 6b6174 82 190107 59010d d83d d2" EXAMPLE_KAT PAT_MEMBER TYPE_MEMBER, 0, NULL},
    {"R-KAT-09 CAB of indefinite length", "bf" KAT_MEMBER PAT_MEMBER TYPE_MEMBER "ff", 0, NULL},
    {"R-KAT-09 no KAT", "a2" PAT_MEMBER TYPE_MEMBER, ATLS_E_MISSING, CAB_CLAUSE},
    {"R-KAT-09 no PAT", "a2" KAT_MEMBER TYPE_MEMBER, ATLS_E_MISSING, CAB_CLAUSE},
    {"R-KAT-09 labels are case sensitive", "a3 63 4b4154 82 190107 59010a" EXAMPLE_KAT PAT_MEMBER TYPE_MEMBER, ATLS_E_MISSING, CAB_CLAUSE},
    {"R-KAT-09 no collection type", "a2" KAT_MEMBER PAT_MEMBER, ATLS_E_UNSUPPORTED, CAB_CLAUSE},
    {"R-KAT-09 another collection type", "a3" KAT_MEMBER PAT_MEMBER "68 5f5f636d77635f74 63 613a62", ATLS_E_UNSUPPORTED, CAB_CLAUSE},
    {"R-KAT-09 a record alone", "82" EAT_CWT "586e" EXAMPLE_PAT, ATLS_E_UNSUPPORTED, CAB_CLAUSE},
    {"R-KAT-09 KAT is a JWT by its type", "a3 63 6b6174 82 190108 59010a" EXAMPLE_KAT PAT_MEMBER TYPE_MEMBER, ATLS_E_UNSUPPORTED, CAB_CLAUSE},
    {"R-KAT-09 PAT of an unknown type", "a3" KAT_MEMBER "63 706174 82 197531 586e" EXAMPLE_PAT TYPE_MEMBER, ATLS_E_UNSUPPORTED, CAB_CLAUSE},
    {"R-KAT-09 KAT is a collection", "a3 63 6b6174 a1" KAT_MEMBER PAT_MEMBER TYPE_MEMBER, ATLS_E_UNSUPPORTED, CAB_CLAUSE},
    {"R-KAT-09 KAT says attestation result", "a3 63 6b6174 83 190107 59010a" EXAMPLE_KAT "08" PAT_MEMBER TYPE_MEMBER, ATLS_E_MALFORMED, CAB_CLAUSE},
    {"R-KAT-09 KAT is no COSE", "a3 63 6b6174 82 190107 42 0102" PAT_MEMBER TYPE_MEMBER, ATLS_E_MALFORMED, NULL},
    {"R-KAT-09 KAT empty", "a3 63 6b6174 82 190107 40" PAT_MEMBER TYPE_MEMBER, ATLS_E_MALFORMED, NULL},
    {"R-KAT-09 KAT of three elements", "a3 63 6b6174 82 190107 48 83 43 a10126 a0 41 00" PAT_MEMBER TYPE_MEMBER, ATLS_E_MALFORMED, NULL},
    {"R-KAT-09 KAT detached", "a3 63 6b6174 82 190107 5848 84 43 a10126 a0 f6 5840" KAT_SIGNATURE PAT_MEMBER TYPE_MEMBER, ATLS_E_MALFORMED, NULL},
    {"R-KAT-09 KAT with trailing byte", "a3 63 6b6174 82 190107 59010b" EXAMPLE_KAT "00" PAT_MEMBER TYPE_MEMBER, ATLS_E_MALFORMED, NULL},
    {"R-KAT-09 PAT is no COSE", "a3" KAT_MEMBER "63 706174 82 190107 41 a0" TYPE_MEMBER, ATLS_E_MALFORMED, NULL},
    {"R-KAT-06 KAT with the PAT's claims", "a3 63 6b6174 82 190107 586e" EXAMPLE_PAT PAT_MEMBER TYPE_MEMBER, ATLS_E_MISSING, CLAIMS_CLAUSE},
    {"R-CMW-13 a third member", "a4" KAT_MEMBER PAT_MEMBER "63 657874 82" EAT_CWT "586e" EXAMPLE_PAT TYPE_MEMBER, ATLS_E_MALFORMED, CAB_CLAUSE},
    {"R-CMW-13 a third member with an integer label", "a4" KAT_MEMBER PAT_MEMBER "01 82" EAT_CWT "586e" EXAMPLE_PAT TYPE_MEMBER, ATLS_E_MALFORMED, CAB_CLAUSE},
};
/* clang-format on */

static void check_kat_claims(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input), kak = test_bytes(KAK);
    struct atls_kat_claims claims;

    test_outcome(atls_kat_claims_parse(in, &claims), row->outcome, row->clause);
    if (row->outcome == 0) {
        test_same_bytes(claims.linked, kak);
        assert_int_equal(claims.kak.x[0], 0xf0);
        assert_int_equal(claims.kak.y[31], 0xfe);
        assert_int_equal(claims.identity_key.x[0], 0xd7);
        assert_int_equal(claims.identity_key.y[31], 0x20);
    }
    test_vector_free(in);
    test_vector_free(kak);
}

static void check_pat_claims(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input), linkage = test_bytes(LINKAGE),
                      kak = test_bytes(KAK), nonce;
    struct atls_cab cab = {
        .dialect = &atls_kat_of_draft, .pat = {.payload = in}, .kat_claims = {.linked = kak}};
    struct atls_cbor_reader reader;
    struct atls_cwt_times times;

    test_outcome(atls_pat_nonce(in, &nonce), row->outcome, row->clause);
    if (row->outcome == 0)
        test_same_bytes(nonce, linkage);
    /* by whoever has opened it to read more of it, and by the check that needs it */
    if (atls_cbor_open(&reader, in, &atls_cbor_lenient, "RFC 8949") == 0)
        test_outcome(atls_pat_read(&reader, PAT_CLAUSE, &times, &nonce), row->outcome, row->clause);
    test_outcome(atls_cab_check_linkage(&cab, &atls_crypto_hosted), row->outcome, row->clause);
    test_vector_free(in);
    test_vector_free(linkage);
    test_vector_free(kak);
}

/* RFC 9783 section 4.1.2: whose call the PAT answers. */
/* A nonce that is none is told as that, whichever token it is in. */
static void tells_of_a_nonce_that_is_text(void **state)
{
    struct atls_bytes kat = test_bytes("a3" CNF "0a 68 3031323334353637" KAK_PUB),
                      pat = test_bytes("a1 0a 68 3031323334353637"), nonce;
    struct atls_kat_claims claims;

    test_outcome(atls_kat_claims_parse(kat, &claims), ATLS_E_MALFORMED, CLAIMS_CLAUSE);
    assert_non_null(strstr(atls_error_text(), "eat_nonce: expected a byte string, came a text"));
    test_outcome(atls_pat_nonce(pat, &nonce), ATLS_E_MALFORMED, PAT_CLAUSE);
    assert_non_null(strstr(atls_error_text(), "eat_nonce: expected a byte string, came a text"));
    test_vector_free(kat);
    test_vector_free(pat);
}

static void check_pat_client(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_cbor_reader reader;
    int64_t client = 0;

    assert_int_equal(atls_cbor_open(&reader, in, NULL, "RFC 8949"), 0);
    test_outcome(atls_pat_read_client(&reader, &client), row->outcome, row->clause);
    assert_int_equal(client, row->outcome ? 0 : 7);
    test_vector_free(in);
}

static void check_cab(void **state)
{
    const struct row *row = *state;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_cab cab;
    struct atls_cmw *cmw;

    test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
    test_outcome(atls_cab_parse(cmw, &cab), row->outcome, row->clause);
    if (cmw->form != ATLS_CMW_COLLECTION)
        assert_non_null(strstr(atls_error_text(), "a single CMW"));
    if (row->outcome == 0) {
        assert_int_equal(cab.kat.alg, ATLS_COSE_ES256);
        test_outcome(atls_cab_check_linkage(&cab, &atls_crypto_hosted), 0, NULL);
    }
    atls_cmw_free(cmw);
    test_vector_free(in);
}

/* The draft's signatures are illustrative: all but the signature holds, and we say so. */
static void reads_the_example_of_the_draft(void **state)
{
    struct atls_bytes in = test_bytes("a3" KAT_MEMBER PAT_MEMBER TYPE_MEMBER);
    struct atls_bytes nonce = test_bytes(NONCE), kat = test_bytes(EXAMPLE_KAT),
                      pat = test_bytes(EXAMPLE_PAT), out;
    uint8_t buffer[1024];
    struct atls_cbor_writer w;
    struct atls_cab cab;
    struct atls_cmw *cmw;

    test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
    test_outcome(atls_cab_parse(cmw, &cab), 0, NULL);
    assert_false(cab.kat.tagged);
    test_same_bytes(cab.kat_bytes, kat);
    test_same_bytes(cab.pat_bytes, pat);
    test_outcome(atls_cab_check_nonce(&cab, nonce), 0, NULL);
    test_outcome(atls_cab_check_linkage(&cab, &atls_crypto_hosted), 0, NULL);
    test_outcome(atls_cab_check(&cab, &atls_crypto_hosted, nonce), ATLS_E_SIGNATURE, VERIFY_CLAUSE);

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cab_write(&w, kat, pat);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, in);
    atls_cmw_free(cmw);
    test_vector_free(in);
    test_vector_free(nonce);
    test_vector_free(kat);
    test_vector_free(pat);
}

/* What a relying party checks of a CAB's times, RFC 8392 section 3.1.4 to 3.1.6. The KAT's are read
 * from its claims, the PAT's here or by whoever has read its nonce. */
static const struct times_row {
    const char *name, *kat, *pat; /* one claim more */
    int outcome;
    const char *clause;
} times_rows[] = {
    {"times: none", "", "", 0, NULL},
    {"times: both valid", "04 1a6553f200", "05 01", 0, NULL},
    {"times: KAT expired", "04 1a6553f000", "", ATLS_E_EXPIRED, "RFC 8392 section 3.1.4"},
    {"times: PAT expired", "", "04 1a6553f000", ATLS_E_EXPIRED, "RFC 8392 section 3.1.4"},
    {"times: KAT not yet valid", "05 1a6553f200", "", ATLS_E_EXPIRED, "RFC 8392 section 3.1.5"},
    {"times: PAT not yet valid", "", "05 1a6553f200", ATLS_E_EXPIRED, "RFC 8392 section 3.1.5"},
    {"times: KAT of the future", "06 1a6553f200", "", ATLS_E_EXPIRED, "RFC 8392 section 3.1.6"},
    {"times: KAT's exp a text", "04 6131", "", ATLS_E_MALFORMED, "RFC 8392 section 2"},
    {"times: PAT's exp with a tag", "", "04 c101", ATLS_E_MALFORMED, "RFC 8392 section 2"},
};

static void checks_times(void **state)
{
    const struct times_row *row = *state;
    char text[2048];
    struct atls_bytes kat, pat;
    struct atls_cab cab = {.dialect = &atls_kat_of_draft};
    int outcome;

    snprintf(text, sizeof text, "%s" CNF EAT_NONCE KAK_PUB "%s", row->kat[0] ? "a4" : "a3",
             row->kat);
    kat = test_bytes(text);
    snprintf(text, sizeof text, "%s" EAT_NONCE "%s", row->pat[0] ? "a2" : "a1", row->pat);
    pat = test_bytes(text);
    cab.pat.payload = pat;
    outcome = atls_kat_claims_parse(kat, &cab.kat_claims);
    outcome = outcome ? outcome : atls_cab_check_times(&cab, 1700000000); /* 6553f100 */
    test_outcome(outcome, row->outcome, row->clause);
    test_vector_free(kat);
    test_vector_free(pat);
}

static void links_as_known(void **state)
{
    const char *directory = getenv("ATLS_TESTDATA");
    uint8_t linkage[ATLS_LINKAGE_SIZE];
    struct atls_bytes encoded, expected;
    struct atls_cbor_reader r;
    struct atls_public_key key;
    char path[4096];
    json_t *root, *known;

    assert_non_null(directory);
    snprintf(path, sizeof path, "%s/binders.json", directory);
    root = json_load_file(path, 0, NULL);
    known = json_object_get(root, "kat_pat_linkage");
    assert_non_null(known);
    encoded = test_hex(json_string_value(json_object_get(known, "kak_pub_cose_key")));
    expected = test_hex(json_string_value(json_object_get(known, "pat_eat_nonce_sha256")));
    assert_int_equal(atls_cbor_open(&r, encoded, NULL, NULL), 0);
    assert_int_equal(atls_cose_key_read(&r, &key), 0);
    assert_int_equal(atls_kat_linkage(&atls_crypto_hosted, &key, linkage), 0);
    test_same_bytes(ATLS_BYTES(linkage, sizeof linkage), expected);
    memset(linkage, 0, sizeof linkage);
    assert_int_equal(atls_kat_linkage_encoded(&atls_crypto_hosted, encoded, linkage), 0);
    test_same_bytes(ATLS_BYTES(linkage, sizeof linkage), expected);
    json_decref(root);
    test_vector_free(encoded);
    test_vector_free(expected);
}

static void writes_claims_exactly(void **state)
{
    struct atls_bytes expected = test_bytes("a3" CNF EAT_NONCE KAK_PUB), out;
    uint8_t buffer[512];
    struct atls_kat_claims claims;
    struct atls_cbor_writer w;

    test_outcome(atls_kat_claims_parse(expected, &claims), 0, NULL);
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_kat_claims_write(&w, &claims), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, expected);
    for (size_t size = 0; size <= 80; size++) {
        claims.nonce = ATLS_BYTES(buffer, size);
        atls_cbor_write_init(&w, NULL, 0);
        assert_int_equal(atls_kat_claims_write(&w, &claims), size >= 8 && size <= 64 ? 0 : -EINVAL);
        assert_int_equal(w.used == 0, size < 8 || size > 64);
    }
    test_vector_free(expected);
}

/* A device's bundle, with what the cases below change in it. */
struct bundle {
    struct atls_private_key kak, ik, pak, other;
    uint8_t nonce[64];
    size_t nonce_size;
    const struct atls_private_key *kat_signer;
    uint8_t pat_nonce[64];
    size_t pat_nonce_size;
    struct atls_bytes kat_payload; /* instead of the claims, where not empty */
    bool tagged;
    uint8_t payload[512], kat[1024], pat[512], cab[2048];
    size_t cab_size;
};

static void make_key(enum atls_curve curve, uint8_t number, struct atls_private_key *keyp)
{
    uint8_t seed[32] = {number};

    assert_int_equal(atls_crypto_hosted.make_key(curve, seed, keyp), 0);
}

static void start_bundle(struct bundle *b, enum atls_curve curve)
{
    memset(b, 0, sizeof *b);
    make_key(curve, 1, &b->kak);
    make_key(ATLS_P256, 2, &b->ik);
    make_key(ATLS_P256, 3, &b->pak);
    make_key(curve, 4, &b->other);
    memset(b->nonce, 0xa5, sizeof b->nonce);
    b->nonce_size = 32;
    b->kat_signer = &b->kak;
    assert_int_equal(atls_kat_linkage(&atls_crypto_hosted, &b->kak.public_key, b->pat_nonce), 0);
    b->pat_nonce_size = ATLS_LINKAGE_SIZE;
}

static struct atls_bytes sign(const struct bundle *b, struct atls_bytes payload,
                              const struct atls_private_key *key, uint8_t *out, size_t size)
{
    struct atls_local_signer local = {&atls_crypto_hosted, key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes message;

    atls_cbor_write_init(&w, out, size);
    assert_int_equal(atls_cose_sign1_write(&w, b->tagged, payload, &atls_crypto_hosted, &signer),
                     0);
    assert_int_equal(atls_cbor_write_done(&w, &message), 0);
    return message;
}

static void finish_bundle(struct bundle *b)
{
    struct atls_kat_claims claims = {.nonce = ATLS_BYTES(b->nonce, b->nonce_size),
                                     .identity_key = b->ik.public_key,
                                     .kak = b->kak.public_key};
    struct atls_bytes payload = b->kat_payload, kat, pat, cab;
    struct atls_cbor_writer w;

    if (payload.size == 0) {
        atls_cbor_write_init(&w, b->payload, sizeof b->payload);
        assert_int_equal(atls_kat_claims_write(&w, &claims), 0);
        assert_int_equal(atls_cbor_write_done(&w, &payload), 0);
    }
    kat = sign(b, payload, b->kat_signer, b->kat, sizeof b->kat);
    atls_cbor_write_init(&w, b->payload, sizeof b->payload);
    atls_cbor_write_map(&w, 1);
    atls_cbor_write_uint(&w, ATLS_CLAIM_EAT_NONCE);
    atls_cbor_write_bytes(&w, ATLS_BYTES(b->pat_nonce, b->pat_nonce_size));
    assert_int_equal(atls_cbor_write_done(&w, &payload), 0);
    pat = sign(b, payload, &b->pak, b->pat, sizeof b->pat);
    atls_cbor_write_init(&w, b->cab, sizeof b->cab);
    atls_cab_write(&w, kat, pat);
    assert_int_equal(atls_cbor_write_done(&w, &cab), 0);
    b->cab_size = cab.size;
}

/* Parses what was built, asks for all three checks alone and together. */
static void check_bundle(const struct bundle *b, struct atls_bytes nonce, int signature, int fresh,
                         int linkage)
{
    struct atls_cab cab;
    struct atls_cmw *cmw;

    test_outcome(atls_cmw_parse(ATLS_BYTES(b->cab, b->cab_size), &cmw), 0, NULL);
    test_outcome(atls_cab_parse(cmw, &cab), 0, NULL);
    test_outcome(atls_cab_check_signature(&cab, &atls_crypto_hosted), signature,
                 signature == ATLS_E_SIGNATURE ? VERIFY_CLAUSE : NULL);
    test_outcome(atls_cab_check_nonce(&cab, nonce), fresh, fresh ? VERIFY_CLAUSE : NULL);
    test_outcome(atls_cab_check_linkage(&cab, &atls_crypto_hosted), linkage,
                 linkage ? LINKAGE_CLAUSE : NULL);
    test_outcome(atls_cab_check(&cab, &atls_crypto_hosted, nonce),
                 signature ? signature
                 : fresh   ? fresh
                           : linkage,
                 NULL);
    atls_cmw_free(cmw);
}

static struct atls_bytes challenge(const struct bundle *b)
{
    return ATLS_BYTES(b->nonce, b->nonce_size);
}

static void accepts_good_bundles(void **state)
{
    struct bundle b;

    for (int kind = 0; kind < 4; kind++) {
        start_bundle(&b, kind & 1 ? ATLS_P384 : ATLS_P256);
        b.tagged = kind & 2;
        b.nonce_size = kind & 1 ? 64 : 8;
        finish_bundle(&b);
        check_bundle(&b, challenge(&b), 0, 0, 0);
    }
}

/* R-KAT-04 */
static void refuses_kats_that_do_not_verify(void **state)
{
    struct bundle b;

    start_bundle(&b, ATLS_P256);
    b.kat_signer = &b.other;
    finish_bundle(&b);
    check_bundle(&b, challenge(&b), ATLS_E_SIGNATURE, 0, 0);

    start_bundle(&b, ATLS_P256);
    b.kat_signer = &b.ik; /* the identity key does not vouch for itself */
    finish_bundle(&b);
    check_bundle(&b, challenge(&b), ATLS_E_SIGNATURE, 0, 0);

    start_bundle(&b, ATLS_P384);
    b.kat_signer = &b.ik; /* ES256, but the KAK is on P-384 */
    finish_bundle(&b);
    check_bundle(&b, challenge(&b), ATLS_E_MISMATCH, 0, 0);
}

/* R-KAT-05 */
static void refuses_kats_for_another_challenge(void **state)
{
    uint8_t other[64];
    struct bundle b;

    start_bundle(&b, ATLS_P256);
    finish_bundle(&b);
    memcpy(other, b.nonce, sizeof other);
    other[31] ^= 1;
    check_bundle(&b, ATLS_BYTES(other, 32), 0, ATLS_E_MISMATCH, 0);
    check_bundle(&b, ATLS_BYTES(b.nonce, 31), 0, ATLS_E_MISMATCH, 0);
    check_bundle(&b, ATLS_BYTES(b.nonce, 33), 0, ATLS_E_MISMATCH, 0);
    check_bundle(&b, ATLS_BYTES(b.nonce, 0), 0, ATLS_E_MISMATCH, 0);
}

/* R-KAT-08: whose hash the PAT holds. */
static void refuses_pats_of_another_key(void **state)
{
    struct atls_bytes part;
    struct bundle b;

    for (int kind = 0; kind < 5; kind++) {
        start_bundle(&b, ATLS_P256);
        part = ATLS_BYTES(b.kak.public_key.x, 32);
        switch (kind) {
        case 0: /* another device's */
            assert_int_equal(
                atls_kat_linkage(&atls_crypto_hosted, &b.other.public_key, b.pat_nonce), 0);
            break;
        case 1: /* the identity key's, as the PoC of 2022 */
            assert_int_equal(atls_kat_linkage(&atls_crypto_hosted, &b.ik.public_key, b.pat_nonce),
                             0);
            break;
        case 2: /* the challenge itself, as Parsec's TPM scheme */
            memcpy(b.pat_nonce, b.nonce, 32);
            break;
        case 3: /* the first half of a longer hash, or too few bytes of the right one */
            b.pat_nonce_size = 31;
            break;
        case 4:
            assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA512, &part, 1, b.pat_nonce), 0);
            b.pat_nonce_size = 64;
            break;
        }
        finish_bundle(&b);
        check_bundle(&b, challenge(&b), 0, 0, ATLS_E_MISMATCH);
    }
}

static unsigned hashes_left;

static int hash_while_it_lasts(enum atls_hash alg, const struct atls_bytes *parts, size_t count,
                               uint8_t *digestp)
{
    if (hashes_left == 0)
        return atls_fail(-EIO, NULL, "no hash");
    hashes_left--;
    return atls_crypto_hosted.hash(alg, parts, count, digestp);
}

/* A machine that cannot hash has found nothing out: its own error, and no verdict. */
static void says_nothing_of_linkage_without_a_hash(void **state)
{
    struct atls_crypto crypto = atls_crypto_hosted;
    struct atls_cab cab;
    struct atls_cmw *cmw;
    struct bundle b;

    crypto.hash = hash_while_it_lasts;
    start_bundle(&b, ATLS_P256);
    assert_int_equal(atls_kat_linkage(&atls_crypto_hosted, &b.other.public_key, b.pat_nonce), 0);
    finish_bundle(&b);
    test_outcome(atls_cmw_parse(ATLS_BYTES(b.cab, b.cab_size), &cmw), 0, NULL);
    test_outcome(atls_cab_parse(cmw, &cab), 0, NULL);
    for (unsigned count = 0; count <= 2; count++) { /* of the bytes that came, and as encoded */
        hashes_left = count;
        assert_int_equal(atls_cab_check_linkage(&cab, &crypto), count < 2 ? -EIO : ATLS_E_MISMATCH);
    }
    atls_cmw_free(cmw);
}

/* kak-pub in an order of its own: the linkage is over the bytes as received, and where the PAT
 * holds the hash of the deterministic encoding instead, the error says that this is the difference.
 */
static void links_the_encoding_that_came(void **state)
{
    const struct atls_public_key *kak;
    struct atls_bytes encoded, payload, head;
    uint8_t claims[512];
    struct atls_sink s = atls_sink_of(claims, sizeof claims);
    struct bundle b;

    start_bundle(&b, ATLS_P256);
    kak = &b.kak.public_key;
    head = test_bytes("a3" CNF "0a 5820");
    atls_sink_bytes(&s, head);
    atls_sink_bytes(&s, challenge(&b));
    atls_sink_bytes(&s, ATLS_BYTES("\x19\x09\xc4", 3));
    encoded.data = claims + s.used;
    atls_sink_bytes(&s, ATLS_BYTES("\xa4\x22\x58\x20", 4));
    atls_sink_bytes(&s, ATLS_BYTES(kak->y, 32));
    atls_sink_bytes(&s, ATLS_BYTES("\x21\x58\x20", 3));
    atls_sink_bytes(&s, ATLS_BYTES(kak->x, 32));
    atls_sink_bytes(&s, ATLS_BYTES("\x20\x01\x01\x02", 4));
    assert_int_equal(atls_sink_done(&s, &payload), 0);
    encoded.size = (size_t)(claims + payload.size - encoded.data);

    b.kat_payload = payload;
    finish_bundle(&b);
    check_bundle(&b, challenge(&b), 0, 0, ATLS_E_MISMATCH);
    assert_non_null(strstr(atls_error_text(), "deterministic"));
    assert_int_equal(atls_kat_linkage_encoded(&atls_crypto_hosted, encoded, b.pat_nonce), 0);
    finish_bundle(&b);
    check_bundle(&b, challenge(&b), 0, 0, 0);
    test_vector_free(head);
}

/* The same bundle in JSON, R-CMW-01 for its members. */
static void reads_bundles_in_json(void **state)
{
    struct atls_cmw *cmw, *from_json;
    struct atls_cab cab;
    struct bundle b;
    uint8_t *json;
    size_t size;

    start_bundle(&b, ATLS_P256);
    finish_bundle(&b);
    test_outcome(atls_cmw_parse(ATLS_BYTES(b.cab, b.cab_size), &cmw), 0, NULL);
    test_outcome(atls_cmw_serialize(cmw, ATLS_JSON, &json, &size), 0, NULL);
    test_outcome(atls_cmw_parse_as(ATLS_JSON, ATLS_BYTES(json, size), &from_json), 0, NULL);
    test_outcome(atls_cab_parse(from_json, &cab), 0, NULL);
    test_outcome(atls_cab_check(&cab, &atls_crypto_hosted, challenge(&b)), 0, NULL);
    assert_true(atls_public_key_equal(&cab.kat_claims.identity_key, &b.ik.public_key));
    free(json);
    atls_cmw_free(from_json);
    atls_cmw_free(cmw);
}

/* Every bit of the signed part of a bundle matters to one of the checks, or is no bundle any more.
 */
static void notices_every_flipped_bit_of_the_kat(void **state)
{
    struct bundle b;
    struct atls_cmw *cmw;
    struct atls_cab cab;
    size_t start, size;

    start_bundle(&b, ATLS_P256);
    finish_bundle(&b);
    test_outcome(atls_cmw_parse(ATLS_BYTES(b.cab, b.cab_size), &cmw), 0, NULL);
    test_outcome(atls_cab_parse(cmw, &cab), 0, NULL);
    size = cab.kat_bytes.size;
    start = (size_t)((uint8_t *)memmem(b.cab, b.cab_size, cab.kat_bytes.data, size) - b.cab);
    atls_cmw_free(cmw);
    for (size_t i = 0; i < size; i++) {
        int result;

        b.cab[start + i] ^= (uint8_t)(1 << (i % 8));
        test_outcome(atls_cmw_parse(ATLS_BYTES(b.cab, b.cab_size), &cmw), 0, NULL);
        result = atls_cab_parse(cmw, &cab);
        if (!result)
            result = atls_cab_check(&cab, &atls_crypto_hosted, challenge(&b));
        if (result <= 0)
            fail_msg("byte %zu of the KAT changed: %s", i, atls_error_name(result));
        atls_cmw_free(cmw);
        b.cab[start + i] ^= (uint8_t)(1 << (i % 8));
    }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, check_kat_claims, kat_claims);
    TEST_ADD_ROWS(&list, check_pat_claims, pat_claims);
    TEST_ADD_ROWS(&list, check_pat_client, pat_clients);
    TEST_ADD_ROWS(&list, check_cab, bundles);
    TEST_ADD(&list, tells_of_a_nonce_that_is_text);
    TEST_ADD(&list, reads_the_example_of_the_draft);
    TEST_ADD_ROWS(&list, checks_times, times_rows);
    TEST_ADD(&list, links_as_known);
    TEST_ADD(&list, writes_claims_exactly);
    TEST_ADD(&list, accepts_good_bundles);
    TEST_ADD(&list, refuses_kats_that_do_not_verify);
    TEST_ADD(&list, refuses_kats_for_another_challenge);
    TEST_ADD(&list, refuses_pats_of_another_key);
    TEST_ADD(&list, says_nothing_of_linkage_without_a_hash);
    TEST_ADD(&list, links_the_encoding_that_came);
    TEST_ADD(&list, reads_bundles_in_json);
    TEST_ADD(&list, notices_every_flipped_bit_of_the_kat);
    return test_run("kat", &list);
}
