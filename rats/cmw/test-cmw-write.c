/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing CMWs: the TN transform's known answers, the bytes of the writers, what they refuse, and
 * that every tree survives being written and read.
 */
#include "rats/test/test-table.h"

#include <errno.h>
#include <jansson.h>

#include "rats/cmw/cmw-tree.h"

#define EAT_CWT "73 6170706c69636174696f6e2f6561742b637774" /* "application/eat+cwt" */
#define RECORD "82" EAT_CWT "42 0102"
#define CMWC_T "68 5f5f636d77635f74" /* "__cmwc_t" */
#define URI "63 613a62"              /* "a:b" */
#define TN_CLAUSE "RFC 9277 appendix B"

static void transforms_content_formats_as_known(void **state)
{
    char path[4096];
    const char *directory = getenv("ATLS_TESTDATA");
    json_t *root, *tn, *row;
    uint32_t tag;
    uint16_t back;
    size_t i;

    assert_non_null(directory);
    snprintf(path, sizeof path, "%s/binders.json", directory);
    root = json_load_file(path, 0, NULL);
    tn = json_object_get(root, "tn");
    assert_true(json_array_size(tn) > 10);
    json_array_foreach(tn, i, row)
    {
        unsigned content_format =
            (unsigned)json_integer_value(json_object_get(row, "content_format"));

        assert_int_equal(atls_cmw_tn(content_format, &tag), 0);
        assert_int_equal(tag, json_integer_value(json_object_get(row, "tag")));
        assert_int_equal(atls_cmw_tn_inverse(tag, &back), 0);
        assert_int_equal(back, content_format);
    }
    json_decref(root);
}

/* Drafts up to -20 printed 1668576818 for 30001: the base plus the number. A peer built from them
 * is understood as content format 29884, never as 30001. */
static void tells_the_old_examples_apart(void **state)
{
    uint32_t tag;
    uint16_t content_format;

    assert_int_equal(atls_cmw_tn(30001, &tag), 0);
    assert_int_equal(tag, 1668576935);
    assert_int_equal(atls_cmw_tn_inverse(1668576818, &content_format), 0);
    assert_int_equal(content_format, 29884);
}

static void transforms_every_content_format_there_and_back(void **state)
{
    uint32_t tag;
    uint16_t back;
    size_t image = 0;

    for (unsigned cf = 0; cf <= 65024; cf++) {
        assert_int_equal(atls_cmw_tn(cf, &tag), 0);
        assert_int_equal(atls_cmw_tn_inverse(tag, &back), 0);
        assert_int_equal(back, cf);
    }
    test_outcome(atls_cmw_tn(65025, &tag), ATLS_E_LIMIT, TN_CLAUSE);
    test_outcome(atls_cmw_tn(65535, &tag), ATLS_E_LIMIT, TN_CLAUSE);
    for (uint64_t any = 0x63730000; any < 0x63760000; any++)
        image += atls_cmw_tn_inverse(any, &back) == 0;
    assert_int_equal(image, 65025);
    test_outcome(atls_cmw_tn_inverse(UINT64_C(0x163740209), &back), ATLS_E_MALFORMED, TN_CLAUSE);
    test_outcome(atls_cmw_tn_inverse(0, &back), ATLS_E_MALFORMED, TN_CLAUSE);
}

/* R-CMW-02, -03, -05 for the writers. */
static void writes_records_and_tags_exactly(void **state)
{
    struct atls_bytes value = ATLS_BYTES("\x01\x02", 2), out, expected;
    uint8_t buffer[64];
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cmw_write_record(&w, "application/eat+cwt", value, 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, expected = test_bytes(RECORD));
    test_vector_free(expected);

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cmw_write_record_cf(&w, 263, value, ATLS_IND_EVIDENCE);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, expected = test_bytes("83 190107 42 0102 04"));
    test_vector_free(expected);

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    assert_int_equal(atls_cmw_write_tag(&w, 64999, ATLS_BYTES("\x23\x47\xda\x55", 4)), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), 0);
    test_same_bytes(out, expected = test_bytes("da 6374ffe6 44 2347da55"));
    test_vector_free(expected);
}

static void writers_refuse_what_is_forbidden(void **state)
{
    uint8_t buffer[64];
    struct atls_bytes out;
    struct atls_cbor_writer w;

    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cmw_write_record(&w, "a/b", ATLS_BYTES("x", 1), 32);
    assert_int_equal(atls_cbor_write_done(&w, &out), -EINVAL);
    assert_non_null(strstr(atls_error_text(), "indicator above 31"));
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    atls_cmw_write_record(&w, "no media type", ATLS_BYTES("x", 1), 0);
    assert_int_equal(atls_cbor_write_done(&w, &out), -EINVAL);
    assert_non_null(strstr(atls_error_text(), "is no media type"));
    atls_cbor_write_init(&w, buffer, sizeof buffer); /* of two faults the first one is told */
    atls_cmw_write_record(&w, "no media type", ATLS_BYTES("x", 1), 32);
    assert_int_equal(atls_cbor_write_done(&w, &out), -EINVAL);
    assert_non_null(strstr(atls_error_text(), "indicator above 31"));
    atls_cbor_write_init(&w, buffer, sizeof buffer);
    test_outcome(atls_cmw_write_tag(&w, 65025, ATLS_BYTES("x", 1)), ATLS_E_LIMIT, TN_CLAUSE);
    assert_int_equal(w.used, 0);
    atls_cbor_write_init(&w, buffer, 8);
    atls_cmw_write_record(&w, "application/eat+cwt", ATLS_BYTES("x", 1), 0);
    test_outcome(atls_cbor_write_done(&w, &out), ATLS_E_LIMIT, NULL);
}

static struct atls_cmw record_of(const char *media_type)
{
    return (struct atls_cmw){.form = ATLS_CMW_RECORD,
                             .type.media_type = atls_bytes_of_text(media_type),
                             .value = ATLS_BYTES("x", 1)};
}

/* Trees that no parser may be given: the serializers are asked for each of them, both ways. */
static void serializers_refuse_what_is_forbidden(void **state)
{
    struct atls_cmw good = record_of("a/b"), bad_type = record_of("ab"), bad_ind = record_of("a/b");
    struct atls_cmw bad_form = record_of("a/b");
    struct atls_cmw_entry entries[2] = {{.text_label = ATLS_BYTES("l", 1), .cmw = &good},
                                        {.text_label = ATLS_BYTES("l", 1), .cmw = &good}};
    struct atls_cmw_entry reserved = {.text_label = ATLS_BYTES("__cmwc_t", 8), .cmw = &good};
    struct atls_cmw_entry unnamed = {.cmw = &good};
    struct atls_cmw tagged_text = {.form = ATLS_CMW_TAG, .type.media_type = ATLS_BYTES("a/b", 3)};
    struct atls_cmw trees[] = {
        bad_form,
        bad_type,
        bad_ind,
        tagged_text,
        {.form = ATLS_CMW_COLLECTION},
        {.form = ATLS_CMW_COLLECTION, .entries = entries, .entry_count = 2},
        {.form = ATLS_CMW_COLLECTION, .entries = &reserved, .entry_count = 1},
        {.form = ATLS_CMW_COLLECTION, .entries = &unnamed, .entry_count = 1},
        {.form = ATLS_CMW_COLLECTION,
         .entries = entries,
         .entry_count = 1,
         .collection_type = ATLS_BYTES("relative", 8)},
    };
    uint8_t *out = NULL;
    size_t size;

    trees[0].form = (enum atls_cmw_form)(ATLS_CMW_COLLECTION + 1);
    trees[2].indicator = 32;
    for (size_t i = 0; i < COUNT(trees); i++) {
        assert_int_equal(atls_cmw_serialize(&trees[i], ATLS_CBOR, &out, &size), -EINVAL);
        assert_int_equal(atls_cmw_serialize(&trees[i], ATLS_JSON, &out, &size), -EINVAL);
    }
    assert_null(out);
}

/* R-CMW-08 for the writers. */
static void serializers_limit_depth(void **state)
{
    struct atls_cmw trees[ATLS_CMW_MAX_DEPTH + 1] = {record_of("a/b")};
    struct atls_cmw_entry entries[ATLS_CMW_MAX_DEPTH + 1];
    uint8_t *out = NULL;
    size_t size;

    for (size_t i = 1; i < COUNT(trees); i++) { /* i + 1 deep */
        int expected = i < ATLS_CMW_MAX_DEPTH ? 0 : ATLS_E_LIMIT;

        entries[i] =
            (struct atls_cmw_entry){.text_label = ATLS_BYTES("l", 1), .cmw = &trees[i - 1]};
        trees[i] = (struct atls_cmw){
            .form = ATLS_CMW_COLLECTION, .entries = &entries[i], .entry_count = 1};
        for (int as = ATLS_CBOR; as <= ATLS_JSON; as++) {
            out = NULL;
            test_outcome(atls_cmw_serialize(&trees[i], (enum atls_serialization)as, &out, &size),
                         expected, expected ? "RFC 9999 section 3.3" : NULL);
            assert_int_equal(out != NULL, expected == 0);
            free(out);
        }
    }
}

static void check_serialized(const struct atls_cmw *cmw, enum atls_serialization serialization,
                             struct atls_bytes expected)
{
    uint8_t *out;
    size_t size;

    test_outcome(atls_cmw_serialize(cmw, serialization, &out, &size), 0, NULL);
    test_same_bytes(ATLS_BYTES(out, size), expected);
    free(out);
}

/* RFC 8949 section 4.2.1: integers from 0 on before the negative ones, those before text; each kind
 * by its size. 0 is not negative. */
static void labels_are_in_order(void **state)
{
    struct atls_bytes in = test_bytes("a8 626161" RECORD "6162" RECORD "6161" RECORD "21" RECORD
                                      "20" RECORD "1818" RECORD "01" RECORD "00" RECORD);
    struct atls_bytes sorted = test_bytes("a8 00" RECORD "01" RECORD "1818" RECORD "20" RECORD
                                          "21" RECORD "6161" RECORD "6162" RECORD "626161" RECORD);
    struct atls_cmw *cmw;

    test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
    check_serialized(cmw, ATLS_CBOR, sorted);
    atls_cmw_free(cmw);
    test_vector_free(in);
    test_vector_free(sorted);
}

/* A record has one type: a media type takes the place of a content format. */
static void has_one_type(void **state)
{
    struct atls_cmw *cmw = atls_cmw_new(ATLS_CMW_RECORD, ATLS_CBOR);

    assert_non_null(cmw);
    cmw->type = (struct atls_cmw_type){.is_content_format = true, .content_format = 263};
    assert_int_equal(atls_cmw_set_media_type(cmw, atls_bytes_of_text("a/b")), 0);
    assert_false(cmw->type.is_content_format);
    atls_cmw_free(cmw);
}

/* R-CMW-04 and what else CBOR has and JSON has not. */
static void says_what_json_cannot_hold(void **state)
{
    static const char *const inputs[] = {
        "82 197531 41 01",           /* no media type known */
        "82" EAT_CWT "40",           /* no message */
        "a1 01" RECORD,              /* integer label */
        "a1 61 00" RECORD,           /* zero character */
        "a1 6161 da 637476a7 41 01", /* tag without media type, inside */
    };
    uint8_t *out = NULL;
    size_t size;

    for (size_t i = 0; i < COUNT(inputs); i++) {
        struct atls_bytes in = test_bytes(inputs[i]);
        struct atls_cmw *cmw;

        test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
        test_outcome(atls_cmw_serialize(cmw, ATLS_JSON, &out, &size), ATLS_E_UNSUPPORTED, NULL);
        assert_null(out);
        atls_cmw_free(cmw);
        test_vector_free(in);
    }
}

/* Bytes of both serializations of one tree. */
static void translates_between_serializations(void **state)
{
    static const char json[] = "{\"__cmwc_t\":\"a:b\",\"cf\":[\"application/eat+cwt\",\"AQI\"],"
                               "\"in\":{\"t\":[\"application/eat+cwt\",\"Bw\"]},"
                               "\"mt\":[\"a/b; c=\\\"d\\\"\",\"-_8\",4]}";
    struct atls_bytes in =
        test_bytes("bf 626d74 83 6a 612f623b20633d226422 42 fbff 04" CMWC_T URI
                   "62696e bf 6174 da 63740209 41 07 ff 626366 82 190107 42 0102 ff");
    struct atls_bytes sorted =
        test_bytes("a4 626366 82 190107 42 0102 62696e a1 6174 da 63740209 41 07"
                   "626d74 83 6a 612f623b20633d226422 42 fbff 04" CMWC_T URI);
    struct atls_cmw *cmw;

    test_outcome(atls_cmw_parse(in, &cmw), 0, NULL);
    check_serialized(cmw, ATLS_CBOR, sorted);
    check_serialized(cmw, ATLS_JSON, atls_bytes_of_text(json));
    atls_cmw_free(cmw);
    test_vector_free(in);
    test_vector_free(sorted);
}

/* xorshift64*: the trees below are the same in every run. */
static uint64_t seed;

static unsigned pick(unsigned below)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (unsigned)((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % below;
}

static struct atls_bytes random_bytes(size_t least, size_t most)
{
    static uint8_t bytes[400];
    size_t size = least + pick((unsigned)(most - least + 1));

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)pick(256);
    return ATLS_BYTES(bytes, size);
}

static void fill_leaf(struct atls_cmw *cmw, bool json)
{
    static const char *const types[] = {"a/b", "application/eat+cwt",
                                        "application/x; p=\"q \\\" r\"",
                                        "application/vnd.example.rats-conceptual-msg"};

    if (cmw->form == ATLS_CMW_TAG || (!json && pick(2))) {
        cmw->type.is_content_format = true;
        cmw->type.content_format = (uint16_t)pick(cmw->form == ATLS_CMW_TAG ? 65025 : 65536);
    } else {
        assert_int_equal(atls_cmw_set_media_type(cmw, atls_bytes_of_text(types[pick(4)])), 0);
    }
    if (cmw->form == ATLS_CMW_RECORD)
        cmw->indicator = pick(32);
    assert_int_equal(atls_cmw_copy(random_bytes(json ? 1 : 0, 300), &cmw->value), 0);
}

static struct atls_cmw *random_tree(unsigned depth, bool json)
{
    unsigned kind = pick(depth < ATLS_CMW_MAX_DEPTH ? 4 : 2);
    enum atls_cmw_form form = kind >= 2 || (depth == 1 && pick(4)) ? ATLS_CMW_COLLECTION
                              : kind == 1 && !json                 ? ATLS_CMW_TAG
                                                                   : ATLS_CMW_RECORD;
    struct atls_cmw *cmw = atls_cmw_new(form, json ? ATLS_JSON : ATLS_CBOR);
    unsigned members = 1 + pick(4);
    char label[40];

    assert_non_null(cmw);
    if (form != ATLS_CMW_COLLECTION) {
        fill_leaf(cmw, json);
        return cmw;
    }
    if (pick(2))
        assert_int_equal(
            atls_cmw_set_collection_type(cmw, atls_bytes_of_text(pick(2) ? "1.2.3" : "tag:x,1:y")),
            0);
    for (unsigned i = 0; i < members; i++) {
        struct atls_cmw_entry *entry;

        assert_int_equal(atls_cmw_add_entry(cmw, &entry), 0);
        if (!json && pick(3) == 0) {
            entry->is_integer = true;
            entry->integer_label = (int64_t)(pick(1000000) * 8 + i) * (pick(2) ? 1 : -1);
        } else {
            snprintf(label, sizeof label, "%u-%.*s\xc3\xa9\"\\/", i, (int)pick(20),
                     "label label label label");
            assert_int_equal(atls_cmw_set_text_label(entry, atls_bytes_of_text(label)), 0);
        }
        entry->cmw = random_tree(depth + 1, json);
    }
    return cmw;
}

static const struct atls_cmw_entry *same_label(const struct atls_cmw *cmw,
                                               const struct atls_cmw_entry *wanted)
{
    for (size_t i = 0; i < cmw->entry_count; i++) {
        const struct atls_cmw_entry *entry = &cmw->entries[i];

        if (entry->is_integer == wanted->is_integer &&
            entry->integer_label == wanted->integer_label &&
            atls_bytes_equal(entry->text_label, wanted->text_label))
            return entry;
    }
    return NULL;
}

static void same_tree(const struct atls_cmw *a, const struct atls_cmw *b)
{
    assert_int_equal(a->form, b->form);
    assert_int_equal(a->indicator, b->indicator);
    assert_int_equal(a->type.is_content_format, b->type.is_content_format);
    assert_int_equal(a->type.content_format, b->type.content_format);
    assert_true(atls_bytes_equal(a->type.media_type, b->type.media_type));
    assert_true(atls_bytes_equal(a->value, b->value));
    assert_true(atls_bytes_equal(a->collection_type, b->collection_type));
    assert_int_equal(a->entry_count, b->entry_count);
    for (size_t i = 0; i < a->entry_count; i++) {
        const struct atls_cmw_entry *entry = same_label(b, &a->entries[i]);

        assert_non_null(entry);
        same_tree(a->entries[i].cmw, entry->cmw);
    }
}

static void round_trip(const struct atls_cmw *tree, enum atls_serialization serialization)
{
    uint8_t *out, *again;
    size_t size, again_size;
    struct atls_cmw *read;

    test_outcome(atls_cmw_serialize(tree, serialization, &out, &size), 0, NULL);
    test_outcome(atls_cmw_parse_as(serialization, ATLS_BYTES(out, size), &read), 0, NULL);
    same_tree(tree, read);
    test_outcome(atls_cmw_serialize(read, serialization, &again, &again_size), 0, NULL);
    test_same_bytes(ATLS_BYTES(again, again_size), ATLS_BYTES(out, size));
    atls_cmw_free(read);
    free(again);
    free(out);
}

static void trees_survive_cbor(void **state)
{
    seed = 9999;
    for (int i = 0; i < 400; i++) {
        struct atls_cmw *tree = random_tree(1, false);

        round_trip(tree, ATLS_CBOR);
        atls_cmw_free(tree);
    }
}

static void trees_survive_json_and_cbor(void **state)
{
    seed = 8259;
    for (int i = 0; i < 400; i++) {
        struct atls_cmw *tree = random_tree(1, true);

        round_trip(tree, ATLS_JSON);
        round_trip(tree, ATLS_CBOR);
        atls_cmw_free(tree);
    }
}

/* Every byte of a good CMW changed: accepted or refused, but what is accepted can be written. */
static void changed_bytes_are_refused_or_understood(void **state)
{
    struct atls_bytes good =
        test_bytes("a3 6161 83" EAT_CWT "42 0102 04 6162 da 63740209 41 07" CMWC_T URI);
    uint8_t *changed = malloc(good.size), *out;
    size_t size, refused_count = 0;

    assert_non_null(changed);
    for (size_t at = 0; at < good.size; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct atls_cmw *cmw = NULL;
            int result;

            memcpy(changed, good.data, good.size);
            changed[at] = (uint8_t)value;
            result = atls_cmw_parse(ATLS_BYTES(changed, good.size), &cmw);
            assert_true(result >= 0);
            refused_count += result > 0;
            if (result)
                continue;
            test_outcome(atls_cmw_serialize(cmw, ATLS_CBOR, &out, &size), 0, NULL);
            free(out);
            atls_cmw_free(cmw);
        }
    }
    assert_true(refused_count > good.size * 100);
    free(changed);
    test_vector_free(good);
}

int main(void)
{
    static struct test_list list;

    TEST_ADD(&list, transforms_content_formats_as_known);
    TEST_ADD(&list, tells_the_old_examples_apart);
    TEST_ADD(&list, transforms_every_content_format_there_and_back);
    TEST_ADD(&list, writes_records_and_tags_exactly);
    TEST_ADD(&list, writers_refuse_what_is_forbidden);
    TEST_ADD(&list, serializers_refuse_what_is_forbidden);
    TEST_ADD(&list, serializers_limit_depth);
    TEST_ADD(&list, labels_are_in_order);
    TEST_ADD(&list, has_one_type);
    TEST_ADD(&list, says_what_json_cannot_hold);
    TEST_ADD(&list, translates_between_serializations);
    TEST_ADD(&list, trees_survive_cbor);
    TEST_ADD(&list, trees_survive_json_and_cbor);
    TEST_ADD(&list, changed_bytes_are_refused_or_understood);
    return test_run("cmw-write", &list);
}
