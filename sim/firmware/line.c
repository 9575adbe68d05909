/* SPDX-License-Identifier: Apache-2.0 */
/* Every application's side of the line and of the veneers; see line.h. */
#include "sim/firmware/line.h"

#include "sim/device/link.h"
#include "sim/device/protocol.h"
#include "sim/firmware/board.h"
#include "sim/firmware/stage.h"
#include "sim/firmware/uart.h"
#include "veneers.h"

const char stage_name[] = ""; /* the secure world says whose lines these are */

static uint8_t payload[ATLS_LINK_HEADER_SIZE + ATLS_REQUEST_MAX + 4];
static uint8_t message[BOARD_ANSWER_MAX];
static uint8_t frame[ATLS_FRAME_ENCODED_MAX(ATLS_LINK_HEADER_SIZE + BOARD_ANSWER_MAX)];

service_request *const secure_request = (service_request *)VENEER_SECURE_REQUEST;
service_log *const secure_log = (service_log *)VENEER_SECURE_LOG;

void stage_put(const char *line, size_t size)
{
    secure_log(line, size > 0 && line[size - 1] == '\n' ? size - 1 : size);
}

static void answer(struct atls_link *link, struct atls_bytes request)
{
    int32_t size = secure_request(request.data, request.size, message, sizeof message);
    if (size < 0 || atls_link_answer(link, ATLS_BYTES(message, (size_t)size)))
        stage_log("a request could not be answered");
}

void line_serve(void)
{
    static struct atls_link link;
    struct atls_bytes request;
    atls_link_init(&link, payload, sizeof payload, frame, sizeof frame);
    uart_start(BOARD_LINE_UART, BOARD_LINE_IRQ);
    stage_log("ready");
    for (;;) {
        enum atls_link_event event =
            atls_link_push(&link, uart_receive(BOARD_LINE_UART, BOARD_LINE_IRQ), &request);
        if (event == ATLS_LINK_DO)
            answer(&link, request);
        if (event == ATLS_LINK_DO || event == ATLS_LINK_REPEAT)
            uart_send(BOARD_LINE_UART, link.answer, link.answer_size);
    }
}
