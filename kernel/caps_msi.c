// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSI capability, whose length follows from what it can do.
 *
 * Locking in this file: as caps.c.
 */
#include "bus.h"

static int msi_length(bool is_64bit, bool maskable)
{
	return (is_64bit ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32) + 2 + (maskable ? 10 : 0);
}

int pciem_caps_msi_length(const struct pciem_cap_msi *msi)
{
	/* 1 to 32 vectors: the encodings above that are reserved. */
	if (msi->num_vectors_log2 > 5)
		return -EINVAL;
	return msi_length(msi->has_64bit, msi->has_masking);
}

void pciem_caps_msi_write(struct pciem_config_space *cfg, int pos, const struct pciem_cap_msi *msi)
{
	u16 flags = msi->num_vectors_log2 << 1;
	int data = PCI_MSI_DATA_32, mask = PCI_MSI_MASK_32;

	pciem_cfg_set32(cfg, pos + PCI_MSI_ADDRESS_LO, 0, ~3U);
	if (msi->has_64bit) {
		flags |= PCI_MSI_FLAGS_64BIT;
		data = PCI_MSI_DATA_64;
		mask = PCI_MSI_MASK_64;
		pciem_cfg_set32(cfg, pos + PCI_MSI_ADDRESS_HI, 0, ~0U);
	}
	pciem_cfg_set16(cfg, pos + data, 0, 0xffff);
	if (msi->has_masking) {
		flags |= PCI_MSI_FLAGS_MASKBIT;
		pciem_cfg_set32(cfg, pos + mask, 0,
				GENMASK((1 << msi->num_vectors_log2) - 1, 0));
	}
	pciem_cfg_set16(cfg, pos + PCI_MSI_FLAGS, flags,
			PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
}

/* NULL: it is as it should be. */
const char *pciem_caps_msi_parse(struct pciem_func *f, int pos)
{
	u16 flags;

	if (pos + msi_length(false, false) > PCI_CFG_SPACE_SIZE)
		return "the MSI capability ends behind config space";
	flags = pciem_cfg_get16(f->cfg, pos + PCI_MSI_FLAGS);
	if (pos + msi_length(flags & PCI_MSI_FLAGS_64BIT, flags & PCI_MSI_FLAGS_MASKBIT) >
	    PCI_CFG_SPACE_SIZE)
		return "the MSI capability ends behind config space";
	if ((flags & PCI_MSI_FLAGS_QMASK) >> 1 > 5)
		return "the MSI capability has more than 32 vectors";
	f->cap_msi = pos;
	return NULL;
}
