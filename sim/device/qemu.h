/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU as the processor of a device: started with the ROM stage of sim/firmware and a flash,
 * watched through the log that the firmware writes, asked over its serial line. It ends with its
 * parent, and what becomes of the firmware (refused to boot, faulted, hangs) is told as such.
 */
#ifndef ATLS_SIM_DEVICE_QEMU_H
#define ATLS_SIM_DEVICE_QEMU_H

#include "rats/base/bytes.h"

struct atls_qemu;

struct atls_qemu_options {
    const char *rom; /* ELF */
    int flash;       /* a file of ATLS_FLASH_SIZE bytes */
    int log;         /* an empty file, which the firmware's log is written to */
    /* A unix socket for GDB's remote protocol, at which the processor waits before its first
     * instruction; NULL: it runs. */
    const char *debug;
};

/* ATLS_E_UNSUPPORTED where there is no QEMU for the board; -errno. The files stay the caller's. */
int atls_qemu_start(const struct atls_qemu_options *options, struct atls_qemu **qemup);
/* Until the firmware can be asked. ATLS_E_UNAVAILABLE, with what became of it, where it ends
 * otherwise or takes longer than TIMEOUT_MS. */
int atls_qemu_await(struct atls_qemu *qemu, unsigned timeout_ms);
/* One request and its answer, which is good until the next. ATLS_E_UNAVAILABLE, likewise; -errno.
 */
int atls_qemu_exchange(struct atls_qemu *qemu, struct atls_bytes request,
                       struct atls_bytes *answerp);
/* Noise on the serial line, towards the firmware: bytes that are no frame, and half of one. */
void atls_qemu_disturb(struct atls_qemu *qemu);
/* What the firmware has logged so far. *TEXTP is allocated and ends with a zero byte. -errno. */
int atls_qemu_log(const struct atls_qemu *qemu, char **textp);
/* Cuts the power. */
void atls_qemu_stop(struct atls_qemu *qemu);

#endif
