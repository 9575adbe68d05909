/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an endpoint says of a peer that answers something else. Each reading of the contract that
 * changes what evidence answers is played against the default, under each profile that leaves it
 * open, with the one or the other on either side, and must be named; what is no reading must be
 * called unknown, and all of it must be refused as ever.
 */
#include "program/contract.h"
#include "tls/engine/carrier-entry.h"
#include "tls/engine/expat.h"
#include "tls/engine/test-profile-rows.h"
#include "tls/wire/binder.h"

struct told {
    const char *name, *value; /* of a variant */
    bool binder;
};
#define TOLD(variant, value, question, letter, binder, text) {variant, value, binder},
static const struct told told[] = {ATLS_CONTRACT_TOLD(TOLD)};
#define OPEN(member, name, question, what, readings, profiles) {name, readings, profiles},
static const struct {
    const char *name, *readings[ATLS_CONTRACT_READINGS_MAX + 1];
    const char *profiles[ATLS_CONTRACT_PROFILES_MAX + 1];
} variants[] = {ATLS_CONTRACT_VARIANTS(OPEN)};

/* Who attests, and whether the relying party has the odd reading or its peer. */
static struct profile_row row_of(const struct told *reading, const struct atls_profile *profile,
                                 bool client_attests, bool odd_judges)
{
    struct profile_row row = {.profiles = &profile, .profile_count = 1};
    struct side attester = {.attester = {BG}}, relying_party = {.relying_party = {BG}};
    char argument[96];
    attester.certificate_kind = relying_party.certificate_kind = profile == &atls_profile_ta_07;
    if (profile == &atls_profile_ta_07) /* else the advertised length is the nonce's */
        relying_party.fault = "nonce-length=16";
    snprintf(argument, sizeof argument, "%s=%s", reading->name, reading->value);
    assert_int_equal(
        atls_variants_set(odd_judges ? &relying_party.variants : &attester.variants, argument), 0);
    row.client = client_attests ? attester : relying_party;
    row.server = client_attests ? relying_party : attester;
    row.client.hrr = true;
    return row;
}

static const struct failure *failure_of(const struct connection *c, bool client_attests)
{
    return &(client_attests ? c->server : c->client).session->failure;
}

static void is_named(const struct failure *failure, const char *name, const char *value)
{
    const struct atls_diagnosis *d = failure->diagnosis;
    char text[ATLS_DIAGNOSIS_TEXT];
    assert_string_equal(failure->reason ? failure->reason : "none", "nonce-mismatch");
    assert_non_null(d);
    atls_diagnosis_say(d, text);
    if (d->count != 1 || !d->readings[0].variant || strcmp(d->readings[0].variant, name) != 0 ||
        strcmp(d->readings[0].value, value) != 0)
        fail_msg("expected %s=%s, came: it %s", name, value, text);
}

static void played_under(const struct told *reading, const char *first,
                         const struct atls_profile *profile)
{
    for (unsigned way = 0; way < 4; way++) {
        bool client_attests = way & 1, odd_judges = way & 2;
        struct profile_row row = row_of(reading, profile, client_attests, odd_judges);
        struct connection c;
        print_message("  %s, %s attests, %s\n", profile->name, client_attests ? "client" : "server",
                      odd_judges ? "the relying party reads so" : "the attester reads so");
        open_connection(&c, &row, profile);
        pump_ends(&c.client, &c.server);
        is_named(failure_of(&c, client_attests), reading->name,
                 odd_judges ? first : reading->value);
        close_connection(&c);
    }
}

static void a_reading(void **state)
{
    const struct told *reading = *state;
    for (size_t i = 0; i < COUNT(variants); i++)
        for (size_t p = 0; strcmp(variants[i].name, reading->name) == 0 && variants[i].profiles[p];
             p++)
            played_under(reading, variants[i].readings[0],
                         atls_profile_by_name(variants[i].profiles[p]));
}

/* Two readings at once: both are named. */
static void two_readings(void **state)
{
    static const struct profile_row row = {
        .client = {.attester = {BG}, .variants = {.hello_retry = 3, .binder_role = 1}, .hrr = true},
        .server = {.relying_party = {BG}}};
    struct connection c;
    char text[ATLS_DIAGNOSIS_TEXT];
    open_connection(&c, &row, &atls_profile_seat_06);
    pump_ends(&c.client, &c.server);
    assert_non_null(c.server.session->failure.diagnosis);
    atls_diagnosis_say(c.server.session->failure.diagnosis, text);
    assert_string_equal(
        text, "answers the binder of H5 reading B: the hash began at the second ClientHello "
              "(draft-fossati-seat-early-attestation-06 section 5.1.1), and of H9 reading B: each "
              "side has a label of its own (draft-fossati-seat-early-attestation-06 section "
              "5.1.1)");
    close_connection(&c);
}

/* What a client answers that is no reading of a variant. */
struct answer_row {
    const char *name;
    const struct atls_profile *profile;
    void (*answer)(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep);
    bool both, certificate_kind; /* both sides attest; CERT_ATTESTATION */
    const char *said;            /* how the sentence begins */
};

static struct connection *played;

static void flipped(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    answerp[*sizep - 1] ^= 1;
}

static void cut_short(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    *sizep = 16;
}

/* The first evidence of these is the server's, which is as it should be. */
static void own_of_server(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    struct binder binder;
    if (test_roles.evidence_made == 0)
        return;
    assert_int_equal(session_bind_self(played->server.session, &binder), 0);
    memcpy(answerp, binder.value, binder.size);
    *sizep = binder.size;
}

static void own_nonce_of_server(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    struct atls_bytes nonce = played->server.session->hello.offers[ATLS_SERVER].nonce;
    if (test_roles.evidence_made == 0)
        return;
    memcpy(answerp, nonce.data, nonce.size);
    *sizep = nonce.size;
}

/* The binder of the client, hashed otherwise: TLS_AES_256_GCM_SHA384 was agreed on. */
static void of_sha256(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    struct atls_session *s = played->client.session;
    struct atls_transcript *t = &s->entry->transcript;
    uint16_t suite = t->suite;
    struct binder binder;
    assert_int_equal(suite, 0x1302);
    t->suite = 0x1301;
    assert_int_equal(session_bind_self(s, &binder), 0);
    t->suite = suite;
    memcpy(answerp, binder.value, binder.size);
    *sizep = binder.size;
}

static void of_the_key(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    uint8_t spki[ATLS_SPKI_MAX];
    size_t size = atls_spki_encode(test_attester_key(played->client.party.attester), spki);
    const struct atls_binding binding = {.spki = ATLS_BYTES(spki, size)};
    assert_int_equal(atls_profile_x509_cmw.bind(&binding, answerp, sizep), 0);
}

static void of_exporter(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    struct atls_session *s = played->client.session;
    *sizep = 64;
    assert_int_equal(session_stack(s)->exporter(s->connection, "Attestation Binding",
                                                ATLS_BYTES(s->expat->open, s->expat->open_size),
                                                answerp, *sizep),
                     0);
}

static void of_context(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    const struct atls_expat *x = played->client.session->expat;
    memcpy(answerp, x->open, x->open_size);
    *sizep = x->open_size;
}

/* draft-fossati-tls-attestation-04 to -06 */
static void of_early_exporter(uint8_t answerp[ATLS_EAT_NONCE_MAX], size_t *sizep)
{
    const struct atls_crypto *crypto = &atls_crypto_hosted;
    struct atls_session *s = played->client.session;
    uint8_t hello[ATLS_HASH_MAX], leaf[ATLS_HASH_MAX], channel[ATLS_TA04_BINDER_SIZE];
    uint8_t spki[ATLS_SPKI_MAX];
    size_t spki_size = atls_spki_encode(test_attester_key(s->party->attester), spki);
    enum atls_hash hash;
    assert_int_equal(atls_transcript_alg(&s->entry->transcript, &hash), 0);
    *sizep = atls_hash_size(hash);
    assert_int_equal(
        atls_transcript_hash(&s->entry->transcript, crypto, ATLS_RETRY_MESSAGE_HASH, 1, hello), 0);
    assert_int_equal(atls_ta04_channel_binder(crypto, hash, ATLS_BYTES(NULL, 0),
                                              ATLS_BYTES(hello, *sizep), channel),
                     0);
    assert_int_equal(
        atls_public_key_hash(crypto, hash, ATLS_EXPAT_SPKI, ATLS_BYTES(spki, spki_size), leaf), 0);
    assert_int_equal(atls_ta03_challenge(crypto, hash, s->hello.selections[ATLS_CLIENT].nonce,
                                         ATLS_BYTES(leaf, *sizep),
                                         ATLS_BYTES(channel, sizeof channel), answerp),
                     0);
}

#define SEAT .profile = &atls_profile_seat_06
#define EXPAT .profile = &atls_profile_expat_04
#define TA .profile = &atls_profile_ta_07
static const struct answer_row answers[] = {
    {"a bit of the binder flipped", SEAT, flipped, .said = "answers no"},
    {"the binder cut short", SEAT, cut_short, .said = "answers no"},
    {"a bit flipped, in an authenticator", EXPAT, flipped, .said = "answers no"},
    {"a bit of a nonce flipped", TA, flipped, .said = "answers no"},
    {"a bit of a channel binder flipped", TA, flipped, .certificate_kind = true,
     .said = "answers no"},
    {"SHA-256 where the suite has SHA-384 (RFC 8446 section 7.1)", SEAT, of_sha256,
     .said = "another hash: it was made with SHA-256, and the cipher suite's hash is SHA-384"},
    {"the server's own binder", SEAT, own_of_server, .both = true,
     .said = "the other side: it is what this side itself has to answer, as server"},
    {"the server's own nonce", TA, own_nonce_of_server, .both = true,
     .said = "the other side: it is what this side itself has to answer, as server"},
    {"the hash of the key (RFC 9999 section 4.4)", SEAT, of_the_key,
     .said = "another draft: profile x509-cmw has this challenge, and profile seat-06 was chosen"},
    {"the exporter itself", EXPAT, of_exporter,
     .said = "another implementation: it is the exporter itself, label Attestation Binding, 64"},
    {"the context itself", EXPAT, of_context,
     .said = "the wire: it is the certificate_request_context as it came"},
    {"the hash of a map with the early exporter (H18)", TA, of_early_exporter,
     .certificate_kind = true, .said = "H18 reading A: drafts -04 to -06 hash the nonce"},
};

/* The same failure where nobody hears of it, and so nobody looks for a reading: looking changes
 * nothing of what is told. */
static void same_unheard(struct connection *heard, bool by_client, struct connection *unheard)
{
    const struct failure *one = &(by_client ? heard->client : heard->server).session->failure;
    const struct failure *other = &(by_client ? unheard->client : unheard->server).session->failure;
    assert_string_equal(one->reason, other->reason);
    assert_string_equal(one->detail, other->detail);
    assert_string_equal(one->clause, other->clause);
    assert_int_equal(one->alert, other->alert);
}

static void an_answer(void **state)
{
    const struct answer_row *answer = *state;
    struct profile_row row = {
        .client = {.attester = {BG}, .certificate_kind = answer->certificate_kind},
        .server = {.relying_party = {BG}, .certificate_kind = answer->certificate_kind},
        .roles = {.answer = answer->answer}};
    struct connection c, unheard;
    char text[ATLS_DIAGNOSIS_TEXT];
    if (answer->both) {
        row.client.relying_party[0] = BG;
        row.server.attester[0] = BG;
    }
    played = &c;
    open_connection(&c, &row, answer->profile);
    pump_ends(&c.client, &c.server);
    const struct failure *failure = &c.server.session->failure;
    assert_string_equal(failure->reason ? failure->reason : "none", "nonce-mismatch");
    assert_non_null(failure->diagnosis);
    atls_diagnosis_say(failure->diagnosis, text);
    bool unknown = strncmp(answer->said, "answers no", 10) == 0;
    assert_int_equal(failure->diagnosis->count == 0, unknown);
    if (!unknown && !strstr(text, answer->said))
        fail_msg("expected \"%s\" in it, came: it %s", answer->said, text);
    row.client.unheard = row.server.unheard = true;
    played = &unheard;
    open_connection(&unheard, &row, answer->profile);
    pump_ends(&unheard.client, &unheard.server);
    same_unheard(&c, false, &unheard);
    close_connection(&unheard);
    close_connection(&c);
}

/* What is written otherwise: by the client, and by a server to a client. */
struct misread_row {
    const char *name;
    const struct atls_profile *profile, *profile_of_client; /* of both; or the client's own */
    struct side client, server;
    bool by_client;            /* who says it */
    uint16_t entry_number;     /* of the client's extension; 0: the default */
    const char *reason, *said; /* SAID NULL: no reading explains it */
};
#define ATTESTS .attester = {BG}
#define JUDGES .relying_party = {BG}
static const struct misread_row misread[] = {
    {"H15: 16 bits for 24", SEAT, .client = {ATTESTS, .variants = {.payload_prefix = 2}},
     .server = {JUDGES}, .reason = "malformed-extension",
     .said = "H15 reading B: 16 bits of length are ahead of the CMW"},
    {"H15: none for 24", SEAT, .client = {ATTESTS, .variants = {.payload_prefix = 1}},
     .server = {JUDGES}, .reason = "malformed-extension",
     .said = "H15 reading C: no length is ahead of the CMW"},
    {"H15: 24 for none", SEAT, .client = {ATTESTS},
     .server = {JUDGES, .variants = {.payload_prefix = 1}}, .reason = "malformed-cmw",
     .said = "H15 reading A: 24 bits of length are ahead of the CMW"},
    {"H15: 24 for 16, in an authenticator", EXPAT,
     .client = {ATTESTS, .variants = {.payload_prefix = 3}}, .server = {JUDGES},
     .reason = "malformed-extension",
     .said = "H15 reading A: 24 bits of length are ahead of the CMW"},
    {"H15: 16 for none, in an authenticator", EXPAT, .client = {ATTESTS},
     .server = {JUDGES, .variants = {.payload_prefix = 1}}, .reason = "malformed-cmw",
     .said = "H15 reading B: 16 bits of length are ahead of the CMW"},
    {"H33: the request without its header", EXPAT,
     .client = {ATTESTS, .variants = {.request_transcript = 1}}, .server = {JUDGES},
     .reason = "key-mismatch", .said = "H33"},
    {"H33: the request with its header", EXPAT, .client = {ATTESTS},
     .server = {JUDGES, .variants = {.request_transcript = 1}}, .reason = "key-mismatch",
     .said = "H33"},
    {"another Finished", EXPAT, .client = {ATTESTS, .fault = "authenticator-finished"},
     .server = {JUDGES}, .reason = "authenticator-finished", .said = "no"},
    {"H15: other bytes", SEAT, .client = {ATTESTS, .fault = "entry-payload=ffff00"},
     .server = {JUDGES}, .reason = "malformed-extension",
     .said = "is written by no form that is known"},
    {"H20: the CMW need not be of the type", TA, .client = {ATTESTS, .type = "cf:263"},
     .server = {JUDGES, .type = "cf:263", .variants = {.evidence_type_match = 1}},
     .reason = "malformed-cmw", .said = "H20, evidence-type-match=off"},
    {"H2: without a credential kind (-02)", TA, .profile_of_client = &atls_profile_ta_02,
     .client = {ATTESTS}, .server = {JUDGES}, .reason = "malformed-extension",
     .said = "evidence_proposal is laid out so in ta-02 and seat-04"},
    {"H3: a count of elements", TA,
     .client = {ATTESTS, .fault = "extension=evidence_proposal:0100000111"}, .server = {JUDGES},
     .reason = "malformed-extension",
     .said = "H3 reading B: the length counts elements, and bytes are due"},
    {"H24: a vector of one", TA, .client = {JUDGES},
     .server = {ATTESTS, .fault = "extension=evidence_request:0400000111"}, .by_client = true,
     .reason = "malformed-extension",
     .said = "H24 reading B: the selected element is in a vector, and bare is due"},
    {"the draft's own number for the extension of entries", TA,
     .client = {ATTESTS, .certificate_kind = true}, .server = {JUDGES, .certificate_kind = true},
     .entry_number = ATLS_ATTESTATION_EVIDENCE_OF_DRAFT, .reason = "attestation-missing",
     .said = "H14 reading B: the extension has number 60"},
    {"the number of another extension in an entry", TA,
     .client = {ATTESTS, .certificate_kind = true}, .server = {JUDGES, .certificate_kind = true},
     .entry_number = 0xFF16, .reason = "attestation-missing",
     .said = "another extension: remoteAttestation"},
    {"a number that nobody has, in an entry", TA, .client = {ATTESTS, .certificate_kind = true},
     .server = {JUDGES, .certificate_kind = true}, .entry_number = 0xABCD,
     .reason = "attestation-missing", .said = NULL},
    {"the extension twice in an entry", TA,
     .client = {ATTESTS, .certificate_kind = true, .fault = "entry-twice"},
     .server = {JUDGES, .certificate_kind = true}, .reason = "malformed-extension", .said = NULL},
    {"a type that is cut short", TA,
     .client = {ATTESTS, .fault = "extension=evidence_proposal:040000"}, .server = {JUDGES},
     .reason = "malformed-extension", .said = "is written by no form that is known"},
};

static void misread_by(const struct misread_row *misreading, bool unheard, struct connection *c)
{
    struct profile_row row = {.client = misreading->client, .server = misreading->server};
    row.client.unheard = row.server.unheard = unheard;
    open_connection(c, &row, misreading->profile);
    if (misreading->profile_of_client)
        c->client.party.profile = misreading->profile_of_client;
    if (misreading->entry_number > 0)
        c->client.party.code_points.value[misreading->profile->entry_extension] =
            misreading->entry_number;
    pump_ends(&c->client, &c->server);
}

static void a_misreading(void **state)
{
    const struct misread_row *misreading = *state;
    struct connection c, unheard;
    char text[ATLS_DIAGNOSIS_TEXT];
    misread_by(misreading, false, &c);
    const struct failure *failure = &(misreading->by_client ? c.client : c.server).session->failure;
    assert_string_equal(failure->reason ? failure->reason : "none", misreading->reason);
    if (misreading->said) {
        assert_non_null(failure->diagnosis);
        atls_diagnosis_say(failure->diagnosis, text);
        if (!strstr(text, misreading->said))
            fail_msg("expected \"%s\" in it, came: it %s", misreading->said, text);
    } else {
        assert_null(failure->diagnosis);
    }
    misread_by(misreading, true, &unheard);
    same_unheard(&c, misreading->by_client, &unheard);
    close_connection(&unheard);
    close_connection(&c);
}

/* What was accepted, and what was refused for something else, is diagnosed as nothing. */
static void nothing_to_say(void **state)
{
    static const struct profile_row rows[] = {
        {.client = {.attester = {BG}}, .server = {.relying_party = {BG}}},
        {.client = {.attester = {BG}},
         .server = {.relying_party = {BG}},
         .roles = {.verdict_fails = "tier-contraindicated"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct connection c;
        open_connection(&c, &rows[i], &atls_profile_seat_06);
        pump_ends(&c.client, &c.server);
        assert_null(c.server.session->failure.diagnosis);
        assert_null(c.client.session->failure.diagnosis);
        close_connection(&c);
    }
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    for (size_t i = 0; i < COUNT(told); i++) {
        bool first = i == 0 || strcmp(told[i].name, told[i - 1].name) != 0;
        if (told[i].binder && !first)
            test_add(&list, told[i].value, a_reading, &told[i]);
    }
    TEST_ADD_ROWS(&list, an_answer, answers);
    TEST_ADD_ROWS(&list, a_misreading, misread);
    TEST_ADD(&list, two_readings);
    TEST_ADD(&list, nothing_to_say);
    int result = test_run("diagnosis", &list);
    test_pki_remove(&test_pki);
    return result;
}
