/* SPDX-License-Identifier: Apache-2.0 */
/* A serial line of the board (CMSDK APB UART). */
#ifndef ATLS_SIM_FIRMWARE_UART_H
#define ATLS_SIM_FIRMWARE_UART_H

#include <stddef.h>
#include <stdint.h>

/* BASE is the UART's address, as the caller's side may see it. */
void uart_start_sending(uint32_t base);
/* Both ways; IRQ wakes the processor when a byte has come (interrupts are masked: nobody is
 * called). */
void uart_start(uint32_t base, unsigned irq);
void uart_send(uint32_t base, const uint8_t *data, size_t size);
/* Sleeps until there is one. */
uint8_t uart_receive(uint32_t base, unsigned irq);

#endif
