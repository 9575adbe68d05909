/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the hello extensions, by the drafts' presentation language: positive bytes of each
 * version, every length at and beyond its bounds, and every truncation.
 */
#include "rats/test/test-table.h"
#include "tls/wire/hello-extensions.h"

#define N8 "0001020304050607"

static const struct atls_evidence_type cf263 = {.is_content_format = true, .content_format = 263};
static const struct atls_evidence_type cf263_cert = {
    .credential_kind = 1, .is_content_format = true, .content_format = 263};
static const struct atls_evidence_type media = {.media_type = {(const uint8_t *)"a/b", 3}};
static const struct atls_evidence_type media_cert = {.credential_kind = 1,
                                                     .media_type = {(const uint8_t *)"a/b", 3}};

/* One evidence type, byte for byte, in each version's layout. */
static const struct type_row {
    const char *name;
    const struct atls_hello_layout *layout;
    const struct atls_evidence_type *type;
    const char *bytes;
} type_rows[] = {
    {"-02: content format", &atls_layout_ta_02, &cf263, "00 0107"},
    {"-02: media type", &atls_layout_ta_02, &media, "01 0003 612f62"},
    {"-03: content format", &atls_layout_ta_03, &cf263, "00 00 0107"},
    {"-03: content format, CERT_ATTESTATION", &atls_layout_ta_03, &cf263_cert, "00 01 0107"},
    {"-03: media type", &atls_layout_ta_03, &media, "01 00 0003 612f62"},
    {"-03: media type, CERT_ATTESTATION", &atls_layout_ta_03, &media_cert, "01 01 0003 612f62"},
    {"-07: content format", &atls_layout_ta_07, &cf263, "00 00 0107"},
    {"-07: content format, CERT_ATTESTATION", &atls_layout_ta_07, &cf263_cert, "01 00 0107"},
    {"-07: media type", &atls_layout_ta_07, &media, "00 01 0003 612f62"},
    {"-07: media type, CERT_ATTESTATION", &atls_layout_ta_07, &media_cert, "01 01 0003 612f62"},
    {"seat-04: content format", &atls_layout_seat_04, &cf263, "00 0107"},
    {"seat-04: media type", &atls_layout_seat_04, &media, "01 0003 612f62"},
};

static void one_type(void **state)
{
    const struct type_row *row = *state;
    struct atls_bytes expected = test_bytes(row->bytes), came;
    struct atls_evidence_type type;
    uint8_t buffer[ATLS_HELLO_BODY_MAX];
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
    test_outcome(atls_write_evidence_selection(row->layout, row->type, NULL, &sink), 0, NULL);
    assert_int_equal(atls_sink_done(&sink, &came), 0);
    test_same_bytes(came, expected);
    test_outcome(atls_read_evidence_selection(row->layout, expected, &type, NULL), 0, NULL);
    assert_true(atls_evidence_type_equal(&type, row->type));
    for (size_t cut = 0; cut < expected.size; cut++) {
        test_outcome(
            atls_read_evidence_selection(row->layout, ATLS_BYTES(expected.data, cut), &type, NULL),
            ATLS_E_MALFORMED, row->layout->clause);
        if (cut == 0) /* it says what is missing first */
            assert_null(strstr(atls_error_text(), "content_format"));
    }
    test_vector_free(expected);
}

enum body { OFFER, OFFER_NONCE, SELECTION, SELECTION_NONCE, VERIFIERS, VERIFIER };

static const struct body_row {
    const char *name;
    const struct atls_hello_layout *layout;
    enum body body;
    const char *bytes;
    int outcome;
    size_t count; /* elements, or bytes of the identity */
    size_t nonce;
} body_rows[] = {
    /* evidence_proposal, ClientHello */
    {"proposal of one", &atls_layout_ta_07, OFFER, "04 00000107", 0, 1, 0},
    {"proposal of three", &atls_layout_ta_07, OFFER, "0f 00000107 0001 0003 612f62 01000111", 0, 3,
     0},
    {"proposal with an empty media type", &atls_layout_ta_07, OFFER, "04 00010000", 0, 1, 0},
    {"proposal, unknown kind is read", &atls_layout_ta_07, OFFER, "04 09000107", 0, 1, 0},
    {"proposal, -02", &atls_layout_ta_02, OFFER, "03 000107", 0, 1, 0},
    {"proposal without types", &atls_layout_ta_07, OFFER, "00", ATLS_E_MALFORMED, 0, 0},
    {"proposal of nothing", &atls_layout_ta_07, OFFER, "", ATLS_E_MALFORMED, 0, 0},
    {"proposal, list longer than the body", &atls_layout_ta_07, OFFER, "05 00000107",
     ATLS_E_MALFORMED, 0, 0},
    {"proposal, list shorter than its element", &atls_layout_ta_07, OFFER, "03 00000107",
     ATLS_E_MALFORMED, 0, 0},
    {"proposal, count of elements for a length", &atls_layout_ta_07, OFFER, "01 00000107",
     ATLS_E_MALFORMED, 0, 0},
    {"proposal, unknown encoding", &atls_layout_ta_07, OFFER, "04 00020107", ATLS_E_MALFORMED, 0,
     0},
    {"proposal, octets in the order of -03", &atls_layout_ta_07, OFFER, "07 0100 0003 612f62",
     ATLS_E_MALFORMED, 0, 0},
    {"proposal, media type beyond the list", &atls_layout_ta_07, OFFER, "07 0001 0004 612f62",
     ATLS_E_MALFORMED, 0, 0},
    {"proposal with a nonce", &atls_layout_ta_07, OFFER, "04 00000107 08" N8, ATLS_E_MALFORMED, 0,
     0},
    {"proposal with a byte behind", &atls_layout_ta_07, OFFER, "04 00000107 00", ATLS_E_MALFORMED,
     0, 0},
    /* evidence_request, ClientHello */
    {"request", &atls_layout_ta_07, OFFER_NONCE, "04 00000107 08" N8, 0, 1, 8},
    {"request, two types", &atls_layout_ta_07, OFFER_NONCE, "08 00000107 00000111 08" N8, 0, 2, 8},
    {"request, empty nonce of -02", &atls_layout_ta_02, OFFER_NONCE, "03 000107 00", 0, 1, 0},
    {"request, seat-04 has no nonce", &atls_layout_seat_04, OFFER_NONCE, "03 000107", 0, 1, 0},
    {"request, seat-04 refuses one", &atls_layout_seat_04, OFFER_NONCE, "03 000107 08" N8,
     ATLS_E_MALFORMED, 0, 0},
    {"request without a nonce", &atls_layout_ta_07, OFFER_NONCE, "04 00000107", ATLS_E_MALFORMED, 0,
     0},
    {"request, empty nonce", &atls_layout_ta_07, OFFER_NONCE, "04 00000107 00", ATLS_E_LIMIT, 0, 0},
    {"request, nonce of 7", &atls_layout_ta_07, OFFER_NONCE, "04 00000107 07 00010203040506",
     ATLS_E_LIMIT, 0, 0},
    {"request, nonce cut short", &atls_layout_ta_07, OFFER_NONCE, "04 00000107 08 00010203040506",
     ATLS_E_MALFORMED, 0, 0},
    {"request, byte behind the nonce", &atls_layout_ta_07, OFFER_NONCE, "04 00000107 08" N8 "00",
     ATLS_E_MALFORMED, 0, 0},
    {"request, nonce before the list", &atls_layout_ta_07, OFFER_NONCE, "08" N8 "04 00000107",
     ATLS_E_MALFORMED, 0, 0},
    /* evidence_request, EncryptedExtensions */
    {"selection", &atls_layout_ta_07, SELECTION, "00000107", 0, 1, 0},
    {"selection as a list", &atls_layout_ta_07, SELECTION, "04 00000107", ATLS_E_MALFORMED, 0, 0},
    {"selection of two", &atls_layout_ta_07, SELECTION, "00000107 00000111", ATLS_E_MALFORMED, 0,
     0},
    {"selection of none", &atls_layout_ta_07, SELECTION, "", ATLS_E_MALFORMED, 0, 0},
    {"selection with a nonce", &atls_layout_ta_07, SELECTION, "00000107 08" N8, ATLS_E_MALFORMED, 0,
     0},
    /* evidence_proposal, EncryptedExtensions */
    {"selection and nonce", &atls_layout_ta_07, SELECTION_NONCE, "00000107 08" N8, 0, 1, 8},
    {"selection, media type and nonce", &atls_layout_ta_07, SELECTION_NONCE,
     "0001 0003 612f62 08" N8, 0, 1, 8},
    {"selection without its nonce", &atls_layout_ta_07, SELECTION_NONCE, "00000107",
     ATLS_E_MALFORMED, 0, 0},
    {"selection, nonce of 7", &atls_layout_ta_07, SELECTION_NONCE, "00000107 07 00010203040506",
     ATLS_E_LIMIT, 0, 0},
    {"selection, bare nonce without length", &atls_layout_ta_07, SELECTION_NONCE, "00000107" N8,
     ATLS_E_LIMIT, 0, 0}, /* read as a nonce of 00 bytes */
    /* results_request, results_proposal */
    {"verifiers", &atls_layout_ta_07, VERIFIERS, "08 0001 61 0003 626364", 0, 2, 0},
    {"an empty identity", &atls_layout_ta_07, VERIFIERS, "02 0000", 0, 1, 0},
    {"no verifiers", &atls_layout_ta_07, VERIFIERS, "00", ATLS_E_MALFORMED, 0, 0},
    {"nothing of verifiers", &atls_layout_ta_07, VERIFIERS, "", ATLS_E_MALFORMED, 0, 0},
    {"half an identity", &atls_layout_ta_07, VERIFIERS, "01 00", ATLS_E_MALFORMED, 0, 0},
    {"an identity beyond the list", &atls_layout_ta_07, VERIFIERS, "03 0002 61", ATLS_E_MALFORMED,
     0, 0},
    {"a list beyond the body", &atls_layout_ta_07, VERIFIERS, "04 0001 61", ATLS_E_MALFORMED, 0, 0},
    {"a byte behind the list", &atls_layout_ta_07, VERIFIERS, "03 0001 61 00", ATLS_E_MALFORMED, 0,
     0},
    {"a list with u16 length", &atls_layout_ta_07, VERIFIERS, "0003 0001 61", ATLS_E_MALFORMED, 0,
     0},
    {"a verifier", &atls_layout_ta_07, VERIFIER, "0001 61", 0, 1, 0},
    {"a verifier with a u8 length", &atls_layout_ta_07, VERIFIER, "01 61", ATLS_E_MALFORMED, 0, 0},
    {"a verifier in a list", &atls_layout_ta_07, VERIFIER, "03 0001 61", ATLS_E_MALFORMED, 0, 0},
    {"two verifiers selected", &atls_layout_ta_07, VERIFIER, "0001 61 0001 62", ATLS_E_MALFORMED, 0,
     0},
    {"no verifier selected", &atls_layout_ta_07, VERIFIER, "", ATLS_E_MALFORMED, 0, 0},
};

static int read_body(const struct body_row *row, struct atls_bytes in, size_t *countp,
                     struct atls_bytes *noncep)
{
    struct atls_evidence_types types;
    struct atls_evidence_type type;
    struct atls_verifier_ids ids;
    struct atls_bytes id;
    bool with_nonce = row->body == OFFER_NONCE || row->body == SELECTION_NONCE;
    struct atls_bytes *nonce = with_nonce ? noncep : NULL;
    int result;
    *noncep = (struct atls_bytes){NULL, 0};
    switch (row->body) {
    case OFFER:
    case OFFER_NONCE:
        result = atls_read_evidence_offer(row->layout, in, &types, nonce);
        *countp = result == 0 ? types.count : 0;
        return result;
    case SELECTION:
    case SELECTION_NONCE:
        *countp = 1;
        return atls_read_evidence_selection(row->layout, in, &type, nonce);
    case VERIFIERS:
        result = atls_read_verifier_offer(row->layout, in, &ids);
        *countp = result == 0 ? ids.count : 0;
        return result;
    case VERIFIER:
        result = atls_read_verifier_selection(row->layout, in, &id);
        *countp = result == 0 ? id.size : 0;
        return result;
    }
    return -1;
}

static void a_body(void **state)
{
    const struct body_row *row = *state;
    struct atls_bytes in = test_bytes(row->bytes), nonce;
    size_t count = 0;
    test_outcome(read_body(row, in, &count, &nonce), row->outcome,
                 row->outcome == 0 ? NULL : row->layout->clause);
    if (row->outcome == 0) {
        assert_int_equal(count, row->count);
        assert_int_equal(nonce.size, row->nonce);
        /* Cut anywhere it is another message, and a malformed one. */
        for (size_t cut = 0; cut < in.size; cut++)
            test_outcome(read_body(row, ATLS_BYTES(in.data, cut), &count, &nonce), ATLS_E_MALFORMED,
                         row->layout->clause);
    }
    test_vector_free(in);
}

/* u8 list of evidence types of SIZE bytes in all, and a nonce of NONCE bytes where it is not -1. */
static struct atls_bytes long_offer(uint8_t *buffer, size_t size, int nonce)
{
    struct atls_sink sink = atls_sink_of(buffer, ATLS_HELLO_BODY_MAX);
    atls_sink_u8(&sink, (uint8_t)size);
    if (size % 4 != 0 || size > 252) { /* one media type fills the list */
        static const uint8_t text[255] = {'a'};
        atls_sink_u16(&sink, 0x0001);
        atls_sink_vector(&sink, 2, ATLS_BYTES(text, size - 4));
    } else {
        for (size_t i = 0; i < size / 4; i++)
            atls_sink_u32(&sink, 0x00000107);
    }
    static const uint8_t bytes[255] = {0};
    if (nonce >= 0)
        atls_sink_vector(&sink, 1, ATLS_BYTES(bytes, (size_t)nonce));
    return ATLS_BYTES(buffer, sink.used);
}

static void lists_and_nonces_of_every_length(void **state)
{
    uint8_t buffer[ATLS_HELLO_BODY_MAX];
    struct atls_evidence_types types;
    struct atls_bytes nonce;
    for (size_t size = 4; size <= 255; size++) {
        struct atls_bytes in = long_offer(buffer, size, -1);
        test_outcome(atls_read_evidence_offer(&atls_layout_ta_07, in, &types, NULL), 0, NULL);
    }
    assert_int_equal(types.count, 1);
    assert_int_equal(types.type[0].media_type.size, 251);
    struct atls_bytes full = long_offer(buffer, 252, -1);
    assert_int_equal(atls_read_evidence_offer(&atls_layout_ta_07, full, &types, NULL), 0);
    assert_int_equal(types.count, 63);
    for (int size = 0; size <= 255; size++) {
        struct atls_bytes in = long_offer(buffer, 255, size);
        test_outcome(atls_read_evidence_offer(&atls_layout_ta_07, in, &types, &nonce),
                     size < 8 ? ATLS_E_LIMIT : 0, NULL);
        test_outcome(atls_read_evidence_offer(&atls_layout_ta_03, in, &types, &nonce),
                     /* the same bytes, read by the older layout, have no known encoding order */
                     ATLS_E_MALFORMED, NULL);
    }
    assert_int_equal(nonce.size, 255);
}

static void eighty_five_types_fill_a_list_of_02(void **state)
{
    struct atls_evidence_type types[86];
    struct atls_evidence_types back;
    struct atls_bytes body;
    uint8_t buffer[ATLS_HELLO_BODY_MAX];
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
    for (size_t i = 0; i < 86; i++)
        types[i] = cf263;
    assert_int_equal(atls_write_evidence_offer(&atls_layout_ta_02, types, 85, NULL, &sink), 0);
    assert_int_equal(atls_sink_done(&sink, &body), 0);
    assert_int_equal(body.size, 256);
    assert_int_equal(atls_read_evidence_offer(&atls_layout_ta_02, body, &back, NULL), 0);
    assert_int_equal(back.count, 85);
    sink = atls_sink_of(buffer, sizeof buffer);
    assert_int_equal(atls_write_evidence_offer(&atls_layout_ta_02, types, 86, NULL, &sink),
                     ATLS_E_LIMIT);
}

static void writers_refuse_what_does_not_fit(void **state)
{
    uint8_t buffer[ATLS_HELLO_BODY_MAX], text[252] = {'a'};
    struct atls_sink sink = atls_sink_of(buffer, sizeof buffer);
    struct atls_bytes id = ATLS_BYTES(text, 252), longest = ATLS_BYTES(text, 253 - 2);
    assert_int_equal(atls_write_evidence_offer(&atls_layout_ta_07, NULL, 0, NULL, &sink),
                     ATLS_E_LIMIT);
    assert_int_equal(atls_write_verifier_offer(NULL, 0, &sink), ATLS_E_LIMIT);
    assert_int_equal(sink.used, 0);
    assert_int_equal(atls_write_verifier_offer(&longest, 1, &sink), 0);
    struct atls_bytes two[] = {id, longest};
    assert_int_equal(atls_write_verifier_offer(two, 2, &sink), ATLS_E_LIMIT);
    struct atls_sink small = atls_sink_of(buffer, 3);
    assert_int_equal(atls_write_evidence_selection(&atls_layout_ta_07, &cf263, NULL, &small),
                     ATLS_E_LIMIT);
    small = atls_sink_of(buffer, 3);
    assert_int_equal(atls_write_verifier_selection(id, &small), ATLS_E_LIMIT);
}

static const struct text_row {
    const char *name, *text;
    int outcome;
} text_rows[] = {
    {"cf:273", "cf:273", 0},
    {"cf:0", "cf:0", 0},
    {"cf:65535", "cf:65535", 0},
    {"media type", "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\"", 0},
    {"cf:65536", "cf:65536", ATLS_E_MALFORMED},
    {"cf:", "cf:", ATLS_E_MALFORMED},
    {"cf:-1", "cf:-1", ATLS_E_MALFORMED},
    {"cf:1 ", "cf:1 ", ATLS_E_MALFORMED},
    {"empty", "", ATLS_E_MALFORMED},
    {"no slash", "application", ATLS_E_MALFORMED},
    {"nothing behind the slash", "application/", ATLS_E_MALFORMED},
};

static void a_type_on_the_command_line(void **state)
{
    const struct text_row *row = *state;
    struct atls_evidence_type type;
    char text[128];
    test_outcome(atls_evidence_type_parse(row->text, &type), row->outcome, NULL);
    if (row->outcome != 0)
        return;
    atls_evidence_type_print(&type, text, sizeof text);
    assert_string_equal(text, row->text);
}

static void a_media_type_too_long_for_a_list(void **state)
{
    struct atls_evidence_type type;
    char text[300] = "a/b;c="; /* type and subtype alone have at most 127 characters each */
    memset(text + 6, 'd', 245);
    assert_int_equal(atls_evidence_type_parse(text, &type), 0);
    text[251] = 'd';
    test_outcome(atls_evidence_type_parse(text, &type), ATLS_E_LIMIT, NULL);
}

static const struct same_row {
    const char *name, *a, *b;
    bool same;
} same_rows[] = {
    {"one content format", "cf:273", "cf:273", true},
    {"content format and its media type", "cf:273", "application/cmw+cbor", true},
    {"the other way round", "application/cmw+cbor", "cf:273", true},
    {"case of a media type", "Application/CMW+cbor", "application/cmw+cbor", true},
    {"two content formats", "cf:273", "cf:274", false},
    {"another media type", "cf:273", "application/cmw+json", false},
    {"a content format that nobody knows", "cf:64999", "application/cmw+cbor", false},
    {"parameters differ", "application/eat+cwt; eat_profile=\"a\"",
     "application/eat+cwt; eat_profile=\"b\"", false},
};

static void types_that_mean_the_same(void **state)
{
    const struct same_row *row = *state;
    struct atls_evidence_type a, b;
    assert_int_equal(atls_evidence_type_parse(row->a, &a), 0);
    assert_int_equal(atls_evidence_type_parse(row->b, &b), 0);
    assert_int_equal(atls_evidence_type_equivalent(&a, &b), row->same);
    b.credential_kind = ATLS_KIND_CERT_ATTESTATION; /* another kind is another type */
    assert_false(atls_evidence_type_equivalent(&a, &b));
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, one_type, type_rows);
    TEST_ADD_ROWS(&list, a_body, body_rows);
    TEST_ADD(&list, lists_and_nonces_of_every_length);
    TEST_ADD(&list, eighty_five_types_fill_a_list_of_02);
    TEST_ADD(&list, writers_refuse_what_does_not_fit);
    TEST_ADD_ROWS(&list, a_type_on_the_command_line, text_rows);
    TEST_ADD(&list, a_media_type_too_long_for_a_list);
    TEST_ADD_ROWS(&list, types_that_mean_the_same, same_rows);
    return test_run("hello extensions", &list);
}
