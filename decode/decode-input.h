/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people paste: the same message in binary, as hexadecimal in its many habits, as base64 of
 * either alphabet, in armour. Found out from the bytes, for a tool to be pointed at anything. No
 * protocol reads its messages through this.
 */
#ifndef ATLS_DECODE_DECODE_INPUT_H
#define ATLS_DECODE_DECODE_INPUT_H

#include "rats/base/bytes.h"

enum atls_input_form { ATLS_INPUT_AUTO, ATLS_INPUT_BINARY, ATLS_INPUT_HEX, ATLS_INPUT_BASE64 };
const char *atls_input_form_name(enum atls_input_form form);

/* *DATAP is allocated: the message; *FORMP: the form it was in (BINARY also for JSON and JWT, which
 * are text already). Hexadecimal may have white space, colons, commas, "0x", and h'' around it;
 * base64 any line breaks and padding. In doubt the reading wins that is a known message. -ENOMEM,
 * ATLS_E_MALFORMED where FORM says what it must be and it is not. */
int atls_input_decode(struct atls_bytes raw, enum atls_input_form form, uint8_t **datap,
                      size_t *sizep, enum atls_input_form *formp);

#endif
