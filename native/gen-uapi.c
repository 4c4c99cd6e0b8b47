// SPDX-License-Identifier: MIT
/*
 * Prints src/uapi.ts from the kernel's header: call numbers, constants, and for each structure its
 * size and field offsets, as the compiler lays them out. A name that the header does not have fails
 * to compile; a name of the header that is missing here fails the unit test.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <linux/pciem.h>

/*
 * #__VA_ARGS__ keeps the names, which are macros themselves, from being expanded; the names of
 * fields are not, and may pass through the recursion below: EACH(M, s, a, b) is M(s, a) M(s, b).
 */
#define CALLS(...) print_calls(#__VA_ARGS__, (const unsigned int[]){ __VA_ARGS__ });
#define CONSTS(...) print_constants(#__VA_ARGS__, (const long long[]){ __VA_ARGS__ });
#define STRUCT(s, ...) \
	printf("  " #s ": { sizeof: %zu", sizeof(struct s)); \
	EACH(PRINT_FIELD, s, __VA_ARGS__) \
	puts(" },");
#define PRINT_FIELD(s, f) printf(", " #f ": %zu", offsetof(struct s, f));

#define EACH(m, s, ...) __VA_OPT__(SCAN(EACH_STEP(m, s, __VA_ARGS__)))
#define EACH_STEP(m, s, x, ...) m(s, x) __VA_OPT__(EACH_AGAIN PARENS (m, s, __VA_ARGS__))
#define EACH_AGAIN() EACH_STEP
#define PARENS ()
#define SCAN(...) SCAN3(SCAN3(SCAN3(SCAN3(__VA_ARGS__))))
#define SCAN3(...) SCAN2(SCAN2(SCAN2(SCAN2(__VA_ARGS__))))
#define SCAN2(...) SCAN1(SCAN1(SCAN1(SCAN1(__VA_ARGS__))))
#define SCAN1(...) __VA_ARGS__

/* Takes the next name out of "a, b, c". */
static const char *next_name(const char **list)
{
	static char name[64];
	size_t n = strcspn(*list, ", ");

	snprintf(name, sizeof(name), "%.*s", (int)n, *list);
	*list += n + strspn(*list + n, ", ");
	return name;
}

static void print_calls(const char *names, const unsigned int *values)
{
	puts("// Call numbers");
	for (const char *list = names; *list; values++) {
		const char *name = next_name(&list);

		printf("export const %s = 0x%08x\n", name, *values);
	}
	puts("\n/** The call of a number, for messages. */\n"
	     "export const callNames: Readonly<Record<number, string>> = {");
	for (const char *list = names; *list;) {
		const char *name = next_name(&list);

		printf("  [%s]: '%s',\n", name, name);
	}
	puts("}\n\n// Constants");
}

static void print_constants(const char *names, const long long *values)
{
	while (*names) {
		const char *name = next_name(&names);

		printf("export const %s = %lld\n", name, *values++);
	}
}

static void calls(void)
{
	CALLS(PCIEM_CREATE_DEVICE, PCIEM_ADD_BAR, PCIEM_ADD_CAPABILITY, PCIEM_SET_CONFIG,
		PCIEM_REGISTER, PCIEM_INJECT_IRQ, PCIEM_DMA, PCIEM_DMA_ATOMIC, PCIEM_GET_BAR_INFO,
		PCIEM_SET_WATCHPOINT, PCIEM_SET_EVENTFD, PCIEM_P2P, PCIEM_DMA_INDIRECT, PCIEM_TRACE_BAR, PCIEM_START, PCIEM_INFO, PCIEM_SLOT_INFO,
		PCIEM_CONFIG, PCIEM_BAR_POLICY, PCIEM_RING_CREATE, PCIEM_MONITOR_CREATE,
		PCIEM_MARK, PCIEM_BAR_RANGES, PCIEM_BAR_BYTES, PCIEM_DMA_MAPS, PCIEM_SEQ_START, PCIEM_SEQ_PUSH, PCIEM_SEQ_STATUS,
		PCIEM_REMOVE, PCIEM_ATOMIC, PCIEM_P2P_ALLOW, PCIEM_INJECT, PCIEM_DMA_HISTORY,
		PCIEM_DMA_MODE, PCIEM_BAR_REGISTER, PCIEM_BAR_INTERRUPT, PCIEM_BAR_INDEXED, PCIEM_BAR_UPDATE, PCIEM_BAR_PROGRAM,
		PCIEM_WATCH, PCIEM_UNWATCH, PCIEM_WATCH_INFO,
		PCIEM_INTX, PCIEM_SET_IRQFD,
		PCIEM_CAPABILITY_ADD, PCIEM_AER_INJECT)
}

static void constants(void)
{
	CONSTS(PCIEM_IOCTL_MAGIC, PCIEM_ABI_VERSION, PCIEM_MAX_SLOTS, PCIEM_MAX_FUNCTIONS,
		PCIEM_MAX_BARS, PCIEM_MAX_VECTORS, PCIEM_CONFIG_SIZE)
	CONSTS(PCIEM_CREATE_ATTACH)
	CONSTS(PCIEM_INSN_LOAD, PCIEM_INSN_STORE, PCIEM_INSN_SET, PCIEM_INSN_AND, PCIEM_INSN_OR,
		PCIEM_INSN_XOR, PCIEM_INSN_ADD, PCIEM_INSN_SUB, PCIEM_INSN_SHL, PCIEM_INSN_SHR,
		PCIEM_INSN_JEQ, PCIEM_INSN_JNE, PCIEM_INSN_JLT, PCIEM_INSN_JSET, PCIEM_INSN_IMM)
	CONSTS(PCIEM_ON_READ, PCIEM_ON_WRITE, PCIEM_ON_UPDATE)
	CONSTS(PCIEM_CAP_MSI, PCIEM_CAP_MSIX, PCIEM_CAP_PM, PCIEM_CAP_PCIE, PCIEM_CAP_VSEC,
		PCIEM_CAP_PASID)
	CONSTS(PCIEM_DMA_READ, PCIEM_DMA_WRITE)
	CONSTS(PCIEM_ATOMIC_FETCH_ADD, PCIEM_ATOMIC_FETCH_SUB, PCIEM_ATOMIC_SWAP,
		PCIEM_ATOMIC_CAS, PCIEM_ATOMIC_FETCH_AND, PCIEM_ATOMIC_FETCH_OR,
		PCIEM_ATOMIC_FETCH_XOR)
	CONSTS(PCIEM_TRACE_READS, PCIEM_TRACE_WRITES, PCIEM_TRACE_NO_STORE, PCIEM_TRACE_HOLD)
	CONSTS(PCIEM_EVENT_MMIO_READ, PCIEM_EVENT_MMIO_WRITE, PCIEM_EVENT_CONFIG_READ,
		PCIEM_EVENT_CONFIG_WRITE, PCIEM_EVENT_MSI_ACK, PCIEM_EVENT_RESET,
		PCIEM_EVENT_MMIO_READ_REQUEST, PCIEM_EVENT_BIND, PCIEM_EVENT_UNBIND,
		PCIEM_EVENT_REMOVED, PCIEM_EVENT_WATCH, PCIEM_EVENT_POWER, PCIEM_EVENT_SEQ_MARK, PCIEM_EVENT_SEQ_LOW,
		PCIEM_EVENT_SEQ_DONE, PCIEM_EVENT_SEQ_DIVERGED, PCIEM_EVENT_SEQ_DRY)
	CONSTS(PCIEM_RING_HEAD, PCIEM_RING_TAIL, PCIEM_RING_EVENTS, PCIEM_RING_ENTRIES)
	CONSTS(PCIEM_STATE_NEW, PCIEM_STATE_REGISTERED, PCIEM_STATE_STARTED, PCIEM_STATE_REMOVED)
	CONSTS(PCIEM_CONFIG_VALUE, PCIEM_CONFIG_WRITABLE, PCIEM_CONFIG_W1C, PCIEM_CONFIG_RESET, PCIEM_CONFIG_SET)
	CONSTS(PCIEM_BAR_STORE, PCIEM_BAR_SYNC, PCIEM_BAR_DIRECT)
	CONSTS(PCIEM_MONITOR_LOSSY, PCIEM_MONITOR_BATCH, PCIEM_MONITOR_BATCH_BYTES)
	CONSTS(PCIEM_SLOT_OWN, PCIEM_SLOT_NEXT)
	CONSTS(PCIEM_RECORD_CFG_READ, PCIEM_RECORD_CFG_WRITE, PCIEM_RECORD_MMIO_READ,
		PCIEM_RECORD_MMIO_WRITE, PCIEM_RECORD_IO_READ, PCIEM_RECORD_IO_WRITE,
		PCIEM_RECORD_MMIO_READ_REQUEST, PCIEM_RECORD_MMIO_READ_COMPLETION,
		PCIEM_RECORD_DMA_READ, PCIEM_RECORD_DMA_WRITE, PCIEM_RECORD_DMA_ATOMIC,
		PCIEM_RECORD_P2P_READ, PCIEM_RECORD_P2P_WRITE, PCIEM_RECORD_IRQ,
		PCIEM_RECORD_DMA_MAP, PCIEM_RECORD_DMA_UNMAP, PCIEM_RECORD_DMA_SYNC,
		PCIEM_RECORD_RESET, PCIEM_RECORD_POWER, PCIEM_RECORD_BIND, PCIEM_RECORD_UNBIND,
		PCIEM_RECORD_REMOVE, PCIEM_RECORD_FAULT, PCIEM_RECORD_MARK, PCIEM_RECORD_LOST,
		PCIEM_RECORD_WATCH)
	CONSTS(PCIEM_RF_ORIGIN_MASK, PCIEM_RF_ORIGIN_DRIVER, PCIEM_RF_ORIGIN_CORE,
		PCIEM_RF_ORIGIN_USER, PCIEM_RF_DIR_MASK, PCIEM_RF_COHERENT, PCIEM_RF_FOR_DEVICE,
		PCIEM_RF_MORE, PCIEM_RF_PENDING, PCIEM_RF_PEER)
	CONSTS(PCIEM_IRQ_INTX_DEASSERT, PCIEM_IRQ_INTX_ASSERT, PCIEM_IRQ_MSI, PCIEM_IRQ_MSIX)
	CONSTS(PCIEM_RESET_FLR, PCIEM_RESET_BUS, PCIEM_RESET_PM)
	CONSTS(PCIEM_FAULT_TIMEOUT, PCIEM_FAULT_IOMMU_UNMAPPED, PCIEM_FAULT_IOMMU_DIRECTION,
		PCIEM_FAULT_IOMMU_AFTER_UNMAP, PCIEM_FAULT_NO_BUS_MASTER, PCIEM_FAULT_UNSUPPORTED,
		PCIEM_FAULT_BEYOND_BAR, PCIEM_FAULT_SEQ_DIVERGED, PCIEM_FAULT_SEQ_DRY,
		PCIEM_FAULT_P2P_DENIED, PCIEM_FAULT_INJECTED,
		PCIEM_FAULT_AER_CORRECTABLE, PCIEM_FAULT_AER_NONFATAL, PCIEM_FAULT_AER_FATAL)
	CONSTS(PCIEM_CONTEXT_SHIFT, PCIEM_CONTEXT_DEVICE, PCIEM_CONTEXT_TASK,
		PCIEM_CONTEXT_SOFTIRQ, PCIEM_CONTEXT_HARDIRQ, PCIEM_CONTEXT_NMI)
	CONSTS(PCIEM_RECORD_BUSY, PCIEM_RECORD_SKIP)
	CONSTS(PCIEM_SEQ_EXPECT_CFG_WRITE, PCIEM_SEQ_EXPECT_MMIO_READ,
		PCIEM_SEQ_EXPECT_MMIO_WRITE, PCIEM_SEQ_EXPECT_DMA_MAP, PCIEM_SEQ_DO_DMA_WRITE,
		PCIEM_SEQ_DO_DMA_READ, PCIEM_SEQ_DO_IRQ, PCIEM_SEQ_DO_WAIT, PCIEM_SEQ_DO_MARK,
		PCIEM_SEQ_DO_DMA_ATOMIC,
		PCIEM_SEQ_OPTIONAL, PCIEM_SEQ_REPEAT, PCIEM_SEQ_NO_COMPARE, PCIEM_SEQ_UNORDERED,
		PCIEM_SEQ_COALESCE, PCIEM_SEQ_LAST, PCIEM_SEQ_IGNORE_CONFIG,
		PCIEM_SEQ_IDLE, PCIEM_SEQ_RUNNING, PCIEM_SEQ_DONE, PCIEM_SEQ_DIVERGED,
		PCIEM_SEQ_STATE_DRY)
	CONSTS(PCIEM_DIVERGED_VALUE, PCIEM_DIVERGED_ACCESS, PCIEM_DIVERGED_PAYLOAD,
		PCIEM_DIVERGED_DMA, PCIEM_DIVERGED_PAST_END, PCIEM_DIVERGED_REMOVED)
	CONSTS(PCIEM_INJECT_VALUE, PCIEM_INJECT_FLIP, PCIEM_INJECT_DROP, PCIEM_INJECT_DUPLICATE,
		PCIEM_INJECT_DELAY, PCIEM_INJECT_REMOVE, PCIEM_INJECT_ANY_BAR, PCIEM_INJECT_ADD,
		PCIEM_INJECT_CLEAR, PCIEM_INJECT_LIST)
	CONSTS(PCIEM_DMA_MODE_SOFT, PCIEM_DMA_MODE_DIRECT, PCIEM_DMA_MODE_SET)
	CONSTS(PCIEM_REMOVE_SURPRISE)
	CONSTS(PCIEM_CAPABILITY_EXTENDED)
	CONSTS(PCIEM_AER_CORRECTABLE, PCIEM_AER_UNCORRECTABLE, PCIEM_AER_NONFATAL, PCIEM_AER_FATAL)
	CONSTS(PCIEM_INTERRUPT_ALWAYS, PCIEM_INTERRUPT_INTX)
	CONSTS(PCIEM_WATCHPOINT_FIND, PCIEM_WATCH_READS)
	CONSTS(PCIEM_SEQ_DO_INTX, PCIEM_IRQFD_LEVEL, PCIEM_IRQFD_DEASSERT)
}

static void structures(void)
{
	STRUCT(pciem_create_device, flags, func, reserved)
	STRUCT(pciem_add_bar, bar_index, flags, size, func, reserved)
	STRUCT(pciem_cap_msi, num_vectors_log2, has_64bit, has_masking, reserved)
	STRUCT(pciem_cap_msix, bar_index, reserved, table_offset, pba_offset, table_size,
		reserved2)
	STRUCT(pciem_cap_pasid, max_pasid_width, execute, privileged, reserved)
	STRUCT(pciem_add_capability, cap_type, func, reserved, msi, msix, pasid, raw)
	STRUCT(pciem_set_config, func, reserved, vendor_id, device_id, subsys_vendor_id,
		subsys_device_id, revision, class_code, header_type, reserved2)
	STRUCT(pciem_inject_irq, vector, func, reserved)
	STRUCT(pciem_dma, guest_iova, user_addr, length, pasid, flags, func, reserved)
	STRUCT(pciem_dma_atomic, guest_iova, operand, compare, op_type, pasid, result, func,
		reserved)
	STRUCT(pciem_p2p, target_phys_addr, user_addr, length, flags, func, reserved)
	STRUCT(pciem_dma_indirect, prp1, prp2, user_addr, length, page_size, pasid, flags, func,
		reserved)
	STRUCT(pciem_bar_info, bar_index, reserved, phys_addr, size, flags, func, reserved2)
	STRUCT(pciem_set_eventfd, eventfd, reserved)
	STRUCT(pciem_set_watchpoint, bar_index, offset, width, flags)
	STRUCT(pciem_trace_bar, bar_index, flags, func, reserved)
	STRUCT(pciem_event, seq, type, bar, offset, size, func, data, timestamp)
	STRUCT(pciem_response, seq, data, status, reserved)
	STRUCT(pciem_info, size, abi_version, slot, state, domain, bus, device, functions, seq,
		lost_owner, timeouts, probed, reserved)
	STRUCT(pciem_slot_info, size, slot, state, domain, bus, device, functions, owner_pid,
		owner_comm, seq, ids)
	STRUCT(pciem_config, size, func, plane, flags, offset, length, data)
	STRUCT(pciem_bar_policy, size, func, bar_index, policy, flags, reserved, offset, length)
	STRUCT(pciem_ring_create, size, entries)
	STRUCT(pciem_monitor_create, size, flags, slot, ring_size, kinds)
	STRUCT(pciem_monitor_page, producer, lost, closed, ring_size, waits, waited_ns, slot,
		reserved)
	STRUCT(pciem_record, len, kind, func, bar, width, seq, time, cause, context, cpu, flags,
		pid, data_len, addr, value)
	STRUCT(pciem_mark, size, length, text)
	STRUCT(pciem_dma_map_entry, iova, length, seq, flags, reserved)
	STRUCT(pciem_dma_maps, size, func, count, reserved, entries)
	STRUCT(pciem_seq_step, op, func, bar, width, flags, lane, data_len, index, cause, addr,
		value, mask, data, nr_fields, delay_us, fields, from, modulo)
	STRUCT(pciem_seq_field, offset, width, space)
	STRUCT(pciem_seq_ignore, func, bar_index, offset, length, stride, count, reserved)
	STRUCT(pciem_seq_start, size, window, hold_ns, nr_ignores, reserved, ignores)
	STRUCT(pciem_seq_push, size, flags, count, step_size, steps)
	STRUCT(pciem_seq_status, size, state, matched, done, pending, folded, renamed, ignored,
		skipped, early, coalesced, unexpected_maps, next_index, room, reason, index, kind, func, bar,
		width, cpu, pid, context, comm, addr, expected, actual, payload_offset,
		expected_bytes, actual_bytes, payload_bytes, stack_len, stack)
	STRUCT(pciem_atomic, size, func, op_type, width, iova, operand, compare, result, reserved)
	STRUCT(pciem_p2p_allow, size, func, peer_slot, peer_func, access, reserved)
	STRUCT(pciem_inject_rule, id, func, kind, action, bar_index, reserved, addr, length, value,
		after, count, seen, hits)
	STRUCT(pciem_inject, size, op, id, count, rules)
	STRUCT(pciem_dma_past, iova, length, map_seq, unmap_seq, flags, map_context, unmap_context,
		reserved, map_comm, unmap_comm)
	STRUCT(pciem_dma_history, size, func, count, reserved, entries)
	STRUCT(pciem_dma_mode, size, slot, mode, flags)
	STRUCT(pciem_bar_range, offset, length, policy, flags)
	STRUCT(pciem_bar_ranges, size, func, bar_index, flags, count, reserved, bar_size, phys,
		ranges)
	STRUCT(pciem_bar_bytes, size, func, bar_index, reserved, offset, length, data)
	STRUCT(pciem_remove, size, flags)
	STRUCT(pciem_capability_add, size, func, flags, offset, length, reserved, value, writable, w1c)
	STRUCT(pciem_aer_inject, size, func, severity, status, header, sent, reserved)
	STRUCT(pciem_bar_register, size, func, bar_index, width, offset, target, count, reserved,
		writable, w1c, w1s, read_clear)
	STRUCT(pciem_bar_interrupt, size, func, bar_index, index, width, vector, flags, reserved, status,
		enable, mask)
	STRUCT(pciem_bar_indexed, size, func, bar_index, index, width, element_width, first, count, offset, array,
		select, data, command, read, write, done, failed)
	STRUCT(pciem_bar_update, size, func, bar_index, width, offset, clear, set, value)
	STRUCT(pciem_bar_insn, op, dst, src, width, target, imm)
	STRUCT(pciem_bar_program, size, func, bar_index, on, offset, length, insns, count, reserved)
	STRUCT(pciem_watch, size, func, bar_index, width, offset, flags, id)
	STRUCT(pciem_unwatch, size, id)
	STRUCT(pciem_watch_info, size, id, func, bar_index, width, flags, offset, hits, lost, places,
		reserved)
	STRUCT(pciem_set_irqfd, eventfd, vector, flags, func, reserved)
	STRUCT(pciem_intx_level, size, func, level, reserved)
}

int main(void)
{
	puts("// SPDX-License-Identifier: MIT\n"
	     "// Generated from kernel/include/uapi/linux/pciem.h by `make -C native uapi`.\n");
	calls();
	constants();
	puts("\n/** Size and field offsets, in bytes, of each structure. */\n"
	     "export const STRUCT = {");
	structures();
	puts("} as const");
	return 0;
}
