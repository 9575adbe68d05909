/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier that notes what it is asked; see test-judge.h. */
#include "formats/test/test-judge.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/cca.h"

#define COMPONENTS 8

static struct test_judge *judge_of(struct atls_judge *lent)
{
    return (struct test_judge *)(void *)lent;
}

static void __attribute__((format(printf, 2, 3)))
note(struct atls_judge *lent, const char *format, ...)
{
    struct test_judge *judge = judge_of(lent);
    size_t used = strlen(judge->noted);
    va_list arguments;

    va_start(arguments, format);
    used +=
        (size_t)snprintf(judge->noted + used, sizeof judge->noted - used, "%s", used ? "; " : "");
    used += (size_t)vsnprintf(judge->noted + used, sizeof judge->noted - used, format, arguments);
    va_end(arguments);
    assert_true(used < sizeof judge->noted);
}

/* Every refusal has words. */
static int condemn(struct atls_judge *lent, const char *reason, const char *clause,
                   const char *text)
{
    assert_true(text && *text);
    snprintf(judge_of(lent)->said, sizeof judge_of(lent)->said, "%s", text);
    note(lent, "condemned %s (%s)", reason, clause ? clause : "no clause");
    return ATLS_E_REFUSED;
}

static const char *tagging_name(enum atls_cose_tagging tagging)
{
    return tagging == ATLS_COSE_TAG_ALONE ? "tag 18 alone" : "either tag";
}

static bool is_ours(const struct test_judge *judge, const uint8_t *implementation_id,
                    const uint8_t *instance_id)
{
    return !judge->unknown &&
           memcmp(implementation_id, judge->source->implementation_id, 32) == 0 &&
           memcmp(instance_id, judge->source->instance_id, 33) == 0;
}

/* Anchor, FIRST, signature, THEN, as the verifier has it. */
static int appraise_token(struct atls_judge *lent, const struct atls_judge_token *token)
{
    const struct test_judge *judge = judge_of(lent);
    struct atls_psa_component components[COMPONENTS];
    struct atls_cose_sign1 message;
    struct atls_psa_claims claims;

    note(lent, "token %s with %s", token->what, tagging_name(token->tagging));
    int result = atls_psa_token_parse(token->token, token->tagging, components, COMPONENTS,
                                      &message, &claims);

    if (result)
        return atls_judge_fail(lent, result, "malformed-claims");
    if (!is_ours(judge, claims.implementation_id.data, claims.instance_id.data))
        return condemn(lent, "unknown-attestation-key", NULL, "nobody's");
    if (token->first)
        result = token->first(lent, &claims, token->context);
    if (result)
        return result;
    result = atls_cose_sign1_verify(&message, lent->crypto, &judge->source->pak.public_key);
    if (result)
        return atls_judge_fail(lent, result, "pat-signature-invalid");
    if (token->then)
        result = token->then(lent, claims.nonce, claims.client_id, token->context);
    if (!result)
        note(lent, "genuine%s%s", token->first ? ", first" : "", token->then ? ", then" : "");
    return result;
}

static int find_anchor(struct atls_judge *lent, const char *profile,
                       const uint8_t *implementation_id, const uint8_t *instance_id,
                       struct atls_public_key *keyp)
{
    const struct test_judge *judge = judge_of(lent);

    note(lent, "anchor of %s", profile);
    if (!is_ours(judge, implementation_id, instance_id))
        return condemn(lent, "unknown-attestation-key", NULL, "nobody's");
    *keyp = judge->source->pak.public_key;
    return 0;
}

static int find_instance(struct atls_judge *lent, const char *profile,
                         struct atls_bytes instance_id, struct atls_public_key *keyp,
                         uint8_t *class_idp)
{
    const struct test_judge *judge = judge_of(lent);

    note(lent, "instance of %s", profile);
    if (judge->unknown ||
        !atls_bytes_equal(instance_id, ATLS_BYTES(judge->source->tpm.kid, ATLS_TPM_KID_SIZE)))
        return condemn(lent, "unknown-attestation-key", NULL, "nobody's");
    *keyp = judge->source->pak.public_key;
    memset(class_idp, 'c', ATLS_PSA_IMPLEMENTATION_ID_SIZE);
    return 0;
}

/* Measured components, where CLAIM says what they are of. */
static int match(struct atls_judge *lent, const uint8_t *implementation_id,
                 const struct atls_psa_component *components, size_t count)
{
    fail_msg("a format matches what its token was appraised for");
    return -EINVAL;
}

static int match_pcrs(struct atls_judge *lent, const char *profile, const uint8_t *class_id,
                      const struct atls_tpm_attest *quote)
{
    note(lent, "PCRs of %s, class %c, %zu bank", profile, class_id[0], quote->bank_count);
    return judge_of(lent)->match_ends;
}

static int match_platform(struct atls_judge *lent, const char *profile,
                          const uint8_t *implementation_id,
                          const struct atls_psa_component *components, size_t count,
                          struct atls_bytes config)
{
    note(lent, "platform of %s, class %c, %zu component %.*s, %zu bytes of config", profile,
         implementation_id[0], count, (int)components->type.size, components->type.data,
         config.size);
    return judge_of(lent)->match_ends;
}

static int match_realm(struct atls_judge *lent, const struct atls_judge_realm *realm)
{
    note(lent, "realm %02x, %zu extensible, %zu bytes of personalization", realm->initial.data[0],
         realm->extensible_count, realm->personalization.size);
    return judge_of(lent)->match_ends;
}

static void claim(struct atls_judge *lent, enum atls_trust_claim claimed, int value)
{
    note(lent, "%s %d", atls_trust_claim_name(claimed), value);
}

static void say(struct atls_judge *lent, const char *reason, const char *clause, const char *text)
{
    note(lent, "%s (%s): %s", reason, clause, text);
}

static void submod(struct atls_judge *lent, size_t index)
{
    note(lent, "submod %zu", index);
}

static void attest(struct atls_judge *lent, const struct atls_public_key *key)
{
    note(lent, "attests %s", test_key_name(judge_of(lent)->source, key));
}

void test_judge_init(struct test_judge *judge, const struct test_source *source,
                     struct atls_bytes nonce)
{
    static const struct atls_judge_ops ops = {
        condemn, appraise_token, find_anchor,   match,      claim,          say,
        submod,  attest,         find_instance, match_pcrs, match_platform, match_realm};

    memset(judge, 0, sizeof *judge);
    judge->lent = (struct atls_judge){&ops, &atls_crypto_hosted, nonce, TEST_NOW};
    judge->source = source;
}
