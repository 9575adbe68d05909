/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between a client and the device. Integers are big-endian; "vec8", "vec16", "vec24"
 * are byte strings behind a length of 1, 2 or 3 bytes. A request is its operation (1 byte) and
 * fields; nothing may follow them. Which request an answer belongs to is the link's affair
 * (link.h: session and sequence).
 *
 *   operation           request fields                     fields of the answer that says "done"
 *   1 info              -                                  instance id (33), implementation id
 * (32), lifecycle (2), PAK (key), components (2) 2 create-key        curve (1) handle (4), IK (key)
 *   3 destroy-key       handle (4)                         -
 *   4 attest-key        handle (4), challenge (vec8)       CAB (vec24)
 *   5 attest-platform   challenge (vec8)                   PSA token (vec24)
 *   6 sign              handle (4), digest (vec8)          signature r || s (vec8)
 *   7 boot-record       -                                  software components, CBOR (vec24)
 *   8 attest-prototype  handle (4), challenge (vec8)       bundle of the prototype of 2022 (vec24)
 *   9 keep-key          handle (4)                         -
 *  10 attest-as         kind (vec8), handle (4: 0 where
 *                       no key is attested), challenge
 *                       (vec8)                             evidence of that kind (vec24)
 *
 * A key belongs to the connection that created it: no other one can use or destroy it, and it is
 * destroyed when that connection ends. keep-key ends this: for a key that was enrolled, to be used
 * by other programs until it is destroyed or the device starts anew.
 *
 * The kind is the name of an evidence format (of PSA: key-binding, as the others have operations);
 * which ones a device makes, its root of trust decides. One whose root of trust is not PSA makes no
 * tokens of PSA, and refuses 4, 5 and 8.
 *
 *   key: curve (1: 1 P-256, 2 P-384), x, y (32 or 48 bytes each)
 *
 * An answer: operation (1), outcome (1), then the fields above where the outcome is 0 (done).
 * Otherwise a sentence and a clause for people (vec16 each, ASCII), the outcome being
 *   1 refused     the device will not do it
 *   2 malformed   it cannot read the request (the operation in the answer is then 0 where it could
 *                 not read even that)
 *   3 failed      it tried, and its own machinery failed
 *
 * No operation returns a private key, or anything from which one follows.
 */
#ifndef ATLS_SIM_DEVICE_PROTOCOL_H
#define ATLS_SIM_DEVICE_PROTOCOL_H

#include "rats/crypto/crypto.h"

enum atls_operation {
    ATLS_OP_NONE = 0,
    ATLS_OP_INFO = 1,
    ATLS_OP_CREATE_KEY,
    ATLS_OP_DESTROY_KEY,
    ATLS_OP_ATTEST_KEY,
    ATLS_OP_ATTEST_PLATFORM,
    ATLS_OP_SIGN,
    ATLS_OP_BOOT_RECORD,
    ATLS_OP_ATTEST_PROTOTYPE,
    ATLS_OP_KEEP_KEY,
    ATLS_OP_ATTEST_AS,
    ATLS_OP_LAST = ATLS_OP_ATTEST_AS
};
enum atls_answer { ATLS_DONE = 0, ATLS_REFUSED = 1, ATLS_BAD_REQUEST = 2, ATLS_FAILED = 3 };

#define ATLS_EVIDENCE_KIND_MAX 64 /* characters of its name */
#define ATLS_REQUEST_MAX 512      /* bytes of a request: a device need not hold more */
/* Bytes of an answer: evidence of 1 MiB (ATLS_CMW_MAX_SIZE) and to spare. Firmware has a smaller
 * buffer, and says "failed" to what does not fit. */
#define ATLS_ANSWER_MAX (1088u * 1024)

/* "info", "create-key", ...; "unknown" for anything else. Static storage. */
const char *atls_operation_name(unsigned operation);
/* "done", "refused", "malformed", "failed"; "unknown". */
const char *atls_answer_name(unsigned answer);

/* An answer that says no, with text and clause of the newest atls_fail(). ANSWER is not ATLS_DONE.
 */
void atls_protocol_put_refusal(struct atls_sink *s, uint8_t operation, enum atls_answer answer);

void atls_protocol_put_key(struct atls_sink *s, const struct atls_public_key *key);
/* ATLS_E_MALFORMED; whether the point is on its curve is not checked. */
int atls_protocol_take_key(struct atls_cursor *c, struct atls_public_key *keyp);

#endif
