/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What faults do to RA-TLS's evidence: each changes some bytes of the quote after it was made,
 * where somebody who relies on it would have to notice.
 */
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/ra-tls.h"
#include "roles/attester-private.h"

/* Whose quotes Intel's are (QE vendor id), which nothing here can have signed. */
static const uint8_t vendor_of_intel[ATLS_QUOTE_VENDOR_SIZE] = {
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

/* Where in the evidence is what was read of it. */
static uint8_t *in(uint8_t *evidence, struct atls_bytes part)
{
    return evidence + (size_t)(part.data - evidence);
}

static void change_report_data(uint8_t *evidence, const struct atls_tee_report *report)
{
    in(evidence, report->report_data)[0] ^= 1;
}

static void change_measurement(uint8_t *evidence, const struct atls_tee_report *report)
{
    in(evidence, report->measurement)[0] ^= 1;
}

static void change_vendor(uint8_t *evidence, const struct atls_tee_report *report)
{
    memcpy(in(evidence, report->vendor), vendor_of_intel, sizeof vendor_of_intel);
}

/* The size of the signature stands before it, little-endian. */
static void change_size(uint8_t *evidence, const struct atls_tee_report *report)
{
    in(evidence, report->signature)[-4] ^= 1;
}

static void change_signature(uint8_t *evidence, const struct atls_tee_report *report)
{
    in(evidence, report->signature)[report->signature.size - 1] ^= 1;
}

static const struct quote_fault {
    const char *name, *what;
    void (*change)(uint8_t *evidence, const struct atls_tee_report *report);
} quote_faults[] = {
    {"quote-report-data", "the report data is not the hash of the claims", change_report_data},
    {"quote-changed", "the quote was changed after it was signed", change_measurement},
    {"quote-vendor", "the quote says that it is Intel's", change_vendor},
    {"quote-size", "the quote's signature has another size than it says", change_size},
    {"pat-signature", "evidence was changed after it was made", change_signature},
};

int atls_faults_check_quote(const struct atls_attester *attester)
{
    static const char *const of_all[] = {"stale-nonce", "foreign-nonce", NULL};

    for (size_t i = 0; i < attester->inner.count; i++) {
        const char *name = attester->inner.fault[i].name;
        bool known = false;
        for (size_t f = 0; f < sizeof quote_faults / sizeof *quote_faults; f++) {
            known = known || strcmp(name, quote_faults[f].name) == 0;
        }
        for (size_t f = 0; of_all[f]; f++) {
            known = known || strcmp(name, of_all[f]) == 0;
        }
        if (!known) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is not known of %s", name,
                             attester->format->what);
        }
    }
    return 0;
}

int atls_faults_break_quote(struct atls_attester *attester, unsigned conn,
                            struct atls_bytes challenge, uint8_t **evidencep, size_t *sizep)
{
    struct atls_tee_report report;
    struct atls_ra_tls ra_tls;
    int result = atls_ra_tls_parse(ATLS_BYTES(*evidencep, *sizep), &ra_tls);

    result = result ? result : atls_tee_quote_parse(ra_tls.evidence, &report);
    for (size_t i = 0; !result && i < sizeof quote_faults / sizeof *quote_faults; i++) {
        if (atls_faults_has(&attester->inner, quote_faults[i].name, NULL)) {
            quote_faults[i].change(*evidencep, &report);
            atls_attester_tell_fault(attester, conn, quote_faults[i].name, quote_faults[i].what);
        }
    }
    return result;
}
