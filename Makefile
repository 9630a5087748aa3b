# What a developer, a newcomer and CI run. Everything sets itself up: `make run` and `make test` work on a fresh clone.

SHELL := /bin/bash
.DEFAULT_GOAL := help
RELEASE := .build/release/tandem
# Values of one module travel through all the others: optimising across them takes a tenth off the cost of a call.
BUILD_RELEASE := swift build -c release --product tandem -Xswiftc -cross-module-optimization \
	-Xswiftc -enforce-exclusivity=unchecked
FORMATTED := Package.swift Sources Tests Fuzz Benchmarks

# Tests with real sockets and real time, or that measure this process: each needs the machine to itself.
ALONE := EndToEndTests PolicyTransportTests SIPTransportTests DNSResolverTests MediaRelayTests AudioBridgeTests TestCallerTests RecordsTests Footprint

.PHONY: help setup build run demo test bench soak lint format fuzz docs clean

help:
	@echo "make run      set up, build, and serve the example policies on this machine's loopback"
	@echo "make demo     one call from end to end, with its explanation and its record, in under a minute"
	@echo "make test     set up and run every test"
	@echo "make build    the release binary: $(RELEASE)"
	@echo "make bench    performance beside Kamailio and rtpengine (QUICK=1: two minutes)"
	@echo "make soak     conferences for an hour: leaks, drift, glitches (MINUTES=60)"
	@echo "make lint     format, imports, file sizes; what CI checks before the tests"
	@echo "make format   put the sources into the house format"
	@echo "make fuzz     fuzz the parsers (SECONDS_EACH=60)"
	@echo "make docs     write the generated documents anew"

setup:
	@scripts/setup build prompts
	@scripts/make-prompts

build: setup
	$(BUILD_RELEASE)

run: build
	@scripts/make-certificate var/tls
	$(RELEASE) serve --policies policies --state var

demo: build
	$(RELEASE) demo

test:
	@scripts/setup build test
	swift build --build-tests
	@scripts/run-tests .build/tests.log 900 $(addprefix --skip ,$(ALONE))
	@scripts/run-tests .build/tests-alone.log 1500 --no-parallel $(addprefix --filter ,$(ALONE))

bench:
	@scripts/setup build bench
	$(BUILD_RELEASE)
	$(BUILD_RELEASE:tandem=policybench)
	$(BUILD_RELEASE:tandem=mixbench)
	Benchmarks/run $(if $(QUICK),--quick)

soak:
	@scripts/setup build bench
	$(BUILD_RELEASE)
	Benchmarks/soak --minutes $(or $(MINUTES),60)

lint:
	@scripts/lint

format:
	swift format --in-place --recursive --configuration .swift-format $(wildcard $(FORMATTED))

fuzz: setup
	Fuzz/run $(or $(SECONDS_EACH),60)

docs: build
	@scripts/write-docs $(RELEASE)
	@scripts/write-admins-day $(RELEASE)

clean:
	rm -rf .build Fuzz/.build Benchmarks/.build
