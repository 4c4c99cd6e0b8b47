// SPDX-License-Identifier: GPL-2.0-only
/*
 * One memory operand of a trapped instruction: a BAR's, the kernel's, the user's,
 * or a bit of each. It is cut where it crosses into another range, page or
 * mapping, as the CPU cuts an access that crosses a page.
 *
 * Any context; no lock is held over an access to a BAR, which may sleep.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/log2.h>
#include <linux/uaccess.h>

#include "trap.h"

/* A BAR's memory, or any that cannot fault. */
static void plain_access(void *mem, unsigned int size, bool write, u64 *value)
{
	switch (size) {
	case 1:
		if (write)
			WRITE_ONCE(*(u8 *)mem, *value);
		else
			*value = READ_ONCE(*(u8 *)mem);
		break;
	case 2:
		if (write)
			WRITE_ONCE(*(u16 *)mem, *value);
		else
			*value = READ_ONCE(*(u16 *)mem);
		break;
	case 4:
		if (write)
			WRITE_ONCE(*(u32 *)mem, *value);
		else
			*value = READ_ONCE(*(u32 *)mem);
		break;
	case 8:
		if (write)
			WRITE_ONCE(*(u64 *)mem, *value);
		else
			*value = READ_ONCE(*(u64 *)mem);
		break;
	}
}

#define KERNEL_ACCESS(type) do {						\
	type v_ = *value;							\
	if (write)								\
		__put_kernel_nofault((void *)addr, &v_, type, fault);		\
	else									\
		__get_kernel_nofault(&v_, (void *)addr, type, fault);		\
	*value = v_;								\
} while (0)

/* The width is kept: it may be another device's register. */
static int kernel_access(unsigned long addr, unsigned int size, bool write, u64 *value)
{
	switch (size) {
	case 1:
		KERNEL_ACCESS(u8);
		return 0;
	case 2:
		KERNEL_ACCESS(u16);
		return 0;
	case 4:
		KERNEL_ACCESS(u32);
		return 0;
	case 8:
		KERNEL_ACCESS(u64);
		return 0;
	}
fault:
	return -EFAULT;
}

/*
 * The user's side of copy_to_user() from a BAR or the other way. Its page may
 * have to be faulted in, which only a context that may sleep can wait for.
 */
static int user_access(struct pciem_trap *trap, unsigned long addr, unsigned int size, bool write, u64 *value)
{
	void __user *mem = (void __user *)addr;
	unsigned long left;

	if (cpu_feature_enabled(X86_FEATURE_SMAP) && !(trap->regs->flags & X86_EFLAGS_AC))
		return -EFAULT;
	if (trap->nmi || !access_ok(mem, size))
		return -EFAULT;
	if (pciem_may_sleep()) {
		left = write ? copy_to_user(mem, value, size) : copy_from_user(value, mem, size);
	} else {
		pagefault_disable();
		left = write ? __copy_to_user_inatomic(mem, value, size) :
			       __copy_from_user_inatomic(value, mem, size);
		pagefault_enable();
	}
	return left ? -EFAULT : 0;
}

/* At most size bytes at addr, which no BAR has. Returns how many. */
static int memory_access(struct pciem_trap *trap, unsigned long addr, unsigned int size, bool write, u64 *value)
{
	unsigned long to_page_end = PAGE_SIZE - offset_in_page(addr);
	int err;

	/* Also what is left of an operand that was cut: 3, 5, 6 or 7 bytes. */
	size = rounddown_pow_of_two(min_t(unsigned long, size, to_page_end));
	if (addr < TASK_SIZE_MAX)
		err = user_access(trap, addr, size, write, value);
	else
		err = kernel_access(addr, size, write, value);
	return err ?: size;
}

/* At most size bytes at offset of the BAR. Returns how many. */
static int bar_access(struct pciem_trap *trap, struct pciem_mapping *map, u64 offset, unsigned int size, bool write,
		      u64 *value)
{
	struct pciem_bar *bar = map->bar;
	struct pciem_access acc = {
		.bar = bar, .offset = offset, .write = write, .value = *value,
		.ip = trap->regs->ip,
	};
	struct pciem_range range;

	if (offset >= bar->size) {
		/* In the mapping's first or last page, but not the BAR's: nobody answers. */
		size = rounddown_pow_of_two(min_t(u64, size, -offset));
		*value = ~0ULL;
		if (bar->func && !trap->nmi)
			pciem_stream_fault(bar->func, PCIEM_FAULT_BEYOND_BAR, bar->index, size, offset, 0);
		return size;
	}
	range = pciem_bar_range(bar, offset);
	size = rounddown_pow_of_two(min_t(u64, size, range.end - offset));
	if (range.policy == PCIEM_BAR_DIRECT) {
		plain_access(bar->mem + offset, size, write, value);
		return size;
	}
	if (trap->nmi) {
		/* The stream's locks may be held by what the NMI interrupted. */
		pr_err_once("an NMI handler accesses a BAR at %pS: it reads all-ones and its writes are dropped\n",
			    (void *)trap->regs->ip);
		*value = ~0ULL;
		return size;
	}
	acc.width = size;
	map->serve(&acc);
	*value = acc.value;
	return size;
}

/* One piece of the operand. Returns its size, or -EFAULT. */
static int access_piece(struct pciem_trap *trap, unsigned long addr, unsigned int size, bool write, u64 *value)
{
	struct pciem_mapping *map = pciem_mapping_get(addr);
	int done;

	if (!map)
		return memory_access(trap, addr, size, write, value);
	size = min_t(unsigned long, size, map->end - addr);
	done = bar_access(trap, map, map->offset + (addr - map->start), size, write, value);
	pciem_mapping_put(map);
	return done;
}

static u64 low_bytes(u64 value, unsigned int size)
{
	return size >= 8 ? value : value & ((1ULL << (8 * size)) - 1);
}

int pciem_trap_read(struct pciem_trap *trap, unsigned long addr, unsigned int size, u64 *value)
{
	unsigned int done = 0;
	u64 piece;
	int n;

	*value = 0;
	while (done < size) {
		piece = 0;
		n = access_piece(trap, addr + done, size - done, false, &piece);
		if (n < 0)
			return n;
		*value |= low_bytes(piece, n) << (8 * done);
		done += n;
	}
	return 0;
}

int pciem_trap_write(struct pciem_trap *trap, unsigned long addr, unsigned int size, u64 value)
{
	unsigned int done = 0;
	u64 piece;
	int n;

	while (done < size) {
		piece = value >> (8 * done);
		n = access_piece(trap, addr + done, size - done, true, &piece);
		if (n < 0)
			return n;
		done += n;
	}
	return 0;
}

bool pciem_trap_touches(unsigned long addr, unsigned int size)
{
	if (pciem_mapping_covers(addr, NULL))
		return true;
	return offset_in_page(addr) + size > PAGE_SIZE && pciem_mapping_covers(addr + size - 1, NULL);
}
