/* SPDX-License-Identifier: Apache-2.0 */
/* Boots the device and answers its requests; see core.h and protocol.h. */
#include "sim/device/core.h"

#include <errno.h>
#include <string.h>

#include "rats/base/error.h"

#define CLAUSE "request, sim/device/protocol.h"

/* The key attestation service's only door to the platform attestation service. */
static int token_for_keys(void *context, struct atls_bytes nonce, struct atls_bytes cnf,
                          struct atls_bytes attributes, struct atls_cbor_writer *w)
{
    return atls_platform_token_with(context, ATLS_CLIENT_KEY_ATTESTATION, nonce, cnf, attributes,
                                    w);
}

static int start_platform(struct atls_core *core, const struct atls_core_config *config)
{
    struct atls_platform_config platform = {
        .crypto = config->crypto,
        .lifecycle = config->lifecycle,
        .profile = config->profile,
        .record = &core->record,
        .components = config->storage.components,
        .claims = config->storage.claims,
        .claims_capacity = config->storage.evidence_capacity,
        .times = config->pat_times,
    };
    memcpy(platform.implementation_id, config->implementation_id,
           sizeof platform.implementation_id);
    return atls_platform_start(&core->platform, &platform, config->seed, &config->entropy);
}

static int start_keys(struct atls_core *core, const struct atls_core_config *config)
{
    struct atls_keys_config keys = {
        .crypto = config->crypto,
        .entropy = config->entropy,
        .platform = {token_for_keys, &core->platform},
        .slots = config->storage.slots,
        .slot_count = config->storage.slot_count,
        .token = config->storage.token,
        .token_capacity = config->storage.evidence_capacity,
        .times = config->kat_times,
    };
    return atls_keys_start(&core->keys, &keys);
}

static int boot(struct atls_core *core, const struct atls_core_config *config)
{
    const struct atls_boot_record *given = config->handed_over;
    struct atls_boot boot = {
        .crypto = config->crypto,
        .record = &core->record,
        .images = config->images,
        .image_count = config->image_count,
    };
    if (!given)
        return atls_boot_run(&boot);
    if (given->count > core->record.capacity)
        return atls_fail(ATLS_E_LIMIT, NULL, "%zu components were booted, there is room for %zu",
                         given->count, core->record.capacity);
    memcpy(core->record.entries, given->entries, given->count * sizeof *given->entries);
    core->record.count = given->count;
    core->record.locked = given->locked;
    return 0;
}

int atls_core_start(struct atls_core *core, const struct atls_core_config *config)
{
    int result;
    *core = (struct atls_core){0};
    atls_boot_record_init(&core->record, config->storage.entries,
                          config->storage.component_capacity);
    if ((result = boot(core, config)) || (result = start_platform(core, config)))
        return result;
    if ((result = start_keys(core, config))) {
        atls_platform_stop(&core->platform);
        return result;
    }
    core->running = true;
    return 0;
}

void atls_core_stop(struct atls_core *core)
{
    atls_keys_stop(&core->keys);
    atls_platform_stop(&core->platform);
    core->running = false;
}

/* Every operation reads its fields off C (all of them, and nothing more) and writes those of the
 * answer to S. */
typedef int operation(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s);

/* Identity keys are kept by the root of trust, or by the service that comes with PSA. */
static int create_key(struct atls_core *core, enum atls_curve curve, uint32_t *handlep,
                      struct atls_public_key *keyp)
{
    const struct atls_root *root = &core->root;
    if (root->ops && root->ops->create)
        return root->ops->create(root->context, curve, handlep, keyp);
    return atls_keys_create(&core->keys, curve, handlep, keyp);
}

static int destroy_key(struct atls_core *core, uint32_t handle)
{
    const struct atls_root *root = &core->root;
    if (root->ops && root->ops->destroy)
        return root->ops->destroy(root->context, handle);
    return atls_keys_destroy(&core->keys, handle);
}

static int look_up_key(struct atls_core *core, uint32_t handle, struct atls_public_key *keyp)
{
    const struct atls_root *root = &core->root;
    if (root->ops && root->ops->look_up)
        return root->ops->look_up(root->context, handle, keyp);
    return atls_keys_look_up(&core->keys, handle, keyp);
}

static int sign_digest(struct atls_core *core, uint32_t handle, struct atls_bytes digest,
                       uint8_t signaturep[ATLS_SIGNATURE_MAX], size_t *sizep)
{
    const struct atls_root *root = &core->root;
    if (root->ops && root->ops->sign)
        return root->ops->sign(root->context, handle, digest, signaturep, sizep);
    return atls_keys_sign(&core->keys, handle, digest, signaturep, sizep);
}

/* Do the PSA services make the evidence of this device? */
static bool is_psa(const struct atls_root *root)
{
    return !root->ops || !root->ops->attest;
}

/* What PSA makes, a device with another root of trust does not. */
static int require_psa(const struct atls_core *core, const char *what)
{
    if (is_psa(&core->root))
        return 0;
    return atls_fail(ATLS_E_REFUSED, NULL,
                     "the root of trust of this device is %s: expected attest-as, came a request "
                     "for a %s, which a device with --root psa makes",
                     core->root.ops->name, what);
}

static int op_info(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    const struct atls_platform *platform = &core->platform;
    int result = atls_cursor_end(c, "request info");
    if (result)
        return result;
    const uint8_t *instance_id =
        core->root.instance_id ? core->root.instance_id : platform->instance_id;
    atls_sink_bytes(s, ATLS_BYTES(instance_id, sizeof platform->instance_id));
    atls_sink_bytes(s, ATLS_BYTES(platform->config.implementation_id,
                                  sizeof platform->config.implementation_id));
    atls_sink_u16(s, platform->config.lifecycle);
    atls_protocol_put_key(s, core->root.attestation_key ? core->root.attestation_key
                                                        : &platform->pak.public_key);
    atls_sink_u16(s, (uint16_t)core->record.count);
    return 0;
}

static int op_create_key(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    struct atls_public_key key;
    uint32_t handle;
    uint8_t curve;
    int result;
    if ((result = atls_cursor_u8(c, "curve", &curve)) ||
        (result = atls_cursor_end(c, "request create-key")) ||
        (result = create_key(core, (enum atls_curve)curve, &handle, &key)))
        return result;
    atls_sink_u32(s, handle);
    atls_protocol_put_key(s, &key);
    return 0;
}

static int op_destroy_key(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    uint32_t handle;
    int result;
    (void)s;
    if ((result = atls_cursor_u32(c, "handle", &handle)) ||
        (result = atls_cursor_end(c, "request destroy-key")))
        return result;
    return destroy_key(core, handle);
}

/* Whose a key is, the server of the connections knows; here it has only to be there. */
static int op_keep_key(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    struct atls_public_key key;
    uint32_t handle;
    int result;
    (void)s;
    if ((result = atls_cursor_u32(c, "handle", &handle)) ||
        (result = atls_cursor_end(c, "request keep-key")))
        return result;
    return look_up_key(core, handle, &key);
}

/* What is left of the answer behind the size of a vec24, which is written when that is known. */
static struct atls_sink behind_size(const struct atls_sink *s)
{
    size_t left = s->capacity - s->used, size = left < 3 ? left : 3;
    return atls_sink_of(s->data + s->used + size, left - size);
}

/* A vec24 that is written straight into what is left of the answer, by a CBOR writer. */
static void begin_evidence(struct atls_sink *s, struct atls_cbor_writer *w)
{
    struct atls_sink rest = behind_size(s);
    atls_cbor_write_init(w, rest.data, rest.capacity);
}

static int end_evidence(struct atls_sink *s, struct atls_cbor_writer *w)
{
    struct atls_bytes evidence;
    int result = atls_cbor_write_done(w, &evidence);
    if (result)
        return result;
    atls_sink_u24(s, (uint32_t)evidence.size);
    s->used += evidence.size; /* it lies there already */
    return 0;
}

static int op_attest_key(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    struct atls_cbor_writer w;
    struct atls_bytes challenge;
    uint32_t handle;
    int result;
    if ((result = atls_cursor_u32(c, "handle", &handle)) ||
        (result = atls_cursor_vector(c, "challenge", 1, 0, UINT8_MAX, &challenge)) ||
        (result = atls_cursor_end(c, "request attest-key")) || (result = require_psa(core, "CAB")))
        return result;
    begin_evidence(s, &w);
    result = atls_keys_attest(&core->keys, handle, challenge, &w);
    return result ? result : end_evidence(s, &w);
}

static int op_attest_prototype(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    struct atls_sink bundle = behind_size(s);
    struct atls_bytes challenge, written;
    uint32_t handle;
    int result;
    if ((result = atls_cursor_u32(c, "handle", &handle)) ||
        (result = atls_cursor_vector(c, "challenge", 1, 0, UINT8_MAX, &challenge)) ||
        (result = atls_cursor_end(c, "request attest-prototype")) ||
        (result = require_psa(core, "bundle of the prototype")) ||
        (result = atls_keys_attest_prototype(&core->keys, handle, challenge, &bundle)) ||
        (result = atls_sink_done(&bundle, &written)))
        return result;
    atls_sink_u24(s, (uint32_t)written.size);
    s->used += written.size; /* it lies there already */
    return 0;
}

static int op_attest_platform(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    struct atls_cbor_writer w;
    struct atls_bytes challenge;
    int result;
    if ((result = atls_cursor_vector(c, "challenge", 1, 0, UINT8_MAX, &challenge)) ||
        (result = atls_cursor_end(c, "request attest-platform")) ||
        (result = require_psa(core, "PSA token")))
        return result;
    begin_evidence(s, &w);
    result = atls_platform_token(&core->platform, ATLS_CLIENT_NON_SECURE, challenge, &w);
    return result ? result : end_evidence(s, &w);
}

static int op_sign(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    uint8_t signature[ATLS_SIGNATURE_MAX];
    struct atls_bytes digest;
    uint32_t handle;
    size_t size;
    int result;
    if ((result = atls_cursor_u32(c, "handle", &handle)) ||
        (result = atls_cursor_vector(c, "digest", 1, 0, UINT8_MAX, &digest)) ||
        (result = atls_cursor_end(c, "request sign")) ||
        (result = sign_digest(core, handle, digest, signature, &size)))
        return result;
    atls_sink_vector(s, 1, ATLS_BYTES(signature, size));
    return 0;
}

/* The name of an evidence format, as a text that can be shown. */
static int take_kind(struct atls_cursor *c, char kindp[ATLS_EVIDENCE_KIND_MAX + 1])
{
    struct atls_bytes name;
    int result = atls_cursor_vector(c, "kind", 1, 1, ATLS_EVIDENCE_KIND_MAX, &name);
    if (result)
        return result;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        if (byte != '-' && (byte < '0' || byte > '9') && (byte < 'a' || byte > 'z'))
            return atls_fail(ATLS_E_MALFORMED, CLAUSE,
                             "kind: expected letters, digits and hyphens, came byte 0x%02x", byte);
    }
    memcpy(kindp, name.data, name.size);
    kindp[name.size] = '\0';
    return 0;
}

/* Of the kinds that have no operation of their own the PSA services make one. */
static bool makes(const struct atls_root *root, const char *kind)
{
    return is_psa(root) ? !strcmp(kind, "key-binding") : root->ops->makes(kind);
}

static int refuse_kind(const struct atls_root *root, const char *kind)
{
    const char *why = root->ops && root->ops->lack ? root->ops->lack(kind) : NULL;
    return atls_fail(ATLS_E_REFUSED, NULL,
                     "the root of trust of this device is %s, which makes no %s: %s",
                     root->ops ? root->ops->name : "psa", kind,
                     why ? why : "atls-device --help says which --root does");
}

static int op_attest_as(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    const struct atls_root *root = &core->root;
    char kind[ATLS_EVIDENCE_KIND_MAX + 1];
    struct atls_root_key key = {0};
    struct atls_cbor_writer w;
    struct atls_bytes challenge;
    int result;
    if ((result = take_kind(c, kind)) || (result = atls_cursor_u32(c, "handle", &key.handle)) ||
        (result = atls_cursor_vector(c, "challenge", 1, 0, UINT8_MAX, &challenge)) ||
        (result = atls_cursor_end(c, "request attest-as")))
        return result;
    if (!makes(root, kind))
        return refuse_kind(root, kind);
    if (key.handle && (result = look_up_key(core, key.handle, &key.public_key)))
        return result;
    begin_evidence(s, &w);
    result = is_psa(root) ? atls_keys_attest_binding(&core->keys, key.handle, challenge, &w)
                          : root->ops->attest(root->context, kind, &key, challenge, &w);
    return result ? result : end_evidence(s, &w);
}

static int op_boot_record(struct atls_core *core, struct atls_cursor *c, struct atls_sink *s)
{
    struct atls_cbor_writer w;
    int result = atls_cursor_end(c, "request boot-record");
    if (result)
        return result;
    begin_evidence(s, &w);
    atls_cbor_write_encoded(&w, core->platform.components);
    return end_evidence(s, &w);
}

static operation *const operations[] = {
    [ATLS_OP_INFO] = op_info,
    [ATLS_OP_CREATE_KEY] = op_create_key,
    [ATLS_OP_DESTROY_KEY] = op_destroy_key,
    [ATLS_OP_ATTEST_KEY] = op_attest_key,
    [ATLS_OP_ATTEST_PLATFORM] = op_attest_platform,
    [ATLS_OP_SIGN] = op_sign,
    [ATLS_OP_BOOT_RECORD] = op_boot_record,
    [ATLS_OP_ATTEST_PROTOTYPE] = op_attest_prototype,
    [ATLS_OP_KEEP_KEY] = op_keep_key,
    [ATLS_OP_ATTEST_AS] = op_attest_as,
};

static enum atls_answer answer_of(int r)
{
    switch (r) {
    case 0:
        return ATLS_DONE;
    case ATLS_E_REFUSED:
        return ATLS_REFUSED;
    case ATLS_E_MALFORMED:
    case ATLS_E_UNSUPPORTED:
        return ATLS_BAD_REQUEST;
    default:
        return ATLS_FAILED;
    }
}

static int dispatch(struct atls_core *core, struct atls_bytes request, struct atls_sink *s,
                    uint8_t *operationp)
{
    struct atls_cursor c = atls_cursor_of(request, CLAUSE);
    struct atls_bytes written;
    uint8_t number;
    int result;
    if (request.size > ATLS_REQUEST_MAX)
        return atls_fail(ATLS_E_MALFORMED, CLAUSE, "expected at most %d bytes, came %zu",
                         ATLS_REQUEST_MAX, request.size);
    if ((result = atls_cursor_u8(&c, "operation", &number)))
        return result;
    if (number < ATLS_OP_INFO || number > ATLS_OP_LAST)
        return atls_fail(ATLS_E_UNSUPPORTED, CLAUSE, "expected operation 1 to %d, came %u",
                         ATLS_OP_LAST, number);
    *operationp = number;
    atls_sink_u8(s, number);
    atls_sink_u8(s, ATLS_DONE);
    result = operations[number](core, &c, s);
    return result ? result : atls_sink_done(s, &written);
}

struct atls_core_reply atls_core_handle(struct atls_core *core, struct atls_bytes request,
                                        uint8_t *out, size_t capacity)
{
    struct atls_sink s = atls_sink_of(out, capacity);
    struct atls_bytes message = {0};
    uint8_t number = ATLS_OP_NONE;
    int result = core->running ? dispatch(core, request, &s, &number)
                               : atls_fail(ATLS_E_REFUSED, NULL, "the device is not running");
    if (result) { /* whatever was written so far is overwritten */
        s = atls_sink_of(out, capacity);
        atls_protocol_put_refusal(&s, number, answer_of(result));
    }
    (void)atls_sink_done(&s, &message);
    return (struct atls_core_reply){message, atls_operation_name(number),
                                    atls_answer_name(answer_of(result))};
}
