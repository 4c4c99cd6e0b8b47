// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers that do something when they are read: what a device can only do if
 * each read comes to it, once and in order.
 */
#include <linux/ktime.h>
#include <linux/spinlock.h>

#include "pciem_test.h"

static u64 timed_access(struct test_device *dev, u64 offset, u64 width, bool write, u64 *value)
{
	void __iomem *at = dev->bar + offset;
	u64 start = ktime_get_ns();

	switch (width) {
	case 1:
		if (write)
			writeb(*value, at);
		else
			*value = readb(at);
		break;
	case 2:
		if (write)
			writew(*value, at);
		else
			*value = readw(at);
		break;
	case 4:
		if (write)
			writel(*value, at);
		else
			*value = readl(at);
		break;
	case 8:
		if (write)
			writeq(*value, at);
		else
			*value = readq(at);
		break;
	}
	return ktime_get_ns() - start;
}

int test_access(struct test_device *dev, int argc, char **argv)
{
	u64 offset, width, value, ns;
	bool write;

	if (argc < 3 || strlen(argv[0]) != 1 || !strchr("rw", argv[0][0]))
		return -EINVAL;
	write = argv[0][0] == 'w';
	if (test_arg(argc, argv, 1, 0, &offset) || test_arg(argc, argv, 2, 4, &width) ||
	    test_arg(argc, argv, 3, 0, &value) || !is_power_of_2(width) || width > 8 ||
	    offset > EDU_BAR_SIZE - width)
		return -EINVAL;
	ns = timed_access(dev, offset, width, write, &value);
	say(dev, "{\"access\":\"%s\",\"offset\":%llu,\"width\":%llu,\"value\":\"%#llx\",\"ns\":%llu}",
	    argv[0], offset, width, value, ns);
	return 0;
}

struct checks {
	struct test_device *dev;
	spinlock_t *lock;		/* held, interrupts off, at each access; NULL: the driver may sleep */
	unsigned int done, bad;
};

static u32 reg_read(struct checks *c, u32 offset)
{
	unsigned long flags = 0;
	u32 value;

	if (c->lock)
		spin_lock_irqsave(c->lock, flags);
	value = readl(c->dev->bar + offset);
	if (c->lock)
		spin_unlock_irqrestore(c->lock, flags);
	return value;
}

static void reg_write(struct checks *c, u32 offset, u32 value)
{
	unsigned long flags = 0;

	if (c->lock)
		spin_lock_irqsave(c->lock, flags);
	writel(value, c->dev->bar + offset);
	if (c->lock)
		spin_unlock_irqrestore(c->lock, flags);
}

static void expect(struct checks *c, const char *what, u32 is, u32 should)
{
	c->done++;
	if (is == should)
		return;
	c->bad++;
	say(c->dev, "{\"wrong\":\"%s\",\"is\":\"%#x\",\"should\":\"%#x\"}", what, is, should);
}

static void check_plain(struct checks *c)
{
	expect(c, "ID", reg_read(c, EDU_ID), EDU_ID_VALUE);
	reg_write(c, EDU_ID, 0);
	expect(c, "ID after a write", reg_read(c, EDU_ID), EDU_ID_VALUE);
	reg_write(c, EDU_LIVENESS, 0x12345678);
	expect(c, "LIVENESS", reg_read(c, EDU_LIVENESS), ~0x12345678);
}

static void check_read_to_clear(struct checks *c)
{
	reg_read(c, EDU_STATUS);
	reg_write(c, EDU_STATUS, 0x5);
	reg_write(c, EDU_STATUS, 0x80000000);
	expect(c, "STATUS", reg_read(c, EDU_STATUS), 0x80000005);
	expect(c, "STATUS read again", reg_read(c, EDU_STATUS), 0);
}

static void check_fifo(struct checks *c)
{
	u32 i;

	for (i = 0; reg_read(c, EDU_FIFO_LEVEL) && i <= EDU_FIFO_DEPTH; i++)
		reg_read(c, EDU_FIFO_DATA);
	for (i = 0; i < 20; i++)
		reg_write(c, EDU_FIFO_DATA, 0xf1f00000 + i);
	expect(c, "FIFO_LEVEL", reg_read(c, EDU_FIFO_LEVEL), 20);
	for (i = 0; i < 20; i++)
		expect(c, "FIFO_DATA", reg_read(c, EDU_FIFO_DATA), 0xf1f00000 + i);
	expect(c, "FIFO_DATA when empty", reg_read(c, EDU_FIFO_DATA), 0);
}

static void check_indexed(struct checks *c)
{
	u32 i;

	for (i = 0; i < EDU_INDEXED_WORDS; i++) {
		reg_write(c, EDU_INDEX, i);
		reg_write(c, EDU_DATA, i * 0x01010101);
	}
	for (i = EDU_INDEXED_WORDS; i-- > 0;) {
		reg_write(c, EDU_INDEX, i);
		expect(c, "DATA", reg_read(c, EDU_DATA), i * 0x01010101);
	}
}

static void check_counter(struct checks *c)
{
	u32 first = reg_read(c, EDU_COUNTER), i;

	for (i = 1; i <= 20; i++)
		expect(c, "COUNTER", reg_read(c, EDU_COUNTER), first + i);
}

int test_registers(struct test_device *dev, int argc, char **argv)
{
	DEFINE_SPINLOCK(lock);
	struct checks c = { .dev = dev };
	bool status = argc > 0 && !strcmp(argv[0], "status");

	if (argc > 0 && !status && strcmp(argv[0], "lock"))
		return -EINVAL;
	if (argc > 0)
		c.lock = &lock;
	check_read_to_clear(&c);
	if (status)
		goto done;
	check_plain(&c);
	check_fifo(&c);
	check_indexed(&c);
	check_counter(&c);
done:
	say(dev, "{\"test\":\"registers\",\"context\":\"%s\",\"checks\":%u,\"bad\":%u}",
	    c.lock ? "lock" : "sleep", c.done, c.bad);
	return 0;
}
