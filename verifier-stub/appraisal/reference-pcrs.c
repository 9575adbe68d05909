/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCRs of a TPM's quote against reference values. A quote has one digest over all PCRs that it
 * selects, so what is compared is a whole state: a set of endorsed PCRs, the digest computed of it.
 * Several sets are alternatives. The selection must be exactly the set's: a PCR that is endorsed
 * and not quoted could hold anything (Veraison lets it be left out), one that is quoted and not
 * endorsed cannot be judged.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "program/events.h"
#include "rats/base/error.h"
#include "verifier-stub/appraisal/appraisal.h"

#define CLAUSE ATLS_TPM_CLAUSE_QUOTE

/* What is endorsed of one bank in one set. */
struct state {
    uint32_t pcrs;
    struct atls_bytes values[ATLS_PCRS_MAX]; /* by PCR */
};

/* Of the set that *AT stands at; moves behind it. Those of a set came together, so they stand
 * together. */
static struct state next_state(const struct atls_reference_set *references, enum atls_hash hash,
                               size_t *at)
{
    const struct atls_reference_value *first = &references->values[*at]->value;
    struct state state = {0};

    for (; *at < references->count; ++*at) {
        const struct atls_reference_value *value = &references->values[*at]->value;

        if (memcmp(value->set, first->set, sizeof value->set) != 0)
            break;
        if (value->digest_hash != hash || value->pcr >= ATLS_PCRS_MAX ||
            !atls_reference_counts(references, references->values[*at]))
            continue;
        state.pcrs |= (uint32_t)1 << value->pcr;
        state.values[value->pcr] = ATLS_BYTES(value->digest, value->digest_size);
    }
    return state;
}

static int digest_of(const struct state *state, enum atls_hash hash,
                     const struct atls_crypto *crypto, uint8_t digestp[ATLS_HASH_MAX])
{
    struct atls_bytes parts[ATLS_PCRS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < ATLS_PCRS_MAX; i++)
        if (state->pcrs >> i & 1)
            parts[count++] = state->values[i];
    return crypto->hash(hash, parts, count, digestp);
}

/* How a quote stands with what is endorsed. */
struct standing {
    bool matched;
    bool known;   /* some set has this bank, */
    bool covered; /* and one of them exactly these PCRs */
    uint32_t missing,
        unknown;      /* of the set that comes closest: endorsed and not quoted, and back */
    json_t *expected; /* digests of those that are covered */
};

static unsigned count_bits(uint32_t bits)
{
    unsigned count = 0;

    for (; bits; bits &= bits - 1)
        count++;
    return count;
}

static int stand(const struct state *state, enum atls_hash hash,
                 const struct atls_tpm_attest *quote, const struct atls_crypto *crypto,
                 struct standing *standing)
{
    uint32_t quoted = quote->banks[0].pcrs, missing = state->pcrs & ~quoted,
             unknown = quoted & ~state->pcrs;
    uint8_t digest[ATLS_HASH_MAX];
    struct atls_bytes expected = {digest, atls_hash_size(hash)};
    int result;

    if (!state->pcrs)
        return 0;
    if (!standing->known ||
        count_bits(missing | unknown) < count_bits(standing->missing | standing->unknown)) {
        standing->missing = missing;
        standing->unknown = unknown;
    }
    standing->known = true;
    if (missing | unknown)
        return 0;
    standing->covered = true;
    result = digest_of(state, hash, crypto, digest);
    if (result)
        return result;
    standing->matched = atls_bytes_equal(expected, quote->pcr_digest);
    if (json_array_size(standing->expected) < ATLS_MISMATCHES_LISTED &&
        json_array_append_new(standing->expected, atls_json_hex(expected)))
        return atls_fail(-ENOMEM, NULL, "no memory for mismatches");
    return 0;
}

static void complain(const struct standing *s, const struct atls_tpm_selection *bank,
                     struct atls_evidence_verdict *out)
{
    const char *name = atls_tpm_hash_name(bank->alg);
    char pcrs[ATLS_TPM_PCRS_TEXT_MAX];

    if (out->reason)
        return;
    if (!s->known)
        atls_evidence_verdict_say(out, "unknown-component", CLAUSE,
                                  "PCRs %s of bank %s: there is no reference value of this bank "
                                  "for this class",
                                  atls_tpm_pcrs_text(bank->pcrs, pcrs), name);
    else if (s->covered)
        atls_evidence_verdict_say(out, "reference-value-mismatch", CLAUSE,
                                  "PCRs %s of bank %s: their digest is that of no endorsed state",
                                  atls_tpm_pcrs_text(bank->pcrs, pcrs), name);
    else if (s->missing)
        atls_evidence_verdict_say(out, "reference-value-mismatch", CLAUSE,
                                  "PCRs %s of bank %s are endorsed but were not quoted",
                                  atls_tpm_pcrs_text(s->missing, pcrs), name);
    else
        atls_evidence_verdict_say(out, "unknown-component", CLAUSE,
                                  "PCRs %s of bank %s were quoted, and there is no reference value "
                                  "for them",
                                  atls_tpm_pcrs_text(s->unknown, pcrs), name);
}

static int list_mismatch(struct standing *s, const struct atls_tpm_attest *quote,
                         struct atls_evidence_verdict *out)
{
    char pcrs[ATLS_TPM_PCRS_TEXT_MAX], name[ATLS_TPM_PCRS_TEXT_MAX + 32];

    snprintf(name, sizeof name, "PCR %s (%s)", atls_tpm_pcrs_text(quote->banks[0].pcrs, pcrs),
             atls_tpm_hash_name(quote->banks[0].alg));
    out->mismatches = json_pack("[{s:s, s:O, s:o}]", "component", name, "expected", s->expected,
                                "measured", atls_json_hex(quote->pcr_digest));
    return out->mismatches ? 0 : atls_fail(-ENOMEM, NULL, "no memory for mismatches");
}

int atls_match_pcrs(const struct atls_tpm_attest *quote,
                    const struct atls_reference_set *references, const struct atls_crypto *crypto,
                    struct atls_evidence_verdict *out)
{
    int *executables = &out->submods[out->submod].trust_vector[ATLS_EXECUTABLES];
    struct standing standing = {.expected = json_array()};
    enum atls_hash hash;
    int result = atls_tpm_hash_of(quote->banks[0].alg, "PCR bank", CLAUSE, &hash);

    *executables = ATLS_NOT_RECOGNIZED;
    if (!standing.expected)
        result = atls_fail(-ENOMEM, NULL, "no memory for mismatches");
    for (size_t at = 0; !result && !standing.matched && at < references->count;) {
        struct state state = next_state(references, hash, &at);

        result = stand(&state, hash, quote, crypto, &standing);
    }
    if (!result && standing.matched) {
        *executables = ATLS_APPROVED;
    } else if (!result) {
        complain(&standing, &quote->banks[0], out);
        result = list_mismatch(&standing, quote, out);
    }
    json_decref(standing.expected);
    return result;
}
