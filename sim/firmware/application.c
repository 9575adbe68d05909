/* SPDX-License-Identifier: Apache-2.0 */
/* The application: keeps the line of the TLS process, and asks nothing for itself. */
#include "sim/firmware/line.h"
#include "sim/firmware/stage.h"

void stage_main(void)
{
    line_serve();
}
