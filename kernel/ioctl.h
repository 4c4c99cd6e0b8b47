/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the call interface share: ioctl.c (dispatch), ioctl_card.c (the
 * calls of existing cards), ioctl_new.c and snapshot.c (those on a monitor).
 */
#ifndef PCIEM_IOCTL_H
#define PCIEM_IOCTL_H

#include "pciem.h"

#define CALL_NEW	BIT(0)		/* while the device is being described */
#define CALL_LOCKED	BIT(1)
#define CALL_DEVICE	BIT(2)
#define CALL_OUT	BIT(3)		/* the structure is copied back */
#define CALL_FILE	BIT(4)		/* works before CREATE_DEVICE; gets the file */

struct call {
	unsigned int cmd;
	u16 size;			/* of the first version */
	u16 flags;
	union {
		int (*fn)(struct pciem_slot *slot, void *arg);
		int (*file_fn)(struct pciem_file *pf, void *arg);
	};
};

extern const struct call pciem_card_calls[];
extern const unsigned int pciem_nr_card_calls;
extern const struct call pciem_new_calls[];
extern const unsigned int pciem_nr_new_calls;
extern const struct call pciem_snapshot_calls[];
extern const unsigned int pciem_nr_snapshot_calls;

static inline struct pciem_func *func_get(struct pciem_slot *slot, u32 num)
{
	if (num >= PCIEM_MAX_FUNCTIONS)
		return ERR_PTR(-EINVAL);
	return pciem_slot_func(slot, num) ?: ERR_PTR(-ENOENT);
}

static inline struct pciem_bar *bar_get(struct pciem_slot *slot, u32 func, u32 index)
{
	struct pciem_func *f = func_get(slot, func);

	if (IS_ERR(f))
		return ERR_CAST(f);
	if (index > PCIEM_MAX_BARS)
		return ERR_PTR(-EINVAL);
	return f->bar[index].size ? &f->bar[index] : ERR_PTR(-ENOENT);
}

/* ioctl_new.c; slot->lock */
int pciem_call_set_policy(struct pciem_slot *slot, const struct pciem_bar_policy *arg);
/* ioctl_new.c; slot->calls */
int pciem_call_dma_maps(struct pciem_slot *slot, void *arg);

#endif /* PCIEM_IOCTL_H */
