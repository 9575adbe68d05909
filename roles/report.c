/* SPDX-License-Identifier: Apache-2.0 */
/* Events and files about credentials and results, for either role. */
#include "roles/report.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "program/program.h"
#include "rats/base/error.h"
#include "rats/crypto/crypto.h"
#include "rats/ear/ear.h"
#include "rats/json/json.h"

#define ROUNDS_MAX 1000 /* of attestation in a connection; what comes behind replaces the last */

void atls_report_artifact(const char *directory, unsigned conn, const char *what,
                          struct atls_bytes data, char namep[ATLS_ARTIFACT_NAME])
{
    char path[PATH_MAX];

    namep[0] = '\0';
    if (!directory) {
        return;
    }
    char name[ATLS_ARTIFACT_NAME];
    bool free = false;
    for (unsigned round = 1; !free && round <= ROUNDS_MAX; round++) {
        int used = round == 1 ? snprintf(name, sizeof name, "conn-%u-%s", conn, what)
                              : snprintf(name, sizeof name, "conn-%u-%u-%s", conn, round, what);
        if (used < 0 || (size_t)used >= sizeof name) {
            return;
        }
        used = snprintf(path, sizeof path, "%s/%s", directory, name);
        if (used < 0 || (size_t)used >= sizeof path) {
            return;
        }
        free = conn == 0 || access(path, F_OK) != 0;
    }
    if (atls_write_file(path, data) == 0) {
        snprintf(namep, ATLS_ARTIFACT_NAME, "%s", name);
    } else {
        fprintf(stderr, "%s\n", atls_error_text());
    }
}

/* The first byte tells the form (RFC 9999), even of what is malformed behind it. */
static const char *form_of(struct atls_bytes cmw)
{
    struct atls_bytes json = atls_json_skip_space(cmw);
    bool is_json = json.size && (json.data[0] == '[' || json.data[0] == '{');
    uint8_t first = is_json ? json.data[0] : cmw.size ? cmw.data[0] : 0;

    if (first == '[' || (first >= 0x80 && first <= 0x9f)) {
        return "record";
    }
    if (first == '{' || (first >= 0xa0 && first <= 0xbf)) {
        return "collection";
    }
    return first == 0xda ? "tag" : NULL;
}

void atls_report_credential(struct atls_events *events, const char *directory, unsigned conn,
                            const char *direction, struct atls_bytes cmw)
{
    uint8_t digest[ATLS_HASH_MAX];
    char what[48], file[ATLS_ARTIFACT_NAME];
    enum atls_serialization serialization;

    if (!directory && !atls_events_heard(events)) {
        return;
    }
    bool known = atls_cmw_sniff(cmw, &serialization) == 0;
    bool json = known && serialization == ATLS_JSON;
    const char *form = form_of(cmw);
    json_t *fields = json_pack("{s:i, s:s, s:I}", "conn", (int)conn, "direction", direction,
                               "bytes", (json_int_t)cmw.size);

    if (form) {
        atls_json_add(&fields, "form", json_string(form));
    }
    if (known) {
        atls_json_add(&fields, "serialization", json_string(json ? "json" : "cbor"));
    }
    if (atls_crypto_hosted.hash(ATLS_SHA256, &cmw, 1, digest) == 0) {
        atls_json_add(&fields, "sha256",
                      atls_json_hex(ATLS_BYTES(digest, atls_hash_size(ATLS_SHA256))));
    }
    snprintf(what, sizeof what, "%s-credential.%s", direction, json ? "json" : "cbor");
    atls_report_artifact(directory, conn, what, cmw, file);
    if (file[0]) {
        atls_json_add(&fields, "file", json_string(file));
    }
    atls_event_object(events, "credential", fields);
}

void atls_report_result(struct atls_events *events, unsigned conn, const char *source,
                        struct atls_bytes token, const char *file, int64_t expires_in)
{
    if (!atls_events_heard(events)) {
        return;
    }
    json_t *fields =
        json_pack("{s:i, s:s, s:s}", "conn", (int)conn, "source", source, "serialization",
                  atls_ear_serialization_name(atls_ear_serialization_of(token)));

    if (file[0]) {
        atls_json_add(&fields, "file", json_string(file));
    }
    if (expires_in != INT64_MIN) {
        atls_json_add(&fields, "expires_in", json_integer(expires_in));
    }
    atls_event_object(events, "result", fields);
}
