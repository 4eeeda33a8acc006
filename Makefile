# SPDX-License-Identifier: Apache-2.0
# Every habit is one word. `make help` lists them.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help setup setup-vm build man demo tests test test-fast test-vm fuzz soak bench bench-vm proto format check clean

# The release builds keep to themselves, so that they and an editor's debug build neither wait for nor undo each other.
# All but the hook bring Swift's runtime along: dist/ runs where no toolchain is. The hook has none to bring.
RELEASE := -c release --scratch-path .build/dist --static-swift-stdlib
HOOK := -c release --scratch-path .build/hook
PROGRAMS := $(patsubst Tests/Programs/%.c,dist/tests/%,$(wildcard Tests/Programs/*.c))

help: ## List these words
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the Debian packages that everything below needs
	@dev/setup.sh

setup-vm: setup ## Install what test-vm needs besides
	@dev/setup.sh vm

build: setup ## Put apus-agent, apus-oci-hook, apus-nri and apus into dist/
	swift build $(RELEASE) --product apus-agent
	swift build $(RELEASE) --product apus
	swift build $(RELEASE) --product apus-nri
	swift build $(HOOK) --product apus-oci-hook
	@dev/install-dist.sh "$$(swift build $(RELEASE) --show-bin-path)"/{apus-agent,apus,apus-nri} \
		"$$(swift build $(HOOK) --show-bin-path)/apus-oci-hook"

man: build ## Put a manual page for each of apus's commands into dist/man/
	dev/generate-manual.sh dist/apus dist/man

demo: build ## Watch a container being made, entered and removed
	@dev/demo.sh

test: build setup-vm tests ## Run every test, here and in guests with other kernels
	Tests/Fuzzing/fuzz.sh
	EVERYTHING=1 Tests/VM/test-vm.sh

test-fast: setup ## Run the tests of values and records, in a debug build: minutes
	swift build --product apusPackageTests
	swift test --skip-build --filter 'RE2Tests|YAMLTests|PoliciesTests|OutreachTests|CELTests|MetricsTests|ModelsTests|ContainersTests|ProcessesTests|EventsTests|ServerTests|AgentCoreTests|ExportTests'

test-vm: build setup-vm tests ## Run what touches the kernel on 6.1 and 6.12, cgroup v1 and v2, with runc and crun
	Tests/VM/test-vm.sh

fuzz: setup ## Try what strangers may write, 20 seconds each: policies, CEL, records, programs, OCI documents
	Tests/Fuzzing/fuzz.sh

soak: build setup-vm tests ## Run the tests with large counts; goes on where it was interrupted
	dev/soak.sh

# What the tests are and what they run.
tests: $(PROGRAMS)
	swift build --product apusPackageTests
	swift build --product apus-oci-hook
	swift build --product apus-agent
	@mkdir -p dist/debug && cp "$$(swift build --show-bin-path)"/{apus-oci-hook,apus-agent} dist/debug/
	Tests/Foreign/build.sh dist/foreign

bench: build $(PROGRAMS) ## Measure, each figure beside its baseline
	swift build $(RELEASE) --product apus-replay
	@mkdir -p dist/bench && cp "$$(swift build $(RELEASE) --show-bin-path)/apus-replay" dist/bench/
	@Benchmarks/bench.sh

bench-vm: build setup-vm ## Measure in instructions, in a guest that counts them: no neighbour moves these figures
	@Benchmarks/bench-vm.sh

proto: ## Write the generated Swift anew from proto/
	dev/generate-proto.sh

format: ## Lay out Swift and C as the project does
	swift format --in-place --recursive --parallel Package.swift Sources Tests Plugins
	clang-format -i $$(git ls-files 'bpf/*.c' 'bpf/*.h' '*.c' '*.cc' '*.h')

check: ## Say where the layout, or what every file must have, is not kept
	dev/check.sh

clean: ## Remove everything that was built
	rm -rf .build dist

dist/tests/%: Tests/Programs/%.c
	@mkdir -p $(@D)
	cc -static -O2 -Wall -Wextra -pthread -o $@ $<
