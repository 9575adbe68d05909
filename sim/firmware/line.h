/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serial line of the non-secure world: over it the TLS process on the host asks for keys,
 * evidence and signatures. The application brings each request to the secure world and never sees a
 * key.
 */
#ifndef ATLS_SIM_FIRMWARE_LINE_H
#define ATLS_SIM_FIRMWARE_LINE_H

#include "sim/firmware/services.h"

/* The secure world's doors, at the addresses that its image has them. */
extern service_request *const secure_request;
extern service_log *const secure_log;

void line_serve(void) __attribute__((noreturn));

#endif
