/* SPDX-License-Identifier: Apache-2.0 */
/* Arm CCA as root of trust, simulated (draft-ffm-rats-cca-token); see kind.h. */
#ifndef ATLS_SIM_ROOTS_CCA_H
#define ATLS_SIM_ROOTS_CCA_H

#include "sim/roots/kind.h"

#define ATLS_CCA_WORKLOAD "REALM" /* the image that runs in the realm, and is not the platform */

extern const struct atls_root_kind atls_root_cca;

#endif
