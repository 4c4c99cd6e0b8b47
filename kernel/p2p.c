// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peer to peer: what a device reads and writes in another device's BAR. In another
 * synthetic one it takes the path of that BAR's accesses (sequencer, policy, records,
 * its owner's answers); a physical one must be inside p2p_regions. Nothing is reached
 * unless it has been allowed, by the target's owner or by who loaded the module.
 *
 * Locking in this file: grants_lock for the table of who may reach whom. A caller
 * holds slot->calls of its own slot; the target's is held for one chunk, and is only
 * tried, so that two devices that reach each other cannot wait for each other.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "iommu.h"

#define MAX_REGIONS	16
#define MAX_GRANTS	256

struct grant {
	u64 from, to;			/* slots' serial numbers: never used twice */
	u8 from_func, to_func;
	u32 access;			/* PCIEM_DMA_READ | PCIEM_DMA_WRITE */
};

static DEFINE_MUTEX(grants_lock);
static struct grant grants[MAX_GRANTS];
static unsigned int nr_grants;

static struct {
	u64 start, end;			/* end exclusive */
} regions[MAX_REGIONS];
static unsigned int nr_regions;		/* constant after load */

/* ---------------------------------------------------------------- physical regions */

static int region_add(char *text)
{
	char *size = strchr(text, ':');
	u64 start, len;

	if (!size)
		return -EINVAL;
	*size++ = '\0';
	if (kstrtou64(text, 0, &start) || kstrtou64(size, 0, &len) || !len || start + len < start)
		return -EINVAL;
	if (nr_regions == MAX_REGIONS)
		return -ENOSPC;
	/* Registers and device memory: a driver's memory has the IOMMU before it. */
	if (region_intersects(start, len, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) != REGION_DISJOINT)
		return -EPERM;
	regions[nr_regions].start = start;
	regions[nr_regions++].end = start + len;
	return 0;
}

int pciem_p2p_init(const char *param)
{
	char *text, *at, *one;
	int err = 0;

	if (!param)
		return 0;
	text = at = kstrdup(param, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	while (!err && (one = strsep(&at, ","))) {
		err = region_add(one);
		if (err)
			pr_err("p2p_regions: '%s' %s\n", one,
			       err == -EPERM ? "has RAM in it" : "is not ADDRESS:SIZE, or one too many");
	}
	kfree(text);
	return err;
}

static bool region_has(u64 addr, u64 len)
{
	unsigned int i;

	for (i = 0; i < nr_regions; i++)
		if (addr >= regions[i].start && addr < regions[i].end && len <= regions[i].end - addr)
			return true;
	return false;
}

/* Registers: each access aligned, of 4 bytes at most. */
static void io_copy(u8 __iomem *io, u8 *data, u32 len, bool write)
{
	u32 done = 0, n;

	for (; done < len; done += n) {
		n = IS_ALIGNED((unsigned long)(io + done), 4) && len - done >= 4 ? 4 : 1;
		if (n == 4 && write)
			writel(get_unaligned((u32 *)(data + done)), io + done);
		else if (n == 4)
			put_unaligned(readl(io + done), (u32 *)(data + done));
		else if (write)
			writeb(data[done], io + done);
		else
			data[done] = readb(io + done);
	}
}

static int physical_copy(u64 addr, u8 *data, u32 len, bool write)
{
	u8 __iomem *io;
	u32 n;

	for (; len; addr += n, data += n, len -= n) {
		n = min_t(u32, len, PAGE_SIZE - offset_in_page(addr));
		/* A synthetic BAR has an owner to ask, wherever it has been placed. */
		if (pciem_bar_claims(addr & PAGE_MASK))
			return -EACCES;
		io = ioremap(addr & PAGE_MASK, PAGE_SIZE);
		if (!io)
			return -ENOMEM;
		io_copy(io + offset_in_page(addr), data, n, write);
		iounmap(io);
	}
	return 0;
}

/* --------------------------------------------------------------------------- grants */

static bool granted(struct pciem_func *from, struct pciem_func *to, u32 access)
{
	bool found = false;
	unsigned int i;

	mutex_lock(&grants_lock);
	for (i = 0; i < nr_grants && !found; i++)
		found = grants[i].from == from->slot->serial && grants[i].from_func == from->num &&
			grants[i].to == to->slot->serial && grants[i].to_func == to->num &&
			grants[i].access & access;
	mutex_unlock(&grants_lock);
	return found;
}

static int grant_set(const struct grant *g)
{
	unsigned int i;
	int err = 0;

	mutex_lock(&grants_lock);
	for (i = 0; i < nr_grants; i++)
		if (grants[i].from == g->from && grants[i].from_func == g->from_func &&
		    grants[i].to == g->to && grants[i].to_func == g->to_func)
			break;
	if (!g->access) {
		if (i < nr_grants)
			grants[i] = grants[--nr_grants];
	} else if (i < MAX_GRANTS) {
		grants[i] = *g;
		nr_grants = max(nr_grants, i + 1);
	} else {
		err = -ENOSPC;
	}
	mutex_unlock(&grants_lock);
	return err;
}

void pciem_p2p_forget(struct pciem_slot *slot)
{
	unsigned int i = 0;

	mutex_lock(&grants_lock);
	while (i < nr_grants) {
		if (grants[i].from == slot->serial || grants[i].to == slot->serial)
			grants[i] = grants[--nr_grants];
		else
			i++;
	}
	mutex_unlock(&grants_lock);
}

int pciem_p2p_allow(struct pciem_func *to, const struct pciem_p2p_allow *arg)
{
	struct grant g = {
		.to = to->slot->serial, .to_func = to->num, .from_func = arg->peer_func,
		.access = arg->access,
	};
	struct pciem_slot *peer;
	int err = -ENOENT;

	if (arg->reserved || arg->access & ~(PCIEM_DMA_READ | PCIEM_DMA_WRITE) ||
	    arg->peer_func >= PCIEM_MAX_FUNCTIONS)
		return -EINVAL;
	peer = pciem_slot_find(arg->peer_slot);
	if (!peer)
		return -ENOENT;
	if (peer->id == arg->peer_slot && pciem_slot_state(peer) < PCIEM_STATE_REMOVED &&
	    READ_ONCE(peer->func[arg->peer_func])) {
		g.from = peer->serial;
		err = grant_set(&g);
	}
	pciem_slot_put(peer);
	return err;
}

/* --------------------------------------------------------------------------- a chunk */

struct target {
	struct pciem_func *from;
	struct pciem_bar *bar;		/* NULL: physical */
	u64 offset;
	u64 addr;
	bool write;
};

static bool leaving(struct pciem_slot *slot)
{
	return READ_ONCE(slot->gone) || test_bit(0, &slot->removing);
}

/* Registers take accesses as a CPU makes them: aligned, 8 bytes at most. */
static int bar_pieces(const struct target *t, u64 offset, u8 *data, u32 len)
{
	u32 done = 0;
	u64 value;

	while (done < len) {
		struct pciem_access acc = {
			.bar = t->bar, .offset = offset + done, .width = 8, .write = t->write, .peer = true,
		};

		while (acc.width > len - done || !IS_ALIGNED(acc.offset, acc.width))
			acc.width /= 2;
		if (t->write) {
			value = 0;
			memcpy(&value, data + done, acc.width);
			acc.value = value;
		}
		pciem_access_serve(&acc);
		if (!t->write)
			memcpy(data + done, &acc.value, acc.width);
		done += acc.width;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (leaving(t->from->slot) || leaving(t->bar->func->slot))
			return -ENODEV;
		cond_resched();
	}
	return 0;
}

static int bar_copy(const struct target *t, u64 offset, u8 *data, u32 len)
{
	bool decodes = pciem_config_command(t->bar->func) & PCI_COMMAND_MEMORY;
	struct pciem_range range;
	int err = 0;
	u32 n;

	for (; len && !err; offset += n, data += n, len -= n) {
		range = pciem_bar_range(t->bar, offset);
		n = min_t(u64, len, range.end - offset);
		if (range.policy != PCIEM_BAR_DIRECT)
			err = bar_pieces(t, offset, data, n);
		else if (!decodes && !t->write)
			memset(data, 0xff, n);
		else if (decodes && t->write)
			memcpy(t->bar->mem + offset, data, n);
		else if (decodes)
			memcpy(data, t->bar->mem + offset, n);
	}
	return err;
}

static int target_copy(const struct target *t, u64 at, u8 *data, u32 len)
{
	struct pciem_slot *slot;
	u32 state;
	int err = -ENODEV;

	if (!t->bar)
		return physical_copy(t->addr + at, data, len, t->write);
	slot = t->bar->func->slot;
	if (!down_read_trylock(&slot->calls))
		return -ENODEV;
	state = pciem_slot_state(slot);
	if (state == PCIEM_STATE_REGISTERED || state == PCIEM_STATE_STARTED)
		err = bar_copy(t, t->offset + at, data, len);
	up_read(&slot->calls);
	return err;
}

static void record_chunk(const struct target *t, u64 at, const void *data, u32 len, bool more)
{
	struct pciem_func *to = t->bar ? t->bar->func : NULL;
	struct pciem_txn txn = {
		.rec = {
			.kind = t->write ? PCIEM_RECORD_P2P_WRITE : PCIEM_RECORD_P2P_READ,
			.func = t->from->num, .bar = 0xff, .addr = t->addr + at, .data_len = len,
			.flags = more ? PCIEM_RF_MORE : 0,
			.value = to ? to->slot->id << 16 | to->num << 8 | t->bar->index : ~0ULL,
		},
		.data = data,
	};

	pciem_stream_emit(t->from->slot, &txn);
}

static int move_chunks(const struct target *t, struct pciem_dma_buffer *b, u64 user, u32 length)
{
	void __user *at = u64_to_user_ptr(user);
	u32 done = 0, n;
	int err;

	for (; done < length; done += n) {
		n = min(length - done, b->room);
		if (leaving(t->from->slot))
			return -ENODEV;
		/* As with DMA: a write is recorded before it can be seen, a read when it is here. */
		if (t->write) {
			if (copy_from_user(b->data, at + done, n))
				return -EFAULT;
			record_chunk(t, done, b->data, n, done + n < length);
		}
		err = target_copy(t, done, b->data, n);
		if (err)
			return err;
		if (!t->write) {
			record_chunk(t, done, b->data, n, done + n < length);
			if (copy_to_user(at + done, b->data, n))
				return -EFAULT;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* ------------------------------------------------------------------ the owner's call */

/* The whole of it must be allowed before any of it is done. */
static bool target_find(struct target *t, u32 length)
{
	t->bar = pciem_bar_find(t->addr, &t->offset);
	if (!t->bar)
		return region_has(t->addr, length);
	return length <= t->bar->size - t->offset &&
	       granted(t->from, t->bar->func, t->write ? PCIEM_DMA_WRITE : PCIEM_DMA_READ);
}

int pciem_p2p(struct pciem_func *f, const struct pciem_p2p *arg)
{
	struct target t = { .from = f, .addr = arg->target_phys_addr };
	struct pciem_dma_buffer b;
	u64 fault = 0;
	int ret;

	if (arg->target_phys_addr + arg->length < arg->target_phys_addr)
		return -EINVAL;
	ret = pciem_dma_buffer_init(&b, arg->length, arg->flags);
	if (ret)
		return ret;
	t.write = b.write;
	if (!(pciem_config_command(f) & PCI_COMMAND_MASTER))
		fault = PCIEM_FAULT_NO_BUS_MASTER;
	else if (!target_find(&t, arg->length))
		fault = PCIEM_FAULT_P2P_DENIED;
	if (fault) {
		pciem_stream_fault(f, fault, 0xff, 0, t.addr, 0);
		ret = pciem_fault_errno(fault);
	} else {
		ret = move_chunks(&t, &b, arg->user_addr, arg->length);
	}
	if (t.bar)
		pciem_slot_put(t.bar->func->slot);
	pciem_dma_buffer_free(&b);
	return ret;
}
