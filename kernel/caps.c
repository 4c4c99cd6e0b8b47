// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities are data: bytes with masks, placed one behind the other. At REGISTER
 * the finished image is read back, wherever it came from (ADD_CAPABILITY or planes of
 * bytes), and what the rest of the module relies on is checked.
 *
 * Locking in this file: slot->lock, state NEW: nothing else looks at config space yet
 * but the owner's own PCIEM_CONFIG, which may break only what is checked again by
 * those who use it.
 */
#include <linux/bitmap.h>
#include <linux/pci.h>

#include "bus.h"

#define CAP_FIRST	0x40
#define CAP_END		0x100

/* ----------------------------------------------------------------- what they hold */

static void write_pm(struct pciem_config_space *cfg, int pos)
{
	pciem_cfg_set16(cfg, pos + PCI_PM_PMC, 3, 0);
	/* No_Soft_Reset, as devices of this age have it: D3hot -> D0 keeps the registers. */
	pciem_cfg_set16(cfg, pos + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET,
			PCI_PM_CTRL_STATE_MASK);
}

/* 8 GT/s x4, no ASPM: what an endpoint and the port above it agree on. */
#define LINK_SPEED	PCI_EXP_LNKCAP_SLS_8_0GB
#define LINK_WIDTH	(4 << 4)
#define LINK_SPEEDS	(PCI_EXP_LNKCAP2_SLS_2_5GB | PCI_EXP_LNKCAP2_SLS_5_0GB | \
			 PCI_EXP_LNKCAP2_SLS_8_0GB)

static void write_pcie(struct pciem_config_space *cfg, int pos, u16 type, u32 devcap, u32 lnkcap,
		       u16 lnksta)
{
	pciem_cfg_set16(cfg, pos + PCI_EXP_FLAGS, 2 | type << 4, 0);
	pciem_cfg_set32(cfg, pos + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | 1 | devcap, 0);
	pciem_cfg_set16(cfg, pos + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN |
			PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ_512B, 0x7fff);
	put_unaligned_le16(PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED | PCI_EXP_DEVSTA_FED |
			   PCI_EXP_DEVSTA_URD, &cfg->w1c[pos + PCI_EXP_DEVSTA]);
	pciem_cfg_set32(cfg, pos + PCI_EXP_LNKCAP, LINK_SPEED | LINK_WIDTH | lnkcap, 0);
	pciem_cfg_set16(cfg, pos + PCI_EXP_LNKCTL, 0, PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC |
			PCI_EXP_LNKCTL_ES);
	pciem_cfg_set16(cfg, pos + PCI_EXP_LNKSTA, LINK_SPEED | LINK_WIDTH | lnksta, 0);
	pciem_cfg_set32(cfg, pos + PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS, 0);
	pciem_cfg_set16(cfg, pos + PCI_EXP_DEVCTL2, 0, PCI_EXP_DEVCTL2_COMP_TMOUT_DIS);
	pciem_cfg_set32(cfg, pos + PCI_EXP_LNKCAP2, LINK_SPEEDS, 0);
	pciem_cfg_set16(cfg, pos + PCI_EXP_LNKCTL2, LINK_SPEED, PCI_EXP_LNKCTL2_TLS);
}

static void write_msix(struct pciem_config_space *cfg, int pos, const struct pciem_cap_msix *msix)
{
	pciem_cfg_set16(cfg, pos + PCI_MSIX_FLAGS, msix->table_size - 1,
			PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pciem_cfg_set32(cfg, pos + PCI_MSIX_TABLE, msix->table_offset | msix->bar_index, 0);
	pciem_cfg_set32(cfg, pos + PCI_MSIX_PBA, msix->pba_offset | msix->bar_index, 0);
}

/* ---------------------------------------------------------------------- placement */

static int cap_length(u32 type)
{
	switch (type) {
	case PCIEM_CAP_PM:
		return PCI_PM_SIZEOF;
	case PCIEM_CAP_PCIE:
		return PCI_EXP_LNKSTA2 + 2 + 8;	/* up to Slot Status 2 */
	case PCIEM_CAP_MSIX:
		return PCI_CAP_MSIX_SIZEOF;
	default:
		return 0;
	}
}

int pciem_caps_port(struct pciem_config_space *cfg)
{
	int pos;

	pos = pciem_caps_place(cfg, 0, PCI_CAP_ID_PM, PCI_PM_SIZEOF);
	write_pm(cfg, pos);
	pos = pciem_caps_place(cfg, 0, PCI_CAP_ID_EXP, cap_length(PCIEM_CAP_PCIE));
	write_pcie(cfg, pos, PCI_EXP_TYPE_ROOT_PORT, 0,
		   PCI_EXP_LNKCAP_DLLLARC | 1 << 24, PCI_EXP_LNKSTA_DLLLA);
	return pos;
}

static int check_msix(const struct pciem_cap_msix *msix)
{
	if (msix->bar_index >= PCIEM_MAX_BARS || !msix->table_size ||
	    msix->table_size > PCIEM_MAX_VECTORS ||
	    (msix->table_offset | msix->pba_offset) & PCI_MSIX_TABLE_BIR)
		return -EINVAL;
	return 0;
}

/* The card's 16 bytes are the registers behind the vendor-specific header. */
static int add_vsec(struct pciem_config_space *cfg, const u8 *raw)
{
	u32 length = PCI_VNDR_HEADER + 4 + sizeof(((struct pciem_add_capability *)0)->raw);
	int pos = pciem_caps_place_extended(cfg, 0, PCI_EXT_CAP_ID_VNDR | 1 << 16, length);

	if (pos < 0)
		return pos;
	pciem_cfg_set32(cfg, pos + PCI_VNDR_HEADER, length << 20, 0);
	memcpy(&cfg->value[pos + PCI_VNDR_HEADER + 4], raw, length - PCI_VNDR_HEADER - 4);
	return 0;
}

static int add_pasid(struct pciem_config_space *cfg, const struct pciem_cap_pasid *pasid)
{
	u16 can = (pasid->execute ? PCI_PASID_CAP_EXEC : 0) |
		  (pasid->privileged ? PCI_PASID_CAP_PRIV : 0);
	int pos;

	if (pasid->max_pasid_width > 20)
		return -EINVAL;
	pos = pciem_caps_place_extended(cfg, 0, PCI_EXT_CAP_ID_PASID | 1 << 16,
					PCI_EXT_CAP_PASID_SIZEOF);
	if (pos < 0)
		return pos;
	pciem_cfg_set16(cfg, pos + PCI_PASID_CAP, can | pasid->max_pasid_width << 8, 0);
	/* Execute and Privileged Mode have the same bits in both registers. */
	pciem_cfg_set16(cfg, pos + PCI_PASID_CTRL, 0, PCI_PASID_CTRL_ENABLE | can);
	return 0;
}

int pciem_caps_add(struct pciem_func *f, const struct pciem_add_capability *arg)
{
	static const u8 ids[] = {
		[PCIEM_CAP_PM] = PCI_CAP_ID_PM,
		[PCIEM_CAP_PCIE] = PCI_CAP_ID_EXP,
		[PCIEM_CAP_MSI] = PCI_CAP_ID_MSI,
		[PCIEM_CAP_MSIX] = PCI_CAP_ID_MSIX,
	};
	int length = cap_length(arg->cap_type);
	int pos, err;

	if (arg->cap_type > PCIEM_CAP_PASID)
		return -EINVAL;
	if (arg->cap_type == PCIEM_CAP_VSEC)
		return add_vsec(f->cfg, arg->raw);
	if (arg->cap_type == PCIEM_CAP_PASID)
		return add_pasid(f->cfg, &arg->pasid);
	if (arg->cap_type == PCIEM_CAP_MSI)
		length = pciem_caps_msi_length(&arg->msi);
	if (length <= 0)
		return length ?: -EOPNOTSUPP;
	if (arg->cap_type == PCIEM_CAP_MSIX) {
		err = check_msix(&arg->msix);
		if (err)
			return err;
	}
	pos = pciem_caps_place(f->cfg, 0, ids[arg->cap_type], length);
	if (pos < 0)
		return pos;

	switch (arg->cap_type) {
	case PCIEM_CAP_PM:
		write_pm(f->cfg, pos);
		break;
	case PCIEM_CAP_PCIE:
		write_pcie(f->cfg, pos, f->slot->attach ? PCI_EXP_TYPE_RC_END : PCI_EXP_TYPE_ENDPOINT,
			   PCI_EXP_DEVCAP_FLR, 0, 0);
		break;
	case PCIEM_CAP_MSI:
		pciem_caps_msi_write(f->cfg, pos, &arg->msi);
		break;
	case PCIEM_CAP_MSIX:
		write_msix(f->cfg, pos, &arg->msix);
		break;
	}
	return 0;
}

/* ----------------------------------------------------------------------- REGISTER */

static int refuse(struct pciem_func *f, int err, const char *why)
{
	pr_err("pciem: slot %u function %u: %s\n", f->slot->id, f->num, why);
	return err;
}

bool pciem_caps_inside_bar(struct pciem_func *f, u32 where, u64 length)
{
	u32 bir = where & PCI_MSIX_TABLE_BIR;

	return bir < PCIEM_MAX_BARS && f->bar[bir].size >= length &&
	       (where & PCI_MSIX_TABLE_OFFSET) <= f->bar[bir].size - length;
}

static int parse_msix(struct pciem_func *f, int pos)
{
	u32 vectors;

	if (pos + PCI_CAP_MSIX_SIZEOF > CAP_END)
		return refuse(f, -EINVAL, "the MSI-X capability ends behind config space");
	vectors = (pciem_cfg_get16(f->cfg, pos + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1;
	if (!pciem_caps_inside_bar(f, pciem_cfg_get32(f->cfg, pos + PCI_MSIX_TABLE),
				   vectors * PCI_MSIX_ENTRY_SIZE))
		return refuse(f, -EINVAL, "the MSI-X table is not inside a BAR");
	if (!pciem_caps_inside_bar(f, pciem_cfg_get32(f->cfg, pos + PCI_MSIX_PBA),
				   DIV_ROUND_UP(vectors, 64) * 8))
		return refuse(f, -EINVAL, "the MSI-X PBA is not inside a BAR");
	f->cap_msix = pos;
	return 0;
}

static int parse_pcie(struct pciem_func *f, int pos)
{
	u16 type = (pciem_cfg_get16(f->cfg, pos + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_TYPE) >> 4;

	/* Below a root port or beside them: anything else would confuse the PCI core. */
	if (pos + PCI_EXP_LNKSTA + 2 > CAP_END ||
	    (f->slot->attach ? type != PCI_EXP_TYPE_RC_END :
			       type != PCI_EXP_TYPE_ENDPOINT && type != PCI_EXP_TYPE_LEG_END))
		return refuse(f, -EINVAL, f->slot->attach ?
			      "the PCIe capability is not a root complex integrated endpoint's" :
			      "the PCIe capability is not an endpoint's");
	f->cap_pcie = pos;
	return 0;
}

static int parse_one(struct pciem_func *f, int pos)
{
	const char *why;

	switch (f->cfg->value[pos]) {
	case PCI_CAP_ID_PM:
		f->cap_pm = pos;
		return pos + PCI_PM_SIZEOF <= CAP_END ? 0 :
		       refuse(f, -EINVAL, "the PM capability ends behind config space");
	case PCI_CAP_ID_MSI:
		why = pciem_caps_msi_parse(f, pos);
		return why ? refuse(f, -EINVAL, why) : 0;
	case PCI_CAP_ID_MSIX:
		return parse_msix(f, pos);
	case PCI_CAP_ID_EXP:
		return parse_pcie(f, pos);
	default:
		return 0;
	}
}

static int parse_list(struct pciem_func *f)
{
	DECLARE_BITMAP(seen, CAP_END / 4) = {};
	int pos, err;

	if (!(pciem_cfg_get16(f->cfg, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	for (pos = f->cfg->value[PCI_CAPABILITY_LIST] & ~3; pos;
	     pos = f->cfg->value[pos + PCI_CAP_LIST_NEXT] & ~3) {
		if (pos < CAP_FIRST)
			return refuse(f, -EINVAL, "a capability lies in the header");
		if (test_and_set_bit(pos / 4, seen))
			return refuse(f, -EINVAL, "the capability list is a loop");
		err = parse_one(f, pos);
		if (err)
			return err;
	}
	return 0;
}

static int parse_extended(struct pciem_func *f, u32 pos, u32 header)
{
	if (PCI_EXT_CAP_ID(header) != PCI_EXT_CAP_ID_ERR)
		return 0;
	f->cap_aer = pos;
	return pos + PCI_ERR_ROOT_COMMAND <= PCIEM_CONFIG_SIZE ? 0 :
	       refuse(f, -EINVAL, "the AER capability ends behind config space");
}

static int parse_extended_list(struct pciem_func *f)
{
	DECLARE_BITMAP(seen, PCIEM_CONFIG_SIZE / 4) = {};
	u32 pos = PCI_CFG_SPACE_SIZE, header;
	int err;

	while (pos) {
		header = pciem_cfg_get32(f->cfg, pos);
		if (!header || header == ~0U)
			return 0;
		if (test_and_set_bit(pos / 4, seen))
			return refuse(f, -EINVAL, "the extended capability list is a loop");
		err = parse_extended(f, pos, header);
		if (err)
			return err;
		pos = PCI_EXT_CAP_NEXT(header);
		if (pos && pos < PCI_CFG_SPACE_SIZE)
			return refuse(f, -EINVAL, "an extended capability lies below 0x100");
	}
	return 0;
}

int pciem_caps_parse(struct pciem_func *f)
{
	struct pciem_config_space *cfg = f->cfg;
	u16 vendor = pciem_cfg_get16(cfg, PCI_VENDOR_ID);
	int err;

	if (!vendor || vendor == 0xffff)
		return refuse(f, -EINVAL, "it has no vendor ID");
	if ((cfg->value[PCI_HEADER_TYPE] & 0x7f) != PCI_HEADER_TYPE_NORMAL)
		return refuse(f, -EINVAL, "its header is not of type 0");
	f->intx_pin = cfg->value[PCI_INTERRUPT_PIN];
	if (f->intx_pin > PCI_NUM_INTX)
		return refuse(f, -EINVAL, "its interrupt pin is none of INTA to INTD");
	f->cap_pm = f->cap_msi = f->cap_msix = f->cap_pcie = f->cap_aer = 0;
	err = parse_list(f);
	return err ?: parse_extended_list(f);
}
