/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the writer and the readers of CCA tokens share; for these only. */
#ifndef ATLS_RATS_TOKENS_CCA_CLAIMS_H
#define ATLS_RATS_TOKENS_CCA_CLAIMS_H

#include "rats/tokens/cca.h"
#include "rats/tokens/kat.h"

enum { /* of both tokens, of EAT */
       CCA_CHALLENGE = 10,
       CCA_INSTANCE_ID = 256,
       CCA_PROFILE = 265,
};
enum { /* of the platform token, as in PSA tokens; the last two are its own */
       CCA_LIFECYCLE = 2395,
       CCA_IMPLEMENTATION_ID = 2396,
       CCA_COMPONENTS = 2399,
       CCA_VERIFICATION_SERVICE = 2400,
       CCA_CONFIG = 2401,
       CCA_HASH_ALGORITHM = 2402,
};
enum { /* of the realm token */
       CCA_REALM_PERSONALIZATION = 44235,
       CCA_REALM_HASH_ALGORITHM = 44236,
       CCA_REALM_RAK = 44237,
       CCA_REALM_INITIAL = 44238,
       CCA_REALM_EXTENSIBLE = 44239,
       CCA_REALM_RAK_HASH_ALGORITHM = 44240,
};
enum { /* of the collection */
       CCA_PLATFORM_TOKEN = 44234,
       CCA_REALM_TOKEN = 44241,
};
enum { PARSEC_TAG_UCCS = 601 }; /* of Parsec's KAT, whose claims are those of kat.h */

/* "sha-256" ...; NULL for no hash of these. */
const char *atls_cca_hash_name(enum atls_hash hash);

#endif
