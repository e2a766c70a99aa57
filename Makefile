# prtip: `make help` lists the targets. Every target can be run by root, through
# sudo, or by an ordinary user who may call sudo; each installs what it lacks.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Through sudo, build as the user who called it, with that user's toolchain.
ifneq ($(SUDO_USER),)
ifneq ($(SUDO_USER),root)
USER_HOME := $(shell getent passwd $(SUDO_USER) | cut -d: -f6)
AS_USER   := sudo -u $(SUDO_USER) -H env "PATH=$(USER_HOME)/.cargo/bin:$(PATH)"
endif
endif
KEPT    := CI,NO_COLOR,PATH,PRTIP_BIN,PRTIP_BIN_DIR,PRTIP_DEMO_RATE,PRTIP_LAB_CACHE,PRTIP_SOAK,RUST_TEST_THREADS
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=$(KEPT))
CARGO   := $(AS_USER) cargo
TRIPLE  := $(shell $(AS_USER) rustc -vV 2>/dev/null | sed -n 's/^host: //p')
BIN     := $(CURDIR)/target/release

# Test programs run as root, whoever builds them: they make network namespaces.
# Assignments stand behind AS_USER's `env`, since sudo clears the environment.
ifneq ($(AS_ROOT)$(AS_USER),)
RUNNER := CARGO_TARGET_$(shell echo '$(TRIPLE)' | tr 'a-z-' 'A-Z_')_RUNNER="sudo --preserve-env=$(KEPT)"
endif
# Most of the tests that take long wait most of the time; those that measure run alone.
export RUST_TEST_THREADS ?= 6
TESTS = $(AS_USER) RUST_TEST_THREADS=$(RUST_TEST_THREADS) PRTIP_BIN_DIR=$(BIN) $(if $(CI),CI=$(CI)) $(RUNNER)

.PHONY: help deps test-deps build demo demo-fleet test lint soak soak-list soak-run bench bench-peers lab-zc profile profile-cargo profile-control fuzz

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-12s %s\n", $$1, $$2}'

deps:
	@scripts/install-deps.sh

test-deps: deps
	@scripts/install-deps.sh --test
	@$(AS_USER) scripts/install-readers.sh

build: deps ## build the release binaries: prtip, prtip-bench
	$(CARGO) build --release --locked -p prtip -p prtip-bench

demo-fleet: build ## three workers, a NATS server and one synthetic internet; one worker is killed
	@$(AS_ROOT) scripts/demo-fleet.sh

demo: build ## scan the lab and real servers over AF_XDP, compare with the truth
	@$(AS_ROOT) scripts/demo.sh

test: test-deps build ## the whole test suite, namespace tests included
	$(TESTS) cargo test --workspace --locked

soak: test-deps build ## the same checks at full size, all of them
	$(TESTS) PRTIP_SOAK=1 cargo test --workspace --locked
	$(TESTS) cargo test --locked -p prtip-engine --no-default-features --lib event::files

# The themes whose size depends on PRTIP_SOAK: modules of bench/tests/scan, and coverage.
SOAK_THEMES = coverage $(addprefix scan:,$(sort $(filter-out setting lab,$(basename $(notdir $(shell grep -lrw sized bench/tests/scan --include=*.rs))))))

soak-list: ## the themes that make soak is made of
	@printf '%s\n' $(SOAK_THEMES)

soak-run: test-deps build ## one theme at full size: make soak-run THEME=scan:resume
	@[ -n "$(filter $(THEME),$(SOAK_THEMES))" ] || { echo "THEME=$(THEME): not one of: $(SOAK_THEMES)" >&2; exit 2; }
	$(TESTS) PRTIP_SOAK=1 cargo test --locked $(if $(filter coverage,$(THEME)),-p prtip-engine --test coverage --,-p prtip-bench --test scan -- $(subst scan:,,$(THEME))::) --nocapture

lint: deps ## formatting and clippy, warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

bench: test-deps build ## transmit, round trip and its times, event log, certificates, signatures, instruction counts
	@$(AS_ROOT) $(BIN)/prtip-bench tx
	@$(AS_ROOT) $(BIN)/prtip-bench roundtrip
	@$(AS_ROOT) $(BIN)/prtip-bench roundtrip --events
	@$(AS_ROOT) $(BIN)/prtip-bench rtt
	@$(AS_USER) $(BIN)/prtip-bench tls
	@$(AS_USER) $(BIN)/prtip-bench match
	@$(AS_USER) $(BIN)/prtip-bench os $(if $(wildcard target/readers/nmap/nmap-os-db),--os-db target/readers/nmap/nmap-os-db)
	@$(AS_USER) $(BIN)/prtip-bench log
	@$(AS_USER) scripts/craft-cost.sh

# Of its own: stacks need frame pointers, names of inlined functions more debug information.
PROFILING = $(CURDIR)/target/profiling/release
BUILD_PROFILED = $(AS_USER) RUSTFLAGS="-C force-frame-pointers=yes" CARGO_PROFILE_RELEASE_DEBUG=limited \
    cargo build --release --locked --target-dir target/profiling
PROFILES = $(CURDIR)/target/profile/$(shell git rev-parse --short=12 HEAD 2>/dev/null || echo now)

profile: ## flamegraphs, hot functions and budgets of all scenarios: target/profile/COMMIT
	@scripts/install-deps.sh --profile
	$(BUILD_PROFILED) -p prtip -p prtip-bench -p prtip-profiling
	@$(AS_ROOT) $(PROFILING)/prtip-profile run all --out $(PROFILES) $(if $(ENFORCE),--enforce)

profile-cargo: build ## the commands that profiling began with, word for word, through cargo flamegraph
	@scripts/install-deps.sh --profile
	@[ -x target/tools/bin/cargo-flamegraph ] || $(CARGO) install --quiet --root target/tools flamegraph
	@$(AS_USER) scripts/cargo-flamegraph.sh $(BIN)

profile-control: ## a function slowed on purpose must be found, and break its budget
	@scripts/install-deps.sh --profile
	$(BUILD_PROFILED) -p prtip --features slowed
	@mkdir -p target/profiling/slowed && cp $(PROFILING)/prtip target/profiling/slowed/
	$(BUILD_PROFILED) -p prtip -p prtip-bench -p prtip-profiling
	@cp $(PROFILING)/prtip-profile $(PROFILING)/prtip-bench target/profiling/slowed/
	@$(AS_ROOT) scripts/profile-control.sh target/profiling/slowed

lab-zc: build ## prove zero-copy in a virtual machine; ZC_IGB=1: two queues, slower
	@$(AS_USER) $(if $(PRTIP_LAB_CACHE),$(if $(AS_USER),,env) PRTIP_LAB_CACHE=$(PRTIP_LAB_CACHE)) $(BIN)/prtip-bench vm \
	    $(if $(ZC_IGB),--cards igb --timeout 600)

bench-peers: test-deps build ## masscan, zmap and nmap beside prtip: a table, and target/bench-peers.svg
	@$(AS_ROOT) $(BIN)/prtip-bench peers --svg target/bench-peers.svg

fuzz: deps ## run each fuzz target for a minute
	[ -x target/tools/bin/cargo-fuzz ] || $(CARGO) install --quiet --locked --root target/tools cargo-fuzz
	cd fuzz && for target in reply target_list ports udp_answer neighbour certificate report event_log signatures metrics os os_reply idle starttls fleet_job; do \
	    $(AS_USER) RUSTC_BOOTSTRAP=1 ../target/tools/bin/cargo-fuzz fuzz run $$target -- -max_total_time=60 || exit 1; done
