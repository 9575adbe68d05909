/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of which one end lacks memory: each of its allocations is refused once
 * (rats/test/test-memory.h). It then says "internal" and blames nobody, the other end is told by
 * internal_error (or nothing, before the first byte), and nothing is accepted but what is accepted
 * with memory. The stand-ins for the roles always have memory: what the real ones do without is in
 * roles/test-no-memory.c.
 */
#include "rats/test/test-memory.h"

#include <errno.h>

#include "tls/engine/test-profile-rows.h"

#define STEPS_MAX 400

/* Functions of the stand-ins, which the linker calls through these (--wrap, see meson.build). */
#define PLENTIFUL(name, parameters, arguments)                                                     \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        bool scarce = test_memory_pause();                                                         \
        int result = __real_##name arguments;                                                      \
        test_memory_resume(scarce);                                                                \
        return result;                                                                             \
    }
#define CREDENTIAL                                                                                 \
    (struct atls_attester * attester, unsigned conn, struct atls_credential *credentialp)
#define BOUND                                                                                      \
    (struct atls_attester * attester, unsigned conn, struct atls_bytes binder,                     \
     struct atls_credential *credentialp)

PLENTIFUL(atls_attester_evidence, BOUND, (attester, conn, binder, credentialp))
PLENTIFUL(atls_attester_bound_evidence, BOUND, (attester, conn, binder, credentialp))
PLENTIFUL(atls_attester_result, CREDENTIAL, (attester, conn, credentialp))
PLENTIFUL(atls_attester_bound_result, BOUND, (attester, conn, binder, credentialp))
PLENTIFUL(atls_attester_sign,
          (struct atls_attester * attester, uint32_t handle, struct atls_bytes digest,
           uint8_t *signaturep, size_t *sizep),
          (attester, handle, digest, signaturep, sizep))
PLENTIFUL(atls_appraisal_begin,
          (struct atls_relying_party * rp, unsigned conn, enum atls_model model,
           struct atls_appraisal **appraisalp),
          (rp, conn, model, appraisalp))
PLENTIFUL(atls_appraisal_begin_with_challenge,
          (struct atls_relying_party * rp, unsigned conn, enum atls_model model,
           struct atls_bytes challenge, struct atls_appraisal **appraisalp),
          (rp, conn, model, challenge, appraisalp))
PLENTIFUL(atls_appraisal_credential,
          (struct atls_appraisal * appraisal, struct atls_bytes cmw, struct atls_public_key *keyp),
          (appraisal, cmw, keyp))
PLENTIFUL(atls_appraisal_verdict,
          (struct atls_appraisal * appraisal, struct atls_verdict *verdictp), (appraisal, verdictp))

void *__real_test_grow(void *block, size_t size);
void *__wrap_test_grow(void *block, size_t size);
void *__wrap_test_grow(void *block, size_t size)
{
    bool scarce = test_memory_pause();
    void *grown = __real_test_grow(block, size);
    test_memory_resume(scarce);
    return grown;
}

static const struct atls_profile *const ta_07[] = {&atls_profile_ta_07};
static const struct atls_profile *const seat_04[] = {&atls_profile_seat_04};
static const struct atls_profile *const seat_06[] = {&atls_profile_seat_06};
static const struct atls_profile *const x509[] = {&atls_profile_x509_cmw};
static const struct atls_profile *const expat[] = {&atls_profile_expat_04};

#define BOTH(model)                                                                                \
    .client = {.attester = {model}, .relying_party = {model}, .unheard = true},                    \
    .server = {.attester = {model}, .relying_party = {model}, .unheard = true}
#define BOTH_READ(model, reading)                                                                  \
    .client = {.attester = {model},                                                                \
               .relying_party = {model},                                                           \
               .unheard = true,                                                                    \
               .variants = {reading}},                                                             \
    .server = {                                                                                    \
        .attester = {model}, .relying_party = {model}, .unheard = true, .variants = {reading}}

static const struct profile_row rows[] = {
    {.name = "ta-07, evidence", .profiles = ta_07, BOTH(BG)},
    {.name = "ta-07, results", .profiles = ta_07, BOTH(PP)},
    {.name = "ta-07, evidence of the type agreed on",
     .profiles = ta_07,
     BOTH_READ(BG, .evidence_type_match = 1)},
    {.name = "seat-04, evidence", .profiles = seat_04, BOTH(BG)},
    {.name = "seat-04, results", .profiles = seat_04, BOTH(PP)},
    {.name = "seat-06, evidence", .profiles = seat_06, BOTH(BG)},
    {.name = "seat-06, own keys refused", .profiles = seat_06, BOTH_READ(BG, .own_key = 1)},
    {.name = "x509-cmw, evidence", .profiles = x509, BOTH(BG)},
    {.name = "x509-cmw, results", .profiles = x509, BOTH(PP)},
    {.name = "x509-cmw, results, to who would take either",
     .profiles = x509,
     .client = {.attester = {PP}, .relying_party = {BG, PP}, .unheard = true},
     .server = {.attester = {PP}, .relying_party = {BG, PP}, .unheard = true}},
    {.name = "expat-04, evidence", .profiles = expat, BOTH(BG)},
    {.name = "expat-04, results", .profiles = expat, BOTH(PP)},
    {.name = "expat-04 as Cocos has it, evidence",
     .profiles = expat,
     .client = {.relying_party = {BG}, .unheard = true, .variants = {.framing = 1, .payload = 1}},
     .server = {.attester = {BG}, .unheard = true, .variants = {.framing = 1, .payload = 1}}},
    {.name = "expat-04 as Cocos has it, results",
     .profiles = expat,
     .client = {.relying_party = {PP}, .unheard = true, .variants = {.framing = 1, .payload = 1}},
     .server = {.attester = {PP}, .unheard = true, .variants = {.framing = 1, .payload = 1}}},
    /* What is refused is refused for the same; a diagnosis of it may be missing. */
    {.name = "seat-06, evidence that answers something else",
     .profiles = seat_06,
     CLIENT_ATTESTS,
     .roles = {.wrong_answer = true},
     BY_SERVER("nonce-mismatch", 226)},
    {.name = "expat-04, evidence that answers something else",
     .profiles = expat,
     SERVER_ATTESTS,
     .roles = {.wrong_answer = true},
     BY_CLIENT("nonce-mismatch", 226)},
};

struct course {
    const struct profile_row *row;
    enum atls_side scarce;
};

/* A failure that is this machine's, or that of the row, or none; the other end knows no more. */
static int outcome(const struct course *course, const struct end *scarce, const struct end *other)
{
    const struct failure *own = &scarce->session->failure;
    const struct failure *theirs = &other->session->failure;
    bool client = course->scarce == ATLS_CLIENT;
    const char *side = client ? "client" : "server";
    const char *refused = client ? course->row->client_reason : course->row->server_reason;

    if (own->reason && refused && strcmp(own->reason, refused) == 0)
        return atls_fail(ATLS_E_REFUSED, NULL, "%s: %s", own->reason, own->detail);
    if (!own->reason) {
        if (theirs->reason)
            fail_msg("%s, %s: complete, and at the other end %s (%s)", course->row->name, side,
                     theirs->reason, theirs->detail);
        return 0;
    }
    if (strcmp(own->reason, "internal") != 0)
        fail_msg("%s, %s: expected internal, came %s (%s; %s)", course->row->name, side,
                 own->reason, own->detail, own->clause);
    /* Nothing was begun that needs what there was no memory for. */
    const struct atls_session *s = scarce->session;
    assert_true(s->self.signed_with_size == 0 || s->self.model != ATLS_MODEL_NONE);
    assert_true(!atls_carrier_of_party(s->party)->enrolled || !s->peer.appraisal ||
                s->peer.model != ATLS_MODEL_NONE);
    const char *why = theirs->reason ? theirs->reason : "complete";
    if (strcmp(why, "peer-alert") == 0)
        assert_int_equal(theirs->alert, ATLS_ALERT_INTERNAL_ERROR);
    else if (strcmp(why, "peer-closed") != 0 && strcmp(why, "complete") != 0)
        fail_msg("%s, %s: expected peer-alert at the other end, came %s (%s)", course->row->name,
                 side, why, theirs->detail);
    return atls_fail(-ENOMEM, NULL, "no memory, told as internal: %s", own->detail);
}

static int connect_ends(const void *context, struct test_told *told)
{
    const struct course *course = context;
    struct connection c;

    open_connection(&c, course->row, course->row->profiles[0]);
    struct end *scarce = course->scarce == ATLS_CLIENT ? &c.client : &c.server;
    struct end *other = course->scarce == ATLS_CLIENT ? &c.server : &c.client;
    for (int i = 0; i < STEPS_MAX && !(c.client.gone && c.server.gone); i++) {
        for (int side = 0; side < 2; side++) {
            struct end *end = side == 0 ? &c.client : &c.server;
            if (end == scarce)
                test_memory_begin();
            step_end(end);
            test_memory_end(0);
        }
    }
    assert_true(c.client.gone && c.server.gone);
    int result = outcome(course, scarce, other);
    TEST_TELL(told, scarce->session->self.model);
    TEST_TELL(told, scarce->session->peer.model);
    TEST_TELL(told, scarce->session->peer.accepted);
    close_connection(&c);
    return result;
}

static void test_connection(void **state)
{
    const struct profile_row *row = *state;

    for (int side = ATLS_CLIENT; side <= ATLS_SERVER; side++) {
        const struct course course = {row, (enum atls_side)side};
        char label[128];
        snprintf(label, sizeof label, "%s, %s", row->name,
                 side == ATLS_CLIENT ? "client" : "server");
        size_t count = test_without_memory(label, TEST_MAY_DO, connect_ends, &course);
        print_message("%s: %zu allocations\n", label, count);
        assert_true(count > 3);
    }
}

int main(void)
{
    static struct test_list list;

    TEST_ADD_ROWS(&list, test_connection, rows);
    test_pki_make(&test_pki);
    int failed = test_run("connections without memory", &list);
    test_pki_remove(&test_pki);
    return failed;
}
