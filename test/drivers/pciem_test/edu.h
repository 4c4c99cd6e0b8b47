/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The edu device: BAR 0, 64 KiB. Registers are 32 bits wide and little endian,
 * 64-bit ones two of them, low half first. Those below EDU_SCRATCH are answered by
 * the model, one read at a time, since most of them change when they are read.
 */
#ifndef EDU_H
#define EDU_H

#define EDU_VENDOR		0x1db7
#define EDU_DEVICE		0x0e10

#define EDU_BAR_SIZE		0x10000

#define EDU_ID			0x00	/* EDU_ID_VALUE */
#define EDU_LIVENESS		0x04	/* reads as the inverse of what was written */
#define EDU_STATUS		0x08	/* writing sets bits, reading clears all; the kernel's own */
#define EDU_FIFO_DATA		0x0c	/* writing pushes, reading pops; 0 when empty */
#define EDU_FIFO_LEVEL		0x10
#define EDU_INDEX		0x14	/* chooses the word that DATA is */
#define EDU_DATA		0x18
#define EDU_IRQ_RAISE		0x20	/* writing N raises vector N */
#define EDU_IRQ_STATUS		0x24	/* a bit for each vector raised; reading clears all */
#define EDU_COUNTER		0x28	/* goes up with each read */
#define EDU_DMA_SRC		0x30	/* 64 bits */
#define EDU_DMA_DST		0x38	/* 64 bits */
#define EDU_DMA_LEN		0x40
#define EDU_DMA_CMD		0x44	/* EDU_DMA_*; reads 0, or EDU_DMA_FAILED */

#define EDU_SCRATCH		0x1000	/* memory behind traps */
#define EDU_DIRECT		0x2000	/* memory without */
#define EDU_MSIX_TABLE		0x4000
#define EDU_MSIX_PBA		0x5000

#define EDU_ID_VALUE		0x010000ed
#define EDU_FIFO_DEPTH		256
#define EDU_INDEXED_WORDS	64
#define EDU_VECTORS		8
#define EDU_DMA_BUFFER		65536

#define EDU_DMA_READ		1	/* memory at DMA_SRC into the device's buffer */
#define EDU_DMA_WRITE		2	/* the buffer to memory at DMA_DST, then EDU_DMA_VECTOR */
#define EDU_DMA_FAILED		0x80000000
#define EDU_DMA_VECTOR		1

#endif /* EDU_H */
