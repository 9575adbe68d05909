/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a session fails: whose fault it is, by which name, with which alert. What is found in the
 * session comes with all three; what a TLS library finds has its names from the stack.
 */
#include "tls/engine/session-internal.h"

#include <string.h>

#include "program/program.h"
#include "rats/base/error.h"

int session_fail(struct atls_session *s, const char *reason, int alert, const char *clause,
                 const char *detail)
{
    struct failure *failure = &s->failure;
    const char *by_table;
    if (failure->reason)
        return -1;
    unsigned told =
        atls_profile_alert(s->party->profile, &s->party->code_points, reason, &by_table);
    failure->reason = reason;
    failure->due = alert >= 0 ? alert : (int)told;
    if (!clause && !detail && atls_error_clause()[0] != '\0')
        clause = atls_error_clause();
    if (!detail)
        detail = atls_error_text();
    clause = clause ? clause : by_table;
    atls_printable(clause, strlen(clause), failure->clause, sizeof failure->clause);
    atls_printable(detail, strlen(detail), failure->detail, sizeof failure->detail);
    s->seconds = atls_now() - s->started;
    return -1;
}

int session_refuse(struct atls_session *s, const char *reason)
{
    const char *clause;
    (void)atls_profile_alert(s->party->profile, &s->party->code_points, reason, &clause);
    return session_fail(s, reason, -1, clause, NULL);
}

/* The library may have sent an alert of its own: there is no second one. */
enum atls_want session_send_alert(struct atls_session *s)
{
    s->phase = ALERTING;
    if (s->failure.alert < 0 &&
        session_stack(s)->alert(s->connection, (unsigned)s->failure.due) == ATLS_STACK_WRITE)
        return ATLS_WANT_WRITE;
    return session_end(s);
}

int session_ended(struct atls_session *s, const char *reason, int alert, const char *detail)
{
    if (s->failure.reason)
        return -1;
    session_fail(s, reason, 0, "", detail);
    s->failure.alert = alert;
    s->failure.alert_received = alert >= 0;
    s->failure.by_peer = true;
    return -1;
}

int session_alert_received(struct atls_session *s, unsigned alert)
{
    char detail[96];
    if (alert == ATLS_ALERT_CLOSE_NOTIFY)
        return session_ended(s, "peer-closed", ATLS_ALERT_CLOSE_NOTIFY,
                             "the peer closed the connection with close_notify");
    snprintf(detail, sizeof detail, "the peer ended the connection with %s (%u)",
             atls_alert_name(&s->party->code_points, alert), alert);
    return session_ended(s, "peer-alert", (int)alert, detail);
}

enum atls_want session_failed(struct atls_session *s)
{
    return s->failure.by_peer ? session_end(s) : session_send_alert(s);
}

enum atls_want session_left(struct atls_session *s)
{
    session_ended(s, "peer-closed", ATLS_ALERT_CLOSE_NOTIFY,
                  "the peer left before its line was whole");
    return session_failed(s);
}
