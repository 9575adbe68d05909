/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who attests to whom: offers, the server's choice by its own order, the client's check, and the
 * alerts of draft-fossati-tls-attestation-07, through the bodies that cross the wire.
 */
#include "rats/test/test-table.h"
#include "tls/profiles/profile.h"

#define BG ATLS_MODEL_BACKGROUND_CHECK
#define PP ATLS_MODEL_PASSPORT
#define NO ATLS_MODEL_NONE

struct side { /* one side in one role: models in order, types and verifiers, comma-separated */
    enum atls_model model[2];
    const char *types, *verifiers;
};

struct abilities {
    struct atls_abilities abilities;
    struct atls_evidence_type types[4];
    struct atls_bytes verifiers[4];
    char storage[2][128];
};

static void make(struct abilities *made, const struct side *side)
{
    char *rest;
    memset(made, 0, sizeof *made);
    struct atls_abilities *a = &made->abilities;
    *a = (struct atls_abilities){.types = made->types, .verifiers = made->verifiers};
    while (a->model_count < 2 && side->model[a->model_count] != NO) {
        a->model[a->model_count] = side->model[a->model_count];
        a->model_count++;
    }
    snprintf(made->storage[0], 128, "%s", side->types ? side->types : "");
    for (char *t = strtok_r(made->storage[0], ",", &rest); t; t = strtok_r(NULL, ",", &rest))
        assert_int_equal(atls_evidence_type_parse(t, &made->types[a->type_count++]), 0);
    snprintf(made->storage[1], 128, "%s", side->verifiers ? side->verifiers : "");
    for (char *v = strtok_r(made->storage[1], ",", &rest); v; v = strtok_r(NULL, ",", &rest))
        made->verifiers[a->verifier_count++] = atls_bytes_of_text(v);
}

static const struct select_row {
    const char *name;
    struct side client, server;
    int outcome;
    const char *reason; /* or what is selected */
} select_rows[] = {
    {"one type", {{BG}, "cf:273", NULL}, {{BG}, "cf:273", NULL}, 0, "cf:273"},
    {"the server's order of types (R-TA-20, R-TA-24)",
     {{BG}, "cf:263,cf:273", NULL},
     {{BG}, "cf:273,cf:263", NULL},
     0,
     "cf:273"},
    {"the client's own element is given back (R-TA-24)",
     {{BG}, "application/cmw+cbor", NULL},
     {{BG}, "cf:273", NULL},
     0,
     "application/cmw+cbor"},
    {"one verifier", {{PP}, NULL, "v.example"}, {{PP}, NULL, "v.example"}, 0, "v.example"},
    {"the server's order of verifiers", {{PP}, NULL, "a,b"}, {{PP}, NULL, "c,b,a"}, 0, "b"},
    {"evidence before a result, by the server's order of models (H25)",
     {{PP, BG}, "cf:273", "v"},
     {{BG, PP}, "cf:273", "v"},
     0,
     "cf:273"},
    {"a result before evidence", {{BG, PP}, "cf:273", "v"}, {{PP, BG}, "cf:273", "v"}, 0, "v"},
    {"the second model, where the first has nothing in common",
     {{BG, PP}, "cf:9", "v"},
     {{BG, PP}, "cf:273", "v"},
     0,
     "v"},
    {"nothing offered", {{NO}, NULL, NULL}, {{BG}, "cf:273", NULL}, 0, ""},
    {"a server without the role", {{BG}, "cf:273", NULL}, {{NO}, NULL, NULL}, 0, ""},
    {"other types (R-TA-22)",
     {{BG}, "cf:9,cf:10", NULL},
     {{BG}, "cf:273", NULL},
     ATLS_E_UNSUPPORTED,
     "no-common-evidence-type"},
    {"other verifiers (R-TA-33)",
     {{PP}, NULL, "a"},
     {{PP}, NULL, "b"},
     ATLS_E_UNSUPPORTED,
     "no-common-verifier"},
    {"verifiers that differ in case",
     {{PP}, NULL, "V.example"},
     {{PP}, NULL, "v.example"},
     ATLS_E_UNSUPPORTED,
     "no-common-verifier"},
    {"an identity that only begins the same",
     {{PP}, NULL, "v.example.org"},
     {{PP}, NULL, "v.example"},
     ATLS_E_UNSUPPORTED,
     "no-common-verifier"},
    {"evidence for a server of results",
     {{BG}, "cf:273", NULL},
     {{PP}, NULL, "v"},
     ATLS_E_UNSUPPORTED,
     "no-common-evidence-type"},
    {"results for a server of evidence",
     {{PP}, NULL, "v"},
     {{BG}, "cf:273", NULL},
     ATLS_E_UNSUPPORTED,
     "no-common-verifier"},
    {"neither model fits, evidence first",
     {{BG, PP}, "cf:9", "a"},
     {{BG, PP}, "cf:273", "b"},
     ATLS_E_UNSUPPORTED,
     "no-common-evidence-type"},
    {"neither model fits, results first",
     {{BG, PP}, "cf:9", "a"},
     {{PP, BG}, "cf:273", "b"},
     ATLS_E_UNSUPPORTED,
     "no-common-verifier"},
};

/* Through the wire: what the client writes the server reads, and the other way. */
static void carry_offer(const struct atls_offer offers[2], uint8_t buffers[4][ATLS_HELLO_BODY_MAX],
                        struct atls_offer back[2])
{
    const struct atls_profile *p = &atls_profile_ta_07;
    memset(back, 0, 2 * sizeof *back);
    for (size_t i = 0; i < p->extension_count; i++) {
        struct atls_sink sink = atls_sink_of(buffers[i], ATLS_HELLO_BODY_MAX);
        assert_int_equal(p->write_offer(p, p->extensions[i], offers, &sink), 0);
        if (sink.used > 0)
            test_outcome(
                p->read_offer(p, p->extensions[i], ATLS_BYTES(buffers[i], sink.used), back), 0,
                NULL);
    }
}

static void carry_selection(const struct atls_selection selections[2],
                            uint8_t buffers[4][ATLS_HELLO_BODY_MAX], struct atls_selection back[2])
{
    const struct atls_profile *p = &atls_profile_ta_07;
    memset(back, 0, 2 * sizeof *back);
    for (size_t i = 0; i < p->extension_count; i++) {
        struct atls_sink sink = atls_sink_of(buffers[i], ATLS_HELLO_BODY_MAX);
        assert_int_equal(p->write_selection(p, p->extensions[i], selections, &sink), 0);
        if (sink.used > 0)
            test_outcome(
                p->read_selection(p, p->extensions[i], ATLS_BYTES(buffers[i], sink.used), back), 0,
                NULL);
    }
}

static void selected(const struct select_row *row, enum atls_side attester)
{
    static const uint8_t nonce[32] = {7};
    uint8_t there[4][ATLS_HELLO_BODY_MAX], and_back[4][ATLS_HELLO_BODY_MAX];
    struct abilities client, server;
    struct atls_offer offers[2] = {{.nonce = {NULL, 0}}}, received[2];
    struct atls_selection selections[2] = {{.has_evidence = false}}, answer[2];
    const char *reason = "";
    char text[64];
    make(&client, &row->client);
    make(&server, &row->server);
    struct atls_bytes challenge = ATLS_BYTES(nonce, sizeof nonce);
    atls_negotiate_offer(&client.abilities, challenge, &offers[attester]);
    carry_offer(offers, there, received);
    int came = atls_negotiate_select(&server.abilities, &received[attester], &selections[attester],
                                     &reason);
    test_outcome(came, row->outcome, NULL);
    if (came != 0) {
        assert_string_equal(reason, row->reason);
        return;
    }
    selections[attester].nonce = challenge;
    carry_selection(selections, and_back, answer);
    struct atls_selection *s = &answer[attester];
    test_outcome(atls_negotiate_check(&offers[attester], s), 0, NULL);
    assert_false(s->has_evidence && s->has_result);
    text[0] = '\0';
    if (s->has_evidence)
        atls_evidence_type_print(&s->type, text, sizeof text);
    if (s->has_result)
        snprintf(text, sizeof text, "%.*s", (int)s->verifier.size, (const char *)s->verifier.data);
    assert_string_equal(text, row->reason);
    /* The relying party's nonce goes with evidence, and only from its own side. */
    const struct atls_bytes *carried =
        attester == ATLS_SERVER ? &received[attester].nonce : &s->nonce;
    if (s->has_evidence)
        test_same_bytes(*carried, challenge);
    assert_int_equal(attester == ATLS_SERVER ? s->nonce.size : received[attester].nonce.size, 0);
}

static void a_choice(void **state)
{
    selected(*state, ATLS_CLIENT);
    selected(*state, ATLS_SERVER);
}

/* Both lists are told where they have nothing in common, each element once and in its order. */
static void what_is_told_of_both_lists(void **state)
{
    static const struct {
        struct side client, server;
        const char *text;
    } table[] = {
        {{{PP}, NULL, "a,bb,c"},
         {{PP}, NULL, "d,e"},
         "no verifier in common: expected one of (d, e), offered were (a, bb, c)"},
        {{{PP}, NULL, "a"},
         {{BG}, "cf:273", "v"},
         "no verifier in common: expected one of (), offered were (a)"},
        {{{BG}, "cf:9,a/b", NULL},
         {{BG}, "cf:273,cf:274", NULL},
         "no evidence type in common: expected one of (cf:273, cf:274), offered were (cf:9, a/b)"},
        {{{BG}, "cf:9", NULL},
         {{PP}, "cf:273", "v"},
         "no evidence type in common: expected one of (), offered were (cf:9)"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct abilities client, server;
        struct atls_offer offer;
        struct atls_selection selection;
        const char *reason;
        make(&client, &table[i].client);
        make(&server, &table[i].server);
        atls_negotiate_offer(&client.abilities, ATLS_BYTES(NULL, 0), &offer);
        assert_int_equal(atls_negotiate_select(&server.abilities, &offer, &selection, &reason),
                         ATLS_E_UNSUPPORTED);
        assert_string_equal(atls_error_text(), table[i].text);
    }
}

/* Two that differ in nothing else. */
static void a_credential_kind_is_told(void **state)
{
    const struct side one = {{BG}, "cf:273", NULL};
    struct abilities client, server;
    struct atls_offer offer;
    struct atls_selection selection;
    const char *reason;
    make(&client, &one);
    make(&server, &one);
    client.types[0].credential_kind = ATLS_KIND_CERT_ATTESTATION;
    atls_negotiate_offer(&client.abilities, ATLS_BYTES(NULL, 0), &offer);
    assert_int_equal(atls_negotiate_select(&server.abilities, &offer, &selection, &reason),
                     ATLS_E_UNSUPPORTED);
    assert_string_equal(atls_error_text(),
                        "no evidence type in common: expected one of (cf:273), offered were "
                        "(cf:273 of credential kind 1)");
}

/* Of both lists only what counts is looked at, whatever lies behind it. */
static void what_is_behind_a_count(void **state)
{
    const struct side all = {{BG, PP}, "cf:9,cf:273", "a,v"};
    for (unsigned of_server = 0; of_server < 2; of_server++)
        for (unsigned model = 0; model < 2; model++) {
            struct abilities client, server;
            struct atls_offer offer;
            struct atls_selection selection = {.has_evidence = false};
            const char *reason = NULL;
            make(&client, &all);
            make(&server, &all);
            atls_negotiate_offer(&client.abilities, ATLS_BYTES(NULL, 0), &offer);
            server.abilities.model[0] = model ? PP : BG;
            server.abilities.model[1] = model ? BG : PP; /* would fit */
            server.abilities.model_count = 1;
            /* One has the second element alone, the other counts the first one alone. */
            size_t *own = model ? &server.abilities.verifier_count : &server.abilities.type_count;
            if (of_server) {
                *own = 1;
                offer.evidence.type[0] = offer.evidence.type[1];
                offer.verifiers.id[0] = offer.verifiers.id[1];
            } else {
                server.types[0] = server.types[1];
                server.verifiers[0] = server.verifiers[1];
            }
            *(model ? &offer.verifiers.count : &offer.evidence.count) = 1;
            test_outcome(atls_negotiate_select(&server.abilities, &offer, &selection, &reason),
                         ATLS_E_UNSUPPORTED, NULL);
            assert_string_equal(reason, model ? "no-common-verifier" : "no-common-evidence-type");
            selection = (struct atls_selection){.has_evidence = !model,
                                                .has_result = model,
                                                .type = client.types[1],
                                                .verifier = client.verifiers[1]};
            if (!of_server) /* the offer counts the first ones */
                test_outcome(atls_negotiate_check(&offer, &selection), ATLS_E_MISMATCH, NULL);
        }
}

/* An offer has room for so many; more are not offered. */
static void an_offer_is_bounded(void **state)
{
    static struct atls_evidence_type types[ATLS_EVIDENCE_TYPES_MAX + 1];
    static struct atls_bytes verifiers[ATLS_VERIFIERS_MAX + 1];
    const struct atls_abilities many = {.model = {BG, PP},
                                        .model_count = 2,
                                        .types = types,
                                        .type_count = ATLS_EVIDENCE_TYPES_MAX + 1,
                                        .verifiers = verifiers,
                                        .verifier_count = ATLS_VERIFIERS_MAX + 1};
    struct atls_offer offer;
    atls_negotiate_offer(&many, ATLS_BYTES(NULL, 0), &offer);
    assert_int_equal(offer.evidence.count, ATLS_EVIDENCE_TYPES_MAX);
    assert_int_equal(offer.verifiers.count, ATLS_VERIFIERS_MAX);
}

/* Nothing is selected where there is nothing to select from, whatever was there before. */
static void nothing_is_selected(void **state)
{
    const struct side none = {{NO}, NULL, NULL}, some = {{BG}, "cf:273", NULL};
    for (unsigned offers = 0; offers < 2; offers++) {
        struct abilities client, server;
        struct atls_offer offer;
        struct atls_selection selection = {.has_evidence = true, .has_result = true};
        const char *reason;
        make(&client, offers ? &some : &none);
        make(&server, offers ? &none : &some);
        atls_negotiate_offer(&client.abilities, ATLS_BYTES(NULL, 0), &offer);
        test_outcome(atls_negotiate_select(&server.abilities, &offer, &selection, &reason), 0,
                     NULL);
        assert_false(selection.has_evidence || selection.has_result);
    }
}

static void the_client_checks_the_choice(void **state)
{
    struct abilities own;
    struct atls_offer offer;
    struct side side = {{BG, PP}, "cf:273,application/eat+cwt", "v,w"};
    make(&own, &side);
    atls_negotiate_offer(&own.abilities, ATLS_BYTES(NULL, 0), &offer);
    struct atls_selection good = {.has_evidence = true, .type = own.types[1]};
    struct atls_selection none = {.has_evidence = false};
    struct atls_selection both = {.has_evidence = true,
                                  .has_result = true,
                                  .type = own.types[0],
                                  .verifier = {(const uint8_t *)"v", 1}};
    struct atls_selection other = {.has_evidence = true,
                                   .type = {.is_content_format = true, .content_format = 274}};
    struct atls_selection kind = good, equivalent = good,
                          stranger = {.has_result = true, .verifier = {(const uint8_t *)"x", 1}};
    kind.type.credential_kind = ATLS_KIND_CERT_ATTESTATION;
    equivalent.type = (struct atls_evidence_type){.is_content_format = true, .content_format = 263};
    test_outcome(atls_negotiate_check(&offer, &good), 0, NULL);
    test_outcome(atls_negotiate_check(&offer, &none), 0, NULL);
    test_outcome(atls_negotiate_check(&offer, &both), ATLS_E_MISMATCH, NULL);
    test_outcome(atls_negotiate_check(&offer, &other), ATLS_E_MISMATCH, NULL);
    test_outcome(atls_negotiate_check(&offer, &kind), ATLS_E_MISMATCH, NULL);
    /* One of the list means: the same bytes, not the same meaning. */
    test_outcome(atls_negotiate_check(&offer, &equivalent), ATLS_E_MISMATCH, NULL);
    test_outcome(atls_negotiate_check(&offer, &stranger), ATLS_E_MISMATCH, NULL);
}

static const struct omit_row {
    const char *name;
    struct side attester, relying_party;
    const char *extensions; /* in the ClientHello */
} omit_rows[] = {
    {"no role, no extension (R-TA-17, R-TA-19)", {{NO}, NULL, NULL}, {{NO}, NULL, NULL}, ""},
    {"types that no role uses", {{NO}, "cf:273", "v"}, {{NO}, "cf:273", "v"}, ""},
    {"attester", {{BG}, "cf:273", "v"}, {{NO}, "cf:273", "v"}, "evidence_proposal "},
    {"attester with results (R-TA-30)",
     {{PP}, "cf:273", "v"},
     {{NO}, NULL, NULL},
     "results_proposal "},
    {"attester without verifiers (R-TA-30)", {{PP}, "cf:273", NULL}, {{NO}, NULL, NULL}, ""},
    {"relying party", {{NO}, NULL, NULL}, {{BG}, "cf:273", "v"}, "evidence_request "},
    {"relying party of results (R-TA-32)",
     {{NO}, NULL, NULL},
     {{PP}, "cf:273", "v"},
     "results_request "},
    {"everything",
     {{BG, PP}, "cf:273", "v"},
     {{PP, BG}, "cf:273", "v"},
     "evidence_proposal evidence_request results_proposal results_request "},
};

static void what_is_left_out(void **state)
{
    const struct omit_row *row = *state;
    const struct atls_profile *p = &atls_profile_ta_07;
    static const uint8_t nonce[8] = {1};
    struct abilities attester, relying_party;
    struct atls_offer offers[2];
    char text[128] = "";
    make(&attester, &row->attester);
    make(&relying_party, &row->relying_party);
    atls_negotiate_offer(&attester.abilities, ATLS_BYTES(NULL, 0), &offers[ATLS_CLIENT]);
    atls_negotiate_offer(&relying_party.abilities, ATLS_BYTES(nonce, 8), &offers[ATLS_SERVER]);
    for (size_t i = 0; i < p->extension_count; i++) {
        uint8_t buffer[ATLS_HELLO_BODY_MAX];
        struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
        assert_int_equal(p->write_offer(p, p->extensions[i], offers, &sink), 0);
        if (sink.used > 0)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s ",
                     atls_code_point_name(p->extensions[i]));
    }
    assert_string_equal(text, row->extensions);
}

static const struct alert_row {
    const char *name; /* the reason */
    unsigned alert;
} alert_rows[] = {
    {"no-common-evidence-type", 224},
    {"no-common-verifier", 225},
    {"reference-value-mismatch", 226},
    {"nonce-mismatch", 226},
    {"malformed-cmw", 226},
    {"malformed-cose", 226},
    {"result-expired", 226},
    {"verifier-untrusted", 226},
    {"tier-warning", 226},
    {"malformed-extension", 50},
    {"nonce-length", 50},
    {"unexpected-selection", 47},
    {"key-mismatch", 51},
    {"attestation-missing", 109},
    {"verifier-unreachable", 80},
    {"verifier-timeout", 80},
    {"verifier-error", 80},
    {"verifier-garbage", 80},
    {"device-unavailable", 80},
    {"internal", 80},
};

static void an_alert(void **state)
{
    const struct alert_row *row = *state;
    struct atls_code_points points;
    const char *clause = NULL;
    atls_code_points_default(&points);
    assert_int_equal(atls_profile_alert(&atls_profile_ta_07, &points, row->name, &clause),
                     row->alert);
    assert_non_null(clause);
    points.value[ATLS_CP_ATTESTATION_FAILED] = 50; /* code points are the table's, not ours */
    if (row->alert == 226)
        assert_int_equal(atls_profile_alert(&atls_profile_ta_07, &points, row->name, &clause), 50);
}

/* seat-early-attestation-06 section 7.2: a list of 65535 bytes may hold more schemes than are kept;
 * the one too many is refused, whichever list it is in. */
static void schemes_that_are_kept(void **state)
{
    static const struct {
        const char *scheme; /* evidence of a content format, a result of an empty identity */
        size_t most;
    } cases[] = {{"00 00 0107", ATLS_EVIDENCE_TYPES_MAX}, {"01 0000", ATLS_VERIFIERS_MAX}};
    const struct atls_profile *p = &atls_profile_seat_06;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct atls_bytes scheme = test_bytes(cases[i].scheme);
        for (unsigned of_client = 0; of_client < 2; of_client++)
            for (size_t more = 0; more < 2; more++) {
                uint8_t body[1024];
                struct atls_sink sink = atls_sink_of(body, sizeof body);
                struct atls_offer offers[2];
                size_t count = cases[i].most + more;
                atls_offer_clear(&offers[ATLS_CLIENT]);
                atls_offer_clear(&offers[ATLS_SERVER]);
                if (of_client)
                    atls_sink_u16(&sink, 0);
                atls_sink_u16(&sink, (uint16_t)(count * scheme.size));
                for (size_t k = 0; k < count; k++)
                    atls_sink_bytes(&sink, scheme);
                if (!of_client)
                    atls_sink_u16(&sink, 0);
                test_outcome(
                    p->read_offer(p, p->extensions[0], ATLS_BYTES(body, sink.used), offers),
                    more ? ATLS_E_MALFORMED : 0, NULL);
                const struct atls_offer *offer = &offers[of_client ? ATLS_CLIENT : ATLS_SERVER];
                assert_int_equal(offer->evidence.count + offer->verifiers.count, cases[i].most);
            }
        test_vector_free(scheme);
    }
}

static void profiles_by_name(void **state)
{
    assert_ptr_equal(atls_profile_by_name("ta-07"), &atls_profile_ta_07);
    assert_ptr_equal(atls_profile_by_name("ta-02"), &atls_profile_ta_02);
    assert_ptr_equal(atls_profile_by_name("ta-03"), &atls_profile_ta_03);
    assert_null(atls_profile_by_name("ta-04")); /* never spoken as such: its layout is -03's */
    assert_null(atls_profile_by_name("ta-7"));
    assert_null(atls_profile_by_name(""));
    assert_null(atls_profile_by_name("TA-07"));
}

/* The prototype alone signs without DER, and that is a reading of it. */
static void who_signs_raw(void **state)
{
    for (size_t i = 0; atls_profiles[i]; i++)
        for (unsigned reading = ATLS_SIGNATURE_RAW; reading <= ATLS_SIGNATURE_DER; reading++) {
            const struct atls_variants variants = {.signature = reading};
            bool prototype = strcmp(atls_profiles[i]->name, "poc-mbedtls") == 0;
            assert_int_equal(atls_profile_signs_raw(atls_profiles[i], &variants),
                             prototype && reading == ATLS_SIGNATURE_RAW);
        }
}

/* seat-early-attestation-06 section 7.2: both kinds of schemes in the order that is preferred. */
static void the_order_of_schemes(void **state)
{
    static const struct {
        enum atls_model model[2];
        const char *body;
    } rows[] = {{{BG, PP}, "0008 00000111 01000176 0000"},
                {{PP, BG}, "0008 01000176 00000111 0000"}};
    const struct atls_profile *p = &atls_profile_seat_06;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct side side = {{rows[i].model[0], rows[i].model[1]}, "cf:273", "v"};
        struct atls_bytes expected = test_bytes(rows[i].body), body;
        struct abilities made;
        struct atls_offer offers[2];
        uint8_t buffer[ATLS_HELLO_BODY_MAX];
        struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
        make(&made, &side);
        atls_offer_clear(&offers[ATLS_CLIENT]);
        atls_negotiate_offer(&made.abilities, ATLS_BYTES(NULL, 0), &offers[ATLS_SERVER]);
        assert_int_equal(p->write_offer(p, p->extensions[0], offers, &sink), 0);
        assert_int_equal(atls_sink_done(&sink, &body), 0);
        test_same_bytes(body, expected);
        test_vector_free(expected);
    }
}

/* One scheme is selected: a whole one, of a kind that is known, and nothing behind it. */
static void a_scheme_that_is_selected(void **state)
{
    static const struct {
        const char *body;
        int outcome;
        const char *text; /* of the error */
    } rows[] = {{"00 000111", 0, NULL},
                {"01 0001 76", 0, NULL},
                {"", ATLS_E_MALFORMED, "mechanism: expected"},
                {"02", ATLS_E_MALFORMED, "a mechanism is evidence (0) or result (1), came 2"},
                {"01", ATLS_E_MALFORMED, "verifier_identity: "},
                {"01 0001 76 00", ATLS_E_MALFORMED, "remoteAttestation of EncryptedExtensions: "}};
    const struct atls_profile *p = &atls_profile_seat_06;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes body = test_bytes(rows[i].body);
        struct atls_selection selections[2] = {{.has_evidence = false}};
        test_outcome(p->read_selection(p, p->extensions[0], body, selections), rows[i].outcome,
                     NULL);
        if (rows[i].text)
            assert_int_equal(strncmp(atls_error_text(), rows[i].text, strlen(rows[i].text)), 0);
        test_vector_free(body);
    }
}

/* Results are preferred by whoever names them first. */
static void the_order_of_an_offer(void **state)
{
    static const struct {
        enum atls_model model[2];
        bool results_first;
    } rows[] = {{{NO, NO}, false},
                {{BG, NO}, false},
                {{PP, NO}, true},
                {{BG, PP}, false},
                {{PP, BG}, true}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct side side = {
            {rows[i].model[0], rows[i].model[1]}, "cf:273", "verifier.example"};
        struct abilities made;
        struct atls_offer offer;
        make(&made, &side);
        atls_negotiate_offer(&made.abilities, ATLS_BYTES(NULL, 0), &offer);
        assert_int_equal(offer.results_first, rows[i].results_first);
        assert_int_equal(offer.evidence.count, atls_abilities_have(&made.abilities, BG));
        assert_int_equal(offer.verifiers.count, atls_abilities_have(&made.abilities, PP));
        made.abilities.model_count = 0; /* what is behind the count is none of them */
        assert_false(atls_abilities_have(&made.abilities, rows[i].model[0]));
        offer.results_first = true;
        atls_negotiate_offer(&made.abilities, ATLS_BYTES(NULL, 0), &offer);
        assert_false(offer.results_first);
        offer.results_first = true;
        atls_offer_clear(&offer);
        assert_false(offer.results_first);
    }
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, a_choice, select_rows);
    TEST_ADD(&list, what_is_told_of_both_lists);
    TEST_ADD(&list, a_credential_kind_is_told);
    TEST_ADD(&list, what_is_behind_a_count);
    TEST_ADD(&list, an_offer_is_bounded);
    TEST_ADD(&list, nothing_is_selected);
    TEST_ADD(&list, the_client_checks_the_choice);
    TEST_ADD_ROWS(&list, what_is_left_out, omit_rows);
    TEST_ADD_ROWS(&list, an_alert, alert_rows);
    TEST_ADD(&list, schemes_that_are_kept);
    TEST_ADD(&list, who_signs_raw);
    TEST_ADD(&list, the_order_of_schemes);
    TEST_ADD(&list, a_scheme_that_is_selected);
    TEST_ADD(&list, the_order_of_an_offer);
    TEST_ADD(&list, profiles_by_name);
    return test_run("negotiation", &list);
}
