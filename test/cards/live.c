// SPDX-License-Identifier: MIT
/* A card that just lives, for others to look at: says its slot, and stays until a signal. */
#include <signal.h>

#include "card.h"

static void end(int sig)
{
	(void)sig;
	_exit(0);
}

int main(void)
{
	struct pciem_add_bar rom = { .bar_index = 6, .size = 4096 };
	int fd = card_open(), inst;
	char *bar;

	signal(SIGTERM, end);
	card_describe(fd);
	if (ioctl(fd, PCIEM_ADD_BAR, &rom))
		card_die("the expansion ROM");
	if (card_policy(fd, 0x2000, 0x1000, PCIEM_BAR_SYNC, PCIEM_TRACE_WRITES))
		card_die("policy");
	inst = card_register(fd);
	bar = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, inst, 0);
	if (bar == MAP_FAILED)
		card_die("mmap of BAR 0");
	memcpy(bar + 0x3000, "left by the card", 16);
	if (ioctl(fd, PCIEM_START))
		card_die("START");
	printf("%u\n", card_info(fd).slot);
	fflush(stdout);
	for (;;)
		pause();
}
