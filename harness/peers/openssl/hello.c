/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of extensions: seat-06 has one with two lists of schemes, seat-04 has four. */
#include "hello.h"

#include <stdlib.h>
#include <string.h>

#include "cmw.h"
#include "events.h"

enum { CONTENT_FORMAT = 0, MEDIA_TYPE = 1 }; /* type_encoding */
enum { EVIDENCE = 0, RESULT = 1 };           /* mechanism */

size_t hello_points(const struct profile *profile, enum point pointsp[EXTENSIONS_MAX])
{
    static const enum point four[] = {EVIDENCE_REQUEST, EVIDENCE_PROPOSAL, RESULTS_REQUEST,
                                      RESULTS_PROPOSAL};
    if (profile->carrier != IN_ENTRY)
        return 0;
    if (profile->single) {
        pointsp[0] = REMOTE_ATTESTATION;
        return 1;
    }
    memcpy(pointsp, four, sizeof four);
    return 4;
}

/* Extensions of a ClientHello are behind version, random, session, suites and compression. */
static int extensions_of(struct bytes message, struct bytes *blockp)
{
    struct why ignored = {.reason = NULL};
    struct cursor c = {message, "malformed-extension", NULL, &ignored};
    struct bytes skipped;
    if (take(&c, "header", 4, &skipped))
        return -1;
    uint8_t type = skipped.data[0];
    if (type == MESSAGE_CLIENT_HELLO &&
        (take(&c, "version and random", 34, &skipped) ||
         take_vector(&c, "legacy_session_id", 1, 0, 32, &skipped) ||
         take_vector(&c, "cipher_suites", 2, 2, UINT16_MAX, &skipped) ||
         take_vector(&c, "legacy_compression_methods", 1, 1, 255, &skipped)))
        return -1;
    if (type == MESSAGE_CERTIFICATE_REQUEST &&
        take_vector(&c, "certificate_request_context", 1, 0, 255, &skipped))
        return -1;
    return take_vector(&c, "extensions", 2, 0, UINT16_MAX, blockp);
}

static bool find(struct bytes block, uint16_t wanted, struct bytes *bodyp)
{
    struct why ignored = {.reason = NULL};
    struct cursor c = {block, "malformed-extension", NULL, &ignored};
    uint64_t type;
    while (c.left.size > 0 && take_number(&c, "type", 2, &type) == 0 &&
           take_vector(&c, "body", 2, 0, UINT16_MAX, bodyp) == 0)
        if (type == wanted)
            return true;
    return false;
}

void hello_report(const struct connection *c, bool sent, struct bytes message)
{
    enum point points[EXTENSIONS_MAX];
    size_t count = hello_points(c->party->profile, points), found = 0;
    struct bytes block, body;
    uint8_t type = message.size ? message.data[0] : 0;
    if ((type != MESSAGE_CLIENT_HELLO && type != MESSAGE_ENCRYPTED_EXTENSIONS &&
         type != MESSAGE_CERTIFICATE_REQUEST) ||
        extensions_of(message, &block))
        return;
    json_t *bodies = json_object();
    for (size_t i = 0; i < count; i++)
        if (find(block, c->party->points[points[i]], &body)) {
            json_object_set_new(bodies, point_name(points[i]), json_hex(body));
            found++;
        }
    bool request = type == MESSAGE_CERTIFICATE_REQUEST;
    if (request && found == 0) {
        json_decref(bodies);
        return;
    }
    event(type == MESSAGE_CLIENT_HELLO ? "offer" : "selected",
          json_pack("{s:i, s:s, s:o, s:s*}", "conn", (int)c->number, "direction",
                    sent ? "sent" : "received", "extensions", bodies, "x_message",
                    request ? "CertificateRequest" : NULL));
}

static const struct abilities *abilities_of(const struct party *party, bool as_attester)
{
    return as_attester ? &party->attester : &party->relying_party;
}

void offer_make(const struct party *party, bool as_attester, struct offer *offerp)
{
    const struct abilities *abilities = abilities_of(party, as_attester);
    struct offer offer = {.results_first =
                              abilities->count > 0 && abilities->models[0] == MODEL_PASSPORT};
    if (able(abilities, MODEL_BACKGROUND_CHECK)) {
        memcpy(offer.types, party->types, sizeof offer.types);
        offer.type_count = party->type_count;
    }
    if (able(abilities, MODEL_PASSPORT) && as_attester && party->verifier_id)
        offer.verifiers[offer.verifier_count++] = text_bytes(party->verifier_id);
    for (size_t i = 0; able(abilities, MODEL_PASSPORT) && !as_attester && i < party->trusted_count;
         i++)
        offer.verifiers[offer.verifier_count++] = text_bytes(party->trusted[i].id);
    *offerp = offer;
}

static void write_type(const struct evidence_type *type, struct blob *out)
{
    put_number(out, 1, type->is_content_format ? CONTENT_FORMAT : MEDIA_TYPE);
    if (type->is_content_format)
        put_number(out, 2, type->content_format);
    else
        put_vector(out, 2, type->media_type);
}

static int read_type(struct cursor *c, struct evidence_type *typep)
{
    uint64_t encoding, format = 0;
    struct evidence_type type = {.media_type = {NULL, 0}};
    if (take_number(c, "type_encoding", 1, &encoding))
        return -1;
    if (encoding > MEDIA_TYPE)
        return refuse(c->why, c->reason, c->clause,
                      "type_encoding is CONTENT_FORMAT (0) or MEDIA_TYPE (1), came %u",
                      (unsigned)encoding);
    type.is_content_format = encoding == CONTENT_FORMAT;
    if (type.is_content_format ? take_number(c, "content_format", 2, &format)
                               : take_vector(c, "media_type", 2, 0, UINT16_MAX, &type.media_type))
        return -1;
    type.content_format = (unsigned)format;
    *typep = type;
    return 0;
}

static void write_selection(const struct selection *selection, bool with_mechanism,
                            struct blob *out)
{
    if (selection->model == MODEL_NONE)
        return;
    bool result = selection->model == MODEL_PASSPORT;
    if (with_mechanism)
        put_number(out, 1, result ? RESULT : EVIDENCE);
    if (result)
        put_vector(out, 2, selection->verifier);
    else
        write_type(&selection->type, out);
}

static void write_scheme_list(const struct offer *offer, struct blob *out)
{
    struct blob list = {NULL, 0, 0};
    for (unsigned pass = 0; pass < 2; pass++) {
        bool results = (pass == 0) == offer->results_first;
        for (size_t i = 0; results && i < offer->verifier_count; i++)
            write_selection(
                &(struct selection){.model = MODEL_PASSPORT, .verifier = offer->verifiers[i]}, true,
                &list);
        for (size_t i = 0; !results && i < offer->type_count; i++)
            write_selection(
                &(struct selection){.model = MODEL_BACKGROUND_CHECK, .type = offer->types[i]}, true,
                &list);
    }
    put_vector(out, 2, BLOB_BYTES(list));
    blob_clear(&list);
}

/* In seat-04: which of an offer, and whose, an extension has. */
static bool is_results(enum point point)
{
    return point == RESULTS_REQUEST || point == RESULTS_PROPOSAL;
}

static enum side attester_of(enum point point)
{
    return point == EVIDENCE_PROPOSAL || point == RESULTS_PROPOSAL ? CLIENT : SERVER;
}

static bool is_empty(const struct offer *offer)
{
    return offer->type_count == 0 && offer->verifier_count == 0;
}

void offer_write(const struct profile *profile, enum point point, const struct offer offers[2],
                 struct blob *body)
{
    struct blob list = {NULL, 0, 0};
    if (profile->single) {
        if (is_empty(&offers[CLIENT]) && is_empty(&offers[SERVER]))
            return;
        write_scheme_list(&offers[SERVER], body);
        write_scheme_list(&offers[CLIENT], body);
        return;
    }
    const struct offer *offer = &offers[attester_of(point)];
    for (size_t i = 0; is_results(point) && i < offer->verifier_count; i++)
        put_vector(&list, 2, offer->verifiers[i]);
    for (size_t i = 0; !is_results(point) && i < offer->type_count; i++)
        write_type(&offer->types[i], &list);
    if (list.size > 0)
        put_vector(body, 1, BLOB_BYTES(list));
    blob_clear(&list);
}

/* A scheme has no length: one of an unknown kind ends the list. */
static int read_scheme(struct cursor *c, struct selection *selectionp)
{
    uint64_t mechanism;
    struct selection selection = {.model = MODEL_BACKGROUND_CHECK};
    if (take_number(c, "mechanism", 1, &mechanism))
        return -1;
    if (mechanism > RESULT)
        return refuse(c->why, c->reason, c->clause,
                      "mechanism is evidence (0) or result (1), came %u", (unsigned)mechanism);
    if (mechanism == RESULT)
        selection.model = MODEL_PASSPORT;
    if (mechanism == RESULT
            ? take_vector(c, "verifier_identity", 2, 0, UINT16_MAX, &selection.verifier)
            : read_type(c, &selection.type))
        return -1;
    *selectionp = selection;
    return 0;
}

static int add(struct cursor *c, const struct selection *selection, struct offer *offer)
{
    bool result = selection->model == MODEL_PASSPORT;
    if (offer->type_count == LISTED_MAX || offer->verifier_count == LISTED_MAX)
        return refuse(c->why, c->reason, c->clause, "more was offered than can be kept");
    if (is_empty(offer))
        offer->results_first = result;
    if (result)
        offer->verifiers[offer->verifier_count++] = selection->verifier;
    else
        offer->types[offer->type_count++] = selection->type;
    return 0;
}

static int read_single(struct cursor c, struct offer offers[2])
{
    struct bytes lists[2];
    if (take_vector(&c, "server_attester_schemes", 2, 0, UINT16_MAX, &lists[SERVER]) ||
        take_vector(&c, "client_attester_schemes", 2, 0, UINT16_MAX, &lists[CLIENT]) ||
        take_end(&c, "remoteAttestation"))
        return -1;
    for (int side = 0; side < 2; side++) {
        struct selection scheme;
        c.left = lists[side];
        while (c.left.size > 0)
            if (read_scheme(&c, &scheme) || add(&c, &scheme, &offers[side]))
                return -1;
    }
    if (is_empty(&offers[CLIENT]) && is_empty(&offers[SERVER]))
        return refuse(c.why, "no-common-evidence-type", c.clause,
                      "expected at least one attestation scheme, both lists are empty");
    return 0;
}

int offer_read(const struct profile *profile, enum point point, struct bytes body,
               struct offer offers[2], struct why *why)
{
    struct cursor c = {body, "malformed-extension", profile->clause, why};
    struct bytes list;
    if (profile->single)
        return read_single(c, offers);
    if (take_vector(&c, "list", 1, 1, 255, &list) || take_end(&c, "extension of a ClientHello"))
        return -1;
    c.left = list;
    while (c.left.size > 0) {
        struct selection one = {.model =
                                    is_results(point) ? MODEL_PASSPORT : MODEL_BACKGROUND_CHECK};
        if ((is_results(point) ? take_vector(&c, "verifier", 2, 0, UINT16_MAX, &one.verifier)
                               : read_type(&c, &one.type)) ||
            add(&c, &one, &offers[attester_of(point)]))
            return -1;
    }
    return 0;
}

static bool same_type(const struct evidence_type *a, const struct evidence_type *b)
{
    if (a->is_content_format && b->is_content_format)
        return a->content_format == b->content_format;
    if (!a->is_content_format && !b->is_content_format)
        return bytes_equal(a->media_type, b->media_type);
    return false;
}

/* A content format counts as the media type that it stands for. */
static bool equivalent(const struct evidence_type *a, const struct evidence_type *b)
{
    if (a->is_content_format == b->is_content_format)
        return same_type(a, b);
    const struct evidence_type *number = a->is_content_format ? a : b;
    struct cmw named = {.form = CMW_RECORD, .content_format = number->content_format};
    char *text = text_copy(a->is_content_format ? b->media_type : a->media_type);
    bool same = cmw_is(&named, text);
    free(text);
    return same;
}

static bool select_model(const struct party *party, bool as_attester, enum model model,
                         const struct offer *offer, struct selection *selectionp)
{
    struct offer own;
    offer_make(party, as_attester, &own);
    for (size_t i = 0; model == MODEL_BACKGROUND_CHECK && i < own.type_count; i++)
        for (size_t j = 0; j < offer->type_count; j++)
            if (equivalent(&own.types[i], &offer->types[j])) {
                *selectionp = (struct selection){.model = model, .type = offer->types[j]};
                return true;
            }
    for (size_t i = 0; model == MODEL_PASSPORT && i < own.verifier_count; i++)
        for (size_t j = 0; j < offer->verifier_count; j++)
            if (bytes_equal(own.verifiers[i], offer->verifiers[j])) {
                *selectionp = (struct selection){.model = model, .verifier = offer->verifiers[j]};
                return true;
            }
    return false;
}

int selection_make(const struct party *party, bool as_attester, const struct offer *offer,
                   struct selection *selectionp, struct why *why)
{
    const struct abilities *abilities = abilities_of(party, as_attester);
    bool evidence_lacks = offer->type_count > 0;
    if (abilities->count == 0 || is_empty(offer))
        return 0;
    for (size_t i = 0; i < abilities->count; i++)
        if (select_model(party, as_attester, abilities->models[i], offer, selectionp))
            return 0;
    /* The complaint is about the most preferred model that the peer speaks at all. */
    for (size_t i = abilities->count; i > 0; i--) {
        bool evidence = abilities->models[i - 1] == MODEL_BACKGROUND_CHECK;
        if (evidence ? offer->type_count > 0 : offer->verifier_count > 0)
            evidence_lacks = evidence;
    }
    return evidence_lacks
               ? refuse(why, "no-common-evidence-type", party->profile->clause,
                        "none of the %zu evidence types offered is one of the %zu "
                        "known here",
                        offer->type_count, party->type_count)
               : refuse(why, "no-common-verifier", party->profile->clause,
                        "none of the %zu verifiers offered is known here", offer->verifier_count);
}

int selection_check(const struct offer *offer, const struct selection *selection, struct why *why)
{
    bool found = selection->model == MODEL_NONE;
    for (size_t i = 0; selection->model == MODEL_BACKGROUND_CHECK && i < offer->type_count; i++)
        found = found || same_type(&offer->types[i], &selection->type);
    for (size_t i = 0; selection->model == MODEL_PASSPORT && i < offer->verifier_count; i++)
        found = found || bytes_equal(offer->verifiers[i], selection->verifier);
    return found ? 0
                 : refuse(why, "unexpected-selection", "RFC 8446 section 4.2",
                          "what was selected is nothing that was offered");
}

void selection_write(const struct profile *profile, enum point point, bool request,
                     const struct selection selections[2], struct blob *body)
{
    enum side side = profile->single ? (request ? CLIENT : SERVER) : attester_of(point);
    const struct selection *selection = &selections[side];
    if (profile->single || (selection->model == MODEL_PASSPORT) == is_results(point))
        write_selection(selection, profile->single, body);
}

int selection_read(const struct profile *profile, enum point point, bool request, struct bytes body,
                   struct selection selections[2], struct why *why)
{
    enum side side = profile->single ? (request ? CLIENT : SERVER) : attester_of(point);
    struct cursor c = {body, "malformed-extension", profile->clause, why};
    struct selection selection = {.model =
                                      is_results(point) ? MODEL_PASSPORT : MODEL_BACKGROUND_CHECK};
    int result = profile->single ? read_scheme(&c, &selection)
                 : is_results(point)
                     ? take_vector(&c, "verifier", 2, 0, UINT16_MAX, &selection.verifier)
                     : read_type(&c, &selection.type);
    if (result || take_end(&c, "selection"))
        return -1;
    if (selections[side].model != MODEL_NONE)
        return refuse(why, "unexpected-selection", profile->clause,
                      "expected evidence or a result of one attester, both were selected");
    selections[side] = selection;
    return 0;
}
