/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the sequencer share: sequencer.c (begin and end), seq_load.c, seq_lane.c,
 * seq_match.c (driver accesses), seq_action.c (device actions), seq_rename.c (IOVAs),
 * seq_echo.c (identifiers), seq_report.c.
 *
 * seq->lock guards everything but what is marked otherwise. Nothing is emitted under
 * it. A matched step leaves its lane at once, but stays open until its record has a
 * seq: only then may actions that wait for it run, and name it as their cause.
 */
#ifndef PCIEM_SEQUENCER_H
#define PCIEM_SEQUENCER_H

#include <linux/hash.h>
#include <linux/hrtimer.h>
#include <linux/kallsyms.h>
#include <linux/llist.h>

#include "pciem.h"

#define SEQ_LANES	1024
#define SEQ_CONTEXTS	256
#define SEQ_PLACE_BITS	9
#define SEQ_RECENT	4096
#define SEQ_PAIRS	16384
#define SEQ_DATA_MAX	SZ_256M
#define SEQ_FIELDS	1024
#define SEQ_ATOMIC_DATA	24	/* bytes: operation, operand, compare */
#define SEQ_ECHOES	8192
#define SEQ_ECHO_BITS	10
#define SEQ_STACK_TEXT	SZ_4K

/* A payload, freed in a work item: steps are consumed where vfree() may not be called. */
struct seq_data {
	struct llist_node node;
	u32 len, nr_fields;
	u8 *bytes;			/* behind the fields */
	struct pciem_seq_field fields[];
};

/* An identifier on its way through the device. */
struct seq_echo {
	struct list_head use;		/* in seq->echo_use */
	struct hlist_node node;
	u64 recorded, live;
	u16 space;
};

struct seq_step {
	struct list_head queue;		/* its lane, an indices bucket, the actions, a function's maps, or the free ones */
	struct list_head open;		/* required expects, in order */
	struct list_head causes;	/* of an expect: the actions it causes; of an action: its place there */
	struct hlist_node by_index;	/* expects that have not been settled */
	u64 index, addr, value, mask;
	u64 cause_seq;			/* the live seq of the cause, once it is met; of an index: the action's index */
	u64 cause_time;			/* and when that was; 0: long ago */
	struct seq_data *data;
	u32 flags, data_len, delay_us;
	u32 from, modulo;		/* of an index */
	u16 lane;
	u8 op, func, bar, width;
	bool cause_met;
	bool promised;			/* a map: its IOVA is the hint of one under way */
};

/* The lane's last matched read, if it may come again. */
struct seq_repeat {
	bool valid;
	u8 func, bar, width;
	u64 addr, value;
};

struct seq_lane {
	struct list_head steps;
	struct hlist_node by_head;	/* in seq->heads, by its first step's register, or in seq->passable */
	struct hlist_node by_repeat;	/* in seq->repeats, by the register, while there is a repeat */
	struct seq_repeat repeat;
	u64 since;			/* when it last went on: repetitions do not count */
};

/* IOVAs of the recording that live mappings have elsewhere. */
struct seq_pair {
	struct list_head use;		/* in seq->pair_use */
	struct rb_node node;
	bool linked;
	u64 recorded, live, len;
};

/* A driver access, as the sequencer sees it. */
struct seq_live {
	u8 op;				/* PCIEM_SEQ_EXPECT_* */
	u8 kind;			/* PCIEM_RECORD_* */
	u8 func, bar, width;
	u64 addr, value;
	unsigned long ip;
	u32 context;
};

struct seq_divergence {
	u32 reason;
	u64 index, expected, actual, addr;
	u8 kind, func, bar, width;
	u64 payload_offset;
	const u8 *expected_data, *actual_data;
	u32 data_len;
	unsigned long ip;
	bool device;			/* an action of ours, not an access */
};

/* What became of an access. */
enum seq_outcome {
	SEQ_MATCHED,			/* step is taken, or the answer is a repeated one */
	SEQ_REFUSED,			/* it is over already */
	SEQ_DRY,			/* its step has not been pushed yet */
	SEQ_LATE,			/* it may not have been: userspace is behind */
	SEQ_UNEXPECTED,
};

struct seq_match {
	enum seq_outcome outcome;
	struct seq_step *step;		/* NULL: folded, or on the way to a step */
	bool settled;			/* others, so actions may be due */
	u64 answer;
	u32 pushes;			/* SEQ_DRY: what had been pushed */
	struct seq_divergence d;	/* SEQ_UNEXPECTED, and SEQ_LATE if nothing more comes */
};

struct pciem_seq {
	struct pciem_slot *slot;
	raw_spinlock_t lock;
	u32 state;			/* PCIEM_SEQ_*; READ_ONCE outside the lock */
	bool claimed;			/* somebody is filling the report */
	bool stopped;
	bool last_pushed;
	u64 hold_ns;
	u64 progress;			/* when an access was last matched */

	/* constant after SEQ_START */
	u32 window;
	u32 nr_ignores;
	struct pciem_seq_ignore *ignores;
	struct seq_step *steps;
	struct seq_lane *lanes;
	struct hlist_head *index_hash;
	u32 index_bits;
	u8 *scratch;			/* PCIEM_DMA_CHUNK bytes; of who is pumping */

	struct list_head free, open, actions;
	/* How lanes are found at once: who waits for an access of which register. */
	struct hlist_head heads[1 << SEQ_PLACE_BITS], repeats[1 << SEQ_PLACE_BITS];
	struct hlist_head passable;	/* lanes whose first step may be passed by */
	struct list_head indices[1 << SEQ_PLACE_BITS];	/* COALESCE steps, by register, in order */
	struct list_head maps[PCIEM_MAX_FUNCTIONS];
	u32 used;			/* steps */
	u32 expects;			/* of them, in lanes */
	u32 pending;			/* required expects not settled, and actions not done */
	u64 last_index;
	struct { u64 index, seq, time; } recent[SEQ_RECENT];
	struct { u32 context; u16 lane; bool valid; } contexts[SEQ_CONTEXTS];

	bool pumping;			/* one context at a time runs actions, but for interrupts */
	u32 running;			/* actions under way */
	bool waiting;			/* a DO_WAIT is under way */
	u64 wait_until;
	u64 early_below;		/* actions below this index need their cause only */
	struct hrtimer timer;
	struct work_struct pump_work;

	struct rb_root pairs;
	struct seq_pair *pair;
	struct list_head pair_use;	/* all of them: free ones, then what was used longest ago */

	struct hlist_head echoes[1 << SEQ_ECHO_BITS];
	struct seq_echo *echo;
	struct list_head echo_use;	/* likewise */

	bool low_told, done_told, tell_low, tell_done;
	u64 matched, done, folded, renamed, ignored, skipped, early, coalesced;
	u64 unexpected_maps;

	struct mutex push_lock;
	atomic64_t data_bytes;
	struct llist_head dead_data;
	struct work_struct free_work;
	wait_queue_head_t pushed;
	u32 pushes;

	/* written once, by who claimed it, before state says DIVERGED */
	struct pciem_seq_status report;
	char symbol[KSYM_SYMBOL_LEN];
	char stack[SEQ_STACK_TEXT];
	u32 stack_len;
};

/* The bucket of a register. */
static inline u32 seq_place(u8 func, u8 bar, u64 addr)
{
	return hash_64(addr ^ (u64)bar << 48 ^ (u64)func << 56, SEQ_PLACE_BITS);
}

/* The slot's sequence, or NULL. Once there it stays as long as the slot. */
static inline struct pciem_seq *pciem_slot_seq(const struct pciem_slot *slot)
{
	/* Pairs with pciem_seq_start(). */
	return smp_load_acquire(&slot->seq);
}

/* sequencer.c */
void pciem_seq_step_free(struct pciem_seq *seq, struct seq_step *step);		/* lock */
struct seq_step *pciem_seq_oldest(struct pciem_seq *seq);			/* lock */
bool pciem_seq_running(struct pciem_seq *seq);					/* lock */

/* seq_match.c */
void pciem_seq_match(struct pciem_seq *seq, const struct seq_live *live, struct seq_match *m);
void pciem_seq_settle(struct pciem_seq *seq, struct seq_step *step, u64 at);	/* lock */

/* seq_index.c; all under lock */
void pciem_seq_index_init(struct pciem_seq *seq);
void pciem_seq_index_append(struct pciem_seq *seq, struct seq_step *step);
bool pciem_seq_index_take(struct pciem_seq *seq, const struct seq_live *live, struct seq_match *m,
			  struct seq_step **near);

/* seq_lane.c; all under lock */
void pciem_seq_lane_append(struct pciem_seq *seq, struct seq_step *step);
void pciem_seq_lane_drop(struct pciem_seq *seq, struct seq_step *step);
void pciem_seq_lane_repeat(struct pciem_seq *seq, struct seq_lane *lane, const struct seq_step *step);
struct seq_step *pciem_seq_lane_head(struct seq_lane *lane);
struct hlist_head *pciem_seq_lanes_waiting(struct pciem_seq *seq, const struct seq_live *live);
struct seq_lane *pciem_seq_lane_repeating(struct pciem_seq *seq, struct seq_lane *own, const struct seq_live *live);
bool pciem_seq_repeat_fits(const struct seq_repeat *r, const struct seq_live *live);
struct seq_lane *pciem_seq_lane_of(struct pciem_seq *seq, u32 context);
void pciem_seq_lane_bind(struct pciem_seq *seq, u32 context, u16 lane);

/* seq_action.c */
void pciem_seq_pump(struct pciem_seq *seq);
void pciem_seq_pump_later(struct pciem_seq *seq);
void pciem_seq_tell(struct pciem_seq *seq);
void pciem_seq_action_init(struct pciem_seq *seq);
void pciem_seq_action_stop(struct pciem_seq *seq);

/* seq_rename.c; all under lock */
u64 pciem_seq_translate(struct pciem_seq *seq, u64 recorded);
bool pciem_seq_same_address(struct pciem_seq *seq, u64 recorded, u64 live);
bool pciem_seq_same_half(struct pciem_seq *seq, u32 recorded, u32 live);

/* seq_echo.c */
bool pciem_seq_fields_valid(const struct seq_data *data);
void pciem_seq_echo_learn(struct pciem_seq *seq, const struct seq_data *recorded, const u8 *live);	/* lock */
void pciem_seq_echo_apply(struct pciem_seq *seq, struct seq_data *data);				/* lock */
u32 pciem_seq_field_end(const struct seq_data *data, u32 at);

/* seq_report.c */
void pciem_seq_diverge(struct pciem_seq *seq, const struct seq_divergence *d);

#endif /* PCIEM_SEQUENCER_H */
