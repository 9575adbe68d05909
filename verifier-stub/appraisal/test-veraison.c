/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appraisal in the place of Veraison: what its services (main, commit 6b88102) said of tokens when
 * they were recorded (harness/tests/recorded/submissions.yaml), tier, claims and words. Where a row
 * has no recording, it says why this is so.
 */
#include "rats/test/test-table.h"

#include "program/events.h"
#include "rats/base/media-types.h"
#include "rats/tokens/psa-claims.h"
#include "verifier-stub/appraisal/manners.h"
#include "verifier-stub/appraisal/test-evidence.h"

#define IDENTITY "could not establish identity from evidence"
#define NO_ANCHOR "no trust anchor for evidence"
#define BAD "integrity validation failed: bad evidence: "
#define SIGNATURE BAD "signature verification failed: verification error"
#define ALGORITHM BAD "unable to get verification algorithm: algorithm not found"
#define ONES "01010101010101010101010101010101"
#define ELEVENS "11111111111111111111111111111111"
#define STALE                                                                                      \
    BAD "freshness: psa-nonce (" ONES ONES ") does not match session nonce (" ELEVENS ELEVENS ")"

static struct test_device devices[2]; /* the second is not endorsed */
static struct atls_store *store;
static uint8_t nonce[32];

enum frame { TAGGED, UNTAGGED, TAG_61, TAG_17, OF_THREE, OF_FIVE, BYTE_BEHIND, DETACHED, CUT };
enum verdict { AFFIRMED, UNFIT, OPEN, NOTHING, FAILED };

static const struct {
    enum atls_tier tier;
    int claims[5]; /* instance-identity, executables, hardware, runtime-opaque, storage-opaque */
} verdicts[] = {
    [AFFIRMED] = {ATLS_TIER_AFFIRMING, {2, 2, 2, 2, 2}},
    [UNFIT] = {ATLS_TIER_WARNING, {2, 33, 2, 2, 2}},
    [OPEN] = {ATLS_TIER_CONTRAINDICATED, {96, 2, 2, 96, 96}},
    [NOTHING] = {ATLS_TIER_NONE, {0, 0, 0, 0, 0}},
    [FAILED] = {ATLS_TIER_CONTRAINDICATED, {99, 99, 99, 99, 99}},
};

struct row {
    const char *name;
    enum verdict verdict;
    const char *problem; /* Veraison's words; NULL: none */
    const char *detail;  /* a part of this verifier's own words */
    int key;             /* of a claim that is another; 0: none */
    const char *value;   /* its encoding; NULL: it is not there */
    bool beside;         /* the good one stands before it */
    const char *header;  /* protected; NULL: {1: -7} */
    enum frame frame;
    bool first, damaged, stale; /* PSA_IOT_PROFILE_1; the signature; nonce of another session */
    unsigned device;
    unsigned more; /* so many unknown claims */
};

#define N32 "5820" ELEVENS ELEVENS
#define BYTES(four) four four four four four four four four
#define MEASURED(fill) "025820" BYTES(fill)
#define SIGNED "055820" BYTES("51515151")
#define COMPONENT(type, version) "a4" type MEASURED("b1b1b1b1") version SIGNED

static const struct row rows[] = {
    {"good", AFFIRMED, NULL, "every check passed", .key = 0},
    {"wrong nonce", FAILED, STALE, "", .stale = true},
    {"flipped signature", FAILED, SIGNATURE, "", .damaged = true},
    {"flipped signature and wrong nonce", FAILED, STALE, "", .damaged = true, .stale = true},
    {"wrong nonce of 64 bytes", FAILED,
     BAD "freshness: psa-nonce (" ONES ONES ONES ONES
         ") does not match session nonce (" ELEVENS ELEVENS ")",
     "", .key = PSA_NONCE, .value = "5840" ONES ONES ONES ONES},
    {"unknown instance", FAILED, NO_ANCHOR, "", .device = 1},
    {"unknown implementation", FAILED, NO_ANCHOR, "", .key = PSA_IMPLEMENTATION_ID, .value = N32},
    /* components, found by what was measured alone */
    {"component alone", AFFIRMED, NULL, "", .key = PSA_COMPONENTS,
     .value = "81" COMPONENT("0162424c", "0465312e302e30")},
    {"other signer", AFFIRMED, NULL, "", .key = PSA_COMPONENTS,
     .value = "81a4"
              "0162424c" MEASURED("b1b1b1b1") "0465312e302e30"
                                              "055820" BYTES("07070707")},
    {"flipped component", UNFIT, NULL, "component \"BL\": its measurement is no reference value",
     .key = PSA_COMPONENTS,
     .value = "81a4"
              "0162424c" MEASURED("b1b1b1b0") "0465312e302e30" SIGNED},
    {"other version", UNFIT, NULL, "is endorsed for another name or version", .key = PSA_COMPONENTS,
     .value = "81" COMPONENT("0162424c", "0465392e302e30")},
    {"other name", UNFIT, NULL, "is endorsed for another name or version", .key = PSA_COMPONENTS,
     .value = "81" COMPONENT("01625858", "0465312e302e30")},
    {"the second is no reference value", UNFIT, NULL, "component \"XX\"", .key = PSA_COMPONENTS,
     .value = "82" COMPONENT("0162424c", "0465312e302e30") "a4"
                                                           "01625858" MEASURED(
                                                               "07070707") "0465312e302e30" SIGNED},
    {"component without version", NOTHING, NULL, "component 0 has no version",
     .key = PSA_COMPONENTS,
     .value = "81a3"
              "0162424c" MEASURED("b1b1b1b1") SIGNED},
    {"the second component without type", NOTHING, NULL, "component 1 has no measurement type",
     .key = PSA_COMPONENTS,
     .value = "82" COMPONENT("0162424c", "0465312e302e30") "a3"
                                                           "046131" MEASURED("07070707") SIGNED},
    {"empty components", FAILED, IDENTITY, "", .key = PSA_COMPONENTS, .value = "80"},
    /* claims */
    {"lifecycle 0x0", OPEN, NULL, "", .key = PSA_LIFECYCLE, .value = "00"},
    {"lifecycle 0x30ff", AFFIRMED, NULL, "", .key = PSA_LIFECYCLE, .value = "1930ff"},
    {"lifecycle 0x7000", FAILED, IDENTITY, "", .key = PSA_LIFECYCLE, .value = "197000"},
    {"client id -1", AFFIRMED, NULL, "", .key = PSA_CLIENT_ID, .value = "20"},
    {"client id 0", AFFIRMED, NULL, "", .key = PSA_CLIENT_ID, .value = "00"},
    {"client id 2147483648", FAILED, IDENTITY, "", .key = PSA_CLIENT_ID, .value = "1a80000000"},
    {"without client id", FAILED, IDENTITY, "", .key = PSA_CLIENT_ID},
    {"without nonce", FAILED, IDENTITY, "", .key = PSA_NONCE},
    {"without boot seed", AFFIRMED, NULL, "", .key = PSA_ARM_2_BOOT_SEED},
    {"unknown claim", AFFIRMED, NULL, "", .key = 70000, .value = "6178"},
    {"vsi", AFFIRMED, NULL, "", .key = PSA_VERIFICATION_SERVICE, .value = "6178"},
    {"vsi empty", FAILED, IDENTITY, "claim 2400: psatoken takes no \"\"",
     .key = PSA_VERIFICATION_SERVICE, .value = "60"},
    {"nonce array of one", AFFIRMED, NULL, "", .key = PSA_NONCE, .value = "81" N32},
    {"nonce array of two", FAILED, IDENTITY, "nonce: expected one, came several", .key = PSA_NONCE,
     .value = "82" N32 N32},
    {"duplicate nonce claim", AFFIRMED, NULL, "", PSA_NONCE, N32, .beside = true},
    {"duplicate nonce claim, of another session: the first counts", AFFIRMED, NULL, "",
     .key = PSA_NONCE, .value = "5820" ONES ONES, .beside = true},
    {"profile tfm", FAILED, IDENTITY,
     "claim 265: psatoken takes no \"tag:psacertified.org,2023:psa#tfm\"", .key = PSA_PROFILE,
     .value = "78217461673a7073616365727469666965642e6f72672c323032333a7073612374666d"},
    {"profile garbage", FAILED, IDENTITY, "", .key = PSA_PROFILE, .value = "6767617262616765"},
    {"profile 1", AFFIRMED, NULL, "", .first = true},
    {"profile 1, nonce array of one", AFFIRMED, NULL, "", .key = PSA1_NONCE, .value = "81" N32,
     .first = true},
    {"profile 1, nonce array of two", FAILED, IDENTITY, "nonce: expected one, came several",
     .key = PSA1_NONCE, .value = "82" N32 N32, .first = true},
    /* as many as there is room for; no recording, Veraison has no such bound */
    {"256 claims", AFFIRMED, NULL, "", .more = 248},
    {"257 claims", FAILED, IDENTITY, "more than 256 claims", .more = 249},
    /* headers */
    {"alg in unprotected", FAILED, ALGORITHM, "", .header = ""},
    {"alg ES384 with P-256", FAILED, SIGNATURE, "", .header = "a1013822"},
    {"content type header", AFFIRMED, NULL, "", .header = "a203617801 26"},
    {"content type behind the algorithm", AFFIRMED, NULL, "", .header = "a2012603 6178"},
    {"crit header", AFFIRMED, NULL, "", .header = "a3028118630126186301"},
    {"crit header behind the algorithm", AFFIRMED, NULL, "", .header = "a3012602811863186301"},
    /* no recordings, but what the words of the others mean */
    {"another header with a negative number", AFFIRMED, NULL, "", .header = "a201260428"},
    {"a header of a text label", AFFIRMED, NULL, "", .header = "a20126616101"},
    {"a header of a text label before the algorithm", AFFIRMED, NULL, "", .header = "a26161010126"},
    {"an algorithm above 0", FAILED, ALGORITHM, "", .header = "a10105"},
    {"an algorithm that is a text", FAILED, ALGORITHM, "", .header = "a1016545533235 36"},
    {"the least algorithm", FAILED, SIGNATURE, "", .header = "a1013a7fffffff"},
    {"an algorithm below it", FAILED, ALGORITHM, "", .header = "a1013a80000000"},
    {"a header that is no map", FAILED, IDENTITY, "COSE protected header", .header = "01"},
    {"a header that is no CBOR", FAILED, IDENTITY, "", .header = "a101"},
    /* frames */
    {"untagged COSE", FAILED, IDENTITY, "", .frame = UNTAGGED},
    {"tag 61(18)", FAILED, IDENTITY, "", .frame = TAG_61},
    {"tag 17", FAILED, IDENTITY, "came tag 17 and 4", .frame = TAG_17},
    {"an array of three", FAILED, IDENTITY, "came tag 18 and 3", .frame = OF_THREE},
    {"an array of five", FAILED, IDENTITY, "came tag 18 and 5", .frame = OF_FIVE},
    {"trailing byte", FAILED, IDENTITY, "", .frame = BYTE_BEHIND},
    {"detached", FAILED, IDENTITY, "COSE payload", .frame = DETACHED},
    {"truncated", FAILED, IDENTITY, "", .frame = CUT},
};

struct claims { /* of a token, by key */
    size_t count;
    int keys[300];
    uint8_t values[300][512];
    size_t sizes[300];
};

/* In place of the one at AT, or behind the last. */
static void put(struct claims *claims, size_t at, int key, struct atls_bytes value)
{
    assert_true(at < COUNT(claims->keys) && value.size <= sizeof *claims->values);
    claims->keys[at] = key;
    memcpy(claims->values[at], value.data, value.size);
    claims->sizes[at] = value.size;
    claims->count += at == claims->count;
}

static void put_hex(struct claims *claims, size_t at, int key, const char *hex)
{
    struct atls_bytes value = test_bytes(hex);

    put(claims, at, key, value);
    test_vector_free(value);
}

static void add_hex(struct claims *claims, int key, const char *hex)
{
    put_hex(claims, claims->count, key, hex);
}

static void add_bytes(struct claims *claims, int key, struct atls_bytes bytes)
{
    struct atls_cbor_writer w;
    struct atls_bytes written;
    uint8_t out[80];

    atls_cbor_write_init(&w, out, sizeof out);
    atls_cbor_write_bytes(&w, bytes);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    put(claims, claims->count, key, written);
}

/* Those of a good token, but for what ROW says. */
static void fill(const struct row *row, struct claims *claims)
{
    const struct test_device *device = &devices[row->device];
    bool first = row->first;
    size_t at;

    claims->count = 0;
    if (!first)
        add_hex(claims, PSA_PROFILE,
                "7818687474703a2f2f61726d2e636f6d2f7073612f322e302e30"); /* psa/2.0.0 */
    add_hex(claims, first ? PSA1_CLIENT_ID : PSA_CLIENT_ID, "01");
    add_hex(claims, first ? PSA1_LIFECYCLE : PSA_LIFECYCLE, "193000");
    add_bytes(claims, first ? PSA1_IMPLEMENTATION_ID : PSA_IMPLEMENTATION_ID,
              ATLS_BYTES(device->implementation_id, 32));
    add_hex(claims, first ? PSA1_BOOT_SEED : PSA_ARM_2_BOOT_SEED, N32);
    add_hex(claims, first ? PSA1_COMPONENTS : PSA_COMPONENTS,
            "81" COMPONENT("0162424c", "0465312e302e30"));
    add_hex(claims, first ? PSA1_NONCE : PSA_NONCE, row->stale ? "5820" ONES ONES : N32);
    add_bytes(claims, first ? PSA1_INSTANCE_ID : PSA_INSTANCE_ID,
              ATLS_BYTES(device->instance_id, 33));
    for (at = 0; at < claims->count && (row->beside || claims->keys[at] != row->key); at++)
        ;
    if (row->key && row->value)
        put_hex(claims, at, row->key, row->value);
    else if (at < claims->count)
        claims->keys[at] = 0;
    for (unsigned i = 0; i < row->more; i++)
        add_hex(claims, (int)(1000 + i), "01");
}

/* A map in the order in which they come: the project's writer would refuse it. */
static struct atls_bytes payload_of(const struct claims *claims, uint8_t *out, size_t room)
{
    struct atls_sink sink = atls_sink_of(out, room);
    struct atls_bytes written;
    uint16_t count = 0;

    atls_sink_u8(&sink, 0xb9);
    atls_sink_u16(&sink, 0);
    for (size_t i = 0; i < claims->count; i++) {
        int key = claims->keys[i];

        if (!key)
            continue;
        atls_sink_u8(&sink, key < 0 ? 0x3a : 0x1a);
        atls_sink_u32(&sink, (uint32_t)(key < 0 ? -1 - key : key));
        atls_sink_bytes(&sink, ATLS_BYTES(claims->values[i], claims->sizes[i]));
        count++;
    }
    assert_int_equal(atls_sink_done(&sink, &written), 0);
    out[1] = (uint8_t)(count >> 8);
    out[2] = (uint8_t)count;
    return written;
}

/* PAYLOAD, signed as ROW says. */
static struct atls_bytes token_of(const struct row *row, struct atls_bytes payload, uint8_t *out,
                                  size_t room)
{
    struct atls_bytes header = test_bytes(row->header ? row->header : "a10126"), written;
    uint8_t digest[32], signature[ATLS_SIGNATURE_MAX];
    struct atls_cbor_writer w;

    assert_int_equal(
        atls_cose_sign1_digest(&atls_crypto_hosted, ATLS_SHA256, header, payload, digest), 0);
    assert_int_equal(
        atls_crypto_hosted.sign(&devices[row->device].pak, ATLS_BYTES(digest, 32), signature), 0);
    signature[40] ^= row->damaged;
    atls_cbor_write_init(&w, out, room - 1);
    if (row->frame == TAG_61)
        atls_cbor_write_tag(&w, ATLS_TAG_CWT);
    if (row->frame != UNTAGGED)
        atls_cbor_write_tag(&w, row->frame == TAG_17 ? ATLS_TAG_COSE_MAC0 : ATLS_TAG_COSE_SIGN1);
    atls_cbor_write_array(&w, row->frame == OF_THREE ? 3 : row->frame == OF_FIVE ? 5 : 4);
    atls_cbor_write_bytes(&w, header);
    atls_cbor_write_map(&w, 0);
    if (row->frame == DETACHED)
        atls_cbor_write_null(&w);
    else
        atls_cbor_write_bytes(&w, payload);
    if (row->frame != OF_THREE)
        atls_cbor_write_bytes(&w, ATLS_BYTES(signature, 64));
    if (row->frame == OF_FIVE)
        atls_cbor_write_uint(&w, 1);
    assert_int_equal(atls_cbor_write_done(&w, &written), 0);
    test_vector_free(header);
    out[written.size] = 0;
    written.size += row->frame == BYTE_BEHIND;
    written.size -= row->frame == CUT;
    return written;
}

static struct atls_bytes evidence_of(const struct row *row, uint8_t *out, size_t room)
{
    static struct claims claims;
    static uint8_t payload[4096];

    fill(row, &claims);
    return token_of(row, payload_of(&claims, payload, sizeof payload), out, room);
}

static void appraise(struct atls_bytes token, struct atls_evidence_verdict *verdictp)
{
    const struct atls_appraiser appraiser = {.store = store,
                                             .crypto = &atls_crypto_hosted,
                                             .annotates = true,
                                             .now = TEST_NOW,
                                             .manners = &atls_appraisal_veraison};
    struct atls_evidence evidence;
    const char *reason;

    assert_int_equal(atls_evidence_unwrap(ATLS_MT_PSA_TOKEN, token, &evidence, &reason), 0);
    assert_int_equal(atls_appraise(&appraiser, &evidence, ATLS_BYTES(nonce, 32), verdictp), 0);
    atls_evidence_clear(&evidence);
}

/* What Veraison says beside the claims. */
static void check_problem(const struct atls_evidence_verdict *verdict, struct atls_bytes asked,
                          const char *problem)
{
    json_t *why = NULL;
    const char *came;

    assert_int_equal(atls_appraisal_veraison.explain(verdict, asked, &why), 0);
    came = json_string_value(json_object_get(why, "problem"));
    if (!problem != !came || (problem && strcmp(problem, came) != 0))
        fail_msg("expected \"%s\", came \"%s\"", problem ? problem : "no words",
                 came ? came : "no words");
    assert_int_equal(json_object_size(why), problem != NULL);
    json_decref(why);
}

static void test_row(void **state)
{
    static const enum atls_trust_claim claims[] = {ATLS_INSTANCE_IDENTITY, ATLS_EXECUTABLES,
                                                   ATLS_HARDWARE, ATLS_RUNTIME_OPAQUE,
                                                   ATLS_STORAGE_OPAQUE};
    const struct row *row = *state;
    struct atls_evidence_verdict verdict;
    uint8_t token[8192];

    appraise(evidence_of(row, token, sizeof token), &verdict);
    if (verdict.tier != verdicts[row->verdict].tier || !strstr(verdict.detail, row->detail))
        fail_msg("expected %s, \"%s\", came %s, \"%s\"",
                 atls_tier_name(verdicts[row->verdict].tier), row->detail,
                 atls_tier_name(verdict.tier), verdict.detail);
    for (size_t i = 0; i < COUNT(claims); i++)
        assert_int_equal(verdict.submods[0].trust_vector[claims[i]],
                         verdicts[row->verdict].claims[i]);
    check_problem(&verdict, ATLS_BYTES(nonce, 32), row->problem);
    atls_evidence_verdict_clear(&verdict);
}

/* Text claims mean nothing, however often they come (the recording has one). */
static void test_text_claims(void **state)
{
    static const char *const pairs[] = {"6178 01", "6178 01 6178 02"};
    static struct claims claims;

    for (size_t i = 0; i < COUNT(pairs); i++) {
        const struct row row = {.name = "text claim"};
        struct atls_bytes more = test_bytes(pairs[i]), payload;
        struct atls_evidence_verdict verdict;
        uint8_t made[4096], token[8192];

        fill(&row, &claims);
        payload = payload_of(&claims, made, sizeof made - more.size);
        made[2] = (uint8_t)(made[2] + i + 1);
        memcpy(made + payload.size, more.data, more.size);
        payload.size += more.size;
        appraise(token_of(&row, payload, token, sizeof token), &verdict);
        assert_int_equal(verdict.tier, ATLS_TIER_AFFIRMING);
        atls_evidence_verdict_clear(&verdict);
        test_vector_free(more);
    }
}

/* What the strict reader makes of a token, this one makes as well, but for whose it is. */
static void test_same_as_the_strict_reader(void **state)
{
    static const struct {
        const char *client_id;
        int32_t value;
    } table[] = {{"01", 1}, {"20", -1}, {"00", 0}};

    for (size_t i = 0; i < COUNT(table); i++) {
        const struct row row = {.name = "good", .key = PSA_CLIENT_ID, .value = table[i].client_id};
        struct atls_psa_component components[2][2];
        struct atls_cose_sign1 messages[2];
        struct atls_psa_claims claims[2];
        struct atls_bytes token;
        uint8_t made[8192], *kept;

        token = evidence_of(&row, made, sizeof made);
        assert_int_equal(atls_veraison_token_parse(token, ATLS_COSE_TAG_ALONE, components[0], 2,
                                                   &kept, &messages[0], &claims[0]),
                         0);
        assert_int_equal(claims[0].client_id, table[i].value);
        assert_int_equal(claims[0].lifecycle, ATLS_PSA_SECURED);
        assert_int_equal(claims[0].component_count, 1);
        if (table[i].value != 0) { /* RFC 9783 section 4.1.2 has no client id 0 */
            assert_int_equal(atls_psa_token_parse(token, ATLS_COSE_TAG_ALONE, components[1], 2,
                                                  &messages[1], &claims[1]),
                             0);
            assert_int_equal(messages[0].tagged, messages[1].tagged);
            assert_int_equal(messages[0].alg, messages[1].alg);
            assert_int_equal(messages[0].algorithm.number, messages[1].algorithm.number);
            assert_int_equal(messages[0].content_format, messages[1].content_format);
            test_same_bytes(messages[0].protected_header, messages[1].protected_header);
            test_same_bytes(messages[0].payload, messages[1].payload);
            test_same_bytes(messages[0].signature, messages[1].signature);
            test_same_bytes(claims[0].nonce, claims[1].nonce);
        }
        free(kept);
    }
}

/* A reference value says of a component what it has: nothing else is compared. Of several of one
 * measurement the last counts, as in a map that is filled in order. */
static void test_endorsed_in_part(void **state)
{
    char bl[] = "BL", fw[] = "FW", one[] = "1", two[] = "2";
    const struct {
        struct {
            char *name, *version;
        } endorsed[2];
        size_t count;
        const char *reason; /* of BL, version 1; NULL: it fits */
    } table[] = {
        {{{NULL, NULL}}, 1, NULL},
        {{{bl, NULL}}, 1, NULL},
        {{{NULL, one}}, 1, NULL},
        {{{bl, one}}, 1, NULL},
        {{{fw, NULL}}, 1, "reference-value-mismatch"},
        {{{NULL, two}}, 1, "reference-value-mismatch"},
        {{{fw, one}}, 1, "reference-value-mismatch"},
        {{{bl, two}}, 1, "reference-value-mismatch"},
        {{{fw, one}, {bl, one}}, 2, NULL},
        {{{bl, one}, {fw, one}}, 2, "reference-value-mismatch"},
        {{{NULL, NULL}}, 0, "unknown-component"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_reference_value values[2] = {0};
        const struct atls_psa_component component = {.type = atls_bytes_of_text("BL"),
                                                     .version = atls_bytes_of_text("1"),
                                                     .value = ATLS_BYTES(nonce, 32)};
        const struct atls_psa_claims claims = {.components = &component, .component_count = 1};
        struct atls_evidence_verdict verdict = {.reason = NULL};
        struct atls_reference_set set;

        for (size_t j = 0; j < table[i].count; j++) {
            values[j].name = table[i].endorsed[j].name;
            values[j].version = table[i].endorsed[j].version;
            values[j].digest_size = 32;
            memcpy(values[j].digest, nonce, 32);
        }
        assert_int_equal(atls_reference_set_of(values, table[i].count, &set), 0);
        assert_int_equal(atls_appraisal_veraison.match(&claims, &set, &verdict), 0);
        if (!table[i].reason != !verdict.reason ||
            (verdict.reason && strcmp(verdict.reason, table[i].reason) != 0))
            fail_msg("row %zu: expected %s, came %s", i,
                     table[i].reason ? table[i].reason : "nothing",
                     verdict.reason ? verdict.reason : "nothing");
        assert_int_equal(verdict.submods[0].trust_vector[ATLS_EXECUTABLES],
                         table[i].reason ? 33 : 2);
        atls_reference_set_clear(&set);
        atls_evidence_verdict_clear(&verdict);
    }
}

/* The words about a nonce, of any size: what is told is bounded, and of none nothing is. */
static void test_nonces_in_words(void **state)
{
    static const uint8_t fives[65] = {5};
    struct atls_evidence_verdict verdict = {.reason = "nonce-mismatch"};
    char expected[400];

    verdict.submods[0].trust_vector[ATLS_HARDWARE] = ATLS_VERIFICATION_FAILED;
    check_problem(&verdict, ATLS_BYTES("\x01\xff", 2),
                  BAD "freshness: psa-nonce () does not match session nonce (01ff)");
    verdict.nonce[0] = 0xab;
    verdict.nonce_size = 1;
    snprintf(expected, sizeof expected,
             BAD "freshness: psa-nonce (ab) does not match session nonce (05%0126d)", 0);
    check_problem(&verdict, ATLS_BYTES(fives, 64), expected);
    check_problem(&verdict, ATLS_BYTES(fives, 65), expected);
}

static int set_up(void **state)
{
    for (size_t i = 0; i < COUNT(devices); i++)
        test_device_make(&devices[i], (uint8_t)(10 + i));
    memset(nonce, 0x11, sizeof nonce);
    store = test_store(devices, 1);
    return 0;
}

static int tear_down(void **state)
{
    atls_store_close(store);
    return 0;
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_row, rows);
    TEST_ADD(&list, test_text_claims);
    TEST_ADD(&list, test_same_as_the_strict_reader);
    TEST_ADD(&list, test_endorsed_in_part);
    TEST_ADD(&list, test_nonces_in_words);
    return test_done(_cmocka_run_group_tests("in the place of Veraison", list.tests, list.count,
                                             set_up, tear_down));
}
