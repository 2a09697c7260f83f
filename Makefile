# Everything a newcomer needs: `make demo` shows a sale, `make test` proves the rest.
# Both install what they need with apt when run as root, and otherwise say what is missing.

.PHONY: demo demo-pcsc run test simulate faults kill conformance bench fuzz mutants coverage release install check
PEERS := target/peers

demo:                   ## Three sales with simulated reader, card and bank; nothing is touched outside target/
	scripts/need build bus
	demo/run simulated

demo-pcsc:              ## The same through pcscd and a virtual reader (root: pcscd wants it)
	scripts/need build bus pcsc
	demo/run pcsc

run:                    ## A terminal that stays: simulated readers and bank, for register apps in development; Ctrl-C ends it
	scripts/need build bus
	demo/run stay

test: $(PEERS)/installed  ## All tests, those with real pcscd, dbus-daemon and independent peers included
	scripts/need build bus pcsc peers
	TENDER_PYTHON=$(CURDIR)/$(PEERS)/bin/python cargo test --workspace

simulate:               ## A shop in which everything goes wrong, for SEEDS (10000) seeds, or for SEED alone
	scripts/need build
	SEEDS=$(or $(SEEDS),10000) cargo test --release --package tenderd --test simulation

faults:                 ## Plants faults in a copy of the sources: the simulation must find each within SEEDS (400) seeds
	scripts/need build
	scripts/plant-faults

kill:                   ## Kills the daemon KILLS (300) times in the middle of real sales, from SEED, and compares the books
	scripts/need build bus pcsc
	KILLS=$(or $(KILLS),300) cargo test --package tenderd --test kill

conformance:            ## The tables of docs/conformance, from the markers in code and tests
	TENDER_CONFORMANCE=write cargo test --package tenderd --test conformance

bench:                  ## Signatures, data objects, transactions, latency, CPU, start, memory and size, with medians and spread
	scripts/need build bus pcsc valgrind
	cargo bench --package emv --bench times --bench instructions
	cargo bench --package tenderd --bench terminal

fuzz:                   ## Every fuzz target for SECONDS (60) each; needs a nightly toolchain, and installs cargo-fuzz
	scripts/need fuzz
	command -v cargo-fuzz >/dev/null || cargo install --quiet --locked cargo-fuzz
	for target in $$(ls fuzz/seeds); do \
		mkdir -p fuzz/corpus/$$target && \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$${SECONDS:-60} -print_final_stats=1 || exit 1; \
	done

mutants:                ## Changes Entry Point and the kernels in one place at a time: some test must notice; SHARD=1/40 for a part
	scripts/need build
	command -v cargo-mutants >/dev/null || cargo install --quiet --locked cargo-mutants
	cargo mutants --package emv --file 'emv/src/kernel/**' --file 'emv/src/entry/**' $(if $(SHARD),--shard $(SHARD)) \
		--output target --cargo-arg=--lib --cargo-arg=--test=golden --cargo-arg=--test=entry_scenarios

coverage:               ## Line coverage of Entry Point and the kernels by their tests; needs rustup's llvm-tools
	scripts/need build
	scripts/coverage

release:                ## The programs as they are installed
	scripts/need build
	cargo build --release --workspace

install:                ## What `make release` built, into DESTDIR as a package would: programs, units, bus policy, keys
	@test -x target/release/tenderd || { echo "Nothing is built: run 'make release' first" >&2; exit 1; }
	install -d $(DESTDIR)/etc/tenderd
	install -Dm755 -t $(DESTDIR)/usr/bin target/release/tenderd target/release/tenderctl target/release/tender-sim
	install -Dm644 -t $(DESTDIR)/usr/lib/systemd/system systemd/tenderd.service
	install -Dm644 systemd/sysusers.conf $(DESTDIR)/usr/lib/sysusers.d/tenderd.conf
	install -Dm644 -t $(DESTDIR)/usr/share/dbus-1/system-services systemd/org.tenderd.service
	install -Dm644 -t $(DESTDIR)/usr/share/dbus-1/system.d systemd/org.tenderd.conf
	install -Dm644 -t $(DESTDIR)/usr/share/dbus-1/interfaces dbus/*.xml
	install -Dm644 -t $(DESTDIR)/usr/lib/udev/rules.d udev/*.rules
	install -Dm644 -t $(DESTDIR)/usr/share/tenderd/keys sim/keys/test-ca.toml

check:                  ## Format, lints, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	if command -v cargo-deny >/dev/null; then cargo deny check licenses bans sources; else echo "cargo-deny is not installed: licences not checked"; fi

$(PEERS)/installed: tests/peers/requirements.txt
	scripts/need peers
	python3 -m venv $(PEERS) && $(PEERS)/bin/pip install --quiet --requirement $< && touch $@
