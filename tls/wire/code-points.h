/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers that no draft assigns yet, in one table: extension types, certificate types and
 * alerts. Defaults are of the private-use ranges where there are any; a JSON object overrides them
 * by name, so that peers with other numbers can be met.
 */
#ifndef ATLS_TLS_WIRE_CODE_POINTS_H
#define ATLS_TLS_WIRE_CODE_POINTS_H

#include <stddef.h>
#include <stdint.h>

#include "rats/base/bytes.h"

enum atls_code_point {
    /* extension types, 16 bits */
    ATLS_CP_EVIDENCE_REQUEST,
    ATLS_CP_EVIDENCE_PROPOSAL,
    ATLS_CP_RESULTS_REQUEST,
    ATLS_CP_RESULTS_PROPOSAL,
    ATLS_CP_ATTESTATION_EVIDENCE,
    ATLS_CP_ATTESTATION,
    ATLS_CP_REMOTE_ATTESTATION,
    ATLS_CP_CMW_ATTESTATION,
    ATLS_CP_POC_EVIDENCE_PROPOSAL,
    /* certificate types, 8 bits */
    ATLS_CP_CERTIFICATE_TYPE_ATTESTATION,
    /* alerts, 8 bits */
    ATLS_CP_UNSUPPORTED_EVIDENCE,
    ATLS_CP_UNSUPPORTED_VERIFIERS,
    ATLS_CP_ATTESTATION_FAILED,
    ATLS_CP_UNSUPPORTED_ATTESTATION_SCHEMES,
    ATLS_CP_ATTESTATION_REQUIRED,
    ATLS_CODE_POINT_COUNT
};

/* What others have in place of the table's number: attestation_evidence, where tls-attestation puts
 * a number to it, and cmw_attestation, as the Rust implementation has it. */
#define ATLS_ATTESTATION_EVIDENCE_OF_DRAFT 60
#define ATLS_CMW_ATTESTATION_OF_RUST 0xFFFF

struct atls_code_points {
    uint16_t value[ATLS_CODE_POINT_COUNT];
};

void atls_code_points_default(struct atls_code_points *pointsp);
/* The name as drafts and prototypes write it: "evidence_request". Static storage. */
const char *atls_code_point_name(enum atls_code_point point);
/* The extension type of that name, ATLS_CODE_POINT_COUNT where there is none. NAME ends at SIZE. */
enum atls_code_point atls_extension_by_name(const char *name, size_t size);
/* Overrides POINTS by the JSON text: {"evidence_request": 65296, "attestation_failed": "0xE2"}.
 * ATLS_E_MALFORMED: not such an object, or an unknown or repeated name. ATLS_E_LIMIT: a number out
 * of bounds, 0xFF01 (renegotiation_info), an alert 0 (close_notify), or two extensions with the
 * same number. POINTS is unchanged then. */
int atls_code_points_override(struct atls_code_points *points, struct atls_bytes json);
/* The same from a file. As atls_read_file() besides. */
int atls_code_points_load(struct atls_code_points *points, const char *path);

/* An alert's name: of this table, or of RFC 8446 section 6; "unknown" otherwise. */
const char *atls_alert_name(const struct atls_code_points *points, unsigned alert);

/* Alerts of RFC 8446 section 6 that are sent here. */
enum atls_alert {
    ATLS_ALERT_CLOSE_NOTIFY = 0,
    ATLS_ALERT_UNEXPECTED_MESSAGE = 10,
    ATLS_ALERT_HANDSHAKE_FAILURE = 40,
    ATLS_ALERT_BAD_CERTIFICATE = 42,
    ATLS_ALERT_UNSUPPORTED_CERTIFICATE = 43,
    ATLS_ALERT_ILLEGAL_PARAMETER = 47,
    ATLS_ALERT_UNKNOWN_CA = 48,
    ATLS_ALERT_ACCESS_DENIED = 49,
    ATLS_ALERT_DECODE_ERROR = 50,
    ATLS_ALERT_DECRYPT_ERROR = 51,
    ATLS_ALERT_INTERNAL_ERROR = 80,
    ATLS_ALERT_MISSING_EXTENSION = 109,
    ATLS_ALERT_UNSUPPORTED_EXTENSION = 110,
    ATLS_ALERT_CERTIFICATE_REQUIRED = 116,
};

#endif
