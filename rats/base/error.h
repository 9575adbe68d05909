/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error convention of all C code here.
 *
 * A function that can fail returns int: 0 is success; a negative number is fatal (a negated errno
 * value: the machine, not the peer, is at fault); a positive number is an outcome that the caller
 * must handle (enum atls_outcome: what a peer, a device, a verifier or a file did wrong, or what it
 * does not offer). Whoever meets an error first describes it with atls_fail(): what was expected,
 * what came, and which clause says so. Callers add nothing but a better clause. Out-parameters come
 * last, their names end in p, and they are written on success only.
 */
#ifndef ATLS_RATS_BASE_ERROR_H
#define ATLS_RATS_BASE_ERROR_H

#include <stddef.h>

enum atls_outcome {
    ATLS_E_MALFORMED = 1, /* bytes that break the grammar of their format */
    ATLS_E_UNSUPPORTED,   /* well-formed, but of a kind this code does not handle */
    ATLS_E_LIMIT,         /* beyond a stated bound (size, depth, count) */
    ATLS_E_MISSING,       /* a mandatory element is absent */
    ATLS_E_SIGNATURE,     /* a signature does not verify */
    ATLS_E_MISMATCH,      /* two values that must be equal differ (nonce, linkage, key) */
    ATLS_E_EXPIRED,       /* outside its time of validity */
    ATLS_E_UNTRUSTED,     /* made by a party that is not trusted */
    ATLS_E_REFUSED,       /* the other party answered: no */
    ATLS_E_UNAVAILABLE,   /* the other party does not answer */
    ATLS_E_AGAIN,         /* not yet: call again when the event it waits for has come */
};

/*
 * Describes the error at its origin, for this thread, and returns CODE. CLAUSE names the clause
 * that was broken ("RFC 9999 section 3.1") or is NULL. The text is kept until the next call. What
 * it quotes of a peer may be any bytes: text and clause are made printable (atls_printable()).
 */
int atls_fail(int code, const char *clause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Copies text of a peer so that it can be shown: printable ASCII as it is, every other byte as \xNN
 * (control characters, which a terminal obeys; all of UTF-8, which a peer may cut, break, or use to
 * turn the direction of writing). What does not fit is left out, never half a byte's \xNN. CAPACITY
 * is at least 1; TO is terminated.
 */
void atls_printable(const char *from, size_t size, char *to, size_t capacity);

/* Text and clause of the newest atls_fail() of this thread; never NULL, "" where there was none. */
const char *atls_error_text(void);
const char *atls_error_clause(void);

/* Both of them, put aside and back: for who looks into the same bytes again, which may fail anew,
 * and then tells the first failure. */
#define ATLS_ERROR_TEXT_MAX 512
#define ATLS_ERROR_CLAUSE_MAX 96
struct atls_error {
    char text[ATLS_ERROR_TEXT_MAX], clause[ATLS_ERROR_CLAUSE_MAX];
};
void atls_error_keep(struct atls_error *keptp);
void atls_error_restore(const struct atls_error *kept);

/* Name of a code, for logs: "malformed", "signature", ... or the errno's text. Static storage. */
const char *atls_error_name(int code);

#endif
