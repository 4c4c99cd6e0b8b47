/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How an access becomes a trap. ioremap() of a BAR returns an area whose page
 * table entries were never present (mapping.c). The driver's access faults; the
 * kernel's own fault path is left at bad_area_nosemaphore() (hooks.c); the
 * exception returns into a thunk (thunk.S) that runs on the driver's stack in the
 * driver's context, decodes the instruction (decode.c), performs it (emulate.c),
 * each of its accesses through pciem_access_serve(), and returns behind it.
 */
#ifndef PCIEM_TRAP_H
#define PCIEM_TRAP_H

#ifndef __ASSEMBLY__
#include <linux/refcount.h>
#include "decode.h"
#include "pciem.h"
#endif

/*
 * What the fault leaves in pt_regs.orig_ax for the thunk, which finds ip and sp
 * of the frame replaced: the low half of ip, sp as the distance from pt_regs, and
 * the flags that may not stay set while C code runs.
 */
#define PCIEM_FRAME_IP		0	/* 32 bits: kernel text is within the top 2 GiB */
#define PCIEM_FRAME_SP		4	/* 16 bits */
#define PCIEM_FRAME_FLAGS	6	/* 16 bits: flags >> 8 */
#define PCIEM_FRAME_FLAGS_SHIFT	8

#ifndef __ASSEMBLY__

/* One ioremap() of a BAR. Found under RCU, used with a reference. */
struct pciem_mapping {
	unsigned long start, end;	/* the area, whole pages */
	u64 offset;			/* of start in the BAR; below zero if the BAR starts within a page */
	struct pciem_bar *bar;		/* with a reference on its slot */
	void (*serve)(struct pciem_access *acc);
	bool own;			/* the self-test's: our own code may access it */
	refcount_t users;
	struct rcu_head rcu;
};

/* A trap being served. */
struct pciem_trap {
	struct pt_regs *regs;
	bool nmi;
};

/* mapping.c */
void __iomem *pciem_mapping_create(struct pciem_bar *bar, u64 offset, phys_addr_t phys, unsigned long size,
				   void (*serve)(struct pciem_access *acc));
void pciem_mapping_destroy(unsigned long addr);
bool pciem_mapping_covers(unsigned long addr, bool *own);
struct pciem_mapping *pciem_mapping_get(unsigned long addr);
void pciem_mapping_put(struct pciem_mapping *map);
/* Calls fn for each mapping, which stays meanwhile; stops when fn returns nonzero. */
int pciem_mapping_for_each(int (*fn)(struct pciem_mapping *map, void *arg), void *arg);

/* watch.c: the mapping is in the table; it is not any more, but its area is still there. May sleep. */
void pciem_watch_mapped(struct pciem_mapping *map);
void pciem_watch_unmapped(struct pciem_mapping *map);

/* trap.c */
bool pciem_trap_fault(struct pt_regs *regs, unsigned long error, unsigned long addr);
asmlinkage void pciem_trap_serve(struct pt_regs *regs, unsigned long held);
void pciem_thunk(void);

/* access.c: -EFAULT when the operand is memory that cannot be accessed */
int pciem_trap_read(struct pciem_trap *trap, unsigned long addr, unsigned int size, u64 *value);
int pciem_trap_write(struct pciem_trap *trap, unsigned long addr, unsigned int size, u64 value);
/* Whether any byte there belongs to a BAR. */
bool pciem_trap_touches(unsigned long addr, unsigned int size);

/* emulate.c: 0 ip is behind the instruction; 1 there is more to do: it will trap again; or an error */
int pciem_emulate(struct pciem_trap *trap, const struct pciem_insn *insn);

/* alu.c: a and b are the operands, the destination first; what becomes of it, and the driver's flags */
u64 pciem_alu(struct pt_regs *regs, u8 op, unsigned int size, u64 a, u64 b);
bool pciem_alu_only_flags(u8 op);
bool pciem_alu_condition(u8 cc, unsigned long flags);

/* usermap.c */
int pciem_usermap(struct vm_area_struct *vma, unsigned long addr, unsigned long pfn, unsigned long size,
		  pgprot_t prot);

/* hooks.c */
int pciem_hooks_arm(void);
void pciem_hooks_disarm(void);
/* Around every stay in our code that a hook has led to. Any context. */
void pciem_hooks_enter(void);
void pciem_hooks_leave(void);

/* selftest.c: an address that no machine has, and whose ioremap() fails quietly if it is not hooked */
#define PCIEM_SELFTEST_PHYS	(~(phys_addr_t)0 << PAGE_SHIFT)
#define PCIEM_SELFTEST_SIZE	(4 * PAGE_SIZE)
void __iomem *pciem_selftest_ioremap(unsigned long size);

#endif /* __ASSEMBLY__ */
#endif /* PCIEM_TRAP_H */
