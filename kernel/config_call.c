// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config space from its owner's side: SET_CONFIG and PCIEM_CONFIG.
 *
 * Locking in this file: func->cfg_lock for the bytes; slot->lock, too, for what may only
 * change before REGISTER.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bus.h"

static u8 *config_plane(struct pciem_config_space *cfg, u32 plane)
{
	switch (plane) {
	case PCIEM_CONFIG_VALUE:
		return cfg->value;
	case PCIEM_CONFIG_WRITABLE:
		return cfg->writable;
	case PCIEM_CONFIG_W1C:
		return cfg->w1c;
	case PCIEM_CONFIG_RESET:
		return cfg->reset;
	default:
		return NULL;
	}
}

static void config_copy(struct pciem_func *f, u8 *plane, u8 *buf, u32 length, bool set)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&f->cfg_lock, flags);
	if (set)
		memcpy(plane, buf, length);
	else
		memcpy(buf, plane, length);
	raw_spin_unlock_irqrestore(&f->cfg_lock, flags);
}

/* What REGISTER has checked stays as it was then. */
static int config_set_masks(struct pciem_func *f, u8 *plane, u8 *buf, u32 length)
{
	int err = -EBUSY;

	mutex_lock(&f->slot->lock);
	if (f->slot->state == PCIEM_STATE_NEW) {
		config_copy(f, plane, buf, length, true);
		err = 0;
	}
	mutex_unlock(&f->slot->lock);
	return err;
}

int pciem_config_access(struct pciem_func *f, const struct pciem_config *arg)
{
	u8 *buf, *plane = config_plane(f->cfg, arg->plane);
	u32 state = pciem_slot_state(f->slot);
	bool set = arg->flags & PCIEM_CONFIG_SET;
	int ret = 0;

	if (!plane || arg->flags & ~PCIEM_CONFIG_SET || !arg->length ||
	    arg->offset >= PCIEM_CONFIG_SIZE || arg->length > PCIEM_CONFIG_SIZE - arg->offset)
		return -EINVAL;
	if (state == PCIEM_STATE_REMOVED)
		return -ENODEV;
	if (set && arg->plane == PCIEM_CONFIG_RESET)
		return -EPERM;
	if (arg->plane == PCIEM_CONFIG_RESET && state == PCIEM_STATE_NEW)
		return -EBUSY;

	plane += arg->offset;
	buf = kmalloc(arg->length, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (set && copy_from_user(buf, u64_to_user_ptr(arg->data), arg->length)) {
		ret = -EFAULT;
	} else if (set && arg->plane != PCIEM_CONFIG_VALUE) {
		ret = config_set_masks(f, plane, buf, arg->length);
	} else {
		config_copy(f, plane, buf, arg->length, set);
		if (set)
			pciem_irq_config_changed(f);
		else if (copy_to_user(u64_to_user_ptr(arg->data), buf, arg->length))
			ret = -EFAULT;
	}
	kfree(buf);
	return ret;
}

int pciem_config_set_ids(struct pciem_func *f, const struct pciem_set_config *arg)
{
	struct pciem_config_space *cfg = f->cfg;
	unsigned long flags;

	/* Vendor 0xffff is how a bus says that nobody is there; type 1 is a bridge. */
	if (arg->vendor_id == 0xffff || !arg->vendor_id ||
	    (arg->header_type & 0x7f) != PCI_HEADER_TYPE_NORMAL)
		return -EINVAL;

	raw_spin_lock_irqsave(&f->cfg_lock, flags);
	pciem_cfg_set16(cfg, PCI_VENDOR_ID, arg->vendor_id, 0);
	pciem_cfg_set16(cfg, PCI_DEVICE_ID, arg->device_id, 0);
	pciem_cfg_set16(cfg, PCI_SUBSYSTEM_VENDOR_ID, arg->subsys_vendor_id, 0);
	pciem_cfg_set16(cfg, PCI_SUBSYSTEM_ID, arg->subsys_device_id, 0);
	cfg->value[PCI_REVISION_ID] = arg->revision;
	memcpy(&cfg->value[PCI_CLASS_PROG], arg->class_code, 3);
	cfg->value[PCI_HEADER_TYPE] = arg->header_type;
	cfg->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	cfg->writable[PCI_INTERRUPT_LINE] = 0xff;
	/* Cards of old have no way to say so, and expect to have it: INTA. */
	cfg->value[PCI_INTERRUPT_PIN] = 1;
	put_unaligned_le16(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
			   PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE, &cfg->writable[PCI_COMMAND]);
	put_unaligned_le16(PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
			   PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT |
			   PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY,
			   &cfg->w1c[PCI_STATUS]);
	raw_spin_unlock_irqrestore(&f->cfg_lock, flags);
	return 0;
}
