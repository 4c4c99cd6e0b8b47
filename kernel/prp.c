// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA over Physical Region Pages, as NVMe describes memory (NVM Express Base
 * Specification, 4.1.1): the first page, which may begin anywhere, then either the
 * second one, or a list of pages. A list is read where it lies; the last entry of a
 * page of it points to the list's next page, unless it is the last one needed.
 *
 * The list may be anything: each of its pages but the first is entered at its start,
 * so that each brings the transfer forward and the walk ends.
 *
 * Locking in this file: none; dma.c has it.
 */
#include <linux/log2.h>

#include "iommu.h"

#define WINDOW		64		/* entries fetched at once */
#define PAGE_MIN	4096U
#define PAGE_MAX	(128U << 20)	/* CC.MPS of 15 */

struct prp_walk {
	struct pciem_func *f;
	u32 page_size;
	u64 list;			/* IOVA of the next entry */
	u64 pages;			/* data pages that are still to come */
	u64 entry[WINDOW];
	unsigned int nr, next;
};

/* The entries up to the end of the list's page, or of what is needed. */
static int prp_list_fetch(struct prp_walk *w)
{
	u64 room = (w->page_size - (w->list & (w->page_size - 1))) / sizeof(u64);
	unsigned int nr = min3(room, w->pages, (u64)WINDOW);
	int moved;

	moved = pciem_dma_kernel(w->f, w->list, w->entry, nr * sizeof(u64), false, 0, false);
	if (moved < 0)
		return moved;
	if (moved < nr * sizeof(u64))
		return -EFAULT;
	w->list += moved;
	w->nr = nr;
	w->next = 0;
	return 0;
}

/* The next data page. */
static int prp_list_next(struct prp_walk *w, u64 *page)
{
	u64 entry;
	int err;

	for (;;) {
		if (w->next == w->nr) {
			err = prp_list_fetch(w);
			if (err)
				return err;
		}
		entry = w->entry[w->next++];
		if (entry & (w->page_size - 1))
			return -EINVAL;
		/* The last entry of a page, and more to come: it is the list's next page. */
		if (w->next < w->nr || w->list & (w->page_size - 1) || w->pages == 1)
			break;
		w->list = entry;
	}
	w->pages--;
	*page = entry;
	return 0;
}

static int prp_list_move(struct prp_walk *w, struct pciem_dma_buffer *b, u64 user, u32 left)
{
	u64 page, start = 0;
	u32 len = 0;
	int err;

	/* Pages that follow one another are one transfer. */
	while (w->pages) {
		err = prp_list_next(w, &page);
		if (err)
			return err;
		if (len && page != start + len) {
			err = pciem_dma_transfer(w->f, b, start, user, len, true);
			if (err)
				return err;
			user += len;
			len = 0;
		}
		if (!len)
			start = page;
		len += min(left, w->page_size);
		left -= min(left, w->page_size);
	}
	return pciem_dma_transfer(w->f, b, start, user, len, false);
}

static int prp_move(struct pciem_func *f, struct pciem_dma_buffer *b,
		    const struct pciem_dma_indirect *arg)
{
	struct prp_walk w = { .f = f, .page_size = arg->page_size, .list = arg->prp2 };
	u32 offset = arg->prp1 & (arg->page_size - 1);
	u32 first = min(arg->length, arg->page_size - offset), left = arg->length - first;
	int err;

	w.pages = DIV_ROUND_UP(left, arg->page_size);
	/* A list begins anywhere in its page, on an entry; a page has no offset. */
	if (w.pages && arg->prp2 & (w.pages > 1 ? sizeof(u64) - 1 : arg->page_size - 1))
		return -EINVAL;
	err = pciem_dma_transfer(f, b, arg->prp1, arg->user_addr, first, left);
	if (err || !left)
		return err;
	if (w.pages == 1)
		return pciem_dma_transfer(f, b, arg->prp2, arg->user_addr + first, left, false);
	return prp_list_move(&w, b, arg->user_addr + first, left);
}

int pciem_dma_indirect(struct pciem_func *f, const struct pciem_dma_indirect *arg)
{
	struct pciem_dma_buffer b;
	int ret;

	if (!is_power_of_2(arg->page_size) || arg->page_size < PAGE_MIN || arg->page_size > PAGE_MAX ||
	    arg->prp1 + arg->length < arg->prp1)
		return -EINVAL;
	if (arg->pasid)
		return -EOPNOTSUPP;
	ret = pciem_dma_buffer_init(&b, arg->length, arg->flags);
	if (ret)
		return ret;
	ret = prp_move(f, &b, arg);
	pciem_dma_buffer_free(&b);
	return ret;
}
