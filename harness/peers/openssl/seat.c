/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seat-04 and seat-06 through OpenSSL's custom extensions: offers and selections in the hellos, the
 * CMW in the first CertificateEntry. A server settles where it sees the whole ClientHello, a client
 * where the server's Certificate comes.
 */
#include <stdlib.h>
#include <string.h>

#include "appraisal.h"
#include "attester.h"
#include "binder.h"
#include "events.h"
#include "hello.h"
#include "openssl.h"

#define PREFIX 3 /* bytes of length ahead of the CMW */
#define PAYLOAD_MAX 0xffff

struct seat {
    struct offer offers[2];             /* by the attester's side */
    struct blob bodies[EXTENSIONS_MAX]; /* of the ClientHello */
    struct blob
        selected[EXTENSIONS_MAX + 1]; /* what a client got: its selections are views of it */
    size_t selected_count;
    bool settled, asked; /* asked: a CertificateRequest selected */
    struct blob payload; /* of the peer's first CertificateEntry */
    bool has_payload;
    struct blob cmw; /* the own credential, as it goes out */
};

static enum side other(enum side side)
{
    return side == CLIENT ? SERVER : CLIENT;
}

static void tell_role(const struct connection *c, const char *role,
                      const struct selection *selection)
{
    json_t *type = NULL, *verifier = NULL;
    if (selection->model == MODEL_NONE)
        return;
    if (selection->model == MODEL_PASSPORT)
        verifier = json_text(selection->verifier);
    else if (selection->type.is_content_format)
        type = json_sprintf("cf:%u", selection->type.content_format);
    else
        type = json_text(selection->type.media_type);
    event("negotiated",
          json_pack("{s:i, s:s, s:s, s:o*, s:o*}", "conn", (int)c->number, "role", role, "model",
                    model_word(selection->model), "evidence_type", type, "verifier_id", verifier));
}

static void tell_negotiated(const struct connection *c)
{
    tell_role(c, "attester", &c->selections[c->party->side]);
    tell_role(c, "relying-party", &c->selections[other(c->party->side)]);
}

static int missing(struct connection *c, const char *detail)
{
    return refuse(&c->why, "attestation-missing", c->party->profile->clause, "%s", detail);
}

/* Both offers of the ClientHello, and what is chosen. A second ClientHello must say the same. */
static int settle_server(struct connection *c, const struct bytes *bodies, size_t count)
{
    const struct party *party = c->party;
    struct seat *seat = c->library->seat;
    enum point points[EXTENSIONS_MAX];
    (void)hello_points(party->profile, points);
    for (size_t i = 0; i < count; i++) {
        if (seat->settled && !bytes_equal(bodies[i], BLOB_BYTES(seat->bodies[i])))
            return refuse_alert(&c->why, "malformed-extension", SSL_AD_ILLEGAL_PARAMETER,
                                "RFC 8446 section 4.1.2",
                                "the second ClientHello has another body of this extension");
        if (seat->settled || !bodies[i].data)
            continue;
        put(&seat->bodies[i], bodies[i]);
        if (offer_read(party->profile, points[i], BLOB_BYTES(seat->bodies[i]), seat->offers,
                       &c->why))
            return -1;
    }
    if (seat->settled)
        return 0;
    seat->settled = true;
    struct why lacks = {.reason = NULL};
    if (selection_make(party, false, &seat->offers[CLIENT], &c->selections[CLIENT], &lacks) &&
        party->required) {
        c->why = lacks;
        return -1;
    }
    if (party->relying_party.count > 0 && party->required &&
        c->selections[CLIENT].model == MODEL_NONE)
        return missing(c, "attestation is required of the client, which proposes none");
    if (selection_make(party, true, &seat->offers[SERVER], &c->selections[SERVER], &c->why))
        return -1;
    tell_negotiated(c);
    return 0;
}

static int see_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct connection *c = connection_of(ssl);
    enum point points[EXTENSIONS_MAX];
    struct bytes bodies[EXTENSIONS_MAX];
    size_t count = hello_points(c->party->profile, points);
    static const uint8_t empty[1];
    for (size_t i = 0; i < count; i++) {
        const unsigned char *data;
        bodies[i] = (struct bytes){NULL, 0};
        if (SSL_client_hello_get0_ext(ssl, c->party->points[points[i]], &data, &bodies[i].size))
            bodies[i].data = data ? data : empty;
    }
    if (settle_server(c, bodies, count) == 0)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR; /* dropped: the adapter sends its own */
    return SSL_CLIENT_HELLO_ERROR;
}

/* A client knows all answers once the server's Certificate comes. */
static int settle_client(struct connection *c)
{
    const struct party *party = c->party;
    struct seat *seat = c->library->seat;
    if (seat->settled)
        return 0;
    seat->settled = true;
    for (int side = 0; side < 2; side++)
        if (selection_check(&seat->offers[side], &c->selections[side], &c->why))
            return -1;
    if (party->relying_party.count > 0 && party->required &&
        c->selections[SERVER].model == MODEL_NONE)
        return missing(c, "attestation is required of the server, which selects none");
    if (!party->profile->single && c->selections[CLIENT].model != MODEL_NONE && !seat->asked)
        return refuse(&c->why, "unexpected-selection", party->profile->clause,
                      "attestation of the client was selected without a CertificateRequest");
    tell_negotiated(c);
    return 0;
}

static enum point point_of(const struct party *party, unsigned type)
{
    enum point points[EXTENSIONS_MAX];
    size_t count = hello_points(party->profile, points);
    for (size_t i = 0; i < count; i++)
        if (party->points[points[i]] == type)
            return points[i];
    return party->profile->extension;
}

/* The own credential, into the first entry. */
static int make_payload(struct connection *c, struct blob *out)
{
    struct seat *seat = c->library->seat;
    const struct party *party = c->party;
    uint8_t binder[HASH_MAX];
    size_t size;
    enum model model = c->selections[party->side].model;
    if (!library_hash(c) || seat_binder(library_hash(c), BLOB_BYTES(c->library->hellos),
                                        KEY_SPKI(&party->leaf), binder, &size))
        return refuse(&c->why, "internal", NULL, "the binder cannot be computed");
    seat->cmw.size = 0;
    if (attest(party, c->number, model, BYTES(binder, size), &seat->cmw, &c->why))
        return -1;
    if (seat->cmw.size > PAYLOAD_MAX - PREFIX)
        return refuse(&c->why, "internal", party->profile->clause,
                      "a CMW of at most %d bytes fits into the extension, this one has %zu",
                      PAYLOAD_MAX - PREFIX, seat->cmw.size);
    put_vector(out, PREFIX, BLOB_BYTES(seat->cmw));
    c->self = model;
    c->signed_with = party->leaf;
    return 0;
}

static int add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *size,
               X509 *certificate, size_t place, int *alert, void *arg)
{
    struct connection *c = connection_of(ssl);
    const struct profile *profile = c->party->profile;
    struct blob body = {NULL, 0, 0};
    enum point point = point_of(c->party, type);
    int result = 0;
    if (context & SSL_EXT_CLIENT_HELLO)
        offer_write(profile, point, c->library->seat->offers, &body);
    else if (context & SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS)
        selection_write(profile, point, false, c->selections, &body);
    else if (context & SSL_EXT_TLS1_3_CERTIFICATE_REQUEST)
        selection_write(profile, point, true, c->selections, &body);
    else if (place == 0 && c->selections[c->party->side].model != MODEL_NONE && !c->mute)
        result = make_payload(c, &body);
    if (result || body.size == 0) {
        blob_clear(&body);
        *alert = SSL_AD_INTERNAL_ERROR;
        return result;
    }
    *out = body.data;
    *size = body.size;
    return 1;
}

static void added(SSL *ssl, unsigned type, unsigned context, const unsigned char *out, void *arg)
{
    free((void *)(uintptr_t)out);
}

static int parse_entry(struct connection *c, struct bytes body, size_t place)
{
    struct seat *seat = c->library->seat;
    if (c->party->side == CLIENT && settle_client(c))
        return -1;
    if (c->selections[other(c->party->side)].model == MODEL_NONE)
        return refuse_alert(&c->why, "malformed-extension", SSL_AD_UNSUPPORTED_EXTENSION,
                            "RFC 8446 section 4.2",
                            "an extension of attestation came in a CertificateEntry, and none was "
                            "negotiated");
    if (place != 0)
        return refuse_alert(&c->why, "malformed-extension", SSL_AD_ILLEGAL_PARAMETER,
                            c->party->profile->clause,
                            "expected the extension in the first CertificateEntry only");
    put(&seat->payload, body);
    seat->has_payload = true;
    return 0;
}

/* OpenSSL has seen to it that what is in EncryptedExtensions was offered. */
static int parse_selection(struct connection *c, enum point point, bool request, struct bytes body)
{
    struct seat *seat = c->library->seat;
    if (request && seat->bodies[0].size == 0)
        return refuse_alert(&c->why, "unexpected-selection", SSL_AD_UNSUPPORTED_EXTENSION,
                            "RFC 8446 section 4.2",
                            "an extension came that was not in the ClientHello");
    if (seat->selected_count > EXTENSIONS_MAX)
        return refuse(&c->why, "internal", NULL, "more selections than extensions");
    struct blob *copy = &seat->selected[seat->selected_count++];
    put(copy, body);
    return selection_read(c->party->profile, point, request, BLOB_BYTES(*copy), c->selections,
                          &c->why);
}

static int parse(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t size,
                 X509 *certificate, size_t place, int *alert, void *arg)
{
    struct connection *c = connection_of(ssl);
    struct bytes body = BYTES(in, size);
    enum point point = point_of(c->party, type);
    int result = 0; /* of a ClientHello: it was read as a whole */
    if (c->mute)
        return 1;
    if (context & SSL_EXT_TLS1_3_CERTIFICATE)
        result = parse_entry(c, body, place);
    else if (context & SSL_EXT_TLS1_3_CERTIFICATE_REQUEST)
        result = parse_selection(c, point, true, body);
    else if (context & SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS)
        result = parse_selection(c, point, false, body);
    *alert = SSL_AD_INTERNAL_ERROR; /* dropped: the adapter sends its own */
    return library_refuses(c, result);
}

int seat_context(struct party *party)
{
    enum point points[EXTENSIONS_MAX];
    size_t count = hello_points(party->profile, points);
    unsigned hellos = SSL_EXT_TLS_ONLY | SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS;
    unsigned entry = SSL_EXT_TLS_ONLY | SSL_EXT_TLS1_3_CERTIFICATE;
    bool single = party->profile->single;
    for (size_t i = 0; i < count; i++)
        if (SSL_CTX_add_custom_ext(party->context, party->points[points[i]],
                                   single ? hellos | entry | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST
                                          : hellos,
                                   add, added, NULL, parse, NULL) != 1)
            return -1;
    if (!single && SSL_CTX_add_custom_ext(party->context, party->points[party->profile->extension],
                                          entry, add, added, NULL, parse, NULL) != 1)
        return -1;
    if (party->side == SERVER)
        SSL_CTX_set_client_hello_cb(party->context, see_client_hello, NULL);
    return 0;
}

int seat_connection(struct connection *c)
{
    struct seat *seat = allocate(sizeof *seat);
    c->library->seat = seat;
    if (c->party->side == SERVER)
        return 0;
    offer_make(c->party, true, &seat->offers[CLIENT]);
    offer_make(c->party, false, &seat->offers[SERVER]);
    offer_write(c->party->profile, c->party->profile->extension, seat->offers, &seat->bodies[0]);
    return 0;
}

void seat_end(struct connection *c)
{
    struct seat *seat = c->library->seat;
    if (!seat)
        return;
    for (size_t i = 0; i < EXTENSIONS_MAX; i++)
        blob_clear(&seat->bodies[i]);
    for (size_t i = 0; i < seat->selected_count; i++)
        blob_clear(&seat->selected[i]);
    blob_clear(&seat->payload);
    blob_clear(&seat->cmw);
    free(seat);
}

void seat_requested(struct connection *c)
{
    if (c->library->seat)
        c->library->seat->asked = true;
}

static int find_cmw(struct connection *c, struct bytes *cmwp)
{
    struct seat *seat = c->library->seat;
    struct cursor cursor = {BLOB_BYTES(seat->payload), "malformed-extension",
                            c->party->profile->clause, &c->why};
    return take_vector(&cursor, "cmw_payload", PREFIX, 1, 0xffffff, cmwp) ||
                   take_end(&cursor, "extension of a CertificateEntry")
               ? -1
               : 0;
}

int seat_before(struct connection *c)
{
    struct bytes cmw;
    if (c->party->side == CLIENT && settle_client(c))
        return -1;
    if (c->selections[other(c->party->side)].model == MODEL_NONE)
        return 0;
    if (!c->library->seat->has_payload)
        return refuse_alert(&c->why, "attestation-missing", c->party->points[ATTESTATION_FAILED],
                            c->party->profile->clause,
                            "attestation was negotiated, and the first CertificateEntry has no "
                            "extension for it");
    return find_cmw(c, &cmw);
}

int seat_judge(struct connection *c)
{
    const struct party *party = c->party;
    const struct selection *selection = &c->selections[other(party->side)];
    const struct trusted *expected = NULL;
    uint8_t binder[HASH_MAX];
    struct bytes cmw;
    size_t size;
    if (selection->model == MODEL_NONE)
        return 0;
    if (c->verified_with.size == 0)
        return refuse(&c->why, "key-mismatch", "RFC 5480 section 2",
                      "expected a certificate for a key of P-256 or P-384");
    for (size_t i = 0; i < party->trusted_count; i++)
        if (bytes_are(selection->verifier, party->trusted[i].id))
            expected = &party->trusted[i];
    if ((selection->model == MODEL_PASSPORT && !expected) || !library_hash(c) ||
        seat_binder(library_hash(c), BLOB_BYTES(c->library->hellos), KEY_SPKI(&c->verified_with),
                    binder, &size))
        return refuse(&c->why, "internal", NULL, "the binder cannot be computed");
    if (find_cmw(c, &cmw) || appraise(party, c->number, selection->model, BYTES(binder, size),
                                      &c->verified_with, cmw, expected, &c->why))
        return -1;
    c->peer = selection->model;
    return 0;
}
