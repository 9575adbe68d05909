/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of a CertificateEntry or of CertificateRequest (RFC 8446 sections 4.4.2, 4.3.2). */
#ifndef ATLS_TLS_WIRE_ENTRY_EXTENSION_H
#define ATLS_TLS_WIRE_ENTRY_EXTENSION_H

#include "rats/base/bytes.h"

struct atls_entry_extension { /* to be sent */
    size_t entry; /* in which CertificateEntry, from 0; of no meaning in CertificateRequest */
    uint16_t type;
    struct atls_bytes payload; /* extension_data */
    bool raw;                  /* PAYLOAD goes into the block as it is, without type and length */
};

struct atls_entry_received {
    size_t entry; /* in which CertificateEntry it was, from 0 */
    uint16_t type;
    struct atls_bytes payload; /* extension_data; of whoever received it */
};

#endif
