/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes and reports of Intel's TEEs, little-endian structures of fixed layout, as far as somebody
 * who reads evidence wants to know them: whose they are, what was measured, and the report data.
 */
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/ra-tls.h"

#define SGX_TEE 0x00000000
#define TDX_TEE 0x00000081
#define SGX_BODY 384
#define TD_10_BODY 584
#define TD_15_BODY 648
#define TD_REPORT 1024
#define SGX_REPORT 432
enum { BODY_SGX = 1, BODY_TD_10 = 2, BODY_TD_15 = 3 }; /* of version 5 */

struct slice { /* where in a body */
    size_t at, size;
};
static const struct layout {
    size_t size;
    const char *measurement_name, *signer_name;
    struct slice measurement, signer, attributes, report_data;
} sgx = {SGX_BODY, "MRENCLAVE", "MRSIGNER", {64, 32}, {128, 32}, {48, 16}, {320, 64}},
  td_10 = {TD_10_BODY, "MRTD", NULL, {136, 48}, {0, 0}, {120, 8}, {520, 64}},
  td_15 = {TD_15_BODY, "MRTD", NULL, {136, 48}, {0, 0}, {120, 8}, {520, 64}},
  td_report = {TD_REPORT, "MRTD", NULL, {528, 48}, {0, 0}, {512, 8}, {128, 64}};

static uint32_t little_endian(struct atls_bytes in)
{
    uint32_t value = 0;

    for (size_t i = in.size; i > 0; i--)
        value = value << 8 | in.data[i - 1];
    return value;
}

static int take_number(struct atls_cursor *c, const char *what, size_t size, uint32_t *valuep)
{
    struct atls_bytes bytes;
    int result = atls_cursor_take(c, what, size, &bytes);

    if (!result)
        *valuep = little_endian(bytes);
    return result;
}

static struct atls_bytes part(struct atls_bytes body, struct slice slice)
{
    struct atls_cursor c = atls_cursor_of(body, ATLS_QUOTE_CLAUSE);
    struct atls_bytes skipped, found = ATLS_BYTES(NULL, 0);

    if (slice.size && atls_cursor_take(&c, "body", slice.at, &skipped) == 0)
        (void)atls_cursor_take(&c, "body", slice.size, &found);
    return found;
}

static void read_body(struct atls_bytes body, const struct layout *layout,
                      struct atls_tee_report *report)
{
    report->measurement_name = layout->measurement_name;
    report->signer_name = layout->signer_name;
    report->measurement = part(body, layout->measurement);
    report->signer = part(body, layout->signer);
    report->attributes = part(body, layout->attributes);
    report->report_data = part(body, layout->report_data);
}

/* Which body a header announces. */
static int body_of(uint32_t version, uint32_t tee, uint32_t type, const struct layout **layoutp)
{
    if (version == 3 ? tee != SGX_TEE : tee != SGX_TEE && tee != TDX_TEE)
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_QUOTE_CLAUSE,
                         "TEE type: expected SGX (0) or, from version 4 on, TDX (0x81), came 0x%x",
                         (unsigned)tee);
    *layoutp = type == BODY_SGX && tee == SGX_TEE     ? &sgx
               : type == BODY_TD_10 && tee == TDX_TEE ? &td_10
               : type == BODY_TD_15 && tee == TDX_TEE ? &td_15
                                                      : NULL;
    if (!*layoutp)
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_QUOTE_CLAUSE,
                         "body type: expected 1 (SGX), 2 or 3 (TDX), as the TEE type is, came %u",
                         (unsigned)type);
    return 0;
}

/* Of version 5 one more head announces it. */
static int read_body_head(struct atls_cursor *c, uint32_t version, uint32_t tee,
                          const struct layout **layoutp)
{
    uint32_t type = tee == TDX_TEE ? BODY_TD_10 : BODY_SGX, size = 0;
    int result = version == 5 ? take_number(c, "body type", 2, &type) : 0;

    result = result ? result : body_of(version, tee, type, layoutp);
    if (version != 5)
        return result;
    result = result ? result : take_number(c, "body size", 4, &size);
    if (!result && size != (*layoutp)->size)
        result = atls_fail(ATLS_E_MALFORMED, ATLS_QUOTE_CLAUSE, "body: expected %zu bytes, came %u",
                           (*layoutp)->size, (unsigned)size);
    return result;
}

int atls_tee_quote_parse(struct atls_bytes in, struct atls_tee_report *reportp)
{
    struct atls_cursor c = atls_cursor_of(in, ATLS_QUOTE_CLAUSE);
    struct atls_tee_report report = {.is_quote = true};
    uint32_t version = 0, key_type = 0, tee = 0, size = 0;
    struct atls_bytes skipped, body = ATLS_BYTES(NULL, 0);
    const struct layout *layout = NULL;
    int result = take_number(&c, "version of the quote", 2, &version);

    if (!result && (version < 3 || version > 5))
        return atls_fail(ATLS_E_UNSUPPORTED, ATLS_QUOTE_CLAUSE,
                         "version of the quote: expected 3, 4 or 5, came %u", (unsigned)version);
    result = result ? result : take_number(&c, "attestation key type", 2, &key_type);
    result = result ? result : take_number(&c, "TEE type", 4, &tee);
    result = result ? result : atls_cursor_take(&c, "QE and PCE SVN", 4, &skipped);
    result = result ? result
                    : atls_cursor_take(&c, "QE vendor id", ATLS_QUOTE_VENDOR_SIZE, &report.vendor);
    result = result ? result : atls_cursor_take(&c, "user data", 20, &skipped);
    result = result ? result : read_body_head(&c, version, tee, &layout);
    result = result ? result : atls_cursor_take(&c, "report body", layout->size, &body);
    if (result)
        return result;
    report.signed_part = ATLS_BYTES(in.data, in.size - c.left);
    result = take_number(&c, "size of the signature", 4, &size);
    result = result ? result : atls_cursor_take(&c, "signature", size, &report.signature);
    result = result ? result : atls_cursor_end(&c, "quote");
    if (result)
        return result;
    read_body(body, layout, &report);
    report.what = tee == TDX_TEE ? "TDX quote" : "SGX quote";
    report.version = version;
    report.key_type = key_type;
    *reportp = report;
    return 0;
}

int atls_tee_report_parse(enum atls_ra_tls_tag tag, struct atls_bytes in,
                          struct atls_tee_report *reportp)
{
    struct atls_tee_report report = {.what = "TDX report"};
    const struct layout *layout = &td_report;
    size_t size = TD_REPORT;

    if (tag == ATLS_TAG_TEE_QUOTE)
        return atls_tee_quote_parse(in, reportp);
    if (tag == ATLS_TAG_SGX_REPORT) {
        report.what = "SGX report";
        layout = &sgx; /* the body comes first */
        size = SGX_REPORT;
    }
    if (in.size != size)
        return atls_fail(ATLS_E_MALFORMED, ATLS_QUOTE_CLAUSE, "%s: expected %zu bytes, came %zu",
                         report.what, size, in.size);
    read_body(in, layout, &report);
    *reportp = report;
    return 0;
}
