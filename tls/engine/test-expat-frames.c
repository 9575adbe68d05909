/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of expat-04: their grammar, and peers that do not keep to it. The peer is a bare GnuTLS
 * client that sends bytes of the test's choice behind the handshake; everything fails closed.
 */
#include <errno.h>

#include "rats/base/encoding.h"
#include "tls/engine/expat.h"
#include "tls/engine/test-ends.h"

#define STEPS_MAX 400
#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP384R1"

static const struct frame_row {
    const char *name;
    const char *in;
    int outcome;
    unsigned type;
    size_t body, used;
} frame_rows[] = {
    {"a request", "01000002 aabb 01", 0, 1, 2, 6},
    {"an authenticator", "02000001 aa", 0, 2, 1, 5},
    {"a line", "03000003 616263", 0, 3, 3, 7},
    {"an empty line", "03000000", 0, 3, 0, 4},
    {"done, and the beginning of more", "04000000 0300", 0, 4, 0, 4},
    {"an alert", "05000001 2a", 0, 5, 1, 5},
    {"nothing", "", ATLS_E_AGAIN, 0, 0, 0},
    {"half a header", "0100", ATLS_E_AGAIN, 0, 0, 0},
    {"a header, its body is to come", "01000002", ATLS_E_AGAIN, 0, 0, 0},
    {"half a body", "01000002 aa", ATLS_E_AGAIN, 0, 0, 0},
    {"the longest request", "0100ffff", ATLS_E_AGAIN, 0, 0, 0},
    {"the longest authenticator", "02100000", ATLS_E_AGAIN, 0, 0, 0},
    {"the longest line", "03000fff", ATLS_E_AGAIN, 0, 0, 0},
    {"type 0", "00000000", ATLS_E_MALFORMED, 0, 0, 0},
    {"type 6", "06000000", ATLS_E_MALFORMED, 0, 0, 0},
    {"type 255", "ff000000", ATLS_E_MALFORMED, 0, 0, 0},
    {"a request of no bytes", "01000000", ATLS_E_MALFORMED, 0, 0, 0},
    {"a request too long", "01010000", ATLS_E_MALFORMED, 0, 0, 0},
    {"an authenticator of no bytes", "02000000", ATLS_E_MALFORMED, 0, 0, 0},
    {"an authenticator too long", "02100001", ATLS_E_MALFORMED, 0, 0, 0},
    {"a line too long", "03001000", ATLS_E_MALFORMED, 0, 0, 0},
    {"done with a body", "04000001", ATLS_E_MALFORMED, 0, 0, 0},
    {"an alert of no bytes", "05000000", ATLS_E_MALFORMED, 0, 0, 0},
    {"an alert of two bytes", "05000002", ATLS_E_MALFORMED, 0, 0, 0},
};

static void a_frame(void **state)
{
    const struct frame_row *row = *state;
    struct atls_bytes in = test_bytes(row->in);
    struct atls_frame frame;
    size_t used;
    int result = atls_frame_read(in, &frame, &used);
    test_outcome(result, row->outcome, NULL);
    if (row->outcome == 0) {
        uint8_t header[ATLS_FRAME_HEADER];
        assert_int_equal(frame.type, row->type);
        assert_int_equal(frame.body.size, row->body);
        assert_int_equal(used, row->used);
        test_outcome(atls_frame_header(frame.type, frame.body.size, header), 0, NULL);
        assert_memory_equal(header, in.data, sizeof header);
    }
    test_vector_free(in);
}

/* Type, 32 bits of length (big-endian), body: writeFrame() of Cocos' protocol.go. */
static const struct frame_row cocos_rows[] = {
    {"a request", "0100000002 aabb 01", 0, 1, 2, 7},
    {"an authenticator", "0200000001 aa", 0, 2, 1, 6},
    {"nothing", "", ATLS_E_AGAIN, 0, 0, 0},
    {"half a header", "01000000", ATLS_E_AGAIN, 0, 0, 0},
    {"half a body", "0100000002 aa", ATLS_E_AGAIN, 0, 0, 0},
    {"the longest request", "010000ffff", ATLS_E_AGAIN, 0, 0, 0},
    {"the longest authenticator", "0200100000", ATLS_E_AGAIN, 0, 0, 0},
    {"type 0", "0000000001", ATLS_E_MALFORMED, 0, 0, 0},
    {"a line, which has no frame", "0300000001 61", ATLS_E_MALFORMED, 0, 0, 0},
    {"done, which nobody says", "0400000000", ATLS_E_MALFORMED, 0, 0, 0},
    {"a request of no bytes", "0100000000", ATLS_E_MALFORMED, 0, 0, 0},
    {"a request too long", "0100010000", ATLS_E_MALFORMED, 0, 0, 0},
    {"an authenticator too long", "0200100001", ATLS_E_MALFORMED, 0, 0, 0},
    {"all that 32 bits can say", "02ffffffff", ATLS_E_MALFORMED, 0, 0, 0},
};

static void a_frame_of_cocos(void **state)
{
    const struct frame_row *row = *state;
    struct atls_bytes in = test_bytes(row->in);
    uint8_t header[ATLS_COCOS_HEADER];
    struct atls_frame frame;
    size_t used;
    int result = atls_cocos_frame_read(in, &frame, &used);
    test_outcome(result, row->outcome, NULL);
    if (row->outcome == 0) {
        assert_int_equal(frame.type, row->type);
        assert_int_equal(frame.body.size, row->body);
        assert_int_equal(used, row->used);
        test_outcome(atls_cocos_frame_header(frame.type, frame.body.size, header), 0, NULL);
        assert_memory_equal(header, in.data, sizeof header);
    }
    test_outcome(atls_cocos_frame_header(ATLS_FRAME_DONE, 0, header), ATLS_E_LIMIT, NULL);
    test_vector_free(in);
}

static void headers_have_the_same_bounds(void **state)
{
    uint8_t header[ATLS_FRAME_HEADER];
    test_outcome(atls_frame_header(ATLS_FRAME_REQUEST, 0, header), ATLS_E_LIMIT, NULL);
    test_outcome(atls_frame_header(ATLS_FRAME_REQUEST, 65536, header), ATLS_E_LIMIT, NULL);
    test_outcome(atls_frame_header(ATLS_FRAME_AUTHENTICATOR, (1u << 20) + 1, header), ATLS_E_LIMIT,
                 NULL);
    test_outcome(atls_frame_header(ATLS_FRAME_LINE, 4096, header), ATLS_E_LIMIT, NULL);
    test_outcome(atls_frame_header(ATLS_FRAME_DONE, 1, header), ATLS_E_LIMIT, NULL);
    test_outcome(atls_frame_header(ATLS_FRAME_ALERT, 2, header), ATLS_E_LIMIT, NULL);
}

/* A ClientCertificateRequest with a context of one byte, and what it is made of. */
#define SCHEMES "000d000400020403"
#define REQUEST(context)                                                                           \
    "01000014 11000010 01" context "000c"                                                          \
    "ff000000" SCHEMES
#define COCOS_REQUEST(context)                                                                     \
    "0100000014 11000010 01" context "000c"                                                        \
    "ff000000" SCHEMES
#define COCOS .variants = {.framing = 1, .payload = 1}
#define LINE "03000002 6869"
#define DONE "04000000"
#define WAIT "|" /* until the server has nothing more to say */

static const struct stranger_row {
    const char *name;
    struct side own;
    const char *frames; /* that the client sends */
    bool by_bytes;      /* a record for each byte */
    bool leaves;        /* and then close_notify */
    const char *reason; /* NULL: complete */
    int alert;
    const char *detail; /* NULL: not looked at */
    unsigned evidence;  /* made */
} stranger_rows[] = {
    {.name = "a client that asks for nothing", .frames = DONE WAIT LINE},
    {.name = "frames know nothing of records",
     .frames = REQUEST("aa") WAIT DONE WAIT LINE,
     .by_bytes = true},
    {.name = "a record ends within the next frame",
     .frames = REQUEST("aa") "0400" WAIT "0000" WAIT LINE},
    {.name = "a request, and X.509 answers it", .frames = REQUEST("aa") WAIT DONE WAIT LINE},
    {.name = "requests one behind the other",
     .frames = REQUEST("aa") WAIT REQUEST("ab") WAIT REQUEST("ac") WAIT DONE WAIT LINE,
     .by_bytes = true},
    {.name = "a request, and evidence answers it",
     .own = {.attester = {BG}},
     .frames = REQUEST("aa") WAIT DONE WAIT LINE,
     .by_bytes = true,
     .evidence = 1},
    {.name = "a request that already has what nobody here makes (R-EX-06)",
     .frames = "01000015 11000011 01aa000d ff00000100" SCHEMES WAIT DONE WAIT LINE},
    {.name = "a request of nothing that an attester knows",
     .own = {.attester = {BG}},
     .frames = "01000010 1100000c 01aa0008" SCHEMES WAIT DONE WAIT LINE},
    {.name = "a context twice, and no evidence for the first",
     .own = {.attester = {BG}},
     .frames = REQUEST("aa") REQUEST("aa"),
     .reason = "authenticator-context",
     .alert = 47},
    {.name = "a context twice",
     .frames = REQUEST("aa") REQUEST("aa"),
     .reason = "authenticator-context",
     .alert = 47},
    {.name = "a request of the other side's type",
     .frames = "01000014 0d000010 01aa000c ff000000" SCHEMES,
     .reason = "malformed-authenticator",
     .alert = 10},
    {.name = "a request cut short",
     .frames = "01000006 11000002 01aa",
     .reason = "malformed-authenticator",
     .alert = 50},
    {.name = "a request and a byte",
     .frames = "01000015 11000010 01aa000c ff000000" SCHEMES "00",
     .reason = "malformed-authenticator",
     .alert = 50},
    {.name = "a request without signature_algorithms",
     .frames = "0100000c 11000008 01aa0004 ff000000",
     .reason = "malformed-authenticator",
     .alert = 109},
    {.name = "a request that already has a cmw_attestation (R-EX-03)",
     .own = {.attester = {BG}},
     .frames = "01000015 11000011 01aa000d ff00000100" SCHEMES,
     .reason = "malformed-extension",
     .alert = 50},
    {.name = "a request while the one before it is open",
     .own = {.attester = {PP}},
     .frames = REQUEST("aa") REQUEST("ab"),
     .reason = "malformed-authenticator",
     .alert = 10},
    {.name = "done while a request is open",
     .own = {.attester = {PP}},
     .frames = REQUEST("aa") DONE,
     .reason = "malformed-authenticator",
     .alert = 10},
    {.name = "a request behind done",
     .frames = DONE REQUEST("aa"),
     .reason = "malformed-authenticator",
     .alert = 10},
    {.name = "done twice", .frames = DONE DONE, .reason = "malformed-authenticator", .alert = 10},
    {.name = "done twice, and a line that is not read",
     .frames = DONE WAIT DONE LINE,
     .reason = "malformed-authenticator",
     .alert = 10},
    {.name = "two lines",
     .frames = DONE WAIT LINE LINE,
     .reason = "malformed-authenticator",
     .alert = 10},
    {.name = "a frame of an unknown type",
     .frames = "06000000",
     .reason = "malformed-authenticator",
     .alert = 50},
    {.name = "a frame too long, by its header",
     .frames = "02100001",
     .reason = "malformed-authenticator",
     .alert = 50},
    {.name = "an empty authenticator that nobody asked for (R-EX-05)",
     .frames = "02000024 14000020"
               "0000000000000000000000000000000000000000000000000000000000000000",
     .reason = "malformed-authenticator",
     .alert = 10},
    {.name = "an authenticator that is none",
     .own = {.relying_party = {PP}},
     .frames = WAIT "02000004 16000000",
     .reason = "malformed-authenticator",
     .alert = 10},
    {.name = "an empty authenticator with another Finished",
     .own = {.relying_party = {PP}},
     .frames = WAIT "02000034 14000030"
                    "000000000000000000000000000000000000000000000000"
                    "000000000000000000000000000000000000000000000000",
     .reason = "authenticator-finished",
     .alert = 51},
    {.name = "an authenticator that is none, and that nobody asked for",
     .frames = "02000004 16000000",
     .reason = "malformed-authenticator",
     .alert = 50},
    {.name = "a line before done (R-EX-19)",
     .frames = LINE DONE,
     .reason = "application-data-early",
     .alert = 10},
    {.name = "a line behind the own done, where attestation is required (R-EX-19)",
     .own = {.relying_party = {PP}},
     .frames = DONE WAIT LINE,
     .reason = "application-data-early",
     .alert = 10},
    {.name = "an alert in a frame",
     .frames = "05000001 2a",
     .reason = "peer-alert",
     .alert = 42,
     .detail = "the peer ended the connection with bad_certificate (42), in a frame"},
    {.name = "a line of Cocos, before its request was answered",
     .own = {.attester = {PP}, COCOS},
     .frames = COCOS_REQUEST("aa") "68656c6c6f0a",
     .reason = "malformed-authenticator",
     .alert = 50},
    {.name = "leaving in the middle of a frame",
     .frames = "01000013 1100",
     .leaves = true,
     .reason = "peer-closed",
     .alert = 0},
    {.name = "leaving without a line",
     .frames = DONE,
     .leaves = true,
     .reason = "peer-closed",
     .alert = 0},
};

static ssize_t push(gnutls_transport_ptr_t transport, const void *data, size_t size)
{
    struct pipe *out = ((struct pipe **)transport)[1];
    out->data = realloc(out->data, out->size + size);
    assert_non_null(out->data);
    memcpy(out->data + out->size, data, size);
    out->size += size;
    return (ssize_t)size;
}

static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    struct pipe *in = ((struct pipe **)transport)[0];
    if (in->at == in->size) {
        errno = EAGAIN;
        return -1;
    }
    size = size < in->size - in->at ? size : in->size - in->at;
    memcpy(data, in->data + in->at, size);
    in->at += size;
    return (ssize_t)size;
}

/* Sends up to the next WAIT, or to the end; gives what is behind. */
static const char *speak(gnutls_session_t stranger, const struct stranger_row *row,
                         const char *frames)
{
    size_t size = strcspn(frames, WAIT);
    char *text = strndup(frames, size);
    assert_non_null(text);
    struct atls_bytes bytes = test_bytes(text);
    size_t step = row->by_bytes ? 1 : bytes.size;
    for (size_t i = 0; i < bytes.size; i += step)
        assert_int_equal(gnutls_record_send(stranger, bytes.data + i, step), step);
    free(text);
    test_vector_free(bytes);
    if (frames[size] == '|')
        return frames + size + 1;
    if (row->leaves)
        assert_int_equal(gnutls_bye(stranger, GNUTLS_SHUT_WR), 0);
    return NULL;
}

static unsigned tickets;

static int count_tickets(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                         const gnutls_datum_t *message)
{
    tickets++;
    return 0;
}

static void a_stranger(void **state)
{
    const struct stranger_row *row = *state;
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct pipe *pipes[2] = {&back, &there};
    bool gone = false, shaken = false;
    const char *frames = row->frames;
    struct side own = row->own;
    struct end server = {.in = &there, .out = &back, .peer_gone = &gone};
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t stranger;
    own.profile = &atls_profile_expat_04;
    test_roles = (struct test_roles){.result_after = 1000};
    open_end(&server, ATLS_SERVER, &own, false);
    assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
    assert_int_equal(gnutls_init(&stranger, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_priority_set_direct(stranger, TLS13, NULL), 0);
    assert_int_equal(gnutls_credentials_set(stranger, GNUTLS_CRD_CERTIFICATE, credentials), 0);
    if (row->own.relying_party[0] == ATLS_MODEL_NONE)
        server.party.has_trust_anchors = false; /* then it asks for no certificate of a client */
    tickets = 0;                                /* though the client would take them (R-EX-16) */
    gnutls_handshake_set_hook_function(stranger, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET,
                                       GNUTLS_HOOK_BOTH, count_tickets);
    gnutls_transport_set_ptr(stranger, pipes);
    gnutls_transport_set_push_function(stranger, push);
    gnutls_transport_set_pull_function(stranger, pull);
    for (int i = 0; i < STEPS_MAX && server.want != ATLS_WANT_NOTHING; i++) {
        shaken = shaken || gnutls_handshake(stranger) == 0;
        if (shaken && frames && i % 10 == 9)
            frames = speak(stranger, row, frames);
        step_end(&server);
    }
    check_end("server", &server, row->reason, row->reason ? row->alert : -1);
    assert_null(frames);
    assert_int_equal(test_roles.evidence_made, row->evidence);
    if (row->detail)
        assert_string_equal(server.session->failure.detail, row->detail);
    if (!row->reason && row->own.variants.framing == 0)      /* what was used is not kept */
        assert_int_equal(server.session->expat->in.size, 6); /* of LINE */
    char rest[4096];
    while (!row->reason && gnutls_record_recv(stranger, rest, sizeof rest) > 0)
        continue;
    assert_int_equal(tickets, 0);
    bool line = !row->reason || strstr(row->frames, LINE LINE);
    assert_int_equal(server.session->expat->line_received, line);
    gnutls_deinit(stranger);
    gnutls_certificate_free_credentials(credentials);
    close_end(&server);
    free(there.data);
    free(back.data);
}

/* Behind the authenticator, which has no frame, a line is as long as a line may be. */
static void a_long_line_of_cocos(void **state)
{
    static const struct {
        size_t size;
        const char *end, *reason;
    } table[] = {{ATLS_FRAME_LINE_MAX, "0a", NULL},
                 {ATLS_FRAME_LINE_MAX + 1, "0a", "malformed-authenticator"},
                 {ATLS_FRAME_LINE_MAX + 1, "", "malformed-authenticator"}};
    static const char request[] = COCOS_REQUEST("aa") WAIT;
    for (size_t i = 0; i < COUNT(table); i++) {
        char frames[sizeof request + 2 * (ATLS_FRAME_LINE_MAX + 2)];
        struct stranger_row row = {.own = {.attester = {BG}, COCOS},
                                   .frames = frames,
                                   .reason = table[i].reason,
                                   .alert = 50,
                                   .evidence = 1},
                            *rowp = &row;
        char *at = stpcpy(frames, request);
        for (size_t k = 0; k < table[i].size; k++)
            at = stpcpy(at, "61");
        stpcpy(at, table[i].end);
        a_stranger((void **)&rowp);
    }
}

/* The same party's next connection begins from nothing. */
static void check_next_hello(const struct atls_party *party)
{
    enum { PRE_SHARED_KEY = 41, EARLY_DATA = 42 };
    struct pipe in = {NULL, 0, 0}, out = {NULL, 0, 0};
    struct pipe *pipes[2] = {&in, &out};
    struct atls_session *next;
    assert_int_equal(atls_session_new(party, 2, &next), 0);
    gnutls_transport_set_ptr(atls_session_tls(next), pipes);
    gnutls_transport_set_push_function(atls_session_tls(next), push);
    gnutls_transport_set_pull_function(atls_session_tls(next), pull);
    assert_int_equal(atls_session_step(next), ATLS_WANT_READ);
    struct atls_cursor c =
        atls_cursor_of(ATLS_BYTES(next->expat->hello, next->expat->hello_size), "RFC 8446");
    assert_true(c.left > 0);
    while (c.left > 0) {
        struct atls_bytes data;
        uint16_t type;
        assert_int_equal(atls_cursor_u16(&c, "type", &type), 0);
        assert_int_equal(atls_cursor_vector(&c, "data", 2, 0, UINT16_MAX, &data), 0);
        assert_int_not_equal(type, PRE_SHARED_KEY);
        assert_int_not_equal(type, EARLY_DATA);
    }
    atls_session_free(next);
    free(in.data);
    free(out.data);
}

/* R-EX-18: a server sends tickets all the same. The client has no use for them. */
static void a_ticket_is_thrown_away(void **state)
{
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct pipe *pipes[2] = {&there, &back};
    bool gone = false, shaken = false, spoke = false;
    const struct side own = {.profile = &atls_profile_expat_04};
    const struct stranger_row row = {.frames = DONE WAIT LINE};
    struct end client = {.in = &back, .out = &there, .peer_gone = &gone};
    gnutls_certificate_credentials_t credentials;
    const char *frames = row.frames;
    gnutls_datum_t key;
    gnutls_session_t stranger;
    test_roles = (struct test_roles){.result_after = 0};
    open_end(&client, ATLS_CLIENT, &own, false);
    assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
    assert_int_equal(gnutls_certificate_set_x509_key_file(
                         credentials, test_pki_file(&test_pki, "server.pem"),
                         test_pki_file(&test_pki, "server.key"), GNUTLS_X509_FMT_PEM),
                     0);
    assert_int_equal(gnutls_init(&stranger, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL), 0);
    assert_int_equal(gnutls_session_ticket_key_generate(&key), 0);
    assert_int_equal(gnutls_session_ticket_enable_server(stranger, &key), 0);
    assert_int_equal(gnutls_priority_set_direct(stranger, TLS13, NULL), 0);
    assert_int_equal(gnutls_credentials_set(stranger, GNUTLS_CRD_CERTIFICATE, credentials), 0);
    gnutls_transport_set_ptr(stranger, pipes);
    gnutls_transport_set_push_function(stranger, push);
    gnutls_transport_set_pull_function(stranger, pull);
    for (int i = 0; i < STEPS_MAX && client.want != ATLS_WANT_NOTHING; i++) {
        step_end(&client);
        shaken = shaken || gnutls_handshake(stranger) == 0;
        if (shaken && !spoke) {
            spoke = true;
            assert_int_equal(gnutls_session_ticket_send(stranger, 2, 0), 0);
        }
        if (shaken && frames && i % 10 == 9)
            frames = speak(stranger, &row, frames);
    }
    check_end("client", &client, NULL, -1);
    assert_true(spoke);
    unsigned flags = gnutls_session_get_flags(atls_session_tls(client.session));
    assert_int_equal(flags & GNUTLS_SFLAGS_SESSION_TICKET, GNUTLS_SFLAGS_SESSION_TICKET);
    check_next_hello(&client.party);
    gnutls_deinit(stranger);
    gnutls_free(key.data);
    gnutls_certificate_free_credentials(credentials);
    close_end(&client);
    free(there.data);
    free(back.data);
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, a_frame, frame_rows);
    TEST_ADD_ROWS(&list, a_frame_of_cocos, cocos_rows);
    TEST_ADD(&list, headers_have_the_same_bounds);
    TEST_ADD_ROWS(&list, a_stranger, stranger_rows);
    TEST_ADD(&list, a_long_line_of_cocos);
    TEST_ADD(&list, a_ticket_is_thrown_away);
    int result = test_run("expat-frames", &list);
    test_pki_remove(&test_pki);
    return result;
}
