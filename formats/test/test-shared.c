/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What formats share, by itself: how one is found, which challenges each can answer, hashes that
 * are recognized, members of maps, and diagnoses with their sentences.
 */
#include "rats/test/test-table.h"

#include "formats/format.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/tokens/ra-tls.h"

/* Which sizes of a challenge a format answers: of a PSA token those of RFC 9783 section 4.1.1, of
 * a certificate's key those of its hashes; NULL: any of 8 to 64. */
static void answers_challenges(void **state)
{
    static const uint8_t bytes[80];
    static const struct {
        const struct atls_evidence_format *format;
        const char *clause;
        size_t sizes[4];
    } table[] = {
        {&atls_format_psa, "RFC 9783 section 4.1.1", {32, 48, 64}},
        {&atls_format_key_binding, "RFC 9783 section 4.1.1", {32, 48, 64}},
        {&atls_format_ra_tls, "Interoperable RA-TLS, evidence custom claims", {32, 48}},
    };

    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        size_t at = 0;

        while (at < COUNT(table) && table[at].format != atls_evidence_formats[i])
            at++;
        assert_int_equal(!atls_evidence_formats[i]->check_challenge, at == COUNT(table));
        for (size_t size = 0; at < COUNT(table) && size <= sizeof bytes; size++) {
            bool due = false;

            for (size_t j = 0; j < 4; j++)
                due = due || (size > 0 && table[at].sizes[j] == size);
            test_outcome(table[at].format->check_challenge(ATLS_BYTES(bytes, size)),
                         due ? 0 : ATLS_E_LIMIT, due ? NULL : table[at].clause);
        }
    }
}

/* Whose it is, by the type of a CMW. */
static const struct typed {
    const char *name, *json;
    bool record_type;
    const struct atls_evidence_format *format;
} typed[] = {
    {"type of a CAB",
     "{\"__cmwc_t\":\"tag:ietf.org,2024-02-29:rats/kat\",\"kat\":[\"a/b\",\"AA\"]}", false,
     &atls_format_cab},
    {"type of both tokens over one nonce",
     "{\"__cmwc_t\":\"tag:ietf.org,2026:rats/key-binding\",\"kat\":[\"a/b\",\"AA\"]}", false,
     &atls_format_key_binding},
    {"another type of collection",
     "{\"__cmwc_t\":\"tag:a.example,2024:b\",\"kat\":[\"a/b\",\"AA\"]}", true, NULL},
    {"a collection of no type", "{\"kat\":[\"a/b\",\"AA\"]}", true, NULL},
    {"a PSA token", "[\"application/psa-attestation-token\",\"AA\"]", false, &atls_format_psa},
    {"a PSA token as RFC 9783 has it",
     "[\"application/eat+cwt; eat_profile=\\\"tag:psacertified.org,2023:psa#tfm\\\"\",\"AA\"]",
     false, &atls_format_psa},
    {"a CCA token",
     "[\"application/eat-collection; profile=\\\"http://arm.com/CCA-SSD/1.0.0\\\"\","
     "\"AA\"]",
     false, &atls_format_cca},
    {"an EAT in a CWT, whose record is of a PSA token", "[\"application/eat+cwt\",\"AA\"]", true,
     &atls_format_psa},
    {"an EAT in a CWT, where a media type is due", "[\"application/eat+cwt\",\"AA\"]", false, NULL},
    {"evidence of a TPM", "[\"application/vnd.parallaxsecond.key-attestation.tpm\",\"AA\"]", false,
     &atls_format_parsec_tpm},
    {"Parsec on Arm CCA", "[\"application/vnd.parallaxsecond.key-attestation.cca\",\"AA\"]", false,
     &atls_format_parsec_cca},
    {"what travels by itself alone", "[\"application/cmw\",\"AA\"]", true, NULL},
    {"nobody's", "[\"application/octet-stream\",\"AA\"]", true, NULL},
};

static void finds_format(void **state)
{
    const struct typed *row = *state;
    struct atls_cmw *cmw;

    test_outcome(atls_cmw_parse(atls_bytes_of_text(row->json), &cmw), 0, NULL);
    const struct atls_evidence_format *found = atls_evidence_format_of_cmw(cmw, row->record_type);
    if (found != row->format)
        fail_msg("%s: expected %s, came %s", row->name, row->format ? row->format->name : "none",
                 found ? found->name : "none");
    atls_cmw_free(cmw);
}

static void knows_media_types(void **state)
{
    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_format *format = atls_evidence_formats[i];

        assert_null(atls_evidence_format_media_type(format, atls_bytes_of_text("text/plain")));
        for (size_t j = 0; format->media_types && format->media_types[j]; j++)
            assert_ptr_equal(
                atls_evidence_format_media_type(format, atls_bytes_of_text(format->media_types[j])),
                format->media_types[j]);
    }
    assert_false(atls_format_prototype.is(ATLS_BYTES(NULL, 0)));
    assert_true(atls_format_prototype.is(ATLS_BYTES("\x01", 1)));
    assert_false(atls_format_prototype.is(ATLS_BYTES("\x02", 1)));
}

static void help_begins_so(void **state)
{
    static const char begins[] = "evidence that the attester makes: cab: a CAB";
    char *help = atls_evidence_formats_help();

    if (strncmp(help, "evidence that the attester makes: cab: ", 39) != 0)
        fail_msg("expected \"%s ...\", came \"%s\"", begins, help);
    assert_null(strstr(help, "prototype"));
    free(help);
}

static void recognizes_hashes(void **state)
{
    static const struct {
        enum atls_hash hash;
        const char *name;
    } table[] = {{ATLS_SHA256, "SHA-256"}, {ATLS_SHA384, "SHA-384"}, {ATLS_SHA512, "SHA-512"}};
    const struct atls_bytes of = atls_bytes_of_text("what was hashed");

    for (size_t i = 0; i < COUNT(table); i++) {
        uint8_t digest[ATLS_HASH_MAX];
        struct atls_bytes came = ATLS_BYTES(digest, atls_hash_size(table[i].hash));

        assert_int_equal(atls_crypto_hosted.hash(table[i].hash, &of, 1, digest), 0);
        assert_string_equal(atls_evidence_hash_of(&atls_crypto_hosted, of, came), table[i].name);
        assert_null(atls_evidence_hash_of(&atls_crypto_hosted, came, came));
        came.size--;
        assert_null(atls_evidence_hash_of(&atls_crypto_hosted, of, came));
        came.size = 0;
        assert_null(atls_evidence_hash_of(&atls_crypto_hosted, of, came));
        came.size = atls_hash_size(table[i].hash);
        digest[came.size - 1] ^= 1;
        assert_null(atls_evidence_hash_of(&atls_crypto_hosted, of, came));
    }
}

/* The member "b" of a map, which nobody has read before. */
static const struct member {
    const char *name, *hex;
    bool found;
} members[] = {
    {"alone", "a1 6162 07", true},
    {"behind another", "a2 6161 00 6162 07", true},
    {"ahead of another", "a2 6162 07 6161 00", true},
    {"of an indefinite map", "bf 6162 07 ff", true},
    {"not there", "a1 6161 00", false},
    {"no map", "82 6162 07", false},
    {"no pairs", "a0", false},
    {"behind a name that is bytes", "a2 4161 00 6162 07", false},
    {"as bytes", "a1 4162 07", false},
    {"behind a value that is cut off", "a2 6161 19", false},
    {"behind a value that is none", "a2 6161 ff 6162 07", false},
    {"its name cut off", "a1 61", false},
    {"behind nothing", "", false},
};

static void finds_member(void **state)
{
    const struct member *row = *state;
    struct atls_bytes in = test_bytes(row->hex);
    struct atls_cbor_reader r = {.in = in, .rules = &atls_cbor_lenient};
    uint64_t value = 0;

    assert_int_equal(atls_map_find(&r, "b"), row->found);
    if (row->found) {
        assert_int_equal(atls_cbor_read_uint(&r, "value", &value), 0);
        assert_int_equal(value, 7);
    }
    test_vector_free(in);
}

/* Who looks for the layer at which bytes break, by other rules, leaves their parser's words. */
static void keeps_its_parsers_words(void **state)
{
    uint8_t deep[65] = {0};
    const struct atls_evidence_message message = {NULL, {deep, sizeof deep}};
    struct atls_evidence_read read = {.format = &atls_format_ra_tls, .value = message.value};
    const char *reason = NULL;
    struct atls_ra_tls parsed;
    struct atls_error kept;

    memset(deep, 0x81, sizeof deep - 1);
    assert_true(atls_ra_tls_parse(message.value, &parsed) > 0);
    atls_error_keep(&kept);
    assert_true(atls_format_ra_tls.read(&message, &read, &reason) > 0);
    assert_string_equal(atls_error_text(), kept.text);
    assert_string_equal(atls_error_clause(), kept.clause);
    assert_string_equal(reason, "malformed-cbor");
}

/* Diagnoses: what is added, and the sentence that it becomes; "json" is what an event has. */
static void add_variant(struct atls_diagnosis *d)
{
    atls_diagnosis_add_variant(d, "hello-retry", "second-hello", NULL);
}

static void add_variant_by_clause(struct atls_diagnosis *d)
{
    atls_diagnosis_add_variant(d, "payload-prefix", "drafted", "a draft, section 5");
}

static void add_unlisted(struct atls_diagnosis *d)
{
    atls_diagnosis_add_variant(d, "signature", "raw", NULL);
}

static void add_unknown(struct atls_diagnosis *d)
{
    atls_diagnosis_add_variant(d, "hello-retry", "none", NULL);     /* another variant's value */
    atls_diagnosis_add_variant(d, "payload", "second-hello", NULL); /* nobody's variant */
}

static void add_named(struct atls_diagnosis *d)
{
    atls_diagnosis_add(d, "another connection", NULL, "it was asked in connection %d", 7);
}

static void add_two(struct atls_diagnosis *d)
{
    atls_diagnosis_add(d, "another key", "RFC 9052 section 4.4", "it is by %s", "somebody");
    atls_diagnosis_add_reading(d, "H22", "B", "a draft, section 6", "the PAT answers %s",
                               "nothing");
}

static void add_nothing(struct atls_diagnosis *d)
{
}

static const struct sentence {
    const char *name;
    enum atls_mismatch of;
    void (*add)(struct atls_diagnosis *d);
    const char *said, *readings;
} sentences[] = {
    {"nothing is wrong", ATLS_MATCHES, add_named, "", NULL},
    {"nothing is known", ATLS_WRONG_NONCE, add_nothing, "answers no nonce that is known", "[]"},
    {"no reading that is told", ATLS_WRONG_BINDER, add_unknown, "answers no binder that is known",
     "[]"},
    {"a reading with its letter", ATLS_WRONG_BINDER, add_variant,
     "answers the binder of H5 reading B: the hash began at the second ClientHello",
     "[{\"clause\":\"\",\"question\":\"H5\",\"reading\":\"B\",\"set\":\"hello-retry=second-hello\","
     "\"text\":\"the hash began at the second ClientHello\"}]"},
    {"a reading without a letter", ATLS_WRONG_EXTENSION, add_variant_by_clause,
     "is written by H15, payload-prefix=drafted: the length ahead of the CMW is the one that is "
     "drafted (a draft, section 5)",
     "[{\"clause\":\"a draft, section 5\",\"question\":\"H15\",\"reading\":\"\",\"set\":\"payload-"
     "prefix=drafted\",\"text\":\"the length ahead of the CMW is the one that is drafted\"}]"},
    {"a reading of no question of the list", ATLS_WRONG_SIGNATURE, add_unlisted,
     "is signed by signature=raw: r and s stand one behind the other, as the prototype has them "
     "(RFC 8446 section 4.2.3)",
     "[{\"clause\":\"RFC 8446 section "
     "4.2.3\",\"question\":\"\",\"reading\":\"\",\"set\":\"signature="
     "raw\",\"text\":\"r and s stand one behind the other, as the prototype has them\"}]"},
    {"a name", ATLS_WRONG_NONCE, add_named,
     "answers the nonce of another connection: it was asked in connection 7",
     "[{\"clause\":\"\",\"question\":\"\",\"reading\":\"\",\"set\":\"\",\"text\":\"it was asked in "
     "connection 7\"}]"},
    {"two", ATLS_WRONG_LINKAGE, add_two,
     "is linked by another key: it is by somebody (RFC 9052 section 4.4), and of H22 reading B: "
     "the "
     "PAT answers nothing (a draft, section 6)",
     "[{\"clause\":\"RFC 9052 section "
     "4.4\",\"question\":\"\",\"reading\":\"\",\"set\":\"\",\"text\":"
     "\"it is by somebody\"},{\"clause\":\"a draft, section 6\",\"question\":\"H22\",\"reading\":"
     "\"B\",\"set\":\"\",\"text\":\"the PAT answers nothing\"}]"},
};

static void says_sentence(void **state)
{
    const struct sentence *row = *state;
    struct atls_diagnosis diagnosis = {.of = row->of};
    char text[ATLS_DIAGNOSIS_TEXT];

    row->add(&diagnosis);
    memset(text, 'x', sizeof text);
    atls_diagnosis_say(&diagnosis, text);
    assert_string_equal(text, row->said);
    json_t *json = atls_diagnosis_json(&diagnosis);
    assert_int_equal(!json, !row->readings);
    if (!json)
        return;
    char *readings = json_dumps(json_object_get(json, "readings"), JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(readings, row->readings);
    assert_string_equal(json_string_value(json_object_get(json, "text")), row->said);
    assert_int_equal(json_is_true(json_object_get(json, "known")), strcmp(readings, "[]") != 0);
    free(readings);
    json_decref(json);
}

/* No more than there is room for; each of the three ways to add one. */
static void adds_no_more_than_fit(void **state)
{
    struct {
        struct atls_diagnosis diagnosis;
        uint8_t behind[sizeof(struct atls_known_reading)];
    } d = {.diagnosis = {.of = ATLS_WRONG_NONCE}};
    static const uint8_t zeros[sizeof d.behind];

    for (size_t i = 0; i < ATLS_DIAGNOSIS_READINGS; i++)
        add_named(&d.diagnosis);
    add_named(&d.diagnosis);
    add_variant(&d.diagnosis);
    atls_diagnosis_add_reading(&d.diagnosis, "H22", "B", NULL, "one too many");
    assert_int_equal(d.diagnosis.count, ATLS_DIAGNOSIS_READINGS);
    assert_memory_equal(d.behind, zeros, sizeof zeros);
}

static void tells_variants_of_binders(void **state)
{
    assert_true(atls_variant_is_of_binder("hello-retry"));
    assert_true(atls_variant_is_of_binder("public-key"));
    assert_false(atls_variant_is_of_binder("payload-prefix"));
    assert_false(atls_variant_is_of_binder("nobody's"));
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, answers_challenges);
    TEST_ADD_ROWS(&list, finds_format, typed);
    TEST_ADD(&list, knows_media_types);
    TEST_ADD(&list, help_begins_so);
    TEST_ADD(&list, recognizes_hashes);
    TEST_ADD_ROWS(&list, finds_member, members);
    TEST_ADD(&list, keeps_its_parsers_words);
    TEST_ADD_ROWS(&list, says_sentence, sentences);
    TEST_ADD(&list, adds_no_more_than_fit);
    TEST_ADD(&list, tells_variants_of_binders);
    return test_run("what formats share", &list);
}
