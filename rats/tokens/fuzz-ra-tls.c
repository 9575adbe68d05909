/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as RA-TLS's evidence and as a quote: what is read lies within, and has its sizes. */
#include <stdlib.h>

#include "rats/tokens/ra-tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void check_report(const struct atls_tee_report *report, size_t size)
{
    expect(report->report_data.size == ATLS_REPORT_DATA_SIZE && report->measurement.size >= 32);
    expect(report->signed_part.size + report->signature.size <= size);
    expect(!report->is_quote || report->vendor.size == ATLS_QUOTE_VENDOR_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct atls_bytes in = ATLS_BYTES(data, size);
    struct atls_tee_report report;
    struct atls_ra_tls ra_tls;

    if (atls_tee_quote_parse(in, &report) == 0)
        check_report(&report, size);
    if (atls_ra_tls_parse(in, &ra_tls))
        return 0;
    expect(atls_ra_tls_is(in) && ra_tls.key_hash.size == atls_hash_size(ra_tls.hash));
    expect(ra_tls.evidence.size + ra_tls.claims_buffer.size < size);
    if (atls_tee_report_parse(ra_tls.tag, ra_tls.evidence, &report) == 0)
        check_report(&report, ra_tls.evidence.size);
    return 0;
}
