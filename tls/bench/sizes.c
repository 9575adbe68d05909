/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verifier in this process whose store, table of sessions or evidence is as large as wanted, and
 * one request, or an appraisal, put to it. What fills a store is of the class of the device that is
 * appraised, so that nothing tells it apart but what is looked up.
 */
#include "tls/bench/sizes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/encoding.h"
#include "rats/base/error.h"
#include "rats/base/media-types.h"
#include "roles/verifier-document.h"
#include "sim/device/device.h"
#include "sim/device/simulated.h"
#include "tls/bench/local-verifier.h"

#define SEED 77
#define BATCH 1000
#define NONCE_SIZE 32
#define SESSIONS_MAX ((size_t)1 << 20)
#define TIMEOUT_MS 60000
#define SESSIONS "/challenge-response/v1/newSession"

struct bench_sized {
    const struct bench_size_kind *kind;
    size_t size;
    struct bench_verifier *verifier;
    struct atls_corim endorsed; /* the device's own CoRIM */
    char *nonce;                /* base64url */
    uint8_t *evidence;
    size_t evidence_size, done;
};

static int no_memory(void)
{
    return atls_fail(-ENOMEM, NULL, "no memory for something large");
}

/* What the API answered; an unexpected status is an error. */
static int ask(const struct bench_sized *sized, const struct atls_request *request, unsigned status,
               struct atls_response *responsep)
{
    atls_api_answer(bench_verifier_api(sized->verifier), request, responsep);
    if (responsep->status == status)
        return 0;
    int result =
        atls_fail(ATLS_E_REFUSED, NULL, "%s %s: expected %u, came %u: %.200s", request->method,
                  request->path, status, responsep->status, responsep->body ? responsep->body : "");
    atls_response_clear(responsep);
    return result;
}

/* The same, where all that is wanted is the STATUS. */
static int expect(const struct bench_sized *sized, const struct atls_request *request,
                  unsigned status)
{
    struct atls_response response;
    int result = ask(sized, request, status, &response);

    if (!result)
        atls_response_clear(&response);
    return result;
}

static struct atls_request for_session(const struct bench_sized *sized)
{
    return (struct atls_request){
        .method = "POST", .path = SESSIONS, .accept = ATLS_MT_SESSION, .nonce = sized->nonce};
}

/* A session, whose path is allocated. */
static int open_session(const struct bench_sized *sized, char **pathp)
{
    const struct atls_request request = for_session(sized);
    struct atls_response response;
    int result = ask(sized, &request, 201, &response);

    if (result)
        return result;
    if (asprintf(pathp, "/challenge-response/v1/%s", response.location) < 0)
        result = no_memory();
    atls_response_clear(&response);
    return result;
}

static int delete_session(const struct bench_sized *sized, const char *path)
{
    const struct atls_request request = {.method = "DELETE", .path = path};

    return expect(sized, &request, 204);
}

static int submit(const struct bench_sized *sized, const char *path)
{
    const struct atls_request request = {.method = "POST",
                                         .path = path,
                                         .accept = ATLS_MT_SESSION,
                                         .content_type = ATLS_MT_CMW_CBOR,
                                         .body = {sized->evidence, sized->evidence_size}};

    return expect(sized, &request, 200);
}

/* A whole appraisal, as a relying party has it done: three requests. */
static int appraise(struct bench_sized *sized)
{
    char *path = NULL;
    int result = open_session(sized, &path);

    if (!result)
        result = submit(sized, path);
    if (!result)
        result = delete_session(sized, path);
    free(path);
    return result;
}

/* The device's evidence for one nonce, which serves for each session. */
static int make_evidence(struct bench_sized *sized, const char *address)
{
    uint8_t nonce[NONCE_SIZE] = {1, 2, 3};
    struct atls_public_key key;
    struct atls_device *device = NULL;
    uint32_t handle;
    int result = atls_device_open(address, TIMEOUT_MS, &device);

    if (!result)
        result = atls_device_create_key(device, ATLS_P256, &handle, &key);
    if (!result)
        result = atls_device_attest_key(device, handle, ATLS_BYTES(nonce, sizeof nonce),
                                        &sized->evidence, &sized->evidence_size);
    atls_device_close(device);
    if (result)
        return result;
    sized->nonce = atls_base64_encode(ATLS_BASE64URL, ATLS_BYTES(nonce, sizeof nonce));
    return sized->nonce ? 0 : no_memory();
}

static int endorse_device(struct bench_sized *sized, unsigned components)
{
    struct atls_store_import imported;
    uint8_t *corim;
    size_t size;
    int result = bench_endorsements(SEED, components, &corim, &size);

    if (result)
        return result;
    result = atls_corim_parse(ATLS_BYTES(corim, size), &sized->endorsed);
    if (!result)
        result = atls_store_import_corim(bench_verifier_api(sized->verifier)->store,
                                         ATLS_BYTES(corim, size), &imported);
    free(corim);
    return result;
}

static int open_device(struct bench_sized *sized, unsigned components)
{
    char address[64];
    int result = bench_verifier_new(&sized->verifier);

    snprintf(address, sizeof address, "inproc:%d:%u", SEED, components);
    if (!result)
        result = endorse_device(sized, components);
    return result ? result : make_evidence(sized, address);
}

/* Marks a digest or an instance id as the NUMBERth. */
static void number_bytes(uint8_t *bytes, size_t number)
{
    memset(bytes, 0xa5, 16);
    memcpy(bytes + 1, &number, sizeof number);
}

/* Reference values like those of the device, which it does not have: FIRST on. NAMED: of names of
 * their own. */
static int add_values(struct bench_sized *sized, size_t first, size_t count, bool named)
{
    const struct atls_corim *like = &sized->endorsed;
    struct atls_store *store = bench_verifier_api(sized->verifier)->store;
    struct atls_reference_value *values = calloc(count, sizeof *values);
    char(*names)[24] = calloc(count, sizeof *names);
    struct atls_corim corim = {.profile = like->profile,
                               .reference_values = values,
                               .reference_value_count = values && names ? count : 0};
    int result = values && names ? 0 : no_memory();

    for (size_t i = 0; i < corim.reference_value_count; i++) {
        values[i] = like->reference_values[(first + i) % like->reference_value_count];
        number_bytes(values[i].digest, first + i);
        snprintf(names[i], sizeof names[i], "N%zu", first + i);
        if (named)
            values[i].name = names[i];
    }
    if (!result)
        result = store->ops->add(store, &corim);
    free(values);
    free(names);
    return result;
}

static int fill_values(struct bench_sized *sized, bool named)
{
    size_t count = sized->endorsed.reference_value_count;
    int result = 0;

    for (; !result && count < sized->size; count += BATCH)
        result = add_values(sized, count, sized->size - count < BATCH ? sized->size - count : BATCH,
                            named);
    return result;
}

/* The CoRIM of a device like this one, with digests of its own: allocated. */
static int write_device(const struct bench_sized *sized, size_t number, uint8_t **outp,
                        size_t *sizep)
{
    const struct atls_corim *like = &sized->endorsed;
    struct atls_reference_value values[ATLS_PCRS_MAX];
    struct atls_trust_anchor anchor = like->trust_anchors[0];
    struct atls_corim corim = *like;
    size_t count = like->reference_value_count;

    if (count > ATLS_PCRS_MAX)
        return atls_fail(-EINVAL, NULL, "a device of %zu components", count);
    for (size_t i = 0; i < count; i++) {
        values[i] = like->reference_values[i];
        number_bytes(values[i].digest, number * count + i);
    }
    number_bytes(anchor.instance_id + 1, number);
    corim.reference_values = values;
    corim.trust_anchors = &anchor;
    corim.trust_anchor_count = 1;
    return atls_corim_write(&corim, outp, sizep);
}

static int import_device(const struct bench_sized *sized, size_t number)
{
    struct atls_store_import imported;
    uint8_t *corim = NULL;
    size_t size = 0;
    int result = write_device(sized, number, &corim, &size);

    if (result)
        return result;
    result = atls_store_import_corim(bench_verifier_api(sized->verifier)->store,
                                     ATLS_BYTES(corim, size), &imported);
    free(corim);
    return result;
}

static int open_references(struct bench_sized *sized)
{
    int result = open_device(sized, 0);

    return result ? result : fill_values(sized, false);
}

static int open_names(struct bench_sized *sized)
{
    int result = open_device(sized, 0);

    return result ? result : fill_values(sized, true);
}

static int open_devices(struct bench_sized *sized)
{
    int result = open_device(sized, 0);

    for (size_t i = 1; !result && i < sized->size; i++)
        result = import_device(sized, i);
    return result;
}

static int provision(struct bench_sized *sized)
{
    return import_device(sized, sized->size + sized->done);
}

static int open_components(struct bench_sized *sized)
{
    return open_device(sized, (unsigned)sized->size);
}

static int fill_sessions(struct bench_sized *sized, size_t limit)
{
    int result = open_device(sized, 0);
    char *path = NULL;

    if (!result)
        result = bench_verifier_limit(sized->verifier, limit);

    for (size_t i = 0; !result && i < sized->size; i++) {
        result = open_session(sized, &path);
        free(path);
        path = NULL;
    }
    return result;
}

static int open_sessions(struct bench_sized *sized)
{
    return fill_sessions(sized, SESSIONS_MAX);
}

static int come_and_go(struct bench_sized *sized)
{
    char *path = NULL;
    int result = open_session(sized, &path);

    if (!result)
        result = delete_session(sized, path);
    free(path);
    return result;
}

static int open_full(struct bench_sized *sized)
{
    return fill_sessions(sized, sized->size);
}

static int refuse(struct bench_sized *sized)
{
    const struct atls_request request = for_session(sized);

    return expect(sized, &request, 503);
}

const struct bench_size_kind bench_size_kinds[] = {
    {"references", "reference values of one class; an appraisal", ATLS_STORE_MAX_ENTRIES,
     open_references, appraise},
    {"names", "components endorsed and not measured; an appraisal", ATLS_STORE_MAX_ENTRIES,
     open_names, appraise},
    {"devices", "devices of one class, three reference values each; an appraisal",
     ATLS_STORE_MAX_ENTRIES / 3 - 1, open_devices, appraise},
    {"provisioning", "devices of one class; one more is endorsed",
     ATLS_STORE_MAX_ENTRIES / 3 - 100000, open_devices, provision},
    {"components", "components that were measured; an appraisal", ATLS_SIMULATED_COMPONENTS_MAX,
     open_components, appraise},
    {"sessions", "sessions that wait; one more comes and goes", SESSIONS_MAX - 1, open_sessions,
     come_and_go},
    {"sessions-full", "sessions that wait, as many as may; one more is refused", SESSIONS_MAX,
     open_full, refuse},
};
const size_t bench_size_kind_count = sizeof bench_size_kinds / sizeof *bench_size_kinds;

static int kind_of(const char *name, const struct bench_size_kind **kindp)
{
    for (size_t i = 0; i < bench_size_kind_count; i++) {
        if (strcmp(bench_size_kinds[i].name, name) == 0) {
            *kindp = &bench_size_kinds[i];
            return 0;
        }
    }
    return atls_fail(-EINVAL, NULL, "--of %s: nothing of that name can grow here; see --help",
                     name);
}

int bench_sized_open(const char *name, size_t size, struct bench_sized **sizedp)
{
    const struct bench_size_kind *kind = NULL;
    struct bench_sized *sized;
    int result = kind_of(name, &kind);

    if (result)
        return result;
    if (size == 0 || size > kind->most)
        return atls_fail(-EINVAL, NULL, "--size %zu: expected 1 to %zu of %s", size, kind->most,
                         name);
    sized = calloc(1, sizeof *sized);
    if (!sized)
        return no_memory();
    sized->kind = kind;
    sized->size = size;
    result = kind->open(sized);
    if (result)
        bench_sized_close(sized);
    else
        *sizedp = sized;
    return result;
}

int bench_sized_run(struct bench_sized *sized)
{
    int result = sized->kind->run(sized);

    sized->done++;
    return result;
}

size_t bench_sized_evidence(const struct bench_sized *sized)
{
    return sized ? sized->evidence_size : 0;
}

void bench_sized_close(struct bench_sized *sized)
{
    if (!sized)
        return;
    bench_verifier_free(sized->verifier);
    atls_corim_clear(&sized->endorsed);
    free(sized->nonce);
    free(sized->evidence);
    free(sized);
}
