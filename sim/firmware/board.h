/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board: QEMU's mps2-an505, a Cortex-M33 with TrustZone-M. Who owns which memory, and the few
 * registers that the stages touch. Addresses with bit 28 set are the secure aliases.
 *
 *   0x10000000  ROM stage, loaded by QEMU                     0x38000000  its data and stack
 *   0x10010000  bootloader, copied there by the ROM           0x38010000  its data and stack
 *   0x10040000  secure image, copied by the bootloader        0x38080000  its data and stack
 *   0x00200000  application (non-secure), copied likewise     0x28200000  its data and stack
 *   0x38180000  boot record on its way between the stages
 *   0x80000000  flash (QEMU's PSRAM, a file of the host's): sim/boot/flash.h
 */
#ifndef ATLS_SIM_FIRMWARE_BOARD_H
#define ATLS_SIM_FIRMWARE_BOARD_H

#include <stdint.h>

/* What the secure image's RAM has room for; the host's device has more of both. */
#define BOARD_COMPONENTS 1024
#define BOARD_ANSWER_MAX (256u * 1024) /* bytes of an answer */

#define BOARD_REGISTER(address) (*(volatile uint32_t *)(address))

/* A window holds an image's header right before its body, which begins here, aligned for VTOR. */
#define BOARD_BODY_AT 0x200u
#define BOARD_BOOTLOADER 0x10010000u
#define BOARD_BOOTLOADER_SIZE 0x20000u
#define BOARD_SECURE 0x10040000u
#define BOARD_SECURE_SIZE 0x80000u
#define BOARD_APPLICATION 0x10200000u /* as the bootloader writes it */
#define BOARD_APPLICATION_NS 0x00200000u
#define BOARD_APPLICATION_SIZE 0x80000u
#define BOARD_NS_CODE_END 0x003fffffu
#define BOARD_NS_RAM 0x28200000u
#define BOARD_NS_RAM_END 0x283fffffu
#define BOARD_HANDOVER 0x38180000u
#define BOARD_HANDOVER_SIZE 0x40000u
#define BOARD_FLASH 0x80000000u

#define BOARD_LOG_UART 0x50200000u  /* UART0, secure: what a person reads */
#define BOARD_LINE_UART 0x40201000u /* UART1, non-secure: requests and answers */
#define BOARD_LINE_IRQ 34u          /* UART1 has received */

/* Arm v8-M */
#define BOARD_VTOR BOARD_REGISTER(0xE000ED08u)
#define BOARD_VTOR_NS BOARD_REGISTER(0xE002ED08u)
#define BOARD_AIRCR BOARD_REGISTER(0xE000ED0Cu)
#define BOARD_AIRCR_KEY 0x05FA0000u    /* without it a write is ignored */
#define BOARD_AIRCR_PRIS (1u << 14)    /* the other world's interrupts come behind this one's */
#define BOARD_AIRCR_PRIGROUP (7u << 8) /* what of the register has to be written back */
#define BOARD_AIRCR_BFHFNMINS (1u << 13)
#define BOARD_SHCSR BOARD_REGISTER(0xE000ED24u)
#define BOARD_CFSR BOARD_REGISTER(0xE000ED28u)
#define BOARD_SFSR BOARD_REGISTER(0xE000EDE4u)
#define BOARD_SAU_CTRL BOARD_REGISTER(0xE000EDD0u)
#define BOARD_SAU_RNR BOARD_REGISTER(0xE000EDD8u)
#define BOARD_SAU_RBAR BOARD_REGISTER(0xE000EDDCu)
#define BOARD_SAU_RLAR BOARD_REGISTER(0xE000EDE0u)
#define BOARD_NVIC_ISER(irq) BOARD_REGISTER(0xE000E100u + 4 * ((irq) / 32))
#define BOARD_NVIC_ICPR(irq) BOARD_REGISTER(0xE000E280u + 4 * ((irq) / 32))
#define BOARD_NVIC_ITNS(irq) BOARD_REGISTER(0xE000E380u + 4 * ((irq) / 32))

/* IoT kit: what is non-secure (SPCB), and the memory protection controllers */
#define BOARD_NSCCFG BOARD_REGISTER(0x50080014u)
#define BOARD_APBNSPPCEXP1 BOARD_REGISTER(0x50080084u)
#define BOARD_PPC_LINE_UART (1u << 6)
#define BOARD_MPC_CODE 0x58007000u /* 0x00000000, 4 MiB */
#define BOARD_MPC_RAM 0x58009000u  /* 0x28200000, 2 MiB */

#endif
