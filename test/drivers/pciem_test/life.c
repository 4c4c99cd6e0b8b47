// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to the device from outside: power states, resets, errors. The driver
 * does what a good one does, and counts.
 */
#include <linux/delay.h>
#include <linux/pm_runtime.h>
#include <linux/version.h>

#include "pciem_test.h"

int test_life(struct test_device *dev, int argc, char **argv)
{
	const struct test_life *life = &dev->life;

	say(dev, "{\"suspend\":%u,\"resume\":%u,\"runtime_suspend\":%u,\"runtime_resume\":%u,"
	    "\"reset_prepare\":%u,\"reset_done\":%u,\"correctable\":%u,\"nonfatal\":%u,\"fatal\":%u,"
	    "\"mmio_enabled\":%u,\"slot_reset\":%u,\"recovered\":%u,\"id\":\"%#x\"}",
	    life->suspend, life->resume, life->runtime_suspend, life->runtime_resume,
	    life->reset_prepare, life->reset_done, life->correctable, life->nonfatal, life->fatal,
	    life->mmio_enabled, life->slot_reset, life->recovered, readl(dev->bar + EDU_ID));
	return 0;
}

/* power N: enter that D-state as it is; what it takes to come back is saved before. */
int test_power(struct test_device *dev, int argc, char **argv)
{
	u64 state;

	if (argc != 1 || test_arg(argc, argv, 0, 0, &state) || state > 3)
		return -EINVAL;
	if (state)
		pci_save_state(dev->pdev);
	/* Straight: pci_set_power_state() asks the platform, and leaves out what PMC does not offer. */
	pci_write_config_word(dev->pdev, dev->pdev->pm_cap + PCI_PM_CTRL, state);
	msleep(20);
	if (!state)
		pci_restore_state(dev->pdev);
	return 0;
}

/*
 * others stay: no other device is suspended with the machine. A guest's disks and
 * folders hang on devices that do not survive that.
 */
int test_others(struct test_device *dev, int argc, char **argv)
{
	struct pci_dev *pdev = NULL;

	if (argc != 1 || strcmp(argv[0], "stay"))
		return -EINVAL;
	for_each_pci_dev(pdev)
		if (pci_domain_nr(pdev->bus) == 0)
			dev_pm_syscore_device(&pdev->dev, true);
	return 0;
}

/* runtime put|get: drop the use that probe() left, so that the device may be suspended, and take it again. */
int test_runtime(struct test_device *dev, int argc, char **argv)
{
	if (argc != 1)
		return -EINVAL;
	if (!strcmp(argv[0], "put") && !dev->runtime_put) {
		dev->runtime_put = true;
		pm_runtime_allow(&dev->pdev->dev);
		pm_runtime_put_sync(&dev->pdev->dev);
	} else if (!strcmp(argv[0], "get") && dev->runtime_put) {
		test_runtime_end(dev);
	} else {
		return -EINVAL;
	}
	return 0;
}

void test_runtime_end(struct test_device *dev)
{
	if (!dev->runtime_put)
		return;
	dev->runtime_put = false;
	pm_runtime_get_sync(&dev->pdev->dev);
	pm_runtime_forbid(&dev->pdev->dev);
}

static int life_suspend(struct device *dev)
{
	((struct test_device *)dev_get_drvdata(dev))->life.suspend++;
	return 0;
}

static int life_resume(struct device *dev)
{
	((struct test_device *)dev_get_drvdata(dev))->life.resume++;
	return 0;
}

static int life_runtime_suspend(struct device *dev)
{
	((struct test_device *)dev_get_drvdata(dev))->life.runtime_suspend++;
	return 0;
}

static int life_runtime_resume(struct device *dev)
{
	((struct test_device *)dev_get_drvdata(dev))->life.runtime_resume++;
	return 0;
}

const struct dev_pm_ops test_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(life_suspend, life_resume)
	RUNTIME_PM_OPS(life_runtime_suspend, life_runtime_resume, NULL)
};

static void life_reset_prepare(struct pci_dev *pdev)
{
	((struct test_device *)pci_get_drvdata(pdev))->life.reset_prepare++;
}

static void life_reset_done(struct pci_dev *pdev)
{
	((struct test_device *)pci_get_drvdata(pdev))->life.reset_done++;
}

static pci_ers_result_t life_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct test_device *dev = pci_get_drvdata(pdev);

	if (state == pci_channel_io_normal) {
		dev->life.nonfatal++;
		return PCI_ERS_RESULT_CAN_RECOVER;
	}
	if (state == pci_channel_io_frozen) {
		dev->life.fatal++;
		return PCI_ERS_RESULT_NEED_RESET;
	}
	return PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t life_mmio_enabled(struct pci_dev *pdev)
{
	struct test_device *dev = pci_get_drvdata(pdev);

	dev->life.mmio_enabled++;
	return readl(dev->bar + EDU_ID) == EDU_ID_VALUE ? PCI_ERS_RESULT_RECOVERED :
							   PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t life_slot_reset(struct pci_dev *pdev)
{
	struct test_device *dev = pci_get_drvdata(pdev);

	dev->life.slot_reset++;
	pci_restore_state(pdev);
	pci_save_state(pdev);
	return readl(dev->bar + EDU_ID) == EDU_ID_VALUE ? PCI_ERS_RESULT_RECOVERED :
							   PCI_ERS_RESULT_DISCONNECT;
}

static void life_error_resume(struct pci_dev *pdev)
{
	((struct test_device *)pci_get_drvdata(pdev))->life.recovered++;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
/* The only one that Linux calls without the device's lock: the driver may be on its way in, or out. */
static void life_correctable(struct pci_dev *pdev)
{
	struct test_device *dev;

	device_lock(&pdev->dev);
	dev = pdev->dev.driver ? pci_get_drvdata(pdev) : NULL;
	if (dev)
		dev->life.correctable++;
	device_unlock(&pdev->dev);
}
#endif

const struct pci_error_handlers test_error_handlers = {
	.error_detected = life_error_detected,
	.mmio_enabled = life_mmio_enabled,
	.slot_reset = life_slot_reset,
	.resume = life_error_resume,
	.reset_prepare = life_reset_prepare,
	.reset_done = life_reset_done,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	.cor_error_detected = life_correctable,
#endif
};
