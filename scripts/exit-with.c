// SPDX-License-Identifier: MIT
/*
 * A function for the Makefile, $(exit-with STATUS): make ends at once, with this status.
 * By itself it ends with 2, whatever it was that failed.
 */
#include <gnumake.h>
#include <stdlib.h>

int plugin_is_GPL_compatible;

static char *exit_with(const char *name, unsigned int argc, char **argv)
{
	(void)name;
	(void)argc;
	exit(atoi(argv[0]));
}

int exit_with_gmk_setup(const void *where)
{
	(void)where;
	gmk_add_function("exit-with", exit_with, 1, 1, GMK_FUNC_DEFAULT);
	return 1;
}
