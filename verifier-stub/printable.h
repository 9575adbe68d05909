/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences for people go into JSON and into logs, but may quote bytes of a peer: those that are no
 * printable ASCII become question marks. */
#ifndef ATLS_VERIFIER_STUB_PRINTABLE_H
#define ATLS_VERIFIER_STUB_PRINTABLE_H

static inline void atls_make_printable(char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
    }
}

#endif
