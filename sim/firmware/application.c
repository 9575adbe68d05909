/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application of the non-secure world: keeps the serial line, over which the TLS process on the
 * host asks for keys, evidence and signatures, and brings each request to the secure world. It
 * never sees a key.
 */
#include "rats/error.h"
#include "sim/device/link.h"
#include "sim/device/protocol.h"
#include "sim/firmware/board.h"
#include "sim/firmware/services.h"
#include "sim/firmware/stage.h"
#include "sim/firmware/uart.h"
#include "veneers.h"

const char stage_name[] = "APP";

static uint8_t payload[ATLS_LINK_HEADER_SIZE + ATLS_REQUEST_MAX + 4];
static uint8_t message[ATLS_ANSWER_MAX];
static uint8_t frame[ATLS_FRAME_ENCODED_MAX(ATLS_LINK_HEADER_SIZE + ATLS_ANSWER_MAX)];

static service_request *const secure_request = (service_request *)VENEER_SECURE_REQUEST;
static service_log *const secure_log = (service_log *)VENEER_SECURE_LOG;

void stage_put(const char *line, size_t size)
{
    secure_log(line, size);
}

static void answer(struct atls_link *link, struct atls_bytes request)
{
    int32_t size = secure_request(request.data, request.size, message, sizeof message);
    if (size < 0 || atls_link_answer(link, ATLS_BYTES(message, (size_t)size)))
        stage_log("a request could not be answered");
}

static void serve(struct atls_link *link)
{
    struct atls_bytes request;
    for (;;) {
        enum atls_link_event event =
            atls_link_push(link, uart_receive(BOARD_LINE_UART, BOARD_LINE_IRQ), &request);
        if (event == ATLS_LINK_DO)
            answer(link, request);
        if (event == ATLS_LINK_DO || event == ATLS_LINK_REPEAT)
            uart_send(BOARD_LINE_UART, link->answer, link->answer_size);
    }
}

void stage_main(void)
{
    static struct atls_link link;
    atls_link_init(&link, payload, sizeof payload, frame, sizeof frame);
    uart_start(BOARD_LINE_UART, BOARD_LINE_IRQ);
    stage_log("ready");
    serve(&link);
    stage_stop();
}
