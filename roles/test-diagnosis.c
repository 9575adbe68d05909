/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a relying party says of a credential that does not match: bundles made here, as drafts and
 * implementations have them or might, with the one thing that is to be named; and what is nothing
 * known, which must be called so. All of them are refused as ever.
 */
#include "roles/test-appraisal.h"

#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-write.h"
#include "rats/test/test-table.h"

#define CLAUSE "a draft, section 5"

static struct atls_private_key kak, ik;
static const uint8_t challenge[32] = "what the relying party has asked";

/* What the PAT of a bundle answers: hash number HASH (-1: none) of an image of keys or tokens. */
enum image {
    KAK,
    KAK_WRAPPED,
    KAK_POINT,
    KAK_SPKI,
    IK,
    IK_POINT,
    IK_SPKI,
    KAT,
    CHALLENGE,
    NOTHING
};

static size_t point_of(const struct atls_private_key *key, uint8_t *out)
{
    out[0] = 4;
    memcpy(out + 1, key->public_key.x, 32);
    memcpy(out + 33, key->public_key.y, 32);
    return 65;
}

static size_t cose_key_of(const struct atls_private_key *key, bool wrapped, uint8_t *out)
{
    uint8_t plain[128];
    struct atls_cbor_writer w;
    struct atls_bytes made;

    atls_cbor_write_init(&w, plain, sizeof plain);
    atls_cose_key_write(&w, &key->public_key);
    assert_int_equal(atls_cbor_write_done(&w, &made), 0);
    memcpy(out, made.data, made.size);
    if (!wrapped)
        return made.size;
    atls_cbor_write_init(&w, out, 160);
    atls_cbor_write_bytes(&w, made);
    assert_int_equal(atls_cbor_write_done(&w, &made), 0);
    return made.size;
}

static size_t image_of(enum image image, struct atls_bytes kat, uint8_t out[512])
{
    switch (image) {
    case KAK:
    case KAK_WRAPPED:
        return cose_key_of(&kak, image == KAK_WRAPPED, out);
    case KAK_POINT:
        return point_of(&kak, out);
    case KAK_SPKI:
        return atls_spki_encode(&kak.public_key, out);
    case IK:
        return cose_key_of(&ik, false, out);
    case IK_POINT:
        return point_of(&ik, out);
    case IK_SPKI:
        return atls_spki_encode(&ik.public_key, out);
    case KAT:
        memcpy(out, kat.data, kat.size);
        return kat.size;
    case CHALLENGE:
        memcpy(out, challenge, sizeof challenge);
        return sizeof challenge;
    case NOTHING:
        break;
    }
    memset(out, 7, 32);
    return 32;
}

static struct atls_bytes sign1(struct atls_bytes payload, const struct atls_private_key *key,
                               uint8_t flip, uint8_t out[1024])
{
    struct atls_local_signer local = {.crypto = &atls_crypto_hosted, .key = key};
    struct atls_signer signer = atls_signer_local(&local);
    struct atls_cbor_writer w;
    struct atls_bytes made;

    atls_cbor_write_init(&w, out, 1024);
    assert_int_equal(atls_cose_sign1_write(&w, false, payload, &atls_crypto_hosted, &signer), 0);
    assert_int_equal(atls_cbor_write_done(&w, &made), 0);
    out[made.size - 1] ^= flip;
    return made;
}

struct row {
    const char *name;
    const char *reason, *said; /* SAID: what the sentence begins with */
    enum image image;          /* what the PAT answers, */
    int hash;                  /* hashed so; -1: as it is */
    bool by_ik;                /* who signs the KAT */
    uint8_t flip;              /* the last byte of its signature */
    int answers;               /* the KAT: 0 the challenge, else a row of answered_instead() */
};

#define LINKED(of) "is linked by H22 reading B: the PAT answers " of
static const struct row rows[] = {
    {"as it is due", "ok", "", .image = KAK, .hash = ATLS_SHA256},
    {"SHA-512 of kak-pub", "linkage-mismatch", LINKED("SHA-512 of kak-pub as the KAT"),
     .image = KAK, .hash = ATLS_SHA512},
    {"SHA-384 of kak-pub", "linkage-mismatch", LINKED("SHA-384 of kak-pub as the KAT"),
     .image = KAK, .hash = ATLS_SHA384},
    {"kak-pub in a byte string", "linkage-mismatch", LINKED("SHA-256 of kak-pub in a byte string"),
     .image = KAK_WRAPPED, .hash = ATLS_SHA256},
    {"the point of kak-pub", "linkage-mismatch", LINKED("SHA-256 of the point of kak-pub"),
     .image = KAK_POINT, .hash = ATLS_SHA256},
    {"the SubjectPublicKeyInfo of kak-pub", "linkage-mismatch",
     LINKED("SHA-256 of the SubjectPublicKeyInfo of kak-pub"), .image = KAK_SPKI,
     .hash = ATLS_SHA256},
    {"the identity key", "linkage-mismatch", LINKED("SHA-256 of the identity key as a COSE_Key"),
     .image = IK, .hash = ATLS_SHA256},
    {"the identity key's point, as the prototype of 2022", "linkage-mismatch",
     LINKED("SHA-256 of the point of the identity key (prototype"), .image = IK_POINT,
     .hash = ATLS_SHA256},
    {"the identity key's SubjectPublicKeyInfo", "linkage-mismatch",
     LINKED("SHA-384 of the SubjectPublicKeyInfo of the identity key"), .image = IK_SPKI,
     .hash = ATLS_SHA384},
    {"the whole KAT, as Parsec on Arm CCA", "linkage-mismatch", LINKED("SHA-512 of the whole KAT"),
     .image = KAT, .hash = ATLS_SHA512},
    {"the challenge, as Parsec on a TPM", "linkage-mismatch", LINKED("the challenge"),
     .image = CHALLENGE, .hash = -1},
    {"32 bytes that are nothing", "linkage-mismatch", "is linked by no hash that is known",
     .image = NOTHING, .hash = -1},
    {"the hash of 32 bytes that are nothing", "linkage-mismatch",
     "is linked by no hash that is known", .image = NOTHING, .hash = ATLS_SHA256},
    {"the KAT signed by the identity key", "kat-signature-invalid",
     "is signed by another key: the KAT is signed by the identity key", .image = KAK,
     .hash = ATLS_SHA256, .by_ik = true},
    {"the KAT's signature flipped", "kat-signature-invalid", "is signed by no form that is known",
     .image = KAK, .hash = ATLS_SHA256, .flip = 1},
    {"the challenge of another connection", "binder-mismatch",
     "answers the binder of another connection: it was asked in connection 7 of this process",
     .image = KAK, .hash = ATLS_SHA256, .answers = 1},
    {"an earlier challenge", "binder-mismatch",
     "answers the binder of an earlier request: it was asked in this connection before",
     .image = KAK, .hash = ATLS_SHA256, .answers = 2},
    {"the SHA-256 of the challenge", "binder-mismatch",
     "answers the binder of the challenge's hash: it answers SHA-256 of the challenge",
     .image = KAK, .hash = ATLS_SHA256, .answers = 3},
    {"the constant nonce of 2022", "binder-mismatch",
     "answers the binder of H4, nonce=constant: the nonce is 00..07", .image = KAK,
     .hash = ATLS_SHA256, .answers = 4},
    {"a byte of the challenge flipped", "binder-mismatch", "answers no binder that is known",
     .image = KAK, .hash = ATLS_SHA256, .answers = 5},
    {"the first half of the challenge", "binder-mismatch", "answers no binder that is known",
     .image = KAK, .hash = ATLS_SHA256, .answers = 6},
};

static const uint8_t asked[3][32] = {{1}, "asked in connection seven, then", "asked before, here"};

static size_t answered_instead(int answers, uint8_t out[64])
{
    struct atls_bytes own = ATLS_BYTES(challenge, sizeof challenge);

    memcpy(out, challenge, sizeof challenge);
    if (answers == 1 || answers == 2)
        memcpy(out, asked[answers], 32);
    else if (answers == 3)
        assert_int_equal(atls_crypto_hosted.hash(ATLS_SHA256, &own, 1, out), 0);
    else if (answers == 4)
        memcpy(out, atls_constant_nonce_of_2022.nonce.data, 8);
    out[31] ^= answers == 5;
    return answers == 4 ? 8 : answers == 6 ? 16 : 32;
}

static size_t make_cab(const struct row *row, uint8_t out[2048])
{
    uint8_t claims[512], kat_room[1024], pat_room[1024], image[512], nonce[64], digest[64];
    struct atls_cbor_writer w;
    struct atls_bytes payload, kat, pat, made;
    struct atls_bytes answer = ATLS_BYTES(nonce, answered_instead(row->answers, nonce));
    const struct atls_kat_claims said = {
        .nonce = answer, .identity_key = ik.public_key, .kak = kak.public_key};

    atls_cbor_write_init(&w, claims, sizeof claims);
    assert_int_equal(atls_kat_claims_write(&w, &said), 0);
    assert_int_equal(atls_cbor_write_done(&w, &payload), 0);
    kat = sign1(payload, row->by_ik ? &ik : &kak, row->flip, kat_room);

    struct atls_bytes linked = ATLS_BYTES(image, image_of(row->image, kat, image));
    if (row->hash >= 0) {
        assert_int_equal(atls_crypto_hosted.hash((enum atls_hash)row->hash, &linked, 1, digest), 0);
        linked = ATLS_BYTES(digest, atls_hash_size((enum atls_hash)row->hash));
    }
    atls_cbor_write_init(&w, claims, sizeof claims);
    atls_cbor_write_map(&w, 2);
    atls_cbor_write_int(&w, ATLS_CLAIM_EAT_NONCE);
    atls_cbor_write_bytes(&w, linked);
    atls_cbor_write_int(&w, 2394); /* client id: RFC 9783 section 4.1.2 */
    atls_cbor_write_int(&w, 1);
    assert_int_equal(atls_cbor_write_done(&w, &payload), 0);
    pat = sign1(payload, &kak, 0, pat_room);

    atls_cbor_write_init(&w, out, 2048);
    atls_cab_write(&w, kat, pat);
    assert_int_equal(atls_cbor_write_done(&w, &made), 0);
    return made.size;
}

static void ask(struct test_appraisal *f, unsigned conn, struct atls_bytes what)
{
    struct atls_appraisal *other;

    assert_int_equal(
        atls_appraisal_begin_with_challenge(f->rp, conn, ATLS_MODEL_BACKGROUND_CHECK, what, &other),
        0);
    atls_appraisal_free(other);
}

/* What only the connection knows: a reading that ends the search. */
static void compute(void *context, struct atls_diagnosis *d)
{
    unsigned *calls = context;

    ++*calls;
    atls_diagnosis_add(d, "the connection's", "RFC 9711 section 4.1", "it is another binder");
}

static void says(const struct test_appraisal *f, const char *name, const char *said)
{
    struct atls_diagnosis d;
    char text[ATLS_DIAGNOSIS_TEXT];

    atls_fail(ATLS_E_MISMATCH, "its clause", "why it was refused");
    atls_appraisal_diagnose(f->appraisal, NULL, NULL, &d);
    atls_diagnosis_say(&d, text);
    /* the connection is asked first where a challenge is in question, and nobody after it */
    unsigned calls = 0;
    struct atls_diagnosis with;
    atls_appraisal_diagnose(f->appraisal, compute, &calls, &with);
    bool of_challenge = d.of == ATLS_WRONG_BINDER || d.of == ATLS_WRONG_NONCE;
    assert_int_equal(with.of, d.of);
    assert_int_equal(calls, of_challenge);
    assert_int_equal(with.count, of_challenge ? 1 : d.count);
    /* why it was refused is still what it was */
    static const uint8_t others[32] = {0x5a};
    assert_false(atls_appraisal_answers(f->appraisal, ATLS_BYTES(others, sizeof others)));
    assert_string_equal(atls_error_text(), "why it was refused");
    assert_string_equal(atls_error_clause(), "its clause");
    if (strncmp(text, said, strlen(said)) != 0 || (said[0] == '\0' && text[0] != '\0'))
        fail_msg("%s: expected \"%s\", came \"%s\"", name, said, text);
    /* the field of the event says the same */
    json_t *field = atls_diagnosis_json(&d);
    assert_int_equal(field != NULL, said[0] != '\0');
    if (field) {
        assert_string_equal(json_string_value(json_object_get(field, "text")), text);
        assert_int_equal(json_is_true(json_object_get(field, "known")), d.count > 0);
        assert_int_equal(json_array_size(json_object_get(field, "readings")), d.count);
    }
    json_decref(field);
}

static void a_bundle(struct test_appraisal *f, const struct row *row)
{
    struct atls_public_key key;
    uint8_t cab[2048];
    struct atls_bytes own = ATLS_BYTES(challenge, sizeof challenge);

    test_renew(f);
    ask(f, 7, ATLS_BYTES(asked[1], 32));
    ask(f, 1, ATLS_BYTES(asked[2], 32));
    assert_int_equal(atls_appraisal_begin_with_challenge(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, own,
                                                         &f->appraisal),
                     0);
    if (atls_appraisal_credential(f->appraisal, ATLS_BYTES(cab, make_cab(row, cab)), &key) != 0)
        fail_msg("%s: %s", row->name, atls_error_text());
    test_await_verdict(f);
    test_verdict_is(f, row->name, row->reason, false);
    says(f, row->name, row->said);
    /* and it is what it was */
    test_await_verdict(f);
    test_verdict_is(f, row->name, row->reason, false);
}

static void test_bundles(void **state)
{
    struct test_appraisal *f = *state;

    for (size_t i = 0; i < COUNT(rows); i++)
        a_bundle(f, &rows[i]);
}

/* The ring keeps the newest, however many there were. */
static void test_many_connections(void **state)
{
    struct test_appraisal *f = *state;
    static const struct row row = {.name = "connection 7, long ago",
                                   .reason = "binder-mismatch",
                                   .image = KAK,
                                   .hash = ATLS_SHA256,
                                   .answers = 1};
    struct atls_public_key key;
    uint8_t cab[2048], other[32] = {0};

    for (unsigned many = 30; many <= 32; many += 2) {
        test_renew(f);
        ask(f, 7, ATLS_BYTES(asked[1], 32));
        for (unsigned i = 0; i < many; i++) {
            other[0] = (uint8_t)i;
            ask(f, 8 + i, ATLS_BYTES(other, 32));
        }
        assert_int_equal(atls_appraisal_begin_with_challenge(
                             f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK,
                             ATLS_BYTES(challenge, sizeof challenge), &f->appraisal),
                         0);
        assert_int_equal(
            atls_appraisal_credential(f->appraisal, ATLS_BYTES(cab, make_cab(&row, cab)), &key), 0);
        test_await_verdict(f);
        says(f, row.name, many == 30 ? "answers the binder of another connection" : "answers no");
    }
}

static void test_result_in_der(void **state)
{
    struct test_appraisal *f = *state;

    for (uint8_t flip = 0; flip < 2; flip++) {
        struct atls_cmw *cmw;
        struct atls_public_key key;
        test_renew(f);
        test_server_result(f->server)->key = &f->ik;
        while (atls_attester_result(f->attester, 1, &f->credential) == ATLS_E_AGAIN)
            test_poll_once(f);
        assert_int_equal(atls_cmw_parse(ATLS_BYTES(f->credential.cmw, f->credential.size), &cmw),
                         0);
        char *jwt = test_jwt_in_der(cmw->value, flip);
        free((void *)(uintptr_t)cmw->value.data);
        cmw->value = ATLS_BYTES((uint8_t *)jwt, strlen(jwt));
        free(f->credential.cmw);
        assert_int_equal(
            atls_cmw_serialize(cmw, ATLS_CBOR, &f->credential.cmw, &f->credential.size), 0);
        atls_cmw_free(cmw);
        assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_PASSPORT, &f->appraisal), 0);
        assert_int_equal(
            atls_appraisal_expect_verifier(f->appraisal, atls_bytes_of_text(VERIFIER_ID)), 0);
        assert_int_equal(atls_appraisal_credential(
                             f->appraisal, ATLS_BYTES(f->credential.cmw, f->credential.size), &key),
                         0);
        test_await_verdict(f);
        test_verdict_is(f, "a result in DER", "result-signature-invalid", false);
        says(f, "a result in DER",
             flip ? "is signed by no form that is known"
                  : "is signed by another encoding: expected r || s, came an Ecdsa-Sig-Value in "
                    "DER, which verifies (RFC 7518 section 3.4)");
    }
}

/* Evidence that came before any challenge answers none. */
static void test_no_challenge(void **state)
{
    struct test_appraisal *f = *state;
    struct atls_public_key key;
    uint8_t cab[2048];

    test_renew(f);
    assert_int_equal(atls_appraisal_begin(f->rp, 1, ATLS_MODEL_BACKGROUND_CHECK, &f->appraisal), 0);
    assert_int_equal(
        atls_appraisal_credential(f->appraisal, ATLS_BYTES(cab, make_cab(&rows[0], cab)), &key), 0);
    test_await_verdict(f);
    test_verdict_is(f, "no challenge", "nonce-mismatch", false);
    says(f, "no challenge", "answers no nonce that is known");
}

static int set_up(void **state)
{
    test_set_up(state);

    struct test_appraisal *f = *state;
    f->options.artifacts = NULL;
    f->options.binder_clause = CLAUSE;
    *test_server_result(f->server) =
        (struct test_result){.tier = ATLS_TIER_AFFIRMING, .lifetime = 300};
    return atls_crypto_hosted.make_key(ATLS_P256, NULL, &kak) ||
           atls_crypto_hosted.make_key(ATLS_P256, NULL, &ik);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bundles, set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_many_connections, set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_no_challenge, set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(test_result_in_der, set_up, test_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
