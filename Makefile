# Drawbridge. `make run` serves it with example draws, `make test` runs every check.

BINDINGS := target/bindings
SITE := target/site/assets.json
BROWSER_SOURCES := $(shell find app shared/src style scripts/assets.mjs scripts/slim.mjs scripts/link-wasm.mjs .cargo/config.toml Cargo.lock Cargo.toml package-lock.json -type f)
CRATES := -p shared -p app -p server -p services -p model -p torture -p load -p fuzz

# Panic messages in WASM name source files; without this, each with the path of somebody's home.
CARGO_HOME ?= $(HOME)/.cargo
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS := --remap-path-prefix=$(CARGO_HOME)=cargo --remap-path-prefix=$(CURDIR)=.

.PHONY: run build binaries assets setup test lint fmt rust-test rules-test browser-test torture torture-short bench bench-scale lighthouse fuzz clean

run: build
	target/release/drawbridge serve --demo

# One self-sufficient binary: target/release/drawbridge.
build: assets
	cargo build --release -p server

# That, and what tests and measures it, with the features that libraries have in the tests: not compiled again for those.
binaries: assets
	cargo build --release $(CRATES)

assets: $(SITE)

setup:
	@scripts/setup.sh build

$(SITE): $(BROWSER_SOURCES) | setup
	cargo build -p app --lib --features hydrate --target wasm32-unknown-unknown --profile browser
	target/tools/bin/wasm-bindgen --target web --no-typescript --remove-producers-section --out-name app --out-dir $(BINDINGS)/app \
		target/wasm32-unknown-unknown/browser/app.wasm
	node scripts/assets.mjs $(BINDINGS)/app target/site

test:
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory rust-test
	@$(MAKE) --no-print-directory torture-short
	@$(MAKE) --no-print-directory rules-test
	@$(MAKE) --no-print-directory browser-test

fmt:
	cargo fmt --all --check

lint: fmt assets
	cargo clippy --release $(CRATES) --all-targets --features fuzz/fuzzing -- -D warnings
	cargo clippy --profile browser --target wasm32-unknown-unknown -p app --lib --features hydrate -- -D warnings
	cargo clippy --profile browser --target wasm32-unknown-unknown -p rules-wasm -- -D warnings

# Unit, property and integration tests, against the code that ships; those from outside for every combination of
# backends (the first run has SQLite and memory). Always of the same crates: of others their libraries have other features,
# and everything is compiled anew.
rust-test: assets
	CORPUS_VERDICTS=$(CURDIR)/target/corpus-verdicts.jsonl cargo test --release $(CRATES)
	for backends in postgres postgres+redis postgres+cluster; do \
		DRAWBRIDGE_TEST_BACKENDS=$$backends cargo test --release $(CRATES) --test it --test conformance || exit 1; \
	done

# The same rules as WASM, case by case against what they said natively.
rules-test:
	cargo build -p rules-wasm --target wasm32-unknown-unknown --profile browser
	target/tools/bin/wasm-bindgen --target nodejs --no-typescript --out-dir $(BINDINGS)/rules \
		target/wasm32-unknown-unknown/browser/rules_wasm.wasm
	node end2end/rules-wasm/run.mjs $(BINDINGS)/rules target/corpus-verdicts.jsonl

# Faults under real servers: `make torture SECONDS=600 SEED=7 GROUND=sqlite`. The report is in target/torture/SEED.
SECONDS ?= 60
GROUND ?= postgres+redis
torture: binaries
	@scripts/setup.sh test
	target/release/torture --seconds $(SECONDS) --ground $(GROUND) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE)) \
		$(if $(ONLY),--only '$(ONLY)')

# A minute of it, always with the same seeds.
torture-short: binaries
	target/release/torture --seconds 30 --seed 120 --ground postgres+redis
	target/release/torture --seconds 9 --seed 52 --ground sqlite

# Every figure beside its limit: `make bench ROUNDS=5 ONLY=new-postgres,page`. The table is in target/bench.
ROUNDS ?= 5
bench: binaries
	@scripts/setup.sh test
	@mkdir -p target/bench
	SERVICES_ON_DISK=1 target/release/load bench --rounds $(ROUNDS) $(if $(ONLY),--only '$(ONLY)') --table target/bench/table.md

# What is done in a draw that millions have entered, beside the same in a small one: `make bench-scale ENTRIES=100000`.
# Ten million take some 10 GB of disk for a while. The table is in target/bench.
ENTRIES ?= 10000000
bench-scale: binaries
	@scripts/setup.sh test
	@mkdir -p target/bench
	SERVICES_ON_DISK=1 target/release/load bench-scale --entries $(ENTRIES) --rounds $(ROUNDS) \
		$(if $(ONLY),--only '$(ONLY)') --table target/bench/scale.md

# What Lighthouse says of the registration page on a phone: the medians of five looks.
lighthouse: binaries
	@scripts/setup.sh test
	node end2end/browser/lighthouse.mjs

browser-test: binaries
	npx playwright test --config end2end/browser/playwright.config.ts

# Parsers of bytes from outside, guided by coverage, each for so many seconds: `make fuzz SECONDS=600 TARGET=token`.
fuzz: SECONDS = 180
fuzz: assets
	scripts/fuzz.sh $(SECONDS) $(TARGET)

clean:
	cargo clean
