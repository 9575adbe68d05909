/* SPDX-License-Identifier: Apache-2.0 */
/* What both roles report alike: files in the artifacts directory, and credentials in events. */
#ifndef ATLS_ROLES_REPORT_H
#define ATLS_ROLES_REPORT_H

#include "program/events.h"
#include "rats/cmw/cmw.h"

#define ATLS_ARTIFACT_NAME 64

/* Writes DATA as "conn-CONN-WHAT" into DIRECTORY, or as "conn-CONN-ROUND-WHAT" where a connection
 * has it again, with ROUND from 2; before any connection (0) the newest replaces the others. NAMEP
 * gets that name, or "" where there is no directory or it cannot be written: a lost copy for people
 * stops no handshake. */
void atls_report_artifact(const char *directory, unsigned conn, const char *what,
                          struct atls_bytes data, char namep[ATLS_ARTIFACT_NAME]);
/* The event credential, with the file conn-N-DIRECTION-credential.cbor (or .json). What is no CMW
 * has no form and no serialization. */
void atls_report_credential(struct atls_events *events, const char *directory, unsigned conn,
                            const char *direction, struct atls_bytes cmw);
/* The event result of that signed EAR. FILE "" and EXPIRES_IN INT64_MIN mean unknown. */
void atls_report_result(struct atls_events *events, unsigned conn, const char *source,
                        struct atls_bytes token, const char *file, int64_t expires_in);

#endif
