# SPDX-License-Identifier: MIT
# Thin verbs: each says what it does on stderr and leaves stdout to the program it runs.

.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

cache := $(or $(PCIEM_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pciem)
typescript := $(shell find src models -name '*.ts') package.json tsconfig.json rolldown.config.js
module_sources := $(shell find kernel test/drivers examples -type f ! -name '*.ts' ! -name '*.json')
vm := bin/pciem vm

.PHONY: help
help:
	@echo 'make repl    set up, build, and open pciem> in a throw-away virtual machine (or: make repl < script, which ends with its status)'
	@echo 'make demo    record a device, replay it, and see a divergence found'
	@echo 'make test    set up, build, and run all tests'
	@echo 'make bench   measure'
	@echo 'make soak    long runs: replays by the thousand, minutes of random load'
	@echo 'make soak-replays each trace in traces/ a thousand times; it goes on where it was'
	@echo 'make soak-deterministic 20 runs of a deterministic guest, all the same'
	@echo 'make check   types, licences and all tests'
	@echo 'make check-kernel kernel/ under W=1, sparse and checkpatch'
	@echo 'make test-kasan the kernel tests on a kernel that looks for mistakes (KASAN, lockdep, kmemleak, UBSAN); built once'
	@echo 'make fuzz    ten minutes of random calls on that kernel'
	@echo 'make fuzz-trace a million broken traces for the reader'
	@echo 'make test-view the page of `trace view` in Chromium; pictures of it in build/view/'
	@echo
	@echo 'make setup   packages, npm modules and guest kernels'
	@echo 'make build   addon, TypeScript and kernel modules'
	@echo 'make load    build the module for the running kernel and load it on this very machine'
	@echo 'make clean   remove what was built; the cache in $(cache) stays'

.PHONY: setup
setup:
	@scripts/setup.sh

# The compilers come with setup, so the build starts only when that is through.
.PHONY: build
build: setup
	@$(MAKE) build-all >&2

.PHONY: build-all
build-all: dist/.built build/.modules
	@$(MAKE) -s -C native
	@$(MAKE) -s -C src/vm/guest

dist/.built: $(typescript)
	@echo '==> compiling the TypeScript'
	@npm run --silent build
	@touch $@

build/.modules: $(module_sources) $(wildcard $(cache)/kernels/*/.complete) scripts/build-module.sh
	@scripts/build-module.sh
	@touch $@

# It ends with the prompt's own status. What that takes must be there before anything else is made, and set-up brings the compiler.
ifneq ($(filter repl,$(MAKECMDGOALS)),)
include build/exit-with.mk
build/exit-with.mk: scripts/exit-with.c
	@scripts/setup.sh
	@mkdir -p build
	@gcc -shared -fPIC -O2 -Wall -Wextra -o build/exit_with.so $< && echo 'load build/exit_with.so' >$@
endif

.PHONY: repl run-repl
repl: run-repl
	$(exit-with $(file <build/repl.status))
run-repl: build
	@$(vm) -- bin/pciem repl; echo $$? >build/repl.status

# On one CPU the driver does the same in each run, so the transcript does too.
.PHONY: demo
demo: build
	@$(vm) --smp 1 -- scripts/demo.sh

.PHONY: test
test: build
	@scripts/test.sh

.PHONY: test-view
test-view: dist/.built
	@scripts/test-view.sh

.PHONY: check-kernel
check-kernel: setup
	@scripts/check-kernel.sh

.PHONY: test-kasan
test-kasan: build
	@scripts/test-kasan.sh

.PHONY: fuzz
fuzz: build
	@scripts/fuzz.sh

.PHONY: fuzz-trace
fuzz-trace: dist/.built
	@scripts/fuzz-trace.sh

.PHONY: bench
bench: build
	@$(vm) --mem 2G --device edu -- scripts/bench.sh
	@scripts/bench-trace.sh

.PHONY: soak
soak: build
	@scripts/soak.sh

.PHONY: soak-replays
soak-replays: build
	@scripts/soak-replays.sh

.PHONY: soak-deterministic
soak-deterministic: build
	@scripts/soak-deterministic.sh

.PHONY: check
check: build
	@npm run --silent typecheck
	@scripts/check-licences.sh
	@scripts/test.sh

.PHONY: load
load: build
	@scripts/load.sh

.PHONY: clean
clean:
	rm -rf build dist
