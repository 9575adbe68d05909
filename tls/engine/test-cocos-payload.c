/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload of Cocos. The first two texts are what its own MarshalPayload (pkg/atls/eaattestation
 * at 747aaaa5) writes for the values of its test TestPayloadRoundTrip, and for results alone.
 */
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/test/test-table.h"
#include "tls/engine/cocos-payload.h"

#define BINDER                                                                                     \
    "\"binder\":{\"exporter_label\":\"Attestation\",\"aik_pub_hash\":\"YWlr\",\"binding\":"        \
    "\"YmluZGluZw==\"}"
#define HEAD "{\"version\":1,\"media_type\":\"application/eat+cwt\","
#define EVIDENCE "\"evidence\":\"ZXZpZGVuY2U=\""
#define BARE "\"binder\":{\"aik_pub_hash\":\"YWlr\",\"binding\":\"YmluZGluZw==\"}"
/* [application/eat+cwt, 'evidence', 4], [application/eat+jwt, 'results', 8]: RFC 9999 section 3.1
 */
#define RECORD "83 73 6170706c69636174696f6e2f6561742b637774 48 65766964656e6365 04"
#define RESULTS "83 73 6170706c69636174696f6e2f6561742b6a7774 47 726573756c7473 08"

static const struct read_row {
    const char *name, *text;
    int outcome;
    const char *cmw;
} read_rows[] = {
    {"evidence, as Cocos writes it", HEAD EVIDENCE "," BINDER "}", 0, RECORD},
    {"results, as Cocos writes them",
     "{\"version\":1,\"attestation_results\":\"cmVzdWx0cw==\"," BARE "}", 0, RESULTS},
    {"an empty label",
     HEAD EVIDENCE ",\"binder\":{\"exporter_label\":\"\",\"aik_pub_hash\":\"YWlr\",\"binding\":"
                   "\"YmluZGluZw==\"}}",
     0, RECORD},
    {"no label", HEAD EVIDENCE "," BARE "}", 0, RECORD},
    {"a CMW is evidence as it is",
     "{\"version\":1,\"media_type\":\"application/cmw+cbor\",\"evidence\":\"oA==\"," BINDER "}", 0,
     "a0"},
    {"a type without a content format",
     "{\"version\":1,\"media_type\":\"text/plain\"," EVIDENCE "," BINDER "}", 0,
     "83 6a 746578742f706c61696e 48 65766964656e6365 04"},
    {"nothing", "", ATLS_E_MALFORMED, NULL},
    {"an array", "[]", ATLS_E_MALFORMED, NULL},
    {"bytes behind it", HEAD EVIDENCE "," BINDER "}x", ATLS_E_MALFORMED, NULL},
    {"a member twice", HEAD EVIDENCE "," EVIDENCE "," BINDER "}", ATLS_E_MALFORMED, NULL},
    {"an unknown member", HEAD EVIDENCE "," BINDER ",\"more\":1}", ATLS_E_MALFORMED, NULL},
    {"no version", "{\"media_type\":\"application/eat+cwt\"," EVIDENCE "," BINDER "}",
     ATLS_E_MALFORMED, NULL},
    {"version 2", "{\"version\":2,\"media_type\":\"application/eat+cwt\"," EVIDENCE "," BINDER "}",
     ATLS_E_MALFORMED, NULL},
    {"version as text",
     "{\"version\":\"1\",\"media_type\":\"application/eat+cwt\"," EVIDENCE "," BINDER "}",
     ATLS_E_MALFORMED, NULL},
    {"evidence of no media type", "{\"version\":1," EVIDENCE "," BINDER "}", ATLS_E_MALFORMED,
     NULL},
    {"a media type that is none", "{\"version\":1,\"media_type\":\"eat\"," EVIDENCE "," BINDER "}",
     ATLS_E_MALFORMED, NULL},
    {"a media type that is a number", "{\"version\":1,\"media_type\":263," EVIDENCE "," BINDER "}",
     ATLS_E_MALFORMED, NULL},
    {"a media type of results that is a number",
     "{\"version\":1,\"media_type\":263,\"attestation_results\":\"cmVzdWx0cw==\"," BARE "}",
     ATLS_E_MALFORMED, NULL},
    {"neither evidence nor results", HEAD BINDER "}", ATLS_E_MALFORMED, NULL},
    {"both", HEAD EVIDENCE ",\"attestation_results\":\"cmVzdWx0cw==\"," BINDER "}",
     ATLS_E_MALFORMED, NULL},
    {"evidence of no bytes", HEAD "\"evidence\":\"\"," BINDER "}", ATLS_E_MALFORMED, NULL},
    {"evidence that is a number", HEAD "\"evidence\":1," BINDER "}", ATLS_E_MALFORMED, NULL},
    {"base64url in place of base64", HEAD "\"evidence\":\"_-8\"," BINDER "}", ATLS_E_MALFORMED,
     NULL},
    {"no padding", HEAD "\"evidence\":\"ZXZpZGVuY2U\"," BINDER "}", ATLS_E_MALFORMED, NULL},
    {"no binder", HEAD EVIDENCE "}", ATLS_E_MALFORMED, NULL},
    {"a binder that is a text", HEAD EVIDENCE ",\"binder\":\"\"}", ATLS_E_MALFORMED, NULL},
    {"a binder without a binding", HEAD EVIDENCE ",\"binder\":{\"aik_pub_hash\":\"YWlr\"}}",
     ATLS_E_MALFORMED, NULL},
    {"a binder without the key's hash", HEAD EVIDENCE ",\"binder\":{\"binding\":\"YmluZGluZw==\"}}",
     ATLS_E_MALFORMED, NULL},
    {"a binder with more",
     HEAD EVIDENCE ",\"binder\":{\"aik_pub_hash\":\"YWlr\",\"binding\":\"YmluZGluZw==\",\"x\":1}}",
     ATLS_E_MALFORMED, NULL},
    {"another label",
     HEAD EVIDENCE
     ",\"binder\":{\"exporter_label\":\"Attestation Binding\",\"aik_pub_hash\":\"YWlr\","
     "\"binding\":\"YmluZGluZw==\"}}",
     ATLS_E_MISMATCH, NULL},
    {"a label that is a number",
     HEAD EVIDENCE
     ",\"binder\":{\"exporter_label\":1,\"aik_pub_hash\":\"YWlr\",\"binding\":\"YmluZGluZw==\"}}",
     ATLS_E_MALFORMED, NULL},
    {"the hash of another key",
     HEAD EVIDENCE ",\"binder\":{\"aik_pub_hash\":\"YWls\",\"binding\":\"YmluZGluZw==\"}}",
     ATLS_E_MISMATCH, NULL},
    {"another binding",
     HEAD EVIDENCE ",\"binder\":{\"aik_pub_hash\":\"YWlr\",\"binding\":\"YmluZA==\"}}",
     ATLS_E_MISMATCH, NULL},
};

static struct atls_cocos_binder binder(void)
{
    return (struct atls_cocos_binder){.label = "Attestation",
                                      .key_hash = atls_bytes_of_text("aik"),
                                      .binding = atls_bytes_of_text("binding")};
}

static void a_payload_is_read(void **state)
{
    const struct read_row *row = *state;
    struct atls_cocos_binder expected = binder();
    uint8_t *cmw;
    size_t size;
    int result = atls_cocos_payload_read(atls_bytes_of_text(row->text), &expected, &cmw, &size);
    test_outcome(result, row->outcome, NULL);
    if (result != 0)
        return;
    struct atls_bytes wanted = test_bytes(row->cmw);
    assert_int_equal(size, wanted.size);
    assert_memory_equal(cmw, wanted.data, size);
    test_vector_free(wanted);
    free(cmw);
}

/* What came is told, as far as it can be printed. */
static const struct told_row {
    const char *name, *text, *told;
} told_rows[] = {
    {"a member", HEAD EVIDENCE "," BINDER ",\"more\":1}",
     "payload: expected none but known members, came more"},
    {"a label",
     HEAD EVIDENCE
     ",\"binder\":{\"exporter_label\":\"Binding\",\"aik_pub_hash\":\"YWlr\",\"binding\":\"YWlr\"}}",
     "exporter_label: expected Attestation, came Binding"},
    {"a binding", HEAD EVIDENCE ",\"binder\":{\"aik_pub_hash\":\"YWlr\"}}",
     "expected a member binding, came none"},
    {"evidence", HEAD "\"evidence\":1," BINDER "}",
     "evidence: expected a string, came another value"},
    {"a binder", HEAD EVIDENCE "}", "expected an object binder, came none"},
    {"a media type", "{\"version\":1," EVIDENCE "," BINDER "}",
     "expected a media_type of evidence, came none"},
};

static void what_came_is_told(void **state)
{
    const struct told_row *row = *state;
    struct atls_cocos_binder expected = binder();
    uint8_t *cmw;
    size_t size;
    assert_true(atls_cocos_payload_read(atls_bytes_of_text(row->text), &expected, &cmw, &size) > 0);
    assert_string_equal(atls_error_text(), row->told);
}

static const struct write_row {
    const char *name, *cmw, *text;
} write_rows[] = {
    {"a record with a media type",
     "82 73 6170706c69636174696f6e2f6561742b637774 48 65766964656e6365",
     HEAD EVIDENCE "," BINDER "}"},
    {"a record with a content format", "82 190107 48 65766964656e6365",
     HEAD EVIDENCE "," BINDER "}"},
    {"a result", "82 190108 47 726573756c7473",
     "{\"version\":1,\"media_type\":\"application/"
     "eat+jwt\",\"attestation_results\":\"cmVzdWx0cw==\"," BINDER "}"},
    {"a collection as it is", "a1 01 82 190107 41 00",
     "{\"version\":1,\"media_type\":\"application/cmw+cbor\",\"evidence\":\"oQGCGQEHQQA=\"," BINDER
     "}"},
    {"JSON as it is", "7b7d",
     "{\"version\":1,\"media_type\":\"application/cmw+json\",\"evidence\":\"e30=\"," BINDER "}"},
    {"nothing, as it is", "",
     "{\"version\":1,\"media_type\":\"application/cmw+cbor\",\"evidence\":\"\"," BINDER "}"},
    {"what is no CMW, as it is", "ff",
     "{\"version\":1,\"media_type\":\"application/cmw+cbor\",\"evidence\":\"/w==\"," BINDER "}"},
};

static void a_payload_is_written(void **state)
{
    const struct write_row *row = *state;
    struct atls_cocos_binder own = binder();
    struct atls_bytes cmw = test_bytes(row->cmw);
    char *text;
    test_outcome(atls_cocos_payload_write(cmw.size > 0 ? cmw : ATLS_BYTES(NULL, 0), &own, &text), 0,
                 NULL);
    assert_string_equal(text, row->text);
    free(text);
    test_vector_free(cmw);
}

/* text/plain with a parameter, SIZE characters in all. */
static void long_type(char *type, size_t size)
{
    int head = snprintf(type, size + 1, "text/plain;p=");
    memset(type + head, 'a', size - (size_t)head);
    type[size] = '\0';
}

/* One that has no room leaves a record as it is, and of a payload makes none. */
static void a_long_media_type(void **state)
{
    struct atls_cocos_binder own = binder();
    char type[601], text[1200];
    for (size_t size = 255; size <= 256; size++) {
        uint8_t record[300];
        struct atls_sink sink = atls_sink_of(record, sizeof record);
        struct atls_bytes cmw;
        char *written;
        long_type(type, size);
        atls_sink_u8(&sink, 0x82); /* RFC 8949: an array of two, a text with 16 bits of length */
        atls_sink_u8(&sink, 0x79);
        atls_sink_vector(&sink, 2, atls_bytes_of_text(type));
        atls_sink_u16(&sink, 0x4100); /* and one byte */
        assert_int_equal(atls_sink_done(&sink, &cmw), 0);
        test_outcome(atls_cocos_payload_write(cmw, &own, &written), 0, NULL);
        snprintf(text, sizeof text, "\"media_type\":\"%s\"",
                 size == 255 ? type : "application/cmw+cbor");
        assert_non_null(strstr(written, text));
        free(written);
    }
    long_type(type, sizeof type - 1);
    snprintf(text, sizeof text, "{\"version\":1,\"media_type\":\"%s\"," EVIDENCE "," BINDER "}",
             type);
    uint8_t *cmw;
    size_t size;
    assert_true(atls_cocos_payload_read(atls_bytes_of_text(text), &own, &cmw, &size) > 0);
}

int main(void)
{
    struct test_list list = {.count = 0};
    TEST_ADD_ROWS(&list, a_payload_is_read, read_rows);
    TEST_ADD_ROWS(&list, what_came_is_told, told_rows);
    TEST_ADD_ROWS(&list, a_payload_is_written, write_rows);
    TEST_ADD(&list, a_long_media_type);
    return test_run("cocos-payload", &list);
}
