// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset, ring, frames, interrupts.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/jiffies.h>
#include <linux/slab.h>

#include "proto.h"

#define RESET_TIMEOUT_MS	2000
#define FRAME_TIMEOUT_MS	20000
#define FRAME_LOOK_MS		200	/* how often to look whether the device is still there */

static void set(struct proto *p, u32 reg, u32 value)
{
	writel(value, p->bar + reg);
}

static int reset(struct proto *p)
{
	unsigned long end = jiffies + msecs_to_jiffies(RESET_TIMEOUT_MS);
	unsigned int polls = 0;
	u32 status;

	set(p, PROTO_CONTROL, PROTO_RESET);
	for (;;) {
		status = readl(p->bar + PROTO_STATUS);
		if (status == ~0U)
			return -ENODEV;
		if (status & PROTO_READY)
			return 0;
		if (time_after(jiffies, end) || (proto_bug == BREAK_SHORT_WAIT && ++polls == 3))
			return dev_err_probe(&p->pdev->dev, -ETIMEDOUT, "not ready after its reset\n");
		if (proto_bug != BREAK_SHORT_WAIT)
			usleep_range(900, 1100);
	}
}

int proto_start(struct proto *p)
{
	u32 id = readl(p->bar + PROTO_ID);
	int err;

	if (id != PROTO_ID_VALUE)
		return dev_err_probe(&p->pdev->dev, -ENODEV, "ID reads %#x, not %#x\n", id, PROTO_ID_VALUE);
	err = reset(p);
	if (err)
		return err;
	if (proto_bug == BREAK_WRONG_ORDER)
		set(p, PROTO_CONTROL, PROTO_ENABLE);
	lo_hi_writeq(p->ring_iova, p->bar + PROTO_RING_BASE);
	set(p, PROTO_RING_ENTRIES, RING_ENTRIES);
	set(p, proto_bug == BREAK_WRONG_REGISTER ? PROTO_IRQ_STATUS : PROTO_IRQ_ENABLE, PROTO_DONE | PROTO_ERROR);
	if (proto_bug != BREAK_WRONG_ORDER)
		set(p, PROTO_CONTROL, PROTO_ENABLE);
	return 0;
}

irqreturn_t proto_interrupt(int irq, void *data)
{
	struct proto *p = data;
	u32 status = readl(p->bar + PROTO_IRQ_STATUS);

	if (!status && proto_bug != BREAK_SPURIOUS_INTERRUPT)
		return IRQ_NONE;
	if (status == ~0U && proto_bug != BREAK_UNCHECKED_ALL_ONES)
		return IRQ_NONE;
	if (proto_bug == BREAK_UNCHECKED_ALL_ONES)
		p->causes[status]++;
	if (status && proto_bug != BREAK_MISSING_ACK)
		set(p, PROTO_IRQ_ACK, status);
	complete(proto_bug == BREAK_SPURIOUS_INTERRUPT ? p->waiting : &p->done);
	return IRQ_HANDLED;
}

static void fill(struct proto *p, u32 i, dma_addr_t addr, size_t len, u32 flags)
{
	p->ring[i] = (struct proto_desc) {
		.addr = cpu_to_le64(addr), .len = cpu_to_le32(len), .flags = cpu_to_le32(flags),
		.cookie = cpu_to_le64(++p->cookie),
	};
}

static void ring(struct proto *p, u32 first)
{
	u32 next = (first + (proto_bug == BREAK_WRONG_DOORBELL ? 1 : 2)) % RING_ENTRIES;

	reinit_completion(&p->done);
	p->waiting = &p->done;
	dma_wmb();		/* the descriptors are there before the device is told */
	set(p, PROTO_DOORBELL, next);
}

static bool wait_done(struct proto *p)
{
	bool done = false;
	int ms;

	for (ms = 0; !done && ms < FRAME_TIMEOUT_MS && pci_device_is_present(p->pdev); ms += FRAME_LOOK_MS)
		done = wait_for_completion_timeout(&p->done, msecs_to_jiffies(FRAME_LOOK_MS));
	p->waiting = NULL;
	return done;
}

static int exchange(struct proto *p, dma_addr_t out, dma_addr_t in, size_t len)
{
	u32 first = p->head;

	if (proto_bug == BREAK_STALE_DESCRIPTOR)
		ring(p, first);
	fill(p, first, out, proto_bug == BREAK_OFF_BY_ONE_LENGTH ? len + 1 : len, PROTO_SEND);
	fill(p, (first + 1) % RING_ENTRIES, in, len, PROTO_RECEIVE);
	if (proto_bug != BREAK_STALE_DESCRIPTOR)
		ring(p, first);
	p->head = (first + 2) % RING_ENTRIES;
	if (!wait_done(p))
		return -ETIMEDOUT;
	p->moved = le32_to_cpu(p->ring[(first + 1) % RING_ENTRIES].status) & ~PROTO_DESC_DONE;
	return le32_to_cpu(p->ring[(first + 1) % RING_ENTRIES].status) == (PROTO_DESC_DONE | len) ? 0 : -EIO;
}

static int mapped(struct proto *p, u8 *out, u8 *in, size_t len)
{
	struct device *d = &p->pdev->dev;
	dma_addr_t to, from;
	int err = -ENOMEM;

	to = dma_map_single(d, out, len, DMA_TO_DEVICE);
	if (dma_mapping_error(d, to))
		return err;
	from = dma_map_single(d, in, len, DMA_FROM_DEVICE);
	if (dma_mapping_error(d, from))
		goto unmap_out;
	if (proto_bug == BREAK_USE_AFTER_UNMAP)
		dma_unmap_single(d, to, len, DMA_TO_DEVICE);
	err = exchange(p, to, from, len);
	if (proto_bug == BREAK_TRUSTED_LENGTH)
		memcpy(p->last, in, p->moved);
	if (proto_bug != BREAK_MISSING_UNMAP)
		dma_unmap_single(d, from, len, DMA_FROM_DEVICE);
unmap_out:
	if (proto_bug != BREAK_USE_AFTER_UNMAP)
		dma_unmap_single(d, to, len, DMA_TO_DEVICE);
	return err;
}

int proto_loopback(struct proto *p, size_t len)
{
	u8 *out, *in;
	size_t i;
	int err;

	if (!len || len > MAX_FRAME)
		return -EINVAL;
	/* A whole buffer each, whatever the frame's length. */
	out = kzalloc(MAX_FRAME, GFP_KERNEL);
	in = kzalloc(MAX_FRAME, GFP_KERNEL);
	err = out && in ? 0 : -ENOMEM;
	for (i = 0; !err && i < len; i++)
		out[i] = i * 7 + len;
	mutex_lock(&p->lock);
	if (!err)
		err = mapped(p, out, in, len);
	mutex_unlock(&p->lock);
	if (!err && memcmp(out, in, len))
		err = -EIO;
	kfree(in);
	kfree(out);
	return err;
}
