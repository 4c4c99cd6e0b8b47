// SPDX-License-Identifier: GPL-2.0-only
/*
 * AtomicOps: a device's read-modify-write of 4 or 8 bytes of the driver's memory, which
 * nobody can see half done (PCI Express, 6.15). Beyond the specification's three there
 * are the subtraction and the bit operations that existing cards ask for.
 *
 * Locking in this file: iommu->lock around the operation.
 */
#include "iommu.h"

struct atomic_access {
	struct pciem_func *f;
	const struct pciem_atomic_op *op;
	u64 fault;
};

static u64 result_of(const struct pciem_atomic_op *op, u64 old)
{
	switch (op->type) {
	case PCIEM_ATOMIC_FETCH_ADD:
		return old + op->operand;
	case PCIEM_ATOMIC_FETCH_SUB:
		return old - op->operand;
	case PCIEM_ATOMIC_SWAP:
		return op->operand;
	case PCIEM_ATOMIC_CAS:
		return old == op->compare ? op->operand : old;
	case PCIEM_ATOMIC_FETCH_AND:
		return old & op->operand;
	case PCIEM_ATOMIC_FETCH_OR:
		return old | op->operand;
	default:
		return old ^ op->operand;
	}
}

/* The driver's CPU may have its own atomics on the same word. */
static u64 do_64(u64 *word, const struct pciem_atomic_op *op)
{
	u64 old = READ_ONCE(*word);

	while (!try_cmpxchg64(word, &old, result_of(op, old)))
		;
	return old;
}

static u64 do_32(u32 *word, const struct pciem_atomic_op *op)
{
	u32 old = READ_ONCE(*word);

	while (!try_cmpxchg(word, &old, (u32)result_of(op, old)))
		;
	return old;
}

/* A dry run finds a fault before the operation gets its place in the stream. */
static bool atomic_run(struct atomic_access *a, bool dry, u64 *old)
{
	struct pciem_iommu *iommu = a->f->iommu;
	u8 width = a->op->width;
	unsigned long flags;
	void *va;
	bool ok;

	raw_spin_lock_irqsave(&iommu->lock, flags);
	ok = pciem_iommu_translate(iommu, a->op->iova, width, PCIEM_ACCESS_READ, &va,
				   &a->fault) == width &&
	     pciem_iommu_translate(iommu, a->op->iova, width, PCIEM_ACCESS_WRITE, &va,
				   &a->fault) == width;
	if (ok && !dry)
		*old = width == 8 ? do_64(va, a->op) : do_32(va, a->op);
	raw_spin_unlock_irqrestore(&iommu->lock, flags);
	/* The mapping ends inside the word. */
	if (!ok && !a->fault)
		a->fault = PCIEM_FAULT_IOMMU_UNMAPPED;
	return ok;
}

static void atomic_apply(struct pciem_txn *txn, void *arg)
{
	atomic_run(arg, false, &txn->rec.value);
}

static bool op_valid(const struct pciem_atomic_op *op)
{
	if (op->type < PCIEM_ATOMIC_FETCH_ADD || op->type > PCIEM_ATOMIC_FETCH_XOR)
		return false;
	if (op->width != 8 && (op->width != 4 || (op->operand | op->compare) >> 32))
		return false;
	return IS_ALIGNED(op->iova, op->width);
}

int pciem_dma_atomic(struct pciem_func *f, const struct pciem_atomic_op *op, u64 cause, u64 *old)
{
	u64 payload[3] = { op->type, op->operand, op->compare };
	struct atomic_access a = { .f = f, .op = op };
	struct pciem_txn txn = {
		.rec = {
			.kind = PCIEM_RECORD_DMA_ATOMIC, .func = f->num, .bar = 0xff, .width = op->width,
			.addr = op->iova, .data_len = sizeof(payload), .cause = cause,
		},
		.data = payload,
		.apply = atomic_apply,
		.arg = &a,
	};
	u64 unused;
	int err;

	if (!op_valid(op))
		return -EINVAL;
	err = pciem_dma_allowed(f);
	if (err)
		return err;
	if (!(pciem_config_command(f) & PCI_COMMAND_MASTER))
		a.fault = PCIEM_FAULT_NO_BUS_MASTER;
	else if (atomic_run(&a, true, &unused))
		pciem_stream_emit(f->slot, &txn);
	if (a.fault) {
		pciem_dma_fault(f, a.fault, op->width, op->iova, cause);
		return pciem_fault_errno(a.fault);
	}
	*old = txn.rec.value;
	return 0;
}
