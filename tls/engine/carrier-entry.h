/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the carrier in an entry, for its own file and for tests. */
#ifndef ATLS_TLS_ENGINE_CARRIER_ENTRY_H
#define ATLS_TLS_ENGINE_CARRIER_ENTRY_H

#include "tls/engine/session-internal.h"

struct entry_state {
    struct atls_transcript transcript;
};

#endif
