/* SPDX-License-Identifier: Apache-2.0 */
/* A table from event to sentence. Events without a row are details that only --events has. */
#include "program/tell.h"

#include <stdbool.h>
#include <string.h>

#include "rats/base/error.h"

/* Text may be a peer's, and a terminal obeys control characters. */
static void put(FILE *file, const char *text)
{
    char piece[sizeof "\\x00"];

    for (; *text; text++) {
        atls_printable(text, 1, piece, sizeof piece);
        fputs(piece, file);
    }
}

static const char *word(const json_t *fields, const char *name)
{
    const char *text = json_string_value(json_object_get(fields, name));

    return text ? text : "";
}

static void put_field(FILE *file, const char *before, const json_t *fields, const char *name)
{
    if (word(fields, name)[0]) {
        fputs(before, file);
        put(file, word(fields, name));
    }
}

static void put_reason(FILE *file, const json_t *fields)
{
    put_field(file, ": ", fields, "reason");
    put_field(file, ": ", fields, "detail");
    if (word(fields, "clause")[0]) {
        put_field(file, " [", fields, "clause");
        fputc(']', file);
    }
}

static void put_failure(FILE *file, const json_t *fields)
{
    const json_t *alert = json_object_get(fields, "alert");

    put_reason(file, fields);
    if (json_is_object(alert)) {
        put_field(file, ", alert ", alert, "name");
        put_field(file, " ", alert, "direction");
    }
}

static void tell_ready(FILE *file, const json_t *fields)
{
    put_field(file, "ready at ", fields, "address");
}

static void tell_endorsed(FILE *file, const json_t *fields)
{
    put_field(file, "endorsements from ", fields, "source");
    fprintf(file, ": %lld reference values, %lld trust anchors",
            (long long)json_integer_value(json_object_get(fields, "reference_values")),
            (long long)json_integer_value(json_object_get(fields, "trust_anchors")));
}

static void tell_appraisal(FILE *file, const json_t *fields)
{
    put_field(file, "appraisal ", fields, "status");
    put_reason(file, fields);
}

static void tell_verdict(FILE *file, const json_t *fields)
{
    put_field(file, "verdict ", fields, "tier");
    fputs(json_is_true(json_object_get(fields, "accepted")) ? ", accepted" : ", not accepted",
          file);
    put_reason(file, fields);
}

static void tell_handshake(FILE *file, const json_t *fields)
{
    if (strcmp(word(fields, "outcome"), "complete") == 0) {
        put_field(file, "handshake complete, own attestation ", fields, "self_attested");
        put_field(file, ", peer's ", fields, "peer_attested");
        return;
    }
    fputs("handshake failed", file);
    put_failure(file, fields);
}

/* What failed in the handshake has been told by it. */
static bool is_news(const char *event, const json_t *fields)
{
    return strcmp(event, "closed") != 0 ||
           json_is_true(json_object_get(fields, "x_after_handshake"));
}

static void tell_closed(FILE *file, const json_t *fields)
{
    fputs("failed after the handshake", file);
    put_failure(file, fields);
}

static void tell_data(FILE *file, const json_t *fields)
{
    put_field(file, "", fields, "direction");
    put_field(file, ": ", fields, "text");
}

static void tell_fault(FILE *file, const json_t *fields)
{
    put_field(file, "misbehaves as asked: ", fields, "name");
    put_field(file, ": ", fields, "detail");
}

static void tell_leak(FILE *file, const json_t *fields)
{
    put_field(file, "leaks as asked, for attack ", fields, "attack");
    put_field(file, ": ", fields, "what");
    put_field(file, " to ", fields, "file");
}

void atls_tell(FILE *file, const char *who, const char *event, const json_t *fields)
{
    static const struct {
        const char *event;
        void (*tell)(FILE *file, const json_t *fields);
    } table[] = {
        {"ready", tell_ready},     {"endorsed", tell_endorsed},   {"appraisal", tell_appraisal},
        {"verdict", tell_verdict}, {"handshake", tell_handshake}, {"application-data", tell_data},
        {"fault", tell_fault},     {"closed", tell_closed},       {"leak", tell_leak},
    };
    const json_t *conn = json_object_get(fields, "conn");

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(event, table[i].event) != 0 || !is_news(event, fields))
            continue;
        fprintf(file, "%s: ", who);
        if (json_is_integer(conn))
            fprintf(file, "connection %lld: ", (long long)json_integer_value(conn));
        table[i].tell(file, fields);
        fputc('\n', file);
    }
}
