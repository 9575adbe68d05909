/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of atls-device (harness/peers/README.md), checked before anything is done. */
#ifndef ATLS_SIM_DEVICE_OPTIONS_H
#define ATLS_SIM_DEVICE_OPTIONS_H

#include "sim/device/emulated.h"
#include "sim/device/leak.h"

enum atls_device_command { ATLS_DEVICE_RUN, ATLS_DEVICE_PROVISION, ATLS_DEVICE_IMAGES };

struct atls_device_options { /* texts are argv's; free with atls_device_options_clear() */
    enum atls_device_command command;
    bool emulated; /* --backend qemu */
    struct atls_emulated_options device;
    struct atls_server_faults faults;
    struct atls_leaks leaks;
    enum atls_corim_dialect dialect;
    enum atls_endorsed_part part;
    const char *listen, *events, *output, *provision, *event_log;
    char **tamper, **update, **release; /* what those of device point at */
};

/* -EINVAL (usage), ATLS_E_UNSUPPORTED (a value this program does not know), -ENOMEM. --help,
 * --version and unknown options end the program. *OPTIONSP can be cleared in any case. */
int atls_device_options_parse(int argc, char **argv, struct atls_device_options *optionsp);
void atls_device_options_clear(struct atls_device_options *options);
/* A lifecycle state (enum atls_psa_lifecycle) as --lifecycle takes it. Static storage. */
const char *atls_lifecycle_word(uint16_t lifecycle);

#endif
