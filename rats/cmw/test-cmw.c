/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading CMWs: what RFC 9999 forbids, as tables by requirement, its examples, and what is legal
 * beside them. Writing is in test-cmw-write.c.
 */
#include "rats/test/test-table.h"

#include <jansson.h>

#include "rats/cmw/cmw.h"

#define EAT_CWT "73 6170706c69636174696f6e2f6561742b637774" /* "application/eat+cwt" */
#define RECORD "82" EAT_CWT "42 0102"
#define CMWC_T "68 5f5f636d77635f74" /* "__cmwc_t" */
#define URI "63 613a62"              /* "a:b" */
#define JSON_RECORD "[\"application/eat+cwt\",\"AQI\"]"

#define RECORD_CLAUSE "RFC 9999 section 3.1"
#define TAG_CLAUSE "RFC 9999 section 3.2"
#define COLLECTION_CLAUSE "RFC 9999 section 3.3"
#define DEMUX_CLAUSE "RFC 9999 section 3.4"
#define X509_CLAUSE "RFC 9999 section 4.4"
#define TN_CLAUSE "RFC 9277 appendix B"

struct refused {
    const char *name;
    const char *input; /* hexadecimal, or JSON */
    int outcome;
    const char *clause; /* NULL: another layer's affair */
};

/* clang-format off */
static const struct refused refused_cbor[] = {
    {"R-CMW-01 record of 1 member", "a1 6161 81" EAT_CWT, ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 record of 0 members", "a1 6161 80", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 record of 4 members", "a1 6161 84" EAT_CWT "42 0102 04 04", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 indefinite record of 0 members", "9f ff", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 indefinite record of 1 member", "9f" EAT_CWT "ff", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 indefinite record of 4 members", "9f" EAT_CWT "42 0102 04 04 ff", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 type negative", "82 20 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 type negative inside a collection", "a1 6161 82 20 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 type bytes", "82 43 612f62 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 type null", "82 f6 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 type array", "82 81 01 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 content format above 65535", "82 1a 00010000 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 media type empty", "82 60 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 media type without subtype", "82 64 74657874 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 media type, subtype empty", "82 62 612f 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 media type, type empty", "82 62 2f62 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 media type with line end", "82 65 612f620d0a 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 media type, parameter without value", "82 66 612f623b633d 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 media type is a tunnel of drafts", "82 6d 23636d772d6a3263 2d 74756e6e 42 7b7d", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-02 value text", "82" EAT_CWT "62 4151", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-02 value array", "82" EAT_CWT "81 01", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-02 value map", "82" EAT_CWT "a0", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-02 value null", "82" EAT_CWT "f6", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-02 value tagged bytes", "82" EAT_CWT "d8 18 42 0102", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-02 value in two chunks", "82" EAT_CWT "5f 41 01 41 02 ff", ATLS_E_UNSUPPORTED, RECORD_CLAUSE},
    {"R-CMW-03 indicator 0", "83" EAT_CWT "42 0102 00", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 indicator 32", "83" EAT_CWT "42 0102 18 20", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 indicator 2^32+4", "83" EAT_CWT "42 0102 1b 0000000100000004", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 indicator negative", "83" EAT_CWT "42 0102 23", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 indicator bytes", "83" EAT_CWT "42 0102 41 04", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 indicator null", "83" EAT_CWT "42 0102 f6", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 indicator 0 inside a collection", "a1 6161 83" EAT_CWT "42 0102 00", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-05 tag with zero low byte", "da 63740100 42 0102", ATLS_E_MALFORMED, TN_CLAUSE},
    {"R-CMW-05 tag with zero second byte", "da 63740001 42 0102", ATLS_E_MALFORMED, TN_CLAUSE},
    {"R-CMW-05 tag above TN", "da 63750101 42 0102", ATLS_E_MALFORMED, TN_CLAUSE},
    {"R-CMW-05 tag below TN", "da 6373ffff 42 0102", ATLS_E_MALFORMED, TN_CLAUSE},
    {"R-CMW-05 tag 18 in a collection", "a1 6161 d2 42 0102", ATLS_E_MALFORMED, TN_CLAUSE},
    {"R-CMW-05 64-bit tag ending like TN", "a1 6161 db 0000000163740209 42 0102", ATLS_E_MALFORMED, TN_CLAUSE},
    {"R-CMW-05 tag over text", "da 63740209 62 4151", ATLS_E_MALFORMED, TAG_CLAUSE},
    {"R-CMW-05 tag over array", "da 63740209 81 01", ATLS_E_MALFORMED, TAG_CLAUSE},
    {"R-CMW-05 tag over map", "da 63740209 a0", ATLS_E_MALFORMED, TAG_CLAUSE},
    {"R-CMW-05 tag over null", "da 63740209 f6", ATLS_E_MALFORMED, TAG_CLAUSE},
    {"R-CMW-05 tag over tag", "da 63740209 d2 42 0102", ATLS_E_MALFORMED, TAG_CLAUSE},
    {"R-CMW-05 tag over nothing", "da 63740209", ATLS_E_MALFORMED, NULL},
    {"R-CMW-06 collection empty", "a0", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 indefinite collection empty", "bf ff", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 collection of its type only", "a1" CMWC_T URI, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 inner collection empty", "a1 6161 a0", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 text label twice", "a2 6161" RECORD "6161" RECORD, ATLS_E_MALFORMED, "RFC 8949 section 5.6"},
    {"R-CMW-06 integer label twice", "a2 20" RECORD "20" RECORD, ATLS_E_MALFORMED, "RFC 8949 section 5.6"},
    {"R-CMW-06 label twice, once in a chunk", "a2 6161" RECORD "7f 6161 ff" RECORD, ATLS_E_MALFORMED, "RFC 8949 section 5.6"},
    {"R-CMW-06 label twice in an inner collection", "a1 6161 a2 6162" RECORD "6162" RECORD, ATLS_E_MALFORMED, "RFC 8949 section 5.6"},
    {"R-CMW-06 label bytes", "a1 4161" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 label null", "a1 f6" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 label float", "a1 f93e00" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 label array", "a1 81 01" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 label empty", "a1 60" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 label of 65 bits", "a1 1b ffffffffffffffff" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 label not UTF-8", "a1 61ff" RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW-06 entry integer", "a1 6161 01", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 entry bytes", "a1 6161 42 0102", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 entry text", "a1 6161 62 4151", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 entry null", "a1 6161 f6", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-07 type used as label", "a2" CMWC_T RECORD "6161" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-07 type integer", "a2" CMWC_T "01 6161" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-07 type bytes", "a2" CMWC_T "43 613a62 6161" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-07 type as tag 32", "a2" CMWC_T "d8 20" URI "6161" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-07 type twice", "a3" CMWC_T URI CMWC_T URI "6161" RECORD, ATLS_E_MALFORMED, "RFC 8949 section 5.6"},
    {"R-CMW-07 type with zero character", "a2" CMWC_T "64 613a6200 6161" RECORD, ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW trailing byte behind a record", RECORD "00", ATLS_E_MALFORMED, NULL},
    {"R-CMW trailing byte behind a tag", "da 63740209 42 0102 ff", ATLS_E_MALFORMED, NULL},
    {"R-CMW trailing byte behind a collection", "a1 6161" RECORD "00", ATLS_E_MALFORMED, NULL},
    {"R-CMW two records", RECORD RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW record truncated in its value", "82" EAT_CWT "42 01", ATLS_E_MALFORMED, NULL},
    {"R-CMW record truncated in its type", "82 73 6170", ATLS_E_MALFORMED, NULL},
    {"R-CMW collection truncated", "a2 6161" RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW indefinite record without break", "9f" EAT_CWT "42 0102", ATLS_E_MALFORMED, NULL},
    {"R-CMW value announces more than there is", "82" EAT_CWT "5a ffffffff 01", ATLS_E_MALFORMED, NULL},
    {"R-CMW collection announces 2^63 entries", "bb 8000000000000000 6161" RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW demux: nothing", "", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: array of 1", "81" EAT_CWT, ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: array of 4", "84" EAT_CWT "42 0102 04 04", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: array of 2 in a longer head", "98 02" EAT_CWT "42 0102", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: tag in a longer head", "db 0000000063740209 42 0102", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: COSE_Sign1", "d2 84 43 a10126 a0 41 01 41 02", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: self-described CBOR", "d9d9f7" RECORD, ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: bytes", "42 0102", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: reserved map head", "bc", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: break", "ff", ATLS_E_MALFORMED, DEMUX_CLAUSE},
};

static const struct refused refused_json[] = {
    {"R-CMW-01 JSON record of 0 members", "[]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON record of 1 member", "[\"a/b\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON record of 4 members", "[\"a/b\",\"AQI\",4,4]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value padded", "[\"a/b\",\"AQI=\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value with non-zero trailing bits", "[\"a/b\",\"AQJ\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value with non-zero trailing bits, one byte", "[\"a/b\",\"AR\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value of an impossible length", "[\"a/b\",\"AQIDB\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value in the alphabet of base64", "[\"a/b\",\"+/+/\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value with a blank", "[\"a/b\",\"AQ ID\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value with a line end", "[\"a/b\",\"AQID\\n\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value empty", "[\"a/b\",\"\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value number", "[\"a/b\",1]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value null", "[\"a/b\",null]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value is the message itself", "[\"a/b\",{\"iat\":1}]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON media type without subtype", "[\"text\",\"AQI\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON media type empty", "[\"\",\"AQI\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON media type is a tunnel of drafts", "[\"#cmw-c2j-tunnel\",\"AQI\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 JSON indicator 0", "[\"a/b\",\"AQI\",0]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 JSON indicator 32", "[\"a/b\",\"AQI\",32]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 JSON indicator negative", "[\"a/b\",\"AQI\",-4]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 JSON indicator text", "[\"a/b\",\"AQI\",\"4\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 JSON indicator with a fraction", "[\"a/b\",\"AQI\",4.0]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 JSON indicator with an exponent", "[\"a/b\",\"AQI\",4e0]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 JSON indicator null", "[\"a/b\",\"AQI\",null]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-03 JSON indicator of 65 bits", "[\"a/b\",\"AQI\",18446744073709551620]", ATLS_E_MALFORMED, NULL},
    {"R-CMW-04 JSON type content format", "[263,\"AQI\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-04 JSON type null", "[null,\"AQI\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-04 JSON type content format in a collection", "{\"a\":[263,\"AQI\"]}", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-06 JSON collection empty", "{}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON collection of its type only", "{\"__cmwc_t\":\"a:b\"}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON inner collection empty", "{\"a\":{}}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON label twice", "{\"a\":" JSON_RECORD ",\"a\":" JSON_RECORD "}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON label twice, once escaped", "{\"a\":" JSON_RECORD ",\"\\u0061\":" JSON_RECORD "}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON label twice in an inner collection", "{\"a\":{\"b\":" JSON_RECORD ",\"b\":" JSON_RECORD "}}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON label empty", "{\"\":" JSON_RECORD "}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON label with zero character", "{\"\\u0000\":" JSON_RECORD "}", ATLS_E_UNSUPPORTED, ""},
    {"R-CMW-07 JSON type with zero character (RFC 8259 section 7)", "{\"__cmwc_t\":\"a:b\\u0000\",\"a\":" JSON_RECORD "}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-01 JSON media type with zero character", "[\"a/b\\u0000\",\"AQI\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-01 JSON value with zero character", "[\"a/b\",\"AQI\\u0000\"]", ATLS_E_MALFORMED, RECORD_CLAUSE},
    {"R-CMW-06 JSON label with a lone surrogate", "{\"\\ud800\":" JSON_RECORD "}", ATLS_E_MALFORMED, NULL},
    {"R-CMW-06 JSON label not UTF-8", "{\"\xff\":" JSON_RECORD "}", ATLS_E_MALFORMED, NULL},
    {"R-CMW-06 JSON entry text", "{\"a\":\"AQI\"}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON entry number", "{\"a\":1}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON entry null", "{\"a\":null}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-06 JSON entry true", "{\"a\":true}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-07 JSON type used as label", "{\"__cmwc_t\":" JSON_RECORD ",\"a\":" JSON_RECORD "}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-07 JSON type number", "{\"__cmwc_t\":1,\"a\":" JSON_RECORD "}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW-07 JSON type twice", "{\"__cmwc_t\":\"a:b\",\"__cmwc_t\":\"a:b\",\"a\":" JSON_RECORD "}", ATLS_E_MALFORMED, COLLECTION_CLAUSE},
    {"R-CMW JSON trailing text", JSON_RECORD "x", ATLS_E_MALFORMED, NULL},
    {"R-CMW JSON two records", JSON_RECORD JSON_RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW JSON trailing brace", "{\"a\":" JSON_RECORD "}}", ATLS_E_MALFORMED, NULL},
    {"R-CMW JSON truncated record", "[\"a/b\",\"AQI\"", ATLS_E_MALFORMED, NULL},
    {"R-CMW JSON truncated collection", "{\"a\":" JSON_RECORD, ATLS_E_MALFORMED, NULL},
    {"R-CMW JSON trailing comma", "[\"a/b\",\"AQI\",]", ATLS_E_MALFORMED, NULL},
    {"R-CMW JSON single quotes", "['a/b','AQI']", ATLS_E_MALFORMED, NULL},
    {"R-CMW JSON comment", "[\"a/b\",/**/\"AQI\"]", ATLS_E_MALFORMED, NULL},
    {"R-CMW demux: JSON behind a form feed", "\f" JSON_RECORD, ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: JSON behind a vertical tab", "\v" JSON_RECORD, ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: JSON behind a no-break space", "\xc2\xa0" JSON_RECORD, ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: JSON behind a byte order mark", "\xef\xbb\xbf" JSON_RECORD, ATLS_E_MALFORMED, "RFC 8259 section 8.1"},
    {"R-CMW demux: a byte order mark alone", "\xef\xbb\xbf", ATLS_E_MALFORMED, "RFC 8259 section 8.1"},
    {"R-CMW demux: two bytes of a byte order mark", "\xef\xbb", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: JSON behind a blank and a byte order mark", " \xef\xbb\xbf" JSON_RECORD, ATLS_E_MALFORMED, "RFC 8259 section 8.1"},
    {"R-CMW demux: white space alone", " \t\r\n", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: JSON text", "\"a/b\"", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: JSON null", "null", ATLS_E_MALFORMED, DEMUX_CLAUSE},
    {"R-CMW demux: JWT", "eyJhbGciOiJFUzI1NiJ9.e30.AA", ATLS_E_MALFORMED, DEMUX_CLAUSE},
};
/* clang-format on */

/* Where an error's clause is the same for several faults: which of them it tells of. */
static const struct told {
    const char *name, *cbor, *json, *text;
} told[] = {
    {"R-CMW-01 told: a type that is bytes", "82 43 612f62 42 0102", NULL,
     "expected a media type (text) or content format (unsigned)"},
    {"R-CMW-01 told: a type that is null", "82 f6 42 0102", NULL,
     "expected a media type (text) or content format (unsigned)"},
    {"R-CMW-01 told: a large content format", "82 1a 00010000 42 0102", NULL,
     "expected a content format of at most 65535, 65536 came"},
    {"R-CMW-01 told: a record of 1 member", "9f" EAT_CWT "ff", NULL,
     "expected 2 or 3 members in a CMW record, 1 came"},
    {"R-CMW-01 told: a bad type before too few members", "9f f6 ff", NULL,
     "expected a media type (text) or content format (unsigned)"},
    {"R-CMW-01 told: a record of 4 members", "9f" EAT_CWT "42 0102 04 04 ff", NULL,
     "expected 2 or 3 members in a CMW record, more came"},
    {"R-CMW-02 told: a value that is text", "82" EAT_CWT "62 4151", NULL,
     "value of a CMW: expected a byte string, came a text string at byte 21"},
    {"R-CMW-03 told: an indicator of 0", "83" EAT_CWT "42 0102 00", NULL,
     "the indicator of a CMW record is 0"},
    {"R-CMW-03 told: an indicator of 32", "83" EAT_CWT "42 0102 18 20", NULL,
     "expected an indicator of 1 to 31, 32 came"},
    {"R-CMW-06 told: a label that is bytes, before too few entries", "a1 4161" RECORD, NULL,
     "expected text or an integer as a label of a CMW collection"},
    {"R-CMW-06 told: an entry that is text", "a1 6161 62 4151", NULL,
     "expected a CMW: an array, a tag or a map"},
    {"R-CMW-06 told: no entry", "a0", NULL, "a CMW collection holds no CMW"},
    {"R-CMW-07 told: a type that is a number", "a2" CMWC_T "01 6161" RECORD, NULL,
     "__cmwc_t: expected a text string, came an unsigned integer"},
    {"R-CMW-01 told: JSON, a type that is a number", NULL, "[263,\"AQI\"]",
     "expected a media type as the type of a JSON CMW record"},
    {"R-CMW-01 told: JSON, a type that is no media type", NULL, "[\"text\",\"AQI\"]",
     "type of a CMW record: "},
    {"R-CMW-02 told: JSON, a value that is a number", NULL, "[\"a/b\",1]",
     "expected base64url text, of one character at least"},
    {"R-CMW-02 told: JSON, an empty value", NULL, "[\"a/b\",\"\"]",
     "expected base64url text, of one character at least"},
    {"R-CMW-02 told: JSON, a value in base64", NULL, "[\"a/b\",\"+/+/\"]",
     "value of a JSON CMW record: "},
    {"R-CMW-03 told: JSON, an indicator of 0", NULL, "[\"a/b\",\"AQI\",0]",
     "the indicator of a CMW record is 0"},
    {"R-CMW-03 told: JSON, an indicator of -4", NULL, "[\"a/b\",\"AQI\",-4]",
     "expected an unsigned integer as the indicator"},
    {"R-CMW-03 told: JSON, an indicator that is text", NULL, "[\"a/b\",\"AQI\",\"4\"]",
     "expected an unsigned integer as the indicator"},
    {"R-CMW-06 told: JSON, an entry that is text", NULL, "{\"a\":\"AQI\"}",
     "expected a CMW: a JSON array or object"},
    {"R-CMW-06 told: JSON, no entry", NULL, "{}", "a CMW collection holds no CMW"},
    {"R-CMW-07 told: JSON, a type that is a number", NULL, "{\"__cmwc_t\":1,\"a\":" JSON_RECORD "}",
     "expected text as __cmwc_t"},
    {"R-CMW-07 told: JSON, a type that is a word", NULL,
     "{\"__cmwc_t\":\"kat\",\"a\":" JSON_RECORD "}",
     "expected an absolute URI or object identifier as __cmwc_t, \"kat\" came"},
};

static void tells(void **state)
{
    const struct told *row = *state;
    struct atls_bytes in = row->cbor ? test_bytes(row->cbor) : atls_bytes_of_text(row->json);
    struct atls_cmw *cmw = NULL;

    test_outcome(atls_cmw_parse(in, &cmw), ATLS_E_MALFORMED, NULL);
    assert_null(cmw);
    if (!strstr(atls_error_text(), row->text))
        fail_msg("expected \"%s\", came \"%s\"", row->text, atls_error_text());
    if (row->cbor)
        test_vector_free(in);
}

static void refuses(struct atls_bytes in, const struct refused *row)
{
    struct atls_cmw *cmw = NULL;

    test_outcome(atls_cmw_parse(in, &cmw), row->outcome, row->clause);
    assert_null(cmw);
}

static void refuses_cbor(void **state)
{
    const struct refused *row = *state;
    struct atls_bytes in = test_bytes(row->input);

    refuses(in, row);
    test_vector_free(in);
}

static void refuses_json(void **state)
{
    const struct refused *row = *state;

    refuses(atls_bytes_of_text(row->input), row);
}

/* __cmwc_t, both forms: absolute URI or object identifier (R-CMW-07). */
static const struct collection_type {
    const char *name; /* and the type itself */
    bool accepted;
} collection_types[] = {
    {"tag:ietf.org,2024-02-29:rats/kat", true},
    {"https://example.com/a?b=c%2F", true},
    {"urn:uuid:00000000-0000-0000-0000-000000000000", true},
    {"a+b-c.d1:", true},
    {"http://[::1]:80/", true},
    {"2.16.840.1.101.3", true},
    {"1.3.6.1.4.1.0", true},
    {"0.9.2342.19200300", true},
    {"2", true},
    {"", false},
    {"kat", false},
    {"/rats/kat", false},
    {"//example.com/kat", false},
    {"?kat", false},
    {":kat", false},
    {"1a:b", false},
    {"+a:b", false},
    {"a_b:c", false},
    {"a:b#fragment", false},
    {"a:b c", false},
    {"a:b\"", false},
    {"a:<b>", false},
    {"a:%", false},
    {"a:%4", false},
    {"a:%4g", false},
    {"a:\xc3\xa9", false},
    {".1.3.6", false},
    {"1.3.6.", false},
    {"1..3", false},
    {"1.03", false},
    {"3.1", false},
    {"1.3.a", false},
    {"01.3", false},
    {"1,3", false},
};

static void check_collection_type(void **state)
{
    const struct collection_type *row = *state;
    uint8_t buffer[256];
    char json[256], *escaped;
    json_t *text = json_string(row->name);
    struct atls_cbor_writer w;
    struct atls_bytes cbor;
    struct atls_cmw *cmw;
    int outcome = row->accepted ? 0 : ATLS_E_MALFORMED;

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cbor_write_map(&w, 2);
    atls_cbor_write_text(&w, "a");
    atls_cmw_write_record(&w, "a/b", ATLS_BYTES("x", 1), 0);
    atls_cbor_write_text(&w, "__cmwc_t");
    atls_cbor_write_text(&w, row->name);
    assert_int_equal(atls_cbor_write_done(&w, &cbor), 0);
    test_outcome(atls_cmw_parse(cbor, &cmw), outcome, row->accepted ? NULL : COLLECTION_CLAUSE);
    if (row->accepted) {
        assert_true(atls_bytes_is_text(cmw->collection_type, row->name));
        atls_cmw_free(cmw);
    }

    escaped = json_dumps(text, JSON_ENCODE_ANY);
    snprintf(json, sizeof json, "{\"a\":[\"a/b\",\"eA\"],\"__cmwc_t\":%s}", escaped);
    test_outcome(atls_cmw_parse(atls_bytes_of_text(json), &cmw), outcome,
                 row->accepted ? NULL : COLLECTION_CLAUSE);
    if (row->accepted) {
        assert_true(atls_bytes_is_text(cmw->collection_type, row->name));
        atls_cmw_free(cmw);
    }
    free(escaped);
    json_decref(text);
}

/* R-CMW-12: the slot decides, not the first byte. */
static const struct slot {
    const char *name;
    enum atls_serialization slot;
    const char *input; /* hexadecimal */
} wrong_slots[] = {
    {"R-CMW-12 CBOR record in a JSON slot", ATLS_JSON, RECORD},
    {"R-CMW-12 CBOR tag in a JSON slot", ATLS_JSON, "da 63740209 42 0102"},
    {"R-CMW-12 CBOR collection in a JSON slot", ATLS_JSON, "a1 6161" RECORD},
    {"R-CMW-12 JSON record in a CBOR slot", ATLS_CBOR, "5b22612f62222c22415149225d"},
    {"R-CMW-12 JSON collection in a CBOR slot", ATLS_CBOR,
     "7b2261223a5b22612f62222c22415149225d7d"},
};

static void refuses_wrong_slot(void **state)
{
    const struct slot *row = *state;
    enum atls_serialization right = row->slot == ATLS_CBOR ? ATLS_JSON : ATLS_CBOR;
    struct atls_bytes in = test_bytes(row->input);
    struct atls_cmw *cmw = NULL;

    test_outcome(atls_cmw_parse_as(row->slot, in, &cmw), ATLS_E_MALFORMED, X509_CLAUSE);
    assert_null(cmw);
    test_outcome(atls_cmw_parse_as(right, in, &cmw), 0, NULL);
    atls_cmw_free(cmw);
    test_vector_free(in);
}

/* The example of RFC 9999 section 5 in its forms, and what is legal beside it. */
static const struct accepted {
    const char *name;
    const char *cbor; /* hexadecimal, or NULL */
    const char *json;
    enum atls_cmw_form form;
    int content_format; /* -1: a media type */
    unsigned indicator;
    const char *value; /* hexadecimal */
} accepted[] = {
    {"example: record", "82 197531 44 2347da55", NULL, ATLS_CMW_RECORD, 30001, 0, "2347da55"},
    {"example: record with indicator", "83 197531 44 2347da55 03", NULL, ATLS_CMW_RECORD, 30001, 3,
     "2347da55"},
    {"example: tag", "da 637476a7 44 2347da55", NULL, ATLS_CMW_TAG, 30001, 0, "2347da55"},
    {"example: JSON record", NULL, "[\"application/vnd.example.rats-conceptual-msg\",\"I0faVQ\"]",
     ATLS_CMW_RECORD, -1, 0, "2347da55"},
    {"example: JSON record with indicator", NULL,
     "[\"application/vnd.example.rats-conceptual-msg\",\"I0faVQ\",3]", ATLS_CMW_RECORD, -1, 3,
     "2347da55"},
    /* Neither RFC 9999 nor RFC 8949 section 4.1 asks for the shortest heads; the first byte is that
     * of section 3.4 all the same. */
    {"record with a longer length of its value", "82 190107 58 02 0102", NULL, ATLS_CMW_RECORD, 263,
     0, "0102"},
    {"record with a longer content format", "82 1a 00000107 42 0102", NULL, ATLS_CMW_RECORD, 263, 0,
     "0102"},
    {"record with a longer indicator", "83 190107 42 0102 1b 0000000000000004", NULL,
     ATLS_CMW_RECORD, 263, 4, "0102"},
    {"tag with a longer length of its value", "da 637476a7 59 0002 0102", NULL, ATLS_CMW_TAG, 30001,
     0, "0102"},
    {"record with media type", RECORD, NULL, ATLS_CMW_RECORD, -1, 0, "0102"},
    {"record with all indicators", "83" EAT_CWT "42 0102 18 1f", NULL, ATLS_CMW_RECORD, -1, 31,
     "0102"},
    {"record with the largest content format", "82 19ffff 42 0102", NULL, ATLS_CMW_RECORD, 65535, 0,
     "0102"},
    {"record with content format 0", "82 00 42 0102", NULL, ATLS_CMW_RECORD, 0, 0, "0102"},
    {"record without message", "82 00 40", NULL, ATLS_CMW_RECORD, 0, 0, ""},
    {"record of indefinite length", "9f 190107 42 0102 ff", NULL, ATLS_CMW_RECORD, 263, 0, "0102"},
    {"record of indefinite length with indicator", "9f 190107 42 0102 04 ff", NULL, ATLS_CMW_RECORD,
     263, 4, "0102"},
    {"record with value in one chunk", "82 190107 5f 42 0102 ff", NULL, ATLS_CMW_RECORD, 263, 0,
     "0102"},
    {"collection in a head of nine bytes", "bb 0000000000000001 6161" RECORD, NULL,
     ATLS_CMW_COLLECTION, -1, 0, ""},
    {"tag of the last content format", "da 6374ffff 42 0102", NULL, ATLS_CMW_TAG, 65024, 0, "0102"},
    {"tag of the first content format", "da 63740101 42 0102", NULL, ATLS_CMW_TAG, 0, 0, "0102"},
    {"JSON record with white space inside and behind", NULL, "[ \"a/b\" ,\t\"AQI\" ]\r\n",
     ATLS_CMW_RECORD, -1, 0, "0102"},
    {"JSON behind a blank (RFC 8259 section 2)", NULL, " [\"a/b\",\"AQI\"]", ATLS_CMW_RECORD, -1, 0,
     "0102"},
    {"JSON behind a tab", NULL, "\t[\"a/b\",\"AQI\"]", ATLS_CMW_RECORD, -1, 0, "0102"},
    {"JSON behind line ends", NULL, "\r\n\n[\"a/b\",\"AQI\"]", ATLS_CMW_RECORD, -1, 0, "0102"},
    {"JSON record with escapes", NULL, "[\"a\\/b\",\"\\u0041QI\"]", ATLS_CMW_RECORD, -1, 0, "0102"},
};

static void accepts(void **state)
{
    const struct accepted *row = *state;
    struct atls_bytes in =
        row->cbor ? test_bytes(row->cbor) : ATLS_BYTES(strdup(row->json), strlen(row->json));
    struct atls_bytes value = test_bytes(row->value);
    struct atls_cmw *cmw;

    test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
    test_vector_free(in); /* the tree borrows nothing */
    assert_int_equal(cmw->form, row->form);
    assert_int_equal(cmw->serialization, row->cbor ? ATLS_CBOR : ATLS_JSON);
    assert_int_equal(cmw->indicator, row->indicator);
    assert_int_equal(cmw->type.is_content_format, row->content_format >= 0);
    if (row->content_format >= 0)
        assert_int_equal(cmw->type.content_format, row->content_format);
    test_same_bytes(cmw->value, value);
    assert_int_equal(!cmw->value.data, value.size == 0); /* nothing is allocated for it */
    atls_cmw_free(cmw);
    test_vector_free(value);
}

static void reads_collection_with_all_members(void **state)
{
    struct atls_bytes in =
        test_bytes("a4 01" RECORD "20 da 63740209 41 07 6161 a1 6162" RECORD CMWC_T URI);
    struct atls_cmw *cmw;
    const struct atls_cmw *inner;

    test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
    assert_int_equal(cmw->form, ATLS_CMW_COLLECTION);
    assert_true(atls_bytes_is_text(cmw->collection_type, "a:b"));
    assert_int_equal(cmw->entry_count, 3);
    assert_true(cmw->entries[0].is_integer && cmw->entries[0].integer_label == 1);
    assert_true(cmw->entries[1].is_integer && cmw->entries[1].integer_label == -1);
    assert_int_equal(cmw->entries[1].cmw->type.content_format, 263);
    inner = atls_cmw_find(cmw, "a");
    assert_non_null(inner);
    assert_int_equal(inner->form, ATLS_CMW_COLLECTION);
    assert_non_null(atls_cmw_find(inner, "b"));
    assert_null(atls_cmw_find(inner, "a"));
    assert_null(atls_cmw_find(cmw, "__cmwc_t"));
    assert_null(atls_cmw_find(cmw->entries[0].cmw, "a"));
    atls_cmw_free(cmw);
    test_vector_free(in);
}

static void compares_types_across_their_forms(void **state)
{
    static const struct {
        const char *input, *type;
        bool same;
    } rows[] = {
        {RECORD, "application/eat+cwt", true},
        {RECORD, "Application/EAT+cwt", true},
        {RECORD, "application/eat+jwt", false},
        {"82 190107 41 01", "application/eat+cwt", true},
        {"da 63740209 41 01", "application/eat+cwt", true},
        {"da 63740209 41 01", "application/eat+jwt", false},
        {"82 197531 41 01", "application/eat+cwt", false},
        {"a1 6161" RECORD, "application/eat+cwt", false},
        {"82 197531 41 01", "", false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct atls_bytes in = test_bytes(rows[i].input);
        struct atls_cmw *cmw;

        test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
        assert_int_equal(atls_cmw_type_is(cmw, rows[i].type), rows[i].same);
        atls_cmw_free(cmw);
        test_vector_free(in);
    }
}

/* R-CMW-08: a collection DEPTH deep, the record inside it included. */
static void check_depth(unsigned depth, int outcome, const char *clause)
{
    size_t size = (depth - 1) * 3 + 7;
    uint8_t *cbor = malloc(size);
    char *json = calloc(1, depth * 6 + 20);
    struct atls_cmw *cmw;
    struct atls_sink s = atls_sink_of(cbor, size);

    assert_true(cbor && json);
    for (unsigned i = 1; i < depth; i++) {
        atls_sink_bytes(&s, ATLS_BYTES("\xa1\x61\x61", 3));
        strcat(json, "{\"a\":");
    }
    atls_sink_bytes(&s, ATLS_BYTES("\x82\x63\x61/b\x41\x01", 7));
    strcat(json, "[\"a/b\",\"AQ\"]");
    for (unsigned i = 1; i < depth; i++)
        strcat(json, "}");
    test_outcome(atls_cmw_parse(ATLS_BYTES(cbor, size), &cmw), outcome, clause);
    if (!outcome)
        atls_cmw_free(cmw);
    test_outcome(atls_cmw_parse(atls_bytes_of_text(json), &cmw), outcome, clause);
    if (!outcome)
        atls_cmw_free(cmw);
    free(cbor);
    free(json);
}

static void limits_depth(void **state)
{
    check_depth(1, 0, NULL);
    check_depth(ATLS_CMW_MAX_DEPTH, 0, NULL);
    check_depth(ATLS_CMW_MAX_DEPTH + 1, ATLS_E_LIMIT, COLLECTION_CLAUSE);
    check_depth(40, ATLS_E_LIMIT, NULL);
    check_depth(3000, ATLS_E_LIMIT, NULL);
}

static void limits_size(void **state)
{
    static const uint8_t record[] = {0x82, 0x63, 'a', '/', 'b', 0x5a, 0x00, 0x0f, 0xff, 0xf6};
    size_t size = ATLS_CMW_MAX_SIZE + 1;
    uint8_t *in = calloc(1, size);
    struct atls_cmw *cmw;

    assert_non_null(in);
    for (int json = 0; json < 2; json++) {
        if (json) {
            memset(in, ' ', size);
            memcpy(in, JSON_RECORD, strlen(JSON_RECORD));
        } else {
            memcpy(in, record, sizeof record);
        }
        test_outcome(atls_cmw_parse(ATLS_BYTES(in, size), &cmw), ATLS_E_LIMIT, NULL);
        assert_string_equal(atls_error_text(), "a CMW of 1048577 bytes; at most 1048576 are read");
        test_outcome(atls_cmw_parse(ATLS_BYTES(in, size - 1), &cmw), 0, NULL);
        assert_int_equal(cmw->form, ATLS_CMW_RECORD);
        atls_cmw_free(cmw);
    }
    free(in);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, refuses_cbor, refused_cbor);
    TEST_ADD_ROWS(&list, refuses_json, refused_json);
    TEST_ADD_ROWS(&list, tells, told);
    TEST_ADD_ROWS(&list, check_collection_type, collection_types);
    TEST_ADD_ROWS(&list, refuses_wrong_slot, wrong_slots);
    TEST_ADD_ROWS(&list, accepts, accepted);
    TEST_ADD(&list, reads_collection_with_all_members);
    TEST_ADD(&list, compares_types_across_their_forms);
    TEST_ADD(&list, limits_depth);
    TEST_ADD(&list, limits_size);
    return test_run("cmw", &list);
}
