/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind a refusal of an extension: how did the peer write it? Its bytes are read once more as the
 * other drafts lay them out, with another length ahead of the CMW, or under another number of the
 * table of code points, by the functions that read them otherwise; what fits is named (event
 * handshake, field diagnosis). What was refused stays refused.
 */
#include "tls/engine/session-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"

#define PROFILES_MAX 96 /* bytes of their names */

struct scratch { /* large */
    struct atls_offer offers[2];
    struct atls_selection selections[2];
};

static bool speaks(const struct atls_profile *profile, enum atls_code_point point)
{
    for (size_t i = 0; i < profile->extension_count; i++)
        if (profile->extensions[i] == point)
            return true;
    return false;
}

/* Does PROFILE read it, as an offer or as a selection? */
static bool reads(const struct atls_profile *profile, enum atls_code_point point,
                  struct atls_bytes in, bool offer, struct scratch *scratch)
{
    memset(scratch, 0, sizeof *scratch);
    return offer ? profile->read_offer(profile, point, in, scratch->offers) == 0
                 : profile->read_selection(profile, point, in, scratch->selections) == 0;
}

static void find_profiles(const struct atls_session *s, enum atls_code_point point,
                          struct atls_bytes in, struct scratch *scratch, struct atls_diagnosis *d)
{
    const struct atls_profile *first = NULL;
    char names[PROFILES_MAX] = "";
    for (size_t i = 0; atls_profiles[i]; i++) {
        const struct atls_profile *profile = atls_profiles[i];
        size_t used = strlen(names);
        if (profile == s->party->profile || !speaks(profile, point) ||
            !reads(profile, point, in, s->party->side == ATLS_SERVER, scratch))
            continue;
        snprintf(names + used, sizeof names - used, "%s%s", first ? " and " : "", profile->name);
        first = first ? first : profile;
    }
    if (first)
        atls_diagnosis_add(d, "another draft", first->clause, "%s is laid out so in %s",
                           atls_code_point_name(point), names);
}

/* H3: the first byte counts elements, where bytes are due. */
static void find_count(const struct atls_session *s, enum atls_code_point point,
                       struct atls_bytes in, struct scratch *scratch, struct atls_diagnosis *d)
{
    uint8_t *copy = malloc(in.size + 1);
    if (!copy || in.size == 0) {
        free(copy);
        return;
    }
    memcpy(copy, in.data, in.size);
    for (unsigned length = 1; d->count == 0 && length < 256 && length < in.size; length++) {
        copy[0] = (uint8_t)length;
        if (!reads(s->party->profile, point, ATLS_BYTES(copy, in.size), true, scratch))
            continue;
        for (size_t side = 0; d->count == 0 && side < 2; side++)
            if (scratch->offers[side].evidence.count + scratch->offers[side].verifiers.count ==
                in.data[0])
                atls_diagnosis_add_reading(d, "H3", "B", "RFC 8446 section 3.4",
                                           "the length counts elements, and bytes are due");
    }
    free(copy);
}

/* H24: the selection is laid out as an offer, of evidence with a nonce or without. */
static void find_vector(const struct atls_session *s, struct atls_bytes in, struct scratch *scratch,
                        struct atls_diagnosis *d)
{
    const struct atls_profile *profile = s->party->profile;
    for (size_t i = 0; d->count == 0 && i < profile->extension_count; i++)
        if (reads(profile, profile->extensions[i], in, true, scratch))
            atls_diagnosis_add_reading(d, "H24", "B", profile->clause,
                                       "the selected element is in a vector, and bare is due");
}

void session_diagnose_hello(struct atls_session *s, size_t i, struct atls_bytes in)
{
    enum atls_code_point point = s->party->profile->extensions[i];
    struct atls_diagnosis d = {.of = ATLS_WRONG_EXTENSION};
    struct scratch *scratch;
    if (!atls_events_heard(s->party->events) || !(scratch = malloc(sizeof *scratch)))
        return;
    find_profiles(s, point, in, scratch, &d);
    if (d.count == 0 && s->party->side == ATLS_SERVER)
        find_count(s, point, in, scratch, &d);
    if (d.count == 0 && s->party->side == ATLS_CLIENT)
        find_vector(s, in, scratch, &d);
    free(scratch);
    session_diagnose(s, &d);
}

static bool is_cmw(struct atls_bytes in)
{
    struct atls_cmw *cmw;
    if (atls_cmw_parse(in, &cmw) != 0)
        return false;
    atls_cmw_free(cmw);
    return true;
}

void session_diagnose_payload(struct atls_session *s, struct atls_bytes payload)
{
    static const struct {
        unsigned size;
        const char *reading;
    } prefixes[] = {{0, "none"}, {2, "u16"}, {3, "u24"}};
    const char *reason = s->failure.reason ? s->failure.reason : "";
    bool misread = strcmp(reason, "malformed-extension") == 0;
    struct atls_diagnosis d = {.of = ATLS_WRONG_EXTENSION};
    if ((!misread && strcmp(reason, "malformed-cmw") != 0) || !atls_events_heard(s->party->events))
        return;
    for (size_t i = 0; d.count == 0 && i < sizeof prefixes / sizeof *prefixes; i++) {
        struct atls_bytes cmw;
        if (prefixes[i].size != session_prefix_size(s->party) &&
            session_read_payload(s, prefixes[i].size, "extension", "CMW", payload, &cmw) == 0 &&
            is_cmw(cmw))
            atls_diagnosis_add_variant(&d, "payload-prefix", prefixes[i].reading,
                                       s->party->profile->clause);
    }
    /* A CMW that is broken by itself is none of its length. */
    if (d.count > 0 || misread)
        session_diagnose(s, &d);
}

bool session_recognize_number(const struct atls_session *s, uint16_t type, struct atls_diagnosis *d)
{
    struct atls_code_points own;
    atls_code_points_default(&own);
    const struct {
        enum atls_code_point point;
        uint16_t number;
        const char *variant, *reading;
    } numbers[] = {
        {ATLS_CP_ATTESTATION_EVIDENCE, ATLS_ATTESTATION_EVIDENCE_OF_DRAFT, "entry-code-point",
         "draft-literal"},
        {ATLS_CP_ATTESTATION_EVIDENCE, own.value[ATLS_CP_ATTESTATION_EVIDENCE], "entry-code-point",
         "private"},
        {ATLS_CP_CMW_ATTESTATION, own.value[ATLS_CP_CMW_ATTESTATION], "cmw-code-point", "0xFF00"},
        {ATLS_CP_CMW_ATTESTATION, ATLS_CMW_ATTESTATION_OF_RUST, "cmw-code-point", "0xFFFF"},
    };
    const struct atls_party *party = s->party;
    enum atls_code_point due = party->profile->entry_extension;
    if (type == party->code_points.value[due])
        return false;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].point == due && numbers[i].number == type) {
            atls_diagnosis_add_variant(d, numbers[i].variant, numbers[i].reading,
                                       party->profile->clause);
            return true;
        }
    for (int point = 0; point < ATLS_CP_CERTIFICATE_TYPE_ATTESTATION; point++)
        if (party->code_points.value[point] == type) {
            atls_diagnosis_add(d, "another extension", party->profile->clause,
                               "%s (0x%04x) came, and %s (0x%04x) is due",
                               atls_code_point_name((enum atls_code_point)point), type,
                               atls_code_point_name(due), party->code_points.value[due]);
            return true;
        }
    return false;
}

/* The types of the extensions of the first CertificateEntry. */
static int first_entry(struct atls_bytes message, struct atls_bytes *extensionsp)
{
    struct atls_cursor c = atls_cursor_of(message, "RFC 8446 section 4.4.2"), list;
    struct atls_bytes context, entries, certificate;
    int result = atls_cursor_vector(&c, "certificate_request_context", 1, 0, 255, &context);
    if (result == 0)
        result = atls_cursor_vector(&c, "certificate_list", 3, 1, 0xFFFFFF, &entries);
    if (result != 0)
        return result;
    list = atls_cursor_of(entries, "RFC 8446 section 4.4.2");
    result = atls_cursor_vector(&list, "cert_data", 3, 1, 0xFFFFFF, &certificate);
    return result == 0 ? atls_cursor_vector(&list, "extensions", 2, 0, UINT16_MAX, extensionsp)
                       : result;
}

void session_diagnose_entry(struct atls_session *s, struct atls_bytes message)
{
    struct atls_diagnosis d = {.of = ATLS_WRONG_EXTENSION};
    struct atls_bytes extensions, data;
    uint16_t type;
    if (!atls_events_heard(s->party->events) || !message.data)
        return;
    if (first_entry(message, &extensions) == 0) {
        struct atls_cursor c = atls_cursor_of(extensions, "RFC 8446 section 4.2");
        while (d.count == 0 && atls_cursor_u16(&c, "extension_type", &type) == 0 &&
               atls_cursor_vector(&c, "extension_data", 2, 0, UINT16_MAX, &data) == 0)
            (void)session_recognize_number(s, type, &d);
    }
    if (d.count > 0) /* one that is missing is no mismatch */
        session_diagnose(s, &d);
}
