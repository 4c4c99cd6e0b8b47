// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of every kind: counts what arrives, where, and reads a register from the
 * handler.
 *
 * INTx is acknowledged as most devices have it: the handler reads IRQ_STATUS, takes 0 for
 * "not mine", and writes 0 back, which is posted.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/ktime.h>

#include "pciem_test.h"

#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX	PCI_IRQ_LEGACY
#endif

static const struct {
	const char *name;
	unsigned int flag;
} kinds[] = {
	{ "msix", PCI_IRQ_MSIX },
	{ "msi", PCI_IRQ_MSI },
	{ "intx", PCI_IRQ_INTX },
};

static irqreturn_t handler(int irq, void *arg)
{
	struct test_vector *v = arg;
	struct test_device *dev = v->dev;
	u32 reg = READ_ONCE(dev->handler_reads);
	u64 start;

	if (dev->irq_kind == PCI_IRQ_INTX) {
		if (!readl(dev->bar + EDU_IRQ_STATUS)) {
			atomic_inc(&v->unhandled);
			return IRQ_NONE;
		}
		writel(0, dev->bar + EDU_IRQ_STATUS);
	}

	if (reg != ~0U) {
		start = ktime_get_ns();
		dev->handler_saw = readl(dev->bar + reg);
		WRITE_ONCE(dev->handler_ns, ktime_get_ns() - start);
	}
	atomic_inc(&v->per_cpu[raw_smp_processor_id() % ARRAY_SIZE(v->per_cpu)]);
	atomic_inc_return_release(&v->count);
	return IRQ_HANDLED;
}

void test_irq_free(struct test_device *dev)
{
	int i;

	for (i = 0; i < dev->nr_vectors; i++)
		free_irq(dev->vector[i].virq, &dev->vector[i]);
	if (dev->nr_vectors)
		pci_free_irq_vectors(dev->pdev);
	dev->nr_vectors = 0;
}

/* entries: NULL, they are the first nr. */
static int request_all(struct test_device *dev, int nr, unsigned int kind, const struct msix_entry *entries)
{
	int i, err;

	dev->irq_kind = kind;
	for (i = 0; i < nr; i++) {
		struct test_vector *v = &dev->vector[i];

		memset(v, 0, sizeof(*v));
		v->dev = dev;
		v->virq = entries ? entries[i].vector : pci_irq_vector(dev->pdev, i);
		err = request_irq(v->virq, handler, kind == PCI_IRQ_INTX ? IRQF_SHARED : 0,
				  "pciem_test", v);
		if (err) {
			while (i-- > 0)
				free_irq(dev->vector[i].virq, &dev->vector[i]);
			pci_free_irq_vectors(dev->pdev);
			return err;
		}
	}
	dev->nr_vectors = nr;
	return 0;
}

int test_irq_request(struct test_device *dev, int nr, unsigned int kind)
{
	if (dev->nr_vectors)
		return -EBUSY;
	nr = pci_alloc_irq_vectors(dev->pdev, 1, nr, kind);
	return nr < 0 ? nr : request_all(dev, nr, kind, NULL);
}

/* Some entries of a larger table. */
static int request_sparse(struct test_device *dev, int argc, char **argv)
{
	struct msix_entry entries[4] = {};
	u64 entry;
	int i, err;

	if (dev->nr_vectors || argc < 2 || argc > 1 + ARRAY_SIZE(entries))
		return -EINVAL;
	for (i = 1; i < argc; i++) {
		if (test_arg(argc, argv, i, 0, &entry) || entry >= 2048)
			return -EINVAL;
		entries[i - 1].entry = entry;
	}
	err = pci_enable_msix_exact(dev->pdev, entries, argc - 1);
	if (!err)
		err = request_all(dev, argc - 1, PCI_IRQ_MSIX, entries);
	if (!err)
		say(dev, "{\"vectors\":%d}", dev->nr_vectors);
	return err;
}

static void say_counts(struct test_device *dev)
{
	int i, cpu;

	for (i = 0; i < dev->nr_vectors; i++) {
		struct test_vector *v = &dev->vector[i];

		seq_buf_printf(&dev->out, "{\"vector\":%d,\"irq\":%d,\"count\":%d,\"unhandled\":%d,\"cpus\":[",
			       i, v->virq, atomic_read(&v->count), atomic_read(&v->unhandled));
		for (cpu = 0; cpu < min_t(int, nr_cpu_ids, ARRAY_SIZE(v->per_cpu)); cpu++)
			seq_buf_printf(&dev->out, "%s%d", cpu ? "," : "", atomic_read(&v->per_cpu[cpu]));
		say(dev, "]}");
	}
}

/* Through the irq chip's own mask and unmask, as the core does it for a level or a moved interrupt. */
static int set_mask(struct test_vector *v, bool masked)
{
	/* Linux counts, and complains of one too many. */
	if (masked == v->masked)
		return -EALREADY;
	v->masked = masked;
	if (masked)
		disable_irq(v->virq);
	else
		enable_irq(v->virq);
	return 0;
}

/* The vector is raised through the model; false if it did not arrive within a second. */
static bool raise_and_wait(struct test_device *dev, int n)
{
	struct test_vector *v = &dev->vector[n];
	int before = atomic_read(&v->count), ms;

	writel(n, dev->bar + EDU_IRQ_RAISE);
	for (ms = 0; ms < 1000 && atomic_read_acquire(&v->count) == before; ms++)
		usleep_range(900, 1100);
	return atomic_read_acquire(&v->count) != before;
}

static int vector_command(struct test_device *dev, const char *name, u64 n, u64 cpu)
{
	struct test_vector *v;

	if (n >= dev->nr_vectors)
		return -EINVAL;
	v = &dev->vector[n];
	if (!strcmp(name, "mask"))
		return set_mask(v, true);
	if (!strcmp(name, "unmask"))
		return set_mask(v, false);
	if (!strcmp(name, "affinity"))
		return cpu < nr_cpu_ids && cpu_online(cpu) ? irq_set_affinity(v->virq, cpumask_of(cpu)) : -EINVAL;
	if (!strcmp(name, "raise")) {
		say(dev, "{\"raised\":%llu,\"arrived\":%s}", n, raise_and_wait(dev, n) ? "true" : "false");
		return 0;
	}
	return -EINVAL;
}

/* A register, read by the handler of vector 0. */
static int handler_read(struct test_device *dev, u64 reg)
{
	bool arrived;

	if (!dev->nr_vectors || reg > EDU_BAR_SIZE - 4)
		return -EINVAL;
	WRITE_ONCE(dev->handler_reads, reg);
	arrived = raise_and_wait(dev, 0);
	WRITE_ONCE(dev->handler_reads, ~0U);
	say(dev, "{\"handler\":%llu,\"arrived\":%s,\"value\":\"%#x\",\"ns\":%llu}", reg, arrived ? "true" : "false",
	    dev->handler_saw, dev->handler_ns);
	return 0;
}

static int request_command(struct test_device *dev, int argc, char **argv)
{
	u64 n;
	int i, err = -EINVAL;

	if (test_arg(argc, argv, 1, 0, &n) || n < 1 || n > TEST_VECTORS)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(argc > 2 ? argv[2] : "msix", kinds[i].name))
			err = test_irq_request(dev, n, kinds[i].flag);
	if (!err)
		say(dev, "{\"vectors\":%d}", dev->nr_vectors);
	return err;
}

int test_irq(struct test_device *dev, int argc, char **argv)
{
	u64 n, cpu;

	if (argc >= 1 && !strcmp(argv[0], "request"))
		return request_command(dev, argc, argv);
	if (argc >= 1 && !strcmp(argv[0], "sparse"))
		return request_sparse(dev, argc, argv);
	if (argc < 1 || test_arg(argc, argv, 1, 0, &n) || test_arg(argc, argv, 2, 0, &cpu))
		return -EINVAL;
	if (!strcmp(argv[0], "free")) {
		test_irq_free(dev);
		return 0;
	}
	if (!strcmp(argv[0], "counts")) {
		say_counts(dev);
		return 0;
	}
	if (!strcmp(argv[0], "intx")) {
		pci_intx(dev->pdev, n);
		return 0;
	}
	if (!strcmp(argv[0], "read"))
		return handler_read(dev, n);
	return vector_command(dev, argv[0], n, cpu);
}
