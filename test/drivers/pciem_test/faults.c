// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses whose fault has another side: copies between the BAR and user memory,
 * present or not, and instructions that the traps do not serve. Both end in the
 * fixup that the kernel has for them, as they would on a real device.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/asm.h>
#include <asm/fpu/api.h>

#include "pciem_test.h"

#define COPY	3000

struct copies {
	struct test_device *dev;
	void *bar;			/* scratch memory, as if it were plain */
	unsigned long user;		/* three pages; the last two go away */
	u8 pattern[COPY], back[COPY];
	unsigned int done, bad;
};

static void check(struct copies *c, const char *what, bool right)
{
	c->done++;
	if (right)
		return;
	c->bad++;
	say(c->dev, "{\"wrong\":\"%s\"}", what);
}

/* The pages are touched here for the first time: the copy has to fault them in. */
static void whole_copies(struct copies *c)
{
	void __user *user = (void __user *)(c->user + PAGE_SIZE - 1000);
	unsigned int i;

	for (i = 0; i < COPY; i++)
		c->pattern[i] = i * 7 + (i >> 7);
	memcpy_toio((void __iomem *)c->bar, c->pattern, COPY);
	check(c, "copy_to_user", !copy_to_user(user, c->bar, COPY));
	check(c, "what copy_to_user copied", !copy_from_user(c->back, user, COPY) &&
	      !memcmp(c->back, c->pattern, COPY));
	memset_io((void __iomem *)c->bar, 0, COPY);
	check(c, "copy_from_user", !copy_from_user(c->bar, user, COPY));
	memcpy_fromio(c->back, (void __iomem *)c->bar, COPY);
	check(c, "what copy_from_user copied", !memcmp(c->back, c->pattern, COPY));
}

/* What is left must be counted as the kernel counts it without us. */
static void cut_copies(struct copies *c)
{
	void __user *edge = (void __user *)(c->user + PAGE_SIZE - 100);
	void __user *gone = (void __user *)(c->user + PAGE_SIZE);

	vm_munmap(c->user + PAGE_SIZE, 2 * PAGE_SIZE);
	check(c, "copy_to_user over the edge", copy_to_user(edge, c->bar, 300) == 200);
	check(c, "copy_from_user over the edge", copy_from_user(c->bar, edge, 300) == 200);
	check(c, "copy_to_user to nowhere", copy_to_user(gone, c->bar, 4) == 4);
	check(c, "copy_to_user afterwards", !copy_to_user(edge, c->bar, 100));
	pagefault_disable();
	check(c, "copy in atomic context", !__copy_to_user_inatomic(edge, c->bar, 100));
	pagefault_enable();
}

/* Only its fixup may end a move that we cannot serve. */
static noinline bool reads_sse(void *at)
{
	bool served = true;

	kernel_fpu_begin();
	asm volatile("1: movups (%1), %%xmm0\n"
		     "	jmp 3f\n"
		     "2: movb $0, %b0\n"
		     "3:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+q" (served) : "r" (at) : "memory");
	kernel_fpu_end();
	return served;
}

static void refusals(struct copies *c)
{
	u64 value = 0;

	writeq(0x1122334455667788ULL, (void __iomem *)c->bar);
	check(c, "an SSE move", !reads_sse(c->bar));
	check(c, "an SSE move again", !reads_sse(c->bar));
	check(c, "copy_from_kernel_nofault", !copy_from_kernel_nofault(&value, c->bar, 8) &&
	      value == 0x1122334455667788ULL);
	check(c, "a plain move after all that", readq((void __iomem *)c->bar) == 0x1122334455667788ULL);
}

int test_faults(struct test_device *dev, int argc, char **argv)
{
	struct copies *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return -ENOMEM;
	c->dev = dev;
	c->bar = (__force void *)dev->bar + EDU_SCRATCH;
	c->user = vm_mmap(NULL, 0, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(c->user)) {
		kfree(c);
		return -ENOMEM;
	}
	whole_copies(c);
	cut_copies(c);
	refusals(c);
	vm_munmap(c->user, PAGE_SIZE);
	say(dev, "{\"test\":\"faults\",\"checks\":%u,\"bad\":%u}", c->done, c->bad);
	kfree(c);
	return 0;
}
