// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding, and the command file.
 *
 *   access r|w OFFSET WIDTH [VALUE]	one access, with its time
 *   registers [lock|status]		side effects of the registers, asleep or under a spinlock; of STATUS alone
 *   insn [OFFSET]			every instruction form, against memory
 *   hammer COUNT [CPUS] [SEED]		all CPUs on the scratch memory, each access verified
 *   counter COUNT [CPUS]		all CPUs on a register that counts its reads
 *   maps				every way to map a BAR
 *   faults				user memory on the other side, instructions that are not served
 *   irq request N [msix|msi|intx] | sparse ENTRY... | free | counts | intx 0|1 | raise V | mask V | unmask V | affinity V CPU | read OFFSET
 *   dma alloc SIZE KIND | free I | list | fill I BYTE | check I BYTE | to-device I | from-device I | unmap I
 *   scatter ENTRIES OFFSET BOUNDARY	map a list, and memory as long, with that segment boundary
 *   life				how often each callback of life.c ran, and the ID register
 *   power N				enter D-state N
 *   runtime put|get		let the device sleep, and use it again
 *   others stay			in a suspend of the machine
 *   warn				WARN about what the ID register holds
 *   oops				follow a NULL pointer after reading it; the lock stays taken
 *   bench N
 *
 * A command runs under dev->lock and may be interrupted by no other.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "pciem_test.h"

#define OUT_SIZE	65536
#define MAX_WORDS	8

static struct dentry *folder;

/* What a driver does that finds its device as it cannot be. */
static int test_warn(struct test_device *dev, int argc, char **argv)
{
	WARN(1, "the device's ID is %#x\n", readl(dev->bar + EDU_ID));
	return 0;
}

/* What a driver does that does not look whether it got what it asked for. */
static int test_oops(struct test_device *dev, int argc, char **argv)
{
	const u32 *missing = NULL;

	OPTIMIZER_HIDE_VAR(missing);
	return readl(dev->bar + EDU_ID) == READ_ONCE(*missing);
}

static const struct {
	const char *name;
	int (*run)(struct test_device *dev, int argc, char **argv);
} commands[] = {
	{ "access", test_access },
	{ "registers", test_registers },
	{ "insn", test_insn },
	{ "hammer", test_hammer },
	{ "counter", test_counter },
	{ "maps", test_maps },
	{ "faults", test_faults },
	{ "irq", test_irq },
	{ "dma", test_dma },
	{ "scatter", test_scatter },
	{ "life", test_life },
	{ "power", test_power },
	{ "runtime", test_runtime },
	{ "others", test_others },
	{ "warn", test_warn },
	{ "oops", test_oops },
	{ "bench", test_bench },
};

int test_arg(int argc, char **argv, int n, u64 fallback, u64 *value)
{
	*value = fallback;
	return n < argc ? kstrtou64(argv[n], 0, value) : 0;
}

static int run_command(struct test_device *dev, char *line)
{
	char *argv[MAX_WORDS], *word;
	int argc = 0, i;

	while ((word = strsep(&line, " \n")) && argc < MAX_WORDS)
		if (*word)
			argv[argc++] = word;
	for (i = 0; argc && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[0], commands[i].name))
			continue;
		seq_buf_clear(&dev->out);
		return commands[i].run(dev, argc - 1, argv + 1);
	}
	return -EINVAL;
}

static ssize_t command_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	struct test_device *dev = file->private_data;
	char *line;
	int err;

	if (len > 256)
		return -EINVAL;
	line = memdup_user_nul(from, len);
	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&dev->lock);
	err = run_command(dev, line);
	mutex_unlock(&dev->lock);
	kfree(line);
	return err ?: len;
}

static ssize_t command_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	struct test_device *dev = file->private_data;
	ssize_t ret;

	mutex_lock(&dev->lock);
	ret = simple_read_from_buffer(to, len, pos, dev->out.buffer, seq_buf_used(&dev->out));
	mutex_unlock(&dev->lock);
	return ret;
}

static const struct file_operations command_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = command_read,
	.write = command_write,
};

static int pciem_test_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct test_device *dev;
	char *buffer;
	u32 value;
	int err;

	dev = devm_kzalloc(&pdev->dev, sizeof(*dev), GFP_KERNEL);
	buffer = devm_kzalloc(&pdev->dev, OUT_SIZE, GFP_KERNEL);
	if (!dev || !buffer)
		return -ENOMEM;
	dev->pdev = pdev;
	dev->handler_reads = ~0;
	mutex_init(&dev->lock);
	seq_buf_init(&dev->out, buffer, OUT_SIZE);

	err = pcim_enable_device(pdev);
	if (!err)
		err = pcim_iomap_regions(pdev, BIT(0), KBUILD_MODNAME);
	if (!err)
		err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		return err;
	dev->bar = pcim_iomap_table(pdev)[0];
	pci_set_master(pdev);

	value = readl(dev->bar + EDU_ID);
	if (value != EDU_ID_VALUE)
		return dev_err_probe(&pdev->dev, -ENODEV, "ID reads %#x, not %#x\n", value, EDU_ID_VALUE);
	pci_set_drvdata(pdev, dev);
	/* For slot_reset(). */
	pci_save_state(pdev);
	dev->file = debugfs_create_file(pci_name(pdev), 0600, folder, dev, &command_fops);
	return 0;
}

static void pciem_test_remove(struct pci_dev *pdev)
{
	struct test_device *dev = pci_get_drvdata(pdev);

	debugfs_remove(dev->file);
	test_runtime_end(dev);
	test_irq_free(dev);
	test_dma_free(dev);
	pci_clear_master(pdev);
}

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver pciem_test_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = pciem_test_probe,
	.remove = pciem_test_remove,
	.err_handler = &test_error_handlers,
	.driver.pm = pm_ptr(&test_pm_ops),
};

static int __init pciem_test_init(void)
{
	int err;

	folder = debugfs_create_dir(KBUILD_MODNAME, NULL);
	err = pci_register_driver(&pciem_test_driver);
	if (err)
		debugfs_remove(folder);
	return err;
}
module_init(pciem_test_init);

static void __exit pciem_test_exit(void)
{
	pci_unregister_driver(&pciem_test_driver);
	debugfs_remove(folder);
}
module_exit(pciem_test_exit);

MODULE_DESCRIPTION("Test driver for the edu device");
MODULE_LICENSE("GPL");
