// SPDX-License-Identifier: MIT
/*
 * Every ioctl, as a table: what each field means, so that most calls get far. One field in
 * sixteen is a border value instead, one call in sixteen has a byte that is anything.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define ERRORS		134	/* errno's values */
#define IOVA_BASE	0x10000000	/* where the soft IOMMU begins */

enum kind {
	SIZE,		/* of the structure */
	STEP_SIZE,	/* of an element of a sequence */
	THIS,		/* arg */
	UPTO,		/* 0..arg */
	BITS,		/* any of arg */
	FUNC,
	BAR,
	PLACE,		/* in a BAR */
	POWER,		/* of two, up to 1 << arg */
	IOVA,
	PHYS,		/* in some BAR */
	SLOT,
	EVENTFD,
	BYTES,		/* pointer to arg bytes */
	STEPS, RULES, IGNORES,	/* pointer to so many */
	CAPABILITY, MASK,	/* pointer to one */
	ANY,
};

struct field {
	uint16_t offset;
	uint8_t bytes;
	uint8_t kind;
	uint64_t arg;
};

#define F(type, name, kind, arg)	{ offsetof(struct type, name), sizeof(((struct type *)0)->name), kind, arg }
#define CALL(nr)		#nr, nr
#define HEAD(type)			F(type, size, SIZE, 0)

/* How often each was made and how often it succeeded, in all rounds: shared with their processes. */
static struct count {
	unsigned long made, succeeded;
	unsigned long refused[ERRORS];	/* by errno */
} *counts;

static const struct call {
	const char *name;
	unsigned long nr;
	uint16_t size;
	uint8_t pool;
	struct field fields[13];
} calls[] = {
	{ CALL(PCIEM_CREATE_DEVICE), sizeof(struct pciem_create_device), OWNERS, {
		F(pciem_create_device, flags, UPTO, 1), F(pciem_create_device, func, FUNC, 0) } },
	{ CALL(PCIEM_ADD_BAR), sizeof(struct pciem_add_bar), OWNERS, {
		F(pciem_add_bar, bar_index, BAR, 0), F(pciem_add_bar, flags, BITS, 0xd), F(pciem_add_bar, size, POWER, 26),
		F(pciem_add_bar, func, FUNC, 0) } },
	{ CALL(PCIEM_ADD_CAPABILITY), sizeof(struct pciem_add_capability), OWNERS, {
		F(pciem_add_capability, cap_type, UPTO, 6), F(pciem_add_capability, func, FUNC, 0),
		F(pciem_add_capability, msix.bar_index, BAR, 0), F(pciem_add_capability, msix.table_offset, PLACE, 0),
		F(pciem_add_capability, msix.pba_offset, PLACE, 0), F(pciem_add_capability, msix.table_size, UPTO, 64) } },
	{ CALL(PCIEM_SET_CONFIG), sizeof(struct pciem_set_config), OWNERS, {
		F(pciem_set_config, func, FUNC, 0), F(pciem_set_config, vendor_id, ANY, 0), F(pciem_set_config, device_id, ANY, 0),
		F(pciem_set_config, header_type, UPTO, 1) } },
	{ CALL(PCIEM_INJECT_IRQ), sizeof(struct pciem_inject_irq), OWNERS, {
		F(pciem_inject_irq, vector, UPTO, 9), F(pciem_inject_irq, func, FUNC, 0) } },
	{ CALL(PCIEM_DMA), sizeof(struct pciem_dma), OWNERS, {
		F(pciem_dma, guest_iova, IOVA, 0), F(pciem_dma, user_addr, BYTES, 4096), F(pciem_dma, length, UPTO, 4096),
		F(pciem_dma, flags, POWER, 1), F(pciem_dma, func, FUNC, 0) } },
	{ CALL(PCIEM_DMA_ATOMIC), sizeof(struct pciem_dma_atomic), OWNERS, {
		F(pciem_dma_atomic, guest_iova, IOVA, 0), F(pciem_dma_atomic, operand, ANY, 0),
		F(pciem_dma_atomic, op_type, UPTO, 8), F(pciem_dma_atomic, func, FUNC, 0) } },
	{ CALL(PCIEM_P2P), sizeof(struct pciem_p2p), OWNERS, {
		F(pciem_p2p, target_phys_addr, PHYS, 0), F(pciem_p2p, user_addr, BYTES, 4096), F(pciem_p2p, length, UPTO, 4096),
		F(pciem_p2p, flags, POWER, 1), F(pciem_p2p, func, FUNC, 0) } },
	{ CALL(PCIEM_GET_BAR_INFO), sizeof(struct pciem_bar_info), OWNERS, {
		F(pciem_bar_info, bar_index, BAR, 0), F(pciem_bar_info, func, FUNC, 0) } },
	{ CALL(PCIEM_SET_WATCHPOINT), sizeof(struct pciem_set_watchpoint), OWNERS, {
		F(pciem_set_watchpoint, bar_index, BAR, 0), F(pciem_set_watchpoint, offset, PLACE, 0),
		F(pciem_set_watchpoint, width, POWER, 3), F(pciem_set_watchpoint, flags, UPTO, 1) } },
	{ CALL(PCIEM_SET_EVENTFD), sizeof(struct pciem_set_eventfd), OWNERS, { F(pciem_set_eventfd, eventfd, EVENTFD, 0) } },
	{ CALL(PCIEM_SET_IRQFD), sizeof(struct pciem_set_irqfd), OWNERS, {
		F(pciem_set_irqfd, eventfd, EVENTFD, 0), F(pciem_set_irqfd, vector, UPTO, 9),
		F(pciem_set_irqfd, flags, UPTO, 3), F(pciem_set_irqfd, func, FUNC, 0) } },
	{ CALL(PCIEM_DMA_INDIRECT), sizeof(struct pciem_dma_indirect), OWNERS, {
		F(pciem_dma_indirect, prp1, IOVA, 0), F(pciem_dma_indirect, prp2, IOVA, 0),
		F(pciem_dma_indirect, user_addr, BYTES, 65536), F(pciem_dma_indirect, length, UPTO, 65536),
		F(pciem_dma_indirect, page_size, POWER, 14), F(pciem_dma_indirect, flags, POWER, 1),
		F(pciem_dma_indirect, func, FUNC, 0) } },
	{ CALL(PCIEM_TRACE_BAR), sizeof(struct pciem_trace_bar), OWNERS, {
		F(pciem_trace_bar, bar_index, BAR, 0), F(pciem_trace_bar, flags, BITS, 7), F(pciem_trace_bar, func, FUNC, 0) } },
	{ CALL(PCIEM_REGISTER), 0, OWNERS, {} },
	{ CALL(PCIEM_START), 0, OWNERS, {} },
	{ CALL(PCIEM_INFO), sizeof(struct pciem_info), OWNERS, { HEAD(pciem_info) } },
	{ CALL(PCIEM_SLOT_INFO), sizeof(struct pciem_slot_info), OWNERS, { HEAD(pciem_slot_info), F(pciem_slot_info, slot, UPTO, 32) } },
	{ CALL(PCIEM_CONFIG), sizeof(struct pciem_config), OWNERS, {
		HEAD(pciem_config), F(pciem_config, func, FUNC, 0), F(pciem_config, plane, UPTO, 3), F(pciem_config, flags, UPTO, 1),
		F(pciem_config, offset, UPTO, 4095), F(pciem_config, length, UPTO, 64), F(pciem_config, data, BYTES, 64) } },
	{ CALL(PCIEM_BAR_POLICY), sizeof(struct pciem_bar_policy), OWNERS, {
		HEAD(pciem_bar_policy), F(pciem_bar_policy, func, FUNC, 0), F(pciem_bar_policy, bar_index, BAR, 0),
		F(pciem_bar_policy, policy, UPTO, 2), F(pciem_bar_policy, flags, BITS, 7), F(pciem_bar_policy, offset, PLACE, 0),
		F(pciem_bar_policy, length, POWER, 13) } },
	{ CALL(PCIEM_MONITOR_CREATE), sizeof(struct pciem_monitor_create), OWNERS, {
		HEAD(pciem_monitor_create), F(pciem_monitor_create, flags, BITS, 3), F(pciem_monitor_create, slot, SLOT, 0),
		F(pciem_monitor_create, ring_size, POWER, 20), F(pciem_monitor_create, kinds, BITS, 0x7ffffff) } },
	{ CALL(PCIEM_RING_CREATE), sizeof(struct pciem_ring_create), OWNERS, {
		HEAD(pciem_ring_create), F(pciem_ring_create, entries, POWER, 16) } },
	{ CALL(PCIEM_MARK), sizeof(struct pciem_mark), OWNERS, {
		HEAD(pciem_mark), F(pciem_mark, length, UPTO, 4096), F(pciem_mark, text, BYTES, 4096) } },
	{ CALL(PCIEM_DMA_MAPS), sizeof(struct pciem_dma_maps), OWNERS, {
		HEAD(pciem_dma_maps), F(pciem_dma_maps, func, FUNC, 0), F(pciem_dma_maps, count, UPTO, 64),
		F(pciem_dma_maps, entries, BYTES, 64 * sizeof(struct pciem_dma_map_entry)) } },
	{ CALL(PCIEM_SEQ_START), sizeof(struct pciem_seq_start), OWNERS, {
		HEAD(pciem_seq_start), F(pciem_seq_start, window, POWER, 12), F(pciem_seq_start, hold_ns, UPTO, 100000000),
		F(pciem_seq_start, nr_ignores, UPTO, 4), F(pciem_seq_start, ignores, IGNORES, 0) } },
	{ CALL(PCIEM_SEQ_PUSH), sizeof(struct pciem_seq_push), OWNERS, {
		HEAD(pciem_seq_push), F(pciem_seq_push, flags, UPTO, 1), F(pciem_seq_push, count, UPTO, FUZZ_ROWS),
		F(pciem_seq_push, step_size, STEP_SIZE, 0), F(pciem_seq_push, steps, STEPS, 0) } },
	{ CALL(PCIEM_SEQ_STATUS), sizeof(struct pciem_seq_status), OWNERS, {
		HEAD(pciem_seq_status), F(pciem_seq_status, stack_len, UPTO, 4096), F(pciem_seq_status, stack, BYTES, 4096) } },
	{ CALL(PCIEM_REMOVE), sizeof(struct pciem_remove), OWNERS, { HEAD(pciem_remove), F(pciem_remove, flags, UPTO, 1) } },
	{ CALL(PCIEM_INTX), sizeof(struct pciem_intx_level), OWNERS, {
		HEAD(pciem_intx_level), F(pciem_intx_level, func, FUNC, 0), F(pciem_intx_level, level, UPTO, 1) } },
	{ CALL(PCIEM_CAPABILITY_ADD), sizeof(struct pciem_capability_add), OWNERS, {
		HEAD(pciem_capability_add), F(pciem_capability_add, func, FUNC, 0), F(pciem_capability_add, flags, UPTO, 1),
		F(pciem_capability_add, offset, BITS, 0xc), F(pciem_capability_add, length, UPTO, CAPABILITY_BYTES),
		F(pciem_capability_add, value, CAPABILITY, 0), F(pciem_capability_add, writable, MASK, 0) } },
	{ CALL(PCIEM_AER_INJECT), sizeof(struct pciem_aer_inject), OWNERS, {
		HEAD(pciem_aer_inject), F(pciem_aer_inject, func, FUNC, 0), F(pciem_aer_inject, severity, UPTO, 2),
		F(pciem_aer_inject, status, POWER, 26) } },
	{ CALL(PCIEM_BAR_REGISTER), sizeof(struct pciem_bar_register), OWNERS, {
		HEAD(pciem_bar_register), F(pciem_bar_register, func, FUNC, 0), F(pciem_bar_register, bar_index, BAR, 0),
		F(pciem_bar_register, width, POWER, 3), F(pciem_bar_register, offset, PLACE, 0),
		F(pciem_bar_register, target, PLACE, 0), F(pciem_bar_register, count, UPTO, 8),
		F(pciem_bar_register, writable, BITS, 0xffff), F(pciem_bar_register, w1c, BITS, 0xff0000),
		F(pciem_bar_register, w1s, BITS, 0xff000000), F(pciem_bar_register, read_clear, BITS, 0xff) } },
	{ CALL(PCIEM_BAR_INTERRUPT), sizeof(struct pciem_bar_interrupt), OWNERS, {
		HEAD(pciem_bar_interrupt), F(pciem_bar_interrupt, func, FUNC, 0), F(pciem_bar_interrupt, bar_index, BAR, 0),
		F(pciem_bar_interrupt, index, UPTO, 64), F(pciem_bar_interrupt, width, POWER, 3),
		F(pciem_bar_interrupt, vector, UPTO, 9), F(pciem_bar_interrupt, flags, UPTO, 3),
		F(pciem_bar_interrupt, status, PLACE, 0), F(pciem_bar_interrupt, enable, PLACE, 0),
		F(pciem_bar_interrupt, mask, BITS, ~0ULL) } },
	{ CALL(PCIEM_BAR_INDEXED), sizeof(struct pciem_bar_indexed), OWNERS, {
		HEAD(pciem_bar_indexed), F(pciem_bar_indexed, bar_index, BAR, 0), F(pciem_bar_indexed, index, UPTO, 8),
		F(pciem_bar_indexed, width, THIS, 4), F(pciem_bar_indexed, element_width, POWER, 1),
		F(pciem_bar_indexed, count, UPTO, 32), F(pciem_bar_indexed, offset, PLACE, 0), F(pciem_bar_indexed, array, PLACE, 0),
		F(pciem_bar_indexed, select, THIS, 0x1f), F(pciem_bar_indexed, data, THIS, 0xff00),
		F(pciem_bar_indexed, command, THIS, 0x60), F(pciem_bar_indexed, read, BITS, 0x20), F(pciem_bar_indexed, write, BITS, 0x40) } },
	{ CALL(PCIEM_BAR_PROGRAM), sizeof(struct pciem_bar_program), OWNERS, {
		HEAD(pciem_bar_program), F(pciem_bar_program, func, FUNC, 0), F(pciem_bar_program, bar_index, BAR, 0),
		F(pciem_bar_program, on, UPTO, 2), F(pciem_bar_program, offset, PLACE, 0), F(pciem_bar_program, length, UPTO, 64),
		F(pciem_bar_program, count, UPTO, 4), F(pciem_bar_program, insns, BYTES, 4 * sizeof(struct pciem_bar_insn)) } },
	{ CALL(PCIEM_BAR_UPDATE), sizeof(struct pciem_bar_update), OWNERS, {
		HEAD(pciem_bar_update), F(pciem_bar_update, func, FUNC, 0), F(pciem_bar_update, bar_index, BAR, 0),
		F(pciem_bar_update, width, POWER, 3), F(pciem_bar_update, offset, PLACE, 0),
		F(pciem_bar_update, clear, BITS, 0xff), F(pciem_bar_update, set, BITS, 0xff) } },
	{ CALL(PCIEM_WATCH), sizeof(struct pciem_watch), OWNERS, {
		HEAD(pciem_watch), F(pciem_watch, func, FUNC, 0), F(pciem_watch, bar_index, BAR, 0), F(pciem_watch, width, POWER, 3),
		F(pciem_watch, offset, PLACE, 0), F(pciem_watch, flags, UPTO, 1) } },
	{ CALL(PCIEM_UNWATCH), sizeof(struct pciem_unwatch), OWNERS, { HEAD(pciem_unwatch), F(pciem_unwatch, id, UPTO, 64) } },
	{ CALL(PCIEM_WATCH_INFO), sizeof(struct pciem_watch_info), OWNERS, {
		HEAD(pciem_watch_info), F(pciem_watch_info, id, UPTO, 64) } },
	{ CALL(PCIEM_ATOMIC), sizeof(struct pciem_atomic), OWNERS, {
		HEAD(pciem_atomic), F(pciem_atomic, func, FUNC, 0), F(pciem_atomic, op_type, UPTO, 8), F(pciem_atomic, width, POWER, 3),
		F(pciem_atomic, iova, IOVA, 0), F(pciem_atomic, operand, BITS, 0xffffffff), F(pciem_atomic, compare, UPTO, 1) } },
	{ CALL(PCIEM_P2P_ALLOW), sizeof(struct pciem_p2p_allow), OWNERS, {
		HEAD(pciem_p2p_allow), F(pciem_p2p_allow, func, FUNC, 0), F(pciem_p2p_allow, peer_slot, UPTO, 4),
		F(pciem_p2p_allow, peer_func, FUNC, 0), F(pciem_p2p_allow, access, UPTO, 3) } },
	{ CALL(PCIEM_INJECT), sizeof(struct pciem_inject), OWNERS, {
		HEAD(pciem_inject), F(pciem_inject, op, UPTO, 2), F(pciem_inject, id, UPTO, 8), F(pciem_inject, count, UPTO, 1),
		F(pciem_inject, rules, RULES, 0) } },
	{ CALL(PCIEM_DMA_HISTORY), sizeof(struct pciem_dma_history), OWNERS, {
		HEAD(pciem_dma_history), F(pciem_dma_history, func, FUNC, 0), F(pciem_dma_history, count, UPTO, 64),
		F(pciem_dma_history, entries, BYTES, 64 * sizeof(struct pciem_dma_past)) } },
	{ CALL(PCIEM_DMA_MODE), sizeof(struct pciem_dma_mode), OWNERS, {
		HEAD(pciem_dma_mode), F(pciem_dma_mode, slot, SLOT, 0), F(pciem_dma_mode, mode, UPTO, 0),
		F(pciem_dma_mode, flags, UPTO, 1) } },
	{ CALL(PCIEM_CONFIG), sizeof(struct pciem_config), MONITORS, {
		HEAD(pciem_config), F(pciem_config, func, FUNC, 0), F(pciem_config, plane, UPTO, 2), F(pciem_config, offset, UPTO, 4095),
		F(pciem_config, length, UPTO, 64), F(pciem_config, data, BYTES, 64) } },
	{ CALL(PCIEM_DMA_MAPS), sizeof(struct pciem_dma_maps), MONITORS, {
		HEAD(pciem_dma_maps), F(pciem_dma_maps, func, FUNC, 0), F(pciem_dma_maps, count, UPTO, 64),
		F(pciem_dma_maps, entries, BYTES, 64 * sizeof(struct pciem_dma_map_entry)) } },
	{ CALL(PCIEM_BAR_RANGES), sizeof(struct pciem_bar_ranges), MONITORS, {
		HEAD(pciem_bar_ranges), F(pciem_bar_ranges, func, FUNC, 0), F(pciem_bar_ranges, bar_index, BAR, 0),
		F(pciem_bar_ranges, count, UPTO, 64), F(pciem_bar_ranges, ranges, BYTES, 64 * sizeof(struct pciem_bar_range)) } },
	{ CALL(PCIEM_BAR_BYTES), sizeof(struct pciem_bar_bytes), MONITORS, {
		HEAD(pciem_bar_bytes), F(pciem_bar_bytes, func, FUNC, 0), F(pciem_bar_bytes, bar_index, BAR, 0),
		F(pciem_bar_bytes, offset, PLACE, 0), F(pciem_bar_bytes, length, UPTO, 8192),
		F(pciem_bar_bytes, data, BYTES, 8192) } },
};

/* Somebody else's BAR, from the start of a page or not. */
static uint64_t some_phys(struct rng *r)
{
	struct pciem_bar_info info = { .bar_index = below(r, 2) };

	if (ioctl(pool_pick(OWNERS, r), PCIEM_GET_BAR_INFO, &info))
		return border(r);
	return info.phys_addr + below(r, BAR_BYTES);
}

/* What the driver has mapped for that owner, or may have. */
static uint64_t some_iova(struct rng *r, int owner)
{
	struct pciem_dma_map_entry entries[16];
	struct pciem_dma_maps maps = { .size = sizeof(maps), .count = ARRAY_SIZE(entries), .entries = (uintptr_t)entries };
	uint64_t page = below(r, 24), inside = one_in(r, 2) ? 0 : below(r, 512) * 8;

	if (one_in(r, 4) || ioctl(owner, PCIEM_DMA_MAPS, &maps) || !maps.count)
		return IOVA_BASE + page * 4096 + inside;
	return entries[page % (maps.count < ARRAY_SIZE(entries) ? maps.count : ARRAY_SIZE(entries))].iova + inside;
}

static void *rows(struct rng *r, enum kind kind)
{
	static void (*const filler[])(struct rng *r, char *at) = {
		[STEPS] = fill_steps, [RULES] = fill_rules, [IGNORES] = fill_ignores, [CAPABILITY] = fill_capability, [MASK] = fill_mask,
	};
	char *at = buffer(r, FUZZ_ROWS * sizeof(struct pciem_seq_step));
	struct rng mine = { draw(r) };	/* the array may end early, at a fault */

	guarded(filler[kind], &mine, at);
	return at;
}

static uint64_t value_of(struct rng *r, const struct call *call, const struct field *f, int fd)
{
	if (one_in(r, f->kind == SIZE ? 64 : 16))
		return border(r);
	switch ((enum kind)f->kind) {
	case SIZE:
		return call->size;
	case STEP_SIZE:
		return sizeof(struct pciem_seq_step);
	case THIS:
		return f->arg;
	case UPTO:
		return below(r, f->arg + 1);
	case BITS:
		return draw(r) & f->arg;
	case FUNC:
		return one_in(r, 6) ? below(r, 9) : 0;
	case BAR:
		return one_in(r, 4) ? below(r, 8) : 0;
	case PLACE:
		return (one_in(r, 4) ? DIRECT_PAGE + below(r, 4096) : below(r, BAR_BYTES)) & -(1ULL << below(r, 13));
	case POWER:
		return 1ULL << below(r, f->arg + 1);
	case IOVA:
		return some_iova(r, fd);
	case PHYS:
		return some_phys(r);
	case SLOT:
		return one_in(r, 2) ? PCIEM_SLOT_OWN : one_in(r, 8) ? PCIEM_SLOT_NEXT : below(r, 8);
	case EVENTFD:
		return one_in(r, 4) ? -1 : pool_pick(EVENTS, r);
	case BYTES:
		return (uintptr_t)buffer(r, f->arg);
	case STEPS:
	case RULES:
	case IGNORES:
	case CAPABILITY:
	case MASK:
		return (uintptr_t)rows(r, f->kind);
	case ANY:
		break;
	}
	return draw(r);
}

/* A call's result may be a descriptor. */
static void keep(struct rng *r, unsigned long nr, int result)
{
	if (nr == PCIEM_MONITOR_CREATE)
		pool_put(MONITORS, r, result);
	else if (nr == PCIEM_RING_CREATE)
		pool_put(RINGS, r, result);
	else if (nr == PCIEM_REGISTER)
		pool_put(INSTANCES, r, result);
}

static int make(struct rng *r, const struct call *call, int fd)
{
	const struct field *f;
	char arg[4096] = { 0 };
	int result;

	for (f = call->fields; f < call->fields + ARRAY_SIZE(call->fields) && f->bytes; f++) {
		uint64_t value = value_of(r, call, f, fd);

		memcpy(arg + f->offset, &value, f->bytes);
	}
	if (one_in(r, 16))
		arg[below(r, call->size + 8)] = draw(r);
	/* With it a device reaches all of memory, and does there what it is told. */
	if (call->nr == PCIEM_DMA_MODE)
		((struct pciem_dma_mode *)arg)->mode &= ~PCIEM_DMA_MODE_DIRECT;
	result = ioctl(fd, call->nr, one_in(r, 64) ? buffer(r, 64) : arg);
	__atomic_fetch_add(&counts[call - calls].made, 1, __ATOMIC_RELAXED);
	if (result >= 0)
		__atomic_fetch_add(&counts[call - calls].succeeded, 1, __ATOMIC_RELAXED);
	else if (errno < ERRORS)
		__atomic_fetch_add(&counts[call - calls].refused[errno], 1, __ATOMIC_RELAXED);
	return result;
}

static const struct call *call_of(unsigned long nr)
{
	const struct call *call = calls;

	while (call->nr != nr)
		call++;
	return call;
}

void call_any(struct rng *r)
{
	/* What a device does all day comes more often than what ends its life. */
	static const unsigned long daily[] = {
		PCIEM_INJECT_IRQ, PCIEM_INTX, PCIEM_DMA, PCIEM_DMA_INDIRECT, PCIEM_DMA_ATOMIC, PCIEM_ATOMIC, PCIEM_P2P, PCIEM_AER_INJECT,
		PCIEM_SEQ_START, PCIEM_SEQ_PUSH, PCIEM_SEQ_PUSH, PCIEM_INJECT, PCIEM_WATCH, PCIEM_UNWATCH, PCIEM_WATCH_INFO, PCIEM_MONITOR_CREATE,
	};
	const struct call *call = one_in(r, 2) ? call_of(daily[below(r, ARRAY_SIZE(daily))]) : &calls[below(r, ARRAY_SIZE(calls))];
	int fd = one_in(r, 24) ? pool_pick_any(r) : pool_pick(call->pool, r);

	if (call->nr == PCIEM_REMOVE && !one_in(r, 4))
		return;
	keep(r, call->nr, make(r, call, fd));
}

void call_one(struct rng *r, unsigned long nr, int owner)
{
	make(r, call_of(nr), owner);
}

void calls_count(void)
{
	counts = mmap(NULL, sizeof(*counts) * ARRAY_SIZE(calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void calls_counted(void)
{
	const struct count *count;
	unsigned int i, error, most;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		count = &counts[i];
		for (error = most = 1; error < ERRORS; error++)
			if (count->refused[error] > count->refused[most])
				most = error;
		printf("  %-24s%-9s %8lu of %8lu succeeded", calls[i].name, calls[i].pool == MONITORS ? "monitor" : "", count->succeeded,
		       count->made);
		printf(count->refused[most] ? "; most others: %s\n" : "\n", strerrorname_np(most));
	}
}
