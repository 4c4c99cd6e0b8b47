// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots: one synthetic device each, from CREATE_DEVICE until the last reference goes.
 *
 * References: the open main file, instance and monitor files, the work items while
 * they run, and the driver's mappings. The main file's release removes the device;
 * whatever else is still open keeps only the memory.
 *
 * Locking in this file: the table of slots is under slots_lock. slot->lock guards
 * state; it is never held while driver code runs. slot->calls is held for reading by
 * owner calls that use vectors or mappings, and for writing once by
 * pciem_slot_quiesce(). Removal is one work item, queued at most once.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pciem.h"

static DEFINE_SPINLOCK(slots_lock);
static struct pciem_slot *slots[PCIEM_MAX_SLOTS];
static struct workqueue_struct *slot_wq;

/* ---------------------------------------------------------------- references */

static void func_free(struct pciem_func *f)
{
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < ARRAY_SIZE(f->bar); i++)
		pciem_bar_free(&f->bar[i]);
	kvfree(f->cfg);
	kfree(f);
}

static void slot_free(struct kref *ref)
{
	struct pciem_slot *slot = container_of(ref, struct pciem_slot, ref);
	unsigned int i;

	pciem_seq_free(slot);
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		func_free(slot->func[i]);
	pciem_stream_free(&slot->stream);
	mutex_destroy(&slot->lock);
	kfree(slot);
}

void pciem_slot_get(struct pciem_slot *slot)
{
	kref_get(&slot->ref);
}

void pciem_slot_put(struct pciem_slot *slot)
{
	kref_put(&slot->ref, slot_free);
}

struct pciem_slot *pciem_slot_find(unsigned int from)
{
	struct pciem_slot *slot = NULL;

	spin_lock(&slots_lock);
	for (; from < PCIEM_MAX_SLOTS; from++) {
		/* A slot leaves the table before its file's reference goes. */
		slot = slots[from];
		if (slot) {
			pciem_slot_get(slot);
			break;
		}
	}
	spin_unlock(&slots_lock);
	return slot;
}

int pciem_slot_for_each(int (*fn)(struct pciem_slot *slot, void *arg), void *arg)
{
	struct pciem_slot *slot;
	unsigned int from = 0;
	int ret = 0;

	while (!ret && (slot = pciem_slot_find(from))) {
		from = slot->id + 1;
		ret = fn(slot, arg);
		pciem_slot_put(slot);
	}
	return ret;
}

/* ------------------------------------------------------------------- removal */

static struct pciem_func *first_func(struct pciem_slot *slot)
{
	unsigned int i;

	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++)
		if (slot->func[i])
			return slot->func[i];
	return NULL;
}

void pciem_slot_quiesce(struct pciem_slot *slot)
{
	/* Driver calls have ended; whoever comes from here on sees REMOVED. */
	mutex_lock(&slot->lock);
	pciem_slot_set_state(slot, PCIEM_STATE_REMOVED);
	mutex_unlock(&slot->lock);
	down_write(&slot->calls);
	up_write(&slot->calls);
	pciem_registers_quiesce(slot);
	pciem_watch_drop(slot);
	pciem_irqfd_release(slot);
	pciem_seq_stop(slot);
	pciem_inject_exit(slot);
	pciem_p2p_forget(slot);
}

static void slot_remove_work(struct work_struct *work)
{
	struct pciem_slot *slot = container_of(work, struct pciem_slot, remove_work);
	struct pciem_func *f = first_func(slot);
	bool was_registered;

	/* REGISTER and START look at slot->removing under the lock: none is under way now. */
	mutex_lock(&slot->lock);
	was_registered = slot->state != PCIEM_STATE_NEW;
	mutex_unlock(&slot->lock);
	/* Before all else: the start, and the removal, wait for whoever holds the device's lock. */
	if (was_registered && READ_ONCE(slot->gone))
		pciem_bus_disconnect(slot);
	flush_work(&slot->start_work);

	if (was_registered) {
		pciem_stream_note(f, PCIEM_RECORD_REMOVE, 0, 0, READ_ONCE(slot->gone), 0);
		pciem_bus_remove(slot);
	}
	pciem_slot_quiesce(slot);
	WRITE_ONCE(slot->gone, true);
	pciem_stream_event(slot, PCIEM_EVENT_REMOVED, 0);
	pciem_stream_close(slot);
	pciem_stream_finish(slot);
	complete_all(&slot->removed);
	pciem_slot_put(slot);
}

void pciem_slot_remove(struct pciem_slot *slot, bool surprise)
{
	if (surprise) {
		WRITE_ONCE(slot->gone, true);
		/* The driver shall not wait for a device that is not there. */
		pciem_stream_close(slot);
		pciem_seq_wake(slot);
	}
	if (!test_and_set_bit(0, &slot->removing)) {
		pciem_slot_get(slot);
		queue_work(slot_wq, &slot->remove_work);
	}
}

void pciem_slot_surprise(struct pciem_slot *slot)
{
	pciem_slot_remove(slot, true);
}

void pciem_slot_release(struct pciem_slot *slot)
{
	pciem_slot_remove(slot, true);
	/* In steps: remove() may take minutes, which the hung task detector takes for a bug. */
	while (!wait_for_completion_timeout(&slot->removed, 10 * HZ))
		;
	spin_lock(&slots_lock);
	slots[slot->id] = NULL;
	spin_unlock(&slots_lock);
	pciem_slot_put(slot);
}

/* ------------------------------------------------------------------ creation */

static void slot_start_work(struct work_struct *work)
{
	struct pciem_slot *slot = container_of(work, struct pciem_slot, start_work);

	pciem_bus_start(slot);
	pciem_slot_put(slot);
}

static int slot_number(struct pciem_slot *slot)
{
	unsigned int i;

	spin_lock(&slots_lock);
	for (i = 0; i < PCIEM_MAX_SLOTS && slots[i]; i++)
		;
	if (i < PCIEM_MAX_SLOTS) {
		slot->id = i;
		slots[i] = slot;
	}
	spin_unlock(&slots_lock);
	return i < PCIEM_MAX_SLOTS ? 0 : -ENOSPC;
}

struct pciem_slot *pciem_slot_create(void)
{
	static atomic64_t serial;
	struct pciem_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);
	int err;

	if (!slot)
		return ERR_PTR(-ENOMEM);
	kref_init(&slot->ref);
	mutex_init(&slot->lock);
	init_rwsem(&slot->calls);
	spin_lock_init(&slot->irqfd_lock);
	INIT_LIST_HEAD(&slot->irqfds);
	init_completion(&slot->removed);
	INIT_WORK(&slot->start_work, slot_start_work);
	INIT_WORK(&slot->remove_work, slot_remove_work);
	slot->domain = slot->bus = slot->device = ~0U;
	slot->owner_pid = task_tgid_nr(current);
	get_task_comm(slot->owner_comm, current);
	slot->serial = atomic64_inc_return(&serial);
	pciem_stream_init(&slot->stream);
	pciem_inject_init(slot);
	slot->stream.ring = pciem_ring_alloc(PCIEM_RING_ENTRIES, true);
	err = slot->stream.ring ? slot_number(slot) : -ENOMEM;
	if (err) {
		pciem_slot_put(slot);
		return ERR_PTR(err);
	}
	pciem_monitor_adopt(slot);
	return slot;
}

int pciem_slot_add_func(struct pciem_slot *slot, u8 num)
{
	struct pciem_func *f;
	unsigned int i;

	if (slot->func[num])
		return -EBUSY;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	f->cfg = kvzalloc(sizeof(*f->cfg), GFP_KERNEL_ACCOUNT);
	if (!f->cfg) {
		kfree(f);
		return -ENOMEM;
	}
	f->slot = slot;
	f->num = num;
	f->present = true;
	raw_spin_lock_init(&f->cfg_lock);
	for (i = 0; i < ARRAY_SIZE(f->bar); i++) {
		f->bar[i].func = f;
		f->bar[i].index = i;
	}
	/* Pairs with pciem_slot_func(). */
	smp_store_release(&slot->func[num], f);
	return 0;
}

/* ------------------------------------------------------------ the instance fd */

static int instance_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pciem_slot *slot = file->private_data;
	unsigned long func = vma->vm_pgoff >> 3, bar = vma->vm_pgoff & 7;

	if (func >= PCIEM_MAX_FUNCTIONS || bar > PCIEM_MAX_BARS || !slot->func[func] ||
	    !slot->func[func]->bar[bar].size)
		return -ENOENT;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return pciem_bar_mmap(&slot->func[func]->bar[bar], vma);
}

static int instance_release(struct inode *inode, struct file *file)
{
	pciem_slot_put(file->private_data);
	return 0;
}

static const struct file_operations instance_fops = {
	.owner = THIS_MODULE,
	.mmap = instance_mmap,
	.release = instance_release,
	.llseek = noop_llseek,
};

/* ---------------------------------------------------------- REGISTER and START */

static int slot_register_locked(struct pciem_slot *slot)
{
	unsigned int i;
	int err;

	if (test_bit(0, &slot->removing))
		return -ENODEV;
	if (slot->state != PCIEM_STATE_NEW)
		return -EBUSY;
	for (i = 0; i < PCIEM_MAX_FUNCTIONS; i++) {
		if (!slot->func[i])
			continue;
		err = pciem_caps_parse(slot->func[i]);
		if (err)
			return err;
	}
	err = pciem_bus_register(slot);
	if (!err)
		pciem_slot_set_state(slot, PCIEM_STATE_REGISTERED);
	return err;
}

int pciem_slot_register(struct pciem_slot *slot)
{
	struct file *file;
	int fd, err;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile("[pciem-instance]", &instance_fops, slot, O_RDWR);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto out_fd;
	}
	pciem_slot_get(slot);

	mutex_lock(&slot->lock);
	err = slot_register_locked(slot);
	mutex_unlock(&slot->lock);
	if (err) {
		fput(file);
		goto out_fd;
	}
	fd_install(fd, file);
	return fd;

out_fd:
	put_unused_fd(fd);
	return err;
}

int pciem_slot_start(struct pciem_slot *slot)
{
	int err;

	if (pciem_slot_state(slot) == PCIEM_STATE_REGISTERED) {
		err = pciem_trap_selftest();
		if (err)
			return err;
	}
	mutex_lock(&slot->lock);
	if (test_bit(0, &slot->removing) || slot->state == PCIEM_STATE_REMOVED) {
		err = -ENODEV;
	} else if (slot->state != PCIEM_STATE_REGISTERED) {
		err = -EBUSY;
	} else {
		pciem_slot_set_state(slot, PCIEM_STATE_STARTED);
		pciem_slot_get(slot);
		queue_work(slot_wq, &slot->start_work);
	}
	mutex_unlock(&slot->lock);
	return err;
}

int pciem_slot_init(void)
{
	int err;

	/* Unbound: a probe may take long, and may wait for the owner. */
	slot_wq = alloc_workqueue("pciem", WQ_UNBOUND, 0);
	if (!slot_wq)
		return -ENOMEM;
	err = pciem_irqfd_init();
	if (err)
		destroy_workqueue(slot_wq);
	return err;
}

void pciem_slot_exit(void)
{
	destroy_workqueue(slot_wq);
	pciem_irqfd_exit();
}
