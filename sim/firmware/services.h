/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the secure world offers to the application, called through veneers: the only doors between
 * the two. Every pointer is checked to lie in the caller's world before it is followed.
 */
#ifndef ATLS_SIM_FIRMWARE_SERVICES_H
#define ATLS_SIM_FIRMWARE_SERVICES_H

#include <stdint.h>

/* Another call is under way: an interrupt of the caller's world came into the middle of it. */
#define SERVICE_BUSY (-2)

/* One request of sim/device/protocol.h: bytes of the answer in ANSWER, or -1 where a pointer is not
 * the caller's, or SERVICE_BUSY. The answer "no" is an answer. */
typedef int32_t service_request(const uint8_t *request, uint32_t size, uint8_t *answer,
                                uint32_t capacity);
/* A line for the log, at most 256 bytes, without its end; it is marked as the application's. -1
 * where the pointer is not the caller's, or SERVICE_BUSY. */
typedef int32_t service_log(const char *line, uint32_t size);

#endif
