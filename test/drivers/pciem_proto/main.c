// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small driver of the usual shape, which can be broken in many ways: bug=NAME. A number
 * written to the device's attribute "loopback" sends a frame of that many bytes and waits
 * until it has come back.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/string.h>

#include "proto.h"

static const char * const bugs[] = {
	[BREAK_NONE] = "none",
	[BREAK_WRONG_REGISTER] = "wrong-register",
	[BREAK_MISSING_ACK] = "missing-ack",
	[BREAK_USE_AFTER_UNMAP] = "use-after-unmap",
	[BREAK_WRONG_DOORBELL] = "wrong-doorbell",
	[BREAK_MISSING_UNMAP] = "missing-unmap",
	[BREAK_DOUBLE_FREE_VECTOR] = "double-free-vector",
	[BREAK_WRONG_ORDER] = "wrong-order",
	[BREAK_STALE_DESCRIPTOR] = "stale-descriptor",
	[BREAK_SHORT_WAIT] = "short-wait",
	[BREAK_OFF_BY_ONE_LENGTH] = "off-by-one-length",
	[BREAK_TRUSTED_LENGTH] = "trusted-length",
	[BREAK_UNCHECKED_ALL_ONES] = "unchecked-all-ones",
	[BREAK_SPURIOUS_INTERRUPT] = "spurious-interrupt",
};

enum proto_bug proto_bug;

static char *bug = "none";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "how to be broken; none");

static ssize_t loopback_store(struct device *d, struct device_attribute *attr, const char *buf, size_t count)
{
	unsigned int len;
	int err = kstrtouint(buf, 0, &len);

	if (!err)
		err = proto_loopback(dev_get_drvdata(d), len);
	return err ?: count;
}
static DEVICE_ATTR_WO(loopback);

static struct attribute *proto_attrs[] = { &dev_attr_loopback.attr, NULL };
ATTRIBUTE_GROUPS(proto);

static int proto_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct proto *p = devm_kzalloc(&pdev->dev, sizeof(*p), GFP_KERNEL);
	int err;

	if (!p)
		return -ENOMEM;
	p->last = devm_kzalloc(&pdev->dev, MAX_FRAME, GFP_KERNEL);
	if (!p->last)
		return -ENOMEM;
	p->pdev = pdev;
	mutex_init(&p->lock);
	init_completion(&p->done);
	err = pcim_enable_device(pdev);
	if (!err)
		err = pcim_iomap_regions(pdev, BIT(0), KBUILD_MODNAME);
	if (!err)
		err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		return err;
	p->bar = pcim_iomap_table(pdev)[0];
	pci_set_master(pdev);
	p->ring = dma_alloc_coherent(&pdev->dev, RING_ENTRIES * sizeof(*p->ring), &p->ring_iova, GFP_KERNEL);
	if (!p->ring)
		return -ENOMEM;
	err = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (err < 0)
		goto free_ring;
	err = request_irq(pci_irq_vector(pdev, 0), proto_interrupt, 0, KBUILD_MODNAME, p);
	if (err)
		goto free_vectors;
	err = proto_start(p);
	if (err)
		goto free_irq;
	pci_set_drvdata(pdev, p);
	return 0;

free_irq:
	free_irq(pci_irq_vector(pdev, 0), p);
free_vectors:
	pci_free_irq_vectors(pdev);
free_ring:
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*p->ring), p->ring, p->ring_iova);
	return err;
}

static void proto_remove(struct pci_dev *pdev)
{
	struct proto *p = pci_get_drvdata(pdev);

	writel(0, p->bar + PROTO_IRQ_ENABLE);
	writel(0, p->bar + PROTO_CONTROL);
	free_irq(pci_irq_vector(pdev, 0), p);
	if (proto_bug == BREAK_DOUBLE_FREE_VECTOR)
		free_irq(pci_irq_vector(pdev, 0), p);
	pci_free_irq_vectors(pdev);
	dma_free_coherent(&pdev->dev, RING_ENTRIES * sizeof(*p->ring), p->ring, p->ring_iova);
	pci_clear_master(pdev);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(PROTO_VENDOR, PROTO_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver proto_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = proto_probe,
	.remove = proto_remove,
	.dev_groups = proto_groups,
};

static int __init proto_init(void)
{
	int found = match_string(bugs, ARRAY_SIZE(bugs), bug);

	if (found < 0) {
		pr_err("there is no bug '%s'\n", bug);
		return -EINVAL;
	}
	proto_bug = found;
	return pci_register_driver(&proto_driver);
}
module_init(proto_init);

static void __exit proto_exit(void)
{
	pci_unregister_driver(&proto_driver);
}
module_exit(proto_exit);

MODULE_DESCRIPTION("Test driver for the proto device");
MODULE_LICENSE("GPL");
