/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where key and extensions of a certificate are, by its DER: for one that a TLS library has parsed
 * already, and need not be parsed in full once more. What is borrowed here is borrowed from the
 * certificate.
 */
#ifndef ATLS_RATS_CMW_CERTIFICATE_DER_H
#define ATLS_RATS_CMW_CERTIFICATE_DER_H

#include "rats/base/bytes.h"

struct atls_certificate_der {
    struct atls_bytes spki; /* SubjectPublicKeyInfo, whole */
    struct atls_bytes
        extensions; /* the contents of Extensions; none at all where it is not there */
};
struct atls_extension_der {
    struct atls_bytes oid; /* the contents, without tag and length */
    bool critical;
    struct atls_bytes value; /* the contents of extnValue */
};

/* Tag and length of SIZE bytes, below 2^24, that follow: X.690 section 10.1. */
void atls_der_put_head(struct atls_sink *sink, uint8_t tag, size_t size);
/* A definite length in as few bytes as possible, at most four behind the first (X.690 section
 * 10.1). */
int atls_der_length(struct atls_cursor *c, size_t *sizep);

/* RFC 5280 section 4.1: structure of a version 3 certificate without unique identifiers, each
 * length minimal, nothing left over. ATLS_E_MALFORMED for any other; names, times and signature are
 * not looked into. */
int atls_certificate_der_open(struct atls_bytes certificate, struct atls_certificate_der *openedp);
/* The next of the extensions that a cursor is at. ATLS_E_MALFORMED also where "critical" says
 * FALSE, which is the default and not written in DER (X.690 section 11.5). */
int atls_certificate_der_next(struct atls_cursor *extensions, struct atls_extension_der *nextp);

#endif
