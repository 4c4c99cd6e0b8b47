// SPDX-License-Identifier: MIT
/* Steps as PCIEM_SEQ_PUSH must not take them: each field wrong by itself, in a step that is otherwise valid. */
#include "card.h"

static int push_one(int fd, struct pciem_seq_step *step)
{
	struct pciem_seq_push push = {
		.size = sizeof(push), .count = 1, .step_size = sizeof(*step), .steps = (uintptr_t)step,
	};

	return ioctl(fd, PCIEM_SEQ_PUSH, &push);
}

#define WRONG(err, what, value) do {				\
		__typeof__(what) was_ = (what);			\
		(what) = (value);				\
		REFUSED(err, push_one(fd, &step));		\
		(what) = was_;					\
	} while (0)

/* An index of a ring that does not move, or moves out of it, or may be left out as well. */
static void index_refused(int fd)
{
	struct pciem_seq_step step = {
		.op = PCIEM_SEQ_EXPECT_MMIO_WRITE, .width = 4, .index = 2, .cause = 1, .addr = 8, .mask = ~0U,
		.flags = PCIEM_SEQ_COALESCE, .from = 3, .value = 1, .modulo = 4,
	};

	WRONG(EINVAL, step.value, 3);
	WRONG(EINVAL, step.value, 4);
	WRONG(EINVAL, step.value, 1ULL << 32 | 1);
	WRONG(EINVAL, step.from, 4);
	WRONG(EINVAL, step.modulo, 0);
	WRONG(EINVAL, step.modulo, 3);
	WRONG(EINVAL, step.width, 8);
	WRONG(EINVAL, step.cause, 2);
	WRONG(EINVAL, step.flags, 0);
	WRONG(EINVAL, step.flags, PCIEM_SEQ_COALESCE | PCIEM_SEQ_OPTIONAL);
	WRONG(EINVAL, step.flags, PCIEM_SEQ_COALESCE | PCIEM_SEQ_UNORDERED);
	WRONG(EINVAL, step.op, PCIEM_SEQ_EXPECT_MMIO_READ);
	WRONG(EINVAL, step.op, PCIEM_SEQ_EXPECT_CFG_WRITE);
	WRONG(EINVAL, step.op, PCIEM_SEQ_DO_MARK);
}

/* Valid input with one thing wrong at a time; in the end, what is valid is taken. */
static void fields_refused(void)
{
	struct pciem_seq_start start = { .size = sizeof(start), .window = 64 };
	struct pciem_seq_field f[2] = { { .offset = 2, .width = 2 }, { .offset = 8, .width = 8, .space = 1 } };
	char bytes[16] = "";
	struct pciem_seq_step step = {
		.op = PCIEM_SEQ_DO_DMA_READ, .bar = 0xff, .index = 1, .addr = 0x1000, .data_len = sizeof(bytes),
		.data = (uintptr_t)bytes, .nr_fields = 2, .fields = (uintptr_t)f,
	};
	int fd = card_open(), i;

	card_describe(fd);
	CHECK(!ioctl(fd, PCIEM_SEQ_START, &start), "SEQ_START");
	for (i = 0; i < 2; i++) {
		WRONG(EINVAL, f[i].width, 0);
		WRONG(EINVAL, f[i].width, 3);
		WRONG(EINVAL, f[i].width, 16);
		WRONG(EINVAL, f[i].width, 0xffff);
		WRONG(EINVAL, f[i].offset, 17);
		WRONG(EINVAL, f[i].offset, 0xffffffff);
	}
	WRONG(EINVAL, f[1].offset, 9);		/* beyond the payload's end */
	WRONG(EINVAL, f[1].offset, 3);		/* inside the one before */
	WRONG(EINVAL, f[1].offset, 0);		/* not in order */
	WRONG(EINVAL, step.nr_fields, 1025);
	WRONG(EINVAL, step.nr_fields, 0xffffffff);
	WRONG(EFAULT, step.fields, 8);
	WRONG(EFAULT, step.fields, -4096ULL);
	WRONG(EINVAL, step.flags, PCIEM_SEQ_NO_COMPARE);
	WRONG(EINVAL, step.flags, PCIEM_SEQ_UNORDERED);
	WRONG(EINVAL, step.flags, PCIEM_SEQ_COALESCE);
	WRONG(EINVAL, step.flags, 0x2000);
	WRONG(EINVAL, step.from, 1);
	WRONG(EINVAL, step.modulo, 2);
	step.data_len = 0;
	step.addr = 0;
	WRONG(EINVAL, step.op, PCIEM_SEQ_DO_IRQ);
	WRONG(EINVAL, step.op, PCIEM_SEQ_DO_WAIT);
	WRONG(EINVAL, step.op, PCIEM_SEQ_DO_MARK);
	step.nr_fields = 0;
	step.op = PCIEM_SEQ_DO_MARK;
	WRONG(EINVAL, step.delay_us, 1);
	step.bar = 0;
	step.width = 4;
	step.op = PCIEM_SEQ_EXPECT_CFG_WRITE;
	WRONG(EINVAL, step.delay_us, 1);
	step.op = PCIEM_SEQ_EXPECT_MMIO_WRITE;
	WRONG(EINVAL, step.delay_us, 1);
	WRONG(EINVAL, step.cause, 1);
	step.op = PCIEM_SEQ_EXPECT_MMIO_READ;
	WRONG(EINVAL, step.nr_fields, 1);
	index_refused(fd);
	step = (struct pciem_seq_step) {
		.op = PCIEM_SEQ_DO_DMA_READ, .bar = 0xff, .index = 1, .addr = 0x1000, .data_len = sizeof(bytes),
		.data = (uintptr_t)bytes, .nr_fields = 2, .fields = (uintptr_t)f,
	};
	CHECK(!push_one(fd, &step), "valid fields are taken");
#undef WRONG
	close(fd);
}

int main(void)
{
	fields_refused();
	return card_done("sequencer_fields");
}
