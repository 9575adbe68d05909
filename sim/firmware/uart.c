/* SPDX-License-Identifier: Apache-2.0 */
/* The serial lines; see uart.h. */
#include "sim/firmware/uart.h"

#include "sim/firmware/board.h"

#define DATA(base) BOARD_REGISTER((base) + 0x00)
#define STATE(base) BOARD_REGISTER((base) + 0x04)
#define CTRL(base) BOARD_REGISTER((base) + 0x08)
#define INTCLEAR(base) BOARD_REGISTER((base) + 0x0c)
#define BAUDDIV(base) BOARD_REGISTER((base) + 0x10)

#define TX_FULL 1u
#define RX_FULL 2u
#define TX_ENABLE 1u
#define RX_ENABLE 2u
#define RX_INTERRUPT_ENABLE 8u
#define RX_INTERRUPT 2u
#define FASTEST 16u /* the least divisor that the UART takes */

void uart_start_sending(uint32_t base)
{
    BAUDDIV(base) = FASTEST;
    CTRL(base) = TX_ENABLE;
}

void uart_start(uint32_t base, unsigned irq)
{
    __asm__ volatile("cpsid i");
    BAUDDIV(base) = FASTEST;
    CTRL(base) = TX_ENABLE | RX_ENABLE | RX_INTERRUPT_ENABLE;
    BOARD_NVIC_ISER(irq) = 1u << irq % 32;
    (void)DATA(base); /* QEMU asks its other end for bytes only after a read */
}

void uart_send(uint32_t base, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        while (STATE(base) & TX_FULL)
            ;
        DATA(base) = data[i];
    }
}

uint8_t uart_receive(uint32_t base, unsigned irq)
{
    uint8_t byte;
    while (!(STATE(base) & RX_FULL))
        __asm__ volatile("wfi");
    byte = (uint8_t)DATA(base);
    INTCLEAR(base) = RX_INTERRUPT;
    BOARD_NVIC_ICPR(irq) = 1u << irq % 32;
    return byte;
}
