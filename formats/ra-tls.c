/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of interoperable RA-TLS, in a certificate: a quote whose report data is the hash of
 * claims, and a claim that is the hash of the certificate's key. There is no TEE here: the quote is
 * simulated, and says so. Its quoting enclave's vendor is ATLS SIMULATED, its enclave one for
 * debugging that measured nothing, and where a signature would be there is a PSA token of the
 * device over the quote. Nobody who verifies quotes takes it for one; the verifier here takes
 * nothing else. Nothing of it is of one connection, so that it can be replayed as long as the
 * certificate is valid: that is RA-TLS's own, and is told as a defect.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/key-attestation.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "rats/cbor/cbor-read.h"
#include "rats/tokens/ra-tls.h"

#define HEADER_SIZE 48
#define BODY_SIZE 384
#define SIGNED_SIZE (HEADER_SIZE + BODY_SIZE)
#define SIMULATED_KEY_TYPE 0xffff                         /* no algorithm of DCAP's */
#define DEBUG_AND_INIT 0x03                               /* flags of an enclave's attributes */
enum { AT_VERSION = 0, AT_KEY_TYPE = 2, AT_VENDOR = 12 }; /* in the header */
enum { AT_ATTRIBUTES = HEADER_SIZE + 48, AT_REPORT_DATA = HEADER_SIZE + 320 }; /* in the quote */

static const uint8_t simulated_vendor[ATLS_QUOTE_VENDOR_SIZE] = "ATLS SIMULATED";

struct parsed {
    struct atls_ra_tls ra_tls;
    struct atls_tee_report report;
};

static int check_challenge(struct atls_bytes challenge)
{
    if (challenge.size == 32 || challenge.size == 48)
        return 0;
    return atls_fail(ATLS_E_LIMIT, ATLS_RA_TLS_CLAUSE_CLAIMS,
                     "expected the hash of a certificate's key, of 32 or 48 bytes, came %zu bytes",
                     challenge.size);
}

/* What the device signs: a quote of version 3 up to its signature. */
static int write_quote(struct atls_bytes claims_buffer, uint8_t quote[SIGNED_SIZE])
{
    memset(quote, 0, SIGNED_SIZE);
    quote[AT_VERSION] = 3;
    quote[AT_KEY_TYPE] = SIMULATED_KEY_TYPE & 0xff;
    quote[AT_KEY_TYPE + 1] = SIMULATED_KEY_TYPE >> 8;
    memcpy(quote + AT_VENDOR, simulated_vendor, sizeof simulated_vendor);
    quote[AT_ATTRIBUTES] = DEBUG_AND_INIT;
    return atls_crypto_hosted.hash(ATLS_SHA256, &claims_buffer, 1, quote + AT_REPORT_DATA);
}

static int pack(struct atls_bytes signed_part, struct atls_bytes token,
                struct atls_bytes claims_buffer, uint8_t **outp, size_t *sizep)
{
    size_t quote_size = signed_part.size + 4 + token.size;
    size_t room = quote_size + claims_buffer.size + 32;
    uint8_t *quote = malloc(quote_size), *out = malloc(room);
    struct atls_cbor_writer w;
    struct atls_bytes done;
    int result = quote && out ? 0 : atls_fail(-ENOMEM, NULL, "RA-TLS evidence: out of memory");

    if (!result) {
        struct atls_sink sink = atls_sink_of(quote, quote_size);
        atls_sink_bytes(&sink, signed_part);
        for (unsigned shift = 0; shift < 32; shift += 8) /* little-endian */
            atls_sink_u8(&sink, (uint8_t)(token.size >> shift));
        atls_sink_bytes(&sink, token);
        atls_cbor_write_init(&w, out, room);
        atls_ra_tls_write(&w, ATLS_BYTES(quote, quote_size), claims_buffer);
        result = atls_cbor_write_done(&w, &done);
    }
    free(quote);
    if (result) {
        free(out);
        return result;
    }
    *outp = out;
    *sizep = done.size;
    return 0;
}

static int make(const struct atls_evidence_source *source, struct atls_bytes challenge,
                uint8_t **outp, size_t *sizep)
{
    uint8_t claims[128], quote[SIGNED_SIZE], digest[ATLS_HASH_MAX], *token = NULL;
    struct atls_bytes claims_buffer, signed_part = ATLS_BYTES(quote, sizeof quote);
    struct atls_cbor_writer w;
    size_t token_size;

    atls_cbor_write_init(&w, claims, sizeof claims);
    int result = atls_ra_tls_claims_write(&w, challenge);
    result = result ? result : atls_cbor_write_done(&w, &claims_buffer);
    result = result ? result : write_quote(claims_buffer, quote);
    result = result ? result : atls_crypto_hosted.hash(ATLS_SHA256, &signed_part, 1, digest);
    if (!result)
        result = source->ops->attest_platform(
            source, ATLS_BYTES(digest, atls_hash_size(ATLS_SHA256)), &token, &token_size);
    if (!result)
        result = pack(signed_part, ATLS_BYTES(token, token_size), claims_buffer, outp, sizep);
    free(token);
    return result;
}

static int parse(struct atls_bytes value, struct parsed *parsedp)
{
    int result = atls_ra_tls_parse(value, &parsedp->ra_tls);

    return result ? result
                  : atls_tee_report_parse(parsedp->ra_tls.tag, parsedp->ra_tls.evidence,
                                          &parsedp->report);
}

static int read_evidence(const struct atls_evidence_message *message,
                         struct atls_evidence_read *readp, const char **reasonp)
{
    struct parsed parsed = {.ra_tls = {.has_nonce = false}};
    int result = parse(message->value, &parsed);

    if (result)
        return atls_evidence_refuse(
            result, atls_judge_malformed_map(message->value, &atls_cbor_lenient), reasonp);
    return atls_evidence_keep(&parsed, sizeof parsed, readp, reasonp);
}

static int check(const struct atls_evidence_read *read,
                 const struct atls_evidence_question *question, const char **reasonp)
{
    const struct parsed *parsed = read->parsed;
    int result =
        atls_evidence_check_binder(question, "pubkey-hash", parsed->ra_tls.key_hash, reasonp);

    if (!result)
        result = atls_evidence_check_nonce(question, "pubkey-hash", ATLS_RA_TLS_CLAUSE_CLAIMS,
                                           parsed->ra_tls.key_hash, reasonp);
    if (result)
        return result;
    result = atls_ra_tls_check_report(&parsed->ra_tls, question->crypto, &parsed->report);
    return result ? atls_evidence_refuse(result, "linkage-mismatch", reasonp) : 0;
}

static bool is_simulated(const struct atls_tee_report *report)
{
    return report->is_quote && report->key_type == SIMULATED_KEY_TYPE &&
           atls_bytes_equal(report->vendor, ATLS_BYTES(simulated_vendor, sizeof simulated_vendor));
}

/* The token is over this quote and no other. */
static int judge_token(struct atls_judge *judge, const struct atls_psa_claims *claims,
                       const void *context)
{
    const struct parsed *parsed = context;
    uint8_t digest[ATLS_HASH_MAX];
    int result = judge->crypto->hash(ATLS_SHA256, &parsed->report.signed_part, 1, digest);

    if (result)
        return result;
    if (atls_bytes_equal_secret(claims->nonce, ATLS_BYTES(digest, atls_hash_size(ATLS_SHA256))))
        return 0;
    return atls_judge_condemn(judge, "linkage-mismatch", ATLS_QUOTE_CLAUSE,
                              "simulated quote: expected a token over it, came one over something "
                              "else");
}

static int appraise(struct atls_judge *judge, const struct atls_evidence_message *message)
{
    struct parsed parsed = {.ra_tls = {.has_nonce = false}};
    int result = parse(message->value, &parsed);

    if (result)
        return atls_judge_fail(judge, result,
                               atls_judge_malformed_map(message->value, &atls_cbor_lenient));
    result = atls_judge_nonce(judge, parsed.ra_tls.key_hash, ATLS_RA_TLS_CLAUSE_CLAIMS);
    if (result)
        return result;
    result = atls_ra_tls_check_report(&parsed.ra_tls, judge->crypto, &parsed.report);
    if (result)
        return atls_judge_fail(judge, result, "linkage-mismatch");
    if (!is_simulated(&parsed.report))
        return atls_judge_condemn(judge, "unknown-attestation-key", ATLS_QUOTE_CLAUSE,
                                  "expected a simulated quote, came %s of a TEE, for which there "
                                  "is no root of trust here",
                                  parsed.report.what);
    struct atls_judge_token token = {.token = parsed.report.signature,
                                     .tagging = ATLS_COSE_TAG_ALONE,
                                     .what = "PSA token of the simulated quote",
                                     .first = judge_token,
                                     .context = &parsed};
    return judge->ops->appraise_token(judge, &token);
}

static int signed_parts(const struct atls_evidence_message *message, struct atls_bytes partsp[2])
{
    struct parsed parsed = {.ra_tls = {.has_nonce = false}};
    int result = parse(message->value, &parsed);

    if (result)
        return result;
    partsp[0] = parsed.ra_tls.claims_buffer;
    partsp[1] = parsed.ra_tls.evidence;
    return 0;
}

static void print_report(struct atls_printer *printer, const struct atls_tee_report *report)
{
    if (report->is_quote) {
        atls_print_line(printer, "version", "%u", report->version);
        atls_print_line(printer, "attestation key type", "%u%s", report->key_type,
                        report->key_type == 2  ? " ECDSA with P-256"
                        : is_simulated(report) ? " (simulated)"
                                               : "");
        printer->ops->bytes(printer, "QE vendor", report->vendor);
    }
    printer->ops->bytes(printer, "attributes", report->attributes);
    printer->ops->bytes(printer, report->measurement_name, report->measurement);
    if (report->signer_name)
        printer->ops->bytes(printer, report->signer_name, report->signer);
    printer->ops->bytes(printer, "report data", report->report_data);
    if (is_simulated(report))
        printer->ops->message(printer, "in place of a signature", report->signature);
    else if (report->is_quote)
        atls_print_line(printer, "signature", "%zu bytes, not looked into", report->signature.size);
    if (report->is_quote)
        atls_print_finding(printer, "not checked",
                           is_simulated(report)
                               ? "the quote is simulated: no TEE made it"
                               : "signature of the quote: no root of Intel's here");
}

static void print(struct atls_printer *printer, struct atls_bytes in)
{
    struct parsed parsed = {.ra_tls = {.has_nonce = false}};
    const struct atls_ra_tls *ra_tls = &parsed.ra_tls;
    bool was_inside = printer->inside;
    int result = atls_ra_tls_parse(in, &parsed.ra_tls);

    if (result) {
        printer->ops->problem(printer, result);
        printer->ops->bytes(printer, NULL, in);
        return;
    }
    printer->inside = true;
    atls_print_line(printer, "tag", "%d", ra_tls->tag);
    printer->ops->message(printer, "claims buffer", ra_tls->claims_buffer);
    printer->ops->bytes(printer, "pubkey-hash", ra_tls->key_hash);
    if (ra_tls->has_nonce)
        printer->ops->bytes(printer, "nonce", ra_tls->nonce);
    result = atls_tee_report_parse(ra_tls->tag, ra_tls->evidence, &parsed.report);
    if (result) {
        printer->ops->problem(printer, result);
    } else {
        atls_print_line(printer, NULL, "%s, %zu bytes", parsed.report.what, ra_tls->evidence.size);
        print_report(printer, &parsed.report);
        result = atls_ra_tls_check_report(ra_tls, printer->crypto, &parsed.report);
        atls_print_check(printer, result, "report data is SHA-256 of the claims buffer");
    }
    if (!ra_tls->has_nonce)
        atls_print_finding(printer, "defect",
                           "nothing in it is of one connection: it may be of any age");
    printer->inside = was_inside;
}

static const char *const media_types[] = {ATLS_MT_RA_TLS, NULL};
static const struct atls_evidence_submod submods[] = {{"SIMULATED_QUOTE", ATLS_PSA_CLAIMS}};
static const struct atls_evidence_print printed = {
    .word = "ra-tls",
    .what = "interoperable RA-TLS evidence",
    .fits = atls_ra_tls_is,
    .print = print,
};

const struct atls_evidence_format atls_format_ra_tls = {
    .name = "ra-tls",
    .what = "RA-TLS evidence with a simulated quote",
    .wrapping = ATLS_IN_CMW,
    .record_type = ATLS_MT_RA_TLS,
    .content_format = -1,
    .media_types = media_types,
    .of_certificate = true,
    .replayable = "RA-TLS evidence is of its certificate and not of this connection: it can be "
                  "replayed as long as the certificate is valid",
    .check_challenge = check_challenge,
    .make = make,
    .read = read_evidence,
    .check = check,
    .submods = submods,
    .submod_count = 1,
    .appraise = appraise,
    .signed_parts = signed_parts,
    .print = &printed,
};
