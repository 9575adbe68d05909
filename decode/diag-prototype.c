/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle of the prototype of 2022: its frame, its two tokens, its own linkage and nonce. */
#include <string.h>

#include "decode/diag-tree.h"
#include "rats/base/error.h"
#include "rats/tokens/prototype.h"

#define FRAME 3    /* version and length of the KAT */
#define TAG18 0xd2 /* COSE_Sign1; the prototype itself puts tag 61 (CWT) around it */
#define TAG61 0xd8, 0x3d

bool atls_diag_is_prototype(struct atls_bytes in)
{
    static const uint8_t in_a_cwt[] = {TAG61, TAG18};

    if (in.size < FRAME + sizeof in_a_cwt || in.data[0] != ATLS_PROTOTYPE_VERSION)
        return false;
    return in.data[FRAME] == TAG18 || memcmp(in.data + FRAME, in_a_cwt, sizeof in_a_cwt) == 0;
}

void atls_diag_prototype(struct atls_diag *d, struct atls_bytes in)
{
    struct atls_bytes kat, pat;
    struct atls_cab cab;
    bool was_in_cab = d->in_cab, was_prototype = d->prototype;
    int result = atls_prototype_bundle_split(in, &kat, &pat);

    if (result) {
        atls_diag_problem(d, result);
        atls_diag_bytes(d, NULL, in);
        return;
    }
    d->in_cab = d->prototype = true;
    atls_diag_line(d, "version", "%u", in.data[0]);
    atls_diag_message(d, "KAT", kat);
    atls_diag_message(d, "PAT", pat);
    result = atls_prototype_bundle_parse(in, &cab);
    if (result) {
        atls_diag_problem(d, result);
    } else {
        atls_diag_linkage(d, &cab);
        if (atls_prototype_nonce_is(cab.kat_claims.nonce))
            atls_diag_finding(
                d, "defect",
                "the KAT answers the nonce that the prototype's server sends in every "
                "connection: it may be of any age");
    }
    d->in_cab = was_in_cab;
    d->prototype = was_prototype;
}
