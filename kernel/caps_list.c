// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two lists of capabilities in a config space: finding room, and linking. What a
 * capability means is not known here: it is bytes, with a mask of the bits that writes
 * change and one of the bits that writing a one clears.
 *
 * Locking in this file: slot->lock, state NEW; what lspci would see is changed under
 * func->cfg_lock, as the owner may look at it meanwhile.
 */
#include <linux/bitmap.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bus.h"

#define CAP_FIRST	0x40

/* Where length bytes can go, at that place or at the next free one; 0: nowhere. */
static int find_room(struct pciem_config_space *cfg, int at, int first, int end, int length)
{
	int dwords = DIV_ROUND_UP(length, 4), pos;

	if (at) {
		pos = bitmap_find_next_zero_area(cfg->used, end / 4, at / 4, dwords, 0);
		if (pos != at / 4)
			return 0;
	} else {
		pos = bitmap_find_next_zero_area(cfg->used, end / 4, first / 4, dwords, 0);
	}
	if (pos + dwords > end / 4)
		return 0;
	bitmap_set(cfg->used, pos, dwords);
	return pos * 4;
}

int pciem_caps_place(struct pciem_config_space *cfg, int at, u8 id, int length)
{
	u8 *link = &cfg->value[PCI_CAPABILITY_LIST];
	int pos = find_room(cfg, at, CAP_FIRST, PCI_CFG_SPACE_SIZE, length);
	int ttl;

	if (!pos)
		return -ENOSPC;
	for (ttl = (PCI_CFG_SPACE_SIZE - CAP_FIRST) / 4; *link >= CAP_FIRST && ttl; ttl--)
		link = &cfg->value[(*link & ~3) + PCI_CAP_LIST_NEXT];
	*link = pos;
	cfg->value[pos] = id;
	cfg->value[pos + PCI_CAP_LIST_NEXT] = 0;
	cfg->value[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return pos;
}

/*
 * The list begins at 0x100, whether or not a capability is there: one without an ID
 * (a null capability) leads on to the others.
 */
int pciem_caps_place_extended(struct pciem_config_space *cfg, int at, u32 header, int length)
{
	int pos = find_room(cfg, at, PCI_CFG_SPACE_SIZE, PCIEM_CONFIG_SIZE, length);
	int last = PCI_CFG_SPACE_SIZE, ttl, next;
	u32 old;

	if (!pos)
		return -ENOSPC;
	if (pos == PCI_CFG_SPACE_SIZE) {
		old = pciem_cfg_get32(cfg, pos);
		put_unaligned_le32(header | (old & 0xfff00000), &cfg->value[pos]);
		return pos;
	}
	for (ttl = PCIEM_CONFIG_SIZE / 4; ttl; ttl--) {
		next = PCI_EXT_CAP_NEXT(pciem_cfg_get32(cfg, last));
		if (next < PCI_CFG_SPACE_SIZE)
			break;
		last = next;
	}
	old = pciem_cfg_get32(cfg, last);
	put_unaligned_le32((old & 0xfffff) | pos << 20, &cfg->value[last]);
	put_unaligned_le32(header, &cfg->value[pos]);
	return pos;
}

/* ------------------------------------------------------------ PCIEM_CAPABILITY_ADD */

struct raw_capability {
	bool extended;
	int head;			/* bytes of the header: ID, version and link */
	u8 *value, *writable, *w1c;
};

static int raw_check(const struct raw_capability *raw, u32 length)
{
	u32 header, i;

	if (raw->extended) {
		header = get_unaligned_le32(raw->value);
		if (!PCI_EXT_CAP_ID(header) || PCI_EXT_CAP_ID(header) == 0xffff || header >> 20)
			return -EINVAL;
	} else if (!raw->value[0] || raw->value[0] == 0xff || raw->value[1]) {
		return -EINVAL;
	}
	for (i = 0; i < length; i++) {
		u8 writable = raw->writable ? raw->writable[i] : 0;
		u8 w1c = raw->w1c ? raw->w1c[i] : 0;

		/* Headers are read-only; and no bit is of both kinds. */
		if (i < raw->head ? writable | w1c : writable & w1c)
			return -EINVAL;
	}
	return 0;
}

static int raw_place(struct pciem_func *f, const struct raw_capability *raw,
		     const struct pciem_capability_add *arg)
{
	struct pciem_config_space *cfg = f->cfg;
	u32 body = arg->length - raw->head;
	unsigned long flags;
	int pos;

	raw_spin_lock_irqsave(&f->cfg_lock, flags);
	if (raw->extended)
		pos = pciem_caps_place_extended(cfg, arg->offset, get_unaligned_le32(raw->value),
						arg->length);
	else
		pos = pciem_caps_place(cfg, arg->offset, raw->value[0], arg->length);
	if (pos > 0) {
		int at = pos + raw->head;

		memcpy(&cfg->value[at], raw->value + raw->head, body);
		memset(&cfg->writable[at], 0, body);
		memset(&cfg->w1c[at], 0, body);
		if (raw->writable)
			memcpy(&cfg->writable[at], raw->writable + raw->head, body);
		if (raw->w1c)
			memcpy(&cfg->w1c[at], raw->w1c + raw->head, body);
	}
	raw_spin_unlock_irqrestore(&f->cfg_lock, flags);
	return pos;
}

static u8 *raw_copy(u64 from, u32 length)
{
	return from ? memdup_user(u64_to_user_ptr(from), length) : NULL;
}

static void raw_free(u8 *bytes)
{
	if (!IS_ERR(bytes))
		kfree(bytes);
}

int pciem_caps_add_raw(struct pciem_func *f, struct pciem_capability_add *arg)
{
	struct raw_capability raw = { .extended = arg->flags & PCIEM_CAPABILITY_EXTENDED };
	u32 first = raw.extended ? PCI_CFG_SPACE_SIZE : CAP_FIRST;
	u32 end = raw.extended ? PCIEM_CONFIG_SIZE : PCI_CFG_SPACE_SIZE;
	int ret;

	raw.head = raw.extended ? 4 : 2;
	if (arg->flags & ~PCIEM_CAPABILITY_EXTENDED || arg->reserved ||
	    arg->length < raw.head || arg->length > end - first)
		return -EINVAL;
	if (arg->offset && (arg->offset < first || arg->offset % 4 ||
			    arg->offset > end - arg->length))
		return -EINVAL;

	raw.value = memdup_user(u64_to_user_ptr(arg->value), arg->length);
	raw.writable = raw_copy(arg->writable, arg->length);
	raw.w1c = raw_copy(arg->w1c, arg->length);
	ret = PTR_ERR_OR_ZERO(raw.value) ?: PTR_ERR_OR_ZERO(raw.writable) ?: PTR_ERR_OR_ZERO(raw.w1c);
	if (!ret)
		ret = raw_check(&raw, arg->length);
	if (!ret)
		ret = raw_place(f, &raw, arg);
	if (ret > 0) {
		arg->offset = ret;
		ret = 0;
	}
	raw_free(raw.value);
	raw_free(raw.writable);
	raw_free(raw.w1c);
	return ret;
}
