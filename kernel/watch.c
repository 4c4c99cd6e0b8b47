// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watchpoints: the CPUs' debug registers on places of a `direct` range, whose accesses
 * do not trap otherwise. A hit is reported after the access, with the value that is
 * there then and the instruction that made it. What is watched is the driver's own
 * mapping: accesses by DMA, by the owner, or through userspace have other addresses.
 *
 * A debug exception may interrupt anything, the stream's lock included: the handler only
 * puts the hit into a queue of its CPU, and an irq_work on the same CPU, as soon as
 * interrupts are on, puts it into the stream. A queue that is full loses hits, counted.
 *
 * Locking in this file: watch_lock for the list and for what is armed; it nests inside
 * slot->lock, and the table of mappings nests inside it. A queue has one producer (the
 * exception) and one consumer (the irq_work), both on its CPU.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hw_breakpoint.h>
#include <linux/irq_work.h>
#include <linux/kallsyms.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/slab.h>

#include "trap.h"

#define MAX_WATCHES	4		/* debug registers of an x86 CPU */
#define QUEUE		256		/* a power of two; hits while interrupts are off */

struct place {
	unsigned long addr;		/* in the driver's mapping; 0: not in use */
	struct perf_event * __percpu *event;
};

struct watch {
	struct list_head node;
	struct pciem_bar *bar;
	u32 id;
	u64 offset;
	u8 width;
	bool reads;
	u32 event;			/* PCIEM_EVENT_*, what the owner ring gets */
	atomic64_t hits, lost;
	struct place place[MAX_WATCHES];
};

struct hit {
	struct watch *watch;
	u64 value;
	unsigned long ip;
	u32 context, pid;
};

struct hit_queue {
	struct irq_work work;
	unsigned int head, tail;	/* consumer's, producer's; both only grow */
	struct hit hit[QUEUE];
};

static DEFINE_MUTEX(watch_lock);
static LIST_HEAD(watches);
static unsigned int nr_watches;
static u32 last_id;
static struct hit_queue __percpu *queues;

/* ----------------------------------------------------------------------- hits */

/* Who was interrupted: a debug exception counts as an NMI, and as a hard interrupt more. */
static u32 interrupted_context(void)
{
	u32 class = PCIEM_CONTEXT_TASK, instance = task_pid_nr(current);

	if (hardirq_count() > HARDIRQ_OFFSET) {
		class = PCIEM_CONTEXT_HARDIRQ;
		instance = pciem_irq_current();
	} else if (in_serving_softirq()) {
		class = PCIEM_CONTEXT_SOFTIRQ;
		instance = raw_smp_processor_id();
	}
	return class << PCIEM_CONTEXT_SHIFT | (instance & ((1U << PCIEM_CONTEXT_SHIFT) - 1));
}

static void on_hit(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	struct watch *w = event->overflow_handler_context;
	struct hit_queue *q = this_cpu_ptr(queues);
	struct hit *hit = &q->hit[q->tail % QUEUE];

	atomic64_inc(&w->hits);
	if (q->tail - READ_ONCE(q->head) == QUEUE) {
		atomic64_inc(&w->lost);
		return;
	}
	*hit = (struct hit) {
		.watch = w,
		.value = pciem_mem_read(w->bar->mem + w->offset, w->width),
		.ip = instruction_pointer(regs),
		.context = interrupted_context(),
		.pid = task_pid_nr(current),
	};
	/* Pairs with queue_work_fn(). */
	smp_store_release(&q->tail, q->tail + 1);
	irq_work_queue(&q->work);
}

static void emit_hit(const struct hit *hit)
{
	const struct watch *w = hit->watch;
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_WATCH, .func = w->bar->func->num, .bar = w->bar->index,
			.width = w->width, .addr = w->offset, .value = hit->value,
			.context = hit->context, .pid = hit->pid, .cpu = raw_smp_processor_id(),
		},
		.preset = true,
		.event = w->event,
	};
	char text[KSYM_SYMBOL_LEN];

	txn.rec.data_len = sprint_symbol(text, hit->ip);
	txn.data = text;
	pciem_stream_emit(w->bar->func->slot, &txn);
}

static void queue_work_fn(struct irq_work *work)
{
	struct hit_queue *q = container_of(work, struct hit_queue, work);

	/* Pairs with the overflow handler: the hit is whole. */
	while (q->head != smp_load_acquire(&q->tail)) {
		emit_hit(&q->hit[q->head % QUEUE]);
		/* The handler may use the place again. */
		smp_store_release(&q->head, q->head + 1);
	}
}

/* Until no CPU has a hit of a watch that is armed no more. */
static void drain(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(&per_cpu_ptr(queues, cpu)->work);
}

/* ------------------------------------------------------------------------- arming */

/* watch_lock */
static int arm(struct watch *w, unsigned long addr)
{
	struct perf_event * __percpu *event;
	struct perf_event_attr attr;
	struct place *free = NULL;
	unsigned int i;

	for (i = 0; i < MAX_WATCHES; i++) {
		if (w->place[i].addr == addr)
			return 0;
		if (!w->place[i].addr)
			free = &w->place[i];
	}
	if (!free)
		return -ENOSPC;
	hw_breakpoint_init(&attr);
	attr.bp_addr = addr;
	attr.bp_len = w->width;
	attr.bp_type = w->reads ? HW_BREAKPOINT_RW : HW_BREAKPOINT_W;
	event = register_wide_hw_breakpoint(&attr, on_hit, w);
	if (IS_ERR((void __force *)event)) {
		pr_notice("no debug register is free for the watchpoint at BAR %u + %#llx (error %ld)\n",
			  w->bar->index, w->offset, PTR_ERR((void __force *)event));
		return -ENOSPC;
	}
	free->event = event;
	free->addr = addr;
	return 0;
}

/* watch_lock */
static void disarm(struct place *place)
{
	unregister_wide_hw_breakpoint(place->event);
	place->addr = 0;
}

/* watch_lock, and the mapping stays: the table's lock is held, or it is new and nobody else's yet. */
static int watch_in(struct watch *w, const struct pciem_mapping *map)
{
	u64 at = w->offset - map->offset;

	if (map->bar != w->bar || map->own || at > map->end - map->start - w->width)
		return 0;
	return arm(w, map->start + at);
}

static int watch_in_each(struct pciem_mapping *map, void *arg)
{
	return watch_in(arg, map);
}

void pciem_watch_mapped(struct pciem_mapping *map)
{
	struct watch *w;

	mutex_lock(&watch_lock);
	list_for_each_entry(w, &watches, node)
		watch_in(w, map);
	mutex_unlock(&watch_lock);
}

void pciem_watch_unmapped(struct pciem_mapping *map)
{
	struct watch *w;
	unsigned int i;

	mutex_lock(&watch_lock);
	list_for_each_entry(w, &watches, node)
		for (i = 0; i < MAX_WATCHES; i++)
			if (w->place[i].addr >= map->start && w->place[i].addr < map->end)
				disarm(&w->place[i]);
	mutex_unlock(&watch_lock);
}

/* ----------------------------------------------------------------- the owner's calls */

/* watch_lock */
static void watch_free(struct watch *w)
{
	unsigned int i;

	for (i = 0; i < MAX_WATCHES; i++)
		if (w->place[i].addr)
			disarm(&w->place[i]);
	drain();
	list_del(&w->node);
	nr_watches--;
	kfree(w);
}

int pciem_watch_add(struct pciem_bar *bar, u64 offset, u32 width, bool reads, u32 event, u32 *id)
{
	struct pciem_range range;
	struct watch *w;
	int err;

	lockdep_assert_held(&bar->func->slot->lock);
	if ((width != 1 && width != 2 && width != 4 && width != 8) || offset >= bar->size || offset % width)
		return -EINVAL;
	range = pciem_bar_range(bar, offset);
	if (range.policy != PCIEM_BAR_DIRECT || range.end - offset < width)
		return -EINVAL;
	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return -ENOMEM;
	w->bar = bar;
	w->offset = offset;
	w->width = width;
	w->reads = reads;
	w->event = event;

	mutex_lock(&watch_lock);
	err = nr_watches == MAX_WATCHES ? -ENOSPC : 0;
	if (!err) {
		w->id = *id = ++last_id;
		nr_watches++;
		list_add_tail(&w->node, &watches);
		err = pciem_mapping_for_each(watch_in_each, w);
		if (err)
			watch_free(w);
	} else {
		kfree(w);
	}
	mutex_unlock(&watch_lock);
	return err;
}

int pciem_watch_remove(struct pciem_slot *slot, u32 id)
{
	struct watch *w, *found = NULL;

	mutex_lock(&watch_lock);
	list_for_each_entry(w, &watches, node)
		if (w->id == id && w->bar->func->slot == slot)
			found = w;
	if (found)
		watch_free(found);
	mutex_unlock(&watch_lock);
	return found ? 0 : -ENOENT;
}

int pciem_watch_info(struct pciem_slot *slot, struct pciem_watch_info *info)
{
	u32 size = info->size, i;
	int err = -ENOENT;
	struct watch *w;

	mutex_lock(&watch_lock);
	/* Sorted by id, as they are numbered in the order in which they come. */
	list_for_each_entry(w, &watches, node) {
		if (w->id < info->id || w->bar->func->slot != slot)
			continue;
		*info = (struct pciem_watch_info) {
			.size = size, .id = w->id, .func = w->bar->func->num, .bar_index = w->bar->index,
			.width = w->width, .flags = w->reads ? PCIEM_WATCH_READS : 0, .offset = w->offset,
			.hits = atomic64_read(&w->hits), .lost = atomic64_read(&w->lost),
		};
		for (i = 0; i < MAX_WATCHES; i++)
			info->places += !!w->place[i].addr;
		err = 0;
		break;
	}
	mutex_unlock(&watch_lock);
	return err;
}

void pciem_watch_drop(struct pciem_slot *slot)
{
	struct watch *w, *next;

	mutex_lock(&watch_lock);
	list_for_each_entry_safe(w, next, &watches, node)
		if (w->bar->func->slot == slot)
			watch_free(w);
	mutex_unlock(&watch_lock);
}

/* ---------------------------------------------------------------------- module init */

int pciem_watch_init(void)
{
	int cpu;

	queues = alloc_percpu(struct hit_queue);
	if (!queues)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		init_irq_work(&per_cpu_ptr(queues, cpu)->work, queue_work_fn);
	return 0;
}

void pciem_watch_exit(void)
{
	free_percpu(queues);
}
