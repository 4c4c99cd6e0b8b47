/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The proto device: BAR 0, 16 KiB, and a ring of descriptors in memory. The driver
 * moves DOORBELL to the descriptor behind the last one that it has filled; the device
 * works through them and raises one interrupt.
 */
#ifndef PROTO_H
#define PROTO_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/pci.h>

#define PROTO_VENDOR		0x1db7
#define PROTO_DEVICE		0x0e30

#define PROTO_ID		0x00	/* PROTO_ID_VALUE */
#define PROTO_CONTROL		0x04
#define PROTO_STATUS		0x08
#define PROTO_IRQ_STATUS	0x0c
#define PROTO_IRQ_ACK		0x10	/* ones clear bits of IRQ_STATUS */
#define PROTO_IRQ_ENABLE	0x14
#define PROTO_RING_BASE		0x20	/* 64 bits */
#define PROTO_RING_ENTRIES	0x28
#define PROTO_DOORBELL		0x30

#define PROTO_ID_VALUE		0x746f7270
#define PROTO_ENABLE		BIT(0)
#define PROTO_RESET		BIT(1)
#define PROTO_READY		BIT(0)
#define PROTO_DONE		BIT(0)
#define PROTO_ERROR		BIT(1)

#define PROTO_SEND		1
#define PROTO_RECEIVE		2
#define PROTO_DESC_DONE		BIT(31)

#define RING_ENTRIES		16
#define MAX_FRAME		4096

struct proto_desc {
	__le64 addr;
	__le32 len;
	__le32 flags;
	__le64 cookie;
	__le32 status;
	__le32 reserved;
};

/* What the parameter "bug" breaks. */
enum proto_bug {
	BREAK_NONE,
	BREAK_WRONG_REGISTER,		/* enables its interrupts in the status register */
	BREAK_MISSING_ACK,		/* leaves the interrupt's cause standing */
	BREAK_USE_AFTER_UNMAP,		/* gives the frame back before the device has read it */
	BREAK_WRONG_DOORBELL,		/* counts one descriptor too few */
	BREAK_MISSING_UNMAP,		/* keeps the mapping of what it received */
	BREAK_DOUBLE_FREE_VECTOR,
	BREAK_WRONG_ORDER,		/* enables the device before it has a ring */
	BREAK_STALE_DESCRIPTOR,		/* rings before the descriptor is filled */
	BREAK_SHORT_WAIT,			/* gives up after three looks */
	BREAK_OFF_BY_ONE_LENGTH,		/* sends one byte too many */
	/* Only a device that misbehaves shows these. */
	BREAK_TRUSTED_LENGTH,		/* copies as much as the device says that it has received */
	BREAK_UNCHECKED_ALL_ONES,	/* takes what a device that is gone answers for a cause */
	BREAK_SPURIOUS_INTERRUPT,	/* believes that somebody waits for each interrupt */
};

struct proto {
	struct pci_dev *pdev;
	void __iomem *bar;
	struct proto_desc *ring;
	dma_addr_t ring_iova;
	u32 head;
	u64 cookie;
	struct completion done;
	struct completion *waiting;	/* done, while somebody waits for it */
	u32 moved;			/* bytes of the last frame, in the device's words */
	u8 *last;			/* its copy */
	u32 causes[4];			/* interrupts by cause */
	struct mutex lock;		/* one loopback at a time */
};

extern enum proto_bug proto_bug;

int proto_start(struct proto *p);
int proto_loopback(struct proto *p, size_t len);
irqreturn_t proto_interrupt(int irq, void *data);

#endif /* PROTO_H */
