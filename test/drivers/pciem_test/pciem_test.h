/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver that exercises its device on command. Each bound device has a file
 * in debugfs, pciem_test/BDF: what is written is a command, what is read is what
 * the last one found, one JSON object a line. A command that found a fault of the
 * device still succeeds; the lines say so ("bad" is not 0).
 */
#ifndef PCIEM_TEST_H
#define PCIEM_TEST_H

#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/seq_buf.h>

#include "edu.h"

#define MAX_BUFFERS	16
#define TEST_VECTORS	32

struct test_vector {
	struct test_device *dev;
	int virq;
	bool masked;			/* by us */
	atomic_t count;
	atomic_t unhandled;		/* INTx: somebody else's, or too late */
	atomic_t per_cpu[64];
};

struct test_buffer {
	void *cpu;
	size_t size;
	dma_addr_t iova;
	bool coherent;
	bool mapped;
	enum dma_data_direction dir;
};

/* life.c: how often each was called */
struct test_life {
	unsigned int suspend, resume, runtime_suspend, runtime_resume;
	unsigned int reset_prepare, reset_done;
	unsigned int correctable, nonfatal, fatal, mmio_enabled, slot_reset, recovered;
};

struct test_device {
	struct pci_dev *pdev;
	void __iomem *bar;
	struct dentry *file;
	struct mutex lock;		/* one command at a time; all below */
	struct seq_buf out;
	/* irq.c */
	int nr_vectors;
	unsigned int irq_kind;		/* PCI_IRQ_* */
	struct test_vector vector[TEST_VECTORS];
	u32 handler_reads;		/* register that the handler reads, ~0 none */
	u32 handler_saw;
	u64 handler_ns;
	/* dma.c */
	struct test_buffer buffer[MAX_BUFFERS];
	/* life.c */
	struct test_life life;
	bool runtime_put;
};

/* A line of output. */
#define say(dev, fmt, ...)	seq_buf_printf(&(dev)->out, fmt "\n", ##__VA_ARGS__)

/* Each takes the words behind the command's name. */
int test_access(struct test_device *dev, int argc, char **argv);
int test_registers(struct test_device *dev, int argc, char **argv);
int test_insn(struct test_device *dev, int argc, char **argv);
int test_hammer(struct test_device *dev, int argc, char **argv);
int test_counter(struct test_device *dev, int argc, char **argv);
int test_maps(struct test_device *dev, int argc, char **argv);
int test_faults(struct test_device *dev, int argc, char **argv);
int test_irq(struct test_device *dev, int argc, char **argv);
int test_dma(struct test_device *dev, int argc, char **argv);
int test_scatter(struct test_device *dev, int argc, char **argv);
int test_bench(struct test_device *dev, int argc, char **argv);

int test_life(struct test_device *dev, int argc, char **argv);
int test_power(struct test_device *dev, int argc, char **argv);
int test_others(struct test_device *dev, int argc, char **argv);
int test_runtime(struct test_device *dev, int argc, char **argv);

extern const struct dev_pm_ops test_pm_ops;
extern const struct pci_error_handlers test_error_handlers;

void test_runtime_end(struct test_device *dev);
void test_irq_free(struct test_device *dev);
void test_dma_free(struct test_device *dev);
int test_irq_request(struct test_device *dev, int nr, unsigned int kind);

/* The argument, or fallback if there are fewer. -EINVAL if it is no number. */
int test_arg(int argc, char **argv, int n, u64 fallback, u64 *value);

#endif /* PCIEM_TEST_H */
