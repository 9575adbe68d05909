/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attester with the bundle of the prototype of 2022 as evidence. Inside, its two tokens travel
 * as those of a CAB, so that whatever is done to evidence is done to them alike; the bundle is made
 * of them at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rats/base/error.h"
#include "rats/tokens/prototype.h"
#include "roles/attester-private.h"
#include "roles/faults-output.h"

#define WRAPPING 128 /* bytes that a CAB has around its tokens, and to spare */

int atls_attester_prototype_evidence(struct atls_device *device, uint32_t handle,
                                     struct atls_bytes challenge, uint8_t **cabp, size_t *sizep)
{
    struct atls_bytes kat, pat, written;
    struct atls_cbor_writer w;
    uint8_t *bundle, *cab;
    size_t size;
    int result = atls_device_attest_prototype(device, handle, challenge, &bundle, &size);

    if (result) {
        return result;
    }
    result = atls_prototype_bundle_split(ATLS_BYTES(bundle, size), &kat, &pat);
    if (!result) {
        cab = malloc(size + WRAPPING);
        if (!cab) {
            result = atls_fail(-ENOMEM, NULL, "no memory for evidence");
        }
    }
    if (!result) {
        atls_cbor_write_init(&w, cab, size + WRAPPING);
        atls_cab_write(&w, kat, pat);
        result = atls_cbor_write_done(&w, &written);
        if (result) {
            free(cab);
        }
    }
    free(bundle);
    if (result) {
        return result;
    }
    *cabp = cab;
    *sizep = written.size;
    return 0;
}

static int write_bundle(struct atls_bytes kat, struct atls_bytes pat, uint8_t **bundlep,
                        size_t *sizep)
{
    struct atls_sink sink;
    int result = atls_fault_output(kat.size + pat.size, &sink);

    if (result) {
        return result;
    }
    result = atls_prototype_bundle_write(&sink, kat, pat);
    if (result) {
        free(sink.data);
        return result;
    }
    return atls_fault_done(&sink, bundlep, sizep);
}

int atls_attester_prototype_bundle(struct atls_bytes cab, uint8_t **bundlep, size_t *sizep)
{
    const struct atls_cmw *kat, *pat;
    struct atls_cmw *cmw;
    int result = atls_cmw_parse_as(ATLS_CBOR, cab, &cmw);

    if (result) {
        return result;
    }
    kat = atls_cmw_find(cmw, "kat");
    pat = atls_cmw_find(cmw, "pat");
    result = kat && pat
                 ? write_bundle(kat->value, pat->value, bundlep, sizep)
                 : atls_fail(ATLS_E_MISSING, ATLS_PROTOTYPE_CLAUSE, "a bundle holds KAT and PAT");
    atls_cmw_free(cmw);
    return result;
}

int atls_attester_check_prototype_faults(const struct atls_attester *attester)
{
    static const char *const of_bytes[] = {"cmw", "cmw-truncated", "cmw-trailing-byte"};

    for (size_t i = 0; i < attester->wrapper.count; i++) {
        const char *name = attester->wrapper.fault[i].name;
        bool known = false;
        for (size_t j = 0; j < sizeof of_bytes / sizeof *of_bytes; j++) {
            known = known || strcmp(name, of_bytes[j]) == 0;
        }
        if (!known) {
            return atls_fail(ATLS_E_UNSUPPORTED, NULL,
                             "fault %s is of a CMW: the prototype's bundle is none", name);
        }
    }
    return 0;
}

int atls_attester_break_bundle(const struct atls_faults *wrapper, struct atls_bytes bundle,
                               uint8_t **outp, size_t *sizep, const char **namep)
{
    struct atls_sink out;
    int result = 0;

    *outp = NULL;
    *namep = NULL;
    if (wrapper->count == 0) {
        return 0;
    }
    result = atls_fault_output(bundle.size, &out);
    if (result) {
        return result;
    }
    const char *name = wrapper->fault[0].name;
    if (!atls_fault_of_bytes(name, wrapper->fault[0].value, bundle, &out, &result) || result) {
        free(out.data);
        return result ? result : atls_fail(ATLS_E_UNSUPPORTED, NULL, "fault %s is of a CMW", name);
    }
    result = atls_fault_done(&out, outp, sizep);
    *namep = result ? NULL : name;
    return result;
}
