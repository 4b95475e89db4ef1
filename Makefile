# Every command a person needs. `make` alone lists them.

# Where the server of `make run` listens.
PORT ?= 7300

# What scripts/setup installed, for the builds, the server and the tests.
STEWARD_HOME ?= $(CURDIR)/.steward
export STEWARD_HOME
export PATH := $(STEWARD_HOME)/tools/bin:$(PATH)
export ORT_DYLIB_PATH ?= $(STEWARD_HOME)/lib/libonnxruntime.so

STEWARD := target/release/steward
PLUGINS := plugins/text-cleaner plugins/anonymizer plugins/labeller plugins/team plugins/feedback \
  plugins/slack/webhook plugins/slack/message plugins/jira/webhook plugins/jira/issue \
  examples/customer-service/answers examples/finance-monitoring/alerts \
  examples/recommendation/recommender

.DEFAULT_GOAL := help
.PHONY: help setup build host guests run stop test test-long fuzz soak bench bench-invoke bench-data bench-inference bench-workflow schemathesis lint fmt clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing (guest toolchain, ONNX Runtime, models) into .steward/
	@scripts/setup

build: guests ## Build the host, the plugins and the guests of the tests

# The whole workspace, so that cargo chooses the same features of the dependencies as for the tests.
host: setup
	cargo build --release --workspace

guests: host
	@for plugin in $(PLUGINS); do $(STEWARD) plugin build $$plugin || exit; done
	@[ ! -x scripts/build-test-guests ] || scripts/build-test-guests

run: build ## Start a server, publish the plugins, run the example, say what to try next
	@PORT=$(PORT) scripts/run

stop: ## Stop the server of `make run`
	@scripts/stop

test: build ## Run every test but the long ones
	cargo test --release --workspace
	cargo test --release --manifest-path examples/customer-service/answers/Cargo.toml
	@for plugin in $(PLUGINS) target/test-guests/closing; do $(STEWARD) plugin test $$plugin || exit; done

test-long: test ## Run the long tests too
	cargo test --release --workspace -- --ignored

schemathesis: build ## Ask every operation of the OpenAPI document with generated requests, for DURATION=180 seconds
	@scripts/setup schemathesis >/dev/null
	@scripts/schemathesis

# How long, which target (all where none is named), and from which seed (the time where none is named).
SECONDS ?= 60
fuzz: host ## Try mutated inputs on parsers of outside bytes: SECONDS=60 TARGET= SEED=
	target/release/steward-fuzz --seconds $(SECONDS) $(if $(TARGET),--target $(TARGET)) $(if $(SEED),--seed $(SEED))

REQUESTS ?= 10000000
soak: build ## Millions of requests with faults injected: memory flat, no acknowledged write lost: REQUESTS=10000000
	@scripts/setup bench >/dev/null
	target/release/soak $(REQUESTS)

bench: build ## Measure the host, each number beside what it is compared with
	@scripts/setup bench >/dev/null
	cargo bench --workspace --bench host --bench invoke --bench neighbours

bench-invoke: build ## Measure the path of a call beside `wasmtime serve` and workerd, and what hostile neighbours cost
	@scripts/setup bench >/dev/null
	cargo bench --workspace --bench invoke --bench neighbours

bench-data: build ## Measure the plugins of data in the sandbox, beside the same code native, and the search for duplicates
	cargo bench --workspace --bench anonymizer --bench cleaner --bench duplicates

bench-workflow: build ## Measure durable steps a second, embedded and on PostgreSQL, and the memory of runs that wait
	@scripts/setup bench >/dev/null
	cargo bench --workspace --bench workflow

bench-inference: build ## Measure models: texts a second, int8 beside fp32
	@scripts/setup bench >/dev/null
	cargo bench --workspace --bench inference

# The release profile, like everything else: build scripts and procedural macros are compiled once for all.
lint: ## Check format, clippy and documentation, warnings denied
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

fmt: ## Format the code
	cargo fmt --all

clean: stop ## Remove what was built; .steward/ stays
	cargo clean
