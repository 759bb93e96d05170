# netmonitor. `make run` and `make test` are all one needs; both set up what they need first.

SHELL := /bin/bash
RUN_DIR ?= .run
INTERFACE ?=
PORT ?= 8080
ARCH ?= arm64
BINARY := target/release/netmonitor

.PHONY: help run demo test build cross deb setup setup-test check bench clean
.PHONY: image image-test image-pi3 image-cuts test-appliance
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## install what building needs (Rust, a C linker)
	@tests/setup build

setup-test: ## install what the tests need too (browser, node, ip, ab)
	@tests/setup test

build: setup ## build the release binary
	cargo build --release --locked

cross: ## build for a Raspberry Pi, static, without containers (ARCH=arm64 or armhf)
	@packaging/cross $(ARCH)

deb: ## the Debian package (ARCH=amd64, arm64 or armhf; without ARCH of this machine)
	@packaging/deb $(if $(filter command line environment,$(origin ARCH)),$(ARCH))

run: build ## build, then watch this machine's network and serve the dashboard
	@tests/run-here "$(BINARY)" "$(RUN_DIR)" "$(PORT)" "$(INTERFACE)"

demo: build ## the dashboard on a made-up home evening with attacks in it, without root
	@mkdir -p $(RUN_DIR)
	cargo run --quiet --release --locked --example traffic -- demo $(RUN_DIR)/evening.pcap
	@NETMONITOR_DASHBOARD_PORT=$(PORT) $(BINARY) replay $(RUN_DIR)/evening.pcap --config tests/demo.toml --serve

test: setup-test ## every test: units, captures, namespaces, browser
	@tests/all

check: setup-test ## fmt, clippy, docs, licences and advisories
	@tests/check

bench: build ## the numbers of the README, on this machine
	cargo build --release --locked --example traffic
	@tests/bench/run

image: ## the SD card's image, in target/image (MIRROR=, PROGRAM=; needs `make cross` first)
	@tests/setup image
	@image/build

test-appliance: ## the package in a fresh Debian, the Pi's program and the card's image in QEMU, CUTS power cuts (root)
	@CUTS=$(if $(filter command line environment,$(origin CUTS)),$(CUTS),5) tests/appliance

image-test: ## boot the image in QEMU: claim, scan, second boot, offline, files on the card; update it
	@tests/setup appliance
	@python3 image/test/image_test.py target/image/netmonitor-*-arm64.img
	@python3 image/test/update_test.py target/image/netmonitor-*-arm64.img target/image/work --long

image-pi3: ## boot the image in QEMU's Raspberry Pi 3, as far as the page
	@tests/setup appliance
	@python3 image/test/raspi3b.py target/image/netmonitor-*-arm64.img

CUTS ?= 50
image-cuts: ## pull the plug of the image in QEMU, CUTS times
	@tests/setup appliance
	@python3 image/test/power_cuts.py target/image/netmonitor-*-arm64.img $(CUTS)

clean: ## remove what was built
	cargo clean
	rm -rf $(RUN_DIR)
