# The README's two commands are `make demo` and `make test`; each does all the set-up it needs.
# Everything else is CMake: see CMakePresets.json.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test build install clean setup

PREFIX ?= /usr/local
PROGRAMS := brigade brigaded brigade-stage
# Debian's fortunes, by default; model and length are the preset `demo` of config/presets.cpp.
DEMO ?= --stages 4 --preset demo --out build/demo --force

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## train a small language model across four daemons on this machine
	@deploy/setup demo
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release --target $(PROGRAMS)
	@build/release/bin/brigade local $(DEMO)

test: ## everything that must hold before a change lands
	@tests/gate

setup: ## system packages and libtorch only
	@deploy/setup demo test

build: ## all programs and tests, in build/release
	@deploy/setup demo test
	@cmake --preset release --log-level=WARNING >/dev/null
	@cmake --build --preset release

install: ## the programs, to PREFIX (/usr/local) under DESTDIR; run `make build` before
	@cmake --install build/release --prefix $(PREFIX)

clean: ## everything that was built; libtorch stays
	rm -rf build
