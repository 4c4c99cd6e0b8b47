// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for a thermometer that does not exist: docs/tutorial.md plays it.
 *
 * Writing START to CONTROL begins a measurement; vector 0 fires at its end, and
 * VALUE then has tenths of a degree. The temperature is a file of the device in
 * sysfs; reading that file measures.
 */
#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>

#define THERMO_VENDOR	0x1db7
#define THERMO_DEVICE	0x7e40

#define REG_ID		0x00
#define  ID		0x7e401001
#define REG_CONTROL	0x04
#define  CONTROL_START	BIT(0)
#define REG_STATUS	0x08
#define  STATUS_ERROR	BIT(1)
#define REG_VALUE	0x0c

#define TIMEOUT		(10 * HZ)

struct thermo {
	void __iomem *regs;
	struct mutex lock;		/* one measurement at a time */
	struct completion done;
};

static irqreturn_t thermo_irq(int irq, void *data)
{
	struct thermo *t = data;

	complete(&t->done);
	return IRQ_HANDLED;
}

static int thermo_measure(struct thermo *t, s32 *tenths)
{
	u32 status;

	reinit_completion(&t->done);
	writel(CONTROL_START, t->regs + REG_CONTROL);
	if (!wait_for_completion_timeout(&t->done, TIMEOUT))
		return -ETIMEDOUT;
	status = readl(t->regs + REG_STATUS);
	/* All-ones: the device has gone. */
	if (PCI_POSSIBLE_ERROR(status))
		return -ENODEV;
	if (status & STATUS_ERROR)
		return -EIO;
	*tenths = readl(t->regs + REG_VALUE);
	return 0;
}

static ssize_t temperature_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct thermo *t = dev_get_drvdata(dev);
	s32 tenths = 0;
	int err;

	mutex_lock(&t->lock);
	err = thermo_measure(t, &tenths);
	mutex_unlock(&t->lock);
	if (err)
		return err;
	return sysfs_emit(buf, "%s%d.%d\n", tenths < 0 ? "-" : "", abs(tenths) / 10, abs(tenths) % 10);
}
static DEVICE_ATTR_RO(temperature);

static struct attribute *thermo_attrs[] = {
	&dev_attr_temperature.attr,
	NULL
};
ATTRIBUTE_GROUPS(thermo);

static int thermo_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct thermo *t;
	u32 value;
	int err;

	t = devm_kzalloc(&pdev->dev, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	mutex_init(&t->lock);
	init_completion(&t->done);
	err = pcim_enable_device(pdev);
	if (err)
		return err;
	err = pcim_iomap_regions(pdev, BIT(0), KBUILD_MODNAME);
	if (err)
		return err;
	t->regs = pcim_iomap_table(pdev)[0];
	value = readl(t->regs + REG_ID);
	if (value != ID) {
		dev_err(&pdev->dev, "ID is %#x, not %#x: this is no thermometer\n", value, ID);
		return -ENODEV;
	}
	pci_set_master(pdev);
	err = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (err < 0)
		return err;
	pci_set_drvdata(pdev, t);
	err = request_irq(pci_irq_vector(pdev, 0), thermo_irq, 0, KBUILD_MODNAME, t);
	if (err)
		pci_free_irq_vectors(pdev);
	return err;
}

static void thermo_remove(struct pci_dev *pdev)
{
	free_irq(pci_irq_vector(pdev, 0), pci_get_drvdata(pdev));
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id thermo_ids[] = {
	{ PCI_DEVICE(THERMO_VENDOR, THERMO_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, thermo_ids);

static struct pci_driver thermo_driver = {
	.name = KBUILD_MODNAME,
	.id_table = thermo_ids,
	.probe = thermo_probe,
	.remove = thermo_remove,
	.dev_groups = thermo_groups,
};
module_pci_driver(thermo_driver);

MODULE_DESCRIPTION("The tutorial's thermometer");
MODULE_LICENSE("GPL");
