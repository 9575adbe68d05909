/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One byte of a handshake message is another one on its way out, each byte of each message in turn.
 * Whatever comes of it, three things hold: nobody says `internal`, as nothing failed but what the
 * peer sent; nothing ends without a reason; the alert that the one has sent is the one that the
 * other has received (RFC 8446 section 6.2).
 */
#include "tls/engine/test-ends.h"

#define STEPS_MAX 400

struct message {
    const char *name;
    unsigned type;
    enum atls_side sender;
    unsigned stride; /* every so manieth byte: a certificate has hundreds that say nothing */
};

static const struct message messages[] = {
    {"ClientHello", GNUTLS_HANDSHAKE_CLIENT_HELLO, ATLS_CLIENT, 1},
    {"ServerHello", GNUTLS_HANDSHAKE_SERVER_HELLO, ATLS_SERVER, 1},
    {"EncryptedExtensions", GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS, ATLS_SERVER, 1},
    {"CertificateRequest", GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST, ATLS_SERVER, 1},
    {"Certificate of a server", GNUTLS_HANDSHAKE_CERTIFICATE_PKT, ATLS_SERVER, 5},
    {"Certificate of a client", GNUTLS_HANDSHAKE_CERTIFICATE_PKT, ATLS_CLIENT, 5},
    {"CertificateVerify of a server", GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY, ATLS_SERVER, 3},
    {"CertificateVerify of a client", GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY, ATLS_CLIENT, 3},
    {"Finished of a server", GNUTLS_HANDSHAKE_FINISHED, ATLS_SERVER, 7},
    {"Finished of a client", GNUTLS_HANDSHAKE_FINISHED, ATLS_CLIENT, 7},
};

static const struct party_row {
    const char *name;
    const struct atls_profile *profile;
    bool attested;   /* the server, to the client */
    unsigned stride; /* times that of the message */
} party_rows[] = {
    {"X.509", &atls_profile_ta_07, false, 1},
    {"attestation in place of a certificate", &atls_profile_ta_07, true, 4},
    {"attestation beside a certificate", &atls_profile_seat_06, true, 4},
};

static const uint8_t masks[] = {0x01, 0x80};

/* The one that is to be changed; the library tells its hook no context but the session. */
static struct {
    const struct message *message;
    size_t at;
    uint8_t mask;
    bool changed, too_far;
} flip;

static int change(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                  const gnutls_datum_t *datum)
{
    int result = atls_gnutls_hook(tls, type, when, incoming, datum);
    if (incoming || when != GNUTLS_HOOK_PRE || type != flip.message->type || flip.changed)
        return result;
    flip.too_far = flip.at >= datum->size;
    flip.changed = true;
    if (!flip.too_far)
        datum->data[flip.at] ^= flip.mask;
    return result;
}

static void check_blame(const char *who, const struct end *end)
{
    const struct failure *failure = &end->session->failure;
    const char *reason = failure->reason;
    if (end->want != ATLS_WANT_NOTHING)
        fail_msg("%s of %s, byte %zu, mask %02x: %s did not end", "flip", flip.message->name,
                 flip.at, flip.mask, who);
    if (!reason)
        return;
    bool told = failure->alert >= 0 || strcmp(reason, "peer-closed") == 0;
    if (strcmp(reason, "internal") == 0 || reason[0] == '\0' || failure->detail[0] == '\0' || !told)
        fail_msg("flip of %s, byte %zu, mask %02x: %s says %s (%s), alert %d", flip.message->name,
                 flip.at, flip.mask, who, reason, failure->detail, failure->alert);
}

static void check_alerts(const struct end *client, const struct end *server)
{
    const struct failure *c = &client->session->failure, *s = &server->session->failure;
    const struct failure *to = c->alert_received ? c : s, *from = c->alert_received ? s : c;
    if (!to->alert_received || to->alert == ATLS_ALERT_CLOSE_NOTIFY)
        return;
    if (from->alert != to->alert || from->alert_received)
        fail_msg("flip of %s, byte %zu, mask %02x: alert %d was received, the other says %d (%s)",
                 flip.message->name, flip.at, flip.mask, to->alert, from->alert,
                 from->reason ? from->reason : "complete");
}

/* Is there such a byte? Then *FAILEDP tells whether anybody minded. */
static bool play(const struct party_row *row, bool *failedp)
{
    struct pipe there = {NULL, 0, 0}, back = {NULL, 0, 0};
    struct end client = {.in = &back, .out = &there}, server = {.in = &there, .out = &back};
    struct side of_client = {.profile = row->profile}, of_server = {.profile = row->profile};
    client.peer_gone = &server.gone;
    server.peer_gone = &client.gone;
    test_roles = (struct test_roles){.padding = 0};
    flip.changed = flip.too_far = false;
    if (row->attested) {
        of_client.relying_party[0] = BG;
        of_server.attester[0] = BG;
    }
    open_end(&client, ATLS_CLIENT, &of_client, false);
    open_end(&server, ATLS_SERVER, &of_server, false);
    struct end *sender = flip.message->sender == ATLS_CLIENT ? &client : &server;
    gnutls_handshake_set_hook_function(atls_session_tls(sender->session), GNUTLS_HANDSHAKE_ANY,
                                       GNUTLS_HOOK_BOTH, change);
    for (int i = 0;
         i < STEPS_MAX && (client.want != ATLS_WANT_NOTHING || server.want != ATLS_WANT_NOTHING);
         i++) {
        step_end(&client);
        step_end(&server);
    }
    check_blame("client", &client);
    check_blame("server", &server);
    check_alerts(&client, &server);
    *failedp = !atls_session_complete(client.session) || !atls_session_complete(server.session);
    close_end(&client);
    close_end(&server);
    free(there.data);
    free(back.data);
    return flip.changed && !flip.too_far;
}

static void flips(void **state)
{
    const struct party_row *row = *state;
    for (size_t m = 0; m < COUNT(messages); m++) {
        unsigned failures = 0, tries = 0;
        flip.message = &messages[m];
        bool there = true;
        for (flip.at = 0; there; flip.at += messages[m].stride * row->stride)
            for (size_t i = 0; i < sizeof masks && there; i++) {
                bool failed;
                flip.mask = masks[i];
                there = play(row, &failed);
                tries += there;
                failures += there && failed;
            }
        /* Each byte of a message is in the transcript, and so in Finished. */
        if (tries == 0 || failures != tries)
            fail_msg("%s: %u of %u changes were noticed", messages[m].name, failures, tries);
    }
}

int main(void)
{
    struct test_list list = {.count = 0};
    test_pki_make(&test_pki);
    TEST_ADD_ROWS(&list, flips, party_rows);
    int result = test_run("flips", &list);
    test_pki_remove(&test_pki);
    return result;
}
