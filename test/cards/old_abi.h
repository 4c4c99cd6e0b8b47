/* SPDX-License-Identifier: MIT */
/*
 * The interface as existing cards were compiled with it: its numbers, sizes and offsets,
 * as far as test/cards/nvme.c calls. On purpose not linux/pciem.h, which they never saw.
 */
#ifndef OLD_ABI_H
#define OLD_ABI_H

#include <stddef.h>
#include <stdint.h>

/* A call's number holds the size of what it is given. */
#define FITS(call, type) _Static_assert(sizeof(struct type) == ((call) >> 16 & 0x3fff), #call)

#define CREATE_DEVICE	0xc008af0aUL
#define ADD_BAR		0x4018af0bUL
#define ADD_CAPABILITY	0x4018af0cUL
#define SET_CONFIG	0x4018af0dUL
#define REGISTER	0x0000af0eUL
#define INJECT_IRQ	0x4008af0fUL
#define DMA		0xc020af10UL
#define SET_EVENTFD	0x4008af15UL
#define DMA_INDIRECT	0xc030af18UL
#define TRACE_BAR	0xc00caf19UL
#define START		0x0000af1aUL

struct create_device {
	uint32_t flags;
	uint8_t func, reserved[3];
};
FITS(CREATE_DEVICE, create_device);

struct add_bar {
	uint32_t bar_index, flags;	/* flags: the low bits of the BAR's register */
	uint64_t size;
	uint8_t func, reserved[7];
};
FITS(ADD_BAR, add_bar);

#define CAP_MSIX	1
#define CAP_PCIE	3

struct add_capability {
	uint32_t cap_type;
	uint8_t func, reserved[3];
	union {
		struct {
			uint8_t bar_index, reserved[3];
			uint32_t table_offset, pba_offset;
			uint16_t table_size;
		} msix;
		uint8_t raw[16];
	};
};
FITS(ADD_CAPABILITY, add_capability);
_Static_assert(offsetof(struct add_capability, msix.table_size) == 8 + 12, "MSI-X");

struct set_config {
	uint8_t func, reserved[3];
	uint16_t vendor_id, device_id, subsys_vendor_id, subsys_device_id;
	uint8_t revision, class_code[3], header_type, reserved2[7];
};
FITS(SET_CONFIG, set_config);
_Static_assert(offsetof(struct set_config, class_code) == 13, "class code");

struct inject_irq {
	uint32_t vector;
	uint8_t func, reserved[3];
};
FITS(INJECT_IRQ, inject_irq);

#define DMA_FROM_DRIVER	1
#define DMA_TO_DRIVER	2

struct dma {
	uint64_t guest_iova, user_addr;
	uint32_t length, pasid, flags;
	uint8_t func, reserved[3];
};
FITS(DMA, dma);

struct dma_indirect {
	uint64_t prp1, prp2, user_addr;
	uint32_t length, page_size, pasid, flags;
	uint8_t func, reserved[7];
};
FITS(DMA_INDIRECT, dma_indirect);

struct set_eventfd {
	int32_t eventfd;
	uint32_t reserved;
};
FITS(SET_EVENTFD, set_eventfd);

#define TRACE_WRITES	2

struct trace_bar {
	uint32_t bar_index, flags;
	uint8_t func, reserved[3];
};
FITS(TRACE_BAR, trace_bar);

#define EVENT_MMIO_WRITE	2

struct event {
	uint64_t seq;
	uint32_t type, bar;
	uint64_t offset;
	uint32_t size, reserved;
	uint64_t data, timestamp;
};

#define RING_ENTRIES	256

struct ring {
	uint32_t head;			/* the card's */
	uint8_t pad[60];
	uint32_t tail;			/* the kernel's */
	uint8_t pad2[60];
	struct event events[RING_ENTRIES];
};
_Static_assert(sizeof(struct ring) == 12416, "ring");

#endif /* OLD_ABI_H */
