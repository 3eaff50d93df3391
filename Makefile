# SPDX-License-Identifier: Apache-2.0
# worstday: one file, GNU make and pkg-config. `make help` lists the targets.
#
#   VARIANT=release|debug|san|cov   which build; objects live in $(O)/$(VARIANT)/
#   O=DIR                           build folder (default build)
#   V=1                             show commands          WERROR=1  warnings are errors

VARIANT ?= release
O       ?= build
CC      ?= gcc
B       := $(O)/$(VARIANT)
Q       := $(if $(V),,@)
MAKEFLAGS += --no-print-directory

PACKAGES := build-essential pkg-config libyaml-dev libnl-3-dev libnl-route-3-dev libseccomp-dev \
	libfiu-dev fiu-utils check libmicrohttpd-dev libjansson-dev libsqlite3-dev libcurl4-openssl-dev \
	libpq-dev libssl-dev libpcre2-dev libcap-dev uidmap python3 python3-yaml libxml2-utils curl \
	procps hostname iproute2 busybox musl-tools tzdata php-cli python3-serial
MODULES  := libseccomp yaml-0.1 libnl-3.0 libnl-route-3.0 libcurl sqlite3 libpq libpcre2-8 libcrypto \
	libfiu
# The disk that may fail.
PACKAGES += libfuse3-dev fuse3
MODULES  += fuse3
TILL_MODULES := libmicrohttpd jansson sqlite3 libcurl libfiu

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wredundant-decls \
	-Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion
FLAGS_release := -O2 -g
FLAGS_debug   := -O0 -g3
FLAGS_san     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_cov     := -O0 -g --coverage
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE -pthread $(WARN) $(if $(WERROR),-Werror) $(FLAGS_$(VARIANT)) \
	-Iharness -I. $(shell pkg-config --cflags $(MODULES) 2>/dev/null) $(CPPFLAGS) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(MODULES) 2>/dev/null) -lm -lrt

LIB_SRC  := $(sort $(wildcard harness/*/*.c) $(wildcard faults/*.c))
MAIN_SRC := $(sort $(wildcard harness/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/check_*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
TILL_SRC := $(sort $(wildcard targets/till/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
# What runs inside the target's processes: never instrumented, and it asks for old symbols only.
PRE_SRC  := $(sort $(wildcard faults/preload/*.c)) harness/shim/told.c harness/base/draw.c \
	harness/base/gate.c harness/base/glob.c
ALLOC_SRC := $(sort $(wildcard faults/preload/alloc/*.c))
ALLOC_OBJ := $(ALLOC_SRC:%.c=$(B)/preload/%.o)
FIU_OBJ  := $(B)/preload/faults/preload/fiu/fiu.o $(B)/preload/harness/shim/points.o
PRE_OBJ  := $(PRE_SRC:%.c=$(B)/preload/%.o)
PRE_FLAGS = -std=gnu11 -D_GNU_SOURCE -pthread $(WARN) $(if $(WERROR),-Werror) -O2 -g -fPIC \
	-fvisibility=hidden -ffunction-sections -fno-stack-protector -U_FORTIFY_SOURCE \
	-Iharness -I. -include faults/preload/old.h
MAIN_OBJ := $(MAIN_SRC:%.c=$(B)/%.o)
TILL_OBJ := $(TILL_SRC:%.c=$(B)/%.o)
UNITS    := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
BENCHES  := $(BENCH_SRC:tests/bench/%.c=$(B)/bench/%)
TILL_DIR := $(O)/targets/till

.PHONY: all help deps build units run test test-bare bench valgrind fuzz soak tidy analyze format \
	doc clean check-clang
.DEFAULT_GOAL := all

# One compiler per core, unless -j says otherwise.
all: deps
	$(Q)$(MAKE) $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc)) build

build: $(O)/worstday $(TILL_DIR)/till $(O)/doc/made

help:
	@echo 'make run      install what is missing, build, run a real experiment, end in a verdict'
	@echo 'make test     install what is missing, build, run all tests (under 10 minutes)'
	@echo 'make gate     what the reference till must hold before a release, once (a minute)'
	@echo 'make targets  prepare the foreign POS systems in targets/ (needs the package registries)'
	@echo 'make test-targets  what those must hold before a release (GATE_BUDGET=1500 seconds at most)'
	@echo 'make test-report   report.html in a real Chromium, axe-core from npm; keeps pictures'
	@echo 'make test-clients  libraries of others, from npm, against the hosts that the harness plays'
	@echo 'make install  to PREFIX (/usr/local), below DESTDIR; make deb: a Debian package in build/deb'
	@echo 'make doc      manual page, reference, completion and schemas, in build/doc'
	@echo 'make deps     only install the Debian packages'
	@echo 'make test-vm  what this kernel lacks (netem), in qemu under Debian'"'"'s kernel (6 minutes)'
	@echo 'make bench    what must be reached, measured here; one table (ONLY=NAME for one)'
	@echo 'make soak     long: 25 seeds of the gate, 1,000 SIGKILLs, 50 murders, 10,000 connections,'
	@echo '              10,000 crash states of the till, and the oracle of power cuts as often'
	@echo 'make fuzz     fuzz every parser for 60 s each'
	@echo 'make test-deb   the Debian package, installed in a bare Debian 12 (needs root)'
	@echo 'make test-bare  make run and make test on a bare Debian 12, each in a fresh root (needs root)'
	@echo 'make valgrind the unit tests that make no namespaces, under valgrind'
	@echo 'make analyze  clang-tidy and cppcheck     make tidy  house rules'

# --- packages ------------------------------------------------------------------------------------
deps:
	@missing=$$(for p in $(PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || printf '%s ' $$p; done); \
	if [ -n "$$missing" ]; then \
		echo "installing Debian packages: $$missing"; \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && \
			apt-get install -y -qq --no-install-recommends $$missing" >$(or $(TMPDIR),/tmp)/worstday-deps.$$$$ 2>&1 \
		|| { cat $(or $(TMPDIR),/tmp)/worstday-deps.$$$$; rm -f $(or $(TMPDIR),/tmp)/worstday-deps.$$$$; \
			echo "could not install: $$missing (run 'make deps' as root)"; exit 1; }; \
		rm -f $(or $(TMPDIR),/tmp)/worstday-deps.$$$$; \
	fi

# --- build ---------------------------------------------------------------------------------------
# The stamp changes when the flags do, and everything is rebuilt then.
$(B)/flags: FORCE
	@mkdir -p $(B); echo '$(CC) $(CFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL)' > $@
FORCE:

# The commit goes into one object, rebuilt when it changes.
$(B)/commit: FORCE
	@mkdir -p $(B); c=$$(git rev-parse --short HEAD 2>/dev/null || echo unknown); \
	[ -z "$$(git status --porcelain -uno 2>/dev/null)" ] || c=$$c+; \
	echo "$$c" | cmp -s - $@ || echo "$$c" > $@
$(B)/harness/explore/version.o: $(B)/commit
$(B)/harness/explore/version.o: private CFLAGS_ALL += -DWD_COMMIT='"$(shell cat $(B)/commit 2>/dev/null)"'

$(B)/preload/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@$(if $(V),,echo '  CC    $< (preloaded)')
	$(Q)$(CC) $(PRE_FLAGS) -MMD -MP -c -o $@ $<

# libdl by name: there dlsym lived before it moved into libc.
$(B)/preload.so: $(PRE_OBJ) Makefile
	@$(if $(V),,echo '  LD    $@')
	$(Q)$(CC) -shared -o $@ $(PRE_OBJ) -Wl,--gc-sections -Wl,-z,now -Wl,-z,defs -Wl,-soname,worstday \
		-Wl,--no-as-needed $(shell $(CC) -print-file-name=libdl.so.2)

# What it asks preload.so for is found because that is loaded before it: no loader looks for it.
$(B)/alloc.so: $(ALLOC_OBJ) Makefile
	@$(if $(V),,echo '  LD    $@')
	$(Q)$(CC) -shared -o $@ $(ALLOC_OBJ) -Wl,--gc-sections -Wl,-z,now -Wl,--no-as-needed \
		$(shell $(CC) -print-file-name=libdl.so.2)

# The same for libfiu, which it asks for by name.
$(B)/fiu.so: $(FIU_OBJ) Makefile
	@$(if $(V),,echo '  LD    $@')
	$(Q)$(CC) -shared -o $@ $(FIU_OBJ) -Wl,-z,now -lfiu

# The libraries go into one object, as they are.
$(B)/harness/shim/image.o: $(B)/preload.so $(B)/alloc.so $(B)/fiu.so
$(B)/harness/shim/image.o: private CFLAGS_ALL += -DWD_PRELOAD_SO='"$(B)/preload.so"' \
	-DWD_ALLOC_SO='"$(B)/alloc.so"' -DWD_FIU_SO='"$(B)/fiu.so"'

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@$(if $(V),,echo '  CC    $<')
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/libworstday.a: $(LIB_OBJ)
	@$(if $(V),,echo '  AR    $@')
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/worstday: $(MAIN_OBJ) $(B)/libworstday.a
	@$(if $(V),,echo '  LD    $@')
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/till: $(TILL_OBJ)
	@$(if $(V),,echo '  LD    $@')
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(shell pkg-config --libs $(TILL_MODULES) 2>/dev/null) -lm

$(O)/worstday: $(B)/worstday FORCE
	@cmp -s $< $@ || { mkdir -p $(@D); cp -f $< $@.new && mv -f $@.new $@; }
$(TILL_DIR)/till: $(B)/till FORCE
	@cmp -s $< $@ || { mkdir -p $(@D); cp -f $< $@.new && mv -f $@.new $@; }

# Manual page, reference, completions and schemas: the program writes them from its own tables.
DOCS := man:worstday.1 reference:reference.md bash:worstday.bash zsh:_worstday \
	schema-experiment:experiment.schema.json schema-target:target.schema.json \
	schema-verdict:verdict.schema.json
doc: $(O)/doc/made
$(O)/doc/made: $(O)/worstday
	@mkdir -p $(@D)
	$(Q)for d in $(DOCS); do $(O)/worstday doc "$${d%%:*}" >"$(@D)/$${d#*:}.new" && \
		mv -f "$(@D)/$${d#*:}.new" "$(@D)/$${d#*:}" || exit 1; done; touch $@

$(B)/unit/%: tests/unit/%.c $(B)/libworstday.a $(B)/flags
	@mkdir -p $(@D)
	@$(if $(V),,echo '  TEST  $@')
	$(Q)$(CC) $(CFLAGS_ALL) $(shell pkg-config --cflags check) -MMD -MP -o $@ $< $(B)/libworstday.a \
		$(LIBS) $(shell pkg-config --libs check)
$(B)/bench/%: tests/bench/%.c $(B)/libworstday.a $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -o $@ $< $(B)/libworstday.a $(LIBS)

units: $(UNITS)
benches: $(BENCHES)

-include $(PRE_OBJ:.o=.d) $(ALLOC_OBJ:.o=.d) $(FIU_OBJ:.o=.d) $(LIB_OBJ:.o=.d) $(MAIN_OBJ:.o=.d) $(TILL_OBJ:.o=.d) $(UNITS:=.d) $(BENCHES:=.d)

# --- installing ----------------------------------------------------------------------------------
PREFIX  ?= /usr/local
DESTDIR ?=
ZSH_DIR ?= $(PREFIX)/share/zsh/site-functions
SHARE   := $(DESTDIR)$(PREFIX)/share
.PHONY: install uninstall deb test-deb
install: build
	install -Dm755 $(O)/worstday $(DESTDIR)$(PREFIX)/bin/worstday
	install -Dm644 $(O)/doc/worstday.1 $(SHARE)/man/man1/worstday.1
	install -Dm644 $(O)/doc/worstday.bash $(SHARE)/bash-completion/completions/worstday
	install -Dm644 $(O)/doc/_worstday $(DESTDIR)$(ZSH_DIR)/_worstday
	install -Dm644 -t $(SHARE)/worstday $(O)/doc/*.schema.json
	install -Dm644 -t $(SHARE)/doc/worstday README.md $(O)/doc/reference.md

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/worstday $(SHARE)/man/man1/worstday.1 \
		$(SHARE)/bash-completion/completions/worstday $(DESTDIR)$(ZSH_DIR)/_worstday
	rm -rf $(SHARE)/worstday $(SHARE)/doc/worstday

# A Debian package, in $(O)/deb, and what lintian says to it.
DEB_PACKAGES := debhelper dpkg-dev lintian
deb: deps
	$(Q)$(MAKE) deps PACKAGES='$(DEB_PACKAGES)'
	$(Q)harness/debian/make $(O)/deb $(PACKAGES)
	lintian --fail-on error,warning $(O)/deb/worstday_*.deb

# --- POS software that nobody here wrote ---------------------------------------------------------
# Root directories from package registries alone; each step says its size and time, may be
# interrupted and goes on with the next `make targets`. target.yml looks for them in build/rootfs.
.PHONY: targets test-targets
FOREIGN := $(sort $(patsubst targets/%/packages,%,$(wildcard targets/*/packages)))
targets:
	$(Q)s=0; for t in $(FOREIGN); do targets/prepare $$t || s=1; done; exit $$s

# Their gates, after preparing what is not prepared. GATE_BUDGET seconds at most: what is left then
# is skipped, and says so.
test-targets: all
	@MAKE='$(MAKE)' O='$(O)' tests/targets $(or $(ONLY),$(FOREIGN))

# --- the two commands ----------------------------------------------------------------------------
run: all
	$(O)/worstday run experiments/scenario/rush-hour.yml

# What the reference till must hold before a release. Trials mostly wait: more at once than cores.
.PHONY: gate
gate: all
	$(O)/worstday run experiments/gate/till -j8

# What tests read pages with and try completion in; parts that miss theirs say so.
TEST_PACKAGES := man-db mandoc python3-jsonschema python3-ruamel.yaml zsh
test: all
	$(Q)$(MAKE) deps PACKAGES='$(TEST_PACKAGES)'
	@MAKE='$(MAKE)' O='$(O)' VARIANT='$(VARIANT)' tests/run

# Libraries from npm that nobody here wrote against the bank; CLIENT_PACKAGES are what they run on.
CLIENT_PACKAGES := nodejs npm
.PHONY: test-clients
test-clients: all
	-$(Q)command -v npm >/dev/null || $(MAKE) deps PACKAGES='$(CLIENT_PACKAGES)'
	@O='$(O)' tests/clients/run $(ONLY)

# Pages in a real browser, with axe-core from npm. Its packages are large, so `test` does without.
.PHONY: test-report
test-report: all
	-$(Q)$(MAKE) deps PACKAGES=chromium
	-$(Q)command -v npm >/dev/null || $(MAKE) deps PACKAGES='$(CLIENT_PACKAGES)'
	@O='$(O)' tests/browser/run

# In a guest under qemu, without KVM: what Debian's kernel has and this one may not. Skipped, saying
# why, where the packages cannot be had. tests/vm/run COMMAND runs anything in there.
VM_PACKAGES := qemu-system-x86 cpio
.PHONY: test-vm
test-vm: all $(O)/vm/bin/probe
	-$(Q)$(MAKE) deps PACKAGES='$(VM_PACKAGES)'
	-$(Q)O='$(O)' tests/vm/fetch
	@O='$(O)' tests/vm/run sh tests/vm/netem.sh >$(O)/vm/serial 2>&1; tests/vm/judge.py <$(O)/vm/serial \
		|| [ $$? = 77 ]

$(O)/vm/bin/probe: tests/vm/probe.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 $(WARN) $(if $(WERROR),-Werror) -o $@ $<

clean:
	rm -rf $(O)

# --- longer work ---------------------------------------------------------------------------------
# The peers that the wire is held against.
BENCH_PACKAGES := slirp4netns passt iproute2 procps util-linux
bench: all benches
	-$(Q)$(MAKE) deps PACKAGES='$(BENCH_PACKAGES)'
	@O='$(O)' B='$(B)' tests/bench/run $(ONLY)

soak: all units
	@KILLS=1000 WORSTDAY=$(abspath $(O)/worstday) tests/cases/sigkill.sh
	MURDERS=50 WORSTDAY=$(abspath $(O)/worstday) tests/cases/murder.sh
	MANY=10000 WORSTDAY=$(abspath $(O)/worstday) tests/cases/connections.sh
	ORACLE_STATES=10000 $(B)/unit/check_oracle
	$(O)/worstday run experiments/gate/till/power-cut-anywhere.yml --set shoppers.count=400 \
		--set 'faults[0]={power.cut: {node: store, model: strict, explore: 10000}}'
	$(O)/worstday run experiments/gate/till --seeds 25 -j8

# The package in a bare root; test-bare does not need it built.
test-deb: deb
	$(Q)$(MAKE) deps PACKAGES='mmdebstrap debian-archive-keyring git'
	$(Q)tests/bare deb

test-bare:
	$(Q)$(MAKE) deps PACKAGES='mmdebstrap debian-archive-keyring git'
	$(Q)tests/bare

# Each parser's fuzzer for FUZZ_SECONDS from its kept corpus (tests/fuzz/corpus/NAME).
FUZZ_SECONDS ?= 60
FUZZED := base bank calls conf counter disk ledger terminal wire
FUZZED_FILES := harness/explore/tar.c harness/report/packets.c
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
fuzz: deps
	@dpkg-query -W -f='$${Status}' libclang-rt-14-dev 2>/dev/null | grep -q 'ok installed' || \
		{ echo 'installing clang and libclang-rt-14-dev'; $$([ "$$(id -u)" = 0 ] || echo sudo) \
		apt-get install -y -qq clang libclang-rt-14-dev >/dev/null; }
	@mkdir -p $(O)/fuzz
	@for f in $(FUZZ_SRC); do n=$$(basename $$f .c); echo "fuzz $$n for $(FUZZ_SECONDS) s"; \
		clang -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined \
			-fno-sanitize-recover=undefined -Iharness -I. \
			$(shell pkg-config --cflags $(MODULES) 2>/dev/null) -o $(O)/fuzz/$$n $$f \
			$(filter $(foreach r,$(FUZZED),harness/$(r)/%.c) $(FUZZED_FILES),$(LIB_SRC)) \
			$(LIBS) || exit 1; \
		mkdir -p tests/fuzz/corpus/$${n#fuzz_} $(O)/fuzz/found-$$n; \
		$(O)/fuzz/$$n -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=5 -verbosity=0 \
			-print_final_stats=1 $(O)/fuzz/found-$$n tests/fuzz/corpus/$${n#fuzz_} || exit 1; done

tidy:
	tests/tidy

valgrind: all units
	$(Q)command -v valgrind >/dev/null || $(MAKE) deps PACKAGES=valgrind
	@O='$(O)' VARIANT='$(VARIANT)' tests/valgrind

format:
	clang-format -i $$(git ls-files "*.c" "*.h")

analyze: deps
	@command -v clang-tidy >/dev/null && command -v cppcheck >/dev/null || \
		{ echo 'installing clang-tidy and cppcheck'; $$([ "$$(id -u)" = 0 ] || echo sudo) \
		apt-get install -y -qq clang-tidy cppcheck >/dev/null; }
	@# autoVariables: what points to a local is taken back before its function returns.
	cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr \
		--suppress=autoVariables --error-exitcode=1 -Iharness -I. $(LIB_SRC) $(MAIN_SRC)
	@# One file each: in one run over several, clang-tidy 14 sees uninitialised va_lists everywhere.
	printf '%s\n' $(LIB_SRC) $(MAIN_SRC) | xargs -P2 -I{} clang-tidy --quiet {} -- -std=gnu11 \
		-D_GNU_SOURCE -Iharness -I. $(shell pkg-config --cflags $(MODULES) 2>/dev/null)
