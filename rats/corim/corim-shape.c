/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shape is one rule of the CDDL; a table of shapes is the grammar. Rules that differ by their
 * first byte stand in a choice, so no rule is ever tried twice and nothing here goes back.
 */
#include "rats/corim/corim-shape.h"

#include <stdio.h>

#include "rats/base/error.h"
#include "rats/corim/corim-keys.h"

enum kind {
    ANY,
    UINT, /* at most .most, where that is not 0 */
    CODE, /* one of the integers .least to .most: what else the CDDL leaves to extensions */
    INT,
    NUMBER, /* also a float */
    BOOL,
    TEXT,
    BYTES, /* .most of them exactly, where that is not 0 */
    TAGGED,
    LIST,   /* of .of, at least .least */
    MAP,    /* of .members, never empty */
    TUPLE,  /* an array of .members in this order; those that are not required end it */
    CHOICE, /* one of .members, by its first byte */
};

struct member {
    int64_t key; /* of a map */
    bool required;
    const struct atls_corim_shape *shape;
    const char *name; /* NULL: that of its shape */
};

struct atls_corim_shape {
    enum kind kind;
    const char *name, *clause; /* CLAUSE NULL: that of what it stands in */
    uint64_t tag;
    int64_t least, most;
    const struct atls_corim_shape *of;
    const struct member *members;
    size_t count;
};

typedef const struct atls_corim_shape shape;

#define MEMBERS(table) .members = (table), .count = sizeof(table) / sizeof *(table)
#define COMMON(section) "draft-ietf-rats-corim section 7." section
#define TRIPLE(section) "draft-ietf-rats-corim section 5.1." section

/* Simple ones */
static shape any = {ANY, .name = "anything"};
static shape boolean = {BOOL, .name = "true or false"};
static shape text = {TEXT, .name = "text"};
static shape bytes = {BYTES, .name = "bytes"};
static shape uint = {UINT, .name = "unsigned number"};
static shape uuid = {BYTES, .name = "UUID of 16 bytes", .clause = COMMON("4"), .most = 16};
static shape uri = {TAGGED, .name = "URI", .tag = TAG_URI, .of = &text};
static shape number = {NUMBER, .name = "number of seconds"};
static shape moment = {TAGGED, .name = "time", .clause = COMMON("3"), .tag = 1, .of = &number};

#define TAGGED_AS(variable, what, number, content)                                                 \
    static shape variable = {TAGGED, .name = what, .tag = (number), .of = &(content)}
TAGGED_AS(tagged_oid, "OID (tag 111)", 111, bytes);
TAGGED_AS(tagged_uuid, "UUID (tag 37)", 37, uuid);
TAGGED_AS(tagged_bytes, "bytes (tag 560)", TAG_BYTES, bytes);
TAGGED_AS(tagged_ueid, "UEID (tag 550)", TAG_UEID, bytes);

/* Identifiers: a text or a UUID */
static const struct member id_choices[] = {{.shape = &text}, {.shape = &uuid}};
static shape text_or_uuid = {CHOICE, .name = "id", MEMBERS(id_choices)};

/* Validity, section 7.3 */
static const struct member validity_members[] = {{0, false, &moment, NULL},
                                                 {1, true, &moment, "not-after"}};
shape atls_corim_shape_validity = {MAP, .name = "validity", .clause = COMMON("3"),
                                   MEMBERS(validity_members)};

/* Entities, sections 4.1.5, 5.1.2 and 7.2 */
static shape corim_role = {CODE, .name = "role (1 or 2)", .least = 1, .most = 2};
static shape corim_roles = {LIST, .name = "roles", .least = 1, .of = &corim_role};
static const struct member corim_entity_members[] = {{ENTITY_NAME, true, &text, "entity name"},
                                                     {ENTITY_REGID, false, &uri, NULL},
                                                     {ENTITY_ROLES, true, &corim_roles, NULL}};
static shape corim_entity = {MAP, .name = "entity", .clause = "draft-ietf-rats-corim section 4.1.5",
                             MEMBERS(corim_entity_members)};
static shape corim_entities = {LIST, .name = "entities", .least = 1, .of = &corim_entity};
static shape comid_role = {CODE, .name = "role (0 to 2)", .least = 0, .most = 2};
static shape comid_roles = {LIST, .name = "roles", .least = 1, .of = &comid_role};
static const struct member comid_entity_members[] = {{ENTITY_NAME, true, &text, "entity name"},
                                                     {ENTITY_REGID, false, &uri, NULL},
                                                     {ENTITY_ROLES, true, &comid_roles, NULL}};
static shape comid_entity = {MAP, .name = "entity", .clause = TRIPLE("2"),
                             MEMBERS(comid_entity_members)};
static shape comid_entities = {LIST, .name = "entities", .least = 1, .of = &comid_entity};

/* Digests, section 7.7: the algorithm by its number or its name */
static shape integer = {INT, .name = "number"};
static const struct member algorithm_choices[] = {{.shape = &integer}, {.shape = &text}};
static shape algorithm = {CHOICE, .name = "number or name of an algorithm",
                          MEMBERS(algorithm_choices)};
static const struct member digest_members[] = {{0, true, &algorithm, NULL},
                                               {1, true, &bytes, NULL}};
static shape digest = {TUPLE, .name = "digest", .clause = COMMON("7"), MEMBERS(digest_members)};
static shape digests = {LIST, .name = "digests", .clause = COMMON("7"), .least = 1, .of = &digest};

/* Keys, section 5.1.4.1.6 */
TAGGED_AS(pkix_key, "PKIX key (tag 554)", TAG_PKIX_KEY, text);
TAGGED_AS(pkix_certificate, "PKIX certificate", 555, text);
TAGGED_AS(pkix_path, "PKIX certification path", 556, text);
TAGGED_AS(key_thumbprint, "thumbprint of a key", 557, digest);
TAGGED_AS(cose_key, "COSE_Key", 558, any);
TAGGED_AS(certificate_thumbprint, "thumbprint of a certificate", 559, digest);
TAGGED_AS(path_thumbprint, "thumbprint of a certification path", 561, digest);
TAGGED_AS(der_certificate, "certificate in DER", 562, bytes);
static const struct member key_choices[] = {
    {.shape = &pkix_key},        {.shape = &pkix_certificate}, {.shape = &pkix_path},
    {.shape = &key_thumbprint},  {.shape = &cose_key},         {.shape = &certificate_thumbprint},
    {.shape = &path_thumbprint}, {.shape = &der_certificate},  {.shape = &tagged_bytes}};
static shape key = {CHOICE, .name = "key", MEMBERS(key_choices)};
static shape keys = {LIST, .name = "keys", .least = 1, .of = &key};

/* Environments, section 5.1.4.1 */
static const struct member class_id_choices[] = {
    {.shape = &tagged_oid}, {.shape = &tagged_uuid}, {.shape = &tagged_bytes}};
static shape class_id = {CHOICE, .name = "class id", MEMBERS(class_id_choices)};
static const struct member class_members[] = {{CLASS_ID, false, &class_id, NULL},
                                              {CLASS_VENDOR, false, &text, NULL},
                                              {CLASS_MODEL, false, &text, NULL},
                                              {3, false, &uint, NULL},
                                              {4, false, &uint, NULL}};
static shape class_map = {MAP, .name = "class", MEMBERS(class_members)};
static const struct member instance_choices[] = {
    {.shape = &tagged_ueid},      {.shape = &tagged_uuid},
    {.shape = &tagged_bytes},     {.shape = &pkix_key},
    {.shape = &pkix_certificate}, {.shape = &cose_key},
    {.shape = &key_thumbprint},   {.shape = &certificate_thumbprint},
    {.shape = &der_certificate}};
static shape instance = {CHOICE, .name = "instance", MEMBERS(instance_choices)};
static const struct member group_choices[] = {{.shape = &tagged_uuid}, {.shape = &tagged_bytes}};
static shape group = {CHOICE, .name = "group", MEMBERS(group_choices)};
static const struct member environment_members[] = {{ENVIRONMENT_CLASS, false, &class_map, NULL},
                                                    {ENVIRONMENT_INSTANCE, false, &instance, NULL},
                                                    {ENVIRONMENT_GROUP, false, &group, NULL}};
static shape environment = {MAP, .name = "environment", .clause = TRIPLE("4.1"),
                            MEMBERS(environment_members)};

/* Measurements, section 5.1.4.1.4 and what follows */
static const struct member version_members[] = {{VERSION_TEXT, true, &text, NULL},
                                                {VERSION_SCHEME, false, &any, NULL}};
static shape version = {MAP, .name = "version", MEMBERS(version_members)};
TAGGED_AS(exact_svn, "exact SVN", 552, uint);
TAGGED_AS(least_svn, "minimal SVN", 553, uint);
static const struct member svn_choices[] = {
    {.shape = &uint}, {.shape = &exact_svn}, {.shape = &least_svn}};
static shape svn = {CHOICE, .name = "SVN", MEMBERS(svn_choices)};
static const struct member flag_members[] = {
    {0, false, &boolean, NULL}, {1, false, &boolean, NULL}, {2, false, &boolean, NULL},
    {3, false, &boolean, NULL}, {4, false, &boolean, NULL}, {5, false, &boolean, NULL},
    {6, false, &boolean, NULL}, {7, false, &boolean, NULL}, {8, false, &boolean, NULL},
    {9, false, &boolean, NULL}, {10, false, &boolean, NULL}};
static shape flags = {MAP, .name = "flags", MEMBERS(flag_members)};
static const struct member value_members[] = {{MVAL_VERSION, false, &version, NULL},
                                              {1, false, &svn, NULL},
                                              {MVAL_DIGESTS, false, &digests, NULL},
                                              {3, false, &flags, NULL},
                                              {MVAL_RAW, false, &any, NULL},
                                              {MVAL_RAW_MASK, false, &bytes, NULL},
                                              {6, false, &bytes, NULL},
                                              {7, false, &bytes, NULL},
                                              {8, false, &text, NULL},
                                              {9, false, &bytes, NULL},
                                              {10, false, &uuid, NULL},
                                              {MVAL_NAME, false, &text, NULL},
                                              {MVAL_CRYPTOKEYS, false, &keys, NULL},
                                              {14, false, &any, NULL},
                                              {15, false, &any, NULL},
                                              {MVAL_PSA_CERT_NUM, false, &text, NULL}};
static shape values = {MAP, .name = "measurement values", MEMBERS(value_members)};
static const struct member mkey_choices[] = {
    {.shape = &tagged_oid}, {.shape = &tagged_uuid}, {.shape = &uint}, {.shape = &text}};
static shape mkey = {CHOICE, .name = "measurement key", MEMBERS(mkey_choices)};
static const struct member measurement_members[] = {{MEASUREMENT_KEY, false, &mkey, NULL},
                                                    {MEASUREMENT_VALUE, true, &values, NULL},
                                                    {2, false, &keys, NULL}};
static shape measurement = {MAP, .name = "measurement", .clause = TRIPLE("4.1"),
                            MEMBERS(measurement_members)};
static shape measurements = {LIST, .name = "measurements", .least = 1, .of = &measurement};
static shape measurements_if_any = {LIST, .name = "measurements", .of = &measurement};

/* Triples, sections 5.1.5 to 5.1.12 */
#define TRIPLES(variable, record)                                                                  \
    static shape variable = {LIST, .name = "triples", .least = 1, .of = &(record)}
static const struct member claim_members[] = {{0, true, &environment, NULL},
                                              {1, true, &measurements, NULL}};
static shape reference = {TUPLE, .name = "reference triple", .clause = TRIPLE("5"),
                          MEMBERS(claim_members)};
TRIPLES(references, reference);
static shape endorsed = {TUPLE, .name = "endorsed triple", .clause = TRIPLE("6"),
                         MEMBERS(claim_members)};
TRIPLES(endorsements, endorsed);
static const struct member condition_members[] = {{0, false, &mkey, NULL}, {1, false, &keys, NULL}};
static shape key_conditions = {MAP, .name = "conditions", MEMBERS(condition_members)};
static const struct member key_members[] = {
    {0, true, &environment, NULL}, {1, true, &keys, NULL}, {2, false, &key_conditions, NULL}};
static shape identity = {TUPLE, .name = "identity triple", .clause = TRIPLE("9"),
                         MEMBERS(key_members)};
TRIPLES(identities, identity);
static shape attest_key = {TUPLE, .name = "attestation key triple", .clause = TRIPLE("10"),
                           MEMBERS(key_members)};
TRIPLES(attest_keys, attest_key);
/* Up to version 07 of the draft a domain also was one of the other four. */
static const struct member domain_choices[] = {{.shape = &environment},
                                               {.shape = &uint},
                                               {.shape = &text},
                                               {.shape = &tagged_uuid},
                                               {.shape = &tagged_oid}};
static shape domain = {CHOICE, .name = "domain", MEMBERS(domain_choices)};
static shape domains = {LIST, .name = "domains", .least = 1, .of = &domain};
static const struct member domain_members[] = {{0, true, &domain, NULL}, {1, true, &domains, NULL}};
static shape dependency = {TUPLE, .name = "dependency triple", .clause = TRIPLE("11"),
                           MEMBERS(domain_members)};
TRIPLES(dependencies, dependency);
static shape membership = {TUPLE, .name = "membership triple", .clause = TRIPLE("11"),
                           MEMBERS(domain_members)};
TRIPLES(memberships, membership);
static shape swid_ids = {LIST, .name = "CoSWID tag ids", .least = 1, .of = &text_or_uuid};
static const struct member coswid_members[] = {{0, true, &environment, NULL},
                                               {1, true, &swid_ids, NULL}};
static shape coswid = {TUPLE, .name = "CoSWID triple", .clause = TRIPLE("12"),
                       MEMBERS(coswid_members)};
TRIPLES(coswids, coswid);
static const struct member series_condition_members[] = {
    {0, true, &environment, NULL}, {1, true, &measurements_if_any, NULL}, {2, false, &keys, NULL}};
static shape series_condition = {TUPLE, .name = "condition", MEMBERS(series_condition_members)};
static const struct member series_members[] = {{0, true, &measurements, NULL},
                                               {1, true, &measurements, NULL}};
static shape series_record = {TUPLE, .name = "series record", MEMBERS(series_members)};
static shape series = {LIST, .name = "series", .least = 1, .of = &series_record};
static const struct member conditional_series_members[] = {{0, true, &series_condition, NULL},
                                                           {1, true, &series, NULL}};
static shape conditional_series = {TUPLE, .name = "conditional endorsement series triple",
                                   .clause = TRIPLE("8"), MEMBERS(conditional_series_members)};
TRIPLES(all_series, conditional_series);
static shape state = {TUPLE, .name = "condition", MEMBERS(claim_members)};
static shape states = {LIST, .name = "conditions", .least = 1, .of = &state};
static const struct member conditional_members[] = {{0, true, &states, NULL},
                                                    {1, true, &endorsements, NULL}};
static shape conditional = {TUPLE, .name = "conditional endorsement triple", .clause = TRIPLE("7"),
                            MEMBERS(conditional_members)};
TRIPLES(conditionals, conditional);
static const struct member triples_members[] = {{TRIPLES_REFERENCE, false, &references, NULL},
                                                {TRIPLES_ENDORSED, false, &endorsements, NULL},
                                                {TRIPLES_IDENTITY, false, &identities, NULL},
                                                {TRIPLES_ATTEST_KEY, false, &attest_keys, NULL},
                                                {TRIPLES_DEPENDENCY, false, &dependencies, NULL},
                                                {TRIPLES_MEMBERSHIP, false, &memberships, NULL},
                                                {TRIPLES_COSWID, false, &coswids, NULL},
                                                {TRIPLES_SERIES, false, &all_series, NULL},
                                                {TRIPLES_CONDITIONAL, false, &conditionals, NULL}};
static shape triples = {MAP, .name = "triples", .clause = TRIPLE("4"), MEMBERS(triples_members)};

/* CoMID, section 5.1 */
static const struct member identity_members[] = {{IDENTITY_ID, true, &text_or_uuid, "tag id"},
                                                 {IDENTITY_VERSION, false, &uint, NULL}};
static shape tag_identity = {MAP, .name = "tag identity", .clause = TRIPLE("1"),
                             MEMBERS(identity_members)};
static shape relation = {CODE, .name = "relation (0 or 1)", .least = 0, .most = 1};
static const struct member linked_members[] = {{0, true, &text_or_uuid, "linked tag id"},
                                               {1, true, &relation, "relation"}};
static shape linked_tag = {MAP, .name = "linked tag", .clause = TRIPLE("3"),
                           MEMBERS(linked_members)};
static shape linked_tags = {LIST, .name = "linked tags", .least = 1, .of = &linked_tag};
static const struct member comid_members[] = {{COMID_LANGUAGE, false, &text, NULL},
                                              {COMID_IDENTITY, true, &tag_identity, NULL},
                                              {COMID_ENTITIES, false, &comid_entities, NULL},
                                              {COMID_LINKED, false, &linked_tags, NULL},
                                              {COMID_TRIPLES, true, &triples, NULL}};
shape atls_corim_shape_comid = {MAP, .name = "CoMID", .clause = COMID, MEMBERS(comid_members)};

/* CoRIM, section 4.1. What the tags hold is opened one by one. */
static shape tags = {LIST, .name = "tags", .least = 1, .of = &any};
static shape uris = {LIST, .name = "URIs", .least = 1, .of = &uri};
static const struct member href_choices[] = {{.shape = &uri}, {.shape = &uris}};
static shape href = {CHOICE, .name = "href", MEMBERS(href_choices)};
static shape thumbprint = {LIST, .name = "thumbprint", .least = 1, .of = &any};
static const struct member locator_members[] = {{0, true, &href, "href"},
                                                {1, false, &thumbprint, NULL}};
static shape locator = {MAP, .name = "locator", .clause = "draft-ietf-rats-corim section 4.1.3",
                        MEMBERS(locator_members)};
static shape locators = {LIST, .name = "dependent RIMs", .least = 1, .of = &locator};
/* Veraison wrote the profile as plain text up to v0.0.2608. */
static const struct member profile_choices[] = {
    {.shape = &uri}, {.shape = &tagged_oid}, {.shape = &text}};
static shape profile = {CHOICE, .name = "profile (URI or OID)",
                        .clause = "draft-ietf-rats-corim section 4.1.4", MEMBERS(profile_choices)};
static const struct member corim_members[] = {
    {CORIM_ID, true, &text_or_uuid, "id"},
    {CORIM_TAGS, true, &tags, NULL},
    {CORIM_DEPENDENT, false, &locators, NULL},
    {CORIM_PROFILE, false, &profile, NULL},
    {CORIM_VALIDITY, false, &atls_corim_shape_validity, NULL},
    {CORIM_ENTITIES, false, &corim_entities, NULL}};
shape atls_corim_shape_corim = {MAP, .name = "CoRIM", .clause = CORIM, MEMBERS(corim_members)};

/* What a signed CoRIM says of its signer, section 4.2.3 */
static const struct member signer_members[] = {{0, true, &text, "signer name"},
                                               {1, false, &uri, NULL}};
static shape signer = {MAP, .name = "signer", .clause = "draft-ietf-rats-corim section 4.2.3.1",
                       MEMBERS(signer_members)};
static const struct member meta_members[] = {{0, true, &signer, NULL},
                                             {1, false, &atls_corim_shape_validity, NULL}};
shape atls_corim_shape_meta = {MAP, .name = "CoRIM meta",
                               .clause = "draft-ietf-rats-corim section 4.2.3",
                               MEMBERS(meta_members)};

static int check_code(struct atls_cbor_reader *r, shape *s)
{
    int64_t value;
    int e = atls_cbor_read_int(r, s->name, &value);

    if (!e && (value < s->least || value > s->most))
        e = atls_fail(ATLS_E_UNSUPPORTED, r->clause, "%s: expected %lld to %lld, came %lld",
                      s->name, (long long)s->least, (long long)s->most, (long long)value);
    return e;
}

static int check_number(struct atls_cbor_reader *r, shape *s)
{
    enum atls_cbor_type type = atls_cbor_peek(r);

    if (type != ATLS_CBOR_UINT && type != ATLS_CBOR_NINT && type != ATLS_CBOR_FLOAT)
        return atls_fail(ATLS_E_MALFORMED, r->clause, "expected a %s", s->name);
    return atls_cbor_skip(r);
}

static int check_bytes(struct atls_cbor_reader *r, shape *s)
{
    struct atls_bytes value;
    int e = atls_cbor_read_bytes(r, s->name, &value);

    if (!e && s->most && value.size != (size_t)s->most)
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected %lld bytes, came %zu", s->name,
                      (long long)s->most, value.size);
    return e;
}

static int check_tagged(struct atls_cbor_reader *r, shape *s)
{
    uint64_t tag;
    int e = atls_cbor_read_tag(r, s->name, &tag);

    if (!e && tag != s->tag)
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected tag %llu, came tag %llu", s->name,
                      (unsigned long long)s->tag, (unsigned long long)tag);
    return e ? e : atls_corim_check_shape(r, s->of);
}

static int check_list(struct atls_cbor_reader *r, shape *s)
{
    size_t count;
    int e = atls_cbor_read_array(r, s->name, &count);

    if (!e && count < (size_t)s->least)
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected one at least, came none", s->name);
    while (!e && count--)
        e = atls_corim_check_shape(r, s->of);
    return e;
}

static int check_member(struct atls_cbor_reader *r, shape *s, bool *seen)
{
    int64_t number_of_key;
    int e = atls_cbor_read_int(r, "key", &number_of_key);

    if (e)
        return atls_fail(e, r->clause, "%s: expected a number as the key", s->name);
    for (size_t i = 0; i < s->count; i++) {
        if (s->members[i].key != number_of_key)
            continue;
        seen[i] = true;
        return atls_corim_check_shape(r, s->members[i].shape);
    }
    if (r->rules->skip_unknown)
        return atls_cbor_skip(r);
    return atls_fail(ATLS_E_UNSUPPORTED, r->clause, "%s: key %lld is not handled here", s->name,
                     (long long)number_of_key);
}

static int check_map(struct atls_cbor_reader *r, shape *s)
{
    bool seen[32] = {false};
    size_t pairs;
    int e = atls_cbor_read_map(r, s->name, &pairs);

    if (!e && !pairs)
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected one member at least, came none",
                      s->name);
    while (!e && pairs--)
        e = check_member(r, s, seen);
    for (size_t i = 0; !e && i < s->count; i++) {
        if (s->members[i].required && !seen[i])
            e = atls_fail(ATLS_E_MISSING, r->clause, "%s: %s (%lld) is missing", s->name,
                          s->members[i].name ? s->members[i].name : s->members[i].shape->name,
                          (long long)s->members[i].key);
    }
    return e;
}

static int check_tuple(struct atls_cbor_reader *r, shape *s)
{
    size_t count, least = 0;
    int e = atls_cbor_read_array(r, s->name, &count);

    while (least < s->count && s->members[least].required)
        least++;
    if (!e && (count < least || count > s->count))
        e = atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected %zu elements%s, came %zu", s->name,
                      least, least < s->count ? " at least" : "", count);
    for (size_t i = 0; !e && i < count; i++)
        e = atls_corim_check_shape(r, s->members[i].shape);
    return e;
}

/* Could the next item be one of S, as far as its type and tag can say? */
static bool begins(const struct atls_cbor_reader *r, shape *s)
{
    enum atls_cbor_type type = atls_cbor_peek(r);
    struct atls_cbor_reader copy = *r;
    uint64_t tag;

    switch (s->kind) {
    case UINT:
        return type == ATLS_CBOR_UINT;
    case CODE:
    case INT:
        return type == ATLS_CBOR_UINT || type == ATLS_CBOR_NINT;
    case TEXT:
        return type == ATLS_CBOR_TEXT;
    case BYTES:
        return type == ATLS_CBOR_BYTES;
    case LIST:
    case TUPLE:
        return type == ATLS_CBOR_ARRAY;
    case MAP:
        return type == ATLS_CBOR_MAP;
    default: /* TAGGED; no choice has members of other kinds */
        return type == ATLS_CBOR_TAG && atls_cbor_read_tag(&copy, s->name, &tag) == 0 &&
               tag == s->tag;
    }
}

static int check_choice(struct atls_cbor_reader *r, shape *s)
{
    char choices[256];
    int used = 0;

    for (size_t i = 0; i < s->count; i++) {
        if (begins(r, s->members[i].shape))
            return atls_corim_check_shape(r, s->members[i].shape);
    }
    for (size_t i = 0; i < s->count && used < (int)sizeof choices; i++)
        used += snprintf(choices + used, sizeof choices - (size_t)used, "%s%s", i ? " or " : "",
                         s->members[i].shape->name);
    return atls_fail(ATLS_E_MALFORMED, r->clause, "%s: expected %s, came something else", s->name,
                     choices);
}

static int check(struct atls_cbor_reader *r, shape *s)
{
    struct atls_bytes string;
    uint64_t unsigned_value;
    int64_t value;
    bool truth;

    switch (s->kind) {
    case UINT:
        return atls_cbor_read_uint(r, s->name, &unsigned_value);
    case CODE:
        return check_code(r, s);
    case INT:
        return atls_cbor_read_int(r, s->name, &value);
    case NUMBER:
        return check_number(r, s);
    case BOOL:
        return atls_cbor_read_bool(r, s->name, &truth);
    case TEXT:
        return atls_cbor_read_text(r, s->name, &string);
    case BYTES:
        return check_bytes(r, s);
    case TAGGED:
        return check_tagged(r, s);
    case LIST:
        return check_list(r, s);
    case MAP:
        return check_map(r, s);
    case TUPLE:
        return check_tuple(r, s);
    case CHOICE:
        return check_choice(r, s);
    case ANY:
        break;
    }
    return atls_cbor_skip(r);
}

int atls_corim_check_shape(struct atls_cbor_reader *r, const struct atls_corim_shape *s)
{
    const char *clause = r->clause;
    int e;

    if (s->clause)
        r->clause = s->clause;
    e = check(r, s);
    r->clause = clause;
    return e;
}
