/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files about interrupts share: vectors.c (MSI and MSI-X, and who injects),
 * msi.c (their delivery), intx.c (levels), intx_line.c (their delivery).
 */
#ifndef PCIEM_IRQ_H
#define PCIEM_IRQ_H

#include <linux/hrtimer.h>
#include <linux/irq.h>

#include "bus.h"

/* What an irq record's seq contributes to the context of the handlers it leads to. */
#define PCIEM_IRQ_SEQ(seq)	((u32)(seq) & ((1U << PCIEM_CONTEXT_SHIFT) - 1))

/* ----------------------------------------------------------- vectors.c, msi.c */
struct pciem_vector {
	struct irq_work work;
	struct pciem_irqs *irqs;
	struct irq_data *data;		/* NULL: the driver has not asked for it */
	u32 index;
	u32 injected, fired;		/* low bits of the irq record's seq */
	bool masked;
	bool pending;
};

struct pciem_irqs {
	raw_spinlock_t lock;
	struct pciem_func *func;
	unsigned int nr;		/* of the array: the larger of the two below */
	unsigned int nr_msix, nr_msi;
	struct pciem_bar *pba;
	u64 pba_offset;
	struct pciem_vector vector[];
};

/* From the chip's callbacks. */
void pciem_vector_set_masked(struct pciem_vector *v, bool masked);
void pciem_vector_attach(struct pciem_vector *v, struct irq_data *data);
/* Around a flow handler: what the driver's handlers do follows from that irq record. */
void pciem_irq_enter(u32 seq);
void pciem_irq_leave(void);
/* PCIEM_IRQ_MSIX, PCIEM_IRQ_MSI: which one is enabled; then the function may not use INTx. 0: neither. */
u32 pciem_irq_kind(struct pciem_func *f);

/* ----------------------------------------------------- intx.c, intx_line.c */
struct pciem_line {
	struct irq_work work;		/* looks whether the vector is to be sent */
	struct hrtimer timer;		/* does so later */
	struct pciem_intx *intx;
	unsigned int virq;		/* 0: no function has this pin */
	struct irq_data *data;
	u32 seq;			/* of the last assertion, for the handlers' context */
	bool masked, started;
	bool ran;			/* handlers have been called, and have not returned */
	bool risen;			/* asserted anew since they were called */
	bool settling;			/* still high after them: not delivered again yet */
	bool confirmed;			/* the owner has said since then that it is high */
	u64 since, caught_up;		/* when that began; when the owner had taken all */
	u64 posted;			/* what it has to take, ~0 before the first look */
	u64 grace;
};

struct pciem_intx {
	raw_spinlock_t lock;
	struct pciem_slot *slot;
	struct fwnode_handle *fwnode;
	struct irq_domain *domain;
	struct pciem_line line[PCI_NUM_INTX];
	struct pciem_intx_func {
		bool asked;		/* the owner's level, as it last said */
		bool level;		/* the same as it is: an injected fault may have kept it low */
		bool status;		/* a status register's: see registers.c */
		bool pulse;		/* to be delivered once */
		bool pulsing;		/* being delivered */
		bool ending;		/* its end is on its way into the stream */
	} func[PCIEM_MAX_FUNCTIONS];
};

int pciem_intx_init(struct pciem_slot *slot);
void pciem_intx_exit(struct pciem_bridge *b);
/* One interrupt for a driver that uses INTx: the line is held until its handler has run. -EBUSY: none does. */
int pciem_intx_pulse(struct pciem_func *f, u64 cause);
void pciem_intx_config_changed(struct pciem_func *f);	/* RCU */
void pciem_intx_reset(struct pciem_func *f);		/* RCU */

/* Under intx->lock */
bool pciem_intx_func_high(struct pciem_intx *intx, struct pciem_func *f);
bool pciem_intx_line_high(const struct pciem_line *line);
bool pciem_intx_line_has_pulse(const struct pciem_line *line);
bool pciem_intx_line_has_status(const struct pciem_line *line);
void pciem_intx_line_take_pulses(struct pciem_line *line);
/* The handlers have returned: pulses that were being delivered are over. Under no lock. */
void pciem_intx_line_end_pulses(struct pciem_line *line);

int pciem_line_init(struct pciem_line *line, unsigned int index);	/* it gets a vector */
void pciem_line_is_low(struct pciem_line *line);	/* intx->lock */
int pciem_line_domain_init(struct pciem_intx *intx, int number);
void pciem_line_domain_exit(struct pciem_intx *intx);

#endif /* PCIEM_IRQ_H */
