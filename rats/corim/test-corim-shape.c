/* SPDX-License-Identifier: Apache-2.0 */
/* CoRIM against its CDDL: what each rule takes and refuses; validity; encodings; and what of it is
 * read. */
#include "rats/test/test-support.h"

#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/cbor/cbor-item.h"
#include "rats/cbor/cbor-write.h"
#include "rats/corim/corim-keys.h"
#include "rats/corim/corim-read.h"
#include "rats/corim/test-clause.h"
#include "rats/test/test-hex.h"

/* Pieces of CoMIDs in hexadecimal. */
#define B32_ALONE "0101010101010101010101010101010101010101010101010101010101010101"
#define B32 "5820" B32_ALONE
#define UUID16                                                                                     \
    "50"                                                                                           \
    "00112233445566778899aabbccddeeff"
#define CLASS "a100a100d90230" B32 /* {class: {class-id: 560(bytes)}} */
#define SHA256_DIGEST "8201" B32
#define VALUES(digests)                                                                            \
    "a2"                                                                                           \
    "02" digests "0d81d90230" B32
#define NAMED(digests)                                                                             \
    "a3"                                                                                           \
    "02" digests "0b62424c"                                                                        \
    "0d81d90230" B32
#define VERSIONED(version)                                                                         \
    "a3"                                                                                           \
    "00" version "0281" SHA256_DIGEST "0d81d90230" B32
#define MEASUREMENT(values)                                                                        \
    "a2"                                                                                           \
    "0076"                                                                                         \
    "7073612e736f6674776172652d636f6d706f6e656e74"                                                 \
    "01" values
#define TRIPLE(values) "82" CLASS "81" MEASUREMENT(values)
#define GOOD TRIPLE(VALUES("81" SHA256_DIGEST))
#define REFERENCES "0081" GOOD
#define ANY_TRIPLE                                                                                 \
    "82" CLASS "81a101a101"                                                                        \
    "01" /* environment, [{mval: {svn: 1}}] */
#define PSA_PROFILE                                                                                \
    "03d820781a"                                                                                   \
    "7461673a61726d2e636f6d2c323032353a70736123312e302e30"

static const struct shape_row {
    const char *what, *clause;
    const char *comid; /* its members; NULL: a good one */
    const char *corim; /* members beside id, tags and profile; NULL: none */
    unsigned comid_members, corim_members;
    int outcome;
    const char *text; /* part of the message */
    unsigned skipped;
} rows[] = {
#define COMID_ROW(what, clause, members, count, ...)                                               \
    {                                                                                              \
        what, clause, members, NULL, count, 0, __VA_ARGS__                                         \
    }
#define CORIM_ROW(what, clause, members, count, ...)                                               \
    {                                                                                              \
        what, clause, NULL, members, 0, count, __VA_ARGS__                                         \
    }
#define IDENTITY "01a1006161"
#define TRIPLES(pairs, content) IDENTITY "04a" pairs content
    COMID_ROW("good", "5.1", TRIPLES("1", REFERENCES), 2, 0, "", 0),
    /* triples */
    COMID_ROW("no triples at all", "5.1.4", TRIPLES("0", ""), 2, ATLS_E_MALFORMED, "triples", 0),
    COMID_ROW("an empty list of reference triples", "5.1.4", TRIPLES("1", "0080"), 2,
              ATLS_E_MALFORMED, "one at least", 0),
    COMID_ROW("an empty list of attestation keys", "5.1.4", TRIPLES("2", REFERENCES "0380"), 2,
              ATLS_E_MALFORMED, "one at least", 0),
    COMID_ROW("triples that are no list", "5.1.4", TRIPLES("1", "00a0"), 2, ATLS_E_MALFORMED,
              "triples", 0),
    COMID_ROW("a triple of one element", "5.1.5",
              TRIPLES("1", "008181"
                           "01"),
              2, ATLS_E_MALFORMED, "expected 2 elements, came 1", 0),
    COMID_ROW("an attestation key triple of one element", "5.1.10",
              TRIPLES("2", REFERENCES "0381"
                                      "8101"),
              2, ATLS_E_MALFORMED, "expected 2 elements at least, came 1", 0),
    COMID_ROW("unknown triples", "5.1.4", TRIPLES("2", REFERENCES "0781" ANY_TRIPLE), 2,
              ATLS_E_UNSUPPORTED, "key 7", 0),
    COMID_ROW("triples under a private key", "5.1.4", TRIPLES("2", REFERENCES "2081" ANY_TRIPLE), 2,
              ATLS_E_UNSUPPORTED, "key -1", 0),
    COMID_ROW("triples under a text", "5.1.4", TRIPLES("2", REFERENCES "616181" ANY_TRIPLE), 2,
              ATLS_E_MALFORMED, "a number as the key", 0),
    COMID_ROW("reference triples twice", "RFC 8949 section 5.6",
              TRIPLES("2", REFERENCES REFERENCES), 2, ATLS_E_MALFORMED, "the same as", 0),
    /* those that are skipped are held to the CDDL too */
    COMID_ROW("endorsed triples", "5.1.6", TRIPLES("2", REFERENCES "0181" ANY_TRIPLE), 2, 0, "",
              1u << ATLS_SKIPPED_ENDORSED),
    COMID_ROW("endorsed triples: an empty list", "5.1.4", TRIPLES("2", REFERENCES "0180"), 2,
              ATLS_E_MALFORMED, "one at least", 0),
    COMID_ROW("endorsed triples: junk", "5.1.4", TRIPLES("2", REFERENCES "016161"), 2,
              ATLS_E_MALFORMED, "triples", 0),
    COMID_ROW("endorsed triples: an empty measurement", "5.1.4.1",
              TRIPLES("2", REFERENCES "018182" CLASS "81a101a0"), 2, ATLS_E_MALFORMED,
              "measurement values", 0),
    COMID_ROW("membership triples", "5.1.11", TRIPLES("2", REFERENCES "058182" CLASS "81" CLASS), 2,
              0, "", 1u << ATLS_SKIPPED_MEMBERSHIP),
    COMID_ROW("dependency triples without trustees", "5.1.11",
              TRIPLES("2", REFERENCES "048182" CLASS "80"), 2, ATLS_E_MALFORMED, "domains", 0),
    COMID_ROW("CoSWID triples", "5.1.12", TRIPLES("2", REFERENCES "068182" CLASS "816161"), 2, 0,
              "", 1u << ATLS_SKIPPED_COSWID),
    COMID_ROW("CoSWID triples: a number as the id", "5.1.12",
              TRIPLES("2", REFERENCES "068182" CLASS "8101"), 2, ATLS_E_MALFORMED, "id", 0),
    COMID_ROW("conditional series", "5.1.8",
              TRIPLES("2", REFERENCES "08818282" CLASS "80"
                                      "8182"
                                      "81a101a10101"
                                      "81a101a10102"),
              2, 0, "", 1u << ATLS_SKIPPED_SERIES),
    COMID_ROW("conditional series: junk", "5.1.4", TRIPLES("2", REFERENCES "0801"), 2,
              ATLS_E_MALFORMED, "triples", 0),
    COMID_ROW("conditional endorsements", "5.1.7",
              TRIPLES("2", REFERENCES "0a8182"
                                      "81" ANY_TRIPLE "81" ANY_TRIPLE),
              2, 0, "", 1u << ATLS_SKIPPED_CONDITIONAL),
    COMID_ROW("conditional endorsements: without conditions", "5.1.7",
              TRIPLES("2", REFERENCES "0a8182"
                                      "80"
                                      "81" ANY_TRIPLE),
              2, ATLS_E_MALFORMED, "conditions", 0),
    /* digests */
    COMID_ROW("an algorithm twice", "7.7",
              TRIPLES("1", "0081" TRIPLE(NAMED("82" SHA256_DIGEST SHA256_DIGEST))), 2,
              ATLS_E_MALFORMED, "came sha-256 again", 0),
    COMID_ROW("an algorithm twice, once by its name", "7.7",
              TRIPLES("1", "0081" TRIPLE(NAMED("82" SHA256_DIGEST "82677368612d323536" B32))), 2,
              ATLS_E_MALFORMED, "came sha-256 again", 0),
    COMID_ROW("two algorithms without a name", "draft-fdb-rats-psa-endorsements section 3.3",
              TRIPLES("1", "0081" TRIPLE(VALUES("82" SHA256_DIGEST SHA256_DIGEST))), 2,
              ATLS_E_UNSUPPORTED, "without name", 0),
    COMID_ROW("a digest whose value is a text", "7.7",
              TRIPLES("1", "0081" TRIPLE(VALUES("8182016161"))), 2, ATLS_E_MALFORMED, "bytes", 0),
    /* other measured values */
    COMID_ROW("a version with its scheme", "5.1.4.1",
              TRIPLES("1", "0081" TRIPLE(VERSIONED("a2"
                                                   "0061310101"))),
              2, 0, "", 0),
    COMID_ROW("a version behind its scheme", "5.1.4.1",
              TRIPLES("1", "0081" TRIPLE(VERSIONED("a2"
                                                   "0101006131"))),
              2, 0, "", 0),
    COMID_ROW("a version behind something unknown", "5.1.4.1",
              TRIPLES("1", "0081" TRIPLE(VERSIONED("a2"
                                                   "0901006131"))),
              2, ATLS_E_UNSUPPORTED, "key 9", 0),
    COMID_ROW("a version that is its scheme alone", "5.1.4.1",
              TRIPLES("1", "0081" TRIPLE(VERSIONED("a1"
                                                   "0101"))),
              2, ATLS_E_MISSING, "text", 0),
    COMID_ROW("a measurement by a key", "5.1",
              TRIPLES("1", "008182" CLASS "81a3"
                           "0076"
                           "7073612e736f6674776172652d636f6d706f6e656e74"
                           "01" VALUES("81" SHA256_DIGEST) "0281d9022a6161"),
              2, ATLS_E_UNSUPPORTED, "key 2", 0),
    /* environment */
    COMID_ROW("an empty environment", "5.1.4.1", TRIPLES("1", "008182a081" MEASUREMENT("a10101")),
              2, ATLS_E_MALFORMED, "environment", 0),
    COMID_ROW("an empty class", "5.1.4.1", TRIPLES("1", "008182a100a081" MEASUREMENT("a10101")), 2,
              ATLS_E_MALFORMED, "class", 0),
    COMID_ROW("a class whose vendor is a number", "5.1.4.1",
              TRIPLES("1", "008182a100a1010181" MEASUREMENT("a10101")), 2, ATLS_E_MALFORMED, "text",
              0),
    COMID_ROW("an unknown member of an environment", "5.1.4.1",
              TRIPLES("1", "008182a1090181" MEASUREMENT("a10101")), 2, ATLS_E_UNSUPPORTED, "key 9",
              0),
    /* tag identity */
    COMID_ROW("tag identity: a UUID and a version", "5.1.1",
              "01a200" UUID16 "0102"
              "04a1" REFERENCES,
              2, 0, "", 0),
    COMID_ROW("tag identity: a number", "5.1.1",
              "0105"
              "04a1" REFERENCES,
              2, ATLS_E_MALFORMED, "tag identity", 0),
    COMID_ROW("tag identity: empty", "5.1.1",
              "01a0"
              "04a1" REFERENCES,
              2, ATLS_E_MALFORMED, "tag identity", 0),
    COMID_ROW("tag identity: a version alone", "5.1.1",
              "01a10101"
              "04a1" REFERENCES,
              2, ATLS_E_MISSING, "tag id", 0),
    COMID_ROW("tag identity: id a number", "5.1.1",
              "01a10001"
              "04a1" REFERENCES,
              2, ATLS_E_MALFORMED, "id", 0),
    COMID_ROW("tag identity: id of 15 bytes", "7.4",
              "01a1004f00112233445566778899aabbccddee"
              "04a1" REFERENCES,
              2, ATLS_E_MALFORMED, "16 bytes", 0),
    COMID_ROW("tag identity: a negative version", "5.1.1",
              "01a20061610120"
              "04a1" REFERENCES,
              2, ATLS_E_MALFORMED, "unsigned", 0),
    COMID_ROW("tag identity: an unknown member", "5.1.1",
              "01a20061610901"
              "04a1" REFERENCES,
              2, ATLS_E_UNSUPPORTED, "key 9", 0),
    /* the CoMID itself */
    COMID_ROW("a language", "5.1", "0062656e" TRIPLES("1", REFERENCES), 3, 0, "", 0),
    COMID_ROW("a language that is a number", "5.1", "0001" TRIPLES("1", REFERENCES), 3,
              ATLS_E_MALFORMED, "text", 0),
    COMID_ROW("an unknown member", "5.1", TRIPLES("1", REFERENCES) "186301", 3, ATLS_E_UNSUPPORTED,
              "key 99", 0),
    COMID_ROW("a member under a text", "5.1", TRIPLES("1", REFERENCES) "616101", 3,
              ATLS_E_MALFORMED, "a number as the key", 0),
    COMID_ROW("replaces another tag", "5.1.3",
              IDENTITY "0381a20061620101"
                       "04a1" REFERENCES,
              3, ATLS_E_UNSUPPORTED, "linked tags", 0),
    COMID_ROW("supplements another tag", "5.1.3",
              IDENTITY "0381a20061620100"
                       "04a1" REFERENCES,
              3, ATLS_E_UNSUPPORTED, "linked tags", 0),
    COMID_ROW("no linked tag in the list", "5.1",
              IDENTITY "0380"
                       "04a1" REFERENCES,
              3, ATLS_E_MALFORMED, "linked tags", 0),
    COMID_ROW("a linked tag without relation", "5.1.3",
              IDENTITY "0381a1006162"
                       "04a1" REFERENCES,
              3, ATLS_E_MISSING, "relation", 0),
    COMID_ROW("an entity", "5.1.2",
              IDENTITY "0281a20061410281"
                       "00"
                       "04a1" REFERENCES,
              3, 0, "", 0),
    COMID_ROW("an entity without name", "5.1.2",
              IDENTITY "0281a1028100"
                       "04a1" REFERENCES,
              3, ATLS_E_MISSING, "entity name", 0),
    COMID_ROW("an entity without role", "5.1.2",
              IDENTITY "0281a1006141"
                       "04a1" REFERENCES,
              3, ATLS_E_MISSING, "roles", 0),
    COMID_ROW("no entity in the list", "5.1",
              IDENTITY "0280"
                       "04a1" REFERENCES,
              3, ATLS_E_MALFORMED, "entities", 0),
    COMID_ROW("an entity of an unknown role", "5.1.2",
              IDENTITY "0281a200614102811863"
                       "04a1" REFERENCES,
              3, ATLS_E_UNSUPPORTED, "role", 0),
    /* the CoRIM around it */
    CORIM_ROW("an entity", "4.1.5",
              "0581a200614102"
              "8101",
              1, 0, "", 0),
    CORIM_ROW("an entity with a URI", "4.1.5",
              "0581a300614101d82061620281"
              "01",
              1, 0, "", 0),
    CORIM_ROW("an entity without name", "4.1.5", "0581a1028101", 1, ATLS_E_MISSING, "entity name",
              0),
    CORIM_ROW("an entity whose name is a number", "4.1.5", "0581a20001028101", 1, ATLS_E_MALFORMED,
              "text", 0),
    CORIM_ROW("an entity whose roles are empty", "4.1.5", "0581a20061410280", 1, ATLS_E_MALFORMED,
              "roles", 0),
    CORIM_ROW("an entity whose role is no list", "4.1.5", "0581a20061410201", 1, ATLS_E_MALFORMED,
              "roles", 0),
    CORIM_ROW("an entity whose URI has no tag", "4.1.5", "0581a3006141016162028101", 1,
              ATLS_E_MALFORMED, "URI", 0),
    CORIM_ROW("an entity of role 0", "4.1.5", "0581a2006141028100", 1, ATLS_E_UNSUPPORTED, "role",
              0),
    CORIM_ROW("an entity with an unknown member", "4.1.5", "0581a30061410281010901", 1,
              ATLS_E_UNSUPPORTED, "key 9", 0),
    CORIM_ROW("no entities", "4.1", "0580", 1, ATLS_E_MALFORMED, "entities", 0),
    CORIM_ROW("an unknown member", "4.1", "186301", 1, ATLS_E_UNSUPPORTED, "key 99", 0),
    CORIM_ROW("dependent RIMs", "4.1.3", "0281a100d8206161", 1, 0, "",
              1u << ATLS_SKIPPED_DEPENDENT_RIMS),
    CORIM_ROW("dependent RIMs: empty", "4.1", "0280", 1, ATLS_E_MALFORMED, "dependent", 0),
    CORIM_ROW("dependent RIMs: without tag", "4.1.3", "0281a1006161", 1, ATLS_E_MALFORMED, "href",
              0),
    CORIM_ROW("dependent RIMs: no href", "4.1.3", "0281a10181820140", 1, ATLS_E_MISSING, "href", 0),
    /* validity */
    CORIM_ROW("validity", "7.3",
              "04a200c1"
              "00"
              "01c11a7fffffff",
              1, 0, "", 0),
    CORIM_ROW("validity without its beginning", "7.3", "04a101c11a7fffffff", 1, 0, "", 0),
    CORIM_ROW("validity without its end", "7.3", "04a100c100", 1, ATLS_E_MISSING, "not-after", 0),
    CORIM_ROW("validity without tag", "7.3", "04a1011a7fffffff", 1, ATLS_E_MALFORMED, "time", 0),
    CORIM_ROW("validity with tag 0", "7.3", "04a101c06161", 1, ATLS_E_MALFORMED, "tag 1", 0),
    CORIM_ROW("validity as a text", "7.3", "04a101c16161", 1, ATLS_E_MALFORMED, "seconds", 0),
    CORIM_ROW("validity that is not a number", "RFC 8949 section 3.4.2", "04a101c1f97e00", 1,
              ATLS_E_MALFORMED, "finite", 0),
    CORIM_ROW("validity without end of time", "RFC 8949 section 3.4.2", "04a101c1f97c00", 1,
              ATLS_E_MALFORMED, "finite", 0),
    CORIM_ROW("validity of one second", "7.3", "04a200c11a7fffffff01c11a7fffffff", 1, 0, "", 0),
    CORIM_ROW("validity that ends before it begins", "7.3", "04a200c11a7fffffff01c101", 1,
              ATLS_E_MALFORMED, "ends", 0),
    CORIM_ROW("validity with an unknown member", "7.3", "04a201c11a7fffffff0901", 1,
              ATLS_E_UNSUPPORTED, "key 9", 0),
};

static size_t put(uint8_t *out, const char *hex)
{
    struct atls_bytes bytes = test_hex(hex);

    memcpy(out, bytes.data, bytes.size);
    test_vector_free(bytes);
    return bytes.size;
}

/* A long head: nine bytes where one would do. */
static size_t put_head(uint8_t *out, unsigned major, uint64_t argument)
{
    out[0] = (uint8_t)(major << 5 | 27);
    for (int i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)(argument >> (56 - 8 * i));
    return 9;
}

/* The item at *AT, written in the longest way: long heads, indefinite lengths, chunks of strings.
 */
static size_t loosen(struct atls_bytes in, size_t *at, uint8_t *out)
{
    struct atls_cbor_item item;
    size_t used = 0, half, count;

    assert_int_equal(atls_cbor_item_decode(in, *at, &item), 0);
    *at += item.size;
    switch (item.type) {
    case ATLS_CBOR_BYTES:
    case ATLS_CBOR_TEXT:
        half = item.content.size / 2;
        out[used++] = (uint8_t)(item.type << 5 | 31);
        used += put_head(out + used, item.type, half);
        memcpy(out + used, item.content.data, half);
        used += half;
        used += put_head(out + used, item.type, item.content.size - half);
        memcpy(out + used, item.content.data + half, item.content.size - half);
        used += item.content.size - half;
        out[used++] = 0xff;
        return used;
    case ATLS_CBOR_ARRAY:
    case ATLS_CBOR_MAP:
        count = (size_t)item.argument * (item.type == ATLS_CBOR_MAP ? 2 : 1);
        out[used++] = (uint8_t)(item.type << 5 | 31);
        while (count--)
            used += loosen(in, at, out + used);
        out[used++] = 0xff;
        return used;
    case ATLS_CBOR_TAG:
        used = put_head(out, item.type, item.argument);
        return used + loosen(in, at, out + used);
    case ATLS_CBOR_UINT:
    case ATLS_CBOR_NINT:
        return put_head(out, item.type, item.argument);
    default:
        memcpy(out, in.data + *at - item.size, item.size);
        return item.size;
    }
}

static struct atls_bytes make(const struct shape_row *row, bool loose, uint8_t *out)
{
    uint8_t comid[4096], loosened[4096];
    char tags[32];
    size_t inner = 0, size = 0, at = 0;

    comid[inner++] = (uint8_t)(0xa0 + (row->comid ? row->comid_members : 2));
    inner += put(comid + inner, row->comid ? row->comid : TRIPLES("1", REFERENCES));
    if (loose) {
        inner = loosen(ATLS_BYTES(comid, inner), &at, loosened);
        memcpy(comid, loosened, inner);
    }
    size += put(out, "d901f5");
    out[size++] = (uint8_t)(0xa3 + row->corim_members);
    snprintf(tags, sizeof tags,
             "00617801"
             "81d901fa59%04zx",
             inner);
    size += put(out + size, tags);
    memcpy(out + size, comid, inner);
    size += inner;
    size += put(out + size, PSA_PROFILE);
    if (row->corim)
        size += put(out + size, row->corim);
    return ATLS_BYTES(out, size);
}

static void test_row(void **state)
{
    const struct shape_row *row = *state;
    uint8_t buffer[8192];
    struct atls_corim corim;
    int result = atls_corim_parse(make(row, false, buffer), &corim);

    if (result != row->outcome || (result && !strstr(atls_error_text(), row->text)))
        fail_msg("%s [%s]: expected %s with \"%s\", came %s: %s [%s]", row->what, row->clause,
                 atls_error_name(row->outcome), row->text, atls_error_name(result),
                 atls_error_text(), atls_error_clause());
    if (result)
        expect_clause(row->what, row->clause);
    /* what only is not understood is skipped by a reader that does so; what it stands for may then
     * be missing */
    if (result == ATLS_E_UNSUPPORTED && strstr(atls_error_text(), "handled here")) {
        result = atls_corim_parse_lax(make(row, false, buffer), &corim);
        if (result == ATLS_E_MISSING)
            return;
        if (result)
            fail_msg("%s: skipped, came %s: %s", row->what, atls_error_name(result),
                     atls_error_text());
        atls_corim_clear(&corim);
        return;
    }
    if (result)
        return;
    assert_int_equal(corim.skipped, row->skipped);
    assert_int_equal(corim.reference_value_count, 1);
    atls_corim_clear(&corim);
}

/* RFC 8949 sections 3.2 and 4.1: the draft asks for no encoding, so any well-formed one is read,
 * and what is wrong in one is wrong in all. */
static void test_encodings(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t tight[8192], loose[16384], *definite;
        struct atls_bytes whole = make(&rows[i], true, tight);
        struct atls_corim corim;
        size_t at = 0, size = loosen(whole, &at, loose), definite_size;
        int result;

        if (strncmp(rows[i].clause, "RFC 8949 section 5.6", 20) == 0)
            continue; /* a key twice is no CBOR that could be written anew */
        result = atls_corim_parse(ATLS_BYTES(loose, size), &corim);
        if (result != rows[i].outcome || (result && !strstr(atls_error_text(), rows[i].text)))
            fail_msg("%s: expected %s, came %s: %s", rows[i].what, atls_error_name(rows[i].outcome),
                     atls_error_name(result), atls_error_text());
        if (!result)
            atls_corim_clear(&corim);
        if (result && result != ATLS_E_UNSUPPORTED)
            continue;
        assert_int_equal(atls_cbor_make_definite(ATLS_BYTES(loose, size), &atls_cbor_lenient,
                                                 &definite, &definite_size),
                         0);
        assert_int_equal(atls_corim_parse(ATLS_BYTES(definite, definite_size), &corim), result);
        if (!result)
            atls_corim_clear(&corim);
        free(definite);
    }
}

/* Bytes that atls_cbor_make_definite() makes of others (RFC 8949 appendix A). */
static void test_definite(void **state)
{
    static const struct {
        const char *in, *out;
    } table[] = {
        {"00", "00"},
        {"1800", "1800"}, /* heads stay as wide as they are */
        {"5f42010243030405ff", "450102030405"},
        {"7f657374726561646d696e67ff", "6973747265616d696e67"},
        {"5fff", "40"},
        {"9fff", "80"},
        {"bfff", "a0"},
        {"9f018202039f0405ffff", "8301820203820405"},
        {"83018202039f0405ff", "8301820203820405"},
        {"bf6346756ef563416d7421ff", "a26346756ef563416d7421"},
        {"c19f01ff", "c18101"},
        {"9ff97e00fb7ff8000000000000f6f7ff", "84f97e00fb7ff8000000000000f6f7"},
    };

    for (size_t i = 0; i < COUNT(table); i++) {
        struct atls_bytes in = test_hex(table[i].in), out = test_hex(table[i].out);
        uint8_t *definite;
        size_t size;

        assert_int_equal(atls_cbor_make_definite(in, &atls_cbor_lenient, &definite, &size), 0);
        if (!atls_bytes_equal(out, ATLS_BYTES(definite, size)))
            fail_msg("%s: expected %s", table[i].in, table[i].out);
        free(definite);
        test_vector_free(in);
        test_vector_free(out);
    }
}

/* What beside triples a CoRIM says, and whose each value and anchor is. */
static const struct said_row {
    const char *what;
    struct shape_row row;
    const char *id, *entity, *version;
    struct atls_validity validity;
    unsigned skipped;
} said[] = {
    {"nothing", CORIM_ROW("", "4.1", NULL, 0, 0, "", 0), "x", NULL, NULL, {0, 0}, 0},
    {"an entity, whose name is last",
     CORIM_ROW("", "4.1.5",
               "0581a3028101"
               "01d82061620061"
               "41",
               1, 0, "", 0),
     "x",
     "A",
     NULL,
     {0, 0},
     0},
    {"two entities: the first one's name",
     CORIM_ROW("", "4.1.5", "0582a2006141028101a2006142028101", 1, 0, "", 0),
     "x",
     "A",
     NULL,
     {0, 0},
     0},
    {"an entity of the CoMID",
     COMID_ROW("", "5.1.2",
               IDENTITY "0281a2006142028100"
                        "04a1" REFERENCES,
               3, 0, "", 0),
     "x",
     "B",
     NULL,
     {0, 0},
     0},
    {"dependent RIMs, validity and an entity behind them",
     CORIM_ROW("", "4.1",
               "0281a100d8206161"
               "04a200c10501c11864"
               "0581a2006141028101",
               3, 0, "", 0),
     "x",
     "A",
     NULL,
     {5, 100},
     1u << ATLS_SKIPPED_DEPENDENT_RIMS},
    {"a version with its scheme",
     COMID_ROW("", "5.1.4.1", TRIPLES("1", "0081" TRIPLE(VERSIONED("a20101006131"))), 2, 0, "", 0),
     "x",
     NULL,
     "1",
     {0, 0},
     0},
    {"a version in front of its scheme",
     COMID_ROW("", "5.1.4.1", TRIPLES("1", "0081" TRIPLE(VERSIONED("a20061310101"))), 2, 0, "", 0),
     "x",
     NULL,
     "1",
     {0, 0},
     0},
};

static void test_said(void **state)
{
    for (size_t i = 0; i < COUNT(said); i++) {
        uint8_t buffer[8192];
        struct atls_corim corim;

        if (atls_corim_parse(make(&said[i].row, false, buffer), &corim))
            fail_msg("%s: %s", said[i].what, atls_error_text());
        assert_string_equal(corim.id, said[i].id);
        assert_string_equal(corim.entity ? corim.entity : "none",
                            said[i].entity ? said[i].entity : "none");
        assert_int_equal(corim.skipped, said[i].skipped);
        assert_int_equal(corim.validity.not_before, said[i].validity.not_before);
        assert_int_equal(corim.validity.not_after, said[i].validity.not_after);
        assert_int_equal(corim.reference_value_count, 1);
        assert_memory_equal(&corim.reference_values[0].validity, &corim.validity,
                            sizeof corim.validity);
        if (said[i].version)
            assert_string_equal(corim.reference_values[0].version, said[i].version);
        else
            assert_null(corim.reference_values[0].version);
        atls_corim_clear(&corim);
    }
}

/* What a reader that skips leaves out of a CoRIM that says two things, and what it takes. */
static void test_lax(void **state)
{
#define OF_INSTANCE(count, measurements)                                                           \
    "82"                                                                                           \
    "a200a100d90230" B32 "01d90226582101" B32_ALONE count measurements
#define MEASURED MEASUREMENT(VALUES("81" SHA256_DIGEST))
    static const struct {
        const char *what;
        struct shape_row row;
        int strict;
        size_t values;
    } lax[] = {
        {"values of one instance",
         COMID_ROW("", "PSA 3.3", TRIPLES("1", "0081" OF_INSTANCE("81", MEASURED)), 2, 0, "", 0),
         ATLS_E_MALFORMED, 0},
        {"values of one instance, in front of those of its class",
         COMID_ROW("", "PSA 3.3", TRIPLES("1", "0082" OF_INSTANCE("82", MEASURED MEASURED) GOOD), 2,
                   0, "", 0),
         ATLS_E_MALFORMED, 1},
        {"a value without a digest, in front of one with",
         COMID_ROW("", "PSA 3.3",
                   TRIPLES("1", "008182" CLASS "82" MEASUREMENT("a10d81d90230" B32) MEASURED), 2, 0,
                   "", 0),
         ATLS_E_MISSING, 1},
        {"something unknown of a version",
         COMID_ROW("", "5.1.4.1", TRIPLES("1", "0081" TRIPLE(VERSIONED("a20901006131"))), 2, 0, "",
                   0),
         ATLS_E_UNSUPPORTED, 1},
        {"something unknown of a measurement, a class, an environment and the CoMID",
         COMID_ROW("", "5.1.4.1",
                   "0901" TRIPLES("1", "008182a20901"
                                       "00a2090100d90230" B32 "81a3090100"
                                       "767073612e736f6674776172652d636f6d706f6e656e74"
                                       "01" VALUES("81" SHA256_DIGEST)),
                   3, 0, "", 0),
         ATLS_E_UNSUPPORTED, 1},
    };

    for (size_t i = 0; i < COUNT(lax); i++) {
        uint8_t buffer[8192];
        struct atls_bytes in = make(&lax[i].row, false, buffer);
        struct atls_corim corim;

        assert_int_equal(atls_corim_parse(in, &corim), lax[i].strict);
        if (atls_corim_parse_lax(in, &corim))
            fail_msg("%s: %s", lax[i].what, atls_error_text());
        assert_int_equal(corim.reference_value_count, lax[i].values);
        atls_corim_clear(&corim);
    }
}

/* corim-id, section 4.1.1: a UUID is told as RFC 9562 section 4 writes it. */
static void test_uuid(void **state)
{
    uint8_t in[8192], out[8300];
    struct atls_bytes corim_bytes = make(&rows[0], false, in);
    size_t size = put(out, "d901f5a300" UUID16); /* in place of 00 61 78 */
    struct atls_corim corim;

    memcpy(out + size, corim_bytes.data + 7, corim_bytes.size - 7);
    if (atls_corim_parse(ATLS_BYTES(out, size + corim_bytes.size - 7), &corim))
        fail_msg("%s", atls_error_text());
    assert_string_equal(corim.id, "00112233-4455-6677-8899-aabbccddeeff");
    atls_corim_clear(&corim);
}

static void test_validity(void **state)
{
    static const struct {
        struct atls_validity validity;
        int64_t now;
        bool holds;
    } table[] = {
        {{0, 0}, 0, true}, {{0, 0}, INT64_MAX, true}, {{5, 9}, 4, false},
        {{5, 9}, 5, true}, {{5, 9}, 9, true},         {{5, 9}, 10, false},
        {{0, 9}, 1, true}, {{0, 9}, 10, false},       {{0, 1}, 1000, false},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(atls_validity_holds(&table[i].validity, table[i].now), table[i].holds);
}

int main(void)
{
    static struct CMUnitTest tests[sizeof rows / sizeof *rows + 6];
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_encodings), cmocka_unit_test(test_definite),
        cmocka_unit_test(test_validity),  cmocka_unit_test(test_said),
        cmocka_unit_test(test_lax),       cmocka_unit_test(test_uuid)};
    size_t count = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        tests[count++] = (struct CMUnitTest){.name = rows[i].what,
                                             .test_func = test_row,
                                             .initial_state = (void *)(uintptr_t)&rows[i]};
    memcpy(tests + count, others, sizeof others);
    count += sizeof others / sizeof *others;
    return _cmocka_run_group_tests("corim-shape", tests, count, NULL, NULL);
}
