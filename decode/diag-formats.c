/* SPDX-License-Identifier: Apache-2.0 */
/* What the printer lends to evidence formats, and how it finds them. */
#include "decode/diag-tree.h"

/* The printer is the first member. */
static struct atls_diag *diag_of(struct atls_printer *printer)
{
    return (struct atls_diag *)(void *)printer;
}

static void line(struct atls_printer *printer, const char *label, const char *text)
{
    atls_diag_line(diag_of(printer), label, "%s", text);
}

static void bytes(struct atls_printer *printer, const char *label, struct atls_bytes in)
{
    atls_diag_bytes(diag_of(printer), label, in);
}

static void message(struct atls_printer *printer, const char *label, struct atls_bytes in)
{
    atls_diag_message(diag_of(printer), label, in);
}

static void check(struct atls_printer *printer, int result, const char *text)
{
    atls_diag_check(diag_of(printer), result, "%s", text);
}

static void finding(struct atls_printer *printer, const char *word, const char *text)
{
    atls_diag_finding(diag_of(printer), word, "%s", text);
}

static int problem(struct atls_printer *printer, int code)
{
    return atls_diag_problem(diag_of(printer), code);
}

static const char *reason(struct atls_printer *printer)
{
    return atls_diag_reason(diag_of(printer)->reason);
}

static void nonce(struct atls_printer *printer, const char *what, struct atls_bytes came)
{
    atls_diag_nonce(diag_of(printer), what, came);
}

static const char *key_name(struct atls_printer *printer, const struct atls_public_key *key,
                            char name[ATLS_PRINTED_KEY_MAX])
{
    return atls_diag_key_name(diag_of(printer), key, name);
}

static void indent(struct atls_printer *printer, int by)
{
    struct atls_diag *d = diag_of(printer);

    d->depth = (unsigned)((int)d->depth + by);
}

static void cbor(struct atls_printer *printer, const char *label, struct atls_bytes in)
{
    atls_diag_cbor(diag_of(printer), in, label, NULL);
}

static void signature(struct atls_printer *printer, const char *what, const char *clause,
                      int (*verify)(const void *context, const struct atls_public_key *key),
                      const void *context)
{
    atls_diag_signature_by(diag_of(printer), what, clause, verify, context);
}

const struct atls_printer_ops atls_diag_printer_ops = {
    line, bytes, message, check, finding, problem, reason, nonce, key_name, indent, cbor, signature,
};

const struct atls_evidence_token *atls_diag_token_of(struct atls_bytes claims)
{
    for (size_t i = 0; atls_evidence_formats[i]; i++) {
        const struct atls_evidence_token *token = atls_evidence_formats[i]->token;
        if (token && token->fits(claims))
            return token;
    }
    return NULL;
}

const struct atls_evidence_format *atls_diag_format_of(const struct atls_cmw *cmw)
{
    const struct atls_evidence_format *format = atls_evidence_format_of_cmw(cmw, false);

    for (size_t i = 0; !format && cmw->form == ATLS_CMW_COLLECTION && atls_evidence_formats[i]; i++)
        if (atls_evidence_formats[i]->resembles && atls_evidence_formats[i]->resembles(cmw))
            return atls_evidence_formats[i];
    return format;
}
