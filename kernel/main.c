// SPDX-License-Identifier: GPL-2.0-only
/*
 * pciem: synthetic PCI Express devices on this machine's own PCI bus. Module load and
 * unload, and the file /dev/pciem.
 *
 * Each open file owns at most one slot; the last close of the file, however many
 * processes shared it, is the device's surprise removal.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <xen/xen.h>

#include "pciem.h"

static char *pciem_phys_region;
module_param(pciem_phys_region, charp, 0444);
MODULE_PARM_DESC(pciem_phys_region, "ignored: BARs need no reserved memory");

static char *p2p_regions;
module_param(p2p_regions, charp, 0444);
MODULE_PARM_DESC(p2p_regions, "physical ranges that devices may reach peer to peer: ADDR:SIZE,...");

static int main_open(struct inode *inode, struct file *file)
{
	struct pciem_file *pf = kzalloc(sizeof(*pf), GFP_KERNEL_ACCOUNT);

	if (!pf)
		return -ENOMEM;
	mutex_init(&pf->lock);
	file->private_data = pf;
	return 0;
}

/*
 * The last descriptor goes. A process that dies flushes all its files before it releases
 * any: none of its devices may be waited for in a release while another one, whose release
 * would come later, still waits for an answer.
 */
static int main_flush(struct file *file, fl_owner_t id)
{
	struct pciem_slot *slot = pciem_file_slot(file->private_data);

	if (slot && file_count(file) == 1)
		pciem_slot_remove(slot, true);
	return 0;
}

static int main_release(struct inode *inode, struct file *file)
{
	struct pciem_file *pf = file->private_data;

	if (pf->slot)
		pciem_slot_release(pf->slot);
	mutex_destroy(&pf->lock);
	kfree(pf);
	return 0;
}

/* One or more answers; what was taken before a bad one has been answered. */
static ssize_t main_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct pciem_slot *slot = pciem_file_slot(file->private_data);
	struct pciem_response rsp;
	size_t done;
	int err;

	if (!slot)
		return -EBUSY;
	if (!count || count % sizeof(rsp))
		return -EINVAL;
	for (done = 0; done < count; done += sizeof(rsp)) {
		err = copy_from_user(&rsp, buf + done, sizeof(rsp)) ? -EFAULT :
		      pciem_read_respond(slot, &rsp);
		if (err)
			return done ?: err;
		cond_resched();
	}
	return done;
}

static int main_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pciem_slot *slot = pciem_file_slot(file->private_data);

	/* PCIEM_RING_CREATE's ring has a file of its own. */
	if (!slot || READ_ONCE(slot->stream.old_ring))
		return -EBUSY;
	return pciem_ring_mmap(slot->stream.ring, vma);
}

static __poll_t main_poll(struct file *file, struct poll_table_struct *wait)
{
	struct pciem_slot *slot = pciem_file_slot(file->private_data);

	return slot ? pciem_ring_poll(READ_ONCE(slot->stream.ring), file, wait) : EPOLLERR;
}

static const struct file_operations main_fops = {
	.owner = THIS_MODULE,
	.open = main_open,
	.flush = main_flush,
	.release = main_release,
	.write = main_write,
	.mmap = main_mmap,
	.poll = main_poll,
	.unlocked_ioctl = pciem_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice main_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pciem",
	.mode = 0600,
	.fops = &main_fops,
};

static int __init main_init(void)
{
	int err;

	/* Page faults of a PV guest do not arrive where our traps wait for them. */
	if (xen_pv_domain()) {
		pr_err("does not work in a Xen PV guest; use PVH or HVM\n");
		return -ENODEV;
	}
	if (pciem_phys_region)
		pr_info("pciem_phys_region is ignored: BARs need no reserved memory\n");

	err = pciem_p2p_init(p2p_regions);
	if (err)
		return err;
	err = pciem_slot_init();
	if (err)
		return err;
	err = pciem_watch_init();
	if (err)
		goto out_slot;
	err = pciem_trap_init();
	if (err)
		goto out_watch;
	err = pciem_bus_init();
	if (err)
		goto out_trap;
	err = misc_register(&main_misc);
	if (err)
		goto out_bus;
	return 0;

out_bus:
	pciem_bus_exit();
out_trap:
	pciem_trap_exit();
out_watch:
	pciem_watch_exit();
out_slot:
	pciem_slot_exit();
	return err;
}

static void __exit main_exit(void)
{
	misc_deregister(&main_misc);
	pciem_bus_exit();
	/* Puts the last references, of mappings that a driver has leaked. */
	pciem_trap_exit();
	pciem_watch_exit();
	pciem_slot_exit();
	rcu_barrier();
}

module_init(main_init);
module_exit(main_exit);
MODULE_DESCRIPTION("Synthetic PCI Express devices");
MODULE_LICENSE("GPL");
