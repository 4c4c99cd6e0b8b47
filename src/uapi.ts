// SPDX-License-Identifier: MIT
// Generated from kernel/include/uapi/linux/pciem.h by `make -C native uapi`.

// Call numbers
export const PCIEM_CREATE_DEVICE = 0xc008af0a
export const PCIEM_ADD_BAR = 0x4018af0b
export const PCIEM_ADD_CAPABILITY = 0x4018af0c
export const PCIEM_SET_CONFIG = 0x4018af0d
export const PCIEM_REGISTER = 0x0000af0e
export const PCIEM_INJECT_IRQ = 0x4008af0f
export const PCIEM_DMA = 0xc020af10
export const PCIEM_DMA_ATOMIC = 0xc030af11
export const PCIEM_GET_BAR_INFO = 0xc020af13
export const PCIEM_SET_WATCHPOINT = 0x4010af14
export const PCIEM_SET_EVENTFD = 0x4008af15
export const PCIEM_P2P = 0xc020af12
export const PCIEM_DMA_INDIRECT = 0xc030af18
export const PCIEM_TRACE_BAR = 0xc00caf19
export const PCIEM_START = 0x0000af1a
export const PCIEM_INFO = 0x0000af40
export const PCIEM_SLOT_INFO = 0x0000af41
export const PCIEM_CONFIG = 0x0000af42
export const PCIEM_BAR_POLICY = 0x0000af43
export const PCIEM_RING_CREATE = 0x0000af44
export const PCIEM_MONITOR_CREATE = 0x0000af45
export const PCIEM_MARK = 0x0000af46
export const PCIEM_BAR_RANGES = 0x0000af78
export const PCIEM_BAR_BYTES = 0x0000af79
export const PCIEM_DMA_MAPS = 0x0000af47
export const PCIEM_SEQ_START = 0x0000af48
export const PCIEM_SEQ_PUSH = 0x0000af49
export const PCIEM_SEQ_STATUS = 0x0000af4a
export const PCIEM_REMOVE = 0x0000af4b
export const PCIEM_ATOMIC = 0x0000af68
export const PCIEM_P2P_ALLOW = 0x0000af69
export const PCIEM_INJECT = 0x0000af6a
export const PCIEM_DMA_HISTORY = 0x0000af6b
export const PCIEM_DMA_MODE = 0x0000af6c
export const PCIEM_BAR_REGISTER = 0x0000af60
export const PCIEM_BAR_INTERRUPT = 0x0000af61
export const PCIEM_BAR_INDEXED = 0x0000af66
export const PCIEM_BAR_UPDATE = 0x0000af62
export const PCIEM_BAR_PROGRAM = 0x0000af67
export const PCIEM_WATCH = 0x0000af63
export const PCIEM_UNWATCH = 0x0000af64
export const PCIEM_WATCH_INFO = 0x0000af65
export const PCIEM_INTX = 0x0000af50
export const PCIEM_SET_IRQFD = 0x4010af16
export const PCIEM_CAPABILITY_ADD = 0x0000af58
export const PCIEM_AER_INJECT = 0x0000af59

/** The call of a number, for messages. */
export const callNames: Readonly<Record<number, string>> = {
  [PCIEM_CREATE_DEVICE]: 'PCIEM_CREATE_DEVICE',
  [PCIEM_ADD_BAR]: 'PCIEM_ADD_BAR',
  [PCIEM_ADD_CAPABILITY]: 'PCIEM_ADD_CAPABILITY',
  [PCIEM_SET_CONFIG]: 'PCIEM_SET_CONFIG',
  [PCIEM_REGISTER]: 'PCIEM_REGISTER',
  [PCIEM_INJECT_IRQ]: 'PCIEM_INJECT_IRQ',
  [PCIEM_DMA]: 'PCIEM_DMA',
  [PCIEM_DMA_ATOMIC]: 'PCIEM_DMA_ATOMIC',
  [PCIEM_GET_BAR_INFO]: 'PCIEM_GET_BAR_INFO',
  [PCIEM_SET_WATCHPOINT]: 'PCIEM_SET_WATCHPOINT',
  [PCIEM_SET_EVENTFD]: 'PCIEM_SET_EVENTFD',
  [PCIEM_P2P]: 'PCIEM_P2P',
  [PCIEM_DMA_INDIRECT]: 'PCIEM_DMA_INDIRECT',
  [PCIEM_TRACE_BAR]: 'PCIEM_TRACE_BAR',
  [PCIEM_START]: 'PCIEM_START',
  [PCIEM_INFO]: 'PCIEM_INFO',
  [PCIEM_SLOT_INFO]: 'PCIEM_SLOT_INFO',
  [PCIEM_CONFIG]: 'PCIEM_CONFIG',
  [PCIEM_BAR_POLICY]: 'PCIEM_BAR_POLICY',
  [PCIEM_RING_CREATE]: 'PCIEM_RING_CREATE',
  [PCIEM_MONITOR_CREATE]: 'PCIEM_MONITOR_CREATE',
  [PCIEM_MARK]: 'PCIEM_MARK',
  [PCIEM_BAR_RANGES]: 'PCIEM_BAR_RANGES',
  [PCIEM_BAR_BYTES]: 'PCIEM_BAR_BYTES',
  [PCIEM_DMA_MAPS]: 'PCIEM_DMA_MAPS',
  [PCIEM_SEQ_START]: 'PCIEM_SEQ_START',
  [PCIEM_SEQ_PUSH]: 'PCIEM_SEQ_PUSH',
  [PCIEM_SEQ_STATUS]: 'PCIEM_SEQ_STATUS',
  [PCIEM_REMOVE]: 'PCIEM_REMOVE',
  [PCIEM_ATOMIC]: 'PCIEM_ATOMIC',
  [PCIEM_P2P_ALLOW]: 'PCIEM_P2P_ALLOW',
  [PCIEM_INJECT]: 'PCIEM_INJECT',
  [PCIEM_DMA_HISTORY]: 'PCIEM_DMA_HISTORY',
  [PCIEM_DMA_MODE]: 'PCIEM_DMA_MODE',
  [PCIEM_BAR_REGISTER]: 'PCIEM_BAR_REGISTER',
  [PCIEM_BAR_INTERRUPT]: 'PCIEM_BAR_INTERRUPT',
  [PCIEM_BAR_INDEXED]: 'PCIEM_BAR_INDEXED',
  [PCIEM_BAR_UPDATE]: 'PCIEM_BAR_UPDATE',
  [PCIEM_BAR_PROGRAM]: 'PCIEM_BAR_PROGRAM',
  [PCIEM_WATCH]: 'PCIEM_WATCH',
  [PCIEM_UNWATCH]: 'PCIEM_UNWATCH',
  [PCIEM_WATCH_INFO]: 'PCIEM_WATCH_INFO',
  [PCIEM_INTX]: 'PCIEM_INTX',
  [PCIEM_SET_IRQFD]: 'PCIEM_SET_IRQFD',
  [PCIEM_CAPABILITY_ADD]: 'PCIEM_CAPABILITY_ADD',
  [PCIEM_AER_INJECT]: 'PCIEM_AER_INJECT',
}

// Constants
export const PCIEM_IOCTL_MAGIC = 175
export const PCIEM_ABI_VERSION = 2
export const PCIEM_MAX_SLOTS = 32
export const PCIEM_MAX_FUNCTIONS = 8
export const PCIEM_MAX_BARS = 6
export const PCIEM_MAX_VECTORS = 2048
export const PCIEM_CONFIG_SIZE = 4096
export const PCIEM_CREATE_ATTACH = 1
export const PCIEM_INSN_LOAD = 0
export const PCIEM_INSN_STORE = 1
export const PCIEM_INSN_SET = 2
export const PCIEM_INSN_AND = 3
export const PCIEM_INSN_OR = 4
export const PCIEM_INSN_XOR = 5
export const PCIEM_INSN_ADD = 6
export const PCIEM_INSN_SUB = 7
export const PCIEM_INSN_SHL = 8
export const PCIEM_INSN_SHR = 9
export const PCIEM_INSN_JEQ = 10
export const PCIEM_INSN_JNE = 11
export const PCIEM_INSN_JLT = 12
export const PCIEM_INSN_JSET = 13
export const PCIEM_INSN_IMM = 255
export const PCIEM_ON_READ = 0
export const PCIEM_ON_WRITE = 1
export const PCIEM_ON_UPDATE = 2
export const PCIEM_CAP_MSI = 0
export const PCIEM_CAP_MSIX = 1
export const PCIEM_CAP_PM = 2
export const PCIEM_CAP_PCIE = 3
export const PCIEM_CAP_VSEC = 4
export const PCIEM_CAP_PASID = 5
export const PCIEM_DMA_READ = 1
export const PCIEM_DMA_WRITE = 2
export const PCIEM_ATOMIC_FETCH_ADD = 1
export const PCIEM_ATOMIC_FETCH_SUB = 2
export const PCIEM_ATOMIC_SWAP = 3
export const PCIEM_ATOMIC_CAS = 4
export const PCIEM_ATOMIC_FETCH_AND = 5
export const PCIEM_ATOMIC_FETCH_OR = 6
export const PCIEM_ATOMIC_FETCH_XOR = 7
export const PCIEM_TRACE_READS = 1
export const PCIEM_TRACE_WRITES = 2
export const PCIEM_TRACE_NO_STORE = 4
export const PCIEM_TRACE_HOLD = 8
export const PCIEM_EVENT_MMIO_READ = 1
export const PCIEM_EVENT_MMIO_WRITE = 2
export const PCIEM_EVENT_CONFIG_READ = 3
export const PCIEM_EVENT_CONFIG_WRITE = 4
export const PCIEM_EVENT_MSI_ACK = 5
export const PCIEM_EVENT_RESET = 6
export const PCIEM_EVENT_MMIO_READ_REQUEST = 16
export const PCIEM_EVENT_BIND = 17
export const PCIEM_EVENT_UNBIND = 18
export const PCIEM_EVENT_REMOVED = 19
export const PCIEM_EVENT_WATCH = 20
export const PCIEM_EVENT_POWER = 21
export const PCIEM_EVENT_SEQ_MARK = 32
export const PCIEM_EVENT_SEQ_LOW = 33
export const PCIEM_EVENT_SEQ_DONE = 34
export const PCIEM_EVENT_SEQ_DIVERGED = 35
export const PCIEM_EVENT_SEQ_DRY = 36
export const PCIEM_RING_HEAD = 0
export const PCIEM_RING_TAIL = 64
export const PCIEM_RING_EVENTS = 128
export const PCIEM_RING_ENTRIES = 256
export const PCIEM_STATE_NEW = 0
export const PCIEM_STATE_REGISTERED = 1
export const PCIEM_STATE_STARTED = 2
export const PCIEM_STATE_REMOVED = 3
export const PCIEM_CONFIG_VALUE = 0
export const PCIEM_CONFIG_WRITABLE = 1
export const PCIEM_CONFIG_W1C = 2
export const PCIEM_CONFIG_RESET = 3
export const PCIEM_CONFIG_SET = 1
export const PCIEM_BAR_STORE = 0
export const PCIEM_BAR_SYNC = 1
export const PCIEM_BAR_DIRECT = 2
export const PCIEM_MONITOR_LOSSY = 1
export const PCIEM_MONITOR_BATCH = 2
export const PCIEM_MONITOR_BATCH_BYTES = 65536
export const PCIEM_SLOT_OWN = 4294967295
export const PCIEM_SLOT_NEXT = 4294967294
export const PCIEM_RECORD_CFG_READ = 1
export const PCIEM_RECORD_CFG_WRITE = 2
export const PCIEM_RECORD_MMIO_READ = 3
export const PCIEM_RECORD_MMIO_WRITE = 4
export const PCIEM_RECORD_IO_READ = 5
export const PCIEM_RECORD_IO_WRITE = 6
export const PCIEM_RECORD_MMIO_READ_REQUEST = 7
export const PCIEM_RECORD_MMIO_READ_COMPLETION = 8
export const PCIEM_RECORD_DMA_READ = 9
export const PCIEM_RECORD_DMA_WRITE = 10
export const PCIEM_RECORD_DMA_ATOMIC = 11
export const PCIEM_RECORD_P2P_READ = 12
export const PCIEM_RECORD_P2P_WRITE = 13
export const PCIEM_RECORD_IRQ = 14
export const PCIEM_RECORD_DMA_MAP = 15
export const PCIEM_RECORD_DMA_UNMAP = 16
export const PCIEM_RECORD_DMA_SYNC = 17
export const PCIEM_RECORD_RESET = 18
export const PCIEM_RECORD_POWER = 19
export const PCIEM_RECORD_BIND = 20
export const PCIEM_RECORD_UNBIND = 21
export const PCIEM_RECORD_REMOVE = 22
export const PCIEM_RECORD_FAULT = 23
export const PCIEM_RECORD_MARK = 24
export const PCIEM_RECORD_LOST = 25
export const PCIEM_RECORD_WATCH = 26
export const PCIEM_RF_ORIGIN_MASK = 3
export const PCIEM_RF_ORIGIN_DRIVER = 0
export const PCIEM_RF_ORIGIN_CORE = 1
export const PCIEM_RF_ORIGIN_USER = 2
export const PCIEM_RF_DIR_MASK = 3
export const PCIEM_RF_COHERENT = 4
export const PCIEM_RF_FOR_DEVICE = 8
export const PCIEM_RF_MORE = 16
export const PCIEM_RF_PENDING = 32
export const PCIEM_RF_PEER = 64
export const PCIEM_IRQ_INTX_DEASSERT = 0
export const PCIEM_IRQ_INTX_ASSERT = 1
export const PCIEM_IRQ_MSI = 2
export const PCIEM_IRQ_MSIX = 3
export const PCIEM_RESET_FLR = 1
export const PCIEM_RESET_BUS = 2
export const PCIEM_RESET_PM = 3
export const PCIEM_FAULT_TIMEOUT = 1
export const PCIEM_FAULT_IOMMU_UNMAPPED = 2
export const PCIEM_FAULT_IOMMU_DIRECTION = 3
export const PCIEM_FAULT_IOMMU_AFTER_UNMAP = 4
export const PCIEM_FAULT_NO_BUS_MASTER = 5
export const PCIEM_FAULT_UNSUPPORTED = 6
export const PCIEM_FAULT_BEYOND_BAR = 7
export const PCIEM_FAULT_SEQ_DIVERGED = 8
export const PCIEM_FAULT_SEQ_DRY = 9
export const PCIEM_FAULT_P2P_DENIED = 10
export const PCIEM_FAULT_INJECTED = 11
export const PCIEM_FAULT_AER_CORRECTABLE = 32
export const PCIEM_FAULT_AER_NONFATAL = 33
export const PCIEM_FAULT_AER_FATAL = 34
export const PCIEM_CONTEXT_SHIFT = 29
export const PCIEM_CONTEXT_DEVICE = 0
export const PCIEM_CONTEXT_TASK = 1
export const PCIEM_CONTEXT_SOFTIRQ = 2
export const PCIEM_CONTEXT_HARDIRQ = 3
export const PCIEM_CONTEXT_NMI = 4
export const PCIEM_RECORD_BUSY = 2147483648
export const PCIEM_RECORD_SKIP = 1073741824
export const PCIEM_SEQ_EXPECT_CFG_WRITE = 1
export const PCIEM_SEQ_EXPECT_MMIO_READ = 2
export const PCIEM_SEQ_EXPECT_MMIO_WRITE = 3
export const PCIEM_SEQ_EXPECT_DMA_MAP = 4
export const PCIEM_SEQ_DO_DMA_WRITE = 16
export const PCIEM_SEQ_DO_DMA_READ = 17
export const PCIEM_SEQ_DO_IRQ = 18
export const PCIEM_SEQ_DO_WAIT = 19
export const PCIEM_SEQ_DO_MARK = 20
export const PCIEM_SEQ_DO_DMA_ATOMIC = 24
export const PCIEM_SEQ_OPTIONAL = 256
export const PCIEM_SEQ_REPEAT = 512
export const PCIEM_SEQ_NO_COMPARE = 1024
export const PCIEM_SEQ_UNORDERED = 2048
export const PCIEM_SEQ_COALESCE = 4096
export const PCIEM_SEQ_LAST = 1
export const PCIEM_SEQ_IGNORE_CONFIG = 255
export const PCIEM_SEQ_IDLE = 0
export const PCIEM_SEQ_RUNNING = 1
export const PCIEM_SEQ_DONE = 2
export const PCIEM_SEQ_DIVERGED = 3
export const PCIEM_SEQ_STATE_DRY = 4
export const PCIEM_DIVERGED_VALUE = 1
export const PCIEM_DIVERGED_ACCESS = 2
export const PCIEM_DIVERGED_PAYLOAD = 3
export const PCIEM_DIVERGED_DMA = 4
export const PCIEM_DIVERGED_PAST_END = 5
export const PCIEM_DIVERGED_REMOVED = 6
export const PCIEM_INJECT_VALUE = 1
export const PCIEM_INJECT_FLIP = 2
export const PCIEM_INJECT_DROP = 3
export const PCIEM_INJECT_DUPLICATE = 4
export const PCIEM_INJECT_DELAY = 5
export const PCIEM_INJECT_REMOVE = 6
export const PCIEM_INJECT_ANY_BAR = 4294967295
export const PCIEM_INJECT_ADD = 0
export const PCIEM_INJECT_CLEAR = 1
export const PCIEM_INJECT_LIST = 2
export const PCIEM_DMA_MODE_SOFT = 0
export const PCIEM_DMA_MODE_DIRECT = 1
export const PCIEM_DMA_MODE_SET = 1
export const PCIEM_REMOVE_SURPRISE = 1
export const PCIEM_CAPABILITY_EXTENDED = 1
export const PCIEM_AER_CORRECTABLE = 1
export const PCIEM_AER_UNCORRECTABLE = 2
export const PCIEM_AER_NONFATAL = 2
export const PCIEM_AER_FATAL = 3
export const PCIEM_INTERRUPT_ALWAYS = 1
export const PCIEM_INTERRUPT_INTX = 2
export const PCIEM_WATCHPOINT_FIND = 1
export const PCIEM_WATCH_READS = 1
export const PCIEM_SEQ_DO_INTX = 25
export const PCIEM_IRQFD_LEVEL = 1
export const PCIEM_IRQFD_DEASSERT = 2

/** Size and field offsets, in bytes, of each structure. */
export const STRUCT = {
  pciem_create_device: { sizeof: 8, flags: 0, func: 4, reserved: 5 },
  pciem_add_bar: { sizeof: 24, bar_index: 0, flags: 4, size: 8, func: 16, reserved: 17 },
  pciem_cap_msi: { sizeof: 4, num_vectors_log2: 0, has_64bit: 1, has_masking: 2, reserved: 3 },
  pciem_cap_msix: { sizeof: 16, bar_index: 0, reserved: 1, table_offset: 4, pba_offset: 8, table_size: 12, reserved2: 14 },
  pciem_cap_pasid: { sizeof: 4, max_pasid_width: 0, execute: 1, privileged: 2, reserved: 3 },
  pciem_add_capability: { sizeof: 24, cap_type: 0, func: 4, reserved: 5, msi: 8, msix: 8, pasid: 8, raw: 8 },
  pciem_set_config: { sizeof: 24, func: 0, reserved: 1, vendor_id: 4, device_id: 6, subsys_vendor_id: 8, subsys_device_id: 10, revision: 12, class_code: 13, header_type: 16, reserved2: 17 },
  pciem_inject_irq: { sizeof: 8, vector: 0, func: 4, reserved: 5 },
  pciem_dma: { sizeof: 32, guest_iova: 0, user_addr: 8, length: 16, pasid: 20, flags: 24, func: 28, reserved: 29 },
  pciem_dma_atomic: { sizeof: 48, guest_iova: 0, operand: 8, compare: 16, op_type: 24, pasid: 28, result: 32, func: 40, reserved: 41 },
  pciem_p2p: { sizeof: 32, target_phys_addr: 0, user_addr: 8, length: 16, flags: 20, func: 24, reserved: 25 },
  pciem_dma_indirect: { sizeof: 48, prp1: 0, prp2: 8, user_addr: 16, length: 24, page_size: 28, pasid: 32, flags: 36, func: 40, reserved: 41 },
  pciem_bar_info: { sizeof: 32, bar_index: 0, reserved: 4, phys_addr: 8, size: 16, flags: 24, func: 28, reserved2: 29 },
  pciem_set_eventfd: { sizeof: 8, eventfd: 0, reserved: 4 },
  pciem_set_watchpoint: { sizeof: 16, bar_index: 0, offset: 4, width: 8, flags: 12 },
  pciem_trace_bar: { sizeof: 12, bar_index: 0, flags: 4, func: 8, reserved: 9 },
  pciem_event: { sizeof: 48, seq: 0, type: 8, bar: 12, offset: 16, size: 24, func: 28, data: 32, timestamp: 40 },
  pciem_response: { sizeof: 24, seq: 0, data: 8, status: 16, reserved: 20 },
  pciem_info: { sizeof: 64, size: 0, abi_version: 4, slot: 8, state: 12, domain: 16, bus: 20, device: 24, functions: 28, seq: 32, lost_owner: 40, timeouts: 48, probed: 56, reserved: 60 },
  pciem_slot_info: { sizeof: 88, size: 0, slot: 4, state: 8, domain: 12, bus: 16, device: 20, functions: 24, owner_pid: 28, owner_comm: 32, seq: 48, ids: 56 },
  pciem_config: { sizeof: 32, size: 0, func: 4, plane: 8, flags: 12, offset: 16, length: 20, data: 24 },
  pciem_bar_policy: { sizeof: 40, size: 0, func: 4, bar_index: 8, policy: 12, flags: 16, reserved: 20, offset: 24, length: 32 },
  pciem_ring_create: { sizeof: 8, size: 0, entries: 4 },
  pciem_monitor_create: { sizeof: 24, size: 0, flags: 4, slot: 8, ring_size: 12, kinds: 16 },
  pciem_monitor_page: { sizeof: 48, producer: 0, lost: 8, closed: 16, ring_size: 20, waits: 24, waited_ns: 32, slot: 40, reserved: 44 },
  pciem_record: { sizeof: 64, len: 0, kind: 4, func: 5, bar: 6, width: 7, seq: 8, time: 16, cause: 24, context: 32, cpu: 36, flags: 38, pid: 40, data_len: 44, addr: 48, value: 56 },
  pciem_mark: { sizeof: 16, size: 0, length: 4, text: 8 },
  pciem_dma_map_entry: { sizeof: 32, iova: 0, length: 8, seq: 16, flags: 24, reserved: 28 },
  pciem_dma_maps: { sizeof: 24, size: 0, func: 4, count: 8, reserved: 12, entries: 16 },
  pciem_seq_step: { sizeof: 88, op: 0, func: 1, bar: 2, width: 3, flags: 4, lane: 8, data_len: 12, index: 16, cause: 24, addr: 32, value: 40, mask: 48, data: 56, nr_fields: 64, delay_us: 68, fields: 72, from: 80, modulo: 84 },
  pciem_seq_field: { sizeof: 8, offset: 0, width: 4, space: 6 },
  pciem_seq_ignore: { sizeof: 32, func: 0, bar_index: 4, offset: 8, length: 16, stride: 20, count: 24, reserved: 28 },
  pciem_seq_start: { sizeof: 32, size: 0, window: 4, hold_ns: 8, nr_ignores: 16, reserved: 20, ignores: 24 },
  pciem_seq_push: { sizeof: 24, size: 0, flags: 4, count: 8, step_size: 12, steps: 16 },
  pciem_seq_status: { sizeof: 320, size: 0, state: 4, matched: 8, done: 16, pending: 24, folded: 32, renamed: 40, ignored: 48, skipped: 56, early: 64, coalesced: 72, unexpected_maps: 80, next_index: 88, room: 96, reason: 100, index: 104, kind: 112, func: 113, bar: 114, width: 115, cpu: 116, pid: 120, context: 124, comm: 128, addr: 144, expected: 152, actual: 160, payload_offset: 168, expected_bytes: 176, actual_bytes: 240, payload_bytes: 304, stack_len: 308, stack: 312 },
  pciem_atomic: { sizeof: 56, size: 0, func: 4, op_type: 8, width: 12, iova: 16, operand: 24, compare: 32, result: 40, reserved: 48 },
  pciem_p2p_allow: { sizeof: 24, size: 0, func: 4, peer_slot: 8, peer_func: 12, access: 16, reserved: 20 },
  pciem_inject_rule: { sizeof: 80, id: 0, func: 4, kind: 8, action: 12, bar_index: 16, reserved: 20, addr: 24, length: 32, value: 40, after: 48, count: 56, seen: 64, hits: 72 },
  pciem_inject: { sizeof: 24, size: 0, op: 4, id: 8, count: 12, rules: 16 },
  pciem_dma_past: { sizeof: 80, iova: 0, length: 8, map_seq: 16, unmap_seq: 24, flags: 32, map_context: 36, unmap_context: 40, reserved: 44, map_comm: 48, unmap_comm: 64 },
  pciem_dma_history: { sizeof: 24, size: 0, func: 4, count: 8, reserved: 12, entries: 16 },
  pciem_dma_mode: { sizeof: 16, size: 0, slot: 4, mode: 8, flags: 12 },
  pciem_bar_range: { sizeof: 24, offset: 0, length: 8, policy: 16, flags: 20 },
  pciem_bar_ranges: { sizeof: 48, size: 0, func: 4, bar_index: 8, flags: 12, count: 16, reserved: 20, bar_size: 24, phys: 32, ranges: 40 },
  pciem_bar_bytes: { sizeof: 40, size: 0, func: 4, bar_index: 8, reserved: 12, offset: 16, length: 24, data: 32 },
  pciem_remove: { sizeof: 8, size: 0, flags: 4 },
  pciem_capability_add: { sizeof: 48, size: 0, func: 4, flags: 8, offset: 12, length: 16, reserved: 20, value: 24, writable: 32, w1c: 40 },
  pciem_aer_inject: { sizeof: 40, size: 0, func: 4, severity: 8, status: 12, header: 16, sent: 32, reserved: 36 },
  pciem_bar_register: { sizeof: 72, size: 0, func: 4, bar_index: 8, width: 12, offset: 16, target: 24, count: 32, reserved: 36, writable: 40, w1c: 48, w1s: 56, read_clear: 64 },
  pciem_bar_interrupt: { sizeof: 56, size: 0, func: 4, bar_index: 8, index: 12, width: 16, vector: 20, flags: 24, reserved: 28, status: 32, enable: 40, mask: 48 },
  pciem_bar_indexed: { sizeof: 104, size: 0, func: 4, bar_index: 8, index: 12, width: 16, element_width: 20, first: 24, count: 28, offset: 32, array: 40, select: 48, data: 56, command: 64, read: 72, write: 80, done: 88, failed: 96 },
  pciem_bar_update: { sizeof: 48, size: 0, func: 4, bar_index: 8, width: 12, offset: 16, clear: 24, set: 32, value: 40 },
  pciem_bar_insn: { sizeof: 16, op: 0, dst: 1, src: 2, width: 3, target: 4, imm: 8 },
  pciem_bar_program: { sizeof: 48, size: 0, func: 4, bar_index: 8, on: 12, offset: 16, length: 24, insns: 32, count: 40, reserved: 44 },
  pciem_watch: { sizeof: 32, size: 0, func: 4, bar_index: 8, width: 12, offset: 16, flags: 24, id: 28 },
  pciem_unwatch: { sizeof: 8, size: 0, id: 4 },
  pciem_watch_info: { sizeof: 56, size: 0, id: 4, func: 8, bar_index: 12, width: 16, flags: 20, offset: 24, hits: 32, lost: 40, places: 48, reserved: 52 },
  pciem_set_irqfd: { sizeof: 16, eventfd: 0, vector: 4, flags: 8, func: 12, reserved: 13 },
  pciem_intx_level: { sizeof: 16, size: 0, func: 4, level: 8, reserved: 12 },
} as const
